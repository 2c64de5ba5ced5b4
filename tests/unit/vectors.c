#include "embed/vectors.h"

#include "check.h"

#include <math.h>
#include <stdlib.h>

static tr_err err;
static char *own; /* exactly the bytes, so that the address sanitizer sees any read beyond them */

static tr_vectors *open_bytes(const char *bytes, size_t size)
{
    free(own);
    own = malloc(size + !size);
    if (size)
        memcpy(own, bytes, size);
    err = (tr_err){0};
    return tr_vectors_open(tr_str_of(own, size), "v.vec", &err);
}

static tr_vectors *open_text(const char *text)
{
    return open_bytes(text, strlen(text));
}

static bool refused(const char *text, const char *wanted)
{
    tr_vectors *v = open_text(text);
    bool well = !v && err.code == TR_DATA && strcmp(err.message, wanted) == 0;
    if (!well)
        printf("# \"%s\", not \"%s\"\n", err.message, wanted);
    tr_vectors_close(v);
    return well;
}

/* The weight of the word in row `rank` of n. */
static double weight(int rank, int n)
{
    double harmonic = 0;
    for (int i = 1; i <= n; i++)
        harmonic += 1.0 / i;
    return log(1 + rank * harmonic);
}

static size_t embed(tr_vectors *v, const char *text, float *out)
{
    size_t known = 99;
    CHECK(tr_vectors_embed(v, tr_str_c(text), out, &known, &err) == TR_OK);
    return known;
}

static void mean_by_rank(void)
{
    tr_vectors *v = open_text("3 2\nthe 1 0\ncat 0 1\nRed -1 -0.5 \n");
    float x[2];
    CHECK(v);
    tr_vectors_about a = tr_vectors_tell(v);
    CHECK(a.dimensions == 2 && a.rows == 3 && a.words == 3 && a.odd == 0 && a.doubled == 0);
    CHECK(embed(v, "The CAT!", x) == 2);
    double the = weight(1, 3), cat = weight(2, 3), red = weight(3, 3), length = hypot(the, cat);
    CHECK_NEAR(x[0], the / length, 1e-7);
    CHECK_NEAR(x[1], cat / length, 1e-7);
    CHECK(embed(v, "red cat, red cat, unheard of", x) == 4);
    length = hypot(2 * red, 2 * cat - red);
    CHECK_NEAR(x[0], -2 * red / length, 1e-7);
    CHECK_NEAR(x[1], (2 * cat - red) / length, 1e-7);
    CHECK(embed(v, "", x) == 0 && x[0] == 0 && x[1] == 0);
    CHECK(embed(v, "unheard of \xff", x) == 0 && x[0] == 0 && x[1] == 0);
    /* the same again, from numbers that were read before */
    float y[2];
    embed(v, "the cat", x);
    embed(v, "cat the", y);
    CHECK(memcmp(x, y, sizeof x) == 0);
    tr_vectors_close(v);
}

static void with_and_without_a_first_line(void)
{
    static const char *const same[] = {
        "2 3\na 1 2 3\nb 4 5e-1 -6\n",
        "a 1 2 3\nb 4 0.5 -6\n",
        "2 3 \r\na 1 2 3 \r\nb 4 0.50 -6.0\r\n",
        "\357\273\2772 3\na\t1  2 3\nb 4 0.500000000000000000000 -6E+0 \t\n",
    };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        tr_vectors *v = open_text(same[i]);
        float x[3];
        CHECK(v);
        if (!v)
            continue;
        CHECK(tr_vectors_tell(v).dimensions == 3 && tr_vectors_tell(v).rows == 2);
        CHECK(embed(v, "b", x) == 1);
        double length = sqrt(16 + .25 + 36);
        CHECK_NEAR(x[0], 4 / length, 1e-7);
        CHECK_NEAR(x[1], .5 / length, 1e-7);
        CHECK_NEAR(x[2], -6 / length, 1e-7);
        tr_vectors_close(v);
    }
}

