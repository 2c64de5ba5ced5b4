#include "audit/audit.h"

#include "doors/scan.h"
#include "ground/le.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A row as it counts. */
typedef struct {
    const tr_outcome *o;
    double p;                  /* propensity, TR_TALLY_LEAST..1; only where known */
    tr_sum one;                /* the row alone; only where known */
    bool known;                /* the teacher's label is, and has a weight */
    bool agreed;               /* handled and known, and the teacher said the same */
    bool judged;               /* known, and the truth is too */
    bool right[TR_ANSWERERS];  /* judged, and that answerer said the truth */
    tr_str teacher, label, by; /* names as they are kept */
    tr_str truth;
} row;

/* ---- pieces ---- */

static void more(uint64_t *count, uint64_t by)
{
    *count = by > UINT64_MAX - *count ? UINT64_MAX : *count + by;
}

static tr_str cut(tr_str name)
{
    return tr_scan_cut(name, TR_AUDIT_NAME);
}

static uint64_t characters(tr_str text)
{ /* bytes that begin one: not 10xxxxxx */
    const uint64_t ones = 0x0101010101010101u;
    uint64_t n = text.size;
    size_t i = 0;
    for (; text.size - i >= 8; i += 8) {
        uint64_t x;
        memcpy(&x, text.data + i, 8);
        n -= ((x >> 7 & ~(x >> 6) & ones) * ones) >> 56;
    }
    for (; i < text.size; i++)
        n -= (text.data[i] & 0xc0) == 0x80;
    return n;
}

uint32_t tr_audit_length_bin(uint64_t n)
{
    if (n < 16)
        return (uint32_t)n;
    unsigned e = 63 - (unsigned)__builtin_clzll(n);
    uint32_t bin = 16 + (e - 4) * 4 + (uint32_t)(n >> (e - 2) & 3);
    return bin < TR_AUDIT_LENGTHS ? bin : TR_AUDIT_LENGTHS - 1;
}

uint64_t tr_audit_length_least(uint32_t bin)
{
    return bin < 16 ? bin : (uint64_t)(4 + bin % 4) << (bin / 4 - 2);
}

/* The bins are those of a float's exponent and the first four bits behind it. */
enum { OCTAVES = TR_AUDIT_THIN / 16 };

double tr_audit_thin_chance(uint32_t bin)
{
    return bin == 0 ? 0 : ldexp(1 + bin % 16 / 16.0, (int)(bin / 16) - OCTAVES);
}

uint32_t tr_audit_thin_bin(double v)
{
    uint64_t bits, first = (uint64_t)(1023 - OCTAVES) << 4;
    memcpy(&bits, &v, sizeof bits);
    uint64_t at = bits >> 48;
    if (!(v > 0) || at <= first)
        return 0;
    return at - first < TR_AUDIT_THIN ? (uint32_t)(at - first) : TR_AUDIT_THIN - 1;
}

void tr_audit_pair_name(tr_str said, tr_str meant, tr_buf *out)
{
    tr_le_put_str(out, said);
    tr_buf_add_str(out, meant);
}

bool tr_audit_pair_parts(tr_str name, tr_str *said, tr_str *meant)
{
    tr_le_reader r;
    tr_le_open(&r, name.data, name.size);
    *said = tr_le_str(&r);
    *meant = tr_str_of(name.data + r.at, tr_le_left(&r));
    return !r.failed;
}

/* ---- begin and end ---- */

static void drop_label(void *item)
{
    tr_audit_label *l = item;
    tr_sample_free(&l->handled);
    tr_sample_free(&l->deferred);
}

static void drop_pair(void *item)
{
    tr_audit_pair *p = item;
    tr_sample_free(&p->examples);
}

