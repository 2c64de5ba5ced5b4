/* ngram: a text as the hashes of its n-grams.
 *
 * Two blocks: word 1- and 2-grams, and character 2- to 5-grams within words (the ends of a word
 * count as a character). Text is case-folded and composed (NFKC, utf8proc). A word is a run of
 * letters, marks and digits (apostrophes inside it are dropped: "don't" is "dont"); an ideograph,
 * kana or hangul character, or a symbol such as an emoji, is a word by itself.
 *
 * Upstream: trace. Downstream: tfidf. */
#ifndef TR_NGRAM_H
#define TR_NGRAM_H

#include "ground/mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero-initialise; reused from text to text; free with tr_ngram_free. */
typedef struct {
    uint64_t *gram; /* n_words word grams, then the character grams; repeats included */
    size_t n, n_words;
    /* private */
    size_t capacity;
    int32_t *point; /* the text's code points, folded */
    size_t point_capacity;
} tr_ngrams;

/* False when memory is out. A text that is not UTF-8 has no grams. */
bool tr_ngram_extract(tr_ngrams *g, tr_str text);
void tr_ngram_free(tr_ngrams *g);

#endif
