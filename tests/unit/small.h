/* small: a little log and what the pipe makes of it, in memory, for the tests of the upper floors.
 */
#ifndef TR_SMALL_H
#define TR_SMALL_H

#include "check.h"
#include "doors/floats.h"
#include "doors/frame.h"
#include "doors/io.h"
#include "gate/learn.h"
#include "gate/stream.h"
#include "gate/train.h"
#include "ground/rng.h"
#include "traces/dataset.h"
#include "traces/split.h"
#include "zoo/zoo.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SMALL_LABELS = 4, SMALL_WORDS = 8, SMALL_DIMS = 6 };
/* All features that a first stage may look at. */
enum { SMALL_FEATURES = (1 << TR_ACCEPTOR_OWN) - 1 + (1 << TR_ACCEPTOR_LABEL) };

/* A file in memory that holds `bytes`, read from its beginning. */
static inline int small_file(tr_str bytes)
{
    int fd = memfd_create("small", 0);
    if (fd < 0 || write(fd, bytes.data, bytes.size) != (ssize_t)bytes.size || lseek(fd, 0, 0) != 0)
        exit(4);
    return fd;
}

/* Closes a file in memory and gives all that is in it. */
static inline tr_buf small_take(int fd)
{
    tr_buf b;
    tr_buf_init(&b);
    off_t size = lseek(fd, 0, SEEK_END);
    if (size < 0 || !tr_buf_reserve(&b, (size_t)size + 1) ||
        pread(fd, b.data, (size_t)size, 0) != size)
        exit(4);
    b.size = (size_t)size;
    close(fd);
    return b;
}

typedef enum { SMALL_TEXT = 1, SMALL_EMBEDDING = 2, SMALL_BOTH = 3 } small_parts;

/* Numbers that lean towards their label, as base64 and as an array in turn. */
static inline void small_add_embedding(tr_buf *b, tr_rng *r, size_t label, bool array)
{
    float x[SMALL_DIMS];
    for (size_t k = 0; k < SMALL_DIMS; k++)
        x[k] = (float)(tr_rng_normal(r) * 0.35 + (k == label ? 1.5 : 0.2));
    tr_buf_add_c(b, ",\"embedding\":");
    if (array) {
        for (size_t k = 0; k < SMALL_DIMS; k++) {
            char number[40];
            snprintf(number, sizeof number, "%c%.9g", k ? ',' : '[', (double)x[k]);
            tr_buf_add_c(b, number);
        }
        tr_buf_add_char(b, ']');
        return;
    }
    tr_buf_add_char(b, '"');
    tr_floats_put_base64(b, x, SMALL_DIMS);
    tr_buf_add_char(b, '"');
}

/* Sentences of five words, embeddings, or both. A clear row has four words of its label, and an
 * embedding near it; in the share `noise` that is not clear, input and label are drawn at random.
 */
static inline tr_buf small_log_of(small_parts parts, size_t n, double noise, uint64_t seed)
{
    static const char *const names[SMALL_LABELS] = {"billing", "delivery", "returns", "other"};
    static const char *const words[SMALL_LABELS][SMALL_WORDS] = {
        {"invoice", "charge", "paid", "card", "amount", "bank", "fee", "bill"},
        {"parcel", "courier", "late", "address", "tracking", "post", "van", "door"},
        {"refund", "return", "exchange", "broken", "size", "label", "box", "wrong"},
        {"hello", "thanks", "hours", "job", "question", "team", "news", "shop"}};
    tr_buf b;
    tr_rng r, numbers;
    tr_buf_init(&b);
    tr_rng_init(&r, seed);
    tr_rng_init(&numbers, seed + 1000);
    for (size_t i = 0; i < n; i++) {
        char text[400], id[40];
        size_t at = 0, label = (size_t)tr_rng_below(&r, SMALL_LABELS);
        bool unclear = tr_rng_unit(&r) < noise;
        for (int k = 0; k < 5; k++) {
            size_t of = unclear || k == 4 ? (size_t)tr_rng_below(&r, SMALL_LABELS) : label;
            at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", k ? " " : "",
                                   words[of][tr_rng_below(&r, SMALL_WORDS)]);
        }
        snprintf(id, sizeof id, "{\"id\":\"call-%zu\"", i);
        tr_buf_add_c(&b, id);
        if (parts & SMALL_TEXT) {
            tr_buf_add_c(&b, ",\"input\":\"");
            tr_buf_add_c(&b, text);
            tr_buf_add_char(&b, '"');
        }
        if (parts & SMALL_EMBEDDING)
            small_add_embedding(&b, &numbers,
                                unclear ? (size_t)tr_rng_below(&numbers, SMALL_LABELS) : label,
                                i % 2);
        tr_buf_add_c(&b, ",\"teacher\":\"");
        tr_buf_add_c(&b, names[label]);
        tr_buf_add_c(&b, "\"}\n");
    }
    return b;
}

