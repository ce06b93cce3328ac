/*
 * lmdb.c: the store's table, its queue and its writer thread.
 *
 * The owner's thread puts tickets into a ring; flush() wakes the writer, which takes what has gathered, makes it true
 * in one transaction and only then completes it, in order. While it commits the next batch gathers, so a slow disk
 * makes larger batches rather than a longer queue. Reads go the same way and so see all that was submitted before them.
 */
#include "engine.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#define BATCH_TICKETS  4096
#define BATCH_BYTES    ((size_t)16 << 20)
#define INDEX_ENTRIES  4096
#define SECOND         1000000000u
#define READERS_EACH   (60 * (uint64_t)SECOND)
#define BATCHES_A_DROP 8    /* under load: how many batches go before some deleting */
#define DROP_ROWS      1000 /* deleted at a time: a few milliseconds; or twice what was written meanwhile, to keep up */
#define GATHER_MOST    (5 * (uint64_t)1000000)

struct lmdb_store {
    struct lmdb_engine engine;
    char *path;
    pthread_t writer;
    bool has_writer;
    pthread_mutex_t mutex; /* the six below */
    pthread_cond_t wake;
    struct lmdb_item *ring;
    size_t ring_first, ring_count;
    size_t reads;  /* among them */
    size_t wanted; /* flush() wakes the writer for so many */
    bool woken, closing;
    /* The writer's own. */
    struct lmdb_item batch[BATCH_TICKETS];
    uint64_t index_due, sync_due; /* CHATROOM_NEVER if there is nothing to do */
    uint64_t readers_due;
    unsigned batches_since_drop;
    size_t written_since_drop; /* single writes */
    size_t last_writes;        /* tickets in the last batch that wrote */
    uint64_t last_took_ns;     /* what that took */
};

static uint64_t mono_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

/* ---- queue ------------------------------------------------------------------------------------------------------ */

static int enqueue(struct lmdb_store *s, struct chatroom_ticket *ticket, bool is_read)
{
    size_t size = s->engine.options.queue_tickets;
    int rc = CHATROOM_EAGAIN;

    pthread_mutex_lock(&s->mutex);
    if (s->closing) {
        rc = CHATROOM_ECLOSED;
    } else if (s->ring_count < size) {
        s->ring[(s->ring_first + s->ring_count++) % size] = (struct lmdb_item){ticket, is_read, CHATROOM_OK};
        s->reads += is_read;
        rc = CHATROOM_OK;
    }
    /* A reader waits for an answer, and nobody promised a flush() after a read. */
    if (is_read || rc == CHATROOM_EAGAIN) {
        s->woken = true;
        pthread_cond_signal(&s->wake);
    }
    pthread_mutex_unlock(&s->mutex);
    return rc;
}

static size_t bytes_of(const struct lmdb_item *item)
{
    size_t bytes = 0;

    if (!item->is_read)
        for (size_t i = 0; i < item->ticket->count; i++)
            bytes += item->ticket->writes[i].value.size;
    return bytes;
}

/* Moves what is queued into the batch, as much as one transaction should hold. With the mutex. */
static size_t take_batch(struct lmdb_store *s)
{
    size_t size = s->engine.options.queue_tickets, count = 0, bytes = 0;

    while (s->ring_count > 0 && count < BATCH_TICKETS && bytes < BATCH_BYTES) {
        s->batch[count] = s->ring[s->ring_first];
        s->reads -= s->batch[count].is_read;
        bytes += bytes_of(&s->batch[count++]);
        s->ring_first = (s->ring_first + 1) % size;
        s->ring_count--;
    }
    s->woken = s->ring_count > 0;
    return count;
}

/* ---- writer ----------------------------------------------------------------------------------------------------- */

/* The tickets that write, and in *ret_single what they write. Before completion: they are somebody else's then. */
static size_t count_writes(const struct lmdb_store *s, size_t count, size_t *ret_single)
{
    size_t writes = 0;

    *ret_single = 0;
    for (size_t i = 0; i < count; i++)
        if (!s->batch[i].is_read) {
            writes++;
            *ret_single += s->batch[i].ticket->count;
        }
    return writes;
}

static void complete(struct lmdb_store *s, size_t count)
{
    MDB_txn *txn = NULL;
    int rc = CHATROOM_OK;

    for (size_t i = 0; i < count; i++) {
        struct lmdb_item *item = &s->batch[i];

        if (!item->is_read) {
            chatroom_write_done(item->ticket, item->status);
            continue;
        }
        if (!txn && rc == CHATROOM_OK)
            rc = lmdb_engine_begin_reads(&s->engine, &txn);
        chatroom_read_done(item->ticket, rc ? rc : lmdb_engine_read(&s->engine, txn, item->ticket));
    }
    if (txn)
        mdb_txn_abort(txn);
}

