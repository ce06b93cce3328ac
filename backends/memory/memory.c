/*
 * memory.c: the store that forgets. Everything happens inside submit() and read().
 *
 * A group is applied write by write and each step is noted in a journal that is reserved beforehand; a step that cannot
 * be done takes the steps before it back. Going back never allocates: what a step replaced stays alive until the group
 * stands.
 */
#include <chatroom/backend/memory.h>

#include <stdlib.h>
#include <sys/random.h>

/* Names come from strangers: every hash is made by hash_of(), and a full table is an error instead of an exit(). */
#define HASH_NONFATAL_OOM         1
#define uthash_nonfatal_oom(item) ((item)->refused = true)
#include <uthash.h>

struct blob {
    size_t size;
    char bytes[];
};

/* One life of a room; its entries are those from base on, those below first are trimmed. */
struct life {
    uint64_t number; /* of this life, never used again */
    uint64_t base;   /* the seq of entries[0] */
    uint64_t first;
    uint64_t newest;
    struct blob *record;
    struct blob **entries;
    size_t capacity;
};

/* A room's name. While a group is under way it may have no life. */
struct slot {
    UT_hash_handle hh;
    bool refused;
    size_t touched; /* the last journal step that changed what the slot holds */
    struct life *life;
    size_t size;
    char key[];
};

struct once {
    UT_hash_handle hh;
    bool refused;
    struct once *older, *newer;
    uint64_t seq;
    size_t size;
    char key[]; /* the life's number, then the bytes given */
};

/* What one write did, and so what takes it back. */
struct step {
    struct slot *slot;
    struct life *life;
    bool made_slot, set, appended, trimmed, remembered;
    struct life *old_life;
    struct blob *old_record;
    uint64_t old_first;
};

struct memory {
    uint8_t key[16];
    uint64_t epoch_base;
    uint64_t lives;
    struct slot *rooms;
    struct once *onces;
    struct once *oldest, *newest;
    size_t once_count;
};

static unsigned hash_of(const struct memory *m, const void *key, size_t size)
{
    return (unsigned)chatroom_hash(m->key, key, size);
}

static struct blob *blob_new(chatroom_span span)
{
    struct blob *blob = malloc(sizeof *blob + span.size);

    if (!blob)
        return NULL;
    blob->size = span.size;
    if (span.size)
        memcpy(blob->bytes, span.bytes, span.size);
    return blob;
}

static uint64_t epoch_of(const struct memory *m, const struct life *life)
{
    return m->epoch_base + life->number;
}

/* ---- lives ------------------------------------------------------------------------------------------------------ */

static void life_free(struct life *life)
{
    if (!life)
        return;
    for (uint64_t seq = life->base; seq <= life->newest; seq++)
        free(life->entries[seq - life->base]);
    free(life->entries);
    free(life->record);
    free(life);
}

static struct life *life_new(struct memory *m, chatroom_span record)
{
    struct life *life = calloc(1, sizeof *life);

    if (!life)
        return NULL;
    life->number = ++m->lives;
    life->base = life->first = 1;
    life->record = blob_new(record);
    if (!life->record) {
        life_free(life);
        return NULL;
    }
    return life;
}

static bool life_push(struct life *life, chatroom_span value)
{
    size_t used = (size_t)(life->newest + 1 - life->base);

    if (used == life->capacity) {
        size_t capacity = life->capacity ? life->capacity * 2 : 8;
        struct blob **entries = realloc(life->entries, capacity * sizeof *entries);
        if (!entries)
            return false;
        life->entries = entries;
        life->capacity = capacity;
    }
    life->entries[used] = blob_new(value);
    if (!life->entries[used])
        return false;
    life->newest++;
    return true;
}

static void life_pop(struct life *life)
{
    free(life->entries[life->newest - life->base]);
    life->newest--;
}

/* Frees what was trimmed; moves the rest only when at least half is gone, so that trimming one by one stays cheap. */
static void life_sweep(struct life *life)
{
    uint64_t gone = life->first - life->base, all = life->newest + 1 - life->base;

    if (gone == 0 || gone * 2 < all)
        return;
    for (uint64_t i = 0; i < gone; i++)
        free(life->entries[i]);
    memmove(life->entries, life->entries + gone, (size_t)(all - gone) * sizeof *life->entries);
    life->base = life->first;
}

