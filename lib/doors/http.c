#include "doors/http.h"

#include "doors/io.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    CONNECT_MS = 30000,    /* that connecting alone may take */
    PIECE = 256 << 10,     /* bytes that are read at a time */
    LONGEST_TURN = 600000, /* ms in one turn, so that no sum overflows */
    LONGEST_RETRY = 600    /* s that Retry-After may ask for; more is taken for this */
};

/* ---- headers ---- */

/* A character of a header's name (RFC 9110, token). */
static bool in_token(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

/* What is wrong with a header, or NULL. */
static const char *header_fault(tr_str line)
{
    static const char *const own[] = {"Content-Type", "Content-Length", "Transfer-Encoding",
                                      "Expect", "Accept-Encoding"};
    size_t name = 0;
    while (name < line.size && in_token(line.data[name]))
        name++;
    if (name == 0 || name == line.size || line.data[name] != ':')
        return "no header; a line is \"Name: value\"";
    for (size_t i = 0; i < line.size; i++)
        if (((unsigned char)line.data[i] < ' ' && line.data[i] != '\t') || line.data[i] == 0x7f)
            return "a control character in a header";
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (strlen(own[i]) == name && strncasecmp(line.data, own[i], name) == 0)
            return "this header is set by the request itself; leave it out";
    for (size_t i = name + 1; i < line.size; i++)
        if (line.data[i] != ' ' && line.data[i] != '\t')
            return NULL;
    return "a header without a value";
}

static tr_code add_header(tr_http_headers *h, tr_str line, const char *file, uint64_t number,
                          tr_err *err)
{
    while (line.size && strchr(" \t\r", line.data[line.size - 1]))
        line.size--;
    if (!line.size)
        return TR_OK;
    const char *fault = header_fault(line);
    if (!fault && h->n == TR_HTTP_HEADERS)
        fault = "more than 64 headers";
    if (fault)
        return tr_err_at(err, file, number, "%s", fault);
    char **more = tr_mem_more(h->lines, h->n + 1, sizeof *more);
    if (!more)
        return tr_err_memory(err);
    h->lines = more;
    if (!(more[h->n] = strndup(line.data, line.size)))
        return tr_err_memory(err);
    h->n++;
    return TR_OK;
}

tr_code tr_http_headers_read(tr_http_headers *h, const char *file, tr_err *err)
{
    tr_reader *in = tr_reader_open(&file, 1, err);
    tr_code code = in ? TR_OK : TR_SYSTEM;
    size_t bytes = 0;
    bool end = false;
    while (code == TR_OK && !end) {
        tr_str line;
        code = tr_reader_line(in, &line, &end, err);
        bytes += line.size + 1;
        if (code == TR_OK && bytes > TR_HTTP_HEADER_BYTES)
            code = tr_err_at(err, file, 0, "more than 64 kB of headers");
        if (code == TR_OK && !end)
            code = add_header(h, line, file, tr_reader_number(in), err);
    }
    tr_reader_close(in);
    return code;
}

void tr_http_headers_free(tr_http_headers *h)
{
    for (size_t i = 0; i < h->n; i++)
        free(h->lines[i]);
    free(h->lines);
    *h = (tr_http_headers){0};
}

/* ---- the URL ---- */

/* A part of it, malloced by strdup; "" where it has none, NULL when memory is out. */
static char *part(CURLU *u, CURLUPart which)
{
    char *text = NULL;
    CURLUcode code = curl_url_get(u, which, &text, 0);
    char *copy = code == CURLUE_OUT_OF_MEMORY ? NULL : strdup(code == CURLUE_OK ? text : "");
    curl_free(text);
    return copy;
}

/* Why the URL will not do, or NULL. */
static const char *url_fault(CURLU *u, const char *text)
{
    if (strncasecmp(text, "http://", 7) != 0 && strncasecmp(text, "https://", 8) != 0)
        return "it must begin with http:// or https://";
    if (curl_url_set(u, CURLUPART_URL, text, 0) != CURLUE_OK)
        return "it is no URL that can be asked";
    char *user = part(u, CURLUPART_USER), *password = part(u, CURLUPART_PASSWORD);
    char *fragment = part(u, CURLUPART_FRAGMENT);
    const char *fault = !user || !password || !fragment ? "out of memory"
                        : user[0] || password[0]
                            ? "it has a user or password, which others could see on the command "
                              "line; put a header into a file"
                        : fragment[0] ? "it has a fragment (#...)"
                                      : NULL;
    free(user);
    free(password);
    free(fragment);
    return fault;
}

/* Fills *url from the parts. */
static bool url_print(tr_http_url *url, CURLU *u)
{
    char *full = part(u, CURLUPART_URL), *shown = NULL;
    if (curl_url_set(u, CURLUPART_QUERY, NULL, 0) == CURLUE_OK)
        shown = part(u, CURLUPART_URL);
    tr_http_url_free(url);
    *url = (tr_http_url){full, shown};
    return full && shown;
}

tr_code tr_http_url_parse(tr_http_url *url, const char *text, const char *path, tr_err *err)
{
    *url = (tr_http_url){0};
    CURLU *u = curl_url();
    if (!u)
        return tr_err_memory(err);
    const char *fault = url_fault(u, text);
    tr_code code = fault ? tr_err_set(err, TR_USAGE, "%s", fault) : TR_OK;
    if (code == TR_OK) {
        char *own = part(u, CURLUPART_PATH);
        bool bare = own && (!own[0] || strcmp(own, "/") == 0);
        if (!own || (bare && curl_url_set(u, CURLUPART_PATH, path, 0) != CURLUE_OK) ||
            !url_print(url, u))
            code = tr_err_memory(err);
        free(own);
    }
    curl_url_cleanup(u);
    return code;
}

tr_code tr_http_url_extend(tr_http_url *url, const char *more, tr_err *err)
{
    CURLU *u = curl_url();
    char *path = NULL, *longer = NULL;
    bool well = u && curl_url_set(u, CURLUPART_URL, url->full, 0) == CURLUE_OK &&
                (path = part(u, CURLUPART_PATH)) && asprintf(&longer, "%s%s", path, more) >= 0 &&
                curl_url_set(u, CURLUPART_PATH, longer, 0) == CURLUE_OK && url_print(url, u);
    free(path);
    free(longer);
    curl_url_cleanup(u);
    return well ? TR_OK : tr_err_memory(err);
}

void tr_http_url_free(tr_http_url *u)
{
    free(u->full);
    free(u->shown);
    *u = (tr_http_url){0};
}

/* ---- requests ---- */

typedef enum { IDLE, FLYING, LANDED, TAKEN } slot_state;

typedef struct {
    tr_http *owner;
    CURL *easy;
    slot_state state;
    void *tag;
    tr_buf body;
    bool too_large;
    CURLcode result;
    char said[CURL_ERROR_SIZE];
} slot;

struct tr_http {
    CURLM *multi;
    struct curl_slist *headers;
    size_t most, n, flying;
    slot *slots;
    slot **landed; /* a ring of the answered ones, in their order */
    size_t first, n_landed;
};

static size_t take_bytes(char *data, size_t one, size_t n, void *context)
{
    slot *s = context;
    size_t size = one * n;
    if (size > s->owner->most - s->body.size) {
        s->too_large = true;
        return 0;
    }
    tr_buf_add(&s->body, data, size);
    return s->body.failed ? 0 : size;
}

static bool set_up(slot *s, const tr_http_options *o)
{
    CURL *e = s->easy = curl_easy_init();
    long ms = (long)(o->timeout * 1000 + 0.5);
    CURLcode bad = CURLE_OK; /* any of them */
    if (!e)
        return false;
    bad |= curl_easy_setopt(e, CURLOPT_URL, o->url->full);
    bad |= curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    bad |= curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    bad |= curl_easy_setopt(e, CURLOPT_POST, 1L);
    bad |= curl_easy_setopt(e, CURLOPT_HTTPHEADER, s->owner->headers);
    bad |= curl_easy_setopt(e, CURLOPT_USERAGENT, "tr-tools/" TR_VERSION);
    bad |= curl_easy_setopt(e, CURLOPT_ACCEPT_ENCODING, "");
    bad |= curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, ms);
    bad |= curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, ms < CONNECT_MS ? ms : (long)CONNECT_MS);
    bad |= curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    bad |= curl_easy_setopt(e, CURLOPT_BUFFERSIZE, (long)PIECE);
    bad |= curl_easy_setopt(e, CURLOPT_ERRORBUFFER, s->said);
    bad |= curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take_bytes);
    bad |= curl_easy_setopt(e, CURLOPT_WRITEDATA, s);
    bad |= curl_easy_setopt(e, CURLOPT_PRIVATE, s);
    const char *authorities = getenv("SSL_CERT_FILE"); /* curl's own program asks for it, too */
    if (authorities && authorities[0])
        bad |= curl_easy_setopt(e, CURLOPT_CAINFO, authorities);
    return bad == CURLE_OK;
}

