#include "policy/policy.h"

#include "ground/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const tr_family_names[] = {"auto", "global", "l2d", NULL};
const char *const tr_guarantee_names[] = {"handled", "overall", NULL};

enum { STEP_BYTES = 40, CANDIDATE_LEAST = 36 };

/* ---- writing ---- */

static void put_text(tr_buf *b, const char *text)
{
    tr_le_put_str(b, tr_str_c(text));
    tr_le_align(b, 8);
}

static void write_rule(const tr_policy *p, tr_buf *b)
{
    tr_le_put_u32(b, p->rule.accepts);
    tr_le_put_u32(b, p->rule.threshold);
    tr_le_put_f32(b, p->rule.novelty_most);
    tr_le_put_u32(b, p->labels.n);
    for (uint32_t l = 0; l < p->labels.n; l++)
        tr_le_put_u8(b, p->rule.label_deferred[l]);
    tr_le_align(b, 8);
    for (uint32_t l = 0; l < p->labels.n; l++)
        tr_le_put_f64(b, p->label_agreement[l]);
    if (p->rule.accepts)
        tr_novelty_write(&p->rule.novelty, b);
}

static void write_certificate(const tr_certificate *c, tr_buf *b)
{
    tr_le_put_f64(b, c->alpha);
    tr_le_put_f64(b, c->delta);
    tr_le_put_f64(b, c->delta_used);
    tr_le_put_f64(b, c->novelty);
    tr_le_put_f64(b, c->min_coverage);
    tr_le_put_f64(b, c->train_agreement);
    tr_le_put_u64(b, c->seed);
    tr_le_put_u64(b, c->rows);
    tr_le_put_u64(b, c->inside);
    tr_le_put_u64(b, c->accepted);
    tr_le_put_u64(b, c->tested);
    tr_le_put_u64(b, c->agreed);
    tr_le_put_u64(b, c->needed);
    tr_le_put_u64(b, c->train_rows);
    tr_le_put_u8(b, (uint8_t)c->guarantee);
    tr_le_put_u8(b, (uint8_t)c->family);
    tr_le_put_u8(b, c->deployed);
    tr_le_put_u8(b, c->gated);
    tr_le_put_u32(b, 0);
    put_text(b, c->member);
    put_text(b, c->refusal);
    tr_le_put_u32(b, c->n_candidates);
    tr_le_put_u32(b, c->n_path);
    for (uint32_t k = 0; k < c->n_candidates; k++) {
        const tr_candidate *x = &c->candidates[k];
        put_text(b, x->member);
        tr_le_put_f64(b, x->delta);
        tr_le_put_f64(b, x->rank);
        tr_le_put_u64(b, x->accepted);
        tr_le_put_u32(b, x->steps);
        tr_le_put_u32(b, x->gated);
    }
    for (uint32_t k = 0; k < c->n_path; k++) {
        const tr_cert_step *x = &c->path[k];
        tr_le_put_u32(b, x->threshold);
        tr_le_put_u16(b, x->walked);
        tr_le_put_u16(b, x->passed);
        tr_le_put_u64(b, x->accepted);
        tr_le_put_u64(b, x->tested);
        tr_le_put_u64(b, x->agreed);
        tr_le_put_u64(b, x->needed);
    }
}

static void write_model(const tr_compact *m, double scale, tr_buf *b)
{
    tr_le_put_f64(b, scale);
    tr_le_align(b, 64); /* so that the weights of a feature begin a cache line */
    tr_compact_write(m, b);
}

tr_code tr_policy_write(const tr_policy *p, tr_writer *out, tr_err *err)
{
    enum { SECTIONS = 8 };
    static const char tags[SECTIONS][5] = {"HEAD", "LABL", "RULE", "CERT",
                                           "VOCB", "MODL", "ACPT", "GARD"};
    tr_frame_writer f;
    tr_buf b;
    tr_buf_init(&b);
    tr_code code = tr_frame_begin(&f, out, TR_FRAME_POLICY, err);
    int sections = !p->rule.accepts ? 4 : p->guard.weight ? SECTIONS : SECTIONS - 1;
    for (int k = 0; k < sections && code == TR_OK; k++) {
        tr_buf_clear(&b);
        switch (k) {
        case 0: tr_origin_write(&p->origin, &b); break;
        case 1: tr_labels_write(&p->labels, &b); break;
        case 2: write_rule(p, &b); break;
        case 3: write_certificate(&p->certificate, &b); break;
        case 4: tr_tfidf_write(&p->vocabulary, &b); break;
        case 5: write_model(&p->model, p->scale, &b); break;
        case 6: tr_acceptor_write(&p->acceptor, &b); break;
        default: write_model(&p->guard, 1, &b); break;
        }
        code = b.failed ? tr_err_memory(err) : tr_frame_add(&f, tags[k], tr_buf_str(&b), err);
    }
    tr_buf_free(&b);
    return code == TR_OK ? tr_frame_end(&f, err) : code;
}