tr_code tr_audit_init(tr_audit *a, const tr_promise *promise, const char *by, tr_err *err)
{
    *a = (tr_audit){.least_propensity = 1};
    size_t size = by ? strlen(by) : 0;
    if (size >= sizeof a->by)
        return tr_err_set(err, TR_USAGE, "the key of the slices has %zu bytes; at most %d", size,
                          TR_AUDIT_KEY - 1);
    if (size)
        memcpy(a->by, by, size);
    if (promise)
        a->promise = *promise;
    a->thin = tr_hash_derive(0, "audit-thin");
    tr_buf_init(&a->name);
    tr_roll_init(&a->labels, TR_AUDIT_LABELS, sizeof(tr_audit_label), drop_label);
    tr_roll_init(&a->slices, TR_AUDIT_SLICES, sizeof(tr_audit_slice), NULL);
    tr_roll_init(&a->pairs, TR_AUDIT_PAIRS, sizeof(tr_audit_pair), drop_pair);
    a->bin = tr_mem_zero(TR_AUDIT_BINS, sizeof *a->bin);
    a->length = tr_mem_zero(TR_AUDIT_LENGTHS, sizeof *a->length);
    if (!a->bin || !a->length || !tr_lexicon_init(&a->words)) {
        tr_audit_free(a);
        return tr_err_memory(err);
    }
    return TR_OK;
}

void tr_audit_free(tr_audit *a)
{
    free(a->bin);
    free(a->length);
    tr_roll_free(&a->labels);
    tr_roll_free(&a->slices);
    tr_roll_free(&a->pairs);
    tr_lexicon_free(&a->words);
    tr_words_free(&a->split);
    tr_buf_free(&a->name);
    *a = (tr_audit){0};
}

/* ---- a row ---- */

static row row_of(const tr_outcome *o)
{
    row r = {.o = o, .label = cut(o->label), .by = cut(o->by)};
    r.known = o->teacher.data && o->propensity > 0;
    if (!r.known)
        return r;
    r.p = o->propensity < TR_TALLY_LEAST ? TR_TALLY_LEAST : o->propensity;
    tr_sum_add(&r.one, r.p);
    r.teacher = cut(o->teacher);
    r.agreed = o->handled && tr_str_equal(o->label, o->teacher);
    r.judged = o->truth.data;
    if (r.judged) {
        bool label = o->handled && tr_str_equal(o->label, o->truth);
        bool teacher = tr_str_equal(o->teacher, o->truth);
        r.truth = cut(o->truth);
        r.right[TR_ANSWERER_SURROGATE] = label;
        r.right[TR_ANSWERER_TEACHER_HANDLED] = teacher && o->handled;
        r.right[TR_ANSWERER_TEACHER] = teacher;
        r.right[TR_ANSWERER_MIX] = o->handled ? label : teacher;
    }
    return r;
}

static void tally(tr_tally *t, const row *r)
{
    tr_sum_merge(r->o->handled ? &t->handled : &t->deferred, &r->one);
    if (r->agreed)
        tr_sum_merge(&t->agreed, &r->one);
}

static void add_totals(tr_audit *a, const row *r)
{
    const tr_outcome *o = r->o;
    bool staged = o->handled && o->stage >= 1 && o->stage <= TR_OUTCOME_STAGES;
    if (o->handled) {
        a->handled++;
        a->shadowed += o->shadow;
        if (staged)
            a->stage[o->stage - 1]++;
        if (!o->teacher.data)
            (*(o->propensity > 0 ? &a->unknown : &a->unknowable))++;
        a->below += a->promise.policy && o->score != TR_OUTCOME_NO_SCORE &&
                    o->score < a->promise.threshold;
    } else {
        a->deferred++;
        a->why[o->why]++;
    }
    a->unweighable += o->teacher.data && !r->known;
    a->inputs += o->input.data != NULL;
    if (!r->known)
        return;
    tally(&a->tally, r);
    if (o->handled) {
        uint32_t thin = tr_audit_thin_bin(r->p * tr_hash_unit(tr_hash_keyed_u64(a->thin, o->key)));
        a->thin_handled[thin]++;
        a->thin_agreed[thin] += r->agreed;
        a->nameless += !o->named;
        if (r->p < a->least_propensity)
            a->least_propensity = r->p;
    }
    if (staged) {
        tr_sum_merge(&a->stage_tested[o->stage - 1], &r->one);
        if (r->agreed)
            tr_sum_merge(&a->stage_agreed[o->stage - 1], &r->one);
    }
    if (r->judged) {
        tr_sum_merge(&a->truth_all, &r->one);
        if (o->handled)
            tr_sum_merge(&a->truth_handled, &r->one);
        for (int k = 0; k < TR_ANSWERERS; k++)
            if (r->right[k])
                tr_sum_merge(&a->right[k], &r->one);
    }
}

