/* memory.h: memory through the instance's allocator. Every call can fail; nothing here aborts. */
#ifndef CR_MEMORY_H
#define CR_MEMORY_H

#include <chatroom/base.h>

/* malloc() and free(). */
extern const struct chatroom_alloc cr_default_alloc;

static inline void *cr_resize(const struct chatroom_alloc *a, void *memory, size_t old_size, size_t size)
{
    return a->resize(a->arg, memory, old_size, size);
}

static inline void cr_free(const struct chatroom_alloc *a, void *memory, size_t size)
{
    if (memory)
        a->resize(a->arg, memory, size, 0);
}

/* T42: for what is not to be found in a dump. A compiler may leave out a memset() of what nobody reads again. */
static inline void cr_wipe(void *memory, size_t size)
{
    memset(memory, 0, size);
    __asm__ volatile("" : : "r"(memory) : "memory");
}

static inline void cr_free_secret(const struct chatroom_alloc *a, void *memory, size_t size)
{
    if (memory)
        cr_wipe(memory, size);
    cr_free(a, memory, size);
}

/* Zeroed. NULL: out of memory. */
void *cr_new(const struct chatroom_alloc *a, size_t size);

/* A copy with a NUL behind it, size + 1 bytes in all. NULL: out of memory. */
char *cr_copy(const struct chatroom_alloc *a, chatroom_span span);

/*
 * Makes room for want items of item_size in an array that has *capacity, at least doubling it. NULL: out of memory, and
 * the array is as it was.
 */
void *cr_reserve(const struct chatroom_alloc *a, void *items, size_t *capacity, size_t want, size_t item_size);

#endif
