/*
 * rot.c: F07, P7. A sound store is damaged, bit by bit, sector by sector, or cut, and then a server starts on it: it
 * lets a child look first, opens what is called sound, serves all of it, and writes on. It may refuse, and it may say
 * that something is lost. It may not end by a signal, serve anything else than what was stored, or leave something out
 * in silence.
 *
 *     rot [--flips N] [--seed S]
 *     rot --seed STORE --only DAMAGE     one of them again, and leaves the damaged store
 */
#include "drive.h"
#include "store_folder.h"

#include <chatroom/backend/lmdb.h>

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE         4096
#define SECTOR       512
#define FLIPS_EACH   250 /* of one store */
#define EXIT_OUTCOME 64  /* and above: what no sanitizer ends with */

/* How a server on a damaged store ends. */
enum outcome {
    SERVED,    /* the damage hit nothing that is there */
    NOTED,     /* the rest was served, and what is lost was said to be */
    NOT_SOUND, /* the child said so */
    REFUSED,   /* open() did */
    WRONG,
    CRASHED,
    OUTCOMES,
};

static const char *const outcome_names[OUTCOMES] = {"served whole",       "served but for lost records",
                                                    "found by the child", "refused by open",
                                                    "served wrong",       "ended by a signal"};

static char base[128], folder[140];
static long only = -1; /* the damage that is wanted alone */
static char *told;     /* what was wrong; between the processes */

static void die(const char *why)
{
    fprintf(stderr, "rot: %s\n", why);
    exit(1);
}

static enum outcome wrong(const char *what)
{
    snprintf(told, 256, "%s", what);
    return WRONG;
}

/* ---- a sound store
 * --------------------------------------------------------------------------------------------------- */

struct store {
    struct model model;
    char *bytes; /* what of the file was written */
    size_t used, size;
};

static void fill(struct model *model, struct rnd *random, unsigned tickets)
{
    struct drive drive;
    unsigned done = 0;

    if (drive_open(&drive, folder))
        die("the store cannot be made");
    while (done < tickets) {
        struct model_ticket some[20];
        const char *complaint;

        for (size_t i = 0; i < 20; i++)
            some[i] = model_draw(model, random);
        complaint = drive_tickets(&drive, model, some, 20);
        if (complaint)
            die(complaint);
        for (size_t i = 0; i < 20; i++)
            model_ticket_free(&some[i]);
        done += 20;
    }
    drive_close(&drive);
}

static void read_file(struct store *s)
{
    char path[160];
    struct stat status;
    int fd;

    snprintf(path, sizeof path, "%s/data.mdb", folder);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status))
        die("the store cannot be read");
    s->size = (size_t)status.st_size;
    s->used = s->size;
    s->bytes = malloc(s->size);
    if (!s->bytes || pread(fd, s->bytes, s->size, 0) != (ssize_t)s->size)
        die("the store cannot be read");
    close(fd);
    while (s->used > PAGE && s->bytes[s->used - 1] == 0)
        s->used--;
    s->used = (s->used + PAGE - 1) / PAGE * PAGE;
    s->bytes = realloc(s->bytes, s->used); /* every process that is forked has it */
    if (!s->bytes)
        die("there is no memory");
}

static void store_make(struct store *s, uint64_t seed)
{
    struct rnd random = rnd_new(seed, 0);

    *s = (struct store){.model = {.next_number = 1}};
    for (unsigned lives = 1 + rnd_below(&random, 3); lives > 0; lives--)
        fill(&s->model, &random, 60 + rnd_below(&random, 200));
    read_file(s);
}

/* ---- damage
 * ---------------------------------------------------------------------------------------------------------- */

static size_t somewhere(const struct store *s, struct rnd *random)
{
    size_t page = rnd_below(random, (unsigned)(s->used / PAGE)), lot = rnd_below(random, 10);

    if (lot == 0)
        page = rnd_below(random, 2); /* what all else hangs on */
    if (lot < 4)
        return page * PAGE + rnd_below(random, 64); /* where pages say what they are */
    return page * PAGE + rnd_below(random, PAGE);
}

static void put(int fd, const void *bytes, size_t size, size_t at)
{
    if (pwrite(fd, bytes, size, (off_t)at) != (ssize_t)size)
        die("the store cannot be damaged");
}

