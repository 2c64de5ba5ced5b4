/* sankey: a flow picture from plain structs: nodes in columns, bands between them, as wide as what
 * flows (Sankey 1898).
 *
 * Each node has name and number beside it, and no two texts lie on each other. What is not zero is
 * seen: a band has at least two units.
 *
 * Upstream: svg, palette. Downstream: graphs. */
#ifndef TR_SANKEY_H
#define TR_SANKEY_H

#include "ground/err.h"
#include "ground/mem.h"

#include <stddef.h>

enum { TR_SANKEY_NODES = 24, TR_SANKEY_BANDS = 48, TR_SANKEY_COLUMNS = 5 };

/* In a column they stand in the order in which they are given. */
typedef struct {
    const char *name, *number; /* the program's own words, some 30 characters at most */
    unsigned column;
    int colour; /* of the palette */
} tr_sankey_node;

/* Bands of one node leave and arrive in the order in which they are given. */
typedef struct {
    size_t from, to; /* indices of nodes, from left to right */
    double amount;   /* what is not above 0 is left out */
} tr_sankey_band;    /* of its target's colour */

typedef struct {
    const char *title, *subtitle, *footnote; /* the last two may be NULL */
    const char *description;
    const tr_sankey_node *node;
    size_t n_nodes;
    const tr_sankey_band *band;
    size_t n_bands;
    const char *prefix; /* as a chart's */
} tr_sankey;

/* Appends the picture to `out`. Nodes that no band touches are left out. TR_OK; TR_USAGE (more than
 * there is room for, an index, a column or a colour out of range, a band that does not go to the
 * right); TR_SYSTEM. */
TR_MUST tr_code tr_sankey_draw(const tr_sankey *k, tr_buf *out, tr_err *err);

#endif
