/* markings: which words tell the handled texts of a label from the deferred ones, and which two of
 * its texts are the nearest across that line.
 *
 * Candidates are the words of the examples; how many texts have them is in the lexicon. A word is
 * weighed by the log-odds of a text to have it on either side, with an informative prior (Monroe,
 * Colaresi, Quinn, "Fightin' Words", 2008): twenty texts more on each side, that have it as often
 * as the label's own do. So where one side has few texts, what is said often there or here is no
 * finding yet, and what all its texts say tells the label, not the side.
 *
 * Upstream: audit, lexicon, features/words. Downstream: figures. */
#ifndef TR_MARKINGS_H
#define TR_MARKINGS_H

#include "audit/audit.h"
#include "features/words.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    TR_MARKINGS_WORDS = 6,
    TR_MARKINGS_SEEN = 1 << 20 /* slots that count how many examples have a word */
};

/* A word and how much likelier a text of one side has it than one of the other. */
typedef struct {
    char word[64];              /* NUL-terminated, cut between characters */
    uint32_t handled, deferred; /* texts with it */
    double z;                   /* log-odds in standard errors; above 0: it marks handled texts */
} tr_marking;

/* The words of one side, the most telling first. Zero-initialise. */
typedef struct {
    tr_marking at[TR_MARKINGS_WORDS];
    uint64_t hash[TR_MARKINGS_WORDS];
    uint32_t n;
} tr_marking_list;

typedef struct {
    tr_marking_list handled, deferred;
} tr_markings;

/* Counts the words of a label's examples in `seen`, TR_MARKINGS_SEEN slots that begin as 0. The
 * lexicon may take a word that hardly any text has, an order number, for a frequent one; examples
 * of a frequent word there are several. False when memory is out. */
bool tr_markings_see(uint8_t *seen, const tr_audit_label *counts, tr_words *split);

/* Fills `own` with what marks the texts of a label, and offers the words of its examples to `all`,
 * which holds what marks texts whatever their label. Kept are words in 3 texts of their side or
 * more, with |z| of 1.96 or more, that 2 of the label's examples have (own), or 3 of those that are
 * counted in `seen` (all). `split` is room that is used again and again. False when memory
 * is out. */
bool tr_markings_of(const tr_audit *a, const uint8_t *seen, tr_str label,
                    const tr_audit_label *counts, tr_words *split, tr_markings *own,
                    tr_markings *all);

/* The handled and the deferred example with most words in common, as a share of the words of both
 * (Jaccard), the least keys among equals; NULL and NULL, 0, where none share a word. False when
 * memory is out. */
bool tr_markings_near(const tr_audit_label *counts, tr_words *split, const tr_example **handled,
                      const tr_example **deferred, double *near);

#endif