static bool add_line(tr_http *h, const char *line)
{
    struct curl_slist *more = curl_slist_append(h->headers, line);
    if (more)
        h->headers = more;
    return more;
}

tr_http *tr_http_open(const tr_http_options *o, tr_err *err)
{
    tr_http *h = tr_mem_zero(1, sizeof *h);
    if (!h || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(h);
        tr_err_memory(err);
        return NULL;
    }
    h->most = o->most;
    bool well = (h->multi = curl_multi_init()) &&
                (h->slots = tr_mem_zero(o->parallel, sizeof(slot)));
    well = well && (h->landed = tr_mem_zero(o->parallel, sizeof *h->landed));
    /* without an Expect, which would cost a round trip each time */
    well = well && add_line(h, "Content-Type: application/json") && add_line(h, "Expect:");
    for (size_t i = 0; well && i < o->headers->n; i++)
        well = add_line(h, o->headers->lines[i]);
    well = well && curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, (long)o->parallel) == CURLM_OK;
    for (; well && h->n < o->parallel; h->n++) {
        h->slots[h->n].owner = h;
        tr_buf_init(&h->slots[h->n].body);
        well = set_up(&h->slots[h->n], o);
    }
    if (well)
        return h;
    tr_http_close(h);
    tr_err_memory(err);
    return NULL;
}

