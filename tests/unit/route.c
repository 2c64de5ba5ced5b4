#include "policy/route.h"

#include "check.h"
#include "policy/calibrate.h"
#include "small.h"

/* One policy for all cases: "other" is never answered. */
static tr_stream stream;
static tr_policy policy;
static tr_route_worker *worker;

static tr_routed routed; /* what became of the last line */

/* The decision line for a request, as text. */
static const char *line_with(tr_route_worker *w, const char *request, size_t size, bool keep,
                             bool *bad)
{
    static tr_buf out;
    tr_err err = {0};
    tr_buf_clear(&out);
    char *copy = malloc(size ? size : 1);
    if (!copy)
        exit(4);
    memcpy(copy, request, size);
    CHECK(tr_route_line(w, tr_str_of(copy, size), 7, keep, &out, &routed, &err) == TR_OK);
    *bad = routed.bad;
    free(copy);
    CHECK(out.size > 2 && out.data[out.size - 1] == '\n');
    CHECK(!memchr(out.data, '\n', out.size - 1));
    out.data[out.size - 1] = 0;
    return out.data;
}

static const char *line(const char *request)
{
    bool bad;
    const char *out = line_with(worker, request, strlen(request), false, &bad);
    CHECK(!bad && !strstr(out, "\"error\""));
    return out;
}

/* Compares up to the score, which the fit may move: "…\"accept_score\":" and what follows it. */
static int is(const char *got, const char *before, const char *after)
{
    size_t n = strlen(before);
    const char *at = got + n;
    int ok = !strncmp(got, before, n);
    while (ok && ((*at >= '0' && *at <= '9') || *at == '.'))
        at++;
    ok = ok && at > got + n && !strcmp(at, after);
    if (!ok)
        printf("# %s\n# not %s...%s\n", got, before, after);
    return ok;
}

#define HANDLED ",\"decision\":\"handled\",\"accept_score\":"
#define DEFERRED "\"label\":null,\"decision\":\"deferred\",\"accept_score\":"
#define AFTER_HANDLED ",\"stage\":1,\"propensity\":0,\"shadow_share\":0}"
#define AFTER_DEFERRED ",\"stage\":null,\"propensity\":1,\"shadow_share\":0}"

static void decisions_are_made(void)
{
    CHECK(is(line("{\"input\":\"invoice charge paid card bank\"}"),
             "{\"input\":\"invoice charge paid card bank\",\"label\":\"billing\"" HANDLED,
             AFTER_HANDLED));
    CHECK(is(line("{\"input\":\"refund broken size wrong box\"}"),
             "{\"input\":\"refund broken size wrong box\",\"label\":\"returns\"" HANDLED,
             AFTER_HANDLED));
    CHECK(is(line("{\"input\":\"hello thanks hours team job\"}"), /* a label never answered */
             "{\"input\":\"hello thanks hours team job\"," DEFERRED, AFTER_DEFERRED));
    CHECK(is(line("{\"input\":\"zyx wvut qqq kkk\"}"), "{\"input\":\"zyx wvut qqq kkk\"," DEFERRED,
             AFTER_DEFERRED));
    CHECK(is(line("{\"input\":\"\"}"), "{\"input\":\"\"," DEFERRED, AFTER_DEFERRED));
}

static void reasons_are_told_apart(void)
{
    static const struct {
        const char *text;
        tr_route_why why;
    } right[] = {{"invoice charge paid card bank", TR_ROUTE_HANDLED},
                 {"hello thanks hours team job", TR_ROUTE_LABEL},
                 {"zyx wvut qqq kkk", TR_ROUTE_NOVEL}};
    for (size_t k = 0; k < sizeof right / sizeof *right; k++) {
        tr_decision d;
        CHECK(tr_route_input(worker, tr_str_c(right[k].text), NULL, &d));
        if (d.why != right[k].why)
            printf("# %s: %d, score %u\n", right[k].text, (int)d.why, d.score);
        CHECK(d.why == right[k].why);
    }
    tr_buf log = small_log(200, 1, 5); /* words at random: mostly below the threshold */
    size_t low = 0;
    for (const char *at = log.data;
         (at = memmem(at, (size_t)(log.data + log.size - at), "input", 5));) {
        tr_decision d;
        at += strlen("input\":\"");
        CHECK(tr_route_input(worker, tr_str_of(at, strcspn(at, "\"")), NULL, &d));
        low += d.why == TR_ROUTE_LOW;
        CHECK(d.why != TR_ROUTE_LOW || d.score < policy.rule.threshold);
        CHECK(d.why != TR_ROUTE_HANDLED || d.score >= policy.rule.threshold);
    }
    CHECK(low > 50);
    tr_buf_free(&log);
}

