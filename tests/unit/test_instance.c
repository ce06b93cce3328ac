#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "wire.h"

#include <chatroom/backend/memory.h>
#include <chatroom/chatroom.h>

#include <stdio.h>
#include <stdlib.h>

/* A whole instance between a wire and the memory store, through the public API. */

static long blocks;

static void *counting(void *arg, void *memory, size_t old_size, size_t size)
{
    (void)arg, (void)old_size;
    blocks += (memory == NULL && size > 0) - (memory != NULL && size == 0);
    if (size == 0) {
        free(memory);
        return NULL;
    }
    return realloc(memory, size);
}

static int fixed_random(void *arg, void *ret_bytes, size_t size)
{
    (void)arg;
    memset(ret_bytes, 7, size);
    return CHATROOM_OK;
}

static const struct chatroom_alloc alloc = {counting, NULL};

struct world {
    chatroom *c;
    struct wire *wire;
    struct chatroom_now now;
    struct chatroom_config config;
};

static void prepare(struct world *w, bool groups)
{
    struct chatroom_config config = CHATROOM_CONFIG;

    memset(w, 0, sizeof *w);
    blocks = 0;
    w->now = (struct chatroom_now){1000000000, 1795467901000};
    w->wire = wire_new(groups);
    config.alloc = &alloc;
    config.random = fixed_random;
    config.transport = wire_transport(w->wire);
    config.stage = "dev";
    assert_int_equal(chatroom_memory_store(&config.store), CHATROOM_OK);
    w->config = config;
}

static void make(struct world *w)
{
    struct chatroom_error error;

    assert_int_equal(chatroom_new(&w->config, &w->c, &error), CHATROOM_OK);
}

static void step(struct world *w)
{
    for (int i = 0; i < 3; i++)
        assert_int_equal(chatroom_step(w->c, w->now), CHATROOM_OK);
}

static void pass(struct world *w, unsigned ms)
{
    w->now.mono_ns += (uint64_t)ms * 1000000;
    w->now.wall_ms += ms;
    step(w);
}

static void end(struct world *w)
{
    chatroom_free(w->c);
    wire_free(w->wire);
    assert_int_equal(blocks, 0);
}

static void start(struct world *w)
{
    assert_int_equal(chatroom_start(w->c, w->now, NULL), CHATROOM_OK);
}

static size_t connected(struct world *w)
{
    size_t client = wire_connect(w->wire, "/dev");

    step(w);
    assert_int_equal(wire_status(w->wire, client), 101);
    return client;
}

static void assert_hears(struct world *w, size_t client, const char *text)
{
    const char *heard = wire_take(w->wire, client);

    assert_non_null(heard);
    assert_string_equal(heard, text);
}

static void says(struct world *w, size_t client, const char *text)
{
    wire_send(w->wire, client, text);
    step(w);
}

/* ---- handlers ---- */

static int echo(chatroom_request *request, void *arg)
{
    (void)arg;
    return chatroom_request_reply(request, chatroom_request_body(request));
}

static int count(chatroom_request *request, void *arg)
{
    (void)request;
    ++*(int *)arg;
    return CHATROOM_OK;
}

static chatroom_span value_of(chatroom_request *request)
{
    chatroom_span text;

    assert_int_equal(chatroom_request_text(request, "value", &text), CHATROOM_OK);
    return text;
}

static int join(chatroom_request *request, void *arg)
{
    (void)arg;
    return chatroom_request_join(request, value_of(request));
}

static int leave(chatroom_request *request, void *arg)
{
    (void)arg;
    return chatroom_request_leave(request, value_of(request));
}

static int say(chatroom_request *request, void *arg)
{
    struct chatroom_json_value payload;
    chatroom_span id;

    (void)arg;
    assert_int_equal(chatroom_request_field(request, "value", &payload), CHATROOM_OK);
    assert_int_equal(chatroom_request_text(request, "id", &id), CHATROOM_OK);
    return chatroom_request_publish(request, chatroom_request_session_room(request, 0), payload.raw, id);
}

static int name(chatroom_request *request, void *arg)
{
    (void)arg;
    return chatroom_request_set_name(request, value_of(request));
}

/* [newest more] seq:author:payload ... */
static int reply_page(chatroom_request *request, const struct chatroom_history *history, void *arg)
{
    char text[4096];
    struct chatroom_json json = chatroom_json_on(text, sizeof text);
    chatroom_span page;

    (void)arg;
    chatroom_json_open(&json, '[');
    chatroom_json_number(&json, (int64_t)history->newest);
    chatroom_json_number(&json, history->more);
    for (size_t i = 0; i < history->count; i++) {
        chatroom_json_number(&json, (int64_t)history->entries[i].seq);
        chatroom_json_string(&json, history->entries[i].author);
        chatroom_json_raw(&json, history->entries[i].payload);
    }
    chatroom_json_close(&json, ']');
    assert_true(chatroom_json_done(&json, &page));
    assert_int_equal(chatroom_request_join(request, history->room), CHATROOM_EINVAL); /* no more writes */
    return chatroom_request_reply(request, page);
}

static int number_of(chatroom_request *request, const char *field)
{
    struct chatroom_json_value value;

    assert_int_equal(chatroom_request_field(request, field, &value), CHATROOM_OK);
    return value.type == CHATROOM_JSON_NUMBER ? atoi(value.raw.bytes) : 0;
}

static int history(chatroom_request *request, void *arg)
{
    struct chatroom_history_query query = {.before = (uint64_t)number_of(request, "before"),
                                           .after = (uint64_t)number_of(request, "after"),
                                           .limit = (size_t)number_of(request, "limit")};

    return chatroom_request_history(request, value_of(request), &query, reply_page, arg);
}

static int join_and_read(chatroom_request *request, void *arg)
{
    int result = join(request, arg);

    return result ? result : history(request, arg);
}

static void add_routes(struct world *w)
{
    static const struct {
        const char *key;
        chatroom_handler_fn *handler;
    } routes[] = {{"join", join}, {"leave", leave},     {"say", say},
                  {"name", name}, {"history", history}, {"enter", join_and_read}};

    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        assert_int_equal(chatroom_route(w->c, routes[i].key, routes[i].handler, NULL), CHATROOM_OK);
}

static void begin(struct world *w, bool groups)
{
    prepare(w, groups);
    make(w);
    add_routes(w);
    start(w);
}

/* ---- tests ---- */

static void instance__a_route_is_selected_by_the_message(void **state)
{
    struct world w;

    (void)state;
    prepare(&w, true);
    make(&w);
    assert_int_equal(chatroom_route(w.c, "echo", echo, NULL), CHATROOM_OK);
    start(&w);
    size_t ann = connected(&w);
    says(&w, ann, "{\"action\":\"echo\",\"x\":1}");
    assert_hears(&w, ann, "{\"action\":\"echo\",\"x\":1}");
    end(&w);
}

