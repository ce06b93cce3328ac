#include <chatroom/sigv4.h>

#include "amz_date.h"
#include "memory.h"
#include "octet.h"
#include "sigv4_canonical.h"
#include "sigv4_claim.h"
#include "token.h"

#include <nettle/hmac.h>
#include <nettle/memops.h>

#define HASH_SIZE SHA256_DIGEST_SIZE
#define HEX_SIZE  (2 * (size_t)HASH_SIZE)

/* ---- hashes ---- */

static void put_in_hash(void *arg, const char *bytes, size_t size)
{
    sha256_update(arg, size, (const uint8_t *)bytes);
}

/* Without a table, and without asking: which digit it is depends on a secret. */
static char digit_of(unsigned nibble)
{
    return (char)('0' + nibble + ((9 - nibble) >> 8 & ('a' - '9' - 1)));
}

static void to_hex(const uint8_t hash[HASH_SIZE], char ret_text[HEX_SIZE])
{
    for (size_t i = 0; i < HASH_SIZE; i++) {
        ret_text[2 * i] = digit_of(hash[i] >> 4);
        ret_text[2 * i + 1] = digit_of(hash[i] & 15);
    }
}

static void hash_text(chatroom_span text, char ret_hex[HEX_SIZE])
{
    struct sha256_ctx hash;
    uint8_t digest[HASH_SIZE];

    sha256_init(&hash);
    sha256_update(&hash, text.size, (const uint8_t *)text.bytes);
    sha256_digest(&hash, sizeof digest, digest);
    to_hex(digest, ret_hex);
}

static void hash_canonical(const struct cr_canonical *canonical, char ret_hex[HEX_SIZE])
{
    struct sha256_ctx hash;
    uint8_t digest[HASH_SIZE];

    sha256_init(&hash);
    cr_canonical_put(canonical, put_in_hash, &hash);
    sha256_digest(&hash, sizeof digest, digest);
    to_hex(digest, ret_hex);
}

/* ---- the string to sign, and its signature ---- */

struct scope {
    chatroom_span date; /* "20150830T123600Z", of which the day is the beginning */
    chatroom_span region, service;
};

static const chatroom_span scope_end = {"aws4_request", 12};

static chatroom_span day_of(const struct scope *scope)
{
    return chatroom_bytes(scope->date.bytes, 8);
}

static void put_scope(const struct scope *scope, cr_put_fn *put, void *arg)
{
    const chatroom_span parts[] = {day_of(scope), scope->region, scope->service, scope_end};

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (i > 0)
            put(arg, "/", 1);
        if (parts[i].size > 0)
            put(arg, parts[i].bytes, parts[i].size);
    }
}

static void put_string_to_sign(const struct scope *scope, const char hash[HEX_SIZE], cr_put_fn *put, void *arg)
{
    static const char algorithm[] = "AWS4-HMAC-SHA256\n";

    put(arg, algorithm, sizeof algorithm - 1);
    put(arg, scope->date.bytes, scope->date.size);
    put(arg, "\n", 1);
    put_scope(scope, put, arg);
    put(arg, "\n", 1);
    put(arg, hash, HEX_SIZE);
}

static void put_in_hmac(void *arg, const char *bytes, size_t size)
{
    hmac_sha256_update(arg, size, (const uint8_t *)bytes);
}

static void authenticate(uint8_t key[HASH_SIZE], chatroom_span text)
{
    struct hmac_sha256_ctx hmac;

    hmac_sha256_set_key(&hmac, HASH_SIZE, key);
    hmac_sha256_update(&hmac, text.size, (const uint8_t *)text.bytes);
    hmac_sha256_digest(&hmac, HASH_SIZE, key);
    cr_wipe(&hmac, sizeof hmac);
}

/* HMAC takes the hash of a key that is longer than a block for the key, so that a secret of any length needs no memory.
 */
static void key_of_day(chatroom_span secret, chatroom_span day, uint8_t ret_key[HASH_SIZE])
{
    struct hmac_sha256_ctx hmac;
    struct sha256_ctx hash;
    uint8_t key[SHA256_BLOCK_SIZE] = "AWS4";
    size_t size = 4 + secret.size;

    if (size <= sizeof key) {
        if (secret.size > 0)
            memcpy(key + 4, secret.bytes, secret.size);
    } else {
        sha256_init(&hash);
        sha256_update(&hash, 4, key);
        sha256_update(&hash, secret.size, (const uint8_t *)secret.bytes);
        size = HASH_SIZE;
        sha256_digest(&hash, size, key);
        cr_wipe(&hash, sizeof hash);
    }
    hmac_sha256_set_key(&hmac, size, key);
    hmac_sha256_update(&hmac, day.size, (const uint8_t *)day.bytes);
    hmac_sha256_digest(&hmac, HASH_SIZE, ret_key);
    cr_wipe(&hmac, sizeof hmac);
    cr_wipe(key, sizeof key);
}

