#include "crowd.h"

#include "target.h"
#include "ws_frames.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_MOST 512
#define READ_MOST   65536
#define SMALL       4096

/* A test that is out of memory has nothing to say. */
static void *must(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

void crowd_init(struct crowd *crowd, uint16_t port, size_t count)
{
    *crowd = (struct crowd){.port = port, .count = count, .epoll = epoll_create1(EPOLL_CLOEXEC)};
    if (crowd->epoll < 0)
        abort();
    crowd->peers = must(calloc(count, sizeof *crowd->peers));
    for (size_t i = 0; i < count; i++)
        crowd->peers[i].fd = -1;
}

void crowd_fini(struct crowd *crowd)
{
    for (size_t i = 0; i < crowd->count; i++) {
        if (crowd->peers[i].fd >= 0)
            close(crowd->peers[i].fd);
        free(crowd->peers[i].in);
        free(crowd->peers[i].out);
    }
    free(crowd->peers);
    close(crowd->epoll);
}

/* ---- connections ------------------------------------------------------------------------------------------------- */

static void watch(struct crowd *crowd, struct peer *peer)
{
    uint32_t wanted = (peer->deaf ? 0 : EPOLLIN) | (peer->out_at < peer->out_size ? EPOLLOUT : 0u);
    struct epoll_event event = {.events = wanted, .data.ptr = peer};

    if (peer->fd < 0 || wanted == peer->watched)
        return;
    if (epoll_ctl(crowd->epoll, EPOLL_CTL_MOD, peer->fd, &event))
        abort();
    peer->watched = wanted;
}

static void over(struct peer *peer, bool reset)
{
    if (peer->fd >= 0)
        close(peer->fd);
    peer->fd = -1;
    peer->ended = true;
    peer->reset = reset;
    peer->ended_ns = now_ns();
}

static void forget(struct peer *peer)
{
    const struct peer old = *peer;

    *peer = (struct peer){.fd = -1, .deaf = old.deaf, .small = old.small, .mute = old.mute, .own = old.own};
    memcpy(peer->number, old.number, sizeof old.number);
    peer->in = old.in;
    peer->out = old.out;
    peer->in_capacity = old.in_capacity;
    peer->out_capacity = old.out_capacity;
}

void crowd_connect(struct crowd *crowd, struct peer *peer)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(crowd->port)};
    struct epoll_event event = {.events = 0, .data.ptr = peer};
    int on = 1, little = SMALL;

    forget(peer);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    peer->began_ns = now_ns();
    peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (peer->fd < 0)
        abort();
    setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (peer->small)
        setsockopt(peer->fd, SOL_SOCKET, SO_RCVBUF, &little, sizeof little);
    if (connect(peer->fd, (struct sockaddr *)&address, sizeof address) && errno != EINPROGRESS) {
        over(peer, true);
        return;
    }
    if (epoll_ctl(crowd->epoll, EPOLL_CTL_ADD, peer->fd, &event))
        abort();
    watch(crowd, peer);
}

void crowd_open(struct crowd *crowd, struct peer *peer)
{
    crowd_connect(crowd, peer);
    crowd_put(crowd, peer, CROWD_REQUEST, sizeof CROWD_REQUEST - 1);
}

size_t crowd_open_all(struct crowd *crowd, unsigned ms)
{
    uint64_t end = now_ns() + ms * 1000000ull;

    for (size_t i = 0; i < crowd->count; i++) {
        crowd_open(crowd, &crowd->peers[i]);
        if (i % 100 == 99)
            crowd_turn(crowd, 0);
    }
    while (crowd_count_open(crowd) < crowd->count && now_ns() < end)
        crowd_turn(crowd, 10);
    return crowd_count_open(crowd);
}

void crowd_cut(struct crowd *crowd, struct peer *peer)
{
    const struct linger linger = {.l_onoff = 1, .l_linger = 0};

    (void)crowd;
    if (peer->fd < 0)
        return;
    setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    over(peer, true);
}

