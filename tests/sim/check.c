/*
 * check.c: the model: what clients have heard, held against the promises.
 */
#include "world.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

/* What anybody was told of a log: "author,id,payload,time" by seq. */
struct log {
    char **texts;
    size_t capacity;
};

/* ---- logs ---- */

static struct log *log_of(struct world *w, uint64_t epoch)
{
    if (epoch >= w->log_count) {
        w->logs = realloc(w->logs, (epoch + 1) * sizeof *w->logs);
        if (!w->logs)
            abort();
        memset(w->logs + w->log_count, 0, (epoch + 1 - w->log_count) * sizeof *w->logs);
        w->log_count = epoch + 1;
    }
    return &w->logs[epoch];
}

static char **place_of(struct world *w, uint64_t epoch, uint64_t seq)
{
    struct log *log = log_of(w, epoch);

    if (seq >= log->capacity) {
        size_t capacity = seq * 2 + 16;

        log->texts = realloc(log->texts, capacity * sizeof *log->texts);
        if (!log->texts)
            abort();
        memset(log->texts + log->capacity, 0, (capacity - log->capacity) * sizeof *log->texts);
        log->capacity = capacity;
    }
    return &log->texts[seq];
}

static long long time_of(const char *text)
{
    return strtoll(strrchr(text, ',') + 1, NULL, 10);
}

/* P6: the author is what its session was called when it said that. */
static void check_author(struct world *w, const char *text)
{
    const char *payload = strchr(strchr(text, ',') + 1, ',') + 1;
    size_t size = (size_t)(strchr(text, ',') - text);
    const struct session *s;
    unsigned serial;
    size_t n, at;
    char name[32];

    if (w->options.chat && sscanf(payload, "\"c%u.%zu\"", &serial, &n) == 2) {
        if (!talk_was_called(w->sessions[serial], (unsigned)n, text, size))
            broken(w, P6, "%s is from somebody else", text);
        return;
    }
    if (sscanf(payload, "\"s%u.%zu.%zu\"", &serial, &n, &at) != 3) {
        if (strncmp(payload, "\"h", 2) == 0 && strncmp(text, "host,", 5) != 0)
            broken(w, P6, "%s is not from the host", text);
        return;
    }
    s = w->sessions[serial];
    for (size_t before = n; before-- > 0;) {
        const struct message *m = &s->messages[before];

        if (!strpbrk(m->script, "nN") || m->refused)
            continue;
        snprintf(name, sizeof name, "u%u.%zu", serial, before);
        if (strlen(name) == size && memcmp(name, text, size) == 0)
            return;
        if (m->answered && strchr(m->script, 'N'))
            broken(w, P6, "%s is from %s", text, name);
    }
    if (size != 0)
        broken(w, P6, "%s is from somebody else", text);
}

/* The session and the message id of an entry; false: it has none. */
static bool once_of(const char *text, unsigned *ret_serial, char id[16])
{
    return sscanf(strchr(text, ',') + 1, "%15[^,],\"%*[sc]%u.", id, ret_serial) == 2;
}

/* A message id of a session is in a log once. */
static void check_once(struct world *w, uint64_t epoch, uint64_t seq, const char *text)
{
    const struct log *log = log_of(w, epoch);
    unsigned serial, other;
    char id[16], other_id[16];

    for (uint64_t i = seq > 2000 ? seq - 2000 : 1; once_of(text, &serial, id) && i < seq + 2000 && i < log->capacity;
         i++)
        if (i != seq && log->texts[i] && once_of(log->texts[i], &other, other_id) && serial == other &&
            strcmp(id, other_id) == 0)
            broken(w, P2, "%s is in the log twice, also as %s", text, log->texts[i]);
}

/* P1 and P2: it is safe, and the same for everyone. */
void check_entry(struct world *w, uint64_t epoch, uint64_t seq, const char *room, const char *text)
{
    const struct sim_life *life = sim_disk_life(w->disk, epoch);
    const char *payload = strchr(strchr(text, ',') + 1, ',') + 1;
    char **place, **before;

    w->heard++;
    if (!life || seq == 0 || seq > life->count || strcmp(life->name, room) != 0)
        broken(w, P1, "%s (%s %llu %llu) is not in the store", text, room, (unsigned long long)epoch,
               (unsigned long long)seq);
    place = place_of(w, epoch, seq);
    if (*place) {
        if (strcmp(*place, text) != 0)
            broken(w, P2, "%s is also %s", text, *place);
        return;
    }
    if (!memmem(life->entries[seq - 1].value.bytes, life->entries[seq - 1].value.size, payload,
                (size_t)(strchr(payload, ',') - payload)))
        broken(w, P1, "%s is another entry in the store", text);
    *place = strdup(text);
    before = place_of(w, epoch, seq - 1);
    if (*before && time_of(*before) > time_of(text))
        broken(w, P2, "time goes back from %s to %s", *before, text);
    check_author(w, text);
    check_once(w, epoch, seq, text);
}

