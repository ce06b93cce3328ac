#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <chatroom/backend/memory.h>
#include <chatroom/chatroom.h>

#include <stdio.h>
#include <stdlib.h>

/*
 * What the core takes for each connection, and asks for with each message. Whole instances, with a transport that only
 * counts.
 */
enum { PEOPLE = 10000, ROOM = 10, AUDIENCE = 1000, RECENT = 1 << 20 };

static const uint64_t second_ns = 1000000000;

/* ---- memory that is counted as glibc's malloc() takes it ---- */

struct account {
    size_t bytes, peak;
    uint64_t allocations;
};

/* Eight bytes in front, in multiples of 16, never below 32. */
static size_t chunk(size_t size)
{
    size_t whole = (size + 8 + 15) / 16 * 16;

    return size == 0 ? 0 : whole < 32 ? 32 : whole;
}

static void *account_resize(void *arg, void *memory, size_t old_size, size_t size)
{
    struct account *account = arg;
    void *result = NULL;

    if (size == 0)
        free(memory);
    else if (!(result = realloc(memory, size)))
        abort();
    account->bytes += chunk(size) - chunk(old_size);
    account->peak = account->bytes > account->peak ? account->bytes : account->peak;
    account->allocations += size > 0;
    return result;
}

/* ---- a transport with groups ---- */

struct crowd {
    chatroom_transport_port *port;
    chatroom_connection **connections;
    size_t size;
    const char *text; /* what all say in the next step, with room for two numbers; NULL: they connect */
    size_t from, to;  /* which of them */
    uint64_t sent;
};

static int crowd_open(void *self, chatroom_transport_port *port, struct chatroom_error *error)
{
    ((struct crowd *)self)->port = port;
    (void)error;
    return CHATROOM_OK;
}

static void crowd_accept(void *self, void *peer, const struct chatroom_answer *answer)
{
    (void)self, (void)peer;
    assert_int_equal(answer->status, 101);
}

static int crowd_send(void *self, void *peer, chatroom_frame *frame)
{
    (void)peer, (void)frame;
    ((struct crowd *)self)->sent++;
    return CHATROOM_OK;
}

static void crowd_close(void *self, void *peer, uint16_t code, chatroom_span reason)
{
    (void)self, (void)peer, (void)code, (void)reason;
    fail();
}

static int crowd_group_new(void *self, void **ret_group)
{
    *ret_group = self;
    return CHATROOM_OK;
}

static int crowd_group_add(void *self, void *group, void *peer, struct chatroom_seat *seat)
{
    (void)self, (void)group;
    seat->where = peer;
    return CHATROOM_OK;
}

static void crowd_group_remove(void *self, void *group, void *peer, struct chatroom_seat *seat)
{
    (void)self, (void)group;
    assert_ptr_equal(seat->where, peer);
}

static void crowd_group_send(void *self, void *group, chatroom_frame *frame)
{
    (void)group, (void)frame;
    ((struct crowd *)self)->sent++;
}

static void crowd_group_free(void *self, void *group)
{
    (void)self, (void)group;
}

static void come(struct crowd *crowd, size_t n)
{
    const struct chatroom_request_head head = {.target = chatroom_str("/"), .source_ip = chatroom_str("192.0.2.111")};

    assert_int_equal(chatroom_transport_opening(crowd->port, &crowd->connections[n], &head, &crowd->connections[n]),
                     CHATROOM_OK);
}

static void speak(struct crowd *crowd, size_t n)
{
    char text[2048];

    snprintf(text, sizeof text, crowd->text, n, n / ROOM);
    chatroom_transport_message(crowd->connections[n], CHATROOM_TEXT_MESSAGE, chatroom_str(text));
}

static void crowd_step(void *self, struct chatroom_now now)
{
    struct crowd *crowd = self;

    (void)now;
    for (size_t n = crowd->from; n < crowd->to; n++)
        if (crowd->text)
            speak(crowd, n);
        else
            come(crowd, n);
    crowd->from = crowd->to = 0;
}

static void crowd_nothing(void *self)
{
    (void)self;
}

static const struct chatroom_transport_ops crowd_ops = {
    CHATROOM_TRANSPORT_OPS,
    .name = "crowd",
    .open = crowd_open,
    .accept = crowd_accept,
    .send = crowd_send,
    .close = crowd_close,
    .group_new = crowd_group_new,
    .group_add = crowd_group_add,
    .group_remove = crowd_group_remove,
    .group_send = crowd_group_send,
    .group_free = crowd_group_free,
    .step = crowd_step,
    .stop = crowd_nothing,
    .close_all = crowd_nothing,
};

/* ---- an instance ---- */

struct place {
    struct account account;
    struct chatroom_alloc alloc;
    struct crowd crowd;
    chatroom *c;
    struct chatroom_now now;
};

/* recent_bytes: limits.recent_bytes, which is for rooms and not for connections. */
static void start(struct place *p, size_t people, size_t recent_bytes)
{
    struct chatroom_config config = CHATROOM_CONFIG;

    memset(p, 0, sizeof *p);
    p->alloc = (struct chatroom_alloc){account_resize, &p->account};
    p->now = (struct chatroom_now){.mono_ns = second_ns};
    p->crowd.size = people;
    p->crowd.connections = calloc(people, sizeof(chatroom_connection *));
    assert_non_null(p->crowd.connections);
    config.alloc = &p->alloc;
    config.limits.recent_bytes = recent_bytes;
    config.transport = (struct chatroom_transport){&crowd_ops, &p->crowd};
    assert_int_equal(chatroom_memory_store(&config.store), CHATROOM_OK);
    assert_int_equal(chatroom_new(&config, &p->c, NULL), CHATROOM_OK);
    assert_int_equal(chatroom_chat(p->c, NULL), CHATROOM_OK);
    assert_int_equal(chatroom_start(p->c, p->now, NULL), CHATROOM_OK);
}

