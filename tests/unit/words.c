#include "features/words.h"

#include "check.h"
#include "features/ngram.h"

#include <stdlib.h>

static tr_words split(const char *text, size_t size)
{
    tr_words w = {0};
    char *copy = malloc(size ? size : 1); /* no byte behind its end */
    if (!copy)
        exit(4);
    memcpy(copy, text, size);
    CHECK(tr_words_split(&w, tr_str_of(copy, size)));
    free(copy);
    return w;
}

/* Whether a text has these words: '|' before a word that opens a run, '+' before any other. */
static int words_are(const char *text, const char *expected)
{
    tr_words w = split(text, strlen(text));
    tr_buf got;
    tr_buf_init(&got);
    uint32_t end = 0;
    for (size_t i = 0; i < w.n; i++) {
        CHECK(w.word[i].begin < w.word[i].end && w.word[i].end <= w.n_points);
        CHECK(w.word[i].begin >= end && (w.word[i].opens || w.word[i].begin == end));
        end = w.word[i].end;
        tr_buf_add_char(&got, w.word[i].opens ? '|' : '+');
        tr_words_spell(&w, i, &got);
    }
    tr_buf_add_char(&got, 0);
    int right = !strcmp(got.data, expected);
    if (!right)
        printf("# \"%s\": %s, not %s\n", text, got.data, expected);
    tr_buf_free(&got);
    tr_words_free(&w);
    return right;
}

static void texts_become_words(void)
{
    CHECK(words_are("", ""));
    CHECK(words_are(" \t.,;!?-_\n", ""));
    CHECK(words_are("a", "|a"));
    CHECK(words_are("Where's my CARD, please?", "|wheres|my|card|please"));
    CHECK(words_are("ab-cd_ef  7b", "|ab|cd|ef|7b"));
    CHECK(words_are("'quoted' rock 'n roll a''b don\xe2\x80\x99t", "|quoted|rock|n|roll|a|b|dont"));
    CHECK(words_are("<b>\"x\\y\"</b>", "|b|x|y|b")); /* nothing in a word needs an escape */
}

static void text_is_folded(void)
{
    CHECK(words_are("CAF\xc3\x89 cafe\xcc\x81", "|caf\xc3\xa9|caf\xc3\xa9"));
    CHECK(words_are("Stra\xc3\x9f"
                    "e \xef\xac\x81ne so\xc2\xad"
                    "ft \xef\xbc\xa1\xef\xbc\x91",
                    "|strasse|fine|soft|a1"));
    CHECK(words_are("\xd0\x9f\xd0\xa0\xd0\x98", "|\xd0\xbf\xd1\x80\xd0\xb8"));
}

/* Ideographs and symbols are words by themselves, and do not end the run. */
static void some_words_stand_alone(void)
{
    CHECK(words_are("\xe9\x80\x80\xe6\xac\xbe", "|\xe9\x80\x80+\xe6\xac\xbe"));
    CHECK(words_are("ok\xf0\x9f\x98\x80ok \xf0\x9f\x98\x80",
                    "|ok+\xf0\x9f\x98\x80+ok|\xf0\x9f\x98\x80"));
}

static void what_is_no_text_has_no_words(void)
{
    tr_words w = split("ab\xff", 3);
    CHECK(w.n == 0 && w.n_points == 0);
    tr_words_free(&w);
    w = split("a\0b", 3);
    CHECK(w.n == 2 && w.word[1].opens);
    tr_words_free(&w);
}

static void hashes_are_those_of_the_grams(void)
{
    static const char text[] = "Refund my \xe9\x80\x80\xe6\xac\xbe refund, don't!";
    tr_words w = split(text, sizeof text - 1);
    tr_ngrams g = {0};
    CHECK(tr_ngram_extract(&g, tr_str_of(text, sizeof text - 1)));
    CHECK(w.n == 6 && g.words.n == 6 && g.n_words == 2 * w.n - 1);
    for (size_t i = 0; i < w.n; i++)
        CHECK(tr_words_hash(&w, i) == g.gram[i ? 2 * i - 1 : 0]);
    CHECK(tr_words_hash(&w, 0) == tr_words_hash(&w, 4));
    CHECK(tr_words_hash(&w, 0) != tr_words_hash(&w, 1));
    tr_words_free(&w);
    tr_ngram_free(&g);
    w = split("Hi", 2);
    CHECK(tr_words_hash(&w, 0) == 0xe2749ddaf35bfabeu);
    tr_words_free(&w);
}

/* The same room for text after text, long and short. */
static void room_is_used_again(void)
{
    tr_words w = {0};
    char text[4000];
    for (size_t n = 0; n < sizeof text; n++)
        text[n] = n % 2 ? 'a' : ' ';
    for (size_t n = sizeof text; n > 0; n /= 3) {
        CHECK(tr_words_split(&w, tr_str_of(text, n)) && w.n == n / 2);
        CHECK(tr_words_split(&w, tr_str_of(text, 1)) && w.n == 0 && w.n_points == 1);
    }
    tr_words_free(&w);
    CHECK(!w.point && !w.word);
}

int main(void)
{
    CASE(texts_become_words);
    CASE(text_is_folded);
    CASE(some_words_stand_alone);
    CASE(what_is_no_text_has_no_words);
    CASE(hashes_are_those_of_the_grams);
    CASE(room_is_used_again);
    return CHECK_END;
}
