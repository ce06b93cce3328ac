/*
 * What a handler may ask for: each call with what it may not be given, when it may not be made, and without memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gate.h"

#include <chatroom/room.h>

#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

typedef int body_fn(chatroom_request *request, void *arg);

/* Ann, named, is in the den; bob is there as well. "do" runs a body, in which asserts may stand. */
struct fixture {
    struct gate g;
    size_t ann, bob;
    char bob_id[17];
    body_fn *body, *at_start, *at_end; /* the latter of $connect and $disconnect */
    void *arg;
    int result; /* what the body returned */
    unsigned runs;
};

static chatroom_span text(const char *string)
{
    return chatroom_str(string);
}

static int run_body(chatroom_request *request, void *arg)
{
    struct fixture *f = arg;

    f->runs++;
    f->result = f->body ? f->body(request, f->arg) : CHATROOM_OK;
    return f->result;
}

static int run_at_end(chatroom_request *request, void *arg)
{
    struct fixture *f = arg;

    return f->at_end ? f->at_end(request, f->arg) : CHATROOM_OK;
}

static int run_at_start(chatroom_request *request, void *arg)
{
    struct fixture *f = arg;

    return f->at_start ? f->at_start(request, f->arg) : CHATROOM_OK;
}

static int settle_in(chatroom_request *request, void *arg)
{
    (void)arg;
    assert_int_equal(chatroom_request_set_name(request, text("ann")), CHATROOM_OK);
    return chatroom_request_join(request, text("den"));
}

static void prepare(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    gate_prepare(&f->g);
    f->g.config.route_selection = "$request.body.action";
}

static void go(struct fixture *f)
{
    gate_new(&f->g);
    assert_int_equal(chatroom_route(f->g.c, "do", run_body, f), CHATROOM_OK);
    assert_int_equal(chatroom_route(f->g.c, "$connect", run_at_start, f), CHATROOM_OK);
    assert_int_equal(chatroom_route(f->g.c, "$disconnect", run_at_end, f), CHATROOM_OK);
    gate_start(&f->g);
    f->ann = gate_connected(&f->g);
    f->bob = gate_connected(&f->g);
    memcpy(f->bob_id, wire_id(f->g.wire, f->bob).bytes, 16);
    f->body = settle_in;
    gate_says(&f->g, f->ann, "{\"action\":\"do\"}");
    assert_int_equal(f->result, CHATROOM_OK);
}

static void begin(struct fixture *f)
{
    prepare(f);
    go(f);
}

/* Runs a body in ann's next message. Returns what it returned. */
static int run(struct fixture *f, body_fn *body, void *arg)
{
    unsigned runs = f->runs;

    f->body = body;
    f->arg = arg;
    gate_says(&f->g, f->ann, "{\"action\":\"do\",\"escaped\":\"\\u0061\"}");
    assert_int_equal(f->runs, runs + 1);
    return f->result;
}

/* ---- each call --------------------------------------------------------------------------------------------------- */

static int do_reply(chatroom_request *request, void *arg)
{
    (void)arg;
    return chatroom_request_reply(request, text("hi"));
}

static int do_post(chatroom_request *request, void *arg)
{
    return chatroom_request_post(request, text(((struct fixture *)arg)->bob_id), text("hi"));
}

static int do_broadcast(chatroom_request *request, void *arg)
{
    (void)arg;
    return chatroom_request_broadcast(request, text("hi"));
}

static int do_tell(chatroom_request *request, void *arg)
{
    (void)arg;
    return chatroom_request_tell(request, text("den"), text("hi"));
}

static int do_close(chatroom_request *request, void *arg)
{
    (void)arg;
    return chatroom_request_close(request, 1000, text("bye"));
}

static int do_disconnect(chatroom_request *request, void *arg)
{
    return chatroom_request_disconnect(request, text(((struct fixture *)arg)->bob_id), 4000, text("out"));
}

static int do_set_name(chatroom_request *request, void *arg)
{
    (void)arg;
    return chatroom_request_set_name(request, text("eve"));
}

