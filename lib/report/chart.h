/* chart: a line chart from plain structs: axes, grid, series, and labels beside what they name.
 *
 * For pictures that are read in a browser, in light and dark: colours come from a style sheet in
 * the picture that follows the reader's preference, and each has its name beside it, so that none
 * has to be told by its colour alone. Lines are named at their right ends, beyond the axes, moved
 * apart where ends meet; stairs and points are named, and points labelled, where nothing is drawn.
 *
 * Upstream: svg, palette. Downstream: plot, graphs. */
#ifndef TR_CHART_H
#define TR_CHART_H

#include "ground/err.h"
#include "ground/mem.h"
#include "report/palette.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    double x, y;
    const char *label; /* written near the point; NULL: none */
} tr_chart_point;

typedef enum {
    TR_CHART_LINE,
    TR_CHART_DASHED,
    TR_CHART_STAIR,   /* by x rising; each point's value holds to its left, up to the one before; a
                       * marker at each, hollow where y is the axis's low end */
    TR_CHART_POINTS,  /* markers alone */
    TR_CHART_AREA,    /* filled, within its points; behind all else, and never named */
    TR_CHART_WHISKERS /* pairs of points, a line from one to the other; never named */
} tr_chart_kind;

enum { TR_CHART_COLOURS = TR_PALETTE_COLOURS };

typedef struct {
    tr_chart_kind kind;
    int colour;                   /* 0..TR_CHART_COLOURS-1; 0 is the strongest */
    const char *name;             /* NULL: none */
    const char *note;             /* small, below the name; may be NULL */
    const tr_chart_point *points; /* borrowed; what is not finite is left out */
    size_t n;
} tr_chart_series;

typedef struct {
    const char *title;
    double low, high;    /* low < high; what lies beyond is cut off */
    const double *ticks; /* where grid lines are */
    const char *const *tick_labels;
    size_t n_ticks;
} tr_chart_axis;

typedef struct {
    const char *title, *subtitle; /* subtitle and footnote may be NULL */
    const char *footnote;
    const char *description; /* for those who cannot see it */
    tr_chart_axis x, y;
    const tr_chart_series *series;
    size_t n_series;
    bool has_mark;       /* a point that is ringed, with two lines of words */
    tr_chart_point mark; /* label: the first line */
    const char *mark_note;
    double width, height; /* 0: 960 by 590 */
    /* NULL: a file of its own. Else it stands in a page that has heading, background and footnote:
     * they are left out, and this goes before every id and class */
    const char *prefix;
} tr_chart;

/* Appends the picture to `out`. Texts may hold anything: they are cut at some 60 characters and
 * escaped. Returns TR_OK; TR_USAGE (an axis without extent, a colour out of range); TR_SYSTEM. */
TR_MUST tr_code tr_chart_draw(const tr_chart *chart, tr_buf *out, tr_err *err);

#endif
