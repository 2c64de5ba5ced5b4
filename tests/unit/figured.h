/* figured: figures filled in by hand, for the views of a report. */
#ifndef TR_FIGURED_H
#define TR_FIGURED_H

#include "report/sheet.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static tr_audit audit;
static tr_figures figures;
static tr_money money;
static tr_report report = {&figures, NULL, &money};

static tr_estimate estimate(double value, uint64_t n)
{
    if (n == 0)
        return (tr_estimate){NAN, NAN, NAN, 0, 0, TR_METHOD_NONE};
    return (tr_estimate){value,     fmax(0, value - 0.02), fmin(1, value + 0.02), n,
                         (double)n, TR_METHOD_EXACT};
}

static tr_sum rows(uint64_t n)
{
    return (tr_sum){n, n * 1000000, n * 1000000};
}

static tr_group group(const char *name, double coverage, double agreement)
{
    return (tr_group){.name = {name, strlen(name)},
                      .rows = 100,
                      .share = estimate(0.1, 100),
                      .coverage = estimate(coverage, 100),
                      .agreement = estimate(agreement, coverage > 0 ? 80 : 0),
                      .wrong = coverage * (1 - agreement) * 0.1};
}

/* Nothing at all: no rows, no promise. */
static void figure_nothing(void)
{
    free(figures.label);
    free(figures.slice);
    memset(&audit, 0, sizeof audit);
    memset(&figures, 0, sizeof figures);
    memset(&money, 0, sizeof money);
    report.comparison = NULL;
    figures.audit = &audit;
    figures.coverage = figures.agreement = figures.overall = estimate(0, 0);
    figures.expected_coverage = estimate(0, 0);
    figures.test.chance = NAN;
    figures.test.propensity = NAN;
    for (int i = 0; i < TR_ANSWERERS; i++)
        figures.accuracy[i] = (tr_accuracy){estimate(0, 0), NAN};
    figures.n_stages = 1;
    audit.least_propensity = 1;
}

/* 1,000 requests, 800 answered, 760 of them as the teacher; promised .9. */
static void figure_plain(void)
{
    figure_nothing();
    audit.promise = (tr_promise){.there = true, .alpha = 0.9, .delta = 0.05};
    audit.handled = audit.stage[0] = 800;
    audit.deferred = audit.why[TR_WHY_UNSAID] = 200;
    audit.tally = (tr_tally){rows(800), rows(760), rows(200)};
    audit.stage_tested[0] = rows(800);
    audit.stage_agreed[0] = rows(760);
    figures.rows = 1000;
    figures.coverage = estimate(0.8, 1000);
    figures.agreement = estimate(0.95, 800);
    figures.overall = estimate(0.96, 1000);
    figures.test = (tr_test){TR_VERDICT_PROVEN, 800, 760, 0.999, false, 1, false, false};
    figures.stage[0] = group("stage 1", 0.8, 0.95);
    for (int i = 0; i < 20; i++) {
        double coverage = 0.05 * (i + 1);
        figures.curve[i] = (tr_curve_point){1 - 0.04 * i, coverage,
                                            estimate(1 - 0.08 * coverage * coverage, 1000)};
    }
    figures.n_curve = 20;
    figures.operating = 15;
    for (int i = 0; i < 5; i++)
        figures.reliability[i] = (tr_reliability){0.5 + 0.1 * i, 0.6 + 0.1 * i, 0.55 + 0.1 * i,
                                                  estimate(0.57 + 0.1 * i, 200)};
    figures.n_reliability = 5;
}

static void figure_free(void)
{
    free(figures.label);
    free(figures.slice);
}

#endif
