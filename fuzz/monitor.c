/* States of the drift monitor: what is read holds together, can go on, and is written as it is. */
#include "audit/monitor.h"

#include <math.h>
#include <string.h>

#include "driver.h"

static void print(const tr_monitor *m, tr_buf *out)
{
    tr_json_writer w;
    tr_buf_clear(out);
    tr_json_begin(&w, out, false);
    tr_json_open_object(&w);
    tr_json_key(&w, "tr-monitor");
    tr_monitor_print(m, &w);
    tr_json_close_object(&w);
    HOLDS(!out->failed);
}

static void holds_together(const tr_monitor *m)
{
    double evidence = tr_monitor_evidence(m);
    HOLDS(m->alpha > 0 && m->alpha < 1 && m->delta > 0 && m->delta < 1);
    HOLDS(m->agreed <= m->labels && m->alarm <= m->labels);
    HOLDS(strlen(m->digest) <= TR_MONITOR_DIGEST);
    HOLDS(isfinite(evidence) && evidence > 0 && isfinite(tr_monitor_bar(m)));
    HOLDS(m->alarm > 0 || evidence < tr_monitor_bar(m));
    for (int k = 0; k < TR_MONITOR_BETS; k++)
        HOLDS(m->bets[k] >= 0 && isfinite(m->bets[k]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tr_err err = {0};
    tr_monitor m, again;
    tr_monitor_verdict v;
    tr_code code = tr_monitor_parse(tr_str_of((const char *)data, size), "fuzz", &m, &err);
    HOLDS(code == TR_OK || (code == TR_DATA && strncmp(err.message, "fuzz: ", 6) == 0));
    if (code != TR_OK)
        return 0;
    tr_buf first, second;
    tr_buf_init(&first);
    tr_buf_init(&second);
    for (size_t i = 0; i < 16; i++) {
        uint64_t alarm = m.alarm;
        holds_together(&m);
        print(&m, &first);
        HOLDS(tr_monitor_parse(tr_buf_str(&first), "fuzz", &again, &err) == TR_OK);
        print(&again, &second);
        HOLDS(tr_str_equal(tr_buf_str(&first), tr_buf_str(&second)));
        HOLDS(tr_monitor_judge(&m, 1, &v, &err) == TR_OK && v.alarm == (m.alarm > 0));
        tr_monitor_add(&m, data[i % size] & 1);
        HOLDS(alarm == 0 || m.alarm == alarm);
    }
    tr_buf_free(&first);
    tr_buf_free(&second);
    return 0;
}

#ifndef TR_LIBFUZZER
int main(int argc, char **argv)
{
    const tr_str samples[] = {
        tr_str_c("{\"tr-monitor\":{\"version\":1,\"alpha\":0.93,\"delta\":0.05,\"digest\":\"00ff\","
                 "\"labels\":0,\"agreed\":0,\"bets\":[0,0,0,0,0],\"evidence\":1,\"alarm\":false,"
                 "\"alarm_at\":0}}"),
        tr_str_c("{\"tr-monitor\":{\"version\":1,\"alpha\":0.5,\"delta\":0.05,"
                 "\"digest\":\"\",\"labels\":12,\"agreed\":8,\"bets\":[0.6808268486511704,"
                 "0.5996718646606516,0.4758997400068824,0.2780908835822379,"
                 "0.0706369863094323],\"evidence\":0.6836747996792685,\"alarm\":false,"
                 "\"alarm_at\":0}}"),
        tr_str_c("{\"tr-monitor\":{\"version\":1,\"alpha\":0.9,\"delta\":0.01,"
                 "\"digest\":\"0123456789abcdef0123456789abcdef\",\"labels\":8,"
                 "\"agreed\":3,\"bets\":[1.285109875909556,2.8722163421131235,"
                 "8.454433715576162,37.675500296343834,178.5628762450253],"
                 "\"evidence\":46.07105729065758,\"alarm\":true,\"alarm_at\":5}}"),
    };
    return fuzz_main(argc, argv, samples, sizeof samples / sizeof *samples,
                     "{}[]\",:-+.eE0123456789 abf\\\n", 12000);
}
#endif
