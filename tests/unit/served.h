/* served: a service on a little policy in memory, and one request to it, for tests of the floor
 * serve. */
#ifndef TR_SERVED_H
#define TR_SERVED_H

#include "policy/calibrate.h"
#include "serve/service.h"
#include "small.h"

/* A policy as a file in memory; its name in `name`. parts: what it takes; alpha above .999: it is
 * refused. Stays open to the end. */
static inline void served_policy(small_parts parts, double alpha, char name[40])
{
    tr_calibrate_options o = {
        .alpha = alpha, .delta = 0.05, .targets = 1, .min_coverage = 0.05, .family = TR_FAMILY_L2D};
    tr_buf log = small_log_of(parts, 600, 0.1, 1),
           gated = small_gated_from(&log, "logreg_c1", NULL);
    tr_stream s;
    tr_policy p;
    tr_err err = {0};
    int fd = memfd_create("policy", 0);
    tr_writer *w = tr_writer_open_fd(fd, "policy", &err);
    tr_code code = w ? tr_stream_take(&s, &gated, "small", &err) : TR_SYSTEM;
    if (code == TR_OK)
        code = tr_calibrate_run(&s, &o, &p, &err);
    if ((code != TR_OK && code != TR_NO) || tr_policy_write(&p, w, &err) != TR_OK ||
        tr_writer_close(w, &err) != TR_OK) {
        printf("# no policy: %s\n", err.message);
        exit(4);
    }
    tr_policy_free(&p);
    tr_stream_free(&s);
    snprintf(name, 40, "/proc/self/fd/%d", fd);
}

/* A request whose body comes in pieces of `piece` bytes (0: whole), with its answer in *x, to be
 * finished by the caller. */
static inline void served_ask(tr_service *s, tr_exchange *x, const char *method, const char *path,
                              tr_str body, size_t piece)
{
    bool goes_on = tr_service_begin(s, x, method, path, NULL, (int64_t)body.size);
    for (size_t at = 0, size; at < body.size && goes_on; at += size) {
        size = piece && piece < body.size - at ? piece : body.size - at;
        goes_on = tr_service_body(s, x, tr_str_of(body.data + at, size), size == body.size);
    }
    if (goes_on)
        tr_service_end(s, x);
}

#endif
