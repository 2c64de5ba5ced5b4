#include "report/terminal.h"

#include "ground/num.h"
#include "report/advice.h"
#include "report/columns.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    LINES = 45, /* at most */
    NAME = 26   /* columns of a label in the table */
};

static const char *const WHY[TR_WHY_COUNT] = {
    [TR_WHY_UNSAID] = "unsaid why",      [TR_WHY_LOW] = "low score",
    [TR_WHY_NOVEL] = "unlike the log",   [TR_WHY_LABEL] = "label withheld",
    [TR_WHY_REFUSED] = "policy refused", [TR_WHY_ERROR] = "unreadable",
};

/* ---- Numbers ---- */

static void TR_PRINTF(2, 3) put(tr_buf *out, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    tr_buf_add_c(out, text);
}

typedef struct {
    char text[TR_NUM_TEXT + 8];
} phrase;

/* "91.2 %"; "-" where it is not known. */
static phrase percent(double share)
{
    phrase p = {"-"};
    if (isfinite(share))
        snprintf(p.text, sizeof p.text, "%.1f %%", 100 * share);
    return p;
}

/* What was asked for, with no more digits than it has: "90 %". */
static phrase target(double share)
{
    phrase p;
    snprintf(p.text, sizeof p.text, "%.7g %%", 100 * share);
    return p;
}

/* "90.0 to 92.3" */
static phrase range(const tr_estimate *e)
{
    phrase p = {"-"};
    if (e->n)
        snprintf(p.text, sizeof p.text, "%.1f to %.1f", 100 * e->low, 100 * e->high);
    return p;
}

static phrase count(uint64_t n)
{
    phrase p;
    tr_num_print_grouped(p.text, n);
    return p;
}

/* "1,234.50"; the currency is the reader's. */
static phrase amount(double x)
{
    phrase p;
    double cents = round(fabs(x) * 100);
    if (!(cents < 1e15)) {
        snprintf(p.text, sizeof p.text, "%.4g", x);
        return p;
    }
    uint64_t whole = (uint64_t)cents;
    snprintf(p.text, sizeof p.text, "%s%.24s.%02u", x < 0 && whole ? "-" : "",
             count(whole / 100).text, (unsigned)(whole % 100));
    return p;
}

static phrase chance(double p)
{
    phrase text = {"p < 0.0001"};
    if (p >= 0.0001)
        snprintf(text.text, sizeof text.text, "p = %.2g", p);
    return text;
}

/* ---- The verdict ---- */

static const tr_estimate *judged(const tr_figures *f)
{
    return f->audit->promise.there && f->audit->promise.overall ? &f->overall : &f->agreement;
}

/* "91.2 % of 2,464 answers agree with the teacher (95 % interval 90.0 to 92.3 %)" */
static void put_found(const tr_figures *f, tr_buf *out)
{
    const tr_estimate *e = judged(f);
    bool overall = e == &f->overall;
    uint64_t of = overall ? f->rows : f->audit->handled;
    const char *what = overall   ? of == 1 ? "request gets" : "requests get"
                       : of == 1 ? "answer agrees"
                                 : "answers agree";

    put(out, "%s of %s %s ", percent(e->value).text, count(of).text, what);
    tr_buf_add_c(out, overall ? "the teacher's label" : "with the teacher");
    put(out, " (95 %% interval %s %%", range(e).text);
    if (f->agreement.n < f->audit->handled)
        put(out, ", from the %s whose teacher label is known", count(f->agreement.n).text);
    tr_buf_add_char(out, ')');
}

/* Answers of which no label says anything: none is known, or only such as nobody could have come by
 * as the log says. */
static void put_unlabelled(const tr_audit *a, tr_buf *out)
{
    if (a->unweighable == 1)
        tr_buf_add_c(out, "1 teacher label is known, but by its propensity of 0 it could not have "
                          "come to be known, so it says nothing about chance");
    else if (a->unweighable)
        put(out,
            "%s teacher labels are known, but by their propensity of 0 they could not have come to "
            "be known, so they say nothing about chance",
            count(a->unweighable).text);
    else
        put(out, "no teacher label is known of %s", a->handled == 1 ? "the answer" : "any answer");
}

