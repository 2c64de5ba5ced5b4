#include "doors/scan.h"

#include <stdlib.h>

#include "check.h"

static const char *const known[] = {"input", "teacher", NULL, "\xC3\xA9t\xC3\xA9", ""};
enum { N_KNOWN = sizeof known / sizeof *known };

static tr_err err;

static tr_code scan(tr_scan *s, const char *line)
{
    memset(&err, 0, sizeof err);
    return tr_scan_line(s, tr_str_c(line), known, N_KNOWN, &err);
}

/* The value refused, and its message is the one expected. */
static bool refused(const char *text, const char *message)
{
    memset(&err, 0, sizeof err);
    bool well = tr_scan_value(tr_str_c(text), &err) == TR_DATA && strcmp(err.message, message) == 0;
    if (!well)
        printf("# %s: got \"%s\"\n", text, err.message);
    return well;
}

static bool is(tr_str s, const char *text)
{
    return tr_str_equal(s, tr_str_c(text));
}

static void members_are_slices(void)
{
    tr_scan s = {0};
    const char *line = " { \"input\" : \"a b\" ,\"x\":[1, {\"input\":2}],\"teacher\":-1.50e+3 ,"
                       "\"n\":null,\"t\":true,\"o\":{ } }\r";
    CHECK(scan(&s, line) == TR_OK);
    CHECK(s.n == 6);
    if (s.n != 6)
        return;
    CHECK(is(s.members[0].key, "\"input\"") && is(s.members[0].value, "\"a b\""));
    CHECK(s.members[0].known == 0 && s.members[0].type == TR_SCAN_STRING);
    CHECK(is(s.members[1].value, "[1, {\"input\":2}]") && s.members[1].type == TR_SCAN_ARRAY);
    CHECK(s.members[1].known == -1);
    CHECK(is(s.members[2].value, "-1.50e+3") && s.members[2].type == TR_SCAN_NUMBER);
    CHECK(s.members[3].type == TR_SCAN_NULL && s.members[4].type == TR_SCAN_BOOL);
    CHECK(is(s.members[5].value, "{ }") && s.members[5].type == TR_SCAN_OBJECT);
    CHECK(tr_scan_find(&s, 1) == &s.members[2]);
    CHECK(tr_scan_find(&s, 3) == NULL);
    CHECK(scan(&s, "{}") == TR_OK && s.n == 0);
    tr_scan_free(&s);
}

static void known_keys(void)
{
    tr_scan s = {0};
    CHECK(scan(&s, "{\"\\u0069nput\":1,\"\\u00E9t\\u00e9\":2,\"\":3,\"inpu\":4,\"inputs\":5,"
                   "\"input\\u0000\":6,\"\\ud800\":7}") == TR_OK);
    CHECK(s.n == 7);
    const int expected[] = {0, 3, 4, -1, -1, -1, -1};
    for (size_t i = 0; i < s.n && i < 7; i++)
        CHECK(s.members[i].known == expected[i]);
    CHECK(scan(&s, "{\"x\":1,\"x\":2}") == TR_OK);
    CHECK(scan(&s, "{\"input\":1,\"i\\u006eput\":2}") == TR_DATA);
    CHECK(strcmp(err.message, "the key \"input\" occurs twice") == 0);
    tr_scan_free(&s);
}

