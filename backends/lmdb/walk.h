/*
 * walk.h: walks all pages of a database file by itself, trusting nothing that stands in it.
 *
 * LMDB trusts its pages: one that is damaged may end the process, or make it write over pages that are in use. So
 * before it maps a file, this looks at all that LMDB relies on: that every page is what the one above it says, and used
 * once; that nodes lie in their pages, one beside the other; that keys rise, also across pages; that counts are right;
 * that no page is free and in use. It reads the file and never maps it, allocates no more than the size of the file
 * gives cause to, and follows no chain twice.
 */
#ifndef LMDB_WALK_H
#define LMDB_WALK_H

#include <chatroom/backend/lmdb.h>

/*
 * Fills report as it goes, so that an end in the middle leaves what was found until then. with_records: reads every
 * value too, and compares its checksum; one that fails is counted, and is no error. Errors: ECORRUPT, with
 * report->where; EFORMAT, also where its tables are not ours; EIO, ENOMEM.
 */
int lmdb_walk(int fd, bool with_records, struct chatroom_lmdb_report *report);

#endif
