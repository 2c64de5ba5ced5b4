#include "features/words.h"

#include <stdlib.h>
#include <utf8proc.h>

enum { PIECE = 256 }; /* bytes that are folded at once */
enum { APOSTROPHE = '\'', TYPOGRAPHIC_APOSTROPHE = 0x2019 };

static const uint64_t START = 0x9ae16a3b2f90404fu;

/* What a code point is to the tokenizer. */
typedef enum { SEPARATOR = 0, IN_WORD = 1, WORD_ALONE } kind;

static kind kind_of(int32_t c)
{
    if (c < 128)
        return (kind)(((uint32_t)(c | 32) - 'a' < 26) | ((uint32_t)c - '0' < 10)); /* no branch */
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_LO: return utf8proc_charwidth(c) == 2 ? WORD_ALONE : IN_WORD;
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO: return IN_WORD;
    case UTF8PROC_CATEGORY_SO: return WORD_ALONE;
    default: return SEPARATOR;
    }
}

/* Whether the character at p neither joins nor changes places with what stands before it. */
static bool is_boundary(const utf8proc_uint8_t *p, size_t left)
{
    utf8proc_int32_t c;
    if (*p < 128)
        return true;
    if (utf8proc_iterate(p, (utf8proc_ssize_t)left, &c) < 1 || (c >= 0x1160 && c <= 0x11ff))
        return false; /* jamo join the syllable before them */
    const utf8proc_property_t *of = utf8proc_get_property(c);
    switch (of->category) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME: return false;
    default: return !of->ignorable && of->decomp_seqindex == UINT16_MAX;
    }
}

/* The end of the piece of `text` that begins at `at`. A run of marks is cut wherever it gets too
 * long: to put them in order takes quadratic time. */
static size_t piece_end(tr_str text, size_t at)
{
    const utf8proc_uint8_t *bytes = (const utf8proc_uint8_t *)text.data;
    if (text.size - at <= PIECE)
        return text.size;
    size_t end = at + PIECE;
    for (size_t k = end; k > at; k--)
        if ((bytes[k] & 0xc0) != 0x80 && is_boundary(bytes + k, text.size - k))
            return k;
    while (end > at + 1 && (bytes[end] & 0xc0) == 0x80)
        end--;
    return end;
}

/* Folded code points of `text` into w->point (with room for two more); their number, or -1. */
static ptrdiff_t fold(tr_words *w, tr_str text)
{
    if (!tr_mem_reserve((void **)&w->point, &w->point_capacity, text.size + 2, sizeof *w->point))
        return -1;
    size_t i = 0;
    for (; i < text.size && (unsigned char)text.data[i] < 128; i++) {
        unsigned char c = (unsigned char)text.data[i];
        w->point[i] = c >= 'A' && c <= 'Z' ? c + 32 : c;
    }
    if (i == text.size)
        return (ptrdiff_t)i;
    const utf8proc_option_t how = UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_COMPOSE |
                                  UTF8PROC_CASEFOLD | UTF8PROC_IGNORE;
    const utf8proc_uint8_t *bytes = (const utf8proc_uint8_t *)text.data;
    size_t n = 0;
    for (size_t at = 0, end; at < text.size;) {
        end = piece_end(text, at);
        size_t room = w->point_capacity - n - 2;
        utf8proc_ssize_t size = utf8proc_decompose(bytes + at, (utf8proc_ssize_t)(end - at),
                                                   w->point + n, (utf8proc_ssize_t)room, how);
        if (size < 0) /* no UTF-8: the doors let none in, so this is only a net */
            return 0;
        if ((size_t)size > room) {
            if (!tr_mem_reserve((void **)&w->point, &w->point_capacity, n + (size_t)size + 2,
                                sizeof *w->point))
                return -1;
            continue;
        }
        size = utf8proc_normalize_utf32(w->point + n, size, how);
        if (size < 0)
            return 0;
        n += (size_t)size;
        at = end;
    }
    return (ptrdiff_t)n;
}

/* Drops apostrophes between letters, so that runs are words. */
static size_t drop_apostrophes(int32_t *p, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (!((p[i] == APOSTROPHE || p[i] == TYPOGRAPHIC_APOSTROPHE) && kept > 0 && i + 1 < n &&
              kind_of(p[kept - 1]) == IN_WORD && kind_of(p[i + 1]) == IN_WORD))
            p[kept++] = p[i];
    return kept;
}

bool tr_words_split(tr_words *w, tr_str text)
{
    w->n = w->n_points = 0;
    ptrdiff_t folded = fold(w, text);
    if (folded < 0 || (uint64_t)folded > UINT32_MAX)
        return false;
    const int32_t *p = w->point;
    size_t n = w->n_points = drop_apostrophes(w->point, (size_t)folded);
    /* a word has a code point at least */
    if (!tr_mem_reserve((void **)&w->word, &w->word_capacity, n, sizeof *w->word))
        return false;
    bool opens = true;
    for (size_t i = 0; i < n;) {
        size_t begin = i;
        kind of = kind_of(p[i++]);
        if (of == SEPARATOR) {
            opens = true;
            continue;
        }
        while (of == IN_WORD && i < n && kind_of(p[i]) == IN_WORD)
            i++;
        w->word[w->n++] = (tr_word){(uint32_t)begin, (uint32_t)i, opens};
        opens = false;
    }
    return true;
}

void tr_words_spell(const tr_words *w, size_t i, tr_buf *out)
{
    for (uint32_t k = w->word[i].begin; k < w->word[i].end; k++) {
        utf8proc_uint8_t bytes[4];
        tr_buf_add(out, bytes, (size_t)utf8proc_encode_char(w->point[k], bytes));
    }
}

uint64_t tr_words_hash(const tr_words *w, size_t i)
{
    uint64_t h = START;
    for (uint32_t k = w->word[i].begin; k < w->word[i].end; k++)
        h = tr_words_step(h, (uint64_t)w->point[k]);
    return tr_words_mix(h);
}

void tr_words_free(tr_words *w)
{
    free(w->point);
    free(w->word);
    *w = (tr_words){0};
}