/* The rule is the certified one, at its very edge. */
static void the_threshold_itself_is_accepted(void)
{
    tr_decision d;
    const tr_str text = tr_str_c("invoice charge paid card bank");
    uint32_t threshold = policy.rule.threshold;
    CHECK(tr_route_input(worker, text, NULL, &d));
    policy.rule.threshold = d.score;
    CHECK(tr_route_input(worker, text, NULL, &d) && d.why == TR_ROUTE_HANDLED);
    policy.rule.threshold = d.score + 1;
    CHECK(tr_route_input(worker, text, NULL, &d) && d.why == TR_ROUTE_LOW);
    policy.rule.threshold = threshold;
}

#define CLEAR "\"input\":\"invoice charge paid card bank\""

static void unknown_keys_pass_byte_for_byte(void)
{
    CHECK(is(line("{ \"n\" : 123456789012345678901234567890.10e+5 , " CLEAR
                  ",\"x\\u0041\":[ 1, {\"a\" : null} ],\"n\":-0}"),
             "{\"n\":123456789012345678901234567890.10e+5," CLEAR
             ",\"x\\u0041\":[ 1, {\"a\" : null} ],\"n\":-0,\"label\":\"billing\"" HANDLED,
             AFTER_HANDLED));
    CHECK(is(line("{\"id\":\"a\\/b\",\"query\":\"invoice charge paid card bank\",\"metadata\":{}}"),
             "{\"id\":\"a\\/b\",\"query\":\"invoice charge paid card bank\",\"metadata\":{},"
             "\"label\":\"billing\"" HANDLED,
             AFTER_HANDLED));
}

static void reserved_keys_are_dropped(void)
{
    CHECK(
        is(line("{\"decision\":\"handled\",\"accept_score\":1,\"stage\":9,\"propensity\":0.5,"
                "\"shadow_share\":0.5," CLEAR ",\"shadow\":true,\"error\":\"e\",\"label\":\"x\"}"),
           "{" CLEAR ",\"label\":\"billing\"" HANDLED, AFTER_HANDLED));
    CHECK(is(line("{\"l\\u0061bel\":\"x\",\"decision\":null,\"\\u0065rror\":1," CLEAR "}"),
             "{" CLEAR ",\"label\":\"billing\"" HANDLED, AFTER_HANDLED));
    CHECK(is(line("{" CLEAR ",\"embedding\":[1,2]}"), "{" CLEAR ",\"label\":\"billing\"" HANDLED,
             AFTER_HANDLED));
    bool bad;
    const char request[] = "{\"embedding\": [1, 2]," CLEAR "}";
    CHECK(is(line_with(worker, request, strlen(request), true, &bad),
             "{\"embedding\":[1, 2]," CLEAR ",\"label\":\"billing\"" HANDLED, AFTER_HANDLED));
}

/* A teacher label of whatever name is written as "teacher", and is known for certain. */
static void a_teacher_comes_along(void)
{
    static const char after[] = ",\"stage\":1,\"propensity\":1,\"shadow_share\":0}";
    CHECK(is(line("{" CLEAR ",\"intent\":\"returns\"}"),
             "{" CLEAR ",\"teacher\":\"returns\",\"label\":\"billing\"" HANDLED, after));
    CHECK(is(line("{\"label\":\"re\\u0074urns\"," CLEAR "}"),
             "{\"teacher\":\"re\\u0074urns\"," CLEAR ",\"label\":\"billing\"" HANDLED, after));
    CHECK(is(line("{\"answer\":\"b\",\"teacher\":\"a\"," CLEAR "}"),
             "{\"answer\":\"b\",\"teacher\":\"a\"," CLEAR ",\"label\":\"billing\"" HANDLED, after));
    CHECK(is(line("{" CLEAR ",\"teacher\":null}"),
             "{" CLEAR ",\"teacher\":null,\"label\":\"billing\"" HANDLED, AFTER_HANDLED));
}