static void signing_key(const struct scope *scope, chatroom_span secret, uint8_t ret_key[HASH_SIZE])
{
    key_of_day(secret, day_of(scope), ret_key);
    authenticate(ret_key, scope->region);
    authenticate(ret_key, scope->service);
    authenticate(ret_key, scope_end);
}

static void sign(const struct cr_canonical *canonical, const struct scope *scope, const uint8_t key[HASH_SIZE],
                 char ret_signature[HEX_SIZE])
{
    struct hmac_sha256_ctx hmac;
    uint8_t digest[HASH_SIZE];
    char hash[HEX_SIZE];

    hash_canonical(canonical, hash);
    hmac_sha256_set_key(&hmac, HASH_SIZE, key);
    put_string_to_sign(scope, hash, put_in_hmac, &hmac);
    hmac_sha256_digest(&hmac, sizeof digest, digest);
    cr_wipe(&hmac, sizeof hmac);
    to_hex(digest, ret_signature);
}

/* ---- verifying ---- */

struct text {
    char *bytes;
    size_t capacity, size; /* size counts what did not fit as well */
};

static void put_in_text(void *arg, const char *bytes, size_t size)
{
    struct text *text = arg;

    if (text->size < text->capacity)
        memcpy(text->bytes + text->size, bytes,
               size < text->capacity - text->size ? size : text->capacity - text->size);
    text->size += size;
}

static size_t explain(const struct cr_canonical *canonical, const struct scope *scope, struct text *text)
{
    static const char first[] = "The canonical request:\n", second[] = "\n\nThe string to sign:\n";
    char hash[HEX_SIZE];

    hash_canonical(canonical, hash);
    put_in_text(text, first, sizeof first - 1);
    cr_canonical_put(canonical, put_in_text, text);
    put_in_text(text, second, sizeof second - 1);
    put_string_to_sign(scope, hash, put_in_text, text);
    return text->size < text->capacity ? text->size : text->capacity;
}

/* In a time that depends on the sizes alone. */
static bool is_token(const struct cr_sigv4_claim *claim, chatroom_span token)
{
    size_t size = 0;
    unsigned char differs = 0;

    for (size_t at = 0; at < claim->token.size; size++) {
        unsigned char octet =
            claim->presigned ? cr_percent_next(claim->token, &at) : (unsigned char)claim->token.bytes[at++];

        differs |= (unsigned char)(size < token.size ? octet ^ (unsigned char)token.bytes[size] : 1);
    }
    return size == token.size && differs == 0;
}

static uint64_t distance(int64_t earlier, int64_t later)
{
    return (uint64_t)later - (uint64_t)earlier;
}

static bool is_in_time(const struct cr_sigv4_claim *claim, const struct chatroom_sigv4_scope *scope)
{
    if (claim->date_ms > scope->time_ms)
        return distance(scope->time_ms, claim->date_ms) <= scope->skew_ms;
    return distance(claim->date_ms, scope->time_ms) <=
           (claim->expires_ms >= 0 ? (uint64_t)claim->expires_ms : scope->skew_ms);
}

static bool is_in_scope(const struct cr_sigv4_claim *claim, const struct chatroom_sigv4_scope *scope, chatroom_span day)
{
    return chatroom_span_equal(claim->day, day) && chatroom_span_equal(claim->service, scope->service) &&
           (scope->region.size == 0 || chatroom_span_equal(claim->region, scope->region));
}

static bool is_signature(const struct cr_sigv4_claim *claim, const struct cr_canonical *canonical,
                         const struct scope *scope, const uint8_t key[HASH_SIZE])
{
    char expected[HEX_SIZE];

    sign(canonical, scope, key, expected);
    return memeql_sec(expected, claim->signature.bytes, HEX_SIZE);
}

/* Libraries for browsers put the token behind what they have signed; it has been compared with the key's by now. */
static bool is_signed(const struct cr_sigv4_claim *claim, struct cr_canonical *canonical, const struct scope *scope,
                      chatroom_span secret)
{
    uint8_t key[HASH_SIZE];
    bool good;

    if (claim->body_hash.size > 0 && !chatroom_span_equal(claim->body_hash, canonical->body_hash))
        return false;
    signing_key(scope, secret, key);
    good = is_signature(claim, canonical, scope, key);
    if (!good && claim->presigned && claim->token.size > 0) {
        canonical->without_token = true;
        good = is_signature(claim, canonical, scope, key);
        canonical->without_token = false;
    }
    cr_wipe(key, sizeof key);
    return good;
}

