#include "doors/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    KILL_AFTER = 1000, /* ms from asking a group to end to ending it */
    LOOK_EVERY = 5,    /* ms between two looks at whether it has ended */
    PIECE = 16 << 10
};

extern char **environ;

/* ---- starting ---- */

/* Our end does not wait, and none of both is passed on to other programs. */
static bool open_pipe(int ends[2], int ours)
{
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    return fcntl(ends[ours], F_SETFL, O_NONBLOCK) == 0;
}

static void close_pipe(int ends[2])
{
    for (int k = 0; k < 2; k++)
        if (ends[k] >= 0)
            close(ends[k]);
}

/* The signal mask is emptied and SIGPIPE is as it is at first: what we were started with, or do
 * while we write, is none of its business. */
static int spawn(pid_t *pid, const char *command, int in, int out)
{
    char *const arguments[] = {"sh", "-c", (char *)(uintptr_t)command, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, pipe_only;
    int code = posix_spawn_file_actions_init(&actions);
    if (code)
        return code;
    if ((code = posix_spawnattr_init(&attributes))) {
        posix_spawn_file_actions_destroy(&actions);
        return code;
    }
    sigemptyset(&none);
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    if (!(code = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO)) &&
        !(code = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO)) &&
        !(code = posix_spawnattr_setpgroup(&attributes, 0)) &&
        !(code = posix_spawnattr_setsigmask(&attributes, &none)) &&
        !(code = posix_spawnattr_setsigdefault(&attributes, &pipe_only)) &&
        !(code = posix_spawnattr_setflags(
              &attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF)))
        code = posix_spawn(pid, "/bin/sh", &actions, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return code;
}

tr_code tr_child_start(tr_child *c, const char *command, tr_err *err)
{
    int to[2] = {-1, -1}, from[2] = {-1, -1};
    *c = TR_CHILD_NONE;
    int code = 0;
    if (!open_pipe(to, 1) || !open_pipe(from, 0))
        code = errno;
    else
        code = spawn(&c->pid, command, to[0], from[1]);
    if (code) {
        close_pipe(to);
        close_pipe(from);
        *c = TR_CHILD_NONE;
        errno = code;
        return tr_err_errno(err, "a command cannot be started");
    }
    close(to[0]);
    close(from[1]);
    c->to = to[1];
    c->from = from[0];
    return TR_OK;
}

/* ---- talking ---- */

/* As write(), without the signal that a closed pipe would be. */
static ssize_t write_quietly(int fd, const void *data, size_t size)
{
    static const struct timespec at_once = {0};
    sigset_t pipe_only, before, pending;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    sigpending(&pending);
    bool was_pending = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
    ssize_t n = write(fd, data, size);
    int why = errno;
    if (n < 0 && why == EPIPE && !was_pending)
        while (sigtimedwait(&pipe_only, NULL, &at_once) < 0 && errno == EINTR)
            ;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = why;
    return n;
}

ssize_t tr_child_write(tr_child *c, const void *data, size_t size)
{
    while (c->to >= 0) {
        ssize_t n = write_quietly(c->to, data, size);
        if (n >= 0)
            return n;
        if (errno == EAGAIN)
            return 0;
        if (errno != EINTR)
            tr_child_close_input(c);
    }
    return -1;
}

ssize_t tr_child_read(tr_child *c, void *to, size_t size)
{
    while (c->from >= 0) {
        ssize_t n = read(c->from, to, size);
        if (n > 0)
            return n;
        if (n < 0 && errno == EAGAIN)
            return 0;
        if (n == 0 || errno != EINTR)
            return -1;
    }
    return -1;
}

void tr_child_close_input(tr_child *c)
{
    if (c->to >= 0)
        close(c->to);
    c->to = -1;
}

/* ---- ending ---- */

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Reads what it says until it has ended or `until` is past; true where it has ended. It is not
 * reaped here: its group keeps its number until then. */
static bool await_end(tr_child *c, int64_t until, void (*said)(void *, const char *, size_t),
                      void *context)
{
    char piece[PIECE];
    for (;;) {
        ssize_t n = tr_child_read(c, piece, sizeof piece);
        if (n > 0 && said)
            said(context, piece, (size_t)n);
        if (n < 0 && c->from >= 0) {
            close(c->from);
            c->from = -1;
        }
        siginfo_t info = {0};
        bool ended = waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0
                         ? info.si_pid == c->pid
                         : errno != EINTR; /* reaped by somebody else */
        if (ended && n <= 0)
            return true;
        if (now_ms() >= until)
            return false;
        struct pollfd p = {.fd = c->from, .events = POLLIN};
        if (n <= 0)
            (void)poll(&p, 1, LOOK_EVERY);
    }
}

int tr_child_stop(tr_child *c, int grace_ms, void (*said)(void *, const char *, size_t),
                  void *context)
{
    int status = 0;
    if (c->pid <= 0)
        return 0;
    tr_child_close_input(c);
    if (!await_end(c, now_ms() + grace_ms, said, context)) {
        kill(-c->pid, SIGTERM);
        if (!await_end(c, now_ms() + KILL_AFTER, said, context))
            kill(-c->pid, SIGKILL);
    }
    pid_t reaped;
    while ((reaped = waitpid(c->pid, &status, 0)) < 0 && errno == EINTR)
        ;
    if (c->from >= 0)
        close(c->from);
    *c = TR_CHILD_NONE;
    return reaped < 0 ? -1 : status;
}

const char *tr_child_status(int status, char text[64])
{
    if (status != -1 && WIFSIGNALED(status))
        snprintf(text, 64, "was ended by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else if (status != -1 && WIFEXITED(status))
        snprintf(text, 64, "ended with status %d", WEXITSTATUS(status));
    else
        snprintf(text, 64, "ended");
    return text;
}
