#include "serve/answer.h"

#include "doors/floats.h"
#include "doors/json.h"
#include "doors/scan.h"
#include "ground/num.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char mark[] = "\xEF\xBB\xBF"; /* a byte order mark, which tr-route drops as well */

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static tr_str without_mark(tr_str s)
{
    bool has = s.size >= 3 && !memcmp(s.data, mark, 3);
    return has ? tr_str_of(s.data + 3, s.size - 3) : s;
}

/* `number`: of the line, where lines are not numbered throughout. */
static tr_code decide_line(const tr_answerer *a, tr_str line, uint64_t number, tr_buf *out,
                           tr_routed *row, tr_err *err)
{
    uint64_t begun = now();
    if (a->numbers)
        number = atomic_fetch_add_explicit(a->numbers, 1, memory_order_relaxed) + 1;
    tr_code code = tr_route_line(a->worker, line, number, a->keep_embedding, out, row, err);
    if (code != TR_OK)
        return code;
    if (row->bad) {
        tr_metrics_bad_row(a->metrics, a->shard);
        return TR_OK;
    }
    tr_metrics_row(a->metrics, a->shard, a->policy, &row->decision, now() - begun);
    if (row->asks && row->decision.why == TR_ROUTE_HANDLED)
        tr_metrics_shadowed(a->metrics, a->shard);
    return TR_OK;
}

tr_code tr_answer_predict(const tr_answerer *a, tr_str body, tr_buf *out, bool *bad, tr_err *err)
{
    tr_routed row;
    size_t begin = out->size;
    tr_code code = decide_line(a, without_mark(body), 1, out, &row, err);
    if (code != TR_OK)
        return code;
    *bad = row.bad;
    /* A request of several lines passes its blanks on; a decision is one line. Within JSON these
     * bytes are nothing but blanks. */
    for (size_t k = begin; k + 1 < out->size; k++)
        if (out->data[k] == '\n' || out->data[k] == '\r')
            out->data[k] = ' ';
    return TR_OK;
}

/* ---- lines ---- */

void tr_answer_lines_free(tr_answer_lines *l)
{
    tr_buf_free(&l->cut);
    *l = (tr_answer_lines){0};
}

static tr_code take_line(const tr_answerer *a, tr_answer_lines *l, tr_str line, tr_buf *out,
                         tr_err *err)
{
    tr_routed row;
    if (!l->begun)
        line = without_mark(line);
    l->begun = true;
    if (line.size && line.data[line.size - 1] == '\r')
        line.size--;
    return decide_line(a, line, ++l->number, out, &row, err);
}

tr_code tr_answer_more(const tr_answerer *a, tr_answer_lines *l, tr_str bytes, bool last,
                       tr_buf *out, tr_err *err)
{
    const char *end = NULL;
    tr_code code = TR_OK;
    while (bytes.size && (end = memchr(bytes.data, '\n', bytes.size))) {
        size_t size = (size_t)(end - bytes.data);
        if (l->cut.size) {
            tr_buf_add(&l->cut, bytes.data, size);
            if (l->cut.failed)
                return tr_err_memory(err);
            code = take_line(a, l, tr_buf_str(&l->cut), out, err);
            tr_buf_clear(&l->cut);
        } else {
            code = take_line(a, l, tr_str_of(bytes.data, size), out, err);
        }
        if (code != TR_OK)
            return code;
        bytes = tr_str_of(end + 1, bytes.size - size - 1);
    }
    tr_buf_add_str(&l->cut, bytes);
    if (l->cut.failed)
        return tr_err_memory(err);
    /* what a file that is a byte order mark alone has no lines of, tr-route says too */
    if (!last || !l->cut.size || (!l->begun && !without_mark(tr_buf_str(&l->cut)).size))
        return TR_OK;
    return take_line(a, l, tr_buf_str(&l->cut), out, err);
}

/* ---- batches ---- */

/* The elements of a list, one after the other. */
typedef struct {
    const char *name; /* NULL: there is no such list */
    const char *at, *end;
} list;

/* Within a list that was checked as JSON: its next element, without the blanks around it; false at
 * its end. */
