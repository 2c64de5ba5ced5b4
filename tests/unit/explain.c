#include "policy/explain.h"

#include "check.h"
#include "doors/json.h"
#include "doors/scan.h"
#include "ground/rng.h"
#include "maths/dot.h"

#include <math.h>
#include <stdlib.h>

enum { LABELS = 4, WIDTH = 8, PARTS = 2 };

/* A policy made by hand: a vocabulary of the grams of `known`, and a mixture of two linear models,
 * all of whose weights are zero at first. */
static tr_policy policy;
static tr_decider decider;
static tr_linear part[PARTS];
static tr_buf label_json[LABELS];

static const char *const known[] = {"lost my card", "my card is lost", "transfer is late",
                                    "late \xe9\x80\x80\xe6\xac\xbe refund"};

static void make_vocabulary(tr_tfidf *v)
{
    tr_tfidf_counts *c = tr_tfidf_count_open();
    tr_ngrams g = {0};
    tr_err err;
    bool ok = c != NULL;
    for (size_t i = 0; ok && i < sizeof known / sizeof *known; i++)
        ok = tr_ngram_extract(&g, tr_str_c(known[i])) && tr_tfidf_count_add(c, &g);
    if (!ok || tr_tfidf_build(v, c, 1, 10000, &err) != TR_OK)
        exit(4);
    tr_tfidf_count_close(c);
    tr_ngram_free(&g);
}

static void make_policy(void)
{
    static const char *const names[LABELS] = {"a", "b \"quoted\"", "<script>", "d"};
    make_vocabulary(&policy.bank.features.vocabulary);
    policy.bank.features.text = true;
    policy.labels.n = LABELS;
    policy.stages = 1;
    policy.stage[0].mixture = (tr_mixture){PARTS, {0, 1}, {0.5f, 2}};
    policy.rule = (tr_rule){.accepts = true, .threshold = 620000, .novelty_most = INFINITY};
    policy.rule.label_deferred = tr_mem_zero(LABELS, 1);
    policy.bank.n = PARTS;
    for (int k = 0; k < PARTS; k++) {
        part[k] = (tr_linear){LABELS, policy.bank.features.vocabulary.n, 0, WIDTH, NULL};
        part[k].weight = tr_mem_zero(tr_linear_rows(&part[k]) * WIDTH, sizeof(float));
        if (!part[k].weight)
            exit(4);
    }
    for (int l = 0; l < LABELS; l++)
        tr_json_put_str(&label_json[l], tr_str_c(names[l]));
}

/* Ships the weights as they now are. */
static void ship(void)
{
    tr_err err;
    tr_decide_close(&decider);
    for (int k = 0; k < PARTS; k++) {
        tr_surrogate *s = &policy.bank.model[k];
        tr_surrogate_free(s);
        s->kind = TR_SURROGATE_LINEAR;
        if (tr_compact_make(&s->linear, &part[k], &err) != TR_OK)
            exit(4);
    }
    if (!policy.rule.label_deferred || !tr_decide_open(&decider, &policy))
        exit(4);
}

/* Weights of the word grams and the intercept, drawn (0) or all zero but for label 2, which each
 * gram speaks for (1) or against (-1). */
static void set_weights(tr_rng *r, int lean)
{
    uint32_t columns = policy.bank.features.vocabulary.n;
    for (int k = 0; k < PARTS; k++)
        for (uint32_t j = 0; j <= columns; j++)
            for (uint32_t l = 0; l < LABELS; l++) {
                bool word = j < policy.bank.features.vocabulary.n_words;
                float *w = &part[k].weight[(size_t)j * WIDTH + l];
                *w = lean && word && l == 2 ? (float)lean : 0;
                if (!lean && (word || j == columns))
                    *w = (float)tr_rng_normal(r);
            }
    if (lean < 0) /* the best label all the same */
        part[0].weight[(size_t)columns * WIDTH + 2] = 100;
    ship();
}

static tr_explanation explain(const char *text)
{
    tr_decided said;
    tr_explanation e;
    memset(&e, 0xff, sizeof e);
    CHECK(tr_decide_input(&decider, tr_str_c(text), NULL, false, &said));
    tr_explain_row(&decider, &said, &e);
    CHECK(e.n_best == 3 && e.best[0] == said.stage[0].label);
    return e;
}

