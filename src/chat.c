#include <chatroom/chat.h>

#include "chat_text.h"
#include "chat_names.h"

enum { ID_CHARACTERS = 64, ID_BYTES = 128 };

/*
 * What a handler must know of the options stands in its arg itself: the library has no moment at which a module could
 * free memory of its own.
 */
enum settings {
    KEEP = 1u << 0,  /* empty rooms stay */
    HALL = 1u << 1,  /* dispatch speaks in the hall */
    ROOMS = 1u << 2, /* ... and in rooms */
};

static void *pack(unsigned settings)
{
    return (void *)(uintptr_t)settings;
}

static bool is_set(void *arg, enum settings setting)
{
    return ((uintptr_t)arg & setting) != 0;
}

/* ---- what a message says ---- */

/* Whether the name that is claimed is one's own; nearly always it is spelled as it is kept, and need not be looked at
 * closely. */
static int is_name(chatroom_request *request, chatroom_span claimed, size_t most, chatroom_span own, bool *ret_is)
{
    char bytes[CR_CHAT_NAME_BYTES];
    chatroom_span name;
    int result;

    *ret_is = chatroom_span_equal(claimed, own);
    if (*ret_is)
        return CHATROOM_OK;
    result = cr_chat_name(chatroom_request_chatroom(request), claimed, most, bytes, &name);
    *ret_is = result == CHATROOM_OK && chatroom_span_equal(name, own);
    return result == CHATROOM_EREFUSED ? CHATROOM_OK : result;
}

/* A name in "value", in the form in which it is kept; its bytes are the request's. */
static int named(chatroom_request *request, size_t most, const char *code, const char *sentence,
                 chatroom_span *ret_name)
{
    chatroom_span value;
    char *bytes = chatroom_request_memory(request, CR_CHAT_NAME_BYTES);
    int result = bytes ? chatroom_request_text(request, "value", &value) : CHATROOM_ENOMEM;

    if (result != CHATROOM_OK)
        return result;
    if (value.size == 0)
        return chatroom_request_refuse(request, "no_value", "The message has no value.");
    result = cr_chat_name(chatroom_request_chatroom(request), value, most, bytes, ret_name);
    return result == CHATROOM_EREFUSED ? chatroom_request_refuse(request, code, sentence) : result;
}

static int named_user(chatroom_request *request, chatroom_span *ret_name)
{
    static const char sentence[] = "A user name has 1 to 32 visible characters, and is not the hall's.";
    int result = named(request, CR_CHAT_USER_MOST, "bad_name", sentence, ret_name);
    bool is_hall = false;

    if (result == CHATROOM_OK)
        result = cr_chat_name_is_hall(chatroom_request_chatroom(request), *ret_name, &is_hall);
    return is_hall ? chatroom_request_refuse(request, "bad_name", sentence) : result;
}

/* A room that is there is meant as it is written: the store may have it from before the policy. */
static int named_room(chatroom_request *request, chatroom_span *ret_room)
{
    int result = chatroom_request_text(request, "value", ret_room);

    if (result == CHATROOM_OK && chatroom_room_exists(chatroom_request_chatroom(request), *ret_room))
        return CHATROOM_OK;
    return named(request, CR_CHAT_ROOM_MOST, "bad_room", "A room name has 1 to 64 visible characters.", ret_room);
}

/* The text that is said, as raw JSON. */
static int said(chatroom_request *request, chatroom_span *ret_raw)
{
    struct chatroom_json_value value;
    int result = chatroom_request_field(request, "value", &value);

    if (result != CHATROOM_OK)
        return result;
    if (value.type == CHATROOM_JSON_NONE || value.type == CHATROOM_JSON_NULL ||
        (value.type == CHATROOM_JSON_STRING && value.raw.size == 2))
        return chatroom_request_refuse(request, "no_value", "The message has no value.");
    if (value.type != CHATROOM_JSON_STRING)
        return CHATROOM_ETYPE;
    *ret_raw = value.raw;
    return CHATROOM_OK;
}

