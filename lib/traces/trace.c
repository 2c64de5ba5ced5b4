#include "traces/trace.h"

#include "ground/num.h"
#include "traces/instant.h"

#include <stdlib.h>
#include <string.h>

const char *const tr_trace_input_aliases[TR_TRACE_INPUT_ALIASES] = {"input", "query", "text",
                                                                    "prompt", "question"};
static const char *const label_aliases[] = {"teacher", "teacher_output", "label",
                                            "intent",  "output",         "answer"};

/* Not UTF-8, so that no key of a checked line is ever equal to it. */
static const char unused[] = "\xff";

enum { TEXT_INPUT, TEXT_TEACHER, TEXT_ID, TEXT_GROUP, TEXT_TIME, TEXT_COUNT };

struct tr_trace_parser {
    const char *names[TR_TRACE_KEY_COUNT];
    int input_first, input_last; /* indices that may hold the input */
    int label_first, label_last;
    int teacher; /* index of the key "teacher" */
    int group, time;
    unsigned needs;
    tr_scan scan;
    const tr_scan_member *at[TR_TRACE_KEY_COUNT]; /* the last line's members by index */
    const tr_scan_member *input_member, *teacher_member;
    tr_buf text[TEXT_COUNT]; /* texts whose escapes had to be resolved */
    float *floats;
    size_t floats_capacity;
};

/* Puts a name at an index unless it has one already; returns the index that it has. */
static int claim(tr_trace_parser *p, int index, const char *name)
{
    for (int i = 0; i < TR_TRACE_KEY_COUNT; i++)
        if (strcmp(p->names[i], name) == 0)
            return i;
    p->names[index] = name;
    return index;
}

static void name_keys(tr_trace_parser *p, tr_trace_keys keys)
{
    static const struct {
        int index;
        const char *name;
    } fixed[] = {
        {TR_TRACE_KEY_ID, "id"},
        {TR_TRACE_KEY_EMBEDDING, "embedding"},
        {TR_TRACE_KEY_PROPENSITY, "propensity"},
        {TR_TRACE_KEY_SHADOW_SHARE, "shadow_share"},
        {TR_TRACE_KEY_SPLIT, "split"},
        {TR_TRACE_KEY_UNLISTED, "unlisted"},
        {TR_TRACE_KEY_STALE, "stale"},
        {TR_TRACE_KEY_DECISION, "decision"},
        {TR_TRACE_KEY_ACCEPT_SCORE, "accept_score"},
        {TR_TRACE_KEY_STAGE, "stage"},
        {TR_TRACE_KEY_SHADOW, "shadow"},
        {TR_TRACE_KEY_EXPLAIN, "explain"},
        {TR_TRACE_KEY_ERROR, "error"},
        {TR_TRACE_KEY_TRAILER, "tr-split"},
        {TR_TRACE_KEY_PLAIN_LABEL, "label"},
        {TR_TRACE_KEY_PLAIN_INPUT, "input"},
    };
    for (int i = 0; i < TR_TRACE_KEY_COUNT; i++)
        p->names[i] = unused;

    p->input_first = TR_TRACE_KEY_INPUT;
    p->input_last = TR_TRACE_KEY_LABEL - 1;
    p->label_first = TR_TRACE_KEY_LABEL;
    p->label_last = TR_TRACE_KEY_ID - 1;
    /* Named keys before anything else, so that they may bear any name. */
    if (keys.input_key)
        p->input_first = p->input_last = claim(p, TR_TRACE_KEY_INPUT, keys.input_key);
    if (keys.label_key)
        p->label_first = p->label_last = claim(p, TR_TRACE_KEY_LABEL, keys.label_key);
    if (!keys.input_key)
        for (int i = p->input_first; i <= p->input_last; i++)
            claim(p, i, tr_trace_input_aliases[i - TR_TRACE_KEY_INPUT]);
    if (!keys.label_key)
        for (int i = p->label_first; i <= p->label_last; i++)
            claim(p, i, label_aliases[i - TR_TRACE_KEY_LABEL]);
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        claim(p, fixed[i].index, fixed[i].name);
    p->teacher = claim(p, TR_TRACE_KEY_PLAIN_TEACHER, "teacher");
    /* A log may be grouped by a key that has a use already, its id or its input. */
    p->group = claim(p, TR_TRACE_KEY_GROUP, keys.group_key ? keys.group_key : "group");
    claim(p, TR_TRACE_KEY_PLAIN_GROUP, "group");
    p->time = keys.time_key ? claim(p, TR_TRACE_KEY_TIME, keys.time_key) : -1;
}

