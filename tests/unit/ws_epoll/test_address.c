#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

static struct sockaddr_storage source(const char *text)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&storage;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&storage;

    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1)
        storage.ss_family = AF_INET;
    else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1)
        storage.ss_family = AF_INET6;
    else
        storage.ss_family = AF_UNIX;
    return storage;
}

static const uint64_t second = 1000000000;

static int enter_at(struct ws_addresses *addresses, const char *text, uint64_t now_ns, struct ws_address **ret_address)
{
    struct sockaddr_storage storage = source(text);

    return ws_address_enter(addresses, (struct sockaddr *)&storage, now_ns, ret_address);
}

static int enter(struct ws_addresses *addresses, const char *text, struct ws_address **ret_address)
{
    return enter_at(addresses, text, 0, ret_address);
}

/* One that comes and goes at once. */
static int pass(struct ws_addresses *addresses, const char *text, uint64_t now_ns)
{
    struct ws_address *in;
    int rc = enter_at(addresses, text, now_ns, &in);

    ws_address_leave(addresses, in);
    return rc;
}

static void T35_source_is_an_address_of_v4_or_a_64_of_v6(void **state)
{
    struct ws_addresses addresses = {.limits = {.connections = 2}};
    struct ws_address *in[6];

    (void)state;
    assert_int_equal(enter(&addresses, "192.0.2.1", &in[0]), CHATROOM_OK);
    assert_int_equal(enter(&addresses, "192.0.2.1", &in[1]), CHATROOM_OK);
    assert_int_equal(enter(&addresses, "192.0.2.1", &in[2]), CHATROOM_EAGAIN);
    assert_null(in[2]);
    assert_int_equal(enter(&addresses, "192.0.2.2", &in[2]), CHATROOM_OK);
    assert_int_equal(enter(&addresses, "2001:db8::1", &in[3]), CHATROOM_OK);
    assert_int_equal(enter(&addresses, "2001:db8::ffff:1", &in[4]), CHATROOM_OK);
    assert_int_equal(enter(&addresses, "2001:db8::2", &in[5]), CHATROOM_EAGAIN);
    assert_int_equal(enter(&addresses, "2001:db8:0:1::1", &in[5]), CHATROOM_OK);
    ws_address_leave(&addresses, in[0]);
    assert_int_equal(enter(&addresses, "192.0.2.1", &in[0]), CHATROOM_OK);
    for (int i = 0; i < 6; i++)
        ws_address_leave(&addresses, in[i]);
    ws_addresses_forget(&addresses, 0);
    assert_null(addresses.table);
}

static void T35_loopback_and_local_sockets_are_not_counted(void **state)
{
    static const char *const near[] = {"127.0.0.1", "127.9.9.9", "::1", "local"};
    struct ws_addresses addresses = {.limits = {.connections = 2, .per_second = 1, .burst = 2}};
    struct ws_address *in;

    (void)state;
    for (size_t i = 0; i < 4; i++)
        for (int n = 0; n < 5; n++) {
            assert_int_equal(enter(&addresses, near[i], &in), CHATROOM_OK);
            assert_null(in);
        }
    assert_null(addresses.table);
}

static void T35_rate_of_a_source_is_its_own(void **state)
{
    struct ws_addresses addresses = {.limits = {.per_second = 10, .burst = 50}};

    (void)state;
    for (int i = 0; i < 50; i++)
        assert_int_equal(pass(&addresses, "192.0.2.1", second), CHATROOM_OK);
    assert_int_equal(pass(&addresses, "192.0.2.1", second), CHATROOM_ELIMIT);
    assert_int_equal(pass(&addresses, "192.0.2.2", second), CHATROOM_OK);
    assert_int_equal(pass(&addresses, "2001:db8::1", second), CHATROOM_OK);
    for (int i = 0; i < 10; i++)
        assert_int_equal(pass(&addresses, "192.0.2.1", 2 * second), CHATROOM_OK);
    assert_int_equal(pass(&addresses, "192.0.2.1", 2 * second), CHATROOM_ELIMIT);
    ws_addresses_fini(&addresses);
    assert_null(addresses.table);
}

static void T35_source_without_connections_is_remembered_until_its_bucket_is_full(void **state)
{
    struct ws_addresses addresses = {.limits = {.per_second = 10, .burst = 50}};
    struct ws_address *in;

    (void)state;
    for (int i = 0; i < 50; i++)
        assert_int_equal(pass(&addresses, "192.0.2.1", 0), CHATROOM_OK);
    ws_addresses_forget(&addresses, 5 * second - 1);
    assert_non_null(addresses.table);
    assert_int_equal(enter_at(&addresses, "192.0.2.1", 5 * second - 1, &in), CHATROOM_OK);
    ws_addresses_forget(&addresses, 100 * second); /* it is back */
    assert_non_null(addresses.table);
    assert_int_equal(addresses.waiting, 0);
    ws_address_leave(&addresses, in);
    assert_int_equal(addresses.waiting, 1);
    ws_addresses_forget(&addresses, 100 * second);
    assert_null(addresses.table);
    assert_int_equal(addresses.waiting, 0);
}

static void T35_many_sources_leave_a_table_that_is_bounded_and_gets_empty(void **state)
{
    struct ws_addresses addresses = {.limits = {.connections = 64, .per_second = 10, .burst = 50}, .key = {1}};
    struct ws_address *stays;
    char text[INET_ADDRSTRLEN];

    (void)state;
    assert_int_equal(pass(&addresses, "192.0.2.1", 0), CHATROOM_OK);
    assert_int_equal(enter(&addresses, "192.0.2.1", &stays), CHATROOM_OK);
    for (unsigned i = 0; i < 100000; i++) {
        snprintf(text, sizeof text, "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
        assert_int_equal(pass(&addresses, text, 0), CHATROOM_OK);
        assert_true(addresses.waiting <= WS_ADDRESSES_WAITING);
    }
    assert_int_equal(addresses.waiting, WS_ADDRESSES_WAITING);
    ws_addresses_forget(&addresses, 5 * second);
    assert_int_equal(addresses.waiting, 0);
    assert_non_null(addresses.table); /* who has a connection was not forgotten */
    ws_address_leave(&addresses, stays);
    ws_addresses_forget(&addresses, 5 * second);
    assert_null(addresses.table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(T35_source_is_an_address_of_v4_or_a_64_of_v6),
        cmocka_unit_test(T35_loopback_and_local_sockets_are_not_counted),
        cmocka_unit_test(T35_rate_of_a_source_is_its_own),
        cmocka_unit_test(T35_source_without_connections_is_remembered_until_its_bucket_is_full),
        cmocka_unit_test(T35_many_sources_leave_a_table_that_is_bounded_and_gets_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
