#include "report/cases.h"

#include "report/cells.h"
#include "report/phrase.h"

#include <math.h>
#include <stdio.h>

#define DOT " \xc2\xb7 "
#define SHY "\xc2\xad" /* where a word may break */

/* ---- Texts and words ---- */

/* Begins what a summary unfolds: "<words> of <name>". */
static void begin_details(tr_html *h, const char *words, tr_str name)
{
    tr_html_open(h, "details");
    tr_html_open(h, "summary");
    tr_html_text(h, words);
    if (name.data != NULL) { /* a link says where it leads even out of its row */
        tr_html_open(h, "span");
        tr_html_attr(h, "class", "hidden");
        tr_html_text(h, " of ");
        tr_cells_name(h, name);
        tr_html_close(h);
    }
    tr_html_close(h);
    tr_html_open(h, "div");
    tr_html_attr(h, "class", "inside");
}

static void put_text(tr_html *h, const tr_example *e)
{
    char whole[TR_PHRASE], score[TR_PHRASE];

    tr_html_open(h, "li");
    if (e->size == 0)
        tr_html_put(h, "span", "quiet", "(no text)");
    else
        tr_html_foreign(h, tr_str_of(e->text, e->size));
    bool cut = e->whole > e->size, scored = e->score != TR_OUTCOME_NO_SCORE;
    tr_phrase_count(whole, (double)e->whole);
    tr_phrase_decimal(score, round(e->score / 1e3) / 1e3);
    if (cut || scored)
        tr_html_open(h, "small");
    if (cut)
        tr_html_say(h, "\xe2\x80\xa6 the beginning of %s bytes%s", whole, scored ? DOT : "");
    if (scored)
        tr_html_say(h, "accept score %s", score);
    if (cut || scored)
        tr_html_close(h);
    tr_html_close(h);
}

static void put_texts(tr_html *h, const char *class, const tr_sample *s, uint32_t most)
{
    tr_html_open(h, "ul");
    tr_html_attr(h, "class", class);
    for (uint32_t i = 0; i < s->n && i < most; i++)
        put_text(h, &s->at[i]);
    tr_html_close(h);
}

/* Texts of either side. */
typedef struct {
    uint64_t handled, deferred;
} totals;

/* "34 of 1,234 answered texts, 5 of 99 deferred texts" */
static void put_counts(tr_html *h, const tr_marking *m, const totals *of)
{
    char handled[TR_PHRASE], deferred[TR_PHRASE], all[TR_PHRASE], rest[TR_PHRASE];
    char text[4 * TR_PHRASE + 64];

    tr_phrase_count(handled, m->handled);
    tr_phrase_count(deferred, m->deferred);
    tr_phrase_count(all, (double)of->handled);
    tr_phrase_count(rest, (double)of->deferred);
    snprintf(text, sizeof text, "%s of %s answered texts, %s of %s deferred texts", handled, all,
             deferred, rest);
    tr_html_attr(h, "title", text);
}

static void put_words(tr_html *h, const tr_marking *m, uint32_t n, const totals *of)
{
    char handled[TR_PHRASE], deferred[TR_PHRASE];

    tr_html_open(h, "ul");
    tr_html_attr(h, "class", "words");
    for (uint32_t i = 0; i < n; i++) {
        tr_html_open(h, "li");
        put_counts(h, &m[i], of);
        tr_html_foreign(h, tr_str_c(m[i].word));
        tr_phrase_rate(handled, m[i].handled, (double)of->handled);
        tr_phrase_rate(deferred, m[i].deferred, (double)of->deferred);
        tr_html_open(h, "small");
        tr_html_say(h, "%s : %s", handled, deferred);
        tr_html_close(h);
        tr_html_close(h);
    }
    tr_html_close(h);
}

/* One side of a label, or of all traffic; `s` NULL: words alone. */
static void put_side(tr_html *h, const char *name, const char *texts, const tr_marking *words,
                     uint32_t n, const totals *of, const tr_sample *s)
{
    tr_html_open(h, "div");
    tr_html_put(h, "h3", NULL, name);
    if (n > 0)
        put_words(h, words, n, of);
    else if (s == NULL)
        tr_html_put(h, "p", "quiet", "No word stands out.");
    if (s != NULL && s->n > 0)
        put_texts(h, texts, s, TR_FIGURES_EXAMPLES);
    else if (s != NULL)
        tr_html_put(h, "p", "quiet", "No text of this side is known.");
    tr_html_close(h);
}

void tr_cases_words(tr_html *h, const tr_figures *f)
{
    totals of = {0, 0};

    for (int i = 0; i < TR_AUDIT_LENGTHS && f->audit->length != NULL; i++) { /* all with a text */
        of.handled += f->audit->length[i].handled;
        of.deferred += f->audit->length[i].deferred;
    }
    tr_html_open(h, "div");
    tr_html_attr(h, "class", "sides");
    put_side(h, "Mark answered requests", "", f->handled, f->n_handled, &of, NULL);
    put_side(h, "Mark deferred requests", "", f->deferred, f->n_deferred, &of, NULL);
    tr_html_close(h);
}

/* ---- Labels ---- */

static void put_near(tr_html *h, const tr_label_figures *l)
{
    char share[TR_PHRASE];

    if (l->near_handled == NULL || l->near_deferred == NULL)
        return;
    tr_phrase_percent(share, l->near);
    tr_html_open(h, "div");
    tr_html_attr(h, "class", "near");
    tr_html_open(h, "h3");
    tr_html_say(
        h,
        "The nearest two of the examples kept: answered, and deferred (%s of their words in "
        "common)",
        share);
    tr_html_close(h);
    tr_html_open(h, "div");
    tr_html_attr(h, "class", "sides");
    for (int i = 0; i < 2; i++) {
        tr_html_open(h, "ul");
        tr_html_attr(h, "class", i ? "texts deferred" : "texts");
        put_text(h, i ? l->near_deferred : l->near_handled);
        tr_html_close(h);
    }
    tr_html_close(h);
    tr_html_close(h);
}

