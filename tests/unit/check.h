/* check: the smallest thing that can fail a unit test. Prints TAP. */
#ifndef TR_CHECK_H
#define TR_CHECK_H

#include <stdio.h>
#include <string.h>

__attribute__((unused)) static int check_count, check_failed, check_case_failed;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            check_case_failed = 1;                                                                 \
            printf("# %s:%d: not true: %s\n", __FILE__, __LINE__, #condition);                     \
        }                                                                                          \
    } while (0)

#define CHECK_NEAR(a, b, tolerance)                                                                \
    do {                                                                                           \
        double check_a = (a), check_b = (b);                                                       \
        if (!(check_a - check_b <= (tolerance) && check_b - check_a <= (tolerance))) {             \
            check_case_failed = 1;                                                                 \
            printf("# %s:%d: %s = %.17g, %s = %.17g\n", __FILE__, __LINE__, #a, check_a, #b,       \
                   check_b);                                                                       \
        }                                                                                          \
    } while (0)

/* One named case: runs a function void f(void) and reports it. */
#define CASE(function)                                                                             \
    do {                                                                                           \
        check_case_failed = 0;                                                                     \
        function();                                                                                \
        check_count++;                                                                             \
        check_failed += check_case_failed;                                                         \
        printf("%s %d - %s\n", check_case_failed ? "not ok" : "ok", check_count, #function);       \
        fflush(stdout);                                                                            \
    } while (0)

/* The last line of main. */
#define CHECK_END (printf("1..%d\n", check_count), check_failed ? 1 : 0)

#endif
