#include "doors/io.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER = 256 << 10, TEMPORARIES = 100, LINKS = 40 };

/* The largest single read and write: Linux moves no more at once. */
static const size_t at_most = (size_t)1 << 30;

/* ---- descriptors ---- */

static void wait_for(int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};
    (void)poll(&p, 1, -1); /* whatever it says, the next read or write says more */
}

/* As read(), through EINTR and EAGAIN. */
static ssize_t read_some(int fd, void *to, size_t size)
{
    for (;;) {
        ssize_t n = read(fd, to, size < at_most ? size : at_most);
        if (n >= 0)
            return n;
        if (errno == EAGAIN) {
            wait_for(fd, POLLIN);
        } else if (errno != EINTR) {
            return -1;
        }
    }
}

/* Ends the process as the pipe's closing would have, had SIGPIPE not been inherited ignored; does
 * nothing where the program handles the signal itself. */
static void die_of_pipe(void)
{
    struct sigaction now;
    if (sigaction(SIGPIPE, NULL, &now) != 0)
        return;
    if (now.sa_handler != SIG_IGN && now.sa_handler != SIG_DFL)
        return;
    sigset_t pipe_only;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    signal(SIGPIPE, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, &pipe_only, NULL);
    raise(SIGPIPE);
}

/* All of it; false with errno. */
static bool write_all(int fd, const char *from, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, from, size < at_most ? size : at_most);
        if (n >= 0) {
            from += n;
            size -= (size_t)n;
        } else if (errno == EAGAIN) {
            wait_for(fd, POLLOUT);
        } else if (errno == EPIPE) {
            die_of_pipe();
            errno = EPIPE;
            return false;
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

/* Linux has closed the descriptor even where close() was interrupted. */
static bool close_checked(int fd)
{
    return close(fd) == 0 || errno == EINTR;
}

static bool is_stdin(const char *file)
{
    return !file || strcmp(file, "-") == 0;
}

static const char *name_of(const char *file)
{
    return is_stdin(file) ? "stdin" : file;
}

/* Standard input is not opened, and so must not be closed. */
static int open_input(const char *file)
{
    return is_stdin(file) ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
}

static void close_input(int fd, const char *file)
{
    if (fd >= 0 && !is_stdin(file))
        close(fd);
}

/* ---- reading lines ---- */

struct tr_reader {
    const char *const *files; /* NULL: a descriptor that the caller owns, or standard input */
    size_t n, next;           /* `next` is the file to open when fd is -1 */
    const char *name;
    int fd;
    bool ended; /* the current file has no more bytes to read */
    char *data;
    size_t capacity;
    size_t start, searched, end; /* start..end is not yet given out; no newline before searched */
    uint64_t number, total;
};

static const char *const only_stdin[] = {"-"};

tr_reader *tr_reader_open(const char *const *files, size_t n, tr_err *err)
{
    tr_reader *r = tr_reader_open_fd(-1, NULL, err);
    if (!r)
        return NULL;
    bool listed = files && n > 0;
    r->files = listed ? files : only_stdin;
    r->n = listed ? n : 1;
    r->name = name_of(r->files[0]);
    return r;
}

tr_reader *tr_reader_open_fd(int fd, const char *name, tr_err *err)
{
    tr_reader *r = tr_mem_zero(1, sizeof *r);
    char *data = tr_mem_array(BUFFER, 1);
    if (!r || !data) {
        free(r);
        free(data);
        tr_err_memory(err);
        return NULL;
    }
    r->fd = fd;
    r->name = name;
    r->data = data;
    r->capacity = BUFFER;
    return r;
}

/* The newline that ends the next line, if it is in memory. Nothing is searched twice. */
static char *find_newline(tr_reader *r)
{
    char *p = NULL;
    if (r->searched < r->end) {
        p = memchr(r->data + r->searched, '\n', r->end - r->searched);
        r->searched = p ? (size_t)(p - r->data) : r->end;
    }
    return p;
}

/* Room behind `end`. A line that fills more than half of the buffer doubles it, so that each byte
 * is moved a bounded number of times. */
static bool make_room(tr_reader *r)
{
    if (r->start == r->end)
        r->start = r->searched = r->end = 0;
    if (r->end < r->capacity)
        return true;
    size_t held = r->end - r->start;
    if (held > r->capacity / 2) {
        if (!tr_mem_reserve((void **)&r->data, &r->capacity, r->capacity + 1, 1))
            return false;
    } else {
        memmove(r->data, r->data + r->start, held);
        r->searched -= r->start;
        r->start = 0;
        r->end = held;
    }
    return true;
}

static void close_current(tr_reader *r)
{
    if (r->files)
        close_input(r->fd, r->files[r->next - 1]);
    r->fd = -1;
}

static tr_code open_next(tr_reader *r, tr_err *err)
{
    const char *file = r->files[r->next++];
    r->name = name_of(file);
    r->number = 0;
    r->start = r->searched = r->end = 0;
    r->ended = false;
    r->fd = open_input(file);
    return r->fd >= 0 ? TR_OK : tr_err_errno(err, r->name);
}

/* More bytes, or `ended`. */
static tr_code fill(tr_reader *r, tr_err *err)
{
    if (!make_room(r))
        return tr_err_memory(err);
    ssize_t n = read_some(r->fd, r->data + r->end, r->capacity - r->end);
    if (n < 0) {
        tr_code code = tr_err_errno(err, r->name);
        close_current(r);
        return code;
    }
    r->end += (size_t)n;
    r->ended = n == 0;
    return TR_OK;
}

static void drop_mark(tr_reader *r)
{
    if (r->number == 0 && r->end - r->start >= 3 &&
        memcmp(r->data + r->start, "\xEF\xBB\xBF", 3) == 0) {
        r->start += 3;
        if (r->searched < r->start)
            r->searched = r->start;
    }
}

static void give(tr_reader *r, size_t stop, size_t next, tr_str *line)
{
    size_t size = stop - r->start;
    if (size > 0 && r->data[stop - 1] == '\r')
        size--;
    *line = tr_str_of(r->data + r->start, size);
    r->start = r->searched = next;
    r->number++;
    r->total++;
}

tr_code tr_reader_line(tr_reader *r, tr_str *line, bool *end, tr_err *err)
{
    *line = tr_str_of("", 0);
    *end = false;
    for (;;) {
        tr_code code = TR_OK;
        char *newline = find_newline(r);
        if (newline || r->ended)
            drop_mark(r);
        if (newline) {
            size_t stop = (size_t)(newline - r->data);
            give(r, stop, stop + 1, line);
            return TR_OK;
        }
        if (r->fd < 0) {
            if (r->next == r->n) {
                *end = true;
                return TR_OK;
            }
            code = open_next(r, err);
        } else if (!r->ended) {
            code = fill(r, err);
        } else if (r->start < r->end) {
            give(r, r->end, r->end, line); /* a last line without newline */
            return TR_OK;
        } else {
            close_current(r);
        }
        if (code != TR_OK)
            return code;
    }
}

/* Takes in what is there without waiting: half a line that can be read must not hide that its rest
 * is still to come. */
bool tr_reader_would_block(tr_reader *r)
{
    struct stat st;
    while (!find_newline(r) && !(r->ended && r->start < r->end)) {
        if (r->fd >= 0 && r->ended) {
            close_current(r);
            continue;
        }
        if (r->fd < 0) { /* opening a fifo may wait as well; standard input is open */
            if (r->next == r->n)
                return false;
            const char *next = r->files[r->next];
            if (!is_stdin(next))
                return stat(next, &st) == 0 && !S_ISREG(st.st_mode);
            if (open_next(r, NULL) != TR_OK)
                return false;
        }
        struct pollfd p = {.fd = r->fd, .events = POLLIN};
        int ready = poll(&p, 1, 0);
        if (ready == 0)
            return true;
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready < 0 || !make_room(r))
            return false; /* the next call for a line says why */
        ssize_t n = read(r->fd, r->data + r->end, r->capacity - r->end);
        if (n < 0)
            return errno == EAGAIN;
        r->end += (size_t)n;
        r->ended = n == 0;
    }
    return false;
}

