#include "audit/lexicon.h"

#include <stdlib.h>

#include "check.h"

static tr_lexicon make(void)
{
    tr_lexicon l;
    CHECK(tr_lexicon_init(&l));
    return l;
}

/* What the counts say: handled in the upper half, deferred in the lower. */
static uint64_t look(const tr_lexicon *l, const char *label, uint64_t word)
{
    uint32_t handled, deferred;
    tr_lexicon_look(l, label ? tr_lexicon_label(tr_str_c(label)) : 0, word, &handled, &deferred);
    return (uint64_t)handled << 32 | deferred;
}

static uint64_t counts(uint32_t handled, uint32_t deferred)
{
    return (uint64_t)handled << 32 | deferred;
}

static bool same(const tr_lexicon *a, const tr_lexicon *b)
{
    return !memcmp(a->count, b->count, (size_t)TR_LEXICON_SLOTS * 2 * sizeof *a->count);
}

static void words_are_distinct_and_few(void)
{
    tr_words split = {0};
    uint64_t h[TR_LEXICON_WORDS], one[TR_LEXICON_WORDS];
    CHECK(tr_lexicon_words(&split, tr_str_c("My card, my CARD; don't!"), h) == 3);
    CHECK(tr_lexicon_words(&split, tr_str_c("card"), one) == 1 && one[0] == h[1]);
    CHECK(tr_lexicon_words(&split, tr_str_c("dont"), one) == 1 && one[0] == h[2]);
    CHECK(tr_lexicon_words(&split, tr_str_c(""), h) == 0);
    CHECK(tr_lexicon_words(&split, tr_str_c(" .,\n"), h) == 0);

    tr_buf b;
    tr_buf_init(&b);
    for (int i = 0; i < 100; i++) { /* the first 64 words, not the first 64 distinct ones */
        char word[16];
        snprintf(word, sizeof word, "w%d ", i < 10 ? 0 : i);
        tr_buf_add_c(&b, word);
    }
    CHECK(tr_lexicon_words(&split, tr_buf_str(&b), h) == 64 - 9);
    /* beyond 2,000 bytes nothing counts; the cut falls between characters */
    tr_buf_clear(&b);
    tr_buf_add_c(&b, "x ");
    while (b.size < TR_LEXICON_BYTES - 1)
        tr_buf_add_c(&b, " ");
    tr_buf_add_c(&b, "\xC3\xA9 late");
    CHECK(tr_lexicon_words(&split, tr_buf_str(&b), h) == 1);
    tr_buf_free(&b);
    tr_words_free(&split);
}

static void labels_have_hashes_of_their_own(void)
{
    static const char *const label[] = {"",   "a",        "a\1",        "b",
                                        "ab", "abcdefgh", "abcdefgh\1", "abcdefghi"};
    for (size_t i = 0; i < 8; i++)
        for (size_t k = 0; k < 8; k++)
            CHECK((tr_lexicon_label(tr_str_c(label[i])) == tr_lexicon_label(tr_str_c(label[k]))) ==
                  (i == k));
    CHECK(tr_lexicon_label(tr_str_of("a\0", 2)) != tr_lexicon_label(tr_str_c("a")));
    CHECK(tr_lexicon_label(tr_str_c("")) != 0);
}

static void counts_are_of_label_word_and_side(void)
{
    tr_lexicon l = make();
    const uint64_t h[] = {11, 22, 33};
    tr_lexicon_add(&l, tr_lexicon_label(tr_str_c("a")), h, 3, true);
    tr_lexicon_add(&l, tr_lexicon_label(tr_str_c("a")), h, 2, false);
    tr_lexicon_add(&l, tr_lexicon_label(tr_str_c("a")), h + 1, 1, false);
    tr_lexicon_add(&l, tr_lexicon_label(tr_str_c("b")), h, 1, true);
    tr_lexicon_add(&l, 0, h, 3, true);
    tr_lexicon_add(&l, 0, h, 0, false);
    CHECK(look(&l, "a", 11) == counts(1, 1));
    CHECK(look(&l, "a", 22) == counts(1, 2));
    CHECK(look(&l, "a", 33) == counts(1, 0));
    CHECK(look(&l, "b", 11) == counts(1, 0) && look(&l, "b", 22) == 0);
    CHECK(look(&l, NULL, 33) == counts(1, 0));
    tr_lexicon_free(&l);
}

