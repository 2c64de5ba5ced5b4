#include "audit/roll.h"

#include "ground/num.h"
#include "ground/rng.h"

#include <stdlib.h>

#include "check.h"

/* What is counted for a name: it owns memory, so that the sanitizers see what is dropped. */
typedef struct {
    uint64_t count;
    char *own;
} item;

static int dropped;

static void drop(void *p)
{
    free(((item *)p)->own);
    dropped++;
}

static bool count(tr_roll *r, tr_str name, uint64_t n)
{
    void *at;
    if (!tr_roll_find(r, name, &at))
        return false;
    item *it = at;
    if (it && !it->own)
        it->own = malloc(1);
    if (it)
        it->count += n;
    return true;
}

static uint64_t looked(const tr_roll *r, tr_str name)
{
    const item *it = tr_roll_look(r, name);
    return it ? it->count : 0;
}

/* Adds what was counted in another roll. */
static void merge(tr_roll *r, const tr_roll *other)
{
    for (uint32_t i = 0; i < other->n; i++)
        CHECK(count(r, tr_roll_name(other, i), ((item *)tr_roll_item(other, i))->count));
    r->crowded |= other->crowded;
}

static bool same(const tr_roll *a, const tr_roll *b)
{
    uint32_t *x = tr_roll_sorted(a), *y = tr_roll_sorted(b);
    bool equal = x && y && a->n == b->n && a->crowded == b->crowded;
    for (uint32_t i = 0; equal && i < a->n; i++) {
        const item *p = tr_roll_item(a, x[i]), *q = tr_roll_item(b, y[i]);
        equal = tr_str_equal(tr_roll_name(a, x[i]), tr_roll_name(b, y[i])) && p->count == q->count;
    }
    free(x);
    free(y);
    return equal;
}

static void few_names(void)
{
    static const tr_str names[] = {{"b", 1}, {"", 0},     {"a\0b", 3},
                                   {"a", 1}, {"a\0a", 3}, {NULL, 0}};
    tr_roll r;
    tr_roll_init(&r, 100, sizeof(item), drop);
    CHECK(!tr_roll_look(&r, names[0]));
    uint32_t *order = tr_roll_sorted(&r);
    CHECK(order);
    free(order);
    for (uint64_t i = 0; i < 600; i++)
        CHECK(count(&r, names[i % 6], i % 6 + 1));
    CHECK(r.n == 5 && !r.crowded);
    CHECK(looked(&r, names[0]) == 100 && looked(&r, names[1]) == 800 &&
          looked(&r, names[5]) == 800);
    CHECK(looked(&r, names[2]) == 300 && looked(&r, names[3]) == 400 &&
          looked(&r, names[4]) == 500);
    CHECK(!tr_roll_look(&r, tr_str_c("ab")) && r.n == 5);
    order = tr_roll_sorted(&r);
    static const int sorted[] = {1, 3, 4, 2, 0};
    for (uint32_t i = 0; order && i < 5; i++)
        CHECK(tr_str_equal(tr_roll_name(&r, order[i]), names[sorted[i]]));
    free(order);
    dropped = 0;
    tr_roll_free(&r);
    CHECK(dropped == 5 && r.n == 0 && !tr_roll_look(&r, names[0]));
    CHECK(count(&r, names[0], 1) && r.n == 1); /* can be used again */
    tr_roll_free(&r);
}

static void no_room(void)
{
    tr_roll r;
    tr_roll_init(&r, 0, sizeof(item), drop);
    void *at = &r;
    CHECK(tr_roll_find(&r, tr_str_c("a"), &at) && !at && r.crowded && r.n == 0);
    tr_roll_free(&r);
    tr_roll_init(&r, 1, sizeof(item), NULL);
    for (int i = 0; i < 50; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        CHECK(tr_roll_find(&r, tr_str_c(name), &at));
        CHECK(!at || *(uint64_t *)at == 0); /* a new item is zero, in a room used before too */
        if (at)
            *(uint64_t *)at = 9;
    }
    CHECK(r.n == 1 && r.crowded);
    tr_roll_free(&r);
}

/* Any order, any shards: the same names with all their rows. */
static void order_and_shards(void)
{
    enum { ROWS = 3000, SHARDS = 5 };
    static tr_str row[ROWS];
    static char text[ROWS][12];
    tr_rng rng;
    tr_rng_init(&rng, 3);
    for (int round = 0; round < 40; round++) {
        uint32_t most = (uint32_t)tr_rng_below(&rng, 200) + 1;
        uint64_t names = tr_rng_below(&rng, 400) + 1;
        uint64_t *rows = tr_mem_zero(names, sizeof *rows);
        tr_roll whole, other, shard[SHARDS];
        tr_roll_init(&whole, most, sizeof(item), drop);
        tr_roll_init(&other, most, sizeof(item), drop);
        for (int i = 0; i < SHARDS; i++)
            tr_roll_init(&shard[i], most, sizeof(item), drop);
        for (int i = 0; i < ROWS; i++) {
            uint64_t name = tr_rng_below(&rng, names);
            int size = snprintf(text[i], sizeof text[i], "%llu", (unsigned long long)name);
            row[i] = tr_str_of(text[i], (size_t)size);
            rows[name]++;
        }
        for (int i = 0; i < ROWS; i++) {
            CHECK(count(&whole, row[i], 1) && count(&other, row[ROWS - 1 - i], 1));
            CHECK(count(&shard[tr_rng_below(&rng, SHARDS)], row[i], 1));
        }
        for (int i = 1; i < SHARDS; i++)
            merge(&shard[0], &shard[i]);
        CHECK(same(&whole, &other) && same(&whole, &shard[0]));
        uint64_t distinct = 0;
        for (uint64_t i = 0; i < names; i++)
            distinct += rows[i] > 0;
        CHECK(whole.n == (distinct < most ? distinct : most));
        CHECK(whole.crowded == (distinct > most));
        for (uint32_t i = 0; i < whole.n; i++) { /* whatever stays has all its rows */
            tr_str name = tr_roll_name(&whole, i);
            uint64_t number = 0;
            CHECK(tr_num_parse_u64(name, &number) && looked(&whole, name) == rows[number]);
        }
        dropped = 0;
        tr_roll_free(&whole);
        CHECK((uint64_t)dropped == (distinct < most ? distinct : most));
        tr_roll_free(&other);
        for (int i = 0; i < SHARDS; i++)
            tr_roll_free(&shard[i]);
        free(rows);
    }
}

int main(void)
{
    CASE(few_names);
    CASE(no_room);
    CASE(order_and_shards);
    return CHECK_END;
}
