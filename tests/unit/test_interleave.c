/*
 * What happens to an effect while it is on its way to the store: rooms end, sessions leave, writes and reads fail. And
 * who is woken when something has come back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gate.h"

#include <chatroom/room.h>
#include <chatroom/store.h>

#include <stdio.h>

/* ---- a store that takes its time --------------------------------------------------------------------------------- */

struct slow {
    struct chatroom_store inner;
    struct chatroom_ticket *tickets[64];
    bool reads[64];
    size_t count;
    bool holds;
    int refuses, fails; /* what submit() and read() return; what tickets complete with, unless OK */
    int (*found)(chatroom_store_port *port); /* what it finds when it is opened, besides nothing */
};

static int slow_open(void *self, chatroom_store_port *port, struct chatroom_error *error)
{
    const struct slow *slow = self;
    int result = slow->inner.ops->open(slow->inner.self, port, error);

    return result == CHATROOM_OK && slow->found ? slow->found(port) : result;
}

static void pass_on(const struct slow *slow, struct chatroom_ticket *ticket, bool read)
{
    if (slow->fails != CHATROOM_OK && read)
        chatroom_read_done(ticket, slow->fails);
    else if (slow->fails != CHATROOM_OK)
        chatroom_write_done(ticket, slow->fails);
    else
        assert_int_equal((read ? slow->inner.ops->read : slow->inner.ops->submit)(slow->inner.self, ticket),
                         CHATROOM_OK);
}

static int take(struct slow *slow, struct chatroom_ticket *ticket, bool read)
{
    if (slow->refuses != CHATROOM_OK)
        return slow->refuses;
    if (!slow->holds) {
        pass_on(slow, ticket, read);
        return CHATROOM_OK;
    }
    assert_in_range(slow->count, 0, 63);
    slow->reads[slow->count] = read;
    slow->tickets[slow->count++] = ticket;
    return CHATROOM_OK;
}

static int slow_submit(void *self, struct chatroom_ticket *ticket)
{
    return take(self, ticket, false);
}

static int slow_read(void *self, struct chatroom_ticket *ticket)
{
    return take(self, ticket, true);
}

/* The oldest so many, which complete. */
static void release(struct slow *slow, size_t count)
{
    assert_true(count <= slow->count);
    for (size_t i = 0; i < count; i++)
        pass_on(slow, slow->tickets[i], slow->reads[i]);
    slow->count -= count;
    memmove(slow->tickets, slow->tickets + count, slow->count * sizeof *slow->tickets);
    memmove(slow->reads, slow->reads + count, slow->count * sizeof *slow->reads);
}

static void slow_close(void *self)
{
    struct slow *slow = self;

    slow->fails = CHATROOM_ECLOSED;
    release(slow, slow->count);
    slow->inner.ops->close(slow->inner.self);
}

static const struct chatroom_store_ops slow_ops = {CHATROOM_STORE_OPS,    .name = "slow",    .open = slow_open,
                                                   .submit = slow_submit, .read = slow_read, .close = slow_close};

/* ---- a transport that is woken ----------------------------------------------------------------------------------- */

static unsigned woken;

static void wake(void *self)
{
    (void)self;
    woken++;
}

/* ---- a server ---------------------------------------------------------------------------------------------------- */

struct fixture {
    struct gate g;
    struct slow slow;
    size_t ann, bob;
};

static chatroom_span room = {"den", 3}, pub = {"pub", 3};

static int answer(chatroom_request *request, int result)
{
    return result == CHATROOM_OK ? chatroom_request_reply(request, chatroom_str("done")) : result;
}

static int create(chatroom_request *request, void *arg)
{
    (void)arg;
    return answer(request, chatroom_request_create_room(request, room));
}

static int join(chatroom_request *request, void *arg)
{
    const chatroom_span *name = arg;

    return answer(request, chatroom_request_join(request, *name));
}

static int leave(chatroom_request *request, void *arg)
{
    const chatroom_span *name = arg;

    return answer(request, chatroom_request_leave(request, *name));
}

static int delete_room(chatroom_request *request, void *arg)
{
    (void)arg;
    return answer(request, chatroom_request_delete_room(request, room));
}

/* As the chat does it: the last one out takes the room along. */
static int take_along(chatroom_request *request, void *arg)
{
    const chatroom_span *name = arg;
    int result = chatroom_request_leave(request, *name);

    if (result == CHATROOM_OK && chatroom_room_members(chatroom_request_chatroom(request), *name) == 0)
        result = chatroom_request_delete_room(request, *name);
    return result;
}

static int take_along_and_say(chatroom_request *request, void *arg)
{
    return answer(request, take_along(request, arg));
}

static int take_both_along(chatroom_request *request, void *arg)
{
    int result = take_along(request, arg);

    return answer(request, result == CHATROOM_OK ? take_along(request, &pub) : result);
}

static chatroom_request *put_off;

