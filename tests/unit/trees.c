#include "models/trees.h"

#include "check.h"
#include "ground/mem.h"
#include "maths/dot.h"

#include <math.h>
#include <stdlib.h>

enum { LABELS = 3, DIMS = 2 };

/* Two trees: x[0] <= 1 ? {0: .5, 2: .5} : (x[1] <= -2 ? {1: 1} : {0: .25, 1: .75}), and {2: 1}. */
static tr_trees make(tr_trees_kind kind)
{
    static const float base[LABELS] = {0.125f, 0.25f, 0.5f};
    tr_trees_draft d[2] = {{0}};
    tr_trees m;
    tr_err err;
    tr_trees_draft_tree(&d[0]);
    size_t top = tr_trees_draft_split(&d[0], 0, 1);
    tr_trees_draft_leaf(&d[0]);
    tr_trees_draft_entry(&d[0], 0, 0.5f);
    tr_trees_draft_entry(&d[0], 2, 0.5f);
    tr_trees_draft_right(&d[0], top);
    size_t below = tr_trees_draft_split(&d[0], 1, -2);
    tr_trees_draft_leaf(&d[0]);
    tr_trees_draft_entry(&d[0], 1, 1);
    tr_trees_draft_right(&d[0], below);
    tr_trees_draft_leaf(&d[0]);
    tr_trees_draft_entry(&d[0], 0, 0.25f);
    tr_trees_draft_entry(&d[0], 1, 0.75f);
    tr_trees_draft_tree(&d[1]);
    tr_trees_draft_leaf(&d[1]);
    tr_trees_draft_entry(&d[1], 2, 1);
    CHECK(tr_trees_join(&m, kind, LABELS, DIMS, base, d, 2, &err) == TR_OK);
    tr_trees_draft_free(&d[0]);
    tr_trees_draft_free(&d[1]);
    return m;
}

static void rows_fall_to_their_leaves_and_a_tie_goes_left(void)
{
    static const struct {
        float x[DIMS], want[LABELS]; /* sums over both trees */
    } rows[] = {{{1, 9}, {0.5f, 0, 1.5f}},
                {{-3, 0}, {0.5f, 0, 1.5f}},
                {{1.0000001f, -2}, {0, 1, 1}},
                {{2, -1.9999999f}, {0.25f, 0.75f, 1}}};
    tr_trees sums = make(TR_TREES_SUMS), shares = make(TR_TREES_SHARES);
    float z[8];
    CHECK(tr_dot_width(LABELS) == 8);
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        tr_trees_decide(&sums, rows[k].x, NULL, z);
        for (int l = 0; l < LABELS; l++)
            CHECK(z[l] == sums.base[l] + rows[k].want[l]);
        CHECK(z[LABELS] == 0 && z[7] == 0);
        tr_trees_decide(&shares, rows[k].x, NULL, z);
        for (int l = 0; l < LABELS; l++)
            CHECK_NEAR((double)z[l], log((double)(shares.base[l] + rows[k].want[l] / 2)), 1e-6);
        CHECK(z[LABELS] == 0 && z[7] == 0);
    }
    tr_trees_free(&sums);
    tr_trees_free(&shares);
}

static void some_trees_may_be_left_out(void)
{
    tr_trees m = make(TR_TREES_SHARES);
    float z[8], x[DIMS] = {0, 0};
    tr_trees_decide_by(&m, (bool[]){true, false}, x, z);
    CHECK_NEAR((double)z[0], log(0.625), 1e-6);
    CHECK_NEAR((double)z[1], log(0.25), 1e-6);
    tr_trees_decide_by(&m, (bool[]){false, true}, x, z);
    CHECK_NEAR((double)z[0], log(0.125), 1e-6);
    CHECK_NEAR((double)z[2], log(1.5), 1e-6);
    tr_trees_free(&m);
}

/* More trees than are walked side by side, of different depths. */
static void many_trees_are_the_sum_of_each(void)
{
    enum { TREES = 21 };
    tr_trees_draft d = {0};
    tr_trees m;
    tr_err err;
    float base[1] = {0}, z[8];
    for (uint32_t t = 0; t < TREES; t++) { /* a chain: x[0] <= k ? k : further, to depth t */
        tr_trees_draft_tree(&d);
        for (uint32_t k = 0; k < t; k++) {
            size_t at = tr_trees_draft_split(&d, 0, (float)k);
            tr_trees_draft_leaf(&d);
            tr_trees_draft_entry(&d, 0, (float)k);
            tr_trees_draft_right(&d, at);
        }
        tr_trees_draft_leaf(&d);
        tr_trees_draft_entry(&d, 0, (float)t);
    }
    CHECK(tr_trees_join(&m, TR_TREES_SUMS, 1, 1, base, &d, 1, &err) == TR_OK);
    for (int x = 0; x < TREES + 2; x++) {
        float want = 0;
        for (int t = 0; t < TREES; t++)
            want += (float)(x < t ? x : t);
        tr_trees_decide(&m, (float[]){(float)x}, NULL, z);
        CHECK(z[0] == want);
    }
    tr_trees_free(&m);
    tr_trees_draft_free(&d);
}

static tr_code read_bytes(tr_trees *m, const void *data, size_t size)
{
    tr_le_reader r;
    tr_err err;
    tr_le_open(&r, data, size);
    return tr_trees_read(m, &r, LABELS, DIMS, &err);
}