void crowd_shut_ears(struct crowd *crowd, struct peer *peer)
{
    peer->deaf = true;
    watch(crowd, peer);
}

void crowd_listen(struct crowd *crowd, struct peer *peer)
{
    peer->deaf = false;
    watch(crowd, peer);
}

/* ---- sending ----------------------------------------------------------------------------------------------------- */

static void write_out(struct crowd *crowd, struct peer *peer)
{
    while (peer->fd >= 0 && peer->out_at < peer->out_size) {
        ssize_t done = send(peer->fd, peer->out + peer->out_at, peer->out_size - peer->out_at, MSG_NOSIGNAL);

        if (done < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOTCONN))
            break;
        if (done < 0) {
            /* The server's last words may still be there to read. */
            peer->out_at = peer->out_size = 0;
            peer->repeat = 0;
            break;
        }
        peer->sent += (uint64_t)done;
        peer->out_at += (size_t)done;
        if (peer->out_at == peer->out_size && peer->repeat > 0) {
            peer->repeat--;
            peer->out_at = 0;
        }
    }
    if (peer->out_at == peer->out_size)
        peer->out_at = peer->out_size = 0;
    watch(crowd, peer);
}

void crowd_put(struct crowd *crowd, struct peer *peer, const void *octets, size_t size)
{
    if (peer->fd < 0)
        return;
    if (peer->out_capacity - peer->out_size < size) {
        peer->out_capacity = (peer->out_size + size) * 2;
        peer->out = must(realloc(peer->out, peer->out_capacity));
    }
    memcpy(peer->out + peer->out_size, octets, size);
    peer->out_size += size;
    watch(crowd, peer);
}

void crowd_put_frame(struct crowd *crowd, struct peer *peer, uint8_t first, const void *payload, size_t size)
{
    uint8_t *wire = must(malloc(size + 14));

    crowd_put(crowd, peer, wire, wire_frame(wire, first, payload, size));
    free(wire);
}

void crowd_say(struct crowd *crowd, struct peer *peer, const char *text)
{
    crowd_put_frame(crowd, peer, FRAME_LAST | FRAME_TEXT, text, strlen(text));
}

void crowd_flood(struct crowd *crowd, struct peer *peer, const void *octets, size_t size, uint64_t times)
{
    crowd_put(crowd, peer, octets, size);
    peer->repeat = times - 1;
}

/* ---- hearing ----------------------------------------------------------------------------------------------------- */

static void take(struct peer *peer, size_t size)
{
    memmove(peer->in, peer->in + size, peer->in_size - size);
    peer->in_size -= size;
}

static void hear_head(struct peer *peer)
{
    const char *end, *later;

    peer->in[peer->in_size] = '\0';
    end = strstr(peer->in, "\r\n\r\n");
    if (!end || sscanf(peer->in, "HTTP/1.1 %d", &peer->status) != 1)
        return;
    peer->answered_ns = now_ns();
    later = strstr(peer->in, "Retry-After: ");
    if (later && later < end)
        peer->retry_after = (unsigned)atoi(later + 13);
    take(peer, (size_t)(end - peer->in) + 4);
}

static void hear_frame(struct crowd *crowd, struct peer *peer, uint8_t first, char *payload, size_t size)
{
    char after = payload[size];

    if ((first & 15) == FRAME_PING && !peer->mute) {
        crowd_put_frame(crowd, peer, FRAME_LAST | FRAME_PONG, payload, size);
    } else if ((first & 15) == FRAME_PONG) {
        peer->pongs++;
    } else if ((first & 15) == FRAME_CLOSE) {
        peer->close_code = 1005;
        if (size >= 2)
            peer->close_code = (uint16_t)((uint8_t)payload[0] << 8 | (uint8_t)payload[1]);
        if (!peer->mute)
            crowd_put_frame(crowd, peer, FRAME_LAST | FRAME_CLOSE, payload, size < 2 ? 0 : 2);
    } else if ((first & 15) == FRAME_TEXT) {
        peer->messages++;
        if (!crowd->heard)
            return;
        payload[size] = '\0';
        crowd->heard(crowd, peer, payload, size);
        payload[size] = after;
    }
}

