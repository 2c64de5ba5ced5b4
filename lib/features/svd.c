#include "features/svd.h"

#include "ground/mem.h"
#include "ground/rng.h"
#include "maths/dot.h"
#include "maths/la.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST_BYTE = 127,
    POWERS = 2,         /* power iterations */
    BEYOND = 8,         /* directions that are looked for beyond those wanted */
    MOST_ROWS = 100000, /* rows that the directions are found from; of more, evenly spaced ones */
    BLOCK = 256
};

typedef struct {
    uint64_t *start;
    uint32_t *index;
    float *value;
} table;

static void table_free(table *t)
{
    free(t->start);
    free(t->index);
    free(t->value);
}

static bool table_make(table *t, size_t rows, size_t entries)
{
    t->start = tr_mem_zero(rows + 1, sizeof *t->start);
    t->index = tr_mem_array(entries, sizeof *t->index);
    t->value = tr_mem_array(entries, sizeof *t->value);
    return t->start && t->index && t->value;
}

static tr_sparse_row table_at(const table *t, size_t i)
{
    return (tr_sparse_row){t->index + t->start[i], t->value + t->start[i],
                           (size_t)(t->start[i + 1] - t->start[i])};
}

/* to = from turned round: of `columns` rows. The starts serve as the places that are next, and are
 * put right at the end. */
static bool table_turn(table *to, const table *from, size_t rows, size_t columns)
{
    if (!table_make(to, columns, (size_t)from->start[rows]))
        return false;
    for (size_t q = 0; q < from->start[rows]; q++)
        to->start[from->index[q] + 1]++;
    for (size_t c = 0; c < columns; c++)
        to->start[c + 1] += to->start[c];
    for (size_t i = 0; i < rows; i++)
        for (size_t q = from->start[i]; q < from->start[i + 1]; q++) {
            size_t at = to->start[from->index[q]]++;
            to->index[at] = (uint32_t)i;
            to->value[at] = from->value[q];
        }
    memmove(to->start + 1, to->start, columns * sizeof *to->start);
    to->start[0] = 0;
    return true;
}

/* The rows that the directions are found from, without the columns that one row alone has: such a
 * column says nothing of any other row. */
typedef struct {
    uint32_t *live; /* of each column: its number among those that stay + 1; 0: it does not */
    uint32_t columns;
    size_t rows, width; /* width: directions looked for, whole vectors */
    table by_row, by_column;
    float *left, *right; /* rows × width, columns × width */
} svd;

static void svd_free(svd *s)
{
    free(s->live);
    table_free(&s->by_row);
    table_free(&s->by_column);
    free(s->left);
    free(s->right);
}

static tr_code svd_take(svd *s, const tr_sparse *x, uint32_t columns, tr_err *err)
{
    size_t n = 0, entries = 0;
    s->rows = x->rows < MOST_ROWS ? x->rows : MOST_ROWS;
    s->live = tr_mem_zero(columns, sizeof *s->live);
    if (!s->live)
        return tr_err_memory(err);
    for (size_t i = 0; i < s->rows; i++) {
        tr_sparse_row row = tr_sparse_at(x, i * x->rows / s->rows);
        for (size_t q = 0; q < row.n; q++)
            s->live[row.index[q]]++;
        entries += row.n;
    }
    for (uint32_t c = 0; c < columns; c++)
        s->live[c] = s->live[c] > 1 ? ++s->columns : 0;
    table *t = &s->by_row;
    if (!table_make(t, s->rows, entries))
        return tr_err_memory(err);
    for (size_t i = 0; i < s->rows; i++) {
        tr_sparse_row row = tr_sparse_at(x, i * x->rows / s->rows);
        for (size_t q = 0; q < row.n; q++)
            if (s->live[row.index[q]]) {
                t->index[n] = s->live[row.index[q]] - 1;
                t->value[n++] = row.value[q];
            }
        t->start[i + 1] = n;
    }
    return table_turn(&s->by_column, t, s->rows, s->columns) ? TR_OK : tr_err_memory(err);
}

/* to = t from */
static void multiply(const table *t, size_t rows, size_t width, const float *from, float *to)
{
    memset(to, 0, rows * width * sizeof *to);
    for (size_t i = 0; i < rows; i++)
        tr_dot_gather(from, width, table_at(t, i), to + i * width);
}

static void to_right(svd *s)
{
    multiply(&s->by_column, s->columns, s->width, s->left, s->right);
}

static void to_left(svd *s)
{
    multiply(&s->by_row, s->rows, s->width, s->right, s->left);
}

/* m (rows × n) = V S Qᵀ with a small orthogonal Q: found from mᵀ m, in doubles. turn (n × n)
 * becomes Q / S by columns, the largest first, so that m · turn = V; `found`: how many there are,
 * at most `most`; the columns beyond are zero. */
