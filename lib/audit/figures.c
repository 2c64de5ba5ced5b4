#include "audit/figures.h"

#include "ground/num.h"
#include "maths/stat.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LEAST_ROWS = 10,  /* with a teacher label, of a label that is shown by itself */
    MOST_VALUES = 20, /* of the key of the slices */
    LENGTHS = 3       /* parts */
};

const char *const tr_verdict_names[] = {"none", "untested", "contradicted",
                                        "open", "kept",     "proven"};

static tr_estimate unknown(void)
{
    return (tr_estimate){NAN, NAN, NAN, 0, 0, TR_METHOD_NONE};
}

static tr_estimate share_of(tr_sum part, tr_sum whole)
{
    return tr_tally_share(part, whole, TR_FIGURES_CONFIDENCE);
}

static tr_estimate count_of(uint64_t part, uint64_t whole)
{
    return tr_tally_count(part, whole, TR_FIGURES_CONFIDENCE);
}

/* ---- the promise ---- */

/* Handled rows with a teacher label, as if each had come to be known with the same probability. */
static void test_rows(const tr_audit *a, tr_test *t)
{
    const tr_tally *known = &a->tally;

    t->propensity = a->least_propensity;
    t->rows = known->handled.n;
    t->agreed = known->agreed.n;
    if (known->handled.n == 0 || share_of(known->agreed, known->handled).method == TR_METHOD_EXACT)
        return;
    t->nameless = a->nameless > 0;
    if (t->nameless) {
        t->rows = t->agreed = 0;
        return;
    }
    uint32_t end = TR_AUDIT_THIN;
    while (end > 0 && tr_audit_thin_chance(end) > a->least_propensity)
        end--;
    t->thinned = true;
    t->propensity = tr_audit_thin_chance(end);
    t->rows = t->agreed = 0;
    for (uint32_t b = 0; b < end; b++) {
        t->rows += a->thin_handled[b];
        t->agreed += a->thin_agreed[b];
    }
}

static tr_test test_of(const tr_audit *a)
{
    const tr_promise *p = &a->promise;
    tr_test t = {.verdict = TR_VERDICT_NONE, .chance = NAN, .propensity = NAN};

    if (!p->there || (p->policy && !p->deployed))
        return t;
    test_rows(a, &t);
    if (p->overall && (t.rows > 0 || a->handled == 0)) {
        /* How many rows were deferred is known, whatever is known of their labels. Given that share
         * the disagreements are of fewer trials than the test takes them for, with the same mean:
         * it errs on the side of saying nothing. */
        long double each = a->handled > 0 ? (long double)t.rows / (long double)a->handled : 1;
        uint64_t deferred = (uint64_t)llroundl(each * (long double)a->deferred);
        t.rows += deferred;
        t.agreed += deferred;
    }
    if (t.rows == 0) {
        t.verdict = TR_VERDICT_UNTESTED;
        return t;
    }
    int64_t m = (int64_t)t.rows, k = (int64_t)t.agreed;
    t.few = m < tr_stat_least_rows(p->alpha, p->delta);
    t.chance = tr_stat_binomial_lower(k, m, p->alpha);
    if (t.chance <= p->delta)
        t.verdict = TR_VERDICT_CONTRADICTED;
    else if (k >= tr_stat_kmin(m, p->alpha, p->delta))
        t.verdict = TR_VERDICT_PROVEN;
    else if ((double)k >= p->alpha * (double)m)
        t.verdict = TR_VERDICT_KEPT;
    else
        t.verdict = TR_VERDICT_OPEN;
    return t;
}

static tr_estimate overall_of(const tr_figures *f)
{
    const double handled = f->coverage.value;
    tr_estimate e = f->agreement;

    if (f->rows > 0 && f->audit->handled == 0) /* the teacher answers all */
        return count_of(f->rows, f->rows);
    e.value = 1 - handled * (1 - e.value);
    e.low = 1 - handled * (1 - e.low);
    e.high = 1 - handled * (1 - e.high);
    return e;
}

/* ---- the truth ---- */

