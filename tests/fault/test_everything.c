/*
 * F20: a whole server in this process, ws_epoll, a store, the chat, a gateway and the management API, libcurl, LMDB,
 * wslay, nettle, ICU and the C library included: each allocation of a scenario fails in turn, once and with all that
 * follow. Nothing crashes or leaks; Ann, who does what the scenario is about, is answered or sent away; Bob, who only
 * listens, misses nothing of his room, or is sent away; whoever comes afterwards finds everything in order, and so does
 * the next process.
 *
 *     test_everything memory|lmdb|threads STRIDE [SCENARIO]    every STRIDE-th allocation of each scenario
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "no_memory.h"
#include "store_folder.h"
#include "ws_client.h"

#include <chatroom/backend/lmdb.h>
#include <chatroom/backend/memory.h>
#include <chatroom/backend/names_icu.h>
#include <chatroom/backend/remote.h>
#include <chatroom/backend/ws_epoll.h>
#include <chatroom/chatroom.h>
#include <chatroom/event.h>
#include <chatroom/management.h>
#include <chatroom/model.h>

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST       20000 /* allocations of one scenario */
#define QUIET      3     /* turns without anything: nothing more comes */
#define TURNS_MOST 4000  /* until something is said not to happen any more */

enum store_kind { IN_MEMORY, IN_LMDB };

struct person {
    struct ws_client *ws;
    unsigned answers; /* messages of any kind */
    uint64_t seq;     /* of what it heard in its room; 0: nothing */
};

struct world {
    chatroom *c;
    chatroom_request *deferred;
    struct chatroom_transport transport;
    struct chatroom_store store;
    chatroom_remote *remote;
    chatroom_model *model;
    char folder[64], address[64], url[128];
    struct person ann, bob, new_one;
    bool stopped; /* the scenario has ended the server */
    unsigned lines;
};

struct scenario {
    const char *name;
    void (*act)(struct world *w, const char *text);
    const char *text;
    bool silent; /* there may be no answer */
};

static enum store_kind kind;
static unsigned threads, stride;

/* ---- handlers ---------------------------------------------------------------------------------------------------- */

static int resumed(chatroom_request *request, void *arg)
{
    (void)arg;
    return chatroom_request_reply(request, chatroom_str("\"later\""));
}

static int on_later(chatroom_request *request, void *arg)
{
    struct world *w = arg;

    w->deferred = request;
    chatroom_request_defer(request);
    return CHATROOM_OK;
}

static int authorize(chatroom_request *request, void *arg)
{
    const struct chatroom_request_info *info = chatroom_request_info(request);

    (void)arg;
    if (memmem(info->head->target.bytes, info->head->target.size, "deny", 4))
        return CHATROOM_EDENIED;
    return chatroom_request_authorize(request, chatroom_str("{\"principalId\":\"somebody\",\"tenant\":\"t\"}"));
}

static int on_connect(chatroom_request *request, void *arg)
{
    (void)arg;
    return chatroom_request_subprotocol(request, chatroom_str("chat"));
}

static int on_all(chatroom_request *request, void *arg)
{
    (void)arg;
    return chatroom_request_broadcast(request, chatroom_str("\"to everybody\""));
}

static int check_model(void *arg, chatroom_span body, struct chatroom_error *error)
{
    return chatroom_model_check(arg, body, error);
}

static void take_line(void *arg, chatroom_span line)
{
    (void)line;
    ++*(unsigned *)arg;
}

static void take_log(void *arg, enum chatroom_log_level level, const char *event,
                     const struct chatroom_log_field *fields, size_t count)
{
    (void)arg, (void)level, (void)event, (void)fields, (void)count;
}

/* ---- the server -------------------------------------------------------------------------------------------------- */

static int make_store(struct world *w)
{
    struct chatroom_lmdb_options options = CHATROOM_LMDB_OPTIONS;

    options.durability = CHATROOM_DURABLE_NONE;
    options.map_bytes = 1 << 24;
    return kind == IN_LMDB ? chatroom_lmdb_store(w->folder, &options, &w->store, NULL)
                           : chatroom_memory_store(&w->store);
}

