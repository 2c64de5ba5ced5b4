/* roster: the members of the zoo by name, and which of them a user chooses.
 *
 * Upstream: xgboost (whether it was built). Downstream: zoo, tr-train. */
#ifndef TR_ROSTER_H
#define TR_ROSTER_H

#include <stdbool.h>

enum { TR_ZOO_SIZE = 15, TR_ZOO_NAME = 16 };

/* Their numbers in the list. */
enum {
    TR_MEMBER_LOGREG_C1,
    TR_MEMBER_LOGREG_C10,
    TR_MEMBER_SGD_LOG,
    TR_MEMBER_SVM,
    TR_MEMBER_NB,
    TR_MEMBER_LDA,
    TR_MEMBER_MLP_1H,
    TR_MEMBER_MLP_2H,
    TR_MEMBER_KNN,
    TR_MEMBER_DT,
    TR_MEMBER_RF,
    TR_MEMBER_ET,
    TR_MEMBER_GBT,
    TR_MEMBER_XGB,
    TR_MEMBER_BLEND
};

typedef struct {
    const char *name, *what; /* what it is, for the help */
    bool lean;               /* in --zoo lean */
    bool ingredient;         /* where there is a blend, a part of it and nothing else */
    bool dense;              /* sees the dense view alone */
} tr_roster_entry;

extern const tr_roster_entry tr_roster[TR_ZOO_SIZE];

/* Lean's members of the dense view are worth their time with embeddings, not on what SVD makes of
 * texts. */
typedef enum { TR_CHOSEN_NOT, TR_CHOSEN_WITH_EMBEDDINGS, TR_CHOSEN } tr_chosen;

/* "lean", "all" or names, separated by commas; "-NAME" leaves one out (after "lean", "all", or of
 * lean where no name comes first). NULL, or the reason why not, written into `reason`. */
const char *tr_roster_choose(const char *text, tr_chosen chosen[TR_ZOO_SIZE], char reason[256]);

/* Whether a member that is chosen needs a dense view even where there are no embeddings. */
bool tr_roster_needs_view(const tr_chosen chosen[TR_ZOO_SIZE]);

#endif
