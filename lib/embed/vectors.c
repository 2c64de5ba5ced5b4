#include "embed/vectors.h"

#include "doors/scan.h"
#include "ground/num.h"
#include "maths/real.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A word of the file. */
typedef struct {
    uint64_t hash; /* of the word, folded: what it is known by */
    size_t at;     /* where its numbers begin */
    float *row;    /* these, once they were read */
    uint64_t rank; /* its row, from 1 */
} entry;

struct tr_vectors {
    tr_str bytes;
    const char *name;
    tr_vectors_about about;
    double harmonic; /* 1 + 1/2 + ... + 1/rows */
    entry *word;
    size_t capacity;
    uint32_t *table; /* open addressing: 1 + the index of a word, or 0 */
    size_t slots;    /* a power of two */
    tr_arena rows;
    tr_words split;
    double *sum; /* dimensions */
};

/* ---- a line ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static const char *after_blanks(const char *p, const char *end)
{
    while (p < end && is_blank(*p))
        p++;
    return p;
}

static const char *after_token(const char *p, const char *end)
{
    while (p < end && !is_blank(*p))
        p++;
    return p;
}

/* The line that begins at `at`, less its newline and a '\r' before it; *after is where the next one
 * begins, or NULL where there is no newline. */
static tr_str line_at(tr_str bytes, size_t at, const char **after)
{
    const char *start = bytes.data + at, *end = bytes.data + bytes.size;
    const char *newline = memchr(start, '\n', (size_t)(end - start));
    *after = newline ? newline + 1 : NULL;
    if (newline)
        end = newline;
    if (end > start && end[-1] == '\r')
        end--;
    return tr_str_of(start, (size_t)(end - start));
}

static size_t count_tokens(tr_str line)
{
    const char *p = line.data, *end = line.data + line.size;
    size_t n = 0;
    while ((p = after_blanks(p, end)) < end) {
        p = after_token(p, end);
        n++;
    }
    return n;
}

/* Token i of a line that has more than that. */
static tr_str token(tr_str line, size_t i)
{
    const char *end = line.data + line.size, *p = after_blanks(line.data, end);
    while (i-- > 0)
        p = after_blanks(after_token(p, end), end);
    return tr_str_of(p, (size_t)(after_token(p, end) - p));
}

static bool read_number(tr_str s, float *out)
{
    double x;
    if (!tr_num_parse_double(s, &x) || !(fabs(x) < 0x1.ffffffp+127))
        return false;
    *out = (float)x;
    return true;
}

/* The number at p as nearly all are written, -12.3456, at most 15 digits: whole digits and a power
 * of ten that are exact as doubles, so that one division rounds as read_number would. The byte
 * behind it; or NULL where it is not of that kind, or not followed by a blank. `end` can be read.
 */
