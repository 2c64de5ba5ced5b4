/* sample: the same few examples in every run: of all rows offered, those of the k least keys.
 *
 * Which rows stay does not depend on the order in which they come, so samples of shards merge to
 * the sample of the whole. Rows that are equal in key, score, what is kept of the text and
 * its whole length count as one.
 *
 * Upstream: ground. Downstream: audit. */
#ifndef TR_SAMPLE_H
#define TR_SAMPLE_H

#include "ground/err.h"
#include "ground/le.h"
#include "ground/mem.h"

#include <stdbool.h>
#include <stdint.h>

enum { TR_SAMPLE_TEXT = 240 }; /* bytes of a text that are kept, cut between characters */

typedef struct {
    uint64_t key;
    char *text; /* owned, NUL-terminated beyond its size */
    uint32_t size;
    uint64_t whole; /* bytes of the text before it was cut */
    uint32_t score; /* millionths; TR_OUTCOME_NO_SCORE: none */
} tr_example;

/* Zero-initialise; free with tr_sample_free. */
typedef struct {
    tr_example *at; /* by key, then text, score, whole */
    uint32_t n;
} tr_sample;

/* False when memory is out. At most `most` stay. */
bool tr_sample_offer(tr_sample *s, uint32_t most, uint64_t key, tr_str text, uint32_t score);
bool tr_sample_merge(tr_sample *s, uint32_t most, const tr_sample *other);
void tr_sample_free(tr_sample *s);

void tr_sample_write(const tr_sample *s, tr_buf *out);
/* TR_DATA: more than `most`, not in order, no UTF-8, too long. */
TR_MUST tr_code tr_sample_read(tr_sample *s, uint32_t most, tr_le_reader *r, tr_err *err);

#endif