static bool next_element(list *l, tr_str *value, tr_scan_type *type)
{
    unsigned depth = 0;
    bool quoted = false;
    while (l->at < l->end && strchr(" \t\r\n,", *l->at))
        l->at++;
    const char *begin = l->at;
    if (begin >= l->end)
        return false;
    for (; l->at < l->end; l->at++) {
        char c = *l->at;
        if (quoted) {
            if (c == '\\')
                l->at++;
            quoted = c != '"';
        } else if (c == '"') {
            quoted = true;
        } else if (c == '[' || c == '{') {
            depth++;
        } else if (c == ']' || c == '}') {
            depth--;
        } else if (depth == 0 && strchr(" \t\r\n,", c)) {
            break;
        }
    }
    *value = tr_str_of(begin, (size_t)(l->at - begin));
    *type = *begin == '"'   ? TR_SCAN_STRING
            : *begin == '[' ? TR_SCAN_ARRAY
            : *begin == '{' ? TR_SCAN_OBJECT
                            : TR_SCAN_NULL;
    return true;
}

/* What one element after the other is read into and decided with. */
typedef struct {
    const tr_answerer *a;
    list inputs, embeddings;
    uint32_t dimensions; /* that the policy takes */
    bool text;           /* that it takes any */
    size_t n;
    tr_buf room; /* a text with its escapes resolved */
    float *floats;
    size_t capacity;
    tr_buf column[4]; /* decisions, handled, accept_scores, stages; labels go out at once */
} batch;

static tr_code complain(const batch *b, const list *l, const char *why, tr_err *err)
{
    char number[TR_NUM_TEXT];
    tr_num_print_u64(number, b->n);
    return tr_err_set(err, TR_DATA, "%s[%s]: %s", l->name, number, why);
}

static tr_code read_input(batch *b, tr_str *text, bool *end, tr_err *err)
{
    tr_str value;
    tr_scan_type type;
    if (!next_element(&b->inputs, &value, &type)) {
        *end = true;
        return TR_OK;
    }
    if (type != TR_SCAN_STRING)
        return complain(b, &b->inputs, "is not a string", err);
    tr_buf_clear(&b->room);
    if (!tr_scan_text(value, &b->room, text))
        return b->room.failed
                   ? tr_err_memory(err)
                   : complain(b, &b->inputs, "half a surrogate pair, which is no character", err);
    if (!text->data)
        *text = b->room.data ? tr_buf_str(&b->room) : tr_str_c("");
    return TR_OK;
}

static tr_code read_embedding(batch *b, bool *end, tr_err *err)
{
    tr_str value;
    tr_scan_type type;
    tr_err why;
    size_t n = 0;
    if (!next_element(&b->embeddings, &value, &type)) {
        *end = true;
        return TR_OK;
    }
    if (type != TR_SCAN_ARRAY && type != TR_SCAN_STRING)
        return complain(b, &b->embeddings, "is not an array of numbers or base64", err);
    if (!b->dimensions) /* the policy does not look at it */
        return TR_OK;
    tr_code code = tr_floats_read(value, type, &b->floats, &n, &b->capacity, &why);
    if (code == TR_SYSTEM)
        return tr_err_memory(err);
    if (code != TR_OK)
        return complain(b, &b->embeddings, why.message, err);
    if (n != b->dimensions) {
        tr_err_set(&why, TR_DATA, "an embedding of %zu numbers; the policy takes %u", n,
                   b->dimensions);
        return complain(b, &b->embeddings, why.message, err);
    }
    return TR_OK;
}

static void put_row(batch *b, const tr_decision *d, tr_buf *labels)
{
    char text[TR_NUM_TEXT];
    bool handled = d->why == TR_ROUTE_HANDLED;
    if (b->n) {
        tr_buf_add_char(labels, ',');
        for (size_t k = 0; k < 4; k++)
            tr_buf_add_char(&b->column[k], ',');
    }
    if (handled)
        tr_json_put_str(labels, b->a->policy->labels.text[d->label]);
    else
        tr_buf_add_c(labels, "null");
    tr_buf_add_c(&b->column[0], handled ? "\"handled\"" : "\"deferred\"");
    tr_buf_add_c(&b->column[1], handled ? "true" : "false");
    tr_num_print_double(text, (double)d->score / TR_ACCEPTOR_ONE);
    tr_buf_add_c(&b->column[2], text);
    tr_num_print_u64(text, d->stage);
    tr_buf_add_c(&b->column[3], handled ? text : "null");
}

/* One element of each list that there is; *end: there was none. */
static tr_code take_element(batch *b, tr_buf *out, bool *end, tr_err *err)
{
    tr_str text = {NULL, 0};
    tr_decision d;
    bool no_input = !b->inputs.name, no_embedding = !b->embeddings.name;
    uint64_t begun = now();
    tr_code code = no_input ? TR_OK : read_input(b, &text, &no_input, err);
    if (code == TR_OK && !no_embedding)
        code = read_embedding(b, &no_embedding, err);
    if (code != TR_OK)
        return code;
    if (b->inputs.name && b->embeddings.name && no_input != no_embedding)
        return tr_err_set(err, TR_DATA, "there are more %s than %s",
                          no_input ? b->embeddings.name : b->inputs.name,
                          no_input ? b->inputs.name : b->embeddings.name);
    *end = no_input && no_embedding;
    if (*end)
        return TR_OK;
    if (!tr_route_input(b->a->worker, text, b->dimensions ? b->floats : NULL, &d))
        return tr_err_memory(err);
    put_row(b, &d, out);
    b->n++;
    tr_metrics_row(b->a->metrics, b->a->shard, b->a->policy, &d, now() - begun);
    return TR_OK;
}

