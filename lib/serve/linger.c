#include "serve/linger.h"

#include "ground/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PIECES = 64, PIECE = 32 << 10 };

struct tr_linger {
    int epoll;
    size_t most;
    pthread_mutex_t lock; /* of the places */
    struct {
        int fd; /* 0: free */
        int64_t until;
    } place[TR_LINGER_MOST];
};

tr_linger *tr_linger_open(tr_err *err)
{
    tr_linger *l = tr_mem_zero(1, sizeof *l);
    if (!l || pthread_mutex_init(&l->lock, NULL)) {
        tr_err_memory(err);
        free(l);
        return NULL;
    }
    l->most = TR_LINGER_MOST;
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (l->epoll < 0) {
        tr_err_errno(err, "epoll");
        tr_linger_close(l);
        return NULL;
    }
    return l;
}

static void leave(tr_linger *l, size_t k)
{
    /* closing alone does not: the descriptor that it is a duplicate of may still be open */
    (void)epoll_ctl(l->epoll, EPOLL_CTL_DEL, l->place[k].fd, NULL);
    close(l->place[k].fd);
    l->place[k].fd = 0;
}

void tr_linger_close(tr_linger *l)
{
    if (!l)
        return;
    for (size_t k = 0; k < l->most; k++)
        if (l->place[k].fd)
            leave(l, k);
    if (l->epoll >= 0)
        close(l->epoll);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

void tr_linger_limit(tr_linger *l, uint32_t most)
{
    if (most < l->most)
        l->most = most;
}

/* Whether the client has ended. */
static bool throw_away(int fd)
{
    char bytes[PIECE];
    ssize_t n = 1;
    for (int k = 0; k < PIECES && n > 0; k++)
        n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

void tr_linger_add(tr_linger *l, int fd, int64_t until)
{
    size_t k = 0;
    shutdown(fd, SHUT_WR);
    pthread_mutex_lock(&l->lock);
    while (k < l->most && l->place[k].fd)
        k++;
    int own = k < l->most ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.u64 = k};
    if (own >= 0 && epoll_ctl(l->epoll, EPOLL_CTL_ADD, own, &event)) {
        close(own);
        own = -1;
    }
    if (own >= 0) {
        l->place[k].fd = own;
        l->place[k].until = until;
    }
    pthread_mutex_unlock(&l->lock);
    if (own < 0)
        (void)throw_away(fd);
}

int tr_linger_fd(const tr_linger *l)
{
    return l->epoll;
}

void tr_linger_turn(tr_linger *l, int64_t now)
{
    struct epoll_event events[TR_LINGER_MOST];
    int n = epoll_wait(l->epoll, events, TR_LINGER_MOST, 0);
    pthread_mutex_lock(&l->lock);
    for (int k = 0; k < n; k++) {
        size_t at = (size_t)events[k].data.u64;
        if (l->place[at].fd && throw_away(l->place[at].fd))
            leave(l, at);
    }
    for (size_t k = 0; k < l->most; k++)
        if (l->place[k].fd && l->place[k].until <= now)
            leave(l, k);
    pthread_mutex_unlock(&l->lock);
}
