#include "policy/history.h"

#include "ground/hash.h"
#include "ground/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double PI = 3.14159265358979323846;

double tr_history_delta(double delta, uint32_t look)
{
    return 6 * delta / (PI * PI * (double)look * (double)look);
}

/* What the looks before this one spent where each took its share from the first on. */
static double spent_before(double delta, uint32_t look)
{
    double sum = 0;
    for (uint32_t i = 1; i < look; i++)
        sum += tr_history_delta(delta, i);
    return sum;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* The hashes of n rows in rising order, each once; NULL when memory is out. */
static uint64_t *hashes_of(const uint64_t *rows, size_t *n)
{
    uint64_t *hash = tr_mem_array(*n, sizeof *hash);
    size_t kept = 0;
    for (size_t i = 0; hash && i < *n; i++)
        hash[i] = tr_hash_keyed_u64((tr_hash_key){'u', 0}, rows[i]);
    if (hash)
        qsort(hash, *n, sizeof *hash, by_value);
    for (size_t i = 0; hash && i < *n; i++)
        if (i == 0 || hash[i] != hash[kept - 1])
            hash[kept++] = hash[i];
    *n = kept;
    return hash;
}

/* How many of the first n of a, rising, are in b. */
static size_t common(const uint64_t *a, size_t n, const uint64_t *b, size_t n_b)
{
    size_t same = 0;
    for (size_t i = 0, j = 0; i < n && j < n_b;) {
        same += a[i] == b[j];
        if (a[i] <= b[j])
            i++;
        else
            j++;
    }
    return same;
}

/* The least of both, each once, into h. */
static bool unite(tr_history *h, const uint64_t *a, size_t n_a, const uint64_t *b, size_t n_b)
{
    h->used = tr_mem_array(TR_HISTORY_ROWS, sizeof *h->used);
    if (!h->used)
        return false;
    for (size_t i = 0, j = 0; h->n_used < TR_HISTORY_ROWS && (i < n_a || j < n_b);) {
        bool from_a = j == n_b || (i < n_a && a[i] <= b[j]);
        uint64_t next = from_a ? a[i] : b[j];
        i += i < n_a && a[i] == next;
        j += j < n_b && b[j] == next;
        h->used[h->n_used++] = next;
    }
    return true;
}

tr_code tr_history_follow(tr_history *h, const tr_history *before, const char *previous_digest,
                          const uint64_t *rows, size_t n, uint32_t look, double delta, double *left,
                          tr_err *err)
{
    static const tr_history none;
    *h = (tr_history){.look = 1, .exact = true};
    uint64_t *hash = hashes_of(rows, &n);
    if (!hash)
        return tr_err_memory(err);
    if (!before)
        before = &none;
    /* Of rows beyond the greatest hash kept nothing is known. */
    size_t known = n;
    if (before->n_used == TR_HISTORY_ROWS) {
        known = 0;
        while (known < n && hash[known] <= before->used[before->n_used - 1])
            known++;
        h->exact = known == n;
    }
    size_t same = common(hash, known, before->used, before->n_used);
    h->reused = known ? (double)same / (double)known : 0;
    if (same) {
        h->look = before->deepest < TR_HISTORY_LOOKS ? before->deepest + 1 : TR_HISTORY_LOOKS;
        h->counted = before->counted;
        h->spent = before->deepest_spent;
    }
    if (look) {
        h->look = look;
        h->counted = true;
        /* earlier looks that no policy at hand tells of took their shares all the same */
        h->spent = fmax(h->spent, spent_before(delta, look));
    }
    if (before->look)
        h->follows = before->follows < UINT32_MAX ? before->follows + 1 : UINT32_MAX;
    *left = h->counted || h->look > 1 ? tr_history_delta(delta, h->look) : delta;
    h->spent += *left;
    h->deepest = h->look > before->deepest ? h->look : before->deepest;
    h->deepest_spent = fmax(h->spent, before->deepest_spent);
    memcpy(h->previous, previous_digest, strnlen(previous_digest, sizeof h->previous - 1));
    bool ok = unite(h, hash, n, before->used, before->n_used);
    free(hash);
    if (!ok)
        return tr_err_memory(err);
    return TR_OK;
}

void tr_history_free(tr_history *h)
{
    free(h->used);
    *h = (tr_history){0};
}

void tr_history_write(const tr_history *h, tr_buf *out)
{
    tr_le_put_u32(out, h->look);
    tr_le_put_u32(out, h->follows);
    tr_le_put_u8(out, h->counted);
    tr_le_put_u8(out, h->exact);
    tr_le_put_u16(out, 0);
    tr_le_put_u32(out, h->n_used);
    tr_le_put_f64(out, h->reused);
    tr_le_put_f64(out, h->spent);
    tr_le_put_f64(out, h->deepest_spent);
    tr_le_put_u64(out, h->deepest);
    tr_le_put_str(out, tr_str_c(h->previous));
    tr_le_align(out, 8);
    tr_le_put_u64s(out, h->used, h->n_used);
}

tr_code tr_history_read(tr_history *h, tr_le_reader *r, tr_err *err)
{
    *h = (tr_history){.look = tr_le_u32(r), .follows = tr_le_u32(r)};
    uint8_t counted = tr_le_u8(r), exact = tr_le_u8(r);
    bool sound = tr_le_u16(r) == 0 && counted <= 1 && exact <= 1;
    uint32_t n = tr_le_u32(r);
    h->counted = counted;
    h->exact = exact;
    h->reused = tr_le_f64(r);
    h->spent = tr_le_f64(r);
    h->deepest_spent = tr_le_f64(r);
    uint64_t deepest = tr_le_u64(r);
    h->deepest = (uint32_t)deepest;
    tr_str previous = tr_le_str(r);
    tr_le_skip_align(r, 8);
    const uint64_t *used = tr_le_u64s(r, n);
    sound = sound && !r->failed && used && n <= TR_HISTORY_ROWS && h->look >= 1 &&
            h->look <= TR_HISTORY_LOOKS && h->reused >= 0 && h->reused <= 1 && h->spent > 0 &&
            isfinite(h->deepest_spent) && h->spent <= h->deepest_spent && deepest >= h->look &&
            deepest <= TR_HISTORY_LOOKS && (previous.size == 0 || previous.size == 32);
    for (uint32_t i = 1; sound && i < n; i++)
        sound = used[i - 1] < used[i];
    if (!sound)
        return tr_err_set(err, TR_DATA, "the history is malformed");
    if (previous.size)
        memcpy(h->previous, previous.data, previous.size);
    h->used = tr_mem_array(n, sizeof *h->used);
    if (!h->used)
        return tr_err_memory(err);
    if (n)
        memcpy(h->used, used, n * sizeof *used);
    h->n_used = n;
    return TR_OK;
}
