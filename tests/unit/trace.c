#include "traces/trace.h"

#include "check.h"

static tr_trace_parser *parser;
static tr_trace t;
static tr_err err;

static void open_keys(tr_trace_keys keys, unsigned needs)
{
    tr_trace_close(parser);
    parser = tr_trace_open(keys, needs, NULL);
}

static void open_log(void)
{
    open_keys((tr_trace_keys){0}, TR_TRACE_NEED_INPUT | TR_TRACE_NEED_TEACHER);
}

static tr_code parse(const char *line)
{
    return tr_trace_parse(parser, tr_str_c(line), 1, &t, &err);
}

static bool is(tr_str s, const char *text)
{
    return s.data && tr_str_equal(s, tr_str_c(text));
}

static void plain(void)
{
    open_log();
    CHECK(parse("{\"input\":\"a b\",\"teacher\":\"x\",\"id\":\"7\",\"n\":1e999}") == TR_OK);
    CHECK(is(t.input, "a b") && is(t.teacher, "x") && is(t.id, "7"));
    CHECK(!t.group.data && !t.time.data && !t.embedding && !t.is_decision && !t.is_trailer);
    CHECK(t.propensity == 1 && t.shadow_share == 1 && t.side == TR_SIDE_NONE);
    CHECK(t.group_hash == t.row);
    CHECK(tr_trace_members(parser)->n == 4);
    CHECK(parse("{\"teacher\":\"x\",\"input\":\"\"}") == TR_OK && is(t.input, ""));
}

static void escapes(void)
{
    open_log();
    CHECK(parse("{\"input\":\"\\u00e9\\n\",\"teacher\":\"\\ud83d\\ude00\",\"id\":\"\\\"\","
                "\"group\":\"\\t\"}") == TR_OK);
    CHECK(is(t.input, "\xc3\xa9\n") && is(t.teacher, "\xf0\x9f\x98\x80") && is(t.id, "\""));
    CHECK(is(t.group, "\t"));
    /* a key that is written with escapes is the same key */
    CHECK(parse("{\"inp\\u0075t\":\"a\",\"teacher\":\"b\"}") == TR_OK && is(t.input, "a"));
    CHECK(parse("{\"input\":\"\\ud800\",\"teacher\":\"b\"}") == TR_DATA);
    CHECK(strstr(err.message, "surrogate") != NULL);
}

static void aliases(void)
{
    open_log();
    CHECK(parse("{\"answer\":\"l\",\"question\":\"q\"}") == TR_OK);
    CHECK(is(t.input, "q") && is(t.teacher, "l"));
    CHECK(parse("{\"label\":\"l\",\"text\":\"t\",\"query\":\"q\","
                "\"teacher_output\":\"o\"}") == TR_OK);
    CHECK(is(t.input, "q") && is(t.teacher, "o"));
    /* the first that is there counts, even where it is bad */
    CHECK(parse("{\"input\":null,\"text\":\"t\",\"label\":\"x\"}") == TR_DATA);
}

static void named_keys(void)
{
    open_keys((tr_trace_keys){.input_key = "q", .label_key = "label", .group_key = "id"},
              TR_TRACE_NEED_INPUT | TR_TRACE_NEED_TEACHER);
    CHECK(parse("{\"label\":\"l\",\"teacher\":\"no\",\"input\":\"no\",\"q\":\"yes\",\"id\":3}") ==
          TR_OK);
    CHECK(is(t.input, "yes") && is(t.teacher, "l") && is(t.id, "3") && is(t.group, "3"));
    CHECK(parse("{\"teacher\":\"l\",\"q\":\"yes\"}") == TR_DATA); /* no label under its key */
    /* a decision has its label under "teacher" whatever the key of traces is */
    CHECK(parse("{\"decision\":\"handled\",\"label\":\"l\",\"teacher\":\"x\","
                "\"q\":\"a\"}") == TR_OK);
    CHECK(is(t.teacher, "x"));
    /* a named key may have a reserved name */
    open_keys(
        (tr_trace_keys){.input_key = "decision", .label_key = "split", .group_key = "decision"},
        TR_TRACE_NEED_INPUT | TR_TRACE_NEED_TEACHER);
    CHECK(parse("{\"decision\":\"buy\",\"split\":\"a\"}") == TR_OK);
    CHECK(is(t.input, "buy") && is(t.teacher, "a") && is(t.group, "buy") && !t.is_decision);
    CHECK(t.side == TR_SIDE_NONE);
    const tr_scan_member *m = tr_trace_input_member(parser);
    CHECK(m && !strcmp(tr_trace_key_name(parser, m->known), "decision"));
    /* one key for both is the caller's concern, but no crash */
    open_keys((tr_trace_keys){.input_key = "a", .label_key = "a"}, 0);
    CHECK(parse("{\"a\":\"b\"}") == TR_OK && is(t.input, "b") && is(t.teacher, "b"));
}

