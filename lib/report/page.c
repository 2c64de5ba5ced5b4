#include "report/page.h"

#include "report/banner.h"
#include "report/cases.h"
#include "report/graphs.h"
#include "report/html.h"
#include "report/phrase.h"
#include "report/tables.h"
#include "report/theme.h"

#include <stdio.h>

/* ---- What there is ---- */

typedef enum {
    NUMBERS,
    FLOW,
    TRUTH,
    CURVE,
    SCORES,
    WORDS,
    LABELS,
    PAIRS,
    SLICES,
    MOVES,
    MONEY,
    LIMITS,
    METHOD,
    CHAPTERS
} chapter;

static const char *const IDS[CHAPTERS] = {"numbers", "flow",   "truth", "curve",  "scores",
                                          "words",   "labels", "pairs", "slices", "changes",
                                          "money",   "limits", "method"};
static const char *const NAMES[CHAPTERS] = {"Numbers", "Flow",   "Truth", "Curve",  "Scores",
                                            "Words",   "Labels", "Pairs", "Slices", "Changes",
                                            "Money",   "Limits", "Method"};
static const char *const TITLES[CHAPTERS] = {
    "Key numbers",
    "Where requests go",
    "Against ground truth",
    "Agreement against coverage",
    "What the accept score says",
    "Words that mark each side",
    "Labels",
    "Who is confused with whom",
    "Slices",
    "What moved since the baseline",
    "Money",
    "What this does not say",
    "How the intervals were made",
};

typedef struct {
    tr_html html;
    tr_buf picture;
    const tr_report *report;
    const tr_figures *f;
    tr_code code;
    tr_err *err;
} page;

static bool there(const page *p, chapter c)
{
    switch (c) {
    case TRUTH: return p->f->has_truth;
    case MOVES: return p->report->comparison != NULL;
    case MONEY: return p->report->money->there;
    default: return true;
    }
}

static void say(page *p, const char *text)
{
    tr_html_put(&p->html, "p", NULL, text);
}

static void quiet(page *p, const char *text)
{
    tr_html_put(&p->html, "p", "quiet", text);
}

static void put_header(page *p)
{
    tr_html *h = &p->html;

    tr_html_open(h, "header");
    tr_html_attr(h, "class", "top");
    tr_html_put(h, "p", "kicker", "Routing audit by tr-audit");
    tr_banner_put(h, p->report);
    tr_html_open(h, "nav");
    tr_html_attr(h, "aria-label", "Contents");
    tr_html_open(h, "ul");
    for (int c = 0; c < CHAPTERS; c++) {
        char link[32];
        if (!there(p, (chapter)c))
            continue;
        snprintf(link, sizeof link, "#%s", IDS[c]);
        tr_html_open(h, "li");
        tr_html_open(h, "a");
        tr_html_attr(h, "href", link);
        tr_html_text(h, NAMES[c]);
        tr_html_close(h);
        tr_html_close(h);
    }
    tr_html_close(h);
    tr_html_close(h);
    tr_html_close(h);
}

/* ---- Pictures ---- */

typedef tr_code (*draw)(const tr_report *r, const char *prefix, tr_buf *out, tr_err *err);

/* A figure; it scrolls in a box of its own where the page is narrow. The caption is the caller's to
 * write, and so is the end: close once. */
static void begin_figure(page *p, draw picture, const char *prefix, const char *name, bool wide)
{
    tr_html *h = &p->html;

    tr_buf_clear(&p->picture);
    tr_code code = picture(p->report, prefix, &p->picture, p->err);
    tr_buf_add_char(&p->picture, 0);
    if (p->code == TR_OK)
        p->code = code;
    tr_html_open(h, "figure");
    if (!wide)
        tr_html_attr(h, "class", "beside");
    tr_html_open(h, "div");
    tr_html_attr(h, "class", wide ? "scroll" : "scroll chart");
    tr_html_attr(h, "role", "group");
    tr_html_attr(h, "aria-label", name);
    tr_html_attr(h, "tabindex", "0");
    if (code == TR_OK && !p->picture.failed)
        tr_html_raw(h, p->picture.data);
    tr_html_close(h);
    tr_html_open(h, "figcaption");
}

static void end_figure(page *p)
{
    tr_html_close(&p->html);
    tr_html_close(&p->html);
}

/* "N decisions ...": a sentence only where there are any. */
static void count_sentence(page *p, uint64_t n, const char *one, const char *many)
{
    char count[TR_PHRASE];

    if (n == 0)
        return;
    tr_phrase_count(count, (double)n);
    tr_html_say(&p->html, " %s %s", count, n == 1 ? one : many);
}

