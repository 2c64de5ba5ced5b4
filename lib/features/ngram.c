#include "features/ngram.h"

#include <stdlib.h>
#include <utf8proc.h>

enum { PIECE = 256 }; /* bytes that are folded at once */
enum { SHORTEST = 2, LONGEST = 5, APOSTROPHE = '\'', TYPOGRAPHIC_APOSTROPHE = 0x2019 };

/* Different starts keep the kinds of gram apart. */
static const uint64_t WORD_START = 0x9ae16a3b2f90404fu, PAIR_START = 0xc3a5c85c97cb3127u,
                      CHAR_START = 0xb492b66fbe98f273u;

static inline uint64_t mix(uint64_t h)
{ /* murmur3's finalizer */
    h ^= h >> 33;
    h *= 0xff51afd7ed558ccdu;
    h ^= h >> 33;
    h *= 0xc4ceb9fe1a85ec53u;
    return h ^ h >> 33;
}

static inline uint64_t step(uint64_t h, uint64_t x)
{
    h = (h ^ x) * 0x9e3779b97f4a7c15u;
    return h ^ h >> 29;
}

/* What a code point is to the tokenizer. */
typedef enum { SEPARATOR, IN_WORD, WORD_ALONE } kind;

static kind kind_of(int32_t c)
{
    if (c < 128)
        return ((c | 32) >= 'a' && (c | 32) <= 'z') || (c >= '0' && c <= '9') ? IN_WORD : SEPARATOR;
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

/* Folded code points of `text` into g->point (with room for two more); their number, or -1. */
static ptrdiff_t fold(tr_ngrams *g, tr_str text)
{
    if (!tr_mem_reserve((void **)&g->point, &g->point_capacity, text.size + 2, sizeof *g->point))
        return -1;
    size_t i = 0;
    for (; i < text.size && (unsigned char)text.data[i] < 128; i++) {
        unsigned char c = (unsigned char)text.data[i];
        g->point[i] = c >= 'A' && c <= 'Z' ? c + 32 : c;
    }
    if (i == text.size)
        return (ptrdiff_t)i;
    const utf8proc_option_t how = UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_COMPOSE |
                                  UTF8PROC_CASEFOLD | UTF8PROC_IGNORE;
    const utf8proc_uint8_t *bytes = (const utf8proc_uint8_t *)text.data;
    size_t n = 0;
    for (size_t at = 0, end; at < text.size;) {
        end = piece_end(text, at);
        size_t room = g->point_capacity - n - 2;
        utf8proc_ssize_t size = utf8proc_decompose(bytes + at, (utf8proc_ssize_t)(end - at),
                                                   g->point + n, (utf8proc_ssize_t)room, how);
        if (size < 0) /* no UTF-8: the doors let none in, so this is only a net */
            return 0;
        if ((size_t)size > room) {
            if (!tr_mem_reserve((void **)&g->point, &g->point_capacity, n + (size_t)size + 2,
                                sizeof *g->point))
                return -1;
            continue;
        }
        size = utf8proc_normalize_utf32(g->point + n, size, how);
        if (size < 0)
            return 0;
        n += (size_t)size;
        at = end;
    }
    return (ptrdiff_t)n;
}

/* One run of word characters, point[begin..end): its words. `last` is the word before it, 0 if
 * there is none; returns the new last word. */
static uint64_t add_words(tr_ngrams *g, const int32_t *p, size_t begin, size_t end, uint64_t last)
{
    for (size_t i = begin; i < end;) {
        uint64_t h = WORD_START;
        if (p[i] >= 128 && kind_of(p[i]) == WORD_ALONE) {
            h = step(h, (uint64_t)p[i++]);
        } else {
            while (i < end && (p[i] < 128 || kind_of(p[i]) == IN_WORD))
                h = step(h, (uint64_t)p[i++]);
        }
        h = mix(h);
        g->gram[g->n++] = h;
        if (last)
            g->gram[g->n++] = mix(step(step(PAIR_START, last), h));
        last = h;
    }
    return last;
}

static void add_chars(tr_ngrams *g, const int32_t *p, size_t begin, size_t end)
{
    /* the run with a blank at either end: positions begin-1 .. end */
    size_t length = end - begin + 2;
    for (size_t i = 0; i + SHORTEST <= length; i++) {
        uint64_t h = CHAR_START;
        size_t most = length - i < LONGEST ? length - i : LONGEST;
        for (size_t k = 0; k < most; k++) {
            size_t at = i + k;
            h = step(h, at == 0 || at == length - 1 ? ' ' : (uint64_t)p[begin + at - 1]);
            if (k + 1 >= SHORTEST)
                g->gram[g->n++] = mix(h);
        }
    }
}

bool tr_ngram_extract(tr_ngrams *g, tr_str text)
{
    g->n = g->n_words = 0;
    ptrdiff_t folded = fold(g, text);
    if (folded < 0)
        return false;
    size_t n = (size_t)folded;
    /* drop apostrophes between letters, so that runs are words */
    int32_t *p = g->point;
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (!((p[i] == APOSTROPHE || p[i] == TYPOGRAPHIC_APOSTROPHE) && kept > 0 && i + 1 < n &&
              kind_of(p[kept - 1]) == IN_WORD && kind_of(p[i + 1]) == IN_WORD))
            p[kept++] = p[i];
    n = kept;
    /* at most 2 word grams a character, and 4 character grams at each of at most 2n starts */
    size_t most;
    if (!tr_mem_multiply(n + 2, 10, &most) ||
        !tr_mem_reserve((void **)&g->gram, &g->capacity, most, sizeof *g->gram))
        return false;
    uint64_t last = 0;
    for (size_t i = 0; i < n;) {
        size_t begin = i;
        while (i < n && kind_of(p[i]) != SEPARATOR)
            i++;
        if (i > begin)
            last = add_words(g, p, begin, i, last);
        else
            i++;
    }
    g->n_words = g->n;
    for (size_t i = 0; i < n;) {
        size_t begin = i;
        while (i < n && kind_of(p[i]) != SEPARATOR)
            i++;
        if (i > begin)
            add_chars(g, p, begin, i);
        else
            i++;
    }
    return true;
}

void tr_ngram_free(tr_ngrams *g)
{
    free(g->gram);
    free(g->point);
    *g = (tr_ngrams){0};
}
