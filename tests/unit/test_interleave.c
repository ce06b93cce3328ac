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
};

static int slow_open(void *self, chatroom_store_port *port, struct chatroom_error *error)
{
    const struct slow *slow = self;

    return slow->inner.ops->open(slow->inner.self, port, error);
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

static chatroom_span room = {"den", 3};

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
    (void)arg;
    return answer(request, chatroom_request_join(request, room));
}

static int leave(chatroom_request *request, void *arg)
{
    (void)arg;
    return answer(request, chatroom_request_leave(request, room));
}

static int delete_room(chatroom_request *request, void *arg)
{
    (void)arg;
    return answer(request, chatroom_request_delete_room(request, room));
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
} routes[] = {{"create", create}, {"join", join}, {"leave", leave}, {"delete", delete_room}, {"publish", publish},
              {"name", name},     {"page", page}, {"enter", enter}, {"everyone", everyone}};

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

static void go(struct fixture *f)
{
    gate_new(&f->g);
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        assert_int_equal(chatroom_route(f->g.c, routes[i].key, routes[i].handler, NULL), CHATROOM_OK);
    gate_start(&f->g);
    f->ann = gate_connected(&f->g);
    f->bob = gate_connected(&f->g);
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

static void interleave__whose_room_ends_while_its_page_is_read_is_told_that_there_is_none(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    does(&f, f.ann, "join");
    says(&f, f.ann, "publish");
    wire_drain(f.g.wire, f.ann);
    f.slow.holds = true;
    says(&f, f.ann, "enter"); /* is in it already: a page */
    says(&f, f.bob, "delete");
    let(&f, f.slow.count);
    let(&f, f.slow.count);
    hears(&f, f.bob, "done");
    assert_int_equal(wire_queued(f.g.wire, f.ann), 1);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(interleave__of_two_who_make_a_room_one_is_told_that_it_is_there),
        cmocka_unit_test(interleave__who_is_to_join_a_room_that_cannot_be_made_is_in_none),
        cmocka_unit_test(interleave__whose_room_ends_while_its_page_is_read_is_told_that_there_is_none),
        cmocka_unit_test(interleave__who_enters_a_room_that_ends_at_once_is_in_none),
        cmocka_unit_test(interleave__who_leaves_a_room_that_is_being_deleted_is_out_of_it_once),
        cmocka_unit_test(interleave__who_goes_before_its_write_is_done_leaves_nothing_behind),
        cmocka_unit_test(interleave__a_write_that_fails_or_is_not_taken_is_told_and_has_done_nothing),
        cmocka_unit_test(interleave__a_queue_that_is_full_is_tried_again),
        cmocka_unit_test(interleave__a_page_that_cannot_be_read_is_told_to_who_asks_and_not_to_who_enters),
        cmocka_unit_test(wake__the_transport_is_woken_by_all_that_comes_from_elsewhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
