#include "report/sheet.h"

#include "audit/ledger.h"
#include "doors/base64.h"
#include "doors/json.h"
#include "ground/num.h"

#include <math.h>
#include <stdio.h>

enum { FORMAT = 1 }; /* of the keys; greater where one of them changes its meaning */

static const char *const ANSWERER[TR_ANSWERERS] = {
    [TR_ANSWERER_SURROGATE] = "surrogate",
    [TR_ANSWERER_TEACHER_HANDLED] = "teacher_on_handled",
    [TR_ANSWERER_TEACHER] = "teacher",
    [TR_ANSWERER_MIX] = "mix",
};

static const char *const WHY[TR_WHY_COUNT] = {
    [TR_WHY_UNSAID] = "unsaid", [TR_WHY_LOW] = "low_score",   [TR_WHY_NOVEL] = "novel",
    [TR_WHY_LABEL] = "label",   [TR_WHY_REFUSED] = "refused", [TR_WHY_ERROR] = "error",
};

static double score_of(uint32_t millionths)
{
    return (double)millionths / 1e6;
}

static void key_str_or_null(tr_json_writer *w, const char *key, tr_str s)
{
    tr_json_key(w, key);
    if (s.data)
        tr_json_str(w, s);
    else
        tr_json_null(w);
}

static void put_estimate(tr_json_writer *w, const char *key, const tr_estimate *e)
{
    tr_json_key(w, key);
    tr_json_open_object(w);
    tr_json_key_double(w, "value", e->value);
    tr_json_key_double(w, "low", e->low);
    tr_json_key_double(w, "high", e->high);
    tr_json_key_u64(w, "rows", e->n);
    tr_json_key_double(w, "effective", e->effective);
    tr_json_key(w, "method");
    if (e->method == TR_METHOD_NONE)
        tr_json_null(w);
    else
        tr_json_c(w, tr_method_names[e->method]);
    tr_json_close_object(w);
}

/* ---- The promise and what became of it ---- */

static void put_promise(tr_json_writer *w, const tr_promise *p)
{
    tr_json_key(w, "promise");
    if (!p->there) {
        tr_json_null(w);
        return;
    }
    tr_json_open_object(w);
    tr_json_key_double(w, "alpha", p->alpha);
    tr_json_key_double(w, "delta", p->delta);
    tr_json_key_c(w, "guarantee", p->overall ? "overall" : "handled");
    tr_json_key(w, "policy");
    if (p->policy) {
        tr_json_open_object(w);
        tr_json_key_bool(w, "deployed", p->deployed);
        tr_json_key_c(w, "family", p->family);
        tr_json_key_c(w, "member", p->member);
        tr_json_key_double(w, "threshold", score_of(p->threshold));
        tr_json_key_double(w, "coverage", p->coverage);
        tr_json_key_double(w, "novelty", p->novelty);
        tr_json_key_u64(w, "tested", p->tested);
        tr_json_key_u64(w, "agreed", p->agreed);
        tr_json_key_c(w, "digest", p->digest);
        tr_json_close_object(w);
    } else {
        tr_json_null(w);
    }
    tr_json_close_object(w);
}

static void put_verdict(tr_json_writer *w, const tr_test *t)
{
    bool tested = t->verdict != TR_VERDICT_NONE && t->verdict != TR_VERDICT_UNTESTED;
    tr_json_key(w, "verdict");
    tr_json_open_object(w);
    tr_json_key_c(w, "verdict", tr_verdict_names[t->verdict]);
    tr_json_key_u64(w, "rows", t->rows);
    tr_json_key_u64(w, "agreed", t->agreed);
    tr_json_key_double(w, "chance", tested ? t->chance : NAN);
    tr_json_key_bool(w, "thinned", t->thinned);
    tr_json_key_bool(w, "nameless", t->nameless);
    tr_json_key_bool(w, "few", t->few);
    tr_json_key_double(w, "propensity", tested ? t->propensity : NAN);
    tr_json_close_object(w);
}

static void put_totals(tr_json_writer *w, const tr_figures *f)
{
    const tr_audit *a = f->audit;
    tr_json_key_u64(w, "rows", f->rows);
    tr_json_key_u64(w, "handled", a->handled);
    tr_json_key(w, "deferred");
    tr_json_open_object(w);
    tr_json_key_u64(w, "total", a->deferred);
    for (int k = 0; k < TR_WHY_COUNT; k++)
        tr_json_key_u64(w, WHY[k], a->why[k]);
    tr_json_close_object(w);
    tr_json_key_u64(w, "errors", a->why[TR_WHY_ERROR]);
    put_estimate(w, "coverage", &f->coverage);
    tr_json_key_double(w, "certified_coverage", f->expected_coverage.value);
    put_estimate(w, "agreement", &f->agreement);
    put_estimate(w, "overall", &f->overall);
}

