#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "wire.h"

#include <chatroom/backend/memory.h>
#include <chatroom/chatroom.h>
#include <chatroom/management.h>
#include <chatroom/sigv4.h>

#include <stdlib.h>
#include <valgrind/memcheck.h>

/*
 * T29: secrets are memory that valgrind takes for never written, so that it tells of each branch and each address that
 * depends on one. What it is told to know again is what everybody may: the signature that was made, and whether two
 * things were the same, which is all that memeql_sec() says.
 */

int __wrap_nettle_memeql_sec(const void *a, const void *b, size_t size);
int __real_nettle_memeql_sec(const void *a, const void *b, size_t size);

static unsigned comparisons;

int __wrap_nettle_memeql_sec(const void *a, const void *b, size_t size)
{
    int same = __real_nettle_memeql_sec(a, b, size);

    comparisons++;
    VALGRIND_MAKE_MEM_DEFINED(&same, sizeof same);
    return same;
}

/* A copy that nobody may look at. */
static chatroom_span hidden(const char *text)
{
    char *copy = strdup(text);
    chatroom_span secret = chatroom_str(copy);

    assert_non_null(copy);
    VALGRIND_MAKE_MEM_UNDEFINED(copy, secret.size);
    return secret;
}

static void reveal(const void *bytes, size_t size)
{
    VALGRIND_MAKE_MEM_DEFINED(bytes, size);
}

/* ---- signatures ---- */

static const struct chatroom_sigv4_scope scope = {
    {"us-east-1", 9}, {"execute-api", 11}, INT64_C(1440938160000), 300000};

static bool find(void *arg, chatroom_span access_key, chatroom_span *ret_secret, chatroom_span *ret_token)
{
    (void)access_key;
    *ret_secret = *(const chatroom_span *)arg;
    *ret_token = chatroom_str("");
    return true;
}

struct message {
    struct chatroom_header headers[3];
    char date[CHATROOM_SIGV4_DATE_SIZE], authorization[CHATROOM_SIGV4_AUTHORIZATION_MOST];
    struct chatroom_sigv4_request request;
};

static void sign(struct message *message, chatroom_span secret)
{
    const struct chatroom_sigv4_key key = {chatroom_str("AKIDEXAMPLE"), secret, chatroom_str("")};

    *message = (struct message){.headers = {{chatroom_str("Host"), chatroom_str("chat.example")}}};
    message->request = (struct chatroom_sigv4_request){.method = chatroom_str("POST"),
                                                       .target = chatroom_str("/prod/@connections/x=?a=1"),
                                                       .headers = message->headers,
                                                       .header_count = 1,
                                                       .body = chatroom_str("{}")};
    assert_int_equal(chatroom_sigv4_sign(&message->request, &scope, &key, message->date, message->authorization),
                     CHATROOM_OK);
    reveal(message->authorization, sizeof message->authorization);
    message->headers[1] = (struct chatroom_header){chatroom_str("X-Amz-Date"), chatroom_str(message->date)};
    message->headers[2] = (struct chatroom_header){chatroom_str("Authorization"), chatroom_str(message->authorization)};
    message->request.header_count = 3;
}

static enum chatroom_sigv4_verdict verify(const struct message *message, chatroom_span secret)
{
    return chatroom_sigv4_verify(&message->request, &scope, find, &secret, NULL, 0, NULL).verdict;
}

/* One that is right, one of which the last octet is wrong, one of which the first is. */
static void T29_a_signature_takes_a_time_that_tells_nothing(void **state)
{
    chatroom_span secret = hidden("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    struct message message;
    char *signature;

    (void)state;
    sign(&message, secret);
    comparisons = 0;
    assert_int_equal(verify(&message, secret), CHATROOM_SIGV4_GOOD);
    assert_int_equal(comparisons, 1);
    signature = message.authorization + strlen(message.authorization) - 64;
    signature[63] = signature[63] == '0' ? '1' : '0';
    assert_int_equal(verify(&message, secret), CHATROOM_SIGV4_MISMATCH);
    signature[0] = signature[0] == '0' ? '1' : '0';
    assert_int_equal(verify(&message, secret), CHATROOM_SIGV4_MISMATCH);
    free((char *)secret.bytes);
}

/* ---- API keys ---- */

/* A key that is added is looked up among those that are there, as one that comes with a connection is. */
static void T29_an_api_key_is_looked_up_in_a_time_that_tells_nothing(void **state)
{
    struct wire *wire = wire_new(false);
    struct chatroom_config config = CHATROOM_CONFIG;
    struct chatroom_api_key keys[] = {{chatroom_str("one"), hidden("key-of-twenty-octets"), 0, 0},
                                      {chatroom_str("two"), hidden("key-of-twenty-octetS"), 0, 0}};
    chatroom *c;

    (void)state;
    config.transport = wire_transport(wire);
    assert_int_equal(chatroom_memory_store(&config.store), CHATROOM_OK);
    assert_int_equal(chatroom_new(&config, &c, NULL), CHATROOM_OK);
    comparisons = 0;
    for (int i = 0; i < 2; i++)
        assert_int_equal(chatroom_add_api_key(c, &keys[i], NULL), CHATROOM_OK);
    assert_int_equal(chatroom_add_api_key(c, &keys[0], NULL), CHATROOM_EEXIST);
    assert_int_equal(comparisons, 3);
    chatroom_free(c);
    wire_free(wire);
    for (int i = 0; i < 2; i++)
        free((char *)keys[i].value.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(T29_a_signature_takes_a_time_that_tells_nothing),
        cmocka_unit_test(T29_an_api_key_is_looked_up_in_a_time_that_tells_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
