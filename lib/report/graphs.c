#include "report/graphs.h"

#include "report/chart.h"
#include "report/phrase.h"
#include "report/sankey.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { WORDS = 240, TICKS = 12 };

static const double MILLION = 1e6;
static const double BARE_WIDTH = 680, BARE_HEIGHT = 400; /* of a chart in a page */

static const char *in_page(const char *prefix)
{
    return prefix != NULL && *prefix != 0 ? prefix : NULL;
}

/* ---- The flow ---- */

/* Of the palette; green and red are for agreement alone. */
enum { BLUE, ORANGE, GREEN, VIOLET, RED, GREY };

typedef struct {
    const tr_figures *f;
    tr_sankey_node node[TR_SANKEY_NODES];
    char number[TR_SANKEY_NODES][TR_PHRASE * 2 + 16];
    double amount[TR_SANKEY_NODES];
    size_t n_nodes;
    tr_sankey_band band[TR_SANKEY_BANDS];
    size_t n_bands;
    double rows;
    char subtitle[WORDS], footnote[WORDS], description[8 * WORDS];
} flow;

static size_t add_node(flow *w, const char *name, unsigned column, int colour)
{
    w->node[w->n_nodes] = (tr_sankey_node){name, w->number[w->n_nodes], column, colour};
    return w->n_nodes++;
}

static void add_band(flow *w, size_t from, size_t to, double amount)
{
    if (!(amount > 0))
        return;
    w->band[w->n_bands++] = (tr_sankey_band){from, to, amount};
    w->amount[to] += amount;
}

/* Of the handled rows, how many the teacher's labels speak for: those that have one or, where the
 * rows that have one were drawn at random and are weighed, all that might have been drawn. */
static double checked_rows(const tr_audit *a)
{
    return a->tally.handled.n == 0 ? 0
           : tr_graphs_weighed(a)  ? (double)a->handled - (double)a->unknowable
                                   : fmin((double)a->tally.handled.n, (double)a->handled);
}

bool tr_graphs_weighed(const tr_audit *a)
{
    return (double)a->tally.handled.w != (double)a->tally.handled.n * MILLION;
}

/* The stages and what became of their answers. Parts that are known by stage are drawn by stage,
 * and brought to the sums that are known of all. */
static void add_answers(flow *w, size_t requests)
{
    const tr_audit *a = w->f->audit;
    double checked = checked_rows(a), agree = w->f->agreement.value;
    double rows[TR_OUTCOME_STAGES + 1], known[TR_OUTCOME_STAGES + 1], sum = 0, all = 0;
    size_t stage[TR_OUTCOME_STAGES + 1], n = w->f->n_stages;
    static const char *const names[] = {"answered by stage 1", "answered by stage 2",
                                        "answered, stage unsaid"};

    rows[TR_OUTCOME_STAGES] = (double)a->handled;
    known[TR_OUTCOME_STAGES] = (double)a->tally.handled.n;
    for (size_t i = 0; i < TR_OUTCOME_STAGES; i++) {
        rows[i] = (double)a->stage[i];
        known[i] = (double)a->stage_tested[i].n;
        rows[TR_OUTCOME_STAGES] = fmax(0, rows[TR_OUTCOME_STAGES] - rows[i]);
        known[TR_OUTCOME_STAGES] = fmax(0, known[TR_OUTCOME_STAGES] - known[i]);
    }
    if (n < 2) { /* one stage needs no number */
        rows[0] += rows[1] + rows[2];
        known[0] += known[1] + known[2];
        rows[1] = rows[2] = known[1] = known[2] = 0;
    }
    for (size_t i = 0; i <= TR_OUTCOME_STAGES; i++) {
        stage[i] = add_node(w, n < 2 ? "answered here" : names[i], 1, BLUE);
        add_band(w, requests, stage[i], rows[i]);
        all += known[i];
    }
    size_t yes = add_node(w, "agrees", 2, GREEN), no = add_node(w, "disagrees", 2, RED);
    size_t open = add_node(w, "not checked", 2, GREY);
    double share[TR_OUTCOME_STAGES + 1], part[TR_OUTCOME_STAGES + 1];
    for (size_t i = 0; i <= TR_OUTCOME_STAGES; i++) {
        bool own = n > 1 && i < TR_OUTCOME_STAGES && w->f->stage[i].agreement.n > 0;
        share[i] = own ? w->f->stage[i].agreement.value : agree;
        part[i] = tr_graphs_weighed(a) ? rows[i] * checked / fmax(1, (double)a->handled)
                                       : known[i] * (all > 0 ? checked / all : 0);
        sum += part[i] * share[i];
    }
    for (size_t i = 0; i <= TR_OUTCOME_STAGES && checked > 0; i++) {
        double right = sum > 0 ? part[i] * share[i] * checked * agree / sum : 0;
        right = fmin(right, part[i]);
        add_band(w, stage[i], yes, right);
        add_band(w, stage[i], no, part[i] - right > 1e-9 * part[i] ? part[i] - right : 0);
        add_band(w, stage[i], open, rows[i] - part[i] > 1e-6 ? rows[i] - part[i] : 0);
    }
    for (size_t i = 0; i <= TR_OUTCOME_STAGES && checked <= 0; i++)
        add_band(w, stage[i], open, rows[i]);
}

