#include "keys.h"

#include "api.h"
#include "memory.h"

#include <nettle/memops.h>

enum { VALUE_LEAST = 20, VALUE_MOST = 128, ID_MOST = 64 };

static const uint64_t second_ns = 1000000000;

/* ---- configuring ---- */

/* In a time that tells nothing of how much of a value was right. */
static struct cr_key *find(const chatroom *c, chatroom_span value)
{
    struct cr_key *found = NULL;

    for (struct cr_key *key = c->keys; key; key = key->next)
        if (key->value.size == value.size && memeql_sec(key->value.bytes, value.bytes, value.size))
            found = key;
    return found;
}

static void free_key(chatroom *c, struct cr_key *key)
{
    cr_free(&c->alloc, (char *)key->id.bytes, key->id.size + 1);
    cr_free_secret(&c->alloc, (char *)key->value.bytes, key->value.size + 1);
    cr_free(&c->alloc, key, sizeof *key);
}

static struct cr_key *copy(chatroom *c, const struct chatroom_api_key *given)
{
    struct cr_key *key = cr_new(&c->alloc, sizeof *key);

    if (!key)
        return NULL;
    key->id = chatroom_bytes(cr_copy(&c->alloc, given->id), given->id.size);
    key->value = chatroom_bytes(cr_copy(&c->alloc, given->value), given->value.size);
    key->per_second = given->per_second;
    key->burst = given->burst > 0 ? given->burst : given->per_second;
    if (key->id.bytes && key->value.bytes)
        return key;
    free_key(c, key);
    return NULL;
}

int chatroom_add_api_key(chatroom *c, const struct chatroom_api_key *given, struct chatroom_error *error)
{
    struct cr_key *key;

    if (c->started || given->id.size == 0 || given->id.size > ID_MOST)
        return chatroom_error_set(error, CHATROOM_EINVAL, "An API key has an id of 1 to 64 bytes.");
    if (given->value.size < VALUE_LEAST || given->value.size > VALUE_MOST)
        return chatroom_error_set(error, CHATROOM_EINVAL, "The value of an API key has 20 to 128 bytes.");
    if (find(c, given->value))
        return chatroom_error_set(error, CHATROOM_EEXIST, "There is an API key with that value already.");
    key = copy(c, given);
    if (!key)
        return chatroom_error_set(error, CHATROOM_ENOMEM, chatroom_strerror(CHATROOM_ENOMEM));
    key->next = c->keys;
    c->keys = key;
    return CHATROOM_OK;
}

int chatroom_require_api_key(chatroom *c, enum chatroom_api_key_source source)
{
    if (c->started || (source != CHATROOM_KEY_IN_HEADER && source != CHATROOM_KEY_FROM_AUTHORIZER))
        return CHATROOM_EINVAL;
    c->key_required = true;
    c->key_source = source;
    return CHATROOM_OK;
}

void cr_keys_free(chatroom *c)
{
    while (c->keys) {
        struct cr_key *key = c->keys;

        c->keys = key->next;
        free_key(c, key);
    }
}

/* ---- admitting ---- */

static void log_key(const chatroom_request *request, const char *event, const struct cr_key *key)
{
    const struct chatroom_log_field fields[] = {CHATROOM_TEXT("connection", request->info.connection_id),
                                                CHATROOM_TEXT("api_key", key->id)};

    cr_log(request->c, CHATROOM_LOG_INFO, event, fields, 2);
}

uint16_t cr_keys_admit(chatroom *c, chatroom_request *request)
{
    chatroom_span value = request->usage_key;
    struct cr_key *key;

    if (!c->key_required)
        return 0;
    if (c->key_source == CHATROOM_KEY_IN_HEADER)
        value = cr_api_header(request->info.head, "x-api-key");
    key = find(c, value);
    if (!key)
        return 403;
    if (key->per_second > 0 &&
        !cr_bucket_take(&key->throttle, c->now.mono_ns, 1, second_ns / key->per_second, key->burst)) {
        log_key(request, "api_key_throttled", key);
        return 429;
    }
    request->key = key;
    return 0;
}