static void label_kinds(void)
{
    open_log();
    CHECK(parse("{\"input\":\"a\",\"teacher\":1.50}") == TR_OK && is(t.teacher, "1.50"));
    CHECK(parse("{\"input\":\"a\",\"teacher\":true}") == TR_OK && is(t.teacher, "true"));
    CHECK(parse("{\"input\":\"a\",\"teacher\":\"\"}") == TR_OK && is(t.teacher, ""));
}

static void refused(void)
{
    static const char *const lines[] = {
        "",
        "[]",
        "\"a\"",
        "{\"input\":\"a\",\"teacher\":\"b\"",
        "{\"input\":\"a\",\"teacher\":\"b\"} x",
        "{\"input\":\"a\"}",
        "{\"teacher\":\"b\"}",
        "{\"input\":null,\"teacher\":\"b\"}",
        "{\"input\":[\"a\"],\"teacher\":\"b\"}",
        "{\"input\":1,\"teacher\":\"b\"}",
        "{\"input\":\"a\",\"teacher\":null}",
        "{\"input\":\"a\",\"teacher\":[\"b\"]}",
        "{\"input\":\"a\",\"teacher\":{}}",
        "{\"input\":\"a\",\"input\":\"a\",\"teacher\":\"b\"}",
        "{\"input\":\"\xff\",\"teacher\":\"b\"}",
        "{\"input\":\"a\",\"teacher\":\"b\",\"id\":null}",
        "{\"input\":\"a\",\"teacher\":\"b\",\"id\":[1]}",
        "{\"input\":\"a\",\"teacher\":\"b\",\"group\":true}",
        "{\"input\":\"a\",\"teacher\":\"b\",\"propensity\":1.5,\"shadow_share\":1}",
        "{\"input\":\"a\",\"teacher\":\"b\",\"propensity\":-1,\"shadow_share\":1}",
        "{\"input\":\"a\",\"teacher\":\"b\",\"propensity\":\"1\",\"shadow_share\":1}",
        "{\"input\":\"a\",\"teacher\":\"b\",\"propensity\":0.5}",
        "{\"input\":\"a\",\"teacher\":\"b\",\"shadow_share\":0.5}",
        "{\"input\":\"a\",\"teacher\":\"b\",\"propensity\":0.1,\"shadow_share\":0.2}",
        "{\"input\":\"a\",\"teacher\":\"b\",\"propensity\":0,\"shadow_share\":0}",
        "{\"tr-split\":{},\"n\":1}",
    };
    open_log();
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        err = (tr_err){0};
        if (parse(lines[i]) != TR_DATA || !*err.message)
            printf("# accepted: %s\n", lines[i]);
        CHECK(parse(lines[i]) == TR_DATA && *err.message);
    }
    CHECK(tr_trace_parse(parser, tr_str_of("{\"input\":\"a\0\"}", 14), 1, &t, &err) == TR_DATA);
    CHECK(tr_trace_members(parser)->n == 0);
    CHECK(parse("{\"input\":4,\"teacher\":\"b\"}") == TR_DATA);
    CHECK(tr_trace_members(parser)->n == 2); /* the JSON was sound */
}

