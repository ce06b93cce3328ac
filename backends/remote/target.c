#include "target.h"

#include <stddef.h>

enum {
    TIMEOUT_MS = 29000,
    TIMEOUT_MS_MOST = 3600000,
    COUNT_MOST = 1000000,
    RETRIES_MOST = 10,
    CALLS_USUAL = 32,
};

_Static_assert(sizeof((struct chatroom_error *)0)->text <= CURL_ERROR_SIZE, "a sentence fits where libcurl's does");

struct remote_kept {
    struct remote_kept *next;
    size_t size; /* of the whole block */
    _Alignas(16) char bytes[];
};

void *remote_keep(chatroom_remote_target *target, const void *bytes, size_t size)
{
    size_t whole = offsetof(struct remote_kept, bytes) + size;
    struct remote_kept *kept = remote_alloc(&target->remote->alloc, whole);

    if (!kept)
        return NULL;
    if (bytes && size > 0)
        memcpy(kept->bytes, bytes, size);
    kept->size = whole;
    kept->next = target->kept;
    target->kept = kept;
    return kept->bytes;
}

const char *remote_keep_string(chatroom_remote_target *target, const char *string)
{
    return remote_keep(target, string, strlen(string) + 1);
}

chatroom_remote_target *remote_target_new(chatroom_remote *remote, enum remote_target_kind kind)
{
    chatroom_remote_target *target = remote_alloc(&remote->alloc, sizeof *target);

    if (!target)
        return NULL;
    target->remote = remote;
    target->kind = kind;
    return target;
}

void remote_target_free(chatroom_remote_target *target)
{
    if (!target)
        return;
    while (target->kept) {
        struct remote_kept *kept = target->kept;

        target->kept = kept->next;
        explicit_bzero(kept->bytes, kept->size - offsetof(struct remote_kept, bytes)); /* T42: it may be a secret */
        remote_free(&target->remote->alloc, kept, kept->size);
    }
    remote_free(&target->remote->alloc, target, sizeof *target);
}

/* The lane of a target, made if need be. NULL: out of memory. */
static struct remote_lane *lane_for(chatroom_remote *remote, const struct chatroom_remote_limits *limits,
                                    const char *endpoint)
{
    struct remote_lane *lane = endpoint ? remote_lane_find(remote->lanes, endpoint) : NULL;
    size_t calls = limits->calls > 0 ? limits->calls : CALLS_USUAL;

    if (lane)
        return lane;
    lane = remote_lane_new(&remote->alloc, endpoint ? 1 : calls,
                           limits->waiting > 0 ? limits->waiting : remote->waiting, endpoint);
    if (!lane)
        return NULL;
    lane->next = remote->lanes;
    remote->lanes = lane;
    remote->first = lane;
    return lane;
}

int remote_target_add(chatroom_remote_target *target, const struct chatroom_remote_limits *limits, const char *endpoint,
                      struct chatroom_error *error)
{
    chatroom_remote *remote = target->remote;

    if (limits->timeout_ms > TIMEOUT_MS_MOST || limits->retries > RETRIES_MOST || limits->calls > COUNT_MOST ||
        limits->waiting > COUNT_MOST)
        return chatroom_error_set(error, CHATROOM_EINVAL, "A limit of the target is too large.");
    target->timeout_ms = limits->timeout_ms > 0 ? limits->timeout_ms : TIMEOUT_MS;
    target->retries = limits->retries;
    target->lane = lane_for(remote, limits, endpoint);
    if (!target->lane)
        return chatroom_error_set(error, CHATROOM_ENOMEM, "There is not enough memory for a target.");
    target->next = remote->targets;
    remote->targets = target;
    return CHATROOM_OK;
}

void remote_outcome_fail(struct remote_outcome *outcome, int result, const char *reason, chatroom_span detail)
{
    enum { DETAIL_MOST = 512 };

    outcome->result = result;
    outcome->reason = reason;
    outcome->detail = detail;
    if (detail.size > DETAIL_MOST)
        outcome->detail.size = DETAIL_MOST;
}

void remote_outcome_malformed(struct remote_outcome *outcome, struct remote_call *call,
                              const struct chatroom_error *error)
{
    memcpy(call->error, error->text, sizeof error->text);
    remote_outcome_fail(outcome, CHATROOM_EFAILED, "malformed", chatroom_str(call->error));
}

int chatroom_remote_mock(chatroom_remote *remote, uint16_t status, const char *body,
                         chatroom_remote_target **ret_target, struct chatroom_error *error)
{
    chatroom_remote_target *target;
    const struct chatroom_remote_limits limits = {0};
    int result;

    if (!remote || !ret_target || status < 200 || status > 599)
        return chatroom_error_set(error, CHATROOM_EINVAL, "The status of a mock must be from 200 to 599.");
    target = remote_target_new(remote, REMOTE_MOCK);
    if (!target || (body && !(target->of.mock.body.bytes = remote_keep_string(target, body)))) {
        remote_target_free(target);
        return chatroom_error_set(error, CHATROOM_ENOMEM, "There is not enough memory for a target.");
    }
    target->name = "mock";
    target->of.mock.status = status;
    target->of.mock.has_body = body != NULL;
    target->of.mock.body.size = body ? strlen(body) : 0;
    result = remote_target_add(target, &limits, NULL, error);
    if (result) {
        remote_target_free(target);
        return result;
    }
    *ret_target = target;
    return CHATROOM_OK;
}
