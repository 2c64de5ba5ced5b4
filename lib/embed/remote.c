#include "embed/remote.h"

#include "embed/batch.h"
#include "ground/num.h"
#include "ground/rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    FIRST_PAUSE = 250, /* ms before a request is sent again */
    LAST_PAUSE = 30000,
    LONG_PAUSE = 30000,      /* one that is longer is always told */
    LINGER = 10,             /* ms that a batch waits for more lines */
    REQUEST_BYTES = 1 << 20, /* of the texts in a batch, the last one aside */
    BATCH_BYTES = 4 << 20,   /* of the lines in it, likewise */
    BATCH_LINES = 4096,
    ANSWER_BYTES = 256 << 20, /* of an answer; and for each number in it, and for all the rest */
    NUMBER_BYTES = 26,
    REST_BYTES = 1 << 20,
    SECRET = 6, /* bytes from which on a header's value is no accident in what a server says */
    WORDS = TR_PROTOCOL_COMPLAINT + 200
};

struct tr_remote {
    const tr_remote_options *o;
    tr_writer *out;
    tr_progress *bar;
    tr_http_url url;
    tr_http_headers headers;
    tr_http *http;
    tr_batch *head, *tail, *spare;
    size_t held, width; /* batches; texts of a request, fewer once the server refused more */
    tr_str *texts;      /* of the request that is put together */
    float *old;         /* the embedding of a row that has one */
    size_t old_room;
    tr_buf line;
    tr_rng rng;
    int64_t began, now, resume; /* ms; resume: nothing is sent before */
    bool lingered, answered;
    tr_remote_counts counts;
};

static int64_t clock_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- opening and closing ---- */

static tr_code find_url(tr_remote *r, tr_err *err)
{
    tr_err why;
    tr_protocol_api api = (tr_protocol_api)r->o->protocol.api;
    const char *behind = tr_protocol_behind_v1(api);
    tr_code code = tr_http_url_parse(&r->url, r->o->url, tr_protocol_path(api), &why);
    if (code != TR_OK)
        return tr_err_set(err, code, "--url: %s", why.message);
    size_t size = strlen(r->url.shown);
    if (behind && size > 3 && strcmp(r->url.shown + size - 3, "/v1") == 0)
        return tr_http_url_extend(&r->url, behind, err);
    return TR_OK;
}

static tr_code read_headers(tr_remote *r, tr_err *err)
{
    if (r->o->header[0] != '@' || !r->o->header[1])
        return tr_err_set(err, TR_USAGE,
                          "--header takes @FILE, a file with lines \"Name: value\": what stands on "
                          "the command line can be seen by others");
    return tr_http_headers_read(&r->headers, r->o->header + 1, err);
}

static tr_code start(tr_remote *r, tr_err *err)
{
    const tr_remote_options *o = r->o;
    size_t most = REST_BYTES + (size_t)o->batch * TR_FLOATS_MOST * NUMBER_BYTES;
    tr_code code = tr_protocol_check(&o->protocol, err);
    if (code == TR_OK)
        code = find_url(r, err);
    if (code == TR_OK && o->header)
        code = read_headers(r, err);
    if (code == TR_OK && !(r->texts = tr_mem_array((size_t)o->batch, sizeof *r->texts)))
        code = tr_err_memory(err);
    if (code != TR_OK)
        return code;
    const tr_http_options ask = {
        .url = &r->url,
        .headers = &r->headers,
        .parallel = (size_t)o->parallel,
        .timeout = o->timeout,
        .most = most < ANSWER_BYTES ? most : ANSWER_BYTES,
    };
    r->http = tr_http_open(&ask, err);
    return r->http ? TR_OK : err->code;
}

tr_remote *tr_remote_open(const tr_remote_options *o, tr_writer *out, tr_err *err)
{
    tr_remote *r = tr_mem_zero(1, sizeof *r);
    if (!r) {
        tr_err_memory(err);
        return NULL;
    }
    r->o = o;
    r->out = out;
    r->width = (size_t)o->batch;
    r->counts.dimensions = (size_t)o->protocol.dimensions;
    tr_rng_init(&r->rng, o->seed);
    tr_buf_init(&r->line);
    r->began = r->now = clock_ms();
    if (start(r, err) == TR_OK)
        return r;
    tr_remote_close(r);
    return NULL;
}

