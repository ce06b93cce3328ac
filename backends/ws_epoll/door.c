#include "door.h"

#include "bucket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

#define ACCEPTS_A_STEP 64
#define PAUSE_NS       100000000  /* F21 */
#define SHORTAGE_NS    1000000000 /* without a new one, until it is over */

/* ---- the beginning ----------------------------------------------------------------------------------------------- */

int ws_door_init(struct ws_door *door, const struct ws_door_ops *ops, const struct chatroom_ws_epoll_options *options)
{
    size_t count = options->listen_count + options->http_listen_count;

    door->listeners = calloc(count, sizeof *door->listeners);
    if (!door->listeners)
        return CHATROOM_ENOMEM;
    door->options = *options;
    door->ops = ops;
    door->listener_count = count;
    for (size_t i = 0; i < count; i++)
        door->listeners[i] =
            (struct ws_listener){.source = {WS_SOURCE_LISTENER}, .fd = -1, .apart = i >= options->listen_count};
    door->addresses.limits =
        (struct ws_address_limits){door->options.address_connections, door->options.address_connects_per_second,
                                   door->options.address_connects_burst};
    door->reserve = -1;
    door->accept_again = door->shortage_over = CHATROOM_NEVER;
    return CHATROOM_OK;
}

int ws_fail_system(struct chatroom_error *error, const char *what)
{
    char text[128];

    snprintf(text, sizeof text, "Cannot %s: %s.", what, strerror(errno));
    return chatroom_error_set(error, CHATROOM_ESYSTEM, text);
}

void ws_log(chatroom_transport_port *port, enum chatroom_log_level level, const char *event,
            const chatroom_connection *core, const struct chatroom_log_field *fields, size_t count)
{
    struct chatroom_log_field all[1 + WS_LOG_FIELDS_MOST] = {
        CHATROOM_TEXT("connection", core ? chatroom_transport_connection_id(core) : chatroom_str(""))};

    memcpy(all + 1, fields, count * sizeof *fields);
    chatroom_transport_log(port, level, event, all, 1 + count);
}

/* Errors: ESYSTEM. */
static int watch(struct ws_door *door)
{
    for (size_t i = 0; i < door->listener_count; i++) {
        struct ws_listener *listener = &door->listeners[i];
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &listener->source};

        if (listener->fd >= 0 && epoll_ctl(door->epoll, EPOLL_CTL_ADD, listener->fd, &event) && errno != EEXIST)
            return CHATROOM_ESYSTEM;
    }
    door->accept_again = CHATROOM_NEVER;
    return CHATROOM_OK;
}

static const char *wanted_address(const struct ws_door *door, size_t n)
{
    size_t others = door->options.listen_count;

    return n < others ? door->options.listen[n] : door->options.http_listen[n - others];
}

static void log_listening(const struct ws_door *door, const struct ws_listener *listener)
{
    const struct chatroom_log_field field = CHATROOM_TEXT("address", chatroom_str(listener->text));

    chatroom_transport_log(door->port, CHATROOM_LOG_INFO, "listening", &field, 1);
}

int ws_door_open(struct ws_door *door, chatroom_transport_port *port, int epoll, struct chatroom_error *error)
{
    int rc = CHATROOM_OK;

    door->port = port;
    door->epoll = epoll;
    if (getrandom(door->addresses.key, sizeof door->addresses.key, 0) != sizeof door->addresses.key)
        return ws_fail_system(error, "open the random source");
    door->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (door->reserve < 0)
        return ws_fail_system(error, "open /dev/null");
    for (size_t i = 0; !rc && i < door->listener_count; i++)
        rc = ws_listener_open(&door->listeners[i], wanted_address(door, i), error);
    if (!rc && watch(door))
        rc = ws_fail_system(error, "open a listener");
    for (size_t i = 0; !rc && i < door->listener_count; i++)
        log_listening(door, &door->listeners[i]);
    return rc;
}

/* ---- descriptors that run out ------------------------------------------------------------------------------------ */

static void pause_all(struct ws_door *door)
{
    for (size_t i = 0; i < door->listener_count; i++)
        if (door->listeners[i].fd >= 0)
            epoll_ctl(door->epoll, EPOLL_CTL_DEL, door->listeners[i].fd, NULL); /* not watched: nothing to do */
    door->accept_again = door->now_ns + PAUSE_NS;
}

void ws_door_step(struct ws_door *door, uint64_t now_ns)
{
    door->now_ns = now_ns;
    ws_addresses_forget(&door->addresses, now_ns);
    if (door->accept_again <= now_ns && watch(door))
        pause_all(door);
    if (door->shortage_over > now_ns)
        return;
    door->shortage_over = CHATROOM_NEVER;
    chatroom_transport_log(door->port, CHATROOM_LOG_INFO, "accept_resumed", NULL, 0);
}

