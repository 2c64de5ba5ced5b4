#include "policy/teacher.h"

#include "doors/child.h"
#include "doors/scan.h"
#include "ground/num.h"
#include "policy/pending.h"
#include "traces/trace.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    FIRST_PAUSE = 100, /* ms before a command that ended is started again */
    LAST_PAUSE = 10000,
    GRACE = 5000,        /* ms that it has to end by itself at the end */
    ENDING = 200,        /* and once it has closed its output */
    PIECE = 16 << 10,    /* bytes that are put together, or read, at a time */
    MOST_PIECES = 16,    /* that are read in one turn: others have theirs too */
    MOST_LINE = 1 << 20, /* bytes of an answer */
    SELDOM = 64          /* rows taken between two looks at the command */
};

/* What is said once. */
typedef enum {
    SAID_NO_ANSWER,
    SAID_NO_ID,
    SAID_TWICE,
    SAID_NULL,
    SAID_LATE,
    SAID_ENDED,
    SAID_COUNT
} kind;

/* Rows that wait no more, as far as they are remembered: the last one of each slot. */
typedef struct {
    uint64_t id;
    enum { NOBODY, ANSWERED, FAILED, LATE } what;
} memory;

struct tr_teacher {
    const tr_teacher_options *o;
    tr_writer *out;
    tr_pending rows;
    uint64_t unsent; /* number of the first row that was not handed over */
    tr_child child;
    bool runs;
    tr_buf request; /* bytes to be written, from `written` on */
    size_t written;
    tr_buf answer;                                /* bytes read, without a newline yet */
    bool skipping;                                /* of a line that is too long */
    int64_t now, timeout, moved, pause, start_at; /* ms; moved: it last took something */
    uint64_t oldest;         /* number of the row that had waited longest when it was started */
    uint64_t starts, barren; /* how often it ended in a row without an answer */
    bool good;               /* the one that runs has answered */
    unsigned taken;          /* rows since the last look */
    memory *memories;
    size_t memory_mask;
    tr_scan scan;
    tr_buf text;
    tr_teacher_counts counts;
    bool said[SAID_COUNT];
    bool failed; /* memory is out */
};

static int64_t clock_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

tr_teacher *tr_teacher_open(const tr_teacher_options *o, tr_writer *out, tr_err *err)
{
    tr_teacher *t = tr_mem_zero(1, sizeof *t);
    if (!t) {
        tr_err_memory(err);
        return NULL;
    }
    t->o = o;
    t->out = out;
    t->child = TR_CHILD_NONE;
    t->timeout = (int64_t)(o->timeout * 1000 + 0.5);
    t->pause = FIRST_PAUSE;
    t->now = t->start_at = clock_ms();
    for (t->memory_mask = 4096; t->memory_mask < 8 * o->window;)
        t->memory_mask *= 2;
    t->memories = tr_mem_zero(t->memory_mask--, sizeof *t->memories);
    if (!tr_pending_init(&t->rows, o->window) || !t->memories) {
        tr_err_memory(err);
        tr_teacher_close(t);
        return NULL;
    }
    return t;
}

void tr_teacher_close(tr_teacher *t)
{
    if (!t)
        return;
    tr_child_stop(&t->child, 0, NULL, NULL);
    tr_pending_free(&t->rows);
    tr_buf_free(&t->request);
    tr_buf_free(&t->answer);
    tr_buf_free(&t->text);
    tr_scan_free(&t->scan);
    free(t->memories);
    free(t);
}

tr_teacher_counts tr_teacher_counted(const tr_teacher *t)
{
    return t->counts;
}

static void say(tr_teacher *t, kind k, const char *what, tr_str line)
{
    char text[400];
    if (t->said[k] || !t->o->say)
        return;
    t->said[k] = true;
    int shown = line.size > 200 ? 200 : (int)line.size;
    snprintf(text, sizeof text, "%s%s%.*s%s", what, line.data ? ": " : "", shown,
             line.data ? line.data : "", line.size > 200 ? " ..." : "");
    t->o->say(t->o->context, text);
}

/* ---- rows that wait no more ---- */

static memory *remembered(tr_teacher *t, uint64_t id)
{
    return &t->memories[id >> 32 & t->memory_mask];
}

static void fail(tr_teacher *t, tr_pending_row *row, const char *why)
{
    *remembered(t, row->id) = (memory){row->id, FAILED};
    t->counts.failed++;
    t->failed |= !tr_pending_fail(&t->rows, row, why);
}

