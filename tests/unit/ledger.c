#include "audit/ledger.h"

#include "doors/base64.h"
#include "ground/hash.h"
#include "ground/rng.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"

static tr_err err;

static const tr_promise PROMISE = {
    .there = true,
    .alpha = 0.92,
    .delta = 0.05,
    .policy = true,
    .deployed = true,
    .coverage = 0.8,
    .novelty = 0.01,
    .threshold = 612345,
    .tested = 900,
    .agreed = 850,
    .member = "svm > blend",
    .family = "rsb",
    .digest = "00112233445566778899aabbccddeeff",
};

/* ---- a log ---- */

typedef struct {
    char said[24], teacher[24], truth[24], by[24], input[400];
} texts;

/* Row i of a log of that many labels. */
static tr_outcome row(uint64_t i, uint32_t labels, texts *t)
{
    tr_rng r;
    tr_rng_init(&r, i + 1);
    tr_outcome o = {.handled = tr_rng_below(&r, 4) > 0, .key = tr_rng_next(&r)};
    uint64_t teacher = tr_rng_below(&r, labels), said = tr_rng_below(&r, 2);
    said = said ? teacher : tr_rng_below(&r, labels);
    snprintf(t->said, sizeof t->said, "label-%d", (int)said);
    snprintf(t->teacher, sizeof t->teacher, "label-%d", (int)teacher);
    snprintf(t->truth, sizeof t->truth, "label-%d", (int)tr_rng_below(&r, labels));
    snprintf(t->by, sizeof t->by, "v%d", (int)tr_rng_below(&r, labels / 4 + 1));
    *t->input = '\0';
    for (uint64_t n = tr_rng_below(&r, 30), k = 0; k < n; k++) {
        size_t size = strlen(t->input);
        snprintf(t->input + size, sizeof t->input - size, "w%d\xC3\xA9 ",
                 (int)tr_rng_below(&r, 500));
    }
    double share = tr_rng_below(&r, 2) ? 0.05 : 0.2;
    o.would = tr_str_c(t->said);
    o.propensity = 1;
    if (o.handled) {
        o.label = o.would;
        o.stage = (unsigned)tr_rng_below(&r, 2) + 1;
        o.propensity = share;
        o.shadow = tr_rng_below(&r, 4) > 0;
    } else {
        o.why = (tr_why)tr_rng_below(&r, TR_WHY_COUNT);
    }
    if (!o.handled || o.shadow)
        o.teacher = tr_str_c(t->teacher);
    if (tr_rng_below(&r, 3))
        o.truth = tr_str_c(t->truth);
    if (tr_rng_below(&r, 10))
        o.input = tr_str_c(t->input);
    if (tr_rng_below(&r, 10))
        o.by = tr_str_c(t->by);
    o.score = tr_rng_below(&r, 20) ? (uint32_t)tr_rng_below(&r, 1000001) : TR_OUTCOME_NO_SCORE;
    return o;
}

static tr_audit begin(void)
{
    tr_audit a;
    CHECK(tr_audit_init(&a, &PROMISE, "channel", &err) == TR_OK);
    return a;
}

static void add(tr_audit *a, uint64_t i, uint32_t labels)
{
    texts t;
    tr_outcome o = row(i, labels, &t);
    CHECK(tr_audit_add(a, &o, &err) == TR_OK);
}

static tr_audit count(uint64_t rows, uint32_t labels)
{
    tr_audit a = begin();
    for (uint64_t i = 0; i < rows; i++)
        add(&a, i, labels);
    return a;
}

static tr_buf written(const tr_audit *a)
{
    tr_buf b;
    tr_buf_init(&b);
    CHECK(tr_ledger_write(a, &b, &err) == TR_OK);
    return b;
}

static bool equal(const tr_buf *a, const tr_buf *b)
{
    return tr_str_equal(tr_buf_str(a), tr_buf_str(b));
}

