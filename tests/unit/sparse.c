#include "maths/sparse.h"

#include "check.h"

static void rows_come_back(void)
{
    tr_sparse m = {0};
    uint32_t index[100];
    float value[100];
    for (uint32_t i = 0; i < 100; i++) {
        index[i] = 1000 - i;
        value[i] = (float)i / 8;
    }
    for (size_t r = 0; r < 300; r++)
        CHECK(tr_sparse_add(&m, (tr_sparse_row){index, value, r % 100}));
    CHECK(m.rows == 300);
    for (size_t r = 0; r < 300; r++) {
        tr_sparse_row row = tr_sparse_at(&m, r);
        CHECK(row.n == r % 100);
        CHECK(!memcmp(row.index, index, row.n * sizeof *index));
        CHECK(!memcmp(row.value, value, row.n * sizeof *value));
    }
    tr_sparse_free(&m);
    CHECK(m.rows == 0 && !m.start && !m.index && !m.value);
}

static void a_first_row_may_be_empty(void)
{
    tr_sparse m = {0};
    CHECK(tr_sparse_add(&m, (tr_sparse_row){NULL, NULL, 0}));
    CHECK(m.rows == 1 && tr_sparse_at(&m, 0).n == 0);
    tr_sparse_free(&m);
    tr_sparse_free(&m);
}

int main(void)
{
    CASE(rows_come_back);
    CASE(a_first_row_may_be_empty);
    return CHECK_END;
}
