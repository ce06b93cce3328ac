/*
 * talk.c: the chat: clients that speak its protocol (docs/chat-protocol.md), and what they must hear.
 *
 * A client asks for one thing at a time and waits for the answer, since an error does not say what it answers. What has
 * no answer of its own is followed by something that has; if that goes wrong the client does not know what became of
 * it, and comes again.
 */
#include "world.h"

#include <chatroom/chat.h>
#include <chatroom/json.h>
#include <chatroom/names.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

enum ask { NOTHING, REGISTER, CREATE, JOIN, SAY, SAY_TWICE, PAGE, MEMBERS, LEAVE, NONSENSE, SWEEP };

enum { NAME_MOST = 24, PAYLOAD_MOST = 32 };

struct talk {
    char name[NAME_MOST];
    char room; /* its digit; 0: in none */
    uint64_t epoch, next, since_ms;
    enum ask ask;
    char target, wanted[NAME_MOST];
    uint64_t before, after;
    bool rises, cheats, lost, doomed;
    unsigned joins, creates; /* that the rates let through */
    size_t said, limit;
};

static struct talk *talk_of(struct session *s)
{
    if (!s->talk)
        s->talk = calloc(1, sizeof *s->talk);
    if (!s->talk)
        abort();
    return s->talk;
}

void talk_free(struct session *s)
{
    free(s->talk);
}

/* ---- names ---- */

static void fold(const char *name, char folded[NAME_MOST])
{
    size_t i = 0;

    for (; name[i]; i++)
        folded[i] = (char)tolower((unsigned char)name[i]);
    folded[i] = '\0';
}

/* Names that differ in case alone look alike. */
static int prepare(void *self, chatroom_span bytes, struct chatroom_name *ret_name)
{
    (void)self;
    if (bytes.size == 0 || bytes.size > CHATROOM_NAME_BYTES)
        return CHATROOM_EREFUSED;
    *ret_name = (struct chatroom_name){.size = bytes.size};
    memcpy(ret_name->text, bytes.bytes, bytes.size);
    ret_name->keys[0].size = bytes.size;
    for (size_t i = 0; i < bytes.size; i++)
        ret_name->keys[0].bytes[i] = (char)tolower((unsigned char)bytes.bytes[i]);
    return CHATROOM_OK;
}

void talk_bind(struct world *w)
{
    static const struct chatroom_names_ops ops = {CHATROOM_NAMES_OPS, .prepare = prepare};
    const struct chatroom_names names = {&ops, NULL};
    struct chatroom_chat_options options = CHATROOM_CHAT_OPTIONS;

    options.mode = CHATROOM_CHAT_BOTH;
    options.keep_empty_rooms = w->options.keep;
    options.rate_limits = w->options.chat_rates;
    if (w->options.names)
        chatroom_set_names(w->c, &names);
    if (chatroom_chat(w->c, &options) != CHATROOM_OK)
        broken(w, CONTRACT, "the chat cannot be bound");
}

/* ---- asking ---- */

static void send(struct world *w, struct session *s, const char *text)
{
    trace(w, "%u sends %s", s->serial, text);
    wire_send(w->wire, s->wire, text);
}

static void ask_for(struct world *w, struct session *s, enum ask ask, const char *action, const char *value)
{
    char text[160];

    talk_of(s)->ask = ask;
    snprintf(text, sizeof text, "{\"action\":\"%s\",\"value\":\"%s\"}", action, value);
    send(w, s, text);
}

/* Few names, so that they look alike. */
static void ask_for_name(struct world *w, struct session *s)
{
    struct talk *t = talk_of(s);
    unsigned number = rnd_below(&w->random, w->options.slots), kind = rnd_below(&w->random, 3);

    snprintf(t->wanted, sizeof t->wanted, "%s%u", kind == 0 ? "user" : kind == 1 ? "User" : "USER", number);
    ask_for(w, s, REGISTER, "register", t->wanted);
}

static void ask_for_room(struct world *w, struct session *s, bool new_one)
{
    char name[3] = {'r', 0, 0};

    name[1] = (char)('0' + rnd_below(&w->random, rnd_below(&w->random, 3) ? 2 : ROOMS));
    talk_of(s)->target = name[1];
    ask_for(w, s, new_one ? CREATE : JOIN, new_one ? "new-room" : "join-room", name);
}