static void add_bin(tr_audit *a, const row *r)
{
    const tr_outcome *o = r->o;
    if (o->score == TR_OUTCOME_NO_SCORE)
        return;
    uint32_t at = o->score / (1000000 / TR_AUDIT_BINS);
    tr_audit_bin *b = &a->bin[at < TR_AUDIT_BINS ? at : TR_AUDIT_BINS - 1];
    if (o->handled) {
        b->handled++;
        if (!r->known)
            return;
        tr_sum_merge(&b->tested, &r->one);
        if (r->agreed)
            tr_sum_merge(&b->agreed, &r->one);
    } else {
        if (o->why != TR_WHY_LOW)
            return;
        b->low++;
        if (!r->known || !o->would.data)
            return;
        tr_sum_merge(&b->low_tested, &r->one);
        if (tr_str_equal(o->would, o->teacher))
            tr_sum_merge(&b->low_agreed, &r->one);
    }
    b->score += o->score;
}

static void count_slice(tr_audit_slice *s, const row *r)
{
    s->handled += r->o->handled;
    s->deferred += !r->o->handled;
    if (r->known)
        tally(&s->tally, r);
}

static bool add_slices(tr_audit *a, const row *r)
{
    if (r->o->input.data)
        count_slice(&a->length[tr_audit_length_bin(characters(r->o->input))], r);
    if (!r->by.data)
        return true;
    void *item;
    if (!tr_roll_find(&a->slices, r->by, &item))
        return false;
    if (item)
        count_slice(item, r);
    return true;
}

/* What a name is to a row. */
enum { TEACHER = 1, LABEL = 2, TRUTH = 4 };

/* Without the sample. */
static void count_label(tr_audit_label *l, const row *r, unsigned roles)
{
    bool handled = r->o->handled;
    if (roles & TEACHER)
        tally(&l->teacher, r);
    if (roles & LABEL) {
        l->answered++;
        if (r->known)
            tr_sum_merge(&l->tested, &r->one);
        if (r->agreed)
            tr_sum_merge(&l->confirmed, &r->one);
    }
    if (!r->judged)
        return;
    const bool said[TR_ANSWERERS] = {
        [TR_ANSWERER_SURROGATE] = roles & LABEL,
        [TR_ANSWERER_TEACHER_HANDLED] = (roles & TEACHER) && handled,
        [TR_ANSWERER_TEACHER] = roles & TEACHER,
        [TR_ANSWERER_MIX] = roles & (handled ? LABEL : TEACHER),
    };
    for (int k = 0; k < TR_ANSWERERS; k++) {
        if (said[k])
            more(&l->said[k], r->one.w);
        if ((roles & TRUTH) && r->right[k])
            more(&l->hit[k], r->one.w);
    }
    if (roles & TRUTH) {
        more(&l->truth[1], r->one.w);
        if (handled)
            more(&l->truth[0], r->one.w);
    }
}

/* Each name of the row once, whatever it is to it. */
static bool add_labels(tr_audit *a, const row *r)
{
    const tr_outcome *o = r->o;
    const tr_str name[] = {r->teacher, o->handled ? r->label : (tr_str){0}, r->truth};
    unsigned done = 0;
    for (unsigned i = 0; i < 3; i++) {
        unsigned roles = 0;
        for (unsigned k = i; k < 3; k++)
            if (name[i].data && name[k].data && !(done >> k & 1) && tr_str_equal(name[i], name[k]))
                roles |= 1u << k;
        if (!(roles >> i & 1))
            continue;
        done |= roles;
        void *item;
        if (!tr_roll_find(&a->labels, name[i], &item))
            return false;
        if (!item)
            continue;
        tr_audit_label *l = item;
        count_label(l, r, roles);
        if ((roles & TEACHER) && o->input.data &&
            !tr_sample_offer(o->handled ? &l->handled : &l->deferred, TR_AUDIT_EXAMPLES, o->key,
                             o->input, o->score))
            return false;
    }
    return true;
}