static int message_id(chatroom_request *request, chatroom_span *ret_id)
{
    int result = chatroom_request_text(request, "id", ret_id);

    if (result == CHATROOM_OK && (ret_id->size > ID_BYTES || cr_chat_count(*ret_id) > ID_CHARACTERS))
        return chatroom_request_refuse(request, "wrong_type", "The id is longer than 64 characters.");
    return result;
}

/* A number that counts something: digits alone. Absent and null are 0; *ret_given says which it was. */
static int count_of(chatroom_request *request, const char *name, uint64_t *ret_number, bool *ret_given)
{
    struct chatroom_json_value value;
    uint64_t number = 0;
    int result = chatroom_request_field(request, name, &value);

    if (result != CHATROOM_OK)
        return result;
    *ret_given = value.type != CHATROOM_JSON_NONE && value.type != CHATROOM_JSON_NULL;
    if (*ret_given && value.type != CHATROOM_JSON_NUMBER)
        return CHATROOM_ETYPE;
    for (size_t i = 0; *ret_given && i < value.raw.size; i++) {
        unsigned digit = (unsigned)value.raw.bytes[i] - '0';

        if (digit > 9 || number > ((uint64_t)INT64_MAX - digit) / 10)
            return chatroom_request_refuse(request, "wrong_type", "A number is not one that counts messages.");
        number = number * 10 + digit;
    }
    *ret_number = number;
    return CHATROOM_OK;
}

/* ---- who says it, and where ---- */

/* A name in the message must be the sender's own: nobody speaks as another. */
static int check_name(chatroom_request *request)
{
    chatroom_span claimed;
    bool is_own;
    int result = chatroom_request_text(request, "name", &claimed);

    if (result != CHATROOM_OK || claimed.size == 0)
        return result;
    result = is_name(request, claimed, CR_CHAT_USER_MOST, chatroom_request_session_name(request), &is_own);
    if (result == CHATROOM_OK && !is_own)
        return chatroom_request_refuse(request, "wrong_name", "The name is not the one you registered.");
    return result;
}

static int check_registered(chatroom_request *request)
{
    if (chatroom_request_session_name(request).size == 0)
        return chatroom_request_refuse(request, "not_registered", "Register a name first.");
    return check_name(request);
}

static int refuse_no_room(chatroom_request *request)
{
    return chatroom_request_refuse(request, "no_room", "You are in no room.");
}

/* The room the sender is in; one in the message must be the same. */
static int own_room(chatroom_request *request, chatroom_span *ret_room)
{
    chatroom_span claimed;
    bool is_own = true;
    int result = chatroom_request_text(request, "room", &claimed);

    if (result != CHATROOM_OK)
        return result;
    *ret_room = chatroom_request_session_room(request, 0);
    if (ret_room->size == 0)
        return refuse_no_room(request);
    if (claimed.size > 0)
        result = is_name(request, claimed, CR_CHAT_ROOM_MOST, *ret_room, &is_own);
    if (result == CHATROOM_OK && !is_own)
        return chatroom_request_refuse(request, "wrong_room", "You are not in that room.");
    return result;
}

/* The room may have been deleted under its members, by the host. */
static int in_room(chatroom_request *request, int result)
{
    return result == CHATROOM_ENOENT ? refuse_no_room(request) : result;
}

/* ---- answers ---- */

/* Written twice: for its size, then into memory of the request. */
static int write(chatroom_request *request, cr_chat_write_fn *write_text, const void *what, chatroom_span *ret_text)
{
    struct chatroom_json json = chatroom_json_on(NULL, 0);
    char *bytes;

    write_text(&json, what);
    bytes = chatroom_request_memory(request, json.size);
    if (!bytes)
        return CHATROOM_ENOMEM;
    json = chatroom_json_on(bytes, json.size);
    write_text(&json, what);
    return chatroom_json_done(&json, ret_text) ? CHATROOM_OK : CHATROOM_ENOMEM;
}

static int reply(chatroom_request *request, cr_chat_write_fn *write_text, const void *what)
{
    chatroom_span text;
    int result = write(request, write_text, what, &text);

    return result == CHATROOM_OK ? chatroom_request_reply(request, text) : result;
}

