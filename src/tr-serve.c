/* tr-serve: decisions over HTTP. */
#include "cli.h"
#include "doors/io.h"
#include "doors/scan.h"
#include "serve/address.h"
#include "serve/linger.h"
#include "serve/listener.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

static const char synopsis[] = "POLICY [OPTION]...";
static const char purpose[] =
    "Answers requests over HTTP as tr-route answers lines: POST to /predict, "
    "/predict_batch and /route, GET of /health and /metrics.";
static const char tail[] =
    "SIGHUP takes the policy file in anew; a bad file leaves the old one in use. SIGTERM and\n"
    "SIGINT end it when the requests in hand are answered.\n"
    "Exit status: 0 ended by a signal, 2 wrong usage, 3 bad policy or token, 4 the system failed\n"
    "(the address is in use).\n"
    "Example: tr-serve policy.trp --listen 127.0.0.1:8000\n";

enum {
    TOKEN_MOST = 4096,
    OTHER_FILES = 512,          /* descriptors that are surely enough for all but connections */
    SPARE = TR_LINGER_MOST + 8, /* for who was refused and still sends, a reload, and the like */
    HANDFUL = 4
};

/* The token is the file's only line. */
static tr_code read_token(const char *file, tr_buf *room, tr_str *token, tr_err *err)
{
    tr_code code = tr_io_slurp(file, room, err);
    if (code != TR_OK)
        return code;
    tr_str text = room->size ? tr_buf_str(room) : tr_str_c("");
    while (text.size && strchr(" \t\r\n", text.data[text.size - 1]))
        text.size--;
    for (size_t k = 0; k < text.size; k++)
        if (text.data[k] <= ' ' || text.data[k] > '~')
            return tr_err_at(err, file, 0, "a token is one line of printable ASCII without blanks");
    if (!text.size || text.size > TOKEN_MOST)
        return tr_err_at(err, file, 0, text.size ? "the token is too long" : "there is no token");
    *token = text;
    return TR_OK;
}

/* Each connection takes a descriptor. */
static void raise_limit(int64_t connections)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)connections + OTHER_FILES;
    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* As many connections as there are descriptors left for, now that all else is open: whoever comes
 * beyond them can be told so. */
static tr_code fit_limit(const tr_cli *cli, tr_listener *l, uint32_t asked, tr_err *err)
{
    struct rlimit limit;
    uint64_t taken = 0, left, spare;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return tr_err_errno(err, "getrlimit");
    for (int fd = 0; fd < OTHER_FILES; fd++)
        taken += fcntl(fd, F_GETFD) != -1;
    left = limit.rlim_cur > taken ? limit.rlim_cur - taken : 0;
    spare = left / 2 < SPARE ? left / 2 : SPARE;
    uint64_t allowed = left - spare < asked ? left - spare : asked;
    uint64_t needed = taken + asked + (asked < SPARE ? asked : SPARE);
    if (allowed < asked && allowed < HANDFUL)
        return tr_err_set(err, TR_SYSTEM,
                          "too few file descriptors: --connections %u needs ulimit -n %llu", asked,
                          (unsigned long long)needed);
    if (allowed < asked)
        tr_cli_say(cli, "tr-serve: --connections %u needs ulimit -n %llu; %llu are taken", asked,
                   (unsigned long long)needed, (unsigned long long)allowed);
    spare = left - allowed < SPARE ? left - allowed : SPARE;
    tr_listener_limit(l, (uint32_t)allowed, (uint32_t)(spare - (spare < 16 ? spare / 2 : 8)));
    return TR_OK;
}

static void reload(const tr_cli *cli, tr_service *s)
{
    tr_err err;
    bool refused = tr_service_reload(s, &err) != TR_OK;
    if (refused)
        tr_cli_fail(cli, &err);
    tr_cli_say(cli, refused ? "tr-serve: the policy in use stays in use"
                            : "tr-serve: policy taken in anew");
}

/* Serves until a signal ends it. */
static tr_code serve(const tr_cli *cli, tr_service *s, tr_listener *l, int signals, tr_err *err)
{
    struct signalfd_siginfo got;
    for (;;) {
        tr_code code = tr_listener_turn(l, signals, err);
        if (code != TR_OK)
            return code;
        if (read(signals, &got, sizeof got) != sizeof got)
            continue;
        if (got.ssi_signo == SIGHUP) {
            reload(cli, s);
            continue;
        }
        uint64_t left;
        do
            left = tr_listener_drain(l, signals);
        while (left && read(signals, &got, sizeof got) == sizeof got && got.ssi_signo == SIGHUP);
        if (left)
            tr_cli_say(cli, "tr-serve: ended with %llu requests unanswered",
                       (unsigned long long)left);
        return TR_OK;
    }
}

