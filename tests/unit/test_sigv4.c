#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <chatroom/sigv4.h>

#include "http_text.h"
#include "vectors/sigv4_vectors.h"

#define SECRET       "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define NOW          INT64_C(1440938160000) /* 20150830T123600Z */
#define SKEW_MS      300000
#define EMPTY_HASH   "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- asking ---- */

/* How a text is verified; the token is that of the key. */
struct asked {
    const char *token, *region, *service;
    int64_t now;
    char *explanation;
    size_t capacity, explained;
    chatroom_span access_key;
};

static struct asked usual(void)
{
    return (struct asked){.token = "", .region = "us-east-1", .service = "execute-api", .now = NOW};
}

static bool find(void *arg, chatroom_span access_key, chatroom_span *ret_secret, chatroom_span *ret_token)
{
    const struct asked *asked = arg;

    if (!chatroom_span_equal(access_key, chatroom_str("AKIDEXAMPLE")))
        return false;
    *ret_secret = chatroom_str(SECRET);
    *ret_token = chatroom_str(asked->token);
    return true;
}

static enum chatroom_sigv4_verdict verify_request(const struct chatroom_sigv4_request *request, struct asked *asked)
{
    const struct chatroom_sigv4_scope scope = {chatroom_str(asked->region), chatroom_str(asked->service), asked->now,
                                               SKEW_MS};
    struct chatroom_sigv4_result result =
        chatroom_sigv4_verify(request, &scope, find, asked, asked->explanation, asked->capacity, &asked->explained);

    asked->access_key = result.access_key;
    return result.verdict;
}

static enum chatroom_sigv4_verdict verify_as(const char *text, struct asked *asked)
{
    struct http_text http;

    http_text_read(&http, chatroom_str(text));
    return verify_request(&http.request, asked);
}

static enum chatroom_sigv4_verdict verify(const char *text)
{
    struct asked asked = usual();

    return verify_as(text, &asked);
}

/* A text with one piece replaced, the first; the piece must be there. Good until the next call but three. */
static const char *with(const char *text, const char *from, const char *to)
{
    static char buffers[4][32768];
    static unsigned turn;
    char *buffer = buffers[turn++ % 4];
    const char *at = strstr(text, from), *rest = at ? at + strlen(from) : NULL;
    size_t before = (size_t)(at - text), middle = strlen(to);

    assert_non_null(at);
    assert_true(before + middle + strlen(rest) < sizeof buffers[0]);
    memmove(buffer, text, before);
    memmove(buffer + before, to, middle);
    memmove(buffer + before + middle, rest, strlen(rest) + 1);
    return buffer;
}

static const char *vector(const char *name)
{
    for (size_t i = 0; i < COUNT(vectors); i++)
        if (strcmp(vectors[i].name, name) == 0)
            return vectors[i].request;
    fail_msg("no vector %s", name);
    return NULL;
}

/* ---- what others sign ---- */

static const char list_users[] =
    "GET /?Action=ListUsers&Version=2010-05-08\n"
    "Content-Type: application/x-www-form-urlencoded; charset=utf-8\n"
    "Host: iam.amazonaws.com\n"
    "X-Amz-Date: 20150830T123600Z\n"
    "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
    "SignedHeaders=content-type;host;x-amz-date, "
    "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7\n"
    "\n";

static void sigv4__the_published_example_is_good(void **state)
{
    struct asked asked = usual();

    (void)state;
    asked.service = "iam";
    assert_int_equal(verify_as(list_users, &asked), CHATROOM_SIGV4_GOOD);
    assert_memory_equal(asked.access_key.bytes, "AKIDEXAMPLE", 11);
    assert_int_equal(asked.access_key.size, 11);
}

static void sigv4__what_botocore_signs_is_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(vectors); i++) {
        struct asked asked = usual();
        enum chatroom_sigv4_verdict verdict;

        asked.token = vectors[i].token ? VECTOR_TOKEN : "";
        verdict = verify_as(vectors[i].request, &asked);
        if (verdict != (vectors[i].good ? CHATROOM_SIGV4_GOOD : CHATROOM_SIGV4_MISMATCH))
            fail_msg("%s: %d", vectors[i].name, verdict);
    }
}

/* Taken from the wire: client-apigatewaymanagementapi 3.1168 and signature-v4 5.7 of the SDK for JavaScript. */
static void AGW_63_what_the_javascript_sdk_signs_is_good(void **state)
{
    static const char post[] =
        "POST /test/@connections/JC1dgf9yoAMCK-g%3D\n"
        "content-type: application/octet-stream\n"
        "content-length: 2\n"
        "x-amz-user-agent: aws-sdk-js/3.1168.0\n"
        "user-agent: aws-sdk-js/3.1168.0\n"
        "host: 127.0.0.1:38259\n"
        "amz-sdk-invocation-id: e26c4286-1080-40bd-9f40-053cc5bdd61f\n"
        "amz-sdk-request: attempt=1; max=3\n"
        "x-amz-date: 20261128T152314Z\n"
        "x-amz-security-token: tok/en+==\n"
        "x-amz-content-sha256: 8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4\n"
        "authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261128/us-east-1/execute-api/aws4_request, "
        "SignedHeaders=amz-sdk-invocation-id;amz-sdk-request;content-length;content-type;host;x-amz-content-sha256;"
        "x-amz-date;x-amz-security-token;x-amz-user-agent, "
        "Signature=e1e7a83a07eee9a1ce9d939290d1f3cce0c96d37a41aaabfbdb28a85c0aae726\n"
        "Connection: keep-alive\n"
        "\n"
        "hi";
    static const char presigned[] =
        "GET /prod?X-Amz-Algorithm=AWS4-HMAC-SHA256"
        "&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fexecute-api%2Faws4_request&X-Amz-Date=20150830T123600Z"
        "&X-Amz-Expires=300&X-Amz-Security-Token=tok%2Fen%2B%3D%3D"
        "&X-Amz-Signature=f399181438deb87fc9908c0522fb283b1cf6a68d7beb28e09111ccd3ec77a387&X-Amz-SignedHeaders=host"
        "&room=a%20b%2Bc&x=2&x=1\n"
        "Host: abc.example\n"
        "\n";
    struct asked asked = usual();

    (void)state;
    asked.token = "tok/en+==";
    assert_int_equal(verify_as(presigned, &asked), CHATROOM_SIGV4_GOOD);
    asked.now = INT64_C(1795879394000); /* 20261128T152314Z */
    assert_int_equal(verify_as(post, &asked), CHATROOM_SIGV4_GOOD);
}

/* ---- what is not signed ---- */

static void AGW_63_an_unsigned_request_is_called_so(void **state)
{
    (void)state;
    assert_int_equal(verify("GET /prod\nHost: a\n\n"), CHATROOM_SIGV4_UNSIGNED);
    assert_int_equal(verify("GET /prod?x=1\nHost: a\nAuthorization: Bearer AWS4-HMAC-SHA256\n\n"),
                     CHATROOM_SIGV4_UNSIGNED);
    assert_int_equal(verify(""), CHATROOM_SIGV4_UNSIGNED);
}

struct change {
    const char *from, *to;
    enum chatroom_sigv4_verdict verdict;
};

static void try_changes(const char *text, const struct change *changes, size_t count)
{
    assert_int_equal(verify(text), CHATROOM_SIGV4_GOOD);
    for (size_t i = 0; i < count; i++) {
        enum chatroom_sigv4_verdict verdict = verify(with(text, changes[i].from, changes[i].to));

        if (verdict != changes[i].verdict)
            fail_msg("'%s' for '%s': %d", changes[i].to, changes[i].from, verdict);
    }
}

