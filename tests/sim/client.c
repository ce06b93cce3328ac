/*
 * client.c: what clients and the host do, by chance.
 */
#include "world.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- scripts ---- */

static char letter_of(struct rnd *r)
{
    static const char letters[] = "SSSSSSSSIIIIJJJJJLLLCCDTTNNHHBAOOYFZZ";

    return letters[rnd_below(r, sizeof letters - 1)];
}

/* A few rooms are popular. */
static char digit_of(struct rnd *r, char letter)
{
    unsigned rooms = rnd_below(r, 3) ? 2 : ROOMS - 1;

    if (strchr("SITHBAJL", letter) && rnd_below(r, 10) == 0)
        return '0' + HALL;
    return (char)('0' + rnd_below(r, rooms));
}

static void add(struct rnd *r, char *script, char letter, char digit)
{
    size_t size = strlen(script);

    if (size + 3 > SCRIPT_MOST)
        return;
    script[size] = rnd_below(r, 10) < 6 ? (char)tolower((unsigned char)letter) : letter;
    script[size + 1] = digit;
    script[size + 2] = '\0';
}

static void write_script(struct rnd *r, unsigned most, char *script)
{
    unsigned count = rnd_below(r, 10) < 6 ? 1 : 1 + rnd_below(r, most);
    bool paged = false;

    while (count-- > 0) {
        char letter = letter_of(r), digit = digit_of(r, letter);
        bool page = strchr("HBA", letter) != NULL;

        if ((page && paged) || (letter == 'Z' && strpbrk(script, "jJ"))) /* it decides on what it has seen */
            continue;
        paged |= page;
        add(r, script, letter, digit);
        if (letter == 'J' && !paged && rnd_below(r, 2)) {
            add(r, script, rnd_below(r, 8) ? 'H' : 'A', digit);
            paged = true;
        }
    }
}

static void write_connect_script(struct rnd *r, char *script)
{
    static const char letters[] = "NJJSCYZF";
    unsigned count = rnd_below(r, 4) ? 0 : 1 + rnd_below(r, 3);

    add(r, script, 'c', '0' + HALL);
    script[0] = 'c';
    while (count-- > 0) {
        char letter = letters[rnd_below(r, rnd_below(r, 4) ? 6 : 8)], digit = digit_of(r, letter);

        add(r, script, letter, digit);
    }
}

/* ---- a client ---- */

static void connect_client(struct world *w, unsigned slot)
{
    struct session *s;
    char target[80];

    if (w->session_count > 0 && w->sessions[w->session_count - 1]->life == w->life &&
        w->sessions[w->session_count - 1]->wire + 4 >= WIRE_CLIENTS)
        return;
    s = session_new(w, slot);
    if (w->options.chat) {
        s->wire = wire_connect(w->wire, "/dev");
        trace(w, "%u connects", s->serial);
        return;
    }
    write_connect_script(&w->random, s->connect_script);
    if (w->soaks)
        strcpy(s->connect_script, "c7J7");
    strcpy(s->messages[0].script, s->connect_script);
    snprintf(target, sizeof target, "/dev?%u.%s", s->serial, s->connect_script);
    s->wire = wire_connect(w->wire, target);
    trace(w, "%u connects, %s", s->serial, s->connect_script);
    if (rnd_below(&w->random, 20) == 0 && !w->soaks) {
        s->may_end = true;
        wire_close(w->wire, s->wire, 1001);
    }
}

/* Comes or goes, waits, and says something. */
static void put_off_in_the_middle(struct rnd *r, char *script)
{
    static const char letters[] = "CLLLDNS";
    char letter = letters[rnd_below(r, sizeof letters - 1)], digit = digit_of(r, letter);

    script[0] = '\0';
    add(r, script, letter, digit);
    add(r, script, 'Z', '0');
    letter = letters[rnd_below(r, sizeof letters - 1)];
    add(r, script, letter, digit_of(r, letter));
}