static void put_flow(page *p)
{
    const tr_audit *a = p->f->audit;
    tr_html *h = &p->html;

    if (p->f->rows == 0) {
        quiet(p, "There were no decisions.");
        return;
    }
    begin_figure(p, tr_graphs_flow, "flow-", "The flow of requests, as a picture", true);
    tr_html_text(h, tr_graphs_weighed(a)
                        ? "Bands are as wide as what flows. Agreement is an estimate: the answers "
                          "that were checked were drawn at random, and each stands for those like "
                          "it."
                        : "Bands are as wide as what flows. Percentages are of all requests.");
    if (a->why[TR_WHY_UNSAID] == a->deferred && a->deferred > 0)
        tr_html_text(h, " The decisions do not say why a request was deferred; tr-route --explain "
                        "makes them.");
    count_sentence(p, a->shadowed, "answer was sent to the teacher as well, to be checked.",
                   "answers were sent to the teacher as well, to be checked.");
    count_sentence(p, a->unknown, "answer might have been checked and was not.",
                   "answers might have been checked and were not.");
    end_figure(p);
    if (p->f->n_stages > 1)
        tr_tables_stages(h, p->f);
}

static void put_curve(page *p)
{
    const tr_audit *a = p->f->audit;
    const tr_promise *promise = &a->promise;
    tr_html *h = &p->html;

    if (!tr_graphs_has_curve(p->f)) {
        quiet(p, "No decision has an accept score beside the surrogate's and the teacher's label, "
                 "so there is nothing to draw.");
        return;
    }
    begin_figure(p, tr_graphs_curve, "curve-", "Agreement against coverage, as a picture", false);
    tr_html_text(h, "The best-scored requests are answered first: to the left few are answered, to "
                    "the right more, and less surely. The shaded band is the 95 % interval at each "
                    "point by itself.");
    if (a->handled == 0)
        tr_html_text(h, " Nothing was answered: the curve is what the surrogate would have "
                        "answered, as far as these decisions say so.");
    else if (p->f->operating < p->f->n_curve)
        tr_html_text(h, " The ring is where the policy stands.");
    if (p->f->operating + 1 == p->f->n_curve && a->why[TR_WHY_UNSAID] + a->why[TR_WHY_LOW] > 0)
        tr_html_text(h, " What a lower threshold would answer is not known, since these decisions "
                        "do not say what the surrogate thought of what it deferred; tr-route "
                        "--explain writes it.");
    if (promise->there && promise->overall)
        tr_html_text(h, " The promise is over all traffic, deferred requests included, and has no "
                        "place in this picture.");
    end_figure(p);
}

static void put_scores(page *p)
{
    tr_html *h = &p->html;

    if (p->f->n_reliability == 0) {
        quiet(p, "No decision has an accept score beside the surrogate's and the teacher's label.");
        return;
    }
    begin_figure(p, tr_graphs_reliability, "score-", "Accept score against agreement, as a picture",
                 false);
    tr_html_text(h, "Rows that were answered, or deferred for their score alone, where the "
                    "surrogate's and the teacher's label are known: in groups of about equal "
                    "size, by accept score. Where a group lies on the line, its mean score is the "
                    "share that agrees; above it the score "
                    "is too modest, below it too sure. The promise does not rest on this: the "
                    "threshold was certified by counting.");
    end_figure(p);
    tr_html_open(h, "details");
    tr_html_put(h, "summary", NULL, "The same in numbers");
    tr_tables_reliability(h, p->f);
    tr_html_close(h);
}

/* ---- Tables ---- */

static void put_labels(page *p)
{
    if (!tr_cases_any_label(p->f))
        quiet(p, "No decision has a teacher's label.");
    else
        tr_cases_labels(&p->html, p->f);
    if (p->f->audit->labels.crowded)
        quiet(p, "There are more labels than are kept apart; the others are counted together.");
}

static void put_pairs(page *p)
{
    if (p->f->n_pairs == 0)
        quiet(p, p->f->agreement.n == 0 ? "No answer was checked."
                                        : "No checked answer differs from the teacher's.");
    else
        tr_cases_pairs(&p->html, p->f);
}

static void put_slices(page *p)
{
    tr_html *h = &p->html;

    if (p->f->n_slices == 0) {
        quiet(p, p->f->slices_by_length ? "No decision has a text to measure."
                                        : "No decision has the key that was asked for.");
        return;
    }
    tr_html_open(h, "p");
    if (p->f->slices_by_length) {
        tr_html_text(h, "By the length of the text, in three parts.");
    } else {
        tr_html_text(h, "By the value of ");
        tr_html_foreign(h, tr_str_c(p->f->audit->by));
        tr_html_text(h, ".");
    }
    tr_html_close(h);
    tr_tables_slices(h, p->f);
}

