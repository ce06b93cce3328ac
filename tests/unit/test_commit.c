#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "activity.h"
#include "commit.h"
#include "memory.h"
#include "record.h"
#include "request.h"
#include "rooms.h"

/* A store that completes when it is told to, and a transport that remembers the last message and how many there were.
 */

/* Of every connection here: kept for good. */
static struct cr_facts facts;

static struct chatroom_ticket *tickets[8];
static size_t ticket_count;
static int submit_result;
static char heard[64], said[256]; /* the last message; all of them */
static int heard_count, blocks;

static int submit(void *self, struct chatroom_ticket *ticket)
{
    (void)self;
    if (submit_result == CHATROOM_OK)
        tickets[ticket_count++] = ticket;
    return submit_result;
}

static struct chatroom_ticket *read_ticket;

static int read_page(void *self, struct chatroom_ticket *ticket)
{
    (void)self;
    read_ticket = ticket;
    return CHATROOM_OK;
}

static int send_frame(void *self, void *peer, chatroom_frame *frame)
{
    (void)self, (void)peer;
    assert_true(chatroom_frame_payload_size(frame) < sizeof heard);
    memset(heard, 0, sizeof heard);
    chatroom_frame_payload(frame, heard);
    assert_true(strlen(said) + strlen(heard) + 2 < sizeof said);
    strcat(strcat(said, heard), ";");
    heard_count++;
    return CHATROOM_OK;
}

static const struct chatroom_store_ops store_ops = {CHATROOM_STORE_OPS, .submit = submit, .read = read_page};
static const struct chatroom_transport_ops transport_ops = {CHATROOM_TRANSPORT_OPS, .send = send_frame};

static void *counting(void *arg, void *memory, size_t old_size, size_t size)
{
    (void)arg;
    blocks += (memory == NULL && size > 0) - (memory != NULL && size == 0);
    return cr_default_alloc.resize(NULL, memory, old_size, size);
}

static void write_payload(void *arg, const struct chatroom_entry *entry, struct chatroom_json *json)
{
    (void)arg;
    chatroom_json_number(json, (int64_t)entry->seq);
    chatroom_json_literal(json, chatroom_str(" "));
    chatroom_json_literal(json, entry->payload);
}

static void write_code(void *arg, const struct chatroom_refusal *refusal, struct chatroom_json *json)
{
    (void)arg;
    chatroom_json_literal(json, chatroom_str(refusal->code));
}

struct fixture {
    chatroom c;
    chatroom_connection *connection;
};

static void start(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    ticket_count = 0;
    submit_result = heard_count = blocks = 0;
    memset(heard, 0, sizeof heard);
    said[0] = '\0';
    f->c.alloc = (struct chatroom_alloc){counting, NULL};
    f->c.config.limits = (struct chatroom_limits)CHATROOM_LIMITS;
    f->c.config.limits.recent_bytes = 0; /* pages are read */
    f->c.store.ops = &store_ops;
    f->c.transport.ops = &transport_ops;
    f->c.rooms.alloc = f->c.connections.alloc = &f->c.alloc;
    f->c.write_entry = write_payload;
    f->c.write_refusal = write_code;
    f->connection = cr_new(&f->c.alloc, sizeof *f->connection);
    assert_non_null(f->connection);
    facts = (struct cr_facts){.c = &f->c, .count = SIZE_MAX};
    f->connection->facts = &facts;
    f->connection->peer = f;
    f->connection->open = true;
    memset(f->connection->id, 'A', CR_ID_SIZE);
}

static void end(struct fixture *f)
{
    cr_rooms_free(&f->c);
    cr_free(&f->c.alloc, f->c.scratch, f->c.scratch_size);
    assert_null(f->connection->activity->requests);
    assert_int_equal(f->connection->activity->barriers, 0);
    cr_activity_end(f->connection);
    cr_free(&f->c.alloc, f->connection, sizeof *f->connection);
    cr_activity_free_spares(&f->c);
    assert_int_equal(blocks, 0);
}