static int make_transport(struct world *w)
{
    static const char *const listen[] = {"127.0.0.1:0"};
    static const struct chatroom_ws_file file = {"/page", "Content-Type: text/plain\r\n", "a page", 6};
    struct chatroom_ws_epoll_options options = CHATROOM_WS_EPOLL_OPTIONS;
    int rc;

    options.listen = listen;
    options.listen_count = 1;
    options.threads = threads;
    options.files = &file;
    options.file_count = 1;
    rc = chatroom_ws_epoll(&options, &w->transport, NULL);
    if (rc)
        w->store.ops->close(w->store.self);
    return rc;
}

static int make_instance(struct world *w)
{
    static const struct chatroom_variable variable = {{"place", 5}, {"here", 4}};
    struct chatroom_config config = CHATROOM_CONFIG;

    config.store = w->store;
    config.transport = w->transport;
    config.stage = "dev";
    config.log = take_log;
    config.limits.messages_per_second = 0;
    config.limits.bytes_per_second = 0;
    config.stage_variables = &variable;
    config.stage_variable_count = 1;
    return chatroom_new(&config, &w->c, NULL);
}

static int bind_names(struct world *w)
{
    struct chatroom_names names;
    int rc = chatroom_names_icu(&names, NULL);

    if (rc == CHATROOM_OK)
        chatroom_set_names(w->c, &names);
    return rc;
}

static int bind_chat(struct world *w)
{
    struct chatroom_chat_options options = CHATROOM_CHAT_OPTIONS;

    options.keep_empty_rooms = true;
    options.rate_limits = false;
    return chatroom_chat(w->c, &options);
}

static int bind_model(struct world *w)
{
    struct chatroom_route_options options = CHATROOM_ROUTE_OPTIONS;
    static const char schema[] =
        "{\"type\":\"object\",\"required\":[\"n\"],\"properties\":{\"n\":{\"type\":\"integer\"}}}";
    int rc = chatroom_model_new(NULL, chatroom_str(schema), &w->model, NULL);

    options.validate = check_model;
    options.validate_arg = w->model;
    return rc ? rc : chatroom_route_with(w->c, "modelled", on_all, w, &options);
}

static int bind_limited(struct world *w)
{
    struct chatroom_route_options options = CHATROOM_ROUTE_OPTIONS;

    options.connection_per_minute = options.connection_burst = 1;
    return chatroom_route_with(w->c, "limited", on_all, w, &options);
}

static int manage(struct world *w)
{
    struct chatroom_management_options options = CHATROOM_MANAGEMENT_OPTIONS;

    options.unsigned_loopback = true;
    options.metrics_path = "/metrics";
    return chatroom_manage(w->c, &options);
}

static int bind_own(struct world *w)
{
    int rc = chatroom_route(w->c, "$connect", on_connect, w);

    rc = rc ? rc : chatroom_route(w->c, "later", on_later, w);
    rc = rc ? rc : chatroom_route(w->c, "all", on_all, w);
    rc = rc ? rc : chatroom_authorizer(w->c, authorize, w, 0);
    rc = rc ? rc : bind_model(w);
    rc = rc ? rc : bind_limited(w);
    rc = rc ? rc : manage(w);
    rc = rc ? rc : chatroom_map_domain(w->c, "chat.example", "live");
    return rc ? rc
              : chatroom_access_log(w->c, "$context.requestId $context.routeKey ${context.authorizer.tenant}",
                                    take_line, &w->lines, NULL);
}

static int attach_remote(struct world *w)
{
    struct chatroom_remote_options options = CHATROOM_REMOTE_OPTIONS;
    int rc = chatroom_remote_new(&options, &w->remote, NULL);

    return rc ? rc : chatroom_remote_attach(w->remote, w->c);
}

static int (*const parts[])(struct world *w) = {make_store, make_transport, make_instance, bind_names,
                                                bind_chat,  bind_own,       attach_remote};

/* The address is known now. What calls go to is this server itself, which answers in the turns in between. */
static int add_targets(struct world *w, chatroom_remote_target **ret_http, chatroom_remote_target **ret_lambda)
{
    struct chatroom_remote_http http = CHATROOM_REMOTE_HTTP;
    struct chatroom_remote_lambda lambda = CHATROOM_REMOTE_LAMBDA;
    static const struct chatroom_remote_mapping mapping = {"integration.request.header.X-Who",
                                                           "context.authorizer.tenant"};
    static const struct chatroom_sigv4_key key = {{"AKIDEXAMPLE00001", 16}, {"wJalrXUtnFEMIK7MDENG", 20}, {NULL, 0}};
    char endpoint[96];
    int rc;

    snprintf(w->url, sizeof w->url, "http://%s/health?${stageVariables.place}", w->address);
    snprintf(endpoint, sizeof endpoint, "http://%s", w->address);
    http.method = "GET";
    http.url = w->url;
    http.mappings = &mapping;
    http.mapping_count = 1;
    lambda.endpoint = endpoint;
    lambda.function = "nothing";
    lambda.key = &key;
    rc = chatroom_remote_http(w->remote, &http, ret_http, NULL);
    return rc ? rc : chatroom_remote_lambda(w->remote, &lambda, ret_lambda, NULL);
}