tr_trace_parser *tr_trace_open(tr_trace_keys keys, unsigned needs, tr_err *err)
{
    tr_trace_parser *p = calloc(1, sizeof *p);
    if (!p) {
        tr_err_memory(err);
        return NULL;
    }
    name_keys(p, keys);
    p->needs = needs;
    for (int i = 0; i < TEXT_COUNT; i++)
        tr_buf_init(&p->text[i]);
    return p;
}

void tr_trace_close(tr_trace_parser *p)
{
    if (!p)
        return;
    tr_scan_free(&p->scan);
    for (int i = 0; i < TEXT_COUNT; i++)
        tr_buf_free(&p->text[i]);
    free(p->floats);
    free(p);
}

void tr_trace_require(tr_trace_parser *p, unsigned needs)
{
    p->needs = needs;
}

static const char *type_name(tr_scan_type type)
{
    switch (type) {
    case TR_SCAN_NULL: return "null";
    case TR_SCAN_BOOL: return "a boolean";
    case TR_SCAN_NUMBER: return "a number";
    case TR_SCAN_STRING: return "a string";
    case TR_SCAN_ARRAY: return "a list";
    case TR_SCAN_OBJECT: return "an object";
    }
    return "of no known type";
}

static tr_code wrong_type(const tr_trace_parser *p, const tr_scan_member *m, const char *wanted,
                          tr_err *err)
{
    return tr_err_set(err, TR_DATA, "\"%s\" is %s, not %s", tr_trace_key_name(p, m->known),
                      type_name(m->type), wanted);
}

/* The text of a string with its escapes resolved, or the JSON text of anything else. */
static tr_code read_text(tr_trace_parser *p, const tr_scan_member *m, int which, tr_str *out,
                         tr_err *err)
{
    tr_str text;
    if (!tr_scan_member_text(m, &p->text[which], &text)) {
        if (p->text[which].failed)
            return tr_err_memory(err);
        return tr_err_set(err, TR_DATA, "\"%s\" has half a surrogate pair, which is no character",
                          tr_trace_key_name(p, m->known));
    }
    *out = text;
    return TR_OK;
}

/* id, group, time: a string or a number. */
static tr_code read_name(tr_trace_parser *p, int index, int which, tr_str *out, tr_err *err)
{
    const tr_scan_member *m = index < 0 ? NULL : p->at[index];
    if (!m)
        return TR_OK;
    if (m->type != TR_SCAN_STRING && m->type != TR_SCAN_NUMBER)
        return wrong_type(p, m, "a string or a number", err);
    return read_text(p, m, which, out, err);
}

static tr_code read_share(tr_trace_parser *p, int index, double *out, tr_err *err)
{
    const tr_scan_member *m = p->at[index];
    if (!m)
        return TR_OK;
    if (m->type != TR_SCAN_NUMBER)
        return wrong_type(p, m, "a number", err);
    if (!tr_num_parse_double(m->value, out) || !(*out >= 0 && *out <= 1))
        return tr_err_set(err, TR_DATA, "\"%s\" is not between 0 and 1",
                          tr_trace_key_name(p, index));
    return TR_OK;
}

static tr_code read_sampling(tr_trace_parser *p, tr_trace *t, tr_err *err)
{
    bool propensity = p->at[TR_TRACE_KEY_PROPENSITY], share = p->at[TR_TRACE_KEY_SHADOW_SHARE];
    tr_code code;
    if ((code = read_share(p, TR_TRACE_KEY_PROPENSITY, &t->propensity, err)))
        return code;
    if ((code = read_share(p, TR_TRACE_KEY_SHADOW_SHARE, &t->shadow_share, err)))
        return code;
    if (propensity != share)
        return tr_err_set(err, TR_DATA, "\"%s\" without \"%s\"",
                          propensity ? "propensity" : "shadow_share",
                          propensity ? "shadow_share" : "propensity");
    if (t->shadow_share > t->propensity)
        return tr_err_set(err, TR_DATA, "\"shadow_share\" is above \"propensity\"");
    if (t->propensity <= 0 && t->teacher.data && p->needs & TR_TRACE_NEED_TEACHER)
        return tr_err_set(err, TR_DATA,
                          "\"propensity\" is 0, yet there is a teacher label: a label that could "
                          "not come to be known says nothing about the traffic");
    return TR_OK;
}