static void instance__no_route_is_forbidden_in_the_words_of_api_gateway(void **state)
{
    static const char *const messages[] = {
        "{\"action\":\"nope\"}", "{\"action\":\"$connect\"}",          "no json", "{}",
        "{\"action\":1}",        "{\"action\":\"a\",\"action\":\"a\"}"};
    struct world w;

    (void)state;
    begin(&w, true);
    size_t ann = connected(&w);
    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
        says(&w, ann, messages[i]);
        const char *heard = wire_take(w.wire, ann);
        assert_non_null(heard);
        assert_memory_equal(heard, "{\"message\": \"Forbidden\", \"connectionId\":\"", 41);
        assert_memory_equal(heard + 41, wire_id(w.wire, ann).bytes, 16);
        assert_memory_equal(heard + 57, "\", \"requestId\":\"", 16);
    }
    assert_int_equal(wire_close_code(w.wire, ann), 0);
    end(&w);
}

static void instance__another_stage_is_not_found_and_never_a_session(void **state)
{
    struct world w;
    int gone = 0;

    (void)state;
    prepare(&w, true);
    make(&w);
    assert_int_equal(chatroom_route(w.c, "$disconnect", count, &gone), CHATROOM_OK);
    start(&w);
    size_t other = wire_connect(w.wire, "/devel"), query = wire_connect(w.wire, "/dev?x=/other");
    step(&w);
    assert_int_equal(wire_status(w.wire, other), 404);
    assert_int_equal(wire_status(w.wire, query), 101);
    assert_int_equal(chatroom_connection_count(w.c), 1);
    assert_int_equal(gone, 0);
    end(&w);
}

static int refuse(chatroom_request *request, void *arg)
{
    chatroom_request_status(request, 401);
    return arg ? CHATROOM_OK : chatroom_request_refuse(request, "no", "No.");
}

static void instance__connect_may_refuse_with_a_status(void **state)
{
    struct world w;

    (void)state;
    prepare(&w, true);
    make(&w);
    assert_int_equal(chatroom_route(w.c, "$connect", refuse, NULL), CHATROOM_OK);
    start(&w);
    size_t ann = wire_connect(w.wire, "/dev");
    step(&w);
    assert_int_equal(wire_status(w.wire, ann), 401);
    end(&w);
}

static void instance__disconnect_runs_once_after_what_was_sent(void **state)
{
    struct world w;
    int gone = 0, said = 0;

    (void)state;
    prepare(&w, false);
    make(&w);
    assert_int_equal(chatroom_route(w.c, "$disconnect", count, &gone), CHATROOM_OK);
    assert_int_equal(chatroom_route(w.c, "x", count, &said), CHATROOM_OK);
    start(&w);
    size_t ann = connected(&w);
    wire_send(w.wire, ann, "{\"action\":\"x\"}");
    wire_close(w.wire, ann, 1000);
    wire_close(w.wire, ann, 1000);
    step(&w);
    assert_int_equal(said, 1);
    assert_int_equal(gone, 1);
    assert_int_equal(chatroom_connection_count(w.c), 0);
    end(&w);
}

static void check_members_hear_a_log(bool groups)
{
    struct world w;

    begin(&w, groups);
    size_t ann = connected(&w), bob = connected(&w), cid = connected(&w);
    says(&w, ann, "{\"action\":\"join\",\"value\":\"den\"}");
    says(&w, bob, "{\"action\":\"join\",\"value\":\"den\"}");
    assert_int_equal(chatroom_room_members(w.c, chatroom_str("den")), 2);
    says(&w, ann, "{\"action\":\"say\",\"value\":\"hi\"}");
    assert_hears(&w, ann, "\"hi\"");
    assert_hears(&w, bob, "\"hi\"");
    assert_null(wire_take(w.wire, cid));
    says(&w, bob, "{\"action\":\"leave\",\"value\":\"den\"}");
    says(&w, ann, "{\"action\":\"say\",\"value\":\"alone\"}");
    assert_hears(&w, ann, "\"alone\"");
    assert_null(wire_take(w.wire, bob));
    wire_close(w.wire, ann, 0);
    step(&w);
    assert_int_equal(chatroom_room_members(w.c, chatroom_str("den")), 0);
    assert_true(chatroom_room_exists(w.c, chatroom_str("den")));
    end(&w);
}

static void instance__members_hear_a_log_with_groups_of_the_transport(void **state)
{
    (void)state;
    check_members_hear_a_log(true);
}

static void instance__members_hear_a_log_without_groups(void **state)
{
    (void)state;
    check_members_hear_a_log(false);
}

static void instance__P3_who_enters_hears_the_page_and_goes_on_from_there(void **state)
{
    struct world w;

    (void)state;
    begin(&w, true);
    size_t ann = connected(&w), bob = connected(&w);
    says(&w, ann, "{\"action\":\"name\",\"value\":\"ann\"}");
    says(&w, ann, "{\"action\":\"join\",\"value\":\"den\"}");
    says(&w, ann, "{\"action\":\"say\",\"value\":1}");
    wire_send(w.wire, ann, "{\"action\":\"say\",\"value\":2}");
    wire_send(w.wire, bob, "{\"action\":\"enter\",\"value\":\"den\"}");
    wire_send(w.wire, ann, "{\"action\":\"say\",\"value\":3}");
    wire_send(w.wire, bob, "{\"action\":\"say\",\"value\":4}");
    step(&w);
    /* The page shows the room as it was when bob came in; what was said while it was read follows. */
    assert_hears(&w, bob, "[2,0,1,\"ann\",1,2,\"ann\",2]");
    assert_hears(&w, bob, "3");
    assert_hears(&w, bob, "4");
    assert_null(wire_take(w.wire, bob));
    end(&w);
}

static int refuse_page(chatroom_request *request, const struct chatroom_history *history, void *arg)
{
    (void)arg;
    assert_int_equal(history->count, 1);
    return chatroom_request_refuse(request, "no_page", "No.");
}

static int join_say_and_refuse_the_page(chatroom_request *request, void *arg)
{
    const struct chatroom_history_query query = {0};
    chatroom_span den = chatroom_str("den");

    assert_int_equal(chatroom_request_join(request, den), CHATROOM_OK);
    assert_int_equal(chatroom_request_publish(request, den, chatroom_str("1"), chatroom_str("")), CHATROOM_OK);
    return chatroom_request_history(request, den, &query, refuse_page, arg);
}

