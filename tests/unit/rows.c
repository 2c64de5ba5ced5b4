#include "embed/rows.h"

#include "check.h"

#include <stdlib.h>

static tr_err err;
static tr_rows rows;

static tr_code look(const char *line, tr_row *row)
{
    err = (tr_err){0};
    return tr_rows_look(&rows, tr_str_c(line), "log", 7, row, &err);
}

static bool says(const char *line, const char *wanted)
{
    tr_row row;
    bool well = look(line, &row) == TR_DATA && strcmp(err.message, wanted) == 0;
    if (!well)
        printf("# \"%s\", not \"%s\"\n", err.message, wanted);
    return well;
}

/* Rendered from a copy of the line, as one that was read ahead is. */
static bool renders(const char *line, const float *x, size_t n, const char *wanted)
{
    tr_row row;
    tr_buf out;
    tr_buf_init(&out);
    CHECK(look(line, &row) == TR_OK && row.is_row);
    char *copy = strdup(line);
    tr_row_render(&row, tr_str_c(copy), x, n, &out);
    bool well = !out.failed && tr_str_equal(tr_buf_str(&out), tr_str_c(wanted));
    if (!well)
        printf("# %.*s, not %s\n", (int)out.size, out.data, wanted);
    free(copy);
    tr_buf_free(&out);
    return well;
}

static void which_lines_are_rows(void)
{
    tr_row row;
    tr_rows_init(&rows, NULL, false);
    CHECK(look("", &row) == TR_OK && !row.is_row);
    CHECK(look(" \t", &row) == TR_OK && !row.is_row);
    CHECK(look("{\"tr-split\":{\"rows\":1}}", &row) == TR_OK && !row.is_row);
    CHECK(look("{\"tr-split\":1}", &row) == TR_OK && row.is_row);
    CHECK(look("{\"tr-split\":{},\"a\":1}", &row) == TR_OK && row.is_row);
    CHECK(look("{}", &row) == TR_OK && row.is_row && !row.is_embedded && !row.text.data);
    CHECK(strcmp(row.file, "log") == 0 && row.number == 7);
    CHECK(look("{\"embedding\":[1]}", &row) == TR_OK && row.is_embedded);
    CHECK(look("{\"embedding\":null}", &row) == TR_OK && !row.is_embedded);
    CHECK(look("{\"input\":1,\"input\":2}", &row) == TR_OK); /* not looked at */
    CHECK(look("[1]", &row) == TR_DATA && strncmp(err.message, "log:7: ", 7) == 0);
    CHECK(says("{\"embedding\":1,\"embedding\":2}", "log:7: the key \"embedding\" occurs twice"));
    tr_rows_free(&rows);
}

static void text_of_a_row(void)
{
    tr_row row;
    tr_rows_init(&rows, NULL, true);
    CHECK(look("{\"text\":\"b\",\"input\":\"a\"}", &row) == TR_OK);
    CHECK(tr_str_equal(row.text, tr_str_c("a")));
    CHECK(look("{\"question\":\"x\\u00e9\\n\"}", &row) == TR_OK);
    CHECK(tr_str_equal(row.text, tr_str_c("x\xc3\xa9\n")));
    CHECK(look("{\"input\":\"\"}", &row) == TR_OK && row.text.data && row.text.size == 0);
    CHECK(look("{\"tr-split\":{}}", &row) == TR_OK && !row.is_row);
    CHECK(says("{\"q\":\"a\"}", "log:7: no input: none of the keys input, query, text, prompt, "
                                "question; name it by --input-key"));
    CHECK(says("{\"prompt\":[]}", "log:7: \"prompt\" is not a string"));
    CHECK(says("{\"input\":null,\"text\":\"a\"}", "log:7: \"input\" is not a string"));
    CHECK(says("{\"input\":\"\\ud800\"}",
               "log:7: \"input\" has half a surrogate pair, which is no character"));
    tr_rows_free(&rows);
    tr_rows_init(&rows, "q", true);
    CHECK(look("{\"input\":1,\"q\":\"a\"}", &row) == TR_OK);
    CHECK(tr_str_equal(row.text, tr_str_c("a")));
    CHECK(says("{\"input\":\"a\"}", "log:7: no \"q\""));
    tr_rows_free(&rows);
}

static void rendered_from_a_copy(void)
{
    static const float x[] = {1, 2};
    static const char e[] = "\"embedding\":\"AACAPwAAAEA=\"";
    char wanted[200];
    tr_rows_init(&rows, NULL, false);
#define WITH(before, after) (snprintf(wanted, sizeof wanted, "%s%s%s", before, e, after), wanted)
    CHECK(renders("{}", x, 2, WITH("{", "}")));
    CHECK(renders("{ \"a\" : 1 } ", x, 2, WITH("{ \"a\" : 1,", " } ")));
    CHECK(renders("{\"embedding\":[9,9,9], \"a\":1}", x, 2, WITH("{\"a\":1,", "}")));
    CHECK(
        renders("{\"a\":1 ,\"embedding\":{} , \"b\":2 }", x, 2, WITH("{\"a\":1 , \"b\":2,", " }")));
    CHECK(renders("{\"a\":1,\"embedding\":null}", NULL, 0, "{\"a\":1}"));
    CHECK(renders("{\"embedding\":null}", NULL, 0, "{}"));
    CHECK(renders("{\"a\":1}", NULL, 0, "{\"a\":1}"));
    tr_rows_free(&rows);
}

static void embeddings_that_are_there(void)
{
    float *x = NULL;
    size_t n = 9, room = 0;
    tr_row row;
    tr_rows_init(&rows, NULL, false);
    const char *line = "{\"a\":1,\"embedding\" : \"AACAPwAAAEA=\" }";
    CHECK(look(line, &row) == TR_OK);
    CHECK(tr_row_read(&row, tr_str_c(line), &x, &n, &room, &err) == TR_OK);
    CHECK(n == 2 && x[0] == 1 && x[1] == 2);
    line = "{\"embedding\":[3,4,5]}";
    CHECK(look(line, &row) == TR_OK);
    CHECK(tr_row_read(&row, tr_str_c(line), &x, &n, &room, &err) == TR_OK && n == 3 && x[2] == 5);
    static const char *const bad[][2] = {
        {"{\"embedding\":{}}", "log:7: \"embedding\" is neither an array of numbers nor base64"},
        {"{\"embedding\":[]}", "log:7: \"embedding\" is empty"},
        {"{\"embedding\":[1,\"2\"]}", "log:7: \"embedding\": element 2 is not a number"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK(look(bad[i][0], &row) == TR_OK);
        CHECK(tr_row_read(&row, tr_str_c(bad[i][0]), &x, &n, &room, &err) == TR_DATA);
        CHECK(strcmp(err.message, bad[i][1]) == 0);
    }
    free(x);
    tr_rows_free(&rows);
}

int main(void)
{
    CASE(which_lines_are_rows);
    CASE(text_of_a_row);
    CASE(rendered_from_a_copy);
    CASE(embeddings_that_are_there);
    return CHECK_END;
}
