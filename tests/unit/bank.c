#include "gate/bank.h"

#include "check.h"
#include "maths/dot.h"
#include "small.h"

#include <math.h>

enum { LABELS = 4 };

static tr_frame opened(const tr_buf *b)
{
    tr_frame f;
    tr_err err = {0};
    if (tr_frame_open(&f, tr_buf_str(b), "bank", 'M', &err) != TR_OK)
        exit(4);
    return f;
}

static tr_code read_of(const tr_buf *b, uint32_t labels)
{
    tr_frame f = opened(b);
    tr_bank bank;
    tr_err err = {0};
    tr_code code = tr_bank_read(&bank, &f, labels, &err);
    CHECK(code == TR_OK || (code == TR_DATA && *err.message));
    tr_bank_free(&bank);
    CHECK(bank.n == 0);
    tr_frame_free(&f);
    return code;
}

static tr_buf stream_of(small_parts parts, const char *zoo)
{
    tr_buf log = small_log_of(parts, 60, 0.2, 1);
    return small_gated_from(&log, zoo, NULL);
}

static tr_buf without(const tr_buf *b, const char *tag)
{
    char name[5];
    snprintf(name, sizeof name, "%s", tag);
    return small_reseal(tr_buf_str(b), 'M', small_without, name);
}

/* What it is written as says all of what it is: the same rows, the same values. */
static void what_is_written_is_read(void)
{
    static const struct {
        small_parts parts;
        const char *zoo;
        bool text, of_text;
    } logs[] = {{SMALL_TEXT, "svm,nb", true, false},
                {SMALL_TEXT, "svm,knn", true, true},
                {SMALL_EMBEDDING, "svm,lda,knn,dt", false, false},
                {SMALL_BOTH, "svm,lda,knn,dt", true, false}};
    for (size_t k = 0; k < sizeof logs / sizeof *logs; k++) {
        tr_buf bytes = stream_of(logs[k].parts, logs[k].zoo);
        tr_frame f = opened(&bytes), g;
        tr_bank a, b;
        tr_frame_writer out;
        tr_err err = {0};
        CHECK(tr_bank_read(&a, &f, LABELS, &err) == TR_OK);
        tr_shape shape = tr_bank_shape(&a, LABELS);
        bool embedding = logs[k].parts & SMALL_EMBEDDING;
        CHECK(a.features.text == logs[k].text && (shape.columns > 0) == logs[k].text);
        CHECK((shape.dims > 0) == (embedding || logs[k].of_text) && shape.labels == LABELS);
        CHECK(shape.beside == (embedding ? SMALL_DIMS : 0));
        CHECK((a.near.layers == 1) == embedding && a.n == (k < 2 ? 2 : 4));
        int fd = memfd_create("bank", 0);
        tr_writer *w = tr_writer_open_fd(fd, "bank", &err);
        CHECK(w && tr_frame_begin(&out, w, TR_FRAME_MODEL, &err) == TR_OK);
        CHECK(tr_bank_write_features(&a.features, &a.near, &out, &err) == TR_OK);
        for (size_t m = 0; m < a.n; m++)
            CHECK(tr_bank_write_model(&a.model[m], &out, &err) == TR_OK);
        CHECK(tr_frame_end(&out, &err) == TR_OK && tr_writer_close(w, &err) == TR_OK);
        tr_buf again = small_take(fd);
        g = opened(&again);
        CHECK(tr_bank_read(&b, &g, LABELS, &err) == TR_OK && b.n == a.n);
        for (size_t s = 0; s < g.n; s++) { /* the same sections in the same order */
            const tr_frame_section *one = tr_frame_find(&f, g.sections[s].tag);
            CHECK(one != NULL);
            if (one && strcmp(one->tag, "MODL"))
                CHECK(one->payload.size == g.sections[s].payload.size &&
                      !memcmp(one->payload.data, g.sections[s].payload.data, one->payload.size));
        }
        tr_featurizer x = {.features = &a.features}, y = {.features = &b.features};
        const float embedding_of[SMALL_DIMS] = {1, 0.5f, -0.5f, 2, 0, 1};
        CHECK(tr_featurize_input(&x, tr_str_c("parcel refund hello"), embedding_of, false));
        CHECK(tr_featurize_input(&y, tr_str_c("parcel refund hello"), embedding_of, false));
        for (size_t m = 0; m < a.n; m++) {
            float one[8], two[8], *room = calloc(tr_surrogate_room(&a.model[m]) + 1, sizeof *room);
            tr_surrogate_decide(&a.model[m], tr_featurize_row(&x), room, one);
            tr_surrogate_decide(&b.model[m], tr_featurize_row(&y), room, two);
            CHECK(!memcmp(one, two, LABELS * sizeof *one) && isfinite(one[0]));
            free(room);
        }
        tr_featurize_free(&x);
        tr_featurize_free(&y);
        tr_bank_free(&a);
        tr_bank_free(&b);
        tr_frame_free(&f);
        tr_frame_free(&g);
        tr_buf_free(&bytes);
        tr_buf_free(&again);
    }
}

