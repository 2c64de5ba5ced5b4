/* policy: what tr-route runs: labels, models, stages, rule, and the certificate.
 *
 * Sections: HEAD, LABL (as in a model stream), RULE (what is accepted), CERT (how that was
 * certified), hist (what earlier certificates looked at), what bank.h says, and STAG (one a stage:
 * its member's mixture and its acceptor). A refused policy has the first five alone and defers
 * everything. tr-format(5) has the fields.
 *
 * Upstream: stream, certify. Downstream: candidates, route, tr-show. */
#ifndef TR_POLICY_H
#define TR_POLICY_H

#include "doors/frame.h"
#include "gate/bank.h"
#include "gate/certify.h"
#include "gate/novelty.h"
#include "gate/stream.h"
#include "ground/err.h"
#include "policy/history.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum { TR_FAMILY_AUTO, TR_FAMILY_GLOBAL, TR_FAMILY_L2D, TR_FAMILY_RSB } tr_family;
extern const char *const tr_family_names[]; /* NULL-ended */
extern const char *const tr_guarantee_names[];

enum { TR_POLICY_STAGES = 2, TR_POLICY_NAME = 2 * TR_ZOO_NAME + 4 };

typedef struct {
    char member[TR_ZOO_NAME];
    tr_mixture mixture;   /* of the bank's models */
    tr_acceptor acceptor; /* mask 0: the margin */
} tr_stage;

/* What is accepted: novelty <= novelty_most, and a stage with score >= threshold and a label that
 * is not deferred; the first such stage answers. */
typedef struct {
    bool accepts;       /* false: everything is deferred */
    uint32_t threshold; /* in millionths, 0: all inside the guard */
    float novelty_most; /* INFINITY: no guard */
    tr_novelty novelty;
    tr_mixture guard;        /* whose evidence the guard looks at; no parts: the first stage's */
    uint8_t *label_deferred; /* one a label, 1: never answered */
} tr_rule;

/* One candidate of the certificate, in order of rank. */
typedef struct {
    char member[TR_POLICY_NAME]; /* of a cascade: "FIRST > SECOND" */
    tr_family family;            /* l2d or rsb */
    bool gated;                  /* by its acceptor; else by its margin */
    double delta;                /* its share */
    double rank;                 /* coverage · power predicted on TRAIN */
    uint64_t accepted;           /* calibration rows that it certifies, 0: refused */
    uint32_t steps;              /* walked */
} tr_candidate;

typedef struct {
    uint32_t threshold; /* in millionths */
    uint64_t accepted, tested, agreed, needed;
    bool walked, passed;
} tr_cert_step;

typedef struct {
    double alpha, delta; /* delta: the risk that is left to this target */
    double delta_used;   /* the share of the deployed candidate */
    uint32_t targets;    /* certified at once from the same rows, each at delta; 1: this alone */
    tr_guarantee guarantee;
    tr_family family; /* of what is deployed: global, l2d or rsb */
    double novelty;   /* share of ordinary traffic beyond the guard */
    double min_coverage;
    uint64_t seed; /* of the calibration order */
    bool deployed;
    char member[TR_POLICY_NAME];
    bool gated;
    uint64_t rows;   /* calibration rows that count (one a group) */
    uint64_t inside; /* of those, inside the guard of the deployed candidate */
    uint64_t accepted, tested, agreed, needed; /* at the deployed threshold */
    uint64_t train_rows;                       /* held-out rows that the path was chosen on */
    double train_agreement; /* out of fold, of what is deployed (or of the best candidate) */
    char refusal[512];      /* why, and what would help; "" where deployed */
    tr_candidate *candidates;
    uint32_t n_candidates;
    tr_cert_step *path; /* the deployed candidate's, or the first one's; strict to loose */
    uint32_t n_path;
} tr_certificate;

typedef struct {
    tr_origin origin;
    tr_labels labels;
    double *label_agreement; /* out of fold, of each label where the teacher said it; parallel to
                                labels */
    tr_bank bank;
    tr_stage stage[TR_POLICY_STAGES];
    uint32_t stages; /* 0: refused */
    tr_rule rule;
    tr_certificate certificate;
    tr_history history; /* look 0: none is told */
    /* private: what the borrowed parts lie in */
    tr_io_view view;
    tr_buf bytes;
    tr_frame frame;
} tr_policy;

TR_MUST tr_code tr_policy_write(const tr_policy *p, tr_writer *out, tr_err *err);
/* Reads and checks a policy file, which may be changed afterwards. Free with tr_policy_free, also
 * after a failure. */
TR_MUST tr_code tr_policy_read(tr_policy *p, const char *file, tr_err *err);
/* The same from bytes that were read already, taken over from *bytes (emptied); `name` for
 * messages. */
TR_MUST tr_code tr_policy_take(tr_policy *p, tr_buf *bytes, const char *name, tr_err *err);
void tr_policy_free(tr_policy *p);

/* Makes of a policy that was read one that defers everything, for the reason given (cut at 511
 * bytes); what it was certified for stays to be read. */
void tr_policy_close(tr_policy *p, const char *why);

/* The share of calibration rows that the policy answers. */
static inline double tr_certificate_coverage(const tr_certificate *c)
{
    return c->deployed && c->rows ? (double)c->accepted / (double)c->rows : 0;
}

#endif
