#include "traces/outcome.h"

#include <stdlib.h>

#include "check.h"

static tr_err err;

#define HANDLED "\"decision\":\"handled\",\"label\":\"a\""
#define DEFERRED "\"decision\":\"deferred\",\"label\":null"

/* The line's outcome; the parser stays open for its slices. */
static tr_outcome_parser *parser;

static tr_outcome parsed(const char *input_key, const char *by_key, const char *line)
{
    tr_outcome o = {0};
    tr_outcome_close(parser);
    parser = tr_outcome_open(input_key, by_key, &err);
    CHECK(parser && tr_outcome_parse(parser, tr_str_c(line), &o, &err) == TR_OK);
    return o;
}

static tr_outcome plain(const char *line)
{
    return parsed(NULL, NULL, line);
}

static bool is(tr_str s, const char *text)
{
    return s.data && tr_str_equal(s, tr_str_c(text));
}

static bool refused(const char *line, const char *message)
{
    tr_outcome o;
    tr_outcome_parser *p = tr_outcome_open(NULL, NULL, &err);
    bool well = p && tr_outcome_parse(p, tr_str_c(line), &o, &err) == TR_DATA &&
                strstr(err.message, message) != NULL;
    if (!well)
        printf("# %s: got \"%s\"\n", line, err.message);
    tr_outcome_close(p);
    return well;
}

static void whole_lines(void)
{
    tr_outcome o = plain(
        "{\"input\":\"hi\",\"teacher\":\"b\",\"id\":\"7\",\"ground_truth\":\"c\",\"label\":\"a\","
        "\"decision\":\"handled\",\"accept_score\":0.996196,\"stage\":2,\"propensity\":0.05,"
        "\"shadow_share\":0.05,\"shadow\":true,\"channel\":\"app\"}");
    CHECK(o.handled && o.shadow && o.why == TR_WHY_UNSAID && o.stage == 2 && o.score == 996196);
    CHECK(is(o.label, "a") && is(o.would, "a") && is(o.teacher, "b") && is(o.truth, "c"));
    CHECK(is(o.input, "hi") && !o.by.data && o.propensity == .05 && o.shadow_share == .05);

    o = plain("{\"label\":\"a\",\"decision\":\"deferred\",\"stage\":null,\"accept_score\":null,"
              "\"shadow\":true,\"teacher\":null}");
    CHECK(!o.handled && !o.shadow && o.stage == 0 && o.score == TR_OUTCOME_NO_SCORE);
    CHECK(!o.label.data && !o.would.data && !o.teacher.data && !o.truth.data && !o.input.data);
    CHECK(o.propensity == 1 && o.shadow_share == 0 && o.why == TR_WHY_UNSAID);

    o = plain("{\"decision\":\"deferred\",\"stage\":1}");
    CHECK(o.stage == 0);
}

static void texts(void)
{
    tr_outcome o = plain("{\"query\":\"caf\\u00e9 \\ud83d\\ude00\",\"decision\":\"handled\","
                         "\"label\":\"\\\"x\\\"\",\"teacher\":12.50,\"ground_truth\":true}");
    CHECK(is(o.input, "caf\xC3\xA9 \xF0\x9F\x98\x80") && is(o.label, "\"x\""));
    CHECK(is(o.teacher, "12.50") && is(o.truth, "true"));
    o = plain("{\"text\":\"second\",\"input\":\"\",\"decision\":\"handled\",\"label\":\"\"}");
    CHECK(is(o.input, "") && is(o.label, "") && is(o.would, ""));
    /* what is no text is not there */
    o = plain("{\"input\":[1],\"query\":\"q\"," HANDLED "}");
    CHECK(!o.input.data);
    o = plain("{\"input\":\"\\ud800\"," HANDLED "}");
    CHECK(!o.input.data);
    o = parsed("says", NULL, "{\"says\":\"x\",\"input\":\"y\"," HANDLED "}");
    CHECK(is(o.input, "x"));
    o = parsed("label", NULL, "{\"input\":\"y\"," HANDLED "}");
    CHECK(is(o.input, "a") && is(o.label, "a"));
}

