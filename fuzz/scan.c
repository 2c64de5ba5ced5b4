/* Lines of JSONL: what tr_scan_line takes must hold together, whatever the bytes. */
#include "doors/floats.h"
#include "doors/json.h"
#include "doors/scan.h"

#include <math.h>
#include <string.h>

#include "driver.h"

static const char *const known[] = {"input", "teacher", "embedding", ""};

static void check_text(tr_str value)
{
    tr_buf text, again, written;
    tr_err err;
    tr_buf_init(&text);
    tr_buf_init(&again);
    tr_buf_init(&written);
    if (tr_scan_text(value, &text, NULL)) {
        /* Text is UTF-8, and survives being written and read again. */
        HOLDS(tr_scan_utf8_valid(tr_buf_str(&text)));
        tr_json_put_str(&written, tr_buf_str(&text));
        HOLDS(tr_scan_value(tr_buf_str(&written), &err) == TR_OK);
        HOLDS(tr_scan_text(tr_buf_str(&written), &again, NULL));
        HOLDS(tr_str_equal(tr_buf_str(&text), tr_buf_str(&again)));
    } else {
        HOLDS(!text.failed && text.size == 0);
    }
    tr_buf_free(&text);
    tr_buf_free(&again);
    tr_buf_free(&written);
}

static void check_floats(const tr_scan_member *m)
{
    float *x = NULL, *y = NULL;
    size_t n = 0, capacity = 0, n_again = 0, capacity_again = 0;
    tr_err err;
    tr_buf b;
    tr_buf_init(&b);
    if (tr_floats_read(m->value, m->type, &x, &n, &capacity, &err) == TR_OK) {
        for (size_t i = 0; i < n; i++)
            HOLDS(isfinite(x[i]));
        tr_buf_add_char(&b, '"');
        tr_floats_put_base64(&b, x, n);
        tr_buf_add_char(&b, '"');
        HOLDS(tr_floats_read(tr_buf_str(&b), TR_SCAN_STRING, &y, &n_again, &capacity_again, &err) ==
              TR_OK);
        HOLDS(n == n_again && (n == 0 || memcmp(x, y, n * sizeof *x) == 0));
    } else {
        HOLDS(n == 0 && err.message[0]);
    }
    free(x);
    free(y);
    tr_buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tr_str line = tr_str_of((const char *)data, size);
    tr_scan s = {0};
    tr_err err = {0};
    if (tr_scan_line(&s, line, known, sizeof known / sizeof *known, &err) == TR_OK) {
        HOLDS(tr_scan_value(line, &err) == TR_OK && tr_scan_utf8_valid(line));
        const char *at = line.data;
        for (size_t i = 0; i < s.n; i++) {
            const tr_scan_member *m = &s.members[i];
            HOLDS(m->key.data > at && m->value.data > m->key.data + m->key.size);
            HOLDS(m->value.size > 0 && m->value.data + m->value.size < line.data + line.size);
            HOLDS(m->known < 4 && (m->known < 0 || tr_scan_find(&s, m->known) == m));
            HOLDS(tr_scan_value(m->value, &err) == TR_OK);
            check_text(m->key);
            if (m->type == TR_SCAN_STRING)
                check_text(m->value);
            check_floats(m);
            at = m->value.data + m->value.size;
        }
    } else {
        HOLDS(err.code == TR_DATA && err.line == 0 && err.message[0]);
    }
    tr_scan_free(&s);
    return 0;
}

#ifndef TR_LIBFUZZER
int main(int argc, char **argv)
{
    const tr_str samples[] = {
        tr_str_c("{\"input\": \"I am still waiting on my card?\", \"teacher\": \"card_arrival\"}"),
        tr_str_c("{\"teacher\":null,\"\":[true,false,{\"a\":[[],{}]}],\"id\":-0.5e+10}\r"),
        tr_str_c("{\"input\":\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80 "
                 "\\u00e9\\ud83d\\ude00\\n\\\"\"}"),
        tr_str_c("{\"embedding\":[0.25,-1e-3,3.4e38 , 7],\"\\u0069nput\":\"\\/\\\\\"}"),
        tr_str_c("{\"embedding\":\"AACAPwAAIMDNzMw9//9/fw==\",\"x\":\"\\/+\"}"),
    };
    return fuzz_main(argc, argv, samples, sizeof samples / sizeof *samples,
                     "{}[]\",:\\u0dD8-+.eE19 /=A\x80\xC3\xE2\xED\xF0\xFF\x01\n", 2000);
}
#endif
