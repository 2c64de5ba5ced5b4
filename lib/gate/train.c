#include "gate/train.h"

#include "features/featurize.h"
#include "features/svd.h"
#include "gate/near.h"
#include "gate/stream.h"
#include "ground/hash.h"
#include "ground/mem.h"
#include "maths/dot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Length of an embedding where a block of text features has length 1: it says more than either. Any
 * value from 1 to 3 is within noise of the best, on small logs and large. */
static const float EMBEDDING_LENGTH = 2;

/* Of TRAIN, where one part is held out once: most of the rows must be left to fit on. */
static const double MOST_SHARE = 0.2;

/* Everything that training holds. Two lists of rows: those that are fitted on, and those that are
 * scored (TRAIN rows held out, as if they were new, and all rows of the other sides). */
typedef struct {
    const tr_dataset *d;
    const tr_train_options *o;
    unsigned folds; /* fits without a part of TRAIN */
    tr_features features;
    tr_network near;
    tr_sparse x;  /* fitted on: features, squared length, label, fold */
    float *dense; /* rows of x × dims */
    float *square;
    uint32_t *label;
    uint8_t *fold;
    const float **embedding; /* of the rows of x, in the log; NULL where it has none */
    tr_sparse scored;        /* scored: features, fold, and what is kept of them */
    float *scored_dense;     /* scored rows × dims */
    uint8_t *scored_fold;
    uint32_t *scored_from; /* row of x, UINT32_MAX: none */
    const float **scored_embedding;
    tr_heldout heldout;
} work;

static void work_free(work *w)
{
    tr_features_free(&w->features);
    tr_network_free(&w->near);
    tr_sparse_free(&w->x);
    tr_sparse_free(&w->scored);
    free(w->dense);
    free(w->square);
    free(w->label);
    free(w->fold);
    free(w->embedding);
    free(w->scored_dense);
    free(w->scored_fold);
    free(w->scored_from);
    free(w->scored_embedding);
    tr_heldout_free(&w->heldout);
}

static tr_code check_enough(const tr_dataset *d, tr_err *err)
{
    if (d->train < TR_TRAIN_LEAST_ROWS)
        return tr_err_set(err, TR_DATA, "%zu rows to train on; at least %d are needed", d->train,
                          TR_TRAIN_LEAST_ROWS);
    if (d->labels.n < 2)
        return tr_err_set(err, TR_DATA,
                          "%u label%s with at least %d rows to train on (and %u with fewer); "
                          "at least 2 such labels are needed",
                          d->labels.n, d->labels.n == 1 ? "" : "s", TR_DATASET_LABEL_ROWS,
                          d->left_out_labels);
    return TR_OK;
}

/* The fold of a TRAIN row, by the group's hash; of a large TRAIN one part is held out, that is all.
 */
static uint8_t fold_of(const work *w, tr_hash_key key, uint64_t group)
{
    double u = tr_hash_unit(tr_hash_keyed_u64(key, group));
    if (w->d->train <= TR_TRAIN_MOST_HELD)
        return (uint8_t)(u * w->o->folds);
    double share = (double)TR_TRAIN_MOST_HELD / (double)w->d->train;
    return u < (share < MOST_SHARE ? share : MOST_SHARE) ? 0 : TR_FOLD_NONE;
}

static tr_code open_lists(work *w, tr_err *err)
{
    const tr_dataset *d = w->d;
    w->folds = d->train > TR_TRAIN_MOST_HELD ? 1 : w->o->folds;
    w->square = tr_mem_array(d->train, sizeof *w->square);
    w->label = tr_mem_array(d->train, sizeof *w->label);
    w->fold = tr_mem_array(d->train, 1);
    w->scored_fold = tr_mem_array(d->n, 1);
    w->scored_from = tr_mem_array(d->n, sizeof *w->scored_from);
    w->embedding = tr_mem_array(d->train, sizeof *w->embedding);
    w->scored_embedding = tr_mem_array(d->n, sizeof *w->scored_embedding);
    w->heldout.rows = tr_mem_array(d->n, sizeof *w->heldout.rows);
    return w->square && w->label && w->fold && w->scored_fold && w->scored_from && w->embedding &&
                   w->scored_embedding && w->heldout.rows
               ? TR_OK
               : tr_err_memory(err);
}