static const char *read_plain(const char *p, const char *end, float *out)
{
    static const double ten[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    bool negative = *p == '-';
    const char *whole = p += negative, *point = NULL;
    uint64_t digits = 0;
    unsigned digit;
    for (; (digit = (unsigned char)*p - (unsigned)'0') < 10; p++)
        digits = digits * 10 + digit;
    ptrdiff_t before = p - whole;
    if (before < 1 || (before > 1 && *whole == '0'))
        return NULL;
    if (*p == '.') {
        for (point = ++p; (digit = (unsigned char)*p - (unsigned)'0') < 10; p++)
            digits = digits * 10 + digit;
    }
    ptrdiff_t behind = point ? p - point : 0;
    if (before + behind > 15 || (point && behind == 0) || (p < end && !is_blank(*p)))
        return NULL;
    double x = (double)digits / ten[behind];
    *out = (float)(negative ? -x : x);
    return p;
}

/* Exactly n numbers from p to the end of the line, where a newline can be read. */
static bool read_numbers(const char *p, const char *end, uint32_t n, float *out)
{
    for (uint32_t i = 0; i < n; i++) {
        const char *start = p = after_blanks(p, end), *plain = read_plain(p, end, &out[i]);
        p = plain ? plain : after_token(p, end);
        if (!plain && !read_number(tr_str_of(start, (size_t)(p - start)), &out[i]))
            return false;
    }
    return after_blanks(p, end) == end;
}

/* ---- the index ---- */

static uint32_t *find(const tr_vectors *v, uint64_t hash)
{
    size_t i = hash & (v->slots - 1);
    while (v->table[i] && v->word[v->table[i] - 1].hash != hash)
        i = (i + 1) & (v->slots - 1);
    return &v->table[i];
}

/* Room for one word more; at most half of the slots are taken. */
static bool grow(tr_vectors *v)
{
    size_t n = (size_t)v->about.words;
    if (!tr_mem_reserve((void **)&v->word, &v->capacity, n + 1, sizeof *v->word))
        return false;
    if (2 * (n + 1) <= v->slots)
        return true;
    size_t slots = v->slots ? 2 * v->slots : 1024;
    uint32_t *table = tr_mem_zero(slots, sizeof *table);
    if (!table)
        return false;
    free(v->table);
    v->table = table;
    v->slots = slots;
    for (size_t i = 0; i < n; i++)
        *find(v, v->word[i].hash) = (uint32_t)i + 1;
    return true;
}

/* Whether the word, folded, is one word and nothing else. */
static bool is_one_word(const tr_words *w)
{
    return w->n == 1 && w->word[0].begin == 0 && w->word[0].end == w->n_points;
}

static tr_code add(tr_vectors *v, tr_str word, size_t at, tr_err *err)
{
    tr_vectors_about *a = &v->about;
    if (word.size > TR_VECTORS_LONGEST_WORD) {
        a->odd++;
        return TR_OK;
    }
    if (!tr_words_split(&v->split, word) || !grow(v))
        return tr_err_memory(err);
    if (!is_one_word(&v->split)) {
        a->odd++;
        return TR_OK;
    }
    uint64_t hash = tr_words_hash(&v->split, 0);
    uint32_t *slot = find(v, hash);
    if (*slot) {
        a->doubled++;
        return TR_OK;
    }
    v->word[a->words++] = (entry){.hash = hash, .at = at, .rank = a->rows};
    *slot = (uint32_t)a->words;
    return TR_OK;
}

/* ---- the file ---- */

/* What is wrong with a row that is no word and d numbers; TR_OK where the word has blanks in it. */
static tr_code explain(const tr_vectors *v, tr_str line, uint64_t number, tr_err *err)
{
    size_t n = count_tokens(line), d = v->about.dimensions;
    float x;
    if (n == 0)
        return tr_err_at(err, v->name, number, "is empty");
    if (n < d + 1)
        return tr_err_at(err, v->name, number, "has %zu numbers behind its word, not %zu", n - 1,
                         d);
    if (n > d + 1 && read_number(token(line, n - d - 1), &x))
        return tr_err_at(err, v->name, number, "has more than %zu numbers behind its word", d);
    const char *p = token(line, n - d).data, *end = line.data + line.size;
    for (size_t i = 1; i <= d; i++) {
        const char *start = p;
        tr_str s = tr_str_of(start, (size_t)((p = after_token(p, end)) - start));
        p = after_blanks(p, end);
        if (read_number(s, &x))
            continue;
        s = tr_scan_cut(s, 24);
        return tr_err_at(err, v->name, number,
                         "number %zu, \"%.*s\", is no finite number that a float holds", i,
                         (int)s.size, s.data);
    }
    return TR_OK;
}

static tr_code read_row(tr_vectors *v, tr_str line, uint64_t number, float *scratch, tr_err *err)
{
    const char *end = line.data + line.size, *after = after_token(line.data, end);
    if (after == line.data || !read_numbers(after, end, v->about.dimensions, scratch)) {
        v->about.odd++; /* a word with blanks, or of them, if it is not an error */
        return explain(v, line, number, err);
    }
    return add(v, tr_str_of(line.data, (size_t)(after - line.data)),
               (size_t)(after - v->bytes.data), err);
}

static bool begins(tr_str bytes, const char *with, size_t size)
{
    return bytes.size >= size && memcmp(bytes.data, with, size) == 0;
}

/* The first line: *rows is what it says, or UINT64_MAX where it is a row already. */
static tr_code read_head(tr_vectors *v, tr_str line, uint64_t *rows, tr_err *err)
{
    size_t n = count_tokens(line);
    uint64_t d = n - 1;
    *rows = UINT64_MAX;
    if (n == 2 && tr_num_parse_u64(token(line, 0), rows) && !tr_num_parse_u64(token(line, 1), &d))
        *rows = UINT64_MAX;
    if (n < 2 || d < 1 || d > TR_VECTORS_MOST)
        return tr_err_at(err, v->name, 1,
                         "is neither \"words numbers\" nor a word and 1 to 16,384 numbers");
    v->about.dimensions = (uint32_t)d;
    return TR_OK;
}

static tr_code read_rows(tr_vectors *v, size_t at, tr_err *err)
{
    const char *after;
    uint64_t number = 1, rows;
    tr_str line = line_at(v->bytes, at, &after);
    tr_code code = read_head(v, line, &rows, err);
    if (code != TR_OK)
        return code;
    float *scratch = tr_mem_array(v->about.dimensions, sizeof *scratch);
    v->sum = tr_mem_array(v->about.dimensions, sizeof *v->sum);
    if (!scratch || !v->sum)
        code = tr_err_memory(err);
    if (rows == UINT64_MAX)
        number = 0; /* read it again, as a row */
    else
        at = after ? (size_t)(after - v->bytes.data) : v->bytes.size;
    while (code == TR_OK && at < v->bytes.size) {
        line = line_at(v->bytes, at, &after);
        number++;
        v->about.rows++;
        if (!after)
            code = tr_err_at(err, v->name, number, "is cut off: no newline ends it");
        else if (v->about.rows == UINT32_MAX)
            code = tr_err_at(err, v->name, number, "is a row too many: 4,294,967,294 are the most");
        else
            code = read_row(v, line, number, scratch, err);
        at = after ? (size_t)(after - v->bytes.data) : at;
    }
    free(scratch);
    if (code == TR_OK && rows != UINT64_MAX && rows != v->about.rows)
        return tr_err_at(err, v->name, 0, "has %llu rows, but its first line says %llu",
                         (unsigned long long)v->about.rows, (unsigned long long)rows);
    return code;
}

static tr_code read_file(tr_vectors *v, tr_err *err)
{
    if (v->bytes.size == 0)
        return tr_err_at(err, v->name, 0, "is empty");
    if (begins(v->bytes, "\x1f\x8b", 2))
        return tr_err_at(err, v->name, 0, "is compressed; unpack it with gunzip");
    if (begins(v->bytes, "\xba\x16\x4f\x2f", 4))
        return tr_err_at(err, v->name, 0,
                         "is a model of fastText; give the .vec that is beside it");
    tr_code code = read_rows(v, begins(v->bytes, "\xef\xbb\xbf", 3) ? 3 : 0, err);
    if (code == TR_OK && v->about.words == 0)
        return tr_err_at(err, v->name, 0, "has no word that a text can have");
    for (uint64_t i = 1; i <= v->about.rows; i++)
        v->harmonic += 1.0 / (double)i;
    return code;
}

tr_vectors *tr_vectors_open(tr_str bytes, const char *name, tr_err *err)
{
    tr_vectors *v = tr_mem_zero(1, sizeof *v);
    if (!v) {
        tr_err_memory(err);
        return NULL;
    }
    v->bytes = bytes;
    v->name = name;
    tr_arena_init(&v->rows);
    if (read_file(v, err) == TR_OK)
        return v;
    tr_vectors_close(v);
    return NULL;
}

void tr_vectors_close(tr_vectors *v)
{
    if (!v)
        return;
    free(v->word);
    free(v->table);
    free(v->sum);
    tr_arena_free(&v->rows);
    tr_words_free(&v->split);
    free(v);
}

tr_vectors_about tr_vectors_tell(const tr_vectors *v)
{
    return v->about;
}

/* ---- texts ---- */

/* The numbers of a word. They were checked, but the file may not be what it was. */
static tr_code row_of(tr_vectors *v, entry *e, tr_err *err)
{
    uint32_t d = v->about.dimensions;
    const char *after;
    if (e->row)
        return TR_OK;
    float *row = tr_arena_alloc(&v->rows, d, sizeof *row);
    if (!row)
        return tr_err_memory(err);
    tr_str line = line_at(v->bytes, e->at, &after);
    if (!after || !read_numbers(line.data, line.data + line.size, d, row))
        return tr_err_at(err, v->name, 0, "was changed while it was in use");
    e->row = row;
    return TR_OK;
}

static tr_code add_word(tr_vectors *v, entry *e, tr_err *err)
{
    tr_code code = row_of(v, e, err);
    if (code != TR_OK)
        return code;
    /* Zipf: p = 1 / (rank * harmonic); 1 more, so that the only word of a file has a weight, too */
    double weight = tr_real_log(1 + (double)e->rank * v->harmonic);
    for (uint32_t k = 0; k < v->about.dimensions; k++)
        v->sum[k] += weight * (double)e->row[k];
    return TR_OK;
}

tr_code tr_vectors_embed(tr_vectors *v, tr_str text, float *out, size_t *known, tr_err *err)
{
    uint32_t d = v->about.dimensions;
    double square = 0;
    *known = 0;
    if (!tr_words_split(&v->split, text))
        return tr_err_memory(err);
    memset(v->sum, 0, d * sizeof *v->sum);
    for (size_t i = 0; i < v->split.n; i++) {
        uint32_t slot = *find(v, tr_words_hash(&v->split, i));
        if (!slot)
            continue;
        tr_code code = add_word(v, &v->word[slot - 1], err);
        if (code != TR_OK)
            return code;
        ++*known;
    }
    for (uint32_t k = 0; k < d; k++)
        square += v->sum[k] * v->sum[k];
    double by = square > 0 ? 1 / sqrt(square) : 0;
    for (uint32_t k = 0; k < d; k++)
        out[k] = (float)(v->sum[k] * by);
    return TR_OK;
}

bool tr_vectors_spell(tr_words *w, tr_str text, tr_buf *out)
{
    if (!tr_words_split(w, text))
        return false;
    for (size_t i = 0; i < w->n; i++) {
        if (i)
            tr_buf_add_char(out, ' ');
        tr_words_spell(w, i, out);
    }
    return !out->failed;
}
