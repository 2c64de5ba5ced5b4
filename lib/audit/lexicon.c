#include "audit/lexicon.h"

#include "doors/scan.h"

#include <stdlib.h>
#include <string.h>

/* Both slots of a word lie in one line of memory: to fetch it is what counting costs. */
enum { LINE = 8, LINES = TR_LEXICON_SLOTS / LINE, SLOT_BYTES = 12 };

static const uint64_t LABEL_START = 0x8cb92ba72f3d8dd7u, SLOT_START = 0xd6e8feb86659fd93u;

bool tr_lexicon_init(tr_lexicon *l)
{
    enum { BYTES = TR_LEXICON_SLOTS * 2 * sizeof *l->count };
    l->count = aligned_alloc(LINE * 2 * sizeof *l->count, BYTES);
    if (l->count)
        memset(l->count, 0, BYTES);
    return l->count != NULL;
}

void tr_lexicon_free(tr_lexicon *l)
{
    free(l->count);
    l->count = NULL;
}

uint64_t tr_lexicon_label(tr_str label)
{
    uint64_t h = tr_words_step(LABEL_START, label.size);
    uint64_t piece;
    size_t at = 0;
    for (; label.size - at >= 8; at += 8) {
        memcpy(&piece, label.data + at, 8);
        h = tr_words_step(h, piece);
    }
    for (piece = 0; at < label.size; at++)
        piece = piece << 8 | (unsigned char)label.data[at];
    h = tr_words_mix(tr_words_step(h, piece));
    return h ? h : 1;
}

int tr_lexicon_words(tr_words *split, tr_str text, uint64_t hash[TR_LEXICON_WORDS])
{
    enum { SEEN = 2 * TR_LEXICON_WORDS };
    uint8_t seen[SEEN] = {0}; /* index + 1, by hash */
    int n = 0;
    if (!tr_words_split(split, tr_scan_cut(text, TR_LEXICON_BYTES)))
        return -1;
    size_t words = split->n < TR_LEXICON_WORDS ? split->n : TR_LEXICON_WORDS;
    for (size_t i = 0; i < words; i++) {
        uint64_t h = tr_words_hash(split, i);
        size_t at = h % SEEN;
        while (seen[at] && hash[seen[at] - 1] != h)
            at = (at + 1) % SEEN;
        if (seen[at])
            continue;
        hash[n++] = h;
        seen[at] = (uint8_t)n;
    }
    return n;
}

/* The slots of a word: indices into `count` of the texts handled; deferred ones stand behind. */
static inline void slots_of(uint64_t label, uint64_t word, uint32_t slot[2])
{
    uint64_t h = tr_words_mix(tr_words_step(tr_words_step(SLOT_START, label), word));
    uint32_t line = (uint32_t)(h % LINES), in = (uint32_t)(h >> 32);
    uint32_t first = in % LINE, second = (first + 1 + (in >> 8) % (LINE - 1)) % LINE;
    slot[0] = 2 * (line * LINE + first);
    slot[1] = 2 * (line * LINE + second);
}

static inline void more(uint32_t *count, uint32_t by)
{
    *count = by > UINT32_MAX - *count ? UINT32_MAX : *count + by;
}

void tr_lexicon_add(tr_lexicon *l, uint64_t label, const uint64_t *hash, int n, bool handled)
{
    uint32_t slot[TR_LEXICON_WORDS][2];
    for (int i = 0; i < n; i++) {
        slots_of(label, hash[i], slot[i]);
        __builtin_prefetch(l->count + slot[i][0], 1);
    }
    for (int i = 0; i < n; i++)
        for (int k = 0; k < 2; k++)
            more(&l->count[slot[i][k] + !handled], 1);
}

void tr_lexicon_look(const tr_lexicon *l, uint64_t label, uint64_t word, uint32_t *handled,
                     uint32_t *deferred)
{
    uint32_t slot[2];
    slots_of(label, word, slot);
    const uint32_t *a = l->count + slot[0], *b = l->count + slot[1];
    *handled = a[0] < b[0] ? a[0] : b[0];
    *deferred = a[1] < b[1] ? a[1] : b[1];
}

void tr_lexicon_merge(tr_lexicon *l, const tr_lexicon *other)
{
    for (size_t i = 0; i < 2 * (size_t)TR_LEXICON_SLOTS; i++)
        more(&l->count[i], other->count[i]);
}

void tr_lexicon_write(const tr_lexicon *l, tr_buf *out)
{
    uint32_t n = 0;
    for (size_t i = 0; i < TR_LEXICON_SLOTS; i++)
        n += (l->count[2 * i] | l->count[2 * i + 1]) != 0;
    tr_le_put_u32(out, n);
    for (uint32_t i = 0; i < TR_LEXICON_SLOTS; i++) {
        const uint32_t entry[] = {i, l->count[2 * i], l->count[2 * i + 1]};
        if (entry[1] | entry[2])
            tr_buf_add(out, entry, sizeof entry);
    }
}

tr_code tr_lexicon_read(tr_lexicon *l, tr_le_reader *r, tr_err *err)
{
    uint32_t n = tr_le_u32(r), next = 0;
    if (n > TR_LEXICON_SLOTS || n > tr_le_left(r) / SLOT_BYTES)
        r->failed = true;
    memset(l->count, 0, (size_t)TR_LEXICON_SLOTS * 2 * sizeof *l->count);
    for (uint32_t i = 0; i < n && !r->failed; i++) {
        uint32_t at = tr_le_u32(r), handled = tr_le_u32(r), deferred = tr_le_u32(r);
        if (at < next || at >= TR_LEXICON_SLOTS || !(handled | deferred)) {
            r->failed = true;
            break;
        }
        l->count[2 * (size_t)at] = handled;
        l->count[2 * (size_t)at + 1] = deferred;
        next = at + 1;
    }
    return r->failed ? tr_err_set(err, TR_DATA, "its words are malformed") : TR_OK;
}