/* The text of one side: "gram|gram|". */
static const char *words_of(const tr_explanation *e, bool pro)
{
    static char text[400];
    static tr_buf out;
    size_t at = 0, n = pro ? e->n_pro : e->n_con;
    tr_err err;
    tr_buf_clear(&out);
    tr_explain_put(&decider, e, NULL, label_json, &out);
    tr_json *root = tr_json_parse(tr_buf_str(&out), &err);
    const tr_json *list = tr_json_get(root, pro ? "for" : "against");
    CHECK(tr_json_size(list) == n);
    *text = 0;
    for (size_t k = 0; k < tr_json_size(list); k++) {
        const char *gram = "?";
        double weight = 0;
        CHECK(tr_json_as_text(tr_json_get(tr_json_at(list, k), "gram"), &gram));
        CHECK(tr_json_as_double(tr_json_get(tr_json_at(list, k), "weight"), &weight));
        CHECK((float)weight == (pro ? e->pro : e->con)[k].weight);
        at += (size_t)snprintf(text + at, sizeof text - at, "%s|", gram);
    }
    tr_json_free(root);
    return text;
}

/* Of a text of two words all three grams are named: with the intercepts they are the whole
 * difference between the two best labels. */
static void weights_add_up(void)
{
    static const char *const texts[] = {"my card", "is late", "card lost", "refund lost", "late"};
    tr_rng r;
    tr_rng_init(&r, 3);
    size_t pro = 0, con = 0;
    for (int turn = 0; turn < 40; turn++) {
        set_weights(&r, 0);
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
            tr_explanation e = explain(texts[i]);
            const float *z = decider.room;
            double sum = 0;
            for (uint32_t k = 0; k < e.n_pro; k++) {
                CHECK(e.pro[k].weight > 0 && (!k || e.pro[k].weight <= e.pro[k - 1].weight));
                sum += (double)e.pro[k].weight;
            }
            for (uint32_t k = 0; k < e.n_con; k++) {
                CHECK(e.con[k].weight < 0 && (!k || e.con[k].weight >= e.con[k - 1].weight));
                sum += (double)e.con[k].weight;
            }
            for (int k = 0; k < PARTS; k++) {
                const tr_compact *c = &policy.bank.model[k].linear;
                const int8_t *w = c->weight + (size_t)c->columns * WIDTH;
                sum += (double)policy.stage[0].mixture.weight[k] * (double)c->scale[c->columns] *
                       (w[e.best[0]] - w[e.best[1]]);
            }
            CHECK_NEAR(sum, (double)z[e.best[0]] - (double)z[e.best[1]], 1e-5);
            for (uint32_t l = 0; l < LABELS; l++) /* the three best there are, in order */
                CHECK(z[l] <= z[e.best[0]] && (l == e.best[0] || z[l] <= z[e.best[1]]) &&
                      (l == e.best[0] || l == e.best[1] || z[l] <= z[e.best[2]]));
            CHECK(e.p[0] >= e.p[1] && e.p[1] >= e.p[2] && e.p[0] + e.p[1] + e.p[2] <= 1.000001f);
            CHECK_NEAR(log((double)e.p[0] / (double)e.p[1]),
                       (double)z[e.best[0]] - (double)z[e.best[1]], 1e-4);
            pro += e.n_pro;
            con += e.n_con;
        }
    }
    CHECK(pro > 100 && con > 100);
}

/* At most three on a side, the strongest first, those that stand first where they are as strong. */
static void the_strongest_three_are_named(void)
{
    set_weights(NULL, 1);
    tr_explanation e = explain("my card is lost");
    CHECK(e.best[0] == 2 && e.best[1] == 0 && e.best[2] == 1);
    CHECK(e.n_pro == 3 && e.n_con == 0);
    CHECK(!strcmp(words_of(&e, true), "card is|is lost|my|")); /* rarer grams weigh more */
    CHECK(e.pro[0].weight == e.pro[1].weight && e.pro[1].weight > e.pro[2].weight);
    CHECK(!strcmp(words_of(&e, false), ""));
    set_weights(NULL, -1);
    e = explain("is lost my card is");
    CHECK(e.best[0] == 2 && e.n_pro == 0 && e.n_con == 3);
    CHECK(!strcmp(words_of(&e, false), "is|is lost|lost my|"));
}

static void a_gram_that_occurs_twice_is_named_once(void)
{
    set_weights(NULL, 1);
    tr_explanation e = explain("Card, CARD my card my card"); /* "card card" is not known */
    CHECK(!strcmp(words_of(&e, true), "card|my|my card|"));
    CHECK(e.pro[0].gram == 0 && e.pro[1].gram == 3 && e.pro[2].gram == 6);
}

static void ideographs_are_words(void)
{
    set_weights(NULL, 1);
    tr_explanation e = explain("\xe9\x80\x80\xe6\xac\xbe!");
    CHECK(!strcmp(words_of(&e, true), "\xe9\x80\x80|\xe6\xac\xbe|\xe9\x80\x80 \xe6\xac\xbe|"));
}