static inline tr_buf small_log(size_t n, double noise, uint64_t seed)
{
    return small_log_of(SMALL_TEXT, n, noise, seed);
}

/* What tr-split makes of a log. */
static inline tr_buf small_split(tr_str log, double test_share)
{
    tr_err err = {0};
    int in = small_file(log), out = memfd_create("split", 0);
    tr_reader *reader = tr_reader_open_fd(in, "log", &err);
    tr_writer *writer = tr_writer_open_fd(out, "split", &err);
    tr_split_options o = {.automatic = true, .test_share = test_share};
    tr_split_stream *s = reader && writer ? tr_split_open(&o, writer, &err) : NULL;
    tr_str line;
    bool end = false;
    while (s) {
        if (tr_reader_line(reader, &line, &end, &err) != TR_OK)
            exit(4);
        if (end)
            break;
        uint64_t number = tr_reader_number(reader);
        if (tr_split_add(s, line, "log", number, number, &err) != TR_OK)
            break;
    }
    if (!s || !end || tr_split_end(s, "log", &err) != TR_OK ||
        tr_writer_close(writer, &err) != TR_OK) {
        printf("# the log was not split: %s\n", err.message);
        exit(4);
    }
    tr_split_close(s);
    tr_reader_close(reader);
    close(in);
    return small_take(out);
}

static inline tr_code small_dataset(tr_dataset *d, tr_str split, bool need_trailer, tr_err *err)
{
    int fd = small_file(split);
    tr_reader *in = tr_reader_open_fd(fd, "split", err);
    tr_dataset_options o = {.need_trailer = need_trailer};
    tr_code code = in ? tr_dataset_read(d, in, o, err) : TR_SYSTEM;
    tr_reader_close(in);
    close(fd);
    return code;
}

/* The model stream of a data set. */
static inline tr_code small_train(const tr_dataset *d, const char *zoo, int threads, tr_buf *out,
                                  tr_train_report *report, tr_err *err)
{
    char reason[256];
    tr_train_options o = {.folds = 5, .threads = threads};
    int fd = memfd_create("stream", 0);
    tr_writer *w = tr_writer_open_fd(fd, "stream", err);
    if (!w || tr_roster_choose(zoo, o.chosen, reason))
        exit(4);
    tr_code code = tr_train_run(d, &o, w, report, err);
    if (code == TR_OK)
        code = tr_writer_close(w, err);
    else
        tr_writer_abandon(w);
    *out = small_take(fd);
    return code;
}

/* The stream with acceptors of all features. */
static inline tr_buf small_gate(tr_buf *stream)
{
    tr_stream s;
    tr_err err = {0};
    int fd = memfd_create("gated", 0);
    tr_writer *w = tr_writer_open_fd(fd, "gated", &err);
    if (!w || tr_stream_take(&s, stream, "small", &err) != TR_OK ||
        tr_learn_gate(&s, SMALL_FEATURES, w, &err) != TR_OK || tr_writer_close(w, &err) != TR_OK) {
        printf("# the stream was not gated: %s\n", err.message);
        exit(4);
    }
    tr_stream_free(&s);
    return small_take(fd);
}

