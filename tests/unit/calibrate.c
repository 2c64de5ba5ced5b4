#include "policy/calibrate.h"

#include "check.h"
#include "policy/verify.h"
#include "small.h"

#include <math.h>

enum { ROWS = 1500 };

/* One log for all cases: a share .3 of its rows is labelled at random. */
static tr_dataset log_rows;
static tr_stream stream;

static const tr_calibrate_options usual = {
    .alpha = 0.9, .delta = 0.05, .targets = 1, .novelty = 0.01, .min_coverage = 0.05};

static tr_code run(const tr_stream *s, tr_calibrate_options o, tr_policy *p)
{
    tr_err err = {0};
    tr_code code = tr_calibrate_run(s, &o, p, &err);
    if (code != TR_OK && code != TR_NO)
        printf("# %s\n", err.message);
    return code;
}

static size_t member_of(const tr_stream *s, const char *name)
{
    size_t m = 0;
    while (m < s->n && strcmp(s->member[m].name, name))
        m++;
    CHECK(m < s->n);
    return m < s->n ? m : 0;
}

/* What the certificate says, counted again from the stream: the first stage that may answer and
 * reaches the threshold does. */
static void recount(const tr_stream *s, const tr_policy *p)
{
    const tr_certificate *c = &p->certificate;
    size_t m[TR_POLICY_STAGES] = {0};
    for (uint32_t k = 0; k < p->stages; k++)
        m[k] = member_of(s, p->stage[k].member);
    const tr_softmax_summary *evidence = s->member[tr_stream_guard(s, m[0])].summary;
    uint32_t *rows;
    size_t n = tr_heldout_side(&s->heldout, TR_SIDE_CALIBRATION, c->seed, &rows);
    uint64_t inside = 0, accepted = 0, agreed = 0;
    for (size_t k = 0; k < n; k++) {
        const tr_heldout_row *r = &s->heldout.rows[rows[k]];
        float novelty =
            tr_novelty_of(&p->rule.novelty, evidence[rows[k]].evidence, r->unseen, r->near);
        bool may = false, answered = false, right = false;
        tr_acceptor_row row = {0};
        uint32_t score = 0;
        for (uint32_t j = 0; j < p->stages; j++) {
            tr_acceptor_row before = row;
            row = tr_stream_row(s, m[j], rows[k]);
            row.before = j ? before.said : NULL;
            row.before_score = score;
            score = tr_acceptor_score(&p->stage[j].acceptor, &row);
            if (novelty > p->rule.novelty_most || p->rule.label_deferred[row.said->label])
                continue;
            may = true;
            if (!answered && score >= p->rule.threshold) {
                answered = true;
                right = row.said->label == r->label;
            }
        }
        inside += may;
        if (answered && accepted++ < c->tested)
            agreed += right;
    }
    free(rows);
    CHECK(c->rows == n && c->inside == inside && c->accepted == accepted);
    if (c->guarantee == TR_GUARANTEE_HANDLED) {
        CHECK(c->agreed == agreed);
        CHECK((uint64_t)tr_stat_sweet((int64_t)accepted, c->alpha, c->delta_used) == c->tested);
        CHECK((uint64_t)tr_stat_kmin((int64_t)c->tested, c->alpha, c->delta_used) == c->needed);
    }
    CHECK(c->agreed >= c->needed && c->tested >= c->agreed);
}

static void an_easy_target_is_certified(void)
{
    static const double alphas[] = {0.6, 0.8, 0.9, 0.95};
    double before = 1.1;
    for (size_t k = 0; k < 4; k++) {
        tr_calibrate_options o = usual;
        tr_policy p;
        o.alpha = alphas[k];
        CHECK(run(&stream, o, &p) == TR_OK);
        const tr_certificate *c = &p.certificate;
        CHECK(c->deployed && p.rule.accepts && !*c->refusal);
        CHECK(c->alpha == alphas[k] && c->delta == 0.05);
        CHECK(c->n_candidates == 2 * stream.n + stream.n_cascades && stream.n_cascades == 2);
        double shares = 0;
        for (uint32_t i = 0; i < c->n_candidates; i++) {
            shares += c->candidates[i].delta;
            CHECK(c->candidates[i].accepted <= c->accepted);
        }
        CHECK_NEAR(shares, 0.05, 1e-12);
        CHECK(c->delta_used <= 0.04 + 1e-12);
        double coverage = tr_certificate_coverage(c);
        CHECK(coverage > 0.4 && coverage <= before + 0.02);
        before = coverage;
        CHECK(p.stages == (c->family == TR_FAMILY_RSB ? 2 : 1));
        CHECK(c->family == TR_FAMILY_RSB ||
              (c->family == TR_FAMILY_GLOBAL) == (p.rule.threshold == 0));
        recount(&stream, &p);
        tr_policy_free(&p);
    }
}

