#include "model.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- names and values -----------------------------------------------------------------------------------------------
 */

chatroom_span model_room_name(unsigned place)
{
    static const char *const names[MODEL_ROOMS] = {"", "a", "b", "lobby", "a room with a long name", "r\xc3\xa9union"};

    return chatroom_str(names[place]);
}

chatroom_span model_session_id(unsigned place)
{
    static const char *const ids[MODEL_SESSIONS] = {"s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7"};

    return chatroom_str(ids[place]);
}

/* Most are short; some fill pages, a few fill several. */
static size_t size_of(uint64_t number)
{
    uint64_t drawn = number * 0x9e3779b97f4a7c15u >> 40;

    if (drawn % 64 == 0)
        return 5000 + drawn % 30000;
    return drawn % 9 == 0 ? 600 + drawn % 1800 : 20 + drawn % 200;
}

chatroom_span model_value(uint64_t number)
{
    static _Thread_local char bytes[40000];
    size_t size = size_of(number);
    int length = snprintf(bytes, sizeof bytes, "%llu:", (unsigned long long)number);

    for (size_t i = (size_t)length; i < size; i++)
        bytes[i] = (char)('a' + (number + i) % 26);
    return chatroom_bytes(bytes, size);
}

chatroom_span model_once(uint64_t once, char buffer[24])
{
    if (once == 0)
        return chatroom_bytes(NULL, 0);
    return chatroom_bytes(buffer, (size_t)snprintf(buffer, 24, "once %llu", (unsigned long long)once));
}

/* ---- drawing --------------------------------------------------------------------------------------------------------
 */

static struct model_write draw_append(struct model *model, unsigned place, struct rnd *random)
{
    struct model_write write = {.kind = CHATROOM_APPEND, .place = place, .number = model->next_number++};
    const struct model_room *room = &model->rooms[place];

    if (rnd_below(random, 3) == 0)
        write.once = write.number;
    else if (room->count > 0 && rnd_below(random, 12) == 0) /* again what was said once, if it had one */
        write.once = room->entries[rnd_below(random, (unsigned)room->count)].once;
    return write;
}

static struct model_write draw_write(struct model *model, struct rnd *random)
{
    unsigned place = rnd_below(random, MODEL_ROOMS), lot = rnd_below(random, 100);
    const struct model_room *room = &model->rooms[place];
    bool has_room = room->exists;

    if (lot < 12)
        return (struct model_write){
            CHATROOM_WRITE_SESSION, rnd_below(random, MODEL_SESSIONS), model->next_number++, 0, 0, 0};
    if (lot < 18)
        return (struct model_write){CHATROOM_ERASE_SESSION, rnd_below(random, MODEL_SESSIONS), 0, 0, 0, 0};
    if (lot < (has_room ? 20 : 50))
        return (struct model_write){CHATROOM_CREATE_ROOM, place, model->next_number++, 0, 0, 0};
    if (lot < (has_room ? 26 : 80))
        return (struct model_write){CHATROOM_WRITE_ROOM, place, model->next_number++, 0, 0, 0};
    if (lot < 29)
        return (struct model_write){CHATROOM_ERASE_ROOM, place, 0, 0, 0, 0};
    if (lot < 33)
        return (struct model_write){CHATROOM_TRIM, place, 0, 0, rnd_below(random, (unsigned)room->count + 2), 0};
    return draw_append(model, place, random);
}

struct model_ticket model_draw(struct model *model, struct rnd *random)
{
    static const unsigned counts[] = {1, 1, 1, 2, 3, 5};
    unsigned lot = rnd_below(random, 40);
    struct model_ticket ticket = {.count = lot == 0 ? 60 : counts[lot % 6]};

    ticket.writes = calloc(ticket.count, sizeof *ticket.writes);
    if (!ticket.writes)
        abort();
    for (size_t i = 0; i < ticket.count; i++)
        ticket.writes[i] = draw_write(model, random);
    return ticket;
}

void model_ticket_free(struct model_ticket *ticket)
{
    free(ticket->writes);
    ticket->writes = NULL;
}

/* ---- applying -------------------------------------------------------------------------------------------------------
 */

