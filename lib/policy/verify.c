#include "policy/verify.h"

#include "ground/mem.h"
#include "policy/decide.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The calibration rows of the log, and what the policy itself says of each. */
static tr_code decide_all(const tr_policy *p, const tr_dataset *d, tr_heldout *h,
                          tr_decided **decided, tr_err *err)
{
    tr_decider decider;
    bool ok = tr_decide_open(&decider, p);
    h->rows = tr_mem_array(d->calibration, sizeof *h->rows);
    *decided = tr_mem_array(d->calibration, sizeof **decided);
    ok = ok && h->rows && *decided;
    for (size_t i = 0; ok && i < d->n; i++) {
        const tr_dataset_row *r = &d->rows[i];
        if (r->side != TR_SIDE_CALIBRATION)
            continue;
        ok = tr_decide_input(&decider, r->text, r->embedding, true, &(*decided)[h->n]);
        uint32_t label = r->label == TR_LABEL_NONE
                             ? TR_LABEL_NONE
                             : tr_labels_find(&p->labels, d->labels.text[r->label]);
        h->rows[h->n++] = (tr_heldout_row){
            .row = r->row, .group = r->group, .label = label, .weight = 1, .side = r->side};
    }
    tr_decide_close(&decider);
    return ok ? TR_OK : tr_err_memory(err);
}

/* What the policy says of the calibration rows, as the walk takes it. */
typedef struct {
    double *score[TR_POLICY_STAGES];
    uint8_t *agree[TR_POLICY_STAGES], *inside[TR_POLICY_STAGES];
} said;

static void said_free(said *s)
{
    for (int k = 0; k < TR_POLICY_STAGES; k++) {
        free(s->score[k]);
        free(s->agree[k]);
        free(s->inside[k]);
    }
}

static bool said_make(said *s, const tr_heldout *h, const tr_decided *decided, const uint32_t *rows,
                      size_t n)
{
    bool ok = true;
    for (int k = 0; k < TR_POLICY_STAGES; k++) {
        s->score[k] = tr_mem_zero(n, sizeof *s->score[k]);
        s->agree[k] = tr_mem_zero(n, 1);
        s->inside[k] = tr_mem_zero(n, 1);
        ok = ok && s->score[k] && s->agree[k] && s->inside[k];
        for (size_t i = 0; ok && i < n; i++) {
            const tr_decided *x = &decided[rows[i]];
            s->score[k][i] = (double)x->stage[k].score;
            s->agree[k][i] = x->stage[k].label == h->rows[rows[i]].label;
            s->inside[k][i] = !x->novel && !x->stage[k].withheld;
        }
    }
    return ok;
}

static tr_code compare(const tr_policy *p, const tr_certify_path *path, const uint32_t *step_of,
                       uint64_t inside, uint64_t rows, tr_err *err)
{
    const tr_certificate *c = &p->certificate;
    const tr_certify_step *last = NULL; /* the one that is deployed */
    if (rows != c->rows || inside != c->inside)
        return tr_err_set(err, TR_NO,
                          "different: %llu calibration rows, %llu inside the guard; the "
                          "certificate says %llu and %llu",
                          (unsigned long long)rows, (unsigned long long)inside,
                          (unsigned long long)c->rows, (unsigned long long)c->inside);
    int walked = 0;
    for (uint32_t k = 0; k < c->n_path; k++)
        walked += c->path[k].walked;
    if (path->n_steps != walked)
        return tr_err_set(err, TR_NO, "different: %d steps walked; the certificate says %d",
                          path->n_steps, walked);
    for (int j = 0; j < path->n_steps; j++) {
        const tr_certify_step *s = &path->steps[j];
        const tr_cert_step *r = &c->path[step_of[s->node]];
        if ((uint64_t)s->accepted != r->accepted || (uint64_t)s->tested != r->tested ||
            (uint64_t)s->agreed != r->agreed || (uint64_t)s->needed != r->needed ||
            s->passed != r->passed)
            return tr_err_set(err, TR_NO,
                              "different: at threshold %.6f %lld of %lld tested rows agree; the "
                              "certificate says %llu of %llu",
                              (double)r->threshold / TR_ACCEPTOR_ONE, (long long)s->agreed,
                              (long long)s->tested, (unsigned long long)r->agreed,
                              (unsigned long long)r->tested);
        if (s->passed)
            last = s;
    }
    if ((uint64_t)path->accepted != c->accepted)
        return tr_err_set(err, TR_NO, "different: %lld rows accepted; the certificate says %llu",
                          (long long)path->accepted, (unsigned long long)c->accepted);
    if (!last || c->path[step_of[last->node]].threshold != p->rule.threshold)
        return tr_err_set(err, TR_NO, "different: the threshold in use is not the one certified");
    if ((uint64_t)last->tested != c->tested || (uint64_t)last->agreed != c->agreed ||
        (uint64_t)last->needed != c->needed)
        return tr_err_set(err, TR_NO,
                          "different: %lld rows tested, %lld agreed, %lld needed; the certificate "
                          "says %llu, %llu and %llu",
                          (long long)last->tested, (long long)last->agreed, (long long)last->needed,
                          (unsigned long long)c->tested, (unsigned long long)c->agreed,
                          (unsigned long long)c->needed);
    return TR_OK;
}