static int refused(const tr_buf *b, const char *tag)
{
    tr_buf part = without(b, tag);
    int is = part.size < b->size && read_of(&part, LABELS) == TR_DATA;
    tr_buf_free(&part);
    return is;
}

static void parts_must_fit_one_another(void)
{
    tr_buf both = stream_of(SMALL_BOTH, "svm,lda"), text = stream_of(SMALL_TEXT, "svm,knn");
    tr_buf numbers = stream_of(SMALL_EMBEDDING, "svm,lda"), plain = stream_of(SMALL_TEXT, "svm");
    CHECK(read_of(&both, LABELS) == TR_OK && read_of(&both, LABELS + 1) == TR_DATA);
    CHECK(refused(&both, "VOCB") && refused(&both, "DENS") && refused(&both, "MODL"));
    CHECK(refused(&text, "VOCB") && refused(&text, "DENS"));
    CHECK(refused(&numbers, "DENS"));
    CHECK(refused(&plain, "VOCB"));
    CHECK(!refused(&both, "NEAR")); /* whether it must be there is the policy's to say */
    tr_buf near = without(&both, "MODL"), alone = without(&near, "VOCB");
    CHECK(read_of(&near, LABELS) == TR_DATA && read_of(&alone, LABELS) == TR_DATA);
    tr_buf_free(&near);
    tr_buf_free(&alone);
    tr_buf_free(&both);
    tr_buf_free(&text);
    tr_buf_free(&numbers);
    tr_buf_free(&plain);
}

/* Models beyond the most that there may be. */
static void too_many_models_are_refused(void)
{
    tr_buf bytes = stream_of(SMALL_TEXT, "svm");
    tr_frame f = opened(&bytes);
    tr_bank a;
    tr_err err = {0};
    CHECK(tr_bank_read(&a, &f, LABELS, &err) == TR_OK && a.n == 1);
    for (size_t n = TR_BANK_MODELS; n <= TR_BANK_MODELS + 1; n++) {
        tr_frame_writer out;
        int fd = memfd_create("bank", 0);
        tr_writer *w = tr_writer_open_fd(fd, "bank", &err);
        CHECK(w && tr_frame_begin(&out, w, TR_FRAME_MODEL, &err) == TR_OK);
        CHECK(tr_bank_write_features(&a.features, &a.near, &out, &err) == TR_OK);
        for (size_t m = 0; m < n; m++)
            CHECK(tr_bank_write_model(&a.model[0], &out, &err) == TR_OK);
        CHECK(tr_frame_end(&out, &err) == TR_OK && tr_writer_close(w, &err) == TR_OK);
        tr_buf many = small_take(fd);
        CHECK(read_of(&many, LABELS) == (n > TR_BANK_MODELS ? TR_DATA : TR_OK));
        tr_buf_free(&many);
    }
    tr_bank_free(&a);
    tr_frame_free(&f);
    tr_buf_free(&bytes);
}

int main(void)
{
    CASE(what_is_written_is_read);
    CASE(parts_must_fit_one_another);
    CASE(too_many_models_are_refused);
    return CHECK_END;
}
