#include "library/trroute.h"

#include "check.h"
#include "policies.h"
#include "policy/route.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>

/* Policies of texts, of embeddings and of both, and one that refuses. */
enum { TEXT, EMBEDDING, BOTH, REFUSED, KINDS };
enum { ROWS = 60, THREADS = 8 };
static tr_buf files[KINDS], logs[KINDS];
static char message[TRROUTE_MESSAGE];

static const char clear[] = "invoice charge paid card bank";
static const float numbers[SMALL_DIMS] = {1.5f, 0.2f, 0.125f, 0.3f, 0.2f, 0.1f};

static void make_files(void)
{
    for (int k = 0; k < REFUSED; k++) {
        tr_stream stream;
        tr_err err = {0};
        small_parts parts = (small_parts[]){SMALL_TEXT, SMALL_EMBEDDING, SMALL_BOTH}[k];
        tr_buf log = small_log_of(parts, 800, 0.1, 1);
        tr_buf bytes = small_gated_from(&log, k == TEXT ? "svm" : "svm,lda,knn", NULL);
        if (tr_stream_take(&stream, &bytes, "small", &err) != TR_OK)
            exit(4);
        files[k] = policies_file(&stream, 0.85, k == BOTH ? TR_FAMILY_RSB : TR_FAMILY_L2D);
        logs[k] = small_log_of(parts, ROWS, 0.5, 9);
        if (k == TEXT)
            files[REFUSED] = policies_file(&stream, 0.999, TR_FAMILY_L2D);
        tr_stream_free(&stream);
    }
    logs[REFUSED] = small_copy(tr_buf_str(&logs[TEXT]));
}

static trroute *handle_of(int kind)
{
    trroute *r = NULL;
    int code = trroute_open_memory(&r, files[kind].data, files[kind].size, message, sizeof message);
    CHECK(code == TRROUTE_OK && r && !*message);
    if (!r)
        exit(4);
    return r;
}

static int says(int code, int expected, const char *part)
{
    int right = code == expected && strstr(message, part);
    if (!right)
        printf("# %d: %s\n# not %d: %s\n", code, message, expected, part);
    return right;
}

static void what_it_says_of_itself(void)
{
    trroute *r = handle_of(BOTH);
    const trroute_policy *p = trroute_about(r);
    CHECK(!strcmp(trroute_version(), TR_VERSION) && trroute_abi() == TRROUTE_ABI);
    CHECK(p->accepts && p->needs_text && p->dimensions == SMALL_DIMS && p->n_labels == 4);
    CHECK(p->alpha == 0.85 && p->delta == 0.05 && !strcmp(p->guarantee, "handled"));
    CHECK(p->coverage > 0 && p->coverage == (double)p->accepted / (double)p->rows);
    CHECK(p->needed <= p->agreed && p->agreed <= p->tested && p->tested <= p->rows);
    CHECK(!*p->refusal && strlen(p->digest) == 32 && *p->version);
    size_t size = 9;
    CHECK(!strcmp(trroute_label(r, 0, &size), "billing") && size == 7);
    CHECK(!strcmp(trroute_label(r, 3, NULL), "returns"));
    CHECK(!trroute_label(r, 4, &size) && size == 0 && !trroute_label(r, SIZE_MAX, NULL));
    trroute_close(r);
    r = handle_of(EMBEDDING);
    CHECK(!trroute_about(r)->needs_text && trroute_about(r)->dimensions == SMALL_DIMS);
    trroute_close(r);
    r = handle_of(REFUSED);
    p = trroute_about(r);
    CHECK(!p->accepts && !p->needs_text && !p->dimensions && *p->refusal && p->coverage == 0);
    trroute_close(r);
}

