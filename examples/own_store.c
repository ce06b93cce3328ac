/*
 * own_store.c: a whole store in one small file, and a chat room on it.
 *
 *     cc own_store.c -o own_store $(pkg-config --cflags --libs chatroom)
 *
 * The store is a list of everything that was ever written. A group that fails is cut off its end again; the newest
 * write of a name says how its room stands. For reading: it forgets nothing and searches all.
 *
 * own_store [ADDR:PORT] speaks docs/chat-protocol.md at ws://ADDR:PORT/.
 */
#include <chatroom/backend/ws_epoll.h>
#include <chatroom/chatroom.h>
#include <chatroom/store.h>
#include <signal.h>
#include <stdio.h>

#include <stdlib.h>
#include <sys/random.h>

struct row {
    struct chatroom_write write; /* its spans point into bytes */
    char bytes[];
};

struct own {
    struct row **rows;
    size_t count;
    uint64_t epoch; /* given out last; begins at random, so that no other process has it */
};

/* The newest write of a room; NULL if there is no such room. */
static const struct chatroom_write *find_room(const struct own *own, chatroom_span name)
{
    for (size_t i = own->count; i-- > 0;)
        if (chatroom_span_equal(own->rows[i]->write.key, name))
            return own->rows[i]->write.kind == CHATROOM_ERASE_ROOM ? NULL : &own->rows[i]->write;
    return NULL;
}

static const struct chatroom_write *find_once(const struct own *own, uint64_t epoch, chatroom_span once)
{
    for (size_t i = own->count; once.size && i-- > 0;)
        if (own->rows[i]->write.ret_epoch == epoch && chatroom_span_equal(own->rows[i]->write.once, once))
            return &own->rows[i]->write;
    return NULL;
}

static char *copy(char *to, chatroom_span *span)
{
    if (span->size)
        memcpy(to, span->bytes, span->size);
    span->bytes = to;
    return to + span->size;
}

static int push(struct own *own, const struct chatroom_write *w)
{
    struct row **rows = realloc(own->rows, (own->count + 1) * sizeof *rows);
    struct row *row;

    if (!rows)
        return CHATROOM_ENOMEM;
    own->rows = rows;
    row = malloc(sizeof *row + w->key.size + w->once.size + w->value.size);
    if (!row)
        return CHATROOM_ENOMEM;
    row->write = *w;
    copy(copy(copy(row->bytes, &row->write.key), &row->write.once), &row->write.value);
    own->rows[own->count++] = row;
    return CHATROOM_OK;
}

static int apply(struct own *own, struct chatroom_write *w)
{
    const struct chatroom_write *room = find_room(own, w->key), *again;

    if (w->key.size > CHATROOM_KEY_MAX || w->once.size > CHATROOM_KEY_MAX)
        return CHATROOM_EINVAL;
    switch (w->kind) {
    case CHATROOM_WRITE_SESSION: /* nothing outlives the process, so nobody will ask for it */
    case CHATROOM_ERASE_SESSION:
    case CHATROOM_TRIM: /* entries may go; they need not */
        return CHATROOM_OK;
    case CHATROOM_CREATE_ROOM:
    case CHATROOM_WRITE_ROOM:
        if (room && w->kind == CHATROOM_CREATE_ROOM)
            return CHATROOM_EEXIST;
        w->ret_seq = room ? room->ret_seq : 0;
        w->ret_epoch = room ? room->ret_epoch : ++own->epoch;
        return push(own, w);
    case CHATROOM_ERASE_ROOM:
        return room ? push(own, w) : CHATROOM_OK;
    case CHATROOM_APPEND:
        if (!room)
            return CHATROOM_ENOENT;
        again = find_once(own, room->ret_epoch, w->once);
        w->ret_again = again != NULL;
        w->ret_epoch = room->ret_epoch;
        w->ret_seq = again ? again->ret_seq : room->ret_seq + 1;
        return again ? CHATROOM_OK : push(own, w);
    }
    return CHATROOM_EINVAL;
}