static bool add_pair(tr_audit *a, const row *r)
{
    const tr_outcome *o = r->o;
    tr_str said = o->handled ? o->label : o->would;
    if (!r->known || !said.data || tr_str_equal(said, o->teacher))
        return true;
    void *item;
    tr_buf_clear(&a->name);
    tr_audit_pair_name(cut(said), r->teacher, &a->name);
    if (a->name.failed || !tr_roll_find(&a->pairs, tr_buf_str(&a->name), &item))
        return false;
    if (!item)
        return true;
    tr_audit_pair *p = item;
    if (o->handled)
        tr_sum_merge(&p->handled, &r->one);
    else
        p->deferred++;
    return !o->input.data ||
           tr_sample_offer(&p->examples, TR_AUDIT_PAIR_EXAMPLES, o->key, o->input, o->score);
}

static bool add_words(tr_audit *a, const row *r)
{
    uint64_t hash[TR_LEXICON_WORDS];
    if (!r->o->input.data)
        return true;
    int n = tr_lexicon_words(&a->split, r->o->input, hash);
    if (n < 0)
        return false;
    tr_lexicon_add(&a->words, 0, hash, n, r->o->handled);
    if (r->known)
        tr_lexicon_add(&a->words, tr_lexicon_label(r->teacher), hash, n, r->o->handled);
    return true;
}

tr_code tr_audit_add(tr_audit *a, const tr_outcome *o, tr_err *err)
{
    row r = row_of(o);
    add_totals(a, &r);
    add_bin(a, &r);
    if (!add_slices(a, &r) || !add_labels(a, &r) || !add_pair(a, &r) || !add_words(a, &r))
        return tr_err_memory(err);
    return TR_OK;
}

/* ---- merging ---- */

/* In words, in what the policy or the promise of `b` is another than that of `a`, alpha and delta
 * aside; NULL: in nothing. */
static const char *difference(const tr_promise *a, const tr_promise *b)
{
    if (a->there != b->there)
        return b->there ? "it is held against a promise, the reports before it against none"
                        : "it is held against no promise, the reports before it against one";
    if (a->policy != b->policy)
        return b->policy ? "its promise is a policy's, the reports before it had theirs by --alpha"
                         : "its promise was given by --alpha, the reports before it had a policy's";
    if (a->overall != b->overall)
        return b->overall ? "its promise is about all traffic, that of the reports before it about "
                            "what is handled"
                          : "its promise is about what is handled, that of the reports before it "
                            "about all traffic";
    if (strcmp(a->digest, b->digest))
        return "its policy was fitted on other traces than that of the reports before it";
    if (a->threshold != b->threshold || a->coverage != b->coverage || a->novelty != b->novelty ||
        a->tested != b->tested || a->agreed != b->agreed || a->deployed != b->deployed ||
        strcmp(a->member, b->member) || strcmp(a->family, b->family))
        return "its policy is another fit than that of the reports before it";
    return NULL;
}

static tr_code check_alike(const tr_audit *a, const tr_audit *b, tr_err *err)
{
    const tr_promise *p = &a->promise, *q = &b->promise;
    const char *what = difference(p, q);

    if (p->there && q->there && p->alpha != q->alpha)
        return tr_err_set(err, TR_DATA,
                          "it is held against alpha %.7g, the reports before it against %.7g",
                          q->alpha, p->alpha);
    if (p->there && q->there && p->delta != q->delta)
        return tr_err_set(err, TR_DATA,
                          "it is held against delta %.7g, the reports before it against %.7g",
                          q->delta, p->delta);
    if (what)
        return tr_err_set(err, TR_DATA, "%s", what);
    if (strcmp(a->by, b->by))
        return tr_err_set(err, TR_DATA,
                          "its slices are by %s, those of the reports before it by %s",
                          *b->by ? b->by : "length", *a->by ? a->by : "length");
    return TR_OK;
}

static void merge_slice(tr_audit_slice *s, const tr_audit_slice *other)
{
    more(&s->handled, other->handled);
    more(&s->deferred, other->deferred);
    tr_tally_merge(&s->tally, &other->tally);
}

static bool merge_slice_item(void *item, const void *other)
{
    merge_slice(item, other);
    return true;
}

