#include "memory.h"

#include <stdlib.h>

static void *libc_resize(void *arg, void *memory, size_t old_size, size_t size)
{
    (void)arg;
    (void)old_size;
    if (size == 0) {
        free(memory);
        return NULL;
    }
    return realloc(memory, size);
}

const struct chatroom_alloc cr_default_alloc = {libc_resize, NULL};

void *cr_new(const struct chatroom_alloc *a, size_t size)
{
    void *memory = cr_resize(a, NULL, 0, size);

    return memory ? memset(memory, 0, size) : NULL;
}

char *cr_copy(const struct chatroom_alloc *a, chatroom_span span)
{
    char *copy = cr_resize(a, NULL, 0, span.size + 1);

    if (!copy)
        return NULL;
    if (span.size > 0)
        memcpy(copy, span.bytes, span.size);
    copy[span.size] = '\0';
    return copy;
}

void *cr_reserve(const struct chatroom_alloc *a, void *items, size_t *capacity, size_t want, size_t item_size)
{
    size_t grown = *capacity ? *capacity : 4;
    void *bigger;

    if (want <= *capacity)
        return items;
    if (want > SIZE_MAX / 2 / item_size)
        return NULL;
    while (grown < want)
        grown *= 2;
    bigger = cr_resize(a, items, *capacity * item_size, grown * item_size);
    if (bigger)
        *capacity = grown;
    return bigger;
}
