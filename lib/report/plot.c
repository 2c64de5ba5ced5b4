#include "report/plot.h"

#include "ground/num.h"
#include "report/chart.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { LABEL = 24, WORDS = 200, MOST_TICKS = TR_FRONTIER_MOST + 2 };

static const double LEAST_COVERAGE = 0.02; /* below that, agreement out of fold is mere chance */

/* What a chart borrows, in one place. */
typedef struct {
    tr_arena arena;
    tr_chart_series series[2 + TR_FRONTIER_CURVES];
    size_t n_series;
    tr_chart_point step[TR_FRONTIER_MOST], none[TR_FRONTIER_MOST]; /* certified, and not */
    char step_label[TR_FRONTIER_MOST][LABEL];
    double tick[MOST_TICKS];
    char tick_text[MOST_TICKS][LABEL];
    const char *tick_label[MOST_TICKS];
    size_t n_ticks;
    char subtitle[WORDS], note[WORDS], mark[WORDS], mark_note[WORDS], description[4 * WORDS];
} figure;

/* "94.8 %" */
static void percent(char text[LABEL], double share)
{
    char number[TR_NUM_TEXT];
    tr_num_print_double(number, round(share * 1000) / 10);
    snprintf(text, LABEL, "%.16s %%", number);
}

static void decimal(char text[LABEL], double x)
{
    char number[TR_NUM_TEXT];
    tr_num_print_double(number, round(x * 1e6) / 1e6);
    snprintf(text, LABEL, "%.16s", number);
}

/* Where the axis of agreement begins: below the least target, and what there is of accept-all. */
static double lowest(const tr_frontier *f)
{
    double low = f->point[0].policy.certificate.alpha;
    for (int k = 0; k < TR_FRONTIER_CURVES; k++)
        if (f->curve[k].n && f->curve[k].family == TR_FAMILY_GLOBAL)
            low = fmin(low, f->curve[k].sample[0].agreement);
    return fmax(0, floor(low * 20 + 1e-9) / 20);
}

static void add_tick(figure *g, double x)
{
    for (size_t i = 0; i < g->n_ticks; i++)
        if (fabs(g->tick[i] - x) < 1e-9)
            return;
    decimal(g->tick_text[g->n_ticks], x);
    g->tick_label[g->n_ticks] = g->tick_text[g->n_ticks];
    g->tick[g->n_ticks++] = x;
}

static void add_steps(const tr_frontier *f, figure *g)
{
    size_t steps = 0, none = 0;
    for (size_t i = 0; i < f->n; i++) {
        const tr_certificate *c = &f->point[i].policy.certificate;
        double coverage = tr_certificate_coverage(c);
        percent(g->step_label[i], coverage);
        if (!c->deployed)
            snprintf(g->step_label[i], LABEL, "none");
        tr_chart_point at = {c->alpha, coverage, g->step_label[i]};
        if (c->deployed)
            g->step[steps++] = at;
        else
            g->none[none++] = at;
        add_tick(g, c->alpha);
    }
    char delta[LABEL];
    decimal(delta, f->options.delta);
    if (f->n > 1)
        snprintf(g->note, WORDS, "all targets at once, \xce\xb4 %s", delta);
    else
        snprintf(g->note, WORDS, "\xce\xb4 %s", delta);
    if (steps)
        g->series[g->n_series++] =
            (tr_chart_series){TR_CHART_STAIR, 0, "certified", g->note, g->step, steps};
    if (none)
        g->series[g->n_series++] = (tr_chart_series){TR_CHART_POINTS, 0, NULL, NULL, g->none, none};
}

