/* round-trip: how long a decision takes that is waited for: one line in, one line out, by a pipe.
 *
 *     round-trip FILE COUNT COMMAND...
 *
 * Runs COMMAND with pipes for its input and output, sends it the lines of FILE one at a time, each
 * when the answer to the one before is there, and prints the median and the 99th percentile of the
 * microseconds, COUNT lines after 100 that do not count. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WARM_UP = 100 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static int fail(const char *what)
{
    perror(what);
    return 4;
}

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Sends one line and waits for one; 0 where an end was closed. */
static int ask(int to, FILE *from, const char *line, size_t size, char **answer, size_t *room)
{
    for (size_t sent = 0; sent < size;) {
        ssize_t n = write(to, line + sent, size - sent);
        if (n <= 0)
            return 0;
        sent += (size_t)n;
    }
    return getline(answer, room, from) > 0;
}

int main(int argc, char **argv)
{
    int in[2], out[2];
    size_t count = argc > 3 ? strtoul(argv[2], NULL, 10) : 0, room = 0, answers = 0, done = 0;
    if (!count || count > 1000000) {
        fprintf(stderr, "usage: round-trip FILE COUNT COMMAND...\n");
        return 2;
    }
    FILE *lines = fopen(argv[1], "r");
    double *took = calloc(count, sizeof *took);
    if (!lines || !took || pipe(in) || pipe(out))
        return fail(argv[1]);
    pid_t child = fork();
    if (child < 0)
        return fail("fork");
    if (child == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        close(in[1]);
        close(out[0]);
        execvp(argv[3], argv + 3);
        _exit(fail(argv[3]));
    }
    close(in[0]);
    close(out[1]);
    FILE *from = fdopen(out[0], "r");
    char *line = NULL, *answer = NULL;
    ssize_t size;
    while (from && done < count + WARM_UP) {
        if ((size = getline(&line, &room, lines)) < 0) {
            rewind(lines);
            continue;
        }
        double began = now();
        if (!ask(in[1], from, line, (size_t)size, &answer, &answers))
            break;
        if (done++ >= WARM_UP)
            took[done - WARM_UP - 1] = now() - began;
    }
    close(in[1]);
    int status;
    waitpid(child, &status, 0);
    if (done < count + WARM_UP) {
        fprintf(stderr, "round-trip: an answer is missing after %zu\n", done);
        return 4;
    }
    qsort(took, count, sizeof *took, rising);
    printf("%.0f %.0f\n", took[count / 2], took[count * 99 / 100]);
    free(took);
    free(line);
    free(answer);
    return 0;
}
