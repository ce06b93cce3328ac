/*
 * handler.c: what the instance's handlers do: they perform scripts. An operation is a letter and a digit, mostly a
 * room's; in lower case it may fail without failing the message.
 *
 *   J join  L leave  C create  D delete, and tell the room  S say  I say with an id  T tell  N take a name
 *   H newest page  B page before  A page after  O post to another client  Y broadcast  X close  F fail  Z put off
 */
#include "world.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

static int number_of(chatroom_request *request, const char *field, size_t *ret_number)
{
    struct chatroom_json_value value;
    int result = chatroom_request_field(request, field, &value);

    *ret_number = 0;
    if (result == CHATROOM_OK && value.type == CHATROOM_JSON_NUMBER)
        *ret_number = (size_t)strtoul(value.raw.bytes, NULL, 10); /* a brace follows it */
    return result;
}

static chatroom_span room_name(char digit, char buffer[3])
{
    buffer[0] = 'r';
    buffer[1] = digit;
    buffer[2] = '\0';
    return chatroom_str(buffer);
}

/* "M message operation what page": the operation's place in the script; "." ends the message. */
static int mark(chatroom_request *request, size_t n, size_t at, const char *what)
{
    char text[64];

    if (chatroom_request_info(request)->event != CHATROOM_MESSAGE)
        return CHATROOM_OK;
    snprintf(text, sizeof text, "M %zu %zu %s", n, at, what);
    return chatroom_request_reply(request, chatroom_str(text));
}

/* ---- operations ---- */

static int give_page(chatroom_request *request, const struct chatroom_history *history, void *arg)
{
    static char text[200000];
    struct world *w = arg;
    struct session *s = session_by_id(w, chatroom_request_info(request)->connection_id);
    size_t size, n = s->last_started;
    int result;

    if ((n + s->serial) % 7 == 0)
        return chatroom_request_refuse(request, "page_refused", "No.");
    size = (size_t)snprintf(text, sizeof text, "H %zu %.*s %llu %llu %d %zu", n, (int)history->room.size,
                            history->room.bytes, (unsigned long long)history->epoch,
                            (unsigned long long)history->newest, history->more, history->count);
    for (size_t i = 0; i < history->count; i++) {
        const struct chatroom_entry *e = &history->entries[i];

        if (e->epoch != history->epoch || !chatroom_span_equal(e->room, history->room))
            broken(w, P2, "an entry of a page is of another room or epoch than the page");
        size += (size_t)snprintf(text + size, sizeof text - size, " %llu,%.*s,%.*s,%.*s,%lld",
                                 (unsigned long long)e->seq, (int)e->author.size, e->author.bytes, (int)e->id.size,
                                 e->id.bytes, (int)e->payload.size, e->payload.bytes, (long long)e->time_ms);
    }
    if (chatroom_request_join(request, history->room) != CHATROOM_EINVAL)
        broken(w, CONTRACT, "a write after the page was accepted");
    result = chatroom_request_reply(request, chatroom_bytes(text, size));
    return result ? result : mark(request, n, strlen(s->messages[n].script), ".");
}

static int ask_for_page(struct world *w, chatroom_request *request, char letter, chatroom_span room, size_t n)
{
    struct chatroom_history_query query = {.limit = n % 3 ? n % 7 : 0};

    if (letter == 'B')
        query.before = 1 + n % 17;
    if (letter == 'A')
        query.after = 1 + n % 11;
    return chatroom_request_history(request, room, &query, give_page, w);
}

static int say(chatroom_request *request, const struct session *s, chatroom_span room, size_t n, size_t at, bool once)
{
    char payload[64], id[32];

    snprintf(payload, sizeof payload, "\"s%u.%zu.%zu\"", s->serial, n, at);
    snprintf(id, sizeof id, "i%zu", n / 3);
    return chatroom_request_publish(request, room, chatroom_str(payload), chatroom_str(once ? id : ""));
}

static int delete_room(chatroom_request *request, chatroom_span room)
{
    char text[16];
    int result;

    snprintf(text, sizeof text, "D %.*s", (int)room.size, room.bytes);
    result = chatroom_request_tell(request, room, chatroom_str(text));
    return result ? result : chatroom_request_delete_room(request, room);
}

