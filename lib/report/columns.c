#include "report/columns.h"

#include "doors/scan.h"

static uint32_t decode(const unsigned char *s, size_t size)
{
    if (size == 1)
        return s[0];
    uint32_t c = s[0] & (0xffu >> (size + 1));
    for (size_t i = 1; i < size; i++)
        c = c << 6 | (s[i] & 0x3f);
    return c;
}

/* What may move the cursor, turn the direction, or hide. */
static bool is_unsafe(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x61c || c == 0x180e ||
           c == 0x200b || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xfff0 && c <= 0xfffb) ||
           (c >= 0xe0000 && c <= 0xe0fff);
}

static unsigned columns_of(uint32_t c)
{
    if ((c >= 0x300 && c <= 0x36f) || (c >= 0xfe00 && c <= 0xfe0f) || c == 0x200c || c == 0x200d)
        return 0; /* on the character before, or between two: joiners are part of the writing */
    bool wide = (c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xa4cf) ||
                (c >= 0xac00 && c <= 0xd7a3) || (c >= 0xf900 && c <= 0xfaff) ||
                (c >= 0xfe30 && c <= 0xfe6f) || (c >= 0xff00 && c <= 0xff60) ||
                (c >= 0xffe0 && c <= 0xffe6) || (c >= 0x1f300 && c <= 0x1faff) || c >= 0x20000;
    return wide ? 2 : 1;
}

unsigned tr_columns_foreign(tr_buf *out, tr_str text, unsigned most)
{
    size_t begin = out->size, cut_at = out->size;
    unsigned columns = 0, cut_columns = 0;

    for (size_t i = 0; i < text.size;) {
        tr_str rest = tr_str_of(text.data + i, text.size - i);
        size_t step = tr_scan_utf8_step(rest);
        uint32_t c = step ? decode((const unsigned char *)rest.data, step) : 0;
        bool blank = c == '\t' || c == '\n' || c == '\r' || c == ' ';
        bool unsafe = !blank && is_unsafe(c);
        unsigned wide = blank || unsafe ? 1 : columns_of(c);
        /* marks without end on one character take bytes, if no columns */
        if (columns + wide > most || out->size - begin > 8 * (size_t)most) {
            if (!out->failed)
                out->size = cut_at;
            tr_buf_add_c(out, "...");
            return cut_columns + 3;
        }
        if (unsafe)
            tr_buf_add_c(out, "\xef\xbf\xbd");
        else if (blank)
            tr_buf_add_char(out, ' ');
        else
            tr_buf_add(out, rest.data, step);
        columns += wide;
        if (columns + 3 <= most) {
            cut_at = out->size;
            cut_columns = columns;
        }
        i += step ? step : 1;
    }
    return columns;
}

static void put_blanks(tr_buf *out, unsigned n)
{
    while (n--)
        tr_buf_add_char(out, ' ');
}

void tr_columns_cell(tr_buf *out, tr_str text, unsigned width)
{
    unsigned used = tr_columns_foreign(out, text, width);
    put_blanks(out, used < width ? width - used : 0);
}

unsigned tr_columns_width(tr_str text)
{
    unsigned columns = 0;
    for (size_t i = 0; i < text.size;) {
        size_t step = tr_scan_utf8_step(tr_str_of(text.data + i, text.size - i));
        columns += step ? columns_of(decode((const unsigned char *)text.data + i, step)) : 1;
        i += step ? step : 1;
    }
    return columns;
}

void tr_columns_wrap(tr_buf *out, const char *name, tr_str words)
{
    unsigned indent = *name ? TR_COLUMNS_HANG : 0, column = indent;

    tr_columns_cell(out, tr_str_c(name), indent);
    for (size_t i = 0, end; i < words.size; i = end + 1) {
        for (end = i; end < words.size; end++)
            if (words.data[end] == ' ' && !(end + 1 < words.size && words.data[end + 1] == '%'))
                break;
        tr_str word = tr_str_of(words.data + i, end - i);
        unsigned wide = tr_columns_width(word);
        if (column > indent && column + 1 + wide > TR_COLUMNS) {
            tr_buf_add_char(out, '\n');
            put_blanks(out, indent);
            column = indent;
        } else if (column > indent) {
            tr_buf_add_char(out, ' ');
            column++;
        }
        tr_buf_add_str(out, word);
        column += wide;
    }
    tr_buf_add_char(out, '\n');
}
