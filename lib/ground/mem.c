#include "ground/mem.h"

#include <stdlib.h>
#include <string.h>

/* ---- strings ---- */

tr_str tr_str_c(const char *text)
{
    return text ? (tr_str){text, strlen(text)} : (tr_str){"", 0};
}

bool tr_str_equal(tr_str a, tr_str b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

int tr_str_compare(tr_str a, tr_str b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common ? memcmp(a.data, b.data, common) : 0;
    if (order)
        return order;
    return (a.size > b.size) - (a.size < b.size);
}

/* ---- checked arrays ---- */

bool tr_mem_multiply(size_t a, size_t b, size_t *product)
{
    return !__builtin_mul_overflow(a, b, product);
}

/* n·size as malloc wants it: never 0, and never beyond what a pointer difference can hold. */
static bool array_bytes(size_t n, size_t size, size_t *bytes)
{
    if (!tr_mem_multiply(n, size, bytes) || *bytes > PTRDIFF_MAX)
        return false;
    if (*bytes == 0)
        *bytes = 1;
    return true;
}

void *tr_mem_array(size_t n, size_t size)
{
    size_t bytes;
    return array_bytes(n, size, &bytes) ? malloc(bytes) : NULL;
}

void *tr_mem_zero(size_t n, size_t size)
{
    size_t bytes;
    return array_bytes(n, size, &bytes) ? calloc(1, bytes) : NULL;
}

void *tr_mem_more(void *old, size_t n, size_t size)
{
    size_t bytes;
    return array_bytes(n, size, &bytes) ? realloc(old, bytes) : NULL;
}

bool tr_mem_reserve(void **array, size_t *capacity, size_t need, size_t size)
{
    if (need <= *capacity && *array)
        return true;
    size_t least = size && size < 64 ? 64 / size : 1;
    size_t wanted = *capacity <= SIZE_MAX / 2 ? *capacity * 2 : need;
    if (wanted < least)
        wanted = least;
    if (wanted < need)
        wanted = need;
    void *grown = tr_mem_more(*array, wanted, size);
    /* Doubling asked for too much: an eighth more may fit, or the need alone. Not byte by byte,
     * since each step may copy everything. */
    size_t eighth = *capacity / 8;
    if (!grown && need < *capacity + eighth) {
        wanted = *capacity + eighth;
        grown = tr_mem_more(*array, wanted, size);
    } else if (!grown && wanted > need) {
        wanted = need;
        grown = tr_mem_more(*array, wanted, size);
    }
    if (!grown)
        return false;
    *array = grown;
    *capacity = wanted;
    return true;
}

/* ---- arena ---- */

enum { ARENA_ALIGN = 16, ARENA_FIRST = 1 << 14, ARENA_LARGEST = 1 << 22 };

struct tr_arena_block {
    tr_arena_block *next;
    size_t size; /* of the data */
    _Alignas(ARENA_ALIGN) char data[];
};

void tr_arena_init(tr_arena *a)
{
    *a = (tr_arena){0};
}

static tr_arena_block *block_new(size_t size)
{
    if (size > PTRDIFF_MAX - sizeof(tr_arena_block))
        return NULL;
    tr_arena_block *b = malloc(sizeof *b + size);
    if (b) {
        b->next = NULL;
        b->size = size;
    }
    return b;
}

/* a->blocks is the block being filled, a->used bytes of it; full ones hang behind it. */
void *tr_arena_alloc(tr_arena *a, size_t n, size_t size)
{
    size_t bytes;
    if (!array_bytes(n, size, &bytes))
        return NULL;
    bytes = (bytes + (ARENA_ALIGN - 1)) & ~(size_t)(ARENA_ALIGN - 1);
    if (a->blocks && bytes <= a->blocks->size - a->used) {
        void *p = a->blocks->data + a->used;
        a->used += bytes;
        return p;
    }
    if (a->block_size == 0)
        a->block_size = ARENA_FIRST;
    /* A large piece gets a block of its own, so that the rest of the current one is kept. */
    if (a->blocks && bytes > a->block_size / 4) {
        tr_arena_block *own = block_new(bytes);
        if (!own)
            return NULL;
        own->next = a->blocks->next;
        a->blocks->next = own;
        return own->data;
    }
    tr_arena_block *b = block_new(bytes > a->block_size ? bytes : a->block_size);
    if (!b)
        return NULL;
    if (a->block_size < ARENA_LARGEST)
        a->block_size *= 2;
    b->next = a->blocks;
    a->blocks = b;
    a->used = bytes;
    return b->data;
}

tr_str tr_arena_copy(tr_arena *a, tr_str s, bool *ok)
{
    char *copy = s.size < SIZE_MAX ? tr_arena_alloc(a, s.size + 1, 1) : NULL;
    *ok = copy != NULL;
    if (!copy)
        return (tr_str){"", 0};
    if (s.size)
        memcpy(copy, s.data, s.size);
    copy[s.size] = '\0';
    return (tr_str){copy, s.size};
}

void tr_arena_reset(tr_arena *a)
{
    tr_arena_block *kept = NULL;
    for (tr_arena_block *b = a->blocks, *next; b; b = next) {
        next = b->next;
        if (!kept) {
            kept = b;
        } else if (b->size > kept->size) {
            free(kept);
            kept = b;
        } else {
            free(b);
        }
    }
    if (kept)
        kept->next = NULL;
    a->blocks = kept;
    a->used = 0;
}

void tr_arena_free(tr_arena *a)
{
    for (tr_arena_block *b = a->blocks, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    *a = (tr_arena){0};
}

/* ---- growable bytes ---- */

void tr_buf_init(tr_buf *b)
{
    *b = (tr_buf){0};
}

bool tr_buf_reserve(tr_buf *b, size_t extra)
{
    if (b->failed)
        return false;
    if (b->data && extra <= b->capacity - b->size)
        return true;
    size_t need;
    void *data = b->data;
    if (__builtin_add_overflow(b->size, extra, &need) ||
        !tr_mem_reserve(&data, &b->capacity, need, 1)) {
        b->failed = true;
        return false;
    }
    b->data = data;
    return true;
}

void tr_buf_add(tr_buf *b, const void *data, size_t size)
{
    if (size == 0 || !tr_buf_reserve(b, size))
        return;
    memcpy(b->data + b->size, data, size);
    b->size += size;
}

void tr_buf_add_str(tr_buf *b, tr_str s)
{
    tr_buf_add(b, s.data, s.size);
}

void tr_buf_add_c(tr_buf *b, const char *text)
{
    tr_buf_add_str(b, tr_str_c(text));
}

void tr_buf_add_char(tr_buf *b, char c)
{
    if (!tr_buf_reserve(b, 1))
        return;
    b->data[b->size++] = c;
}

void tr_buf_add_zero(tr_buf *b, size_t size)
{
    if (size == 0 || !tr_buf_reserve(b, size))
        return;
    memset(b->data + b->size, 0, size);
    b->size += size;
}

void tr_buf_clear(tr_buf *b)
{
    b->size = 0;
    b->failed = false;
}

void tr_buf_free(tr_buf *b)
{
    free(b->data);
    *b = (tr_buf){0};
}

tr_str tr_buf_str(const tr_buf *b)
{
    return b->data ? (tr_str){b->data, b->size} : (tr_str){"", 0};
}
