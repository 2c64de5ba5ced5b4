/* tr-show: what is in a model stream or a policy, as JSON. */
#include "cli.h"
#include "doors/json.h"
#include "gate/stream.h"
#include "ground/mem.h"
#include "policy/policy.h"
#include "policy/print.h"
#include "traces/trace.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char synopsis[] = "[FILE]";
static const char purpose[] = "Prints what is in a model stream or a policy, as one JSON object.";
static const char tail[] =
    "Exit status: 0 done, 2 wrong usage, 3 no sound file of tr-tools, 4 the system failed.\n"
    "Example: tr-show policy.trp | jq .certificate\n";

static void show_origin(tr_json_writer *w, const tr_origin *o)
{
    tr_json_key_c(w, "version", o->version);
    tr_json_key(w, "log");
    tr_json_open_object(w);
    tr_json_key_u64(w, "rows", o->rows);
    tr_json_key_u64(w, "train", o->train);
    tr_json_key_u64(w, "calibration", o->calibration);
    tr_json_key_u64(w, "test", o->test);
    tr_json_key_u64(w, "held_out", o->held_out);
    tr_json_key_u64(w, "folds", o->folds);
    tr_json_key_double(w, "calibration_share", o->share);
    tr_json_key_bool(w, "grouped", o->grouped);
    tr_json_key_u64(w, "seed", o->seed);
    tr_json_key_u64(w, "labels_never_answered", o->left_out_labels);
    tr_json_key_u64(w, "rows_of_those_labels", o->left_out_rows);
    tr_json_key(w, "input_key");
    *o->input_key ? tr_json_c(w, o->input_key) : tr_json_null(w);
    tr_json_key(w, "label_key");
    *o->label_key ? tr_json_c(w, o->label_key) : tr_json_null(w);
    tr_json_key_c(w, "digest", o->digest);
    tr_json_key_c(w, "calibration_digest", o->calibration_digest);
    tr_json_close_object(w);
}

/* Rows and out-of-fold agreement of each label; NaN: not known. */
static void show_labels(tr_json_writer *w, const tr_labels *labels, const double *agreement,
                        const uint8_t *deferred)
{
    tr_json_key(w, "labels");
    tr_json_open_array(w);
    for (uint32_t l = 0; l < labels->n; l++) {
        tr_json_open_object(w);
        tr_json_key_str(w, "label", labels->text[l]);
        tr_json_key_u64(w, "rows", labels->count[l]);
        tr_json_key_double(w, "agreement", agreement[l]);
        if (deferred)
            tr_json_key_bool(w, "never_answered", deferred[l]);
        tr_json_close_object(w);
    }
    tr_json_close_array(w);
}

static void show_policy(tr_json_writer *w, const tr_policy *p)
{
    tr_json_key_c(w, "kind", "policy");
    show_origin(w, &p->origin);
    tr_json_key(w, "certificate");
    tr_print_certificate(&p->certificate, &p->origin, &p->history, w);
    tr_print_families(&p->certificate, w);
    tr_json_key(w, "rule");
    tr_json_open_object(w);
    tr_json_key_bool(w, "answers", p->rule.accepts);
    if (p->rule.accepts) {
        tr_json_key_double(w, "threshold", (double)p->rule.threshold / TR_ACCEPTOR_ONE);
        tr_json_key_double(w, "novelty_most", (double)p->rule.novelty_most);
    }
    tr_json_close_object(w);
    if (p->rule.accepts) {
        tr_print_features(w, &p->bank.features);
        tr_json_key(w, "stages");
        tr_json_open_array(w);
        for (uint32_t k = 0; k < p->stages; k++) {
            tr_json_open_object(w);
            tr_json_key_c(w, "member", p->stage[k].member);
            tr_print_mixture(w, &p->bank, &p->stage[k].mixture);
            tr_json_key(w, "acceptor");
            p->stage[k].acceptor.mask ? tr_print_acceptor(w, &p->stage[k].acceptor)
                                      : tr_json_null(w);
            tr_json_close_object(w);
        }
        tr_json_close_array(w);
    }
    show_labels(w, &p->labels, p->label_agreement, p->rule.label_deferred);
}

/* Out-of-fold agreement of a member: of all rows, and of each label (parallel to the labels). */
static double agreement_of(const tr_stream *s, size_t m, double *by_label, double *total)
{
    double agreed = 0, all = 0;
    for (uint32_t l = 0; l < s->labels.n; l++)
        by_label[l] = total[l] = 0;
    for (size_t i = 0; i < s->heldout.n; i++) {
        const tr_heldout_row *r = &s->heldout.rows[i];
        if (r->side != TR_SIDE_TRAIN)
            continue;
        bool agrees = s->member[m].summary[i].label == r->label;
        all += (double)r->weight;
        agreed += agrees * (double)r->weight;
        if (r->label == TR_LABEL_NONE)
            continue;
        total[r->label] += (double)r->weight;
        by_label[r->label] += agrees * (double)r->weight;
    }
    for (uint32_t l = 0; l < s->labels.n; l++)
        by_label[l] = total[l] > 0 ? by_label[l] / total[l] : NAN;
    return all > 0 ? agreed / all : NAN;
}