static void damage(const struct store *s, struct rnd *random, int fd)
{
    static const char zeros[PAGE];
    size_t at = somewhere(s, random), from = somewhere(s, random), lot = rnd_below(random, 20);
    char byte = s->bytes[at];

    if (lot < 12)
        byte ^= (char)(1u << rnd_below(random, 8));
    else
        byte = (char)rnd_below(random, 256);
    if (lot < 14)
        put(fd, &byte, 1, at);
    else if (lot == 14)
        put(fd, zeros, SECTOR, at / SECTOR * SECTOR);
    else if (lot == 15)
        put(fd, s->bytes + from / SECTOR * SECTOR, SECTOR, at / SECTOR * SECTOR);
    else if (lot == 16)
        put(fd, s->bytes + from / PAGE * PAGE, PAGE, at / PAGE * PAGE);
    else if (lot == 17)
        put(fd, zeros, PAGE, at / PAGE * PAGE);
    else if (ftruncate(fd, (off_t)(lot == 18 ? at : at / PAGE * PAGE)))
        die("the store cannot be cut");
}

static void write_damaged(const struct store *s, struct rnd *random)
{
    char path[160];
    int fd;

    snprintf(path, sizeof path, "%s/data.mdb", folder);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        die("the store cannot be written");
    put(fd, s->bytes, s->used, 0);
    if (ftruncate(fd, (off_t)s->size))
        die("the store cannot be written");
    damage(s, random, fd);
    close(fd);
}

/* ---- the server
 * ------------------------------------------------------------------------------------------------------ */

static const struct port_found *find(const struct port_found *list, size_t count, chatroom_span name)
{
    for (size_t i = 0; i < count; i++)
        if (chatroom_span_equal(chatroom_bytes(list[i].name, list[i].name_size), name))
            return &list[i];
    return NULL;
}

static bool is_value(const char *bytes, size_t size, uint64_t number)
{
    return chatroom_span_equal(chatroom_bytes(bytes, size), model_value(number));
}

/* A page from the start: what is there is right, and what is not is said to be damaged. */
static enum outcome check_rows(struct drive *drive, unsigned place, const struct model_room *room)
{
    enum outcome outcome = SERVED;
    struct port_call call;
    uint64_t seq = room->first;

    port_read_init(&call, CHATROOM_READ_FROM, "", 1, SIZE_MAX);
    call.ticket.read.room = model_room_name(place);
    if (drive->store.ops->read(drive->store.self, &call.ticket))
        return WRONG;
    port_wait(&call);
    for (size_t i = 0; i < call.row_count; i++, seq++)
        if (seq > room->count || call.rows[i].seq != seq ||
            !is_value(call.rows[i].bytes, call.rows[i].size, room->entries[seq - 1].number))
            outcome = wrong("an entry is another");
    if (outcome == SERVED && seq != room->count + 1)
        outcome = call.status == CHATROOM_ECORRUPT ? NOTED : wrong("entries are missing");
    port_call_fini(&call);
    return outcome;
}

static enum outcome check_room(struct drive *drive, const struct model *model, unsigned place)
{
    const struct model_room *room = &model->rooms[place];
    const struct port_found *found = find(drive->port.rooms, drive->port.room_count, model_room_name(place));

    if (!found || !room->exists)
        return (found != NULL) == room->exists ? SERVED : wrong("a room is missing");
    if (found->epoch != room->epoch || found->seq != room->count ||
        !is_value(found->record, found->record_size, room->record))
        return wrong("a room is another");
    return check_rows(drive, place, room);
}

static enum outcome check_session(struct drive *drive, const struct model *model, unsigned place)
{
    const struct port_found *found = find(drive->port.sessions, drive->port.session_count, model_session_id(place));

    if (!found)
        return model->sessions[place] ? wrong("a session is missing") : SERVED;
    return is_value(found->record, found->record_size, model->sessions[place]) ? SERVED : wrong("a session is another");
}

static enum outcome check_all(struct drive *drive, const struct model *model)
{
    enum outcome worst = SERVED;

    for (unsigned place = 0; place < MODEL_ROOMS; place++) {
        enum outcome outcome = check_room(drive, model, place);
        worst = outcome > worst ? outcome : worst;
    }
    for (unsigned place = 0; place < MODEL_SESSIONS; place++) {
        enum outcome outcome = check_session(drive, model, place);
        worst = outcome > worst ? outcome : worst;
    }
    return worst;
}

/* Enough to split pages and to use free ones again. What the store answers to one ticket more is its own affair. */
static bool write_on(struct drive *drive, struct model *model, struct rnd *random)
{
    for (unsigned i = 0; i < 8; i++) {
        struct model_ticket some[8];
        const char *complaint;

        for (size_t k = 0; k < 8; k++)
            some[k] = model_draw(model, random);
        complaint = drive_tickets(drive, model, some, 8);
        for (size_t k = 0; k < 8; k++)
            model_ticket_free(&some[k]);
        if (complaint)
            return false;
    }
    return true;
}

static enum outcome open_and_check(struct model *model, struct rnd *random, bool *ret_wrote)
{
    struct drive drive;
    enum outcome outcome = REFUSED;

    *ret_wrote = false;
    if (drive_open(&drive, folder) == CHATROOM_OK) {
        outcome = check_all(&drive, model);
        if (random && outcome < WRONG)
            *ret_wrote = write_on(&drive, model, random);
    }
    drive_close(&drive);
    return outcome;
}