static void free_batches(tr_batch *b)
{
    while (b) {
        tr_batch *next = b->next;
        tr_batch_free(b);
        free(b);
        b = next;
    }
}

void tr_remote_close(tr_remote *r)
{
    if (!r)
        return;
    tr_http_close(r->http); /* first: it borrows from the batches */
    free_batches(r->head);
    free_batches(r->spare);
    tr_http_headers_free(&r->headers);
    tr_http_url_free(&r->url);
    tr_buf_free(&r->line);
    free(r->texts);
    free(r->old);
    free(r);
}

tr_remote_counts tr_remote_counted(const tr_remote *r)
{
    return r->counts;
}

void tr_remote_summary(const tr_remote *r, char text[TR_REMOTE_SUMMARY])
{
    const tr_remote_counts *n = &r->counts;
    char rows[TR_NUM_TEXT], rate[TR_NUM_TEXT];
    int64_t ms = clock_ms() - r->began;
    tr_num_print_grouped(rows, n->embedded);
    tr_num_print_grouped(rate, n->embedded * 1000 / (uint64_t)(ms > 0 ? ms : 1));
    snprintf(
        text, TR_REMOTE_SUMMARY,
        "%s traces embedded, %zu numbers in each, %llu had theirs; %llu requests, %llu of them "
        "again; %s traces a second",
        rows, n->dimensions, (unsigned long long)n->passed, (unsigned long long)n->requests,
        (unsigned long long)n->retries, rate);
}

/* ---- failures ---- */

/* No value of a header comes back out of an answer. */
static void hide_secrets(const tr_remote *r, char *text)
{
    for (size_t i = 0; i < r->headers.n; i++) {
        const char *value = strchr(r->headers.lines[i], ':') + 1;
        const char *secret = value + strlen(value);
        while (secret > value && secret[-1] != ' ' && secret[-1] != '\t') /* "Bearer KEY" */
            secret--;
        size_t size = strlen(secret);
        for (char *at = text; size >= SECRET && (at = strstr(at, secret)); at += size)
            memset(at, '*', size);
    }
}

static void fail(const tr_remote *r, tr_batch *b, tr_code code, const char *what)
{
    const tr_row *row = &tr_batch_first_left(b)->row;
    (void)tr_err_at(&b->why, row->file, row->number, "%s: %s", r->url.shown, what);
    b->why.code = code;
    b->state = TR_BATCH_FAILED;
}

/* ---- replies ---- */

static int64_t pause_of(tr_remote *r, int tries)
{
    int64_t pause = FIRST_PAUSE;
    while (--tries > 0 && pause < LAST_PAUSE)
        pause *= 2;
    if (pause > LAST_PAUSE)
        pause = LAST_PAUSE;
    return pause / 2 + (int64_t)tr_rng_below(&r->rng, (uint64_t)pause / 2);
}

/* On a line of its own, where a bar is drawn. */
static void say(tr_remote *r, const char *text)
{
    int fd = r->bar->fd;
    tr_progress_end(r->bar);
    r->bar->fd = fd;
    r->o->say(r->o->context, text);
}

static void lost(tr_remote *r, tr_batch *b, int64_t retry_after, const char *what)
{
    char text[WORDS + 200];
    if (++b->tries > r->o->retries) {
        snprintf(text, sizeof text, "%s (asked %d time%s)", what, b->tries,
                 b->tries == 1 ? "" : "s");
        fail(r, b, TR_SYSTEM, text);
        return;
    }
    int64_t pause = retry_after < 0 ? pause_of(r, b->tries) : retry_after;
    if (r->o->say && (r->o->says_all || r->counts.retries == 0 || pause > LONG_PAUSE)) {
        snprintf(text, sizeof text, "%.180s: %s; trying again in %.1f s", r->url.shown, what,
                 (double)pause / 1000);
        say(r, text);
    }
    r->counts.retries++;
    b->state = TR_BATCH_PAUSED;
    b->until = r->now + pause;
    if (retry_after >= 0 && r->resume < b->until)
        r->resume = b->until; /* that was said to all of us */
}

