#include "gateway.h"

#include "activity.h"
#include "api.h"
#include "commit.h"
#include "connection.h"
#include "counters.h"
#include "defer.h"
#include "keys.h"
#include "memory.h"
#include "request.h"
#include "route.h"

static const uint64_t second_ns = 1000000000;

/* ---- calling handlers ---- */

/* Nothing that was borrowed is looked at any more. */
static void finish(chatroom_request *request, int result)
{
    request->body = chatroom_bytes(NULL, 0);
    cr_request_forget_scan(request);
    request->info.head = NULL;
    cr_commit(request, result);
}

static void ended(chatroom_request *request, int result)
{
    cr_count_answer(request, result);
    finish(request, result);
}

static void call(chatroom_request *request, struct cr_route *route, void (*then)(chatroom_request *request, int result))
{
    int result;

    request->route = route;
    request->ended = then;
    request->asked_ns = request->c->now.mono_ns;
    result = route->handler(request, route->arg);
    if (request->state == CR_DEFERRED && result == CHATROOM_OK) {
        cr_defer(request);
        return;
    }
    request->state = CR_RUNNING;
    then(request, result);
}

static void run(chatroom_request *request, struct cr_route *route)
{
    if (!route) {
        finish(request, CHATROOM_OK);
        return;
    }
    request->info.route_key = chatroom_bytes(route->key, route->key_size);
    request->info.two_way = route->options.two_way;
    call(request, route, ended);
}

/* Refused before a handler was asked. */
static void reject(chatroom_request *request, int result, const char *why)
{
    if (request->detail.size == 0) /* else its authorizer said more */
        request->detail = chatroom_str(why);
    cr_count_rejected(request);
    finish(request, result);
}

/* ---- opening ---- */

static void reject_connect(chatroom_request *request, uint16_t status, int result, const char *why)
{
    request->status = status;
    reject(request, result, why);
}

static void ask_connect(chatroom_request *request)
{
    chatroom *c = request->c;
    uint16_t status = cr_keys_admit(c, request);

    if (status > 0) {
        reject_connect(request, status, status == 429 ? CHATROOM_ELIMIT : CHATROOM_EACCES,
                       "The API key is missing, unknown or used up.");
        return;
    }
    if (c->on_connect)
        cr_count_connect(request, c->on_connect);
    run(request, c->on_connect);
}

/* What went wrong with it is not the client's business; what it says of the client is. */
static uint16_t authorizer_status(const chatroom_request *request, int result)
{
    if (result == CHATROOM_OK)
        return 200;
    if (request->status >= 300 && request->status <= 599)
        return request->status;
    switch (result) {
    case CHATROOM_ETIMEDOUT:
    case CHATROOM_EFAILED:
        return 500;
    case CHATROOM_EAGAIN:
    case CHATROOM_ECLOSED:
    case CHATROOM_ENOMEM:
        return 503;
    default:
        return 403;
    }
}

static void authorized(chatroom_request *request, int result)
{
    uint16_t status = authorizer_status(request, result);

    request->route = NULL;
    request->authorized = true;
    request->authorizer_ms = (uint32_t)((request->c->now.mono_ns - request->asked_ns) / 1000000);
    request->authorizer_status = status;
    request->status = 0; /* that was the authorizer's */
    if (result == CHATROOM_OK)
        ask_connect(request);
    else
        reject_connect(request, status, result, status < 500 ? "The authorizer refused." : "The authorizer failed.");
}

static void start_connect(chatroom_request *request, const struct chatroom_request_head *head, bool ours)
{
    chatroom *c = request->c;

    request->info.route_key = chatroom_str("$connect");
    request->info.head = head;
    if (!ours)
        reject_connect(request, c->config.limits.unknown_stage_status, CHATROOM_ENOENT, "There is no such stage.");
    else if (!cr_route_throttle(c, c->on_connect))
        reject_connect(request, 429, CHATROOM_ELIMIT, "The throttle of the stage or of $connect is closed.");
    else if (c->authorizer.handler)
        call(request, &c->authorizer, authorized);
    else
        ask_connect(request);
}

static bool is_ours(const struct cr_place *place)
{
    return place->any || place->rest.size == 0 || chatroom_span_equal(place->rest, chatroom_str("/"));
}

static chatroom_connection *make(chatroom *c, void *peer, const struct chatroom_request_head *head,
                                 const struct cr_place *place)
{
    const struct cr_session_record record = {
        .connected_at_ms = c->now.wall_ms,
        .source_ip = head->source_ip,
        .user_agent = cr_api_header(head, "user-agent"),
        .domain = place->domain,
        .path = place->path,
    };

    return cr_connection_new(c, peer, &record);
}

int chatroom_transport_opening(chatroom_transport_port *port, void *peer, const struct chatroom_request_head *head,
                               chatroom_connection **ret_connection)
{
    chatroom *c = port->c;
    chatroom_connection *connection;
    chatroom_request *request;
    struct cr_place place;
    bool ours;

    if (c->stopping || c->dying)
        return CHATROOM_ECLOSED;
    if (c->connections.count >= c->config.limits.connections)
        return CHATROOM_EAGAIN;
    ours = cr_api_place(c, head, &place) && is_ours(&place);
    connection = make(c, peer, head, &place);
    if (!connection)
        return CHATROOM_ENOMEM;
    request = cr_request_new(c, connection, CHATROOM_CONNECT);
    if (!request) {
        connection->peer = NULL; /* it never was one */
        cr_connection_free(connection);
        return CHATROOM_ENOMEM;
    }
    *ret_connection = connection;
    start_connect(request, head, ours);
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
    chatroom *c = cr_chatroom_of(connection);
    chatroom_request *request;

    c->counters.messages++;
    c->counters.client_errors++;
    if (!cr_bucket_take(&connection->activity->errors, c->now.mono_ns, 1, second_ns, 1))
        return;
    request = cr_request_new(c, connection, CHATROOM_MESSAGE);
    if (request)
        cr_commit(request, result);
}

