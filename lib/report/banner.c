#include "report/banner.h"

#include "report/phrase.h"
#include "report/terminal.h"

#include <math.h>
#include <stdio.h>

static const tr_estimate *judged(const tr_figures *f)
{
    return f->audit->promise.there && f->audit->promise.overall ? &f->overall : &f->agreement;
}

static const char *headline(const tr_figures *f, const char **class)
{
    const tr_promise *p = &f->audit->promise;
    bool below = !(judged(f)->value >= p->alpha);

    *class = "verdict";
    switch (f->test.verdict) {
    case TR_VERDICT_CONTRADICTED: *class = "verdict bad"; return "The promise is contradicted";
    case TR_VERDICT_OPEN: *class = "verdict warn"; return "Below the promise, within chance";
    case TR_VERDICT_KEPT:
    case TR_VERDICT_PROVEN:
        if (!below && f->test.few) /* they could not have proven it */
            return "Not proven false, on too few rows";
        *class = below ? "verdict warn" : "verdict good";
        return below                                  ? "Below the promise, within chance"
               : f->test.verdict == TR_VERDICT_PROVEN ? "The promise is kept, and proven anew"
                                                      : "The promise is kept";
    case TR_VERDICT_UNTESTED: return "The promise could not be tested";
    case TR_VERDICT_NONE: break;
    }
    return "What is answered here, and how well";
}

static const char *anchor(double at)
{
    return at < 0.25 ? "" : at > 0.75 ? " end" : " mid";
}

/* A mark on the scale, at a share of its length; `width` above 0 makes it a range. */
static void put_mark(tr_html *h, const char *class, double at, double width)
{
    char style[80];

    snprintf(style, sizeof style, width > 0 ? "left:%.2f%%;width:%.2f%%" : "left:%.2f%%", 100 * at,
             100 * width);
    tr_html_open(h, "span");
    tr_html_attr(h, "class", class);
    tr_html_attr(h, "style", style);
    tr_html_close(h);
}

static void put_said(tr_html *h, const char *where, double at, const char *what, const char *value)
{
    char class[40], style[40];

    snprintf(class, sizeof class, "said %s%s", where, anchor(at));
    snprintf(style, sizeof style, "left:%.2f%%", 100 * at);
    tr_html_open(h, "span");
    tr_html_attr(h, "class", class);
    tr_html_attr(h, "style", style);
    tr_html_text(h, what);
    tr_html_put(h, "b", NULL, value);
    tr_html_close(h);
}

static double clip(double x)
{
    return isfinite(x) ? fmin(fmax(x, 0), 1) : 0;
}

/* The interval and the promise on one line. */
static void put_scale(tr_html *h, const tr_figures *f)
{
    const tr_estimate *e = judged(f);
    const tr_promise *promise = &f->audit->promise;
    char found[TR_PHRASE], range[TR_PHRASE], goal[TR_PHRASE], low_text[TR_PHRASE];
    char words[6 * TR_PHRASE];

    if (!isfinite(e->value) || !isfinite(e->low) || !isfinite(e->high))
        return;
    double least = promise->there ? fmin(e->low, promise->alpha) : e->low;
    double low = fmax(0, floor((least - 0.01) * 20) / 20), span = 1 - low;
    tr_phrase_percent(found, e->value);
    tr_phrase_interval(range, *e);
    tr_phrase_target(goal, promise->alpha);
    tr_phrase_target(low_text, round(low * 20) / 20);
    snprintf(words, sizeof words, "From %s to 100 %%: found %s, 95 %% interval %s%s%s.", low_text,
             found, range, promise->there ? ", promised " : "", promise->there ? goal : "");
    tr_html_open(h, "div");
    tr_html_attr(h, "class", "scale");
    tr_html_attr(h, "role", "img");
    tr_html_attr(h, "aria-label", words);
    tr_html_put(h, "span", NULL, low_text);
    tr_html_open(h, "div");
    tr_html_attr(h, "class", "line");
    put_mark(h, "range", clip((e->low - low) / span), clip((e->high - e->low) / span));
    if (promise->there)
        put_mark(h, "goal", clip((promise->alpha - low) / span), 0);
    put_mark(h, "dot", clip((e->value - low) / span), 0);
    if (promise->there)
        put_said(h, "above", clip((promise->alpha - low) / span), "promised ", goal);
    snprintf(words, sizeof words, "%s (%s)", found, range);
    put_said(h, "below", clip((e->value - low) / span), "found ", words);
    tr_html_close(h);
    tr_html_put(h, "span", NULL, "100\xc2\xa0%");
    tr_html_close(h);
}

static void fact(tr_html *h, const char *what, const char *value)
{
    tr_html_open(h, "li");
    tr_html_text(h, what);
    tr_html_foreign(h, tr_str_c(value));
    tr_html_close(h);
}

static void put_facts(tr_html *h, const tr_promise *promise)
{
    char text[TR_PHRASE];

    if (!promise->there)
        return;
    tr_html_open(h, "ul");
    tr_html_attr(h, "class", "facts");
    tr_phrase_target(text, promise->alpha);
    fact(h,
         promise->overall ? "promised over all traffic: " : "promised of what is answered: ", text);
    tr_phrase_target(text, promise->delta);
    fact(h, "risk that it fails (\xce\xb4): ", text);
    if (promise->policy && promise->deployed) {
        char tested[TR_PHRASE], agreed[TR_PHRASE], both[3 * TR_PHRASE];
        tr_phrase_count(tested, (double)promise->tested);
        tr_phrase_count(agreed, (double)promise->agreed);
        snprintf(both, sizeof both, "%s of %s", agreed, tested);
        fact(h, "certified on: ", both);
        fact(h, "pipeline: ", promise->family);
        fact(h, "surrogate: ", promise->member);
        tr_phrase_decimal(text, promise->threshold / 1e6);
        fact(h, "answers from accept score: ", text);
    } else if (promise->policy) {
        fact(h, "policy: ", "refused, defers everything");
    }
    if (promise->policy)
        fact(h, "calibration digest: ", promise->digest);
    tr_html_close(h);
}

