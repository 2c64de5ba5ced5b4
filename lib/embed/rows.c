#include "embed/rows.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* In the table of known keys; the names of the input follow. */
enum { EMBEDDING, TRAILER, INPUT };

void tr_rows_init(tr_rows *r, const char *input_key, bool with_text)
{
    *r = (tr_rows){.with_text = with_text, .input_key = input_key};
    tr_buf_init(&r->text);
    r->known[EMBEDDING] = "embedding";
    r->known[TRAILER] = "tr-split";
    if (with_text && input_key)
        r->known[INPUT] = input_key;
    for (size_t i = 0; with_text && !input_key && i < TR_TRACE_INPUT_ALIASES; i++)
        r->known[INPUT + i] = tr_trace_input_aliases[i];
}

void tr_rows_free(tr_rows *r)
{
    tr_scan_free(&r->scan);
    tr_buf_free(&r->text);
}

static bool is_blank(tr_str line)
{
    size_t i = 0;
    while (i < line.size && (line.data[i] == ' ' || line.data[i] == '\t'))
        i++;
    return i == line.size;
}

static tr_code read_text(tr_rows *r, tr_row *row, tr_err *err)
{
    const tr_scan_member *m = NULL;
    for (int i = INPUT; i < INPUT + TR_TRACE_INPUT_ALIASES && !m; i++)
        m = r->known[i] ? tr_scan_find(&r->scan, i) : NULL;
    if (!m && r->input_key)
        return tr_err_at(err, row->file, row->number, "no \"%s\"", r->input_key);
    if (!m)
        return tr_err_at(err, row->file, row->number,
                         "no input: none of the keys input, query, text, prompt, question; name it "
                         "by --input-key");
    if (m->type != TR_SCAN_STRING)
        return tr_err_at(err, row->file, row->number, "\"%s\" is not a string", r->known[m->known]);
    if (tr_scan_member_text(m, &r->text, &row->text))
        return TR_OK;
    if (r->text.failed)
        return tr_err_memory(err);
    return tr_err_at(err, row->file, row->number,
                     "\"%s\" has half a surrogate pair, which is no character", r->known[m->known]);
}

/* Where its embedding is, or one would come. */
static void find_places(const tr_scan *s, tr_str line, tr_row *row)
{
    const tr_scan_member *m = tr_scan_find(s, EMBEDDING);
    const tr_scan_member *last = s->n ? &s->members[s->n - 1] : NULL;
    const char *brace = memchr(line.data, '{', line.size);
    const char *end = last ? last->value.data + last->value.size : brace + 1;
    const char *cut = end, *resume = end;
    if (m) { /* with one comma */
        bool first = m == s->members;
        cut = first ? m->key.data : m[-1].value.data + m[-1].value.size;
        resume = first && m < last ? m[1].key.data : m->value.data + m->value.size;
        row->is_embedded = m->type != TR_SCAN_NULL;
        row->embedding = (size_t)(m->value.data - line.data);
        row->embedding_size = m->value.size;
        row->embedding_type = m->type;
    }
    row->cut = (size_t)(cut - line.data);
    row->resume = (size_t)(resume - line.data);
    row->end = (size_t)(end - line.data);
    row->alone = s->n == (m != NULL);
}

tr_code tr_rows_look(tr_rows *r, tr_str line, const char *file, uint64_t number, tr_row *row,
                     tr_err *err)
{
    *row = (tr_row){.file = file, .number = number};
    if (is_blank(line))
        return TR_OK;
    tr_err why;
    tr_code code = tr_scan_line(&r->scan, line, r->known, sizeof r->known / sizeof *r->known, &why);
    if (code == TR_DATA)
        return tr_err_at(err, file, number, "%s", why.message);
    if (code != TR_OK)
        return tr_err_memory(err);
    const tr_scan_member *trailer = tr_scan_find(&r->scan, TRAILER);
    if (trailer && r->scan.n == 1 && trailer->type == TR_SCAN_OBJECT)
        return TR_OK;
    row->is_row = true;
    find_places(&r->scan, line, row);
    return r->with_text ? read_text(r, row, err) : TR_OK;
}

/* Whether all can be read twice; *start is where standard input stands, -1 where it is not read. A
 * file that is not there can: the first reading says so. */
