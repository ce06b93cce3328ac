/*
 * bench_store.c: what a store alone can carry. bench_store [--json] memory|lmdb DIRECTORY [MESSAGES [BATCHES]]
 *
 * Entries of 200 bytes to 1,000 rooms at random, 512 a flush, at most BATCHES of 512 waiting; lmdb works in a new
 * folder inside DIRECTORY and syncs every commit. Prints messages a second and what each costs in CPU time of the whole
 * process, this driver included, and in allocations.
 */
#include <chatroom/backend/lmdb.h>
#include <chatroom/backend/memory.h>

#include "count.h"

#include <dirent.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { ROOMS = 1000, BATCH = 512, ENTRY = 200 };

/* The core's side: a batch is over when its last ticket is. */
struct batch {
    struct chatroom_ticket tickets[BATCH];
    struct chatroom_write writes[BATCH];
    sem_t over;
};

static char names[ROOMS][16];
static char entry[ENTRY];

void chatroom_write_done(struct chatroom_ticket *ticket, int status)
{
    struct batch *batch = ticket->core[0];

    if (status) {
        fprintf(stderr, "write: %s\n", chatroom_strerror(status));
        exit(1);
    }
    if (batch && ticket == &batch->tickets[BATCH - 1])
        sem_post(&batch->over);
}

bool chatroom_read_row(struct chatroom_ticket *ticket, uint64_t seq, chatroom_span value)
{
    (void)ticket;
    (void)seq;
    (void)value;
    return true;
}

void chatroom_read_done(struct chatroom_ticket *ticket, int status)
{
    (void)ticket;
    (void)status;
}

int chatroom_store_found_room(chatroom_store_port *port, chatroom_span name, chatroom_span record, uint64_t epoch,
                              uint64_t seq)
{
    (void)port;
    (void)name;
    (void)record;
    (void)epoch;
    (void)seq;
    return CHATROOM_OK;
}

void chatroom_store_found_newest(chatroom_store_port *port, chatroom_span name, chatroom_span value)
{
    (void)port;
    (void)name;
    (void)value;
}

int chatroom_store_found_session(chatroom_store_port *port, chatroom_span id, chatroom_span record)
{
    (void)port;
    (void)id;
    (void)record;
    return CHATROOM_OK;
}

void chatroom_store_log(chatroom_store_port *port, enum chatroom_log_level level, const char *event,
                        const struct chatroom_log_field *fields, size_t count)
{
    (void)port;
    (void)level;
    (void)event;
    (void)fields;
    (void)count;
}

static unsigned next_random(void)
{
    static uint32_t x = 2463534242u;

    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return x;
}

static void send_batch(const struct chatroom_store *store, struct batch *batch, bool make_rooms, unsigned first)
{
    for (unsigned i = 0; i < BATCH; i++) {
        const char *name = names[make_rooms ? (first + i) % ROOMS : next_random() % ROOMS];

        batch->writes[i] = (struct chatroom_write){.kind = make_rooms ? CHATROOM_WRITE_ROOM : CHATROOM_APPEND,
                                                   .key = chatroom_str(name),
                                                   .value = chatroom_bytes(entry, sizeof entry)};
        batch->tickets[i] = (struct chatroom_ticket){.writes = &batch->writes[i], .count = 1, .core = {batch}};
        if (store->ops->submit(store->self, &batch->tickets[i])) {
            fputs("the queue is full\n", stderr);
            exit(1);
        }
    }
    if (store->ops->flush)
        store->ops->flush(store->self);
}

static double seconds(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

struct cost {
    double seconds, cpu, allocations;
};

static struct cost run(const struct chatroom_store *store, struct batch *batches, size_t in_flight, size_t count)
{
    double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    uint64_t allocations = count_calls();

    for (size_t i = 0; i < count; i++) {
        struct batch *batch = &batches[i % in_flight];

        if (i >= in_flight)
            sem_wait(&batch->over);
        send_batch(store, batch, false, 0);
    }
    for (size_t i = count < in_flight ? 0 : count - in_flight; i < count; i++)
        sem_wait(&batches[i % in_flight].over);
    return (struct cost){seconds(CLOCK_MONOTONIC) - wall, seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu,
                         (double)(count_calls() - allocations)};
}

static void print(bool json, const char *name, const struct cost *cost, double messages)
{
    printf(json ? "{\"store\":\"%s\",\"per_s\":%.0f,\"cpu_us\":%.3f,\"allocations\":%.2f}\n"
                : "append to %s: %.0f messages a second, %.2f us CPU and %.2f allocations each\n",
           name, messages / cost->seconds, cost->cpu * 1e6 / messages, cost->allocations / messages);
}

static int make_store(const char *name, const char *directory, struct chatroom_store *ret_store,
                      struct chatroom_error *error)
{
    if (strcmp(name, "memory") == 0)
        return chatroom_memory_store(ret_store);
    return chatroom_lmdb_store(directory, NULL, ret_store, error);
}

static void make_rooms(const struct chatroom_store *store, struct batch *batch)
{
    for (int i = 0; i < ROOMS; i++)
        snprintf(names[i], sizeof names[i], "room-%d", i);
    memset(entry, 'e', sizeof entry);
    for (unsigned first = 0; first < ROOMS; first += BATCH) {
        send_batch(store, batch, true, first);
        sem_wait(&batch->over);
    }
}

/* A store of this size is not left lying about. Whatever is in the way of that does not change what was measured. */
static void remove_folder(const char *path)
{
    DIR *folder = opendir(path);
    struct dirent *found;

    while (folder && (found = readdir(folder)))
        (void)unlinkat(dirfd(folder), found->d_name, 0);
    if (folder)
        closedir(folder);
    (void)rmdir(path);
}

int main(int argc, char **argv)
{
    bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
    char **words = argv + json;
    int count = argc - json;
    struct chatroom_store store;
    struct chatroom_error error = {0};
    char folder[4096];
    size_t messages = count > 3 ? (size_t)atol(words[3]) : 500000, in_flight = count > 4 ? (size_t)atol(words[4]) : 8;
    struct batch *batches = calloc(in_flight ? in_flight : 1, sizeof *batches);
    struct cost cost;

    if (count < 3 || messages < BATCH || in_flight < 1 || in_flight > 64 || !batches) {
        fputs("usage: bench_store [--json] memory|lmdb DIRECTORY [MESSAGES [BATCHES]]\n", stderr);
        return 2;
    }
    for (size_t i = 0; i < in_flight; i++)
        sem_init(&batches[i].over, 0, 0);
    snprintf(folder, sizeof folder, "%s/bench-store-XXXXXX", words[2]);
    if (!mkdtemp(folder)) {
        perror(folder);
        return 1;
    }
    if (make_store(words[1], folder, &store, &error) || store.ops->open(store.self, NULL, &error)) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    make_rooms(&store, &batches[0]);
    cost = run(&store, batches, in_flight, messages / BATCH);
    print(json, words[1], &cost, (double)(messages / BATCH * BATCH));
    store.ops->close(store.self);
    remove_folder(folder);
    free(batches);
    return 0;
}
