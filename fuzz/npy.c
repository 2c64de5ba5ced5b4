/* .npy files: whatever is accepted is whole, and every number of it is finite. */
#include "doors/npy.h"

#include <math.h>
#include <string.h>

#include "driver.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static float row[TR_NPY_MOST_COLUMNS];
    tr_npy f;
    tr_err err = {0};
    if (tr_npy_open(&f, tr_str_of((const char *)data, size), "input", &err) != TR_OK) {
        HOLDS(err.code == TR_DATA && err.message[0]);
        return 0;
    }
    HOLDS(f.columns >= 1 && f.columns <= TR_NPY_MOST_COLUMNS);
    HOLDS(f.rows <= size / 2 / f.columns);
    for (uint64_t i = 0; i < f.rows; i++) {
        tr_npy_row(&f, i, row);
        for (uint32_t c = 0; c < f.columns; c++)
            HOLDS(isfinite(row[c]));
    }
    return 0;
}

#ifndef TR_LIBFUZZER
int main(int argc, char **argv)
{
#define SAMPLE(start, header, numbers)                                                             \
    tr_str_of(start header numbers, sizeof(start header numbers) - 1)
    const tr_str samples[] = {
        SAMPLE("\x93NUMPY\1\0\x3c\0",
               "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }\n",
               "\0\0\x80\x3f\0\0\x20\xc0"),
        SAMPLE("\x93NUMPY\2\0\x3c\0\0\0",
               "{'descr': '<f2', 'fortran_order': False, 'shape': (1, 3), }\n",
               "\0\x3c\0\x7b\x01\x80"),
        SAMPLE("\x93NUMPY\3\0\x3c\0\0\0",
               "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 1), }\n",
               "\0\0\0\0\0\0\xf0\x3f\0\0\0\0\0\0\xef\x47"),
    };
    return fuzz_main(argc, argv, samples, sizeof samples / sizeof *samples,
                     "{}()[]'\",: 0123456789LfFTruetO<>|\\\n\xff\x7f\x80", 4000);
}
#endif
