/*
 * F44: every public call of an instance and of a request, made in every callback. Each is safe or answers with an error
 * of base.h, and the instance goes on: whoever comes afterwards is served as if nothing had been.
 *
 * A conversation leads through all the callbacks; the first time that the one in question is reached, it makes the call
 * in question. Not tried is what the contract forbids, chatroom_free() inside a step and anything in a log function;
 * and chatroom_run() where nobody is in a step, since it runs there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gate.h"

#include <chatroom/chat.h>
#include <chatroom/names.h>

#include <unistd.h>

enum place {
    AUTHORIZER,
    ON_CONNECT,
    ON_MESSAGE,
    ON_HISTORY,
    ON_RESUMED,
    ON_DISCONNECT,
    LAST_WITH_A_REQUEST = ON_DISCONNECT,
    VALIDATE,
    ENTRY,
    REFUSAL,
    ACCESS_LINE,
    OUTCOME_OF_POST,
    OUTCOME_OF_PUBLISH,
    OUTCOME_OF_DISCONNECT,
    ABOUT_A_CONNECTION,
    VISITED_ROOM,
    VISITED_MEMBER,
    PREPARE_NAME,
    SOURCE_STEP,
    SOURCE_DEADLINE,
    PLACES
};

struct world {
    struct gate gate;
    size_t ann, bob;
    chatroom_request *deferred;
    unsigned outcomes, asked;
    bool closed_names;
};

static struct world w;

/* ---- the calls --------------------------------------------------------------------------------------------------- */

#define OK CHATROOM_OK /* of those without a result */

static void count_outcome(void *arg, int status)
{
    (void)arg, (void)status;
    w.outcomes++;
}

static void count_connection(void *arg, int status, const struct chatroom_connection_info *info)
{
    (void)arg, (void)status, (void)info;
    w.outcomes++;
}

static bool visit_room(void *arg, chatroom_span name)
{
    (void)arg, (void)name;
    return true;
}

static bool visit_member(void *arg, chatroom_span id, chatroom_span name)
{
    (void)arg, (void)id, (void)name;
    return true;
}

static int asked(int result)
{
    w.asked += result == CHATROOM_OK;
    return result;
}

static int do_nothing(chatroom_request *request, void *arg)
{
    (void)request, (void)arg;
    return CHATROOM_OK;
}

static int then_nothing(chatroom_request *request, const struct chatroom_history *history, void *arg)
{
    (void)request, (void)history, (void)arg;
    return CHATROOM_OK;
}

static void write_nothing(void *arg, const struct chatroom_entry *entry, struct chatroom_json *json)
{
    (void)arg, (void)entry;
    chatroom_json_raw(json, chatroom_str("\"other\""));
}

static void refuse_nothing(void *arg, const struct chatroom_refusal *refusal, struct chatroom_json *json)
{
    (void)arg, (void)refusal;
    chatroom_json_raw(json, chatroom_str("\"other\""));
}

static void take_no_line(void *arg, chatroom_span line)
{
    (void)arg, (void)line;
}

static int prepare_other(void *self, chatroom_span bytes, struct chatroom_name *ret_name)
{
    (void)self, (void)bytes, (void)ret_name;
    return CHATROOM_EREFUSED;
}

static void close_other(void *self)
{
    *(bool *)self = true;
}

static int source_fd(void *self)
{
    return *(int *)self;
}

static void source_nothing(void *self, struct chatroom_now now)
{
    (void)self, (void)now;
}

static void source_closed(void *self)
{
    (void)self;
}

static const struct chatroom_names_ops other_names = {CHATROOM_NAMES_OPS, .prepare = prepare_other,
                                                      .close = close_other};
static const struct chatroom_source_ops other_source = {CHATROOM_SOURCE_OPS, .fd = source_fd, .step = source_nothing,
                                                        .close = source_closed};

static chatroom_span den(void)
{
    return chatroom_str("den");
}

static chatroom_span id_of(size_t client)
{
    return wire_id(w.gate.wire, client);
}

static void put_off_or_not(chatroom_request *request);

static int put_off(chatroom_request *request)
{
    put_off_or_not(request);
    return OK;
}