void tr_http_close(tr_http *h)
{
    if (!h)
        return;
    for (size_t i = 0; i < h->n; i++) {
        slot *s = &h->slots[i];
        if (s->state == FLYING)
            curl_multi_remove_handle(h->multi, s->easy);
        curl_easy_cleanup(s->easy);
        tr_buf_free(&s->body);
    }
    curl_multi_cleanup(h->multi);
    curl_slist_free_all(h->headers);
    curl_global_cleanup();
    free(h->slots);
    free(h->landed);
    free(h);
}

size_t tr_http_flying(const tr_http *h)
{
    return h->flying;
}

bool tr_http_free_slot(const tr_http *h)
{
    return h->flying < h->n;
}

/* curl's own reasons for failing are of memory, or of a descriptor that is none. */
static tr_code trouble(CURLMcode code, tr_err *err)
{
    if (code == CURLM_OUT_OF_MEMORY)
        return tr_err_memory(err);
    return tr_err_set(err, TR_SYSTEM, "libcurl: %s", curl_multi_strerror(code));
}

tr_code tr_http_post(tr_http *h, tr_str body, void *tag, tr_err *err)
{
    slot *s = h->slots;
    while (s->state == FLYING || s->state == LANDED)
        s++;
    tr_buf_clear(&s->body);
    s->tag = tag;
    s->too_large = false;
    s->said[0] = '\0';
    CURLcode bad = curl_easy_setopt(s->easy, CURLOPT_POSTFIELDS, body.data);
    bad |= curl_easy_setopt(s->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.size);
    if (bad != CURLE_OK)
        return tr_err_memory(err);
    CURLMcode code = curl_multi_add_handle(h->multi, s->easy);
    if (code != CURLM_OK)
        return trouble(code, err);
    s->state = FLYING;
    h->flying++;
    return TR_OK;
}

/* Does what can be done, and collects what has ended. */
static CURLMcode perform(tr_http *h)
{
    int running, left;
    CURLMcode code = curl_multi_perform(h->multi, &running);
    for (const CURLMsg *m; (m = curl_multi_info_read(h->multi, &left));) {
        slot *s = NULL;
        if (m->msg != CURLMSG_DONE ||
            curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&s) != CURLE_OK)
            continue;
        s->result = m->data.result; /* m is gone with its handle */
        s->state = LANDED;
        curl_multi_remove_handle(h->multi, s->easy);
        h->landed[(h->first + h->n_landed++) % h->n] = s;
    }
    return code;
}

tr_code tr_http_wait(tr_http *h, int fd, int64_t ms, tr_err *err)
{
    struct curl_waitfd extra = {.fd = fd, .events = CURL_WAIT_POLLIN};
    CURLMcode code = perform(h);
    if (code == CURLM_OK && h->n_landed == 0 && ms != 0) {
        int wait = ms < 0 || ms > LONGEST_TURN ? LONGEST_TURN : (int)ms;
        code = curl_multi_poll(h->multi, &extra, fd >= 0, wait, NULL);
        if (code == CURLM_OK)
            code = perform(h);
    }
    return code == CURLM_OK ? TR_OK : trouble(code, err);
}

static tr_http_outcome outcome_of(const slot *s)
{
    if (s->too_large)
        return TR_HTTP_TOO_LARGE;
    switch (s->result) {
    case CURLE_OK: return TR_HTTP_ANSWERED;
    case CURLE_COULDNT_RESOLVE_HOST: return TR_HTTP_UNRESOLVED;
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_COULDNT_RESOLVE_PROXY: return TR_HTTP_LOST;
    default: return TR_HTTP_HOPELESS;
    }
}

bool tr_http_take(tr_http *h, tr_http_reply *reply)
{
    if (h->n_landed == 0)
        return false;
    slot *s = h->landed[h->first];
    long status = 0;
    curl_off_t wait = 0;
    char *target = NULL;
    h->first = (h->first + 1) % h->n;
    h->n_landed--;
    h->flying--;
    s->state = TAKEN;
    curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(s->easy, CURLINFO_RETRY_AFTER, &wait);
    curl_easy_getinfo(s->easy, CURLINFO_REDIRECT_URL, &target);
    if (wait > LONGEST_RETRY)
        wait = LONGEST_RETRY;
    *reply = (tr_http_reply){
        .tag = s->tag,
        .outcome = outcome_of(s),
        .status = (int)status,
        .retry_after = wait > 0 ? (int64_t)wait * 1000 : -1,
        .body = tr_buf_str(&s->body),
        .why = s->said[0] ? s->said : curl_easy_strerror(s->result),
        .target = target,
    };
    return true;
}
