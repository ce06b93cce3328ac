#include "spares.h"

#include "memory.h"

void *cr_spares_take(struct cr_spares *spares, const struct chatroom_alloc *alloc, size_t size)
{
    void *block = spares->first;

    if (!block)
        return cr_resize(alloc, NULL, 0, size);
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
}

void cr_spares_fini(struct cr_spares *spares, const struct chatroom_alloc *alloc, size_t size)
{
    while (spares->count > 0)
        cr_free(alloc, cr_spares_take(spares, alloc, size), size);
}
