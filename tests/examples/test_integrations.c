#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "integrations.h"
#include "settings.h"

#include <chatroom/backend/memory.h>
#include <chatroom/backend/ws_epoll.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY "AKIDEXAMPLE000001"

/* An instance as main.c makes it, which is bound and freed, and the log it wrote. */
struct trial {
    int result;
    struct chatroom_error error;
    char log[8192];
};

static chatroom *make(const struct options *o, struct integrations *in, struct log *log)
{
    const char *const listen[] = {"127.0.0.1:0"};
    struct chatroom_ws_epoll_options ws = CHATROOM_WS_EPOLL_OPTIONS;
    struct chatroom_config config = CHATROOM_CONFIG;
    struct chatroom_error error = {0};
    chatroom *c = NULL;

    ws.listen = listen;
    ws.listen_count = 1;
    assert_int_equal(chatroom_memory_store(&config.store), CHATROOM_OK);
    assert_int_equal(chatroom_ws_epoll(&ws, &config.transport, &error), CHATROOM_OK);
    config.stage = o->stage;
    config.log = log_event;
    config.log_arg = log;
    integrations_configure(in, o, &config);
    if (chatroom_new(&config, &c, &error) != CHATROOM_OK)
        fail_msg("chatroom_new: %s", error.text);
    return c;
}

static void read_log(int fd, struct trial *t)
{
    ssize_t size = pread(fd, t->log, sizeof t->log - 1, 0);

    assert_true(size >= 0);
    t->log[size] = '\0';
}

