#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "claims.h"

#include "heap.h"

#include <stdio.h>

struct fixture {
    struct heap heap;
    struct chatroom_alloc alloc;
    struct cr_claims claims;
};

static void start(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    f->alloc = heap_alloc(&f->heap);
}

static void stop(struct fixture *f)
{
    cr_claims_fini(&f->claims, &f->alloc);
    assert_int_equal(f->heap.blocks, 0);
}

static void add(struct fixture *f, uint64_t key, uint64_t name)
{
    assert_int_equal(cr_claims_reserve(&f->claims, &f->alloc, 1), CHATROOM_OK);
    cr_claims_add(&f->claims, key, name);
}

static bool other(const struct fixture *f, uint64_t key, uint64_t name)
{
    return cr_claims_other(&f->claims, key, name, NULL);
}

static void claims__one_name_a_key(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    assert_false(other(&f, 7, 1)); /* nothing was ever added */
    add(&f, 7, 1);
    assert_true(other(&f, 7, 2));
    assert_false(other(&f, 7, 1));
    assert_false(other(&f, 8, 2));
    cr_claims_remove(&f.claims, 7, 1);
    assert_false(other(&f, 7, 2));
    assert_int_equal(f.claims.used, 0);
    stop(&f);
}

static void claims__a_name_is_held_until_its_last_holder_goes(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    add(&f, 7, 1);
    add(&f, 7, 1);
    assert_int_equal(f.claims.used, 1);
    cr_claims_remove(&f.claims, 7, 1);
    assert_true(other(&f, 7, 2));
    cr_claims_remove(&f.claims, 7, 1);
    assert_false(other(&f, 7, 2));
    stop(&f);
}

static void claims__own_name_does_not_count_unless_others_hold_it(void **state)
{
    const uint64_t own = 1;
    struct fixture f;

    (void)state;
    start(&f);
    add(&f, 7, own);
    assert_false(cr_claims_other(&f.claims, 7, 2, &own));
    add(&f, 7, 2);
    assert_true(cr_claims_other(&f.claims, 7, 3, &own));
    cr_claims_remove(&f.claims, 7, 2);
    add(&f, 7, own);
    assert_true(cr_claims_other(&f.claims, 7, 2, &own));
    stop(&f);
}

static void claims__names_that_were_there_already_share_a_key(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    add(&f, 7, 1);
    add(&f, 7, 2);
    assert_true(other(&f, 7, 1) && other(&f, 7, 2) && other(&f, 7, 3));
    cr_claims_remove(&f.claims, 7, 1);
    assert_true(other(&f, 7, 3));
    assert_false(other(&f, 7, 2));
    stop(&f);
}

/* xorshift: the same in every run. */
static uint64_t next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

enum { NAMES = 300 };

/* Few homes, so that runs are long and go round the end of the table. */
static uint64_t key_of(unsigned name)
{
    static const uint64_t homes[] = {0, UINT64_MAX << 32, UINT64_C(1) << 63, UINT64_C(0xf0000000) << 32};

    return homes[name % 4] | (name + 1);
}

static void check_all(const struct fixture *f, const unsigned *held)
{
    size_t used = 0;

    for (unsigned name = 0; name < NAMES; name++) {
        assert_true(other(f, key_of(name), 1000 + name) == (held[name] > 0));
        assert_false(other(f, key_of(name), name + 1));
        used += held[name] > 0;
    }
    assert_int_equal(f->claims.used, used);
}

static void claims__what_is_held_is_found_whatever_comes_and_goes(void **state)
{
    unsigned held[NAMES] = {0};
    struct fixture f;
    uint64_t seed = 88172645463325252;

    (void)state;
    start(&f);
    for (unsigned turn = 0; turn < 20000; turn++) {
        unsigned name = (unsigned)(next(&seed) % NAMES);

        if (held[name] > 0 && next(&seed) % 2) {
            cr_claims_remove(&f.claims, key_of(name), name + 1);
            held[name]--;
        } else if (held[name] < 3) {
            add(&f, key_of(name), name + 1);
            held[name]++;
        }
        if (turn % 100 == 0)
            check_all(&f, held);
    }
    check_all(&f, held);
    stop(&f);
}

/* What a live name costs: its claim. */
static void claims__memory_of_a_claim(void **state)
{
    struct fixture f;
    uint64_t seed = 88172645463325252;

    (void)state;
    start(&f);
    for (uint64_t name = 1; name <= 100000; name++) {
        add(&f, next(&seed), name);
        if (name > 100)
            assert_true(f.claims.capacity * sizeof *f.claims.slots <= name * 31);
    }
    stop(&f);
}

static void claims__survives_lack_of_memory(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    heap_fail(&f.heap, 1, UINT64_MAX);
    assert_int_equal(cr_claims_reserve(&f.claims, &f.alloc, 2), CHATROOM_ENOMEM);
    assert_false(other(&f, 7, 1));
    heap_heal(&f.heap);
    add(&f, 7, 1);
    heap_fail(&f.heap, 1, UINT64_MAX);
    assert_int_equal(cr_claims_reserve(&f.claims, &f.alloc, 100), CHATROOM_ENOMEM);
    assert_true(other(&f, 7, 2));
    assert_int_equal(cr_claims_reserve(&f.claims, &f.alloc, 2), CHATROOM_OK); /* they fit */
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(claims__one_name_a_key),
        cmocka_unit_test(claims__a_name_is_held_until_its_last_holder_goes),
        cmocka_unit_test(claims__own_name_does_not_count_unless_others_hold_it),
        cmocka_unit_test(claims__names_that_were_there_already_share_a_key),
        cmocka_unit_test(claims__what_is_held_is_found_whatever_comes_and_goes),
        cmocka_unit_test(claims__memory_of_a_claim),
        cmocka_unit_test(claims__survives_lack_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
