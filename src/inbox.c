#include "inbox.h"

#include <stddef.h>

bool cr_inbox_push(struct cr_inbox *inbox, struct cr_inbox_node *node)
{
    struct cr_inbox_node *newest = atomic_load_explicit(&inbox->newest, memory_order_relaxed);

    do
        node->next = newest;
    while (!atomic_compare_exchange_weak(&inbox->newest, &newest, node));
    return !atomic_load(&inbox->awake) && !atomic_exchange(&inbox->awake, true);
}

static struct cr_inbox_node *oldest_first(struct cr_inbox_node *newest)
{
    struct cr_inbox_node *oldest = NULL;

    while (newest) {
        struct cr_inbox_node *next = newest->next;

        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

bool cr_inbox_take(struct cr_inbox *inbox)
{
    struct cr_inbox_node *node = oldest_first(atomic_exchange_explicit(&inbox->newest, NULL, memory_order_acquire));
    bool any = node != NULL;

    while (node) {
        struct cr_inbox_node *next = node->next; /* take() may free it */

        node->take(node);
        node = next;
    }
    return any;
}

void cr_inbox_wake(struct cr_inbox *inbox)
{
    atomic_store(&inbox->awake, true);
}

/* A push looks at awake after it has put its node in, this at the nodes after it has given up awake: one sees the
 * other. */
bool cr_inbox_sleep(struct cr_inbox *inbox)
{
    atomic_store(&inbox->awake, false);
    return atomic_load(&inbox->newest) == NULL;
}
