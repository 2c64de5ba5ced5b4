#include "gate/stream.h"

#include "check.h"
#include "small.h"

/* A log so small that every byte of its stream can be tried. */
static tr_buf tiny(void)
{
    char text[8000] = "", line[200];
    for (int i = 0; i < 24; i++) {
        snprintf(line, sizeof line,
                 "{\"id\":%d,\"input\":\"%s\",\"teacher\":\"%s\",\"split\":\"%s\"}\n", i,
                 i % 3 ? "go ab" : "no cd", (i + i / 8) % 3 ? "yes" : "no",
                 i % 4 ? "train" : "calibration");
        strcat(text, line);
    }
    tr_dataset d;
    tr_train_report report;
    tr_buf out;
    tr_err err = {0};
    CHECK(small_dataset(&d, tr_str_c(text), false, &err) == TR_OK);
    CHECK(small_train(&d, "svm", 1, &out, &report, &err) == TR_OK);
    tr_dataset_free(&d);
    return small_gate(&out);
}

/* The code of reading a copy of exactly these bytes; the message must name the file. */
static tr_code read_bytes(tr_str bytes)
{
    tr_stream s;
    tr_err err = {0};
    tr_buf b;
    tr_buf_init(&b);
    b.data = malloc(bytes.size ? bytes.size : 1);
    if (!b.data)
        exit(4);
    memcpy(b.data, bytes.data, bytes.size);
    b.size = b.capacity = bytes.size;
    tr_code code = tr_stream_take(&s, &b, "s.trm", &err);
    if (code != TR_OK && strncmp(err.message, "s.trm: ", 7))
        printf("# \"%s\"\n", err.message);
    CHECK(code == TR_OK || !strncmp(err.message, "s.trm: ", 7));
    CHECK(!b.data && !b.size); /* taken over */
    tr_stream_free(&s);
    return code;
}

static void what_is_written_is_read(void)
{
    tr_buf bytes = small_gated(300, 0.2, "svm,logreg_c1,blend", NULL),
           copy = small_copy(tr_buf_str(&bytes));
    tr_stream s;
    tr_err err = {0};
    CHECK(tr_stream_take(&s, &bytes, "small", &err) == TR_OK);
    CHECK(s.n == 3 && s.labels.n == 4 && s.heldout.n == 300 && s.vocabulary.n > 100);
    CHECK(!strcmp(s.member[0].name, "logreg_c1") && !strcmp(s.member[2].name, "blend"));
    for (size_t m = 0; m < s.n; m++) {
        const tr_stream_member *x = &s.member[m];
        CHECK(x->gated && x->score && x->summary && x->scale > 0);
        CHECK(x->acceptor.mask == 0x7ff && x->acceptor.offset);
        CHECK(x->model.columns == s.vocabulary.n && x->model.labels == 4);
        for (size_t i = 0; i < s.heldout.n; i++) /* the full acceptor scores what it never saw */
            if (s.heldout.rows[i].side != TR_SIDE_TRAIN)
                CHECK(x->score[i] ==
                      tr_acceptor_score(&x->acceptor, &x->summary[i], s.heldout.rows[i].unseen));
    }
    tr_stream_free(&s);
    /* from a file, and by a second gating, the same bytes */
    char name[] = "/tmp/tr-stream-XXXXXX";
    int fd = mkstemp(name);
    CHECK(fd >= 0 && write(fd, copy.data, copy.size) == (ssize_t)copy.size);
    close(fd);
    CHECK(tr_stream_read(&s, name, &err) == TR_OK && s.n == 3);
    tr_stream_free(&s);
    unlink(name);
    CHECK(tr_stream_read(&s, name, &err) == TR_SYSTEM);
    tr_stream_free(&s);
    tr_buf again = small_copy(tr_buf_str(&copy));
    again = small_gate(&again);
    CHECK(again.size == copy.size && !memcmp(again.data, copy.data, copy.size));
    tr_buf_free(&again);
    tr_buf_free(&copy);
}

static void every_section_is_needed(void)
{
    static char tags[][5] = {"HEAD", "LABL", "VOCB", "HELD", "MEMB"};
    tr_buf b = tiny();
    CHECK(read_bytes(tr_buf_str(&b)) == TR_OK);
    for (size_t k = 0; k < sizeof tags / sizeof *tags; k++) {
        tr_buf part = small_reseal(tr_buf_str(&b), 'M', small_without, tags[k]);
        CHECK(part.size < b.size && read_bytes(tr_buf_str(&part)) == TR_DATA);
        tr_buf_free(&part);
    }
    /* the gate is not needed */
    char gate[5] = "GATE";
    tr_buf part = small_reseal(tr_buf_str(&b), 'M', small_without, gate);
    CHECK(read_bytes(tr_buf_str(&part)) == TR_OK);
    tr_buf_free(&part);
    tr_buf_free(&b);
}

