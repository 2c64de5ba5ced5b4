#include "report/tables.h"

#include "report/cells.h"
#include "report/graphs.h"
#include "report/phrase.h"

#include <math.h>
#include <stdio.h>

/* ---- Groups ---- */

static void group_row(tr_html *h, const void *list, size_t i)
{
    tr_cells_group(h, (const tr_group *)list + i);
}

void tr_tables_slices(tr_html *h, const tr_figures *f)
{
    static const tr_listing l = {NULL,
                                 "Parts of the traffic; small print: 95 % intervals.",
                                 "The other parts.",
                                 "slices",
                                 "Slice",
                                 tr_cells_group_heads,
                                 3,
                                 group_row};
    tr_cells_listing(h, &l, f->slice, f->n_slices);
}

void tr_tables_stages(tr_html *h, const tr_figures *f)
{
    tr_cells_table(h, NULL, "The share of all traffic that each stage answers, and how well.",
                   "Stage", tr_cells_group_heads, 3);
    for (uint32_t i = 0; i < f->n_stages && i < TR_OUTCOME_STAGES; i++)
        tr_cells_group(h, &f->stage[i]);
    tr_cells_end_table(h);
}

/* ---- Accuracy ---- */

void tr_tables_accuracy(tr_html *h, const tr_figures *f)
{
    static const char *const heads[] = {"Accuracy", "Macro-F1"};
    static const struct {
        unsigned who;
        const char *name, *on;
    } rows[] = {{TR_ANSWERER_MIX, "Routed: surrogate or teacher", "all requests"},
                {TR_ANSWERER_TEACHER, "Teacher alone", "all requests"},
                {TR_ANSWERER_SURROGATE, "Surrogate", "what is answered here"},
                {TR_ANSWERER_TEACHER_HANDLED, "Teacher", "what is answered here"}};
    char text[TR_PHRASE];

    tr_cells_table(h, NULL,
                   "Against ground truth, where the decisions have it; small print: 95 % "
                   "intervals.",
                   "Who answers", heads, 2);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const tr_accuracy *a = &f->accuracy[rows[i].who];
        tr_cells_row(h);
        tr_html_text(h, rows[i].name);
        tr_html_put(h, "small", NULL, rows[i].on);
        tr_html_close(h);
        tr_cells_share(h, "bar", &a->accuracy, "not known");
        snprintf(text, sizeof text, "%.3f", isfinite(a->macro_f1) ? a->macro_f1 : 0);
        tr_cells_number(h, isfinite(a->macro_f1) ? text : "not known");
        tr_html_close(h);
    }
    tr_cells_end_table(h);
}

void tr_tables_reliability(tr_html *h, const tr_figures *f)
{
    static const char *const heads[] = {"Mean score", "Agrees with the teacher"};
    char low[TR_PHRASE], high[TR_PHRASE], mean[TR_PHRASE];

    tr_cells_table(h, NULL, "The same groups by accept score; small print: 95 % intervals.",
                   "Accept score", heads, 2);
    for (size_t i = 0; i < f->n_reliability; i++) {
        const tr_reliability *b = &f->reliability[i];
        tr_phrase_decimal(low, round(b->low * 1e3) / 1e3);
        tr_phrase_decimal(high, round(b->high * 1e3) / 1e3);
        tr_phrase_percent(mean, b->predicted);
        tr_cells_row(h);
        tr_html_say(h, "%s to %s", low, high);
        tr_html_close(h);
        tr_cells_number(h, mean);
        tr_cells_share(h, "bar agree", &b->observed, "not known");
        tr_html_close(h);
    }
    tr_cells_end_table(h);
}

/* ---- Against the baseline ---- */