/* The audit written and read again; the old one is freed. */
static void pass_on(tr_audit *a)
{
    tr_audit back;
    tr_buf b = written(a);
    tr_code code = tr_ledger_read(&back, tr_buf_str(&b), "shard", &err);
    CHECK(code == TR_OK);
    if (code == TR_OK) {
        tr_buf again = written(&back);
        CHECK(equal(&b, &again));
        tr_buf_free(&again);
        tr_audit_free(a);
        *a = back;
    }
    tr_buf_free(&b);
}

/* ---- the order does not matter ---- */

/* Shards of any sizes, of rows in any order, merged in any order, as bytes in between. */
static void shards_of(uint64_t rows, uint32_t labels, uint32_t shards, const tr_buf *whole)
{
    tr_rng r;
    tr_rng_init(&r, shards);
    uint64_t *order = malloc(rows * sizeof *order);
    tr_audit *shard = malloc(shards * sizeof *shard);
    CHECK(order && shard);
    for (uint64_t i = 0; i < rows; i++) { /* shuffled */
        uint64_t k = tr_rng_below(&r, i + 1);
        order[i] = order[k];
        order[k] = i;
    }
    for (uint32_t s = 0; s < shards; s++)
        shard[s] = begin();
    for (uint64_t i = 0; i < rows; i++) { /* the first shard gets half, the next a quarter */
        uint32_t s = (uint32_t)__builtin_ctzll(tr_rng_next(&r) | UINT64_C(1) << (shards - 1));
        add(&shard[s], order[i], labels);
    }
    for (uint32_t left = shards; left > 1; left--) { /* any two of those that are left */
        uint32_t a = (uint32_t)tr_rng_below(&r, left), b = (uint32_t)tr_rng_below(&r, left - 1);
        tr_audit last = shard[left - 1];
        shard[left - 1] = shard[a];
        shard[a] = last;
        pass_on(&shard[b]);
        CHECK(tr_audit_merge(&shard[b], &shard[left - 1], &err) == TR_OK);
        tr_audit_free(&shard[left - 1]);
    }
    tr_buf merged = written(&shard[0]);
    CHECK(equal(&merged, whole));
    tr_buf_free(&merged);
    tr_audit_free(&shard[0]);
    free(shard);
    free(order);
}

static void shards_are_the_whole(void)
{
    tr_audit a = count(3000, 40);
    CHECK(a.labels.n == 40 && !a.labels.crowded && a.slices.n == 11);
    tr_buf whole = written(&a);
    for (uint32_t shards = 1; shards <= 6; shards++)
        shards_of(3000, 40, shards, &whole);
    tr_buf_free(&whole);
    tr_audit_free(&a);
}

static void shards_are_the_whole_where_rolls_are_crowded(void)
{
    enum { ROWS = 60000, LABELS = 20000 };
    tr_audit a = count(ROWS, LABELS);
    CHECK(a.labels.crowded && a.labels.n == TR_AUDIT_LABELS);
    CHECK(a.slices.crowded && a.slices.n == TR_AUDIT_SLICES);
    CHECK(a.pairs.crowded && a.pairs.n == TR_AUDIT_PAIRS);
    tr_buf whole = written(&a);
    shards_of(ROWS, LABELS, 3, &whole);
    /* of the labels that are kept every row was counted: those of the teacher's are the total but
     * for the share of labels that was left out */
    uint64_t rows = 0, all = a.tally.handled.n + a.tally.deferred.n;
    for (uint32_t i = 0; i < a.labels.n; i++) {
        const tr_audit_label *l = tr_roll_item(&a.labels, i);
        rows += l->teacher.handled.n + l->teacher.deferred.n;
    }
    CHECK_NEAR((double)rows / (double)all, (double)TR_AUDIT_LABELS / LABELS, 0.01);
    tr_buf_free(&whole);
    tr_audit_free(&a);
}

