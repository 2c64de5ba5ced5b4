#include "audit/ledger.h"

#include "doors/base64.h"
#include "doors/io.h"
#include "doors/scan.h"
#include "ground/hash.h"
#include "ground/le.h"

#include <stdlib.h>
#include <string.h>

static const char MAGIC[8] = "\x89TRA\r\n\x1a\n";
enum { VERSION = 2, CHECKSUM = 8 };

/* Largest plain count: it is exact in JSON, and many of them can be added. */
static const uint64_t MOST = UINT64_C(1) << 53;

/* One description of the fields serves both ways: each function below either appends what it is
 * given, which then stays as it is, or reads into it. */
typedef struct {
    tr_buf *out;     /* NULL: reading */
    tr_le_reader in; /* failed: too short, or something is out of range */
    bool memory;     /* it ran out while reading */
} pass;

/* What must hold of what was read. */
static void need(pass *p, bool holds)
{
    p->in.failed |= !holds && !p->out;
}

/* ---- fields ---- */

static void flag(pass *p, bool *x)
{
    if (p->out) {
        tr_le_put_u8(p->out, *x);
    } else {
        uint8_t byte = tr_le_u8(&p->in);
        need(p, byte <= 1);
        *x = byte == 1;
    }
}

static void u32(pass *p, uint32_t *x)
{
    if (p->out)
        tr_le_put_u32(p->out, *x);
    else
        *x = tr_le_u32(&p->in);
}

static void u64s(pass *p, uint64_t *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p->out)
            tr_le_put_u64(p->out, x[i]);
        else
            x[i] = tr_le_u64(&p->in);
    }
}

static void counts(pass *p, uint64_t *x, size_t n)
{
    u64s(p, x, n);
    for (size_t i = 0; i < n; i++)
        need(p, x[i] <= MOST);
}

static void count(pass *p, uint64_t *x)
{
    counts(p, x, 1);
}

/* A fraction 0..1. */
static void share(pass *p, double *x)
{
    if (p->out)
        tr_le_put_f64(p->out, *x);
    else
        *x = tr_le_f64(&p->in);
    need(p, *x >= 0 && *x <= 1);
}

static void text(pass *p, tr_str *s)
{
    if (p->out)
        tr_le_put_str(p->out, *s);
    else
        *s = tr_le_str(&p->in);
}

/* A C string in `size` bytes. */
static void c_text(pass *p, char *s, size_t size)
{
    tr_str own = tr_str_c(s);
    text(p, &own);
    if (p->out)
        return;
    need(p, own.data && own.size < size && tr_scan_utf8_valid(own));
    if (p->in.failed)
        return;
    need(p, !memchr(own.data, 0, own.size));
    memcpy(s, own.data, own.size);
    s[own.size] = '\0';
}

/* A row weighs 1 at least, so its three parts rise; a sum of no rows is 0. */
static void sum(pass *p, tr_sum *s)
{
    if (p->out)
        tr_sum_write(s, p->out);
    else
        *s = tr_sum_read(&p->in);
    need(p, s->n <= s->w / 1000000 && s->w <= s->s && (s->n || !s->s));
}

static void sums(pass *p, tr_sum *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sum(p, &s[i]);
}

static bool is_part(tr_sum part, tr_sum whole)
{
    return part.n <= whole.n && part.w <= whole.w && part.s <= whole.s;
}

static void tally(pass *p, tr_tally *t)
{
    sum(p, &t->handled);
    sum(p, &t->agreed);
    sum(p, &t->deferred);
    need(p, is_part(t->agreed, t->handled));
}

static void sample(pass *p, tr_sample *s, uint32_t most)
{
    tr_err ignored; /* what is wrong with it says less than whose it is */
    if (p->out) {
        tr_sample_write(s, p->out);
    } else if (!p->in.failed) {
        tr_code code = tr_sample_read(s, most, &p->in, &ignored);
        p->memory |= code == TR_SYSTEM;
        need(p, code == TR_OK);
    }
}

/* ---- totals ---- */

