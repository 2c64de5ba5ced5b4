#include "traces/outcome.h"

#include "doors/scan.h"
#include "ground/hash.h"
#include "ground/num.h"
#include "traces/trace.h"

#include <stdlib.h>
#include <string.h>

/* Indices into the table of known keys. A named key shares the index of a reserved one. */
enum {
    KEY_INPUT = 0, /* .. the aliases, or 0 = the named key */
    KEY_LABEL = TR_TRACE_INPUT_ALIASES,
    KEY_DECISION,
    KEY_SCORE,
    KEY_STAGE,
    KEY_PROPENSITY,
    KEY_SHARE,
    KEY_TEACHER,
    KEY_ID,
    KEY_TRUTH,
    KEY_SHADOW,
    KEY_EXPLAIN,
    KEY_ERROR,
    KEY_BY,
    KEY_COUNT
};

enum { TEXT_INPUT, TEXT_LABEL, TEXT_TEACHER, TEXT_TRUTH, TEXT_ID, TEXT_BY, TEXT_WOULD, TEXT_COUNT };

struct tr_outcome_parser {
    const char *names[KEY_COUNT]; /* NULL: not in use */
    int input_first, input_last;  /* indices that may hold the input */
    int by;                       /* -1: none */
    tr_scan line, explain, best;
    const tr_scan_member *at[KEY_COUNT]; /* the last line's members by index */
    tr_buf text[TEXT_COUNT];             /* texts whose escapes had to be resolved */
};

/* Puts a name at an index unless it has one already; returns the index that it has. */
static int claim(tr_outcome_parser *p, int index, const char *name)
{
    for (int i = 0; i < KEY_COUNT; i++)
        if (p->names[i] && strcmp(p->names[i], name) == 0)
            return i;
    p->names[index] = name;
    return index;
}

tr_outcome_parser *tr_outcome_open(const char *input_key, const char *by_key, tr_err *err)
{
    static const char *const reserved[KEY_COUNT] = {
        [KEY_LABEL] = "label",        [KEY_DECISION] = "decision",
        [KEY_SCORE] = "accept_score", [KEY_STAGE] = "stage",
        [KEY_TEACHER] = "teacher",    [KEY_PROPENSITY] = "propensity",
        [KEY_SHARE] = "shadow_share", [KEY_ID] = "id",
        [KEY_TRUTH] = "ground_truth", [KEY_SHADOW] = "shadow",
        [KEY_EXPLAIN] = "explain",    [KEY_ERROR] = "error",
    };
    tr_outcome_parser *p = calloc(1, sizeof *p);
    if (!p) {
        tr_err_memory(err);
        return NULL;
    }
    memcpy(p->names, reserved, sizeof reserved);
    if (input_key) {
        p->input_first = p->input_last = claim(p, KEY_INPUT, input_key);
    } else {
        p->input_first = KEY_INPUT;
        p->input_last = KEY_LABEL - 1;
        for (int i = KEY_INPUT; i < KEY_LABEL; i++)
            p->names[i] = tr_trace_input_aliases[i - KEY_INPUT];
    }
    p->by = by_key ? claim(p, KEY_BY, by_key) : -1;
    for (int i = 0; i < TEXT_COUNT; i++)
        tr_buf_init(&p->text[i]);
    return p;
}

void tr_outcome_close(tr_outcome_parser *p)
{
    if (!p)
        return;
    tr_scan_free(&p->line);
    tr_scan_free(&p->explain);
    tr_scan_free(&p->best);
    for (int i = 0; i < TEXT_COUNT; i++)
        tr_buf_free(&p->text[i]);
    free(p);
}

/* TR_DATA, with no reason and *out as it was, for half a surrogate pair. */
static tr_code read_text(tr_outcome_parser *p, const tr_scan_member *m, int which, tr_str *out,
                         tr_err *err)
{
    tr_str text;
    if (!tr_scan_member_text(m, &p->text[which], &text))
        return p->text[which].failed ? tr_err_memory(err) : TR_DATA;
    *out = text;
    return TR_OK;
}

/* label, teacher, ground_truth: null is none. */
static tr_code read_label(tr_outcome_parser *p, int key, int which, tr_str *out, tr_err *err)
{
    const tr_scan_member *m = p->at[key];
    if (!m || m->type == TR_SCAN_NULL)
        return TR_OK;
    if (m->type == TR_SCAN_ARRAY || m->type == TR_SCAN_OBJECT)
        return tr_err_set(err, TR_DATA, "\"%s\" is %s, not a label", p->names[key],
                          m->type == TR_SCAN_ARRAY ? "a list" : "an object");
    tr_code code = read_text(p, m, which, out, err);
    if (code == TR_DATA)
        return tr_err_set(err, TR_DATA, "\"%s\" has half a surrogate pair, which is no character",
                          p->names[key]);
    return code;
}

static inline unsigned bit(tr_scan_type type)
{
    return 1u << type;
}

/* input, id, by and what is in "explain": as if absent where it is of no type in `types` (a set of
 * bits) or no text. TR_OK, TR_SYSTEM. */
