/* protocol: what embedding servers read and write: texts to the body of a request, the body of an
 * answer to rows of numbers.
 *
 *   openai    /v1/embeddings  {"model","input":[text],"encoding_format":"base64","dimensions"}
 *                             {"data":[{"index","embedding":[number] or base64 of float32}]}
 *   tei       /embed          {"inputs":[text]}                      [[number]]
 *   ollama    /api/embed      {"model","input":[text],"dimensions"}  {"embeddings":[[number]]}
 *   llamacpp  /embeddings     {"input":[text]}     [{"index","embedding":[[number]]}]
 *
 * (OpenAI's API reference; huggingface/text-embeddings-inference docs/openapi.json; ollama
 * docs/api.md; llama.cpp tools/server/README.md.) All of them are two paths, and others may be
 * given for servers of another kind. A path is names of members joined by dots; "[]" behind one
 * says that the list is there, and what follows is within each of its elements
 * ("instances[].content", "data[].embedding", "[]": all is a list). Without "[]" the list is at its
 * end. Where elements are objects with "index", that is their order.
 *
 * Upstream: scan, floats. Downstream: remote. */
#ifndef TR_PROTOCOL_H
#define TR_PROTOCOL_H

#include "ground/err.h"
#include "ground/mem.h"

#include <stddef.h>
#include <stdint.h>

typedef enum {
    TR_PROTOCOL_OPENAI,
    TR_PROTOCOL_TEI,
    TR_PROTOCOL_OLLAMA,
    TR_PROTOCOL_LLAMACPP
} tr_protocol_api;
extern const char *const tr_protocol_apis[]; /* their names, NULL at the end */

/* Zero-initialise; all strings are borrowed. */
typedef struct {
    int api;           /* a tr_protocol_api */
    const char *model; /* NULL: none is named */
    /* 0: as many as come. Any answer must have so many; openai and ollama are asked for them. */
    int64_t dimensions;
    /* NULL: those of the API. With a request_key nothing is sent beside the texts but the model and
     * `options`. */
    const char *request_key, *response_key;
    const char *options; /* a JSON object: further members of the request, instead of our own of
                            that name; NULL: none */
} tr_protocol;

/* The path of a URL that has none, and what to put behind "/v1" where it ends in that (or NULL). */
const char *tr_protocol_path(tr_protocol_api api);
const char *tr_protocol_behind_v1(tr_protocol_api api);

/* TR_OK, or TR_USAGE with what is wrong in the options. */
TR_MUST tr_code tr_protocol_check(const tr_protocol *p, tr_err *err);

/* Appends the body of a request for n texts, which are valid UTF-8. *p was checked. */
void tr_protocol_write(const tr_protocol *p, const tr_str *texts, size_t n, tr_buf *body);

/* Reads the answer to n >= 1 texts: n rows of *dimensions finite numbers, in the order of the
 * texts, appended to *out (n×d row-major; grown by tr_mem_reserve; *count numbers are in it).
 * TR_DATA with what is wrong with the answer, as "... {reason}" to be put behind the server's name;
 * TR_SYSTEM when memory is out. *count is unchanged then. */
TR_MUST tr_code tr_protocol_read(const tr_protocol *p, tr_str body, size_t n, float **out,
                                 size_t *count, size_t *capacity, size_t *dimensions, tr_err *err);

/* What a server says in the body of an error, on one line; "" where it says nothing. Looked for
 * under error.message, error, message, detail; else the title of a page, or its beginning. */
enum { TR_PROTOCOL_COMPLAINT = 320 };
void tr_protocol_complaint(tr_str body, char text[TR_PROTOCOL_COMPLAINT]);

#endif
