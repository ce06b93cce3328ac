#include "store_suite.h"

/* The example as it is, with its main() out of the way. */
#define main own_store_main
int own_store_main(int argc, char **argv);
#include "../../examples/own_store.c"
#undef main

int main(void)
{
    const struct store_kit kit = {.make = own_store};

    return store_suite_run("own", &kit);
}
