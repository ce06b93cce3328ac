/*
 * connection.h: one connection, from accept() to the end, and the loop that it shares with others.
 *
 *     HEAD -> OPENING -> OPEN -> CLOSING -> LINGER -> DEAD
 *     HEAD -> ASKED -> BODY -> ASKED -> HEAD ...
 *
 * The second line is a plain request that the core answers: is it wanted, then what is the answer. Between two of them
 * a connection waits in HEAD, holding a record without octets. The next is looked at when the answer has been written.
 *
 * Any of them may go to LINGER: the last of our output is written, our side is shut down, and what the peer still sends
 * is thrown away for a while, because a close() with unread input would reset the connection and lose our last words.
 * Any may go to DEAD at once. The core knows a connection from OPENING on, until it is told that it is over, at the
 * latest in DEAD.
 *
 * Nothing is told to the core from inside an op: what goes wrong there is noted with ws_connection_lose() and told by
 * the next step. A record is freed when no list names it any more.
 *
 * A loop belongs to one thread and knows no other. Without threads there is one, the owner's, which calls the core;
 * with threads there are several, and what they tell goes through mailboxes (worker.h). They do not know which: whoever
 * made the loop gave it a table of where to tell things, struct ws_up.
 *
 *     connection.c  life and death, deadlines       input.c  octets that come, frames that came
 *     http.c        the request head, its answer    output.c what is queued, and when it is written
 *     request.c     plain requests of the core's
 */
#ifndef WS_CONNECTION_H
#define WS_CONNECTION_H

#include "answer.h"
#include "assembler.h"
#include "handshake.h"
#include "idle.h"
#include "options.h"
#include "queue.h"
#include "source.h"
#include "timer.h"

#include <netinet/in.h>
#include <sys/epoll.h>

#define WS_TURN_BYTES  16384 /* a connection takes at most so much in one step, or so many frames (T09) */
#define WS_TURN_FRAMES 64
#define WS_IOV_MOST    1024 /* IOV_MAX of Linux */
#define WS_EVENTS_MOST 128  /* in one step: what they need stays in the cache */
#define WS_PUT_OFF_MS  500  /* so long, what is due waits for input */

struct ws_loop;

enum ws_state {
    WS_HEAD,    /* the request head is not complete */
    WS_OPENING, /* the core thinks about it */
    WS_ASKED,   /* the same of a plain request */
    WS_BODY,    /* the body of one is not complete */
    WS_OPEN,
    WS_CLOSING, /* the core closed it: our Close is queued, the peer's has not come */
    WS_LINGER,
    WS_DEAD,
};

/* Why a connection is lost; WS_KEPT: it is not. */
enum ws_loss { WS_KEPT, WS_LOST_NETWORK, WS_LOST_MEMORY, WS_LOST_SLOW };

/* Intrusive lists, each with a link of its own in the connection. */
enum ws_list_name {
    WS_DUE,   /* has something for flush() to do */
    WS_READY, /* has input that was received and has not been looked at */
    WS_LOST,  /* to be ended by the next step */
    WS_GRAVE, /* dead: freed when no other list names it */
    WS_LISTS,
};

/* Input that waits: a request until it is answered, or frames for which a step had no time. */
struct ws_held {
    size_t size;
    size_t capacity;
    size_t taken;  /* octets of the front that are done with; of a head: scanned */
    size_t body;   /* octets that belong to the request behind its head */
    size_t charge; /* counted in the loop's body_bytes */
    bool cut;      /* there is more of the body, which is not read */
    bool last;     /* the client wants no other answer on this connection */
    bool head_only;
    struct ws_idle idle;          /* when size is 0 */
    struct ws_connection *holder; /* then */
    char accept[WS_ACCEPT_SIZE];
    uint8_t bytes[];
};

/* How the core wanted a connection to end, to be told when it has. */
struct ws_farewell {
    size_t size;
    char reason[];
};

