#include "traces/labels.h"

#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static bool is(tr_str s, const char *text)
{
    return tr_str_equal(s, tr_str_c(text));
}

static void numbers_and_counts(void)
{
    tr_labels l;
    tr_labels_init(&l);
    CHECK(tr_labels_find(&l, tr_str_c("a")) == TR_LABEL_NONE);
    CHECK(tr_labels_add(&l, tr_str_c("b"), 1) == 0);
    CHECK(tr_labels_add(&l, tr_str_c("a"), 2) == 1);
    CHECK(tr_labels_add(&l, tr_str_c("b"), 5) == 0);
    CHECK(tr_labels_add(&l, tr_str_c(""), 0) == 2);
    CHECK(tr_labels_add(&l, tr_str_of("a\0b", 3), 1) == 3); /* any bytes */
    CHECK(l.n == 4 && l.count[0] == 6 && l.count[1] == 2 && l.count[2] == 0);
    CHECK(tr_labels_find(&l, tr_str_of("a\0c", 3)) == TR_LABEL_NONE);
    CHECK(tr_labels_find(&l, tr_str_c("")) == 2);
    CHECK(l.text[1].data[1] == '\0');
    tr_labels_free(&l);
}

static void hundred_thousand(void)
{
    tr_labels l;
    tr_labels_init(&l);
    char text[32];
    bool ok = true;
    for (int round = 0; round < 2; round++)
        for (uint32_t i = 0; i < 100000; i++) {
            int n = snprintf(text, sizeof text, "label %u", i * 7919u % 100000);
            ok &= tr_labels_add(&l, tr_str_of(text, (size_t)n), 1) == i;
        }
    CHECK(ok && l.n == 100000 && l.count[99999] == 2);
    tr_labels_free(&l);
}

static void sorts_in_byte_order(void)
{
    static const char *const in[] = {"b", "a", "\xc3\xa9", "B", "ab", ""};
    static const char *const sorted[] = {"", "B", "a", "ab", "b", "\xc3\xa9"};
    tr_labels l;
    uint32_t new[6];
    tr_labels_init(&l);
    for (uint32_t i = 0; i < 6; i++)
        tr_labels_add(&l, tr_str_c(in[i]), i);
    CHECK(tr_labels_sort(&l, new, NULL) == TR_OK);
    for (uint32_t i = 0; i < 6; i++) {
        CHECK(is(l.text[i], sorted[i]));
        CHECK(is(l.text[new[i]], in[i]) && l.count[new[i]] == i);
        CHECK(tr_labels_find(&l, tr_str_c(in[i])) == new[i]);
    }
    tr_labels_free(&l);
}

static void writes_and_reads(void)
{
    tr_labels l, back;
    tr_buf b;
    tr_le_reader r;
    tr_buf_init(&b);
    tr_labels_init(&l);
    tr_labels_add(&l, tr_str_c("refund"), 12);
    tr_labels_add(&l, tr_str_of("\0", 1), 3);
    tr_labels_write(&l, &b);
    CHECK(b.size % 8 == 0);

    tr_labels_init(&back);
    tr_le_open(&r, b.data, b.size);
    CHECK(tr_labels_read(&back, &r, NULL) == TR_OK && tr_le_left(&r) == 0);
    CHECK(back.n == 2 && is(back.text[0], "refund") && back.count[1] == 3);
    tr_labels_free(&back);

    for (size_t size = 0; size < b.size; size++) { /* cut anywhere */
        tr_labels_init(&back);
        tr_le_open(&r, b.data, size);
        CHECK(tr_labels_read(&back, &r, NULL) == TR_DATA);
        tr_labels_free(&back);
    }
    b.data[3] = 0x7f; /* two thousand million labels, says the file */
    tr_labels_init(&back);
    tr_le_open(&r, b.data, b.size);
    CHECK(tr_labels_read(&back, &r, NULL) == TR_DATA);
    tr_labels_free(&back);
    tr_labels_free(&l);
    tr_buf_free(&b);
}

static void refuses_the_same_twice(void)
{
    tr_labels l;
    tr_buf b;
    tr_le_reader r;
    tr_buf_init(&b);
    tr_le_put_u32(&b, 2);
    tr_le_put_str(&b, tr_str_c("a"));
    tr_le_put_str(&b, tr_str_c("a"));
    tr_le_align(&b, 8);
    tr_le_put_u64(&b, 1);
    tr_le_put_u64(&b, 1);
    tr_labels_init(&l);
    tr_le_open(&r, b.data, b.size);
    CHECK(tr_labels_read(&l, &r, NULL) == TR_DATA);
    tr_labels_free(&l);
    tr_buf_free(&b);
}

/* Reads `text` as a file of labels. */
static tr_code from_file(tr_labels *l, const char *text, tr_err *err)
{
    char name[] = "/tmp/tr-labels-XXXXXX";
    int fd = mkstemp(name);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    tr_labels_init(l);
    tr_code code = tr_labels_read_file(l, name, err);
    unlink(name);
    return code;
}

static void reads_files(void)
{
    tr_labels l;
    tr_err err;
    CHECK(from_file(&l, "\xef\xbb\xbfone\r\n\ntwo words\nthree", &err) == TR_OK);
    CHECK(l.n == 3 && is(l.text[0], "one") && is(l.text[1], "two words") && is(l.text[2], "three"));
    CHECK(l.count[0] == 0);
    tr_labels_free(&l);
    CHECK(from_file(&l, "a\nb\n\na\n", &err) == TR_DATA && err.line == 4);
    CHECK(strstr(err.message, ":4: ") && strstr(err.message, "\"a\""));
    tr_labels_free(&l);
    CHECK(from_file(&l, "a\nb\xff\n", &err) == TR_DATA && err.line == 2);
    tr_labels_free(&l);
    CHECK(from_file(&l, "\n\n", &err) == TR_DATA);
    tr_labels_free(&l);
    tr_labels_init(&l);
    CHECK(tr_labels_read_file(&l, "/nonexistent/labels", &err) == TR_SYSTEM);
    tr_labels_free(&l);
}

int main(void)
{
    CASE(numbers_and_counts);
    CASE(hundred_thousand);
    CASE(sorts_in_byte_order);
    CASE(writes_and_reads);
    CASE(refuses_the_same_twice);
    CASE(reads_files);
    return CHECK_END;
}
