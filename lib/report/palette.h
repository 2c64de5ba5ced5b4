/* palette: the style sheet that all pictures share, for light and dark.
 *
 * Classes: picture (the root), bg, title, strong, quiet, small, halo, the kinds of lines and
 * markers that chart draws, the bands and nodes of sankey, and sN, fN: stroke and fill in colour N,
 * of which text can be written, too (contrast of at least 4.5 to 1).
 *
 * Downstream: chart, sankey. */
#ifndef TR_PALETTE_H
#define TR_PALETTE_H

enum { TR_PALETTE_COLOURS = 6 }; /* 0 is the strongest */
enum { TR_PALETTE_CLASS = 24 };

extern const char tr_palette_style[];

/* "what f3": a class of that name, one of fill ('f') or stroke ('s') in that colour. `what` has at
 * most 20 bytes. */
void tr_palette_class(char class[TR_PALETTE_CLASS], const char *what, char which, int colour);

#endif
