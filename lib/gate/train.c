#include "gate/train.h"

#include "features/featurize.h"
#include "gate/stream.h"
#include "ground/hash.h"
#include "ground/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Everything that training holds. Two lists of rows: those that are fitted on, and those that are
 * scored (TRAIN rows held out, as if they were new, and all rows of the other sides). */
typedef struct {
    const tr_dataset *d;
    const tr_train_options *o;
    unsigned folds; /* fits without a part of TRAIN */
    tr_tfidf vocabulary;
    tr_sparse x; /* fitted on: features, squared length, label, fold */
    float *square;
    uint32_t *label;
    uint8_t *fold;
    tr_sparse scored; /* scored: features, fold, and what is kept of them */
    uint8_t *scored_fold;
    tr_heldout heldout;
} work;

static void work_free(work *w)
{
    tr_tfidf_free(&w->vocabulary);
    tr_sparse_free(&w->x);
    tr_sparse_free(&w->scored);
    free(w->square);
    free(w->label);
    free(w->fold);
    free(w->scored_fold);
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
    return u < (double)TR_TRAIN_MOST_HELD / (double)w->d->train ? 0 : TR_FOLD_NONE;
}

static tr_code open_lists(work *w, tr_err *err)
{
    const tr_dataset *d = w->d;
    w->folds = d->train > TR_TRAIN_MOST_HELD ? 1 : w->o->folds;
    w->square = tr_mem_array(d->train, sizeof *w->square);
    w->label = tr_mem_array(d->train, sizeof *w->label);
    w->fold = tr_mem_array(d->train, 1);
    w->scored_fold = tr_mem_array(d->n, 1);
    w->heldout.rows = tr_mem_array(d->n, sizeof *w->heldout.rows);
    return w->square && w->label && w->fold && w->scored_fold && w->heldout.rows
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
    tr_code code = ok ? tr_tfidf_build(&w->vocabulary, counts, 1, TR_TRAIN_MOST_COLUMNS, err)
                      : tr_err_memory(err);
    tr_tfidf_count_close(counts);
    return code;
}

static bool add_fitted(work *w, tr_featurizer *f, const tr_dataset_row *r, uint8_t fold)
{
    size_t at = w->x.rows;
    float square = 0;
    if (!tr_featurize_text(f, r->text, false) ||
        !tr_sparse_add(&w->x, tr_tfidf_row_sparse(&f->row)))
        return false;
    for (size_t k = 0; k < f->row.n; k++)
        square += f->row.value[k] * f->row.value[k];
    w->square[at] = square;
    w->label[at] = r->label;
    w->fold[at] = fold;
    return true;
}

/* gate_key: where one part serves as all folds, the gate is fitted across folds of its own. */
static bool add_scored(work *w, tr_featurizer *f, const tr_dataset_row *r, uint8_t fold,
                       tr_hash_key gate_key)
{
    size_t at = w->heldout.n++;
    if (!tr_featurize_text(f, r->text, r->side == TR_SIDE_TRAIN) ||
        !tr_sparse_add(&w->scored, tr_tfidf_row_sparse(&f->row)))
        return false;
    w->scored_fold[at] = fold;
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

static tr_code make_features(work *w, tr_err *err)
{
    const tr_dataset *d = w->d;
    tr_hash_key folds = tr_hash_derive(w->o->seed, "folds");
    tr_hash_key gate = tr_hash_derive(w->o->seed, "gate folds");
    tr_featurizer f = {.vocabulary = &w->vocabulary};
    tr_code code = open_lists(w, err);
    if (code == TR_OK)
        code = count_grams(w, &f, err);
    for (size_t i = 0; code == TR_OK && i < d->n; i++) {
        const tr_dataset_row *r = &d->rows[i];
        bool train = r->side == TR_SIDE_TRAIN;
        uint8_t fold = train ? fold_of(w, folds, r->group) : TR_FOLD_NONE;
        if ((train && !r->unlisted && !add_fitted(w, &f, r, fold)) ||
            ((!train || fold != TR_FOLD_NONE) && !add_scored(w, &f, r, fold, gate)))
            code = tr_err_memory(err);
    }
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

static tr_code write_member(const work *w, const tr_zoo_member *m, tr_softmax_summary *s,
                            float *scratch, tr_frame_writer *f, tr_train_report *report,
                            tr_err *err)
{
    uint32_t labels = w->d->labels.n;
    for (size_t k = 0; k < w->heldout.n; k++)
        tr_softmax_summarize(m->decision + k * labels, labels, scratch, &s[k]);
    tr_train_result *r = &report->member[report->n++];
    memcpy(r->name, m->name, sizeof r->name);
    r->seconds = m->seconds;
    tr_code code = judge(w, s, r, err);
    return code == TR_OK && !m->ingredient ? tr_stream_add_member(f, m, s, w->heldout.n, err)
                                           : code;
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
    report->columns = w->vocabulary.n;
    tr_frame_writer f;
    float *scratch = tr_mem_array(w->d->labels.n, sizeof *scratch);
    tr_softmax_summary *s = tr_mem_array(w->heldout.n, sizeof *s);
    tr_code code = scratch && s ? tr_stream_begin(&f, out, &origin, &w->d->labels, &w->vocabulary,
                                                  &w->heldout, err)
                                : tr_err_memory(err);
    for (size_t m = 0; m < zoo->n && code == TR_OK; m++)
        code = write_member(w, &zoo->member[m], s, scratch, &f, report, err);
    free(scratch);
    free(s);
    return code == TR_OK ? tr_frame_end(&f, err) : code;
}

static tr_code fit_and_write(work *w, tr_writer *out, tr_train_report *report, tr_err *err)
{
    tr_training t = {.x = &w->x,
                     .square = w->square,
                     .label = w->label,
                     .fold = w->fold,
                     .folds = w->folds,
                     .scored = &w->scored,
                     .scored_fold = w->scored_fold,
                     .labels = w->d->labels.n,
                     .columns = w->vocabulary.n};
    uint32_t *seen = tr_mem_array(w->heldout.n, sizeof *seen);
    if (!seen)
        return tr_err_memory(err);
    for (size_t k = 0; k < w->heldout.n; k++)
        seen[k] = w->heldout.rows[k].side == TR_SIDE_TRAIN ? w->heldout.rows[k].label
                                                           : TR_LABEL_NONE;
    tr_zoo zoo;
    tr_code code =
        tr_zoo_fit(&zoo, &t, seen, w->o->chosen, w->o->threads, w->o->done, w->o->context, err);
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