static void slices(void)
{
    static const struct {
        const char *key, *value;
    } cases[] = {
        {"channel", "app"},
        {"input", "h\xC3\xB6"},
        {"label", "a"},
        {"teacher", "3"},
        {"id", "i"},
        {"stage", "1"},
        {"stage", "1"},
        {"decision", "handled"},
        {"ground_truth", "g"},
        {"shadow", "false"},
        {"accept_score", "0.5"},
        {"text", "second"},
        {"missing", NULL},
        {"list", NULL},
        {"nothing", NULL},
    };
    const char *line = "{\"input\":\"h\\u00f6\",\"teacher\":3,\"id\":\"i\",\"stage\":1,\"list\":[],"
                       "\"ground_truth\":\"g\",\"shadow\":false,\"accept_score\":0.5,"
                       "\"channel\":\"app\",\"text\":\"second\",\"nothing\":null," HANDLED "}";
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tr_outcome o = parsed(NULL, cases[i].key, line);
        CHECK(cases[i].value ? is(o.by, cases[i].value) : !o.by.data);
        CHECK(is(o.input, "h\xC3\xB6") && is(o.teacher, "3") && is(o.label, "a"));
    }
    tr_outcome o = parsed("channel", "channel", line);
    CHECK(is(o.by, "app") && is(o.input, "app"));
}

static void numbers(void)
{
    static const struct {
        const char *text;
        uint32_t score;
        double share;
    } cases[] = {
        {"0", 0, 0},
        {"1", 1000000, 1},
        {"0.0", 0, 0},
        {"1.000000", 1000000, 1},
        {"0.000001", 1, .000001},
        {"0.999999", 999999, .999999},
        {"0.1", 100000, .1},
        {"0.3333333333", 333333, .3333333333},
        {"0.9999996", 1000000, .9999996},
        {"0.12345650001", 123457, .12345650001},
        {"5e-2", 50000, .05},
        {"1E0", 1000000, 1},
        {"-0", 0, 0},
    };
    char line[200];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(line, sizeof line,
                 "{" HANDLED ",\"accept_score\":%s,\"propensity\":%s,\"shadow_share\":0}",
                 cases[i].text, cases[i].text);
        tr_outcome o = plain(line);
        CHECK(o.score == cases[i].score && o.propensity == cases[i].share);
    }
    /* the short way gives the very doubles of the long one */
    for (int x = 0; x <= 1000000; x += 7) {
        snprintf(line, sizeof line,
                 "{" HANDLED ",\"accept_score\":%.6f,\"propensity\":%.6f,\"shadow_share\":0}",
                 x / 1e6, x / 1e6);
        tr_outcome o;
        bool well = tr_outcome_parse(parser, tr_str_c(line), &o, &err) == TR_OK &&
                    o.score == (uint32_t)x && o.propensity == x / 1e6;
        if (!well) {
            CHECK(well);
            break;
        }
    }
    tr_outcome o = plain("{" HANDLED ",\"stage\":1.0}");
    CHECK(o.stage == 1);
}

