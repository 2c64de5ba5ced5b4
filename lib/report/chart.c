#include "report/chart.h"

#include "report/palette.h"
#include "report/svg.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Layout, in user units. */
static const double WIDTH = 960, HEIGHT = 590;
static const double LEFT = 66, TOP = 114, BOTTOM = 78; /* margins of the plot */
static const double BARE_TOP = 40, BARE_BOTTOM = 54;   /* without title and footnote */
static const double EM = 7.1;                          /* a character at 13px, generously */
static const double EM_BOLD = 7.6, EM_SMALL = 6.4;
static const double LINE = 16; /* a line of text */
static const double MARKER = 4.5;
static const size_t MOST_TEXT = 60;

typedef struct {
    double x0, y0, x1, y1;
} box;

typedef struct {
    const tr_chart *chart;
    tr_svg svg;
    double width, height;
    bool bare; /* in a page */
    box plot;
    /* what labels must keep clear of: line segments, and boxes of text and markers */
    box *segments, *boxes;
    size_t n_segments, n_boxes, most_segments, most_boxes;
    bool out_of_memory;
} canvas;

/* ---- Text ---- */

/* At most MOST_TEXT characters of a text, never half of one. */
static tr_str shown(const char *text)
{
    tr_str s = tr_str_c(text);
    size_t characters = 0, i = 0;

    for (; i < s.size; i++) {
        characters += ((unsigned char)s.data[i] & 0xc0) != 0x80;
        if (characters > MOST_TEXT)
            break;
    }
    return tr_str_of(s.data, i);
}

/* How wide a text may be; a guess, since no font is known. */
static double text_width(const char *text, double em)
{
    tr_str s = shown(text);
    size_t characters = 0;

    for (size_t i = 0; i < s.size; i++)
        characters += ((unsigned char)s.data[i] & 0xc0) != 0x80;
    return (double)characters * em;
}

/* ---- Places ---- */

static double place_x(const canvas *c, double x)
{
    const tr_chart_axis *a = &c->chart->x;
    return c->plot.x0 + (x - a->low) / (a->high - a->low) * (c->plot.x1 - c->plot.x0);
}

static double place_y(const canvas *c, double y)
{
    const tr_chart_axis *a = &c->chart->y;
    return c->plot.y1 - (y - a->low) / (a->high - a->low) * (c->plot.y1 - c->plot.y0);
}

static bool within(const tr_chart *chart, tr_chart_point p)
{
    return p.x >= chart->x.low && p.x <= chart->x.high && p.y >= chart->y.low &&
           p.y <= chart->y.high; /* false for NaN */
}

static void keep(canvas *c, box **list, size_t *n, size_t *most, box b)
{
    void *array = *list;
    if (!tr_mem_reserve(&array, most, *n + 1, sizeof b)) {
        c->out_of_memory = true;
        return;
    }
    *list = array;
    (*list)[(*n)++] = b;
}

static void keep_segment(canvas *c, double x0, double y0, double x1, double y1)
{
    keep(c, &c->segments, &c->n_segments, &c->most_segments, (box){x0, y0, x1, y1});
}

static void keep_box(canvas *c, box b)
{
    keep(c, &c->boxes, &c->n_boxes, &c->most_boxes, b);
}

/* Cuts a segment to the box (Liang, Barsky 1984); false where nothing is left of it. */
static bool cut(box *s, const box *b)
{
    double dx = s->x1 - s->x0, dy = s->y1 - s->y0, from = 0, to = 1;
    double p[4] = {-dx, dx, -dy, dy};
    double q[4] = {s->x0 - b->x0, b->x1 - s->x0, s->y0 - b->y0, b->y1 - s->y0};

    for (int i = 0; i < 4; i++) {
        if (p[i] == 0 && q[i] < 0)
            return false;
        if (p[i] < 0)
            from = fmax(from, q[i] / p[i]);
        if (p[i] > 0)
            to = fmin(to, q[i] / p[i]);
    }
    if (from > to)
        return false;
    *s = (box){s->x0 + from * dx, s->y0 + from * dy, s->x0 + to * dx, s->y0 + to * dy};
    return true;
}