static void the_guard_takes_its_share(void)
{
    static const double shares[] = {0, 0.01, 0.1};
    for (size_t k = 0; k < 3; k++) {
        tr_calibrate_options o = usual;
        tr_policy p;
        o.alpha = 0.6;
        o.novelty = shares[k];
        CHECK(run(&stream, o, &p) == TR_OK);
        double beyond = 1 - (double)p.certificate.inside / (double)p.certificate.rows;
        CHECK_NEAR(beyond, shares[k], 3 * sqrt(shares[k] / (double)p.certificate.rows) + 1e-9);
        CHECK(isinf(p.rule.novelty_most) == (shares[k] == 0));
        recount(&stream, &p);
        tr_policy_free(&p);
    }
}

static void global_is_a_path_of_one_node(void)
{
    tr_calibrate_options o = usual;
    tr_policy p;
    o.family = TR_FAMILY_GLOBAL;
    o.alpha = 0.6;
    CHECK(run(&stream, o, &p) == TR_OK);
    CHECK(p.certificate.n_path == 1 && p.rule.threshold == 0);
    CHECK(p.certificate.family == TR_FAMILY_GLOBAL && p.certificate.n_candidates == stream.n);
    CHECK(p.certificate.accepted == p.certificate.inside);
    recount(&stream, &p);
    tr_policy_free(&p);
    o.alpha = 0.9; /* more than all rows together agree */
    CHECK(run(&stream, o, &p) == TR_NO);
    CHECK(!p.certificate.deployed && !p.rule.accepts);
    tr_policy_free(&p);
}

/* Only cascades are looked at, and what is deployed has two stages under one threshold. */
static void a_cascade_is_certified_as_one(void)
{
    static const double alphas[] = {0.6, 0.85, 0.9};
    for (int k = 0; k < 6; k++) {
        tr_calibrate_options o = usual;
        tr_policy p;
        o.family = TR_FAMILY_RSB;
        o.alpha = alphas[k % 3];
        o.guarantee = k < 3 ? TR_GUARANTEE_HANDLED : TR_GUARANTEE_OVERALL;
        o.defer_label = k % 2 ? "other" : NULL;
        CHECK(run(&stream, o, &p) == TR_OK);
        const tr_certificate *c = &p.certificate;
        char name[TR_POLICY_NAME];
        CHECK(c->family == TR_FAMILY_RSB && c->n_candidates == stream.n_cascades && c->gated);
        CHECK(p.stages == 2 && strcmp(p.stage[0].member, p.stage[1].member) != 0);
        snprintf(name, sizeof name, "%s > %s", p.stage[0].member, p.stage[1].member);
        CHECK(!strcmp(c->member, name));
        CHECK(p.stage[1].acceptor.mask & TR_ACCEPTOR_BEFORE);
        CHECK(!(p.stage[0].acceptor.mask & TR_ACCEPTOR_BEFORE));
        for (uint32_t i = 0; i < c->n_candidates; i++) {
            CHECK(c->candidates[i].family == TR_FAMILY_RSB);
            CHECK(strstr(c->candidates[i].member, " > ") != NULL);
        }
        recount(&stream, &p);
        tr_policy_free(&p);
    }
}

/* Several targets at once: each at its part of delta, or what was looked up in one place would be
 * promised in many. */