static chatroom_request *message(struct fixture *f)
{
    chatroom_request *request = cr_request_new(&f->c, f->connection, CHATROOM_MESSAGE);

    assert_non_null(request);
    return request;
}

static void complete(struct fixture *f, size_t n, int status, uint64_t seq)
{
    for (size_t i = 0; i < tickets[n]->count; i++)
        tickets[n]->writes[i].ret_seq = seq;
    chatroom_write_done(tickets[n], status);
    cr_inbox_take(&f->c.inbox);
    cr_commit_settle(&f->c);
}

static const chatroom_span a_room = {"a", 1};

static void join_room(struct fixture *f)
{
    chatroom_request *request = message(f);

    assert_int_equal(chatroom_request_join(request, a_room), CHATROOM_OK);
    cr_commit(request, CHATROOM_OK);
    complete(f, 0, CHATROOM_OK, 0);
    ticket_count = 0;
}

static void commit__nothing_is_seen_before_it_is_stored(void **state)
{
    struct fixture f;
    chatroom_span none = {NULL, 0};

    (void)state;
    start(&f);
    join_room(&f);
    assert_non_null(f.connection->rooms);
    assert_null(f.connection->rooms->next);
    chatroom_request *request = message(&f);
    assert_int_equal(chatroom_request_publish(request, a_room, chatroom_str("\"hi\""), none), CHATROOM_OK);
    cr_commit(request, CHATROOM_OK);
    cr_commit_settle(&f.c);
    assert_int_equal(heard_count, 0);
    complete(&f, 0, CHATROOM_OK, 7);
    assert_string_equal(heard, "7 \"hi\"");
    assert_int_equal(cr_rooms_find(&f.c, a_room)->newest, 7);
    end(&f);
}

static void commit__failed_store_tells_the_author_alone_and_changes_nothing(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    chatroom_request *request = message(&f);
    assert_int_equal(chatroom_request_join(request, a_room), CHATROOM_OK);
    assert_int_equal(chatroom_request_reply(request, chatroom_str("joined")), CHATROOM_OK);
    cr_commit(request, CHATROOM_OK);
    complete(&f, 0, CHATROOM_ENOSPC, 0);
    assert_string_equal(heard, "storage_full");
    assert_int_equal(heard_count, 1);
    assert_null(f.connection->rooms);
    assert_null(cr_rooms_find(&f.c, a_room));
    end(&f);
}

static void commit__refused_submit_and_failed_handler_are_told(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    submit_result = CHATROOM_EAGAIN;
    chatroom_request *request = message(&f);
    assert_int_equal(chatroom_request_join(request, a_room), CHATROOM_OK);
    cr_commit(request, CHATROOM_OK);
    cr_commit_settle(&f.c);
    assert_string_equal(heard, "busy");
    request = message(&f);
    cr_commit(request, chatroom_request_refuse(request, "no", "No."));
    cr_commit_settle(&f.c);
    assert_string_equal(heard, "no");
    assert_null(cr_rooms_find(&f.c, a_room));
    end(&f);
}

static void commit__replies_keep_the_order_of_their_messages(void **state)
{
    struct fixture f;
    chatroom_span none = {NULL, 0};

    (void)state;
    start(&f);
    join_room(&f);
    chatroom_request *first = message(&f), *second = message(&f);
    assert_int_equal(chatroom_request_publish(first, a_room, chatroom_str("1"), none), CHATROOM_OK);
    cr_commit(first, CHATROOM_OK);
    assert_int_equal(chatroom_request_reply(second, chatroom_str("second")), CHATROOM_OK);
    cr_commit(second, CHATROOM_OK);
    cr_commit_settle(&f.c);
    assert_int_equal(heard_count, 0); /* the second is ready, and waits for the first */
    complete(&f, 0, CHATROOM_OK, 1);
    assert_int_equal(heard_count, 2);
    assert_string_equal(heard, "second");
    end(&f);
}

