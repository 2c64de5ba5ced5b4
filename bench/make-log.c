/* make-log: prints a log of made-up traces, for measuring speed and memory at any size.
 *
 *     build/gcc/bench/make-log --rows 1000000 --labels 150 > /tmp/log.jsonl
 *
 * A text has about twelve words. Each comes from a vocabulary of pronounceable made-up words by a
 * Zipf law, or, more rarely, from the few words that its label prefers; labels follow a flatter
 * Zipf law, and a share of them is drawn at random. So a linear model of words agrees with the
 * teacher on some 94 % of a large log. The same seed gives the same bytes. */
#include "doors/io.h"
#include "doors/opt.h"
#include "ground/err.h"
#include "ground/mem.h"
#include "ground/num.h"
#include "ground/rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    VOCABULARY = 50000,
    WORD = 24,  /* bytes of a word, NUL included */
    LIKED = 40, /* words that a label prefers */
    FEWEST = 6, /* words of a text: FEWEST + 0..SPREAD-1 */
    SPREAD = 13
};

static const double own_share = 0.41; /* how often a word is one that the label prefers */
static const double random_label = 0.03;

typedef struct {
    int64_t rows, labels, seed;
    bool help;
} settings;

/* A discrete distribution that is drawn from in constant time (Walker's alias method). */
typedef struct {
    uint32_t n;
    double *keep;
    uint32_t *alias;
} table;

typedef struct {
    char (*words)[WORD];
    uint32_t *liked; /* labels x LIKED, indices of words */
    table word, like, label;
} language;

/* The table of n ranks, the k-th with weight (k + shift)^-1, k = 0... */
static bool table_zipf(table *t, uint32_t n, double shift)
{
    t->n = n;
    t->keep = tr_mem_array(n, sizeof *t->keep);
    t->alias = tr_mem_array(n, sizeof *t->alias);
    uint32_t *stack = tr_mem_array(n, sizeof *stack);
    bool ok = t->keep && t->alias && stack;
    if (ok) {
        double sum = 0;
        for (uint32_t k = 0; k < n; k++)
            sum += 1 / (k + shift);
        /* Small ones from the bottom of the stack, large ones from its top. */
        uint32_t small = 0, large = n;
        for (uint32_t k = 0; k < n; k++) {
            t->keep[k] = n / (k + shift) / sum;
            t->alias[k] = k;
            stack[t->keep[k] < 1 ? small++ : --large] = k;
        }
        while (small > 0 && large < n) {
            uint32_t s = stack[--small], l = stack[large];
            t->alias[s] = l;
            t->keep[l] -= 1 - t->keep[s];
            if (t->keep[l] < 1) {
                large++;
                stack[small++] = l;
            }
        }
    }
    free(stack);
    return ok;
}

static uint32_t table_draw(const table *t, tr_rng *r)
{
    uint32_t k = (uint32_t)tr_rng_below(r, t->n);
    return tr_rng_unit(r) < t->keep[k] ? k : t->alias[k];
}

static void table_free(table *t)
{
    free(t->keep);
    free(t->alias);
}

/* One to four syllables, the frequent words short. Two words may be alike, as in a language. */
static void invent_word(char *word, uint32_t rank, tr_rng *r)
{
    static const char *const onset[] = {"b", "br", "ch", "d", "dr", "f", "g",  "gl",
                                        "h", "k",  "l",  "m", "n",  "p", "pl", "r",
                                        "s", "sh", "st", "t", "tr", "v", "w",  "z"};
    static const char *const core[] = {"a", "e", "i", "o", "u", "ai", "ea", "oo"};
    static const char *const coda[] = {"", "", "", "n", "r", "s", "l", "t", "ck", "nd"};
    unsigned syllables = (rank < 200 ? 1 : 2) + (unsigned)tr_rng_below(r, rank < 2000 ? 2 : 3);
    size_t at = 0;
    for (unsigned i = 0; i < syllables; i++)
        at += (size_t)snprintf(word + at, WORD - at, "%s%s%s",
                               onset[tr_rng_below(r, sizeof onset / sizeof *onset)],
                               core[tr_rng_below(r, sizeof core / sizeof *core)],
                               coda[tr_rng_below(r, sizeof coda / sizeof *coda)]);
}

