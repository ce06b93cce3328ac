#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "heap.h"
#include "wire.h"

#include <chatroom/backend/lmdb.h>
#include <chatroom/backend/memory.h>
#include <chatroom/chatroom.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * Whole instances: a page that was kept in memory is the page that the store would have given. The stores are real; a
 * spy before them counts the reads, holds them back, or answers them itself.
 */

enum { REMEMBERED = 16 };

struct spy {
    struct chatroom_store inner;
    unsigned reads;
    bool holds; /* reads wait for release() */
    struct chatroom_ticket *held[8];
    size_t held_count;
    int failure;    /* of the next read */
    size_t rows;    /* ... after so many rows that are well */
    bool remembers; /* the store completes at once */
    uint64_t trims; /* the next write comes with a trim of the den to there */
    struct chatroom_write trimming[2];
    bool scrambles; /* the next read: ... and one more, which is none */
    uint64_t epoch; /* of the den, with what was said there */
    char *values[REMEMBERED];
    size_t sizes[REMEMBERED], count;
};

struct world {
    struct heap heap;
    struct chatroom_alloc alloc;
    struct chatroom_now now;
    struct wire *wire;
    struct spy spy;
    chatroom *c;
};

/* ---- the spy ---- */

static int spy_open(void *self, chatroom_store_port *port, struct chatroom_error *error)
{
    struct spy *spy = self;

    return spy->inner.ops->open(spy->inner.self, port, error);
}

static void remember(struct spy *spy, const struct chatroom_write *write)
{
    spy->sizes[spy->count] = write->value.size;
    spy->values[spy->count] = malloc(write->value.size);
    assert_non_null(spy->values[spy->count]);
    memcpy(spy->values[spy->count++], write->value.bytes, write->value.size);
    spy->epoch = write->ret_epoch; /* a store that completes at once has said it */
}

/* One more write in the next ticket, which the core knows nothing of: as if another program had trimmed. */
static void trim(struct spy *spy, struct chatroom_ticket *ticket)
{
    assert_int_equal(ticket->count, 1);
    spy->trimming[0] = ticket->writes[0];
    spy->trimming[1] = (struct chatroom_write){.kind = CHATROOM_TRIM, .key = chatroom_str("den"), .seq = spy->trims};
    ticket->writes = spy->trimming;
    ticket->count = 2;
    spy->trims = 0;
}

static int spy_submit(void *self, struct chatroom_ticket *ticket)
{
    struct spy *spy = self;
    int result;

    if (spy->trims > 0)
        trim(spy, ticket);
    result = spy->inner.ops->submit(spy->inner.self, ticket);
    for (size_t i = 0; spy->remembers && i < ticket->count; i++)
        if (ticket->writes[i].kind == CHATROOM_APPEND &&
            chatroom_span_equal(ticket->writes[i].key, chatroom_str("den")))
            remember(spy, &ticket->writes[i]);
    return result;
}

static void spy_flush(void *self)
{
    struct spy *spy = self;

    if (spy->inner.ops->flush)
        spy->inner.ops->flush(spy->inner.self);
}

/* Of the den, from the newest down. */
static void answer(struct spy *spy, struct chatroom_ticket *ticket)
{
    uint64_t seq = spy->count;

    ticket->read.ret_epoch = spy->epoch;
    for (size_t i = 0; i < spy->rows; i++, seq--)
        chatroom_read_row(ticket, seq, chatroom_bytes(spy->values[seq - 1], spy->sizes[seq - 1]));
    if (spy->scrambles)
        chatroom_read_row(ticket, seq, chatroom_str("scrambled"));
    chatroom_read_done(ticket, spy->failure);
}

static int spy_read(void *self, struct chatroom_ticket *ticket)
{
    struct spy *spy = self;

    spy->reads++;
    if (spy->failure || spy->scrambles) {
        answer(spy, ticket);
        spy->failure = CHATROOM_OK;
        spy->scrambles = false;
        return CHATROOM_OK;
    }
    if (!spy->holds)
        return spy->inner.ops->read(spy->inner.self, ticket);
    assert_true(spy->held_count < 8);
    spy->held[spy->held_count++] = ticket;
    return CHATROOM_OK;
}