static void AGW_63_an_altered_call_is_refused(void **state)
{
    static const struct change changes[] = {
        {"{\"a\":1}", "{\"a\":2}", CHATROOM_SIGV4_MISMATCH},
        {"{\"a\":1}", "{\"a\":1} ", CHATROOM_SIGV4_MISMATCH},
        {"{\"a\":1}", "", CHATROOM_SIGV4_MISMATCH},
        {"POST", "PUT", CHATROOM_SIGV4_MISMATCH},
        {"POST", "post", CHATROOM_SIGV4_MISMATCH},
        {"/test", "/prod", CHATROOM_SIGV4_MISMATCH},
        {"/test", "//test", CHATROOM_SIGV4_MISMATCH},
        {"/test", "/./test", CHATROOM_SIGV4_MISMATCH},
        {"/test", "/x/../test", CHATROOM_SIGV4_MISMATCH},
        {"%3D", "=", CHATROOM_SIGV4_MISMATCH},
        {"%3D", "%3d", CHATROOM_SIGV4_MISMATCH},
        {"%3D", "%253D", CHATROOM_SIGV4_MISMATCH},
        {"@connections", "%40connections", CHATROOM_SIGV4_MISMATCH},
        {"%3D", "%3D?", CHATROOM_SIGV4_GOOD}, /* an empty query is none */
        {"%3D", "%3D?a", CHATROOM_SIGV4_MISMATCH},
        {"%3D", "%3D/", CHATROOM_SIGV4_MISMATCH},
        {"Host: abc123", "Host: abc124", CHATROOM_SIGV4_MISMATCH},
        {"Host: abc123", "HOST:abc123", CHATROOM_SIGV4_GOOD},
        {"20150830T123600Z", "20150830T123601Z", CHATROOM_SIGV4_MISMATCH},
        {"20150830T123600Z", "20150831T123600Z", CHATROOM_SIGV4_SKEWED},
        {"/20150830/", "/20150831/", CHATROOM_SIGV4_SCOPE},
        {"us-east-1/", "us-east-2/", CHATROOM_SIGV4_SCOPE},
        {"execute-api/", "s3/", CHATROOM_SIGV4_SCOPE},
        {"AKIDEXAMPLE", "AKIDANOTHER", CHATROOM_SIGV4_UNKNOWN_KEY},
        {"AKIDEXAMPLE", "AKIDEXAMPL", CHATROOM_SIGV4_UNKNOWN_KEY},
        {"X-Amz-Date", "X-Amz-Security-Token: t\nX-Amz-Date", CHATROOM_SIGV4_UNKNOWN_KEY},
        {"X-Amz-Date", "X-Unsigned: t\nX-Amz-Date", CHATROOM_SIGV4_GOOD},
        {"Signature=f0", "Signature=f1", CHATROOM_SIGV4_MISMATCH},
        {"SignedHeaders=host;x-amz-date", "SignedHeaders=host", CHATROOM_SIGV4_MISMATCH},
    };

    (void)state;
    try_changes(vector("client posts"), changes, COUNT(changes));
}

static void sigv4__a_header_that_cannot_be_checked_is_malformed(void **state)
{
    static const struct change changes[] = {
        {"Authorization: AWS4-HMAC-SHA256", "Authorization: AWS4-HMAC-SHA512", CHATROOM_SIGV4_MALFORMED},
        {"Authorization: AWS4-HMAC-SHA256 ", "Authorization: AWS4-HMAC-SHA256", CHATROOM_SIGV4_MALFORMED},
        {"Authorization: ", "Authorization: AWS4-HMAC-SHA256 x\nAuthorization: ", CHATROOM_SIGV4_MALFORMED},
        {"Authorization: ", "Authorization: Basic x\nAuthorization: ", CHATROOM_SIGV4_MALFORMED},
        {"Credential=", "Credentials=", CHATROOM_SIGV4_MALFORMED},
        {"Credential=", "Credential=x, Credential=", CHATROOM_SIGV4_MALFORMED},
        {"Credential=AKIDEXAMPLE", "Credential=", CHATROOM_SIGV4_MALFORMED},
        {"Credential=AKIDEXAMPLE", "Credential=A%4BIDEXAMPLE", CHATROOM_SIGV4_MALFORMED},
        {"/aws4_request", "/aws4_reques", CHATROOM_SIGV4_MALFORMED},
        {"/aws4_request", "/aws4_request/", CHATROOM_SIGV4_MALFORMED},
        {"/aws4_request", "", CHATROOM_SIGV4_MALFORMED},
        {"/execute-api/aws4_request", "", CHATROOM_SIGV4_MALFORMED},
        {"/us-east-1/execute-api/aws4_request", "", CHATROOM_SIGV4_MALFORMED},
        {"/20150830/us-east-1/execute-api/aws4_request", "", CHATROOM_SIGV4_MALFORMED},
        {"/aws4_request", "/aws4_request/x", CHATROOM_SIGV4_MALFORMED},
        {"AKIDEXAMPLE", "AKID{EXAMPLE", CHATROOM_SIGV4_MALFORMED},
        {"X-Amz-Date", "X-Amz-Content-SHA256: " EMPTY_HASH "\nX-Amz-Content-SHA256: " EMPTY_HASH "\nX-Amz-Date",
         CHATROOM_SIGV4_MALFORMED},
        {"AKIDEXAMPLE/", "AKID/EXAMPLE/", CHATROOM_SIGV4_MALFORMED},
        {"SignedHeaders=host;x-amz-date", "SignedHeaders=x-amz-date", CHATROOM_SIGV4_MALFORMED},
        {"SignedHeaders=host;x-amz-date", "SignedHeaders=x-amz-date;host", CHATROOM_SIGV4_MALFORMED},
        {"SignedHeaders=host;x-amz-date", "SignedHeaders=host;host;x-amz-date", CHATROOM_SIGV4_MALFORMED},
        {"SignedHeaders=host;x-amz-date", "SignedHeaders=Host;x-amz-date", CHATROOM_SIGV4_MALFORMED},
        {"SignedHeaders=host;x-amz-date", "SignedHeaders=X-Amz-Date;host", CHATROOM_SIGV4_MALFORMED},
        {"SignedHeaders=host;x-amz-date", "SignedHeaders=host;x-amz-date;x-gone", CHATROOM_SIGV4_MALFORMED},
        {"SignedHeaders=host;x-amz-date", "SignedHeaders=host;x-amz-date;", CHATROOM_SIGV4_MALFORMED},
        {"SignedHeaders=host;x-amz-date", "SignedHeaders=;host;x-amz-date", CHATROOM_SIGV4_MALFORMED},
        {"SignedHeaders=host;x-amz-date", "SignedHeaders=", CHATROOM_SIGV4_MALFORMED},
        {", SignedHeaders=host;x-amz-date", "", CHATROOM_SIGV4_MALFORMED},
        {"Signature=f0", "Signature=F0", CHATROOM_SIGV4_MALFORMED},
        {"Signature=f0", "Signature=f", CHATROOM_SIGV4_MALFORMED},
        {"Signature=f0", "Signature=f00", CHATROOM_SIGV4_MALFORMED},
        {"Signature=", "Other=x, Signature=", CHATROOM_SIGV4_MALFORMED},
        {"Host: ", "Host: b\nhost: ", CHATROOM_SIGV4_MALFORMED},
        {"X-Amz-Date: ", "X-Amz-Date: 20150830T123600Z\nx-amz-date: ", CHATROOM_SIGV4_MALFORMED},
        {"X-Amz-Date: ", "X-Amz-Date: x", CHATROOM_SIGV4_MALFORMED},
        {"20150830T123600Z", "Sun, 30 Aug 2015 12:36:00 GMT", CHATROOM_SIGV4_MALFORMED},
        {"X-Amz-Date: 20150830T123600Z\n", "", CHATROOM_SIGV4_MALFORMED},
        {"X-Amz-Date", "X-Amz-Security-Token: a\nX-Amz-Security-Token: a\nX-Amz-Date", CHATROOM_SIGV4_MALFORMED},
        {"X-Amz-Date", "X-Amz-Content-SHA256: UNSIGNED-PAYLOAD\nX-Amz-Date", CHATROOM_SIGV4_MALFORMED},
        {"X-Amz-Date", "X-Amz-Content-SHA256:\nX-Amz-Date", CHATROOM_SIGV4_MALFORMED},
        {"/test", "test", CHATROOM_SIGV4_MALFORMED},
        {"/test", "http://a/test", CHATROOM_SIGV4_MALFORMED},
        {"%3D", "%3D?X-Amz-Signature=1", CHATROOM_SIGV4_MALFORMED},
        {"%3D", "%3D?X-Amz-Algorithm", CHATROOM_SIGV4_MALFORMED},
        {"%3D", "%3D?a=%3", CHATROOM_SIGV4_MALFORMED},
        {"%3D", "%3D?a=%3g", CHATROOM_SIGV4_MALFORMED},
        {"POST ", " ", CHATROOM_SIGV4_MALFORMED},
    };

    (void)state;
    try_changes(vector("client posts"), changes, COUNT(changes));
}