static tr_code show_stream(tr_json_writer *w, const tr_stream *s, tr_err *err)
{
    double *by_label = tr_mem_array(2 * (size_t)s->labels.n, sizeof *by_label);
    if (!by_label)
        return tr_err_memory(err);
    tr_json_key_c(w, "kind", "model stream");
    show_origin(w, &s->origin);
    tr_print_features(w, &s->bank.features);
    tr_json_key(w, "members");
    tr_json_open_array(w);
    size_t best = 0;
    double most = -1;
    for (size_t m = 0; m < s->n; m++) {
        double agreement = agreement_of(s, m, by_label, by_label + s->labels.n);
        if (agreement > most) {
            most = agreement;
            best = m;
        }
        tr_json_open_object(w);
        tr_json_key_c(w, "member", s->member[m].name);
        tr_json_key_double(w, "agreement", agreement);
        tr_print_mixture(w, &s->bank, &s->member[m].mixture);
        tr_json_key(w, "acceptor");
        s->member[m].gated ? tr_print_acceptor(w, &s->member[m].acceptor) : tr_json_null(w);
        tr_json_close_object(w);
    }
    tr_json_close_array(w);
    tr_json_key(w, "cascades");
    tr_json_open_array(w);
    for (size_t k = 0; k < s->n_cascades; k++) {
        tr_json_open_object(w);
        tr_json_key_c(w, "first", s->member[s->cascade[k].first].name);
        tr_json_key_c(w, "second", s->member[s->cascade[k].second].name);
        tr_json_key(w, "acceptor");
        tr_print_acceptor(w, &s->cascade[k].acceptor);
        tr_json_close_object(w);
    }
    tr_json_close_array(w);
    agreement_of(s, best, by_label, by_label + s->labels.n);
    tr_json_key_c(w, "labels_by", s->member[best].name);
    show_labels(w, &s->labels, by_label, NULL);
    free(by_label);
    return TR_OK;
}

/* A model stream may come by a pipe, so the kind is found by reading it as one. */
static tr_code show(const char *file, tr_buf *out, tr_err *err)
{
    tr_json_writer w;
    tr_stream s;
    tr_policy p = {0};
    tr_json_begin(&w, out, true);
    tr_json_open_object(&w);
    tr_buf bytes;
    tr_buf_init(&bytes);
    tr_code code = tr_io_slurp(file, &bytes, err);
    bool policy = code == TR_OK && bytes.size > 3 && bytes.data[3] == TR_FRAME_POLICY;
    const char *name = file && strcmp(file, "-") ? file : "stdin";
    if (code == TR_OK && policy) {
        code = tr_policy_take(&p, &bytes, name, err);
        if (code == TR_OK)
            show_policy(&w, &p);
        tr_policy_free(&p);
    } else if (code == TR_OK) {
        code = tr_stream_take(&s, &bytes, name, err);
        if (code == TR_OK)
            code = show_stream(&w, &s, err);
        tr_stream_free(&s);
    }
    tr_buf_free(&bytes);
    tr_json_close_object(&w);
    tr_buf_add_char(out, '\n');
    return code == TR_OK && out->failed ? tr_err_memory(err) : code;
}

int main(int argc, char **argv)
{
    tr_cli cli;
    tr_err err = {0};
    tr_buf text;

    tr_cli_init(&cli, "tr-show");
    tr_cli_add_shared(&cli, TR_CLI_OUTPUT);
    tr_cli_start(&cli, argc, argv, synopsis, purpose, tail);
    if (cli.n_operands > 1)
        return tr_cli_wrong(&cli, "one file at a time");
    tr_cli_waits_for(&cli, "a model stream or a policy");
    tr_buf_init(&text);
    tr_code code = show(cli.n_operands ? cli.operands[0] : NULL, &text, &err);
    tr_writer *out = code == TR_OK ? tr_cli_output(&cli, false, &err) : NULL;
    if (code == TR_OK && !out)
        code = err.code;
    if (code == TR_OK) {
        code = tr_writer_add(out, text.data, text.size, &err);
        if (code == TR_OK)
            code = tr_writer_close(out, &err);
        else
            tr_writer_abandon(out);
    }
    tr_buf_free(&text);
    tr_cli_free(&cli);
    return code == TR_OK ? 0 : tr_cli_fail(&cli, &err);
}