static void spy_close(void *self)
{
    struct spy *spy = self;

    while (spy->count > 0)
        free(spy->values[--spy->count]);
    spy->inner.ops->close(spy->inner.self);
}

static const struct chatroom_store_ops spy_ops = {
    CHATROOM_STORE_OPS, .name = "spy",    .open = spy_open,   .submit = spy_submit,
    .flush = spy_flush, .read = spy_read, .close = spy_close,
};

/* ---- handlers ---- */

static chatroom_span value_of(chatroom_request *request)
{
    chatroom_span text;

    assert_int_equal(chatroom_request_text(request, "value", &text), CHATROOM_OK);
    return text;
}

static uint64_t number_of(chatroom_request *request, const char *field)
{
    struct chatroom_json_value value;

    assert_int_equal(chatroom_request_field(request, field, &value), CHATROOM_OK);
    return value.type == CHATROOM_JSON_NUMBER ? strtoull(value.raw.bytes, NULL, 10) : 0;
}

static void write_entry(void *arg, const struct chatroom_entry *e, struct chatroom_json *json)
{
    (void)arg;
    chatroom_json_open(json, '[');
    chatroom_json_number(json, (int64_t)e->seq);
    chatroom_json_number(json, e->time_ms);
    chatroom_json_string(json, e->author);
    chatroom_json_string(json, e->id);
    chatroom_json_raw(json, e->payload);
    chatroom_json_close(json, ']');
}

/* {"newest":N,"more":B,"entries":[...]} */
static int reply_page(chatroom_request *request, const struct chatroom_history *history, void *arg)
{
    static char text[65536];
    struct chatroom_json json = chatroom_json_on(text, sizeof text);
    chatroom_span page;

    chatroom_json_open(&json, '{');
    chatroom_json_name(&json, "newest");
    chatroom_json_number(&json, (int64_t)history->newest);
    chatroom_json_name(&json, "more");
    chatroom_json_number(&json, history->more);
    chatroom_json_name(&json, "entries");
    chatroom_json_open(&json, '[');
    for (size_t i = 0; i < history->count; i++) {
        assert_int_equal(history->entries[i].epoch, history->epoch);
        assert_true(chatroom_span_equal(history->entries[i].room, history->room));
        write_entry(arg, &history->entries[i], &json);
    }
    chatroom_json_close(&json, ']');
    chatroom_json_close(&json, '}');
    assert_true(chatroom_json_done(&json, &page));
    return chatroom_request_reply(request, page);
}

static int history(chatroom_request *request, void *arg)
{
    const struct chatroom_history_query query = {.before = number_of(request, "before"),
                                                 .after = number_of(request, "after"),
                                                 .limit = (size_t)number_of(request, "limit"),
                                                 .oldest = number_of(request, "oldest") > 0};

    return chatroom_request_history(request, value_of(request), &query, reply_page, arg);
}

static int enter(chatroom_request *request, void *arg)
{
    int result = chatroom_request_join(request, value_of(request));

    return result ? result : history(request, arg);
}

static int say(chatroom_request *request, void *arg)
{
    struct chatroom_json_value payload;
    chatroom_span id;

    (void)arg;
    assert_int_equal(chatroom_request_field(request, "payload", &payload), CHATROOM_OK);
    assert_int_equal(chatroom_request_text(request, "id", &id), CHATROOM_OK);
    return chatroom_request_publish(request, value_of(request), payload.raw, id);
}

static int renew(chatroom_request *request, void *arg)
{
    chatroom_span room = value_of(request);
    int result = chatroom_request_delete_room(request, room);

    (void)arg;
    return result ? result : chatroom_request_create_room(request, room);
}

static int name(chatroom_request *request, void *arg)
{
    (void)arg;
    return chatroom_request_set_name(request, value_of(request));
}

/* ---- a world ---- */

static int fixed_random(void *arg, void *ret_bytes, size_t size)
{
    (void)arg;
    memset(ret_bytes, 7, size);
    return CHATROOM_OK;
}