static void say_it(struct world *w, struct session *s, size_t said, const char *lie)
{
    char text[200];

    snprintf(text, sizeof text, "{\"action\":\"dispatch\",\"value\":\"c%u.%zu\",\"id\":\"i%zu\"%s}", s->serial, said,
             said, lie);
    send(w, s, text);
}

/* Sometimes in another's name, or in another room. */
static void say(struct world *w, struct session *s)
{
    struct talk *t = talk_of(s);
    unsigned kind = rnd_below(&w->random, 12);
    char lie[48] = "";

    strcpy(message_new(w, s)->script, t->name);
    t->said = s->count - 1;
    t->cheats = kind < 2;
    t->ask = kind < 4 && kind > 1 && t->room ? SAY_TWICE : SAY;
    if (t->cheats)
        snprintf(lie, sizeof lie, kind ? ",\"room\":\"r9\"" : ",\"name\":\"nobody\"");
    say_it(w, s, t->said, lie);
    if (t->ask == SAY)
        return;
    say_it(w, s, t->said, "");
    send(w, s, "{\"action\":\"members\"}");
}

static void ask_for_page(struct world *w, struct session *s)
{
    struct talk *t = talk_of(s);
    unsigned kind = rnd_below(&w->random, 3);
    char text[120], where[40] = "";

    t->before = kind == 0 ? 1 + rnd_below(&w->random, 12) : 0;
    t->after = kind == 1 ? rnd_below(&w->random, 8) : 0;
    t->rises = kind == 1;
    t->limit = rnd_below(&w->random, 2) ? 1 + rnd_below(&w->random, 6) : 0;
    t->ask = PAGE;
    if (kind < 2)
        snprintf(where, sizeof where, ",\"%s\":%llu", kind == 0 ? "before" : "after",
                 (unsigned long long)(kind == 0 ? t->before : t->after));
    if (t->limit > 0)
        snprintf(text, sizeof text, "{\"action\":\"history\"%s,\"limit\":%zu}", where, t->limit);
    else
        snprintf(text, sizeof text, "{\"action\":\"history\"%s}", where);
    send(w, s, text);
}

static void leave(struct world *w, struct session *s)
{
    talk_of(s)->ask = LEAVE;
    send(w, s, "{\"action\":\"leave-room\"}");
    send(w, s, "{\"action\":\"members\"}");
}

bool talk_may_ask(struct session *s)
{
    struct talk *t = talk_of(s);

    if (!s->accepted || s->slow || t->ask != NOTHING)
        return false;
    t->ask = NONSENSE;
    return true;
}

void talk_act(struct world *w, struct session *s)
{
    struct talk *t = talk_of(s);
    unsigned kind = rnd_below(&w->random, 100), coming = w->options.chat_rates ? 50 : 15;

    if (!s->accepted || s->slow || t->ask != NOTHING)
        return;
    if (t->room && w->options.restless > 0 && rnd_below(&w->random, 100) < w->options.restless)
        kind = rnd_below(&w->random, 2) ? 99 : 6; /* out, or elsewhere */
    if (t->doomed) {
        return;
    } else if (t->lost) {
        s->may_end = true;
        wire_close(w->wire, s->wire, 1000);
    } else if (kind < 5 || (!t->name[0] && kind < 80)) {
        ask_for_name(w, s);
    } else if (kind < coming || (!t->room && kind < 70)) {
        ask_for_room(w, s, kind % 4 == 0);
    } else if (kind < 80) {
        say(w, s);
    } else if (kind < 90) {
        ask_for_page(w, s);
    } else if (kind < 94 || !t->room) {
        t->ask = MEMBERS;
        send(w, s, "{\"action\":\"members\"}");
    } else {
        leave(w, s);
    }
}

/* ---- what texts say ---- */

static struct chatroom_json_value member(const char *text, const char *name)
{
    struct chatroom_json_value value = {0};

    (void)chatroom_json_get(chatroom_str(text), chatroom_str(name), &value); /* of a valid text: missing is none */
    return value;
}

/* Without quotes; empty: it is not there. Ours have no escapes. */
static void text_of(struct chatroom_json_value value, char *buffer, size_t size)
{
    chatroom_span text = {NULL, 0};

    if (value.type == CHATROOM_JSON_STRING)
        (void)chatroom_json_text(&value, NULL, &text);
    snprintf(buffer, size, "%.*s", (int)text.size, text.bytes ? text.bytes : "");
}