static void accept(tr_remote *r, tr_batch *b, tr_str answer)
{
    tr_err why;
    tr_code code = tr_batch_accept(b, &r->o->protocol, answer, &why);
    if (code != TR_OK) {
        hide_secrets(r, why.message);
        fail(r, b, code, why.message);
        return;
    }
    r->answered = true;
    if (b->state == TR_BATCH_DONE && b->limit < b->n_texts && b->limit < r->width)
        r->width = b->limit; /* it takes no more at once */
}

/* Refused as it is: half of it next time; or it is this text. */
static void refused(const tr_remote *r, tr_batch *b, const char *what)
{
    char text[WORDS + 100];
    if (tr_batch_halve(b))
        return;
    snprintf(text, sizeof text, "refuses this text of %zu bytes: %s",
             tr_batch_first_left(b)->text_size, what);
    fail(r, b, TR_DATA, text);
}

/* A status that is no success, with what the server said. */
static void look_at_status(tr_remote *r, tr_batch *b, const tr_http_reply *reply)
{
    char said[TR_PROTOCOL_COMPLAINT], text[WORDS];
    int status = reply->status;
    tr_protocol_complaint(reply->body, said);
    hide_secrets(r, said);
    int size = snprintf(text, sizeof text, "status %d%s%s", status, said[0] ? ": " : "", said);
    if (status == 408 || status == 429 || (status >= 500 && status != 501 && status != 505)) {
        lost(r, b, reply->retry_after, text);
    } else if (status == 400 || status == 413 || status == 422) {
        refused(r, b, text);
    } else {
        const char *hint = status == 401 || status == 403 ? "; a key goes into a file of --header"
                           : status == 404 || status == 405
                               ? "; is it the right path, --api and --model?"
                           : status >= 300 && status < 400
                               ? "; redirects are not followed: give the URL that it leads to"
                               : "";
        snprintf(text + size, sizeof text - (size_t)size, "%s", hint);
        fail(r, b, TR_SYSTEM, text);
    }
}

static void settle(tr_remote *r, const tr_http_reply *reply)
{
    tr_batch *b = reply->tag;
    char text[WORDS];
    switch (reply->outcome) {
    case TR_HTTP_ANSWERED:
        if (reply->status >= 200 && reply->status < 300)
            accept(r, b, reply->body);
        else
            look_at_status(r, b, reply);
        return;
    case TR_HTTP_UNRESOLVED:
        if (!r->answered) /* a name that never was one */
            fail(r, b, TR_SYSTEM, reply->why);
        else
            lost(r, b, -1, reply->why);
        return;
    case TR_HTTP_LOST: lost(r, b, -1, reply->why); return;
    case TR_HTTP_TOO_LARGE:
        snprintf(text, sizeof text, "the answer to %zu texts is larger than any could be",
                 b->width);
        fail(r, b, TR_DATA, text);
        return;
    case TR_HTTP_HOPELESS: fail(r, b, TR_SYSTEM, reply->why); return;
    }
}

/* ---- writing ---- */

static tr_code check_dimensions(tr_remote *r, const tr_batch *b, const tr_batch_line *e, size_t d,
                                tr_err *err)
{
    size_t *known = &r->counts.dimensions;
    if (*known == 0)
        *known = d;
    if (*known == d)
        return TR_OK;
    if (e->wants)
        return tr_err_at(err, e->row.file, e->row.number,
                         "%s: it sends vectors of %zu numbers, but %zu were %s", r->url.shown,
                         b->dimensions, *known,
                         r->o->protocol.dimensions ? "asked for" : "in the rows before");
    return tr_err_at(err, e->row.file, e->row.number,
                     "\"embedding\" has %zu numbers, but %zu were %s: from another embedder?", d,
                     *known, r->o->protocol.dimensions ? "asked for" : "in the rows before");
}