static int post(struct world *w, chatroom_request *request, const struct session *s, char digit)
{
    const struct session *to = w->slots[(s->slot + 1 + (unsigned)(digit - '0')) % w->options.slots];
    char text[32];
    int result;

    if (!to || !to->has_id || to->life != w->life)
        return CHATROOM_OK; /* it may have an id, and not be let in yet */
    snprintf(text, sizeof text, "O %u", to->serial);
    result = chatroom_request_post(request, chatroom_bytes(to->id, sizeof to->id), chatroom_str(text));
    if (result == CHATROOM_EGONE && to->accepted && !to->may_end && !to->oom && !to->slow &&
        wire_is_open(w->wire, to->wire) && w->options.wire_faults == 0 && w->options.per_second == 0)
        broken(w, CONTRACT, "session %u is there, and cannot be found", to->serial);
    return result == CHATROOM_EGONE ? CHATROOM_OK : result;
}

static int name_session(chatroom_request *request, const struct session *s, size_t n)
{
    char name[32];

    snprintf(name, sizeof name, "u%u.%zu", s->serial, n);
    return chatroom_request_set_name(request, chatroom_str(name));
}

static void defer(struct world *w, chatroom_request *request, struct deferred deferred)
{
    if (w->deferred_count == w->deferred_capacity) {
        w->deferred_capacity = w->deferred_capacity ? w->deferred_capacity * 2 : 16;
        w->deferred = realloc(w->deferred, w->deferred_capacity * sizeof *w->deferred);
        if (!w->deferred)
            abort();
    }
    deferred.request = request;
    deferred.begun_ms = world_ms(w);
    w->deferred[w->deferred_count++] = deferred;
    chatroom_request_defer(request);
}

static int put_off(struct world *w, chatroom_request *request, const struct session *s, size_t n)
{
    uint64_t wait = rnd_below(&w->random, 20) == 0 ? 40000 : rnd_below(&w->random, 400);
    struct message *m = &w->sessions[s->serial]->messages[n];

    m->deferred_ms = world_ms(w);
    m->due_ms = 0;
    for (unsigned digit = 0; digit < ROOMS; digit++)
        if (m->joins[digit] < 0 || m->deletes)
            w->leaves_put_off |= 1u << digit;
    defer(w, request, (struct deferred){.due_ms = world_ms(w) + wait, .serial = s->serial, .message = n});
    return CHATROOM_OK;
}

static int operate(struct world *w, chatroom_request *request, struct session *s, size_t n, char letter, char digit,
                   size_t at)
{
    char name[3], text[16];
    chatroom_span room = room_name(digit, name);

    switch (letter) {
    case 'J':
        return chatroom_request_join(request, room);
    case 'L':
        return chatroom_request_leave(request, room);
    case 'C':
        return chatroom_request_create_room(request, room);
    case 'D':
        return delete_room(request, room);
    case 'S':
    case 'I':
        return say(request, s, room, n, at, letter == 'I');
    case 'T':
        snprintf(text, sizeof text, "T r%c", digit);
        return chatroom_request_tell(request, room, chatroom_str(text));
    case 'N':
        return name_session(request, s, n);
    case 'O':
        return post(w, request, s, digit);
    case 'Y':
        return chatroom_request_broadcast(request, chatroom_str("Y"));
    case 'X':
        return chatroom_request_close(request, (uint16_t)(4000 + digit - '0'), chatroom_str("bye"));
    case 'F':
        return chatroom_request_refuse(request, "failed", "As asked.");
    default:
        return ask_for_page(w, request, letter, room, n);
    }
}

/* ---- scripts ---- */

/* Whether there is a page of the same room: who joins hears it first. */
static char page_of(const struct message *m, size_t at, char digit)
{
    if (m->paged)
        return m->page == digit ? 'H' : '-';
    for (at += 2; m->script[at] && !(strchr("Dd", m->script[at]) && m->script[at + 1] == digit); at += 2)
        if (strchr("HBAhba", m->script[at]) && m->script[at + 1] == digit)
            return 'H';
    return '-';
}

static size_t members_of(const struct world *w, char digit)
{
    char name[3];

    return chatroom_room_members(w->c, room_name(digit, name));
}