int model_check(const struct model *model, const struct model_ticket *ticket)
{
    bool exists[MODEL_ROOMS];

    for (unsigned place = 0; place < MODEL_ROOMS; place++)
        exists[place] = model->rooms[place].exists;
    for (size_t i = 0; i < ticket->count; i++) {
        const struct model_write *write = &ticket->writes[i];

        if (write->kind == CHATROOM_CREATE_ROOM && exists[write->place])
            return CHATROOM_EEXIST;
        if (write->kind == CHATROOM_APPEND && !exists[write->place])
            return CHATROOM_ENOENT;
        if (write->kind == CHATROOM_CREATE_ROOM || write->kind == CHATROOM_WRITE_ROOM)
            exists[write->place] = true;
        if (write->kind == CHATROOM_ERASE_ROOM)
            exists[write->place] = false;
    }
    return CHATROOM_OK;
}

static size_t find_once(const struct model_room *room, uint64_t once)
{
    size_t at = 0;

    while (at < room->count && (once == 0 || room->entries[at].once != once))
        at++;
    return at;
}

uint64_t model_seq(const struct model *model, const struct model_write *write)
{
    return find_once(&model->rooms[write->place], write->once) + 1;
}

static void append(struct model_room *room, const struct model_write *write)
{
    if (find_once(room, write->once) < room->count)
        return;
    if (room->count == room->capacity) {
        room->capacity = room->capacity ? room->capacity * 2 : 32;
        room->entries = realloc(room->entries, room->capacity * sizeof *room->entries);
        if (!room->entries)
            abort();
    }
    room->entries[room->count++] = (struct model_entry){write->number, write->once};
}

void model_apply_write(struct model *model, const struct model_write *write)
{
    struct model_room *room = &model->rooms[write->place % MODEL_ROOMS];

    switch (write->kind) {
    case CHATROOM_WRITE_SESSION:
        model->sessions[write->place] = write->number;
        break;
    case CHATROOM_ERASE_SESSION:
        model->sessions[write->place] = 0;
        break;
    case CHATROOM_CREATE_ROOM:
    case CHATROOM_WRITE_ROOM:
        if (!room->exists)
            *room = (struct model_room){true, 0, write->epoch, 1, room->entries, 0, room->capacity};
        room->record = write->number;
        break;
    case CHATROOM_ERASE_ROOM:
        room->exists = false;
        room->count = 0;
        break;
    case CHATROOM_APPEND:
        append(room, write);
        break;
    case CHATROOM_TRIM:
        if (room->exists && write->below > room->first)
            room->first = write->below < room->count + 1 ? write->below : room->count + 1;
        break;
    }
}

void model_apply(struct model *model, const struct model_ticket *ticket)
{
    int status = model_check(model, ticket);

    for (size_t i = 0; i < ticket->count && status == CHATROOM_OK; i++)
        model_apply_write(model, &ticket->writes[i]);
}

void model_free(struct model *model)
{
    for (unsigned place = 0; place < MODEL_ROOMS; place++)
        free(model->rooms[place].entries);
    *model = (struct model){0};
}

/* ---- digests --------------------------------------------------------------------------------------------------------
 */

uint64_t digest_add(uint64_t digest, const void *bytes, size_t size)
{
    static const uint8_t key[16] = "a model's digest";

    return (digest ^ chatroom_hash(key, bytes, size)) * 0x9e3779b97f4a7c15u + size;
}

uint64_t digest_room(uint64_t digest, unsigned place, chatroom_span record, uint64_t epoch, uint64_t newest)
{
    uint64_t head[] = {'r', place, epoch, newest};

    return digest_add(digest_add(digest, head, sizeof head), record.bytes, record.size);
}

uint64_t digest_entry(uint64_t digest, uint64_t seq, chatroom_span value)
{
    return digest_add(digest_add(digest, &seq, sizeof seq), value.bytes, value.size);
}

uint64_t digest_session(uint64_t digest, unsigned place, chatroom_span record)
{
    uint64_t head[] = {'s', place};

    return digest_add(digest_add(digest, head, sizeof head), record.bytes, record.size);
}

uint64_t model_digest(const struct model *model)
{
    uint64_t digest = 0;

    for (unsigned place = 0; place < MODEL_ROOMS; place++) {
        const struct model_room *room = &model->rooms[place];

        if (!room->exists)
            continue;
        digest = digest_room(digest, place, model_value(room->record), room->epoch, room->count);
        for (size_t seq = room->first; seq <= room->count; seq++)
            digest = digest_entry(digest, seq, model_value(room->entries[seq - 1].number));
    }
    for (unsigned place = 0; place < MODEL_SESSIONS; place++)
        if (model->sessions[place])
            digest = digest_session(digest, place, model_value(model->sessions[place]));
    return digest;
}
