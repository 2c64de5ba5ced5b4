#include "report/chart.h"

#include "check.h"
#include "ground/num.h"
#include "ground/rng.h"
#include "picture.h"

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
    CHECK(collisions(out.data) == 0);
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
    CHECK(collisions(out.data) == 0);
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
        CHECK(collisions(out.data) == 0);
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

static void areas_and_whiskers(void)
{
    const tr_chart_point area[] = {
        {0.8, 0.6, NULL}, {0.9, 2, NULL}, {0.9, 0.4, NULL}, {0.8, -1, NULL}};
    const tr_chart_point whisker[] = {{0.9, 0.25, NULL}, {0.9, 0.75, NULL}, {0.95, NAN, NULL},
                                      {0.95, 0.5, NULL}, {0.95, 0.9, NULL}, {0.95, 1.5, NULL}};
    const tr_chart_series s[] = {{TR_CHART_WHISKERS, 1, "unnamed", NULL, whisker, 6},
                                 {TR_CHART_AREA, 2, "unnamed", NULL, area, 4}};
    tr_chart c = frame(s, 2);

    CHECK(draw(&c) == TR_OK && well_formed(out.data));
    /* what lies beyond is pressed to the edge, or cut off */
    CHECK(written("<path class=\"area f2\" d=\"M66 273.2 L493 114 L493 352.8 L66 512\"/>"));
    CHECK(written(
        "<path class=\"whisker s1\" d=\"M493 412.5 L493 213.5 M706.5 153.8 L706.5 114\"/>"));
    CHECK(!written("unnamed"));
    CHECK(strstr(out.data, "area f2") < strstr(out.data, "whisker s1")); /* behind */
}

/* In a page, heading and background are the page's, and no class is another picture's. */
static void in_a_page(void)
{
    const tr_chart_point points[] = {{0.8, 0.9, NULL}, {0.9, 0.5, NULL}};
    const tr_chart_series s = {TR_CHART_LINE, 0, "line", NULL, points, 2};
    tr_chart c = frame(&s, 1);

    c.prefix = "a-";
    c.width = 600;
    c.height = 300;
    CHECK(draw(&c) == TR_OK && well_formed(out.data));
    CHECK(written("width=\"600\" height=\"300\"") && written("id=\"a-title\""));
    CHECK(!written("class=\"bg\"") && !written("a-bg\"") && !written(">of some traffic<") &&
          !written(">below<") && !written("http"));
    CHECK(written("class=\"a-line a-s0\"") && written(".a-line{") && !written(" .line{"));
    CHECK(collisions(out.data) == 0);
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
    CASE(areas_and_whiskers);
    CASE(in_a_page);
    CASE(nothing_to_draw_and_refusals);
    tr_buf_free(&out);
    return CHECK_END;
}
