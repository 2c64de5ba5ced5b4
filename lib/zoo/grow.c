#include "zoo/grow.h"

#include "ground/mem.h"
#include "maths/real.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- columns in bins ---- */

/* A float as a number that sorts as it does; -0 as 0. */
static uint32_t sortable(float x)
{
    uint32_t bits;
    x += 0.f;
    memcpy(&bits, &x, sizeof bits);
    return bits ^ (bits >> 31 ? UINT32_MAX : 0x80000000u);
}

static float unsortable(uint32_t bits)
{
    float x;
    bits ^= bits >> 31 ? 0x80000000u : UINT32_MAX;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Sorts by the upper 32 bits; `other` has as much room. The result is in x. */
static void sort_pairs(uint64_t *x, uint64_t *other, size_t n)
{
    for (unsigned shift = 32; shift < 64; shift += 8) {
        size_t at[256] = {0}, sum = 0;
        for (size_t i = 0; i < n; i++)
            at[x[i] >> shift & 255]++;
        for (int k = 0; k < 256; k++) {
            size_t count = at[k];
            at[k] = sum;
            sum += count;
        }
        for (size_t i = 0; i < n; i++)
            other[at[x[i] >> shift & 255]++] = x[i];
        uint64_t *kept = x;
        x = other;
        other = kept;
    }
}

/* Bins of one sorted column. With more values than bins, a bin takes values until it has its part
 * of the rows. Returns how many there are. */
static uint32_t cut(const uint64_t *sorted, size_t n, uint32_t most, uint16_t *bin, float *low,
                    float *high)
{
    size_t values = n > 0;
    for (size_t i = 1; i < n; i++)
        values += sorted[i] >> 32 != sorted[i - 1] >> 32;
    uint32_t bins = 0;
    for (size_t i = 0; i < n;) {
        size_t until = i + 1, wanted = values <= most ? 0 : (n - i) / (most - bins);
        while (until < n && (until - i < wanted || sorted[until] >> 32 == sorted[until - 1] >> 32))
            until++;
        if (bins + 1 == most)
            until = n;
        low[bins] = unsortable((uint32_t)(sorted[i] >> 32));
        high[bins] = unsortable((uint32_t)(sorted[until - 1] >> 32));
        for (; i < until; i++)
            bin[(uint32_t)sorted[i]] = (uint16_t)bins;
        bins++;
    }
    return bins;
}

static bool usable(const tr_training *t, size_t i, int spared)
{
    return t->label[i] != UINT32_MAX && (spared < 0 || t->fold[i] != spared);
}

/* The rows of the columns, ascending; a sample where there are too many (Knuth's S). */
static bool choose_rows(tr_grow_columns *c, const tr_training *t, int spared)
{
    enum { MOST = TR_GROW_MOST_ROWS };
    size_t all = 0, outside = 0, seen = 0;
    for (size_t i = 0; i < t->x->rows; i++) {
        all += usable(t, i, -1);
        outside += usable(t, i, spared);
    }
    if (all <= MOST || outside < MOST)
        spared = -1;
    size_t n = spared < 0 ? all : outside, kept = n < MOST ? n : MOST;
    c->row = tr_mem_array(kept, sizeof *c->row);
    if (!c->row)
        return false;
    tr_rng rng;
    tr_rng_init(&rng, t->seed);
    for (size_t i = 0; i < t->x->rows && c->rows < kept; i++) {
        if (!usable(t, i, spared))
            continue;
        if (tr_rng_below(&rng, n - seen) < kept - c->rows)
            c->row[c->rows++] = (uint32_t)i;
        seen++;
    }
    return true;
}

static bool fill_columns(tr_grow_columns *c, const tr_training *t, uint32_t most_bins)
{
    size_t n = c->rows, values = 0;
    uint64_t *pair = tr_mem_array(n, 2 * sizeof *pair);
    float *low = tr_mem_array(most_bins, sizeof *low);
    float *high = tr_mem_array(most_bins, sizeof *high);
    size_t capacity[2] = {0};
    bool ok = pair && low && high;
    for (uint32_t f = 0; ok && f < c->dims; f++) {
        for (size_t i = 0; i < n; i++)
            pair[i] = (uint64_t)sortable(t->dense[(size_t)c->row[i] * c->dims + f]) << 32 | i;
        sort_pairs(pair, pair + n, n);
        c->first[f] = values;
        c->bins[f] = cut(pair, n, most_bins, c->bin + f * n, low, high);
        ok = tr_mem_reserve((void **)&c->low, &capacity[0], values + c->bins[f], sizeof *low) &&
             tr_mem_reserve((void **)&c->high, &capacity[1], values + c->bins[f], sizeof *high);
        if (!ok || !c->bins[f])
            continue;
        memcpy(c->low + values, low, c->bins[f] * sizeof *low);
        memcpy(c->high + values, high, c->bins[f] * sizeof *high);
        values += c->bins[f];
    }
    free(pair);
    free(low);
    free(high);
    return ok;
}

tr_code tr_grow_open(tr_grow_columns *c, const tr_training *t, uint32_t most_bins, int spared,
                     tr_err *err)
{
    size_t cells;
    *c = (tr_grow_columns){.dims = t->shape.dims};
    if (!t->dense || !t->shape.dims || t->shape.labels > TR_GROW_MOST_LABELS)
        return tr_err_set(err, TR_USAGE, "trees need a dense view and at most %d labels",
                          TR_GROW_MOST_LABELS);
    if (choose_rows(c, t, spared) && tr_mem_multiply(c->rows, c->dims, &cells)) {
        uint32_t bins = most_bins < c->rows ? most_bins : (uint32_t)c->rows;
        c->bin = tr_mem_array(cells, sizeof *c->bin);
        c->bins = tr_mem_zero(c->dims, sizeof *c->bins);
        c->first = tr_mem_zero(c->dims, sizeof *c->first);
        if (c->bin && c->bins && c->first && fill_columns(c, t, bins))
            return TR_OK;
    }
    tr_grow_free(c);
    return tr_err_memory(err);
}

void tr_grow_free(tr_grow_columns *c)
{
    free(c->row);
    free(c->bin);
    free(c->bins);
    free(c->first);
    free(c->low);
    free(c->high);
    *c = (tr_grow_columns){0};
}

float tr_grow_threshold(const tr_grow_columns *c, uint32_t column, uint32_t left, uint32_t right)
{
    float a = c->high[c->first[column] + left], b = c->low[c->first[column] + right];
    float middle = a / 2 + b / 2;
    return middle >= a && middle < b ? middle : a;
}

/* ---- one tree ---- */

enum { SHORT = 24, PART_BITS = 24 };

typedef struct {
    uint32_t begin, end;
    unsigned depth;
    size_t parent; /* whose right child this is */
    bool right;
} pending;

typedef struct {
    int64_t value;          /* the entropy that it leaves, negated: more is better */
    uint32_t feature, left; /* UINT32_MAX: none yet; rows of bins up to `left` go left */
    float threshold;
} split;

struct tr_grow_room {
    /* f(k) = k ln k as a whole number, and f(k + 1) - f(k): sums of whole numbers do not depend on
     * their order */
    int64_t *f, *step;
    uint32_t *count;           /* of each label in the node */
    uint32_t *present, *place; /* labels of the node, ascending, and where each stands there */
    uint32_t *in, *out;        /* of each of these: rows left and right of a threshold */
    uint32_t *local;           /* of each row: where its label stands */
    uint32_t *item, *other;    /* of each row: bin << 16 | local */
    uint32_t *feature;          /* a permutation of the columns */
    pending *stack;
    uint32_t n_present;
};

void tr_grow_room_free(tr_grow_room *r)
{
    if (!r)
        return;
    free(r->f);
    free(r->item);
    free(r->count);
    free(r->feature);
    free(r->stack);
    free(r);
}

tr_grow_room *tr_grow_room_open(const tr_grow_columns *c, uint32_t labels, size_t rows)
{
    tr_grow_room *r = tr_mem_zero(1, sizeof *r);
    if (!r)
        return NULL;
    r->f = tr_mem_array(rows + 2, 2 * sizeof *r->f);
    r->item = tr_mem_array(rows, 3 * sizeof *r->item);
    r->count = tr_mem_zero(labels, 5 * sizeof *r->count);
    r->feature = tr_mem_array(c->dims, sizeof *r->feature);
    r->stack = tr_mem_array(TR_GROW_DEPTH + 2, sizeof *r->stack);
    if (!r->f || !r->item || !r->count || !r->feature || !r->stack) {
        tr_grow_room_free(r);
        return NULL;
    }
    r->step = r->f + rows + 2;
    for (size_t k = 0; k < rows + 2; k++)
        r->f[k] = k < 2 ? 0 : llrint((double)k * tr_real_log((double)k) * (1 << PART_BITS));
    for (size_t k = 0; k < rows + 1; k++)
        r->step[k] = r->f[k + 1] - r->f[k];
    r->other = r->item + rows;
    r->local = r->other + rows;
    r->in = r->count + labels;
    r->out = r->in + labels;
    r->present = r->out + labels;
    r->place = r->present + labels;
    return r;
}

/* Counts the labels of the rows, and lists those that are there in ascending order. */
static void count_labels(tr_grow_room *r, const uint32_t *label, const uint32_t *at, size_t n)
{
    for (uint32_t k = 0; k < r->n_present; k++)
        r->count[r->present[k]] = 0;
    r->n_present = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t l = label[at[i]];
        if (r->count[l]++)
            continue;
        uint32_t k = r->n_present++;
        for (; k && r->present[k - 1] > l; k--)
            r->present[k] = r->present[k - 1];
        r->present[k] = l;
    }
    for (uint32_t k = 0; k < r->n_present; k++)
        r->place[r->present[k]] = k;
    for (size_t i = 0; i < n; i++)
        r->local[i] = r->place[label[at[i]]];
}

