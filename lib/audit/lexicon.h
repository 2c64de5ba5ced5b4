/* lexicon: which words the texts of each label had, handled and deferred, in fixed memory.
 *
 * How many texts had a word is counted in slots by the hash of label and word (two slots each, of
 * which the lesser count is believed: count-min, Cormode and Muthukrishnan 2005), so counts may be
 * a little too great, never too small, and shards add up. A text counts a word once, and only its
 * first 64 words and 2,000 bytes.
 *
 * Upstream: features/words. Downstream: audit, figures. */
#ifndef TR_LEXICON_H
#define TR_LEXICON_H

#include "features/words.h"
#include "ground/err.h"
#include "ground/le.h"
#include "ground/mem.h"

#include <stdbool.h>
#include <stdint.h>

enum { TR_LEXICON_SLOTS = 1 << 17, TR_LEXICON_WORDS = 64, TR_LEXICON_BYTES = 2000 };

typedef struct {
    uint32_t *count; /* 2 a slot: texts handled, texts deferred; at UINT32_MAX they stay */
} tr_lexicon;

bool tr_lexicon_init(tr_lexicon *l); /* false when memory is out */
void tr_lexicon_free(tr_lexicon *l);

/* The hashes of a text's distinct words: at most TR_LEXICON_WORDS of them, in `hash`; their number,
 * or -1 when memory is out. `split` is room that is used again and again. */
int tr_lexicon_words(tr_words *split, tr_str text, uint64_t hash[TR_LEXICON_WORDS]);
/* By what a label is known here; never 0. */
uint64_t tr_lexicon_label(tr_str label);
/* Counts them for a label (its hash; 0: all labels together). */
void tr_lexicon_add(tr_lexicon *l, uint64_t label, const uint64_t *hash, int n, bool handled);
/* Texts of a label that had a word. */
void tr_lexicon_look(const tr_lexicon *l, uint64_t label, uint64_t word, uint32_t *handled,
                     uint32_t *deferred);
void tr_lexicon_merge(tr_lexicon *l, const tr_lexicon *other);

void tr_lexicon_write(const tr_lexicon *l, tr_buf *out); /* slots that are not empty */
TR_MUST tr_code tr_lexicon_read(tr_lexicon *l, tr_le_reader *r, tr_err *err);

#endif