/* A log all the way to a gated stream; its data set too where d is given. Frees the log. */
static inline tr_buf small_gated_from(tr_buf *log, const char *zoo, tr_dataset *d)
{
    tr_buf split = small_split(tr_buf_str(log), 0), stream;
    tr_dataset own;
    tr_train_report report;
    tr_err err = {0};
    if (small_dataset(d ? d : &own, tr_buf_str(&split), true, &err) != TR_OK ||
        small_train(d ? d : &own, zoo, 1, &stream, &report, &err) != TR_OK) {
        printf("# no stream: %s\n", err.message);
        exit(4);
    }
    if (!d)
        tr_dataset_free(&own);
    tr_buf_free(log);
    tr_buf_free(&split);
    return small_gate(&stream);
}

static inline tr_buf small_gated(size_t n, double noise, const char *zoo, tr_dataset *d)
{
    tr_buf log = small_log(n, noise, 1);
    return small_gated_from(&log, zoo, d);
}

/* A log so small that every byte of what comes of it can be tried: rows of two labels with text and
 * an embedding of three numbers, a few of them mislabelled. */
static inline tr_buf small_tiny(int rows, const char *zoo, tr_dataset *d)
{
    char line[300];
    tr_buf log, stream;
    tr_dataset own;
    tr_train_report report;
    tr_err err = {0};
    tr_buf_init(&log);
    for (int i = 0; i < rows; i++) {
        bool no = i % 3 == 0, wrong = i % 41 == 7;
        snprintf(line, sizeof line,
                 "{\"id\":%d,\"input\":\"%s %s\",\"embedding\":[%d,%d,%g],\"teacher\":\"%s\","
                 "\"split\":\"%s\"}\n",
                 i, i % 2 ? "up" : "go", no ? "cd" : "ab", no ? 1 : 3, no ? 2 : -1, 0.01 * (i % 50),
                 no != wrong ? "no" : "yes", i % 5 < 3 ? "train" : "calibration");
        tr_buf_add_c(&log, line);
    }
    if (small_dataset(d ? d : &own, tr_buf_str(&log), false, &err) != TR_OK ||
        small_train(d ? d : &own, zoo, 1, &stream, &report, &err) != TR_OK) {
        printf("# no tiny stream: %s\n", err.message);
        exit(4);
    }
    if (!d)
        tr_dataset_free(&own);
    tr_buf_free(&log);
    return small_gate(&stream);
}

static inline tr_buf small_copy(tr_str bytes)
{
    tr_buf b;
    tr_buf_init(&b);
    tr_buf_add_str(&b, bytes);
    if (b.failed)
        exit(4);
    return b;
}

/* The same file with its sections handed through `change` (false: the section is left out), and all
 * checksums right again. */
static inline tr_buf small_reseal(tr_str bytes, int kind,
                                  bool (*change)(void *context, size_t section, const char *tag,
                                                 tr_buf *payload),
                                  void *context)
{
    tr_frame f;
    tr_frame_writer w;
    tr_err err = {0};
    int fd = memfd_create("resealed", 0);
    tr_writer *out = tr_writer_open_fd(fd, "resealed", &err);
    bool ok = out && tr_frame_open(&f, bytes, "whole", kind, &err) == TR_OK &&
              tr_frame_begin(&w, out, (tr_frame_kind)kind, &err) == TR_OK;
    for (size_t k = 0; ok && k < f.n; k++) {
        tr_buf payload = small_copy(f.sections[k].payload);
        if (change(context, k, f.sections[k].tag, &payload))
            ok = tr_frame_add(&w, f.sections[k].tag, tr_buf_str(&payload), &err) == TR_OK;
        tr_buf_free(&payload);
    }
    ok = ok && tr_frame_end(&w, &err) == TR_OK && tr_writer_close(out, &err) == TR_OK;
    if (!ok) {
        printf("# not resealed: %s\n", err.message);
        exit(4);
    }
    tr_frame_free(&f);
    return small_take(fd);
}

/* For small_reseal: leaves out the section with the tag that is the context. */
static inline bool small_without(void *context, size_t section, const char *tag, tr_buf *payload)
{
    (void)section;
    (void)payload;
    return strcmp(tag, context) != 0;
}

