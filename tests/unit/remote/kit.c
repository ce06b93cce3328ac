#include "kit.h"

#include "remote.h"

#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

static size_t count_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    size_t count = 0;

    assert_non_null(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

static size_t descriptors;

int kit_setup(void **state)
{
    (void)state;
    descriptors = count_descriptors();
    return 0;
}

static void take_log(void *arg, enum chatroom_log_level level, const char *event,
                     const struct chatroom_log_field *fields, size_t count)
{
    struct kit *kit = arg;
    size_t room = sizeof kit->log - kit->logged;
    int size;

    (void)level;
    if (room < 8192)
        return;
    size = sprintf(kit->log + kit->logged, "%s", event);
    for (size_t i = 0; i < count; i++)
        size += fields[i].text.bytes
                    ? sprintf(kit->log + kit->logged + size, " %s=%.*s", fields[i].key, (int)fields[i].text.size,
                              fields[i].text.bytes)
                    : sprintf(kit->log + kit->logged + size, " %s=%lld", fields[i].key, (long long)fields[i].number);
    kit->logged += (size_t)size;
    kit->logged += (size_t)sprintf(kit->log + kit->logged, "\n");
}

static int watch(void *self, int fd)
{
    (void)self;
    (void)fd; /* the kit polls it itself */
    return CHATROOM_OK;
}

static void make_instance(struct kit *kit)
{
    struct chatroom_config config = CHATROOM_CONFIG;
    struct chatroom_error error = {0, ""};
    static const struct chatroom_variable variables[] = {{{"word", 4}, {"hello", 5}}, {{"fn", 2}, {"echo", 4}}};

    config.transport = wire_transport(kit->wire);
    kit->ops = *config.transport.ops;
    kit->ops.watch = watch;
    config.transport.ops = &kit->ops;
    assert_int_equal(chatroom_memory_store(&config.store), CHATROOM_OK);
    config.stage = "prod";
    config.region = "eu-west-1";
    config.api_id = "api123";
    config.account_id = "111122223333";
    config.domain = "chat.example";
    config.secure = true;
    config.stage_variables = variables;
    config.stage_variable_count = 2;
    config.limits.messages_per_second = 0;
    config.limits.bytes_per_second = 0;
    config.log = take_log;
    config.log_arg = kit;
    assert_int_equal(chatroom_new(&config, &kit->c, &error), CHATROOM_OK);
}

void kit_open(struct kit *kit, const struct chatroom_remote_options *options)
{
    struct chatroom_remote_options own = CHATROOM_REMOTE_OPTIONS;
    struct chatroom_error error = {0, ""};

    memset(kit, 0, sizeof *kit);
    kit->wire = wire_new(false);
    make_instance(kit);
    if (options)
        own = *options;
    kit->alloc = heap_alloc(&kit->heap);
    own.alloc = &kit->alloc;
    own.log = take_log;
    own.log_arg = kit;
    assert_int_equal(chatroom_remote_new(&own, &kit->remote, &error), CHATROOM_OK);
    assert_int_equal(chatroom_remote_attach(kit->remote, kit->c), CHATROOM_OK);
}

void kit_close(struct kit *kit)
{
    chatroom_free(kit->c);
    wire_free(kit->wire);
    assert_int_equal(kit->heap.blocks, 0);
    assert_int_equal(count_descriptors(), descriptors);
}

void kit_start(struct kit *kit)
{
    struct chatroom_error error = {0, ""};

    assert_int_equal(chatroom_start(kit->c, chatroom_host_now(), &error), CHATROOM_OK);
}

void kit_route(struct kit *kit, const char *key, chatroom_remote_target *target)
{
    struct chatroom_route_options options = CHATROOM_ROUTE_OPTIONS;

    options.two_way = key[0] != '$';
    assert_int_equal(chatroom_route_with(kit->c, key, chatroom_remote_handler, target, &options), CHATROOM_OK);
}

void kit_turn(struct kit *kit)
{
    struct pollfd wait = {kit->remote->epoll, POLLIN, 0};
    uint64_t now = chatroom_host_now().mono_ns, due = chatroom_deadline(kit->c);

    poll(&wait, 1, due <= now + 1000000 ? 0 : 2);
    assert_int_equal(chatroom_step(kit->c, chatroom_host_now()), CHATROOM_OK);
}

void kit_turn_for(struct kit *kit, unsigned ms)
{
    uint64_t end = chatroom_host_now().mono_ns + ms * 1000000ull;

    while (chatroom_host_now().mono_ns < end)
        kit_turn(kit);
}

uint16_t kit_connect(struct kit *kit, const char *target)
{
    size_t client = wire_connect(kit->wire, target);
    uint64_t end = chatroom_host_now().mono_ns + 10000000000ull;

    while (wire_status(kit->wire, client) == 0 && chatroom_host_now().mono_ns < end)
        kit_turn(kit);
    return wire_status(kit->wire, client);
}

size_t kit_client(struct kit *kit)
{
    size_t client = wire_connect(kit->wire, "/prod");

    while (wire_status(kit->wire, client) == 0)
        kit_turn(kit);
    assert_int_equal(wire_status(kit->wire, client), 101);
    return client;
}

const char *kit_hear(struct kit *kit, size_t client)
{
    uint64_t end = chatroom_host_now().mono_ns + 10000000000ull;

    while (wire_queued(kit->wire, client) == 0) {
        if (chatroom_host_now().mono_ns > end)
            fail_msg("silence; the log: %s", kit->log);
        kit_turn(kit);
    }
    return wire_take(kit->wire, client);
}

const char *kit_ask(struct kit *kit, size_t client, const char *text)
{
    wire_send(kit->wire, client, text);
    return kit_hear(kit, client);
}

void kit_assert_logged(const struct kit *kit, const char *text)
{
    assert_says(kit->log, text);
}

chatroom_remote_target *kit_lambda(struct kit *kit, const char *endpoint)
{
    struct chatroom_remote_lambda options = CHATROOM_REMOTE_LAMBDA;
    struct chatroom_error error = {0, ""};
    chatroom_remote_target *target = NULL;

    options.endpoint = endpoint;
    options.function = "echo";
    assert_int_equal(chatroom_remote_lambda(kit->remote, &options, &target, &error), CHATROOM_OK);
    return target;
}

chatroom_remote_target *kit_http(struct kit *kit, const char *url)
{
    struct chatroom_remote_http options = CHATROOM_REMOTE_HTTP;
    struct chatroom_error error = {0, ""};
    chatroom_remote_target *target = NULL;

    options.url = url;
    assert_int_equal(chatroom_remote_http(kit->remote, &options, &target, &error), CHATROOM_OK);
    return target;
}
