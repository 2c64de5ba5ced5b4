#include "zoo/knn.h"

#include "ground/hash.h"
#include "ground/mem.h"
#include "zoo/cells.h"

#include <stdlib.h>
#include <string.h>

/* How much less a vote weighs that is less alike: e times less for each eighteenth of a cosine. */
static const float SHARPNESS = 18;

enum {
    CHUNK = 1024, /* scored rows of a task */
    WHOLE = 1024, /* so many rows are searched whole */
    CELL = 64     /* rows of a cell, on the average */
};

/* What all tasks read. */
typedef struct {
    uint32_t *kept; /* training rows that are stored, in their order */
    uint8_t *fold;  /* of each */
    uint32_t n;
} store;

static void store_drop(void *own)
{
    store *s = own;
    free(s->kept);
    free(s->fold);
    free(s);
}

typedef struct {
    uint64_t hash;
    uint32_t row;
} ticket;

static int by_hash(const void *a, const void *b)
{
    const ticket *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* The rows that have a label, or as many of them as may be kept. */
static tr_code choose(store *s, const tr_training *t, tr_err *err)
{
    size_t rows = t->x->rows, n = 0;
    tr_hash_key key = tr_hash_derive(t->seed, "knn");
    ticket *drawn = tr_mem_array(rows, sizeof *drawn);
    s->kept = tr_mem_array(rows, sizeof *s->kept);
    s->fold = tr_mem_array(rows, 1);
    if (!drawn || !s->kept || !s->fold) {
        free(drawn);
        return tr_err_memory(err);
    }
    for (size_t i = 0; i < rows; i++)
        if (t->label[i] != UINT32_MAX)
            drawn[n++] = (ticket){tr_hash_keyed_u64(key, i), (uint32_t)i};
    if (n > TR_KNN_ROWS) {
        qsort(drawn, n, sizeof *drawn, by_hash);
        n = TR_KNN_ROWS;
    }
    for (size_t i = 0; i < n; i++)
        s->kept[i] = drawn[i].row;
    free(drawn);
    qsort(s->kept, n, sizeof *s->kept, by_number);
    for (size_t i = 0; i < n; i++)
        s->fold[i] = t->fold[s->kept[i]];
    s->n = (uint32_t)n;
    return TR_OK;
}

/* Stores the rows x cell by cell, and brings the list of them into that order. */
static tr_code make_in_cells(store *s, const tr_training *t, const float *x, const uint32_t *label,
                             tr_neighbours *m, tr_err *err)
{
    uint32_t cells = s->n / CELL, dims = t->shape.dims, n = 0;
    uint32_t *cell_of = tr_mem_array(s->n, sizeof *cell_of);
    uint32_t *start = tr_mem_zero((size_t)cells + 1, sizeof *start);
    uint32_t *kept = tr_mem_array(s->n, sizeof *kept), *own = tr_mem_array(s->n, sizeof *own);
    uint8_t *fold = tr_mem_array(s->n, 1);
    float *middle = tr_mem_array((size_t)cells * dims, sizeof *middle);
    float *sorted = tr_mem_array((size_t)s->n * dims, sizeof *sorted);
    tr_code code = cell_of && start && kept && own && fold && middle && sorted
                       ? tr_cells_fit(x, s->n, dims, cells, t->seed, cell_of, middle, err)
                       : tr_err_memory(err);
    for (uint32_t c = 0; code == TR_OK && c < cells; c++) {
        start[c] = n;
        for (uint32_t i = 0; i < s->n; i++) {
            if (cell_of[i] != c)
                continue;
            kept[n] = s->kept[i];
            own[n] = label[i];
            fold[n] = s->fold[i];
            memcpy(sorted + (size_t)n++ * dims, x + (size_t)i * dims, dims * sizeof *sorted);
        }
    }
    if (code == TR_OK) {
        tr_neighbours_cells in = {cells, start, middle};
        memcpy(s->kept, kept, s->n * sizeof *kept);
        memcpy(s->fold, fold, s->n);
        code = tr_neighbours_make(m, sorted, own, s->n, dims, t->shape.labels, TR_KNN_NEIGHBOURS,
                                  SHARPNESS, &in, err);
    }
    free(cell_of);
    free(start);
    free(kept);
    free(own);
    free(fold);
    free(middle);
    free(sorted);
    return code;
}

/* Task 0: stores the rows. */
static tr_code build(tr_job *j, tr_err *err)
{
    const tr_training *t = j->t;
    store *s = j->own;
    size_t dims = t->shape.dims;
    tr_code code = choose(s, t, err);
    if (code != TR_OK)
        return code;
    if (s->n == 0)
        return tr_err_set(err, TR_DATA, "no training row has a label");
    float *x = tr_mem_array(s->n, dims * sizeof *x);
    uint32_t *label = tr_mem_array(s->n, sizeof *label);
    tr_neighbours m = {0};
    code = x && label ? TR_OK : tr_err_memory(err);
    for (size_t i = 0; code == TR_OK && i < s->n; i++) {
        memcpy(x + i * dims, t->dense + s->kept[i] * dims, dims * sizeof *x);
        label[i] = t->label[s->kept[i]];
    }
    if (code == TR_OK && s->n > WHOLE)
        code = make_in_cells(s, t, x, label, &m, err);
    else if (code == TR_OK)
        code = tr_neighbours_make(&m, x, label, s->n, t->shape.dims, t->shape.labels,
                                  TR_KNN_NEIGHBOURS, SHARPNESS, NULL, err);
    if (code == TR_OK)
        j->out->model = (tr_surrogate){.kind = TR_SURROGATE_NEIGHBOURS, .neighbours = m};
    free(x);
    free(label);
    return code;
}

/* The other tasks: votes on a chunk of the held-out rows by rows outside their fold. */
static tr_code vote(tr_job *j, size_t from, tr_err *err)
{
    enum { AT_ONCE = TR_NEIGHBOURS_AT_ONCE };
    const tr_training *t = j->t;
    const store *s = j->own;
    const tr_neighbours *m = &j->out->model.neighbours;
    size_t labels = t->shape.labels, room = tr_neighbours_search_room(m, AT_ONCE), n = 0;
    size_t to = from + CHUNK < t->scored->rows ? from + CHUNK : t->scored->rows;
    tr_neighbour *found = tr_mem_array((size_t)AT_ONCE * m->k, sizeof *found);
    float *scratch = tr_mem_array(room + tr_dot_width(labels), sizeof *scratch);
    const float *x[AT_ONCE];
    uint8_t own[AT_ONCE];
    uint32_t row[AT_ONCE], count[AT_ONCE];
    tr_code code = found && scratch ? TR_OK : tr_err_memory(err);
    for (size_t i = from; code == TR_OK && i < to; i++) {
        if (t->scored_fold[i] != TR_FOLD_NONE) {
            x[n] = t->scored_dense + i * t->shape.dims;
            own[n] = t->scored_fold[i];
            row[n++] = (uint32_t)i;
        }
        if (n < AT_ONCE && i + 1 < to)
            continue;
        tr_neighbours_search(m, x, n, s->fold, own, scratch, found, count);
        for (size_t q = 0; q < n; q++) {
            tr_neighbours_vote(m, found + q * m->k, count[q], scratch + room);
            memcpy(j->out->decision + row[q] * labels, scratch + room, labels * sizeof(float));
        }
        n = 0;
    }
    free(found);
    free(scratch);
    return code;
}

static tr_code run(void *context, size_t task, tr_err *err)
{
    tr_job *j = context;
    double began = tr_training_clock();
    tr_code code = task == 0 ? build(j, err) : vote(j, (task - 1) * CHUNK, err);
    tr_training_spent(j->out, began);
    return code;
}

tr_code tr_knn_open(tr_job *j, const tr_training *t, tr_fitted *out, tr_err *err)
{
    tr_code code = tr_job_open(j, t, out, false, err);
    if (code != TR_OK)
        return code;
    j->run = run;
    j->tasks = 1 + (t->scored->rows + CHUNK - 1) / CHUNK;
    j->full_first = true;
    j->own = tr_mem_zero(1, sizeof(store));
    if (!j->own) {
        tr_fitted_free(out);
        return tr_err_memory(err);
    }
    j->drop = store_drop;
    return TR_OK;
}
