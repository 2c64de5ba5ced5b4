#include "traces/dataset.h"

#include "ground/mem.h"

#include <stdlib.h>
#include <string.h>

/* A set of row identities, so that an id that comes twice is noticed. */
typedef struct {
    uint32_t *slot; /* row + 1 */
    size_t size, used;
} id_set;

static bool id_set_grow(id_set *s, const tr_dataset_row *rows)
{
    size_t size = s->size ? s->size * 2 : 1024;
    uint32_t *slot = tr_mem_zero(size, sizeof *slot);
    if (!slot)
        return false;
    for (size_t i = 0; i < s->size; i++) {
        if (!s->slot[i])
            continue;
        size_t at = rows[s->slot[i] - 1].row & (size - 1);
        while (slot[at])
            at = (at + 1) & (size - 1);
        slot[at] = s->slot[i];
    }
    free(s->slot);
    s->slot = slot;
    s->size = size;
    return true;
}

/* The earlier row with the identity of `row`, or NULL after it was put in. Sets *ok to false when
 * memory is out. */
static const tr_dataset_row *id_set_add(id_set *s, const tr_dataset_row *rows, size_t row, bool *ok)
{
    *ok = s->used * 2 < s->size || id_set_grow(s, rows);
    if (!*ok)
        return NULL;
    size_t at = rows[row].row & (s->size - 1);
    for (; s->slot[at]; at = (at + 1) & (s->size - 1))
        if (rows[s->slot[at] - 1].row == rows[row].row)
            return &rows[s->slot[at] - 1];
    s->slot[at] = (uint32_t)row + 1;
    s->used++;
    return NULL;
}

typedef struct {
    tr_dataset *d;
    tr_reader *in;
    tr_dataset_options options;
    tr_trace_shape shape; /* of what the options leave */
    tr_labels seen;       /* all labels, numbered as they come */
    id_set ids;
    double *propensity, *shadow_share; /* of the rows, for their weights */
    size_t propensity_capacity, shadow_capacity;
} reading;

/* Whether the row has what the rows before have, and something to learn from. */
static tr_code check_shape(reading *g, const tr_trace *t, tr_err *err)
{
    const tr_dataset_options *o = &g->options;
    tr_trace left = *t;
    if (o->no_text)
        left.input = tr_str_of(NULL, 0);
    if (left.input.data || left.dimensions || g->shape.known)
        return tr_trace_same_shape(&g->shape, &left, err);
    if (o->no_text && o->no_embedding)
        return tr_err_set(err, TR_DATA, "--no-text and --no-embedding leave nothing to train on");
    return tr_err_set(err, TR_DATA,
                      o->no_text ? "the traces have no embedding, and --no-text leaves nothing to "
                                   "train on"
                                 : "the traces have no input, and --no-embedding leaves nothing to "
                                   "train on");
}

