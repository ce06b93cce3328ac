/*
 * lmdb.h: a store in one directory, on LMDB, with one writer thread that commits in groups.
 *
 * One process, and in it one instance, has a directory at a time; LMDB's own rule: never across fork(). data.mdb looks
 * up to 64 MiB longer than it is; the disk has only what was written.
 *
 * Failures: on a full disk writes complete with ENOSPC, nothing of them is stored, and they work again when there is
 * room. So that erasing works there too, a reserve is kept: see reserve_bytes. After a failed sync the writes under way
 * complete with EUNSURE and all later ones with EIO: close, look at the disk, and start again. A damaged entry ends its
 * page of history with ECORRUPT; another damaged record refuses the start with it. Damage to the structure of the file
 * is another matter: LMDB trusts it, and a process that opens such a store may end by a signal. chatroom_lmdb_verify()
 * finds it beforehand.
 */
#ifndef CHATROOM_BACKEND_LMDB_H
#define CHATROOM_BACKEND_LMDB_H

#include <chatroom/store.h>

#ifdef __cplusplus
extern "C" {
#endif

enum chatroom_durability {
    CHATROOM_DURABLE_COMMIT, /* acknowledged after it is synced: not even a power cut loses what was acknowledged */
    CHATROOM_DURABLE_ASYNC,  /* synced once a second: a power cut may lose the last second */
    CHATROOM_DURABLE_NONE,   /* synced at close: a power cut may lose everything since the start */
};

/*
 * The end of the process alone, however sudden, loses nothing acknowledged with any of them. With the last two a power
 * cut may also leave a store that cannot be opened, on file systems that write in another order than they were told;
 * and after an unclean end every room gets a new epoch.
 */

struct chatroom_lmdb_options {
    size_t size; /* set by CHATROOM_LMDB_OPTIONS */
    enum chatroom_durability durability;
    size_t map_bytes;      /* address space to begin with; grows by doubling when it is full */
    size_t map_bytes_most; /* ... up to here, the quota of the store: what needs more, erasing too, ends with ENOSPC */
    size_t queue_tickets;  /* beyond so many waiting, submit() answers EAGAIN */

    /*
     * What must stay free on the file system, as users without privileges count it; 0: nothing need. With less than
     * that left, groups that append to a room or create or write one complete with ENOSPC, and nothing of them is
     * stored; an entry that comes again with the same once is refused as well. Sessions, erasing and trimming go on,
     * with the reserve to work in, and nothing is removed to make room.
     *
     * It is looked at once at the start and then with writes, at most once a second: what is written within that second
     * may take the reserve, all of it if it is small, and writes work again up to a second after there is room. A file
     * system that does not tell changes nothing.
     *
     * Logged, each with free_bytes: store_low (warn) when less than four times that is left, once until there is more
     * again; store_full (error) when refusing begins; store_has_room (info) when it ends.
     */
    uint64_t reserve_bytes;
};

#define CHATROOM_LMDB_OPTIONS                                                                    \
    {                                                                                            \
        .size = sizeof(struct chatroom_lmdb_options), .durability = CHATROOM_DURABLE_COMMIT,     \
        .map_bytes = (size_t)1 << 30, .map_bytes_most = (size_t)1 << 40, .queue_tickets = 65536, \
        .reserve_bytes = (uint64_t)64 << 20                                                      \
    }

/*
 * Makes one for the directory path, which open() creates if need be (mode 0700). options NULL: the defaults. Copies
 * both. Errors: EINVAL, ENOMEM. Those of the directory come from chatroom_start().
 */
CHATROOM_API int chatroom_lmdb_store(const char *path, const struct chatroom_lmdb_options *options,
                                     struct chatroom_store *ret_store, struct chatroom_error *error);

/* ---- looking at a store before it is opened -------------------------------------------------------------------------
 */

enum chatroom_lmdb_depth {
    CHATROOM_LMDB_STRUCTURE, /* all that LMDB trusts: every page but those that hold nothing but one long value */
    CHATROOM_LMDB_RECORDS,   /* ... and the checksum of every record */
};

struct chatroom_lmdb_report {
    size_t size;      /* set by CHATROOM_LMDB_REPORT */
    uint64_t pages;   /* looked at, as those below: also when time was over */
    uint64_t records; /* 0 without CHATROOM_LMDB_RECORDS */
    uint64_t damaged; /* of the records: a start serves all but them, or needs one of them and ends with ECORRUPT */
    char where[128];  /* what is damaged first; empty: nothing */
};

#define CHATROOM_LMDB_REPORT                        \
    {                                               \
        .size = sizeof(struct chatroom_lmdb_report) \
    }

/*
 * Looks at the store in the directory path, which nobody has open, in a child process that ends with the call: whatever
 * the file holds, the caller lives. Writes nothing. most_ms 0: as long as it takes; else no longer than about that.
 * Where there is no store yet, all is well.
 *
 * It calls fork(): call it before threads are started. In a process that has some the child might wait for a lock of
 * one of them, which ends with ETIMEDOUT, if most_ms is set. The child inherits descriptors until it ends, and runs
 * no code of the caller.
 *
 * CHATROOM_OK: LMDB can open it; ret_report->damaged says whether records are lost. Errors: ECORRUPT it must not
 * be opened, restore a copy; EFORMAT, EBUSY, EACCES, EIO as open() has them; ETIMEDOUT, ESYSTEM, ENOMEM it could not be
 * told, and nothing wrong was found. ret_report, from CHATROOM_LMDB_REPORT, is filled in any case.
 */
CHATROOM_API int chatroom_lmdb_verify(const char *path, enum chatroom_lmdb_depth depth, unsigned most_ms,
                                      struct chatroom_lmdb_report *ret_report, struct chatroom_error *error);

#ifdef __cplusplus
}
#endif

#endif
