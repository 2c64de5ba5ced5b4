/* trace: one line of a log, a split stream or a request, as its parts.
 *
 * Upstream: doors/scan, doors/floats, instant. Downstream: split, dataset, policy/route. */
#ifndef TR_TRACE_H
#define TR_TRACE_H

#include "doors/floats.h"
#include "doors/scan.h"
#include "ground/err.h"
#include "ground/hash.h"
#include "ground/mem.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum {
    TR_SIDE_NONE, /* no "split" on the line */
    TR_SIDE_TRAIN,
    TR_SIDE_CALIBRATION,
    TR_SIDE_TEST
} tr_side;

/* Which keys to read. NULL: the aliases, the first of them that is there:
 *   input, query, text, prompt, question · teacher, teacher_output, label, intent, output, answer.
 * A line with a "decision" key is a decision: only its "teacher" is its teacher label. */
typedef struct {
    const char *input_key, *label_key;
    const char *group_key; /* NULL: "group" */
    const char *time_key;  /* NULL: none is read */
} tr_trace_keys;

typedef struct {
    tr_str input;    /* text, escapes resolved; data NULL where there is none */
    tr_str teacher;  /* the label; a number or boolean counts as its JSON text; data NULL: none */
    tr_str id;       /* string, or the text of a number; data NULL: none */
    tr_str group;    /* as id */
    tr_str time;     /* as id: the text of the time key */
    int64_t instant; /* what it says (instant.h); 0 where there is none */
    const float *embedding;          /* finite; NULL: none, or not decoded */
    size_t dimensions;               /* 0: no embedding; at most TR_FLOATS_MOST */
    double propensity, shadow_share; /* fractions; 1 and 1 where the line has none */
    tr_side side;
    bool is_decision; /* the line has a "decision" key */
    bool unlisted;    /* the line says "unlisted": true (tr-split --labels) */
    bool stale;       /* the line says "stale": true (tr-split --fresh-after) */
    bool is_trailer;  /* the line is {"tr-split": {...}}; the text of the object is in `trailer` */
    tr_str trailer;
    uint64_t row;        /* identity of the call: see tr_trace_identity */
    uint64_t group_hash; /* identity of its group; `row` where it has none */
} tr_trace;

/* The keys of the input where none is named, the most preferred first. */
enum { TR_TRACE_INPUT_ALIASES = 5 };
extern const char *const tr_trace_input_aliases[TR_TRACE_INPUT_ALIASES];

/* Indices into the table of known keys, as tr_scan_member.known has them. Input and label aliases
 * come first, in order of preference. A name has one index: a named key takes the first one, so
 * that with label_key "label" that key is 5 and TR_TRACE_KEY_PLAIN_LABEL never occurs. Whoever
 * looks for a member by its name compares tr_trace_key_name. */
enum {
    TR_TRACE_KEY_INPUT = 0,                      /* .. 4 aliases, or 0 = the named key */
    TR_TRACE_KEY_LABEL = TR_TRACE_INPUT_ALIASES, /* .. 10 aliases, or 5 = the named key */
    TR_TRACE_KEY_ID = 11,
    TR_TRACE_KEY_GROUP,
    TR_TRACE_KEY_TIME,
    TR_TRACE_KEY_EMBEDDING,
    TR_TRACE_KEY_PROPENSITY,
    TR_TRACE_KEY_SHADOW_SHARE,
    TR_TRACE_KEY_SPLIT,
    TR_TRACE_KEY_UNLISTED,
    TR_TRACE_KEY_STALE,
    TR_TRACE_KEY_DECISION,
    TR_TRACE_KEY_ACCEPT_SCORE,
    TR_TRACE_KEY_STAGE,
    TR_TRACE_KEY_SHADOW,
    TR_TRACE_KEY_EXPLAIN,
    TR_TRACE_KEY_ERROR,
    TR_TRACE_KEY_TRAILER,       /* "tr-split" */
    TR_TRACE_KEY_PLAIN_LABEL,   /* "label" where label_key names another key: still reserved */
    TR_TRACE_KEY_PLAIN_TEACHER, /* "teacher", likewise */
    TR_TRACE_KEY_PLAIN_INPUT,   /* "input" where input_key names another key */
    TR_TRACE_KEY_PLAIN_GROUP,   /* "group" where group_key names another key */
    TR_TRACE_KEY_COUNT
};

/* A parser holds the buffers that the slices of its last trace point into. */
typedef struct tr_trace_parser tr_trace_parser;