static chatroom_remote_target *http_target, *lambda_target;

static int on_http(chatroom_request *request, void *arg)
{
    (void)arg;
    return chatroom_remote_handler(request, http_target);
}

static int on_lambda(chatroom_request *request, void *arg)
{
    (void)arg;
    return chatroom_remote_handler(request, lambda_target);
}

static int bind_remote(struct world *w)
{
    struct chatroom_route_options options = CHATROOM_ROUTE_OPTIONS;
    int rc;

    options.two_way = true;
    rc = chatroom_route_with(w->c, "http", on_http, w, &options);
    return rc ? rc : chatroom_route_with(w->c, "lambda", on_lambda, w, &options);
}

static void dismantle(struct world *w)
{
    chatroom_free(w->c);
    chatroom_model_free(w->model);
    w->c = NULL;
    w->model = NULL;
    w->remote = NULL;
}

/* Errors: whatever the part that failed had to say. */
static int start(struct world *w)
{
    int rc = CHATROOM_OK;

    for (size_t i = 0; i < sizeof parts / sizeof *parts && !rc; i++)
        rc = parts[i](w);
    rc = rc ? rc : bind_remote(w);
    rc = rc ? rc : chatroom_start(w->c, chatroom_host_now(), NULL);
    rc = rc ? rc : chatroom_ws_epoll_address(&w->transport, 0, w->address, sizeof w->address);
    rc = rc ? rc : add_targets(w, &http_target, &lambda_target);
    if (rc)
        dismantle(w);
    return rc;
}

/* ---- turns ------------------------------------------------------------------------------------------------------- */

/* What Bob hears of his room has no gap and nothing twice. */
static void hear(struct person *person, chatroom_span text)
{
    const char *at = memmem(text.bytes, text.size, "\"type\":\"client-message\"", 23);
    const char *seq = at ? memmem(text.bytes, text.size, "\"seq\":", 6) : NULL;
    uint64_t number = seq ? strtoull(seq + 6, NULL, 10) : 0;

    person->answers++;
    if (!seq)
        return;
    assert_true(person->seq == 0 || number == person->seq + 1);
    person->seq = number;
}

static bool listen_to(struct person *person)
{
    chatroom_span payload;
    uint8_t first;
    size_t before;

    if (!person->ws)
        return false;
    before = person->ws->out_size;
    ws_client_work(person->ws);
    while (ws_client_take(person->ws, &first, &payload)) {
        before++;
        if ((first & 0x0F) == WS_TEXT)
            hear(person, payload);
        else if ((first & 0x0F) == WS_CLOSE_FRAME)
            ws_client_put_frame(person->ws, 0x80 | WS_CLOSE_FRAME, payload.bytes, payload.size < 2 ? 0 : 2);
    }
    return before != person->ws->out_size;
}

/* Whether anything happened. */
static bool turn(struct world *w)
{
    struct pollfd ready = {.fd = chatroom_fd(w->c), .events = POLLIN};
    bool any, before;

    before = no_memory_inside(true);
    any = poll(&ready, 1, 1) > 0;
    assert_int_equal(chatroom_step(w->c, chatroom_host_now()), CHATROOM_OK);
    no_memory_inside(before);
    any |= listen_to(&w->ann);
    any |= listen_to(&w->bob);
    return any | listen_to(&w->new_one);
}

static void settle(struct world *w)
{
    for (int quiet = 0, turns = 0; quiet < QUIET && turns < 100; turns++)
        quiet = turn(w) ? 0 : quiet + 1;
}

