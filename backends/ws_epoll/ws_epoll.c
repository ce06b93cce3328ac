#include "door.h"
#include "loop.h"
#include "threaded.h"

#include <stdlib.h>

/* The transport without threads: one loop, which the owner's thread works, and which calls the core. */
struct ws_transport {
    struct ws_door door; /* first */
    struct ws_loop loop;
};

static struct ws_transport *transport_of(struct ws_loop *loop)
{
    return (struct ws_transport *)((char *)loop - offsetof(struct ws_transport, loop));
}

/* ---- up ---------------------------------------------------------------------------------------------------------- */

static int opening(struct ws_loop *loop, struct ws_connection *c, const struct chatroom_request_head *head,
                   void **ret_core)
{
    chatroom_connection *core = NULL;
    int rc = chatroom_transport_opening(transport_of(loop)->door.port, c, head, &core);

    *ret_core = core;
    return rc;
}

static void message(struct ws_loop *loop, struct ws_connection *c, enum chatroom_message_kind kind, chatroom_span text)
{
    (void)loop;
    chatroom_transport_message(c->core, kind, text);
}

static void closed(struct ws_loop *loop, void *core, uint16_t code, chatroom_span reason, enum chatroom_party by)
{
    (void)loop;
    chatroom_transport_closed(core, code, reason, by);
}

static void left(struct ws_loop *loop, struct ws_connection *c)
{
    ws_door_left(&transport_of(loop)->door, c->pass, c->opening, c->refused);
}

static void log_event(struct ws_loop *loop, enum chatroom_log_level level, const char *event,
                      const struct ws_connection *c, const struct chatroom_log_field *fields, size_t count)
{
    ws_log(transport_of(loop)->door.port, level, event, c->core, fields, count);
}

static void wanted(struct ws_loop *loop, struct ws_connection *c, const struct chatroom_request_head *head)
{
    size_t body_most = 0;
    int rc = chatroom_transport_http_wanted(transport_of(loop)->door.port, head, &body_most);

    ws_request_wanted(loop, c, rc, body_most);
}

static void request(struct ws_loop *loop, struct ws_connection *c, const struct chatroom_http_request *of)
{
    struct chatroom_http_answer answer = {.status = 500};

    chatroom_transport_http(transport_of(loop)->door.port, of, &answer);
    ws_request_answer(loop, c, &answer);
}

static const struct ws_up up = {
    .opening = opening,
    .message = message,
    .closed = closed,
    .left = left,
    .log = log_event,
    .wanted = wanted,
    .request = request,
};

/* ---- the door ---------------------------------------------------------------------------------------------------- */

static bool admit(struct ws_door *door, int fd, struct ws_address *address, bool apart)
{
    struct ws_connection *c = ws_connection_new(&((struct ws_transport *)door)->loop, fd, address);

    if (!c)
        return false;
    c->opening = true;
    c->apart = apart;
    return true;
}

static bool refuse(struct ws_door *door, int fd, struct ws_refusal refusal)
{
    struct ws_loop *loop = &((struct ws_transport *)door)->loop;
    struct ws_connection *c = ws_connection_new(loop, fd, NULL);

    if (!c)
        return false;
    c->refused = true;
    ws_http_refuse(loop, c, refusal, false);
    return true;
}

static bool make_room(struct ws_door *door)
{
    struct ws_loop *loop = &((struct ws_transport *)door)->loop;
    struct ws_connection *idlest = ws_request_idlest(loop);

    if (idlest)
        ws_connection_end(loop, idlest, false);
    return idlest != NULL;
}

static const struct ws_door_ops door_ops = {admit, refuse, make_room};

/* ---- connections ------------------------------------------------------------------------------------------------- */

static int open_transport(void *self, chatroom_transport_port *port, struct chatroom_error *error)
{
    struct ws_transport *t = self;

    if (ws_loop_open(&t->loop))
        return ws_fail_system(error, "open an epoll descriptor");
    return ws_door_open(&t->door, port, t->loop.epoll, error);
}

static void accept_peer(void *self, void *peer, const struct chatroom_answer *answer)
{
    struct ws_transport *t = self;
    struct ws_connection *c = peer;

    ws_http_accept(&t->loop, c, answer);
    if (c->state != WS_OPEN || !c->opening)
        return;
    c->opening = false;
    ws_door_opened(&t->door);
}

