#include "gate/acceptor.h"

#include "maths/real.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TOP1,
    TOP2,
    MARGIN,
    ENTROPY,
    LOGIT,
    THIRD,
    TOP,
    GAP,
    EVIDENCE,
    UNSEEN,
    AGREEMENT,
    NEAR,
    BEFORE_SCORE,
    BEFORE_SAME,
    BEFORE_TOP1,
    BEFORE_ENTROPY,
    BEFORE_GAP
};
enum { DENSE = TR_ACCEPTOR_FEATURES };

const char *const tr_acceptor_names[TR_ACCEPTOR_FEATURES + 1] = {
    "top1",         "top2",        "margin",      "entropy",        "logit",      "third",
    "top",          "gap",         "evidence",    "unseen",         "agreement",  "near",
    "before_score", "before_same", "before_top1", "before_entropy", "before_gap", "label"};

static bool is_first(int feature)
{
    return feature < TR_ACCEPTOR_OWN || feature == TR_ACCEPTOR_LABEL;
}

const char *tr_acceptor_choose(const char *text, uint32_t *mask, char reason[256])
{
    *mask = 0;
    for (const char *at = text;; at++) {
        size_t length = strcspn(at, ",");
        int k = 0;
        while (k <= DENSE && (!is_first(k) || strlen(tr_acceptor_names[k]) != length ||
                              memcmp(tr_acceptor_names[k], at, length) != 0))
            k++;
        if (length == 6 && !memcmp(at, "tracer", 6)) {
            *mask |= 1u << TOP1 | 1u << TOP2 | 1u << MARGIN | 1u << ENTROPY;
        } else if (length == 3 && !memcmp(at, "all", 3)) {
            *mask |= ((1u << (DENSE + 1)) - 1) & ~TR_ACCEPTOR_BEFORE;
        } else if (k <= DENSE) {
            *mask |= 1u << k;
        } else {
            int used = snprintf(reason, 256, "there is no feature \"%.*s\"; there are tracer, all",
                                length < 60 ? (int)length : 60, at);
            for (k = 0; k <= DENSE && used < 256; k++)
                if (is_first(k))
                    used +=
                        snprintf(reason + used, 256 - (size_t)used, ", %s", tr_acceptor_names[k]);
            return reason;
        }
        at += length;
        if (!*at)
            return NULL;
    }
}

static double logit(double p)
{
    double rest = 1 - p;
    return tr_real_log(p > 1e-6 ? p : 1e-6) - tr_real_log(rest > 1e-6 ? rest : 1e-6);
}

void tr_acceptor_features(const tr_acceptor_row *row, double x[TR_ACCEPTOR_FEATURES])
{
    const tr_softmax_summary *s = row->said, *before = row->before;
    x[TOP1] = (double)s->p[0];
    x[TOP2] = (double)s->p[1];
    x[MARGIN] = (double)s->p[0] - (double)s->p[1];
    x[ENTROPY] = (double)s->entropy;
    x[LOGIT] = logit((double)s->p[0]);
    x[THIRD] = (double)s->p[2];
    x[TOP] = (double)s->top;
    x[GAP] = (double)s->gap;
    x[EVIDENCE] = (double)s->evidence;
    x[UNSEEN] = (double)row->unseen;
    x[AGREEMENT] = (double)s->agreement;
    x[NEAR] = (double)row->near;
    x[BEFORE_SCORE] = before ? logit((double)row->before_score / TR_ACCEPTOR_ONE) : 0;
    x[BEFORE_SAME] = before ? before->label == s->label : 0;
    x[BEFORE_TOP1] = before ? (double)before->p[0] : 0;
    x[BEFORE_ENTROPY] = before ? (double)before->entropy : 0;
    x[BEFORE_GAP] = before ? (double)before->gap : 0;
}

static uint32_t millionths(double share)
{
    double scaled = share * TR_ACCEPTOR_ONE + 0.5;
    return !(scaled > 0) ? 0 : scaled >= TR_ACCEPTOR_ONE ? TR_ACCEPTOR_ONE : (uint32_t)scaled;
}

uint32_t tr_acceptor_score(const tr_acceptor *a, const tr_acceptor_row *row)
{
    const tr_softmax_summary *s = row->said;
    double x[DENSE];
    if (!a->mask)
        return millionths((double)s->p[0] - (double)s->p[1]);
    tr_acceptor_features(row, x);
    double sum = a->intercept + (a->offset ? (double)a->offset[s->label] : 0);
    for (int k = 0; k < DENSE; k++)
        sum += a->weight[k] * x[k];
    return millionths(1 / (1 + tr_real_exp(-sum)));
}

void tr_acceptor_free(tr_acceptor *a)
{
    free(a->owned);
    *a = (tr_acceptor){0};
}

/* ---- binary form ---- */

void tr_acceptor_write(const tr_acceptor *a, tr_buf *out)
{
    tr_le_put_u32(out, a->mask);
    tr_le_put_u32(out, a->offset ? a->labels : 0);
    for (int k = 0; k < DENSE; k++)
        tr_le_put_f64(out, a->weight[k]);
    tr_le_put_f64(out, a->intercept);
    if (a->offset)
        tr_le_put_f32s(out, a->offset, a->labels);
    tr_le_align(out, 8);
}

tr_code tr_acceptor_read(tr_acceptor *a, tr_le_reader *r, uint32_t labels, tr_err *err)
{
    *a = (tr_acceptor){.labels = labels};
    a->mask = tr_le_u32(r);
    uint32_t offsets = tr_le_u32(r);
    bool sound = a->mask < 1u << (DENSE + 1) && (offsets == 0 || offsets == labels) &&
                 (offsets != 0) == (a->mask >> TR_ACCEPTOR_LABEL & 1);
    for (int k = 0; k < DENSE; k++) {
        a->weight[k] = tr_le_f64(r);
        sound &= isfinite(a->weight[k]);
    }
    a->intercept = tr_le_f64(r);
    if (offsets && sound)
        a->offset = tr_le_f32s(r, offsets);
    tr_le_skip_align(r, 8);
    for (uint32_t l = 0; a->offset && l < offsets; l++)
        sound &= isfinite(a->offset[l]);
    if (r->failed || !sound || !isfinite(a->intercept))
        return tr_err_set(err, TR_DATA, "an acceptor is malformed");
    return TR_OK;
}
