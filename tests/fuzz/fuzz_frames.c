/*
 * Any octets as what a client sends after the handshake. The first says how the rest is cut; whole, so that complete
 * frames take the fast path, octet by octet, so that none does, and cut like that, the same must come out.
 */
#include "fuzz.h"

#include "ws_epoll/assembler.h"

#include <chatroom/utf8.h>

/* Small enough to be reached. */
static const struct ws_limits limits = {2048, 1024, 8};

/* What came out, written one behind the other. */
struct account {
    uint8_t *bytes;
    size_t size;
    size_t capacity;
    bool over;
};

static void write_down(struct account *account, const void *bytes, size_t size)
{
    if (account->capacity - account->size < size) {
        account->capacity = (account->size + size) * 2;
        account->bytes = realloc(account->bytes, account->capacity);
        REQUIRE(account->bytes != NULL);
    }
    if (size > 0)
        memcpy(account->bytes + account->size, bytes, size);
    account->size += size;
}

static void check(const struct ws_event *event)
{
    if (event->kind == WS_MESSAGE) {
        REQUIRE(event->bytes.size <= limits.message_bytes);
        REQUIRE(event->message != CHATROOM_TEXT_MESSAGE || chatroom_utf8_valid(event->bytes));
    } else if (event->kind == WS_FAIL) {
        REQUIRE(event->code == 1002 || event->code == 1007 || event->code == 1009);
    } else {
        REQUIRE(event->bytes.size <= WS_CONTROL_MOST);
    }
}

static void feed(struct ws_assembler *assembler, struct ws_readers *readers, struct account *account,
                 const uint8_t *octets, size_t size)
{
    uint8_t *copy = malloc(size);
    struct ws_input input = {copy, copy + size};
    struct ws_event event;

    REQUIRE(copy != NULL);
    memcpy(copy, octets, size);
    do {
        const uint8_t *before = input.at;

        ws_assembler_next(assembler, readers, &limits, &input, &event);
        REQUIRE(event.kind == WS_MORE || event.kind == WS_FAIL || input.at > before);
        if (event.kind == WS_MORE)
            break;
        check(&event);
        write_down(account, &event.kind, sizeof event.kind);
        if (event.kind == WS_MESSAGE)
            write_down(account, &event.message, sizeof event.message);
        if (event.kind == WS_FAIL || event.kind == WS_CLOSE)
            write_down(account, &event.code, sizeof event.code);
        write_down(account, &event.bytes.size, sizeof event.bytes.size);
        write_down(account, event.bytes.bytes, event.bytes.size);
        account->over = event.kind == WS_FAIL || event.kind == WS_CLOSE;
    } while (!account->over);
    free(copy);
}

static struct account run(const uint8_t *octets, size_t size, size_t piece)
{
    struct ws_assembler assembler = {0};
    struct ws_readers readers = {0};
    struct account account = {0};

    for (size_t at = 0; at < size && !account.over; at += piece)
        feed(&assembler, &readers, &account, octets + at, size - at < piece ? size - at : piece);
    ws_assembler_fini(&assembler, &readers);
    ws_readers_fini(&readers);
    return account;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct account whole, cut;
    size_t pieces[2] = {1, 0};

    if (size < 2)
        return 0;
    pieces[1] = (size_t)bytes[0] + 2;
    whole = run(bytes + 1, size - 1, size);
    for (size_t i = 0; i < 2; i++) {
        cut = run(bytes + 1, size - 1, pieces[i]);
        REQUIRE(cut.size == whole.size && (cut.size == 0 || memcmp(cut.bytes, whole.bytes, cut.size) == 0));
        free(cut.bytes);
    }
    free(whole.bytes);
    return 0;
}
