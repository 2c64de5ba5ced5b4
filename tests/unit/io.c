#include "doors/io.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static tr_err err;

static void put_file(const char *name, const char *data, size_t size)
{
    FILE *f = fopen(name, "wb");
    CHECK(f != NULL);
    if (!f)
        return;
    CHECK(fwrite(data, 1, size, f) == size);
    CHECK(fclose(f) == 0);
}

static bool file_is(const char *name, const char *text)
{
    tr_buf b;
    tr_buf_init(&b);
    bool well = tr_io_slurp(name, &b, &err) == TR_OK;
    well = well && tr_str_equal(tr_buf_str(&b), tr_str_c(text));
    tr_buf_free(&b);
    return well;
}

static bool next_is(tr_reader *r, const char *data, size_t size)
{
    tr_str line;
    bool end;
    return tr_reader_line(r, &line, &end, &err) == TR_OK && !end &&
           tr_str_equal(line, tr_str_of(data, size));
}

static bool at_end(tr_reader *r)
{
    tr_str line;
    bool end;
    return tr_reader_line(r, &line, &end, &err) == TR_OK && end;
}

static void lines_of_files(void)
{
    const char *files[] = {"a", "empty", "mark", "b"};
    put_file("a", "one\n\ntwo\r\n\r\r\nl\0st", 17);
    put_file("empty", "", 0);
    put_file("mark", "\xEF\xBB\xBF", 3);
    put_file("b", "\xEF\xBB\xBF\xEF\xBB\xBFx\ny\n", 10);
    tr_reader *r = tr_reader_open(files, 4, &err);
    CHECK(r != NULL);
    if (!r)
        return;
    CHECK(strcmp(tr_reader_file(r), "a") == 0 && tr_reader_number(r) == 0);
    CHECK(next_is(r, "one", 3));
    CHECK(next_is(r, "", 0));
    CHECK(next_is(r, "two", 3));
    CHECK(tr_reader_number(r) == 3);
    CHECK(next_is(r, "\r", 1));
    CHECK(next_is(r, "l\0st", 4));
    CHECK(tr_reader_number(r) == 5 && strcmp(tr_reader_file(r), "a") == 0);
    CHECK(next_is(r, "\xEF\xBB\xBFx", 4));
    CHECK(tr_reader_number(r) == 1 && tr_reader_total(r) == 6);
    CHECK(strcmp(tr_reader_file(r), "b") == 0);
    CHECK(next_is(r, "y", 1));
    CHECK(at_end(r));
    CHECK(at_end(r));
    CHECK(tr_reader_number(r) == 2 && tr_reader_total(r) == 7);
    tr_reader_close(r);
    tr_reader_close(NULL);
}

/* Lines around the sizes at which the buffer is moved and doubled come back whole. */
static void long_lines(void)
{
    static const size_t sizes[] = {262143, 1,      262144,  262145, 0,
                                   100000, 131072, 3000000, 7,      131073};
    FILE *f = fopen("long", "wb");
    CHECK(f != NULL);
    if (!f)
        return;
    for (size_t i = 0; i < 10; i++) {
        for (size_t k = 0; k < sizes[i]; k++)
            putc('a' + (int)((i + k) % 26), f);
        putc('\n', f);
    }
    CHECK(fclose(f) == 0);
    const char *files[] = {"long"};
    tr_reader *r = tr_reader_open(files, 1, &err);
    if (!r)
        return;
    for (size_t i = 0; i < 10; i++) {
        tr_str line;
        bool end, same = true;
        CHECK(tr_reader_line(r, &line, &end, &err) == TR_OK && !end);
        CHECK(line.size == sizes[i]);
        for (size_t k = 0; k < line.size; k++)
            same &= line.data[k] == 'a' + (int)((i + k) % 26);
        CHECK(same);
    }
    CHECK(at_end(r));
    tr_reader_close(r);
}

static void unreadable(void)
{
    const char *files[] = {"missing"};
    tr_str line;
    bool end;
    tr_buf b;
    tr_io_view v;
    tr_reader *r = tr_reader_open(files, 1, &err);
    CHECK(r && tr_reader_line(r, &line, &end, &err) == TR_SYSTEM);
    CHECK(strcmp(err.message, "missing: No such file or directory") == 0);
    tr_reader_close(r);
    files[0] = ".";
    r = tr_reader_open(files, 1, &err);
    CHECK(r && tr_reader_line(r, &line, &end, &err) == TR_SYSTEM);
    CHECK(strcmp(err.message, ".: Is a directory") == 0);
    tr_reader_close(r);
    tr_buf_init(&b);
    CHECK(tr_io_slurp("missing", &b, &err) == TR_SYSTEM);
    CHECK(tr_io_slurp(".", &b, &err) == TR_SYSTEM);
    CHECK(tr_io_map(".", &v, &err) == TR_SYSTEM && v.data == NULL);
    CHECK(strcmp(err.message, ".: Is a directory") == 0);
    tr_buf_free(&b);
}

