#include "serve/listener.h"

#include "ground/num.h"
#include "serve/address.h"
#include "serve/linger.h"

#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    POOL = 64 << 10,      /* of a connection: its head and a piece of its body */
    SWALLOWED = 64 << 10, /* a refused body of this size at most is read, to keep the connection */
    RATE = 64,            /* bytes a millisecond that a client must manage beyond the timeout */
    LINGER = 2000,        /* milliseconds */
    ROUND = 1000,
    QUIET = 3, /* rounds of DRAIN milliseconds without a request before a drain ends */
    DRAIN = 20
};

typedef struct connection connection;
struct connection {
    tr_exchange x;
    int fd;
    bool requests; /* a request is in hand */
    bool lingers;  /* refused while the client still sends */
    bool sized;    /* the body's length was told, in `length` */
    uint64_t length;
    _Atomic int64_t deadline; /* milliseconds of clock_now */
    connection *before, *after;
};

struct tr_listener {
    tr_listener_options options;
    tr_service *service;
    struct MHD_Daemon *daemon;
    tr_linger *linger;
    int fd; /* -1: no more is accepted */
    char url[TR_ADDRESS_TEXT];
    int64_t timeout; /* milliseconds */
    int64_t watched; /* when the deadlines were looked at last */
    _Atomic unsigned shard;
    _Atomic uint64_t in_hand;
    _Atomic bool draining;
    pthread_mutex_t lock; /* of the list */
    connection *first;
};

static int64_t clock_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void allow(connection *c, int64_t milliseconds)
{
    atomic_store_explicit(&c->deadline, clock_now() + milliseconds, memory_order_relaxed);
}

/* ---- connections ---- */

static void begin_connection(tr_listener *l, struct MHD_Connection *mhd, void **context)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    connection *c = tr_mem_zero(1, sizeof *c);
    *context = c;
    if (!c)
        return;
    c->fd = info->connect_fd;
    c->x.shard = atomic_fetch_add_explicit(&l->shard, 1, memory_order_relaxed);
    allow(c, 2 * l->timeout);
    pthread_mutex_lock(&l->lock);
    c->after = l->first;
    if (c->after)
        c->after->before = c;
    l->first = c;
    pthread_mutex_unlock(&l->lock);
}

static void finish_request(tr_listener *l, connection *c)
{
    if (!c->requests)
        return;
    c->requests = false;
    tr_service_finish(l->service, &c->x);
    atomic_fetch_sub_explicit(&l->in_hand, 1, memory_order_relaxed);
    allow(c, 2 * l->timeout); /* MHD closes who is silent in half of that */
}

/* The descriptor is still open here, and nobody else's. */
static void end_connection(tr_listener *l, connection *c)
{
    tr_metrics_connection(tr_service_metrics(l->service), -1);
    if (!c)
        return;
    pthread_mutex_lock(&l->lock);
    if (c->after)
        c->after->before = c->before;
    *(c->before ? &c->before->after : &l->first) = c->after;
    pthread_mutex_unlock(&l->lock);
    if (c->lingers)
        tr_linger_add(l->linger, c->fd, clock_now() + LINGER);
    finish_request(l, c);
    tr_exchange_free(&c->x);
    free(c);
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        begin_connection(cls, mhd, context);
    else
        end_connection(cls, *context);
}

static void on_completed(void *cls, struct MHD_Connection *mhd, void **request,
                         enum MHD_RequestTerminationCode code)
{
    (void)mhd;
    (void)code;
    if (*request)
        finish_request(cls, *request);
    *request = NULL;
}

/* ---- answers ---- */

