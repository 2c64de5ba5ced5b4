#include "policy/pending.h"

#include "ground/rng.h"

#include <stdlib.h>

#include "check.h"

#define LINE "{\"id\":\"a\",\"label\":null}\n"
enum { MEMBERS = 10 }; /* bytes of it before "label" */

static int line_is(tr_pending *p, uint64_t k, const char *text)
{
    return tr_str_equal(tr_buf_str(&tr_pending_at(p, k)->line), tr_str_c(text));
}

static void answers_and_errors_are_put_in(void)
{
    tr_pending p;
    CHECK(tr_pending_init(&p, 3));
    CHECK(tr_pending_empty(&p) && !tr_pending_full(&p));
    CHECK(tr_pending_ask(&p, tr_str_c(LINE), MEMBERS, 5, 77));
    CHECK(tr_pending_add(&p, tr_str_c("one\n")) && tr_pending_add(&p, tr_str_c("two\n")));
    CHECK(tr_pending_ask(&p, tr_str_c(LINE), MEMBERS, 6, 78));
    CHECK(!tr_pending_full(&p));
    CHECK(tr_pending_ask(&p, tr_str_c(LINE), MEMBERS, 7, 79));
    CHECK(tr_pending_full(&p) && p.tail - p.head == 4 && p.bytes == 3 * strlen(LINE) + 8);
    tr_pending_row *row = tr_pending_find(&p, 6, p.tail);
    CHECK(row == tr_pending_at(&p, 2) && row->since == 78 && row->waits);
    CHECK(!tr_pending_find(&p, 6, 2) && !tr_pending_find(&p, 8, p.tail));
    CHECK(tr_pending_answer(&p, row, tr_str_c("\"x\\ny\"")));
    CHECK(line_is(&p, 2, "{\"id\":\"a\",\"teacher\":\"x\\ny\",\"label\":null}\n"));
    CHECK(!row->waits && !tr_pending_find(&p, 6, p.tail));
    CHECK(tr_pending_fail(&p, tr_pending_at(&p, 0), "teacher: \"no\""));
    CHECK(line_is(&p, 0, "{\"id\":\"a\",\"label\":null,\"error\":\"teacher: \\\"no\\\"\"}\n"));
    CHECK(line_is(&p, 1, "one\ntwo\n"));
    CHECK(tr_pending_full(&p)); /* until they are taken off */
    tr_pending_pop(&p);
    CHECK(!tr_pending_full(&p));
    tr_pending_pop(&p);
    tr_pending_pop(&p);
    CHECK(tr_pending_at(&p, p.head)->waits && p.bytes == strlen(LINE));
    CHECK(tr_pending_answer(&p, tr_pending_at(&p, p.head), tr_str_c("1")));
    tr_pending_pop(&p);
    CHECK(tr_pending_empty(&p) && p.bytes == 0 && p.asking == 0);
    tr_pending_free(&p);
}

/* Rows of one id are answered in turn. */
static void the_same_id_again(void)
{
    tr_pending p;
    CHECK(tr_pending_init(&p, 8));
    for (int k = 0; k < 4; k++)
        CHECK(tr_pending_ask(&p, tr_str_c(LINE), MEMBERS, k == 2 ? 16 : 0, k));
    for (int k = 0; k < 4; k++) {
        if (k == 2)
            continue;
        tr_pending_row *row = tr_pending_find(&p, 0, p.tail);
        CHECK(row && row->since == k);
        CHECK(row && tr_pending_answer(&p, row, tr_str_c("1")));
    }
    CHECK(!tr_pending_find(&p, 0, p.tail) && tr_pending_find(&p, 16, p.tail));
    tr_pending_free(&p);
}

static void bytes_are_bounded(void)
{
    tr_pending p;
    CHECK(tr_pending_init(&p, 8));
    char *large = malloc(1 << 20);
    if (!large)
        exit(4);
    memset(large, 'x', 1 << 20);
    CHECK(tr_pending_ask(&p, tr_str_c(LINE), MEMBERS, 0, 0));
    for (int k = 0; k < 16; k++) {
        CHECK(!tr_pending_full(&p));
        CHECK(tr_pending_add(&p, tr_str_of(large, 1 << 20)));
    }
    CHECK(tr_pending_full(&p) && p.tail - p.head == 2);
    free(large);
    tr_pending_free(&p);
}

/* Against a list that is searched from its beginning. */
static void any_order_comes_out_in_order(void)
{
    enum { WINDOW = 37, ROUNDS = 40000 };
    static struct {
        uint64_t id;
        int waits;
    } plain[ROUNDS];
    tr_pending p;
    tr_rng r;
    uint64_t first = 0, last = 0;
    char expected[64];
    CHECK(tr_pending_init(&p, WINDOW));
    tr_rng_init(&r, 9);
    while (last < ROUNDS || first < last) {
        if (last < ROUNDS && !tr_pending_full(&p) && tr_rng_below(&r, 2)) {
            snprintf(expected, sizeof expected, "{\"n\":%llu,}\n", (unsigned long long)last);
            plain[last].id = tr_rng_below(&r, 60) << 5;
            plain[last].waits = 1;
            CHECK(tr_pending_ask(&p, tr_str_c(expected), strlen(expected) - 2, plain[last].id,
                                 (int64_t)last));
            last++;
        } else if (first < last) {
            uint64_t id = tr_rng_below(&r, 60) << 5, k = first;
            while (k < last && (!plain[k].waits || plain[k].id != id))
                k++;
            tr_pending_row *row = tr_pending_find(&p, id, p.tail);
            CHECK(!row == (k == last) && (!row || row->since == (int64_t)k));
            if (row) {
                plain[k].waits = 0;
                CHECK(tr_pending_answer(&p, row, tr_str_c("1")));
            }
        }
        for (; first < last && !plain[first].waits; first++) {
            CHECK(!tr_pending_empty(&p) && !tr_pending_at(&p, p.head)->waits);
            snprintf(expected, sizeof expected, "{\"n\":%llu,\"teacher\":1,}\n",
                     (unsigned long long)first);
            CHECK(line_is(&p, p.head, expected));
            tr_pending_pop(&p);
        }
        if (check_case_failed)
            break;
    }
    CHECK(tr_pending_empty(&p));
    tr_pending_free(&p);
}

int main(void)
{
    CASE(answers_and_errors_are_put_in);
    CASE(the_same_id_again);
    CASE(bytes_are_bounded);
    CASE(any_order_comes_out_in_order);
    return CHECK_END;
}