static void AGW_52_an_altered_presigned_request_is_refused(void **state)
{
    static const struct change changes[] = {
        {"/prod?", "/prod?a=b&", CHATROOM_SIGV4_MISMATCH},
        {"/prod?", "/prod?&&", CHATROOM_SIGV4_GOOD}, /* nothing was added */
        {"/prod", "/test", CHATROOM_SIGV4_MISMATCH},
        {"GET", "POST", CHATROOM_SIGV4_MISMATCH},
        {"X-Amz-Expires=300", "X-Amz-Expires=301", CHATROOM_SIGV4_MISMATCH},
        {"X-Amz-Expires=300&", "", CHATROOM_SIGV4_MISMATCH},
        {"X-Amz-Date=20150830T123600Z", "X-Amz-Date=20150830T123559Z", CHATROOM_SIGV4_MISMATCH},
        {"Host: abc123", "Host: abc124", CHATROOM_SIGV4_MISMATCH},
        {"\n\n", "\n\nbody", CHATROOM_SIGV4_MISMATCH},
        {"\nHost", "\nX-Other: 1\nHost", CHATROOM_SIGV4_GOOD},
        {"%2F20150830", "%2f20150830", CHATROOM_SIGV4_GOOD}, /* the same parameter */
        {"%2F20150830", "/20150830", CHATROOM_SIGV4_GOOD},
        {"AKIDEXAMPLE", "AKIDANOTHER", CHATROOM_SIGV4_UNKNOWN_KEY},
        {"us-east-1", "us-east-2", CHATROOM_SIGV4_SCOPE},
        {"/prod?", "/prod?X-Amz-Security-Token=t&", CHATROOM_SIGV4_UNKNOWN_KEY},
        {"/prod?", "/prod?X-Amz-Security-Token=%&", CHATROOM_SIGV4_MALFORMED},
        {"/prod?", "/prod?X-Amz-Expires=300&", CHATROOM_SIGV4_MALFORMED},
        {"/prod?", "/prod?X-Amz-Date=20150830T123600Z&", CHATROOM_SIGV4_MALFORMED},
        {"/prod?", "/prod?X-Amz-Signature=&", CHATROOM_SIGV4_MALFORMED},
        {"/prod?", "/prod?X-Amz-SignedHeaders=host&", CHATROOM_SIGV4_MALFORMED},
        {"/prod?", "/prod?X-Amz-Credential=&", CHATROOM_SIGV4_MALFORMED},
        {"/prod?", "/prod?X-Amz-Algorithm=AWS4-HMAC-SHA256&", CHATROOM_SIGV4_MALFORMED},
        {"X-Amz-Expires=300", "X-Amz-Expires=0", CHATROOM_SIGV4_MALFORMED},
        {"X-Amz-Expires=300", "X-Amz-Expires=", CHATROOM_SIGV4_MALFORMED},
        {"X-Amz-Expires=300", "X-Amz-Expires=-1", CHATROOM_SIGV4_MALFORMED},
        {"X-Amz-Expires=300", "X-Amz-Expires=3:", CHATROOM_SIGV4_MALFORMED},
        {"X-Amz-Algorithm=AWS4-HMAC-SHA256", "X-Amz-Algorithm=AWS4-HMAC-SHA512", CHATROOM_SIGV4_MALFORMED},
        {"X-Amz-Date=20150830T123600Z&", "", CHATROOM_SIGV4_MALFORMED},
        {"X-Amz-Date=20150830T123600Z", "X-Amz-Date=20150830", CHATROOM_SIGV4_MALFORMED},
        {"X-Amz-SignedHeaders=host&", "", CHATROOM_SIGV4_MALFORMED},
        {"X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders=host%", CHATROOM_SIGV4_MALFORMED},
        {"X-Amz-Signature=e", "X-Amz-Signature=", CHATROOM_SIGV4_MALFORMED},
        {"X-Amz-Signature=e", "X-Amz-Signature=E", CHATROOM_SIGV4_MALFORMED},
        {"/prod?", "/prod?X-Amz-Security-Token=t&X-Amz-Security-Token=t&", CHATROOM_SIGV4_MALFORMED},
        {"/prod?", "/prod?a=%4&", CHATROOM_SIGV4_MALFORMED},
        {"Credential=AKIDEXAMPLE", "Credential=", CHATROOM_SIGV4_MALFORMED},
        {"Credential=AKIDEXAMPLE", "Credential=%", CHATROOM_SIGV4_MALFORMED},
        {"%2Faws4_request", "", CHATROOM_SIGV4_MALFORMED},
        {"X-Amz-Expires=300", "X-Amz-Expires=604801", CHATROOM_SIGV4_MALFORMED},
        {"X-Amz-Expires=300", "X-Amz-Expires=99999999999999999999999999", CHATROOM_SIGV4_MALFORMED},
        {"X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders=", CHATROOM_SIGV4_MALFORMED},
        {"X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders=x-other", CHATROOM_SIGV4_MALFORMED},
        {"X-Amz-Algorithm=AWS4-HMAC-SHA256&", "", CHATROOM_SIGV4_MALFORMED},
        {"X-Amz-Credential=AKID", "X-Amz-Credential=%41KID", CHATROOM_SIGV4_MALFORMED},
        {"&X-Amz-Signature=", "&X-Amz-Signatur=", CHATROOM_SIGV4_MALFORMED},
        {"\nHost", "\nAuthorization: AWS4-HMAC-SHA256 x\nHost", CHATROOM_SIGV4_MALFORMED},
        {"\nHost", "\nNotHost", CHATROOM_SIGV4_MALFORMED},
    };

    (void)state;
    try_changes(vector("presigned"), changes, COUNT(changes));
}

/* Whether this octet of a request may be changed to that one and mean the same: the little that has two spellings. */
static bool means_the_same(const char *text, size_t at, char other)
{
    const char *line = text + at, *colon, *last = strstr(text, "\n\n");
    bool letter = (text[at] >= 'a' && text[at] <= 'z') || (text[at] >= 'A' && text[at] <= 'Z');

    while (line > text && line[-1] != '\n')
        line--;
    colon = strchr(line, ':');
    if (line == text) /* the case of a digit of an escaped octet of the query */
        return memchr(text, '?', at) && letter && other == (text[at] ^ 0x20) &&
               (text[at - 1] == '%' || text[at - 2] == '%');
    if (text + at >= last)
        return text + at < last + 2; /* where this text ends its head, which no request on a wire does so */
    if (text + at > colon)           /* a blank before a value, or between those of Authorization */
        return text[at] == ' ' && other == '\t' && (text + at == colon + 1 || text[at - 1] == ',');
    return letter && other == (text[at] ^ 0x20); /* the case of a name */
}