/* One parser over lines whose keys stand in other places each time. */
static void places(void)
{
    static const char *const member[] = {
        "\"decision\":\"handled\"", "\"label\":\"l\"", "\"teacher\":\"t\"",
        "\"input\":\"i\"",          "\"x\":[1]",       "\"\\u0069d\":\"d\"",
        "\"ground_truth\":\"g\"",
    };
    enum { N = sizeof member / sizeof *member };
    tr_outcome_parser *p = tr_outcome_open(NULL, "id", &err);
    tr_outcome o;
    char line[300];
    for (unsigned step = 1; p && step < N; step++) {
        for (unsigned members = N; members >= 2; members--) {
            size_t at = 0;
            bool there[N] = {0};
            for (unsigned i = 0; i < members; i++) {
                unsigned k = i == 0 ? 0 : i == 1 ? 1 : 2 + (i * step) % (N - 2);
                if (there[k])
                    continue;
                there[k] = true;
                at += (size_t)snprintf(line + at, sizeof line - at, "%c%s", at ? ',' : '{',
                                       member[k]);
            }
            snprintf(line + at, sizeof line - at, "}");
            CHECK(tr_outcome_parse(p, tr_str_c(line), &o, &err) == TR_OK);
            CHECK(o.handled && is(o.label, "l"));
            CHECK(there[2] ? is(o.teacher, "t") : !o.teacher.data);
            CHECK(there[3] ? is(o.input, "i") : !o.input.data);
            CHECK(there[5] ? is(o.by, "d") : !o.by.data);
            CHECK(there[6] ? is(o.truth, "g") : !o.truth.data);
        }
    }
    CHECK(tr_outcome_parse(p, tr_str_c("{\"label\":1,\"x\":2,\"label\":1}"), &o, &err) == TR_DATA);
    CHECK(strstr(err.message, "\"label\" occurs twice"));
    tr_outcome_close(p);
}

static void why_deferred(void)
{
    static const struct {
        const char *explain;
        tr_why why;
        const char *would;
    } cases[] = {
        {"{\"why\":\"low_score\",\"best\":[{\"label\":\"x\",\"p\":0.8},{\"label\":\"y\"}]}",
         TR_WHY_LOW, "x"},
        {"{\"best\":[ { \"p\":{\"a\":[\"}\\\"\"]} , \"label\":\"}\\\"\\u00e9\" } "
         "],\"why\":\"novel\"}",
         TR_WHY_NOVEL, "}\"\xC3\xA9"},
        {"{\"why\":\"label\",\"best\":[{\"label\":5}]}", TR_WHY_LABEL, "5"},
        {"{\"why\":\"refused\"}", TR_WHY_REFUSED, NULL},
        {"{\"why\":null,\"best\":[]}", TR_WHY_UNSAID, NULL},
        {"{\"why\":\"tired\",\"best\":[1]}", TR_WHY_UNSAID, NULL},
        {"{\"why\":\"novel\",\"best\":[[{\"label\":\"x\"}]]}", TR_WHY_NOVEL, NULL},
        {"{\"why\":\"novel\",\"best\":{\"label\":\"x\"}}", TR_WHY_NOVEL, NULL},
        {"{\"why\":\"novel\",\"best\":[{\"label\":null}]}", TR_WHY_NOVEL, NULL},
        {"{\"why\":\"novel\",\"best\":[{\"label\":\"\\udc00\"}]}", TR_WHY_NOVEL, NULL},
        {"{\"why\":\"novel\",\"best\":[{\"label\":\"x\",\"label\":\"y\"}]}", TR_WHY_NOVEL, NULL},
        {"{\"why\":\"novel\",\"why\":\"label\",\"best\":[{\"label\":\"x\"}]}", TR_WHY_UNSAID, NULL},
        {"\"low_score\"", TR_WHY_UNSAID, NULL},
        {"null", TR_WHY_UNSAID, NULL},
    };
    char line[300];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(line, sizeof line, "{" DEFERRED ",\"explain\":%s}", cases[i].explain);
        tr_outcome o = plain(line);
        CHECK(o.why == cases[i].why);
        CHECK(cases[i].would ? is(o.would, cases[i].would) : !o.would.data);
        snprintf(line, sizeof line, "{" HANDLED ",\"explain\":%s}", cases[i].explain);
        o = plain(line);
        CHECK(o.why == TR_WHY_UNSAID && is(o.would, "a"));
    }
    tr_outcome o = plain("{" DEFERRED ",\"error\":\"line 1: bad JSON\"}");
    CHECK(o.why == TR_WHY_ERROR && !o.would.data);
    o = plain("{" DEFERRED ",\"error\":null,\"explain\":{\"why\":\"novel\"}}");
    CHECK(o.why == TR_WHY_NOVEL);
}

