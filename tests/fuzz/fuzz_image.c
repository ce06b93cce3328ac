/*
 * A small store of the real backend, damaged (F07, F08). The first octet says how, the rest where:
 *   - patches of three octets, two for the place and one for what is turned there, inside values alone: what LMDB keeps
 *     of its own is whole. The start is refused, or all that is found is as it was and each room is served from its
 * first entry up to a damaged one, with ECORRUPT there.
 *   - the same anywhere in the file, in a child process. LMDB trusts its pages, so that a signal is possible there, but
 *     never wrong: whatever is found and served is as it was.
 *   - the file is cut. It is refused, or nothing that is in use was cut off.
 */
#include "fuzz.h"

#include "../conformance/store_port.h"

#include <chatroom/backend/lmdb.h>

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROOMS = 3, VALUES = 256, LONG = 6000 };
enum damage { IN_VALUES, ANYWHERE, CUT, DAMAGES };

static const char *const room_names[ROOMS] = {"hall", "den", "attic"};

/* What a start finds. */
struct found {
    int result;
    chatroom_store_port port;
    struct port_call pages[ROOMS];
};

/* The store as it should be. */
static struct {
    char *bytes;
    size_t size;
    struct {
        size_t at, size;
    } values[VALUES];
    size_t value_count, values_size;
    struct found found;
} image;

/* ---- a folder ---- */

static char folder[64];

static void make_folder(void)
{
    /* memory, if there is some: each input opens a store, which syncs */
    snprintf(folder, sizeof folder, "%s/fuzz-image-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    REQUIRE(mkdtemp(folder));
}

static void remove_folder(void)
{
    static const char *const names[] = {"data.mdb", "lock.mdb", "chatroom.lock"};
    char path[96];

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    REQUIRE(rmdir(folder) == 0);
}

static void put_file(const char *name, const char *bytes, size_t size)
{
    char path[96];
    int fd;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0 && write(fd, bytes, size) == (ssize_t)size && close(fd) == 0);
}

/* As a store leaves it that was there before: without the mark an empty file is a new one. */
static void put_store(const char *bytes, size_t size)
{
    put_file("data.mdb", bytes, size);
    put_file("chatroom.lock", "made", 4);
}

/* ---- opening and reading ---- */

static int open_store(struct chatroom_store *store, chatroom_store_port *port)
{
    struct chatroom_error error = {0};
    struct chatroom_lmdb_options options = CHATROOM_LMDB_OPTIONS;
    int result;

    options.map_bytes = 1 << 20;
    REQUIRE(chatroom_lmdb_store(folder, &options, store, NULL) == CHATROOM_OK);
    result = store->ops->open(store->self, port, &error);
    REQUIRE((result == CHATROOM_OK) == (error.text[0] == '\0'));
    return result;
}

static void look(struct found *found)
{
    struct chatroom_store store;

    memset(found, 0, sizeof *found);
    found->result = open_store(&store, &found->port);
    for (int i = 0; i < ROOMS && found->result == CHATROOM_OK; i++) {
        struct port_call *page = &found->pages[i];

        port_read_init(page, CHATROOM_READ_FROM, room_names[i], 1, SIZE_MAX);
        REQUIRE(store.ops->read(store.self, &page->ticket) == CHATROOM_OK);
        store.ops->flush(store.self);
        port_wait(page);
    }
    store.ops->close(store.self);
}

static void forget(struct found *found)
{
    for (int i = 0; i < ROOMS; i++)
        port_call_fini(&found->pages[i]);
    port_fini(&found->port);
}

/* ---- the store as it should be ---- */

static void do_write(struct chatroom_store *store, struct chatroom_write write)
{
    struct port_call call;

    port_write_init(&call, &write, 1);
    REQUIRE(store->ops->submit(store->self, &call.ticket) == CHATROOM_OK);
    store->ops->flush(store->self);
    port_wait(&call);
    REQUIRE(call.status == CHATROOM_OK);
}

static void append(struct chatroom_store *store, int room, unsigned count)
{
    static char value[LONG], once[16];

    for (unsigned i = 0; i < count; i++) {
        size_t size = i == 3 ? LONG : 40 + i; /* one that has pages of its own */
        int used = snprintf(once, sizeof once, "%d-%u-%u", room, count, i);

        memset(value, 'a' + room, sizeof value);
        memcpy(value, once, (size_t)used);
        do_write(store, (struct chatroom_write){.kind = CHATROOM_APPEND,
                                                .key = chatroom_str(room_names[room]),
                                                .value = chatroom_bytes(value, size),
                                                .once = chatroom_str(i % 2 ? once : "")});
    }
}

