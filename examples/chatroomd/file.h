/*
 * file.h: small files that the INI file names: policies, models, secrets.
 */
#ifndef CHATROOMD_FILE_H
#define CHATROOMD_FILE_H

#include "pool.h"
#include "value.h"

/* name as seen from the folder that beside is in; absolute ones as they are. NULL: out of memory. */
char *file_beside(struct pool *pool, const char *beside, const char *name);

/*
 * The text of a regular file of at most most bytes, without a NUL in it, as a C string in pool. A secret is its first
 * line, must not be empty, and nobody but owner and group may have access to its file. NULL: refused, with a complaint
 * that names the file.
 */
char *file_read(struct pool *pool, const char *path, size_t most, char *ret_complaint);
char *file_read_secret(struct pool *pool, const char *path, char *ret_complaint);

#endif
