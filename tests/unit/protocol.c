#include "embed/protocol.h"

#include <stdlib.h>

#include "check.h"

static tr_err err;

/* The body of a request for these two texts. */
static bool writes(const tr_protocol *p, const char *expected)
{
    const tr_str texts[] = {tr_str_c("a\"\n"), tr_str_c("")};
    tr_buf b;
    tr_buf_init(&b);
    tr_protocol_write(p, texts, 2, &b);
    bool well = !b.failed && tr_str_equal(tr_buf_str(&b), tr_str_c(expected));
    if (!well)
        printf("# got %.*s\n", (int)b.size, b.data);
    tr_buf_free(&b);
    return well;
}

static void requests(void)
{
    tr_protocol p = {.api = TR_PROTOCOL_OPENAI};
    CHECK(writes(&p, "{\"input\":[\"a\\\"\\n\",\"\"],\"encoding_format\":\"base64\"}"));
    p = (tr_protocol){.api = TR_PROTOCOL_OPENAI, .model = "m", .dimensions = 7};
    CHECK(writes(&p,
                 "{\"input\":[\"a\\\"\\n\",\"\"],\"model\":\"m\",\"encoding_format\":\"base64\","
                 "\"dimensions\":7}"));
    p.options = "\n{ \"dimensions\":8, \"mod\\u0065l\" : \"n\" , \"x\":{\"encoding_format\":1} }";
    CHECK(writes(&p, "{\"input\":[\"a\\\"\\n\",\"\"],\"encoding_format\":\"base64\", "
                     "\"dimensions\":8, \"mod\\u0065l\" : \"n\" , "
                     "\"x\":{\"encoding_format\":1} }"));
    p.options = "{ }";
    p.request_key = "a.b";
    CHECK(writes(&p, "{\"a\":{\"b\":[\"a\\\"\\n\",\"\"]},\"model\":\"m\"}"));
    p.request_key = "a[].b.c";
    CHECK(
        writes(&p, "{\"a\":[{\"b\":{\"c\":\"a\\\"\\n\"}},{\"b\":{\"c\":\"\"}}],\"model\":\"m\"}"));
    p = (tr_protocol){.api = TR_PROTOCOL_TEI, .dimensions = 7};
    CHECK(writes(&p, "{\"inputs\":[\"a\\\"\\n\",\"\"]}"));
    p.request_key = "[]";
    CHECK(writes(&p, "[\"a\\\"\\n\",\"\"]"));
    p.request_key = "[].text";
    CHECK(writes(&p, "[{\"text\":\"a\\\"\\n\"},{\"text\":\"\"}]"));
    p = (tr_protocol){.api = TR_PROTOCOL_OLLAMA, .model = "m", .dimensions = 7};
    CHECK(writes(&p, "{\"input\":[\"a\\\"\\n\",\"\"],\"model\":\"m\",\"dimensions\":7}"));
    p = (tr_protocol){.api = TR_PROTOCOL_LLAMACPP};
    CHECK(writes(&p, "{\"input\":[\"a\\\"\\n\",\"\"]}"));
}

static bool option_refused(tr_protocol p, const char *reason)
{
    bool well = tr_protocol_check(&p, &err) == TR_USAGE && strstr(err.message, reason);
    if (!well)
        printf("# got \"%s\"\n", err.message);
    return well;
}

