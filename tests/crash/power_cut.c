/*
 * power_cut.c: F02. Workloads on an lmdb store are recorded, writes and syncs; then every first part of each record is
 * left on a disk in many ways that a power cut allows. Each is opened: all that was acknowledged must be there, once
 * and in order, and nothing else but whole tickets that were under way; and the store must go on from there.
 *
 *     power_cut [--states N] [--seed S] [--workers N] [--ignore-syncs]
 *
 * With --ignore-syncs the disk lies about syncs, and at least half of the states must be found bad.
 */
#include "disk.h"
#include "drive.h"
#include "store_folder.h"

#include <chatroom/backend/lmdb.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS_MOST  64
#define STATE_SECONDS 20

static struct {
    unsigned long states;
    uint64_t seed;
    unsigned workers;
    bool ignores_syncs;
} options = {.states = 400, .seed = 1};

static char base[128]; /* the folder of everything, on a disk in memory if there is one */

/* Between the processes. */
static struct tally {
    atomic_ulong states, bad, refused_unborn;
    atomic_ulong at[WORKERS_MOST]; /* the state that each worker is at */
} * tally;

/* ---- a workload
 * ------------------------------------------------------------------------------------------------------ */

struct workload {
    uint64_t seed;
    struct model_ticket *tickets;
    size_t count;
    uint64_t *digests; /* of the model after so many tickets */
    bool after_crash;  /* it began with what another power cut had left: these files, and the first of the tickets */
    struct disk_content files[DISK_FILES];
    size_t before;
    struct disk_record record;
};

static void die(const char *why)
{
    fprintf(stderr, "power_cut: %s\n", why);
    exit(1);
}

static void note_told(const struct port_call *call)
{
    (void)call;
    disk_record_note(DISK_TOLD);
}

static void *grown(void *list, size_t count, size_t size)
{
    list = realloc(list, count * size);
    if (!list)
        abort();
    return list;
}

/* Draws some tickets and does them; the digest after each is what a crash may leave. */
static void do_burst(struct workload *w, struct drive *drive, struct model *model, struct rnd *random, size_t count)
{
    struct model before = {0};
    const char *wrong;

    w->tickets = grown(w->tickets, w->count + count, sizeof *w->tickets);
    w->digests = grown(w->digests, w->count + count + 1, sizeof *w->digests);
    for (size_t i = 0; i < count; i++) {
        w->tickets[w->count + i] = model_draw(model, random);
        disk_record_note(DISK_ASKED);
    }
    wrong = drive_tickets(drive, model, &w->tickets[w->count], count);
    if (wrong)
        die(wrong);
    w->count += count;
    for (size_t i = 0; i <= w->count; i++) {
        if (i + count >= w->count)
            w->digests[i] = model_digest(&before);
        if (i < w->count)
            model_apply(&before, &w->tickets[i]);
    }
    model_free(&before);
}

/* From opening to closing. Some last until the index is written by its timer, some until there is much to index. */
static void do_life(struct workload *w, struct model *model, struct rnd *random, const char *folder)
{
    struct drive drive;
    unsigned bursts = 2 + rnd_below(random, 8), wait = rnd_below(random, 12);
    unsigned large = rnd_below(random, 24);

    if (drive_open(&drive, folder))
        die("a store could not be opened");
    disk_record_note(DISK_OPENED);
    for (unsigned i = 0; i < bursts; i++)
        do_burst(w, &drive, model, random, 1 + rnd_below(random, large == 0 ? 200 : 8));
    if (wait == 0) {
        usleep(1100000);
        do_burst(w, &drive, model, random, 2);
    }
    drive_close(&drive);
}

/* The disk when the record begins. */
static void begin_image(const struct workload *w, struct disk_image *image)
{
    *image = (struct disk_image){0};
    if (!w->after_crash)
        return;
    disk_image_begin(image, w->files);
    image->opened = true;
    image->asked = image->told = w->before;
}