static uint64_t number_of(struct chatroom_json_value value)
{
    char digits[24];

    if (value.type == CHATROOM_JSON_STRING)
        text_of(value, digits, sizeof digits);
    else
        snprintf(digits, sizeof digits, "%.*s", (int)value.raw.size, value.raw.bytes ? value.raw.bytes : "");
    return strtoull(digits, NULL, 10);
}

static bool is_true(struct chatroom_json_value value)
{
    return value.type == CHATROOM_JSON_TRUE;
}

/* "author,id,payload,time", as in check.c. */
static void entry_text(const char *text, const char *content, char *buffer, size_t size)
{
    char user[NAME_MOST], id[24];
    struct chatroom_json_value payload = member(text, content);

    text_of(member(text, "user"), user, sizeof user);
    text_of(member(text, "id"), id, sizeof id);
    snprintf(buffer, size, "%s,%s,%.*s,%lld", user, id, (int)payload.raw.size, payload.raw.bytes,
             (long long)strtoll(member(text, "ts").raw.bytes, NULL, 10));
}

/* ---- pages ---- */

struct page {
    uint64_t first, last, newest, epoch;
    size_t count;
    bool more;
    char room[8];
};

static struct page read_page(struct world *w, const char *text)
{
    struct page page = {.newest = number_of(member(text, "newest")),
                        .epoch = number_of(member(text, "epoch")),
                        .more = is_true(member(text, "more"))};
    struct chatroom_json_value messages = member(text, "messages");
    struct chatroom_json_walk walk = chatroom_json_each(messages.raw);
    struct chatroom_json_member each;
    char one[512], entry[256];

    text_of(member(text, "room"), page.room, sizeof page.room);
    while (messages.type == CHATROOM_JSON_ARRAY && chatroom_json_next(&walk, &each)) {
        uint64_t seq;

        snprintf(one, sizeof one, "%.*s", (int)each.value.raw.size, each.value.raw.bytes);
        seq = number_of(member(one, "seq"));
        if (page.last && seq != page.last + 1)
            broken(w, P2, "a page with a gap: %s", text);
        entry_text(one, "content", entry, sizeof entry);
        check_entry(w, page.epoch, seq, page.room, entry);
        page.first = page.first ? page.first : seq;
        page.last = seq;
        page.count++;
    }
    if (page.last > page.newest)
        broken(w, P1, "a page ends beyond the newest: %s", text);
    if (page.count > w->limits.history_entries)
        broken(w, P4, "a page is too long: %s", text);
    return page;
}

static void check_page(struct world *w, const struct talk *t, const struct page *page, const char *text)
{
    uint64_t end = t->before > 0 && t->before <= page->newest ? t->before - 1 : page->newest;

    if (t->room && (page->epoch != t->epoch || page->room[1] != t->room))
        broken(w, P6, "a page of another room: %s", text);
    if (t->limit > 0 && page->count > t->limit)
        broken(w, CONTRACT, "a page is longer than was asked: %s", text);
    if (page->count == 0)
        return;
    if (t->rises ? page->first != t->after + 1 : page->last != end)
        broken(w, P3, "a page is not of what was asked for: %s", text);
    if ((t->rises ? page->last < page->newest : page->first > 1) && !page->more)
        broken(w, P3, "a page does not say that there is more: %s", text);
}

/* ---- hearing ---- */

static void enter(struct world *w, struct talk *t, const struct page *page, uint64_t next)
{
    bool stayed = t->room == page->room[1] && t->epoch == page->epoch;

    t->ask = NOTHING;
    if (stayed)
        return;
    t->room = page->room[1];
    t->epoch = page->epoch;
    t->next = next;
    t->since_ms = world_ms(w);
}

/* T12: chat.h, rate_limits. */
static void count_coming(struct world *w, const struct session *s)
{
    struct talk *t = s->talk;
    uint64_t seconds = (world_ms(w) - s->since_ms) / 1000;

    t->joins += t->ask == JOIN;
    t->creates += t->ask == CREATE;
    if (w->options.chat_rates && (t->joins > 11 + seconds || t->creates > 6 + seconds / 5))
        broken(w, P4, "session %u came into rooms too fast", s->serial);
}