int tr_reader_fd(const tr_reader *r)
{
    return r->fd;
}

const char *tr_reader_file(const tr_reader *r)
{
    return r->name;
}

uint64_t tr_reader_number(const tr_reader *r)
{
    return r->number;
}

uint64_t tr_reader_total(const tr_reader *r)
{
    return r->total;
}

void tr_reader_close(tr_reader *r)
{
    if (!r)
        return;
    if (r->fd >= 0)
        close_current(r);
    free(r->data);
    free(r);
}

/* ---- reading whole files ---- */

static tr_code slurp_fd(int fd, const char *name, tr_buf *out, tr_err *err)
{
    struct stat st;
    size_t step = BUFFER;
    /* One byte beyond the known size lets the last read see the end without growing. */
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
        step = (size_t)st.st_size + 1;
    }
    for (;;) {
        if (!tr_buf_reserve(out, step))
            return tr_err_memory(err);
        ssize_t n = read_some(fd, out->data + out->size, out->capacity - out->size);
        if (n < 0)
            return tr_err_errno(err, name);
        if (n == 0)
            return TR_OK;
        out->size += (size_t)n;
        step = out->capacity > out->size ? 1 : BUFFER;
    }
}

tr_code tr_io_slurp(const char *file, tr_buf *out, tr_err *err)
{
    int fd = open_input(file);
    if (fd < 0)
        return tr_err_errno(err, name_of(file));
    tr_code code = slurp_fd(fd, name_of(file), out, err);
    close_input(fd, file);
    return code;
}

