#include "traces/dataset.h"

#include "check.h"
#include "small.h"

static tr_code read_text(tr_dataset *d, const char *text, bool need_trailer, tr_err *err)
{
    *err = (tr_err){0};
    return small_dataset(d, tr_str_c(text), need_trailer, err);
}

/* A text without a trailer is refused with this place and reason. */
static int refused(const char *text, const char *place, const char *reason)
{
    tr_dataset d;
    tr_err err;
    tr_code code = read_text(&d, text, false, &err);
    int ok = code == TR_DATA && !strncmp(err.message, place, strlen(place)) &&
             strstr(err.message, reason) && !d.rows;
    if (!ok)
        printf("# code %d, \"%s\", not \"%s %s\"\n", (int)code, err.message, place, reason);
    if (code == TR_OK)
        tr_dataset_free(&d);
    return ok;
}

#define ROW(id, input, teacher, split)                                                             \
    "{\"id\":\"" id "\",\"input\":\"" input "\",\"teacher\":\"" teacher "\",\"split\":\"" split    \
    "\"}\n"
#define GROUP_ROW(id, group, teacher, split)                                                       \
    "{\"id\":\"" id "\",\"input\":\"i\",\"group\":\"" group "\",\"teacher\":\"" teacher            \
    "\",\"split\":\"" split "\"}\n"

static void a_split_log_is_read(void)
{
    tr_buf log = small_log(400, 0.2, 1), split = small_split(tr_buf_str(&log), 0.2);
    tr_dataset d;
    tr_err err = {0};
    CHECK(small_dataset(&d, tr_buf_str(&split), true, &err) == TR_OK);
    CHECK(d.n == 400 && d.train + d.calibration + d.test == 400 && d.test > 40);
    CHECK(d.has_trailer && d.trailer.rows == 400 && tr_digest_equal(d.digest, d.trailer.digest));
    CHECK(d.labels.n == 4 && tr_str_equal(d.labels.text[0], tr_str_c("billing")));
    CHECK(tr_str_equal(d.labels.text[3], tr_str_c("returns"))); /* in byte order */
    CHECK(!d.left_out_labels && !d.left_out_rows);
    uint64_t train = 0;
    for (uint32_t l = 0; l < 4; l++)
        train += d.labels.count[l];
    CHECK(train == d.train);
    for (size_t i = 0; i < d.n; i++) {
        const tr_dataset_row *r = &d.rows[i];
        CHECK(r->label < 4 && !r->unlisted && r->weight == 1 && r->group == r->row);
    }
    tr_dataset_free(&d);
    tr_buf_free(&log);
    tr_buf_free(&split);
}

static void labels_need_two_training_rows(void)
{
    tr_dataset d;
    tr_err err;
    CHECK(read_text(&d,
                    ROW("1", "a", "two", "train") ROW("2", "b", "one", "train")
                        ROW("3", "c", "two", "train") ROW("4", "d", "late", "calibration")
                            ROW("5", "e", "one", "calibration") ROW("6", "f", "also", "train")
                                ROW("7", "g", "also", "train"),
                    false, &err) == TR_OK);
    CHECK(d.n == 7 && d.train == 5 && d.calibration == 2 && !d.has_trailer);
    CHECK(d.labels.n == 2 && tr_str_equal(d.labels.text[0], tr_str_c("also")));
    CHECK(d.labels.count[0] == 2 && d.labels.count[1] == 2);
    CHECK(d.left_out_labels == 2 && d.left_out_rows == 1);
    static const uint32_t labels[7] = {1, TR_LABEL_NONE, 1, TR_LABEL_NONE, TR_LABEL_NONE, 0, 0};
    for (size_t i = 0; i < 7; i++)
        CHECK(d.rows[i].label == labels[i]);
    CHECK(tr_str_equal(d.rows[4].text, tr_str_c("e")));
    tr_dataset_free(&d);
    CHECK(read_text(&d, "", false, &err) == TR_OK);
    CHECK(d.n == 0 && d.labels.n == 0);
    tr_dataset_free(&d);
}

static void unlisted_labels_are_nothing_to_answer(void)
{
    tr_dataset d;
    tr_err err;
    CHECK(read_text(&d,
                    "{\"input\":\"a\",\"teacher\":\"x\",\"split\":\"train\",\"unlisted\":true}\n"
                    "{\"input\":\"a\",\"teacher\":\"x\",\"split\":\"train\",\"unlisted\":true}\n"
                    "{\"input\":\"a\",\"teacher\":\"y\",\"split\":\"test\"}\n",
                    false, &err) == TR_OK);
    CHECK(d.labels.n == 0 && d.rows[0].unlisted && d.rows[0].label == TR_LABEL_NONE);
    CHECK(!d.rows[2].unlisted && d.test == 1 && d.train == 2);
    CHECK(d.rows[0].row != d.rows[1].row); /* no id: the line's number tells them apart */
    tr_dataset_free(&d);
}