static tr_code count_grams(work *w, tr_featurizer *f, tr_err *err)
{
    const tr_dataset *d = w->d;
    tr_tfidf_counts *counts = tr_tfidf_count_open();
    bool ok = counts != NULL;
    for (size_t i = 0; ok && i < d->n; i++)
        if (d->rows[i].side == TR_SIDE_TRAIN)
            ok = tr_ngram_extract(&f->grams, d->rows[i].text) &&
                 tr_tfidf_count_add(counts, &f->grams);
    tr_code code =
        ok ? tr_tfidf_build(&w->features.vocabulary, counts, 1, TR_TRAIN_MOST_COLUMNS, err)
           : tr_err_memory(err);
    tr_tfidf_count_close(counts);
    w->features.text = code == TR_OK;
    return code;
}

static bool add_fitted(work *w, tr_featurizer *f, const tr_dataset_row *r, uint8_t fold)
{
    size_t at = w->x.rows;
    float square = 0;
    if (!tr_featurize_input(f, r->text, NULL, false) ||
        !tr_sparse_add(&w->x, tr_featurize_row(f).sparse))
        return false;
    for (size_t k = 0; k < f->row.n; k++)
        square += f->row.value[k] * f->row.value[k];
    w->square[at] = square;
    w->label[at] = r->label;
    w->fold[at] = fold;
    w->embedding[at] = r->embedding;
    return true;
}

/* from: its row of x. gate_key: where one part serves as all folds, the gate is fitted across folds
 * of its own. */
static bool add_scored(work *w, tr_featurizer *f, const tr_dataset_row *r, uint8_t fold,
                       uint32_t from, tr_hash_key gate_key)
{
    size_t at = w->heldout.n++;
    if (!tr_featurize_input(f, r->text, NULL, r->side == TR_SIDE_TRAIN) ||
        !tr_sparse_add(&w->scored, tr_featurize_row(f).sparse))
        return false;
    w->scored_fold[at] = fold;
    w->scored_from[at] = from;
    w->scored_embedding[at] = r->embedding;
    if (r->side == TR_SIDE_TRAIN && w->folds == 1)
        fold = (uint8_t)(tr_hash_unit(tr_hash_keyed_u64(gate_key, r->group)) * w->o->folds);
    w->heldout.rows[at] = (tr_heldout_row){.row = r->row,
                                           .group = r->group,
                                           .label = r->label,
                                           .weight = r->weight,
                                           .unseen = f->row.unseen,
                                           .side = r->side,
                                           .fold = fold};
    return true;
}

static tr_code add_rows(work *w, tr_featurizer *f, tr_err *err)
{
    const tr_dataset *d = w->d;
    tr_hash_key folds = tr_hash_derive(w->o->seed, "folds");
    tr_hash_key gate = tr_hash_derive(w->o->seed, "gate folds");
    for (size_t i = 0; i < d->n; i++) {
        const tr_dataset_row *r = &d->rows[i];
        bool train = r->side == TR_SIDE_TRAIN, fitted = train && !r->unlisted;
        uint8_t fold = train ? fold_of(w, folds, r->group) : TR_FOLD_NONE;
        uint32_t from = fitted ? (uint32_t)w->x.rows : UINT32_MAX;
        if ((fitted && !add_fitted(w, f, r, fold)) ||
            ((!train || fold != TR_FOLD_NONE) && !add_scored(w, f, r, fold, from, gate)))
            return tr_err_memory(err);
    }
    return TR_OK;
}

/* rows × dims numbers: the dense views of a list of rows. */
static float *view_rows(const tr_dense *v, const tr_sparse *rows, const float *const *embedding)
{
    size_t n, width = tr_dot_width(v->dims);
    float *out = tr_mem_multiply(rows->rows, v->dims, &n) ? tr_mem_array(n + width, sizeof *out)
                                                          : NULL;
    for (size_t i = 0; out && i < rows->rows; i++) {
        /* the room behind the last number belongs to the next row, which comes later */
        if (v->columns)
            tr_dense_of_text(v, tr_sparse_at(rows, i), out + i * v->dims);
        else
            tr_dense_of_embedding(v, embedding[i], out + i * v->dims);
    }
    return out;
}

