#include "policy/explain.h"

#include "ground/num.h"

#include <math.h>

/* ---- what is to be said ---- */

static void choose_labels(const float *z, uint32_t labels, tr_explanation *out)
{
    for (uint32_t l = 0; l < labels; l++) {
        uint32_t at = out->n_best;
        if (at == TR_EXPLAIN_MOST && !(z[l] > z[out->best[at - 1]]))
            continue;
        if (at < TR_EXPLAIN_MOST)
            out->n_best++;
        else
            at--;
        for (; at && z[l] > z[out->best[at - 1]]; at--)
            out->best[at] = out->best[at - 1];
        out->best[at] = l;
    }
}

/* What a column says for the best label against the second, per unit of its value. */
static double leaning(const tr_mixture *m, const tr_surrogate *models, uint32_t column,
                      const uint32_t best[2])
{
    double sum = 0;
    for (uint32_t k = 0; k < m->n; k++) {
        const tr_surrogate *s = &models[m->model[k]];
        if (s->kind != TR_SURROGATE_LINEAR || column >= s->linear.columns)
            continue;
        const int8_t *w = s->linear.weight + (size_t)column * s->linear.width;
        sum += (double)m->weight[k] * (double)s->linear.scale[column] * (w[best[0]] - w[best[1]]);
    }
    return sum;
}

/* Keeps a word among the most extreme of its side. */
static void keep(tr_explain_word list[TR_EXPLAIN_MOST], uint32_t *n, tr_explain_word word)
{
    uint32_t at = *n;
    float size = fabsf(word.weight);
    if (at == TR_EXPLAIN_MOST && !(size > fabsf(list[at - 1].weight)))
        return;
    if (at < TR_EXPLAIN_MOST)
        ++*n;
    else
        at--;
    for (; at && size > fabsf(list[at - 1].weight); at--)
        list[at] = list[at - 1];
    list[at] = word;
}

static void choose_words(const tr_decider *d, const tr_mixture *m, tr_explanation *out)
{
    const tr_ngrams *grams = &d->features.grams;
    const tr_tfidf_row *row = &d->features.row;
    /* the row's entries are in the order in which their grams first stand in the text */
    size_t entry = 0;
    for (size_t k = 0; k < grams->n_words && entry < row->n; k++) {
        if (row->column[k] < 0 || (uint32_t)row->column[k] != row->index[entry])
            continue;
        float weight = (float)(leaning(m, d->policy->bank.model, row->index[entry], out->best) *
                               (double)row->value[entry]);
        entry++;
        if (weight > 0)
            keep(out->pro, &out->n_pro, (tr_explain_word){k, weight});
        else if (weight < 0)
            keep(out->con, &out->n_con, (tr_explain_word){k, weight});
    }
}

void tr_explain_row(const tr_decider *d, const tr_decided *said, tr_explanation *out)
{
    const tr_policy *p = d->policy;
    uint32_t stage = said->asked - 1;
    *out = (tr_explanation){0};
    choose_labels(d->room, p->labels.n, out);
    for (uint32_t k = 0; k < out->n_best; k++)
        out->p[k] = d->said[stage].p[k];
    if (p->bank.features.text && out->n_best > 1)
        choose_words(d, &p->stage[stage].mixture, out);
}

/* ---- saying it ---- */

static void put_float(tr_buf *out, const char *key, float x)
{
    char text[TR_NUM_TEXT];
    size_t size = tr_num_print_float(text, x == 0 ? 0 : x); /* never "-0" */
    tr_buf_add_c(out, key);
    tr_buf_add(out, text, size);
}

/* A gram as words: gram 2i is words i - 1 and i, any other one word (ngram.h). */
static void put_gram(tr_buf *out, const tr_ngrams *grams, size_t gram)
{
    size_t last = (gram + 1) / 2;
    if (gram && gram % 2 == 0) {
        tr_words_spell(&grams->words, last - 1, out);
        tr_buf_add_char(out, ' ');
    }
    tr_words_spell(&grams->words, last, out);
}

static void put_words(tr_buf *out, const char *key, const tr_ngrams *grams,
                      const tr_explain_word *list, uint32_t n)
{
    tr_buf_add_c(out, key);
    for (uint32_t k = 0; k < n; k++) {
        tr_buf_add_c(out, k ? ",{\"gram\":\"" : "{\"gram\":\"");
        put_gram(out, grams, list[k].gram); /* nothing in a word needs an escape */
        put_float(out, "\",\"weight\":", list[k].weight);
        tr_buf_add_char(out, '}');
    }
    tr_buf_add_char(out, ']');
}

void tr_explain_put(const tr_decider *d, const tr_explanation *e, const char *why,
                    const tr_buf *label_json, tr_buf *out)
{
    tr_buf_add_c(out, why ? "{\"why\":\"" : "{\"why\":null");
    if (why) {
        tr_buf_add_c(out, why);
        tr_buf_add_char(out, '"');
    }
    if (!e) {
        tr_buf_add_char(out, '}');
        return;
    }
    const tr_rule *rule = &d->policy->rule;
    char text[TR_NUM_TEXT];
    for (uint32_t k = 0; k < e->n_best; k++) {
        tr_buf_add_c(out, k ? ",{\"label\":" : ",\"best\":[{\"label\":");
        tr_buf_add_str(out, tr_buf_str(&label_json[e->best[k]]));
        put_float(out, ",\"p\":", e->p[k]);
        tr_buf_add_char(out, '}');
    }
    tr_buf_add_c(out, "],\"threshold\":");
    tr_num_print_double(text, (double)rule->threshold / TR_ACCEPTOR_ONE);
    tr_buf_add_c(out, text);
    if (isfinite(rule->novelty_most)) {
        put_float(out, ",\"novelty\":", d->novelty);
        put_float(out, ",\"novelty_most\":", rule->novelty_most);
    }
    if (d->policy->bank.features.text) {
        put_words(out, ",\"for\":[", &d->features.grams, e->pro, e->n_pro);
        put_words(out, ",\"against\":[", &d->features.grams, e->con, e->n_con);
    }
    tr_buf_add_char(out, '}');
}
