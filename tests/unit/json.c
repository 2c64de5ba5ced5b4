#include "doors/json.h"

#include <math.h>
#include <stdlib.h>

#include "check.h"

static tr_err err;

static void fill(tr_json_writer *w)
{
    tr_json_open_object(w);
    tr_json_key_c(w, "a", "x\"y");
    tr_json_key(w, "list");
    tr_json_open_array(w);
    tr_json_double(w, 0.1);
    tr_json_float(w, 0.1f);
    tr_json_u64(w, UINT64_MAX);
    tr_json_i64(w, INT64_MIN);
    tr_json_double(w, NAN);
    tr_json_float(w, INFINITY);
    tr_json_open_array(w);
    tr_json_close_array(w);
    tr_json_open_object(w);
    tr_json_close_object(w);
    tr_json_close_array(w);
    tr_json_key(w, "deep");
    tr_json_open_object(w);
    tr_json_key_bool(w, "t", true);
    tr_json_key_u64(w, "u", 7);
    tr_json_key_double(w, "d", -2.5);
    tr_json_key_str(w, "s", tr_str_of("p\0q", 3));
    tr_json_close_object(w);
    tr_json_key(w, "n");
    tr_json_null(w);
    tr_json_close_object(w);
}

static bool written(bool pretty, void (*put)(tr_json_writer *), const char *expected)
{
    tr_buf b;
    tr_json_writer w;
    tr_buf_init(&b);
    tr_json_begin(&w, &b, pretty);
    put(&w);
    bool well = !b.failed && tr_str_equal(tr_buf_str(&b), tr_str_c(expected));
    if (!well)
        printf("# got %.*s\n", (int)b.size, b.data);
    tr_buf_free(&b);
    return well;
}

static void empty_array(tr_json_writer *w)
{
    tr_json_open_array(w);
    tr_json_close_array(w);
}

static void one_number(tr_json_writer *w)
{
    tr_json_u64(w, 1);
}

static void writing(void)
{
    CHECK(written(false, fill,
                  "{\"a\":\"x\\\"y\",\"list\":[0.1,0.1,18446744073709551615,-9223372036854775808,"
                  "null,null,[],{}],\"deep\":{\"t\":true,\"u\":7,\"d\":-2.5,\"s\":\"p\\u0000q\"},"
                  "\"n\":null}"));
    CHECK(written(true, fill,
                  "{\n  \"a\": \"x\\\"y\",\n  \"list\": [\n    0.1,\n    0.1,\n"
                  "    18446744073709551615,\n    -9223372036854775808,\n    null,\n    null,\n"
                  "    [],\n    {}\n  ],\n  \"deep\": {\n    \"t\": true,\n    \"u\": 7,\n"
                  "    \"d\": -2.5,\n    \"s\": \"p\\u0000q\"\n  },\n  \"n\": null\n}"));
    CHECK(written(true, empty_array, "[]"));
    CHECK(written(true, one_number, "1"));
}

static bool string_is(const char *data, size_t size, const char *expected)
{
    tr_buf b;
    tr_buf_init(&b);
    tr_json_put_str(&b, tr_str_of(data, size));
    bool well = tr_str_equal(tr_buf_str(&b), tr_str_c(expected));
    if (!well)
        printf("# got %.*s\n", (int)b.size, b.data);
    tr_buf_free(&b);
    return well;
}

