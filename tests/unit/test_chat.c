#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include <chatroom/backend/memory.h>
#include <chatroom/chatroom.h>

#include "wire.h"

/* A whole instance with the memory store, and clients on a wire inside the test. Public headers alone. */

enum { PEERS = 208, SAID = 64 };

struct peer {
    size_t client;   /* of the wire */
    char *out[SAID]; /* messages from the server, not yet looked at */
    size_t out_count;
};

struct odd_store {
    struct chatroom_store inner;
    int failure;    /* of every write, as its completion */
    uint64_t epoch; /* of the room written to last */
    bool eager;     /* a read is answered when the next entry is stored, and shows that one too */
    struct chatroom_ticket *waiting;
    char *entries[4];
    size_t sizes[4], count;
};

struct fixture {
    chatroom *c;
    struct chatroom_now now;
    struct wire *wire;
    struct peer peers[PEERS];
    size_t count;
    struct odd_store store;
};

static long blocks;
static long fails_in; /* 0: never; else the allocation of that number fails, and all after it */

static void *counting(void *arg, void *memory, size_t old_size, size_t size)
{
    (void)arg;
    (void)old_size;
    if (size > 0 && fails_in > 0 && (fails_in == 1 || --fails_in == 1))
        return NULL;
    blocks += (memory == NULL && size > 0) - (memory != NULL && size == 0);
    if (size > 0)
        return realloc(memory, size);
    free(memory);
    return NULL;
}

static const struct chatroom_alloc alloc = {counting, NULL};

/* ---- a store that can be full, or quick ---- */

static int odd_open(void *self, chatroom_store_port *port, struct chatroom_error *error)
{
    struct odd_store *odd = self;

    return odd->inner.ops->open(odd->inner.self, port, error);
}

static bool is_asked_for(const struct chatroom_read *read, uint64_t seq)
{
    return read->kind == CHATROOM_READ_FROM ? seq >= read->seq : seq < read->seq;
}

/* What was read is completed before what was stored, as it was asked for, and yet shows it. */
static void answer_eagerly(struct odd_store *odd)
{
    struct chatroom_read *read = &odd->waiting->read;

    read->ret_epoch = odd->epoch;
    for (size_t i = 0; i < odd->count; i++) {
        size_t seq = read->kind == CHATROOM_READ_FROM ? i + 1 : odd->count - i;

        if (is_asked_for(read, seq))
            assert_true(
                chatroom_read_row(odd->waiting, seq, chatroom_bytes(odd->entries[seq - 1], odd->sizes[seq - 1])));
    }
    chatroom_read_done(odd->waiting, CHATROOM_OK);
    odd->waiting = NULL;
}

static void remember(struct odd_store *odd, chatroom_span entry)
{
    assert_true(odd->count < 4);
    odd->entries[odd->count] = malloc(entry.size);
    memcpy(odd->entries[odd->count], entry.bytes, entry.size);
    odd->sizes[odd->count++] = entry.size;
}

static int odd_submit(void *self, struct chatroom_ticket *ticket)
{
    struct odd_store *odd = self;
    bool is_entry = odd->eager && ticket->writes[0].kind == CHATROOM_APPEND;
    int result;

    if (odd->failure != CHATROOM_OK) {
        chatroom_write_done(ticket, odd->failure);
        return CHATROOM_OK;
    }
    if (is_entry)
        remember(odd, ticket->writes[0].value);
    if (is_entry && odd->waiting)
        answer_eagerly(odd);
    result = odd->inner.ops->submit(odd->inner.self, ticket);
    if (is_entry)
        odd->epoch = ticket->writes[0].ret_epoch;
    return result;
}

static int odd_read(void *self, struct chatroom_ticket *ticket)
{
    struct odd_store *odd = self;

    if (!odd->eager)
        return odd->inner.ops->read(odd->inner.self, ticket);
    odd->waiting = ticket;
    return CHATROOM_OK;
}

static void odd_close(void *self)
{
    struct odd_store *odd = self;

    while (odd->count > 0)
        free(odd->entries[--odd->count]);
    odd->inner.ops->close(odd->inner.self);
}

static const struct chatroom_store_ops odd_ops = {
    CHATROOM_STORE_OPS, .name = "odd", .open = odd_open, .submit = odd_submit, .read = odd_read, .close = odd_close,
};

/* ---- a server and its clients ---- */

static void collect(struct fixture *f, struct peer *peer)
{
    const char *text;

    while ((text = wire_take(f->wire, peer->client))) {
        assert_true(peer->out_count < SAID);
        peer->out[peer->out_count++] = strdup(text);
    }
}

static void run(struct fixture *f)
{
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(chatroom_step(f->c, f->now), CHATROOM_OK);
    for (size_t i = 0; i < f->count; i++)
        collect(f, &f->peers[i]);
}

static void start_with(struct fixture *f, const struct chatroom_chat_options *options,
                       const struct chatroom_limits *limits)
{
    struct chatroom_config config = CHATROOM_CONFIG;
    struct chatroom_error error = {0, ""};

    memset(f, 0, sizeof *f);
    blocks = 0;
    fails_in = 0;
    f->now = (struct chatroom_now){1000000000, INT64_C(1795467901000)};
    config.alloc = &alloc;
    config.limits = *limits;
    f->wire = wire_new(true);
    config.transport = wire_transport(f->wire);
    assert_int_equal(chatroom_memory_store(&f->store.inner), CHATROOM_OK);
    config.store = (struct chatroom_store){&odd_ops, &f->store};
    assert_int_equal(chatroom_new(&config, &f->c, &error), CHATROOM_OK);
    assert_int_equal(chatroom_chat(f->c, options), CHATROOM_OK);
    assert_int_equal(chatroom_start(f->c, f->now, &error), CHATROOM_OK);
}

static struct chatroom_limits no_rates(void)
{
    struct chatroom_limits limits = CHATROOM_LIMITS;

    limits.messages_per_second = 0;
    limits.bytes_per_second = 0;
    return limits;
}

static void start(struct fixture *f, enum chatroom_chat_mode mode)
{
    struct chatroom_chat_options options = CHATROOM_CHAT_OPTIONS;
    struct chatroom_limits limits = no_rates();

    options.mode = mode;
    options.rate_limits = false;
    start_with(f, &options, &limits);
}

static struct peer *connect_peer(struct fixture *f)
{
    struct peer *peer = &f->peers[f->count++];

    assert_true(f->count <= PEERS);
    peer->client = wire_connect(f->wire, "/");
    run(f);
    assert_int_equal(wire_status(f->wire, peer->client), 101);
    return peer;
}

static void put(struct fixture *f, struct peer *peer, const char *text)
{
    wire_send(f->wire, peer->client, text);
}

static void send_text(struct fixture *f, struct peer *peer, const char *text)
{
    put(f, peer, text);
    run(f);
}

/* Whether text is pattern, in which # stands for a number and @ for an id. */
static bool matches(const char *text, const char *pattern)
{
    for (; *pattern; pattern++) {
        size_t length = *pattern == '#'   ? strspn(text, "0123456789")
                        : *pattern == '@' ? 16
                                          : (size_t)(*text == *pattern);

        if (length == 0 || strnlen(text, length) < length)
            return false;
        text += length;
    }
    return *text == '\0';
}

static void expect(struct peer *peer, const char *pattern)
{
    char *text;

    if (peer->out_count == 0)
        fail_msg("nothing came; wanted %s", pattern);
    text = peer->out[0];
    if (!matches(text, pattern))
        fail_msg("got %s\nwanted %s", text, pattern);
    peer->out_count--;
    memmove(peer->out, peer->out + 1, peer->out_count * sizeof *peer->out);
    free(text);
}

static void expect_error(struct peer *peer, const char *code)
{
    char start_of[128];
    size_t length =
        (size_t)snprintf(start_of, sizeof start_of, "{\"type\":\"error\",\"code\":\"%s\",\"message\":\"", code);

    if (peer->out_count == 0)
        fail_msg("nothing came; wanted error %s", code);
    if (strncmp(peer->out[0], start_of, length) != 0)
        fail_msg("got %s\nwanted error %s", peer->out[0], code);
    assert_true(matches(strstr(peer->out[0], "\",\"requestId\":"), "\",\"requestId\":\"@\"}"));
    expect(peer, peer->out[0]);
}