struct ws_connection {
    struct ws_source source; /* first */
    uint8_t state;
    uint8_t lost;
    uint8_t interest; /* what epoll watches */
    bool listed[WS_LISTS];
    bool opening; /* counted as such at the door; without threads */
    bool refused; /* the same */
    bool named;   /* by another thread: it is not freed until ws_connection_forget() */
    bool told;    /* the core was given a message, and its answer may be on its way */
    bool input_ended;
    bool output_ended;
    bool pinged;   /* and it has not been heard of since */
    bool writing;  /* something of its output could not be written: counted as such */
    bool writable; /* ... and now epoll says that it can */
    bool apart;    /* it came where only plain requests of the core's are served */
    uint16_t close_code;
    int fd;
    uint32_t drained; /* octets thrown away */
    bool last;        /* its next answer to a plain request is the last: its place is wanted */
    struct ws_queue out;
    struct ws_connection *next[WS_LISTS];
    uint64_t messaged_at; /* a message went or came */
    uint64_t full_at;     /* its output passed the soft limit; 0: it is below */
    uint64_t wrote_at;    /* writing: the last of it was written, or could not be */
    /* Up to here is what sending looks at, so that it lies together. */
    void *core; /* how the core is told of it; NULL: the core does not know it, or not any more */
    void *pass; /* of whoever let it in: an address, or a remote */
    struct ws_assembler in;
    struct ws_held *held;
    struct ws_event *postponed; /* to the next step: it comes before what is held */
    struct ws_timer timer;
    struct ws_farewell *farewell;
    uint64_t since;      /* it was accepted, is open, closes, or the last output was written */
    uint64_t heard_at;   /* anything came */
    uint64_t partial_at; /* a message or frame began and has not ended; 0: none */
    uint64_t pings_full; /* when its bucket of pings is full again */
};

/* Where a loop tells what happens. All are called from a step, with the core's name where it knows the connection. */
struct ws_up {
    /* As chatroom_transport_opening(); ret_core may be left alone when ws_http_accept() has said no meanwhile. */
    int (*opening)(struct ws_loop *loop, struct ws_connection *c, const struct chatroom_request_head *head,
                   void **ret_core);
    /* Out of memory for it: the connection is lost. */
    void (*message)(struct ws_loop *loop, struct ws_connection *c, enum chatroom_message_kind kind,
                    chatroom_span message);
    void (*closed)(struct ws_loop *loop, void *core, uint16_t code, chatroom_span reason, enum chatroom_party by);
    /* Its descriptor is closed: what is counted for c->pass, opening and refused is not there any more. */
    void (*left)(struct ws_loop *loop, struct ws_connection *c);
    /* About c, which is named in it. */
    void (*log)(struct ws_loop *loop, enum chatroom_log_level level, const char *event, const struct ws_connection *c,
                const struct chatroom_log_field *fields, size_t count);
    /*
     * NULL: the core's answers to messages are here when the step is over. Else c->told says that they may be on their
     * way, and ws_input_go_on() follows when they are here.
     */
    void (*fence)(struct ws_loop *loop, struct ws_connection *c);
    /* As chatroom_transport_http_wanted(); ws_request_wanted() has the answer. As with message(). */
    void (*wanted)(struct ws_loop *loop, struct ws_connection *c, const struct chatroom_request_head *head);
    /* As chatroom_transport_http(), and ws_request_answer(). */
    void (*request)(struct ws_loop *loop, struct ws_connection *c, const struct chatroom_http_request *request);
    /* A flush has done with it: its queue, or when a message last went, may be another. NULL: no need. */
    void (*settled)(struct ws_loop *loop, const struct ws_connection *c);
};

struct ws_loop {
    const struct ws_up *up;
    const struct chatroom_ws_epoll_options *options;
    struct ws_limits limits;
    struct ws_origins origins;
    size_t output_bytes;     /* of all of its connections: beyond it the one with the most is reset */
    size_t input_bytes;      /* of unfinished messages of all of its connections: beyond it the longest goes */
    size_t body_bytes;       /* of bodies that its connections hold: beyond it they are refused */
    size_t held_bytes;       /* so much of that is there */
    struct ws_idles idles;   /* what those hold who wait for their next request */
    struct chatroom_now now; /* of the last step */
    int epoll;
    int wake_fd;
    struct ws_source wake;
    bool full;               /* what was told has not been heard, and it is much: no input is taken */
    struct ws_timers timers; /* one of each connection: it is also the list of all */
    uint64_t put_off_at;     /* since when what is due waits for input that had come before; 0: it does not */
    struct ws_connection *lists[WS_LISTS];
    struct ws_readers readers;
    struct ws_pool pool;
    struct ws_group *taped; /* groups with a tape: only from a send to the next flush */
    size_t due_count;
    size_t writing_count;
    uint64_t slow_consumers; /* all in all */
    uint64_t origins_refused, origin_logged_at;
    size_t event_count; /* of the last wait */
    struct iovec pieces[WS_IOV_MOST];
    struct epoll_event events[WS_EVENTS_MOST];
    uint8_t input[WS_TURN_BYTES];
};