static int do_create(chatroom_request *request, void *arg)
{
    (void)arg;
    return chatroom_request_create_room(request, text("new"));
}

static int do_join(chatroom_request *request, void *arg)
{
    (void)arg;
    return chatroom_request_join(request, text("new"));
}

static int do_leave(chatroom_request *request, void *arg)
{
    (void)arg;
    return chatroom_request_leave(request, text("den"));
}

static int do_delete(chatroom_request *request, void *arg)
{
    (void)arg;
    return chatroom_request_delete_room(request, text("den"));
}

static int do_publish(chatroom_request *request, void *arg)
{
    (void)arg;
    return chatroom_request_publish(request, text("den"), text("[1]"), text("once"));
}

static int do_detail(chatroom_request *request, void *arg)
{
    (void)arg;
    return chatroom_request_detail(request, text("why"));
}

static int do_url(chatroom_request *request, void *arg)
{
    chatroom_span url;

    (void)arg;
    return chatroom_request_callback_url(request, &url);
}

static int do_text(chatroom_request *request, void *arg)
{
    chatroom_span value;

    (void)arg;
    return chatroom_request_text(request, "escaped", &value);
}

static body_fn *const calls[] = {do_reply,      do_post,     do_broadcast, do_tell, do_close,
                                 do_disconnect, do_set_name, do_create,    do_join, do_leave,
                                 do_delete,     do_publish,  do_detail,    do_url,  do_text};

/* ---- without memory ---------------------------------------------------------------------------------------------- */

struct failing {
    struct fixture *f;
    body_fn *call;
    uint64_t n;
    int result;
};

/* Calls with none of the request's memory left and the n-th allocation failing, then goes on as if nothing had been. */
static int call_without_memory(chatroom_request *request, void *arg)
{
    struct failing *failing = arg;
    struct heap *heap = &failing->f->g.heap;

    heap_fail(heap, 1, UINT64_MAX);
    while (chatroom_request_memory(request, 1))
        ;
    heap_fail(heap, failing->n, UINT64_MAX);
    failing->result = failing->call(request, failing->f);
    heap_heal(heap);
    return CHATROOM_OK;
}

static void assert_unchanged(struct fixture *f)
{
    assert_int_equal(chatroom_room_count(f->g.c), 1);
    assert_int_equal(chatroom_room_members(f->g.c, text("den")), 1);
    assert_int_equal(chatroom_connection_count(f->g.c), 2);
    gate_hears_nothing(&f->g, f->ann);
    gate_hears_nothing(&f->g, f->bob);
}

static int is_still_ann(chatroom_request *request, void *arg)
{
    (void)arg;
    assert_true(chatroom_span_equal(chatroom_request_session_name(request), text("ann")));
    assert_int_equal(chatroom_request_session_rooms(request), 1);
    return CHATROOM_OK;
}

static void effects__F20_a_call_whose_nth_allocation_fails_says_so_and_has_done_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(calls); i++) {
        struct failing failing = {.call = calls[i], .result = CHATROOM_ENOMEM};

        for (failing.n = 1; failing.result == CHATROOM_ENOMEM; failing.n++) {
            struct fixture f;

            begin(&f);
            failing.f = &f;
            run(&f, call_without_memory, &failing);
            if (failing.result == CHATROOM_ENOMEM) {
                assert_unchanged(&f);
                run(&f, is_still_ann, NULL);
                assert_int_equal(run(&f, calls[i], &f), CHATROOM_OK); /* with memory it works */
            } else {
                assert_int_equal(failing.result, CHATROOM_OK);
                assert_true(failing.n > 1);
            }
            gate_end(&f.g);
        }
    }
}

/* The call itself finds memory; what comes after it, on the way to the store and to clients, does not. */
static int call_and_starve(chatroom_request *request, void *arg)
{
    struct failing *failing = arg;
    struct heap *heap = &failing->f->g.heap;
    int result = failing->call(request, failing->f);

    heap_fail(heap, 1, UINT64_MAX);
    while (chatroom_request_memory(request, 1))
        ;
    failing->result = result;
    heap_fail(heap, failing->n, UINT64_MAX);
    return result;
}

