#include "gateway.h"

#include "activity.h"
#include "commit.h"
#include "connection.h"
#include "defer.h"
#include "memory.h"
#include "request.h"
#include "route.h"

static const uint64_t second_ns = 1000000000;

/* ---- calling handlers ---- */

static void run(chatroom_request *request, const struct cr_route *route)
{
    int result = CHATROOM_OK;

    if (route) {
        request->info.route_key = chatroom_bytes(route->key, route->key_size);
        result = route->handler(request, route->arg);
    }
    if (request->state == CR_DEFERRED && result == CHATROOM_OK) {
        cr_defer(request);
        return;
    }
    request->state = CR_RUNNING;
    request->body = chatroom_bytes(NULL, 0); /* borrowed until here */
    cr_request_forget_scan(request);
    request->info.head = NULL;
    cr_commit(request, result);
}

/* ---- opening ---- */

static chatroom_span path_of(chatroom_span target)
{
    const char *query = target.size > 0 ? memchr(target.bytes, '?', target.size) : NULL;

    return query ? chatroom_bytes(target.bytes, (size_t)(query - target.bytes)) : target;
}

static bool is_our_stage(const chatroom *c, chatroom_span target)
{
    chatroom_span path = path_of(target);

    if (!c->stage)
        return true;
    return path.size > 0 && path.bytes[0] == '/' &&
           chatroom_span_equal(chatroom_bytes(path.bytes + 1, path.size - 1), chatroom_str(c->stage));
}

static char lower(char octet)
{
    return octet >= 'A' && octet <= 'Z' ? (char)(octet - 'A' + 'a') : octet;
}

static bool is_named(chatroom_span name, const char *wanted)
{
    for (size_t i = 0; i < name.size; i++)
        if (lower(name.bytes[i]) != wanted[i]) /* the NUL at its end ends a longer name */
            return false;
    return wanted[name.size] == '\0';
}

static chatroom_span user_agent(const struct chatroom_request_head *head)
{
    for (size_t i = 0; i < head->header_count; i++)
        if (is_named(head->headers[i].name, "user-agent"))
            return head->headers[i].value;
    return chatroom_bytes(NULL, 0);
}

static void start_connect(chatroom_request *request, const struct chatroom_request_head *head)
{
    const chatroom *c = request->c;

    request->info.route_key = chatroom_str("$connect");
    request->info.head = head;
    if (is_our_stage(c, head->target)) {
        run(request, cr_route_find(c, request->info.route_key));
        return;
    }
    request->info.head = NULL;
    request->status = c->config.limits.unknown_stage_status;
    cr_commit(request, CHATROOM_ENOENT);
}

int chatroom_transport_opening(chatroom_transport_port *port, void *peer, const struct chatroom_request_head *head,
                               chatroom_connection **ret_connection)
{
    chatroom *c = port->c;
    chatroom_connection *connection;
    chatroom_request *request;

    if (c->stopping || c->dying)
        return CHATROOM_ECLOSED;
    if (c->connections.count >= c->config.limits.connections)
        return CHATROOM_EAGAIN;
    connection = cr_connection_new(c, peer, head->source_ip, user_agent(head));
    if (!connection)
        return CHATROOM_ENOMEM;
    request = cr_request_new(c, connection, CHATROOM_CONNECT);
    if (!request) {
        connection->peer = NULL; /* it never was one */
        cr_connection_free(connection);
        return CHATROOM_ENOMEM;
    }
    *ret_connection = connection;
    start_connect(request, head);
    return CHATROOM_OK;
}

/* ---- messages ---- */

/* Why we close connections. */
enum close_due { NOT_DUE, GOING_AWAY, BINARY, TOO_FAST, TOO_BIG, NO_MEMORY };

static const struct {
    uint16_t code;
    const char *reason;
} closings[] = {
    [GOING_AWAY] = {1001, "Going away"},      [BINARY] = {1003, "Text messages only"},
    [TOO_FAST] = {1008, "Too many messages"}, [TOO_BIG] = {1009, "Message too big"},
    [NO_MEMORY] = {1013, "Try again later"},
};

static void close_later(chatroom_connection *connection, enum close_due why)
{
    if (connection->close_due == NOT_DUE)
        connection->close_due = why & 7;
    cr_connection_mark_ready(connection);
}

/* No more than one such answer a second: they cost us as much as messages do. */
static void refuse(chatroom_connection *connection, int result)
{
    chatroom *c = connection->c;
    chatroom_request *request;

    if (!cr_bucket_take(&connection->activity->errors, c->now.mono_ns, 1, second_ns, 1))
        return;
    request = cr_request_new(c, connection, CHATROOM_MESSAGE);
    if (request)
        cr_commit(request, result);
}

