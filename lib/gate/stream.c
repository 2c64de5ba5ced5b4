#include "gate/stream.h"

#include "ground/mem.h"

#include <stdlib.h>
#include <string.h>

/* ---- reading ---- */

static tr_code read_member(tr_stream *s, tr_str payload, tr_err *err)
{
    if (s->n == TR_STREAM_MEMBERS)
        return tr_err_set(err, TR_DATA, "more than %d members", TR_STREAM_MEMBERS);
    tr_stream_member *m = &s->member[s->n++];
    *m = (tr_stream_member){0};
    tr_le_reader r;
    tr_le_open(&r, payload.data, payload.size);
    bool sound = tr_origin_text(&r, m->name, sizeof m->name);
    tr_le_skip_align(&r, 8);
    if (!sound || r.failed)
        return tr_err_set(err, TR_DATA, "a member is malformed");
    tr_code code = tr_mixture_read(&m->mixture, &r, s->bank.n, err);
    if (code != TR_OK)
        return code;
    m->summary = tr_mem_array(s->heldout.n, sizeof *m->summary);
    if (!m->summary)
        return tr_err_memory(err);
    code = tr_heldout_read_summaries(m->summary, s->heldout.n, s->labels.n, &r, err);
    if (code == TR_OK && tr_le_left(&r))
        code = tr_err_set(err, TR_DATA, "a member has bytes left over");
    return code;
}

/* Accept scores of every held-out row, to the end of the section. */
static tr_code read_scores(const tr_stream *s, tr_le_reader *r, uint32_t **out, tr_err *err)
{
    const uint32_t *score = tr_le_u32s(r, s->heldout.n);
    if (!score || tr_le_left(r))
        return tr_err_set(err, TR_DATA, "the accept scores are malformed");
    for (size_t i = 0; i < s->heldout.n; i++)
        if (score[i] > TR_ACCEPTOR_ONE)
            return tr_err_set(err, TR_DATA, "an accept score above 1");
    *out = tr_mem_array(s->heldout.n, sizeof **out);
    if (!*out)
        return tr_err_memory(err);
    memcpy(*out, score, s->heldout.n * sizeof *score);
    return TR_OK;
}

static tr_code read_gate(tr_stream *s, tr_str payload, tr_err *err)
{
    tr_le_reader r;
    tr_le_open(&r, payload.data, payload.size);
    uint32_t of = tr_le_u32(&r);
    tr_le_u32(&r);
    if (r.failed || of >= s->n || s->member[of].gated)
        return tr_err_set(err, TR_DATA, "an acceptor belongs to no member");
    tr_stream_member *m = &s->member[of];
    tr_code code = tr_acceptor_read(&m->acceptor, &r, s->labels.n, err);
    if (code == TR_OK && m->acceptor.mask & TR_ACCEPTOR_BEFORE)
        code = tr_err_set(err, TR_DATA, "a first stage that looks at the one before");
    if (code == TR_OK)
        code = read_scores(s, &r, &m->score, err);
    m->gated = code == TR_OK;
    return code;
}

static tr_code read_cascade(tr_stream *s, tr_str payload, tr_err *err)
{
    tr_le_reader r;
    tr_le_open(&r, payload.data, payload.size);
    uint32_t first = tr_le_u32(&r), second = tr_le_u32(&r);
    if (r.failed || s->n_cascades == TR_STREAM_CASCADES || first >= s->n || second >= s->n ||
        first == second || !s->member[first].gated)
        return tr_err_set(err, TR_DATA, "a cascade is malformed");
    tr_stream_cascade *c = &s->cascade[s->n_cascades++];
    *c = (tr_stream_cascade){.first = first, .second = second};
    tr_code code = tr_acceptor_read(&c->acceptor, &r, s->labels.n, err);
    return code == TR_OK ? read_scores(s, &r, &c->score, err) : code;
}

static tr_code read_section(tr_stream *s, const tr_frame_section *section, tr_err *err)
{
    tr_le_reader r;
    tr_le_open(&r, section->payload.data, section->payload.size);
    tr_code code = TR_OK;
    if (!strcmp(section->tag, "HEAD"))
        code = tr_origin_read(&s->origin, &r, err);
    else if (!strcmp(section->tag, "LABL"))
        code = tr_labels_read(&s->labels, &r, err);
    else if (!strcmp(section->tag, "HELD"))
        code = tr_heldout_read(&s->heldout, &r, s->labels.n, err);
    else
        return TR_OK;
    if (code == TR_OK && tr_le_left(&r))
        code = tr_err_set(err, TR_DATA, "section %s has bytes left over", section->tag);
    return code;
}