static void rows_are_decided(void)
{
    trroute_decision d, same;
    for (int k = 0; k < REFUSED; k++) {
        trroute *r = handle_of(k);
        const char *text = k == EMBEDDING ? NULL : clear;
        size_t size = k == EMBEDDING ? 0 : strlen(clear), n = k == TEXT ? 0 : SMALL_DIMS;
        int code = trroute_decide(r, text, size, n ? numbers : NULL, n, &d, message, 1);
        CHECK(code == TRROUTE_OK && d.why == TRROUTE_HANDLED && d.stage >= 1 && d.label == 0);
        CHECK(d.text == trroute_label(r, 0, NULL) && d.text_size == 7);
        CHECK(d.accept_score > 0 && d.accept_score <= 1);
        /* what it does not look at makes no difference */
        code = trroute_decide(r, clear, strlen(clear), numbers, SMALL_DIMS, &same, NULL, 0);
        CHECK(code == TRROUTE_OK && same.accept_score == d.accept_score && same.why == d.why);
        trroute_close(r);
    }
    trroute *r = handle_of(TEXT);
    CHECK(trroute_decide(r, "zyx qqq", 7, NULL, 0, &d, NULL, 0) == TRROUTE_OK);
    CHECK(d.why == TRROUTE_NOVEL && d.label == -1 && !d.text && !d.text_size && !d.stage);
    CHECK(trroute_decide(r, "", 0, NULL, 0, &d, NULL, 0) == TRROUTE_OK && d.why);
    CHECK(trroute_decide(r, "a\0b", 3, NULL, 0, &d, NULL, 0) == TRROUTE_OK && d.why);
    trroute_close(r);
    r = handle_of(REFUSED);
    CHECK(trroute_decide(r, NULL, 0, NULL, 0, &d, NULL, 0) == TRROUTE_OK);
    CHECK(d.why == TRROUTE_REFUSED && d.label == -1 && !d.text && d.accept_score == 0);
    trroute_close(r);
}

static void rows_that_it_cannot_take(void)
{
    trroute_decision d = {.why = 77};
    float bad[SMALL_DIMS + 1] = {0};
    trroute *r = handle_of(BOTH);
#define DECIDE(text, size, embedding, n)                                                           \
    trroute_decide(r, text, size, embedding, n, &d, message, sizeof message)
    CHECK(
        says(DECIDE(NULL, 0, numbers, SMALL_DIMS), TRROUTE_DATA, "no text; the policy takes one"));
    CHECK(says(DECIDE("a\xff", 2, numbers, SMALL_DIMS), TRROUTE_DATA, "the text is not UTF-8"));
    CHECK(says(DECIDE("\xed\xa0\x80", 3, numbers, SMALL_DIMS), TRROUTE_DATA, "not UTF-8"));
    CHECK(says(DECIDE(clear, 5, NULL, 0), TRROUTE_DATA, "no embedding; the policy takes one of 6"));
    CHECK(says(DECIDE(clear, 5, bad, SMALL_DIMS + 1), TRROUTE_DATA,
               "of 7 numbers; the policy takes 6"));
    const float odd[] = {NAN, INFINITY, -INFINITY};
    for (int k = 0; k < 3; k++) {
        bad[4] = odd[k];
        CHECK(
            says(DECIDE(clear, 5, bad, SMALL_DIMS), TRROUTE_DATA, "number 5 of the embedding is"));
    }
    CHECK(says(DECIDE(NULL, 3, numbers, SMALL_DIMS), TRROUTE_USAGE, "trroute_decide: "));
    CHECK(says(DECIDE(clear, 5, NULL, SMALL_DIMS), TRROUTE_USAGE, "trroute_decide: "));
#undef DECIDE
    CHECK(trroute_decide(NULL, clear, 5, numbers, 6, &d, NULL, 0) == TRROUTE_USAGE);
    CHECK(trroute_decide(r, clear, 5, numbers, 6, NULL, NULL, 0) == TRROUTE_USAGE);
    CHECK(d.why == 77); /* untouched */
    trroute_close(r);
}

/* A message is cut to the caller's buffer, and never within a character. */
static void messages_are_cut(void)
{
    trroute *r;
    char small[40];
    for (size_t size = 0; size <= sizeof small; size++) {
        memset(small, 'x', sizeof small);
        int code = trroute_open(&r, "/nonexistent/\xc3\xa4\xc3\xb6\xc3\xbc", small, size);
        CHECK(code == TRROUTE_SYSTEM && !r);
        tr_str said = tr_str_c(size ? small : "");
        CHECK(said.size < (size ? size : 1) && said.size + 2 >= (size < 34 ? size : 34));
        CHECK(tr_scan_utf8_valid(said));
        CHECK(size == sizeof small || small[size] == 'x');
    }
}

