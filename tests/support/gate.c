#include "gate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <chatroom/backend/memory.h>

#include <stdio.h>

static unsigned order;

static void take_log(void *arg, enum chatroom_log_level level, const char *event,
                     const struct chatroom_log_field *fields, size_t count)
{
    struct gate *g = arg;
    size_t room = sizeof g->log - g->log_size;
    int size = snprintf(g->log + g->log_size, room, "\n%s", event);

    (void)level;
    for (size_t i = 0; i < count && (size_t)size < room; i++)
        size += fields[i].text.bytes ? snprintf(g->log + g->log_size + size, room - (size_t)size, " %s=%.*s",
                                                fields[i].key, (int)fields[i].text.size, fields[i].text.bytes)
                                     : snprintf(g->log + g->log_size + size, room - (size_t)size, " %s=%lld",
                                                fields[i].key, (long long)fields[i].number);
    assert_in_range(size, 1, room - 1);
    g->log_size += (size_t)size;
}

bool gate_logged(const struct gate *g, const char *event, const char *part)
{
    char head[64];
    const char *at = g->log;

    snprintf(head, sizeof head, "\n%s ", event);
    while ((at = strstr(at, head))) {
        const char *end = strchr(at + 1, '\n'), *found = strstr(at, part);

        if (found && (!end || found < end))
            return true;
        at++;
    }
    return false;
}

void gate_forget_log(struct gate *g)
{
    g->log_size = 0;
    g->log[0] = '\0';
}

/* ---- life ---- */

void gate_prepare(struct gate *g)
{
    struct chatroom_config config = CHATROOM_CONFIG;

    memset(g, 0, sizeof *g);
    order = 0;
    g->now = (struct chatroom_now){1000000000, 1795467901000};
    g->wire = wire_new(true);
    g->alloc = heap_alloc(&g->heap);
    config.alloc = &g->alloc;
    config.log = take_log;
    config.log_arg = g;
    config.transport = wire_transport(g->wire);
    config.stage = "dev";
    config.limits.messages_per_second = 0;
    config.limits.bytes_per_second = 0;
    assert_int_equal(chatroom_memory_store(&config.store), CHATROOM_OK);
    g->config = config;
}

void gate_new(struct gate *g)
{
    struct chatroom_error error = {0, ""};

    if (chatroom_new(&g->config, &g->c, &error) != CHATROOM_OK)
        fail_msg("%s", error.text);
}

void gate_start(struct gate *g)
{
    struct chatroom_error error = {0, ""};

    if (chatroom_start(g->c, g->now, &error) != CHATROOM_OK)
        fail_msg("%s", error.text);
}

void gate_step(struct gate *g)
{
    for (int i = 0; i < 3; i++)
        assert_int_equal(chatroom_step(g->c, g->now), CHATROOM_OK);
}

void gate_pass(struct gate *g, unsigned ms)
{
    g->now.mono_ns += (uint64_t)ms * 1000000;
    g->now.wall_ms += ms;
    gate_step(g);
}

void gate_end(struct gate *g)
{
    chatroom_free(g->c);
    wire_free(g->wire);
    assert_int_equal(g->heap.blocks, 0);
}

/* ---- clients ---- */

size_t gate_connected(struct gate *g)
{
    size_t client = wire_connect(g->wire, "/dev");

    gate_step(g);
    assert_int_equal(wire_status(g->wire, client), 101);
    return client;
}

size_t gate_connect_as(struct gate *g, const char *target, const struct chatroom_header *headers, size_t count)
{
    const struct wire_head head = {headers, count, "192.0.2.7"};
    size_t client = wire_connect_as(g->wire, target, &head);

    gate_step(g);
    return client;
}

void gate_says(struct gate *g, size_t client, const char *text)
{
    wire_send(g->wire, client, text);
    gate_step(g);
}

