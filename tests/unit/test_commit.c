#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "commit.h"
#include "memory.h"
#include "request.h"
#include "rooms.h"

/* A store that completes when it is told to, and a transport that remembers the last message and how many there were.
 */

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

static const struct chatroom_store_ops store_ops = {CHATROOM_STORE_OPS, .submit = submit};
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
    chatroom_connection connection;
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
    f->c.store.ops = &store_ops;
    f->c.transport.ops = &transport_ops;
    f->c.rooms.alloc = f->c.connections.alloc = &f->c.alloc;
    f->c.write_entry = write_payload;
    f->c.write_refusal = write_code;
    f->connection.c = &f->c;
    f->connection.peer = f;
    f->connection.open = true;
    memset(f->connection.id, 'A', CR_ID_SIZE);
}

static void end(struct fixture *f)
{
    cr_rooms_free(&f->c);
    cr_free(&f->c.alloc, f->c.scratch, f->c.scratch_size);
    assert_null(f->connection.requests);
    assert_int_equal(f->connection.barriers, 0);
    assert_int_equal(blocks, 0);
}

static chatroom_request *message(struct fixture *f)
{
    chatroom_request *request = cr_request_new(&f->c, &f->connection, CHATROOM_MESSAGE);

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
    assert_int_equal(f.connection.room_count, 1);
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
    assert_int_equal(f.connection.room_count, 0);
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
    other.c = &f.c;
    other.open = true;
    memset(other.id, 'B', CR_ID_SIZE);
    for (size_t i = 0; i < 3; i++) {
        chatroom_request *request = cr_request_new(&f.c, i < 2 ? &f.connection : &other, CHATROOM_MESSAGE);

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
    assert_null(other.requests);
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
    assert_int_equal(f.connection.room_count, 0);
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
    assert_int_equal(f.connection.room_count, 1);
    assert_int_equal(cr_rooms_find(&f.c, a_room)->expected_members, 1);
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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
