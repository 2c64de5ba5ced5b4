#include "models/network.h"

#include "check.h"
#include "maths/dot.h"

#include <math.h>
#include <stdlib.h>

static float *layer(tr_network *m, int k)
{
    return (float *)m->owned + (m->weight[k] - (const float *)m->owned);
}

/* x -> ReLU(x0 - x1), ReLU(x1 - x0 + 1) -> sums and differences */
static tr_network little(void)
{
    const uint32_t size[] = {2, 2, 3};
    tr_network m;
    tr_err err;
    if (tr_network_make(&m, size, 2, &err) != TR_OK)
        exit(4);
    float *a = layer(&m, 0), *b = layer(&m, 1);
    a[0] = 1, a[1] = -1;
    a[8] = -1, a[8 + 1] = 1;
    a[16 + 1] = 1; /* intercepts */
    b[0] = 1, b[1] = 1, b[2] = 0;
    b[8] = 1, b[8 + 1] = -1, b[8 + 2] = 0;
    b[16 + 2] = 0.5f;
    return m;
}

static void decides_by_hand(void)
{
    tr_network m = little();
    float z[8], *scratch = malloc(tr_network_room(&m) * sizeof *scratch);
    tr_network_decide(&m, (const float[]){3, 1}, scratch, z);
    CHECK(z[0] == 2 && z[1] == 2 && z[2] == 0.5f); /* units 2 and 0: the second is cut at 0 */
    tr_network_decide(&m, (const float[]){0, 2}, scratch, z);
    CHECK(z[0] == 3 && z[1] == -3 && z[2] == 0.5f);
    free(scratch);
    tr_network_free(&m);
}

static tr_buf written(const tr_network *m)
{
    tr_buf b;
    tr_buf_init(&b);
    tr_network_write(m, &b);
    if (b.failed)
        exit(4);
    return b;
}

static tr_code read_bytes(const void *data, size_t size, uint32_t labels, uint32_t dims,
                          tr_network *m, size_t *left)
{
    tr_le_reader r;
    tr_err err = {0};
    void *copy = aligned_alloc(64, (size + 64) / 64 * 64); /* so that a read beyond is noticed */
    if (!copy)
        exit(4);
    memcpy(copy, data, size);
    tr_le_open(&r, copy, size);
    tr_code code = tr_network_read(m, &r, labels, dims, &err);
    *left = tr_le_left(&r);
    CHECK(code == TR_OK || *err.message);
    if (code == TR_OK) {
        float z[8], scratch[64] = {0};
        CHECK(tr_network_room(m) <= 64);
        tr_network_decide(m, (const float[]){3, 1}, scratch, z);
        CHECK(z[0] == 2 && z[2] == 0.5f);
    }
    free(copy);
    return code;
}

static void survives_the_file(void)
{
    tr_network m = little(), again;
    tr_buf b = written(&m);
    size_t left;
    CHECK(read_bytes(b.data, b.size, 3, 2, &again, &left) == TR_OK && left == 0);
    CHECK(read_bytes(b.data, b.size, 4, 2, &again, &left) == TR_DATA);
    CHECK(read_bytes(b.data, b.size, 3, 3, &again, &left) == TR_DATA);
    for (size_t cut = 0; cut < b.size; cut++)
        CHECK(read_bytes(b.data, cut, 3, 2, &again, &left) == TR_DATA);
    tr_buf_free(&b);
    tr_network_free(&m);
}

static void hostile_bytes_are_refused(void)
{
    tr_network m = little(), again;
    size_t left;
    static const struct {
        size_t at;
        uint32_t to;
    } bad[] = {{0, 0}, {0, 5},           {0, 0xffffffff},  {8, 0xffffffff},  {8, 0},
               {8, 3}, {12, 0x7fffffff}, {64, 0x7fc00000}, {64, 0x7f800000}, {20, 1}};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        tr_buf b = written(&m);
        memcpy(b.data + bad[k].at, &bad[k].to, 4);
        CHECK(read_bytes(b.data, b.size, 3, 2, &again, &left) == TR_DATA);
        tr_buf_free(&b);
    }
    tr_network_free(&m);
}

static void impossible_sizes_are_refused(void)
{
    tr_network m;
    tr_err err = {0};
    const uint32_t huge[] = {UINT32_MAX, UINT32_MAX, UINT32_MAX};
    CHECK(tr_network_make(&m, huge, 2, &err) != TR_OK);
    CHECK(tr_network_make(&m, huge, 0, &err) != TR_OK);
    CHECK(tr_network_make(&m, huge, TR_NETWORK_LAYERS + 1, &err) != TR_OK);
}

int main(void)
{
    CASE(decides_by_hand);
    CASE(survives_the_file);
    CASE(hostile_bytes_are_refused);
    CASE(impossible_sizes_are_refused);
    return CHECK_END;
}