static void blocking(void)
{
    int p[2];
    CHECK(pipe2(p, O_NONBLOCK) == 0);
    tr_reader *r = tr_reader_open_fd(p[0], "pipe", &err);
    if (!r)
        return;
    CHECK(tr_reader_would_block(r));
    CHECK(write(p[1], "one\ntwo\nha", 10) == 10);
    CHECK(!tr_reader_would_block(r));
    CHECK(next_is(r, "one", 3));
    CHECK(!tr_reader_would_block(r));
    CHECK(next_is(r, "two", 3));
    CHECK(tr_reader_would_block(r)); /* half a line is none */
    CHECK(write(p[1], "lf", 2) == 2);
    CHECK(tr_reader_would_block(r)); /* though there is something to read */
    pid_t child = fork();
    if (child == 0) {
        usleep(20000);
        _exit(write(p[1], " line\n", 6) != 6);
    }
    CHECK(next_is(r, "half line", 9)); /* waits through EAGAIN */
    CHECK(waitpid(child, NULL, 0) == child);
    CHECK(tr_reader_would_block(r));
    close(p[1]);
    CHECK(!tr_reader_would_block(r));
    CHECK(at_end(r));
    CHECK(!tr_reader_would_block(r));
    CHECK(strcmp(tr_reader_file(r), "pipe") == 0);
    tr_reader_close(r);
    CHECK(close(p[0]) == 0); /* still ours */
}

/* What is to be polled, and that an end hides no waiting behind it. */
static void what_to_wait_for(void)
{
    const char *files[] = {"short", "-", "waiting"};
    int saved = dup(0), p[2];
    put_file("short", "a\nb", 3);
    CHECK(mkfifo("waiting", 0600) == 0 && pipe(p) == 0 && dup2(p[0], 0) == 0);
    close(p[0]);
    tr_reader *r = tr_reader_open(files, 3, &err);
    if (!r)
        return;
    CHECK(!tr_reader_would_block(r) && next_is(r, "a", 1));
    CHECK(!tr_reader_would_block(r) && next_is(r, "b", 1)); /* without its newline */
    CHECK(tr_reader_would_block(r) && tr_reader_fd(r) == 0);
    CHECK(write(p[1], "c\n", 2) == 2);
    CHECK(!tr_reader_would_block(r) && next_is(r, "c", 1));
    CHECK(strcmp(tr_reader_file(r), "stdin") == 0 && tr_reader_number(r) == 1);
    CHECK(tr_reader_would_block(r) && tr_reader_fd(r) == 0);
    close(p[1]);
    CHECK(tr_reader_would_block(r) && tr_reader_fd(r) == -1); /* opening the fifo would */
    pid_t child = fork();
    if (child == 0) {
        int fd = open("waiting", O_WRONLY);
        _exit(write(fd, "d", 1) != 1);
    }
    CHECK(next_is(r, "d", 1) && tr_reader_total(r) == 4);
    CHECK(waitpid(child, NULL, 0) == child);
    CHECK(!tr_reader_would_block(r) && at_end(r));
    tr_reader_close(r);
    CHECK(dup2(saved, 0) == 0);
    close(saved);
}