static bool index_is_due(const struct lmdb_store *s, uint64_t now)
{
    return s->engine.table.tail_entries >= INDEX_ENTRIES || now >= s->index_due;
}

static void run_batch(struct lmdb_store *s, size_t count)
{
    uint64_t began = mono_ns();
    size_t single, writes = count_writes(s, count, &single);
    bool with_index = index_is_due(s, began);

    s->written_since_drop += single;
    if (writes > 0)
        lmdb_engine_look_at_space(&s->engine, began);
    if (writes > 0 || (with_index && !s->engine.failed))
        lmdb_engine_write(&s->engine, s->batch, count, with_index);
    if (writes > 0) {
        s->last_writes = writes;
        s->last_took_ns = mono_ns() - began;
    }
    complete(s, count);
}

static void set_timers(struct lmdb_store *s, uint64_t now)
{
    const struct lmdb_engine *e = &s->engine;

    if (e->table.tail_entries == 0 || e->failed)
        s->index_due = CHATROOM_NEVER;
    else if (s->index_due == CHATROOM_NEVER || s->index_due <= now)
        s->index_due = now + SECOND;
    if (!e->unsynced || e->failed || e->options.durability != CHATROOM_DURABLE_ASYNC)
        s->sync_due = CHATROOM_NEVER;
    else if (s->sync_due == CHATROOM_NEVER)
        s->sync_due = now + SECOND;
}

static void drop_some(struct lmdb_store *s, bool idle)
{
    size_t written = s->written_since_drop;

    if (!s->engine.has_drops)
        s->written_since_drop = 0;
    else if (idle || written >= DROP_ROWS || ++s->batches_since_drop >= BATCHES_A_DROP) {
        lmdb_engine_drop_some(&s->engine, written > DROP_ROWS / 2 ? 2 * written : DROP_ROWS);
        s->batches_since_drop = 0;
        s->written_since_drop = 0;
    }
}

/*
 * What is not urgent: syncing once a second, forgetting dead readers once a minute (while there is work: else nothing
 * grows), and deleting when there is a pause or has been none for long.
 */
static void do_chores(struct lmdb_store *s, bool idle)
{
    uint64_t now = mono_ns();

    if (now >= s->sync_due) {
        lmdb_engine_sync(&s->engine);
        s->sync_due = CHATROOM_NEVER;
    }
    if (now >= s->readers_due) {
        lmdb_engine_check_readers(&s->engine);
        s->readers_due = now + READERS_EACH;
    }
    drop_some(s, idle);
    set_timers(s, now);
}

/* Waits until there is something to do. With the mutex. */
static void wait_for_work(struct lmdb_store *s)
{
    uint64_t due = s->index_due < s->sync_due ? s->index_due : s->sync_due;
    struct timespec until = {(time_t)(due / SECOND), (long)(due % SECOND)};

    while (!s->woken && !s->closing && !s->engine.has_drops) {
        if (due == CHATROOM_NEVER)
            pthread_cond_wait(&s->wake, &s->mutex);
        else if (pthread_cond_timedwait(&s->wake, &s->mutex, &until))
            return;
    }
}

/*
 * Those who were answered together are likely to speak again together. So when there are fewer than the last time the
 * writer waits for the rest, but no longer than a commit takes: it costs about the same for one as for all of them. A
 * client that is alone never waits. With the mutex.
 */
static void wait_for_more(struct lmdb_store *s)
{
    uint64_t due = mono_ns() + (s->last_took_ns < GATHER_MOST ? s->last_took_ns : GATHER_MOST);
    struct timespec until = {(time_t)(due / SECOND), (long)(due % SECOND)};

    if (s->ring_count == 0 || s->ring_count >= s->last_writes || s->reads > 0)
        return;
    s->wanted = s->last_writes;
    s->woken = false;
    while (!s->woken && !s->closing)
        if (pthread_cond_timedwait(&s->wake, &s->mutex, &until))
            break;
    s->wanted = 1;
}

static void *writer_main(void *arg)
{
    struct lmdb_store *s = arg;

    set_timers(s, mono_ns());
    lmdb_engine_look_at_space(&s->engine, mono_ns());
    for (;;) {
        size_t count;
        bool idle, last;

        pthread_mutex_lock(&s->mutex);
        wait_for_work(s);
        wait_for_more(s);
        count = take_batch(s);
        idle = s->ring_count == 0;
        last = s->closing && count == 0;
        pthread_mutex_unlock(&s->mutex);
        if (last)
            return NULL;
        run_batch(s, count);
        do_chores(s, idle);
    }
}

/* Signals are the host's business: the writer takes none. */
static int start_writer(struct lmdb_store *s)
{
    sigset_t all, before;
    int rc;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&s->writer, NULL, writer_main, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    s->has_writer = rc == 0;
    return rc;
}

/* ---- ops -------------------------------------------------------------------------------------------------------- */

