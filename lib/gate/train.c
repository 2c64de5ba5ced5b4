#include "gate/train.h"

#include "features/featurize.h"
#include "gate/stream.h"
#include "ground/hash.h"
#include "ground/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Everything that training holds, parallel to the rows of the dataset unless said otherwise. */
typedef struct {
    const tr_dataset *d;
    const tr_train_options *o;
    unsigned folds;      /* fits without a part of TRAIN */
    uint8_t *fold;       /* 0..folds-1, or TR_FOLD_NONE */
    tr_tfidf vocabulary;
    tr_sparse x;
    float *square, *unseen;
    uint32_t *label;
    uint32_t *train, *scored; /* lists of rows */
    size_t n_train, n_scored;
    tr_heldout heldout;  /* parallel to scored */
} work;

static void work_free(work *w)
{
    free(w->fold);
    tr_tfidf_free(&w->vocabulary);
    tr_sparse_free(&w->x);
    free(w->square);
    free(w->unseen);
    free(w->label);
    free(w->train);
    free(w->scored);
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

/* Folds by the group's hash; of a large TRAIN one part is held out and that is all. */
static tr_code assign_folds(work *w, tr_err *err)
{
    const tr_dataset *d = w->d;
    tr_hash_key key = tr_hash_derive(w->o->seed, "folds");
    bool large = d->train > TR_TRAIN_MOST_HELD;
    double part = (double)TR_TRAIN_MOST_HELD / (double)d->train;
    w->folds = large ? 1 : w->o->folds;
    w->fold = tr_mem_array(d->n, 1);
    w->train = tr_mem_array(d->n, sizeof *w->train);
    w->scored = tr_mem_array(d->n, sizeof *w->scored);
    w->label = tr_mem_array(d->n, sizeof *w->label);
    if (!w->fold || !w->train || !w->scored || !w->label)
        return tr_err_memory(err);
    for (size_t i = 0; i < d->n; i++) {
        const tr_dataset_row *r = &d->rows[i];
        w->label[i] = r->label;
        w->fold[i] = TR_FOLD_NONE;
        if (r->side == TR_SIDE_TRAIN) {
            double u = tr_hash_unit(tr_hash_keyed_u64(key, r->group));
            if (!large)
                w->fold[i] = (uint8_t)(u * w->folds);
            else if (u < part)
                w->fold[i] = 0;
            if (!r->unlisted)
                w->train[w->n_train++] = (uint32_t)i;
        }
        if (r->side != TR_SIDE_TRAIN || w->fold[i] != TR_FOLD_NONE)
            w->scored[w->n_scored++] = (uint32_t)i;
    }
    return TR_OK;
}

/* Vocabulary from TRAIN, then every row's features. A gram counts as unseen for a TRAIN row where no
 * other TRAIN row has it. */
static tr_code make_features(work *w, tr_err *err)
{
    const tr_dataset *d = w->d;
    tr_featurizer f = {.vocabulary = &w->vocabulary};
    tr_tfidf_counts *counts = tr_tfidf_count_open();
    bool ok = counts != NULL;
    for (size_t i = 0; ok && i < d->n; i++)
        if (d->rows[i].side == TR_SIDE_TRAIN)
            ok = tr_ngram_extract(&f.grams, d->rows[i].text) &&
                 tr_tfidf_count_add(counts, &f.grams);
    tr_code code = ok ? tr_tfidf_build(&w->vocabulary, counts, 1, TR_TRAIN_MOST_COLUMNS, err)
                      : tr_err_memory(err);
    tr_tfidf_count_close(counts);
    w->square = tr_mem_array(d->n, sizeof *w->square);
    w->unseen = tr_mem_array(d->n, sizeof *w->unseen);
    if (code == TR_OK && (!w->square || !w->unseen))
        code = tr_err_memory(err);
    for (size_t i = 0; code == TR_OK && i < d->n; i++) {
        if (!tr_featurize_text(&f, d->rows[i].text, d->rows[i].side == TR_SIDE_TRAIN) ||
            !tr_sparse_add(&w->x, tr_tfidf_row_sparse(&f.row)))
            code = tr_err_memory(err);
        float square = 0;
        for (size_t k = 0; k < f.row.n; k++)
            square += f.row.value[k] * f.row.value[k];
        w->square[i] = square;
        w->unseen[i] = f.row.unseen;
    }
    tr_featurize_free(&f);
    return code;
}

static tr_code list_heldout(work *w, tr_err *err)
{
    w->heldout.rows = tr_mem_array(w->n_scored, sizeof *w->heldout.rows);
    if (!w->heldout.rows)
        return tr_err_memory(err);
    w->heldout.n = w->n_scored;
    tr_hash_key key = tr_hash_derive(w->o->seed, "gate folds");
    for (size_t s = 0; s < w->n_scored; s++) {
        uint32_t i = w->scored[s];
        const tr_dataset_row *r = &w->d->rows[i];
        uint8_t fold = w->fold[i];
        if (r->side == TR_SIDE_TRAIN && w->folds == 1) /* the gate is fitted across all the same */
            fold = (uint8_t)(tr_hash_unit(tr_hash_keyed_u64(key, r->group)) * w->o->folds);
        w->heldout.rows[s] = (tr_heldout_row){.row = r->row, .group = r->group, .label = r->label,
                                              .weight = r->weight, .unseen = w->unseen[i],
                                              .side = r->side, .fold = fold};
    }
    return TR_OK;
}

/* Agreement and macro-F1 of a member on the held-out TRAIN rows. */
static tr_code judge(const work *w, const tr_softmax_summary *s, tr_train_result *out, tr_err *err)
{
    uint32_t labels = w->d->labels.n;
    double *right = tr_mem_zero(3 * (size_t)labels, sizeof *right);
    if (!right)
        return tr_err_memory(err);
    double *said = right + labels, *is = said + labels, n = 0, agreed = 0;
    for (size_t k = 0; k < w->n_scored; k++) {
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
    for (size_t k = 0; k < w->n_scored; k++)
        tr_softmax_summarize(m->decision + k * labels, labels, scratch, &s[k]);
    tr_train_result *r = &report->member[report->n++];
    memcpy(r->name, m->name, sizeof r->name);
    r->seconds = m->seconds;
    tr_code code = judge(w, s, r, err);
    return code == TR_OK ? tr_stream_add_member(f, m, s, w->n_scored, err) : code;
}

static void fill_origin(const work *w, tr_origin *g)
{
    const tr_dataset *d = w->d;
    *g = (tr_origin){.seed = w->o->seed, .rows = d->n, .train = d->train,
                     .calibration = d->calibration, .test = d->test, .folds = w->folds,
                     .grouped = d->trailer.grouped, .share = d->trailer.share,
                     .left_out_labels = d->left_out_labels, .left_out_rows = d->left_out_rows};
    snprintf(g->version, sizeof g->version, "%s", TR_VERSION);
    for (size_t k = 0; k < w->n_scored; k++)
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
    tr_softmax_summary *s = tr_mem_array(w->n_scored, sizeof *s);
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
    tr_training t = {.x = &w->x, .square = w->square, .label = w->label, .train = w->train,
                     .n_train = w->n_train, .fold = w->fold, .folds = w->folds,
                     .scored = w->scored, .n_scored = w->n_scored, .labels = w->d->labels.n,
                     .columns = w->vocabulary.n};
    uint32_t *seen = tr_mem_array(w->n_scored, sizeof *seen);
    if (!seen)
        return tr_err_memory(err);
    for (size_t k = 0; k < w->n_scored; k++)
        seen[k] = w->heldout.rows[k].side == TR_SIDE_TRAIN ? w->heldout.rows[k].label
                                                           : TR_LABEL_NONE;
    tr_zoo zoo;
    tr_code code = tr_zoo_fit(&zoo, &t, seen, w->o->chosen, w->o->threads, w->o->done,
                              w->o->context, err);
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
        code = assign_folds(&w, err);
    if (code == TR_OK)
        code = make_features(&w, err);
    if (code == TR_OK)
        code = list_heldout(&w, err);
    if (code == TR_OK)
        code = fit_and_write(&w, out, report, err);
    work_free(&w);
    return code;
}