/* What a line must have; the rest is optional. */
enum {
    TR_TRACE_NEED_INPUT = 1,     /* a string under the input key */
    TR_TRACE_NEED_TEACHER = 2,   /* a label (not for a decision line: that one just has none) */
    TR_TRACE_NEED_SPLIT = 4,     /* "split", unless it is the trailer */
    TR_TRACE_READ_EMBEDDING = 8, /* decode "embedding" (else it is left alone) */
    TR_TRACE_NEED_TEXT_OR_EMBEDDING = 16 /* an input or an "embedding" */
};

/* NULL: TR_SYSTEM. The names of the keys are borrowed. */
tr_trace_parser *tr_trace_open(tr_trace_keys keys, unsigned needs, tr_err *err);
void tr_trace_close(tr_trace_parser *p);
/* What the lines from now on must have, and what is decoded of them. */
void tr_trace_require(tr_trace_parser *p, unsigned needs);

/* Parses a line; `number` is its line number in the whole input (the identity of rows without id).
 * The slices in *t are borrowed until the next call. Returns TR_OK, TR_DATA (err->message is the
 * reason alone, without file and line; the caller adds the place by tr_err_at), TR_SYSTEM.
 * Where a key that is optional has an impossible value (propensity or shadow_share outside [0,1],
 * one without the other, shadow_share above propensity, a null id) that is TR_DATA too; with
 * NEED_SPLIT also a split of another name; with NEED_TEACHER also propensity 0 beside a label.
 * Without NEED_TEACHER and NEED_SPLIT the line is a request: an impossible group is none then, and
 * propensity and shadow_share are not looked at.
 * The time of a trace (NEED_TEACHER) must be one that instant.h knows.
 * An embedding that is decoded is an array of numbers or base64 of little-endian float32, 1 to
 * TR_FLOATS_MOST finite numbers; anything else, null too, is TR_DATA, of requests as well.
 * An input or a label of null, list or object is refused; an input must be a string. A null label
 * is none where no label is needed: on a decision line, and without NEED_TEACHER. With NEED_TEACHER
 * a decision line without a label is about to be skipped: its input, id, group, time and embedding
 * may be missing or anything. */
TR_MUST tr_code tr_trace_parse(tr_trace_parser *p, tr_str line, uint64_t number, tr_trace *t,
                               tr_err *err);
/* The members of the line last parsed, also after TR_DATA where the JSON itself was sound (else
 * n = 0). */
const tr_scan *tr_trace_members(const tr_trace_parser *p);
/* The name (escapes resolved) of a known index; "" for -1. */
const char *tr_trace_key_name(const tr_trace_parser *p, int known);
/* The member that gave the group of the last trace, or NULL. */
const tr_scan_member *tr_trace_group_member(const tr_trace_parser *p);
/* The member that gave the input or the label of the last trace, or NULL. */
const tr_scan_member *tr_trace_input_member(const tr_trace_parser *p);
const tr_scan_member *tr_trace_teacher_member(const tr_trace_parser *p);

/* The identity of a call, independent of any seed: SipHash of the id under the key ('i', 0), or
 * without an id of the input's hash and the line number under ('t', 0). Uses hash it again with
 * keys of their own. */
uint64_t tr_trace_identity(tr_str id, tr_str input, uint64_t number);

/* What the traces of one log have in common: text or none, an embedding of so many numbers or none.
 * Zero-initialise. */
typedef struct {
    bool known, has_text;
    size_t dimensions; /* 0: no embeddings */
} tr_trace_shape;
/* The first trace makes the shape; TR_DATA with the reason alone where a later one has another. */
TR_MUST tr_code tr_trace_same_shape(tr_trace_shape *s, const tr_trace *t, tr_err *err);

/* The digest of a log: the sum of its rows' hashes, so that it does not depend on their order (rows
 * without an id are known by their line number, and there it does). A row's hash covers its
 * identity, input, label, group, side, propensity, shadow_share, `unlisted` and `stale`; not the
 * embedding, so that one may be added later. */
typedef struct {
    uint64_t a, b;
} tr_digest;
void tr_digest_add(tr_digest *d, const tr_trace *t, tr_side side);
void tr_digest_print(tr_digest d, char text[33]); /* 32 hex digits */
bool tr_digest_parse(tr_str text, tr_digest *d);
bool tr_digest_equal(tr_digest a, tr_digest b);

#endif
