#include "doors/scan.h"

#include <stdlib.h>
#include <string.h>

enum { LEVELS = 1000 };

/* What a byte may be. */
enum {
    BLANK = 1,
    DIGIT = 2,
    HEX = 4,
    PLAIN = 8, /* stands for itself in a string: ASCII but '"', '\\' and controls */
    NAMED = 16 /* may follow a backslash, 'u' aside */
};

static const unsigned char classes[256] = {
    ['\t'] = BLANK,
    ['\n'] = BLANK,
    ['\r'] = BLANK,
    [' '] = PLAIN | BLANK,
    ['!'] = PLAIN,
    ['"'] = NAMED,
    ['#' ... '.'] = PLAIN,
    ['/'] = PLAIN | NAMED,
    ['0' ... '9'] = PLAIN | DIGIT | HEX,
    [':' ... '@'] = PLAIN,
    ['A' ... 'F'] = PLAIN | HEX,
    ['G' ... '['] = PLAIN,
    ['\\'] = NAMED,
    [']' ... '`'] = PLAIN,
    ['a'] = PLAIN | HEX,
    ['b'] = PLAIN | HEX | NAMED,
    ['c' ... 'e'] = PLAIN | HEX,
    ['f'] = PLAIN | HEX | NAMED,
    ['g' ... 'm'] = PLAIN,
    ['n'] = PLAIN | NAMED,
    ['o' ... 'q'] = PLAIN,
    ['r'] = PLAIN | NAMED,
    ['s'] = PLAIN,
    ['t'] = PLAIN | NAMED,
    ['u' ... 0x7f] = PLAIN,
};

/* ---- UTF-8 ---- */

static inline bool continues(unsigned char c)
{
    return (c & 0xC0) == 0x80;
}

/* Length of the character at p, 0 if it is not valid. The bounds of the second byte keep out
 * overlong forms, surrogates and what lies above U+10FFFF (Unicode 15, table 3-7). */
static inline size_t utf8_step(const unsigned char *p, size_t left)
{
    unsigned c = p[0];
    if (c < 0x80)
        return 1;
    if (c < 0xC2 || c > 0xF4)
        return 0;
    if (c < 0xE0)
        return left >= 2 && continues(p[1]) ? 2 : 0;
    if (c < 0xF0) {
        unsigned low = c == 0xE0 ? 0xA0 : 0x80, high = c == 0xED ? 0x9F : 0xBF;
        return left >= 3 && p[1] >= low && p[1] <= high && continues(p[2]) ? 3 : 0;
    }
    unsigned low = c == 0xF0 ? 0x90 : 0x80, high = c == 0xF4 ? 0x8F : 0xBF;
    return left >= 4 && p[1] >= low && p[1] <= high && continues(p[2]) && continues(p[3]) ? 4 : 0;
}

/* Eight bytes with the first one lowest, whatever the machine's order; compilers make one load of
 * it. */
