#include "models/surrogate.h"

#include "models.h"

#include <math.h>

static tr_buf written(const tr_surrogate *s)
{
    tr_buf b;
    tr_buf_init(&b);
    tr_surrogate_write(s, &b);
    CHECK(!b.failed);
    return b;
}

static size_t left; /* bytes that the last reading did not use: its caller refuses them */

/* A copy of exactly so many bytes, where the files have it: at a multiple of 64. */
static tr_code read_as(tr_surrogate *s, const tr_buf *b, size_t size, tr_shape shape, void **block)
{
    tr_le_reader r;
    tr_err err = {0};
    *block = aligned_alloc(64, (size / 64 + 1) * 64);
    if (!*block)
        exit(4);
    memcpy(*block, b->data, size);
    tr_le_open(&r, *block, size);
    tr_code code = tr_surrogate_read(s, &r, shape, &err);
    CHECK(code == TR_OK || (code == TR_DATA && *err.message));
    left = tr_le_left(&r);
    return code;
}

static int is_same(const tr_surrogate *a, const tr_surrogate *b)
{
    tr_rng r;
    tr_rng_init(&r, 9);
    size_t room = tr_surrogate_room(a);
    int same = tr_surrogate_room(b) == room;
    for (int turn = 0; turn < 50; turn++) {
        models_numbers x = models_draw_row(&r);
        float *scratch = malloc((room ? room : 1) * sizeof *scratch);
        float *z = malloc(2 * MODELS_WIDTH * sizeof *z); /* exact: the sanitizers see a step out */
        if (!scratch || !z)
            exit(4);
        tr_surrogate_decide(a, models_row(&x), scratch, z);
        tr_surrogate_decide(b, models_row(&x), scratch, z + MODELS_WIDTH);
        same &= !memcmp(z, z + MODELS_WIDTH, MODELS_LABELS * sizeof *z);
        for (int l = 0; l < MODELS_LABELS; l++)
            same &= isfinite(z[l]) != 0;
        free(scratch);
        free(z);
    }
    return same;
}

/* It is the model that it holds, to the bit. */
static void a_surrogate_decides_as_its_model(void)
{
    tr_surrogate s[MODELS_KINDS];
    tr_rng r;
    models_make(s, 1);
    tr_rng_init(&r, 2);
    CHECK(tr_surrogate_room(&s[0]) == 0);
    CHECK(tr_surrogate_room(&s[1]) == tr_network_room(&s[1].network));
    CHECK(tr_surrogate_room(&s[2]) == tr_trees_room(&s[2].trees));
    CHECK(tr_surrogate_room(&s[3]) == tr_neighbours_room(&s[3].neighbours));
    for (int turn = 0; turn < 50; turn++) {
        models_numbers x = models_draw_row(&r);
        tr_row row = models_row(&x);
        for (int k = 0; k < MODELS_KINDS; k++) {
            float z[MODELS_WIDTH], own[MODELS_WIDTH];
            float *scratch = calloc(tr_surrogate_room(&s[k]) + 1, sizeof *scratch);
            tr_surrogate_decide(&s[k], row, scratch, z);
            switch (s[k].kind) {
            case TR_SURROGATE_LINEAR: tr_compact_decide(&s[k].linear, row, own); break;
            case TR_SURROGATE_NETWORK:
                tr_network_decide(&s[k].network, x.dense, scratch, own);
                break;
            case TR_SURROGATE_TREES: tr_trees_decide(&s[k].trees, x.dense, scratch, own); break;
            default: tr_neighbours_decide(&s[k].neighbours, x.dense, scratch, own); break;
            }
            CHECK(!memcmp(z, own, MODELS_LABELS * sizeof *z));
            free(scratch);
        }
    }
    models_free(s);
}

static void what_is_written_is_read(void)
{
    tr_surrogate s[MODELS_KINDS], other[MODELS_KINDS], back;
    models_make(s, 1);
    models_make(other, 2);
    for (int k = 0; k < MODELS_KINDS; k++) {
        tr_buf b = written(&s[k]);
        void *block;
        CHECK(read_as(&back, &b, b.size, models_shape, &block) == TR_OK && !left);
        CHECK(back.kind == s[k].kind && is_same(&s[k], &back) && !is_same(&other[k], &back));
        tr_surrogate_free(&back);
        free(block);
        for (size_t size = 0; size < b.size; size++) {
            CHECK(read_as(&back, &b, size, models_shape, &block) == TR_DATA);
            tr_surrogate_free(&back);
            free(block);
        }
        tr_buf_free(&b);
    }
    models_free(s);
    models_free(other);
}

