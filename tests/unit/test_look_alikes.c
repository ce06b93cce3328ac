#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <chatroom/backend/lmdb.h>
#include <chatroom/backend/memory.h>
#include <chatroom/chatroom.h>

#include "heap.h"
#include "wire.h"

/*
 * T20 as clients of the chat's routes meet it, whatever the policy. That of the test: a star at either end goes, a name
 * with a ! is none; names are alike that differ in the case of letters, or, as a second key, in a 1 that stands for an
 * l.
 */

enum { SAID = 512 };

struct fixture {
    chatroom *c;
    struct chatroom_now now;
    struct wire *wire;
    struct heap heap;
    struct chatroom_alloc alloc;
    struct chatroom_store inner;
    int failure;     /* of every write */
    unsigned closed; /* policies that were */
    bool forgetful;  /* the policy runs out of memory */
};

/* ---- a policy ---- */

static int prepare(void *self, chatroom_span bytes, struct chatroom_name *ret_name)
{
    const struct fixture *f = self;

    if (f->forgetful)
        return CHATROOM_ENOMEM;
    while (bytes.size > 0 && bytes.bytes[0] == '*')
        bytes = chatroom_bytes(bytes.bytes + 1, bytes.size - 1);
    while (bytes.size > 0 && bytes.bytes[bytes.size - 1] == '*')
        bytes.size--;
    if (bytes.size == 0 || bytes.size > CHATROOM_NAME_BYTES || memchr(bytes.bytes, '!', bytes.size))
        return CHATROOM_EREFUSED;
    ret_name->size = ret_name->keys[0].size = ret_name->keys[1].size = bytes.size;
    for (size_t i = 0; i < bytes.size; i++) {
        char c = bytes.bytes[i], small = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;

        ret_name->text[i] = c;
        ret_name->keys[0].bytes[i] = small;
        ret_name->keys[1].bytes[i] = c == '1' ? 'l' : small;
    }
    if (!memchr(bytes.bytes, '1', bytes.size))
        ret_name->keys[1].size = 0;
    return CHATROOM_OK;
}

static void close_policy(void *self)
{
    ((struct fixture *)self)->closed++;
}

static const struct chatroom_names_ops names_ops = {CHATROOM_NAMES_OPS, .prepare = prepare, .close = close_policy};
static const struct chatroom_names_ops endless_ops = {CHATROOM_NAMES_OPS, .prepare = prepare};

/* ---- a store that can fail ---- */

static int open_store(void *self, chatroom_store_port *port, struct chatroom_error *error)
{
    struct fixture *f = self;

    return f->inner.ops->open(f->inner.self, port, error);
}

static int submit(void *self, struct chatroom_ticket *ticket)
{
    struct fixture *f = self;

    if (f->failure == CHATROOM_OK)
        return f->inner.ops->submit(f->inner.self, ticket);
    chatroom_write_done(ticket, f->failure);
    return CHATROOM_OK;
}

static int read_store(void *self, struct chatroom_ticket *ticket)
{
    struct fixture *f = self;

    return f->inner.ops->read(f->inner.self, ticket);
}

static void close_store(void *self)
{
    struct fixture *f = self;

    f->inner.ops->close(f->inner.self);
}

static const struct chatroom_store_ops store_ops = {
    CHATROOM_STORE_OPS, .name = "test", .open = open_store, .submit = submit, .read = read_store, .close = close_store,
};

/* ---- handlers of the host's own ---- */

static int result;

static int raw_room(chatroom_request *request, void *arg)
{
    chatroom_span name;

    (void)arg;
    assert_int_equal(chatroom_request_text(request, "value", &name), CHATROOM_OK);
    result = chatroom_request_create_room(request, name);
    return result;
}

static int raw_name(chatroom_request *request, void *arg)
{
    chatroom_span name;

    (void)arg;
    assert_int_equal(chatroom_request_text(request, "value", &name), CHATROOM_OK);
    result = chatroom_request_set_name(request, name);
    return result;
}