/* What was recorded is what is there, byte for byte; else something wrote past the record. */
static void expect_complete(const struct workload *w, const char *folder)
{
    struct disk_image image;
    struct disk_content data;
    char path[160], *bytes;
    struct stat status;
    int fd;

    begin_image(w, &image);
    for (size_t i = 0; i < w->record.count; i++)
        disk_image_step(&image, &w->record.events[i]);
    disk_image_all(&image, &data);
    snprintf(path, sizeof path, "%s/data.mdb", folder);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) || (size_t)status.st_size != data.size)
        die("the record has another size than the file");
    bytes = mmap(NULL, data.size, PROT_READ, MAP_SHARED, fd, 0);
    if (bytes == MAP_FAILED || memcmp(bytes, data.bytes, data.size < data.capacity ? data.size : data.capacity) != 0)
        die("the record has other bytes than the file");
    munmap(bytes, data.size);
    close(fd);
    free(data.bytes);
    disk_image_free(&image);
}

/* How many tickets the state holds; SIZE_MAX: no number fits. */
static size_t find_prefix(const struct workload *w, const struct disk_image *image, uint64_t digest)
{
    size_t count = image->told;

    while (count <= image->asked && w->digests[count] != digest)
        count++;
    return count <= image->asked ? count : SIZE_MAX;
}

static void model_after(const struct workload *w, size_t count, struct model *ret_model)
{
    *ret_model = (struct model){.next_number = 1u << 30};
    for (size_t i = 0; i < count; i++)
        model_apply(ret_model, &w->tickets[i]);
}

/* How many tickets a state holds, without a change to it. */
static size_t count_tickets(const struct workload *w, const struct disk_image *image)
{
    char folder[140];
    struct drive drive;
    uint64_t digest;

    snprintf(folder, sizeof folder, "%s/looked-at", base);
    mkdir(folder, 0700);
    disk_files_make(w->files, folder);
    if (drive_open(&drive, folder) || drive_digest(&drive, &digest))
        die("what a power cut left cannot be opened");
    drive_close(&drive);
    store_folder_remove(folder);
    return find_prefix(w, image, digest);
}

/* Cuts the power somewhere in the record, and begins a new one on what that leaves. */
static void begin_after_crash(struct workload *w, struct model *model, struct rnd *random, const char *folder)
{
    struct disk_image image;
    size_t last = rnd_below(random, (unsigned)w->record.count);
    uint64_t next_number = model->next_number;

    begin_image(w, &image);
    for (size_t at = 0; at <= last || !image.opened; at++)
        disk_image_step(&image, &w->record.events[at]);
    disk_files_free(w->files);
    disk_image_draw(&image, random, w->files);
    w->before = count_tickets(w, &image);
    if (w->before == SIZE_MAX)
        die("what a power cut left is not what was acknowledged");
    disk_image_free(&image);
    while (w->count > w->before)
        model_ticket_free(&w->tickets[--w->count]);
    model_free(model);
    model_after(w, w->count, model);
    model->next_number = next_number;
    disk_record_free(&w->record);
    store_folder_remove(folder);
    mkdir(folder, 0700);
    disk_files_make(w->files, folder);
    w->after_crash = true;
}

static void workload_record(struct workload *w, uint64_t seed)
{
    struct rnd random = rnd_new(seed, 0);
    struct model model = {.next_number = 1};
    unsigned lives = 1 + rnd_below(&random, 3);
    char folder[140];

    *w = (struct workload){.seed = seed};
    snprintf(folder, sizeof folder, "%s/recorded", base);
    disk_record_start(&w->record, folder);
    port_heard = note_told;
    while (lives-- > 0)
        do_life(w, &model, &random, folder);
    disk_record_stop();
    for (unsigned crashes = rnd_below(&random, 3); crashes > 0; crashes--) {
        begin_after_crash(w, &model, &random, folder);
        disk_record_start(&w->record, folder);
        do_life(w, &model, &random, folder);
        disk_record_stop();
    }
    port_heard = NULL;
    expect_complete(w, folder);
    store_folder_remove(folder);
    model_free(&model);
}

static void workload_free(struct workload *w)
{
    for (size_t i = 0; i < w->count; i++)
        model_ticket_free(&w->tickets[i]);
    free(w->tickets);
    free(w->digests);
    disk_files_free(w->files);
    disk_record_free(&w->record);
}

/* ---- one state
 * ------------------------------------------------------------------------------------------------------- */