static void answer(tr_teacher *t, tr_pending_row *row, tr_str label)
{
    *remembered(t, row->id) = (memory){row->id, ANSWERED};
    t->counts.answered++;
    t->good = true;
    t->barren = 0;
    t->pause = FIRST_PAUSE;
    t->failed |= !tr_pending_answer(&t->rows, row, label);
}

/* ---- what it says ---- */

/* The label of an answer: the first there of the names that is not null; NULL: none. *null tells
 * whether a name was there. */
static const tr_scan_member *find_label(const tr_scan *scan, int first, int last, bool *null)
{
    *null = false;
    for (int k = first; k <= last; k++) {
        const tr_scan_member *m = tr_scan_find(scan, k);
        if (m && m->type != TR_SCAN_NULL)
            return m;
        *null |= m != NULL;
    }
    return NULL;
}

/* Whether the value is a name or a label, and its text. */
static bool read_text(tr_teacher *t, const tr_scan_member *m, tr_str *text)
{
    if (!m || m->type == TR_SCAN_NULL || m->type == TR_SCAN_ARRAY || m->type == TR_SCAN_OBJECT)
        return false;
    *text = m->value;
    if (m->type != TR_SCAN_STRING)
        return true;
    tr_buf_clear(&t->text);
    if (!tr_scan_text(m->value, &t->text, text))
        return false;
    if (!text->data)
        *text = t->text.size ? tr_buf_str(&t->text) : tr_str_c("");
    return true;
}

static void take_answer(tr_teacher *t, tr_str line)
{
    static const char *const known[] = {"id",     "teacher", "teacher_output", "label",
                                        "intent", "output",  "answer"};
    tr_str id, text;
    bool null;
    if (line.size && line.data[line.size - 1] == '\r')
        line.size--;
    tr_code code = tr_scan_line(&t->scan, line, known, sizeof known / sizeof *known, NULL);
    t->failed |= code == TR_SYSTEM;
    if (code != TR_OK || !read_text(t, tr_scan_find(&t->scan, 0), &id)) {
        t->counts.ignored++;
        say(t, SAID_NO_ANSWER, "a line that is no answer", line);
        return;
    }
    uint64_t hash = tr_trace_identity(id, tr_str_of(NULL, 0), 0);
    tr_pending_row *row = tr_pending_find(&t->rows, hash, t->unsent);
    const tr_scan_member *label = find_label(&t->scan, 1, 6, &null);
    bool sound = label && read_text(t, label, &text);
    if (row && sound) {
        answer(t, row, label->value);
        return;
    }
    if (row && null && !label) {
        say(t, SAID_NULL, "an answer without a label", line);
        fail(t, row, "teacher: no label");
        return;
    }
    memory *m = remembered(t, hash);
    if (!row && m->id == hash && m->what == FAILED) {
        m->what = LATE;
        t->counts.late++;
        say(t, SAID_LATE, "an answer that comes too late", line);
        return;
    }
    t->counts.ignored++;
    if (row)
        say(t, SAID_NO_ANSWER, "a line that is no answer", line);
    else if (m->id == hash && m->what != NOBODY)
        say(t, SAID_TWICE, "a second answer", line);
    else
        say(t, SAID_NO_ID, "an answer to no request", line);
}

/* Cuts what it says into lines. */
static void hear(void *context, const char *data, size_t size)
{
    tr_teacher *t = context;
    const char *end = data + size;
    while (data < end) {
        const char *newline = memchr(data, '\n', (size_t)(end - data));
        const char *stop = newline ? newline : end;
        if (!t->skipping && newline && !t->answer.size) {
            take_answer(t, tr_str_of(data, (size_t)(stop - data)));
        } else if (!t->skipping) {
            tr_buf_add(&t->answer, data, (size_t)(stop - data));
            if (newline)
                take_answer(t, tr_buf_str(&t->answer));
            t->failed |= t->answer.failed;
        }
        if (newline) {
            tr_buf_clear(&t->answer);
            t->skipping = false;
        } else if (t->answer.size > MOST_LINE) {
            t->counts.ignored++;
            say(t, SAID_NO_ANSWER, "a line that is no answer, and too long",
                tr_buf_str(&t->answer));
            tr_buf_free(&t->answer);
            t->skipping = true;
        }
        data = stop + 1;
    }
}

/* ---- its beginning and end ---- */

static uint64_t oldest_waiting(tr_teacher *t)
{
    uint64_t k = t->rows.head;
    while (k < t->rows.tail && !tr_pending_at(&t->rows, k)->waits)
        k++;
    return k;
}