static void add_leaf(tr_grow_room *r, size_t n, float shrink, tr_trees_draft *d)
{
    tr_trees_draft_leaf(d);
    for (uint32_t k = 0; k < r->n_present; k++) {
        uint32_t l = r->present[k];
        tr_trees_draft_entry(d, l, (float)r->count[l] / ((float)n + shrink));
    }
}

/* Sorts items by their upper half; gives where the result is. */
static uint32_t *sort_items(uint32_t *x, uint32_t *other, size_t n)
{
    if (n <= SHORT) {
        for (size_t i = 1; i < n; i++) {
            uint32_t item = x[i];
            size_t k = i;
            for (; k && x[k - 1] > item; k--)
                x[k] = x[k - 1];
            x[k] = item;
        }
        return x;
    }
    uint32_t any = 0;
    for (size_t i = 1; i < n; i++)
        any |= x[i] ^ x[0];
    for (unsigned shift = 16; shift < 32; shift += 8) {
        if (!(any >> shift & 255))
            continue;
        uint32_t at[256] = {0}, sum = 0;
        for (size_t i = 0; i < n; i++)
            at[x[i] >> shift & 255]++;
        for (int k = 0; k < 256; k++) {
            uint32_t count = at[k];
            at[k] = sum;
            sum += count;
        }
        for (size_t i = 0; i < n; i++)
            other[at[x[i] >> shift & 255]++] = x[i];
        uint32_t *kept = x;
        x = other;
        other = kept;
    }
    return x;
}

