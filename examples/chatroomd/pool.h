/*
 * pool.h: memory for what is read once, used until the end, and released all at once. Wiped then: it may hold secrets.
 */
#ifndef CHATROOMD_POOL_H
#define CHATROOMD_POOL_H

#include <stddef.h>

struct pool {
    struct pool_piece *first;
};

/* Zeroed. NULL: out of memory. */
void *pool_take(struct pool *pool, size_t size);

/* A C string of size bytes of text. NULL: out of memory. */
char *pool_text(struct pool *pool, const char *text, size_t size);

void pool_fini(struct pool *pool);

#endif
