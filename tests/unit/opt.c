#include "check.h"
#include "doors/opt.h"

#include <math.h>
#include <stdlib.h>

/* One option of each kind; set to its defaults before each parse. */
static struct {
    bool quiet, help;
    int verbose, family;
    int64_t seed, threads;
    double delta, alpha;
    const char *output, *zoo;
} v;

static const char *parse_zoo(void *context, const char *value)
{
    (void)context;
    if (!strcmp(value, "nonsense"))
        return "there is no member \"nonsense\"";
    v.zoo = value;
    return NULL;
}

static const char *show_zoo(const void *context)
{
    (void)context;
    return v.zoo;
}

static const char *const families[] = {"auto", "global", "l2d", NULL};
static const tr_opt_call zoo_call = {parse_zoo, show_zoo, NULL};

static const tr_opt rows[] = {
    {0, NULL, NULL, TR_OPT_HEADING, NULL, 0, 0, 0, NULL, "Promise:"},
    {'a', "alpha", "A", TR_OPT_REAL, &v.alpha, 0, 1, TR_OPT_OPEN, NULL, "agreement promised"},
    {0, "delta", "D", TR_OPT_REAL, &v.delta, 0, 1, TR_OPT_OPEN, NULL,
     "risk that the promise fails"},
    {0, "family", "F", TR_OPT_CHOICE, &v.family, 0, 0, 0, families, "kind of pipeline"},
    {0, "zoo", "LIST", TR_OPT_CALL, (void *)&zoo_call, 0, 0, 0, NULL,
     "which members to train: a list of names, each of which may be left out again by a dash "
     "before it, a rather long sentence that has to be wrapped"},
    {0, NULL, NULL, TR_OPT_HEADING, NULL, 0, 0, 0, NULL, "Shared:"},
    {'j', "threads", "N", TR_OPT_INT, &v.threads, 1, 64, 0, NULL, "threads"},
    {0, "seed", "N", TR_OPT_INT, &v.seed, 0, 0, 0, NULL, "seed"},
    {'o', "output", "FILE", TR_OPT_TEXT, &v.output, 0, 0, 0, NULL, "write to FILE"},
    {'q', "quiet", NULL, TR_OPT_FLAG, &v.quiet, 0, 0, 0, NULL, "say nothing"},
    {'v', NULL, NULL, TR_OPT_COUNT, &v.verbose, 0, 0, 0, NULL, "say more"},
    {'h', "help", NULL, TR_OPT_FLAG, &v.help, 0, 0, 0, NULL, "this help"},
    {0, "hidden", NULL, TR_OPT_FLAG, &v.help, 0, 0, 0, NULL, NULL},
};

static const tr_opt_table table = {
    "tr-test", "[OPTION]... [FILE]...",    "Tests the option table.",
    rows,      sizeof rows / sizeof *rows, "Exit status: 0 yes, 2 wrong usage."};

static const char **operands;
static size_t n_operands;
static tr_err err;

static void defaults(void)
{
    memset(&v, 0, sizeof v);
    v.seed = 1;
    v.threads = 2;
    v.delta = 0.05;
    v.alpha = NAN;
    v.zoo = "lean";
}

/* Parses up to six arguments (NULL ends them); the operands stay until the next call. */
static tr_code parse(const char *a, const char *b, const char *c, const char *d, const char *e,
                     const char *f)
{
    const char *all[] = {"prog", a, b, c, d, e, f, NULL};
    char *argv[8];
    int argc = 0;
    for (; all[argc]; argc++)
        argv[argc] = (char *)(uintptr_t)all[argc];
    argv[argc] = NULL;
    free(operands);
    defaults();
    err.message[0] = '\0';
    return tr_opt_parse(&table, argc, argv, &operands, &n_operands, &err);
}

static int complains(const char *a, const char *b, const char *message)
{
    tr_code code = parse(a, b, NULL, NULL, NULL, NULL);
    char expected[1024];
    snprintf(expected, sizeof expected, "tr-test: %s; try tr-test -h", message);
    int ok = code == TR_USAGE && !strcmp(err.message, expected) && !operands && n_operands == 0;
    if (!ok)
        printf("# %d \"%s\"\n", (int)code, err.message);
    return ok;
}

static void values_in_all_spellings(void)
{
    CHECK(parse("--seed=-5", "--delta", ".1", "-j4", "-o", "out") == TR_OK);
    CHECK(v.seed == -5 && v.delta == 0.1 && v.threads == 4 && !strcmp(v.output, "out"));
    CHECK(n_operands == 0);
    CHECK(parse("-qvj", "3", "-vo-", "--family=l2d", "--zoo", "-svm") == TR_OK);
    CHECK(v.quiet && v.verbose == 2 && v.threads == 3 && !strcmp(v.output, "-"));
    CHECK(v.family == 2 && !strcmp(v.zoo, "-svm"));
    CHECK(parse("--output=", "--alpha", "9.2e-1", NULL, NULL, NULL) == TR_OK);
    CHECK(v.output && !*v.output && v.alpha == 0.92);
}

static void operands_anywhere(void)
{
    CHECK(parse("a", "-q", "-", "--seed", "7", "b") == TR_OK);
    CHECK(n_operands == 3 && v.quiet && v.seed == 7);
    if (n_operands == 3) {
        CHECK(!strcmp(operands[0], "a") && !strcmp(operands[1], "-") && !strcmp(operands[2], "b"));
    }
    CHECK(parse("-v", "--", "-q", "--", "", NULL) == TR_OK);
    CHECK(n_operands == 3 && !v.quiet && v.verbose == 1);
    if (n_operands == 3) {
        CHECK(!strcmp(operands[0], "-q") && !strcmp(operands[1], "--") && !*operands[2]);
    }
    CHECK(parse(NULL, NULL, NULL, NULL, NULL, NULL) == TR_OK && n_operands == 0);
}

