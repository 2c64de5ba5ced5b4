#include "audit/markings.h"

#include "check.h"
#include "decisions.h"

#include <math.h>
#include <stdlib.h>

static const tr_promise NOTHING = {0};

static const tr_audit_label *counts_of(const tr_audit *a, const char *label)
{
    return tr_roll_look(&a->labels, tr_str_c(label));
}

static const tr_marking *find(const tr_marking_list *list, const char *word)
{
    for (uint32_t i = 0; i < list->n; i++)
        if (strcmp(list->at[i].word, word) == 0)
            return &list->at[i];
    return NULL;
}

/* What marks the texts of x, with the examples of all labels seen. */
static void mark(const tr_audit *a, tr_words *split, tr_markings *own, tr_markings *all)
{
    uint8_t *seen = calloc(TR_MARKINGS_SEEN, 1);
    CHECK(seen != NULL);
    for (uint32_t i = 0; i < a->labels.n; i++)
        CHECK(tr_markings_see(seen, tr_roll_item(&a->labels, i), split));
    CHECK(tr_markings_of(a, seen, tr_str_c("x"), counts_of(a, "x"), split, own, all));
    free(seen);
}

/* A word of one text whose slots in the lexicon are those of frequent words. */
static void a_number_that_one_text_has_marks_nothing(void)
{
    tr_audit a;
    tr_words split = {0};
    tr_markings own, all = {0};

    begin(&a, &NOTHING, NULL);
    count(&a, (some_rows){.n = 200, .label = "x", .teacher = "x", .input = "my card is lost"});
    count(&a, (some_rows){.n = 100, .teacher = "x", .input = "my card is stolen"});
    count(&a, (some_rows){.n = 1, .label = "x", .teacher = "x", .input = "order 1750158"});
    CHECK(tr_words_split(&split, tr_str_c("1750158")));
    uint64_t word = tr_words_hash(&split, 0);
    for (int i = 0; i < 150; i++) {
        tr_lexicon_add(&a.words, tr_lexicon_label(tr_str_c("x")), &word, 1, true);
        tr_lexicon_add(&a.words, 0, &word, 1, true);
    }
    /* an example of it there is, whatever its key */
    tr_audit_label *x = tr_roll_look(&a.labels, tr_str_c("x"));
    CHECK(tr_sample_offer(&x->handled, TR_AUDIT_EXAMPLES, 0, tr_str_c("order 1750158"), 0));
    mark(&a, &split, &own, &all);
    CHECK(find(&own.handled, "1750158") == NULL && find(&all.handled, "1750158") == NULL);
    CHECK(find(&own.handled, "lost") != NULL && find(&own.deferred, "stolen") != NULL);
    CHECK(find(&all.handled, "lost") != NULL);
    tr_words_free(&split);
    tr_audit_free(&a);
}

static void words_that_mark_a_side(void)
{
    tr_audit a;
    tr_words split = {0};
    tr_markings own, all = {0};

    begin(&a, &NOTHING, NULL);
    count(&a, (some_rows){.n = 40, .label = "x", .teacher = "x", .input = "my card is lost"});
    count(&a, (some_rows){.n = 30, .teacher = "x", .input = "my card is STOLEN stolen"});
    count(&a, (some_rows){.n = 2, .teacher = "x", .input = "my purse"});
    count(&a, (some_rows){.n = 50, .label = "y", .teacher = "y", .input = "stolen"});
    mark(&a, &split, &own, &all);
    CHECK(own.handled.n == 1 && own.deferred.n == 1);
    const tr_marking *lost = find(&own.handled, "lost"), *stolen = find(&own.deferred, "stolen");
    CHECK(lost != NULL && lost->handled == 40 && lost->deferred == 0);
    CHECK(stolen != NULL && stolen->handled == 0 && stolen->deferred == 30);
    /* 20 more texts a side, 20 · 40.5 / 73 of them with "lost" */
    double prior = 20 * 40.5 / 73;
    double odds = log((40 + prior) / (20 - prior)) - log(prior / (52 - prior));
    double variance = 1 / (40 + prior) + 1 / (20 - prior) + 1 / prior + 1 / (52 - prior);
    if (lost != NULL)
        CHECK_NEAR(lost->z, odds / sqrt(variance), 1e-9);
    CHECK(stolen != NULL && stolen->z < -1.96);
    /* Of all texts, "stolen" is as much a word of the handled ones. */
    CHECK(find(&all.handled, "lost") != NULL && find(&all.deferred, "card") != NULL);
    CHECK(find(&all.deferred, "card")->handled == 40);
    tr_words_free(&split);
    tr_audit_free(&a);
}