static void policies_that_are_none(void)
{
    trroute *r = (trroute *)message;
#define OPEN(file) trroute_open(&r, file, message, sizeof message)
    CHECK(says(OPEN("/nonexistent"), TRROUTE_SYSTEM, "/nonexistent: No such file") && !r);
    CHECK(says(OPEN("/"), TRROUTE_DATA, "/: is no regular file") && !r);
    CHECK(says(OPEN("/dev/zero"), TRROUTE_DATA, "/dev/zero: is no regular file") && !r);
    CHECK(says(OPEN("-"), TRROUTE_SYSTEM, "-: No such file") && !r); /* not standard input */
    CHECK(says(OPEN("/proc/self/exe"), TRROUTE_DATA, "no tr-tools file") && !r);
    CHECK(says(OPEN(NULL), TRROUTE_USAGE, "trroute_open: ") && !r);
#undef OPEN
    CHECK(trroute_open(NULL, "x", NULL, 0) == TRROUTE_USAGE);
    CHECK(trroute_open_memory(NULL, "x", 1, NULL, 0) == TRROUTE_USAGE);
    CHECK(trroute_open_memory(&r, NULL, 1, NULL, 0) == TRROUTE_USAGE && !r);
    CHECK(
        says(trroute_open_memory(&r, NULL, 0, message, sizeof message), TRROUTE_DATA, "policy: "));
    const tr_buf *f = &files[TEXT];
    for (size_t size = 0; size < f->size; size += size < 512 ? 7 : 997) {
        tr_buf cut = small_exact(tr_str_of(f->data, size));
        CHECK(trroute_open_memory(&r, cut.data, size, message, sizeof message) == TRROUTE_DATA);
        CHECK(!r && !strncmp(message, "policy: ", 8));
        tr_buf_free(&cut);
    }
    CHECK(trroute_about(NULL) == NULL && !trroute_label(NULL, 0, NULL) && !trroute_hold(NULL));
    trroute_close(NULL);
    trroute_lines_free(NULL);
}

/* ---- lines ---- */

/* What tr_route_line makes of a log, each line by itself. */
static tr_buf expected(int kind, tr_str text, uint64_t before, const tr_route_shadow *shadow,
                       bool keep, bool explain)
{
    tr_policy p;
    tr_err err = {0};
    tr_routed row;
    tr_buf out, bytes = small_copy(tr_buf_str(&files[kind]));
    tr_buf_init(&out);
    if (tr_policy_take(&p, &bytes, "policy", &err) != TR_OK)
        exit(4);
    tr_route_worker *w = tr_route_open(&p, &err);
    tr_route_set_shadow(w, shadow);
    tr_route_explain(w, explain);
    for (const char *at = text.data, *end; at < text.data + text.size; at = end + 1) {
        end = memchr(at, '\n', (size_t)(text.data + text.size - at));
        if (tr_route_line(w, tr_str_of(at, (size_t)(end - at)), ++before, keep, &out, &row, &err))
            exit(4);
    }
    tr_route_close(w);
    tr_policy_free(&p);
    return out;
}

static int lines_are(trroute *r, tr_str text, const trroute_options *o, tr_str wanted, size_t bad)
{
    trroute_lines out;
    int code = trroute_decide_lines(r, text.data, text.size, o, &out, message, sizeof message);
    size_t lines = 0;
    for (size_t k = 0; k < wanted.size; k++)
        lines += wanted.data[k] == '\n';
    int right = code == TRROUTE_OK && !*message &&
                tr_str_equal(tr_str_of(out.data, out.size), wanted) && out.lines == lines &&
                out.bad == bad && out.data[out.size] == 0;
    if (!right)
        printf("# %d %s\n# %.300s\n# not %.300s\n", code, message, out.data, wanted.data);
    trroute_lines_free(&out);
    return right && !out.data && !out.size;
}