/* How much of what is drawn a box would lie on; 0: it is free. Text on text is worst. */
static int conflicts(const canvas *c, box b)
{
    int n = 0;

    for (size_t i = 0; i < c->n_segments; i++) {
        box s = c->segments[i];
        n += cut(&s, &b);
    }
    for (size_t i = 0; i < c->n_boxes; i++) {
        const box *o = &c->boxes[i];
        n += b.x0 < o->x1 && o->x0 < b.x1 && b.y0 < o->y1 && o->y0 < b.y1 ? 1000 : 0;
    }
    return n;
}

/* The freest place for a text of that size near a point: nearer ones first, and below to the left
 * before all others (where a falling curve leaves room), or else above. */
static box free_place(const canvas *c, double x, double y, double width, double height,
                      double nearest, bool above)
{
    static const double dx[] = {-1, 1, 1, -1, 0, 0}, dy[] = {1, -1, 1, -1, -1, 1};
    static const int FROM_ABOVE[] = {1, 4, 3, 2, 5, 0};
    box best = {0, 0, 0, 0};
    int least = -1;

    for (int ring = 0; ring < 12 && least != 0; ring++) {
        double away = nearest + 12 * ring;
        for (int k = 0; k < 6; k++) {
            int i = above ? FROM_ABOVE[k] : k;
            double left = dx[i] < 0 ? x - away - width : dx[i] > 0 ? x + away : x - width / 2;
            double top = dy[i] > 0 ? y + away * 0.6 : y - away * 0.6 - height;
            box b = {left, top, left + width, top + height};
            if (b.x0 < c->plot.x0 + 2 || b.x1 > c->plot.x1 || b.y1 > c->plot.y1 - 2 ||
                b.y0 < c->plot.y0 - 3 * LINE)
                continue;
            int n = conflicts(c, b);
            if (least < 0 || n < least) {
                best = b;
                least = n;
            }
            if (n == 0)
                break;
        }
    }
    if (least < 0) /* larger than the plot */
        best = (box){c->plot.x0, y, c->plot.x0 + width, y + height};
    return best;
}

/* A thin line from a point to the text that is about it, where they are not side by side. */
static void lead(canvas *c, double x, double y, double radius, box b)
{
    double edge_x = fmin(fmax(x, b.x0), b.x1), edge_y = fmin(fmax(y, b.y0), b.y1);
    double length = hypot(edge_x - x, edge_y - y), step = radius / length;

    if (length < radius + 6)
        return;
    x += step * (edge_x - x);
    y += step * (edge_y - y);
    tr_svg_line(&c->svg, "leader", x, y, edge_x, edge_y);
    keep_segment(c, x, y, edge_x, edge_y);
}

/* ---- Frame ---- */

static void draw_frame(canvas *c)
{
    const tr_chart *chart = c->chart;
    tr_svg *s = &c->svg;
    const box *p = &c->plot;

    if (!c->bare) {
        tr_svg_rect(s, "bg", 0, 0, c->width, c->height);
        tr_svg_label(s, "title", LEFT, 36, "start", shown(chart->title));
    }
    if (!c->bare && chart->subtitle != NULL)
        tr_svg_label(s, "quiet", LEFT, 58, "start", tr_str_c(chart->subtitle));
    for (size_t i = 0; i < chart->y.n_ticks; i++) {
        double y = place_y(c, chart->y.ticks[i]);
        tr_svg_line(s, "grid", p->x0, y, p->x1, y);
        tr_svg_label(s, "quiet", p->x0 - 10, y + 4.5, "end", shown(chart->y.tick_labels[i]));
    }
    double taken = -INFINITY; /* right end of the last label below the axis */
    for (size_t i = 0; i < chart->x.n_ticks; i++) {
        double x = place_x(c, chart->x.ticks[i]);
        double half = text_width(chart->x.tick_labels[i], EM) / 2;
        tr_svg_line(s, "grid", x, p->y0, x, p->y1);
        if (x - half < taken)
            continue;
        tr_svg_label(s, "quiet", x, p->y1 + 20, "middle", shown(chart->x.tick_labels[i]));
        taken = x + half + 4;
    }
    tr_svg_line(s, "axis", p->x0, p->y1, p->x1, p->y1);
    tr_svg_label(s, "quiet", (p->x0 + p->x1) / 2, p->y1 + 42, "middle", shown(chart->x.title));
    double edge = p->y0 - 14;
    tr_svg_label(s, "quiet", LEFT, edge, "start", shown(chart->y.title));
    keep_box(c, (box){LEFT, edge - 14, LEFT + text_width(chart->y.title, EM), edge + 4});
    if (!c->bare && chart->footnote != NULL)
        tr_svg_label(s, "small", LEFT, c->height - 12, "start", tr_str_c(chart->footnote));
}