/* What the caller of a verification has given, but for the request. */
struct question {
    const struct chatroom_sigv4_scope *scope;
    chatroom_sigv4_key_fn *find;
    void *arg;
    struct text explanation;
    size_t explained;
};

static enum chatroom_sigv4_verdict judge(const struct chatroom_sigv4_request *request,
                                         const struct cr_sigv4_claim *claim, struct question *question)
{
    char date[CR_AMZ_DATE_SIZE], body_hash[HEX_SIZE];
    const struct scope scope = {chatroom_bytes(date, sizeof date), claim->region, claim->service};
    struct cr_query query;
    struct cr_canonical canonical = {.request = request,
                                     .path = claim->path,
                                     .query = &query,
                                     .signed_names = claim->signed_names,
                                     .body_hash = chatroom_bytes(body_hash, sizeof body_hash)};
    chatroom_span secret = {NULL, 0}, token = {NULL, 0};

    if (!cr_query_read(&query, claim->query))
        return CHATROOM_SIGV4_MALFORMED;
    (void)cr_amz_date_format(claim->date_ms, date); /* it was parsed, so it can be written */
    if (!question->find(question->arg, claim->access_key, &secret, &token) || !is_token(claim, token))
        return CHATROOM_SIGV4_UNKNOWN_KEY;
    if (!is_in_time(claim, question->scope))
        return CHATROOM_SIGV4_SKEWED;
    if (!is_in_scope(claim, question->scope, day_of(&scope)))
        return CHATROOM_SIGV4_SCOPE;
    hash_text(request->body, body_hash);
    if (is_signed(claim, &canonical, &scope, secret))
        return CHATROOM_SIGV4_GOOD;
    question->explained = explain(&canonical, &scope, &question->explanation);
    return CHATROOM_SIGV4_MISMATCH;
}

struct chatroom_sigv4_result chatroom_sigv4_verify(const struct chatroom_sigv4_request *request,
                                                   const struct chatroom_sigv4_scope *scope,
                                                   chatroom_sigv4_key_fn *find, void *arg, char *explanation,
                                                   size_t capacity, size_t *ret_explained)
{
    struct question question = {.scope = scope, .find = find, .arg = arg, .explanation = {explanation, capacity, 0}};
    struct chatroom_sigv4_result result;
    struct cr_sigv4_claim claim;

    result.verdict = cr_sigv4_claim_read(&claim, request);
    result.access_key = claim.access_key;
    if (result.verdict == CHATROOM_SIGV4_GOOD)
        result.verdict = judge(request, &claim, &question);
    if (ret_explained)
        *ret_explained = question.explained;
    return result;
}

/* ---- signing ---- */

/* The names to sign, in order, each once. */
struct names {
    chatroom_span names[CHATROOM_SIGV4_HEADERS_MOST];
    size_t count;
};

/* As the names are in lower case. */
static int compare_names(chatroom_span a, chatroom_span b)
{
    for (size_t i = 0; i < a.size && i < b.size; i++)
        if (cr_lower(a.bytes[i]) != cr_lower(b.bytes[i]))
            return (unsigned char)cr_lower(a.bytes[i]) - (unsigned char)cr_lower(b.bytes[i]);
    return (a.size > b.size) - (a.size < b.size);
}

static void add_name(struct names *names, chatroom_span name)
{
    size_t at = names->count;

    while (at > 0 && compare_names(names->names[at - 1], name) > 0)
        at--;
    if (at > 0 && compare_names(names->names[at - 1], name) == 0)
        return;
    memmove(names->names + at + 1, names->names + at, (names->count - at) * sizeof *names->names);
    names->names[at] = name;
    names->count++;
}

static void list_names(const struct chatroom_sigv4_request *request, const struct cr_canonical *canonical,
                       struct text *text)
{
    struct names names = {.count = 0};

    for (size_t i = 0; i < request->header_count; i++)
        add_name(&names, request->headers[i].name);
    for (size_t i = 0; i < canonical->more_count; i++)
        add_name(&names, canonical->more[i].name);
    for (size_t i = 0; i < names.count; i++) {
        if (i > 0)
            put_in_text(text, ";", 1);
        for (size_t j = 0; j < names.names[i].size; j++) {
            char c = cr_lower(names.names[i].bytes[j]);

            put_in_text(text, &c, 1);
        }
    }
}