/* ---- slots ------------------------------------------------------------------------------------------------------ */

static struct slot *slot_find(const struct memory *m, chatroom_span key)
{
    struct slot *slot = NULL;
    const char *bytes = key.size ? key.bytes : "";

    HASH_FIND_BYHASHVALUE(hh, m->rooms, bytes, key.size, hash_of(m, bytes, key.size), slot);
    return slot;
}

static struct slot *slot_get(struct memory *m, chatroom_span key, bool *ret_made)
{
    struct slot *slot = slot_find(m, key);

    *ret_made = false;
    if (slot)
        return slot;
    slot = calloc(1, sizeof *slot + key.size);
    if (!slot)
        return NULL;
    slot->size = key.size;
    if (key.size)
        memcpy(slot->key, key.bytes, key.size);
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, m->rooms, slot->key, slot->size, hash_of(m, slot->key, slot->size), slot);
    if (slot->refused) {
        free(slot);
        return NULL;
    }
    *ret_made = true;
    return slot;
}

static void slot_remove(struct memory *m, struct slot *slot)
{
    HASH_DELETE(hh, m->rooms, slot); /* NOLINT: what is in the list is in the table, once */
    free(slot);
}

static struct life *life_find(const struct memory *m, chatroom_span room)
{
    struct slot *slot = slot_find(m, room);

    return slot ? slot->life : NULL;
}

/* ---- once ------------------------------------------------------------------------------------------------------- */

static size_t once_key(char *key, const struct life *life, chatroom_span once)
{
    memcpy(key, &life->number, sizeof life->number);
    memcpy(key + sizeof life->number, once.bytes, once.size);
    return sizeof life->number + once.size;
}

static struct once *once_find(const struct memory *m, const struct life *life, chatroom_span once)
{
    char key[sizeof life->number + CHATROOM_KEY_MAX];
    size_t size = once_key(key, life, once);
    struct once *item = NULL;

    HASH_FIND_BYHASHVALUE(hh, m->onces, key, size, hash_of(m, key, size), item);
    return item;
}

static bool once_push(struct memory *m, const struct life *life, chatroom_span once)
{
    struct once *item = calloc(1, sizeof *item + sizeof life->number + once.size);

    if (!item)
        return false;
    item->size = once_key(item->key, life, once);
    item->seq = life->newest;
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, m->onces, item->key, item->size, hash_of(m, item->key, item->size), item);
    if (item->refused) {
        free(item);
        return false;
    }
    item->older = m->newest;
    if (m->newest)
        m->newest->newer = item;
    else
        m->oldest = item;
    m->newest = item;
    m->once_count++;
    return true;
}

static void once_remove(struct memory *m, struct once *item)
{
    *(item->older ? &item->older->newer : &m->oldest) = item->newer;
    *(item->newer ? &item->newer->older : &m->newest) = item->older;
    HASH_DELETE(hh, m->onces, item); /* NOLINT: what is in the list is in the table, once */
    free(item);
    m->once_count--;
}

/* ---- one write -------------------------------------------------------------------------------------------------- */

static void tell_room(const struct memory *m, struct chatroom_write *write, const struct life *life)
{
    write->ret_seq = life->newest;
    write->ret_epoch = epoch_of(m, life);
}

static int create_room(struct memory *m, struct chatroom_write *write, struct step *step)
{
    struct life *life;

    if (life_find(m, write->key))
        return CHATROOM_EEXIST;
    life = life_new(m, write->value);
    step->slot = life ? slot_get(m, write->key, &step->made_slot) : NULL;
    if (!step->slot) {
        life_free(life);
        return CHATROOM_ENOMEM;
    }
    step->set = true;
    step->slot->life = life;
    tell_room(m, write, life);
    return CHATROOM_OK;
}

