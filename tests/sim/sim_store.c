#include "sim_store.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { BATCH_MOST = 16 };

struct session {
    char id[32];
    size_t id_size;
    char *record;
    size_t record_size;
};

struct item {
    struct chatroom_ticket *ticket;
    bool is_read;
    uint64_t due_ms;
    int result;
};

struct sim_disk {
    struct rnd random;
    struct sim_faults faults;
    /* what survives */
    struct sim_life **lives;
    size_t life_count, life_capacity;
    struct session *sessions;
    size_t session_count, session_capacity;
    uint64_t next_epoch;
    /* of the store that is open */
    bool open, failed, cut;
    struct chatroom_ticket *unsure; /* copies of what becomes true when the store is closed */
    size_t unsure_count;
    struct item *items;
    size_t item_count, item_capacity;
    uint64_t now_ms, last_due_ms, stalled_ms;
    unsigned full_answers;
};

static void *grown(void *array, size_t count, size_t *capacity, size_t item_size)
{
    if (count < *capacity)
        return array;
    *capacity = *capacity ? *capacity * 2 : 8;
    array = realloc(array, *capacity * item_size);
    if (!array)
        abort();
    return array;
}

static char *copied(chatroom_span span)
{
    char *copy = malloc(span.size + 1);

    if (!copy)
        abort();
    if (span.size > 0)
        memcpy(copy, span.bytes, span.size);
    copy[span.size] = '\0';
    return copy;
}

/* ---- what is there ---- */

static struct sim_life *life_of(const struct sim_disk *disk, chatroom_span name)
{
    for (size_t i = disk->life_count; i-- > 0;)
        if (disk->lives[i]->exists && chatroom_span_equal(chatroom_str(disk->lives[i]->name), name))
            return disk->lives[i];
    return NULL;
}

static struct session *session_of(const struct sim_disk *disk, chatroom_span id)
{
    for (size_t i = 0; i < disk->session_count; i++)
        if (chatroom_span_equal(chatroom_bytes(disk->sessions[i].id, disk->sessions[i].id_size), id))
            return &disk->sessions[i];
    return NULL;
}

static void put_room(struct sim_life *life, struct chatroom_write *write)
{
    free(life->record);
    life->record = copied(write->value);
    life->record_size = write->value.size;
    write->ret_epoch = life->epoch;
    write->ret_seq = life->count;
}

static struct sim_life *make_life(struct sim_disk *disk, chatroom_span name)
{
    struct sim_life *life = calloc(1, sizeof *life);

    assert(life && name.size < sizeof life->name);
    memcpy(life->name, name.bytes, name.size);
    life->epoch = ++disk->next_epoch;
    life->exists = true;
    disk->lives = grown(disk->lives, disk->life_count, &disk->life_capacity, sizeof *disk->lives);
    disk->lives[disk->life_count++] = life;
    return life;
}

static void put_session(struct sim_disk *disk, const struct chatroom_write *write)
{
    struct session *session = session_of(disk, write->key);

    if (!session) {
        disk->sessions = grown(disk->sessions, disk->session_count, &disk->session_capacity, sizeof *disk->sessions);
        session = &disk->sessions[disk->session_count++];
        assert(write->key.size < sizeof session->id);
        memcpy(session->id, write->key.bytes, write->key.size);
        session->id_size = write->key.size;
    } else {
        free(session->record);
    }
    session->record = copied(write->value);
    session->record_size = write->value.size;
}

static void erase_session(struct sim_disk *disk, chatroom_span id)
{
    struct session *session = session_of(disk, id);

    if (!session)
        return;
    free(session->record);
    *session = disk->sessions[--disk->session_count];
}

static void append(const struct sim_disk *disk, struct sim_life *life, struct chatroom_write *write)
{
    write->ret_epoch = life->epoch;
    write->ret_again = false;
    for (size_t i = life->count; i-- > 0 && life->count - i <= CHATROOM_ONCE_WINDOW && write->once.size > 0;)
        if (chatroom_span_equal(life->entries[i].once, write->once)) {
            write->ret_again = true;
            write->ret_seq = i + 1;
            return;
        }
    life->entries = grown(life->entries, life->count, &life->capacity, sizeof *life->entries);
    life->entries[life->count++] = (struct sim_entry){chatroom_bytes(copied(write->value), write->value.size),
                                                      chatroom_bytes(copied(write->once), write->once.size)};
    write->ret_seq = life->count;
    life->newest_ms = disk->now_ms;
}

