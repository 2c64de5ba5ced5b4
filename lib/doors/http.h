/* http: POST requests to one URL, several in flight at once, without waiting for any of them.
 *
 * Redirects are not followed, so that headers with a key go nowhere else; certificates are checked,
 * against those of the system or of the file $SSL_CERT_FILE; the proxies of the environment
 * (http_proxy, no_proxy, ...) are used as curl uses them. Answers may be compressed.
 *
 * Upstream: ground, doors/io. Downstream: embed/remote. The only room that knows libcurl. */
#ifndef TR_HTTP_H
#define TR_HTTP_H

#include "ground/err.h"
#include "ground/mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TR_HTTP_PARALLEL = 256, /* requests in flight */
    TR_HTTP_HEADERS = 64,
    TR_HTTP_HEADER_BYTES = 64 << 10 /* of a file of headers */
};

/* Headers for all requests, as a list of lines. Zero-initialise. */
typedef struct {
    char **lines; /* "Name: value", no control characters */
    size_t n;
} tr_http_headers;

/* Reads lines "Name: value" (blank lines are skipped). What a request says of its own body is
 * refused. TR_DATA with file and line, never with the value; TR_SYSTEM. Free it all the same. */
TR_MUST tr_code tr_http_headers_read(tr_http_headers *h, const char *file, tr_err *err);
void tr_http_headers_free(tr_http_headers *h);

/* The URL as it is asked. */
typedef struct {
    char *full;  /* with its path and query */
    char *shown; /* for messages: without the query, which may hold a key */
} tr_http_url;

/* http and https only, with a host, without user and password, without a fragment. Where there is
 * no path but "/", `path` becomes it ("/v1/embeddings"). TR_USAGE with the reason, which never
 * repeats a URL that may have a password in it; TR_SYSTEM. */
TR_MUST tr_code tr_http_url_parse(tr_http_url *u, const char *text, const char *path, tr_err *err);
/* Appends to the path. */
TR_MUST tr_code tr_http_url_extend(tr_http_url *u, const char *more, tr_err *err);
void tr_http_url_free(tr_http_url *u);

typedef struct {
    const tr_http_url *url;         /* borrowed */
    const tr_http_headers *headers; /* borrowed */
    size_t parallel;                /* 1..TR_HTTP_PARALLEL */
    double timeout;                 /* seconds that a request may take, from connecting on */
    size_t most;                    /* bytes of a body that are taken, after decompression */
} tr_http_options;

typedef enum {
    TR_HTTP_ANSWERED,   /* whole, with a status of any kind */
    TR_HTTP_LOST,       /* no connection, or it broke, or no time was left: worth another try */
    TR_HTTP_UNRESOLVED, /* no such host */
    TR_HTTP_TOO_LARGE,  /* a body above `most` */
    TR_HTTP_HOPELESS    /* another try would end the same way: a certificate, a protocol */
} tr_http_outcome;

typedef struct {
    void *tag; /* of the request */
    tr_http_outcome outcome;
    int status;          /* of HTTP; 0 where there was none */
    int64_t retry_after; /* ms that the server asks to wait; -1: it does not */
    tr_str body;         /* borrowed until the next tr_http_post or tr_http_take */
    const char *why;     /* what happened where it was not answered; borrowed likewise */
    const char *target;  /* where a redirect would lead; NULL: none */
} tr_http_reply;

typedef struct tr_http tr_http;

/* NULL: TR_SYSTEM. */
tr_http *tr_http_open(const tr_http_options *o, tr_err *err);
void tr_http_close(tr_http *h); /* gives up what is in flight; NULL is allowed */

/* Requests in flight, those included that are answered and not taken. */
size_t tr_http_flying(const tr_http *h);
/* Whether another one may be sent now. */
bool tr_http_free_slot(const tr_http *h);

/* Sends a body of JSON, borrowed until its reply was taken; there must be a free slot. */
TR_MUST tr_code tr_http_post(tr_http *h, tr_str body, void *tag, tr_err *err);

/* Moves what can be moved, and where nothing is answered, waits for that, until fd (-1: none) can
 * be read, or for `ms` (-1: without end). */
TR_MUST tr_code tr_http_wait(tr_http *h, int fd, int64_t ms, tr_err *err);

/* The next reply, in the order in which they came; false where there is none now. */
bool tr_http_take(tr_http *h, tr_http_reply *reply);

#endif
