#include "mailbox.h"

void ws_nodes_add(struct ws_nodes *nodes, struct ws_node *node, void (*take)(struct ws_node *node), size_t charge)
{
    node->next = NULL;
    node->take = take;
    if (nodes->last)
        nodes->last->next = node;
    else
        nodes->first = node;
    nodes->last = node;
    nodes->charge += charge;
}

void ws_nodes_move(struct ws_nodes *from, struct ws_nodes *to)
{
    if (!from->first)
        return;
    if (to->last)
        to->last->next = from->first;
    else
        to->first = from->first;
    to->last = from->last;
    to->charge += from->charge;
    *from = (struct ws_nodes){NULL, NULL, 0};
}

void ws_nodes_run(struct ws_nodes *nodes)
{
    struct ws_node *node;

    while ((node = nodes->first)) {
        nodes->first = node->next;
        if (!nodes->first)
            *nodes = (struct ws_nodes){NULL, NULL, 0};
        node->take(node);
    }
}

void ws_mailbox_init(struct ws_mailbox *mailbox)
{
    *mailbox = (struct ws_mailbox){.lock = PTHREAD_MUTEX_INITIALIZER};
}

void ws_mailbox_fini(struct ws_mailbox *mailbox)
{
    pthread_mutex_destroy(&mailbox->lock);
}

bool ws_mailbox_put(struct ws_mailbox *mailbox, struct ws_nodes *nodes)
{
    bool asleep;

    pthread_mutex_lock(&mailbox->lock);
    ws_nodes_move(nodes, &mailbox->nodes);
    asleep = mailbox->asleep;
    mailbox->asleep = false;
    pthread_mutex_unlock(&mailbox->lock);
    return asleep;
}

void ws_mailbox_take(struct ws_mailbox *mailbox, struct ws_nodes *ret_nodes, bool asleep)
{
    pthread_mutex_lock(&mailbox->lock);
    ws_nodes_move(&mailbox->nodes, ret_nodes);
    mailbox->asleep = asleep;
    pthread_mutex_unlock(&mailbox->lock);
}

bool ws_mailbox_sleep(struct ws_mailbox *mailbox)
{
    bool empty;

    pthread_mutex_lock(&mailbox->lock);
    empty = mailbox->nodes.first == NULL;
    mailbox->asleep = empty;
    pthread_mutex_unlock(&mailbox->lock);
    return empty;
}