/* directory NULL: the memory store. */
static void start(struct world *w, const char *directory, size_t recent_bytes, size_t entries, unsigned pages)
{
    struct chatroom_config config = CHATROOM_CONFIG;
    struct chatroom_lmdb_options options = CHATROOM_LMDB_OPTIONS;

    memset(w, 0, sizeof *w);
    options.durability = CHATROOM_DURABLE_NONE;
    w->alloc = heap_alloc(&w->heap);
    w->now = (struct chatroom_now){1000000000, 1795467901000};
    w->wire = wire_new(true);
    assert_int_equal(directory ? chatroom_lmdb_store(directory, &options, &w->spy.inner, NULL)
                               : chatroom_memory_store(&w->spy.inner),
                     CHATROOM_OK);
    config.alloc = &w->alloc;
    config.random = fixed_random;
    config.store = (struct chatroom_store){&spy_ops, &w->spy};
    config.transport = wire_transport(w->wire);
    config.limits.messages_per_second = 0;
    config.limits.bytes_per_second = 0;
    config.limits.recent_bytes = recent_bytes;
    config.limits.history_entries = entries;
    config.limits.history_bytes = 2048;
    config.limits.message_bytes = 1024;
    config.limits.history_pages = pages;
    assert_int_equal(chatroom_new(&config, &w->c, NULL), CHATROOM_OK);
    chatroom_set_entry(w->c, write_entry, NULL);
    assert_int_equal(chatroom_route(w->c, "history", history, NULL), CHATROOM_OK);
    assert_int_equal(chatroom_route(w->c, "enter", enter, NULL), CHATROOM_OK);
    assert_int_equal(chatroom_route(w->c, "say", say, NULL), CHATROOM_OK);
    assert_int_equal(chatroom_route(w->c, "renew", renew, NULL), CHATROOM_OK);
    assert_int_equal(chatroom_route(w->c, "name", name, NULL), CHATROOM_OK);
    assert_int_equal(chatroom_start(w->c, w->now, NULL), CHATROOM_OK);
}

static void stop(struct world *w)
{
    chatroom_free(w->c);
    wire_free(w->wire);
    assert_int_equal(w->heap.blocks, 0);
}

static void step(struct world *w)
{
    for (int i = 0; i < 4; i++)
        assert_int_equal(chatroom_step(w->c, w->now), CHATROOM_OK);
}

/* A store with a thread answers when it can. */
static const char *hears(struct world *w, size_t client)
{
    const char *text = wire_take(w->wire, client);

    for (int i = 0; !text && i < 5000; i++) {
        step(w);
        text = wire_take(w->wire, client);
        if (!text)
            poll(NULL, 0, 1);
    }
    assert_non_null(text);
    return text;
}

static void expect(struct world *w, size_t client, const char *text)
{
    assert_string_equal(hears(w, client), text);
}

static void send_text(struct world *w, size_t client, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void send_text(struct world *w, size_t client, const char *format, ...)
{
    char text[2048];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    wire_send(w->wire, client, text);
}

static size_t comes(struct world *w)
{
    size_t client = wire_connect(w->wire, "/");

    for (int i = 0; wire_status(w->wire, client) != 101 && i < 5000; i++) {
        step(w);
        poll(NULL, 0, wire_status(w->wire, client) != 101);
    }
    assert_int_equal(wire_status(w->wire, client), 101);
    return client;
}

/* In the room: the page it heard is returned until the next call. */
static const char *enters(struct world *w, size_t client, const char *room)
{
    send_text(w, client, "{\"action\":\"enter\",\"value\":\"%s\"}", room);
    return hears(w, client);
}

static void release(struct world *w)
{
    w->spy.holds = false;
    for (size_t i = 0; i < w->spy.held_count; i++)
        assert_int_equal(w->spy.inner.ops->read(w->spy.inner.self, w->spy.held[i]), CHATROOM_OK);
    w->spy.held_count = 0;
    spy_flush(&w->spy);
}

/* ---- a folder ---- */

static char folder[] = "/tmp/chatroom-recent-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder + sizeof folder - 7, "XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    static const char *const names[] = {"data.mdb", "lock.mdb", "chatroom.lock"};
    char path[128];

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    return rmdir(folder);
}

