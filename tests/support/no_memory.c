#include "no_memory.h"

#include <errno.h>
#include <stdatomic.h>

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define NEXT(name) __interceptor_##name
#else
#define NEXT(name) __libc_##name
#endif

void *NEXT(malloc)(size_t size);
void *NEXT(calloc)(size_t count, size_t size);
void *NEXT(realloc)(void *memory, size_t size);
void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *memory, size_t size);

static _Thread_local bool outside; /* of the thread of the test */
static atomic_uint_fast64_t asked, fails_at;
static atomic_bool sticky, failed;

void no_memory_init(void)
{
    outside = true;
}

bool no_memory_inside(bool inside)
{
    bool before = !outside;

    outside = !inside;
    return before;
}

void no_memory_from(uint64_t n, bool stays)
{
    fails_at = 0;
    asked = 0;
    sticky = stays;
    failed = false;
    fails_at = n;
}

bool no_memory_failed(void)
{
    return failed;
}

uint64_t no_memory_asked(void)
{
    return asked;
}

static bool fails(void)
{
    uint64_t call, at = atomic_load_explicit(&fails_at, memory_order_relaxed);

    if (outside || at == 0)
        return false;
    call = atomic_fetch_add_explicit(&asked, 1, memory_order_relaxed) + 1;
    if (call < at || (call > at && !sticky))
        return false;
    failed = true;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size)
{
    return fails() ? NULL : NEXT(malloc)(size);
}

void *calloc(size_t count, size_t size)
{
    return fails() ? NULL : NEXT(calloc)(count, size);
}

void *realloc(void *memory, size_t size)
{
    return fails() ? NULL : NEXT(realloc)(memory, size);
}
