#include "policy/policy.h"
#include "policy/print.h"

#include "check.h"
#include "policy/calibrate.h"
#include "policy/route.h"
#include "policy/verify.h"
#include "small.h"

#include <math.h>

/* The policy of a stream as a file; the stream's bytes are taken. */
static tr_buf policy_of(tr_buf stream_bytes, tr_calibrate_options o, tr_code expected)
{
    tr_stream s;
    tr_policy p;
    tr_err err = {0};
    int fd = memfd_create("policy", 0);
    tr_writer *w = tr_writer_open_fd(fd, "policy", &err);
    CHECK(tr_stream_take(&s, &stream_bytes, "small", &err) == TR_OK);
    size_t kept = 0;
    for (size_t k = 0; k < s.n_cascades; k++) { /* so that the guard looks at a third member */
        tr_stream_cascade c = s.cascade[k];
        bool guarded = strcmp(s.member[c.first].name, "svm") != 0;
        s.cascade[k] = s.cascade[kept];
        s.cascade[kept] = c;
        kept += guarded;
    }
    size_t all = s.n_cascades;
    s.n_cascades = kept;
    tr_code code = tr_calibrate_run(&s, &o, &p, &err);
    s.n_cascades = all;
    if (code != expected)
        printf("# code %d: %s%s\n", (int)code, err.message, p.certificate.refusal);
    CHECK(code == expected);
    CHECK(tr_policy_write(&p, w, &err) == TR_OK && tr_writer_close(w, &err) == TR_OK);
    tr_policy_free(&p);
    tr_stream_free(&s);
    return small_take(fd);
}

static const tr_calibrate_options easy = {.alpha = 0.7,
                                          .delta = 0.1,
                                          .targets = 1,
                                          .novelty = 0.01,
                                          .min_coverage = 0.05,
                                          .family = TR_FAMILY_RSB};

/* A policy that has every kind of section: two stages of two models, and a guard of a third where
 * `guarded`. */
static tr_buf tiny(bool guarded, tr_dataset *d)
{
    tr_dataset own;
    tr_buf b =
        policy_of(small_tiny(200, guarded ? "svm,lda,dt" : "lda,knn", d ? d : &own), easy, TR_OK);
    CHECK(small_sections(tr_buf_str(&b), 'P', "STAG") == 2);
    CHECK(small_sections(tr_buf_str(&b), 'P', "MODL") >= 2);
    CHECK(small_sections(tr_buf_str(&b), 'P', "NEAR") == 1);
    if (!d)
        tr_dataset_free(&own);
    return b;
}

static tr_buf refused_policy(void)
{
    tr_calibrate_options o = easy;
    o.alpha = 0.999;
    return policy_of(small_tiny(200, "lda,knn", NULL), o, TR_NO);
}

/* The code of reading a copy of exactly these bytes; the message must name the file. */
static tr_code read_bytes(tr_str bytes)
{
    tr_policy p;
    tr_err err = {0};
    tr_buf b = small_exact(bytes);
    tr_code code = tr_policy_take(&p, &b, "p.trp", &err);
    CHECK(code == TR_OK || !strncmp(err.message, "p.trp: ", 7));
    CHECK(!b.data && !b.size); /* taken over */
    tr_policy_free(&p);
    return code;
}

static int same_mixture(const tr_mixture *a, const tr_mixture *b)
{
    return a->n == b->n && !memcmp(a->model, b->model, a->n * sizeof *a->model) &&
           !memcmp(a->weight, b->weight, a->n * sizeof *a->weight);
}

