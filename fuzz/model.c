/* Models of every kind: what is taken stays within its bytes, and decides on
 * any row of its shape. */
#include "models/surrogate.h"

#include "models.h"

#include <math.h>
#include <string.h>

#include "driver.h"

enum { BEGIN = 64 }; /* files have a model at a multiple of this */

/* Weights may be any finite number, and so may the sums of very large ones be
 * none. */
static const float MODERATE = 1e6f;

static bool are_moderate(const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabsf(x[i]) <= MODERATE))
            return false;
    return true;
}

static bool is_moderate(const tr_surrogate *s)
{
    bool moderate = true;
    if (s->kind == TR_SURROGATE_LINEAR)
        return are_moderate(s->linear.scale, (size_t)s->linear.columns + s->linear.dims + 1);
    for (uint32_t k = 0; s->kind == TR_SURROGATE_NETWORK && k < s->network.layers; k++)
        moderate &= are_moderate(s->network.weight[k], ((size_t)s->network.size[k] + 1) *
                                                           tr_dot_width(s->network.size[k + 1]));
    return moderate;
}

static void check_decisions(const tr_surrogate *s)
{
    size_t room = tr_surrogate_room(s);
    float *scratch = tr_mem_array(room, sizeof *scratch);
    float *z = tr_mem_array(2 * MODELS_WIDTH, sizeof *z), *again = z + MODELS_WIDTH;
    tr_rng r;
    tr_rng_init(&r, 1);
    HOLDS(scratch && z);
    for (int turn = 0; turn < 4; turn++) {
        models_numbers x = models_draw_row(&r);
        if (turn == 3)
            x = (models_numbers){.index = {0, 3, 6}};
        memset(scratch, 0xff, room * sizeof *scratch); /* what lay there before must not matter */
        tr_surrogate_decide(s, models_row(&x), scratch, z);
        tr_surrogate_decide(s, models_row(&x), scratch, again);
        for (int l = 0; l < MODELS_LABELS; l++)
            HOLDS(!is_moderate(s) || (isfinite(z[l]) && z[l] == again[l]));
    }
    free(scratch);
    free(z);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tr_surrogate s;
    tr_le_reader r;
    tr_err err = {0};
    void *block = NULL;
    /* the bytes end where the block ends, so that the sanitizers see a step out
     */
    HOLDS(posix_memalign(&block, BEGIN, size ? size : 1) == 0);
    if (size)
        memcpy(block, data, size);
    tr_le_open(&r, block, size);
    if (tr_surrogate_read(&s, &r, models_shape, &err) == TR_OK) {
        tr_buf b;
        HOLDS(s.kind >= TR_SURROGATE_LINEAR && s.kind <= TR_SURROGATE_NEIGHBOURS);
        HOLDS(*tr_surrogate_names[s.kind]);
        check_decisions(&s);
        tr_buf_init(&b); /* written again it is what was read */
        tr_surrogate_write(&s, &b);
        HOLDS(!b.failed && b.size == size - tr_le_left(&r) && !memcmp(b.data, data, b.size));
        tr_buf_free(&b);
    } else {
        HOLDS(err.code == TR_DATA && err.message[0]);
    }
    tr_surrogate_free(&s);
    free(block);
    return 0;
}

#ifndef TR_LIBFUZZER
enum { SAMPLES = MODELS_KINDS + 3 };

/* Neighbours in cells, more than one search looks at. */
static void neighbours_in_cells(tr_surrogate *s, tr_rng *r)
{
    enum { ROWS = 700, CELLS = 4 };
    static const uint32_t start[CELLS + 1] = {0, 200, 200, 550, ROWS};
    float x[ROWS * MODELS_DIMS], middle[CELLS * MODELS_DIMS];
    uint32_t label[ROWS];
    tr_neighbours_cells in = {CELLS, start, middle};
    tr_err err;
    for (int i = 0; i < CELLS * MODELS_DIMS; i++)
        middle[i] = models_draw(r);
    for (int i = 0; i < ROWS * MODELS_DIMS; i++)
        x[i] = models_draw(r);
    for (int i = 0; i < ROWS; i++)
        label[i] = (uint32_t)tr_rng_below(r, MODELS_LABELS);
    s->kind = TR_SURROGATE_NEIGHBOURS;
    HOLDS(tr_neighbours_make(&s->neighbours, x, label, ROWS, MODELS_DIMS, MODELS_LABELS, 20, 18,
                             &in, &err) == TR_OK);
}

/* A network of one layer, and trees whose values are summed. */
static void other_forms(tr_surrogate *s, tr_rng *r)
{
    static const uint32_t size[] = {MODELS_DIMS, MODELS_LABELS};
    static const float base[MODELS_LABELS] = {-1, 0, 1};
    tr_trees_draft d = {0};
    tr_err err;
    s[0].kind = TR_SURROGATE_NETWORK;
    HOLDS(tr_network_make(&s[0].network, size, 1, &err) == TR_OK);
    for (int i = 0; i < (MODELS_DIMS + 1) * MODELS_WIDTH; i++)
        ((float *)s[0].network.owned)[i] = models_draw(r);
    for (uint32_t l = 0; l < MODELS_LABELS; l++) {
        tr_trees_draft_tree(&d);
        size_t of = tr_trees_draft_split(&d, l % MODELS_DIMS, models_draw(r));
        tr_trees_draft_leaf(&d);
        tr_trees_draft_entry(&d, l, models_draw(r));
        tr_trees_draft_right(&d, of);
        tr_trees_draft_leaf(&d);
        tr_trees_draft_entry(&d, l, models_draw(r));
    }
    s[1].kind = TR_SURROGATE_TREES;
    HOLDS(tr_trees_join(&s[1].trees, TR_TREES_SUMS, MODELS_LABELS, MODELS_DIMS, base, &d, 1,
                        &err) == TR_OK);
    tr_trees_draft_free(&d);
}

int main(int argc, char **argv)
{
    static const char telling[] = "\0\1\2\3\4\5\7\x08\x14\x3f\x40\x7f\x80\xbf\xc0\xff";
    tr_surrogate s[SAMPLES] = {0};
    tr_buf b[SAMPLES];
    tr_str samples[SAMPLES];
    tr_rng r;
    models_make(s, 1);
    tr_rng_init(&r, 2);
    neighbours_in_cells(&s[MODELS_KINDS], &r);
    other_forms(&s[MODELS_KINDS + 1], &r);
    for (int k = 0; k < SAMPLES; k++) {
        tr_buf_init(&b[k]);
        tr_surrogate_write(&s[k], &b[k]);
        HOLDS(!b[k].failed);
        samples[k] = tr_buf_str(&b[k]);
    }
    int status = fuzz_main(argc, argv, samples, SAMPLES, telling + 1, 10000);
    for (int k = 0; k < SAMPLES; k++) {
        tr_surrogate_free(&s[k]);
        tr_buf_free(&b[k]);
    }
    return status;
}
#endif
