/*
 * A stranger's program whose handlers are elsewhere. Built outside the tree with
 *
 *     cc -o consumer_remote consumer_remote.c $(pkg-config --cflags --libs chatroom-remote)
 */
#include <chatroom/backend/remote.h>
#include <chatroom/chatroom.h>

#include <stdio.h>

int main(void)
{
    struct chatroom_remote_options options = CHATROOM_REMOTE_OPTIONS;
    struct chatroom_remote_lambda lambda = CHATROOM_REMOTE_LAMBDA;
    struct chatroom_error error = {0, ""};
    chatroom_remote *remote = NULL;
    chatroom_remote_target *target;

    lambda.endpoint = "http://127.0.0.1:9001";
    lambda.function = "function";
    if (chatroom_remote_new(&options, &remote, &error) != CHATROOM_OK ||
        chatroom_remote_lambda(remote, &lambda, &target, &error) != CHATROOM_OK)
        fprintf(stderr, "%s\n", error.text);
    else
        puts("made");
    chatroom_remote_free(remote);
    return error.code != CHATROOM_OK;
}