static void lines_are_those_of_the_router(void)
{
    for (int k = 0; k < KINDS; k++) {
        trroute *r = handle_of(k);
        tr_str log = tr_buf_str(&logs[k]);
        static const trroute_options options[] = {{0},
                                                  {.lines_before = 1000, .shadow = 0.5, .seed = 3},
                                                  {.id_prefix = "day \"1\"-"},
                                                  {.keep_embedding = 1, .explain = 1},
                                                  {0}}; /* nothing is left of those before */
        for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
            const trroute_options *o = &options[i];
            tr_route_shadow shadow = {o->shadow, tr_hash_derive(o->seed, "shadow"),
                                      o->shadow > 0 ? "" : o->id_prefix};
            tr_buf wanted =
                expected(k, log, o->lines_before, &shadow, o->keep_embedding, o->explain);
            CHECK(lines_are(r, log, o, tr_buf_str(&wanted), 0));
            tr_buf_free(&wanted);
        }
        trroute_close(r);
    }
}

#define BAD                                                                                        \
    "{\"label\":null,\"decision\":\"deferred\",\"accept_score\":null,\"stage\":null,"              \
    "\"propensity\":1,\"shadow_share\":0,\"error\":\"line "

#define NONE "empty line, expected a JSON object\"}\n"

static void lines_of_all_kinds(void)
{
    trroute *r = handle_of(REFUSED);
    static const char one[] = "{\"input\":\"a\",\"label\":null,\"decision\":\"deferred\","
                              "\"accept_score\":0,\"stage\":null,\"propensity\":1,"
                              "\"shadow_share\":0}\n";
    tr_str wanted = tr_str_c(one), line = tr_str_c("{\"input\":\"a\"}");
    CHECK(lines_are(r, line, NULL, wanted, 0)); /* without a newline */
    CHECK(lines_are(r, tr_str_c("{\"input\":\"a\"}\n"), NULL, wanted, 0));
    CHECK(lines_are(r, tr_str_c("{\"input\":\"a\"}\r\n"), NULL, wanted, 0));
    CHECK(lines_are(r, tr_str_c("\xEF\xBB\xBF{\"input\":\"a\"}\n"), NULL, wanted, 0));
    CHECK(lines_are(r, tr_str_of(NULL, 0), NULL, tr_str_c(""), 0));
    CHECK(lines_are(r, tr_str_c("\xEF\xBB\xBF"), NULL, tr_str_c(""), 0));
    CHECK(lines_are(r, tr_str_c("\n\n"), &(trroute_options){.lines_before = 7},
                    tr_str_c(BAD "8: " NONE BAD "9: " NONE), 2));
    trroute_lines out = {(char *)message, 1, 1, 1};
    const trroute_options wrong[] = {
        {.shadow = -0.1}, {.shadow = 1.1}, {.shadow = NAN}, {.id_prefix = "\xff"}};
    for (size_t k = 0; k < 4; k++) {
        int code = trroute_decide_lines(r, "", 0, &wrong[k], &out, message, sizeof message);
        CHECK(says(code, TRROUTE_USAGE, "trroute_decide_lines: the option ") && !out.data);
    }
    CHECK(trroute_decide_lines(NULL, "", 0, NULL, &out, NULL, 0) == TRROUTE_USAGE);
    CHECK(trroute_decide_lines(r, NULL, 1, NULL, &out, NULL, 0) == TRROUTE_USAGE);
    CHECK(trroute_decide_lines(r, "", 0, NULL, NULL, NULL, 0) == TRROUTE_USAGE);
    trroute_close(r);
}

static void a_huge_text_passes(void)
{
    enum { SIZE = 3 << 20 };
    trroute *r = handle_of(TEXT);
    trroute_decision before, d;
    char *text = malloc(SIZE);
    if (!text)
        exit(4);
    for (size_t k = 0; k < SIZE; k++)
        text[k] = "invoice charge paid "[k % 20];
    CHECK(trroute_decide(r, clear, strlen(clear), NULL, 0, &before, NULL, 0) == TRROUTE_OK);
    CHECK(trroute_decide(r, text, SIZE, NULL, 0, &d, NULL, 0) == TRROUTE_OK);
    memset(text, 'x', SIZE); /* one word */
    CHECK(trroute_decide(r, text, SIZE, NULL, 0, &d, NULL, 0) == TRROUTE_OK && d.why);
    CHECK(trroute_decide(r, clear, strlen(clear), NULL, 0, &d, NULL, 0) == TRROUTE_OK);
    CHECK(d.accept_score == before.accept_score && d.label == before.label);
    free(text);
    trroute_close(r);
}

