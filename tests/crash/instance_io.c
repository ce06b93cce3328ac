/*
 * instance_io.c: F03, F04. A whole instance (chat, lmdb store, clients) whose n-th read, write, sync or opening of a
 * file fails, for every n, once and from then on. A message is told to everybody, or its author is told an error; a new
 * instance then has what was told, not what was refused, and perhaps what was said to be unsure.
 *
 *     instance_io [--step N]      of the n only each N-th
 */
#include "io_faults.h"
#include "wire.h"
#include "store_folder.h"

#include <chatroom/backend/lmdb.h>
#include <chatroom/chatroom.h>

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MESSAGES = 10, PATIENCE = 100000 /* steps of 50 us and more */ };

enum fate {
    UNSAID, /* the instance did not come up */
    TOLD,
    REFUSED,
    UNSURE,
};

struct run {
    chatroom *c;
    struct wire *wire;
    size_t ann, bob;
    enum fate fates[MESSAGES];
    uint64_t seqs[MESSAGES]; /* of those that were told */
    unsigned bob_heard;
};

static char base[64] = "/dev/shm/chatroom-io-XXXXXX", folder[80];
static unsigned long runs, started, told, refused, unsure;

static void die(const char *why)
{
    fprintf(stderr, "instance_io: call %d, %s, kind %d: %s\n", (int)io_fault.at, io_fault.sticky ? "sticky" : "once",
            (int)io_fault.kind, why);
    exit(1);
}

/* ---- an instance
 * ----------------------------------------------------------------------------------------------------- */

static bool start(struct run *r)
{
    struct chatroom_config config = CHATROOM_CONFIG;
    struct chatroom_chat_options chat = CHATROOM_CHAT_OPTIONS;
    struct chatroom_error error = {0};

    r->wire = wire_new(true);
    config.transport = wire_transport(r->wire);
    config.limits.messages_per_second = 0;
    chat.rate_limits = false;
    chat.keep_empty_rooms = true;
    if (chatroom_lmdb_store(folder, NULL, &config.store, &error) || chatroom_new(&config, &r->c, &error) ||
        chatroom_chat(r->c, &chat))
        die("no instance could be made");
    if (chatroom_start(r->c, chatroom_host_now(), &error) == CHATROOM_OK)
        return true;
    if (!error.text[0])
        die("a start was refused without a sentence");
    return false;
}

static void step(struct run *r)
{
    if (chatroom_step(r->c, chatroom_host_now()) != CHATROOM_OK)
        die("a step failed");
    usleep(50);
}

/* The next text that a client is sent; an instance that does not answer is one that hangs. */
static const char *answer(struct run *r, size_t client)
{
    for (int i = 0; i < PATIENCE; i++) {
        const char *text = wire_take(r->wire, client);

        if (text)
            return text;
        if (!wire_is_open(r->wire, client) && i > 0 && wire_status(r->wire, client) != 0)
            die("a client was sent away");
        step(r);
    }
    die("a client had no answer");
    return NULL;
}

static const char *ask(struct run *r, size_t client, const char *text)
{
    wire_send(r->wire, client, text);
    return answer(r, client);
}

static bool is_error(const char *text)
{
    return strstr(text, "\"type\":\"error\"") != NULL;
}

static uint64_t seq_of(const char *text)
{
    const char *at = strstr(text, "\"seq\":");

    return at ? strtoull(at + 6, NULL, 10) : 0;
}

/* ---- messages
 * -------------------------------------------------------------------------------------------------------- */

/* Bob hears what Ann is told, and nothing else. */
static void compare_bob(struct run *r, uint64_t seq, bool bob_is_there)
{
    const char *text;
    unsigned heard = 0;

    for (int i = 0; i < 3; i++)
        step(r);
    while ((text = wire_take(r->wire, r->bob)) != NULL) {
        if (!strstr(text, "client-message"))
            continue;
        if (seq_of(text) != seq || ++heard > 1)
            die("P1, P2: a member heard what its author was not told");
    }
    if (bob_is_there && seq && !heard)
        die("a member did not hear a message");
    r->bob_heard += heard;
}

static enum fate fate_of(const char *text)
{
    if (!is_error(text))
        return TOLD;
    if (strstr(text, "\"outcome_unknown\""))
        return UNSURE;
    if (!strstr(text, "\"storage_failed\"") && !strstr(text, "\"storage_full\"") && !strstr(text, "\"no_room\"") &&
        !strstr(text, "\"not_registered\""))
        die(text);
    return REFUSED;
}

static void say_all(struct run *r, bool bob_is_there)
{
    char text[80];

    for (unsigned i = 0; i < MESSAGES; i++) {
        const char *said;

        snprintf(text, sizeof text, "{\"action\":\"dispatch\",\"value\":\"message %u\"}", i);
        said = ask(r, r->ann, text);
        r->fates[i] = fate_of(said);
        r->seqs[i] = seq_of(said);
        if (i > 0 && r->fates[i] == TOLD && r->fates[i - 1] == UNSURE)
            die("F03: a store wrote on after it could not tell");
        compare_bob(r, r->seqs[i], bob_is_there);
    }
}