static void lines_refused(void)
{
    tr_scan s = {0};
    static const struct {
        const char *line, *message;
    } cases[] = {
        {"", "empty line, expected a JSON object"},
        {" \t", "empty line, expected a JSON object"},
        {"[1]", "bad JSON at byte 1: not a JSON object"},
        {"hello", "bad JSON at byte 1: not a JSON object"},
        {"{", "bad JSON at byte 2: expected a key in double quotes, but the text ends"},
        {"{\"a\"", "bad JSON at byte 5: expected ':' after the key, but the text ends"},
        {"{\"a\":1", "bad JSON at byte 7: expected ',' or '}' after a member, but the text ends"},
        {"{\"a\":1 \"b\":2}", "bad JSON at byte 8: expected ',' or '}' after a member"},
        {"{\"a\":1,}", "bad JSON at byte 8: expected a key (is there a comma too many?)"},
        {"{'a':1}", "bad JSON at byte 2: expected a key in double quotes"},
        {"{\"a\" 1}", "bad JSON at byte 6: expected ':' after the key"},
        {"{\"a\":1} x", "bad JSON at byte 9: more text behind the object"},
        {"{\"a\":1}{}", "bad JSON at byte 8: more text behind the object"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK(scan(&s, cases[i].line) == TR_DATA);
        CHECK(err.line == 0);
        if (strcmp(err.message, cases[i].message) != 0) {
            printf("# %s: got \"%s\"\n", cases[i].line, err.message);
            CHECK(0);
        }
    }
    CHECK(tr_scan_line(&s, tr_str_of("{\"a\":1\0}", 8), NULL, 0, &err) == TR_DATA);
    CHECK(strcmp(err.message, "bad JSON at byte 7: a NUL byte") == 0);
    CHECK(tr_scan_line(&s, tr_str_of("{\"a\0\":1}", 8), NULL, 0, &err) == TR_DATA);
    CHECK(strcmp(err.message, "bad JSON at byte 4: a NUL byte") == 0);
    tr_scan_free(&s);
}

static void values_accepted(void)
{
    static const char *const good[] = {
        "0",
        "-0",
        "10",
        "1.5",
        "1e5",
        "1E+05",
        "-1.0e-10",
        "true",
        "false",
        "null",
        " \t\r\n1\n",
        "\"\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\uDE00\"",
        "\"\x7f'\"",
        "[]",
        "{}",
        "[ ]",
        "[1,[2,[3]],{\"a\":[{}]}]",
        "{\"a\":{\"b\":{}},\"a\":1}",
        "\"\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xF0\x90\x80\x80\xF4\x8F\xBF\xBF\"",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        bool well = tr_scan_value(tr_str_c(good[i]), &err) == TR_OK;
        if (!well)
            printf("# %s: %s\n", good[i], err.message);
        CHECK(well);
    }
}

static void values_refused(void)
{
    static const char *const bad[] = {
        "",
        " ",
        "01",
        "-01",
        "1.",
        "1.e5",
        "1e",
        "1e+",
        "-",
        "+1",
        ".5",
        "0x10",
        "1_000",
        "NaN",
        "Infinity",
        "-Infinity",
        "nul",
        "True",
        "tru",
        "'a'",
        "\"a",
        "\"\\\"",
        "\"\t\"",
        "\"\n\"",
        "\"\\x41\"",
        "\"\\'\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\U0041\"",
        "\"\\",
        "\"\\u",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1,,2]",
        "[",
        "]",
        "[1",
        "[}",
        "{]",
        "{\"a\":}",
        "{\"a\",1}",
        "{,}",
        "{1:2}",
        "{\"a\":1,}",
        "[1]]",
        "1 2",
        "// x\n1",
        "\xEF\xBB\xBF 1",
        "\v1",
        "\"\x1f\"",
        "\"\x80\"",
        "\"\xC0\x80\"",
        "\"\xC1\xBF\"",
        "\"\xE0\x9F\xBF\"",
        "\"\xED\xA0\x80\"",
        "\"\xF0\x8F\xBF\xBF\"",
        "\"\xF4\x90\x80\x80\"",
        "\"\xF5\x80\x80\x80\"",
        "\"\xC3\"",
        "\"\xE2\x82\"",
        "\"\xE2\x82",
        "\"\xF0\x9F\x98\"",
        "\"abcdefgh\xFF\"",
        "\"abcdefgh\x01\"",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        bool well = tr_scan_value(tr_str_c(bad[i]), &err) == TR_DATA;
        if (!well)
            printf("# accepted: %s\n", bad[i]);
        CHECK(well);
    }
    CHECK(refused("[1,2",
                  "bad JSON at byte 5: expected ',' or ']' after an element, but the text ends"));
    CHECK(refused("\"ab",
                  "bad JSON at byte 4: expected the closing '\"' of a string, but the text ends"));
    CHECK(refused("[012]", "bad JSON at byte 3: a number must not begin with 0 and another digit"));
    CHECK(refused("[\"a\tb\"]", "bad JSON at byte 4: an unescaped control character in a string"));
    CHECK(refused("\"\\q\"", "bad JSON at byte 3: expected one of \"\\/bfnrtu after a backslash"));
    CHECK(refused("\"12345678\xFF\"", "bad JSON at byte 10: invalid UTF-8"));
    CHECK(refused("[NaN]", "bad JSON at byte 2: expected a value (NaN and Infinity are not JSON)"));
}

