#include "traces/split.h"

#include "doors/json.h"
#include "traces/instant.h"

#include <stdlib.h>
#include <string.h>

double tr_split_auto_share(uint64_t n)
{
    double share = n ? 2000.0 / (double)n : 1;
    return share < 0.15 ? 0.15 : share > 0.40 ? 0.40 : share;
}

void tr_split_init(tr_split *s, uint64_t seed, double share, double test_share)
{
    *s = (tr_split){
        .seed = seed,
        .share = share,
        .test_share = test_share,
        .fresh_after = INT64_MIN,
        .split = tr_hash_derive(seed, "split"),
        .test = tr_hash_derive(seed, "test"),
        .thin = tr_hash_derive(seed, "thin"),
    };
}

static double draw(tr_hash_key key, uint64_t x)
{
    return tr_hash_unit(tr_hash_keyed_u64(key, x));
}

bool tr_split_is_test(const tr_split *s, const tr_trace *t)
{
    return draw(s->test, t->group_hash) < s->test_share;
}

bool tr_split_is_stale(const tr_split *s, const tr_trace *t)
{
    return t->instant <= s->fresh_after && s->fresh_after != INT64_MIN;
}

bool tr_split_is_eligible(const tr_split *s, const tr_trace *t)
{
    if (tr_split_is_stale(s, t))
        return false;
    /* Shadowed rows always (the quotient is 1), deferred ones with probability shadow_share. */
    return t->propensity > 0 && draw(s->thin, t->row) < t->shadow_share / t->propensity;
}

tr_side tr_split_side(const tr_split *s, const tr_trace *t, bool eligible)
{
    return eligible && draw(s->split, t->group_hash) < s->share ? TR_SIDE_CALIBRATION
                                                                : TR_SIDE_TRAIN;
}

/* ---- the trailer ---- */

void tr_split_trailer_write(const tr_split_trailer *t, tr_buf *out)
{
    char digest[33];
    tr_json_writer w;

    tr_digest_print(t->digest, digest);
    tr_json_begin(&w, out, false);
    tr_json_open_object(&w);
    tr_json_key(&w, "tr-split");
    tr_json_open_object(&w);
    tr_json_key_u64(&w, "rows", t->rows);
    tr_json_key_u64(&w, "seed", t->seed);
    tr_json_key_double(&w, "share", t->share);
    tr_json_key_double(&w, "test_share", t->test_share);
    tr_json_key_bool(&w, "grouped", t->grouped);
    if (*t->group_key)
        tr_json_key_c(&w, "group_key", t->group_key);
    if (*t->input_key)
        tr_json_key_c(&w, "input_key", t->input_key);
    if (*t->label_key)
        tr_json_key_c(&w, "label_key", t->label_key);
    if (*t->fresh_after)
        tr_json_key_c(&w, "fresh_after", t->fresh_after);
    if (*t->last) {
        tr_json_key_u64(&w, "eligible", t->eligible);
        tr_json_key_c(&w, "last", t->last);
    }
    tr_json_key_c(&w, "digest", digest);
    tr_json_close_object(&w);
    tr_json_close_object(&w);
}

/* A key's name, "" where the trailer has none. */
static bool read_name(const tr_json *object, const char *key, char *out, size_t room)
{
    const tr_json *node = tr_json_get(object, key);
    const char *text = "";
    if (node && (!tr_json_as_text(node, &text) || strlen(text) >= room))
        return false;
    memcpy(out, text, strlen(text) + 1);
    return true;
}

static bool read_fraction(const tr_json *object, const char *key, double *out)
{
    return tr_json_as_double(tr_json_get(object, key), out) && *out >= 0 && *out <= 1;
}

