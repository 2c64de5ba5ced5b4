#include "audit/scores.h"

#include <math.h>

static double edge(uint32_t bin)
{
    return (double)bin / TR_AUDIT_BINS;
}

/* ---- reliability ---- */

static uint64_t known(const tr_audit_bin *b)
{
    return b->tested.n + b->low_tested.n;
}

size_t tr_scores_reliability(const tr_audit *a, double confidence,
                             tr_reliability group[TR_SCORES_RELIABILITY])
{
    uint64_t rows = 0, before = 0;
    for (uint32_t b = 0; b < TR_AUDIT_BINS; b++)
        rows += known(&a->bin[b]);

    size_t n = 0;
    uint32_t b = 0;
    while (b < TR_AUDIT_BINS && before < rows) {
        /* A bin belongs to the tenth of the rows that its middle row is in. */
        int tenth = -1;
        uint32_t first = b, last = b;
        tr_sum tested = {0}, agreed = {0};
        double scores = 0;
        for (; b < TR_AUDIT_BINS; b++) {
            const tr_audit_bin *bin = &a->bin[b];
            if (known(bin) == 0)
                continue;
            double middle = (double)before + (double)known(bin) / 2;
            int its = (int)(middle / (double)rows * TR_SCORES_RELIABILITY);
            if (tenth >= 0 && its != tenth)
                break;
            if (tenth < 0)
                first = b;
            tenth = its;
            last = b;
            before += known(bin);
            tr_sum all = bin->tested;
            tr_sum_merge(&all, &bin->low_tested);
            scores += (double)all.w * ((double)bin->score / 1e6 / (double)known(bin));
            tr_sum_merge(&tested, &all);
            tr_sum_merge(&agreed, &bin->agreed);
            tr_sum_merge(&agreed, &bin->low_agreed);
        }
        group[n++] = (tr_reliability){edge(first), edge(last + 1), scores / (double)tested.w,
                                      tr_tally_share(agreed, tested, confidence)};
    }
    return n;
}

/* ---- the curve ---- */

/* All rows down to a threshold. */
typedef struct {
    double threshold;
    uint64_t rows;
    tr_sum tested, agreed;
} depth;

static void add_handled(depth *d, const tr_audit_bin *b)
{
    d->rows += b->handled;
    tr_sum_merge(&d->tested, &b->tested);
    tr_sum_merge(&d->agreed, &b->agreed);
}

static void add_low(depth *d, const tr_audit_bin *b)
{
    d->rows += b->low;
    tr_sum_merge(&d->tested, &b->low_tested);
    tr_sum_merge(&d->agreed, &b->low_agreed);
}

/* Every step down that takes in rows; *operating as in the header, of these. Handled rows come
 * first: those deferred that lie above the lowest of them, in its bin or at another stage, are
 * taken in only below it. */
static size_t depths(const tr_audit *a, depth step[TR_AUDIT_BINS + 1], size_t *operating)
{
    const uint32_t policy = a->promise.policy ? a->promise.threshold / (1000000 / TR_AUDIT_BINS)
                                              : TR_AUDIT_BINS;
    depth now = {0};
    size_t n = 0;
    uint32_t lowest = TR_AUDIT_BINS; /* bin with handled rows */

    for (uint32_t b = TR_AUDIT_BINS; b-- > 0;)
        if (a->bin[b].handled > 0) {
            lowest = b;
            add_handled(&now, &a->bin[b]);
            now.threshold = edge(b);
            step[n++] = now;
        }
    *operating = SIZE_MAX;
    if (n > 0 && now.rows == a->handled) {
        *operating = n - 1;
        if (policy == lowest)
            step[n - 1].threshold = (double)a->promise.threshold / 1e6;
    }

    now.threshold = edge(lowest);
    for (uint32_t b = lowest; b < TR_AUDIT_BINS; b++)
        add_low(&now, &a->bin[b]);
    if (now.rows > (n > 0 ? step[n - 1].rows : 0))
        step[n++] = now;
    for (uint32_t b = lowest; b-- > 0;)
        if (a->bin[b].low > 0) {
            add_low(&now, &a->bin[b]);
            now.threshold = edge(b);
            step[n++] = now;
        }
    return n;
}

size_t tr_scores_curve(const tr_audit *a, double confidence, tr_curve_point point[TR_SCORES_CURVE],
                       size_t *operating)
{
    /* The first of each part of the coverage, and two more that must be there. */
    enum { PARTS = TR_SCORES_CURVE - 3 };
    depth step[TR_AUDIT_BINS + 1];
    size_t at, n = 0, steps = depths(a, step, &at);
    const double rows = (double)a->handled + (double)a->deferred;
    int last = -1;

    *operating = SIZE_MAX;
    for (size_t i = 0; i < steps; i++) {
        int part = (int)((double)step[i].rows / (double)step[steps - 1].rows * (PARTS - 1));
        if (part == last && i != at && i != steps - 1)
            continue;
        last = part;
        if (i == at)
            *operating = n;
        point[n++] = (tr_curve_point){step[i].threshold, (double)step[i].rows / rows,
                                      tr_tally_share(step[i].agreed, step[i].tested, confidence)};
    }
    if (*operating == SIZE_MAX)
        *operating = n;
    return n;
}
