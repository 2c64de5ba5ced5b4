#include "policy/pending.h"

#include "doors/json.h"

#include <stdlib.h>
#include <string.h>

bool tr_pending_init(tr_pending *p, size_t window)
{
    *p = (tr_pending){.window = window};
    /* each row that asks, a run of others behind each of them */
    for (p->capacity = 4; p->capacity < 2 * window + 2;)
        p->capacity *= 2;
    p->mask = p->chain_mask = p->capacity - 1;
    p->rows = tr_mem_zero(p->capacity, sizeof *p->rows);
    p->chains = tr_mem_zero(p->capacity, sizeof *p->chains);
    return p->rows && p->chains;
}

void tr_pending_free(tr_pending *p)
{
    for (size_t k = 0; p->rows && k < p->capacity; k++)
        tr_buf_free(&p->rows[k].line);
    free(p->rows);
    free(p->chains);
    *p = (tr_pending){0};
}

bool tr_pending_full(const tr_pending *p)
{
    return p->asking >= p->window || p->bytes >= TR_PENDING_BYTES;
}

static tr_pending_row *push(tr_pending *p, tr_str line)
{
    tr_pending_row *row = tr_pending_at(p, p->tail);
    *row = (tr_pending_row){0};
    tr_buf_add_str(&row->line, line);
    if (row->line.failed) {
        tr_buf_free(&row->line);
        return NULL;
    }
    p->tail++;
    p->bytes += line.size;
    return row;
}

bool tr_pending_ask(tr_pending *p, tr_str line, size_t members, uint64_t id, int64_t now)
{
    uint32_t place = (uint32_t)(p->tail & p->mask);
    tr_pending_row *row = push(p, line);
    if (!row)
        return false;
    row->members = members;
    row->id = id;
    row->since = now;
    row->asks = row->waits = true;
    p->asking++;
    uint32_t *end = &p->chains[id & p->chain_mask];
    while (*end) /* behind others of the same id: they are answered in turn */
        end = &p->rows[*end - 1].next;
    *end = place + 1;
    return true;
}

bool tr_pending_add(tr_pending *p, tr_str line)
{
    tr_pending_row *last = tr_pending_at(p, p->tail - 1);
    if (last->asks)
        return push(p, line) != NULL;
    tr_buf_add_str(&last->line, line);
    p->bytes += line.size;
    return !last->line.failed;
}

tr_pending_row *tr_pending_find(tr_pending *p, uint64_t id, uint64_t end)
{
    for (uint32_t at = p->chains[id & p->chain_mask]; at; at = p->rows[at - 1].next) {
        /* how far behind the head it stands */
        uint64_t k = p->head + ((at - 1 - p->head) & p->mask);
        if (p->rows[at - 1].id == id)
            return k < end ? &p->rows[at - 1] : NULL;
    }
    return NULL;
}

static void unchain(tr_pending *p, tr_pending_row *row)
{
    uint32_t *at = &p->chains[row->id & p->chain_mask];
    while (*at && &p->rows[*at - 1] != row)
        at = &p->rows[*at - 1].next;
    *at = row->next;
    row->next = 0;
    row->waits = false;
}

/* Puts `text` in place of the `cut` bytes at `at`. */
static bool splice(tr_pending *p, tr_pending_row *row, size_t at, size_t cut, const tr_buf *text)
{
    tr_buf *line = &row->line;
    size_t rest = line->size - at - cut;
    if (text->failed || !tr_buf_reserve(line, text->size))
        return false;
    memmove(line->data + at + text->size, line->data + at + cut, rest);
    memcpy(line->data + at, text->data, text->size);
    line->size = at + text->size + rest;
    p->bytes += text->size - cut;
    return true;
}

bool tr_pending_answer(tr_pending *p, tr_pending_row *row, tr_str label)
{
    tr_buf text;
    tr_buf_init(&text);
    tr_buf_add_c(&text, "\"teacher\":");
    tr_buf_add_str(&text, label);
    tr_buf_add_char(&text, ',');
    unchain(p, row);
    bool well = splice(p, row, row->members, 0, &text);
    tr_buf_free(&text);
    return well;
}

bool tr_pending_fail(tr_pending *p, tr_pending_row *row, const char *why)
{
    static const char end[] = "}\n";
    tr_buf text;
    tr_buf_init(&text);
    tr_buf_add_c(&text, ",\"error\":");
    tr_json_put_str(&text, tr_str_c(why));
    tr_buf_add_c(&text, end);
    unchain(p, row);
    bool well = splice(p, row, row->line.size - strlen(end), strlen(end), &text);
    tr_buf_free(&text);
    return well;
}

void tr_pending_pop(tr_pending *p)
{
    tr_pending_row *row = tr_pending_at(p, p->head++);
    p->bytes -= row->line.size;
    p->asking -= row->asks;
    tr_buf_free(&row->line);
}
