/*
 * Frames of a client, taken by our assembler and by wslay's event layer, of which we use no line (F54): the same
 * messages, pings, pongs and closes come out, and the same end with the same code. Behind the input stand zeros, so
 * that no header is left half read. They are known to differ in this:
 *   - wslay refuses close codes 1012 to 1014, which IANA has registered since;
 *   - what its frame layer refuses, wslay closes without a code (1005), we with 1002;
 *   - of a Close whose code and reason are both wrong, wslay judges the reason first (1007), we the code (1002);
 *   - a Close of one octet, which is half a code, is none for us.
 */
#include "fuzz.h"

#include "ws_epoll/assembler.h"

#include <wslay/wslay.h>

#include <string.h>

enum { MOST = 2048, ZEROS = 160, EVENTS = 512 };

static const struct ws_limits limits = {MOST, MOST, SIZE_MAX};

/* What came out: of each event its opcode and a sum of its payload; 0 and a code is the end. */
struct account {
    struct {
        uint8_t opcode;
        uint64_t sum;
        size_t size;
    } events[EVENTS];
    size_t count;
    unsigned close_code; /* ours alone */
    unsigned failed;     /* with this code; 0: not */
    bool over;
};

static void note(struct account *account, uint8_t opcode, chatroom_span bytes)
{
    static const uint8_t key[16] = "frames";

    if (account->over || account->count == EVENTS)
        return;
    account->events[account->count].opcode = opcode;
    account->events[account->count].size = bytes.size;
    account->events[account->count++].sum = bytes.size > 0 ? chatroom_hash(key, bytes.bytes, bytes.size) : 0;
    account->over = opcode == WSLAY_CONNECTION_CLOSE;
}

/* ---- ours ---- */

static uint8_t opcode_of(const struct ws_event *event)
{
    switch (event->kind) {
    case WS_MESSAGE:
        return event->message == CHATROOM_TEXT_MESSAGE ? WSLAY_TEXT_FRAME : WSLAY_BINARY_FRAME;
    case WS_PING:
        return WSLAY_PING;
    case WS_PONG:
        return WSLAY_PONG;
    default:
        return WSLAY_CONNECTION_CLOSE;
    }
}

static void run_ours(uint8_t *bytes, size_t size, struct account *account)
{
    struct ws_assembler assembler = {0};
    struct ws_readers readers = {0};
    struct ws_input input = {bytes, bytes + size};
    struct ws_event event;

    do {
        ws_assembler_next(&assembler, &readers, &limits, &input, &event);
        REQUIRE(event.kind != WS_NO_MEMORY);
        if (event.kind == WS_FAIL)
            account->failed = event.code;
        if (event.kind == WS_CLOSE)
            account->close_code = event.code;
        if (event.kind != WS_FAIL && event.kind != WS_MORE && event.kind != WS_FRAGMENT)
            note(account, opcode_of(&event), event.bytes);
    } while (event.kind != WS_MORE && event.kind != WS_FAIL && event.kind != WS_CLOSE);
    ws_assembler_fini(&assembler, &readers);
    ws_readers_fini(&readers);
}

/* ---- wslay's ---- */

struct theirs {
    const uint8_t *at, *end;
    struct account *account;
};

static ssize_t give(wslay_event_context_ptr context, uint8_t *to, size_t size, int flags, void *arg)
{
    struct theirs *t = arg;
    size_t there = (size_t)(t->end - t->at), part = size < there ? size : there;

    (void)flags;
    if (part == 0) {
        wslay_event_set_error(context, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    memcpy(to, t->at, part);
    t->at += part;
    return (ssize_t)part;
}

/* What it would answer is of no interest. */
static ssize_t swallow(wslay_event_context_ptr context, const uint8_t *data, size_t size, int flags, void *arg)
{
    (void)context, (void)data, (void)flags, (void)arg;
    return (ssize_t)size;
}

static void hear(wslay_event_context_ptr context, const struct wslay_event_on_msg_recv_arg *message, void *arg)
{
    struct theirs *t = arg;
    size_t code = message->opcode == WSLAY_CONNECTION_CLOSE && message->msg_length >= 2 ? 2 : 0;

    (void)context;
    note(t->account, message->opcode,
         chatroom_bytes(code ? message->msg + code : message->msg, message->msg_length - code));
}

static void run_theirs(const uint8_t *bytes, size_t size, struct account *account)
{
    static const struct wslay_event_callbacks callbacks = {
        .recv_callback = give, .send_callback = swallow, .on_msg_recv_callback = hear};
    struct theirs theirs = {bytes, bytes + size, account};
    wslay_event_context_ptr context;

    REQUIRE(wslay_event_context_server_init(&context, &callbacks, &theirs) == 0);
    wslay_event_config_set_max_recv_msg_length(context, MOST);
    REQUIRE(wslay_event_recv(context) == 0 || wslay_event_get_read_enabled(context) == 0);
    REQUIRE(wslay_event_send(context) == 0);
    if (!account->over && wslay_event_get_close_sent(context))
        account->failed = wslay_event_get_status_code_sent(context);
    if (account->failed == WSLAY_CODE_NO_STATUS_RCVD)
        account->failed = WSLAY_CODE_PROTOCOL_ERROR;
    wslay_event_context_free(context);
}

/* ---- both ---- */

/* One took a Close that the other refused. */
static bool is_known_difference(const struct account *ours, const struct account *theirs)
{
    bool new_code = ours->over && ours->count == theirs->count + 1 && theirs->failed == WSLAY_CODE_PROTOCOL_ERROR;
    bool half_code = theirs->over && theirs->count == ours->count + 1 && ours->failed == WSLAY_CODE_PROTOCOL_ERROR &&
                     theirs->events[ours->count].size == 1;

    bool both_wrong = ours->failed == WSLAY_CODE_PROTOCOL_ERROR && ours->count == theirs->count &&
                      theirs->failed == WSLAY_CODE_INVALID_FRAME_PAYLOAD_DATA;

    return both_wrong || (new_code && ours->close_code >= 1012 && ours->close_code <= 1014) || half_code;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct account ours, theirs;
    uint8_t *copy = calloc(1, size + ZEROS);
    size_t both;

    REQUIRE(copy);
    memcpy(copy, bytes, size);
    memset(&ours, 0, sizeof ours);
    memset(&theirs, 0, sizeof theirs);
    run_theirs(copy, size + ZEROS, &theirs);
    run_ours(copy, size + ZEROS, &ours);
    both = ours.count < theirs.count ? ours.count : theirs.count;
    for (size_t i = 0; i < both; i++) {
        REQUIRE(ours.events[i].opcode == theirs.events[i].opcode && ours.events[i].size == theirs.events[i].size);
        REQUIRE(ours.events[i].sum == theirs.events[i].sum);
    }
    if (!is_known_difference(&ours, &theirs)) {
        REQUIRE(ours.count == theirs.count && ours.over == theirs.over);
        REQUIRE(ours.failed == theirs.failed);
    }
    free(copy);
    return 0;
}