/* ---- the same page ---- */

/* Whatever may be asked of a small log: the answers, one behind the other. */
static char *ask_everything(struct world *w, size_t client, uint64_t newest)
{
    char *all = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&all, &size);

    assert_non_null(out);
    for (uint64_t seq = 0; seq <= newest + 2; seq++)
        for (unsigned limit = 0; limit < 10; limit += 3) {
            static const char *const fields[] = {"\"before\":%llu", "\"after\":%llu", "\"oldest\":1,\"after\":%llu"};

            for (size_t i = 0; i < 3; i++) {
                char field[64];

                snprintf(field, sizeof field, fields[i], (unsigned long long)seq);
                send_text(w, client, "{\"action\":\"history\",\"value\":\"den\",\"limit\":%u,%s}", limit, field);
                fprintf(out, "%s %u: %s\n", field, limit, hears(w, client));
            }
        }
    assert_int_equal(fclose(out), 0);
    return all;
}

/* Entries of every kind; those that are long fill a page before it has its entries. */
static void talk(struct world *w, size_t client, unsigned from, unsigned count)
{
    static const char filling[] =
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

    for (unsigned n = from; n < from + count; n++) {
        w->now.wall_ms += n * 1000;
        if (n % 5 == 0)
            send_text(w, client, "{\"action\":\"name\",\"value\":\"name%u\"}", n);
        send_text(w, client,
                  "{\"action\":\"say\",\"value\":\"den\",\"id\":\"%s%u\",\"payload\":{\"n\":%u,\"t\":\"%.*s\"}}",
                  n % 3 ? "" : "i", n, n, n % 4 ? 0 : (int)(n * 30 % sizeof filling), filling);
        hears(w, client);
    }
}

/* What a client hears after a talk, with that limit; and how often the store was asked. */
static char *hear_of_a_talk(const char *directory, size_t recent_bytes, unsigned *ret_reads)
{
    struct world w;
    size_t ann;
    char *all;
    unsigned reads;

    start(&w, directory, recent_bytes, 8, 4);
    ann = comes(&w);
    enters(&w, ann, "den");
    talk(&w, ann, 1, 24);
    reads = w.spy.reads;
    all = ask_everything(&w, ann, 24);
    *ret_reads = w.spy.reads - reads;
    stop(&w);
    return all;
}

static void recent_pages__are_those_of_the_memory_store(void **state)
{
    unsigned with, some, without;
    char *pages[] = {hear_of_a_talk(NULL, 65536, &with), hear_of_a_talk(NULL, 4096, &some),
                     hear_of_a_talk(NULL, 0, &without)};

    (void)state;
    assert_string_equal(pages[0], pages[2]);
    assert_string_equal(pages[1], pages[2]);
    assert_true(0 < with && with < some && some < without);
    for (size_t i = 0; i < 3; i++)
        free(pages[i]);
}

/* The second run opens the same data. */
static void recent_pages__are_those_of_the_lmdb_store(void **state)
{
    unsigned with, without;
    struct world w;
    size_t ann;
    char *pages[3];

    (void)state;
    pages[0] = hear_of_a_talk(folder, 65536, &with);
    start(&w, folder, 0, 8, 4);
    ann = comes(&w);
    pages[1] = ask_everything(&w, ann, 24);
    without = w.spy.reads;
    stop(&w);
    start(&w, folder, 4096, 8, 4);
    ann = comes(&w);
    pages[2] = ask_everything(&w, ann, 24);
    stop(&w);
    assert_string_equal(pages[0], pages[1]);
    assert_string_equal(pages[0], pages[2]);
    assert_true(with > 0);
    assert_true(with < without);
    for (size_t i = 0; i < 3; i++)
        free(pages[i]);
}