#define UNTIL(w, condition)                                   \
    do {                                                      \
        int turns_ = 0;                                       \
        for (; !(condition) && turns_ < TURNS_MOST; turns_++) \
            turn(w);                                          \
        if (!(condition))                                     \
            fail_msg("in vain: %s", #condition);              \
    } while (0)

static void come(struct world *w, struct person *person, const char *target, const char *fields)
{
    *person = (struct person){.ws = ws_client_new(w->address)};
    assert_non_null(person->ws);
    ws_client_put_request(person->ws, target, fields);
}

static void leave(struct person *person)
{
    ws_client_free(person->ws);
    person->ws = NULL;
}

static void say(struct person *person, const char *text)
{
    ws_client_put_frame(person->ws, 0x80 | WS_TEXT, text, strlen(text));
}

/* In the room "den", whatever else is going on. */
static void move_in(struct world *w, struct person *person, const char *name)
{
    char text[96];
    unsigned before;

    come(w, person, "/dev", "");
    UNTIL(w, person->ws->status != 0);
    assert_int_equal(person->ws->status, 101);
    snprintf(text, sizeof text, "{\"action\":\"register\",\"value\":\"%s\"}", name);
    before = person->answers;
    say(person, text);
    UNTIL(w, person->answers > before);
    before = person->answers;
    say(person, "{\"action\":\"join-room\",\"value\":\"den\"}");
    UNTIL(w, person->answers > before);
}

static void speak(struct world *w, struct person *person)
{
    uint64_t before = person->seq;

    say(person, "{\"action\":\"dispatch\",\"value\":\"hello\"}");
    UNTIL(w, person->seq > before);
}

/* ---- what may be done -------------------------------------------------------------------------------------------- */

static void act_say(struct world *w, const char *text)
{
    say(&w->ann, text);
    settle(w);
}

static void act_say_twice(struct world *w, const char *text)
{
    say(&w->ann, text);
    say(&w->ann, text);
    settle(w);
}

static void act_both(struct world *w, const char *text)
{
    say(&w->ann, text);
    say(&w->bob, text);
    settle(w);
}

static void act_resume(struct world *w, const char *text)
{
    say(&w->ann, text);
    settle(w);
    if (w->deferred) {
        bool before = no_memory_inside(true);

        chatroom_request_resume(w->deferred, resumed, w);
        no_memory_inside(before);
        w->deferred = NULL;
    }
    settle(w);
}

static void act_frames(struct world *w, const char *text)
{
    char part[5000];

    memset(part, 'x', sizeof part);
    ws_client_put_frame(w->ann.ws, WS_TEXT, text, strlen(text));
    for (int i = 0; i < 10; i++)
        ws_client_put_frame(w->ann.ws, WS_CONTINUATION, part, sizeof part);
    ws_client_put_frame(w->ann.ws, 0x80 | WS_PING_FRAME, "hello", 5);
    turn(w);
    ws_client_put_frame(w->ann.ws, 0x80 | WS_CONTINUATION, "\"}", 2);
    settle(w);
}

static void act_raw(struct world *w, const char *octets)
{
    ws_client_put(w->ann.ws, octets, strlen(octets));
    settle(w);
}

static void act_close(struct world *w, const char *text)
{
    (void)text;
    ws_client_put_frame(w->ann.ws, 0x80 | WS_CLOSE_FRAME, "\x03\xe8", 2);
    settle(w);
}

static void act_cut(struct world *w, const char *text)
{
    (void)text;
    ws_client_cut(w->ann.ws);
    settle(w);
}

static void act_half_close(struct world *w, const char *text)
{
    say(&w->ann, text);
    ws_client_work(w->ann.ws);
    shutdown(w->ann.ws->fd, SHUT_WR);
    settle(w);
}

static void act_come(struct world *w, const char *target)
{
    leave(&w->ann);
    come(w, &w->ann, target, "Sec-WebSocket-Protocol: chat\r\nUser-Agent: somebody\r\n");
    settle(w);
}

static void act_come_from_elsewhere(struct world *w, const char *target)
{
    leave(&w->ann);
    come(w, &w->ann, target, "Origin: http://elsewhere.example\r\n");
    settle(w);
}

/* text: a request, with %s for Ann's connection. */
static void act_ask(struct world *w, const char *text)
{
    struct ws_client *asks = ws_client_new(w->address);
    char request[512];

    assert_non_null(asks);
    snprintf(request, sizeof request, text, "not-a-connection");
    ws_client_put(asks, request, strlen(request));
    for (int i = 0; i < 20 && !asks->ended && asks->status == 0; i++) {
        ws_client_work(asks);
        turn(w);
    }
    ws_client_free(asks);
    settle(w);
}

struct known {
    char text[32];
    size_t count;
};

static bool first_of(void *arg, chatroom_span id, chatroom_span name)
{
    struct known *known = arg;

    (void)name;
    snprintf(known->text, sizeof known->text, "%.*s", (int)id.size, id.bytes);
    return false;
}

/* The same about Bob. */
static void act_ask_about_bob(struct world *w, const char *text)
{
    struct known known = {.count = 0};
    char request[512];

    chatroom_each_member(w->c, chatroom_str("den"), first_of, &known);
    snprintf(request, sizeof request, text, known.text);
    act_ask(w, request);
}

static void heard_outcome(void *arg, int status)
{
    (void)status;
    ++*(unsigned *)arg;
}

static void act_host(struct world *w, const char *text)
{
    unsigned outcomes = 0, calls = 0;
    bool before = no_memory_inside(true);

    calls += chatroom_publish(w->c, chatroom_str("den"), chatroom_str("host"), chatroom_str(text), heard_outcome,
                              &outcomes) == CHATROOM_OK;
    calls += chatroom_post(w->c, chatroom_str("nobody"), chatroom_str(text), heard_outcome, &outcomes) == CHATROOM_OK;
    no_memory_inside(before);
    settle(w);
    UNTIL(w, outcomes == calls);
}

static void act_crowd(struct world *w, const char *text)
{
    struct person others[5];

    (void)text;
    for (size_t i = 0; i < 5; i++)
        come(w, &others[i], "/dev", "");
    for (int i = 0; i < 10; i++) {
        turn(w);
        for (size_t k = 0; k < 5; k++)
            ws_client_work(others[k].ws);
    }
    for (size_t i = 0; i < 5; i++)
        leave(&others[i]);
    settle(w);
}

static void act_stop(struct world *w, const char *text)
{
    (void)text;
    chatroom_stop(w->c);
    settle(w);
    no_memory_from(0, false);
    UNTIL(w, chatroom_stopped(w->c));
    w->stopped = true;
}

#define HTTP(method, path, rest) method " " path " HTTP/1.1\r\nHost: a\r\n" rest "\r\n"
#define LONG_TEXT                                                                                                 \
    "{\"action\":\"dispatch\",\"value\":\"0123456789012345678901234567890123456789012345678901234567890123456789" \
    "0123456789012345678901234567890123456789012345678901234567890123456789\"}"

static const struct scenario scenarios[] = {
    {"connect", act_come, "/dev", true},
    {"connect with a query", act_come, "/dev?a=1&b=%20", true},
    {"connect denied", act_come, "/dev?deny", true},
    {"connect to nowhere", act_come, "/nowhere", true},
    {"connect from elsewhere", act_come_from_elsewhere, "/dev", true},
    {"register", act_say, "{\"action\":\"register\",\"value\":\"ann the second\"}", false},
    {"register with escapes", act_say, "{\"act\\u0069on\":\"regist\\u0065r\",\"value\":\"\\u00e9ve\"}", false},
    {"register a look-alike", act_say, "{\"action\":\"register\",\"value\":\"b\\u043eb\"}", false},
    {"new room", act_say, "{\"action\":\"new-room\",\"value\":\"attic\"}", false},
    {"new room, refused", act_say, "{\"action\":\"new-room\",\"value\":\"den\"}", false},
    {"join", act_say, "{\"action\":\"join-room\",\"value\":\"den\"}", false},
    {"join new", act_say, "{\"action\":\"join-room\",\"value\":\"cellar\"}", false},
    {"join a look-alike", act_say, "{\"action\":\"join-room\",\"value\":\"d\\u0435n\"}", false},
    {"dispatch", act_say, "{\"action\":\"dispatch\",\"value\":\"hi\"}", false},
    {"dispatch long", act_say, LONG_TEXT, false},
    {"dispatch with an id twice", act_say_twice, "{\"action\":\"dispatch\",\"value\":\"hi\",\"id\":\"1\"}", false},
    {"both dispatch", act_both, "{\"action\":\"dispatch\",\"value\":\"hi\"}", false},
    {"history", act_say, "{\"action\":\"history\"}", false},
    {"history before", act_say, "{\"action\":\"history\",\"before\":3,\"limit\":1}", false},
    {"history after", act_say, "{\"action\":\"history\",\"after\":0}", false},
    {"members", act_say, "{\"action\":\"members\"}", false},
    {"leave", act_say, "{\"action\":\"leave-room\"}", true},
    {"unknown", act_say, "{\"action\":\"nothing\"}", false},
    {"bad json", act_say, "{\"action\":", false},
    {"all", act_say, "{\"action\":\"all\"}", false},
    {"modelled", act_say, "{\"action\":\"modelled\",\"n\":1}", false},
    {"modelled, refused", act_say, "{\"action\":\"modelled\",\"n\":\"1\"}", false},
    {"limited", act_say_twice, "{\"action\":\"limited\"}", false},
    {"deferred", act_resume, "{\"action\":\"later\"}", false},
    {"http", act_say, "{\"action\":\"http\"}", true},
    {"lambda", act_say, "{\"action\":\"lambda\"}", true},
    {"fragments", act_frames, "{\"action\":\"dispatch\",\"value\":\"", false},
    {"protocol error", act_raw, "\xff\xff\xff\xff\xff\xff\xff", true},
    {"close", act_close, "", true},
    {"cut", act_cut, "", true},
    {"half-close", act_half_close, "{\"action\":\"dispatch\",\"value\":\"bye\"}", true},
    {"crowd", act_crowd, "", true},
    {"health", act_ask, HTTP("GET", "/health", ""), true},
    {"page", act_ask, HTTP("GET", "/page", ""), true},
    {"no page", act_ask, HTTP("GET", "/no-page", ""), true},
    {"no request", act_ask, "nothing of the kind\r\n\r\n", true},
    {"metrics", act_ask, HTTP("GET", "/metrics", ""), true},
    {"get connection", act_ask_about_bob, HTTP("GET", "/dev/@connections/%s", ""), true},
    {"post to connection", act_ask_about_bob, HTTP("POST", "/dev/@connections/%s", "Content-Length: 2\r\n") "hi", true},
    {"post to nobody", act_ask, HTTP("POST", "/dev/@connections/%s", "Content-Length: 2\r\n") "hi", true},
    {"delete connection", act_ask_about_bob, HTTP("DELETE", "/dev/@connections/%s", ""), true},
    {"domain", act_ask, "GET /live HTTP/1.1\r\nHost: chat.example\r\n\r\n", true},
    {"host", act_host, "\"from the host\"", true},
    {"stop", act_stop, "", true},
};

/* ---- afterwards -------------------------------------------------------------------------------------------------- */

static bool is_here(const struct person *person)
{
    return person->ws && person->ws->status == 101 && !person->ws->ended && person->ws->close_code == 0;
}

/* Bob has missed nothing, or knows that he may have: he was sent away. */
static void check_bob(struct world *w)
{
    if (is_here(&w->bob))
        speak(w, &w->bob);
}

/* A newcomer sees one log, from the first entry to the last, and can speak. */
static void check_newcomer(struct world *w)
{
    unsigned before;

    move_in(w, &w->new_one, "a new one");
    w->new_one.seq = 0;
    speak(w, &w->new_one);
    if (is_here(&w->bob)) {
        UNTIL(w, w->bob.seq >= w->new_one.seq);
        assert_int_equal(w->bob.seq, w->new_one.seq);
    }
    before = w->new_one.answers;
    say(&w->new_one, "{\"action\":\"members\"}");
    UNTIL(w, w->new_one.answers > before);
}

static void check_next_process(struct world *w, uint64_t newest)
{
    assert_int_equal(start(w), CHATROOM_OK);
    move_in(w, &w->new_one, "the next one");
    w->new_one.seq = 0;
    speak(w, &w->new_one);
    assert_true(w->new_one.seq > newest); /* nothing that was heard is gone */
    leave(&w->new_one);
    dismantle(w);
}

/* ---- a run ------------------------------------------------------------------------------------------------------- */

static void prepare(struct world *w)
{
    memset(w, 0, sizeof *w);
    snprintf(w->folder, sizeof w->folder, "%s", "/tmp/chatroom-everything-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
}

static void begin(struct world *w)
{
    prepare(w);
    assert_int_equal(start(w), CHATROOM_OK);
    move_in(w, &w->bob, "bob");
    move_in(w, &w->ann, "ann");
    for (int i = 0; i < 3; i++)
        speak(w, &w->bob);
    settle(w);
    w->ann.answers = 0;
}

static void end(struct world *w)
{
    uint64_t newest = w->new_one.seq;

    leave(&w->ann);
    leave(&w->bob);
    leave(&w->new_one);
    if (w->c && w->deferred)
        chatroom_request_resume(w->deferred, resumed, w);
    dismantle(w);
    if (kind == IN_LMDB && newest > 0)
        check_next_process(w, newest);
    store_folder_remove(w->folder);
    assert_int_not_equal(access(w->folder, F_OK), 0); /* nothing else is left in it */
}

/* True: there are not so many allocations. */
static bool try_once(const struct scenario *scenario, uint64_t n, bool stays)
{
    struct world w;
    bool failed;

    begin(&w);
    no_memory_from(n, stays);
    scenario->act(&w, scenario->text);
    failed = no_memory_failed();
    no_memory_from(0, false);
    if (!w.stopped) {
        settle(&w);
        if (!scenario->silent && w.ann.answers == 0 && is_here(&w.ann))
            UNTIL(&w, w.ann.answers > 0 || !is_here(&w.ann));
        check_bob(&w);
        check_newcomer(&w);
    }
    end(&w);
    return !failed;
}

static void everything__F20_fails_once_and_for_good(void **state)
{
    const struct scenario *scenario = *state;

    for (int stays = 0; stays < 2; stays++) {
        uint64_t n = 1, tried = 0;

        for (; !try_once(scenario, n, stays); n += stride) {
            tried++;
            assert_true(n < MOST);
        }
        print_message("%s: %llu allocations fail %s\n", scenario->name, (unsigned long long)tried,
                      stays ? "with all behind them" : "alone");
    }
}

/* The whole start: made, or an error and nothing left. */
static void everything__F20_starts_or_does_not(void **state)
{
    (void)state;
    for (int stays = 0; stays < 2; stays++) {
        bool failed = true;

        for (uint64_t n = 1; failed; n += stride) {
            struct world w;
            bool before;
            int rc;

            assert_true(n < MOST);
            prepare(&w);
            no_memory_from(n, stays);
            before = no_memory_inside(true);
            rc = start(&w);
            no_memory_inside(before);
            failed = no_memory_failed();
            no_memory_from(0, false);
            assert_true(rc == CHATROOM_OK || failed);
            if (rc == CHATROOM_OK) {
                move_in(&w, &w.bob, "bob");
                speak(&w, &w.bob);
            }
            end(&w);
        }
    }
}

/* The same for each thread that cannot be begun. */
static void everything__F23_starts_or_does_not_without_a_thread(void **state)
{
    bool failed = true;

    (void)state;
    for (unsigned n = 1; failed; n++) {
        struct world w;
        int rc;

        prepare(&w);
        no_threads_from(n);
        rc = start(&w);
        failed = no_threads_from(0);
        assert_int_equal(rc != CHATROOM_OK, failed);
        if (rc == CHATROOM_OK) {
            move_in(&w, &w.bob, "bob");
            speak(&w, &w.bob);
            assert_int_equal(n, 1 + threads + (kind == IN_LMDB));
        }
        end(&w);
    }
}

/* What libraries make once is made: ICU that was out of memory at its first use stays without its data for good. */
static int warm_up(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    end(&w);
    return 0;
}

int main(int argc, char **argv)
{
    struct CMUnitTest tests[sizeof scenarios / sizeof *scenarios + 2];
    size_t count = 0;

    if (argc < 3) {
        fprintf(stderr, "usage: test_everything memory|lmdb|threads STRIDE [SCENARIO]\n");
        return 2;
    }
    kind = strcmp(argv[1], "lmdb") == 0 ? IN_LMDB : IN_MEMORY;
    threads = strcmp(argv[1], "threads") == 0 ? 2 : 0;
    stride = (unsigned)atoi(argv[2]);
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
        tests[count++] = (struct CMUnitTest){scenarios[i].name, everything__F20_fails_once_and_for_good, NULL, NULL,
                                             (void *)&scenarios[i]};
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(everything__F20_starts_or_does_not);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(everything__F23_starts_or_does_not_without_a_thread);
    if (argc > 3)
        cmocka_set_test_filter(argv[3]);
    no_memory_init();
    return _cmocka_run_group_tests("out of memory", tests, count, warm_up, NULL);
}