/* The deferred, by reason where reasons are known, and on to the teacher. */
static void add_deferred(flow *w, size_t requests)
{
    static const char *const names[TR_WHY_COUNT] = {
        [TR_WHY_UNSAID] = "reason not said",   [TR_WHY_LOW] = "score too low",
        [TR_WHY_NOVEL] = "unlike the log",     [TR_WHY_LABEL] = "label never answered",
        [TR_WHY_REFUSED] = "nothing deployed", [TR_WHY_ERROR] = "could not be read"};
    const tr_audit *a = w->f->audit;
    size_t deferred = add_node(w, "deferred", 1, ORANGE);
    bool reasons = a->why[TR_WHY_UNSAID] < a->deferred;
    size_t teacher = add_node(w, "asks the teacher", reasons ? 3 : 2, ORANGE);
    static const tr_why order[] = {TR_WHY_LOW,     TR_WHY_NOVEL, TR_WHY_LABEL,
                                   TR_WHY_REFUSED, TR_WHY_ERROR, TR_WHY_UNSAID};

    add_band(w, requests, deferred, (double)a->deferred);
    if (!reasons)
        add_band(w, deferred, teacher, (double)a->deferred);
    for (size_t i = 0; i < TR_WHY_COUNT && reasons; i++) {
        size_t why = add_node(w, names[order[i]], 2, VIOLET);
        add_band(w, deferred, why, (double)a->why[order[i]]);
        add_band(w, why, teacher, (double)a->why[order[i]]);
    }
}

static void number_nodes(flow *w)
{
    bool weighed = tr_graphs_weighed(w->f->audit);
    size_t used = 0;

    for (size_t i = 0; i < w->n_nodes; i++) {
        char count[TR_PHRASE], percent[TR_PHRASE];
        bool estimated = weighed && (w->node[i].colour == GREEN || w->node[i].colour == RED);
        tr_phrase_count(count, w->amount[i]);
        tr_phrase_percent(percent, w->rows > 0 ? w->amount[i] / w->rows : 0);
        if (i == 0)
            snprintf(w->number[i], sizeof w->number[i], "%s", count);
        else
            snprintf(w->number[i], sizeof w->number[i], "%s \xc2\xb7 %s%s", percent,
                     estimated ? "about " : "", count);
        if (w->amount[i] > 0 && used < sizeof w->description)
            used += (size_t)snprintf(w->description + used, sizeof w->description - used,
                                     "%s%s: %s", used ? "; " : "", w->node[i].name, w->number[i]);
    }
}

tr_code tr_graphs_flow(const tr_report *r, const char *prefix, tr_buf *out, tr_err *err)
{
    static const char ESTIMATED[] = "Agreement is estimated: the checked answers were drawn at "
                                    "random, and each stands for those like it.";
    static const char COUNTED[] = "As many as the teacher's labels tell; percentages are of all "
                                  "requests.";
    flow w = {.f = r->figures, .rows = (double)r->figures->rows};
    char count[TR_PHRASE];
    size_t requests = add_node(&w, "requests", 0, BLUE);

    w.amount[requests] = w.rows;
    add_answers(&w, requests);
    add_deferred(&w, requests);
    number_nodes(&w);
    tr_phrase_count(count, w.rows);
    snprintf(w.subtitle, sizeof w.subtitle, "%s requests, and the teacher's word on the answers",
             count);
    snprintf(w.footnote, sizeof w.footnote, "%s",
             tr_graphs_weighed(w.f->audit) ? ESTIMATED : COUNTED);
    const tr_sankey k = {.title = "Where requests go",
                         .subtitle = w.subtitle,
                         .footnote = w.footnote,
                         .description = w.description,
                         .node = w.node,
                         .n_nodes = w.n_nodes,
                         .band = w.band,
                         .n_bands = w.n_bands,
                         .prefix = in_page(prefix)};
    return tr_sankey_draw(&k, out, err);
}

