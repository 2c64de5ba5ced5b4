#include "doors/http.h"

#include <stdlib.h>
#include <unistd.h>

#include "check.h"

static tr_err err;

static bool url_is(const char *text, const char *full, const char *shown)
{
    tr_http_url u;
    bool well = tr_http_url_parse(&u, text, "/p/q", &err) == TR_OK && strcmp(u.full, full) == 0 &&
                strcmp(u.shown, shown) == 0;
    if (!well)
        printf("# %s: %s, %s\n", text, u.full ? u.full : err.message, u.shown ? u.shown : "");
    tr_http_url_free(&u);
    return well;
}

static void urls(void)
{
    CHECK(url_is("http://h", "http://h/p/q", "http://h/p/q"));
    CHECK(url_is("https://h:8080/", "https://h:8080/p/q", "https://h:8080/p/q"));
    CHECK(url_is("HTTP://h/x", "http://h/x", "http://h/x"));
    CHECK(url_is("http://h/x/?key=s", "http://h/x/?key=s", "http://h/x/"));
    CHECK(url_is("http://h?key=s", "http://h/p/q?key=s", "http://h/p/q"));
    CHECK(url_is("http://[::1]:80/a", "http://[::1]:80/a", "http://[::1]:80/a"));
    tr_http_url u;
    CHECK(tr_http_url_parse(&u, "http://h/v1?a=b", "/p", &err) == TR_OK);
    CHECK(tr_http_url_extend(&u, "/embeddings", &err) == TR_OK);
    CHECK(strcmp(u.full, "http://h/v1/embeddings?a=b") == 0);
    CHECK(strcmp(u.shown, "http://h/v1/embeddings") == 0);
    tr_http_url_free(&u);
}

static void urls_refused(void)
{
    static const char *const bad[] = {
        "",
        "h",
        "h:80",
        "ftp://h",
        "file:///etc/passwd",
        "http://",

        "http://h:99999",
        "http://u@h",
        "http://u:p@h",
        "http://:p@h",
        "http://h#f",
        "http://h /x",
        "http://h/\x01",
        "gopher://h",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        tr_http_url u;
        bool well = tr_http_url_parse(&u, bad[i], "/p", &err) == TR_USAGE &&
                    !strstr(err.message, "u:p");
        if (!well)
            printf("# %s\n", bad[i]);
        CHECK(well);
        tr_http_url_free(&u);
    }
}

/* Reads headers from a file of that text. */
static tr_code headers(tr_http_headers *h, const char *text, size_t size)
{
    char file[] = "/tmp/tr-http-XXXXXX";
    int fd = mkstemp(file);
    *h = (tr_http_headers){0};
    CHECK(fd >= 0 && write(fd, text, size) == (ssize_t)size);
    tr_code code = tr_http_headers_read(h, file, &err);
    close(fd);
    unlink(file);
    return code;
}

static void header_files(void)
{
    tr_http_headers h;
    const char *text = "Authorization: Bearer x y \r\n\n \nX-A:1\nX-B:\t2 3";
    CHECK(headers(&h, text, strlen(text)) == TR_OK && h.n == 3);
    if (h.n == 3) {
        CHECK(strcmp(h.lines[0], "Authorization: Bearer x y") == 0);
        CHECK(strcmp(h.lines[1], "X-A:1") == 0 && strcmp(h.lines[2], "X-B:\t2 3") == 0);
    }
    tr_http_headers_free(&h);
    static const char *const bad[] = {
        "secret",
        ": secret",
        "A B: secret",
        "X: \x01secret",
        "X:",
        "X: \t",
        "Content-Type: secret",
        "content-length:secret",
        "X\xc3\xa9: secret",
        "Expect: secret",
        " X: secret",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK(headers(&h, bad[i], strlen(bad[i])) == TR_DATA && err.line == 1);
        CHECK(!strstr(err.message, "secret"));
        tr_http_headers_free(&h);
    }
    CHECK(headers(&h, "X: a\0b", 6) == TR_DATA);
    tr_http_headers_free(&h);
    char many[65 * 5 + 1] = "";
    for (int i = 0; i < 65; i++)
        strcat(many, "X: 1\n");
    CHECK(headers(&h, many, strlen(many)) == TR_DATA && strstr(err.message, "64 headers"));
    tr_http_headers_free(&h);
    char *large = calloc(TR_HTTP_HEADER_BYTES + 2, 1);
    memset(large, 'x', TR_HTTP_HEADER_BYTES + 1);
    memcpy(large, "X:", 2);
    CHECK(headers(&h, large, TR_HTTP_HEADER_BYTES + 1) == TR_DATA && strstr(err.message, "64 kB"));
    free(large);
    tr_http_headers_free(&h);
}

/* Nobody listens there: each request is lost, and a slot is free again. */
static void lost(void)
{
    tr_http_url u;
    tr_http_headers none = {0};
    tr_http_reply reply;
    CHECK(tr_http_url_parse(&u, "http://127.0.0.1:1", "/p", &err) == TR_OK);
    const tr_http_options o = {
        .url = &u, .headers = &none, .parallel = 2, .timeout = 5, .most = 10};
    tr_http *h = tr_http_open(&o, &err);
    CHECK(h != NULL);
    int tags[3] = {0};
    for (int round = 0; h && round < 3; round++) {
        CHECK(tr_http_post(h, tr_str_c("{}"), &tags[0], &err) == TR_OK && tr_http_free_slot(h));
        CHECK(tr_http_post(h, tr_str_c("{}"), &tags[1], &err) == TR_OK && !tr_http_free_slot(h));
        for (int got = 0; got < 2;) {
            CHECK(tr_http_wait(h, -1, 5000, &err) == TR_OK);
            while (tr_http_take(h, &reply)) {
                CHECK(reply.outcome == TR_HTTP_LOST && reply.status == 0 && reply.why[0]);
                tags[(int *)reply.tag - tags]++;
                got++;
            }
        }
        CHECK(tr_http_flying(h) == 0 && tags[0] == round + 1 && tags[1] == round + 1);
    }
    CHECK(h && tr_http_post(h, tr_str_c("{}"), &tags[2], &err) == TR_OK); /* left in flight */
    tr_http_close(h);
    tr_http_url_free(&u);
}

int main(void)
{
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    unsetenv("ALL_PROXY");
    CASE(urls);
    CASE(urls_refused);
    CASE(header_files);
    CASE(lost);
    return CHECK_END;
}