static tr_code put_entry(tr_remote *r, const tr_batch *b, const tr_batch_line *e, size_t *texts,
                         tr_err *err)
{
    tr_str line = tr_str_of(b->lines.data + e->line, e->size);
    size_t d = b->dimensions;
    tr_code code = TR_OK;
    if (e->row.is_row && !e->wants)
        code = tr_row_read(&e->row, line, &r->old, &d, &r->old_room, err);
    if (code == TR_OK && e->row.is_row)
        code = check_dimensions(r, b, e, d, err);
    if (code != TR_OK)
        return code;
    tr_buf_clear(&r->line);
    if (e->wants)
        tr_row_render(&e->row, line, b->vectors + (*texts)++ * d, d, &r->line);
    else
        tr_buf_add_str(&r->line, line);
    tr_buf_add_char(&r->line, '\n'); /* at once, so that no write ends within a line */
    if (r->line.failed)
        return tr_err_memory(err);
    code = tr_writer_add(r->out, r->line.data, r->line.size, err);
    if (code == TR_OK) {
        r->counts.lines++;
        r->counts.embedded += e->wants;
        r->counts.passed += e->row.is_row && !e->wants;
    }
    return code;
}

/* What is done at the head of the queue. */
static tr_code put_done(tr_remote *r, tr_err *err)
{
    for (tr_batch *b;
         (b = r->head) && (b->state == TR_BATCH_DONE || b->state == TR_BATCH_FAILED);) {
        size_t texts = 0;
        for (size_t i = 0; i < b->n; i++) {
            const tr_batch_line *e = &b->entries[i];
            if (e->wants && texts == b->done) {
                *err = b->why;
                return b->why.code;
            }
            tr_code code = put_entry(r, b, e, &texts, err);
            if (code != TR_OK)
                return code;
        }
        r->head = b->next;
        if (!r->head)
            r->tail = NULL;
        r->held--;
        b->next = r->spare;
        r->spare = b;
    }
    return TR_OK;
}

/* ---- sending ---- */

static tr_code send(tr_remote *r, tr_batch *b, tr_err *err)
{
    tr_batch_texts(b, r->texts);
    tr_buf_clear(&b->body);
    tr_protocol_write(&r->o->protocol, r->texts, b->width, &b->body);
    if (b->body.failed)
        return tr_err_memory(err);
    b->state = TR_BATCH_FLYING;
    r->counts.requests++;
    return tr_http_post(r->http, tr_buf_str(&b->body), b, err);
}

/* Sends what may be sent, the oldest first. Sets *ms to when more may be, -1: not by itself. Behind
 * what has failed nothing is sent any more. */
static tr_code send_ready(tr_remote *r, int64_t *ms, tr_err *err)
{
    *ms = -1;
    for (tr_batch *b = r->head; b && b->state != TR_BATCH_FAILED; b = b->next) {
        int64_t from = r->resume;
        if (b->state == TR_BATCH_PAUSED && from < b->until)
            from = b->until;
        if (b->state != TR_BATCH_READY && b->state != TR_BATCH_PAUSED)
            continue;
        if (from > r->now) {
            if (*ms < 0 || *ms > from - r->now)
                *ms = from - r->now;
        } else if (tr_http_free_slot(r->http)) {
            tr_code code = send(r, b, err);
            if (code != TR_OK)
                return code;
        }
    }
    return TR_OK;
}

/* One round: sends, takes what came, writes what is done. Waits at most `most` ms (-1: as long as
 * it takes) where there is nothing else to do. */
static tr_code turn(tr_remote *r, int fd, int64_t most, tr_err *err)
{
    int64_t ms;
    tr_http_reply reply;
    r->now = clock_ms();
    tr_code code = send_ready(r, &ms, err);
    if (ms < 0 || (most >= 0 && most < ms))
        ms = most;
    if (r->head && (r->head->state == TR_BATCH_DONE || r->head->state == TR_BATCH_FAILED))
        ms = 0;
    if (code == TR_OK)
        code = tr_http_wait(r->http, fd, ms, err);
    r->now = clock_ms();
    while (code == TR_OK && tr_http_take(r->http, &reply))
        settle(r, &reply);
    return code == TR_OK ? put_done(r, err) : code;
}