static void an_audit_of_nothing_is_one(void)
{
    tr_audit a;
    CHECK(tr_audit_init(&a, NULL, NULL, &err) == TR_OK);
    pass_on(&a);
    CHECK(a.least_propensity == 1 && !a.promise.there && !*a.by && a.handled == 0);
    tr_audit_free(&a);
    a = begin();
    pass_on(&a);
    CHECK(a.promise.alpha == 0.92 && a.promise.policy && !a.promise.overall);
    CHECK(!strcmp(a.promise.member, PROMISE.member) && !strcmp(a.by, "channel"));
    CHECK(a.promise.threshold == 612345 && a.promise.tested == 900);
    tr_audit_free(&a);
}

/* ---- what is refused ---- */

static void seal(tr_buf *b)
{
    uint64_t sum = tr_checksum(b->data, b->size - 8);
    memcpy(b->data + b->size - 8, &sum, 8);
}

/* TR_OK or TR_DATA; says why. */
static tr_code read_of(const tr_buf *b)
{
    tr_audit a;
    err = (tr_err){0};
    tr_code code = tr_ledger_read(&a, tr_buf_str(b), "r.json", &err);
    if (code == TR_OK)
        tr_audit_free(&a);
    else
        CHECK(code == TR_DATA && !strncmp(err.message, "r.json: ", 8));
    return code;
}

static void damage_is_noticed(void)
{
    tr_audit a = count(20, 3);
    tr_buf b = written(&a), c;
    tr_buf_init(&c);
    CHECK(read_of(&b) == TR_OK);
    for (size_t i = 0; i < b.size; i++) {
        b.data[i] ^= (char)(1 << i % 8);
        CHECK(read_of(&b) == TR_DATA);
        b.data[i] ^= (char)(1 << i % 8);
    }
    for (size_t size = 0; size < b.size; size++) { /* cut, and the checksum put right */
        tr_buf_clear(&c);
        tr_buf_add(&c, b.data, size);
        CHECK(read_of(&c) == TR_DATA);
        tr_buf_add_zero(&c, 8);
        seal(&c);
        CHECK((read_of(&c) == TR_OK) == (size + 8 == b.size));
    }
    tr_buf_clear(&c); /* more behind the last field */
    tr_buf_add(&c, b.data, b.size);
    tr_buf_add_zero(&c, 1);
    CHECK(read_of(&c) == TR_DATA);
    seal(&c);
    CHECK(read_of(&c) == TR_DATA && strstr(err.message, "malformed"));
    b.data[8] = 1;
    seal(&b);
    CHECK(read_of(&b) == TR_DATA && strstr(err.message, "version 1"));
    tr_buf_free(&b);
    tr_buf_free(&c);
    tr_audit_free(&a);
}

/* The only place of `old` in the bytes becomes `new`, of the same size. */
static tr_code with(const tr_buf *b, const char *old, const char *new, size_t size)
{
    tr_buf c;
    tr_buf_init(&c);
    tr_buf_add_str(&c, tr_buf_str(b));
    char *at = memmem(c.data, c.size, old, size);
    CHECK(at && !memmem(at + 1, c.size - (size_t)(at + 1 - c.data), old, size));
    if (at)
        memcpy(at, new, size);
    seal(&c);
    tr_code code = read_of(&c);
    tr_buf_free(&c);
    return code;
}

static void names_are_in_order_and_texts(void)
{
    static const char *const label[] = {"xa", "xb", "xc"};
    tr_audit a = begin();
    for (int i = 0; i < 3; i++) {
        tr_outcome o = {.handled = true, .label = tr_str_c(label[i]), .stage = 1};
        o.by = tr_str_c(label[i]);
        CHECK(tr_audit_add(&a, &o, &err) == TR_OK);
    }
    tr_roll_free(&a.slices); /* so that each name is there once */
    tr_outcome o = {.handled = true, .by = tr_str_c("s1"), .label = tr_str_c("xc")};
    CHECK(tr_audit_add(&a, &o, &err) == TR_OK);
    tr_buf b = written(&a);
    CHECK(with(&b, "xb", "xb", 2) == TR_OK);
    CHECK(with(&b, "xb", "xa", 2) == TR_DATA);
    CHECK(with(&b, "xb", "xz", 2) == TR_DATA);
    CHECK(with(&b, "xb", "x\xFF", 2) == TR_DATA);
    CHECK(with(&b, "s1", "\xFFs", 2) == TR_DATA && with(&b, "s1", "s2", 2) == TR_OK);
    CHECK(with(&b, "channel", "chan\0el", 7) == TR_DATA);
    CHECK(with(&b, "channel", "chann\xC3l", 7) == TR_DATA);
    CHECK(with(&b, "channel", "ch\xC3\xA9nel", 7) == TR_OK);
    CHECK(with(&b, "svm > blend", "svm > bl\xFFnd", 11) == TR_DATA);
    tr_buf_free(&b);
    tr_audit_free(&a);
}