/* Each is a function of c and, where there is one, request. */
#define CALLS(X)                                                                                                   \
    X(step, chatroom_step(c, w.gate.now))                                                                          \
    X(start, chatroom_start(c, w.gate.now, NULL))                                                                  \
    X(run, chatroom_run(c, NULL, NULL))                                                                            \
    X(stop, (chatroom_stop(c), OK))                                                                                \
    X(ask_stop, (chatroom_ask_stop(c), OK))                                                                        \
    X(looks, (chatroom_fd(c), chatroom_deadline(c), chatroom_is_started(c), chatroom_stopped(c),                   \
              chatroom_connection_count(c), chatroom_room_count(c), chatroom_store_capabilities(c),                \
              chatroom_room_exists(c, den()), chatroom_room_members(c, den()), OK))                                \
    X(post, asked(chatroom_post(c, id_of(w.bob), chatroom_str("hi"), count_outcome, NULL)))                        \
    X(post_itself, asked(chatroom_post(c, id_of(w.ann), chatroom_str("hi"), count_outcome, NULL)))                 \
    X(publish, asked(chatroom_publish(c, den(), chatroom_str("a"), chatroom_str("1"), count_outcome, NULL)))       \
    X(disconnect, asked(chatroom_disconnect(c, id_of(w.bob), 4000, chatroom_str(""), count_outcome, NULL)))        \
    X(disconnect_itself, asked(chatroom_disconnect(c, id_of(w.ann), 4000, chatroom_str(""), count_outcome, NULL))) \
    X(get_connection, asked(chatroom_get_connection(c, id_of(w.bob), count_connection, NULL)))                     \
    X(each_room, (chatroom_each_room(c, visit_room, NULL), OK))                                                    \
    X(each_member, (chatroom_each_member(c, den(), visit_member, NULL), OK))                                       \
    X(prepare_name, chatroom_prepare_name(c, den(), &name))                                                        \
    X(route, chatroom_route(c, "more", do_nothing, NULL))                                                          \
    X(authorizer, chatroom_authorizer(c, do_nothing, NULL, 0))                                                     \
    X(chat, chatroom_chat(c, NULL))                                                                                \
    X(set_entry, (chatroom_set_entry(c, write_nothing, NULL), OK))                                                 \
    X(set_refusal, (chatroom_set_refusal(c, refuse_nothing, NULL), OK))                                            \
    X(set_names, (chatroom_set_names(c, &(struct chatroom_names){&other_names, &w.closed_names}), OK))             \
    X(add_source, chatroom_add_source(c, &other_source, &no_fd))                                                   \
    X(manage, chatroom_manage(c, &management))                                                                     \
    X(map_domain, chatroom_map_domain(c, "a.example", "b"))                                                        \
    X(add_api_key, chatroom_add_api_key(c, &key, NULL))                                                            \
    X(require_api_key, chatroom_require_api_key(c, CHATROOM_KEY_IN_HEADER))                                        \
    X(add_credential, chatroom_add_credential(c, &credential, NULL))                                               \
    X(authorize_signatures, chatroom_authorize_signatures(c))                                                      \
    X(access_log, chatroom_access_log(c, "x", take_no_line, NULL, NULL))                                           \
    X(counters, chatroom_counters(c, "say", &counters))

#define REQUEST_CALLS(X)                                                                                       \
    X(request_looks, (chatroom_request_info(request), chatroom_request_body(request),                          \
                      chatroom_request_chatroom(request), chatroom_request_session_name(request),              \
                      chatroom_request_session_rooms(request), chatroom_request_session_room(request, 0), OK)) \
    X(field, chatroom_request_field(request, "action", &value))                                                \
    X(text, chatroom_request_text(request, "action", &span))                                                   \
    X(memory, chatroom_request_memory(request, 100) ? OK : CHATROOM_ENOMEM)                                    \
    X(callback_url, chatroom_request_callback_url(request, &span))                                             \
    X(reply, chatroom_request_reply(request, chatroom_str("hi")))                                              \
    X(request_post, chatroom_request_post(request, id_of(w.bob), chatroom_str("hi")))                          \
    X(broadcast, chatroom_request_broadcast(request, chatroom_str("hi")))                                      \
    X(tell, chatroom_request_tell(request, den(), chatroom_str("hi")))                                         \
    X(close, chatroom_request_close(request, 4000, chatroom_str("")))                                          \
    X(set_name, chatroom_request_set_name(request, chatroom_str("ann")))                                       \
    X(create_room, chatroom_request_create_room(request, chatroom_str("attic")))                               \
    X(join, chatroom_request_join(request, chatroom_str("den")))                                               \
    X(leave, chatroom_request_leave(request, den()))                                                           \
    X(delete_room, chatroom_request_delete_room(request, den()))                                               \
    X(request_publish, chatroom_request_publish(request, den(), chatroom_str("1"), chatroom_str("")))          \
    X(history, chatroom_request_history(request, den(), &query, then_nothing, NULL))                           \
    X(request_disconnect, chatroom_request_disconnect(request, id_of(w.bob), 4000, chatroom_str("")))          \
    X(request_disconnect_itself, chatroom_request_disconnect(request, id_of(w.ann), 4000, chatroom_str("")))   \
    X(status, (chatroom_request_status(request, 404), OK))                                                     \
    X(subprotocol, chatroom_request_subprotocol(request, chatroom_str("chat")))                                \
    X(authorize, chatroom_request_authorize(request, chatroom_str("{}")))                                      \
    X(usage_key, chatroom_request_usage_key(request, chatroom_str("key")))                                     \
    X(detail, chatroom_request_detail(request, chatroom_str("why")))                                           \
    X(refuse, chatroom_request_refuse(request, "code", "A sentence."))                                         \
    X(finish, chatroom_finish(request, &result))                                                               \
    X(defer_and_resume, put_off(request))