static void expect_quiet(const struct fixture *f)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->peers[i].out_count > 0)
            fail_msg("peer %zu got %s", i, f->peers[i].out[0]);
}

static void forget(struct fixture *f)
{
    for (size_t i = 0; i < f->count; i++)
        while (f->peers[i].out_count > 0)
            free(f->peers[i].out[--f->peers[i].out_count]);
}

static void close_peer(struct fixture *f, struct peer *peer)
{
    wire_close(f->wire, peer->client, 1000);
    run(f);
}

/* A peer of that name, in that room unless it is NULL; whatever was said on the way is forgotten. */
static struct peer *member(struct fixture *f, const char *name, const char *room)
{
    struct peer *peer = connect_peer(f);
    char text[256];

    snprintf(text, sizeof text, "{\"action\":\"register\",\"value\":\"%s\"}", name);
    send_text(f, peer, text);
    snprintf(text, sizeof text, "{\"action\":\"join-room\",\"value\":\"%s\"}", room ? room : "");
    if (room)
        send_text(f, peer, text);
    forget(f);
    return peer;
}

static void stop(struct fixture *f)
{
    chatroom_stop(f->c);
    run(f);
    assert_true(chatroom_stopped(f->c));
    chatroom_free(f->c);
    forget(f);
    wire_free(f->wire);
    assert_int_equal(blocks, 0);
}

static size_t count_room(void *arg, const char *room)
{
    return chatroom_room_members(((struct fixture *)arg)->c, chatroom_str(room));
}

/* ---- the flow of the workshop ---- */

static void chat__flow(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, CHATROOM_CHAT_FULL);
    struct peer *ann = connect_peer(&f), *bob = connect_peer(&f);

    send_text(&f, ann, "{\"action\":\"register\",\"value\":\" ann \",\"room\":null,\"name\":null}");
    expect(ann, "{\"type\":\"signup\",\"updateStatus\":\"SUCCESS\",\"rooms\":[],\"name\":\"ann\"}");
    send_text(&f, ann, "{\"action\":\"new-room\",\"value\":\"den\",\"room\":\"\",\"name\":\"ann\"}");
    expect(ann, "{\"type\":\"single-room\",\"message\":\"den\"}");
    expect(ann, "{\"transactWrite\":\"SUCCESS\",\"scan\":\"SUCCESS\",\"dispatchStatus\":\"SUCCESS\",\"room\":\"den\","
                "\"epoch\":\"#\"}");
    expect(bob, "{\"type\":\"single-room\",\"message\":\"den\"}");
    send_text(&f, bob, "{\"action\":\"register\",\"value\":\"bob\"}");
    expect(bob, "{\"type\":\"signup\",\"updateStatus\":\"SUCCESS\",\"rooms\":[\"den\"],\"name\":\"bob\"}");
    send_text(&f, bob, "{\"action\":\"join-room\",\"value\":\"den\",\"room\":null,\"name\":\"bob\"}");
    expect(bob,
           "{\"transactWrite\":\"SUCCESS\",\"scanStatus\":\"EMPTY\",\"room\":\"den\",\"epoch\":\"#\",\"newest\":0}");
    send_text(&f, ann, "{\"action\":\"dispatch\",\"value\":\"<h\\u0069>\",\"room\":\"den\",\"name\":\"ann\"}");
    for (size_t i = 0; i < 2; i++)
        expect(&f.peers[i],
               "{\"message\":\"<h\\u0069>\",\"user\":\"ann\",\"type\":\"client-message\",\"room\":\"den\",\"seq\":1,"
               "\"ts\":1795467901000}");
    send_text(&f, bob, "{\"action\":\"join-room\",\"value\":\"den\"}");
    expect(bob, "{\"transactWrite\":\"SUCCESS\",\"scanStatus\":\"SUCCESS\",\"type\":\"multi-message\",\"messages\":[{"
                "\"user\":\"ann\","
                "\"content\":\"<h\\u0069>\",\"time\":\"11/23/2026, 09:05:01 "
                "PM\",\"ts\":1795467901000,\"seq\":1}],\"room\":\"den\","
                "\"epoch\":\"#\",\"newest\":1,\"more\":false}");
    send_text(&f, bob, "{\"action\":\"members\"}");
    expect(bob, "{\"type\":\"members\",\"room\":\"den\",\"count\":2,\"members\":[\"ann\",\"bob\"]}");
    send_text(&f, ann, "{\"action\":\"leave-room\",\"value\":\"leave-room\",\"room\":\"den\",\"name\":\"ann\"}");
    expect_quiet(&f);
    send_text(&f, bob, "{\"action\":\"leave-room\"}");
    for (size_t i = 0; i < 2; i++)
        expect(&f.peers[i], "{\"type\":\"delete-room\",\"room\":\"den\"}");
    expect_quiet(&f);
    assert_int_equal(chatroom_room_count(f.c), 0);
    stop(&f);
}

static void chat__requests_in_one_go(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, CHATROOM_CHAT_FULL);
    struct peer *ann = connect_peer(&f);

    put(&f, ann, "{\"action\":\"register\",\"value\":\"ann\"}");
    put(&f, ann, "{\"action\":\"new-room\",\"value\":\"den\"}");
    put(&f, ann, "{\"action\":\"dispatch\",\"value\":\"1\"}");
    put(&f, ann, "{\"action\":\"leave-room\"}");
    put(&f, ann, "{\"action\":\"dispatch\",\"value\":\"2\"}");
    run(&f);
    expect(ann, "{\"type\":\"signup\",\"updateStatus\":\"SUCCESS\",\"rooms\":[],\"name\":\"ann\"}");
    expect(ann, "{\"type\":\"single-room\",\"message\":\"den\"}");
    expect(ann, "{\"transactWrite\":\"SUCCESS\",\"scan\":\"SUCCESS\",\"dispatchStatus\":\"SUCCESS\",\"room\":\"den\","
                "\"epoch\":\"#\"}");
    expect(ann, "{\"message\":\"1\",\"user\":\"ann\",\"type\":\"client-message\",\"room\":\"den\",\"seq\":1,\"ts\":"
                "1795467901000}");
    expect(ann, "{\"type\":\"delete-room\",\"room\":\"den\"}");
    expect_error(ann, "no_room");
    expect_quiet(&f);
    stop(&f);
}

/* ---- moving ---- */

static void chat__joining_moves(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, CHATROOM_CHAT_FULL);
    struct peer *ann = member(&f, "ann", "one"), *bob = member(&f, "bob", "one");

    send_text(&f, ann, "{\"action\":\"join-room\",\"value\":\"two\",\"room\":\"one\"}");
    expect(bob, "{\"type\":\"single-room\",\"message\":\"two\"}");
    expect(ann, "{\"type\":\"single-room\",\"message\":\"two\"}");
    expect(ann,
           "{\"transactWrite\":\"SUCCESS\",\"scanStatus\":\"EMPTY\",\"room\":\"two\",\"epoch\":\"#\",\"newest\":0}");
    expect_quiet(&f);
    assert_int_equal(count_room(&f, "one"), 1);
    assert_int_equal(count_room(&f, "two"), 1);
    send_text(&f, bob, "{\"action\":\"new-room\",\"value\":\"three\"}");
    expect(ann, "{\"type\":\"single-room\",\"message\":\"three\"}");
    expect(ann, "{\"type\":\"delete-room\",\"room\":\"one\"}");
    assert_false(chatroom_room_exists(f.c, chatroom_str("one")));
    forget(&f);
    send_text(&f, bob, "{\"action\":\"dispatch\",\"value\":\"x\"}");
    expect(bob, "{\"message\":\"x\",\"user\":\"bob\",\"type\":\"client-message\",\"room\":\"three\",\"seq\":1,\"ts\":"
                "1795467901000}");
    expect_quiet(&f);
    stop(&f);
}

