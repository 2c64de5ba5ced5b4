/* The counts in a report: what is taken is written again to the byte, and can be added up.
 *
 * Each input is read twice: as it is, and with its checksum put right, so that the mutations get
 * behind it. */
#include "audit/ledger.h"
#include "ground/hash.h"

#include <string.h>

#include "driver.h"

/* As a report of whatever was counted: its own sum with itself is one too, unless it is too large
 * to be. */
static void use(const tr_audit *a, tr_str bytes)
{
    tr_audit twice, back;
    tr_err err = {0};
    tr_buf b;
    tr_buf_init(&b);
    HOLDS(tr_ledger_write(a, &b, &err) == TR_OK && tr_str_equal(tr_buf_str(&b), bytes));
    HOLDS(tr_audit_init(&twice, &a->promise, a->by, &err) == TR_OK);
    HOLDS(tr_audit_merge(&twice, a, &err) == TR_OK);
    tr_buf_clear(&b);
    HOLDS(tr_ledger_write(&twice, &b, &err) == TR_OK && tr_str_equal(tr_buf_str(&b), bytes));
    HOLDS(tr_audit_merge(&twice, a, &err) == TR_OK);
    tr_buf_clear(&b);
    HOLDS(tr_ledger_write(&twice, &b, &err) == TR_OK);
    if (tr_ledger_read(&back, tr_buf_str(&b), "twice", &err) == TR_OK)
        tr_audit_free(&back);
    else
        HOLDS(twice.handled + twice.deferred > UINT64_C(1) << 53 ||
              tr_sum_full(&twice.tally.handled));
    tr_buf_free(&b);
    tr_audit_free(&twice);
}

static void run(tr_str bytes)
{
    tr_audit a;
    tr_err err = {0};
    if (tr_ledger_read(&a, bytes, "input", &err) == TR_OK) {
        use(&a, bytes);
        tr_audit_free(&a);
    } else {
        HOLDS(err.code == TR_DATA && !strncmp(err.message, "input: ", 7));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *own = tr_mem_array(size, 1);
    HOLDS(own);
    if (size)
        memcpy(own, data, size);
    run(tr_str_of(own, size));
    if (size >= 8) {
        uint64_t sum = tr_checksum(own, size - 8);
        memcpy(own + size - 8, &sum, 8);
        run(tr_str_of(own, size));
    }
    free(own);
    return 0;
}

#ifndef TR_LIBFUZZER

/* The counts of some rows that differ in all that is counted. */
static tr_buf sample(uint64_t rows)
{
    static const char *const label[] = {"a", "b\xC3\xA9", ""};
    const tr_promise promise = {.there = true, .alpha = 0.9, .delta = 0.05, .member = "svm"};
    tr_audit a;
    tr_err err;
    tr_buf out;
    tr_buf_init(&out);
    HOLDS(tr_audit_init(&a, &promise, "key", &err) == TR_OK);
    for (uint64_t i = 0; i < rows; i++) {
        tr_outcome o = {.handled = i % 3, .shadow = i % 2, .key = i * 77, .propensity = 1};
        o.score = (uint32_t)(i * 123457 % 1000000);
        o.teacher = o.truth = o.would = tr_str_c(label[i % 3]);
        o.by = tr_str_c(label[i * i % 3]);
        o.input = tr_str_c("where is my card");
        if (o.handled) {
            o.label = o.would = tr_str_c(label[i / 3 % 3]);
            o.stage = 1 + i % 2;
            o.propensity = 0.25;
        } else {
            o.why = TR_WHY_LOW;
        }
        HOLDS(tr_audit_add(&a, &o, &err) == TR_OK);
    }
    HOLDS(tr_ledger_write(&a, &out, &err) == TR_OK);
    tr_audit_free(&a);
    return out;
}

int main(int argc, char **argv)
{
    tr_buf b[] = {sample(0), sample(1), sample(12)};
    const tr_str samples[] = {tr_buf_str(&b[0]), tr_buf_str(&b[1]), tr_buf_str(&b[2])};
    int status = fuzz_main(argc, argv, samples, sizeof samples / sizeof *samples,
                           "\x01\x02\x03\x04\x80\xFF\x40key", 500);
    for (size_t i = 0; i < sizeof b / sizeof *b; i++)
        tr_buf_free(&b[i]);
    return status;
}
#endif
