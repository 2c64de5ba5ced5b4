/* roll: names with something counted for each, in bounded memory.
 *
 * Of more names than there is room for, those of the least hashes stay, whatever the order in which
 * they come; so a name that stays was counted from its first row on, rolls of shards merge to the
 * roll of the whole, and what was not kept is the total less what was.
 *
 * Upstream: hash. Downstream: audit. */
#ifndef TR_ROLL_H
#define TR_ROLL_H

#include "ground/mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint32_t most;            /* names kept at most */
    size_t item_size;         /* bytes of what is counted for a name */
    void (*drop)(void *item); /* frees what an item owns; may be NULL */
    uint32_t n;
    bool crowded; /* names were left out */
    /* private */
    struct tr_roll_entry *entry;
    unsigned char *items;
    uint32_t *slot, n_slots, capacity;
    uint32_t *heap; /* the entries by hash, the greatest first */
} tr_roll;

void tr_roll_init(tr_roll *r, uint32_t most, size_t item_size, void (*drop)(void *item));
void tr_roll_free(tr_roll *r);

/* The item of a name, begun with zero bytes if it is new; *item = NULL where it is not kept. Items
 * move: a pointer is good until the next call. False when memory is out. */
bool tr_roll_find(tr_roll *r, tr_str name, void **item);
/* The same, but never begins one. */
void *tr_roll_look(const tr_roll *r, tr_str name);

/* Entry i < n, in no order worth anything. */
tr_str tr_roll_name(const tr_roll *r, uint32_t i);
void *tr_roll_item(const tr_roll *r, uint32_t i);
/* Indices by name, bytewise (n entries, malloced; the caller frees): the order of files. NULL when
 * memory is out. */
uint32_t *tr_roll_sorted(const tr_roll *r);

#endif
