#include "policy/decide.h"

#include "ground/mem.h"

#include <math.h>
#include <stdlib.h>

bool tr_decide_open(tr_decider *d, const tr_policy *p)
{
    *d = (tr_decider){.policy = p, .features = {.vocabulary = &p->vocabulary}};
    d->z = tr_mem_zero(2 * p->model.width, sizeof *d->z);
    return d->z != NULL;
}

void tr_decide_close(tr_decider *d)
{
    tr_featurize_free(&d->features);
    free(d->z);
    *d = (tr_decider){0};
}

bool tr_decide_text(tr_decider *d, tr_str text, tr_decided *out)
{
    const tr_policy *p = d->policy;
    tr_softmax_summary s;
    if (!tr_featurize_text(&d->features, text, false))
        return false;
    float unseen = d->features.row.unseen;
    tr_compact_decide(&p->model, tr_tfidf_row_sparse(&d->features.row), d->z);
    tr_softmax_summarize(d->z, p->labels.n, d->z + p->model.width, &s);
    out->label = s.label;
    out->score = tr_acceptor_score(&p->acceptor, &s, unseen);
    out->withheld = p->rule.label_deferred[s.label];
    out->novel = false;
    if (isfinite(p->rule.novelty_most)) {
        float evidence = s.evidence;
        if (p->guard.weight) {
            tr_compact_decide(&p->guard, tr_tfidf_row_sparse(&d->features.row), d->z);
            evidence = tr_softmax_evidence(d->z, p->guard.labels, d->z + p->guard.width);
        }
        out->novel = !(tr_novelty_of(&p->rule.novelty, evidence, unseen) <= p->rule.novelty_most);
    }
    return true;
}
