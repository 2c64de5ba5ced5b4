#include "check.h"
#include "ground/err.h"
#include "ground/mem.h"

#include <errno.h>
#include <stdlib.h>

static void strings_compare_by_bytes(void)
{
    tr_str a = tr_str_c("abc"), ab = tr_str_of("abc", 2), high = tr_str_c("\xff");
    CHECK(tr_str_equal(a, tr_str_of("abcd", 3)) && !tr_str_equal(a, ab));
    CHECK(tr_str_compare(ab, a) < 0 && tr_str_compare(a, ab) > 0 && tr_str_compare(a, a) == 0);
    CHECK(tr_str_compare(a, high) < 0);
    CHECK(tr_str_c(NULL).size == 0 && tr_str_c(NULL).data != NULL);
    CHECK(tr_str_equal(tr_str_of(NULL, 0), tr_str_c("")));
}

static void sizes_that_overflow_are_refused(void)
{
    size_t product;
    CHECK(tr_mem_multiply(SIZE_MAX, 1, &product) && product == SIZE_MAX);
    CHECK(!tr_mem_multiply(SIZE_MAX / 2 + 1, 2, &product));
    CHECK(!tr_mem_array(SIZE_MAX / 2 + 1, 2) && !tr_mem_zero(SIZE_MAX / 8, 16));
    CHECK(!tr_mem_more(NULL, SIZE_MAX, SIZE_MAX) && !tr_mem_array(SIZE_MAX - 8, 1));
    void *nothing = tr_mem_array(0, 8), *zero = tr_mem_zero(0, 0);
    CHECK(nothing && zero);
    free(nothing);
    free(zero);
}

static void reserve_grows_and_keeps(void)
{
    int *x = NULL;
    void *array = NULL;
    size_t capacity = 0, growths = 0;
    for (int i = 0; i < 10000; i++) {
        size_t before = capacity;
        CHECK(tr_mem_reserve(&array, &capacity, (size_t)i + 1, sizeof *x));
        CHECK(capacity >= (size_t)i + 1);
        growths += capacity != before;
        x = array;
        x[i] = i;
    }
    for (int i = 0; i < 10000; i++)
        CHECK(x[i] == i);
    CHECK(growths < 15);
    size_t kept = capacity;
    CHECK(!tr_mem_reserve(&array, &capacity, SIZE_MAX / 2, sizeof *x));
    CHECK(!tr_mem_reserve(&array, &capacity, SIZE_MAX, 1));
    CHECK(array == x && capacity == kept);
    free(array);
}

static void arena_pieces_are_apart_and_aligned(void)
{
    tr_arena a = {0};
    for (int round = 0; round < 3; round++) {
        unsigned char *pieces[2000];
        size_t sizes[2000];
        for (size_t i = 0; i < 2000; i++) {
            sizes[i] = i % 97 == 96 ? 70000 + i : i % 53;
            pieces[i] = tr_arena_alloc(&a, sizes[i], 1);
            CHECK(pieces[i] && (uintptr_t)pieces[i] % 16 == 0);
            if (!pieces[i])
                return;
            memset(pieces[i], (int)(i & 255), sizes[i]);
        }
        for (size_t i = 0; i < 2000; i++) {
            size_t overwritten = 0;
            for (size_t j = 0; j < sizes[i]; j++)
                overwritten += pieces[i][j] != (i & 255);
            CHECK(overwritten == 0);
        }
        tr_arena_reset(&a);
    }
    CHECK(!tr_arena_alloc(&a, SIZE_MAX / 2, 4) && !tr_arena_alloc(&a, SIZE_MAX - 4, 1));
    CHECK(tr_arena_alloc(&a, 8, 1) != NULL);
    tr_arena_free(&a);
    tr_arena_free(&a);
}

static void arena_copies_end_in_nul(void)
{
    tr_arena a;
    tr_arena_init(&a);
    bool ok = false;
    char text[] = "label";
    tr_str copy = tr_arena_copy(&a, tr_str_of(text, 3), &ok);
    text[0] = 'x';
    CHECK(ok && copy.size == 3 && !strcmp(copy.data, "lab"));
    ok = false;
    copy = tr_arena_copy(&a, tr_str_of(NULL, 0), &ok);
    CHECK(ok && copy.size == 0 && copy.data[0] == '\0');
    copy = tr_arena_copy(&a, tr_str_of(text, SIZE_MAX), &ok);
    CHECK(!ok && copy.size == 0);
    tr_arena_free(&a);
}

