/*
 * sim_store.h: a store for the simulation, written against store.h alone. It completes later, by the virtual clock, and
 * fails in every way that a store may.
 *
 * A disk is what survives; a store is what an instance gets to work on it. One store at a time.
 */
#ifndef SIM_STORE_H
#define SIM_STORE_H

#include "random.h"

#include <chatroom/store.h>

struct sim_disk;

/* Chances in 1000. */
struct sim_faults {
    unsigned refuse_submit, refuse_read; /* EAGAIN, ENOMEM */
    unsigned batch_fails, full;          /* EIO, ENOSPC: nothing of it is there */
    unsigned unsure;                     /* EUNSURE: it is there or not, and nothing is written any more */
    unsigned read_fails, corrupt;        /* EIO; ECORRUPT after some rows */
    unsigned damage;                     /* a row is cut off, and the store does not notice */
    unsigned latency_ms;                 /* at most; 0: completes inside the op */
};

struct sim_entry {
    chatroom_span value, once;
};

/* One life of a room: from its making to its deletion. */
struct sim_life {
    uint64_t epoch;
    char name[64];
    struct sim_entry *entries; /* the first is seq 1 */
    size_t count, capacity;
    uint64_t newest_ms; /* when the newest entry was completed */
    bool exists;        /* else deleted, and kept for those who check */
    bool existed;       /* when the disk was opened the last time */
    char *record;
    size_t record_size;
};

struct sim_disk *sim_disk_new(struct rnd random);
void sim_disk_free(struct sim_disk *disk);

/* May be changed at any time. */
struct sim_faults *sim_disk_faults(struct sim_disk *disk);

/* A store on the disk for one instance. */
struct chatroom_store sim_store(struct sim_disk *disk);

/* Completes what is due. */
void sim_store_run(struct sim_disk *disk, uint64_t now_ms);
/* Nothing is completed before that time. */
void sim_store_stall(struct sim_disk *disk, uint64_t until_ms);
/* Whether nothing is on its way. */
bool sim_store_idle(const struct sim_disk *disk);
/* Whether the store takes no writes any more until it is opened again. */
bool sim_store_failed(const struct sim_disk *disk);

/* How often it has answered ENOSPC since it was opened. */
unsigned sim_disk_full_answers(const struct sim_disk *disk);

/* The power is cut: of what is on its way a part, oldest first, becomes true; nothing happens after that. */
void sim_disk_cut(struct sim_disk *disk);

/* What was completed: the life of that epoch, dead or not; the life of a room that is there; NULL: none. */
const struct sim_life *sim_disk_life(const struct sim_disk *disk, uint64_t epoch);
const struct sim_life *sim_disk_room(const struct sim_disk *disk, chatroom_span name);
/* Epochs are counted from 1. */
uint64_t sim_disk_epochs(const struct sim_disk *disk);
size_t sim_disk_rooms(const struct sim_disk *disk);
size_t sim_disk_sessions(const struct sim_disk *disk);

#endif
