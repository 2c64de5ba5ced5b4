#include "doors/child.h"

#include "ground/mem.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static tr_err err;

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Bytes that it says until `size` are there or it ends. */
static size_t hear(tr_child *c, char *to, size_t size)
{
    size_t got = 0;
    while (got < size) {
        ssize_t n = tr_child_read(c, to + got, size - got);
        if (n < 0)
            break;
        struct pollfd p = {.fd = c->from, .events = POLLIN};
        if (n == 0)
            poll(&p, 1, -1);
        got += (size_t)n;
    }
    return got;
}

static void keep(void *context, const char *data, size_t size)
{
    tr_buf_add(context, data, size);
}

static int none_is_left(void)
{
    return waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD;
}

static void it_is_talked_to(void)
{
    tr_child c;
    char text[64];
    tr_buf rest;
    tr_buf_init(&rest);
    CHECK(tr_child_start(&c, "cat; echo end; exit 3", &err) == TR_OK);
    CHECK(tr_child_read(&c, text, sizeof text) == 0); /* does not wait */
    CHECK(tr_child_write(&c, "hello", 5) == 5);
    CHECK(hear(&c, text, 5) == 5 && !memcmp(text, "hello", 5));
    CHECK(tr_child_write(&c, "more", 4) == 4);
    int status = tr_child_stop(&c, 5000, keep, &rest);
    CHECK(tr_str_equal(tr_buf_str(&rest), tr_str_c("moreend\n")));
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 3);
    CHECK(!strcmp(tr_child_status(status, text), "ended with status 3"));
    CHECK(c.pid == 0 && c.to == -1 && c.from == -1 && none_is_left());
    CHECK(tr_child_stop(&c, 5000, NULL, NULL) == 0);
    tr_buf_free(&rest);
}

static void a_full_pipe_does_not_wait(void)
{
    static char block[1 << 20];
    tr_child c;
    CHECK(tr_child_start(&c, "sleep 100", &err) == TR_OK);
    size_t taken = 0;
    ssize_t n;
    while ((n = tr_child_write(&c, block, sizeof block)) > 0)
        taken += (size_t)n;
    CHECK(n == 0 && taken > 0 && taken < sizeof block);
    CHECK(tr_child_write(&c, block, 1) == 0);
    double before = seconds();
    int status = tr_child_stop(&c, 0, NULL, NULL);
    CHECK(seconds() - before < 0.9); /* asked to end, it ends */
    char text[64];
    CHECK(!strncmp(tr_child_status(status, text), "was ended by signal 15 (", 24));
    CHECK(none_is_left());
}

/* Its end is no SIGPIPE to us, and what signal was pending before still is. */
static void a_closed_pipe_is_no_signal(void)
{
    tr_child c;
    char text[8];
    CHECK(tr_child_start(&c, "exec 0<&-; echo; sleep 100", &err) == TR_OK);
    CHECK(hear(&c, text, 1) == 1);
    CHECK(tr_child_write(&c, "x", 1) == -1 && c.to == -1);
    CHECK(tr_child_write(&c, "x", 1) == -1);
    CHECK(tr_child_read(&c, text, 1) == 0); /* it may still speak */
    sigset_t now;
    CHECK(sigpending(&now) == 0 && !sigismember(&now, SIGPIPE));
    CHECK(pthread_sigmask(SIG_SETMASK, NULL, &now) == 0 && !sigismember(&now, SIGPIPE));
    tr_child_stop(&c, 0, NULL, NULL);
    CHECK(tr_child_start(&c, "exit 0", &err) == TR_OK);
    CHECK(hear(&c, text, 1) == 0 && tr_child_read(&c, text, 1) == -1);
    CHECK(tr_child_stop(&c, 1000, NULL, NULL) == 0 && none_is_left());
}

static void who_does_not_end_is_ended(void)
{
    tr_child c;
    tr_buf rest;
    char text[8];
    tr_buf_init(&rest);
    CHECK(tr_child_start(&c, "trap '' TERM; echo; sleep 100; echo no", &err) == TR_OK);
    CHECK(hear(&c, text, 1) == 1);
    double before = seconds();
    int status = tr_child_stop(&c, 100, keep, &rest);
    double took = seconds() - before;
    CHECK(took > 0.09 && took < 5 && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    CHECK(rest.size == 0 && none_is_left());
    tr_buf_free(&rest);
    /* and what it started */
    unlink("alive");
    CHECK(tr_child_start(&c, "(sleep .4; echo > alive) & echo; sleep 100", &err) == TR_OK);
    CHECK(hear(&c, text, 1) == 1);
    tr_child_stop(&c, 0, NULL, NULL);
    usleep(600000);
    CHECK(access("alive", F_OK) != 0);
}

/* One that never stops speaking has no more time than others. */
static void who_floods_is_ended(void)
{
    tr_child c;
    CHECK(tr_child_start(&c, "exec yes", &err) == TR_OK);
    double before = seconds();
    int status = tr_child_stop(&c, 100, NULL, NULL);
    CHECK(seconds() - before < 5 && WIFSIGNALED(status) && none_is_left());
}

static void what_is_not_found_ends(void)
{
    tr_child c;
    char text[64];
    CHECK(tr_child_start(&c, "no-such-program 2> /dev/null", &err) == TR_OK);
    int status = tr_child_stop(&c, 5000, NULL, NULL);
    CHECK(!strcmp(tr_child_status(status, text), "ended with status 127"));
    CHECK(!strcmp(tr_child_status(-1, text), "ended"));
}

/* It starts with the signals of a fresh program, and holds none of our pipes open. */
static void it_inherits_nothing(void)
{
    tr_child a, b;
    char text[8];
    signal(SIGPIPE, SIG_IGN);
    CHECK(tr_child_start(&a, "cat", &err) == TR_OK);
    CHECK(tr_child_start(&b, "echo x; yes | head -n 1; sleep 100", &err) == TR_OK);
    CHECK(hear(&b, text, 4) == 4 && !memcmp(text, "x\ny\n", 4));
    double before = seconds();
    CHECK(tr_child_stop(&a, 5000, NULL, NULL) == 0); /* though b runs, it sees its input end */
    CHECK(seconds() - before < 2.5);
    tr_child_stop(&b, 0, NULL, NULL);
    signal(SIGPIPE, SIG_DFL);
}

int main(void)
{
    CASE(it_is_talked_to);
    CASE(a_full_pipe_does_not_wait);
    CASE(a_closed_pipe_is_no_signal);
    CASE(who_does_not_end_is_ended);
    CASE(who_floods_is_ended);
    CASE(what_is_not_found_ends);
    CASE(it_inherits_nothing);
    return CHECK_END;
}