/* ---- Series ---- */

/* A straight piece of a line, cut to the plot; `from` is where the pen is. */
static void draw_piece(canvas *c, box piece, box *from)
{
    if (!cut(&piece, &c->plot))
        return;
    bool joined = piece.x0 == from->x1 && piece.y0 == from->y1;
    if (!joined)
        tr_svg_path_to(&c->svg, piece.x0, piece.y0, false);
    tr_svg_path_to(&c->svg, piece.x1, piece.y1, true);
    keep_segment(c, piece.x0, piece.y0, piece.x1, piece.y1);
    *from = piece;
}

static void draw_line(canvas *c, const tr_chart_series *s)
{
    bool stair = s->kind == TR_CHART_STAIR, begun = false;
    box pen = {0, 0, NAN, NAN};
    double x = 0, y = 0;
    char class[TR_PALETTE_CLASS];

    tr_palette_class(class,
                     stair                        ? "stair"
                     : s->kind == TR_CHART_DASHED ? "dash"
                                                  : "line",
                     's', s->colour);
    tr_svg_path_begin(&c->svg, class);
    for (size_t i = 0; i < s->n; i++) {
        if (!isfinite(s->points[i].x) || !isfinite(s->points[i].y))
            continue;
        double to_x = place_x(c, s->points[i].x), to_y = place_y(c, s->points[i].y);
        if (stair && !begun)
            draw_piece(c, (box){c->plot.x0, to_y, to_x, to_y}, &pen);
        if (stair && begun) {
            draw_piece(c, (box){x, y, x, to_y}, &pen);
            if (to_y < c->plot.y1) /* nothing, and the axis says so */
                draw_piece(c, (box){x, to_y, to_x, to_y}, &pen);
        }
        if (!stair && begun)
            draw_piece(c, (box){x, y, to_x, to_y}, &pen);
        x = to_x;
        y = to_y;
        begun = true;
    }
    tr_svg_path_end(&c->svg);
}

static double held(double x, double low, double high)
{
    return fmin(fmax(x, low), high);
}

/* What lies beyond the plot is pressed to its edge. */
static void draw_area(canvas *c, const tr_chart_series *s)
{
    char class[TR_PALETTE_CLASS];

    tr_palette_class(class, "area", 'f', s->colour);
    tr_svg_path_begin(&c->svg, class);
    for (size_t i = 0; i < s->n; i++)
        if (isfinite(s->points[i].x) && isfinite(s->points[i].y))
            tr_svg_path_to(&c->svg, held(place_x(c, s->points[i].x), c->plot.x0, c->plot.x1),
                           held(place_y(c, s->points[i].y), c->plot.y0, c->plot.y1), true);
    tr_svg_path_end(&c->svg);
}

