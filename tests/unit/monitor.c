#include "audit/monitor.h"

#include "doors/io.h"
#include "ground/rng.h"

#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

static tr_err err;

static tr_monitor fresh(double alpha, double delta)
{
    tr_monitor m = {0};
    CHECK(tr_monitor_init(&m, alpha, delta, tr_str_c("00ff"), &err) == TR_OK);
    return m;
}

static bool same(const tr_monitor *a, const tr_monitor *b)
{
    return a->alpha == b->alpha && a->delta == b->delta && strcmp(a->digest, b->digest) == 0 &&
           a->labels == b->labels && a->agreed == b->agreed &&
           memcmp(a->bets, b->bets, sizeof a->bets) == 0 && a->reserve == b->reserve &&
           a->alarm == b->alarm;
}

/* The recursion as it is usually written, beside the room's, label by label. */
static void the_recursion_by_hand(void)
{
    static const double part[] = {.02, .05, .1, .2, .4};
    double alpha = 0.93, d0 = 1 - alpha, s[5] = {0};
    tr_monitor m = fresh(alpha, 0.05);
    uint64_t agreed = 0, alarm = 0;
    tr_rng r;

    CHECK(tr_monitor_evidence(&m) == 1 && m.reserve == 1);
    CHECK_NEAR(tr_monitor_bar(&m), 20, 1e-14);
    tr_rng_init(&r, 3);
    for (int t = 1; t <= 3000; t++) {
        bool y = tr_rng_unit(&r) < (t <= 1000 ? 0.95 : 0.85);
        double w = log(2) / log(t + 1) - log(2) / log(t + 2), mean = 0;
        for (int k = 0; k < 5; k++) {
            double d = d0 + (1 - d0) * part[k];
            s[k] = (s[k] + w) * (y ? (1 - d) / (1 - d0) : d / d0);
            mean += s[k] / 5;
        }
        tr_monitor_add(&m, y);
        agreed += y;
        double expected = mean + log(2) / log(t + 2);
        CHECK_NEAR(tr_monitor_evidence(&m) / expected, 1, 1e-9);
        if (alarm == 0 && expected >= 20)
            alarm = (uint64_t)t;
        CHECK(m.alarm == alarm);
    }
    CHECK(m.labels == 3000 && m.agreed == agreed && alarm > 1000);
    for (int k = 0; k < 5; k++)
        CHECK_NEAR(m.bets[k] / s[k], 1, 1e-9);
}

/* A fixed stream, reckoned once outside of this program: these must not change. */
static void frozen(void)
{
    tr_monitor m = fresh(0.93, 0.05);
    tr_monitor_add(&m, true);
    CHECK_NEAR(tr_monitor_evidence(&m), 0.943163182050, 1e-11);
    tr_monitor_add(&m, false);
    CHECK_NEAR(tr_monitor_evidence(&m), 1.757378034673, 1e-11);
    while (m.alarm == 0 && m.labels < 100)
        tr_monitor_add(&m, m.labels % 2 == 0);
    CHECK(m.alarm == 8);
}

/* At agreement exactly alpha the next M is expected to be what M is now: a fair game. */
static void fair_at_the_promise(void)
{
    tr_monitor m = fresh(0.9, 0.01);
    tr_rng r;

    tr_rng_init(&r, 5);
    for (int t = 0; t < 500; t++) {
        tr_monitor yes = m, no = m;
        tr_monitor_add(&yes, true);
        tr_monitor_add(&no, false);
        double expected = 0.9 * tr_monitor_evidence(&yes) + 0.1 * tr_monitor_evidence(&no);
        CHECK_NEAR(expected / tr_monitor_evidence(&m), 1, 1e-12);
        CHECK(tr_monitor_evidence(&yes) < tr_monitor_evidence(&m));
        CHECK(tr_monitor_evidence(&no) > tr_monitor_evidence(&m));
        tr_monitor_add(&m, tr_rng_unit(&r) < 0.9);
    }
}

