/*
 * A target on the first line, an identity source on the second. Its parameters, put together again, are the query
 * without what is empty; octets are decoded as a second decoder does it; and what an identity source finds is what
 * looking at every parameter finds.
 */
#include "fuzz.h"

#include "query.h"

#include <chatroom/event.h>

#include <ctype.h>
#include <string.h>

/* By the C library's idea of a hexadecimal number. */
static size_t decode(chatroom_span encoded, char *octets)
{
    size_t size = 0;

    for (size_t at = 0; at < encoded.size; at++) {
        const unsigned char *c = (const unsigned char *)encoded.bytes + at;
        char digits[3] = "";

        if (*c == '%' && encoded.size - at >= 3 && isxdigit(c[1]) && isxdigit(c[2])) {
            memcpy(digits, c + 1, 2);
            octets[size++] = (char)strtoul(digits, NULL, 16);
            at += 2;
        } else {
            octets[size++] = (char)(*c == '+' ? ' ' : *c);
        }
    }
    return size;
}

static void check_text(chatroom_span encoded)
{
    char *plain = malloc(encoded.size + 2), octet;
    chatroom_span rest = encoded;
    size_t size = 0;

    REQUIRE(plain);
    plain[0] = '\0';
    size = decode(encoded, plain);
    for (size_t i = 0; i < size; i++)
        REQUIRE(cr_query_octet(&rest, &octet) && octet == plain[i]);
    REQUIRE(!cr_query_octet(&rest, &octet));
    REQUIRE(cr_query_is(encoded, chatroom_bytes(plain, size)) && cr_query_same(encoded, encoded));
    plain[size] = 'x';
    REQUIRE(!cr_query_is(encoded, chatroom_bytes(plain, size + 1)));
    if (size > 0) {
        REQUIRE(!cr_query_is(encoded, chatroom_bytes(plain, size - 1)));
        plain[size - 1] ^= 1;
        REQUIRE(!cr_query_is(encoded, chatroom_bytes(plain, size)));
    }
    free(plain);
}

static bool has_same(chatroom_span a, chatroom_span b)
{
    char *left = malloc(a.size + 1), *right = malloc(b.size + 1);
    size_t left_size, right_size;
    bool same;

    REQUIRE(left && right);
    left_size = decode(a, left);
    right_size = decode(b, right);
    same = left_size == right_size && memcmp(left, right, left_size) == 0;
    free(right);
    free(left);
    return same;
}

/* Takes each parameter off the front of the query, where it must stand. */
static void check_parameters(chatroom_span query)
{
    chatroom_span rest = query, previous = {NULL, 0};
    const char *at = query.bytes, *end = query.bytes + query.size;
    struct chatroom_header parameter;

    while (cr_query_next(&rest, &parameter)) {
        size_t size = parameter.name.size + (parameter.value.bytes ? 1 + parameter.value.size : 0);

        while (at < end && *at == '&')
            at++;
        REQUIRE(parameter.name.bytes == at && (size_t)(end - at) >= size);
        at += size;
        REQUIRE(at == end || *at == '&' || at[-1] == '=');
        REQUIRE(!memchr(parameter.name.bytes, '=', parameter.name.size));
        REQUIRE(parameter.value.size == 0 || !memchr(parameter.value.bytes, '&', parameter.value.size));
        check_text(parameter.name);
        check_text(parameter.value);
        REQUIRE(cr_query_same(parameter.name, previous) == has_same(parameter.name, previous));
        previous = parameter.name;
    }
    while (at < end && *at == '&')
        at++;
    REQUIRE(at == end || (at + 1 == end && *at == '='));
}

static bool in_query(chatroom_span query, chatroom_span name)
{
    struct chatroom_header parameter;

    while (cr_query_next(&query, &parameter))
        if (parameter.value.size > 0 && cr_query_is(parameter.name, name))
            return true;
    return false;
}

static void check_source(chatroom_span target, chatroom_span source)
{
    static const char prefix[] = "route.request.querystring.";
    const struct chatroom_api api = {.id = {"a", 1}};
    const struct chatroom_request_head head = {.target = target};
    const struct chatroom_request_info info = {.head = &head, .api = &api};
    struct chatroom_error error = {0};
    size_t start = sizeof prefix - 1;
    bool is_query = source.size > start && memcmp(source.bytes, prefix, start) == 0;
    chatroom_span name = is_query ? chatroom_bytes(source.bytes + start, source.size - start) : source;
    int result = chatroom_event_check_identity(source, &error);

    REQUIRE(result == CHATROOM_OK || (result == CHATROOM_EINVAL && error.text[0]));
    REQUIRE(!is_query || result == CHATROOM_OK);
    if (is_query)
        REQUIRE(chatroom_event_has_identity(&info, source) == in_query(cr_query_of(target), name));
    if (result != CHATROOM_OK)
        REQUIRE(!chatroom_event_has_identity(&info, source));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const uint8_t *newline = size > 0 ? memchr(bytes, '\n', size) : NULL;
    chatroom_span target = chatroom_bytes(bytes, newline ? (size_t)(newline - bytes) : size);
    chatroom_span source = newline ? chatroom_bytes(newline + 1, size - target.size - 1) : chatroom_bytes(NULL, 0);
    const char *mark = target.size > 0 ? memchr(target.bytes, '?', target.size) : NULL;
    chatroom_span query = cr_query_of(target);

    REQUIRE(mark ? query.bytes + query.size == target.bytes + target.size || query.size == 0 : query.size == 0);
    REQUIRE(!mark || query.size == target.size - (size_t)(mark + 1 - target.bytes));
    if (query.size > 0)
        check_parameters(query);
    check_source(target, source);
    return 0;
}
