/* The suite of any transport, on the one of examples/own_transport.c, with clients that speak its packets. */
#include "transport_suite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int own_transport(const char *path, struct chatroom_transport *ret_transport);

static char folder[] = "/tmp/own-transport-XXXXXX";
static char path[64];

struct packet {
    struct packet *next;
    size_t size;
    char bytes[];
};

struct list {
    struct packet *first, **end;
};

struct client {
    int fd;
    enum client_state state;
    bool reading;
    uint16_t close_code;
    struct list in, out;
    struct packet *taken; /* by receive() */
};

static void add(struct list *list, char letter, chatroom_span rest)
{
    struct packet *packet = malloc(sizeof *packet + 1 + rest.size);

    if (!packet)
        abort();
    packet->next = NULL;
    packet->size = 1 + rest.size;
    packet->bytes[0] = letter;
    if (rest.size > 0)
        memcpy(packet->bytes + 1, rest.bytes, rest.size);
    *list->end = packet;
    list->end = &packet->next;
}

static struct packet *take(struct list *list)
{
    struct packet *packet = list->first;

    if (packet && !(list->first = packet->next))
        list->end = &list->first;
    return packet;
}

static bool bare; /* without what a transport may have */

static int make(struct chatroom_transport *ret_transport, struct chatroom_error *error)
{
    static struct chatroom_transport_ops few;
    int rc = own_transport(path, ret_transport);

    (void)error;
    if (rc || !bare)
        return rc;
    few = *ret_transport->ops;
    few.fd = NULL;
    few.deadline = NULL;
    few.wake = NULL;
    few.busy = NULL;
    ret_transport->ops = &few;
    return CHATROOM_OK;
}

static struct client *begin(const struct chatroom_transport *transport)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct client *client = calloc(1, sizeof *client);

    (void)transport;
    if (!client)
        return NULL;
    memcpy(address.sun_path, path, sizeof path);
    client->reading = true;
    client->in.end = &client->in.first;
    client->out.end = &client->out.first;
    client->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);
    if (client->fd >= 0 && connect(client->fd, (struct sockaddr *)&address, sizeof address) == 0)
        return client;
    if (client->fd >= 0)
        close(client->fd);
    free(client);
    return NULL;
}

static void end(struct client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    client->fd = -1;
    client->state = client->state == CLIENT_OPENING ? CLIENT_REFUSED : CLIENT_OVER;
}

static void hear(struct client *client, const char *bytes, size_t size)
{
    if (bytes[0] == 'O')
        client->state = CLIENT_OPEN;
    else if (bytes[0] == 'C' && size >= 3)
        client->close_code = (uint16_t)((uint8_t)bytes[1] << 8 | (uint8_t)bytes[2]);
    else if (bytes[0] != 'R')
        add(&client->in, bytes[0], chatroom_bytes(bytes + 1, size - 1));
}

static void work(struct client *client)
{
    static char bytes[256 * 1024];
    ssize_t size = 1;

    while (client->fd >= 0 && client->out.first &&
           send(client->fd, client->out.first->bytes, client->out.first->size, MSG_NOSIGNAL) >= 0)
        free(take(&client->out));
    while (client->fd >= 0 && client->reading && size > 0) {
        size = recv(client->fd, bytes, sizeof bytes, 0);
        if (size > 0)
            hear(client, bytes, (size_t)size);
        else if (size == 0 || errno != EAGAIN)
            end(client);
    }
}

static enum client_state state(const struct client *client)
{
    return client->state;
}

static void put(struct client *client, enum chatroom_message_kind kind, chatroom_span message)
{
    add(&client->out, kind == CHATROOM_TEXT_MESSAGE ? 'T' : 'B', message);
}

static bool receive(struct client *client, enum chatroom_message_kind *ret_kind, chatroom_span *ret_message)
{
    free(client->taken);
    client->taken = take(&client->in);
    if (!client->taken)
        return false;
    *ret_kind = client->taken->bytes[0] == 'T' ? CHATROOM_TEXT_MESSAGE : CHATROOM_BINARY_MESSAGE;
    *ret_message = chatroom_bytes(client->taken->bytes + 1, client->taken->size - 1);
    return true;
}

static void stop_reading(struct client *client)
{
    client->reading = false;
}

static void read_on(struct client *client)
{
    client->reading = true;
}

static void close_client(struct client *client, uint16_t code)
{
    const char bytes[2] = {(char)(code >> 8), (char)code};

    add(&client->out, 'C', chatroom_bytes(bytes, 2));
}

static uint16_t close_code(const struct client *client)
{
    return client->close_code;
}

static void free_client(struct client *client)
{
    if (!client)
        return;
    end(client);
    while (client->in.first)
        free(take(&client->in));
    while (client->out.first)
        free(take(&client->out));
    free(client->taken);
    free(client);
}

int main(void)
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
        .cut = end,
        .close_code = close_code,
        .free = free_client,
    };
    int failed;

    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof path, "%s/socket", folder);
    failed = transport_suite("own_transport", &driver);
    bare = true;
    failed += transport_suite("own_transport, bare", &driver);
    return rmdir(folder) ? 1 : failed; /* the socket is gone */
}