static bool within_rate(chatroom_connection *connection, size_t size)
{
    const struct chatroom_limits *limits = &connection->c->config.limits;
    struct cr_activity *activity = connection->activity;
    uint64_t now = connection->c->now.mono_ns;

    if (limits->messages_per_second > 0 &&
        !cr_bucket_take(&activity->messages, now, 1, second_ns / limits->messages_per_second, limits->messages_burst))
        return false;
    return limits->bytes_per_second == 0 ||
           cr_bucket_take(&activity->bytes, now, size, second_ns / limits->bytes_per_second, limits->bytes_burst);
}

/* Ten seconds of it without a second's pause are no mistake. */
static void too_fast(chatroom_connection *connection)
{
    struct cr_activity *activity = connection->activity;
    uint64_t now = connection->c->now.mono_ns;

    if (activity->limited_since_ns == 0 || now - activity->limited_last_ns > second_ns)
        activity->limited_since_ns = now;
    activity->limited_last_ns = now;
    if (now - activity->limited_since_ns >= 10 * second_ns)
        close_later(connection, TOO_FAST);
    else
        refuse(connection, CHATROOM_ELIMIT);
}

static void hold(chatroom_connection *connection, enum chatroom_message_kind kind, chatroom_span message)
{
    struct cr_activity *activity = connection->activity;
    struct cr_held *held;

    held = cr_resize(&connection->c->alloc, NULL, 0, sizeof *held + message.size);
    if (!held) {
        close_later(connection, NO_MEMORY);
        return;
    }
    *held = (struct cr_held){.kind = kind, .size = message.size};
    if (message.size > 0)
        memcpy(held->bytes, message.bytes, message.size);
    if (activity->last_held)
        activity->last_held->next = held;
    else
        activity->held = held;
    activity->last_held = held;
    activity->held_count++;
    connection->c->held_bytes += message.size;
}

/* API Gateway's answer to a message without a route is "Forbidden". */
static int select_route(chatroom_request *request, const struct cr_route **ret_route)
{
    int result = cr_route_select(request, ret_route);

    if (result == CHATROOM_OK && !*ret_route)
        result = CHATROOM_EACCES;
    return result == CHATROOM_OK ? cr_route_admit(request->connection, *ret_route) : result;
}

static void start(chatroom_connection *connection, enum chatroom_message_kind kind, chatroom_span message)
{
    chatroom_request *request = cr_request_new(connection->c, connection, CHATROOM_MESSAGE);
    const struct cr_route *route = NULL;
    int result;

    if (!request) {
        close_later(connection, NO_MEMORY);
        return;
    }
    request->info.kind = kind;
    request->body = message;
    request->held_bytes = message.size;
    connection->c->held_bytes += message.size;
    result = select_route(request, &route);
    if (result == CHATROOM_OK) {
        run(request, route);
    } else {
        request->body = chatroom_bytes(NULL, 0);
        cr_commit(request, result);
    }
}

static bool may_hold(const chatroom_connection *connection, size_t size)
{
    const chatroom *c = connection->c;
    const struct cr_activity *activity = connection->activity;

    return activity->request_count + activity->held_count < c->config.limits.held_messages &&
           size <= c->config.limits.held_bytes - c->held_bytes;
}

void chatroom_transport_message(chatroom_connection *connection, enum chatroom_message_kind kind, chatroom_span message)
{
    const chatroom *c = connection->c;

    if (!connection->open || connection->gone || connection->closing || connection->close_due)
        return;
    if (kind == CHATROOM_BINARY_MESSAGE && !c->config.accept_binary)
        close_later(connection, BINARY);
    else if (message.size > c->config.limits.message_bytes)
        close_later(connection, TOO_BIG);
    else if (!cr_activity_begin(connection))
        close_later(connection, NO_MEMORY);
    else if (!within_rate(connection, message.size))
        too_fast(connection);
    else if (!may_hold(connection, message.size))
        refuse(connection, CHATROOM_EAGAIN);
    else if (connection->activity->held || connection->activity->barriers > 0)
        hold(connection, kind, message);
    else
        start(connection, kind, message);
}

static bool start_held(chatroom_connection *connection)
{
    struct cr_activity *activity = connection->activity;
    bool any = false;

    while (activity->held && activity->barriers == 0) {
        struct cr_held *held = activity->held;

        activity->held = held->next;
        if (!activity->held)
            activity->last_held = NULL;
        activity->held_count--;
        connection->c->held_bytes -= held->size;
        start(connection, held->kind, chatroom_bytes(held->bytes, held->size));
        cr_free(&connection->c->alloc, held, sizeof *held + held->size);
        any = true;
    }
    return any;
}

