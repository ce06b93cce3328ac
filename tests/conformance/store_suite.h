/*
 * store_suite.h: what every store must do, as tests. For authors of stores: link it with store_port.c and your own
 * file.
 */
#ifndef STORE_SUITE_H
#define STORE_SUITE_H

#include "store_port.h"

/* How the suite comes by a store. */
struct store_kit {
    int (*make)(void *arg, struct chatroom_store *ret_store); /* over the same data each time until wipe() */
    void (*wipe)(void *arg);                                  /* forgets the data; no store is open */
    void *arg;
    bool keeps; /* data outlives the store */
};

/* A store that is open, with what it found. */
struct store_bench {
    struct chatroom_store store;
    chatroom_store_port port;
};

void bench_open(struct store_bench *b, const struct store_kit *kit);
void bench_close(struct store_bench *b);
void bench_flush(struct store_bench *b);

/* Submit one and wait; the status of its completion. */
int bench_group(struct store_bench *b, struct chatroom_write *writes, size_t count);
int bench_write(struct store_bench *b, enum chatroom_write_kind kind, const char *key, const char *value);
/* The seq, or a negative status. */
int64_t bench_append(struct store_bench *b, const char *room, const char *value, const char *once);
/* The call is finished by port_call_fini(). */
int bench_read(struct store_bench *b, struct port_call *call, enum chatroom_read_kind kind, const char *room,
               uint64_t seq, size_t limit);

/* Runs the suite; how many cases failed. */
int store_suite_run(const char *name, const struct store_kit *kit);

#endif