const char *tr_banner_title(const tr_figures *f)
{
    const char *class;
    return headline(f, &class);
}

/* The sign of a percentage stays beside its number. */
static void keep_together(tr_buf *text)
{
    tr_buf out;

    tr_buf_init(&out);
    for (size_t i = 0; i < text->size; i++)
        if (text->data[i] == ' ' && i + 1 < text->size && text->data[i + 1] == '%')
            tr_buf_add_c(&out, "\xc2\xa0");
        else
            tr_buf_add_char(&out, text->data[i]);
    out.failed = out.failed || text->failed;
    tr_buf_free(text);
    *text = out;
}

/* Decisions that this policy cannot have made. */
static void put_beware(tr_html *h, uint64_t below)
{
    char count[TR_PHRASE];

    if (below == 0)
        return;
    tr_phrase_count(count, (double)below);
    tr_html_open(h, "p");
    tr_html_attr(h, "class", "lead beware");
    tr_html_say(h,
                "Beware: %s answer%s below this policy's threshold; did another policy decide "
                "%s?",
                count, below == 1 ? " scores" : "s score", below == 1 ? "it" : "them");
    tr_html_close(h);
}

void tr_banner_put(tr_html *h, const tr_report *r)
{
    const char *class, *title = headline(r->figures, &class);
    tr_buf verdict;

    tr_html_open(h, "div");
    tr_html_attr(h, "class", class);
    tr_html_put(h, "h1", NULL, title);
    tr_buf_init(&verdict);
    tr_terminal_verdict(r, &verdict);
    tr_buf_add_char(&verdict, 0);
    keep_together(&verdict);
    if (!verdict.failed)
        tr_html_put(h, "p", "lead", verdict.data);
    else
        h->out->failed = true;
    tr_buf_free(&verdict);
    put_beware(h, r->figures->audit->below);
    put_scale(h, r->figures);
    tr_html_close(h);
    put_facts(h, &r->figures->audit->promise);
}

/* ---- Key numbers ---- */

static void tile(tr_html *h, const char *name, const char *value, const char *note)
{
    tr_html_open(h, "div");
    tr_html_put(h, "dt", NULL, name);
    tr_html_put(h, "dd", "big", value);
    tr_html_put(h, "dd", "quiet", note);
    tr_html_close(h);
}

static void estimate_tile(tr_html *h, const char *name, const tr_estimate *e, const char *what)
{
    char value[TR_PHRASE], interval[TR_PHRASE], note[3 * TR_PHRASE];

    tr_phrase_percent(value, e->value);
    tr_phrase_interval(interval, *e);
    snprintf(note, sizeof note, "%s%s%s", isfinite(e->low) ? interval : "",
             isfinite(e->low) ? "; " : "", what);
    tile(h, name, value, note);
}

void tr_banner_numbers(tr_html *h, const tr_report *r)
{
    const tr_figures *f = r->figures;
    const tr_audit *a = f->audit;
    const tr_money *m = r->money;
    char value[TR_PHRASE], count[TR_PHRASE], all[TR_PHRASE], note[4 * TR_PHRASE];

    tr_html_open(h, "dl");
    /* five or six look better in rows of three */
    tr_html_attr(h, "class", f->has_truth != m->there ? "tiles three" : "tiles");
    tr_phrase_percent(value, f->coverage.value);
    tr_phrase_count(count, (double)a->handled);
    tr_phrase_count(all, (double)f->rows);
    int used = snprintf(note, sizeof note, "%s of %s requests", count, all);
    if (isfinite(f->expected_coverage.value)) {
        tr_phrase_percent(count, f->expected_coverage.value);
        snprintf(note + used, sizeof note - (size_t)used, "; certified at %s", count);
    }
    tile(h, "Answered here", value, note);
    estimate_tile(h, "Agreement of answers", &f->agreement, "with the teacher");
    estimate_tile(h, "Agreement overall", &f->overall, "a deferred request gets its label");
    double wrong = a->handled > 0 ? f->coverage.value * (1 - f->agreement.value) * 1000 : 0;
    snprintf(value, sizeof value, "%.1f", isfinite(wrong) ? wrong : 0);
    tile(h, "Wrong in 1,000 requests", isfinite(wrong) ? value : "not known",
         "answered here, and not as the teacher would");
    if (f->has_truth)
        estimate_tile(h, "Accuracy as routed", &f->accuracy[TR_ANSWERER_MIX].accuracy,
                      "against ground truth");
    if (f->has_truth)
        estimate_tile(h, "Accuracy of the teacher", &f->accuracy[TR_ANSWERER_TEACHER].accuracy,
                      "against ground truth");
    if (m->there && m->priced) {
        tr_phrase_money(value, m->errors_priced ? m->net : m->saved);
        tr_phrase_count(count, m->calls_saved);
        snprintf(note, sizeof note, "%s calls%s", count,
                 m->errors_priced ? ", less what wrong answers cost" : "");
        tile(h, "Saved a day", value, note);
    } else if (m->there) {
        tr_phrase_count(value, m->calls_saved);
        tile(h, "Calls saved a day", value, "to the teacher");
    }
    tr_html_close(h);
}