static void send_script(struct world *w, struct session *s)
{
    struct message *m = message_new(w, s);
    char text[160];

    write_script(&w->random, w->options.operations, m->script);
    if (rnd_below(&w->random, 150) == 0 && !w->soaks)
        add(&w->random, m->script, 'X', '1');
    if (rnd_below(&w->random, 10) < w->options.put_off && !strpbrk(m->script, "jJzZ"))
        put_off_in_the_middle(&w->random, m->script);
    m->under_way = (unsigned)(s->count - 2 - s->last_ended);
    m->at_once = m->under_way == 0 && s->accepted && strspn(m->script, "OYToyt0123456789") == strlen(m->script);
    m->names = strpbrk(m->script, "nN") != NULL;
    s->may_end |= strpbrk(m->script, "xX") != NULL;
    snprintf(text, sizeof text, "{\"action\":\"run\",\"n\":%zu,\"script\":\"%s\"}", s->count - 1, m->script);
    trace(w, "%u sends %zu %s", s->serial, s->count - 1, m->script);
    wire_send(w->wire, s->wire, text);
    w->sent_bytes += strlen(text);
}

static void close_client(struct world *w, struct session *s, uint16_t code)
{
    trace(w, "%u closes", s->serial);
    s->may_end = true;
    wire_close(w->wire, s->wire, code);
}

/* A slow one has only so much room left. */
static void change_pace(struct world *w, struct session *s)
{
    s->slow = !s->slow;
    s->may_end = true;
    if (s->slow)
        wire_limit(w->wire, s->wire, wire_queued(w->wire, s->wire) + rnd_below(&w->random, 30));
    else
        wire_limit(w->wire, s->wire, SIZE_MAX);
}

static void send_garbage(struct world *w, struct session *s)
{
    static const char *const texts[] = {"",
                                        "{",
                                        "[]",
                                        "{\"action\":\"$connect\"}",
                                        "{\"action\":\"run\"",
                                        "{\"action\":\"run\",\"action\":\"run\"}",
                                        "null",
                                        "{\"action\":\"other\"}"};
    unsigned which = rnd_below(&w->random, 10);

    s->garbage = true;
    if (w->options.chat && !talk_may_ask(s))
        return;
    if (which < sizeof texts / sizeof *texts) {
        wire_send(w->wire, s->wire, texts[which]);
        w->sent_bytes += strlen(texts[which]);
        return;
    }
    s->may_end = true;
    wire_send_kind(w->wire, s->wire, CHATROOM_BINARY_MESSAGE, chatroom_str("x"));
}

static void send(struct world *w, struct session *s)
{
    if (w->options.chat)
        talk_act(w, s);
    else
        send_script(w, s);
}

void clients_act(struct world *w)
{
    unsigned count = rnd_below(&w->random, w->options.busy + 1);

    while (count-- > 0) {
        unsigned slot = rnd_below(&w->random, w->options.slots), kind = rnd_below(&w->random, 1000);
        struct session *s = w->slots[slot];

        if (!s)
            connect_client(w, slot);
        else if (s->frozen)
            continue;
        else if (rnd_per_mille(&w->random, w->options.clog))
            change_pace(w, s);
        else if (kind < 950 || w->soaks)
            send(w, s);
        else if (kind < 970)
            close_client(w, s, kind < 960 ? 1000 : 0);
        else
            send_garbage(w, s);
    }
}

/* ---- the host ---- */

static void heard(void *arg, int status)
{
    struct world *w = arg;

    w->outstanding--;
    trace(w, "a call of the host ends with %d", status);
    if (!w->calm && rnd_below(&w->random, 4) == 0 && w->c &&
        chatroom_post(w->c, chatroom_bytes("0123456789abcdef", 16), chatroom_str("P"), heard, w) == CHATROOM_OK)
        w->outstanding++;
}

void host_acts(struct world *w)
{
    struct session *s = w->slots[rnd_below(&w->random, w->options.slots)];
    unsigned kind = rnd_below(&w->random, 100);
    char room[3] = "r0", payload[24];
    int result = CHATROOM_EAGAIN;

    if (!s || !s->has_id)
        return;
    if (kind < 10) {
        result = chatroom_post(w->c, chatroom_bytes(s->id, 16), chatroom_str("P"), heard, w);
    } else if (kind < 30) {
        room[1] = digit_of(&w->random, 'S');
        snprintf(payload, sizeof payload, "\"h%u\"", w->tick);
        result = chatroom_publish(w->c, chatroom_str(room), chatroom_str("host"), chatroom_str(payload), heard, w);
    } else if (kind == 30 && !w->soaks) {
        s->may_end = true;
        result = chatroom_disconnect(w->c, chatroom_bytes(s->id, 16), 4400, chatroom_str(""), heard, w);
    }
    w->outstanding += result == CHATROOM_OK;
}
