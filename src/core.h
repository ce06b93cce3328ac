/*
 * core.h: the things of an instance and how they hang together. Private to src.
 *
 * Who owns whom: the instance owns rooms, connections and routes; a connection owns its memberships and its
 * activity, which owns requests and what is held back; a request owns its effects and its memory. A room knows its
 * memberships, which name room and connection.
 */
#ifndef CR_CORE_H
#define CR_CORE_H

#include "bucket.h"
#include "claims.h"
#include "idset.h"
#include "inbox.h"
#include "map.h"
#include "roster.h"
#include "spares.h"
#include "ticket.h"

#include <chatroom/instance.h>
#include <chatroom/management.h>
#include <chatroom/names.h>

#define CR_CONTAINER(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* A session in a room. */
struct cr_membership {
    struct cr_member member;
    struct cr_membership *next; /* of the connection, in order of joining */
    struct cr_room *room;
    chatroom_connection *connection;
};

struct cr_room {
    struct cr_map_node node;
    int64_t created_ms;
    int64_t newest_ms; /* time of the newest entry: never falls */
    uint64_t epoch, newest;
    bool live;                /* the store has it, and said so */
    struct cr_recent *recent; /* its newest entries; NULL: none are kept */
    struct cr_roster roster;  /* announced members */
    unsigned changes;         /* so many are on their way, and keep it in memory */
    /* What will be once everything on its way to the store has arrived: cr_room_expect() before looking. */
    bool expected;
    size_t expected_members;
    bool unforeseen;                            /* something came differently */
    struct cr_effect *first_noted, *last_noted; /* what will change it, in that order */
    size_t noted_deletes;
    char *name; /* names.h */
    size_t name_size;
};

enum cr_effect_kind {
    CR_SEND, /* frame to the connection text names, the request's own when text is empty */
    CR_BROADCAST,
    CR_TELL,
    CR_CLOSE,
    CR_NAME,
    CR_CREATE,
    CR_JOIN,
    CR_LEAVE,
    CR_DELETE,
    CR_PUBLISH,
};

#define CR_NO_WRITE SIZE_MAX

struct cr_effect {
    struct cr_effect *next;
    enum cr_effect_kind kind;
    struct cr_room *room;
    chatroom_frame *frame;
    struct cr_membership *membership; /* JOIN: made beforehand, so that joining cannot fail */
    char *name;                       /* NAME: made and claimed beforehand, so that naming cannot fail */
    chatroom_span text;               /* SEND: whom; CLOSE: reason; NAME: name; PUBLISH: the encoded entry */
    chatroom_span once;               /* PUBLISH; CLOSE: whom, the request's own when it is empty */
    uint16_t code;                    /* CLOSE */
    size_t write;                     /* its place in the request's writes */
    bool if_empty;                    /* DELETE: everybody else had left, or was about to */
    bool doubtful;                    /* it may turn out otherwise: nobody counts on it */
    bool noted;                       /* in the room's list: */
    struct cr_effect *next_noted, *previous_noted;
    chatroom_request *request; /* of a room: whose it is */
};

enum cr_request_state {
    CR_RUNNING,  /* its handler has been called */
    CR_DEFERRED, /* ... and put the answer off */
    CR_REFUSED,  /* by a store that had too much to do: asked again later ($disconnect alone) */
    CR_WAITING,  /* to be stored: for what was asked before it, or behind one that waits so */
    CR_STORING,
    CR_READY,    /* nothing to wait for but earlier requests of its connection */
    CR_SETTLING, /* in the instance's line: its effects are carried out next */
    CR_READING,  /* ... were carried out, and a page of history is on its way */
};

struct cr_chunk {
    struct cr_chunk *next;
    size_t size;
    _Alignas(16) char bytes[];
};

/* Facts that a connection had before, which a handler may still read. */
struct cr_lent {
    struct cr_lent *next;
    struct cr_facts *facts;
};

#define CR_MEMBERS 24  /* of a message, found in one scan; the rest are looked up */
#define CR_ARENA   512 /* enough for an ordinary request */

/* What chatroom_request_history() asked for. */
struct cr_history {
    struct cr_room *room; /* NULL: nothing */
    struct chatroom_history_query query;
    chatroom_history_fn *then;
    void *then_arg;
    struct cr_page page;
    uint64_t epoch, newest; /* of the room when the page was asked for: it holds nothing beyond */
    uint64_t seen;          /* seq of the last entry on the page */
    bool joined;            /* the same request took its session in, to wait for the page */
    bool counted;           /* among the instance's pages */
};

/* What the body of one request holds: of the one whose handler runs, which asks for field after field. */
struct cr_scan {
    const chatroom_request *of; /* NULL: of none */
    bool is_json, is_object;
    bool has_all; /* every name is in members, as it reads */
    size_t count;
    struct chatroom_json_member members[CR_MEMBERS];
};

