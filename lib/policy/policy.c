#include "policy/policy.h"

#include "ground/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const tr_family_names[] = {"auto", "global", "l2d", "rsb", NULL};
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
    if (!p->rule.accepts)
        return;
    tr_novelty_write(&p->rule.novelty, b);
    tr_le_put_u32(b, p->stages);
    tr_le_put_u32(b, p->rule.guard.n > 0);
    if (p->rule.guard.n)
        tr_mixture_write(&p->rule.guard, b);
}

static void write_stage(const tr_stage *s, tr_buf *b)
{
    put_text(b, s->member);
    tr_mixture_write(&s->mixture, b);
    tr_acceptor_write(&s->acceptor, b);
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
    tr_le_put_u32(b, c->targets);
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
        tr_le_put_u16(b, x->gated);
        tr_le_put_u16(b, (uint16_t)x->family);
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

tr_code tr_policy_write(const tr_policy *p, tr_writer *out, tr_err *err)
{
    static const char tags[4][5] = {"HEAD", "LABL", "RULE", "CERT"};
    tr_frame_writer f;
    tr_buf b;
    tr_buf_init(&b);
    tr_code code = tr_frame_begin(&f, out, TR_FRAME_POLICY, err);
    for (int k = 0; k < 4 && code == TR_OK; k++) {
        tr_buf_clear(&b);
        switch (k) {
        case 0: tr_origin_write(&p->origin, &b); break;
        case 1: tr_labels_write(&p->labels, &b); break;
        case 2: write_rule(p, &b); break;
        default: write_certificate(&p->certificate, &b); break;
        }
        code = b.failed ? tr_err_memory(err) : tr_frame_add(&f, tags[k], tr_buf_str(&b), err);
    }
    if (code == TR_OK && p->history.look) {
        tr_buf_clear(&b);
        tr_history_write(&p->history, &b);
        code = b.failed ? tr_err_memory(err) : tr_frame_add(&f, "hist", tr_buf_str(&b), err);
    }
    if (code == TR_OK && p->rule.accepts)
        code = tr_bank_write_features(&p->bank.features, &p->bank.near, &f, err);
    for (size_t k = 0; k < p->bank.n && code == TR_OK; k++)
        code = tr_bank_write_model(&p->bank.model[k], &f, err);
    for (uint32_t k = 0; k < p->stages && code == TR_OK; k++) {
        tr_buf_clear(&b);
        write_stage(&p->stage[k], &b);
        code = b.failed ? tr_err_memory(err) : tr_frame_add(&f, "STAG", tr_buf_str(&b), err);
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
    if (!p->rule.accepts)
        return TR_OK;
    tr_code code = tr_novelty_read(&p->rule.novelty, r, err);
    if (code != TR_OK)
        return code;
    uint32_t stages = tr_le_u32(r), guarded = tr_le_u32(r);
    if (r->failed || stages < 1 || stages > TR_POLICY_STAGES || guarded > 1)
        return malformed(err, "the rule");
    p->stages = stages;
    /* that its parts are among the models is looked at when these are read */
    return guarded ? tr_mixture_read(&p->rule.guard, r, TR_BANK_MODELS, err) : TR_OK;
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
        x->gated = tr_le_u16(r) == 1;
        x->family = tr_le_u16(r);
        sound = sound && x->family >= TR_FAMILY_GLOBAL && x->family <= TR_FAMILY_RSB;
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
    c->targets = tr_le_u32(r);
    if (r->failed || guarantee > TR_GUARANTEE_OVERALL || family > TR_FAMILY_RSB || !c->targets ||
        deployed > 1 || gated > 1 || !(c->alpha > 0 && c->alpha < 1) ||
        !(c->delta > 0 && c->delta < 1) || !(c->delta_used > 0 && c->delta_used <= c->delta) ||
        !get_text(r, c->member, sizeof c->member) || !get_text(r, c->refusal, sizeof c->refusal))
        return malformed(err, "the certificate");
    c->guarantee = guarantee;
    c->family = family;
    c->deployed = deployed;
    c->gated = gated;
    return read_lists(c, r, err);
}

/* The stages, and whether what they and the guard name is there and in place. */
static tr_code read_stages(tr_policy *p, tr_err *err)
{
    uint32_t n = 0;
    for (size_t k = 0; k < p->frame.n; k++) {
        const tr_frame_section *s = &p->frame.sections[k];
        if (strcmp(s->tag, "STAG"))
            continue;
        if (n == p->stages)
            return tr_err_set(err, TR_DATA, "more stages than the rule has");
        tr_stage *stage = &p->stage[n];
        tr_le_reader r;
        tr_le_open(&r, s->payload.data, s->payload.size);
        if (!get_text(&r, stage->member, sizeof stage->member))
            return malformed(err, "a stage");
        tr_code code = tr_mixture_read(&stage->mixture, &r, p->bank.n, err);
        if (code == TR_OK)
            code = tr_acceptor_read(&stage->acceptor, &r, p->labels.n, err);
        if (code != TR_OK)
            return code;
        if (r.failed || tr_le_left(&r) || (n == 0 && stage->acceptor.mask & TR_ACCEPTOR_BEFORE))
            return malformed(err, "a stage");
        n++;
    }
    if (n != p->stages)
        return tr_err_set(err, TR_DATA, "section STAG is missing");
    for (uint32_t k = 0; k < p->rule.guard.n; k++)
        if (p->rule.guard.model[k] >= p->bank.n)
            return malformed(err, "the guard");
    if ((p->rule.novelty.seen.n > 0) != p->bank.features.text ||
        (p->rule.novelty.near.n > 0) != (p->bank.near.layers > 0))
        return malformed(err, "the guard");
    return TR_OK;
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
    switch (tag[0]) {
    case 'H': code = tr_origin_read(&p->origin, &r, err); break;
    case 'L': code = tr_labels_read(&p->labels, &r, err); break;
    case 'R': code = read_rule(p, &r, err); break;
    case 'h': code = tr_history_read(&p->history, &r, err); break;
    default: code = read_certificate(&p->certificate, &r, err); break;
    }
    if (code == TR_OK && (r.failed || tr_le_left(&r)))
        code = tr_err_set(err, TR_DATA, "section %s is malformed", tag);
    return code;
}

static tr_code read_all(tr_policy *p, tr_str bytes, const char *name, tr_err *err)
{
    static const char *const tags[] = {"HEAD", "LABL", "RULE", "CERT", "VOCB",
                                       "DENS", "NEAR", "MODL", "STAG"};
    tr_labels_init(&p->labels);
    tr_code code = tr_frame_open(&p->frame, bytes, name, TR_FRAME_POLICY, err);
    if (code == TR_OK)
        code = tr_frame_understood(&p->frame, tags, sizeof tags / sizeof *tags, name, err);
    if (code != TR_OK)
        return code;
    for (int k = 0; code == TR_OK && k < 4; k++)
        code = read_section(p, tags[k], err);
    if (code == TR_OK && tr_frame_find(&p->frame, "hist"))
        code = read_section(p, "hist", err);
    if (code == TR_OK && p->rule.accepts != p->certificate.deployed)
        code = tr_err_set(err, TR_DATA, "the rule is not what the certificate speaks of");
    if (code == TR_OK && p->rule.accepts && p->labels.n < 2)
        code = tr_err_set(err, TR_DATA, "fewer than two labels");
    if (code == TR_OK && p->rule.accepts)
        code = tr_bank_read(&p->bank, &p->frame, p->labels.n, err);
    if (code == TR_OK && p->rule.accepts)
        code = read_stages(p, err);
    return code == TR_DATA ? tr_err_at(err, name, 0, "%s", err->message) : code;
}

tr_code tr_policy_read(tr_policy *p, const char *file, tr_err *err)
{
    *p = (tr_policy){0};
    /* Not mapped: a file that is written over would change the rule behind the certificate's back.
     */
    tr_code code = tr_io_copy(file, &p->view, err);
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

void tr_policy_close(tr_policy *p, const char *why)
{
    tr_certificate *c = &p->certificate;
    tr_bank_free(&p->bank);
    for (uint32_t k = 0; k < p->stages; k++)
        tr_acceptor_free(&p->stage[k].acceptor);
    p->stages = 0;
    p->rule.accepts = false;
    p->rule.novelty_most = INFINITY;
    c->deployed = false;
    c->family = TR_FAMILY_AUTO;
    snprintf(c->refusal, sizeof c->refusal, "%s", why);
}

void tr_policy_free(tr_policy *p)
{
    tr_labels_free(&p->labels);
    tr_bank_free(&p->bank);
    for (uint32_t k = 0; k < p->stages; k++)
        tr_acceptor_free(&p->stage[k].acceptor);
    free(p->label_agreement);
    free(p->rule.label_deferred);
    free(p->certificate.candidates);
    free(p->certificate.path);
    tr_history_free(&p->history);
    tr_frame_free(&p->frame);
    if (p->view.data)
        tr_io_unmap(&p->view);
    tr_buf_free(&p->bytes);
    *p = (tr_policy){0};
}