/* Whether the rooms that a group names are there when it needs them: a rehearsal, so that nothing has to be undone. */
static int rehearse(const struct sim_disk *disk, const struct chatroom_ticket *ticket)
{
    for (size_t i = 0; i < ticket->count; i++) {
        const struct chatroom_write *write = &ticket->writes[i];
        bool there = life_of(disk, write->key) != NULL;

        for (size_t j = 0; j < i; j++) {
            enum chatroom_write_kind kind = ticket->writes[j].kind;

            if (!chatroom_span_equal(ticket->writes[j].key, write->key))
                continue;
            there =
                (there || kind == CHATROOM_CREATE_ROOM || kind == CHATROOM_WRITE_ROOM) && kind != CHATROOM_ERASE_ROOM;
        }
        if (write->kind == CHATROOM_CREATE_ROOM && there)
            return CHATROOM_EEXIST;
        if (write->kind == CHATROOM_APPEND && !there)
            return CHATROOM_ENOENT;
    }
    return CHATROOM_OK;
}

static void apply_write(struct sim_disk *disk, struct chatroom_write *write)
{
    struct sim_life *life = life_of(disk, write->key);

    switch (write->kind) {
    case CHATROOM_WRITE_SESSION:
        put_session(disk, write);
        break;
    case CHATROOM_ERASE_SESSION:
        erase_session(disk, write->key);
        break;
    case CHATROOM_CREATE_ROOM:
    case CHATROOM_WRITE_ROOM:
        put_room(life ? life : make_life(disk, write->key), write);
        break;
    case CHATROOM_ERASE_ROOM:
        if (life)
            life->exists = false;
        break;
    case CHATROOM_APPEND:
        append(disk, life, write);
        break;
    case CHATROOM_TRIM:
        break;
    }
}

static int apply(struct sim_disk *disk, struct chatroom_ticket *ticket)
{
    int result = rehearse(disk, ticket);

    for (size_t i = 0; i < ticket->count && result == CHATROOM_OK; i++)
        apply_write(disk, &ticket->writes[i]);
    return result;
}

/* ---- completing ---- */

static int fault_of_batch(struct sim_disk *disk)
{
    if (disk->failed)
        return CHATROOM_EIO;
    if (rnd_per_mille(&disk->random, disk->faults.unsure)) {
        disk->failed = true;
        return CHATROOM_EUNSURE;
    }
    if (rnd_per_mille(&disk->random, disk->faults.batch_fails))
        return CHATROOM_EIO;
    if (!rnd_per_mille(&disk->random, disk->faults.full))
        return CHATROOM_OK;
    disk->full_answers++;
    return CHATROOM_ENOSPC;
}

/* Some of its last bytes are not there. */
static chatroom_span row(struct sim_disk *disk, const struct sim_life *life, uint64_t seq)
{
    chatroom_span value = life->entries[seq - 1].value;

    if (rnd_per_mille(&disk->random, disk->faults.damage))
        value.size = rnd_below(&disk->random, (unsigned)value.size);
    return value;
}

static void answer_read(struct sim_disk *disk, struct chatroom_ticket *ticket)
{
    struct chatroom_read *read = &ticket->read;
    const struct sim_life *life = life_of(disk, read->room);
    size_t most = read->limit, count = life ? life->count : 0;
    bool corrupt = rnd_per_mille(&disk->random, disk->faults.corrupt), taken = true;
    uint64_t seq = read->seq;

    read->ret_epoch = life ? life->epoch : 0;
    if (rnd_per_mille(&disk->random, disk->faults.read_fails)) {
        chatroom_read_done(ticket, CHATROOM_EIO);
        return;
    }
    if (corrupt)
        most = rnd_below(&disk->random, 4);
    if (read->kind == CHATROOM_READ_FROM)
        for (seq = seq ? seq : 1; seq <= count && most > 0 && taken; seq++, most--)
            taken = chatroom_read_row(ticket, seq, row(disk, life, seq));
    else
        for (seq = seq > count ? count : seq - 1; seq > 0 && most > 0 && taken; seq--, most--)
            taken = chatroom_read_row(ticket, seq, row(disk, life, seq));
    chatroom_read_done(ticket, corrupt && taken ? CHATROOM_ECORRUPT : CHATROOM_OK);
}

/* What is unsure is decided at once, but nobody sees it before the next opening. */
static void keep_unsure(struct sim_disk *disk, const struct item *items, size_t count)
{
    disk->unsure = calloc(count, sizeof *disk->unsure);
    assert(disk->unsure);
    disk->unsure_count = count;
    for (size_t i = 0; i < count; i++) {
        const struct chatroom_ticket *from = items[i].ticket;
        struct chatroom_ticket *to = &disk->unsure[i];

        to->count = from->count;
        to->writes = calloc(from->count, sizeof *to->writes);
        assert(to->writes);
        for (size_t j = 0; j < from->count; j++) {
            to->writes[j] = from->writes[j];
            to->writes[j].key.bytes = copied(from->writes[j].key);
            to->writes[j].value.bytes = copied(from->writes[j].value);
            to->writes[j].once.bytes = copied(from->writes[j].once);
        }
    }
}