static void draw_whiskers(canvas *c, const tr_chart_series *s)
{
    box pen = {0, 0, NAN, NAN};
    char class[TR_PALETTE_CLASS];

    tr_palette_class(class, "whisker", 's', s->colour);
    tr_svg_path_begin(&c->svg, class);
    for (size_t i = 0; i + 1 < s->n; i += 2) {
        const tr_chart_point *a = &s->points[i], *b = &s->points[i + 1];
        if (isfinite(a->x) && isfinite(a->y) && isfinite(b->x) && isfinite(b->y))
            draw_piece(
                c, (box){place_x(c, a->x), place_y(c, a->y), place_x(c, b->x), place_y(c, b->y)},
                &pen);
    }
    tr_svg_path_end(&c->svg);
}

static void draw_markers(canvas *c, const tr_chart_series *s)
{
    char full[TR_PALETTE_CLASS], hole[TR_PALETTE_CLASS];

    tr_palette_class(full, "dot", 'f', s->colour);
    tr_palette_class(hole, "hole", 's', s->colour);
    for (size_t i = 0; i < s->n; i++) {
        if (!within(c->chart, s->points[i]))
            continue;
        double x = place_x(c, s->points[i].x), y = place_y(c, s->points[i].y);
        bool hollow = s->kind == TR_CHART_POINTS || s->points[i].y <= c->chart->y.low;
        tr_svg_circle(&c->svg, hollow ? hole : full, x, y, MARKER);
        keep_box(c, (box){x - MARKER, y - MARKER, x + MARKER, y + MARKER});
    }
}

static void label_points(canvas *c, const tr_chart_series *s)
{
    char class[TR_PALETTE_CLASS];

    tr_palette_class(class, "halo", 'f', s->colour);
    for (size_t i = 0; i < s->n; i++) {
        const tr_chart_point *p = &s->points[i];
        const tr_chart *chart = c->chart;
        bool marked = chart->has_mark && p->x == chart->mark.x && p->y == chart->mark.y;
        if (p->label == NULL || marked || !within(chart, *p))
            continue;
        double width = text_width(p->label, EM);
        box b = free_place(c, place_x(c, p->x), place_y(c, p->y), width, LINE, MARKER + 2, false);
        tr_svg_label(&c->svg, class, (b.x0 + b.x1) / 2, b.y1 - 4, "middle", shown(p->label));
        keep_box(c, b);
    }
}

/* ---- Names ---- */

static void write_name(canvas *c, const tr_chart_series *s, double x, double y)
{
    char class[TR_PALETTE_CLASS];

    tr_palette_class(class, "strong halo", 'f', s->colour);
    tr_svg_label(&c->svg, class, x, y, "start", shown(s->name));
    if (s->note != NULL)
        tr_svg_label(&c->svg, "small halo", x, y + LINE - 1, "start", shown(s->note));
}

/* Where a stair or points are named: the middle of the longest step, the last point. */
static bool inner_end(const canvas *c, const tr_chart_series *s, double *x, double *y)
{
    double from = c->plot.x0, longest = -1;

    for (size_t i = 0; i < s->n; i++) {
        const tr_chart_point *p = &s->points[i];
        if (!within(c->chart, *p))
            continue;
        double to = place_x(c, p->x), length = to - from;
        if (s->kind == TR_CHART_POINTS || (p->y > c->chart->y.low && length > longest)) {
            longest = length;
            *x = s->kind == TR_CHART_POINTS ? to : (from + to) / 2;
            *y = place_y(c, p->y);
        }
        from = to;
    }
    return longest >= 0;
}

static void name_inside(canvas *c, const tr_chart_series *s)
{
    double x = 0, y = 0;
    double width = fmax(text_width(s->name, EM_BOLD), text_width(s->note, EM_SMALL));
    double height = (s->note != NULL ? 2 : 1) * LINE + 4;

    if (s->name == NULL || !inner_end(c, s, &x, &y))
        return;
    bool point = s->kind == TR_CHART_POINTS;
    box b = free_place(c, x, y, width, height, MARKER + 4, point);
    if (point)
        lead(c, x, y, MARKER + 1, b);
    write_name(c, s, b.x0, b.y0 + LINE - 2);
    keep_box(c, b);
}