/* A model must fit the rows that it will see. */
static void what_does_not_fit_is_refused(void)
{
    tr_surrogate s[MODELS_KINDS], back;
    models_make(s, 1);
    for (int k = 0; k < MODELS_KINDS; k++) {
        tr_shape other[5];
        for (int i = 0; i < 5; i++)
            other[i] = models_shape;
        other[0].labels++;
        other[1].columns++;
        other[2].dims++;
        other[3].beside = 0;
        other[4].dims = other[4].beside = 0;
        bool linear = s[k].kind == TR_SURROGATE_LINEAR;
        const bool fits[] = {false, !linear, linear, !linear, false};
        tr_buf b = written(&s[k]);
        for (int i = 0; i < 5; i++) {
            void *block;
            CHECK(read_as(&back, &b, b.size, other[i], &block) == (fits[i] ? TR_OK : TR_DATA));
            tr_surrogate_free(&back);
            free(block);
        }
        for (unsigned char kind = 0; kind < 9; kind++) { /* taken for another kind, or none */
            void *block;
            b.data[0] = (char)kind;
            tr_code code = read_as(&back, &b, b.size, models_shape, &block);
            CHECK((code == TR_OK) == (kind == s[k].kind));
            tr_surrogate_free(&back);
            free(block);
        }
        tr_buf_free(&b);
    }
    models_free(s);
}

/* A byte changed anywhere: refused, or a model that decides without a step outside. */
static void forged_models_do_no_harm(void)
{
    static const unsigned char values[] = {0, 1, 0x7f, 0x80, 0xff};
    tr_surrogate s[MODELS_KINDS], back;
    tr_rng r;
    models_make(s, 1);
    tr_rng_init(&r, 3);
    for (int k = 0; k < MODELS_KINDS; k++) {
        tr_buf b = written(&s[k]);
        size_t taken = 0, refused = 0;
        for (size_t at = 0; at < b.size; at++)
            for (size_t v = 0; v < sizeof values; v++) {
                char kept = b.data[at];
                void *block;
                b.data[at] = (char)values[v];
                if (read_as(&back, &b, b.size, models_shape, &block) == TR_OK) {
                    models_numbers x = models_draw_row(&r);
                    float z[MODELS_WIDTH];
                    float *scratch = malloc((tr_surrogate_room(&back) + 1) * sizeof *scratch);
                    tr_surrogate_decide(&back, models_row(&x), scratch, z);
                    free(scratch);
                    taken++;
                } else {
                    refused++;
                }
                tr_surrogate_free(&back);
                free(block);
                b.data[at] = kept;
            }
        CHECK(taken > 0 && refused > 0);
        tr_buf_free(&b);
    }
    models_free(s);
}

/* The borrowed one may be freed or forgotten: the model stays. */
static void borrowing_leaves_the_owner(void)
{
    tr_surrogate s[MODELS_KINDS];
    models_make(s, 1);
    for (int k = 0; k < MODELS_KINDS; k++) {
        tr_surrogate same = tr_surrogate_borrowed(&s[k]);
        CHECK(is_same(&s[k], &same));
        tr_surrogate_free(&same);
        CHECK(same.kind == TR_SURROGATE_NONE);
        same = tr_surrogate_borrowed(&s[k]);
        CHECK(is_same(&s[k], &same));
    }
    models_free(s);
    tr_surrogate none = tr_surrogate_borrowed(&s[0]);
    CHECK(none.kind == TR_SURROGATE_NONE && tr_surrogate_room(&none) == 0);
    tr_surrogate_free(&none);
}

static void kinds_have_names(void)
{
    for (int k = 0; k <= TR_SURROGATE_NEIGHBOURS; k++)
        CHECK(tr_surrogate_names[k] && *tr_surrogate_names[k]);
    CHECK(!tr_surrogate_names[TR_SURROGATE_NEIGHBOURS + 1]);
}

int main(void)
{
    CASE(a_surrogate_decides_as_its_model);
    CASE(what_is_written_is_read);
    CASE(what_does_not_fit_is_refused);
    CASE(forged_models_do_no_harm);
    CASE(borrowing_leaves_the_owner);
    CASE(kinds_have_names);
    return CHECK_END;
}