static void put_untested(const tr_figures *f, tr_buf *out)
{
    uint64_t handled = f->audit->handled;
    if (f->test.nameless) {
        tr_buf_add_c(out, "Untested: ");
        put_found(f, out);
        put(out,
            "; of rows with different propensities %s have no id, by which they could be made "
            "alike",
            count(f->audit->nameless).text);
    } else if (handled) {
        tr_buf_add_c(out, "Untested: ");
        put_unlabelled(f->audit, out);
    } else {
        tr_buf_add_c(out, "Untested: nothing was handled");
    }
    put(out, "; %s was promised.", target(f->audit->promise.alpha).text);
}

static void put_unpromised(const tr_figures *f, tr_buf *out)
{
    const tr_promise *p = &f->audit->promise;
    bool refused = p->policy && !p->deployed;
    tr_buf_add_c(out, refused ? "No promise, the policy was refused and defers everything"
                              : "No promise to hold it against");
    if (f->agreement.n) {
        tr_buf_add_c(out, ": ");
        put_found(f, out);
    } else if (f->audit->handled) {
        tr_buf_add_c(out, "; ");
        put_unlabelled(f->audit, out);
    } else if (!refused) {
        tr_buf_add_c(out, "; nothing was handled");
    }
    tr_buf_add_char(out, '.');
}

void tr_terminal_verdict(const tr_report *r, tr_buf *out)
{
    const tr_figures *f = r->figures;
    const tr_promise *p = &f->audit->promise;
    const tr_test *t = &f->test;
    phrase promised = target(p->alpha), probability = chance(t->chance);

    switch (t->verdict) {
    case TR_VERDICT_NONE: put_unpromised(f, out); return;
    case TR_VERDICT_UNTESTED: put_untested(f, out); return;
    case TR_VERDICT_CONTRADICTED:
        tr_buf_add_c(out, "CONTRADICTED: ");
        put_found(f, out);
        put(out, "; %s was promised, and chance would give so few with %s (limit %.7g).",
            promised.text, probability.text, p->delta);
        break;
    case TR_VERDICT_OPEN:
        tr_buf_add_c(out, "Not proven false: ");
        put_found(f, out);
        put(out, "; %s was promised, and chance may explain the difference (%s).", promised.text,
            probability.text);
        break;
    case TR_VERDICT_KEPT:
    case TR_VERDICT_PROVEN:
        /* the rows that are tested may differ a little from what all of them estimate */
        tr_buf_add_c(out, judged(f)->value >= p->alpha && !t->few ? "Promise kept: "
                                                                  : "Not proven false: ");
        put_found(f, out);
        put(out, "; %s was promised%s.", promised.text,
            t->few                            ? ", too few rows to say more"
            : t->verdict == TR_VERDICT_PROVEN ? ", and these rows prove it anew"
                                              : "");
        break;
    }
    if (t->thinned)
        put(out, " Tested on %s rows drawn so that each was as likely to be known: %s agree.",
            count(t->rows).text, count(t->agreed).text);
}

static void put_beware(const tr_audit *a, tr_buf *words)
{
    if (a->below)
        put(words,
            "Beware: %s answer%s below this policy's threshold; did another policy decide %s?",
            count(a->below).text, a->below == 1 ? " scores" : "s score",
            a->below == 1 ? "it" : "them");
}

/* ---- What is handled ---- */

static void put_coverage(const tr_figures *f, tr_buf *words)
{
    const tr_audit *a = f->audit;
    put(words, "%s in all: %s handled (%s; %s), %s deferred.", count(f->rows).text,
        count(a->handled).text, percent(f->coverage.value).text, range(&f->coverage).text,
        count(a->deferred).text);
    double expected = f->expected_coverage.value;
    if (!isfinite(expected))
        return;
    const char *how = expected < f->coverage.low    ? "more is handled than that."
                      : expected > f->coverage.high ? "less is handled; has the traffic changed?"
                                                    : "no difference beyond chance.";
    put(words, " The certificate has %s: %s", percent(expected).text, how);
}