/* Folded to one: the first stands. What no text can have is left out, and still has its rank. */
static void words_of_all_kinds(void)
{
    tr_vectors *v = open_text("</s> 9 9\nThe 1 0\nthe 0 1\nTHE 0 1\ne-mail 9 9\n, 9 9\n"
                              "don't 0 1\n\xff\xfe 9 9\nSTRASSE 0 1\n. . . 9 9\n"
                              "at me@example.org 9 9\n\xe4\xb8\xad 1 0\n7 1 0\n");
    float x[2];
    CHECK(v);
    tr_vectors_about a = tr_vectors_tell(v);
    CHECK(a.rows == 13 && a.words == 5 && a.doubled == 2 && a.odd == 6);
    CHECK(embed(v, "tHE", x) == 1 && x[0] == 1 && x[1] == 0);
    CHECK(embed(v, "DON\xe2\x80\x99T", x) == 1 && x[1] == 1);
    CHECK(embed(v, "dont", x) == 1 && x[1] == 1);
    CHECK(embed(v,
                "Stra\xc3\x9f"
                "e",
                x) == 1 &&
          x[1] == 1);
    CHECK(embed(v, "\xe4\xb8\xad\xe4\xb8\xad", x) == 2 && x[0] == 1);
    CHECK(embed(v, "7", x) == 1 && x[0] == 1);
    CHECK(embed(v, "s e mail me", x) == 0);
    embed(v, "the dont", x);
    CHECK_NEAR(x[0] / x[1], weight(2, 13) / weight(7, 13), 1e-6);
    tr_vectors_close(v);
    /* longer than any word is taken to be */
    tr_buf b;
    tr_buf_init(&b);
    for (int i = 0; i < 2000; i++)
        tr_buf_add_c(&b, "x");
    tr_buf_add_c(&b, " 1\ny 1\n");
    v = open_bytes(b.data, b.size);
    CHECK(v && tr_vectors_tell(v).odd == 1 && tr_vectors_tell(v).words == 1);
    tr_vectors_close(v);
    tr_buf_free(&b);
}

static void numbers_as_written(void)
{
    static const char *const numbers[] = {
        "0.1",
        "-0.098802",
        "1e-05",
        "123456.789",
        "0.12345678901234",
        "3.4028234e38",
        "1.5e-42",
        "-7",
        "0.0",
        "1e-60",
        "123456789012345.6",
        "0.123456789012345678",
        "-0.25",
        "0.30000001192092",
        "1E2",
        "999999999999999",
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char text[200];
        float x[2];
        snprintf(text, sizeof text, "w %s 1\n", numbers[i]);
        tr_vectors *v = open_text(text);
        CHECK(v && embed(v, "w", x) == 1);
        tr_vectors_close(v);
        double a = (double)strtof(numbers[i], NULL), w = log(2),
               length = sqrt(a * w * a * w + w * w);
        CHECK(fabs(x[0] - a * w / length) <= 1e-7);
    }
}

static void refusals(void)
{
    CHECK(refused("", "v.vec: is empty"));
    CHECK(
        refused("\n", "v.vec:1: is neither \"words numbers\" nor a word and 1 to 16,384 numbers"));
    CHECK(
        refused("a\n", "v.vec:1: is neither \"words numbers\" nor a word and 1 to 16,384 numbers"));
    CHECK(refused("2 0\n",
                  "v.vec:1: is neither \"words numbers\" nor a word and 1 to 16,384 numbers"));
    CHECK(refused("2 16385\n",
                  "v.vec:1: is neither \"words numbers\" nor a word and 1 to 16,384 numbers"));
    CHECK(refused("0 2\n", "v.vec: has no word that a text can have"));
    CHECK(refused("2 2\na 1 2\n", "v.vec: has 1 rows, but its first line says 2"));
    CHECK(refused("1 2\na 1 2\nb 1 2\n", "v.vec: has 2 rows, but its first line says 1"));
    CHECK(refused("2 2", "v.vec: has 0 rows, but its first line says 2"));
    CHECK(refused("2 2\na 1 2\nb 1", "v.vec:3: is cut off: no newline ends it"));
    CHECK(refused("2 2\na 1 2\nb 1 2", "v.vec:3: is cut off: no newline ends it"));
    CHECK(refused("a 1 2", "v.vec:1: is cut off: no newline ends it"));
    CHECK(refused("a 1 2\nb 1\n", "v.vec:2: has 1 numbers behind its word, not 2"));
    CHECK(refused("a 1 2\nb 1 2 3\n", "v.vec:2: has more than 2 numbers behind its word"));
    CHECK(refused("a 1 2\n\nb 1 2\n", "v.vec:2: is empty"));
    CHECK(refused("a 1 2\n 1 2\n", "v.vec:2: has 1 numbers behind its word, not 2"));
    CHECK(refused("a 1 2\nb 1 nan\n",
                  "v.vec:2: number 2, \"nan\", is no finite number that a float holds"));
    CHECK(refused("1 2\nb -inf 1\n",
                  "v.vec:2: number 1, \"-inf\", is no finite number that a float holds"));
    CHECK(refused("a 1 2\nb 1 4e38\n",
                  "v.vec:2: number 2, \"4e38\", is no finite number that a float holds"));
    CHECK(refused("a 1 2\nb 1,5 2\n",
                  "v.vec:2: number 1, \"1,5\", is no finite number that a float holds"));
    CHECK(refused("a 1 2\nb 01 2\n",
                  "v.vec:2: number 1, \"01\", is no finite number that a float holds"));
    CHECK(refused("a 1 2\nb 1. 2\n",
                  "v.vec:2: number 1, \"1.\", is no finite number that a float holds"));
    CHECK(refused("once upon a time\n",
                  "v.vec:1: number 1, \"upon\", is no finite number that a float holds"));
    CHECK(refused("\x1f\x8b\x08", "v.vec: is compressed; unpack it with gunzip"));
    CHECK(refused("\xba\x16\x4f\x2f\x0c",
                  "v.vec: is a model of fastText; give the .vec that is beside it"));
    CHECK(refused(", 1 2\n. 3 4\n", "v.vec: has no word that a text can have"));
}