static void chat__refused_creation_changes_nothing(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, CHATROOM_CHAT_FULL);
    struct peer *ann = member(&f, "ann", "one"), *bob = member(&f, "bob", "two");

    send_text(&f, ann, "{\"action\":\"new-room\",\"value\":\" two \"}");
    expect_error(ann, "room_exists");
    send_text(&f, bob, "{\"action\":\"new-room\",\"value\":\"two\"}");
    expect_error(bob, "room_exists");
    expect_quiet(&f);
    assert_int_equal(count_room(&f, "one"), 1);
    assert_int_equal(count_room(&f, "two"), 1);
    stop(&f);
}

/* Of several who ask in the same step, one makes the room and the others are where they were. */
static void chat__T17_creating_is_atomic(void **state)
{
    struct fixture f;
    size_t won = 0;

    (void)state;
    start(&f, CHATROOM_CHAT_FULL);
    for (size_t i = 0; i < 4; i++)
        member(&f, "racer", NULL);
    for (size_t i = 0; i < 4; i++)
        put(&f, &f.peers[i], "{\"action\":\"new-room\",\"value\":\"den\"}");
    run(&f);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(f.peers[i].out_count, 2);
        for (size_t n = 0; n < 2; n++)
            won += strncmp(f.peers[i].out[n], "{\"transactWrite\"", 16) == 0;
    }
    assert_int_equal(won, 1);
    assert_int_equal(count_room(&f, "den"), 1);
    stop(&f);
}

static void chat__disconnecting_is_leaving(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, CHATROOM_CHAT_FULL);
    struct peer *ann = member(&f, "ann", "one"), *bob = member(&f, "bob", "one"),
                *watcher = member(&f, "watcher", NULL);

    close_peer(&f, ann);
    expect_quiet(&f);
    send_text(&f, bob, "{\"action\":\"members\"}");
    expect(bob, "{\"type\":\"members\",\"room\":\"one\",\"count\":1,\"members\":[\"bob\"]}");
    close_peer(&f, bob);
    expect(watcher, "{\"type\":\"delete-room\",\"room\":\"one\"}");
    expect_quiet(&f);
    stop(&f);
}

static void chat__empty_rooms_can_be_kept(void **state)
{
    struct chatroom_chat_options options = CHATROOM_CHAT_OPTIONS;
    struct chatroom_limits limits = no_rates();
    struct fixture f;

    (void)state;
    options.keep_empty_rooms = true;
    start_with(&f, &options, &limits);
    struct peer *ann = member(&f, "ann", "one");

    send_text(&f, ann, "{\"action\":\"dispatch\",\"value\":\"kept\"}");
    forget(&f);
    send_text(&f, ann, "{\"action\":\"leave-room\"}");
    expect_quiet(&f);
    assert_int_equal(chatroom_room_count(f.c), 1);
    close_peer(&f, ann);
    struct peer *bob = member(&f, "bob", NULL);

    send_text(&f, bob, "{\"action\":\"join-room\",\"value\":\"one\"}");
    expect(
        bob,
        "{\"transactWrite\":\"SUCCESS\",\"scanStatus\":\"SUCCESS\",\"type\":\"multi-message\",\"messages\":[{\"user\":"
        "\"ann\","
        "\"content\":\"kept\",\"time\":\"11/23/2026, 09:05:01 PM\",\"ts\":1795467901000,\"seq\":1}],\"room\":\"one\","
        "\"epoch\":\"#\",\"newest\":1,\"more\":false}");
    stop(&f);
}

/* ---- history ---- */

static void say_numbers(struct fixture *f, struct peer *peer, unsigned count)
{
    for (unsigned i = 1; i <= count; i++) {
        char text[64];

        snprintf(text, sizeof text, "{\"action\":\"dispatch\",\"value\":\"%u\"}", i);
        send_text(f, peer, text);
        forget(f);
    }
}

/* The seqs of the answer to a history message with those keys: "1,2,3+", + for more. */
static void expect_seqs(struct fixture *f, struct peer *peer, const char *keys, const char *seqs)
{
    char text[128], got[128] = "";
    const char *at;

    snprintf(text, sizeof text, "{\"action\":\"history\"%s}", keys);
    send_text(f, peer, text);
    assert_int_equal(peer->out_count, 1);
    for (at = peer->out[0]; (at = strstr(at, "\"seq\":")); at += 6) {
        strcat(got, got[0] ? "," : "");
        strncat(got, at + 6, strspn(at + 6, "0123456789"));
    }
    strcat(got, strstr(peer->out[0], "\"newest\":9,\"more\":true") ? "+" : "");
    assert_non_null(strstr(peer->out[0], "\"newest\":9,\"more\":"));
    assert_string_equal(got, seqs);
    forget(f);
}

static void chat__history_pages(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, CHATROOM_CHAT_FULL);
    struct peer *ann = member(&f, "ann", "den");

    say_numbers(&f, ann, 9);
    expect_seqs(&f, ann, "", "1,2,3,4,5,6,7,8,9");
    expect_seqs(&f, ann, ",\"limit\":0", "1,2,3,4,5,6,7,8,9");
    expect_seqs(&f, ann, ",\"limit\":3", "7,8,9+");
    expect_seqs(&f, ann, ",\"before\":7,\"limit\":3", "4,5,6+");
    expect_seqs(&f, ann, ",\"before\":4,\"limit\":3", "1,2,3");
    expect_seqs(&f, ann, ",\"before\":1", "");
    expect_seqs(&f, ann, ",\"before\":7,\"after\":3,\"limit\":2", "5,6+"); /* after is not asked */
    expect_seqs(&f, ann, ",\"before\":1000,\"limit\":2", "8,9+");
    expect_seqs(&f, ann, ",\"after\":0,\"limit\":3", "1,2,3+");
    expect_seqs(&f, ann, ",\"after\":6,\"limit\":3", "7,8,9");
    expect_seqs(&f, ann, ",\"after\":9", "");
    expect_seqs(&f, ann, ",\"after\":9223372036854775807", "");
    expect_seqs(&f, ann, ",\"before\":null,\"after\":null,\"limit\":1", "9+");
    stop(&f);
}

static void chat__join_gives_the_newest_page(void **state)
{
    struct fixture f;
    struct chatroom_limits limits = no_rates();

    (void)state;
    limits.history_entries = 2;
    start_with(&f, NULL, &limits);
    struct peer *ann = member(&f, "ann", "den");

    say_numbers(&f, ann, 9);
    send_text(&f, ann, "{\"action\":\"join-room\",\"value\":\"den\"}");
    assert_int_equal(ann->out_count, 1);
    assert_non_null(strstr(ann->out[0], "\"seq\":8}"));
    assert_non_null(strstr(ann->out[0], "\"seq\":9}],\"room\":\"den\""));
    assert_non_null(strstr(ann->out[0], "\"newest\":9,\"more\":true}"));
    assert_null(strstr(ann->out[0], "\"seq\":7"));
    stop(&f);
}

