#include "audit/sample.h"

#include "ground/rng.h"

#include <stdlib.h>

#include "check.h"

enum { MOST = 8 };

static tr_err err;

static bool offer(tr_sample *s, uint64_t key, const char *text, uint32_t score)
{
    return tr_sample_offer(s, MOST, key, tr_str_c(text), score);
}

static bool same(const tr_sample *a, const tr_sample *b)
{
    tr_buf x, y;
    tr_buf_init(&x);
    tr_buf_init(&y);
    tr_sample_write(a, &x);
    tr_sample_write(b, &y);
    bool equal = !x.failed && !y.failed && tr_str_equal(tr_buf_str(&x), tr_buf_str(&y));
    tr_buf_free(&x);
    tr_buf_free(&y);
    return equal;
}

static void least_keys(void)
{
    tr_sample s = {0};
    for (uint64_t i = 0; i < 100; i++)
        CHECK(offer(&s, (i * 37 + 11) % 100, "t", 5));
    CHECK(s.n == MOST);
    for (uint32_t i = 0; i < s.n; i++)
        CHECK(s.at[i].key == i && strcmp(s.at[i].text, "t") == 0 && s.at[i].score == 5);
    tr_sample_free(&s);
    CHECK(s.n == 0 && !s.at);
    CHECK(tr_sample_offer(&s, 0, 1, tr_str_c("x"), 0) && s.n == 0);
}

static void equal_keys(void)
{
    tr_sample s = {0};
    CHECK(offer(&s, 7, "b", 1) && offer(&s, 7, "a", 2) && offer(&s, 7, "a", 1));
    CHECK(offer(&s, 7, "a", 2) && offer(&s, 7, "b", 1) && offer(&s, 7, "", 9));
    CHECK(tr_sample_offer(&s, MOST, 7, tr_str_of(NULL, 0), 9));
    CHECK(s.n == 4);
    if (s.n == 4) {
        CHECK(s.at[0].size == 0 && s.at[1].score == 1 && s.at[2].score == 2);
        CHECK(strcmp(s.at[3].text, "b") == 0);
    }
    /* full of one key: the text decides */
    static const char *const texts[] = {"c", "d", "e", "f", "g", "h"};
    for (int i = 5; i >= 0; i--)
        CHECK(offer(&s, 7, texts[i], 0));
    CHECK(s.n == MOST && strcmp(s.at[MOST - 1].text, "f") == 0);
    tr_sample_free(&s);
}

static void cut_texts(void)
{
    char text[300];
    memset(text, 'x', sizeof text);
    static const struct {
        size_t whole, at;
        const char *character;
        uint32_t size;
    } cases[] = {
        {239, 0, "x", 239},
        {240, 0, "x", 240},
        {240, 238, "\xC3\xA9", 240},
        {241, 0, "x", 240},
        {300, 238, "\xC3\xA9", 240},
        {300, 239, "\xC3\xA9", 239},
        {300, 240, "\xC3\xA9", 240},
        {300, 238, "\xE2\x82\xAC", 238},
        {300, 237, "\xF0\x9F\x98\x80", 237},
        {300, 236, "\xF0\x9F\x98\x80", 240},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tr_sample s = {0};
        memset(text, 'x', sizeof text);
        memcpy(text + cases[i].at, cases[i].character, strlen(cases[i].character));
        CHECK(tr_sample_offer(&s, MOST, 1, tr_str_of(text, cases[i].whole), 0));
        CHECK(s.n == 1 && s.at[0].size == cases[i].size && s.at[0].whole == cases[i].whole);
        CHECK(s.at[0].text[s.at[0].size] == '\0' && !memcmp(s.at[0].text, text, s.at[0].size));
        tr_sample_free(&s);
    }
    /* the same as far as they are kept */
    tr_sample s = {0}, t = {0};
    memset(text, 'x', sizeof text);
    for (size_t size = 290; size <= 300; size++) {
        CHECK(tr_sample_offer(&s, 2, 1, tr_str_of(text, size), 0));
        CHECK(tr_sample_offer(&t, 2, 1, tr_str_of(text, 590 - size), 0));
    }
    CHECK(s.n == 2 && s.at[0].whole == 290 && s.at[1].whole == 291 && same(&s, &t));
    tr_sample_free(&s);
    tr_sample_free(&t);
}