static void whole_files(void)
{
    tr_io_view v;
    put_file("map", "bytes", 5);
    CHECK(tr_io_map("map", &v, &err) == TR_OK);
    CHECK(v.mapped && v.size == 5 && memcmp(v.data, "bytes", 5) == 0);
    tr_io_unmap(&v);
    CHECK(v.data == NULL);
    CHECK(tr_io_copy("map", &v, &err) == TR_OK && v.size == 5);
    put_file("map", "other words", 11);
    CHECK(truncate("map", 0) == 0 && memcmp(v.data, "bytes", 5) == 0);
    tr_io_unmap(&v);
    CHECK(tr_io_copy("map", &v, &err) == TR_OK && v.size == 0);
    tr_io_unmap(&v);
    CHECK(tr_io_copy("nothing", &v, &err) == TR_SYSTEM && v.data == NULL);
    put_file("map", "bytes", 5);
    CHECK(tr_io_map("empty", &v, &err) == TR_OK && v.size == 0 && !v.mapped);
    tr_io_unmap(&v);
    CHECK(mkfifo("fifo", 0600) == 0);
    pid_t child = fork();
    if (child == 0) {
        int fd = open("fifo", O_WRONLY);
        _exit(write(fd, "through", 7) != 7);
    }
    CHECK(tr_io_map("fifo", &v, &err) == TR_OK);
    CHECK(!v.mapped && v.size == 7 && memcmp(v.data, "through", 7) == 0);
    tr_io_unmap(&v);
    CHECK(waitpid(child, NULL, 0) == child);
    tr_buf b; /* appends, and reads what says it has no size */
    tr_buf_init(&b);
    tr_buf_add_c(&b, "x");
    CHECK(tr_io_slurp("map", &b, &err) == TR_OK);
    CHECK(tr_str_equal(tr_buf_str(&b), tr_str_c("xbytes")));
    CHECK(tr_io_slurp("/proc/self/stat", &b, &err) == TR_OK && b.size > 6);
    tr_buf_free(&b);
}

/* Nothing that begins with "FILE.tmp" is left. */
static int temporaries(void)
{
    return system("ls | grep -q '\\.tmp'") == 0;
}

static bool write_file(const char *name, const char *text)
{
    tr_writer *w = tr_writer_open_file(name, &err);
    if (!w)
        return false;
    tr_code code = tr_writer_add(w, text, strlen(text), &err);
    return tr_writer_close(w, code == TR_OK ? &err : NULL) == TR_OK && code == TR_OK;
}

static void files_appear_whole(void)
{
    struct stat st;
    mode_t mask = umask(027);
    CHECK(write_file("new", "first"));
    CHECK(file_is("new", "first") && stat("new", &st) == 0 && (st.st_mode & 07777) == 0640);
    CHECK(chmod("new", 0604) == 0);
    tr_writer *w = tr_writer_open_file("new", &err);
    CHECK(w && tr_writer_add(w, "second", 6, &err) == TR_OK);
    CHECK(tr_writer_flush(w, &err) == TR_OK);
    CHECK(file_is("new", "first")); /* until it is closed */
    CHECK(temporaries());
    CHECK(tr_writer_close(w, &err) == TR_OK);
    CHECK(file_is("new", "second") && stat("new", &st) == 0 && (st.st_mode & 07777) == 0604);
    w = tr_writer_open_file("new", &err);
    CHECK(w && tr_writer_add(w, "third", 5, &err) == TR_OK);
    tr_writer_abandon(w);
    tr_writer_abandon(NULL);
    CHECK(file_is("new", "second"));
    CHECK(!temporaries());
    char stale[64]; /* what a killed run of the same process number left is not touched */
    snprintf(stale, sizeof stale, "new.tmp.%ld", (long)getpid());
    put_file(stale, "stale", 5);
    CHECK(write_file("new", "fourth") && file_is("new", "fourth") && file_is(stale, "stale"));
    CHECK(unlink(stale) == 0 && !temporaries());
    umask(mask);
}

static void links_are_followed(void)
{
    struct stat st;
    CHECK(mkdir("dir", 0700) == 0);
    put_file("dir/real", "old", 3);
    CHECK(symlink("dir/link2", "link") == 0 && symlink("real", "dir/link2") == 0);
    CHECK(write_file("link", "by a link"));
    CHECK(lstat("link", &st) == 0 && S_ISLNK(st.st_mode));
    CHECK(lstat("dir/link2", &st) == 0 && S_ISLNK(st.st_mode));
    CHECK(file_is("dir/real", "by a link"));
    CHECK(symlink("dir/later", "dangling") == 0);
    CHECK(write_file("dangling", "new"));
    CHECK(lstat("dangling", &st) == 0 && S_ISLNK(st.st_mode) && file_is("dir/later", "new"));
    CHECK(symlink("round", "round") == 0);
    CHECK(!write_file("round", "x"));
    CHECK(strcmp(err.message, "round: Too many levels of symbolic links") == 0);
}