static void promised(pass *p, tr_promise *x)
{
    flag(p, &x->there);
    flag(p, &x->overall);
    flag(p, &x->policy);
    flag(p, &x->deployed);
    share(p, &x->alpha);
    share(p, &x->delta);
    share(p, &x->coverage);
    share(p, &x->novelty);
    u32(p, &x->threshold);
    count(p, &x->tested);
    count(p, &x->agreed);
    c_text(p, x->member, sizeof x->member);
    c_text(p, x->family, sizeof x->family);
    c_text(p, x->digest, sizeof x->digest);
    need(p, x->agreed <= x->tested && x->threshold <= 1000000);
}

/* Whether the answerer answers all rows, not only those that are handled. */
static bool answers_all(int answerer)
{
    return answerer == TR_ANSWERER_TEACHER || answerer == TR_ANSWERER_MIX;
}

/* What totals are to one another. */
static bool totals_fit(const tr_audit *a)
{
    const tr_tally *t = &a->tally;
    uint64_t rows = a->handled + a->deferred, known = t->handled.n + t->deferred.n;
    uint64_t stages = 0, whys = 0;
    bool fit = true;
    for (int k = 0; k < TR_OUTCOME_STAGES; k++) {
        stages += a->stage[k];
        fit &= is_part(a->stage_agreed[k], a->stage_tested[k]) &&
               a->stage_tested[k].n <= a->stage[k];
    }
    for (int k = 0; k < TR_WHY_COUNT; k++)
        whys += a->why[k];
    for (int k = 0; k < TR_ANSWERERS; k++)
        fit &= is_part(a->right[k], answers_all(k) ? a->truth_all : a->truth_handled);
    fit &= stages <= a->handled && whys == a->deferred && a->shadowed <= a->handled;
    fit &= t->handled.n <= a->handled && t->deferred.n <= a->deferred;
    fit &= a->unknown + a->unknowable <= a->handled - t->handled.n;
    fit &= a->unweighable <= rows - known && a->inputs <= rows && a->nameless <= t->handled.n;
    fit &= is_part(a->truth_handled, a->truth_all) && is_part(a->truth_handled, t->handled) &&
           a->truth_all.n <= known;
    fit &= a->below <= a->handled && (a->promise.policy || !a->below);
    return fit && a->least_propensity >= TR_TALLY_LEAST &&
           (t->handled.n || !(a->least_propensity < 1));
}

static void totals(pass *p, tr_audit *a)
{
    count(p, &a->handled);
    count(p, &a->deferred);
    counts(p, a->stage, TR_OUTCOME_STAGES);
    counts(p, a->why, TR_WHY_COUNT);
    count(p, &a->shadowed);
    count(p, &a->unknown);
    count(p, &a->unknowable);
    count(p, &a->unweighable);
    count(p, &a->nameless);
    count(p, &a->inputs);
    count(p, &a->below);
    tally(p, &a->tally);
    sums(p, a->stage_tested, TR_OUTCOME_STAGES);
    sums(p, a->stage_agreed, TR_OUTCOME_STAGES);
    sum(p, &a->truth_all);
    sum(p, &a->truth_handled);
    sums(p, a->right, TR_ANSWERERS);
    share(p, &a->least_propensity);
    need(p, totals_fit(a));
}

/* ---- sparse tables: the entries that are not empty, each behind its index ---- */

typedef struct {
    uint32_t most;
    bool (*empty)(const tr_audit *a, uint32_t i);
    void (*entry)(pass *p, tr_audit *a, uint32_t i);
} table;

static void entries(pass *p, tr_audit *a, const table *t)
{
    uint32_t n = 0, next = 0;
    for (uint32_t i = 0; p->out && i < t->most; i++)
        n += !t->empty(a, i);
    u32(p, &n);
    for (; n > 0 && !p->in.failed; n--) {
        uint32_t i = next;
        while (p->out && t->empty(a, i))
            i++;
        u32(p, &i);
        need(p, i >= next && i < t->most);
        if (p->in.failed)
            return;
        t->entry(p, a, i);
        need(p, !t->empty(a, i));
        next = i + 1;
    }
}