/* The data of the same log, of which the first entries are gone. */
static void recent_pages__of_a_trimmed_log_are_those_of_the_store(void **state)
{
    static const size_t limits[] = {0, 4096, 65536};
    char *pages[3];
    struct world w;
    size_t ann;

    (void)state;
    start(&w, folder, 0, 8, 4);
    ann = comes(&w);
    enters(&w, ann, "den");
    talk(&w, ann, 1, 11);
    w.spy.trims = 7;
    talk(&w, ann, 13, 1);
    stop(&w);
    for (size_t i = 0; i < 3; i++) {
        start(&w, folder, limits[i], 8, 4);
        ann = comes(&w);
        free(ask_everything(&w, ann, 12));
        pages[i] = ask_everything(&w, ann, 12);
        assert_null(strstr(pages[i], "[[6,"));
        assert_non_null(strstr(pages[i], "\"more\":0,\"entries\":[[7,"));
        stop(&w);
    }
    assert_string_equal(pages[0], pages[1]);
    assert_string_equal(pages[0], pages[2]);
    for (size_t i = 0; i < 3; i++)
        free(pages[i]);
}

/* ---- joining ---- */

static void recent_pages__who_joins_an_active_room_reads_nothing(void **state)
{
    struct world w;

    (void)state;
    start(&w, NULL, 65536, 4, 4);
    size_t bob = comes(&w);
    assert_string_equal(enters(&w, bob, "den"), "{\"newest\":0,\"more\":0,\"entries\":[]}");
    for (unsigned n = 1; n < 8; n++) {
        send_text(&w, bob, "{\"action\":\"say\",\"value\":\"den\",\"payload\":%u}", n);
        hears(&w, bob);
    }
    size_t ann = comes(&w);
    send_text(&w, ann, "{\"action\":\"enter\",\"value\":\"den\",\"limit\":2}");
    send_text(&w, bob, "{\"action\":\"say\",\"value\":\"den\",\"payload\":8}");
    expect(&w, ann,
           "{\"newest\":7,\"more\":1,\"entries\":[[6,1795467901000,\"\",\"\",6],"
           "[7,1795467901000,\"\",\"\",7]]}");
    expect(&w, ann, "[8,1795467901000,\"\",\"\",8]");
    assert_int_equal(w.spy.reads, 0);
    stop(&w);
}

/* What comes between the question and the page follows the page, and is kept. */
static void recent_pages__P2_what_is_said_while_the_store_reads_comes_once(void **state)
{
    struct world w;

    (void)state;
    start(&w, folder, 65536, 4, 4);
    size_t bob = comes(&w);
    enters(&w, bob, "den");
    for (unsigned n = 1; n < 7; n++) {
        send_text(&w, bob, "{\"action\":\"say\",\"value\":\"den\",\"payload\":%u}", n);
        hears(&w, bob);
    }
    stop(&w);
    start(&w, folder, 65536, 4, 4);
    bob = comes(&w);
    enters(&w, bob, "hall");
    w.spy.holds = true;
    size_t ann = comes(&w), eve = comes(&w);
    send_text(&w, ann, "{\"action\":\"enter\",\"value\":\"den\",\"limit\":1}");
    step(&w);
    send_text(&w, bob, "{\"action\":\"enter\",\"value\":\"den\",\"after\":5}");
    for (int i = 0; w.spy.held_count < 2 && i < 5000; i++) {
        step(&w);
        poll(NULL, 0, 1);
    }
    assert_int_equal(w.spy.held_count, 2);
    send_text(&w, eve, "{\"action\":\"say\",\"value\":\"den\",\"payload\":7}");
    for (int i = 0; i < 5000; i++) { /* until it is announced: then it is in memory */
        send_text(&w, eve, "{\"action\":\"history\",\"value\":\"den\",\"after\":6}");
        if (strstr(hears(&w, eve), "\"newest\":7"))
            break;
    }
    release(&w);
    expect(&w, ann, "{\"newest\":6,\"more\":1,\"entries\":[[6,1795467901000,\"\",\"\",6]]}");
    expect(&w, ann, "[7,1795467901000,\"\",\"\",7]");
    expect(&w, bob, "{\"newest\":6,\"more\":0,\"entries\":[[6,1795467901000,\"\",\"\",6]]}");
    expect(&w, bob, "[7,1795467901000,\"\",\"\",7]");
    send_text(&w, eve, "{\"action\":\"history\",\"value\":\"den\",\"limit\":2}");
    expect(&w, eve,
           "{\"newest\":7,\"more\":1,\"entries\":[[6,1795467901000,\"\",\"\",6],[7,1795467901000,\"\",\"\",7]]}");
    stop(&w);
}