static void an_alarm_stays(void)
{
    tr_monitor m = fresh(0.93, 0.05);
    tr_monitor_verdict v;

    while (m.alarm == 0 && m.labels < 100) {
        CHECK(tr_monitor_evidence(&m) < 20);
        tr_monitor_add(&m, false);
    }
    uint64_t at = m.alarm;
    CHECK(at == m.labels && at > 1 && tr_monitor_evidence(&m) >= 20);
    for (int i = 0; i < 2000; i++)
        tr_monitor_add(&m, true);
    CHECK(m.alarm == at && tr_monitor_evidence(&m) < 1);
    CHECK(tr_monitor_judge(&m, 1, &v, &err) == TR_OK);
    CHECK(v.alarm && v.alarmed == 1 && v.evidence == tr_monitor_evidence(&m));
}

/* Endless streams of one kind: nothing overflows, nothing becomes no number. */
static void endless_streams(void)
{
    static const double alphas[] = {1e-300, 0.5, 0.93, 1 - 0x1p-53};
    tr_monitor_verdict v;

    for (int a = 0; a < 4; a++) {
        tr_monitor bad = fresh(alphas[a], 1e-99), good = bad;
        for (int t = 0; t < 200000; t++) {
            tr_monitor_add(&bad, false);
            tr_monitor_add(&good, true);
        }
        double top = tr_monitor_evidence(&bad), low = tr_monitor_evidence(&good);
        CHECK(isfinite(top) && (a == 0 ? top <= 1 + 1e-9 : top >= 1e299 && bad.alarm > 0));
        CHECK(low > 0 && low < 1 && good.alarm == 0);
        tr_monitor two[] = {bad, bad};
        CHECK(tr_monitor_judge(two, 2, &v, &err) == TR_OK && v.evidence == top);
        tr_monitor_add(&bad, true);
        CHECK(tr_monitor_evidence(&bad) < top);
    }
    tr_monitor last = fresh(0.93, 0.05);
    last.labels = last.agreed = ((uint64_t)1 << 53) - 1; /* no more than a document can hold */
    tr_monitor_add(&last, true);
    CHECK(last.labels == ((uint64_t)1 << 53) - 1 && last.agreed == last.labels);
}

static void shards(void)
{
    tr_monitor m[3] = {fresh(0.93, 0.05), fresh(0.93, 0.05), fresh(0.93, 0.05)};
    tr_monitor_verdict v;

    while (m[0].alarm == 0)
        tr_monitor_add(&m[0], false);
    tr_monitor_add(&m[1], true);
    double first = tr_monitor_evidence(&m[0]), second = tr_monitor_evidence(&m[1]);
    CHECK(tr_monitor_judge(m, 3, &v, &err) == TR_OK);
    CHECK_NEAR(v.evidence, (first + second + 1) / 3, 1e-12); /* no labels: 1 */
    CHECK(!v.alarm && v.alarmed == 1 && v.shards == 3 && v.bar == tr_monitor_bar(&m[0]));
    CHECK(v.labels == m[0].labels + 1 && v.agreed == 1);

    while (first + second + 1 < 60) {
        tr_monitor_add(&m[0], false);
        first = tr_monitor_evidence(&m[0]);
    }
    CHECK(tr_monitor_judge(m, 3, &v, &err) == TR_OK && v.alarm);

    CHECK(tr_monitor_judge(m, 0, &v, &err) == TR_USAGE);
    m[2].alpha = 0.9;
    CHECK(tr_monitor_judge(m, 3, &v, &err) == TR_DATA);
    CHECK(strcmp(err.message, "state 3: alpha 0.9, not 0.93") == 0);
    m[2].alpha = 0.93;
    m[2].delta = 0.1;
    CHECK(tr_monitor_judge(m, 3, &v, &err) == TR_DATA);
    CHECK(strcmp(err.message, "state 3: delta 0.1, not 0.05") == 0);
    m[2].delta = 0.05;
    m[1].digest[0] = '\0';
    CHECK(tr_monitor_judge(m, 3, &v, &err) == TR_DATA);
    CHECK(strcmp(err.message, "state 2: another policy: digest \"\", not \"00ff\"") == 0);
}

