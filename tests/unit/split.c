#include "traces/split.h"

#include "check.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

enum { ROWS = 200000 };

static tr_trace row(uint64_t i, double propensity, double shadow_share)
{
    char id[32];
    int n = snprintf(id, sizeof id, "call-%llu", (unsigned long long)i);
    tr_trace t = {.propensity = propensity, .shadow_share = shadow_share};
    t.row = tr_trace_identity(tr_str_of(id, (size_t)n), (tr_str){NULL, 0}, i);
    t.group_hash = t.row;
    return t;
}

/* Five standard errors of a share of n draws. */
static double error(double p, double n)
{
    return 5 * sqrt(p * (1 - p) / n);
}

static void automatic_share(void)
{
    CHECK(tr_split_auto_share(0) == .4);
    CHECK(tr_split_auto_share(1) == .4);
    CHECK(tr_split_auto_share(5000) == .4);
    CHECK(tr_split_auto_share(5001) == 2000.0 / 5001);
    CHECK(tr_split_auto_share(10003) == 2000.0 / 10003);
    CHECK(tr_split_auto_share(13333) > .15);
    CHECK(tr_split_auto_share(13334) == .15);
    CHECK(tr_split_auto_share(13334) == tr_split_auto_share(1000000));
    CHECK(TR_SPLIT_BUFFER == 13334);
}

/* The share of each side, and that the draws of test and split do not know of one another. */
static void shares(void)
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        tr_split s;
        double calibration = 0, test = 0, both = 0;
        tr_split_init(&s, seed, .2, .3);
        for (uint64_t i = 0; i < ROWS; i++) {
            tr_trace t = row(i, 1, 1);
            bool is_test = tr_split_is_test(&s, &t);
            bool is_calibration = tr_split_side(&s, &t, true) == TR_SIDE_CALIBRATION;
            test += is_test;
            calibration += is_calibration;
            both += is_test && is_calibration;
        }
        CHECK_NEAR(calibration / ROWS, .2, error(.2, ROWS));
        CHECK_NEAR(test / ROWS, .3, error(.3, ROWS));
        CHECK_NEAR(both / ROWS, .06, error(.06, ROWS));
    }
}

/* Eligible with probability shadow_share / propensity, and then calibration with the share: were
 * the two on one hash, every eligible row would calibrate. */
static void eligibility(void)
{
    tr_split s;
    double deferred = 0, deferred_calibration = 0, shadowed = 0, none = 0, plain = 0;
    double at_once = 0, test = 0;
    tr_split_init(&s, 7, .15, .1);
    for (uint64_t i = 0; i < ROWS; i++) {
        tr_trace d = row(i, 1, .05), h = row(i, .05, .05), z = row(i, 1, 0), p = row(i, 1, 1);
        bool eligible = tr_split_is_eligible(&s, &d), is_test = tr_split_is_test(&s, &d);
        deferred += eligible;
        deferred_calibration += tr_split_side(&s, &d, eligible) == TR_SIDE_CALIBRATION;
        test += is_test;
        at_once += is_test && eligible;
        shadowed += tr_split_is_eligible(&s, &h);
        none += tr_split_is_eligible(&s, &z);
        plain += tr_split_is_eligible(&s, &p);
    }
    CHECK_NEAR(deferred / ROWS, .05, error(.05, ROWS));
    CHECK_NEAR(deferred_calibration / deferred, .15, error(.15, deferred));
    CHECK_NEAR(at_once / test, .05, error(.05, test));
    CHECK(shadowed == ROWS && plain == ROWS && none == 0);
    tr_trace t = row(1, 0, 0);
    CHECK(!tr_split_is_eligible(&s, &t));
    t = row(1, 1, 1);
    CHECK(tr_split_side(&s, &t, false) == TR_SIDE_TRAIN);
}

/* Half of the calibration rows of one seed are calibration rows under another only by chance. */
static void seeds_differ(void)
{
    tr_split one, two;
    double first = 0, both = 0;
    tr_split_init(&one, 1, .4, 0);
    tr_split_init(&two, 2, .4, 0);
    for (uint64_t i = 0; i < ROWS; i++) {
        tr_trace t = row(i, 1, 1);
        bool a = tr_split_side(&one, &t, true) == TR_SIDE_CALIBRATION;
        first += a;
        both += a && tr_split_side(&two, &t, true) == TR_SIDE_CALIBRATION;
    }
    CHECK_NEAR(both / first, .4, error(.4, first));
}

