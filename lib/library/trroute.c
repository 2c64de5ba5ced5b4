#include "library/trroute.h"

#include "doors/io.h"
#include "doors/scan.h"
#include "ground/err.h"
#include "ground/hash.h"
#include "ground/mem.h"
#include "policy/workers.h"

#include <math.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* KEPT: the buffers that a text of so many bytes grows are kept for the next one. */
enum { POLICY_MOST = 1 << 30, KEPT = 1 << 20 };

struct trroute {
    atomic_size_t holds;
    tr_workers *workers;     /* of one policy: it is never exchanged */
    const tr_policy *policy; /* theirs */
    trroute_policy about;
};

_Static_assert((int)TRROUTE_USAGE == TR_USAGE && (int)TRROUTE_DATA == TR_DATA &&
                   (int)TRROUTE_SYSTEM == TR_SYSTEM,
               "codes");
_Static_assert((int)TRROUTE_HANDLED == TR_ROUTE_HANDLED && (int)TRROUTE_LOW_SCORE == TR_ROUTE_LOW &&
                   (int)TRROUTE_NOVEL == TR_ROUTE_NOVEL &&
                   (int)TRROUTE_NEVER_LABEL == TR_ROUTE_LABEL &&
                   (int)TRROUTE_REFUSED == TR_ROUTE_REFUSED,
               "reasons");

const char *trroute_version(void)
{
    return TR_VERSION;
}

unsigned trroute_abi(void)
{
    return TRROUTE_ABI;
}

/* Hands an error to the caller; returns its code. */
static int tell(tr_code code, const tr_err *err, char *message, size_t size)
{
    if (!message || !size)
        return code;
    tr_str text = tr_scan_cut(code == TR_OK ? tr_str_of("", 0) : tr_str_c(err->message), size - 1);
    memcpy(message, text.data, text.size);
    message[text.size] = 0;
    return code;
}

static int misused(const char *what, char *message, size_t size)
{
    tr_err err;
    return tell(tr_err_set(&err, TR_USAGE, "%s", what), &err, message, size);
}

/* ---- policies ---- */

static void describe(trroute_policy *about, const tr_policy *p)
{
    const tr_certificate *c = &p->certificate;
    *about = (trroute_policy){.accepts = p->rule.accepts,
                              .needs_text = p->bank.features.text,
                              .dimensions = tr_features_embedding(&p->bank.features),
                              .n_labels = p->labels.n,
                              .alpha = c->alpha,
                              .delta = c->delta,
                              .guarantee = tr_guarantee_names[c->guarantee],
                              .coverage = tr_certificate_coverage(c),
                              .rows = c->rows,
                              .accepted = c->accepted,
                              .tested = c->tested,
                              .agreed = c->agreed,
                              .needed = c->needed,
                              .refusal = c->refusal,
                              .digest = p->origin.digest,
                              .version = p->origin.version};
}

/* Takes over *bytes. */
static tr_code open_bytes(trroute *r, tr_buf *bytes, const char *name, tr_err *err)
{
    tr_policy p;
    tr_lease lease;
    tr_code code = tr_policy_take(&p, bytes, name, err);
    if (code != TR_OK) {
        tr_policy_free(&p);
        return code;
    }
    r->workers = tr_workers_open(&p, (tr_workers_settings){0}, err);
    if (!r->workers || tr_workers_take(r->workers, &lease, err) != TR_OK)
        return TR_SYSTEM;
    r->policy = lease.policy;
    describe(&r->about, lease.policy);
    tr_workers_give(r->workers, &lease);
    return TR_OK;
}

static tr_code read_file(const char *file, tr_buf *bytes, tr_err *err)
{
    struct stat st;
    if (stat(file, &st) != 0)
        return tr_err_errno(err, file);
    if (!S_ISREG(st.st_mode))
        return tr_err_at(err, file, 0, "is no regular file");
    if (st.st_size > POLICY_MOST)
        return tr_err_at(err, file, 0, "is larger than any policy");
    return tr_io_slurp(strcmp(file, "-") ? file : "./-", bytes, err);
}

static trroute *handle(tr_err *err)
{
    trroute *r = tr_mem_zero(1, sizeof *r);
    if (r)
        atomic_init(&r->holds, 1);
    else
        tr_err_memory(err);
    return r;
}