static void end_unsure(struct sim_disk *disk)
{
    for (size_t i = 0; i < disk->unsure_count; i++) {
        struct chatroom_ticket *ticket = &disk->unsure[i];

        (void)apply(disk, ticket); /* nobody hears of it */
        for (size_t j = 0; j < ticket->count; j++) {
            free((char *)ticket->writes[j].key.bytes);
            free((char *)ticket->writes[j].value.bytes);
            free((char *)ticket->writes[j].once.bytes);
        }
        free(ticket->writes);
    }
    free(disk->unsure);
    disk->unsure = NULL;
    disk->unsure_count = 0;
}

/* One transaction. */
static void commit(struct sim_disk *disk, struct item *items, size_t count)
{
    bool was_failed = disk->failed;
    int fault = fault_of_batch(disk);

    if (disk->failed && !was_failed && rnd_below(&disk->random, 2))
        keep_unsure(disk, items, count);
    for (size_t i = 0; i < count; i++)
        items[i].result = fault == CHATROOM_OK ? apply(disk, items[i].ticket) : fault;
}

static void take_out(struct sim_disk *disk, size_t count)
{
    disk->item_count -= count;
    memmove(disk->items, disk->items + count, disk->item_count * sizeof *disk->items);
}

static size_t take_batch(struct sim_disk *disk, uint64_t until_ms, struct item *batch)
{
    size_t count = 0, most = 1 + rnd_below(&disk->random, BATCH_MOST);

    while (count < most && count < disk->item_count && disk->items[count].due_ms <= until_ms &&
           !disk->items[count].is_read) {
        batch[count] = disk->items[count];
        count++;
    }
    take_out(disk, count);
    return count;
}

/* Completes the oldest: a batch of writes, or a read, which may see the batch after it already. */
static void complete_some(struct sim_disk *disk, uint64_t until_ms)
{
    struct chatroom_ticket *read = disk->items[0].is_read ? disk->items[0].ticket : NULL;
    struct item batch[BATCH_MOST];
    size_t count = 0;

    if (read)
        take_out(disk, 1);
    if (!read || rnd_below(&disk->random, 3) == 0)
        count = take_batch(disk, until_ms, batch);
    if (count > 0)
        commit(disk, batch, count);
    if (read)
        answer_read(disk, read);
    for (size_t i = 0; i < count; i++)
        chatroom_write_done(batch[i].ticket, batch[i].result);
}

void sim_store_run(struct sim_disk *disk, uint64_t now_ms)
{
    disk->now_ms = now_ms;
    while (disk->item_count > 0 && disk->items[0].due_ms <= now_ms && disk->stalled_ms <= now_ms)
        complete_some(disk, now_ms);
}

void sim_store_stall(struct sim_disk *disk, uint64_t until_ms)
{
    disk->stalled_ms = until_ms;
}

/* ---- the table ---- */

static int report_room(const struct sim_life *life, chatroom_store_port *port)
{
    chatroom_span name = chatroom_str(life->name);
    int result = chatroom_store_found_room(port, name, chatroom_bytes(life->record, life->record_size), life->epoch,
                                           life->count);

    if (result == CHATROOM_OK && life->count > 0)
        chatroom_store_found_newest(port, name, life->entries[life->count - 1].value);
    return result;
}

static int store_open(void *self, chatroom_store_port *port, struct chatroom_error *error)
{
    struct sim_disk *disk = self;
    int result = CHATROOM_OK;

    for (size_t i = 0; i < disk->life_count; i++)
        disk->lives[i]->existed = disk->lives[i]->exists;
    for (size_t i = 0; i < disk->life_count && result == CHATROOM_OK; i++)
        if (disk->lives[i]->exists)
            result = report_room(disk->lives[i], port);
    for (size_t i = 0; i < disk->session_count && result == CHATROOM_OK; i++)
        result = chatroom_store_found_session(port, chatroom_bytes(disk->sessions[i].id, disk->sessions[i].id_size),
                                              chatroom_bytes(disk->sessions[i].record, disk->sessions[i].record_size));
    return result ? chatroom_error_set(error, result, "The simulated store could not be opened.") : CHATROOM_OK;
}

