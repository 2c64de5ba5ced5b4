#include "check.h"
#include "doors/frame.h"
#include "ground/hash.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* Three sections: one with padding, one empty, one optional that fills its unit. */
static const char LABELS[] = "cancel\0refund";
static char OPTIONAL[64];

/* A frame as bytes, through the writer; the caller frees them. */
static tr_buf written(tr_frame_kind kind, int sections)
{
    tr_buf b;
    tr_buf_init(&b);
    tr_err err;
    int fd = memfd_create("frame", 0);
    tr_writer *out = fd >= 0 ? tr_writer_open_fd(fd, "memory", &err) : NULL;
    CHECK(out != NULL);
    if (!out)
        return b;
    memset(OPTIONAL, 'o', sizeof OPTIONAL);
    tr_frame_writer f;
    CHECK(tr_frame_begin(&f, out, kind, &err) == TR_OK);
    if (sections > 0) {
        CHECK(tr_frame_add(&f, "LABL", tr_str_of(LABELS, sizeof LABELS), &err) == TR_OK);
        CHECK(tr_frame_add(&f, "NONE", tr_str_of(NULL, 0), &err) == TR_OK);
        CHECK(tr_frame_add(&f, "note", tr_str_of(OPTIONAL, sizeof OPTIONAL), &err) == TR_OK);
    }
    CHECK(tr_frame_end(&f, &err) == TR_OK);
    CHECK(tr_writer_close(out, &err) == TR_OK);
    off_t size = lseek(fd, 0, SEEK_END);
    CHECK(size > 0 && size % 64 == 0);
    if (size > 0 && tr_buf_reserve(&b, (size_t)size)) {
        CHECK(pread(fd, b.data, (size_t)size, 0) == size);
        b.size = (size_t)size;
    }
    close(fd);
    return b;
}

/* Whether the bytes are refused, with `reason` in the message. They are copied, so that the
 * sanitizers see a read beyond their end. */
static int refused(const void *bytes, size_t size, const char *reason)
{
    char *copy = malloc(size ? size : 1);
    if (!copy)
        return 0;
    memcpy(copy, bytes, size);
    tr_frame f;
    tr_err err = {.message = ""};
    tr_code code = tr_frame_open(&f, tr_str_of(copy, size), "p.trp", 0, &err);
    int ok = code == TR_DATA && !strncmp(err.message, "p.trp: ", 7) &&
             strstr(err.message, reason) && !f.sections && f.n == 0;
    if (!ok && *reason)
        printf("# code %d, \"%s\", not \"%s\"\n", (int)code, err.message, reason);
    if (code == TR_OK)
        tr_frame_free(&f);
    free(copy);
    return ok;
}

static void what_is_written_is_read(void)
{
    tr_buf b = written(TR_FRAME_POLICY, 3);
    tr_frame f;
    tr_err err;
    CHECK(tr_frame_open(&f, tr_buf_str(&b), "p", TR_FRAME_POLICY, &err) == TR_OK);
    CHECK(f.kind == TR_FRAME_POLICY && f.n == 3);
    const tr_frame_section *labels = tr_frame_find(&f, "LABL"), *note = tr_frame_find(&f, "note");
    CHECK(labels && note && tr_frame_find(&f, "NONE") && !tr_frame_find(&f, "LABX"));
    if (labels && note) {
        CHECK(tr_str_equal(labels->payload, tr_str_of(LABELS, sizeof LABELS)));
        CHECK(tr_str_equal(note->payload, tr_str_of(OPTIONAL, sizeof OPTIONAL)));
        CHECK((labels->payload.data - b.data) % 64 == 0 && (note->payload.data - b.data) % 64 == 0);
        CHECK(!strcmp(note->tag, "note") && tr_frame_find(&f, "NONE")->payload.size == 0);
    }
    tr_frame_free(&f);
    tr_buf_free(&b);
    b = written(TR_FRAME_MODEL, 0);
    CHECK(tr_frame_open(&f, tr_buf_str(&b), "p", 0, &err) == TR_OK);
    CHECK(f.kind == TR_FRAME_MODEL && f.n == 0);
    tr_frame_free(&f);
    tr_buf_free(&b);
}

static void the_bytes_are_frozen(void)
{
    tr_buf b = written(TR_FRAME_POLICY, 3);
    CHECK(b.size == 64 * 7);
    CHECK(!memcmp(b.data, "\x89TRP\r\n\x1a\n\1\0\0\0\0\0\0\0", 16));
    /* The sum of the same file as another program writes it from the specification. */
    CHECK(tr_checksum(b.data, b.size) == 0x1c1184910552d41bu);
    tr_buf_free(&b);
}

static void wrong_kind(void)
{
    tr_buf b = written(TR_FRAME_POLICY, 3);
    tr_frame f;
    tr_err err;
    CHECK(tr_frame_open(&f, tr_buf_str(&b), "x.trp", TR_FRAME_MODEL, &err) == TR_DATA);
    CHECK(!strcmp(err.message, "x.trp: is a policy, not a model stream"));
    tr_buf_free(&b);
}

static void every_prefix_is_refused(void)
{
    tr_buf b = written(TR_FRAME_POLICY, 3);
    CHECK(refused(b.data, 0, "is empty"));
    for (size_t n = 1; n < b.size; n++) {
        char reason[64];
        snprintf(reason, sizeof reason, "is cut off after %zu byte", n);
        CHECK(refused(b.data, n, reason));
    }
    tr_buf_free(&b);
}

