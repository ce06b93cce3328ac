#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "activity.h"
#include "memory.h"
#include "request.h"
#include "rooms.h"

/* An instance with one connection, nothing stored and nothing sent: what handlers decide on before anything takes hold.
 */

/* Of every connection here: kept for good. */
static struct cr_facts facts;

static int blocks;

static void *counting(void *arg, void *memory, size_t old_size, size_t size)
{
    (void)arg;
    blocks += (memory == NULL && size > 0) - (memory != NULL && size == 0);
    return cr_default_alloc.resize(NULL, memory, old_size, size);
}

static const struct chatroom_transport_ops no_groups = {CHATROOM_TRANSPORT_OPS};

struct fixture {
    chatroom c;
    chatroom_connection *connection;
};

static void start(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    blocks = 0;
    f->c.alloc = (struct chatroom_alloc){counting, NULL};
    f->c.config.limits = (struct chatroom_limits)CHATROOM_LIMITS;
    f->c.transport.ops = &no_groups;
    f->c.rooms.alloc = f->c.connections.alloc = &f->c.alloc;
    f->c.now.wall_ms = 1000;
    f->connection = cr_new(&f->c.alloc, sizeof *f->connection);
    assert_non_null(f->connection);
    facts = (struct cr_facts){.c = &f->c, .count = SIZE_MAX};
    f->connection->facts = &facts;
    memset(f->connection->id, 'A', CR_ID_SIZE);
}

static chatroom_request *request_of(struct fixture *f, const char *body)
{
    chatroom_request *request = cr_request_new(&f->c, f->connection, CHATROOM_MESSAGE);

    assert_non_null(request);
    request->body = chatroom_str(body);
    f->connection->activity->requests = f->connection->activity->last_request = NULL; /* freed by the test itself */
    return request;
}

static void end(struct fixture *f)
{
    cr_rooms_free(&f->c);
    cr_activity_end(f->connection);
    cr_free(&f->c.alloc, f->connection, sizeof *f->connection);
    cr_activity_free_spares(&f->c);
    assert_int_equal(blocks, 0);
}

static const chatroom_span a_room = {"a", 1};

static void request__fields_come_from_one_scan(void **state)
{
    struct fixture f;
    struct chatroom_json_value value;
    chatroom_span text;

    (void)state;
    start(&f);
    chatroom_request *r = request_of(&f, "{\"value\":\"x\\ny\",\"room\":null,\"n\":1,\"d\":1,\"d\":2}");
    assert_int_equal(chatroom_request_text(r, "value", &text), CHATROOM_OK);
    assert_true(chatroom_span_equal(text, chatroom_str("x\ny")));
    assert_int_equal(chatroom_request_text(r, "room", &text), CHATROOM_OK);
    assert_null(text.bytes);
    assert_int_equal(chatroom_request_text(r, "none", &text), CHATROOM_OK);
    assert_null(text.bytes);
    assert_int_equal(chatroom_request_text(r, "n", &text), CHATROOM_ETYPE);
    assert_int_equal(chatroom_request_field(r, "d", &value), CHATROOM_EAMBIGUOUS);
    cr_request_free(r);
    r = request_of(&f, "[1]");
    assert_int_equal(chatroom_request_field(r, "a", &value), CHATROOM_EJSON);
    cr_request_free(r);
    end(&f);
}

static void request__field_is_found_behind_many_others_and_under_escapes(void **state)
{
    struct fixture f;
    struct chatroom_json_value value;
    char body[512] = "{";

    (void)state;
    start(&f);
    for (int i = 0; i < CR_MEMBERS + 5; i++)
        strcat(body, "\"x\":0,");
    strcat(body, "\"last\":7}");
    chatroom_request *r = request_of(&f, body);
    assert_int_equal(chatroom_request_field(r, "last", &value), CHATROOM_OK);
    assert_true(chatroom_span_equal(value.raw, chatroom_str("7")));
    cr_request_free(r);
    r = request_of(&f, "{\"\\u0061ction\":7}");
    assert_int_equal(chatroom_request_field(r, "action", &value), CHATROOM_OK);
    assert_true(chatroom_span_equal(value.raw, chatroom_str("7")));
    cr_request_free(r);
    end(&f);
}

static void request__creating_is_seen_at_once_by_the_next_and_undone_by_a_drop(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    chatroom_request *first = request_of(&f, ""), *second = request_of(&f, "");
    assert_int_equal(chatroom_request_create_room(first, a_room), CHATROOM_OK);
    assert_int_equal(chatroom_request_join(first, a_room), CHATROOM_OK);
    assert_int_equal(chatroom_request_create_room(second, a_room), CHATROOM_EEXIST);
    assert_int_equal(cr_rooms_find(&f.c, a_room)->expected_members, 1);
    cr_request_drop(first);
    assert_null(cr_rooms_find(&f.c, a_room));
    assert_int_equal(chatroom_request_create_room(second, a_room), CHATROOM_OK);
    cr_request_free(second);
    cr_request_free(first);
    end(&f);
}

static void request__joining_twice_counts_once(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    chatroom_request *r = request_of(&f, "");
    assert_int_equal(chatroom_request_join(r, a_room), CHATROOM_OK);
    assert_int_equal(chatroom_request_join(r, a_room), CHATROOM_OK);
    assert_int_equal(cr_rooms_find(&f.c, a_room)->expected_members, 1);
    assert_int_equal(chatroom_request_leave(r, a_room), CHATROOM_OK);
    assert_int_equal(chatroom_request_leave(r, a_room), CHATROOM_ENOENT);
    assert_int_equal(cr_rooms_find(&f.c, a_room)->expected_members, 0);
    cr_request_free(r);
    end(&f);
}

