#include "no_memory.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define NEXT(name) __interceptor_##name
#else
#define NEXT(name) __libc_##name
#endif

void *NEXT(malloc)(size_t size);
void *NEXT(calloc)(size_t count, size_t size);
void *NEXT(realloc)(void *memory, size_t size);

static _Thread_local bool inside;
static atomic_uint_fast64_t asked, fails_at;
static atomic_bool sticky, failed;

bool no_memory_inside(bool now)
{
    bool before = inside;

    inside = now;
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

    if (!inside || at == 0)
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

/* ---- threads ----------------------------------------------------------------------------------------------------- */

typedef int create_fn(pthread_t *ret_thread, const pthread_attr_t *attributes, void *(*run)(void *), void *arg);

struct beginning {
    void *(*run)(void *);
    void *arg;
};

static create_fn *create;
static atomic_uint thread_countdown;
static atomic_bool thread_failed;

void no_memory_init(void)
{
    void *symbol = dlsym(RTLD_NEXT, "pthread_create");

    if (!symbol)
        abort();
    memcpy(&create, &symbol, sizeof create);
}

bool no_threads_from(unsigned n)
{
    thread_countdown = n;
    return atomic_exchange(&thread_failed, false);
}

/* What the sanitizers do before this is not to fail. */
static void *begin(void *arg)
{
    const struct beginning beginning = *(struct beginning *)arg;

    free(arg);
    inside = true;
    return beginning.run(beginning.arg);
}

static int create_one(pthread_t *ret_thread, const pthread_attr_t *attributes, const struct beginning *what)
{
    bool before = no_memory_inside(false);
    struct beginning *copy = malloc(sizeof *copy);
    int why;

    if (!copy)
        abort();
    *copy = *what;
    no_memory_inside(before);
    why = create(ret_thread, attributes, begin, copy);
    if (why)
        free(copy);
    return why;
}

int pthread_create(pthread_t *restrict ret_thread, const pthread_attr_t *restrict attributes, void *(*run)(void *),
                   void *restrict arg)
{
    const struct beginning what = {run, arg};

    if (thread_countdown > 0 && atomic_fetch_sub(&thread_countdown, 1) == 1) {
        thread_failed = true;
        return EAGAIN;
    }
    return create_one(ret_thread, attributes, &what);
}
