/* io: file descriptors as lines and bytes; every read, write, flush and close is checked.
 *
 * EINTR and partial writes are looped over, a non-blocking descriptor is waited for. */
#ifndef TR_IO_H
#define TR_IO_H

#include "ground/err.h"
#include "ground/mem.h"

#include <stdbool.h>

/* ---- reading ---- */

/* Reads a list of files one after the other as one stream of lines ("-" and an empty list are
 * standard input). A line never joins two files: a last line without newline is a line. */
typedef struct tr_reader tr_reader;

/* `files` (borrowed, must outlive the reader) may be NULL with n = 0: standard input.
 * NULL with *err filled when memory is out. Files are opened when their turn comes. */
tr_reader *tr_reader_open(const char *const *files, size_t n, tr_err *err);
tr_reader *tr_reader_open_fd(int fd, const char *name, tr_err *err); /* does not close fd */

/* The next line, without its newline, and without one '\r' before it; a UTF-8 byte order mark at
 * the start of a file is dropped. The bytes are borrowed until the next call; lines may have any
 * length. Sets *end instead of a line at the end of the last file.
 * Returns TR_OK, or TR_SYSTEM when a file cannot be opened or read. */
TR_MUST tr_code tr_reader_line(tr_reader *r, tr_str *line, bool *end, tr_err *err);

/* True when no whole line is in memory and none can be had without waiting: the moment to flush
 * what was written. Takes in what is there, so bytes of an unfinished line do not hide the wait.
 * Lines borrowed before are no longer valid. */
bool tr_reader_would_block(tr_reader *r);
/* What to poll for more input after tr_reader_would_block said true; -1: a file that has still to
 * be opened, which may wait. */
int tr_reader_fd(const tr_reader *r);

const char *tr_reader_file(const tr_reader *r); /* the name of the current file, for messages */
uint64_t tr_reader_number(const tr_reader *r);  /* 1-based number of the last line in its file */
uint64_t tr_reader_total(const tr_reader *r);   /* lines read from all files so far */
void tr_reader_close(tr_reader *r);             /* NULL is allowed */

/* All bytes of a file, a pipe or standard input ("-" or NULL) into `out` (initialised by the
 * caller). */
TR_MUST tr_code tr_io_slurp(const char *file, tr_buf *out, tr_err *err);

/* A whole file mapped for reading (a pipe or standard input is read into memory instead). */
typedef struct {
    const void *data;
    size_t size;
    bool mapped;
} tr_io_view;
TR_MUST tr_code tr_io_map(const char *file, tr_io_view *out, tr_err *err);
/* The same as a copy in memory: what becomes of the file later is not seen. A mapping shows it, and
 * ends the program where the file gets shorter. */
TR_MUST tr_code tr_io_copy(const char *file, tr_io_view *out, tr_err *err);
void tr_io_unmap(tr_io_view *v);

/* ---- writing ---- */

typedef struct tr_writer tr_writer;

tr_writer *tr_writer_open_fd(int fd, const char *name, tr_err *err); /* does not close fd */

/* A file that appears whole or not at all: written beside its place as a temporary, fsynced, given
 * the mode of the file that it replaces (else 0666 less umask), renamed on close. Where FILE is no
 * regular file (a device, a fifo) it is opened and written directly; symbolic links are followed,
 * and a file that may not be written is not replaced.
 * NULL with *err filled (TR_SYSTEM) when that cannot be begun. */
tr_writer *tr_writer_open_file(const char *file, tr_err *err);

TR_MUST tr_code tr_writer_add(tr_writer *w, const void *data, size_t size, tr_err *err);
uint64_t tr_writer_written(const tr_writer *w);             /* bytes added so far */
TR_MUST tr_code tr_writer_flush(tr_writer *w, tr_err *err); /* hands all bytes to the system */

/* Flush, fsync and rename (for files), close; frees the writer whatever comes out. Anything but
 * TR_OK means that the output is not to be trusted; a file's old content is then still there (but
 * where only syncing the directory after the rename failed).
 * EPIPE on a descriptor is turned back into SIGPIPE where the signal was inherited ignored. */
TR_MUST tr_code tr_writer_close(tr_writer *w, tr_err *err);
/* Closes, removes the temporary, keeps the old file; NULL is allowed. */
void tr_writer_abandon(tr_writer *w);

#endif