static void ids_are_unique(void)
{
    CHECK(refused(ROW("1", "a", "x", "train") ROW("2", "b", "x", "train")
                      ROW("1", "c", "x", "calibration"),
                  "split:3: ", "unique"));
    CHECK(refused(GROUP_ROW("1", "g", "x", "train") GROUP_ROW("1", "h", "x", "train"),
                  "split:2: ", "unique"));
    tr_dataset d;
    tr_err err; /* a prompt that was asked twice, as one group */
    CHECK(read_text(&d, GROUP_ROW("1", "g", "x", "train") GROUP_ROW("1", "g", "y", "train"), false,
                    &err) == TR_OK);
    CHECK(d.n == 2 && d.rows[0].group == d.rows[1].group && d.rows[0].group != d.rows[0].row);
    tr_dataset_free(&d);
    /* many rows, so that the set grows; the last one repeats the first */
    tr_buf b;
    tr_buf_init(&b);
    for (int i = 0; i < 5001; i++) {
        char line[120];
        snprintf(line, sizeof line,
                 "{\"id\":%d,\"input\":\"a\",\"teacher\":\"x\",\"split\":\"train\"}\n", i % 5000);
        tr_buf_add_c(&b, line);
    }
    tr_buf_add_char(&b, 0);
    CHECK(refused(b.data, "split:5001: ", "unique"));
    tr_buf_free(&b);
}

static void lines_that_are_no_split_traces(void)
{
    CHECK(refused(ROW("1", "a", "x", "train") "{\"input\":\"a\",\"teacher\":\"x\"}\n",
                  "split:2: ", "split"));
    CHECK(refused("{\"input\":\"a\",\"split\":\"train\"}\n", "split:1: ", "teacher"));
    CHECK(refused("{\"teacher\":\"a\",\"split\":\"train\"}\n", "split:1: ", "input"));
    CHECK(refused(ROW("1", "a", "x", "train") "{\"input\"\n", "split:2: ", "JSON"));
    CHECK(refused(ROW("1", "a", "x", "Train"), "split:1: ", ""));
    CHECK(
        refused("{\"input\":\"a\",\"split\":\"train\",\"decision\":\"handled\",\"label\":\"x\"}\n",
                "split:1: ", "teacher"));
    CHECK(refused("{\"tr-split\":{\"rows\":\"many\"}}\n", "split:1: ", "rows"));
}

/* Any line gone, any change, anything behind the end: noticed where the trailer is asked for. */
static void a_changed_stream_is_noticed(void)
{
    tr_buf log = small_log(12, 0, 1), split = small_split(tr_buf_str(&log), 0);
    tr_str whole = tr_buf_str(&split);
    tr_dataset d;
    tr_err err = {0};
    CHECK(small_dataset(&d, whole, true, &err) == TR_OK);
    tr_dataset_free(&d);
    for (size_t size = 0; size + 1 < whole.size; size++) { /* cut off anywhere */
        err.message[0] = 0;
        CHECK(small_dataset(&d, tr_str_of(whole.data, size), true, &err) == TR_DATA);
        CHECK(!strncmp(err.message, "split", 5));
    }
    /* the trailer is the last line and needs no newline */
    CHECK(small_dataset(&d, tr_str_of(whole.data, whole.size - 1), true, &err) == TR_OK);
    tr_dataset_free(&d);
    size_t first = (size_t)((char *)memchr(whole.data, '\n', whole.size) - whole.data) + 1;
    CHECK(small_dataset(&d, tr_str_of(whole.data + first, whole.size - first), true, &err) ==
          TR_DATA);
    CHECK(strstr(err.message, "12 rows") && strstr(err.message, "11 arrived"));
    tr_buf twice = small_copy(whole);
    tr_buf_add_str(&twice, tr_str_of(whole.data, first));
    CHECK(small_dataset(&d, tr_buf_str(&twice), true, &err) == TR_DATA);
    CHECK(!strncmp(err.message, "split:14: ", 10) && strstr(err.message, "behind"));
    tr_buf_free(&twice);
    /* another label: the same number of rows, another digest */
    tr_buf other = small_copy(whole);
    char *at = memmem(other.data, other.size, "billing", 7);
    CHECK(at != NULL);
    if (at)
        *at = 'B';
    CHECK(small_dataset(&d, tr_buf_str(&other), true, &err) == TR_DATA);
    CHECK(strstr(err.message, "digest"));
    CHECK(small_dataset(&d, tr_buf_str(&other), false, &err) == TR_OK); /* asked not to look */
    tr_dataset_free(&d);
    tr_buf_free(&other);
    tr_buf_free(&log);
    tr_buf_free(&split);
}

