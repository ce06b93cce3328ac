/*
 * check.h: looks at a database file before LMDB maps it.
 *
 * LMDB trusts its file: a foreign one is an error at best, a truncated one ends the process with SIGBUS when a page
 * beyond the end is touched.
 */
#ifndef LMDB_CHECK_H
#define LMDB_CHECK_H

#include "layout.h"

#include <stdbool.h>

/* What EFORMAT means, in a sentence. was_made: it is known that there was a store. */
const char *lmdb_format_text(bool was_made);

/* *ret_empty: there is no such file, or it has no bytes. Errors: CHATROOM_EFORMAT, CHATROOM_EACCES, CHATROOM_EIO. */
int lmdb_check_file(const char *path, bool *ret_empty);

/* The same of an open file that is not empty, and what its first pages say. Errors: CHATROOM_EFORMAT. */
int lmdb_check_metas(int fd, uint64_t file_size, struct lmdb_meta ret_metas[2]);

#endif