/* Every octet of a request, with every other value: nothing of it can be changed and be good. */
static void try_every_octet(const char *name, size_t *tried)
{
    char text[4096];
    size_t size = strlen(vector(name));
    struct asked asked = usual();

    assert_true(size < sizeof text);
    memcpy(text, vector(name), size + 1);
    assert_int_equal(verify_as(text, &asked), CHATROOM_SIGV4_GOOD);
    for (size_t at = 0; at < size; at++)
        for (unsigned other = 0; other < 256; other++) {
            char was = text[at];
            struct http_text http;
            enum chatroom_sigv4_verdict verdict;

            if ((char)other == was || means_the_same(text, at, (char)other))
                continue;
            text[at] = (char)other;
            http_text_read(&http, chatroom_bytes(text, size));
            verdict = verify_request(&http.request, &asked);
            text[at] = was;
            if (verdict == CHATROOM_SIGV4_GOOD)
                fail_msg("%s: octet %zu, '%c' for '%c', near \"%.20s\"", name, at, (char)other, was, text + at);
            ++*tried;
        }
}

static void T28_no_octet_of_a_signed_request_can_be_changed(void **state)
{
    size_t tried = 0;

    (void)state;
    try_every_octet("client posts", &tried);
    try_every_octet("client gets", &tried);
    try_every_octet("presigned", &tried);
    assert_true(tried > 250000);
}

static void sigv4__parameters_may_change_places(void **state)
{
    static const struct change changes[] = {
        {"b=2&a=1&b=1&empty=&name", "a=1&b=1&b=2&empty&name=", CHATROOM_SIGV4_GOOD},
        {"b=2&a=1&b=1&empty=&name", "b=2&a=1&b=2&empty=&name", CHATROOM_SIGV4_MISMATCH},
        {"b=2&a=1&b=1&empty=&name", "b=2&a=1&b=1&empty=", CHATROOM_SIGV4_MISMATCH},
        {"a=1", "%61=%31", CHATROOM_SIGV4_GOOD},
        {"empty=", "empty==", CHATROOM_SIGV4_MISMATCH},
    };

    (void)state;
    try_changes(vector("query"), changes, COUNT(changes));
}

static void sigv4__runs_of_spaces_in_a_header_are_one(void **state)
{
    static const struct change changes[] = {
        {"X-Odd:   a   b  c \n", "X-Odd:a b c\n", CHATROOM_SIGV4_GOOD},
        {"X-Odd:   a   b  c \n", "X-Odd:\ta \t b\tc\t\n", CHATROOM_SIGV4_GOOD},
        {"X-Odd:   a   b  c \n", "X-Odd: a b c d\n", CHATROOM_SIGV4_MISMATCH},
        {"X-Odd:   a   b  c \n", "X-Odd: ab c\n", CHATROOM_SIGV4_MISMATCH},
    };

    (void)state;
    try_changes(vector("odd spaces in a header"), changes, COUNT(changes));
}

/* Some read a space in it, some do not: whatever was signed, nobody may change it for another. */
static void sigv4__a_plus_is_neither_an_escaped_one_nor_a_space(void **state)
{
    static const struct change changes[] = {
        {"a+b", "a%2Bb", CHATROOM_SIGV4_MISMATCH},
        {"a+b", "a%20b", CHATROOM_SIGV4_MISMATCH},
    };

    (void)state;
    try_changes(vector("query with a plus"), changes, COUNT(changes));
}

static void sigv4__values_of_a_header_keep_their_order(void **state)
{
    static const struct change changes[] = {
        {"X-Twice: b\nX-Twice: a\n", "X-Twice: a\nX-Twice: b\n", CHATROOM_SIGV4_MISMATCH},
        {"X-Twice: b\nX-Twice: a\n", "X-Twice:  b,a \n", CHATROOM_SIGV4_GOOD},
        {"X-Twice: b\n", "", CHATROOM_SIGV4_MISMATCH},
    };

    (void)state;
    try_changes(vector("a header twice"), changes, COUNT(changes));
}

static void sigv4__what_ends_a_line_is_not_signed(void **state)
{
    static const char ends[] = "\r\n";
    struct asked asked = usual();
    struct http_text http;
    char value[] = "a b";

    (void)state;
    for (size_t i = 0; i < sizeof ends; i++) { /* the NUL as well */
        http_text_read(&http, chatroom_str(vector("client posts")));
        value[1] = ends[i];
        http.headers[http.request.header_count++] =
            (struct chatroom_header){chatroom_str("X"), chatroom_bytes(value, 3)};
        assert_int_equal(verify_request(&http.request, &asked), CHATROOM_SIGV4_MALFORMED);
        http.request.header_count--;
        http.request.method = chatroom_bytes(value, 3);
        assert_int_equal(verify_request(&http.request, &asked), CHATROOM_SIGV4_MALFORMED);
    }
}

/* ---- time ---- */

static enum chatroom_sigv4_verdict verify_at(const char *name, int64_t now)
{
    struct asked asked = usual();

    asked.now = now;
    return verify_as(vector(name), &asked);
}

static void T28_a_date_may_be_off_by_the_skew(void **state)
{
    (void)state;
    assert_int_equal(verify_at("client gets", NOW + SKEW_MS), CHATROOM_SIGV4_GOOD);
    assert_int_equal(verify_at("client gets", NOW + SKEW_MS + 1), CHATROOM_SIGV4_SKEWED);
    assert_int_equal(verify_at("client gets", NOW - SKEW_MS), CHATROOM_SIGV4_GOOD);
    assert_int_equal(verify_at("client gets", NOW - SKEW_MS - 1), CHATROOM_SIGV4_SKEWED);
    assert_int_equal(verify_at("date as HTTP writes it", NOW + SKEW_MS + 1), CHATROOM_SIGV4_SKEWED);
    assert_int_equal(verify_at("client gets", INT64_MAX), CHATROOM_SIGV4_SKEWED);
    assert_int_equal(verify_at("client gets", INT64_MIN), CHATROOM_SIGV4_SKEWED);
}

static void sigv4__a_presigned_request_is_good_until_it_expires(void **state)
{
    (void)state;
    assert_int_equal(verify_at("presigned", NOW - SKEW_MS), CHATROOM_SIGV4_GOOD);
    assert_int_equal(verify_at("presigned", NOW - SKEW_MS - 1), CHATROOM_SIGV4_SKEWED);
    assert_int_equal(verify_at("presigned", NOW + 300000), CHATROOM_SIGV4_GOOD);
    assert_int_equal(verify_at("presigned", NOW + 300001), CHATROOM_SIGV4_SKEWED);
    assert_int_equal(verify_at("presigned for an hour", NOW + 3600000), CHATROOM_SIGV4_GOOD);
    assert_int_equal(verify_at("presigned for an hour", NOW + 3600001), CHATROOM_SIGV4_SKEWED);
    assert_int_equal(verify_at("presigned without an end", NOW + SKEW_MS), CHATROOM_SIGV4_GOOD);
    assert_int_equal(verify_at("presigned without an end", NOW + SKEW_MS + 1), CHATROOM_SIGV4_SKEWED);
}

/* ---- tokens, regions ---- */

static void sigv4__the_token_must_be_the_keys(void **state)
{
    static const char *const names[] = {"client posts with a token", "presigned with a token",
                                        "token behind the signature"};
    static const char *const others[] = {"", "IQoJb3JpZ2lu+tok/en=", "IQoJb3JpZ2lu+tok/en===", "IQoJb3JpZ2lu+tok/eN=="};

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++)
        for (size_t j = 0; j < COUNT(others); j++) {
            struct asked asked = usual();

            asked.token = others[j];
            assert_int_equal(verify_as(vector(names[i]), &asked), CHATROOM_SIGV4_UNKNOWN_KEY);
        }
}

