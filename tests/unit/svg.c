#include "report/svg.h"

#include "check.h"

#include <math.h>

static tr_buf out;

static bool written(const char *text)
{
    tr_buf_add_char(&out, 0);
    bool found = !out.failed && strstr(out.data, text) != NULL;
    if (!found)
        printf("# no %s in: %s\n", text, out.failed ? "(failed)" : out.data);
    out.size--;
    return found;
}

static void begin(tr_svg *s)
{
    tr_buf_clear(&out);
    tr_svg_begin(s, &out, 100, 50.5, tr_str_c("A <title>"), tr_str_c("what & why"),
                 "\n.a>b{x:1.5}\n", "");
}

static void elements_nest(void)
{
    tr_svg s;

    begin(&s);
    tr_svg_open(&s, "g");
    tr_svg_rect(&s, "bg", 0, 1, 2, 3);
    tr_svg_label(&s, NULL, 1, 2, "end", tr_str_c("x"));
    tr_svg_open(&s, "g"); /* left open, as the first one */
    tr_svg_end(&s);
    CHECK(written(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"picture\" width=\"100\" height=\"50.5\" "
        "viewBox=\"0 0 100 50.5\" role=\"img\" aria-labelledby=\"title description\">"));
    CHECK(written("<title id=\"title\">A &lt;title&gt;</title>"));
    CHECK(written("<desc id=\"description\">what &amp; why</desc>"));
    CHECK(written("<style>\n.a>b{x:1.5}\n</style>")); /* as it is */
    CHECK(written("\n <g>\n  <rect class=\"bg\" x=\"0\" y=\"1\" width=\"2\" height=\"3\"/>\n"
                  "  <text x=\"1\" y=\"2\" text-anchor=\"end\">x</text>\n  <g/>\n </g>\n</svg>\n"));
}

static void texts_are_escaped(void)
{
    tr_svg s;
    const char mixed[] = "a\0b\x1b[1m\x7f\xc3\xa9\xff\xc3(\xe2\x82\xac\xed\xa0\x80\xef\xbf\xbf"
                         "\xf4\x90\x80\x80\xc0\xaf\xf0\x9f\x98\x80";

    begin(&s);
    tr_svg_open(&s, "text");
    tr_svg_attr(&s, "data", "\"><script a='b'>\n&");
    tr_svg_text(&s, tr_str_of(mixed, sizeof mixed - 1));
    tr_svg_end(&s);
    CHECK(written("data=\"&quot;&gt;&lt;script a=&#39;b&#39;&gt;\n&amp;\">"));
    CHECK(memchr(out.data, 0, out.size) == NULL);
#define BAD "\xef\xbf\xbd"
    CHECK(written(">a" BAD "b" BAD "[1m\x7f\xc3\xa9" BAD BAD
                  "(\xe2\x82\xac" BAD BAD BAD BAD BAD BAD BAD BAD BAD BAD BAD BAD
                  "\xf0\x9f\x98\x80</text>"));

    begin(&s);
    tr_svg_text(&s, tr_str_of("cut \xe2\x82\xac", 6)); /* within a character */
    tr_svg_end(&s);
    CHECK(written("cut " BAD BAD "</svg>"));
}

static void numbers_are_short_and_finite(void)
{
    tr_svg s;

    begin(&s);
    tr_svg_circle(&s, NULL, 1.0 / 3, -0.001, 1e6);
    tr_svg_line(&s, NULL, NAN, INFINITY, -2.005, 0.1 + 0.2);
    tr_svg_end(&s);
    CHECK(written("<circle cx=\"0.33\" cy=\"0\" r=\"1000000\"/>"));
    CHECK(written("<line x1=\"0\" y1=\"0\" x2=\"-2"));
    CHECK(written("y2=\"0.3\"/>"));
}

static void paths(void)
{
    tr_svg s;

    begin(&s);
    tr_svg_path_begin(&s, "line");
    tr_svg_path_to(&s, 1, 2, true); /* nothing to draw from: a move */
    tr_svg_path_to(&s, 3.5, 4, true);
    tr_svg_path_to(&s, 5, 6, false);
    tr_svg_path_end(&s);
    tr_svg_path_begin(&s, NULL);
    tr_svg_path_end(&s);
    tr_svg_end(&s);
    CHECK(written("<path class=\"line\" d=\"M1 2 L3.5 4 M5 6\"/>"));
    CHECK(written("<path d=\"\"/>"));
}

static void curves_are_level_at_both_ends(void)
{
    tr_svg s;

    begin(&s);
    tr_svg_path_begin(&s, "band");
    tr_svg_path_to(&s, 0, 10, false);
    tr_svg_path_curve(&s, 0, 10, 8, 30);
    tr_svg_path_to(&s, 8, 40, true);
    tr_svg_path_curve(&s, 8, 40, 0, 20);
    tr_svg_path_end(&s);
    tr_svg_end(&s);
    CHECK(written("d=\"M0 10 C4 10 4 30 8 30 L8 40 C4 40 4 20 0 20\"/>"));
}

/* Two pictures in one page share neither ids nor classes. */
static void the_prefix(void)
{
    tr_svg s;

    tr_buf_clear(&out);
    tr_svg_begin(&s, &out, 10, 10, tr_str_c("t"), tr_str_c("d"), ".a,.b.c{x:1.5;y:.5}", "p-");
    tr_svg_rect(&s, "a b", 0, 0, 1, 1);
    tr_svg_open(&s, "g");
    tr_svg_attr(&s, "class", "c");
    tr_svg_end(&s);
    CHECK(written("<svg class=\"p-picture\" width"));
    CHECK(written("aria-labelledby=\"p-title p-description\""));
    CHECK(written("<title id=\"p-title\">t</title>") && written("<desc id=\"p-description\">"));
    CHECK(written("<style>.p-a,.p-b.p-c{x:1.5;y:.5}</style>"));
    CHECK(written("<rect class=\"p-a p-b\"") && written("<g class=\"p-c\"/>"));
}

static void too_deep_is_noticed(void)
{
    tr_svg s;

    begin(&s);
    for (int i = 1; i < TR_SVG_DEPTH; i++)
        tr_svg_open(&s, "g");
    CHECK(!out.failed);
    tr_svg_open(&s, "g");
    tr_svg_end(&s);
    CHECK(out.failed);
}

int main(void)
{
    tr_buf_init(&out);
    CASE(elements_nest);
    CASE(texts_are_escaped);
    CASE(numbers_are_short_and_finite);
    CASE(paths);
    CASE(curves_are_level_at_both_ends);
    CASE(the_prefix);
    CASE(too_deep_is_noticed);
    tr_buf_free(&out);
    return CHECK_END;
}