/* What would have been on the page comes live. */
static void instance__P3_who_gets_no_page_misses_nothing_that_was_said_since_it_joined(void **state)
{
    struct world w;

    (void)state;
    prepare(&w, true);
    make(&w);
    assert_int_equal(chatroom_route(w.c, "enter", join_say_and_refuse_the_page, NULL), CHATROOM_OK);
    start(&w);
    size_t ann = connected(&w);
    says(&w, ann, "{\"action\":\"enter\"}");
    assert_non_null(strstr(wire_take(w.wire, ann), "No."));
    assert_hears(&w, ann, "1");
    end(&w);
}

static void instance__history_is_paged_in_both_directions(void **state)
{
    struct world w;
    char text[64];

    (void)state;
    begin(&w, true);
    size_t ann = connected(&w);
    says(&w, ann, "{\"action\":\"enter\",\"value\":\"den\"}");
    assert_hears(&w, ann, "[0,0]");
    for (int i = 1; i <= 5; i++) {
        snprintf(text, sizeof text, "{\"action\":\"say\",\"value\":%d}", i);
        says(&w, ann, text);
    }
    wire_drain(w.wire, ann);
    says(&w, ann, "{\"action\":\"history\",\"value\":\"den\",\"limit\":2}");
    assert_hears(&w, ann, "[5,1,4,\"\",4,5,\"\",5]");
    says(&w, ann, "{\"action\":\"history\",\"value\":\"den\",\"limit\":2,\"before\":3}");
    assert_hears(&w, ann, "[5,0,1,\"\",1,2,\"\",2]");
    says(&w, ann, "{\"action\":\"history\",\"value\":\"den\",\"limit\":2,\"after\":1}");
    assert_hears(&w, ann, "[5,1,2,\"\",2,3,\"\",3]");
    says(&w, ann, "{\"action\":\"history\",\"value\":\"den\",\"limit\":2,\"after\":3}");
    assert_hears(&w, ann, "[5,0,4,\"\",4,5,\"\",5]");
    end(&w);
}

static void instance__the_same_id_is_stored_once(void **state)
{
    struct world w;

    (void)state;
    begin(&w, true);
    size_t ann = connected(&w);
    says(&w, ann, "{\"action\":\"join\",\"value\":\"den\"}");
    says(&w, ann, "{\"action\":\"say\",\"value\":1,\"id\":\"x\"}");
    says(&w, ann, "{\"action\":\"say\",\"value\":1,\"id\":\"x\"}");
    assert_hears(&w, ann, "1");
    assert_null(wire_take(w.wire, ann));
    end(&w);
}

/* ---- deferring ---- */

static chatroom_request *put_off;

static int defer(chatroom_request *request, void *arg)
{
    (void)arg;
    put_off = request;
    chatroom_request_defer(request);
    return CHATROOM_OK;
}

static void deferring(struct world *w)
{
    prepare(w, true);
    make(w);
    assert_int_equal(chatroom_route(w->c, "later", defer, NULL), CHATROOM_OK);
    assert_int_equal(chatroom_route(w->c, "echo", echo, NULL), CHATROOM_OK);
    start(w);
}

static void instance__later_messages_wait_for_a_deferred_one(void **state)
{
    struct world w;

    (void)state;
    deferring(&w);
    size_t ann = connected(&w);
    wire_send(w.wire, ann, "{\"action\":\"later\"}");
    wire_send(w.wire, ann, "{\"action\":\"echo\"}");
    step(&w);
    assert_null(wire_take(w.wire, ann));
    chatroom_request_resume(put_off, echo, NULL);
    step(&w);
    assert_hears(&w, ann, "{\"action\":\"later\"}");
    assert_hears(&w, ann, "{\"action\":\"echo\"}");
    end(&w);
}

static void instance__deferred_for_too_long_is_told_and_its_late_result_discarded(void **state)
{
    struct world w;

    (void)state;
    deferring(&w);
    size_t ann = connected(&w);
    says(&w, ann, "{\"action\":\"later\"}");
    pass(&w, 28500);
    assert_int_equal(chatroom_deadline(w.c), w.now.mono_ns + 500000000);
    pass(&w, 499);
    assert_null(wire_take(w.wire, ann));
    pass(&w, 1);
    assert_memory_equal(wire_take(w.wire, ann), "{\"message\": \"Endpoint request timed out\"", 40);
    chatroom_request_resume(put_off, echo, NULL);
    step(&w);
    assert_null(wire_take(w.wire, ann));
    says(&w, ann, "{\"action\":\"echo\"}");
    assert_hears(&w, ann, "{\"action\":\"echo\"}");
    end(&w);
}

/* The server stood still for a minute; the answer was there after a second. */
static void F41_a_result_that_came_during_a_pause_counts(void **state)
{
    struct world w;

    (void)state;
    deferring(&w);
    size_t ann = connected(&w);
    says(&w, ann, "{\"action\":\"later\"}");
    chatroom_request_resume(put_off, echo, NULL);
    pass(&w, 60000);
    assert_hears(&w, ann, "{\"action\":\"later\"}");
    end(&w);
}

static void instance__freed_while_requests_are_deferred_or_given_up_leaves_nothing(void **state)
{
    struct world w;

    (void)state;
    deferring(&w);
    size_t ann = connected(&w), bob = connected(&w);
    says(&w, ann, "{\"action\":\"later\"}");
    pass(&w, 30000);
    says(&w, bob, "{\"action\":\"later\"}");
    says(&w, bob, "{\"action\":\"echo\"}");
    end(&w);
}

/* ---- limits ---- */

static void instance__what_a_message_may_not_be_closes_its_connection_alone(void **state)
{
    struct world w;

    (void)state;
    prepare(&w, true);
    w.config.limits.message_bytes = 10;
    make(&w);
    assert_int_equal(chatroom_route(w.c, "$default", echo, NULL), CHATROOM_OK);
    start(&w);
    size_t ann = connected(&w), bob = connected(&w), cid = connected(&w);
    wire_send_kind(w.wire, ann, CHATROOM_BINARY_MESSAGE, chatroom_str("x"));
    wire_send(w.wire, bob, "12345678901");
    wire_send(w.wire, cid, "1234567890");
    step(&w);
    assert_int_equal(wire_close_code(w.wire, ann), 1003);
    assert_int_equal(wire_close_code(w.wire, bob), 1009);
    assert_hears(&w, cid, "1234567890");
    end(&w);
}