struct chatroom_request {
    chatroom *c;
    chatroom_connection *connection; /* NULL: asked for by the host */
    chatroom_request *next;          /* of the connection */
    chatroom_request *next_settled;
    chatroom_request *next_deferred, *previous_deferred;
    enum cr_request_state state;
    bool barrier;   /* later ones of this connection wait */
    bool abandoned; /* timed out: the late result is discarded */
    bool body_kept; /* deferred: the body is in its memory */
    bool body_lost; /* ... or there was none for it: fails when it is resumed */
    bool wordless;  /* refused, and there was no memory to say so: its connection is closed instead */
    bool stored;    /* its writes are done: no more of them */
    struct chatroom_request_info info;
    char request_id[CR_ID_SIZE], message_id[CR_ID_SIZE];
    struct cr_route *route;                               /* whose handler was called; NULL: none was */
    void (*ended)(chatroom_request *request, int result); /* what follows its handler */
    uint64_t begun_ns, asked_ns;                          /* when it began, and its handler was called */
    uint32_t integration_ms, authorizer_ms;
    uint16_t authorizer_status;
    bool asked, authorized;   /* its integration was asked, and its authorizer: the figures above are there */
    const struct cr_key *key; /* that let it in; NULL: none was needed */
    size_t held_bytes;        /* counted by the instance */
    chatroom_span body;
    struct cr_chunk *chunks;
    char *free, *end; /* of the arena or the newest chunk */
    struct cr_effect *effects, **effects_end;
    bool changes_session; /* rooms or name */
    struct cr_lent *lent; /* let go of at its end */
    const char *refusal_code, *refusal_sentence;
    uint16_t status; /* CONNECT; what an integration answered */
    chatroom_span subprotocol, usage_key;
    chatroom_span detail; /* why it was refused, for the log */
    uint64_t deadline_ns;
    /* on the way to the store and back */
    struct cr_ticket ticket;
    struct cr_history history;
    /* coming back from another thread */
    struct cr_inbox_node resumed;
    chatroom_handler_fn *resume;
    void *resume_arg;
    /* asked for by the host */
    chatroom_outcome_fn *outcome;
    void *outcome_arg;
    /* not cleared beforehand */
    _Alignas(16) char arena[CR_ARENA];
};

/* A message that waits for an earlier one of its connection. */
struct cr_held {
    struct cr_held *next;
    enum chatroom_message_kind kind;
    size_t size;
    char bytes[];
};

/* activity.h */
struct cr_activity {
    chatroom_connection *connection;
    struct cr_activity *next, *previous; /* in the instance's line */
    uint64_t look_at_ns;
    chatroom_request *requests, *last_request; /* in order of arrival */
    chatroom_request *unsettled;               /* the first that has not been settled */
    size_t request_count;
    unsigned barriers;
    struct cr_held *held, *last_held;
    size_t held_count;
    struct cr_bucket messages, bytes, errors, *routes;
    uint64_t limited_since_ns, limited_last_ns; /* refused for its rate, without a second's pause */
};

/* How a connection ended. */
struct cr_end {
    char *reason;
    uint16_t reason_size, code;
    uint8_t cause; /* enum chatroom_cause */
};

#define CR_AGENT_MOST  512 /* bytes of the user agent that are kept */
#define CR_REASON_MOST 123 /* RFC 6455, 5.5: a Close frame holds no more */

/* facts.h */
struct cr_facts {
    struct cr_map_node node;
    chatroom *c;
    size_t count;
    uint16_t domain_size, path_size, authorizer_size;
    char bytes[]; /* domain, path, authorizer, each with a newline behind it, which none of the first two holds */
};

/* As small as can be: there may be a million of them, and most of them are at rest. */
struct chatroom_connection {
    struct cr_facts *facts; /* and through them the instance */
    void *peer;             /* NULL: it is gone */
    union {
        struct chatroom_seat seat; /* while it hears what is said to everyone */
        struct cr_end end;         /* once it is gone */
    };
    chatroom_connection *next_ready;
    struct cr_activity *activity; /* NULL: at rest */
    struct cr_membership *rooms;  /* in order of joining */
    int64_t connected_at_ms;
    char *name;
    uint16_t name_size, agent_size;
    uint8_t source_size;
    unsigned close_due : 3; /* to be closed once its requests are through, and why; 0: no */
    unsigned open : 1;      /* accepted; its session is stored */
    unsigned hears : 1;     /* among everyone */
    unsigned closing : 1;   /* we asked the transport to close it */
    unsigned gone : 1;      /* the peer is: $disconnect is due, or under way */
    unsigned unended : 1;   /* ... but the store was full: $disconnect is due again, after a while */
    unsigned told : 1;      /* ... which was logged */
    unsigned over : 1;      /* refused, or through with $disconnect: to be freed */
    unsigned listed : 1;    /* in the instance's ready list */
    char id[CR_ID_SIZE];
    char who[]; /* source address, then user agent */
};

struct cr_deferred {
    chatroom_request *first, *last;
};

struct cr_route {
    struct cr_map_node node;
    size_t index; /* among all */
    char *key;
    size_t key_size;
    chatroom_handler_fn *handler;
    void *arg;
    struct chatroom_route_options options;
    struct cr_bucket throttle;
    struct cr_deferred deferred; /* in the order of their deadlines: all wait equally long */
    struct chatroom_counters counters;
};

