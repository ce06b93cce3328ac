/*
 * store.h: for those who write a store. Users of the library need not open it.
 *
 * A store keeps rooms, each a record and a log of entries, and sessions, each a record. It is told to write, says later that
 * the write is safe, and only then does anybody see the effect. A simple store does the work inside submit() and completes
 * there; a threaded or remote one completes when it can.
 *
 * Threads: ops are called on the owner's thread. chatroom_write_done(), chatroom_read_row() and chatroom_read_done() may be
 * called from any thread, also from inside the op. chatroom_store_found_*() only from inside open().
 *
 * Bytes: everything reachable from a ticket is borrowed from submit() or read() until its completion.
 */
#ifndef CHATROOM_STORE_H
#define CHATROOM_STORE_H

#include <chatroom/base.h>

#ifdef __cplusplus
extern "C" {
#endif

enum chatroom_store_caps {
    CHATROOM_STORE_DURABLE = 1u << 0, /* what was completed survives a power cut */
};

enum chatroom_write_kind {
    CHATROOM_WRITE_SESSION, /* put the record value under key */
    CHATROOM_ERASE_SESSION, /* absent is fine */
    CHATROOM_CREATE_ROOM,   /* new record and empty log; EEXIST if the room exists */
    CHATROOM_WRITE_ROOM,    /* put the record; makes the room with an empty log if there is none */
    CHATROOM_ERASE_ROOM,    /* record and log; absent is fine */
    CHATROOM_APPEND,        /* one entry to the log of the room key; ENOENT without that room */
    CHATROOM_TRIM,          /* entries of the room key with a seq below .seq may go; the rest keep theirs */
};

/* What one write of a group is. The store sets the ret_ fields before it completes the ticket with CHATROOM_OK. */
struct chatroom_write {
    enum chatroom_write_kind kind;
    chatroom_span key;   /* the session's id or the room's name; at most CHATROOM_KEY_MAX bytes */
    chatroom_span value; /* the record or the entry */
    chatroom_span once;  /* APPEND: at most CHATROOM_KEY_MAX bytes, or empty. See below. */
    uint64_t seq;        /* TRIM */
    uint64_t ret_seq;    /* APPEND: the entry's place in its log, from 1 rising by one. CREATE_ROOM, WRITE_ROOM: the newest, 0 if none */
    uint64_t ret_epoch;  /* APPEND, CREATE_ROOM, WRITE_ROOM: changes whenever seqs of that room name may mean other entries than before */
    bool ret_again;      /* APPEND: once was known already; ret_seq is that of the first time and nothing was appended */
};

#define CHATROOM_KEY_MAX 400

/*
 * once: an APPEND to the same room with the same once as an earlier one is the earlier one again. A store remembers at least
 * the last CHATROOM_ONCE_WINDOW entries that it appended with one, across restarts if it is durable.
 */
#define CHATROOM_ONCE_WINDOW 16384

enum chatroom_read_kind {
    CHATROOM_READ_FROM,   /* seq and above, rising */
    CHATROOM_READ_BEFORE, /* below seq, falling; seq UINT64_MAX for the newest */
};

struct chatroom_read {
    enum chatroom_read_kind kind;
    chatroom_span room;
    uint64_t seq;
    size_t limit; /* at most so many rows */
    uint64_t ret_epoch; /* the store's answer: that of the rows, as chatroom_write.ret_epoch; 0 if there is no such room */
};

/*
 * One unit of work and its completion. The core allocates it; the store may use next, which is its own from submit() or
 * read() until it completes the ticket, to keep a queue without allocating. Completing cannot fail.
 */
struct chatroom_ticket {
    struct chatroom_ticket *next;
    struct chatroom_write *writes; /* submit() */
    size_t count;
    struct chatroom_read read; /* read() */
    void *core[8];             /* the core's */
};

/* The store's way up, handed to open(). */
typedef struct chatroom_store_port chatroom_store_port;

struct chatroom_store_ops {
    size_t size; /* set by CHATROOM_STORE_OPS */
    uint32_t caps;
    const char *name; /* static, for logs: "lmdb" */

    /*
     * Must. Called once, before anything else; may wait. Recovers what is there and reports every room with
     * chatroom_store_found_room(), then perhaps chatroom_store_found_newest(), and then every session that a dead process left
     * behind with chatroom_store_found_session().
     * Errors: EBUSY another process or instance has it; EFORMAT not ours or of another version; EACCES; ENOSPC; EIO; ENOMEM;
     * ECORRUPT. Fills error. After an error only close() follows.
     */
    int (*open)(void *self, chatroom_store_port *port, struct chatroom_error *error);

    /*
     * Must. Takes ticket->writes, which become true together or not at all, and never waits for anything slower than memory.
     * Tickets complete in the order in which they were submitted. Errors: EAGAIN the queue is full, ENOMEM, ECLOSED;
     * then nothing was taken and the ticket will not complete. What is wrong with the group itself is a completion: EEXIST,
     * ENOENT, EINVAL a key is too long; and so is what befell it: ENOSPC, ENOMEM, EIO, EUNSURE.
     */
    int (*submit)(void *self, struct chatroom_ticket *ticket);

    /* May. The tick is over: what was submitted since the last flush() makes a good transaction. Absent: each submit() stands alone. */
    void (*flush)(void *self);

    /*
     * Must. Answers ticket->read with chatroom_read_row() for each row and then one chatroom_read_done(). Sees everything
     * that was submitted before it and perhaps what came later, nothing half done. A room that does not exist has no rows.
     * Completes in its turn among the writes. Errors: as submit().
     */
    int (*read)(void *self, struct chatroom_ticket *ticket);

    /*
     * Must. Finishes what was submitted, completes every ticket (with ECLOSED if need be) and releases self. The last call it
     * sees; also after a failed open(), or without one. May wait.
     */
    void (*close)(void *self);

    /* 0.1 ends here. */
};

#define CHATROOM_STORE_OPS .size = sizeof(struct chatroom_store_ops)

/* A store: the table and what it works on. Given to the instance by chatroom_new(), which copies the table. */
struct chatroom_store {
    const struct chatroom_store_ops *ops;
    void *self;
};

/*
 * Completes a submitted ticket, exactly once, with CHATROOM_OK or the failure of the whole group. EUNSURE: it may be there
 * after a restart, and nothing is written until then: what came behind it would stand behind a gap, should it not be there.
 */
CHATROOM_API void chatroom_write_done(struct chatroom_ticket *ticket, int status);

/*
 * Copies one entry into the page of a read ticket, which takes memory for it from the instance's allocator. False: the page is
 * full, or there is no memory; this row was not taken, and the store completes the ticket with CHATROOM_OK.
 */
CHATROOM_API bool chatroom_read_row(struct chatroom_ticket *ticket, uint64_t seq, chatroom_span value);

/* Completes a read ticket, exactly once. ECORRUPT: a row failed its checksum; rows before it stand. */
CHATROOM_API void chatroom_read_done(struct chatroom_ticket *ticket, int status);

/*
 * From inside open(): a room with the newest seq of its log and its epoch; a session left behind. Spans are borrowed.
 * Errors: ENOMEM, EFORMAT a record is not one of ours; open() passes it on.
 */
CHATROOM_API int chatroom_store_found_room(chatroom_store_port *port, chatroom_span name, chatroom_span record,
                                           uint64_t epoch, uint64_t seq);
/*
 * May, from inside open() and after that room: the newest entry of its log, borrowed. Times in a log do not fall then,
 * wherever the clock was set while nobody ran; without this they may.
 */
CHATROOM_API void chatroom_store_found_newest(chatroom_store_port *port, chatroom_span name, chatroom_span value);
CHATROOM_API int chatroom_store_found_session(chatroom_store_port *port, chatroom_span id, chatroom_span record);

/* Logs through the instance. Any thread, from open() until close() returns. */
CHATROOM_API void chatroom_store_log(chatroom_store_port *port, enum chatroom_log_level level, const char *event,
                                     const struct chatroom_log_field *fields, size_t count);

#ifdef __cplusplus
}
#endif

#endif