static void targets_share_delta(void)
{
    for (int targets = 1; targets <= 7; targets += 3) {
        tr_calibrate_options o = usual;
        tr_policy p;
        o.targets = targets;
        CHECK(run(&stream, o, &p) == TR_OK);
        const tr_certificate *c = &p.certificate;
        double shares = 0;
        for (uint32_t i = 0; i < c->n_candidates; i++)
            shares += c->candidates[i].delta;
        CHECK(c->targets == (uint32_t)targets && c->delta == 0.05 / targets);
        CHECK_NEAR(shares, 0.05 / targets, 1e-12);
        CHECK(c->delta_used <= c->delta);
        recount(&stream, &p);
        tr_policy_free(&p);
    }
}

static void overall_counts_what_is_deferred(void)
{
    tr_calibrate_options o = usual;
    tr_policy handled, overall;
    CHECK(run(&stream, o, &handled) == TR_OK);
    o.guarantee = TR_GUARANTEE_OVERALL;
    CHECK(run(&stream, o, &overall) == TR_OK);
    CHECK(overall.certificate.guarantee == TR_GUARANTEE_OVERALL);
    CHECK(overall.certificate.accepted > handled.certificate.accepted);
    recount(&stream, &overall);
    tr_policy_free(&handled);
    tr_policy_free(&overall);
}

static void deferred_labels_are_outside(void)
{
    tr_calibrate_options o = usual;
    tr_policy p, all;
    o.alpha = 0.8;
    CHECK(run(&stream, o, &all) == TR_OK);
    o.defer_label = "returns,billing";
    CHECK(run(&stream, o, &p) == TR_OK);
    uint32_t l = tr_labels_find(&p.labels, tr_str_c("returns"));
    CHECK(l < 4 && p.rule.label_deferred[l]);
    CHECK(p.rule.label_deferred[0] + p.rule.label_deferred[1] + p.rule.label_deferred[2] +
              p.rule.label_deferred[3] ==
          2);
    CHECK_NEAR((double)p.certificate.accepted / (double)all.certificate.accepted, 0.5, 0.15);
    recount(&stream, &p);
    tr_policy_free(&p);
    tr_policy_free(&all);
    static const char *const wrong[] = {"Returns", "returns,nosuch", "returns ",
                                        "billing,,returns"};
    for (size_t k = 0; k < 4; k++) {
        tr_err err = {0};
        o.defer_label = wrong[k];
        CHECK(tr_calibrate_run(&stream, &o, &p, &err) == TR_USAGE && *err.message);
        tr_policy_free(&p);
    }
    o.defer_label = "returns,billing,other,delivery";
    CHECK(run(&stream, o, &p) == TR_NO && p.certificate.inside == 0);
    tr_policy_free(&p);
}

/* ---- refusals say why ---- */

static int refused(size_t rows, double noise, tr_calibrate_options o, const char *reason)
{
    tr_buf bytes = small_gated(rows, noise, "svm", NULL);
    tr_stream s;
    tr_policy p;
    tr_err err = {0};
    CHECK(tr_stream_take(&s, &bytes, "small", &err) == TR_OK);
    tr_code code = tr_calibrate_run(&s, &o, &p, &err);
    const tr_certificate *c = &p.certificate;
    int ok = code == TR_NO && strstr(c->refusal, reason) && !c->deployed && !p.rule.accepts &&
             c->accepted == 0 && tr_certificate_coverage(c) == 0;
    if (!ok)
        printf("# code %d, \"%s\", not \"%s\"\n", (int)code, c->refusal, reason);
    CHECK(c->n_candidates == 2 && c->n_path > 0 && p.label_agreement);
    tr_policy_free(&p);
    tr_stream_free(&s);
    return ok;
}

static void hard_targets_are_refused(void)
{
    tr_calibrate_options o = usual;
    o.alpha = 0.98;
    CHECK(refused(60, 0, o, "at least 160")); /* ln .05 / ln .98 */
    o.alpha = 0.9;
    CHECK(refused(500, 1, o, "no number of rows would do"));
    CHECK(refused(100, 0.3, o, "too few calibration rows"));
    o.min_coverage = 0.95;
    CHECK(refused(1000, 0.3, o, "--min-coverage"));
}

