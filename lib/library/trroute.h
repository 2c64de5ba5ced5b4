/* trroute: the decisions of tr-route(1) inside another program.
 *
 *     cc program.c $(pkg-config --cflags --libs trroute)
 *
 * A policy, made by tr-fit(1), is opened as a handle. With it a row (a text, an embedding, or both)
 * becomes a decision: handled, with a label, or deferred to the teacher; and request lines of JSON
 * become decision lines, the bytes that tr-route writes.
 *
 * Threads. A handle does not change: any number of threads may use one at the same time, each call
 * on its own. What a call needs beside the policy (buffers, a parser) is kept in the handle for the
 * next one, as much as calls ran at once.
 *
 * A new policy is a new handle: open it, put it in the place of the old one, close the old one.
 * trroute_hold and trroute_close count who uses a handle, so that this goes without waiting:
 * trroute(3) shows it.
 *
 * Memory. What a handle hands out (labels, trroute_about) is the handle's, and stands until its
 * last trroute_close. A policy is read into memory, so that its file may be changed, cut or removed
 * at any time. Nothing else is kept: no global state, no threads of its own, no signals, no locale,
 * nothing printed, and the program is never ended.
 *
 * Errors. Functions that can fail return TRROUTE_OK (0) or another code below, and write one line
 * that says what was wrong to `message`, NUL-terminated and cut to `message_size` bytes;
 * TRROUTE_MESSAGE is enough for all of it. After TRROUTE_OK it is empty. NULL with 0: no message.
 *
 * Texts are UTF-8; their sizes are in bytes and do not count a NUL. */
#ifndef TRROUTE_H
#define TRROUTE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define TRROUTE_API __attribute__((visibility("default")))
#else
#define TRROUTE_API
#endif

/* The number in the name of the shared library. It changes where a program that was compiled with
 * an older header would no longer run. */
#define TRROUTE_ABI 0

TRROUTE_API const char *trroute_version(void); /* "0.1.0"; static */
TRROUTE_API unsigned trroute_abi(void);        /* TRROUTE_ABI of the library that runs */

enum { TRROUTE_MESSAGE = 1024 };

/* The exit statuses of the tools. */
enum {
    TRROUTE_OK = 0,
    TRROUTE_USAGE = 2, /* a call that is wrong whatever the data: NULL, an option out of range */
    TRROUTE_DATA = 3,  /* no sound policy; a text or an embedding that the policy cannot take */
    TRROUTE_SYSTEM = 4 /* reading failed, or memory is out */
};

/* ---- policies ---- */

typedef struct trroute trroute;

/* Reads and checks a policy, a regular file of 1 GiB at most, all of it. Sets *out: NULL where it
 * fails. TRROUTE_USAGE, TRROUTE_DATA, TRROUTE_SYSTEM. */
TRROUTE_API int trroute_open(trroute **out, const char *file, char *message, size_t message_size);
/* The same from bytes, which are copied. */
TRROUTE_API int trroute_open_memory(trroute **out, const void *bytes, size_t size, char *message,
                                    size_t message_size);

/* A handle is opened with one hold on it. trroute_hold adds one, and returns `r`; trroute_close
 * takes one back, and the last one frees the handle. NULL is allowed. */
TRROUTE_API trroute *trroute_hold(trroute *r);
TRROUTE_API void trroute_close(trroute *r);

/* What the policy needs, and what was certified. Fields may be added at the end. */
typedef struct {
    int accepts;           /* 0: certified for nothing; it defers everything */
    int needs_text;        /* 1: a row must have a text; else texts are not looked at */
    size_t dimensions;     /* numbers that a row's embedding must have; 0: none is looked at */
    size_t n_labels;       /* labels are 0..n_labels - 1 */
    double alpha;          /* the agreement with the teacher that is promised: fraction 0..1 */
    double delta;          /* the risk that the promise fails: fraction 0..1 */
    const char *guarantee; /* "handled": alpha of the handled rows; "overall": of all */
    double coverage;       /* share of the calibration rows that it handles: fraction 0..1 */
    uint64_t rows;         /* calibration rows, */
    uint64_t accepted;     /* of which it handles, */
    uint64_t tested;       /* of which were tested, */
    uint64_t agreed;       /* of which agreed with the teacher, */
    uint64_t needed;       /* where so many had to */
    const char *refusal;   /* why it defers everything; "" where it accepts */
    const char *digest;    /* of the traces that it was fitted on: 32 hex digits */
    const char *version;   /* of the tools that fitted it */
} trroute_policy;