static void put_accuracy(tr_json_writer *w, const tr_figures *f)
{
    tr_json_key(w, "accuracy");
    if (!f->has_truth) {
        tr_json_null(w);
        return;
    }
    tr_json_open_object(w);
    for (int k = 0; k < TR_ANSWERERS; k++) {
        tr_json_key(w, ANSWERER[k]);
        tr_json_open_object(w);
        put_estimate(w, "accuracy", &f->accuracy[k].accuracy);
        tr_json_key_double(w, "macro_f1", f->accuracy[k].macro_f1);
        tr_json_close_object(w);
    }
    tr_json_close_object(w);
}

/* ---- Groups ---- */

/* Members of an object that is open. */
static void put_group(tr_json_writer *w, const char *named, const tr_group *g)
{
    key_str_or_null(w, named, g->pooled ? (tr_str){0} : g->name);
    tr_json_key_u64(w, "pooled", g->pooled);
    tr_json_key_u64(w, "rows", g->rows);
    put_estimate(w, "share", &g->share);
    put_estimate(w, "coverage", &g->coverage);
    put_estimate(w, "agreement", &g->agreement);
    tr_json_key_double(w, "wrong", g->wrong);
}

static void put_example(tr_json_writer *w, const tr_example *e)
{
    if (!e) {
        tr_json_null(w);
        return;
    }
    tr_json_open_object(w);
    tr_json_key_str(w, "text", tr_str_of(e->text, e->size));
    tr_json_key(w, "score");
    if (e->score == TR_OUTCOME_NO_SCORE)
        tr_json_null(w);
    else
        tr_json_double(w, score_of(e->score));
    tr_json_key_bool(w, "cut", e->whole > e->size);
    tr_json_close_object(w);
}

static void put_examples(tr_json_writer *w, const char *key, const tr_sample *s)
{
    uint32_t n = s->n < TR_FIGURES_EXAMPLES ? s->n : TR_FIGURES_EXAMPLES;
    tr_json_key(w, key);
    tr_json_open_array(w);
    for (uint32_t i = 0; i < n; i++)
        put_example(w, &s->at[i]);
    tr_json_close_array(w);
}

static void put_side(tr_json_writer *w, const char *key, const tr_marking *m, uint32_t n)
{
    tr_json_key(w, key);
    tr_json_open_array(w);
    for (uint32_t i = 0; i < n; i++) {
        tr_json_open_object(w);
        tr_json_key_c(w, "word", m[i].word);
        tr_json_key_u64(w, "handled", m[i].handled);
        tr_json_key_u64(w, "deferred", m[i].deferred);
        tr_json_key_double(w, "z", m[i].z);
        tr_json_close_object(w);
    }
    tr_json_close_array(w);
}

static void put_words(tr_json_writer *w, const tr_marking *handled, uint32_t n_handled,
                      const tr_marking *deferred, uint32_t n_deferred)
{
    tr_json_key(w, "words");
    tr_json_open_object(w);
    put_side(w, "handled", handled, n_handled);
    put_side(w, "deferred", deferred, n_deferred);
    tr_json_close_object(w);
}

static void put_label(tr_json_writer *w, const tr_label_figures *l)
{
    tr_json_open_object(w);
    put_group(w, "label", &l->group);
    if (!l->group.pooled) {
        tr_json_key_u64(w, "answered", l->answered);
        put_estimate(w, "confirmed", &l->confirmed);
        put_words(w, l->handled, l->n_handled, l->deferred, l->n_deferred);
        tr_json_key(w, "near");
        if (l->near_handled && l->near_deferred) {
            tr_json_open_object(w);
            tr_json_key(w, "handled");
            put_example(w, l->near_handled);
            tr_json_key(w, "deferred");
            put_example(w, l->near_deferred);
            tr_json_key_double(w, "shared", l->near);
            tr_json_close_object(w);
        } else {
            tr_json_null(w);
        }
    }
    if (l->counts && !l->group.pooled) {
        tr_json_key(w, "examples");
        tr_json_open_object(w);
        put_examples(w, "handled", &l->counts->handled);
        put_examples(w, "deferred", &l->counts->deferred);
        tr_json_close_object(w);
    }
    tr_json_close_object(w);
}

