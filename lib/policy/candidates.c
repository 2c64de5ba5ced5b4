#include "policy/candidates.h"

#include "ground/mem.h"
#include "traces/trace.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the guard ---- */

typedef struct {
    float novelty, weight;
} weighed;

static int by_novelty(const void *a, const void *b)
{
    float x = ((const weighed *)a)->novelty, y = ((const weighed *)b)->novelty;
    return x > y ? -1 : x < y;
}

static float novelty_of(const tr_candidates *c, size_t m, uint32_t row)
{
    const tr_heldout_row *r = &c->s->heldout.rows[row];
    const tr_stream_member *guard = &c->s->member[tr_stream_guard(c->s, m)];
    return tr_novelty_of(&c->novelty[m], guard->summary[row].evidence, r->unseen, r->near);
}

/* TRAIN rows whose label can be answered: what the teacher itself calls out of scope, by a label
 * that is never answered, is no ordinary traffic. All rows where there is none of those. */
static size_t ordinary_rows(const tr_candidates *c, uint32_t **rows)
{
    size_t n = 0;
    *rows = tr_mem_array(c->n_train, sizeof **rows);
    for (size_t k = 0; *rows && k < c->n_train; k++) {
        uint32_t label = c->s->heldout.rows[c->train[k]].label;
        if (label != TR_LABEL_NONE && !c->label_deferred[label])
            (*rows)[n++] = c->train[k];
    }
    if (*rows && !n)
        memcpy(*rows, c->train, (n = c->n_train) * sizeof **rows);
    return n;
}

/* The novelty that a share of at most `share` of ordinary TRAIN rows (weighted) lies beyond. */
static tr_code set_limit(tr_candidates *c, size_t m, double share, tr_err *err)
{
    const tr_heldout *h = &c->s->heldout;
    const tr_softmax_summary *summary = c->s->member[tr_stream_guard(c->s, m)].summary;
    uint32_t *rows;
    size_t n = ordinary_rows(c, &rows);
    c->limit[m] = INFINITY;
    tr_code code = rows ? tr_novelty_fit(&c->novelty[m], h, summary, c->s->bank.features.text,
                                         c->s->bank.near.layers > 0, rows, n, err)
                        : tr_err_memory(err);
    weighed *x = code == TR_OK ? tr_mem_array(n, sizeof *x) : NULL;
    if (code == TR_OK && !x)
        code = tr_err_memory(err);
    if (code != TR_OK || share <= 0) {
        free(rows);
        free(x);
        return code;
    }
    double total = 0, beyond = 0;
    for (size_t k = 0; k < n; k++) {
        const tr_heldout_row *r = &h->rows[rows[k]];
        x[k] = (weighed){novelty_of(c, m, rows[k]), r->weight};
        total += (double)r->weight;
    }
    free(rows);
    qsort(x, n, sizeof *x, by_novelty);
    size_t k = 0;
    while (k + 1 < n && beyond + (double)x[k].weight <= share * total)
        beyond += (double)x[k++].weight;
    c->limit[m] = x[k].novelty;
    free(x);
    return TR_OK;
}

/* "a,b": marks the labels. A label that has a comma itself can be named alone. */
static tr_code mark_deferred(const tr_labels *labels, const char *list, uint8_t *marks, tr_err *err)
{
    uint32_t whole = list ? tr_labels_find(labels, tr_str_c(list)) : TR_LABEL_NONE;
    if (whole != TR_LABEL_NONE) {
        marks[whole] = 1;
        return TR_OK;
    }
    while (list && *list) {
        size_t size = strcspn(list, ",");
        uint32_t l = tr_labels_find(labels, tr_str_of(list, size));
        if (l == TR_LABEL_NONE)
            return tr_err_set(err, TR_USAGE, "--defer-label: no label \"%.*s\" in the log",
                              size < 200 ? (int)size : 200, list);
        marks[l] = 1;
        list += size + (list[size] == ',');
    }
    return TR_OK;
}

/* ---- the list ---- */

static uint32_t score_of(const tr_candidates *c, size_t m, bool gated, uint32_t row)
{
    static const tr_acceptor margin = {0};
    tr_acceptor_row seen = tr_stream_row(c->s, m, row);
    return gated ? c->s->member[m].score[row] : tr_acceptor_score(&margin, &seen);
}

/* Scores, agreement and place of one stage of a contender. */
typedef struct {
    double *score;
    uint8_t *agree, *inside;
} stage_rows;

static bool stage_room(tr_candidates *c, stage_rows *s, size_t n)
{
    s->score = tr_arena_alloc(&c->arena, n + 1, sizeof *s->score);
    s->agree = tr_arena_alloc(&c->arena, n + 1, 1);
    s->inside = tr_arena_alloc(&c->arena, n + 1, 1);
    return s->score && s->agree && s->inside;
}

