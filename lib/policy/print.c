#include "policy/print.h"

#include <stdio.h>
#include <string.h>

static void print_step(tr_json_writer *w, const tr_cert_step *s)
{
    tr_json_open_object(w);
    tr_json_key_double(w, "threshold", (double)s->threshold / TR_ACCEPTOR_ONE);
    if (s->walked) {
        tr_json_key_u64(w, "accepted", s->accepted);
        tr_json_key_u64(w, "tested", s->tested);
        tr_json_key_u64(w, "agreed", s->agreed);
        tr_json_key(w, "needed");
        if (s->tested)
            tr_json_u64(w, s->needed);
        else
            tr_json_null(w);
        tr_json_key_bool(w, "passed", s->passed);
    }
    tr_json_close_object(w);
}

static void print_history(const tr_history *h, tr_json_writer *w)
{
    tr_json_key(w, "history");
    tr_json_open_object(w);
    tr_json_key_u64(w, "look", h->look);
    tr_json_key_bool(w, "independent", h->look == 1 && h->reused <= 0);
    tr_json_key_bool(w, "counted_from_the_first", h->counted);
    tr_json_key_u64(w, "follows", h->follows);
    tr_json_key_double(w, "reused", h->reused);
    tr_json_key_bool(w, "reused_exact", h->exact);
    tr_json_key_double(w, "delta_spent", h->spent);
    tr_json_key(w, "previous_calibration_digest");
    if (*h->previous)
        tr_json_c(w, h->previous);
    else
        tr_json_null(w);
    tr_json_close_object(w);
}

void tr_print_certificate(const tr_certificate *c, const tr_origin *o, const tr_history *h,
                          tr_json_writer *w)
{
    tr_json_open_object(w);
    tr_json_key_bool(w, "deployed", c->deployed);
    if (!c->deployed)
        tr_json_key_c(w, "refusal", c->refusal);
    tr_json_key_double(w, "alpha", c->alpha);
    tr_json_key_double(w, "delta", c->delta);
    tr_json_key_double(w, "confidence", 1 - c->delta);
    tr_json_key_u64(w, "targets", c->targets);
    tr_json_key_c(w, "guarantee", tr_guarantee_names[c->guarantee]);
    tr_json_key_double(w, "coverage", tr_certificate_coverage(c));
    if (c->deployed) {
        tr_json_key_c(w, "family", tr_family_names[c->family]);
        tr_json_key_c(w, "member", c->member);
        tr_json_key_c(w, "gate", c->gated ? "acceptor" : "margin");
        tr_json_key_double(w, "delta_used", c->delta_used);
    }
    tr_json_key_u64(w, "rows", c->rows);
    tr_json_key_u64(w, "inside", c->inside);
    tr_json_key_u64(w, "accepted", c->accepted);
    tr_json_key_u64(w, "tested", c->tested);
    tr_json_key_u64(w, "agreed", c->agreed);
    tr_json_key_u64(w, "needed", c->needed);
    tr_json_key_u64(w, "train_rows", c->train_rows);
    tr_json_key_double(w, "train_agreement", c->train_agreement);
    tr_json_key_double(w, "novelty", c->novelty);
    tr_json_key_double(w, "min_coverage", c->min_coverage);
    tr_json_key_bool(w, "grouped", o->grouped);
    tr_json_key_u64(w, "seed", c->seed);
    tr_json_key_c(w, "digest", o->digest);
    tr_json_key_c(w, "calibration_digest", o->calibration_digest);
    if (h->look)
        print_history(h, w);
    tr_json_key(w, "candidates");
    tr_json_open_array(w);
    for (uint32_t k = 0; k < c->n_candidates; k++) {
        const tr_candidate *x = &c->candidates[k];
        tr_json_open_object(w);
        tr_json_key_c(w, "member", x->member);
        tr_json_key_c(w, "family", tr_family_names[x->family]);
        tr_json_key_c(w, "gate", x->gated ? "acceptor" : "margin");
        tr_json_key_double(w, "delta", x->delta);
        tr_json_key_double(w, "rank", x->rank);
        tr_json_key_u64(w, "accepted", x->accepted);
        tr_json_key_u64(w, "steps", x->steps);
        tr_json_close_object(w);
    }
    tr_json_close_array(w);
    tr_json_key(w, "walk");
    tr_json_open_array(w);
    for (uint32_t k = 0; k < c->n_path; k++)
        print_step(w, &c->path[k]);
    tr_json_close_array(w);
    tr_json_close_object(w);
}

void tr_print_families(const tr_certificate *c, tr_json_writer *w)
{
    tr_json_key(w, "families");
    tr_json_open_object(w);
    for (tr_family f = TR_FAMILY_GLOBAL; f <= TR_FAMILY_RSB; f++) {
        const tr_candidate *best = NULL;
        for (uint32_t k = 0; k < c->n_candidates; k++)
            if (c->candidates[k].family == f &&
                (!best || c->candidates[k].accepted > best->accepted))
                best = &c->candidates[k];
        if (!best)
            continue;
        tr_json_key(w, tr_family_names[f]);
        tr_json_open_object(w);
        tr_json_key_c(w, "best", best->member);
        tr_json_key_u64(w, "accepted", best->accepted);
        tr_json_close_object(w);
    }
    tr_json_close_object(w);
    if (!c->deployed)
        return;
    const tr_candidate *next = NULL;
    for (uint32_t k = 0; k < c->n_candidates; k++) {
        const tr_candidate *x = &c->candidates[k];
        bool itself = !strcmp(x->member, c->member) && x->gated == c->gated;
        if (!itself && (!next || x->accepted > next->accepted))
            next = x;
    }
    char text[256];
    snprintf(text, sizeof text,
             "certifies the most calibration rows, %llu of %llu; the next, %s of %s, %llu",
             (unsigned long long)c->accepted, (unsigned long long)c->rows,
             next ? tr_family_names[next->family] : "none", next ? next->member : "none",
             next ? (unsigned long long)next->accepted : 0ull);
    tr_json_key_c(w, "why", text);
}

void tr_print_acceptor(tr_json_writer *w, const tr_acceptor *a)
{
    tr_json_open_object(w);
    for (int k = 0; k < TR_ACCEPTOR_FEATURES; k++)
        if (a->mask >> k & 1)
            tr_json_key_double(w, tr_acceptor_names[k], a->weight[k]);
    tr_json_key_double(w, "intercept", a->intercept);
    tr_json_key_bool(w, tr_acceptor_names[TR_ACCEPTOR_LABEL], a->offset != NULL);
    tr_json_close_object(w);
}

void tr_print_features(tr_json_writer *w, const tr_features *f)
{
    tr_json_key(w, "features");
    tr_json_open_object(w);
    tr_json_key_u64(w, "text", f->vocabulary.n);
    tr_json_key_u64(w, "words", f->vocabulary.n_words);
    tr_json_key_u64(w, "embedding", tr_features_embedding(f));
    tr_json_key_u64(w, "svd_of_text", f->view.columns ? f->view.dims : 0);
    tr_json_close_object(w);
}

void tr_print_mixture(tr_json_writer *w, const tr_bank *bank, const tr_mixture *m)
{
    tr_json_key(w, "parts");
    tr_json_open_array(w);
    for (uint32_t k = 0; k < m->n; k++) {
        tr_json_open_object(w);
        tr_json_key_c(w, "kind", tr_surrogate_names[bank->model[m->model[k]].kind]);
        tr_json_key_double(w, "weight", (double)m->weight[k]);
        tr_json_close_object(w);
    }
    tr_json_close_array(w);
}