static void decisions(void)
{
    open_log();
    CHECK(parse("{\"input\":\"a\",\"label\":\"s\",\"decision\":\"handled\",\"propensity\":0,"
                "\"shadow_share\":0}") == TR_OK);
    CHECK(t.is_decision && !t.teacher.data && t.propensity == 0);
    CHECK(parse("{\"decision\":\"deferred\",\"error\":\"no input\",\"input\":3}") == TR_OK);
    CHECK(t.is_decision && !t.teacher.data && !t.input.data);
    CHECK(parse("{\"decision\":\"deferred\",\"error\":\"x\",\"input\":\"\\ud800\"}") == TR_OK);
    CHECK(parse("{\"decision\":\"deferred\",\"input\":\"a\",\"id\":null,\"group\":[]}") == TR_OK);
    CHECK(!t.teacher.data);
    CHECK(parse("{\"input\":\"a\",\"decision\":\"deferred\",\"teacher\":null}") == TR_OK);
    CHECK(!t.teacher.data);
    CHECK(parse("{\"input\":\"a\",\"label\":null,\"decision\":\"deferred\",\"teacher\":\"x\","
                "\"propensity\":1,\"shadow_share\":0.05}") == TR_OK);
    CHECK(is(t.teacher, "x") && t.propensity == 1 && t.shadow_share == .05);
    /* a trace, and no input */
    CHECK(parse("{\"decision\":\"deferred\",\"teacher\":\"x\"}") == TR_DATA);
    open_keys((tr_trace_keys){0}, TR_TRACE_NEED_INPUT); /* requests */
    CHECK(parse("{\"input\":\"a\"}") == TR_OK && !t.teacher.data);
    CHECK(parse("{\"input\":\"a\",\"teacher\":null}") == TR_OK && !t.teacher.data);
    CHECK(parse("{\"decision\":\"deferred\"}") == TR_DATA);
    CHECK(parse("{\"input\":\"a\",\"group\":null,\"propensity\":\"x\"}") == TR_OK);
    CHECK(!t.group.data && t.propensity == 1);
    /* a decision that is to be decided anew */
    CHECK(parse("{\"input\":\"a\",\"decision\":\"handled\",\"propensity\":\"x\"}") == TR_OK);
    CHECK(t.is_decision && t.propensity == 1);
}

static void split_lines(void)
{
    open_keys((tr_trace_keys){0}, TR_TRACE_NEED_SPLIT | TR_TRACE_NEED_INPUT);
    CHECK(parse("{\"input\":\"a\",\"teacher\":\"x\",\"split\":\"train\"}") == TR_OK);
    CHECK(t.side == TR_SIDE_TRAIN && !t.unlisted);
    CHECK(parse("{\"input\":\"a\",\"split\":\"calibration\",\"unlisted\":true}") == TR_OK);
    CHECK(t.side == TR_SIDE_CALIBRATION && t.unlisted);
    CHECK(parse("{\"input\":\"a\",\"split\":\"test\"}") == TR_OK && t.side == TR_SIDE_TEST);
    CHECK(parse("{\"input\":\"a\",\"split\":\"validation\"}") == TR_DATA);
    CHECK(parse("{\"input\":\"a\"}") == TR_DATA);
    CHECK(parse(" {\"tr-split\" : {\"rows\": 1} } ") == TR_OK && t.is_trailer);
    CHECK(is(t.trailer, "{\"rows\": 1}"));
    open_log(); /* a log's own "split" is nobody's business */
    CHECK(parse("{\"input\":\"a\",\"teacher\":\"x\",\"split\":\"validation\"}") == TR_OK);
}

static bool refused_for(const char *line, const char *reason)
{
    err = (tr_err){0};
    bool well = parse(line) == TR_DATA && strstr(err.message, reason);
    if (!well)
        printf("# %s: \"%s\", not \"%s\"\n", line, err.message, reason);
    return well;
}