static void end(struct place *p)
{
    chatroom_free(p->c);
    free(p->crowd.connections);
    assert_int_equal(p->account.bytes, 0);
}

/* Some time passes, until nothing is left to do in it. */
static void rest(struct place *p, unsigned seconds)
{
    for (unsigned n = 0; n < seconds; n++) {
        p->now.mono_ns += second_ns;
        do
            assert_int_equal(chatroom_step(p->c, p->now), CHATROOM_OK);
        while (chatroom_deadline(p->c) <= p->now.mono_ns);
    }
}

/* NULL: they come. */
static void all(struct place *p, const char *say)
{
    p->crowd.text = say;
    p->crowd.to = p->crowd.size;
    do
        assert_int_equal(chatroom_step(p->c, p->now), CHATROOM_OK);
    while (chatroom_deadline(p->c) <= p->now.mono_ns);
}

static void one(struct place *p, const char *say)
{
    p->crowd.text = say;
    p->crowd.to = 1;
    assert_int_equal(chatroom_step(p->c, p->now), CHATROOM_OK);
}

static void gather(struct place *p, const char *room)
{
    all(p, NULL);
    all(p, "{\"action\":\"register\",\"value\":\"member%05zu\"}");
    all(p, room);
}

/* ---- */

static size_t share(const struct place *p, size_t before)
{
    return (p->account.bytes - before) / PEOPLE;
}

static void connection__takes_little_at_rest(void **state)
{
    struct place p;
    size_t before, idle, after;

    (void)state;
    start(&p, PEOPLE, 0);
    before = p.account.bytes;
    gather(&p, "{\"action\":\"join-room\",\"name\":\"member%05zu\",\"value\":\"room%04zu\"}");
    rest(&p, 5);
    assert_int_equal(chatroom_connection_count(p.c), PEOPLE);
    assert_int_equal(chatroom_room_count(p.c), PEOPLE / ROOM);
    idle = share(&p, before);
    all(&p, "{\"action\":\"dispatch\",\"name\":\"member%05zu\",\"room\":\"room%04zu\",\"value\":\"hello\"}");
    rest(&p, 5);
    after = share(&p, before);
    print_message("bytes of the core for each connection: %zu joined and idle, %zu after traffic\n", idle, after);
    assert_true(idle <= 300);
    assert_true(after <= 300);
    end(&p);
}

static void dispatch__allocates_a_constant_number_of_times(void **state)
{
    static const char text[] = "{\"action\":\"dispatch\",\"name\":\"member%05zu\",\"value\":\"hello\"}";
    struct place p;
    uint64_t before, sent;

    (void)state;
    start(&p, AUDIENCE, RECENT);
    gather(&p, "{\"action\":\"join-room\",\"name\":\"member%05zu\",\"value\":\"room\"}");
    rest(&p, 5);
    all(&p, text); /* warms up: the room keeps as many entries as it ever will, in a block that stays */
    rest(&p, 5);
    one(&p, text);
    before = p.account.allocations;
    sent = p.crowd.sent;
    one(&p, text);
    print_message("allocations of the core for a message to %d members: %d\n", AUDIENCE,
                  (int)(p.account.allocations - before));
    assert_int_equal(p.crowd.sent, sent + 1);            /* one call for all of them */
    assert_int_equal(p.account.allocations, before + 1); /* the frame */
    end(&p);
}

/* What is taken beyond what there is while all ask for the newest page at once. */
static size_t peak_of_history(struct place *p, size_t people)
{
    size_t before = p->account.bytes;
    uint64_t sent = p->crowd.sent;

    p->account.peak = before;
    p->crowd.size = people;
    all(p, "{\"action\":\"history\",\"name\":\"member%05zu\"}");
    assert_int_equal(p->crowd.sent, sent + people); /* everybody got one */
    return p->account.peak - before;
}

/* Returning clients ask for their page all at once. */
static void F33_a_crowd_that_asks_for_history_takes_turns(void **state)
{
    static const struct chatroom_limits limits = CHATROOM_LIMITS;
    size_t pages = limits.history_pages * (limits.history_bytes + 16384), requests = AUDIENCE * 4096, peak;
    char text[2048] = "{\"action\":\"dispatch\",\"name\":\"member%05zu\",\"value\":\"";
    size_t begun = strlen(text);
    struct place p;

    (void)state;
    start(&p, AUDIENCE, 0);
    gather(&p, "{\"action\":\"join-room\",\"name\":\"member%05zu\",\"value\":\"room\"}");
    one(&p, "{\"action\":\"dispatch\",\"name\":\"member%05zu\",\"value\":\"hello\"}");
    rest(&p, 5);
    assert_true(peak_of_history(&p, 1) < 8192); /* grows with what there is to read */
    memset(text + begun, 'x', sizeof text - begun);
    memcpy(text + sizeof text - 3, "\"}", 3);
    p.crowd.size = AUDIENCE;
    all(&p, text);
    peak = peak_of_history(&p, AUDIENCE);
    assert_true(peak > pages / 2); /* they were there at once, and large */
    assert_true(peak < pages + requests);
    end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connection__takes_little_at_rest),
        cmocka_unit_test(dispatch__allocates_a_constant_number_of_times),
        cmocka_unit_test(F33_a_crowd_that_asks_for_history_takes_turns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
