#include "spares.h"

#include "memory.h"

#ifdef __has_feature
#define HAS_ASAN __has_feature(address_sanitizer)
#elif defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#else
#define HAS_ASAN 0
#endif
#if HAS_ASAN /* who uses a block that was given back is to be caught as if it had been freed */
void __asan_poison_memory_region(void const volatile *address, size_t size);
void __asan_unpoison_memory_region(void const volatile *address, size_t size);
#define HIDE(block, size)   __asan_poison_memory_region(block, size)
#define UNHIDE(block, size) __asan_unpoison_memory_region(block, size)
#else
#define HIDE(block, size)   (void)0
#define UNHIDE(block, size) (void)0
#endif

void *cr_spares_take(struct cr_spares *spares, const struct chatroom_alloc *alloc, size_t size)
{
    void *block = spares->first;

    if (!block)
        return cr_resize(alloc, NULL, 0, size);
    UNHIDE(block, size);
    memcpy(&spares->first, block, sizeof spares->first);
    spares->count--;
    return block;
}

void cr_spares_give(struct cr_spares *spares, const struct chatroom_alloc *alloc, void *block, size_t size)
{
    if (!block || spares->count == CR_SPARES_MOST) {
        cr_free(alloc, block, size);
        return;
    }
    memcpy(block, &spares->first, sizeof spares->first);
    spares->first = block;
    spares->count++;
    HIDE(block, size);
}

void cr_spares_fini(struct cr_spares *spares, const struct chatroom_alloc *alloc, size_t size)
{
    while (spares->count > 0)
        cr_free(alloc, cr_spares_take(spares, alloc, size), size);
}