static enum MHD_Result queue_answer(tr_listener *l, connection *c, struct MHD_Connection *mhd)
{
    tr_exchange *x = &c->x;
    struct MHD_Response *r = MHD_create_response_from_buffer(
        x->out.size, x->out.data ? x->out.data : (char *)"", MHD_RESPMEM_PERSISTENT);
    if (!r)
        return MHD_NO;
    enum MHD_Result ok = MHD_YES;
    for (size_t k = 0; k < x->n_headers && ok == MHD_YES; k++)
        ok = MHD_add_response_header(r, x->headers[k].name, x->headers[k].value);
    if (ok == MHD_YES && atomic_load_explicit(&l->draining, memory_order_relaxed))
        ok = MHD_add_response_header(r, MHD_HTTP_HEADER_CONNECTION, "close");
    if (ok == MHD_YES)
        ok = MHD_queue_response(mhd, (unsigned)x->status, r);
    MHD_destroy_response(r);
    allow(c, l->timeout + (int64_t)(x->out.size / RATE));
    return ok;
}

static const char *phrase(int status)
{
    switch (status) {
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 413: return "Content Too Large";
    case 503: return "Service Unavailable";
    default: return "Internal Server Error";
    }
}

/* The whole of a refusal, past MHD, which answers only when it has read a body. What does not fit
 * into the socket at once is lost. */
static void send_refusal(int fd, const tr_exchange *x)
{
    tr_buf text;
    char number[TR_NUM_TEXT];
    tr_buf_init(&text);
    tr_buf_add_c(&text, "HTTP/1.1 ");
    tr_num_print_u64(number, (uint64_t)x->status);
    tr_buf_add_c(&text, number);
    tr_buf_add_char(&text, ' ');
    tr_buf_add_c(&text, phrase(x->status));
    tr_buf_add_c(&text, "\r\nConnection: close\r\nContent-Length: ");
    tr_num_print_u64(number, x->out.size);
    tr_buf_add_c(&text, number);
    for (size_t k = 0; k < x->n_headers; k++) {
        tr_buf_add_c(&text, "\r\n");
        tr_buf_add_c(&text, x->headers[k].name);
        tr_buf_add_c(&text, ": ");
        tr_buf_add_c(&text, x->headers[k].value);
    }
    tr_buf_add_c(&text, "\r\n\r\n");
    if (x->out.size)
        tr_buf_add_str(&text, tr_buf_str(&x->out));
    if (!text.failed)
        (void)!send(fd, text.data, text.size, MSG_DONTWAIT | MSG_NOSIGNAL);
    tr_buf_free(&text);
}

static enum MHD_Result refuse_now(connection *c)
{
    send_refusal(c->fd, &c->x);
    c->lingers = true;
    return MHD_NO; /* MHD closes */
}

/* ---- requests ---- */

static const char *header(struct MHD_Connection *mhd, const char *name)
{
    return MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, name);
}

typedef struct {
    unsigned told; /* how often the length of the body is */
    bool odd;
} framing;

static enum MHD_Result look_at_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                      const char *value)
{
    framing *f = cls;
    (void)kind;
    if (!strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH)) {
        f->told++;
    } else if (!strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING)) {
        f->told++;
        f->odd |= !value || strcasecmp(value, "chunked") != 0;
    } else {
        f->odd |= strpbrk(name, " \t") != NULL;
    }
    return MHD_YES;
}

/* Whether a proxy in front of this could see another end of the body, and behind it another request
 * (RFC 9112, 5.1, 6.1, 6.3). */
static bool ambiguous(struct MHD_Connection *mhd)
{
    framing f = {0};
    MHD_get_connection_values(mhd, MHD_HEADER_KIND, look_at_header, &f);
    return f.odd || f.told > 1;
}

static enum MHD_Result begin_request(tr_listener *l, connection *c, struct MHD_Connection *mhd,
                                     const char *method, const char *url)
{
    const char *length = header(mhd, MHD_HTTP_HEADER_CONTENT_LENGTH);
    bool chunked = header(mhd, MHD_HTTP_HEADER_TRANSFER_ENCODING) != NULL;
    c->requests = true;
    c->length = 0;
    c->sized = !chunked && (!length || tr_num_parse_u64(tr_str_c(length), &c->length)) &&
               c->length <= INT64_MAX;
    atomic_fetch_add_explicit(&l->in_hand, 1, memory_order_relaxed);
    allow(c, l->timeout);
    if (ambiguous(mhd)) {
        tr_service_refuse(l->service, &c->x, 400, TR_METRICS_BAD_REQUEST,
                          "where the body ends is not clear: one Content-Length, or "
                          "Transfer-Encoding: chunked");
        return refuse_now(c);
    }
    if (tr_service_begin(l->service, &c->x, method, url, header(mhd, MHD_HTTP_HEADER_AUTHORIZATION),
                         c->sized ? (int64_t)c->length : -1) ||
        (c->sized && c->length <= SWALLOWED))
        return MHD_YES;
    return refuse_now(c);
}