static void effects__F20_what_cannot_be_carried_out_is_told_or_ends_the_connection_and_others_go_on(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(calls); i++)
        for (uint64_t n = 1, failed = 1; failed > 0; n++) {
            struct failing failing = {.call = calls[i], .n = n};
            struct fixture f;
            size_t cid;

            begin(&f);
            failing.f = &f;
            cid = gate_connected(&f.g);
            failed = f.g.heap.failed;
            f.body = call_and_starve;
            f.arg = &failing;
            gate_says(&f.g, f.ann, "{\"action\":\"do\",\"escaped\":\"\\u0061\"}");
            failed = f.g.heap.failed - failed;
            heap_heal(&f.g.heap);
            assert_int_equal(failing.result, CHATROOM_OK);
            failed -= failed > 0; /* that of the exhausted request */
            gate_pass(&f.g, 2000);
            wire_drain(f.g.wire, cid);
            f.body = do_reply;
            f.arg = &f;
            gate_says(&f.g, cid, "{\"action\":\"do\"}");
            gate_hears(&f.g, cid, "hi", NULL);
            gate_end(&f.g);
        }
}

/* A payload and texts that take more than a piece of the request's memory each. */
static char large[20000];

static int do_publish_much(chatroom_request *request, void *arg)
{
    (void)arg;
    return chatroom_request_publish(request, text("den"), chatroom_bytes(large, 9000), chatroom_bytes("once", 4));
}

static void effects__F20_a_large_entry_whose_nth_allocation_fails_is_not_published(void **state)
{
    struct failing failing = {.call = do_publish_much, .result = CHATROOM_ENOMEM};

    (void)state;
    memset(large, ' ', sizeof large);
    large[0] = '1';
    for (failing.n = 1; failing.result == CHATROOM_ENOMEM; failing.n++) {
        struct fixture f;

        begin(&f);
        failing.f = &f;
        run(&f, call_without_memory, &failing);
        assert_int_equal(wire_queued(f.g.wire, f.ann), failing.result == CHATROOM_OK);
        gate_end(&f.g);
    }
    assert_int_equal(failing.result, CHATROOM_OK);
    assert_true(failing.n > 3);
}

static int offers(chatroom_request *request, void *arg)
{
    (void)arg;
    assert_int_equal(chatroom_request_subprotocol(request, text("a b")), CHATROOM_EINVAL);
    return chatroom_request_subprotocol(request, text("chat.v2"));
}

static void effects__an_offered_subprotocol_is_found_whatever_stands_around_it(void **state)
{
    static const struct {
        const char *list;
        bool offered;
    } rows[] = {{"chat.v2", true},  {" \tchat.v2\t ", true}, {"a,chat.v2", true}, {"a ,\tchat.v2 ,b", true},
                {"chat.v2,", true}, {"chat.v2x", false},     {"chat.v", false},   {"chat.v2 x", false},
                {"", false},        {" ,\t, ", false}};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct chatroom_header header = {text("SEC-WebSocket-Protocol"), text(rows[i].list)};
        struct fixture f;
        size_t client;

        begin(&f);
        f.at_start = offers;
        client = gate_connect_as(&f.g, "/dev", &header, 1);
        assert_int_equal(wire_status(f.g.wire, client), 101);
        assert_string_equal(wire_subprotocol(f.g.wire, client), "chat.v2");
        assert_int_equal(gate_logged(&f.g, "subprotocol_not_offered", "chat.v2"), !rows[i].offered);
        gate_end(&f.g);
    }
}

static int sees_its_rooms(chatroom_request *request, void *arg)
{
    (void)arg;
    assert_true(chatroom_span_equal(chatroom_request_session_room(request, 0), text("den")));
    assert_null(chatroom_request_session_room(request, 1).bytes);
    assert_null(chatroom_request_session_room(request, 7).bytes);
    return CHATROOM_OK;
}

static void effects__beyond_the_last_room_of_a_session_there_is_none(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    run(&f, sees_its_rooms, NULL);
    gate_end(&f.g);
}

