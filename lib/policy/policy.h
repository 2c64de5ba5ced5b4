/* policy: what tr-route runs: labels, vocabulary, surrogate, acceptor, rule, and the certificate.
 *
 * Sections: HEAD, LABL, VOCB (as in a model stream), MODL (the surrogate), GARD (the model that the
 * guard looks at, where that is another one), ACPT (the acceptor),
 * RULE (what is accepted), CERT (how that was certified). A refused policy has HEAD, LABL, RULE and
 * CERT alone and defers everything. tr-format(5) has the fields.
 *
 * Upstream: stream, certify. Downstream: calibrate, route, tr-show. */
#ifndef TR_POLICY_H
#define TR_POLICY_H

#include "doors/frame.h"
#include "doors/json.h"
#include "gate/certify.h"
#include "gate/novelty.h"
#include "gate/stream.h"
#include "ground/err.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum { TR_FAMILY_AUTO, TR_FAMILY_GLOBAL, TR_FAMILY_L2D } tr_family;
extern const char *const tr_family_names[]; /* NULL-ended */
extern const char *const tr_guarantee_names[];

/* What is accepted: score >= threshold and novelty <= novelty_most and a label not deferred. */
typedef struct {
    bool accepts;       /* false: everything is deferred */
    uint32_t threshold; /* in millionths, 0: all inside the guard */
    float novelty_most; /* INFINITY: no guard */
    tr_novelty novelty;
    uint8_t *label_deferred; /* one a label, 1: never answered */
} tr_rule;

/* One candidate of the certificate, in order of rank. */
typedef struct {
    char member[TR_ZOO_NAME];
    bool gated;        /* by its acceptor; else by its margin */
    double delta;      /* its share */
    double rank;       /* coverage · power predicted on TRAIN */
    uint64_t accepted; /* calibration rows that it certifies, 0: refused */
    uint32_t steps;    /* walked */
} tr_candidate;

typedef struct {
    uint32_t threshold; /* in millionths */
    uint64_t accepted, tested, agreed, needed;
    bool walked, passed;
} tr_cert_step;

typedef struct {
    double alpha, delta, delta_used; /* delta_used: the share of the deployed candidate */
    tr_guarantee guarantee;
    tr_family family; /* of what is deployed: global or l2d */
    double novelty;   /* share of ordinary traffic beyond the guard */
    double min_coverage;
    uint64_t seed; /* of the calibration order */
    bool deployed;
    char member[TR_ZOO_NAME];
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
    tr_tfidf vocabulary;
    tr_compact model;
    tr_compact guard; /* whose evidence the guard looks at; no weights: the model's own */
    double scale;
    tr_acceptor acceptor; /* mask 0: the margin */
    tr_rule rule;
    tr_certificate certificate;
    /* private: what the borrowed parts lie in */
    tr_io_view view;
    tr_buf bytes;
    tr_frame frame;
} tr_policy;

TR_MUST tr_code tr_policy_write(const tr_policy *p, tr_writer *out, tr_err *err);
/* Maps and checks a policy file. Free with tr_policy_free, also after a failure. */
TR_MUST tr_code tr_policy_read(tr_policy *p, const char *file, tr_err *err);
/* The same from bytes that were read already, taken over from *bytes (emptied); `name` for
 * messages. */
TR_MUST tr_code tr_policy_take(tr_policy *p, tr_buf *bytes, const char *name, tr_err *err);
void tr_policy_free(tr_policy *p);

/* The certificate as JSON: an object, for tr-show and for people with jq. */
void tr_certificate_print(const tr_certificate *c, const tr_origin *o, tr_json_writer *w);

/* The share of calibration rows that the policy answers. */
static inline double tr_certificate_coverage(const tr_certificate *c)
{
    return c->deployed && c->rows ? (double)c->accepted / (double)c->rows : 0;
}

#endif