static tr_accuracy accuracy_of(const tr_audit *a, unsigned who)
{
    const bool all = who == TR_ANSWERER_TEACHER || who == TR_ANSWERER_MIX;
    tr_accuracy r = {unknown(), NAN};
    uint64_t sum = 0, n = 0; /* sum: in 2^-40, so that the order of the labels does not matter */

    if (all && a->handled > 0 && a->truth_handled.n == 0) /* what is deferred is not all */
        return r;
    r.accuracy = share_of(a->right[who], all ? a->truth_all : a->truth_handled);

    for (uint32_t i = 0; i < a->labels.n; i++) {
        const tr_audit_label *l = tr_roll_item(&a->labels, i);
        if (l->truth[all] == 0)
            continue;
        double f1 = 2 * (double)l->hit[who] / ((double)l->said[who] + (double)l->truth[all]);
        sum += (uint64_t)llround(ldexp(f1, 40));
        n++;
    }
    if (n > 0)
        r.macro_f1 = ldexp((double)sum, -40) / (double)n;
    return r;
}

/* ---- groups ---- */

/* What share of all traffic a row with a teacher label stands for, were its weight 1. How much is
 * handled is known exactly; so a row of either side stands for its part of that side. */
typedef struct {
    double handled, deferred; /* NaN: rows, but none with a teacher label */
    double effective;         /* rows that all of them are worth (Kish) */
    bool whole;               /* every row has its teacher label, and all count the same */
} mix;

static double stands_for(uint64_t rows, uint64_t all, tr_sum known)
{
    if (rows == 0)
        return 0;
    return known.w > 0 ? (double)rows / (double)all / ((double)known.w / 1e6) : NAN;
}

static double squares(const mix *m, const tr_tally *t)
{
    return m->handled * m->handled * ((double)t->handled.s / 1e6) +
           m->deferred * m->deferred * ((double)t->deferred.s / 1e6);
}

static mix mix_of(const tr_audit *a)
{
    const tr_tally *t = &a->tally;
    const uint64_t rows = a->handled + a->deferred;
    mix m = {.handled = stands_for(a->handled, rows, t->handled),
             .deferred = stands_for(a->deferred, rows, t->deferred)};

    m.effective = 1 / squares(&m, t);
    m.whole = t->handled.n == a->handled && t->deferred.n == a->deferred &&
              share_of(t->handled, t->handled).method != TR_METHOD_WILSON &&
              share_of(t->deferred, t->deferred).method != TR_METHOD_WILSON;
    return m;
}

static tr_estimate weighed(double value, uint64_t n, double effective)
{
    tr_estimate e = {value, 0, 1, n, effective, TR_METHOD_WILSON};

    if (isnan(value) || !(effective > 0))
        return unknown();
    e.value = value > 1 ? 1 : value; /* by rounding */
    tr_stat_wilson(e.value, effective, TR_FIGURES_CONFIDENCE, &e.low, &e.high);
    return e;
}

/* Rows to which the teacher gave a label (or one of some). */
static tr_group label_group(const tr_audit *a, const mix *m, tr_str name, const tr_tally *t)
{
    const uint64_t known = a->tally.handled.n + a->tally.deferred.n;
    const double handled = m->handled * ((double)t->handled.w / 1e6);
    const double share = handled + m->deferred * ((double)t->deferred.w / 1e6);
    tr_group g = {.name = name, .rows = t->handled.n + t->deferred.n};

    if (m->whole) {
        g.share = count_of(g.rows, known);
        g.coverage = count_of(t->handled.n, g.rows);
    } else {
        g.share = weighed(share, known, m->effective);
        g.coverage = share > 0 ? weighed(handled / share, g.rows, share * share / squares(m, t))
                               : unknown();
    }
    g.agreement = share_of(t->agreed, t->handled);
    g.wrong = m->handled * ((double)tr_sum_less(t->handled, t->agreed).w / 1e6);
    return g;
}

/* A slice: which rows are of it is known of all. */
static tr_group slice_group(const tr_figures *f, tr_str name, const tr_audit_slice *s)
{
    tr_group g = {.name = name, .rows = s->handled + s->deferred};

    g.share = count_of(g.rows, f->rows);
    g.coverage = count_of(s->handled, g.rows);
    g.agreement = share_of(s->tally.agreed, s->tally.handled);
    g.wrong = 0;
    if (s->handled > 0)
        g.wrong = (double)s->handled / (double)f->rows * (1 - g.agreement.value);
    return g;
}