static inline uint64_t load8(const unsigned char *p)
{
    return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
           (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 |
           (uint64_t)p[7] << 56;
}

#define EACH UINT64_C(0x0101010101010101)

/* The top bit of every byte of x that is no plain string byte. A borrow may set more bits above the
 * first, so only the lowest one is exact. */
static inline uint64_t stops(uint64_t x)
{
    uint64_t quote = (x ^ EACH * '"') - EACH;
    uint64_t backslash = (x ^ EACH * '\\') - EACH;
    uint64_t control = x - EACH * 0x20;
    return (quote | backslash | control | x) & EACH * 0x80;
}

size_t tr_scan_utf8_step(tr_str s)
{
    return s.size ? utf8_step((const unsigned char *)s.data, s.size) : 0;
}

tr_str tr_scan_cut(tr_str s, size_t most)
{
    if (s.size <= most)
        return s;
    while (most > 0 && continues((unsigned char)s.data[most]))
        most--;
    return tr_str_of(s.data, most);
}

bool tr_scan_utf8_valid(tr_str s)
{
    const unsigned char *p = (const unsigned char *)s.data;
    for (size_t i = 0; i < s.size;) {
        if (s.size - i >= 8 && !(load8(p + i) & EACH * 0x80)) {
            i += 8;
            continue;
        }
        size_t step = utf8_step(p + i, s.size - i);
        if (!step)
            return false;
        i += step;
    }
    return true;
}

/* ---- the grammar ---- */

typedef struct {
    const unsigned char *start, *at, *end;
    const char *reason;
} cursor;

static cursor cursor_of(tr_str s)
{
    const unsigned char *p = (const unsigned char *)(s.size ? s.data : "");
    return (cursor){p, p, p + s.size, NULL};
}

/* Remembers why and where; always false. */
static bool fail(cursor *c, const unsigned char *at, const char *reason)
{
    c->at = at;
    c->reason = reason;
    return false;
}

static tr_code refuse(const cursor *c, tr_err *err)
{
    bool over = c->at == c->end;
    const char *reason = !over && *c->at == 0 ? "a NUL byte" : c->reason;
    return tr_err_set(err, TR_DATA, "bad JSON at byte %zu: %s%s", (size_t)(c->at - c->start) + 1,
                      reason, over ? ", but the text ends" : "");
}

static inline void skip_blanks(cursor *c)
{
    while (c->at < c->end && (classes[*c->at] & BLANK))
        c->at++;
}

static inline bool here(const cursor *c, char byte)
{
    return c->at < c->end && *c->at == (unsigned char)byte;
}

/* Behind the escape whose backslash is at p, or NULL. */
static const unsigned char *escape(cursor *c, const unsigned char *p)
{
    const unsigned char *q = p + 1;
    if (q < c->end && (classes[*q] & NAMED))
        return q + 1;
    if (q == c->end || *q != 'u') {
        fail(c, q, "expected one of \"\\/bfnrtu after a backslash");
        return NULL;
    }
    q++;
    for (int i = 0; i < 4; i++, q++)
        if (q == c->end || !(classes[*q] & HEX)) {
            fail(c, q, "expected four hexadecimal digits after \\u");
            return NULL;
        }
    return q;
}

/* Stands on the opening quote; goes behind the closing one. */
static bool string(cursor *c, bool *escaped)
{
    const unsigned char *p = c->at + 1, *end = c->end;
    for (;;) {
        while (end - p >= 8) {
            uint64_t stop = stops(load8(p));
            if (stop) {
                p += __builtin_ctzll(stop) >> 3;
                break;
            }
            p += 8;
        }
        while (p < end && (classes[*p] & PLAIN))
            p++;
        if (p == end)
            return fail(c, p, "expected the closing '\"' of a string");
        if (*p == '"') {
            c->at = p + 1;
            return true;
        }
        if (*p == '\\') {
            *escaped = true;
            p = escape(c, p);
            if (!p)
                return false;
        } else if (*p >= 0x80) {
            do {
                size_t step = utf8_step(p, (size_t)(end - p));
                if (!step)
                    return fail(c, p, "invalid UTF-8");
                p += step;
            } while (p < end && *p >= 0x80);
        } else {
            return fail(c, p, "an unescaped control character in a string");
        }
    }
}

static bool digits(cursor *c, const char *reason)
{
    const unsigned char *p = c->at, *end = c->end;
    if (p == end || !(classes[*p] & DIGIT))
        return fail(c, p, reason);
    while (end - p >= 8) {
        /* not zero from the first byte on that is no digit */
        uint64_t v = load8(p);
        uint64_t other = ((v & EACH * 0xf0) ^ EACH * 0x30) |
                         (((v + EACH * 6) & EACH * 0xf0) ^ EACH * 0x30);
        if (other) {
            c->at = p + __builtin_ctzll(other) / 8;
            return true;
        }
        p += 8;
    }
    while (p < end && (classes[*p] & DIGIT))
        p++;
    c->at = p;
    return true;
}

static bool number(cursor *c)
{
    if (*c->at == '-')
        c->at++;
    if (here(c, '0')) {
        c->at++;
        if (c->at < c->end && (classes[*c->at] & DIGIT))
            return fail(c, c->at, "a number must not begin with 0 and another digit");
    } else if (!digits(c, "expected a digit after '-'")) {
        return false;
    }
    if (here(c, '.')) {
        c->at++;
        if (!digits(c, "expected a digit after the decimal point"))
            return false;
    }
    if (here(c, 'e') || here(c, 'E')) {
        c->at++;
        if (here(c, '+') || here(c, '-'))
            c->at++;
        if (!digits(c, "expected a digit in the exponent"))
            return false;
    }
    return true;
}

static bool literal(cursor *c, const char *word)
{
    size_t size = strlen(word);
    if ((size_t)(c->end - c->at) < size || memcmp(c->at, word, size) != 0)
        return fail(c, c->at, "expected a value (strings need quotes)");
    c->at += size;
    return true;
}

static bool no_value(cursor *c)
{
    if (c->at == c->end)
        return fail(c, c->at, "expected a value");
    switch (*c->at) {
    case '\'': return fail(c, c->at, "expected a value (strings take double quotes)");
    case '+':
    case '.': return fail(c, c->at, "a number must begin with a digit or '-'");
    case 'N':
    case 'I': return fail(c, c->at, "expected a value (NaN and Infinity are not JSON)");
    case ']':
    case '}': return fail(c, c->at, "expected a value (is there a comma or colon too many?)");
    default: return fail(c, c->at, "expected a value (strings need quotes)");
    }
}

/* A key and its colon. */
static bool key(cursor *c, bool *escaped)
{
    skip_blanks(c);
    if (!here(c, '"'))
        return fail(c, c->at,
                    here(c, '}') ? "expected a key (is there a comma too many?)"
                                 : "expected a key in double quotes");
    return string(c, escaped);
}

static bool colon(cursor *c)
{
    skip_blanks(c);
    if (!here(c, ':'))
        return fail(c, c->at, "expected ':' after the key");
    c->at++;
    return true;
}

static bool scalar(cursor *c)
{
    bool escaped;
    if (c->at == c->end)
        return no_value(c);
    switch (*c->at) {
    case '"': return string(c, &escaped);
    case 't': return literal(c, "true");
    case 'f': return literal(c, "false");
    case 'n': return literal(c, "null");
    default: return *c->at == '-' || (classes[*c->at] & DIGIT) ? number(c) : no_value(c);
    }
}

/* One value of any depth, from its first byte to behind its last; `above` levels are open around
 * it. Open levels are a bit each: 1 an object, 0 an array. */
static bool value(cursor *c, unsigned above)
{
    uint64_t objects[(LEVELS + 63) / 64];
    unsigned depth = 0;
    bool escaped;
    for (;;) {
        bool object = here(c, '{');
        if (object || here(c, '[')) {
            if (above + depth == LEVELS)
                return fail(c, c->at, "nested deeper than 1,000 levels");
            uint64_t bit = UINT64_C(1) << depth % 64;
            if (object)
                objects[depth / 64] |= bit;
            else
                objects[depth / 64] &= ~bit;
            depth++;
            c->at++;
            skip_blanks(c);
            if (!here(c, object ? '}' : ']')) {
                if (object && (!key(c, &escaped) || !colon(c)))
                    return false;
                skip_blanks(c);
                continue;
            }
            c->at++;
            depth--;
        } else if (!scalar(c)) {
            return false;
        }
        /* A value has ended: close the levels that end with it. */
        for (;;) {
            if (depth == 0)
                return true;
            skip_blanks(c);
            object = objects[(depth - 1) / 64] >> (depth - 1) % 64 & 1;
            if (here(c, ','))
                break;
            if (!here(c, object ? '}' : ']'))
                return fail(c, c->at,
                            object ? "expected ',' or '}' after a member"
                                   : "expected ',' or ']' after an element");
            c->at++;
            depth--;
        }
        c->at++;
        if (object && (!key(c, &escaped) || !colon(c)))
            return false;
        skip_blanks(c);
    }
}

tr_code tr_scan_value(tr_str text, tr_err *err)
{
    cursor c = cursor_of(text);
    skip_blanks(&c);
    if (!value(&c, 0))
        return refuse(&c, err);
    skip_blanks(&c);
    if (c.at < c.end) {
        c.reason = "more text behind the value";
        return refuse(&c, err);
    }
    return TR_OK;
}

/* ---- text ---- */

static unsigned hex4(const char *p)
{
    unsigned x = 0;
    for (int i = 0; i < 4; i++) {
        unsigned char c = (unsigned char)p[i];
        x = x << 4 | ((classes[c] & DIGIT) ? c - 48u : (c | 0x20u) - 87u);
    }
    return x;
}

static size_t utf8_put(char *out, unsigned x)
{
    if (x < 0x80) {
        out[0] = (char)x;
        return 1;
    }
    if (x < 0x800) {
        out[0] = (char)(0xC0 | x >> 6);
        out[1] = (char)(0x80 | (x & 0x3F));
        return 2;
    }
    if (x < 0x10000) {
        out[0] = (char)(0xE0 | x >> 12);
        out[1] = (char)(0x80 | (x >> 6 & 0x3F));
        out[2] = (char)(0x80 | (x & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | x >> 18);
    out[1] = (char)(0x80 | (x >> 12 & 0x3F));
    out[2] = (char)(0x80 | (x >> 6 & 0x3F));
    out[3] = (char)(0x80 | (x & 0x3F));
    return 4;
}

/* The inside of a checked string with its escapes resolved: never longer than it was. False for a
 * lone surrogate. */
static bool unescape(tr_str s, char *out, size_t *size)
{
    const char *p = s.data, *end = s.data + s.size;
    char *to = out;
    while (p < end) {
        const char *run = memchr(p, '\\', (size_t)(end - p));
        size_t n = (size_t)((run ? run : end) - p);
        memcpy(to, p, n);
        to += n;
        p += n;
        if (p == end)
            break;
        if (end - p < 2)
            return false;
        char c = p[1];
        p += 2;
        if (c != 'u') {
            static const char from[] = "bfnrt", into[] = "\b\f\n\r\t";
            const char *named = memchr(from, c, 5);
            *to++ = named ? into[named - from] : c;
            continue;
        }
        if (end - p < 4)
            return false;
        unsigned x = hex4(p);
        p += 4;
        if (x >= 0xDC00 && x <= 0xDFFF)
            return false;
        if (x >= 0xD800 && x <= 0xDBFF) {
            if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
                return false;
            unsigned low = hex4(p + 2);
            if (low < 0xDC00 || low > 0xDFFF)
                return false;
            p += 6;
            x = 0x10000 + ((x - 0xD800) << 10) + (low - 0xDC00);
        }
        to += utf8_put(to, x);
    }
    *size = (size_t)(to - out);
    return true;
}

/* A string without its quotes. */
static tr_str inside(tr_str s)
{
    return s.size >= 2 ? tr_str_of(s.data + 1, s.size - 2) : tr_str_of("", 0);
}

bool tr_scan_text(tr_str value, tr_buf *out, tr_str *plain)
{
    tr_str s = inside(value);
    if (plain)
        *plain = tr_str_of(NULL, 0);
    if (!s.size || !memchr(s.data, '\\', s.size)) {
        if (plain)
            *plain = s;
        else
            tr_buf_add_str(out, s);
        return plain || !out->failed;
    }
    size_t size;
    if (out->failed || !tr_buf_reserve(out, s.size))
        return false;
    if (!unescape(s, out->data + out->size, &size))
        return false;
    out->size += size;
    return true;
}

bool tr_scan_member_text(const tr_scan_member *m, tr_buf *buf, tr_str *out)
{
    *out = m->value;
    if (m->type != TR_SCAN_STRING)
        return true;
    tr_str plain;
    tr_buf_clear(buf);
    if (!tr_scan_text(m->value, buf, &plain))
        return false;
    *out = plain.data ? plain : tr_buf_str(buf);
    if (!out->data)
        out->data = ""; /* there, though empty */
    return true;
}

/* ---- a line ---- */

static bool same(const char *known, tr_str key)
{
    size_t i = 0;
    while (i < key.size && known[i] && known[i] == key.data[i])
        i++;
    return i == key.size && !known[i];
}

static int find_known(tr_str key, const char *const *known, size_t n_known)
{
    char first = '\0';
    if (key.size)
        first = key.data[0];
    for (size_t i = 0; i < n_known; i++) {
        if (known[i] && known[i][0] == first && same(known[i], key))
            return (int)i;
    }
    return -1;
}

/* Index of a key as written (with quotes), -1 where it is unknown; false when memory is out. */
static bool identify(tr_scan *s, tr_str written, bool escaped, const char *const *known,
                     size_t n_known, int *index)
{
    tr_str name = inside(written);
    *index = -1;
    if (escaped) {
        size_t size;
        if (!tr_mem_reserve((void **)&s->scratch, &s->scratch_capacity, name.size, 1))
            return false;
        if (!unescape(name, s->scratch, &size))
            return true; /* a lone surrogate: no key that we know */
        name = tr_str_of(s->scratch, size);
    }
    /* Lines of one log mostly have the same keys in the same places. */
    int guess = s->n < s->before ? s->members[s->n].known : -1;
    if (guess >= 0 && (size_t)guess < n_known && known[guess] && same(known[guess], name))
        *index = guess;
    else
        *index = find_known(name, known, n_known);
    return true;
}

static tr_scan_type type_of(unsigned char first)
{
    switch (first) {
    case '"': return TR_SCAN_STRING;
    case '{': return TR_SCAN_OBJECT;
    case '[': return TR_SCAN_ARRAY;
    case 'n': return TR_SCAN_NULL;
    case 't':
    case 'f': return TR_SCAN_BOOL;
    default: return TR_SCAN_NUMBER;
    }
}

/* One member, its key's first byte (or blanks) ahead. */
static tr_code member(tr_scan *s, cursor *c, const char *const *known, size_t n_known, tr_err *err)
{
    bool escaped = false;
    skip_blanks(c);
    const unsigned char *start = c->at;
    if (!key(c, &escaped))
        return refuse(c, err);
    tr_scan_member m;
    m.key = tr_str_of((const char *)start, (size_t)(c->at - start));
    if (!colon(c))
        return refuse(c, err);
    skip_blanks(c);
    start = c->at;
    if (!value(c, 1))
        return refuse(c, err);
    m.value = tr_str_of((const char *)start, (size_t)(c->at - start));
    m.type = type_of(*start);
    if (!identify(s, m.key, escaped, known, n_known, &m.known))
        return tr_err_memory(err);
    if (m.known >= 0 && tr_scan_find(s, m.known))
        return tr_err_set(err, TR_DATA, "the key \"%s\" occurs twice", known[m.known]);
    if (s->n == s->capacity &&
        !tr_mem_reserve((void **)&s->members, &s->capacity, s->n + 1, sizeof *s->members))
        return tr_err_memory(err);
    s->members[s->n++] = m;
    return TR_OK;
}

tr_code tr_scan_line(tr_scan *s, tr_str line, const char *const *known, size_t n_known, tr_err *err)
{
    cursor c = cursor_of(line);
    s->before = known == s->table ? s->n : 0;
    s->table = known;
    s->n = 0;
    skip_blanks(&c);
    if (c.at == c.end)
        return tr_err_set(err, TR_DATA, "empty line, expected a JSON object");
    if (*c.at != '{') {
        c.reason = "not a JSON object";
        return refuse(&c, err);
    }
    c.at++;
    skip_blanks(&c);
    if (!here(&c, '}')) {
        for (;;) {
            tr_code code = member(s, &c, known, n_known, err);
            if (code != TR_OK)
                return code;
            skip_blanks(&c);
            if (!here(&c, ','))
                break;
            c.at++;
        }
    }
    if (!here(&c, '}')) {
        c.reason = "expected ',' or '}' after a member";
        return refuse(&c, err);
    }
    c.at++;
    skip_blanks(&c);
    if (c.at < c.end) {
        c.reason = "more text behind the object";
        return refuse(&c, err);
    }
    return TR_OK;
}

const tr_scan_member *tr_scan_find(const tr_scan *s, int known)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->members[i].known == known)
            return &s->members[i];
    return NULL;
}

void tr_scan_free(tr_scan *s)
{
    free(s->members);
    free(s->scratch);
    *s = (tr_scan){0};
}
