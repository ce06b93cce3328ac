#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "idset.h"
#include "memory.h"

#include <stdlib.h>

enum { IDS = 1000 };

struct thing {
    char id[CR_ID_SIZE];
    bool in;
};

static struct thing things[IDS];

static void name_things(void)
{
    struct cr_id_source source = {.key = {1}};

    memset(things, 0, sizeof things);
    for (size_t i = 0; i < IDS; i++)
        cr_id_next(&source, things[i].id);
}

static chatroom_span id_of(size_t n)
{
    return chatroom_bytes(things[n].id, CR_ID_SIZE);
}

static void assert_holds_what_it_should(const struct cr_id_set *set)
{
    size_t count = 0, walked = 0;

    for (size_t i = 0; i < IDS; i++) {
        assert_ptr_equal(cr_id_set_find(set, id_of(i)), things[i].in ? things[i].id : NULL);
        count += things[i].in;
    }
    for (size_t place = 0; cr_id_set_next(set, &place); place++)
        walked++;
    assert_int_equal(set->count, count);
    assert_int_equal(walked, count);
}

static void idset__finds_what_is_in_it_however_it_came_to_be(void **state)
{
    struct cr_id_set set = {.alloc = &cr_default_alloc};
    uint64_t random = 3;

    (void)state;
    name_things();
    for (unsigned round = 0; round < 30000; round++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        struct thing *thing = &things[(random >> 33) % (round % 3000 < 100 ? IDS : IDS / 20)];

        if (thing->in)
            cr_id_set_remove(&set, thing->id);
        else
            assert_int_equal(cr_id_set_add(&set, thing->id), CHATROOM_OK);
        thing->in = !thing->in;
        if (round % 100 == 0)
            assert_holds_what_it_should(&set);
    }
    cr_id_set_fini(&set);
}

/* Removing moves what stands behind: a walk that empties the set meets all the same every one. */
static void idset__a_walk_can_remove_all_it_finds(void **state)
{
    struct cr_id_set set = {.alloc = &cr_default_alloc};
    const char *id;

    (void)state;
    name_things();
    for (size_t n = 0; n < IDS; n++) {
        for (size_t i = 0; i <= n; i++)
            assert_int_equal(cr_id_set_add(&set, things[i].id), CHATROOM_OK);
        for (size_t place = 0; (id = cr_id_set_next(&set, &place));)
            cr_id_set_remove(&set, id);
        assert_int_equal(set.count, 0);
        for (size_t place = 0; place < set.capacity; place++)
            assert_null(set.slots[place]);
    }
    cr_id_set_fini(&set);
}

static void idset__only_an_id_is_looked_for(void **state)
{
    struct cr_id_set set = {.alloc = &cr_default_alloc};

    (void)state;
    name_things();
    assert_null(cr_id_set_find(&set, id_of(0)));
    assert_int_equal(cr_id_set_add(&set, things[0].id), CHATROOM_OK);
    assert_null(cr_id_set_find(&set, chatroom_bytes(NULL, 0)));
    assert_null(cr_id_set_find(&set, chatroom_bytes(things[0].id, CR_ID_SIZE - 1)));
    assert_ptr_equal(cr_id_set_find(&set, id_of(0)), things[0].id);
    cr_id_set_fini(&set);
}

/* ---- T15 ---- */

enum { CRAFTED = 100000, SIMILAR = 63 }; /* what the attacker takes for the last bits of every hash: zero */

static const uint8_t guessed[16] = {1, 2, 3}, secret[16] = {9, 8, 7, 6, 5, 4, 3, 2, 1};

/* Ids whose hashes end alike under that key; NULL: any ids. */
static char (*craft(const uint8_t *key))[CR_ID_SIZE]
{
    char(*ids)[CR_ID_SIZE] = calloc(CRAFTED, sizeof *ids);
    struct cr_id_source source = {.key = {5}};
    size_t count = 0;

    assert_non_null(ids);
    while (count < CRAFTED) {
        cr_id_next(&source, ids[count]);
        count += !key || (chatroom_hash(key, ids[count], CR_ID_SIZE) & SIMILAR) == 0;
    }
    return ids;
}

/* How many slots are passed by, all in all, when each id is looked for once. */
static uint64_t passed_by(const uint8_t key[16], char (*ids)[CR_ID_SIZE])
{
    struct cr_id_set set = {.alloc = &cr_default_alloc};
    uint64_t sum = 0;

    memcpy(set.key, key, sizeof set.key);
    for (size_t i = 0; i < CRAFTED; i++)
        assert_int_equal(cr_id_set_add(&set, ids[i]), CHATROOM_OK);
    for (size_t place = 0; place < set.capacity; place++)
        if (set.slots[place])
            sum += (place - (size_t)chatroom_hash(key, set.slots[place], CR_ID_SIZE)) & (set.capacity - 1);
    cr_id_set_fini(&set);
    return sum;
}

static void T15_crafted_collisions_are_as_good_as_any_ids(void **state)
{
    char(*crafted)[CR_ID_SIZE] = craft(guessed), (*any)[CR_ID_SIZE] = craft(NULL);
    uint64_t usual = passed_by(secret, any);

    (void)state;
    assert_in_range(passed_by(secret, crafted), 1, usual + usual / 2);
    free(crafted);
    free(any);
}

static void *resize(void *arg, void *memory, size_t old_size, size_t size)
{
    unsigned *left = arg;

    if (size > 0 && *left == 0)
        return NULL;
    *left -= size > 0;
    return cr_default_alloc.resize(NULL, memory, old_size, size);
}

static void idset__out_of_memory_leaves_it_as_it_was(void **state)
{
    (void)state;
    for (unsigned allowed = 0; allowed < 5; allowed++) {
        unsigned left = allowed;
        const struct chatroom_alloc alloc = {resize, &left};
        struct cr_id_set set = {.alloc = &alloc};
        size_t n = 0;

        name_things();
        while (cr_id_set_add(&set, things[n].id) == CHATROOM_OK)
            things[n++].in = true;
        assert_int_equal(n, allowed == 0 ? 0 : 12u << (allowed - 1)); /* three quarters */
        assert_holds_what_it_should(&set);
        cr_id_set_fini(&set);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idset__finds_what_is_in_it_however_it_came_to_be),
        cmocka_unit_test(idset__a_walk_can_remove_all_it_finds),
        cmocka_unit_test(idset__only_an_id_is_looked_for),
        cmocka_unit_test(T15_crafted_collisions_are_as_good_as_any_ids),
        cmocka_unit_test(idset__out_of_memory_leaves_it_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
