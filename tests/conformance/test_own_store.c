#include "store_suite.h"

/* ../../examples/own_store.c */
int own_store(void *arg, struct chatroom_store *ret_store);

int main(void)
{
    const struct store_kit kit = {.make = own_store};

    return store_suite_run("own", &kit);
}