static void same(const tr_policy *a, const tr_policy *b)
{
    const tr_certificate *x = &a->certificate, *y = &b->certificate;
    CHECK(!memcmp(&a->origin, &b->origin, sizeof a->origin));
    CHECK(a->labels.n == b->labels.n && a->rule.accepts == b->rule.accepts);
    CHECK(a->rule.threshold == b->rule.threshold && a->stages == b->stages);
    CHECK(same_mixture(&a->rule.guard, &b->rule.guard) && a->bank.n == b->bank.n);
    CHECK(a->rule.novelty.seen.n == b->rule.novelty.seen.n);
    CHECK(a->rule.novelty.near.n == b->rule.novelty.near.n);
    for (uint32_t k = 0; k < a->stages && k < b->stages; k++) {
        const tr_stage *c = &a->stage[k], *d = &b->stage[k];
        CHECK(!strcmp(c->member, d->member) && same_mixture(&c->mixture, &d->mixture));
        CHECK(c->acceptor.mask == d->acceptor.mask);
        CHECK(!memcmp(c->acceptor.weight, d->acceptor.weight, sizeof c->acceptor.weight));
    }
    CHECK(a->rule.novelty_most == b->rule.novelty_most);
    CHECK(!memcmp(a->rule.label_deferred, b->rule.label_deferred, a->labels.n));
    CHECK(!memcmp(a->label_agreement, b->label_agreement, a->labels.n * sizeof(double)));
    CHECK(x->alpha == y->alpha && x->delta == y->delta && x->delta_used == y->delta_used);
    CHECK(x->targets == y->targets && x->guarantee == y->guarantee && x->family == y->family);
    CHECK(x->novelty == y->novelty);
    CHECK(x->min_coverage == y->min_coverage && x->seed == y->seed && x->deployed == y->deployed);
    CHECK(!strcmp(x->member, y->member) && x->gated == y->gated && !strcmp(x->refusal, y->refusal));
    CHECK(x->rows == y->rows && x->inside == y->inside && x->accepted == y->accepted);
    CHECK(x->tested == y->tested && x->agreed == y->agreed && x->needed == y->needed);
    CHECK(x->train_rows == y->train_rows && x->train_agreement == y->train_agreement);
    CHECK(x->n_candidates == y->n_candidates && x->n_path == y->n_path);
    for (uint32_t k = 0; k < x->n_candidates && k < y->n_candidates; k++) {
        const tr_candidate *c = &x->candidates[k], *d = &y->candidates[k];
        CHECK(!strcmp(c->member, d->member) && c->gated == d->gated && c->delta == d->delta);
        CHECK(c->rank == d->rank && c->accepted == d->accepted && c->steps == d->steps);
        CHECK(c->family == d->family);
    }
    for (uint32_t k = 0; k < x->n_path && k < y->n_path; k++) {
        const tr_cert_step *c = &x->path[k], *d = &y->path[k];
        CHECK(c->threshold == d->threshold && c->walked == d->walked && c->passed == d->passed);
        CHECK(c->accepted == d->accepted && c->tested == d->tested && c->agreed == d->agreed);
        CHECK(c->needed == d->needed);
    }
}

/* Both decide alike on a few requests. */
static void same_decisions(const tr_policy *a, const tr_policy *b)
{
    static const char *const texts[] = {"invoice charge paid card bank", "parcel refund hello late",
                                        "qqq zzz", ""};
    tr_err err = {0};
    tr_route_worker *x = tr_route_open(a, &err), *y = tr_route_open(b, &err);
    CHECK(x && y);
    for (int k = 0; x && y && k < 16; k++) {
        const float embedding[SMALL_DIMS] = {(float)(k % 4), (float)(k / 4), 0.5f, -1, 0.2f, 0.2f};
        tr_decision one, two;
        CHECK(tr_route_input(x, tr_str_c(texts[k % 4]), embedding, &one));
        CHECK(tr_route_input(y, tr_str_c(texts[k % 4]), embedding, &two));
        CHECK(one.why == two.why && one.label == two.label);
        CHECK(one.score == two.score && one.stage == two.stage);
    }
    tr_route_close(x);
    tr_route_close(y);
}

static void what_is_written_is_read(void)
{
    tr_buf log = small_log_of(SMALL_BOTH, 800, 0.2, 1);
    tr_buf bytes = small_gated_from(&log, "svm,lda,knn,dt", NULL);
    tr_stream s;
    tr_policy p, back;
    tr_err err = {0};
    CHECK(tr_stream_take(&s, &bytes, "small", &err) == TR_OK);
    static const tr_family families[] = {TR_FAMILY_GLOBAL, TR_FAMILY_L2D, TR_FAMILY_RSB,
                                         TR_FAMILY_AUTO};
    for (int k = 0; k < 5; k++) {
        bool refuse = k == 4;
        tr_calibrate_options o = {.alpha = refuse ? 0.999 : 0.75,
                                  .delta = 0.05,
                                  .targets = 1 + k % 3,
                                  .novelty = 0.02,
                                  .min_coverage = 0.05,
                                  .family = families[k % 4],
                                  .defer_label = "other",
                                  .seed = 3};
        CHECK(tr_calibrate_run(&s, &o, &p, &err) == (refuse ? TR_NO : TR_OK));
        char name[] = "/tmp/tr-policy-XXXXXX";
        int fd = mkstemp(name);
        tr_writer *w = tr_writer_open_fd(fd, name, &err);
        CHECK(tr_policy_write(&p, w, &err) == TR_OK && tr_writer_close(w, &err) == TR_OK);
        close(fd);
        CHECK(tr_policy_read(&back, name, &err) == TR_OK);
        CHECK(truncate(name, 100) == 0); /* the policy that was read is not touched */
        same(&p, &back);
        if (!refuse) {
            const tr_features *f = &back.bank.features;
            CHECK(f->text && f->vocabulary.n == s.bank.features.vocabulary.n);
            CHECK(f->view.dims == SMALL_DIMS && back.bank.near.layers == 1);
            CHECK(p.stages == (p.certificate.family == TR_FAMILY_RSB ? 2 : 1));
            for (size_t m = 0; m < back.bank.n; m++) /* a feature begins a cache line */
                if (back.bank.model[m].kind == TR_SURROGATE_LINEAR)
                    CHECK(((uintptr_t)back.bank.model[m].linear.weight & 63) == 0);
            same_decisions(&p, &back);
        } else {
            CHECK(*back.certificate.refusal && !back.bank.n && !back.stages);
            CHECK(!back.bank.features.vocabulary.n && !back.bank.features.view.dims);
        }
        tr_policy_free(&back);
        unlink(name);
        CHECK(tr_policy_read(&back, name, &err) == TR_SYSTEM);
        tr_policy_free(&back);
        tr_policy_free(&p);
    }
    tr_stream_free(&s);
}