/* Its own word for it: "type" is not there without history. */
static void hear_coming(struct world *w, struct session *s, const char *text)
{
    struct talk *t = talk_of(s);
    struct page page = read_page(w, text);
    bool is_new = member(text, "scan").type != CHATROOM_JSON_NONE;

    if (t->ask == SWEEP)
        return;
    count_coming(w, s);
    if (t->ask != (is_new ? CREATE : JOIN) || page.room[1] != t->target)
        broken(w, CONTRACT, "session %u comes into a room that it did not ask for: %s", s->serial, text);
    if (page.count > 0 && page.last != page.newest)
        broken(w, P3, "a page of the newest does not end with it: %s", text);
    if (page.count > 0 && page.first > 1 && !page.more)
        broken(w, P3, "a page does not say that there is more: %s", text);
    enter(w, t, &page, is_new ? 1 : page.last ? page.last + 1 : page.newest == 0 ? 1 : 0);
}

static void hear_own(struct world *w, struct session *s, const char *payload)
{
    struct talk *t = talk_of(s);
    char own[PAYLOAD_MOST];

    snprintf(own, sizeof own, "\"c%u.%zu\"", s->serial, t->said);
    if (t->ask != SAY || strcmp(own, payload) != 0)
        return;
    if (t->cheats)
        broken(w, P6, "session %u was taken for another, or in another room: %s", s->serial, payload);
    t->ask = NOTHING;
}

static void hear_message(struct world *w, struct session *s, const char *text)
{
    struct talk *t = talk_of(s);
    char room[8], entry[256], payload[PAYLOAD_MOST], user[NAME_MOST];
    struct chatroom_json_value raw = member(text, "message");
    uint64_t seq = number_of(member(text, "seq"));

    text_of(member(text, "user"), user, sizeof user);
    if (strcmp(user, "no-rooms") == 0 || t->ask == SWEEP || t->lost)
        return;
    text_of(member(text, "room"), room, sizeof room);
    if (!t->room || room[1] != t->room)
        broken(w, P6, "session %u hears a room it is not in: %s", s->serial, text);
    entry_text(text, "message", entry, sizeof entry);
    check_entry(w, t->epoch, seq, room, entry);
    if (t->next && t->next != seq)
        broken(w, seq > t->next ? P3 : P2, "session %u hears %s after %llu", s->serial, text,
               (unsigned long long)t->next - 1);
    t->next = seq + 1;
    snprintf(payload, sizeof payload, "%.*s", (int)raw.raw.size, raw.raw.bytes);
    hear_own(w, s, payload);
}

static void hear_deleted(struct world *w, struct session *s, const char *text)
{
    struct talk *t = talk_of(s);
    char room[8];

    text_of(member(text, "room"), room, sizeof room);
    if (t->room && room[1] == t->room && !t->lost && t->ask != LEAVE && t->ask != JOIN && t->ask != CREATE &&
        t->ask != SWEEP)
        broken(w, P6, "session %u is in a room that went: %s", s->serial, text);
}

/* An error: nothing was stored. */
static void check_unsaid(struct world *w, const struct session *s, const struct talk *t, const char *text)
{
    char payload[PAYLOAD_MOST];
    int size = snprintf(payload, sizeof payload, "\"c%u.%zu\"", s->serial, t->said);

    for (uint64_t epoch = sim_disk_epochs(w->disk); epoch > 0; epoch--) {
        const struct sim_life *life = sim_disk_life(w->disk, epoch);

        for (size_t i = life->count; i-- > 0 && life->count - i < 50;)
            if (memmem(life->entries[i].value.bytes, life->entries[i].value.size, payload, (size_t)size))
                broken(w, P1, "%s was refused, and is stored: %s", payload, text);
    }
}