static tr_code add_row(reading *g, const tr_trace *t, tr_err *err)
{
    tr_dataset *d = g->d;
    bool copied = true;
    size_t floats;
    if (!tr_mem_multiply(d->n + 1, t->dimensions, &floats) ||
        (floats && !tr_mem_reserve((void **)&d->embeddings, &d->embeddings_capacity, floats,
                                   sizeof *d->embeddings)))
        return tr_err_memory(err);
    if (t->dimensions)
        memcpy(d->embeddings + (floats - t->dimensions), t->embedding,
               t->dimensions * sizeof *t->embedding);
    if (!tr_mem_reserve((void **)&d->rows, &d->capacity, d->n + 1, sizeof *d->rows) ||
        !tr_mem_reserve((void **)&g->propensity, &g->propensity_capacity, d->n + 1,
                        sizeof *g->propensity) ||
        !tr_mem_reserve((void **)&g->shadow_share, &g->shadow_capacity, d->n + 1,
                        sizeof *g->shadow_share))
        return tr_err_memory(err);
    if (d->n >= UINT32_MAX - 1)
        return tr_err_set(err, TR_DATA, "more than 4,294,967,294 rows");
    tr_dataset_row *r = &d->rows[d->n];
    *r = (tr_dataset_row){.row = t->row,
                          .group = t->group_hash,
                          .label = TR_LABEL_NONE,
                          .side = (uint8_t)t->side,
                          .unlisted = t->unlisted};
    r->text = tr_str_of("", 0);
    if (t->input.data && !g->options.no_text)
        r->text = tr_arena_copy(&d->arena, t->input, &copied);
    if (!copied)
        return tr_err_memory(err);
    if (!t->unlisted) {
        r->label = tr_labels_add(&g->seen, t->teacher, t->side == TR_SIDE_TRAIN);
        if (r->label == TR_LABEL_NONE)
            return tr_err_memory(err);
    }
    g->propensity[d->n] = t->propensity;
    g->shadow_share[d->n] = t->stale ? 0 : t->shadow_share; /* what could not calibrate */
    bool ok;
    const tr_dataset_row *twin = id_set_add(&g->ids, d->rows, d->n, &ok);
    if (!ok)
        return tr_err_memory(err);
    if (twin && (twin->group != r->group || r->group == r->row))
        return tr_err_at(err, tr_reader_file(g->in), tr_reader_number(g->in),
                         "an id that an earlier row has: \"%.*s\"; ids must be unique per call "
                         "(rows that belong together: tr-split --group KEY)",
                         (int)(t->id.size < 100 ? t->id.size : 100), t->id.data ? t->id.data : "");
    d->n++;
    d->train += t->side == TR_SIDE_TRAIN;
    d->calibration += t->side == TR_SIDE_CALIBRATION;
    d->test += t->side == TR_SIDE_TEST;
    tr_digest_add(&d->digest, t, t->side);
    if (t->side == TR_SIDE_CALIBRATION)
        tr_digest_add(&d->calibration_digest, t, t->side);
    return TR_OK;
}

static tr_code check_trailer(const tr_dataset *d, const char *file, tr_err *err)
{
    if (d->trailer.rows != d->n)
        return tr_err_at(
            err, file, 0,
            "the split had %llu rows and %llu arrived; run tr-split on the changed log",
            (unsigned long long)d->trailer.rows, (unsigned long long)d->n);
    if (!tr_digest_equal(d->trailer.digest, d->digest))
        return tr_err_at(err, file, 0,
                         "rows were changed after tr-split (the digest differs); split again, or "
                         "give --no-trailer");
    return TR_OK;
}

static tr_code read_lines(reading *g, tr_trace_parser *parser, tr_err *err)
{
    tr_dataset *d = g->d;
    bool need_trailer = g->options.need_trailer;
    for (;;) {
        tr_str line;
        bool end;
        tr_code code = tr_reader_line(g->in, &line, &end, err);
        if (code != TR_OK)
            return code;
        const char *file = tr_reader_file(g->in);
        if (end) {
            if (d->has_trailer)
                return need_trailer ? check_trailer(d, file, err) : TR_OK;
            return need_trailer
                       ? tr_err_at(err, file, 0,
                                   "the last line of a split stream is missing: it was cut, or "
                                   "tr-split failed (a stream made by other means: --no-trailer)")
                       : TR_OK;
        }
        uint64_t number = tr_reader_number(g->in);
        if (d->has_trailer && need_trailer)
            return tr_err_at(err, file, number, "a line behind the trailer of the split stream");
        tr_trace t;
        code = tr_trace_parse(parser, line, tr_reader_total(g->in), &t, err);
        if (code == TR_DATA)
            return tr_err_at(err, file, number, "%s", err->message);
        if (code == TR_OK && t.is_trailer) {
            d->has_trailer = true;
            code = tr_split_trailer_read(&d->trailer, t.trailer, err);
            if (code == TR_DATA)
                return tr_err_at(err, file, number, "%s", err->message);
        } else if (code == TR_OK && (t.side == TR_SIDE_NONE || !t.teacher.data)) {
            return tr_err_at(err, file, number, "no \"%s\"; tr-train reads what tr-split writes",
                             t.side == TR_SIDE_NONE ? "split" : "teacher");
        } else if (code == TR_OK) {
            code = check_shape(g, &t, err);
            if (code == TR_DATA)
                return tr_err_at(err, file, number, "%s", err->message);
            code = add_row(g, &t, err);
        }
        if (code != TR_OK)
            return code;
    }
}

static int by_count(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b; /* {TRAIN rows, label} */
    if (x[0] != y[0])
        return x[0] > y[0] ? -1 : 1;
    return x[1] < y[1] ? -1 : x[1] > y[1];
}