static void put_groups(tr_json_writer *w, const tr_figures *f)
{
    tr_json_key(w, "stages");
    tr_json_open_array(w);
    for (uint32_t k = 0; k < f->n_stages; k++) {
        tr_json_open_object(w);
        tr_json_key_u64(w, "stage", k + 1);
        tr_json_key_u64(w, "handled", f->audit->stage[k]);
        put_estimate(w, "coverage", &f->stage[k].coverage);
        put_estimate(w, "agreement", &f->stage[k].agreement);
        tr_json_close_object(w);
    }
    tr_json_close_array(w);

    tr_json_key(w, "labels");
    tr_json_open_array(w);
    for (size_t i = 0; i < f->n_labels; i++)
        put_label(w, &f->label[i]);
    tr_json_close_array(w);
    tr_json_key(w, "withhold");
    tr_json_open_array(w);
    for (size_t i = 0; i < f->n_withhold; i++)
        tr_json_str(w, f->withhold[i]);
    tr_json_close_array(w);

    tr_json_key(w, "slices");
    tr_json_open_object(w);
    key_str_or_null(w, "key", f->slices_by_length ? (tr_str){0} : tr_str_c(f->audit->by));
    tr_json_key(w, "groups");
    tr_json_open_array(w);
    for (size_t i = 0; i < f->n_slices; i++) {
        tr_json_open_object(w);
        put_group(w, "name", &f->slice[i]);
        tr_json_close_object(w);
    }
    tr_json_close_array(w);
    tr_json_close_object(w);
}

static void put_pairs(tr_json_writer *w, const tr_figures *f)
{
    tr_json_key_u64(w, "pairs_in_all", f->pairs_in_all);
    tr_json_key(w, "pairs");
    tr_json_open_array(w);
    for (size_t i = 0; i < f->n_pairs; i++) {
        const tr_pair_figures *p = &f->pair[i];
        tr_json_open_object(w);
        tr_json_key_str(w, "surrogate", p->said);
        tr_json_key_str(w, "teacher", p->meant);
        tr_json_key_u64(w, "rows", p->rows);
        tr_json_key_double(w, "share", p->share);
        tr_json_key_u64(w, "deferred", p->deferred);
        put_examples(w, "examples", p->examples);
        tr_json_close_object(w);
    }
    tr_json_close_array(w);
}

/* ---- By accept score ---- */

/* Members of an object that is open. */
static void put_point(tr_json_writer *w, const tr_curve_point *p)
{
    tr_json_key_double(w, "threshold", p->threshold);
    tr_json_key_double(w, "coverage", p->coverage);
    put_estimate(w, "agreement", &p->agreement);
}

static void put_scores(tr_json_writer *w, const tr_figures *f)
{
    tr_json_key(w, "reliability");
    tr_json_open_array(w);
    for (size_t i = 0; i < f->n_reliability; i++) {
        const tr_reliability *r = &f->reliability[i];
        tr_json_open_object(w);
        tr_json_key_double(w, "low", r->low);
        tr_json_key_double(w, "high", r->high);
        tr_json_key_double(w, "predicted", r->predicted);
        put_estimate(w, "observed", &r->observed);
        tr_json_close_object(w);
    }
    tr_json_close_array(w);

    tr_json_key(w, "curve");
    tr_json_open_array(w);
    for (size_t i = 0; i < f->n_curve; i++) {
        tr_json_open_object(w);
        put_point(w, &f->curve[i]);
        tr_json_close_object(w);
    }
    tr_json_close_array(w);

    tr_json_key(w, "operating");
    if (f->operating < f->n_curve) {
        tr_json_open_object(w);
        put_point(w, &f->curve[f->operating]);
        tr_json_close_object(w);
    } else {
        tr_json_null(w);
    }
}

/* ---- Against a baseline; money; the rest ---- */

static void put_baseline(tr_json_writer *w, const tr_comparison *c)
{
    tr_json_key(w, "baseline");
    if (!c) {
        tr_json_null(w);
        return;
    }
    tr_json_open_object(w);
    tr_json_key_bool(w, "other_promise", c->other_promise);
    tr_json_key_bool(w, "other_policy", c->other_policy);
    tr_json_key_u64(w, "comparisons", c->n);
    tr_json_key_u64(w, "moved", c->moved);
    tr_json_key(w, "moves");
    tr_json_open_array(w);
    for (size_t i = 0; i < c->n; i++) {
        const tr_move *m = &c->move[i];
        tr_json_open_object(w);
        tr_json_key_c(w, "what", tr_moved_names[m->what]);
        key_str_or_null(w, "label", m->label);
        put_estimate(w, "before", &m->before);
        put_estimate(w, "after", &m->after);
        tr_json_key_double(w, "chance", m->chance);
        tr_json_key_bool(w, "moved", m->moved);
        tr_json_close_object(w);
    }
    tr_json_close_array(w);
    tr_json_close_object(w);
}