static void hear_error(struct world *w, struct session *s, const char *text)
{
    struct talk *t = talk_of(s);
    char code[32];

    text_of(member(text, "code"), code, sizeof code);
    if (t->ask == SWEEP) {
        if (strcmp(code, "too_many_rooms") != 0 && strcmp(code, "no_room") != 0)
            broken(w, P8, "nobody is there, and there are no faults: %s", text);
        return;
    }
    if (t->ask == NOTHING && !t->lost)
        broken(w, CONTRACT, "session %u is refused what it did not ask for: %s", s->serial, text);
    if (strcmp(code, "rate_limited") != 0)
        count_coming(w, s);
    if (t->ask == SAY && strcmp(code, "outcome_unknown") != 0)
        check_unsaid(w, s, t, text);
    if ((t->ask == JOIN || t->ask == CREATE) && strcmp(code, "out_of_memory") == 0)
        t->lost = t->doomed = true; /* of the page, perhaps: then it is in, and about to be closed */
    if (t->ask == JOIN || t->ask == CREATE)
        w->doubtful |= 1u << (t->target - '0');
    if (t->ask == LEAVE && strcmp(code, "no_room") == 0)
        t->room = 0;
    else if (t->ask == LEAVE || t->ask == SAY_TWICE)
        t->lost = true;
    t->ask = NOTHING;
}

void talk_end(struct world *w, const struct session *s)
{
    if (s->talk && (s->talk->ask == JOIN || s->talk->ask == CREATE))
        w->doubtful |= 1u << (s->talk->target - '0');
}

static void hear_signup(struct world *w, struct session *s, const char *text)
{
    struct talk *t = talk_of(s);
    char name[NAME_MOST];

    text_of(member(text, "name"), name, sizeof name);
    if (t->ask == SWEEP)
        return;
    if (t->ask != REGISTER || strcmp(name, t->wanted) != 0)
        broken(w, P6, "session %u is called what it did not ask for: %s", s->serial, text);
    strcpy(t->name, name);
    t->ask = NOTHING;
}

static void hear_members(struct world *w, struct session *s, const char *text)
{
    struct talk *t = talk_of(s);
    char own[NAME_MOST + 2];

    snprintf(own, sizeof own, "\"%s\"", t->name);
    if (!t->room || !strstr(text, own))
        broken(w, P6, "session %u is not among the members: %s", s->serial, text);
    if (t->ask == SAY_TWICE || t->ask == MEMBERS || t->ask == LEAVE)
        t->ask = NOTHING;
    else if (!t->lost)
        broken(w, CONTRACT, "session %u hears of members that it did not ask for: %s", s->serial, text);
}

static void hear_history(struct world *w, struct session *s, const char *text)
{
    struct talk *t = talk_of(s);
    struct page page = read_page(w, text);

    if (t->ask != PAGE)
        broken(w, CONTRACT, "session %u hears a page that it did not ask for: %s", s->serial, text);
    check_page(w, t, &page, text);
    t->ask = NOTHING;
}

void talk_hear(struct world *w, struct session *s, const char *text)
{
    static const struct {
        const char *type;
        void (*hear)(struct world *w, struct session *s, const char *text);
    } types[] = {{"", hear_coming},
                 {"multi-message", hear_coming},
                 {"client-message", hear_message},
                 {"delete-room", hear_deleted},
                 {"error", hear_error},
                 {"signup", hear_signup},
                 {"members", hear_members},
                 {"history", hear_history}};
    char type[24];
    size_t count;

    if (chatroom_json_scan(chatroom_str(text), NULL, NULL, 0, &count) != CHATROOM_OK) {
        if (text[0] != 'P') /* the host's own word */
            broken(w, CONTRACT, "session %u hears no JSON: %s", s->serial, text);
        return;
    }
    text_of(member(text, "type"), type, sizeof type);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(type, types[i].type) == 0)
            types[i].hear(w, s, text);
}

bool talk_was_called(const struct session *s, unsigned said, const char *name, size_t size)
{
    return said < s->count && strlen(s->messages[said].script) == size &&
           memcmp(s->messages[said].script, name, size) == 0;
}

/* ---- at rest ---- */

void talk_check(struct world *w, const struct session *s)
{
    const struct talk *t = s->talk;
    char name[3] = {'r', t ? t->room : 0, 0};
    const struct sim_life *life;

    if (!t || !s->accepted)
        return;
    if (t->ask != NOTHING)
        broken(w, P8, "at rest: session %u has no answer", s->serial);
    if (!t->room || t->lost)
        return;
    life = sim_disk_room(w->disk, chatroom_str(name));
    if (!life || life->epoch != t->epoch)
        broken(w, P8, "at rest: session %u is in %s, which is not there", s->serial, name);
    if (t->next ? t->next != life->count + 1 : life->newest_ms > t->since_ms)
        broken(w, P3, "at rest: session %u has heard %s to %llu of %zu", s->serial, name,
               (unsigned long long)t->next - (t->next > 0), life->count);
}