#define ERROR_TAIL                                                                                 \
    "\"label\":null,\"decision\":\"deferred\",\"accept_score\":null,\"stage\":null,"               \
    "\"propensity\":1,\"shadow_share\":0,\"error\":\"line 7: "

static void bad_lines_become_errors(void)
{
    static const struct {
        const char *request, *kept;
    } cases[] = {{"", ""},
                 {"null", ""},
                 {"{\"a\":1", ""},
                 {"{\"a\":1}", "\"a\":1,"}, /* sound, but without an input */
                 {"{\"id\":\"q\",\"input\":null}", "\"id\":\"q\",\"input\":null,"},
                 {"{\"input\":[\"x\"],\"embedding\":[1]}", "\"input\":[\"x\"],"},
                 {"{\"input\":5,\"label\":\"x\"}", "\"input\":5,\"teacher\":\"x\","},
                 {"{\"input\":\"\xff\"}", ""},
                 {"{\"input\":\"a\",\"input\":\"b\"}", ""},
                 {"{\"input\":\"\\ud800\"}", "\"input\":\"\\ud800\","}};
    line("{" CLEAR ",\"label\":\"x\"}"); /* leaves a teacher behind that must be forgotten */
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        bool bad = false;
        char expected[400];
        const char *got =
            line_with(worker, cases[k].request, strlen(cases[k].request), false, &bad);
        snprintf(expected, sizeof expected, "{%s" ERROR_TAIL, cases[k].kept);
        int ok = bad && !strncmp(got, expected, strlen(expected)) &&
                 !strcmp(got + strlen(got) - 2, "\"}");
        if (!ok)
            printf("# %s\n# not %s\n", got, expected);
        CHECK(ok);
        tr_err err;
        CHECK(tr_scan_value(tr_str_c(got), &err) == TR_OK); /* JSON all the same */
    }
    bool bad;
    CHECK(strstr(line_with(worker, "{\"input\":\"a\0b\"}", 15, false, &bad), "\"error\"") && bad);
    line("{" CLEAR "}"); /* and the next one is as if nothing had been */
}

/* What the teacher is asked about: what is deferred, and of what is handled the share. */
static void rows_that_ask(void)
{
    line("{\"id\":\"a\"," CLEAR "}");
    CHECK(!routed.asks && !routed.bad);
    CHECK(routed.id == tr_trace_identity(tr_str_c("a"), tr_str_of(NULL, 0), 0));
    CHECK(routed.members == strlen("{\"id\":\"a\"," CLEAR ","));
    line("{\"id\":7,\"input\":\"zyx wvut qqq kkk\"}");
    CHECK(routed.asks && routed.id == tr_trace_identity(tr_str_c("7"), tr_str_of(NULL, 0), 0));
    line("{\"input\":\"zyx wvut qqq kkk\",\"label\":\"x\"}");
    CHECK(!routed.asks);
    line("{\"input\":\"zyx wvut qqq kkk\",\"label\":null,\"teacher\":null}");
    CHECK(routed.asks);
    bool bad;
    line_with(worker, "x", 1, false, &bad);
    CHECK(routed.bad && !routed.asks);
}

static void ids_are_given(void)
{
    const tr_route_shadow on = {.id_prefix = "day \"1\"-"}, off = {0};
    tr_route_set_shadow(worker, &on);
    char expected[200];
    tr_str text = tr_str_c("invoice charge paid card bank");
    snprintf(expected, sizeof expected, "{" CLEAR ",\"id\":\"day \\\"1\\\"-%016llx\",",
             (unsigned long long)tr_trace_identity(tr_str_of(NULL, 0), text, 7));
    const char *out = line("{" CLEAR "}");
    CHECK(!strncmp(out, expected, strlen(expected)));
    CHECK(routed.members == strlen(expected));
    CHECK(is(out + strlen(expected), "\"label\":\"billing\"" HANDLED, AFTER_HANDLED));
    /* the id that is written is the row's from now on */
    tr_trace t;
    tr_err err;
    tr_trace_parser *p = tr_trace_open((tr_trace_keys){0}, 0, &err);
    CHECK(p && tr_trace_parse(p, tr_str_c(out), 99, &t, &err) == TR_OK && t.row == routed.id);
    tr_trace_close(p);
    /* one that is there stays, be it empty */
    CHECK(is(line("{\"id\":\"\"," CLEAR "}"),
             "{\"id\":\"\"," CLEAR ",\"label\":\"billing\"" HANDLED, AFTER_HANDLED));
    CHECK(is(line("{\"id\":5," CLEAR "}"), "{\"id\":5," CLEAR ",\"label\":\"billing\"" HANDLED,
             AFTER_HANDLED));
    /* a teacher that is none makes room for one */
    CHECK(is(line("{\"id\":5,\"teacher\":null," CLEAR "}"),
             "{\"id\":5," CLEAR ",\"label\":\"billing\"" HANDLED, AFTER_HANDLED));
    tr_route_set_shadow(worker, &off);
    CHECK(is(line("{" CLEAR "}"), "{" CLEAR ",\"label\":\"billing\"" HANDLED, AFTER_HANDLED));
}

