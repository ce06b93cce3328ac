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

static int enter(struct ws_addresses *addresses, const char *text, struct ws_address **ret_address)
{
    struct sockaddr_storage storage = source(text);

    return ws_address_enter(addresses, (struct sockaddr *)&storage, 2, ret_address);
}

static void T35_source_is_an_address_of_v4_or_a_64_of_v6(void **state)
{
    struct ws_addresses addresses = {0};
    struct ws_address *in[6];

    (void)state;
    assert_int_equal(enter(&addresses, "192.0.2.1", &in[0]), CHATROOM_OK);
    assert_int_equal(enter(&addresses, "192.0.2.1", &in[1]), CHATROOM_OK);
    assert_int_equal(enter(&addresses, "192.0.2.1", &in[2]), CHATROOM_EAGAIN);
    assert_int_equal(enter(&addresses, "192.0.2.2", &in[2]), CHATROOM_OK);
    assert_int_equal(enter(&addresses, "2001:db8::1", &in[3]), CHATROOM_OK);
    assert_int_equal(enter(&addresses, "2001:db8::ffff:1", &in[4]), CHATROOM_OK);
    assert_int_equal(enter(&addresses, "2001:db8::2", &in[5]), CHATROOM_EAGAIN);
    assert_int_equal(enter(&addresses, "2001:db8:0:1::1", &in[5]), CHATROOM_OK);
    ws_address_leave(&addresses, in[0]);
    assert_int_equal(enter(&addresses, "192.0.2.1", &in[0]), CHATROOM_OK);
    for (int i = 0; i < 6; i++)
        ws_address_leave(&addresses, in[i]);
    assert_null(addresses.table);
}

static void T35_loopback_and_local_sockets_are_not_counted(void **state)
{
    static const char *const near[] = {"127.0.0.1", "127.9.9.9", "::1", "local"};
    struct ws_addresses addresses = {0};
    struct ws_address *in;

    (void)state;
    for (size_t i = 0; i < 4; i++)
        for (int n = 0; n < 5; n++) {
            assert_int_equal(enter(&addresses, near[i], &in), CHATROOM_OK);
            assert_null(in);
        }
    assert_null(addresses.table);
}

static void T35_table_is_no_larger_than_the_connections(void **state)
{
    struct ws_addresses addresses = {.key = {1}};
    struct ws_address *in;
    char text[INET_ADDRSTRLEN];

    (void)state;
    for (unsigned i = 0; i < 100000; i++) {
        snprintf(text, sizeof text, "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
        assert_int_equal(enter(&addresses, text, &in), CHATROOM_OK);
        ws_address_leave(&addresses, in);
        assert_null(addresses.table);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(T35_source_is_an_address_of_v4_or_a_64_of_v6),
        cmocka_unit_test(T35_loopback_and_local_sockets_are_not_counted),
        cmocka_unit_test(T35_table_is_no_larger_than_the_connections),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