static struct trial try_to_bind(const char *text)
{
    struct options o = settings_accepted(text);
    struct integrations in = {0};
    struct trial t = {0};
    struct log log;
    int fd = open(settings_path("log"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    chatroom *c;

    assert_true(fd >= 0);
    log_init(&log, fd, CHATROOM_LOG_INFO, NULL);
    c = make(&o, &in, &log);
    t.result = integrations_bind(&in, &o, c, &log, &t.error);
    if (t.result == CHATROOM_OK) {
        t.result = chatroom_start(c, chatroom_host_now(), &t.error);
        integrations_say(&o, &log);
    }
    chatroom_free(c);
    integrations_fini(&in);
    options_fini(&o);
    log_fini(&log);
    read_log(fd, &t);
    close(fd);
    return t;
}

static void bind_refused(const char *text, const char *tail)
{
    struct trial t = try_to_bind(text);
    char sentence[512];

    snprintf(sentence, sizeof sentence, "%s:%s", settings_path("chatroomd.ini"), tail);
    assert_int_equal(t.result, CHATROOM_EINVAL);
    assert_string_equal(t.error.text, sentence);
}

/* Of what stands in a file of its own. */
static void file_refused(const char *text, const char *where, const char *file, const char *what)
{
    char tail[400];

    snprintf(tail, sizeof tail, "%s%s: %s", where, settings_path(file), what);
    bind_refused(text, tail);
}

static void integrations__everything_at_once(void **state)
{
    struct trial t;

    (void)state;
    settings_write("model.json", "{\"type\":\"object\"}", 0644);
    settings_write("policy.json",
                   "{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"execute-api:*\",\"Resource\":\"*\"}}", 0644);
    t = try_to_bind(
        "stage = prod\nmetrics = /metrics\naccess-log = $context.requestId\nthrottle = 10/10\n"
        "[management]\nallow-unsigned-loopback = yes\n"
        "[credential " KEY "]\nsecret = HUSH\ntoken = HUSH\npolicy = policy.json\n"
        "[stage-variables]\na = b\n[domain chat.example]\nkey = v1\n"
        "[api-keys]\nsource = header\n[api-key one]\nvalue = HUSH5678901234567890\n"
        "[route $default]\ntype = mock\ntwo-way = yes\nmodel = model.json\nthrottle = 1/1\n"
#ifdef CHATROOM_REMOTE
        "[remote]\ncalls = 3\nwaiting = 4\nresponse-bytes = 5\nconnect-ms = 6\n"
        "[authorizer]\ntype = lambda\nendpoint = http://127.0.0.1:1\nfunction = auth\ncredential = " KEY "\n"
        "[route a]\ntype = lambda\nendpoint = http://127.0.0.1:1\nfunction = f\nqualifier = q\nretries = 0\n"
        "[route b]\ntype = http_proxy\nurl = http://127.0.0.1:1/x?code=HUSH\n"
        "map = integration.request.header.X context.connectionId\n"
        "[route c]\ntype = http\nurl = http://127.0.0.1:1/\nresponse = $default 200\nretries = 1\n"
#endif
    );
    if (t.result != CHATROOM_OK)
        fail_msg("%s", t.error.text);
    assert_null(strstr(t.log, "HUSH"));
    assert_non_null(strstr(
        t.log, "\"event\":\"route\",\"route\":\"$default\",\"type\":\"mock\",\"target\":\"none\",\"two_way\":1"));
    assert_non_null(strstr(t.log, "\"level\":\"warn\",\"event\":\"nothing_to_send\",\"route\":\"$default\""));
    assert_non_null(strstr(t.log, "\"level\":\"warn\",\"event\":\"unsigned_management\""));
#ifdef CHATROOM_REMOTE
    assert_non_null(
        strstr(t.log, "\"route\":\"a\",\"type\":\"lambda\",\"target\":\"http://127.0.0.1:1 f:q\",\"two_way\":0"));
    assert_non_null(strstr(t.log, "\"route\":\"b\",\"type\":\"http_proxy\",\"target\":\"http://127.0.0.1:1/x\""));
    assert_non_null(
        strstr(t.log, "\"event\":\"authorizer\",\"type\":\"lambda\",\"target\":\"http://127.0.0.1:1 auth\""));
#endif
}

static void integrations__a_server_without_routes_is_warned_of(void **state)
{
    struct trial t = try_to_bind("chat = no\n");

    (void)state;
    assert_int_equal(t.result, CHATROOM_OK);
    assert_non_null(strstr(t.log, "\"event\":\"no_routes\""));
    t = try_to_bind("mode = full\n");
    assert_int_equal(t.result, CHATROOM_OK);
    assert_string_equal(strstr(t.log, "no_routes") ? "warned" : "silent", "silent");
}

static void integrations__what_the_library_refuses_is_refused_with_its_section(void **state)
{
    (void)state;
    settings_write("bad.json", "{\"pattern\":\"x\"}", 0644);
    settings_write("policy", "[]", 0644);
    file_refused("[route a]\ntype = mock\nmodel = bad.json\n", "3: [route a] model: ", "bad.json",
                 "There is no keyword of this kind: \"pattern\", at $.");
    file_refused("[credential " KEY "]\nsecret = x\npolicy = policy\n", "3: [credential " KEY "] policy: ", "policy",
                 "A policy is not an object.");
    bind_refused("[credential short]\nsecret = x\n",
                 "1: [credential short]: An access key has 16 to 128 letters, digits and underscores.");
    bind_refused("[api-keys]\nsource = header\n[api-key a]\nvalue = short\n",
                 "3: [api-key a]: The value of an API key has 20 to 128 bytes.");
    bind_refused("[api-keys]\nsource = header\n[api-key a]\nvalue = 01234567890123456789\n[api-key b]\nvalue = "
                 "01234567890123456789\n",
                 "5: [api-key b]: There is an API key with that value already.");
    bind_refused("[domain a/b]\n",
                 "1: [domain a/b]: needs a host, such as chat.example, and a key of letters, digits and "
                 "$-_.+!*'()");
    bind_refused("[domain a]\nkey = x/y\n",
                 "1: [domain a]: needs a host, such as chat.example, and a key of letters, digits "
                 "and $-_.+!*'()");
}

static void integrations__an_access_log_needs_its_format_and_its_file(void **state)
{
    struct trial t = try_to_bind("access-log = $context.nonsense\n");
    char head[256];

    (void)state;
    assert_int_equal(t.result, CHATROOM_EINVAL);
    snprintf(head, sizeof head, "%s:1: access-log: ", settings_path("chatroomd.ini"));
    assert_int_equal(strncmp(t.error.text, head, strlen(head)), 0);
    assert_true(strlen(t.error.text) > strlen(head) + 10);
    t = try_to_bind("access-log = x\naccess-log-file = /nonexistent/x\n");
    assert_int_equal(t.result, CHATROOM_EACCES);
    assert_string_equal(t.error.text, "access-log-file: cannot write /nonexistent/x: No such file or directory");
}

#ifdef CHATROOM_REMOTE
static void integrations__targets_are_refused_with_their_key(void **state)
{
#define BY_NAME "[route a]\ntype = lambda\nendpoint = http://x\n"
#define LISTS   "[route a]\ntype = http\nurl = http://x/\n"
    static const struct {
        const char *text, *where;
    } cases[] = {
        {"[route a]\ntype = http_proxy\nurl = ftp://x/\n", "3: [route a] url: "},
        {"[route a]\ntype = http_proxy\nurl = http://x/\nmethod = A B\n", "4: [route a] method: "},
        {LISTS "response = 200 200\nmap = nonsense context.stage\n", "5: [route a] map: "},
        {LISTS "map = integration.request.header.X context.stage\nresponse = /[/ 200\n", "5: [route a] response: "},
        {"[route a]\ntype = lambda\nendpoint = nonsense\nfunction = f\n", "3: [route a] endpoint: "},
        {BY_NAME "function = ${nonsense}\n", "4: [route a] function: "},
        {BY_NAME "function = f\nqualifier = ${nonsense}\n", "5: [route a] qualifier: "},
        {"[credential " KEY "]\nsecret = x\n[route a]\ntype = lambda\nfunction = f\ncredential = " KEY
         "\nserial = yes\n",
         "7: [route a] serial: "},
        {"[authorizer]\ntype = lambda\nendpoint = x\nfunction = f\n", "3: [authorizer] endpoint: "},
        {"[authorizer]\ntype = lambda\nendpoint = http://x\nfunction = f\nidentity-source = nonsense\n",
         "5: [authorizer] identity-source: "},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct trial t = try_to_bind(cases[i].text);
        char head[256];

        snprintf(head, sizeof head, "%s:%s", settings_path("chatroomd.ini"), cases[i].where);
        assert_int_equal(t.result, CHATROOM_EINVAL);
        if (strncmp(t.error.text, head, strlen(head)) != 0)
            fail_msg("%s instead of %s", t.error.text, head);
        assert_true(strlen(t.error.text) > strlen(head) + 10);
    }
}
#else
static void integrations__without_libcurl_handlers_elsewhere_are_refused(void **state)
{
#define REFUSED "cannot be served: chatroomd was built without libcurl, so that it calls nobody"
    (void)state;
    bind_refused("[route a]\ntype = lambda\nendpoint = http://x\nfunction = f\n", "1: [route a]: " REFUSED);
    bind_refused("[route a]\ntype = http_proxy\nurl = http://x/\n", "1: [route a]: " REFUSED);
    bind_refused("[route a]\ntype = http\nurl = http://x/\nresponse = $default 200\n", "1: [route a]: " REFUSED);
    bind_refused("[authorizer]\ntype = lambda\nendpoint = http://x\nfunction = f\n", "1: [authorizer]: " REFUSED);
    bind_refused("[remote]\ncalls = 1\n", "1: [remote]: " REFUSED);
}
#endif

/* ---- the access log's own file ------------------------------------------------------------------------------------
 */

static void access__lines_go_to_the_end_of_the_file(void **state)
{
    struct access_log access;
    struct chatroom_error error;
    struct trial t;
    struct log log;
    int fd;

    (void)state;
    settings_write("access", "before\n", 0640);
    log_init(&log, -1, CHATROOM_LOG_INFO, NULL);
    assert_int_equal(access_log_init(&access, &log, settings_path("access"), &error), CHATROOM_OK);
    access_log_write(&access, chatroom_str("one"));
    access_log_write(&access, chatroom_str("two"));
    fd = open(settings_path("access"), O_RDONLY);
    read_log(fd, &t);
    assert_string_equal(t.log, "before\none\ntwo\n");
    assert_int_equal(truncate(settings_path("access"), 0), 0); /* as logrotate's copytruncate does */
    access_log_write(&access, chatroom_str("three"));
    read_log(fd, &t);
    assert_string_equal(t.log, "three\n");
    close(fd);
    access_log_fini(&access);
    log_fini(&log);
}

static void access__a_pipe_that_is_full_loses_lines_instead_of_waiting(void **state)
{
    struct access_log access;
    struct chatroom_error error;
    struct trial t;
    struct log log;
    char drain[4096];
    int log_fd = open(settings_path("log"), O_RDWR | O_CREAT | O_TRUNC, 0600), reader;

    (void)state;
    assert_int_equal(mkfifo(settings_path("fifo"), 0600), 0);
    reader = open(settings_path("fifo"), O_RDONLY | O_NONBLOCK);
    log_init(&log, log_fd, CHATROOM_LOG_INFO, NULL);
    assert_int_equal(access_log_init(&access, &log, settings_path("fifo"), &error), CHATROOM_OK);
    for (int i = 0; i < 100000; i++)
        access_log_write(&access, chatroom_str("a line"));
    assert_true(access.lost > 0);
    while (read(reader, drain, sizeof drain) > 0)
        ;
    access_log_write(&access, chatroom_str("a line"));
    assert_int_equal(access.lost, 0);
    read_log(log_fd, &t);
    assert_non_null(strstr(t.log, "\"level\":\"warn\",\"event\":\"access_log_lost\",\"lines\":1}"));
    access_log_fini(&access);
    log_fini(&log);
    close(reader);
    close(log_fd);
}

static void access__a_long_line_in_the_log_stays_json(void **state)
{
    struct access_log access;
    struct trial t;
    struct log log;
    char line[8000];
    int fd = open(settings_path("log"), O_RDWR | O_CREAT | O_TRUNC, 0600);

    (void)state;
    memset(line, '"', sizeof line);
    log_init(&log, fd, CHATROOM_LOG_INFO, NULL);
    assert_int_equal(access_log_init(&access, &log, NULL, NULL), CHATROOM_OK);
    access_log_write(&access, chatroom_bytes(line, sizeof line));
    read_log(fd, &t);
    assert_true(strlen(t.log) > LOG_LINE_BYTES - 8 && strlen(t.log) <= LOG_LINE_BYTES);
    assert_string_equal(t.log + strlen(t.log) - 5, "\\\"\"}\n");
    access_log_fini(&access);
    log_fini(&log);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integrations__everything_at_once),
        cmocka_unit_test(integrations__a_server_without_routes_is_warned_of),
        cmocka_unit_test(integrations__what_the_library_refuses_is_refused_with_its_section),
        cmocka_unit_test(integrations__an_access_log_needs_its_format_and_its_file),
#ifdef CHATROOM_REMOTE
        cmocka_unit_test(integrations__targets_are_refused_with_their_key),
#else
        cmocka_unit_test(integrations__without_libcurl_handlers_elsewhere_are_refused),
#endif
        cmocka_unit_test(access__lines_go_to_the_end_of_the_file),
        cmocka_unit_test(access__a_pipe_that_is_full_loses_lines_instead_of_waiting),
        cmocka_unit_test(access__a_long_line_in_the_log_stays_json),
    };

    return cmocka_run_group_tests(tests, settings_make, settings_remove);
}
