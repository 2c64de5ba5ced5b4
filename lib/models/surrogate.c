#include "models/surrogate.h"

enum { LINE = 64 };

const char *const tr_surrogate_names[] = {"none", "linear", "network", "trees", "neighbours", NULL};

void tr_surrogate_free(tr_surrogate *s)
{
    switch (s->kind) {
    case TR_SURROGATE_NONE: break;
    case TR_SURROGATE_LINEAR: tr_compact_free(&s->linear); break;
    case TR_SURROGATE_NETWORK: tr_network_free(&s->network); break;
    case TR_SURROGATE_TREES: tr_trees_free(&s->trees); break;
    case TR_SURROGATE_NEIGHBOURS: tr_neighbours_free(&s->neighbours); break;
    }
    *s = (tr_surrogate){0};
}

tr_surrogate tr_surrogate_borrowed(const tr_surrogate *s)
{
    tr_surrogate same = *s;
    switch (same.kind) {
    case TR_SURROGATE_NONE: break;
    case TR_SURROGATE_LINEAR: same.linear.owned = NULL; break;
    case TR_SURROGATE_NETWORK: same.network.owned = NULL; break;
    case TR_SURROGATE_TREES: same.trees.owned = NULL; break;
    case TR_SURROGATE_NEIGHBOURS: same.neighbours.owned = NULL; break;
    }
    return same;
}

size_t tr_surrogate_room(const tr_surrogate *s)
{
    switch (s->kind) {
    case TR_SURROGATE_NONE:
    case TR_SURROGATE_LINEAR: break;
    case TR_SURROGATE_NETWORK: return tr_network_room(&s->network);
    case TR_SURROGATE_TREES: return tr_trees_room(&s->trees);
    case TR_SURROGATE_NEIGHBOURS: return tr_neighbours_room(&s->neighbours);
    }
    return 0;
}

void tr_surrogate_decide(const tr_surrogate *s, tr_row row, float *scratch, float *z)
{
    switch (s->kind) {
    case TR_SURROGATE_NONE: break;
    case TR_SURROGATE_LINEAR: tr_compact_decide(&s->linear, row, z); break;
    case TR_SURROGATE_NETWORK: tr_network_decide(&s->network, row.dense, scratch, z); break;
    case TR_SURROGATE_TREES: tr_trees_decide(&s->trees, row.dense, scratch, z); break;
    case TR_SURROGATE_NEIGHBOURS:
        tr_neighbours_decide(&s->neighbours, row.dense, scratch, z);
        break;
    }
}

void tr_surrogate_write(const tr_surrogate *s, tr_buf *out)
{
    tr_le_put_u32(out, s->kind);
    tr_le_align(out, LINE);
    switch (s->kind) {
    case TR_SURROGATE_NONE: break;
    case TR_SURROGATE_LINEAR: tr_compact_write(&s->linear, out); break;
    case TR_SURROGATE_NETWORK: tr_network_write(&s->network, out); break;
    case TR_SURROGATE_TREES: tr_trees_write(&s->trees, out); break;
    case TR_SURROGATE_NEIGHBOURS: tr_neighbours_write(&s->neighbours, out); break;
    }
}

tr_code tr_surrogate_read(tr_surrogate *s, tr_le_reader *r, tr_shape shape, tr_err *err)
{
    *s = (tr_surrogate){0};
    uint32_t kind = tr_le_u32(r);
    tr_le_skip_align(r, LINE);
    if (r->failed || kind < TR_SURROGATE_LINEAR || kind > TR_SURROGATE_NEIGHBOURS)
        return tr_err_set(err, TR_DATA, "a model is of an unknown kind");
    if (kind != TR_SURROGATE_LINEAR && !shape.dims)
        return tr_err_set(err, TR_DATA, "a model of the dense view, and there is none");
    s->kind = kind;
    switch (s->kind) {
    case TR_SURROGATE_NONE:
    case TR_SURROGATE_LINEAR:
        return tr_compact_read(&s->linear, r, shape.labels, shape.columns, shape.beside, err);
    case TR_SURROGATE_NETWORK:
        return tr_network_read(&s->network, r, shape.labels, shape.dims, err);
    case TR_SURROGATE_TREES: return tr_trees_read(&s->trees, r, shape.labels, shape.dims, err);
    case TR_SURROGATE_NEIGHBOURS:
        return tr_neighbours_read(&s->neighbours, r, shape.labels, shape.dims, err);
    }
    return TR_OK;
}