/* The share is kept, row by row the same each time, and has nothing to do with other draws. */
static void rows_are_shadowed(void)
{
    static const double shares[] = {0, 0.1, 0.75, 1};
    static const char *const tails[] = {
        AFTER_HANDLED, ",\"stage\":1,\"propensity\":0.1,\"shadow_share\":0.1}",
        ",\"stage\":1,\"propensity\":0.75,\"shadow_share\":0.75}", NULL};
    const tr_route_shadow off = {0};
    const tr_hash_key split = tr_hash_derive(3, "split"), thin = tr_hash_derive(3, "thin");
    for (size_t k = 0; k < 4; k++) {
        const tr_route_shadow on = {shares[k], tr_hash_derive(3, "shadow"), ""};
        size_t shadowed = 0, also_split = 0, also_thin = 0;
        tr_route_set_shadow(worker, &on);
        for (int i = 0; i < 4000; i++) {
            char request[100];
            snprintf(request, sizeof request, "{\"id\":\"%d\"," CLEAR "}", i);
            const char *out = line(request);
            bool drawn = tr_hash_unit(tr_hash_keyed_u64(on.key, routed.id)) < shares[k];
            CHECK(routed.asks == drawn);
            CHECK(!strstr(out, "\"shadow\":true}") == !drawn);
            CHECK(drawn || !strcmp(out + strlen(out) - strlen(tails[k]), tails[k]));
            shadowed += drawn;
            also_split += drawn && tr_hash_unit(tr_hash_keyed_u64(split, routed.id)) < 0.5;
            also_thin += drawn && tr_hash_unit(tr_hash_keyed_u64(thin, routed.id)) < 0.5;
        }
        /* within five standard errors */
        CHECK_NEAR((double)shadowed / 4000, shares[k], 5 * 0.0069);
        CHECK_NEAR((double)also_split, 0.5 * (double)shadowed, 160);
        CHECK_NEAR((double)also_thin, 0.5 * (double)shadowed, 160);
    }
    /* deferred, or known anyway: never */
    CHECK(is(line("{\"id\":1,\"input\":\"zyx wvut qqq kkk\"}"),
             "{\"id\":1,\"input\":\"zyx wvut qqq kkk\"," DEFERRED,
             ",\"stage\":null,\"propensity\":1,\"shadow_share\":1}"));
    CHECK(routed.asks);
    CHECK(is(line("{\"id\":1," CLEAR ",\"intent\":\"x\"}"),
             "{\"id\":1," CLEAR ",\"teacher\":\"x\",\"label\":\"billing\"" HANDLED,
             ",\"stage\":1,\"propensity\":1,\"shadow_share\":1}"));
    CHECK(!routed.asks);
    bool bad;
    CHECK(strstr(line_with(worker, "{\"input\":5}", 11, false, &bad),
                 "\"propensity\":1,\"shadow_share\":1,\"error\":\"line 7: "));
    /* behind it, the explanation */
    tr_route_explain(worker, true);
    CHECK(strstr(line("{\"id\":1," CLEAR "}"), "\"shadow_share\":1,\"shadow\":true,\"explain\":{"));
    tr_route_explain(worker, false);
    tr_route_set_shadow(worker, &off);
}