/* Where the frame at this place ends; 0: it is not whole. */
static size_t frame_end(const struct peer *peer, size_t at, size_t *ret_payload)
{
    const uint8_t *in = (const uint8_t *)peer->in + at;
    size_t have = peer->in_size - at, head = 2, size;

    if (have < 2)
        return 0;
    size = in[1] & 127;
    head += size == 126 ? 2 : size == 127 ? 8 : 0;
    if (have < head)
        return 0;
    if (head > 2)
        size = 0;
    for (size_t i = 2; i < head; i++)
        size = size << 8 | in[i];
    *ret_payload = at + head;
    return have - head < size ? 0 : at + head + size;
}

static void hear(struct crowd *crowd, struct peer *peer)
{
    size_t at = 0, end, payload;

    if (peer->status == 0)
        hear_head(peer);
    if (peer->status != 101) {
        peer->in_size = peer->status ? 0 : peer->in_size;
        return;
    }
    while ((end = frame_end(peer, at, &payload)) > 0) {
        hear_frame(crowd, peer, (uint8_t)peer->in[at], peer->in + payload, end - payload);
        at = end;
    }
    take(peer, at);
}

static void read_in(struct crowd *crowd, struct peer *peer)
{
    ssize_t got;

    if (peer->in_capacity - peer->in_size < READ_MOST + 1) {
        peer->in_capacity = peer->in_size * 2 + READ_MOST + 1;
        peer->in = must(realloc(peer->in, peer->in_capacity));
    }
    got = recv(peer->fd, peer->in + peer->in_size, READ_MOST, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        over(peer, got < 0);
        return;
    }
    peer->in_size += (size_t)got;
    hear(crowd, peer);
    if (peer->in_size == 0) { /* ten thousand buffers are a lot */
        free(peer->in);
        peer->in = NULL;
        peer->in_capacity = 0;
    }
}

/* ---- a turn ------------------------------------------------------------------------------------------------------ */

static void work(struct crowd *crowd, struct peer *peer, uint32_t events)
{
    if (peer->fd >= 0 && events & EPOLLOUT)
        write_out(crowd, peer);
    if (peer->fd >= 0 && !peer->deaf && events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        read_in(crowd, peer);
    if (peer->fd >= 0 && peer->deaf && events & (EPOLLHUP | EPOLLERR))
        over(peer, true);
}

void crowd_turn(struct crowd *crowd, int ms)
{
    struct epoll_event events[EVENTS_MOST];
    int count = epoll_wait(crowd->epoll, events, EVENTS_MOST, ms);

    for (int i = 0; i < count; i++)
        work(crowd, events[i].data.ptr, events[i].events);
}

void crowd_turn_for(struct crowd *crowd, unsigned ms)
{
    uint64_t end = now_ns() + ms * 1000000ull, now;

    while ((now = now_ns()) < end)
        crowd_turn(crowd, (int)((end - now + 999999) / 1000000));
}

size_t crowd_count_open(const struct crowd *crowd)
{
    size_t count = 0;

    for (size_t i = 0; i < crowd->count; i++)
        count += crowd->peers[i].status == 101 && !crowd->peers[i].ended;
    return count;
}

size_t crowd_count_ended(const struct crowd *crowd)
{
    size_t count = 0;

    for (size_t i = 0; i < crowd->count; i++)
        count += crowd->peers[i].ended;
    return count;
}

size_t crowd_count_closed(const struct crowd *crowd, uint16_t code)
{
    size_t count = 0;

    for (size_t i = 0; i < crowd->count; i++)
        count += crowd->peers[i].close_code == code;
    return count;
}