static void every_section_is_needed(void)
{
    static char tags[][5] = {"HEAD", "LABL", "RULE", "CERT", "VOCB",
                             "DENS", "NEAR", "MODL", "STAG"};
    for (int kind = 0; kind < 3; kind++) {
        tr_buf b = kind == 2 ? refused_policy() : tiny(kind, NULL);
        CHECK(read_bytes(tr_buf_str(&b)) == TR_OK);
        for (size_t k = 0; k < (kind == 2 ? 4 : 9); k++) {
            tr_buf part = small_reseal(tr_buf_str(&b), 'P', small_without, tags[k]);
            if (part.size >= b.size || read_bytes(tr_buf_str(&part)) != TR_DATA)
                printf("# %s is not needed\n", tags[k]);
            CHECK(part.size < b.size && read_bytes(tr_buf_str(&part)) == TR_DATA);
            tr_buf_free(&part);
        }
        tr_buf_free(&b);
    }
}

/* For small_reseal: leaves out the section of that number. */
static bool without_number(void *context, size_t section, const char *tag, tr_buf *payload)
{
    (void)tag;
    (void)payload;
    return section != *(const size_t *)context;
}

/* Of several models, and of the stages, each one is needed. */
static void every_single_one_is_needed(void)
{
    tr_buf b = tiny(true, NULL);
    tr_frame f;
    tr_err err = {0};
    CHECK(tr_frame_open(&f, tr_buf_str(&b), "whole", 'P', &err) == TR_OK);
    for (size_t k = 0; k < f.n; k++) {
        if (!strcmp(f.sections[k].tag, "hist"))
            continue; /* what it tells is not what the policy does */
        tr_buf part = small_reseal(tr_buf_str(&b), 'P', without_number, &k);
        if (read_bytes(tr_buf_str(&part)) != TR_DATA)
            printf("# %s (%zu) is not needed\n", f.sections[k].tag, k);
        CHECK(read_bytes(tr_buf_str(&part)) == TR_DATA);
        tr_buf_free(&part);
    }
    tr_frame_free(&f);
    tr_buf_free(&b);
}

static void every_prefix_and_flipped_byte_is_refused(void)
{
    for (int kind = 0; kind < 3; kind++) {
        tr_buf b = kind == 2 ? refused_policy() : tiny(kind, NULL);
        small_damage(&b, 19, read_bytes);
        tr_buf_free(&b);
    }
    tr_buf stream = small_tiny(200, "svm", NULL);
    CHECK(read_bytes(tr_buf_str(&stream)) == TR_DATA); /* a model stream is no policy */
    tr_buf_free(&stream);
}

/* Whatever is taken decides, verifies and prints. */
static tr_code use(void *context, tr_buf *forged)
{
    static const float embedding[3] = {3, -1, 0.25f}, zero[3] = {0};
    tr_policy p;
    tr_err err = {0};
    tr_code code = tr_policy_take(&p, forged, "forged", &err);
    if (code == TR_OK) {
        tr_decision decision;
        tr_route_worker *w = tr_route_open(&p, &err);
        CHECK(w && tr_route_input(w, tr_str_c("go ab cd no xyz"), embedding, &decision));
        CHECK(w && tr_route_input(w, tr_str_c(""), zero, &decision));
        CHECK(decision.score <= TR_ACCEPTOR_ONE && decision.stage <= p.stages);
        CHECK(!p.rule.accepts || decision.label < p.labels.n);
        tr_route_close(w);
        tr_code verified = tr_verify_policy(&p, context, &err);
        CHECK(verified == TR_OK || verified == TR_NO || verified == TR_DATA);
        tr_buf text;
        tr_json_writer json;
        tr_buf_init(&text);
        tr_json_begin(&json, &text, false);
        tr_print_certificate(&p.certificate, &p.origin, &p.history, &json);
        CHECK(text.size > 100);
        tr_buf_free(&text);
    }
    tr_policy_free(&p);
    return code;
}