static void unwritable(void)
{
    CHECK(!write_file("no/such", "x"));
    CHECK(strcmp(err.message, "no/such: No such file or directory") == 0);
    CHECK(!write_file("dir", "x"));
    CHECK(strcmp(err.message, "dir: Is a directory") == 0);
    CHECK(!write_file("/dev/full", "x"));
    CHECK(strcmp(err.message, "/dev/full: No space left on device") == 0);
    CHECK(write_file("/dev/null", "x"));
    CHECK(write_file("/dev/full", "")); /* nothing to lose */
    if (geteuid() != 0) {
        put_file("locked", "old", 3);
        CHECK(chmod("locked", 0444) == 0);
        CHECK(!write_file("locked", "x") && file_is("locked", "old"));
    }
}

static void errors_stay(void)
{
    int fd = open("/dev/full", O_WRONLY);
    tr_writer *w = tr_writer_open_fd(fd, "out", &err);
    CHECK(fd >= 0 && w);
    if (!w)
        return;
    CHECK(tr_writer_add(w, "x", 1, &err) == TR_OK);
    CHECK(tr_writer_flush(w, &err) == TR_SYSTEM);
    CHECK(strcmp(err.message, "out: No space left on device") == 0);
    CHECK(tr_writer_add(w, "x", 1, &err) == TR_SYSTEM);
    CHECK(tr_writer_flush(w, &err) == TR_SYSTEM);
    err.message[0] = '\0';
    CHECK(tr_writer_close(w, &err) == TR_SYSTEM);
    CHECK(strcmp(err.message, "out: No space left on device") == 0);
    CHECK(close(fd) == 0);
    w = tr_writer_open_fd(-1, "closed", &err);
    CHECK(w && tr_writer_add(w, "x", 1, &err) == TR_OK);
    CHECK(tr_writer_close(w, &err) == TR_SYSTEM);
    CHECK(strcmp(err.message, "closed: Bad file descriptor") == 0);
}

/* Pieces of all sizes through a non-blocking pipe that is read slowly. */
static void partial_writes(void)
{
    enum { TOTAL = 3000000 };
    int p[2];
    CHECK(pipe2(p, O_NONBLOCK) == 0);
    pid_t child = fork();
    if (child == 0) {
        close(p[0]);
        tr_writer *w = tr_writer_open_fd(p[1], "pipe", &err);
        char *data = malloc(TOTAL);
        if (!w || !data)
            _exit(2);
        for (size_t i = 0; i < TOTAL; i++)
            data[i] = (char)(i % 251);
        size_t at = 0;
        for (size_t piece = 1; at < TOTAL; piece = piece * 3 + 1) {
            size_t size = piece < TOTAL - at ? piece : TOTAL - at;
            if (tr_writer_add(w, data + at, size, &err) != TR_OK)
                _exit(3);
            at += size;
        }
        _exit(tr_writer_close(w, &err) != TR_OK);
    }
    close(p[1]);
    tr_buf b;
    tr_buf_init(&b);
    for (bool end = false; !end;) {
        char some[4096];
        ssize_t n = read(p[0], some, sizeof some);
        if (n > 0)
            tr_buf_add(&b, some, (size_t)n);
        end = n == 0;
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(b.size == TOTAL);
    bool same = true;
    for (size_t i = 0; i < b.size; i++)
        same &= b.data[i] == (char)(i % 251);
    CHECK(same);
    tr_buf_free(&b);
    close(p[0]);
}

static void closed_pipe(void)
{
    for (int ignored = 0; ignored < 2; ignored++) {
        int p[2], status = 0;
        CHECK(pipe(p) == 0);
        close(p[0]); /* before the child can write */
        pid_t child = fork();
        if (child == 0) {
            signal(SIGPIPE, ignored ? SIG_IGN : SIG_DFL);
            tr_writer *w = tr_writer_open_fd(p[1], "pipe", &err);
            _exit(!w || tr_writer_add(w, "x", 1, &err) != TR_OK ||
                  tr_writer_close(w, &err) != TR_OK);
        }
        close(p[1]);
        CHECK(waitpid(child, &status, 0) == child);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
    }
}

int main(void)
{
    char directory[] = "/tmp/tr-unit-io-XXXXXX";
    if (!mkdtemp(directory) || chdir(directory) != 0)
        return 1;
    CASE(lines_of_files);
    CASE(long_lines);
    CASE(unreadable);
    CASE(blocking);
    CASE(what_to_wait_for);
    CASE(whole_files);
    CASE(files_appear_whole);
    CASE(links_are_followed);
    CASE(unwritable);
    CASE(errors_stay);
    CASE(partial_writes);
    CASE(closed_pipe);
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", directory);
    CHECK(system(command) == 0);
    return CHECK_END;
}