/* The dense view: the embedding where there is one; else, if a member asks for it, of the text. */
static tr_code make_view(work *w, tr_err *err)
{
    tr_dense *v = &w->features.view;
    tr_code code = TR_OK;
    if (w->d->dims)
        code =
            tr_dense_fit_embeddings(v, w->embedding, w->x.rows, w->d->dims, EMBEDDING_LENGTH, err);
    else if (w->features.vocabulary.n && tr_roster_needs_view(w->o->chosen))
        code =
            tr_svd_fit(v, &w->x, w->features.vocabulary.n, TR_TRAIN_TEXT_DIMS, 1, w->o->seed, err);
    if (code != TR_OK || !v->dims)
        return code;
    w->dense = view_rows(v, &w->x, w->embedding);
    w->scored_dense = view_rows(v, &w->scored, w->scored_embedding);
    if (!w->dense || !w->scored_dense)
        return tr_err_memory(err);
    for (size_t i = 0; !v->columns && i < w->x.rows; i++)
        for (size_t k = 0; k < v->dims; k++) {
            float x = w->dense[i * v->dims + k];
            w->square[i] += x * x;
        }
    return TR_OK;
}

static tr_code make_features(work *w, tr_err *err)
{
    tr_featurizer f = {.features = &w->features};
    tr_code code = open_lists(w, err);
    if (code == TR_OK && w->d->has_text)
        code = count_grams(w, &f, err);
    if (code == TR_OK)
        code = add_rows(w, &f, err);
    if (code == TR_OK)
        code = make_view(w, err);
    tr_featurize_free(&f);
    return code;
}

/* Agreement and macro-F1 of a member on the held-out TRAIN rows. */
static tr_code judge(const work *w, const tr_softmax_summary *s, tr_train_result *out, tr_err *err)
{
    uint32_t labels = w->d->labels.n;
    double *right = tr_mem_zero(3 * (size_t)labels, sizeof *right);
    if (!right)
        return tr_err_memory(err);
    double *said = right + labels, *is = said + labels, n = 0, agreed = 0;
    for (size_t k = 0; k < w->heldout.n; k++) {
        const tr_heldout_row *r = &w->heldout.rows[k];
        if (r->side != TR_SIDE_TRAIN)
            continue;
        n += (double)r->weight;
        said[s[k].label] += (double)r->weight;
        if (r->label != TR_LABEL_NONE)
            is[r->label] += (double)r->weight;
        if (r->label == s[k].label) {
            agreed += (double)r->weight;
            right[r->label] += (double)r->weight;
        }
    }
    out->agreement = n > 0 ? agreed / n : 0;
    out->macro_f1 = 0;
    for (uint32_t l = 0; l < labels; l++)
        if (said[l] + is[l] > 0)
            out->macro_f1 += 2 * right[l] / (said[l] + is[l]) / labels;
    free(right);
    return TR_OK;
}

/* Writes the models that members to be deployed use, and then those members. */
static tr_code write_members(const work *w, const tr_zoo *zoo, tr_frame_writer *f,
                             tr_train_report *report, tr_err *err)
{
    uint32_t number[TR_ZOO_SIZE], written = 0;
    bool used[TR_ZOO_SIZE] = {false};
    for (size_t m = 0; m < zoo->n; m++)
        for (uint32_t k = 0; !zoo->member[m].ingredient && k < zoo->member[m].mixture.n; k++)
            used[zoo->member[m].mixture.model[k]] = true;
    tr_code code = TR_OK;
    for (size_t k = 0; k < zoo->models && code == TR_OK; k++) {
        number[k] = written;
        written += used[k];
        code = used[k] ? tr_bank_write_model(&zoo->model[k], f, err) : TR_OK;
    }
    for (size_t m = 0; m < zoo->n && code == TR_OK; m++) {
        const tr_zoo_member *member = &zoo->member[m];
        tr_train_result *r = &report->member[report->n++];
        memcpy(r->name, member->name, sizeof r->name);
        r->seconds = member->seconds;
        code = judge(w, member->said, r, err);
        if (code != TR_OK || member->ingredient)
            continue;
        tr_mixture mixture = member->mixture;
        for (uint32_t k = 0; k < mixture.n; k++)
            mixture.model[k] = number[mixture.model[k]];
        code = tr_stream_add_member(f, member->name, &mixture, member->said, w->heldout.n, err);
    }
    return code;
}