/* P1: what its author was told is safe. */
static bool is_stored(const struct world *w, const struct session *s, char digit, size_t n, size_t at, bool once)
{
    char payload[64], key[48], room[3] = {'r', digit, 0};
    int size = snprintf(payload, sizeof payload, "\"s%u.%zu.%zu\"", s->serial, n, at);
    int key_size = snprintf(key, sizeof key, "%.16si%zu", s->id, n / 3);

    for (uint64_t epoch = sim_disk_epochs(w->disk); epoch > 0; epoch--) {
        const struct sim_life *life = sim_disk_life(w->disk, epoch);

        if (strcmp(life->name, room) != 0)
            continue;
        for (size_t i = life->count; i-- > 0;) {
            const struct sim_entry *e = &life->entries[i];

            if (memmem(e->value.bytes, e->value.size, payload, (size_t)size) ||
                (once && chatroom_span_equal(e->once, chatroom_bytes(key, (size_t)key_size))))
                return true;
        }
    }
    return false;
}

/* ---- what one client hears ---- */

static struct seat *seat_of(struct world *w, struct session *s, char digit)
{
    if (digit < '0' || digit >= '0' + ROOMS)
        broken(w, CONTRACT, "a room that nobody made: %c", digit);
    return &s->seats[digit - '0'];
}

/* message: whose page it waits for; 0: none. */
static void sit(const struct world *w, struct seat *seat, size_t message)
{
    if (!seat->in)
        *seat = (struct seat){.in = true, .waits = message > 0, .message = message, .since_ms = world_ms(w)};
}

/* "E room epoch seq author,id,payload,time" */
static void hear_entry(struct world *w, struct session *s, const char *text)
{
    unsigned long long epoch, seq;
    struct seat *seat = seat_of(w, s, text[3]);
    char room[3] = {0};
    int end = 0;

    if (sscanf(text, "E %2s %llu %llu %n", room, &epoch, &seq, &end) != 3)
        broken(w, CONTRACT, "an entry that is none: %s", text);
    check_entry(w, epoch, seq, room, text + end);
    if (!seat->in || seat->waits)
        broken(w, seat->waits ? P2 : P6, "session %u hears a room it is not in%s: %s", s->serial,
               seat->waits ? " yet" : "", text);
    if (seat->epoch && seat->epoch != epoch)
        broken(w, P3, "session %u hears another epoch: %s", s->serial, text);
    if (seat->next && seat->next != seq)
        broken(w, seq > seat->next ? P3 : P2, "session %u hears %s after %llu", s->serial, text,
               (unsigned long long)seat->next - 1);
    seat->epoch = epoch;
    seat->next = seq + 1;
}

static struct message *message_of(struct world *w, struct session *s, size_t n, const char *text)
{
    struct message *m;

    if (n == 0 || n >= s->count || !s->messages[n].started)
        broken(w, CONTRACT, "session %u is answered what it did not ask: %s", s->serial, text);
    m = &s->messages[n];
    if (n < s->last_marked)
        broken(w, CONTRACT, "session %u hears of message %zu after message %zu: %s", s->serial, n, s->last_marked,
               text);
    if (m->answered)
        broken(w, CONTRACT, "session %u hears of message %zu after its end: %s", s->serial, n, text);
    s->last_marked = n;
    return m;
}

/* "M message operation what" */
static void hear_mark(struct world *w, struct session *s, const char *text)
{
    size_t n, at;
    char what[8] = {0};
    struct message *m;

    if (sscanf(text, "M %zu %zu %7s", &n, &at, what) != 3)
        broken(w, CONTRACT, "a mark that is none: %s", text);
    m = message_of(w, s, n, text);
    m->marked = true;
    switch (what[0]) {
    case '.':
        m->answered = true;
        s->last_ended = n;
        break;
    case 'J':
        sit(w, seat_of(w, s, what[1]), what[2] != '-' ? n : 0);
        break;
    case 'L':
        seat_of(w, s, what[1])->left = true;
        seat_of(w, s, what[1])->in = false;
        break;
    case 'D':
        seat_of(w, s, what[1])->in = false;
        break;
    case 'S':
    case 'I':
        if (!is_stored(w, s, what[1], n, at, what[0] == 'I'))
            broken(w, P1, "session %u was told that it was stored, and it was not: %s", s->serial, text);
        break;
    default:
        break;
    }
}