static int write_room(struct memory *m, struct chatroom_write *write, struct step *step)
{
    struct life *life = life_find(m, write->key);
    struct blob *record;

    if (!life)
        return create_room(m, write, step);
    record = blob_new(write->value);
    if (!record)
        return CHATROOM_ENOMEM;
    step->life = life;
    step->old_record = life->record;
    life->record = record;
    tell_room(m, write, life);
    return CHATROOM_OK;
}

static int erase_room(struct memory *m, struct chatroom_write *write, struct step *step)
{
    step->slot = slot_find(m, write->key);
    if (!step->slot)
        return CHATROOM_OK;
    step->set = true;
    step->old_life = step->slot->life;
    step->slot->life = NULL;
    return CHATROOM_OK;
}

static int append(struct memory *m, struct chatroom_write *write, struct step *step)
{
    struct life *life = life_find(m, write->key);
    const struct once *again;

    if (!life)
        return CHATROOM_ENOENT;
    again = write->once.size ? once_find(m, life, write->once) : NULL;
    write->ret_again = again != NULL;
    write->ret_epoch = epoch_of(m, life);
    if (again) {
        write->ret_seq = again->seq;
        return CHATROOM_OK;
    }
    if (!life_push(life, write->value))
        return CHATROOM_ENOMEM;
    step->life = life;
    step->appended = true;
    if (write->once.size) {
        if (!once_push(m, life, write->once))
            return CHATROOM_ENOMEM;
        step->remembered = true;
    }
    write->ret_seq = life->newest;
    return CHATROOM_OK;
}

static int trim(struct memory *m, struct chatroom_write *write, struct step *step)
{
    struct life *life = life_find(m, write->key);
    uint64_t first;

    if (!life)
        return CHATROOM_OK;
    first = write->seq > life->newest ? life->newest + 1 : write->seq;
    if (first <= life->first)
        return CHATROOM_OK;
    step->life = life;
    step->trimmed = true;
    step->old_first = life->first;
    life->first = first;
    return CHATROOM_OK;
}

static int apply(struct memory *m, struct chatroom_write *write, struct step *step)
{
    if (write->key.size > CHATROOM_KEY_MAX || write->once.size > CHATROOM_KEY_MAX)
        return CHATROOM_EINVAL;
    switch (write->kind) {
    case CHATROOM_WRITE_SESSION: /* nothing outlives the process, so nobody will ask for it */
    case CHATROOM_ERASE_SESSION:
        return CHATROOM_OK;
    case CHATROOM_CREATE_ROOM:
        return create_room(m, write, step);
    case CHATROOM_WRITE_ROOM:
        return write_room(m, write, step);
    case CHATROOM_ERASE_ROOM:
        return erase_room(m, write, step);
    case CHATROOM_APPEND:
        return append(m, write, step);
    case CHATROOM_TRIM:
        return trim(m, write, step);
    }
    return CHATROOM_EINVAL;
}

/* ---- groups ----------------------------------------------------------------------------------------------------- */

static void take_back(struct memory *m, struct step *step)
{
    if (step->remembered)
        once_remove(m, m->newest);
    if (step->appended)
        life_pop(step->life);
    else if (step->trimmed)
        step->life->first = step->old_first;
    else if (step->life) {
        free(step->life->record);
        step->life->record = step->old_record;
    }
    if (step->set) {
        life_free(step->slot->life);
        step->slot->life = step->old_life;
    }
    if (step->made_slot)
        slot_remove(m, step->slot);
}

/* The group stands: lets go of what it replaced, and of slots that it left empty. */
static void make_final(struct memory *m, struct chatroom_ticket *ticket, struct step *steps)
{
    /* Trimmed lives first: a later step of the group may end them. */
    for (size_t i = 0; i < ticket->count; i++)
        if (steps[i].trimmed)
            life_sweep(steps[i].life);
    for (size_t i = 0; i < ticket->count; i++) {
        struct slot *slot = steps[i].slot;

        free(steps[i].old_record);
        life_free(steps[i].old_life);
        if (slot && slot->touched == i && !slot->life)
            slot_remove(m, slot);
    }
    while (m->once_count > CHATROOM_ONCE_WINDOW)
        once_remove(m, m->oldest);
}

