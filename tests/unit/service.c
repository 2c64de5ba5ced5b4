/* service: however a body is cut, the answer is the same; what is held is bounded, and given back;
 * all of it from several threads, while the policy is exchanged. */
#include "check.h"
#include "served.h"

#include <pthread.h>
#include <unistd.h>

static char text_policy[40], both_policy[40], refused_policy[40];
static tr_err err;

static tr_service *open_service(const char *policy, uint64_t max_body)
{
    tr_service *s =
        tr_service_open(&(tr_service_options){.policy = policy, .max_body = max_body}, &err);
    if (!s)
        exit(4);
    return s;
}

/* Whether a request gives the same as before: the first call keeps its answer. */
static bool same_answer(tr_service *s, const char *path, tr_str body, size_t piece, int status,
                        tr_buf *kept)
{
    tr_exchange x = {.shard = 3};
    served_ask(s, &x, "POST", path, body, piece);
    tr_str out = x.out.size ? tr_buf_str(&x.out) : tr_str_c("");
    if (!kept->data)
        tr_buf_add(kept, out.size ? out.data : " ", out.size ? out.size : 1);
    bool same = x.status == status && tr_str_equal(out, out.size ? tr_buf_str(kept) : tr_str_c(""));
    tr_service_finish(s, &x);
    tr_exchange_free(&x);
    return same;
}

static void cuts_do_not_matter(void)
{
    static const struct {
        const char *path, *body;
        int status;
    } cases[] = {
        {"/predict", "{\"input\":\"invoice paid\",\"id\":\"7\",\"embedding\":[1,0.5,0,0,0,0]}",
         200},
        {"/predict", "{\n\"input\": \"invoice paid\",\n\"embedding\": [1,0,0,0,0,0]\n}\n", 200},
        {"/predict", "{\"input\":\"invoice paid\",\"embedding\":[1]}", 400},
        {"/predict", "", 400},
        {"/predict_batch",
         "{\"inputs\":[\"a, b] \\\" \",\"refund\"],\"embeddings\":[[1,0,0,0,0,0], "
         "[0,1,0,0,0,0] ]}",
         200},
        {"/predict_batch", "{\"inputs\":[\"a\"],\"embeddings\":[[1,0,0,0,0]]}", 400},
        {"/predict_batch", "{", 400},
        {"/route",
         "{\"input\":\"fee\",\"embedding\":[1,0,0,0,0,0]}\n\nx\r\n"
         "{\"input\":\"van\",\"embedding\":[0,1,0,0,0,0]}",
         200},
        {"/route", "\n\n\n", 200},
        {"/route", "", 200},
        {"/route", "\xEF\xBB\xBF{\"input\":\"fee\",\"embedding\":[1,0,0,0,0,0]}\n\xEF\xBB\xBF\n",
         200},
    };
    tr_service *s = open_service(both_policy, 100000);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        tr_buf kept;
        tr_buf_init(&kept);
        for (size_t piece = 0; piece < 20; piece++)
            if (!same_answer(s, cases[k].path, tr_str_c(cases[k].body), piece, cases[k].status,
                             &kept)) {
                printf("# case %zu, pieces of %zu\n", k, piece);
                CHECK(false);
            }
        tr_buf_free(&kept);
    }
    tr_service_close(s);
}

static void refusals(void)
{
    tr_service *s = open_service(refused_policy, 10);
    tr_exchange x = {0};
    served_ask(s, &x, "POST", "/predict", tr_str_c("0123456789ab"), 0);
    CHECK(x.status == 413 && x.out.size && x.n_headers == 1);
    tr_service_finish(s, &x);
    /* nobody told how long it would be */
    CHECK(tr_service_begin(s, &x, "POST", "/route", NULL, -1));
    CHECK(tr_service_body(s, &x, tr_str_c("0123456789"), false));
    CHECK(!tr_service_body(s, &x, tr_str_c("a"), false));
    CHECK(x.status == 413);
    tr_service_finish(s, &x);
    CHECK(x.status == 0 && x.n_headers == 0 && x.out.size == 0);
    CHECK(!tr_service_begin(s, &x, "GET", "/route", NULL, 0));
    CHECK(x.status == 405 && !strcmp(x.headers[x.n_headers - 1].value, "POST"));
    tr_service_finish(s, &x);
    tr_exchange_free(&x);
    tr_service_close(s);
    CHECK(!tr_service_open(&(tr_service_options){.policy = "/dev/null", .max_body = 10}, &err));
    CHECK(err.code == TR_DATA);
}

