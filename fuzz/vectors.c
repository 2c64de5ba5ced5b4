/* .vec files: what is accepted gives embeddings of finite numbers, of length 1 or all zeros. */
#include "embed/vectors.h"

#include <math.h>

#include "driver.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static float row[TR_VECTORS_MOST];
    tr_str bytes = tr_str_of((const char *)data, size);
    tr_err err = {0};
    tr_vectors *v = tr_vectors_open(bytes, "input", &err);
    if (!v) {
        HOLDS(err.code == TR_DATA && err.message[0]);
        return 0;
    }
    tr_vectors_about a = tr_vectors_tell(v);
    HOLDS(a.dimensions >= 1 && a.dimensions <= TR_VECTORS_MOST);
    HOLDS(a.words >= 1 && a.words + a.doubled + a.odd == a.rows);
    HOLDS(a.rows <= size / 2 / a.dimensions);
    /* the file as a text has most of its words */
    const tr_str texts[] = {bytes, tr_str_c("the cat"), tr_str_c("")};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        size_t known;
        double square = 0;
        HOLDS(tr_vectors_embed(v, texts[i], row, &known, &err) == TR_OK);
        for (uint32_t k = 0; k < a.dimensions; k++) {
            HOLDS(isfinite(row[k]));
            square += (double)row[k] * (double)row[k];
        }
        HOLDS(square == 0 || (known > 0 && fabs(square - 1) < 1e-4));
    }
    tr_vectors_close(v);
    return 0;
}

#ifndef TR_LIBFUZZER
int main(int argc, char **argv)
{
    const tr_str samples[] = {
        tr_str_c("3 2\nthe 0.5 -0.25\ncat 1e-3 7\nred 2 2\n"),
        tr_str_c("the 0.12345 -1.5 2 \r\ncat 1E+5 -3.4028234e38 1e-45 \r\n"),
        tr_str_c("\xef\xbb\xbf"
                 "4 1\n</s> 0\nThe\t1\nthe 2\n\xc3\x9f 12345678901234567890\n"),
        tr_str_c("at me@example.org 1 0\n. . . 0 1\nwe 0.00000000000000001 1\n"),
    };
    return fuzz_main(argc, argv, samples, sizeof samples / sizeof *samples,
                     "0123456789.-+eE \t\n\rnaif\xff\xc3", 4000);
}
#endif