static bool is_mild(int result)
{
    return result == CHATROOM_EEXIST || result == CHATROOM_ENOENT || result == CHATROOM_ETOOBIG;
}

static int perform(struct world *w, chatroom_request *request, struct session *s, size_t n, const char *script,
                   size_t *at)
{
    struct message *m = &s->messages[n];
    int result = CHATROOM_OK;
    size_t before;

    for (; script[*at]; *at += 2) {
        char letter = (char)toupper((unsigned char)script[*at]), digit = script[*at + 1], what[8];

        if (letter == 'Z') {
            *at += 2;
            return put_off(w, request, s, n);
        }
        before = members_of(w, digit);
        result = operate(w, request, s, n, letter, digit, *at);
        if (result == CHATROOM_OK && (letter == 'J' || letter == 'L'))
            m->joins[digit - '0'] += (int)members_of(w, digit) - (int)before;
        m->deletes |= letter == 'D' || letter == 'C';
        if (result == CHATROOM_OK) {
            if (strchr("HBA", letter)) {
                m->paged = true;
                m->page = digit;
            }
            if (letter == 'J' && n == 0)
                s->connect_rooms |= 1u << (digit - '0');
            snprintf(what, sizeof what, "%c%c%c", letter, digit, page_of(m, *at, digit));
            result = mark(request, n, *at, what);
        } else if (is_mild(result) && islower((unsigned char)script[*at])) {
            result = CHATROOM_OK;
        }
        if (result != CHATROOM_OK)
            return result;
    }
    return m->paged ? CHATROOM_OK : mark(request, n, *at, ".");
}

static chatroom_span authorization_of(const struct session *s, char buffer[32])
{
    snprintf(buffer, 32, "{\"serial\":%u}", s->serial);
    return chatroom_str(buffer);
}

static void check_authorization(struct world *w, const struct chatroom_request_info *info, const struct session *s)
{
    char text[32];

    if (w->options.authorizer && !chatroom_span_equal(info->authorizer, authorization_of(s, text)))
        broken(w, P6, "an event of session %u does not know what its authorizer left", s->serial);
}

static int on_script(chatroom_request *request, void *arg)
{
    struct world *w = arg;
    const struct chatroom_request_info *info = chatroom_request_info(request);
    struct session *s = session_by_id(w, info->connection_id);
    struct message *m;
    chatroom_span text;
    size_t n;
    int result = number_of(request, "n", &n);

    w->calls++;
    w->begun_runs++;
    if (result != CHATROOM_OK)
        return result;
    if (!s || n == 0 || n >= s->count)
        broken(w, CONTRACT, "a message that nobody sent");
    check_authorization(w, info, s);
    m = &s->messages[n];
    if (n <= s->last_started)
        broken(w, P2, "message %zu of session %u was handled after message %zu", n, s->serial, s->last_started);
    s->last_started = n;
    m->started = true;
    m->started_ms = world_ms(w);
    check_rates(w, s);
    memcpy(m->request_id, info->request_id.bytes, sizeof m->request_id);
    result = chatroom_request_text(request, "script", &text);
    if (result != CHATROOM_OK)
        return result;
    if (!chatroom_span_equal(text, chatroom_str(m->script)))
        broken(w, CONTRACT, "message %zu of session %u arrived as another one", n, s->serial);
    return perform(w, request, s, n, m->script, &m->at);
}

/* What it says is what it said before it was put off. */
static void check_body(struct world *w, chatroom_request *request, const struct session *s, const struct message *m)
{
    chatroom_span text;
    int result = chatroom_request_text(request, "script", &text);

    if (result != CHATROOM_ENOMEM && (result != CHATROOM_OK || !chatroom_span_equal(text, chatroom_str(m->script))))
        broken(w, CONTRACT, "message %zu of session %u is another one once it is resumed", s->last_started, s->serial);
}

static int resume(chatroom_request *request, void *arg)
{
    struct world *w = arg;
    struct session *s = session_by_id(w, chatroom_request_info(request)->connection_id);
    struct message *m = &s->messages[s->last_started];

    if (chatroom_request_info(request)->event == CHATROOM_MESSAGE)
        check_body(w, request, s, m);
    return perform(w, request, s, s->last_started, m->script, &m->at);
}

/* ---- coming and going ---- */