/* ---- closing ---- */

static enum chatroom_cause cause_of(const chatroom_connection *connection, enum chatroom_party by)
{
    if (connection->c->stopping)
        return CHATROOM_CAUSE_STOPPING;
    switch (by) {
    case CHATROOM_BY_CLIENT:
        return CHATROOM_CAUSE_CLIENT;
    case CHATROOM_BY_SERVER:
        return CHATROOM_CAUSE_SERVER;
    default:
        return CHATROOM_CAUSE_NETWORK;
    }
}

static void log_disconnect(const chatroom_connection *connection)
{
    static const char *const causes[] = {"client", "server", "network", "stopping", "crash"};
    const struct chatroom_log_field fields[] = {
        CHATROOM_TEXT("connection", cr_connection_id(connection)), CHATROOM_NUMBER("code", connection->end.code),
        CHATROOM_TEXT("cause", chatroom_str(causes[connection->end.cause])),
        CHATROOM_TEXT("reason", chatroom_bytes(connection->end.reason, connection->end.reason_size))};

    if (connection->open)
        cr_log(connection->c, CHATROOM_LOG_INFO, "disconnect", fields, 4);
}

void chatroom_transport_closed(chatroom_connection *connection, uint16_t code, chatroom_span reason,
                               enum chatroom_party by)
{
    cr_connection_end(connection, code, reason, cause_of(connection, by));
    log_disconnect(connection);
    cr_connection_mark_ready(connection);
}

static bool start_disconnect(chatroom_connection *connection)
{
    chatroom_request *request = cr_request_new(connection->c, connection, CHATROOM_DISCONNECT);

    if (!request) {
        cr_connection_mark_ready(connection); /* in a later step there may be memory */
        return false;
    }
    request->info.route_key = chatroom_str("$disconnect");
    request->info.close_code = connection->end.code;
    request->info.close_reason = chatroom_bytes(connection->end.reason, connection->end.reason_size);
    request->info.cause = (enum chatroom_cause)connection->end.cause;
    run(request, cr_route_find(connection->c, request->info.route_key));
    return true;
}

void cr_gateway_stop(chatroom *c)
{
    const char *id;

    for (size_t place = 0; (id = cr_id_set_next(&c->connections, &place)); place++)
        close_later(CR_CONTAINER(id, chatroom_connection, id), GOING_AWAY);
}

/* ---- going on ---- */

static bool end(chatroom_connection *connection)
{
    bool waits = connection->unended && !connection->c->stopping;

    connection->unended = false;
    if (!waits)
        return start_disconnect(connection);
    cr_connection_put_off(connection);
    return false;
}

/* True: there is no more to do but to wait. */
static bool go_on_with_requests(const struct cr_activity *activity, bool *any)
{
    if (activity->requests && activity->requests->state == CR_REFUSED) {
        *any |= cr_commit_again(activity->requests);
        return true;
    }
    return activity->requests || activity->held;
}

static bool go_on(chatroom_connection *connection)
{
    bool any = connection->activity && start_held(connection);

    if (connection->activity && go_on_with_requests(connection->activity, &any))
        return any;
    if (connection->over) {
        cr_connection_free(connection);
        return true;
    }
    if (connection->gone)
        return end(connection) || any;
    if (connection->close_due && connection->open)
        cr_connection_close(connection, closings[connection->close_due].code,
                            chatroom_str(closings[connection->close_due].reason));
    cr_activity_rest(connection);
    return any;
}

bool cr_gateway_run(chatroom *c)
{
    chatroom_connection *connection = c->ready;
    bool any = false;

    c->ready = c->last_ready = NULL; /* who is marked from here on has its turn the next time */
    while (connection) {
        chatroom_connection *next = connection->next_ready;

        connection->listed = false;
        any |= go_on(connection);
        connection = next;
    }
    return any;
}

/* ---- plain HTTP ---- */

int chatroom_transport_http_wanted(chatroom_transport_port *port, const struct chatroom_request_head *head,
                                   size_t *ret_body_bytes)
{
    (void)port;
    (void)head;
    (void)ret_body_bytes;
    return CHATROOM_ENOENT; /* an instance has only routes of WebSockets */
}

void chatroom_transport_http(chatroom_transport_port *port, const struct chatroom_http_request *request,
                             struct chatroom_http_answer *ret_answer)
{
    (void)port;
    (void)request;
    *ret_answer = (struct chatroom_http_answer){.status = 404};
}