static void sigv4__a_key_with_a_token_needs_it(void **state)
{
    struct asked asked = usual();

    (void)state;
    asked.token = VECTOR_TOKEN;
    assert_int_equal(verify_as(vector("client posts"), &asked), CHATROOM_SIGV4_UNKNOWN_KEY);
    assert_int_equal(verify_as(vector("presigned"), &asked), CHATROOM_SIGV4_UNKNOWN_KEY);
}

static void sigv4__an_empty_region_is_any(void **state)
{
    struct asked asked = usual();

    (void)state;
    asked.region = "";
    assert_int_equal(verify_as(vector("client posts"), &asked), CHATROOM_SIGV4_GOOD);
    asked.service = "";
    assert_int_equal(verify_as(vector("client posts"), &asked), CHATROOM_SIGV4_SCOPE);
}

static void sigv4__the_access_key_is_borrowed_from_the_request(void **state)
{
    static const char *const names[] = {"client posts", "presigned"};

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        const char *text = vector(names[i]);
        struct asked asked = usual();

        verify_as(text, &asked);
        assert_ptr_equal(asked.access_key.bytes, strstr(text, "AKIDEXAMPLE"));
        assert_int_equal(asked.access_key.size, 11);
    }
}

/* ---- explaining ---- */

static const char explained[] = "The canonical request:\n"
                                "POST\n"
                                "/test/%40connections/JC1dgf9yoAMCK-g%253D\n"
                                "\n"
                                "host:abc123.execute-api.us-east-1.amazonaws.com\n"
                                "x-amz-date:20150830T123600Z\n"
                                "\n"
                                "host;x-amz-date\n"
                                "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4\n"
                                "\n"
                                "The string to sign:\n"
                                "AWS4-HMAC-SHA256\n"
                                "20150830T123600Z\n"
                                "20150830/us-east-1/execute-api/aws4_request\n";

static void sigv4__a_mismatch_is_explained(void **state)
{
    const char *text = with(vector("client posts"), "{\"a\":1}", "hi");
    char buffer[CHATROOM_SIGV4_EXPLANATION_SIZE];
    struct asked asked = usual();

    (void)state;
    asked.explanation = buffer;
    asked.capacity = sizeof buffer;
    assert_int_equal(verify_as(text, &asked), CHATROOM_SIGV4_MISMATCH);
    assert_int_equal(asked.explained, sizeof explained - 1 + 64);
    assert_memory_equal(buffer, explained, sizeof explained - 1);
    assert_int_equal(verify_as(vector("client posts"), &asked), CHATROOM_SIGV4_GOOD);
    assert_int_equal(asked.explained, 0);
}

static void sigv4__an_explanation_ends_where_its_memory_does(void **state)
{
    const char *text = with(vector("client posts"), "{\"a\":1}", "hi");

    (void)state;
    for (size_t capacity = 0; capacity < sizeof explained; capacity++) {
        struct asked asked = usual();
        char *buffer = malloc(capacity + 1);

        assert_non_null(buffer);
        buffer[capacity] = '#';
        asked.explanation = capacity > 0 ? buffer : NULL;
        asked.capacity = capacity;
        assert_int_equal(verify_as(text, &asked), CHATROOM_SIGV4_MISMATCH);
        assert_int_equal(asked.explained, capacity);
        if (capacity > 0)
            assert_memory_equal(buffer, explained, capacity < sizeof explained - 1 ? capacity : sizeof explained - 1);
        assert_int_equal(buffer[capacity], '#');
        free(buffer);
    }
}

/* ---- signing ---- */

/* What is signed, the header values, and the whole request that has them. */
struct made {
    struct http_text http;
    char date[CHATROOM_SIGV4_DATE_SIZE], authorization[CHATROOM_SIGV4_AUTHORIZATION_MOST];
};

static int sign_as(struct made *made, const char *text, const char *service, const char *token)
{
    const struct chatroom_sigv4_key key = {chatroom_str("AKIDEXAMPLE"), chatroom_str(SECRET), chatroom_str(token)};
    const struct chatroom_sigv4_scope scope = {chatroom_str("us-east-1"), chatroom_str(service), NOW, 0};
    size_t *count = &made->http.request.header_count;
    int result;

    http_text_read(&made->http, chatroom_str(text));
    result = chatroom_sigv4_sign(&made->http.request, &scope, &key, made->date, made->authorization);
    if (result)
        return result;
    made->http.headers[(*count)++] = (struct chatroom_header){chatroom_str("X-Amz-Date"), chatroom_str(made->date)};
    made->http.headers[(*count)++] =
        (struct chatroom_header){chatroom_str("Authorization"), chatroom_str(made->authorization)};
    if (*token)
        made->http.headers[(*count)++] =
            (struct chatroom_header){chatroom_str("X-Amz-Security-Token"), chatroom_str(token)};
    return CHATROOM_OK;
}

static int sign(const char *text)
{
    struct made made;

    return sign_as(&made, text, "execute-api", "");
}