static int do_authorize(chatroom_request *request, void *arg)
{
    (void)arg;
    return chatroom_request_authorize(request, text("{\"principalId\":\"p\"}"));
}

static int do_usage_key(chatroom_request *request, void *arg)
{
    (void)arg;
    return chatroom_request_usage_key(request, text("key"));
}

static int do_subprotocol(chatroom_request *request, void *arg)
{
    (void)arg;
    return chatroom_request_subprotocol(request, text("chat"));
}

static void effects__F20_a_call_on_connect_whose_nth_allocation_fails_says_so_and_the_next_does_it(void **state)
{
    static body_fn *const opening[] = {do_authorize, do_usage_key, do_subprotocol};

    (void)state;
    for (size_t i = 0; i < COUNT(opening); i++) {
        struct failing failing = {.call = opening[i], .result = CHATROOM_ENOMEM};

        for (failing.n = 1; failing.result == CHATROOM_ENOMEM; failing.n++) {
            struct fixture f;

            begin(&f);
            failing.f = &f;
            f.arg = &failing;
            f.at_start = call_without_memory;
            gate_connected(&f.g);
            f.at_start = opening[i];
            gate_connected(&f.g);
            gate_end(&f.g);
        }
        assert_int_equal(failing.result, CHATROOM_OK);
        assert_true(failing.n > 2);
    }
}

/* ---- put off ----------------------------------------------------------------------------------------------------- */

struct late {
    struct heap *heap;
    uint64_t n;
    chatroom_request *request;
};

/* What comes after it, the copies of what is borrowed, finds no memory at its n-th allocation. */
static int put_off(chatroom_request *request, void *arg)
{
    struct late *late = arg;

    late->request = request;
    heap_fail(late->heap, 1, UINT64_MAX);
    while (chatroom_request_memory(request, 1))
        ;
    heap_fail(late->heap, late->n, 1);
    chatroom_request_defer(request);
    chatroom_request_defer(request); /* which is as good as once */
    return CHATROOM_OK;
}

static int let_in(chatroom_request *request, void *arg)
{
    const struct chatroom_request_head *head = chatroom_request_info(request)->head;

    (void)arg;
    assert_int_equal(head->header_count, 2);
    assert_int_equal(head->headers[1].value.size, 6000);
    assert_true(chatroom_span_equal(head->target, text("/dev")));
    return CHATROOM_OK;
}

static void effects__F20_who_comes_while_its_head_cannot_be_kept_is_refused(void **state)
{
    static char value[6000];
    const struct chatroom_header headers[] = {{text("Host"), text("chat.example")},
                                              {text("X-Long"), chatroom_bytes(value, sizeof value)}};
    uint16_t status = 0;
    uint64_t n;

    (void)state;
    memset(value, 'v', sizeof value);
    for (n = 1; status != 101; n++) {
        struct late late = {.n = n};
        struct fixture f;
        size_t client;

        begin(&f);
        late.heap = &f.g.heap;
        f.arg = &late;
        f.at_start = put_off;
        client = gate_connect_as(&f.g, "/dev", headers, 2);
        heap_heal(&f.g.heap);
        assert_int_equal(wire_status(f.g.wire, client), 0);
        chatroom_request_resume(late.request, let_in, NULL);
        gate_step(&f.g);
        status = wire_status(f.g.wire, client);
        assert_true(status == 101 || status >= 500);
        f.at_start = NULL;
        gate_connected(&f.g);
        gate_end(&f.g);
    }
    assert_in_range(n, 4, 20);
}

/* ---- what may not be given --------------------------------------------------------------------------------------- */

