/* theme: the style sheet of the page: light, dark and print, phone and desk.
 *
 * Every pair of colours that text is written in has a contrast of at least 4.5 to 1 in both
 * schemes. Fonts are the system's. Nothing is fetched.
 *
 * Downstream: page. */
#ifndef TR_THEME_H
#define TR_THEME_H

extern const char tr_theme_style[];

#endif