static tr_code find_turn(const float *m, size_t rows, size_t n, uint32_t most, float *turn,
                         uint32_t *found, tr_err *err)
{
    double *square = tr_mem_zero(n * n, sizeof *square), *value = tr_mem_array(n, sizeof *value);
    double *block = tr_mem_array(BLOCK * n, sizeof *block);
    tr_code code = square && value && block ? TR_OK : tr_err_memory(err);
    for (size_t from = 0; code == TR_OK && from < rows; from += BLOCK) {
        size_t some = rows - from < BLOCK ? rows - from : BLOCK;
        for (size_t i = 0; i < some * n; i++)
            block[i] = (double)m[from * n + i];
        tr_la_gram(block, some, n, 1, square);
    }
    if (code == TR_OK)
        code = tr_la_eigen(square, n, value, err);
    *found = 0;
    memset(turn, 0, n * n * sizeof *turn);
    for (size_t k = 0; code == TR_OK && k < n && k < most; k++) {
        size_t from = n - 1 - k;
        if (!(value[from] > 1e-8 * value[n - 1]))
            break;
        for (size_t i = 0; i < n; i++)
            turn[i * n + k] = (float)(square[from * n + i] / sqrt(value[from]));
        ++*found;
    }
    free(square);
    free(value);
    free(block);
    return code;
}

/* Randomised range finder: a `left` with orthonormal columns that hold nearly all of the rows'
 * variation; then right = xᵀ left. turn: width × width. */
static tr_code find_range(svd *s, uint64_t seed, float *turn, tr_err *err)
{
    tr_rng random;
    uint32_t found;
    float *block = tr_mem_array(BLOCK * s->width, sizeof *block);
    tr_code code = block ? TR_OK : tr_err_memory(err);
    tr_rng_init(&random, seed);
    for (size_t i = 0; i < s->rows * s->width; i++)
        s->left[i] = (float)tr_rng_normal(&random);
    for (int power = 0; power <= POWERS && code == TR_OK; power++) {
        to_right(s);
        to_left(s);
        code = find_turn(s->left, s->rows, s->width, UINT32_MAX, turn, &found, err);
        for (size_t from = 0; code == TR_OK && from < s->rows; from += BLOCK) {
            size_t some = s->rows - from < BLOCK ? s->rows - from : BLOCK;
            float *at = s->left + from * s->width;
            memcpy(block, at, some * s->width * sizeof *at);
            tr_la_multiply((tr_la_side){block, s->width, false},
                           (tr_la_side){turn, s->width, false}, some, s->width, s->width, 0, at,
                           s->width);
        }
    }
    if (code == TR_OK)
        to_right(s);
    free(block);
    return code;
}

/* V row by row to bytes; columns that do not count stay zero. */
static tr_code round_axis(tr_dense *v, const svd *s, const float *turn, uint32_t columns,
                          tr_err *err)
{
    size_t width = tr_dot_width(v->dims), n = 0;
    float *scale = (float *)v->owned + v->dims, *row = tr_mem_array(BLOCK * width, sizeof *row);
    int8_t *axis = (int8_t *)(scale + columns);
    if (!row)
        return tr_err_memory(err);
    for (uint32_t c = 0; c < columns; c++) {
        if (!s->live[c])
            continue;
        if (n % BLOCK == 0) {
            size_t rows = s->columns - n < BLOCK ? s->columns - n : BLOCK;
            tr_la_multiply((tr_la_side){s->right + n * s->width, s->width, false},
                           (tr_la_side){turn, s->width, false}, rows, v->dims, s->width, 0, row,
                           width);
        }
        const float *x = row + n++ % BLOCK * width;
        float most = 0;
        for (uint32_t d = 0; d < v->dims; d++)
            most = fabsf(x[d]) > most ? fabsf(x[d]) : most;
        scale[c] = most / MOST_BYTE;
        for (uint32_t d = 0; most > 0 && d < v->dims; d++)
            axis[c * width + d] = (int8_t)lrintf(x[d] / most * MOST_BYTE);
    }
    free(row);
    return TR_OK;
}

static tr_code fit_text(tr_dense *v, svd *s, const tr_sparse *x, uint32_t columns, uint32_t dims,
                        float length, uint64_t seed, tr_err *err)
{
    tr_code code = svd_take(s, x, columns, err);
    if (code != TR_OK)
        return code;
    /* whole vectors of directions, but not more than there can be */
    s->width = tr_dot_width((size_t)dims + BEYOND);
    while (s->width > TR_DOT_LANES && (s->width > s->rows || s->width > s->columns))
        s->width -= TR_DOT_LANES;
    uint32_t found = 0;
    float *turn = tr_mem_array(s->width * s->width, sizeof *turn);
    s->left = tr_mem_array(s->rows, s->width * sizeof(float));
    s->right = tr_mem_array(s->columns, s->width * sizeof(float));
    if (!turn || !s->left || !s->right)
        code = tr_err_memory(err);
    if (code == TR_OK && s->columns)
        code = find_range(s, seed, turn, err);
    if (code == TR_OK && s->columns)
        code = find_turn(s->right, s->columns, s->width, dims, turn, &found, err);
    if (code == TR_OK) /* rows that have nothing in common have the view 0, which is a view too */
        code = tr_dense_make(v, found ? found : 1, columns, err);
    if (code == TR_OK && found)
        code = round_axis(v, s, turn, columns, err);
    free(turn);
    return code == TR_OK ? tr_dense_centre_text(v, x, s->rows, length, err) : code;
}

tr_code tr_svd_fit(tr_dense *v, const tr_sparse *x, uint32_t columns, uint32_t dims, float length,
                   uint64_t seed, tr_err *err)
{
    svd s = {0};
    *v = (tr_dense){0};
    tr_code code = fit_text(v, &s, x, columns, dims, length, seed, err);
    svd_free(&s);
    if (code != TR_OK)
        tr_dense_free(v);
    return code;
}