/* The same line from another worker, and after other lines, gives the same bytes. */
static void no_state_from_line_to_line(void)
{
    tr_buf log = small_log(300, 0.5, 77), first;
    tr_err err = {0};
    tr_route_worker *other = tr_route_open(&policy, &err);
    CHECK(other != NULL);
    tr_buf_init(&first);
    for (int pass = 0; other && pass < 2; pass++) {
        size_t at = log.size, matched = 0;
        const char *data = log.data;
        for (size_t k = 0; k < 300; k++) { /* forward, then backward with the other worker */
            const char *begin;
            size_t size;
            if (!pass) {
                begin = data;
                size = (size_t)((char *)memchr(begin, '\n', (size_t)(log.data + log.size - begin)) -
                                begin);
                data += size + 1;
            } else {
                size_t end = at - 1;
                at = end;
                while (at && log.data[at - 1] != '\n')
                    at--;
                begin = log.data + at;
                size = end - at;
            }
            bool bad;
            const char *out = line_with(pass ? other : worker, begin, size, false, &bad);
            CHECK(!bad);
            if (!pass) {
                tr_buf_add(&first, out, strlen(out));
                tr_buf_add_char(&first, '\n');
            } else {
                matched += memmem(first.data, first.size, out, strlen(out)) != NULL;
            }
        }
        CHECK(!pass || matched == 300);
    }
    CHECK(memmem(first.data, first.size, "handled", 7) &&
          memmem(first.data, first.size, "deferred", 8));
    tr_route_close(other);
    tr_buf_free(&first);
    tr_buf_free(&log);
}

static int begins(const char *text, const char *with)
{
    int right = text && !strncmp(text, with, strlen(with));
    if (!right)
        printf("# %s\n# does not begin with %s\n", text ? text : "nothing", with);
    return right;
}

/* What stands under "explain", which is the last member; NULL: nothing. */
static const char *explained(tr_route_worker *w, const char *request)
{
    bool bad;
    const char *out = line_with(w, request, strlen(request), false, &bad);
    const char *at = strstr(out, ",\"explain\":");
    tr_err err;
    CHECK(tr_scan_value(tr_str_c(out), &err) == TR_OK);
    CHECK(!at || !strncmp(out + strlen(out) - 2, "}}", 2));
    CHECK(!at || begins(at - 17, ",\"shadow_share\":0,"));
    return at ? at + strlen(",\"explain\":") : NULL;
}

static void decisions_are_explained(void)
{
    static const char clear[] = "{" CLEAR "}";
    const char *e;
    CHECK(!explained(worker, clear));
    tr_buf plain = small_copy(tr_str_c(line(clear)));
    tr_buf_add_char(&plain, 0);
    tr_route_explain(worker, true);
    e = explained(worker, clear);
    CHECK(begins(e, "{\"why\":null,\"best\":[{\"label\":\"billing\",\"p\":0."));
    CHECK(e && strstr(e, "\"threshold\":0.") && strstr(e, ",\"novelty\":"));
    CHECK(e && strstr(e, ",\"novelty_most\":") && strstr(e, ",\"for\":[{\"gram\":\""));
    /* all but the explanation is as before */
    CHECK(!strncmp(line(clear), plain.data, strlen(plain.data) - 1));
    e = explained(worker, "{\"input\":\"hello thanks hours team job\"}");
    CHECK(begins(e, "{\"why\":\"label\",\"best\":[{\"label\":\"other\","));
    e = explained(worker, "{\"input\":\"zyx wvut qqq kkk\"}");
    CHECK(begins(e, "{\"why\":\"novel\",") && strstr(e, ",\"for\":[],\"against\":[]}"));
    CHECK(e && !strstr(e, "zyx"));
    uint32_t threshold = policy.rule.threshold;
    policy.rule.threshold = TR_ACCEPTOR_ONE;
    e = explained(worker, clear);
    CHECK(begins(e, "{\"why\":\"low_score\",") && strstr(e, "\"threshold\":1,"));
    policy.rule.threshold = threshold;
    CHECK(!explained(worker, "{\"input\":5}") && !explained(worker, "")); /* "error" says why */
    CHECK(explained(worker, "{\"explain\":{\"why\":\"x\"}," CLEAR "}"));
    CHECK(!strncmp(line("{\"explain\":0," CLEAR "}"), plain.data, strlen(plain.data) - 1));
    tr_route_explain(worker, false);
    CHECK(!strcmp(line(clear), plain.data));
    CHECK(!strcmp(line("{\"explain\":{\"why\":null}," CLEAR "}"), plain.data)); /* reserved */
    tr_buf_free(&plain);
}

