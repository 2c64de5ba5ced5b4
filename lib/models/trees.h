/* trees: an ensemble of decision trees over the dense view, as it is shipped.
 *
 * One form for all: single trees, forests (the mean of the leaves' label shares, as logarithms) and
 * boosted trees (sums of the leaves' values, label by label). Walked by our own code, whoever grew
 * them.
 *
 * Upstream: real, dot. Downstream: surrogate, grow, forest, boost, xgboost. */
#ifndef TR_TREES_H
#define TR_TREES_H

#include "ground/err.h"
#include "ground/le.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    TR_TREES_SHARES, /* a leaf has shares of labels; z = ln(base + their mean over the trees) */
    TR_TREES_SUMS    /* a leaf has values of labels; z = base + their sum over the trees */
} tr_trees_kind;

enum { TR_TREES_MOST = 1 << 20 };           /* trees */
static const float TR_TREES_LARGEST = 1e9f; /* of a leaf's values, so that no sum overflows */

/* Nodes lie in preorder, tree after tree: the left child of node i is i + 1. A row goes left where
 * x[feature] <= threshold. */
enum { TR_TREES_LEAF = -1 };
typedef struct {
    int32_t feature; /* TR_TREES_LEAF: none */
    uint32_t next;   /* the right child; of a leaf: its first entry */
    union {
        float threshold;
        uint32_t entries; /* of a leaf: how many entries it has */
    };
} tr_trees_node;

/* What a leaf says of one label; the labels of a leaf ascend. */
typedef struct {
    uint32_t label;
    float value;
} tr_trees_entry;

typedef struct {
    tr_trees_kind kind;
    uint32_t labels, dims, trees;
    const uint32_t *root; /* of each tree */
    const tr_trees_node *node;
    const tr_trees_entry *entry;
    uint32_t nodes, entries;
    const float *base; /* of each label; above 0 for shares */
    void *owned;       /* what they lie in, if allocated here; NULL where borrowed from a file */
} tr_trees;

void tr_trees_free(tr_trees *m);

size_t tr_trees_room(const tr_trees *m); /* floats of scratch that one decision takes */
/* x: dims numbers; z: tr_dot_width(labels) floats, filled. The same bits on every machine. */
void tr_trees_decide(const tr_trees *m, const float *x, float *scratch, float *z);
/* The same by the trees with use[tree] alone; NULL: by all. */
void tr_trees_decide_by(const tr_trees *m, const bool *use, const float *x, float *z);

/* Binary form: u32 kind, labels, dims, trees, nodes, entries, the bases, roots, nodes (three u32
 * each) and entries (two). `read` borrows and checks every index, so that no walk leaves the arrays
 * or runs in a circle. TR_DATA as for the other models. */
void tr_trees_write(const tr_trees *m, tr_buf *out);
TR_MUST tr_code tr_trees_read(tr_trees *m, tr_le_reader *r, uint32_t labels, uint32_t dims,
                              tr_err *err);

/* ---- growing ---- */

/* Trees as they are grown, node by node in preorder. Zero-initialise. After a failed append
 * `failed` stays set and the rest does nothing. */
typedef struct {
    uint32_t *root;
    tr_trees_node *node;
    tr_trees_entry *entry;
    size_t trees, nodes, entries;
    bool failed;
    /* private */
    size_t root_capacity, node_capacity, entry_capacity;
} tr_trees_draft;

void tr_trees_draft_tree(tr_trees_draft *d); /* the nodes that follow are a new tree's */
/* Gives the node, for the right child. The left child is the node that comes next. */
size_t tr_trees_draft_split(tr_trees_draft *d, uint32_t feature, float threshold);
void tr_trees_draft_right(tr_trees_draft *d, size_t of); /* the node that comes next is its right */
void tr_trees_draft_leaf(tr_trees_draft *d);             /* its entries follow, labels ascending */
void tr_trees_draft_entry(tr_trees_draft *d, uint32_t label, float value);
void tr_trees_draft_free(tr_trees_draft *d);

/* The trees of n drafts, one after the other; base: labels numbers, copied. */
TR_MUST tr_code tr_trees_join(tr_trees *m, tr_trees_kind kind, uint32_t labels, uint32_t dims,
                              const float *base, const tr_trees_draft *drafts, size_t n,
                              tr_err *err);

#endif