static tr_code read_all(tr_stream *s, const char *name, tr_err *err)
{
    static const char *const tags[] = {"HEAD", "LABL", "HELD", "VOCB", "DENS",
                                       "NEAR", "MODL", "MEMB", "GATE", "CASC"};
    static const struct {
        const char *tag;
        tr_code (*read)(tr_stream *s, tr_str payload, tr_err *err);
    } many[] = {{"MEMB", read_member}, {"GATE", read_gate}, {"CASC", read_cascade}};
    tr_code code = tr_frame_open(&s->frame, tr_buf_str(&s->bytes), name, TR_FRAME_MODEL, err);
    if (code == TR_OK)
        code = tr_frame_understood(&s->frame, tags, sizeof tags / sizeof *tags, name, err);
    if (code != TR_OK)
        return code;
    for (int k = 0; k < 3 && code == TR_OK; k++) {
        const tr_frame_section *section = tr_frame_find(&s->frame, tags[k]);
        if (!section)
            return tr_err_at(err, name, 0, "section %s is missing", tags[k]);
        code = read_section(s, section, err);
    }
    if (code == TR_OK)
        code = tr_bank_read(&s->bank, &s->frame, s->labels.n, err);
    for (int what = 0; what < 3; what++)
        for (size_t k = 0; k < s->frame.n && code == TR_OK; k++)
            if (!strcmp(s->frame.sections[k].tag, many[what].tag))
                code = many[what].read(s, s->frame.sections[k].payload, err);
    if (code == TR_OK && (!s->n || s->labels.n < 2))
        code = tr_err_set(err, TR_DATA, "the stream has no member or fewer than two labels");
    return code == TR_DATA ? tr_err_at(err, name, 0, "%s", err->message) : code;
}

tr_code tr_stream_take(tr_stream *s, tr_buf *bytes, const char *name, tr_err *err)
{
    *s = (tr_stream){.bytes = *bytes};
    tr_buf_init(bytes);
    tr_labels_init(&s->labels);
    return read_all(s, name, err);
}

tr_code tr_stream_read(tr_stream *s, const char *file, tr_err *err)
{
    tr_buf bytes;
    tr_buf_init(&bytes);
    tr_code code = tr_io_slurp(file, &bytes, err);
    if (code == TR_OK)
        return tr_stream_take(s, &bytes, file && strcmp(file, "-") ? file : "stdin", err);
    *s = (tr_stream){0};
    tr_buf_free(&bytes);
    return code;
}

void tr_stream_free(tr_stream *s)
{
    for (size_t m = 0; m < s->n; m++) {
        free(s->member[m].summary);
        free(s->member[m].score);
        tr_acceptor_free(&s->member[m].acceptor);
    }
    for (size_t k = 0; k < s->n_cascades; k++) {
        free(s->cascade[k].score);
        tr_acceptor_free(&s->cascade[k].acceptor);
    }
    tr_bank_free(&s->bank);
    tr_labels_free(&s->labels);
    tr_heldout_free(&s->heldout);
    tr_frame_free(&s->frame);
    tr_buf_free(&s->bytes);
    s->n = s->n_cascades = 0;
}

size_t tr_stream_guard(const tr_stream *s, size_t m)
{
    for (size_t k = 0; k < s->n; k++)
        if (!strcmp(s->member[k].name, "svm"))
            return k;
    return m;
}

void tr_stream_agree(const tr_stream *s, size_t m, uint8_t *agree)
{
    for (size_t i = 0; i < s->heldout.n; i++)
        agree[i] = s->member[m].summary[i].label == s->heldout.rows[i].label;
}

/* ---- writing ---- */

static tr_code add(tr_frame_writer *f, const char tag[4], tr_buf *b, tr_err *err)
{
    tr_code code = b->failed ? tr_err_memory(err) : tr_frame_add(f, tag, tr_buf_str(b), err);
    tr_buf_clear(b);
    return code;
}

tr_code tr_stream_begin(tr_frame_writer *f, tr_writer *out, const tr_origin *origin,
                        const tr_labels *labels, const tr_features *features,
                        const tr_network *near, const tr_heldout *heldout, tr_err *err)
{
    tr_buf b;
    tr_buf_init(&b);
    tr_code code = tr_frame_begin(f, out, TR_FRAME_MODEL, err);
    if (code == TR_OK) {
        tr_origin_write(origin, &b);
        code = add(f, "HEAD", &b, err);
    }
    if (code == TR_OK) {
        tr_labels_write(labels, &b);
        code = add(f, "LABL", &b, err);
    }
    if (code == TR_OK)
        code = tr_bank_write_features(features, near, f, err);
    if (code == TR_OK) {
        tr_heldout_write(heldout, &b);
        code = add(f, "HELD", &b, err);
    }
    tr_buf_free(&b);
    return code;
}

tr_code tr_stream_add_member(tr_frame_writer *f, const char *name, const tr_mixture *mixture,
                             const tr_softmax_summary *summary, size_t n, tr_err *err)
{
    tr_buf b;
    tr_buf_init(&b);
    tr_le_put_str(&b, tr_str_c(name));
    tr_le_align(&b, 8);
    tr_mixture_write(mixture, &b);
    tr_heldout_write_summaries(summary, n, &b);
    tr_code code = add(f, "MEMB", &b, err);
    tr_buf_free(&b);
    return code;
}