/* Of labels that are as likely the lower number is first; zero is nothing said. */
static void nothing_said(void)
{
    static const char *const texts[] = {"", "?! \"\\\" <>", "unknown words", "my card"};
    tr_linear kept[PARTS] = {part[0], part[1]};
    set_weights(NULL, 1);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (i == 3)
            for (int k = 0; k < PARTS; k++)
                memset(part[k].weight, 0, tr_linear_rows(&kept[k]) * WIDTH * sizeof(float));
        ship();
        tr_explanation e = explain(texts[i]);
        CHECK(e.best[0] == 0 && e.best[1] == 1 && e.best[2] == 2 && e.n_pro == 0 && e.n_con == 0);
        CHECK_NEAR((double)e.p[2], 0.25, 1e-6);
    }
}

/* A model of another kind says nothing in words. */
static void other_models_are_left_out(void)
{
    tr_rng r;
    tr_rng_init(&r, 8);
    set_weights(&r, 0);
    tr_decided said;
    CHECK(tr_decide_input(&decider, tr_str_c("my card is lost"), NULL, false, &said));
    tr_surrogate whole = policy.bank.model[1];
    tr_explanation both, one;
    tr_explain_row(&decider, &said, &both);
    policy.bank.model[1].kind = TR_SURROGATE_NETWORK; /* the values stand, none is asked again */
    tr_explain_row(&decider, &said, &one);
    CHECK(one.n_pro + one.n_con > 0 && !memcmp(both.best, one.best, sizeof one.best));
    CHECK(memcmp(&both, &one, sizeof one) != 0);
    policy.bank.model[0].kind = TR_SURROGATE_TREES;
    tr_explain_row(&decider, &said, &one);
    CHECK(one.n_best == 3 && one.n_pro + one.n_con == 0);
    policy.bank.model[1] = whole;
    policy.bank.model[0].kind = TR_SURROGATE_LINEAR;
}

static int written(const tr_explanation *e, const char *why, const char *expected)
{
    tr_buf out;
    tr_err err;
    tr_buf_init(&out);
    tr_explain_put(e ? &decider : NULL, e, why, label_json, &out);
    CHECK(tr_scan_value(tr_buf_str(&out), &err) == TR_OK);
    tr_buf_add_char(&out, 0);
    int right = !strcmp(out.data, expected);
    if (!right)
        printf("# %s\n# not %s\n", out.data, expected);
    tr_buf_free(&out);
    return right;
}

static void it_is_written_as_the_manual_says(void)
{
    set_weights(NULL, 1);
    tr_explanation e = explain("My CARD");
    e.n_best = 2;
    e.best[0] = 1;
    e.p[0] = 0.75f;
    e.p[1] = 0.1f;
    e.n_pro = e.n_con = 1;
    e.pro[0] = (tr_explain_word){2, 1.5f};
    e.con[0] = (tr_explain_word){1, -0.000025f};
#define BEST "\"best\":[{\"label\":\"b \\\"quoted\\\"\",\"p\":0.75},{\"label\":\"a\",\"p\":0.1}]"
#define WORDS                                                                                      \
    "\"for\":[{\"gram\":\"my card\",\"weight\":1.5}],"                                             \
    "\"against\":[{\"gram\":\"card\",\"weight\":-2.5e-05}]}"
    CHECK(written(&e, NULL, "{\"why\":null," BEST ",\"threshold\":0.62," WORDS));
    policy.rule.novelty_most = 7.9f;
    decider.novelty = -0.f;
    CHECK(written(&e, "low_score",
                  "{\"why\":\"low_score\"," BEST
                  ",\"threshold\":0.62,\"novelty\":0,\"novelty_most\":7.9," WORDS));
    policy.rule.novelty_most = INFINITY;
    policy.bank.features.text = false; /* a policy of embeddings alone has no words */
    CHECK(written(&e, "label", "{\"why\":\"label\"," BEST ",\"threshold\":0.62}"));
    policy.bank.features.text = true;
    CHECK(written(NULL, "refused", "{\"why\":\"refused\"}"));
}

int main(void)
{
    make_policy();
    CASE(weights_add_up);
    CASE(the_strongest_three_are_named);
    CASE(a_gram_that_occurs_twice_is_named_once);
    CASE(ideographs_are_words);
    CASE(nothing_said);
    CASE(other_models_are_left_out);
    CASE(it_is_written_as_the_manual_says);
    tr_decide_close(&decider);
    for (int k = 0; k < PARTS; k++) {
        tr_surrogate_free(&policy.bank.model[k]);
        tr_linear_free(&part[k]);
    }
    for (int l = 0; l < LABELS; l++)
        tr_buf_free(&label_json[l]);
    tr_features_free(&policy.bank.features);
    free(policy.rule.label_deferred);
    return CHECK_END;
}