static void put_words(page *p)
{
    const tr_figures *f = p->f;

    if (f->n_handled + f->n_deferred == 0) {
        quiet(p, "No word is much more frequent on one side than on the other.");
        return;
    }
    say(p, "Words that are much more frequent in texts of one side. Small numbers: how many of 100 "
           "answered texts have the word, and how many of 100 deferred ones.");
    tr_cases_words(&p->html, f);
}

static void put_moves(page *p)
{
    const tr_comparison *c = p->report->comparison;
    char count[TR_PHRASE];

    if (c->n == 0) {
        quiet(p, "The two reports have nothing in common that could be compared.");
        return;
    }
    tr_phrase_count(count, (double)c->n);
    tr_html_open(&p->html, "p");
    if (c->moved == 0)
        tr_html_say(&p->html, "Of %s comparison%s none shows more than chance.", count,
                    c->n == 1 ? "" : "s");
    else
        tr_html_say(&p->html,
                    "%zu of %s comparison%s moved beyond chance, corrected for their "
                    "number (Holm, level .05).",
                    c->moved, count, c->n == 1 ? "" : "s");
    tr_html_close(&p->html);
    if (c->other_policy || c->other_promise)
        say(p, c->other_policy ? "Beware: the baseline is of another policy."
                               : "Beware: the baseline was held against another promise.");
    tr_tables_moves(&p->html, c);
}

/* ---- What it does not say, and how it was made ---- */

static void item(page *p, const char *text)
{
    tr_html_put(&p->html, "li", NULL, text);
}

static void put_limits(page *p)
{
    const tr_audit *a = p->f->audit;
    tr_html *h = &p->html;
    char count[TR_PHRASE];

    tr_html_open(h, "ul");
    tr_html_attr(h, "class", "plain");
    item(p, p->f->has_truth
                ? "Agreement is with the teacher, not with the truth; the truth is a chapter of "
                  "its own, for the rows that have it."
                : "Agreement is with the teacher, not with the truth. Where the teacher errs, an "
                  "answer that agrees errs, too; these decisions have no ground truth.");
    item(p, "All of it is about the traffic of this log. When traffic changes, so do the figures; "
            "for a watch that may be looked at every day, use tr-audit --monitor.");
    item(p, "The promise is about all answers together. A label or a slice may be worse than the "
            "whole, and each of their intervals misses one time in twenty, so that of many labels "
            "some look better or worse than they are, the first and the last most of all.");
    item(p, "Words count texts by hashes and may count a few too many. Texts are a fixed random "
            "draw: a few of many, and not the worst.");
    if (a->tally.deferred.n < a->deferred) {
        tr_phrase_count(count, (double)(a->deferred - a->tally.deferred.n));
        tr_html_open(h, "li");
        tr_html_say(h,
                    "Of %s deferred request%s no teacher's label is known here: the figures of "
                    "labels leave them out.",
                    count, a->deferred - a->tally.deferred.n == 1 ? "" : "s");
        tr_html_close(h);
    }
    if (a->unknowable > 0 || a->unweighable > 0 || a->tally.handled.n < a->handled) {
        tr_html_open(h, "li");
        tr_html_text(h, "Not every answer was checked.");
        count_sentence(p, a->unknowable, "answer could never have been: of it nothing is known.",
                       "answers could never have been: of them nothing is known.");
        count_sentence(p, a->unweighable,
                       "row was checked though its decision says that it could not be, and is left "
                       "out of all shares.",
                       "rows were checked though their decisions say that they could not be, and "
                       "are left out of all shares.");
        tr_html_close(h);
    }
    tr_html_close(h);
}

