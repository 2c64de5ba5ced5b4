/* Decision lines: whatever a line holds, what tr_outcome_parse gives of it is within its bounds. */
#include "doors/scan.h"
#include "traces/outcome.h"

#include <string.h>

#include "driver.h"

/* Text that may be there: valid UTF-8, every byte of it readable. */
static void text(tr_str s)
{
    HOLDS(s.data || s.size == 0);
    HOLDS(tr_scan_utf8_valid(s));
}

static void check(const tr_outcome *o, bool by)
{
    HOLDS(o->handled == (o->label.data != NULL));
    HOLDS(!o->handled || (o->why == TR_WHY_UNSAID && tr_str_equal(o->would, o->label)));
    HOLDS(o->handled || (o->stage == 0 && !o->shadow));
    HOLDS((unsigned)o->why < TR_WHY_COUNT && o->stage <= TR_OUTCOME_STAGES);
    HOLDS(o->score <= 1000000 || o->score == TR_OUTCOME_NO_SCORE);
    HOLDS(o->propensity >= 0 && o->propensity <= 1);
    HOLDS(o->shadow_share >= 0 && o->shadow_share <= o->propensity);
    HOLDS(by || !o->by.data);
    text(o->label);
    text(o->would);
    text(o->teacher);
    text(o->truth);
    text(o->input);
    text(o->by);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const keys[][2] = {
        {NULL, NULL}, {NULL, "channel"}, {"label", "id"}, {"channel", "decision"}, {"", "input"}};
    tr_str line = tr_str_of((const char *)data, size);
    tr_code first = TR_OK;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        tr_err err = {0};
        tr_outcome o, again;
        tr_outcome_parser *p = tr_outcome_open(keys[i][0], keys[i][1], &err);
        HOLDS(p);
        tr_code code = tr_outcome_parse(p, line, &o, &err);
        HOLDS(code == TR_OK || (code == TR_DATA && err.message[0]));
        if (code == TR_OK) {
            check(&o, keys[i][1]);
            /* a line leaves nothing behind for the next one */
            uint64_t key = o.key;
            HOLDS(tr_outcome_parse(p, tr_str_c("{\"decision\":\"deferred\"}"), &again, &err) ==
                  TR_OK);
            HOLDS(!again.handled && !again.would.data && !again.teacher.data);
            HOLDS(!again.input.data && again.propensity == 1 && again.why == TR_WHY_UNSAID);
            HOLDS(tr_outcome_parse(p, line, &again, &err) == TR_OK && again.key == key);
        }
        /* which key is asked for does not make a line a bad one, unless it is there twice */
        if (i == 0)
            first = code;
        HOLDS(i == 0 || first != TR_OK || code == TR_OK || strstr(err.message, "occurs twice"));
        tr_outcome_close(p);
    }
    return 0;
}

#ifndef TR_LIBFUZZER
int main(int argc, char **argv)
{
    const tr_str samples[] = {
        tr_str_c("{\"input\":\"caf\\u00e9 \\\"x\\\"\",\"teacher\":\"a\",\"id\":\"7\","
                 "\"ground_truth\":true,\"label\":\"a\",\"decision\":\"handled\","
                 "\"accept_score\":0.996196,\"stage\":1,\"propensity\":0.05,"
                 "\"shadow_share\":0.05,\"shadow\":true,\"channel\":\"app\"}"),
        tr_str_c("{\"query\":\"x\",\"label\":null,\"decision\":\"deferred\",\"accept_score\":5e-1,"
                 "\"stage\":null,\"propensity\":1,\"shadow_share\":0,\"explain\":{\"why\":"
                 "\"low_score\",\"best\":[{\"label\":\"b\\ud83d\\ude00\",\"p\":0.8},{\"label\":"
                 "\"c\"}],\"threshold\":0.62,\"for\":[{\"gram\":\"}\\\"{\"}]}}"),
        tr_str_c("{\"id\":12,\"label\":null,\"decision\":\"deferred\",\"accept_score\":null,"
                 "\"error\":\"line 3: bad JSON\",\"channel\":false}"),
    };
    return fuzz_main(argc, argv, samples, sizeof samples / sizeof *samples,
                     "{}[]\",:\\u0dD8-+.eE159 ntf\x80\xC3\xFF\x01\n", 3000);
}
#endif
