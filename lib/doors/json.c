#include "doors/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "doors/scan.h"
#include "ground/num.h"

/* ---- writing ---- */

void tr_json_begin(tr_json_writer *w, tr_buf *out, bool pretty)
{
    *w = (tr_json_writer){.out = out, .pretty = pretty, .first = true};
}

static void new_line(tr_json_writer *w)
{
    if (!w->pretty)
        return;
    tr_buf_add_char(w->out, '\n');
    for (unsigned i = 0; i < w->depth; i++)
        tr_buf_add(w->out, "  ", 2);
}

/* What stands between the last thing and the next key, element or only value. */
static void next_item(tr_json_writer *w)
{
    if (w->after_key) {
        w->after_key = false;
        return;
    }
    if (w->depth == 0)
        return;
    if (!w->first)
        tr_buf_add_char(w->out, ',');
    w->first = false;
    new_line(w);
}

static void open_level(tr_json_writer *w, char bracket)
{
    next_item(w);
    tr_buf_add_char(w->out, bracket);
    w->depth++;
    w->first = true;
}

static void close_level(tr_json_writer *w, char bracket)
{
    w->depth--;
    if (!w->first)
        new_line(w);
    tr_buf_add_char(w->out, bracket);
    w->first = false;
}

void tr_json_open_object(tr_json_writer *w)
{
    open_level(w, '{');
}

void tr_json_close_object(tr_json_writer *w)
{
    close_level(w, '}');
}

void tr_json_open_array(tr_json_writer *w)
{
    open_level(w, '[');
}

void tr_json_close_array(tr_json_writer *w)
{
    close_level(w, ']');
}

void tr_json_key(tr_json_writer *w, const char *key)
{
    next_item(w);
    tr_json_put_str(w->out, tr_str_c(key));
    tr_buf_add_c(w->out, w->pretty ? ": " : ":");
    w->after_key = true;
}

void tr_json_str(tr_json_writer *w, tr_str s)
{
    next_item(w);
    tr_json_put_str(w->out, s);
}

void tr_json_c(tr_json_writer *w, const char *text)
{
    tr_json_str(w, tr_str_c(text));
}

static void put_number(tr_json_writer *w, const char *text, size_t size)
{
    next_item(w);
    tr_buf_add(w->out, text, size);
}

void tr_json_double(tr_json_writer *w, double x)
{
    char text[TR_NUM_TEXT];
    put_number(w, text, tr_num_print_double(text, x));
}

void tr_json_float(tr_json_writer *w, float x)
{
    char text[TR_NUM_TEXT];
    put_number(w, text, tr_num_print_float(text, x));
}

void tr_json_u64(tr_json_writer *w, uint64_t x)
{
    char text[TR_NUM_TEXT];
    put_number(w, text, tr_num_print_u64(text, x));
}

void tr_json_i64(tr_json_writer *w, int64_t x)
{
    char text[TR_NUM_TEXT];
    put_number(w, text, tr_num_print_i64(text, x));
}

void tr_json_bool(tr_json_writer *w, bool x)
{
    next_item(w);
    tr_buf_add_c(w->out, x ? "true" : "false");
}

void tr_json_null(tr_json_writer *w)
{
    next_item(w);
    tr_buf_add_c(w->out, "null");
}

void tr_json_key_str(tr_json_writer *w, const char *key, tr_str s)
{
    tr_json_key(w, key);
    tr_json_str(w, s);
}

void tr_json_key_c(tr_json_writer *w, const char *key, const char *text)
{
    tr_json_key(w, key);
    tr_json_c(w, text);
}

void tr_json_key_double(tr_json_writer *w, const char *key, double x)
{
    tr_json_key(w, key);
    tr_json_double(w, x);
}

void tr_json_key_u64(tr_json_writer *w, const char *key, uint64_t x)
{
    tr_json_key(w, key);
    tr_json_u64(w, x);
}

void tr_json_key_bool(tr_json_writer *w, const char *key, bool x)
{
    tr_json_key(w, key);
    tr_json_bool(w, x);
}