/* More words than there is room for: never too few, and hardly ever by much too many. */
static void counts_are_never_too_small(void)
{
    enum { WORDS = 100000 };
    tr_lexicon l = make();
    uint64_t over = 0;
    for (uint64_t w = 0; w < WORDS; w++)
        for (uint64_t k = 0; k <= w % 3; k++)
            tr_lexicon_add(&l, 7, &w, 1, true);
    for (uint64_t w = 0; w < WORDS; w++) {
        uint32_t handled, deferred;
        tr_lexicon_look(&l, 7, w, &handled, &deferred);
        CHECK(handled >= w % 3 + 1 && deferred == 0);
        over += handled - (w % 3 + 1);
    }
    /* 1.5 other words a slot, two counts each: of two such sums the lesser one. 3 were one slot */
    CHECK(over > 0 && over < 2 * WORDS);
    tr_lexicon_free(&l);
}

static void shards_add_up_and_full_counts_stay(void)
{
    tr_lexicon whole = make(), a = make(), b = make();
    for (uint64_t i = 0; i < 3000; i++) {
        uint64_t word = i * i % 701;
        tr_lexicon_add(&whole, i % 5, &word, 1, i % 3 == 0);
        tr_lexicon_add(i % 7 < 3 ? &a : &b, i % 5, &word, 1, i % 3 == 0);
    }
    CHECK(!same(&a, &whole));
    tr_lexicon_merge(&a, &b);
    CHECK(same(&a, &whole));

    const uint64_t word = 5;
    tr_lexicon_free(&b);
    b = make();
    tr_lexicon_add(&b, 1, &word, 1, false);
    for (size_t i = 0; i < 2 * (size_t)TR_LEXICON_SLOTS; i++)
        b.count[i] = b.count[i] ? UINT32_MAX - 1 : 0;
    tr_lexicon_add(&b, 1, &word, 1, false);
    tr_lexicon_add(&b, 1, &word, 1, false);
    uint32_t handled, deferred;
    tr_lexicon_look(&b, 1, word, &handled, &deferred);
    CHECK(handled == 0 && deferred == UINT32_MAX);
    tr_lexicon_merge(&b, &b);
    tr_lexicon_look(&b, 1, word, &handled, &deferred);
    CHECK(handled == 0 && deferred == UINT32_MAX);
    tr_lexicon_free(&whole);
    tr_lexicon_free(&a);
    tr_lexicon_free(&b);
}

static tr_code read_of(tr_lexicon *l, const uint32_t *x, size_t n)
{
    tr_le_reader r;
    tr_err err = {0};
    tr_le_open(&r, x, n * sizeof *x);
    tr_code code = tr_lexicon_read(l, &r, &err);
    CHECK(code == TR_OK ? tr_le_left(&r) == 0 : code == TR_DATA && *err.message);
    return code;
}

static void what_is_written_is_read(void)
{
    tr_lexicon l = make(), back = make();
    tr_buf b;
    tr_buf_init(&b);
    tr_lexicon_write(&l, &b);
    CHECK(b.size == 4);
    tr_buf_clear(&b);
    const uint64_t h[] = {1, 2, 3};
    tr_lexicon_add(&l, 9, h, 3, true);
    tr_lexicon_add(&l, 9, h, 2, false);
    tr_lexicon_add(&back, 4, h, 3, false); /* not left over */
    tr_lexicon_write(&l, &b);
    CHECK(b.size == 4 + 6 * 12);
    CHECK(read_of(&back, (const uint32_t *)(const void *)b.data, b.size / 4) == TR_OK);
    CHECK(same(&l, &back));
    for (size_t size = 0; size < b.size; size++) {
        tr_le_reader r;
        tr_err err;
        tr_le_open(&r, b.data, size);
        CHECK(tr_lexicon_read(&back, &r, &err) == TR_DATA);
    }
    tr_buf_free(&b);

    enum { LAST = TR_LEXICON_SLOTS - 1 };
    CHECK(read_of(&back, (const uint32_t[]){2, 0, 1, 0, LAST, 0, 7}, 7) == TR_OK);
    CHECK(back.count[2 * LAST + 1] == 7 && back.count[0] == 1);
    CHECK(read_of(&back, (const uint32_t[]){1, LAST + 1, 1, 1}, 4) == TR_DATA);
    CHECK(read_of(&back, (const uint32_t[]){2, 5, 1, 0, 4, 0, 7}, 7) == TR_DATA);
    CHECK(read_of(&back, (const uint32_t[]){2, 5, 1, 0, 5, 0, 7}, 7) == TR_DATA);
    CHECK(read_of(&back, (const uint32_t[]){1, 5, 0, 0}, 4) == TR_DATA);
    CHECK(read_of(&back, (const uint32_t[]){UINT32_MAX}, 1) == TR_DATA);
    tr_lexicon_free(&l);
    tr_lexicon_free(&back);
}

int main(void)
{
    CASE(words_are_distinct_and_few);
    CASE(labels_have_hashes_of_their_own);
    CASE(counts_are_of_label_word_and_side);
    CASE(counts_are_never_too_small);
    CASE(shards_add_up_and_full_counts_stay);
    CASE(what_is_written_is_read);
    return CHECK_END;
}
