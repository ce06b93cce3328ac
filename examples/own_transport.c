/*
 * own_transport.c: a whole transport in one small file, and a chat room on it.
 *
 *     cc own_transport.c -o own_transport $(pkg-config --cflags --libs chatroom)
 *
 * For programs on the same machine: a local socket that keeps packets apart, so that the kernel does the framing. A
 * packet is a letter and what belongs to it:
 *
 *     from a client:  T and a text, B and octets, C and two octets of code and a reason
 *     to a client:    O you are in; R and a status: you are not; and T, B, C as above
 *
 * For reading: it looks at every peer in each step, which is fine for some hundreds of them.
 *
 * own_transport [PATH] speaks docs/chat-protocol.md at PATH.
 */
#include <chatroom/backend/memory.h>
#include <chatroom/chatroom.h>
#include <chatroom/transport.h>
#include <chatroom/utf8.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PACKET_MOST (192 * 1024) /* the kernel takes a little more at once */
#define QUEUE_MOST  (1024 * 1024)
#define TURN_MOST   64 /* packets of a peer, or new peers, in one step */
#define CLOSE_NS    1000000000

enum state {
    OPENING, /* the core thinks about it */
    OPEN,
    LOST,    /* it is to be told by the next step */
    CLOSING, /* what is queued goes first, then our C */
    CLOSED,  /* ... which is sent: the same */
    OVER,    /* the core does not know it any more: to be freed */
};

struct queued {
    struct queued *next;
    chatroom_frame *frame;
};

struct peer {
    struct peer *next;
    int fd;
    enum state state;
    chatroom_connection *core;
    struct queued *first, **end;
    size_t queued; /* octets */
    bool watched;
    uint32_t events;
    uint16_t code; /* of our C */
    size_t reason_size;
    char reason[123];
    uint64_t close_by;
};

struct own {
    chatroom_transport_port *port;
    struct sockaddr_un address;
    int listener, epoll, wake;
    bool bound;
    uint64_t now_ns;
    struct peer *peers;
    char packet[PACKET_MOST];
};

/* ---- packets out ------------------------------------------------------------------------------------------------- */

