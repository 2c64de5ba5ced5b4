/* picture: what tests look at in an SVG: is it XML, and where are its texts. */
#ifndef TR_PICTURE_H
#define TR_PICTURE_H

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Tags nest, attributes are quoted, nothing is open at the end. */
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
    return depth == 0 && elements > 5;
}

typedef struct {
    double x0, y0, x1, y1;
    char text[80];
} place;

static double attribute(const char *tag, const char *name)
{
    const char *at = strstr(tag, name);
    return at == NULL ? NAN : strtod(at + strlen(name), NULL);
}

static size_t texts(const char *picture, place *list, size_t most)
{
    size_t n = 0;

    for (const char *p = picture; (p = strstr(p, "<text ")) != NULL && n < most; p++) {
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
static int collisions(const char *picture)
{
    static place list[128];
    size_t n = texts(picture, list, 128);
    double width = attribute(picture, " width=\""), height = attribute(picture, " height=\"");
    int wrong = n < 4;

    for (size_t i = 0; i < n; i++) {
        const place *a = &list[i];
        if (a->x0 < 0 || a->y0 < 0 || a->x1 > width || a->y1 > height) {
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

#endif