static tr_code read_loose(tr_outcome_parser *p, const tr_scan_member *m, unsigned types, int which,
                          tr_str *out, tr_err *err)
{
    if (!m || !(bit(m->type) & types))
        return TR_OK;
    tr_code code = read_text(p, m, which, out, err);
    return code == TR_DATA ? TR_OK : code;
}

/* The text of a JSON number as a fraction; false where it is not within 0..1. What tools write, one
 * digit and a few decimals, is the quotient of two whole numbers and as exact as the long way. */
static bool fraction(tr_str s, double *out)
{
    static const double tens[] = {1, 1, 1, 10, 100, 1000, 1e4, 1e5, 1e6}; /* by size of the text */
    uint32_t digits = (uint32_t)(unsigned char)s.data[0] - '0';
    bool plain = digits < 10 && s.size < sizeof tens / sizeof *tens &&
                 (s.size == 1 || (s.size > 2 && s.data[1] == '.'));
    for (size_t i = 2; plain && i < s.size; i++) {
        uint32_t digit = (uint32_t)(unsigned char)s.data[i] - '0';
        digits = digits * 10 + digit;
        plain = digit < 10;
    }
    if (plain)
        *out = digits / tens[s.size];
    else if (!tr_num_parse_double(s, out))
        return false;
    return *out >= 0 && *out <= 1;
}

/* A member that is to be a number from 0 to 1. */
static tr_code read_share(const tr_outcome_parser *p, int key, double *out, tr_err *err)
{
    const tr_scan_member *m = p->at[key];
    if (m->type != TR_SCAN_NUMBER || !fraction(m->value, out))
        return tr_err_set(err, TR_DATA, "\"%s\" is no number between 0 and 1", p->names[key]);
    return TR_OK;
}

static tr_code read_sampling(const tr_outcome_parser *p, tr_outcome *o, tr_err *err)
{
    bool propensity = p->at[KEY_PROPENSITY], share = p->at[KEY_SHARE];
    if (propensity != share)
        return tr_err_set(err, TR_DATA, "\"%s\" without \"%s\"",
                          p->names[propensity ? KEY_PROPENSITY : KEY_SHARE],
                          p->names[propensity ? KEY_SHARE : KEY_PROPENSITY]);
    if (!propensity)
        return TR_OK;
    tr_code code = read_share(p, KEY_PROPENSITY, &o->propensity, err);
    if (code == TR_OK)
        code = read_share(p, KEY_SHARE, &o->shadow_share, err);
    if (code == TR_OK && o->shadow_share > o->propensity)
        return tr_err_set(err, TR_DATA, "\"shadow_share\" is above \"propensity\"");
    return code;
}

static tr_code read_score(const tr_outcome_parser *p, tr_outcome *o, tr_err *err)
{
    const tr_scan_member *m = p->at[KEY_SCORE];
    double score;
    if (!m || m->type == TR_SCAN_NULL)
        return TR_OK;
    tr_code code = read_share(p, KEY_SCORE, &score, err);
    if (code == TR_OK)
        o->score = (uint32_t)(score * 1e6 + .5);
    return code;
}

static tr_code read_stage(const tr_outcome_parser *p, tr_outcome *o, tr_err *err)
{
    const tr_scan_member *m = p->at[KEY_STAGE];
    double stage;
    if (!m || m->type == TR_SCAN_NULL)
        return TR_OK;
    if (m->type == TR_SCAN_NUMBER && tr_num_parse_double(m->value, &stage)) {
        for (unsigned i = 1; i <= TR_OUTCOME_STAGES; i++) {
            if (stage != i)
                continue;
            if (o->handled)
                o->stage = i;
            return TR_OK;
        }
    }
    return tr_err_set(err, TR_DATA, "\"stage\" is no whole number between 1 and %d",
                      TR_OUTCOME_STAGES);
}

static bool says(const tr_scan_member *m, const char *text)
{
    size_t size = strlen(text);
    return m->type == TR_SCAN_STRING && m->value.size == size + 2 &&
           memcmp(m->value.data + 1, text, size) == 0;
}

static tr_code read_decision(const tr_outcome_parser *p, tr_outcome *o, tr_err *err)
{
    const tr_scan_member *m = p->at[KEY_DECISION], *shadow = p->at[KEY_SHADOW];
    if (!m)
        return tr_err_set(err, TR_DATA, "no \"decision\": this is no output of tr-route");
    o->handled = says(m, "handled");
    if (!o->handled && !says(m, "deferred"))
        return tr_err_set(err, TR_DATA, "\"decision\" is neither \"handled\" nor \"deferred\"");
    o->shadow = o->handled && shadow && shadow->type == TR_SCAN_BOOL &&
                shadow->value.data[0] == 't';
    return TR_OK;
}

/* The first element of an array that has been checked, if that is an object; else {NULL, 0}. */
static tr_str first_object(tr_str array)
{
    size_t start = 1, depth = 0;
    bool quoted = false;
    while (start < array.size && strchr(" \t\r\n", array.data[start]))
        start++;
    if (start == array.size || array.data[start] != '{')
        return tr_str_of(NULL, 0);
    for (size_t i = start; i < array.size; i++) {
        char c = array.data[i];
        if (c == '"')
            quoted = !quoted;
        else if (quoted)
            i += c == '\\';
        else if (c == '{')
            depth++;
        else if (c == '}' && --depth == 0)
            return tr_str_of(array.data + start, i + 1 - start);
    }
    return tr_str_of(NULL, 0);
}