static void keys_of_examples(void)
{
    uint64_t id = plain("{\"id\":\"7\",\"input\":\"x\"," HANDLED "}").key;
    CHECK(plain("{" DEFERRED ",\"id\":7}").key == id);
    CHECK(plain("{\"id\":\"8\",\"input\":\"x\"," HANDLED "}").key != id);
    uint64_t text = plain("{\"id\":null,\"input\":\"7\"," HANDLED "}").key;
    CHECK(text != id && plain("{" DEFERRED ",\"prompt\":\"\\u0037\"}").key == text);
    uint64_t line = plain("{" HANDLED "}").key;
    CHECK(line != text && plain("{" HANDLED "}").key == line);
    CHECK(plain("{" HANDLED " }").key != line);
    tr_outcome_close(parser);
    parser = NULL;
}

static void refusals(void)
{
    CHECK(refused("", "empty line"));
    CHECK(refused("{" HANDLED, "bad JSON at byte"));
    CHECK(refused("{" HANDLED ",\"id\":1,\"id\":2}", "\"id\" occurs twice"));
    CHECK(refused("{\"input\":\"x\",\"label\":\"a\"}", "no \"decision\""));
    CHECK(refused("{\"decision\":\"handed\",\"label\":\"a\"}", "neither"));
    CHECK(refused("{\"decision\":true,\"label\":\"a\"}", "neither"));
    CHECK(refused("{\"decision\":\"handled\"}", "without a \"label\""));
    CHECK(refused("{\"decision\":\"handled\",\"label\":null}", "without a \"label\""));
    CHECK(refused("{\"decision\":\"handled\",\"label\":[]}", "\"label\" is a list"));
    CHECK(refused("{\"decision\":\"deferred\",\"label\":{}}", "\"label\" is an object"));
    CHECK(refused("{" HANDLED ",\"teacher\":{\"a\":1}}", "\"teacher\" is an object"));
    CHECK(refused("{" HANDLED ",\"ground_truth\":[1]}", "\"ground_truth\" is a list"));
    CHECK(refused("{" HANDLED ",\"teacher\":\"\\ud800\"}", "half a surrogate pair"));
    static const char *const scores[] = {"1.000001", "-0.1", "2",    "\"0.5\"",
                                         "true",     "1e3",  "1e999"};
    char line[200];
    for (size_t i = 0; i < sizeof scores / sizeof *scores; i++) {
        snprintf(line, sizeof line, "{" HANDLED ",\"accept_score\":%s}", scores[i]);
        CHECK(refused(line, "\"accept_score\" is no number between 0 and 1"));
        snprintf(line, sizeof line, "{" DEFERRED ",\"propensity\":1,\"shadow_share\":%s}",
                 scores[i]);
        CHECK(refused(line, "\"shadow_share\" is no number between 0 and 1"));
    }
    CHECK(refused("{" HANDLED ",\"propensity\":null,\"shadow_share\":0}", "\"propensity\" is no"));
    CHECK(refused("{" HANDLED ",\"propensity\":1}", "\"propensity\" without \"shadow_share\""));
    CHECK(refused("{" HANDLED ",\"shadow_share\":0}", "\"shadow_share\" without \"propensity\""));
    CHECK(refused("{" HANDLED ",\"propensity\":0.1,\"shadow_share\":0.2}", "is above"));
    static const char *const stages[] = {"0", "3", "-1", "1.5", "\"1\"", "1e400"};
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        snprintf(line, sizeof line, "{" HANDLED ",\"stage\":%s}", stages[i]);
        CHECK(refused(line, "\"stage\" is no whole number between 1 and 2"));
    }
}

int main(void)
{
    CASE(whole_lines);
    CASE(texts);
    CASE(slices);
    CASE(numbers);
    CASE(places);
    CASE(why_deferred);
    CASE(keys_of_examples);
    CASE(refusals);
    return CHECK_END;
}
