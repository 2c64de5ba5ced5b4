#include "features/tfidf.h"

#include "ground/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- counting ---- */

enum {
    FIRST_SLOTS = 1 << 16,
    /* Above so many distinct grams those seen least are dropped: what a log of any length may cost.
     */
    MOST_ENTRIES = 12 << 20
};

typedef struct {
    uint64_t gram;
    uint32_t last; /* text that counted it last, + 1: repeats within a text count once */
    uint32_t count : 31, is_word : 1;
} entry;

struct tr_tfidf_counts {
    entry *entries;
    size_t n, capacity;
    uint32_t *slots; /* entry + 1 */
    size_t n_slots;
    uint32_t rows;
};

tr_tfidf_counts *tr_tfidf_count_open(void)
{
    tr_tfidf_counts *c = tr_mem_zero(1, sizeof *c);
    if (!c)
        return NULL;
    c->n_slots = FIRST_SLOTS;
    c->slots = tr_mem_zero(c->n_slots, sizeof *c->slots);
    if (!c->slots) {
        tr_tfidf_count_close(c);
        return NULL;
    }
    return c;
}

void tr_tfidf_count_close(tr_tfidf_counts *c)
{
    if (!c)
        return;
    free(c->entries);
    free(c->slots);
    free(c);
}

static void place(tr_tfidf_counts *c, uint32_t e)
{
    size_t mask = c->n_slots - 1, i = (size_t)c->entries[e].gram & mask;
    while (c->slots[i])
        i = (i + 1) & mask;
    c->slots[i] = e + 1;
}

static bool rehash(tr_tfidf_counts *c, size_t n_slots)
{
    uint32_t *slots = tr_mem_zero(n_slots, sizeof *slots);
    if (!slots)
        return false;
    free(c->slots);
    c->slots = slots;
    c->n_slots = n_slots;
    for (size_t e = 0; e < c->n; e++)
        place(c, (uint32_t)e);
    return true;
}

/* Drops the grams seen in the fewest rows until half of the room is free. */
static bool prune(tr_tfidf_counts *c)
{
    for (uint32_t least = 2; c->n > MOST_ENTRIES / 2; least++) {
        size_t kept = 0;
        for (size_t e = 0; e < c->n; e++)
            if (c->entries[e].count >= least)
                c->entries[kept++] = c->entries[e];
        c->n = kept;
    }
    return rehash(c, c->n_slots);
}

static bool count_gram(tr_tfidf_counts *c, uint64_t gram, bool is_word)
{
    size_t mask = c->n_slots - 1, i = (size_t)gram & mask;
    while (c->slots[i] && c->entries[c->slots[i] - 1].gram != gram)
        i = (i + 1) & mask;
    if (!c->slots[i]) {
        if (!tr_mem_reserve((void **)&c->entries, &c->capacity, c->n + 1, sizeof *c->entries))
            return false;
        c->entries[c->n] = (entry){.gram = gram, .is_word = is_word};
        c->slots[i] = (uint32_t)++c->n;
        if (c->n * 2 > c->n_slots) {
            uint32_t e = (uint32_t)c->n - 1;
            if (!rehash(c, c->n_slots * 2))
                return false;
            for (i = (size_t)gram & (c->n_slots - 1); c->slots[i] != e + 1;)
                i = (i + 1) & (c->n_slots - 1);
        }
    }
    size_t e = c->slots[i] - 1;
    if (c->entries[e].last != c->rows) {
        c->entries[e].last = c->rows;
        c->entries[e].count++;
    }
    return true;
}

bool tr_tfidf_count_add(tr_tfidf_counts *c, const tr_ngrams *grams)
{
    c->rows++;
    for (size_t k = 0; k < grams->n; k++)
        if (!count_gram(c, grams->gram[k], k < grams->n_words))
            return false;
    return c->n <= MOST_ENTRIES || prune(c);
}

/* ---- the vocabulary ---- */

typedef struct {
    uint64_t gram;
    uint32_t count, is_word;
} candidate;

static int by_count(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return x->gram < y->gram ? -1 : x->gram > y->gram;
}

/* Words first; within a block the most frequent first, so that what is read often lies together. */
static int by_block(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->is_word != y->is_word)
        return x->is_word ? -1 : 1;
    return by_count(a, b);
}