/* The best threshold of a feature. False where all rows are alike in it. */
static bool search(const tr_grow_columns *c, const uint32_t *at, size_t n, uint32_t feature,
                   int64_t whole, tr_grow_room *r, split *best)
{
    const uint16_t *bin = c->bin + feature * c->rows;
    for (size_t i = 0; i < n; i++)
        r->item[i] = (uint32_t)bin[at[i]] << 16 | r->local[i];
    const uint32_t *item = sort_items(r->item, r->other, n);
    if (item[0] >> 16 == item[n - 1] >> 16)
        return false;
    for (uint32_t k = 0; k < r->n_present; k++) {
        r->in[k] = 0;
        r->out[k] = r->count[r->present[k]];
    }
    int64_t sum = whole, most = INT64_MIN;
    size_t after = 0;
    for (size_t i = 0; i + 1 < n; i++) {
        uint32_t l = item[i] & 0xffff;
        sum += r->step[r->in[l]++] - r->step[--r->out[l]];
        int64_t value = sum - r->f[i + 1] - r->f[n - i - 1];
        if (value > most && item[i] >> 16 != item[i + 1] >> 16) {
            most = value;
            after = i;
        }
    }
    if (most > best->value || best->feature == UINT32_MAX) {
        uint32_t left = item[after] >> 16;
        *best = (split){most, feature, left,
                        tr_grow_threshold(c, feature, left, item[after + 1] >> 16)};
    }
    return true;
}