/* A store may read what it has stored and not announced yet: that is heard once, as it is announced. */
static void chat__P2_a_page_ends_where_live_messages_begin(void **state)
{
    struct chatroom_limits limits = no_rates();
    struct fixture f;

    (void)state;
    limits.recent_bytes = 0; /* so that the store is asked */
    start_with(&f, NULL, &limits);
    struct peer *bob = member(&f, "bob", "den"), *ann = member(&f, "ann", NULL);

    f.store.eager = true;
    send_text(&f, bob, "{\"action\":\"dispatch\",\"value\":\"1\"}");
    forget(&f);
    send_text(&f, ann, "{\"action\":\"join-room\",\"value\":\"den\"}");
    expect_quiet(&f);
    send_text(&f, bob, "{\"action\":\"dispatch\",\"value\":\"2\"}");
    expect(ann,
           "{\"transactWrite\":\"SUCCESS\",\"scanStatus\":\"SUCCESS\",\"type\":\"multi-message\",\"messages\":[{"
           "\"user\":\"bob\","
           "\"content\":\"1\",\"time\":\"11/23/2026, 09:05:01 PM\",\"ts\":1795467901000,\"seq\":1}],\"room\":\"den\","
           "\"epoch\":\"#\",\"newest\":1,\"more\":false}");
    expect(ann, "{\"message\":\"2\",\"user\":\"bob\",\"type\":\"client-message\",\"room\":\"den\",\"seq\":2,\"ts\":"
                "1795467901000}");
    forget(&f);
    send_text(&f, ann, "{\"action\":\"history\",\"after\":1}");
    send_text(&f, bob, "{\"action\":\"dispatch\",\"value\":\"3\"}");
    expect(ann, "{\"type\":\"history\",\"room\":\"den\",\"epoch\":\"#\",\"newest\":2,\"more\":false,\"messages\":[{"
                "\"user\":\"bob\","
                "\"content\":\"2\",\"time\":\"11/23/2026, 09:05:01 PM\",\"ts\":1795467901000,\"seq\":2}]}");
    expect(ann, "{\"message\":\"3\",\"user\":\"bob\",\"type\":\"client-message\",\"room\":\"den\",\"seq\":3,\"ts\":"
                "1795467901000}");
    forget(&f);
    f.store.eager = false;
    stop(&f);
}

static void chat__many_members_are_counted_and_some_named(void **state)
{
    struct fixture f;
    size_t names = 0;

    (void)state;
    start(&f, CHATROOM_CHAT_FULL);
    for (size_t i = 0; i < 203; i++)
        member(&f, "m", "den");
    send_text(&f, &f.peers[0], "{\"action\":\"members\"}");
    assert_int_equal(f.peers[0].out_count, 1);
    assert_non_null(strstr(f.peers[0].out[0], "\"count\":203,\"members\":[\"m\","));
    for (const char *at = f.peers[0].out[0]; (at = strstr(at, "\"m\"")); at += 3)
        names++;
    assert_int_equal(names, 200);
    stop(&f);
}

static void chat__a_repeated_id_is_heard_once(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, CHATROOM_CHAT_FULL);
    struct peer *ann = member(&f, "ann", "den"), *bob = member(&f, "bob", "den");

    for (size_t i = 0; i < 3; i++)
        send_text(&f, ann, "{\"action\":\"dispatch\",\"value\":\"a\",\"id\":\"1\"}");
    send_text(&f, bob, "{\"action\":\"dispatch\",\"value\":\"b\",\"id\":\"1\"}");
    for (size_t i = 0; i < 2; i++) {
        expect(&f.peers[i],
               "{\"message\":\"a\",\"user\":\"ann\",\"type\":\"client-message\",\"room\":\"den\",\"seq\":1,"
               "\"ts\":1795467901000,\"id\":\"1\"}");
        expect(&f.peers[i],
               "{\"message\":\"b\",\"user\":\"bob\",\"type\":\"client-message\",\"room\":\"den\",\"seq\":2,"
               "\"ts\":1795467901000,\"id\":\"1\"}");
    }
    expect_quiet(&f);
    stop(&f);
}

/* ---- what is refused ---- */

static void refused(struct fixture *f, struct peer *peer, const char *text, const char *code)
{
    send_text(f, peer, text);
    expect_error(peer, code);
    expect_quiet(f);
}

static void chat__messages_that_select_no_route(void **state)
{
    static const struct {
        const char *text, *code;
    } cases[] = {
        {"", "bad_json"},
        {"x", "bad_json"},
        {"[]", "bad_json"},
        {"{\"action\":\"members\"", "bad_json"},
        {"{\"action\":\"members\"} ", "no_room"},
        {"{}", "no_action"},
        {"{\"action\":null}", "no_action"},
        {"{\"action\":\"\"}", "no_action"},
        {"{\"action\":1}", "wrong_type"},
        {"{\"action\":\"x\"}", "unknown_action"},
        {"{\"action\":\"Dispatch\"}", "unknown_action"},
        {"{\"action\":\"dispatch\\u0000\"}", "unknown_action"},
        {"{\"action\":\"$connect\"}", "unknown_action"},
        {"{\"action\":\"$disconnect\"}", "unknown_action"},
        {"{\"action\":\"$default\"}", "unknown_action"},
        {"{\"action\":\"members\",\"action\":\"members\"}", "ambiguous"},
        {"{\"action\":\"members\",\"\\u0061ction\":\"members\"}", "ambiguous"},
    };
    struct fixture f;

    (void)state;
    start(&f, CHATROOM_CHAT_FULL);
    struct peer *ann = member(&f, "ann", NULL);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refused(&f, ann, cases[i].text, cases[i].code);
    stop(&f);
}

/* Every type of JSON in every key that a route reads: only what it asks for is taken, and nothing else happens. */
static void chat__T14_types(void **state)
{
    static const char *const wrong[] = {"true", "false", "0", "-1", "1.5", "[]", "{}", "[\"a\"]", "{\"a\":\"b\"}"};
    static const struct {
        const char *action, *keys; /* first letters of the keys: value, name, room, id */
    } routes[] = {{"register", "vn"},   {"new-room", "vn"}, {"join-room", "vn"}, {"dispatch", "vnri"},
                  {"leave-room", "nr"}, {"history", "nr"},  {"members", "nr"}};
    static const char *const counts[] = {"true",
                                         "\"1\"",
                                         "\"\"",
                                         "-1",
                                         "-0",
                                         "1.5",
                                         "1.0",
                                         "1e2",
                                         "[]",
                                         "{}",
                                         "9223372036854775808",
                                         "99999999999999999999999"};
    static const char *const count_keys[] = {"before", "after", "limit"};
    char text[256];
    struct fixture f;

    (void)state;
    start(&f, CHATROOM_CHAT_FULL);
    struct peer *ann = member(&f, "ann", "den");

    member(&f, "bob", "den");
    for (size_t r = 0; r < sizeof routes / sizeof *routes; r++)
        for (const char *key = routes[r].keys; *key; key++)
            for (size_t t = 0; t < sizeof wrong / sizeof *wrong; t++) {
                const char *name = *key == 'v' ? "value" : *key == 'n' ? "name" : *key == 'r' ? "room" : "id";

                snprintf(text, sizeof text, "{\"action\":\"%s\",\"%s\":%s%s}", routes[r].action, name, wrong[t],
                         *key == 'v' ? "" : ",\"value\":\"x\"");
                refused(&f, ann, text, "wrong_type");
            }
    for (size_t k = 0; k < 3; k++)
        for (size_t t = 0; t < sizeof counts / sizeof *counts; t++) {
            snprintf(text, sizeof text, "{\"action\":\"history\",\"%s\":%s}", count_keys[k], counts[t]);
            refused(&f, ann, text, "wrong_type");
        }
    assert_int_equal(chatroom_room_count(f.c), 1);
    stop(&f);
}

static void chat__T14_missing_is_not_empty(void **state)
{
    static const char *const actions[] = {"register", "new-room", "join-room", "dispatch"};
    static const char *const values[] = {"", ",\"value\":null", ",\"value\":\"\""};
    struct fixture f;
    char text[128];

    (void)state;
    start(&f, CHATROOM_CHAT_FULL);
    struct peer *ann = member(&f, "ann", "den");

    for (size_t a = 0; a < 4; a++)
        for (size_t v = 0; v < 3; v++) {
            snprintf(text, sizeof text, "{\"action\":\"%s\"%s}", actions[a], values[v]);
            refused(&f, ann, text, "no_value");
        }
    send_text(&f, ann, "{\"action\":\"dispatch\",\"value\":\" \"}");
    expect(ann, "{\"message\":\" "
                "\",\"user\":\"ann\",\"type\":\"client-message\",\"room\":\"den\",\"seq\":1,\"ts\":1795467901000}");
    stop(&f);
}

