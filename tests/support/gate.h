/*
 * gate.h: a whole instance between a wire and the memory store, with handlers that do what a test writes down, and a
 * log that can be read. Its allocator counts, and can run out.
 */
#ifndef GATE_H
#define GATE_H

#include "heap.h"
#include "wire.h"

#include <chatroom/chatroom.h>
#include <chatroom/event.h>
#include <chatroom/management.h>

struct gate {
    chatroom *c;
    struct wire *wire;
    struct heap heap;
    struct chatroom_alloc alloc;
    struct chatroom_now now;
    struct chatroom_config config;
    char log[262144]; /* a line an event: "refused connection=... code=denied" */
    size_t log_size;
};

/* A configuration, to be changed before gate_new(): stage "dev", no limits of rate. */
void gate_prepare(struct gate *g);
void gate_new(struct gate *g);
void gate_start(struct gate *g);
void gate_step(struct gate *g);
void gate_pass(struct gate *g, unsigned ms);
/* Frees it, and asserts that nothing leaked. */
void gate_end(struct gate *g);
/* Whether a line was logged that begins with event and has that in it. */
bool gate_logged(const struct gate *g, const char *event, const char *part);
void gate_forget_log(struct gate *g);

/* A client that was let in. */
size_t gate_connected(struct gate *g);
/* One that came with a head of its own. */
size_t gate_connect_as(struct gate *g, const char *target, const struct chatroom_header *headers, size_t count);
void gate_says(struct gate *g, size_t client, const char *text);
/* The text, with "%C", "%R" and "%M" for its connection's, the last request's and the last message's id. */
struct act;
void gate_hears(struct gate *g, size_t client, const char *pattern, const struct act *act);
void gate_hears_nothing(struct gate *g, size_t client);

/* What a handler saw the last time, and what it is to do. */
struct act {
    int result;
    uint16_t status; /* 0: says none */
    bool defer;
    const char *subprotocol, *authorize, *usage_key, *reply, *join;
    const struct chatroom_proxy_result *finish;
    struct act *resumed;   /* what is done once it goes on; NULL: this, without deferring */
    unsigned calls, order; /* order: of all calls, when it was called last */
    chatroom_request *request;
    enum chatroom_event event;
    char connection_id[17], request_id[17], message_id[17], route_key[1025], authorizer[8193], domain[512], path[512];
    char body[2048], target[256], header[256], source_ip[64], reason[128];
    uint16_t code;
    enum chatroom_cause cause;
    int64_t connected_at_ms, time_ms;
    bool has_head, two_way;
    size_t rooms;
};
int gate_act(chatroom_request *request, void *act);
/* A deferred one goes on, in the next step. */
void gate_resume(struct act *act);
void gate_route(struct gate *g, const char *key, struct act *act);

#endif