static void a_smaller_share_is_a_part(void)
{
    tr_split small, large;
    tr_split_init(&small, 5, .15, 0);
    tr_split_init(&large, 5, .40, 0);
    for (uint64_t i = 0; i < 1000; i++) {
        tr_trace t = row(i, 1, 1);
        if (tr_split_side(&small, &t, true) == TR_SIDE_CALIBRATION)
            CHECK(tr_split_side(&large, &t, true) == TR_SIDE_CALIBRATION);
    }
}

static void groups_stay_together(void)
{
    tr_split s;
    tr_split_init(&s, 3, .3, .3);
    for (uint64_t g = 0; g < 200; g++) {
        tr_trace first = row(g * 5, 1, 1);
        for (uint64_t i = 1; i < 5; i++) {
            tr_trace t = row(g * 5 + i, 1, 1);
            t.group_hash = first.group_hash;
            CHECK(tr_split_is_test(&s, &t) == tr_split_is_test(&s, &first));
            CHECK(tr_split_side(&s, &t, true) == tr_split_side(&s, &first, true));
        }
    }
}

static void trailer(void)
{
    tr_split_trailer t = {.rows = 12,
                          .seed = 9007199254740991,
                          .share = 1.0 / 3,
                          .test_share = .1,
                          .group_key = "se\"ssion",
                          .label_key = "label",
                          .last = "2026-11-22T05:40:00Z",
                          .eligible = 7,
                          .digest = {1, 0xfedcba9876543210},
                          .grouped = true};
    tr_split_trailer back;
    tr_trace_parser *p = tr_trace_open((tr_trace_keys){0}, TR_TRACE_NEED_SPLIT, NULL);
    tr_trace line;
    tr_err err;
    tr_buf b;
    tr_buf_init(&b);
    tr_split_trailer_write(&t, &b);
    CHECK(p && tr_trace_parse(p, tr_buf_str(&b), 1, &line, &err) == TR_OK && line.is_trailer);
    CHECK(tr_split_trailer_read(&back, line.trailer, &err) == TR_OK);
    CHECK(back.rows == t.rows && back.seed == t.seed && back.share == t.share);
    CHECK(back.test_share == t.test_share && back.grouped);
    CHECK(!strcmp(back.group_key, t.group_key) && !strcmp(back.label_key, "label"));
    CHECK(!strcmp(back.last, t.last) && back.eligible == 7);
    CHECK(*back.input_key == '\0' && tr_digest_equal(back.digest, t.digest));

    static const char *const bad[] = {
        "{}",
        "[]",
        "{\"rows\":1",
        "{\"rows\":-1,\"seed\":1,\"share\":0.2,\"test_share\":0,\"grouped\":false,"
        "\"digest\":\"00000000000000000000000000000000\"}",
        "{\"rows\":1,\"seed\":1,\"share\":2,\"test_share\":0,\"grouped\":false,"
        "\"digest\":\"00000000000000000000000000000000\"}",
        "{\"rows\":1,\"seed\":1,\"share\":0.2,\"test_share\":0,\"grouped\":false,"
        "\"digest\":\"0000000000000000000000000000000g\"}",
        "{\"rows\":1,\"seed\":1,\"share\":0.2,\"test_share\":0,\"grouped\":false,\"last\":\"x\","
        "\"digest\":\"00000000000000000000000000000000\"}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(tr_split_trailer_read(&back, tr_str_c(bad[i]), &err) == TR_DATA && *err.message);
    tr_trace_close(p);
    tr_buf_free(&b);
}

/* ---- the stream ---- */

/* Splits n rows made by `make` into `out`; the counts at the end. */
static tr_split_counts run(const tr_split_options *o, uint64_t n,
                           int (*make)(char *line, size_t size, uint64_t i), tr_buf *out)
{
    char name[] = "/tmp/tr-split-XXXXXX", line[256];
    int fd = mkstemp(name);
    tr_err err;
    tr_writer *w = tr_writer_open_fd(fd, name, &err);
    tr_split_stream *s = tr_split_open(o, w, &err);
    CHECK(w && s);
    for (uint64_t i = 1; i <= n; i++) {
        int size = make(line, sizeof line, i);
        CHECK(tr_split_add(s, tr_str_of(line, (size_t)size), "log", i, i, &err) == TR_OK);
    }
    CHECK(tr_split_end(s, "log", &err) == TR_OK);
    tr_split_counts counts = *tr_split_counted(s);
    CHECK(tr_writer_close(w, &err) == TR_OK);
    CHECK(tr_io_slurp(name, out, &err) == TR_OK);
    tr_split_close(s);
    close(fd);
    unlink(name);
    return counts;
}

static int plain_row(char *line, size_t size, uint64_t i)
{
    return snprintf(line, size, "{\"id\":%llu,\"input\":\"a\",\"teacher\":\"x\"}",
                    (unsigned long long)i);
}

/* Nine of ten rows are deferred ones of a router that shadows nothing: they may not calibrate. */
static int routed_row(char *line, size_t size, uint64_t i)
{
    return snprintf(line, size, "{\"id\":%llu,\"input\":\"a\",\"teacher\":\"x\"%s}",
                    (unsigned long long)i, i % 10 ? ",\"propensity\":1,\"shadow_share\":0" : "");
}

/* The digest and the number of rows of the lines in `text` as their reader would count them. */
static void check_digest(const tr_buf *text, uint64_t rows)
{
    tr_trace_parser *p =
        tr_trace_open((tr_trace_keys){0},
                      TR_TRACE_NEED_INPUT | TR_TRACE_NEED_TEACHER | TR_TRACE_NEED_SPLIT, NULL);
    tr_split_trailer trailer_line = {0};
    tr_digest digest = {0, 0};
    uint64_t number = 0;
    tr_trace t = {0};
    tr_err err;
    for (const char *at = text->data, *end = at + text->size; at < end;) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        CHECK(stop && !t.is_trailer);
        CHECK(tr_trace_parse(p, tr_str_of(at, (size_t)(stop - at)), ++number, &t, &err) == TR_OK);
        if (t.is_trailer)
            CHECK(tr_split_trailer_read(&trailer_line, t.trailer, &err) == TR_OK);
        else
            tr_digest_add(&digest, &t, t.side);
        at = stop + 1;
    }
    CHECK(t.is_trailer && trailer_line.rows == rows && number == rows + 1);
    CHECK(tr_digest_equal(trailer_line.digest, digest));
    tr_trace_close(p);
}