/* ---- threads ---- */

static trroute *shared[2];
static tr_buf wanted[2];
static atomic_int wrong_answers;

static void *decide_with_both(void *unused)
{
    (void)unused;
    for (int pass = 0; pass < 6; pass++) {
        int k = pass % 2;
        trroute_lines out;
        trroute *r = trroute_hold(shared[k]);
        int code = trroute_decide_lines(r, logs[k].data, logs[k].size, NULL, &out, NULL, 0);
        if (code || !tr_str_equal(tr_str_of(out.data, out.size), tr_buf_str(&wanted[k])))
            atomic_fetch_add(&wrong_answers, 1);
        trroute_lines_free(&out);
        for (int i = 0; i < ROWS; i++) {
            trroute_decision d;
            code = trroute_decide(r, clear, strlen(clear), numbers, SMALL_DIMS, &d, NULL, 0);
            if (code || d.why || strcmp(d.text, "billing"))
                atomic_fetch_add(&wrong_answers, 1);
        }
        trroute_close(r);
    }
    return NULL;
}

static void two_handles_and_many_threads(void)
{
    pthread_t thread[THREADS];
    for (int k = 0; k < 2; k++) {
        shared[k] = handle_of(k);
        wanted[k] = expected(k, tr_buf_str(&logs[k]), 0, &(tr_route_shadow){0}, false, false);
    }
    for (int k = 0; k < THREADS; k++)
        if (pthread_create(&thread[k], NULL, decide_with_both, NULL))
            exit(4);
    for (int k = 0; k < THREADS; k++)
        pthread_join(thread[k], NULL);
    CHECK(atomic_load(&wrong_answers) == 0);
    for (int k = 0; k < 2; k++) {
        trroute_close(shared[k]);
        tr_buf_free(&wanted[k]);
    }
}

/* The swap that the manual shows: whoever has the old handle keeps it to the end of the call. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static trroute *current;
static atomic_bool over;
static atomic_int seen[2];

static void *decide_with_the_current(void *unused)
{
    (void)unused;
    bool last;
    do {
        last = atomic_load(&over);
        pthread_mutex_lock(&lock);
        trroute *r = trroute_hold(current);
        pthread_mutex_unlock(&lock);
        trroute_decision d;
        int code = trroute_decide(r, clear, strlen(clear), NULL, 0, &d, NULL, 0);
        bool accepts = trroute_about(r)->accepts;
        if (code || (d.why == TRROUTE_HANDLED) != accepts || (accepts && strcmp(d.text, "billing")))
            atomic_fetch_add(&wrong_answers, 1);
        trroute_close(r);
        atomic_fetch_add(&seen[accepts], 1);
    } while (!last);
    return NULL;
}

static void policies_are_swapped(void)
{
    pthread_t thread[THREADS];
    current = handle_of(TEXT);
    for (int k = 0; k < THREADS; k++)
        if (pthread_create(&thread[k], NULL, decide_with_the_current, NULL))
            exit(4);
    for (int k = 0; k < 40; k++) {
        trroute *old, *next = handle_of(k % 2 ? TEXT : REFUSED);
        int before = atomic_load(&seen[k % 2]);
        pthread_mutex_lock(&lock);
        old = current;
        current = next;
        pthread_mutex_unlock(&lock);
        trroute_close(old);
        while (k < 10 && atomic_load(&seen[k % 2]) == before)
            sched_yield();
    }
    atomic_store(&over, true);
    for (int k = 0; k < THREADS; k++)
        pthread_join(thread[k], NULL);
    CHECK(atomic_load(&wrong_answers) == 0);
    trroute_close(current);
}

int main(void)
{
    make_files();
    CASE(what_it_says_of_itself);
    CASE(rows_are_decided);
    CASE(rows_that_it_cannot_take);
    CASE(messages_are_cut);
    CASE(policies_that_are_none);
    CASE(lines_are_those_of_the_router);
    CASE(lines_of_all_kinds);
    CASE(a_huge_text_passes);
    CASE(two_handles_and_many_threads);
    CASE(policies_are_swapped);
    for (int k = 0; k < KINDS; k++) {
        tr_buf_free(&files[k]);
        tr_buf_free(&logs[k]);
    }
    return CHECK_END;
}
