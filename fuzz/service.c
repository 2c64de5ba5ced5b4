/* Request bodies: every answer is sound, and the same however the body was cut. The first byte says
 * to which path it goes, the second into what pieces it is cut. */
#include "doors/scan.h"

#include "driver.h"
#include "served.h"

static tr_service *service;

static void open_once(void)
{
    static char policy[40];
    tr_err err;
    if (service)
        return;
    served_policy(SMALL_BOTH, .7, policy);
    service = tr_service_open(&(tr_service_options){.policy = policy, .max_body = 5000}, &err);
    HOLDS(service);
}

/* Each line of the answer is a JSON object; returns how many there are. */
static size_t count_lines(tr_str out)
{
    size_t n = 0;
    tr_err err;
    while (out.size) {
        const char *end = memchr(out.data, '\n', out.size);
        HOLDS(end);
        size_t size = (size_t)(end - out.data);
        HOLDS(tr_scan_value(tr_str_of(out.data, size), &err) == TR_OK && *out.data == '{');
        out = tr_str_of(end + 1, out.size - size - 1);
        n++;
    }
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const paths[] = {"/predict", "/predict_batch", "/route"};
    open_once();
    if (size < 2)
        return 0;
    const char *path = paths[data[0] % 3];
    tr_str body = tr_str_of((const char *)data + 2, size - 2);
    tr_exchange whole = {0}, cut = {.shard = 1};
    served_ask(service, &whole, "POST", path, body, 0);
    served_ask(service, &cut, "POST", path, body, data[1] % 32u + 1);
    HOLDS(whole.status == 200 || whole.status == 400 || whole.status == 413);
    HOLDS(whole.status == cut.status);
    if (whole.status != 413) {
        tr_str out = whole.out.size ? tr_buf_str(&whole.out) : tr_str_c("");
        HOLDS(tr_str_equal(out, cut.out.size ? tr_buf_str(&cut.out) : tr_str_c("")));
        size_t n = count_lines(out), lines = 0;
        for (size_t k = 0; k < body.size; k++)
            lines += body.data[k] == '\n';
        HOLDS(data[0] % 3 == 2 ? n >= lines && n <= lines + 1 : n == 1);
    }
    tr_service_finish(service, &whole);
    tr_service_finish(service, &cut);
    tr_exchange_free(&whole);
    tr_exchange_free(&cut);
    return 0;
}

#ifndef TR_LIBFUZZER
int main(int argc, char **argv)
{
    const tr_str samples[] = {
        tr_str_c("0\x05{\"input\":\"invoice paid\",\"embedding\":[1,0.5,0,-1e-2,0,0],\"id\":7}"),
        tr_str_c(
            "P\x09{\n \"query\":\"van\",\r\n \"embedding\":\"AACAPwAAAAAAAAAAAAAAAAAAAAAAAAAA\","
            "\"m\":{\"a\":[1]}}\n"),
        tr_str_c("1\x07{\"inputs\":[\"a, \\\"b]\",\"refund\"] ,\"embeddings\":[[1,0,0,0,0,0], "
                 "\"AACAPwAAAAAAAAAAAAAAAAAAAAAAAAAA\"]}"),
        tr_str_c("2\x03{\"input\":\"fee\",\"embedding\":[1,0,0,0,0,0]}\r\n\n"
                 "{\"input\":\"van\",\"embedding\":[0,1,0,0,0,0]}\nx"),
    };
    int status = fuzz_main(argc, argv, samples, sizeof samples / sizeof *samples,
                           "{}[]\",:\\u0dD8-+.eE19 \n\r=A\x80\xEF\xBB\xBF\x01"
                           "012",
                           3000);
    tr_service_close(service);
    return status;
}
#endif