/* Fills memory of its own from a regular file; page-aligned, as a mapping is. A file that shrinks
 * meanwhile gives what there was. */
static tr_code copy_fd(int fd, const char *name, size_t size, tr_io_view *out, tr_err *err)
{
    char *p =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (p == MAP_FAILED)
        return tr_err_memory(err);
    size_t have = 0;
    ssize_t n = 1;
    while (have < size && (n = read_some(fd, p + have, size - have)) > 0)
        have += (size_t)n;
    *out = (tr_io_view){p, size, true};
    if (n < 0) {
        tr_code code = tr_err_errno(err, name);
        tr_io_unmap(out);
        return code;
    }
    size_t page = (size_t)sysconf(_SC_PAGESIZE), kept = (have + page - 1) / page * page;
    if (have == 0) {
        tr_io_unmap(out);
    } else if (have < size) {
        if (kept < size)
            munmap(p + kept, size - kept);
        out->size = have;
    }
    return TR_OK;
}

static tr_code view_fd(int fd, const char *name, bool may_map, bool copies, tr_io_view *out,
                       tr_err *err)
{
    struct stat st;
    if (may_map && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
        size_t size = (size_t)st.st_size;
        if (copies)
            return copy_fd(fd, name, size, out, err);
        void *p = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
        if (p != MAP_FAILED) {
            *out = (tr_io_view){p, size, true};
            return TR_OK;
        }
    }
    tr_buf b;
    tr_buf_init(&b);
    tr_code code = slurp_fd(fd, name, &b, err);
    if (code == TR_OK)
        *out = (tr_io_view){b.data, b.size, false};
    else
        tr_buf_free(&b);
    return code;
}

static tr_code view_file(const char *file, bool copies, tr_io_view *out, tr_err *err)
{
    *out = (tr_io_view){0};
    int fd = open_input(file);
    if (fd < 0)
        return tr_err_errno(err, name_of(file));
    tr_code code = view_fd(fd, name_of(file), !is_stdin(file), copies, out, err);
    close_input(fd, file);
    return code;
}

tr_code tr_io_map(const char *file, tr_io_view *out, tr_err *err)
{
    return view_file(file, false, out, err);
}

tr_code tr_io_copy(const char *file, tr_io_view *out, tr_err *err)
{
    return view_file(file, true, out, err);
}

void tr_io_unmap(tr_io_view *v)
{
    if (v->mapped) {
        munmap((void *)(uintptr_t)v->data, v->size);
    } else {
        free((void *)(uintptr_t)v->data);
    }
    *v = (tr_io_view){0};
}

/* ---- writing ---- */

struct tr_writer {
    int fd;
    bool owned;      /* fd is ours to close */
    int failed;      /* errno of the first failure, which all later calls report again */
    char *name;      /* for messages */
    char *place;     /* where the file is to appear; NULL: written directly */
    char *temporary; /* what is written until then */
    uint64_t total;  /* bytes added */
    size_t used;
    char data[BUFFER];
};

static void writer_free(tr_writer *w)
{
    free(w->name);
    free(w->place);
    free(w->temporary);
    free(w);
}

static tr_writer *writer_new(const char *name, tr_err *err)
{
    tr_writer *w = tr_mem_zero(1, sizeof *w);
    char *copy = strdup(name);
    if (!w || !copy) {
        free(w);
        free(copy);
        tr_err_memory(err);
        return NULL;
    }
    w->fd = -1;
    w->owned = false;
    w->failed = 0;
    w->name = copy;
    w->place = w->temporary = NULL;
    w->used = 0;
    return w;
}

tr_writer *tr_writer_open_fd(int fd, const char *name, tr_err *err)
{
    tr_writer *w = writer_new(name, err);
    if (w)
        w->fd = fd;
    return w;
}

/* The directory of a path with its slash, "" where it has none. */
static size_t directory_size(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

/* Where a link that leads to nothing yet points in the end; malloced, NULL with errno. */
static char *follow(const char *file)
{
    char *path = strdup(file);
    for (int links = 0; path && links < LINKS; links++) {
        char target[4096];
        ssize_t n = readlink(path, target, sizeof target - 1);
        if (n < 0)
            return path; /* no link: the place itself, or a part of the path is missing */
        target[n] = '\0';
        char *next = NULL;
        int prefix = target[0] == '/' ? 0 : (int)directory_size(path);
        if (asprintf(&next, "%.*s%s", prefix, path, target) < 0)
            next = NULL;
        free(path);
        path = next;
    }
    if (path)
        errno = ELOOP;
    free(path);
    return NULL;
}

static bool open_temporary(tr_writer *w, mode_t mode)
{
    for (int i = 0; i < TEMPORARIES; i++) {
        char *path = NULL;
        int n = i ? asprintf(&path, "%s.tmp.%ld.%d", w->place, (long)getpid(), i)
                  : asprintf(&path, "%s.tmp.%ld", w->place, (long)getpid());
        if (n < 0) {
            errno = ENOMEM;
            return false;
        }
        w->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, mode);
        if (w->fd >= 0) {
            w->temporary = path;
            w->owned = true;
            return true;
        }
        free(path);
        if (errno != EEXIST)
            return false; /* else left behind by a run that was killed */
    }
    return false;
}

