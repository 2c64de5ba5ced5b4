/* mem: memory whose sizes cannot overflow.
 *
 * Three shapes: checked arrays (malloc with multiplication checked), an arena that is freed whole,
 * and a growable byte buffer. Every function that can run out returns NULL or false. */
#ifndef TR_MEM_H
#define TR_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A run of bytes that somebody else owns; text need not be NUL-terminated. */
typedef struct {
    const char *data;
    size_t size;
} tr_str;

static inline tr_str tr_str_of(const char *data, size_t size)
{
    return (tr_str){data, size};
}
tr_str tr_str_c(const char *text); /* strlen of a C string; {"",0} for NULL */
bool tr_str_equal(tr_str a, tr_str b);
int tr_str_compare(tr_str a, tr_str b); /* byte order; a shorter prefix comes first */

/* n·size bytes, NULL on overflow or when memory is out; n·size = 0 gives a valid pointer. Free
 * with free(). `zero` clears them; `more` is realloc of an array (on failure the old one stays). */
void *tr_mem_array(size_t n, size_t size) __attribute__((malloc));
void *tr_mem_zero(size_t n, size_t size) __attribute__((malloc));
void *tr_mem_more(void *old, size_t n, size_t size);
bool tr_mem_multiply(size_t a, size_t b, size_t *product); /* false on overflow */

/* Grows *array (elements of `size` bytes, *capacity of them) to hold at least `need`, doubling.
 * False when memory is out; the array is unchanged then. */
bool tr_mem_reserve(void **array, size_t *capacity, size_t need, size_t size);

/* Arena: allocations live until reset or free. 16-byte aligned. Zero-initialise or use init. */
typedef struct tr_arena_block tr_arena_block;
typedef struct {
    tr_arena_block *blocks;
    size_t used, block_size;
} tr_arena;

void tr_arena_init(tr_arena *a);
void *tr_arena_alloc(tr_arena *a, size_t n, size_t size); /* not cleared; NULL when out */
/* A copy, NUL-terminated beyond its size. *ok says whether there was memory for it; without, the
 * copy is "". */
tr_str tr_arena_copy(tr_arena *a, tr_str s, bool *ok);
void tr_arena_reset(tr_arena *a); /* keeps one block for reuse */
void tr_arena_free(tr_arena *a);

/* Growable bytes. After a failed append `failed` stays set and further appends do nothing, so that
 * a run of appends needs one check at its end. */
typedef struct {
    char *data;
    size_t size, capacity;
    bool failed;
} tr_buf;

void tr_buf_init(tr_buf *b);
void tr_buf_add(tr_buf *b, const void *data, size_t size);
void tr_buf_add_str(tr_buf *b, tr_str s);
void tr_buf_add_c(tr_buf *b, const char *text);
void tr_buf_add_char(tr_buf *b, char c);
void tr_buf_add_zero(tr_buf *b, size_t size); /* `size` zero bytes */
bool tr_buf_reserve(tr_buf *b, size_t extra); /* room for `extra` more bytes */
void tr_buf_clear(tr_buf *b);                 /* empties, keeps the memory, clears `failed` */
void tr_buf_free(tr_buf *b);
tr_str tr_buf_str(const tr_buf *b); /* borrowed; valid until the next append */

#endif