/* The target is "/dev?SERIAL.SCRIPT". */
static struct session *session_of_target(struct world *w, const struct chatroom_request_info *info)
{
    char target[96] = {0}, *dot;
    struct session *s = NULL;
    unsigned serial;

    memcpy(target, info->head->target.bytes, info->head->target.size);
    serial = (unsigned)strtoul(target + 5, &dot, 10);
    if (serial < w->session_count)
        s = w->sessions[serial];
    if (!s || strcmp(dot + 1, s->connect_script) != 0)
        broken(w, CONTRACT, "a connection that nobody opened");
    return s;
}

static int judge(chatroom_request *request, void *arg)
{
    struct world *w = arg;
    struct session *s = session_of_target(w, chatroom_request_info(request));
    char text[32];

    s->judged = s->serial % 11 == 10 && !w->calm;
    if (s->judged)
        return chatroom_request_refuse(request, "judged", "No.");
    return chatroom_request_authorize(request, authorization_of(s, text));
}

static int on_authorize(chatroom_request *request, void *arg)
{
    struct world *w = arg;
    const struct session *s = session_of_target(w, chatroom_request_info(request));

    if (w->calm || rnd_below(&w->authorizer_random, 2))
        return judge(request, arg);
    defer(w, request,
          (struct deferred){
              .due_ms = world_ms(w) + rnd_below(&w->authorizer_random, 300), .serial = s->serial, .authorizes = true});
    return CHATROOM_OK;
}

static int on_connect(chatroom_request *request, void *arg)
{
    struct world *w = arg;
    const struct chatroom_request_info *info = chatroom_request_info(request);
    struct session *s = session_of_target(w, info);

    w->connects++;
    check_authorization(w, info, s);
    memcpy(s->id, info->connection_id.bytes, sizeof s->id);
    s->has_id = true;
    memcpy(s->messages[0].request_id, info->request_id.bytes, sizeof s->id);
    if (strchr(s->connect_script, 'F'))
        chatroom_request_status(request, 429);
    return perform(w, request, s, 0, s->connect_script, &s->messages[0].at);
}

static int say_goodbye(chatroom_request *request, void *arg)
{
    struct world *w = arg;
    chatroom_span id = chatroom_request_info(request)->connection_id;
    struct session *s = session_by_id(w, id);
    char payload[32], hall[3];
    chatroom_span room = room_name('0' + HALL, hall);
    int result;

    snprintf(payload, sizeof payload, "\"gone%.16s\"", id.bytes);
    result = chatroom_request_publish(request, room, chatroom_str(payload), chatroom_bytes(NULL, 0));
    if (result != CHATROOM_OK)
        s->disconnect_failed = true;
    return result;
}

static void check_restored(struct world *w, chatroom_request *request, const struct session *s);

static int on_disconnect(chatroom_request *request, void *arg)
{
    struct world *w = arg;
    const struct chatroom_request_info *info = chatroom_request_info(request);
    struct session *s = session_by_id(w, info->connection_id);

    if (!s)
        broken(w, CONTRACT, "$disconnect of a connection that nobody opened");
    check_authorization(w, info, s);
    trace(w, "$disconnect %u cause %d", s->serial, info->cause);
    if (s->disconnects++ > sim_disk_full_answers(w->disk))
        broken(w, CONTRACT, "$disconnect of session %u ran %u times in one process", s->serial, s->disconnects);
    if ((info->cause == CHATROOM_CAUSE_CRASH) != (s->life != w->life))
        broken(w, CONTRACT, "$disconnect of session %u has the wrong cause", s->serial);
    if (s->life != w->life)
        check_restored(w, request, s);
    if (s->serial % 7 == 0)
        return put_off(w, request, s, 0);
    return say_goodbye(request, arg);
}

