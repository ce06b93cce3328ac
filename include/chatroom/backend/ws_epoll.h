/*
 * ws_epoll.h: WebSockets (RFC 6455) and a little HTTP/1.1 on epoll, in the owner's thread or spread over threads.
 */
#ifndef CHATROOM_BACKEND_WS_EPOLL_H
#define CHATROOM_BACKEND_WS_EPOLL_H

#include <chatroom/transport.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A file served over plain HTTP GET and HEAD. All borrowed until the transport is closed. */
struct chatroom_ws_file {
    const char *path;    /* exact: "/", "/app.js" */
    const char *headers; /* "Content-Type: text/html; charset=utf-8\r\n...", each line ended by CRLF */
    const void *bytes;
    size_t size;
};

struct chatroom_ws_epoll_options {
    size_t size;                   /* set by CHATROOM_WS_EPOLL_OPTIONS */
    const char *const *listen;     /* "127.0.0.1:8080", "[::1]:8080", "unix:/run/x.sock"; port 0: any free one. Copied */
    size_t listen_count;
    const struct chatroom_ws_file *files;
    size_t file_count;
    const char *health_path;       /* answers 200 {"status":"ok"}; NULL: none. Copied */
    const char *const *origins;    /* allowed beside the same origin: "https://chat.example"; "*" alone: any. Copied */
    size_t origin_count;
    size_t message_bytes;          /* a longer message: 1009 */
    size_t frame_bytes;            /* a longer frame: 1009; 0: as the message */
    size_t message_frames;         /* data frames in one message: 1009 beyond; 0: 64 + message_bytes / 64 */
    size_t head_bytes;             /* request head: 431 beyond */
    size_t target_bytes;           /* request target: 414 beyond */
    size_t queue_bytes;            /* output of one connection: beyond it the connection is reset; below 1 GiB */
    size_t queue_soft_bytes;       /* ... or when it stays above this for queue_soft_ms */
    unsigned queue_soft_ms;
    unsigned handshake_ms;         /* from accept(), or the first octet of a later request, to the end of a request */
    unsigned message_ms;           /* from the first frame of a message to its last */
    unsigned ping_ms;              /* a ping after so long without a sign of life; 0: none */
    unsigned pong_ms;              /* dead when nothing answers it for so long */
    unsigned idle_ms;              /* 1001 after so long without a message in either direction; 0: never */
    unsigned life_ms;              /* 1001 at this age; 0: never */
    unsigned close_ms;             /* how long to wait for the peer's Close */
    unsigned opening_most;         /* connections that are no open WebSocket; beyond: whichever waits longest for its next
                                      request goes, and if none does the newest is refused */
    unsigned address_connections;  /* per IPv4 address or IPv6 /64, not counting loopback; 0: no limit */
    unsigned connects_per_second;  /* all together, else 429; 0: no limit */
    unsigned connects_burst;
    const char *upgrade_path;      /* a plain GET there: 426, since it wants an upgrade; NULL: 404. Copied */
    unsigned write_ms;             /* a connection that took nothing of its output for so long is reset */
    size_t output_bytes;           /* output of all connections: beyond it the one with the most is reset */
    unsigned address_connects_per_second; /* of one address as above, else 429; 0: no limit */
    unsigned address_connects_burst;
    unsigned threads;              /* that do the I/O, at most 64; 0: the owner's thread does */
    const char *const *http_listen; /* as listen: where only plain requests that the core answers are served, and upgrades,
                                       files and health are 404. Copied */
    size_t http_listen_count;
    bool http_apart;               /* the core's are served only there */
    unsigned keep_alive_ms;        /* how long a connection may wait for its next request */
    size_t body_bytes;             /* of bodies that are held at once, of all connections (a thread has its share): beyond
                                      it 503; one that is longer by itself is cut for the core */
    size_t input_bytes;            /* unfinished messages of all connections (a thread has its share): beyond it the one
                                      with the longest is closed with 1013 */
};

#define CHATROOM_WS_EPOLL_OPTIONS                                                                                      \
    {                                                                                                                  \
        .size = sizeof(struct chatroom_ws_epoll_options), .health_path = "/health", .message_bytes = 131072,           \
        .head_bytes = 8192, .target_bytes = 4096, .queue_bytes = 1048576, .queue_soft_bytes = 262144,                  \
        .queue_soft_ms = 10000, .handshake_ms = 10000, .message_ms = 10000, .ping_ms = 25000, .pong_ms = 10000,        \
        .close_ms = 1000, .opening_most = 1000, .address_connections = 64, .connects_per_second = 500,                 \
        .connects_burst = 1000, .write_ms = 10000, .output_bytes = 268435456, .address_connects_per_second = 10,       \
        .address_connects_burst = 50, .keep_alive_ms = 60000, .body_bytes = 16777216, .input_bytes = 67108864          \
    }

/* Sets what differs in the cloud service: 32 KiB frames, 10 minutes idle, 2 hours of life, no pings of its own. */
CHATROOM_API void chatroom_ws_epoll_aws(struct chatroom_ws_epoll_options *options);

/* Makes one, for chatroom_config.transport. Copies options. Errors: EINVAL with a sentence, ENOMEM. Listens in open(). */
CHATROOM_API int chatroom_ws_epoll(const struct chatroom_ws_epoll_options *options,
                                   struct chatroom_transport *ret_transport, struct chatroom_error *error);

/*
 * The address of the n-th listener as text with the port that it got, once it is open ("127.0.0.1:41234", "unix:/run/x.sock").
 * Those of http_listen come after those of listen. Writes a C string of at most size bytes. Errors: ENOENT, ETOOBIG.
 */
CHATROOM_API int chatroom_ws_epoll_address(const struct chatroom_transport *transport, size_t n, char *ret_text, size_t size);

#ifdef __cplusplus
}
#endif

#endif