static void stream_small_and_large(void)
{
    static const struct {
        uint64_t n;
        double share;
    } cases[] = {{10, .4},     {5000, .4},  {8000, .25}, {13333, 2000.0 / 13333},
                 {13334, .15}, {20000, .15}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tr_split_options o = {.seed = 1, .automatic = true};
        tr_buf automatic, fixed;
        tr_buf_init(&automatic);
        tr_buf_init(&fixed);
        tr_split_counts c = run(&o, cases[i].n, plain_row, &automatic);
        CHECK(c.rows == cases[i].n && c.share == cases[i].share && c.eligible == c.rows);
        CHECK(c.train + c.calibration == c.rows && c.test == 0);
        CHECK_NEAR((double)c.calibration / (double)c.rows, c.share, error(c.share, (double)c.rows));
        check_digest(&automatic, c.rows);
        /* the same bytes as with that share said outright, which streams */
        o.automatic = false;
        o.share = cases[i].share;
        run(&o, cases[i].n, plain_row, &fixed);
        CHECK(tr_str_equal(tr_buf_str(&automatic), tr_buf_str(&fixed)));
        tr_buf_free(&automatic);
        tr_buf_free(&fixed);
    }
}

/* 60,000 rows of which 6,000 count for the share: those that wait stay few, none is lost. */
static void stream_overtaking(void)
{
    tr_split_options o = {.seed = 1, .automatic = true, .test_share = .2};
    tr_buf out;
    tr_buf_init(&out);
    tr_split_counts c = run(&o, 60000, routed_row, &out);
    CHECK(c.rows == 60000 && c.sampled == 54000 && c.unsampled == 0);
    CHECK_NEAR((double)c.test / 60000, .2, error(.2, 60000));
    CHECK_NEAR((double)c.eligible, 4800, 5 * sqrt(6000 * .2 * .8));
    CHECK(c.share == tr_split_auto_share(c.eligible));
    CHECK(c.thinned + c.eligible + c.test == c.rows);
    CHECK_NEAR((double)c.calibration / (double)c.eligible, c.share,
               error(c.share, (double)c.eligible));
    check_digest(&out, c.rows);
    tr_buf_free(&out);
}