static void what_cannot_begin(void)
{
    static const double outside[] = {0, 1, -0.5, 1.5, NAN, INFINITY};
    tr_monitor m;
    tr_str none = tr_str_c(NULL);

    for (int i = 0; i < 6; i++) {
        CHECK(tr_monitor_init(&m, outside[i], 0.05, none, &err) == TR_USAGE);
        CHECK(strstr(err.message, "alpha") != NULL);
        CHECK(tr_monitor_init(&m, 0.93, outside[i], none, &err) == TR_USAGE);
        CHECK(strstr(err.message, "delta") != NULL);
    }
    CHECK(tr_monitor_init(&m, 0.93, 1e-101, none, &err) == TR_USAGE);
    CHECK(tr_monitor_init(&m, 0.93, 0.05, none, &err) == TR_OK && m.digest[0] == '\0');
    const char *longest = "0123456789abcdef0123456789abcdef";
    CHECK(tr_monitor_init(&m, 0.93, 0.05, tr_str_c(longest), &err) == TR_OK);
    CHECK(strcmp(m.digest, longest) == 0);
    CHECK(tr_monitor_init(&m, 0.93, 0.05, tr_str_of("0123456789abcdef0123456789abcdef0", 33),
                          &err) == TR_USAGE);
    CHECK(tr_monitor_init(&m, 0.93, 0.05, tr_str_of("a\0b", 3), &err) == TR_USAGE);
    CHECK(tr_monitor_init(&m, 0.93, 0.05, tr_str_c("a b"), &err) == TR_USAGE);
    CHECK(tr_monitor_init(&m, 0.93, 0.05, tr_str_c("\xC3\xA9"), &err) == TR_USAGE);
}

/* Stopped after every so many labels and gone on from the file: the bits of one run. */
static void stopped_and_gone_on(void)
{
    static const int every[] = {1, 7, 1000};
    for (int e = 0; e < 3; e++) {
        tr_monitor whole = fresh(0.93, 0.05), part = whole;
        bool absent;
        tr_rng r;
        tr_rng_init(&r, 17);
        for (int t = 1; t <= (e == 0 ? 60 : 7000); t++) { /* each stop is synced: not too many */
            bool y = tr_rng_unit(&r) < (t < 3000 ? 0.94 : 0.89);
            tr_monitor_add(&whole, y);
            tr_monitor_add(&part, y);
            if (t % every[e] != 0 || (e == 1 && t > 200 && t < 6900))
                continue;
            CHECK(tr_monitor_write(&part, "state", &err) == TR_OK);
            part = (tr_monitor){0};
            CHECK(tr_monitor_read("state", &part, &absent, &err) == TR_OK && !absent);
            CHECK(same(&whole, &part));
        }
        CHECK(same(&whole, &part) && (e == 0 || whole.alarm > 3000));
    }
}

/* Every number that can stand in a state comes back as it was. */
static void exact_on_the_way_through(void)
{
    tr_rng r;
    tr_rng_init(&r, 23);
    for (int i = 0; i < 3000; i++) {
        tr_monitor m = fresh(tr_rng_unit(&r) * 0.9 + 0.05, tr_rng_unit(&r) / 2 + 1e-3), back = {0};
        uint64_t n = tr_rng_below(&r, 60);
        while (n-- > 0)
            tr_monitor_add(&m, tr_rng_unit(&r) < 0.8);
        tr_buf text;
        tr_json_writer w;
        tr_buf_init(&text);
        tr_json_begin(&w, &text, false);
        tr_json_open_object(&w);
        tr_json_key(&w, "tr-monitor");
        tr_monitor_print(&m, &w);
        tr_json_close_object(&w);
        CHECK(tr_monitor_parse(tr_buf_str(&text), "x", &back, &err) == TR_OK);
        CHECK(same(&m, &back));
        tr_buf_free(&text);
    }
}