/* The name of who comes next, as a token would have it; NULL: none yet. */
static const char *token;

static int come(chatroom_request *request, void *arg)
{
    (void)arg;
    return token ? chatroom_request_set_name(request, chatroom_str(token)) : CHATROOM_OK;
}

/* ---- a server and its clients ---- */

static void run(struct fixture *f)
{
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(chatroom_step(f->c, f->now), CHATROOM_OK);
}

/* data NULL: in memory. */
static void make_on(struct fixture *f, const char *data, bool keep, bool with_policy)
{
    struct chatroom_config config = CHATROOM_CONFIG;
    struct chatroom_chat_options options = CHATROOM_CHAT_OPTIONS;
    struct chatroom_lmdb_options lmdb = CHATROOM_LMDB_OPTIONS;
    struct chatroom_names names = {&names_ops, f};
    struct chatroom_error error = {0, ""};

    memset(f, 0, sizeof *f);
    f->now = (struct chatroom_now){1000000000, INT64_C(1795467901000)};
    f->alloc = heap_alloc(&f->heap);
    f->wire = wire_new(true);
    config.alloc = &f->alloc;
    config.limits.messages_per_second = 0;
    config.limits.bytes_per_second = 0;
    config.transport = wire_transport(f->wire);
    lmdb.durability = CHATROOM_DURABLE_NONE;
    if (data)
        assert_int_equal(chatroom_lmdb_store(data, &lmdb, &config.store, &error), CHATROOM_OK);
    else
        assert_int_equal(chatroom_memory_store(&f->inner), CHATROOM_OK);
    if (!data)
        config.store = (struct chatroom_store){&store_ops, f};
    options.keep_empty_rooms = keep;
    options.rate_limits = false;
    assert_int_equal(chatroom_new(&config, &f->c, &error), CHATROOM_OK);
    if (with_policy)
        chatroom_set_names(f->c, &names);
    assert_int_equal(chatroom_chat(f->c, &options), CHATROOM_OK);
    assert_int_equal(chatroom_route(f->c, "room", raw_room, NULL), CHATROOM_OK);
    assert_int_equal(chatroom_route(f->c, "name", raw_name, NULL), CHATROOM_OK);
    assert_int_equal(chatroom_route(f->c, "$connect", come, NULL), CHATROOM_OK);
}

static void start_on(struct fixture *f, const char *data, bool keep, bool with_policy)
{
    make_on(f, data, keep, with_policy);
    assert_int_equal(chatroom_start(f->c, f->now, NULL), CHATROOM_OK);
}

static void start(struct fixture *f)
{
    start_on(f, NULL, false, true);
}

static void stop(struct fixture *f)
{
    unsigned steps = 0;

    chatroom_stop(f->c);
    while (!chatroom_stopped(f->c) && ++steps < 1000) {
        run(f);
        usleep(1000); /* for the thread of LMDB */
    }
    assert_true(chatroom_stopped(f->c));
    chatroom_free(f->c);
    wire_free(f->wire);
    assert_int_equal(f->heap.blocks, 0);
}

static size_t connect_client(struct fixture *f)
{
    size_t client = wire_connect(f->wire, "/");

    for (unsigned i = 0; i < 1000 && wire_status(f->wire, client) == 0; i++) {
        run(f);
        usleep(1000); /* for the thread of LMDB */
    }
    assert_int_equal(wire_status(f->wire, client), 101);
    return client;
}

static void put(struct fixture *f, size_t client, const char *action, const char *value)
{
    char text[256];

    snprintf(text, sizeof text, "{\"action\":\"%s\",\"value\":\"%s\"}", action, value);
    wire_send(f->wire, client, text);
}

/* Whether the last error that it was told has the code, "" for no error at all. What it is told besides is forgotten.
 */
