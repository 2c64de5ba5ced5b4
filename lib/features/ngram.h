/* ngram: a text as the hashes of its n-grams.
 *
 * Two blocks: word 1- and 2-grams, and character 2- to 5-grams within runs of words (the ends of a
 * run count as a character). What a word is: words.h.
 *
 * Upstream: words. Downstream: tfidf. */
#ifndef TR_NGRAM_H
#define TR_NGRAM_H

#include "features/words.h"
#include "ground/mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero-initialise; reused from text to text; free with tr_ngram_free. */
typedef struct {
    /* n_words word grams, then the character grams; repeats included. Word grams are the first
     * word, then each word and the pair of the one before and it: gram 2i - 1 is word i, gram 2i
     * the pair of words i - 1 and i. */
    uint64_t *gram;
    size_t n, n_words;
    tr_words words; /* of the last text */
    /* private */
    size_t capacity;
} tr_ngrams;

/* False when memory is out. A text that is not UTF-8 has no grams. */
bool tr_ngram_extract(tr_ngrams *g, tr_str text);
void tr_ngram_free(tr_ngrams *g);

#endif