static void put_reasons(const tr_audit *a, tr_buf *words)
{
    for (int k = 1; k <= TR_WHY_COUNT; k++) { /* TR_WHY_UNSAID last */
        int why = k % TR_WHY_COUNT;
        if (a->why[why])
            put(words, "%s%s %s", words->size ? ", " : "", count(a->why[why]).text, WHY[why]);
    }
}

static void put_stages(const tr_figures *f, tr_buf *words)
{
    for (uint32_t k = 0; k < f->n_stages; k++)
        put(words, "%s%u handles %s and agrees in %s", k ? "; " : "", (unsigned)k + 1,
            percent(f->stage[k].coverage.value).text, percent(f->stage[k].agreement.value).text);
}

static void put_accuracy(const tr_figures *f, tr_buf *words)
{
    static const char *const who[TR_ANSWERERS] = {
        [TR_ANSWERER_SURROGATE] = "of what is handled: surrogate",
        [TR_ANSWERER_TEACHER_HANDLED] = ", teacher",
        [TR_ANSWERER_TEACHER] = "; of all: teacher",
        [TR_ANSWERER_MIX] = ", as routed",
    };
    for (int k = 0; k < TR_ANSWERERS; k++) {
        put(words, "%s %s", who[k], percent(f->accuracy[k].accuracy.value).text);
        if (isfinite(f->accuracy[k].macro_f1))
            put(words, " (macro-F1 %.3f)", f->accuracy[k].macro_f1);
    }
}

static void put_money(const tr_report *r, tr_buf *words)
{
    const tr_money *m = r->money;
    const tr_figures *f = r->figures;
    phrase calls = count((uint64_t)llround(fmin(m->calls_saved, 1e15)));

    put(words, "%s call%s a day saved", calls.text, strcmp(calls.text, "1") ? "s" : "");
    if (m->priced)
        put(words, ", worth %s", amount(m->saved).text);
    if (!isfinite(m->errors))
        return;
    phrase errors = count((uint64_t)llround(fmin(m->errors, 1e15)));
    bool one = !strcmp(errors.text, "1");
    put(words, "; %s answer%s a day that the teacher would not give", errors.text, one ? "" : "s");
    if (m->errors_priced)
        put(words, " cost%s %s", one ? "s" : "", amount(m->errors_cost).text);
    if (m->errors_priced && m->priced)
        put(words, ": net %s", amount(m->net).text);
    if (m->has_best && m->best < f->n_curve)
        put(words, "; best at threshold %.3f (%s handled, %s agree): net %s",
            f->curve[m->best].threshold, percent(f->curve[m->best].coverage).text,
            percent(f->curve[m->best].agreement.value).text, amount(m->best_net).text);
    else if (m->has_best)
        tr_buf_add_c(words, "; to answer nothing would be cheapest");
}

/* ---- Tables ---- */

static void put_group(tr_buf *out, const tr_group *g)
{
    char pooled[64];
    tr_str name = g->name;
    if (g->pooled) {
        snprintf(pooled, sizeof pooled, "(%s other%s)", count(g->pooled).text,
                 g->pooled == 1 ? "" : "s");
        name = tr_str_c(pooled);
    }
    tr_buf_add_c(out, "  ");
    tr_columns_cell(out, name, NAME);
    put(out, "%9s%9s%9s%15s%9s\n", percent(g->share.value).text, percent(g->coverage.value).text,
        percent(g->agreement.value).text, range(&g->agreement).text, percent(g->wrong).text);
}

/* `shown` of `all`, what is pooled not among them. */
static void put_heading(tr_buf *out, tr_str title, size_t shown, size_t all)
{
    size_t begin = out->size + 1;
    tr_buf_add_char(out, '\n');
    if (shown < all) {
        tr_columns_foreign(out, title, NAME / 2);
        put(out, " (%s of %s)", count(shown).text, count(all).text);
    } else {
        tr_columns_foreign(out, title, NAME);
    }
    unsigned used = out->failed ? 0
                                : tr_columns_width(tr_str_of(out->data + begin, out->size - begin));
    put(out, "%*s%9s%9s%9s%15s%9s\n", used < NAME + 2 ? (int)(NAME + 2 - used) : 0, "", "traffic",
        "handled", "agree", "95 % interval", "wrong");
}

