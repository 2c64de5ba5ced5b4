#include "zoo/xgboost.h"

#ifndef TR_HAVE_XGBOOST

bool tr_xgboost_built(void)
{
    return false;
}

tr_code tr_xgboost_convert(void *booster, uint32_t labels, uint32_t dims, tr_trees *m, tr_err *err)
{
    (void)booster, (void)labels, (void)dims;
    *m = (tr_trees){0};
    return tr_err_set(err, TR_USAGE, "built without the XGBoost library");
}

tr_code tr_xgboost_open(tr_job *j, const tr_training *t, tr_fitted *out, tr_err *err)
{
    (void)t;
    *j = (tr_job){0};
    *out = (tr_fitted){0};
    return tr_err_set(err, TR_USAGE, "built without the XGBoost library");
}

#else

#include "doors/json.h"
#include "ground/mem.h"
#include "ground/num.h"
#include "zoo/grow.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xgboost/c_api.h>

/* A round grows one tree a label, so with many labels there are fewer and bolder rounds, and each
 * tree sees fewer columns. */
enum {
    DEPTH = 6,
    MOST_DEPTH = 64, /* of a tree that is converted */
    MOST_ROUNDS = 200,
    LEAST_ROUNDS = 30,
    TREES = 2000,
    MOST_ROWS = TR_GROW_MOST_ROWS
};

static const double LEAST_RATE = 0.1, MOST_RATE = 0.3, TRAVEL = 12; /* rate × rounds */

bool tr_xgboost_built(void)
{
    return true;
}

static tr_code failed(tr_err *err)
{
    return tr_err_set(err, TR_SYSTEM, "XGBoost: %s", XGBGetLastError());
}

/* ---- its trees as ours ---- */

typedef struct {
    tr_trees_draft *draft;
    uint32_t dims, label;
} conversion;

static const tr_json *child(const tr_json *node, const char *which)
{
    uint64_t wanted, id;
    const tr_json *children = tr_json_get(node, "children");
    if (!tr_json_as_u64(tr_json_get(node, which), &wanted))
        return NULL;
    for (size_t k = 0; k < 2; k++) {
        const tr_json *c = tr_json_at(children, k);
        if (c && tr_json_as_u64(tr_json_get(c, "nodeid"), &id) && id == wanted)
            return c;
    }
    return NULL;
}

/* {"leaf": value}, or {"split": "f12", "split_condition": t, "yes": id, "no": id, "children": [..]}
 * where x < t goes to "yes". False where it is neither. */
static bool convert_node(conversion *c, const tr_json *node, unsigned depth)
{
    const char *name;
    uint64_t feature;
    double value;
    if (!node || depth > MOST_DEPTH)
        return false;
    if (tr_json_as_double(tr_json_get(node, "leaf"), &value)) {
        tr_trees_draft_leaf(c->draft);
        tr_trees_draft_entry(c->draft, c->label, (float)value);
        return true;
    }
    if (!tr_json_as_text(tr_json_get(node, "split"), &name) || name[0] != 'f' ||
        !tr_num_parse_u64(tr_str_c(name + 1), &feature) || feature >= c->dims ||
        !tr_json_as_double(tr_json_get(node, "split_condition"), &value))
        return false;
    /* x < t is x <= the float before t */
    size_t at = tr_trees_draft_split(c->draft, (uint32_t)feature,
                                     nextafterf((float)value, -INFINITY));
    if (!convert_node(c, child(node, "yes"), depth + 1))
        return false;
    tr_trees_draft_right(c->draft, at);
    return convert_node(c, child(node, "no"), depth + 1);
}

tr_code tr_xgboost_convert(void *booster, uint32_t labels, uint32_t dims, tr_trees *m, tr_err *err)
{
    bst_ulong n;
    const char **text;
    tr_trees_draft d = {0};
    tr_code code = TR_OK;
    *m = (tr_trees){0};
    if (XGBoosterDumpModelEx(booster, "", 0, "json", &n, &text))
        return failed(err);
    for (bst_ulong k = 0; code == TR_OK && k < n; k++) {
        conversion c = {&d, dims, (uint32_t)(k % labels)};
        tr_json *root = tr_json_parse(tr_str_c(text[k]), err);
        tr_trees_draft_tree(&d);
        if (!convert_node(&c, root, 0))
            code = tr_err_set(err, TR_SYSTEM, "XGBoost gave a tree that is not understood");
        tr_json_free(root);
    }
    float *base = code == TR_OK ? tr_mem_zero(labels, sizeof *base) : NULL;
    if (code == TR_OK)
        code = base ? tr_trees_join(m, TR_TREES_SUMS, labels, dims, base, &d, 1, err)
                    : tr_err_memory(err);
    free(base);
    tr_trees_draft_free(&d);
    return code;
}

/* ---- one fit ---- */

static bool set_number(BoosterHandle b, const char *name, double x)
{
    char text[TR_NUM_TEXT];
    tr_num_print_double(text, x);
    return XGBoosterSetParam(b, name, text) == 0;
}

static unsigned rounds_for(uint32_t labels)
{
    unsigned rounds = TREES / labels;
    return rounds > MOST_ROUNDS ? MOST_ROUNDS : rounds < LEAST_ROUNDS ? LEAST_ROUNDS : rounds;
}