static bool fill_side(tr_candidates *c, const tr_contender *x, const uint32_t *rows, size_t n,
                      tr_certify_rows *out)
{
    const tr_stream_cascade *cascade = x->cascade < 0 ? NULL : &c->s->cascade[x->cascade];
    stage_rows one = {0}, two = {0};
    double *weight = c->weighted ? tr_arena_alloc(&c->arena, n + 1, sizeof *weight) : NULL;
    if (!stage_room(c, &one, n) || (cascade && !stage_room(c, &two, n)) || (c->weighted && !weight))
        return false;
    for (size_t k = 0; k < n; k++) {
        const tr_heldout_row *r = &c->s->heldout.rows[rows[k]];
        uint32_t said = c->s->member[x->member].summary[rows[k]].label;
        bool known = novelty_of(c, x->member, rows[k]) <= c->limit[x->member];
        one.score[k] = (double)score_of(c, x->member, x->gated, rows[k]);
        one.agree[k] = said == r->label;
        one.inside[k] = known && !c->label_deferred[said];
        if (cascade) {
            said = c->s->member[cascade->second].summary[rows[k]].label;
            two.score[k] = (double)cascade->score[rows[k]];
            two.agree[k] = said == r->label;
            two.inside[k] = known && !c->label_deferred[said];
        }
        if (weight)
            weight[k] = (double)r->weight;
    }
    *out = (tr_certify_rows){.n = n,
                             .score = one.score,
                             .agree = one.agree,
                             .inside = one.inside,
                             .weight = weight,
                             .score2 = two.score,
                             .agree2 = two.agree,
                             .inside2 = two.inside};
    return true;
}

static tr_code add(tr_candidates *c, size_t member, ptrdiff_t cascade, bool gated, tr_err *err)
{
    tr_contender *x = &c->list[c->n++];
    *x = (tr_contender){.member = member, .cascade = cascade, .gated = gated};
    bool ok = fill_side(c, x, c->train, c->n_train, &x->train) &&
              fill_side(c, x, c->calibration, c->n_calibration, &x->calibration) &&
              fill_side(c, x, c->test, c->n_test, &x->test);
    return ok ? TR_OK : tr_err_memory(err);
}

/* The members by how often they agree out of fold: where nothing else tells two candidates apart
 * the earlier one is taken. */
static void order_members(const tr_candidates *c, size_t order[TR_STREAM_MEMBERS])
{
    double agreed[TR_STREAM_MEMBERS];
    for (size_t m = 0; m < c->s->n; m++) {
        agreed[m] = 0;
        for (size_t k = 0; k < c->n_train; k++) {
            const tr_heldout_row *r = &c->s->heldout.rows[c->train[k]];
            if (c->s->member[m].summary[c->train[k]].label == r->label)
                agreed[m] += (double)r->weight;
        }
        size_t at = m;
        for (; at > 0 && agreed[order[at - 1]] < agreed[m]; at--)
            order[at] = order[at - 1];
        order[at] = m;
    }
}

static tr_code list(tr_candidates *c, const tr_candidates_options *o, tr_err *err)
{
    const tr_stream *s = c->s;
    size_t order[TR_STREAM_MEMBERS];
    tr_code code = TR_OK;
    order_members(c, order);
    for (size_t at = 0; at < s->n && code == TR_OK; at++) {
        size_t m = order[at];
        code = set_limit(c, m, o->novelty, err);
        /* accept-all asked for alone: how the rows are ranked does not matter */
        bool both = s->member[m].gated && o->family != TR_FAMILY_GLOBAL;
        for (int gated = both; gated >= 0 && o->family != TR_FAMILY_RSB && code == TR_OK; gated--)
            code = add(c, m, -1, gated, err);
    }
    bool cascades = o->family == TR_FAMILY_AUTO || o->family == TR_FAMILY_RSB;
    for (size_t k = 0; k < s->n_cascades && cascades && code == TR_OK; k++)
        code = add(c, s->cascade[k].first, (ptrdiff_t)k, true, err);
    if (code == TR_OK && !c->n)
        code = tr_err_set(err, TR_USAGE,
                          "--family rsb: the stream has no cascade; tr-gate makes "
                          "them of two members or more");
    return code;
}

tr_code tr_candidates_open(tr_candidates *c, const tr_stream *s, const tr_candidates_options *o,
                           tr_err *err)
{
    *c = (tr_candidates){.s = s};
    tr_arena_init(&c->arena);
    c->label_deferred = tr_mem_zero(s->labels.n, 1);
    c->n_train = tr_heldout_side(&s->heldout, TR_SIDE_TRAIN, o->seed, &c->train);
    c->n_calibration = tr_heldout_side(&s->heldout, TR_SIDE_CALIBRATION, o->seed, &c->calibration);
    c->n_test = tr_heldout_side(&s->heldout, TR_SIDE_TEST, o->seed, &c->test);
    if (!c->label_deferred || !c->train || !c->calibration || !c->test)
        return tr_err_memory(err);
    for (size_t k = 0; k < c->n_train; k++)
        c->weighted |= s->heldout.rows[c->train[k]].weight != 1;
    if (!c->n_train)
        return tr_err_set(err, TR_DATA, "the stream has no held-out training row");
    tr_code code = mark_deferred(&s->labels, o->defer_label, c->label_deferred, err);
    return code == TR_OK ? list(c, o, err) : code;
}

void tr_candidates_close(tr_candidates *c)
{
    free(c->label_deferred);
    free(c->train);
    free(c->calibration);
    free(c->test);
    tr_arena_free(&c->arena);
    *c = (tr_candidates){0};
}

void tr_candidates_name(const tr_candidates *c, size_t which, char name[TR_POLICY_NAME])
{
    const tr_contender *x = &c->list[which];
    if (x->cascade < 0)
        snprintf(name, TR_POLICY_NAME, "%s", c->s->member[x->member].name);
    else
        snprintf(name, TR_POLICY_NAME, "%s > %s", c->s->member[x->member].name,
                 c->s->member[c->s->cascade[x->cascade].second].name);
}