/* Writes the audit as it is now and reads that. */
static tr_code read_back(const tr_audit *a)
{
    tr_buf b = written(a);
    tr_code code = read_of(&b);
    tr_buf_free(&b);
    return code;
}

#define REFUSED(field, value)                                                                      \
    do {                                                                                           \
        __typeof__(field) was = field;                                                             \
        field = value;                                                                             \
        CHECK(read_back(&a) == TR_DATA);                                                           \
        field = was;                                                                               \
    } while (0)

static void what_cannot_be_is_refused(void)
{
    tr_audit a = count(500, 3);
    CHECK(read_back(&a) == TR_OK);
    REFUSED(a.promise.alpha, 1.1);
    REFUSED(a.promise.delta, -0.1);
    REFUSED(a.promise.coverage, (double)NAN);
    REFUSED(a.promise.threshold, 1000001);
    REFUSED(a.promise.tested, a.promise.agreed - 1);
    REFUSED(a.handled, (UINT64_C(1) << 53) + 1);
    REFUSED(a.handled, a.tally.handled.n);
    REFUSED(a.deferred, a.deferred + 1);
    REFUSED(a.stage[0], a.handled);
    REFUSED(a.shadowed, a.handled + 1);
    REFUSED(a.unknown, a.handled);
    REFUSED(a.unweighable, a.handled);
    REFUSED(a.inputs, a.inputs - 1);
    CHECK(a.below > 0 && a.below < a.handled);
    REFUSED(a.below, a.handled + 1);
    REFUSED(a.promise.policy, false); /* then nothing is below its threshold */
    REFUSED(a.tally.agreed.n, a.tally.handled.n + 1);
    REFUSED(a.tally.agreed.w, a.tally.handled.w + 1);
    REFUSED(a.tally.handled.w, 5);
    REFUSED(a.tally.handled.s, a.tally.handled.w - 1);
    REFUSED(a.stage_agreed[1], a.stage_tested[1].n ? a.tally.handled : a.truth_all);
    REFUSED(a.right[TR_ANSWERER_MIX].w, a.truth_all.w + 1);
    REFUSED(a.truth_handled, a.tally.deferred);
    REFUSED(a.least_propensity, 1e-7);
    uint32_t bin = TR_AUDIT_THIN - 1; /* one with rows */
    while (bin > 0 && !a.thin_handled[bin])
        bin--;
    REFUSED(a.thin_agreed[bin], a.thin_handled[bin] + 1);
    REFUSED(a.thin_handled[3], a.thin_handled[3] + 1);
    REFUSED(a.nameless, a.tally.handled.n + 1);
    REFUSED(a.bin[500].low, a.why[TR_WHY_LOW] + 1);
    REFUSED(a.bin[500].score, UINT64_MAX);
    REFUSED(a.bin[500].tested, a.tally.handled);
    REFUSED(a.length[0].handled, a.length[0].handled + 1);
    REFUSED(a.labels.crowded, true);
    REFUSED(*a.by, '\0'); /* slices without a key */

    tr_audit_label *l = tr_roll_item(&a.labels, 1);
    REFUSED(l->answered, a.handled + 1);
    REFUSED(l->answered, l->tested.n - 1);
    REFUSED(l->confirmed.n, l->tested.n + 1);
    REFUSED(l->hit[0], l->said[0] + 1);
    REFUSED(l->truth[0], l->truth[1] + 1);
    REFUSED(l->teacher.deferred, a.tally.deferred);
    REFUSED(l->handled.at[1].key, l->handled.at[0].key - 1);
    REFUSED(*l->handled.at[1].text, '\xFF');
    tr_audit_slice *s = tr_roll_item(&a.slices, 0);
    REFUSED(s->deferred, a.deferred + 1);
    REFUSED(s->tally.handled.s, a.tally.handled.s + 1);
    tr_audit_pair *p = tr_roll_item(&a.pairs, 0);
    REFUSED(p->handled, a.tally.handled);
    REFUSED(p->deferred, a.tally.deferred.n + 1);
    CHECK(read_back(&a) == TR_OK);
    tr_audit_free(&a);
}

