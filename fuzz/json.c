/* Small documents: what tr_json_parse takes can be walked, written and read again. */
#include "doors/json.h"
#include "doors/scan.h"

#include <math.h>
#include <string.h>

#include "driver.h"

enum { DEEP = 40 };

/* The public face of a tree: each node is of one kind at most. */
static void walk(const tr_json *node, int depth)
{
    const char *text = NULL;
    double x = 0;
    uint64_t u = 0;
    bool b = false;
    if (!node || depth == DEEP)
        return;
    int kinds = tr_json_as_text(node, &text) + tr_json_as_double(node, &x) +
                tr_json_as_bool(node, &b);
    HOLDS(kinds <= 1 && (kinds == 0 || tr_json_size(node) == 0));
    HOLDS(isfinite(x) && (!text || tr_scan_utf8_valid(tr_str_c(text))));
    HOLDS(!tr_json_as_u64(node, &u) || (double)u == x);
    for (size_t i = 0; i < tr_json_size(node) && i < 64; i++)
        walk(tr_json_at(node, i), depth + 1);
    HOLDS(!tr_json_get(node, "a") || tr_json_size(node) > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tr_str text = tr_str_of((const char *)data, size);
    tr_err err = {0};
    tr_json *root = tr_json_parse(text, &err);
    if (root) {
        HOLDS(tr_scan_value(text, &err) == TR_OK);
        walk(root, 0);
        tr_json_free(root);
    } else {
        HOLDS(err.code == TR_DATA && err.message[0]);
    }
    /* Any bytes at all are written as a string that reads. */
    tr_buf b;
    tr_buf_init(&b);
    tr_json_put_str(&b, text);
    HOLDS(tr_scan_value(tr_buf_str(&b), &err) == TR_OK);
    tr_buf_free(&b);
    return 0;
}

#ifndef TR_LIBFUZZER
int main(int argc, char **argv)
{
    const tr_str samples[] = {
        tr_str_c("{\"tr-split\":{\"rows\":10003,\"seed\":1,\"share\":0.2,\"digest\":\"00ff\"}}"),
        tr_str_c("[1,-2.5e-3,1e22,\"a\\u00e9\\ud83d\\ude00\\n\",true,false,null,[],{},[[{}]]]"),
        tr_str_c("{\"a\":{\"a\":[{\"b\":1,\"a\":\"\xE2\x82\xAC\"},9007199254740991]},"
                 "\"b\":\"\\\\u0000\"}"),
    };
    return fuzz_main(argc, argv, samples, sizeof samples / sizeof *samples,
                     "{}[]\",:\\u0dD8-+.eE19 ab\x80\xC3\xE2\xED\xF0\xFF\x01\n", 3000);
}
#endif