static int leave_later(chatroom_request *request, void *arg)
{
    (void)arg;
    put_off = request;
    chatroom_request_defer(request);
    return chatroom_request_leave(request, room);
}

static int after_all_not(chatroom_request *request, void *arg)
{
    (void)request;
    (void)arg;
    return CHATROOM_EACCES;
}

static int publish(chatroom_request *request, void *arg)
{
    (void)arg;
    return chatroom_request_publish(request, room, chatroom_str("\"hello\""), chatroom_str(""));
}

static int name(chatroom_request *request, void *arg)
{
    (void)arg;
    return answer(request, chatroom_request_set_name(request, chatroom_str("somebody")));
}

static int give_page(chatroom_request *request, const struct chatroom_history *history, void *arg)
{
    char text[64];

    (void)arg;
    snprintf(text, sizeof text, "page %zu%s", history->count, history->more ? " more" : "");
    return chatroom_request_reply(request, chatroom_str(text));
}

static int page(chatroom_request *request, void *arg)
{
    const struct chatroom_history_query query = {0};

    (void)arg;
    return chatroom_request_history(request, room, &query, give_page, NULL);
}

static int enter(chatroom_request *request, void *arg)
{
    int result = chatroom_request_join(request, room);

    return result == CHATROOM_OK ? page(request, arg) : result;
}

static int everyone(chatroom_request *request, void *arg)
{
    (void)arg;
    return chatroom_request_broadcast(request, chatroom_str("all"));
}

static const struct {
    const char *key;
    chatroom_handler_fn *handler;
    chatroom_span *room; /* NULL: the handler knows */
} routes[] = {{"create", create, NULL},
              {"join", join, &room},
              {"leave", leave, &room},
              {"delete", delete_room, NULL},
              {"publish", publish, NULL},
              {"name", name, NULL},
              {"page", page, NULL},
              {"enter", enter, NULL},
              {"everyone", everyone, NULL},
              {"go", take_along_and_say, &room},
              {"join_pub", join, &pub},
              {"leave_pub", leave, &pub},
              {"both", take_both_along, &room},
              {"later", leave_later, NULL}};

static void prepare(struct fixture *f)
{
    static struct chatroom_transport_ops ops;

    memset(f, 0, sizeof *f);
    gate_prepare(&f->g);
    f->slow.inner = f->g.config.store;
    f->g.config.store = (struct chatroom_store){&slow_ops, &f->slow};
    ops = *f->g.config.transport.ops;
    ops.wake = wake;
    f->g.config.transport.ops = &ops;
    woken = 0;
}

/* on_disconnect: NULL is nothing. */
static void go_with(struct fixture *f, chatroom_handler_fn *on_disconnect)
{
    gate_new(&f->g);
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        assert_int_equal(chatroom_route(f->g.c, routes[i].key, routes[i].handler, routes[i].room), CHATROOM_OK);
    if (on_disconnect)
        assert_int_equal(chatroom_route(f->g.c, "$disconnect", on_disconnect, &room), CHATROOM_OK);
    gate_start(&f->g);
    f->ann = gate_connected(&f->g);
    f->bob = gate_connected(&f->g);
}

static void go(struct fixture *f)
{
    go_with(f, NULL);
}

static void begin(struct fixture *f)
{
    prepare(f);
    go(f);
}

static void says(struct fixture *f, size_t client, const char *action)
{
    char text[64];

    snprintf(text, sizeof text, "{\"action\":\"%s\"}", action);
    gate_says(&f->g, client, text);
}

static void hears(struct fixture *f, size_t client, const char *part)
{
    const char *text = wire_take(f->g.wire, client);

    if (!text || !strstr(text, part))
        fail_msg("\"%s\", not \"%s\"", text ? text : "nothing", part);
}

static void let(struct fixture *f, size_t count)
{
    release(&f->slow, count);
    gate_step(&f->g);
}

/* What a client says at once when the store takes no time: it must be done. */
static void does(struct fixture *f, size_t client, const char *action)
{
    says(f, client, action);
    hears(f, client, "done");
}

/* ---- rooms ------------------------------------------------------------------------------------------------------- */

static void interleave__of_two_who_make_a_room_one_is_told_that_it_is_there(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    f.slow.holds = true;
    says(&f, f.ann, "create");
    says(&f, f.bob, "create");
    let(&f, f.slow.count);
    hears(&f, f.ann, "done");
    assert_int_equal(wire_queued(f.g.wire, f.bob), 1);
    assert_null(strstr(wire_take(f.g.wire, f.bob), "done"));
    assert_int_equal(chatroom_room_count(f.g.c), 1);
    gate_end(&f.g);
}