static void every_prefix_is_refused(void)
{
    tr_buf b = tiny();
    for (size_t size = 0; size < b.size; size += size < 1024 ? 1 : 31)
        CHECK(read_bytes(tr_str_of(b.data, size)) == TR_DATA);
    tr_buf_add_char(&b, 0);
    CHECK(read_bytes(tr_buf_str(&b)) == TR_DATA);
    tr_buf_free(&b);
}

static void every_flipped_bit_is_noticed(void)
{
    tr_buf b = tiny();
    for (size_t at = 0; at < b.size; at += at < 512 ? 1 : 23) {
        char kept = b.data[at];
        b.data[at] = (char)(kept ^ (1 << at % 8));
        CHECK(read_bytes(tr_buf_str(&b)) == TR_DATA);
        b.data[at] = kept;
    }
    CHECK(read_bytes(tr_buf_str(&b)) == TR_OK);
    tr_buf_free(&b);
}

/* Bytes changed and all checksums made right: taken or refused, and whatever is taken can be gated
 * without a crash. */
static void forged_streams_do_no_harm(void)
{
    static const unsigned char values[] = {0, 1, 0x7f, 0x80, 0xff};
    tr_buf b = tiny();
    tr_frame f;
    tr_err err = {0};
    CHECK(tr_frame_open(&f, tr_buf_str(&b), "whole", 'M', &err) == TR_OK);
    size_t taken = 0, refused = 0;
    for (size_t section = 0; section < f.n; section++)
        for (size_t at = 0; at < f.sections[section].payload.size; at += at < 100 ? 1 : 151)
            for (size_t k = 0; k < sizeof values; k++) {
                if (at >= 100 && k % 2)
                    continue;
                small_patch p = {section, at, values[k]};
                tr_buf forged = small_reseal(tr_buf_str(&b), 'M', small_patched, &p);
                tr_stream s;
                tr_code code = tr_stream_take(&s, &forged, "forged", &err);
                CHECK(code == TR_OK || code == TR_DATA);
                *(code == TR_OK ? &taken : &refused) += 1;
                if (code == TR_OK) {
                    int fd = memfd_create("gated", 0);
                    tr_writer *w = tr_writer_open_fd(fd, "gated", &err);
                    code = tr_learn_gate(&s, 0x7ff, w, &err);
                    CHECK(code == TR_OK || code == TR_DATA);
                    tr_writer_abandon(w);
                    close(fd);
                }
                tr_stream_free(&s);
            }
    CHECK(taken > 0 && refused > 0);
    tr_frame_free(&f);
    tr_buf_free(&b);
}

static void origins_come_back(void)
{
    tr_origin o = {.version = "1.2.3",
                   .seed = 7,
                   .rows = 100,
                   .train = 60,
                   .calibration = 30,
                   .test = 10,
                   .held_out = 60,
                   .folds = 5,
                   .grouped = true,
                   .share = 0.25,
                   .left_out_labels = 2,
                   .left_out_rows = 3,
                   .input_key = "query",
                   .label_key = "intent",
                   .digest = "00112233445566778899aabbccddeeff"};
    tr_origin back;
    tr_buf b;
    tr_le_reader r;
    tr_err err = {0};
    tr_buf_init(&b);
    tr_origin_write(&o, &b);
    tr_le_open(&r, b.data, b.size);
    CHECK(tr_origin_read(&back, &r, &err) == TR_OK && tr_le_left(&r) == 0);
    CHECK(!memcmp(&o, &back, sizeof o));
    for (size_t size = 0; size < b.size; size++) {
        tr_le_open(&r, b.data, size);
        CHECK(tr_origin_read(&back, &r, &err) == TR_DATA);
    }
    tr_buf_clear(&b);
    o.share = 1.5;
    tr_origin_write(&o, &b);
    tr_le_open(&r, b.data, b.size);
    CHECK(tr_origin_read(&back, &r, &err) == TR_DATA);
    tr_buf_free(&b);
}

int main(void)
{
    CASE(what_is_written_is_read);
    CASE(every_section_is_needed);
    CASE(every_prefix_is_refused);
    CASE(every_flipped_bit_is_noticed);
    CASE(forged_streams_do_no_harm);
    CASE(origins_come_back);
    return CHECK_END;
}
