/* Answers of embedding servers: whatever comes, two rows of as many finite numbers or an error. */
#include "embed/protocol.h"

#include "doors/scan.h"

#include <math.h>
#include <string.h>

#include "driver.h"

static const char *const paths[] = {NULL, "[]", "a.b", "data[].embedding.x"};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tr_str body = tr_str_of((const char *)data, size);
    char said[TR_PROTOCOL_COMPLAINT];
    for (int api = TR_PROTOCOL_OPENAI; api <= TR_PROTOCOL_LLAMACPP; api++) {
        for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
            const tr_protocol p = {.api = api, .response_key = paths[i]};
            float *x = NULL;
            size_t n = 0, capacity = 0, d = 0;
            tr_err err = {0};
            if (tr_protocol_read(&p, body, 2, &x, &n, &capacity, &d, &err) == TR_OK) {
                HOLDS(d > 0 && n == 2 * d);
                for (size_t k = 0; k < n; k++)
                    HOLDS(isfinite(x[k]));
            } else {
                HOLDS(n == 0 && err.code == TR_DATA && err.message[0]);
            }
            free(x);
        }
    }
    tr_protocol_complaint(body, said);
    HOLDS(strlen(said) < sizeof said && tr_scan_utf8_valid(tr_str_c(said)));
    for (const char *c = said; *c; c++)
        HOLDS((unsigned char)*c >= ' ' && *c != 0x7f);
    return 0;
}

#ifndef TR_LIBFUZZER
int main(int argc, char **argv)
{
    const tr_str samples[] = {
        tr_str_c("{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":1,"
                 "\"embedding\":[0.5,-1e-3]},{\"index\":0,\"embedding\":\"AACAPwAAIMA=\"}]}"),
        tr_str_c("[[1,2.5],[3, 4]]"),
        tr_str_c("{\"model\":\"m\\\"\",\"embeddings\":[[1,2],[3,4]],\"total_duration\":17}"),
        tr_str_c("[{\"index\":0,\"embedding\":[[1,2]]},{\"index\":1,\"embedding\":[[3,4]]}]"),
        tr_str_c("{\"a\":{\"b\":[\"AACAPw==\",\"AAAAQA==\"]},\"\\u0061\":[]}"),
        tr_str_c("{\"data\":[{\"embedding\":{\"x\":[1]}},{\"embedding\":{\"x\":[2]}}]}"),
        tr_str_c("{\"error\":{\"message\":\"too long\\n\\u00e9\",\"code\":413}}"),
        tr_str_c("{\"detail\":[{\"loc\":[\"body\"],\"msg\":\"field required\"}]}"),
        tr_str_c("<html><head><title>502 Bad \xC3\xA9 Gateway</title></head></html>"),
    };
    return fuzz_main(argc, argv, samples, sizeof samples / sizeof *samples,
                     "{}[]\",:\\ude01-+.eE9 /=A<>\x80\xC3\xFF\x01\n\x7f", 1000);
}
#endif
