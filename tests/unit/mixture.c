#include "models/mixture.h"

#include "models.h"

#include <math.h>

static tr_surrogate models[MODELS_KINDS];

static uint32_t largest(const float *z)
{
    uint32_t best = 0;
    for (uint32_t l = 1; l < MODELS_LABELS; l++)
        best = z[l] > z[best] ? l : best;
    return best;
}

static tr_softmax_summary decide(const tr_mixture *m, const models_numbers *x, float *z)
{
    size_t room = tr_mixture_room(m, models, MODELS_LABELS);
    float *scratch = malloc(room * sizeof *scratch); /* exact: the sanitizers see a step out */
    tr_softmax_summary s;
    if (!scratch)
        exit(4);
    CHECK(room >= MODELS_WIDTH);
    tr_mixture_decide(m, models, MODELS_LABELS, models_row(x), scratch, &s);
    memcpy(z, scratch, MODELS_LABELS * sizeof *z);
    free(scratch);
    return s;
}

/* The values are the weighted sum of the parts' in their order, the summary is of the values, and
 * agreement counts the parts that would have said the same. */
static void it_is_the_weighted_sum(void)
{
    tr_rng r;
    tr_rng_init(&r, 5);
    int differ = 0;
    for (uint32_t n = 1; n <= TR_MIXTURE_PARTS; n++)
        for (int turn = 0; turn < 30; turn++) {
            tr_mixture m = {.n = n};
            for (uint32_t k = 0; k < n; k++) { /* a part may come twice */
                m.model[k] = (uint32_t)tr_rng_below(&r, MODELS_KINDS);
                m.weight[k] = n == 1 && turn % 2 ? 1 : (float)(0.1 + tr_rng_unit(&r));
            }
            models_numbers x = models_draw_row(&r);
            float z[MODELS_LABELS], sum[MODELS_LABELS] = {0}, scratch[MODELS_LABELS];
            tr_softmax_summary got = decide(&m, &x, z), own;
            uint32_t said[TR_MIXTURE_PARTS], same = 0;
            for (uint32_t k = 0; k < n; k++) {
                float part[MODELS_WIDTH];
                const tr_surrogate *s = &models[m.model[k]];
                float *room = calloc(tr_surrogate_room(s) + 1, sizeof *room);
                tr_surrogate_decide(s, models_row(&x), room, part);
                free(room);
                said[k] = largest(part);
                for (uint32_t l = 0; l < MODELS_LABELS; l++) {
                    float product = m.weight[k] * part[l];
                    sum[l] += product;
                }
            }
            CHECK(!memcmp(z, sum, sizeof z));
            tr_softmax_summarize(sum, MODELS_LABELS, scratch, &own);
            for (uint32_t k = 0; k < n; k++)
                same += said[k] == own.label;
            own.agreement = (float)same / (float)n;
            differ += same < n;
            CHECK(!memcmp(&got, &own, sizeof own));
            CHECK(n > 1 || got.agreement == 1);
        }
    CHECK(differ > 50);
}

static tr_code read_back(const tr_mixture *m, size_t among, tr_mixture *back, tr_buf *b)
{
    tr_le_reader r;
    tr_err err = {0};
    tr_buf_clear(b);
    tr_mixture_write(m, b);
    CHECK(!b->failed && b->size % 8 == 0);
    tr_le_open(&r, b->data, b->size);
    tr_code code = tr_mixture_read(back, &r, among, &err);
    CHECK(code == TR_OK ? tr_le_left(&r) == 0 : *err.message != 0);
    return code;
}

static void it_reads_back_and_refuses_what_is_not_there(void)
{
    tr_mixture m = {.n = TR_MIXTURE_PARTS}, back;
    tr_buf b;
    tr_buf_init(&b);
    for (uint32_t k = 0; k < m.n; k++) {
        m.model[k] = k * 7 % 20;
        m.weight[k] = 0.5f + (float)k;
    }
    for (m.n = 1; m.n <= TR_MIXTURE_PARTS; m.n++) {
        uint32_t most = 0;
        CHECK(read_back(&m, 20, &back, &b) == TR_OK && back.n == m.n);
        CHECK(!memcmp(back.model, m.model, m.n * sizeof *m.model));
        CHECK(!memcmp(back.weight, m.weight, m.n * sizeof *m.weight));
        for (uint32_t k = 0; k < m.n; k++)
            most = m.model[k] > most ? m.model[k] : most;
        CHECK(read_back(&m, most + 1, &back, &b) == TR_OK);
        CHECK(read_back(&m, most, &back, &b) == TR_DATA); /* one model too few */
        for (size_t size = 0; size < b.size; size++) {
            tr_le_reader r;
            tr_err err;
            tr_le_open(&r, b.data, size);
            CHECK(tr_mixture_read(&back, &r, 20, &err) == TR_DATA);
        }
    }
    m.n = 3;
    m.weight[2] = NAN;
    CHECK(read_back(&m, 20, &back, &b) == TR_DATA);
    m.weight[2] = -INFINITY;
    CHECK(read_back(&m, 20, &back, &b) == TR_DATA);
    m.weight[2] = 1;
    CHECK(read_back(&m, 20, &back, &b) == TR_OK);
    static const uint32_t counts[] = {0, TR_MIXTURE_PARTS + 1, UINT32_MAX};
    for (int k = 0; k < 3; k++) {
        tr_le_reader r;
        tr_err err;
        tr_buf_clear(&b);
        tr_le_put_u32(&b, counts[k]);
        tr_buf_add_zero(&b, 400);
        tr_le_open(&r, b.data, b.size);
        CHECK(tr_mixture_read(&back, &r, 20, &err) == TR_DATA);
    }
    tr_buf_free(&b);
}

int main(void)
{
    models_make(models, 3);
    CASE(it_is_the_weighted_sum);
    CASE(it_reads_back_and_refuses_what_is_not_there);
    models_free(models);
    return CHECK_END;
}
