#include "gate/train.h"

#include "check.h"
#include "small.h"

static void a_stream_comes_out(void)
{
    tr_buf log = small_log(500, 0.3, 2), split = small_split(tr_buf_str(&log), 0.1), one, two;
    tr_dataset d;
    tr_train_report report;
    tr_stream s;
    tr_err err = {0};
    CHECK(small_dataset(&d, tr_buf_str(&split), true, &err) == TR_OK);
    CHECK(small_train(&d, "all", 1, &one, &report, &err) == TR_OK);
    CHECK(small_train(&d, "all", 2, &two, &report, &err) == TR_OK);
    CHECK(one.size == two.size && !memcmp(one.data, two.data, one.size)); /* -j changes nothing */
    CHECK(report.n == TR_ZOO_SIZE && report.folds == 5 && report.held_out == d.train);
    CHECK(tr_stream_take(&s, &one, "small", &err) == TR_OK);
    CHECK(s.n == TR_ZOO_SIZE - 1 && s.heldout.n == 500 && s.labels.n == 4);
    CHECK(s.origin.rows == 500 && s.origin.train == d.train && s.origin.test == d.test);
    CHECK(s.origin.calibration == d.calibration && s.origin.held_out == d.train);
    char digest[33];
    tr_digest_print(d.digest, digest);
    CHECK(!strcmp(s.origin.digest, digest));
    for (size_t m = 0; m < s.n; m++) { /* the report is what the stream's results say */
        double agreed = 0, train = 0;
        uint8_t agree[500];
        size_t of = 0; /* what is but a part of the blend is reported and not in the stream */
        while (of + 1 < report.n && strcmp(s.member[m].name, report.member[of].name) != 0)
            of++;
        tr_stream_agree(&s, m, agree);
        for (size_t i = 0; i < 500; i++) {
            CHECK(s.heldout.rows[i].row == d.rows[i].row);
            CHECK(s.heldout.rows[i].side == d.rows[i].side);
            if (d.rows[i].side != TR_SIDE_TRAIN)
                continue;
            train++;
            agreed += agree[i];
            CHECK(s.heldout.rows[i].fold < 5);
        }
        const tr_train_result *r = &report.member[of];
        CHECK(!strcmp(s.member[m].name, r->name) && !s.member[m].gated);
        CHECK_NEAR(r->agreement, agreed / train, 1e-9);
        CHECK(r->agreement > 0.6 && r->agreement < 0.95);
        CHECK(r->macro_f1 > 0.6 && r->macro_f1 <= 1);
    }
    tr_stream_free(&s);
    tr_buf_free(&two);
    tr_dataset_free(&d);
    tr_buf_free(&log);
    tr_buf_free(&split);
}

/* The out-of-fold agreement is that of new rows: nothing of a row's own label leaks into it. */
static void labels_at_random_are_not_learned(void)
{
    tr_buf log = small_log(800, 1, 3), split = small_split(tr_buf_str(&log), 0), stream;
    tr_dataset d;
    tr_train_report report;
    tr_err err = {0};
    CHECK(small_dataset(&d, tr_buf_str(&split), true, &err) == TR_OK);
    CHECK(small_train(&d, "all", 1, &stream, &report, &err) == TR_OK);
    for (size_t m = 0; m < report.n; m++)
        CHECK_NEAR(report.member[m].agreement, 0.25, 0.09);
    tr_buf_free(&stream);
    tr_dataset_free(&d);
    tr_buf_free(&log);
    tr_buf_free(&split);
}

/* A training row is held out as the new row that it once was: its own words are unseen. */
static void held_out_rows_look_new(void)
{
    char text[20000] = "", line[200];
    for (int i = 0; i < 60; i++) {
        snprintf(line, sizeof line,
                 "{\"input\":\"same %s q%dz\",\"teacher\":%d,\"split\":\"%s\"}\n",
                 i % 2 ? "one" : "two", 1000 + i, i % 2, i % 3 ? "train" : "calibration");
        strcat(text, line);
    }
    tr_dataset d;
    tr_train_report report;
    tr_buf out;
    tr_stream s;
    tr_err err = {0};
    CHECK(small_dataset(&d, tr_str_c(text), false, &err) == TR_OK);
    CHECK(small_train(&d, "svm", 1, &out, &report, &err) == TR_OK);
    CHECK(tr_stream_take(&s, &out, "small", &err) == TR_OK);
    for (size_t i = 0; i < s.heldout.n; i++) /* the word q1234z and its pair, of five */
        CHECK(s.heldout.rows[i].unseen == 0.4f);
    tr_stream_free(&s);
    tr_dataset_free(&d);
}

static int refused(const char *text, const char *reason)
{
    tr_dataset d;
    tr_train_report report;
    tr_buf out;
    tr_err err = {0};
    CHECK(small_dataset(&d, tr_str_c(text), false, &err) == TR_OK);
    tr_code code = small_train(&d, "lean", 1, &out, &report, &err);
    if (code != TR_DATA || !strstr(err.message, reason))
        printf("# code %d: %s\n", (int)code, err.message);
    tr_dataset_free(&d);
    tr_buf_free(&out);
    return code == TR_DATA && strstr(err.message, reason);
}

static void too_little_is_refused(void)
{
    char text[20000] = "";
    CHECK(refused("", "0 rows"));
    for (int i = 0; i < 9; i++)
        strcat(text, i % 2 ? "{\"input\":\"a b\",\"teacher\":\"x\",\"split\":\"train\"}\n"
                           : "{\"input\":\"c d\",\"teacher\":\"y\",\"split\":\"train\"}\n");
    CHECK(refused(text, "9 rows"));
    *text = 0;
    for (int i = 0; i < 20; i++)
        strcat(text, "{\"input\":\"a b\",\"teacher\":\"x\",\"split\":\"train\"}\n");
    strcat(text, "{\"input\":\"c\",\"teacher\":\"y\",\"split\":\"train\"}\n");
    CHECK(refused(text, "1 label "));
}

/* Texts without a word, the same text over and over, no calibration rows: trained all the same. */
static void poor_texts_are_trained_on(void)
{
    static const char *const inputs[] = {"", "same", "!?"};
    for (size_t k = 0; k < 3; k++) {
        char text[20000] = "", line[200];
        for (int i = 0; i < 30; i++) {
            snprintf(line, sizeof line, "{\"input\":\"%s\",\"teacher\":%d,\"split\":\"train\"}\n",
                     inputs[k], i % 3);
            strcat(text, line);
        }
        tr_dataset d;
        tr_train_report report;
        tr_buf out;
        tr_stream s;
        tr_err err = {0};
        CHECK(small_dataset(&d, tr_str_c(text), false, &err) == TR_OK);
        CHECK(small_train(&d, "all", 1, &out, &report, &err) == TR_OK);
        CHECK(tr_stream_take(&s, &out, "poor", &err) == TR_OK);
        tr_stream_free(&s);
        tr_dataset_free(&d);
    }
}

int main(void)
{
    CASE(a_stream_comes_out);
    CASE(labels_at_random_are_not_learned);
    CASE(held_out_rows_look_new);
    CASE(too_little_is_refused);
    CASE(poor_texts_are_trained_on);
    return CHECK_END;
}
