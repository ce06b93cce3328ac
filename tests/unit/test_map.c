#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "map.h"
#include "memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct thing {
    struct cr_map_node node;
    char name[8];
};

static void map__finds_what_was_added_in_order_of_insertion(void **state)
{
    enum { COUNT = 500 };
    struct cr_map map = {.alloc = &cr_default_alloc, .key = {1, 2, 3}};
    struct thing *things = calloc(COUNT, sizeof *things);
    int n = 0;

    (void)state;
    assert_non_null(things);
    for (int i = 0; i < COUNT; i++) {
        snprintf(things[i].name, sizeof things[i].name, "%d", i);
        assert_null(cr_map_find(&map, chatroom_str(things[i].name)));
        assert_int_equal(cr_map_add(&map, &things[i].node, chatroom_str(things[i].name)), CHATROOM_OK);
    }
    assert_int_equal(cr_map_count(&map), COUNT);
    for (struct cr_map_node *node = cr_map_first(&map); node; node = cr_map_next(node))
        assert_ptr_equal(node, &things[n++].node);
    for (int i = 0; i < COUNT; i++) {
        assert_ptr_equal(cr_map_find(&map, chatroom_str(things[i].name)), &things[i].node);
        cr_map_remove(&map, &things[i].node);
        assert_null(cr_map_find(&map, chatroom_str(things[i].name)));
    }
    assert_int_equal(cr_map_count(&map), 0);
    free(things);
}

/* ---- T15 ---- */

enum { CRAFTED = 100000, SIMILAR = 63 }; /* what the attacker takes for the last bits of every hash: zero */

static const uint8_t guessed[16] = {1, 2, 3}, secret[16] = {9, 8, 7, 6, 5, 4, 3, 2, 1};

struct name {
    struct cr_map_node node;
    char text[12];
};

/* Names whose hashes end alike under that key; NULL: any names. */
static struct name *craft(const uint8_t *key)
{
    struct name *names = calloc(CRAFTED, sizeof *names);
    size_t count = 0;

    assert_non_null(names);
    for (uint64_t n = 0; count < CRAFTED; n++) {
        int size = snprintf(names[count].text, sizeof names[count].text, "%" PRIu64, n);

        if (!key || (chatroom_hash(key, names[count].text, (size_t)size) & SIMILAR) == 0)
            count++;
    }
    return names;
}

/* The names in the longest bucket of a map with that key that holds them all. */
static unsigned longest_bucket(const uint8_t key[16], struct name *names)
{
    struct cr_map map = {.alloc = &cr_default_alloc};
    unsigned longest = 0;

    memcpy(map.key, key, sizeof map.key);
    for (size_t i = 0; i < CRAFTED; i++)
        assert_int_equal(cr_map_add(&map, &names[i].node, chatroom_str(names[i].text)), CHATROOM_OK);
    for (unsigned i = 0; i < map.head->hh.tbl->num_buckets; i++)
        if (map.head->hh.tbl->buckets[i].count > longest)
            longest = map.head->hh.tbl->buckets[i].count;
    for (size_t i = 0; i < CRAFTED; i++)
        cr_map_remove(&map, &names[i].node);
    return longest;
}

/* Who does not know the key crafts nothing; the control shows that it would be worth it. */
static void T15_crafted_collisions_are_as_good_as_any_names(void **state)
{
    struct name *crafted = craft(guessed), *any = craft(NULL);
    unsigned usual = longest_bucket(secret, any);

    (void)state;
    assert_in_range(longest_bucket(secret, crafted), 1, usual + usual / 2);
    assert_true(longest_bucket(guessed, crafted) > 4 * usual);
    free(crafted);
    free(any);
}

struct budget {
    size_t left; /* allocations that still succeed */
    int blocks;
};

static void *resize(void *arg, void *memory, size_t old_size, size_t size)
{
    struct budget *budget = arg;

    (void)old_size;
    if (size == 0) {
        budget->blocks -= memory != NULL;
        free(memory);
        return NULL;
    }
    if (budget->left == 0)
        return NULL;
    budget->left--;
    budget->blocks += memory == NULL;
    return realloc(memory, size);
}

static void map__out_of_memory_leaves_it_as_it_was(void **state)
{
    (void)state;
    for (size_t left = 0; left < 8; left++) {
        struct budget budget = {left, 0};
        const struct chatroom_alloc alloc = {resize, &budget};
        struct cr_map map = {.alloc = &alloc};
        struct thing things[200];
        size_t added = 0;

        for (; added < 200; added++) {
            snprintf(things[added].name, sizeof things[added].name, "%zu", added);
            if (cr_map_add(&map, &things[added].node, chatroom_str(things[added].name)))
                break;
        }
        assert_int_equal(cr_map_count(&map), added);
        if (added < 200)
            assert_null(cr_map_find(&map, chatroom_str(things[added].name)));
        for (size_t i = 0; i < added; i++)
            cr_map_remove(&map, &things[i].node);
        assert_int_equal(budget.blocks, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(map__finds_what_was_added_in_order_of_insertion),
        cmocka_unit_test(T15_crafted_collisions_are_as_good_as_any_names),
        cmocka_unit_test(map__out_of_memory_leaves_it_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