static tr_code finish(trroute **out, trroute *r, tr_code code)
{
    if (code == TR_OK)
        *out = r;
    else
        trroute_close(r);
    return code;
}

int trroute_open(trroute **out, const char *file, char *message, size_t message_size)
{
    tr_err err;
    tr_buf bytes;
    if (out)
        *out = NULL;
    if (!out || !file)
        return misused("trroute_open: no place for the handle, or no file", message, message_size);
    tr_buf_init(&bytes);
    trroute *r = handle(&err);
    tr_code code = r ? read_file(file, &bytes, &err) : TR_SYSTEM;
    if (code == TR_OK)
        code = open_bytes(r, &bytes, file, &err);
    tr_buf_free(&bytes);
    return tell(finish(out, r, code), &err, message, message_size);
}

int trroute_open_memory(trroute **out, const void *bytes, size_t size, char *message,
                        size_t message_size)
{
    tr_err err;
    tr_buf copy;
    if (out)
        *out = NULL;
    if (!out || (!bytes && size))
        return misused("trroute_open_memory: no place for the handle, or no bytes", message,
                       message_size);
    tr_buf_init(&copy);
    if (size)
        tr_buf_add(&copy, bytes, size);
    trroute *r = handle(&err);
    tr_code code = !r ? TR_SYSTEM : copy.failed ? tr_err_memory(&err) : TR_OK;
    if (code == TR_OK)
        code = open_bytes(r, &copy, "policy", &err);
    tr_buf_free(&copy);
    return tell(finish(out, r, code), &err, message, message_size);
}

trroute *trroute_hold(trroute *r)
{
    if (r)
        atomic_fetch_add_explicit(&r->holds, 1, memory_order_relaxed);
    return r;
}

void trroute_close(trroute *r)
{
    if (!r || atomic_fetch_sub_explicit(&r->holds, 1, memory_order_acq_rel) > 1)
        return;
    tr_workers_close(r->workers);
    free(r);
}

const trroute_policy *trroute_about(const trroute *r)
{
    return r ? &r->about : NULL;
}

const char *trroute_label(const trroute *r, size_t label, size_t *size)
{
    bool there = r && label < r->policy->labels.n;
    tr_str text = there ? r->policy->labels.text[label] : tr_str_of(NULL, 0);
    if (size)
        *size = text.size;
    return text.data;
}

/* ---- rows ---- */

static tr_code check_row(const trroute *r, tr_str text, const float *embedding, size_t dimensions,
                         tr_err *err)
{
    const trroute_policy *p = &r->about;
    if (p->needs_text && !text.data)
        return tr_err_set(err, TR_DATA, "no text; the policy takes one");
    if (p->needs_text && !tr_scan_utf8_valid(text))
        return tr_err_set(err, TR_DATA, "the text is not UTF-8");
    if (!p->dimensions)
        return TR_OK;
    if (!dimensions)
        return tr_err_set(err, TR_DATA, "no embedding; the policy takes one of %zu numbers",
                          p->dimensions);
    if (dimensions != p->dimensions)
        return tr_err_set(err, TR_DATA, "an embedding of %zu numbers; the policy takes %zu",
                          dimensions, p->dimensions);
    for (size_t k = 0; k < dimensions; k++)
        if (!isfinite(embedding[k]))
            return tr_err_set(err, TR_DATA, "number %zu of the embedding is not finite", k + 1);
    return TR_OK;
}

static void give_back(trroute *r, tr_lease *lease, size_t bytes)
{
    if (bytes > KEPT)
        tr_workers_drop(r->workers, lease);
    else
        tr_workers_give(r->workers, lease);
}

static void fill(const trroute *r, const tr_decision *d, trroute_decision *out)
{
    bool handled = d->why == TR_ROUTE_HANDLED;
    tr_str text = handled ? r->policy->labels.text[d->label] : tr_str_of(NULL, 0);
    *out = (trroute_decision){.why = (int)d->why,
                              .stage = (int)d->stage,
                              .label = handled ? (int64_t)d->label : -1,
                              .text = text.data,
                              .text_size = text.size,
                              .accept_score = (double)d->score / TR_ACCEPTOR_ONE};
}