tr_code tr_split_trailer_read(tr_split_trailer *t, tr_str object, tr_err *err)
{
    *t = (tr_split_trailer){0};
    tr_json *root = tr_json_parse(object, err);
    if (!root)
        return err ? err->code : TR_DATA;
    const char *digest = "";
    const char *wrong = NULL;
    if (!tr_json_as_u64(tr_json_get(root, "rows"), &t->rows))
        wrong = "rows";
    else if (!tr_json_as_u64(tr_json_get(root, "seed"), &t->seed))
        wrong = "seed";
    else if (!read_fraction(root, "share", &t->share))
        wrong = "share";
    else if (!read_fraction(root, "test_share", &t->test_share))
        wrong = "test_share";
    else if (!tr_json_as_bool(tr_json_get(root, "grouped"), &t->grouped))
        wrong = "grouped";
    else if (!read_name(root, "group_key", t->group_key, sizeof t->group_key))
        wrong = "group_key";
    else if (!read_name(root, "input_key", t->input_key, sizeof t->input_key))
        wrong = "input_key";
    else if (!read_name(root, "label_key", t->label_key, sizeof t->label_key))
        wrong = "label_key";
    else if (!read_name(root, "fresh_after", t->fresh_after, sizeof t->fresh_after))
        wrong = "fresh_after";
    else if (!read_name(root, "last", t->last, sizeof t->last))
        wrong = "last";
    else if (*t->last && !tr_json_as_u64(tr_json_get(root, "eligible"), &t->eligible))
        wrong = "eligible";
    else if (!tr_json_as_text(tr_json_get(root, "digest"), &digest) ||
             !tr_digest_parse(tr_str_c(digest), &t->digest))
        wrong = "digest";
    tr_json_free(root);
    if (!wrong)
        return TR_OK;
    return tr_err_set(err, TR_DATA, "the tr-split line at the end has no proper \"%s\"", wrong);
}

/* ---- the stream ---- */

/* A line that waits for the share. */
typedef struct {
    size_t at, size; /* in `bytes` */
    uint64_t number;
    bool known; /* its side does not depend on the share */
} waiting;

struct tr_split_stream {
    tr_split_options options;
    tr_split split;
    tr_writer *out;
    tr_trace_parser *parser;
    tr_labels labels;
    tr_split_counts counts;
    tr_trace_shape shape;
    tr_split_trailer trailer;
    int64_t since, until; /* INT64_MIN and INT64_MAX: no bound */
    int64_t last;         /* time of a row that is inside */
    bool share_known, overtaking;
    bool dropped[TR_TRACE_KEY_COUNT];          /* members that are never written as they are */
    bool dropped_decision[TR_TRACE_KEY_COUNT]; /* nor these, of a decision */
    tr_buf row, bytes;
    waiting *queue;
    size_t n_queue, queue_capacity;
};