/* ---- reports ---- */

/* Reads a report that is `before`, the counts, `after`. */
static tr_code report(const char *before, const tr_buf *counts, const char *after)
{
    char name[] = "/tmp/tr-ledger-XXXXXX";
    tr_audit a;
    tr_buf b;
    tr_buf_init(&b);
    tr_buf_add_c(&b, before);
    if (counts)
        tr_base64_put(&b, tr_buf_str(counts));
    tr_buf_add_c(&b, after);
    int fd = mkstemp(name);
    CHECK(fd >= 0 && write(fd, b.data, b.size) == (ssize_t)b.size && close(fd) == 0);
    err = (tr_err){0};
    tr_code code = tr_ledger_read_report(&a, name, &err);
    if (code == TR_OK) {
        tr_buf again = written(&a);
        CHECK(counts && equal(&again, counts));
        tr_buf_free(&again);
        tr_audit_free(&a);
    } else {
        CHECK(!strncmp(err.message, name, strlen(name)) && err.code == code);
    }
    CHECK(unlink(name) == 0);
    tr_buf_free(&b);
    return code;
}

static void counts_are_found_in_reports(void)
{
    tr_audit a = count(50, 3);
    tr_buf b = written(&a);
    CHECK(report("{\"counts\":\"", &b, "\"}") == TR_OK);
    CHECK(report("\n{\n  \"rows\": [1,\n2],\n  \"counts\":\n\"", &b, "\",\"x\":{}\n}\n") == TR_OK);
    CHECK(report("{\"\\u0063ounts\":\"\\u0069VRSQQ0KGgo", NULL, "A\"}") == TR_DATA);
    CHECK(strstr(err.message, "no counts of tr-audit"));
    CHECK(report("{}", NULL, "") == TR_DATA && strstr(err.message, "(no \"counts\")"));
    CHECK(report("{\"counts\":1}", NULL, "") == TR_DATA && strstr(err.message, "(no \"counts\")"));
    CHECK(report("{\"counts\":\"", NULL, "a\"}") == TR_DATA && strstr(err.message, "no base64"));
    CHECK(report("", NULL, "") == TR_DATA && strstr(err.message, "no report of tr-audit --json"));
    CHECK(report("{\"counts\":\"", &b, "\"") == TR_DATA && strstr(err.message, "bad JSON"));
    CHECK(report("{\"counts\":\"", &b, "\"}\n{}") == TR_DATA);
    CHECK(report("{\"counts\":\"\",\"counts\":\"", &b, "\"}") == TR_DATA);
    CHECK(tr_ledger_read_report(&a, "/nowhere/at/all", &err) == TR_SYSTEM);
    tr_buf_free(&b);
    tr_audit_free(&a);
}

int main(void)
{
    CASE(an_audit_of_nothing_is_one);
    CASE(shards_are_the_whole);
    CASE(shards_are_the_whole_where_rolls_are_crowded);
    CASE(damage_is_noticed);
    CASE(names_are_in_order_and_texts);
    CASE(what_cannot_be_is_refused);
    CASE(counts_are_found_in_reports);
    return CHECK_END;
}