static int gives_bad_texts(chatroom_request *request, void *arg)
{
    struct fixture *f = arg;
    static char long_text[600];
    const chatroom_span bad = text("\xff"), id = text(f->bob_id), none = text("nobody");
    chatroom_span url;

    memset(long_text, 'x', sizeof long_text);
    assert_int_equal(chatroom_request_reply(request, bad), CHATROOM_EINVAL);
    assert_int_equal(chatroom_request_reply_message(request, (enum chatroom_message_kind)7, none), CHATROOM_EINVAL);
    assert_int_equal(chatroom_request_reply_message(request, CHATROOM_BINARY_MESSAGE, bad), CHATROOM_OK);
    assert_int_equal(chatroom_request_post(request, id, bad), CHATROOM_EINVAL);
    assert_int_equal(chatroom_request_post(request, none, text("hi")), CHATROOM_EGONE);
    assert_int_equal(chatroom_request_broadcast(request, bad), CHATROOM_EINVAL);
    assert_int_equal(chatroom_request_tell(request, text("den"), bad), CHATROOM_EINVAL);
    assert_int_equal(chatroom_request_tell(request, none, text("hi")), CHATROOM_ENOENT);
    assert_int_equal(chatroom_request_set_name(request, bad), CHATROOM_EINVAL);
    assert_int_equal(chatroom_request_set_name(request, text("")), CHATROOM_EINVAL);
    assert_int_equal(chatroom_request_set_name(request, chatroom_bytes(long_text, 257)), CHATROOM_EINVAL);
    assert_int_equal(chatroom_request_create_room(request, bad), CHATROOM_EINVAL);
    assert_int_equal(chatroom_request_create_room(request, text("")), CHATROOM_EINVAL);
    assert_int_equal(chatroom_request_create_room(request, chatroom_bytes(long_text, 257)), CHATROOM_EINVAL);
    assert_int_equal(chatroom_request_join(request, text("")), CHATROOM_EINVAL);
    assert_int_equal(chatroom_request_leave(request, none), CHATROOM_ENOENT);
    assert_int_equal(chatroom_request_delete_room(request, none), CHATROOM_ENOENT);
    assert_int_equal(chatroom_request_detail(request, bad), CHATROOM_EINVAL);
    assert_int_equal(chatroom_request_detail(request, chatroom_bytes(long_text, 513)), CHATROOM_EINVAL);
    assert_int_equal(chatroom_request_detail(request, chatroom_bytes(long_text, 512)), CHATROOM_OK);
    assert_int_equal(chatroom_request_callback_url(request, &url), CHATROOM_OK);
    assert_true(chatroom_span_equal(url, text("http:///dev"))); /* nobody said what host it is */
    assert_null(chatroom_request_memory(request, SIZE_MAX));
    assert_null(chatroom_request_memory(request, SIZE_MAX / 2 + 1));
    return CHATROOM_OK;
}

static void effects__texts_and_names_of_another_kind_are_refused(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    assert_int_equal(run(&f, gives_bad_texts, &f), CHATROOM_OK);
    assert_int_equal(chatroom_room_count(f.g.c), 1);
    gate_end(&f.g);
}

static int gives_bad_codes(chatroom_request *request, void *arg)
{
    static const uint16_t bad[] = {0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535};
    static const uint16_t good[] = {1000, 1003, 1007, 1014, 3000, 4999};
    char reason[125];
    const chatroom_span id = text(((struct fixture *)arg)->bob_id);

    memset(reason, 'x', sizeof reason);
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(chatroom_request_close(request, bad[i], text("")), CHATROOM_EINVAL);
        assert_int_equal(chatroom_request_disconnect(request, id, bad[i], text("")), CHATROOM_EINVAL);
    }
    assert_int_equal(chatroom_request_close(request, 1000, chatroom_bytes(reason, 124)), CHATROOM_EINVAL);
    assert_int_equal(chatroom_request_close(request, 1000, text("\xff")), CHATROOM_EINVAL);
    assert_int_equal(chatroom_request_disconnect(request, id, 1000, chatroom_bytes(reason, 124)), CHATROOM_EINVAL);
    assert_int_equal(chatroom_request_disconnect(request, text("nobody"), 1000, text("")), CHATROOM_EGONE);
    for (size_t i = 0; i < COUNT(good); i++)
        assert_int_equal(chatroom_request_disconnect(request, id, good[i], chatroom_bytes(reason, 123)), CHATROOM_OK);
    return CHATROOM_OK;
}