static int send_frame(void *self, void *peer, chatroom_frame *frame)
{
    return ws_output_send(&((struct ws_transport *)self)->loop, peer, frame);
}

static int offer_frame(void *self, void *peer, chatroom_frame *frame)
{
    return ws_output_offer(&((struct ws_transport *)self)->loop, peer, frame);
}

static uint64_t active_at(void *self, void *peer)
{
    (void)self;
    return ((const struct ws_connection *)peer)->messaged_at;
}

static int watch(void *self, int fd)
{
    return ws_poll_watch(((struct ws_transport *)self)->loop.epoll, fd);
}

static void close_peer(void *self, void *peer, uint16_t code, chatroom_span reason)
{
    ws_output_close(&((struct ws_transport *)self)->loop, peer, code, reason);
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
    ws_output_leave_group(&((struct ws_transport *)self)->loop, peer, seat);
}

static void group_send(void *self, void *group, chatroom_frame *frame)
{
    ws_output_send_group(&((struct ws_transport *)self)->loop, group, frame);
}

static void group_free(void *self, void *group)
{
    (void)self;
    ws_output_free_group(group);
}

/* ---- the loop ---------------------------------------------------------------------------------------------------- */

static int epoll_of(void *self)
{
    return ((struct ws_transport *)self)->loop.epoll;
}

static uint64_t deadline(void *self)
{
    const struct ws_transport *t = self;
    uint64_t loop = ws_loop_deadline(&t->loop), door = ws_door_deadline(&t->door);

    return loop < door ? loop : door;
}

static void step(void *self, struct chatroom_now now)
{
    struct ws_transport *t = self;

    ws_loop_wait(&t->loop, 0);
    ws_door_step(&t->door, now.mono_ns);
    ws_loop_step(&t->loop, now, &t->door);
}

static void flush(void *self)
{
    ws_loop_flush(&((struct ws_transport *)self)->loop);
}

static bool more(void *self)
{
    return ((struct ws_transport *)self)->loop.event_count == WS_EVENTS_MOST;
}

static size_t due(void *self)
{
    return ((struct ws_transport *)self)->loop.due_count;
}

static void wake(void *self)
{
    ws_loop_wake(&((struct ws_transport *)self)->loop);
}

static bool busy(void *self)
{
    return ws_loop_busy(&((struct ws_transport *)self)->loop);
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

static void stop(void *self)
{
    ws_door_stop(self);
}

static void close_all(void *self)
{
    struct ws_transport *t = self;

    ws_loop_end(&t->loop);
    ws_loop_fini(&t->loop);
    ws_door_fini(&t->door);
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
    .offer = offer_frame,
    .active_at = active_at,
    .watch = watch,
};

static int make(const struct chatroom_ws_epoll_options *options, struct chatroom_transport *ret_transport)
{
    struct ws_transport *t = calloc(1, sizeof *t);

    if (!t || ws_door_init(&t->door, &door_ops, options)) {
        free(t);
        return CHATROOM_ENOMEM;
    }
    ws_loop_init(&t->loop, &up, &t->door.options, 1);
    *ret_transport = (struct chatroom_transport){&ops, t};
    return CHATROOM_OK;
}

int chatroom_ws_epoll(const struct chatroom_ws_epoll_options *options, struct chatroom_transport *ret_transport,
                      struct chatroom_error *error)
{
    struct chatroom_ws_epoll_options copy;
    int rc = ws_options_copy(options, &copy, error);

    if (rc)
        return rc;
    rc = copy.threads ? ws_threaded_new(&copy, ret_transport) : make(&copy, ret_transport);
    if (!rc)
        return CHATROOM_OK;
    ws_options_fini(&copy);
    return chatroom_error_set(error, rc, chatroom_strerror(rc));
}

int chatroom_ws_epoll_address(const struct chatroom_transport *transport, size_t n, char *ret_text, size_t size)
{
    const struct ws_door *door = transport->self;

    if (n >= door->listener_count || door->listeners[n].text[0] == '\0')
        return CHATROOM_ENOENT;
    if (strlen(door->listeners[n].text) >= size)
        return CHATROOM_ETOOBIG;
    memcpy(ret_text, door->listeners[n].text, strlen(door->listeners[n].text) + 1);
    return CHATROOM_OK;
}