static bool open_place(tr_writer *w, const char *file)
{
    struct stat st;
    bool exists = stat(file, &st) == 0;
    if (!exists && errno != ENOENT)
        return false;
    if (exists && !S_ISREG(st.st_mode)) {
        w->fd = open(file, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        w->owned = w->fd >= 0;
        return w->owned;
    }
    w->place = exists ? realpath(file, NULL) : follow(file);
    if (!w->place)
        return false;
    if (!exists)
        return open_temporary(w, 0666);
    /* A rename would ask the directory only; the file's own protection counts too. */
    if (faccessat(AT_FDCWD, w->place, W_OK, AT_EACCESS) != 0)
        return false;
    return open_temporary(w, 0600) && fchmod(w->fd, st.st_mode & 0777) == 0;
}

tr_writer *tr_writer_open_file(const char *file, tr_err *err)
{
    tr_writer *w = writer_new(file, err);
    if (w && !open_place(w, file)) {
        tr_err_errno(err, file);
        tr_writer_abandon(w);
        return NULL;
    }
    return w;
}

static tr_code writer_error(const tr_writer *w, tr_err *err)
{
    errno = w->failed;
    return tr_err_errno(err, w->name);
}

/* Remembers the first failure. */
static void writer_note(tr_writer *w, bool well)
{
    if (!well && !w->failed)
        w->failed = errno ? errno : EIO;
}

tr_code tr_writer_flush(tr_writer *w, tr_err *err)
{
    if (!w->failed)
        writer_note(w, write_all(w->fd, w->data, w->used));
    w->used = 0;
    return w->failed ? writer_error(w, err) : TR_OK;
}

tr_code tr_writer_add(tr_writer *w, const void *data, size_t size, tr_err *err)
{
    if (w->failed)
        return writer_error(w, err);
    w->total += size;
    if (size > BUFFER - w->used) {
        tr_code code = tr_writer_flush(w, err);
        if (code != TR_OK)
            return code;
    }
    if (size >= BUFFER) {
        writer_note(w, write_all(w->fd, data, size));
        return w->failed ? writer_error(w, err) : TR_OK;
    }
    if (size > 0)
        memcpy(w->data + w->used, data, size);
    w->used += size;
    return TR_OK;
}

uint64_t tr_writer_written(const tr_writer *w)
{
    return w->total;
}

/* Some file systems have nothing to sync and say so. */
static bool sync_checked(int fd)
{
    return fsync(fd) == 0 || errno == EINVAL || errno == ENOSYS;
}

/* Makes the rename last. A directory that may not be read cannot be synced: no failure. */
static bool sync_directory(const char *place)
{
    size_t size = directory_size(place);
    char *directory = size ? strndup(place, size) : strdup(".");
    if (!directory)
        return false;
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(directory);
    if (fd < 0)
        return true;
    bool well = sync_checked(fd);
    int why = errno;
    close(fd);
    errno = why;
    return well;
}

tr_code tr_writer_close(tr_writer *w, tr_err *err)
{
    bool flushed = tr_writer_flush(w, NULL) == TR_OK;
    if (flushed && w->temporary)
        writer_note(w, sync_checked(w->fd));
    /* Some errors come with the closing only. A descriptor that is not ours stays open, so a copy
     * of it is closed. */
    int last = w->owned ? w->fd : dup(w->fd);
    w->fd = -1;
    if (last >= 0)
        writer_note(w, close_checked(last));
    if (w->temporary && !w->failed) {
        writer_note(w, rename(w->temporary, w->place) == 0);
        if (!w->failed) {
            free(w->temporary);
            w->temporary = NULL;
            writer_note(w, sync_directory(w->place));
        }
    }
    tr_code code = w->failed ? writer_error(w, err) : TR_OK;
    tr_writer_abandon(w);
    return code;
}

void tr_writer_abandon(tr_writer *w)
{
    if (!w)
        return;
    if (w->owned && w->fd >= 0)
        close(w->fd);
    if (w->temporary)
        unlink(w->temporary);
    writer_free(w);
}