static bool can_count(const char *const *files, size_t n, off_t *start)
{
    struct stat st;
    *start = -1;
    for (size_t i = 0; i < n || i == 0; i++) {
        const char *file = n ? files[i] : "-";
        bool from_stdin = strcmp(file, "-") == 0;
        int known_kind = from_stdin ? fstat(STDIN_FILENO, &st) : stat(file, &st);
        if (known_kind == 0 && !S_ISREG(st.st_mode))
            return false;
        if (from_stdin && *start < 0 && (*start = lseek(STDIN_FILENO, 0, SEEK_CUR)) < 0)
            return false;
    }
    return true;
}

tr_code tr_rows_count(tr_rows *r, const char *const *files, size_t n, bool *counted, uint64_t *rows,
                      tr_err *err)
{
    off_t start;
    bool end = false;
    *rows = 0;
    *counted = can_count(files, n, &start);
    if (!*counted)
        return TR_OK;
    tr_reader *in = tr_reader_open(files, n, err);
    tr_code code = in ? TR_OK : err->code;
    while (code == TR_OK) {
        tr_str line;
        tr_row row;
        code = tr_reader_line(in, &line, &end, err);
        if (code != TR_OK || end)
            break;
        code = tr_rows_look(r, line, tr_reader_file(in), tr_reader_number(in), &row, err);
        *rows += code == TR_OK && row.is_row;
    }
    tr_reader_close(in);
    if (code == TR_OK && start >= 0 && lseek(STDIN_FILENO, start, SEEK_SET) != start)
        return tr_err_errno(err, "stdin");
    return code;
}

tr_code tr_row_read(const tr_row *row, tr_str line, float **out, size_t *n, size_t *capacity,
                    tr_err *err)
{
    tr_err why;
    tr_scan_type type = row->embedding_type;
    if (type != TR_SCAN_ARRAY && type != TR_SCAN_STRING)
        return tr_err_at(err, row->file, row->number,
                         "\"embedding\" is neither an array of numbers nor base64");
    *n = 0;
    tr_str value = tr_str_of(line.data + row->embedding, row->embedding_size);
    tr_code code = tr_floats_read(value, type, out, n, capacity, &why);
    if (code == TR_SYSTEM)
        return tr_err_memory(err);
    if (code != TR_OK)
        return tr_err_at(err, row->file, row->number, "\"embedding\": %s", why.message);
    if (*n == 0)
        return tr_err_at(err, row->file, row->number, "\"embedding\" is empty");
    return TR_OK;
}

void tr_row_render(const tr_row *row, tr_str line, const float *embedding, size_t n, tr_buf *out)
{
    tr_buf_add(out, line.data, row->cut);
    tr_buf_add(out, line.data + row->resume, row->end - row->resume);
    if (embedding) {
        tr_buf_add_c(out, row->alone ? "\"embedding\":\"" : ",\"embedding\":\"");
        tr_floats_put_base64(out, embedding, n);
        tr_buf_add_char(out, '"');
    }
    tr_buf_add(out, line.data + row->end, line.size - row->end);
}

static tr_code copy_line(tr_rows *r, tr_reader *in, tr_str line, tr_buf *text, tr_writer *out,
                         bool rows_only, tr_rows_each each, void *context, tr_err *err)
{
    tr_row row;
    tr_code code = tr_rows_look(r, line, tr_reader_file(in), tr_reader_number(in), &row, err);
    if (code == TR_OK && row.is_row) {
        tr_buf_clear(text);
        code = each(context, &row, line, text, err);
        if (code == TR_OK && text->failed)
            code = tr_err_memory(err);
        line = tr_buf_str(text);
    }
    if (code != TR_OK)
        return code;
    r->count += row.is_row;
    r->embedded += row.is_embedded;
    if (rows_only && !row.is_row)
        return TR_OK;
    code = tr_writer_add(out, line.data, line.size, err);
    return code == TR_OK ? tr_writer_add(out, "\n", 1, err) : code;
}

tr_code tr_rows_copy(tr_rows *r, tr_reader *in, tr_writer *out, bool rows_only, tr_rows_each each,
                     void *context, tr_err *err)
{
    tr_buf text;
    tr_buf_init(&text);
    tr_code code = TR_OK;
    bool end = false;
    r->count = r->embedded = 0;
    while (code == TR_OK && !end) {
        tr_str line;
        if (tr_reader_would_block(in))
            code = tr_writer_flush(out, err);
        if (code == TR_OK)
            code = tr_reader_line(in, &line, &end, err);
        if (code == TR_OK && !end)
            code = copy_line(r, in, line, &text, out, rows_only, each, context, err);
    }
    tr_buf_free(&text);
    return code;
}