static void instance__T12_too_many_messages_are_told_once_a_second_and_closed_after_ten(void **state)
{
    struct world w;
    int told = 0;

    (void)state;
    begin(&w, true);
    size_t ann = connected(&w);
    for (int tenth = 0; tenth < 115 && wire_close_code(w.wire, ann) == 0; tenth++) {
        for (int i = 0; i < 10; i++)
            wire_send(w.wire, ann, "{\"action\":\"leave\",\"value\":\"none\"}");
        pass(&w, 100);
        for (const char *heard = wire_take(w.wire, ann); heard; heard = wire_take(w.wire, ann))
            told += strncmp(heard, "{\"message\": \"Too Many Requests\"", 30) == 0;
    }
    assert_int_equal(wire_close_code(w.wire, ann), 1008);
    assert_in_range(told, 9, 11);
    end(&w);
}

static void instance__a_route_may_have_a_limit_of_its_own(void **state)
{
    struct world w;

    (void)state;
    prepare(&w, true);
    make(&w);
    struct chatroom_route_options options = CHATROOM_ROUTE_OPTIONS;
    options.connection_per_minute = 60;
    options.connection_burst = 2;
    assert_int_equal(chatroom_route_with(w.c, "echo", echo, NULL, &options), CHATROOM_OK);
    start(&w);
    size_t ann = connected(&w);
    for (int i = 0; i < 3; i++)
        says(&w, ann, "{\"action\":\"echo\"}");
    assert_hears(&w, ann, "{\"action\":\"echo\"}");
    assert_hears(&w, ann, "{\"action\":\"echo\"}");
    assert_memory_equal(wire_take(w.wire, ann), "{\"message\": \"Too Many Requests\"", 30);
    pass(&w, 1000);
    says(&w, ann, "{\"action\":\"echo\"}");
    assert_hears(&w, ann, "{\"action\":\"echo\"}");
    end(&w);
}

/* ---- other threads' calls ---- */

static void note(void *arg, int status)
{
    *(int *)arg = status;
}

/* One octet more than fits. */
static chatroom_span long_payload(const struct world *w)
{
    static char text[200000];

    assert_true(w->config.limits.message_bytes < sizeof text);
    memset(text, '1', sizeof text);
    return chatroom_bytes(text, w->config.limits.message_bytes + 1);
}

static void instance__calls_from_elsewhere_take_hold_in_the_next_step(void **state)
{
    struct world w;
    int posted = 1, missed = 1, published = 1, nowhere = 1, closed = 1;
    char id[16];

    (void)state;
    begin(&w, true);
    size_t ann = connected(&w);
    memcpy(id, wire_id(w.wire, ann).bytes, sizeof id);
    says(&w, ann, "{\"action\":\"join\",\"value\":\"den\"}");
    assert_int_equal(chatroom_post(w.c, chatroom_bytes(id, 16), chatroom_str("post"), note, &posted), CHATROOM_OK);
    assert_int_equal(chatroom_post(w.c, chatroom_str("nobody"), chatroom_str("post"), note, &missed), CHATROOM_OK);
    assert_int_equal(
        chatroom_publish(w.c, chatroom_str("den"), chatroom_str("host"), chatroom_str("[1]"), note, &published),
        CHATROOM_OK);
    assert_int_equal(
        chatroom_publish(w.c, chatroom_str("no"), chatroom_str("host"), chatroom_str("[1]"), note, &nowhere),
        CHATROOM_OK);
    assert_int_equal(chatroom_publish(w.c, chatroom_str("den"), chatroom_str(""), chatroom_str("[1"), note, NULL),
                     CHATROOM_EJSON);
    assert_int_equal(chatroom_publish(w.c, chatroom_str("den"), chatroom_str(""), long_payload(&w), note, NULL),
                     CHATROOM_ETOOBIG);
    assert_int_equal(chatroom_disconnect(w.c, chatroom_bytes(id, 16), 1005, chatroom_str(""), note, NULL),
                     CHATROOM_EINVAL);
    assert_null(wire_take(w.wire, ann));
    step(&w);
    assert_hears(&w, ann, "post");
    assert_hears(&w, ann, "[1]");
    assert_int_equal(posted, CHATROOM_OK);
    assert_int_equal(missed, CHATROOM_EGONE);
    assert_int_equal(published, CHATROOM_OK);
    assert_int_equal(nowhere, CHATROOM_ENOENT);
    assert_int_equal(chatroom_disconnect(w.c, chatroom_bytes(id, 16), 4000, chatroom_str("bye"), note, &closed),
                     CHATROOM_OK);
    step(&w);
    assert_int_equal(closed, CHATROOM_OK);
    assert_int_equal(wire_close_code(w.wire, ann), 4000);
    end(&w);
}

static void instance__calls_that_come_too_late_are_told(void **state)
{
    struct world w;
    int posted = 1, published = 1;

    (void)state;
    begin(&w, true);
    assert_int_equal(chatroom_post(w.c, chatroom_str("x"), chatroom_str("post"), note, &posted), CHATROOM_OK);
    assert_int_equal(chatroom_publish(w.c, chatroom_str("den"), chatroom_str(""), chatroom_str("1"), note, &published),
                     CHATROOM_OK);
    end(&w);
    assert_int_equal(posted, CHATROOM_ECLOSED);
    assert_int_equal(published, CHATROOM_ECLOSED);
}

static void note_and_call_again(void *arg, int status)
{
    struct world *w = arg;

    assert_int_equal(status, CHATROOM_ECLOSED);
    assert_int_equal(chatroom_post(w->c, chatroom_str("x"), chatroom_str("again"), note_and_call_again, w),
                     CHATROOM_ECLOSED);
}

static void instance__calls_from_the_last_outcomes_are_refused_and_leave_nothing(void **state)
{
    struct world w;

    (void)state;
    begin(&w, true);
    assert_int_equal(chatroom_post(w.c, chatroom_str("x"), chatroom_str("post"), note_and_call_again, &w), CHATROOM_OK);
    end(&w);
}

static int join_and_say(chatroom_request *request, void *arg)
{
    chatroom_span den = chatroom_str("den");

    (void)arg;
    assert_int_equal(chatroom_request_join(request, den), CHATROOM_OK);
    return chatroom_request_publish(request, den, chatroom_str("\"new\""), chatroom_str(""));
}

/* The wire refuses to send to who has not been let in. */
static void instance__who_joins_on_connect_is_let_in_before_it_hears_anything(void **state)
{
    struct world w;

    (void)state;
    prepare(&w, true);
    make(&w);
    assert_int_equal(chatroom_route(w.c, "$connect", join_and_say, NULL), CHATROOM_OK);
    start(&w);
    size_t ann = connected(&w);
    assert_hears(&w, ann, "\"new\"");
    end(&w);
}

/* ---- stopping ---- */

static int busy_twice(chatroom_request *request, void *arg)
{
    return ++*(int *)arg < 3 ? CHATROOM_EAGAIN : chatroom_request_delete_room(request, chatroom_str("den"));
}

