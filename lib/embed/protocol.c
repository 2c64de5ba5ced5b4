#include "embed/protocol.h"

#include "doors/floats.h"
#include "doors/json.h"
#include "doors/scan.h"
#include "ground/num.h"

#include <stdlib.h>
#include <string.h>

enum { STEPS = 8, LOOKED_AT = 64 << 10 };

const char *const tr_protocol_apis[] = {"openai", "tei", "ollama", "llamacpp", NULL};

/* What is usual of each. */
static const struct {
    const char *path, *behind_v1, *request, *response;
} usual[] = {
    [TR_PROTOCOL_OPENAI] = {"/v1/embeddings", "/embeddings", "input", "data[].embedding"},
    [TR_PROTOCOL_TEI] = {"/embed", NULL, "inputs", "[]"},
    [TR_PROTOCOL_OLLAMA] = {"/api/embed", NULL, "input", "embeddings"},
    [TR_PROTOCOL_LLAMACPP] = {"/embeddings", NULL, "input", "[].embedding"},
};

const char *tr_protocol_path(tr_protocol_api api)
{
    return usual[api].path;
}

const char *tr_protocol_behind_v1(tr_protocol_api api)
{
    return usual[api].behind_v1;
}

/* ---- JSON that tr_scan_value has checked: from value to value ---- */

static const char *skip_blanks(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
        p++;
    return p;
}

static const char *skip_string(const char *p, const char *end)
{
    for (p++; p < end && *p != '"'; p++)
        p += *p == '\\';
    return p < end ? p + 1 : end;
}

static const char *skip_value(const char *p, const char *end)
{
    size_t depth = 0;
    while (p < end) {
        if (*p == '"') {
            p = skip_string(p, end);
        } else if (*p == '[' || *p == '{') {
            depth++;
            p++;
        } else if (*p == ']' || *p == '}') {
            depth--;
            p++;
        } else if (depth > 0) {
            p++;
        } else {
            while (p < end && !strchr(",]} \t\r\n", *p))
                p++;
        }
        if (depth == 0)
            break;
    }
    return p;
}

static tr_str trim(tr_str text)
{
    const char *p = skip_blanks(text.data, text.data + text.size);
    return tr_str_of(p, (size_t)(skip_value(p, text.data + text.size) - p));
}

/* What is within the brackets or braces of a value, to be walked through. */
static tr_str inside(tr_str value)
{
    return tr_str_of(value.data + 1, value.size - 2);
}

/* The next element; false at the end. */
static bool next_element(tr_str *rest, tr_str *value)
{
    const char *end = rest->data + rest->size, *p = skip_blanks(rest->data, end);
    if (p < end && *p == ',')
        p = skip_blanks(p + 1, end);
    const char *behind = skip_value(p, end);
    *value = tr_str_of(p, (size_t)(behind - p));
    *rest = tr_str_of(behind, (size_t)(end - behind));
    return value->size > 0;
}

static bool next_member(tr_str *rest, tr_str *key, tr_str *value)
{
    if (!next_element(rest, key))
        return false;
    const char *end = rest->data + rest->size;
    const char *p = skip_blanks(rest->data, end) + 1; /* the colon */
    *rest = tr_str_of(p, (size_t)(end - p));
    return next_element(rest, value);
}

/* The first member of that name; false where there is none, or `object` is none. */
static bool get(tr_str object, tr_str name, tr_str *value)
{
    if (object.data[0] != '{')
        return false;
    tr_buf text;
    tr_str rest = inside(object), key, plain;
    bool found = false;
    tr_buf_init(&text);
    while (!found && next_member(&rest, &key, value)) {
        tr_buf_clear(&text);
        if (tr_scan_text(key, &text, &plain))
            found = tr_str_equal(plain.data ? plain : tr_buf_str(&text), name);
    }
    tr_buf_free(&text);
    return found;
}

/* ---- paths ---- */

typedef struct {
    tr_str steps[STEPS]; /* to the list, then within each of its elements */
    size_t n, to_list;
} path;