static char page_letter(const struct message *m)
{
    return (char)toupper((unsigned char)m->script[strcspn(m->script, "HBAhba")]);
}

/* Where the live entries of one who joined with this page begin; 0: anywhere. */
static uint64_t next_after(char letter, bool more, uint64_t newest, uint64_t last)
{
    if (letter == 'H')
        return last ? last + 1 : newest == 0 ? 1 : 0;
    return letter == 'A' && !more && last ? last + 1 : 0;
}

static uint64_t hear_page_entries(struct world *w, const char *text, const char *at, const char *room, uint64_t epoch,
                                  uint64_t *ret_first)
{
    uint64_t last = 0;
    char entry[256];
    unsigned long long seq;
    int end;

    *ret_first = 0;
    while (sscanf(at, " %llu,%255s%n", &seq, entry, &end) == 2) {
        if (last && seq != last + 1)
            broken(w, P2, "a page with a gap: %s", text);
        check_entry(w, epoch, seq, room, entry);
        if (!last)
            *ret_first = seq;
        last = seq;
        at += end;
    }
    return last;
}

/* The page is of what was asked for: handler.c, ask_for_page(). */
static void check_query(struct world *w, const char *text, char letter, size_t n, uint64_t first, uint64_t last,
                        uint64_t newest)
{
    uint64_t before = 1 + n % 17, after = 1 + n % 11;

    if (!last)
        return;
    if (letter == 'A' && first != after + 1)
        broken(w, P3, "a page after %llu does not begin behind it: %s", (unsigned long long)after, text);
    if (letter == 'B' && last != (before <= newest ? before - 1 : newest))
        broken(w, P3, "a page before %llu does not end before it: %s", (unsigned long long)before, text);
}

/* "H message room epoch newest more count seq,author,id,payload,time ..." */
static void hear_page(struct world *w, struct session *s, const char *text)
{
    unsigned long long epoch, newest;
    size_t n, count;
    char room[3] = {0}, letter;
    int more, end;
    uint64_t first, last;
    struct message *m;
    struct seat *seat;

    if (sscanf(text, "H %zu %2s %llu %llu %d %zu%n", &n, room, &epoch, &newest, &more, &count, &end) != 6)
        broken(w, CONTRACT, "a page that is none: %s", text);
    m = message_of(w, s, n, text);
    letter = page_letter(m);
    last = hear_page_entries(w, text, text + end, room, epoch, &first);
    if (last > newest)
        broken(w, P1, "a page ends beyond the newest: %s", text);
    if (letter == 'H' && last != newest && !(more && count == 0)) /* nothing: it could not be read */
        broken(w, P3, "a page of the newest does not end with it: %s", text);
    check_query(w, text, letter, n, first, last, newest);
    if (last && (letter == 'A' ? last < newest : first > 1) && !more)
        broken(w, P3, "a page does not say that there is more: %s", text);
    if (letter != 'A' && last && w->options.corrupt == 0 && w->options.damage == 0 && more != (first > 1))
        broken(w, P3, "a page is wrong about there being more: %s", text);
    if (count > w->limits.history_entries)
        broken(w, P4, "a page is too long: %s", text);
    seat = seat_of(w, s, room[1]);
    if (!seat->in || !seat->waits)
        return;
    seat->waits = false;
    seat->epoch = last ? epoch : 0;
    seat->since_ms = world_ms(w);
    seat->next = next_after(letter, more, newest, last);
}