static const char *write_on(struct drive *drive, struct model *model, struct rnd *random)
{
    struct model_ticket tickets[6];
    const char *wrong;

    for (size_t i = 0; i < 6; i++)
        tickets[i] = model_draw(model, random);
    wrong = drive_tickets(drive, model, tickets, 6);
    for (size_t i = 0; i < 6; i++)
        model_ticket_free(&tickets[i]);
    return wrong;
}

static const char *look_again(const char *folder, const struct model *model)
{
    struct drive drive;
    uint64_t digest;
    const char *wrong = "what was written afterwards cannot be opened";

    if (drive_open(&drive, folder) == CHATROOM_OK) {
        wrong = drive_digest(&drive, &digest);
        if (!wrong && digest != model_digest(model))
            wrong = "what was written afterwards is not there";
    }
    drive_close(&drive);
    return wrong;
}

static const char *go_on_from(const struct workload *w, struct drive *drive, size_t prefix, struct rnd *random,
                              const char *folder)
{
    struct model model;
    const char *wrong;

    model_after(w, prefix, &model);
    wrong = write_on(drive, &model, random);
    drive_close(drive);
    if (!wrong)
        wrong = look_again(folder, &model);
    model_free(&model);
    return wrong;
}

/* A power cut damages nothing: who looks before opening finds a sound store. */
static bool looks_sound(const char *folder)
{
    struct chatroom_lmdb_report report = CHATROOM_LMDB_REPORT;

    return chatroom_lmdb_verify(folder, CHATROOM_LMDB_RECORDS, 0, &report, NULL) == CHATROOM_OK && report.damaged == 0;
}

static const char *try_state(const struct workload *w, const struct disk_image *image, struct rnd *random,
                             const char *folder)
{
    struct drive drive;
    uint64_t digest;
    const char *wrong;
    size_t prefix;
    bool sound = looks_sound(folder);
    int rc = drive_open(&drive, folder);

    if (rc) {
        drive_close(&drive);
        if (rc != CHATROOM_EFORMAT || image->opened)
            return "it cannot be opened";
        tally->refused_unborn++; /* cut while it was being made; the sentence says so, and nothing is lost */
        return NULL;
    }
    wrong = sound ? drive_digest(&drive, &digest) : "it looks damaged";
    prefix = wrong ? SIZE_MAX : find_prefix(w, image, digest);
    if (prefix != SIZE_MAX)
        return go_on_from(w, &drive, prefix, random, folder);
    drive_close(&drive);
    return wrong ? wrong : "what was acknowledged is not there, or something else is";
}

/* ---- all states of a workload
 * ---------------------------------------------------------------------------------------- */

/* Notes that follow at once belong to the same moment: more is promised, and the disk is the same. */
static bool is_crash_point(const struct workload *w, size_t at)
{
    return at + 1 == w->record.count || w->record.events[at + 1].kind < DISK_OPENED;
}

static void report_bad(const struct workload *w, size_t at, unsigned draw, const char *wrong)
{
    if (tally->bad++ < 10 && !options.ignores_syncs)
        fprintf(stderr, "power_cut: bad state: workload %llu, after event %zu, draw %u: %s\n",
                (unsigned long long)w->seed, at, draw, wrong);
}

/* A worker's share: every so-many-th state from number first on. Returns when all are done. */
static void explore(const struct workload *w, unsigned draws, unsigned worker, unsigned long first)
{
    struct disk_image image;
    unsigned long number = 0;
    char folder[140];

    begin_image(w, &image);
    image.ignores_syncs = options.ignores_syncs;
    snprintf(folder, sizeof folder, "%s/worker-%u", base, worker);
    for (size_t at = 0; at < w->record.count; at++) {
        disk_image_step(&image, &w->record.events[at]);
        for (unsigned draw = 0; draw < draws && is_crash_point(w, at); draw++, number++) {
            struct rnd random = rnd_new(w->seed, (uint64_t)at << 16 | draw);
            struct disk_content files[DISK_FILES];
            const char *wrong;

            if (number < first || number % options.workers != worker)
                continue;
            tally->at[worker] = number;
            alarm(STATE_SECONDS);
            mkdir(folder, 0700);
            disk_image_draw(&image, &random, files);
            disk_files_make(files, folder);
            disk_files_free(files);
            wrong = try_state(w, &image, &random, folder);
            if (wrong)
                report_bad(w, at, draw, wrong);
            tally->states++;
        }
    }
    store_folder_remove(folder);
    _exit(0);
}

