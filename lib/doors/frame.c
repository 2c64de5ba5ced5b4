#include "doors/frame.h"

#include "ground/hash.h"
#include "ground/le.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { UNIT = 64, VERSION = 1 };

static const char MAGIC[9] = "\x89TR?\r\n\x1a\n"; /* the kind stands for '?' */
static const char END_TAG[5] = "TEND";

/* ---- writing ---- */

static tr_code put(tr_frame_writer *f, const void *data, size_t size, tr_err *err)
{
    f->at += size;
    return tr_writer_add(f->out, data, size, err);
}

/* Fields, their checksum, zeros up to one unit: the shape of all three kinds of header. */
static tr_code put_header(tr_frame_writer *f, const unsigned char *fields, size_t size, tr_err *err)
{
    unsigned char unit[UNIT] = {0};
    uint64_t sum = tr_checksum(fields, size);
    memcpy(unit, fields, size);
    memcpy(unit + size, &sum, 8);
    return put(f, unit, UNIT, err);
}

static tr_code put_mark(tr_frame_writer *f, const char tag[4], uint64_t length, uint64_t sum,
                        tr_err *err)
{
    unsigned char fields[24] = {0};
    memcpy(fields, tag, 4);
    memcpy(fields + 8, &length, 8);
    memcpy(fields + 16, &sum, 8);
    return put_header(f, fields, sizeof fields, err);
}

tr_code tr_frame_begin(tr_frame_writer *f, tr_writer *out, tr_frame_kind kind, tr_err *err)
{
    *f = (tr_frame_writer){.out = out};
    unsigned char fields[16] = {0};
    uint32_t version = VERSION;
    memcpy(fields, MAGIC, 8);
    fields[3] = (unsigned char)kind;
    memcpy(fields + 8, &version, 4);
    return put_header(f, fields, sizeof fields, err);
}

tr_code tr_frame_add(tr_frame_writer *f, const char tag[4], tr_str payload, tr_err *err)
{
    static const unsigned char zero[UNIT] = {0};
    uint64_t sum = tr_checksum(payload.data, payload.size);
    tr_code code = put_mark(f, tag, payload.size, sum, err);
    if (code == TR_OK && payload.size)
        code = put(f, payload.data, payload.size, err);
    if (code == TR_OK && f->at % UNIT)
        code = put(f, zero, UNIT - f->at % UNIT, err);
    return code;
}

tr_code tr_frame_end(tr_frame_writer *f, tr_err *err)
{
    return put_mark(f, END_TAG, f->at + UNIT, 0, err);
}

/* ---- reading ---- */

static bool all_zero(const unsigned char *p, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (p[i])
            return false;
    }
    return true;
}

/* One unit whose first `size` bytes are followed by their checksum, then zeros. */
static bool header_intact(const unsigned char *unit, size_t size)
{
    uint64_t sum;
    memcpy(&sum, unit + size, 8);
    return sum == tr_checksum(unit, size) && all_zero(unit + size + 8, UNIT - size - 8);
}

static bool tag_valid(const unsigned char *tag)
{
    for (int i = 0; i < 4; i++) {
        bool letter = (tag[i] >= 'A' && tag[i] <= 'Z') || (tag[i] >= 'a' && tag[i] <= 'z');
        bool digit = tag[i] >= '0' && tag[i] <= '9';
        if (!letter && !(digit && i > 0))
            return false;
    }
    return true;
}

static tr_code cut_off(const char *name, size_t size, tr_err *err)
{
    return tr_err_at(err, name, 0, "is cut off after %zu byte%s", size, size == 1 ? "" : "s");
}

static const char *kind_name(int kind)
{
    return kind == TR_FRAME_MODEL ? "a model stream" : "a policy";
}

static tr_code open_header(tr_frame *f, tr_str bytes, const char *name, int want, tr_err *err)
{
    const unsigned char *p = (const unsigned char *)bytes.data;
    if (bytes.size == 0)
        return tr_err_at(err, name, 0, "is empty");
    for (size_t i = 0; i < 8 && i < bytes.size; i++) {
        bool right = i == 3 ? p[i] == TR_FRAME_MODEL || p[i] == TR_FRAME_POLICY
                            : p[i] == (unsigned char)MAGIC[i];
        if (right)
            continue;
        /* After the first bytes it is one of ours, and the line ends tell what became of it. */
        if (i < 3)
            return tr_err_at(err, name, 0, "is no tr-tools file");
        return tr_err_at(err, name, 0, "is damaged in its first bytes (copied as text?)");
    }
    if (bytes.size < UNIT)
        return cut_off(name, bytes.size, err);
    if (!header_intact(p, 16))
        return tr_err_at(err, name, 0, "is damaged in its header");

    uint32_t version, reserved;
    memcpy(&version, p + 8, 4);
    memcpy(&reserved, p + 12, 4);
    if (version != VERSION || reserved) {
        return tr_err_at(err, name, 0, "has format version %" PRIu32 ", this tool reads version %d",
                         version, VERSION);
    }
    f->kind = p[3];
    if (want && want != (int)f->kind) {
        return tr_err_at(err, name, 0, "is %s, not %s", kind_name((int)f->kind), kind_name(want));
    }
    return TR_OK;
}

