/*
 * disk.h: what a store does to the files of its folder, as a list of events, and what a power cut may leave of them.
 *
 * The list is made by functions of disk_record.c that come before the system's in the whole process. A disk promises
 * this much and no more: what was written before a sync that came back is there; of what came later, each sector of 512
 * bytes, each change of the size and each new name may be there or not.
 */
#ifndef CRASH_DISK_H
#define CRASH_DISK_H

#include "random.h"

#define DISK_SECTOR 512

enum disk_file {
    DISK_DATA, /* data.mdb */
    DISK_LOCK, /* chatroom.lock */
    DISK_FILES,
};

enum disk_kind {
    DISK_WRITE,
    DISK_SIZE,   /* ftruncate() to offset */
    DISK_SYNC,   /* of one file */
    DISK_STABLE, /* the write before it was through O_DSYNC and came back */
    DISK_NAMES,  /* the folder was synced */
    DISK_PARENT, /* ... and the folder that it is in */
    DISK_OPENED, /* the store said that it is open */
    DISK_ASKED,  /* one ticket more was submitted */
    DISK_TOLD,   /* one ticket more was completed */
};

struct disk_event {
    enum disk_kind kind;
    enum disk_file file;
    uint64_t offset;
    size_t size;
    char *bytes;
};

struct disk_record {
    struct disk_event *events;
    size_t count, capacity;
};

/* ---- recording: one at a time; any thread may write ----------------------------------------------------------------
 */

/* Records into *record what happens to the files of folder, an absolute path without links, until disk_record_stop().
 */
void disk_record_start(struct disk_record *record, const char *folder);
void disk_record_stop(void);
/* OPENED, ASKED, TOLD; no effect when nothing is recorded. */
void disk_record_note(enum disk_kind kind);
void disk_record_free(struct disk_record *record);

/* ---- replaying ------------------------------------------------------------------------------------------------------
 */

struct disk_content {
    char *bytes;
    size_t size, capacity;
    bool exists;
};

/* A disk after some events: what is safe, and what is under way. */
struct disk_image {
    struct disk_content safe[DISK_FILES];
    const struct disk_event **pending;
    size_t pending_count, pending_capacity;
    bool seen[DISK_FILES]; /* there is such a file, perhaps an empty one */
    bool names_safe, parent_safe;
    bool ignores_syncs; /* the negative control: a disk that lies */
    size_t asked, told;
    bool opened;
};

void disk_image_step(struct disk_image *image, const struct disk_event *event);
void disk_image_free(struct disk_image *image);

/* Draws one state that a power cut may leave. */
void disk_image_draw(const struct disk_image *image, struct rnd *random, struct disk_content ret_files[DISK_FILES]);
/* The state in which everything arrived. */
void disk_image_all(const struct disk_image *image, struct disk_content *ret_data);

/* Makes the files in folder, which is there; gives them back; begins an image with them, all safe. */
void disk_files_make(const struct disk_content files[DISK_FILES], const char *folder);
void disk_files_free(struct disk_content files[DISK_FILES]);
void disk_image_begin(struct disk_image *image, const struct disk_content files[DISK_FILES]);

#endif
