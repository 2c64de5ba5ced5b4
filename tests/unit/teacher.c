#include "policy/teacher.h"

#include "traces/trace.h"

#include <stdlib.h>
#include <unistd.h>

#include "check.h"

static tr_err err;
static tr_buf said; /* a line each */

static void note(void *context, const char *text)
{
    (void)context;
    tr_buf_add_c(&said, text);
    tr_buf_add_char(&said, '\n');
}

static int was_said(const char *text)
{
    int times = 0;
    size_t left = said.size;
    for (const char *at = said.data; left && (at = memmem(at, left, text, strlen(text)));) {
        times++;
        at += strlen(text);
        left = (size_t)(said.data + said.size - at);
    }
    return times;
}

/* Rows "0".."n-1" through a command, of which those named in `plain` (every so manieth) do not ask;
 * what comes out. */
static tr_buf run(const tr_teacher_options *o, int n, int plain, tr_teacher_counts *counts)
{
    tr_buf out;
    tr_buf_init(&out);
    tr_buf_clear(&said);
    unlink("out");
    tr_writer *w = tr_writer_open_file("out", &err);
    tr_teacher *t = w ? tr_teacher_open(o, w, &err) : NULL;
    CHECK(t != NULL);
    if (!t)
        return out;
    for (int k = 0; k < n; k++) {
        char line[100], id[20];
        snprintf(id, sizeof id, "%d", k);
        int members = snprintf(line, sizeof line, "{\"id\":\"%s\",", id);
        snprintf(line + members, sizeof line - (size_t)members, "\"label\":null}\n");
        uint64_t hash = tr_trace_identity(tr_str_c(id), tr_str_of(NULL, 0), 0);
        CHECK(tr_teacher_take(t, tr_str_c(line), !plain || k % plain, (size_t)members, hash,
                              &err) == TR_OK);
    }
    CHECK(tr_teacher_finish(t, &err) == TR_OK);
    *counts = tr_teacher_counted(t);
    tr_teacher_close(t);
    CHECK(tr_writer_close(w, &err) == TR_OK && tr_io_slurp("out", &out, &err) == TR_OK);
    CHECK(counts->asked == counts->answered + counts->failed);
    return out;
}

/* Line number k of the text, without its newline. */
static tr_str line_of(const tr_buf *b, int k)
{
    const char *at = b->data, *end = b->data + b->size;
    for (; k > 0 && at < end; k--)
        at = (const char *)memchr(at, '\n', (size_t)(end - at)) + 1;
    const char *stop = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
    return stop ? tr_str_of(at, (size_t)(stop - at)) : tr_str_of("", 0);
}

static int row_is(const tr_buf *b, int k, const char *before, const char *after)
{
    char text[200];
    snprintf(text, sizeof text, "{\"id\":\"%d\",%s\"label\":null%s}", k, before, after);
    int well = tr_str_equal(line_of(b, k), tr_str_c(text));
    if (!well)
        printf("# line %d is %.*s\n# not %s\n", k, (int)line_of(b, k).size, line_of(b, k).data,
               text);
    return well;
}

#define ANSWERS "sed -u 's/}$/,\"answer\":\"x\"}/'"

static void all_are_answered_in_order(void)
{
    static const size_t windows[] = {1, 2, 7, 1000};
    for (size_t i = 0; i < 4; i++) {
        tr_teacher_options o = {ANSWERS, windows[i], 60, 3, note, NULL};
        tr_teacher_counts c;
        tr_buf out = run(&o, 300, 3, &c);
        for (int k = 0; k < 300; k++)
            CHECK(row_is(&out, k, k % 3 ? "\"teacher\":\"x\"," : "", ""));
        CHECK(c.asked == 200 && c.answered == 200 && c.restarts == 0 && c.ignored == 0);
        CHECK(said.size == 0);
        tr_buf_free(&out);
    }
}

static void nothing_is_started_where_nothing_is_asked(void)
{
    tr_teacher_options o = {"echo > started", 10, 60, 3, note, NULL};
    tr_teacher_counts c;
    unlink("started");
    tr_buf out = run(&o, 50, 1, &c);
    CHECK(row_is(&out, 49, "", "") && c.asked == 0 && access("started", F_OK) != 0);
    tr_buf_free(&out);
}

static void it_may_end_and_is_started_again(void)
{
    tr_teacher_options o = {"i=0; while [ $i -lt 10 ] && read -r x; do i=$((i + 1)); "
                            "echo \"${x%?},\\\"teacher\\\":\\\"x\\\"}\"; done",
                            100,
                            60,
                            0,
                            note,
                            NULL};
    tr_teacher_counts c;
    tr_buf out = run(&o, 45, 0, &c);
    for (int k = 0; k < 45; k++)
        CHECK(row_is(&out, k, "\"teacher\":\"x\",", ""));
    CHECK(c.answered == 45 && c.restarts == 4);
    CHECK(was_said("the command ended with status 0, and is started again") == 1);
    tr_buf_free(&out);
}