static bool thin_empty(const tr_audit *a, uint32_t i)
{
    return !a->thin_handled[i];
}

static void thin_entry(pass *p, tr_audit *a, uint32_t i)
{
    count(p, &a->thin_handled[i]);
    count(p, &a->thin_agreed[i]);
    need(p, a->thin_agreed[i] <= a->thin_handled[i]);
}

static bool bin_empty(const tr_audit *a, uint32_t i)
{
    return !(a->bin[i].handled | a->bin[i].low);
}

static void bin_entry(pass *p, tr_audit *a, uint32_t i)
{
    tr_audit_bin *b = &a->bin[i];
    count(p, &b->handled);
    count(p, &b->low);
    u64s(p, &b->score, 1);
    sum(p, &b->tested);
    sum(p, &b->agreed);
    sum(p, &b->low_tested);
    sum(p, &b->low_agreed);
    need(p, is_part(b->agreed, b->tested) && is_part(b->low_agreed, b->low_tested));
    need(p, b->tested.n <= b->handled && b->low_tested.n <= b->low);
    need(p, b->score / 1000000 <= b->tested.n + b->low_tested.n);
}

static void slice(pass *p, tr_audit_slice *s)
{
    count(p, &s->handled);
    count(p, &s->deferred);
    tally(p, &s->tally);
    need(p, s->tally.handled.n <= s->handled && s->tally.deferred.n <= s->deferred);
    need(p, s->handled | s->deferred);
}

static bool length_empty(const tr_audit *a, uint32_t i)
{
    return !(a->length[i].handled | a->length[i].deferred);
}

static void length_entry(pass *p, tr_audit *a, uint32_t i)
{
    slice(p, &a->length[i]);
}

/* The sums of the tables are the totals, or a part of them. */
static bool tables_fit(const tr_audit *a)
{
    uint64_t known = 0, agreed = 0, scored = 0, low = 0, inputs = 0;
    for (int i = 0; i < TR_AUDIT_THIN; i++) {
        known += a->thin_handled[i];
        agreed += a->thin_agreed[i];
    }
    for (int i = 0; i < TR_AUDIT_BINS; i++) {
        scored += a->bin[i].handled;
        low += a->bin[i].low;
    }
    for (int i = 0; i < TR_AUDIT_LENGTHS; i++)
        inputs += a->length[i].handled + a->length[i].deferred;
    return known == a->tally.handled.n && agreed == a->tally.agreed.n && scored <= a->handled &&
           low <= a->why[TR_WHY_LOW] && inputs == a->inputs;
}

static void tables(pass *p, tr_audit *a)
{
    static const table thin = {TR_AUDIT_THIN, thin_empty, thin_entry},
                       bin = {TR_AUDIT_BINS, bin_empty, bin_entry},
                       length = {TR_AUDIT_LENGTHS, length_empty, length_entry};
    entries(p, a, &thin);
    entries(p, a, &bin);
    entries(p, a, &length);
    need(p, p->in.failed || tables_fit(a));
}

/* ---- rolls ---- */

/* What the entries of a roll come to: never more than the totals. */
typedef struct {
    tr_tally tally;
    uint64_t handled, deferred;
} kept;

typedef struct {
    bool (*name)(tr_str name);
    void (*item)(pass *p, void *item, kept *k);
} kind;

static void label_item(pass *p, void *item, kept *k)
{
    tr_audit_label *l = item;
    tally(p, &l->teacher);
    count(p, &l->answered);
    sum(p, &l->tested);
    sum(p, &l->confirmed);
    u64s(p, l->truth, 2);
    u64s(p, l->said, TR_ANSWERERS);
    u64s(p, l->hit, TR_ANSWERERS);
    sample(p, &l->handled, TR_AUDIT_EXAMPLES);
    sample(p, &l->deferred, TR_AUDIT_EXAMPLES);
    need(p, is_part(l->confirmed, l->tested) && l->tested.n <= l->answered);
    need(p, l->truth[0] <= l->truth[1]);
    for (int i = 0; i < TR_ANSWERERS; i++)
        need(p, l->hit[i] <= l->said[i] && l->hit[i] <= l->truth[answers_all(i)]);
    tr_tally_merge(&k->tally, &l->teacher);
    k->handled += l->answered;
}