static tr_code run(const tr_cli *cli, const tr_listener_options *lo, const tr_service_options *so,
                   tr_err *err)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    int signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (signals < 0)
        return tr_err_errno(err, "signalfd");
    tr_service *s = tr_service_open(so, err);
    tr_listener *l = s ? tr_listener_open(lo, s, err) : NULL;
    tr_code code = l ? fit_limit(cli, l, lo->connections, err) : err->code;
    if (code == TR_OK) {
        tr_cli_say(cli, "tr-serve: listening on %s", tr_listener_url(l));
        code = serve(cli, s, l, signals, err);
    }
    tr_listener_close(l);
    tr_service_close(s);
    close(signals);
    return code;
}

int main(int argc, char **argv)
{
    tr_cli cli;
    tr_err err = {0};
    tr_buf room;
    tr_service_options so = {0};
    tr_listener_options lo = {.address = "127.0.0.1:8000", .timeout = 10};
    int64_t max_body = 8 << 20, connections = 1024;
    const char *token = NULL, *prefix = "";

    tr_cli_init(&cli, "tr-serve");
    const tr_opt own[] = {
        {0, "listen", "ADDRESS:PORT", TR_OPT_TEXT, &lo.address,
         .help = "where to listen; port 0 is any that is free"},
        {0, "max-body", "BYTES", TR_OPT_INT, &max_body, 1, (double)(1LL << 40),
         .help = "largest body of a request"},
        {0, "connections", "N", TR_OPT_INT, &connections, 1, 1000000,
         .help = "connections that may be open at a time"},
        {0, "timeout", "SECONDS", TR_OPT_REAL, &lo.timeout, 0.1, 86400,
         .help = "that a client may be silent, or take over a request beyond 64 KiB a second"},
        {0, "token", "FILE", TR_OPT_TEXT, &token,
         .help = "answer only who sends the token in this file (but for /health)"},
        {0, "cors", "ORIGIN", TR_OPT_TEXT, &so.cors,
         .help = "let pages of this origin ask, as in https://example.org; * is any"},
        {0, NULL, NULL, TR_OPT_HEADING, NULL, .help = "As in tr-route:"},
        {0, "keep-embedding", NULL, TR_OPT_FLAG, &so.keep_embedding,
         .help = "leave a request's \"embedding\" in its decision"},
        {0, "explain", NULL, TR_OPT_FLAG, &so.explain,
         .help = "say with each decision why: best labels, threshold, novelty, words"},
        {0, "shadow", "SHARE", TR_OPT_REAL, &so.shadow.share, 0, 1,
         .help = "share of the handled requests that the teacher is to answer too, drawn by id"},
        {0, "id-prefix", "TEXT", TR_OPT_TEXT, &prefix,
         .help = "of the ids that --shadow gives to requests without one"},
    };
    tr_cli_add(&cli, own, sizeof own / sizeof *own);
    tr_cli_add_shared(&cli, TR_CLI_THREADS | TR_CLI_SEED);
    tr_cli_start(&cli, argc, argv, synopsis, purpose, tail);
    if (cli.n_operands != 1)
        return tr_cli_wrong(&cli,
                            cli.n_operands ? "one policy is served, not %zu"
                                           : "which policy? the operand is its file",
                            cli.n_operands);
    if (!tr_scan_utf8_valid(tr_str_c(prefix)))
        return tr_cli_wrong(&cli, "--id-prefix is not UTF-8");
    if (so.cors && strcmp(so.cors, "*") != 0 && !tr_address_is_origin(so.cors))
        return tr_cli_wrong(&cli, "--cors takes an origin as browsers write it, "
                                  "as in https://example.org or http://localhost:3000, or *");
    so.policy = cli.operands[0];
    so.max_body = (uint64_t)max_body;
    so.shadow.key = tr_hash_derive((uint64_t)cli.seed, "shadow");
    so.shadow.id_prefix = so.shadow.share > 0 ? prefix : NULL;
    if (so.shadow.id_prefix && !*prefix)
        tr_cli_say(&cli, "tr-serve: --shadow without --id-prefix: requests without an id get the "
                         "same ids after each start");
    lo.connections = (uint32_t)connections;
    lo.threads = (unsigned)cli.threads;
    raise_limit(connections);
    tr_buf_init(&room);
    tr_code code = token ? read_token(token, &room, &so.token, &err) : TR_OK;
    if (code == TR_OK)
        code = run(&cli, &lo, &so, &err);
    int status = code == TR_OK ? 0 : tr_cli_fail(&cli, &err);
    tr_buf_free(&room);
    tr_cli_free(&cli);
    return status;
}