/* ---- taking lines ---- */

static tr_batch *new_batch(tr_remote *r)
{
    tr_batch *b = r->spare;
    if (b) {
        r->spare = b->next;
        tr_batch_clear(b);
    } else if (!(b = tr_mem_zero(1, sizeof *b))) {
        return NULL;
    }
    b->next = NULL;
    if (r->tail)
        r->tail->next = b;
    else
        r->head = b;
    r->tail = b;
    r->held++;
    return b;
}

static tr_code take(tr_remote *r, tr_str line, const tr_row *row, tr_err *err)
{
    tr_batch *b = r->tail && r->tail->state == TR_BATCH_OPEN ? r->tail : NULL;
    tr_code code = TR_OK;
    r->lingered = false;
    while (!b && code == TR_OK && r->held >= 2 * (size_t)r->o->parallel)
        code = turn(r, -1, -1, err);
    if (code != TR_OK)
        return code;
    if ((!b && !(b = new_batch(r))) || !tr_batch_add(b, line, row))
        return tr_err_memory(err);
    if (b->n_texts < r->width && b->texts.size < REQUEST_BYTES && b->lines.size < BATCH_BYTES &&
        b->n < BATCH_LINES)
        return TR_OK;
    tr_batch_seal(b);
    return turn(r, -1, 0, err);
}

/* Nothing can be read now: lines that wait for more go out in a smaller batch, what is done is
 * written. Waits until fd can be read (-1: none), or something came. */
static tr_code idle(tr_remote *r, int fd, tr_err *err)
{
    tr_batch *b = r->tail && r->tail->state == TR_BATCH_OPEN ? r->tail : NULL;
    if (b && !r->lingered) { /* more may be on its way */
        r->lingered = true;
        return turn(r, fd, LINGER, err);
    }
    if (b && tr_http_free_slot(r->http))
        tr_batch_seal(b);
    tr_code code = turn(r, -1, 0, err);
    if (code == TR_OK)
        code = tr_writer_flush(r->out, err);
    return code == TR_OK && r->held > 0 ? turn(r, fd, -1, err) : code;
}

/* Until all that was taken is written. */
static tr_code finish(tr_remote *r, tr_err *err)
{
    tr_code code = TR_OK;
    if (r->tail && r->tail->state == TR_BATCH_OPEN)
        tr_batch_seal(r->tail);
    while (code == TR_OK && r->held > 0) {
        code = turn(r, -1, -1, err);
        tr_progress_step(r->bar, r->counts.lines);
    }
    return code;
}

tr_code tr_remote_copy(tr_remote *r, tr_rows *rows, tr_reader *in, tr_progress *p, tr_err *err)
{
    tr_code code = TR_OK;
    tr_err bad = {.code = TR_OK};
    r->bar = p;
    for (bool end = false; !end && code == TR_OK;) {
        tr_str line;
        tr_row row;
        while (code == TR_OK && tr_reader_would_block(in)) {
            bool busy = r->held > 0;
            code = busy ? idle(r, tr_reader_fd(in), err) : tr_writer_flush(r->out, err);
            tr_progress_step(p, r->counts.lines);
            if (!busy)
                break; /* the reader waits */
        }
        if (code != TR_OK)
            break;
        if (tr_reader_line(in, &line, &end, &bad) == TR_OK && !end &&
            tr_rows_look(rows, line, tr_reader_file(in), tr_reader_number(in), &row, &bad) == TR_OK)
            code = take(r, line, &row, err);
        end = end || bad.code != TR_OK;
        tr_progress_step(p, r->counts.lines);
    }
    if (code == TR_OK) /* what stands before a bad line is not lost */
        code = finish(r, err);
    if (code == TR_OK && bad.code != TR_OK) {
        *err = bad;
        code = bad.code;
    }
    return code;
}
