#include "idset.h"

#include "memory.h"

enum {
    SMALLEST = 16,
    AHEAD = 16, /* ids are fetched so far ahead: growing to a million takes a quarter of the time */
};

static size_t home(const struct cr_id_set *set, const char *id)
{
    return (size_t)chatroom_hash(set->key, id, CR_ID_SIZE) & (set->capacity - 1);
}

static size_t after(const struct cr_id_set *set, size_t place)
{
    return (place + 1) & (set->capacity - 1);
}

/* There is a free slot. */
static void put(struct cr_id_set *set, const char *id)
{
    size_t place = home(set, id);

    while (set->slots[place])
        place = after(set, place);
    set->slots[place] = id;
}

static int grow(struct cr_id_set *set)
{
    struct cr_id_set bigger = *set;

    if (set->capacity > SIZE_MAX / 2 / sizeof *set->slots)
        return CHATROOM_ENOMEM;
    bigger.capacity = set->capacity ? 2 * set->capacity : SMALLEST;
    bigger.slots = cr_new(set->alloc, bigger.capacity * sizeof *set->slots);
    if (!bigger.slots)
        return CHATROOM_ENOMEM;
    for (size_t i = 0; i < set->capacity; i++) {
        if (i + AHEAD < set->capacity)
            __builtin_prefetch(set->slots[i + AHEAD]);
        if (set->slots[i])
            put(&bigger, set->slots[i]);
    }
    cr_id_set_fini(set);
    *set = bigger;
    return CHATROOM_OK;
}

void cr_id_set_fini(struct cr_id_set *set)
{
    cr_free(set->alloc, set->slots, set->capacity * sizeof *set->slots);
    set->slots = NULL;
    set->count = set->capacity = 0;
}

/* Never more than three quarters full: a search ends soon. */
int cr_id_set_add(struct cr_id_set *set, const char *id)
{
    if (set->count >= set->capacity / 4 * 3 && grow(set) != CHATROOM_OK)
        return CHATROOM_ENOMEM;
    put(set, id);
    set->count++;
    return CHATROOM_OK;
}

/* Whether a search from an id's home to its place passes by the hole. */
static bool passes(const struct cr_id_set *set, size_t from, size_t place, size_t hole)
{
    size_t mask = set->capacity - 1;

    return ((place - from) & mask) >= ((place - hole) & mask);
}

void cr_id_set_remove(struct cr_id_set *set, const char *id)
{
    size_t hole = home(set, id);

    while (set->slots[hole] != id)
        hole = after(set, hole);
    for (size_t place = after(set, hole); set->slots[place]; place = after(set, place)) {
        if (!passes(set, home(set, set->slots[place]), place, hole))
            continue;
        set->slots[hole] = set->slots[place];
        hole = place;
    }
    set->slots[hole] = NULL;
    set->count--;
}

const char *cr_id_set_find(const struct cr_id_set *set, chatroom_span id)
{
    size_t place;

    if (set->count == 0 || id.size != CR_ID_SIZE)
        return NULL;
    place = home(set, id.bytes);
    while (set->slots[place] && memcmp(set->slots[place], id.bytes, CR_ID_SIZE) != 0)
        place = after(set, place);
    return set->slots[place];
}

const char *cr_id_set_next(const struct cr_id_set *set, size_t *place)
{
    while (*place < set->capacity && !set->slots[*place])
        ++*place;
    return *place < set->capacity ? set->slots[*place] : NULL;
}