static void chat__keys_that_stand_twice(void **state)
{
    static const char *const texts[] = {
        "{\"action\":\"dispatch\",\"value\":\"x\",\"value\":\"x\"}",
        "{\"action\":\"dispatch\",\"value\":\"x\",\"name\":\"ann\",\"name\":\"ann\"}",
        "{\"action\":\"dispatch\",\"value\":\"x\",\"room\":null,\"room\":\"den\"}",
        "{\"action\":\"dispatch\",\"value\":\"x\",\"id\":\"1\",\"i\\u0064\":\"2\"}",
        "{\"action\":\"history\",\"after\":1,\"after\":2}",
        "{\"action\":\"register\",\"value\":\"x\",\"value\":\"y\"}",
    };
    struct fixture f;

    (void)state;
    start(&f, CHATROOM_CHAT_FULL);
    struct peer *ann = member(&f, "ann", "den");

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        refused(&f, ann, texts[i], "ambiguous");
    stop(&f);
}

/* Who one is and where comes from the server: every route, with a name and a room of another. */
static void chat__T16_nobody_speaks_as_another(void **state)
{
    static const char *const actions[] = {"new-room", "join-room", "dispatch", "leave-room", "history", "members"};
    static const char *const names[] = {"bob", "Ann", "ann2", "no-rooms", "a\\u200bnn", "\\u0000"};
    static const char *const rooms[] = {"two", "one2", "One", "o\\u200bne"};
    struct fixture f;
    char text[256];

    (void)state;
    start(&f, CHATROOM_CHAT_FULL);
    struct peer *ann = member(&f, "ann", "one");

    member(&f, "bob", "one");
    member(&f, "cid", "two");
    for (size_t a = 0; a < 6; a++)
        for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
            snprintf(text, sizeof text, "{\"action\":\"%s\",\"value\":\"x\",\"name\":\"%s\"}", actions[a], names[n]);
            refused(&f, ann, text, "wrong_name");
        }
    for (size_t a = 2; a < 6; a++)
        for (size_t n = 0; n < sizeof rooms / sizeof *rooms; n++) {
            snprintf(text, sizeof text, "{\"action\":\"%s\",\"value\":\"x\",\"room\":\"%s\"}", actions[a], rooms[n]);
            refused(&f, ann, text, "wrong_room");
        }
    send_text(&f, ann, "{\"action\":\"dispatch\",\"value\":\"x\",\"name\":\"  ann \",\"room\":\" one\"}");
    expect(ann, "{\"message\":\"x\",\"user\":\"ann\",\"type\":\"client-message\",\"room\":\"one\",\"seq\":1,\"ts\":"
                "1795467901000}");
    stop(&f);
}

/* A client that comes back sends the name that it remembers with its registration. */
static void chat__T16_register_with_a_name(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, CHATROOM_CHAT_FULL);
    struct peer *ann = connect_peer(&f);

    refused(&f, ann, "{\"action\":\"register\",\"value\":\"ann\",\"name\":\"bob\"}", "wrong_name");
    send_text(&f, ann, "{\"action\":\"register\",\"value\":\"ann\",\"name\":\"ann\"}");
    expect(ann, "{\"type\":\"signup\",\"updateStatus\":\"SUCCESS\",\"rooms\":[],\"name\":\"ann\"}");
    send_text(&f, ann, "{\"action\":\"register\",\"value\":\"eve\",\"name\":\"ann\"}");
    expect(ann, "{\"type\":\"signup\",\"updateStatus\":\"SUCCESS\",\"rooms\":[],\"name\":\"eve\"}");
    refused(&f, ann, "{\"action\":\"new-room\",\"value\":\"x\",\"name\":\"ann\"}", "wrong_name");
    stop(&f);
}

/* Every action of somebody unregistered, of somebody without a room, and of a member. */
static void chat__T17_actions_by_standing(void **state)
{
    static const struct {
        const char *action, *stranger, *roomless; /* codes; NULL: it works */
    } rows[] = {
        {"dispatch", "not_registered", "no_room"}, {"history", "no_room", "no_room"},
        {"members", "no_room", "no_room"},         {"leave-room", "no_room", "no_room"},
        {"new-room", "not_registered", NULL},      {"join-room", "not_registered", NULL},
    };
    struct fixture f;
    char text[128];

    (void)state;
    start(&f, CHATROOM_CHAT_FULL);
    struct peer *stranger = connect_peer(&f), *ann = member(&f, "ann", NULL), *bob = member(&f, "bob", "den");

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(text, sizeof text, "{\"action\":\"%s\",\"value\":\"x%zu\"}", rows[i].action, i);
        refused(&f, stranger, text, rows[i].stranger);
        if (rows[i].roomless) {
            refused(&f, ann, text, rows[i].roomless);
            snprintf(text, sizeof text, "{\"action\":\"%s\",\"value\":\"x\",\"room\":\"den\"}", rows[i].action);
            refused(&f, ann, text, rows[i].roomless);
        }
    }
    send_text(&f, bob, "{\"action\":\"history\"}");
    expect(bob, "{\"type\":\"history\",\"room\":\"den\",\"epoch\":\"#\",\"newest\":0,\"more\":false,\"messages\":[]}");
    send_text(&f, ann, "{\"action\":\"new-room\",\"value\":\"x\"}");
    assert_int_equal(count_room(&f, "x"), 1);
    stop(&f);
}

/* ---- every action, from every standing, with every room named ---- */

enum standing { UNREGISTERED, ROOMLESS, MEMBER, MEMBER_ELSEWHERE, LEFT, STANDINGS };

static const char *const rooms_named[] = {"", ",\"room\":null", ",\"room\":\"\"", ",\"room\":\"den\"",
                                          ",\"room\":\"other\""};
static const char *const within_a_room[] = {"dispatch", "history", "members", "leave-room"};
static const char *const into_a_room[] = {"new-room", "join-room"};

static struct peer *peer_of(struct fixture *f, enum standing standing)
{
    struct peer *peer;

    if (standing == UNREGISTERED)
        return connect_peer(f);
    peer = member(f, "eve", standing == ROOMLESS ? NULL : standing == MEMBER_ELSEWHERE ? "other" : "den");
    if (standing == LEFT)
        send_text(f, peer, "{\"action\":\"leave-room\"}");
    forget(f);
    return peer;
}

/* The code with which it is refused; NULL: it works. */
static const char *code_of(const char *action, enum standing standing, const char *room)
{
    bool other = strstr(room, standing == MEMBER ? "other" : "den") != NULL;

    if (standing == UNREGISTERED)
        return strcmp(action, "dispatch") == 0 ? "not_registered" : "no_room";
    if (standing == ROOMLESS || standing == LEFT)
        return "no_room";
    return other ? "wrong_room" : NULL;
}

static void assert_done(struct fixture *f, struct peer *peer, const char *text)
{
    send_text(f, peer, text);
    if (peer->out_count == 0 && !strstr(text, "leave-room"))
        fail_msg("%s: nothing came", text);
    for (size_t i = 0; i < peer->out_count; i++)
        if (strstr(peer->out[i], "\"type\":\"error\""))
            fail_msg("%s: %s", text, peer->out[i]);
    forget(f);
}

/* Nobody of the others hears of what is refused, and nothing is stored of it. */
static void try_action(struct fixture *f, enum standing standing, const char *action, const char *room)
{
    struct peer *peer = peer_of(f, standing);
    const char *code = code_of(action, standing, room);
    char text[128];

    snprintf(text, sizeof text, "{\"action\":\"%s\",\"value\":\"x\"%s}", action, room);
    if (code)
        refused(f, peer, text, code);
    else
        assert_done(f, peer, text);
    expect_quiet(f);
    close_peer(f, peer);
    forget(f);
    assert_int_equal(count_room(f, "den"), 1);
    assert_int_equal(count_room(f, "other"), 1);
}

static void try_entry(struct fixture *f, enum standing standing, const char *action, const char *room)
{
    struct peer *peer = peer_of(f, standing);
    char text[128];

    snprintf(text, sizeof text, "{\"action\":\"%s\",\"value\":\"new\"%s}", action, room);
    if (standing == UNREGISTERED)
        refused(f, peer, text, "not_registered");
    else
        assert_done(f, peer, text);
    assert_int_equal(count_room(f, "new"), standing == UNREGISTERED ? 0 : 1);
    assert_int_equal(count_room(f, "den"), 1);
    assert_int_equal(count_room(f, "other"), 1);
    close_peer(f, peer);
    forget(f);
}