static void put_best(tr_json_writer *w, const tr_money *m, const tr_figures *f)
{
    tr_json_key(w, "best");
    if (!m->has_best) {
        tr_json_null(w);
        return;
    }
    tr_json_open_object(w);
    if (m->best < f->n_curve) {
        put_point(w, &f->curve[m->best]);
    } else { /* nothing answered */
        tr_json_key_double(w, "threshold", NAN);
        tr_json_key_double(w, "coverage", 0);
        tr_json_key_double(w, "agreement", NAN);
    }
    tr_json_key_double(w, "net", m->best_net);
    tr_json_key_double(w, "alpha", m->best_alpha);
    tr_json_close_object(w);
}

static void put_money(tr_json_writer *w, const tr_money *m, const tr_figures *f)
{
    tr_json_key(w, "money");
    if (!m->there) {
        tr_json_null(w);
        return;
    }
    tr_json_open_object(w);
    tr_json_key_double(w, "calls_per_day", m->prices.calls_per_day);
    tr_json_key_double(w, "price_per_call", m->priced ? m->prices.price_per_call : NAN);
    tr_json_key_double(w, "price_per_error", m->errors_priced ? m->prices.price_per_error : NAN);
    tr_json_key_double(w, "calls_saved", m->calls_saved);
    tr_json_key_double(w, "saved", m->priced ? m->saved : NAN);
    tr_json_key_double(w, "errors", m->errors);
    tr_json_key_double(w, "errors_cost", m->errors_priced ? m->errors_cost : NAN);
    tr_json_key_double(w, "net", m->priced && m->errors_priced ? m->net : NAN);
    put_best(w, m, f);
    tr_json_close_object(w);
}

static void put_unknown(tr_json_writer *w, const tr_audit *a)
{
    tr_json_key(w, "unknown");
    tr_json_open_object(w);
    tr_json_key_u64(w, "handled", a->unknown);
    tr_json_key_u64(w, "unknowable", a->unknowable);
    tr_json_key_u64(w, "unweighable", a->unweighable);
    tr_json_key_u64(w, "shadowed", a->shadowed);
    tr_json_key_u64(w, "below_threshold", a->below);
    tr_json_key_double(w, "least_propensity", a->least_propensity);
    tr_json_close_object(w);
}

tr_code tr_sheet_write(const tr_report *r, tr_buf *out, tr_err *err)
{
    const tr_figures *f = r->figures;
    tr_buf counts;
    tr_json_writer w;

    tr_buf_init(&counts);
    tr_code code = tr_ledger_write(f->audit, &counts, err);
    if (code != TR_OK) {
        tr_buf_free(&counts);
        return code;
    }
    tr_json_begin(&w, out, true);
    tr_json_open_object(&w);
    tr_json_key_u64(&w, "tr-audit", FORMAT);
    put_promise(&w, &f->audit->promise);
    put_verdict(&w, &f->test);
    put_totals(&w, f);
    put_accuracy(&w, f);
    put_groups(&w, f);
    put_pairs(&w, f);
    put_scores(&w, f);
    put_words(&w, f->handled, f->n_handled, f->deferred, f->n_deferred);
    put_baseline(&w, r->comparison);
    put_money(&w, r->money, f);
    put_unknown(&w, f->audit);
    /* last, and past the writer: base64 needs no escapes and may be long */
    tr_json_key(&w, "counts");
    tr_buf_add_char(out, '"');
    tr_base64_put(out, tr_buf_str(&counts));
    tr_buf_add_char(out, '"');
    tr_json_close_object(&w);
    tr_buf_add_char(out, '\n');
    bool failed = out->failed || counts.failed;
    tr_buf_free(&counts);
    return failed ? tr_err_memory(err) : TR_OK;
}

void tr_sheet_verdict(const tr_monitor_verdict *v, bool json, tr_buf *out)
{
    if (json) {
        tr_json_writer w;
        tr_json_begin(&w, out, false);
        tr_json_open_object(&w);
        tr_json_key_bool(&w, "alarm", v->alarm);
        tr_json_key_double(&w, "evidence", v->evidence);
        tr_json_key_double(&w, "bar", v->bar);
        tr_json_key_u64(&w, "shards", v->shards);
        tr_json_key_u64(&w, "alarmed", v->alarmed);
        tr_json_key_u64(&w, "labels", v->labels);
        tr_json_key_u64(&w, "agreed", v->agreed);
        tr_json_close_object(&w);
        tr_buf_add_char(out, '\n');
        return;
    }
    char labels[TR_NUM_TEXT], agreed[TR_NUM_TEXT], text[240];
    tr_num_print_grouped(labels, v->labels);
    tr_num_print_grouped(agreed, v->agreed);
    snprintf(text, sizeof text,
             "%s: evidence %.3g of %.3g, from %s labels of %zu shard%s; %s agree\n",
             v->alarm ? "ALARM" : "no alarm", v->evidence, v->bar, labels, v->shards,
             v->shards == 1 ? "" : "s", agreed);
    tr_buf_add_c(out, text);
}