static bool put(const struct peer *peer, char letter, const void *bytes, size_t size)
{
    struct iovec parts[2] = {{&letter, 1}, {(void *)(uintptr_t)bytes, size}};
    const struct msghdr packet = {.msg_iov = parts, .msg_iovlen = 2};

    return sendmsg(peer->fd, &packet, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

static bool put_frame(struct own *own, const struct peer *peer, const chatroom_frame *frame)
{
    size_t size = chatroom_frame_payload_size(frame);

    if (size >= sizeof own->packet) {
        errno = EMSGSIZE;
        return false;
    }
    chatroom_frame_payload(frame, own->packet);
    return put(peer, chatroom_frame_kind(frame) == CHATROOM_TEXT_MESSAGE ? 'T' : 'B', own->packet, size);
}

static bool put_close(const struct peer *peer)
{
    char bytes[2 + sizeof peer->reason] = {(char)(peer->code >> 8), (char)peer->code};

    memcpy(bytes + 2, peer->reason, peer->reason_size);
    return put(peer, 'C', bytes, 2 + peer->reason_size);
}

static void drop_first(struct peer *peer)
{
    struct queued *first = peer->first;

    peer->first = first->next;
    if (!peer->first)
        peer->end = &peer->first;
    peer->queued -= chatroom_frame_payload_size(first->frame) + sizeof *first;
    chatroom_frame_unref(first->frame);
    free(first);
}

/* Who is not in yet is not watched: it keeps what it sent. Who is on the way out is not listened to. */
static void watch(const struct own *own, struct peer *peer, bool waits)
{
    struct epoll_event event = {.events = (peer->state == OPEN ? EPOLLIN : 0) | (waits ? EPOLLOUT : 0)};

    if (peer->watched && peer->events == event.events)
        return;
    if (epoll_ctl(own->epoll, peer->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, peer->fd, &event))
        peer->state = LOST;
    peer->watched = true;
    peer->events = event.events;
}

static void write_out(struct own *own, struct peer *peer)
{
    bool taken = true;

    while (peer->first && (taken = put_frame(own, peer, peer->first->frame)))
        drop_first(peer);
    if (taken && peer->state == CLOSING)
        taken = put_close(peer);
    if (peer->state == CLOSING && (taken || errno != EAGAIN))
        peer->state = CLOSED;
    else if (!taken && errno != EAGAIN)
        peer->state = LOST;
    watch(own, peer, !taken && errno == EAGAIN);
}

/* ---- what the core asks for -------------------------------------------------------------------------------------- */

static int own_open(void *self, chatroom_transport_port *port, struct chatroom_error *error)
{
    struct own *own = self;
    struct epoll_event event = {.events = EPOLLIN};
    char text[200];

    own->port = port;
    own->epoll = epoll_create1(EPOLL_CLOEXEC);
    own->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    own->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    own->bound = own->listener >= 0 && bind(own->listener, (struct sockaddr *)&own->address, sizeof own->address) == 0;
    if (own->bound && listen(own->listener, SOMAXCONN) == 0 &&
        epoll_ctl(own->epoll, EPOLL_CTL_ADD, own->listener, &event) == 0 &&
        epoll_ctl(own->epoll, EPOLL_CTL_ADD, own->wake, &event) == 0)
        return CHATROOM_OK;
    snprintf(text, sizeof text, "Cannot listen on %s: %s.", own->address.sun_path, strerror(errno));
    return chatroom_error_set(error, errno == EADDRINUSE ? CHATROOM_EADDRINUSE : CHATROOM_ESYSTEM, text);
}

static void own_accept(void *self, void *which, const struct chatroom_answer *answer)
{
    struct peer *peer = which;
    char status[8];
    int size = snprintf(status, sizeof status, "%u", answer->status);

    if (answer->status != 101) {
        put(peer, 'R', status, (size_t)size); /* or it sees the end alone */
        peer->state = OVER;
        return;
    }
    peer->state = put(peer, 'O', NULL, 0) ? OPEN : LOST;
    watch(self, peer, false);
}

static int own_send(void *self, void *which, chatroom_frame *frame)
{
    struct peer *peer = which;
    size_t size = chatroom_frame_payload_size(frame) + sizeof(struct queued);
    struct queued *queued;

    (void)self;
    if (peer->state != OPEN)
        return CHATROOM_EGONE;
    queued = size <= QUEUE_MOST - peer->queued ? malloc(sizeof *queued) : NULL;
    if (!queued) {
        peer->state = LOST; /* it would miss a message without knowing */
        return size <= QUEUE_MOST - peer->queued ? CHATROOM_ENOMEM : CHATROOM_EAGAIN;
    }
    *queued = (struct queued){NULL, chatroom_frame_ref(frame)};
    *peer->end = queued;
    peer->end = &queued->next;
    peer->queued += size;
    return CHATROOM_OK;
}

static void own_close(void *self, void *which, uint16_t code, chatroom_span reason)
{
    const struct own *own = self;
    struct peer *peer = which;

    if (peer->state != OPEN)
        return;
    peer->state = CLOSING;
    peer->code = code;
    peer->close_by = own->now_ns + CLOSE_NS;
    peer->reason_size = reason.size;
    if (reason.size > 0)
        memcpy(peer->reason, reason.bytes, reason.size);
}

/* ---- what happens ------------------------------------------------------------------------------------------------ */

static void report(struct peer *peer, uint16_t code, chatroom_span reason, enum chatroom_party by)
{
    peer->state = OVER;
    chatroom_transport_closed(peer->core, code, reason, by);
}

static void take_packet(struct own *own, struct peer *peer, size_t size)
{
    const uint8_t *bytes = (uint8_t *)own->packet;
    chatroom_span rest = chatroom_bytes(own->packet + 1, size - 1);

    if (bytes[0] == 'T' && chatroom_utf8_valid(rest))
        chatroom_transport_message(peer->core, CHATROOM_TEXT_MESSAGE, rest);
    else if (bytes[0] == 'B')
        chatroom_transport_message(peer->core, CHATROOM_BINARY_MESSAGE, rest);
    else if (bytes[0] == 'C' && size >= 3 && size <= 3 + sizeof peer->reason)
        report(peer, (uint16_t)(bytes[1] << 8 | bytes[2]), chatroom_bytes(own->packet + 3, size - 3),
               CHATROOM_BY_CLIENT);
    else
        own_close(own, peer, bytes[0] == 'T' ? 1007 : 1002, chatroom_str("not a packet of this protocol"));
}

static void receive(struct own *own, struct peer *peer)
{
    for (int i = 0; i < TURN_MOST && peer->state == OPEN; i++) {
        ssize_t size = recv(peer->fd, own->packet, sizeof own->packet, MSG_DONTWAIT | MSG_TRUNC);

        if (size < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (size <= 0)
            report(peer, 1006, chatroom_str(""), CHATROOM_BY_NETWORK);
        else if ((size_t)size > sizeof own->packet)
            own_close(own, peer, 1009, chatroom_str("too long"));
        else
            take_packet(own, peer, (size_t)size);
    }
}

static void welcome(struct own *own, int fd)
{
    const struct chatroom_request_head head = {.target = chatroom_str("/"), .source_ip = chatroom_str("")};
    const struct chatroom_answer full = {.status = 503};
    struct peer *peer = calloc(1, sizeof *peer);
    chatroom_connection *core;

    if (!peer) {
        close(fd);
        return;
    }
    peer->fd = fd;
    peer->end = &peer->first;
    peer->next = own->peers;
    own->peers = peer;
    if (chatroom_transport_opening(own->port, peer, &head, &core) != CHATROOM_OK)
        own_accept(own, peer, &full);
    else
        peer->core = core; /* it may have been answered already */
}

static void look_at(struct own *own, struct peer *peer)
{
    chatroom_span reason = chatroom_bytes(peer->reason, peer->reason_size);

    if (peer->state == LOST)
        report(peer, 1006, chatroom_str(""), CHATROOM_BY_NETWORK);
    else if (peer->state == CLOSED || (peer->state == CLOSING && peer->close_by <= own->now_ns))
        report(peer, peer->code, reason, CHATROOM_BY_SERVER);
    else
        receive(own, peer);
}

static void own_step(void *self, struct chatroom_now now)
{
    struct own *own = self;
    uint64_t count;
    int fd;

    own->now_ns = now.mono_ns;
    while (read(own->wake, &count, sizeof count) > 0)
        continue;
    for (int i = 0; i < TURN_MOST && own->listener >= 0 && (fd = accept(own->listener, NULL, NULL)) >= 0; i++)
        welcome(own, fd);
    for (struct peer *peer = own->peers; peer; peer = peer->next)
        look_at(own, peer);
}

static void free_peer(struct peer *peer)
{
    while (peer->first)
        drop_first(peer);
    close(peer->fd);
    free(peer);
}

/* Nobody holds a peer here, so it is the place to free those that are over. */
static void own_flush(void *self)
{
    struct own *own = self;
    struct peer **at = &own->peers, *peer;

    while ((peer = *at)) {
        if (peer->state == OPEN || peer->state == CLOSING)
            write_out(own, peer);
        if (peer->state == OVER) {
            *at = peer->next;
            free_peer(peer);
        } else {
            at = &peer->next;
        }
    }
}

/* ---- the loop and the end ---------------------------------------------------------------------------------------- */

static int own_fd(void *self)
{
    return ((struct own *)self)->epoll;
}

static uint64_t own_deadline(void *self)
{
    uint64_t due = CHATROOM_NEVER;

    for (const struct peer *peer = ((struct own *)self)->peers; peer; peer = peer->next) {
        if (peer->state == LOST || peer->state == CLOSED)
            return 0;
        if (peer->state == CLOSING && peer->close_by < due)
            due = peer->close_by;
    }
    return due;
}

static void own_wake(void *self)
{
    uint64_t one = 1;

    if (write(((struct own *)self)->wake, &one, sizeof one) < 0)
        return; /* the counter is full: it is readable */
}

static bool own_busy(void *self)
{
    for (const struct peer *peer = ((struct own *)self)->peers; peer; peer = peer->next)
        if (peer->state != OVER && (peer->first || peer->state == CLOSING))
            return true;
    return false;
}

static void own_stop(void *self)
{
    struct own *own = self;

    if (own->listener >= 0)
        close(own->listener);
    if (own->bound)
        unlink(own->address.sun_path);
    own->listener = -1;
    own->bound = false;
}

static void own_close_all(void *self)
{
    struct own *own = self;

    own_stop(own);
    while (own->peers) {
        struct peer *peer = own->peers;

        if (peer->state != OVER)
            report(peer, 1006, chatroom_str(""), CHATROOM_BY_NETWORK);
        own->peers = peer->next;
        free_peer(peer);
    }
    if (own->epoll >= 0)
        close(own->epoll);
    if (own->wake >= 0)
        close(own->wake);
    free(own);
}

static const struct chatroom_transport_ops own_ops = {
    CHATROOM_TRANSPORT_OPS, .name = "own",    .open = own_open,         .accept = own_accept,       .send = own_send,
    .close = own_close,     .fd = own_fd,     .deadline = own_deadline, .step = own_step,           .flush = own_flush,
    .wake = own_wake,       .stop = own_stop, .busy = own_busy,         .close_all = own_close_all,
};

/* What docs/writing-a-transport.md runs the kit on. */
int own_transport(const char *path, struct chatroom_transport *ret_transport);

int own_transport(const char *path, struct chatroom_transport *ret_transport)
{
    struct own *own = calloc(1, sizeof *own);

    if (!own)
        return CHATROOM_ENOMEM;
    own->listener = own->epoll = own->wake = -1;
    own->address.sun_family = AF_UNIX;
    if (strlen(path) >= sizeof own->address.sun_path) {
        free(own);
        return CHATROOM_EINVAL;
    }
    memcpy(own->address.sun_path, path, strlen(path));
    *ret_transport = (struct chatroom_transport){&own_ops, own};
    return CHATROOM_OK;
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "own_transport.socket";
    const int signals[] = {SIGINT, SIGTERM, 0};
    struct chatroom_config config = CHATROOM_CONFIG;
    struct chatroom_error error = {0, ""};
    chatroom *c = NULL;

    config.limits.message_bytes = config.limits.history_bytes = PACKET_MOST / 2; /* with what stands round it */
    config.limits.rooms = 256;                                                   /* for a list of them */
    int result = own_transport(path, &config.transport);
    if (result == CHATROOM_OK)
        result = chatroom_memory_store(&config.store);
    if (result == CHATROOM_OK)
        result = chatroom_new(&config, &c, &error);
    if (result == CHATROOM_OK)
        result = chatroom_chat(c, NULL);
    if (result == CHATROOM_OK)
        result = chatroom_start(c, chatroom_host_now(), &error);
    if (result == CHATROOM_OK)
        fprintf(stderr, "chat at %s\n", path);
    if (result == CHATROOM_OK)
        result = chatroom_run(c, signals, &error);
    if (result != CHATROOM_OK)
        fprintf(stderr, "own_transport: %s\n", error.text[0] ? error.text : chatroom_strerror(result));
    chatroom_free(c);
    return result == CHATROOM_OK ? 0 : 1;
}