static void every_changed_bit_and_byte_is_refused(void)
{
    tr_buf b = written(TR_FRAME_POLICY, 3);
    for (size_t i = 0; i < b.size; i++) {
        char kept = b.data[i];
        for (int change = 1; change < 256; change++) {
            b.data[i] = (char)(kept ^ change);
            CHECK(refused(b.data, b.size, ""));
        }
        b.data[i] = kept;
    }
    CHECK(!refused(b.data, b.size, "")); /* the harness itself can tell */
    tr_buf_free(&b);
}

static void trailing_bytes_are_refused(void)
{
    tr_buf b = written(TR_FRAME_POLICY, 3);
    tr_buf_add_zero(&b, 1);
    CHECK(refused(b.data, b.size, "has 1 bytes behind its end"));
    b.size--;
    tr_buf twice;
    tr_buf_init(&twice);
    tr_buf_add_str(&twice, tr_buf_str(&b));
    tr_buf_add_str(&twice, tr_buf_str(&b));
    CHECK(refused(twice.data, twice.size, "behind its end"));
    tr_buf_free(&twice);
    tr_buf_free(&b);
}

static void other_files_are_refused(void)
{
    CHECK(refused("{\"input\":\"x\"}\n", 14, "is no tr-tools file"));
    CHECK(refused("\x89PNG\r\n\x1a\n", 8, "is no tr-tools file"));
    CHECK(refused("\x89TRP\n\x1a\n\1\0\0", 10, "copied as text?"));
}

/* Puts the checksum of a unit's first `size` bytes behind them. */
static void seal(char *unit, size_t size)
{
    uint64_t sum = tr_checksum(unit, size);
    memcpy(unit + size, &sum, 8);
}

/* Damage that wears right checksums: what a hostile or a newer writer could send. */
static void well_sealed_nonsense_is_refused(void)
{
    tr_buf b = written(TR_FRAME_POLICY, 3);
    char *kept = malloc(b.size);
    if (!kept)
        return;
    memcpy(kept, b.data, b.size);

    b.data[8] = 2; /* a later version */
    seal(b.data, 16);
    CHECK(refused(b.data, b.size, "format version 2, this tool reads version 1"));
    memcpy(b.data, kept, b.size);

    static const uint64_t lengths[] = {UINT64_MAX, UINT64_MAX - 63, (uint64_t)1 << 63, 448, 4000};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        memcpy(b.data + 64 + 8, &lengths[i], 8);
        seal(b.data + 64, 24);
        CHECK(refused(b.data, b.size, "is cut off"));
    }
    memcpy(b.data, kept, b.size);

    b.data[64 + 4] = 1; /* a flag of the future */
    seal(b.data + 64, 24);
    CHECK(refused(b.data, b.size, "section LABL has flags"));
    memcpy(b.data, kept, b.size);

    b.data[64] = '\n'; /* a tag that is none */
    seal(b.data + 64, 24);
    CHECK(refused(b.data, b.size, "is damaged at byte 64"));
    memcpy(b.data, kept, b.size);

    /* A section left out as a whole: only the total length can tell. */
    memmove(b.data + 192, b.data + 256, b.size - 256);
    CHECK(refused(b.data, b.size - 64, "is not whole: its end mark speaks of 448"));
    free(kept);
    tr_buf_free(&b);
}

static void unknown_sections(void)
{
    tr_buf b = written(TR_FRAME_POLICY, 3);
    tr_frame f;
    tr_err err;
    CHECK(tr_frame_open(&f, tr_buf_str(&b), "p", 0, &err) == TR_OK);
    static const char *const both[] = {"NONE", "LABL"}, *const one[] = {"LABL"};
    CHECK(tr_frame_understood(&f, both, 2, "p", &err) == TR_OK); /* "note" may be skipped */
    CHECK(tr_frame_understood(&f, one, 1, "p", &err) == TR_DATA);
    CHECK(strstr(err.message, "p: has a section NONE") != NULL);
    tr_frame_free(&f);
    tr_frame_free(&f);
    tr_buf_free(&b);
}

static void a_failed_write_is_told(void)
{
    tr_err err = {.message = ""};
    tr_writer *out = tr_writer_open_file("/dev/full", &err);
    CHECK(out != NULL);
    if (!out)
        return;
    char big[70000] = {0};
    tr_frame_writer f;
    tr_code code = tr_frame_begin(&f, out, TR_FRAME_POLICY, &err);
    for (int i = 0; i < 20 && code == TR_OK; i++) {
        code = tr_frame_add(&f, "BIGG", tr_str_of(big, sizeof big), &err);
    }
    CHECK(code == TR_SYSTEM);
    tr_writer_abandon(out);
}

int main(void)
{
    CASE(what_is_written_is_read);
    CASE(the_bytes_are_frozen);
    CASE(wrong_kind);
    CASE(every_prefix_is_refused);
    CASE(every_changed_bit_and_byte_is_refused);
    CASE(trailing_bytes_are_refused);
    CASE(other_files_are_refused);
    CASE(well_sealed_nonsense_is_refused);
    CASE(unknown_sections);
    CASE(a_failed_write_is_told);
    return CHECK_END;
}