static tr_code add_section(tr_frame *f, size_t *capacity, tr_frame_section s, tr_err *err)
{
    void *sections = f->sections;
    if (!tr_mem_reserve(&sections, capacity, f->n + 1, sizeof s))
        return tr_err_memory(err);
    f->sections = sections;
    f->sections[f->n++] = s;
    return TR_OK;
}

static tr_code open_end(tr_str bytes, size_t at, uint64_t length, const char *name, tr_err *err)
{
    const unsigned char *mark = (const unsigned char *)bytes.data + at - UNIT;
    if (!all_zero(mark + 16, 8))
        return tr_err_at(err, name, 0, "is damaged in its end mark");
    if (length != at) {
        return tr_err_at(err, name, 0,
                         "is not whole: its end mark speaks of %" PRIu64 " bytes and stands at %zu",
                         length, at);
    }
    if (at != bytes.size) {
        return tr_err_at(err, name, 0, "has %zu bytes behind its end", bytes.size - at);
    }
    return TR_OK;
}

/* Every length is held against what is left before anything is read by it. */
static tr_code open_sections(tr_frame *f, tr_str bytes, const char *name, tr_err *err)
{
    const unsigned char *p = (const unsigned char *)bytes.data;
    size_t at = UNIT, capacity = 0;
    for (;;) {
        if (bytes.size - at < UNIT)
            return cut_off(name, bytes.size, err);
        const unsigned char *header = p + at;
        if (!header_intact(header, 24) || !tag_valid(header)) {
            return tr_err_at(err, name, 0, "is damaged at byte %zu (no section begins there)", at);
        }
        at += UNIT;

        tr_frame_section s = {0};
        uint32_t flags;
        uint64_t length, sum;
        memcpy(s.tag, header, 4);
        memcpy(&flags, header + 4, 4);
        memcpy(&length, header + 8, 8);
        memcpy(&sum, header + 16, 8);
        if (flags) {
            return tr_err_at(err, name, 0, "section %s has flags of a newer tr-tools", s.tag);
        }
        if (memcmp(s.tag, END_TAG, 4) == 0)
            return open_end(bytes, at, length, name, err);

        if (length > bytes.size - at)
            return cut_off(name, bytes.size, err);
        s.payload = tr_str_of(bytes.data + at, (size_t)length);
        at += (size_t)length;
        size_t padding = (UNIT - at % UNIT) % UNIT;
        if (padding > bytes.size - at)
            return cut_off(name, bytes.size, err);
        if (tr_checksum(s.payload.data, s.payload.size) != sum || !all_zero(p + at, padding)) {
            return tr_err_at(err, name, 0, "section %s is damaged (checksum)", s.tag);
        }
        at += padding;
        tr_code code = add_section(f, &capacity, s, err);
        if (code != TR_OK)
            return code;
    }
}

tr_code tr_frame_open(tr_frame *f, tr_str bytes, const char *name, int want, tr_err *err)
{
    *f = (tr_frame){0};
    tr_code code = open_header(f, bytes, name, want, err);
    if (code == TR_OK)
        code = open_sections(f, bytes, name, err);
    if (code != TR_OK)
        tr_frame_free(f);
    return code;
}

const tr_frame_section *tr_frame_find(const tr_frame *f, const char tag[4])
{
    for (size_t i = 0; i < f->n; i++) {
        if (memcmp(f->sections[i].tag, tag, 4) == 0)
            return &f->sections[i];
    }
    return NULL;
}

tr_code tr_frame_understood(const tr_frame *f, const char *const *tags, size_t n, const char *name,
                            tr_err *err)
{
    for (size_t i = 0; i < f->n; i++) {
        const char *tag = f->sections[i].tag;
        bool known = tag[0] >= 'a'; /* a lower-case letter: may be skipped */
        for (size_t j = 0; j < n && !known; j++)
            known = memcmp(tag, tags[j], 4) == 0;
        if (!known) {
            return tr_err_at(err, name, 0,
                             "has a section %s that this tool does not know "
                             "(written by a newer tr-tools?)",
                             tag);
        }
    }
    return TR_OK;
}

void tr_frame_free(tr_frame *f)
{
    free(f->sections);
    *f = (tr_frame){0};
}