static void fill_origin(const work *w, tr_origin *g)
{
    const tr_dataset *d = w->d;
    *g = (tr_origin){.seed = w->o->seed,
                     .rows = d->n,
                     .train = d->train,
                     .calibration = d->calibration,
                     .test = d->test,
                     .folds = w->folds,
                     .grouped = d->trailer.grouped,
                     .share = d->trailer.share,
                     .left_out_labels = d->left_out_labels,
                     .left_out_rows = d->left_out_rows};
    snprintf(g->version, sizeof g->version, "%s", TR_VERSION);
    for (size_t k = 0; k < w->heldout.n; k++)
        g->held_out += w->heldout.rows[k].side == TR_SIDE_TRAIN;
    memcpy(g->input_key, d->trailer.input_key, sizeof g->input_key);
    memcpy(g->label_key, d->trailer.label_key, sizeof g->label_key);
    tr_digest_print(d->digest, g->digest);
    tr_digest_print(d->calibration_digest, g->calibration_digest);
}

static tr_code write_stream(const work *w, const tr_zoo *zoo, tr_writer *out,
                            tr_train_report *report, tr_err *err)
{
    tr_origin origin;
    fill_origin(w, &origin);
    report->held_out = origin.held_out;
    report->folds = w->folds;
    report->columns = w->features.vocabulary.n;
    report->dims = w->features.view.dims;
    report->of_text = w->features.view.columns > 0;
    tr_frame_writer f;
    tr_code code =
        tr_stream_begin(&f, out, &origin, &w->d->labels, &w->features, &w->near, &w->heldout, err);
    if (code == TR_OK)
        code = write_members(w, zoo, &f, report, err);
    return code == TR_OK ? tr_frame_end(&f, err) : code;
}

static tr_code find_near(work *w, const tr_training *t, tr_err *err)
{
    float *near = tr_mem_zero(w->heldout.n, sizeof *near);
    if (!near)
        return tr_err_memory(err);
    tr_code code = tr_near_fit(&w->near, &w->features.view, t, near, err);
    for (size_t k = 0; code == TR_OK && k < w->heldout.n; k++)
        w->heldout.rows[k].near = near[k];
    free(near);
    return code;
}

static tr_code fit_and_write(work *w, tr_writer *out, tr_train_report *report, tr_err *err)
{
    const tr_features *f = &w->features;
    tr_training t = {.shape = {.labels = w->d->labels.n,
                               .columns = f->vocabulary.n,
                               .dims = f->view.dims,
                               .beside = tr_features_embedding(f)},
                     .x = &w->x,
                     .dense = w->dense,
                     .square = w->square,
                     .label = w->label,
                     .fold = w->fold,
                     .folds = w->folds,
                     .seed = w->o->seed,
                     .scored = &w->scored,
                     .scored_dense = w->scored_dense,
                     .scored_fold = w->scored_fold,
                     .scored_from = w->scored_from};
    tr_code code = f->view.dims && !f->view.columns ? find_near(w, &t, err) : TR_OK;
    if (code != TR_OK)
        return code;
    uint32_t *seen = tr_mem_array(w->heldout.n, sizeof *seen);
    if (!seen)
        return tr_err_memory(err);
    for (size_t k = 0; k < w->heldout.n; k++)
        seen[k] = w->heldout.rows[k].side == TR_SIDE_TRAIN ? w->heldout.rows[k].label
                                                           : TR_LABEL_NONE;
    tr_zoo zoo;
    code = tr_zoo_fit(&zoo, &t, seen, w->o->chosen, w->o->threads, w->o->done, w->o->context, err);
    free(seen);
    if (code == TR_OK) {
        code = write_stream(w, &zoo, out, report, err);
        tr_zoo_free(&zoo);
    }
    return code;
}

tr_code tr_train_run(const tr_dataset *d, const tr_train_options *o, tr_writer *out,
                     tr_train_report *report, tr_err *err)
{
    *report = (tr_train_report){0};
    work w = {.d = d, .o = o};
    tr_code code = check_enough(d, err);
    if (code == TR_OK)
        code = make_features(&w, err);
    if (code == TR_OK)
        code = fit_and_write(&w, out, report, err);
    work_free(&w);
    return code;
}