static tr_code read_teacher(tr_trace_parser *p, tr_trace *t, tr_err *err)
{
    bool needed = p->needs & TR_TRACE_NEED_TEACHER && !t->is_decision;
    int first = t->is_decision ? p->teacher : p->label_first;
    int last = t->is_decision ? p->teacher : p->label_last;
    const tr_scan_member *m = NULL;
    for (int i = first; i <= last && !m; i++)
        m = p->at[i];
    if (!m) {
        if (!needed)
            return TR_OK;
        if (first == last)
            return tr_err_set(err, TR_DATA, "no \"%s\"", p->names[first]);
        return tr_err_set(err, TR_DATA,
                          "no teacher label: none of the keys teacher, "
                          "teacher_output, label, intent, output, answer; name it by --label-key");
    }
    if (m->type == TR_SCAN_NULL && !needed)
        return TR_OK;
    if (m->type == TR_SCAN_NULL || m->type == TR_SCAN_ARRAY || m->type == TR_SCAN_OBJECT)
        return wrong_type(p, m, "a label", err);
    p->teacher_member = m;
    return read_text(p, m, TEXT_TEACHER, &t->teacher, err);
}

static tr_code read_input(tr_trace_parser *p, tr_trace *t, tr_err *err)
{
    const tr_scan_member *m = NULL;
    for (int i = p->input_first; i <= p->input_last && !m; i++)
        m = p->at[i];
    if (!m) {
        bool either = p->needs & TR_TRACE_NEED_TEXT_OR_EMBEDDING;
        if (!(p->needs & TR_TRACE_NEED_INPUT) && !(either && !p->at[TR_TRACE_KEY_EMBEDDING]))
            return TR_OK;
        const char *also = either ? ", and no \"embedding\"" : "";
        if (p->input_first == p->input_last)
            return tr_err_set(err, TR_DATA, "no \"%s\"%s", p->names[p->input_first], also);
        return tr_err_set(err, TR_DATA,
                          "no input: none of the keys input, query, text, prompt, "
                          "question%s; name it by --input-key",
                          also);
    }
    if (m->type != TR_SCAN_STRING)
        return wrong_type(p, m, "a string", err);
    p->input_member = m;
    return read_text(p, m, TEXT_INPUT, &t->input, err);
}

/* A mark of tr-split's: true or false. */
static tr_code read_mark(const tr_trace_parser *p, int index, bool *out, tr_err *err)
{
    const tr_scan_member *m = p->at[index];
    if (m && m->type != TR_SCAN_BOOL && p->needs & TR_TRACE_NEED_SPLIT)
        return wrong_type(p, m, "true or false", err);
    *out = m && tr_str_equal(m->value, tr_str_c("true"));
    return TR_OK;
}

static tr_code read_split(tr_trace_parser *p, tr_trace *t, tr_err *err)
{
    const tr_scan_member *m = p->at[TR_TRACE_KEY_SPLIT];
    bool needed = p->needs & TR_TRACE_NEED_SPLIT;
    if (m && tr_str_equal(m->value, tr_str_c("\"train\"")))
        t->side = TR_SIDE_TRAIN;
    if (m && tr_str_equal(m->value, tr_str_c("\"calibration\"")))
        t->side = TR_SIDE_CALIBRATION;
    if (m && tr_str_equal(m->value, tr_str_c("\"test\"")))
        t->side = TR_SIDE_TEST;
    if (needed && !m)
        return tr_err_set(err, TR_DATA, "no \"split\": this is no output of tr-split");
    if (needed && t->side == TR_SIDE_NONE)
        return tr_err_set(err, TR_DATA, "\"split\" is not train, calibration or test");
    tr_code code = read_mark(p, TR_TRACE_KEY_UNLISTED, &t->unlisted, err);
    return code ? code : read_mark(p, TR_TRACE_KEY_STALE, &t->stale, err);
}