static tr_code read_with(tr_dataset *d, const char *text, tr_dataset_options o, tr_err *err)
{
    *err = (tr_err){0};
    int fd = small_file(tr_str_c(text));
    tr_reader *in = tr_reader_open_fd(fd, "split", err);
    tr_code code = in ? tr_dataset_read(d, in, o, err) : TR_SYSTEM;
    tr_reader_close(in);
    close(fd);
    return code;
}

#define VECTOR_ROW(content, split) "{" content ",\"teacher\":\"x\",\"split\":\"" split "\"}\n"

static const tr_dataset_options all = {0}, no_text = {.no_text = true},
                                no_embedding = {.no_embedding = true},
                                nothing = {.no_text = true, .no_embedding = true};

static void embeddings_are_read(void)
{
    tr_dataset d;
    tr_err err;
    const char *both = VECTOR_ROW("\"input\":\"a\",\"embedding\":[1,-2.5]", "train")
        VECTOR_ROW("\"input\":\"b\",\"embedding\":\"AACAPwAAIMA=\"", "calibration");
    const char *only = VECTOR_ROW("\"embedding\":[1,2,3]", "train")
        VECTOR_ROW("\"embedding\":[4,5,6]", "train");
    const char *text = VECTOR_ROW("\"input\":\"a\"", "train");

    CHECK(read_with(&d, both, all, &err) == TR_OK && d.n == 2 && d.dims == 2 && d.has_text);
    CHECK(d.rows[1].embedding == d.embeddings + 2);
    CHECK(!memcmp(d.rows[0].embedding, d.rows[1].embedding, 2 * sizeof(float)));
    CHECK(d.rows[1].embedding[1] == -2.5f && tr_str_equal(d.rows[1].text, tr_str_c("b")));
    tr_digest digest = d.digest;
    tr_dataset_free(&d);

    CHECK(read_with(&d, both, no_text, &err) == TR_OK && d.dims == 2 && !d.has_text);
    CHECK(d.rows[1].text.size == 0 && tr_digest_equal(d.digest, digest));
    tr_dataset_free(&d);
    CHECK(read_with(&d, both, no_embedding, &err) == TR_OK && d.dims == 0 && d.has_text);
    CHECK(!d.rows[0].embedding && !d.embeddings && tr_digest_equal(d.digest, digest));
    tr_dataset_free(&d);

    CHECK(read_with(&d, only, all, &err) == TR_OK && d.dims == 3 && !d.has_text);
    CHECK(d.rows[1].embedding[2] == 6 && d.rows[1].text.size == 0 && d.rows[1].text.data);
    CHECK(d.rows[0].row != d.rows[1].row); /* known by their place */
    tr_dataset_free(&d);
    CHECK(read_with(&d, text, all, &err) == TR_OK && d.dims == 0 && d.has_text);
    tr_dataset_free(&d);
    /* what is not looked at may be anything */
    CHECK(read_with(&d, VECTOR_ROW("\"input\":\"a\",\"embedding\":null", "train"), no_embedding,
                    &err) == TR_OK);
    tr_dataset_free(&d);
    CHECK(read_with(&d,
                    VECTOR_ROW("\"input\":\"a\",\"embedding\":[1]", "train")
                        VECTOR_ROW("\"embedding\":[1]", "train"),
                    no_text, &err) == TR_OK);
    CHECK(d.n == 2);
    tr_dataset_free(&d);
}

/* So many that the matrix has to grow, and moves. */
static void many_embeddings_stay_with_their_rows(void)
{
    enum { N = 3000 };
    tr_buf b;
    tr_dataset d;
    tr_err err;
    tr_buf_init(&b);
    for (int i = 0; i < N; i++) {
        char line[120];
        snprintf(line, sizeof line,
                 "{\"id\":%d,\"embedding\":[%d,%d,0.5],\"teacher\":\"x\",\"split\":\"train\"}\n", i,
                 i, -i);
        tr_buf_add_c(&b, line);
    }
    tr_buf_add_char(&b, 0);
    CHECK(read_with(&d, b.data, all, &err) == TR_OK && d.n == N && d.dims == 3);
    for (int i = 0; i < N && d.n == N; i++) {
        const float *x = d.rows[i].embedding;
        CHECK(x[0] == (float)i && x[1] == (float)-i && x[2] == .5f);
    }
    tr_dataset_free(&d);
    tr_buf_free(&b);
}