static void slice_item(pass *p, void *item, kept *k)
{
    tr_audit_slice *s = item;
    slice(p, s);
    tr_tally_merge(&k->tally, &s->tally);
    k->handled += s->handled;
    k->deferred += s->deferred;
}

static void pair_item(pass *p, void *item, kept *k)
{
    tr_audit_pair *x = item;
    sum(p, &x->handled);
    count(p, &x->deferred);
    sample(p, &x->examples, TR_AUDIT_PAIR_EXAMPLES);
    need(p, x->handled.n | x->deferred);
    tr_sum_merge(&k->tally.handled, &x->handled);
    k->deferred += x->deferred;
}

static bool is_name(tr_str name)
{
    return name.size <= TR_AUDIT_NAME && tr_scan_utf8_valid(name);
}

static bool is_pair(tr_str name)
{
    tr_str said, meant;
    return tr_audit_pair_parts(name, &said, &meant) && is_name(said) && is_name(meant);
}

/* Names rise, so that none comes twice; there are no more than are kept. */
static void roll(pass *p, tr_roll *r, const kind *of, kept *k)
{
    uint32_t crowded = r->crowded, n = r->n, *order = NULL;
    tr_str name, before = {0};
    *k = (kept){0};
    if (p->out && !(order = tr_roll_sorted(r))) {
        p->out->failed = true;
        return;
    }
    u32(p, &crowded);
    u32(p, &n);
    need(p, crowded <= 1 && n <= r->most && (n == r->most || !crowded));
    for (uint32_t i = 0; i < n && !p->in.failed; i++) {
        void *item = order ? tr_roll_item(r, order[i]) : NULL;
        name = order ? tr_roll_name(r, order[i]) : (tr_str){0};
        text(p, &name);
        need(p, name.data && of->name(name) && (i == 0 || tr_str_compare(before, name) < 0));
        if (p->in.failed)
            break;
        if (!order && !tr_roll_find(r, name, &item))
            p->memory = p->in.failed = true;
        if (item)
            of->item(p, item, k);
        need(p, item && k->handled <= MOST && k->deferred <= MOST);
        before = name;
    }
    r->crowded = crowded;
    free(order);
}

static void rolls(pass *p, tr_audit *a)
{
    static const kind label = {is_name, label_item}, slices = {is_name, slice_item},
                      pair = {is_pair, pair_item};
    const tr_tally *t = &a->tally;
    kept k;
    roll(p, &a->labels, &label, &k);
    need(p, is_part(k.tally.handled, t->handled) && is_part(k.tally.agreed, t->agreed) &&
                is_part(k.tally.deferred, t->deferred) && k.handled <= a->handled);
    roll(p, &a->slices, &slices, &k);
    need(p, is_part(k.tally.handled, t->handled) && is_part(k.tally.agreed, t->agreed) &&
                is_part(k.tally.deferred, t->deferred) && k.handled <= a->handled &&
                k.deferred <= a->deferred && (*a->by || a->slices.n == 0));
    roll(p, &a->pairs, &pair, &k);
    need(p, is_part(k.tally.handled, tr_sum_less(t->handled, t->agreed)) &&
                k.deferred <= t->deferred.n);
}

/* ---- the whole ---- */

static void contents(pass *p, tr_audit *a)
{
    tr_err ignored;
    totals(p, a);
    tables(p, a);
    rolls(p, a);
    if (p->out)
        tr_lexicon_write(&a->words, p->out);
    else if (!p->in.failed && tr_lexicon_read(&a->words, &p->in, &ignored) != TR_OK)
        p->in.failed = true;
}

