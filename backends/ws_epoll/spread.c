#include "spread.h"

#include <stdlib.h>

/*
 * What binds a remote to a group. The core's seat names it; the seat that the worker's group knows is in it, since the
 * core's may be gone before the worker has heard that the member has left.
 */
struct membership {
    struct ws_node coming, leaving;
    struct ws_remote *remote;
    struct ws_group *group; /* the worker's */
    struct chatroom_seat seat;
    bool seated;              /* the worker's: there was memory */
    struct membership *next;  /* the owner's: of the same group and worker */
    struct membership **self; /* where the one before names it */
};

/* The group of one worker. */
struct share {
    struct ws_node node;
    struct ws_group *group;
    struct membership *first; /* the owner's */
};

struct ws_spread {
    struct ws_threaded *transport;
    struct share *shares[]; /* by worker; NULL: it never had members */
};

struct group_frame {
    struct ws_node node;
    struct ws_loop *loop;
    struct ws_group *group;
    chatroom_frame *frame;
};

/* ---- on the worker ----------------------------------------------------------------------------------------------- */

static void take_coming(struct ws_node *node)
{
    struct membership *m = (struct membership *)node;

    m->seated = ws_group_add(m->group, m->remote->connection, &m->seat) == CHATROOM_OK;
    if (!m->seated)
        ws_connection_lose(&m->remote->worker->loop, m->remote->connection, WS_LOST_MEMORY);
}

static void take_leaving(struct ws_node *node)
{
    struct membership *m = (struct membership *)((char *)node - offsetof(struct membership, leaving));

    if (m->seated)
        ws_output_leave_group(&m->remote->worker->loop, m->remote->connection, &m->seat);
    free(m);
}

static void take_frame(struct ws_node *node)
{
    struct group_frame *sent = (struct group_frame *)node;

    ws_output_send_group(sent->loop, sent->group, sent->frame);
    chatroom_frame_unref(sent->frame);
    free(sent);
}

static void take_share(struct ws_node *node)
{
    struct share *share = (struct share *)node;

    ws_output_free_group(share->group);
    free(share);
}

/* ---- on the owner's thread --------------------------------------------------------------------------------------- */

struct ws_spread *ws_spread_new(struct ws_threaded *t)
{
    struct ws_spread *spread = calloc(1, sizeof *spread + t->count * sizeof(struct share *));

    if (spread)
        spread->transport = t;
    return spread;
}

static struct share **share_of(struct ws_spread *spread, const struct ws_worker *worker)
{
    return &spread->shares[worker - spread->transport->workers];
}

static struct share *share_new(void)
{
    struct share *share = calloc(1, sizeof *share);

    if (share && !(share->group = ws_group_new())) {
        free(share);
        return NULL;
    }
    return share;
}

static void list(struct share *share, struct membership *m)
{
    m->self = &share->first;
    m->next = share->first;
    if (m->next)
        m->next->self = &m->next;
    share->first = m;
}

static void unlist(struct membership *m)
{
    *m->self = m->next;
    if (m->next)
        m->next->self = m->self;
}

int ws_spread_add(struct ws_spread *spread, struct ws_remote *remote, struct chatroom_seat *seat)
{
    struct share **share = share_of(spread, remote->worker);
    struct membership *m = calloc(1, sizeof *m);

    if (m && !*share)
        *share = share_new();
    if (!m || !*share) {
        free(m);
        return CHATROOM_ENOMEM;
    }
    m->remote = remote;
    m->group = (*share)->group;
    seat->where = m;
    list(*share, m);
    ws_post(remote->worker, &m->coming, take_coming, sizeof *m);
    return CHATROOM_OK;
}

void ws_spread_remove(struct ws_remote *remote, struct chatroom_seat *seat)
{
    struct membership *m = seat->where;

    unlist(m);
    ws_post(remote->worker, &m->leaving, take_leaving, sizeof *m);
}

/* Nobody must miss a frame and stay. */
static void lose_members(const struct share *share)
{
    for (struct membership *m = share->first; m; m = m->next)
        ws_remote_lose(m->remote, WS_LOST_MEMORY);
}

static void send_to(struct ws_worker *worker, const struct share *share, chatroom_frame *frame)
{
    struct group_frame *sent = malloc(sizeof *sent);

    if (!sent) {
        lose_members(share);
        return;
    }
    *sent = (struct group_frame){.loop = &worker->loop, .group = share->group, .frame = chatroom_frame_ref(frame)};
    ws_post(worker, &sent->node, take_frame, sizeof *sent + chatroom_frame_wire(frame).size);
}

void ws_spread_send(struct ws_spread *spread, chatroom_frame *frame)
{
    const struct ws_threaded *t = spread->transport;

    for (size_t i = 0; i < t->count; i++)
        if (spread->shares[i] && spread->shares[i]->first)
            send_to(&t->workers[i], spread->shares[i], frame);
}

void ws_spread_free(struct ws_spread *spread)
{
    const struct ws_threaded *t = spread->transport;

    for (size_t i = 0; i < t->count; i++)
        if (spread->shares[i])
            ws_post(&t->workers[i], &spread->shares[i]->node, take_share, sizeof(struct share));
    free(spread);
}
