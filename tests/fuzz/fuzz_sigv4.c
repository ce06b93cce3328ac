/*
 * Signatures. Input is a request in the form of tests/support/http_text.h. Whatever it is, it is verified without harm,
 * and an explanation stays in its memory. What can be signed of it is good as soon as it has the headers that signing
 * made, and good no more when one bit of its target or body is another, the last byte of the input choosing the bit.
 *
 * One kind of bit does not count: upper or lower case of the digits of an escape in the query, which is the same
 * parameter.
 */
#include "fuzz.h"

#include "http_text.h"

#include <chatroom/sigv4.h>

#define NOW_MS INT64_C(1440938160000) /* 20150830T123600Z */

static const struct chatroom_sigv4_scope scope = {{"us-east-1", 9}, {"execute-api", 11}, NOW_MS, 300000};

/* Of a key whose name begins with T the token is "token". */
static bool find(void *arg, chatroom_span access_key, chatroom_span *ret_secret, chatroom_span *ret_token)
{
    (void)arg;
    REQUIRE(access_key.size > 0);
    *ret_secret = chatroom_str("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    *ret_token = chatroom_str(*access_key.bytes == 'T' ? "token" : "");
    return *access_key.bytes != 'X';
}

static bool is_inside(chatroom_span part, chatroom_span text)
{
    return part.size == 0 || (part.bytes >= text.bytes && part.bytes + part.size <= text.bytes + text.size);
}

/* Into a block of exactly capacity bytes. */
static enum chatroom_sigv4_verdict verify(const struct chatroom_sigv4_request *request, size_t capacity,
                                          chatroom_span *ret_access_key)
{
    char *explanation = malloc(capacity);
    size_t explained = SIZE_MAX;
    struct chatroom_sigv4_result result;

    REQUIRE(explanation || capacity == 0);
    result = chatroom_sigv4_verify(request, &scope, find, NULL, explanation, capacity, &explained);
    REQUIRE(explained <= capacity);
    REQUIRE(explained == 0 || result.verdict == CHATROOM_SIGV4_MISMATCH);
    free(explanation);
    *ret_access_key = result.access_key;
    return result.verdict;
}

/* Leaves out the headers that signing adds. */
static void strip(struct http_text *http)
{
    static const char *const added[] = {"authorization", "x-amz-date", "x-amz-security-token"};
    size_t kept = 0;

    for (size_t i = 0; i < http->request.header_count; i++) {
        chatroom_span name = http->headers[i].name;
        bool is_added = false;

        for (size_t j = 0; j < 3; j++)
            is_added = is_added || (name.size == strlen(added[j]) && strncasecmp(name.bytes, added[j], name.size) == 0);
        if (!is_added)
            http->headers[kept++] = http->headers[i];
    }
    http->request.header_count = kept;
}

static void add(struct http_text *http, const char *name, const char *value)
{
    http->headers[http->request.header_count++] = (struct chatroom_header){chatroom_str(name), chatroom_str(value)};
}

static bool is_digit_of_escape(chatroom_span target, size_t at)
{
    const char *query = memchr(target.bytes, '?', target.size);

    if (!query || target.bytes + at < query + 2)
        return false;
    return target.bytes[at - 1] == '%' || (target.bytes + at >= query + 3 && target.bytes[at - 2] == '%');
}

/* A copy with one bit turned; NULL: the bit does not count. */
static char *turned(chatroom_span text, size_t bit, bool is_target)
{
    size_t at = bit / 8 % text.size;
    char turn = (char)(1 << bit % 8), *copy;

    if (is_target && turn == 0x20 && is_digit_of_escape(text, at))
        return NULL;
    copy = malloc(text.size);
    REQUIRE(copy);
    memcpy(copy, text.bytes, text.size);
    copy[at] = (char)(copy[at] ^ turn);
    return copy;
}

static void require_no_other(const struct chatroom_sigv4_request *request, size_t bit)
{
    for (int is_target = 0; is_target < 2; is_target++) {
        struct chatroom_sigv4_request other = *request;
        chatroom_span *part = is_target ? &other.target : &other.body, access_key;
        char *copy = part->size > 0 ? turned(*part, bit, is_target) : NULL;

        if (!copy)
            continue;
        part->bytes = copy;
        REQUIRE(verify(&other, 64, &access_key) != CHATROOM_SIGV4_GOOD);
        free(copy);
    }
}

static void sign(struct http_text *http, bool with_token, size_t bit)
{
    const struct chatroom_sigv4_key key = {chatroom_str(with_token ? "TKEY" : "KEY"),
                                           chatroom_str("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
                                           chatroom_str(with_token ? "token" : "")};
    char date[CHATROOM_SIGV4_DATE_SIZE], authorization[CHATROOM_SIGV4_AUTHORIZATION_MOST];
    chatroom_span access_key;
    int result;

    strip(http);
    result = chatroom_sigv4_sign(&http->request, &scope, &key, date, authorization);
    REQUIRE(result == CHATROOM_OK || result == CHATROOM_EINVAL || result == CHATROOM_ETOOBIG);
    if (result)
        return;
    add(http, "X-Amz-Date", date);
    add(http, "Authorization", authorization);
    if (with_token)
        add(http, "X-Amz-Security-Token", "token");
    REQUIRE(verify(&http->request, 64, &access_key) == CHATROOM_SIGV4_GOOD);
    REQUIRE(chatroom_span_equal(access_key, key.access_key));
    require_no_other(&http->request, bit);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    chatroom_span text = chatroom_bytes(bytes, size), access_key;
    unsigned choice = size > 0 ? bytes[size - 1] : 0;
    struct http_text http;

    http_text_read(&http, text);
    verify(&http.request, choice * 8, &access_key);
    REQUIRE(is_inside(access_key, text));
    sign(&http, choice & 1, choice * 251 + size);
    return 0;
}
