/* service: what the server does with a request, whatever carries it: paths, methods, limits, the
 * token, the policy and its exchange.
 *
 * An exchange is one request and its answer: begin with the head, body as often as bytes come, end;
 * then the answer is in it; finish when it has gone out. Exchanges may run on several threads.
 *
 * Upstream: answer, workers. Downstream: listener. */
#ifndef TR_SERVICE_H
#define TR_SERVICE_H

#include "ground/err.h"
#include "ground/mem.h"
#include "policy/route.h"
#include "serve/answer.h"
#include "serve/metrics.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    const char *policy; /* its file */
    uint64_t max_body;  /* bytes of one request's body */
    tr_str token;       /* that a request must bear; data NULL: none */
    const char *cors;   /* the origin whose pages may ask; NULL: none */
    bool keep_embedding, explain;
    tr_route_shadow shadow;
} tr_service_options;

typedef struct tr_service tr_service;

/* Everything in *o is borrowed. NULL with *err filled: TR_DATA (the policy), TR_SYSTEM. */
tr_service *tr_service_open(const tr_service_options *o, tr_err *err);
void tr_service_close(tr_service *s); /* NULL is allowed; all exchanges must be finished */
/* Reads the policy file anew. TR_DATA, TR_SYSTEM: the old one stays in use. */
TR_MUST tr_code tr_service_reload(tr_service *s, tr_err *err);
tr_metrics *tr_service_metrics(tr_service *s);

typedef struct {
    const char *name, *value;
} tr_service_header;

enum { TR_SERVICE_HEADERS = 6 };

typedef struct {
    unsigned shard; /* any number: see metrics.h */
    /* the answer */
    int status; /* 0: none yet */
    tr_buf out; /* its body */
    tr_service_header headers[TR_SERVICE_HEADERS];
    size_t n_headers;
    /* private */
    const struct tr_service_path *path;
    tr_buf body;
    tr_answer_lines lines;
    uint64_t received, charged;
} tr_exchange; /* zero-initialise, set `shard`; free with tr_service_finish and tr_exchange_free */

/* The head of a request; authorization: that header, or NULL; length: bytes of its body, or -1
 * where it is not told. False: refused, the answer is there and no body is wanted. */
bool tr_service_begin(tr_service *s, tr_exchange *x, const char *method, const char *path,
                      const char *authorization, int64_t length);
/* A piece of the body; whole: it is all of it. False: refused, as above. */
bool tr_service_body(tr_service *s, tr_exchange *x, tr_str bytes, bool whole);
/* The body has ended: the answer is there now. */
void tr_service_end(tr_service *s, tr_exchange *x);
/* Ready for the next request. */
void tr_service_finish(tr_service *s, tr_exchange *x);
void tr_exchange_free(tr_exchange *x);

/* Makes the answer a refusal: for what the carrier of requests refuses by itself. */
void tr_service_refuse(tr_service *s, tr_exchange *x, int status, tr_metrics_kind kind,
                       const char *message);

#endif