static int tell_all(chatroom_request *request, cr_chat_write_fn *write_text, const void *what)
{
    chatroom_span text;
    int result = write(request, write_text, what, &text);

    return result == CHATROOM_OK ? chatroom_request_broadcast(request, text) : result;
}

static int answer_created(chatroom_request *request, const struct chatroom_history *history, void *arg)
{
    (void)arg;
    return reply(request, cr_chat_write_created, history);
}

static int answer_joined(chatroom_request *request, const struct chatroom_history *history, void *arg)
{
    (void)arg;
    return reply(request, cr_chat_write_joined, history);
}

static int answer_history(chatroom_request *request, const struct chatroom_history *history, void *arg)
{
    (void)arg;
    return reply(request, cr_chat_write_history, history);
}

/* ---- coming and going ---- */

/* The last one out takes the room along. */
static int leave(chatroom_request *request, chatroom_span room, bool keep)
{
    int result = chatroom_request_leave(request, room);

    if (result != CHATROOM_OK || keep || chatroom_room_members(chatroom_request_chatroom(request), room) > 0)
        return result;
    result = chatroom_request_delete_room(request, room);
    return result == CHATROOM_OK ? tell_all(request, cr_chat_write_deleted, &room) : result;
}

/* Out of every room but one; an empty name: out of all. */
static int leave_others(chatroom_request *request, chatroom_span but, bool keep)
{
    size_t count = chatroom_request_session_rooms(request);
    int result = CHATROOM_OK;

    for (size_t i = 0; i < count && result == CHATROOM_OK; i++) {
        chatroom_span room = chatroom_request_session_room(request, i);

        if (!chatroom_span_equal(room, but))
            result = leave(request, room, keep);
    }
    return result == CHATROOM_ENOENT ? CHATROOM_OK : result; /* gone is as good as left */
}

static int join(chatroom_request *request, chatroom_span room, bool is_new)
{
    int result = chatroom_request_join(request, room);

    if (result == CHATROOM_ETOOBIG && is_new)
        return chatroom_request_refuse(request, "too_many_rooms", "There are as many rooms as the server allows.");
    if (result == CHATROOM_ETOOBIG)
        return chatroom_request_refuse(request, "room_full", "The room is full.");
    return result == CHATROOM_OK && is_new ? tell_all(request, cr_chat_write_room, &room) : result;
}

/* ---- routes ---- */

/* The name in the message may be the new one already: a client that comes back remembers it. */
static int check_new_name(chatroom_request *request, chatroom_span name)
{
    chatroom_span claimed;
    bool is_new;
    int result = chatroom_request_text(request, "name", &claimed);

    if (result == CHATROOM_OK)
        result = is_name(request, claimed, CR_CHAT_USER_MOST, name, &is_new);
    return result == CHATROOM_OK && !is_new ? check_name(request) : result;
}

static int register_name(chatroom_request *request, void *arg)
{
    struct cr_chat_who who = {.c = chatroom_request_chatroom(request)};
    int result = named_user(request, &who.name);

    (void)arg;
    if (result == CHATROOM_OK)
        result = check_new_name(request, who.name);
    if (result == CHATROOM_OK)
        result = chatroom_request_set_name(request, who.name);
    return result == CHATROOM_OK ? reply(request, cr_chat_write_signup, &who) : result;
}

static int create_room(chatroom_request *request, chatroom_span room)
{
    int result = chatroom_request_create_room(request, room);

    if (result == CHATROOM_EEXIST)
        return chatroom_request_refuse(request, "room_exists", "There is a room of that name already.");
    if (result == CHATROOM_ETOOBIG)
        return chatroom_request_refuse(request, "too_many_rooms", "There are as many rooms as the server allows.");
    return result;
}

static int new_room(chatroom_request *request, void *arg)
{
    static const struct chatroom_history_query newest = {.limit = 1};
    chatroom_span room;
    int result = check_registered(request);

    if (result == CHATROOM_OK)
        result = named_room(request, &room);
    if (result == CHATROOM_OK)
        result = create_room(request, room);
    if (result == CHATROOM_OK)
        result = join(request, room, true);
    if (result == CHATROOM_OK)
        result = leave_others(request, room, is_set(arg, KEEP));
    return result == CHATROOM_OK ? chatroom_request_history(request, room, &newest, answer_created, NULL) : result;
}