static void chat__T17_every_action_from_every_standing_with_every_room(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, CHATROOM_CHAT_FULL);
    struct peer *ann = member(&f, "ann", "den");

    member(&f, "bob", "other");
    for (enum standing s = 0; s < STANDINGS; s++)
        for (size_t r = 0; r < sizeof rooms_named / sizeof *rooms_named; r++) {
            for (size_t a = 0; a < 4; a++)
                try_action(&f, s, within_a_room[a], rooms_named[r]);
            for (size_t a = 0; a < 2; a++)
                try_entry(&f, s, into_a_room[a], rooms_named[r]);
        }
    /* Of den, only its members have said something: once for each way to name it or not. */
    send_text(&f, ann, "{\"action\":\"dispatch\",\"value\":\"last\"}");
    assert_non_null(strstr(ann->out[0], "\"seq\":5,"));
    stop(&f);
}

static void chat__T20_names(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, CHATROOM_CHAT_FULL);
    struct peer *ann = member(&f, "ann", NULL);

    refused(&f, ann, "{\"action\":\"register\",\"value\":\"a\\u202eb\"}", "bad_name");
    refused(&f, ann, "{\"action\":\"register\",\"value\":\"  \"}", "bad_name");
    refused(&f, ann, "{\"action\":\"register\",\"value\":\"no-rooms\"}", "bad_name");
    refused(&f, ann, "{\"action\":\"register\",\"value\":\" no-rooms\"}", "bad_name");
    refused(&f, ann, "{\"action\":\"register\",\"value\":\"123456789012345678901234567890123\"}", "bad_name");
    refused(&f, ann, "{\"action\":\"new-room\",\"value\":\"\\u0000\"}", "bad_room");
    refused(&f, ann, "{\"action\":\"join-room\",\"value\":\"a\\nb\"}", "bad_room");
    stop(&f);
}

static void chat__ids_are_short(void **state)
{
    struct fixture f;
    char id[65], text[512];

    (void)state;
    start(&f, CHATROOM_CHAT_FULL);
    struct peer *ann = member(&f, "ann", "den");

    memset(id, 'i', 64);
    id[64] = '\0';
    snprintf(text, sizeof text, "{\"action\":\"dispatch\",\"value\":\"x\",\"id\":\"%si\"}", id);
    refused(&f, ann, text, "wrong_type");
    snprintf(text, sizeof text, "{\"action\":\"dispatch\",\"value\":\"x\",\"id\":\"%s%s%s%s\"}", id, id, id, id);
    refused(&f, ann, text, "wrong_type");
    snprintf(text, sizeof text, "{\"action\":\"dispatch\",\"value\":\"x\",\"id\":\"%s\"}", id);
    send_text(&f, ann, text);
    assert_int_equal(ann->out_count, 1);
    assert_non_null(strstr(ann->out[0], id));
    stop(&f);
}

static void chat__limits_have_codes_of_their_own(void **state)
{
    struct chatroom_chat_options options = CHATROOM_CHAT_OPTIONS;
    struct chatroom_limits limits = no_rates();
    struct fixture f;

    (void)state;
    limits.rooms = 2;
    limits.room_members = 2;
    options.rate_limits = false;
    start_with(&f, &options, &limits);
    member(&f, "ann", "one");
    member(&f, "bob", "one");
    member(&f, "cid", "two");
    struct peer *dan = member(&f, "dan", NULL);

    refused(&f, dan, "{\"action\":\"join-room\",\"value\":\"one\"}", "room_full");
    refused(&f, dan, "{\"action\":\"join-room\",\"value\":\"three\"}", "too_many_rooms");
    refused(&f, dan, "{\"action\":\"new-room\",\"value\":\"three\"}", "too_many_rooms");
    refused(&f, dan, "{\"action\":\"new-room\",\"value\":\"one\"}", "room_exists");
    assert_int_equal(chatroom_room_count(f.c), 2);
    stop(&f);
}

static void chat__creating_is_limited_by_default(void **state)
{
    struct chatroom_limits limits = no_rates();
    struct fixture f;
    char text[128];

    (void)state;
    start_with(&f, NULL, &limits);
    struct peer *ann = member(&f, "ann", NULL);

    for (unsigned i = 0; i < 6; i++) {
        snprintf(text, sizeof text, "{\"action\":\"new-room\",\"value\":\"%u\"}", i);
        send_text(&f, ann, text);
        if (i < 5)
            forget(&f);
    }
    expect_error(ann, "rate_limited");
    f.now.mono_ns += UINT64_C(5000000000);
    send_text(&f, ann, text);
    expect(ann, "{\"type\":\"single-room\",\"message\":\"5\"}");
    stop(&f);
}

/* ---- the hall ---- */

static void chat__the_hall_is_closed_in_odd_mode(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, CHATROOM_CHAT_FULL);
    struct peer *stranger = connect_peer(&f), *ann = member(&f, "ann", "den");

    refused(&f, stranger, "{\"action\":\"dispatch\",\"value\":\"x\",\"name\":\"no-rooms\"}", "not_registered");
    refused(&f, ann, "{\"action\":\"dispatch\",\"value\":\"x\",\"name\":\"no-rooms\"}", "wrong_name");
    stop(&f);
}

static void chat__simple_mode(void **state)
{
    static const char *const others[] = {"register", "new-room", "join-room", "leave-room", "history", "members"};
    struct fixture f;
    char text[128];

    (void)state;
    start(&f, CHATROOM_CHAT_SIMPLE);
    struct peer *one = connect_peer(&f);

    connect_peer(&f);
    send_text(&f, one, "{\"action\":\"dispatch\",\"value\":\"h\\u0069\",\"room\":null,\"name\":\"no-rooms\"}");
    for (size_t i = 0; i < 2; i++)
        expect(&f.peers[i], "{\"message\":\"h\\u0069\",\"user\":\"no-rooms\",\"type\":\"client-message\"}");
    send_text(&f, one, "{\"action\":\"dispatch\",\"value\":\"x\"}");
    for (size_t i = 0; i < 2; i++)
        expect(&f.peers[i], "{\"message\":\"x\",\"user\":\"no-rooms\",\"type\":\"client-message\"}");
    refused(&f, one, "{\"action\":\"dispatch\",\"value\":\"x\",\"name\":\"ann\"}", "wrong_name");
    refused(&f, one, "{\"action\":\"dispatch\",\"name\":\"no-rooms\"}", "no_value");
    refused(&f, one, "{\"action\":\"dispatch\",\"name\":\"no-rooms\",\"value\":1}", "wrong_type");
    refused(&f, one, "{\"action\":\"dispatch\",\"name\":\"no-rooms\",\"value\":\"x\",\"room\":1}", "wrong_type");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        snprintf(text, sizeof text, "{\"action\":\"%s\",\"value\":\"x\"}", others[i]);
        refused(&f, one, text, "unknown_action");
    }
    stop(&f);
}

static void chat__both_modes_at_once(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, CHATROOM_CHAT_BOTH);
    struct peer *stranger = connect_peer(&f), *ann = member(&f, "ann", "den");

    send_text(&f, stranger, "{\"action\":\"dispatch\",\"value\":\"all\",\"room\":null,\"name\":\"no-rooms\"}");
    for (size_t i = 0; i < 2; i++)
        expect(&f.peers[i], "{\"message\":\"all\",\"user\":\"no-rooms\",\"type\":\"client-message\"}");
    send_text(&f, ann, "{\"action\":\"dispatch\",\"value\":\"ours\"}");
    expect(ann, "{\"message\":\"ours\",\"user\":\"ann\",\"type\":\"client-message\",\"room\":\"den\",\"seq\":1,\"ts\":"
                "1795467901000}");
    refused(&f, stranger, "{\"action\":\"dispatch\",\"value\":\"x\"}", "not_registered");
    refused(&f, stranger, "{\"action\":\"register\",\"value\":\"no-rooms\"}", "bad_name");
    stop(&f);
}