static bool stands_for_itself(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static void put_escape(tr_buf *out, unsigned char c)
{
    static const char from[] = "\"\\\b\f\n\r\t", into[] = "\"\\bfnrt";
    static const char digits[] = "0123456789abcdef";
    const char *named = memchr(from, c, sizeof from - 1);
    if (named) {
        char two[2] = {'\\', into[named - from]};
        tr_buf_add(out, two, 2);
    } else {
        char six[6] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};
        tr_buf_add(out, six, 6);
    }
}

void tr_json_put_str(tr_buf *out, tr_str s)
{
    tr_buf_add_char(out, '"');
    for (size_t i = 0; i < s.size;) {
        size_t run = i;
        while (run < s.size && stands_for_itself((unsigned char)s.data[run]))
            run++;
        tr_buf_add(out, s.data + i, run - i);
        i = run;
        if (i == s.size)
            break;
        unsigned char c = (unsigned char)s.data[i];
        size_t step = tr_scan_utf8_step(tr_str_of(s.data + i, s.size - i));
        if (c < 0x80) {
            put_escape(out, c);
        } else if (step == 0) { /* no text at all; what we write is JSON even so */
            tr_buf_add_c(out, "\xEF\xBF\xBD");
            step = 1;
        } else if (step == 3 && memcmp(s.data + i, "\xE2\x80\xA8", 3) == 0) {
            tr_buf_add_c(out, "\\u2028"); /* a line end to JavaScript */
        } else if (step == 3 && memcmp(s.data + i, "\xE2\x80\xA9", 3) == 0) {
            tr_buf_add_c(out, "\\u2029");
        } else {
            tr_buf_add(out, s.data + i, step);
        }
        i += step;
    }
    tr_buf_add_char(out, '"');
}

/* ---- reading ---- */

/* tr_json is cJSON under another name: it is never looked into, only cast. */
static const cJSON *node_of(const tr_json *node)
{
    return (const cJSON *)(const void *)node;
}

static const tr_json *json_of(const cJSON *node)
{
    return (const tr_json *)(const void *)node;
}

/* cJSON reads a number from its first 63 bytes. */
enum { NUMBER_TEXT = 63 };

/* The string at text[at] (its opening quote): sets *after, returns NULL or why it is refused. */
static const char *check_string(tr_str text, size_t at, tr_buf *scratch, size_t *after)
{
    size_t i = at + 1;
    while (text.data[i] != '"') {
        if (text.data[i] == '\\') {
            i++;
            if (text.data[i] == 'u' && memcmp(text.data + i + 1, "0000", 4) == 0) {
                return "\\u0000 in a string";
            }
        }
        i++;
    }
    *after = i + 1;
    tr_str plain;
    tr_buf_clear(scratch);
    return tr_scan_text(tr_str_of(text.data + at, *after - at), scratch, &plain) || scratch->failed
               ? NULL
               : "half a surrogate pair in a string";
}