/* What a session of a dead process is said to have been must be what it was. */
static void check_restored(struct world *w, chatroom_request *request, const struct session *s)
{
    size_t count = chatroom_request_session_rooms(request);
    chatroom_span name = chatroom_request_session_name(request);
    char prefix[16], told[32];
    int size = snprintf(prefix, sizeof prefix, "u%u.", s->serial);
    unsigned seen = 0;
    bool at_rest = w->options.unsure == 0; /* else it may be, and nobody was told */

    if (name.size > 0 && (name.size < (size_t)size || memcmp(name.bytes, prefix, (size_t)size) != 0))
        broken(w, P6, "a restored session has another's name");
    for (size_t n = 1; n < s->count; n++)
        at_rest &= s->messages[n].answered;
    at_rest &= !s->slow && !s->oom && s->accepted && !s->ended;
    if (at_rest && !chatroom_span_equal(name, session_name(s, told)))
        broken(w, P6, "a restored session is not called as it was");
    for (size_t i = 0; i < count; i++) {
        chatroom_span room = chatroom_request_session_room(request, i);
        unsigned digit = (unsigned)(room.bytes[1] - '0');

        if (seen & 1u << digit)
            broken(w, P6, "restored session %u is in r%u twice", s->serial, digit);
        seen |= 1u << digit;
        if (at_rest && (!s->seats[digit].since_ms || s->seats[digit].left))
            broken(w, P6, "restored session %u is in r%u, where it is not", s->serial, digit);
    }
}

/* ---- texts ---- */

static void write_entry(void *arg, const struct chatroom_entry *e, struct chatroom_json *json)
{
    char text[512];
    int size = snprintf(text, sizeof text, "E %.*s %llu %llu %.*s,%.*s,%.*s,%lld", (int)e->room.size, e->room.bytes,
                        (unsigned long long)e->epoch, (unsigned long long)e->seq, (int)e->author.size, e->author.bytes,
                        (int)e->id.size, e->id.bytes, (int)e->payload.size, e->payload.bytes, (long long)e->time_ms);

    (void)arg;
    chatroom_json_literal(json, chatroom_bytes(text, (size_t)size));
}

/* "X n code": the message it is about, 0 if no handler saw it. */
static void write_refusal(void *arg, const struct chatroom_refusal *refusal, struct chatroom_json *json)
{
    struct world *w = arg;
    const struct session *s = session_by_id(w, refusal->connection_id);
    char text[64];
    size_t n = s ? s->count : 0;
    int size;

    while (n > 1 && memcmp(s->messages[n - 1].request_id, refusal->request_id.bytes, 16) != 0)
        n--;
    size = snprintf(text, sizeof text, "X %zu %s", n > 0 ? n - 1 : 0, refusal->code);
    chatroom_json_literal(json, chatroom_bytes(text, (size_t)size));
}

/* ---- life ---- */

void handlers_bind(struct world *w)
{
    struct chatroom_route_options run = CHATROOM_ROUTE_OPTIONS;
    int result = chatroom_route(w->c, "$connect", on_connect, w);

    run.timeout_ms = w->options.authorizer ? 250 : 0;
    run.per_second = w->options.throttle;
    run.burst = w->options.throttle_burst;
    if (result == CHATROOM_OK)
        result = chatroom_route(w->c, "$disconnect", on_disconnect, w);
    if (result == CHATROOM_OK)
        result = chatroom_route_with(w->c, "run", on_script, w, &run);
    if (result == CHATROOM_OK && w->options.authorizer)
        result = chatroom_authorizer(w->c, on_authorize, w, 200);
    if (result != CHATROOM_OK)
        broken(w, CONTRACT, "routes cannot be bound: %d", result);
    chatroom_set_entry(w->c, write_entry, w);
    chatroom_set_refusal(w->c, write_refusal, w);
}

static chatroom_handler_fn *handler_of(const struct world *w, const struct deferred *d)
{
    if (d->authorizes)
        return judge;
    if (d->message > 0)
        return resume;
    return w->sessions[d->serial]->disconnects > 0 ? say_goodbye : resume;
}

void handlers_resume(struct world *w, bool all)
{
    size_t kept = 0;

    for (size_t i = 0; i < w->deferred_count; i++) {
        struct deferred *d = &w->deferred[i];

        if (all || d->due_ms <= world_ms(w)) {
            if (d->message > 0)
                w->sessions[d->serial]->messages[d->message].due_ms = all ? world_ms(w) : d->due_ms;
            chatroom_request_resume(d->request, handler_of(w, d), w);
        } else
            w->deferred[kept++] = *d;
    }
    w->deferred_count = kept;
}

void handlers_forget(struct world *w)
{
    w->deferred_count = 0;
}
