#include "policy/policy.h"

#include "check.h"
#include "policy/calibrate.h"
#include "policy/route.h"
#include "policy/verify.h"
#include "small.h"

#include <math.h>

/* A log so small that every byte of its policy can be tried. */
static tr_buf tiny_stream(tr_dataset *d)
{
    char text[40000] = "", line[200];
    for (int i = 0; i < 200; i++) {
        snprintf(line, sizeof line,
                 "{\"id\":%d,\"input\":\"%s\",\"teacher\":\"%s\",\"split\":\"%s\"}\n", i,
                 i % 3 ? "go ab" : "no cd", i % 3 || i % 41 == 0 ? "yes" : "no",
                 i % 5 < 3 ? "train" : "calibration");
        if (i % 2)
            memcpy(strstr(line, i % 3 ? "go" : "no"), "up", 2);
        strcat(text, line);
    }
    tr_train_report report;
    tr_buf out;
    tr_err err = {0};
    CHECK(small_dataset(d, tr_str_c(text), false, &err) == TR_OK);
    CHECK(small_train(d, "svm", 1, &out, &report, &err) == TR_OK);
    return small_gate(&out);
}

/* The policy of a stream as a file; the stream's bytes are taken. */
static tr_buf policy_of(tr_buf stream_bytes, tr_calibrate_options o, tr_code expected)
{
    tr_stream s;
    tr_policy p;
    tr_err err = {0};
    int fd = memfd_create("policy", 0);
    tr_writer *w = tr_writer_open_fd(fd, "policy", &err);
    CHECK(tr_stream_take(&s, &stream_bytes, "small", &err) == TR_OK);
    tr_code code = tr_calibrate_run(&s, &o, &p, &err);
    if (code != expected)
        printf("# code %d: %s%s\n", (int)code, err.message, p.certificate.refusal);
    CHECK(code == expected);
    CHECK(tr_policy_write(&p, w, &err) == TR_OK && tr_writer_close(w, &err) == TR_OK);
    tr_policy_free(&p);
    tr_stream_free(&s);
    return small_take(fd);
}

static const tr_calibrate_options easy = {
    .alpha = 0.7, .delta = 0.1, .novelty = 0.01, .min_coverage = 0.05};

static tr_buf tiny(tr_dataset *d)
{
    tr_dataset own;
    tr_buf b = policy_of(tiny_stream(d ? d : &own), easy, TR_OK);
    if (!d)
        tr_dataset_free(&own);
    return b;
}

static tr_buf refused_policy(void)
{
    tr_dataset d;
    tr_calibrate_options o = easy;
    o.alpha = 0.999;
    tr_buf b = policy_of(tiny_stream(&d), o, TR_NO);
    tr_dataset_free(&d);
    return b;
}

/* The code of reading a copy of exactly these bytes; the message must name the file. */
static tr_code read_bytes(tr_str bytes)
{
    tr_policy p;
    tr_err err = {0};
    tr_buf b;
    tr_buf_init(&b);
    b.data = malloc(bytes.size ? bytes.size : 1);
    if (!b.data)
        exit(4);
    memcpy(b.data, bytes.data, bytes.size);
    b.size = b.capacity = bytes.size;
    tr_code code = tr_policy_take(&p, &b, "p.trp", &err);
    CHECK(code == TR_OK || !strncmp(err.message, "p.trp: ", 7));
    CHECK(!b.data && !b.size); /* taken over */
    tr_policy_free(&p);
    return code;
}