void gate_hears(struct gate *g, size_t client, const char *pattern, const struct act *act)
{
    const char *heard = wire_take(g->wire, client);
    char text[1024];
    size_t size = 0;

    for (const char *at = pattern; *at; at++) {
        const char *id = at[0] != '%'   ? NULL
                         : at[1] == 'C' ? wire_id(g->wire, client).bytes
                         : at[1] == 'R' ? act->request_id
                         : at[1] == 'M' ? act->message_id
                                        : NULL;

        if (id) {
            memcpy(text + size, id, 16);
            size += 16;
            at++;
        } else {
            text[size++] = *at;
        }
    }
    text[size] = '\0';
    assert_non_null(heard);
    assert_string_equal(heard, text);
}

void gate_hears_nothing(struct gate *g, size_t client)
{
    assert_int_equal(wire_queued(g->wire, client), 0);
}

/* ---- handlers ---- */

static void see_text(char *to, size_t size, chatroom_span text)
{
    assert_true(text.size < size);
    if (text.size > 0)
        memcpy(to, text.bytes, text.size);
    to[text.size] = '\0';
}

static void see(struct act *act, chatroom_request *request)
{
    const struct chatroom_request_info *info = chatroom_request_info(request);

    act->calls++;
    act->order = ++order;
    act->request = request;
    act->event = info->event;
    see_text(act->connection_id, sizeof act->connection_id, info->connection_id);
    see_text(act->request_id, sizeof act->request_id, info->request_id);
    see_text(act->message_id, sizeof act->message_id, info->message_id);
    see_text(act->route_key, sizeof act->route_key, info->route_key);
    see_text(act->authorizer, sizeof act->authorizer, info->authorizer);
    see_text(act->domain, sizeof act->domain, info->domain_name);
    see_text(act->path, sizeof act->path, info->domain_path);
    see_text(act->body, sizeof act->body, chatroom_request_body(request));
    see_text(act->source_ip, sizeof act->source_ip, info->source_ip);
    see_text(act->reason, sizeof act->reason, info->close_reason);
    see_text(act->target, sizeof act->target, info->head ? info->head->target : chatroom_str(""));
    see_text(act->header, sizeof act->header,
             info->head && info->head->header_count > 0 ? info->head->headers[0].value : chatroom_str(""));
    act->has_head = info->head != NULL;
    act->code = info->close_code;
    act->cause = info->cause;
    act->connected_at_ms = info->connected_at_ms;
    act->time_ms = info->time_ms;
    act->two_way = info->two_way;
    act->rooms = chatroom_request_session_rooms(request);
}

static int perform(chatroom_request *request, const struct act *act)
{
    int result = CHATROOM_OK;

    if (act->status > 0)
        chatroom_request_status(request, act->status);
    if (act->subprotocol)
        result = chatroom_request_subprotocol(request, chatroom_str(act->subprotocol));
    if (result == CHATROOM_OK && act->authorize)
        result = chatroom_request_authorize(request, chatroom_str(act->authorize));
    if (result == CHATROOM_OK && act->usage_key)
        result = chatroom_request_usage_key(request, chatroom_str(act->usage_key));
    if (result == CHATROOM_OK && act->join)
        result = chatroom_request_join(request, chatroom_str(act->join));
    if (result == CHATROOM_OK && act->reply)
        result = chatroom_request_reply(request, chatroom_str(act->reply));
    if (result == CHATROOM_OK && act->finish)
        result = chatroom_finish(request, act->finish);
    return result == CHATROOM_OK ? act->result : result;
}

int gate_act(chatroom_request *request, void *arg)
{
    struct act *act = arg;

    see(act, request);
    if (!act->defer)
        return perform(request, act);
    chatroom_request_defer(request);
    return CHATROOM_OK;
}

static int go_on(chatroom_request *request, void *arg)
{
    struct act *act = arg;

    if (act->resumed)
        return gate_act(request, act->resumed);
    see(act, request);
    return perform(request, act);
}

void gate_resume(struct act *act)
{
    chatroom_request_resume(act->request, go_on, act);
}

void gate_route(struct gate *g, const char *key, struct act *act)
{
    assert_int_equal(chatroom_route(g->c, key, gate_act, act), CHATROOM_OK);
}