static tr_code read_embedding(tr_trace_parser *p, tr_trace *t, tr_err *err)
{
    const tr_scan_member *m = p->at[TR_TRACE_KEY_EMBEDDING];
    if (!m || !(p->needs & TR_TRACE_READ_EMBEDDING))
        return TR_OK;
    if (m->type != TR_SCAN_ARRAY && m->type != TR_SCAN_STRING)
        return wrong_type(p, m, "an array of numbers or base64", err);
    size_t n = 0;
    tr_err why;
    tr_code code = tr_floats_read(m->value, m->type, &p->floats, &n, &p->floats_capacity, &why);
    if (code == TR_SYSTEM)
        return tr_err_memory(err);
    if (code)
        return tr_err_set(err, TR_DATA, "\"embedding\": %s", why.message);
    if (n == 0)
        return tr_err_set(err, TR_DATA, "\"embedding\" is empty");
    t->embedding = p->floats;
    t->dimensions = n;
    return TR_OK;
}

tr_code tr_trace_parse(tr_trace_parser *p, tr_str line, uint64_t number, tr_trace *t, tr_err *err)
{
    *t = (tr_trace){.propensity = 1, .shadow_share = 1};
    p->input_member = p->teacher_member = NULL;
    memset(p->at, 0, sizeof p->at);

    tr_code code = tr_scan_line(&p->scan, line, p->names, TR_TRACE_KEY_COUNT, err);
    if (code != TR_OK) {
        p->scan.n = 0;
        return code;
    }
    for (size_t i = 0; i < p->scan.n; i++)
        if (p->scan.members[i].known >= 0)
            p->at[p->scan.members[i].known] = &p->scan.members[i];

    const tr_scan_member *trailer = p->at[TR_TRACE_KEY_TRAILER];
    if (trailer && p->scan.n == 1 && trailer->type == TR_SCAN_OBJECT) {
        t->is_trailer = true;
        t->trailer = trailer->value;
        return TR_OK;
    }
    t->is_decision = p->at[TR_TRACE_KEY_DECISION] != NULL;
    if ((code = read_teacher(p, t, err)))
        return code;
    /* A decision that will be skipped may be the record of a request that could not be read. */
    bool skipped = p->needs & TR_TRACE_NEED_TEACHER && t->is_decision && !t->teacher.data;
    if ((code = read_input(p, t, err)))
        return skipped && code == TR_DATA ? TR_OK : code;
    if ((code = read_name(p, TR_TRACE_KEY_ID, TEXT_ID, &t->id, err)))
        return skipped && code == TR_DATA ? TR_OK : code;
    /* What a request carries under these names is its own affair. */
    bool log = p->needs & (TR_TRACE_NEED_TEACHER | TR_TRACE_NEED_SPLIT);
    if ((code = read_name(p, p->group, TEXT_GROUP, &t->group, err)) == TR_SYSTEM)
        return code;
    if (code != TR_OK && log && !skipped)
        return code;
    if ((code = read_name(p, p->time, TEXT_TIME, &t->time, err)) == TR_SYSTEM)
        return code;
    if (code == TR_OK && t->time.data && !tr_instant_parse(t->time, &t->instant))
        code = tr_err_set(err, TR_DATA,
                          "\"%s\" is no time: neither as in 2026-11-22T05:40:00Z nor seconds since "
                          "1970",
                          p->names[p->time]);
    if (code != TR_OK && log && !skipped)
        return code;
    if (log && (code = read_sampling(p, t, err)))
        return code;
    if ((code = read_split(p, t, err)))
        return code;
    if ((code = read_embedding(p, t, err)) == TR_SYSTEM || (code != TR_OK && !skipped))
        return code;

    t->row = tr_trace_identity(t->id, t->input, number);
    t->group_hash =
        t->group.data ? tr_hash_keyed((tr_hash_key){'g', 0}, t->group.data, t->group.size) : t->row;
    return TR_OK;
}