static bool was_told(struct fixture *f, size_t client, const char *code)
{
    static const char error[] = "{\"type\":\"error\",\"code\":\"";
    size_t start = sizeof error - 1;
    char told[64] = "";
    const char *text;

    while ((text = wire_take(f->wire, client)))
        if (strncmp(text, error, start) == 0)
            snprintf(told, sizeof told, "%.*s", (int)strcspn(text + start, "\""), text + start);
    return strcmp(told, code) == 0;
}

/* One that has an answer. */
static void say(struct fixture *f, size_t client, const char *action, const char *value, const char *code)
{
    wire_drain(f->wire, client);
    put(f, client, action, value);
    for (unsigned i = 0; i < 1000 && wire_queued(f->wire, client) == 0; i++) {
        run(f);
        usleep(100);
    }
    if (!was_told(f, client, code))
        fail_msg("%s %s: not \"%s\"", action, value, code);
}

static void tell(struct fixture *f, size_t client, const char *text, const char *code)
{
    wire_drain(f->wire, client);
    wire_send(f->wire, client, text);
    run(f);
    if (!was_told(f, client, code))
        fail_msg("%s: not \"%s\"", text, code);
}

static size_t user(struct fixture *f, const char *name)
{
    size_t client = connect_client(f);

    say(f, client, "register", name, "");
    return client;
}

static bool exists(const struct fixture *f, const char *room)
{
    return chatroom_room_exists(f->c, chatroom_str(room));
}

/* ---- rooms ---- */

static void look_alikes__T20_room_like_another_is_refused(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    size_t ann = user(&f, "ann"), bob = user(&f, "bob");

    say(&f, ann, "new-room", "Lobby", "");
    say(&f, bob, "new-room", "lobby", "look_alike_name");
    say(&f, bob, "join-room", "lobby", "look_alike_name");
    say(&f, bob, "new-room", "Lobby", "room_exists");
    say(&f, bob, "new-room", "*Lobby*", "room_exists");
    say(&f, bob, "new-room", "Lo!", "bad_room");
    assert_false(exists(&f, "lobby"));
    say(&f, bob, "join-room", "*Lobby", "");
    assert_int_equal(chatroom_room_members(f.c, chatroom_str("Lobby")), 2);
    stop(&f);
    assert_int_equal(f.closed, 1);
}

static void look_alikes__T20_a_second_key_counts_like_the_first(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    size_t ann = user(&f, "ann"), bob = user(&f, "bob");

    say(&f, ann, "new-room", "rooml", "");
    say(&f, bob, "new-room", "room1", "look_alike_name");
    say(&f, ann, "leave-room", "", "");
    say(&f, bob, "new-room", "room1", "");
    say(&f, ann, "new-room", "ROOM1", "look_alike_name");
    say(&f, ann, "new-room", "rooml", "look_alike_name");
    say(&f, ann, "new-room", "room2", "");
    stop(&f);
}

static void look_alikes__T20_room_that_is_gone_is_in_nobodys_way(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    size_t ann = user(&f, "ann"), bob = user(&f, "bob");

    say(&f, ann, "new-room", "den", "");
    wire_close(f.wire, ann, 1000);
    run(&f);
    assert_false(exists(&f, "den"));
    say(&f, bob, "new-room", "DEN", "");
    say(&f, bob, "leave-room", "", "");
    say(&f, bob, "join-room", "Den", "");
    stop(&f);
}

/* Before either is stored: the first one wins, and of the other nothing is left. */
static void look_alikes__T20_of_two_at_once_one_is_made(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    size_t ann = user(&f, "ann"), bob = user(&f, "bob");

    wire_drain(f.wire, ann);
    wire_drain(f.wire, bob);
    put(&f, ann, "new-room", "den");
    put(&f, bob, "join-room", "DEN");
    run(&f);
    assert_true(was_told(&f, ann, "") && was_told(&f, bob, "look_alike_name"));
    assert_true(exists(&f, "den") && !exists(&f, "DEN"));
    put(&f, ann, "leave-room", "");
    put(&f, ann, "new-room", "Den");
    run(&f);
    assert_true(was_told(&f, ann, "") && exists(&f, "Den") && !exists(&f, "den"));
    stop(&f);
}