static void put_method(page *p)
{
    const tr_test *t = &p->f->test;
    const tr_promise *promise = &p->f->audit->promise;
    char rows[TR_PHRASE], agreed[TR_PHRASE], chance[TR_PHRASE], alpha[TR_PHRASE], once[TR_PHRASE];
    tr_html *h = &p->html;

    tr_html_open(h, "ul");
    tr_html_attr(h, "class", "plain");
    tr_html_open(h, "li");
    tr_html_say(h,
                "Intervals are two-sided at 95 %%. The one of the agreement is by this method: "
                "%s. Where all rows weigh the same, the exact one by Clopper and Pearson is "
                "used; where a row stands for others, Wilson's at the effective number of rows.",
                tr_method_names[p->f->agreement.method]);
    tr_html_close(h);
    if (tr_graphs_weighed(p->f->audit))
        item(p, "An answer that was checked with probability s stands for 1/s answers "
                "(Horvitz and Thompson 1952); deferred requests are all known.");
    if (promise->there && t->rows > 0) {
        tr_phrase_count(rows, (double)t->rows);
        tr_phrase_count(agreed, (double)t->agreed);
        tr_phrase_chance(chance, t->chance);
        tr_phrase_target(alpha, promise->alpha);
        tr_html_open(h, "li");
        tr_html_say(h,
                    "The promise is tested exactly: of %s rows %s agree. Were the agreement just "
                    "%s, so few or fewer would agree with a probability of %s; at %.7g or less "
                    "the promise is contradicted.",
                    rows, agreed, alpha, chance, promise->delta);
        if (t->thinned) {
            tr_phrase_decimal(once, t->propensity);
            tr_html_say(h,
                        " For this test rows were left out at random until each was as likely "
                        "to be known as any other (%s), since an exact test needs equal rows.",
                        once);
        }
        tr_html_close(h);
    }
    item(p, "Words are ranked by log-odds with an informative prior (Monroe, Colaresi and Quinn "
            "2008).");
    if (p->report->comparison != NULL)
        item(p, "Differences from the baseline are tested by Fisher's exact test, and all of them "
                "together are corrected by Holm's method.");
    tr_html_close(h);
}

/* ---- All of it ---- */

static void put_chapter(page *p, chapter c)
{
    switch (c) {
    case NUMBERS: tr_banner_numbers(&p->html, p->report); break;
    case FLOW: put_flow(p); break;
    case TRUTH: tr_tables_accuracy(&p->html, p->f); break;
    case CURVE: put_curve(p); break;
    case SCORES: put_scores(p); break;
    case WORDS: put_words(p); break;
    case LABELS: put_labels(p); break;
    case PAIRS: put_pairs(p); break;
    case SLICES: put_slices(p); break;
    case MOVES: put_moves(p); break;
    case MONEY: tr_tables_money(&p->html, p->f, p->report->money); break;
    case LIMITS: put_limits(p); break;
    case METHOD: put_method(p); break;
    case CHAPTERS: break;
    }
}

static void put_meta(tr_html *h, const char *name, const char *key, const char *content)
{
    tr_html_open(h, "meta");
    tr_html_attr(h, name, key);
    if (content != NULL)
        tr_html_attr(h, "content", content);
    tr_html_close(h);
}

static void put_page(page *p)
{
    tr_html *h = &p->html;

    tr_html_raw(h, "<!DOCTYPE html>");
    tr_html_open(h, "html");
    tr_html_attr(h, "lang", "en");
    tr_html_open(h, "head");
    put_meta(h, "charset", "utf-8", NULL);
    put_meta(h, "http-equiv", "Content-Security-Policy",
             "default-src 'none'; style-src 'unsafe-inline'");
    put_meta(h, "name", "viewport", "width=device-width, initial-scale=1");
    put_meta(h, "name", "color-scheme", "light dark");
    put_meta(h, "name", "generator", "tr-audit " TR_VERSION);
    tr_html_open(h, "title");
    tr_html_say(h, "%s \xe2\x80\x93 routing audit", tr_banner_title(p->f));
    tr_html_close(h);
    tr_html_open(h, "style");
    tr_html_raw(h, "\n");
    tr_html_raw(h, tr_theme_style);
    tr_html_close(h);
    tr_html_close(h);
    tr_html_open(h, "body");
    tr_html_open(h, "a");
    tr_html_attr(h, "class", "skip");
    tr_html_attr(h, "href", "#report");
    tr_html_text(h, "Skip to the report");
    tr_html_close(h);
    put_header(p);
    tr_html_open(h, "main");
    tr_html_attr(h, "id", "report");
    for (int c = 0; c < CHAPTERS; c++) {
        if (!there(p, (chapter)c))
            continue;
        tr_html_open(h, "section");
        tr_html_attr(h, "id", IDS[c]);
        tr_html_put(h, "h2", NULL, TITLES[c]);
        put_chapter(p, (chapter)c);
        tr_html_close(h);
    }
    tr_html_close(h);
    tr_html_open(h, "footer");
    tr_html_put(h, "p", NULL,
                "Made by tr-audit " TR_VERSION ". All of it is in this one file; "
                "tr-audit --json writes the same figures for machines.");
    tr_html_close(h);
    tr_html_end(h);
}

tr_code tr_page_write(const tr_report *r, tr_buf *out, tr_err *err)
{
    page p = {.report = r, .f = r->figures, .code = TR_OK, .err = err};

    tr_html_begin(&p.html, out);
    tr_buf_init(&p.picture);
    put_page(&p);
    tr_buf_free(&p.picture);
    if (p.code != TR_OK)
        return p.code;
    return out->failed ? tr_err_memory(err) : TR_OK;
}
