#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <nettle/hmac.h>

#include <chatroom/backend/memory.h>
#include <chatroom/chatroom.h>
#include <chatroom/sigv4.h>

#include "wire.h"

/* T42: what is done with a secret leaves nothing of it in memory that is free again. */

#define ACCESS_KEY "AKIDEXAMPLE000000001"
#define SECRET     "planted-secret-of-a-credential"
#define TOKEN      "planted-token-of-a-credential"
#define API_KEY    "planted-value-of-an-api-key"
#define DAY        "20150830"
#define NOW        INT64_C(1440938160000) /* 20150830T123600Z */

/* ---- a heap that looks at what is given back ---- */

static size_t found; /* blocks that were given back with a secret in them */

static bool holds(const void *memory, size_t size, const void *secret, size_t secret_size)
{
    return memory && memmem(memory, size, secret, secret_size);
}

static void look_at(const void *memory, size_t size)
{
    static const char *const secrets[] = {SECRET, TOKEN, API_KEY};

    for (size_t i = 0; i < 3; i++)
        found += holds(memory, size, secrets[i], strlen(secrets[i]));
}

static void *searching(void *arg, void *memory, size_t old_size, size_t size)
{
    void *bigger = size > 0 ? malloc(size) : NULL;

    (void)arg;
    if (size > 0 && !bigger)
        return NULL;
    if (bigger && memory)
        memcpy(bigger, memory, old_size < size ? old_size : size);
    if (memory)
        look_at(memory, old_size);
    free(memory);
    return bigger;
}

static const struct chatroom_alloc alloc = {searching, NULL};

static void T42_an_instance_gives_no_secret_back_to_the_heap(void **state)
{
    const struct chatroom_credential credential = {chatroom_str(ACCESS_KEY), chatroom_str(SECRET), chatroom_str(TOKEN),
                                                   chatroom_bytes(NULL, 0)};
    const struct chatroom_api_key key = {.id = chatroom_str("one"), .value = chatroom_str(API_KEY)};
    struct chatroom_config config = CHATROOM_CONFIG;
    struct chatroom_error error = {0, ""};
    struct wire *wire = wire_new(true);
    chatroom *c;

    (void)state;
    found = 0;
    config.alloc = &alloc;
    config.transport = wire_transport(wire);
    assert_int_equal(chatroom_memory_store(&config.store), CHATROOM_OK);
    assert_int_equal(chatroom_new(&config, &c, &error), CHATROOM_OK);
    assert_int_equal(chatroom_add_credential(c, &credential, &error), CHATROOM_OK);
    assert_int_equal(chatroom_add_api_key(c, &key, &error), CHATROOM_OK);
    chatroom_free(c);
    wire_free(wire);
    assert_int_equal(found, 0);
}

/* ---- a stack that is looked at when its thread has ended ---- */

enum { STACK = 256 * 1024 };

/* As the kernel sees it: no checker of memory has a say in what is read behind the end of a thread. */
static char *copy_of(const char *memory, size_t size)
{
    char *copy = malloc(size);
    int self = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);

    if (!copy)
        abort();
    assert_true(self >= 0);
    assert_int_equal(pread(self, copy, size, (off_t)(uintptr_t)memory), size);
    close(self);
    return copy;
}

/* The stack on which a function has run, as a copy for the caller to free. */
static char *stack_of(void *(*function)(void *))
{
    char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *copy;
    pthread_attr_t attributes;
    pthread_t thread;
    void *result;

    assert_true(stack != MAP_FAILED);
    assert_int_equal(pthread_attr_init(&attributes), 0);
    assert_int_equal(pthread_attr_setstack(&attributes, stack, STACK), 0);
    assert_int_equal(pthread_create(&thread, &attributes, function, NULL), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_non_null(result);
    pthread_attr_destroy(&attributes);
    copy = copy_of(stack, STACK);
    munmap(stack, STACK);
    return copy;
}

static void authenticate(uint8_t key[32], size_t size, const char *text, struct hmac_sha256_ctx *ret_hmac)
{
    hmac_sha256_set_key(ret_hmac, size, key);
    hmac_sha256_update(ret_hmac, strlen(text), (const uint8_t *)text);
    hmac_sha256_digest(ret_hmac, 32, key);
}

/* None of the keys between the secret and the signature, nor what HMAC makes of each, is on that stack. */
static void assert_no_key(const char *stack)
{
    static const char *const scope[] = {DAY, "us-east-1", "execute-api", "aws4_request"};
    uint8_t key[64] = "AWS4" SECRET;
    size_t size = strlen((char *)key);
    struct hmac_sha256_ctx hmac;

    assert_false(holds(stack, STACK, SECRET, strlen(SECRET)));
    for (size_t i = 0; i < 4; i++) {
        authenticate(key, size, scope[i], &hmac);
        size = 32;
        if (holds(stack, STACK, key, size) || holds(stack, STACK, hmac.outer.state, sizeof hmac.outer.state))
            fail_msg("a key of %s is left", scope[i]);
    }
    hmac_sha256_set_key(&hmac, size, key);
    assert_false(holds(stack, STACK, hmac.outer.state, sizeof hmac.outer.state));
}

static const struct chatroom_sigv4_scope scope = {{"us-east-1", 9}, {"execute-api", 11}, NOW, 300000};
static char signed_date[CHATROOM_SIGV4_DATE_SIZE], authorization[CHATROOM_SIGV4_AUTHORIZATION_MOST];

static void *sign(void *arg)
{
    const struct chatroom_header host = {chatroom_str("Host"), chatroom_str("a.example")};
    const struct chatroom_sigv4_request request = {chatroom_str("POST"), chatroom_str("/prod"), &host, 1,
                                                   chatroom_str("hi")};
    const struct chatroom_sigv4_key key = {chatroom_str(ACCESS_KEY), chatroom_str(SECRET), {NULL, 0}};

    (void)arg;
    return chatroom_sigv4_sign(&request, &scope, &key, signed_date, authorization) == CHATROOM_OK ? signed_date : NULL;
}

static bool find(void *arg, chatroom_span access_key, chatroom_span *ret_secret, chatroom_span *ret_token)
{
    (void)arg;
    (void)access_key;
    *ret_secret = chatroom_str(SECRET);
    *ret_token = chatroom_bytes(NULL, 0);
    return true;
}

static void *verify(void *arg)
{
    const struct chatroom_header headers[] = {{chatroom_str("Host"), chatroom_str("a.example")},
                                              {chatroom_str("X-Amz-Date"), chatroom_str(signed_date)},
                                              {chatroom_str("Authorization"), chatroom_str(authorization)}};
    const struct chatroom_sigv4_request request = {chatroom_str("POST"), chatroom_str("/prod"), headers, 3,
                                                   chatroom_str("hi")};

    (void)arg;
    return chatroom_sigv4_verify(&request, &scope, find, NULL, NULL, 0, NULL).verdict == CHATROOM_SIGV4_GOOD
               ? signed_date
               : NULL;
}

static void T42_signing_and_verifying_leave_no_key_on_the_stack(void **state)
{
    char *stack;

    (void)state;
    stack = stack_of(sign);
    assert_no_key(stack);
    free(stack);
    stack = stack_of(verify);
    assert_no_key(stack);
    free(stack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(T42_an_instance_gives_no_secret_back_to_the_heap),
        cmocka_unit_test(T42_signing_and_verifying_leave_no_key_on_the_stack),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