static void stops_at_every_offset(void)
{
    /* Whatever byte of a word the end of a string falls on. */
    for (size_t n = 0; n < 40; n++) {
        char text[64];
        for (unsigned byte = 0; byte < 256; byte++) {
            text[0] = '"';
            memset(text + 1, 'x', n);
            text[1 + n] = (char)byte;
            memset(text + 2 + n, 'y', 9);
            text[11 + n] = '"';
            bool expected = byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
            tr_str s = tr_str_of(text, 12 + n);
            CHECK((tr_scan_value(s, &err) == TR_OK) == expected);
            CHECK(tr_scan_utf8_valid(s) == (byte < 0x80));
        }
    }
}

static void nesting(void)
{
    enum { DEEP = 1000 };
    char *text = malloc(8 * DEEP + 8);
    tr_scan s = {0};
    if (!text)
        return;
    memset(text, '[', DEEP);
    memset(text + DEEP, ']', DEEP);
    CHECK(tr_scan_value(tr_str_of(text, 2 * DEEP), &err) == TR_OK);
    memset(text, '[', DEEP + 1);
    memset(text + DEEP + 1, ']', DEEP + 1);
    CHECK(tr_scan_value(tr_str_of(text, 2 * DEEP + 2), &err) == TR_DATA);
    CHECK(strcmp(err.message, "bad JSON at byte 1001: nested deeper than 1,000 levels") == 0);

    /* The object of a line is one of the levels; kinds alternate to try every bit. */
    for (size_t inner = DEEP - 1; inner <= DEEP; inner++) {
        size_t at = 5;
        memcpy(text, "{\"a\":", 5);
        for (size_t i = 0; i < inner; i++) {
            const char *open = i % 3 ? "{\"\":" : "[";
            memcpy(text + at, open, strlen(open));
            at += strlen(open);
        }
        text[at++] = '0';
        for (size_t i = inner; i-- > 0;)
            text[at++] = i % 3 ? '}' : ']';
        text[at++] = '}';
        CHECK(tr_scan_line(&s, tr_str_of(text, at), known, N_KNOWN, &err) ==
              (inner < DEEP ? TR_OK : TR_DATA));
        text[at - 10] ^= ']' ^ '}'; /* a bracket of the other kind */
        CHECK(tr_scan_line(&s, tr_str_of(text, at), known, N_KNOWN, &err) == TR_DATA);
    }
    free(text);
    tr_scan_free(&s);
}

/* The text of a string as written, "" and false where it is refused. */
static bool text_is(const char *value, const char *data, size_t size)
{
    tr_buf b;
    tr_buf_init(&b);
    tr_buf_add_c(&b, "kept:");
    bool well = tr_scan_text(tr_str_c(value), &b, NULL) && b.size == size + 5 &&
                memcmp(b.data, "kept:", 5) == 0 && memcmp(b.data + 5, data, size) == 0;
    tr_buf_free(&b);
    return well;
}

