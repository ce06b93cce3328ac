/*
 * echo.c: gives every message back, text and binary alike, on any path.
 *
 *     cc echo.c -o echo $(pkg-config --cflags --libs chatroom)
 *
 * echo --listen ADDR:PORT takes messages of up to 16 MiB and has no other limit that a conformance suite would meet.
 */
#include <chatroom/backend/memory.h>
#include <chatroom/backend/ws_epoll.h>
#include <chatroom/chatroom.h>

#include <signal.h>
#include <stdio.h>

enum { MESSAGE_BYTES = 16 << 20 };

/* $default, since no message selects a route. */
static int echo(chatroom_request *request, void *arg)
{
    (void)arg;
    return chatroom_request_reply_message(request, chatroom_request_info(request)->kind,
                                          chatroom_request_body(request));
}

static int make_transport(const char *listen, struct chatroom_transport *ret_transport, struct chatroom_error *error)
{
    struct chatroom_ws_epoll_options options = CHATROOM_WS_EPOLL_OPTIONS;

    options.listen = &listen;
    options.listen_count = 1;
    options.message_bytes = MESSAGE_BYTES;
    options.queue_bytes = options.queue_soft_bytes = 8 * (size_t)MESSAGE_BYTES;
    options.message_ms = 600000; /* a message may come octet by octet */
    options.connects_per_second = 0;
    return chatroom_ws_epoll(&options, ret_transport, error);
}

static int make(const char *listen, struct chatroom_config *config, chatroom **ret_chatroom,
                struct chatroom_error *error)
{
    int result = make_transport(listen, &config->transport, error);

    if (result == CHATROOM_OK)
        result = chatroom_memory_store(&config->store);
    if (result != CHATROOM_OK)
        return result;
    config->accept_binary = true;
    config->limits.message_bytes = config->limits.history_bytes = MESSAGE_BYTES;
    config->limits.messages_per_second = 0;
    config->limits.bytes_per_second = 0;
    result = chatroom_new(config, ret_chatroom, error);
    return result == CHATROOM_OK ? chatroom_route(*ret_chatroom, "$default", echo, NULL) : result;
}

static int serve(chatroom *c, const struct chatroom_transport *transport, struct chatroom_error *error)
{
    static const int signals[] = {SIGINT, SIGTERM, 0};
    char address[128];
    int result = chatroom_start(c, chatroom_host_now(), error);

    if (result == CHATROOM_OK)
        result = chatroom_ws_epoll_address(transport, 0, address, sizeof address);
    if (result != CHATROOM_OK)
        return result;
    printf("listening on %s\n", address);
    fflush(stdout);
    return chatroom_run(c, signals, error);
}

int main(int argc, char **argv)
{
    struct chatroom_config config = CHATROOM_CONFIG;
    struct chatroom_error error = {0, ""};
    chatroom *c = NULL;
    int result;

    if (argc != 3 || strcmp(argv[1], "--listen") != 0) {
        fprintf(stderr, "usage: echo --listen ADDR:PORT\n");
        return 2;
    }
    result = make(argv[2], &config, &c, &error);
    if (result == CHATROOM_OK)
        result = serve(c, &config.transport, &error);
    if (result != CHATROOM_OK)
        fprintf(stderr, "echo: %s\n", error.text[0] ? error.text : chatroom_strerror(result));
    chatroom_free(c);
    return result == CHATROOM_OK ? 0 : 1;
}
