/* An instance on sockets wakes up for its remote: its loop waits for nothing but chatroom_fd() and chatroom_deadline().
 */
#include "kit.h"
#include "ws_client.h"

#include <chatroom/backend/ws_epoll.h>

#include <poll.h>
#include <stdlib.h>

static bool reply(struct fake *fake, const struct fake_request *request, void *arg)
{
    fake_hang(fake, request, 50); /* so that there is something to wait for */
    return fake_reply(request, "200 OK", "", arg);
}

static chatroom *make(unsigned threads, const char *endpoint, char address[64])
{
    static const char *const listen[] = {"127.0.0.1:0"};
    struct chatroom_ws_epoll_options options = CHATROOM_WS_EPOLL_OPTIONS;
    struct chatroom_remote_options own = CHATROOM_REMOTE_OPTIONS;
    struct chatroom_config config = CHATROOM_CONFIG;
    struct chatroom_error error = {0, ""};
    struct chatroom_route_options route = CHATROOM_ROUTE_OPTIONS;
    struct chatroom_remote_lambda lambda = CHATROOM_REMOTE_LAMBDA;
    struct chatroom_transport transport;
    chatroom_remote_target *target;
    chatroom_remote *remote;
    chatroom *c;

    options.listen = listen;
    options.listen_count = 1;
    options.threads = threads;
    options.ping_ms = 0;
    assert_int_equal(chatroom_ws_epoll(&options, &config.transport, &error), CHATROOM_OK);
    assert_int_equal(chatroom_memory_store(&config.store), CHATROOM_OK);
    transport = config.transport;
    assert_int_equal(chatroom_new(&config, &c, &error), CHATROOM_OK);
    assert_int_equal(chatroom_remote_new(&own, &remote, &error), CHATROOM_OK);
    assert_int_equal(chatroom_remote_attach(remote, c), CHATROOM_OK);
    lambda.endpoint = endpoint;
    lambda.function = "function";
    assert_int_equal(chatroom_remote_lambda(remote, &lambda, &target, &error), CHATROOM_OK);
    route.two_way = true;
    assert_int_equal(chatroom_route_with(c, "go", chatroom_remote_handler, target, &route), CHATROOM_OK);
    assert_int_equal(chatroom_start(c, chatroom_host_now(), &error), CHATROOM_OK);
    assert_int_equal(chatroom_ws_epoll_address(&transport, 0, address, 64), CHATROOM_OK);
    return c;
}

/* As a host does it; the client has a descriptor of its own. */
static void turn(chatroom *c, struct ws_client *client)
{
    struct pollfd wait[] = {{chatroom_fd(c), POLLIN, 0}, {client->fd, POLLIN, 0}};
    uint64_t now = chatroom_host_now().mono_ns, due = chatroom_deadline(c);
    uint64_t ms = due == CHATROOM_NEVER || due > now + 10000000000 ? 10000 : due <= now ? 0 : (due - now) / 1000000 + 1;

    poll(wait, 2, (int)ms);
    assert_int_equal(chatroom_step(c, chatroom_host_now()), CHATROOM_OK);
    ws_client_work(client);
}

static void calls_over_sockets(unsigned threads)
{
    static const char result[] = "{\"statusCode\":200,\"body\":\"hi\"}", text[] = "{\"action\":\"go\"}";
    struct fake *fake = fake_new(reply, (void *)(uintptr_t)result);
    struct ws_client *client;
    chatroom_span message;
    uint64_t began;
    uint8_t first;
    char address[64];
    chatroom *c = make(threads, fake->url, address);

    client = ws_client_new(address);
    assert_non_null(client);
    ws_client_put_request(client, "/", "");
    while (client->status == 0)
        turn(c, client);
    assert_int_equal(client->status, 101);
    began = chatroom_host_now().mono_ns;
    ws_client_put_frame(client, 0x80 | WS_TEXT, text, sizeof text - 1);
    ws_client_work(client);
    while (!ws_client_take(client, &first, &message))
        turn(c, client);
    assert_true(chatroom_span_equal(message, chatroom_str("hi")));
    assert_true(chatroom_host_now().mono_ns - began < 5000000000); /* by being woken, not by a deadline */
    ws_client_free(client);
    chatroom_free(c);
    fake_free(fake);
}

static void sockets__instance_wakes_up_for_its_remote(void **state)
{
    (void)state;
    calls_over_sockets(0);
    calls_over_sockets(2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sockets__instance_wakes_up_for_its_remote),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
