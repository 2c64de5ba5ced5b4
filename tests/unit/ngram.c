#include "features/ngram.h"

#include "check.h"

#include <stdlib.h>
#include <time.h>

static tr_ngrams extract(const char *text, size_t size)
{
    tr_ngrams g = {0};
    char *copy = malloc(size ? size : 1); /* no byte behind its end */
    CHECK(copy != NULL);
    if (!copy)
        return g;
    memcpy(copy, text, size);
    CHECK(tr_ngram_extract(&g, tr_str_of(copy, size)));
    CHECK(g.n_words <= g.n);
    free(copy);
    return g;
}

/* Whether two texts have the same grams in the same order. */
static int same(const char *a, const char *b)
{
    tr_ngrams x = extract(a, strlen(a)), y = extract(b, strlen(b));
    int equal = x.n == y.n && x.n_words == y.n_words &&
                !memcmp(x.gram, y.gram, x.n * sizeof *x.gram);
    tr_ngram_free(&x);
    tr_ngram_free(&y);
    return equal;
}

/* Whether a text has so many word and so many character grams. */
static int counts(const char *text, size_t words, size_t characters)
{
    tr_ngrams g = extract(text, strlen(text));
    int right = g.n_words == words && g.n - g.n_words == characters;
    if (!right)
        printf("# \"%s\": %zu word grams, %zu character grams\n", text, g.n_words, g.n - g.n_words);
    tr_ngram_free(&g);
    return right;
}

/* n words give 2n - 1 grams; a run of L characters, with its two ends, has L+1 grams of two
 * characters, L of three, L-1 of four, L-2 of five. */
static void known_counts(void)
{
    CHECK(counts("", 0, 0));
    CHECK(counts(" \t.,;!?-", 0, 0));
    CHECK(counts("a", 1, 2 + 1));
    CHECK(counts("ab", 1, 3 + 2 + 1));
    CHECK(counts("abc", 1, 4 + 3 + 2 + 1));
    CHECK(counts("abcd", 1, 5 + 4 + 3 + 2));
    CHECK(counts("ab cd", 3, 2 * 6));
    CHECK(counts("one two three", 5, 10 + 10 + 18));
    CHECK(counts("a1 2b", 3, 12));
    CHECK(counts("ab-cd_ef", 5, 18));
}

static void grams_repeat_and_differ_by_kind(void)
{
    tr_ngrams g = extract("ab ab ab", 8);
    CHECK(g.n_words == 5);
    CHECK(g.gram[0] == g.gram[1] && g.gram[1] == g.gram[3]); /* ab, ab, ab ab, ab, ab ab */
    CHECK(g.gram[2] == g.gram[4] && g.gram[2] != g.gram[0]);
    for (size_t i = 0; i < g.n_words; i++)
        for (size_t k = g.n_words; k < g.n; k++)
            CHECK(g.gram[i] != g.gram[k]); /* the word "ab" is not the characters "ab" */
    tr_ngram_free(&g);
    CHECK(!same("ab cd", "cd ab"));
    CHECK(!same("ab cd", "abcd"));
}

static void case_and_form_do_not_matter(void)
{
    CHECK(same("Refund MY Card", "refund my card"));
    CHECK(same("CAF\xc3\x89", "caf\xc3\xa9"));
    CHECK(same("caf\xc3\xa9", "cafe\xcc\x81"));                 /* composed, decomposed */
    CHECK(same("\xef\xbc\xa1\xef\xbc\xa2\xef\xbc\x91", "ab1")); /* full-width */
    CHECK(same("\xef\xac\x81ne", "fine"));                      /* ligature fi */
    CHECK(same("Stra\xc3\x9f"
               "e",
               "STRASSE"));
    CHECK(same("\xce\xa3\xce\x9f\xce\xa6\xce\x9f\xce\xa3",
               "\xcf\x83\xce\xbf\xcf\x86\xce\xbf\xcf\x82"));
    CHECK(same("so\xc2\xad"
               "ft",
               "soft")); /* soft hyphen */
    CHECK(!same("caf\xc3\xa9", "cafe"));
    CHECK(same("\xd0\x9f\xd0\xa0\xd0\x98", "\xd0\xbf\xd1\x80\xd0\xb8")); /* Cyrillic */
    CHECK(counts("\xd0\xbf\xd1\x80\xd0\xb8", 1, 10));
}

/* Long texts are folded piece by piece: characters that belong together are never torn apart. */
static void long_texts_fold_as_short_ones_do(void)
{
    static const char *const forms[][2] = {
        {"\xc3\xa9", "e\xcc\x81"},
        {"\xe3\x81\x8c", "\xe3\x81\x8b\xe3\x82\x99"},             /* ga = ka + voicing */
        {"\xed\x95\x9c", "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab"}, /* han in jamo */
        {"\xe1\xbb\x87", "\xe1\xba\xb9\xcc\x82"},                 /* two marks */
        {"\xe1\xbb\x87", "e\xcc\x82\xcc\xa3"},                    /* in disorder */
    };
    for (size_t k = 0; k < sizeof forms / sizeof *forms; k++) {
        char text[2][8200] = {"", ""};
        for (int side = 0; side < 2; side++)
            for (int i = 0; i < 800; i++)
                strcat(text[side], forms[k][side]);
        CHECK(same(text[0], text[1]));
    }
}

