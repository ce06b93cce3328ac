/* F20: each allocation of a call fails in turn, those of the remote and those of libcurl; then the next call works. */
#include "kit.h"

#include <curl/curl.h>
#include <stdio.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST = 2000 };

/* ---- libcurl's ---- */

/* libcurl resolves in a thread of its own, which allocates as well. */
static _Atomic unsigned long asked, fail_at;
static _Atomic bool failed;

static bool fails(void)
{
    bool now = ++asked == fail_at;

    if (now)
        failed = true;
    return now;
}

static void *curl_alloc(size_t size)
{
    return fails() ? NULL : malloc(size);
}

static void *curl_resize(void *memory, size_t size)
{
    return fails() ? NULL : realloc(memory, size);
}

static char *curl_copy(const char *text)
{
    return fails() ? NULL : strdup(text);
}

static void *curl_zeroed(size_t count, size_t size)
{
    return fails() ? NULL : calloc(count, size);
}

static int setup(void **state)
{
    /* The first to initialise it says where it gets its memory. */
    if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, curl_alloc, free, curl_resize, curl_copy, curl_zeroed))
        return -1;
    return kit_setup(state);
}

static int teardown(void **state)
{
    (void)state;
    curl_global_cleanup();
    return 0;
}

/* ---- a call ---- */

static bool reply(struct fake *fake, const struct fake_request *request, void *arg)
{
    (void)fake;
    return fake_reply(request, "200 OK", "X-Amz-Executed-Version: 1\r\n", arg);
}

struct world {
    struct kit kit;
    struct fake *fake;
    const char *key; /* of the route */
    size_t client;
};

static const char function_result[] = "{\"statusCode\":200,\"body\":\"h\\u0069\"}";

static void add_targets(struct world *w)
{
    static const struct chatroom_sigv4_key key = {{"AKIDEXAMPLEEXAMPLE", 18}, {"secret", 6}, {"token", 5}};
    static const struct chatroom_remote_mapping mappings[] = {
        {"integration.request.header.X-Name", "route.request.body.name"},
        {"integration.request.querystring.name", "route.request.body.name"}};
    struct chatroom_remote_lambda lambda = CHATROOM_REMOTE_LAMBDA;
    struct chatroom_remote_http http = CHATROOM_REMOTE_HTTP;
    struct chatroom_error error;
    chatroom_remote_target *target;

    lambda.endpoint = w->fake->url;
    lambda.function = "${stageVariables.fn}";
    lambda.key = &key;
    assert_int_equal(chatroom_remote_lambda(w->kit.remote, &lambda, &target, &error), CHATROOM_OK);
    kit_route(&w->kit, "lambda", target);
    http.url = w->fake->url;
    http.mappings = mappings;
    http.mapping_count = 2;
    assert_int_equal(chatroom_remote_http(w->kit.remote, &http, &target, &error), CHATROOM_OK);
    kit_route(&w->kit, "http", target);
}

static void world_open(struct world *w, const char *key)
{
    memset(w, 0, sizeof *w);
    w->key = key;
    w->fake = fake_new(reply, (void *)(uintptr_t)function_result);
    kit_open(&w->kit, NULL);
    add_targets(w);
    kit_start(&w->kit);
    w->client = kit_client(&w->kit);
}

static void world_close(struct world *w)
{
    fake_free(w->fake);
    kit_close(&w->kit);
}

/* Whether the answer is the right one, and not that it went wrong. */
static bool ask(struct world *w)
{
    char text[128];
    const char *answer;

    snprintf(text, sizeof text, "{\"action\":\"%s\",\"name\":\"\\u0041nn\"}", w->key);
    answer = kit_ask(&w->kit, w->client, text);
    if (strcmp(answer, "hi") == 0 || strcmp(answer, function_result) == 0)
        return true;
    assert_says(answer, "\"message\": \"");
    return false;
}

static void each_of_ours(const char *key)
{
    unsigned failures = 0;

    for (uint64_t n = 1; n < MOST; n++) {
        static struct world w;

        world_open(&w, key);
        heap_fail(&w.kit.heap, n, 1);
        failures += !ask(&w);
        heap_heal(&w.kit.heap);
        assert_true(ask(&w));
        n = w.kit.heap.failed ? n : MOST;
        world_close(&w);
    }
    assert_true(failures >= 5);
}

enum { WELL = 10, FAILED = 11, THROUGH = 12, CRASHED = 13 }; /* not what a failed assertion ends a process with */

/* THROUGH: so many blocks were not asked for. */
static int run_without(const char *key, unsigned long n)
{
    static struct world w;
    bool answered;

    world_open(&w, key);
    failed = false;
    fail_at = asked + n;
    answered = ask(&w);
    fail_at = 0;
    assert_true(ask(&w));
    world_close(&w);
    return !failed ? THROUGH : answered ? WELL : FAILED;
}

/*
 * In a process of its own: libcurl 7.88 divides by zero when it gets no memory for one of its tables, which we cannot
 * help.
 */
static int outcome_of(const char *key, unsigned long n)
{
    pid_t child = fork();
    int status;

    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGFPE, SIG_DFL);
        _exit(run_without(key, n));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGFPE)
        return CRASHED;
    assert_true(WIFEXITED(status));
    assert_in_range(WEXITSTATUS(status), WELL, THROUGH);
    return WEXITSTATUS(status);
}

static void each_of_libcurls(const char *key)
{
    unsigned count[CRASHED + 1] = {0};

    for (unsigned long n = 1; n < MOST && count[THROUGH] == 0; n++)
        count[outcome_of(key, n)]++;
    assert_int_equal(count[THROUGH], 1);
    assert_true(count[FAILED] >= 50);
    assert_true(count[CRASHED] <= 4);
}

static void memory__of_ours_that_runs_out_fails_one_call(void **state)
{
    (void)state;
    each_of_ours("lambda");
    each_of_ours("http");
}

static void memory__of_libcurl_that_runs_out_fails_one_call(void **state)
{
    (void)state;
    each_of_libcurls("lambda");
    each_of_libcurls("http");
}

/* ---- making a remote ---- */

static void memory__of_libcurl_that_runs_out_fails_the_making(void **state)
{
    struct chatroom_remote_options options = CHATROOM_REMOTE_OPTIONS;
    chatroom_remote *remote;
    struct chatroom_error error;
    unsigned failures = 0;

    (void)state;
    for (unsigned long n = 1; n < MOST; n++) {
        int result;

        fail_at = asked + n;
        failed = false;
        result = chatroom_remote_new(&options, &remote, &error);
        fail_at = 0;
        if (result == CHATROOM_OK)
            chatroom_remote_free(remote);
        if (!failed)
            break;
        failures += result == CHATROOM_ENOMEM;
    }
    assert_true(failures > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory__of_ours_that_runs_out_fails_one_call),
        cmocka_unit_test(memory__of_libcurl_that_runs_out_fails_one_call),
        cmocka_unit_test(memory__of_libcurl_that_runs_out_fails_the_making),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
