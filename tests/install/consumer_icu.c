/*
 * A stranger's program that wants look-alike names kept apart. Built outside the tree with
 *
 *     cc -o consumer_icu consumer_icu.c $(pkg-config --cflags --libs chatroom-icu)
 */
#include <chatroom/backend/names_icu.h>
#include <chatroom/chatroom.h>

#include <stdio.h>

int main(void)
{
    struct chatroom_names names;
    struct chatroom_name name;
    struct chatroom_error error = {0, ""};

    if (chatroom_names_icu(&names, &error) != CHATROOM_OK) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    if (names.ops->prepare(names.self, chatroom_str(" ann "), &name) == CHATROOM_OK)
        printf("%.*s\n", (int)name.size, name.text);
    names.ops->close(names.self);
    return 0;
}