static void put_file(const char *name, const char *text)
{
    FILE *f = fopen(name, "wb");
    CHECK(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void the_file_itself(void)
{
    tr_monitor m = fresh(0.93, 0.05), before = m;
    bool absent = false;
    tr_buf text;

    CHECK(tr_monitor_read("nothing", &m, &absent, &err) == TR_OK && absent && same(&m, &before));
    CHECK(tr_monitor_write(&m, "new", &err) == TR_OK);
    tr_buf_init(&text);
    CHECK(tr_io_slurp("new", &text, &err) == TR_OK);
    const char *expected = "{\n  \"tr-monitor\": {\n    \"version\": 1,\n    \"alpha\": 0.93,\n"
                           "    \"delta\": 0.05,\n    \"digest\": \"00ff\",\n    \"labels\": 0,\n"
                           "    \"agreed\": 0,\n    \"bets\": [\n      0,\n      0,\n      0,\n"
                           "      0,\n      0\n    ],\n    \"evidence\": 1,\n"
                           "    \"alarm\": false,\n    \"alarm_at\": 0\n  }\n}\n";
    CHECK(tr_str_equal(tr_buf_str(&text), tr_str_c(expected)));
    tr_buf_free(&text);

    CHECK(mkdir("folder", 0777) == 0);
    CHECK(tr_monitor_read("folder", &m, &absent, &err) == TR_DATA && !absent);
    CHECK(tr_monitor_read("new/state", &m, &absent, &err) == TR_SYSTEM && !absent);
    put_file("empty", "");
    CHECK(tr_monitor_read("empty", &m, &absent, &err) == TR_DATA && !absent);
    CHECK(strncmp(err.message, "empty: ", 7) == 0);
    FILE *f = fopen("large", "wb");
    CHECK(f != NULL && fseek(f, 1 << 20, SEEK_SET) == 0 && fputc('}', f) == '}' && fclose(f) == 0);
    CHECK(tr_monitor_read("large", &m, &absent, &err) == TR_DATA);
    CHECK(strstr(err.message, "too large") != NULL && same(&m, &before));

    CHECK(tr_monitor_write(&m, "/dev/full", &err) == TR_SYSTEM);
    CHECK(tr_monitor_write(&m, "missing/state", &err) == TR_SYSTEM);
}

/* What a state must not be: one part of a good one, replaced. */
static void what_is_refused(void)
{
    static const char GOOD[] =
        "{\"tr-monitor\":{\"version\":1,\"alpha\":0.93,\"delta\":0.05,\"digest\":\"00ff\","
        "\"labels\":0,\"agreed\":0,\"bets\":[0,0,0,0,0],\"evidence\":1,\"alarm\":false,"
        "\"alarm_at\":0}}";
    static const struct {
        const char *from, *to, *says;
    } bad[] = {
        {"{\"tr-monitor\":{", "{\"tr-split\":{", "no state"},
        {"{\"tr-monitor\":{", "{\"x\":1,\"tr-monitor\":{", "no state"},
        {"0}}", "0}", "no state"},
        {"0}}", "0}}{}", "no state"},
        {"\"version\":1", "\"version\":2", "another version"},
        {"\"version\":1", "\"version\":\"1\"", "no state"},
        {"\"version\":1,", "", "no state"},
        {"\"alpha\":0.93", "\"alpha\":1", "alpha must lie"},
        {"\"alpha\":0.93", "\"alpha\":0", "alpha must lie"},
        {"\"alpha\":0.93", "\"alpha\":\"0.93\"", "are numbers"},
        {"\"alpha\":0.93", "\"Alpha\":0.93", "a key is missing"},
        {"\"alpha\":0.93", "\"alpha\":0.93,\"alpha\":0.9", "twice"},
        {"\"delta\":0.05", "\"delta\":0", "delta must lie"},
        {"\"delta\":0.05", "\"delta\":null", "are numbers"},
        {"\"00ff\"", "7", "digest is text"},
        {"\"00ff\"", "\"00 ff\"", "no plain text"},
        {"\"00ff\"", "\"0123456789abcdef0123456789abcdef0\"", "more than 32"},
        {"\"labels\":0", "\"labels\":-1", "counts"},
        {"\"labels\":0", "\"labels\":0.5", "counts"},
        {"\"labels\":0", "\"labels\":9007199254740992", "counts"},
        {"\"labels\":0", "\"labels\":1", "what the bets make it"},
        {"\"agreed\":0", "\"agreed\":1", "not above labels"},
        {"[0,0,0,0,0]", "[0,0,0,0]", "five numbers"},
        {"[0,0,0,0,0]", "[0,0,0,0,0,0]", "five numbers"},
        {"[0,0,0,0,0]", "[0,0,0,0,null]", "five numbers"},
        {"[0,0,0,0,0]", "[0,0,0,0,1e-300]", "0 where there are no labels"},
        {"\"labels\":0,\"agreed\":0,\"bets\":[0,", "\"labels\":9,\"agreed\":0,\"bets\":[-1,",
         "five numbers"},
        {"\"labels\":0,\"agreed\":0,\"bets\":[0,", "\"labels\":9,\"agreed\":0,\"bets\":[1e301,",
         "five numbers"},
        {"[0,0,0,0,0]", "0", "five numbers"},
        {"[0,0,0,0,0]", "{\"a\":0,\"b\":0,\"c\":0,\"d\":0,\"e\":0}", "five numbers"},
        {"\"evidence\":1", "\"evidence\":1.0000000000000002", "what the bets make it"},
        {"\"evidence\":1", "\"evidence\":true", "what the bets make it"},
        {"\"evidence\":1", "\"evidence\":1e999", "out of range"},
        {"\"alarm\":false", "\"alarm\":true", "alarm_at"},
        {"\"alarm\":false", "\"alarm\":null", "alarm_at"},
        {"\"alarm\":false,\"alarm_at\":0", "\"alarm\":true,\"alarm_at\":1", "alarm_at"},
        {"\"alarm_at\":0", "\"alarm_at\":0,\"more\":1", "not known"},
        /* bets that make 400 + ln 2/ln 11 at label 9, and no alarm */
        {"\"labels\":0,\"agreed\":0,\"bets\":[0,0,0,0,0],\"evidence\":1",
         "\"labels\":9,\"agreed\":0,\"bets\":[2e3,0,0,0,0],\"evidence\":400.2890648263179",
         "and none given"},
    };
    tr_monitor m, untouched;
    char text[1024];

    CHECK(tr_monitor_parse(tr_str_c(GOOD), "s", &m, &err) == TR_OK && m.alpha == 0.93);
    memset(&m, 7, sizeof m);
    untouched = m;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *at = strstr(GOOD, bad[i].from);
        CHECK(at != NULL);
        if (at == NULL)
            continue;
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - GOOD), GOOD, bad[i].to,
                 at + strlen(bad[i].from));
        err.message[0] = '\0';
        bool right = tr_monitor_parse(tr_str_c(text), "s", &m, &err) == TR_DATA &&
                     strncmp(err.message, "s: ", 3) == 0 && strstr(err.message, bad[i].says);
        if (!right)
            printf("# %s: \"%s\"\n", text, err.message);
        CHECK(right);
    }
    for (size_t n = 0; n < sizeof GOOD - 1; n++)
        CHECK(tr_monitor_parse(tr_str_of(GOOD, n), "s", &m, &err) == TR_DATA);
    CHECK(memcmp(&m, &untouched, sizeof m) == 0);
}

