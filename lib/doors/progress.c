#include "doors/progress.h"

#include "ground/num.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

/* Milliseconds: work shorter than PATIENCE shows nothing, and the bar is redrawn once in PERIOD. */
enum { PATIENCE = 300, PERIOD = 100, BAR = 24, LINE = 200 };

static int64_t now(void)
{
    struct timespec t;
    if (clock_gettime(CLOCK_MONOTONIC, &t) != 0)
        return 0;
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Nothing is done about a failed write: a bar is not worth an error. */
static void draw(const tr_progress *p, const char *text, size_t size)
{
    ssize_t ignored = write(p->fd, text, size);
    (void)ignored;
}

static size_t screen_width(int fd)
{
    struct winsize w;
    if (ioctl(fd, TIOCGWINSZ, &w) != 0 || w.ws_col < 2)
        return 79;
    return w.ws_col < LINE / 2 ? (size_t)w.ws_col - 1 : LINE / 2;
}

/* "0:07", "12:40", "3:05:10" */
static void print_time(char text[32], int64_t ms)
{
    long long s = ms / 1000;
    if (s < 3600) {
        snprintf(text, 32, "%lld:%02lld", s / 60, s % 60);
    } else {
        snprintf(text, 32, "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
    }
}

static int bar_line(const tr_progress *p, int64_t elapsed, char line[LINE])
{
    char spent[32], left[32], bar[BAR + 1];
    print_time(spent, elapsed);
    if (p->total == 0) {
        char count[TR_NUM_TEXT];
        tr_num_print_grouped(count, p->done);
        return snprintf(line, LINE, "%.60s %s, %s", p->what, count, spent);
    }
    double share = (double)p->done / (double)p->total;
    if (share > 1)
        share = 1;
    print_time(left, share > 0 ? (int64_t)((double)elapsed * (1 - share) / share) : 0);
    int full = (int)(share * BAR);
    memset(bar, '.', BAR);
    memset(bar, '#', (size_t)full);
    bar[BAR] = '\0';
    return snprintf(line, LINE, "%.60s [%s] %3d%% %s, %s left", p->what, bar, (int)(share * 100),
                    spent, share > 0 ? left : "?");
}

static void redraw(tr_progress *p, int64_t time)
{
    char line[LINE], text[2 * LINE + 2];
    int n = bar_line(p, time - p->began, line);
    size_t size = n < 0 ? 0 : (size_t)n < LINE ? (size_t)n : LINE - 1;
    size_t width = screen_width(p->fd);
    if (size > width)
        size = width;
    text[0] = '\r';
    memcpy(text + 1, line, size);
    size_t all = size + 1;
    for (size_t i = size; i < p->width; i++)
        text[all++] = ' '; /* over what was longer */
    draw(p, text, all);
    p->width = size;
    p->drawn = true;
    p->redrawn = time;
}

void tr_progress_begin(tr_progress *p, int fd, const char *what, uint64_t total, bool quiet)
{
    *p = (tr_progress){.fd = -1, .what = what, .total = total, .shown = -1};
    if (quiet || fd < 0 || !isatty(fd))
        return;
    p->fd = fd;
    p->began = now();
    p->redrawn = p->began + PATIENCE - PERIOD;
}

void tr_progress_step(tr_progress *p, uint64_t done)
{
    if (p->fd < 0)
        return;
    uint64_t before = p->done;
    p->done = done;
    if (p->total) {
        double share = (double)done / (double)p->total;
        int permille = share < 1 ? (int)(share * 1000) : 1000;
        if (permille == p->shown)
            return;
        p->shown = permille;
    } else if (done == before) {
        return;
    }
    int64_t time = now();
    if (time - p->redrawn >= PERIOD)
        redraw(p, time);
}

void tr_progress_end(tr_progress *p)
{
    if (p->fd >= 0 && p->drawn) {
        char text[LINE + 2];
        text[0] = '\r';
        memset(text + 1, ' ', p->width);
        text[p->width + 1] = '\r';
        draw(p, text, p->width + 2);
    }
    p->fd = -1;
    p->drawn = false;
}