static void what_is_held_is_bounded(void)
{
    enum { MANY = 100, SIZE = 1 << 20 };
    static tr_exchange x[MANY];
    char *body = tr_mem_zero(SIZE, 1);
    tr_service *s = open_service(text_policy, SIZE);
    int full = 0;
    for (int k = 0; k < MANY; k++) {
        CHECK(tr_service_begin(s, &x[k], "POST", "/predict", NULL, SIZE));
        bool taken = tr_service_body(s, &x[k], tr_str_of(body, SIZE - 1), false);
        full += !taken;
        CHECK(taken || x[k].status == 503);
    }
    CHECK(full > 20 && full < 70); /* there is room for 64 bodies */
    for (int k = 0; k < MANY; k++)
        tr_service_finish(s, &x[k]);
    /* given back: there is room again */
    CHECK(tr_service_begin(s, &x[0], "POST", "/predict", NULL, SIZE));
    CHECK(tr_service_body(s, &x[0], tr_str_of(body, SIZE - 1), false));
    tr_service_finish(s, &x[0]);
    for (int k = 0; k < MANY; k++)
        tr_exchange_free(&x[k]);
    tr_service_close(s);
    free(body);
}

/* ---- threads ---- */

enum { CALLERS = 4, ROUNDS = 300, RELOADS = 30 };

typedef struct {
    tr_service *s;
    int wrong;
} caller;

static void *call(void *context)
{
    caller *c = context;
    tr_exchange x = {.shard = 1};
    for (int k = 0; k < ROUNDS; k++) {
        served_ask(c->s, &x, "POST", k % 2 ? "/predict" : "/route",
                   tr_str_c("{\"input\":\"invoice charge paid card\"}"), (size_t)k % 5);
        tr_buf_add_char(&x.out, '\0');
        c->wrong += x.status != 200 || !(strstr(x.out.data, "\"label\":\"billing\"") ||
                                         strstr(x.out.data, "\"decision\":\"deferred\""));
        tr_service_finish(c->s, &x);
    }
    tr_exchange_free(&x);
    return NULL;
}

/* The service reads its policy from a link that is turned from one file to the other. */
static void reloads_while_others_ask(void)
{
    char link[] = "/tmp/tr-service-XXXXXX", name[64];
    pthread_t threads[CALLERS];
    caller callers[CALLERS];
    CHECK(mkdtemp(link) != NULL);
    snprintf(name, sizeof name, "%s/p", link);
    CHECK(symlink(text_policy, name) == 0);
    tr_service *s = open_service(name, 1000);
    for (int k = 0; k < CALLERS; k++) {
        callers[k] = (caller){.s = s};
        CHECK(pthread_create(&threads[k], NULL, call, &callers[k]) == 0);
    }
    for (int k = 0; k < RELOADS; k++) {
        const char *next = k % 3 == 0 ? refused_policy : k % 3 == 1 ? "/dev/null" : text_policy;
        CHECK(unlink(name) == 0 && symlink(next, name) == 0);
        CHECK(tr_service_reload(s, &err) == (k % 3 == 1 ? TR_DATA : TR_OK));
    }
    for (int k = 0; k < CALLERS; k++) {
        pthread_join(threads[k], NULL);
        CHECK(callers[k].wrong == 0);
    }
    tr_service_close(s);
    CHECK(unlink(name) == 0 && rmdir(link) == 0);
}

int main(void)
{
    served_policy(SMALL_TEXT, .7, text_policy);
    served_policy(SMALL_BOTH, .7, both_policy);
    served_policy(SMALL_TEXT, .9999, refused_policy);
    CASE(cuts_do_not_matter);
    CASE(refusals);
    CASE(what_is_held_is_bounded);
    CASE(reloads_while_others_ask);
    return CHECK_END;
}