static void interleave__who_is_to_join_a_room_that_cannot_be_made_is_in_none(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    f.slow.holds = true;
    says(&f, f.ann, "create");
    says(&f, f.bob, "join"); /* it counts on the room */
    f.slow.fails = CHATROOM_ENOSPC;
    let(&f, f.slow.count);
    f.slow.fails = CHATROOM_OK;
    f.slow.holds = false;
    gate_step(&f.g);
    assert_int_equal(chatroom_room_members(f.g.c, room), 0);
    assert_int_equal(chatroom_room_count(f.g.c), 0);
    wire_drain(f.g.wire, f.ann);
    does(&f, f.ann, "create");
    gate_end(&f.g);
}

static void interleave__who_could_not_leave_keeps_the_room_that_others_left(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    does(&f, f.ann, "join");
    does(&f, f.bob, "join");
    f.slow.holds = true;
    says(&f, f.ann, "go");
    says(&f, f.bob, "go"); /* it counts on Ann's going */
    assert_int_equal(f.slow.count, 1);
    f.slow.fails = CHATROOM_ENOSPC;
    let(&f, 1);
    f.slow.fails = CHATROOM_OK;
    assert_int_equal(f.slow.count, 0);
    hears(&f, f.ann, "Internal server error");
    hears(&f, f.bob, "Too Many Requests"); /* which means: again */
    assert_int_equal(chatroom_room_members(f.g.c, room), 2);
    f.slow.holds = false;
    does(&f, f.bob, "go");
    assert_int_equal(chatroom_room_members(f.g.c, room), 1);
    does(&f, f.ann, "go");
    assert_int_equal(chatroom_room_count(f.g.c), 0);
    gate_end(&f.g);
}

static void interleave__who_goes_for_good_is_asked_again_when_another_could_not_leave(void **state)
{
    struct fixture f;

    (void)state;
    prepare(&f);
    go_with(&f, take_along);
    does(&f, f.ann, "join");
    does(&f, f.bob, "join");
    f.slow.holds = true;
    says(&f, f.ann, "go");
    wire_close(f.g.wire, f.bob, 1000);
    gate_step(&f.g);
    assert_int_equal(f.slow.count, 1);
    f.slow.fails = CHATROOM_ENOSPC;
    let(&f, 1);
    f.slow.fails = CHATROOM_OK;
    f.slow.holds = false;
    hears(&f, f.ann, "Internal server error");
    for (unsigned i = 0; i < 100 && chatroom_room_members(f.g.c, room) > 1; i++) {
        f.g.now.mono_ns += 100000000;
        gate_step(&f.g);
    }
    assert_int_equal(chatroom_room_members(f.g.c, room), 1);
    does(&f, f.ann, "go");
    assert_int_equal(chatroom_room_count(f.g.c), 0);
    gate_end(&f.g);
}

static void interleave__each_room_that_is_taken_along_is_looked_at(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    does(&f, f.ann, "join");
    does(&f, f.ann, "join_pub");
    does(&f, f.bob, "join_pub");
    f.slow.holds = true;
    says(&f, f.bob, "leave_pub");
    says(&f, f.ann, "both");
    assert_int_equal(f.slow.count, 1);
    f.slow.fails = CHATROOM_ENOSPC;
    let(&f, 1);
    f.slow.fails = CHATROOM_OK;
    hears(&f, f.bob, "Internal server error");
    hears(&f, f.ann, "Too Many Requests");
    assert_int_equal(chatroom_room_members(f.g.c, pub), 2);
    f.slow.holds = false;
    does(&f, f.ann, "both");
    assert_int_equal(chatroom_room_members(f.g.c, pub), 1);
    assert_int_equal(chatroom_room_count(f.g.c), 1);
    gate_end(&f.g);
}

static void interleave__whose_handler_may_still_refuse_its_leaving_is_not_left_without_a_room(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    does(&f, f.ann, "join");
    does(&f, f.bob, "join");
    says(&f, f.bob, "later");
    says(&f, f.ann, "go");
    hears(&f, f.ann, "Too Many Requests");
    chatroom_request_resume(put_off, after_all_not, NULL);
    gate_step(&f.g);
    hears(&f, f.bob, "Forbidden");
    assert_int_equal(chatroom_room_members(f.g.c, room), 2);
    gate_end(&f.g);
}

/* Two leave, and one of them cannot: it may while the last one out still waits for the other. */
static void interleave__a_room_that_may_be_taken_along_can_be_left(void **state)
{
    struct fixture f;
    size_t cid;

    (void)state;
    begin(&f);
    cid = gate_connected(&f.g);
    does(&f, f.ann, "join");
    does(&f, f.bob, "join");
    does(&f, cid, "join");
    f.slow.holds = true;
    says(&f, cid, "go");
    says(&f, f.ann, "go");
    says(&f, f.bob, "go");
    assert_int_equal(f.slow.count, 2);
    f.slow.fails = CHATROOM_ENOSPC;
    let(&f, 1);
    f.slow.fails = CHATROOM_OK;
    hears(&f, cid, "Internal server error");
    says(&f, cid, "leave");
    let(&f, 1);
    hears(&f, f.ann, "done");
    hears(&f, f.bob, "Too Many Requests"); /* Cid is still in it */
    let(&f, 1);
    hears(&f, cid, "done");
    assert_int_equal(chatroom_room_members(f.g.c, room), 1);
    f.slow.holds = false;
    does(&f, f.bob, "go");
    assert_int_equal(chatroom_room_count(f.g.c), 0);
    gate_end(&f.g);
}

