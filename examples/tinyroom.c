/*
 * tinyroom.c: a persistent chat room in your own process.
 *
 *     cc tinyroom.c -o tinyroom $(pkg-config --cflags --libs chatroom)
 *
 * tinyroom [ADDR:PORT [DIR]] speaks docs/chat-protocol.md at ws://ADDR:PORT/ and keeps rooms and their history in DIR.
 */
#include <chatroom/backend/lmdb.h>
#include <chatroom/backend/ws_epoll.h>
#include <chatroom/chatroom.h>
#include <signal.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    const char *listen = argc > 1 ? argv[1] : "127.0.0.1:8080";
    const int signals[] = {SIGINT, SIGTERM, 0};
    struct chatroom_config config = CHATROOM_CONFIG;
    struct chatroom_ws_epoll_options ws = CHATROOM_WS_EPOLL_OPTIONS;
    struct chatroom_chat_options chat = CHATROOM_CHAT_OPTIONS;
    struct chatroom_error error = {0, ""};
    chatroom *c = NULL;
    char address[128];

    ws.listen = &listen;
    ws.listen_count = 1;
    chat.keep_empty_rooms = true;
    int result = chatroom_ws_epoll(&ws, &config.transport, &error);
    if (result == CHATROOM_OK)
        result = chatroom_lmdb_store(argc > 2 ? argv[2] : "tinyroom-data", NULL, &config.store, &error);
    if (result == CHATROOM_OK)
        result = chatroom_new(&config, &c, &error);
    if (result == CHATROOM_OK)
        result = chatroom_chat(c, &chat);
    if (result == CHATROOM_OK)
        result = chatroom_start(c, chatroom_host_now(), &error);
    if (result == CHATROOM_OK &&
        chatroom_ws_epoll_address(&config.transport, 0, address, sizeof address) == CHATROOM_OK)
        fprintf(stderr, "chat at ws://%s/\n", address);
    if (result == CHATROOM_OK)
        result = chatroom_run(c, signals, &error);
    if (result != CHATROOM_OK)
        fprintf(stderr, "tinyroom: %s\n", error.text[0] ? error.text : chatroom_strerror(result));
    chatroom_free(c);
    return result == CHATROOM_OK ? 0 : 1;
}