/* A text goes one way while it is ASCII and another when it is not: the same words come out. */
static void plain_and_wide_texts_agree(void)
{
    tr_ngrams a = extract("Don't PAY twice, 100%!", 22);
    tr_ngrams b = extract("Don't PAY twice, 100%! \xe2\x80\xa6", 26);
    CHECK(a.n == b.n && a.n_words == b.n_words && !memcmp(a.gram, b.gram, a.n * sizeof *a.gram));
    tr_ngram_free(&a);
    tr_ngram_free(&b);
}

static void apostrophes_inside_words_are_dropped(void)
{
    CHECK(same("don't", "dont"));
    CHECK(same("don\xe2\x80\x99t", "dont"));
    CHECK(same("'quoted'", "quoted"));
    CHECK(same("rock 'n roll", "rock n roll"));
    CHECK(counts("rock 'n roll", 5, 14 + 3 + 14));
    CHECK(same("a''b", "a b"));
    CHECK(same("it'", "it"));
    CHECK(same("'", ""));
}

static void symbols_and_ideographs_are_words(void)
{
    CHECK(counts("\xe9\x80\x80\xe6\xac\xbe", 3, 3 + 2 + 1)); /* two words, one run */
    CHECK(counts("\xe9\x80\x80 \xe6\xac\xbe", 3, 6));
    CHECK(counts("\xe3\x81\x8b\xe3\x81\xaa", 3, 6));       /* kana */
    CHECK(counts("\xed\x95\x9c\xea\xb8\x80", 3, 6));       /* hangul */
    CHECK(counts("ok\xf0\x9f\x91\x8d", 3, 4 + 3 + 2 + 1)); /* "ok" and a thumb in one run */
    CHECK(counts("\xf0\x9f\x98\x80\xf0\x9f\x98\x80", 3, 6));
    CHECK(counts("\xe0\xb8\xa0\xe0\xb8\xb2", 1, 6)); /* Thai letters join */
}

static void what_is_no_utf_8_has_no_words(void)
{
    static const char *const bad[] = {"\xff",         "abc \x80",   "abc \xc3",
                                      "\xed\xa0\x80", "\xc0\xaf x", "\xf4\x90\x80\x80"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(counts(bad[i], 0, 0));
    CHECK(counts("sound again", 3, 18 + 18));
}

static void nul_separates(void)
{
    tr_ngrams a = extract("ab\0cd", 5), b = extract("ab cd", 5);
    CHECK(a.n == b.n && !memcmp(a.gram, b.gram, a.n * sizeof *a.gram));
    tr_ngram_free(&a);
    tr_ngram_free(&b);
}

/* The hashes stand in policies: these must never change. */
static void grams_are_frozen(void)
{
    static const uint64_t frozen[] = {
        0xe2749ddaf35bfabeu, 0x04a4ee8deb60027fu, 0x156f1f51e964bb33u, 0x90ffb3a344309d21u,
        0x7c1a13a9afa7a5f1u, 0x3075eb17a1f6be1cu, 0x27da3bd7b88ca6dbu, 0xfa1fb4d4b3ff4dcau,
        0xef897e9a905ba0d7u, 0x62a3c75f65e80785u, 0xcc2239597412b49du, 0x393148ad2cd94f76u,
        0x72386f127687dcacu, 0xe181246e7cf7a8f1u, 0x1d7f78c8b58b19c9u, 0x225bc8b5cf91f658u,
        0x71b8473709fb91bbu, 0xee6ff3f4bdd15f54u, 0xf7ee22fdb7a52b3fu,
    };
    const char text[] = "Hi \xc3\x89t\xc3\xa9";
    tr_ngrams g = extract(text, sizeof text - 1);
    CHECK(g.n == sizeof frozen / sizeof *frozen && g.n_words == 3);
    if (g.n == sizeof frozen / sizeof *frozen)
        CHECK(!memcmp(g.gram, frozen, sizeof frozen));
    tr_ngram_free(&g);
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Long texts, some of them made to be slow: linear time, or it would be minutes. */
static void long_texts_take_a_moment(void)
{
    static const char *const pieces[] = {
        "refund please ",
        "a",
        "'",
        "\xe9\x80\x80",
        "\xef\xb7\xba",             /* one code point that unfolds to eighteen */
        "\xcc\x81\xcc\x96",         /* marks of two classes, to be put in order */
        "\xe1\x84\x80\xe1\x85\xa1", /* hangul to be composed */
    };
    for (size_t k = 0; k < sizeof pieces / sizeof *pieces; k++) {
        size_t size = strlen(pieces[k]), n = (1 << 18) / size;
        char *text = malloc(n * size);
        CHECK(text != NULL);
        if (!text)
            return;
        for (size_t i = 0; i < n; i++)
            memcpy(text + i * size, pieces[k], size);
        double began = seconds();
        tr_ngrams g = {0};
        CHECK(tr_ngram_extract(&g, tr_str_of(text, n * size)));
        double took = seconds() - began;
        if (took > 2)
            printf("# piece %zu: %.1f s\n", k, took);
        CHECK(took < 2);
        tr_ngram_free(&g);
        free(text);
    }
}

int main(void)
{
    CASE(known_counts);
    CASE(grams_repeat_and_differ_by_kind);
    CASE(case_and_form_do_not_matter);
    CASE(long_texts_fold_as_short_ones_do);
    CASE(plain_and_wide_texts_agree);
    CASE(apostrophes_inside_words_are_dropped);
    CASE(symbols_and_ideographs_are_words);
    CASE(what_is_no_utf_8_has_no_words);
    CASE(nul_separates);
    CASE(grams_are_frozen);
    CASE(long_texts_take_a_moment);
    return CHECK_END;
}
