/* Text for a terminal: harmless, cut between characters, and never wider than asked for. */
#include "check.h"

#include "doors/scan.h"
#include "report/columns.h"

#include <string.h>

static tr_buf out;

static bool gives(const char *text, unsigned most, const char *wanted, unsigned columns)
{
    tr_buf_clear(&out);
    unsigned used = tr_columns_foreign(&out, tr_str_c(text), most);
    return tr_str_equal(tr_buf_str(&out), tr_str_c(wanted)) && used == columns;
}

static void what_fits_stays(void)
{
    CHECK(gives("", 3, "", 0));
    CHECK(gives("abc", 3, "abc", 3));
    CHECK(gives("abcd", 3, "...", 3));
    CHECK(gives("abcdefgh", 7, "abcd...", 7));
    CHECK(gives("\xc3\xa4\xc3\xb6\xc3\xbc", 3, "\xc3\xa4\xc3\xb6\xc3\xbc", 3));
    CHECK(gives("\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f\xc3\xa4", 4, "\xc3\xa4...", 4));
}

static void wide_and_marks(void)
{
    /* two columns each; half of one is not written */
    CHECK(gives("\xe6\x97\xa5\xe6\x9c\xac", 4, "\xe6\x97\xa5\xe6\x9c\xac", 4));
    CHECK(gives("\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", 5, "\xe6\x97\xa5...", 5));
    CHECK(gives("\xf0\x9f\x99\x82!", 3, "\xf0\x9f\x99\x82!", 3));
    /* joiners are part of words and of emoji */
    CHECK(gives("\xd9\x85\xe2\x80\x8c\xd9\x86", 3, "\xd9\x85\xe2\x80\x8c\xd9\x86", 2));
    CHECK(gives("\xe2\x80\x8d!", 3, "\xe2\x80\x8d!", 1));
    /* a mark on the letter before takes none, but thousands of them do not stay */
    CHECK(gives("e\xcc\x81x", 3, "e\xcc\x81x", 2));
    tr_buf_clear(&out);
    tr_buf marks;
    tr_buf_init(&marks);
    for (int i = 0; i < 5000; i++)
        tr_buf_add_c(&marks, "\xcc\x81");
    CHECK(tr_columns_foreign(&out, tr_buf_str(&marks), 10) <= 10);
    CHECK(out.size < 200);
    tr_buf_free(&marks);
}

static void nothing_unsafe(void)
{
    CHECK(gives("a\x1b[31mb", 20,
                "a\xef\xbf\xbd"
                "[31mb",
                7));
    CHECK(gives("a\r\n\tb", 20, "a   b", 5));
    CHECK(gives("a\x7f\xc2\x9b"
                "b",
                20,
                "a\xef\xbf\xbd\xef\xbf\xbd"
                "b",
                4));
    /* overrides and isolates of direction, marks, zero width, line separators, tags */
    static const char *const unsafe[] = {"\xe2\x80\xae", "\xe2\x81\xa6",    "\xe2\x80\x8f",
                                         "\xd8\x9c",     "\xe2\x80\x8b",    "\xe2\x80\xa8",
                                         "\xef\xbb\xbf", "\xf3\xa0\x81\x81"};
    for (size_t i = 0; i < sizeof unsafe / sizeof *unsafe; i++)
        CHECK(gives(unsafe[i], 9, "\xef\xbf\xbd", 1));
    /* what is no UTF-8, and a NUL inside */
    CHECK(gives("\xff\xc3", 9, "\xef\xbf\xbd\xef\xbf\xbd", 2));
    tr_buf_clear(&out);
    CHECK(tr_columns_foreign(&out, tr_str_of("a\0b", 3), 9) == 3);
    CHECK(memchr(out.data, 0, out.size) == NULL);
    CHECK(tr_scan_utf8_valid(tr_buf_str(&out)));
}

static void cells_are_filled(void)
{
    tr_buf_clear(&out);
    tr_columns_cell(&out, tr_str_c("\xe6\x97\xa5"), 5);
    tr_columns_cell(&out, tr_str_c("abcdef"), 5);
    CHECK(tr_str_equal(tr_buf_str(&out), tr_str_c("\xe6\x97\xa5   ab...")));
}

static void lines_are_wrapped(void)
{
    char words[400] = "";
    for (int i = 0; i < 40; i++)
        strcat(words, i ? " 12.5 %" : "12.5 %");
    tr_buf_clear(&out);
    tr_columns_wrap(&out, "Name", tr_str_c(words));
    CHECK(!strncmp(out.data, "Name        12.5 % 12.5 %", 25));
    size_t lines = 0, numbers = 0;
    for (const char *at = out.data, *end; at < out.data + out.size; at = end + 1, lines++) {
        end = memchr(at, '\n', out.size - (size_t)(at - out.data));
        CHECK(end != NULL);
        if (!end)
            return;
        CHECK(end - at <= TR_COLUMNS && end[-1] == '%');
        CHECK(!lines || !strncmp(at, "            12.5 %", 18));
        for (const char *p = at; p < end; p++)
            numbers += *p == '%';
    }
    CHECK(lines == 5 && numbers == 40);
    /* no name: nothing is set in; nothing to say: an empty line */
    tr_buf_clear(&out);
    tr_columns_wrap(&out, "", tr_str_c("a b"));
    tr_columns_wrap(&out, "", tr_str_c(""));
    CHECK(tr_str_equal(tr_buf_str(&out), tr_str_c("a b\n\n")));
}

int main(void)
{
    tr_buf_init(&out);
    CASE(what_fits_stays);
    CASE(wide_and_marks);
    CASE(nothing_unsafe);
    CASE(cells_are_filled);
    CASE(lines_are_wrapped);
    tr_buf_free(&out);
    return CHECK_END;
}
