#include "ws_client.h"

#include "ws_frames.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A test that is out of memory has nothing to say. */
static void *must(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

static socklen_t parse(const char *text, struct sockaddr_storage *storage)
{
    struct sockaddr_un *local = (struct sockaddr_un *)storage;
    struct sockaddr_in *v4 = (struct sockaddr_in *)storage;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)storage;
    const char *port = strrchr(text, ':') + 1;

    memset(storage, 0, sizeof *storage);
    if (strncmp(text, "unix:", 5) == 0) {
        local->sun_family = AF_UNIX;
        strncpy(local->sun_path, text + 5, sizeof local->sun_path - 1);
        return sizeof *local;
    }
    if (text[0] == '[') {
        v6->sin6_family = AF_INET6;
        v6->sin6_addr = in6addr_loopback;
        v6->sin6_port = htons((uint16_t)atoi(port));
        return sizeof *v6;
    }
    v4->sin_family = AF_INET;
    v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    v4->sin_port = htons((uint16_t)atoi(port));
    return sizeof *v4;
}

struct ws_client *ws_client_new(const char *address)
{
    struct sockaddr_storage storage;
    socklen_t size = parse(address, &storage);
    int at_once = 1, fd = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct ws_client *client;

    if (fd < 0)
        return NULL;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once); /* no effect on a local socket */
    if (connect(fd, (struct sockaddr *)&storage, size) && errno != EINPROGRESS) {
        close(fd);
        return NULL;
    }
    client = must(calloc(1, sizeof *client));
    client->fd = fd;
    client->reading = true;
    return client;
}

static void hang_up(struct ws_client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    client->fd = -1;
}

void ws_client_free(struct ws_client *client)
{
    if (!client)
        return;
    hang_up(client);
    free(client->in);
    free(client->out);
    free(client->taken);
    free(client);
}

void ws_client_cut(struct ws_client *client)
{
    const struct linger linger = {.l_onoff = 1, .l_linger = 0};

    setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    hang_up(client);
    client->ended = true;
}

/* ---- sending ----------------------------------------------------------------------------------------------------- */

static void append(char **text, size_t *size, size_t *capacity, const void *octets, size_t more)
{
    if (*capacity - *size < more) {
        *capacity = (*size + more) * 2;
        *text = must(realloc(*text, *capacity));
    }
    if (more > 0)
        memcpy(*text + *size, octets, more);
    *size += more;
}

static void drop(char *text, size_t *size, size_t front)
{
    memmove(text, text + front, *size - front);
    *size -= front;
}

void ws_client_put(struct ws_client *client, const void *octets, size_t size)
{
    append(&client->out, &client->out_size, &client->out_capacity, octets, size);
}

void ws_client_put_frame(struct ws_client *client, uint8_t first, const void *payload, size_t size)
{
    uint8_t *wire = must(malloc(size + 14));

    ws_client_put(client, wire, wire_frame(wire, first, payload, size));
    free(wire);
}

void ws_client_put_request(struct ws_client *client, const char *target, const char *fields)
{
    char text[4096];
    int size = snprintf(text, sizeof text,
                        "GET %s HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
                        target, fields);

    ws_client_put(client, text, (size_t)size);
}

static void write_some(struct ws_client *client)
{
    size_t most = client->piece && client->piece < client->out_size ? client->piece : client->out_size;
    ssize_t written = most > 0 ? send(client->fd, client->out, most, MSG_NOSIGNAL) : 0;

    if (written > 0)
        drop(client->out, &client->out_size, (size_t)written);
}

/* ---- receiving --------------------------------------------------------------------------------------------------- */

static void read_some(struct ws_client *client)
{
    char buffer[16384];
    ssize_t got = recv(client->fd, buffer, client->piece ? client->piece : sizeof buffer, 0);

    if (got > 0) {
        append(&client->in, &client->in_size, &client->in_capacity, buffer, (size_t)got);
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR && errno != ENOTCONN)) {
        client->reset = got < 0;
        client->ended = true;
    }
}

static void find_answer(struct ws_client *client)
{
    char *end;
    size_t size;

    if (client->status || client->in_size == 0)
        return;
    end = memmem(client->in, client->in_size, "\r\n\r\n", 4);
    size = end ? (size_t)(end - client->in) + 4 : 0;
    if (!end || size >= sizeof client->head)
        return;
    memcpy(client->head, client->in, size);
    client->head[size] = '\0';
    client->status = atoi(client->head + strlen("HTTP/1.1 "));
    drop(client->in, &client->in_size, size);
}

void ws_client_work(struct ws_client *client)
{
    if (client->fd < 0)
        return;
    write_some(client);
    if (client->reading && !client->ended)
        read_some(client);
    find_answer(client);
}

static void note_close(struct ws_client *client, chatroom_span payload)
{
    client->close_code = 1005;
    if (payload.size >= 2)
        client->close_code = (uint16_t)((uint8_t)payload.bytes[0] << 8 | (uint8_t)payload.bytes[1]);
}

bool ws_client_take(struct ws_client *client, uint8_t *ret_first, chatroom_span *ret_payload)
{
    const uint8_t *in = (const uint8_t *)client->in;
    size_t header = 2;
    uint64_t size;

    if (client->status != 101 || client->in_size < 2)
        return false;
    if (in[1] & 0x80)
        abort(); /* a server does not mask */
    size = in[1];
    header += size == 126 ? 2 : size == 127 ? 8 : 0;
    if (client->in_size < header)
        return false;
    if (header > 2)
        size = 0;
    for (size_t i = 2; i < header; i++)
        size = size << 8 | in[i];
    if (client->in_size - header < size)
        return false;
    *ret_first = in[0];
    client->taken = must(realloc(client->taken, (size_t)size + 1));
    memcpy(client->taken, in + header, (size_t)size);
    *ret_payload = chatroom_bytes(client->taken, (size_t)size);
    drop(client->in, &client->in_size, header + (size_t)size);
    if ((*ret_first & 0x0F) == WS_CLOSE_FRAME)
        note_close(client, *ret_payload);
    return true;
}