/* Labels that stand for themselves; the one that does not is the last. */
static size_t own_labels(const tr_figures *f)
{
    return f->n_labels - (f->n_labels > 0 && f->label[f->n_labels - 1].group.pooled > 0);
}

/* Labels with wrong answers, which come first; *pooled: and so have the small ones. */
static size_t wrong_labels(const tr_figures *f, bool *pooled)
{
    size_t n = 0, own = own_labels(f);
    while (n < own && f->label[n].group.wrong > 0)
        n++;
    *pooled = own < f->n_labels && f->label[own].group.wrong > 0;
    return n;
}

static void put_labels(tr_buf *out, const tr_figures *f, size_t rows)
{
    bool pooled;
    size_t n = wrong_labels(f, &pooled), shown = rows < n ? rows : n;
    put_heading(out, tr_str_c("Worst labels"), shown, shown ? own_labels(f) : 0);
    for (size_t i = 0; i < shown; i++)
        put_group(out, &f->label[i].group);
    if (rows > n)
        put_group(out, &f->label[f->n_labels - 1].group);
}

static void put_slices(tr_buf *out, const tr_figures *f, size_t rows)
{
    size_t shown = 0, all = 0;
    tr_buf title;
    tr_buf_init(&title);
    tr_buf_add_c(&title, "By ");
    tr_buf_add_c(&title, f->slices_by_length ? "length" : f->audit->by);
    for (size_t i = 0; i < f->n_slices; i++) {
        all += !f->slice[i].pooled;
        shown += i < rows && !f->slice[i].pooled;
    }
    put_heading(out, tr_buf_str(&title), shown, all);
    out->failed |= title.failed;
    tr_buf_free(&title);
    for (size_t i = 0; i < rows; i++)
        put_group(out, &f->slice[i]);
}