/* ---- Charts ---- */

typedef struct {
    double at[TICKS];
    char text[TICKS][TR_PHRASE];
    const char *label[TICKS];
    size_t n;
} ticks;

/* The axis from `low`, which is lowered to a round number, to 1. */
static tr_chart_axis axis(const char *title, double low, ticks *t)
{
    static const double steps[] = {0.01, 0.02, 0.05, 0.1, 0.2};
    double step = 0.2;

    low = isfinite(low) ? fmin(fmax(low, 0), 0.99) : 0;
    for (size_t i = sizeof steps / sizeof *steps; i-- > 0;)
        if ((1 - low) / steps[i] <= 5)
            step = steps[i];
    double first = fmax(0, floor(low / step + 1e-9));
    t->n = 0;
    for (double i = first; i * step < 1 + 1e-9 && t->n < TICKS; i++) {
        t->at[t->n] = fmin(1, i * step);
        snprintf(t->text[t->n], TR_PHRASE, "%.0f%s", 100 * t->at[t->n],
                 i * step > 1 - 1e-9 ? "\xc2\xa0%" : "");
        t->label[t->n] = t->text[t->n];
        t->n++;
    }
    return (tr_chart_axis){title, t->at[0], 1, t->at, t->label, t->n};
}

/* What a chart borrows. */
typedef struct {
    ticks x, y;
    tr_chart_point line[TR_FIGURES_CURVE], area[2 * TR_FIGURES_CURVE], goal[2];
    tr_chart_series series[4];
    size_t n;
    char name[WORDS], subtitle[WORDS], mark[WORDS], note[WORDS], description[4 * WORDS];
} figure;

static tr_chart chart_of(figure *g, const char *prefix)
{
    tr_chart c = {
        .description = g->description, .subtitle = g->subtitle, .prefix = in_page(prefix)};

    if (c.prefix != NULL) {
        c.width = BARE_WIDTH;
        c.height = BARE_HEIGHT;
    }
    c.series = g->series;
    return c;
}

/* Where the agreement's axis begins: below whatever matters. At a small coverage an interval is
 * wide by chance, and would squeeze the rest. */
static double curve_low(const tr_figures *f, bool promise)
{
    double low = promise ? f->audit->promise.alpha - 0.01 : 0.95;

    for (size_t i = 0; i < f->n_curve; i++) {
        const tr_curve_point *p = &f->curve[i];
        if (p->coverage >= 0.05 && p->agreement.low < low)
            low = p->agreement.low;
        if (p->agreement.value < low && p->coverage >= 0.02)
            low = p->agreement.value;
    }
    return low;
}

double tr_graphs_threshold(const tr_figures *f, size_t point)
{
    const tr_promise *p = &f->audit->promise;
    double own = p->threshold / 1e6, seen = f->curve[point].threshold;
    bool its = p->policy && p->deployed && f->audit->below == 0 && point == f->operating;

    return its && own <= seen ? own : seen;
}

bool tr_graphs_has_curve(const tr_figures *f)
{
    for (size_t i = 0; i < f->n_curve; i++)
        if (isfinite(f->curve[i].coverage) && isfinite(f->curve[i].agreement.value))
            return true;
    return false;
}

static void mark_operating(const tr_figures *f, figure *g, tr_chart *c)
{
    char coverage[TR_PHRASE], agreement[TR_PHRASE], threshold[TR_PHRASE];

    if (f->operating >= f->n_curve || !isfinite(f->curve[f->operating].agreement.value))
        return;
    const tr_curve_point *p = &f->curve[f->operating];
    tr_phrase_percent(coverage, p->coverage);
    tr_phrase_percent(agreement, p->agreement.value);
    tr_phrase_decimal(threshold, tr_graphs_threshold(f, f->operating));
    snprintf(g->mark, WORDS, "here: %s answered", coverage);
    snprintf(g->note, WORDS, "%s agree, score from %s", agreement, threshold);
    c->has_mark = true;
    c->mark = (tr_chart_point){p->coverage, p->agreement.value, g->mark};
    c->mark_note = g->note;
}