/* No start of a file is taken for a whole one. */
static void every_truncation(void)
{
    static const char all[] = "3 2\nthe 0.5 -0.25\ncat 1e-3 7\nred 2 2\n";
    for (size_t n = 0; n < sizeof all - 1; n++) {
        tr_vectors *v = open_bytes(all, n);
        CHECK(!v && err.code == TR_DATA);
        tr_vectors_close(v);
    }
}

static void changed_meanwhile(void)
{
    tr_vectors *v = open_text("cat 0.5 1\ndog 1 1\n");
    float x[2];
    size_t known;
    memset(strchr(own, '.'), 'x', 1);
    CHECK(tr_vectors_embed(v, tr_str_c("dog"), x, &known, &err) == TR_OK);
    CHECK(tr_vectors_embed(v, tr_str_c("cat"), x, &known, &err) == TR_DATA);
    CHECK(strcmp(err.message, "v.vec: was changed while it was in use") == 0);
    tr_vectors_close(v);
}

/* A table that grows: each word is found again. */
static void many_words(void)
{
    enum { N = 5000 };
    tr_buf b;
    tr_buf_init(&b);
    char text[64];
    snprintf(text, sizeof text, "%d 1\n", N);
    tr_buf_add_c(&b, text);
    for (int i = 0; i < N; i++) {
        snprintf(text, sizeof text, "w%d %d\n", i, i % 2 ? 1 : -1);
        tr_buf_add_c(&b, text);
    }
    tr_vectors *v = open_bytes(b.data, b.size);
    CHECK(v && tr_vectors_tell(v).words == N);
    for (int i = 0; i < N; i++) {
        float x = 0;
        snprintf(text, sizeof text, "W%d", i);
        CHECK(embed(v, text, &x) == 1 && x == (i % 2 ? 1 : -1));
    }
    tr_vectors_close(v);
    tr_buf_free(&b);
}

static void spelled(void)
{
    tr_words w = {0};
    tr_buf b;
    tr_buf_init(&b);
    CHECK(tr_vectors_spell(&w, tr_str_c("It's NOT  my-card\t\xe4\xb8\xad\xe5\x9b\xbd!"), &b));
    CHECK(tr_str_equal(tr_buf_str(&b), tr_str_c("its not my card \xe4\xb8\xad \xe5\x9b\xbd")));
    tr_buf_clear(&b);
    CHECK(tr_vectors_spell(&w, tr_str_c(" ?!"), &b) && b.size == 0);
    tr_buf_free(&b);
    tr_words_free(&w);
}

int main(void)
{
    CASE(mean_by_rank);
    CASE(with_and_without_a_first_line);
    CASE(words_of_all_kinds);
    CASE(numbers_as_written);
    CASE(refusals);
    CASE(every_truncation);
    CASE(changed_meanwhile);
    CASE(many_words);
    CASE(spelled);
    free(own);
    return CHECK_END;
}
