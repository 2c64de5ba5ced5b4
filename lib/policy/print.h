/* print: a certificate, and what decides, as JSON, for tr-show and for people with jq.
 *
 * Upstream: policy, json. Downstream: tr-show, frontier. */
#ifndef TR_PRINT_H
#define TR_PRINT_H

#include "doors/json.h"
#include "policy/policy.h"

/* The certificate: an object. */
void tr_print_certificate(const tr_certificate *c, const tr_origin *o, const tr_history *h,
                          tr_json_writer *w);

/* "families": the best candidate of each and what it certifies; and "why": what is deployed beside
 * the next one. Two members of an object that is open. */
void tr_print_families(const tr_certificate *c, tr_json_writer *w);

/* An acceptor: an object. "features" and "parts": a member of an object that is open. */
void tr_print_acceptor(tr_json_writer *w, const tr_acceptor *a);
void tr_print_features(tr_json_writer *w, const tr_features *f);
void tr_print_mixture(tr_json_writer *w, const tr_bank *bank, const tr_mixture *m);

#endif
