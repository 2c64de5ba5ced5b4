#include "audit/sample.h"

#include "doors/scan.h"

#include <stdlib.h>
#include <string.h>

static int compare_u64(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

/* Of texts that are the same as far as they are kept the shorter one comes first, so that which of
 * them stays does not depend on the order either. */
static int compare(const tr_example *a, const tr_example *b)
{
    int order = compare_u64(a->key, b->key);
    if (!order)
        order = tr_str_compare(tr_str_of(a->text, a->size), tr_str_of(b->text, b->size));
    if (!order)
        order = compare_u64(a->score, b->score);
    return order ? order : compare_u64(a->whole, b->whole);
}

/* Room for one more where n stand now: capacities are the powers of two. */
static bool reserve(tr_sample *s)
{
    if (s->n & (s->n - 1))
        return true;
    tr_example *more = tr_mem_more(s->at, s->n ? (size_t)s->n * 2 : 1, sizeof *more);
    if (more)
        s->at = more;
    return more;
}

/* The same example with a text of its own. */
static bool own(tr_example *e)
{
    char *text = tr_mem_array((size_t)e->size + 1, 1);
    if (!text)
        return false;
    if (e->size)
        memcpy(text, e->text, e->size);
    text[e->size] = '\0';
    e->text = text;
    return true;
}

/* Takes an example whose text is borrowed. */
static bool offer(tr_sample *s, uint32_t most, tr_example e)
{
    uint32_t low = 0, high = s->n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = compare(&s->at[middle], &e);
        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low >= most)
        return true;
    if ((s->n < most && !reserve(s)) || !own(&e))
        return false;
    if (s->n < most)
        s->n++;
    else
        free(s->at[s->n - 1].text);
    memmove(s->at + low + 1, s->at + low, (s->n - 1 - low) * sizeof *s->at);
    s->at[low] = e;
    return true;
}

bool tr_sample_offer(tr_sample *s, uint32_t most, uint64_t key, tr_str text, uint32_t score)
{
    if (most == 0 || (s->n >= most && key > s->at[s->n - 1].key))
        return true;
    /* only read here: `own` makes a copy */
    uint32_t kept = (uint32_t)tr_scan_cut(text, TR_SAMPLE_TEXT).size;
    tr_example e = {key, (char *)(uintptr_t)text.data, kept, text.size, score};
    return offer(s, most, e);
}

bool tr_sample_merge(tr_sample *s, uint32_t most, const tr_sample *other)
{
    for (uint32_t i = 0; i < other->n; i++)
        if (!offer(s, most, other->at[i]))
            return false;
    return true;
}

void tr_sample_free(tr_sample *s)
{
    for (uint32_t i = 0; i < s->n; i++)
        free(s->at[i].text);
    free(s->at);
    *s = (tr_sample){0};
}

void tr_sample_write(const tr_sample *s, tr_buf *out)
{
    tr_le_put_u32(out, s->n);
    for (uint32_t i = 0; i < s->n; i++) {
        const tr_example *e = &s->at[i];
        tr_le_put_u64(out, e->key);
        tr_le_put_u64(out, e->whole);
        tr_le_put_u32(out, e->score);
        tr_le_put_str(out, tr_str_of(e->text, e->size));
    }
}

/* Why an example that was read can be none, or NULL. */
static const char *fault(const tr_example *e, const tr_example *before)
{
    if (e->size > TR_SAMPLE_TEXT)
        return "a text is too long";
    if (!tr_scan_utf8_valid(tr_str_of(e->text, e->size)))
        return "a text is no UTF-8";
    /* one that was cut had more than fits, and no room for one character more */
    if (e->whole != e->size && (e->whole <= TR_SAMPLE_TEXT || e->size + 4 <= TR_SAMPLE_TEXT))
        return "a text is not as long as it says";
    if (before && compare(before, e) >= 0)
        return "not in order";
    return NULL;
}

tr_code tr_sample_read(tr_sample *s, uint32_t most, tr_le_reader *r, tr_err *err)
{
    *s = (tr_sample){0};
    uint32_t n = tr_le_u32(r);
    const char *reason = n > most ? "more examples than are kept" : NULL;
    for (uint32_t i = 0; i < n && !reason; i++) {
        tr_example e;
        e.key = tr_le_u64(r);
        e.whole = tr_le_u64(r);
        e.score = tr_le_u32(r);
        tr_str text = tr_le_str(r);
        if (r->failed)
            break;
        e.text = (char *)(uintptr_t)text.data;
        e.size = text.size <= TR_SAMPLE_TEXT ? (uint32_t)text.size : TR_SAMPLE_TEXT + 1;
        reason = fault(&e, i ? &s->at[i - 1] : NULL);
        if (reason)
            break;
        if (!reserve(s) || !own(&e)) {
            tr_sample_free(s);
            return tr_err_memory(err);
        }
        s->at[s->n++] = e;
    }
    if (r->failed)
        reason = "it ends too early";
    if (!reason)
        return TR_OK;
    tr_sample_free(s);
    return tr_err_set(err, TR_DATA, "examples: %s", reason);
}
