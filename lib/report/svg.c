#include "report/svg.h"

#include "ground/num.h"

#include <math.h>
#include <string.h>

static void add_number(tr_buf *out, double x)
{
    char text[TR_NUM_TEXT];
    double rounded = isfinite(x) ? round(x * 100) / 100 : 0;

    tr_num_print_double(text, rounded + 0.0); /* no -0 */
    tr_buf_add_c(out, text);
}

/* Bytes of the UTF-8 character at the start of `s` that XML allows; 0 where there is none. */
static size_t allowed(const unsigned char *s, size_t size)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

    if (n == 1)
        return s[0] >= 0x20 || s[0] == '\t' || s[0] == '\n' || s[0] == '\r';
    if (n == 0 || s[0] > 0xf4 || n > size)
        return 0;
    uint32_t c = s[0] & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (s[i] & 0x3f);
    }
    bool refused = c < least[n] || (c >= 0xd800 && c < 0xe000) || c == 0xfffe || c == 0xffff ||
                   c > 0x10ffff;
    return refused ? 0 : n;
}

static void add_escaped(tr_buf *out, tr_str text)
{
    for (size_t i = 0; i < text.size;) {
        size_t n = allowed((const unsigned char *)text.data + i, text.size - i);
        switch (n == 1 ? text.data[i] : 0) {
        case '&': tr_buf_add_c(out, "&amp;"); break;
        case '<': tr_buf_add_c(out, "&lt;"); break;
        case '>': tr_buf_add_c(out, "&gt;"); break;
        case '"': tr_buf_add_c(out, "&quot;"); break;
        case '\'': tr_buf_add_c(out, "&#39;"); break;
        case '\r': tr_buf_add_c(out, "&#13;"); break;
        default:
            if (n > 0)
                tr_buf_add(out, text.data + i, n);
            else
                tr_buf_add_c(out, "\xef\xbf\xbd");
        }
        i += n > 0 ? n : 1;
    }
}

static void end_tag(tr_svg *s)
{
    if (s->in_tag)
        tr_buf_add_char(s->out, '>');
    s->in_tag = false;
}

/* A new line, indented, unless there is text around, where blanks count. */
static void new_line(tr_svg *s)
{
    if (s->has_text)
        return;
    tr_buf_add_char(s->out, '\n');
    for (unsigned i = 0; i < s->depth; i++)
        tr_buf_add_char(s->out, ' ');
}

void tr_svg_open(tr_svg *s, const char *element)
{
    end_tag(s);
    if (s->depth == TR_SVG_DEPTH) {
        s->out->failed = true;
        return;
    }
    if (s->depth > 0)
        new_line(s);
    tr_buf_add_char(s->out, '<');
    tr_buf_add_c(s->out, element);
    s->element[s->depth++] = element;
    s->in_tag = true;
}

/* Class names, one blank between them, each with the prefix. */
static void add_classes(tr_svg *s, const char *names)
{
    while (*names != 0) {
        size_t n = strcspn(names, " ");
        tr_buf_add_c(s->out, s->prefix);
        add_escaped(s->out, tr_str_of(names, n));
        names += n;
        if (*names != 0)
            tr_buf_add_char(s->out, *names++);
    }
}

/* A style sheet with the prefix before each class: what comes after a point, unless it is a number.
 */
static void add_style(tr_svg *s, const char *style)
{
    while (*style != 0) {
        size_t n = strcspn(style, ".");
        n += style[n] == '.';
        tr_buf_add(s->out, style, n);
        style += n;
        if (style[-1] == '.' && (*style | 0x20) >= 'a' && (*style | 0x20) <= 'z')
            tr_buf_add_c(s->out, s->prefix);
    }
}

/* The picture's name for an id. */
static void add_id(tr_svg *s, const char *name)
{
    tr_buf_add_c(s->out, s->prefix);
    tr_buf_add_c(s->out, name);
}

/* An element for those who cannot see the picture. */
static void add_words(tr_svg *s, const char *element, const char *id, tr_str words)
{
    tr_svg_open(s, element);
    tr_buf_add_c(s->out, " id=\"");
    add_id(s, id);
    tr_buf_add_char(s->out, '"');
    tr_svg_text(s, words);
    tr_svg_close(s);
}

void tr_svg_attr(tr_svg *s, const char *name, const char *value)
{
    if (!s->in_tag)
        return;
    tr_buf_add_char(s->out, ' ');
    tr_buf_add_c(s->out, name);
    tr_buf_add_c(s->out, "=\"");
    if (strcmp(name, "class") == 0)
        add_classes(s, value);
    else
        add_escaped(s->out, tr_str_c(value));
    tr_buf_add_char(s->out, '"');
}

void tr_svg_attr_num(tr_svg *s, const char *name, double value)
{
    if (!s->in_tag)
        return;
    tr_buf_add_char(s->out, ' ');
    tr_buf_add_c(s->out, name);
    tr_buf_add_c(s->out, "=\"");
    add_number(s->out, value);
    tr_buf_add_char(s->out, '"');
}