/* Two completions of one connection and one of another in between arrive at once. */
static void commit__P2_entries_are_announced_in_the_order_of_the_store(void **state)
{
    static const char *const texts[] = {"1", "2", "3"};
    chatroom_connection other = {0};
    chatroom_span none = {NULL, 0};
    struct fixture f;

    (void)state;
    start(&f);
    join_room(&f);
    other.facts = &facts;
    other.open = true;
    memset(other.id, 'B', CR_ID_SIZE);
    for (size_t i = 0; i < 3; i++) {
        chatroom_request *request = cr_request_new(&f.c, i < 2 ? f.connection : &other, CHATROOM_MESSAGE);

        assert_int_equal(chatroom_request_publish(request, a_room, chatroom_str(texts[i]), none), CHATROOM_OK);
        cr_commit(request, CHATROOM_OK);
    }
    for (size_t i = 0; i < 3; i++) {
        tickets[i]->writes[0].ret_seq = i + 1;
        chatroom_write_done(tickets[i], CHATROOM_OK);
    }
    said[0] = '\0';
    cr_inbox_take(&f.c.inbox);
    cr_commit_settle(&f.c);
    assert_string_equal(said, "1 1;2 2;3 3;");
    assert_null(other.activity->requests);
    cr_activity_end(&other);
    end(&f);
}

static void commit__a_room_that_is_being_deleted_has_no_members_to_leave_it(void **state)
{
    struct fixture f;
    struct cr_room *room;

    (void)state;
    start(&f);
    join_room(&f);
    room = cr_rooms_find(&f.c, a_room);
    chatroom_request *host = cr_request_new(&f.c, NULL, CHATROOM_MESSAGE), *mine = message(&f);
    assert_int_equal(chatroom_request_delete_room(host, a_room), CHATROOM_OK);
    cr_commit(host, CHATROOM_OK);
    assert_int_equal(chatroom_request_leave(mine, a_room), CHATROOM_ENOENT);
    assert_int_equal(room->expected_members, 0);
    complete(&f, 0, CHATROOM_EIO, 0); /* it stays, and so does its member */
    assert_int_equal(room->expected_members, 1);
    assert_int_equal(chatroom_request_leave(mine, a_room), CHATROOM_OK);
    cr_commit(mine, CHATROOM_OK);
    complete(&f, 1, CHATROOM_OK, 0);
    assert_null(f.connection->rooms);
    end(&f);
}

static void commit__who_rejoins_a_room_whose_deletion_fails_is_in_it_once(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    join_room(&f);
    chatroom_request *host = cr_request_new(&f.c, NULL, CHATROOM_MESSAGE), *mine = message(&f);
    assert_int_equal(chatroom_request_delete_room(host, a_room), CHATROOM_OK);
    cr_commit(host, CHATROOM_OK);
    assert_int_equal(chatroom_request_join(mine, a_room), CHATROOM_OK);
    cr_commit(mine, CHATROOM_OK);
    complete(&f, 0, CHATROOM_EIO, 0);
    complete(&f, 1, CHATROOM_OK, 0);
    assert_non_null(f.connection->rooms);
    assert_null(f.connection->rooms->next);
    assert_int_equal(cr_rooms_find(&f.c, a_room)->expected_members, 1);
    end(&f);
}

/* Something of the room is always on its way, so what is expected of it is never simply what is. */
static void commit__a_room_that_could_not_be_made_is_not_expected_while_others_wait_for_it(void **state)
{
    chatroom_span none = {NULL, 0};
    struct fixture f;

    (void)state;
    start(&f);
    chatroom_request *maker = message(&f), *other = cr_request_new(&f.c, NULL, CHATROOM_MESSAGE);
    assert_int_equal(chatroom_request_create_room(maker, a_room), CHATROOM_OK);
    cr_commit(maker, CHATROOM_OK);
    assert_int_equal(cr_request_append(other, a_room, none, chatroom_str("1")), CHATROOM_OK);
    cr_commit(other, CHATROOM_OK);
    complete(&f, 0, CHATROOM_EIO, 0);
    assert_false(chatroom_room_exists(&f.c, a_room));
    maker = message(&f);
    assert_int_equal(chatroom_request_create_room(maker, a_room), CHATROOM_OK);
    cr_commit(maker, CHATROOM_OK);
    complete(&f, 1, CHATROOM_ENOENT, 0);
    complete(&f, 2, CHATROOM_OK, 0);
    assert_true(chatroom_room_exists(&f.c, a_room));
    end(&f);
}

