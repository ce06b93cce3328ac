/*
 * claims.h: which keys are taken, and by which name. A name that several hold is counted.
 *
 * Hashes alone, 16 bytes a key, in one open table: under a secret key, and what falls together looks alike.
 */
#ifndef CR_CLAIMS_H
#define CR_CLAIMS_H

#include <chatroom/base.h>

/* Bits of a name's hash that are kept beside its key's 64. */
#define CR_CLAIM_NAME_BITS 36

struct cr_claim {
    uint64_t key;
    uint64_t name : CR_CLAIM_NAME_BITS, count : 64 - CR_CLAIM_NAME_BITS; /* count 0: nobody, the slot is free */
};

struct cr_claims {
    struct cr_claim *slots;
    size_t capacity, used;
};

/*
 * Whether another name has the key; not counting own, a name that its holder is about to give up (NULL: none), if
 * nobody else has that one.
 */
bool cr_claims_other(const struct cr_claims *claims, uint64_t key, uint64_t name, const uint64_t *own);

/* Makes room, so that adding so many cannot fail. Errors: ENOMEM. */
int cr_claims_reserve(struct cr_claims *claims, const struct chatroom_alloc *alloc, size_t more);

/* One more holds the name, and one less, which did before. */
void cr_claims_add(struct cr_claims *claims, uint64_t key, uint64_t name);
void cr_claims_remove(struct cr_claims *claims, uint64_t key, uint64_t name);

void cr_claims_fini(struct cr_claims *claims, const struct chatroom_alloc *alloc);

#endif
