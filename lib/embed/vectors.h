/* vectors: word vectors from a .vec file, and the embedding of a text by them.
 *
 * The file is text as word2vec and fastText write it, a first line "words numbers", or as GloVe
 * does, without one; then a word and its numbers a line, the most frequent word first.
 *
 * Words are folded as those of a text are (features/words), so that "The" and "the" are one: the
 * first, more frequent one stands. A word that no text can have ("</s>", "e-mail", bytes that are
 * no UTF-8) is left out.
 *
 * The embedding of a text is the mean of its words' vectors, brought to length 1; each weighs
 * -log(p), where p is how frequent Zipf's law has a word of its rank in the file: as an idf would,
 * but the same for ever, since it needs no log to count in. A text without a known word has zeros.
 *
 * Upstream: words, real. Downstream: tr-embed. */
#ifndef TR_VECTORS_H
#define TR_VECTORS_H

#include "features/words.h"
#include "ground/err.h"
#include "ground/mem.h"

#include <stdint.h>

/* Numbers in a vector, bytes of a word that is looked at. */
enum { TR_VECTORS_MOST = 16384, TR_VECTORS_LONGEST_WORD = 1024 };

typedef struct tr_vectors tr_vectors;

typedef struct {
    uint32_t dimensions; /* 1..TR_VECTORS_MOST */
    uint64_t rows;       /* of the file */
    uint64_t words;      /* that texts can have */
    uint64_t doubled;    /* rows left out since their word came before */
    uint64_t odd;        /* rows left out since no text has their word */
} tr_vectors_about;

/* Checks all of `bytes`, which must outlive the vectors, and notes where each word is; its numbers
 * are read when a text has it first. Memory: 40 to 80 bytes a word, and 4 a number of the words
 * met. `name` (borrowed) is for the messages. NULL with TR_DATA: "NAME:LINE: reason" for a row with
 * more or fewer numbers than the first, a number that is none, NaN, infinite or too large for a
 * float, more or fewer rows than the first line says, a last line without newline; TR_SYSTEM. */
tr_vectors *tr_vectors_open(tr_str bytes, const char *name, tr_err *err);
void tr_vectors_close(tr_vectors *v); /* NULL is allowed */
tr_vectors_about tr_vectors_tell(const tr_vectors *v);

/* The embedding of a text into `out`, which has room for `dimensions`: length 1, or all zeros. The
 * same bits on every machine. *known of its words (each time it occurs) are in the file. TR_SYSTEM,
 * or TR_DATA where the file was changed meanwhile. */
TR_MUST tr_code tr_vectors_embed(tr_vectors *v, tr_str text, float *out, size_t *known,
                                 tr_err *err);

/* Appends the folded words of a text with a blank between them, as a line to train vectors on.
 * False when memory is out. */
bool tr_vectors_spell(tr_words *w, tr_str text, tr_buf *out);

#endif