static void cut(struct own *own, size_t count)
{
    while (own->count > count)
        free(own->rows[--own->count]);
}

static int own_submit(void *self, struct chatroom_ticket *ticket)
{
    struct own *own = self;
    size_t before = own->count;
    int rc = CHATROOM_OK;

    for (size_t i = 0; i < ticket->count && rc == CHATROOM_OK; i++)
        rc = apply(own, &ticket->writes[i]);
    if (rc)
        cut(own, before);
    chatroom_write_done(ticket, rc);
    return CHATROOM_OK;
}

static int own_read(void *self, struct chatroom_ticket *ticket)
{
    const struct own *own = self;
    struct chatroom_read *read = &ticket->read;
    const struct chatroom_write *room = find_room(own, read->room);
    bool rising = read->kind == CHATROOM_READ_FROM;

    read->ret_epoch = room ? room->ret_epoch : 0;
    for (size_t i = 0, left = room ? read->limit : 0; i < own->count && left > 0; i++) {
        const struct chatroom_write *w = &own->rows[rising ? i : own->count - 1 - i]->write;

        if (w->kind != CHATROOM_APPEND || w->ret_epoch != room->ret_epoch ||
            (rising ? w->ret_seq < read->seq : w->ret_seq >= read->seq))
            continue;
        if (!chatroom_read_row(ticket, w->ret_seq, w->value))
            break;
        left--;
    }
    chatroom_read_done(ticket, CHATROOM_OK);
    return CHATROOM_OK;
}

static int own_open(void *self, chatroom_store_port *port, struct chatroom_error *error)
{
    struct own *own = self;

    (void)port; /* nothing to report: a new one is empty */
    if (getrandom(&own->epoch, sizeof own->epoch, 0) != (ssize_t)sizeof own->epoch)
        return chatroom_error_set(error, CHATROOM_EIO, "The store has no random bytes.");
    own->epoch >>= 12; /* clients keep it in a double */
    return CHATROOM_OK;
}

static void own_close(void *self)
{
    struct own *own = self;

    cut(own, 0);
    free(own->rows);
    free(own);
}

static const struct chatroom_store_ops own_ops = {
    CHATROOM_STORE_OPS, .name = "own", .open = own_open, .submit = own_submit, .read = own_read, .close = own_close,
};

int own_store(void *arg, struct chatroom_store *ret_store); /* what docs/writing-a-store.md runs the kit on */

int own_store(void *arg, struct chatroom_store *ret_store)
{
    (void)arg;
    ret_store->ops = &own_ops;
    ret_store->self = calloc(1, sizeof(struct own));
    return ret_store->self ? CHATROOM_OK : CHATROOM_ENOMEM;
}

int main(int argc, char **argv)
{
    const char *listen = argc > 1 ? argv[1] : "127.0.0.1:8080";
    const int signals[] = {SIGINT, SIGTERM, 0};
    struct chatroom_config config = CHATROOM_CONFIG;
    struct chatroom_ws_epoll_options ws = CHATROOM_WS_EPOLL_OPTIONS;
    struct chatroom_error error = {0, ""};
    chatroom *c = NULL;

    ws.listen = &listen;
    ws.listen_count = 1;
    int result = chatroom_ws_epoll(&ws, &config.transport, &error);
    if (result == CHATROOM_OK)
        result = own_store(NULL, &config.store);
    if (result == CHATROOM_OK)
        result = chatroom_new(&config, &c, &error);
    if (result == CHATROOM_OK)
        result = chatroom_chat(c, NULL);
    if (result == CHATROOM_OK)
        result = chatroom_run(c, signals, &error);
    if (result != CHATROOM_OK)
        fprintf(stderr, "own_store: %s\n", error.text[0] ? error.text : chatroom_strerror(result));
    chatroom_free(c);
    return result == CHATROOM_OK ? 0 : 1;
}