/* The headers that signing adds must not be there, and Authorization needs its place too. */
static bool headers_can_be_signed(const struct chatroom_sigv4_request *request, chatroom_span body_hash)
{
    static const char *const added[] = {"Authorization", "X-Amz-Date", "X-Amz-Security-Token"};
    chatroom_span value, hash;
    size_t hashes;

    if (request->header_count > CHATROOM_SIGV4_HEADERS_MOST - 3 || !cr_can_be_signed(request))
        return false;
    for (size_t i = 0; i < request->header_count; i++)
        if (!cr_is_token(request->headers[i].name))
            return false;
    for (size_t i = 0; i < 3; i++)
        if (cr_header_find(request, added[i], &value) > 0)
            return false;
    hashes = cr_header_find(request, "X-Amz-Content-SHA256", &hash);
    return cr_header_find(request, "Host", &value) == 1 &&
           (hashes == 0 || (hashes == 1 && chatroom_span_equal(hash, body_hash)));
}

static bool query_can_be_signed(chatroom_span query)
{
    chatroom_span unused;

    return cr_parameter_find(query, "X-Amz-Algorithm", &unused) == 0 &&
           cr_parameter_find(query, "X-Amz-Signature", &unused) == 0;
}

/* The parts of a target that can be signed. */
static bool read_target(chatroom_span target, chatroom_span *ret_path, struct cr_query *ret_query)
{
    chatroom_span text;

    return cr_split_target(target, ret_path, &text) && query_can_be_signed(text) && cr_query_read(ret_query, text);
}

static bool key_can_sign(const struct chatroom_sigv4_key *key, const struct chatroom_sigv4_scope *scope)
{
    for (size_t i = 0; i < key->token.size; i++)
        if ((unsigned char)key->token.bytes[i] <= ' ')
            return false;
    return cr_is_access_key(key->access_key) && cr_is_scope_word(scope->region) && cr_is_scope_word(scope->service);
}

static bool write_authorization(const struct chatroom_sigv4_key *key, const struct scope *scope, chatroom_span names,
                                const char signature[HEX_SIZE], char ret_text[CHATROOM_SIGV4_AUTHORIZATION_MOST])
{
    static const char start[] = "AWS4-HMAC-SHA256 Credential=", second[] = ", SignedHeaders=", third[] = ", Signature=";
    char buffer[CHATROOM_SIGV4_AUTHORIZATION_MOST];
    struct text text = {buffer, sizeof buffer, 0};

    put_in_text(&text, start, sizeof start - 1);
    put_in_text(&text, key->access_key.bytes, key->access_key.size);
    put_in_text(&text, "/", 1);
    put_scope(scope, put_in_text, &text);
    put_in_text(&text, second, sizeof second - 1);
    put_in_text(&text, names.bytes, names.size);
    put_in_text(&text, third, sizeof third - 1);
    put_in_text(&text, signature, HEX_SIZE);
    put_in_text(&text, "", 1);
    if (text.size > text.capacity)
        return false;
    memcpy(ret_text, buffer, text.size);
    return true;
}

int chatroom_sigv4_sign(const struct chatroom_sigv4_request *request, const struct chatroom_sigv4_scope *scope,
                        const struct chatroom_sigv4_key *key, char ret_date[CHATROOM_SIGV4_DATE_SIZE],
                        char ret_authorization[CHATROOM_SIGV4_AUTHORIZATION_MOST])
{
    char body_hash[HEX_SIZE], names[CHATROOM_SIGV4_AUTHORIZATION_MOST], signature[HEX_SIZE], date[CR_AMZ_DATE_SIZE];
    struct text list = {names, sizeof names, 0};
    struct scope signed_scope = {chatroom_bytes(date, sizeof date), scope->region, scope->service};
    const struct chatroom_header more[] = {{chatroom_str("x-amz-date"), signed_scope.date},
                                           {chatroom_str("x-amz-security-token"), key->token}};
    struct cr_query query;
    struct cr_canonical canonical = {.request = request,
                                     .query = &query,
                                     .more = more,
                                     .more_count = key->token.size > 0 ? 2 : 1,
                                     .body_hash = chatroom_bytes(body_hash, sizeof body_hash)};
    uint8_t secret[HASH_SIZE];

    hash_text(request->body, body_hash);
    if (!read_target(request->target, &canonical.path, &query) ||
        !headers_can_be_signed(request, canonical.body_hash) || !key_can_sign(key, scope) ||
        !cr_amz_date_format(scope->time_ms, date))
        return CHATROOM_EINVAL;
    list_names(request, &canonical, &list);
    if (list.size > list.capacity)
        return CHATROOM_ETOOBIG;
    canonical.signed_names = chatroom_bytes(names, list.size);
    signing_key(&signed_scope, key->secret, secret);
    sign(&canonical, &signed_scope, secret, signature);
    cr_wipe(secret, sizeof secret);
    if (!write_authorization(key, &signed_scope, canonical.signed_names, signature, ret_authorization))
        return CHATROOM_ETOOBIG;
    memcpy(ret_date, date, sizeof date);
    ret_date[sizeof date] = '\0';
    return CHATROOM_OK;
}