static void recent_pages__of_a_new_room_show_nothing_of_the_old(void **state)
{
    struct world w;

    (void)state;
    start(&w, NULL, 65536, 4, 4);
    size_t bob = comes(&w), ann = comes(&w);
    enters(&w, bob, "den");
    for (unsigned n = 1; n < 4; n++) {
        send_text(&w, bob, "{\"action\":\"say\",\"value\":\"den\",\"payload\":%u}", n);
        hears(&w, bob);
    }
    send_text(&w, bob, "{\"action\":\"renew\",\"value\":\"den\"}"); /* all of it in one step */
    send_text(&w, ann, "{\"action\":\"enter\",\"value\":\"den\"}");
    send_text(&w, bob, "{\"action\":\"say\",\"value\":\"den\",\"payload\":\"new\"}");
    expect(&w, ann, "{\"newest\":0,\"more\":0,\"entries\":[]}");
    expect(&w, ann, "[1,1795467901000,\"\",\"\",\"new\"]");
    send_text(&w, bob, "{\"action\":\"history\",\"value\":\"den\",\"limit\":3}");
    expect(&w, bob, "{\"newest\":1,\"more\":0,\"entries\":[[1,1795467901000,\"\",\"\",\"new\"]]}");
    send_text(&w, bob, "{\"action\":\"history\",\"value\":\"den\",\"after\":1}");
    expect(&w, bob, "{\"newest\":1,\"more\":0,\"entries\":[]}");
    for (unsigned n = 2; n < 4; n++)
        send_text(&w, bob, "{\"action\":\"say\",\"value\":\"den\",\"payload\":\"new\"}");
    send_text(&w, bob, "{\"action\":\"history\",\"value\":\"den\",\"after\":2}");
    expect(&w, bob, "{\"newest\":3,\"more\":0,\"entries\":[[3,1795467901000,\"\",\"\",\"new\"]]}");
    assert_int_equal(w.spy.reads, 0);
    stop(&w);
}

/* ---- reads that go wrong ---- */

/* Five entries in the den, of which nothing is in memory any more: so much was said elsewhere. */
static size_t prepare_a_cold_den(struct world *w, unsigned pages)
{
    size_t bob;

    start(w, NULL, 6144, 8, pages);
    w->spy.remembers = true;
    bob = comes(w);
    enters(w, bob, "den");
    for (unsigned n = 1; n <= 5; n++) {
        send_text(w, bob, "{\"action\":\"say\",\"value\":\"den\",\"payload\":%u}", n);
        hears(w, bob);
    }
    for (unsigned n = 0; n < 50; n++) {
        char room[16];

        snprintf(room, sizeof room, "room%u", n);
        enters(w, bob, room);
        send_text(w, bob, "{\"action\":\"say\",\"value\":\"%s\",\"payload\":0}", room);
        hears(w, bob);
    }
    assert_int_equal(w->spy.reads, 0);
    return bob;
}

static const char all_five[] = "{\"newest\":5,\"more\":0,\"entries\":[[1,1795467901000,\"\",\"\",1],"
                               "[2,1795467901000,\"\",\"\",2],[3,1795467901000,\"\",\"\",3],"
                               "[4,1795467901000,\"\",\"\",4],[5,1795467901000,\"\",\"\",5]]}";
static const char last_two[] = "{\"newest\":5,\"more\":1,\"entries\":[[4,1795467901000,\"\",\"\",4],"
                               "[5,1795467901000,\"\",\"\",5]]}";
static const char no_rows[] = "{\"newest\":5,\"more\":1,\"entries\":[]}";