enum call {
#define NAME(name, what) CALL_##name,
    CALLS(NAME) LAST_WITHOUT_A_REQUEST,
    REQUEST_CALLS(NAME) CALL_COUNT
};

static int make_call(enum call call, chatroom *c, chatroom_request *request)
{
    static int no_fd = -1;
    struct chatroom_name name;
    struct chatroom_counters counters;
    struct chatroom_json_value value;
    chatroom_span span;
    const struct chatroom_history_query query = {0};
    const struct chatroom_management_options management = CHATROOM_MANAGEMENT_OPTIONS;
    const struct chatroom_proxy_result result = {.status = 200};
    const struct chatroom_api_key key = {chatroom_str("id"), chatroom_str("key-of-twenty-octets"), 1, 1};
    const struct chatroom_credential credential = {chatroom_str("AKIDEXAMPLE00001"), chatroom_str("secret"),
                                                   chatroom_str(""), chatroom_str("")};

    switch (call) {
#define CASE(name, what) \
    case CALL_##name:    \
        return what;
        CALLS(CASE)
        REQUEST_CALLS(CASE)
    default:
        fail();
        return 0;
    }
}

static const char *const names_of_calls[] = {
#define TEXT(name, what) #name,
    CALLS(TEXT) "", REQUEST_CALLS(TEXT)};

/* ---- the callbacks ----------------------------------------------------------------------------------------------- */

static enum place place; /* where the call is made */
static enum call call;
static bool armed;
static unsigned made;

static void reach(enum place here, chatroom_request *request)
{
    int result;

    if (here != place || !armed)
        return;
    armed = false;
    made++;
    result = make_call(call, w.gate.c, request);
    assert_string_not_equal(chatroom_errword(result), "unknown");
}

/* In the callback of a history it has no effect, so that there is nothing to resume. */
static void put_off_or_not(chatroom_request *request)
{
    chatroom_request_defer(request);
    if (place != ON_HISTORY)
        chatroom_request_resume(request, do_nothing, NULL);
}

static int authorize(chatroom_request *request, void *arg)
{
    (void)arg;
    reach(AUTHORIZER, request);
    return CHATROOM_OK;
}

static int on_connect(chatroom_request *request, void *arg)
{
    (void)arg;
    reach(ON_CONNECT, request);
    return CHATROOM_OK;
}

static int on_disconnect(chatroom_request *request, void *arg)
{
    (void)arg;
    reach(ON_DISCONNECT, request);
    return CHATROOM_OK;
}

static int on_history(chatroom_request *request, const struct chatroom_history *history, void *arg)
{
    (void)history, (void)arg;
    reach(ON_HISTORY, request);
    return CHATROOM_OK;
}

static bool on_room(void *arg, chatroom_span name)
{
    (void)arg, (void)name;
    reach(VISITED_ROOM, NULL);
    return true;
}

static bool on_member(void *arg, chatroom_span id, chatroom_span name)
{
    (void)arg, (void)id, (void)name;
    reach(VISITED_MEMBER, NULL);
    return true;
}

static int on_say(chatroom_request *request, void *arg)
{
    int result;

    (void)arg;
    reach(ON_MESSAGE, request);
    result = chatroom_request_join(request, den());
    return result ? result : chatroom_request_publish(request, den(), chatroom_str("1"), chatroom_str(""));
}

