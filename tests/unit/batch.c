#include "embed/batch.h"

#include <stdlib.h>

#include "check.h"

static tr_err err;
static const tr_protocol tei = {.api = TR_PROTOCOL_TEI};

/* A batch of these lines, sealed; its rows have the number of their line. */
static tr_batch batch_of(const char *const *lines, size_t n)
{
    tr_batch b = {.n = 0};
    tr_rows rows;
    tr_rows_init(&rows, NULL, true);
    for (size_t i = 0; i < n; i++) {
        tr_row row;
        char copy[100]; /* what the batch keeps is its own */
        snprintf(copy, sizeof copy, "%s", lines[i]);
        tr_str line = tr_str_c(copy);
        CHECK(tr_rows_look(&rows, line, "f", i + 1, &row, &err) == TR_OK);
        CHECK(tr_batch_add(&b, line, &row));
        memset(copy, 'x', sizeof copy);
    }
    tr_rows_free(&rows);
    tr_batch_seal(&b);
    return b;
}

static bool asks(const tr_batch *b, const char *expected)
{
    tr_str texts[8];
    char all[100] = "";
    tr_batch_texts(b, texts);
    for (size_t i = 0; i < b->width; i++) {
        strncat(all, texts[i].data, texts[i].size);
        strcat(all, "|");
    }
    if (strcmp(all, expected) != 0)
        printf("# asks %s\n", all);
    return strcmp(all, expected) == 0;
}

static const char *const lines[] = {
    "{\"input\":\"a\"}",
    "",
    "{\"input\":\"old\",\"embedding\":[1]}",
    "{\"input\":\"\\u0062\"}",
    "{\"input\":\"\",\"embedding\":null}",
    "{\"input\":\"d\"}",
    "{\"input\":\"e\"}",
    "{\"tr-split\":{}}",
};
enum { LINES = sizeof lines / sizeof *lines };

static void at_once(void)
{
    tr_batch b = batch_of(lines, LINES);
    CHECK(b.state == TR_BATCH_READY && b.n == LINES && b.n_texts == 5 && b.width == 5);
    CHECK(asks(&b, "a|b||d|e|"));
    CHECK(tr_batch_first_left(&b)->row.number == 1);
    CHECK(tr_batch_accept(&b, &tei, tr_str_c("[[1],[2],[3],[4]]"), &err) == TR_DATA);
    CHECK(b.done == 0 && b.count == 0);
    CHECK(tr_batch_accept(&b, &tei, tr_str_c("[[1],[2],[3],[4],[5]]"), &err) == TR_OK);
    CHECK(b.state == TR_BATCH_DONE && b.done == 5 && b.dimensions == 1 && b.vectors[4] == 5);
    for (size_t i = 0; i < b.n; i++)
        CHECK(tr_str_equal(tr_str_of(b.lines.data + b.entries[i].line, b.entries[i].size),
                           tr_str_c(lines[i])));
    tr_batch_clear(&b);
    tr_batch_seal(&b);
    CHECK(b.state == TR_BATCH_DONE && b.n == 0);
    tr_batch_free(&b);
}

/* Refused until it is two at a time; the rest then goes in twos. */
static void in_halves(void)
{
    tr_batch b = batch_of(lines, LINES);
    CHECK(tr_batch_halve(&b) && asks(&b, "a|b||"));
    CHECK(tr_batch_halve(&b) && asks(&b, "a|b|"));
    CHECK(tr_batch_accept(&b, &tei, tr_str_c("[[1,1],[2,2]]"), &err) == TR_OK);
    CHECK(b.state == TR_BATCH_READY && asks(&b, "|d|"));
    CHECK(tr_batch_first_left(&b)->row.number == 5);
    CHECK(tr_batch_accept(&b, &tei, tr_str_c("[[3,3,3],[4,4,4]]"), &err) == TR_DATA);
    CHECK(strstr(err.message, "vectors of 2 numbers, now of 3") && b.done == 2 && b.count == 4);
    CHECK(tr_batch_accept(&b, &tei, tr_str_c("[[3,3],[4,4]]"), &err) == TR_OK);
    CHECK(asks(&b, "e|") && !tr_batch_halve(&b) && b.limit == 2);
    CHECK(tr_batch_first_left(&b)->row.number == 7);
    CHECK(tr_batch_accept(&b, &tei, tr_str_c("[[5,6]]"), &err) == TR_OK);
    CHECK(b.state == TR_BATCH_DONE && b.count == 10 && b.vectors[9] == 6);
    tr_batch_free(&b);
}

static void nothing_wanted(void)
{
    tr_batch b = batch_of(lines + 1, 2);
    CHECK(b.state == TR_BATCH_DONE && b.n == 2 && b.n_texts == 0);
    tr_batch_free(&b);
}

int main(void)
{
    CASE(at_once);
    CASE(in_halves);
    CASE(nothing_wanted);
    return CHECK_END;
}
