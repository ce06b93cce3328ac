/*
 * spares.h: blocks of one size that come and go with every message, kept a few at a time instead of given back: they
 * would leave holes between what stays. Any bytes may be in them.
 */
#ifndef CR_SPARES_H
#define CR_SPARES_H

#include <chatroom/base.h>

#define CR_SPARES_MOST 128

/* All zero is empty. */
struct cr_spares {
    void *first;
    unsigned count;
};

/* NULL: out of memory. A list is for blocks of one size. */
void *cr_spares_take(struct cr_spares *spares, const struct chatroom_alloc *alloc, size_t size);
/* NULL is fine. */
void cr_spares_give(struct cr_spares *spares, const struct chatroom_alloc *alloc, void *block, size_t size);
void cr_spares_fini(struct cr_spares *spares, const struct chatroom_alloc *alloc, size_t size);

#endif
