#include "models/trees.h"

#include "ground/mem.h"
#include "maths/dot.h"
#include "maths/real.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ABREAST = 8, WORDS = 3 };
_Static_assert(sizeof(tr_trees_node) == WORDS * sizeof(uint32_t) && _Alignof(tr_trees_node) == 4 &&
                   sizeof(tr_trees_entry) == 2 * sizeof(uint32_t),
               "nodes and entries are used as they lie in the file");

void tr_trees_free(tr_trees *m)
{
    free(m->owned);
    *m = (tr_trees){0};
}

size_t tr_trees_room(const tr_trees *m)
{
    (void)m;
    return 0;
}

/* ---- deciding ---- */

/* Walks n trees side by side, so that the memory of one is waited for while others go on; `at`
 * becomes the leaf of each. */
static void walk(const tr_trees_node *node, const float *x, uint32_t *at, size_t n)
{
    for (bool on = true; on;) {
        on = false;
        for (size_t k = 0; k < n; k++) {
            const tr_trees_node *i = &node[at[k]];
            if (i->feature == TR_TREES_LEAF)
                continue;
            at[k] = x[i->feature] <= i->threshold ? at[k] + 1 : i->next;
            on = true;
        }
    }
}

static void add_leaf(const tr_trees *m, uint32_t leaf, float *z)
{
    const tr_trees_node *i = &m->node[leaf];
    const tr_trees_entry *e = m->entry + i->next;
    for (uint32_t k = 0; k < i->entries; k++)
        z[e[k].label] += e[k].value;
}

/* use: NULL for all trees. */
static void decide(const tr_trees *m, const bool *use, const float *x, float *z)
{
    uint32_t at[ABREAST], used = 0;
    size_t width = tr_dot_width(m->labels);
    memset(z, 0, width * sizeof *z);
    for (uint32_t t = 0; t < m->trees;) {
        size_t n = 0;
        for (; n < ABREAST && t < m->trees; t++)
            if (!use || use[t])
                at[n++] = m->root[t];
        walk(m->node, x, at, n);
        for (size_t k = 0; k < n; k++)
            add_leaf(m, at[k], z);
        used += (uint32_t)n;
    }
    if (m->kind == TR_TREES_SUMS) {
        for (uint32_t l = 0; l < m->labels; l++)
            z[l] += m->base[l];
        return;
    }
    float by = used ? 1 / (float)used : 0;
    for (uint32_t l = 0; l < m->labels; l++)
        z[l] = m->base[l] + z[l] * by;
    tr_real_log_floats(z, z, m->labels);
}

void tr_trees_decide(const tr_trees *m, const float *x, float *scratch, float *z)
{
    (void)scratch;
    decide(m, NULL, x, z);
}

void tr_trees_decide_by(const tr_trees *m, const bool *use, const float *x, float *z)
{
    decide(m, use, x, z);
}

/* ---- binary form ---- */

void tr_trees_write(const tr_trees *m, tr_buf *out)
{
    tr_le_put_u32(out, m->kind);
    tr_le_put_u32(out, m->labels);
    tr_le_put_u32(out, m->dims);
    tr_le_put_u32(out, m->trees);
    tr_le_put_u32(out, m->nodes);
    tr_le_put_u32(out, m->entries);
    tr_le_put_f32s(out, m->base, m->labels);
    tr_le_put_u32s(out, m->root, m->trees);
    for (uint32_t i = 0; i < m->nodes; i++) {
        uint32_t word[WORDS];
        memcpy(word, &m->node[i], sizeof word);
        tr_le_put_u32s(out, word, WORDS);
    }
    for (uint32_t e = 0; e < m->entries; e++) {
        tr_le_put_u32(out, m->entry[e].label);
        tr_le_put_f32(out, m->entry[e].value);
    }
    tr_le_align(out, 8);
}

static bool entry_is_sound(const tr_trees *m, const tr_trees_entry *e)
{
    float least = m->kind == TR_TREES_SHARES ? 0 : -TR_TREES_LARGEST;
    return e->label < m->labels && e->value >= least && e->value <= TR_TREES_LARGEST;
}

/* end: the first node of the next tree. */
static bool node_is_sound(const tr_trees *m, uint32_t at, uint32_t end)
{
    const tr_trees_node *i = &m->node[at];
    if (i->feature != TR_TREES_LEAF)
        return i->feature >= 0 && (uint32_t)i->feature < m->dims && isfinite(i->threshold) &&
               i->next > at + 1 && i->next < end;
    if (i->next > m->entries || i->entries > m->entries - i->next)
        return false;
    /* that labels ascend keeps a leaf from naming one label a million times */
    for (uint32_t k = 1; k < i->entries; k++)
        if (m->entry[i->next + k].label <= m->entry[i->next + k - 1].label)
            return false;
    return true;
}

static bool is_sound(const tr_trees *m)
{
    for (uint32_t l = 0; l < m->labels; l++)
        if (!(fabsf(m->base[l]) <= TR_TREES_LARGEST) ||
            (m->kind == TR_TREES_SHARES && m->base[l] < FLT_MIN))
            return false;
    for (uint32_t e = 0; e < m->entries; e++)
        if (!entry_is_sound(m, &m->entry[e]))
            return false;
    for (uint32_t t = 0; t < m->trees; t++) {
        uint32_t end = t + 1 < m->trees ? m->root[t + 1] : m->nodes;
        if (m->root[t] >= end || end > m->nodes)
            return false;
        for (uint32_t i = m->root[t]; i < end; i++)
            if (!node_is_sound(m, i, end))
                return false;
    }
    return true;
}