static unsigned widest(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

/* Pairs that were answered, which come first. */
static size_t answered_pairs(const tr_figures *f)
{
    size_t n = 0;
    while (n < f->n_pairs && f->pair[n].rows > 0)
        n++;
    return n;
}

/* Rows, the two labels, and a text in what room is left. */
static void put_pairs(tr_buf *out, const tr_figures *f, size_t rows)
{
    enum { LEAST = 9, MOST = 20 };
    unsigned n = LEAST, said = LEAST, meant = LEAST;
    for (size_t i = 0; i < rows; i++) {
        n = widest(n, (unsigned)strlen(count(f->pair[i].rows).text));
        said = widest(said, tr_columns_width(f->pair[i].said));
        meant = widest(meant, tr_columns_width(f->pair[i].meant));
    }
    said = said > MOST ? MOST : said;
    meant = meant > MOST ? MOST : meant;
    put(out, "\n%*s  %-*s  %-*s  %s\n", (int)n, "Confused", (int)said, "surrogate", (int)meant,
        "teacher", "such as");
    for (size_t i = 0; i < rows; i++) {
        const tr_pair_figures *p = &f->pair[i];
        put(out, "%*s  ", (int)n, count(p->rows).text);
        tr_columns_cell(out, p->said, said);
        tr_buf_add_c(out, "  ");
        tr_columns_cell(out, p->meant, meant);
        if (p->examples && p->examples->n) {
            tr_buf_add_c(out, "  ");
            tr_columns_foreign(out, tr_str_of(p->examples->at[0].text, p->examples->at[0].size),
                               TR_COLUMNS - n - 6 - said - meant);
        } else {
            while (out->size && out->data[out->size - 1] == ' ')
                out->size--;
        }
        tr_buf_add_char(out, '\n');
    }
}

/* ---- The rest ---- */

static void put_words(tr_buf *words, const char *what, const tr_marking *m, uint32_t n)
{
    enum { MOST = 5 };
    if (!n)
        return;
    put(words, "%s%s texts: ", words->size ? "; " : "", what);
    for (uint32_t i = 0; i < n && i < MOST; i++) {
        tr_buf_add_c(words, i ? ", " : "");
        tr_columns_foreign(words, tr_str_c(m[i].word), 16);
    }
}

static void put_other(const tr_comparison *c, tr_buf *words)
{
    phrase alpha[2];
    for (int i = 0; i < 2; i++) {
        alpha[i] = target(c->promised[i]);
        if (isnan(c->promised[i]))
            alpha[i] = (phrase){"nothing"};
    }
    put(words, "Beware: it is of another %s", c->other_policy ? "policy" : "promise");
    if (c->other_promise)
        put(words, ", held against %s; this log is held against %s", alpha[0].text, alpha[1].text);
}

static void put_baseline(tr_buf *out, const tr_comparison *c)
{
    enum { MOVES = 3 };
    tr_buf words;
    tr_buf_init(&words);
    if (c->other_policy || c->other_promise)
        put_other(c, &words);
    bool other = words.size > 0;
    if (other)
        tr_columns_wrap(out, "Baseline", tr_buf_str(&words));
    tr_buf_clear(&words);
    if (c->moved)
        put(&words, "%s of %s comparisons moved beyond chance%s", count(c->moved).text,
            count(c->n).text, c->moved > MOVES ? ", first:" : ":");
    else if (c->n)
        put(&words, "nothing moved beyond chance in %s comparison%s", count(c->n).text,
            c->n == 1 ? "" : "s");
    else
        tr_buf_add_c(&words, "nothing in it can be compared");
    tr_columns_wrap(out, other ? " " : "Baseline", tr_buf_str(&words));
    tr_buf_free(&words);
    for (size_t i = 0; i < c->moved && i < MOVES; i++) {
        const tr_move *m = &c->move[i];
        put(out, "%*s", TR_COLUMNS_HANG, "");
        put(out, "%s of ", tr_moved_names[m->what]);
        if (m->label.data)
            tr_columns_foreign(out, m->label, NAME);
        else
            tr_buf_add_c(out, "all traffic");
        put(out, ": %s -> %s\n", percent(m->before.value).text, percent(m->after.value).text);
    }
}

/* No row has the key that slices were asked for by. */
static bool lacks_slices(const tr_audit *a)
{
    return *a->by && a->slices.n == 0 && !a->slices.crowded && a->handled + a->deferred > 0;
}

static void put_unknown(const tr_audit *a, tr_buf *words)
{
    const struct {
        uint64_t n;
        const char *what[2]; /* many, one */
    } row[] = {
        {a->unknown, {"answers without a teacher label", "answer without a teacher label"}},
        {a->unknowable,
         {"answers never to be labelled (propensity 0)",
          "answer never to be labelled (propensity 0)"}},
        {a->unweighable,
         {"labels left out (known at propensity 0)", "label left out (known at propensity 0)"}},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        if (row[i].n)
            put(words, "%s%s %s", words->size ? "; " : "", count(row[i].n).text,
                row[i].what[row[i].n == 1]);
    if (lacks_slices(a)) {
        put(words, "%sno row has the key ", words->size ? "; " : "");
        tr_columns_foreign(words, tr_str_c(a->by), NAME);
        tr_buf_add_c(words, " (--by)");
    }
    if (a->handled + a->deferred > 0 && a->inputs == 0)
        put(words, "%sno row has a text (--input-key names its key)", words->size ? "; " : "");
}

static void put_method(const tr_figures *f, tr_buf *words)
{
    const tr_estimate *e = &f->agreement;
    if (e->method == TR_METHOD_WILSON)
        put(words, "95 %%; weighed by 1/propensity: Wilson on %s effective rows",
            count((uint64_t)e->effective).text);
    else
        tr_buf_add_c(words, "95 %, exact (Clopper-Pearson)");
}

/* ---- One screen ---- */

static size_t lines_of(const tr_buf *b)
{
    size_t n = 0;
    for (size_t i = 0; i < b->size; i++)
        n += b->data[i] == '\n';
    return n;
}

/* Puts the words under a name, where there are any, and empties them. */
static void flush(tr_buf *out, const char *name, tr_buf *words)
{
    if (words->size)
        tr_columns_wrap(out, name, tr_buf_str(words));
    out->failed |= words->failed;
    tr_buf_clear(words);
}

static void put_head(const tr_report *r, tr_buf *out, tr_buf *words)
{
    const tr_figures *f = r->figures;
    tr_terminal_verdict(r, words);
    flush(out, "", words);
    put_beware(f->audit, words);
    flush(out, "", words);
    tr_buf_add_char(out, '\n');
    put_coverage(f, words);
    flush(out, "Requests", words);
    if (f->audit->why[TR_WHY_UNSAID] < f->audit->deferred)
        put_reasons(f->audit, words);
    flush(out, "Deferred", words);
    if (f->n_stages > 1)
        put_stages(f, words);
    flush(out, "Stages", words);
    if (f->has_truth && f->accuracy[TR_ANSWERER_TEACHER].accuracy.n > 0)
        put_accuracy(f, words);
    flush(out, "Accuracy", words);
    if (r->money->there)
        put_money(r, words);
    flush(out, "Money", words);
}

static void put_tail(const tr_report *r, tr_buf *out, tr_buf *words)
{
    const tr_figures *f = r->figures;
    tr_buf_add_char(out, '\n');
    put_words(words, "deferred", f->deferred, f->n_deferred);
    put_words(words, "handled", f->handled, f->n_handled);
    flush(out, "Words", words);
    if (r->comparison)
        put_baseline(out, r->comparison);
    put_unknown(f->audit, words);
    flush(out, "Not known", words);
    put_method(f, words);
    flush(out, "Intervals", words);
    tr_advice_write(r, words);
    flush(out, "Next", words);
}

/* How many rows of each table there is room for: some at least, then the labels first. */
static void share_out(size_t room, const size_t have[3], size_t rows[3])
{
    static const size_t least[3] = {3, 3, 2}, most[3] = {12, 4, 5};
    size_t used = 0;
    for (int k = 0; k < 3; k++) {
        rows[k] = have[k] < least[k] ? have[k] : least[k];
        used += rows[k] + (rows[k] ? 2 : 0); /* with a blank line and a heading */
    }
    for (int k = 1; k < 3 && used > room; k++) { /* everything at once: do without a table */
        used -= rows[k] + (rows[k] ? 2 : 0);
        rows[k] = 0;
    }
    for (bool grown = true; grown;) {
        grown = false;
        for (int k = 0; k < 3; k++)
            if (used < room && rows[k] && rows[k] < have[k] && rows[k] < most[k]) {
                rows[k]++;
                used++;
                grown = true;
            }
    }
}

tr_code tr_terminal_write(const tr_report *r, tr_buf *out, tr_err *err)
{
    const tr_figures *f = r->figures;
    bool pooled;
    const size_t wrong = wrong_labels(f, &pooled);
    const size_t have[3] = {wrong + pooled, lacks_slices(f->audit) ? 0 : f->n_slices,
                            answered_pairs(f)};
    size_t rows[3];
    tr_buf head, tail, words;

    tr_buf_init(&head);
    tr_buf_init(&tail);
    tr_buf_init(&words);
    put_head(r, &head, &words);
    put_tail(r, &tail, &words);
    size_t used = lines_of(&head) + lines_of(&tail);
    share_out(used < LINES ? LINES - used : 0, have, rows);
    tr_buf_add_str(out, tr_buf_str(&head));
    if (rows[0])
        put_labels(out, f, rows[0]);
    if (rows[1])
        put_slices(out, f, rows[1]);
    if (rows[2])
        put_pairs(out, f, rows[2]);
    tr_buf_add_str(out, tr_buf_str(&tail));
    bool failed = out->failed || head.failed || tail.failed || words.failed;
    tr_buf_free(&words);
    tr_buf_free(&tail);
    tr_buf_free(&head);
    return failed ? tr_err_memory(err) : TR_OK;
}
