/* words: a text folded, and the words it is made of.
 *
 * Text is case-folded and composed (NFKC, utf8proc). A word is a run of letters, marks and digits
 * (apostrophes inside it are dropped: "don't" is "dont"); an ideograph, kana or hangul character,
 * or a symbol such as an emoji, is a word by itself.
 *
 * Upstream: mem. Downstream: ngram, explain. */
#ifndef TR_WORDS_H
#define TR_WORDS_H

#include "ground/mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The code points [begin, end); opens: the first word of a run. A run is words with nothing between
 * them, several only where one of them stands by itself. */
typedef struct {
    uint32_t begin, end;
    bool opens;
} tr_word;

/* Zero-initialise; reused from text to text; free with tr_words_free. */
typedef struct {
    int32_t *point; /* the text's code points, folded */
    size_t n_points;
    tr_word *word; /* in the order of the text */
    size_t n;
    /* private */
    size_t point_capacity, word_capacity;
} tr_words;

/* False when memory is out. A text that is not UTF-8 has no words. */
bool tr_words_split(tr_words *w, tr_str text);
/* Appends word i as UTF-8. */
void tr_words_spell(const tr_words *w, size_t i, tr_buf *out);
/* By what word i is known; equal to that of its gram (ngram.h). Frozen: it is in every model. */
uint64_t tr_words_hash(const tr_words *w, size_t i);
void tr_words_free(tr_words *w);

/* What such hashes are made with: a start, a step for each part, then the mix. */
static inline uint64_t tr_words_step(uint64_t h, uint64_t x)
{
    h = (h ^ x) * 0x9e3779b97f4a7c15u;
    return h ^ h >> 29;
}
static inline uint64_t tr_words_mix(uint64_t h)
{ /* murmur3's finalizer */
    h ^= h >> 33;
    h *= 0xff51afd7ed558ccdu;
    h ^= h >> 33;
    h *= 0xc4ceb9fe1a85ec53u;
    return h ^ h >> 33;
}

#endif