/* ---- T38 ---- */

/* Somebody of whom the server knows much. */
static struct peer *planted_peer(struct fixture *f)
{
    static const struct chatroom_header headers[] = {{{"Authorization", 13}, {"Bearer planted-bearer", 21}},
                                                     {{"Cookie", 6}, {"sid=planted-cookie", 18}},
                                                     {{"X-Api-Key", 9}, {"planted-api-key", 15}},
                                                     {{"User-Agent", 10}, {"planted-agent", 13}},
                                                     {{"Origin", 6}, {"https://planted.example", 23}},
                                                     {{"X-Forwarded-For", 15}, {"203.0.113.99", 12}}};
    static const struct wire_head head = {headers, 6, "203.0.113.77"};
    struct peer *peer = &f->peers[f->count++];

    peer->client = wire_connect_as(f->wire, "/?token=planted-query", &head);
    run(f);
    assert_int_equal(wire_status(f->wire, peer->client), 101);
    return peer;
}

/* All that the chat tells two people, from the first message to the last, each text whole: a key more would be seen. */
static const char *const told_to_ann[] = {
    "{\"type\":\"signup\",\"updateStatus\":\"SUCCESS\",\"rooms\":[],\"name\":\"ann\"}",
    "{\"type\":\"single-room\",\"message\":\"den\"}",
    "{\"transactWrite\":\"SUCCESS\",\"scan\":\"SUCCESS\",\"dispatchStatus\":\"SUCCESS\",\"room\":\"den\",\"epoch\":\"#"
    "\"}",
    "{\"message\":\"x\",\"user\":\"ann\",\"type\":\"client-message\",\"room\":\"den\",\"seq\":1,\"ts\":1795467901000,"
    "\"id\":\"1\"}",
    "{\"message\":\"x\",\"user\":\"no-rooms\",\"type\":\"client-message\"}",
    "{\"type\":\"delete-room\",\"room\":\"den\"}",
};

static const char *const told_to_bob[] = {
    "{\"type\":\"signup\",\"updateStatus\":\"SUCCESS\",\"rooms\":[],\"name\":\"bob\"}",
    "{\"type\":\"single-room\",\"message\":\"den\"}",
    "{\"transactWrite\":\"SUCCESS\",\"scanStatus\":\"EMPTY\",\"room\":\"den\",\"epoch\":\"#\",\"newest\":0}",
    "{\"message\":\"x\",\"user\":\"ann\",\"type\":\"client-message\",\"room\":\"den\",\"seq\":1,\"ts\":1795467901000,"
    "\"id\":\"1\"}",
    "{\"message\":\"x\",\"user\":\"no-rooms\",\"type\":\"client-message\"}",
    "{\"type\":\"members\",\"room\":\"den\",\"count\":2,\"members\":[\"ann\",\"bob\"]}",
    "{\"type\":\"history\",\"room\":\"den\",\"epoch\":\"#\",\"newest\":1,\"more\":false,\"messages\":[{\"user\":"
    "\"ann\",\"content\":\"x\",\"time\":\"11/23/2026, 09:05:01 PM\",\"ts\":1795467901000,\"seq\":1,\"id\":\"1\"}]}",
    "{\"transactWrite\":\"SUCCESS\",\"scanStatus\":\"SUCCESS\",\"type\":\"multi-message\",\"messages\":[{\"user\":"
    "\"ann\",\"content\":\"x\",\"time\":\"11/23/2026, 09:05:01 "
    "PM\",\"ts\":1795467901000,\"seq\":1,\"id\":\"1\"}],\"room\":\"den\",\"epoch\":\"#\",\"newest\":1,\"more\":false}",
    "{\"type\":\"error\",\"code\":\"unknown_action\",\"message\":\"This server does not have that "
    "action.\",\"requestId\":\"@\"}",
    "{\"type\":\"delete-room\",\"room\":\"den\"}",
};

/* What the server knows of a connection is told to nobody. */
static void chat__T38_broadcasts_hold_what_they_should_and_nothing_of_a_connection(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, CHATROOM_CHAT_BOTH);
    struct peer *ann = planted_peer(&f), *bob = planted_peer(&f);
    static const char *const planted[] = {"planted", "203.0.113"};
    char ids[2][17] = {"", ""};

    memcpy(ids[0], wire_id(f.wire, ann->client).bytes, 16);
    memcpy(ids[1], wire_id(f.wire, bob->client).bytes, 16);
    send_text(&f, ann, "{\"action\":\"register\",\"value\":\"ann\"}");
    send_text(&f, bob, "{\"action\":\"register\",\"value\":\"bob\"}");
    send_text(&f, ann, "{\"action\":\"new-room\",\"value\":\"den\"}");
    send_text(&f, bob, "{\"action\":\"join-room\",\"value\":\"den\"}");
    send_text(&f, ann, "{\"action\":\"dispatch\",\"value\":\"x\",\"id\":\"1\"}");
    send_text(&f, ann, "{\"action\":\"dispatch\",\"value\":\"x\",\"name\":\"no-rooms\"}");
    send_text(&f, bob, "{\"action\":\"members\"}");
    send_text(&f, bob, "{\"action\":\"history\"}");
    send_text(&f, bob, "{\"action\":\"join-room\",\"value\":\"den\"}");
    send_text(&f, bob, "{\"action\":\"x\"}");
    send_text(&f, bob, "{\"action\":\"leave-room\"}");
    send_text(&f, ann, "{\"action\":\"leave-room\"}");
    for (size_t i = 0; i < 2; i++)
        for (size_t n = 0; n < f.peers[i].out_count; n++) {
            for (size_t p = 0; p < sizeof planted / sizeof *planted; p++)
                assert_null(strstr(f.peers[i].out[n], planted[p]));
            assert_null(strstr(f.peers[i].out[n], ids[0]));
            assert_null(strstr(f.peers[i].out[n], ids[1]));
        }
    for (size_t n = 0; n < sizeof told_to_ann / sizeof *told_to_ann; n++)
        expect(ann, told_to_ann[n]);
    for (size_t n = 0; n < sizeof told_to_bob / sizeof *told_to_bob; n++)
        expect(bob, told_to_bob[n]);
    expect_quiet(&f);
    stop(&f);
}

/* ---- faults ---- */

/* A stop is nobody's leaving: nothing is deleted, nobody is told so. */
static void chat__stopping_deletes_no_room(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, CHATROOM_CHAT_FULL);
    member(&f, "ann", "den");
    member(&f, "bob", "den");
    chatroom_stop(f.c);
    run(&f);
    assert_true(chatroom_stopped(f.c));
    assert_int_equal(chatroom_connection_count(f.c), 0);
    assert_true(chatroom_room_exists(f.c, chatroom_str("den")));
    assert_int_equal(count_room(&f, "den"), 0);
    expect_quiet(&f);
    stop(&f);
}

/* A store that is full: the author is told, nobody else, and all is as it was. */
static void chat__F05_a_odd_store_changes_nothing(void **state)
{
    static const char *const texts[] = {
        "{\"action\":\"register\",\"value\":\"eve\"}",    "{\"action\":\"new-room\",\"value\":\"two\"}",
        "{\"action\":\"join-room\",\"value\":\"three\"}", "{\"action\":\"join-room\",\"value\":\"other\"}",
        "{\"action\":\"dispatch\",\"value\":\"x\"}",      "{\"action\":\"leave-room\"}",
    };
    struct fixture f;

    (void)state;
    start(&f, CHATROOM_CHAT_FULL);
    struct peer *ann = member(&f, "ann", "den");

    member(&f, "bob", "other");
    f.store.failure = CHATROOM_ENOSPC;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        refused(&f, ann, texts[i], "storage_full");
    assert_int_equal(chatroom_room_count(f.c), 2);
    assert_int_equal(count_room(&f, "den"), 1);
    assert_int_equal(count_room(&f, "other"), 1);
    send_text(&f, ann, "{\"action\":\"members\"}");
    expect(ann, "{\"type\":\"members\",\"room\":\"den\",\"count\":1,\"members\":[\"ann\"]}");
    f.store.failure = CHATROOM_OK;
    send_text(&f, ann, "{\"action\":\"dispatch\",\"value\":\"x\",\"name\":\"ann\",\"room\":\"den\"}");
    expect(ann, "{\"message\":\"x\",\"user\":\"ann\",\"type\":\"client-message\",\"room\":\"den\",\"seq\":1,\"ts\":"
                "1795467901000}");
    expect_quiet(&f);
    stop(&f);
}