TRROUTE_API const trroute_policy *trroute_about(const trroute *r); /* NULL for NULL */

/* A label's text, NUL-terminated, and its size (`size` may be NULL). NULL: there is none of that
 * number. */
TRROUTE_API const char *trroute_label(const trroute *r, size_t label, size_t *size);

/* ---- rows ---- */

/* Why a row is handled or not. */
enum {
    TRROUTE_HANDLED = 0,
    TRROUTE_LOW_SCORE = 1,   /* the accept score is below the policy's threshold */
    TRROUTE_NOVEL = 2,       /* the row is unlike the log */
    TRROUTE_NEVER_LABEL = 3, /* the best label is one that is never answered */
    TRROUTE_REFUSED = 4      /* the policy defers everything */
};

typedef struct {
    int why;             /* TRROUTE_HANDLED, or why the teacher is to be asked */
    int stage;           /* that answers, from 1; 0 where deferred */
    int64_t label;       /* number of the label; -1 where deferred */
    const char *text;    /* the label; NULL where deferred. The handle's: do not free */
    size_t text_size;    /* its size; 0 where deferred */
    double accept_score; /* predicted chance, 0..1, that the teacher agrees; of the stage that
                            answers or was asked last, in millionths */
} trroute_decision;

/* Decides on one row. `text` (borrowed; NULL with 0: none) is needed where the policy needs_text.
 * `embedding` (borrowed; NULL with 0: none): `dimensions` finite numbers, as many as the policy
 * wants, from the embedder of its traces. What the policy does not look at may be there or not.
 * TRROUTE_OK, and *out is filled; TRROUTE_USAGE; TRROUTE_DATA: a text or an embedding is missing,
 * the text is not UTF-8, the embedding has other dimensions or a number that is not finite; then
 * ask the teacher. TRROUTE_SYSTEM. */
TRROUTE_API int trroute_decide(trroute *r, const char *text, size_t text_size,
                               const float *embedding, size_t dimensions, trroute_decision *out,
                               char *message, size_t message_size);

/* ---- lines ---- */

/* The options of tr-route(1). All zero, or NULL: its defaults. */
typedef struct {
    uint64_t lines_before; /* lines of the same stream that earlier calls had */
    int keep_embedding;    /* leave a request's "embedding" in its decision */
    int explain;           /* say with each decision why */
    double shadow;         /* share, 0..1, of the handled rows that the teacher is to answer too */
    uint64_t seed;         /* of the draw of `shadow`; 0 is 1, which is tr-route's */
    const char *id_prefix; /* requests without an id get one that begins so (borrowed). NULL: ""
                              with `shadow`, else they get none */
} trroute_options;

typedef struct {
    char *data; /* the decision lines, each with its newline; NUL-terminated beyond */
    size_t size;
    uint64_t lines; /* as many as there were request lines */
    uint64_t bad;   /* of which could not be read: each is deferred, with "error" */
} trroute_lines;

/* Decides on request lines, one JSON object each: the bytes that tr-route writes for them, one line
 * for each line, in the same order. A last line without newline is a line; a byte order mark before
 * the first line and a '\r' at the end of one are dropped. Fills *out, which is then the caller's:
 * free it with trroute_lines_free. Lines that are bad are no failure.
 * TRROUTE_OK; TRROUTE_USAGE, TRROUTE_SYSTEM: *out is empty. */
TRROUTE_API int trroute_decide_lines(trroute *r, const char *text, size_t size,
                                     const trroute_options *options, trroute_lines *out,
                                     char *message, size_t message_size);
TRROUTE_API void trroute_lines_free(trroute_lines *lines); /* empties it; NULL is allowed */

#ifdef __cplusplus
}
#endif
#endif