static void sigv4__signatures_are_the_published_ones(void **state)
{
    static const struct {
        const char *service, *request, *names, *signature;
    } published[] = {
        {"iam",
         "GET /?Action=ListUsers&Version=2010-05-08\nHost: iam.amazonaws.com\n"
         "Content-Type: application/x-www-form-urlencoded; charset=utf-8\n\n",
         "content-type;host;x-amz-date", "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"},
        {"service", "GET /\nHost:example.amazonaws.com\n\n", "host;x-amz-date",
         "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
        {"service", "GET /?Param2=value2&Param1=value1\nHost:example.amazonaws.com\n\n", "host;x-amz-date",
         "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
        {"service", "POST /\nHost:example.amazonaws.com\n\n", "host;x-amz-date",
         "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(published); i++) {
        struct made made;
        char expected[512];

        assert_int_equal(sign_as(&made, published[i].request, published[i].service, ""), CHATROOM_OK);
        snprintf(expected, sizeof expected,
                 "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/%s/aws4_request, SignedHeaders=%s, "
                 "Signature=%s",
                 published[i].service, published[i].names, published[i].signature);
        assert_string_equal(made.authorization, expected);
        assert_string_equal(made.date, "20150830T123600Z");
    }
}

static void sigv4__what_is_signed_here_is_good(void **state)
{
    static const char *const texts[] = {
        "GET /\nHost: a\n\n",
        "POST /prod/@connections/x=?b=2&a=+&a=%2b&&=&c\nX-B: 1\nHost: a\nx-b:  2  3 \nX-A:\n\nbody",
        ("DELETE /%2f/../%zz//\nhost: a\nX-Amz-Content-SHA256: " EMPTY_HASH "\n\n"),
        "GET /a_b~c-d.e%5f%7E{\nHost-Name: b\nHost: a\nHost-: c\n\n",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++)
        for (int with_token = 0; with_token < 2; with_token++) {
            struct asked asked = usual();
            struct made made;

            asked.token = with_token ? VECTOR_TOKEN : "";
            assert_int_equal(sign_as(&made, texts[i], "execute-api", asked.token), CHATROOM_OK);
            assert_int_equal(verify_request(&made.http.request, &asked), CHATROOM_SIGV4_GOOD);
            made.http.request.body = chatroom_str("other");
            if (i < 2)
                assert_int_equal(verify_request(&made.http.request, &asked), CHATROOM_SIGV4_MISMATCH);
        }
}

/* HMAC treats secrets of more than 60 octets in another way. */
static bool find_secret(void *arg, chatroom_span access_key, chatroom_span *ret_secret, chatroom_span *ret_token)
{
    (void)access_key;
    *ret_secret = *(const chatroom_span *)arg;
    *ret_token = chatroom_str("");
    return true;
}

static void sigv4__a_secret_may_have_any_length(void **state)
{
    static const char *const signatures[] = LONG_SECRET_SIGNATURES;
    static const size_t sizes[] = LONG_SECRET_SIZES;

    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        char secret_bytes[256], date[CHATROOM_SIGV4_DATE_SIZE], authorization[CHATROOM_SIGV4_AUTHORIZATION_MOST];
        chatroom_span secret = chatroom_bytes(secret_bytes, sizes[i]);
        const struct chatroom_sigv4_key key = {chatroom_str("AKIDEXAMPLE"), secret, chatroom_str("")};
        const struct chatroom_sigv4_scope scope = {chatroom_str("us-east-1"), chatroom_str("execute-api"), NOW, 0};
        struct http_text http;

        memset(secret_bytes, 's', sizeof secret_bytes);
        http_text_read(&http, chatroom_str("GET /\nHost: a\n\n"));
        assert_int_equal(chatroom_sigv4_sign(&http.request, &scope, &key, date, authorization), CHATROOM_OK);
        assert_string_equal(strstr(authorization, "Signature=") + strlen("Signature="), signatures[i]);
        http.headers[1] = (struct chatroom_header){chatroom_str("X-Amz-Date"), chatroom_str(date)};
        http.headers[2] = (struct chatroom_header){chatroom_str("Authorization"), chatroom_str(authorization)};
        http.request.header_count = 3;
        assert_int_equal(chatroom_sigv4_verify(&http.request, &scope, find_secret, &secret, NULL, 0, NULL).verdict,
                         CHATROOM_SIGV4_GOOD);
    }
}

static void sigv4__what_cannot_be_verified_is_not_signed(void **state)
{
    static const char *const texts[] = {
        "GET /\n\n",
        "GET /\nHost: a\nhost: b\n\n",
        "GET \nHost: a\n\n",
        "GET ?a\nHost: a\n\n",
        "GET *\nHost: a\n\n",
        "GET /?a=%\nHost: a\n\n",
        "GET /?X-Amz-Signature=1\nHost: a\n\n",
        "GET /?X-Amz-Algorithm\nHost: a\n\n",
        " /\nHost: a\n\n",
        "GET /\nHost: a\nX Y: b\n\n",
        "GET /\nHost: a\n: b\n\n",
        "GET /\nHost: a\nX: b\r\n\n",
        "GET /\nHost: a\nX-Amz-Date: 20150830T123600Z\n\n",
        "GET /\nHost: a\nauthorization: b\n\n",
        "GET /\nHost: a\nX-Amz-Security-Token: b\n\n",
        "GET /\nHost: a\nX-Amz-Content-SHA256: UNSIGNED-PAYLOAD\n\n",
        ("GET /\nHost: a\nX-Amz-Content-SHA256: " EMPTY_HASH "\n\nbody"),
        ("GET /\nHost: a\nX-Amz-Content-SHA256: " EMPTY_HASH "\nX-Amz-Content-SHA256: " EMPTY_HASH "\n\n"),
    };

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++)
        if (sign(texts[i]) != CHATROOM_EINVAL)
            fail_msg("%s", texts[i]);
}

static void sigv4__a_key_or_scope_that_cannot_be_written_does_not_sign(void **state)
{
    static const struct {
        const char *key, *token, *region, *service;
        int64_t now;
    } wrong[] = {
        {"", "", "r", "s", NOW},        {"A/B", "", "r", "s", NOW},     {"A,B", "", "r", "s", NOW},
        {"A", "a b", "r", "s", NOW},    {"A", "a\n", "r", "s", NOW},    {"A", "", "", "s", NOW},
        {"A", "", "r/", "s", NOW},      {"A", "", "r", "", NOW},        {"A", "", "r", "s,", NOW},
        {"A", "", "r", "s", INT64_MAX}, {"A", "", "r", "s", INT64_MIN},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        const struct chatroom_sigv4_key key = {chatroom_str(wrong[i].key), chatroom_str(SECRET),
                                               chatroom_str(wrong[i].token)};
        const struct chatroom_sigv4_scope scope = {chatroom_str(wrong[i].region), chatroom_str(wrong[i].service),
                                                   wrong[i].now, 0};
        char date[CHATROOM_SIGV4_DATE_SIZE] = "untouched", authorization[CHATROOM_SIGV4_AUTHORIZATION_MOST] = "too";
        struct http_text http;

        http_text_read(&http, chatroom_str("GET /\nHost: a\n\n"));
        assert_int_equal(chatroom_sigv4_sign(&http.request, &scope, &key, date, authorization), CHATROOM_EINVAL);
        assert_string_equal(date, "untouched");
        assert_string_equal(authorization, "too");
    }
}

/* ---- bounds ---- */

/* A request with so many headers and parameters, and names of so many octets. */
static const char *large(size_t headers, size_t parameters, size_t name_size)
{
    static char text[65536];
    size_t size = (size_t)snprintf(text, sizeof text, "GET /?");

    for (size_t i = 0; i < parameters; i++)
        size += (size_t)snprintf(text + size, sizeof text - size, "&p%03zu=%zu", parameters - i, i);
    size += (size_t)snprintf(text + size, sizeof text - size, "\nHost: a\n");
    for (size_t i = 1; i < headers; i++)
        size += (size_t)snprintf(text + size, sizeof text - size, "X-%0*zu: v\n", (int)name_size - 2, headers - i);
    snprintf(text + size, sizeof text - size, "\n");
    return text;
}

static void sigv4__as_many_headers_and_parameters_as_promised(void **state)
{
    struct asked asked = usual();
    struct made made;

    (void)state;
    assert_int_equal(sign(large(CHATROOM_SIGV4_HEADERS_MOST - 2, 0, 4)), CHATROOM_EINVAL);
    assert_int_equal(sign(large(1, CHATROOM_SIGV4_QUERY_MOST + 1, 4)), CHATROOM_EINVAL);
    assert_int_equal(
        sign_as(&made, large(CHATROOM_SIGV4_HEADERS_MOST - 3, CHATROOM_SIGV4_QUERY_MOST, 4), "execute-api", ""),
        CHATROOM_OK);
    made.http.headers[made.http.request.header_count++] =
        (struct chatroom_header){chatroom_str("X-Unsigned"), chatroom_str("")};
    assert_int_equal(made.http.request.header_count, CHATROOM_SIGV4_HEADERS_MOST);
    assert_int_equal(verify_request(&made.http.request, &asked), CHATROOM_SIGV4_GOOD);
    made.http.headers[made.http.request.header_count++] =
        (struct chatroom_header){chatroom_str("X-Unsigned"), chatroom_str("")};
    assert_int_equal(verify_request(&made.http.request, &asked), CHATROOM_SIGV4_MALFORMED);
}

static void sigv4__too_many_parameters_are_malformed(void **state)
{
    char target[4096] = "/prod?";
    const char *presigned = vector("presigned");

    (void)state;
    for (size_t i = 6; i < CHATROOM_SIGV4_QUERY_MOST; i++)
        strcat(target, "a&");
    assert_int_equal(verify(with(presigned, "/prod?", target)), CHATROOM_SIGV4_MISMATCH);
    strcat(target, "a&");
    assert_int_equal(verify(with(presigned, "/prod?", target)), CHATROOM_SIGV4_MALFORMED);
}

static void sigv4__of_several_verdicts_it_is_the_first(void **state)
{
    const char *text = with(vector("client posts"), "{\"a\":1}", "hi");
    struct asked asked = usual();

    (void)state;
    assert_int_equal(verify_as(text, &asked), CHATROOM_SIGV4_MISMATCH);
    asked.region = "us-east-2";
    assert_int_equal(verify_as(text, &asked), CHATROOM_SIGV4_SCOPE);
    asked.now = 0;
    assert_int_equal(verify_as(text, &asked), CHATROOM_SIGV4_SKEWED);
    asked.token = "t";
    assert_int_equal(verify_as(text, &asked), CHATROOM_SIGV4_UNKNOWN_KEY);
    assert_int_equal(verify_as(with(text, "/test", "/test?%"), &asked), CHATROOM_SIGV4_MALFORMED);
    assert_int_equal(verify_as(with(text, "AWS4", "AWS"), &asked), CHATROOM_SIGV4_UNSIGNED);
}

static void T28_a_body_hash_must_be_that_of_the_body(void **state)
{
    static const char hash[] = "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4", /* of "hi" */
        other[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const char *text = vector("path sent bare");
    char header[128];

    (void)state;
    snprintf(header, sizeof header, "X-Amz-Content-SHA256: %s\nX-Amz-Date", hash);
    assert_int_equal(verify(with(text, "X-Amz-Date", header)), CHATROOM_SIGV4_GOOD);
    snprintf(header, sizeof header, "X-Amz-Content-SHA256: %s\nX-Amz-Date", other);
    assert_int_equal(verify(with(text, "X-Amz-Date", header)), CHATROOM_SIGV4_MISMATCH);
}

static void sigv4__a_value_that_does_not_fit_is_too_big(void **state)
{
    bool fitted = false;

    (void)state;
    for (size_t name_size = 4; name_size < 200; name_size++) {
        struct made made = {.date = "untouched", .authorization = "too"};
        int result = sign_as(&made, large(11, 0, name_size), "execute-api", "");

        if (result == CHATROOM_OK) {
            assert_true(strlen(made.authorization) < CHATROOM_SIGV4_AUTHORIZATION_MOST);
            fitted = true;
            continue;
        }
        assert_true(fitted);
        assert_int_equal(result, CHATROOM_ETOOBIG);
        assert_string_equal(made.date, "untouched");
        assert_string_equal(made.authorization, "too");
    }
    assert_int_equal(sign(large(11, 0, 199)), CHATROOM_ETOOBIG);
}

/* ---- what is written ---- */

/* The canonical request of a GET, as the explanation of a mismatch shows it. */
static const char *canonical_of(const char *text)
{
    static char buffer[CHATROOM_SIGV4_EXPLANATION_SIZE + 1];
    struct asked asked = usual();
    struct made made;

    asked.explanation = buffer;
    asked.capacity = sizeof buffer - 1;
    assert_int_equal(sign_as(&made, text, "execute-api", ""), CHATROOM_OK);
    made.http.request.body = chatroom_str("other");
    assert_int_equal(verify_request(&made.http.request, &asked), CHATROOM_SIGV4_MISMATCH);
    buffer[asked.explained] = '\0';
    return buffer;
}

static void sigv4__unreserved_octets_stay_and_all_others_are_escaped(void **state)
{
    const char *text = canonical_of("GET /AZaz09-._~/@[`{:%5f?azAZ09-._~=%5f%7E%40%5B%60%7B%3a&%2f=/\nHost: a\n\n");

    (void)state;
    assert_non_null(strstr(text, "\n/AZaz09-._~/%40%5B%60%7B%3A%255f\n"));
    assert_non_null(strstr(text, "\n%2F=%2F&azAZ09-._~=_~%40%5B%60%7B%3A\n"));
}

static void sigv4__names_are_signed_in_order_and_once(void **state)
{
    const char *text = canonical_of("GET /\nX-B: 2\nHost-Name: b\nHost: a\nx-b: 1\nX-A: 1 \t 2\n\n");

    (void)state;
    assert_non_null(strstr(text, "\nhost:a\nhost-name:b\nx-a:1 2\nx-amz-date:20150830T123600Z\nx-b:2,1\n\n"
                                 "host;host-name;x-a;x-amz-date;x-b\n"));
}

static void sigv4__parameters_are_in_the_order_of_what_they_are_encoded(void **state)
{
    const char *text = canonical_of("GET /?b=&aa=1&a=2&a=1&a=10&%20=x&a%00=y\nHost: a\n\n");

    (void)state;
    assert_non_null(strstr(text, "\n%20=x&a=1&a=10&a=2&a%00=y&aa=1&b=\n"));
}

/* ---- what is at its edge ---- */

/* A presigned text whose credential or names take so many bytes. */
static enum chatroom_sigv4_verdict verify_long(const char *from, size_t more)
{
    char to[4096];
    size_t size = strlen(from);

    memcpy(to, from, size);
    memset(to + size, 'x', more);
    to[size + more] = '\0';
    return verify(with(vector("presigned"), from, to));
}

static void sigv4__a_presigned_credential_has_at_most_512_bytes(void **state)
{
    const size_t usual_size = strlen("AKIDEXAMPLE/20150830/us-east-1/execute-api/aws4_request");

    (void)state;
    assert_int_equal(verify_long("AKIDEXAMPLE", 512 - usual_size), CHATROOM_SIGV4_UNKNOWN_KEY);
    assert_int_equal(verify_long("AKIDEXAMPLE", 513 - usual_size), CHATROOM_SIGV4_MALFORMED);
}

static void sigv4__presigned_names_have_at_most_2048_bytes(void **state)
{
    (void)state;
    for (size_t more = 2048 - strlen("host;"); more <= 2049 - strlen("host;"); more++) {
        static char name[4096], names[4096];
        struct asked asked = usual();
        struct http_text http;

        memset(name, 'x', more);
        snprintf(names, sizeof names, "X-Amz-SignedHeaders=host;%.*s", (int)more, name);
        http_text_read(&http, chatroom_str(with(vector("presigned"), "X-Amz-SignedHeaders=host", names)));
        http.headers[http.request.header_count++] =
            (struct chatroom_header){chatroom_bytes(name, more), chatroom_str("v")};
        assert_int_equal(verify_request(&http.request, &asked),
                         more + strlen("host;") <= 2048 ? CHATROOM_SIGV4_MISMATCH : CHATROOM_SIGV4_MALFORMED);
    }
}

static void sigv4__a_week_is_the_longest(void **state)
{
    (void)state;
    assert_int_equal(verify(with(vector("presigned"), "Expires=300", "Expires=604800")), CHATROOM_SIGV4_MISMATCH);
    assert_int_equal(verify(with(vector("presigned"), "Expires=300", "Expires=604801")), CHATROOM_SIGV4_MALFORMED);
    assert_int_equal(verify(with(vector("presigned"), "Expires=300", "Expires=1")), CHATROOM_SIGV4_MISMATCH);
}

/* "date" in both forms, where there is no X-Amz-Date. */
static void sigv4__a_date_header_will_do_once(void **state)
{
    static const char sent[] = "Sun, 30 Aug 2015 12:36:00 -0000";
    const char *text = vector("date as HTTP writes it");

    (void)state;
    assert_int_equal(verify(text), CHATROOM_SIGV4_GOOD);
    assert_int_equal(verify(with(text, sent, "20150830T123600Z")), CHATROOM_SIGV4_MISMATCH);
    assert_int_equal(verify(with(text, sent, "20150830T123600")), CHATROOM_SIGV4_MALFORMED);
    assert_int_equal(verify(with(text, sent, "")), CHATROOM_SIGV4_MALFORMED);
    assert_int_equal(verify(with(text, "\nDate: ", "\nDate: Sun, 30 Aug 2015 12:36:00 GMT\nDate: ")),
                     CHATROOM_SIGV4_MALFORMED);
}

static void sigv4__an_empty_region_is_signed_as_it_is(void **state)
{
    struct asked asked = usual();

    (void)state;
    asked.region = "";
    assert_int_equal(verify_as(with(vector("client posts"), "/us-east-1/", "//"), &asked), CHATROOM_SIGV4_MISMATCH);
}

/* An empty secret is one as well; it need not be anywhere. */
static void sigv4__an_empty_secret_signs_and_verifies(void **state)
{
    chatroom_span secret = {NULL, 0};
    const struct chatroom_sigv4_key key = {chatroom_str("azAZ09-._~"), secret, chatroom_str("")};
    const struct chatroom_sigv4_scope scope = {chatroom_str("azAZ09-_"), chatroom_str("s"), NOW, 0};
    char date[CHATROOM_SIGV4_DATE_SIZE], authorization[CHATROOM_SIGV4_AUTHORIZATION_MOST];
    struct http_text http;

    (void)state;
    http_text_read(&http, chatroom_str("GET /\nHost: a\n\n"));
    assert_int_equal(chatroom_sigv4_sign(&http.request, &scope, &key, date, authorization), CHATROOM_OK);
    http.headers[1] = (struct chatroom_header){chatroom_str("X-Amz-Date"), chatroom_str(date)};
    http.headers[2] = (struct chatroom_header){chatroom_str("Authorization"), chatroom_str(authorization)};
    http.request.header_count = 3;
    assert_int_equal(chatroom_sigv4_verify(&http.request, &scope, find_secret, &secret, NULL, 0, NULL).verdict,
                     CHATROOM_SIGV4_GOOD);
}

static void sigv4__characters_beside_the_alphabets_do_not_sign(void **state)
{
    static const char beside[] = "/:@[`{"; /* before and behind the digits and the letters */
    struct http_text http;

    (void)state;
    for (const char *c = beside; *c; c++) {
        const chatroom_span word = {c, 1}, good = {"a", 1};
        const struct chatroom_sigv4_key bad_key = {word, good, chatroom_str("")}, key = {good, good, chatroom_str("")};
        const struct chatroom_sigv4_scope bad_region = {word, good, NOW, 0}, bad_service = {good, word, NOW, 0},
                                          scope = {good, good, NOW, 0};
        char date[CHATROOM_SIGV4_DATE_SIZE], authorization[CHATROOM_SIGV4_AUTHORIZATION_MOST];

        http_text_read(&http, chatroom_str("GET /\nHost: a\n\n"));
        assert_int_equal(chatroom_sigv4_sign(&http.request, &scope, &bad_key, date, authorization), CHATROOM_EINVAL);
        assert_int_equal(chatroom_sigv4_sign(&http.request, &bad_region, &key, date, authorization), CHATROOM_EINVAL);
        assert_int_equal(chatroom_sigv4_sign(&http.request, &bad_service, &key, date, authorization), CHATROOM_EINVAL);
        assert_int_equal(chatroom_sigv4_sign(&http.request, &scope, &key, date, authorization), CHATROOM_OK);
    }
}

/* What was tried last is not what is shown: the token belongs to the query. */
static void sigv4__the_explanation_of_a_presigned_request_has_its_token(void **state)
{
    char buffer[CHATROOM_SIGV4_EXPLANATION_SIZE + 1] = "";
    struct asked asked = usual();

    (void)state;
    asked.token = VECTOR_TOKEN;
    asked.explanation = buffer;
    asked.capacity = sizeof buffer - 1;
    assert_int_equal(verify_as(with(vector("presigned with a token"), "GET", "PUT"), &asked), CHATROOM_SIGV4_MISMATCH);
    assert_non_null(strstr(buffer, "&X-Amz-Security-Token=IQoJb3JpZ2lu"));
}

/* The memory that the header promises is used to its last byte. */
static void sigv4__the_longest_authorization_has_1023_characters(void **state)
{
    size_t longest = 0, refused = 0;

    (void)state;
    for (size_t size = 700; size < 1100; size++) {
        struct made made;
        int result = sign_as(&made, large(2, 0, size), "execute-api", "");

        assert_true(result == CHATROOM_OK || result == CHATROOM_ETOOBIG);
        assert_true(result == CHATROOM_ETOOBIG || refused == 0);
        refused += result == CHATROOM_ETOOBIG;
        longest = result == CHATROOM_OK ? strlen(made.authorization) : longest;
    }
    assert_true(refused > 0);
    assert_int_equal(longest, CHATROOM_SIGV4_AUTHORIZATION_MOST - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sigv4__the_published_example_is_good),
        cmocka_unit_test(sigv4__what_botocore_signs_is_good),
        cmocka_unit_test(AGW_63_what_the_javascript_sdk_signs_is_good),
        cmocka_unit_test(AGW_63_an_unsigned_request_is_called_so),
        cmocka_unit_test(AGW_63_an_altered_call_is_refused),
        cmocka_unit_test(sigv4__a_header_that_cannot_be_checked_is_malformed),
        cmocka_unit_test(AGW_52_an_altered_presigned_request_is_refused),
        cmocka_unit_test(T28_no_octet_of_a_signed_request_can_be_changed),
        cmocka_unit_test(sigv4__parameters_may_change_places),
        cmocka_unit_test(sigv4__a_plus_is_neither_an_escaped_one_nor_a_space),
        cmocka_unit_test(sigv4__runs_of_spaces_in_a_header_are_one),
        cmocka_unit_test(sigv4__values_of_a_header_keep_their_order),
        cmocka_unit_test(sigv4__what_ends_a_line_is_not_signed),
        cmocka_unit_test(T28_a_date_may_be_off_by_the_skew),
        cmocka_unit_test(sigv4__a_presigned_request_is_good_until_it_expires),
        cmocka_unit_test(sigv4__the_token_must_be_the_keys),
        cmocka_unit_test(sigv4__a_key_with_a_token_needs_it),
        cmocka_unit_test(sigv4__an_empty_region_is_any),
        cmocka_unit_test(sigv4__the_access_key_is_borrowed_from_the_request),
        cmocka_unit_test(sigv4__a_mismatch_is_explained),
        cmocka_unit_test(sigv4__an_explanation_ends_where_its_memory_does),
        cmocka_unit_test(sigv4__signatures_are_the_published_ones),
        cmocka_unit_test(sigv4__what_is_signed_here_is_good),
        cmocka_unit_test(sigv4__a_secret_may_have_any_length),
        cmocka_unit_test(sigv4__what_cannot_be_verified_is_not_signed),
        cmocka_unit_test(sigv4__a_key_or_scope_that_cannot_be_written_does_not_sign),
        cmocka_unit_test(sigv4__as_many_headers_and_parameters_as_promised),
        cmocka_unit_test(sigv4__too_many_parameters_are_malformed),
        cmocka_unit_test(sigv4__of_several_verdicts_it_is_the_first),
        cmocka_unit_test(T28_a_body_hash_must_be_that_of_the_body),
        cmocka_unit_test(sigv4__a_value_that_does_not_fit_is_too_big),
        cmocka_unit_test(sigv4__unreserved_octets_stay_and_all_others_are_escaped),
        cmocka_unit_test(sigv4__names_are_signed_in_order_and_once),
        cmocka_unit_test(sigv4__parameters_are_in_the_order_of_what_they_are_encoded),
        cmocka_unit_test(sigv4__a_presigned_credential_has_at_most_512_bytes),
        cmocka_unit_test(sigv4__presigned_names_have_at_most_2048_bytes),
        cmocka_unit_test(sigv4__a_week_is_the_longest),
        cmocka_unit_test(sigv4__a_date_header_will_do_once),
        cmocka_unit_test(sigv4__an_empty_region_is_signed_as_it_is),
        cmocka_unit_test(sigv4__an_empty_secret_signs_and_verifies),
        cmocka_unit_test(sigv4__characters_beside_the_alphabets_do_not_sign),
        cmocka_unit_test(sigv4__the_explanation_of_a_presigned_request_has_its_token),
        cmocka_unit_test(sigv4__the_longest_authorization_has_1023_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