static void stages(tr_figures *f)
{
    static const char *const names[TR_OUTCOME_STAGES] = {"stage 1", "stage 2"};
    const tr_audit *a = f->audit;

    for (int i = 0; i < TR_OUTCOME_STAGES; i++) {
        tr_group *g = &f->stage[i];
        *g = (tr_group){.name = tr_str_c(names[i]), .rows = a->stage[i]};
        g->share = g->coverage = count_of(a->stage[i], f->rows);
        g->agreement = share_of(a->stage_agreed[i], a->stage_tested[i]);
        g->wrong = a->stage[i] > 0 ? g->coverage.value * (1 - g->agreement.value) : 0;
        if (i == 0 || a->stage[i] > 0)
            f->n_stages = (uint32_t)i + 1;
    }
}

/* ---- labels ---- */

static double rank(double x)
{
    return isnan(x) ? -1 : x;
}

static int falling(double x, double y)
{
    return (rank(x) < rank(y)) - (rank(x) > rank(y));
}

static int by_what_matters(const void *x, const void *y)
{
    const tr_group *a = &((const tr_label_figures *)x)->group;
    const tr_group *b = &((const tr_label_figures *)y)->group;
    int order = falling(a->wrong, b->wrong);

    if (order == 0)
        order = falling(a->share.value * (1 - a->coverage.value),
                        b->share.value * (1 - b->coverage.value));
    return order ? order : tr_str_compare(a->name, b->name);
}

static uint64_t rows_of(const tr_audit_label *l)
{
    return l->teacher.handled.n + l->teacher.deferred.n;
}

static void take_away(tr_tally *from, const tr_tally *t)
{
    from->handled = tr_sum_less(from->handled, t->handled);
    from->agreed = tr_sum_less(from->agreed, t->agreed);
    from->deferred = tr_sum_less(from->deferred, t->deferred);
}

/* Words, and texts that are near each other, of the labels that are shown; and words of all. */
static bool words_of(tr_figures *f)
{
    const tr_roll *r = &f->audit->labels;
    tr_words split = {0};
    tr_markings own, all = {0};
    uint8_t *seen = tr_mem_zero(TR_MARKINGS_SEEN, 1);
    bool ok = seen != NULL;

    for (uint32_t i = 0; ok && i < r->n; i++)
        ok = tr_markings_see(seen, tr_roll_item(r, i), &split);

    for (size_t i = 0; ok && i < f->n_labels; i++) {
        tr_label_figures *l = &f->label[i];
        if (l->counts == NULL)
            continue;
        ok = tr_markings_of(f->audit, seen, l->group.name, l->counts, &split, &own, &all) &&
             tr_markings_near(l->counts, &split, &l->near_handled, &l->near_deferred, &l->near);
        memcpy(l->handled, own.handled.at, sizeof l->handled);
        memcpy(l->deferred, own.deferred.at, sizeof l->deferred);
        l->n_handled = own.handled.n;
        l->n_deferred = own.deferred.n;
    }
    for (uint32_t i = 0; ok && i < r->n; i++) {
        const tr_audit_label *small = tr_roll_item(r, i);
        if (rows_of(small) < LEAST_ROWS)
            ok = tr_markings_of(f->audit, seen, tr_roll_name(r, i), small, &split, &own, &all);
    }
    memcpy(f->handled, all.handled.at, sizeof f->handled);
    memcpy(f->deferred, all.deferred.at, sizeof f->deferred);
    f->n_handled = all.handled.n;
    f->n_deferred = all.deferred.n;
    free(seen);
    tr_words_free(&split);
    return ok;
}