/* Ann's leaving is at the store, Bob's waits for it, and Cid comes behind both. */
static void interleave__who_comes_behind_the_last_one_out_finds_the_room(void **state)
{
    struct fixture f;
    size_t cid;

    (void)state;
    begin(&f);
    cid = gate_connected(&f.g);
    does(&f, f.ann, "join");
    does(&f, f.bob, "join");
    f.slow.holds = true;
    says(&f, f.ann, "go");
    says(&f, f.bob, "go");
    says(&f, cid, "join");
    assert_int_equal(f.slow.count, 1);
    let(&f, 1);
    hears(&f, f.ann, "done");
    hears(&f, f.bob, "Too Many Requests"); /* it would have taken the room from under Cid */
    assert_int_equal(f.slow.count, 1);
    let(&f, 1);
    hears(&f, cid, "done");
    assert_int_equal(chatroom_room_members(f.g.c, room), 2);
    gate_end(&f.g);
}

static void interleave__what_comes_behind_the_last_one_out_keeps_its_order(void **state)
{
    struct fixture f;
    size_t cid;

    (void)state;
    begin(&f);
    cid = gate_connected(&f.g);
    does(&f, f.ann, "join");
    does(&f, f.bob, "join");
    f.slow.holds = true;
    says(&f, f.ann, "go");
    says(&f, f.bob, "go");
    says(&f, cid, "create"); /* it is still there */
    says(&f, cid, "join_pub");
    says(&f, cid, "name");
    assert_int_equal(f.slow.count, 1);
    let(&f, 1);
    hears(&f, f.ann, "done");
    assert_int_equal(f.slow.count, 2);
    let(&f, 2);
    hears(&f, f.bob, "done");
    hears(&f, cid, "Internal server error");
    hears(&f, cid, "done");
    let(&f, f.slow.count);
    hears(&f, cid, "done");
    assert_false(chatroom_room_exists(f.g.c, room));
    assert_int_equal(chatroom_room_members(f.g.c, pub), 1);
    gate_end(&f.g);
}

/* Bob's page waits for its turn, and the room ends before that. */
static void interleave__whose_room_ends_while_its_page_is_read_is_told_that_there_is_none(void **state)
{
    struct fixture f;
    size_t cid;

    (void)state;
    prepare(&f);
    f.g.config.limits.recent_bytes = 0; /* nothing is remembered */
    f.g.config.limits.history_pages = 1;
    go(&f);
    cid = gate_connected(&f.g);
    does(&f, f.ann, "join");
    says(&f, f.ann, "publish");
    wire_drain(f.g.wire, f.ann);
    f.slow.holds = true;
    says(&f, f.ann, "page");
    says(&f, f.bob, "page");
    says(&f, cid, "delete");
    while (f.slow.count > 0)
        let(&f, 1);
    hears(&f, f.ann, "page 1");
    hears(&f, cid, "done");
    assert_int_equal(wire_queued(f.g.wire, f.bob), 1);
    assert_null(strstr(wire_take(f.g.wire, f.bob), "page"));
    assert_int_equal(chatroom_room_count(f.g.c), 0);
    gate_end(&f.g);
}

static void interleave__who_enters_a_room_that_ends_at_once_is_in_none(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    does(&f, f.ann, "join");
    says(&f, f.ann, "publish");
    wire_drain(f.g.wire, f.ann);
    f.slow.holds = true;
    says(&f, f.bob, "enter");
    says(&f, f.ann, "delete");
    while (f.slow.count > 0)
        let(&f, 1);
    f.slow.holds = false;
    gate_step(&f.g);
    assert_int_equal(chatroom_room_count(f.g.c), 0);
    assert_int_equal(chatroom_room_members(f.g.c, room), 0);
    wire_drain(f.g.wire, f.bob);
    does(&f, f.bob, "create");
    gate_end(&f.g);
}

static void interleave__who_leaves_a_room_that_is_being_deleted_is_out_of_it_once(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    does(&f, f.ann, "join");
    does(&f, f.bob, "join");
    f.slow.holds = true;
    says(&f, f.ann, "leave");
    says(&f, f.bob, "delete");
    says(&f, f.ann, "publish"); /* there will be no room */
    f.slow.fails = CHATROOM_OK;
    while (f.slow.count > 0)
        let(&f, 1);
    assert_int_equal(chatroom_room_count(f.g.c), 0);
    gate_end(&f.g);
}

/* ---- sessions ---------------------------------------------------------------------------------------------------- */