static bool set_all(BoosterHandle b, const tr_training *t, unsigned rounds)
{
    double rate = TRAVEL / rounds;
    rate = rate < LEAST_RATE ? LEAST_RATE : rate > MOST_RATE ? MOST_RATE : rate;
    return XGBoosterSetParam(b, "verbosity", "0") == 0 &&
           XGBoosterSetParam(b, "objective", "multi:softprob") == 0 &&
           XGBoosterSetParam(b, "tree_method", "hist") == 0 &&
           XGBoosterSetParam(b, "nthread", "1") == 0 &&
           XGBoosterSetParam(b, "base_score", "0") == 0 && set_number(b, "max_bin", 64) &&
           set_number(b, "num_class", t->shape.labels) && set_number(b, "max_depth", DEPTH) &&
           set_number(b, "eta", rate) && set_number(b, "seed", (double)(t->seed & 0x7fffffff)) &&
           set_number(b, "colsample_bytree", rounds < MOST_ROUNDS ? 0.2 : 1);
}

/* The rows outside a fold that have a label, every so many-th where they are too many. */
static size_t choose(const tr_training *t, int fold, uint32_t *row)
{
    size_t n = tr_training_rows(t, fold, row), kept = 0;
    for (size_t i = 0; i < n; i++)
        if (t->label[row[i]] != UINT32_MAX)
            row[kept++] = row[i];
    n = kept;
    size_t every = (n + MOST_ROWS - 1) / MOST_ROWS;
    for (size_t i = kept = 0; every && i < n; i += every)
        row[kept++] = row[i];
    return kept;
}

/* The rows and labels of a fit as XGBoost keeps them. */
static tr_code open_matrix(const tr_training *t, int fold, DMatrixHandle *out, tr_err *err)
{
    uint32_t dims = t->shape.dims;
    size_t rows = t->x->rows, n = 0;
    uint32_t *row = tr_mem_array(rows, sizeof *row);
    float *label = NULL, *x = NULL;
    if (row && (n = choose(t, fold, row)) > 0) {
        label = tr_mem_array(n, sizeof *label);
        x = tr_mem_array(n, dims * sizeof *x);
    }
    tr_code code = row && (!n || (label && x)) ? TR_OK : tr_err_memory(err);
    for (size_t i = 0; code == TR_OK && i < n; i++) {
        label[i] = (float)t->label[row[i]];
        memcpy(x + i * dims, t->dense + (size_t)row[i] * dims, dims * sizeof *x);
    }
    *out = NULL;
    if (code == TR_OK && n &&
        (XGDMatrixCreateFromMat(x, n, dims, NAN, out) ||
         XGDMatrixSetFloatInfo(*out, "label", label, n)))
        code = failed(err);
    free(row);
    free(label);
    free(x);
    return code;
}

/* Nothing to fit on gives a model without trees. */
static tr_code fit(const tr_training *t, int fold, tr_trees *m, tr_err *err)
{
    DMatrixHandle matrix;
    BoosterHandle booster = NULL;
    unsigned rounds = rounds_for(t->shape.labels);
    tr_code code = open_matrix(t, fold, &matrix, err);
    if (code == TR_OK && (XGBoosterCreate(&matrix, matrix != NULL, &booster) ||
                          !set_all(booster, t, rounds)))
        code = failed(err);
    for (unsigned k = 0; code == TR_OK && matrix && k < rounds; k++)
        if (XGBoosterUpdateOneIter(booster, (int)k, matrix))
            code = failed(err);
    if (code == TR_OK && matrix) {
        code = tr_xgboost_convert(booster, t->shape.labels, t->shape.dims, m, err);
    } else if (code == TR_OK) {
        float *base = tr_mem_zero(t->shape.labels, sizeof *base);
        code = base ? tr_trees_join(m, TR_TREES_SUMS, t->shape.labels, t->shape.dims, base, NULL, 0,
                                    err)
                    : tr_err_memory(err);
        free(base);
    }
    if (booster)
        XGBoosterFree(booster);
    if (matrix)
        XGDMatrixFree(matrix);
    return code;
}

/* Task 0 fits what is shipped, task k what scores fold k - 1. */
static tr_code run(void *context, size_t task, tr_err *err)
{
    const tr_job *j = context;
    const tr_training *t = j->t;
    double began = tr_training_clock();
    tr_trees m = {0};
    tr_code code = fit(t, (int)task - 1, &m, err);
    if (code == TR_OK && task)
        code = tr_grow_score(t, (unsigned)task - 1, &m, NULL, j->out->decision, err);
    if (code == TR_OK && !task)
        j->out->model = (tr_surrogate){.kind = TR_SURROGATE_TREES, .trees = m};
    else
        tr_trees_free(&m);
    tr_training_spent(j->out, began);
    return code;
}

tr_code tr_xgboost_open(tr_job *j, const tr_training *t, tr_fitted *out, tr_err *err)
{
    tr_code code = tr_job_open(j, t, out, false, err);
    j->run = run;
    j->tasks = 1 + t->folds;
    if (code == TR_OK && (!t->dense || !t->shape.dims))
        return tr_err_set(err, TR_USAGE, "trees need a dense view");
    return code;
}

#endif
