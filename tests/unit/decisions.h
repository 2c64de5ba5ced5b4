/* decisions: audits made by hand, a few rows at a time. */
#ifndef TR_TEST_DECISIONS_H
#define TR_TEST_DECISIONS_H

#include "audit/audit.h"

#include "check.h"

#include <string.h>

/* `n` rows alike, but for their keys. NULL: not there. */
typedef struct {
    int n;
    const char *label;   /* handled with it; NULL: deferred */
    const char *teacher; /* NULL: not known */
    const char *truth, *input, *by, *would;
    double score; /* 0: none */
    double p;     /* 0: 1 */
    unsigned stage;
    tr_why why;
    bool nameless; /* without an id */
} some_rows;

static tr_str text_of(const char *s)
{
    return s ? tr_str_c(s) : tr_str_of(NULL, 0);
}

static void count(tr_audit *a, some_rows r)
{
    static uint64_t key;
    tr_outcome o = {.handled = r.label != NULL,
                    .why = r.why,
                    .label = text_of(r.label),
                    .would = text_of(r.label ? r.label : r.would),
                    .teacher = text_of(r.teacher),
                    .truth = text_of(r.truth),
                    .input = text_of(r.input),
                    .by = text_of(r.by),
                    .score = r.score > 0 ? (uint32_t)(r.score * 1e6 + .5) : TR_OUTCOME_NO_SCORE,
                    .stage = r.label && r.stage == 0 ? 1 : r.stage,
                    .propensity = r.p > 0 ? r.p : 1,
                    .named = !r.nameless};

    for (int i = 0; i < r.n; i++) {
        o.key = ++key * 0x9e3779b97f4a7c15u;
        CHECK(tr_audit_add(a, &o, NULL) == TR_OK);
    }
}

static void begin(tr_audit *a, const tr_promise *promise, const char *by)
{
    CHECK(tr_audit_init(a, promise, by, NULL) == TR_OK);
}

#endif
