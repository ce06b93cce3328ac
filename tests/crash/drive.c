#include "drive.h"

#include <chatroom/backend/lmdb.h>

#include <stdlib.h>

#define QUEUE 256

int drive_open(struct drive *drive, const char *folder)
{
    struct chatroom_lmdb_options options = CHATROOM_LMDB_OPTIONS;
    int rc;

    *drive = (struct drive){0};
    options.queue_tickets = QUEUE;
    rc = chatroom_lmdb_store(folder, &options, &drive->store, NULL);
    return rc ? rc : drive->store.ops->open(drive->store.self, &drive->port, NULL);
}

void drive_close(struct drive *drive)
{
    if (drive->store.ops)
        drive->store.ops->close(drive->store.self);
    port_fini(&drive->port);
}

/* ---- writing --------------------------------------------------------------------------------------------------------
 */

struct call {
    struct port_call port;
    struct chatroom_write *writes;
    char (*onces)[24];
    char *values; /* one behind the other */
};

static size_t value_bytes(const struct model_ticket *ticket)
{
    size_t bytes = 1;

    for (size_t i = 0; i < ticket->count; i++)
        bytes += model_value(ticket->writes[i].number).size;
    return bytes;
}

static bool is_of_session(const struct model_write *write)
{
    return write->kind == CHATROOM_WRITE_SESSION || write->kind == CHATROOM_ERASE_SESSION;
}

static void call_init(struct call *call, const struct model_ticket *ticket)
{
    char *at = call->values = malloc(value_bytes(ticket));

    call->writes = calloc(ticket->count, sizeof *call->writes);
    call->onces = calloc(ticket->count, sizeof *call->onces);
    if (!call->values || !call->writes || !call->onces)
        abort();
    for (size_t i = 0; i < ticket->count; i++) {
        const struct model_write *write = &ticket->writes[i];
        chatroom_span value = model_value(write->number);

        memcpy(at, value.bytes, value.size);
        call->writes[i] = (struct chatroom_write){
            .kind = write->kind,
            .key = is_of_session(write) ? model_session_id(write->place) : model_room_name(write->place),
            .value = chatroom_bytes(at, value.size),
            .once = model_once(write->once, call->onces[i]),
            .seq = write->below,
        };
        at += value.size;
    }
    port_write_init(&call->port, call->writes, ticket->count);
}

static void call_fini(struct call *call)
{
    free(call->values);
    free(call->writes);
    free(call->onces);
}

/* One write that came true. */
static const char *compare_write(struct model *model, struct model_write *write, const struct chatroom_write *told)
{
    const struct model_room *room = &model->rooms[write->place % MODEL_ROOMS];

    if (write->kind == CHATROOM_APPEND) {
        uint64_t seq = model_seq(model, write);

        if (told->ret_seq != seq || told->ret_again != (seq <= room->count))
            return "an entry got another seq than the model's";
        if (told->ret_epoch != room->epoch)
            return "an entry got another epoch than its room";
    }
    if (write->kind == CHATROOM_CREATE_ROOM || write->kind == CHATROOM_WRITE_ROOM) {
        /* P3: another life of a name has another epoch. */
        if ((told->ret_epoch == room->epoch) != room->exists)
            return "a room got a wrong epoch";
        if (told->ret_seq != room->count)
            return "a room stands elsewhere than the model's";
        write->epoch = told->ret_epoch;
    }
    model_apply_write(model, write);
    return NULL;
}

static const char *compare_ticket(struct model *model, struct model_ticket *ticket, const struct call *call)
{
    const char *wrong = NULL;

    if (call->port.status != model_check(model, ticket))
        return "a ticket ended with another status than the model's";
    for (size_t i = 0; i < ticket->count && call->port.status == CHATROOM_OK && !wrong; i++)
        wrong = compare_write(model, &ticket->writes[i], &call->writes[i]);
    return wrong;
}

