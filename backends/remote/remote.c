#include "remote.h"

#include "target.h"

#include <stdlib.h>

enum {
    COUNT_MOST = 1000000,
};

static void *default_resize(void *arg, void *memory, size_t old_size, size_t size)
{
    (void)arg;
    (void)old_size;
    if (size > 0)
        return realloc(memory, size);
    free(memory);
    return NULL;
}

/* ---- its life ---- */

static int check(const struct chatroom_remote_options *options, struct chatroom_error *error)
{
    if (options->calls == 0 || options->calls > COUNT_MOST || options->waiting > COUNT_MOST)
        return chatroom_error_set(error, CHATROOM_EINVAL, "A remote must allow 1 to 1,000,000 calls.");
    if (options->response_bytes == 0 || options->response_bytes > INT32_MAX)
        return chatroom_error_set(error, CHATROOM_EINVAL, "A remote must allow 1 byte to 2 GiB of response.");
    if (options->connect_ms == 0 || options->connect_ms > 3600000)
        return chatroom_error_set(error, CHATROOM_EINVAL, "A remote must wait 1 ms to an hour for a connection.");
    return CHATROOM_OK;
}

static chatroom_remote *make(const struct chatroom_remote_options *options)
{
    const struct chatroom_alloc alloc =
        options->alloc ? *options->alloc : (struct chatroom_alloc){default_resize, NULL};
    chatroom_remote *remote = remote_alloc(&alloc, sizeof *remote);

    if (!remote)
        return NULL;
    remote->alloc = alloc;
    remote->log = options->log;
    remote->log_arg = options->log_arg;
    remote->calls = options->calls;
    remote->waiting = options->waiting;
    remote->response_bytes = options->response_bytes;
    remote->transfer.connect_ms = options->connect_ms;
    remote->epoll = -1;
    return remote;
}

static int open_with(const struct chatroom_remote_options *options, chatroom_remote **ret_remote,
                     struct chatroom_error *error)
{
    chatroom_remote *remote;
    int result = check(options, error);

    if (result)
        return result;
    remote = make(options);
    result = remote ? remote_loop_open(remote) : CHATROOM_ENOMEM;
    if (result == CHATROOM_OK && options->ca_file) {
        remote->ca_file = remote_copy_string(&remote->alloc, chatroom_str(options->ca_file));
        remote->transfer.ca_file = remote->ca_file;
        result = remote->ca_file ? CHATROOM_OK : CHATROOM_ENOMEM;
    }
    if (result) {
        chatroom_remote_free(remote);
        return chatroom_error_set(error, result,
                                  result == CHATROOM_ENOMEM ? "There is not enough memory for a remote."
                                                            : "The system gives a remote no epoll descriptor.");
    }
    *ret_remote = remote;
    return CHATROOM_OK;
}

int chatroom_remote_new(const struct chatroom_remote_options *options, chatroom_remote **ret_remote,
                        struct chatroom_error *error)
{
    struct chatroom_remote_options own;

    if (!ret_remote || !remote_take_options(&own, sizeof own, options))
        return chatroom_error_set(error, CHATROOM_EINVAL, "The options of a remote are not valid.");
    return open_with(&own, ret_remote, error);
}

void chatroom_remote_free(chatroom_remote *remote)
{
    struct chatroom_alloc alloc;

    if (!remote)
        return;
    alloc = remote->alloc;
    remote_loop_close(remote);
    while (remote->targets) {
        chatroom_remote_target *target = remote->targets;

        remote->targets = target->next;
        remote_target_free(target);
    }
    while (remote->lanes) {
        struct remote_lane *lane = remote->lanes;

        remote->lanes = lane->next;
        remote_lane_free(&alloc, lane);
    }
    remote_free_string(&alloc, remote->ca_file);
    remote_free(&alloc, remote, sizeof *remote);
}

/* ---- the source ---- */

static int source_fd(void *self)
{
    return ((chatroom_remote *)self)->epoll;
}

static uint64_t source_deadline(void *self)
{
    return remote_loop_deadline(self);
}

static void source_step(void *self, struct chatroom_now now)
{
    remote_loop_step(self, now);
}

static void source_close(void *self)
{
    chatroom_remote_free(self);
}

const struct chatroom_source_ops remote_source_ops = {
    CHATROOM_SOURCE_OPS, .fd = source_fd, .deadline = source_deadline, .step = source_step, .close = source_close,
};

int chatroom_remote_attach(chatroom_remote *remote, chatroom *c)
{
    return chatroom_add_source(c, &remote_source_ops, remote);
}

/* ---- calls ---- */

int remote_ask(chatroom_remote *remote, struct remote_call *call)
{
    if (remote->held >= remote->calls + remote->waiting || call->lane->held >= call->lane->most)
        return CHATROOM_EAGAIN;
    remote->held++;
    call->lane->held++;
    remote_list_add(&remote->fresh, call);
    return CHATROOM_OK;
}