/* Why it is none, or NULL. */
static const char *path_parse(path *p, const char *text)
{
    bool listed = false;
    *p = (path){.n = 0};
    for (;;) {
        size_t size = strcspn(text, ".[");
        if (p->n == STEPS)
            return "has more than 8 names";
        if (size > 0)
            p->steps[p->n++] = tr_str_of(text, size);
        else if (p->n > 0 || text[0] != '[')
            return "has an empty name";
        text += size;
        if (text[0] == '[') {
            if (text[1] != ']' || listed)
                return listed ? "has \"[]\" twice" : "has a \"[\" that is no \"[]\"";
            listed = true;
            p->to_list = p->n;
            text += 2;
        }
        if (!text[0])
            break;
        if (text[0] != '.')
            return "has no dot behind \"[]\"";
        text++;
    }
    if (!listed)
        p->to_list = p->n;
    return NULL;
}

static path path_of(const char *own, const char *by_default)
{
    path p;
    (void)path_parse(&p, own ? own : by_default); /* they were checked */
    return p;
}

/* Follows steps from..to; returns the first one that leads nowhere, or `to`. */
static size_t follow(const path *p, size_t from, size_t to, tr_str *value)
{
    tr_str next;
    for (; from < to && get(*value, p->steps[from], &next); from++)
        *value = next;
    return from;
}

/* ---- requests ---- */

/* Whether the user gave that member. */
static bool given(const tr_protocol *p, const char *name)
{
    tr_str value;
    return p->options && get(trim(tr_str_c(p->options)), tr_str_c(name), &value);
}

tr_code tr_protocol_check(const tr_protocol *p, tr_err *err)
{
    path request, response;
    tr_err why;
    const char *fault = p->request_key ? path_parse(&request, p->request_key) : NULL;
    if (fault)
        return tr_err_set(err, TR_USAGE, "--request-key %.200s: %s", p->request_key, fault);
    fault = p->response_key ? path_parse(&response, p->response_key) : NULL;
    if (fault)
        return tr_err_set(err, TR_USAGE, "--response-key %.200s: %s", p->response_key, fault);
    if (p->api == TR_PROTOCOL_OLLAMA && !p->model && !p->request_key)
        return tr_err_set(err, TR_USAGE, "--api ollama needs --model");
    if (p->api == TR_PROTOCOL_TEI && p->model)
        return tr_err_set(err, TR_USAGE, "--api tei takes no --model: its server has one");
    if (p->options) {
        tr_str text = tr_str_c(p->options);
        if (tr_scan_value(text, &why) != TR_OK)
            return tr_err_set(err, TR_USAGE, "--options: %s", why.message);
        if (trim(text).data[0] != '{')
            return tr_err_set(err, TR_USAGE, "--options takes a JSON object");
    }
    if (p->request_key && request.to_list == 0 && (p->model || p->options))
        return tr_err_set(err, TR_USAGE,
                          "--request-key %.200s: a request that is a list has no place for --model "
                          "or --options",
                          p->request_key);
    return TR_OK;
}

static void open_steps(const path *p, size_t from, size_t to, tr_buf *b)
{
    for (; from < to; from++) {
        tr_buf_add_char(b, '{');
        tr_json_put_str(b, p->steps[from]);
        tr_buf_add_char(b, ':');
    }
}

static void close_steps(size_t n, tr_buf *b)
{
    while (n-- > 0)
        tr_buf_add_char(b, '}');
}

static void put_key(const char *key, tr_buf *b)
{
    tr_buf_add_char(b, ',');
    tr_json_put_str(b, tr_str_c(key));
    tr_buf_add_char(b, ':');
}

void tr_protocol_write(const tr_protocol *p, const tr_str *texts, size_t n, tr_buf *b)
{
    path to = path_of(p->request_key, usual[p->api].request);
    bool asks = p->api == TR_PROTOCOL_OPENAI || p->api == TR_PROTOCOL_OLLAMA;
    open_steps(&to, 0, to.to_list, b);
    tr_buf_add_char(b, '[');
    for (size_t i = 0; i < n; i++) {
        if (i)
            tr_buf_add_char(b, ',');
        open_steps(&to, to.to_list, to.n, b);
        tr_json_put_str(b, texts[i]);
        close_steps(to.n - to.to_list, b);
    }
    tr_buf_add_char(b, ']');
    if (to.to_list == 0)
        return;
    close_steps(to.to_list - 1, b);
    if (p->model && !given(p, "model")) {
        put_key("model", b);
        tr_json_put_str(b, tr_str_c(p->model));
    }
    if (!p->request_key && p->api == TR_PROTOCOL_OPENAI && !given(p, "encoding_format")) {
        put_key("encoding_format", b);
        tr_buf_add_c(b, "\"base64\"");
    }
    if (!p->request_key && asks && p->dimensions && !given(p, "dimensions")) {
        char number[TR_NUM_TEXT];
        tr_num_print_i64(number, p->dimensions);
        put_key("dimensions", b);
        tr_buf_add_c(b, number);
    }
    tr_str more = p->options ? inside(trim(tr_str_c(p->options))) : tr_str_of("", 0);
    if (skip_blanks(more.data, more.data + more.size) < more.data + more.size) {
        tr_buf_add_char(b, ',');
        tr_buf_add_str(b, more);
    }
    tr_buf_add_char(b, '}');
}