int trroute_decide(trroute *r, const char *text, size_t text_size, const float *embedding,
                   size_t dimensions, trroute_decision *out, char *message, size_t message_size)
{
    tr_err err;
    tr_lease lease;
    tr_decision d;
    if (!r || !out || (!text && text_size) || (!embedding && dimensions))
        return misused("trroute_decide: no handle, no place for the decision, or a size without "
                       "what it is of",
                       message, message_size);
    tr_str row = tr_str_of(text, text_size);
    tr_code code = check_row(r, row, embedding, dimensions, &err);
    if (code == TR_OK)
        code = tr_workers_take(r->workers, &lease, &err);
    if (code != TR_OK)
        return tell(code, &err, message, message_size);
    if (tr_route_input(lease.worker, row, embedding, &d))
        fill(r, &d, out);
    else
        code = tr_err_memory(&err);
    give_back(r, &lease, text_size);
    return tell(code, &err, message, message_size);
}

/* ---- lines ---- */

static const char *wrong_options(const trroute_options *o)
{
    if (!(o->shadow >= 0 && o->shadow <= 1))
        return "trroute_decide_lines: the option shadow is not within 0 and 1";
    if (o->id_prefix && !tr_scan_utf8_valid(tr_str_c(o->id_prefix)))
        return "trroute_decide_lines: the option id_prefix is not UTF-8";
    return NULL;
}

static void set_up(tr_route_worker *w, const trroute_options *o)
{
    tr_route_shadow shadow = {.share = o->shadow,
                              .key = tr_hash_derive(o->seed ? o->seed : 1, "shadow"),
                              .id_prefix = o->id_prefix || o->shadow <= 0 ? o->id_prefix : ""};
    tr_route_explain(w, o->explain);
    tr_route_set_shadow(w, &shadow);
}

/* The next line of what is left, which is not empty: as io.h has lines. */
static tr_str next_line(tr_str *left)
{
    const char *newline = memchr(left->data, '\n', left->size);
    tr_str line = tr_str_of(left->data, newline ? (size_t)(newline - left->data) : left->size);
    size_t used = line.size + (newline != NULL);
    *left = tr_str_of(left->data + used, left->size - used);
    if (line.size && line.data[line.size - 1] == '\r')
        line.size--;
    return line;
}

static tr_code decide_lines(tr_route_worker *w, tr_str left, const trroute_options *o, tr_buf *to,
                            trroute_lines *out, size_t *longest, tr_err *err)
{
    tr_routed row;
    tr_code code = TR_OK;
    if (!o->lines_before && left.size >= 3 && !memcmp(left.data, "\xEF\xBB\xBF", 3))
        left = tr_str_of(left.data + 3, left.size - 3);
    tr_buf_reserve(to, left.size); /* what comes out is mostly a little more than what goes in */
    while (left.size && code == TR_OK) {
        tr_str line = next_line(&left);
        uint64_t number = o->lines_before + ++out->lines;
        *longest = line.size > *longest ? line.size : *longest;
        code = tr_route_line(w, line, number, o->keep_embedding, to, &row, err);
        out->bad += code == TR_OK && row.bad;
    }
    tr_buf_add_char(to, 0);
    return code == TR_OK && to->failed ? tr_err_memory(err) : code;
}

int trroute_decide_lines(trroute *r, const char *text, size_t size, const trroute_options *options,
                         trroute_lines *out, char *message, size_t message_size)
{
    static const trroute_options none = {0};
    const trroute_options *o = options ? options : &none;
    tr_err err;
    tr_lease lease;
    tr_buf to;
    size_t longest = 0;
    if (out)
        *out = (trroute_lines){0};
    if (!r || !out || (!text && size))
        return misused("trroute_decide_lines: no handle, no place for the lines, or no text",
                       message, message_size);
    const char *wrong = wrong_options(o);
    if (wrong)
        return misused(wrong, message, message_size);
    tr_code code = tr_workers_take(r->workers, &lease, &err);
    if (code != TR_OK)
        return tell(code, &err, message, message_size);
    tr_buf_init(&to);
    set_up(lease.worker, o);
    code = decide_lines(lease.worker, tr_str_of(text, size), o, &to, out, &longest, &err);
    give_back(r, &lease, longest);
    if (code == TR_OK) {
        out->data = to.data;
        out->size = to.size - 1;
    } else {
        tr_buf_free(&to);
        *out = (trroute_lines){0};
    }
    return tell(code, &err, message, message_size);
}

void trroute_lines_free(trroute_lines *lines)
{
    if (!lines)
        return;
    free(lines->data);
    *lines = (trroute_lines){0};
}
