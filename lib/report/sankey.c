#include "report/sankey.h"

#include "report/palette.h"
#include "report/svg.h"

#include <math.h>
#include <stdbool.h>

/* Layout, in user units. */
static const double WIDTH = 960, NARROW = 820; /* in a page, where there are few columns */
static const double PLOT = 400;                /* height of the plot, at most */
static const double TITLE = 84, FOOTNOTE = 40, EDGE = 10;
static const double NODE = 12, LEAST = 2; /* width of a node, of a band at least */
static const double LABEL = 40, GAP = 12; /* height of a label's two lines; between nodes */
static const double EM = 9.4;             /* a character of a name, generously */
static const double BESIDE = 8;           /* from a node to its label */

typedef struct {
    double x, y, height; /* 0: nothing flows */
    double in, out;      /* sums of bands; then how far they are drawn */
    double wanted;       /* the middle of where its bands come from */
} place;

typedef struct {
    const tr_sankey *sankey;
    tr_svg svg;
    place place[TR_SANKEY_NODES];
    unsigned columns;
    double width, scale, top;
} canvas;

static double characters(const char *text)
{
    double n = 0;

    for (; *text != 0; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static double label_width(const tr_sankey_node *n)
{
    return fmax(characters(n->name), characters(n->number)) * EM;
}

static double thickness(const canvas *c, const tr_sankey_band *b)
{
    return b->amount > 0 ? fmax(LEAST, b->amount * c->scale) : 0;
}

/* Heights of all nodes at the canvas's scale. */
static void measure(canvas *c)
{
    const tr_sankey *k = c->sankey;

    for (size_t i = 0; i < k->n_nodes; i++)
        c->place[i] = (place){0};
    for (size_t i = 0; i < k->n_bands; i++) {
        c->place[k->band[i].from].out += thickness(c, &k->band[i]);
        c->place[k->band[i].to].in += thickness(c, &k->band[i]);
    }
    for (size_t i = 0; i < k->n_nodes; i++)
        c->place[i].height = fmax(c->place[i].in, c->place[i].out);
}

static double slot(const place *p)
{
    return fmax(p->height, LABEL);
}

/* The height of the highest column. */
static double height(const canvas *c)
{
    double column[TR_SANKEY_COLUMNS] = {0}, highest = 0;

    for (size_t i = 0; i < c->sankey->n_nodes; i++) {
        double *h = &column[c->sankey->node[i].column];
        if (c->place[i].height > 0)
            *h += slot(&c->place[i]) + (*h > 0 ? GAP : 0);
        highest = fmax(highest, *h);
    }
    return highest;
}

/* The largest scale at which all columns fit; at scale 0 they may not, and make the picture
 * higher. */
static void fit(canvas *c)
{
    double total = 0, low = 0, high;

    for (size_t i = 0; i < c->sankey->n_bands; i++)
        total = fmax(total, c->sankey->band[i].amount);
    high = total > 0 ? PLOT / total : 0;
    for (int i = 0; i < 60; i++) {
        c->scale = (low + high) / 2;
        measure(c);
        *(height(c) <= PLOT ? &low : &high) = c->scale;
    }
    c->scale = low;
    measure(c);
}

/* Where each node of a column would like its middle to be: where its bands leave. */
static void want(canvas *c, unsigned column)
{
    const tr_sankey *k = c->sankey;
    double sum[TR_SANKEY_NODES] = {0}, left[TR_SANKEY_NODES] = {0};

    for (size_t i = 0; i < k->n_bands; i++) {
        const tr_sankey_band *b = &k->band[i];
        double wide = thickness(c, b);
        if (k->node[b->to].column == column)
            sum[b->to] += wide * (c->place[b->from].y + left[b->from] + wide / 2);
        left[b->from] += wide;
    }
    for (size_t i = 0; i < k->n_nodes; i++)
        if (k->node[i].column == column && c->place[i].in > 0)
            c->place[i].wanted = sum[i] / c->place[i].in;
}

/* One below the other, each in the middle of its slot, as near to where it would like to be as the
 * others let it. */
static void stack(canvas *c, unsigned column, double lower)
{
    const tr_sankey *k = c->sankey;
    double y = c->top;

    for (size_t i = 0; i < k->n_nodes; i++) {
        place *p = &c->place[i];
        if (k->node[i].column != column || p->height == 0)
            continue;
        p->y = fmax(y, p->in > 0 ? p->wanted - slot(p) / 2 : y);
        y = p->y + slot(p) + GAP;
    }
    for (size_t i = k->n_nodes; i-- > 0;) {
        place *p = &c->place[i];
        if (k->node[i].column != column || p->height == 0)
            continue;
        p->y = fmin(p->y, lower - slot(p));
        lower = p->y - GAP;
        p->y += (slot(p) - p->height) / 2;
    }
}

static void arrange(canvas *c)
{
    const tr_sankey *k = c->sankey;
    double left = EDGE, right = EDGE, lower = c->top + height(c);

    for (size_t i = 0; i < k->n_nodes; i++)
        if (c->place[i].height > 0 && k->node[i].column + 1 > c->columns)
            c->columns = k->node[i].column + 1;
    for (size_t i = 0; i < k->n_nodes; i++) {
        double wide = label_width(&k->node[i]) + BESIDE + EDGE;
        if (c->place[i].height > 0 && k->node[i].column == 0)
            left = fmax(left, wide);
        else if (c->place[i].height > 0 && k->node[i].column + 1 == c->columns)
            right = fmax(right, wide);
    }
    if (k->prefix != NULL && c->columns <= 3)
        c->width = NARROW;
    double step = c->columns > 1 ? (c->width - left - right - NODE) / (c->columns - 1) : 0;
    for (unsigned column = 0; column < c->columns; column++) {
        want(c, column);
        stack(c, column, lower);
    }
    for (size_t i = 0; i < k->n_nodes; i++) {
        c->place[i].x = left + step * k->node[i].column;
        c->place[i].in = c->place[i].out = c->place[i].y;
    }
}

static void draw_band(canvas *c, const tr_sankey_band *b)
{
    place *from = &c->place[b->from], *to = &c->place[b->to];
    double wide = thickness(c, b), x0 = from->x + NODE, x1 = to->x;
    char class[TR_PALETTE_CLASS];

    if (wide == 0)
        return;
    tr_palette_class(class, "band", 'f', c->sankey->node[b->to].colour);
    tr_svg_path_begin(&c->svg, class);
    tr_svg_path_to(&c->svg, x0, from->out, false);
    tr_svg_path_curve(&c->svg, x0, from->out, x1, to->in);
    tr_svg_path_to(&c->svg, x1, to->in + wide, true);
    tr_svg_path_curve(&c->svg, x1, to->in + wide, x0, from->out + wide);
    tr_svg_path_end(&c->svg);
    from->out += wide;
    to->in += wide;
}

static void draw_node(canvas *c, size_t i)
{
    const tr_sankey_node *n = &c->sankey->node[i];
    const place *p = &c->place[i];
    char class[TR_PALETTE_CLASS];

    if (p->height == 0)
        return;
    tr_palette_class(class, "node", 'f', n->colour);
    tr_svg_rect(&c->svg, class, p->x, p->y, NODE, p->height);
    bool first = n->column == 0;
    double x = first ? p->x - BESIDE : p->x + NODE + BESIDE, middle = p->y + p->height / 2;
    const char *anchor = first ? "end" : "start";
    tr_svg_label(&c->svg, "name halo", x, middle - 3, anchor, tr_str_c(n->name));
    tr_svg_label(&c->svg, "number halo", x, middle + 15, anchor, tr_str_c(n->number));
}

static tr_code check(const tr_sankey *k, tr_err *err)
{
    if (k->n_nodes > TR_SANKEY_NODES || k->n_bands > TR_SANKEY_BANDS)
        return tr_err_set(err, TR_USAGE, "the flow has too many nodes or bands");
    for (size_t i = 0; i < k->n_nodes; i++)
        if (k->node[i].column >= TR_SANKEY_COLUMNS || k->node[i].colour < 0 ||
            k->node[i].colour >= TR_PALETTE_COLOURS)
            return tr_err_set(err, TR_USAGE, "a node of the flow is out of range");
    for (size_t i = 0; i < k->n_bands; i++) {
        const tr_sankey_band *b = &k->band[i];
        if (b->from >= k->n_nodes || b->to >= k->n_nodes ||
            k->node[b->from].column >= k->node[b->to].column || isinf(b->amount))
            return tr_err_set(err, TR_USAGE, "a band of the flow goes nowhere");
    }
    return TR_OK;
}

tr_code tr_sankey_draw(const tr_sankey *k, tr_buf *out, tr_err *err)
{
    tr_code code = check(k, err);
    bool bare = k->prefix != NULL;
    canvas c = {.sankey = k, .width = WIDTH, .top = bare ? EDGE : TITLE};

    if (code != TR_OK)
        return code;
    fit(&c);
    arrange(&c);
    double whole = c.top + height(&c) + EDGE + (bare ? 0 : FOOTNOTE);
    tr_svg_begin(&c.svg, out, c.width, whole, tr_str_c(k->title), tr_str_c(k->description),
                 tr_palette_style, bare ? k->prefix : "");
    if (!bare) {
        tr_svg_rect(&c.svg, "bg", 0, 0, c.width, whole);
        tr_svg_label(&c.svg, "title", EDGE, 36, "start", tr_str_c(k->title));
        tr_svg_label(&c.svg, "quiet", EDGE, 58, "start", tr_str_c(k->subtitle));
        tr_svg_label(&c.svg, "small", EDGE, whole - 12, "start", tr_str_c(k->footnote));
    }
    for (size_t i = 0; i < k->n_bands; i++)
        draw_band(&c, &k->band[i]);
    for (size_t i = 0; i < k->n_nodes; i++)
        draw_node(&c, i);
    tr_svg_end(&c.svg);
    return out->failed ? tr_err_memory(err) : TR_OK;
}
