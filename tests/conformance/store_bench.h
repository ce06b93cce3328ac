/*
 * store_bench.h: an open store and a few short ways to use it, for the suite and for a store's own tests.
 *
 * A failure of the bench itself fails the cmocka test that called it.
 */
#ifndef STORE_BENCH_H
#define STORE_BENCH_H

#include "store_port.h"
#include "store_suite.h"

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

/* How many descriptors the process has open. */
size_t bench_descriptors(void);

#endif