/* "http://host/health", as a proxy may be asked, is "/health" (RFC 9112, 3.2.2). */
static const char *path_of(const char *url)
{
    size_t scheme = !strncasecmp(url, "http://", 7) ? 7 : !strncasecmp(url, "https://", 8) ? 8 : 0;
    size_t host = scheme ? strcspn(url + scheme, "/") : 0;
    const char *path = url + scheme + host;
    return !host ? url : *path ? path : "/";
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **request)
{
    tr_listener *l = cls;
    connection *c = *request;
    (void)version;
    if (!c) {
        c = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
        if (!c)
            return MHD_NO;
        *request = c;
        return begin_request(l, c, mhd, method, path_of(url));
    }
    if (*size) {
        tr_str bytes = tr_str_of(data, *size);
        *size = 0;
        atomic_fetch_add_explicit(&c->deadline, (int64_t)(bytes.size / RATE), memory_order_relaxed);
        bool whole = c->sized && c->length == bytes.size;
        return tr_service_body(l->service, &c->x, bytes, whole) ? MHD_YES : refuse_now(c);
    }
    tr_service_end(l->service, &c->x);
    return queue_answer(l, c, mhd);
}

/* ---- the thread that accepts ---- */

/* MHD would hand out a malformed escape as it is, and cuts a text at a NUL: paths are plain here.
 */
static size_t leave_escapes(void *cls, struct MHD_Connection *mhd, char *text)
{
    (void)cls;
    (void)mhd;
    return strlen(text);
}

static struct MHD_Daemon *start(tr_listener *l)
{
    const tr_listener_options *o = &l->options;
    const struct MHD_OptionItem pool[] = {
        {o->threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, (intptr_t)o->threads, NULL},
        {MHD_OPTION_END, 0, NULL}};
    unsigned seconds = (unsigned)((l->timeout + 999) / 1000);
    /* of its own limit each thread gets a share, and they are not filled evenly */
    unsigned limit = (o->connections + 64) * o->threads;
    return MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL,
        on_request, l, MHD_OPTION_CONNECTION_LIMIT, limit, MHD_OPTION_CONNECTION_TIMEOUT, seconds,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, l, MHD_OPTION_NOTIFY_COMPLETED, on_completed, l,
        MHD_OPTION_UNESCAPE_CALLBACK, leave_escapes, l, MHD_OPTION_ARRAY, pool, MHD_OPTION_END);
}

tr_listener *tr_listener_open(const tr_listener_options *o, tr_service *s, tr_err *err)
{
    tr_listener *l = tr_mem_zero(1, sizeof *l);
    if (!l || pthread_mutex_init(&l->lock, NULL)) {
        tr_err_memory(err);
        free(l);
        return NULL;
    }
    l->options = *o;
    l->service = s;
    l->timeout = (int64_t)(o->timeout * 1000);
    l->fd = tr_address_listen(o->address, l->url, err);
    if (l->fd >= 0)
        l->linger = tr_linger_open(err);
    errno = 0; /* libmicrohttpd does not promise to set it */
    if (l->linger && !(l->daemon = start(l)))
        tr_err_set(err, TR_SYSTEM, "cannot start %u threads%s%s", o->threads, errno ? ": " : "",
                   errno ? strerror(errno) : "");
    if (l->daemon)
        return l;
    tr_listener_close(l);
    return NULL;
}