static void forged_policies_do_no_harm(void)
{
    for (int guarded = 0; guarded < 2; guarded++) {
        tr_dataset d;
        tr_buf b = tiny(guarded, &d);
        small_forge(tr_buf_str(&b), 'P', 160, 83, use, &d);
        tr_buf_free(&b);
        tr_dataset_free(&d);
    }
    tr_dataset none = {0};
    tr_buf b = refused_policy();
    small_forge(tr_buf_str(&b), 'P', 400, 83, use, &none);
    tr_buf_free(&b);
}

/* Where the number of stages stands in a rule: behind the guard's tails. */
static size_t stages_at(const tr_policy *p)
{
    tr_buf b;
    tr_buf_init(&b);
    tr_novelty_write(&p->rule.novelty, &b);
    size_t at = 16 + (p->labels.n + 7) / 8 * 8 + 8 * (size_t)p->labels.n + b.size;
    tr_buf_free(&b);
    return at;
}

static void what_does_not_fit_is_refused(void)
{
    for (int guarded = 0; guarded < 2; guarded++) {
        tr_buf b = tiny(guarded, NULL), copy = small_copy(tr_buf_str(&b));
        tr_policy p;
        tr_err err = {0};
        CHECK(tr_policy_take(&p, &copy, "p.trp", &err) == TR_OK);
        size_t at = stages_at(&p), name = 8; /* a stage: its name, then its mixture */
        CHECK((p.rule.guard.n == 1) == guarded && p.stages == 2);
        const small_field fields[] = {{"RULE", at, 0},       {"RULE", at, 1},
                                      {"RULE", at, 3},       {"RULE", at, UINT32_MAX},
                                      {"RULE", at + 4, 2},   {"RULE", at + 4, !guarded},
                                      {"STAG", name + 4, 9}, {"STAG", name + 4, (uint32_t)p.bank.n},
                                      {"STAG", name, 0},     {"STAG", name, 17},
                                      {"RULE", at + 12, 31}, {"RULE", at + 12, (uint32_t)p.bank.n}};
        for (size_t k = 0; k < sizeof fields / sizeof *fields - (guarded ? 0 : 2); k++) {
            small_field f = fields[k];
            tr_buf forged = small_reseal(tr_buf_str(&b), 'P', small_set, &f);
            if (read_bytes(tr_buf_str(&forged)) != TR_DATA)
                printf("# %s: %u at %zu was taken\n", f.tag, f.value, f.at);
            CHECK(read_bytes(tr_buf_str(&forged)) == TR_DATA);
            tr_buf_free(&forged);
        }
        tr_policy_free(&p);
        tr_buf_free(&b);
    }
}

static void the_certificate_is_json(void)
{
    tr_buf b = tiny(true, NULL), text;
    tr_policy p;
    tr_json_writer json;
    tr_err err = {0};
    CHECK(tr_policy_take(&p, &b, "p.trp", &err) == TR_OK);
    tr_buf_init(&text);
    tr_json_begin(&json, &text, false);
    tr_print_certificate(&p.certificate, &p.origin, &p.history, &json);
    tr_json *root = tr_json_parse(tr_buf_str(&text), &err);
    CHECK(root != NULL);
    static const char *const names[] = {"rows", "inside", "accepted", "tested", "agreed", "needed"};
    const uint64_t counts[] = {p.certificate.rows,   p.certificate.inside, p.certificate.accepted,
                               p.certificate.tested, p.certificate.agreed, p.certificate.needed};
    for (size_t k = 0; root && k < 6; k++) {
        uint64_t x;
        CHECK(tr_json_as_u64(tr_json_get(root, names[k]), &x) && x == counts[k]);
    }
    double alpha;
    CHECK(root && tr_json_as_double(tr_json_get(root, "alpha"), &alpha) && alpha == 0.7);
    tr_json_free(root);
    tr_buf_free(&text);
    tr_policy_free(&p);
}

int main(void)
{
    CASE(what_is_written_is_read);
    CASE(every_section_is_needed);
    CASE(every_single_one_is_needed);
    CASE(what_does_not_fit_is_refused);
    CASE(every_prefix_and_flipped_byte_is_refused);
    CASE(forged_policies_do_no_harm);
    CASE(the_certificate_is_json);
    return CHECK_END;
}