tr_code tr_trees_read(tr_trees *m, tr_le_reader *r, uint32_t labels, uint32_t dims, tr_err *err)
{
    uint32_t kind = tr_le_u32(r);
    *m = (tr_trees){.labels = tr_le_u32(r), .dims = tr_le_u32(r), .trees = tr_le_u32(r)};
    m->nodes = tr_le_u32(r);
    m->entries = tr_le_u32(r);
    if (r->failed || m->labels != labels || m->dims != dims || dims > INT32_MAX)
        return tr_err_set(err, TR_DATA, "a model does not fit its labels or its dimensions");
    if (kind > TR_TREES_SUMS || m->trees > TR_TREES_MOST)
        return tr_err_set(err, TR_DATA, "a model of trees is malformed");
    m->kind = (tr_trees_kind)kind;
    m->base = tr_le_f32s(r, labels);
    m->root = tr_le_u32s(r, m->trees);
    m->node = (const void *)tr_le_u32s(r, (uint64_t)m->nodes * WORDS);
    m->entry = (const void *)tr_le_u32s(r, (uint64_t)m->entries * 2);
    tr_le_skip_align(r, 8);
    if (r->failed)
        return tr_err_set(err, TR_DATA, "a model is cut off");
    if (!is_sound(m))
        return tr_err_set(err, TR_DATA, "a model of trees is malformed");
    return TR_OK;
}

/* ---- growing ---- */

static bool reserve(tr_trees_draft *d, void **array, size_t *capacity, size_t n, size_t size)
{
    if (!d->failed && (n >= UINT32_MAX || !tr_mem_reserve(array, capacity, n + 1, size)))
        d->failed = true;
    return !d->failed;
}

void tr_trees_draft_tree(tr_trees_draft *d)
{
    if (reserve(d, (void **)&d->root, &d->root_capacity, d->trees, sizeof *d->root))
        d->root[d->trees++] = (uint32_t)d->nodes;
}

static void add_node(tr_trees_draft *d, tr_trees_node node)
{
    if (reserve(d, (void **)&d->node, &d->node_capacity, d->nodes, sizeof *d->node))
        d->node[d->nodes++] = node;
}

size_t tr_trees_draft_split(tr_trees_draft *d, uint32_t feature, float threshold)
{
    size_t at = d->nodes;
    add_node(d, (tr_trees_node){.feature = (int32_t)feature, .threshold = threshold});
    return at;
}

void tr_trees_draft_right(tr_trees_draft *d, size_t of)
{
    if (!d->failed)
        d->node[of].next = (uint32_t)d->nodes;
}

void tr_trees_draft_leaf(tr_trees_draft *d)
{
    add_node(d, (tr_trees_node){.feature = TR_TREES_LEAF, .next = (uint32_t)d->entries});
}

void tr_trees_draft_entry(tr_trees_draft *d, uint32_t label, float value)
{
    if (!reserve(d, (void **)&d->entry, &d->entry_capacity, d->entries, sizeof *d->entry))
        return;
    d->entry[d->entries++] = (tr_trees_entry){label, value};
    d->node[d->nodes - 1].entries++;
}

void tr_trees_draft_free(tr_trees_draft *d)
{
    free(d->root);
    free(d->node);
    free(d->entry);
    *d = (tr_trees_draft){0};
}

/* Appends a draft behind what m holds already. */
static void append(tr_trees *m, const tr_trees_draft *d, uint32_t *root, tr_trees_node *node,
                   tr_trees_entry *entry)
{
    for (size_t t = 0; t < d->trees; t++)
        root[m->trees + t] = m->nodes + d->root[t];
    for (size_t i = 0; i < d->nodes; i++) {
        tr_trees_node *to = &node[m->nodes + i];
        *to = d->node[i];
        to->next += to->feature == TR_TREES_LEAF ? m->entries : m->nodes;
    }
    if (d->entries)
        memcpy(entry + m->entries, d->entry, d->entries * sizeof *entry);
    m->trees += (uint32_t)d->trees;
    m->nodes += (uint32_t)d->nodes;
    m->entries += (uint32_t)d->entries;
}

tr_code tr_trees_join(tr_trees *m, tr_trees_kind kind, uint32_t labels, uint32_t dims,
                      const float *base, const tr_trees_draft *drafts, size_t n, tr_err *err)
{
    size_t trees = 0, nodes = 0, entries = 0;
    bool failed = false;
    *m = (tr_trees){.kind = kind, .labels = labels, .dims = dims};
    for (size_t k = 0; k < n; k++) {
        trees += drafts[k].trees;
        nodes += drafts[k].nodes;
        entries += drafts[k].entries;
        failed |= drafts[k].failed;
    }
    if (failed || nodes >= UINT32_MAX || entries >= UINT32_MAX || trees > TR_TREES_MOST)
        return tr_err_memory(err);
    size_t words = labels + trees + nodes * WORDS + entries * 2;
    uint32_t *all = tr_mem_array(words, sizeof *all);
    if (!all)
        return tr_err_memory(err);
    m->owned = all;
    memcpy(all, base, labels * sizeof *base);
    uint32_t *root = all + labels, *node = root + trees, *entry = node + nodes * WORDS;
    for (size_t k = 0; k < n; k++)
        append(m, &drafts[k], root, (tr_trees_node *)node, (tr_trees_entry *)entry);
    m->base = (const float *)all;
    m->root = root;
    m->node = (const tr_trees_node *)node;
    m->entry = (const tr_trees_entry *)entry;
    return TR_OK;
}
