#include "features/tfidf.h"

#include "check.h"
#include "features/featurize.h"
#include "ground/rng.h"

#include <math.h>
#include <stdlib.h>

/* A gram of our own making: letters stand for well mixed hashes. */
static uint64_t gram(char letter)
{
    tr_rng r;
    tr_rng_init(&r, (uint64_t)letter);
    return tr_rng_next(&r);
}

/* Word grams, then after a '|' the character grams, one a letter. */
static tr_ngrams grams(const char *letters, uint64_t room[64])
{
    tr_ngrams g = {.gram = room};
    bool words = true;
    for (; *letters; letters++) {
        if (*letters == '|')
            words = false;
        else
            room[g.n++] = gram(*letters);
        if (words)
            g.n_words = g.n;
    }
    return g;
}

static tr_tfidf build(const char *const *texts, size_t n, unsigned least_rows, uint32_t most)
{
    tr_tfidf v = {0};
    uint64_t room[64];
    tr_err err;
    tr_tfidf_counts *c = tr_tfidf_count_open();
    CHECK(c != NULL);
    for (size_t i = 0; c && i < n; i++) {
        tr_ngrams g = grams(texts[i], room);
        CHECK(tr_tfidf_count_add(c, &g));
    }
    CHECK(c && tr_tfidf_build(&v, c, least_rows, most, &err) == TR_OK);
    tr_tfidf_count_close(c);
    return v;
}

static void transform(const tr_tfidf *v, const char *letters, bool as_new, tr_tfidf_row *row)
{
    uint64_t room[64];
    tr_ngrams g = grams(letters, room);
    CHECK(tr_tfidf_transform(v, &g, as_new, row));
}

/* The column of a gram, or -1. */
static int column(const tr_tfidf *v, const char *letters)
{
    tr_tfidf_row row = {0};
    transform(v, letters, false, &row);
    int j = row.n ? (int)row.index[0] : -1;
    tr_tfidf_row_free(&row);
    return j;
}

/* The value of a column in a row; 0 where it is not there. */
static double value(const tr_tfidf_row *row, int j)
{
    for (size_t k = 0; k < row->n; k++)
        if ((int)row->index[k] == j)
            return (double)row->value[k];
    return 0;
}

static const char *const LOG[] = {"aab|xy", "ac|x", "ab|xz", "a|xxxy"};
enum { LOG_ROWS = 4 };

static void columns_and_idf(void)
{
    tr_tfidf v = build(LOG, LOG_ROWS, 1, 100);
    CHECK(v.n == 6 && v.n_words == 3);
    CHECK(v.n_slots >= 8 && !(v.n_slots & (v.n_slots - 1)));
    int a = column(&v, "a"), b = column(&v, "b"), c = column(&v, "c");
    int x = column(&v, "|x"), y = column(&v, "|y"), z = column(&v, "|z");
    CHECK(a == 0 && b == 1 && c == 2); /* words first, the most frequent first */
    CHECK(x == 3 && y == 4 && z == 5);
    CHECK(column(&v, "q") == -1);
    /* rows with it, not occurrences: "aab" counts once */
    CHECK_NEAR((double)v.idf[a], log(5. / 5) + 1, 1e-6);
    CHECK_NEAR((double)v.idf[b], log(5. / 3) + 1, 1e-6);
    CHECK_NEAR((double)v.idf[c], log(5. / 2) + 1, 1e-6);
    CHECK_NEAR((double)v.idf[y], log(5. / 3) + 1, 1e-6);
    CHECK(!v.single[a] && !v.single[b] && v.single[c] && !v.single[y] && v.single[z]);
    tr_tfidf_free(&v);
    CHECK(!v.owned && !v.single);
}

