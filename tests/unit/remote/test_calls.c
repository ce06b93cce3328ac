/* Routes whose handlers are functions, well and badly. */
#include "kit.h"

#include "remote.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static const char hello[] = "{\"action\":\"go\",\"n\":1}";

/* ---- servers ---- */

struct script {
    const char *status, *headers, *body;
    char head[8192], got[8192]; /* of the last request */
    size_t got_size;
};

static bool reply(struct fake *fake, const struct fake_request *request, void *arg)
{
    struct script *script = arg;

    (void)fake;
    snprintf(script->head, sizeof script->head, "%s", request->head);
    snprintf(script->got, sizeof script->got, "%s", request->body);
    script->got_size = request->body_size;
    return fake_reply(request, script->status, script->headers, script->body);
}

static bool hang(struct fake *fake, const struct fake_request *request, void *arg)
{
    (void)arg;
    return fake_hang(fake, request, -1);
}

static bool slow(struct fake *fake, const struct fake_request *request, void *arg)
{
    (void)arg;
    fake_hang(fake, request, 60);
    return fake_reply(request, "200 OK", "", "{\"statusCode\":200,\"body\":\"slow\"}");
}

static bool reset(struct fake *fake, const struct fake_request *request, void *arg)
{
    struct linger linger = {1, 0};

    (void)fake;
    (void)arg;
    setsockopt(request->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    return false;
}

static bool say(struct fake *fake, const struct fake_request *request, void *arg)
{
    const char *text = arg;

    (void)fake;
    fake_write(request->fd, text, strlen(text));
    return false;
}

/* A byte now and then, for ever. */
static bool trickle(struct fake *fake, const struct fake_request *request, void *arg)
{
    (void)arg;
    fake_write(request->fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", 42);
    for (int i = 0; i < 200; i++) {
        struct fake_request copy = *request;

        fake_hang(fake, &copy, 10);
        fake_write(request->fd, "{", 1);
    }
    return false;
}

static bool huge(struct fake *fake, const struct fake_request *request, void *arg)
{
    static const char block[65536];

    (void)fake;
    (void)arg;
    fake_write(request->fd, "HTTP/1.1 200 OK\r\n\r\n", 19);
    for (int i = 0; i < 200; i++)
        fake_write(request->fd, block, sizeof block);
    return false;
}

static bool flood(struct fake *fake, const struct fake_request *request, void *arg)
{
    static const char line[] = "X-Flood: 0123456789012345678901234567890123456789\r\n";

    (void)fake;
    (void)arg;
    fake_write(request->fd, "HTTP/1.1 200 OK\r\n", 17);
    for (int i = 0; i < 5000; i++)
        fake_write(request->fd, line, sizeof line - 1);
    return false;
}

/* ---- one call ---- */

struct round {
    struct kit kit;
    struct fake *fake;
    struct script script;
    size_t client;
};

static void lambda_at(struct round *round, const char *endpoint, unsigned timeout_ms, bool serial,
                      const struct chatroom_remote_options *options)
{
    struct chatroom_remote_lambda lambda = CHATROOM_REMOTE_LAMBDA;
    struct chatroom_error error = {0, ""};
    chatroom_remote_target *target;

    kit_open(&round->kit, options);
    lambda.endpoint = endpoint;
    lambda.function = "function";
    lambda.serial = serial;
    lambda.limits.timeout_ms = timeout_ms;
    assert_int_equal(chatroom_remote_lambda(round->kit.remote, &lambda, &target, &error), CHATROOM_OK);
    kit_route(&round->kit, "go", target);
    kit_start(&round->kit);
    round->client = kit_client(&round->kit);
}

static struct round *begin_with(fake_fn *answer, void *arg, unsigned timeout_ms)
{
    struct round *round = calloc(1, sizeof *round);

    assert_non_null(round);
    round->fake = fake_new(answer, arg ? arg : &round->script);
    lambda_at(round, round->fake->url, timeout_ms, false, NULL);
    return round;
}

static struct round *begin(const char *status, const char *headers, const char *body)
{
    struct round *round = begin_with(reply, NULL, 0);

    round->script.status = status;
    round->script.headers = headers;
    round->script.body = body;
    return round;
}

static void end(struct round *round)
{
    fake_free(round->fake);
    kit_close(&round->kit);
    free(round);
}

static void assert_answer(const char *status, const char *headers, const char *body, const char *answer,
                          const char *logged)
{
    struct round *round = begin(status, headers, body);

    assert_says(kit_ask(&round->kit, round->client, hello), answer);
    if (logged)
        kit_assert_logged(&round->kit, logged);
    else
        assert_int_equal(round->kit.logged == 0 || !strstr(round->kit.log, "integration_failed"), 1);
    assert_true(wire_is_open(round->kit.wire, round->client));
    end(round);
}

static void assert_trouble(fake_fn *answer, void *arg, unsigned timeout_ms, const char *heard, const char *logged)
{
    struct round *round = begin_with(answer, arg, timeout_ms);

    assert_says(kit_ask(&round->kit, round->client, hello), heard);
    kit_assert_logged(&round->kit, logged);
    kit_assert_logged(&round->kit, "target=function route=go connection=");
    assert_true(wire_is_open(round->kit.wire, round->client));
    end(round);
}

static const char oops[] = "{\"message\": \"Internal server error\", \"connectionId\":\"";
static const char late[] = "{\"message\": \"Endpoint request timed out\", \"connectionId\":\"";

static void AGW_42_path_method_and_headers_are_those_of_invoke(void **state)
{
    struct round *round = begin("200 OK", "", "{\"statusCode\":200,\"body\":\"hi\"}");
    char value[1024];

    (void)state;
    assert_string_equal(kit_ask(&round->kit, round->client, hello), "hi");
    assert_int_equal(strncmp(round->script.head, "POST /2015-03-31/functions/function/invocations HTTP/1.1\r\n", 58),
                     0);
    assert_string_equal(fake_header(round->script.head, "X-Amz-Invocation-Type", value), "RequestResponse");
    assert_string_equal(fake_header(round->script.head, "Content-Type", value), "application/json");
    assert_string_equal(fake_header(round->script.head, "Expect", value), "");
    assert_string_equal(fake_header(round->script.head, "Authorization", value), "");
    assert_string_equal(fake_header(round->script.head, "Host", value), round->fake->url + 7);
    assert_says(round->script.got, "\"routeKey\":\"go\"");
    assert_says(round->script.got, "\"eventType\":\"MESSAGE\"");
    assert_says(round->script.got, "\"body\":\"{\\\"action\\\":\\\"go\\\",\\\"n\\\":1}\"");
    end(round);
}

static void AGW_18_body_goes_back_for_200_and_for_500(void **state)
{
    (void)state;
    assert_answer("200 OK", "", "{\"statusCode\":200,\"body\":\"hi\"}", "hi", NULL);
    assert_answer("200 OK", "", "{\"statusCode\":500,\"body\":\"no\"}", "no", NULL);
}

static void AGW_20_unknown_key_and_other_shapes_are_malformed(void **state)
{
    static const char *const bodies[] = {
        "{\"statusCode\":200,\"answer\":1}", "null", "[]", "\"text\"", "{}", "", "{\"statusCode\":200", "<html>",
        "{\"statusCode\":200,\"body\":{}}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        assert_answer("200 OK", "", bodies[i], oops, "integration_failed");
}

static void AGW_43_function_error_with_status_200_is_a_failure(void **state)
{
    (void)state;
    assert_answer("200 OK", "X-Amz-Function-Error: Unhandled\r\n",
                  "{\"errorMessage\":\"it broke\",\"errorType\":\"Error\",\"trace\":[]}", oops,
                  "reason=function_error detail=it broke http_status=200");
    assert_answer("200 OK", "x-amz-function-error: Handled\r\n", "{\"statusCode\":200,\"body\":\"hi\"}", oops,
                  "reason=function_error");
}

static void AGW_44_error_objects_and_time_outs_of_the_emulator_are_failures(void **state)
{
    (void)state;
    assert_answer("200 OK", "", "{\"errorMessage\":\"it broke\",\"errorType\":\"Error\"}", oops,
                  "reason=function_error detail=it broke");
    assert_answer("200 OK", "Content-Type: text/plain\r\n", "Task timed out after 3.00 seconds", oops,
                  "reason=malformed");
}

static void AGW_46_throttled_function_is_an_internal_error(void **state)
{
    (void)state;
    assert_answer("429 Too Many Requests", "x-amzn-ErrorType: TooManyRequestsException\r\n",
                  "{\"Reason\":\"ConcurrentInvocationLimitExceeded\"}", oops,
                  "reason=status detail={\"Reason\":\"ConcurrentInvocationLimitExceeded\"} http_status=429");
    assert_answer("502 Bad Gateway", "", "{}", oops, "http_status=502");
    assert_answer("202 Accepted", "", "", oops, "http_status=202");
}

static void calls__redirect_is_not_followed(void **state)
{
    struct round *round = begin("307 Temporary Redirect", "", "");
    char headers[128];

    (void)state;
    snprintf(headers, sizeof headers, "Location: %s/elsewhere\r\n", round->fake->url);
    round->script.headers = headers;
    assert_says(kit_ask(&round->kit, round->client, hello), oops);
    assert_int_equal(round->fake->requests, 1);
    end(round);
}

static void AGW_21_time_out_is_told_and_the_connection_goes_on(void **state)
{
    (void)state;
    assert_trouble(hang, NULL, 80, late, "reason=timeout");
    assert_trouble(trickle, NULL, 80, late, "reason=timeout");
}

static void calls__failures_of_servers_are_internal_errors(void **state)
{
    (void)state;
    assert_trouble(reset, NULL, 0, oops, "reason=broken");
    assert_trouble(huge, NULL, 0, oops, "reason=too_big");
    assert_trouble(flood, NULL, 0, oops, "reason=too_big");
    assert_trouble(say, (void *)(uintptr_t) "", 0, oops, "reason=broken");
    assert_trouble(say, (void *)(uintptr_t) "SSH-2.0-OpenSSH\r\n", 0, oops, "integration_failed");
    assert_trouble(say, (void *)(uintptr_t) "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", 0, oops,
                   "reason=broken");
    assert_trouble(say, (void *)(uintptr_t) "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 0, oops,
                   "reason=broken");
    assert_trouble(say, (void *)(uintptr_t) "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", 0, oops,
                   "reason=broken");
    assert_trouble(say, (void *)(uintptr_t) "HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n", 0, oops,
                   "reason=malformed");
}

static void calls__refused_connection_is_told_at_once(void **state)
{
    struct round round = {0};
    char url[64];

    (void)state;
    fake_dead_url(url);
    lambda_at(&round, url, 0, false, NULL);
    assert_says(kit_ask(&round.kit, round.client, hello), oops);
    kit_assert_logged(&round.kit, "reason=unreachable");
    kit_close(&round.kit);
}

static void calls__proxy_of_the_environment_is_ignored(void **state)
{
    char url[64];

    (void)state;
    fake_dead_url(url);
    setenv("http_proxy", url, 1);
    setenv("ALL_PROXY", url, 1);
    assert_answer("200 OK", "", "{\"statusCode\":200,\"body\":\"direct\"}", "direct", NULL);
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
}

static void calls__result_that_is_just_small_enough_is_taken(void **state)
{
    struct chatroom_remote_options options = CHATROOM_REMOTE_OPTIONS;
    struct round *round = calloc(1, sizeof *round);

    (void)state;
    assert_non_null(round);
    options.response_bytes = 30;
    round->script = (struct script){.status = "200 OK", .headers = "", .body = "{\"statusCode\":200,\"body\":\"xx\"}"};
    assert_int_equal(strlen(round->script.body), 30);
    round->fake = fake_new(reply, &round->script);
    lambda_at(round, round->fake->url, 0, false, &options);
    assert_string_equal(kit_ask(&round->kit, round->client, hello), "xx");
    round->script.body = "{\"statusCode\":200,\"body\":\"xxx\"}";
    assert_says(kit_ask(&round->kit, round->client, hello), oops);
    kit_assert_logged(&round->kit, "reason=too_big");
    end(round);
}

/* ---- many calls ---- */

static void calls__connections_are_used_again(void **state)
{
    struct round *round = begin("200 OK", "", "{\"statusCode\":200,\"body\":\"hi\"}");

    (void)state;
    for (int i = 0; i < 10; i++)
        assert_string_equal(kit_ask(&round->kit, round->client, hello), "hi");
    assert_int_equal(round->fake->requests, 10);
    assert_int_equal(round->fake->connections, 1);
    end(round);
}

static void calls__idle_remote_wants_nothing(void **state)
{
    struct round *round = begin("200 OK", "", "{\"statusCode\":200,\"body\":\"hi\"}");
    struct pollfd wait = {round->kit.remote->epoll, POLLIN, 0};

    (void)state;
    assert_true(remote_loop_deadline(round->kit.remote) == CHATROOM_NEVER);
    assert_string_equal(kit_ask(&round->kit, round->client, hello), "hi");
    kit_turn_for(&round->kit, 20);
    assert_true(remote_loop_deadline(round->kit.remote) == CHATROOM_NEVER);
    fake_free(round->fake); /* the kept connection is closed by the other side */
    kit_turn_for(&round->kit, 20);
    assert_int_equal(poll(&wait, 1, 0), 0);
    assert_true(remote_loop_deadline(round->kit.remote) == CHATROOM_NEVER);
    kit_close(&round->kit);
    free(round);
}

/* A call that waits for its answer costs no steps. */
static void calls__call_under_way_wants_its_time_out_alone(void **state)
{
    struct round *round = begin_with(hang, NULL, 5000);
    struct pollfd wait = {round->kit.remote->epoll, POLLIN, 0};
    uint64_t now;

    (void)state;
    wire_send(round->kit.wire, round->client, hello);
    while (atomic_load(&round->fake->busy) < 1)
        kit_turn(&round->kit);
    kit_turn_for(&round->kit, 300); /* libcurl's own timers for a connection are over */
    now = chatroom_host_now().mono_ns;
    assert_int_equal(poll(&wait, 1, 0), 0);
    assert_in_range(remote_loop_deadline(round->kit.remote), now + 1000000000, now + 5000000000);
    end(round);
}

static bool once(struct fake *fake, const struct fake_request *request, void *arg)
{
    (void)fake;
    (void)arg;
    fake_reply(request, "200 OK", "", "{\"statusCode\":200,\"body\":\"once\"}");
    return false; /* without having said so */
}

static void calls__connection_that_the_server_closed_meanwhile_is_not_missed(void **state)
{
    struct round *round = begin_with(once, NULL, 0);

    (void)state;
    for (int i = 0; i < 5; i++) {
        assert_string_equal(kit_ask(&round->kit, round->client, hello), "once");
        kit_turn_for(&round->kit, 10);
    }
    end(round);
}

static void AGW_45_calls_to_one_emulator_are_serialised(void **state)
{
    struct round *round = calloc(1, sizeof *round);
    size_t clients[6];

    (void)state;
    assert_non_null(round);
    round->fake = fake_new(slow, NULL);
    lambda_at(round, round->fake->url, 0, true, NULL);
    for (size_t i = 0; i < 6; i++)
        clients[i] = kit_client(&round->kit);
    for (size_t i = 0; i < 6; i++)
        wire_send(round->kit.wire, clients[i], hello);
    for (size_t i = 0; i < 6; i++) {
        assert_string_equal(kit_hear(&round->kit, clients[i]), "slow");
        for (size_t later = i + 1; later < 6; later++) /* in the order in which they came */
            assert_int_equal(wire_queued(round->kit.wire, clients[later]), 0);
    }
    assert_int_equal(round->fake->busiest, 1);
    end(round);
}

static void AGW_45_targets_of_one_emulator_share_their_turn(void **state)
{
    struct round *round = calloc(1, sizeof *round);
    struct chatroom_remote_lambda lambda = CHATROOM_REMOTE_LAMBDA;
    struct chatroom_error error;
    chatroom_remote_target *a, *b;
    char slash[80];
    size_t one, two;

    (void)state;
    assert_non_null(round);
    round->fake = fake_new(slow, NULL);
    kit_open(&round->kit, NULL);
    lambda.endpoint = round->fake->url;
    lambda.function = "function";
    lambda.serial = true;
    assert_int_equal(chatroom_remote_lambda(round->kit.remote, &lambda, &a, &error), CHATROOM_OK);
    snprintf(slash, sizeof slash, "%s/", round->fake->url);
    lambda.endpoint = slash;
    assert_int_equal(chatroom_remote_lambda(round->kit.remote, &lambda, &b, &error), CHATROOM_OK);
    kit_route(&round->kit, "go", a);
    kit_route(&round->kit, "on", b);
    kit_start(&round->kit);
    one = kit_client(&round->kit);
    two = kit_client(&round->kit);
    wire_send(round->kit.wire, one, hello);
    wire_send(round->kit.wire, two, "{\"action\":\"on\"}");
    assert_string_equal(kit_hear(&round->kit, one), "slow");
    assert_string_equal(kit_hear(&round->kit, two), "slow");
    assert_int_equal(round->fake->busiest, 1);
    end(round);
}

static void calls__no_more_than_allowed_are_under_way_and_wait(void **state)
{
    struct chatroom_remote_options options = CHATROOM_REMOTE_OPTIONS;
    struct round *round = calloc(1, sizeof *round);
    unsigned heard = 0, refused = 0;

    (void)state;
    assert_non_null(round);
    options.calls = 2;
    options.waiting = 3;
    round->fake = fake_new(slow, NULL);
    lambda_at(round, round->fake->url, 0, false, &options);
    for (size_t i = 0; i < 8; i++)
        kit_client(&round->kit);
    for (size_t i = 1; i <= 8; i++)
        wire_send(round->kit.wire, i, hello);
    for (size_t i = 1; i <= 8; i++) {
        const char *text = kit_hear(&round->kit, i);

        heard += strcmp(text, "slow") == 0;
        refused += strncmp(text, "{\"message\": \"Too Many Requests\"", 31) == 0;
    }
    assert_int_equal(heard, 5);
    assert_int_equal(refused, 3);
    assert_int_equal(round->fake->busiest, 2);
    kit_assert_logged(&round->kit, "reason=too_many_calls");
    end(round);
}

static void calls__limit_of_the_remote_is_for_all_targets(void **state)
{
    struct chatroom_remote_options options = CHATROOM_REMOTE_OPTIONS;
    struct round *round = calloc(1, sizeof *round);

    (void)state;
    assert_non_null(round);
    options.calls = 2;
    round->fake = fake_new(slow, NULL);
    kit_open(&round->kit, &options);
    kit_route(&round->kit, "go", kit_lambda(&round->kit, round->fake->url));
    kit_route(&round->kit, "on", kit_lambda(&round->kit, round->fake->url));
    kit_start(&round->kit);
    for (size_t i = 0; i < 6; i++)
        wire_send(round->kit.wire, kit_client(&round->kit), i < 3 ? hello : "{\"action\":\"on\"}");
    for (size_t i = 0; i < 6; i++)
        assert_string_equal(kit_hear(&round->kit, i), "slow");
    assert_int_equal(round->fake->busiest, 2);
    end(round);
}

static void AGW_21_waiting_for_a_turn_counts(void **state)
{
    struct round *round = calloc(1, sizeof *round);
    size_t second;

    (void)state;
    assert_non_null(round);
    round->fake = fake_new(hang, NULL);
    lambda_at(round, round->fake->url, 150, true, NULL);
    second = kit_client(&round->kit);
    wire_send(round->kit.wire, round->client, hello);
    wire_send(round->kit.wire, second, hello);
    assert_says(kit_hear(&round->kit, round->client), late);
    assert_says(kit_hear(&round->kit, second), late);
    kit_assert_logged(&round->kit, "its turn did not come");
    assert_true(round->fake->requests <= 2);
    end(round);
}

static void calls__slow_target_does_not_hold_up_another(void **state)
{
    struct round *round = calloc(1, sizeof *round);
    struct fake *quick;
    size_t second;

    (void)state;
    assert_non_null(round);
    round->script =
        (struct script){.status = "200 OK", .headers = "", .body = "{\"statusCode\":200,\"body\":\"quick\"}"};
    round->fake = fake_new(hang, NULL);
    quick = fake_new(reply, &round->script);
    kit_open(&round->kit, NULL);
    kit_route(&round->kit, "go", kit_lambda(&round->kit, round->fake->url));
    kit_route(&round->kit, "quick", kit_lambda(&round->kit, quick->url));
    kit_start(&round->kit);
    round->client = kit_client(&round->kit);
    second = kit_client(&round->kit);
    wire_send(round->kit.wire, round->client, hello);
    assert_string_equal(kit_ask(&round->kit, second, "{\"action\":\"quick\"}"), "quick");
    fake_free(quick);
    end(round);
}

static void calls__end_of_the_instance_ends_every_call(void **state)
{
    struct chatroom_remote_options options = CHATROOM_REMOTE_OPTIONS;
    struct round *round = calloc(1, sizeof *round);

    (void)state;
    assert_non_null(round);
    options.calls = 3;
    round->fake = fake_new(hang, NULL);
    lambda_at(round, round->fake->url, 0, false, &options);
    for (size_t i = 0; i < 9; i++)
        wire_send(round->kit.wire, kit_client(&round->kit), hello);
    while (atomic_load(&round->fake->busy) < 3)
        kit_turn(&round->kit);
    assert_true(round->kit.heap.blocks > 9);
    chatroom_free(round->kit.c); /* three under way, six waiting */
    round->kit.c = NULL;
    assert_int_equal(round->kit.heap.blocks, 0);
    end(round);
}

static void AGW_21_late_result_is_discarded(void **state)
{
    struct round *round = calloc(1, sizeof *round);
    struct chatroom_route_options options = CHATROOM_ROUTE_OPTIONS;

    (void)state;
    assert_non_null(round);
    round->fake = fake_new(slow, NULL); /* in 60 ms */
    kit_open(&round->kit, NULL);
    options.two_way = true;
    options.timeout_ms = 20; /* the route is less patient than its target */
    assert_int_equal(chatroom_route_with(round->kit.c, "go", chatroom_remote_handler,
                                         kit_lambda(&round->kit, round->fake->url), &options),
                     CHATROOM_OK);
    kit_start(&round->kit);
    round->client = kit_client(&round->kit);
    assert_says(kit_ask(&round->kit, round->client, hello), late);
    kit_turn_for(&round->kit, 120);
    assert_int_equal(wire_queued(round->kit.wire, round->client), 0);
    assert_true(wire_is_open(round->kit.wire, round->client));
    end(round);
}

static void AGW_17_one_way_route_sends_nothing(void **state)
{
    struct round *round = calloc(1, sizeof *round);

    (void)state;
    assert_non_null(round);
    round->script = (struct script){.status = "200 OK", .headers = "", .body = "{\"statusCode\":500,\"body\":\"no\"}"};
    round->fake = fake_new(reply, &round->script);
    kit_open(&round->kit, NULL);
    assert_int_equal(
        chatroom_route(round->kit.c, "go", chatroom_remote_handler, kit_lambda(&round->kit, round->fake->url)),
        CHATROOM_OK);
    kit_start(&round->kit);
    round->client = kit_client(&round->kit);
    wire_send(round->kit.wire, round->client, hello);
    while (atomic_load(&round->fake->requests) < 1)
        kit_turn(&round->kit);
    kit_turn_for(&round->kit, 30);
    assert_int_equal(wire_queued(round->kit.wire, round->client), 0);
    end(round);
}

/* ---- other events ---- */

static uint16_t connect_status(const char *status, const char *body)
{
    struct round *round = calloc(1, sizeof *round);
    uint16_t answer;

    assert_non_null(round);
    round->script = (struct script){.status = status, .headers = "", .body = body};
    round->fake = fake_new(reply, &round->script);
    kit_open(&round->kit, NULL);
    kit_route(&round->kit, "$connect", kit_lambda(&round->kit, round->fake->url));
    kit_start(&round->kit);
    answer = kit_connect(&round->kit, "/prod?token=t");
    assert_says(round->script.got, "\"eventType\":\"CONNECT\"");
    assert_says(round->script.got, "\"queryStringParameters\":{\"token\":\"t\"}");
    end(round);
    return answer;
}

static void AGW_03_and_04_status_of_connect_is_the_functions_or_502(void **state)
{
    (void)state;
    assert_int_equal(connect_status("200 OK", "{\"statusCode\":200}"), 101);
    assert_int_equal(connect_status("200 OK", "{\"statusCode\":201}"), 101);
    assert_int_equal(connect_status("200 OK", "{\"statusCode\":401}"), 401);
    assert_int_equal(connect_status("200 OK", "{\"statusCode\":301}"), 301);
    assert_int_equal(connect_status("200 OK", "{\"errorMessage\":\"x\"}"), 502);
    assert_int_equal(connect_status("200 OK", "nonsense"), 502);
}

static void AGW_46_throttled_connect_is_502(void **state)
{
    (void)state;
    assert_int_equal(connect_status("429 Too Many Requests", "{}"), 502);
}

static bool fail_twice(struct fake *fake, const struct fake_request *request, void *arg)
{
    (void)arg;
    if (atomic_load(&fake->requests) <= 2)
        return fake_reply(request, "503 Service Unavailable", "", "{}");
    return fake_reply(request, "200 OK", "", "{\"statusCode\":200}");
}

static bool throw(struct fake * fake, const struct fake_request *request, void *arg)
{
    (void)fake;
    (void)arg;
    return fake_reply(request, "200 OK", "", "{\"errorMessage\":\"no\"}");
}

static chatroom_remote_target *retried(struct kit *kit, const char *url, unsigned retries)
{
    struct chatroom_remote_lambda lambda = CHATROOM_REMOTE_LAMBDA;
    chatroom_remote_target *target;
    struct chatroom_error error;

    lambda.endpoint = url;
    lambda.function = "f";
    lambda.limits.retries = retries;
    assert_int_equal(chatroom_remote_lambda(kit->remote, &lambda, &target, &error), CHATROOM_OK);
    return target;
}

/* As often as it is allowed; but a function that answered, and failed, just twice. */
static void calls__disconnect_is_tried_again_and_no_more_than_allowed(void **state)
{
    static const struct {
        fake_fn *answer;
        unsigned retries, requests;
    } table[] = {{fail_twice, 10, 3}, {reset, 2, 3}, {throw, 10, 3}};

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct round *round = calloc(1, sizeof *round);

        assert_non_null(round);
        round->fake = fake_new(table[i].answer, NULL);
        kit_open(&round->kit, NULL);
        kit_route(&round->kit, "$disconnect", retried(&round->kit, round->fake->url, table[i].retries));
        kit_start(&round->kit);
        round->client = kit_client(&round->kit);
        wire_close(round->kit.wire, round->client, 1000);
        while (atomic_load(&round->fake->requests) < table[i].requests)
            kit_turn(&round->kit);
        kit_turn_for(&round->kit, 50);
        kit_assert_logged(&round->kit, "again_ms=200");
        kit_assert_logged(&round->kit, "again_ms=400");
        assert_int_equal(chatroom_connection_count(round->kit.c), 0);
        assert_int_equal(round->kit.remote->held, 0);
        assert_int_equal(round->fake->requests, table[i].requests);
        end(round);
    }
}

static void calls__name_and_qualifier_take_stage_variables(void **state)
{
    struct round *round = calloc(1, sizeof *round);
    struct chatroom_remote_lambda lambda = CHATROOM_REMOTE_LAMBDA;
    struct chatroom_error error;
    chatroom_remote_target *target, *missing;

    (void)state;
    assert_non_null(round);
    round->script = (struct script){.status = "200 OK", .headers = "", .body = "{\"statusCode\":200,\"body\":\"hi\"}"};
    round->fake = fake_new(reply, &round->script);
    kit_open(&round->kit, NULL);
    lambda.endpoint = round->fake->url;
    lambda.function = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/"
                      "arn:aws:lambda:eu-west-1:111122223333:function:${stageVariables.fn}/invocations";
    lambda.qualifier = "v-${stageVariables.word}";
    assert_int_equal(chatroom_remote_lambda(round->kit.remote, &lambda, &target, &error), CHATROOM_OK);
    lambda.qualifier = "${stageVariables.none}";
    assert_int_equal(chatroom_remote_lambda(round->kit.remote, &lambda, &missing, &error), CHATROOM_OK);
    kit_route(&round->kit, "go", target);
    kit_route(&round->kit, "missing", missing);
    kit_start(&round->kit);
    round->client = kit_client(&round->kit);
    assert_string_equal(kit_ask(&round->kit, round->client, hello), "hi");
    assert_says(round->script.head,
                "POST /2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A111122223333%3Afunction%3A"
                "echo/invocations?Qualifier=v-hello HTTP/1.1\r\n");
    assert_says(kit_ask(&round->kit, round->client, "{\"action\":\"missing\"}"), oops);
    kit_assert_logged(&round->kit, "reason=no_variable");
    end(round);
}

static bool find_key(void *arg, chatroom_span access_key, chatroom_span *ret_secret, chatroom_span *ret_token)
{
    (void)arg;
    *ret_secret = chatroom_str("secretsecretsecret");
    *ret_token = chatroom_str("session/token==");
    return chatroom_span_equal(access_key, chatroom_str("AKIDEXAMPLEEXAMPLE"));
}

/* What a server makes of a request's signature. */
static enum chatroom_sigv4_verdict verdict_of(const struct script *script)
{
    static const char *const names[] = {"Host", "X-Amz-Date", "X-Amz-Security-Token", "Authorization"};
    char values[4][1024];
    struct chatroom_header headers[4];
    struct chatroom_sigv4_scope scope = {chatroom_str("eu-west-1"), chatroom_str("lambda"), chatroom_host_now().wall_ms,
                                         300000};
    const char *target = strchr(script->head, ' ') + 1;
    struct chatroom_sigv4_request request = {chatroom_str("POST"), chatroom_bytes(target, strcspn(target, " ")),
                                             headers, 4, chatroom_bytes(script->got, script->got_size)};
    size_t explained;

    for (size_t i = 0; i < 4; i++)
        headers[i] = (struct chatroom_header){chatroom_str(names[i]),
                                              chatroom_str(fake_header(script->head, names[i], values[i]))};
    return chatroom_sigv4_verify(&request, &scope, find_key, NULL, NULL, 0, &explained).verdict;
}

static void AGW_42_signed_calls_verify(void **state)
{
    const struct chatroom_sigv4_key key = {chatroom_str("AKIDEXAMPLEEXAMPLE"), chatroom_str("secretsecretsecret"),
                                           chatroom_str("session/token==")};
    struct round *round = calloc(1, sizeof *round);
    struct chatroom_remote_lambda lambda = CHATROOM_REMOTE_LAMBDA;
    struct chatroom_error error;
    chatroom_remote_target *target;

    (void)state;
    assert_non_null(round);
    round->script = (struct script){.status = "200 OK", .headers = "", .body = "{\"statusCode\":200,\"body\":\"hi\"}"};
    round->fake = fake_new(reply, &round->script);
    kit_open(&round->kit, NULL);
    lambda.endpoint = round->fake->url;
    lambda.function = "arn:aws:lambda:eu-west-1:111122223333:function:echo:live";
    lambda.qualifier = "a b";
    lambda.key = &key;
    assert_int_equal(chatroom_remote_lambda(round->kit.remote, &lambda, &target, &error), CHATROOM_OK);
    kit_route(&round->kit, "go", target);
    kit_start(&round->kit);
    round->client = kit_client(&round->kit);
    assert_string_equal(kit_ask(&round->kit, round->client, hello), "hi");
    assert_int_equal(verdict_of(&round->script), CHATROOM_SIGV4_GOOD);
    round->script.got[0] = '[';
    assert_int_equal(verdict_of(&round->script), CHATROOM_SIGV4_MISMATCH);
    end(round);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(AGW_42_path_method_and_headers_are_those_of_invoke),
        cmocka_unit_test(AGW_42_signed_calls_verify),
        cmocka_unit_test(AGW_17_one_way_route_sends_nothing),
        cmocka_unit_test(AGW_18_body_goes_back_for_200_and_for_500),
        cmocka_unit_test(AGW_20_unknown_key_and_other_shapes_are_malformed),
        cmocka_unit_test(AGW_21_time_out_is_told_and_the_connection_goes_on),
        cmocka_unit_test(AGW_21_late_result_is_discarded),
        cmocka_unit_test(AGW_21_waiting_for_a_turn_counts),
        cmocka_unit_test(AGW_43_function_error_with_status_200_is_a_failure),
        cmocka_unit_test(AGW_44_error_objects_and_time_outs_of_the_emulator_are_failures),
        cmocka_unit_test(AGW_45_calls_to_one_emulator_are_serialised),
        cmocka_unit_test(AGW_45_targets_of_one_emulator_share_their_turn),
        cmocka_unit_test(AGW_46_throttled_function_is_an_internal_error),
        cmocka_unit_test(AGW_46_throttled_connect_is_502),
        cmocka_unit_test(AGW_03_and_04_status_of_connect_is_the_functions_or_502),
        cmocka_unit_test(calls__redirect_is_not_followed),
        cmocka_unit_test(calls__failures_of_servers_are_internal_errors),
        cmocka_unit_test(calls__refused_connection_is_told_at_once),
        cmocka_unit_test(calls__proxy_of_the_environment_is_ignored),
        cmocka_unit_test(calls__result_that_is_just_small_enough_is_taken),
        cmocka_unit_test(calls__connections_are_used_again),
        cmocka_unit_test(calls__idle_remote_wants_nothing),
        cmocka_unit_test(calls__call_under_way_wants_its_time_out_alone),
        cmocka_unit_test(calls__connection_that_the_server_closed_meanwhile_is_not_missed),
        cmocka_unit_test(calls__no_more_than_allowed_are_under_way_and_wait),
        cmocka_unit_test(calls__limit_of_the_remote_is_for_all_targets),
        cmocka_unit_test(calls__slow_target_does_not_hold_up_another),
        cmocka_unit_test(calls__end_of_the_instance_ends_every_call),
        cmocka_unit_test(calls__disconnect_is_tried_again_and_no_more_than_allowed),
        cmocka_unit_test(calls__name_and_qualifier_take_stage_variables),
    };

    return cmocka_run_group_tests(tests, kit_setup, NULL);
}
