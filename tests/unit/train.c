#include "gate/train.h"

#include "check.h"
#include "gate/novelty.h"
#include "small.h"

static const char *const EVERY = "all,-mlp_1h,-mlp_2h,-et,-gbt,-xgb";

static bool is_member(const tr_train_report *r, const char *name)
{
    for (size_t m = 0; m < r->n; m++)
        if (!strcmp(r->member[m].name, name))
            return true;
    return false;
}

/* Calibration and test rows, made anew from the log with what is in the stream: the features, the
 * models as they are shipped and the nearness said what stands there, to the bit. */
static void check_rounding(const tr_stream *s, const tr_dataset *d)
{
    const tr_bank *b = &s->bank;
    tr_featurizer f = {.features = &b->features};
    float *room = calloc(tr_novelty_room(&b->near) + 1, sizeof *room);
    for (size_t i = 0; i < d->n; i++) {
        const tr_dataset_row *r = &d->rows[i];
        if (r->side == TR_SIDE_TRAIN)
            continue;
        CHECK(tr_featurize_input(&f, r->text, r->embedding, false));
        tr_row row = tr_featurize_row(&f);
        CHECK(f.row.unseen == s->heldout.rows[i].unseen);
        CHECK(tr_novelty_near(&b->near, row.dense, room) == s->heldout.rows[i].near);
        for (size_t m = 0; m < s->n; m++) {
            const tr_mixture *x = &s->member[m].mixture;
            float *scratch = malloc(tr_mixture_room(x, b->model, s->labels.n) * sizeof *scratch);
            tr_softmax_summary said;
            tr_mixture_decide(x, b->model, s->labels.n, row, scratch, &said);
            CHECK(!memcmp(&said, &s->member[m].summary[i], sizeof said));
            free(scratch);
        }
    }
    free(room);
    tr_featurize_free(&f);
}

static void comes_out_of(small_parts parts)
{
    tr_buf log = small_log_of(parts, 500, 0.3, 2), split = small_split(tr_buf_str(&log), 0.1), one,
           two;
    tr_dataset d;
    tr_train_report report;
    tr_stream s;
    tr_err err = {0};
    CHECK(small_dataset(&d, tr_buf_str(&split), true, &err) == TR_OK);
    CHECK(small_train(&d, EVERY, 1, &one, &report, &err) == TR_OK);
    CHECK(small_train(&d, EVERY, 2, &two, &report, &err) == TR_OK);
    CHECK(one.size == two.size && !memcmp(one.data, two.data, one.size)); /* -j changes nothing */
    bool text = parts & SMALL_TEXT, embedding = parts & SMALL_EMBEDDING;
    CHECK(report.n == TR_ZOO_SIZE - (text ? 5u : 6u) && report.folds == 5);
    CHECK(report.held_out == d.train);
    CHECK(is_member(&report, "nb") == text && is_member(&report, "knn"));
    CHECK((report.columns > 100) == text && report.of_text == !embedding);
    CHECK(embedding ? report.dims == SMALL_DIMS : report.dims > SMALL_DIMS);
    CHECK(tr_stream_take(&s, &one, "small", &err) == TR_OK);
    CHECK(s.n == TR_ZOO_SIZE - 6 && s.heldout.n == 500 && s.labels.n == 4);
    CHECK(s.bank.features.text == text && (s.bank.near.layers == 1) == embedding);
    CHECK(tr_features_embedding(&s.bank.features) == (embedding ? SMALL_DIMS : 0));
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
            CHECK((s.heldout.rows[i].near != 0) == embedding);
            CHECK(text || s.heldout.rows[i].unseen == 0);
            train++;
            agreed += agree[i];
            CHECK(s.heldout.rows[i].fold < 5);
        }
        const tr_train_result *r = &report.member[of];
        CHECK(!strcmp(s.member[m].name, r->name) && !s.member[m].gated);
        CHECK_NEAR(r->agreement, agreed / train, 1e-9);
        if (r->agreement <= 0.55 || r->agreement >= 0.95)
            printf("# %s: %g\n", r->name, r->agreement);
        CHECK(r->agreement > 0.55 && r->agreement < 0.95);
        CHECK(r->macro_f1 > 0.55 && r->macro_f1 <= 1);
    }
    check_rounding(&s, &d);
    tr_stream_free(&s);
    tr_buf_free(&two);
    tr_dataset_free(&d);
    tr_buf_free(&log);
    tr_buf_free(&split);
}

static void a_stream_comes_out_of_texts(void)
{
    comes_out_of(SMALL_TEXT);
}

static void a_stream_comes_out_of_embeddings(void)
{
    comes_out_of(SMALL_EMBEDDING);
}

static void a_stream_comes_out_of_both(void)
{
    comes_out_of(SMALL_BOTH);
}

/* The out-of-fold agreement is that of new rows: nothing of a row's own label leaks into it. */
static void labels_at_random_are_not_learned(void)
{
    tr_buf log = small_log_of(SMALL_BOTH, 800, 1, 3);
    tr_buf split = small_split(tr_buf_str(&log), 0), stream;
    tr_dataset d;
    tr_train_report report;
    tr_err err = {0};
    CHECK(small_dataset(&d, tr_buf_str(&split), true, &err) == TR_OK);
    CHECK(small_train(&d, EVERY, 2, &stream, &report, &err) == TR_OK);
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

/* Lean's members of the dense view: with embeddings, not on what SVD makes of texts. */
static void lean_takes_what_the_log_has(void)
{
    for (int embedding = 0; embedding < 2; embedding++) {
        tr_buf log = small_log_of(embedding ? SMALL_BOTH : SMALL_TEXT, 200, 0.3, 2);
        tr_buf split = small_split(tr_buf_str(&log), 0), stream;
        tr_dataset d;
        tr_train_report report;
        tr_err err = {0};
        CHECK(small_dataset(&d, tr_buf_str(&split), true, &err) == TR_OK);
        CHECK(small_train(&d, "lean", 1, &stream, &report, &err) == TR_OK);
        CHECK(is_member(&report, "knn") == embedding && is_member(&report, "blend"));
        CHECK(report.dims == (embedding ? SMALL_DIMS : 0) && !report.of_text);
        CHECK(small_sections(tr_buf_str(&stream), 'M', "DENS") == (size_t)embedding);
        CHECK(small_sections(tr_buf_str(&stream), 'M', "NEAR") == (size_t)embedding);
        tr_buf_free(&stream);
        tr_buf_free(&split);
        tr_buf_free(&log);
        tr_dataset_free(&d);
    }
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

/* The same text over and over, no calibration rows: trained all the same. Texts without a word:
 * there is nothing to train on. */
static void poor_texts(void)
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
        tr_code code = small_train(&d, EVERY, 1, &out, &report, &err);
        CHECK(code == (k == 1 ? TR_OK : TR_USAGE));
        if (code == TR_OK) {
            CHECK(tr_stream_take(&s, &out, "poor", &err) == TR_OK);
            tr_stream_free(&s);
        } else {
            CHECK(*err.message);
            tr_buf_free(&out);
        }
        tr_dataset_free(&d);
    }
}

int main(void)
{
    CASE(a_stream_comes_out_of_texts);
    CASE(a_stream_comes_out_of_embeddings);
    CASE(a_stream_comes_out_of_both);
    CASE(lean_takes_what_the_log_has);
    CASE(labels_at_random_are_not_learned);
    CASE(held_out_rows_look_new);
    CASE(too_little_is_refused);
    CASE(poor_texts);
    return CHECK_END;
}