static void look_alikes__T20_what_was_not_stored_holds_nothing(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    size_t ann = user(&f, "ann"), bob = user(&f, "bob"), cid = connect_client(&f);

    f.failure = CHATROOM_ENOSPC;
    say(&f, ann, "new-room", "den", "storage_full");
    say(&f, cid, "register", "cid", "storage_full");
    f.failure = CHATROOM_OK;
    say(&f, bob, "new-room", "DEN", "");
    say(&f, ann, "register", "CID", "");
    say(&f, cid, "register", "cid", "look_alike_name");
    f.failure = CHATROOM_ENOSPC; /* the old name stays, and stays taken */
    say(&f, ann, "register", "dan", "storage_full");
    f.failure = CHATROOM_OK;
    say(&f, cid, "register", "cid", "look_alike_name");
    say(&f, cid, "register", "DAN", "");
    stop(&f);
}

/* ---- users ---- */

static void look_alikes__T20_user_like_another_is_refused(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    size_t ann = user(&f, "ann"), bob = connect_client(&f);

    say(&f, bob, "register", "Ann", "look_alike_name");
    say(&f, bob, "new-room", "den", "not_registered");
    say(&f, bob, "register", "a!", "bad_name");
    say(&f, bob, "register", "no-rooms", "bad_name");
    say(&f, bob, "register", "No-Rooms", "bad_name");
    say(&f, bob, "register", "bob", "");
    say(&f, bob, "register", "ANN", "look_alike_name");
    say(&f, ann, "new-room", "Bob", ""); /* rooms and users are not alike */
    stop(&f);
}

/* One user over several connections, as in the workshop: the name is free when the last one is gone. */
static void look_alikes__T20_the_same_user_twice_is_one(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    size_t ann = user(&f, "ann"), again = user(&f, "*ann*"), bob = connect_client(&f);

    wire_close(f.wire, ann, 1000);
    run(&f);
    say(&f, bob, "register", "Ann", "look_alike_name");
    wire_close(f.wire, again, 1000);
    run(&f);
    say(&f, bob, "register", "Ann", "");
    stop(&f);
}

static void look_alikes__T20_a_new_name_frees_the_old_one(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    size_t ann = user(&f, "ann"), bob = user(&f, "bob");

    say(&f, ann, "register", "ann", "");
    say(&f, ann, "register", "Ann", ""); /* one's own is no other's */
    say(&f, bob, "register", "ann", "look_alike_name");
    say(&f, ann, "register", "cid", "");
    say(&f, bob, "register", "ann", "");
    say(&f, ann, "register", "bob", "");
    stop(&f);
}

/* ... unless another session has it as well. */
static void look_alikes__T20_a_shared_name_is_not_respelled_by_one(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    size_t ann = user(&f, "ann");

    user(&f, "ann");
    say(&f, ann, "register", "Ann", "look_alike_name");
    say(&f, ann, "register", "ann", "");
    stop(&f);
}

static void look_alikes__T20_of_two_users_at_once_one_is_named(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    size_t first = connect_client(&f), second = connect_client(&f);

    put(&f, first, "register", "ann");
    put(&f, second, "register", "ANN");
    run(&f);
    assert_true(was_told(&f, first, "") && was_told(&f, second, "look_alike_name"));
    stop(&f);
}

