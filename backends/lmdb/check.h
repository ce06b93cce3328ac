/*
 * check.h: looks at a database file before LMDB maps it.
 *
 * LMDB trusts its file: a foreign one is an error at best, a truncated one ends the process with SIGBUS when a page
 * beyond the end is touched.
 */
#ifndef LMDB_CHECK_H
#define LMDB_CHECK_H

/* CHATROOM_OK also if there is no such file or an empty one; CHATROOM_EFORMAT, CHATROOM_EACCES, CHATROOM_EIO. */
int lmdb_check_file(const char *path);

#endif