static void put_move(tr_html *h, const tr_move *m)
{
    static const char *const what[] = {[TR_MOVED_COVERAGE] = "answered here",
                                       [TR_MOVED_AGREEMENT] = "agreement",
                                       [TR_MOVED_SHARE] = "share of traffic"};
    char text[TR_PHRASE];

    tr_cells_row(h);
    if (m->label.data == NULL)
        tr_html_text(h, "All traffic");
    else
        tr_cells_name(h, m->label);
    tr_html_put(h, "small", NULL, what[m->what]);
    tr_html_close(h);
    tr_cells_share(h, NULL, &m->before, "not known");
    tr_cells_share(h, NULL, &m->after, "not known");
    tr_phrase_chance(text, m->chance);
    tr_cells_begin_number(h, text);
    tr_html_put(h, "small", NULL,
                !m->moved                          ? "within chance"
                : m->after.value > m->before.value ? "up"
                                                   : "down");
    tr_html_close(h);
    tr_html_close(h);
}

void tr_tables_moves(tr_html *h, const tr_comparison *c)
{
    static const char *const heads[] = {"Before", "Now", "By chance"};
    size_t shown = 0;

    tr_cells_table(h, NULL,
                   "All traffic, and whatever moved beyond chance. The last column is the chance "
                   "of such a difference if nothing had changed.",
                   "What", heads, 3);
    for (size_t i = 0; i < c->n && shown < TR_TABLES_MOVES; i++)
        if (c->move[i].moved || c->move[i].label.data == NULL) {
            put_move(h, &c->move[i]);
            shown++;
        }
    tr_cells_end_table(h);
    if (c->moved > TR_TABLES_MOVES)
        tr_cells_rest(h, c->moved, TR_TABLES_MOVES, "that moved");
}

/* ---- Money ---- */

static void money_row(tr_html *h, const char *name, const char *note, const char *value)
{
    tr_cells_row(h);
    tr_html_text(h, name);
    if (note != NULL)
        tr_html_put(h, "small", NULL, note);
    tr_html_close(h);
    tr_cells_number(h, value);
    tr_html_close(h);
}

static void best_point(tr_html *h, const tr_figures *f, const tr_money *m)
{
    char coverage[TR_PHRASE], agreement[TR_PHRASE], net[TR_PHRASE], threshold[TR_PHRASE];

    tr_phrase_money(net, m->best_net);
    tr_html_open(h, "p");
    if (m->best >= f->n_curve) {
        tr_html_text(h, "At these prices it would be cheapest to answer nothing here.");
    } else {
        const tr_curve_point *p = &f->curve[m->best];
        tr_phrase_percent(coverage, p->coverage);
        tr_phrase_percent(agreement, p->agreement.value);
        tr_phrase_decimal(threshold, tr_graphs_threshold(f, m->best));
        tr_html_say(
            h,
            "Of all points on the curve, the cheapest answers %s at an agreement of %s "
            "(accept score from %s) and would net %s a day. It is the best seen in this log and no "
            "promise; tr-calibrate --alpha may certify a policy near it.",
            coverage, agreement, threshold, net);
    }
    tr_html_close(h);
}

void tr_tables_money(tr_html *h, const tr_figures *f, const tr_money *m)
{
    char text[TR_PHRASE], note[TR_PHRASE * 2], price[TR_PHRASE];

    static const char *const heads[] = {"A day"};
    tr_cells_table(h, NULL, "At the traffic and the prices that were given.", "What", heads, 1);
    tr_phrase_count(text, m->prices.calls_per_day);
    money_row(h, "Requests", NULL, text);
    tr_phrase_count(text, m->calls_saved);
    money_row(h, "Calls saved", NULL, text);
    if (m->priced) {
        tr_phrase_decimal(price, m->prices.price_per_call);
        snprintf(note, sizeof note, "at %s a call", price);
        tr_phrase_money(text, m->saved);
        money_row(h, "Saved", note, text);
    }
    tr_phrase_count(text, m->errors);
    money_row(h, "Answers that the teacher would not have given", NULL, text);
    if (m->errors_priced) {
        tr_phrase_decimal(price, m->prices.price_per_error);
        snprintf(note, sizeof note, "at %s each", price);
        tr_phrase_money(text, m->errors_cost);
        money_row(h, "Cost of those", note, text);
    }
    if (m->priced && m->errors_priced) {
        tr_phrase_money(text, m->net);
        money_row(h, "Saved, less that cost", NULL, text);
    }
    tr_cells_end_table(h);
    if (m->has_best)
        best_point(h, f, m);
}
