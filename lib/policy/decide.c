#include "policy/decide.h"

#include "ground/mem.h"
#include "maths/dot.h"

#include <math.h>
#include <stdlib.h>

bool tr_decide_open(tr_decider *d, const tr_policy *p)
{
    *d = (tr_decider){.policy = p, .features = {.features = &p->bank.features}};
    size_t most = tr_novelty_room(&p->bank.near);
    for (uint32_t k = 0; k < p->stages; k++) {
        size_t room = tr_mixture_room(&p->stage[k].mixture, p->bank.model, p->labels.n);
        most = room > most ? room : most;
    }
    most = tr_dot_width(most);
    size_t guard = tr_mixture_room(&p->rule.guard, p->bank.model, p->labels.n);
    d->room = tr_mem_zero(most + guard, sizeof *d->room);
    d->guard_room = d->room ? d->room + most : NULL;
    return d->room != NULL;
}

void tr_decide_close(tr_decider *d)
{
    tr_featurize_free(&d->features);
    free(d->room);
    *d = (tr_decider){0};
}

static bool is_novel(tr_decider *d, tr_row row, float unseen, float near, float evidence)
{
    const tr_policy *p = d->policy;
    if (!isfinite(p->rule.novelty_most))
        return false;
    if (p->rule.guard.n) {
        tr_softmax_summary s;
        tr_mixture_decide(&p->rule.guard, p->bank.model, p->labels.n, row, d->guard_room, &s);
        evidence = s.evidence;
    }
    d->novelty = tr_novelty_of(&p->rule.novelty, evidence, unseen, near);
    return !(d->novelty <= p->rule.novelty_most);
}

bool tr_decide_input(tr_decider *d, tr_str text, const float *embedding, bool all, tr_decided *out)
{
    const tr_policy *p = d->policy;
    tr_softmax_summary *said = d->said;
    *out = (tr_decided){0};
    if (!tr_featurize_input(&d->features, text, embedding, false))
        return false;
    tr_row row = tr_featurize_row(&d->features);
    float unseen = d->features.row.unseen,
          near = tr_novelty_near(&p->bank.near, row.dense, d->room);
    for (uint32_t k = 0; k < p->stages; k++) {
        const tr_stage *stage = &p->stage[k];
        tr_said *s = &out->stage[k];
        tr_acceptor_row seen = {.said = &said[k], .unseen = unseen, .near = near};
        if (k) {
            seen.before = &said[k - 1];
            seen.before_score = out->stage[k - 1].score;
        }
        tr_mixture_decide(&stage->mixture, p->bank.model, p->labels.n, row, d->room, &said[k]);
        s->label = said[k].label;
        s->score = tr_acceptor_score(&stage->acceptor, &seen);
        s->withheld = p->rule.label_deferred[s->label];
        out->asked = k + 1;
        if (k == 0)
            out->novel = is_novel(d, row, unseen, near, said[k].evidence);
        if (!out->novel && !out->answers && !s->withheld && s->score >= p->rule.threshold)
            out->answers = k + 1;
        if (!all && (out->novel || out->answers))
            break;
    }
    return true;
}