static void instance__disconnect_is_asked_again_while_its_handler_has_too_much_to_do(void **state)
{
    int calls = 0;
    struct world w;

    (void)state;
    prepare(&w, true);
    make(&w);
    assert_int_equal(chatroom_route(w.c, "join", join, NULL), CHATROOM_OK);
    assert_int_equal(chatroom_route(w.c, "$disconnect", busy_twice, &calls), CHATROOM_OK);
    start(&w);
    size_t ann = connected(&w);
    says(&w, ann, "{\"action\":\"join\",\"value\":\"den\"}");
    wire_close(w.wire, ann, 1000);
    step(&w);
    assert_int_equal(calls, 1);
    assert_true(chatroom_room_exists(w.c, chatroom_str("den")));
    pass(&w, 500);
    assert_int_equal(calls, 1);
    pass(&w, 501);
    assert_int_equal(calls, 2);
    pass(&w, 1001);
    assert_int_equal(calls, 3);
    assert_false(chatroom_room_exists(w.c, chatroom_str("den")));
    pass(&w, 2000);
    assert_int_equal(calls, 3);
    end(&w);
}

static void instance__stop_closes_with_1001_and_every_disconnect_runs(void **state)
{
    struct world w;
    int gone = 0;

    (void)state;
    prepare(&w, true);
    make(&w);
    assert_int_equal(chatroom_route(w.c, "$disconnect", count, &gone), CHATROOM_OK);
    start(&w);
    size_t ann = connected(&w), bob = connected(&w);
    chatroom_ask_stop(w.c);
    assert_false(chatroom_stopped(w.c));
    step(&w);
    assert_true(chatroom_stopped(w.c));
    assert_int_equal(wire_close_code(w.wire, ann), 1001);
    assert_int_equal(wire_close_code(w.wire, bob), 1001);
    assert_int_equal(gone, 2);
    end(&w);
}

static void instance__stop_waits_for_a_deferred_answer_but_not_forever(void **state)
{
    struct world w;

    (void)state;
    deferring(&w);
    size_t ann = connected(&w);
    says(&w, ann, "{\"action\":\"later\"}");
    chatroom_stop(w.c);
    step(&w);
    assert_int_equal(wire_close_code(w.wire, ann), 0);
    assert_false(chatroom_stopped(w.c));
    pass(&w, 10000);
    assert_true(chatroom_stopped(w.c));
    end(&w);
}

static char closed_in_order[16];
static struct chatroom_store_ops memory_ops;
static struct chatroom_transport_ops wire_ops;

static void close_store(void *self)
{
    strcat(closed_in_order, "store ");
    const struct chatroom_store inner = {&memory_ops, self};
    inner.ops->close(inner.self);
}

static void close_transport(void *self)
{
    strcat(closed_in_order, "wire ");
    const struct chatroom_transport inner = {&wire_ops, self};
    inner.ops->close_all(inner.self);
}

/* Threads of a store wake the transport until close() has returned. */
static void instance__the_store_is_closed_before_the_transport_that_it_wakes(void **state)
{
    struct chatroom_store_ops store;
    struct chatroom_transport_ops transport;
    struct world w;

    (void)state;
    prepare(&w, true);
    memory_ops = *w.config.store.ops;
    wire_ops = *w.config.transport.ops;
    store = memory_ops;
    store.close = close_store;
    transport = wire_ops;
    transport.close_all = close_transport;
    w.config.store.ops = &store;
    w.config.transport.ops = &transport;
    closed_in_order[0] = '\0';
    make(&w);
    start(&w);
    end(&w);
    assert_string_equal(closed_in_order, "store wire ");
}

static size_t due_peers, flushes;
static struct chatroom_ticket *unstored;

static size_t due(void *self)
{
    (void)self;
    return due_peers;
}

static void count_flush(void *self)
{
    (void)self;
    flushes++;
}

static int keep_ticket(void *self, struct chatroom_ticket *ticket)
{
    (void)self;
    unstored = ticket;
    return CHATROOM_OK;
}

/* What is due to many waits for the store, as long as writing it would take and no longer; what is due to few does not.
 */
static void instance__flush_waits_for_the_store_as_long_as_it_would_take(void **state)
{
    struct chatroom_transport_ops transport_ops;
    struct chatroom_store_ops store_ops;
    struct world w;

    (void)state;
    prepare(&w, true);
    transport_ops = *w.config.transport.ops;
    transport_ops.due = due;
    transport_ops.flush = count_flush;
    store_ops = *w.config.store.ops;
    store_ops.submit = keep_ticket;
    w.config.transport.ops = &transport_ops;
    w.config.store.ops = &store_ops;
    make(&w);
    start(&w);
    due_peers = 1000;
    flushes = 0;
    step(&w);
    assert_int_equal(flushes, 3); /* nothing is on its way */
    wire_connect(w.wire, "/dev");
    step(&w);
    assert_non_null(unstored);
    assert_int_equal(flushes, 3);
    assert_int_equal(chatroom_deadline(w.c), w.now.mono_ns + 4000000);
    w.now.mono_ns += 3999999;
    step(&w);
    assert_int_equal(flushes, 3);
    w.now.mono_ns++;
    assert_int_equal(chatroom_step(w.c, w.now), CHATROOM_OK);
    assert_int_equal(flushes, 4);
    assert_int_equal(chatroom_step(w.c, w.now), CHATROOM_OK);
    assert_int_equal(flushes, 4); /* the next wait has begun */
    due_peers = 0;
    assert_int_equal(chatroom_step(w.c, w.now), CHATROOM_OK);
    assert_int_equal(flushes, 5);
    due_peers = 1000;
    step(&w);
    assert_int_equal(flushes, 5);
    chatroom_write_done(unstored, CHATROOM_OK);
    assert_int_equal(chatroom_step(w.c, w.now), CHATROOM_OK);
    assert_int_equal(flushes, 6);
    store_ops = *w.config.store.ops;
    due_peers = 0;
    unstored = NULL;
    end(&w);
}

static unsigned steps_left, steps_taken, steps_at_flush;

static void count_step(void *self, struct chatroom_now now)
{
    (void)self, (void)now;
    steps_taken++;
    steps_left -= steps_left > 0;
}

static bool has_more(void *self)
{
    (void)self;
    return steps_left > 0;
}

static void note_flush(void *self)
{
    (void)self;
    steps_at_flush = steps_taken;
}