static void who_never_answers_is_given_up(void)
{
    tr_teacher_options o = {"read x; exit 9", 3, 60, 1, note, NULL};
    tr_teacher_counts c;
    tr_buf out = run(&o, 3, 0, &c);
    CHECK(c.failed == 3 && c.restarts == 3);
    CHECK(row_is(
        &out, 0, "",
        ",\"error\":\"teacher: no answer: the command ended with status 9 over it (2 times)\""));
    CHECK(row_is(&out, 2, "",
                 ",\"error\":\"teacher: no answer: the command ended with status 9 (4 times)\""));
    tr_buf_free(&out);
}

/* Only the row that it ends over is lost. */
static void one_row_is_too_much_for_it(void)
{
    tr_teacher_options o = {"while read -r x; do case $x in *'\"7\"'*) exit 1;; esac; "
                            "echo \"${x%\\}},\\\"label\\\":5}\"; done",
                            100,
                            60,
                            1,
                            note,
                            NULL};
    tr_teacher_counts c;
    tr_buf out = run(&o, 30, 0, &c);
    CHECK(c.failed == 1 && c.answered == 29 && c.restarts == 3);
    for (int k = 0; k < 30; k++)
        CHECK(row_is(&out, k, k == 7 ? "" : "\"teacher\":5,",
                     k == 7 ? ",\"error\":\"teacher: no answer: the command ended with status 1 "
                              "over it (2 times)\""
                            : ""));
    tr_buf_free(&out);
}

static void time_is_short(void)
{
    /* row 1 too late, row 2 never; the late one is told from others */
    tr_teacher_options o = {
        "read a; read b; read c; echo '{\"id\":\"0\",\"teacher\":\"a\"}'; sleep .4;"
        " echo '{\"id\":\"1\",\"teacher\":\"b\"}'; cat > /dev/null",
        10,
        0.2,
        3,
        note,
        NULL};
    tr_teacher_counts c;
    tr_buf out = run(&o, 3, 0, &c);
    static const char none[] = ",\"error\":\"teacher: no answer within 0.2 s\"";
    CHECK(row_is(&out, 0, "\"teacher\":\"a\",", "") && row_is(&out, 1, "", none));
    CHECK(row_is(&out, 2, "", none));
    CHECK(c.answered == 1 && c.failed == 2 && c.late == 1 && c.ignored == 0 && c.restarts == 0);
    CHECK(was_said("an answer that comes too late: {\"id\":\"1\"") == 1);
    tr_buf_free(&out);
}

static void what_is_no_answer_is_said_once(void)
{
    tr_teacher_options o = {
        "read a; read b; read c; for k in 1 2; do echo junk; echo '[]'; echo;"
        " echo '{\"teacher\":\"a\"}'; echo '{\"id\":\"0\"}';"
        " echo '{\"id\":\"0\",\"teacher\":{}}'; echo '{\"id\":\"9\",\"label\":\"a\"}';"
        " echo '{\"id\":\"1\",\"teacher\":null,\"intent\":\"i\"}'; done;"
        " echo '{\"id\":\"2\",\"teacher\":null}';"
        " printf '{\"id\":\"0\",\"teacher\":true,\"x\":[1]}'",
        10,
        60,
        0,
        note,
        NULL};
    tr_teacher_counts c;
    tr_buf out = run(&o, 3, 0, &c);
    CHECK(row_is(&out, 0, "\"teacher\":true,", "") && row_is(&out, 1, "\"teacher\":\"i\",", ""));
    CHECK(row_is(&out, 2, "", ",\"error\":\"teacher: no label\""));
    CHECK(c.answered == 2 && c.failed == 1 && c.late == 0 && c.ignored == 15);
    CHECK(was_said("a line that is no answer: junk") == 1 && was_said("no answer") == 1);
    CHECK(was_said("an answer to no request: {\"id\":\"9\"") == 1);
    CHECK(was_said("a second answer: {\"id\":\"1\"") == 1);
    CHECK(was_said("an answer without a label: {\"id\":\"2\"") == 1);
    tr_buf_free(&out);
}

static void a_line_without_end_is_let_go(void)
{
    tr_teacher_options o = {
        "head -c 9000000 /dev/zero | tr '\\0' x; echo; " ANSWERS, 10, 60, 0, note, NULL};
    tr_teacher_counts c;
    tr_buf out = run(&o, 2, 0, &c);
    CHECK(c.answered == 2 && c.ignored == 1 && was_said("too long: xxx") == 1);
    CHECK(row_is(&out, 1, "\"teacher\":\"x\",", ""));
    tr_buf_free(&out);
}

int main(void)
{
    CASE(all_are_answered_in_order);
    CASE(nothing_is_started_where_nothing_is_asked);
    CASE(it_may_end_and_is_started_again);
    CASE(who_never_answers_is_given_up);
    CASE(one_row_is_too_much_for_it);
    CASE(time_is_short);
    CASE(what_is_no_answer_is_said_once);
    CASE(a_line_without_end_is_let_go);
    tr_buf_free(&said);
    return CHECK_END;
}