static bool is_one_of(const char *name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

enum {
    NEEDS = TR_TRACE_NEED_TEXT_OR_EMBEDDING | TR_TRACE_NEED_TEACHER,
    CHECKS = NEEDS | TR_TRACE_READ_EMBEDDING /* of lines that are seen for the first time */
};

static void choose_dropped(tr_split_stream *s)
{
    static const char *const always[] = {"input", "teacher", "split", "unlisted", "stale"};
    static const char *const decision[] = {"label", "decision", "accept_score",
                                           "stage", "shadow",   "error"};
    for (int i = 0; i < TR_TRACE_KEY_COUNT; i++) {
        const char *name = tr_trace_key_name(s->parser, i);
        s->dropped[i] = is_one_of(name, always, sizeof always / sizeof *always) ||
                        (s->options.keys.group_key && strcmp(name, "group") == 0);
        s->dropped_decision[i] = is_one_of(name, decision, sizeof decision / sizeof *decision);
    }
}

static bool copy_name(char *to, size_t room, const char *name)
{
    size_t size = name ? strlen(name) : 0;
    if (size >= room)
        return false;
    if (size)
        memcpy(to, name, size);
    to[size] = '\0';
    return true;
}

static tr_code read_bound(const char *text, const char *what, int64_t *out, tr_err *err)
{
    if (!text || tr_instant_parse(tr_str_c(text), out))
        return TR_OK;
    return tr_err_set(err, TR_USAGE,
                      "%s %s is no time: neither as in 2026-11-22T05:40:00Z or 2026-11-22 nor "
                      "seconds since 1970",
                      what, text);
}

static tr_code read_bounds(tr_split_stream *s, tr_err *err)
{
    const tr_split_options *o = &s->options;
    s->since = s->last = INT64_MIN;
    s->until = INT64_MAX;
    tr_code code = read_bound(o->since, "--since", &s->since, err);
    if (code == TR_OK)
        code = read_bound(o->until, "--until", &s->until, err);
    if (code == TR_OK)
        code = read_bound(o->fresh_after, "--fresh-after", &s->split.fresh_after, err);
    return code;
}

tr_split_stream *tr_split_open(const tr_split_options *options, tr_writer *out, tr_err *err)
{
    tr_split_stream *s = calloc(1, sizeof *s);
    if (!s) {
        tr_err_memory(err);
        return NULL;
    }
    s->options = *options;
    s->out = out;
    s->share_known = !options->automatic;
    s->counts.share = options->automatic ? 0 : options->share;
    tr_split_init(&s->split, options->seed, s->counts.share, options->test_share);
    tr_labels_init(&s->labels);
    tr_buf_init(&s->row);
    tr_buf_init(&s->bytes);
    s->parser = tr_trace_open(options->keys, CHECKS, err);
    if (!s->parser)
        goto failed;
    tr_split_trailer *t = &s->trailer;
    if (!copy_name(t->group_key, sizeof t->group_key, options->keys.group_key) ||
        !copy_name(t->input_key, sizeof t->input_key, options->keys.input_key) ||
        !copy_name(t->label_key, sizeof t->label_key, options->keys.label_key)) {
        tr_err_set(err, TR_USAGE, "the name of a key is longer than 255 bytes");
        goto failed;
    }
    if (read_bounds(s, err) != TR_OK)
        goto failed;
    if (!copy_name(t->fresh_after, sizeof t->fresh_after, options->fresh_after)) {
        tr_err_set(err, TR_USAGE, "a time is longer than 63 bytes");
        goto failed;
    }
    choose_dropped(s);
    return s;
failed:
    tr_split_close(s);
    return NULL;
}

void tr_split_close(tr_split_stream *s)
{
    if (!s)
        return;
    tr_trace_close(s->parser);
    tr_labels_free(&s->labels);
    tr_buf_free(&s->row);
    tr_buf_free(&s->bytes);
    free(s->queue);
    free(s);
}

const tr_split_counts *tr_split_counted(const tr_split_stream *s)
{
    return &s->counts;
}

const tr_labels *tr_split_labels(const tr_split_stream *s)
{
    return &s->labels;
}

static bool is_unlisted(const tr_split_stream *s, const tr_trace *t)
{
    return s->options.listed && tr_labels_find(s->options.listed, t->teacher) == TR_LABEL_NONE;
}

/* The line that is written for the trace last parsed. */
static void render(tr_split_stream *s, const tr_trace *t, tr_side side)
{
    const tr_scan *scan = tr_trace_members(s->parser);
    const tr_scan_member *input = tr_trace_input_member(s->parser);
    const tr_scan_member *teacher = tr_trace_teacher_member(s->parser);
    tr_buf *b = &s->row;

    tr_buf_clear(b);
    tr_buf_add_char(b, '{');
    for (size_t i = 0; i < scan->n; i++) {
        const tr_scan_member *m = &scan->members[i];
        bool ours = m == input || m == teacher;
        if (!ours && m->known >= 0 &&
            (s->dropped[m->known] || (t->is_decision && s->dropped_decision[m->known])))
            continue;
        if (b->size > 1)
            tr_buf_add_char(b, ',');
        tr_buf_add_str(b, m == input     ? tr_str_c("\"input\"")
                          : m == teacher ? tr_str_c("\"teacher\"")
                                         : m->key);
        tr_buf_add_char(b, ':');
        tr_buf_add_str(b, m->value);
    }
    if (s->options.keys.group_key && t->group.data) {
        tr_buf_add_c(b, ",\"group\":");
        tr_buf_add_str(b, tr_trace_group_member(s->parser)->value);
    }
    if (t->unlisted)
        tr_buf_add_c(b, ",\"unlisted\":true");
    if (t->stale)
        tr_buf_add_c(b, ",\"stale\":true");
    tr_buf_add_c(b, side == TR_SIDE_TEST          ? ",\"split\":\"test\"}\n"
                    : side == TR_SIDE_CALIBRATION ? ",\"split\":\"calibration\"}\n"
                                                  : ",\"split\":\"train\"}\n");
}

/* Writes the trace last parsed, once the share is known or does not matter. */
static tr_code emit(tr_split_stream *s, const tr_trace *t, tr_err *err)
{
    bool test = tr_split_is_test(&s->split, t);
    bool eligible = !test && tr_split_is_eligible(&s->split, t);
    tr_side side = test ? TR_SIDE_TEST : tr_split_side(&s->split, t, eligible);
    tr_split_counts *c = &s->counts;

    tr_trace written = *t;
    written.unlisted = is_unlisted(s, t);
    written.stale = tr_split_is_stale(&s->split, t);
    render(s, &written, side);
    if (s->row.failed)
        return tr_err_memory(err);
    /* The digest is of the lines as their reader will number them. */
    c->rows++;
    written.row = tr_trace_identity(t->id, t->input, c->rows);
    tr_digest_add(&s->trailer.digest, &written, side);
    c->test += side == TR_SIDE_TEST;
    c->calibration += side == TR_SIDE_CALIBRATION;
    c->train += side == TR_SIDE_TRAIN;
    return tr_writer_add(s->out, s->row.data, s->row.size, err);
}

/* Writes the lines of the queue, or only those whose side is known; the others move up. */
static tr_code release(tr_split_stream *s, bool only_known, tr_err *err)
{
    size_t kept = 0, kept_bytes = 0;
    tr_code code = TR_OK;
    tr_trace_require(s->parser, NEEDS);
    for (size_t i = 0; code == TR_OK && i < s->n_queue; i++) {
        waiting w = s->queue[i];
        if (only_known && !w.known) {
            memmove(s->bytes.data + kept_bytes, s->bytes.data + w.at, w.size);
            w.at = kept_bytes;
            kept_bytes += w.size;
            s->queue[kept++] = w;
            continue;
        }
        tr_trace t;
        code =
            tr_trace_parse(s->parser, tr_str_of(s->bytes.data + w.at, w.size), w.number, &t, err);
        if (code == TR_OK)
            code = emit(s, &t, err);
    }
    tr_trace_require(s->parser, CHECKS);
    s->n_queue = kept;
    s->bytes.size = kept_bytes;
    return code;
}

static tr_code wait_for_share(tr_split_stream *s, tr_str line, uint64_t number, bool known,
                              tr_err *err)
{
    if (!tr_mem_reserve((void **)&s->queue, &s->queue_capacity, s->n_queue + 1, sizeof *s->queue))
        return tr_err_memory(err);
    s->queue[s->n_queue++] = (waiting){s->bytes.size, line.size, number, known};
    tr_buf_add_str(&s->bytes, line);
    return s->bytes.failed ? tr_err_memory(err) : TR_OK;
}

static tr_code fix_share(tr_split_stream *s, tr_err *err)
{
    s->share_known = true;
    s->split.share = s->counts.share = tr_split_auto_share(s->counts.eligible);
    tr_code code = release(s, false, err);
    free(s->queue);
    s->queue = NULL;
    s->queue_capacity = 0;
    tr_buf_free(&s->bytes);
    tr_buf_init(&s->bytes);
    return code;
}

/* Emits the trace, which is the last parsed, or lets its line wait. */
static tr_code place(tr_split_stream *s, const tr_trace *t, tr_str line, uint64_t number,
                     tr_err *err)
{
    bool test = tr_split_is_test(&s->split, t);
    bool eligible = !test && tr_split_is_eligible(&s->split, t);
    tr_code code;

    s->counts.eligible += eligible;
    bool stale = tr_split_is_stale(&s->split, t);
    s->counts.stale += !test && stale;
    s->counts.thinned += !test && !stale && !eligible;
    if (s->share_known || (s->overtaking && !eligible))
        return emit(s, t, err);
    if (s->n_queue == TR_SPLIT_BUFFER) {
        s->overtaking = true; /* from the next line on: `release` takes the parser from this one */
        if ((code = release(s, true, err)))
            return code;
    }
    if ((code = wait_for_share(s, line, number, !eligible, err)))
        return code;
    return s->counts.eligible >= TR_SPLIT_BUFFER ? fix_share(s, err) : TR_OK;
}

static void count(tr_split_stream *s, const tr_trace *t, bool unlisted)
{
    tr_split_counts *c = &s->counts;
    bool routed = false;
    const tr_scan *scan = tr_trace_members(s->parser);
    for (size_t i = 0; i < scan->n; i++)
        routed |= scan->members[i].known == TR_TRACE_KEY_PROPENSITY;
    c->sampled += t->propensity < 1 || t->shadow_share < 1;
    c->unsampled += t->is_decision && !routed;
    c->grouped += t->group.data != NULL;
    c->unlisted += unlisted;
}

/* Whether a row lies within --since and --until; TR_DATA where its time is needed and not there. */
static tr_code within(tr_split_stream *s, const tr_trace *t, bool *inside, tr_err *err)
{
    const tr_split_options *o = &s->options;
    *inside = t->instant >= s->since && t->instant < s->until;
    if (t->time.data || !(o->since || o->until || o->fresh_after))
        return TR_OK;
    return tr_err_set(err, TR_DATA, "no \"%s\", which --%s needs; name the time by --time-key",
                      o->keys.time_key,
                      o->fresh_after ? "fresh-after"
                      : o->since     ? "since"
                                     : "until");
}

static bool is_blank(tr_str line)
{
    for (size_t i = 0; i < line.size; i++)
        if (line.data[i] != ' ' && line.data[i] != '\t')
            return false;
    return true;
}

tr_code tr_split_add(tr_split_stream *s, tr_str line, const char *file, uint64_t line_number,
                     uint64_t number, tr_err *err)
{
    tr_err why;
    tr_trace t;
    if (is_blank(line))
        return tr_err_at(err, file, line_number, "blank line; remove it, by grep . for example");
    tr_code code = tr_trace_parse(s->parser, line, number, &t, &why);
    if (code == TR_DATA)
        return tr_err_at(err, file, line_number, "%s", why.message);
    if (code != TR_OK) {
        if (err)
            *err = why;
        return code;
    }
    if (t.is_trailer) {
        s->counts.skipped_trailers++;
        return TR_OK;
    }
    if (!t.teacher.data) {
        s->counts.skipped_decisions++;
        return TR_OK;
    }
    bool inside;
    if (within(s, &t, &inside, &why) != TR_OK)
        return tr_err_at(err, file, line_number, "%s", why.message);
    if (!inside) {
        s->counts.outside++;
        return TR_OK;
    }
    if (tr_trace_same_shape(&s->shape, &t, &why) != TR_OK)
        return tr_err_at(err, file, line_number, "%s", why.message);
    s->counts.dimensions = t.dimensions;
    if (t.instant > s->last)
        s->last = t.instant;
    bool unlisted = is_unlisted(s, &t);
    if (unlisted && s->options.strict)
        return tr_err_at(err, file, line_number, "the label \"%.*s\" is not listed",
                         (int)(t.teacher.size < 200 ? t.teacher.size : 200), t.teacher.data);
    if (tr_labels_add(&s->labels, t.teacher, 1) == TR_LABEL_NONE)
        return tr_err_memory(err);
    count(s, &t, unlisted);
    return place(s, &t, line, number, err);
}

tr_code tr_split_end(tr_split_stream *s, const char *file, tr_err *err)
{
    if (!s->share_known) {
        tr_code code = fix_share(s, err);
        if (code != TR_OK)
            return code;
    }
    const tr_split_counts *c = &s->counts;
    if (c->rows == 0 && c->outside > 0)
        return tr_err_at(err, file, 0, "no traces: all lie outside --since and --until");
    if (c->rows == 0 && c->skipped_decisions > 0)
        return tr_err_at(err, file, 0, "no traces: none of the decisions has a teacher label");
    if (c->rows == 0)
        return tr_err_at(err, file, 0, "no traces: the input is empty");
    s->trailer.rows = c->rows;
    s->trailer.seed = s->options.seed;
    s->trailer.share = c->share;
    s->trailer.test_share = s->options.test_share;
    s->trailer.grouped = c->grouped > 0;
    if (s->options.since || s->options.until || s->options.fresh_after) { /* all rows have a time */
        tr_instant_print(s->trailer.last, s->last);
        s->trailer.eligible = c->eligible;
    }
    tr_buf_clear(&s->row);
    tr_split_trailer_write(&s->trailer, &s->row);
    tr_buf_add_char(&s->row, '\n');
    if (s->row.failed)
        return tr_err_memory(err);
    return tr_writer_add(s->out, s->row.data, s->row.size, err);
}