static uint32_t slots_for(uint32_t n)
{
    uint32_t slots = 16;
    while (slots < n + (uint64_t)n / 2)
        slots *= 2;
    return slots;
}

/* Fills slots, idf and `single` from the chosen candidates. */
static void fill(tr_tfidf *v, const tr_tfidf_counts *c, const candidate *chosen, uint64_t *slot,
                 float *idf)
{
    uint32_t mask = v->n_slots - 1;
    for (uint32_t j = 0; j < v->n; j++) {
        uint32_t i = (uint32_t)chosen[j].gram & mask;
        while (slot[i])
            i = (i + 1) & mask;
        slot[i] = (chosen[j].gram >> 32) << 32 | (j + 1);
        idf[j] = (float)(log((1.0 + c->rows) / (1.0 + chosen[j].count)) + 1.0);
        v->single[j] = chosen[j].count == 1;
    }
}

tr_code tr_tfidf_build(tr_tfidf *v, const tr_tfidf_counts *c, unsigned least_rows, uint32_t most,
                       tr_err *err)
{
    *v = (tr_tfidf){0};
    candidate *all = tr_mem_array(c->n, sizeof *all);
    if (!all)
        return tr_err_memory(err);
    size_t n = 0;
    for (size_t e = 0; e < c->n; e++) {
        const entry *x = &c->entries[e];
        if (x->count >= least_rows)
            all[n++] = (candidate){x->gram, x->count, x->is_word};
    }
    if (n > most) {
        qsort(all, n, sizeof *all, by_count);
        n = most;
    }
    qsort(all, n, sizeof *all, by_block);
    v->n = (uint32_t)n;
    while (v->n_words < v->n && all[v->n_words].is_word)
        v->n_words++;
    v->n_slots = slots_for(v->n);
    uint64_t *slot = tr_mem_zero(v->n_slots, sizeof *slot + sizeof(float));
    v->owned = slot;
    v->single = tr_mem_zero(v->n, 1);
    if (!slot || !v->single) {
        free(all);
        tr_tfidf_free(v);
        return tr_err_memory(err);
    }
    float *idf = (float *)(slot + v->n_slots);
    fill(v, c, all, slot, idf);
    v->slot = slot;
    v->idf = idf;
    free(all);
    return TR_OK;
}

void tr_tfidf_free(tr_tfidf *v)
{
    free(v->owned);
    free(v->single);
    *v = (tr_tfidf){0};
}

/* ---- a row ---- */

enum { AHEAD = 8 };

/* The column of a gram, or -1. */
static inline int64_t column(const tr_tfidf *v, uint64_t gram)
{
    uint32_t mask = v->n_slots - 1;
    for (uint32_t i = (uint32_t)gram & mask; v->slot[i]; i = (i + 1) & mask)
        if (v->slot[i] >> 32 == gram >> 32)
            return (int64_t)(uint32_t)v->slot[i] - 1;
    return -1;
}

/* 1 + ln(count) without the C library's log, so that it has the same bits everywhere. */
static float damped(uint32_t count)
{
    static const float table[] = {0.f,         1.f,         1.69314718f, 2.09861229f,
                                  2.38629436f, 2.60943791f, 2.79175947f, 2.94591015f,
                                  3.07944154f, 3.19722458f, 3.30258509f, 3.39789527f,
                                  3.48490665f, 3.56494936f, 3.63905733f, 3.7080502f};
    const uint32_t last = sizeof table / sizeof *table - 1;
    float extra = 0;
    while (count > last) { /* halved as often as needed: ln 2 each; the remainder is cut */
        count /= 2;
        extra += 0.693147181f;
    }
    return table[count] + extra;
}

/* Weighs and normalizes entries begin..end, whose values hold counts. */
static void weigh(const tr_tfidf *v, tr_tfidf_row *row, size_t begin, size_t end)
{
    double sum = 0;
    for (size_t k = begin; k < end; k++) {
        row->value[k] = damped((uint32_t)row->value[k]) * v->idf[row->index[k]];
        sum += (double)row->value[k] * row->value[k];
    }
    float scale = sum > 0 ? (float)(1 / sqrt(sum)) : 0;
    for (size_t k = begin; k < end; k++)
        row->value[k] *= scale;
}