/* The same with a threshold drawn between the least and the largest value. */
static bool draw(const tr_grow_columns *c, const uint32_t *at, size_t n, uint32_t feature,
                 tr_rng *rng, tr_grow_room *r, split *best)
{
    const uint16_t *bin = c->bin + feature * c->rows;
    uint32_t least = UINT32_MAX, most = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t b = bin[at[i]];
        least = b < least ? b : least;
        most = b > most ? b : most;
    }
    if (least == most)
        return false;
    uint32_t left = least + (uint32_t)tr_rng_below(rng, most - least);
    memset(r->in, 0, r->n_present * sizeof *r->in);
    for (size_t i = 0; i < n; i++)
        r->in[r->local[i]] += bin[at[i]] <= left;
    int64_t sum = 0;
    uint32_t lefts = 0;
    for (uint32_t k = 0; k < r->n_present; k++) {
        sum += r->f[r->in[k]] + r->f[r->count[r->present[k]] - r->in[k]];
        lefts += r->in[k];
    }
    int64_t value = sum - r->f[lefts] - r->f[n - lefts];
    if (value > best->value || best->feature == UINT32_MAX)
        *best = (split){value, feature, left, tr_grow_threshold(c, feature, left, left + 1)};
    return true;
}

static bool find_split(const tr_grow_columns *c, const uint32_t *at, size_t n,
                       const tr_grow_options *o, tr_rng *rng, tr_grow_room *r, split *best)
{
    int64_t whole = 0;
    bool all = o->features >= c->dims;
    for (uint32_t k = 0; k < r->n_present; k++)
        whole += r->f[r->count[r->present[k]]];
    *best = (split){.feature = UINT32_MAX};
    /* at least one feature that splits, where there is one */
    for (uint32_t k = 0; k < c->dims && (k < o->features || best->feature == UINT32_MAX); k++) {
        if (!all) {
            uint32_t j = k + (uint32_t)tr_rng_below(rng, c->dims - k), kept = r->feature[k];
            r->feature[k] = r->feature[j];
            r->feature[j] = kept;
        }
        uint32_t f = r->feature[k];
        if (o->random)
            draw(c, at, n, f, rng, r, best);
        else
            search(c, at, n, f, whole, r, best);
    }
    return best->feature != UINT32_MAX;
}

/* Rows that go left to the front; gives how many. */
static size_t part(const tr_grow_columns *c, uint32_t *at, size_t n, const split *s)
{
    const uint16_t *bin = c->bin + s->feature * c->rows;
    size_t lefts = 0;
    for (size_t i = 0; i < n; i++)
        if (bin[at[i]] <= s->left) {
            uint32_t kept = at[lefts];
            at[lefts++] = at[i];
            at[i] = kept;
        }
    return lefts;
}

void tr_grow_tree(const tr_grow_columns *c, const uint32_t *label, uint32_t *at, size_t n,
                  const tr_grow_options *o, tr_rng *rng, tr_grow_room *r, tr_trees_draft *d)
{
    size_t waiting = 0;
    for (uint32_t f = 0; f < c->dims; f++)
        r->feature[f] = f; /* nothing of the tree before may be left: it saw other rows */
    tr_trees_draft_tree(d);
    r->stack[waiting++] = (pending){.end = (uint32_t)n};
    while (waiting && !d->failed) {
        pending p = r->stack[--waiting];
        split s;
        size_t size = p.end - p.begin;
        if (p.right)
            tr_trees_draft_right(d, p.parent);
        count_labels(r, label, at + p.begin, size);
        if (r->n_present < 2 || p.depth >= o->depth ||
            !find_split(c, at + p.begin, size, o, rng, r, &s)) {
            add_leaf(r, size, o->shrink, d);
            continue;
        }
        size_t node = tr_trees_draft_split(d, s.feature, s.threshold);
        uint32_t middle = p.begin + (uint32_t)part(c, at + p.begin, size, &s);
        r->stack[waiting++] = (pending){middle, p.end, p.depth + 1, node, true};
        r->stack[waiting++] = (pending){p.begin, middle, p.depth + 1, 0, false};
    }
}

tr_code tr_grow_score(const tr_training *t, unsigned fold, const tr_trees *m, const bool *use,
                      float *decision, tr_err *err)
{
    uint32_t labels = t->shape.labels;
    float *z = tr_mem_array(tr_dot_width(labels), sizeof *z);
    if (!z)
        return tr_err_memory(err);
    for (size_t s = 0; s < t->scored->rows; s++)
        if (t->scored_fold[s] == fold) {
            tr_trees_decide_by(m, use, t->scored_dense + s * t->shape.dims, z);
            memcpy(decision + s * labels, z, labels * sizeof *z);
        }
    free(z);
    return TR_OK;
}