static void weights_and_norms(void)
{
    tr_tfidf v = build(LOG, LOG_ROWS, 1, 100);
    tr_tfidf_row row = {0};
    transform(&v, "aaabq|xy", false, &row);
    double a = (1 + log(3)) * (double)v.idf[0], b = (double)v.idf[1];
    CHECK_NEAR(value(&row, 0), a / sqrt(a * a + b * b), 1e-6);
    CHECK_NEAR(value(&row, 1), b / sqrt(a * a + b * b), 1e-6);
    double x = (double)v.idf[3], y = (double)v.idf[4];
    CHECK_NEAR(value(&row, 3), x / sqrt(x * x + y * y), 1e-6);
    CHECK_NEAR(value(&row, 4), y / sqrt(x * x + y * y), 1e-6);
    CHECK(row.n == 4);
    CHECK(row.unseen == 0.2f);
    transform(&v, "c|", false, &row); /* nothing is left over from the row before */
    CHECK(row.n == 1 && row.index[0] == 2 && row.value[0] == 1 && row.unseen == 0);
    transform(&v, "|x", false, &row);
    CHECK(row.n == 1 && row.value[0] == 1 && row.unseen == 1);
    transform(&v, "qqr|w", false, &row);
    CHECK(row.n == 0 && row.unseen == 1);
    transform(&v, "", false, &row);
    CHECK(row.n == 0 && row.unseen == 1);
    tr_tfidf_row_free(&row);
    tr_tfidf_free(&v);
}

/* 1 + ln of a count, measured against a gram that occurs once. */
static void counts_are_damped(void)
{
    static const char *const two[] = {"ab", "ab"};
    tr_tfidf v = build(two, 2, 1, 100);
    tr_tfidf_row row = {0};
    uint64_t room[3000];
    double before = 0;
    for (size_t n = 1; n < 2999; n += n < 40 ? 1 : 97) {
        for (size_t k = 0; k < n; k++)
            room[k] = gram('a');
        room[n] = gram('b');
        tr_ngrams g = {.gram = room, .n = n + 1, .n_words = n + 1};
        CHECK(tr_tfidf_transform(&v, &g, false, &row));
        double ratio = value(&row, column(&v, "a")) / value(&row, column(&v, "b"));
        CHECK_NEAR(ratio, 1 + log((double)n), n < 16 ? 1e-5 : 0.12); /* ln(9/8): halves are cut */
        CHECK(ratio >= before);
        before = ratio;
    }
    tr_tfidf_row_free(&row);
    tr_tfidf_free(&v);
}

static void as_new_drops_what_no_other_row_has(void)
{
    tr_tfidf v = build(LOG, LOG_ROWS, 1, 100);
    tr_tfidf_row row = {0};
    transform(&v, "ac|x", true, &row);
    CHECK(row.n == 2 && value(&row, 0) == 1 && value(&row, 3) == 1); /* c is gone, a is whole */
    CHECK(row.unseen == 0.5f);
    transform(&v, "ab|xz", true, &row);
    CHECK(row.unseen == 0 && row.n == 3 && value(&row, 3) == 1);
    CHECK_NEAR(value(&row, 0) * value(&row, 0) + value(&row, 1) * value(&row, 1), 1, 1e-6);
    tr_tfidf_row_free(&row);
    tr_tfidf_free(&v);
}

static void few_rows_and_few_columns(void)
{
    tr_tfidf v = build(LOG, LOG_ROWS, 2, 100);
    CHECK(v.n == 4 && column(&v, "c") == -1 && column(&v, "|z") == -1);
    tr_tfidf_free(&v);
    v = build(LOG, LOG_ROWS, 1, 2); /* a and x, in all four rows */
    CHECK(v.n == 2 && v.n_words == 1 && column(&v, "a") == 0 && column(&v, "|x") == 1);
    tr_tfidf_free(&v);
    /* b and y have two rows each, c and z one: of equal ones the least hash stays */
    v = build(LOG, LOG_ROWS, 1, 3);
    CHECK((column(&v, "b") >= 0) == (gram('b') < gram('y')));
    CHECK((column(&v, "|y") >= 0) == (gram('y') < gram('b')));
    tr_tfidf_free(&v);
    v = build(LOG, LOG_ROWS, 1, 5);
    CHECK((column(&v, "c") >= 0) == (gram('c') < gram('z')));
    tr_tfidf_free(&v);
    v = build(LOG, LOG_ROWS, 9, 100);
    CHECK(v.n == 0 && v.n_slots && column(&v, "a") == -1);
    tr_tfidf_free(&v);
    v = build(LOG, 0, 1, 100);
    CHECK(v.n == 0);
    tr_tfidf_free(&v);
}