static void a_refused_policy_defers_everything(void)
{
    tr_calibrate_options o = {.alpha = 0.999, .delta = 0.05, .targets = 1, .min_coverage = 0.05};
    tr_policy p;
    tr_err err = {0};
    CHECK(tr_calibrate_run(&stream, &o, &p, &err) == TR_NO);
    tr_route_worker *w = tr_route_open(&p, &err);
    CHECK(w != NULL);
    bool bad;
    CHECK(w && is(line_with(w, "{" CLEAR "}", strlen("{" CLEAR "}"), false, &bad),
                  "{" CLEAR "," DEFERRED, AFTER_DEFERRED));
    if (w)
        tr_route_explain(w, true);
    const char *e = w ? explained(w, "{" CLEAR "}") : NULL;
    CHECK(e && !strcmp(e, "{\"why\":\"refused\"}}"));
    tr_route_close(w);
    tr_route_close(NULL);
    tr_policy_free(&p);
}

static void named_keys_are_remembered(void)
{
    strcpy(policy.origin.input_key, "question");
    strcpy(policy.origin.label_key, "gold");
    tr_err err = {0};
    tr_route_worker *w = tr_route_open(&policy, &err);
    CHECK(w != NULL);
    bool bad;
    const char request[] =
        "{\"question\":\"invoice charge paid card bank\",\"input\":\"x\",\"gold\":\"other\"}";
    CHECK(w && is(line_with(w, request, strlen(request), false, &bad),
                  "{\"question\":\"invoice charge paid card bank\",\"input\":\"x\","
                  "\"teacher\":\"other\",\"label\":\"billing\"" HANDLED,
                  ",\"stage\":1,\"propensity\":1,\"shadow_share\":0}"));
    tr_route_close(w);
    *policy.origin.input_key = *policy.origin.label_key = 0;
}

/* ---- embeddings ---- */

/* A policy of its own of a log with these parts, and a worker of it. */
typedef struct {
    tr_stream stream;
    tr_policy policy;
    tr_route_worker *worker;
} embedded;

static void embedded_open(embedded *e, small_parts parts, tr_family family)
{
    tr_err err = {0};
    tr_calibrate_options o = {.alpha = 0.85,
                              .delta = 0.05,
                              .targets = 1,
                              .family = family,
                              .novelty = 0.01,
                              .min_coverage = 0.05};
    tr_buf log = small_log_of(parts, 800, 0.1, 1);
    tr_buf bytes = small_gated_from(&log, "svm,lda,knn", NULL);
    if (tr_stream_take(&e->stream, &bytes, "small", &err) != TR_OK ||
        tr_calibrate_run(&e->stream, &o, &e->policy, &err) != TR_OK ||
        !(e->worker = tr_route_open(&e->policy, &err))) {
        printf("# %s%s\n", err.message, e->policy.certificate.refusal);
        exit(4);
    }
}

static void embedded_close(embedded *e)
{
    tr_route_close(e->worker);
    tr_policy_free(&e->policy);
    tr_stream_free(&e->stream);
}

/* A copy of the decision for a request whose embedding is this text. */
static tr_buf embedded_line(const embedded *e, const char *input, const char *embedding, bool keep,
                            bool *bad)
{
    char request[2000];
    snprintf(request, sizeof request, "{\"id\":\"q\"%s%s%s,\"n\":1}", input,
             embedding ? ",\"embedding\":" : "", embedding ? embedding : "");
    const char *out = line_with(e->worker, request, strlen(request), keep, bad);
    tr_err err;
    CHECK(tr_scan_value(tr_str_c(out), &err) == TR_OK);
    return small_copy(tr_str_of(out, strlen(out) + 1));
}

static const float clear_numbers[SMALL_DIMS] = {1.5f, 0.2f, 0.125f, 0.3f, 0.2f, 0.1f};
#define CLEAR_ARRAY "[1.5,0.2,0.125,3e-1,2e-1,0.1]"

