#include "count.h"

#include <malloc.h>
#include <stdatomic.h>
#include <string.h>

static atomic_uint_fast64_t calls;
static atomic_size_t bytes;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void __real_free(void *memory);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void __wrap_free(void *memory);

static size_t cost(void *memory)
{
    return memory ? malloc_usable_size(memory) + sizeof(size_t) : 0;
}

static void *counted(void *memory)
{
    atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&bytes, cost(memory), memory_order_relaxed);
    return memory;
}

static void uncounted(size_t size)
{
    atomic_fetch_sub_explicit(&bytes, size, memory_order_relaxed);
}

void *__wrap_malloc(size_t size)
{
    return counted(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return counted(__real_calloc(count, size));
}

void *__wrap_realloc(void *memory, size_t size)
{
    size_t before = cost(memory);
    void *grown = __real_realloc(memory, size);

    if (grown || size == 0)
        uncounted(before);
    return counted(grown);
}

void __wrap_free(void *memory)
{
    uncounted(cost(memory));
    __real_free(memory);
}

#ifndef __wrap_malloc /* count_all: the C library's strdup() calls the malloc() above */
char *__wrap_strdup(const char *text);

char *__wrap_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    void *copy = __wrap_malloc(size);

    return copy ? memcpy(copy, text, size) : NULL;
}
#endif

uint64_t count_calls(void)
{
    return atomic_load_explicit(&calls, memory_order_relaxed);
}

size_t count_bytes(void)
{
    return atomic_load_explicit(&bytes, memory_order_relaxed);
}
