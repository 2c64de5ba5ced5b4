#include "serve/address.h"

#include "ground/mem.h"
#include "ground/num.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* "[::1]:80" to "::1" and "80"; false where it is not of that form. */
static bool split(const char *address, char host[256], char port[8])
{
    const char *colon = strrchr(address, ':');
    uint64_t number;
    if (!colon || strlen(colon + 1) > 5 || !tr_num_parse_u64(tr_str_c(colon + 1), &number) ||
        number > 65535)
        return false;
    size_t size = (size_t)(colon - address);
    bool bracket = size >= 2 && address[0] == '[' && address[size - 1] == ']';
    if (bracket) {
        address++;
        size -= 2;
    }
    if (size > 255 || (!bracket && memchr(address, ':', size)))
        return false;
    memcpy(host, address, size);
    host[size] = '\0';
    strcpy(port, colon + 1);
    return true;
}

/* Port numbers as a browser writes them: nothing, or ":8080" where that is not the scheme's own. */
static bool port_in_origin(const char *scheme, const char *text)
{
    uint64_t own = !strncmp(scheme, "http:", 5) ? 80 : !strncmp(scheme, "https:", 6) ? 443 : 0;
    uint64_t port;
    if (!*text)
        return true;
    return *text == ':' && text[1] != '0' && tr_num_parse_u64(tr_str_c(text + 1), &port) &&
           port <= 65535 && port != own;
}

bool tr_address_is_origin(const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789-.+_~%";
    const char *host = strstr(text, "://");
    if (!host || *text < 'a' || *text > 'z' || strspn(text, plain) != (size_t)(host - text))
        return false;
    host += 3;
    size_t size = strspn(host, plain);
    if (*host == '[') {
        struct in6_addr six;
        char number[INET6_ADDRSTRLEN] = "";
        size = strspn(host + 1, "0123456789abcdef:.");
        if (size >= sizeof number || host[1 + size] != ']')
            return false;
        memcpy(number, host + 1, size);
        if (inet_pton(AF_INET6, number, &six) != 1)
            return false;
        size += 2;
    }
    return size && port_in_origin(text, host + size);
}

static bool name_socket(int fd, char url[TR_ADDRESS_TEXT])
{
    struct sockaddr_storage a;
    socklen_t size = sizeof a;
    char host[256], port[8];
    if (getsockname(fd, (struct sockaddr *)&a, &size) ||
        getnameinfo((struct sockaddr *)&a, size, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV))
        return false;
    bool six = a.ss_family == AF_INET6;
    snprintf(url, TR_ADDRESS_TEXT, "http://%s%s%s:%s", six ? "[" : "", host, six ? "]" : "", port);
    return true;
}

static int listen_at(const struct addrinfo *a)
{
    int yes = 1;
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);
    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) ||
        bind(fd, a->ai_addr, a->ai_addrlen) || listen(fd, SOMAXCONN)) {
        int why = errno;
        close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

int tr_address_listen(const char *address, char url[TR_ADDRESS_TEXT], tr_err *err)
{
    const struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
                                   .ai_socktype = SOCK_STREAM};
    struct addrinfo *list;
    char host[256], port[8];
    int fd = -1;
    if (!split(address, host, port)) {
        tr_err_set(err, TR_USAGE, "\"%s\" is not ADDRESS:PORT, as in 127.0.0.1:8000 or [::1]:8000",
                   address);
        return -1;
    }
    int why = getaddrinfo(*host ? host : "0.0.0.0", port, &hints, &list);
    if (why) {
        tr_err_set(err, TR_SYSTEM, "cannot listen on %s: %s", address, gai_strerror(why));
        return -1;
    }
    for (const struct addrinfo *a = list; a && fd < 0; a = a->ai_next)
        fd = listen_at(a);
    if (fd < 0)
        tr_err_set(err, TR_SYSTEM, "cannot listen on %s: %s", address, strerror(errno));
    freeaddrinfo(list);
    if (fd >= 0 && !name_socket(fd, url)) {
        tr_err_errno(err, address);
        close(fd);
        return -1;
    }
    return fd;
}