static void put_reason(char text[160], const char *ended, const char *over, uint64_t times)
{
    snprintf(text, 160, "teacher: no answer: the command %s%s (%llu time%s)", ended, over,
             (unsigned long long)times, times == 1 ? "" : "s");
}

static void ended(tr_teacher *t, int status)
{
    char text[160], why[64];
    if (t->answer.size && !t->skipping) /* a last line without newline */
        take_answer(t, tr_buf_str(&t->answer));
    t->skipping = false;
    t->runs = false;
    t->unsent = t->rows.head;
    t->start_at = t->now + t->pause;
    t->barren += !t->good;
    if (!t->good)
        t->pause = t->pause * 2 < LAST_PAUSE ? t->pause * 2 : LAST_PAUSE;
    snprintf(text, sizeof text, "the command %s, and is started again where there is need",
             tr_child_status(status, why));
    say(t, SAID_ENDED, text, tr_str_of(NULL, 0));
    uint64_t most = (uint64_t)t->o->retries + 1, oldest = oldest_waiting(t);
    if (t->barren >= 2 * most) {
        put_reason(text, why, "", t->barren);
        for (uint64_t k = oldest; k < t->rows.tail; k++)
            if (tr_pending_at(&t->rows, k)->waits)
                fail(t, tr_pending_at(&t->rows, k), text);
    } else if (oldest < t->rows.tail && oldest == t->oldest) {
        tr_pending_row *row = tr_pending_at(&t->rows, oldest);
        put_reason(text, why, " over it", most);
        if (++row->charges >= most)
            fail(t, row, text);
    }
}

static void start(tr_teacher *t)
{
    tr_err err;
    t->counts.restarts += t->starts++ > 0;
    t->moved = t->now;
    t->oldest = t->rows.head;
    t->written = 0;
    t->good = false;
    tr_buf_clear(&t->request);
    tr_buf_clear(&t->answer);
    t->runs = tr_child_start(&t->child, t->o->command, &err) == TR_OK;
    if (!t->runs) {
        say(t, SAID_ENDED, err.message, tr_str_of(NULL, 0));
        ended(t, -1);
    }
}

/* ---- one turn ---- */

/* The request: the members of the decision. */
static void put_request(tr_teacher *t, const tr_pending_row *row)
{
    tr_buf_add(&t->request, row->line.data, row->members - 1);
    tr_buf_add_c(&t->request, "}\n");
}

/* Puts requests together as long as the command takes them. Returns whether more is to be written.
 */
static bool hand_over(tr_teacher *t)
{
    while (t->runs && t->child.to >= 0) {
        if (t->written == t->request.size) {
            tr_buf_clear(&t->request);
            t->written = 0;
            for (; t->unsent < t->rows.tail && t->request.size < PIECE; t->unsent++) {
                tr_pending_row *row = tr_pending_at(&t->rows, t->unsent);
                if (!row->waits)
                    continue;
                put_request(t, row);
                row->since = t->now;
            }
            t->failed |= t->request.failed;
        }
        if (t->written == t->request.size)
            return false;
        ssize_t n =
            tr_child_write(&t->child, t->request.data + t->written, t->request.size - t->written);
        if (n == 0)
            return true;
        t->moved = t->now; /* closed: from here on it has the time-out to answer what it took */
        if (n > 0)
            t->written += (size_t)n;
    }
    return false;
}

/* False at the end of what it says. */
static bool listen_to(tr_teacher *t)
{
    char piece[PIECE];
    for (int k = 0; k < MOST_PIECES; k++) {
        ssize_t n = tr_child_read(&t->child, piece, sizeof piece);
        if (n <= 0)
            return n == 0;
        hear(t, piece, (size_t)n);
        if ((size_t)n < sizeof piece)
            return true;
    }
    return true;
}

/* When the row at the head has waited enough; it is the one that has waited longest. */
static int64_t deadline(const tr_teacher *t)
{
    const tr_pending_row *row = &t->rows.rows[t->rows.head & t->rows.mask];
    bool sent = t->rows.head < t->unsent;
    return (sent || row->since > t->moved ? row->since : t->moved) + t->timeout;
}

static tr_code write_out(tr_teacher *t, tr_err *err)
{
    while (!tr_pending_empty(&t->rows)) {
        const tr_pending_row *row = tr_pending_at(&t->rows, t->rows.head);
        if (row->waits)
            return TR_OK;
        tr_code code = tr_writer_add(t->out, row->line.data, row->line.size, err);
        if (code != TR_OK)
            return code;
        tr_pending_pop(&t->rows);
        if (t->unsent < t->rows.head)
            t->unsent = t->rows.head;
    }
    return TR_OK;
}