static void instance__all_input_is_taken_before_anything_is_written_but_not_without_end(void **state)
{
    struct chatroom_transport_ops ops;
    struct world w;

    (void)state;
    prepare(&w, true);
    ops = *w.config.transport.ops;
    ops.step = count_step;
    ops.more = has_more;
    ops.flush = note_flush;
    w.config.transport.ops = &ops;
    make(&w);
    start(&w);
    steps_taken = 0;
    steps_left = 5;
    assert_int_equal(chatroom_step(w.c, w.now), CHATROOM_OK);
    assert_int_equal(steps_taken, 5);
    assert_int_equal(steps_at_flush, 5);
    steps_left = 1000;
    assert_int_equal(chatroom_step(w.c, w.now), CHATROOM_OK);
    assert_in_range(steps_taken, 5 + 2, 5 + 100);
    assert_int_equal(steps_at_flush, steps_taken);
    end(&w);
}

static void instance__two_of_them_do_not_know_each_other(void **state)
{
    struct world one, other;

    (void)state;
    begin(&one, true);
    long before = blocks;
    begin(&other, true);
    size_t ann = connected(&one), bob = connected(&other);
    says(&one, ann, "{\"action\":\"join\",\"value\":\"den\"}");
    says(&other, bob, "{\"action\":\"join\",\"value\":\"den\"}");
    says(&one, ann, "{\"action\":\"say\",\"value\":1}");
    assert_hears(&one, ann, "1");
    assert_null(wire_take(other.wire, bob));
    blocks += before;
    chatroom_free(other.c);
    wire_free(other.wire);
    end(&one);
}

static bool list_room(void *arg, chatroom_span room)
{
    strncat(strcat(arg, "/"), room.bytes, room.size);
    return !chatroom_span_equal(room, chatroom_str("b"));
}

static bool list_member(void *arg, chatroom_span connection_id, chatroom_span member)
{
    assert_int_equal(connection_id.size, 16);
    strncat(strcat(arg, "/"), member.bytes, member.size);
    return true;
}

static void instance__can_be_looked_at(void **state)
{
    struct world w;
    char rooms[32] = "", members[32] = "";

    (void)state;
    prepare(&w, true);
    make(&w);
    add_routes(&w);
    assert_false(chatroom_is_started(w.c));
    start(&w);
    assert_true(chatroom_is_started(w.c));
    assert_int_equal(chatroom_fd(w.c), -1); /* the wire has none */
    assert_int_equal(chatroom_store_capabilities(w.c) & CHATROOM_STORE_DURABLE, 0);
    size_t ann = connected(&w);
    says(&w, ann, "{\"action\":\"name\",\"value\":\"ann\"}");
    for (const char *room = "cba"; *room; room++) {
        char text[64];

        snprintf(text, sizeof text, "{\"action\":\"join\",\"value\":\"%c\"}", *room);
        says(&w, ann, text);
    }
    chatroom_each_room(w.c, list_room, rooms);
    assert_string_equal(rooms, "/c/b"); /* in the order of creation, until the visitor has seen enough */
    assert_int_equal(chatroom_room_count(w.c), 3);
    chatroom_each_member(w.c, chatroom_str("a"), list_member, members);
    assert_string_equal(members, "/ann");
    end(&w);
}

static void instance__a_bad_configuration_is_refused_in_a_sentence_and_leaves_nothing(void **state)
{
    static const char *const bad[] = {"$request.header.a", "$request.body.", "${request.body.a", "$request.body..a"};
    static char long_stage[130];
    const char *const stages[] = {"", "a:", "a@", "a[", "a`", "a{", "a.", "\xc3\xa4", long_stage};
    struct chatroom_error error;
    struct world w;

    (void)state;
    memset(long_stage, 'x', sizeof long_stage - 1);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        prepare(&w, true);
        w.config.route_selection = bad[i];
        assert_int_equal(chatroom_new(&w.config, &w.c, &error), CHATROOM_EINVAL);
        assert_non_null(strstr(error.text, "character"));
        wire_free(w.wire);
        assert_int_equal(blocks, 0);
    }
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        prepare(&w, true);
        w.config.stage = stages[i];
        assert_int_equal(chatroom_new(&w.config, &w.c, &error), CHATROOM_EINVAL);
        assert_non_null(strstr(error.text, "stage"));
        wire_free(w.wire);
        assert_int_equal(blocks, 0);
    }
    for (int i = 0; i < 13; i++) {
        prepare(&w, true);
        switch (i) {
        case 0:
            w.config.stage = "a/b";
            break;
        case 1:
            w.config.limits.messages_burst = 0;
            break;
        case 2:
            w.config.limits.bytes_burst = 0;
            break;
        case 5:
            w.config.limits.message_bytes = 0;
            break;
        case 6:
            w.config.limits.history_entries = 0;
            break;
        case 7:
            w.config.limits.history_pages = 0;
            break;
        case 8:
            w.config.limits.held_messages = 0;
            break;
        case 9:
            w.config.per_second = 1;
            break;
        case 10:
            w.config.store.ops->close(w.config.store.self);
            w.config.store.ops = NULL;
            break;
        case 11:
            w.config.transport.ops = NULL;
            break;
        case 12:
            w.config.random = NULL;
            break;
        default:
            w.config.limits.unknown_stage_status = i == 3 ? 399 : 600;
        }
        assert_int_equal(chatroom_new(&w.config, &w.c, &error), CHATROOM_EINVAL);
        assert_true(error.text[0] != '\0');
        wire_free(w.wire);
        assert_int_equal(blocks, 0);
    }
}

static size_t closed_stores, closed_transports;
static const struct chatroom_store_ops *real_store;
static const struct chatroom_transport_ops *real_transport;

static void close_counting(void *self)
{
    closed_stores++;
    real_store->close(self);
}

static void close_all_counting(void *self)
{
    closed_transports++;
    real_transport->close_all(self);
}

static void instance__failure_to_make_one_closes_store_and_transport_whatever_it_was(void **state)
{
    for (int i = 0; i < 4; i++) {
        struct chatroom_error error = {0};
        struct chatroom_transport_ops counting_transport;
        struct chatroom_store_ops counting_store;
        struct world w;

        (void)state;
        prepare(&w, true);
        counting_store = *(real_store = w.config.store.ops);
        counting_store.close = close_counting;
        w.config.store.ops = &counting_store;
        counting_transport = *(real_transport = w.config.transport.ops);
        counting_transport.close_all = close_all_counting;
        w.config.transport.ops = &counting_transport;
        closed_stores = closed_transports = 0;
        switch (i) {
        case 0:
            w.config.size = 0;
            break;
        case 1:
            w.config.size = offsetof(struct chatroom_config, store);
            break;
        case 2:
            w.config.random = NULL;
            break;
        default:
            w.config.stage = "a/b";
        }
        assert_int_equal(chatroom_new(&w.config, &w.c, &error), CHATROOM_EINVAL);
        assert_true(error.text[0] != '\0');
        assert_int_equal(closed_stores, 1);
        assert_int_equal(closed_transports, 1);
        wire_free(w.wire);
        assert_int_equal(blocks, 0);
    }
}

