#include "gate/bank.h"

#include <string.h>

tr_shape tr_bank_shape(const tr_bank *b, uint32_t labels)
{
    const tr_features *f = &b->features;
    return (tr_shape){.labels = labels,
                      .columns = f->text ? f->vocabulary.n : 0,
                      .dims = f->view.dims,
                      .beside = f->view.columns ? 0 : f->view.dims};
}

static tr_code read_part(tr_bank *b, const tr_frame_section *s, uint32_t labels, tr_err *err)
{
    tr_le_reader r;
    tr_le_open(&r, s->payload.data, s->payload.size);
    tr_code code;
    switch (s->tag[0]) {
    case 'V': code = tr_tfidf_read(&b->features.vocabulary, &r, err); break;
    case 'D': code = tr_dense_read(&b->features.view, &r, b->features.vocabulary.n, err); break;
    case 'N': code = tr_network_read(&b->near, &r, labels, b->features.view.dims, err); break;
    default:
        if (b->n == TR_BANK_MODELS)
            return tr_err_set(err, TR_DATA, "more than %d models", TR_BANK_MODELS);
        code = tr_surrogate_read(&b->model[b->n++], &r, tr_bank_shape(b, labels), err);
        break;
    }
    if (code == TR_OK && (r.failed || tr_le_left(&r)))
        code = tr_err_set(err, TR_DATA, "section %s is malformed", s->tag);
    return code;
}

tr_code tr_bank_read(tr_bank *b, const tr_frame *f, uint32_t labels, tr_err *err)
{
    static const char *const tags[] = {"VOCB", "DENS", "NEAR"};
    *b = (tr_bank){0};
    tr_code code = TR_OK;
    for (int k = 0; k < 3 && code == TR_OK; k++) {
        const tr_frame_section *s = tr_frame_find(f, tags[k]);
        if (!s)
            continue;
        if (k == 2 && !b->features.view.dims)
            return tr_err_set(err, TR_DATA, "section NEAR without a dense view");
        code = read_part(b, s, labels, err);
        b->features.text |= k == 0;
    }
    if (code == TR_OK && !b->features.text && (b->features.view.columns || !b->features.view.dims))
        code = tr_err_set(err, TR_DATA, "there is neither a vocabulary nor an embedding");
    for (size_t k = 0; k < f->n && code == TR_OK; k++)
        if (!strcmp(f->sections[k].tag, "MODL"))
            code = read_part(b, &f->sections[k], labels, err);
    if (code == TR_OK && !b->n)
        code = tr_err_set(err, TR_DATA, "section MODL is missing");
    return code;
}

void tr_bank_free(tr_bank *b)
{
    tr_features_free(&b->features);
    tr_network_free(&b->near);
    for (size_t k = 0; k < b->n; k++)
        tr_surrogate_free(&b->model[k]);
    *b = (tr_bank){0};
}

static tr_code add(tr_frame_writer *f, const char tag[4], tr_buf *b, tr_err *err)
{
    tr_code code = b->failed ? tr_err_memory(err) : tr_frame_add(f, tag, tr_buf_str(b), err);
    tr_buf_free(b);
    return code;
}

tr_code tr_bank_write_features(const tr_features *features, const tr_network *near,
                               tr_frame_writer *f, tr_err *err)
{
    tr_code code = TR_OK;
    tr_buf b;
    tr_buf_init(&b);
    if (features->text) {
        tr_tfidf_write(&features->vocabulary, &b);
        code = add(f, "VOCB", &b, err);
    }
    if (code == TR_OK && features->view.dims) {
        tr_dense_write(&features->view, &b);
        code = add(f, "DENS", &b, err);
    }
    if (code == TR_OK && near->layers) {
        tr_network_write(near, &b);
        code = add(f, "NEAR", &b, err);
    }
    return code;
}

tr_code tr_bank_write_model(const tr_surrogate *m, tr_frame_writer *f, tr_err *err)
{
    tr_buf b;
    tr_buf_init(&b);
    tr_surrogate_write(m, &b);
    return add(f, "MODL", &b, err);
}
