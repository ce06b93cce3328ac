#include "claims.h"

#include "memory.h"

/* Slots that are free: at least one in FREE, so that a search ends soon. Grows by half, so that most are used. */
enum { FREE = 5, FEWEST = 8 };

static const uint64_t name_mask = (UINT64_C(1) << CR_CLAIM_NAME_BITS) - 1;

static size_t home(const struct cr_claims *claims, uint64_t key)
{
    return (size_t)((key >> 32) * claims->capacity >> 32);
}

static size_t behind(const struct cr_claims *claims, size_t at)
{
    return at + 1 < claims->capacity ? at + 1 : 0;
}

bool cr_claims_other(const struct cr_claims *claims, uint64_t key, uint64_t name, const uint64_t *own)
{
    if (claims->capacity == 0)
        return false;
    for (size_t at = home(claims, key); claims->slots[at].count > 0; at = behind(claims, at)) {
        const struct cr_claim *claim = &claims->slots[at];
        bool is_own = own && claim->name == (*own & name_mask) && claim->count == 1;

        if (claim->key == key && claim->name != (name & name_mask) && !is_own)
            return true;
    }
    return false;
}

/* Where the claim is, or is to be. */
static struct cr_claim *find(const struct cr_claims *claims, uint64_t key, uint64_t name)
{
    size_t at = home(claims, key);

    while (claims->slots[at].count > 0 &&
           !(claims->slots[at].key == key && claims->slots[at].name == (name & name_mask)))
        at = behind(claims, at);
    return &claims->slots[at];
}

static void move_all(const struct cr_claims *from, struct cr_claims *to)
{
    for (size_t i = 0; i < from->capacity; i++)
        if (from->slots[i].count > 0)
            *find(to, from->slots[i].key, from->slots[i].name) = from->slots[i];
}

int cr_claims_reserve(struct cr_claims *claims, const struct chatroom_alloc *alloc, size_t more)
{
    struct cr_claims bigger = {.capacity = claims->capacity, .used = claims->used};

    while (bigger.capacity - bigger.capacity / FREE < claims->used + more)
        bigger.capacity = bigger.capacity < FEWEST ? FEWEST : bigger.capacity + bigger.capacity / 2;
    if (bigger.capacity == claims->capacity)
        return CHATROOM_OK;
    bigger.slots = cr_new(alloc, bigger.capacity * sizeof *bigger.slots);
    if (!bigger.slots)
        return CHATROOM_ENOMEM;
    move_all(claims, &bigger);
    cr_claims_fini(claims, alloc);
    *claims = bigger;
    return CHATROOM_OK;
}

/* The count has bits for more holders than there is memory for. */
void cr_claims_add(struct cr_claims *claims, uint64_t key, uint64_t name)
{
    struct cr_claim *claim = find(claims, key, name);

    if (claim->count == 0) {
        claim->key = key;
        claim->name = name & name_mask;
        claims->used++;
    }
    claim->count++;
}

/* Whether at lies in the run of slots that begins behind the free one and ends with last, in the circle of them. */
static bool is_between(size_t gap, size_t at, size_t last)
{
    return gap < last ? at > gap && at <= last : at > gap || at <= last;
}

/* What stands behind a slot that became free moves up, unless it would stand before its home. */
static void close_gap(struct cr_claims *claims, size_t gap)
{
    for (size_t at = behind(claims, gap); claims->slots[at].count > 0; at = behind(claims, at)) {
        if (is_between(gap, home(claims, claims->slots[at].key), at))
            continue;
        claims->slots[gap] = claims->slots[at];
        claims->slots[at].count = 0;
        gap = at;
    }
}

void cr_claims_remove(struct cr_claims *claims, uint64_t key, uint64_t name)
{
    struct cr_claim *claim = find(claims, key, name);

    if (--claim->count > 0)
        return;
    claims->used--;
    close_gap(claims, (size_t)(claim - claims->slots));
}

void cr_claims_fini(struct cr_claims *claims, const struct chatroom_alloc *alloc)
{
    cr_free(alloc, claims->slots, claims->capacity * sizeof *claims->slots);
    *claims = (struct cr_claims){0};
}
