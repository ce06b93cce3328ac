#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "origin.h"

static const char *const list[] = {"https://chat.example", "http://dev.example:3000", "https://[2001:db8::1]:8443",
                                   "app://desktop"};
static const char *const any[] = {"*"};

/* Fields: Host, then Origin and Cookie unless NULL. */
static bool allowed(const char *const *listed, size_t count, const char *host, const char *origin, const char *cookie)
{
    struct ws_head head = {.host = chatroom_str(host)};

    head.fields[head.field_count++] = (struct chatroom_header){chatroom_str("Host"), chatroom_str(host)};
    if (origin)
        head.fields[head.field_count++] = (struct chatroom_header){chatroom_str("Origin"), chatroom_str(origin)};
    if (cookie)
        head.fields[head.field_count++] = (struct chatroom_header){chatroom_str("Cookie"), chatroom_str(cookie)};
    return ws_origin_allowed(&(struct ws_origins){listed, count}, &head);
}

static void T01_origins(void **state)
{
    static const struct {
        const char *host, *origin;
        bool same, listed; /* allowed without a list, and with it */
    } table[] = {
        {"localhost:8080", "http://localhost:8080", true, true},
        {"localhost:8080", "HTTP://LOCALHOST:8080", true, true},
        {"LocalHost:8080", "http://localhost:8080", true, true},
        {"localhost", "http://localhost", true, true},
        {"localhost", "http://localhost:80", true, true},
        {"localhost:80", "http://localhost", true, true},
        {"localhost:", "http://localhost", true, true},
        {"[::1]:8080", "http://[::1]:8080", true, true},
        {"[::1]", "http://[::1]", true, true},
        {"[::1]", "http://[::1]:80", true, true},
        {"127.0.0.1:8080", "http://127.0.0.1:8080", true, true},
        {"localhost:8080", "http://localhost:8081", false, false},
        {"localhost:8080", "http://localhost", false, false},
        {"localhost:8080", "http://localhost:80800", false, false},
        {"localhost:8080", "http://localhost:808", false, false},
        {"localhost:8080", "https://localhost:8080", false, false},
        {"localhost", "https://localhost", false, false},
        {"localhost:443", "https://localhost", false, false},
        {"localhost:8080", "ws://localhost:8080", false, false},
        {"localhost:8080", "ftp://localhost:8080", false, false},
        {"localhost:8080", "localhost:8080", false, false},
        {"localhost:8080", "//localhost:8080", false, false},
        {"localhost:8080", "http:/localhost:8080", false, false},
        {"localhost:8080", "http:localhost:8080", false, false},
        {"localhost:8080", "http://localhost:8080/", false, false},
        {"localhost:8080", "http://localhost:8080/x", false, false},
        {"localhost:8080", "http://localhost:8080?x", false, false},
        {"localhost:8080", "http://localhost:8080#x", false, false},
        {"localhost:8080", "http://localhost:8080.evil.example", false, false},
        {"localhost:8080", "http://localhost.evil.example:8080", false, false},
        {"localhost:8080", "http://evil.localhost:8080", false, false},
        {"localhost:8080", "http://xlocalhost:8080", false, false},
        {"localhost:8080", "http://localhost.:8080", false, false},
        {"localhost:8080", "http://localhost:8080@evil.example", false, false},
        {"localhost:8080", "http://user@localhost:8080", false, false},
        {"localhost:8080", "http://localhost:8080 http://evil.example", false, false},
        {"localhost:8080", "http://localhost:8080, http://evil.example", false, false},
        {"localhost:8080", "http://127.0.0.1:8080", false, false},
        {"localhost:8080", "http://[::1]:8080", false, false},
        {"localhost:8080", "null", false, false},
        {"localhost:8080", "", false, false},
        {"localhost:8080", "*", false, false},
        {"localhost:8080", "http://", false, false},
        {"localhost:8080", "http://:8080", false, false},
        {"localhost", "http://localhost:", false, false},
        {"localhost", "http://localhost:0", false, false},
        {"localhost:0", "http://localhost:0", false, false},
        {"localhost:8080", "file://", false, false},
        {"localhost:8080", "http:", false, false},
        {"localhost:8080", "http:/", false, false},
        {"localhost:8080", "http;//localhost:8080", false, false},
        {"localhost:8080", "://localhost:8080", false, false},
        {"localhost:8080", "ht tp://localhost:8080", false, false},
        {"localhost:0", "http://localhost", false, false},
        {"localhost:65536", "http://localhost", false, false},
        {"localhost:0", "https://chat.example", false, true},
        {"localhost:65535", "http://localhost:65535", true, true},
        {"localhost:1", "http://localhost:1", true, true},
        {"chat.example", "app://chat.example:80", false, false},
        {"localhost:8080", "https://chat.example", false, true},
        {"localhost:8080", "https://chat.example:443", false, true},
        {"localhost:8080", "https://CHAT.example", false, true},
        {"localhost:8080", "http://chat.example", false, false},
        {"localhost:8080", "https://chat.example:444", false, false},
        {"localhost:8080", "https://chat.example.evil", false, false},
        {"localhost:8080", "https://xchat.example", false, false},
        {"localhost:8080", "https://chat.exampl", false, false},
        {"localhost:8080", "http://dev.example:3000", false, true},
        {"localhost:8080", "http://dev.example", false, false},
        {"localhost:8080", "https://[2001:db8::1]:8443", false, true},
        {"localhost:8080", "https://[2001:db8::1]", false, false},
        {"localhost:8080", "app://desktop", false, true},
        {"localhost:8080", "app://desktop:1", false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (allowed(NULL, 0, table[i].host, table[i].origin, NULL) != table[i].same)
            fail_msg("%s at %s", table[i].origin, table[i].host);
        if (allowed(list, 4, table[i].host, table[i].origin, NULL) != table[i].listed)
            fail_msg("%s at %s with a list", table[i].origin, table[i].host);
        assert_true(allowed(any, 1, table[i].host, table[i].origin, NULL));
    }
}

static void T01_without_an_origin_only_cookies_are_refused(void **state)
{
    (void)state;
    assert_true(allowed(NULL, 0, "a", NULL, NULL));
    assert_false(allowed(NULL, 0, "a", NULL, "session=1"));
    assert_true(allowed(NULL, 0, "a", "http://a", "session=1"));
    assert_true(allowed(any, 1, "a", NULL, "session=1"));
}

static void T01_two_origins_are_refused_even_if_both_are_right(void **state)
{
    struct ws_head head = {.host = chatroom_str("a"), .field_count = 2};

    (void)state;
    head.fields[0] = head.fields[1] = (struct chatroom_header){chatroom_str("Origin"), chatroom_str("http://a")};
    assert_false(ws_origin_allowed(&(struct ws_origins){NULL, 0}, &head));
}

static void origin__list_takes_only_origins(void **state)
{
    static const char *const bad[] = {"",     "chat.example", "https://",    "https://chat.example/", "*",
                                      "null", "https://a b",  "https://a:0", "https://a:99999",       "https://a:"};

    (void)state;
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++)
        assert_true(ws_origin_valid(list[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(ws_origin_valid(bad[i]));
}

/* The list was checked when it was given; if not, what is no origin is nobody's. */
static void T01_what_is_no_origin_in_a_list_allows_nobody(void **state)
{
    static const char *const odd[] = {"nonsense", "*", "https://chat.example", "https://a:0"};

    (void)state;
    assert_true(allowed(odd, 4, "a", "https://chat.example", NULL));
    assert_false(allowed(odd, 4, "a", "nonsense", NULL));
    assert_false(allowed(odd, 4, "a", "https://a:0", NULL));
    assert_false(allowed(odd, 4, "a", "https://b", NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(T01_origins),
        cmocka_unit_test(T01_without_an_origin_only_cookies_are_refused),
        cmocka_unit_test(T01_two_origins_are_refused_even_if_both_are_right),
        cmocka_unit_test(origin__list_takes_only_origins),
        cmocka_unit_test(T01_what_is_no_origin_in_a_list_allows_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