static void interleave__who_goes_before_its_write_is_done_leaves_nothing_behind(void **state)
{
    static const char *const actions[] = {"name", "create", "join", "enter", "everyone"};

    (void)state;
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        struct fixture f;

        begin(&f);
        f.slow.holds = true;
        says(&f, f.ann, actions[i]);
        wire_close(f.g.wire, f.ann, 0);
        gate_step(&f.g);
        while (f.slow.count > 0)
            let(&f, 1);
        f.slow.holds = false;
        gate_pass(&f.g, 1000);
        assert_int_equal(chatroom_connection_count(f.g.c), 1);
        assert_int_equal(chatroom_room_members(f.g.c, room), 0);
        wire_drain(f.g.wire, f.bob);
        does(&f, f.bob, "name");
        gate_end(&f.g);
    }
}

/* ---- failures ---------------------------------------------------------------------------------------------------- */

static void interleave__a_write_that_fails_or_is_not_taken_is_told_and_has_done_nothing(void **state)
{
    static const int results[] = {CHATROOM_ENOSPC, CHATROOM_ENOMEM, CHATROOM_EIO, CHATROOM_EUNSURE};
    static const char *const actions[] = {"create", "join", "name"};

    (void)state;
    for (size_t i = 0; i < 2 * sizeof results / sizeof *results; i++)
        for (size_t j = 0; j < sizeof actions / sizeof *actions; j++) {
            struct fixture f;

            begin(&f);
            *(i % 2 ? &f.slow.refuses : &f.slow.fails) = results[i / 2];
            says(&f, f.ann, actions[j]);
            assert_int_equal(wire_queued(f.g.wire, f.ann), 1);
            assert_null(strstr(wire_take(f.g.wire, f.ann), "done"));
            f.slow.refuses = f.slow.fails = CHATROOM_OK;
            assert_int_equal(chatroom_room_count(f.g.c), 0);
            does(&f, f.ann, actions[j]);
            gate_end(&f.g);
        }
}

static void interleave__a_queue_that_is_full_is_tried_again(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    f.slow.refuses = CHATROOM_EAGAIN;
    says(&f, f.ann, "create");
    f.slow.refuses = CHATROOM_OK;
    gate_step(&f.g);
    assert_int_equal(wire_queued(f.g.wire, f.ann), 1);
    gate_end(&f.g);
}

static void interleave__a_page_that_cannot_be_read_is_told_to_who_asks_and_not_to_who_enters(void **state)
{
    static const int results[] = {CHATROOM_ECORRUPT, CHATROOM_EIO, CHATROOM_ENOMEM};

    (void)state;
    for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
        struct fixture f;

        prepare(&f);
        f.g.config.limits.recent_bytes = 0; /* nothing is remembered */
        go(&f);
        does(&f, f.ann, "join");
        says(&f, f.ann, "publish");
        wire_drain(f.g.wire, f.ann);
        f.slow.holds = true;
        says(&f, f.ann, "page");
        f.slow.fails = results[i];
        let(&f, f.slow.count);
        assert_int_equal(wire_queued(f.g.wire, f.ann), 1);
        f.slow.fails = CHATROOM_OK;
        says(&f, f.bob, "enter");
        let(&f, 1); /* the join */
        assert_int_equal(f.slow.count, 1);
        f.slow.fails = results[i];
        let(&f, 1);
        hears(&f, f.bob, "page 0 more");
        assert_int_equal(chatroom_room_members(f.g.c, room), 2);
        assert_true(gate_logged(&f.g, "history_failed", "room=den"));
        f.slow.fails = CHATROOM_OK;
        f.slow.holds = false;
        gate_end(&f.g);
    }
}

/* ---- waking ------------------------------------------------------------------------------------------------------ */

static void hear_nothing(void *arg, int status)
{
    (void)arg;
    (void)status;
}

static void wake__the_transport_is_woken_by_all_that_comes_from_elsewhere(void **state)
{
    struct act late = {.defer = true};
    struct fixture f;

    (void)state;
    prepare(&f);
    gate_new(&f.g);
    assert_int_equal(chatroom_route(f.g.c, "create", create, NULL), CHATROOM_OK);
    gate_route(&f.g, "late", &late);
    gate_start(&f.g);
    f.ann = gate_connected(&f.g);
    f.slow.holds = true;
    says(&f, f.ann, "create");
    woken = 0;
    release(&f.slow, f.slow.count); /* the store */
    assert_int_equal(woken, 1);
    gate_step(&f.g);
    assert_int_equal(chatroom_post(f.g.c, wire_id(f.g.wire, f.ann), chatroom_str("x"), hear_nothing, NULL),
                     CHATROOM_OK);
    assert_int_equal(woken, 2);
    assert_int_equal(chatroom_post(f.g.c, wire_id(f.g.wire, f.ann), chatroom_str("x"), hear_nothing, NULL),
                     CHATROOM_OK);
    assert_int_equal(woken, 2); /* it is awake */
    f.slow.holds = false;
    gate_step(&f.g);
    says(&f, f.ann, "late");
    gate_resume(&late); /* a handler's thread */
    assert_int_equal(woken, 3);
    gate_step(&f.g);
    chatroom_ask_stop(f.g.c); /* a signal */
    assert_int_equal(woken, 4);
    gate_end(&f.g);
}