static tr_code time_out(tr_teacher *t, tr_err *err)
{
    char text[80], seconds[TR_NUM_TEXT];
    tr_code code = TR_OK;
    while (t->runs && code == TR_OK && !tr_pending_empty(&t->rows) && t->now >= deadline(t)) {
        tr_num_print_double(seconds, t->o->timeout);
        snprintf(text, sizeof text, "teacher: no answer within %s s", seconds);
        fail(t, tr_pending_at(&t->rows, t->rows.head), text);
        code = write_out(t, err);
    }
    return code;
}

/* Whether there is more to be written to it: *more. */
static tr_code turn(tr_teacher *t, bool *more, tr_err *err)
{
    t->now = clock_ms();
    t->taken = 0;
    if (!t->runs && !tr_pending_empty(&t->rows) && t->now >= t->start_at)
        start(t);
    *more = hand_over(t);
    bool was_running = t->runs;
    bool well = !was_running || listen_to(t);
    /* it can take nothing more; what it has taken it may still answer */
    bool closed = was_running && t->child.to < 0 && t->now >= t->moved + t->timeout;
    if (was_running && (!well || closed))
        ended(t, tr_child_stop(&t->child, closed ? 0 : ENDING, hear, t));
    tr_code code = write_out(t, err);
    if (code == TR_OK)
        code = time_out(t, err);
    return code == TR_OK && t->failed ? tr_err_memory(err) : code;
}

tr_code tr_teacher_turn(tr_teacher *t, tr_err *err)
{
    bool more;
    return turn(t, &more, err);
}

/* Waits for something to do: for fd (-1: nothing), the command, or a moment. *ready: fd is. */
static tr_code wait_a_turn(tr_teacher *t, int fd, bool *ready, tr_err *err)
{
    bool more;
    *ready = false;
    tr_code code = turn(t, &more, err);
    if (code == TR_OK)
        code = tr_writer_flush(t->out, err);
    if (code != TR_OK || (fd < 0 && tr_pending_empty(&t->rows)))
        return code;
    struct pollfd p[3] = {{.fd = fd, .events = POLLIN},
                          {.fd = t->runs ? t->child.from : -1, .events = POLLIN},
                          {.fd = t->runs && more ? t->child.to : -1, .events = POLLOUT}};
    int64_t left = -1;
    if (!tr_pending_empty(&t->rows)) {
        left = (t->runs ? deadline(t) : t->start_at) - clock_ms();
        left = left < 0 ? 0 : left > 1000000 ? 1000000 : left;
    }
    int n = poll(p, 3, (int)left);
    *ready = n > 0 && p[0].revents;
    if (n < 0 && errno != EINTR)
        return tr_err_errno(err, "poll");
    return TR_OK;
}

tr_code tr_teacher_wait(tr_teacher *t, int fd, tr_err *err)
{
    tr_code code = TR_OK;
    bool ready = false;
    while (code == TR_OK && !ready && (fd >= 0 || !tr_pending_empty(&t->rows)))
        code = wait_a_turn(t, fd, &ready, err);
    return code;
}

tr_code tr_teacher_take(tr_teacher *t, tr_str decision, bool asks, size_t members, uint64_t id,
                        tr_err *err)
{
    tr_code code = TR_OK;
    bool ready;
    while (code == TR_OK && (asks ? tr_pending_full(&t->rows) : t->rows.bytes >= TR_PENDING_BYTES))
        code = wait_a_turn(t, -1, &ready, err);
    if (code != TR_OK)
        return code;
    if (!asks && tr_pending_empty(&t->rows))
        return tr_writer_add(t->out, decision.data, decision.size, err);
    if (asks && tr_pending_empty(&t->rows))
        t->now = clock_ms();
    t->counts.asked += asks;
    if (!(asks ? tr_pending_ask(&t->rows, decision, members, id, t->now)
               : tr_pending_add(&t->rows, decision)))
        return tr_err_memory(err);
    return ++t->taken >= SELDOM ? tr_teacher_turn(t, err) : TR_OK;
}

tr_code tr_teacher_finish(tr_teacher *t, tr_err *err)
{
    tr_code code = tr_teacher_wait(t, -1, err);
    if (code == TR_OK)
        code = tr_writer_flush(t->out, err);
    if (code == TR_OK && t->runs) {
        tr_child_stop(&t->child, GRACE, hear, t);
        t->runs = false;
    }
    return code;
}
