#include "connection.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static int fail_system(struct chatroom_error *error, const char *what)
{
    char text[128];

    snprintf(text, sizeof text, "Cannot open %s: %s.", what, strerror(errno));
    return chatroom_error_set(error, CHATROOM_ESYSTEM, text);
}

static int open_descriptors(struct ws_transport *t, struct chatroom_error *error)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &t->wake};

    if (getrandom(t->addresses.key, sizeof t->addresses.key, 0) != sizeof t->addresses.key)
        return fail_system(error, "the random source");
    t->epoll = epoll_create1(EPOLL_CLOEXEC);
    t->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    t->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (t->epoll < 0 || t->wake_fd < 0 || t->reserve < 0 || epoll_ctl(t->epoll, EPOLL_CTL_ADD, t->wake_fd, &event))
        return fail_system(error, "an epoll descriptor");
    return CHATROOM_OK;
}

static void log_listening(const struct ws_transport *t, const struct ws_listener *listener)
{
    const struct chatroom_log_field field = CHATROOM_TEXT("address", chatroom_str(listener->text));

    chatroom_transport_log(t->port, CHATROOM_LOG_INFO, "listening", &field, 1);
}

static int open_transport(void *self, chatroom_transport_port *port, struct chatroom_error *error)
{
    struct ws_transport *t = self;
    int rc = open_descriptors(t, error);

    t->port = port;
    for (size_t i = 0; !rc && i < t->listener_count; i++)
        rc = ws_listener_open(&t->listeners[i], t->options.listen[i], error);
    if (!rc && ws_listeners_watch(t))
        rc = fail_system(error, "a listener");
    for (size_t i = 0; !rc && i < t->listener_count; i++)
        log_listening(t, &t->listeners[i]);
    return rc;
}

/* ---- connections ------------------------------------------------------------------------------------------------- */

static void accept_peer(void *self, void *peer, const struct chatroom_answer *answer)
{
    ws_http_accept(self, peer, answer);
}

static int send_frame(void *self, void *peer, chatroom_frame *frame)
{
    return ws_output_send(self, peer, frame);
}

static void close_peer(void *self, void *peer, uint16_t code, chatroom_span reason)
{
    ws_output_close(self, peer, code, reason);
}

static int group_new(void *self, void **ret_group)
{
    (void)self;
    *ret_group = ws_group_new();
    return *ret_group ? CHATROOM_OK : CHATROOM_ENOMEM;
}

static int group_add(void *self, void *group, void *peer, struct chatroom_seat *seat)
{
    (void)self;
    return ws_group_add(group, peer, seat);
}

static void group_remove(void *self, void *group, void *peer, struct chatroom_seat *seat)
{
    (void)group;
    ws_output_leave_group(self, peer, seat);
}

static void group_send(void *self, void *group, chatroom_frame *frame)
{
    ws_output_send_group(self, group, frame);
}

static void group_free(void *self, void *group)
{
    (void)self;
    ws_output_free_group(group);
}

/* ---- the loop ---------------------------------------------------------------------------------------------------- */

static int epoll_of(void *self)
{
    return ((struct ws_transport *)self)->epoll;
}

static uint64_t deadline(void *self)
{
    const struct ws_transport *t = self;
    const struct ws_timer *first = ws_timers_first(&t->timers);
    uint64_t due;

    if (t->lists[WS_READY] || t->lists[WS_LOST])
        return 0;
    due = ws_listeners_deadline(t);
    return first && first->due < due ? first->due : due;
}

static void run_timers(struct ws_transport *t)
{
    struct ws_timer *first;

    while ((first = ws_timers_first(&t->timers)) && first->due <= t->now.mono_ns)
        ws_connection_expire(t, ws_connection_of(first));
    ws_addresses_forget(&t->addresses, t->now.mono_ns);
    ws_listeners_wake(t);
}

static void run_held(struct ws_transport *t, struct ws_connection *ready)
{
    struct ws_connection *c;

    while ((c = ws_list_pop(&ready, WS_READY)))
        ws_input_held(t, c);
}

static void clear_wake(struct ws_transport *t)
{
    uint64_t count;

    if (read(t->wake_fd, &count, sizeof count) < 0)
        return; /* somebody woke us and another step has seen it */
}

static void run_event(struct ws_transport *t, const struct epoll_event *event)
{
    struct ws_source *source = event->data.ptr;

    switch ((enum ws_source_kind)source->kind) {
    case WS_SOURCE_WAKE:
        clear_wake(t);
        break;
    case WS_SOURCE_LISTENER:
        ws_listener_accept(t, (struct ws_listener *)source);
        break;
    case WS_SOURCE_CONNECTION:
        ws_input_event(t, (struct ws_connection *)source, event->events);
        break;
    }
}

static void run_events(struct ws_transport *t)
{
    int count = epoll_wait(t->epoll, t->events, WS_EVENTS_MOST, 0);

    t->more = count == WS_EVENTS_MOST;
    for (int i = 0; i < count; i++)
        run_event(t, &t->events[i]);
}