static tr_code find_lists(batch *b, tr_scan *scan, tr_str body, tr_err *err)
{
    static const char *const known[] = {"inputs", "embeddings"};
    tr_code code = tr_scan_line(scan, body, known, 2, err);
    if (code != TR_OK)
        return code;
    for (int k = 0; k < 2; k++) {
        const tr_scan_member *m = tr_scan_find(scan, k);
        if (!m)
            continue;
        if (m->type != TR_SCAN_ARRAY)
            return tr_err_set(err, TR_DATA, "\"%s\" is not a list", known[k]);
        *(k ? &b->embeddings : &b->inputs) =
            (list){known[k], m->value.data + 1, m->value.data + m->value.size - 1};
    }
    if (!b->inputs.name && !b->embeddings.name)
        return tr_err_set(err, TR_DATA, "neither \"inputs\" nor \"embeddings\"");
    if (b->text && !b->inputs.name)
        return tr_err_set(err, TR_DATA, "no \"inputs\"; the policy takes texts");
    if (b->dimensions && !b->embeddings.name)
        return tr_err_set(err, TR_DATA, "no \"embeddings\"; the policy takes some of %u numbers",
                          b->dimensions);
    return TR_OK;
}

tr_code tr_answer_batch(const tr_answerer *a, tr_str body, tr_buf *out, tr_err *err)
{
    static const char *const names[] = {"],\"decisions\":[", "],\"handled\":[",
                                        "],\"accept_scores\":[", "],\"stages\":["};
    batch b = {.a = a,
               .dimensions = tr_features_embedding(&a->policy->bank.features),
               .text = a->policy->rule.accepts && a->policy->bank.features.text};
    tr_scan scan = {0};
    bool end = false;
    tr_code code = find_lists(&b, &scan, without_mark(body), err);
    tr_buf_add_c(out, "{\"labels\":[");
    while (code == TR_OK && !end)
        code = take_element(&b, out, &end, err);
    for (size_t k = 0; k < 4; k++) {
        tr_buf_add_c(out, names[k]);
        if (b.column[k].size)
            tr_buf_add_str(out, tr_buf_str(&b.column[k]));
        out->failed |= b.column[k].failed;
        tr_buf_free(&b.column[k]);
    }
    tr_buf_add_c(out, "]}\n");
    tr_scan_free(&scan);
    tr_buf_free(&b.room);
    free(b.floats);
    return code != TR_OK ? code : out->failed ? tr_err_memory(err) : TR_OK;
}

/* ---- the rest ---- */

void tr_answer_health(const tr_policy *p, tr_buf *out)
{
    const tr_certificate *c = &p->certificate;
    bool accepts = p->rule.accepts;
    tr_json_writer w;
    tr_json_begin(&w, out, false);
    tr_json_open_object(&w);
    tr_json_key_c(&w, "status", "ok");
    tr_json_key(&w, "method");
    if (accepts)
        tr_json_c(&w, tr_family_names[c->family]);
    else
        tr_json_null(&w);
    tr_json_key_double(&w, "coverage", accepts ? tr_certificate_coverage(c) : 0);
    tr_json_key(&w, "teacher_agreement");
    if (accepts && c->tested)
        tr_json_double(&w, (double)c->agreed / (double)c->tested);
    else
        tr_json_null(&w);
    tr_json_key_u64(&w, "n_labels", p->labels.n);
    tr_json_key_u64(&w, "n_traces", p->origin.rows);
    tr_json_key_double(&w, "alpha", c->alpha);
    tr_json_key_c(&w, "digest", p->origin.digest);
    tr_json_key_bool(&w, "accepts", accepts);
    tr_json_close_object(&w);
    tr_buf_add_char(out, '\n');
}

void tr_answer_error(const char *message, tr_buf *out)
{
    tr_json_writer w;
    tr_json_begin(&w, out, false);
    tr_json_open_object(&w);
    tr_json_key_c(&w, "error", message);
    tr_json_close_object(&w);
    tr_buf_add_char(out, '\n');
}