void tr_svg_text(tr_svg *s, tr_str text)
{
    end_tag(s);
    add_escaped(s->out, text);
    s->has_text = true;
}

void tr_svg_close(tr_svg *s)
{
    if (s->depth == 0)
        return;
    const char *element = s->element[--s->depth];
    if (s->in_tag) {
        tr_buf_add_c(s->out, "/>");
    } else {
        new_line(s);
        tr_buf_add_c(s->out, "</");
        tr_buf_add_c(s->out, element);
        tr_buf_add_char(s->out, '>');
    }
    s->in_tag = s->has_text = false;
}

void tr_svg_begin(tr_svg *s, tr_buf *out, double width, double height, tr_str title,
                  tr_str description, const char *style, const char *prefix)
{
    *s = (tr_svg){.out = out, .prefix = prefix};
    tr_svg_open(s, "svg");
    if (*prefix == 0) /* in a page its name is known */
        tr_svg_attr(s, "xmlns", "http://www.w3.org/2000/svg");
    tr_svg_attr(s, "class", "picture");
    tr_svg_attr_num(s, "width", width);
    tr_svg_attr_num(s, "height", height);
    tr_buf_add_c(out, " viewBox=\"0 0 ");
    add_number(out, width);
    tr_buf_add_char(out, ' ');
    add_number(out, height);
    tr_buf_add_char(out, '"');
    tr_svg_attr(s, "role", "img");
    tr_buf_add_c(out, " aria-labelledby=\"");
    add_id(s, "title");
    tr_buf_add_char(out, ' ');
    add_id(s, "description");
    tr_buf_add_char(out, '"');
    add_words(s, "title", "title", title);
    add_words(s, "desc", "description", description);
    if (style != NULL) {
        tr_svg_open(s, "style");
        end_tag(s);
        add_style(s, style);
        s->has_text = true;
        tr_svg_close(s);
    }
}

void tr_svg_end(tr_svg *s)
{
    while (s->depth > 0)
        tr_svg_close(s);
    tr_buf_add_char(s->out, '\n');
}

/* ---- Shapes ---- */

static void open_shape(tr_svg *s, const char *element, const char *class)
{
    tr_svg_open(s, element);
    if (class != NULL)
        tr_svg_attr(s, "class", class);
}

void tr_svg_line(tr_svg *s, const char *class, double x1, double y1, double x2, double y2)
{
    open_shape(s, "line", class);
    tr_svg_attr_num(s, "x1", x1);
    tr_svg_attr_num(s, "y1", y1);
    tr_svg_attr_num(s, "x2", x2);
    tr_svg_attr_num(s, "y2", y2);
    tr_svg_close(s);
}

void tr_svg_rect(tr_svg *s, const char *class, double x, double y, double width, double height)
{
    open_shape(s, "rect", class);
    tr_svg_attr_num(s, "x", x);
    tr_svg_attr_num(s, "y", y);
    tr_svg_attr_num(s, "width", width);
    tr_svg_attr_num(s, "height", height);
    tr_svg_close(s);
}

void tr_svg_circle(tr_svg *s, const char *class, double x, double y, double radius)
{
    open_shape(s, "circle", class);
    tr_svg_attr_num(s, "cx", x);
    tr_svg_attr_num(s, "cy", y);
    tr_svg_attr_num(s, "r", radius);
    tr_svg_close(s);
}

void tr_svg_label(tr_svg *s, const char *class, double x, double y, const char *anchor, tr_str text)
{
    open_shape(s, "text", class);
    tr_svg_attr_num(s, "x", x);
    tr_svg_attr_num(s, "y", y);
    tr_svg_attr(s, "text-anchor", anchor);
    tr_svg_text(s, text);
    tr_svg_close(s);
}

void tr_svg_path_begin(tr_svg *s, const char *class)
{
    open_shape(s, "path", class);
    tr_buf_add_c(s->out, " d=\"");
    s->path_begun = false;
}

static void path_part(tr_svg *s, char letter, double x, double y)
{
    if (letter != 0)
        tr_buf_add_char(s->out, letter);
    else
        tr_buf_add_char(s->out, ' ');
    add_number(s->out, x);
    tr_buf_add_char(s->out, ' ');
    add_number(s->out, y);
}

void tr_svg_path_to(tr_svg *s, double x, double y, bool pen)
{
    if (s->path_begun)
        tr_buf_add_char(s->out, ' ');
    path_part(s, pen && s->path_begun ? 'L' : 'M', x, y);
    s->path_begun = true;
}

void tr_svg_path_curve(tr_svg *s, double from_x, double from_y, double x, double y)
{
    double middle = (from_x + x) / 2;

    if (!s->path_begun)
        tr_svg_path_to(s, from_x, from_y, false);
    tr_buf_add_char(s->out, ' ');
    path_part(s, 'C', middle, from_y);
    path_part(s, 0, middle, y);
    path_part(s, 0, x, y);
}

void tr_svg_path_end(tr_svg *s)
{
    tr_buf_add_char(s->out, '"');
    tr_svg_close(s);
}