static void a_label_that_is_all_handled_is_marked_by_nothing(void)
{
    tr_audit a;
    tr_words split = {0};
    tr_markings own, all = {0};

    begin(&a, &NOTHING, NULL);
    count(&a, (some_rows){.n = 40, .label = "x", .teacher = "x", .input = "my card is lost"});
    count(&a, (some_rows){.n = 400, .teacher = "y", .input = "where is my money"});
    mark(&a, &split, &own, &all);
    CHECK(own.handled.n == 0 && own.deferred.n == 0);
    CHECK(find(&all.handled, "card") != NULL);
    tr_words_free(&split);
    tr_audit_free(&a);
}

static void the_most_telling_six(void)
{
    /* Said by ever fewer of the deferred. */
    static const char *const text[] = {"a b c d e f g h", "b c d e f g h", "c d e f g h",
                                       "d e f g h",       "e f g h",       "f g h"};
    char wide[200] = "";
    tr_audit a;
    tr_words split = {0};
    tr_markings own, all = {0};

    begin(&a, &NOTHING, NULL);
    for (int i = 0; i < 6; i++)
        count(&a, (some_rows){.n = 20, .label = "x", .teacher = "x", .input = text[i]});
    for (int i = 0; i < 40; i++)
        strcat(wide, "\xc3\xa4"); /* 80 bytes, cut at 62 */
    strcat(wide, "z");            /* so that a cut at 63 would be inside */
    count(&a, (some_rows){.n = 200, .teacher = "x", .input = wide});
    mark(&a, &split, &own, &all);
    CHECK(own.handled.n == 6 && own.deferred.n == 1);
    CHECK(find(&own.handled, "a") == NULL && find(&own.handled, "h") != NULL);
    for (uint32_t i = 1; i < own.handled.n; i++)
        CHECK(own.handled.at[i - 1].z > own.handled.at[i].z ||
              (own.handled.at[i - 1].z == own.handled.at[i].z &&
               strcmp(own.handled.at[i - 1].word, own.handled.at[i].word) < 0));
    CHECK(strlen(own.deferred.at[0].word) == 62);
    tr_words_free(&split);
    tr_audit_free(&a);
}

static void nearest_texts_across(void)
{
    tr_audit a;
    tr_words split = {0};
    const tr_example *handled, *deferred;
    double near;

    begin(&a, &NOTHING, NULL);
    count(&a, (some_rows){.n = 1, .label = "x", .teacher = "x", .input = "where is my new card"});
    count(&a, (some_rows){.n = 1, .label = "x", .teacher = "x", .input = "card"});
    count(&a, (some_rows){.n = 1, .teacher = "x", .input = "Where is my old card? my card"});
    count(&a, (some_rows){.n = 1, .teacher = "x", .input = "something else, my friend"});
    CHECK(tr_markings_near(counts_of(&a, "x"), &split, &handled, &deferred, &near));
    CHECK(handled != NULL && strcmp(handled->text, "where is my new card") == 0);
    CHECK(deferred != NULL && strncmp(deferred->text, "Where is my old", 15) == 0);
    CHECK_NEAR(near, 4. / 6, 1e-12);
    count(&a, (some_rows){.n = 1, .label = "y", .teacher = "y", .input = "one thing"});
    count(&a, (some_rows){.n = 1, .teacher = "y", .input = "quite another"});
    count(&a, (some_rows){.n = 1, .teacher = "y", .input = "?"});
    CHECK(tr_markings_near(counts_of(&a, "y"), &split, &handled, &deferred, &near));
    CHECK(handled == NULL && deferred == NULL && near == 0);
    tr_words_free(&split);
    tr_audit_free(&a);
}

int main(void)
{
    CASE(words_that_mark_a_side);
    CASE(a_number_that_one_text_has_marks_nothing);
    CASE(a_label_that_is_all_handled_is_marked_by_nothing);
    CASE(the_most_telling_six);
    CASE(nearest_texts_across);
    return CHECK_END;
}