static void wake__a_transport_that_looks_by_itself_need_not_be(void **state)
{
    static struct chatroom_transport_ops ops;
    struct fixture f;

    (void)state;
    prepare(&f);
    ops = *f.g.config.transport.ops;
    ops.wake = NULL;
    f.g.config.transport.ops = &ops;
    go(&f);
    assert_int_equal(chatroom_post(f.g.c, wire_id(f.g.wire, f.ann), chatroom_str("x"), hear_nothing, NULL),
                     CHATROOM_OK);
    gate_step(&f.g);
    hears(&f, f.ann, "x");
    assert_int_equal(woken, 0);
    gate_end(&f.g);
}

/* ---- rooms that are not there yet -------------------------------------------------------------------------------- */

static void interleave__a_room_that_is_still_being_made_has_no_page_yet(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    f.slow.holds = true;
    says(&f, f.ann, "create");
    says(&f, f.bob, "page");
    while (f.slow.count > 0)
        let(&f, 1);
    hears(&f, f.ann, "done");
    assert_int_equal(wire_queued(f.g.wire, f.bob), 1);
    assert_null(strstr(wire_take(f.g.wire, f.bob), "page"));
    f.slow.holds = false;
    says(&f, f.bob, "page");
    hears(&f, f.bob, "page 0");
    gate_end(&f.g);
}

/* ---- groups ------------------------------------------------------------------------------------------------------ */

static int no_group(void *self, void **ret_group)
{
    (void)self;
    (void)ret_group;
    return CHATROOM_ENOMEM;
}

static void groups__who_cannot_be_told_what_all_are_told_is_asked_to_come_again(void **state)
{
    static struct chatroom_transport_ops ops;
    struct fixture f;

    (void)state;
    prepare(&f);
    ops = *f.g.config.transport.ops;
    ops.group_new = no_group;
    f.g.config.transport.ops = &ops;
    gate_new(&f.g);
    assert_int_equal(chatroom_route(f.g.c, "everyone", everyone, NULL), CHATROOM_OK);
    gate_start(&f.g);
    f.ann = wire_connect(f.g.wire, "/dev");
    gate_step(&f.g);
    assert_int_equal(wire_close_code(f.g.wire, f.ann), 1013);
    gate_end(&f.g);
}

static void groups__without_them_everyone_is_told_one_by_one(void **state)
{
    static struct chatroom_transport_ops ops;
    struct fixture f;

    (void)state;
    prepare(&f);
    ops = *f.g.config.transport.ops;
    ops.group_new = NULL;
    ops.group_add = NULL;
    ops.group_remove = NULL;
    ops.group_send = NULL;
    ops.group_free = NULL;
    f.g.config.transport.ops = &ops;
    gate_new(&f.g);
    assert_int_equal(chatroom_route(f.g.c, "everyone", everyone, NULL), CHATROOM_OK);
    gate_route(&f.g, "$connect", &(struct act){.defer = true});
    gate_start(&f.g);
    gate_end(&f.g);
    prepare(&f);
    f.g.config.transport.ops = &ops;
    go(&f);
    says(&f, f.ann, "everyone");
    hears(&f, f.ann, "all");
    hears(&f, f.bob, "all");
    gate_end(&f.g);
}

/* ---- sessions that end while the store is full ------------------------------------------------------------------- */

static int ends_with_a_write(chatroom_request *request, void *arg)
{
    (void)arg;
    return chatroom_request_create_room(request, chatroom_str("last words"));
}

static void interleave__an_end_waits_for_a_store_that_has_too_much_to_do(void **state)
{
    static const int results[] = {CHATROOM_EAGAIN, CHATROOM_ENOMEM};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct fixture f;

        prepare(&f);
        gate_new(&f.g);
        assert_int_equal(chatroom_route(f.g.c, "$disconnect", ends_with_a_write, NULL), CHATROOM_OK);
        gate_start(&f.g);
        f.ann = gate_connected(&f.g);
        f.slow.refuses = results[i / 2];
        wire_close(f.g.wire, f.ann, 1000);
        for (int j = 0; j < 3; j++)
            gate_pass(&f.g, 100);
        assert_int_equal(chatroom_room_exists(f.g.c, chatroom_str("last words")), true); /* it is expected */
        f.slow.refuses = i % 2 ? CHATROOM_EIO : CHATROOM_OK; /* it goes on, or breaks meanwhile */
        for (int j = 0; j < 3; j++)
            gate_pass(&f.g, 100);
        assert_int_equal(chatroom_connection_count(f.g.c), 0);
        assert_int_equal(chatroom_room_count(f.g.c), i % 2 ? 0 : 1);
        f.slow.refuses = CHATROOM_OK;
        gate_end(&f.g);
    }
}

