#include "gate/origin.h"

#include <string.h>

static void put_text(tr_buf *out, const char *text)
{
    tr_le_put_str(out, tr_str_c(text));
}

bool tr_origin_text(tr_le_reader *r, char *text, size_t size)
{
    tr_str s = tr_le_str(r);
    if (r->failed || s.size >= size || memchr(s.data, 0, s.size))
        return false;
    memcpy(text, s.data, s.size);
    text[s.size] = 0;
    return true;
}

void tr_origin_write(const tr_origin *o, tr_buf *out)
{
    put_text(out, o->version);
    tr_le_put_u64(out, o->seed);
    tr_le_put_u64(out, o->rows);
    tr_le_put_u64(out, o->train);
    tr_le_put_u64(out, o->calibration);
    tr_le_put_u64(out, o->test);
    tr_le_put_u64(out, o->held_out);
    tr_le_put_u32(out, o->folds);
    tr_le_put_u32(out, o->grouped);
    tr_le_put_f64(out, o->share);
    tr_le_put_u64(out, o->left_out_labels);
    tr_le_put_u64(out, o->left_out_rows);
    put_text(out, o->input_key);
    put_text(out, o->label_key);
    put_text(out, o->digest);
    put_text(out, o->calibration_digest);
}

tr_code tr_origin_read(tr_origin *o, tr_le_reader *r, tr_err *err)
{
    *o = (tr_origin){0};
    bool sound = tr_origin_text(r, o->version, sizeof o->version);
    o->seed = tr_le_u64(r);
    o->rows = tr_le_u64(r);
    o->train = tr_le_u64(r);
    o->calibration = tr_le_u64(r);
    o->test = tr_le_u64(r);
    o->held_out = tr_le_u64(r);
    o->folds = tr_le_u32(r);
    uint32_t grouped = tr_le_u32(r);
    o->grouped = grouped == 1;
    o->share = tr_le_f64(r);
    o->left_out_labels = tr_le_u64(r);
    o->left_out_rows = tr_le_u64(r);
    sound = sound && tr_origin_text(r, o->input_key, sizeof o->input_key) &&
            tr_origin_text(r, o->label_key, sizeof o->label_key) &&
            tr_origin_text(r, o->digest, sizeof o->digest) &&
            tr_origin_text(r, o->calibration_digest, sizeof o->calibration_digest);
    if (!sound || r->failed || grouped > 1 || !(o->share >= 0 && o->share <= 1))
        return tr_err_set(err, TR_DATA, "the head is malformed");
    return TR_OK;
}