tr_code tr_graphs_curve(const tr_report *r, const char *prefix, tr_buf *out, tr_err *err)
{
    const tr_figures *f = r->figures;
    const tr_promise *p = &f->audit->promise;
    bool promise = p->there && !p->overall;
    char alpha[TR_PHRASE];
    figure g = {.n = 0};
    size_t n = 0;

    for (size_t i = 0; i < f->n_curve; i++)
        if (isfinite(f->curve[i].coverage) && isfinite(f->curve[i].agreement.value))
            g.line[n++] = (tr_chart_point){f->curve[i].coverage, f->curve[i].agreement.value, NULL};
    size_t m = 0;
    for (size_t i = 0; i < f->n_curve; i++)
        g.area[m++] = (tr_chart_point){f->curve[i].coverage, f->curve[i].agreement.high, NULL};
    for (size_t i = f->n_curve; i-- > 0;)
        g.area[m++] = (tr_chart_point){f->curve[i].coverage, f->curve[i].agreement.low, NULL};
    g.series[g.n++] = (tr_chart_series){TR_CHART_AREA, BLUE, NULL, NULL, g.area, m};
    g.series[g.n++] =
        (tr_chart_series){TR_CHART_LINE, BLUE, "agreement", "with the teacher", g.line, n};
    tr_phrase_target(alpha, p->alpha);
    if (promise) {
        g.goal[0] = (tr_chart_point){0, p->alpha, NULL};
        g.goal[1] = (tr_chart_point){1, p->alpha, NULL};
        snprintf(g.name, WORDS, "promised %s", alpha);
        g.series[g.n++] = (tr_chart_series){TR_CHART_DASHED, ORANGE, g.name, NULL, g.goal, 2};
    }
    snprintf(g.subtitle, WORDS, "%s",
             n ? "of the requests with the best scores, what share agrees; shaded: 95 % intervals"
               : "no accept score here comes with the surrogate's and the teacher's label");
    tr_chart c = chart_of(&g, prefix);
    c.n_series = g.n;
    c.title = "Agreement against coverage";
    c.footnote = "To the right of the ring, what a lower threshold would have answered, as far as "
                 "the decisions tell (tr-route --explain).";
    c.x = axis("share of requests answered", 0, &g.x);
    c.y = axis("agreement of what is answered", curve_low(f, promise), &g.y);
    mark_operating(f, &g, &c);
    snprintf(g.description, sizeof g.description,
             "Agreement with the teacher falls as more requests are answered. %s; %s.",
             c.has_mark ? g.mark : "No operating point", c.has_mark ? g.note : "none is drawn");
    return tr_chart_draw(&c, out, err);
}

tr_code tr_graphs_reliability(const tr_report *r, const char *prefix, tr_buf *out, tr_err *err)
{
    const tr_figures *f = r->figures;
    tr_chart_point whisker[2 * TR_FIGURES_RELIABILITY];
    double low = 0.8, low_x = 0.8;
    figure g = {.n = 0};
    size_t n = f->n_reliability;

    for (size_t i = 0; i < n; i++) {
        const tr_reliability *b = &f->reliability[i];
        g.line[i] = (tr_chart_point){b->predicted, b->observed.value, NULL};
        whisker[2 * i] = (tr_chart_point){b->predicted, b->observed.low, NULL};
        whisker[2 * i + 1] = (tr_chart_point){b->predicted, b->observed.high, NULL};
        low = fmin(low, b->observed.low);
        low_x = fmin(low_x, b->predicted);
    }
    g.goal[0] = (tr_chart_point){0, 0, NULL};
    g.goal[1] = (tr_chart_point){1, 1, NULL};
    g.series[g.n++] = (tr_chart_series){TR_CHART_DASHED, GREY, "as predicted", NULL, g.goal, 2};
    g.series[g.n++] = (tr_chart_series){TR_CHART_POINTS, BLUE, NULL, NULL, g.line, n};
    g.series[g.n++] = (tr_chart_series){TR_CHART_WHISKERS, BLUE, NULL, NULL, whisker, 2 * n};
    snprintf(g.subtitle, WORDS, "%s",
             n ? "rows in groups by accept score; with 95 % intervals"
               : "no accept score here comes with the surrogate's and the teacher's label");
    tr_chart c = chart_of(&g, prefix);
    c.n_series = g.n;
    c.title = "Accept score against agreement";
    c.footnote = "On the line the score is the chance that the teacher agrees.";
    c.x = axis("mean accept score", low_x, &g.x);
    c.y = axis("share that agrees", low, &g.y);
    size_t used = (size_t)snprintf(g.description, sizeof g.description,
                                   "Accept score and share that agrees:");
    for (size_t i = 0; i < n && used < sizeof g.description; i++) {
        char said[TR_PHRASE], seen[TR_PHRASE];
        tr_phrase_percent(said, f->reliability[i].predicted);
        tr_phrase_percent(seen, f->reliability[i].observed.value);
        used += (size_t)snprintf(g.description + used, sizeof g.description - used, "%s %s: %s",
                                 i ? ";" : "", said, seen);
    }
    return tr_chart_draw(&c, out, err);
}