static void a_stream_without_training_rows_is_refused(void)
{
    tr_stream s = stream;
    tr_policy p;
    tr_err err = {0};
    tr_heldout_row *rows = malloc(s.heldout.n * sizeof *rows);
    memcpy(rows, s.heldout.rows, s.heldout.n * sizeof *rows);
    for (size_t i = 0; i < s.heldout.n; i++)
        rows[i].side = TR_SIDE_CALIBRATION;
    s.heldout.rows = rows;
    CHECK(tr_calibrate_run(&s, &usual, &p, &err) == TR_DATA && *err.message);
    tr_policy_free(&p);
    for (size_t i = 0; i < s.heldout.n; i++)
        rows[i].side = TR_SIDE_TRAIN; /* and without calibration rows nothing is certified */
    CHECK(tr_calibrate_run(&s, &usual, &p, &err) == TR_NO);
    CHECK(strstr(p.certificate.refusal, "too few calibration rows: 0"));
    tr_policy_free(&p);
    free(rows);
}

static void the_seed_orders_the_rows(void)
{
    tr_calibrate_options o = usual;
    tr_policy one, same, other;
    CHECK(run(&stream, o, &one) == TR_OK && run(&stream, o, &same) == TR_OK);
    o.seed = 1;
    CHECK(run(&stream, o, &other) == TR_OK);
    CHECK(one.certificate.agreed == same.certificate.agreed);
    CHECK(one.certificate.accepted == same.certificate.accepted);
    CHECK(one.certificate.rows == other.certificate.rows && other.certificate.seed == 1);
    recount(&stream, &other);
    tr_policy_free(&one);
    tr_policy_free(&same);
    tr_policy_free(&other);
}

/* ---- verify ---- */

static tr_code verify(const tr_policy *p)
{
    tr_err err = {0};
    tr_code code = tr_verify_policy(p, &log_rows, &err);
    CHECK(code == TR_OK || *err.message);
    return code;
}

static void verify_finds_the_same(void)
{
    static const tr_family families[] = {TR_FAMILY_AUTO, TR_FAMILY_GLOBAL, TR_FAMILY_L2D,
                                         TR_FAMILY_RSB};
    for (int k = 0; k < 8; k++) {
        tr_calibrate_options o = usual;
        tr_policy p;
        o.family = families[k % 4];
        o.alpha = k % 4 == 1 ? 0.6 : 0.9;
        o.guarantee = k < 4 ? TR_GUARANTEE_HANDLED : TR_GUARANTEE_OVERALL;
        o.seed = (uint64_t)k;
        CHECK(run(&stream, o, &p) == TR_OK);
        CHECK(verify(&p) == TR_OK);
        tr_policy_free(&p);
    }
}

static void notices_any_altered_count(tr_family family)
{
    tr_policy p;
    tr_calibrate_options o = usual;
    o.family = family;
    CHECK(run(&stream, o, &p) == TR_OK);
    tr_certificate *c = &p.certificate;
    uint64_t *const counts[] = {&c->rows,   &c->inside, &c->accepted,
                                &c->tested, &c->agreed, &c->needed};
    for (size_t k = 0; k < sizeof counts / sizeof *counts; k++)
        for (int by = -1; by <= 1; by += 2) {
            *counts[k] += (uint64_t)by;
            CHECK(verify(&p) == TR_NO);
            *counts[k] -= (uint64_t)by;
        }
    for (uint32_t j = 0; j < c->n_path; j++) {
        tr_cert_step *s = &c->path[j];
        if (!s->walked)
            continue;
        uint64_t *const of[] = {&s->accepted, &s->tested, &s->agreed, &s->needed};
        for (size_t k = 0; k < 4; k++) {
            *of[k] += 1;
            CHECK(verify(&p) == TR_NO);
            *of[k] -= 1;
        }
        s->passed = !s->passed;
        CHECK(verify(&p) == TR_NO);
        s->passed = !s->passed;
    }
    p.rule.threshold--; /* looser than what was certified */
    CHECK(verify(&p) != TR_OK);
    p.rule.threshold++;
    p.rule.label_deferred[1] = 1;
    CHECK(verify(&p) == TR_NO);
    p.rule.label_deferred[1] = 0;
    p.rule.novelty_most /= 2;
    CHECK(verify(&p) == TR_NO);
    p.rule.novelty_most *= 2;
    CHECK(verify(&p) == TR_OK);
    p.origin.calibration_digest[0] ^= 1; /* other traces */
    CHECK(verify(&p) == TR_DATA);
    tr_policy_free(&p);
}

