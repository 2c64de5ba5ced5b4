#include "policy/route.h"

#include "doors/json.h"
#include "ground/mem.h"
#include "ground/num.h"
#include "policy/decide.h"
#include "policy/explain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tr_route_worker {
    const tr_policy *policy;
    tr_decider decider;
    tr_decided decided; /* of the last row */
    bool explain;
    tr_route_shadow shadow;
    char share[TR_NUM_TEXT]; /* as a decision has it */
    tr_trace_parser *parser;
    tr_buf *label_json; /* each label as a JSON string */
    uint32_t embedding; /* numbers that a request's must have; 0: none is looked at */
};

void tr_route_close(tr_route_worker *w)
{
    if (!w)
        return;
    for (uint32_t l = 0; w->label_json && l < w->policy->labels.n; l++)
        tr_buf_free(&w->label_json[l]);
    free(w->label_json);
    tr_trace_close(w->parser);
    tr_decide_close(&w->decider);
    free(w);
}

tr_route_worker *tr_route_open(const tr_policy *p, tr_err *err)
{
    tr_route_worker *w = tr_mem_zero(1, sizeof *w);
    if (!w) {
        tr_err_memory(err);
        return NULL;
    }
    w->policy = p;
    w->share[0] = '0';
    bool text = p->bank.features.text;
    w->embedding = tr_features_embedding(&p->bank.features);
    w->label_json = tr_mem_zero(p->labels.n, sizeof *w->label_json);
    w->parser = tr_trace_open(
        (tr_trace_keys){.input_key = *p->origin.input_key ? p->origin.input_key : NULL,
                        .label_key = *p->origin.label_key ? p->origin.label_key : NULL},
        (!p->rule.accepts ? TR_TRACE_NEED_TEXT_OR_EMBEDDING
         : text           ? TR_TRACE_NEED_INPUT
                          : 0) |
            (w->embedding ? TR_TRACE_READ_EMBEDDING : 0),
        err);
    bool ok = tr_decide_open(&w->decider, p) && w->label_json && w->parser;
    for (uint32_t l = 0; ok && l < p->labels.n; l++) {
        tr_json_put_str(&w->label_json[l], p->labels.text[l]);
        ok = !w->label_json[l].failed;
    }
    if (!ok) {
        tr_err_memory(err);
        tr_route_close(w);
        return NULL;
    }
    return w;
}

void tr_route_explain(tr_route_worker *w, bool explain)
{
    w->explain = explain;
}

void tr_route_set_shadow(tr_route_worker *w, const tr_route_shadow *s)
{
    w->shadow = *s;
    tr_num_print_double(w->share, s->share);
}

bool tr_route_input(tr_route_worker *w, tr_str text, const float *embedding, tr_decision *out)
{
    const tr_policy *p = w->policy;
    *out = (tr_decision){.why = TR_ROUTE_REFUSED};
    if (!p->rule.accepts)
        return true;
    tr_decided *d = &w->decided;
    if (!tr_decide_input(&w->decider, text, embedding, false, d))
        return false;
    const tr_said *said = &d->stage[(d->answers ? d->answers : d->asked) - 1];
    out->label = said->label;
    out->score = said->score;
    out->stage = d->answers;
    if (d->answers)
        out->why = TR_ROUTE_HANDLED;
    else if (d->novel)
        out->why = TR_ROUTE_NOVEL;
    else
        out->why = said->withheld ? TR_ROUTE_LABEL : TR_ROUTE_LOW;
    return true;
}

/* ---- lines ---- */

/* Names that a decision gives a meaning of its own: a request's members of that name are dropped.
 */
static bool is_reserved(const char *name)
{
    static const char *const reserved[] = {"label",  "decision",   "accept_score",
                                           "stage",  "propensity", "shadow_share",
                                           "shadow", "error",      "explain"};
    for (size_t k = 0; k < sizeof reserved / sizeof *reserved; k++)
        if (!strcmp(name, reserved[k]))
            return true;
    return false;
}

/* The request's own members, each with a comma behind it. */
static void put_members(const tr_route_worker *w, bool keep_embedding, tr_buf *out)
{
    const tr_scan *scan = tr_trace_members(w->parser);
    const tr_scan_member *teacher = tr_trace_teacher_member(w->parser);
    for (size_t k = 0; k < scan->n; k++) {
        const tr_scan_member *m = &scan->members[k];
        const char *name = tr_trace_key_name(w->parser, m->known);
        if (m == teacher) {
            tr_buf_add_c(out, "\"teacher\"");
        } else {
            if (is_reserved(name) || (!keep_embedding && !strcmp(name, "embedding")) ||
                ((teacher || w->shadow.id_prefix) && !strcmp(name, "teacher")))
                continue;
            tr_buf_add_str(out, m->key);
        }
        tr_buf_add_char(out, ':');
        tr_buf_add_str(out, m->value);
        tr_buf_add_char(out, ',');
    }
}

/* 0..1,000,000 as the fraction that it stands for, six decimals at most. */
static void put_millionths(tr_buf *out, uint32_t x)
{
    char text[9] = "0.000000";
    if (x >= TR_ACCEPTOR_ONE || x == 0) {
        tr_buf_add_char(out, x ? '1' : '0');
        return;
    }
    for (int k = 7; k >= 2; k--, x /= 10)
        text[k] = (char)('0' + x % 10);
    size_t size = 8;
    while (text[size - 1] == '0')
        size--;
    tr_buf_add(out, text, size);
}

