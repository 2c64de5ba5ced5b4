/* html: a small writer of HTML into a buffer: elements nest, texts and attributes are escaped.
 *
 * What HTML cannot hold (control characters, invalid UTF-8) becomes U+FFFD; bidirectional controls
 * in texts cannot leave their element (each text that is not ours stands in <bdi>, which the page's
 * style sheet makes a box of its own). What runs out of memory, and what nests too deep, shows in
 * out->failed. Element and attribute names are the program's own.
 *
 * Upstream: scan. Downstream: page. */
#ifndef TR_HTML_H
#define TR_HTML_H

#include "ground/err.h"
#include "ground/mem.h"

#include <stdbool.h>

enum { TR_HTML_DEPTH = 32, TR_HTML_SAY = 1024 };

typedef struct {
    tr_buf *out; /* borrowed */
    /* private */
    const char *element[TR_HTML_DEPTH];
    unsigned depth;
    bool in_tag;
} tr_html;

void tr_html_begin(tr_html *h, tr_buf *out); /* nothing written yet */
void tr_html_open(tr_html *h, const char *element);
void tr_html_attr(tr_html *h, const char *name, const char *value); /* value is escaped */
void tr_html_text(tr_html *h, const char *text);                    /* our own words */
/* The same, as printf says; TR_HTML_SAY bytes at most. */
void tr_html_say(tr_html *h, const char *format, ...) TR_PRINTF(2, 3);
void tr_html_foreign(tr_html *h, tr_str text); /* anybody's: escaped, in <bdi> */
/* The same for a name: lines may break after the marks that join its parts (_ - / . :). */
void tr_html_name(tr_html *h, tr_str name);
void tr_html_raw(tr_html *h, const char *html); /* as it is: style sheets, pictures of ours */
void tr_html_close(tr_html *h);
/* An element with a class (NULL: none) and a text, at once. */
void tr_html_put(tr_html *h, const char *element, const char *class, const char *text);
void tr_html_end(tr_html *h); /* closes whatever is open; a newline */

#endif
