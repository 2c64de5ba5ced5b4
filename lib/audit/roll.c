#include "audit/roll.h"

#include "ground/hash.h"

#include <stdlib.h>
#include <string.h>

/* Which names stay is a matter of this key: shards of one log must agree on it. */
static const tr_hash_key KEY = {'r', 'n'};

enum { NONE = UINT32_MAX };

struct tr_roll_entry {
    uint64_t hash;
    char *name;
    size_t size;
};

void tr_roll_init(tr_roll *r, uint32_t most, size_t item_size, void (*drop)(void *item))
{
    *r = (tr_roll){.most = most, .item_size = item_size, .drop = drop};
}

void *tr_roll_item(const tr_roll *r, uint32_t i)
{
    return r->items + (size_t)i * r->item_size;
}

tr_str tr_roll_name(const tr_roll *r, uint32_t i)
{
    return tr_str_of(r->entry[i].name, r->entry[i].size);
}

void tr_roll_free(tr_roll *r)
{
    for (uint32_t i = 0; i < r->n; i++) {
        if (r->drop)
            r->drop(tr_roll_item(r, i));
        free(r->entry[i].name);
    }
    free(r->entry);
    free(r->items);
    free(r->slot);
    free(r->heap);
    tr_roll_init(r, r->most, r->item_size, r->drop);
}

/* ---- the order in which names are kept ---- */

static int compare(const tr_roll *r, uint32_t i, uint64_t hash, tr_str name)
{
    uint64_t other = r->entry[i].hash;
    if (other != hash)
        return other < hash ? -1 : 1;
    return tr_str_compare(tr_roll_name(r, i), name);
}

static bool after(const tr_roll *r, uint32_t i, uint32_t j)
{
    return compare(r, i, r->entry[j].hash, tr_roll_name(r, j)) > 0;
}

static void heap_up(tr_roll *r, uint32_t at)
{
    uint32_t i = r->heap[at];
    while (at > 0 && after(r, i, r->heap[(at - 1) / 2])) {
        r->heap[at] = r->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    r->heap[at] = i;
}

static void heap_down(tr_roll *r, uint32_t at)
{
    uint32_t i = r->heap[at];
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= r->n)
            break;
        if (child + 1 < r->n && after(r, r->heap[child + 1], r->heap[child]))
            child++;
        if (!after(r, r->heap[child], i))
            break;
        r->heap[at] = r->heap[child];
        at = child;
    }
    r->heap[at] = i;
}

/* ---- the table: slots of entries, the next free one from a hash's own on ---- */

/* The slot of a name, or the free one where it would be. There is a free one. */
static uint32_t slot_of(const tr_roll *r, uint64_t hash, tr_str name)
{
    uint32_t mask = r->n_slots - 1, s = (uint32_t)hash & mask;
    while (r->slot[s] != NONE && compare(r, r->slot[s], hash, name) != 0)
        s = (s + 1) & mask;
    return s;
}

/* Frees a slot and moves up what stands behind it only because it was taken. */
static void slot_clear(tr_roll *r, uint32_t s)
{
    uint32_t mask = r->n_slots - 1, next = s;
    for (;;) {
        next = (next + 1) & mask;
        if (r->slot[next] == NONE)
            break;
        uint32_t home = (uint32_t)r->entry[r->slot[next]].hash & mask;
        if (((next - home) & mask) >= ((next - s) & mask)) {
            r->slot[s] = r->slot[next];
            s = next;
        }
    }
    r->slot[s] = NONE;
}

static void slots_fill(tr_roll *r)
{
    memset(r->slot, 0xff, r->n_slots * sizeof *r->slot); /* NONE */
    for (uint32_t i = 0; i < r->n; i++)
        r->slot[slot_of(r, r->entry[i].hash, tr_roll_name(r, i))] = i;
}

/* Room for one entry more, and at least as many free slots as taken ones. */
static bool reserve(tr_roll *r)
{
    if (r->n < r->capacity)
        return true;
    uint32_t capacity = r->capacity ? r->capacity : 8;
    if (r->capacity)
        capacity = capacity > r->most / 2 ? r->most : capacity * 2;
    if (capacity > r->most)
        capacity = r->most;
    uint64_t slots = 16;
    while (slots < 2 * (uint64_t)capacity)
        slots *= 2;
    if (slots > UINT32_MAX / 2)
        return false;
    struct tr_roll_entry *entry = tr_mem_more(r->entry, capacity, sizeof *entry);
    if (!entry)
        return false;
    r->entry = entry;
    unsigned char *items = tr_mem_more(r->items, capacity, r->item_size);
    if (!items)
        return false;
    r->items = items;
    uint32_t *heap = tr_mem_more(r->heap, capacity, sizeof *heap);
    if (!heap)
        return false;
    r->heap = heap;
    uint32_t *slot = tr_mem_array((size_t)slots, sizeof *slot);
    if (!slot)
        return false;
    free(r->slot);
    r->slot = slot;
    r->n_slots = (uint32_t)slots;
    r->capacity = capacity;
    slots_fill(r);
    return true;
}

/* ---- names ---- */

static uint64_t hash_of(tr_str name)
{
    return tr_hash_keyed(KEY, name.size ? name.data : "", name.size);
}

/* Makes room in a full roll: the greatest entry goes. Its index, which is free now and still at the
 * top of the heap. */
static uint32_t evict(tr_roll *r)
{
    uint32_t i = r->heap[0];
    slot_clear(r, slot_of(r, r->entry[i].hash, tr_roll_name(r, i)));
    if (r->drop)
        r->drop(tr_roll_item(r, i));
    free(r->entry[i].name);
    return i;
}

bool tr_roll_find(tr_roll *r, tr_str name, void **item)
{
    uint64_t hash = hash_of(name);
    *item = NULL;
    if (r->n) {
        uint32_t i = r->slot[slot_of(r, hash, name)];
        if (i != NONE) {
            *item = tr_roll_item(r, i);
            return true;
        }
    }
    bool full = r->n >= r->most;
    if (full) {
        r->crowded = true;
        if (r->most == 0 || compare(r, r->heap[0], hash, name) < 0)
            return true;
    } else if (!reserve(r)) {
        return false;
    }
    struct tr_roll_entry e = {hash, tr_mem_array(name.size, 1), name.size};
    if (!e.name)
        return false;
    if (name.size)
        memcpy(e.name, name.data, name.size);

    uint32_t i = full ? evict(r) : r->n;
    r->slot[slot_of(r, hash, name)] = i;
    r->entry[i] = e;
    *item = memset(tr_roll_item(r, i), 0, r->item_size);
    if (full) {
        heap_down(r, 0);
    } else {
        r->heap[i] = i;
        r->n++;
        heap_up(r, i);
    }
    return true;
}

void *tr_roll_look(const tr_roll *r, tr_str name)
{
    uint32_t i = r->n ? r->slot[slot_of(r, hash_of(name), name)] : NONE;
    return i == NONE ? NULL : tr_roll_item(r, i);
}

static int by_name(const void *a, const void *b, void *roll)
{
    return tr_str_compare(tr_roll_name(roll, *(const uint32_t *)a),
                          tr_roll_name(roll, *(const uint32_t *)b));
}

uint32_t *tr_roll_sorted(const tr_roll *r)
{
    uint32_t *order = tr_mem_array(r->n, sizeof *order);
    for (uint32_t i = 0; order && i < r->n; i++)
        order[i] = i;
    if (order && r->n)
        qsort_r(order, r->n, sizeof *order, by_name, (void *)(uintptr_t)r);
    return order;
}