/* The id that a request is given, with a comma; returns the hash by which it is known from now on.
 */
static uint64_t put_id(const tr_route_worker *w, uint64_t row, tr_buf *out)
{
    char text[17];
    tr_buf id;
    tr_buf_init(&id);
    snprintf(text, sizeof text, "%016llx", (unsigned long long)row);
    tr_buf_add_c(&id, w->shadow.id_prefix);
    tr_buf_add_c(&id, text);
    tr_buf_add_c(out, "\"id\":");
    tr_json_put_str(out, tr_buf_str(&id));
    tr_buf_add_char(out, ',');
    out->failed |= id.failed;
    row = tr_trace_identity(tr_buf_str(&id), tr_str_of(NULL, 0), 0);
    tr_buf_free(&id);
    return row;
}

/* `known`: the teacher's label came with the request, and so is known whatever is decided: as that
 * of a deferred row it counts with the shadow's share. */
static void put_decision(const tr_route_worker *w, const tr_decision *d, bool known, bool shadowed,
                         tr_buf *out)
{
    bool handled = d->why == TR_ROUTE_HANDLED;
    tr_buf_add_c(out, "\"label\":");
    if (handled)
        tr_buf_add_str(out, tr_buf_str(&w->label_json[d->label]));
    else
        tr_buf_add_c(out, "null");
    tr_buf_add_c(out, handled ? ",\"decision\":\"handled\",\"accept_score\":"
                              : ",\"decision\":\"deferred\",\"accept_score\":");
    put_millionths(out, d->score);
    tr_buf_add_c(out, !handled        ? ",\"stage\":null"
                      : d->stage == 1 ? ",\"stage\":1"
                                      : ",\"stage\":2");
    tr_buf_add_c(out, ",\"propensity\":");
    tr_buf_add_c(out, handled && !known ? w->share : "1");
    tr_buf_add_c(out, ",\"shadow_share\":");
    tr_buf_add_c(out, w->share);
    if (shadowed)
        tr_buf_add_c(out, ",\"shadow\":true");
}

static void put_explanation(const tr_route_worker *w, tr_route_why why, tr_buf *out)
{
    static const char *const names[] = {NULL, "low_score", "novel", "label", "refused"};
    tr_explanation e;
    if (why != TR_ROUTE_REFUSED)
        tr_explain_row(&w->decider, &w->decided, &e);
    tr_buf_add_c(out, ",\"explain\":");
    tr_explain_put(&w->decider, why == TR_ROUTE_REFUSED ? NULL : &e, names[why], w->label_json,
                   out);
}

static void put_error(const tr_route_worker *w, bool keep_embedding, uint64_t number,
                      const char *reason, tr_buf *out)
{
    char text[1200];
    int size = snprintf(text, sizeof text, "line %llu: %s", (unsigned long long)number, reason);
    put_members(w, keep_embedding, out);
    tr_buf_add_c(out, "\"label\":null,\"decision\":\"deferred\",\"accept_score\":null,"
                      "\"stage\":null,\"propensity\":1,\"shadow_share\":");
    tr_buf_add_c(out, w->share);
    tr_buf_add_c(out, ",\"error\":");
    tr_json_put_str(out,
                    tr_str_of(text, (size_t)size < sizeof text ? (size_t)size : sizeof text - 1));
    tr_buf_add_c(out, "}\n");
}

static bool is_shadowed(const tr_route_worker *w, uint64_t id)
{
    return w->shadow.share > 0 &&
           tr_hash_unit(tr_hash_keyed_u64(w->shadow.key, id)) < w->shadow.share;
}

tr_code tr_route_line(tr_route_worker *w, tr_str line, uint64_t number, bool keep_embedding,
                      tr_buf *out, tr_routed *row, tr_err *err)
{
    tr_trace t;
    tr_decision d;
    size_t begin = out->size;
    *row = (tr_routed){0};
    tr_code code = tr_trace_parse(w->parser, line, number, &t, err);
    if (code == TR_SYSTEM)
        return code;
    if (code == TR_OK && t.is_trailer) /* of a split log: it asks for nothing */
        code = tr_err_set(err, TR_DATA, "no input: the last line of tr-split's output");
    if (code == TR_OK && w->embedding && t.dimensions != w->embedding)
        code = t.dimensions
                   ? tr_err_set(err, TR_DATA, "an embedding of %zu numbers; the policy takes %u",
                                t.dimensions, w->embedding)
                   : tr_err_set(err, TR_DATA, "no embedding; the policy takes one of %u numbers",
                                w->embedding);
    tr_buf_add_char(out, '{');
    if (code == TR_OK) {
        put_members(w, keep_embedding, out);
        row->id = t.id.data || !w->shadow.id_prefix ? t.row : put_id(w, t.row, out);
        row->members = out->size - begin;
        if (!tr_route_input(w, t.input, t.embedding, &d))
            return tr_err_memory(err);
        row->decision = d;
        bool handled = d.why == TR_ROUTE_HANDLED, known = t.teacher.data != NULL;
        bool shadowed = handled && !known && is_shadowed(w, row->id);
        row->asks = !known && (!handled || shadowed);
        put_decision(w, &d, known, shadowed, out);
        if (w->explain)
            put_explanation(w, d.why, out);
        tr_buf_add_c(out, "}\n");
    } else {
        row->bad = true;
        put_error(w, keep_embedding, number, err ? err->message : "cannot be read", out);
    }
    return out->failed ? tr_err_memory(err) : TR_OK;
}