static void effects__a_close_has_a_code_that_may_be_sent_and_a_short_reason(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    assert_int_equal(run(&f, gives_bad_codes, &f), CHATROOM_OK);
    assert_int_equal(chatroom_connection_count(f.g.c), 1);
    gate_end(&f.g);
}

static int publishes_badly(chatroom_request *request, void *arg)
{
    static char big[70000];
    char id[130];
    const chatroom_span den = text("den");

    (void)arg;
    memset(id, 'i', sizeof id);
    memset(big, ' ', sizeof big);
    big[0] = '1';
    assert_int_equal(chatroom_request_publish(request, den, text("[1"), text("")), CHATROOM_EJSON);
    assert_int_equal(chatroom_request_publish(request, den, text("1"), chatroom_bytes(id, 129)), CHATROOM_EINVAL);
    assert_int_equal(chatroom_request_publish(request, den, text("1"), text("\xff")), CHATROOM_EINVAL);
    assert_int_equal(chatroom_request_publish(request, text("none"), text("1"), text("")), CHATROOM_ENOENT);
    assert_int_equal(chatroom_request_publish(request, den, chatroom_bytes(big, 4097), text("")), CHATROOM_ETOOBIG);
    assert_int_equal(chatroom_request_publish(request, den, chatroom_bytes(big, 4096), text("")), CHATROOM_OK);
    assert_int_equal(chatroom_request_publish(request, den, text("2"), chatroom_bytes(id, 128)), CHATROOM_OK);
    return CHATROOM_OK;
}

static void effects__an_entry_is_json_of_a_size_with_a_short_id(void **state)
{
    struct fixture f;

    (void)state;
    prepare(&f);
    f.g.config.limits.message_bytes = 4096;
    go(&f);
    assert_int_equal(run(&f, publishes_badly, NULL), CHATROOM_OK);
    assert_int_equal(wire_queued(f.g.wire, f.ann), 2);
    gate_end(&f.g);
}

/* ---- when it may not be made ------------------------------------------------------------------------------------- */

static int after_the_end(chatroom_request *request, void *arg)
{
    struct fixture *f = arg;
    chatroom_span key = text("k");

    f->runs += 100;
    assert_int_equal(chatroom_request_reply(request, text("hi")), CHATROOM_EGONE);
    assert_int_equal(chatroom_request_join(request, text("den")), CHATROOM_EGONE);
    assert_int_equal(chatroom_request_authorize(request, text("{}")), CHATROOM_EGONE);
    assert_int_equal(chatroom_request_usage_key(request, key), CHATROOM_EGONE);
    assert_int_equal(chatroom_request_post(request, text(f->bob_id), text("hi")), CHATROOM_OK);
    return CHATROOM_OK;
}

static void effects__who_has_gone_hears_and_joins_nothing_but_may_speak_to_others(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    f.arg = &f;
    f.at_end = after_the_end;
    wire_close(f.g.wire, f.ann, 1000);
    gate_step(&f.g);
    assert_true(f.runs >= 100);
    gate_hears(&f.g, f.bob, "hi", NULL);
    f.at_end = NULL;
    gate_end(&f.g);
}

static int with_a_page(chatroom_request *request, const struct chatroom_history *history, void *arg)
{
    const struct chatroom_history_query query = {0};
    struct fixture *f = arg;

    (void)history;
    assert_int_equal(chatroom_request_set_name(request, text("eve")), CHATROOM_EINVAL);
    assert_int_equal(chatroom_request_create_room(request, text("new")), CHATROOM_EINVAL);
    assert_int_equal(chatroom_request_join(request, text("new")), CHATROOM_EINVAL);
    assert_int_equal(chatroom_request_leave(request, text("den")), CHATROOM_EINVAL);
    assert_int_equal(chatroom_request_delete_room(request, text("den")), CHATROOM_EINVAL);
    assert_int_equal(chatroom_request_publish(request, text("den"), text("1"), text("")), CHATROOM_EINVAL);
    assert_int_equal(chatroom_request_history(request, text("den"), &query, with_a_page, f), CHATROOM_EINVAL);
    f->runs += 100;
    return chatroom_request_reply(request, text("page"));
}