/* Many grams, so that the tables grow: every one has a column of its own, and the log's order does
 * not change which. */
static void thousands_of_grams(void)
{
    enum { GRAMS = 50000, ROW = 100 };
    uint64_t *all = malloc(GRAMS * sizeof *all);
    uint8_t *taken = calloc(GRAMS, 1);
    uint32_t *first = malloc(GRAMS * sizeof *first);
    CHECK(all && taken && first);
    if (!all || !taken || !first)
        return;
    tr_rng r;
    tr_rng_init(&r, 4);
    for (size_t i = 0; i < GRAMS; i++)
        all[i] = tr_rng_next(&r);
    for (int turn = 0; turn < 2; turn++) {
        tr_tfidf_counts *c = tr_tfidf_count_open();
        tr_tfidf v = {0};
        tr_tfidf_row row = {0};
        tr_err err;
        for (size_t i = 0; i < GRAMS; i += ROW) {
            size_t at = turn ? GRAMS - ROW - i : i;
            tr_ngrams g = {.gram = all + at, .n = ROW, .n_words = ROW / 2};
            CHECK(tr_tfidf_count_add(c, &g));
        }
        CHECK(tr_tfidf_build(&v, c, 1, GRAMS, &err) == TR_OK);
        CHECK(v.n == GRAMS && v.n_words == GRAMS / 2);
        for (size_t i = 0; i < GRAMS; i += ROW) {
            tr_ngrams g = {.gram = all + i, .n = ROW, .n_words = ROW / 2};
            CHECK(tr_tfidf_transform(&v, &g, false, &row));
            CHECK(row.n == ROW && row.unseen == 0);
            for (size_t k = 0; k < row.n; k++) {
                CHECK((row.index[k] < v.n_words) == (k < ROW / 2));
                if (turn)
                    CHECK(first[i + k] == row.index[k]);
                else
                    taken[row.index[k]]++;
                first[i + k] = row.index[k];
            }
        }
        for (size_t i = 0; i < GRAMS; i++)
            CHECK(taken[i] == 1);
        tr_tfidf_count_close(c);
        tr_tfidf_row_free(&row);
        tr_tfidf_free(&v);
    }
    free(all);
    free(taken);
    free(first);
}

static void featurize_is_both_steps(void)
{
    tr_tfidf_counts *c = tr_tfidf_count_open();
    tr_ngrams g = {0};
    tr_tfidf v = {0};
    tr_err err;
    CHECK(tr_ngram_extract(&g, tr_str_c("Where is my refund?")) && tr_tfidf_count_add(c, &g));
    CHECK(tr_ngram_extract(&g, tr_str_c("My card is lost")) && tr_tfidf_count_add(c, &g));
    CHECK(tr_tfidf_build(&v, c, 1, 1000, &err) == TR_OK);
    tr_features both = {.text = true, .vocabulary = v};
    tr_featurizer f = {.features = &both};
    CHECK(tr_featurize_input(&f, tr_str_c("is MY refund late"), NULL, false));
    /* "late" and "refund late"; "is my" and "my refund" are known */
    CHECK(f.row.unseen == 2.f / 7);
    double words = 0, characters = 0;
    for (size_t k = 0; k < f.row.n; k++) {
        double square = (double)f.row.value[k] * (double)f.row.value[k];
        *(f.row.index[k] < v.n_words ? &words : &characters) += square;
    }
    CHECK_NEAR(words, 1, 1e-5);
    CHECK_NEAR(characters, 1, 1e-5);
    CHECK(tr_featurize_input(&f, tr_str_c("is MY refund late"), NULL, true));
    CHECK(f.row.unseen == 5.f / 7);
    tr_featurize_free(&f);
    tr_ngram_free(&g);
    tr_tfidf_count_close(c);
    tr_tfidf_free(&v);
}

/* ---- binary form ---- */