/* ---- answers ---- */

/* The vectors of an answer as they stand in it. */
typedef struct {
    tr_str *values; /* of text i; data NULL: not seen yet */
    size_t n, seen;
    bool indexed; /* the first element has an index: all have */
} found;

static tr_code no_list(const path *p, size_t at, tr_str body, tr_err *err)
{
    char said[TR_PROTOCOL_COMPLAINT];
    tr_protocol_complaint(body, said);
    if (at < p->to_list)
        return tr_err_set(err, TR_DATA, "there is no \"%.*s\" in the answer, which reads: %s",
                          (int)p->steps[at].size, p->steps[at].data, said);
    return tr_err_set(err, TR_DATA, "a list of vectors was expected; the answer reads: %s", said);
}

/* Where element number `at` belongs. */
static tr_code place_of(found *f, tr_str element, size_t *at, tr_err *err)
{
    tr_str value;
    uint64_t index = 0;
    bool has = get(element, tr_str_c("index"), &value);
    if (f->seen == 0)
        f->indexed = has;
    if (has != f->indexed)
        return tr_err_set(err, TR_DATA, "some of its vectors have an \"index\", others have none");
    *at = f->seen;
    if (!has)
        return TR_OK;
    if (!tr_num_parse_u64(value, &index) || index >= f->n)
        return tr_err_set(err, TR_DATA, "a vector has the \"index\" %.*s, but %zu texts were sent",
                          value.size > 24 ? 24 : (int)value.size, value.data, f->n);
    *at = (size_t)index;
    return f->values[*at].data ? tr_err_set(err, TR_DATA, "two vectors have the \"index\" %zu", *at)
                               : TR_OK;
}

/* llama.cpp puts the vector of a text into a list of its own, or those of its tokens. */
static tr_code unwrap(tr_str *value, size_t number, tr_err *err)
{
    tr_str rest, inner, more;
    if (value->data[0] != '[')
        return TR_OK;
    rest = inside(*value);
    if (!next_element(&rest, &inner) || inner.data[0] != '[')
        return TR_OK;
    if (next_element(&rest, &more))
        return tr_err_set(err, TR_DATA,
                          "it sends several vectors for text %zu, one for each token; have it pool "
                          "them (llama-server --pooling mean)",
                          number);
    *value = inner;
    return TR_OK;
}

static tr_code collect(const path *p, tr_str list, found *f, tr_err *err)
{
    tr_str rest = inside(list), element;
    for (; next_element(&rest, &element); f->seen++) {
        size_t at = 0;
        if (f->seen == f->n) {
            size_t all = f->n + 1;
            while (next_element(&rest, &element))
                all++;
            return tr_err_set(err, TR_DATA, "%zu texts were sent, but %zu vectors came back", f->n,
                              all);
        }
        tr_code code = place_of(f, element, &at, err);
        if (code != TR_OK)
            return code;
        size_t step = follow(p, p->to_list, p->n, &element);
        if (step < p->n)
            return tr_err_set(err, TR_DATA, "vector %zu has no \"%.*s\"", f->seen + 1,
                              (int)p->steps[step].size, p->steps[step].data);
        code = unwrap(&element, f->seen + 1, err);
        if (code != TR_OK)
            return code;
        f->values[at] = element;
    }
    if (f->seen < f->n)
        return tr_err_set(err, TR_DATA, "%zu texts were sent, but %zu vectors came back", f->n,
                          f->seen);
    return TR_OK;
}

static tr_scan_type type_of(tr_str value)
{
    return value.data[0] == '['   ? TR_SCAN_ARRAY
           : value.data[0] == '"' ? TR_SCAN_STRING
                                  : TR_SCAN_NULL;
}

