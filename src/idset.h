/*
 * idset.h: find connections by their id, with a table of pointers and nothing else: 11 to 22 bytes for each of them,
 * where a handle of uthash takes 56 (docs/decisions/memory.md).
 *
 * What is in the set is known by the address of its id, which has CR_ID_SIZE characters and neither moves nor changes
 * meanwhile. Growing doubles the table; nothing else is done for more than a few entries.
 */
#ifndef CR_IDSET_H
#define CR_IDSET_H

#include "id.h"

#include <chatroom/base.h>

struct cr_id_set {
    const struct chatroom_alloc *alloc; /* borrowed */
    uint8_t key[16];                    /* of the hash; secret */
    const char **slots;                 /* an id stands in the first free slot from its hash on */
    size_t count, capacity;             /* capacity: none or a power of two */
};

/* Forgets every id. */
void cr_id_set_fini(struct cr_id_set *set);

/* Errors: CHATROOM_ENOMEM, and the set is as it was. id must not be in it. */
int cr_id_set_add(struct cr_id_set *set, const char *id);
/* It is in the set. */
void cr_id_set_remove(struct cr_id_set *set, const char *id);
/* The one that was added; NULL: there is none. */
const char *cr_id_set_find(const struct cr_id_set *set, chatroom_span id);

/*
 * The first one at *place or beyond, and its place; NULL: none. A walk begins at 0 and goes on at *place + 1, or at
 * *place when it removes every one it finds. Any order.
 */
const char *cr_id_set_next(const struct cr_id_set *set, size_t *place);

#endif
