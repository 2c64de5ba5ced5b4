#include "report/chart.h"

#include "check.h"
#include "ground/num.h"
#include "ground/rng.h"

#include <math.h>
#include <stdlib.h>

static tr_buf out;

static const double x_ticks[] = {0.8, 0.85, 0.9, 0.92, 0.95, 0.98, 0.99, 1};
static const char *const x_labels[] = {"0.80", "0.85", "0.90", "0.92", "0.95", "0.98", "0.99", "1"};
static const double y_ticks[] = {0, 0.5, 1};
static const char *const y_labels[] = {"0", "50", "100 %"};

static tr_chart frame(const tr_chart_series *series, size_t n)
{
    return (tr_chart){.title = "Coverage against agreement",
                      .subtitle = "of some traffic",
                      .description = "in words",
                      .footnote = "below",
                      .x = {"agreement", 0.8, 1, x_ticks, x_labels, 8},
                      .y = {"traffic answered", 0, 1, y_ticks, y_labels, 3},
                      .series = series,
                      .n_series = n};
}

/* Draws and NUL-ends; the code. */
static tr_code draw(const tr_chart *c)
{
    tr_err err;

    tr_buf_clear(&out);
    tr_code code = tr_chart_draw(c, &out, &err);
    tr_buf_add_char(&out, 0);
    out.size--;
    return code;
}

static bool written(const char *text)
{
    return strstr(out.data, text) != NULL;
}

/* ---- Is it XML? Tags nest, attributes are quoted, nothing is open at the end. ---- */

static bool well_formed(const char *p)
{
    const char *name[32];
    size_t size[32], depth = 0, elements = 0;

    while ((p = strchr(p, '<')) != NULL) {
        bool closing = p[1] == '/';
        const char *start = p + 1 + closing;
        size_t n = strcspn(start, " />\n");
        for (p = start + n; *p != '>'; p++) {
            if (*p == '"')
                p = strchr(p + 1, '"');
            if (p == NULL || *p == 0 || *p == '<')
                return false;
        }
        elements++;
        if (closing) {
            if (depth-- == 0 || size[depth] != n || memcmp(name[depth], start, n) != 0)
                return false;
        } else if (p[-1] != '/') {
            if (depth == 32)
                return false;
            name[depth] = start;
            size[depth++] = n;
        }
    }
    return depth == 0 && elements > 10;
}

/* ---- Where the texts are ---- */

typedef struct {
    double x0, y0, x1, y1;
    char text[80];
} place;

static double attribute(const char *tag, const char *name)
{
    const char *at = strstr(tag, name);
    return at == NULL ? NAN : strtod(at + strlen(name), NULL);
}

static size_t texts(place *list, size_t most)
{
    size_t n = 0;

    for (const char *p = out.data; (p = strstr(p, "<text ")) != NULL && n < most; p++) {
        place *t = &list[n++];
        const char *from = strchr(p, '>') + 1, *end = strchr(from, '<');
        double x = attribute(p, " x=\""), y = attribute(p, " y=\""), characters = 0;
        for (const char *c = from; c < end; c++)
            characters += (*c & 0xc0) != 0x80;
        double width = characters * 6;
        bool right = strstr(p, "anchor=\"end\"") && strstr(p, "anchor=\"end\"") < from;
        bool middle = strstr(p, "anchor=\"middle\"") && strstr(p, "anchor=\"middle\"") < from;
        t->x0 = right ? x - width : middle ? x - width / 2 : x;
        t->x1 = t->x0 + width;
        t->y0 = y - 9;
        t->y1 = y + 1;
        snprintf(t->text, sizeof t->text, "%.*s", (int)(end - from), from);
    }
    return n;
}