void tr_listener_close(tr_listener *l)
{
    if (!l)
        return;
    if (l->daemon)
        MHD_stop_daemon(l->daemon);
    tr_linger_close(l->linger);
    if (l->fd >= 0)
        close(l->fd);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

void tr_listener_limit(tr_listener *l, uint32_t connections, uint32_t lingering)
{
    l->options.connections = connections;
    tr_linger_limit(l->linger, lingering);
}

const char *tr_listener_url(const tr_listener *l)
{
    return l->url;
}

static void refuse_connection(tr_listener *l, int fd)
{
    tr_exchange x = {0};
    tr_service_refuse(l->service, &x, 503, TR_METRICS_OVERLOADED,
                      "too many connections; try again");
    send_refusal(fd, &x);
    tr_exchange_free(&x);
    tr_linger_add(l->linger, fd, clock_now() + LINGER);
    close(fd);
}

static tr_code accept_some(tr_listener *l, tr_err *err)
{
    tr_metrics *m = tr_service_metrics(l->service);
    for (int k = 0; k < 64; k++) {
        struct sockaddr_storage from;
        socklen_t size = sizeof from;
        int yes = 1;
        int fd = accept4(l->fd, (struct sockaddr *)&from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)) {
            poll(NULL, 0, 50); /* others will end */
            return TR_OK;
        }
        if (fd < 0 && (errno == EBADF || errno == EINVAL || errno == ENOTSOCK))
            return tr_err_errno(err, l->url);
        if (fd < 0)
            return TR_OK;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        /* counted here, not where its thread takes it up later; ended in end_connection */
        if (tr_metrics_connection(m, 1) > l->options.connections) {
            refuse_connection(l, fd);
            tr_metrics_connection(m, -1);
        } else if (MHD_add_connection(l->daemon, fd, (struct sockaddr *)&from, size) != MHD_YES) {
            tr_metrics_connection(m, -1); /* it is closed */
        }
    }
    return TR_OK;
}

/* Whoever is over the time is cut off; MHD notices, and closes. */
static void watch(tr_listener *l)
{
    int64_t now = clock_now();
    if (now - l->watched < ROUND / 4)
        return;
    l->watched = now;
    pthread_mutex_lock(&l->lock);
    for (connection *c = l->first; c; c = c->after)
        if (atomic_load_explicit(&c->deadline, memory_order_relaxed) < now) {
            tr_metrics_error(tr_service_metrics(l->service), c->x.shard, TR_METRICS_TIMEOUT);
            shutdown(c->fd, SHUT_RDWR);
            allow(c, l->timeout);
        }
    pthread_mutex_unlock(&l->lock);
}

/* One round; *interrupted: fd is readable. */
static tr_code turn(tr_listener *l, int fd, int milliseconds, bool *interrupted, tr_err *err)
{
    struct pollfd polled[] = {{.fd = l->fd, .events = POLLIN}, /* a negative one is passed over */
                              {.fd = fd, .events = POLLIN},
                              {.fd = tr_linger_fd(l->linger), .events = POLLIN}};
    int n = poll(polled, 3, milliseconds);
    if (n < 0 && errno != EINTR)
        return tr_err_errno(err, "poll");
    *interrupted = n > 0 && polled[1].revents;
    tr_linger_turn(l->linger, clock_now());
    watch(l);
    return n > 0 && polled[0].revents ? accept_some(l, err) : TR_OK;
}

tr_code tr_listener_turn(tr_listener *l, int fd, tr_err *err)
{
    bool interrupted;
    return turn(l, fd, ROUND, &interrupted, err);
}

uint64_t tr_listener_drain(tr_listener *l, int fd)
{
    tr_err err;
    int64_t end = clock_now() + l->timeout;
    bool interrupted = false;
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
    atomic_store(&l->draining, true);
    for (int quiet = 0; quiet < QUIET && clock_now() < end && !interrupted;) {
        if (turn(l, fd, DRAIN, &interrupted, &err) != TR_OK)
            break;
        quiet = atomic_load(&l->in_hand) ? 0 : quiet + 1;
    }
    return atomic_load(&l->in_hand);
}