static bool labels(tr_figures *f)
{
    const tr_audit *a = f->audit;
    const mix m = mix_of(a);
    /* What is left when the labels that are shown are taken away: the small ones, and those that
     * were not kept. */
    tr_tally rest = a->tally;
    tr_sum tested = a->tally.handled, confirmed = a->tally.agreed;
    uint64_t answered = a->handled;
    uint32_t pooled = a->labels.crowded;

    f->label = tr_mem_zero((size_t)a->labels.n + 1, sizeof *f->label);
    if (f->label == NULL)
        return false;
    for (uint32_t i = 0; i < a->labels.n; i++) {
        const tr_audit_label *l = tr_roll_item(&a->labels, i);
        if (rows_of(l) < LEAST_ROWS) {
            pooled += rows_of(l) > 0 || l->answered > 0; /* else a label of the truth alone */
            continue;
        }
        tr_label_figures *to = &f->label[f->n_labels++];
        to->group = label_group(a, &m, tr_roll_name(&a->labels, i), &l->teacher);
        to->counts = l;
        to->answered = l->answered;
        to->confirmed = share_of(l->confirmed, l->tested);
        take_away(&rest, &l->teacher);
        tested = tr_sum_less(tested, l->tested);
        confirmed = tr_sum_less(confirmed, l->confirmed);
        answered -= l->answered;
    }
    qsort(f->label, f->n_labels, sizeof *f->label, by_what_matters);
    if (pooled > 0) {
        tr_label_figures *to = &f->label[f->n_labels++];
        to->group = label_group(a, &m, tr_str_c(""), &rest);
        to->group.pooled = pooled;
        to->answered = answered;
        to->confirmed = share_of(confirmed, tested);
    }
    return words_of(f);
}

/* An answered label, and the weight of its answers that were not the teacher's. */
typedef struct {
    tr_str name;
    uint64_t wrong;
} answer;

static bool is_worse(const answer *a, const answer *b)
{
    return a->wrong != b->wrong ? a->wrong > b->wrong : tr_str_compare(a->name, b->name) < 0;
}

/* A weight of 1 stands for the same share of traffic in every answer, so the weights rank them. */
static void withhold(tr_figures *f)
{
    const tr_roll *r = &f->audit->labels;
    answer worst[TR_FIGURES_WITHHOLD] = {0};

    for (uint32_t i = 0; i < r->n; i++) {
        const tr_audit_label *l = tr_roll_item(r, i);
        answer a = {tr_roll_name(r, i), tr_sum_less(l->tested, l->confirmed).w};
        for (size_t k = 0; k < TR_FIGURES_WITHHOLD; k++)
            if (a.wrong > 0 && (worst[k].wrong == 0 || is_worse(&a, &worst[k]))) {
                answer next = worst[k];
                worst[k] = a;
                a = next;
            }
    }
    for (size_t k = 0; k < TR_FIGURES_WITHHOLD && worst[k].wrong > 0; k++)
        f->withhold[f->n_withhold++] = worst[k].name;
}

tr_estimate tr_figures_share(const tr_figures *f, tr_str label)
{
    const tr_audit *a = f->audit;
    const tr_audit_label *l = tr_roll_look(&a->labels, label);
    const mix m = mix_of(a);
    const tr_tally none = {0};

    if (l == NULL && a->labels.crowded) /* it may be one that was not kept */
        return unknown();
    return label_group(a, &m, label, l ? &l->teacher : &none).share;
}

/* ---- slices ---- */

static void add_slice(tr_audit_slice *to, const tr_audit_slice *s)
{
    to->handled += s->handled;
    to->deferred += s->deferred;
    tr_tally_merge(&to->tally, &s->tally);
}

/* All rows but those of `some`. */
static tr_audit_slice all_but(const tr_audit *a, const tr_audit_slice *some)
{
    tr_audit_slice s = {a->handled - some->handled, a->deferred - some->deferred, a->tally};
    take_away(&s.tally, &some->tally);
    return s;
}

/* "up to 43 characters", "44 to 67 characters", "more than 67 characters"; bins begin..end - 1,
 * part i of n. */
