#include "traces/summary.h"

#include "doors/scan.h"
#include "ground/num.h"
#include "maths/stat.h"

#include <stdarg.h>
#include <stdio.h>

static void line(tr_buf *out, const char *format, ...) TR_PRINTF(2, 3);
static void line(tr_buf *out, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f) /* of a label */
            *p = '?';
    tr_buf_add_c(out, text);
    tr_buf_add_char(out, '\n');
}

enum { RAREST = 5 };

static void say_labels(tr_buf *out, const tr_labels *l)
{
    uint32_t rarest[RAREST];
    uint32_t n = 0;
    for (uint32_t i = 0; i < l->n; i++) {
        uint32_t at = n < RAREST ? n++ : RAREST;
        for (; at > 0 && l->count[rarest[at - 1]] > l->count[i]; at--)
            if (at < RAREST)
                rarest[at] = rarest[at - 1];
        if (at < RAREST)
            rarest[at] = i;
    }
    tr_buf text;
    tr_buf_init(&text);
    for (uint32_t i = 0; i < n; i++) {
        char count[TR_NUM_TEXT];
        tr_str label = l->text[rarest[i]], shown = tr_scan_cut(label, 40);
        tr_num_print_grouped(count, l->count[rarest[i]]);
        tr_buf_add_c(&text, i ? ", " : "");
        tr_buf_add_str(&text, shown);
        tr_buf_add_c(&text, shown.size < label.size ? "... (" : " (");
        tr_buf_add_c(&text, count);
        tr_buf_add_c(&text, ")");
    }
    if (!text.failed)
        line(out, "  rarest labels  %.*s", (int)text.size, text.data);
    tr_buf_free(&text);
}

static void say_side(tr_buf *out, const char *name, uint64_t n, uint64_t rows, const char *note)
{
    char text[TR_NUM_TEXT];
    tr_num_print_grouped(text, n);
    line(out, "  %-13s  %9s  %5.1f %%%s%s", name, text, 100 * (double)n / (double)rows,
         *note ? "  " : "", note);
}

static void say_count(tr_buf *out, const char *name, uint64_t n, const char *what)
{
    char text[TR_NUM_TEXT];
    tr_num_print_grouped(text, n);
    if (n)
        line(out, "  %-13s  %9s  %s", name, text, what);
}

/* What the calibration rows can certify at all. */
static void say_needed(tr_buf *out, uint64_t calibration)
{
    static const double alphas[] = {.80, .85, .90, .92, .95, .98};
    char alpha[128] = "", rows[128] = "", enough[128] = "";
    for (size_t i = 0; i < sizeof alphas / sizeof *alphas; i++) {
        size_t at = 6 * i;
        int64_t need = tr_stat_least_rows(alphas[i], .05);
        snprintf(alpha + at, 7, "%6.2f", alphas[i]);
        snprintf(rows + at, 7, "%6d", (int)need);
        snprintf(enough + at, 7, "%6s", calibration >= (uint64_t)need ? "yes" : "no");
    }
    line(out, "  To certify an agreement at delta .05, at least so many calibration rows, if "
              "none disagrees:");
    line(out, "    agreement    %s", alpha);
    line(out, "    rows needed  %s", rows);
    line(out, "    enough here  %s", enough);
}

void tr_summary_write(const tr_split_options *o, const tr_split_counts *c, const tr_labels *labels,
                      tr_buf *out)
{
    char rows[TR_NUM_TEXT], n_labels[TR_NUM_TEXT], eligible[TR_NUM_TEXT], rule[160];

    tr_num_print_grouped(rows, c->rows);
    tr_num_print_grouped(n_labels, labels->n);
    tr_num_print_grouped(eligible, c->eligible);
    snprintf(rule, sizeof rule, "(share %.4g%s of %s rows%s)", c->share,
             o->automatic ? ", automatic," : "", eligible,
             c->thinned || c->stale ? " that may calibrate" : "");
    line(out, "tr-split: %s traces, %s labels, seed %lld", rows, n_labels, (long long)o->seed);
    say_labels(out, labels);
    say_side(out, "train", c->train, c->rows, "");
    say_side(out, "calibration", c->calibration, c->rows, rule);
    say_side(out, "test", c->test, c->rows, "");
    say_count(out, "embeddings", c->dimensions, "numbers in each");
    if (o->keys.group_key)
        say_count(out, "not grouped", c->rows - c->grouped,
                  "rows without that key; each is a group of its own");
    say_count(out, "unlisted", c->unlisted, "rows whose label is not listed: not for training");
    say_count(out, "sampled", c->sampled, "rows that carry the router's propensity");
    say_count(out, "stale", c->stale,
              "rows up to --fresh-after: they train, and calibrate no more");
    say_count(out, "thinned", c->thinned,
              "of the others may not calibrate, so that the rest is like the traffic");
    say_count(out, "no propensity", c->unsampled,
              "decisions without one; taken as if they had never been routed");
    say_count(out, "left out", c->outside, "rows outside --since and --until");
    say_count(out, "skipped", c->skipped_decisions, "decisions without a teacher label");
    say_count(out, "skipped", c->skipped_trailers, "last lines of an earlier split");
    say_needed(out, c->calibration);
}