const tr_scan *tr_trace_members(const tr_trace_parser *p)
{
    return &p->scan;
}

const char *tr_trace_key_name(const tr_trace_parser *p, int known)
{
    return known >= 0 && known < TR_TRACE_KEY_COUNT ? p->names[known] : "";
}

const tr_scan_member *tr_trace_group_member(const tr_trace_parser *p)
{
    return p->at[p->group];
}

const tr_scan_member *tr_trace_input_member(const tr_trace_parser *p)
{
    return p->input_member;
}

const tr_scan_member *tr_trace_teacher_member(const tr_trace_parser *p)
{
    return p->teacher_member;
}

tr_code tr_trace_same_shape(tr_trace_shape *s, const tr_trace *t, tr_err *err)
{
    bool has_text = t->input.data != NULL;
    if (!s->known)
        *s = (tr_trace_shape){true, has_text, t->dimensions};
    if (!s->dimensions != !t->dimensions)
        return tr_err_set(err, TR_DATA,
                          t->dimensions ? "an \"embedding\", but the traces before have none"
                                        : "no \"embedding\", but the traces before have one");
    if (s->dimensions != t->dimensions)
        return tr_err_set(err, TR_DATA,
                          "\"embedding\" has %zu numbers, those of the traces before have %zu",
                          t->dimensions, s->dimensions);
    if (s->has_text != has_text)
        return tr_err_set(err, TR_DATA,
                          has_text ? "an input, but the traces before have none"
                                   : "no input, but the traces before have one");
    return TR_OK;
}

static void put_u64(unsigned char *to, uint64_t x)
{
    for (int i = 0; i < 8; i++)
        to[i] = (unsigned char)(x >> (8 * i));
}

static uint64_t text_hash(char use, tr_str s)
{
    return s.data ? tr_hash_keyed((tr_hash_key){(uint64_t)use, 1}, s.data, s.size) : 0;
}

uint64_t tr_trace_identity(tr_str id, tr_str input, uint64_t number)
{
    if (id.data)
        return tr_hash_keyed((tr_hash_key){'i', 0}, id.data, id.size);
    unsigned char bytes[16];
    put_u64(bytes, text_hash('t', input));
    put_u64(bytes + 8, number);
    return tr_hash_keyed((tr_hash_key){'t', 0}, bytes, sizeof bytes);
}

static uint64_t double_bits(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

void tr_digest_add(tr_digest *d, const tr_trace *t, tr_side side)
{
    unsigned char bytes[56];
    put_u64(bytes, t->row);
    put_u64(bytes + 8, text_hash('x', t->input));
    put_u64(bytes + 16, text_hash('y', t->teacher));
    put_u64(bytes + 24, text_hash('g', t->group));
    put_u64(bytes + 32, double_bits(t->propensity));
    put_u64(bytes + 40, double_bits(t->shadow_share));
    put_u64(bytes + 48, (uint64_t)side * 2 + t->unlisted + (t->stale ? 16u : 0u));
    d->a += tr_hash_keyed((tr_hash_key){'d', 'a'}, bytes, sizeof bytes);
    d->b += tr_hash_keyed((tr_hash_key){'d', 'b'}, bytes, sizeof bytes);
}

static const char hex[] = "0123456789abcdef";

void tr_digest_print(tr_digest d, char text[33])
{
    for (int i = 0; i < 16; i++) {
        text[i] = hex[d.a >> (60 - 4 * i) & 15];
        text[16 + i] = hex[d.b >> (60 - 4 * i) & 15];
    }
    text[32] = '\0';
}

bool tr_digest_parse(tr_str text, tr_digest *d)
{
    uint64_t half[2] = {0, 0};
    if (text.size != 32)
        return false;
    for (size_t i = 0; i < 32; i++) {
        const char *at = text.data[i] ? strchr(hex, text.data[i]) : NULL;
        if (!at)
            return false;
        half[i / 16] = half[i / 16] << 4 | (uint64_t)(at - hex);
    }
    *d = (tr_digest){half[0], half[1]};
    return true;
}

bool tr_digest_equal(tr_digest a, tr_digest b)
{
    return a.a == b.a && a.b == b.b;
}