static void name_length(char name[64], int i, int n, uint32_t begin, uint32_t end)
{
    char from[TR_NUM_TEXT], to[TR_NUM_TEXT];

    tr_num_print_grouped(from, tr_audit_length_least(begin) - (i > 0 && i == n - 1));
    tr_num_print_grouped(to, end < TR_AUDIT_LENGTHS ? tr_audit_length_least(end) - 1 : 0);
    if (n == 1)
        snprintf(name, 64, "any length");
    else if (i == 0)
        snprintf(name, 64, "up to %s characters", to);
    else if (i == n - 1)
        snprintf(name, 64, "more than %s characters", from);
    else if (strcmp(from, to) == 0)
        snprintf(name, 64, "%s characters", to);
    else
        snprintf(name, 64, "%.20s to %.20s characters", from, to);
}

/* Parts of about as many rows, and the rows without a text. */
static bool slices_by_length(tr_figures *f)
{
    const tr_audit *a = f->audit;
    uint64_t above[TR_AUDIT_LENGTHS + 1] = {0}; /* rows in bins below one */
    uint32_t cut[LENGTHS + 1] = {0};
    tr_audit_slice part[LENGTHS] = {0}, some = {0};
    int n = 0;

    for (uint32_t b = 0; b < TR_AUDIT_LENGTHS; b++)
        above[b + 1] = above[b] + a->length[b].handled + a->length[b].deferred;
    const double rows = (double)above[TR_AUDIT_LENGTHS];
    for (int p = 1; p <= LENGTHS && rows > 0; p++) {
        /* The bin at which the next part begins best; but no part is empty. */
        uint32_t best = cut[n];
        for (uint32_t b = cut[n] + 1; b <= TR_AUDIT_LENGTHS; b++)
            if (above[b] > above[cut[n]] &&
                (best == cut[n] || fabs((double)above[b] - rows * p / LENGTHS) <
                                       fabs((double)above[best] - rows * p / LENGTHS)))
                best = b;
        if (best == cut[n])
            break;
        if (above[best] == above[TR_AUDIT_LENGTHS])
            best = TR_AUDIT_LENGTHS;
        for (uint32_t b = cut[n]; b < best; b++)
            add_slice(&part[n], &a->length[b]);
        add_slice(&some, &part[n]);
        cut[++n] = best;
    }
    f->slice = tr_mem_zero(LENGTHS + 1, sizeof *f->slice);
    f->slice_name = tr_mem_zero(LENGTHS, sizeof *f->slice_name);
    if (f->slice == NULL || f->slice_name == NULL)
        return false;
    for (int i = 0; i < n; i++) {
        name_length(f->slice_name[i], i, n, cut[i], cut[i + 1]);
        f->slice[f->n_slices++] = slice_group(f, tr_str_c(f->slice_name[i]), &part[i]);
    }
    const tr_audit_slice none = all_but(a, &some);
    if (n > 0 && none.handled + none.deferred > 0)
        f->slice[f->n_slices++] = slice_group(f, tr_str_c("(none)"), &none);
    return true;
}

typedef struct {
    tr_str name;
    const void *item;
} named;

static int by_rows(const void *x, const void *y)
{
    const named *m = x, *n = y;
    const tr_audit_slice *a = m->item, *b = n->item;
    uint64_t i = a->handled + a->deferred, j = b->handled + b->deferred;

    return i != j ? (i < j) - (i > j) : tr_str_compare(m->name, n->name);
}

static int by_rows_of_pair(const void *x, const void *y)
{
    const named *m = x, *n = y;
    const tr_audit_pair *a = m->item, *b = n->item;

    if (a->handled.n != b->handled.n)
        return (a->handled.n < b->handled.n) - (a->handled.n > b->handled.n);
    if (a->deferred != b->deferred)
        return (a->deferred < b->deferred) - (a->deferred > b->deferred);
    return tr_str_compare(m->name, n->name);
}

/* A roll's entries in order; malloced. NULL when memory is out. */
static named *in_order(const tr_roll *r, int (*order)(const void *, const void *))
{
    named *list = tr_mem_array(r->n, sizeof *list);

    if (list == NULL)
        return NULL;
    for (uint32_t i = 0; i < r->n; i++)
        list[i] = (named){tr_roll_name(r, i), tr_roll_item(r, i)};
    qsort(list, r->n, sizeof *list, order);
    return list;
}