/* Lines are named beyond the axes, at the height of their right ends. */
typedef struct {
    const tr_chart_series *series;
    double x, y;   /* the end of the series */
    double mean_x; /* of it all */
    double top, height;
} end_label;

/* Where lines end together, the one that ran further to the right stands above. */
static int by_end(const void *a, const void *b)
{
    const end_label *x = a, *y = b;

    if (round(x->y) != round(y->y))
        return x->y < y->y ? -1 : 1;
    if (x->mean_x != y->mean_x)
        return x->mean_x > y->mean_x ? -1 : 1;
    return x->series < y->series ? -1 : 1;
}

/* Moves labels apart that overlap: down from the first on, then up again from the lower edge. */
static void move_apart(end_label *labels, size_t n, double lower)
{
    for (size_t i = 1; i < n; i++)
        labels[i].top = fmax(labels[i].top, labels[i - 1].top + labels[i - 1].height);
    for (size_t i = n; i-- > 0; lower = labels[i].top)
        labels[i].top = fmin(labels[i].top, lower - labels[i].height);
}

/* The rightmost point of the series that is seen. */
static bool right_end(const canvas *c, end_label *l)
{
    const tr_chart_series *s = l->series;
    double best = 0, sum = 0;
    size_t seen = 0;

    for (size_t i = 0; i < s->n; i++) {
        if (!within(c->chart, s->points[i]))
            continue;
        if (seen == 0 || s->points[i].x >= best) {
            best = s->points[i].x;
            l->x = place_x(c, best);
            l->y = place_y(c, s->points[i].y);
        }
        sum += s->points[i].x;
        seen++;
    }
    l->mean_x = seen > 0 ? sum / (double)seen : 0;
    return seen > 0;
}

static bool is_line(const tr_chart_series *s)
{
    return s->kind == TR_CHART_LINE || s->kind == TR_CHART_DASHED;
}

static bool is_named_inside(const tr_chart_series *s)
{
    return s->kind == TR_CHART_STAIR || s->kind == TR_CHART_POINTS;
}

static bool name_lines(canvas *c)
{
    end_label *labels = tr_mem_array(c->chart->n_series, sizeof *labels);
    size_t n = 0;

    if (labels == NULL)
        return false;
    for (size_t i = 0; i < c->chart->n_series; i++) {
        end_label l = {.series = &c->chart->series[i]};
        if (!is_line(l.series) || l.series->name == NULL || !right_end(c, &l))
            continue;
        l.height = (l.series->note != NULL ? 2 : 1) * LINE + 6;
        l.top = l.y - l.height / 2;
        labels[n++] = l;
    }
    qsort(labels, n, sizeof *labels, by_end);
    move_apart(labels, n, c->plot.y1 + 8);
    for (size_t i = 0; i < n; i++) {
        const end_label *l = &labels[i];
        double x = c->plot.x1 + 30, y = l->top + LINE;
        tr_svg_path_begin(&c->svg, "leader");
        tr_svg_path_to(&c->svg, l->x + 3, l->y, false);
        tr_svg_path_to(&c->svg, fmax(l->x + 3, c->plot.x1 + 4), l->y, true);
        tr_svg_path_to(&c->svg, x - 5, y - 4.5, true);
        tr_svg_path_end(&c->svg);
        write_name(c, l->series, x, y);
    }
    free(labels);
    return true;
}

/* ---- The mark ---- */