static int join_room(chatroom_request *request, void *arg)
{
    static const struct chatroom_history_query newest = {0};
    chatroom_span room;
    int result = check_registered(request);

    if (result == CHATROOM_OK)
        result = named_room(request, &room);
    if (result == CHATROOM_OK)
        result = join(request, room, !chatroom_room_exists(chatroom_request_chatroom(request), room));
    if (result == CHATROOM_OK)
        result = leave_others(request, room, is_set(arg, KEEP));
    return result == CHATROOM_OK ? chatroom_request_history(request, room, &newest, answer_joined, NULL) : result;
}

static int leave_room(chatroom_request *request, void *arg)
{
    chatroom_span room;
    int result = check_name(request);

    if (result == CHATROOM_OK)
        result = own_room(request, &room);
    if (result == CHATROOM_OK)
        result = leave(request, room, is_set(arg, KEEP));
    return in_room(request, result);
}

/* A stop or a crash is nobody's leaving: their rooms are there when they come back. */
static int disconnect(chatroom_request *request, void *arg)
{
    enum chatroom_cause cause = chatroom_request_info(request)->cause;
    bool left = cause != CHATROOM_CAUSE_STOPPING && cause != CHATROOM_CAUSE_CRASH;

    return leave_others(request, chatroom_str(""), !left || is_set(arg, KEEP));
}

static int speak_in_hall(chatroom_request *request)
{
    chatroom_span unused, raw;
    int result = chatroom_request_text(request, "room", &unused);

    if (result == CHATROOM_OK)
        result = said(request, &raw);
    return result == CHATROOM_OK ? tell_all(request, cr_chat_write_hall, &raw) : result;
}

static int speak_in_room(chatroom_request *request)
{
    chatroom_span room = {NULL, 0}, raw = {NULL, 0}, id = {NULL, 0};
    int result = check_registered(request);

    if (result == CHATROOM_OK)
        result = own_room(request, &room);
    if (result == CHATROOM_OK)
        result = said(request, &raw);
    if (result == CHATROOM_OK)
        result = message_id(request, &id);
    if (result == CHATROOM_OK)
        result = chatroom_request_publish(request, room, raw, id);
    return in_room(request, result);
}

static int dispatch(chatroom_request *request, void *arg)
{
    chatroom_span name;
    int result = chatroom_request_text(request, "name", &name);

    if (result != CHATROOM_OK)
        return result;
    if (is_set(arg, HALL) && chatroom_span_equal(name, chatroom_str(CR_CHAT_HALL)))
        return speak_in_hall(request);
    if (is_set(arg, ROOMS))
        return speak_in_room(request);
    result = check_name(request); /* it may be absent: in the hall nobody has one */
    return result == CHATROOM_OK ? speak_in_hall(request) : result;
}

static int history(chatroom_request *request, void *arg)
{
    struct chatroom_history_query query = {0};
    uint64_t limit = 0;
    bool given, after = false;
    chatroom_span room = {NULL, 0};
    int result = check_name(request);

    (void)arg;
    if (result == CHATROOM_OK)
        result = own_room(request, &room);
    if (result == CHATROOM_OK)
        result = count_of(request, "before", &query.before, &given);
    if (result == CHATROOM_OK)
        result = count_of(request, "after", &query.after, &after);
    if (result == CHATROOM_OK)
        result = count_of(request, "limit", &limit, &given);
    if (result != CHATROOM_OK)
        return in_room(request, result);
    query.limit = limit < SIZE_MAX ? (size_t)limit : SIZE_MAX;
    query.oldest = after && query.before == 0;
    return in_room(request, chatroom_request_history(request, room, &query, answer_history, NULL));
}

static int members(chatroom_request *request, void *arg)
{
    struct cr_chat_who who = {.c = chatroom_request_chatroom(request)};
    int result = check_name(request);

    (void)arg;
    if (result == CHATROOM_OK)
        result = own_room(request, &who.room);
    return result == CHATROOM_OK ? reply(request, cr_chat_write_members, &who) : result;
}

