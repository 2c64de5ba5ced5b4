#include "zoo/roster.h"

#include "zoo/xgboost.h"

#include <stdio.h>
#include <string.h>

const tr_roster_entry tr_roster[TR_ZOO_SIZE] = {
    {"logreg_c1", "multinomial logistic regression, C = 1", .lean = false},
    {"logreg_c10", "multinomial logistic regression, C = 10", .lean = true},
    {"sgd_log", "one-vs-rest logistic regression by stochastic gradient descent", .lean = false},
    {"svm", "one-vs-rest support vector machine, squared hinge, C = 0.5", .lean = true},
    {"nb", "multinomial naive Bayes of the text", .lean = true, .ingredient = true},
    {"lda", "linear discriminant analysis", .dense = true},
    {"mlp_1h", "neural network, 256 hidden units", .dense = true},
    {"mlp_2h", "neural network, 256 and 96 hidden units", .dense = true},
    {"knn", "nearest training rows", .lean = true, .dense = true},
    {"dt", "one decision tree, depth 16", .dense = true},
    {"rf", "random forest, 200 trees", .dense = true},
    {"et", "extremely randomized trees, 200 of them", .dense = true},
    {"gbt", "gradient boosted trees", .dense = true},
    {"xgb", "boosted trees by the XGBoost library", .dense = true},
    {"blend", "the others' decision values, weighted", .lean = true},
};

static int find(const char *name, size_t length)
{
    for (int m = 0; m < TR_ZOO_SIZE; m++)
        if (strlen(tr_roster[m].name) == length && !memcmp(tr_roster[m].name, name, length))
            return m;
    return -1;
}

static void choose_all(tr_chosen chosen[TR_ZOO_SIZE], bool lean)
{
    for (int m = 0; m < TR_ZOO_SIZE; m++) {
        bool in = lean ? tr_roster[m].lean : m != TR_MEMBER_XGB || tr_xgboost_built();
        if (in && chosen[m] != TR_CHOSEN)
            chosen[m] = lean && tr_roster[m].dense ? TR_CHOSEN_WITH_EMBEDDINGS : TR_CHOSEN;
    }
}

const char *tr_roster_choose(const char *text, tr_chosen chosen[TR_ZOO_SIZE], char reason[256])
{
    for (int m = 0; m < TR_ZOO_SIZE; m++)
        chosen[m] = TR_CHOSEN_NOT;
    bool first = true;
    for (const char *at = text;; first = false) {
        size_t length = strcspn(at, ",");
        bool without = *at == '-';
        const char *name = at + without;
        size_t size = length - without;
        int m = find(name, size);
        if (!without && size == 4 && !memcmp(name, "lean", 4)) {
            choose_all(chosen, true);
        } else if (!without && size == 3 && !memcmp(name, "all", 3)) {
            choose_all(chosen, false);
        } else if (m < 0) {
            int used = snprintf(reason, 256, "there is no member \"%.*s\"; there are lean, all",
                                size < 60 ? (int)size : 60, name);
            for (int k = 0; k < TR_ZOO_SIZE && used < 256; k++)
                used += snprintf(reason + used, 256 - (size_t)used, ", %s", tr_roster[k].name);
            return reason;
        } else {
            if (without && first)
                choose_all(chosen, true);
            chosen[m] = without ? TR_CHOSEN_NOT : TR_CHOSEN;
        }
        if (!at[length])
            break;
        at += length + 1;
    }
    int others = 0;
    for (int m = 0; m < TR_MEMBER_BLEND; m++)
        others += chosen[m] != TR_CHOSEN_NOT;
    if (!others || (chosen[TR_MEMBER_BLEND] != TR_CHOSEN_NOT && others < 2)) {
        snprintf(reason, 256, "%s",
                 others || chosen[TR_MEMBER_BLEND] != TR_CHOSEN_NOT
                     ? "a blend needs two other members"
                     : "no member is left");
        return reason;
    }
    return NULL;
}

bool tr_roster_needs_view(const tr_chosen chosen[TR_ZOO_SIZE])
{
    bool any = false;
    for (int m = 0; m < TR_ZOO_SIZE; m++)
        any |= chosen[m] == TR_CHOSEN && tr_roster[m].dense;
    return any;
}
