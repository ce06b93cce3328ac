#include "transport_port.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* ---- up -----------------------------------------------------------------------------------------------------------
 */

int chatroom_transport_opening(chatroom_transport_port *port, void *peer, const struct chatroom_request_head *head,
                               chatroom_connection **ret_connection)
{
    struct chatroom_connection *connection;

    if (port->refuse_opening)
        return port->refuse_opening;
    connection = calloc(1, sizeof *connection);
    if (!connection)
        return CHATROOM_ENOMEM;
    connection->port = port;
    connection->peer = peer;
    connection->next = port->connections;
    if (connection->next)
        connection->next->previous = connection;
    port->connections = connection;
    port->count++;
    snprintf(connection->id, sizeof connection->id, "%016llu", (unsigned long long)++port->next_id);
    *ret_connection = connection;
    if (port->opening)
        port->opening(connection, head);
    else
        port_accept(connection);
    return CHATROOM_OK;
}

static void forget(struct chatroom_connection *connection)
{
    if (connection->previous)
        connection->previous->next = connection->next;
    else
        connection->port->connections = connection->next;
    if (connection->next)
        connection->next->previous = connection->previous;
    connection->port->count--;
    free(connection);
}

void chatroom_transport_message(chatroom_connection *connection, enum chatroom_message_kind kind, chatroom_span message)
{
    if (connection->port->message)
        connection->port->message(connection, kind, message);
}

void chatroom_transport_closed(chatroom_connection *connection, uint16_t code, chatroom_span reason,
                               enum chatroom_party by)
{
    if (connection->port->closed)
        connection->port->closed(connection, code, reason, by);
    forget(connection);
}

int chatroom_transport_http_wanted(chatroom_transport_port *port, const struct chatroom_request_head *head,
                                   size_t *ret_body_bytes)
{
    return port->http_wanted ? port->http_wanted(port, head, ret_body_bytes) : CHATROOM_ENOENT;
}

void chatroom_transport_http(chatroom_transport_port *port, const struct chatroom_http_request *request,
                             struct chatroom_http_answer *ret_answer)
{
    port->http(port, request, ret_answer);
}

void chatroom_transport_log(chatroom_transport_port *port, enum chatroom_log_level level, const char *event,
                            const struct chatroom_log_field *fields, size_t count)
{
    (void)level;
    if (port->log)
        port->log(port, event, fields, count);
}

chatroom_span chatroom_transport_connection_id(const chatroom_connection *connection)
{
    return chatroom_str(connection->id);
}

/* ---- down ---------------------------------------------------------------------------------------------------------
 */

void port_accept(struct chatroom_connection *connection)
{
    const struct chatroom_answer answer = {.status = 101};

    connection->port->transport.ops->accept(connection->port->transport.self, connection->peer, &answer);
}

void port_refuse(struct chatroom_connection *connection, uint16_t status, const char *error_type, const char *body)
{
    const struct chatroom_answer answer = {
        .status = status, .error_type = chatroom_str(error_type), .body = chatroom_str(body)};

    connection->port->transport.ops->accept(connection->port->transport.self, connection->peer, &answer);
    forget(connection);
}

static int give(struct chatroom_connection *connection, int (*op)(void *self, void *peer, chatroom_frame *frame),
                enum chatroom_message_kind kind, chatroom_span message)
{
    chatroom_frame *frame = chatroom_frame_new(NULL, kind, message, 0);
    int rc = CHATROOM_ENOMEM;

    if (frame)
        rc = op(connection->port->transport.self, connection->peer, frame);
    chatroom_frame_unref(frame);
    return rc;
}

int port_send(struct chatroom_connection *connection, enum chatroom_message_kind kind, chatroom_span message)
{
    return give(connection, connection->port->transport.ops->send, kind, message);
}

int port_offer(struct chatroom_connection *connection, enum chatroom_message_kind kind, chatroom_span message)
{
    return give(connection, connection->port->transport.ops->offer, kind, message);
}

void port_close(struct chatroom_connection *connection, uint16_t code, const char *reason)
{
    connection->port->transport.ops->close(connection->port->transport.self, connection->peer, code,
                                           chatroom_str(reason));
}

void port_close_everyone(struct chatroom_transport_port *port, uint16_t code)
{
    for (struct chatroom_connection *c = port->connections; c; c = c->next)
        port_close(c, code, NULL);
}

/* ---- the loop ------------------------------------------------------------------------------------------------------
 */

static uint64_t clock_of(const struct chatroom_transport_port *port)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec + port->skew_ns;
}

static int wait_for(const struct chatroom_transport_port *port, int wait_ms, uint64_t now)
{
    const struct chatroom_transport *transport = &port->transport;
    uint64_t due = transport->ops->deadline ? transport->ops->deadline(transport->self) : CHATROOM_NEVER;

    if (due <= now)
        return 0;
    return (due - now) / 1000000 < (uint64_t)wait_ms ? (int)((due - now) / 1000000) + 1 : wait_ms;
}

void port_turn(struct chatroom_transport_port *port, int wait_ms)
{
    const struct chatroom_transport *transport = &port->transport;
    struct pollfd ready = {.fd = transport->ops->fd ? transport->ops->fd(transport->self) : -1, .events = POLLIN};

    poll(&ready, 1, wait_for(port, wait_ms, clock_of(port)));
    port->now = (struct chatroom_now){clock_of(port), port->wall_ms};
    transport->ops->step(transport->self, port->now);
    if (transport->ops->flush)
        transport->ops->flush(transport->self);
}