static int on_look(chatroom_request *request, void *arg)
{
    const struct chatroom_history_query query = {0};
    struct chatroom_name name;

    (void)arg;
    chatroom_each_room(w.gate.c, on_room, NULL);
    chatroom_each_member(w.gate.c, den(), on_member, NULL);
    chatroom_prepare_name(w.gate.c, den(), &name);
    return chatroom_request_history(request, den(), &query, on_history, NULL);
}

static int on_resumed(chatroom_request *request, void *arg)
{
    (void)arg;
    reach(ON_RESUMED, request);
    return CHATROOM_OK;
}

static int on_wait(chatroom_request *request, void *arg)
{
    (void)arg;
    w.deferred = request;
    chatroom_request_defer(request);
    return CHATROOM_OK;
}

static int validate(void *arg, chatroom_span body, struct chatroom_error *error)
{
    (void)arg, (void)body, (void)error;
    reach(VALIDATE, NULL);
    return CHATROOM_EINVAL;
}

static void write_entry(void *arg, const struct chatroom_entry *entry, struct chatroom_json *json)
{
    (void)arg;
    reach(ENTRY, NULL);
    chatroom_json_raw(json, entry->payload);
}

static void write_refusal(void *arg, const struct chatroom_refusal *refusal, struct chatroom_json *json)
{
    (void)arg;
    reach(REFUSAL, NULL);
    chatroom_json_string(json, chatroom_str(refusal->code));
}

static void take_line(void *arg, chatroom_span line)
{
    (void)arg, (void)line;
    reach(ACCESS_LINE, NULL);
}

static void on_outcome(void *arg, int status)
{
    (void)status;
    w.outcomes++;
    reach(*(const enum place *)arg, NULL);
}

static void on_connection(void *arg, int status, const struct chatroom_connection_info *info)
{
    (void)arg, (void)status, (void)info;
    w.outcomes++;
    reach(ABOUT_A_CONNECTION, NULL);
}

static int prepare_name(void *self, chatroom_span bytes, struct chatroom_name *ret_name)
{
    (void)self;
    reach(PREPARE_NAME, NULL);
    if (bytes.size > sizeof ret_name->text)
        return CHATROOM_EREFUSED;
    *ret_name = (struct chatroom_name){.size = bytes.size};
    memcpy(ret_name->text, bytes.bytes, bytes.size);
    return CHATROOM_OK;
}

static int fill(void *arg, void *ret_bytes, size_t size)
{
    static uint64_t count;

    (void)arg;
    count++;
    memset(ret_bytes, 7, size);
    memcpy(ret_bytes, &count, size < sizeof count ? size : sizeof count);
    return CHATROOM_OK;
}

static void step_source(void *self, struct chatroom_now now)
{
    (void)self, (void)now;
    reach(SOURCE_STEP, NULL);
}

static uint64_t source_deadline(void *self)
{
    (void)self;
    reach(SOURCE_DEADLINE, NULL);
    return 0;
}

/* ---- the conversation -------------------------------------------------------------------------------------------- */

static void begin(int *fd)
{
    static const struct chatroom_names_ops names = {CHATROOM_NAMES_OPS, .prepare = prepare_name};
    static const struct chatroom_source_ops source = {CHATROOM_SOURCE_OPS, .fd = source_fd, .step = step_source,
                                                      .deadline = source_deadline, .close = source_closed};
    struct chatroom_route_options options = CHATROOM_ROUTE_OPTIONS;

    memset(&w, 0, sizeof w);
    gate_prepare(&w.gate);
    w.gate.config.random = fill;
    w.gate.config.log = NULL;
    gate_new(&w.gate);
    options.validate = validate;
    chatroom_set_names(w.gate.c, &(struct chatroom_names){&names, NULL});
    chatroom_set_entry(w.gate.c, write_entry, NULL);
    chatroom_set_refusal(w.gate.c, write_refusal, NULL);
    assert_int_equal(chatroom_authorizer(w.gate.c, authorize, NULL, 0), OK);
    assert_int_equal(chatroom_route(w.gate.c, "$connect", on_connect, NULL), OK);
    assert_int_equal(chatroom_route(w.gate.c, "$disconnect", on_disconnect, NULL), OK);
    assert_int_equal(chatroom_route(w.gate.c, "say", on_say, NULL), OK);
    assert_int_equal(chatroom_route(w.gate.c, "look", on_look, NULL), OK);
    assert_int_equal(chatroom_route(w.gate.c, "wait", on_wait, NULL), OK);
    assert_int_equal(chatroom_route_with(w.gate.c, "strict", do_nothing, NULL, &options), OK);
    assert_int_equal(chatroom_access_log(w.gate.c, "$context.requestId", take_line, NULL, NULL), OK);
    assert_int_equal(chatroom_add_source(w.gate.c, &source, fd), OK);
    gate_start(&w.gate);
    w.bob = gate_connected(&w.gate);
    gate_says(&w.gate, w.bob, "{\"action\":\"say\"}");
}