/* ---- what a store finds ------------------------------------------------------------------------------------------ */

/* version, time in milliseconds, address, agent, name, rooms: of the first form */
#define SESSION "\1\x10\x20\0\0\0\0\0\0\t\0\0\000192.0.2.9\2\0\0\0ua\3\0\0\0ann\3\0\0\0den\4\0\0\0none"
#define ROOM    "\1\x10\x20\0\0\0\0\0\0"

static int find(chatroom_store_port *port, const char *id, chatroom_span record)
{
    int result = chatroom_store_found_room(port, room, chatroom_bytes(ROOM, sizeof ROOM - 1), 1, 0);

    return result == CHATROOM_OK ? chatroom_store_found_session(port, chatroom_str(id), record) : result;
}

static int found_well(chatroom_store_port *port)
{
    return find(port, "AAAAAAAAAAAAAAA=", chatroom_bytes(SESSION, sizeof SESSION - 1));
}

static int found_bad_room(chatroom_store_port *port)
{
    return chatroom_store_found_room(port, room, chatroom_str("\1"), 1, 0);
}

static int found_bad_id(chatroom_store_port *port)
{
    return find(port, "AAAA", chatroom_bytes(SESSION, sizeof SESSION - 1));
}

static int found_bad_session(chatroom_store_port *port)
{
    return find(port, "AAAAAAAAAAAAAAA=", chatroom_str("\1"));
}

static int found_long_name(chatroom_store_port *port)
{
    static char record[9 + 4 + 4 + 4 + CHATROOM_KEY_MAX + 1] = "\1";

    record[9 + 4 + 4] = (char)((CHATROOM_KEY_MAX + 1) & 0xff);
    record[9 + 4 + 4 + 1] = (CHATROOM_KEY_MAX + 1) >> 8;
    return find(port, "AAAAAAAAAAAAAAA=", chatroom_bytes(record, sizeof record));
}

static void found__what_is_no_record_of_ours_lets_no_instance_start(void **state)
{
    static int (*const bad[])(chatroom_store_port *) = {found_bad_room, found_bad_id, found_bad_session,
                                                        found_long_name};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct chatroom_error error = {0, ""};
        struct fixture f;

        prepare(&f);
        f.slow.found = bad[i];
        gate_new(&f.g);
        assert_int_equal(chatroom_start(f.g.c, f.g.now, &error), CHATROOM_EFORMAT);
        assert_int_equal(error.code, CHATROOM_EFORMAT);
        assert_true(error.text[0] != '\0');
        gate_end(&f.g);
    }
}

static void found__F20_whose_nth_allocation_fails_starts_or_leaves_nothing(void **state)
{
    struct act disconnect = {0};
    int result = CHATROOM_ENOMEM;
    uint64_t n;

    (void)state;
    for (n = 1; result != CHATROOM_OK; n++) {
        struct fixture f;

        prepare(&f);
        f.slow.found = found_well;
        gate_new(&f.g);
        gate_route(&f.g, "$disconnect", &disconnect);
        heap_fail(&f.g.heap, n, 1);
        result = chatroom_start(f.g.c, f.g.now, NULL);
        heap_heal(&f.g.heap);
        assert_true(result == CHATROOM_OK || result == CHATROOM_ENOMEM);
        if (result == CHATROOM_OK) {
            assert_int_equal(chatroom_room_members(f.g.c, room), 1);
            gate_step(&f.g);
            assert_int_equal(disconnect.calls, 1);
            assert_int_equal(disconnect.rooms, 1);
            assert_int_equal(chatroom_connection_count(f.g.c), 0);
        }
        gate_end(&f.g);
    }
    assert_in_range(n, 6, 30);
}

/* ---- misuse ------------------------------------------------------------------------------------------------------ */

