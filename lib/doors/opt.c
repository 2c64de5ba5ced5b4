#include "doors/opt.h"

#include "ground/num.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool takes_value(const tr_opt *o)
{
    return o->kind != TR_OPT_FLAG && o->kind != TR_OPT_COUNT;
}

/* ---- parsing ---- */

typedef struct {
    const tr_opt_table *table;
    int argc, at; /* argv[at] is looked at */
    char **argv;
    tr_err *err;
} walk;

/* One line, "TOOL: what is wrong; try TOOL -h". */
static tr_code refuse(const walk *w, const char *what)
{
    const char *tool = w->table->tool;
    return tr_err_set(w->err, TR_USAGE, "%s: %.700s; try %s -h", tool, what, tool);
}

static tr_code refuse_because(const walk *w, tr_buf *text)
{
    tr_buf_add_char(text, '\0');
    tr_code code = text->failed ? tr_err_memory(w->err) : refuse(w, text->data);
    tr_buf_free(text);
    return code;
}

static void add_number(tr_buf *b, double x)
{
    char text[TR_NUM_TEXT];
    tr_num_print_double(text, x);
    tr_buf_add_c(b, text);
}

static bool in_range(const tr_opt *o, double x)
{
    if (!isfinite(x))
        return false;
    if (o->min == 0 && o->max == 0)
        return true;
    if (o->flags & TR_OPT_OPEN)
        return x > o->min && x < o->max;
    return x >= o->min && x <= o->max;
}

/* " from 0 to 1", " above 0", ...; nothing where every number will do. */
static void add_range(tr_buf *b, const tr_opt *o)
{
    if (o->min == 0 && o->max == 0)
        return;
    /* A bound beyond 2^53 is there for the type's sake and tells the user nothing. */
    bool low = o->min > -0x1p53, high = o->max < 0x1p53, open = o->flags & TR_OPT_OPEN;
    if (low && high && !open) {
        tr_buf_add_c(b, " from ");
        add_number(b, o->min);
        tr_buf_add_c(b, " to ");
        add_number(b, o->max);
        return;
    }
    if (low) {
        tr_buf_add_c(b, open ? " above " : " of at least ");
        add_number(b, o->min);
    }
    if (low && high)
        tr_buf_add_c(b, " and");
    if (high) {
        tr_buf_add_c(b, open ? " below " : " of at most ");
        add_number(b, o->max);
    }
}

static void add_choices(tr_buf *b, const tr_opt *o, const char *between, const char *before_last)
{
    for (size_t i = 0; o->choices[i]; i++) {
        if (i)
            tr_buf_add_c(b, o->choices[i + 1] ? between : before_last);
        tr_buf_add_c(b, o->choices[i]);
    }
}

/* `shown` is the option as it was typed: "--seed" or "-j". */
static tr_code refuse_value(const walk *w, const tr_opt *o, tr_str shown, const char *value)
{
    tr_buf b;
    tr_buf_init(&b);
    tr_buf_add_str(&b, shown);
    tr_buf_add_c(&b, " takes ");
    if (o->kind == TR_OPT_CHOICE) {
        add_choices(&b, o, ", ", " or ");
    } else {
        tr_buf_add_c(&b, o->kind == TR_OPT_INT ? "a whole number" : "a number");
        add_range(&b, o);
    }
    tr_buf_add_c(&b, ", not \"");
    tr_buf_add_c(&b, value);
    tr_buf_add_c(&b, "\"");
    return refuse_because(w, &b);
}

/* A number as people type it at a shell: JSON's, and ".05". */
static bool parse_real(const char *value, double *out)
{
    char text[64];
    size_t size = strlen(value), sign = value[0] == '-';
    if (value[sign] != '.')
        return tr_num_parse_double(tr_str_of(value, size), out);
    if (size + 1 > sizeof text)
        return false;
    memcpy(text, value, sign);
    text[sign] = '0';
    memcpy(text + sign + 1, value + sign, size - sign);
    return tr_num_parse_double(tr_str_of(text, size + 1), out);
}