static void ask_from_outside(void)
{
    static const enum place post = OUTCOME_OF_POST, publish = OUTCOME_OF_PUBLISH, disconnect = OUTCOME_OF_DISCONNECT;
    chatroom *c = w.gate.c;

    asked(chatroom_post(c, id_of(w.ann), chatroom_str("hi"), on_outcome, (void *)&post));
    asked(chatroom_publish(c, den(), chatroom_str("a"), chatroom_str("1"), on_outcome, (void *)&publish));
    asked(chatroom_get_connection(c, id_of(w.ann), on_connection, NULL));
    asked(chatroom_disconnect(c, id_of(w.ann), 4000, chatroom_str(""), on_outcome, (void *)&disconnect));
    gate_step(&w.gate);
}

static void say(const char *text)
{
    if (wire_is_open(w.gate.wire, w.ann))
        gate_says(&w.gate, w.ann, text);
}

static void converse(void)
{
    w.ann = wire_connect(w.gate.wire, "/dev");
    gate_step(&w.gate);
    say("{\"action\":\"say\"}");
    say("{\"action\":\"look\"}");
    say("{\"action\":\"strict\"}");
    say("{\"action\":\"nothing\"}");
    say("{\"action\":\"wait\"}");
    if (w.deferred)
        chatroom_request_resume(w.deferred, on_resumed, NULL);
    gate_step(&w.gate);
    ask_from_outside();
    chatroom_deadline(w.gate.c);
    if (wire_is_open(w.gate.wire, w.ann))
        wire_close(w.gate.wire, w.ann, 1000);
    gate_step(&w.gate);
    gate_pass(&w.gate, 1000);
}

/* A newcomer is heard, unless the call was that nobody should come any more. */
static void check(void)
{
    size_t newcomer;

    if (call == CALL_stop || call == CALL_ask_stop) {
        gate_pass(&w.gate, 60000);
        assert_true(chatroom_stopped(w.gate.c));
        return;
    }
    newcomer = gate_connected(&w.gate);
    gate_says(&w.gate, newcomer, "{\"action\":\"say\"}");
    gate_hears(&w.gate, newcomer, "1", NULL);
}

static void make_in(enum place where, enum call what, int *fd)
{
    place = where;
    call = what;
    armed = false;
    made = 0;
    begin(fd);
    armed = true;
    converse();
    armed = false;
    if (made != 1)
        fail_msg("place %d was not reached, to call %s", (int)where, names_of_calls[what]);
    check();
    gate_end(&w.gate);
    assert_int_equal(w.outcomes, w.asked);
    assert_int_equal(w.closed_names, what == CALL_set_names);
}

static void anywhere__F44_any_call_is_safe_in_this_callback(void **state)
{
    enum place where = *(const enum place *)*state;
    int pipes[2];

    assert_int_equal(pipe(pipes), 0);
    for (int what = 0; what < CALL_COUNT; what++)
        if (where == SOURCE_DEADLINE && what == CALL_run)
            continue;
        else if (what < LAST_WITHOUT_A_REQUEST || (what > LAST_WITHOUT_A_REQUEST && where <= LAST_WITH_A_REQUEST))
            make_in(where, (enum call)what, &pipes[0]);
    close(pipes[0]);
    close(pipes[1]);
}

int main(void)
{
    static const char *const names[PLACES] = {"authorizer",
                                              "$connect",
                                              "message",
                                              "history",
                                              "resumed",
                                              "$disconnect",
                                              "validate",
                                              "entry",
                                              "refusal",
                                              "access line",
                                              "outcome of post",
                                              "outcome of publish",
                                              "outcome of disconnect",
                                              "about a connection",
                                              "visited room",
                                              "visited member",
                                              "prepare name",

                                              "source step",
                                              "source deadline"};
    static enum place places[PLACES];
    struct CMUnitTest tests[PLACES];

    for (int i = 0; i < PLACES; i++) {
        places[i] = (enum place)i;
        tests[i] =
            (struct CMUnitTest){names[i], anywhere__F44_any_call_is_safe_in_this_callback, NULL, NULL, &places[i]};
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