static bool merge_label_item(void *item, const void *other)
{
    tr_audit_label *l = item;
    const tr_audit_label *o = other;
    tr_tally_merge(&l->teacher, &o->teacher);
    more(&l->answered, o->answered);
    tr_sum_merge(&l->tested, &o->tested);
    tr_sum_merge(&l->confirmed, &o->confirmed);
    for (int k = 0; k < 2; k++)
        more(&l->truth[k], o->truth[k]);
    for (int k = 0; k < TR_ANSWERERS; k++) {
        more(&l->said[k], o->said[k]);
        more(&l->hit[k], o->hit[k]);
    }
    return tr_sample_merge(&l->handled, TR_AUDIT_EXAMPLES, &o->handled) &&
           tr_sample_merge(&l->deferred, TR_AUDIT_EXAMPLES, &o->deferred);
}

static bool merge_pair_item(void *item, const void *other)
{
    tr_audit_pair *p = item;
    const tr_audit_pair *o = other;
    tr_sum_merge(&p->handled, &o->handled);
    more(&p->deferred, o->deferred);
    return tr_sample_merge(&p->examples, TR_AUDIT_PAIR_EXAMPLES, &o->examples);
}

static bool merge_roll(tr_roll *r, const tr_roll *other,
                       bool (*merge_item)(void *item, const void *other))
{
    r->crowded |= other->crowded;
    for (uint32_t i = 0; i < other->n; i++) {
        void *item;
        if (!tr_roll_find(r, tr_roll_name(other, i), &item) ||
            (item && !merge_item(item, tr_roll_item(other, i))))
            return false;
    }
    return true;
}

static void merge_totals(tr_audit *a, const tr_audit *o)
{
    more(&a->handled, o->handled);
    more(&a->deferred, o->deferred);
    for (int k = 0; k < TR_OUTCOME_STAGES; k++) {
        more(&a->stage[k], o->stage[k]);
        tr_sum_merge(&a->stage_tested[k], &o->stage_tested[k]);
        tr_sum_merge(&a->stage_agreed[k], &o->stage_agreed[k]);
    }
    for (int k = 0; k < TR_WHY_COUNT; k++)
        more(&a->why[k], o->why[k]);
    more(&a->shadowed, o->shadowed);
    more(&a->unknown, o->unknown);
    more(&a->unknowable, o->unknowable);
    more(&a->unweighable, o->unweighable);
    more(&a->nameless, o->nameless);
    more(&a->inputs, o->inputs);
    more(&a->below, o->below);
    tr_tally_merge(&a->tally, &o->tally);
    tr_sum_merge(&a->truth_all, &o->truth_all);
    tr_sum_merge(&a->truth_handled, &o->truth_handled);
    for (int k = 0; k < TR_ANSWERERS; k++)
        tr_sum_merge(&a->right[k], &o->right[k]);
    for (int k = 0; k < TR_AUDIT_THIN; k++) {
        more(&a->thin_handled[k], o->thin_handled[k]);
        more(&a->thin_agreed[k], o->thin_agreed[k]);
    }
    if (o->least_propensity < a->least_propensity)
        a->least_propensity = o->least_propensity;
}

static void merge_bin(tr_audit_bin *b, const tr_audit_bin *o)
{
    more(&b->handled, o->handled);
    tr_sum_merge(&b->tested, &o->tested);
    tr_sum_merge(&b->agreed, &o->agreed);
    more(&b->low, o->low);
    tr_sum_merge(&b->low_tested, &o->low_tested);
    tr_sum_merge(&b->low_agreed, &o->low_agreed);
    more(&b->score, o->score);
}

tr_code tr_audit_merge(tr_audit *a, const tr_audit *other, tr_err *err)
{
    tr_code code = check_alike(a, other, err);
    if (code != TR_OK)
        return code;
    merge_totals(a, other);
    for (int k = 0; k < TR_AUDIT_BINS; k++)
        merge_bin(&a->bin[k], &other->bin[k]);
    for (int k = 0; k < TR_AUDIT_LENGTHS; k++)
        merge_slice(&a->length[k], &other->length[k]);
    tr_lexicon_merge(&a->words, &other->words);
    if (!merge_roll(&a->labels, &other->labels, merge_label_item) ||
        !merge_roll(&a->slices, &other->slices, merge_slice_item) ||
        !merge_roll(&a->pairs, &other->pairs, merge_pair_item))
        return tr_err_memory(err);
    return TR_OK;
}