static inline struct ws_connection *ws_connection_of(struct ws_timer *timer)
{
    return (struct ws_connection *)((char *)timer - offsetof(struct ws_connection, timer));
}

static inline uint64_t ws_after(uint64_t from, uint64_t ms)
{
    return from + ms * 1000000;
}

/* ---- connection.c ------------------------------------------------------------------------------------------------ */

/* Takes fd over. NULL: out of memory, it is closed, and nothing is told. */
struct ws_connection *ws_connection_new(struct ws_loop *loop, int fd, void *pass);

void ws_list_add(struct ws_loop *loop, struct ws_connection *c, enum ws_list_name list);
/* Takes the whole list; ws_list_pop() then takes one after the other off it. NULL at the end. */
struct ws_connection *ws_list_take(struct ws_loop *loop, enum ws_list_name list);
struct ws_connection *ws_list_pop(struct ws_connection **list, enum ws_list_name name);

/* From an op or a step: the next step ends it. */
void ws_connection_lose(struct ws_loop *loop, struct ws_connection *c, enum ws_loss loss);

/* Tells the core that it is over. From a step. No effect if it does not know it. */
void ws_connection_report(struct ws_loop *loop, struct ws_connection *c, uint16_t code, chatroom_span reason,
                          enum chatroom_party by);
/* The same when the core had closed it. */
void ws_connection_report_farewell(struct ws_loop *loop, struct ws_connection *c);

/* Only our output is left to do; see above. */
void ws_connection_linger(struct ws_loop *loop, struct ws_connection *c);

/* Fails it (RFC 6455, 7.1.7): a Close with that code, told to the core, nothing more is read. From a step. */
void ws_connection_fail(struct ws_loop *loop, struct ws_connection *c, uint16_t code, chatroom_span reason);

/* Ends it now; tells the core 1006 if it still knows it. From a step, or when the core does not know it. */
void ws_connection_end(struct ws_loop *loop, struct ws_connection *c, bool reset);

/* Makes sure that the connection is looked at when its next deadline passes. */
void ws_connection_schedule(struct ws_loop *loop, struct ws_connection *c);
/* Its timer has rung: does what is due. */
void ws_connection_expire(struct ws_loop *loop, struct ws_connection *c);

/* Lets go of what it holds. */
void ws_held_free(struct ws_loop *loop, struct ws_connection *c);

/* No other thread names it any more, nor does the caller. */
void ws_connection_forget(struct ws_loop *loop, struct ws_connection *c);

void ws_connections_end_lost(struct ws_loop *loop);
void ws_connections_bury(struct ws_loop *loop);

/* ---- http.c ------------------------------------------------------------------------------------------------------ */

/* The next octets of a request head. */
void ws_http_input(struct ws_loop *loop, struct ws_connection *c, const uint8_t *bytes, size_t size);
/* Looks at what it holds of the next one. */
void ws_http_go_on(struct ws_loop *loop, struct ws_connection *c);
/* Holds them as well. Errors: ENOMEM; ELIMIT they are of a body, and all bodies together would be too long. */
int ws_http_keep(struct ws_loop *loop, struct ws_connection *c, const uint8_t *bytes, size_t size);
/* The head that it holds, which has been parsed before. */
void ws_http_head(const struct ws_loop *loop, const struct ws_connection *c, struct ws_head *ret_head);
/* What of it the core is told; ret_source_ip is where the address stands. */
struct chatroom_request_head ws_http_told(const struct ws_connection *c, const struct ws_head *head,
                                          char ret_source_ip[INET6_ADDRSTRLEN]);