/* ---- random numbers ---- */

static int no_random(void *arg, void *ret_bytes, size_t size)
{
    *(size_t *)arg = size;
    memset(ret_bytes, 0, size);
    return CHATROOM_ESYSTEM;
}

/* Ids and the keys of its tables need them: there is nothing else to take them from. */
static void T18_without_random_numbers_there_is_no_instance(void **state)
{
    struct chatroom_error error = {0};
    struct world w;
    size_t asked = 0;

    (void)state;
    prepare(&w, true);
    w.config.random = no_random;
    w.config.random_arg = &asked;
    assert_int_equal(chatroom_new(&w.config, &w.c, &error), CHATROOM_ESYSTEM);
    assert_true(error.text[0] != '\0');
    assert_true(asked >= 32);
    wire_free(w.wire);
    assert_int_equal(blocks, 0);
}

/* ---- the clock ---- */

/* What a store keeps of one room: its record and its newest entry. */
struct kept {
    char record[64], entry[64];
    size_t record_size, entry_size;
    uint64_t newest;
};

static int kept_open(void *self, chatroom_store_port *port, struct chatroom_error *error)
{
    struct kept *kept = self;
    chatroom_span den = chatroom_str("den"), entry = chatroom_bytes(kept->entry, kept->entry_size);

    (void)error;
    if (kept->record_size == 0)
        return CHATROOM_OK;
    assert_int_equal(
        chatroom_store_found_room(port, den, chatroom_bytes(kept->record, kept->record_size), 5, kept->newest),
        CHATROOM_OK);
    chatroom_store_found_newest(port, den, entry);
    chatroom_store_found_newest(port, den, chatroom_str("not an entry"));
    chatroom_store_found_newest(port, chatroom_str("none"), entry);
    return CHATROOM_OK;
}

static void keep(char *bytes, size_t *size, chatroom_span value)
{
    assert_true(value.size <= 64);
    memcpy(bytes, value.bytes, value.size);
    *size = value.size;
}

static int kept_submit(void *self, struct chatroom_ticket *ticket)
{
    struct kept *kept = self;

    for (size_t i = 0; i < ticket->count; i++) {
        struct chatroom_write *write = &ticket->writes[i];

        if (write->kind == CHATROOM_WRITE_ROOM)
            keep(kept->record, &kept->record_size, write->value);
        if (write->kind == CHATROOM_APPEND)
            keep(kept->entry, &kept->entry_size, write->value);
        kept->newest += write->kind == CHATROOM_APPEND;
        write->ret_seq = kept->newest;
        write->ret_epoch = 5;
    }
    chatroom_write_done(ticket, CHATROOM_OK);
    return CHATROOM_OK;
}

static int kept_read(void *self, struct chatroom_ticket *ticket)
{
    (void)self;
    chatroom_read_done(ticket, CHATROOM_OK);
    return CHATROOM_OK;
}

static void kept_close(void *self)
{
    (void)self;
}

static const struct chatroom_store_ops kept_ops = {
    CHATROOM_STORE_OPS,    .name = "kept",    .open = kept_open,
    .submit = kept_submit, .read = kept_read, .close = kept_close,
};

static void note_time(void *arg, const struct chatroom_entry *entry, struct chatroom_json *json)
{
    *(int64_t *)arg = entry->time_ms;
    chatroom_json_raw(json, entry->payload);
}

static void publish_in_a_life(struct kept *kept, int64_t wall_ms, int64_t *ret_time_ms)
{
    struct world w;
    int published = 1;

    prepare(&w, true);
    w.config.store.ops->close(w.config.store.self);
    w.config.store = (struct chatroom_store){&kept_ops, kept};
    w.now.wall_ms = wall_ms;
    make(&w);
    chatroom_set_entry(w.c, note_time, ret_time_ms);
    assert_int_equal(chatroom_route(w.c, "join", join, NULL), CHATROOM_OK);
    start(&w);
    says(&w, connected(&w), "{\"action\":\"join\",\"value\":\"den\"}");
    assert_int_equal(
        chatroom_publish(w.c, chatroom_str("den"), chatroom_str("host"), chatroom_str("1"), note, &published),
        CHATROOM_OK);
    step(&w);
    assert_int_equal(published, CHATROOM_OK);
    end(&w);
}

static void F40_room_time_does_not_go_back_over_a_restart(void **state)
{
    struct kept kept = {.newest = 0};
    int64_t time_ms = 0;

    (void)state;
    publish_in_a_life(&kept, 2000000, &time_ms);
    assert_true(time_ms == 2000000);
    publish_in_a_life(&kept, 1000000, &time_ms);
    assert_true(time_ms == 2000000);
    publish_in_a_life(&kept, 3000000, &time_ms);
    assert_true(time_ms == 3000000);
    assert_int_equal(kept.newest, 3);
}

/* ---- wrong use ---- */

static int step_inside(chatroom_request *request, void *arg)
{
    const struct world *w = arg;

    assert_int_equal(chatroom_step(w->c, w->now), CHATROOM_EINVAL);
    return chatroom_request_reply(request, chatroom_request_body(request));
}

static void step_again(void *arg, int status)
{
    const struct world *w = arg;

    assert_int_equal(status, CHATROOM_EGONE);
    assert_int_equal(chatroom_step(w->c, w->now), CHATROOM_EINVAL);
}

static void instance__a_step_inside_a_step_is_refused_and_does_no_harm(void **state)
{
    struct world w;

    (void)state;
    prepare(&w, true);
    make(&w);
    assert_int_equal(chatroom_route(w.c, "step", step_inside, &w), CHATROOM_OK);
    start(&w);
    size_t ann = connected(&w);
    for (int i = 0; i < 3; i++)
        wire_send(w.wire, ann, "{\"action\":\"step\"}");
    assert_int_equal(chatroom_post(w.c, chatroom_str("nobody"), chatroom_str("x"), step_again, &w), CHATROOM_OK);
    step(&w);
    for (int i = 0; i < 3; i++)
        assert_hears(&w, ann, "{\"action\":\"step\"}");
    end(&w);
}

static int misuse(chatroom_request *request, void *arg)
{
    struct chatroom_history_query query = {0};

    (void)arg;
    assert_int_equal(chatroom_request_reply_message(request, (enum chatroom_message_kind)9, chatroom_str("x")),
                     CHATROOM_EINVAL);
    assert_int_equal(chatroom_request_join(request, chatroom_str("den")), CHATROOM_OK);
    assert_int_equal(chatroom_request_history(request, chatroom_str("den"), &query, NULL, NULL), CHATROOM_EINVAL);
    assert_int_equal(chatroom_request_history(request, chatroom_str("den"), NULL, reply_page, NULL), CHATROOM_EINVAL);
    assert_int_equal(chatroom_request_publish(request, chatroom_str("den"), chatroom_str("1"), chatroom_str("\xff")),
                     CHATROOM_EINVAL);
    return chatroom_request_refuse(request, "misuse", "No.");
}

