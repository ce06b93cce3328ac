#include "listener.h"

#include "bucket.h"
#include "connection.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKLOG        1024
#define ACCEPTS_A_STEP 64
#define PAUSE_MS       100  /* F21 */
#define SHORTAGE_MS    1000 /* without a new one, until it is over */
#define SEND_BUFFER    65536
#define UNSENT_MOST    16384 /* TCP_NOTSENT_LOWAT: what waits, waits with us, where pongs can overtake it */

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
    if (!set(fd, SOL_SOCKET, SO_SNDBUF, SEND_BUFFER))
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

/* ---- accepting --------------------------------------------------------------------------------------------------- */

int ws_listeners_watch(struct ws_transport *t)
{
    for (size_t i = 0; i < t->listener_count; i++) {
        struct ws_listener *listener = &t->listeners[i];
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &listener->source};

        if (listener->fd >= 0 && epoll_ctl(t->epoll, EPOLL_CTL_ADD, listener->fd, &event) && errno != EEXIST)
            return CHATROOM_ESYSTEM;
    }
    t->accept_again = CHATROOM_NEVER;
    return CHATROOM_OK;
}

void ws_listeners_wake(struct ws_transport *t)
{
    if (t->accept_again <= t->now.mono_ns && ws_listeners_watch(t))
        ws_listeners_pause(t);
    if (t->shortage_over > t->now.mono_ns)
        return;
    t->shortage_over = CHATROOM_NEVER;
    chatroom_transport_log(t->port, CHATROOM_LOG_INFO, "accept_resumed", NULL, 0);
}

void ws_listeners_pause(struct ws_transport *t)
{
    for (size_t i = 0; i < t->listener_count; i++)
        if (t->listeners[i].fd >= 0)
            epoll_ctl(t->epoll, EPOLL_CTL_DEL, t->listeners[i].fd, NULL); /* not watched: nothing to do */
    t->accept_again = ws_after(t->now.mono_ns, PAUSE_MS);
}

uint64_t ws_listeners_deadline(const struct ws_transport *t)
{
    return t->accept_again < t->shortage_over ? t->accept_again : t->shortage_over;
}

/* The reserve makes room for one: it is let in and out, so that it hears something, and the others wait in the kernel.
 */
static void out_of_descriptors(struct ws_transport *t, struct ws_listener *listener)
{
    int fd;

    if (t->shortage_over == CHATROOM_NEVER)
        chatroom_transport_log(t->port, CHATROOM_LOG_WARN, "accept_paused", NULL, 0);
    t->shortage_over = ws_after(t->now.mono_ns, SHORTAGE_MS);
    if (t->reserve >= 0) {
        close(t->reserve);
        fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            close(fd);
        t->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
    ws_listeners_pause(t);
}

static bool too_fast(struct ws_transport *t)
{
    unsigned rate = t->options.connects_per_second;

    return rate && !ws_bucket_take(&t->connects_full, t->now.mono_ns, 1000000000u / rate, t->options.connects_burst);
}

static void refuse(struct ws_transport *t, int fd, struct ws_address *address, uint16_t status, const char *message)
{
    ws_address_leave(&t->addresses, address);
    ws_connection_refuse(t, fd, status, message);
}

/* The source first: what one of them tries too often takes nothing from all the others. */
static void admit(struct ws_transport *t, int fd, const union ws_socket_address *source)
{
    struct ws_address *address = NULL;
    int rc = ws_address_enter(&t->addresses, &source->any, t->now.mono_ns, &address);

    if (rc == CHATROOM_EAGAIN)
        refuse(t, fd, NULL, 429, "Too many connections from one address.");
    else if (rc == CHATROOM_ELIMIT)
        refuse(t, fd, NULL, 429, "Too many connections from one address at once; try again.");
    else if (rc)
        close(fd);
    else if (too_fast(t))
        refuse(t, fd, address, 429, "Too many connections at once; try again.");
    else if (t->opening_count >= t->options.opening_most)
        refuse(t, fd, address, 503, "Too many connections are being opened; try again.");
    else
        ws_connection_new(t, fd, address);
}

void ws_listener_accept(struct ws_transport *t, struct ws_listener *listener)
{
    for (unsigned i = 0; i < ACCEPTS_A_STEP && listener->fd >= 0; i++) {
        union ws_socket_address source = {.any = {.sa_family = AF_UNSPEC}};
        socklen_t size = sizeof source;
        int fd = accept4(listener->fd, &source.any, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0)
            admit(t, fd, &source);
        else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            out_of_descriptors(t, listener);
            return;
        } else if (errno != EINTR && errno != ECONNABORTED)
            return;
    }
}
