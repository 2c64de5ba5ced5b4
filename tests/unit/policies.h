/* policies: little policies as files, for the tests of what runs them. */
#ifndef TR_POLICIES_H
#define TR_POLICIES_H

#include "policy/calibrate.h"
#include "small.h"

/* The policy of a gated stream, as a file's bytes; refused, where alpha asks too much. */
static inline tr_buf policies_file(tr_stream *s, double alpha, tr_family family)
{
    tr_calibrate_options o = {.alpha = alpha,
                              .delta = 0.05,
                              .targets = 1,
                              .novelty = 0.01,
                              .min_coverage = 0.05,
                              .family = family};
    tr_policy p;
    tr_err err = {0};
    int fd = memfd_create("policy", 0);
    tr_writer *w = tr_writer_open_fd(fd, "policy", &err);
    tr_code code = w ? tr_calibrate_run(s, &o, &p, &err) : TR_SYSTEM;
    if ((code != TR_OK && code != TR_NO) || tr_policy_write(&p, w, &err) != TR_OK ||
        tr_writer_close(w, &err) != TR_OK) {
        printf("# no policy: %s\n", err.message);
        exit(4);
    }
    tr_policy_free(&p);
    return small_take(fd);
}

#endif