/* The row below a label's: what is behind it. */
static void put_behind(tr_html *h, const tr_label_figures *l)
{
    char answered[TR_PHRASE], confirmed[TR_PHRASE];

    if (l->counts == NULL || l->group.pooled > 0)
        return;
    const totals of = {l->counts->teacher.handled.n, l->counts->teacher.deferred.n};
    tr_html_open(h, "tr");
    tr_html_attr(h, "class", "more");
    tr_html_open(h, "td");
    tr_html_attr(h, "colspan", "4");
    begin_details(h, "Words and texts", l->group.name);
    tr_phrase_count(answered, (double)l->answered);
    tr_phrase_percent(confirmed, l->confirmed.value);
    tr_html_open(h, "p");
    if (l->answered == 0)
        tr_html_text(h, "The surrogate answered no request with this label.");
    else if (isfinite(l->confirmed.value))
        tr_html_say(h,
                    "The surrogate answered %s request%s with this label; of those checked, the "
                    "teacher confirms %s.",
                    answered, l->answered == 1 ? "" : "s", confirmed);
    else
        tr_html_say(h, "The surrogate answered %s request%s with this label; none was checked.",
                    answered, l->answered == 1 ? "" : "s");
    tr_html_close(h);
    tr_html_open(h, "div");
    tr_html_attr(h, "class", "sides");
    put_side(h, "Texts that the teacher labels so: answered here, rightly or not", "texts",
             l->handled, l->n_handled, &of, &l->counts->handled);
    put_side(h, "Texts that the teacher labels so: deferred", "texts deferred", l->deferred,
             l->n_deferred, &of, &l->counts->deferred);
    tr_html_close(h);
    put_near(h, l);
    tr_html_close(h);
    tr_html_close(h);
    tr_html_close(h);
    tr_html_close(h);
}

static void label_row(tr_html *h, const void *list, size_t i)
{
    const tr_label_figures *l = (const tr_label_figures *)list + i;

    tr_cells_group(h, &l->group);
    put_behind(h, l);
}

/* Labels that only the surrogate said have no row here. */
static size_t shown_labels(const tr_figures *f)
{
    size_t n = f->n_labels;

    return n > 0 && f->label[n - 1].group.pooled > 0 && f->label[n - 1].group.rows == 0 ? n - 1 : n;
}

bool tr_cases_any_label(const tr_figures *f)
{
    return shown_labels(f) > 0;
}

void tr_cases_labels(tr_html *h, const tr_figures *f)
{
    static const tr_listing l = {NULL,
                                 "Most wrong answers first. The last column counts, in 10,000 "
                                 "requests of all traffic, the answers here that the teacher would "
                                 "not have given; small print: 95 % intervals. Beside a word: how "
                                 "many of 100 answered texts have it, and of 100 deferred ones. A "
                                 "deferred text may have a high score: it was unlike the log, or "
                                 "its label is never answered.",
                                 "The other labels, in the same order.",
                                 "labels",
                                 "Teacher's label",
                                 tr_cells_group_heads,
                                 3,
                                 label_row};
    tr_cells_listing(h, &l, f->label, shown_labels(f));
}

/* ---- Pairs ---- */

static void pair_row(tr_html *h, const void *list, size_t i)
{
    const tr_pair_figures *p = (const tr_pair_figures *)list + i;
    char rows[TR_PHRASE], share[TR_PHRASE], deferred[TR_PHRASE];

    tr_cells_row(h);
    tr_cells_name(h, p->said);
    tr_html_close(h);
    tr_html_open(h, "td");
    tr_cells_name(h, p->meant);
    tr_html_close(h);
    tr_phrase_count(rows, (double)p->rows);
    tr_cells_begin_number(h, rows);
    if (p->deferred > 0) {
        tr_phrase_count(deferred, (double)p->deferred);
        tr_html_open(h, "small");
        tr_html_say(h, "and %s deferred in time", deferred);
        tr_html_close(h);
    }
    tr_html_close(h);
    tr_phrase_percent(share, p->share);
    tr_cells_number(h, share);
    tr_html_close(h);
    if (p->examples == NULL || p->examples->n == 0)
        return;
    tr_html_open(h, "tr");
    tr_html_attr(h, "class", "more");
    tr_html_open(h, "td");
    tr_html_attr(h, "colspan", "4");
    begin_details(h, "Texts", (tr_str){NULL, 0});
    put_texts(h, "texts", p->examples, TR_AUDIT_PAIR_EXAMPLES);
    tr_html_close(h);
    tr_html_close(h);
    tr_html_close(h);
    tr_html_close(h);
}

void tr_cases_pairs(tr_html *h, const tr_figures *f)
{
    static const char *const heads[] = {"The teacher says", "Requests",
                                        "Of all dis" SHY "agree" SHY "ment"};
    static const tr_listing l = {
        "pairs",
        "Most frequent first. The texts are of answered requests and, where "
        "some were deferred in time, of those, too.",
        "The other pairs, in the same order.",
        "pairs",
        "The surrogate says",
        heads,
        3,
        pair_row};

    tr_cells_listing(h, &l, f->pair, f->n_pairs);
    if (f->pairs_in_all > f->n_pairs) {
        char rest[TR_PHRASE];
        tr_phrase_count(rest, (double)(f->pairs_in_all - f->n_pairs));
        tr_html_open(h, "p");
        tr_html_attr(h, "class", "quiet");
        tr_html_say(h, "%s rarer pairs are left out.", rest);
        tr_html_close(h);
    }
}