static bool add_curve(const tr_frontier_curve *c, figure *g)
{
    static const int colour[] = {[TR_FAMILY_GLOBAL] = 2, [TR_FAMILY_L2D] = 1, [TR_FAMILY_RSB] = 3};
    tr_chart_point *points = tr_arena_alloc(&g->arena, c->n + 1, sizeof *points);
    size_t n = 0;
    if (!points)
        return false;
    for (size_t i = 0; i < c->n; i++)
        if (c->sample[i].coverage >= LEAST_COVERAGE)
            points[n++] = (tr_chart_point){c->sample[i].agreement, c->sample[i].coverage, NULL};
    if (n)
        g->series[g->n_series++] =
            (tr_chart_series){c->family == TR_FAMILY_GLOBAL ? TR_CHART_POINTS : TR_CHART_DASHED,
                              colour[c->family],
                              tr_family_names[c->family],
                              "out of fold, no promise",
                              points,
                              n};
    return true;
}

static void describe(const tr_frontier *f, const tr_frontier_point *chosen, figure *g)
{
    const tr_certificate *c = &f->point[0].policy.certificate;
    char rows[TR_NUM_TEXT], alpha[LABEL], coverage[LABEL];
    bool overall = c->guarantee == TR_GUARANTEE_OVERALL;
    tr_num_print_grouped(rows, c->rows);
    snprintf(g->subtitle, WORDS, "certified on %s calibration rows; agreement %s", rows,
             overall ? "over all traffic, deferred included" : "over the traffic that is answered");

    size_t used = (size_t)snprintf(g->description, sizeof g->description,
                                   "Share of the traffic that is answered at each certified "
                                   "agreement with the teacher:");
    for (size_t i = 0; i < f->n && used < sizeof g->description; i++) {
        decimal(alpha, f->point[i].policy.certificate.alpha);
        used += (size_t)snprintf(g->description + used, sizeof g->description - used, " %s: %s%s",
                                 alpha, g->step_label[i], i + 1 < f->n ? ";" : ".");
    }
    if (!chosen)
        return;
    c = &chosen->policy.certificate;
    decimal(alpha, c->alpha);
    percent(coverage, tr_certificate_coverage(c));
    if (c->deployed) {
        snprintf(g->mark, WORDS, "chosen: %s, %s", alpha, coverage);
        snprintf(g->mark_note, WORDS, "%s: %s, %s", tr_family_names[c->family], c->member,
                 c->gated ? "acceptor" : "margin");
    } else {
        snprintf(g->mark, WORDS, "chosen: %s", alpha);
        snprintf(g->mark_note, WORDS, "not certified");
    }
}

static tr_code draw(const tr_frontier *f, const tr_frontier_point *chosen, figure *g, tr_buf *out,
                    tr_err *err)
{
    static const double y_ticks[] = {0, 0.2, 0.4, 0.6, 0.8, 1};
    static const char *const y_labels[] = {"0", "20", "40", "60", "80", "100 %"};
    double low = lowest(f);
    add_tick(g, low);
    add_steps(f, g);
    add_tick(g, 1);
    for (int k = 0; k < TR_FRONTIER_CURVES; k++)
        if (!add_curve(&f->curve[k], g))
            return tr_err_memory(err);
    describe(f, chosen, g);
    tr_chart chart = {
        .title = "Coverage against agreement",
        .subtitle = g->subtitle,
        .footnote = "A certified step holds for every agreement to its left, too. "
                    "Broken lines: what training rows say of themselves; no promise.",
        .description = g->description,
        .x = {"agreement with the teacher", low, 1, g->tick, g->tick_label, g->n_ticks},
        .y = {"traffic answered", 0, 1, y_ticks, y_labels, 6},
        .series = g->series,
        .n_series = g->n_series};
    if (chosen) {
        const tr_certificate *c = &chosen->policy.certificate;
        chart.has_mark = true;
        chart.mark = (tr_chart_point){c->alpha, tr_certificate_coverage(c), g->mark};
        chart.mark_note = g->mark_note;
    }
    return tr_chart_draw(&chart, out, err);
}

tr_code tr_plot_frontier(const tr_frontier *f, const tr_frontier_point *chosen, tr_buf *out,
                         tr_err *err)
{
    figure *g = tr_mem_zero(1, sizeof *g);
    if (!g)
        return tr_err_memory(err);
    tr_arena_init(&g->arena);
    tr_code code = draw(f, chosen, g, out, err);
    tr_arena_free(&g->arena);
    free(g);
    return code;
}