static void the_last_wins(void)
{
    CHECK(parse("--seed", "1", "--seed=2", "-j1", "-j", "9") == TR_OK);
    CHECK(v.seed == 2 && v.threads == 9);
}

static void complaints(void)
{
    CHECK(complains("--bogus", NULL, "there is no option --bogus"));
    CHECK(complains("--bogus=3", NULL, "there is no option --bogus"));
    CHECK(complains("--thread", "3", "there is no option --thread")); /* no prefixes */
    CHECK(complains("-qz", NULL, "there is no option -z"));
    CHECK(complains("-\xc3\xa9", NULL, "there is no option -\xc3\xa9"));
    CHECK(complains("--seed", NULL, "--seed needs a value"));
    CHECK(complains("x", "-qj", "-j needs a value"));
    CHECK(complains("--quiet=yes", NULL, "--quiet takes no value"));
    CHECK(complains("--seed", "x", "--seed takes a whole number, not \"x\""));
    CHECK(complains("--seed", "1.0", "--seed takes a whole number, not \"1.0\""));
    CHECK(complains("--seed", "", "--seed takes a whole number, not \"\""));
    CHECK(complains("--seed", "9223372036854775808",
                    "--seed takes a whole number, not \"9223372036854775808\""));
    CHECK(complains("-j0", NULL, "-j takes a whole number from 1 to 64, not \"0\""));
    CHECK(complains("-j=4", NULL, "-j takes a whole number from 1 to 64, not \"=4\""));
    static const char *const numbers[] = {"0",    "1",   "nan",    "inf", "1e999", "0.5x",
                                          " 0.5", "0,5", "0x1p-1", "-.5", ".",     ""};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char expected[128];
        snprintf(expected, sizeof expected,
                 "--delta takes a number above 0 and below 1, not \"%s\"", numbers[i]);
        CHECK(complains("--delta", numbers[i], expected));
    }
    CHECK(complains("--family", "Auto", "--family takes auto, global or l2d, not \"Auto\""));
    CHECK(complains("--zoo=nonsense", NULL, "--zoo: there is no member \"nonsense\""));
    CHECK(complains("--seed", "a\nb", "--seed takes a whole number, not \"a?b\""));
}

static void a_refused_value_changes_nothing(void)
{
    CHECK(parse("--delta", "2", NULL, NULL, NULL, NULL) == TR_USAGE && v.delta == 0.05);
    CHECK(parse("--family", "x", NULL, NULL, NULL, NULL) == TR_USAGE && v.family == 0);
}

static void help_shows_live_defaults(void)
{
    static const char expected[] =
        "usage: tr-test [OPTION]... [FILE]...\n"
        "Tests the option table.\n"
        "\n"
        "Promise:\n"
        "  -a, --alpha A      agreement promised\n"
        "      --delta D      risk that the promise fails (default 0.05)\n"
        "      --family F     kind of pipeline (default auto)\n"
        "      --zoo LIST     which members to train: a list of names, each of which may\n"
        "                     be left out again by a dash before it, a rather long\n"
        "                     sentence that has to be wrapped (default lean)\n"
        "\n"
        "Shared:\n"
        "  -j, --threads N    threads (default 2)\n"
        "      --seed N       seed (default 1)\n"
        "  -o, --output FILE  write to FILE\n"
        "  -q, --quiet        say nothing\n"
        "  -v                 say more\n"
        "  -h, --help         this help\n"
        "\n"
        "Exit status: 0 yes, 2 wrong usage.\n";
    defaults();
    tr_buf b;
    tr_buf_init(&b);
    tr_opt_usage(&table, &b);
    tr_buf_add_char(&b, '\0');
    CHECK(!b.failed && !strcmp(b.data, expected));
    if (strcmp(b.data, expected) != 0)
        printf("%s", b.data);
    tr_buf_clear(&b);
    v.delta = 0.2;
    v.family = 1;
    v.output = "x.trp";
    tr_opt_usage(&table, &b);
    tr_buf_add_char(&b, '\0');
    CHECK(strstr(b.data, "(default 0.2)") && strstr(b.data, "(default global)"));
    CHECK(strstr(b.data, "(default x.trp)"));
    tr_buf_free(&b);
}

static void rows_for_completion(void)
{
    static const char expected[] =
        "-a\t--alpha\tA\t-\tagreement promised\n"
        "-\t--delta\tD\t-\trisk that the promise fails\n"
        "-\t--family\tF\tauto,global,l2d\tkind of pipeline\n"
        "-\t--zoo\tLIST\t-\twhich members to train: a list of names, each of which may be left out "
        "again by a dash before it, a rather long sentence that has to be wrapped\n"
        "-j\t--threads\tN\t-\tthreads\n"
        "-\t--seed\tN\t-\tseed\n"
        "-o\t--output\tFILE\t-\twrite to FILE\n"
        "-q\t--quiet\t-\t-\tsay nothing\n"
        "-v\t-\t-\t-\tsay more\n"
        "-h\t--help\t-\t-\tthis help\n";
    defaults();
    tr_buf b;
    tr_buf_init(&b);
    tr_opt_rows(&table, &b);
    tr_buf_add_char(&b, '\0');
    CHECK(!b.failed && !strcmp(b.data, expected));
    if (strcmp(b.data, expected) != 0)
        printf("%s", b.data);
    tr_buf_free(&b);
}

int main(void)
{
    CASE(values_in_all_spellings);
    CASE(operands_anywhere);
    CASE(the_last_wins);
    CASE(complaints);
    CASE(a_refused_value_changes_nothing);
    CASE(help_shows_live_defaults);
    CASE(rows_for_completion);
    free(operands);
    return CHECK_END;
}