static bool slices_by_key(tr_figures *f)
{
    const tr_roll *r = &f->audit->slices;
    tr_audit_slice some = {0}, small = {0};
    uint32_t pooled = 0;
    named *list = in_order(r, by_rows);

    f->slice = tr_mem_zero(MOST_VALUES + 2, sizeof *f->slice);
    if (list == NULL || f->slice == NULL) {
        free(list);
        return false;
    }
    for (uint32_t i = 0; i < r->n; i++) {
        add_slice(&some, list[i].item);
        if (i < MOST_VALUES) {
            f->slice[f->n_slices++] = slice_group(f, list[i].name, list[i].item);
        } else {
            add_slice(&small, list[i].item);
            pooled++;
        }
    }
    free(list);
    const tr_audit_slice other = all_but(f->audit, &some);
    if (r->crowded) { /* values that were not kept, and rows without one: who can tell? */
        add_slice(&small, &other);
        pooled++;
    }
    if (pooled > 0) {
        f->slice[f->n_slices] = slice_group(f, tr_str_c(""), &small);
        f->slice[f->n_slices++].pooled = pooled;
    }
    if (!r->crowded && other.handled + other.deferred > 0)
        f->slice[f->n_slices++] = slice_group(f, tr_str_c("(none)"), &other);
    return true;
}

/* ---- pairs ---- */

static bool pairs(tr_figures *f)
{
    const tr_roll *r = &f->audit->pairs;
    const tr_tally *t = &f->audit->tally;
    const double wrong = (double)tr_sum_less(t->handled, t->agreed).w;
    named *list = in_order(r, by_rows_of_pair);

    if (list == NULL)
        return false;
    f->pairs_in_all = r->n;
    for (uint32_t i = 0; i < r->n && f->n_pairs < TR_FIGURES_PAIRS; i++) {
        const tr_audit_pair *p = list[i].item;
        tr_pair_figures *to = &f->pair[f->n_pairs];
        if (!tr_audit_pair_parts(list[i].name, &to->said, &to->meant))
            continue;
        to->rows = p->handled.n;
        to->share = wrong > 0 ? (double)p->handled.w / wrong : NAN;
        to->deferred = p->deferred;
        to->examples = &p->examples;
        f->n_pairs++;
    }
    free(list);
    return true;
}

/* ---- all of it ---- */

static bool too_great(const tr_audit *a)
{
    const tr_sum *sums[] = {&a->tally.handled, &a->tally.agreed, &a->tally.deferred, &a->truth_all,
                            &a->truth_handled};

    for (size_t i = 0; i < sizeof sums / sizeof *sums; i++)
        if (tr_sum_full(sums[i]))
            return true;
    return false;
}

tr_code tr_figures_make(tr_figures *f, const tr_audit *a, tr_err *err)
{
    memset(f, 0, sizeof *f);
    if (too_great(a))
        return tr_err_set(err, TR_DATA, "more rows, or rarer ones, than can be weighed");
    f->audit = a;
    f->rows = a->handled + a->deferred;
    f->coverage = count_of(a->handled, f->rows);
    f->agreement = share_of(a->tally.agreed, a->tally.handled);
    f->overall = overall_of(f);
    f->test = test_of(a);
    f->expected_coverage = unknown();
    if (a->promise.there && a->promise.policy && a->promise.deployed)
        f->expected_coverage.value = a->promise.coverage;
    f->has_truth = a->truth_all.n > 0;
    for (unsigned i = 0; i < TR_ANSWERERS; i++)
        f->accuracy[i] = accuracy_of(a, i);
    stages(f);
    f->n_reliability = tr_scores_reliability(a, TR_FIGURES_CONFIDENCE, f->reliability);
    f->n_curve = tr_scores_curve(a, TR_FIGURES_CONFIDENCE, f->curve, &f->operating);
    f->slices_by_length = a->by[0] == 0;
    if (!labels(f) || !(f->slices_by_length ? slices_by_length(f) : slices_by_key(f)) ||
        !pairs(f)) {
        tr_figures_free(f);
        return tr_err_memory(err);
    }
    withhold(f);
    return TR_OK;
}

void tr_figures_free(tr_figures *f)
{
    free(f->label);
    free(f->slice);
    free(f->slice_name);
    memset(f, 0, sizeof *f);
}