static void what_is_written_is_read(void)
{
    tr_tfidf v = build(LOG, LOG_ROWS, 1, 100), back;
    tr_buf b;
    tr_le_reader r;
    tr_err err;
    tr_buf_init(&b);
    tr_tfidf_write(&v, &b);
    CHECK(!b.failed && b.size % 8 == 0);
    tr_le_open(&r, b.data, b.size);
    CHECK(tr_tfidf_read(&back, &r, &err) == TR_OK);
    CHECK(tr_le_left(&r) == 0);
    CHECK(back.n == v.n && back.n_words == v.n_words && back.n_slots == v.n_slots);
    CHECK(!memcmp(back.slot, v.slot, v.n_slots * sizeof *v.slot));
    CHECK(!memcmp(back.idf, v.idf, v.n * sizeof *v.idf));
    CHECK(!back.single && !back.owned);
    tr_tfidf_row one = {0}, two = {0};
    transform(&v, "aabc|xyz", false, &one);
    transform(&back, "aabc|xyz", false, &two);
    CHECK(one.n == two.n && !memcmp(one.value, two.value, one.n * sizeof *one.value));
    tr_tfidf_row_free(&one);
    tr_tfidf_row_free(&two);
    tr_tfidf_free(&back);
    tr_tfidf_free(&v);
    tr_buf_free(&b);
}

/* Reads fields as they are: n, n_words, n_slots, then that many slots and idfs. */
static tr_code read_fields(uint32_t n, uint32_t n_words, uint32_t n_slots, const uint64_t *slots,
                           size_t written_slots, size_t written_idfs, tr_err *err)
{
    tr_buf b;
    tr_buf_init(&b);
    tr_le_put_u32(&b, n);
    tr_le_put_u32(&b, n_words);
    tr_le_put_u32(&b, n_slots);
    tr_le_put_u32(&b, 0);
    tr_le_put_u64s(&b, slots, written_slots);
    for (size_t i = 0; i < written_idfs; i++)
        tr_le_put_f32(&b, 1);
    tr_le_align(&b, 8);
    tr_tfidf v;
    tr_le_reader r;
    tr_le_open(&r, b.data, b.size);
    *err = (tr_err){0};
    tr_code code = tr_tfidf_read(&v, &r, err);
    CHECK(code == err->code);
    tr_tfidf_free(&v);
    tr_buf_free(&b);
    return code;
}

static void malformed_vocabularies_are_refused(void)
{
    static const uint64_t slots[4] = {1ull << 32 | 1, 0, 2ull << 32 | 2, 0};
    static const uint64_t beyond[4] = {1ull << 32 | 3, 0, 0, 0};
    static const uint64_t nameless[4] = {1ull << 32, 0, 0, 0};
    static const uint64_t full[2] = {1ull << 32 | 1, 2ull << 32 | 2};
    tr_err err;
    CHECK(read_fields(2, 1, 4, slots, 4, 2, &err) == TR_OK);
    CHECK(read_fields(2, 3, 4, slots, 4, 2, &err) == TR_DATA); /* more words than columns */
    CHECK(read_fields(2, 1, 3, slots, 3, 2, &err) == TR_DATA); /* no power of two */
    CHECK(read_fields(0, 0, 0, slots, 0, 0, &err) == TR_DATA); /* no slots at all */
    CHECK(read_fields(2, 1, 4, beyond, 4, 2, &err) == TR_DATA);
    CHECK(strstr(err.message, "column"));
    CHECK(read_fields(2, 1, 4, nameless, 4, 2, &err) == TR_DATA);
    CHECK(read_fields(2, 1, 2, full, 2, 2, &err) == TR_DATA);
    CHECK(strstr(err.message, "empty slot"));
    CHECK(read_fields(2, 1, 4, slots, 3, 2, &err) == TR_DATA); /* cut off */
    CHECK(read_fields(4, 1, 4, slots, 4, 2, &err) == TR_DATA);
    CHECK(read_fields(2, 1, 1u << 31, slots, 4, 2, &err) == TR_DATA);
    CHECK(read_fields(UINT32_MAX, 1, 4, slots, 4, 2, &err) == TR_DATA);
}

int main(void)
{
    CASE(columns_and_idf);
    CASE(weights_and_norms);
    CASE(counts_are_damped);
    CASE(as_new_drops_what_no_other_row_has);
    CASE(few_rows_and_few_columns);
    CASE(thousands_of_grams);
    CASE(featurize_is_both_steps);
    CASE(what_is_written_is_read);
    CASE(malformed_vocabularies_are_refused);
    return CHECK_END;
}