static void draw_mark(canvas *c)
{
    const tr_chart *chart = c->chart;
    const char *note = chart->mark_note != NULL ? chart->mark_note : "";
    const char *name = chart->mark.label != NULL ? chart->mark.label : "";

    if (!chart->has_mark || !within(chart, chart->mark))
        return;
    double x = place_x(c, chart->mark.x), y = place_y(c, chart->mark.y);
    tr_svg_circle(&c->svg, "ring", x, y, MARKER + 5);
    keep_box(c, (box){x - MARKER - 5, y - MARKER - 5, x + MARKER + 5, y + MARKER + 5});
    double width = fmax(text_width(name, EM_BOLD), text_width(note, EM_SMALL));
    box b = free_place(c, x, y, width, 2 * LINE + 4, 26, false);
    lead(c, x, y, MARKER + 5, b);
    bool left = (b.x0 + b.x1) / 2 < x;
    double edge = left ? b.x1 : b.x0;
    const char *anchor = left ? "end" : "start";
    tr_svg_label(&c->svg, "strong halo", edge, b.y0 + LINE - 2, anchor, shown(name));
    tr_svg_label(&c->svg, "small halo", edge, b.y0 + 2 * LINE - 2, anchor, shown(note));
    keep_box(c, b);
}

/* ---- All of it ---- */

static tr_code check(const tr_chart *chart, tr_err *err)
{
    const tr_chart_axis *axes[] = {&chart->x, &chart->y};

    for (int i = 0; i < 2; i++)
        if (!(axes[i]->low < axes[i]->high) || !isfinite(axes[i]->high - axes[i]->low))
            return tr_err_set(err, TR_USAGE, "an axis of the chart has no extent");
    for (size_t i = 0; i < chart->n_series; i++)
        if (chart->series[i].colour < 0 || chart->series[i].colour >= TR_CHART_COLOURS)
            return tr_err_set(err, TR_USAGE, "the chart has no colour %d", chart->series[i].colour);
    return TR_OK;
}

static void draw_series(canvas *c)
{
    const tr_chart_series *s = c->chart->series;
    size_t n = c->chart->n_series;

    for (size_t i = 0; i < n; i++)
        if (s[i].kind == TR_CHART_AREA)
            draw_area(c, &s[i]);
    for (size_t i = n; i-- > 0;) /* the first on top */
        if (s[i].kind == TR_CHART_WHISKERS)
            draw_whiskers(c, &s[i]);
        else if (is_line(&s[i]) || s[i].kind == TR_CHART_STAIR)
            draw_line(c, &s[i]);
    for (size_t i = n; i-- > 0;)
        if (is_named_inside(&s[i]))
            draw_markers(c, &s[i]);
}

tr_code tr_chart_draw(const tr_chart *chart, tr_buf *out, tr_err *err)
{
    tr_code code = check(chart, err);
    canvas c = {.chart = chart};
    double right = 40;

    if (code != TR_OK)
        return code;
    for (size_t i = 0; i < chart->n_series; i++) {
        const tr_chart_series *s = &chart->series[i];
        if (!is_line(s))
            continue;
        right = fmax(right, 42 + (s->name != NULL ? text_width(s->name, EM_BOLD) : 0));
        right = fmax(right, 42 + (s->note != NULL ? text_width(s->note, EM_SMALL) : 0));
    }
    c.bare = chart->prefix != NULL;
    c.width = chart->width > 0 ? chart->width : WIDTH;
    c.height = chart->height > 0 ? chart->height : HEIGHT;
    c.plot = (box){LEFT, c.bare ? BARE_TOP : TOP, c.width - fmin(right, c.width / 2),
                   c.height - (c.bare ? BARE_BOTTOM : BOTTOM)};

    tr_svg_begin(&c.svg, out, c.width, c.height, tr_str_c(chart->title),
                 tr_str_c(chart->description), tr_palette_style, c.bare ? chart->prefix : "");
    draw_frame(&c);
    draw_series(&c);
    draw_mark(&c);
    for (size_t i = 0; i < chart->n_series; i++)
        label_points(&c, &chart->series[i]);
    for (size_t i = 0; i < chart->n_series; i++)
        if (is_named_inside(&chart->series[i]))
            name_inside(&c, &chart->series[i]);
    bool named = name_lines(&c);
    tr_svg_end(&c.svg);
    free(c.segments);
    free(c.boxes);
    return !named || c.out_of_memory || out->failed ? tr_err_memory(err) : TR_OK;
}