static void look_alikes__a_name_is_the_senders_in_its_form(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    size_t ann = user(&f, "ann");

    say(&f, ann, "new-room", "den", "");
    wire_send(f.wire, ann, "{\"action\":\"dispatch\",\"value\":\"*Hi!*\",\"name\":\"*ann*\",\"room\":\"den*\"}");
    run(&f);
    assert_non_null(strstr(wire_take(f.wire, ann), "{\"message\":\"*Hi!*\",\"user\":\"ann\""));
    wire_send(f.wire, ann, "{\"action\":\"dispatch\",\"value\":\"x\",\"name\":\"Ann\"}");
    run(&f);
    assert_true(was_told(&f, ann, "wrong_name"));
    wire_send(f.wire, ann, "{\"action\":\"dispatch\",\"value\":\"x\",\"name\":\"!\"}");
    run(&f);
    assert_true(was_told(&f, ann, "wrong_name"));
    wire_send(f.wire, ann, "{\"action\":\"dispatch\",\"value\":\"x\",\"room\":\"Den\"}");
    run(&f);
    assert_true(was_told(&f, ann, "wrong_room"));
    stop(&f);
}

/* ---- a store that brings rooms ---- */

static int remove_entry(const char *path, const struct stat *about, int kind, struct FTW *at)
{
    (void)about;
    (void)kind;
    (void)at;
    return remove(path);
}