/* Pairs of texts that lie on each other, and texts that leave the picture. */
static int collisions(void)
{
    static place list[128];
    size_t n = texts(list, 128);
    int wrong = n < 5;

    for (size_t i = 0; i < n; i++) {
        const place *a = &list[i];
        if (a->x0 < 0 || a->y0 < 0 || a->x1 > 960 || a->y1 > 590) {
            printf("# outside: %s\n", a->text);
            wrong++;
        }
        for (size_t j = 0; j < i; j++) {
            const place *b = &list[j];
            if (a->x0 < b->x1 && b->x0 < a->x1 && a->y0 < b->y1 && b->y0 < a->y1) {
                printf("# \"%s\" lies on \"%s\"\n", a->text, b->text);
                wrong++;
            }
        }
    }
    return wrong;
}

/* ---- Cases ---- */

static void a_stair_by_hand(void)
{
    const tr_chart_point points[] = {
        {0.8, 1, "all"}, {0.9, 0.5, "half"}, {0.95, 0, "none"}, {0.7, 0.5, "left out"}};
    const tr_chart_series s = {TR_CHART_STAIR, 3, "certified", "note", points, 3};
    tr_chart c = frame(&s, 1);

    /* the plot: x from 66 to 920, y from 114 down to 512 */
    CHECK(draw(&c) == TR_OK);
    CHECK(well_formed(out.data));
    CHECK(written("<path class=\"stair s3\" d=\"M66 114 L66 114 L66 313 L493 313 L493 512\"/>"));
    CHECK(written("<circle class=\"dot f3\" cx=\"493\" cy=\"313\" r=\"4.5\"/>"));
    CHECK(written("<circle class=\"hole s3\" cx=\"706.5\" cy=\"512\" r=\"4.5\"/>"));
    CHECK(written(">half</text>") && written(">none</text>") && written(">certified</text>"));
    CHECK(!written("left out"));
    CHECK(written("prefers-color-scheme:dark"));
    CHECK(!written("<script") && !written("href") && !written("url(") && !written("@import"));
    CHECK(collisions() == 0);
}

static void what_lies_beyond_is_cut(void)
{
    const tr_chart_point points[] = {{0.7, 0.5, NULL}, {0.9, 0.5, NULL},    {NAN, 0.5, NULL},
                                     {0.9, 1.5, NULL}, {2, INFINITY, NULL}, {1.1, 1.2, NULL}};
    const tr_chart_series s = {TR_CHART_LINE, 0, NULL, NULL, points, 6};
    tr_chart c = frame(&s, 1);

    CHECK(draw(&c) == TR_OK);
    /* from the left edge; up to the upper edge; and nothing of the way back, which is outside */
    CHECK(written("d=\"M66 313 L492 313 L492 114\""));
    CHECK(well_formed(out.data));
}

static void the_mark(void)
{
    const tr_chart_point points[] = {{0.9, 0.5, "fifty"}, {0.95, 0.25, "a quarter"}};
    const tr_chart_series s = {TR_CHART_STAIR, 0, "certified", NULL, points, 2};
    tr_chart c = frame(&s, 1);

    c.has_mark = true;
    c.mark = (tr_chart_point){0.9, 0.5, "chosen"};
    c.mark_note = "by <me> & \"you\"";
    CHECK(draw(&c) == TR_OK);
    CHECK(written("<circle class=\"ring\" cx=\"493\" cy=\"313\""));
    CHECK(written(">chosen</text>"));
    CHECK(written("by &lt;me&gt; &amp; &quot;you&quot;</text>"));
    CHECK(!written(">fifty<") && written(">a quarter<")); /* said once */
    CHECK(collisions() == 0);
    c.mark.x = 0.5;
    CHECK(draw(&c) == TR_OK && !written("class=\"ring\"") && written(">fifty<"));
}