/* T12: that it was not taken is right, and is not said too often. */
static void check_not_taken(struct world *w, struct session *s, const char *code)
{
    bool busy = strcmp(code, "busy") == 0, plain = !s->garbage && !s->oom && !s->may_end;
    size_t most = 0;

    if ((!busy && strcmp(code, "rate_limited") != 0) || w->options.throttle > 0)
        return;
    if (++s->too_much > 2 + (world_ms(w) - s->since_ms) / 1000)
        broken(w, P4, "session %u is told %zu times that it does too much", s->serial, s->too_much);
    for (size_t n = 1; n < s->count; n++)
        if (!s->messages[n].started && s->messages[n].under_way > most)
            most = s->messages[n].under_way;
    if (busy && plain && w->options.held_bytes == 0 && most < w->limits.held_messages)
        broken(w, P5, "session %u is refused for %zu messages under way", s->serial, most);
    if (busy && plain && w->options.held_bytes > 0 && w->options.held_messages == 0 &&
        w->sent_bytes <= w->limits.held_bytes)
        broken(w, P8, "session %u is refused for what is through", s->serial);
    if (!busy && plain && s->count - 1 <= w->limits.messages_burst)
        broken(w, CONTRACT, "session %u is refused for %zu messages", s->serial, s->count - 1);
}

/* F41: what had come in time is taken, however long the process stood still. */
static void check_timeout(struct world *w, const struct session *s, const struct message *m, const char *text)
{
    uint64_t ms = w->options.authorizer ? 250 : w->limits.handler_timeout_ms;

    if (world_ms(w) < m->deferred_ms + ms && !w->stops)
        broken(w, CONTRACT, "session %u hears of a time-out too soon: %s", s->serial, text);
    if (m->due_ms > 0 && m->due_ms < m->deferred_ms + ms)
        broken(w, CONTRACT, "F41: session %u hears of a time-out, and there was an answer in time: %s", s->serial,
               text);
}

/* "X message code" */
static void hear_refusal(struct world *w, struct session *s, const char *text)
{
    struct message *m;
    char code[32] = {0};
    size_t n;

    if (sscanf(text, "X %zu %31s", &n, code) != 2)
        broken(w, CONTRACT, "a refusal that is none: %s", text);
    if (n == 0) {
        check_not_taken(w, s, code);
        return;
    }
    m = message_of(w, s, n, text);
    m->answered = true;
    s->last_ended = n;
    if (strcmp(code, "timeout") == 0)
        check_timeout(w, s, m, text);
    m->refused = !m->marked; /* else it took hold, and only its page did not come */
    for (unsigned i = 0; i < ROOMS; i++) {
        struct seat *seat = &s->seats[i];

        if (!seat->in || !seat->waits || seat->message != n)
            continue;
        seat->waits = false;
        seat->in = strcmp(code, "not_found") != 0; /* else it was deleted before its page came */
    }
}

static void hear_room(struct world *w, struct session *s, const char *text)
{
    struct seat *seat = seat_of(w, s, text[3]);

    if (!seat->in || seat->waits)
        broken(w, seat->waits ? P2 : P6, "session %u hears a room it is not in%s: %s", s->serial,
               seat->waits ? " yet" : "", text);
    if (text[0] == 'D')
        seat->in = false;
}

static void hear(struct world *w, struct session *s, const char *text)
{
    trace(w, "%u hears %s", s->serial, text);
    if (w->options.chat) {
        talk_hear(w, s, text);
        return;
    }
    switch (text[0]) {
    case 'E':
        hear_entry(w, s, text);
        break;
    case 'M':
        hear_mark(w, s, text);
        break;
    case 'H':
        hear_page(w, s, text);
        break;
    case 'X':
        hear_refusal(w, s, text);
        break;
    case 'T':
    case 'D':
        hear_room(w, s, text);
        break;
    case 'O':
        if (strtoul(text + 2, NULL, 10) != s->serial)
            broken(w, P6, "session %u hears what was meant for another: %s", s->serial, text);
        break;
    case 'P':
    case 'Y':
        break;
    default:
        broken(w, CONTRACT, "session %u hears what nobody says: %s", s->serial, text);
    }
}

/* ---- everybody ---- */

/* It is in the rooms that its $connect joined. */
static void be_let_in(struct world *w, struct session *s)
{
    s->accepted = true;
    s->since_ms = world_ms(w);
    if (w->options.chat) {
        memcpy(s->id, wire_id(w->wire, s->wire).bytes, sizeof s->id);
        s->has_id = true;
        return;
    }
    s->may_end |= strpbrk(s->connect_script, "xX") != NULL;
    for (unsigned digit = 0; digit < ROOMS; digit++)
        if (s->connect_rooms & 1u << digit)
            sit(w, &s->seats[digit], 0);
}

