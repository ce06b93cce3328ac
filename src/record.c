#include "record.h"

enum {
    VERSION = 1,
    SESSION_VERSION = 2, /* 1 had no domain, path and authorizer, and is read as one that has none */
};

/* ---- fields ---- */

static uint8_t *put(uint8_t *at, uint64_t number, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        at[i] = (uint8_t)(number >> (8 * i));
    return at + bytes;
}

static uint8_t *put_span(uint8_t *at, chatroom_span span)
{
    at = put(at, span.size, 4);
    if (span.size > 0)
        memcpy(at, span.bytes, span.size);
    return at + span.size;
}

static bool get(chatroom_span *from, size_t bytes, uint64_t *ret_number)
{
    uint64_t number = 0;

    if (from->size < bytes)
        return false;
    for (size_t i = 0; i < bytes; i++)
        number |= (uint64_t)(uint8_t)from->bytes[i] << (8 * i);
    from->bytes += bytes;
    from->size -= bytes;
    *ret_number = number;
    return true;
}

static bool get_span(chatroom_span *from, chatroom_span *ret_span)
{
    uint64_t size;

    if (!get(from, 4, &size) || size > from->size)
        return false;
    *ret_span = chatroom_bytes(from->bytes, (size_t)size);
    from->bytes += size;
    from->size -= (size_t)size;
    return true;
}

static bool get_version(chatroom_span *from, uint64_t most, uint64_t *ret_version, int64_t *ret_time_ms)
{
    uint64_t time_ms;

    if (!get(from, 1, ret_version) || *ret_version < VERSION || *ret_version > most || !get(from, 8, &time_ms))
        return false;
    *ret_time_ms = (int64_t)time_ms;
    return true;
}

static bool get_head(chatroom_span *from, int64_t *ret_time_ms)
{
    uint64_t version;

    return get_version(from, VERSION, &version, ret_time_ms);
}

static uint8_t *put_version(uint8_t *at, uint64_t version, int64_t time_ms)
{
    return put(put(at, version, 1), (uint64_t)time_ms, 8);
}

static uint8_t *put_head(uint8_t *at, int64_t time_ms)
{
    return put_version(at, VERSION, time_ms);
}

/* ---- entries ---- */

size_t cr_entry_size(const struct chatroom_entry *entry)
{
    return 1 + 8 + 4 + entry->author.size + 4 + entry->id.size + 4 + entry->payload.size;
}

void cr_entry_encode(const struct chatroom_entry *entry, void *ret_bytes)
{
    uint8_t *at = put_head(ret_bytes, entry->time_ms);

    at = put_span(at, entry->author);
    at = put_span(at, entry->id);
    put_span(at, entry->payload);
}

void cr_entry_set_time(char *entry, int64_t time_ms)
{
    put_head((uint8_t *)entry, time_ms);
}

int cr_entry_decode(chatroom_span value, struct chatroom_entry *ret_entry)
{
    bool whole = get_head(&value, &ret_entry->time_ms) && get_span(&value, &ret_entry->author) &&
                 get_span(&value, &ret_entry->id) && get_span(&value, &ret_entry->payload) && value.size == 0;

    return whole ? CHATROOM_OK : CHATROOM_ECORRUPT;
}

/* ---- sessions ---- */

size_t cr_session_size(const struct cr_session_record *session, cr_rooms_fn *rooms, void *arg)
{
    size_t size = 1 + 8 + 6 * 4 + session->source_ip.size + session->user_agent.size + session->name.size +
                  session->domain.size + session->path.size + session->authorizer.size;
    chatroom_span room;

    for (size_t n = 0; rooms(arg, n, &room); n++)
        size += 4 + room.size;
    return size;
}

void cr_session_encode(const struct cr_session_record *session, cr_rooms_fn *rooms, void *arg, void *ret_bytes)
{
    uint8_t *at = put_version(ret_bytes, SESSION_VERSION, session->connected_at_ms);
    chatroom_span room;

    at = put_span(at, session->source_ip);
    at = put_span(at, session->user_agent);
    at = put_span(at, session->domain);
    at = put_span(at, session->path);
    at = put_span(at, session->authorizer);
    at = put_span(at, session->name);
    for (size_t n = 0; rooms(arg, n, &room); n++)
        at = put_span(at, room);
}

static bool get_facts(chatroom_span *from, struct cr_session_record *session)
{
    return get_span(from, &session->domain) && get_span(from, &session->path) && get_span(from, &session->authorizer) &&
           session->domain.size <= CR_DOMAIN_MOST && session->path.size <= CR_PATH_MOST &&
           session->authorizer.size <= CR_AUTHORIZER_MOST;
}

static bool are_rooms(chatroom_span rooms)
{
    chatroom_span room;

    while (rooms.size > 0)
        if (!get_span(&rooms, &room))
            return false;
    return true;
}

int cr_session_decode(chatroom_span value, struct cr_session_record *ret_session)
{
    uint64_t version = 0;
    bool whole;

    memset(ret_session, 0, sizeof *ret_session);
    whole = get_version(&value, SESSION_VERSION, &version, &ret_session->connected_at_ms) &&
            get_span(&value, &ret_session->source_ip) && get_span(&value, &ret_session->user_agent) &&
            (version < SESSION_VERSION || get_facts(&value, ret_session)) && get_span(&value, &ret_session->name) &&
            are_rooms(value);
    ret_session->rooms = value;
    return whole ? CHATROOM_OK : CHATROOM_ECORRUPT;
}

bool cr_session_next_room(chatroom_span *rooms, chatroom_span *ret_room)
{
    return get_span(rooms, ret_room);
}

/* ---- rooms ---- */

void cr_room_encode(int64_t created_ms, uint8_t ret_bytes[CR_ROOM_RECORD_SIZE])
{
    put_head(ret_bytes, created_ms);
}

int cr_room_decode(chatroom_span value, int64_t *ret_created_ms)
{
    return get_head(&value, ret_created_ms) && value.size == 0 ? CHATROOM_OK : CHATROOM_ECORRUPT;
}
