/* store_folder.h: the folder that an lmdb store makes. */
#ifndef STORE_FOLDER_H
#define STORE_FOLDER_H

#include <stdio.h>
#include <unistd.h>

/* Removes the store in it, if there is one, and the folder if nothing else is there. */
static inline void store_folder_remove(const char *folder)
{
    static const char *const names[] = {"data.mdb", "lock.mdb", "chatroom.lock"};
    char path[256];

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

#endif