static void fill(struct chatroom_store *store)
{
    for (int i = 0; i < ROOMS; i++)
        do_write(store, (struct chatroom_write){.kind = CHATROOM_CREATE_ROOM,
                                                .key = chatroom_str(room_names[i]),
                                                .value = chatroom_str("record of a room")});
    do_write(store, (struct chatroom_write){.kind = CHATROOM_WRITE_SESSION,
                                            .key = chatroom_str("one"),
                                            .value = chatroom_str("a session")});
    append(store, 0, 30);
    append(store, 1, 4);
    do_write(store, (struct chatroom_write){.kind = CHATROOM_TRIM, .key = chatroom_str(room_names[0]), .seq = 3});
}

static void read_image(void)
{
    char path[96];
    struct stat status;
    FILE *file;

    snprintf(path, sizeof path, "%s/data.mdb", folder);
    file = fopen(path, "rbe");
    REQUIRE(file && fstat(fileno(file), &status) == 0);
    image.size = (size_t)status.st_size;
    image.bytes = malloc(image.size);
    REQUIRE(image.bytes && fread(image.bytes, 1, image.size, file) == image.size);
    fclose(file);
}

/* Begins with its checksum, so that it is found where it is. */
static void note_value(MDB_val value)
{
    char *there = memmem(image.bytes, image.size, value.mv_data, value.mv_size);

    REQUIRE(there && image.value_count < VALUES);
    image.values[image.value_count].at = (size_t)(there - image.bytes);
    image.values[image.value_count++].size = value.mv_size;
    image.values_size += value.mv_size;
}

static void note_table(MDB_txn *txn, const char *name)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    MDB_dbi dbi;

    REQUIRE(mdb_dbi_open(txn, name, 0, &dbi) == 0 && mdb_cursor_open(txn, dbi, &cursor) == 0);
    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0)
        note_value(value);
    mdb_cursor_close(cursor);
}

static void note_values(void)
{
    static const char *const tables[] = {"log", "index", "rooms", "trims", "sessions", "onces", "meta"};
    MDB_envinfo info;
    MDB_stat stat;
    MDB_env *env;
    MDB_txn *txn;

    REQUIRE(mdb_env_create(&env) == 0 && mdb_env_set_maxdbs(env, 8) == 0);
    REQUIRE(mdb_env_open(env, folder, MDB_RDONLY | MDB_NOLOCK, 0600) == 0);
    REQUIRE(mdb_env_info(env, &info) == 0 && mdb_env_stat(env, &stat) == 0);
    image.size = (info.me_last_pgno + 1) * stat.ms_psize; /* the file is longer than what is in use */
    REQUIRE(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) == 0);
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        note_table(txn, tables[i]);
    mdb_txn_abort(txn);
    mdb_env_close(env);
}

/* Closed once, so that there is an index, and copied while it is open, so that there is a tail. */
static void make_image(void)
{
    struct chatroom_store store;
    chatroom_store_port port = {0};

    make_folder();
    REQUIRE(open_store(&store, &port) == CHATROOM_OK);
    fill(&store);
    store.ops->close(store.self);
    port_fini(&port);
    REQUIRE(open_store(&store, &port) == CHATROOM_OK);
    append(&store, 1, 5);
    append(&store, 2, 6);
    do_write(&store, (struct chatroom_write){
                         .kind = CHATROOM_WRITE_SESSION, .key = chatroom_str("two"), .value = chatroom_str("another")});
    read_image();
    store.ops->close(store.self);
    port_fini(&port);
    put_store(image.bytes, image.size);
    note_values();
    put_store(image.bytes, image.size);
    look(&image.found);
    REQUIRE(image.found.result == CHATROOM_OK && image.found.port.room_count == ROOMS);
    REQUIRE(image.found.port.session_count == 2 && image.found.pages[0].row_count == 28);
    REQUIRE(image.found.pages[1].row_count == 9 && image.found.pages[2].row_count == 6);
    remove_folder();
}

/* ---- what must hold ---- */

static bool same_bytes(const char *a, size_t a_size, const char *b, size_t b_size)
{
    return chatroom_span_equal(chatroom_bytes(a, a_size), chatroom_bytes(b, b_size));
}

static bool same_found(const struct port_found *a, const struct port_found *b)
{
    return same_bytes(a->name, a->name_size, b->name, b->name_size) && a->epoch == b->epoch && a->seq == b->seq &&
           same_bytes(a->record, a->record_size, b->record, b->record_size) &&
           (!a->newest || !b->newest || same_bytes(a->newest, a->newest_size, b->newest, b->newest_size));
}

static bool was_found(const struct port_found *item, const struct port_found *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (same_found(item, &list[i]))
            return true;
    return false;
}