static void it_reads_back_and_refuses_what_is_cut_or_does_not_fit(void)
{
    for (int kind = 0; kind < 2; kind++) {
        tr_trees m = make(kind ? TR_TREES_SUMS : TR_TREES_SHARES), back;
        tr_buf b;
        tr_le_reader r;
        tr_err err;
        tr_buf_init(&b);
        tr_trees_write(&m, &b);
        CHECK(!b.failed && b.size % 8 == 0 && read_bytes(&back, b.data, b.size) == TR_OK);
        CHECK(!back.owned && back.kind == m.kind && back.trees == 2);
        for (float x = -3; x < 4; x++) {
            float z[8], again[8];
            tr_trees_decide(&m, (float[]){x, -x}, NULL, z);
            tr_trees_decide(&back, (float[]){x, -x}, NULL, again);
            CHECK(!memcmp(z, again, sizeof z));
        }
        for (size_t size = 0; size < b.size; size++)
            CHECK(read_bytes(&back, b.data, size) == TR_DATA);
        tr_le_open(&r, b.data, b.size);
        CHECK(tr_trees_read(&back, &r, LABELS + 1, DIMS, &err) == TR_DATA);
        tr_le_open(&r, b.data, b.size);
        CHECK(tr_trees_read(&back, &r, LABELS, DIMS + 1, &err) == TR_DATA);
        tr_buf_free(&b);
        tr_trees_free(&m);
    }
}

/* One word of the file becomes another; what is read then must not be. */
static void no_walk_can_leave_the_arrays(void)
{
    enum { HEAD = 6, BASE = HEAD, ROOT = BASE + LABELS, NODE = ROOT + 2, ENTRY = NODE + 6 * 3 };
    static const struct {
        size_t word;
        uint32_t to;
        const char *what;
    } bad[] = {{0, 2, "a kind that there is not"},
               {3, 3, "one tree too many"},
               {4, 7, "one node too many"},
               {5, 0xffffffff, "far too many entries"},
               {BASE, 0x7fc00000, "a base that is no number"},
               {BASE, 0, "no base for shares"},
               {ROOT, 5, "a first tree that is empty"},
               {ROOT + 1, 6, "a last tree that is empty"},
               {ROOT + 1, 0, "two trees at one place"},
               {NODE, DIMS, "a feature that there is not"},
               {NODE, 0xfffffffe, "a negative feature"},
               {NODE + 1, 0, "a circle"},
               {NODE + 1, 1, "a right child that is the left one"},
               {NODE + 1, 5, "a child in the next tree"},
               {NODE + 6 + 1, 2, "a child that is its own parent"},
               {NODE + 2, 0x7f800000, "an infinite threshold"},
               {NODE + 2, 0x7fc00000, "a threshold that is no number"},
               {NODE + 3 + 1, 6, "a leaf that ends behind the entries"},
               {NODE + 3 + 2, 7, "a leaf with more entries than there are"},
               {NODE + 3 + 2, 0xffffffff, "a leaf with far more entries"},
               {NODE + 15, 0, "a split at the end of a tree"},
               {ENTRY, LABELS, "a label that there is not"},
               {ENTRY + 2, 0, "a label named twice"},
               {ENTRY + 1, 0x7fc00000, "a share that is no number"},
               {ENTRY + 1, 0xbf000000, "a negative share"},
               {ENTRY + 1, 0x7f800000, "an infinite share"}};
    tr_trees m = make(TR_TREES_SHARES), back;
    tr_buf b;
    tr_buf_init(&b);
    tr_trees_write(&m, &b);
    CHECK(b.size / 4 == ENTRY + 2 * 6 + 1); /* one word of padding */
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        uint32_t kept;
        char *at = b.data + bad[k].word * 4;
        memcpy(&kept, at, 4);
        memcpy(at, &bad[k].to, 4);
        if (read_bytes(&back, b.data, b.size) != TR_DATA) {
            printf("# not refused: %s\n", bad[k].what);
            CHECK(false);
        }
        memcpy(at, &kept, 4);
    }
    CHECK(read_bytes(&back, b.data, b.size) == TR_OK);
    tr_buf_free(&b);
    tr_trees_free(&m);
}

/* Whatever a bit becomes: refused, or walked without leaving the arrays (the sanitizers watch). */
static void every_flipped_bit_is_refused_or_harmless(void)
{
    tr_trees m = make(TR_TREES_SUMS), back;
    tr_buf b;
    tr_buf_init(&b);
    tr_trees_write(&m, &b);
    size_t refused = 0;
    for (size_t bit = 0; bit < b.size * 8; bit++) {
        float z[8];
        b.data[bit / 8] ^= (char)(1 << bit % 8);
        if (read_bytes(&back, b.data, b.size) != TR_OK)
            refused++;
        else
            for (float x = -3; x < 4; x++) {
                tr_trees_decide(&back, (float[]){x, -x}, NULL, z);
                CHECK(isfinite(z[0]) && isfinite(z[1]) && isfinite(z[2]));
            }
        b.data[bit / 8] ^= (char)(1 << bit % 8);
    }
    CHECK(refused > b.size * 2);
    tr_buf_free(&b);
    tr_trees_free(&m);
}

int main(void)
{
    CASE(rows_fall_to_their_leaves_and_a_tie_goes_left);
    CASE(some_trees_may_be_left_out);
    CASE(many_trees_are_the_sum_of_each);
    CASE(it_reads_back_and_refuses_what_is_cut_or_does_not_fit);
    CASE(no_walk_can_leave_the_arrays);
    CASE(every_flipped_bit_is_refused_or_harmless);
    return CHECK_END;
}