static int asks_for_a_page(chatroom_request *request, void *arg)
{
    const struct chatroom_history_query query = {0};

    assert_int_equal(chatroom_request_history(request, text("den"), NULL, with_a_page, arg), CHATROOM_EINVAL);
    assert_int_equal(chatroom_request_history(request, text("den"), &query, NULL, arg), CHATROOM_EINVAL);
    assert_int_equal(chatroom_request_history(request, text("none"), &query, with_a_page, arg), CHATROOM_ENOENT);
    assert_int_equal(chatroom_request_history(request, text("den"), &query, with_a_page, arg), CHATROOM_OK);
    assert_int_equal(chatroom_request_history(request, text("den"), &query, with_a_page, arg), CHATROOM_EINVAL);
    return CHATROOM_OK;
}

static void effects__with_a_page_in_hand_nothing_is_written(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    f.body = asks_for_a_page;
    f.arg = &f;
    gate_says(&f.g, f.ann, "{\"action\":\"do\"}");
    assert_true(f.runs > 100);
    gate_hears(&f.g, f.ann, "page", NULL);
    assert_unchanged(&f);
    gate_end(&f.g);
}

/* ---- what it leads to -------------------------------------------------------------------------------------------- */

static int changes_its_mind(chatroom_request *request, void *arg)
{
    (void)arg;
    assert_int_equal(chatroom_request_create_room(request, text("new")), CHATROOM_OK);
    assert_int_equal(chatroom_request_create_room(request, text("new")), CHATROOM_EEXIST);
    assert_int_equal(chatroom_request_join(request, text("new")), CHATROOM_OK);
    assert_int_equal(chatroom_request_join(request, text("new")), CHATROOM_OK); /* is in it already */
    assert_int_equal(chatroom_request_leave(request, text("new")), CHATROOM_OK);
    assert_int_equal(chatroom_request_leave(request, text("new")), CHATROOM_ENOENT);
    assert_int_equal(chatroom_request_join(request, text("new")), CHATROOM_OK);
    assert_int_equal(chatroom_request_delete_room(request, text("new")), CHATROOM_OK);
    assert_int_equal(chatroom_request_leave(request, text("new")), CHATROOM_ENOENT);
    assert_int_equal(chatroom_request_delete_room(request, text("new")), CHATROOM_ENOENT);
    return CHATROOM_OK;
}

static void effects__each_sees_what_those_before_it_will_have_done(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    assert_int_equal(run(&f, changes_its_mind, NULL), CHATROOM_OK);
    assert_unchanged(&f);
    run(&f, is_still_ann, NULL);
    gate_end(&f.g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(effects__F20_a_call_whose_nth_allocation_fails_says_so_and_has_done_nothing),
        cmocka_unit_test(effects__F20_a_call_on_connect_whose_nth_allocation_fails_says_so_and_the_next_does_it),
        cmocka_unit_test(effects__F20_who_comes_while_its_head_cannot_be_kept_is_refused),
        cmocka_unit_test(effects__F20_what_cannot_be_carried_out_is_told_or_ends_the_connection_and_others_go_on),
        cmocka_unit_test(effects__F20_a_large_entry_whose_nth_allocation_fails_is_not_published),
        cmocka_unit_test(effects__an_offered_subprotocol_is_found_whatever_stands_around_it),
        cmocka_unit_test(effects__beyond_the_last_room_of_a_session_there_is_none),
        cmocka_unit_test(effects__texts_and_names_of_another_kind_are_refused),
        cmocka_unit_test(effects__a_close_has_a_code_that_may_be_sent_and_a_short_reason),
        cmocka_unit_test(effects__an_entry_is_json_of_a_size_with_a_short_id),
        cmocka_unit_test(effects__who_has_gone_hears_and_joins_nothing_but_may_speak_to_others),
        cmocka_unit_test(effects__with_a_page_in_hand_nothing_is_written),
        cmocka_unit_test(effects__each_sees_what_those_before_it_will_have_done),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