static void check_end_of(struct world *w, const struct session *s)
{
    uint16_t status = wire_status(w->wire, s->wire), code = wire_close_code(w->wire, s->wire);

    if (status == 403 && w->options.authorizer && !w->options.chat && !s->has_id && !s->judged)
        broken(w, CONTRACT, "session %u was refused, and nobody judged it", s->serial);
    if (code == 1008 && world_ms(w) - s->since_ms < 10000)
        broken(w, CONTRACT, "session %u was closed for being too fast after %llu ms", s->serial,
               (unsigned long long)(world_ms(w) - s->since_ms));
    if (s->accepted && !s->may_end && !s->oom && !s->slow && w->options.wire_faults == 0 && code != 1001 &&
        (code != 1008 || w->options.per_second == 0))
        broken(w, CONTRACT, "session %u was closed with %u for no reason", s->serial, code);
}

static void look_at(struct world *w, struct session *s)
{
    const char *text;
    bool open = wire_is_open(w->wire, s->wire);

    if (!s->accepted && wire_status(w->wire, s->wire) == 101) {
        trace(w, "%u is let in", s->serial);
        be_let_in(w, s);
    }
    while ((!s->slow || !open) && (text = wire_take(w->wire, s->wire)))
        hear(w, s, text);
    check_at_once(w, s);
    if (open || !wire_is_over(w->wire, s->wire))
        return;
    trace(w, "%u is over: %u %u", s->serial, wire_status(w->wire, s->wire), wire_close_code(w->wire, s->wire));
    check_end_of(w, s);
    s->ended = true;
    if (w->options.chat)
        talk_end(w, s);
    w->slots[s->slot] = NULL;
}

void check_heard(struct world *w)
{
    for (unsigned i = 0; i < SLOTS; i++)
        if (w->slots[i])
            look_at(w, w->slots[i]);
}

/* ---- at rest ---- */

struct visit {
    struct world *w;
    unsigned digit;
    size_t count;
};

chatroom_span session_name(const struct session *s, char buffer[32])
{
    for (size_t n = s->count; n-- > 0;)
        if (strpbrk(s->messages[n].script, "nN") && (n == 0 || s->messages[n].answered) && !s->messages[n].refused) {
            snprintf(buffer, 32, "u%u.%zu", s->serial, n);
            return chatroom_str(buffer);
        }
    return chatroom_bytes(NULL, 0);
}

static bool check_member(void *arg, chatroom_span id, chatroom_span name)
{
    struct visit *v = arg;
    struct session *s = session_by_id(v->w, id);
    char buffer[32];

    v->count++;
    if (!s || s->ended)
        broken(v->w, P8, "at rest: a member of r%u is gone", v->digit);
    if (s->slow)
        return true;
    if (!s->seats[v->digit].in)
        broken(v->w, P6, "at rest: session %u is in r%u and does not know", s->serial, v->digit);
    if (!chatroom_span_equal(name, session_name(s, buffer)))
        broken(v->w, P6, "at rest, session %u has another's name", s->serial);
    return true;
}

struct search {
    const char *id;
    bool found;
};

static bool is_it(void *arg, chatroom_span id, chatroom_span name)
{
    struct search *search = arg;

    (void)name;
    search->found |= memcmp(id.bytes, search->id, 16) == 0;
    return true;
}

/* P3, P8: who is in a room has heard all of it. */
static void check_seat(struct world *w, const struct session *s, unsigned digit)
{
    const struct seat *seat = &s->seats[digit];
    char name[3] = {'r', (char)('0' + digit), 0};
    const struct sim_life *life = sim_disk_room(w->disk, chatroom_str(name));
    struct search search = {s->id, false};

    if (!seat->in)
        return;
    chatroom_each_member(w->c, chatroom_str(name), is_it, &search);
    if (!search.found)
        broken(w, P8, "at rest: session %u believes it is in %s", s->serial, name);
    if (seat->waits)
        broken(w, P8, "at rest: session %u still waits for a page of %s", s->serial, name);
    if (!life)
        broken(w, P8, "at rest: %s is not in the store", name);
    if (seat->next ? seat->next != life->count + 1 : life->newest_ms > seat->since_ms)
        broken(w, P3, "at rest, session %u has heard %s to %llu of %zu, %.*s", s->serial, name,
               (unsigned long long)seat->next - (seat->next > 0), life->count, 8,
               life->entries[life->count - 1].value.bytes + life->entries[life->count - 1].value.size - 8);
}