/* The deletion may fail or not: the join must make sure that there is a room. */
static void commit__who_joins_a_room_that_is_being_deleted_makes_it_again(void **state)
{
    chatroom_connection other = {0};
    struct fixture f;

    (void)state;
    start(&f);
    join_room(&f);
    other.facts = &facts;
    other.open = true;
    memset(other.id, 'B', CR_ID_SIZE);
    chatroom_request *deletion = message(&f);
    assert_int_equal(chatroom_request_delete_room(deletion, a_room), CHATROOM_OK);
    cr_commit(deletion, CHATROOM_OK);
    chatroom_request *first = message(&f), *second = cr_request_new(&f.c, &other, CHATROOM_MESSAGE);
    assert_int_equal(chatroom_request_join(first, a_room), CHATROOM_OK);
    cr_commit(first, CHATROOM_OK);
    assert_int_equal(chatroom_request_join(second, a_room), CHATROOM_OK);
    cr_commit(second, CHATROOM_OK);
    for (size_t i = 1; i < 3; i++) {
        assert_int_equal(tickets[i]->count, 2);
        assert_int_equal(tickets[i]->writes[0].kind, CHATROOM_WRITE_ROOM);
    }
    complete(&f, 0, CHATROOM_OK, 0);
    complete(&f, 1, CHATROOM_EIO, 0);
    assert_null(f.connection->rooms);
    complete(&f, 2, CHATROOM_OK, 0);
    assert_int_equal(chatroom_room_members(&f.c, a_room), 1);
    assert_true(chatroom_room_exists(&f.c, a_room));
    cr_room_drop(&f.c, other.rooms);
    cr_activity_end(&other);
    end(&f);
}

static void commit__a_session_that_joins_and_leaves_in_one_request_is_stored_outside(void **state)
{
    struct cr_session_record record;
    chatroom_span room;
    struct fixture f;

    (void)state;
    start(&f);
    chatroom_request *request = message(&f);
    assert_int_equal(chatroom_request_join(request, a_room), CHATROOM_OK);
    assert_int_equal(chatroom_request_leave(request, a_room), CHATROOM_OK);
    cr_commit(request, CHATROOM_OK);
    assert_int_equal(tickets[0]->writes[1].kind, CHATROOM_WRITE_SESSION);
    assert_int_equal(cr_session_decode(tickets[0]->writes[1].value, &record), CHATROOM_OK);
    assert_false(cr_session_next_room(&record.rooms, &room));
    complete(&f, 0, CHATROOM_OK, 0);
    end(&f);
}

static int64_t time_of(size_t n)
{
    struct chatroom_entry entry;

    assert_int_equal(cr_entry_decode(tickets[n]->writes[0].value, &entry), CHATROOM_OK);
    return entry.time_ms;
}

/* The first to be asked for is the last to be stored, and the clock goes back in between. */
static void commit__times_rise_with_the_log_and_not_with_the_asking(void **state)
{
    chatroom_span none = {NULL, 0};
    struct fixture f;

    (void)state;
    start(&f);
    join_room(&f);
    chatroom_request *requests[3];
    for (size_t i = 0; i < 3; i++) {
        requests[i] = cr_request_new(&f.c, NULL, CHATROOM_MESSAGE);
        f.c.now.wall_ms = 1000 + (int64_t)i;
        assert_int_equal(cr_request_append(requests[i], a_room, none, chatroom_str("1")), CHATROOM_OK);
    }
    cr_commit(requests[1], CHATROOM_OK);
    f.c.now.wall_ms = 500;
    cr_commit(requests[0], CHATROOM_OK);
    f.c.now.wall_ms = 2000;
    cr_commit(requests[2], CHATROOM_OK);
    assert_int_equal(time_of(0), 1002);
    assert_int_equal(time_of(1), 1002);
    assert_int_equal(time_of(2), 2000);
    for (size_t i = 0; i < 3; i++)
        complete(&f, i, CHATROOM_OK, i + 1);
    end(&f);
}