static bool parse_choice(const tr_opt *o, const char *value, int *out)
{
    for (int i = 0; o->choices[i]; i++) {
        if (strcmp(o->choices[i], value) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

static tr_code refuse_called(const walk *w, tr_str shown, const char *reason)
{
    tr_buf b;
    tr_buf_init(&b);
    tr_buf_add_str(&b, shown);
    tr_buf_add_c(&b, ": ");
    tr_buf_add_c(&b, reason);
    return refuse_because(w, &b);
}

static tr_code set_value(const walk *w, const tr_opt *o, tr_str shown, const char *value)
{
    double real;
    int64_t whole;
    int choice;
    switch (o->kind) {
    case TR_OPT_INT:
        if (!tr_num_parse_i64(tr_str_c(value), &whole) || !in_range(o, (double)whole))
            break;
        *(int64_t *)o->target = whole;
        return TR_OK;
    case TR_OPT_REAL:
        if (!parse_real(value, &real) || !in_range(o, real))
            break;
        *(double *)o->target = real;
        return TR_OK;
    case TR_OPT_CHOICE:
        if (!parse_choice(o, value, &choice))
            break;
        *(int *)o->target = choice;
        return TR_OK;
    case TR_OPT_CALL: {
        const tr_opt_call *call = o->target;
        const char *reason = call->parse(call->context, value);
        return reason ? refuse_called(w, shown, reason) : TR_OK;
    }
    default: *(const char **)o->target = value; return TR_OK;
    }
    return refuse_value(w, o, shown, value);
}

static void set_flag(const tr_opt *o)
{
    if (o->kind == TR_OPT_COUNT) {
        ++*(int *)o->target;
    } else {
        *(bool *)o->target = true;
    }
}

/* Sets the option, whose value is `attached` or, where that is NULL, the next argument. */
static tr_code take_value(walk *w, const tr_opt *o, tr_str shown, const char *attached)
{
    if (attached)
        return set_value(w, o, shown, attached);
    if (w->at + 1 < w->argc)
        return set_value(w, o, shown, w->argv[++w->at]);
    tr_buf b;
    tr_buf_init(&b);
    tr_buf_add_str(&b, shown);
    tr_buf_add_c(&b, " needs a value");
    return refuse_because(w, &b);
}

static tr_code refuse_unknown(const walk *w, tr_str shown)
{
    tr_buf b;
    tr_buf_init(&b);
    tr_buf_add_c(&b, "there is no option ");
    tr_buf_add_str(&b, shown);
    return refuse_because(w, &b);
}

static tr_code parse_long(walk *w)
{
    const char *arg = w->argv[w->at], *equals = strchr(arg, '=');
    tr_str shown = equals ? tr_str_of(arg, (size_t)(equals - arg)) : tr_str_c(arg);
    tr_str name = tr_str_of(shown.data + 2, shown.size - 2);
    for (size_t i = 0; i < w->table->n; i++) {
        const tr_opt *o = &w->table->rows[i];
        if (o->kind == TR_OPT_HEADING || !o->name || !tr_str_equal(tr_str_c(o->name), name)) {
            continue;
        }
        if (takes_value(o))
            return take_value(w, o, shown, equals ? equals + 1 : NULL);
        if (equals) {
            tr_buf b;
            tr_buf_init(&b);
            tr_buf_add_str(&b, shown);
            tr_buf_add_c(&b, " takes no value");
            return refuse_because(w, &b);
        }
        set_flag(o);
        return TR_OK;
    }
    return refuse_unknown(w, shown);
}

static const tr_opt *find_letter(const tr_opt_table *t, char letter)
{
    for (size_t i = 0; i < t->n; i++) {
        const tr_opt *o = &t->rows[i];
        if (o->kind != TR_OPT_HEADING && o->letter && o->letter == letter)
            return o;
    }
    return NULL;
}

/* "-qv", "-j4", "-qj4", "-qj 4". */
static tr_code parse_letters(walk *w)
{
    const char *arg = w->argv[w->at];
    for (const char *p = arg + 1; *p; p++) {
        const tr_opt *o = find_letter(w->table, *p);
        char typed[3] = {'-', *p, '\0'};
        tr_str shown = tr_str_of(typed, 2);
        /* Half of a UTF-8 letter is nothing to show: name the whole argument. */
        if (!o)
            return refuse_unknown(w, (unsigned char)*p < 0x80 ? shown : tr_str_c(arg));
        if (takes_value(o))
            return take_value(w, o, shown, p[1] ? p + 1 : NULL);
        set_flag(o);
    }
    return TR_OK;
}

tr_code tr_opt_parse(const tr_opt_table *t, int argc, char **argv, const char ***operands,
                     size_t *n_operands, tr_err *err)
{
    *operands = NULL;
    *n_operands = 0;
    const char **found = tr_mem_array(argc > 0 ? (size_t)argc : 1, sizeof *found);
    if (!found)
        return tr_err_memory(err);
    walk w = {.table = t, .argc = argc, .at = 1, .argv = argv, .err = err};
    size_t n = 0;
    bool options = true;
    tr_code code = TR_OK;
    for (; w.at < argc && code == TR_OK; w.at++) {
        const char *arg = argv[w.at];
        if (!options || arg[0] != '-' || arg[1] == '\0') {
            found[n++] = arg;
        } else if (arg[1] != '-') {
            code = parse_letters(&w);
        } else if (arg[2] == '\0') {
            options = false;
        } else {
            code = parse_long(&w);
        }
    }
    if (code != TR_OK) {
        free(found);
        return code;
    }
    *operands = found;
    *n_operands = n;
    return TR_OK;
}

/* ---- help ---- */

enum { PAGE = 79, WIDEST = 30 }; /* columns of a line; the left column gives way beyond WIDEST */

/* Columns that the text takes: its code points. */
static size_t columns(tr_str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.size; i++)
        n += ((unsigned char)s.data[i] & 0xC0) != 0x80;
    return n;
}

static void add_blanks(tr_buf *b, size_t n)
{
    while (n--)
        tr_buf_add_char(b, ' ');
}

/* Words of `text` from column `at` on, later lines indented by `indent`; ends the line. */
static void add_wrapped(tr_buf *b, tr_str text, size_t at, size_t indent)
{
    size_t i = 0;
    bool first = true;
    while (i < text.size) {
        size_t end = i;
        while (end < text.size && text.data[end] != ' ')
            end++;
        tr_str word = tr_str_of(text.data + i, end - i);
        size_t wide = columns(word);
        if (!first && at + 1 + wide > PAGE) {
            tr_buf_add_char(b, '\n');
            add_blanks(b, indent);
            at = indent;
        } else if (!first) {
            tr_buf_add_char(b, ' ');
            at++;
        }
        tr_buf_add_str(b, word);
        at += wide;
        first = false;
        for (i = end; i < text.size && text.data[i] == ' ';)
            i++;
    }
    tr_buf_add_char(b, '\n');
}

/* "  -o, --output FILE" */
static void add_left(tr_buf *b, const tr_opt *o)
{
    tr_buf_add_c(b, "  ");
    if (o->letter) {
        tr_buf_add_char(b, '-');
        tr_buf_add_char(b, o->letter);
        if (o->name)
            tr_buf_add_c(b, ", ");
    } else {
        tr_buf_add_c(b, "    ");
    }
    if (o->name) {
        tr_buf_add_c(b, "--");
        tr_buf_add_c(b, o->name);
    }
    if (!takes_value(o))
        return;
    tr_buf_add_char(b, ' ');
    if (o->value) {
        tr_buf_add_c(b, o->value);
    } else if (o->kind == TR_OPT_CHOICE) {
        add_choices(b, o, "|", "|");
    } else {
        tr_buf_add_c(b, "VALUE");
    }
}

/* What the target holds now, or nothing where that stands for "not given". */
static void add_default(tr_buf *b, const tr_opt *o)
{
    char text[TR_NUM_TEXT];
    const char *shown = NULL;
    switch (o->kind) {
    case TR_OPT_INT: {
        int64_t x = *(const int64_t *)o->target;
        if (!in_range(o, (double)x))
            return;
        tr_num_print_i64(text, x);
        shown = text;
        break;
    }
    case TR_OPT_REAL: {
        double x = *(const double *)o->target;
        if (!in_range(o, x))
            return;
        tr_num_print_double(text, x);
        shown = text;
        break;
    }
    case TR_OPT_TEXT: shown = *(const char *const *)o->target; break;
    case TR_OPT_CHOICE: {
        int x = *(const int *)o->target, n = 0;
        while (o->choices[n])
            n++;
        if (x >= 0 && x < n)
            shown = o->choices[x];
        break;
    }
    case TR_OPT_CALL: {
        const tr_opt_call *call = o->target;
        if (call->show)
            shown = call->show(call->context);
        break;
    }
    default: break;
    }
    if (!shown || !*shown)
        return;
    tr_buf_add_c(b, " (default ");
    tr_buf_add_c(b, shown);
    tr_buf_add_char(b, ')');
}

/* The column where the help begins: two behind the widest left side that is not too wide. */
static size_t help_column(const tr_opt_table *t, tr_buf *scratch)
{
    size_t widest = 0;
    for (size_t i = 0; i < t->n; i++) {
        if (t->rows[i].kind == TR_OPT_HEADING || !t->rows[i].help)
            continue;
        tr_buf_clear(scratch);
        add_left(scratch, &t->rows[i]);
        size_t wide = columns(tr_buf_str(scratch));
        if (wide > widest && wide <= WIDEST)
            widest = wide;
    }
    return widest + 2;
}

static void add_row(tr_buf *out, const tr_opt *o, size_t column, tr_buf *scratch)
{
    tr_buf_clear(scratch);
    add_left(scratch, o);
    tr_buf_add_str(out, tr_buf_str(scratch));
    size_t wide = columns(tr_buf_str(scratch));
    if (wide + 2 > column) {
        tr_buf_add_char(out, '\n');
        wide = 0;
    }
    add_blanks(out, column - wide);
    tr_buf_clear(scratch);
    tr_buf_add_c(scratch, o->help);
    add_default(scratch, o);
    add_wrapped(out, tr_buf_str(scratch), column, column);
}

void tr_opt_usage(const tr_opt_table *t, tr_buf *out)
{
    tr_buf scratch;
    tr_buf_init(&scratch);
    tr_buf_add_c(&scratch, "usage: ");
    tr_buf_add_c(&scratch, t->tool);
    size_t indent = scratch.size + 1;
    tr_buf_add_char(&scratch, ' ');
    tr_buf_add_c(&scratch, t->synopsis);
    add_wrapped(out, tr_buf_str(&scratch), 0, indent);
    add_wrapped(out, tr_str_c(t->purpose), 0, 0);

    size_t column = help_column(t, &scratch);
    bool headed = t->n && t->rows[0].kind == TR_OPT_HEADING;
    if (!headed && t->n)
        tr_buf_add_char(out, '\n');
    for (size_t i = 0; i < t->n; i++) {
        const tr_opt *o = &t->rows[i];
        if (!o->help)
            continue;
        if (o->kind == TR_OPT_HEADING) {
            tr_buf_add_char(out, '\n');
            add_wrapped(out, tr_str_c(o->help), 0, 0);
        } else {
            add_row(out, o, column, &scratch);
        }
    }
    if (t->tail && *t->tail) {
        tr_buf_add_char(out, '\n');
        tr_buf_add_c(out, t->tail);
        if (t->tail[strlen(t->tail) - 1] != '\n')
            tr_buf_add_char(out, '\n');
    }
    if (scratch.failed)
        out->failed = true;
    tr_buf_free(&scratch);
}

/* ---- completion ---- */

/* Ends a field; one that is empty becomes "-". */
static void end_field(tr_buf *b, size_t began, char end)
{
    if (b->size == began)
        tr_buf_add_char(b, '-');
    tr_buf_add_char(b, end);
}

void tr_opt_rows(const tr_opt_table *t, tr_buf *out)
{
    for (size_t i = 0; i < t->n; i++) {
        const tr_opt *o = &t->rows[i];
        if (o->kind == TR_OPT_HEADING || !o->help)
            continue;
        size_t began = out->size;
        if (o->letter) {
            tr_buf_add_char(out, '-');
            tr_buf_add_char(out, o->letter);
        }
        end_field(out, began, '\t');
        began = out->size;
        if (o->name) {
            tr_buf_add_c(out, "--");
            tr_buf_add_c(out, o->name);
        }
        end_field(out, began, '\t');
        began = out->size;
        if (takes_value(o))
            tr_buf_add_c(out, o->value ? o->value : "VALUE");
        end_field(out, began, '\t');
        began = out->size;
        if (o->choices)
            add_choices(out, o, ",", ",");
        end_field(out, began, '\t');
        tr_buf_add_c(out, o->help);
        tr_buf_add_char(out, '\n');
    }
}