static void check_answers(struct world *w, const struct session *s)
{
    const struct options *o = &w->options;
    bool strict = o->held_messages == 0 && o->held_bytes == 0 && o->per_second == 0 && o->throttle == 0;

    for (size_t n = 1; n < s->count; n++)
        if (!s->messages[n].answered && (s->messages[n].started || strict))
            broken(w, P8, "at rest: message %zu of session %u has no answer", n, s->serial);
}

static void check_room(struct world *w, unsigned digit)
{
    char name[3] = {'r', (char)('0' + digit), 0};
    struct visit visit = {w, digit, 0};
    bool there = sim_disk_room(w->disk, chatroom_str(name)) != NULL;

    if (chatroom_room_exists(w->c, chatroom_str(name)) != there)
        broken(w, P8, "at rest: the store and the instance do not agree on whether %s exists", name);
    chatroom_each_member(w->c, chatroom_str(name), check_member, &visit);
    if (chatroom_room_members(w->c, chatroom_str(name)) != visit.count)
        broken(w, P8, "at rest: %s has %zu members and counts %zu", name, visit.count,
               chatroom_room_members(w->c, chatroom_str(name)));
}

void check_heads(struct world *w)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        const struct session *s = w->slots[i];

        for (unsigned digit = 0; s && !s->slow && !w->options.chat && digit < ROOMS; digit++)
            check_seat(w, s, digit);
        if (s && !s->slow && w->options.chat)
            talk_check(w, s);
    }
}

static void check_clients(struct world *w)
{
    size_t open = 0;

    for (unsigned i = 0; i < SLOTS; i++) {
        const struct session *s = w->slots[i];
        unsigned rooms = 0;

        open += s != NULL;
        if (!s || s->slow || w->options.chat)
            continue;
        check_answers(w, s);
        for (unsigned digit = 0; digit < ROOMS; digit++)
            rooms += s->seats[digit].in;
        if (rooms > w->limits.session_rooms)
            broken(w, P4, "at rest: session %u is in %u rooms", s->serial, rooms);
    }
    if (chatroom_connection_count(w->c) != open)
        broken(w, P8, "at rest: %zu connections, and %zu clients", chatroom_connection_count(w->c), open);
}

static void check_gone(struct world *w)
{
    for (size_t i = w->life_sessions; i < w->session_count && !w->options.chat; i++)
        if (w->sessions[i]->accepted && w->sessions[i]->ended && w->sessions[i]->disconnects == 0)
            broken(w, P8, "at rest: session %u ended without its $disconnect", w->sessions[i]->serial);
}

void check_rest(struct world *w)
{
    if (w->options.chat)
        talk_check_rest(w);
    else
        for (unsigned digit = 0; digit < ROOMS; digit++)
            check_room(w, digit);
    if (chatroom_room_count(w->c) != sim_disk_rooms(w->disk))
        broken(w, P8, "at rest: %zu rooms, %zu in the store", chatroom_room_count(w->c), sim_disk_rooms(w->disk));
    check_heads(w);
    check_clients(w);
    check_gone(w);
    check_counters(w);
}

/* ---- at the end ---- */

static void check_goodbye(struct world *w, const struct session *s)
{
    char payload[32];
    int size = snprintf(payload, sizeof payload, "\"gone%.16s\"", s->id);
    unsigned count = 0;

    for (uint64_t epoch = 1; sim_disk_life(w->disk, epoch); epoch++) {
        const struct sim_life *life = sim_disk_life(w->disk, epoch);

        for (size_t i = 0; i < life->count && life->name[1] == '0' + HALL; i++)
            count += memmem(life->entries[i].value.bytes, life->entries[i].value.size, payload, (size_t)size) != NULL;
    }
    if (count > 1 || (count == 0 && s->accepted && !s->disconnect_failed && s->serial % 7 != 0))
        broken(w, CONTRACT, "$disconnect of session %u took hold %u times", s->serial, count);
}

void check_end(struct world *w)
{
    for (size_t i = 0; i < w->session_count && !w->options.chat; i++)
        if (w->sessions[i]->has_id)
            check_goodbye(w, w->sessions[i]);
}

void check_free(struct world *w)
{
    for (size_t i = 0; i < w->log_count; i++) {
        for (size_t seq = 0; seq < w->logs[i].capacity; seq++)
            free(w->logs[i].texts[seq]);
        free(w->logs[i].texts);
    }
    free(w->logs);
}