static int take(struct sim_disk *disk, struct chatroom_ticket *ticket, bool is_read, unsigned refuse)
{
    uint64_t due = disk->now_ms;

    if (disk->cut)
        return CHATROOM_ECLOSED;
    if (rnd_per_mille(&disk->random, refuse))
        return rnd_below(&disk->random, 2) ? CHATROOM_EAGAIN : CHATROOM_ENOMEM;
    if (disk->faults.latency_ms > 0)
        due += rnd_below(&disk->random, disk->faults.latency_ms + 1);
    if (due < disk->last_due_ms)
        due = disk->last_due_ms;
    disk->last_due_ms = due;
    disk->items = grown(disk->items, disk->item_count, &disk->item_capacity, sizeof *disk->items);
    disk->items[disk->item_count++] = (struct item){ticket, is_read, due, CHATROOM_OK};
    if (disk->faults.latency_ms == 0 && disk->item_count == 1 && disk->stalled_ms <= disk->now_ms)
        complete_some(disk, due);
    return CHATROOM_OK;
}

static int store_submit(void *self, struct chatroom_ticket *ticket)
{
    struct sim_disk *disk = self;

    return take(disk, ticket, false, disk->faults.refuse_submit);
}

static int store_read(void *self, struct chatroom_ticket *ticket)
{
    struct sim_disk *disk = self;

    return take(disk, ticket, true, disk->faults.refuse_read);
}

static void store_close(void *self)
{
    struct sim_disk *disk = self;

    while (!disk->cut && disk->item_count > 0)
        complete_some(disk, UINT64_MAX);
    for (size_t i = 0; i < disk->item_count; i++)
        if (disk->items[i].is_read)
            chatroom_read_done(disk->items[i].ticket, CHATROOM_ECLOSED);
        else
            chatroom_write_done(disk->items[i].ticket, CHATROOM_ECLOSED);
    disk->item_count = 0;
    end_unsure(disk);
    disk->open = false;
}

static const struct chatroom_store_ops ops = {
    CHATROOM_STORE_OPS, .caps = CHATROOM_STORE_DURABLE, .name = "sim", .open = store_open, .submit = store_submit,
    .read = store_read, .close = store_close,
};

struct chatroom_store sim_store(struct sim_disk *disk)
{
    assert(!disk->open);
    disk->open = true;
    disk->cut = disk->failed = false;
    disk->full_answers = 0;
    disk->last_due_ms = 0;
    return (struct chatroom_store){&ops, disk};
}

/* ---- life ---- */

void sim_disk_cut(struct sim_disk *disk)
{
    size_t part = rnd_below(&disk->random, (unsigned)disk->item_count + 1);

    for (size_t i = 0; i < part && !disk->failed; i++)
        if (!disk->items[i].is_read)
            (void)apply(disk, disk->items[i].ticket); /* nobody hears of it */
    disk->cut = true;
}

struct sim_disk *sim_disk_new(struct rnd random)
{
    struct sim_disk *disk = calloc(1, sizeof *disk);

    if (!disk)
        abort();
    disk->random = random;
    return disk;
}

void sim_disk_free(struct sim_disk *disk)
{
    assert(!disk->open);
    for (size_t i = 0; i < disk->life_count; i++) {
        struct sim_life *life = disk->lives[i];

        for (size_t j = 0; j < life->count; j++) {
            free((char *)life->entries[j].value.bytes);
            free((char *)life->entries[j].once.bytes);
        }
        free(life->entries);
        free(life->record);
        free(life);
    }
    for (size_t i = 0; i < disk->session_count; i++)
        free(disk->sessions[i].record);
    free(disk->lives);
    free(disk->sessions);
    free(disk->items);
    free(disk);
}

/* ---- looking ---- */

struct sim_faults *sim_disk_faults(struct sim_disk *disk)
{
    return &disk->faults;
}

bool sim_store_idle(const struct sim_disk *disk)
{
    return disk->item_count == 0;
}

unsigned sim_disk_full_answers(const struct sim_disk *disk)
{
    return disk->full_answers;
}

bool sim_store_failed(const struct sim_disk *disk)
{
    return disk->failed;
}

const struct sim_life *sim_disk_life(const struct sim_disk *disk, uint64_t epoch)
{
    return epoch > 0 && epoch <= disk->life_count ? disk->lives[epoch - 1] : NULL;
}

const struct sim_life *sim_disk_room(const struct sim_disk *disk, chatroom_span name)
{
    return life_of(disk, name);
}

uint64_t sim_disk_epochs(const struct sim_disk *disk)
{
    return disk->life_count;
}

size_t sim_disk_rooms(const struct sim_disk *disk)
{
    size_t count = 0;

    for (size_t i = 0; i < disk->life_count; i++)
        count += disk->lives[i]->exists;
    return count;
}

size_t sim_disk_sessions(const struct sim_disk *disk)
{
    return disk->session_count;
}