static tr_buf as_base64(const float *x, size_t n)
{
    tr_buf b;
    tr_buf_init(&b);
    tr_buf_add_char(&b, '"');
    tr_floats_put_base64(&b, x, n);
    tr_buf_add_char(&b, '"');
    tr_buf_add_char(&b, 0);
    return b;
}

/* The array and the base64 of the same numbers are the same request. */
static void an_array_and_base64_say_the_same(void)
{
    static const small_parts parts[] = {SMALL_EMBEDDING, SMALL_BOTH};
    for (int k = 0; k < 4; k++) {
        embedded e = {0};
        embedded_open(&e, parts[k % 2], k < 2 ? TR_FAMILY_L2D : TR_FAMILY_RSB);
        const char *input = k % 2 ? "," CLEAR : "";
        tr_buf base64 = as_base64(clear_numbers, SMALL_DIMS);
        bool bad[3];
        tr_buf a = embedded_line(&e, input, CLEAR_ARRAY, false, &bad[0]);
        tr_buf b = embedded_line(&e, input, base64.data, false, &bad[1]);
        tr_buf c = embedded_line(&e, input, CLEAR_ARRAY, true, &bad[2]);
        CHECK(!bad[0] && !bad[1] && !bad[2] && !strcmp(a.data, b.data));
        CHECK(strstr(a.data, "\"label\":\"billing\",\"decision\":\"handled\""));
        CHECK(!strstr(a.data, "embedding") && strstr(c.data, "\"embedding\":" CLEAR_ARRAY));
        CHECK(strstr(a.data, "{\"id\":\"q\"") && strstr(a.data, "\"n\":1,\"label\""));
        tr_decision d;
        CHECK(tr_route_input(e.worker,
                             k % 2 ? tr_str_c("invoice charge paid card bank") : tr_str_c(""),
                             clear_numbers, &d));
        CHECK(d.why == TR_ROUTE_HANDLED && d.stage >= 1 && d.stage <= e.policy.stages);
        char stage[20];
        snprintf(stage, sizeof stage, "\"stage\":%u,", d.stage);
        CHECK(strstr(a.data, stage) != NULL);
        tr_buf_free(&base64);
        tr_buf_free(&a);
        tr_buf_free(&b);
        tr_buf_free(&c);
        embedded_close(&e);
    }
}

/* An embedding that is missing, of another length, or no numbers: an error record with its line. */
static void embeddings_that_do_not_fit_are_errors(void)
{
    static const float wild[2][SMALL_DIMS] = {{1, 2, NAN, 0, 0, 0}, {1, 2, 3, INFINITY, 0, 0}};
    static const small_parts parts[] = {SMALL_EMBEDDING, SMALL_BOTH};
    for (int k = 0; k < 2; k++) {
        embedded e = {0};
        embedded_open(&e, parts[k], TR_FAMILY_AUTO);
        const char *input = k ? "," CLEAR : "";
        tr_buf nan = as_base64(wild[0], SMALL_DIMS), inf = as_base64(wild[1], SMALL_DIMS);
        tr_buf less = as_base64(clear_numbers, SMALL_DIMS - 1);
        const char *const wrong[] = {NULL,
                                     "null",
                                     "[]",
                                     "[1.5,0.2,0.125,3e-1,2e-1]",
                                     "[1.5,0.2,0.125,3e-1,2e-1,0.1,0]",
                                     "[1.5,0.2,0.125,3e-1,2e-1,1e999]",
                                     "[1.5,0.2,0.125,3e-1,2e-1,null]",
                                     "[[1.5,0.2,0.125,3e-1,2e-1,0.1]]",
                                     "\"not base64!\"",
                                     "5",
                                     "{}",
                                     nan.data,
                                     inf.data,
                                     less.data};
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
            bool bad = false, after = true;
            tr_buf out = embedded_line(&e, input, wrong[i], false, &bad);
            if (!bad || !strstr(out.data, "\"error\":\"line 7: "))
                printf("# %s: %s\n", wrong[i] ? wrong[i] : "none", out.data);
            CHECK(bad && strstr(out.data, "\"label\":null,\"decision\":\"deferred\""));
            CHECK(strstr(out.data, "\"accept_score\":null") && strstr(out.data, "\"id\":\"q\""));
            CHECK(strstr(out.data, "\"error\":\"line 7: ") && !strstr(out.data, "embedding\":"));
            tr_buf_free(&out);
            out = embedded_line(&e, input, CLEAR_ARRAY, false, &after);
            CHECK(!after && strstr(out.data, "handled")); /* and nothing is left behind */
            tr_buf_free(&out);
        }
        bool bad = false; /* the text is needed where the policy looks at texts */
        tr_buf out = embedded_line(&e, "", CLEAR_ARRAY, false, &bad);
        CHECK(bad == (k == 1));
        tr_buf_free(&out);
        tr_buf_free(&nan);
        tr_buf_free(&inf);
        tr_buf_free(&less);
        embedded_close(&e);
    }
    /* a policy of texts alone does not look at them, whatever they are */
    line("{" CLEAR ",\"embedding\":\"nothing\"}");
    line("{" CLEAR ",\"embedding\":[1e999]}");
}