static tr_code walk_again(const tr_policy *p, const tr_heldout *h, const tr_decided *decided,
                          tr_err *err)
{
    const tr_certificate *c = &p->certificate;
    uint32_t *rows = NULL;
    size_t n = tr_heldout_side(h, TR_SIDE_CALIBRATION, c->seed, &rows);
    said x = {0};
    tr_certify_path path = {.nodes = tr_mem_zero((size_t)c->n_path, sizeof(tr_certify_node)),
                            .n_nodes = (int)c->n_path};
    uint32_t *step_of = tr_mem_array(c->n_path, sizeof *step_of);
    tr_code code = rows && path.nodes && step_of && said_make(&x, h, decided, rows, n)
                       ? TR_OK
                       : tr_err_memory(err);
    if (code == TR_OK) {
        for (uint32_t k = 0; k < c->n_path; k++) {
            bool last = k + 1 == c->n_path; /* accept-all */
            path.nodes[k] = (tr_certify_node){
                .threshold = last ? -INFINITY : (double)c->path[k].threshold, .on_path = true};
            step_of[k] = k;
        }
        tr_certify_target target = {
            .alpha = c->alpha, .delta = c->delta_used, .guarantee = c->guarantee, .grid = 100};
        tr_certify_rows side = {
            .n = n, .score = x.score[0], .agree = x.agree[0], .inside = x.inside[0]};
        if (p->stages > 1) {
            side.score2 = x.score[1];
            side.agree2 = x.agree[1];
            side.inside2 = x.inside[1];
        }
        code = tr_certify_walk(&target, &side, &path, err);
        if (code == TR_OK)
            code = compare(p, &path, step_of, (uint64_t)tr_certify_inside(&side), n, err);
    }
    free(rows);
    said_free(&x);
    free(step_of);
    tr_certify_free(&path);
    return code;
}

tr_dataset_options tr_verify_reads(const tr_policy *p)
{
    if (!p->rule.accepts)
        return (tr_dataset_options){0};
    return (tr_dataset_options){.no_text = !p->bank.features.text,
                                .no_embedding = !tr_features_embedding(&p->bank.features)};
}

tr_code tr_verify_policy(const tr_policy *p, const tr_dataset *d, tr_err *err)
{
    char digest[33];
    tr_digest_print(d->calibration_digest, digest);
    if (strcmp(digest, p->origin.calibration_digest) != 0)
        return tr_err_set(err, TR_DATA,
                          "these are other traces than the policy was calibrated on (digest %s, "
                          "the policy has %s)",
                          digest, p->origin.calibration_digest);
    if (!p->rule.accepts)
        return TR_OK; /* it defers everything: there is nothing to check */
    uint32_t embedding = tr_features_embedding(&p->bank.features);
    if (embedding && !d->dims)
        return tr_err_set(err, TR_DATA,
                          "these traces have no embedding; the policy takes one of "
                          "%u numbers",
                          embedding);
    if (embedding && d->dims != embedding)
        return tr_err_set(err, TR_DATA, "embeddings of %u numbers; the policy takes %u", d->dims,
                          embedding);
    tr_heldout h = {0};
    tr_decided *decided = NULL;
    tr_code code = decide_all(p, d, &h, &decided, err);
    if (code == TR_OK)
        code = walk_again(p, &h, decided, err);
    tr_heldout_free(&h);
    free(decided);
    return code;
}