static tr_code decode(const found *f, float **out, size_t *count, size_t *capacity,
                      size_t *dimensions, tr_err *err)
{
    tr_err why;
    for (size_t i = 0; i < f->n; i++) {
        size_t before = *count;
        tr_code code =
            tr_floats_read(f->values[i], type_of(f->values[i]), out, count, capacity, &why);
        if (code == TR_SYSTEM)
            return tr_err_memory(err);
        if (code != TR_OK)
            return tr_err_set(err, TR_DATA, "the vector of text %zu: %s", i + 1, why.message);
        size_t d = *count - before;
        if (d == 0)
            return tr_err_set(err, TR_DATA, "the vector of text %zu is empty", i + 1);
        if (i == 0)
            *dimensions = d;
        if (d != *dimensions)
            return tr_err_set(err, TR_DATA,
                              "the vector of text %zu has %zu numbers, that of text 1 has %zu",
                              i + 1, d, *dimensions);
    }
    return TR_OK;
}

tr_code tr_protocol_read(const tr_protocol *p, tr_str body, size_t n, float **out, size_t *count,
                         size_t *capacity, size_t *dimensions, tr_err *err)
{
    tr_err why;
    path from = path_of(p->response_key, usual[p->api].response);
    if (tr_scan_value(body, &why) != TR_OK)
        return tr_err_set(err, TR_DATA, "the answer is not JSON: %s", why.message);
    tr_str list = trim(body);
    size_t step = follow(&from, 0, from.to_list, &list);
    if (step < from.to_list || list.data[0] != '[')
        return no_list(&from, step, body, err);

    size_t before = *count;
    found f = {.values = tr_mem_zero(n, sizeof *f.values), .n = n};
    tr_code code = f.values ? collect(&from, list, &f, err) : tr_err_memory(err);
    if (code == TR_OK)
        code = decode(&f, out, count, capacity, dimensions, err);
    if (code != TR_OK)
        *count = before;
    free(f.values);
    return code;
}

/* ---- errors ---- */

/* One line of it: runs of blanks and controls are one blank, what is no UTF-8 is '?'. */
static void flatten(tr_str s, char text[TR_PROTOCOL_COMPLAINT])
{
    size_t n = 0, step;
    bool gap = false;
    for (size_t i = 0; i < s.size; i += step) {
        unsigned char c = (unsigned char)s.data[i];
        step = tr_scan_utf8_step(tr_str_of(s.data + i, s.size - i));
        if (c <= ' ' || c == 0x7f) {
            gap = n > 0;
            step = 1;
            continue;
        }
        if (n + gap + 4 + 4 >= TR_PROTOCOL_COMPLAINT) {
            memcpy(text + n, "...", 3);
            n += 3;
            break;
        }
        if (gap)
            text[n++] = ' ';
        gap = false;
        if (step)
            memcpy(text + n, s.data + i, step);
        else
            text[n] = '?';
        step = step ? step : 1;
        n += step;
    }
    text[n] = '\0';
}

/* A text in JSON under one of the names that servers use; data NULL: none. */
static tr_str said_in(tr_str value)
{
    static const char *const names[] = {"error", "message", "detail", "msg"};
    tr_str next;
    for (int depth = 0; depth < 4; depth++) {
        size_t i = 0, n = sizeof names / sizeof *names;
        if (value.data[0] == '"')
            return value;
        if (value.data[0] == '[') { /* FastAPI lists what it found */
            tr_str rest = inside(value);
            if (!next_element(&rest, &next))
                break;
        } else {
            while (i < n && !get(value, tr_str_c(names[i]), &next))
                i++;
            if (i == n)
                break;
        }
        value = next;
    }
    return tr_str_of(NULL, 0);
}

void tr_protocol_complaint(tr_str body, char text[TR_PROTOCOL_COMPLAINT])
{
    tr_str shown = body.size > LOOKED_AT ? tr_str_of(body.data, LOOKED_AT) : body;
    tr_buf b;
    tr_buf_init(&b);
    if (body.size <= LOOKED_AT && tr_scan_value(body, NULL) == TR_OK) {
        tr_str said = said_in(trim(body));
        if (said.data && tr_scan_text(said, &b, NULL))
            shown = tr_buf_str(&b);
    } else {
        const char *title = memmem(shown.data, shown.size, "<title>", 7), *end = NULL;
        if (title)
            end = memmem(title, (size_t)(shown.data + shown.size - title), "</title>", 8);
        if (end)
            shown = tr_str_of(title + 7, (size_t)(end - title) - 7);
    }
    flatten(shown, text);
    tr_buf_free(&b);
}
