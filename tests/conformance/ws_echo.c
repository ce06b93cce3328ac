/*
 * A server that sends every message back, on the transport alone. For the tests by independent clients:
 *
 *     ws_echo --listen ADDR:PORT [--threads N]
 */
#include "transport_port.h"

#include <chatroom/backend/ws_epoll.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_MOST (16 * 1024 * 1024)

static const struct chatroom_transport *woken; /* by the signal handler, which can be given nothing */
static volatile sig_atomic_t stopping;

static void on_signal(int number)
{
    (void)number;
    stopping = 1;
    woken->ops->wake(woken->self);
}

static void echo(struct chatroom_connection *connection, enum chatroom_message_kind kind, chatroom_span message)
{
    (void)port_send(connection, kind, message); /* whoever cannot take it is dropped by the transport */
}

static void run(struct chatroom_transport_port *port)
{
    while (!stopping)
        port_turn(port, 1000);
    port->transport.ops->stop(port->transport.self);
    port_close_everyone(port, 1001);
    while (port->count > 0 || port->transport.ops->busy(port->transport.self))
        port_turn(port, 1000);
}

int main(int argc, char **argv)
{
    struct chatroom_ws_epoll_options options = CHATROOM_WS_EPOLL_OPTIONS;
    struct chatroom_transport_port port = {.message = echo};
    struct chatroom_error error;
    struct sigaction action = {.sa_handler = on_signal};
    const char *address = argc >= 3 && strcmp(argv[1], "--listen") == 0 ? argv[2] : "127.0.0.1:0";
    char text[128];

    options.listen = &address;
    options.listen_count = 1;
    options.message_bytes = MESSAGE_MOST;
    options.queue_bytes = 4 * (size_t)MESSAGE_MOST;
    options.queue_soft_bytes = 2 * (size_t)MESSAGE_MOST;
    options.message_ms = 600000; /* a message may come octet by octet */
    options.connects_per_second = 0;
    options.threads = argc == 5 && strcmp(argv[3], "--threads") == 0 ? (unsigned)atoi(argv[4]) : 0;
    if (chatroom_ws_epoll(&options, &port.transport, &error)) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    if (port.transport.ops->open(port.transport.self, &port, &error)) {
        fprintf(stderr, "%s\n", error.text);
        port.transport.ops->close_all(port.transport.self);
        return 1;
    }
    woken = &port.transport;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    if (chatroom_ws_epoll_address(&port.transport, 0, text, sizeof text) == CHATROOM_OK)
        printf("listening on %s\n", text);
    fflush(stdout);
    run(&port);
    port.transport.ops->close_all(port.transport.self);
    return 0;
}