/* The page is what could be read; the next one is whole, and the one after that needs no store. */
static void expect_no_poison(struct world *w, const char *page)
{
    size_t ann = comes(w), bob = comes(w), eve = comes(w);

    assert_string_equal(enters(w, ann, "den"), page);
    assert_int_equal(w->spy.reads, 1);
    assert_string_equal(enters(w, bob, "den"), all_five);
    assert_int_equal(w->spy.reads, 2);
    assert_string_equal(enters(w, eve, "den"), all_five);
    assert_int_equal(w->spy.reads, 2);
    send_text(w, ann, "{\"action\":\"say\",\"value\":\"den\",\"payload\":6}");
    expect(w, ann, "[6,1795467901000,\"\",\"\",6]");
    expect(w, bob, "[6,1795467901000,\"\",\"\",6]");
    stop(w);
}

static void recent_pages__a_failed_read_leaves_nothing(void **state)
{
    struct world w;

    (void)state;
    prepare_a_cold_den(&w, 4);
    w.spy.failure = CHATROOM_EIO;
    expect_no_poison(&w, no_rows);
    prepare_a_cold_den(&w, 4);
    w.spy.failure = CHATROOM_EIO;
    w.spy.rows = 3; /* of no use: nothing says that they are right */
    expect_no_poison(&w, no_rows);
}

static void recent_pages__a_damaged_read_leaves_what_was_well(void **state)
{
    struct world w;

    (void)state;
    prepare_a_cold_den(&w, 4);
    w.spy.failure = CHATROOM_ECORRUPT;
    expect_no_poison(&w, no_rows);
    for (int i = 0; i < 2; i++) {
        prepare_a_cold_den(&w, 4);
        w.spy.rows = 2;
        w.spy.failure = i == 0 ? CHATROOM_ECORRUPT : CHATROOM_OK;
        w.spy.scrambles = i == 1;
        expect_no_poison(&w, last_two);
    }
}

/* A store may have read the room that followed. */
static void recent_pages__a_page_of_another_epoch_is_not_kept(void **state)
{
    struct world w;

    (void)state;
    prepare_a_cold_den(&w, 4);
    w.spy.epoch++;
    w.spy.rows = 5;
    w.spy.failure = CHATROOM_ECORRUPT;
    expect_no_poison(&w, no_rows);
}

/* ---- turns ---- */

static void recent_pages__wait_for_no_turn(void **state)
{
    struct world w;
    size_t bob, ann, eve;

    (void)state;
    prepare_a_cold_den(&w, 1);
    ann = comes(&w);
    bob = comes(&w);
    eve = comes(&w);
    w.spy.holds = true;
    send_text(&w, ann, "{\"action\":\"enter\",\"value\":\"den\"}");
    step(&w);
    assert_int_equal(w.spy.held_count, 1);
    assert_string_equal(enters(&w, bob, "room49"),
                        "{\"newest\":1,\"more\":0,\"entries\":[[1,1795467901000,\"\",\"\",0]]}");
    send_text(&w, eve, "{\"action\":\"enter\",\"value\":\"den\"}");
    step(&w);
    assert_int_equal(wire_queued(w.wire, eve), 0); /* waits for its turn */
    release(&w);
    expect(&w, ann, all_five);
    expect(&w, eve, all_five);
    assert_int_equal(w.spy.reads, 1); /* the first read for both */
    stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recent_pages__are_those_of_the_memory_store),
        cmocka_unit_test_setup_teardown(recent_pages__are_those_of_the_lmdb_store, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(recent_pages__of_a_trimmed_log_are_those_of_the_store, make_folder,
                                        remove_folder),
        cmocka_unit_test(recent_pages__who_joins_an_active_room_reads_nothing),
        cmocka_unit_test_setup_teardown(recent_pages__P2_what_is_said_while_the_store_reads_comes_once, make_folder,
                                        remove_folder),
        cmocka_unit_test(recent_pages__of_a_new_room_show_nothing_of_the_old),
        cmocka_unit_test(recent_pages__a_failed_read_leaves_nothing),
        cmocka_unit_test(recent_pages__a_damaged_read_leaves_what_was_well),
        cmocka_unit_test(recent_pages__a_page_of_another_epoch_is_not_kept),
        cmocka_unit_test(recent_pages__wait_for_no_turn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