/* $default: whatever selects no route. */
static int unknown(chatroom_request *request, void *arg)
{
    chatroom_span action;
    int result = chatroom_request_text(request, "action", &action);

    (void)arg;
    if (result != CHATROOM_OK)
        return result;
    if (action.size == 0)
        return chatroom_request_refuse(request, "no_action", "The message has no action.");
    return chatroom_request_refuse(request, "unknown_action", "This server does not have that action.");
}

/* ---- binding ---- */

struct binding {
    const char *key;
    chatroom_handler_fn *handler;
    unsigned modes;
    unsigned per_minute, burst; /* with rate_limits; 0: none */
    uint32_t may;               /* just what it needs */
};

#define MAY_ENTER (MAY_LEAVE | CHATROOM_MAY_CREATE | CHATROOM_MAY_READ)
#define MAY_SPEAK (CHATROOM_MAY_POST | CHATROOM_MAY_PUBLISH)
/* The last one out takes the room along, and everybody hears of that. */
#define MAY_LEAVE (CHATROOM_MAY_JOIN | CHATROOM_MAY_DELETE | CHATROOM_MAY_POST)

static const struct binding bindings[] = {
    {"$default", unknown, CHATROOM_CHAT_BOTH, 0, 0, 0},
    {"$disconnect", disconnect, CHATROOM_CHAT_BOTH, 0, 0, MAY_LEAVE},
    {"dispatch", dispatch, CHATROOM_CHAT_BOTH, 0, 0, MAY_SPEAK},
    {"register", register_name, CHATROOM_CHAT_FULL, 0, 0, CHATROOM_MAY_NAME},
    {"new-room", new_room, CHATROOM_CHAT_FULL, 12, 5, MAY_ENTER},
    {"join-room", join_room, CHATROOM_CHAT_FULL, 60, 10, MAY_ENTER},
    {"leave-room", leave_room, CHATROOM_CHAT_FULL, 0, 0, MAY_LEAVE},
    {"history", history, CHATROOM_CHAT_FULL, 0, 0, CHATROOM_MAY_READ},
    {"members", members, CHATROOM_CHAT_FULL, 0, 0, 0},
};

static int bind_route(chatroom *c, const struct binding *binding, const struct chatroom_chat_options *options)
{
    unsigned settings = (options->keep_empty_rooms ? KEEP : 0u) | ((options->mode & CHATROOM_CHAT_SIMPLE) ? HALL : 0u) |
                        ((options->mode & CHATROOM_CHAT_FULL) ? ROOMS : 0u);
    struct chatroom_route_options route = CHATROOM_ROUTE_OPTIONS;

    route.may = binding->may;
    if (options->rate_limits) {
        route.connection_per_minute = binding->per_minute;
        route.connection_burst = binding->burst;
    }
    return chatroom_route_with(c, binding->key, binding->handler, pack(settings), &route);
}

/* Options of a program that was compiled against an older header are shorter. */
static bool read_options(const struct chatroom_chat_options *given, struct chatroom_chat_options *ret_options)
{
    if (given && given->size < offsetof(struct chatroom_chat_options, rate_limits) + sizeof given->rate_limits)
        return false;
    if (given)
        memcpy(ret_options, given, given->size < sizeof *ret_options ? given->size : sizeof *ret_options);
    return ret_options->mode >= CHATROOM_CHAT_SIMPLE && ret_options->mode <= CHATROOM_CHAT_BOTH;
}

int chatroom_chat(chatroom *c, const struct chatroom_chat_options *given)
{
    struct chatroom_chat_options options = CHATROOM_CHAT_OPTIONS;

    if (!c || !read_options(given, &options))
        return CHATROOM_EINVAL;
    for (size_t i = 0; i < sizeof bindings / sizeof *bindings; i++) {
        int result = bindings[i].modes & (unsigned)options.mode ? bind_route(c, &bindings[i], &options) : CHATROOM_OK;

        if (result != CHATROOM_OK)
            return result;
    }
    chatroom_set_entry(c, cr_chat_write_entry, NULL);
    chatroom_set_refusal(c, cr_chat_write_refusal, NULL);
    return CHATROOM_OK;
}