/* d->labels: those of `seen` that can be answered; the rows are renumbered. */
static tr_code choose_labels(reading *g, tr_err *err)
{
    tr_dataset *d = g->d;
    const tr_labels *seen = &g->seen;
    uint64_t(*order)[2] = tr_mem_array(seen->n, sizeof *order);
    uint32_t *number = tr_mem_array((size_t)seen->n, sizeof *number);
    uint32_t *sorted = tr_mem_array((size_t)seen->n, sizeof *sorted);
    tr_code code = order && number && sorted ? TR_OK : tr_err_memory(err);
    if (code == TR_OK) {
        for (uint32_t l = 0; l < seen->n; l++) {
            order[l][0] = seen->count[l];
            order[l][1] = l;
        }
        qsort(order, seen->n, sizeof *order, by_count);
        for (uint32_t k = 0; k < seen->n; k++) {
            uint32_t l = (uint32_t)order[k][1];
            bool chosen = k < TR_DATASET_MOST_LABELS && order[k][0] >= TR_DATASET_LABEL_ROWS;
            number[l] = TR_LABEL_NONE;
            if (chosen) {
                number[l] = tr_labels_add(&d->labels, seen->text[l], order[k][0]);
                if (number[l] == TR_LABEL_NONE) {
                    code = tr_err_memory(err);
                    break;
                }
            } else {
                d->left_out_labels++;
                d->left_out_rows += order[k][0];
            }
        }
    }
    if (code == TR_OK)
        code = tr_labels_sort(&d->labels, sorted, err);
    for (size_t i = 0; code == TR_OK && i < d->n; i++)
        if (d->rows[i].label != TR_LABEL_NONE) {
            uint32_t l = number[d->rows[i].label];
            d->rows[i].label = l == TR_LABEL_NONE ? l : sorted[l];
        }
    free(order);
    free(number);
    free(sorted);
    return code;
}

/* The matrix will not move any more: trims it, and tells the rows where theirs are. */
static void place_embeddings(tr_dataset *d, const tr_trace_shape *shape)
{
    d->dims = (uint32_t)shape->dimensions;
    d->has_text = shape->has_text;
    if (!d->dims)
        return;
    float *less = tr_mem_more(d->embeddings, d->n * d->dims, sizeof *less);
    if (less) {
        d->embeddings = less;
        d->embeddings_capacity = d->n * d->dims;
    }
    for (size_t i = 0; i < d->n; i++)
        d->rows[i].embedding = d->embeddings + i * d->dims;
}

tr_code tr_dataset_read(tr_dataset *d, tr_reader *in, tr_dataset_options options, tr_err *err)
{
    *d = (tr_dataset){0};
    reading g = {.d = d, .in = in, .options = options};
    unsigned needs = TR_TRACE_NEED_TEACHER | TR_TRACE_NEED_SPLIT;
    if (!options.no_text)
        needs |= TR_TRACE_NEED_TEXT_OR_EMBEDDING;
    if (!options.no_embedding)
        needs |= TR_TRACE_READ_EMBEDDING;
    tr_labels_init(&d->labels);
    tr_labels_init(&g.seen);
    tr_arena_init(&d->arena);
    tr_trace_parser *parser =
        tr_trace_open((tr_trace_keys){.input_key = "input", .label_key = "teacher"}, needs, err);
    tr_code code = parser ? read_lines(&g, parser, err) : TR_SYSTEM;
    if (code == TR_OK)
        code = choose_labels(&g, err);
    if (code == TR_OK)
        place_embeddings(d, &g.shape);
    /* The chance with which a row came into TRAIN, relative to that of an ordinary one. */
    double share = d->has_trailer ? d->trailer.share : 0;
    for (size_t i = 0; code == TR_OK && i < d->n; i++) {
        double chance = g.propensity[i] - share * g.shadow_share[i];
        d->rows[i].weight = chance > 0 ? (float)((1 - share) / chance) : 1.f;
    }
    tr_trace_close(parser);
    tr_labels_free(&g.seen);
    free(g.ids.slot);
    free(g.propensity);
    free(g.shadow_share);
    if (code != TR_OK)
        tr_dataset_free(d);
    return code;
}

void tr_dataset_free(tr_dataset *d)
{
    free(d->rows);
    tr_labels_free(&d->labels);
    tr_arena_free(&d->arena);
    free(d->embeddings);
    *d = (tr_dataset){0};
}