static void request__bad_names_and_limits_are_refused_and_leave_nothing(void **state)
{
    struct fixture f;
    char long_name[300];

    (void)state;
    start(&f);
    memset(long_name, 'x', sizeof long_name);
    f.c.config.limits.rooms = 1;
    chatroom_request *r = request_of(&f, "");
    assert_int_equal(chatroom_request_create_room(r, chatroom_str("")), CHATROOM_EINVAL);
    assert_int_equal(chatroom_request_create_room(r, chatroom_bytes(long_name, 257)), CHATROOM_EINVAL);
    assert_int_equal(chatroom_request_join(r, chatroom_str("\xff")), CHATROOM_EINVAL);
    assert_int_equal(chatroom_request_set_name(r, chatroom_str("\xff")), CHATROOM_EINVAL);
    assert_int_equal(chatroom_request_create_room(r, a_room), CHATROOM_OK);
    assert_int_equal(chatroom_request_create_room(r, chatroom_str("b")), CHATROOM_ETOOBIG);
    f.c.config.limits.room_members = 0;
    assert_int_equal(chatroom_request_join(r, a_room), CHATROOM_ETOOBIG);
    cr_request_free(r);
    end(&f);
}

static void request__publish_wants_a_room_and_valid_json(void **state)
{
    struct fixture f;
    chatroom_span none = {NULL, 0};

    (void)state;
    start(&f);
    chatroom_request *r = request_of(&f, "");
    assert_int_equal(chatroom_request_publish(r, a_room, chatroom_str("1"), none), CHATROOM_ENOENT);
    assert_int_equal(chatroom_request_create_room(r, a_room), CHATROOM_OK);
    assert_int_equal(chatroom_request_publish(r, a_room, chatroom_str("{"), none), CHATROOM_EJSON);
    f.c.config.limits.message_bytes = 3;
    assert_int_equal(chatroom_request_publish(r, a_room, chatroom_str("1234"), none), CHATROOM_ETOOBIG);
    assert_int_equal(chatroom_request_publish(r, a_room, chatroom_str("123"), chatroom_str("id")), CHATROOM_OK);
    cr_request_free(r);
    end(&f);
}

/* What is taken without a look is a value that the scan of this body found, and nothing that only looks like one. */
static void request__publish_trusts_its_own_scan_alone(void **state)
{
    struct fixture f;
    struct chatroom_json_value value;
    chatroom_span none = {NULL, 0}, part;
    char body[] = "{\"value\":[\"ab\",7]}", copy[] = "[\"ab\",7]";

    (void)state;
    start(&f);
    chatroom_request *r = request_of(&f, body);
    assert_int_equal(chatroom_request_create_room(r, a_room), CHATROOM_OK);
    assert_false(cr_request_has_scanned(r, chatroom_bytes(body + 9, 8))); /* not yet */
    assert_int_equal(chatroom_request_field(r, "value", &value), CHATROOM_OK);
    assert_true(cr_request_has_scanned(r, value.raw));
    assert_int_equal(chatroom_request_publish(r, a_room, value.raw, none), CHATROOM_OK);
    assert_false(cr_request_has_scanned(r, chatroom_str(copy)));
    for (size_t cut = 1; cut < value.raw.size; cut++) {
        part = chatroom_bytes(value.raw.bytes, value.raw.size - cut);
        assert_false(cr_request_has_scanned(r, part));
        assert_int_equal(chatroom_request_publish(r, a_room, part, none), CHATROOM_EJSON);
    }
    r->body = none; /* from here on other bytes may lie there */
    assert_false(cr_request_has_scanned(r, value.raw));
    cr_request_free(r);
    body[sizeof body - 2] = ' '; /* an object that does not end: its value is not to be trusted */
    r = request_of(&f, body);
    assert_int_equal(chatroom_request_field(r, "value", &value), CHATROOM_EJSON);
    assert_false(cr_request_has_scanned(r, chatroom_bytes(body + 9, 8)));
    cr_request_free(r);
    end(&f);
}

static void request__only_codes_that_may_be_sent_close(void **state)
{
    struct fixture f;
    chatroom_span reason = chatroom_str("bye");

    (void)state;
    start(&f);
    chatroom_request *r = request_of(&f, "");
    for (unsigned code = 0; code < 65536; code++) {
        bool may = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);

        assert_int_equal(cr_close_is_valid((uint16_t)code, reason), may);
    }
    assert_int_equal(chatroom_request_close(r, 1005, reason), CHATROOM_EINVAL);
    assert_int_equal(chatroom_request_close(r, 1000, chatroom_str("\xff")), CHATROOM_EINVAL);
    assert_int_equal(chatroom_request_close(r, 1000, reason), CHATROOM_OK);
    cr_request_free(r);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request__fields_come_from_one_scan),
        cmocka_unit_test(request__field_is_found_behind_many_others_and_under_escapes),
        cmocka_unit_test(request__creating_is_seen_at_once_by_the_next_and_undone_by_a_drop),
        cmocka_unit_test(request__joining_twice_counts_once),
        cmocka_unit_test(request__bad_names_and_limits_are_refused_and_leave_nothing),
        cmocka_unit_test(request__publish_wants_a_room_and_valid_json),
        cmocka_unit_test(request__publish_trusts_its_own_scan_alone),
        cmocka_unit_test(request__only_codes_that_may_be_sent_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
