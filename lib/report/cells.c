#include "report/cells.h"

#include "doors/scan.h"
#include "report/phrase.h"

#include <math.h>
#include <stdio.h>

#define DOT " \xc2\xb7 "

static void head(tr_html *h, const char *class, const char *text)
{
    tr_html_open(h, "th");
    tr_html_attr(h, "scope", "col");
    if (class != NULL)
        tr_html_attr(h, "class", class);
    tr_html_text(h, text);
    tr_html_close(h);
}

void tr_cells_table(tr_html *h, const char *class, const char *caption, const char *first,
                    const char *const *heads, size_t n)
{
    tr_html_open(h, "table");
    if (class != NULL)
        tr_html_attr(h, "class", class);
    tr_html_put(h, "caption", NULL, caption);
    tr_html_open(h, "thead");
    tr_html_open(h, "tr");
    head(h, NULL, first);
    for (size_t i = 0; i < n; i++)
        head(h, "n", heads[i]);
    tr_html_close(h);
    tr_html_close(h);
    tr_html_open(h, "tbody");
}

void tr_cells_end_table(tr_html *h)
{
    tr_html_close(h);
    tr_html_close(h);
}

void tr_cells_row(tr_html *h)
{
    tr_html_open(h, "tr");
    tr_html_open(h, "th");
    tr_html_attr(h, "scope", "row");
}

void tr_cells_name(tr_html *h, tr_str name)
{
    tr_str shown = tr_scan_cut(name, TR_CELLS_NAME);

    if (name.size == 0)
        tr_html_put(h, "span", "quiet", "(empty)");
    else
        tr_html_name(h, shown);
    if (shown.size < name.size)
        tr_html_text(h, "\xe2\x80\xa6");
}

void tr_cells_begin_number(tr_html *h, const char *value)
{
    tr_html_open(h, "td");
    tr_html_attr(h, "class", "n");
    tr_html_put(h, "span", "value", value);
}

void tr_cells_number(tr_html *h, const char *value)
{
    tr_cells_begin_number(h, value);
    tr_html_close(h);
}

/* The bar says nothing that the number beside it does not. */
static void put_bar(tr_html *h, const char *class, double share)
{
    char width[TR_PHRASE];

    snprintf(width, sizeof width, "width:%.1f%%", 100 * fmin(fmax(share, 0), 1));
    tr_html_open(h, "span");
    tr_html_attr(h, "class", class);
    tr_html_attr(h, "aria-hidden", "true");
    tr_html_open(h, "i");
    tr_html_attr(h, "style", width);
    tr_html_close(h);
    tr_html_close(h);
}

void tr_cells_share(tr_html *h, const char *bar, const tr_estimate *e, const char *none)
{
    char value[TR_PHRASE], interval[TR_PHRASE];

    if (!isfinite(e->value)) {
        tr_cells_number(h, none);
        return;
    }
    tr_phrase_percent(value, e->value);
    tr_cells_begin_number(h, value);
    if (bar != NULL)
        put_bar(h, bar, e->value);
    if (isfinite(e->low) && isfinite(e->high)) {
        tr_phrase_interval(interval, *e);
        tr_html_put(h, "small", NULL, interval);
    }
    tr_html_close(h);
}

const char *const tr_cells_group_heads[TR_CELLS_GROUP] = {"Answered", "Agrees", "Wrong in 10,000"};

void tr_cells_group(tr_html *h, const tr_group *g)
{
    char share[TR_PHRASE], rows[TR_PHRASE], wrong[TR_PHRASE];

    tr_cells_row(h);
    if (g->pooled > 0)
        tr_html_say(h, g->pooled == 1 ? "%u other" : "%u others together", (unsigned)g->pooled);
    else
        tr_cells_name(h, g->name);
    tr_phrase_percent(share, g->share.value);
    tr_phrase_count(rows, (double)g->rows);
    tr_html_open(h, "small");
    tr_html_say(h, "%s%s%s row%s", isfinite(g->share.value) ? share : "",
                isfinite(g->share.value) ? " of traffic" DOT : "", rows, g->rows == 1 ? "" : "s");
    tr_html_close(h);
    tr_html_close(h);
    tr_cells_share(h, "bar", &g->coverage, "not known");
    tr_cells_share(h, "bar agree", &g->agreement,
                   g->coverage.value > 0 ? "not checked" : "none answered");
    tr_phrase_count(wrong, g->wrong * 1e4);
    if (g->wrong > 0 && g->wrong * 1e4 < 0.5)
        snprintf(wrong, sizeof wrong,
                 "<\xc2\xa0"
                 "1");
    tr_cells_number(h, isfinite(g->wrong) ? wrong : "not known");
    tr_html_close(h);
}

void tr_cells_rest(tr_html *h, size_t n, size_t most, const char *what)
{
    char rest[TR_PHRASE];

    if (n <= most)
        return;
    tr_phrase_count(rest, (double)(n - most));
    tr_html_open(h, "p");
    tr_html_attr(h, "class", "quiet");
    tr_html_say(h, "%s more %s are left out here; tr-audit --json has what is known of them.", rest,
                what);
    tr_html_close(h);
}

void tr_cells_listing(tr_html *h, const tr_listing *l, const void *list, size_t n)
{
    char count[TR_PHRASE + 32];

    tr_cells_table(h, l->class, l->caption, l->first, l->heads, l->n_heads);
    for (size_t i = 0; i < n && i < TR_CELLS_SEEN; i++)
        l->row(h, list, i);
    tr_cells_end_table(h);
    if (n <= TR_CELLS_SEEN)
        return;
    snprintf(count, sizeof count, "%zu more %s", n - TR_CELLS_SEEN, l->what);
    if (n > TR_CELLS_MOST)
        snprintf(count, sizeof count, "The next %d %s", TR_CELLS_MOST - TR_CELLS_SEEN, l->what);
    tr_html_open(h, "details");
    tr_html_put(h, "summary", NULL, count);
    tr_cells_table(h, l->class, l->again, l->first, l->heads, l->n_heads);
    for (size_t i = TR_CELLS_SEEN; i < n && i < TR_CELLS_MOST; i++)
        l->row(h, list, i);
    tr_cells_end_table(h);
    tr_cells_rest(h, n, TR_CELLS_MOST, l->what);
    tr_html_close(h);
}