static void commit__a_busy_store_is_asked_again_for_the_end_of_a_session(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    chatroom_request *request = cr_request_new(&f.c, f.connection, CHATROOM_DISCONNECT);
    submit_result = CHATROOM_EAGAIN;
    cr_commit(request, CHATROOM_OK);
    assert_ptr_equal(f.c.ready, f.connection);
    assert_false(cr_commit_again(request));
    assert_false(f.connection->over);
    submit_result = CHATROOM_OK;
    assert_true(cr_commit_again(request));
    assert_int_equal(ticket_count, 1);
    assert_int_equal(tickets[0]->count, 1);
    assert_int_equal(tickets[0]->writes[0].kind, CHATROOM_ERASE_SESSION);
    complete(&f, 0, CHATROOM_OK, 0);
    assert_true(f.connection->over);
    end(&f);
}

static int never(chatroom_request *request, const struct chatroom_history *history, void *arg)
{
    (void)request, (void)history, (void)arg;
    fail();
    return CHATROOM_OK;
}

/* A store may have seen what came after the question: a room of that name with other entries, and some of them damaged.
 */
static void commit__P2_a_damaged_page_of_the_next_room_is_not_one_of_this(void **state)
{
    const struct chatroom_history_query query = {0};
    struct chatroom_entry entry = {.payload = {"1", 1}};
    char value[64];
    struct fixture f;

    (void)state;
    start(&f);
    join_room(&f);
    chatroom_request *request = message(&f);
    assert_int_equal(chatroom_request_publish(request, a_room, entry.payload, chatroom_str("")), CHATROOM_OK);
    cr_commit(request, CHATROOM_OK);
    complete(&f, 0, CHATROOM_OK, 1);
    request = message(&f);
    assert_int_equal(chatroom_request_history(request, a_room, &query, never, NULL), CHATROOM_OK);
    cr_commit(request, CHATROOM_OK);
    cr_commit_settle(&f.c);
    cr_entry_encode(&entry, value);
    read_ticket->read.ret_epoch = 9;
    assert_true(chatroom_read_row(read_ticket, 1, chatroom_bytes(value, cr_entry_size(&entry))));
    chatroom_read_done(read_ticket, CHATROOM_ECORRUPT);
    cr_inbox_take(&f.c.inbox);
    cr_commit_settle(&f.c);
    assert_string_equal(heard, "not_found");
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commit__nothing_is_seen_before_it_is_stored),
        cmocka_unit_test(commit__failed_store_tells_the_author_alone_and_changes_nothing),
        cmocka_unit_test(commit__refused_submit_and_failed_handler_are_told),
        cmocka_unit_test(commit__replies_keep_the_order_of_their_messages),
        cmocka_unit_test(commit__a_room_that_is_being_deleted_has_no_members_to_leave_it),
        cmocka_unit_test(commit__who_rejoins_a_room_whose_deletion_fails_is_in_it_once),
        cmocka_unit_test(commit__P2_entries_are_announced_in_the_order_of_the_store),
        cmocka_unit_test(commit__a_room_that_could_not_be_made_is_not_expected_while_others_wait_for_it),
        cmocka_unit_test(commit__who_joins_a_room_that_is_being_deleted_makes_it_again),
        cmocka_unit_test(commit__a_session_that_joins_and_leaves_in_one_request_is_stored_outside),
        cmocka_unit_test(commit__times_rise_with_the_log_and_not_with_the_asking),
        cmocka_unit_test(commit__a_busy_store_is_asked_again_for_the_end_of_a_session),
        cmocka_unit_test(commit__P2_a_damaged_page_of_the_next_room_is_not_one_of_this),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