uint64_t ws_door_deadline(const struct ws_door *door)
{
    return door->accept_again < door->shortage_over ? door->accept_again : door->shortage_over;
}

/* The reserve makes room for one: it is let in and out, so that it hears something, and the others wait in the kernel.
 */
static void out_of_descriptors(struct ws_door *door, struct ws_listener *listener)
{
    int fd;

    if (door->shortage_over == CHATROOM_NEVER)
        chatroom_transport_log(door->port, CHATROOM_LOG_WARN, "accept_paused", NULL, 0);
    door->shortage_over = door->now_ns + SHORTAGE_NS;
    if (door->reserve >= 0) {
        close(door->reserve);
        fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            close(fd);
        door->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
    pause_all(door);
}

/* ---- letting in -------------------------------------------------------------------------------------------------- */

/* A line a second, with how many there were: those who are refused may be many. */
static void log_refusal(struct ws_door *door, uint16_t status)
{
    const struct chatroom_log_field fields[] = {CHATROOM_NUMBER("status", status),
                                                CHATROOM_NUMBER("total", door->refusals)};

    if (door->refusals > 1 && door->now_ns < door->refusals_logged_at + 1000000000)
        return;
    door->refusals_logged_at = door->now_ns;
    chatroom_transport_log(door->port, CHATROOM_LOG_WARN, "refused_opening", fields, 2);
}

static void refuse(struct ws_door *door, int fd, struct ws_address *address, uint16_t status, const char *message)
{
    /* Spread over some seconds, so that those who obey do not come back together. */
    static const char *const later[] = {"Retry-After: 1\r\n", "Retry-After: 2\r\n", "Retry-After: 3\r\n",
                                        "Retry-After: 4\r\n", "Retry-After: 5\r\n"};
    struct ws_refusal refusal = {status, later[++door->refusals % 5], message};

    ws_address_leave(&door->addresses, address);
    log_refusal(door, status);
    if (door->refused_count >= door->options.opening_most)
        close(fd);
    else if (door->ops->refuse(door, fd, refusal))
        door->refused_count++;
}

static bool too_fast(struct ws_door *door)
{
    unsigned rate = door->options.connects_per_second;

    return rate &&
           !ws_bucket_take(&door->connects_full, door->now_ns, 1000000000u / rate, door->options.connects_burst);
}

static void let_in(struct ws_door *door, int fd, struct ws_address *address, bool apart)
{
    if (door->ops->admit(door, fd, address, apart))
        door->opening_count++;
    else
        ws_address_leave(&door->addresses, address);
}

/* The source first: what one of them tries too often takes nothing from all the others. */
static void judge(struct ws_door *door, int fd, const union ws_socket_address *source, bool apart)
{
    struct ws_address *address = NULL;
    int rc = ws_address_enter(&door->addresses, &source->any, door->now_ns, &address);

    if (rc == CHATROOM_EAGAIN)
        refuse(door, fd, NULL, 429, "Too many connections from one address.");
    else if (rc == CHATROOM_ELIMIT)
        refuse(door, fd, NULL, 429, "Too many connections from one address at once; try again.");
    else if (rc)
        close(fd);
    else if (too_fast(door))
        refuse(door, fd, address, 429, "Too many connections at once; try again.");
    else if (door->opening_count >= door->options.opening_most && !door->ops->make_room(door))
        refuse(door, fd, address, 503, "Too many connections are being opened; try again.");
    else
        let_in(door, fd, address, apart);
}

void ws_door_accept(struct ws_door *door, struct ws_listener *listener)
{
    for (unsigned i = 0; i < ACCEPTS_A_STEP && listener->fd >= 0; i++) {
        union ws_socket_address source = {.any = {.sa_family = AF_UNSPEC}};
        socklen_t size = sizeof source;
        int fd = accept4(listener->fd, &source.any, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0)
            judge(door, fd, &source, listener->apart);
        else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            out_of_descriptors(door, listener);
            return;
        } else if (errno != EINTR && errno != ECONNABORTED)
            return;
    }
}

void ws_door_opened(struct ws_door *door)
{
    door->opening_count--;
}

void ws_door_left(struct ws_door *door, struct ws_address *address, bool opening, bool refused)
{
    door->opening_count -= opening;
    door->refused_count -= refused;
    ws_address_leave(&door->addresses, address);
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

void ws_door_stop(struct ws_door *door)
{
    for (size_t i = 0; i < door->listener_count; i++)
        ws_listener_close(&door->listeners[i]);
    door->accept_again = door->shortage_over = CHATROOM_NEVER;
}

void ws_door_fini(struct ws_door *door)
{
    ws_door_stop(door);
    if (door->reserve >= 0)
        close(door->reserve);
    ws_addresses_fini(&door->addresses);
    ws_options_fini(&door->options);
    free(door->listeners);
}