static void texts(void)
{
    tr_buf b;
    tr_str plain;
    tr_buf_init(&b);
    CHECK(tr_scan_text(tr_str_c("\"abc\""), &b, &plain));
    CHECK(is(plain, "abc") && b.size == 0);
    CHECK(tr_scan_text(tr_str_c("\"\""), &b, &plain));
    CHECK(plain.data && plain.size == 0);
    CHECK(tr_scan_text(tr_str_c("\"a\\n\""), &b, &plain));
    CHECK(plain.data == NULL && is(tr_buf_str(&b), "a\n"));
    CHECK(text_is("\"abc\"", "abc", 3));
    CHECK(text_is("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8));
    CHECK(text_is("\"\\u0041\\u00e9\\u20AC\\ud83d\\uDE00!\"",
                  "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80!", 11));
    CHECK(text_is("\"\\uDBFF\\uDFFF\"", "\xF4\x8F\xBF\xBF", 4));
    CHECK(text_is("\"a\\u0000b\"", "a\0b", 3));
    b.size = 0;
    static const char *const lone[] = {
        "\"\\ud800\"",        "\"\\udc00\"",        "\"\\ud800x\"",       "\"\\ud800\\n\"",
        "\"\\ud800\\ud800\"", "\"\\ud83d\\u0041\"", "\"\\ud83d\\ue000\"", "\"\\ud800\\\\u\""};
    for (size_t i = 0; i < sizeof lone / sizeof *lone; i++) {
        CHECK(!tr_scan_text(tr_str_c(lone[i]), &b, &plain));
        CHECK(b.size == 0 && !b.failed);
    }
    tr_buf_free(&b);
}

static void utf8(void)
{
    CHECK(tr_scan_utf8_valid(tr_str_of(NULL, 0)));
    CHECK(tr_scan_utf8_valid(tr_str_of("a\0b", 3)));
    CHECK(!tr_scan_utf8_valid(tr_str_c("12345678\xE2\x82")));
    CHECK(tr_scan_utf8_step(tr_str_c("\xE2\x82\xAC")) == 3);
    CHECK(tr_scan_utf8_step(tr_str_of("\xE2\x82\xAC", 2)) == 0);
    CHECK(tr_scan_utf8_step(tr_str_of("", 0)) == 0);
}

static void texts_are_cut_between_characters(void)
{
    tr_str s = tr_str_c("a\xc3\xa4\xf0\x9f\x98\x80z"); /* of 1, 2, 4 and 1 bytes */
    static const size_t size[] = {0, 1, 1, 3, 3, 3, 3, 7, 8, 8};
    for (size_t most = 0; most < sizeof size / sizeof *size; most++) {
        tr_str part = tr_scan_cut(s, most);
        CHECK(part.data == s.data && part.size == size[most]);
    }
    CHECK(tr_scan_cut(tr_str_of(NULL, 0), 5).data == NULL);
}

static void members_have_texts(void)
{
    static const char *const keys[] = {"s", "e", "n", "l", "empty", "half"};
    static const char *const text[] = {"plain", "a\tb", "1.50", "[1, 2]", ""};
    tr_scan scan = {0};
    tr_buf buf;
    tr_str out;
    tr_buf_init(&buf);
    tr_str line =
        tr_str_c("{\"s\":\"plain\",\"e\":\"a\\tb\",\"n\":1.50,\"l\":[1, 2],\"empty\":\"\","
                 "\"half\":\"\\ud800\"}");
    CHECK(tr_scan_line(&scan, line, keys, 6, NULL) == TR_OK && scan.n == 6);
    for (size_t i = 0; i < 5; i++) {
        CHECK(tr_scan_member_text(&scan.members[i], &buf, &out));
        CHECK(out.data != NULL && tr_str_equal(out, tr_str_c(text[i])));
    }
    CHECK(!tr_scan_member_text(&scan.members[5], &buf, &out) && !buf.failed);
    tr_buf_free(&buf);
    tr_scan_free(&scan);
}

int main(void)
{
    CASE(members_are_slices);
    CASE(known_keys);
    CASE(lines_refused);
    CASE(values_accepted);
    CASE(values_refused);
    CASE(stops_at_every_offset);
    CASE(nesting);
    CASE(texts);
    CASE(utf8);
    CASE(texts_are_cut_between_characters);
    CASE(members_have_texts);
    return CHECK_END;
}