/* A text whose grammar is checked already: NULL, or why cJSON must not see it. */
static const char *check_tokens(tr_str text, tr_buf *scratch, size_t *at)
{
    for (size_t i = 0; i < text.size;) {
        char c = text.data[i];
        const char *reason = NULL;
        size_t after = i + 1;
        if (c == '"') {
            reason = check_string(text, i, scratch, &after);
        } else if (c == '-' || (c >= '0' && c <= '9')) {
            while (after < text.size && strchr("+-.eE0123456789", text.data[after]))
                after++;
            double x;
            if (!tr_num_parse_double(tr_str_of(text.data + i, after - i), &x)) {
                reason = "a number out of range";
            } else if (after - i > NUMBER_TEXT) {
                reason = "a number of more than 63 characters";
            }
        }
        *at = i;
        if (reason)
            return reason;
        i = after;
    }
    return NULL;
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The parents of the node being looked at, and room to sort an object's keys. */
typedef struct {
    const cJSON **stack;
    size_t depth, stack_capacity;
    const char **keys;
    size_t keys_capacity;
} walk;

static tr_code check_keys(walk *w, const cJSON *object, tr_err *err)
{
    size_t n = 0;
    for (const cJSON *child = object->child; child; child = child->next) {
        if (!tr_mem_reserve((void **)&w->keys, &w->keys_capacity, n + 1, sizeof *w->keys)) {
            return tr_err_memory(err);
        }
        w->keys[n++] = child->string;
    }
    if (n > 1)
        qsort(w->keys, n, sizeof *w->keys, compare_keys);
    for (size_t i = 1; i < n; i++) {
        if (strcmp(w->keys[i - 1], w->keys[i]) == 0) {
            return tr_err_set(err, TR_DATA, "the key \"%s\" occurs twice", w->keys[i]);
        }
    }
    return TR_OK;
}

/* Every object of the tree, without recursion. */
static tr_code check_tree(walk *w, const cJSON *root, tr_err *err)
{
    const cJSON *node = root;
    while (node) {
        if (cJSON_IsObject(node)) {
            tr_code code = check_keys(w, node, err);
            if (code != TR_OK)
                return code;
        }
        if (node->child) {
            if (!tr_mem_reserve((void **)&w->stack, &w->stack_capacity, w->depth + 1,
                                sizeof *w->stack)) {
                return tr_err_memory(err);
            }
            w->stack[w->depth++] = node;
            node = node->child;
            continue;
        }
        while (w->depth > 0 && !node->next)
            node = w->stack[--w->depth];
        node = w->depth > 0 ? node->next : NULL;
    }
    return TR_OK;
}

tr_json *tr_json_parse(tr_str text, tr_err *err)
{
    if (tr_scan_value(text, err) != TR_OK)
        return NULL;
    tr_buf scratch;
    size_t at = 0;
    tr_buf_init(&scratch);
    const char *reason = check_tokens(text, &scratch, &at);
    tr_buf_free(&scratch);
    if (reason) {
        tr_err_set(err, TR_DATA, "bad JSON at byte %zu: %s", at + 1, reason);
        return NULL;
    }
    cJSON *root = cJSON_ParseWithLengthOpts(text.data, text.size, NULL, 0);
    if (!root) { /* its grammar was checked, so only memory is left */
        tr_err_memory(err);
        return NULL;
    }
    walk w = {0};
    tr_code code = check_tree(&w, root, err);
    free(w.stack);
    free(w.keys);
    if (code != TR_OK) {
        cJSON_Delete(root);
        return NULL;
    }
    return (tr_json *)(void *)root;
}

void tr_json_free(tr_json *root)
{
    cJSON_Delete((cJSON *)(void *)root);
}

const tr_json *tr_json_get(const tr_json *object, const char *key)
{
    const cJSON *node = node_of(object);
    if (!cJSON_IsObject(node))
        return NULL;
    return json_of(cJSON_GetObjectItemCaseSensitive(node, key));
}

const tr_json *tr_json_at(const tr_json *array, size_t i)
{
    const cJSON *node = node_of(array);
    if (!cJSON_IsArray(node))
        return NULL;
    const cJSON *child = node->child;
    while (child && i-- > 0)
        child = child->next;
    return json_of(child);
}

size_t tr_json_size(const tr_json *node)
{
    const cJSON *of = node_of(node);
    size_t n = 0;
    if (!cJSON_IsArray(of) && !cJSON_IsObject(of))
        return 0;
    for (const cJSON *child = of->child; child; child = child->next)
        n++;
    return n;
}

bool tr_json_as_text(const tr_json *node, const char **out)
{
    if (!cJSON_IsString(node_of(node)))
        return false;
    *out = node_of(node)->valuestring;
    return true;
}

bool tr_json_as_double(const tr_json *node, double *out)
{
    if (!cJSON_IsNumber(node_of(node)))
        return false;
    *out = node_of(node)->valuedouble;
    return true;
}

bool tr_json_as_u64(const tr_json *node, uint64_t *out)
{
    double x;
    /* 2^53 + 1 reads as 2^53, so that one is refused with those above it. */
    if (!tr_json_as_double(node, &x) || !(x >= 0 && x < 0x1p53) || x != floor(x))
        return false;
    *out = (uint64_t)x;
    return true;
}

bool tr_json_as_bool(const tr_json *node, bool *out)
{
    if (!cJSON_IsBool(node_of(node)))
        return false;
    *out = cJSON_IsTrue(node_of(node));
    return true;
}