static void buffer_appends(void)
{
    tr_buf b;
    tr_buf_init(&b);
    CHECK(tr_buf_str(&b).size == 0 && tr_buf_str(&b).data);
    tr_buf_add(&b, NULL, 0);
    tr_buf_add_c(&b, "ab");
    tr_buf_add_char(&b, 'c');
    tr_buf_add_str(&b, tr_str_of("defg", 2));
    tr_buf_add_zero(&b, 3);
    CHECK(b.size == 8 && !memcmp(b.data, "abcde\0\0\0", 8));
    for (int i = 0; i < 10000; i++)
        tr_buf_add_c(&b, "0123456789");
    CHECK(!b.failed && b.size == 100008 && b.data[100007] == '9');
    char *held = b.data;
    tr_buf_clear(&b);
    CHECK(b.size == 0 && b.data == held);
    tr_buf_free(&b);
    CHECK(!b.data && !b.capacity);
}

static void buffer_stays_failed(void)
{
    tr_buf b;
    tr_buf_init(&b);
    tr_buf_add_c(&b, "kept");
    CHECK(!tr_buf_reserve(&b, SIZE_MAX) && b.failed);
    tr_buf_add_c(&b, "more");
    tr_buf_add_char(&b, 'x');
    tr_buf_add_zero(&b, 1);
    CHECK(b.size == 4 && b.failed);
    tr_buf_clear(&b);
    tr_buf_add_c(&b, "new");
    CHECK(!b.failed && tr_str_equal(tr_buf_str(&b), tr_str_c("new")));
    tr_buf_add_zero(&b, SIZE_MAX - 1);
    CHECK(b.failed && b.size == 3);
    tr_buf_free(&b);
}

/* ---- err, the room below ---- */

static void errors_name_the_place(void)
{
    tr_err e;
    CHECK(tr_err_at(&e, "log.jsonl", 12, "no %s", "input") == TR_DATA);
    CHECK(e.code == TR_DATA && e.line == 12 && !strcmp(e.message, "log.jsonl:12: no input"));
    CHECK(tr_err_at(&e, "stdin", 0, "is empty") == TR_DATA);
    CHECK(!strcmp(e.message, "stdin: is empty"));
    CHECK(tr_err_set(&e, TR_NO, "%d of %d", 1, 2) == TR_NO && e.code == TR_NO && e.line == 0);
    CHECK(tr_err_set(NULL, TR_USAGE, "x") == TR_USAGE && tr_err_memory(NULL) == TR_SYSTEM);
    errno = ENOENT;
    CHECK(tr_err_errno(&e, "a.trp") == TR_SYSTEM);
    CHECK(!strcmp(e.message, "a.trp: No such file or directory"));
}

static void errors_wrap_themselves(void)
{
    tr_err e;
    (void)tr_err_set(&e, TR_DATA, "bad number at byte 4");
    (void)tr_err_at(&e, "f", 3, "%s", e.message);
    CHECK(!strcmp(e.message, "f:3: bad number at byte 4"));
}

static void errors_are_one_harmless_line(void)
{
    tr_err e;
    (void)tr_err_set(&e, TR_DATA, "a\nb\x1b[2J\xc2\x9b\x7f\xc3\xa9");
    CHECK(!strcmp(e.message, "a?b?[2J???\xc3\xa9"));
    char text[3000], name[3000];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = i % 2 ? '\xa9' : '\xc3';
    text[sizeof text - 1] = '\0';
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = '\0';
    (void)tr_err_set(&e, TR_DATA, "%s", text);
    size_t n = strlen(e.message);
    CHECK(n < sizeof e.message && n > sizeof e.message - 8 && !strcmp(e.message + n - 3, "..."));
    CHECK(e.message[n - 4] == '\xa9'); /* no half letter before the dots */
    (void)tr_err_at(&e, name, 7, "the reason");
    CHECK(strstr(e.message, ":7: the reason") != NULL);
}

int main(void)
{
    CASE(strings_compare_by_bytes);
    CASE(sizes_that_overflow_are_refused);
    CASE(reserve_grows_and_keeps);
    CASE(arena_pieces_are_apart_and_aligned);
    CASE(arena_copies_end_in_nul);
    CASE(buffer_appends);
    CASE(buffer_stays_failed);
    CASE(errors_name_the_place);
    CASE(errors_wrap_themselves);
    CASE(errors_are_one_harmless_line);
    return CHECK_END;
}
