/* driver: libtrroute as a program sees it, through its installed header alone.
 *
 *   driver lines POLICY CHUNK       requests on stdin, some CHUNK bytes a call: decisions
 *   driver threads POLICY N FILE    the same by N threads, each all of FILE; one of N equal outputs
 *   driver locale POLICY FILE       the same by one, where the environment's locale has a comma
 *   driver speed POLICY             texts on stdin: decisions a second of processor time
 */
#include <trroute.h>

#include <locale.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static char message[TRROUTE_MESSAGE];

static void *fail(const char *why)
{
    fprintf(stderr, "driver: %s\n", why);
    exit(4);
}

static char *slurp(FILE *f, size_t *size)
{
    char *text = NULL;
    size_t room = 0, n;
    *size = 0;
    do {
        if (*size == room && !(text = realloc(text, room = room * 2 + 65536)))
            fail("memory");
        n = fread(text + *size, 1, room - *size, f);
        *size += n;
    } while (n);
    return text;
}

static trroute *open_policy(const char *file)
{
    trroute *r;
    int code = trroute_open(&r, file, message, sizeof message);
    if (code) {
        fprintf(stderr, "%s\n", message);
        exit(code);
    }
    return r;
}

static int lines(trroute *r, size_t chunk)
{
    size_t size, end;
    char *text = slurp(stdin, &size);
    trroute_options o = {0};
    uint64_t bad = 0;
    for (size_t at = 0; at < size; at = end) {
        end = size - at > chunk ? at + chunk : size;
        char *newline = memchr(text + end - 1, '\n', size - end + 1);
        end = newline ? (size_t)(newline - text) + 1 : size;
        trroute_lines out;
        if (trroute_decide_lines(r, text + at, end - at, &o, &out, message, sizeof message))
            fail(message);
        if (fwrite(out.data, 1, out.size, stdout) != out.size)
            fail("output");
        o.lines_before += out.lines;
        bad += out.bad;
        trroute_lines_free(&out);
    }
    free(text);
    return bad ? 3 : 0;
}

typedef struct {
    trroute *policy;
    const char *text;
    size_t size;
    trroute_lines out;
} job;

static void *work(void *argument)
{
    job *j = argument;
    trroute_lines again;
    if (trroute_decide_lines(j->policy, j->text, j->size, NULL, &j->out, NULL, 0) ||
        trroute_decide_lines(j->policy, j->text, j->size, NULL, &again, NULL, 0) ||
        again.size != j->out.size || memcmp(again.data, j->out.data, again.size))
        fail("two calls, two answers");
    trroute_lines_free(&again);
    return NULL;
}

static int threads(trroute *r, size_t n, const char *file)
{
    pthread_t thread[64];
    job jobs[64] = {{0}};
    FILE *f = fopen(file, "r");
    size_t size;
    char *text = f && n >= 1 && n <= 64 ? slurp(f, &size) : fail("no file, or threads");
    for (size_t k = 0; k < n; k++) {
        jobs[k] = (job){.policy = r, .text = text, .size = size};
        if (pthread_create(&thread[k], NULL, work, &jobs[k]))
            fail("no thread");
    }
    for (size_t k = 0; k < n; k++)
        pthread_join(thread[k], NULL);
    for (size_t k = 1; k < n; k++)
        if (jobs[k].out.size != jobs[0].out.size ||
            memcmp(jobs[k].out.data, jobs[0].out.data, jobs[0].out.size))
            fail("two threads, two answers");
    fwrite(jobs[0].out.data, 1, jobs[0].out.size, stdout);
    for (size_t k = 0; k < n; k++)
        trroute_lines_free(&jobs[k].out);
    free(text);
    fclose(f);
    return 0;
}

static void set_locale(void)
{
    char half[8];
    if (!setlocale(LC_ALL, ""))
        fail("no locale");
    snprintf(half, sizeof half, "%.1f", 0.5);
    if (strcmp(half, "0,5"))
        fail("the locale has no comma");
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int speed(trroute *r)
{
    size_t size, n = 0, handled = 0;
    char *text = slurp(stdin, &size), *at = text, *end;
    double began = now();
    for (; (end = memchr(at, '\n', size - (size_t)(at - text))); at = end + 1, n++) {
        trroute_decision d;
        if (trroute_decide(r, at, (size_t)(end - at), NULL, 0, &d, message, sizeof message))
            fail(message);
        handled += d.why == TRROUTE_HANDLED;
    }
    printf("%zu rows, %zu handled, %.0f a second\n", n, handled, (double)n / (now() - began));
    free(text);
    return 0;
}

int main(int argc, char **argv)
{
    const char *what = argc > 2 ? argv[1] : "";
    int code = 2;
    if (!strcmp(what, "locale"))
        set_locale();
    trroute *r = argc > 2 ? open_policy(argv[2]) : NULL;
    if (!strcmp(what, "lines") && argc == 4)
        code = lines(r, (size_t)atol(argv[3]));
    else if (!strcmp(what, "threads") && argc == 5)
        code = threads(r, (size_t)atol(argv[3]), argv[4]);
    else if (!strcmp(what, "locale") && argc == 4)
        code = threads(r, 1, argv[3]);
    else if (!strcmp(what, "speed") && argc == 3)
        code = speed(r);
    trroute_close(r);
    return fflush(stdout) ? 4 : code;
}