static void same(const tr_policy *a, const tr_policy *b)
{
    const tr_certificate *x = &a->certificate, *y = &b->certificate;
    CHECK(!memcmp(&a->origin, &b->origin, sizeof a->origin));
    CHECK(a->labels.n == b->labels.n && a->rule.accepts == b->rule.accepts);
    CHECK(a->rule.threshold == b->rule.threshold);
    CHECK(a->rule.novelty_most == b->rule.novelty_most);
    CHECK(!memcmp(a->rule.label_deferred, b->rule.label_deferred, a->labels.n));
    CHECK(!memcmp(a->label_agreement, b->label_agreement, a->labels.n * sizeof(double)));
    CHECK(x->alpha == y->alpha && x->delta == y->delta && x->delta_used == y->delta_used);
    CHECK(x->guarantee == y->guarantee && x->family == y->family && x->novelty == y->novelty);
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
    }
    for (uint32_t k = 0; k < x->n_path && k < y->n_path; k++) {
        const tr_cert_step *c = &x->path[k], *d = &y->path[k];
        CHECK(c->threshold == d->threshold && c->walked == d->walked && c->passed == d->passed);
        CHECK(c->accepted == d->accepted && c->tested == d->tested && c->agreed == d->agreed);
        CHECK(c->needed == d->needed);
    }
}