static void embeddings(void)
{
    open_keys((tr_trace_keys){0}, TR_TRACE_READ_EMBEDDING);
    CHECK(parse("{\"embedding\":[1,-0.5]}") == TR_OK && t.dimensions == 2);
    CHECK(t.embedding && t.embedding[1] == -.5f);
    CHECK(parse("{\"embedding\":\"AACAPwAAAEA=\"}") == TR_OK && t.dimensions == 2);
    CHECK(t.embedding && t.embedding[0] == 1 && t.embedding[1] == 2);
    CHECK(parse("{\"input\":\"a\"}") == TR_OK && !t.embedding && t.dimensions == 0);
    CHECK(refused_for("{\"embedding\":[]}", "is empty"));
    CHECK(refused_for("{\"embedding\":\"\"}", "is empty"));
    CHECK(refused_for("{\"embedding\":[1,null]}", "element 2 is not a number"));
    CHECK(refused_for("{\"embedding\":[1,1e39]}", "element 2 is too large"));
    CHECK(refused_for("{\"embedding\":\"AACAfw==\"}", "element 1 is NaN or infinite"));
    CHECK(refused_for("{\"embedding\":\"AACAPwA=\"}", "5 bytes, no multiple of 4"));
    CHECK(refused_for("{\"embedding\":\"none\\ud800\"}", "not base64"));
    CHECK(refused_for("{\"embedding\":null}", "\"embedding\" is null, not an array"));
    CHECK(refused_for("{\"embedding\":1}", "\"embedding\" is a number, not an array"));
    CHECK(refused_for("{\"embedding\":{\"0\":1}}", "\"embedding\" is an object, not an array"));
    CHECK(refused_for("{\"embedding\":[1],\"embedding\":[1]}", "occurs twice"));
    tr_buf b; /* one number too many */
    tr_buf_init(&b);
    tr_buf_add_c(&b, "{\"embedding\":[1");
    for (int i = 1; i <= TR_FLOATS_MOST; i++)
        tr_buf_add_c(&b, ",1");
    tr_buf_add(&b, "]}", 3);
    CHECK(refused_for(b.data, "more than 16,384"));
    tr_buf_free(&b);
    open_log(); /* not asked for: anybody's */
    CHECK(parse("{\"input\":\"a\",\"teacher\":\"x\",\"embedding\":null}") == TR_OK);
    CHECK(t.dimensions == 0);
    /* of a request as of a trace; a decision that is skipped is not looked at */
    open_keys((tr_trace_keys){0}, TR_TRACE_NEED_INPUT | TR_TRACE_READ_EMBEDDING);
    CHECK(parse("{\"input\":\"a\",\"embedding\":[3]}") == TR_OK && t.dimensions == 1);
    CHECK(refused_for("{\"input\":\"a\",\"embedding\":[]}", "is empty"));
    CHECK(tr_trace_members(parser)->n == 2); /* a router can still pass the line on */
    CHECK(refused_for("{\"embedding\":[3]}", "no input"));
    open_keys((tr_trace_keys){0},
              TR_TRACE_NEED_TEACHER | TR_TRACE_NEED_TEXT_OR_EMBEDDING | TR_TRACE_READ_EMBEDDING);
    CHECK(parse("{\"decision\":\"deferred\",\"input\":\"a\",\"embedding\":[]}") == TR_OK);
    CHECK(!t.teacher.data && t.dimensions == 0);
    CHECK(refused_for("{\"decision\":\"deferred\",\"teacher\":\"x\",\"input\":\"a\","
                      "\"embedding\":[]}",
                      "is empty"));
}

static void text_or_embedding(void)
{
    unsigned needs = TR_TRACE_NEED_TEXT_OR_EMBEDDING | TR_TRACE_NEED_TEACHER;
    for (unsigned read = 0; read <= TR_TRACE_READ_EMBEDDING; read += TR_TRACE_READ_EMBEDDING) {
        open_keys((tr_trace_keys){0}, needs | read);
        CHECK(parse("{\"teacher\":\"x\",\"input\":\"a\"}") == TR_OK && is(t.input, "a"));
        CHECK(parse("{\"teacher\":\"x\",\"embedding\":[1]}") == TR_OK && !t.input.data);
        CHECK(t.dimensions == (read ? 1 : 0) && !tr_trace_input_member(parser));
        CHECK(parse("{\"teacher\":\"x\",\"embedding\":[1],\"text\":\"\"}") == TR_OK);
        CHECK(is(t.input, ""));
        CHECK(refused_for("{\"teacher\":\"x\"}", "and no \"embedding\"; name it by --input-key"));
        CHECK(refused_for("{\"teacher\":\"x\",\"embedding\":[1],\"input\":null}", "is null"));
        open_keys((tr_trace_keys){.input_key = "q"}, needs | read);
        CHECK(refused_for("{\"teacher\":\"x\"}", "no \"q\", and no \"embedding\""));
    }
    /* what is asked for may change from line to line */
    tr_trace_require(parser, TR_TRACE_READ_EMBEDDING);
    CHECK(parse("{\"embedding\":[1]}") == TR_OK && t.dimensions == 1);
    tr_trace_require(parser, TR_TRACE_NEED_INPUT);
    CHECK(refused_for("{\"embedding\":[1]}", "no \"q\""));
}