/* For small_reseal: a byte of a section becomes another. */
typedef struct {
    size_t section, at;
    unsigned char to;
} small_patch;
static inline bool small_patched(void *context, size_t section, const char *tag, tr_buf *payload)
{
    const small_patch *p = context;
    (void)tag;
    if (section == p->section && p->at < payload->size)
        payload->data[p->at] = (char)p->to;
    return true;
}

/* For small_reseal: a number in all sections of a kind becomes another. */
typedef struct {
    const char *tag;
    size_t at;
    uint32_t value;
} small_field;
static inline bool small_set(void *context, size_t section, const char *tag, tr_buf *payload)
{
    const small_field *f = context;
    (void)section;
    if (strcmp(tag, f->tag))
        return true;
    CHECK(f->at + sizeof f->value <= payload->size);
    if (f->at + sizeof f->value <= payload->size)
        memcpy(payload->data + f->at, &f->value, sizeof f->value);
    return true;
}

/* Hands `take` (which takes the bytes over) files with bytes changed and all checksums right again:
 * bytes of every section one by one, behind the first `near` of them every `step`-th. It takes some
 * and refuses others, but never fails otherwise. */
static inline void small_forge(tr_str bytes, int kind, size_t near, size_t step,
                               tr_code (*take)(void *context, tr_buf *forged), void *context)
{
    static const unsigned char values[] = {0, 1, 0x7f, 0x80, 0xff};
    tr_frame f;
    tr_err err = {0};
    if (tr_frame_open(&f, bytes, "whole", kind, &err) != TR_OK)
        exit(4);
    size_t taken = 0, refused = 0;
    for (size_t section = 0; section < f.n; section++)
        for (size_t at = 0; at < f.sections[section].payload.size; at += at < near ? 1 : step)
            for (size_t k = 0; k < sizeof values; k += at < near ? 1 : 2) {
                small_patch change = {section, at, values[k]};
                tr_buf forged = small_reseal(bytes, kind, small_patched, &change);
                tr_code code = take(context, &forged);
                CHECK(code == TR_OK || code == TR_DATA);
                *(code == TR_OK ? &taken : &refused) += 1;
            }
    CHECK(taken > 0 && refused > 0);
    tr_frame_free(&f);
}

/* Every beginning of a file, a flipped bit in every byte of it (behind the first 1,024 every
 * `step`-th) and a byte behind its end: refused as bad data, by a reader of copies of exactly these
 * bytes. */
static inline void small_damage(tr_buf *b, size_t step, tr_code (*read)(tr_str bytes))
{
    CHECK(read(tr_buf_str(b)) == TR_OK);
    for (size_t size = 0; size < b->size; size += size < 1024 ? 1 : step)
        CHECK(read(tr_str_of(b->data, size)) == TR_DATA);
    for (size_t at = 0; at < b->size; at += at < 1024 ? 1 : step) {
        char kept = b->data[at];
        b->data[at] = (char)(kept ^ (1 << at % 8));
        CHECK(read(tr_buf_str(b)) == TR_DATA);
        b->data[at] = kept;
    }
    tr_buf_add_char(b, 0);
    CHECK(read(tr_buf_str(b)) == TR_DATA);
}

/* A copy in a block of its very size: the sanitizers see a step beyond. */
static inline tr_buf small_exact(tr_str bytes)
{
    tr_buf b;
    tr_buf_init(&b);
    b.data = malloc(bytes.size ? bytes.size : 1);
    if (!b.data)
        exit(4);
    memcpy(b.data, bytes.data, bytes.size);
    b.size = b.capacity = bytes.size;
    return b;
}

/* How many sections of a file have the tag. */
static inline size_t small_sections(tr_str bytes, int kind, const char *tag)
{
    tr_frame f;
    tr_err err = {0};
    size_t n = 0;
    if (tr_frame_open(&f, bytes, "whole", kind, &err) != TR_OK)
        exit(4);
    for (size_t k = 0; k < f.n; k++)
        n += !strcmp(f.sections[k].tag, tag);
    tr_frame_free(&f);
    return n;
}

#endif