static bool within_rate(chatroom_connection *connection, size_t size)
{
    const struct chatroom_limits *limits = &cr_chatroom_of(connection)->config.limits;
    struct cr_activity *activity = connection->activity;
    uint64_t now = cr_chatroom_of(connection)->now.mono_ns;

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
    uint64_t now = cr_chatroom_of(connection)->now.mono_ns;

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

    held = cr_resize(&cr_chatroom_of(connection)->alloc, NULL, 0, sizeof *held + message.size);
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
    cr_chatroom_of(connection)->held_bytes += message.size;
}

/* What was held back behind a handler that took too long for a server that stops. */
static bool is_too_late(const chatroom *c)
{
    return c->stopping && c->now.mono_ns >= c->hurry_by_ns;
}

/* API Gateway's answer to a message without a route is "Forbidden". */
static int select_route(chatroom_request *request, struct cr_route **ret_route, const char **ret_why)
{
    *ret_route = cr_route_select(request);
    *ret_why = "No route has the key that the message selects, and there is no $default.";
    if (!*ret_route)
        return CHATROOM_EACCES;
    request->info.route_key = chatroom_bytes((*ret_route)->key, (*ret_route)->key_size);
    *ret_why = "The throttle of the stage or of the route is closed.";
    if (!cr_route_throttle(request->c, *ret_route))
        return CHATROOM_ELIMIT;
    *ret_why = "The connection uses the route too often.";
    return cr_route_admit(request->connection, *ret_route);
}

static bool is_valid(chatroom_request *request, const struct cr_route *route)
{
    struct chatroom_error error = {0};
    const struct chatroom_route_options *options = &route->options;

    if (!options->validate || options->validate(options->validate_arg, request->body, &error) == CHATROOM_OK)
        return true;
    request->route = NULL;
    request->detail = cr_request_copy(request, chatroom_str(error.text));
    cr_count_rejected(request);
    finish(request, CHATROOM_EBODY);
    return false;
}

static void start(chatroom_connection *connection, enum chatroom_message_kind kind, chatroom_span message)
{
    chatroom_request *request = cr_request_new(cr_chatroom_of(connection), connection, CHATROOM_MESSAGE);
    struct cr_route *route = NULL;
    const char *why;
    int result;

    if (!request) {
        close_later(connection, NO_MEMORY);
        return;
    }
    request->info.kind = kind;
    request->body = message;
    request->held_bytes = message.size;
    cr_chatroom_of(connection)->held_bytes += message.size;
    cr_chatroom_of(connection)->counters.messages++;
    if (is_too_late(request->c)) {
        reject(request, CHATROOM_ECLOSED, "The server is stopping.");
        return;
    }
    result = select_route(request, &route, &why);
    if (route)
        route->counters.messages++;
    if (result != CHATROOM_OK)
        reject(request, result, why);
    else if (is_valid(request, route))
        run(request, route);
}

static bool may_hold(const chatroom_connection *connection, size_t size)
{
    const chatroom *c = cr_chatroom_of(connection);
    const struct cr_activity *activity = connection->activity;

    return activity->request_count + activity->held_count < c->config.limits.held_messages &&
           size <= c->config.limits.held_bytes - c->held_bytes;
}

void chatroom_transport_message(chatroom_connection *connection, enum chatroom_message_kind kind, chatroom_span message)
{
    const chatroom *c = cr_chatroom_of(connection);

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
        cr_chatroom_of(connection)->held_bytes -= held->size;
        start(connection, held->kind, chatroom_bytes(held->bytes, held->size));
        cr_free(&cr_chatroom_of(connection)->alloc, held, sizeof *held + held->size);
        any = true;
    }
    return any;
}

/* ---- closing ---- */

static enum chatroom_cause cause_of(const chatroom_connection *connection, enum chatroom_party by)
{
    if (cr_chatroom_of(connection)->stopping)
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
        cr_log(cr_chatroom_of(connection), CHATROOM_LOG_INFO, "disconnect", fields, 4);
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
    chatroom_request *request = cr_request_new(cr_chatroom_of(connection), connection, CHATROOM_DISCONNECT);

    if (!request) {
        cr_connection_mark_ready(connection); /* in a later step there may be memory */
        return false;
    }
    request->info.route_key = chatroom_str("$disconnect");
    request->info.close_code = connection->end.code;
    request->info.close_reason = chatroom_bytes(connection->end.reason, connection->end.reason_size);
    request->info.cause = (enum chatroom_cause)connection->end.cause;
    if (request->info.cause == CHATROOM_CAUSE_CRASH && !connection->told)
        log_disconnect(connection); /* of the others the transport told */
    connection->told |= request->info.cause == CHATROOM_CAUSE_CRASH;
    run(request, cr_chatroom_of(connection)->on_disconnect);
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
    bool waits = connection->unended && !cr_chatroom_of(connection)->stopping;

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