const char *drive_tickets(struct drive *drive, struct model *model, struct model_ticket *tickets, size_t count)
{
    static struct call calls[QUEUE];
    const char *wrong = NULL;
    size_t submitted = 0;

    for (; submitted < count && !wrong; submitted++) {
        call_init(&calls[submitted], &tickets[submitted]);
        if (drive->store.ops->submit(drive->store.self, &calls[submitted].port.ticket))
            abort(); /* there is room for all of them */
    }
    drive->store.ops->flush(drive->store.self);
    for (size_t i = 0; i < submitted; i++) {
        port_wait(&calls[i].port);
        if (!wrong)
            wrong = compare_ticket(model, &tickets[i], &calls[i]);
        call_fini(&calls[i]);
    }
    return wrong;
}

/* ---- reading --------------------------------------------------------------------------------------------------------
 */

static const struct port_found *find(const struct port_found *list, size_t count, chatroom_span name)
{
    for (size_t i = 0; i < count; i++)
        if (chatroom_span_equal(chatroom_bytes(list[i].name, list[i].name_size), name))
            return &list[i];
    return NULL;
}

static const char *read_room(struct drive *drive, enum chatroom_read_kind kind, chatroom_span name, uint64_t seq,
                             size_t limit, struct port_call *call)
{
    port_read_init(call, kind, "", seq, limit);
    call->ticket.read.room = name;
    if (drive->store.ops->read(drive->store.self, &call->ticket))
        abort();
    port_wait(call);
    return call->status == CHATROOM_OK ? NULL : "a page could not be read";
}

/* The newest of a page from the start and of one from the end are the same. */
static const char *compare_ends(struct drive *drive, chatroom_span name, const struct port_call *all)
{
    struct port_call last;
    const char *wrong = read_room(drive, CHATROOM_READ_BEFORE, name, UINT64_MAX, 3, &last);

    for (size_t i = 0; i < last.row_count && !wrong; i++) {
        const struct port_row *row = &all->rows[all->row_count - 1 - i];

        if (i >= all->row_count || row->seq != last.rows[i].seq || row->size != last.rows[i].size ||
            memcmp(row->bytes, last.rows[i].bytes, row->size) != 0)
            wrong = "two pages of one room differ";
    }
    if (!wrong && last.row_count != (all->row_count < 3 ? all->row_count : 3))
        wrong = "the newest entries are missing";
    port_call_fini(&last);
    return wrong;
}

static const char *digest_rows(struct drive *drive, const struct port_found *room, uint64_t *digest)
{
    chatroom_span name = chatroom_bytes(room->name, room->name_size);
    struct port_call call;
    const char *wrong = read_room(drive, CHATROOM_READ_FROM, name, 1, SIZE_MAX, &call);

    for (size_t i = 0; i < call.row_count; i++)
        *digest = digest_entry(*digest, call.rows[i].seq, chatroom_bytes(call.rows[i].bytes, call.rows[i].size));
    if (!wrong && call.ticket.read.ret_epoch != room->epoch)
        wrong = "a page has another epoch than its room";
    if (!wrong)
        wrong = compare_ends(drive, name, &call);
    port_call_fini(&call);
    return wrong;
}

static const char *digest_rooms(struct drive *drive, uint64_t *digest)
{
    size_t known = 0;
    const char *wrong = NULL;

    for (unsigned place = 0; place < MODEL_ROOMS && !wrong; place++) {
        const struct port_found *room = find(drive->port.rooms, drive->port.room_count, model_room_name(place));

        if (!room)
            continue;
        known++;
        *digest = digest_room(*digest, place, chatroom_bytes(room->record, room->record_size), room->epoch, room->seq);
        wrong = digest_rows(drive, room, digest);
    }
    return !wrong && known != drive->port.room_count ? "there is a room that nobody made" : wrong;
}

const char *drive_digest(struct drive *drive, uint64_t *ret_digest)
{
    size_t known = 0;
    const char *wrong;

    *ret_digest = 0;
    wrong = digest_rooms(drive, ret_digest);
    for (unsigned place = 0; place < MODEL_SESSIONS; place++) {
        const struct port_found *session =
            find(drive->port.sessions, drive->port.session_count, model_session_id(place));

        if (!session)
            continue;
        known++;
        *ret_digest = digest_session(*ret_digest, place, chatroom_bytes(session->record, session->record_size));
    }
    if (!wrong && known != drive->port.session_count)
        wrong = "there is a session that nobody wrote";
    return wrong;
}