static bool invent_language(language *l, uint32_t labels, tr_rng *r)
{
    l->words = tr_mem_array(VOCABULARY, WORD);
    l->liked = NULL;
    size_t n = 0;
    if (tr_mem_multiply(labels, LIKED, &n))
        l->liked = tr_mem_array(n, sizeof *l->liked);
    bool ok = table_zipf(&l->word, VOCABULARY, 2.7);
    ok = table_zipf(&l->like, LIKED, 3) && ok;
    ok = table_zipf(&l->label, labels, 4) && ok;
    if (!ok || !l->words || !l->liked)
        return false;
    for (uint32_t k = 0; k < VOCABULARY; k++)
        invent_word(l->words[k], k, r);
    /* Half of what a label prefers is ordinary vocabulary and shared with others. */
    for (size_t i = 0; i < n; i++)
        l->liked[i] = (uint32_t)(i % 2 ? 20 + tr_rng_below(r, 1500) : tr_rng_below(r, VOCABULARY));
    return true;
}

static void free_language(language *l)
{
    free(l->words);
    free(l->liked);
    table_free(&l->word);
    table_free(&l->like);
    table_free(&l->label);
}

static void put_number(tr_buf *b, uint64_t x)
{
    char text[TR_NUM_TEXT];
    tr_buf_add(b, text, tr_num_print_u64(text, x));
}

static void put_trace(tr_buf *b, uint64_t row, const language *l, tr_rng *r)
{
    uint32_t label = table_draw(&l->label, r);
    const uint32_t *liked = l->liked + (size_t)label * LIKED;
    unsigned words = FEWEST + (unsigned)tr_rng_below(r, SPREAD);
    tr_buf_add_c(b, "{\"id\":\"m-");
    put_number(b, row);
    tr_buf_add_c(b, "\",\"input\":\"");
    for (unsigned i = 0; i < words; i++) {
        uint32_t w = tr_rng_unit(r) < own_share ? liked[table_draw(&l->like, r)]
                                                : table_draw(&l->word, r);
        if (i > 0)
            tr_buf_add_char(b, ' ');
        tr_buf_add_c(b, l->words[w]);
    }
    if (tr_rng_unit(r) < random_label)
        label = (uint32_t)tr_rng_below(r, l->label.n);
    tr_buf_add_c(b, "\",\"teacher\":\"label_");
    put_number(b, label + 1);
    tr_buf_add_c(b, "\"}\n");
}

static tr_code print_log(const settings *s, tr_err *err)
{
    tr_rng r;
    tr_rng_init(&r, (uint64_t)s->seed);
    language l = {0};
    tr_buf b;
    tr_buf_init(&b);
    tr_writer *out = NULL;
    tr_code code = TR_OK;
    if (!invent_language(&l, (uint32_t)s->labels, &r))
        code = tr_err_memory(err);
    else if (!(out = tr_writer_open_fd(1, "standard output", err)))
        code = err->code;
    for (int64_t row = 1; code == TR_OK && row <= s->rows; row++) {
        tr_buf_clear(&b);
        put_trace(&b, (uint64_t)row, &l, &r);
        code = b.failed ? tr_err_memory(err) : tr_writer_add(out, b.data, b.size, err);
    }
    if (code == TR_OK)
        code = tr_writer_close(out, err);
    else
        tr_writer_abandon(out);
    tr_buf_free(&b);
    free_language(&l);
    return code;
}

int main(int argc, char **argv)
{
    settings s = {.rows = 1000000, .labels = 150, .seed = 1};
    const tr_opt rows[] = {
        {'n', "rows", "N", TR_OPT_INT, &s.rows, .min = 0, .max = 1e12, .help = "traces to print"},
        {'l', "labels", "N", TR_OPT_INT, &s.labels, .min = 2, .max = 1e6, .help = "labels"},
        {0, "seed", "N", TR_OPT_INT, &s.seed, .min = 0, .max = 9007199254740992.0,
         .help = "another seed, another log"},
        {'h', "help", NULL, TR_OPT_FLAG, &s.help, .help = "this text"},
    };
    const tr_opt_table t = {"make-log",
                            "[OPTION]...",
                            "prints a log of made-up traces",
                            rows,
                            sizeof rows / sizeof *rows,
                            NULL};
    tr_buf usage;
    tr_buf_init(&usage);
    tr_opt_usage(&t, &usage);
    const char **operands = NULL;
    size_t n = 0;
    tr_err err = {0};
    tr_code code = tr_opt_parse(&t, argc, argv, &operands, &n, &err);
    free(operands);
    if (code == TR_OK && n > 0)
        code = tr_err_set(&err, TR_USAGE, "make-log: takes no operand; try -h");
    if (code == TR_OK && s.help) {
        bool ok = !usage.failed && fwrite(usage.data, 1, usage.size, stdout) == usage.size &&
                  fflush(stdout) == 0;
        code = ok ? TR_OK : tr_err_errno(&err, "standard output");
    } else if (code == TR_OK) {
        code = print_log(&s, &err);
    }
    if (code != TR_OK)
        fprintf(stderr, "%s\n", err.message);
    tr_buf_free(&usage);
    return (int)code;
}