/* ---- reading ---- */

static bool get_text(tr_le_reader *r, char *text, size_t size)
{
    bool ok = tr_origin_text(r, text, size);
    tr_le_skip_align(r, 8);
    return ok && !r->failed;
}

static tr_code malformed(tr_err *err, const char *what)
{
    return tr_err_set(err, TR_DATA, "%s is malformed", what);
}

static tr_code read_rule(tr_policy *p, tr_le_reader *r, tr_err *err)
{
    uint32_t accepts = tr_le_u32(r);
    p->rule.threshold = tr_le_u32(r);
    p->rule.novelty_most = tr_le_f32(r);
    if (accepts > 1 || p->rule.threshold > TR_ACCEPTOR_ONE || isnan(p->rule.novelty_most) ||
        tr_le_u32(r) != p->labels.n)
        return malformed(err, "the rule");
    p->rule.accepts = accepts;
    const unsigned char *deferred = tr_le_bytes(r, p->labels.n);
    tr_le_skip_align(r, 8);
    if (!deferred)
        return malformed(err, "the rule");
    p->rule.label_deferred = tr_mem_array(p->labels.n, 1);
    p->label_agreement = tr_mem_array(p->labels.n, sizeof *p->label_agreement);
    if (!p->rule.label_deferred || !p->label_agreement)
        return tr_err_memory(err);
    for (uint32_t l = 0; l < p->labels.n; l++) {
        p->rule.label_deferred[l] = deferred[l] != 0;
        p->label_agreement[l] = tr_le_f64(r);
        if (deferred[l] > 1)
            return malformed(err, "the rule");
    }
    return p->rule.accepts ? tr_novelty_read(&p->rule.novelty, r, err) : TR_OK;
}

static tr_code read_lists(tr_certificate *c, tr_le_reader *r, tr_err *err)
{
    uint32_t candidates = tr_le_u32(r), path = tr_le_u32(r);
    if (r->failed || candidates > tr_le_left(r) / CANDIDATE_LEAST ||
        path > tr_le_left(r) / STEP_BYTES)
        return malformed(err, "the certificate");
    c->candidates = tr_mem_zero(candidates, sizeof *c->candidates);
    c->path = tr_mem_zero(path, sizeof *c->path);
    if (!c->candidates || !c->path)
        return tr_err_memory(err);
    c->n_candidates = candidates;
    c->n_path = path;
    bool sound = true;
    for (uint32_t k = 0; k < candidates && sound; k++) {
        tr_candidate *x = &c->candidates[k];
        sound = get_text(r, x->member, sizeof x->member);
        x->delta = tr_le_f64(r);
        x->rank = tr_le_f64(r);
        x->accepted = tr_le_u64(r);
        x->steps = tr_le_u32(r);
        x->gated = tr_le_u32(r) == 1;
    }
    for (uint32_t k = 0; k < path && sound; k++) {
        tr_cert_step *x = &c->path[k];
        x->threshold = tr_le_u32(r);
        x->walked = tr_le_u16(r) == 1;
        x->passed = tr_le_u16(r) == 1;
        x->accepted = tr_le_u64(r);
        x->tested = tr_le_u64(r);
        x->agreed = tr_le_u64(r);
        x->needed = tr_le_u64(r);
    }
    return sound && !r->failed ? TR_OK : malformed(err, "the certificate");
}

static tr_code read_certificate(tr_certificate *c, tr_le_reader *r, tr_err *err)
{
    c->alpha = tr_le_f64(r);
    c->delta = tr_le_f64(r);
    c->delta_used = tr_le_f64(r);
    c->novelty = tr_le_f64(r);
    c->min_coverage = tr_le_f64(r);
    c->train_agreement = tr_le_f64(r);
    c->seed = tr_le_u64(r);
    c->rows = tr_le_u64(r);
    c->inside = tr_le_u64(r);
    c->accepted = tr_le_u64(r);
    c->tested = tr_le_u64(r);
    c->agreed = tr_le_u64(r);
    c->needed = tr_le_u64(r);
    c->train_rows = tr_le_u64(r);
    uint8_t guarantee = tr_le_u8(r), family = tr_le_u8(r), deployed = tr_le_u8(r),
            gated = tr_le_u8(r);
    tr_le_u32(r);
    if (r->failed || guarantee > TR_GUARANTEE_OVERALL || family > TR_FAMILY_L2D || deployed > 1 ||
        gated > 1 || !(c->alpha > 0 && c->alpha < 1) || !(c->delta > 0 && c->delta < 1) ||
        !(c->delta_used > 0 && c->delta_used <= c->delta) ||
        !get_text(r, c->member, sizeof c->member) || !get_text(r, c->refusal, sizeof c->refusal))
        return malformed(err, "the certificate");
    c->guarantee = guarantee;
    c->family = family;
    c->deployed = deployed;
    c->gated = gated;
    return read_lists(c, r, err);
}