/* Adds lines to a split whose rows all wait, so that nothing is written but by its end. */
static tr_code add_all(const char *const *lines, size_t n, uint64_t *dimensions, tr_err *err)
{
    tr_split_options o = {.seed = 1, .automatic = true};
    int fd = open("/dev/null", O_WRONLY);
    tr_writer *w = tr_writer_open_fd(fd, "null", err);
    tr_split_stream *s = tr_split_open(&o, w, err);
    tr_code code = w && s ? TR_OK : TR_SYSTEM;
    for (uint64_t i = 0; i < n && code == TR_OK; i++)
        code = tr_split_add(s, tr_str_c(lines[i]), "log", i + 1, i + 1, err);
    if (code == TR_OK)
        code = tr_split_end(s, "log", err);
    *dimensions = s ? tr_split_counted(s)->dimensions : 0;
    tr_split_close(s);
    tr_writer_abandon(w);
    close(fd);
    return code;
}

#define TRACE(content) "{\"teacher\":\"x\"," content "}"

static void embeddings_of_one_shape(void)
{
    static const char *const both[] = {TRACE("\"input\":\"a\",\"embedding\":[1,2]"),
                                       TRACE("\"embedding\":\"AACAPwAAIMA=\",\"text\":\"b\""),
                                       "{\"decision\":\"deferred\",\"input\":\"a\"}",
                                       "{\"tr-split\":{}}"};
    static const char *const only[] = {TRACE("\"embedding\":[1]"), TRACE("\"embedding\":[2]")};
    static const struct {
        const char *line[2], *reason;
    } bad[] = {
        {{TRACE("\"embedding\":[1]"), TRACE("\"embedding\":[1,2]")}, "log:2: \"embedding\" has 2"},
        {{TRACE("\"embedding\":[1]"), TRACE("\"input\":\"a\"")}, "log:2: no \"embedding\", but"},
        {{TRACE("\"input\":\"a\""), TRACE("\"input\":\"a\",\"embedding\":[1]")},
         "log:2: an \"embedding\", but"},
        {{TRACE("\"embedding\":[1]"), TRACE("\"input\":\"a\",\"embedding\":[1]")},
         "log:2: an input, but"},
        {{TRACE("\"embedding\":[1]"), TRACE("\"embedding\":[null]")}, "log:2: \"embedding\": "},
        {{TRACE("\"embedding\":[1]"), TRACE("\"embedding\":\"AACAfw==\"")}, "NaN"},
        {{TRACE("\"embedding\":null"), TRACE("\"embedding\":[1]")}, "log:1: \"embedding\" is null"},
        {{TRACE("\"id\":1"), TRACE("\"id\":2")}, "log:1: no input"},
    };
    uint64_t dimensions;
    tr_err err;
    CHECK(add_all(both, 4, &dimensions, &err) == TR_OK && dimensions == 2);
    CHECK(add_all(only, 2, &dimensions, &err) == TR_OK && dimensions == 1);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        err = (tr_err){0};
        bool well = add_all(bad[i].line, 2, &dimensions, &err) == TR_DATA &&
                    strstr(err.message, bad[i].reason);
        if (!well)
            printf("# \"%s\", not \"%s\"\n", err.message, bad[i].reason);
        CHECK(well);
    }
}

int main(void)
{
    CASE(automatic_share);
    CASE(shares);
    CASE(eligibility);
    CASE(seeds_differ);
    CASE(a_smaller_share_is_a_part);
    CASE(groups_stay_together);
    CASE(trailer);
    CASE(stream_small_and_large);
    CASE(stream_overtaking);
    CASE(embeddings_of_one_shape);
    return CHECK_END;
}