static void strings(void)
{
    CHECK(string_is(NULL, 0, "\"\""));
    CHECK(string_is("a\"\\/\b\f\n\r\t", 9, "\"a\\\"\\\\/\\b\\f\\n\\r\\t\""));
    CHECK(string_is("\0\x01\x1f\x7f", 4, "\"\\u0000\\u0001\\u001f\\u007f\""));
    CHECK(string_is("\xC3\xA9\xF0\x9F\x98\x80\xE2\x80\xA7", 9,
                    "\"\xC3\xA9\xF0\x9F\x98\x80\xE2\x80\xA7\""));
    CHECK(string_is("\xE2\x80\xA8\xE2\x80\xA9", 6, "\"\\u2028\\u2029\""));
    CHECK(string_is("a\xFFz\xE2\x80", 5, "\"a\xEF\xBF\xBDz\xEF\xBF\xBD\xEF\xBF\xBD\""));
    CHECK(string_is("\xED\xA0\x80", 3, "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""));
}

static void reading(void)
{
    const char *text = " {\"a\":\"\\u00e9\\ud83d\\ude00\",\"A\":[1,-2.5,9007199254740991,"
                       "9007199254740992,1e3,0.1],\"t\":true,\"f\":false,\"n\":null,"
                       "\"o\":{\"\":{}}} ";
    tr_json *root = tr_json_parse(tr_str_c(text), &err);
    CHECK(root != NULL);
    if (!root)
        return;
    const char *s = NULL;
    double d = 0;
    uint64_t u = 0;
    bool b = false;
    CHECK(tr_json_size(root) == 6);
    CHECK(tr_json_as_text(tr_json_get(root, "a"), &s) &&
          strcmp(s, "\xC3\xA9\xF0\x9F\x98\x80") == 0);
    const tr_json *list = tr_json_get(root, "A"); /* case counts */
    CHECK(tr_json_size(list) == 6 && tr_json_at(list, 6) == NULL);
    CHECK(tr_json_as_u64(tr_json_at(list, 0), &u) && u == 1);
    CHECK(!tr_json_as_u64(tr_json_at(list, 1), &u));
    CHECK(tr_json_as_double(tr_json_at(list, 1), &d) && d == -2.5);
    CHECK(tr_json_as_u64(tr_json_at(list, 2), &u) && u == 9007199254740991u);
    CHECK(!tr_json_as_u64(tr_json_at(list, 3), &u));
    CHECK(tr_json_as_u64(tr_json_at(list, 4), &u) && u == 1000);
    CHECK(tr_json_as_double(tr_json_at(list, 5), &d) && d == 0.1);
    CHECK(tr_json_as_bool(tr_json_get(root, "t"), &b) && b);
    CHECK(tr_json_as_bool(tr_json_get(root, "f"), &b) && !b);
    CHECK(tr_json_get(tr_json_get(root, "o"), "") != NULL);
    CHECK(tr_json_get(root, "absent") == NULL);
    /* What is not there, or another kind, is no. */
    CHECK(!tr_json_as_text(NULL, &s) && !tr_json_as_double(NULL, &d) && !tr_json_as_bool(NULL, &b));
    CHECK(!tr_json_as_text(list, &s) && !tr_json_as_double(root, &d) && !tr_json_as_u64(root, &u));
    CHECK(!tr_json_as_bool(tr_json_get(root, "n"), &b));
    CHECK(tr_json_get(list, "a") == NULL && tr_json_at(root, 0) == NULL);
    CHECK(tr_json_get(NULL, "a") == NULL && tr_json_at(NULL, 0) == NULL && tr_json_size(NULL) == 0);
    tr_json_free(root);
    tr_json_free(NULL);
}

static bool refused(const char *text, const char *message)
{
    tr_json *root = tr_json_parse(tr_str_c(text), &err);
    bool well = !root && err.code == TR_DATA && strcmp(err.message, message) == 0;
    if (!well)
        printf("# %s: %s\n", text, root ? "accepted" : err.message);
    tr_json_free(root);
    return well;
}

static void refusals(void)
{
    CHECK(refused("", "bad JSON at byte 1: expected a value, but the text ends"));
    CHECK(refused("{} {}", "bad JSON at byte 4: more text behind the value"));
    CHECK(refused("[01]", "bad JSON at byte 3: a number must not begin with 0 and another digit"));
    CHECK(refused("[\"a\\u0000b\"]", "bad JSON at byte 2: \\u0000 in a string"));
    CHECK(refused("{\"\\u0000\":1}", "bad JSON at byte 2: \\u0000 in a string"));
    CHECK(refused("[1,\"\\ud800\"]", "bad JSON at byte 4: half a surrogate pair in a string"));
    CHECK(refused("[1e999]", "bad JSON at byte 2: a number out of range"));
    CHECK(refused("{\"a\":1,\"b\":2,\"\\u0061\":3}", "the key \"a\" occurs twice"));
    CHECK(refused("[{},{\"x\":[0,{\"k\":1,\"k\":1}]},{}]", "the key \"k\" occurs twice"));
    CHECK(refused("[[[[1]]],{\"k\":1,\"k\":1}]", "the key \"k\" occurs twice"));
    CHECK(refused("[0,[{\"y\":[]},{\"k\":{},\"k\":1}]]", "the key \"k\" occurs twice"));
    CHECK(refused("1.000000000000000000000000000000000000000000000000000000000000000000",
                  "bad JSON at byte 1: a number of more than 63 characters"));
    tr_json *root = tr_json_parse(tr_str_c("[\"\\\\u0000\",\"\\n\"]"), &err);
    CHECK(root != NULL); /* a backslash and "u0000" */
    tr_json_free(root);
    root = tr_json_parse(tr_str_c("{\"a\":{\"k\":1},\"b\":{\"k\":1},\"K\":1,\"k\":1}"), &err);
    CHECK(root != NULL); /* the same key of different objects, another case */
    tr_json_free(root);
    char exact[5] = {'"', '\\', 'n', '"', 0}; /* nothing is read behind the text */
    char *own = malloc(4);
    if (!own)
        return;
    memcpy(own, exact, 4);
    root = tr_json_parse(tr_str_of(own, 4), &err);
    CHECK(root != NULL);
    tr_json_free(root);
    free(own);
}

static void deep(void)
{
    enum { DEEP = 1000 };
    char text[2 * DEEP];
    memset(text, '[', DEEP);
    memset(text + DEEP, ']', DEEP);
    tr_json *root = tr_json_parse(tr_str_of(text, 2 * DEEP), &err);
    CHECK(root != NULL);
    tr_json_free(root);
}

static void wide(void)
{
    tr_buf b;
    tr_json_writer w;
    tr_buf_init(&b);
    tr_json_begin(&w, &b, false);
    tr_json_open_object(&w);
    char key[16];
    for (int i = 0; i < 50000; i++) {
        snprintf(key, sizeof key, "k%d", i);
        tr_json_key_u64(&w, key, (uint64_t)i);
    }
    tr_json_close_object(&w);
    tr_json *root = tr_json_parse(tr_buf_str(&b), &err);
    uint64_t u = 0;
    CHECK(tr_json_size(root) == 50000);
    CHECK(tr_json_as_u64(tr_json_get(root, "k49999"), &u) && u == 49999);
    tr_json_free(root);
    tr_buf_free(&b);
}

int main(void)
{
    CASE(writing);
    CASE(strings);
    CASE(reading);
    CASE(refusals);
    CASE(deep);
    CASE(wide);
    return CHECK_END;
}
