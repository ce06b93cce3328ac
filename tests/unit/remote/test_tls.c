/* Whom a remote trusts. The server is openssl's, with a certificate that was made a moment ago. */
#include "kit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct server {
    char folder[32], certificate[64], key[64];
    pid_t process;
    unsigned port;
};

static void make_certificate(struct server *server)
{
    char command[512];

    strcpy(server->folder, "/tmp/chatroom-tls-XXXXXX");
    assert_non_null(mkdtemp(server->folder));
    snprintf(server->certificate, sizeof server->certificate, "%s/certificate", server->folder);
    snprintf(server->key, sizeof server->key, "%s/key", server->folder);
    snprintf(command, sizeof command,
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=chat "
             "-addext subjectAltName=IP:127.0.0.1 -keyout %s -out %s 2>/dev/null",
             server->key, server->certificate);
    assert_int_equal(system(command), 0);
}

static bool is_listening(unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool listens;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listens = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return listens;
}

static void start(struct server *server)
{
    char url[64];

    fake_dead_url(url);
    server->port = (unsigned)atoi(url + 17);
    server->process = fork();
    assert_true(server->process >= 0);
    if (server->process == 0) {
        int nothing = open("/dev/null", O_RDWR);

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (int fd = 0; fd < 3; fd++)
            dup2(nothing, fd);
        execlp("openssl", "openssl", "s_server", "-accept", url + 7, "-www", "-cert", server->certificate, "-key",
               server->key, (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 1000 && !is_listening(server->port); i++)
        usleep(10000);
    assert_true(is_listening(server->port));
}

static void stop(struct server *server)
{
    int status;

    kill(server->process, SIGTERM);
    assert_int_equal(waitpid(server->process, &status, 0), server->process);
    unlink(server->certificate);
    unlink(server->key);
    assert_int_equal(rmdir(server->folder), 0);
}

/* What a client hears of a server that is called by host; log what the log says. fake may be the server; it is freed.
 */
static void ask(const struct server *server, const char *host, bool trusted, char answer[256], char log[512],
                struct fake *fake)
{
    struct chatroom_remote_options options = CHATROOM_REMOTE_OPTIONS;
    struct chatroom_remote_http http = CHATROOM_REMOTE_HTTP;
    struct chatroom_error error;
    chatroom_remote_target *target;
    struct kit kit;
    char url[64];

    options.ca_file = trusted ? server->certificate : NULL;
    kit_open(&kit, &options);
    snprintf(url, sizeof url, "https://%s:%u/", host, server->port);
    http.url = url;
    http.method = "GET";
    assert_int_equal(chatroom_remote_http(kit.remote, &http, &target, &error), CHATROOM_OK);
    kit_route(&kit, "go", target);
    kit_start(&kit);
    snprintf(answer, 256, "%s", kit_ask(&kit, kit_client(&kit), "{\"action\":\"go\"}"));
    snprintf(log, 512, "%.500s", kit.log);
    if (fake)
        fake_free(fake);
    kit_close(&kit);
}

static void tls__server_is_trusted_by_the_authority_and_the_name(void **state)
{
    struct server server = {.port = 0};
    char answer[256], log[512];

    (void)state;
    make_certificate(&server);
    start(&server);
    ask(&server, "127.0.0.1", true, answer, log, NULL);
    assert_says(answer, "<HTML>");
    assert_null(strstr(log, "integration_failed"));
    ask(&server, "127.0.0.1", false, answer, log, NULL);
    assert_says(answer, "\"Internal server error\"");
    assert_says(log, "reason=not_trusted");
    ask(&server, "localhost", true, answer, log, NULL);
    assert_says(answer, "\"Internal server error\"");
    assert_says(log, "reason=not_trusted");
    stop(&server);
}

static void tls__file_of_authorities_that_is_not_there_is_told(void **state)
{
    struct server server = {.port = 9, .certificate = "/nowhere/certificate"};
    char answer[256], log[512];
    struct fake *fake;

    (void)state;
    fake = fake_new(NULL, NULL);
    server.port = (unsigned)atoi(fake->url + 17);
    ask(&server, "127.0.0.1", true, answer, log, fake);
    assert_says(answer, "\"Internal server error\"");
    assert_says(log, "reason=not_trusted");
    assert_says(log, "/nowhere/certificate");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tls__server_is_trusted_by_the_authority_and_the_name),
        cmocka_unit_test(tls__file_of_authorities_that_is_not_there_is_told),
    };

    return cmocka_run_group_tests(tests, kit_setup, NULL);
}