static void pass_seconds(struct fixture *f, unsigned seconds)
{
    f->now.mono_ns += seconds * UINT64_C(1000000000);
    run(f);
}

static void chat__F05_room_that_could_not_be_deleted_goes_when_the_store_takes_writes_again(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, CHATROOM_CHAT_FULL);
    struct peer *ann = member(&f, "ann", "den"), *bob = member(&f, "bob", "den"), *eve = member(&f, "eve", NULL);

    f.store.failure = CHATROOM_ENOSPC;
    close_peer(&f, ann);
    close_peer(&f, bob);
    for (int i = 0; i < 3; i++)
        pass_seconds(&f, 1);
    assert_true(chatroom_room_exists(f.c, chatroom_str("den")));
    assert_true(chatroom_deadline(f.c) <= f.now.mono_ns + 1000000000);
    assert_true(chatroom_deadline(f.c) > f.now.mono_ns); /* it does not spin */
    expect_quiet(&f);
    f.store.failure = CHATROOM_OK;
    pass_seconds(&f, 1);
    expect(eve, "{\"type\":\"delete-room\",\"room\":\"den\"}");
    assert_false(chatroom_room_exists(f.c, chatroom_str("den")));
    assert_true(chatroom_deadline(f.c) == CHATROOM_NEVER);
    expect_quiet(&f);
    stop(&f);
}

static void chat__F05_room_that_could_not_be_deleted_stays_if_somebody_came_meanwhile(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, CHATROOM_CHAT_FULL);
    struct peer *ann = member(&f, "ann", "den"), *eve = member(&f, "eve", NULL);

    f.store.failure = CHATROOM_ENOSPC;
    close_peer(&f, ann);
    f.store.failure = CHATROOM_OK;
    send_text(&f, eve, "{\"action\":\"join-room\",\"value\":\"den\"}");
    forget(&f);
    pass_seconds(&f, 1);
    assert_true(chatroom_room_exists(f.c, chatroom_str("den")));
    assert_int_equal(count_room(&f, "den"), 1);
    expect_quiet(&f);
    stop(&f);
}

/* Nobody waits for space any more. */
static void chat__F05_a_full_store_does_not_keep_a_server_from_stopping(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, CHATROOM_CHAT_FULL);
    struct peer *ann = member(&f, "ann", "den");

    member(&f, "bob", "den");
    f.store.failure = CHATROOM_ENOSPC;
    close_peer(&f, ann);
    chatroom_stop(f.c);
    assert_true(chatroom_deadline(f.c) <= f.now.mono_ns);
    run(&f);
    assert_true(chatroom_stopped(f.c));
    stop(&f);
}

/* Memory runs out at each place in turn: the request has no effect or all of it, and the next one works. */
static void chat__F20_any_allocation_fails(void **state)
{
    static const char *const texts[] = {
        "{\"action\":\"register\",\"value\":\"e\\u0076e\"}",
        "{\"action\":\"new-room\",\"value\":\"two\"}",
        "{\"action\":\"join-room\",\"value\":\"three\"}",
        "{\"action\":\"join-room\",\"value\":\"den\"}",
        "{\"action\":\"dispatch\",\"value\":\"x\",\"id\":\"1\"}",
        "{\"action\":\"history\"}",
        "{\"action\":\"members\"}",
        "{\"action\":\"leave-room\"}",
    };
    bool failed = true;
    long n = 1;

    (void)state;
    for (; failed && n < 10000; n++) {
        struct fixture f;

        failed = false;
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
            start(&f, CHATROOM_CHAT_FULL);
            struct peer *bob = member(&f, "bob", "den"), *ann = member(&f, "ann", "one");

            send_text(&f, bob, "{\"action\":\"dispatch\",\"value\":\"before\"}");
            forget(&f);
            put(&f, ann, texts[i]);
            fails_in = n;
            run(&f);
            failed |= fails_in == 1;
            fails_in = 0;
            forget(&f);
            if (wire_close_code(f.wire, bob->client) == 0) {
                send_text(&f, bob, "{\"action\":\"dispatch\",\"value\":\"after\"}");
                assert_true(bob->out_count >= 1);
            }
            stop(&f);
        }
    }
    assert_true(n > 10 && n < 10000);
}

/* ---- options ---- */

static void chat__options_are_checked(void **state)
{
    struct chatroom_chat_options options = CHATROOM_CHAT_OPTIONS;
    struct fixture f;

    (void)state;
    start(&f, CHATROOM_CHAT_FULL);
    options.mode = (enum chatroom_chat_mode)0;
    assert_int_equal(chatroom_chat(f.c, &options), CHATROOM_EINVAL);
    options.mode = (enum chatroom_chat_mode)4;
    assert_int_equal(chatroom_chat(f.c, &options), CHATROOM_EINVAL);
    options.mode = CHATROOM_CHAT_FULL;
    options.size = 0;
    assert_int_equal(chatroom_chat(f.c, &options), CHATROOM_EINVAL);
    assert_int_equal(chatroom_chat(NULL, NULL), CHATROOM_EINVAL);
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chat__flow),
        cmocka_unit_test(chat__requests_in_one_go),
        cmocka_unit_test(chat__joining_moves),
        cmocka_unit_test(chat__refused_creation_changes_nothing),
        cmocka_unit_test(chat__T17_creating_is_atomic),
        cmocka_unit_test(chat__disconnecting_is_leaving),
        cmocka_unit_test(chat__empty_rooms_can_be_kept),
        cmocka_unit_test(chat__history_pages),
        cmocka_unit_test(chat__join_gives_the_newest_page),
        cmocka_unit_test(chat__P2_a_page_ends_where_live_messages_begin),
        cmocka_unit_test(chat__many_members_are_counted_and_some_named),
        cmocka_unit_test(chat__a_repeated_id_is_heard_once),
        cmocka_unit_test(chat__messages_that_select_no_route),
        cmocka_unit_test(chat__T14_types),
        cmocka_unit_test(chat__T14_missing_is_not_empty),
        cmocka_unit_test(chat__keys_that_stand_twice),
        cmocka_unit_test(chat__T16_nobody_speaks_as_another),
        cmocka_unit_test(chat__T16_register_with_a_name),
        cmocka_unit_test(chat__T17_actions_by_standing),
        cmocka_unit_test(chat__T17_every_action_from_every_standing_with_every_room),
        cmocka_unit_test(chat__T20_names),
        cmocka_unit_test(chat__ids_are_short),
        cmocka_unit_test(chat__limits_have_codes_of_their_own),
        cmocka_unit_test(chat__creating_is_limited_by_default),
        cmocka_unit_test(chat__the_hall_is_closed_in_odd_mode),
        cmocka_unit_test(chat__simple_mode),
        cmocka_unit_test(chat__both_modes_at_once),
        cmocka_unit_test(chat__T38_broadcasts_hold_what_they_should_and_nothing_of_a_connection),
        cmocka_unit_test(chat__stopping_deletes_no_room),
        cmocka_unit_test(chat__F05_a_odd_store_changes_nothing),
        cmocka_unit_test(chat__F05_room_that_could_not_be_deleted_goes_when_the_store_takes_writes_again),
        cmocka_unit_test(chat__F05_room_that_could_not_be_deleted_stays_if_somebody_came_meanwhile),
        cmocka_unit_test(chat__F05_a_full_store_does_not_keep_a_server_from_stopping),
        cmocka_unit_test(chat__F20_any_allocation_fails),
        cmocka_unit_test(chat__options_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