static void shapes(void)
{
    static const tr_trace text = {.input = {"a", 1}}, none = {.input = {"", 0}};
    static const float x[2];
    static const tr_trace one = {.embedding = x, .dimensions = 1};
    static const tr_trace two = {.embedding = x, .dimensions = 2};
    static const tr_trace both = {.input = {"a", 1}, .embedding = x, .dimensions = 2};
    static const struct {
        const tr_trace *first, *second;
        const char *reason;
    } cases[] = {
        {&text, &none, NULL},
        {&one, &one, NULL},
        {&both, &both, NULL},
        {&text, &both, "an \"embedding\", but"},
        {&both, &text, "no \"embedding\", but"},
        {&one, &two, "has 2 numbers, those of the traces before have 1"},
        {&two, &both, "an input, but"},
        {&both, &two, "no input, but"},
        {&text, &one, "an \"embedding\", but"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tr_trace_shape s = {0};
        CHECK(tr_trace_same_shape(&s, cases[i].first, &err) == TR_OK && s.known);
        CHECK(tr_trace_same_shape(&s, cases[i].first, &err) == TR_OK);
        tr_code code = tr_trace_same_shape(&s, cases[i].second, &err);
        CHECK(code == (cases[i].reason ? TR_DATA : TR_OK));
        CHECK(!cases[i].reason || strstr(err.message, cases[i].reason));
        CHECK(s.dimensions == cases[i].first->dimensions); /* the first one made it */
    }
}

static void identity(void)
{
    tr_str none = {NULL, 0}, a = tr_str_c("a"), b = tr_str_c("b");
    CHECK(tr_trace_identity(a, a, 1) == tr_trace_identity(a, b, 2));
    CHECK(tr_trace_identity(a, a, 1) != tr_trace_identity(b, a, 1));
    CHECK(tr_trace_identity(none, a, 1) != tr_trace_identity(none, a, 2));
    CHECK(tr_trace_identity(none, a, 1) != tr_trace_identity(none, b, 1));
    CHECK(tr_trace_identity(none, a, 1) == tr_trace_identity(none, a, 1));
    /* frozen: the sides of old logs depend on them */
    CHECK(tr_trace_identity(a, b, 9) == 0xcc28a5ab021849caULL);
    CHECK(tr_trace_identity(none, b, 9) == 0xe2a2c9dbf02613c0ULL);
    open_log();
    CHECK(parse("{\"input\":\"a\",\"teacher\":\"x\",\"group\":\"g\"}") == TR_OK);
    uint64_t group = t.group_hash;
    CHECK(group != t.row);
    CHECK(parse("{\"input\":\"b\",\"teacher\":\"y\",\"group\":\"g\"}") == TR_OK);
    CHECK(t.group_hash == group);
}

static void digests(void)
{
    static const char *const lines[] = {
        "{\"id\":1,\"input\":\"a\",\"teacher\":\"x\"}",
        "{\"id\":2,\"input\":\"a\",\"teacher\":\"x\"}",
        "{\"id\":1,\"input\":\"b\",\"teacher\":\"x\"}",
        "{\"id\":1,\"input\":\"a\",\"teacher\":\"y\"}",
        "{\"id\":1,\"input\":\"a\",\"teacher\":\"x\",\"group\":\"g\"}",
        "{\"id\":1,\"input\":\"a\",\"teacher\":\"x\",\"propensity\":1,\"shadow_share\":0.5}",
    };
    tr_digest one[7], forth = {0, 0}, back = {0, 0}, parsed = {0, 0};
    char text[33];
    open_log();
    memset(one, 0, sizeof one);
    for (int i = 0; i < 6; i++) {
        CHECK(parse(lines[i]) == TR_OK);
        tr_digest_add(&one[i], &t, TR_SIDE_TRAIN);
        tr_digest_add(&forth, &t, TR_SIDE_TRAIN);
        CHECK(parse(lines[5 - i]) == TR_OK);
        tr_digest_add(&back, &t, TR_SIDE_TRAIN);
    }
    CHECK(parse(lines[0]) == TR_OK);
    tr_digest_add(&one[6], &t, TR_SIDE_TEST);
    for (int i = 0; i < 7; i++)
        for (int j = 0; j < i; j++)
            CHECK(!tr_digest_equal(one[i], one[j]));
    CHECK(tr_digest_equal(forth, back));
    tr_digest_print(forth, text);
    CHECK(strlen(text) == 32 && tr_digest_parse(tr_str_c(text), &parsed));
    CHECK(tr_digest_equal(parsed, forth));
    CHECK(!tr_digest_parse(tr_str_c("00"), &parsed));
    text[4] = 'G';
    CHECK(!tr_digest_parse(tr_str_c(text), &parsed));
}

int main(void)
{
    CASE(plain);
    CASE(escapes);
    CASE(aliases);
    CASE(named_keys);
    CASE(label_kinds);
    CASE(refused);
    CASE(decisions);
    CASE(split_lines);
    CASE(embeddings);
    CASE(text_or_embedding);
    CASE(shapes);
    CASE(identity);
    CASE(digests);
    tr_trace_close(parser);
    return CHECK_END;
}