static void what_is_written_is_read(void)
{
    tr_buf bytes = small_gated(800, 0.2, "svm,nb", NULL);
    tr_stream s;
    tr_policy p, back;
    tr_err err = {0};
    CHECK(tr_stream_take(&s, &bytes, "small", &err) == TR_OK);
    for (int refuse = 0; refuse < 2; refuse++) {
        tr_calibrate_options o = {.alpha = refuse ? 0.999 : 0.85,
                                  .delta = 0.05,
                                  .novelty = 0.02,
                                  .min_coverage = 0.05,
                                  .defer_label = "other",
                                  .seed = 3};
        CHECK(tr_calibrate_run(&s, &o, &p, &err) == (refuse ? TR_NO : TR_OK));
        char name[] = "/tmp/tr-policy-XXXXXX";
        int fd = mkstemp(name);
        tr_writer *w = tr_writer_open_fd(fd, name, &err);
        CHECK(tr_policy_write(&p, w, &err) == TR_OK && tr_writer_close(w, &err) == TR_OK);
        close(fd);
        CHECK(tr_policy_read(&back, name, &err) == TR_OK); /* mapped */
        same(&p, &back);
        if (!refuse) {
            CHECK(back.vocabulary.n == s.vocabulary.n && back.model.labels == 4);
            CHECK(back.scale == p.scale && back.acceptor.mask == p.acceptor.mask);
            CHECK(!memcmp(back.acceptor.weight, p.acceptor.weight, sizeof p.acceptor.weight));
            CHECK(back.rule.novelty.seen.n == p.rule.novelty.seen.n);
            size_t weights = (back.model.columns + 1) * back.model.width;
            CHECK(!memcmp(back.model.weight, p.model.weight, weights));
            CHECK(
                !memcmp(back.model.scale, p.model.scale, (back.model.columns + 1) * sizeof(float)));
            CHECK(((uintptr_t)back.model.weight & 63) == 0); /* a feature begins a cache line */
            CHECK(!back.guard.weight == !p.guard.weight);
            CHECK(!p.guard.weight || !memcmp(back.guard.weight, p.guard.weight, weights));
        } else {
            CHECK(*back.certificate.refusal && !back.vocabulary.n);
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
    static char tags[][5] = {"HEAD", "LABL", "RULE", "CERT", "VOCB", "MODL", "ACPT"};
    for (int refused = 0; refused < 2; refused++) {
        tr_buf b = refused ? refused_policy() : tiny(NULL);
        CHECK(read_bytes(tr_buf_str(&b)) == TR_OK);
        for (size_t k = 0; k < (refused ? 4 : 7); k++) {
            tr_buf part = small_reseal(tr_buf_str(&b), 'P', small_without, tags[k]);
            CHECK(part.size < b.size && read_bytes(tr_buf_str(&part)) == TR_DATA);
            tr_buf_free(&part);
        }
        tr_buf_free(&b);
    }
}

static void every_prefix_and_flipped_byte_is_refused(void)
{
    for (int refused = 0; refused < 2; refused++) {
        tr_buf b = refused ? refused_policy() : tiny(NULL);
        for (size_t size = 0; size < b.size; size += size < 1024 ? 1 : 19)
            CHECK(read_bytes(tr_str_of(b.data, size)) == TR_DATA);
        for (size_t at = 0; at < b.size; at += at < 1024 ? 1 : 17) {
            char kept = b.data[at];
            b.data[at] = (char)(kept ^ (1 << at % 8));
            CHECK(read_bytes(tr_buf_str(&b)) == TR_DATA);
            b.data[at] = kept;
        }
        CHECK(read_bytes(tr_buf_str(&b)) == TR_OK);
        tr_buf_add_char(&b, 0);
        CHECK(read_bytes(tr_buf_str(&b)) == TR_DATA);
        tr_buf_free(&b);
    }
    tr_dataset d;
    tr_buf stream = tiny_stream(&d);
    CHECK(read_bytes(tr_buf_str(&stream)) == TR_DATA); /* a model stream is no policy */
    tr_buf_free(&stream);
    tr_dataset_free(&d);
}

/* Bytes changed and all checksums made right: taken or refused, and whatever is taken decides,
 * verifies and prints without a crash. */
static void forged_policies_do_no_harm(void)
{
    static const unsigned char values[] = {0, 1, 0x7f, 0x80, 0xff};
    tr_dataset d;
    tr_buf b = tiny(&d);
    tr_frame f;
    tr_err err = {0};
    CHECK(tr_frame_open(&f, tr_buf_str(&b), "whole", 'P', &err) == TR_OK);
    size_t taken = 0, refused = 0;
    for (size_t section = 0; section < f.n; section++)
        for (size_t at = 0; at < f.sections[section].payload.size; at += at < 200 ? 1 : 83)
            for (size_t k = 0; k < sizeof values; k++) {
                if (at >= 200 && k % 2)
                    continue;
                small_patch change = {section, at, values[k]};
                tr_buf forged = small_reseal(tr_buf_str(&b), 'P', small_patched, &change);
                tr_policy p;
                tr_code code = tr_policy_take(&p, &forged, "forged", &err);
                CHECK(code == TR_OK || code == TR_DATA);
                *(code == TR_OK ? &taken : &refused) += 1;
                if (code == TR_OK) {
                    tr_decision decision;
                    tr_route_worker *w = tr_route_open(&p, &err);
                    CHECK(w && tr_route_text(w, tr_str_c("go ab cd no xyz"), &decision));
                    CHECK(w && tr_route_text(w, tr_str_c(""), &decision));
                    CHECK(decision.score <= TR_ACCEPTOR_ONE);
                    CHECK(!p.rule.accepts || decision.label < p.labels.n);
                    tr_route_close(w);
                    code = tr_verify_policy(&p, &d, &err);
                    CHECK(code == TR_OK || code == TR_NO || code == TR_DATA);
                    tr_buf text;
                    tr_json_writer json;
                    tr_buf_init(&text);
                    tr_json_begin(&json, &text, false);
                    tr_certificate_print(&p.certificate, &p.origin, &json);
                    CHECK(text.size > 100);
                    tr_buf_free(&text);
                }
                tr_policy_free(&p);
            }
    CHECK(taken > 0 && refused > 0);
    tr_frame_free(&f);
    tr_buf_free(&b);
    tr_dataset_free(&d);
}

static void the_certificate_is_json(void)
{
    tr_buf b = tiny(NULL), text;
    tr_policy p;
    tr_json_writer json;
    tr_err err = {0};
    CHECK(tr_policy_take(&p, &b, "p.trp", &err) == TR_OK);
    tr_buf_init(&text);
    tr_json_begin(&json, &text, false);
    tr_certificate_print(&p.certificate, &p.origin, &json);
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
    CASE(every_prefix_and_flipped_byte_is_refused);
    CASE(forged_policies_do_no_harm);
    CASE(the_certificate_is_json);
    return CHECK_END;
}