static void embeddings_that_do_not_fit(void)
{
    static const struct {
        const char *text, *place, *reason;
        const tr_dataset_options *o;
    } cases[] = {
        {VECTOR_ROW("\"embedding\":[1,2]", "train") VECTOR_ROW("\"embedding\":[1]", "train"),
         "split:2: ", "has 1 numbers, those of the traces before have 2", &all},
        {VECTOR_ROW("\"input\":\"a\",\"embedding\":[1]", "train")
             VECTOR_ROW("\"input\":\"a\"", "test"),
         "split:2: ", "no \"embedding\", but", &all},
        {VECTOR_ROW("\"input\":\"a\"", "train")
             VECTOR_ROW("\"input\":\"a\",\"embedding\":[1]", "train"),
         "split:2: ", "an \"embedding\", but", &all},
        {VECTOR_ROW("\"input\":\"a\",\"embedding\":[1]", "train")
             VECTOR_ROW("\"embedding\":[1]", "train"),
         "split:2: ", "no input, but", &all},
        {VECTOR_ROW("\"embedding\":[1]", "train") VECTOR_ROW("\"embedding\":[]", "train"),
         "split:2: ", "empty", &all},
        {VECTOR_ROW("\"embedding\":[1]", "train") VECTOR_ROW("\"embedding\":\"AADAfw==\"", "train"),
         "split:2: ", "NaN or infinite", &all},
        {VECTOR_ROW("\"id\":1", "train"), "split:1: ", "no \"input\", and no \"embedding\"", &all},
        {VECTOR_ROW("\"input\":\"a\"", "train"),
         "split:1: ", "the traces have no embedding, and --no-text leaves nothing", &no_text},
        {VECTOR_ROW("\"embedding\":[1]", "train"),
         "split:1: ", "the traces have no input, and --no-embedding leaves nothing", &no_embedding},
        {VECTOR_ROW("\"input\":\"a\",\"embedding\":[1]", "train"),
         "split:1: ", "--no-text and --no-embedding leave nothing", &nothing},
        {VECTOR_ROW("\"embedding\":[1]", "train") VECTOR_ROW("\"input\":\"a\"", "train"),
         "split:2: ", "no \"embedding\", but", &no_text},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tr_dataset d;
        tr_err err;
        tr_code code = read_with(&d, cases[i].text, *cases[i].o, &err);
        bool well = code == TR_DATA && strstr(err.message, cases[i].reason) &&
                    !strncmp(err.message, cases[i].place, strlen(cases[i].place)) && !d.embeddings;
        if (!well)
            printf("# code %d, \"%s\", not \"%s\"\n", (int)code, err.message, cases[i].reason);
        CHECK(well);
    }
}

/* Rows that a policy sampled weigh the inverse of their chance to come into TRAIN. */
static void sampled_rows_weigh_more(void)
{
    tr_dataset d;
    tr_err err;
    CHECK(read_text(
              &d,
              "{\"input\":\"a\",\"teacher\":\"x\",\"split\":\"train\",\"decision\":\"handled\","
              "\"propensity\":0.05,\"shadow_share\":0}\n"
              "{\"input\":\"a\",\"teacher\":\"x\",\"split\":\"train\"}\n"
              "{\"input\":\"b\",\"teacher\":\"x\",\"split\":\"train\",\"decision\":\"deferred\","
              "\"propensity\":1,\"shadow_share\":0.05}\n",
              false, &err) == TR_OK);
    CHECK_NEAR((double)d.rows[0].weight, 20, 1e-5);
    CHECK(d.rows[1].weight == 1 && d.rows[2].weight == 1);
    tr_dataset_free(&d);
}

int main(void)
{
    CASE(a_split_log_is_read);
    CASE(labels_need_two_training_rows);
    CASE(unlisted_labels_are_nothing_to_answer);
    CASE(ids_are_unique);
    CASE(lines_that_are_no_split_traces);
    CASE(a_changed_stream_is_noticed);
    CASE(sampled_rows_weigh_more);
    CASE(embeddings_are_read);
    CASE(many_embeddings_stay_with_their_rows);
    CASE(embeddings_that_do_not_fit);
    return CHECK_END;
}
