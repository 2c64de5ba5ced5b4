/* tr-embed: puts embeddings beside the traces, row by row, or takes them away. */
#include "cli.h"

#include "doors/floats.h"
#include "doors/io.h"
#include "doors/npy.h"
#include "doors/scan.h"
#include "ground/mem.h"
#include "ground/num.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char synopsis[] = "--npy FILE | --strip [OPTION]... [FILE]...";
static const char purpose[] = "Puts embeddings beside the traces, row by row, or takes them away.";
static const char tail[] =
    "Reads traces or requests, one JSON object a line, from the FILEs or standard input; writes\n"
    "them with the member \"embedding\" at their end, base64 of little-endian float32.\n"
    "\n"
    "Exit status: 0 done, 2 wrong usage, 3 bad input, 4 reading or writing failed.\n"
    "\n"
    "Example: tr-embed --npy log.npy log.jsonl | tr-split | tr-train | tr-gate |\n"
    "         tr-calibrate --alpha .92 -o policy.trp\n";

typedef struct {
    const char *file; /* of the embeddings; NULL: strip */
    tr_npy npy;
    float *row; /* one row of it */
    uint64_t traces, replaced;
    tr_scan scan;
    tr_buf line;
} work;

enum { EMBEDDING, TRAILER };
static const char *const known[] = {[EMBEDDING] = "embedding", [TRAILER] = "tr-split"};

static bool is_blank(tr_str line)
{
    size_t i = 0;
    while (i < line.size && (line.data[i] == ' ' || line.data[i] == '\t'))
        i++;
    return i == line.size;
}

/* Whether the line is a trace. Blank lines and the last line of a split are none. */
static tr_code look(work *w, tr_reader *in, tr_str line, bool *trace, tr_err *err)
{
    *trace = false;
    if (is_blank(line))
        return TR_OK;
    tr_err why;
    tr_code code = tr_scan_line(&w->scan, line, known, sizeof known / sizeof *known, &why);
    if (code == TR_DATA)
        return tr_err_at(err, tr_reader_file(in), tr_reader_number(in), "%s", why.message);
    if (code != TR_OK)
        return tr_err_memory(err);
    const tr_scan_member *m = tr_scan_find(&w->scan, TRAILER);
    *trace = !(m && w->scan.n == 1 && m->type == TR_SCAN_OBJECT);
    return TR_OK;
}

/* The trace looked at last, less its embedding, with `row` at its end where that is not NULL. All
 * other bytes stay as they are. */
static void render(work *w, tr_str line, const float *row)
{
    const tr_scan *s = &w->scan;
    const tr_scan_member *m = tr_scan_find(s, EMBEDDING);
    const tr_scan_member *last = s->n ? &s->members[s->n - 1] : NULL;
    const char *brace = memchr(line.data, '{', line.size), *end = line.data + line.size;
    const char *in = last ? last->value.data + last->value.size : brace + 1;
    const char *cut = in, *on = in; /* what is between them goes out, with one comma */
    tr_buf *b = &w->line;

    if (m) {
        bool first = m == s->members;
        cut = first ? m->key.data : m[-1].value.data + m[-1].value.size;
        on = first && m < last ? m[1].key.data : m->value.data + m->value.size;
        w->replaced++;
    }
    tr_buf_clear(b);
    tr_buf_add(b, line.data, (size_t)(cut - line.data));
    tr_buf_add(b, on, (size_t)(in - on));
    if (row) {
        tr_buf_add_c(b, s->n > (m != NULL) ? ",\"embedding\":\"" : "\"embedding\":\"");
        tr_floats_put_base64(b, row, w->npy.columns);
        tr_buf_add_char(b, '"');
    }
    tr_buf_add(b, in, (size_t)(end - in));
}

static tr_code put(work *w, tr_reader *in, tr_str line, tr_writer *out, tr_err *err)
{
    bool trace;
    tr_code code = look(w, in, line, &trace, err);
    if (code != TR_OK)
        return code;
    if (trace && out && w->file && w->traces == w->npy.rows)
        return tr_err_at(err, tr_reader_file(in), tr_reader_number(in),
                         "a trace too many: %s has %llu rows", w->file,
                         (unsigned long long)w->npy.rows);
    if (trace && out) {
        if (w->file)
            tr_npy_row(&w->npy, w->traces, w->row);
        render(w, line, w->file ? w->row : NULL);
        if (w->line.failed)
            return tr_err_memory(err);
        line = tr_buf_str(&w->line);
    }
    w->traces += trace;
    code = out ? tr_writer_add(out, line.data, line.size, err) : TR_OK;
    return out && code == TR_OK ? tr_writer_add(out, "\n", 1, err) : code;
}

/* All lines, written to `out`; or only counted where that is NULL. */
static tr_code pass(work *w, const tr_cli *cli, tr_writer *out, tr_err *err)
{
    tr_reader *in = tr_reader_open(cli->operands, cli->n_operands, err);
    tr_code code = in ? TR_OK : err->code;
    bool end = false;
    w->traces = 0;
    while (code == TR_OK && !end) {
        tr_str line;
        if (out && tr_reader_would_block(in))
            code = tr_writer_flush(out, err);
        if (code == TR_OK)
            code = tr_reader_line(in, &line, &end, err);
        if (code == TR_OK && !end)
            code = put(w, in, line, out, err);
    }
    tr_reader_close(in);
    if (code == TR_OK && w->file && w->traces != w->npy.rows)
        return tr_err_at(err, w->file, 0, "has %llu rows, but there are %llu traces",
                         (unsigned long long)w->npy.rows, (unsigned long long)w->traces);
    return code;
}