static tr_code read_model(const tr_policy *p, tr_compact *m, double *scale, tr_le_reader *r,
                          tr_err *err)
{
    *scale = tr_le_f64(r);
    tr_le_skip_align(r, 64);
    return tr_compact_read(m, r, p->labels.n, p->vocabulary.n, err);
}

/* One section by its tag; every byte of it must have been used. */
static tr_code read_section(tr_policy *p, const char *tag, tr_err *err)
{
    const tr_frame_section *s = tr_frame_find(&p->frame, tag);
    if (!s)
        return tr_err_set(err, TR_DATA, "section %s is missing", tag);
    tr_le_reader r;
    tr_le_open(&r, s->payload.data, s->payload.size);
    tr_code code;
    double ignored;
    switch (tag[0]) {
    case 'H': code = tr_origin_read(&p->origin, &r, err); break;
    case 'L': code = tr_labels_read(&p->labels, &r, err); break;
    case 'R': code = read_rule(p, &r, err); break;
    case 'C': code = read_certificate(&p->certificate, &r, err); break;
    case 'V': code = tr_tfidf_read(&p->vocabulary, &r, err); break;
    case 'M': code = read_model(p, &p->model, &p->scale, &r, err); break;
    case 'G': code = read_model(p, &p->guard, &ignored, &r, err); break;
    default: code = tr_acceptor_read(&p->acceptor, &r, p->labels.n, err); break;
    }
    if (code == TR_OK && (r.failed || tr_le_left(&r)))
        code = tr_err_set(err, TR_DATA, "section %s is malformed", tag);
    return code;
}

static tr_code read_all(tr_policy *p, tr_str bytes, const char *name, tr_err *err)
{
    static const char *const tags[] = {"HEAD", "LABL", "RULE", "CERT",
                                       "VOCB", "MODL", "ACPT", "GARD"};
    enum { KNOWN = 8, ALL = 7, REFUSED = 4 };
    tr_labels_init(&p->labels);
    tr_code code = tr_frame_open(&p->frame, bytes, name, TR_FRAME_POLICY, err);
    if (code == TR_OK)
        code = tr_frame_understood(&p->frame, tags, KNOWN, name, err);
    if (code != TR_OK)
        return code;
    for (int k = 0; code == TR_OK && k < (k < REFUSED || p->rule.accepts ? ALL : REFUSED); k++)
        code = read_section(p, tags[k], err);
    if (code == TR_OK && p->rule.accepts && tr_frame_find(&p->frame, "GARD"))
        code = read_section(p, "GARD", err);
    if (code == TR_OK && p->rule.accepts && p->labels.n < 2)
        code = tr_err_set(err, TR_DATA, "fewer than two labels");
    return code == TR_DATA ? tr_err_at(err, name, 0, "%s", err->message) : code;
}

tr_code tr_policy_read(tr_policy *p, const char *file, tr_err *err)
{
    *p = (tr_policy){0};
    tr_code code = tr_io_map(file, &p->view, err);
    if (code != TR_OK)
        return code;
    return read_all(p, tr_str_of(p->view.data, p->view.size),
                    file && strcmp(file, "-") ? file : "stdin", err);
}

tr_code tr_policy_take(tr_policy *p, tr_buf *bytes, const char *name, tr_err *err)
{
    *p = (tr_policy){.bytes = *bytes};
    tr_buf_init(bytes);
    return read_all(p, tr_buf_str(&p->bytes), name, err);
}

void tr_policy_free(tr_policy *p)
{
    tr_labels_free(&p->labels);
    free(p->label_agreement);
    free(p->rule.label_deferred);
    free(p->certificate.candidates);
    free(p->certificate.path);
    tr_frame_free(&p->frame);
    if (p->view.data)
        tr_io_unmap(&p->view);
    tr_buf_free(&p->bytes);
    *p = (tr_policy){0};
}

/* ---- for people ---- */

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

void tr_certificate_print(const tr_certificate *c, const tr_origin *o, tr_json_writer *w)
{
    tr_json_open_object(w);
    tr_json_key_bool(w, "deployed", c->deployed);
    if (!c->deployed)
        tr_json_key_c(w, "refusal", c->refusal);
    tr_json_key_double(w, "alpha", c->alpha);
    tr_json_key_double(w, "delta", c->delta);
    tr_json_key_double(w, "confidence", 1 - c->delta);
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
    tr_json_key(w, "candidates");
    tr_json_open_array(w);
    for (uint32_t k = 0; k < c->n_candidates; k++) {
        const tr_candidate *x = &c->candidates[k];
        tr_json_open_object(w);
        tr_json_key_c(w, "member", x->member);
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