static void misuse__before_the_start_and_after_it_is_answered(void **state)
{
    const struct chatroom_management_options management = CHATROOM_MANAGEMENT_OPTIONS;
    struct chatroom_error error;
    struct fixture f;

    (void)state;
    prepare(&f);
    gate_new(&f.g);
    assert_int_equal(chatroom_step(f.g.c, f.g.now), CHATROOM_EINVAL);
    assert_int_equal(chatroom_fd(f.g.c), -1);
    assert_int_equal(chatroom_deadline(f.g.c), 0);
    chatroom_stop(f.g.c); /* what does not run need not stop */
    assert_false(chatroom_stopped(f.g.c));
    assert_int_equal(chatroom_route(NULL, "a", create, NULL), CHATROOM_EINVAL);
    assert_int_equal(chatroom_route(f.g.c, NULL, create, NULL), CHATROOM_EINVAL);
    assert_int_equal(chatroom_route(f.g.c, "a", NULL, NULL), CHATROOM_EINVAL);
    assert_int_equal(chatroom_authorizer(NULL, create, NULL, 0), CHATROOM_EINVAL);
    assert_int_equal(chatroom_authorizer(f.g.c, NULL, NULL, 0), CHATROOM_EINVAL);
    assert_int_equal(chatroom_manage(NULL, &management), CHATROOM_EINVAL);
    assert_int_equal(chatroom_manage(f.g.c, NULL), CHATROOM_EINVAL);
    gate_start(&f.g);
    assert_int_equal(chatroom_start(f.g.c, f.g.now, &error), CHATROOM_EINVAL);
    assert_non_null(strstr(error.text, "started before"));
    assert_int_equal(chatroom_authorizer(f.g.c, create, NULL, 0), CHATROOM_EINVAL);
    assert_int_equal(chatroom_manage(f.g.c, &management), CHATROOM_EINVAL);
    assert_int_equal(chatroom_route(f.g.c, "a", create, NULL), CHATROOM_EINVAL);
    chatroom_stop(f.g.c);
    chatroom_stop(f.g.c);
    gate_end(&f.g);
}

static void misuse__what_is_asked_from_elsewhere_is_checked_at_once(void **state)
{
    static char long_name[CHATROOM_KEY_MAX + 1];
    const chatroom_span json = chatroom_str("1");
    struct fixture f;

    (void)state;
    begin(&f);
    memset(long_name, 'n', sizeof long_name);
    assert_int_equal(chatroom_post(f.g.c, wire_id(f.g.wire, f.ann), chatroom_str("\xff"), NULL, NULL), CHATROOM_EINVAL);
    assert_int_equal(chatroom_publish(f.g.c, room, chatroom_str("\xff"), json, NULL, NULL), CHATROOM_EINVAL);
    assert_int_equal(chatroom_publish(f.g.c, room, chatroom_bytes(long_name, sizeof long_name), json, NULL, NULL),
                     CHATROOM_EINVAL);
    assert_int_equal(chatroom_publish(f.g.c, room, chatroom_str("a"), chatroom_str("["), NULL, NULL), CHATROOM_EJSON);
    gate_step(&f.g);
    gate_hears_nothing(&f.g, f.ann);
    gate_end(&f.g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(interleave__of_two_who_make_a_room_one_is_told_that_it_is_there),
        cmocka_unit_test(interleave__who_is_to_join_a_room_that_cannot_be_made_is_in_none),
        cmocka_unit_test(interleave__who_could_not_leave_keeps_the_room_that_others_left),
        cmocka_unit_test(interleave__who_goes_for_good_is_asked_again_when_another_could_not_leave),
        cmocka_unit_test(interleave__each_room_that_is_taken_along_is_looked_at),
        cmocka_unit_test(interleave__whose_handler_may_still_refuse_its_leaving_is_not_left_without_a_room),
        cmocka_unit_test(interleave__a_room_that_may_be_taken_along_can_be_left),
        cmocka_unit_test(interleave__who_comes_behind_the_last_one_out_finds_the_room),
        cmocka_unit_test(interleave__what_comes_behind_the_last_one_out_keeps_its_order),
        cmocka_unit_test(interleave__whose_room_ends_while_its_page_is_read_is_told_that_there_is_none),
        cmocka_unit_test(interleave__who_enters_a_room_that_ends_at_once_is_in_none),
        cmocka_unit_test(interleave__who_leaves_a_room_that_is_being_deleted_is_out_of_it_once),
        cmocka_unit_test(interleave__who_goes_before_its_write_is_done_leaves_nothing_behind),
        cmocka_unit_test(interleave__a_write_that_fails_or_is_not_taken_is_told_and_has_done_nothing),
        cmocka_unit_test(interleave__a_queue_that_is_full_is_tried_again),
        cmocka_unit_test(interleave__a_page_that_cannot_be_read_is_told_to_who_asks_and_not_to_who_enters),
        cmocka_unit_test(wake__the_transport_is_woken_by_all_that_comes_from_elsewhere),
        cmocka_unit_test(wake__a_transport_that_looks_by_itself_need_not_be),
        cmocka_unit_test(interleave__a_room_that_is_still_being_made_has_no_page_yet),
        cmocka_unit_test(groups__who_cannot_be_told_what_all_are_told_is_asked_to_come_again),
        cmocka_unit_test(groups__without_them_everyone_is_told_one_by_one),
        cmocka_unit_test(interleave__an_end_waits_for_a_store_that_has_too_much_to_do),
        cmocka_unit_test(found__what_is_no_record_of_ours_lets_no_instance_start),
        cmocka_unit_test(found__F20_whose_nth_allocation_fails_starts_or_leaves_nothing),
        cmocka_unit_test(misuse__before_the_start_and_after_it_is_answered),
        cmocka_unit_test(misuse__what_is_asked_from_elsewhere_is_checked_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
