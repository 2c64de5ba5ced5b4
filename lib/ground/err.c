#include "ground/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A message that did not fit ends in "..."; no UTF-8 sequence is left cut in two. */
static void mark_cut(char *text, size_t size)
{
    size_t end = size - 4;
    while (end > 0 && ((unsigned char)text[end] & 0xC0) == 0x80)
        end--;
    memcpy(text + end, "...", 4);
}

/* C0 and C1 controls (U+0080..9F as UTF-8) could move the cursor of whoever reads the message. */
static void disarm(char *text)
{
    for (unsigned char *p = (unsigned char *)text; *p; p++) {
        if (*p < 0x20 || *p == 0x7F) {
            *p = '?';
        } else if (*p == 0xC2 && p[1] >= 0x80 && p[1] <= 0x9F) {
            p[0] = p[1] = '?';
        }
    }
}

/* The arguments may point into err->message itself: the new text is made beside it. */
static tr_code store(tr_err *err, tr_code code, uint64_t line, const char *prefix,
                     const char *format, va_list args)
{
    if (!err)
        return code;
    char text[sizeof err->message];
    int n = snprintf(text, sizeof text, "%s", prefix);
    size_t used = n < 0 ? 0 : (size_t)n;
    if (used < sizeof text) {
        n = vsnprintf(text + used, sizeof text - used, format, args);
        used += n < 0 ? 0 : (size_t)n;
    }
    if (used >= sizeof text)
        mark_cut(text, sizeof text);
    disarm(text);
    memcpy(err->message, text, sizeof text);
    err->code = code;
    err->line = line;
    return code;
}

tr_code tr_err_set(tr_err *err, tr_code code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    store(err, code, 0, "", format, args);
    va_end(args);
    return code;
}

tr_code tr_err_at(tr_err *err, const char *file, uint64_t line, const char *format, ...)
{
    char place[sizeof err->message];
    /* A name of absurd length must not push the reason out of the message. */
    if (line) {
        snprintf(place, sizeof place, "%.600s:%llu: ", file, (unsigned long long)line);
    } else {
        snprintf(place, sizeof place, "%.600s: ", file);
    }
    va_list args;
    va_start(args, format);
    store(err, TR_DATA, line, place, format, args);
    va_end(args);
    return TR_DATA;
}

tr_code tr_err_errno(tr_err *err, const char *what)
{
    int number = errno;
    char reason[128];
    /* The GNU strerror_r, which may return a string of its own. */
    const char *text = strerror_r(number, reason, sizeof reason);
    return tr_err_set(err, TR_SYSTEM, "%.800s: %s", what, text);
}

tr_code tr_err_memory(tr_err *err)
{
    return tr_err_set(err, TR_SYSTEM, "out of memory");
}