static void options(void)
{
    tr_protocol p = {.request_key = "a.b[].c.d.e.f.g.h", .response_key = "[].a.b"};
    CHECK(tr_protocol_check(&p, &err) == TR_OK);
    p = (tr_protocol){.api = TR_PROTOCOL_OLLAMA, .request_key = "x"};
    CHECK(tr_protocol_check(&p, &err) == TR_OK);
    CHECK(option_refused((tr_protocol){.api = TR_PROTOCOL_OLLAMA}, "needs --model"));
    CHECK(option_refused((tr_protocol){.api = TR_PROTOCOL_TEI, .model = "m"}, "takes no --model"));
    static const char *const bad[][2] = {
        {"", "empty name"},     {".a", "empty name"},   {"a.", "empty name"},
        {"a..b", "empty name"}, {"a[]b", "no dot"},     {"a[0]", "no \"[]\""},
        {"a[", "no \"[]\""},    {"a[][]", "no dot"},    {"a[].[]", "empty name"},
        {"[].a[]", "twice"},    {"a.[]", "empty name"}, {"a.b.c.d.e.f.g.h.i", "8 names"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK(option_refused((tr_protocol){.request_key = bad[i][0]}, bad[i][1]));
        CHECK(option_refused((tr_protocol){.response_key = bad[i][0]}, bad[i][1]));
    }
    CHECK(option_refused((tr_protocol){.options = "{"}, "--options: bad JSON"));
    CHECK(option_refused((tr_protocol){.options = "[1]"}, "JSON object"));
    CHECK(option_refused((tr_protocol){.options = ""}, "--options: bad JSON"));
    CHECK(option_refused((tr_protocol){.request_key = "[]", .options = "{}"}, "no place"));
}

typedef struct {
    float *x;
    size_t n, capacity, d;
} rows;

static tr_code read(rows *r, const tr_protocol *p, const char *body, size_t n)
{
    err.message[0] = '\0';
    return tr_protocol_read(p, tr_str_c(body), n, &r->x, &r->n, &r->capacity, &r->d, &err);
}

/* Two texts get the rows (1, 2) and (3, 4). */
static bool reads(const tr_protocol *p, const char *body)
{
    rows r = {0};
    bool well = read(&r, p, body, 2) == TR_OK && r.n == 4 && r.d == 2;
    for (size_t i = 0; well && i < 4; i++)
        well = r.x[i] == (float)(i + 1);
    if (!well)
        printf("# %s: \"%s\"\n", body, err.message);
    free(r.x);
    return well;
}

static void answers(void)
{
    tr_protocol p = {.api = TR_PROTOCOL_OPENAI};
    CHECK(reads(&p, "{\"data\":[{\"index\":0,\"embedding\":[1,2]},{\"embedding\":[3,4.0],"
                    "\"index\":1}],\"usage\":{}}"));
    CHECK(reads(&p, " {\"object\":\"list\", \"data\" :\n[ {\"embedding\" : [3 , 4],\"index\":1 } , "
                    "{\"index\":0,\"embedding\":[ 1,2 ]}]}\r\n"));
    CHECK(reads(&p, "{\"data\":[{\"embedding\":\"AACAPwAAAEA=\"},"
                    "{\"embedding\":\"AABAQAAAgEA=\"}]}"));
    CHECK(reads(&p, "{\"x\":\"}]\\\"\",\"dat\\u0061\":[{\"embedding\":\"AACAPwAAAEA=\"},"
                    "{\"e\":[[]],\"embedding\":[3e0,40e-1]}]}"));
    p.api = TR_PROTOCOL_TEI;
    CHECK(reads(&p, "[[1,2],[3,4]]"));
    p.api = TR_PROTOCOL_OLLAMA;
    CHECK(reads(&p, "{\"model\":\"m\",\"embeddings\":[[1,2],[3,4]],\"load_duration\":1}"));
    p.api = TR_PROTOCOL_LLAMACPP;
    CHECK(reads(&p, "[{\"index\":1,\"embedding\":[[3,4]]},{\"index\":0,\"embedding\":[[1,2]]}]"));
    CHECK(reads(&p, "[{\"embedding\":[1,2]},{\"embedding\":[3,4]}]"));
    p.response_key = "a.b[].c.d";
    CHECK(reads(&p, "{\"a\":{\"b\":[{\"c\":{\"d\":[1,2]}},{\"c\":{\"d\":[3,4]}}]}}"));
    p.response_key = "a.b";
    CHECK(reads(&p, "{\"a\":{\"b\":[[1,2],\"AABAQAAAgEA=\"]}}"));
}

static bool answer_refused(const tr_protocol *p, const char *body, const char *reason)
{
    float *x = NULL;
    rows r = {.x = x, .n = 0};
    bool well = read(&r, p, body, 2) == TR_DATA && strstr(err.message, reason) && r.n == 0;
    if (!well)
        printf("# %s: \"%s\"\n", body, err.message);
    free(r.x);
    return well;
}

static void answers_refused(void)
{
    tr_protocol p = {.api = TR_PROTOCOL_OPENAI};
    static const char *const openai[][2] = {
        {"", "not JSON"},
        {"{\"data\":[", "not JSON"},
        {"{\"data\":[]} x", "not JSON"},
        {"{\"data\":[{\"embedding\":[NaN,1]}]}", "NaN and Infinity are not JSON"},
        {"{}", "no \"data\" in the answer, which reads: {}"},
        {"[]", "no \"data\""},
        {"7", "no \"data\""},
        {"{\"error\":{\"message\":\"busy \\n now\"}}", "reads: busy now"},
        {"{\"data\":{}}", "a list of vectors was expected"},
        {"{\"data\":[]}", "2 texts were sent, but 0 vectors"},
        {"{\"data\":[{\"embedding\":[1]}]}", "but 1 vectors"},
        {"{\"data\":[{\"embedding\":[1]},{\"embedding\":[1]},3,4]}", "but 4 vectors"},
        {"{\"data\":[[1],[2]]}", "vector 1 has no \"embedding\""},
        {"{\"data\":[{\"embedding\":[1]},{\"object\":1}]}", "vector 2 has no \"embedding\""},
        {"{\"data\":[{\"embedding\":[1]},{\"embedding\":[]}]}", "of text 2 is empty"},
        {"{\"data\":[{\"embedding\":\"\"},{\"embedding\":[1]}]}", "of text 1 is empty"},
        {"{\"data\":[{\"embedding\":[1]},{\"embedding\":[1,2]}]}",
         "2 has 2 numbers, that of text 1"},
        {"{\"data\":[{\"embedding\":[1]},{\"embedding\":[null]}]}", "2: element 1 is not a number"},
        {"{\"data\":[{\"embedding\":[1]},{\"embedding\":null}]}", "text 2: neither"},
        {"{\"data\":[{\"embedding\":[1]},{\"embedding\":[1e39]}]}", "too large"},
        {"{\"data\":[{\"embedding\":[1]},{\"embedding\":\"AADAfw==\"}]}", "NaN or infinite"},
        {"{\"data\":[{\"embedding\":[1]},{\"embedding\":\"AADA\"}]}", "no multiple of 4"},
        {"{\"data\":[{\"embedding\":[1]},{\"index\":1,\"embedding\":[1]}]}", "others have none"},
        {"{\"data\":[{\"index\":0,\"embedding\":[1]},{\"embedding\":[1]}]}", "others have none"},
        {"{\"data\":[{\"index\":1,\"embedding\":[1]},{\"index\":1,\"embedding\":[1]}]}",
         "two vectors have the \"index\" 1"},
        {"{\"data\":[{\"index\":2,\"embedding\":[1]},{\"index\":1,\"embedding\":[1]}]}",
         "the \"index\" 2, but 2 texts"},
        {"{\"data\":[{\"index\":-1,\"embedding\":[1]},3]}", "the \"index\" -1"},
        {"{\"data\":[{\"index\":\"0\",\"embedding\":[1]},3]}", "the \"index\" \"0\""},
        {"{\"data\":[{\"index\":99999999999999999999999999,\"embedding\":[1]},3]}",
         "the \"index\" 9"},
    };
    for (size_t i = 0; i < sizeof openai / sizeof *openai; i++)
        CHECK(answer_refused(&p, openai[i][0], openai[i][1]));
    p.api = TR_PROTOCOL_LLAMACPP;
    CHECK(answer_refused(&p, "[{\"embedding\":[[1],[2]]},{\"embedding\":[[1]]}]",
                         "several vectors for text 1"));
    CHECK(answer_refused(&p, "[{\"embedding\":[[]]},{\"embedding\":[[1]]}]", "text 1 is empty"));
    p.api = TR_PROTOCOL_TEI;
    CHECK(answer_refused(&p, "[[1],[2],[3]]", "but 3 vectors"));
    CHECK(answer_refused(&p, "[1,2]", "text 1: neither an array"));
    CHECK(answer_refused(&p, "{\"error\":\"too long\",\"error_type\":\"Validation\"}",
                         "expected; the answer reads: too long"));
}

/* What was read before stays. */
static void answers_add_up(void)
{
    tr_protocol p = {.api = TR_PROTOCOL_TEI};
    rows r = {0};
    CHECK(read(&r, &p, "[[1,2,3]]", 1) == TR_OK && r.n == 3 && r.d == 3);
    CHECK(read(&r, &p, "[[4,5,6],[1]]", 2) == TR_DATA && r.n == 3);
    CHECK(read(&r, &p, "[[4,5,6]]", 1) == TR_OK && r.n == 6 && r.x[3] == 4);
    free(r.x);
}

static bool says(const char *body, const char *expected)
{
    char text[TR_PROTOCOL_COMPLAINT];
    tr_protocol_complaint(tr_str_c(body), text);
    bool well = strcmp(text, expected) == 0;
    if (!well)
        printf("# %s: \"%s\"\n", body, text);
    return well;
}

static void complaints(void)
{
    CHECK(says("", ""));
    CHECK(says("{\"error\":{\"message\":\"a\\tb\",\"type\":\"t\"}}", "a b"));
    CHECK(says("{\"error\":\"x\",\"error_type\":\"t\"}", "x"));
    CHECK(says("{\"object\":\"error\",\"message\":\"m\"}", "m"));
    CHECK(says("{\"detail\":\"d\"}", "d"));
    CHECK(says("{\"detail\":[{\"loc\":[\"body\"],\"msg\":\"field required\"}]}", "field required"));
    CHECK(says("{\"error\":{\"code\":7}}", "{\"error\":{\"code\":7}}"));
    CHECK(says("{\"error\":\"\\ud800\"}", "{\"error\":\"\\ud800\"}"));
    CHECK(says("<html>\n<head><title>502 Bad\r\nGateway</title></head>", "502 Bad Gateway"));
    CHECK(says("<title>", "<title>"));
    CHECK(says(" plain \x1b[1m\n\n words \xff\xc3\xa9 ", "plain [1m words ?\xc3\xa9"));
    char body[2000], text[TR_PROTOCOL_COMPLAINT];
    for (size_t i = 0; i < sizeof body; i += 2)
        memcpy(body + i, "\xc3\xa9", 2);
    tr_protocol_complaint(tr_str_of(body, sizeof body), text);
    CHECK(strlen(text) > 300 && strlen(text) < TR_PROTOCOL_COMPLAINT);
    CHECK(strcmp(text + strlen(text) - 5, "\xc3\xa9...") == 0);
}

int main(void)
{
    CASE(requests);
    CASE(options);
    CASE(answers);
    CASE(answers_refused);
    CASE(answers_add_up);
    CASE(complaints);
    return CHECK_END;
}
