/*
 * The suite of any transport, on ws_epoll, with clients that speak RFC 6455; again with input and output cut small,
 * unless there is a second argument. With as many threads as the first argument says.
 */
#include "transport_suite.h"
#include "ws_client.h"

#include <chatroom/backend/ws_epoll.h>

#include <stdlib.h>

static size_t piece; /* of the clients */
static unsigned threads;

struct client {
    struct ws_client *ws;
    bool closing;
};

static int make(struct chatroom_transport *ret_transport, struct chatroom_error *error)
{
    static const char *const listen[] = {"127.0.0.1:0"};
    struct chatroom_ws_epoll_options options = CHATROOM_WS_EPOLL_OPTIONS;

    options.listen = listen;
    options.listen_count = 1;
    options.threads = threads;
    return chatroom_ws_epoll(&options, ret_transport, error);
}

static struct client *begin(const struct chatroom_transport *transport)
{
    struct client *client;
    char address[64];

    if (chatroom_ws_epoll_address(transport, 0, address, sizeof address))
        return NULL;
    client = calloc(1, sizeof *client);
    if (client && !(client->ws = ws_client_new(address))) {
        free(client);
        return NULL;
    }
    if (client) {
        client->ws->piece = piece;
        ws_client_put_request(client->ws, "/", "");
    }
    return client;
}

static void answer(struct client *client, uint8_t opcode, chatroom_span payload)
{
    if (opcode == WS_PING_FRAME)
        ws_client_put_frame(client->ws, 0x80 | WS_PONG_FRAME, payload.bytes, payload.size);
    if (opcode == WS_CLOSE_FRAME && !client->closing) {
        client->closing = true;
        ws_client_put_frame(client->ws, 0x80 | WS_CLOSE_FRAME, payload.bytes, payload.size < 2 ? payload.size : 2);
    }
}

static void work(struct client *client)
{
    chatroom_span payload;
    uint8_t first;

    ws_client_work(client->ws);
    while (client->ws->status == 101 && client->ws->in_size > 0 && client->ws->in[0] & 0x08 &&
           ws_client_take(client->ws, &first, &payload))
        answer(client, first & 0x0F, payload);
}

static enum client_state state(const struct client *client)
{
    if (client->ws->status == 0)
        return client->ws->ended ? CLIENT_REFUSED : CLIENT_OPENING;
    if (client->ws->status != 101)
        return CLIENT_REFUSED;
    return client->ws->ended ? CLIENT_OVER : CLIENT_OPEN;
}

static void put(struct client *client, enum chatroom_message_kind kind, chatroom_span message)
{
    ws_client_put_frame(client->ws, 0x80 | (uint8_t)kind, message.bytes, message.size);
}

static bool receive(struct client *client, enum chatroom_message_kind *ret_kind, chatroom_span *ret_message)
{
    uint8_t first;

    if (!ws_client_take(client->ws, &first, ret_message))
        return false;
    if (first & 0x08) {
        answer(client, first & 0x0F, *ret_message);
        return false;
    }
    *ret_kind = first & 0x0F;
    return true;
}

static void stop_reading(struct client *client)
{
    client->ws->reading = false;
}

static void read_on(struct client *client)
{
    client->ws->reading = true;
}

static void close_client(struct client *client, uint16_t code)
{
    const uint8_t payload[2] = {(uint8_t)(code >> 8), (uint8_t)code};

    client->closing = true;
    ws_client_put_frame(client->ws, 0x80 | WS_CLOSE_FRAME, payload, 2);
}

static void cut(struct client *client)
{
    ws_client_cut(client->ws);
}

static uint16_t close_code(const struct client *client)
{
    return client->ws->close_code;
}

static void free_client(struct client *client)
{
    if (client)
        ws_client_free(client->ws);
    free(client);
}

int main(int argc, char **argv)
{
    const struct client_driver driver = {
        .make = make,
        .connect = begin,
        .work = work,
        .state = state,
        .send = put,
        .receive = receive,
        .stop_reading = stop_reading,
        .read_on = read_on,
        .close = close_client,
        .cut = cut,
        .close_code = close_code,
        .free = free_client,
    };
    int failed;

    threads = argc > 1 ? (unsigned)atoi(argv[1]) : 0;
    failed = transport_suite("ws_epoll", &driver);
    if (argc > 2)
        return failed;
    piece = 13;
    return failed + transport_suite("ws_epoll, cut small (F32)", &driver);
}
