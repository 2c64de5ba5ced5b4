/* small: a little log and what the pipe makes of it, in memory, for the tests of the upper floors.
 */
#ifndef TR_SMALL_H
#define TR_SMALL_H

#include "check.h"
#include "doors/frame.h"
#include "doors/io.h"
#include "gate/learn.h"
#include "gate/stream.h"
#include "gate/train.h"
#include "ground/rng.h"
#include "models/zoo.h"
#include "traces/dataset.h"
#include "traces/split.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SMALL_LABELS = 4, SMALL_WORDS = 8 };

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

/* Sentences of five words. A clear one has four words of its label; of the share `noise` that is
 * not clear, words and label are drawn at random. */
static inline tr_buf small_log(size_t n, double noise, uint64_t seed)
{
    static const char *const names[SMALL_LABELS] = {"billing", "delivery", "returns", "other"};
    static const char *const words[SMALL_LABELS][SMALL_WORDS] = {
        {"invoice", "charge", "paid", "card", "amount", "bank", "fee", "bill"},
        {"parcel", "courier", "late", "address", "tracking", "post", "van", "door"},
        {"refund", "return", "exchange", "broken", "size", "label", "box", "wrong"},
        {"hello", "thanks", "hours", "job", "question", "team", "news", "shop"}};
    tr_buf b;
    tr_rng r;
    tr_buf_init(&b);
    tr_rng_init(&r, seed);
    for (size_t i = 0; i < n; i++) {
        char text[400], id[32];
        size_t at = 0, label = (size_t)tr_rng_below(&r, SMALL_LABELS);
        bool unclear = tr_rng_unit(&r) < noise;
        for (int k = 0; k < 5; k++) {
            size_t of = unclear || k == 4 ? (size_t)tr_rng_below(&r, SMALL_LABELS) : label;
            at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", k ? " " : "",
                                   words[of][tr_rng_below(&r, SMALL_WORDS)]);
        }
        snprintf(id, sizeof id, "call-%zu", i);
        tr_buf_add_c(&b, "{\"id\":\"");
        tr_buf_add_c(&b, id);
        tr_buf_add_c(&b, "\",\"input\":\"");
        tr_buf_add_c(&b, text);
        tr_buf_add_c(&b, "\",\"teacher\":\"");
        tr_buf_add_c(&b, names[label]);
        tr_buf_add_c(&b, "\"}\n");
    }
    return b;
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
    tr_code code = in ? tr_dataset_read(d, in, need_trailer, err) : TR_SYSTEM;
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
    if (!w || tr_zoo_choose(zoo, o.chosen, reason))
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
        tr_learn_gate(&s, 0x7ff, w, &err) != TR_OK || tr_writer_close(w, &err) != TR_OK) {
        printf("# the stream was not gated: %s\n", err.message);
        exit(4);
    }
    tr_stream_free(&s);
    return small_take(fd);
}

/* A log of n rows all the way to a gated stream; its data set too where d is given. */
static inline tr_buf small_gated(size_t n, double noise, const char *zoo, tr_dataset *d)
{
    tr_buf log = small_log(n, noise, 1), split = small_split(tr_buf_str(&log), 0), stream;
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
    tr_buf_free(&log);
    tr_buf_free(&split);
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

#endif
