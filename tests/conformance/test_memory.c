#include "store_suite.h"

#include <chatroom/backend/memory.h>

static int make(void *arg, struct chatroom_store *ret_store)
{
    (void)arg;
    return chatroom_memory_store(ret_store);
}

static void wipe(void *arg)
{
    (void)arg;
}

int main(void)
{
    const struct store_kit kit = {.make = make, .wipe = wipe};

    return store_suite_run("memory", &kit);
}