static int apply_group(struct memory *m, struct chatroom_ticket *ticket, struct step *steps)
{
    for (size_t i = 0; i < ticket->count; i++) {
        int rc = apply(m, &ticket->writes[i], &steps[i]);

        if (steps[i].slot)
            steps[i].slot->touched = i;
        if (rc == CHATROOM_OK)
            continue;
        for (size_t j = i + 1; j-- > 0;)
            take_back(m, &steps[j]);
        return rc;
    }
    make_final(m, ticket, steps);
    return CHATROOM_OK;
}

static int memory_submit(void *self, struct chatroom_ticket *ticket)
{
    struct step few[8] = {0};
    struct step *steps = few;
    int rc;

    if (ticket->count > sizeof few / sizeof few[0]) {
        steps = calloc(ticket->count, sizeof *steps);
        if (!steps)
            return CHATROOM_ENOMEM;
    }
    rc = apply_group(self, ticket, steps);
    if (steps != few)
        free(steps);
    chatroom_write_done(ticket, rc);
    return CHATROOM_OK;
}

/* ---- the rest --------------------------------------------------------------------------------------------------- */

static bool give_row(struct chatroom_ticket *ticket, const struct life *life, uint64_t seq)
{
    const struct blob *entry = life->entries[seq - life->base];

    return chatroom_read_row(ticket, seq, chatroom_bytes(entry->bytes, entry->size));
}

static void read_from(struct chatroom_ticket *ticket, const struct life *life)
{
    size_t left = ticket->read.limit;
    uint64_t seq = ticket->read.seq > life->first ? ticket->read.seq : life->first;

    for (; left > 0 && seq <= life->newest; left--, seq++)
        if (!give_row(ticket, life, seq))
            return;
}

static void read_before(struct chatroom_ticket *ticket, const struct life *life)
{
    size_t left = ticket->read.limit;
    uint64_t above = ticket->read.seq > life->newest ? life->newest + 1 : ticket->read.seq;

    for (; left > 0 && above > life->first; left--, above--)
        if (!give_row(ticket, life, above - 1))
            return;
}

static int memory_read(void *self, struct chatroom_ticket *ticket)
{
    const struct life *life = life_find(self, ticket->read.room);

    ticket->read.ret_epoch = life ? epoch_of(self, life) : 0;
    if (life && ticket->read.kind == CHATROOM_READ_FROM)
        read_from(ticket, life);
    else if (life)
        read_before(ticket, life);
    chatroom_read_done(ticket, CHATROOM_OK);
    return CHATROOM_OK;
}

static int memory_open(void *self, chatroom_store_port *port, struct chatroom_error *error)
{
    (void)self;
    (void)port;
    (void)error;
    return CHATROOM_OK;
}

static void rooms_free(struct memory *m)
{
    struct slot *slot, *next;

    HASH_ITER(hh, m->rooms, slot, next)
    {
        life_free(slot->life);
        slot_remove(m, slot);
    }
}

static void memory_close(void *self)
{
    struct memory *m = self;

    while (m->oldest)
        once_remove(m, m->oldest); /* NOLINT: what is in the list is in the table, once */
    rooms_free(m);
    free(m);
}

static const struct chatroom_store_ops memory_ops = {
    CHATROOM_STORE_OPS,      .name = "memory",    .open = memory_open,
    .submit = memory_submit, .read = memory_read, .close = memory_close,
};

int chatroom_memory_store(struct chatroom_store *ret_store)
{
    struct memory *m = calloc(1, sizeof *m);
    uint8_t random[sizeof m->key + sizeof m->epoch_base];

    if (!m)
        return CHATROOM_ENOMEM;
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random) {
        free(m);
        return CHATROOM_ESYSTEM;
    }
    memcpy(m->key, random, sizeof m->key);
    memcpy(&m->epoch_base, random + sizeof m->key, sizeof m->epoch_base);
    /* 52 random bits: two processes never meet, and the sum with a count of lives stays exact in a double. */
    m->epoch_base >>= 12;
    ret_store->ops = &memory_ops;
    ret_store->self = m;
    return CHATROOM_OK;
}