/* A custom domain. */
struct cr_domain {
    struct cr_domain *next;
    chatroom_span name, key;
};

/* What is driven beside the transport. */
struct cr_source {
    struct cr_source *next;
    struct chatroom_source_ops ops;
    void *self;
};

struct chatroom_store_port {
    chatroom *c;
};

struct chatroom_transport_port {
    chatroom *c;
};

struct chatroom {
    struct chatroom_alloc alloc;
    struct chatroom_config config;
    struct chatroom_store_ops store_ops;
    struct chatroom_transport_ops transport_ops;
    struct chatroom_store store;
    struct chatroom_transport transport;
    struct chatroom_store_port store_port;
    struct chatroom_transport_port transport_port;
    struct chatroom_api api;
    chatroom_span domain; /* of every event; empty: what the client asked for */
    bool any_path;
    struct cr_domain *domains;
    struct cr_source *sources;
    struct chatroom_now now;
    struct cr_id_source ids;
    struct cr_expression *selection;
    struct cr_route *selected;   /* the last that a message did: it is likely to be the next as well. NULL: none */
    const char *selection_field; /* the expression is no more than that member of the message; NULL: it is */
    struct cr_map routes;
    size_t route_count;
    struct cr_route *on_connect, *on_disconnect, *on_default; /* NULL: there is none */
    struct cr_route authorizer;                               /* without a handler: there is none */
    struct cr_bucket throttle;                                /* of the stage */
    struct cr_key *keys;                                      /* keys.h */
    struct cr_signer *signers;                                /* signers.h */
    struct cr_access *access;                                 /* access_log.h; NULL: there is no log */
    chatroom_access_fn *write_access;
    void *write_access_arg;
    struct cr_management *management; /* management.h; NULL: nothing is answered */
    bool key_required;
    enum chatroom_api_key_source key_source;
    struct chatroom_counters counters;
    struct cr_map facts;
    struct cr_map rooms;
    struct cr_id_set connections;
    struct chatroom_names_ops names_ops;
    struct chatroom_names names; /* without ops: no policy */
    struct cr_claims room_claims, session_claims;
    void *everyone; /* the transport's group; NULL: none yet, or it has no groups */
    struct cr_inbox inbox;
    chatroom_connection *ready, *last_ready;
    chatroom_connection *put_off; /* looked at again when resume_ns has come */
    uint64_t resume_ns;
    struct cr_activity *active, *last_active; /* in the order in which they are looked at */
    chatroom_request *settled, *last_settled;
    chatroom_request *waiting, *last_waiting; /* to be stored, in the order of everything */
    size_t waiting_count;
    chatroom_request *pageless, *last_pageless; /* wait until there are fewer pages */
    size_t pages;                               /* of history, being read or given */
    size_t deferred;                            /* requests that wait to be resumed in time */
    struct cr_deferred abandoned;
    size_t loose;          /* requests of the host under way */
    size_t storing;        /* requests whose writes are on their way */
    uint64_t due_since_ns; /* the transport's flush was put off then; 0: it was not */
    size_t open_count;
    size_t held_bytes;                            /* of messages that are not through */
    struct cr_recent *first_recent, *last_recent; /* of all rooms, the one touched last first */
    size_t recent_bytes;                          /* that they take */
    struct cr_scan scan;
    struct cr_spares spare_requests, spare_activities;
    char *scratch; /* for texts whose length is not known beforehand */
    size_t scratch_size;
    chatroom_entry_fn *write_entry;
    void *write_entry_arg;
    chatroom_refusal_fn *write_refusal;
    void *write_refusal_arg;
    bool started, running; /* chatroom_start() was called; and went well */
    bool submitted;        /* something went to the store since its last flush */
    bool stepping;         /* inside chatroom_step() */
    bool unfinished;       /* the last step left work for the next */
    bool stopping, dying;
    uint64_t hurry_by_ns, stop_by_ns; /* stopping: handlers have until the first, everything until the second */
    atomic_bool asked_to_stop;
};

static inline chatroom *cr_chatroom_of(const chatroom_connection *connection)
{
    return connection->facts->c;
}

static inline chatroom_span cr_room_name(const struct cr_room *room)
{
    return chatroom_bytes(room->name, room->name_size);
}

static inline chatroom_span cr_connection_id(const chatroom_connection *connection)
{
    return chatroom_bytes(connection->id, CR_ID_SIZE);
}

static inline chatroom_span cr_connection_source(const chatroom_connection *connection)
{
    return chatroom_bytes(connection->who, connection->source_size);
}

static inline chatroom_span cr_connection_agent(const chatroom_connection *connection)
{
    return chatroom_bytes(connection->who + connection->source_size, connection->agent_size);
}

static inline chatroom_span cr_connection_name(const chatroom_connection *connection)
{
    return chatroom_bytes(connection->name, connection->name_size);
}

static inline void cr_log(const chatroom *c, enum chatroom_log_level level, const char *event,
                          const struct chatroom_log_field *fields, size_t count)
{
    if (c->config.log)
        c->config.log(c->config.log_arg, level, event, fields, count);
}

#endif
