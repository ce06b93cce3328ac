#include "store_port.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t done = PTHREAD_COND_INITIALIZER;
static uint64_t completions;
void (*port_heard)(const struct port_call *call);

static char *copy(chatroom_span span)
{
    char *bytes = malloc(span.size + 1);

    if (!bytes)
        abort();
    if (span.size)
        memcpy(bytes, span.bytes, span.size);
    return bytes;
}

void port_write_init(struct port_call *call, struct chatroom_write *writes, size_t count)
{
    memset(call, 0, sizeof *call);
    call->ticket.writes = writes;
    call->ticket.count = count;
}

void port_read_init(struct port_call *call, enum chatroom_read_kind kind, const char *room, uint64_t seq, size_t limit)
{
    memset(call, 0, sizeof *call);
    call->ticket.read = (struct chatroom_read){
        .kind = kind, .room = chatroom_str(room), .seq = seq, .limit = limit, .ret_epoch = UINT64_MAX};
    call->page = SIZE_MAX;
}

static void finish(struct chatroom_ticket *ticket, int status)
{
    struct port_call *call = (struct port_call *)ticket;

    pthread_mutex_lock(&mutex);
    call->completions++;
    call->status = status;
    call->order = ++completions;
    if (port_heard)
        port_heard(call);
    pthread_cond_broadcast(&done);
    pthread_mutex_unlock(&mutex);
}

void chatroom_write_done(struct chatroom_ticket *ticket, int status)
{
    finish(ticket, status);
}

void chatroom_read_done(struct chatroom_ticket *ticket, int status)
{
    finish(ticket, status);
}

bool chatroom_read_row(struct chatroom_ticket *ticket, uint64_t seq, chatroom_span value)
{
    struct port_call *call = (struct port_call *)ticket;

    if (call->row_count == call->page)
        return false;
    if ((call->row_count & (call->row_count - 1)) == 0)
        call->rows = realloc(call->rows, (call->row_count ? call->row_count * 2 : 1) * sizeof *call->rows);
    if (!call->rows)
        abort();
    call->rows[call->row_count++] = (struct port_row){seq, copy(value), value.size};
    return true;
}

void port_wait(struct port_call *call)
{
    struct timespec until;
    int rc = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 60;
    pthread_mutex_lock(&mutex);
    while (call->completions == 0 && rc == 0)
        rc = pthread_cond_timedwait(&done, &mutex, &until);
    pthread_mutex_unlock(&mutex);
    if (rc) {
        fputs("The store did not complete a ticket within a minute.\n", stderr);
        abort();
    }
}

void port_call_fini(struct port_call *call)
{
    for (size_t i = 0; i < call->row_count; i++)
        free(call->rows[i].bytes);
    free(call->rows);
}

static int found(struct port_found **list, size_t *count, struct port_found item, chatroom_span name,
                 chatroom_span record)
{
    *list = realloc(*list, (*count + 1) * sizeof **list);
    if (!*list || name.size > sizeof item.name)
        abort();
    if (name.size)
        memcpy(item.name, name.bytes, name.size);
    item.name_size = name.size;
    item.record = copy(record);
    item.record_size = record.size;
    (*list)[(*count)++] = item;
    return CHATROOM_OK;
}

int chatroom_store_found_room(chatroom_store_port *port, chatroom_span name, chatroom_span record, uint64_t epoch,
                              uint64_t seq)
{
    struct port_found item = {.epoch = epoch, .seq = seq};

    return found(&port->rooms, &port->room_count, item, name, record);
}

void chatroom_store_found_newest(chatroom_store_port *port, chatroom_span name, chatroom_span value)
{
    struct port_found *last = port->room_count > 0 ? &port->rooms[port->room_count - 1] : NULL;

    if (!last || last->newest || !chatroom_span_equal(name, chatroom_bytes(last->name, last->name_size)))
        abort(); /* of no room, or twice */
    last->newest = copy(value);
    last->newest_size = value.size;
}

int chatroom_store_found_session(chatroom_store_port *port, chatroom_span id, chatroom_span record)
{
    struct port_found item = {.epoch = 0};

    return found(&port->sessions, &port->session_count, item, id, record);
}

void chatroom_store_log(chatroom_store_port *port, enum chatroom_log_level level, const char *event,
                        const struct chatroom_log_field *fields, size_t count)
{
    pthread_mutex_lock(&mutex);
    port->damaged += strcmp(event, "record_damaged") == 0;
    port->grown += strcmp(event, "map_grown") == 0;
    port->low += level == CHATROOM_LOG_WARN && strcmp(event, "store_low") == 0;
    port->full += level == CHATROOM_LOG_ERROR && strcmp(event, "store_full") == 0;
    port->has_room += level == CHATROOM_LOG_INFO && strcmp(event, "store_has_room") == 0;
    if (count == 1 && strcmp(fields[0].key, "free_bytes") == 0)
        port->free_bytes = fields[0].number;
    if (strcmp(event, "store_failed") == 0 && count > 0)
        snprintf(port->reason, sizeof port->reason, "%.*s", (int)fields[0].text.size, fields[0].text.bytes);
    pthread_mutex_unlock(&mutex);
}

static void list_free(struct port_found *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(list[i].record);
        free(list[i].newest);
    }
    free(list);
}

void port_fini(chatroom_store_port *port)
{
    list_free(port->rooms, port->room_count);
    list_free(port->sessions, port->session_count);
    memset(port, 0, sizeof *port);
}

static const struct port_found *find(const struct port_found *list, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (list[i].name_size == strlen(name) && memcmp(list[i].name, name, list[i].name_size) == 0)
            return &list[i];
    return NULL;
}

const struct port_found *port_room(const chatroom_store_port *port, const char *name)
{
    return find(port->rooms, port->room_count, name);
}

const struct port_found *port_session(const chatroom_store_port *port, const char *id)
{
    return find(port->sessions, port->session_count, id);
}