static enum outcome serve(struct model *model, struct rnd *random)
{
    struct chatroom_lmdb_report quick = CHATROOM_LMDB_REPORT, full = CHATROOM_LMDB_REPORT;
    bool wrote, ignored;
    enum outcome outcome, later;

    if (chatroom_lmdb_verify(folder, CHATROOM_LMDB_STRUCTURE, 0, &quick, NULL) != CHATROOM_OK)
        return NOT_SOUND;
    if (chatroom_lmdb_verify(folder, CHATROOM_LMDB_RECORDS, 0, &full, NULL) != CHATROOM_OK)
        return wrong("a deeper look contradicts the quick one");
    outcome = open_and_check(model, random, &wrote);
    if ((outcome == NOTED || outcome == REFUSED) && full.damaged == 0)
        return wrong("it called every record sound");
    if (!wrote)
        return outcome;
    later = open_and_check(model, NULL, &ignored);
    return later > outcome ? later : outcome;
}

/* In a process of its own. */
static enum outcome serve_apart(struct store *s, struct rnd *random)
{
    pid_t child;
    int status;

    fflush(NULL);
    child = fork();
    if (child < 0)
        die("no process could be started");
    if (child == 0) {
        int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);

        dup2(quiet, STDERR_FILENO);
        alarm(30);
        _exit(EXIT_OUTCOME + (int)serve(&s->model, random));
    }
    if (waitpid(child, &status, 0) != child)
        die("a process was lost");
    if (!WIFEXITED(status) || WEXITSTATUS(status) < EXIT_OUTCOME || WEXITSTATUS(status) >= EXIT_OUTCOME + OUTCOMES)
        return CRASHED;
    return (enum outcome)(WEXITSTATUS(status) - EXIT_OUTCOME);
}

/* ---- program
 * --------------------------------------------------------------------------------------------------------- */

static void keep_damaged(const struct store *s, uint64_t seed)
{
    struct rnd random = rnd_new(seed, (uint64_t)only + 1);

    write_damaged(s, &random);
    printf("It is in %s.\n", folder);
    exit(0);
}

static void flip_some(uint64_t seed, unsigned count, unsigned long *outcomes)
{
    struct store s;

    store_make(&s, seed);
    if (serve_apart(&s, NULL) != SERVED)
        die("a sound store is not served");
    for (unsigned i = 0; i < count; i++) {
        struct rnd random = rnd_new(seed, i + 1);
        enum outcome outcome;

        if (only >= 0 && only != (long)i)
            continue;
        write_damaged(&s, &random);
        outcome = serve_apart(&s, &random);
        outcomes[outcome]++;
        if (outcome >= WRONG)
            fprintf(stderr, "rot: store %llu, damage %u: %s: %s\n", (unsigned long long)seed, i, outcome_names[outcome],
                    told);
    }
    if (only >= 0)
        keep_damaged(&s, seed);
    free(s.bytes);
    model_free(&s.model);
    store_folder_remove(folder);
}

static void make_base(void)
{
    const char *place = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : getenv("TMPDIR");

    snprintf(base, sizeof base, "%.60s/chatroom-rot-XXXXXX", place ? place : "/tmp");
    if (!mkdtemp(base))
        die("there is no place for a folder");
    snprintf(folder, sizeof folder, "%s/store", base);
    told = mmap(NULL, 256, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (told == MAP_FAILED)
        die("there is no memory");
}

int main(int argc, char **argv)
{
    static const struct option names[] = {{"flips", required_argument, NULL, 'n'},
                                          {"seed", required_argument, NULL, 's'},
                                          {"only", required_argument, NULL, 'o'},
                                          {NULL, 0, NULL, 0}};
    unsigned long outcomes[OUTCOMES] = {0}, flips = 200;
    uint64_t seed = 1;
    int option;

    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (option == 'n')
            flips = strtoul(optarg, NULL, 10);
        else if (option == 's')
            seed = strtoull(optarg, NULL, 10);
        else if (option == 'o')
            only = strtol(optarg, NULL, 10);
        else
            return 2;
    }
    make_base();
    for (unsigned long done = 0; done < flips; done += FLIPS_EACH)
        flip_some(seed++, (unsigned)(flips - done < FLIPS_EACH ? flips - done : FLIPS_EACH), outcomes);
    rmdir(base);
    printf("F07: %lu times damaged:", flips);
    for (int i = 0; i < OUTCOMES; i++)
        printf(" %lu %s%s", outcomes[i], outcome_names[i], i + 1 < OUTCOMES ? "," : "\n");
    return outcomes[WRONG] || outcomes[CRASHED] || outcomes[NOT_SOUND] == 0;
}