/* Nobody has an answer to the request that it holds. */
void ws_http_unwanted(struct ws_loop *loop, struct ws_connection *c);
/*
 * Queues an answer. Its body is copied, or it is lasting: a file's. head_only: without it. False: out of memory, and
 * the connection is lost.
 */
bool ws_http_put(struct ws_loop *loop, struct ws_connection *c, const struct ws_answer *answer, bool lasting,
                 bool head_only);
/* The core has decided. */
void ws_http_accept(struct ws_loop *loop, struct ws_connection *c, const struct chatroom_answer *answer);
/* The core takes no more. */
void ws_http_busy(struct ws_loop *loop, struct ws_connection *c);
/* An answer of our own, and the end. */
void ws_http_refuse(struct ws_loop *loop, struct ws_connection *c, struct ws_refusal refusal, bool head_only);

/* ---- request.c --------------------------------------------------------------------------------------------------- */

/* It holds the head of a request that may be the core's. */
void ws_request_begin(struct ws_loop *loop, struct ws_connection *c, const struct ws_head *head);
/* The core wants it, with so much of a body at most; or rc is not OK. */
void ws_request_wanted(struct ws_loop *loop, struct ws_connection *c, int rc, size_t body_most);
/* The next octets of its body. */
void ws_request_input(struct ws_loop *loop, struct ws_connection *c, const uint8_t *bytes, size_t size);
/* The core's answer. */
void ws_request_answer(struct ws_loop *loop, struct ws_connection *c, const struct chatroom_http_answer *answer);
/* The answer has been written: it waits for the next request, or has it already. */
void ws_request_written(struct ws_loop *loop, struct ws_connection *c);

/* Whoever has waited longest for its next request, without an octet of it. NULL: nobody does. */
struct ws_connection *ws_request_idlest(const struct ws_loop *loop);
/* Does it? */
static inline bool ws_idle(const struct ws_connection *c)
{
    return c->state == WS_HEAD && c->held && c->held->size == 0;
}

/* ---- input.c ----------------------------------------------------------------------------------------------------- */

/* epoll says that there is something. */
void ws_input_event(struct ws_loop *loop, struct ws_connection *c, uint32_t events);
/* Goes on with what is postponed, then with what is held. */
void ws_input_held(struct ws_loop *loop, struct ws_connection *c);
/* The answers to what the core was told are here: see struct ws_up. */
void ws_input_go_on(struct ws_loop *loop, struct ws_connection *c);

/* ---- output.c ---------------------------------------------------------------------------------------------------- */

/* As the ops of those names. */
int ws_output_send(struct ws_loop *loop, struct ws_connection *c, chatroom_frame *frame);
int ws_output_offer(struct ws_loop *loop, struct ws_connection *c, chatroom_frame *frame);
void ws_output_close(struct ws_loop *loop, struct ws_connection *c, uint16_t code, chatroom_span reason);

/* Puts the frame on the group's tape. Whoever cannot take it is lost: a member must not miss a frame and stay. */
void ws_output_send_group(struct ws_loop *loop, struct ws_group *group, chatroom_frame *frame);
void ws_output_leave_group(struct ws_loop *loop, struct ws_connection *c, struct chatroom_seat *seat);
void ws_output_free_group(struct ws_group *group);

/* There is input that is not wanted now: epoll says no more of it until ws_output_flush() finds that it is. */
void ws_output_ignore_input(struct ws_loop *loop, struct ws_connection *c);

/* Something was queued, or what epoll should watch has changed: the flush looks after it. */
void ws_output_due(struct ws_loop *loop, struct ws_connection *c);
/* The end of a tick: writes what is due, and does what follows from it. */
void ws_output_flush(struct ws_loop *loop);

/* Does its output wait for the peer to read? Then control frames may overtake data. */
static inline bool ws_blocked(const struct ws_connection *c)
{
    return c->interest & EPOLLOUT;
}

/* Is its input wanted now? */
bool ws_reads(const struct ws_loop *loop, const struct ws_connection *c);

#endif