bool tr_tfidf_transform(const tr_tfidf *v, const tr_ngrams *grams, bool as_new, tr_tfidf_row *row)
{
    row->n = 0;
    if (!tr_mem_reserve((void **)&row->index, &row->capacity, grams->n + 1, sizeof *row->index) ||
        !tr_mem_reserve((void **)&row->value, &row->value_capacity, grams->n + 1,
                        sizeof *row->value) ||
        !tr_mem_reserve((void **)&row->column, &row->column_capacity, grams->n + 1,
                        sizeof *row->column))
        return false;
    if (row->count_capacity < v->n) {
        free(row->count);
        row->count = tr_mem_zero(v->n, sizeof *row->count);
        row->count_capacity = row->count ? v->n : 0;
        if (!row->count)
            return false;
    }
    /* the table and the counts are larger than the nearest caches: look up first, ask ahead */
    for (size_t k = 0; k < grams->n; k++) {
        if (k + AHEAD < grams->n)
            __builtin_prefetch(&v->slot[(uint32_t)grams->gram[k + AHEAD] & (v->n_slots - 1)]);
        int64_t j = column(v, grams->gram[k]);
        if (j >= 0 && as_new && v->single[j])
            j = -1;
        row->column[k] = (int32_t)j;
        if (j >= 0)
            __builtin_prefetch(&row->count[j]);
    }
    size_t unseen = 0, words_end = 0;
    for (size_t k = 0; k < grams->n; k++) {
        int32_t j = row->column[k];
        if (k < grams->n_words)
            unseen += j < 0;
        else if (k == grams->n_words)
            words_end = row->n;
        if (j < 0)
            continue;
        uint32_t at = row->count[j];
        if (!at) {
            row->index[row->n] = (uint32_t)j;
            row->value[row->n] = 0;
            at = row->count[j] = (uint32_t)++row->n;
        }
        row->value[at - 1] += 1;
    }
    if (grams->n_words == grams->n)
        words_end = row->n;
    for (size_t k = 0; k < row->n; k++)
        row->count[row->index[k]] = 0;
    weigh(v, row, 0, words_end);
    weigh(v, row, words_end, row->n);
    row->unseen = grams->n_words ? (float)unseen / (float)grams->n_words : 1.f;
    return true;
}

void tr_tfidf_row_free(tr_tfidf_row *row)
{
    free(row->index);
    free(row->value);
    free(row->count);
    free(row->column);
    *row = (tr_tfidf_row){0};
}

/* ---- binary form ---- */

void tr_tfidf_write(const tr_tfidf *v, tr_buf *out)
{
    tr_le_put_u32(out, v->n);
    tr_le_put_u32(out, v->n_words);
    tr_le_put_u32(out, v->n_slots);
    tr_le_put_u32(out, 0);
    tr_le_put_u64s(out, v->slot, v->n_slots);
    tr_le_put_f32s(out, v->idf, v->n);
    tr_le_align(out, 8);
}

tr_code tr_tfidf_read(tr_tfidf *v, tr_le_reader *r, tr_err *err)
{
    *v = (tr_tfidf){0};
    v->n = tr_le_u32(r);
    v->n_words = tr_le_u32(r);
    v->n_slots = tr_le_u32(r);
    tr_le_u32(r);
    v->slot = tr_le_u64s(r, v->n_slots);
    v->idf = tr_le_f32s(r, v->n);
    tr_le_skip_align(r, 8);
    if (r->failed || v->n_words > v->n || !v->n_slots || (v->n_slots & (v->n_slots - 1)))
        return tr_err_set(err, TR_DATA, "the vocabulary is malformed");
    uint64_t used = 0;
    for (uint32_t i = 0; i < v->n_slots; i++)
        if (v->slot[i]) {
            used++;
            if ((uint32_t)v->slot[i] == 0 || (uint32_t)v->slot[i] > v->n)
                return tr_err_set(err, TR_DATA, "the vocabulary names a column that is not there");
        }
    if (used >= v->n_slots) /* a search must find an empty slot */
        return tr_err_set(err, TR_DATA, "the vocabulary has no empty slot");
    return TR_OK;
}
