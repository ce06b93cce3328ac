/*
 * store_suite.h: what every store must do, as tests. For authors of stores, in the tree or out of it.
 *
 *     static int make(void *arg, struct chatroom_store *ret_store) { return my_store("/tmp/x", ret_store); }
 *
 *     int main(void)
 *     {
 *         const struct store_kit kit = {.make = make};
 *         return store_suite_run("mine", &kit);
 *     }
 *
 * Compile it with store_suite.c, store_bench.c and store_port.c, which stands in for the library's core; link
 * libchatroom and cmocka. docs/writing-a-store.md says the rest.
 */
#ifndef STORE_SUITE_H
#define STORE_SUITE_H

#include <chatroom/store.h>

/* How the suite comes by a store. */
struct store_kit {
    int (*make)(void *arg, struct chatroom_store *ret_store); /* over the same data each time until wipe() */
    void (*wipe)(void *arg); /* forgets the data; no store is open. NULL: none is kept */
    void *arg;
    bool keeps; /* data outlives the store */
};

/* Runs the suite and prints how it went. Returns how many cases failed. */
int store_suite_run(const char *name, const struct store_kit *kit);

#endif