static void step(void *self, struct chatroom_now now)
{
    struct ws_transport *t = self;
    struct ws_connection *ready;

    t->now = now;
    ws_connections_end_lost(t);
    run_timers(t);
    ready = ws_list_take(t, WS_READY); /* who holds input receives none: so nobody has two turns */
    run_events(t);
    run_held(t, ready);
    ws_connections_end_lost(t);
    ws_connections_bury(t);
}

static void flush(void *self)
{
    ws_output_flush(self);
    ws_connections_bury(self);
}

static bool more(void *self)
{
    return ((struct ws_transport *)self)->more;
}

static size_t due(void *self)
{
    return ((struct ws_transport *)self)->due_count;
}

static void wake(void *self)
{
    const struct ws_transport *t = self;
    uint64_t one = 1;

    if (write(t->wake_fd, &one, sizeof one) < 0)
        return; /* the counter is full: it is readable */
}

static bool busy(void *self)
{
    const struct ws_transport *t = self;

    return t->lists[WS_DUE] || t->writing_count > 0;
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

static void stop(void *self)
{
    struct ws_transport *t = self;

    for (size_t i = 0; i < t->listener_count; i++)
        ws_listener_close(&t->listeners[i]);
    t->accept_again = t->shortage_over = CHATROOM_NEVER;
}

static void close_descriptor(int fd)
{
    if (fd >= 0)
        close(fd);
}

static void empty(struct ws_connection *list, enum ws_list_name name)
{
    while (ws_list_pop(&list, name))
        continue;
}

static void close_all(void *self)
{
    struct ws_transport *t = self;
    struct ws_timer *first;

    stop(t);
    while ((first = ws_timers_first(&t->timers)))
        ws_connection_end(t, ws_connection_of(first), false);
    for (int list = 0; list < WS_GRAVE; list++)
        empty(ws_list_take(t, list), list);
    ws_connections_bury(t);
    close_descriptor(t->epoll);
    close_descriptor(t->wake_fd);
    close_descriptor(t->reserve);
    ws_timers_fini(&t->timers);
    ws_addresses_fini(&t->addresses);
    ws_readers_fini(&t->readers);
    ws_pool_fini(&t->pool);
    ws_options_fini(&t->options);
    free(t->listeners);
    free(t);
}

/* ---- making one -------------------------------------------------------------------------------------------------- */

static const struct chatroom_transport_ops ops = {
    CHATROOM_TRANSPORT_OPS,
    .name = "ws_epoll",
    .open = open_transport,
    .accept = accept_peer,
    .send = send_frame,
    .close = close_peer,
    .group_new = group_new,
    .group_add = group_add,
    .group_remove = group_remove,
    .group_send = group_send,
    .group_free = group_free,
    .fd = epoll_of,
    .deadline = deadline,
    .step = step,
    .more = more,
    .flush = flush,
    .due = due,
    .wake = wake,
    .stop = stop,
    .busy = busy,
    .close_all = close_all,
};

static void set_up(struct ws_transport *t)
{
    t->addresses.limits = (struct ws_address_limits){
        t->options.address_connections, t->options.address_connects_per_second, t->options.address_connects_burst};
    t->limits = (struct ws_limits){t->options.message_bytes, t->options.frame_bytes, t->options.message_frames};
    t->origins = (struct ws_origins){t->options.origins, t->options.origin_count};
    t->listener_count = t->options.listen_count;
    t->epoll = t->wake_fd = t->reserve = -1;
    t->accept_again = t->shortage_over = CHATROOM_NEVER;
    t->wake.kind = WS_SOURCE_WAKE;
    for (size_t i = 0; i < t->listener_count; i++)
        t->listeners[i] = (struct ws_listener){.source = {WS_SOURCE_LISTENER}, .fd = -1};
}

int chatroom_ws_epoll(const struct chatroom_ws_epoll_options *options, struct chatroom_transport *ret_transport,
                      struct chatroom_error *error)
{
    struct ws_transport *t = calloc(1, sizeof *t);
    int rc = t ? ws_options_copy(options, &t->options, error) : CHATROOM_ENOMEM;

    if (!rc && !(t->listeners = calloc(t->options.listen_count, sizeof *t->listeners))) {
        ws_options_fini(&t->options);
        rc = CHATROOM_ENOMEM;
    }
    if (rc) {
        free(t);
        return rc == CHATROOM_ENOMEM ? chatroom_error_set(error, rc, chatroom_strerror(rc)) : rc;
    }
    set_up(t);
    *ret_transport = (struct chatroom_transport){&ops, t};
    return CHATROOM_OK;
}

int chatroom_ws_epoll_address(const struct chatroom_transport *transport, size_t n, char *ret_text, size_t size)
{
    const struct ws_transport *t = transport->self;

    if (n >= t->listener_count || t->listeners[n].text[0] == '\0')
        return CHATROOM_ENOENT;
    if (strlen(t->listeners[n].text) >= size)
        return CHATROOM_ETOOBIG;
    memcpy(ret_text, t->listeners[n].text, strlen(t->listeners[n].text) + 1);
    return CHATROOM_OK;
}
