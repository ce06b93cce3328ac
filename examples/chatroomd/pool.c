#include "pool.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

struct pool_piece {
    struct pool_piece *next;
    size_t size;
    alignas(max_align_t) char bytes[];
};

void *pool_take(struct pool *pool, size_t size)
{
    struct pool_piece *piece = calloc(1, sizeof *piece + size);

    if (!piece)
        return NULL;
    piece->size = size;
    piece->next = pool->first;
    pool->first = piece;
    return piece->bytes;
}

char *pool_text(struct pool *pool, const char *text, size_t size)
{
    char *copy = pool_take(pool, size + 1);

    return copy ? memcpy(copy, text, size) : NULL;
}

void pool_fini(struct pool *pool)
{
    while (pool->first) {
        struct pool_piece *piece = pool->first;

        pool->first = piece->next;
        explicit_bzero(piece->bytes, piece->size);
        free(piece);
    }
}