/* Why it was deferred, and what would have been answered. */
static tr_code read_explain(tr_outcome_parser *p, tr_outcome *o, tr_err *err)
{
    enum { WHY, BEST };
    static const char *const keys[] = {"why", "best"}, *const label[] = {"label"};
    static const char *const whys[TR_WHY_COUNT] = {[TR_WHY_LOW] = "low_score",
                                                   [TR_WHY_NOVEL] = "novel",
                                                   [TR_WHY_LABEL] = "label",
                                                   [TR_WHY_REFUSED] = "refused"};
    const tr_scan_member *m = p->at[KEY_EXPLAIN];
    if (!m || m->type != TR_SCAN_OBJECT)
        return TR_OK;
    tr_code code = tr_scan_line(&p->explain, m->value, keys, 2, err);
    if (code != TR_OK)
        return code == TR_DATA ? TR_OK : code;
    m = tr_scan_find(&p->explain, WHY);
    for (int i = 0; m && i < TR_WHY_COUNT; i++)
        if (whys[i] && says(m, whys[i]))
            o->why = (tr_why)i;
    m = tr_scan_find(&p->explain, BEST);
    if (!m || m->type != TR_SCAN_ARRAY)
        return TR_OK;
    tr_str best = first_object(m->value);
    if (!best.data)
        return TR_OK;
    code = tr_scan_line(&p->best, best, label, 1, err);
    if (code != TR_OK)
        return code == TR_DATA ? TR_OK : code;
    return read_loose(p, tr_scan_find(&p->best, 0),
                      bit(TR_SCAN_STRING) | bit(TR_SCAN_NUMBER) | bit(TR_SCAN_BOOL), TEXT_WOULD,
                      &o->would, err);
}

static tr_code read_texts(tr_outcome_parser *p, tr_str line, tr_outcome *o, tr_err *err)
{
    const tr_scan_member *input = NULL;
    tr_str id = {NULL, 0};
    tr_code code;
    for (int i = p->input_first; i <= p->input_last && !input; i++)
        input = p->at[i];
    if ((code = read_loose(p, input, bit(TR_SCAN_STRING), TEXT_INPUT, &o->input, err)))
        return code;
    if ((code = read_loose(p, p->at[KEY_ID], bit(TR_SCAN_STRING) | bit(TR_SCAN_NUMBER), TEXT_ID,
                           &id, err)))
        return code;
    if (p->by >= 0 &&
        (code = read_loose(p, p->at[p->by],
                           bit(TR_SCAN_STRING) | bit(TR_SCAN_NUMBER) | bit(TR_SCAN_BOOL), TEXT_BY,
                           &o->by, err)))
        return code;
    /* Keys of its own: which rows were shadowed and which are shown must not depend on each other.
     */
    o->named = id.data != NULL;
    if (o->named)
        o->key = tr_hash_keyed((tr_hash_key){'o', 'i'}, id.data, id.size);
    else if (o->input.data)
        o->key = tr_hash_keyed((tr_hash_key){'o', 't'}, o->input.data, o->input.size);
    else
        o->key = tr_hash_keyed((tr_hash_key){'o', 'l'}, line.data, line.size);
    return TR_OK;
}

tr_code tr_outcome_parse(tr_outcome_parser *p, tr_str line, tr_outcome *o, tr_err *err)
{
    *o = (tr_outcome){.score = TR_OUTCOME_NO_SCORE, .propensity = 1};
    memset(p->at, 0, sizeof p->at);
    tr_code code = tr_scan_line(&p->line, line, p->names, KEY_COUNT, err);
    if (code != TR_OK)
        return code;
    for (size_t i = 0; i < p->line.n; i++)
        if (p->line.members[i].known >= 0)
            p->at[p->line.members[i].known] = &p->line.members[i];

    if ((code = read_decision(p, o, err)) ||
        (code = read_label(p, KEY_LABEL, TEXT_LABEL, &o->label, err)) ||
        (code = read_label(p, KEY_TEACHER, TEXT_TEACHER, &o->teacher, err)) ||
        (code = read_label(p, KEY_TRUTH, TEXT_TRUTH, &o->truth, err)) ||
        (code = read_score(p, o, err)) || (code = read_stage(p, o, err)) ||
        (code = read_sampling(p, o, err)) || (code = read_texts(p, line, o, err)))
        return code;
    if (o->handled) {
        if (!o->label.data)
            return tr_err_set(err, TR_DATA, "handled, but without a \"label\"");
        o->would = o->label;
        return TR_OK;
    }
    o->label = tr_str_of(NULL, 0);
    if (p->at[KEY_ERROR] && p->at[KEY_ERROR]->type != TR_SCAN_NULL) {
        o->why = TR_WHY_ERROR;
        return TR_OK;
    }
    return read_explain(p, o, err);
}
