#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "facts.h"
#include "heap.h"

static int get(chatroom *c, const char *domain, const char *path, const char *authorizer, struct cr_facts **ret_facts)
{
    return cr_facts_get(c, chatroom_str(domain), chatroom_str(path), chatroom_str(authorizer), ret_facts);
}

static void begin(chatroom *c, struct heap *heap)
{
    memset(c, 0, sizeof *c);
    c->alloc = heap_alloc(heap);
    c->facts.alloc = &c->alloc;
}

static void facts__the_same_are_there_once_for_as_long_as_anybody_has_them(void **state)
{
    static chatroom c;
    struct heap heap = {0};
    struct cr_facts *one, *same, *other, *shifted;

    (void)state;
    begin(&c, &heap);
    assert_int_equal(get(&c, "a.example", "prod", "{}", &one), CHATROOM_OK);
    assert_int_equal(get(&c, "a.example", "prod", "{}", &same), CHATROOM_OK);
    assert_int_equal(get(&c, "a.example", "test", "{}", &other), CHATROOM_OK);
    assert_int_equal(get(&c, "a.exampl", "eprod", "{}", &shifted), CHATROOM_OK);
    assert_ptr_equal(one, same);
    assert_ptr_not_equal(one, other);
    assert_ptr_not_equal(one, shifted);
    cr_facts_put(&c, same);
    assert_true(chatroom_span_equal(cr_facts_domain(one), chatroom_str("a.example")));
    assert_true(chatroom_span_equal(cr_facts_path(one), chatroom_str("prod")));
    assert_true(chatroom_span_equal(cr_facts_authorizer(one), chatroom_str("{}")));
    cr_facts_put(&c, one);
    cr_facts_put(&c, other);
    cr_facts_put(&c, shifted);
    cr_facts_put(&c, NULL);
    assert_int_equal(heap.blocks, 0);
}

static void facts__of_nobody_are_empty(void **state)
{
    (void)state;
    assert_int_equal(cr_facts_domain(NULL).size + cr_facts_path(NULL).size + cr_facts_authorizer(NULL).size, 0);
}

static void facts__without_memory_nothing_is_left_behind(void **state)
{
    static chatroom c;
    bool failed = true;

    (void)state;
    for (uint64_t n = 1; failed; n++) {
        struct heap heap = {0};
        struct cr_facts *facts = NULL;

        begin(&c, &heap);
        heap_fail(&heap, n, 1);
        failed = get(&c, "", "", "", &facts) != CHATROOM_OK;
        assert_int_equal(failed, heap.failed > 0);
        assert_int_equal(facts == NULL, failed);
        cr_facts_put(&c, facts);
        assert_int_equal(heap.blocks, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts__the_same_are_there_once_for_as_long_as_anybody_has_them),
        cmocka_unit_test(facts__of_nobody_are_empty),
        cmocka_unit_test(facts__without_memory_nothing_is_left_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