/* Whether the client is in the room in the end; what stood in the way it was told. */
static bool enter(struct run *r, size_t client, const char *name)
{
    char text[80];
    const char *said;

    snprintf(text, sizeof text, "{\"action\":\"register\",\"value\":\"%s\"}", name);
    wire_send(r->wire, client, text);
    wire_send(r->wire, client, "{\"action\":\"join-room\",\"value\":\"den\"}");
    wire_send(r->wire, client, "{\"action\":\"members\"}");
    do
        said = answer(r, client);
    while (!strstr(said, "\"type\":\"members\"") && !strstr(said, "\"no_room\""));
    return !is_error(said);
}

/* Everybody is told what came of it, and the instance lives. */
static void live(struct run *r)
{
    bool bob_is_there;

    r->ann = wire_connect(r->wire, "/");
    r->bob = wire_connect(r->wire, "/");
    for (int i = 0; wire_status(r->wire, r->ann) == 0 || wire_status(r->wire, r->bob) == 0; i++) {
        if (i == PATIENCE)
            die("an opening had no answer");
        step(r);
    }
    if (!wire_is_open(r->wire, r->ann) || !wire_is_open(r->wire, r->bob))
        return; /* a session that cannot be stored is not let in */
    enter(r, r->ann, "ann");
    bob_is_there = enter(r, r->bob, "bob");
    while (wire_take(r->wire, r->ann))
        ;
    say_all(r, bob_is_there);
    ask(r, r->ann, "{\"action\":\"members\"}");
}

/* ---- afterwards
 * ------------------------------------------------------------------------------------------------------ */

static void expect_history(const struct run *before, const char *text)
{
    const char *at = text;

    for (unsigned i = 0; i < MESSAGES; i++) {
        char wanted[40];
        const char *found;

        snprintf(wanted, sizeof wanted, "\"content\":\"message %u\"", i);
        found = strstr(text, wanted);
        if (before->fates[i] == TOLD && (!found || seq_of(found) != before->seqs[i]))
            die("P1: what was told is not in its place");
        if ((before->fates[i] == REFUSED || before->fates[i] == UNSAID) && found)
            die("what was refused is there all the same");
        if (found && (found < at || strstr(found + 1, wanted)))
            die("P2: a message is out of order, or there twice");
        if (found)
            at = found;
    }
}

static void look_afterwards(const struct run *before)
{
    struct run r = {0};
    const char *text;

    if (!start(&r)) { /* the first pages of a new file may be torn: then it is refused */
        for (unsigned i = 0; i < MESSAGES; i++)
            if (before->fates[i] == TOLD)
                die("what was told cannot be opened");
    } else {
        r.ann = wire_connect(r.wire, "/");
        ask(&r, r.ann, "{\"action\":\"register\",\"value\":\"ann\"}");
        wire_send(r.wire, r.ann, "{\"action\":\"join-room\",\"value\":\"den\"}");
        wire_send(r.wire, r.ann, "{\"action\":\"history\",\"after\":0}");
        do
            text = answer(&r, r.ann);
        while (!strstr(text, "\"type\":\"history\""));
        expect_history(before, text);
    }
    chatroom_free(r.c);
    wire_free(r.wire);
}

/* False: there are fewer calls than at. */
static bool fail_at(int at, bool sticky, enum io_failure kind)
{
    struct run r = {0};
    bool hit;

    io_faults_arm(at, sticky, kind);
    if (start(&r)) {
        started++;
        live(&r);
    }
    chatroom_free(r.c);
    wire_free(r.wire);
    hit = io_fault.hit;
    io_fault.at = 0;
    look_afterwards(&r);
    store_folder_remove(folder);
    runs++;
    for (unsigned i = 0; i < MESSAGES; i++) {
        told += r.fates[i] == TOLD;
        refused += r.fates[i] == REFUSED;
        unsure += r.fates[i] == UNSURE;
    }
    return hit;
}

int main(int argc, char **argv)
{
    static const struct option names[] = {{"step", required_argument, NULL, 's'}, {NULL, 0, NULL, 0}};
    int option, by = 1;

    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1)
        if (option != 's' || (by = atoi(optarg)) < 1)
            return 2;
    if (!mkdtemp(base))
        strcpy(base, "/tmp/chatroom-io-XXXXXX");
    if (!strstr(base, "shm") && !mkdtemp(base))
        die("there is no place for a folder");
    snprintf(folder, sizeof folder, "%s/store", base);
    io_faults_init(base);
    for (int kind = 0; kind < FAIL_KINDS; kind++)
        for (int sticky = 0; sticky < (kind == FAIL_EINTR ? 1 : 2); sticky++) {
            int at = 1;

            while (fail_at(at, sticky, (enum io_failure)kind))
                at += by;
            if (at < 40)
                die("there were too few calls");
        }
    rmdir(base);
    printf("F03, F04: %lu instances with a failing call, %lu came up: %lu messages told, %lu refused, %lu unsure\n",
           runs, started, told, refused, unsure);
    return told == 0 || refused == 0 || unsure == 0;
}