struct visit {
    struct world *w;
    char digit;
    size_t count;
};

static bool visit_member(void *arg, chatroom_span id, chatroom_span name)
{
    struct visit *v = arg;
    struct session *s = session_by_id(v->w, id);

    v->count++;
    if (!s || s->ended)
        broken(v->w, P8, "at rest: a member of r%c is gone", v->digit);
    if (s->talk && s->talk->doomed && s->talk->target == v->digit && s->talk->room != v->digit)
        broken(v->w, P3, "at rest: session %u is in r%c, and was told that it is not", s->serial, v->digit);
    if (s->slow || (s->talk && s->talk->lost))
        return true;
    if (!s->talk || s->talk->room != v->digit)
        broken(v->w, P6, "at rest: session %u is in r%c and does not know", s->serial, v->digit);
    if (!chatroom_span_equal(name, chatroom_str(s->talk->name)))
        broken(v->w, P6, "at rest: session %u has another's name", s->serial);
    return true;
}

/* The last one out takes the room along, unless a join on which it counted did not come. */
static void check_room(struct world *w, char digit)
{
    const struct options *o = &w->options;
    char name[3] = {'r', digit, 0};
    const struct sim_life *life = sim_disk_room(w->disk, chatroom_str(name));
    struct visit visit = {w, digit, 0};
    bool certain = !o->keep && o->batch_fails == 0 && o->unsure == 0 && o->oom == 0 && o->wire_faults == 0 &&
                   !(w->doubtful & 1u << (digit - '0'));

    if (chatroom_room_exists(w->c, chatroom_str(name)) != (life != NULL))
        broken(w, P8, "at rest: the store and the instance do not agree on whether %s exists", name);
    chatroom_each_member(w->c, chatroom_str(name), visit_member, &visit);
    if (life && visit.count == 0 && certain && life->epoch > w->life_epoch)
        broken(w, P8, "at rest: nobody is in %s, and it is there", name);
}

static unsigned empty_rooms(const struct world *w)
{
    unsigned rooms = 0;

    for (unsigned digit = 0; digit < ROOMS; digit++) {
        char name[3] = {'r', (char)('0' + digit), 0};

        if (chatroom_room_exists(w->c, chatroom_str(name)) && chatroom_room_members(w->c, chatroom_str(name)) == 0)
            rooms |= 1u << digit;
    }
    return rooms;
}

static const char *name_of(const struct session *s)
{
    return s && s->talk && !s->talk->lost && !s->slow ? s->talk->name : "";
}

static void check_names(struct world *w)
{
    char one[NAME_MOST], other[NAME_MOST];

    for (unsigned i = 0; w->options.names && i < SLOTS; i++)
        for (unsigned j = 0; j < i; j++) {
            fold(name_of(w->slots[i]), one);
            fold(name_of(w->slots[j]), other);
            if (one[0] && strcmp(one, other) == 0 && strcmp(name_of(w->slots[i]), name_of(w->slots[j])) != 0)
                broken(w, P6, "at rest: there are two who are called %s", one);
        }
}

void talk_check_rest(struct world *w)
{
    for (unsigned digit = 0; digit < ROOMS; digit++)
        check_room(w, (char)('0' + digit));
    w->doubtful &= empty_rooms(w);
    check_names(w);
}

/* ---- sweeping ---- */

void talk_sweep(struct world *w, struct session *s)
{
    static const char *const names[] = {"user0", "USER1", "User2", "uSER0", "sweeper"};
    char text[64];

    s->wire = wire_connect(w->wire, "/dev");
    talk_of(s)->ask = SWEEP;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(text, sizeof text, "{\"action\":\"register\",\"value\":\"%s\"}", names[i]);
        send(w, s, text);
    }
    for (unsigned digit = 0; digit < ROOMS; digit++) {
        snprintf(text, sizeof text, "{\"action\":\"join-room\",\"value\":\"r%u\"}", digit);
        send(w, s, text);
    }
    send(w, s, "{\"action\":\"leave-room\"}");
    send(w, s, "{\"action\":\"members\"}");
}
