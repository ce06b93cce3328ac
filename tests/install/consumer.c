/*
 * What a stranger's program does first: it finds the installed library and asks for its version. Built outside the tree
 * with
 *
 *     cc -o consumer consumer.c $(pkg-config --cflags --libs chatroom)
 */
#include <chatroom/chatroom.h>
#include <chatroom/store.h>
#include <chatroom/transport.h>

#include <stdio.h>

int main(void)
{
    puts(chatroom_version());
    return strcmp(chatroom_version(), CHATROOM_VERSION) != 0;
}