static pid_t start(const struct workload *w, unsigned draws, unsigned worker, unsigned long first)
{
    pid_t child;

    fflush(NULL);
    child = fork();
    if (child < 0)
        die("no process could be started");
    if (child == 0) {
        int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);

        if (options.ignores_syncs) /* what a broken tree makes LMDB say */
            dup2(quiet, STDERR_FILENO);
        explore(w, draws, worker, first);
    }
    return child;
}

/* A worker that ends by a signal, or by a sanitizer, has found a bad state; another goes on behind it. */
static void explore_all(const struct workload *w, unsigned draws)
{
    pid_t children[WORKERS_MOST];
    unsigned running = options.workers;

    for (unsigned i = 0; i < options.workers; i++)
        children[i] = start(w, draws, i, 0);
    while (running > 0) {
        int status;
        pid_t child = waitpid(-1, &status, 0);
        unsigned i = 0;

        while (i < options.workers && children[i] != child)
            i++;
        if (i == options.workers)
            continue;
        if (status != 0) {
            char text[80];

            snprintf(text, sizeof text, "it ended with %d, at state %lu of its workload", status, tally->at[i]);
            report_bad(w, 0, 0, text);
            tally->states++;
            children[i] = start(w, draws, i, tally->at[i] + 1);
        } else {
            running--;
        }
    }
}

static size_t crash_points(const struct workload *w)
{
    size_t count = 0;

    for (size_t at = 0; at < w->record.count; at++)
        count += is_crash_point(w, at);
    return count;
}

/* ---- program
 * --------------------------------------------------------------------------------------------------------- */

static void read_options(int argc, char **argv)
{
    static const struct option names[] = {{"states", required_argument, NULL, 'n'},
                                          {"seed", required_argument, NULL, 's'},
                                          {"workers", required_argument, NULL, 'w'},
                                          {"ignore-syncs", no_argument, NULL, 'i'},
                                          {NULL, 0, NULL, 0}};
    int option;

    options.workers = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (option == 'n')
            options.states = strtoul(optarg, NULL, 10);
        else if (option == 's')
            options.seed = strtoull(optarg, NULL, 10);
        else if (option == 'w')
            options.workers = (unsigned)strtoul(optarg, NULL, 10);
        else if (option == 'i')
            options.ignores_syncs = true;
        else
            exit(2);
    }
    if (options.workers == 0 || options.workers > WORKERS_MOST)
        options.workers = 1;
}

/* Syncs cost nothing in memory, and nothing here depends on what they do. */
static void make_base(void)
{
    const char *place = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : getenv("TMPDIR");

    snprintf(base, sizeof base, "%.60s/chatroom-crash-XXXXXX", place ? place : "/tmp");
    if (!mkdtemp(base))
        die("there is no place for a folder");
    tally = mmap(NULL, sizeof *tally, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (tally == MAP_FAILED)
        die("there is no memory");
}

/* Each prefix is met at least this often. */
#define DRAWS 8

int main(int argc, char **argv)
{
    unsigned workloads = 0;

    read_options(argc, argv);
    make_base();
    for (uint64_t seed = options.seed; tally->states < options.states; seed++, workloads++) {
        struct workload w;
        size_t points;
        unsigned long left = options.states - tally->states;
        unsigned draws;

        workload_record(&w, seed);
        points = crash_points(&w);
        draws = left / points + 1 < DRAWS ? (unsigned)(left / points + 1) : DRAWS;
        explore_all(&w, draws);
        workload_free(&w);
    }
    rmdir(base);
    printf("F02: %lu states of %u workloads%s: %lu bad (%lu more were cut before the store was made, and refused)\n",
           tally->states, workloads, options.ignores_syncs ? ", syncs ignored" : "", tally->bad, tally->refused_unborn);
    if (options.ignores_syncs)
        return tally->bad * 2 < tally->states;
    return tally->bad != 0;
}