/* A small part of what bench/drift measures. */
static void the_promise_in_small(void)
{
    int alarms = 0;
    for (uint64_t stream = 0; stream < 400; stream++) {
        tr_monitor m = fresh(0.93, 0.05);
        tr_rng r;
        tr_rng_init(&r, stream);
        for (int t = 0; t < 5000 && m.alarm == 0; t++)
            tr_monitor_add(&m, tr_rng_unit(&r) < 0.93);
        alarms += m.alarm > 0;
    }
    CHECK(alarms > 0 && alarms <= 20); /* delta of them */
}

int main(void)
{
    char folder[] = "/tmp/tr-monitor-XXXXXX";
    if (!mkdtemp(folder) || chdir(folder) != 0) {
        perror(folder);
        return 1;
    }
    CASE(the_recursion_by_hand);
    CASE(frozen);
    CASE(fair_at_the_promise);
    CASE(an_alarm_stays);
    CASE(endless_streams);
    CASE(shards);
    CASE(what_cannot_begin);
    CASE(stopped_and_gone_on);
    CASE(exact_on_the_way_through);
    CASE(the_file_itself);
    CASE(what_is_refused);
    CASE(the_promise_in_small);
    static const char *const made[] = {"state", "new", "empty", "large"};
    for (size_t i = 0; i < sizeof made / sizeof *made; i++)
        unlink(made[i]);
    rmdir("folder");
    if (chdir("/") != 0 || rmdir(folder) != 0)
        printf("# left behind: %s\n", folder);
    return CHECK_END;
}