/* Whether all of the input can be read twice; *start is where standard input stands, -1 where it is
 * not read. A file that is not there can: the first reading says so. */
static bool can_count(const tr_cli *cli, off_t *start)
{
    struct stat st;
    *start = -1;
    for (size_t i = 0; i < cli->n_operands || i == 0; i++) {
        const char *file = cli->n_operands ? cli->operands[i] : "-";
        bool from_stdin = strcmp(file, "-") == 0;
        int known_kind = from_stdin ? fstat(STDIN_FILENO, &st) : stat(file, &st);
        if (known_kind == 0 && !S_ISREG(st.st_mode))
            return false;
        if (from_stdin && *start < 0 && (*start = lseek(STDIN_FILENO, 0, SEEK_CUR)) < 0)
            return false;
    }
    return true;
}

static tr_code copy(work *w, const tr_cli *cli, tr_writer *out, tr_err *err)
{
    off_t start;
    if (w->file && can_count(cli, &start)) {
        tr_code code = pass(w, cli, NULL, err);
        if (code != TR_OK)
            return code;
        if (start >= 0 && lseek(STDIN_FILENO, start, SEEK_SET) != start)
            return tr_err_errno(err, "stdin");
    }
    return pass(w, cli, out, err);
}

/* What was written before an error stays written on a pipe; a file of -o stays as it was. */
static tr_code finish(const tr_cli *cli, tr_writer *out, tr_code code, tr_err *err)
{
    bool to_file = cli->output && strcmp(cli->output, "-") != 0;
    tr_err data = *err;
    if (code == TR_SYSTEM || (code == TR_DATA && to_file)) {
        tr_writer_abandon(out);
        return code;
    }
    if (tr_writer_close(out, err) != TR_OK)
        return TR_SYSTEM;
    *err = data;
    return code;
}

static tr_code run(work *w, const tr_cli *cli, tr_err *err)
{
    tr_io_view view = {0};
    tr_code code = w->file ? tr_io_map(w->file, &view, err) : TR_OK;
    const char *name = w->file && strcmp(w->file, "-") == 0 ? "stdin" : w->file;
    if (code == TR_OK && w->file) {
        w->file = name;
        code = tr_npy_open(&w->npy, tr_str_of(view.data, view.size), name, err);
    }
    if (code == TR_OK && !(w->row = tr_mem_array(w->npy.columns, sizeof *w->row)))
        code = tr_err_memory(err);
    tr_writer *out = code == TR_OK ? tr_cli_output(cli, false, err) : NULL;
    if (code == TR_OK)
        code = out ? finish(cli, out, copy(w, cli, out, err), err) : err->code;
    if (code == TR_OK) {
        char traces[TR_NUM_TEXT], replaced[TR_NUM_TEXT];
        tr_num_print_grouped(traces, w->traces);
        tr_num_print_grouped(replaced, w->replaced);
        if (w->file)
            tr_cli_say(cli, "%s: %s traces, %u numbers in each; %s embeddings replaced", cli->tool,
                       traces, w->npy.columns, replaced);
        else
            tr_cli_say(cli, "%s: %s traces, %s embeddings taken away", cli->tool, traces, replaced);
    }
    free(w->row);
    tr_scan_free(&w->scan);
    tr_buf_free(&w->line);
    if (view.data)
        tr_io_unmap(&view);
    return code;
}

int main(int argc, char **argv)
{
    tr_cli cli;
    work w = {0};
    bool strip = false;
    tr_err err = {0};

    tr_cli_init(&cli, "tr-embed");
    const tr_opt own[] = {
        {0, "npy", "FILE", TR_OPT_TEXT, &w.file,
         .help = "the embeddings: a .npy file with a row for each trace"},
        {0, "strip", NULL, TR_OPT_FLAG, &strip, .help = "take the embeddings away"},
    };
    tr_cli_add(&cli, own, sizeof own / sizeof *own);
    tr_cli_add_shared(&cli, TR_CLI_OUTPUT);
    tr_cli_start(&cli, argc, argv, synopsis, purpose, tail);
    if (!w.file == !strip)
        return tr_cli_wrong(&cli, "give either --npy or --strip");
    bool reads_stdin = cli.n_operands == 0;
    for (size_t i = 0; i < cli.n_operands; i++)
        reads_stdin = reads_stdin || strcmp(cli.operands[i], "-") == 0;
    if (w.file && strcmp(w.file, "-") == 0 && reads_stdin)
        return tr_cli_wrong(&cli, "standard input is either --npy or the traces");
    tr_cli_waits_for(&cli, "traces, one JSON object a line,");
    tr_code code = run(&w, &cli, &err);
    tr_cli_free(&cli);
    return code == TR_OK ? 0 : tr_cli_fail(&cli, &err);
}
