#include "report/html.h"

#include "doors/scan.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char REPLACEMENT[] = "\xef\xbf\xbd";

static bool one_of(const char *name, const char *const *list)
{
    for (; *list != NULL; list++)
        if (strcmp(name, *list) == 0)
            return true;
    return false;
}

/* Elements that hold nothing and are not closed. */
static bool is_void(const char *element)
{
    static const char *const list[] = {"meta", "link", "br", "hr", "img", "col", "wbr", NULL};
    return one_of(element, list);
}

/* Elements that begin on a line of their own, for those who read the source. */
static bool is_block(const char *element)
{
    static const char *const list[] = {
        "html",    "head",    "body",    "meta",    "title",  "style",  "header", "nav",
        "main",    "section", "h1",      "h2",      "h3",     "p",      "div",    "table",
        "caption", "thead",   "tbody",   "tr",      "ul",     "ol",     "li",     "dl",
        "dt",      "dd",      "details", "summary", "figure", "footer", NULL};
    return one_of(element, list);
}

/* A control character: no HTML, but tab and line ends are blanks. */
static bool is_control(const unsigned char *c, size_t bytes)
{
    if (bytes == 2)
        return c[0] == 0xc2 && c[1] < 0xa0;
    return bytes == 1 &&
           (c[0] == 0x7f || (c[0] < 0x20 && c[0] != '\t' && c[0] != '\n' && c[0] != '\r'));
}

static void add_escaped(tr_buf *out, tr_str text)
{
    size_t n;

    for (size_t i = 0; i < text.size; i += n) {
        n = tr_scan_utf8_step(tr_str_of(text.data + i, text.size - i));
        if (n == 0 || is_control((const unsigned char *)text.data + i, n)) {
            tr_buf_add_c(out, REPLACEMENT);
            n += n == 0;
            continue;
        }
        switch (n == 1 ? text.data[i] : 0) {
        case '&': tr_buf_add_c(out, "&amp;"); break;
        case '<': tr_buf_add_c(out, "&lt;"); break;
        case '>': tr_buf_add_c(out, "&gt;"); break;
        case '"': tr_buf_add_c(out, "&quot;"); break;
        case '\'': tr_buf_add_c(out, "&#39;"); break;
        case '\r': tr_buf_add_c(out, "&#13;"); break; /* bare, it would become a line feed */
        default: tr_buf_add(out, text.data + i, n);
        }
    }
}

static void end_tag(tr_html *h)
{
    if (h->in_tag)
        tr_buf_add_char(h->out, '>');
    h->in_tag = false;
}

void tr_html_begin(tr_html *h, tr_buf *out)
{
    *h = (tr_html){.out = out};
}

void tr_html_open(tr_html *h, const char *element)
{
    end_tag(h);
    if (h->depth == TR_HTML_DEPTH) {
        h->out->failed = true;
        return;
    }
    if (is_block(element) && h->out->size > 0)
        tr_buf_add_char(h->out, '\n');
    tr_buf_add_char(h->out, '<');
    tr_buf_add_c(h->out, element);
    h->element[h->depth++] = element;
    h->in_tag = true;
}

void tr_html_attr(tr_html *h, const char *name, const char *value)
{
    if (!h->in_tag)
        return;
    tr_buf_add_char(h->out, ' ');
    tr_buf_add_c(h->out, name);
    tr_buf_add_c(h->out, "=\"");
    add_escaped(h->out, tr_str_c(value));
    tr_buf_add_char(h->out, '"');
}

void tr_html_text(tr_html *h, const char *text)
{
    end_tag(h);
    add_escaped(h->out, tr_str_c(text));
}

void tr_html_say(tr_html *h, const char *format, ...)
{
    char text[TR_HTML_SAY];
    va_list list;

    va_start(list, format);
    int n = vsnprintf(text, sizeof text, format, list);
    va_end(list);
    if (n < 0 || n >= TR_HTML_SAY) {
        h->out->failed = true;
        return;
    }
    tr_html_text(h, text);
}

void tr_html_foreign(tr_html *h, tr_str text)
{
    tr_html_open(h, "bdi");
    end_tag(h);
    add_escaped(h->out, text);
    tr_html_close(h);
}

void tr_html_name(tr_html *h, tr_str name)
{
    size_t from = 0;

    tr_html_open(h, "bdi");
    end_tag(h);
    for (size_t i = 0; i + 1 < name.size; i++) {
        if (name.data[i] == 0 || strchr("_-/.:", name.data[i]) == NULL)
            continue;
        add_escaped(h->out, tr_str_of(name.data + from, i + 1 - from));
        tr_buf_add_c(h->out, "<wbr>");
        from = i + 1;
    }
    add_escaped(h->out, tr_str_of(name.data + from, name.size - from));
    tr_html_close(h);
}

void tr_html_raw(tr_html *h, const char *html)
{
    end_tag(h);
    tr_buf_add_c(h->out, html);
}

void tr_html_close(tr_html *h)
{
    if (h->depth == 0)
        return;
    const char *element = h->element[--h->depth];
    end_tag(h);
    if (is_void(element))
        return;
    tr_buf_add_c(h->out, "</");
    tr_buf_add_c(h->out, element);
    tr_buf_add_char(h->out, '>');
}

void tr_html_put(tr_html *h, const char *element, const char *class, const char *text)
{
    tr_html_open(h, element);
    if (class != NULL)
        tr_html_attr(h, "class", class);
    tr_html_text(h, text);
    tr_html_close(h);
}

void tr_html_end(tr_html *h)
{
    while (h->depth > 0)
        tr_html_close(h);
    tr_buf_add_char(h->out, '\n');
}