static int store_open(void *self, chatroom_store_port *port, struct chatroom_error *error)
{
    struct lmdb_store *s = self;
    int rc;

    s->engine.port = port;
    rc = lmdb_engine_open(&s->engine, s->path, error);
    if (rc)
        return rc;
    if (start_writer(s))
        return chatroom_error_set(error, CHATROOM_ENOMEM, "The store could not start its thread.");
    return CHATROOM_OK;
}

static int store_submit(void *self, struct chatroom_ticket *ticket)
{
    return enqueue(self, ticket, false);
}

static int store_read(void *self, struct chatroom_ticket *ticket)
{
    return enqueue(self, ticket, true);
}

static void store_flush(void *self)
{
    struct lmdb_store *s = self;

    pthread_mutex_lock(&s->mutex);
    if (s->ring_count >= s->wanted && !s->woken) {
        s->woken = true;
        pthread_cond_signal(&s->wake);
    }
    pthread_mutex_unlock(&s->mutex);
}

static void store_close(void *self)
{
    struct lmdb_store *s = self;

    if (s->has_writer) {
        pthread_mutex_lock(&s->mutex);
        s->closing = true;
        pthread_cond_signal(&s->wake);
        pthread_mutex_unlock(&s->mutex);
        pthread_join(s->writer, NULL);
    }
    lmdb_engine_close(&s->engine);
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->mutex);
    free(s->ring);
    free(s->path);
    free(s);
}

static const struct chatroom_store_ops durable_ops = {
    CHATROOM_STORE_OPS,     .caps = CHATROOM_STORE_DURABLE, .name = "lmdb",     .open = store_open,
    .submit = store_submit, .flush = store_flush,           .read = store_read, .close = store_close,
};

/* The same, without the promise that what was completed survives a power cut. */
static const struct chatroom_store_ops relaxed_ops = {
    CHATROOM_STORE_OPS,   .name = "lmdb",     .open = store_open,   .submit = store_submit,
    .flush = store_flush, .read = store_read, .close = store_close,
};

/* ---- constructor ------------------------------------------------------------------------------------------------ */

static int read_options(const struct chatroom_lmdb_options *given, struct chatroom_lmdb_options *ret)
{
    *ret = (struct chatroom_lmdb_options)CHATROOM_LMDB_OPTIONS;
    if (given && given->size < sizeof given->size)
        return CHATROOM_EINVAL;
    if (given)
        memcpy(ret, given, given->size < sizeof *ret ? given->size : sizeof *ret);
    if (ret->durability > CHATROOM_DURABLE_NONE || ret->map_bytes == 0 || ret->map_bytes_most < ret->map_bytes ||
        ret->queue_tickets == 0)
        return CHATROOM_EINVAL;
    return CHATROOM_OK;
}

static int init_locks(struct lmdb_store *s)
{
    pthread_condattr_t attr;
    int rc;

    if (pthread_condattr_init(&attr))
        return CHATROOM_ENOMEM;
    rc = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC); /* else a wait would last by a clock that jumps */
    if (rc == 0)
        rc = pthread_cond_init(&s->wake, &attr);
    pthread_condattr_destroy(&attr);
    if (rc)
        return CHATROOM_ENOMEM;
    if (pthread_mutex_init(&s->mutex, NULL) == 0)
        return CHATROOM_OK;
    pthread_cond_destroy(&s->wake);
    return CHATROOM_ENOMEM;
}

static struct lmdb_store *store_new(const char *path, const struct chatroom_lmdb_options *options)
{
    struct lmdb_store *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    s->engine.options = *options;
    s->engine.space.reserve = options->reserve_bytes;
    s->engine.lock_fd = -1;
    s->index_due = s->sync_due = CHATROOM_NEVER;
    s->wanted = 1;
    s->path = strdup(path);
    s->ring = calloc(options->queue_tickets, sizeof *s->ring);
    if (s->path && s->ring && lmdb_table_init(&s->engine.table) == CHATROOM_OK && init_locks(s) == CHATROOM_OK)
        return s;
    free(s->ring);
    free(s->path);
    free(s);
    return NULL;
}

int chatroom_lmdb_store(const char *path, const struct chatroom_lmdb_options *options, struct chatroom_store *ret_store,
                        struct chatroom_error *error)
{
    struct chatroom_lmdb_options checked;
    struct lmdb_store *s;

    if (!path || !*path || strlen(path) > 4000)
        return chatroom_error_set(error, CHATROOM_EINVAL, "The path of the store is empty or too long.");
    if (read_options(options, &checked))
        return chatroom_error_set(error, CHATROOM_EINVAL, "The options of the store are not valid.");
    s = store_new(path, &checked);
    if (!s)
        return chatroom_error_set(error, CHATROOM_ENOMEM, "There is not enough memory for the store.");
    ret_store->ops = checked.durability == CHATROOM_DURABLE_COMMIT ? &durable_ops : &relaxed_ops;
    ret_store->self = s;
    return CHATROOM_OK;
}