/* Of two stages, the one that answers is named; a deferred row has the score of the last asked. */
static void the_stage_that_answers_is_named(void)
{
    embedded e = {0};
    embedded_open(&e, SMALL_BOTH, TR_FAMILY_RSB);
    CHECK(e.policy.stages == 2);
    tr_rng r;
    tr_rng_init(&r, 12);
    size_t by[3] = {0};
    for (int k = 0; k < 600; k++) {
        uint32_t threshold = e.policy.rule.threshold = 400000 + 1000 * (uint32_t)k;
        float x[SMALL_DIMS];
        for (int i = 0; i < SMALL_DIMS; i++)
            x[i] = (float)(tr_rng_normal(&r) * 0.4 + (i == k % 4 ? 1 : 0.2));
        tr_buf base64 = as_base64(x, SMALL_DIMS);
        bool bad;
        static const char mixed[] = "invoice parcel paid refund card";
        tr_buf out = embedded_line(&e, ",\"input\":\"invoice parcel paid refund card\"",
                                   base64.data, false, &bad);
        tr_decision d;
        CHECK(tr_route_input(e.worker, tr_str_c(mixed), x, &d) && !bad);
        CHECK((d.why == TR_ROUTE_HANDLED) == (d.stage > 0) && d.stage <= 2);
        CHECK(d.why != TR_ROUTE_HANDLED || d.score >= threshold);
        CHECK(d.why != TR_ROUTE_LOW || d.score < threshold);
        const char *const stages[] = {"\"stage\":null,\"propensity\":1,",
                                      "\"stage\":1,\"propensity\":0,",
                                      "\"stage\":2,\"propensity\":0,"};
        CHECK(strstr(out.data, stages[d.stage]) != NULL);
        by[d.stage]++;
        tr_buf_free(&base64);
        tr_buf_free(&out);
    }
    CHECK(by[0] > 0 && by[1] > 0 && by[2] > 0);
    embedded_close(&e);
}

int main(void)
{
    tr_err err = {0};
    tr_calibrate_options o = {.alpha = 0.9,
                              .delta = 0.05,
                              .targets = 1,
                              .novelty = 0.01,
                              .min_coverage = 0.05,
                              .defer_label = "other"};
    tr_buf bytes = small_gated(1200, 0.3, "svm", NULL);
    if (tr_stream_take(&stream, &bytes, "small", &err) != TR_OK ||
        tr_calibrate_run(&stream, &o, &policy, &err) != TR_OK ||
        !(worker = tr_route_open(&policy, &err)))
        return 4;
    CASE(decisions_are_made);
    CASE(reasons_are_told_apart);
    CASE(the_threshold_itself_is_accepted);
    CASE(unknown_keys_pass_byte_for_byte);
    CASE(reserved_keys_are_dropped);
    CASE(a_teacher_comes_along);
    CASE(bad_lines_become_errors);
    CASE(rows_that_ask);
    CASE(ids_are_given);
    CASE(rows_are_shadowed);
    CASE(no_state_from_line_to_line);
    CASE(decisions_are_explained);
    CASE(a_refused_policy_defers_everything);
    CASE(named_keys_are_remembered);
    CASE(an_array_and_base64_say_the_same);
    CASE(embeddings_that_do_not_fit_are_errors);
    CASE(the_stage_that_answers_is_named);
    tr_route_close(worker);
    tr_policy_free(&policy);
    tr_stream_free(&stream);
    return CHECK_END;
}
