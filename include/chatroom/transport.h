/*
 * transport.h: for those who write a transport. Users of the library need not open it.
 *
 * A transport owns connections. It brings whole messages up and takes frames down; it never decides what a message means.
 *
 * Lifetimes, to recite: a connection has two names, the transport's peer and the core's chatroom_connection. Each side hands
 * its own to the other in chatroom_transport_opening(). From its success until chatroom_transport_closed() both are valid; in
 * chatroom_transport_closed() the core takes the peer out of all groups, and afterwards neither side uses the other's.
 * Stale ids of strangers end in the core, which answers CHATROOM_EGONE; a transport never sees them.
 *
 * Threads: everything here is on the owner's thread, but for wake(), chatroom_frame_ref() and chatroom_frame_unref().
 *
 * Nothing recurses: the core calls no op from inside chatroom_transport_message() except through its own step, and a
 * transport calls nothing up from inside an op but step() and close_all().
 */
#ifndef CHATROOM_TRANSPORT_H
#define CHATROOM_TRANSPORT_H

#include <chatroom/base.h>

#ifdef __cplusplus
extern "C" {
#endif

enum chatroom_message_kind {
    CHATROOM_TEXT_MESSAGE = 1, /* RFC 6455 opcodes; valid UTF-8 */
    CHATROOM_BINARY_MESSAGE = 2,
};

/* Who ended a connection. */
enum chatroom_party {
    CHATROOM_BY_CLIENT,  /* a Close frame of the client: code 1005 if it had none */
    CHATROOM_BY_SERVER,  /* a Close frame of ours */
    CHATROOM_BY_NETWORK, /* no Close frame: code 1006 */
};

/* ---- frames ----------------------------------------------------------------------------------------------------- */

/*
 * A message to clients, encoded once and shared by every queue that took it: wire is what goes on a WebSocket connection, one
 * unmasked frame or, with a frame limit, several fragments (RFC 6455, 5.2 and 5.4). Immutable but for the count.
 */
typedef struct chatroom_frame chatroom_frame;

/*
 * A frame with a copy of message and one reference. frame_bytes > 0 cuts it into fragments with at most that much payload.
 * alloc is copied and must work for as long as the frame lives; NULL: malloc() and free(). NULL: out of memory. The core makes
 * the frames; a transport needs this for its own tests. Any thread.
 */
CHATROOM_API chatroom_frame *chatroom_frame_new(const struct chatroom_alloc *alloc, enum chatroom_message_kind kind,
                                                chatroom_span message, size_t frame_bytes);
CHATROOM_API chatroom_frame *chatroom_frame_ref(chatroom_frame *frame);
/* The last one frees it. NULL is fine. */
CHATROOM_API void chatroom_frame_unref(chatroom_frame *frame);
/* Borrowed from the frame. */
CHATROOM_API chatroom_span chatroom_frame_wire(const chatroom_frame *frame);
CHATROOM_API enum chatroom_message_kind chatroom_frame_kind(const chatroom_frame *frame);
/* Bytes of the message itself, and a copy of them into memory of that size: for transports that are not WebSockets. */
CHATROOM_API size_t chatroom_frame_payload_size(const chatroom_frame *frame);
CHATROOM_API void chatroom_frame_payload(const chatroom_frame *frame, void *ret_bytes);

/* ---- opening ---------------------------------------------------------------------------------------------------- */

struct chatroom_header {
    chatroom_span name; /* as the client spelled it */
    chatroom_span value;
};

/* The head of a request; all borrowed. A transport without HTTP fills in target and peer address alone. */
struct chatroom_request_head {
    chatroom_span target; /* path and query as sent, origin form: "/development?x=1" */
    const struct chatroom_header *headers;
    size_t header_count;
    chatroom_span source_ip; /* text: "192.0.2.1", "2001:db8::1", "" for a local socket */
};

/* The core's answer to an opening. */
struct chatroom_answer {
    uint16_t status;           /* 101: the connection is open; else an HTTP status, and the connection is over */
    chatroom_span subprotocol; /* 101: for Sec-WebSocket-Protocol if it is a token (RFC 9110, 5.6.2), or empty */
    chatroom_span error_type;  /* else: for x-amzn-ErrorType, or empty */
    chatroom_span body;        /* else: JSON */
};

/* ---- plain HTTP ------------------------------------------------------------------------------------------------- */

/* A whole request that opens no connection; all borrowed. */
struct chatroom_http_request {
    chatroom_span method; /* a token, as sent: "POST" */
    struct chatroom_request_head head;
    chatroom_span body;
    bool cut; /* the body was longer than the core wanted: it is not here */
};

/*
 * The core's answer, borrowed until the transport's next call up. The transport adds what belongs to the message and to the
 * connection: Content-Length, Date, Connection and the like. It leaves out a header of the core's that names one of these,
 * whose name is no token, or whose value holds CR, LF or NUL; a status that is not from 200 to 599 is 500.
 */
struct chatroom_http_answer {
    uint16_t status;
    const struct chatroom_header *headers;
    size_t header_count;
    chatroom_span body; /* not sent in answer to HEAD, nor with 204 and 304 */
};

/* ---- the table -------------------------------------------------------------------------------------------------- */

typedef struct chatroom_transport_port chatroom_transport_port;
typedef struct chatroom_connection chatroom_connection;

/* Two words of the core's memory in which a transport finds a member of a group again. */
struct chatroom_seat {
    void *where;
    size_t place;
};

struct chatroom_transport_ops {
    size_t size;      /* set by CHATROOM_TRANSPORT_OPS */
    const char *name; /* static, for logs: "ws_epoll" */

    /*
     * Must. Once, first. Starts to listen. Errors: EADDRINUSE; EADDRNOTAVAIL there is no such address here; EADDRDENIED;
     * EINVAL; ENOMEM; ESYSTEM; fills error.
     */
    int (*open)(void *self, chatroom_transport_port *port, struct chatroom_error *error);

    /*
     * Must. Answers an opening, once, at any time after chatroom_transport_opening(). With a status other than 101 the
     * connection is over for the core as well: no chatroom_transport_closed() follows. Not ENOMEM: a transport that cannot
     * send an answer drops the connection, and reports it with chatroom_transport_closed() if the status was 101.
     */
    void (*accept)(void *self, void *peer, const struct chatroom_answer *answer);

    /*
     * Must. Queues a reference (shared). Errors: EAGAIN the peer's queue is at its limit and nothing was taken; EGONE it is
     * closing; ENOMEM. After EAGAIN or ENOMEM the transport drops the peer, for it would miss a message without knowing:
     * chatroom_transport_closed() follows, from a later step(). When a queue is at its limit is the transport's to say.
     */
    int (*send)(void *self, void *peer, chatroom_frame *frame);

    /*
     * Must. What is queued goes first, then an orderly close with that code and reason (borrowed, at most 123 bytes of
     * UTF-8). chatroom_transport_closed() follows, from a later step(). A second close has no effect.
     */
    void (*close)(void *self, void *peer, uint16_t code, chatroom_span reason);

    /*
     * May; all five or none: the core walks the members otherwise. A group is a set of peers that get the same frames. seat
     * belongs to the pair of group and peer from group_add() to group_remove(), and may only be moved to by the transport's
     * own word. group_send() applies to each member what send() would; its failures are the transport's to handle and count.
     */
    int (*group_new)(void *self, void **ret_group);
    int (*group_add)(void *self, void *group, void *peer, struct chatroom_seat *seat);
    void (*group_remove)(void *self, void *group, void *peer, struct chatroom_seat *seat);
    void (*group_send)(void *self, void *group, chatroom_frame *frame);
    void (*group_free)(void *self, void *group); /* it has no members */

    /* May. Readable when step() has work; -1 or absent: the host calls step() by time alone. */
    int (*fd)(void *self);

    /* May. When step() wants to be called at the latest, in mono_ns; CHATROOM_NEVER. */
    uint64_t (*deadline)(void *self);

    /* Must. Collects what has happened and calls up; does not wait. */
    void (*step)(void *self, struct chatroom_now now);

    /*
     * May. True when the last step() left others' input unread, because it looks at so many a time: the core works off what
     * came and calls step() again, a few times, before the tick is over.
     */
    bool (*more)(void *self);

    /* May. The tick is over: write what is due. */
    void (*flush)(void *self);

    /*
     * May. How many peers flush() would write to. While entries are on their way to the store the core puts flush() off
     * for as long as it would take at most, for what they bring may leave together with what is due; without this it
     * never does.
     */
    size_t (*due)(void *self);

    /* May. Any thread: make fd() readable. Must if a store or the host completes from other threads. */
    void (*wake)(void *self);

    /* Must. No new connections from now on; existing ones live. */
    void (*stop)(void *self);

    /* May. True while something that was queued for a peer has not been written. */
    bool (*busy)(void *self);

    /*
     * Must. Ends every connection without a word to the peer, reports each that the core knows with chatroom_transport_closed(),
     * and releases self. The last call; also after a failed open(), or without one.
     * The core has taken every peer out of its groups and freed them.
     */
    void (*close_all)(void *self);

    /*
     * May. As send(), for one who can be told no: after EAGAIN or ENOMEM nothing was taken, and the peer lives. Its limit is
     * below that of send(), so that what is offered alone never costs a peer its connection; an empty queue takes whatever
     * send() would. Absent: send() is used.
     */
    int (*offer)(void *self, void *peer, chatroom_frame *frame);

    /*
     * May. When the last whole message came from the peer or was queued for it, alone or as a member of a group, in mono_ns;
     * when it was accepted, if there was none. Pings and the like are no messages. A transport with threads may know it a
     * little late. Absent: nobody knows.
     */
    uint64_t (*active_at)(void *self, void *peer);

    /*
     * May. After open(): makes fd() readable also while that descriptor is. The core drives what is behind it by itself; it
     * stays the core's, and is watched until it is closed or close_all(). Errors: ENOMEM, ESYSTEM. Absent, or without fd():
     * the host calls step() by time alone.
     */
    int (*watch)(void *self, int fd);

    /* 0.1 ends here. */
};

#define CHATROOM_TRANSPORT_OPS .size = sizeof(struct chatroom_transport_ops)

/* Given to the instance by chatroom_new(), which copies the table. */
struct chatroom_transport {
    const struct chatroom_transport_ops *ops;
    void *self;
};

/* ---- what a transport calls, from step() ------------------------------------------------------------------------- */

/*
 * A peer asks to come in. With CHATROOM_OK, accept() answers later and *ret_connection names it from now on.
 * Errors: ENOMEM, EAGAIN too many connections, ECLOSED; then the transport refuses with 503 and the core knows nothing of it.
 */
CHATROOM_API int chatroom_transport_opening(chatroom_transport_port *port, void *peer,
                                            const struct chatroom_request_head *head,
                                            chatroom_connection **ret_connection);

/* A whole message, borrowed; text is valid UTF-8. Only after accept() with 101. */
CHATROOM_API void chatroom_transport_message(chatroom_connection *connection, enum chatroom_message_kind kind,
                                             chatroom_span message);

/* The connection is over, also one that is still opening. Reason is borrowed. */
CHATROOM_API void chatroom_transport_closed(chatroom_connection *connection, uint16_t code, chatroom_span reason,
                                            enum chatroom_party by);

/*
 * Plain HTTP, for a transport that speaks it: a request that opens no connection gets its answer within a call, so that no
 * exchange lives longer than that and the core knows nobody to whom it is due.
 *
 * The first is asked when the head is there, before a body is read: does the core answer requests to that target, whatever
 * the method? *ret_body_bytes is how much of a body it wants at most; a transport may know less to be enough, and says cut.
 * Errors: ENOENT it does not; the transport answers as it likes. The second answers one of those, once its body is there.
 */
CHATROOM_API int chatroom_transport_http_wanted(chatroom_transport_port *port, const struct chatroom_request_head *head,
                                                size_t *ret_body_bytes);
CHATROOM_API void chatroom_transport_http(chatroom_transport_port *port, const struct chatroom_http_request *request,
                                          struct chatroom_http_answer *ret_answer);

/* Logs through the instance. The owner's thread. */
CHATROOM_API void chatroom_transport_log(chatroom_transport_port *port, enum chatroom_log_level level, const char *event,
                                         const struct chatroom_log_field *fields, size_t count);

/* The connection's public id, for logs: 16 characters, borrowed until it is closed. */
CHATROOM_API chatroom_span chatroom_transport_connection_id(const chatroom_connection *connection);

#ifdef __cplusplus
}
#endif

#endif
