#include "report/advice.h"

#include "report/columns.h"

#include <stdio.h>

/* The lead, and up to two labels by name, where there are any. */
static void put_worst(const tr_figures *f, const char *lead, tr_buf *words)
{
    for (size_t i = 0, n = 0; i < f->n_labels && n < 2; i++) {
        const tr_group *g = &f->label[i].group;
        if (g->pooled || !(g->wrong > 0))
            continue;
        tr_buf_add_c(words, n++ ? ", " : lead);
        tr_columns_foreign(words, g->name, 30);
    }
}

/* How teacher labels of answers come to be known, or to count. */
static void put_how_to_label(const tr_audit *a, tr_buf *words)
{
    if (a->unweighable)
        tr_buf_add_c(words, "if the labels were obtained for all rows, or for a random part of "
                            "them, take propensity and shadow_share away (absent they are 1 and 0) "
                            "with jq -c 'del(.propensity,.shadow_share)'; else ");
    tr_buf_add_c(words, "let the teacher label a share of what is handled as well, as tr-route "
                        "--shadow .05 does");
}

static void put_untested_next(const tr_figures *f, tr_buf *words)
{
    const tr_audit *a = f->audit;
    if (!a->promise.there) {
        tr_buf_add_c(words, "--policy or --alpha says what to hold this against");
        if (!a->unweighable || f->agreement.n)
            return;
        tr_buf_add_c(words, "; ");
    }
    if (f->test.nameless)
        tr_buf_add_c(words, "give each request an id of its own; tr-route --shadow does so");
    else if (a->handled)
        put_how_to_label(a, words);
    else
        tr_buf_add_c(words, "a policy that may answer: more traces, or a lower --alpha");
}

/* What the prices say against the threshold. */
static void put_cheaper(const tr_report *r, tr_buf *words)
{
    const tr_money *m = r->money;
    const double promised = r->figures->audit->promise.alpha;
    char alpha[16];
    if (m->best >= r->figures->n_curve) {
        tr_buf_add_c(words, "by the prices it is cheapest to answer nothing");
        return;
    }
    tr_buf_add_c(words, m->stricter ? "by the prices a stricter threshold is cheaper"
                                    : "by the prices a looser threshold is cheaper");
    if (m->stricter ? m->best_alpha > promised : m->best_alpha < promised) {
        snprintf(alpha, sizeof alpha, "%.2f", m->best_alpha);
        tr_buf_add_c(words, ": fit with --alpha ");
        tr_buf_add_c(words, alpha + (alpha[0] == '0'));
    }
}

void tr_advice_write(const tr_report *r, tr_buf *words)
{
    const tr_figures *f = r->figures;
    switch (f->test.verdict) {
    case TR_VERDICT_NONE:
    case TR_VERDICT_UNTESTED: put_untested_next(f, words); return;
    case TR_VERDICT_CONTRADICTED:
        tr_buf_add_c(words, "fit a new policy on a log that has these decisions");
        for (size_t i = 0; i < f->n_withhold; i++) {
            tr_buf_add_c(words, i ? ", " : "; until then tr-calibrate --defer-label can withhold ");
            tr_columns_foreign(words, f->withhold[i], 30);
        }
        return;
    case TR_VERDICT_OPEN:
        tr_buf_add_c(words, "more teacher labels will decide it");
        put_worst(f, "; look at ", words);
        return;
    case TR_VERDICT_KEPT:
    case TR_VERDICT_PROVEN:
        if (r->money->there && r->money->elsewhere) {
            put_cheaper(r, words);
            return;
        }
        tr_buf_add_c(words,
                     f->test.few ? "more teacher labels, to say more" : "nothing has to be done");
        put_worst(f, "; most is to be won at ", words);
        return;
    }
}
