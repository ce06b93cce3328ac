/*
 * store_port.h: the other side of a store, for tests: takes completions and rows and lets the test wait for them.
 *
 * Linked into the test it stands in for the library's core: what an executable defines comes before a shared library's.
 */
#ifndef STORE_PORT_H
#define STORE_PORT_H

#include <chatroom/store.h>

struct port_found {
    char name[CHATROOM_KEY_MAX];
    size_t name_size;
    char *record;
    size_t record_size;
    uint64_t epoch, seq;
    char *newest; /* NULL: was not told */
    size_t newest_size;
};

struct chatroom_store_port {
    struct port_found *rooms, *sessions;
    size_t room_count, session_count;
    unsigned damaged, grown;      /* events seen */
    unsigned low, full, has_room; /* these too */
    int64_t free_bytes;           /* of the last of these */
    char reason[64];              /* of the last failure */
};

struct port_row {
    uint64_t seq;
    char *bytes;
    size_t size;
};

/* One ticket and what came of it. */
struct port_call {
    struct chatroom_ticket ticket; /* first */
    unsigned completions;
    int status;
    uint64_t order; /* among all completions of the process */
    struct port_row *rows;
    size_t row_count, page; /* page: how many rows it takes */
};

/* A read must have been prepared by port_read_init(), a write by port_write_init(); the writes are borrowed. */
void port_write_init(struct port_call *call, struct chatroom_write *writes, size_t count);
void port_read_init(struct port_call *call, enum chatroom_read_kind kind, const char *room, uint64_t seq, size_t limit);
/* Until it is completed; a minute without that ends the process. */
void port_wait(struct port_call *call);
void port_call_fini(struct port_call *call);
void port_fini(chatroom_store_port *port);

/* NULL, or told of each completion in the thread that completes, before anybody who waits for it goes on. */
extern void (*port_heard)(const struct port_call *call);

const struct port_found *port_room(const chatroom_store_port *port, const char *name);
const struct port_found *port_session(const chatroom_store_port *port, const char *id);

#endif