/* Any order, any shards: one sample. Few keys, so that ties are common. */
static void order_and_shards(void)
{
    static const char *const texts[] = {"a", "b", "", "cc", "a long text of some words"};
    tr_rng rng;
    tr_rng_init(&rng, 1);
    for (int round = 0; round < 200; round++) {
        enum { ROWS = 60, SHARDS = 4 };
        struct {
            uint64_t key;
            const char *text;
            uint32_t score;
        } row[ROWS];
        for (int i = 0; i < ROWS; i++) {
            row[i].key = tr_rng_below(&rng, round % 2 ? 10 : 1000);
            row[i].text = texts[tr_rng_below(&rng, 5)];
            row[i].score = (uint32_t)tr_rng_below(&rng, 2);
        }
        tr_sample whole = {0}, other = {0}, shard[SHARDS] = {0};
        for (int i = 0; i < ROWS; i++) {
            int j = (i * 7 + round) % ROWS;
            CHECK(offer(&whole, row[i].key, row[i].text, row[i].score));
            CHECK(offer(&other, row[j].key, row[j].text, row[j].score));
            CHECK(offer(&shard[tr_rng_below(&rng, SHARDS)], row[i].key, row[i].text, row[i].score));
        }
        for (int i = 1; i < SHARDS; i++)
            CHECK(tr_sample_merge(&shard[0], MOST, &shard[i]));
        CHECK(whole.n == MOST && same(&whole, &other) && same(&whole, &shard[0]));
        tr_sample_free(&whole);
        tr_sample_free(&other);
        for (int i = 0; i < SHARDS; i++)
            tr_sample_free(&shard[i]);
    }
}

static tr_code read_back(tr_sample *s, const tr_buf *b, uint32_t most)
{
    tr_le_reader r;
    tr_le_open(&r, b->data, b->size);
    tr_code code = tr_sample_read(s, most, &r, &err);
    CHECK(code != TR_OK || tr_le_left(&r) == 0);
    CHECK(code == TR_OK || (code == TR_DATA && s->n == 0 && !s->at));
    return code;
}

static void bytes(void)
{
    tr_sample s = {0}, t = {0};
    tr_buf b;
    char text[400];
    tr_buf_init(&b);
    memset(text, 'y', sizeof text);
    CHECK(offer(&s, 3, "h\xC3\xB6", UINT32_MAX) && offer(&s, 1, "", 0));
    CHECK(tr_sample_offer(&s, MOST, 2, tr_str_of(text, sizeof text), 77));
    tr_sample_write(&s, &b);
    CHECK(read_back(&t, &b, 3) == TR_OK && same(&s, &t));
    CHECK(t.n == 3 && t.at[1].whole == 400 && t.at[1].text[240] == '\0');
    tr_sample_free(&t);
    CHECK(read_back(&t, &b, 2) == TR_DATA && strstr(err.message, "more examples"));
    for (size_t size = b.size; size-- > 0;) {
        b.size = size;
        CHECK(read_back(&t, &b, 3) == TR_DATA && strstr(err.message, "too early"));
    }
    tr_buf_free(&b);
    tr_sample_free(&s);
}

static void bad_bytes(void)
{
    char text[250];
    memset(text, 'y', sizeof text);
    static const struct {
        uint64_t key;
        uint32_t size, whole;
        const char *reason;
    } cases[] = {
        {4, 5, 5, "not in order"},
        {5, 5, 5, "not in order"},
        {6, 241, 241, "too long"},
        {6, 5, 4, "not as long as it says"},
        {6, 5, 500, "not as long"},
        {6, 236, 500, "not as long"},
        {6, 238, 239, "not as long"},
        {6, 237, 241, NULL},
        {6, 0, 0, NULL},
        {5, 6, 6, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tr_sample s = {0};
        tr_buf b;
        tr_buf_init(&b);
        tr_le_put_u32(&b, 2);
        for (int k = 0; k < 2; k++) {
            tr_le_put_u64(&b, k ? cases[i].key : 5);
            tr_le_put_u64(&b, k ? cases[i].whole : 5);
            tr_le_put_u32(&b, 9);
            tr_le_put_str(&b, tr_str_of(text, k ? cases[i].size : 5));
        }
        tr_code code = read_back(&s, &b, MOST);
        CHECK(cases[i].reason ? code == TR_DATA && strstr(err.message, cases[i].reason)
                              : code == TR_OK);
        b.data[b.size - 1] = '\x80';
        if (!cases[i].reason && cases[i].size) {
            tr_sample_free(&s);
            CHECK(read_back(&s, &b, MOST) == TR_DATA && strstr(err.message, "no UTF-8"));
        }
        tr_sample_free(&s);
        tr_buf_free(&b);
    }
}

int main(void)
{
    CASE(least_keys);
    CASE(equal_keys);
    CASE(cut_texts);
    CASE(order_and_shards);
    CASE(bytes);
    CASE(bad_bytes);
    return CHECK_END;
}