/* Frontiers of all kinds, curves that meet and end together: no text lies on another. */
static void labels_keep_apart(void)
{
    enum { N = 60 };
    static tr_chart_point curve[2][N], step[7];
    static char label[7][16];
    tr_rng r;

    tr_rng_init(&r, 3);
    for (int run = 0; run < 60; run++) {
        double base = 0.80 + 0.15 * tr_rng_unit(&r), bend = 0.5 + 3 * tr_rng_unit(&r), y = 0.99;
        bool apart = run % 3;
        for (int i = 0; i < N; i++) {
            double c = 0.99 - 0.9 * i / N;
            double x = base + (1 - base) * (1 - pow(c, bend));
            curve[0][i] = (tr_chart_point){x, c, NULL};
            curve[1][i] = (tr_chart_point){fmin(1, x + apart * 0.01 * sin(3 * c)), c, NULL};
        }
        for (int i = 0; i < 7; i++) {
            bool none = run % 4 && tr_rng_unit(&r) < 0.1;
            y = none ? 0 : y * (1 - 0.3 * tr_rng_unit(&r) * (run % 5) / 4);
            snprintf(label[i], sizeof label[i], y > 0 ? "%.1f %%" : "none", 100 * y);
            step[i] = (tr_chart_point){x_ticks[i], y, label[i]};
        }
        tr_chart_point all = {curve[0][0].x, 0.99, NULL};
        const tr_chart_series s[] = {
            {TR_CHART_STAIR, 0, "certified", "at all targets at once", step, 7},
            {TR_CHART_DASHED, 1, "l2d", "out of fold, no promise", curve[0], N},
            {TR_CHART_DASHED, 3, "rsb", "out of fold, no promise", curve[1], N},
            {TR_CHART_POINTS, 2, "global", "out of fold, no promise", &all, 1},
        };
        tr_chart c = frame(s, 4);
        c.has_mark = true;
        c.mark = (tr_chart_point){step[run % 7].x, step[run % 7].y, "chosen: 0.95, 94.8 %"};
        c.mark_note = "rsb: svm, then mlp_1h";
        CHECK(draw(&c) == TR_OK);
        CHECK(well_formed(out.data));
        CHECK(collisions() == 0);
    }
}

static void hostile_texts(void)
{
    static char long_name[5000];
    const tr_chart_point point = {0.9, 0.5, "</svg>\x01\xff"};
    tr_chart_series s = {TR_CHART_DASHED, 5, long_name, "<b>", &point, 1};
    tr_chart c = frame(&s, 1);

    memset(long_name, '<', sizeof long_name - 1);
    c.title = long_name;
    CHECK(draw(&c) == TR_OK && well_formed(out.data));
    CHECK(out.size < 30000); /* cut */
    s.kind = TR_CHART_STAIR;
    CHECK(draw(&c) == TR_OK && well_formed(out.data));
    CHECK(written("&lt;/svg&gt;\xef\xbf\xbd\xef\xbf\xbd</text>"));
}

static void nothing_to_draw_and_refusals(void)
{
    const tr_chart_point point = {0.9, 0.5, NULL};
    tr_chart_series s = {TR_CHART_STAIR, 0, "empty", NULL, &point, 0};
    tr_chart c = frame(&s, 1);

    CHECK(draw(&c) == TR_OK && well_formed(out.data) && !written(">empty<"));
    c.n_series = 0;
    CHECK(draw(&c) == TR_OK && well_formed(out.data));
    c.x.high = c.x.low;
    CHECK(draw(&c) == TR_USAGE);
    c = frame(&s, 1);
    c.y.high = INFINITY;
    CHECK(draw(&c) == TR_USAGE);
    c = frame(&s, 1);
    s.colour = TR_CHART_COLOURS;
    CHECK(draw(&c) == TR_USAGE);
}

int main(void)
{
    tr_buf_init(&out);
    CASE(a_stair_by_hand);
    CASE(what_lies_beyond_is_cut);
    CASE(the_mark);
    CASE(labels_keep_apart);
    CASE(hostile_texts);
    CASE(nothing_to_draw_and_refusals);
    tr_buf_free(&out);
    return CHECK_END;
}