tr_code tr_ledger_write(const tr_audit *a, tr_buf *out, tr_err *err)
{
    size_t begin = out->size;
    pass p = {.out = out};
    tr_audit own = *a; /* it is not written to, nor is what it owns */
    tr_buf_add(out, MAGIC, sizeof MAGIC);
    tr_le_put_u32(out, VERSION);
    promised(&p, &own.promise);
    c_text(&p, own.by, sizeof own.by);
    contents(&p, &own);
    if (!out->failed)
        tr_le_put_u64(out, tr_checksum(out->data + begin, out->size - begin));
    return out->failed ? tr_err_memory(err) : TR_OK;
}

tr_code tr_ledger_read(tr_audit *a, tr_str bytes, const char *name, tr_err *err)
{
    enum { LEAST = sizeof MAGIC + 4 + CHECKSUM };
    pass p = {0};
    if (bytes.size < LEAST || memcmp(bytes.data, MAGIC, sizeof MAGIC) != 0)
        return tr_err_at(err, name, 0, "no counts of tr-audit");
    size_t size = bytes.size - CHECKSUM;
    tr_le_open(&p.in, bytes.data + size, CHECKSUM);
    uint64_t checksum = tr_le_u64(&p.in);
    tr_le_open(&p.in, bytes.data, size);
    (void)tr_le_bytes(&p.in, sizeof MAGIC);
    uint32_t version = tr_le_u32(&p.in);
    if (version != VERSION)
        return tr_err_at(err, name, 0, "counts of version %u, which this tr-audit does not know",
                         version);
    if (tr_checksum(bytes.data, size) != checksum)
        return tr_err_at(err, name, 0, "the counts are damaged: their checksum is another");

    tr_promise promise = {0};
    char by[TR_AUDIT_KEY] = "";
    promised(&p, &promise);
    c_text(&p, by, sizeof by);
    tr_code code = tr_audit_init(a, &promise, by, err);
    if (code)
        return code;
    if (!p.in.failed)
        contents(&p, a);
    if (!p.in.failed && tr_le_left(&p.in) == 0)
        return TR_OK;
    tr_audit_free(a);
    return p.memory ? tr_err_memory(err) : tr_err_at(err, name, 0, "the counts are malformed");
}

/* The bytes in a report's "counts" into `out`. */
static tr_code take_counts_of(tr_str report, const char *name, tr_buf *out, tr_err *err)
{
    static const char *const known[] = {"counts"};
    tr_scan scan = {0};
    tr_err own;
    tr_buf room;
    tr_str plain;
    tr_buf_init(&room);
    tr_code code = tr_scan_line(&scan, report, known, 1, &own);
    const tr_scan_member *m = code ? NULL : tr_scan_find(&scan, 0);
    if (code == TR_DATA) {
        code = tr_err_at(err, name, 0, "no report of tr-audit --json (%s)", own.message);
    } else if (code) {
        code = tr_err_set(err, code, "%s", own.message);
    } else if (!m || m->type != TR_SCAN_STRING) {
        code = tr_err_at(err, name, 0, "no report of tr-audit --json (no \"counts\")");
    } else if (!tr_scan_text(m->value, &room, &plain) ||
               !tr_base64_take(out, plain.data ? plain : tr_buf_str(&room))) {
        code = room.failed || out->failed ? tr_err_memory(err)
                                          : tr_err_at(err, name, 0, "\"counts\" is no base64");
    }
    tr_buf_free(&room);
    tr_scan_free(&scan);
    return code;
}

tr_code tr_ledger_read_report(tr_audit *a, const char *file, tr_err *err)
{
    const char *name = strcmp(file, "-") ? file : "stdin";
    tr_buf report, bytes;
    tr_buf_init(&report);
    tr_buf_init(&bytes);
    tr_code code = tr_io_slurp(file, &report, err);
    if (code == TR_OK)
        code = take_counts_of(tr_buf_str(&report), name, &bytes, err);
    if (code == TR_OK)
        code = tr_ledger_read(a, tr_buf_str(&bytes), name, err);
    tr_buf_free(&report);
    tr_buf_free(&bytes);
    return code;
}