static void look_alikes__T20_rooms_of_the_store_are_there_and_guarded(void **state)
{
    char data[] = "/tmp/look-alikes-XXXXXX";
    struct fixture f;

    (void)state;
    assert_non_null(mkdtemp(data));
    start_on(&f, data, true, false);
    size_t ann = user(&f, "ann");

    say(&f, ann, "new-room", "den", "");
    say(&f, ann, "new-room", "Den", ""); /* without a policy they are two */
    say(&f, ann, "new-room", "odd!", "");
    stop(&f);
    start_on(&f, data, false, true);
    ann = user(&f, "ann");
    assert_int_equal(chatroom_room_count(f.c), 3);
    say(&f, ann, "join-room", "DEN", "look_alike_name");
    say(&f, ann, "new-room", "odd!", "room_exists");
    say(&f, ann, "join-room", "other!", "bad_room");
    say(&f, ann, "join-room", "odd!", ""); /* called as none would be now */
    wire_drain(f.wire, ann);
    wire_send(f.wire, ann, "{\"action\":\"members\",\"room\":\"odd!\"}");
    run(&f);
    assert_non_null(strstr(wire_take(f.wire, ann), "\"room\":\"odd!\",\"count\":1"));
    say(&f, ann, "leave-room", "", "");
    say(&f, ann, "join-room", "den", "");
    say(&f, ann, "join-room", "Den", ""); /* takes den along */
    assert_int_equal(chatroom_room_count(f.c), 1);
    say(&f, ann, "new-room", "den", "look_alike_name");
    say(&f, ann, "leave-room", "", "");
    assert_int_equal(chatroom_room_count(f.c), 0);
    say(&f, ann, "new-room", "DEN", "");
    stop(&f);
    assert_int_equal(nftw(data, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* ---- around the policy ---- */

static void look_alikes__handlers_give_names_in_their_form(void **state)
{
    struct fixture f;
    struct chatroom_name name;

    (void)state;
    start(&f);
    size_t ann = user(&f, "ann"), bob = user(&f, "bob");
    const struct row {
        const char *action, *value;
        int result;
    } rows[] = {
        {"room", "den", CHATROOM_OK},     {"room", "*den", CHATROOM_EINVAL}, {"room", "d!", CHATROOM_EINVAL},
        {"room", "Den", CHATROOM_EALIKE}, {"room", "den", CHATROOM_EEXIST},  {"name", "*x", CHATROOM_EINVAL},
        {"name", "Ann", CHATROOM_EALIKE}, {"name", "ann", CHATROOM_OK},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        result = 1;
        put(&f, bob, rows[i].action, rows[i].value);
        run(&f);
        if (result != rows[i].result)
            fail_msg("%s %s: %d", rows[i].action, rows[i].value, result);
    }
    f.forgetful = true;
    for (size_t i = 0; i < 2; i++) {
        put(&f, bob, i ? "name" : "room", "hut");
        run(&f);
        assert_int_equal(result, CHATROOM_ENOMEM);
    }
    f.forgetful = false;
    assert_int_equal(chatroom_prepare_name(f.c, chatroom_str("*A*"), &name), CHATROOM_OK);
    assert_true(chatroom_span_equal(chatroom_name_text(&name), chatroom_str("A")));
    wire_drain(f.wire, ann);
    stop(&f);
}

static void look_alikes__T20_who_comes_with_a_name_like_another_is_refused(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    user(&f, "ann");
    token = "Ann";
    size_t bob = wire_connect(f.wire, "/");

    run(&f);
    token = NULL;
    assert_int_equal(wire_status(f.wire, bob), 403);
    stop(&f);
}

static void look_alikes__without_a_policy_there_are_none(void **state)
{
    struct fixture f;
    struct chatroom_name name;

    (void)state;
    start_on(&f, NULL, false, false);
    size_t ann = user(&f, "ann"), bob = user(&f, "Ann");

    say(&f, ann, "new-room", "den", "");
    say(&f, bob, "new-room", "Den", "");
    assert_int_equal(chatroom_prepare_name(f.c, chatroom_str("A"), &name), CHATROOM_ENOENT);
    stop(&f);
    assert_int_equal(f.closed, 0);
}

static void look_alikes__a_second_policy_replaces_the_first(void **state)
{
    struct chatroom_config config = CHATROOM_CONFIG;
    struct fixture f = {0};
    struct chatroom_names names = {&names_ops, &f};
    chatroom *c;

    (void)state;
    f.wire = wire_new(true);
    config.transport = wire_transport(f.wire);
    assert_int_equal(chatroom_memory_store(&config.store), CHATROOM_OK);
    assert_int_equal(chatroom_new(&config, &c, NULL), CHATROOM_OK);
    chatroom_set_names(c, &names);
    assert_int_equal(f.closed, 0);
    chatroom_set_names(c, &names);
    assert_int_equal(f.closed, 1);
    names.ops = &endless_ops;
    chatroom_set_names(c, &names);
    assert_int_equal(f.closed, 2);
    names.ops = &names_ops;
    chatroom_set_names(c, &names); /* that before has no close */
    assert_int_equal(f.closed, 2);
    names.ops = &endless_ops;
    chatroom_set_names(c, &names);
    assert_int_equal(f.closed, 3);
    chatroom_free(c);
    assert_int_equal(f.closed, 3);
    wire_free(f.wire);
}

/* One that comes too late guards nothing, and is closed if it can be. */
static void look_alikes__a_policy_after_the_start_is_closed_at_once(void **state)
{
    struct fixture f;
    struct chatroom_name name;

    (void)state;
    start_on(&f, NULL, false, false);
    chatroom_set_names(f.c, &(struct chatroom_names){&endless_ops, &f});
    assert_int_equal(f.closed, 0);
    chatroom_set_names(f.c, &(struct chatroom_names){&names_ops, &f});
    assert_int_equal(f.closed, 1);
    assert_int_equal(chatroom_prepare_name(f.c, chatroom_str("A"), &name), CHATROOM_ENOENT);
    stop(&f);
    assert_int_equal(f.closed, 1);
}

/* ---- lack of memory ---- */

/* Whoever got through is guarded, and whoever did not holds nothing. */
static void fail_once(uint64_t n, const char *action, const char *value, const char *alike, bool *ret_failed)
{
    struct fixture f;

    start(&f);
    size_t ann = user(&f, "ann"), bob = user(&f, "bob");

    wire_drain(f.wire, ann);
    put(&f, ann, action, value);
    heap_fail(&f.heap, n, 1);
    run(&f);
    *ret_failed = f.heap.failed > 0;
    heap_heal(&f.heap);
    run(&f);
    bool through = wire_is_open(f.wire, ann) && was_told(&f, ann, "");

    say(&f, bob, action, alike, through ? "look_alike_name" : "");
    stop(&f);
}

static void look_alikes__T20_lack_of_memory_leaves_no_claim(void **state)
{
    bool failed = true;
    uint64_t n;

    (void)state;
    for (n = 1; failed && n < 100; n++)
        fail_once(n, "register", "cid", "CID", &failed);
    assert_true(n > 3 && !failed);
    failed = true;
    for (n = 1; failed && n < 100; n++)
        fail_once(n, "new-room", "den", "DEN", &failed);
    assert_true(n > 3 && !failed);
}

static void look_alikes__a_policy_without_memory_refuses_for_now(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    size_t ann = user(&f, "ann");

    say(&f, ann, "new-room", "den", "");
    f.forgetful = true;
    say(&f, ann, "register", "bob", "out_of_memory");
    say(&f, ann, "new-room", "hut", "out_of_memory");
    f.forgetful = false;
    say(&f, ann, "join-room", "den", "");
    f.forgetful = true;
    tell(&f, ann, "{\"action\":\"dispatch\",\"name\":\"Ann\",\"room\":\"den\",\"value\":\"x\"}", "out_of_memory");
    tell(&f, ann, "{\"action\":\"dispatch\",\"room\":\"Den\",\"value\":\"x\"}", "out_of_memory");
    f.forgetful = false;
    say(&f, ann, "new-room", "hut", "");
    stop(&f);
}

static void look_alikes__a_policy_without_memory_lets_no_instance_start_on_rooms_that_it_has_not_seen(void **state)
{
    char data[] = "/tmp/look-alikes-XXXXXX";
    struct chatroom_error error = {0, ""};
    struct fixture f;

    (void)state;
    assert_non_null(mkdtemp(data));
    start_on(&f, data, true, true);
    say(&f, user(&f, "ann"), "new-room", "den", "");
    stop(&f);
    make_on(&f, data, true, true);
    f.forgetful = true;
    assert_int_equal(chatroom_start(f.c, f.now, &error), CHATROOM_ENOMEM);
    assert_int_equal(error.code, CHATROOM_ENOMEM);
    chatroom_free(f.c);
    wire_free(f.wire);
    assert_int_equal(f.heap.blocks, 0);
    start_on(&f, data, true, true);
    say(&f, user(&f, "ann"), "new-room", "DEN", "look_alike_name");
    stop(&f);
    assert_int_equal(nftw(data, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(look_alikes__T20_room_like_another_is_refused),
        cmocka_unit_test(look_alikes__T20_a_second_key_counts_like_the_first),
        cmocka_unit_test(look_alikes__T20_room_that_is_gone_is_in_nobodys_way),
        cmocka_unit_test(look_alikes__T20_of_two_at_once_one_is_made),
        cmocka_unit_test(look_alikes__T20_what_was_not_stored_holds_nothing),
        cmocka_unit_test(look_alikes__T20_user_like_another_is_refused),
        cmocka_unit_test(look_alikes__T20_the_same_user_twice_is_one),
        cmocka_unit_test(look_alikes__T20_a_new_name_frees_the_old_one),
        cmocka_unit_test(look_alikes__T20_a_shared_name_is_not_respelled_by_one),
        cmocka_unit_test(look_alikes__T20_of_two_users_at_once_one_is_named),
        cmocka_unit_test(look_alikes__a_name_is_the_senders_in_its_form),
        cmocka_unit_test(look_alikes__T20_rooms_of_the_store_are_there_and_guarded),
        cmocka_unit_test(look_alikes__handlers_give_names_in_their_form),
        cmocka_unit_test(look_alikes__T20_who_comes_with_a_name_like_another_is_refused),
        cmocka_unit_test(look_alikes__without_a_policy_there_are_none),
        cmocka_unit_test(look_alikes__a_second_policy_replaces_the_first),
        cmocka_unit_test(look_alikes__a_policy_after_the_start_is_closed_at_once),
        cmocka_unit_test(look_alikes__T20_lack_of_memory_leaves_no_claim),
        cmocka_unit_test(look_alikes__a_policy_without_memory_refuses_for_now),
        cmocka_unit_test(look_alikes__a_policy_without_memory_lets_no_instance_start_on_rooms_that_it_has_not_seen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
