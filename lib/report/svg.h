/* svg: a small writer of SVG pictures into a buffer.
 *
 * Elements nest by open and close; attributes come right after open; text and values are escaped,
 * and what XML cannot hold (control characters, invalid UTF-8) becomes U+FFFD. Lengths are user
 * units, x to the right and y downward, written with at most two decimals; a number that is not
 * finite is written as 0. What runs out of memory shows in out->failed, which the caller checks
 * once at the end. No script, no reference to anything outside.
 *
 * Upstream: ground. Downstream: chart. */
#ifndef TR_SVG_H
#define TR_SVG_H

#include "ground/mem.h"

#include <stdbool.h>

enum { TR_SVG_DEPTH = 16 }; /* of elements within one another, the root included */

typedef struct {
    tr_buf *out; /* borrowed */
    /* private */
    const char *element[TR_SVG_DEPTH];
    const char *prefix;
    unsigned depth;
    bool in_tag, has_text, path_begun;
} tr_svg;

/* The root, of class "picture", with title and description for those who cannot see it, and a style
 * sheet (NULL: none; written as it is, so it is the program's own, and selects by classes alone).
 * Where several pictures stand in one page, `prefix` keeps them apart: it goes before every id and
 * class, in elements and style sheet; "" in a file of its own. tr_svg_end closes whatever is open.
 */
void tr_svg_begin(tr_svg *s, tr_buf *out, double width, double height, tr_str title,
                  tr_str description, const char *style, const char *prefix);
void tr_svg_end(tr_svg *s);

/* Element and attribute names are the program's own (borrowed until the element is closed). Opening
 * deeper than TR_SVG_DEPTH sets out->failed. */
void tr_svg_open(tr_svg *s, const char *element);
void tr_svg_attr(tr_svg *s, const char *name,
                 const char *value); /* "class": each with the prefix */
void tr_svg_attr_num(tr_svg *s, const char *name, double value);
void tr_svg_text(tr_svg *s, tr_str text);
void tr_svg_close(tr_svg *s);

/* Shapes that are one element; `class` may be NULL. */
void tr_svg_line(tr_svg *s, const char *class, double x1, double y1, double x2, double y2);
void tr_svg_rect(tr_svg *s, const char *class, double x, double y, double width, double height);
void tr_svg_circle(tr_svg *s, const char *class, double x, double y, double radius);
/* anchor: "start", "middle" or "end"; y is the base line. */
void tr_svg_label(tr_svg *s, const char *class, double x, double y, const char *anchor,
                  tr_str text);

/* A path: begin, then points (`pen` false: move there, true: draw a line there) and curves (level
 * where they begin and where they end), then end. */
void tr_svg_path_begin(tr_svg *s, const char *class);
void tr_svg_path_to(tr_svg *s, double x, double y, bool pen);
void tr_svg_path_curve(tr_svg *s, double from_x, double from_y, double x, double y);
void tr_svg_path_end(tr_svg *s);

#endif
