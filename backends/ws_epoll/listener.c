#include "listener.h"

#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKLOG     1024
#define UNSENT_MOST 16384 /* TCP_NOTSENT_LOWAT: what waits, waits with us, where pongs can overtake it */

/* ---- addresses --------------------------------------------------------------------------------------------------- */

/* "PORT" in decimal. */
static bool parse_port(const char *text, in_port_t *ret_port)
{
    unsigned port = 0;

    for (const char *c = text; *c; c++) {
        if (*c < '0' || *c > '9' || c - text >= 5)
            return false;
        port = port * 10 + (unsigned)(*c - '0');
    }
    *ret_port = htons((uint16_t)port);
    return *text && port < 65536;
}

static socklen_t parse_local(const char *path, union ws_socket_address *address)
{
    size_t size = strlen(path);

    if (size == 0 || size >= sizeof address->local.sun_path)
        return 0;
    address->local.sun_family = AF_UNIX;
    memcpy(address->local.sun_path, path, size + 1);
    return sizeof address->local;
}

socklen_t ws_listen_parse(const char *text, union ws_socket_address *ret_address)
{
    const char *colon = strrchr(text, ':');
    char host[INET6_ADDRSTRLEN + 2];
    size_t size = colon ? (size_t)(colon - text) : 0;

    *ret_address = (union ws_socket_address){.local = {0}};
    if (strncmp(text, "unix:", 5) == 0)
        return parse_local(text + 5, ret_address);
    if (size == 0 || size >= sizeof host)
        return 0;
    memcpy(host, text, size);
    host[size] = '\0';
    if (host[0] == '[' && host[size - 1] == ']') {
        host[size - 1] = '\0';
        ret_address->v6.sin6_family = AF_INET6;
        return parse_port(colon + 1, &ret_address->v6.sin6_port) &&
                       inet_pton(AF_INET6, host + 1, &ret_address->v6.sin6_addr) == 1
                   ? sizeof ret_address->v6
                   : 0;
    }
    ret_address->v4.sin_family = AF_INET;
    return parse_port(colon + 1, &ret_address->v4.sin_port) && inet_pton(AF_INET, host, &ret_address->v4.sin_addr) == 1
               ? sizeof ret_address->v4
               : 0;
}

static void write_text(struct ws_listener *listener, const union ws_socket_address *address)
{
    char host[INET6_ADDRSTRLEN];

    ws_address_text(&address->any, host);
    if (address->any.sa_family == AF_INET)
        snprintf(listener->text, sizeof listener->text, "%s:%u", host, ntohs(address->v4.sin_port));
    else if (address->any.sa_family == AF_INET6)
        snprintf(listener->text, sizeof listener->text, "[%s]:%u", host, ntohs(address->v6.sin6_port));
    else
        snprintf(listener->text, sizeof listener->text, "unix:%s", address->local.sun_path);
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static int code_of(int why)
{
    switch (why) {
    case EADDRINUSE:
        return CHATROOM_EADDRINUSE;
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
    case ENOENT:
    case ENOTDIR:
        return CHATROOM_EADDRNOTAVAIL;
    case EACCES:
    case EPERM:
        return CHATROOM_EADDRDENIED;
    default:
        return CHATROOM_ESYSTEM;
    }
}

static int complain(struct chatroom_error *error, const char *text, int why)
{
    char sentence[sizeof error->text];
    const char *reason = why == EADDRNOTAVAIL ? "it is not an address of this machine" : strerror(why);

    snprintf(sentence, sizeof sentence, "Cannot listen on %s: %s.", text, reason);
    return chatroom_error_set(error, code_of(why), sentence);
}

static bool set(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

/* Connections inherit what their listener has, which saves calls on each of them. */
static bool prepare(int fd, int family)
{
    if (!set(fd, SOL_SOCKET, SO_SNDBUF, WS_SEND_BUFFER))
        return false;
    if (family == AF_UNIX)
        return true;
    return set(fd, SOL_SOCKET, SO_REUSEADDR, 1) && (family == AF_INET || set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) &&
           set(fd, IPPROTO_TCP, TCP_NODELAY, 1) && set(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT_MOST);
}

/* Is the file a socket on which nobody listens any more? */
static bool is_stale(const union ws_socket_address *address, socklen_t size)
{
    struct stat file;
    int fd, rc;

    if (lstat(address->local.sun_path, &file) || !S_ISSOCK(file.st_mode))
        return false;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    rc = connect(fd, &address->any, size) ? errno : 0;
    close(fd);
    return rc == ECONNREFUSED;
}

static int bind_to(int fd, const union ws_socket_address *address, socklen_t size)
{
    if (bind(fd, &address->any, size) == 0)
        return 0;
    if (errno != EADDRINUSE || address->any.sa_family != AF_UNIX)
        return errno;
    if (!is_stale(address, size) || unlink(address->local.sun_path))
        return EADDRINUSE;
    return bind(fd, &address->any, size) ? errno : 0;
}

/* 0, or an errno. */
static int start(int fd, union ws_socket_address *address, socklen_t size)
{
    int why;

    if (!prepare(fd, address->any.sa_family))
        return errno;
    why = bind_to(fd, address, size);
    if (why)
        return why;
    if (listen(fd, BACKLOG) || (address->any.sa_family != AF_UNIX && getsockname(fd, &address->any, &size)))
        return errno;
    return 0;
}

int ws_listener_open(struct ws_listener *listener, const char *text, struct chatroom_error *error)
{
    union ws_socket_address address;
    socklen_t size = ws_listen_parse(text, &address);
    int why, fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return complain(error, text, errno);
    why = start(fd, &address, size);
    if (why) {
        close(fd);
        return complain(error, text, why);
    }
    listener->fd = fd;
    listener->local = address.any.sa_family == AF_UNIX;
    write_text(listener, &address);
    return CHATROOM_OK;
}

void ws_listener_close(struct ws_listener *listener)
{
    if (listener->fd < 0)
        return;
    close(listener->fd);
    listener->fd = -1;
    if (listener->local)
        unlink(listener->text + strlen("unix:")); /* gone already: just as well */
}
