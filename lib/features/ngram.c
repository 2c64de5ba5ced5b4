#include "features/ngram.h"

#include <stdlib.h>

enum { SHORTEST = 2, LONGEST = 5 };

/* Different starts keep the kinds of gram apart; that of words is in words.c. */
static const uint64_t PAIR_START = 0xc3a5c85c97cb3127u, CHAR_START = 0xb492b66fbe98f273u;

static void add_words(tr_ngrams *g)
{
    uint64_t last = 0;
    for (size_t i = 0; i < g->words.n; i++) {
        uint64_t h = tr_words_hash(&g->words, i);
        g->gram[g->n++] = h;
        if (i)
            g->gram[g->n++] = tr_words_mix(tr_words_step(tr_words_step(PAIR_START, last), h));
        last = h;
    }
}

/* The grams of one run of word characters, p[0..n). */
static void add_chars(tr_ngrams *g, const int32_t *p, size_t n)
{
    /* the run with a blank at either end: positions -1 .. n */
    size_t length = n + 2;
    for (size_t i = 0; i + SHORTEST <= length; i++) {
        uint64_t h = CHAR_START;
        size_t most = length - i < LONGEST ? length - i : LONGEST;
        for (size_t k = 0; k < most; k++) {
            size_t at = i + k;
            h = tr_words_step(h, at == 0 || at == length - 1 ? ' ' : (uint64_t)p[at - 1]);
            if (k + 1 >= SHORTEST)
                g->gram[g->n++] = tr_words_mix(h);
        }
    }
}

bool tr_ngram_extract(tr_ngrams *g, tr_str text)
{
    const tr_words *w = &g->words;
    g->n = g->n_words = 0;
    if (!tr_words_split(&g->words, text))
        return false;
    /* at most 2 word grams a character, and 4 character grams at each of at most 2n starts */
    size_t most;
    if (!tr_mem_multiply(w->n_points + 2, 10, &most) ||
        !tr_mem_reserve((void **)&g->gram, &g->capacity, most, sizeof *g->gram))
        return false;
    add_words(g);
    g->n_words = g->n;
    for (size_t i = 0; i < w->n;) {
        uint32_t begin = w->word[i].begin, end = begin;
        do
            end = w->word[i++].end;
        while (i < w->n && !w->word[i].opens);
        add_chars(g, w->point + begin, end - begin);
    }
    return true;
}

void tr_ngram_free(tr_ngrams *g)
{
    free(g->gram);
    tr_words_free(&g->words);
    *g = (tr_ngrams){0};
}