static void verify_notices_any_altered_count(void)
{
    notices_any_altered_count(TR_FAMILY_L2D);
}

static void verify_notices_it_in_a_cascade(void)
{
    notices_any_altered_count(TR_FAMILY_RSB);
    tr_policy p;
    tr_calibrate_options o = usual;
    o.family = TR_FAMILY_RSB;
    CHECK(run(&stream, o, &p) == TR_OK);
    tr_stage first = p.stage[0];
    p.stage[0] = p.stage[1];
    p.stage[1] = first; /* asked in another order */
    CHECK(verify(&p) == TR_NO);
    p.stage[1] = p.stage[0];
    p.stage[0] = first;
    CHECK(verify(&p) == TR_OK);
    p.stages = 1; /* the second one is never asked */
    CHECK(verify(&p) == TR_NO);
    p.stages = 2;
    tr_policy_free(&p);
}

/* Traces without what the policy looks at are others than those that it was calibrated on. */
static void verify_reads_what_the_policy_reads(void)
{
    tr_buf log = small_log_of(SMALL_BOTH, 600, 0.2, 3);
    tr_dataset d;
    tr_stream s;
    tr_policy p;
    tr_err err = {0};
    tr_calibrate_options o = usual;
    o.alpha = 0.8;
    tr_buf bytes = small_gated_from(&log, "svm,lda,knn", &d);
    CHECK(tr_stream_take(&s, &bytes, "small", &err) == TR_OK);
    CHECK(run(&s, o, &p) == TR_OK);
    recount(&s, &p);
    CHECK(!tr_verify_reads(&p).no_text && !tr_verify_reads(&p).no_embedding);
    CHECK(tr_verify_policy(&p, &d, &err) == TR_OK);
    uint32_t dims = d.dims;
    for (d.dims = 0; d.dims <= dims + 1; d.dims++)
        if (d.dims != dims)
            CHECK(tr_verify_policy(&p, &d, &err) == TR_DATA && *err.message);
    d.dims = dims;
    for (size_t i = 0; i < d.n; i++) /* other embeddings, which the digest does not know of */
        d.embeddings[i * dims] += 5;
    CHECK(tr_verify_policy(&p, &d, &err) == TR_NO);
    tr_policy_free(&p);
    o.alpha = 0.999;
    CHECK(run(&s, o, &p) == TR_NO);
    CHECK(tr_verify_policy(&p, &d, &err) == TR_OK); /* refused: nothing is looked at */
    tr_policy_free(&p);
    tr_stream_free(&s);
    tr_dataset_free(&d);
    CHECK(run(&stream, usual, &p) == TR_OK);
    CHECK(!tr_verify_reads(&p).no_text && tr_verify_reads(&p).no_embedding);
    tr_policy_free(&p);
}

static void a_refused_policy_has_nothing_to_verify(void)
{
    tr_calibrate_options o = usual;
    tr_policy p;
    o.alpha = 0.999;
    CHECK(run(&stream, o, &p) == TR_NO);
    CHECK(verify(&p) == TR_OK);
    tr_policy_free(&p);
}

int main(void)
{
    tr_err err = {0};
    tr_buf bytes = small_gated(ROWS, 0.3, "svm,nb,blend", &log_rows);
    if (tr_stream_take(&stream, &bytes, "small", &err) != TR_OK)
        return 4;
    CASE(an_easy_target_is_certified);
    CASE(the_guard_takes_its_share);
    CASE(global_is_a_path_of_one_node);
    CASE(a_cascade_is_certified_as_one);
    CASE(targets_share_delta);
    CASE(overall_counts_what_is_deferred);
    CASE(deferred_labels_are_outside);
    CASE(hard_targets_are_refused);
    CASE(a_stream_without_training_rows_is_refused);
    CASE(the_seed_orders_the_rows);
    CASE(verify_finds_the_same);
    CASE(verify_notices_any_altered_count);
    CASE(verify_notices_it_in_a_cascade);
    CASE(verify_reads_what_the_policy_reads);
    CASE(a_refused_policy_has_nothing_to_verify);
    tr_stream_free(&stream);
    tr_dataset_free(&log_rows);
    return CHECK_END;
}