static void instance__wrong_use_is_answered_and_does_no_harm(void **state)
{
    struct chatroom_error error;
    struct world w;

    (void)state;
    prepare(&w, true);
    make(&w);
    add_routes(&w);
    assert_int_equal(chatroom_route(w.c, "misuse", misuse, NULL), CHATROOM_OK);
    assert_int_equal(chatroom_run(w.c, (const int[]){9999, 0}, &error), CHATROOM_EINVAL);
    chatroom_set_entry(w.c, NULL, NULL); /* the defaults come back */
    chatroom_set_refusal(w.c, NULL, NULL);
    start(&w);
    size_t ann = connected(&w);
    says(&w, ann, "{\"action\":\"misuse\"}");
    assert_memory_equal(wire_take(w.wire, ann), "{\"message\": \"No.\"", 17);
    says(&w, ann, "{\"action\":\"join\",\"value\":\"den\"}");
    says(&w, ann, "{\"action\":\"say\",\"value\":1}");
    assert_hears(&w, ann, "1");
    end(&w);
}

static int read_after_the_last(chatroom_request *request, void *arg)
{
    struct chatroom_history_query query = {.after = UINT64_MAX};

    return chatroom_request_history(request, chatroom_str("den"), &query, reply_page, arg);
}

static void instance__nothing_comes_after_the_greatest_seq(void **state)
{
    struct world w;

    (void)state;
    prepare(&w, true);
    make(&w);
    add_routes(&w);
    assert_int_equal(chatroom_route(w.c, "beyond", read_after_the_last, NULL), CHATROOM_OK);
    start(&w);
    size_t ann = connected(&w);
    says(&w, ann, "{\"action\":\"join\",\"value\":\"den\"}");
    says(&w, ann, "{\"action\":\"say\",\"value\":7}");
    wire_drain(w.wire, ann);
    says(&w, ann, "{\"action\":\"beyond\"}");
    assert_hears(&w, ann, "[1,0]");
    end(&w);
}

static void keep_route_of_refusal(void *arg, enum chatroom_log_level level, const char *event,
                                  const struct chatroom_log_field *fields, size_t count)
{
    const struct chatroom_log_field *route = &fields[2];

    (void)level;
    if (strcmp(event, "refused") != 0)
        return;
    assert_int_equal(count, 6);
    assert_string_equal(route->key, "route");
    assert_non_null(route->text.bytes); /* NULL would make it a number */
    snprintf(arg, 16, "<%.*s>", (int)route->text.size, route->text.bytes);
}

static void instance__a_refusal_without_a_route_is_logged_as_text(void **state)
{
    struct world w;
    char route[16] = "";

    (void)state;
    prepare(&w, true);
    w.config.log = keep_route_of_refusal;
    w.config.log_arg = route;
    make(&w);
    start(&w);
    says(&w, connected(&w), "{");
    assert_string_equal(route, "<>");
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instance__a_route_is_selected_by_the_message),
        cmocka_unit_test(instance__no_route_is_forbidden_in_the_words_of_api_gateway),
        cmocka_unit_test(instance__another_stage_is_not_found_and_never_a_session),
        cmocka_unit_test(instance__connect_may_refuse_with_a_status),
        cmocka_unit_test(instance__disconnect_runs_once_after_what_was_sent),
        cmocka_unit_test(instance__members_hear_a_log_with_groups_of_the_transport),
        cmocka_unit_test(instance__members_hear_a_log_without_groups),
        cmocka_unit_test(instance__P3_who_enters_hears_the_page_and_goes_on_from_there),
        cmocka_unit_test(instance__P3_who_gets_no_page_misses_nothing_that_was_said_since_it_joined),
        cmocka_unit_test(instance__history_is_paged_in_both_directions),
        cmocka_unit_test(instance__the_same_id_is_stored_once),
        cmocka_unit_test(instance__later_messages_wait_for_a_deferred_one),
        cmocka_unit_test(instance__deferred_for_too_long_is_told_and_its_late_result_discarded),
        cmocka_unit_test(F41_a_result_that_came_during_a_pause_counts),
        cmocka_unit_test(instance__freed_while_requests_are_deferred_or_given_up_leaves_nothing),
        cmocka_unit_test(instance__what_a_message_may_not_be_closes_its_connection_alone),
        cmocka_unit_test(instance__a_refusal_without_a_route_is_logged_as_text),
        cmocka_unit_test(instance__T12_too_many_messages_are_told_once_a_second_and_closed_after_ten),
        cmocka_unit_test(instance__a_route_may_have_a_limit_of_its_own),
        cmocka_unit_test(instance__calls_from_elsewhere_take_hold_in_the_next_step),
        cmocka_unit_test(instance__calls_that_come_too_late_are_told),
        cmocka_unit_test(instance__calls_from_the_last_outcomes_are_refused_and_leave_nothing),
        cmocka_unit_test(instance__who_joins_on_connect_is_let_in_before_it_hears_anything),
        cmocka_unit_test(instance__disconnect_is_asked_again_while_its_handler_has_too_much_to_do),
        cmocka_unit_test(instance__stop_closes_with_1001_and_every_disconnect_runs),
        cmocka_unit_test(instance__stop_waits_for_a_deferred_answer_but_not_forever),
        cmocka_unit_test(instance__the_store_is_closed_before_the_transport_that_it_wakes),
        cmocka_unit_test(instance__flush_waits_for_the_store_as_long_as_it_would_take),
        cmocka_unit_test(instance__all_input_is_taken_before_anything_is_written_but_not_without_end),
        cmocka_unit_test(instance__two_of_them_do_not_know_each_other),
        cmocka_unit_test(instance__failure_to_make_one_closes_store_and_transport_whatever_it_was),
        cmocka_unit_test(T18_without_random_numbers_there_is_no_instance),
        cmocka_unit_test(F40_room_time_does_not_go_back_over_a_restart),
        cmocka_unit_test(instance__a_step_inside_a_step_is_refused_and_does_no_harm),
        cmocka_unit_test(instance__can_be_looked_at),
        cmocka_unit_test(instance__a_bad_configuration_is_refused_in_a_sentence_and_leaves_nothing),
        cmocka_unit_test(instance__wrong_use_is_answered_and_does_no_harm),
        cmocka_unit_test(instance__nothing_comes_after_the_greatest_seq),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