static bool all_were_found(const struct found *found)
{
    const chatroom_store_port *port = &found->port, *before = &image.found.port;

    for (size_t i = 0; i < port->room_count; i++)
        if (!was_found(&port->rooms[i], before->rooms, before->room_count))
            return false;
    for (size_t i = 0; i < port->session_count; i++)
        if (!was_found(&port->sessions[i], before->sessions, before->session_count))
            return false;
    return true;
}

/* Each row is one of those that are there, and they rise. Those that were trimmed may go, or be there still. */
static bool is_served_right(const struct port_call *page, const struct port_call *before)
{
    size_t at = 0;

    for (size_t i = 0; i < page->row_count; i++) {
        const struct port_row *row = &page->rows[i];

        if (row->seq < before->rows[0].seq)
            continue;
        while (at < before->row_count && before->rows[at].seq < row->seq)
            at++;
        if (at == before->row_count || before->rows[at].seq != row->seq ||
            !same_bytes(row->bytes, row->size, before->rows[at].bytes, before->rows[at].size))
            return false;
        at++;
    }
    return true;
}

static bool is_right(const struct found *found)
{
    bool right = all_were_found(found);

    for (int i = 0; i < ROOMS; i++)
        right = right && is_served_right(&found->pages[i], &image.found.pages[i]);
    return right;
}

static bool is_refusal(int result)
{
    return result == CHATROOM_ECORRUPT || result == CHATROOM_EFORMAT || result == CHATROOM_EIO;
}

/* What is not served ends its page, and is told. */
static void check_whole(const struct found *found)
{
    REQUIRE(found->port.room_count == ROOMS && found->port.session_count == image.found.port.session_count);
    for (int i = 0; i < ROOMS; i++) {
        const struct port_call *page = &found->pages[i], *before = &image.found.pages[i];

        REQUIRE(page->row_count == 0 || page->rows[0].seq == before->rows[0].seq);
        REQUIRE(page->row_count == 0 || page->rows[page->row_count - 1].seq == before->rows[page->row_count - 1].seq);
        REQUIRE(page->status == (page->row_count == before->row_count ? CHATROOM_OK : CHATROOM_ECORRUPT));
        REQUIRE(page->status == CHATROOM_OK || found->port.damaged > 0);
    }
}

static void check_here(void)
{
    struct found found;

    look(&found);
    REQUIRE(is_right(&found));
    if (found.result == CHATROOM_OK)
        check_whole(&found);
    else
        REQUIRE(is_refusal(found.result));
    forget(&found);
}

/* As quiet as it can be: what a sanitizer would say of a signal is no news. */
static void look_in_child(void)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
    const struct rlimit no_core = {0, 0};
    struct found found;

    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        signal(signals[i], SIG_DFL);
    setrlimit(RLIMIT_CORE, &no_core);
    alarm(20);
    REQUIRE(freopen("/dev/null", "w", stderr));
    look(&found);
    _exit(is_right(&found) ? 0 : 3);
}

static void check_in_child(void)
{
    pid_t child = fork();
    int status;

    if (child == 0)
        look_in_child();
    REQUIRE(child > 0 && TEMP_FAILURE_RETRY(waitpid(child, &status, 0)) == child);
    REQUIRE(!WIFEXITED(status) || WEXITSTATUS(status) != 3);
}

/* ---- damage ---- */

static size_t place_in_values(size_t number)
{
    size_t left = number % image.values_size, i = 0;

    while (left >= image.values[i].size)
        left -= image.values[i++].size;
    return image.values[i].at + left;
}

static void patch(char *bytes, enum damage damage, const uint8_t *at, const uint8_t *end)
{
    for (; end - at >= 3; at += 3) {
        size_t number = (size_t)at[0] << 8 | at[1];
        size_t place = damage == IN_VALUES ? place_in_values(number) : (number * 7) % image.size;

        bytes[place] = (char)(bytes[place] ^ at[2]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
    enum damage damage = size > 0 ? octets[0] % DAMAGES : IN_VALUES;
    size_t kept;
    char *bytes;

    if (!image.bytes)
        make_image();
    kept = damage == CUT && size >= 3 ? ((size_t)octets[1] << 8 | octets[2]) * 7 % image.size : image.size;
    bytes = malloc(image.size);
    REQUIRE(bytes);
    memcpy(bytes, image.bytes, image.size);
    if (damage != CUT && size > 0)
        patch(bytes, damage, octets + 1, octets + size);
    make_folder();
    put_store(bytes, kept);
    if (damage == ANYWHERE)
        check_in_child();
    else
        check_here();
    remove_folder();
    free(bytes);
    return 0;
}
