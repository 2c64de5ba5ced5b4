#include "report/html.h"

#include "check.h"

static tr_buf out;
static tr_html h;

static void begin(void)
{
    tr_buf_clear(&out);
    tr_html_begin(&h, &out);
}

static bool is(const char *text)
{
    tr_html_end(&h);
    tr_buf_add_char(&out, 0);
    bool same = !out.failed && strcmp(out.data, text) == 0;
    if (!same)
        printf("# got: %s\n", out.failed ? "(failed)" : out.data);
    return same;
}

static void elements_nest(void)
{
    begin();
    tr_html_open(&h, "b");
    tr_html_attr(&h, "class", "x");
    tr_html_put(&h, "i", "y", "1 < 2");
    tr_html_open(&h, "br");
    tr_html_close(&h);
    tr_html_put(&h, "i", NULL, "");
    tr_html_open(&h, "u"); /* left open, as the first one */
    CHECK(is("<b class=\"x\"><i class=\"y\">1 &lt; 2</i><br><i></i><u></u></b>\n"));
}

static void blocks_begin_lines(void)
{
    begin();
    tr_html_open(&h, "p");
    tr_html_put(&h, "b", NULL, "a");
    tr_html_close(&h);
    tr_html_put(&h, "p", NULL, "c");
    CHECK(is("<p><b>a</b></p>\n<p>c</p>\n"));
}

static void attributes_cannot_be_left(void)
{
    begin();
    tr_html_open(&h, "b");
    tr_html_attr(&h, "title", "\"><script a='b'>\x01&");
    tr_html_text(&h, "x");
    tr_html_attr(&h, "late", "no tag is open"); /* nothing to put it in */
    CHECK(is("<b title=\"&quot;&gt;&lt;script a=&#39;b&#39;&gt;\xef\xbf\xbd&amp;\">x</b>\n"));
}

#define BAD "\xef\xbf\xbd"

static void foreign_texts(void)
{
    static const char controls[] = "a\0b\x1b[1m\x7f\xc2\x9f\t\n\r.";
    static const char invalid[] = "\xff\xc3(\xed\xa0\x80\xe2\x82\xac\xf0\x9f\x98\x80\xe2\x82";

    begin();
    tr_html_foreign(&h, tr_str_c("</bdi><script>&amp;\"'\xe2\x80\xae"));
    CHECK(is("<bdi>&lt;/bdi&gt;&lt;script&gt;&amp;amp;&quot;&#39;\xe2\x80\xae</bdi>\n"));
    begin();
    tr_html_foreign(&h, tr_str_of(controls, sizeof controls - 1));
    CHECK(is("<bdi>a" BAD "b" BAD "[1m" BAD BAD "\t\n&#13;.</bdi>\n"));
    begin();
    tr_html_foreign(&h, tr_str_of(invalid, sizeof invalid - 1));
    CHECK(is("<bdi>" BAD BAD "(" BAD BAD BAD "\xe2\x82\xac\xf0\x9f\x98\x80" BAD BAD "</bdi>\n"));
    begin();
    tr_html_foreign(&h, (tr_str){NULL, 0});
    CHECK(is("<bdi></bdi>\n"));
}

/* Lines may break between the parts of a name, and it stays the same text. */
static void names(void)
{
    begin();
    tr_html_name(&h, tr_str_c("a_b-c<d_"));
    CHECK(is("<bdi>a_<wbr>b-<wbr>c&lt;d_</bdi>\n"));
    begin();
    tr_html_name(&h, tr_str_of("a\0_", 3));
    tr_html_name(&h, (tr_str){"", 0});
    CHECK(is("<bdi>a" BAD "_</bdi><bdi></bdi>\n"));
}

static void words_of_ours(void)
{
    static char long_text[TR_HTML_SAY + 1];

    begin();
    tr_html_say(&h, "%d < %s", 5, "&");
    CHECK(is("5 &lt; &amp;\n"));
    memset(long_text, 'x', TR_HTML_SAY);
    begin();
    tr_html_say(&h, "%s", long_text); /* would be cut */
    CHECK(out.failed);
    begin();
    tr_html_say(&h, "%.*s", TR_HTML_SAY - 1, long_text);
    CHECK(!out.failed && out.size == TR_HTML_SAY - 1);
    begin();
    tr_html_raw(&h, "<!DOCTYPE html>");
    tr_html_open(&h, "html");
    CHECK(is("<!DOCTYPE html>\n<html></html>\n"));
}

static void too_deep_is_noticed(void)
{
    begin();
    for (int i = 0; i < TR_HTML_DEPTH; i++)
        tr_html_open(&h, "b");
    CHECK(!out.failed);
    tr_html_open(&h, "b");
    CHECK(out.failed);
    tr_html_end(&h);
    begin();
    tr_html_close(&h); /* nothing is open */
    CHECK(is("\n"));
}

int main(void)
{
    tr_buf_init(&out);
    CASE(elements_nest);
    CASE(blocks_begin_lines);
    CASE(attributes_cannot_be_left);
    CASE(foreign_texts);
    CASE(names);
    CASE(words_of_ours);
    CASE(too_deep_is_noticed);
    tr_buf_free(&out);
    return CHECK_END;
}
