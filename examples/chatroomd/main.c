/*
 * chatroomd: a chat server with its web page, or a gateway to handlers elsewhere, on libchatroom's public API alone.
 *
 * Reads its options, puts a store, the WebSocket transport and the routes together, says what it does, and runs until a
 * signal ends it.
 */
#include "integrations.h"
#include "log.h"
#include "options.h"
#include "page.h"

#include <chatroom/backend/lmdb.h>
#include <chatroom/backend/memory.h>
#include <chatroom/backend/ws_epoll.h>
#ifdef CHATROOM_ICU
#include <chatroom/backend/names_icu.h>
#endif
#include <chatroom/chatroom.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* What a script can tell apart; --help and chatroomd(1) list them. */
enum exit_code {
    EXIT_DONE = 0,
    EXIT_OTHER = 1,
    EXIT_USAGE = 2,
    EXIT_ADDRESS_TAKEN = 3,
    EXIT_NO_ACCESS = 4,
    EXIT_STORE_IN_USE = 5,
    EXIT_STORE_FORMAT = 6,
    EXIT_STORE_DAMAGED = 7,
    EXIT_AT_ONCE = 8,
    EXIT_NO_SUCH_ADDRESS = 9,
    EXIT_ADDRESS_DENIED = 10,
};

static const char help[] =
    "chatroomd " CHATROOM_VERSION ", a chat server with its web page, and a WebSocket gateway\n"
    "\n"
    "chatroomd [OPTION]...\n"
    "\n"
    "  --config FILE        read options from an INI file, \"name = value\"; flags win. Its sections are the gateway:\n"
    "                       [route KEY], [management], [credential KEY] and others; see docs/operator.md\n"
    "  --listen ADDR:PORT   listen there (127.0.0.1:8080); port 0: any free one\n"
    "  --listen unix:PATH   ... or on a local socket; may be given several times\n"
    "  --origin ORIGIN      web pages from there may connect as well, such as https://chat.example; *: from anywhere\n"
    "  --data DIR           keep rooms and messages there (./chatroom-data)\n"
    "  --memory             keep them in memory, until the server ends\n"
    "  --durability WORD    commit: what was shown is on disk, even after a power cut (the default)\n"
    "                       async: a power cut may take the last second; none: everything since the start\n"
    "  --verify WORD        look at the data in a child process before opening it, so that damage cannot end the "
    "server.\n"
    "                       quick: its structure, for half a second at most (the default); full: and every record,\n"
    "                       however long that takes; off: do not\n"
    "  --reserve MIB        with less than that free on the disk of the data, refuse messages and rooms (64); 0: do "
    "not\n"
    "  --stage NAME         the WebSocket is at /NAME (development)\n"
    "  --mode WORD          full: names, rooms, history (the default); simple: one hall; both\n"
    "  --keep-empty-rooms   a room outlives its last member, with its history\n"
    "  --profile WORD       default, or aws: the quotas of Amazon API Gateway\n"
    "  --no-rate-limits     do not limit how fast clients connect, join, create and write\n"
    "  --threads N          spread the connections over so many threads; 0: none (the default)\n"
    "  --chat WORD          yes: the chat's routes and page are there; no: they are not. Unless said, no when the file "
    "has\n"
    "                       routes of its own, else yes\n"
    "  --route-selection EXPRESSION   what selects a route, $request.body.action unless said; without the chat\n"
    "  --api-id NAME, --region NAME, --account-id DIGITS   what events and policies call this API\n"
    "  --domain HOST        what events call this host, instead of what the client asked for\n"
    "  --secure             clients come by TLS, which a proxy ends: callback URLs are https, plain TCP is not warned "
    "of\n"
    "  --throttle RATE/BURST   connects and messages of all clients together, a second\n"
    "  --metrics PATH       answer GET PATH with counters for Prometheus\n"
    "  --access-log FORMAT  a line for each request, text with $context variables\n"
    "  --access-log-file FILE   append them there, instead of logging them\n"
    "  --debug-refusals     error messages to clients carry the exact cause\n"
    "  --log-level WORD     error, warn, info (the default) or debug, as JSON lines on standard error\n"
    "  --verify-store       look at all of the data, say whether it is sound, and end: nothing is changed\n"
    "  --check              say whether options and file are good, and end: nothing is opened\n"
    "  --version, --help\n"
    "\n"
    "SIGTERM, SIGINT or SIGHUP ends it: everybody is told, nothing acknowledged is lost. A second one ends it at "
    "once.\n"
    "\n"
    "Exit codes: 0 ended by a signal, in order, or sound, or good; 1 another failure; 2 a wrong option or value; 3 the "
    "address is taken;\n"
    "4 the data directory cannot be used; 5 the data is in use by another process; 6 the data is of another format;\n"
    "7 the data is damaged; 8 ended at once by a second signal; 9 the address is not one of this machine;\n"
    "10 the address is not permitted.\n";

#define QUICK_LOOK_MS 500

static const char cannot_print[] = "what was asked for could not be printed.";

struct server {
    struct options options;
    struct log log;
    struct page page;
    struct chatroom_transport transport; /* a copy, to ask for addresses; the instance owns it */
    struct integrations integrations;
    chatroom *chatroom;
};

/* ---- refusing --------------------------------------------------------------------------------------------------- */

static int exit_code_of(int result)
{
    switch (result) {
    case CHATROOM_OK:
        return EXIT_DONE;
    case CHATROOM_EINVAL: /* what options.c lets pass and the backend looks at more closely */
        return EXIT_USAGE;
    case CHATROOM_EADDRINUSE:
        return EXIT_ADDRESS_TAKEN;
    case CHATROOM_EADDRNOTAVAIL:
        return EXIT_NO_SUCH_ADDRESS;
    case CHATROOM_EADDRDENIED:
        return EXIT_ADDRESS_DENIED;
    case CHATROOM_EACCES:
    case CHATROOM_EIO:
    case CHATROOM_ENOSPC:
        return EXIT_NO_ACCESS;
    case CHATROOM_EBUSY:
        return EXIT_STORE_IN_USE;
    case CHATROOM_EFORMAT:
        return EXIT_STORE_FORMAT;
    case CHATROOM_ECORRUPT:
        return EXIT_STORE_DAMAGED;
    case CHATROOM_EAGAIN:
        return EXIT_AT_ONCE;
    default:
        return EXIT_OTHER;
    }
}

/* One sentence for a person. What it quotes may hold controls, which are not for a terminal. */
static int refuse(int code, const char *sentence)
{
    fputs("chatroomd: ", stderr);
    for (; *sentence; sentence++)
        fputc((unsigned char)*sentence < 0x20 || *sentence == 0x7f ? '?' : *sentence, stderr);
    fputc('\n', stderr);
    return code;
}

static int refuse_result(int result, const struct chatroom_error *error)
{
    return refuse(exit_code_of(result), error->text[0] ? error->text : chatroom_strerror(result));
}

/* ---- putting it together ---------------------------------------------------------------------------------------- */

static int make_store(const struct options *o, struct chatroom_store *ret_store, struct chatroom_error *error)
{
    struct chatroom_lmdb_options lmdb = CHATROOM_LMDB_OPTIONS;

    if (o->memory)
        return chatroom_memory_store(ret_store);
    lmdb.durability = o->durability;
    lmdb.reserve_bytes = (uint64_t)o->reserve_mib << 20;
    return chatroom_lmdb_store(o->data, &lmdb, ret_store, error);
}

/* The page belongs to the chat. */
static void set_files(struct server *s, struct chatroom_ws_epoll_options *ws)
{
    if (!s->options.chat)
        return;
    page_init(&s->page, s->options.stage, s->options.mode, ws->frame_bytes ? ws->frame_bytes : ws->message_bytes);
    ws->files = s->page.files;
    ws->file_count = s->page.count;
}

static void set_management(const struct gateway *gateway, struct chatroom_ws_epoll_options *ws)
{
    const struct gateway_management *m = GATEWAY_FIRST(gateway, management, GATEWAY_MANAGEMENT);

    if (!m)
        return;
    ws->http_listen = m->listen;
    ws->http_listen_count = m->listen_count;
    ws->http_apart = m->apart;
}

static int make_transport(struct server *s, struct chatroom_error *error)
{
    struct chatroom_ws_epoll_options ws = CHATROOM_WS_EPOLL_OPTIONS;
    char path[140]; /* a stage has at most 128 characters, or chatroom_new() refuses it */

    snprintf(path, sizeof path, "/%s", s->options.stage);
    ws.upgrade_path = path;
    if (s->options.aws)
        chatroom_ws_epoll_aws(&ws);
    if (s->options.no_rate_limits)
        ws.connects_per_second = ws.address_connections = ws.address_connects_per_second = 0;
    set_files(s, &ws);
    set_management(&s->options.gateway, &ws);
    ws.threads = s->options.threads;
    ws.listen = (const char *const *)s->options.listen.items;
    ws.listen_count = s->options.listen.count;
    ws.origins = (const char *const *)s->options.origins.items;
    ws.origin_count = s->options.origins.count;
    return chatroom_ws_epoll(&ws, &s->transport, error);
}

static void set_limits(const struct options *o, struct chatroom_limits *limits)
{
    if (o->memory)
        limits->recent_bytes = 0; /* the store keeps entries in memory already */
    if (o->aws)
        chatroom_limits_aws(limits);
    if (o->no_rate_limits)
        limits->messages_per_second = 0;
    if (o->no_rate_limits)
        limits->bytes_per_second = 0;
}

static int bind_chat(struct server *s)
{
    struct chatroom_chat_options chat = CHATROOM_CHAT_OPTIONS;

    if (!s->options.chat)
        return CHATROOM_OK;
    chat.mode = s->options.mode;
    chat.keep_empty_rooms = s->options.keep_empty_rooms;
    chat.rate_limits = !s->options.no_rate_limits;
    return chatroom_chat(s->chatroom, &chat);
}

/* T20: look-alike names. Without ICU they are as many names, and say_names() says so. */
#ifdef CHATROOM_ICU
static int bind_names(struct server *s, struct chatroom_error *error)
{
    struct chatroom_names names;
    int result = chatroom_names_icu(&names, error);

    if (result == CHATROOM_OK)
        chatroom_set_names(s->chatroom, &names);
    return result;
}

static void say_names(void)
{
}
#else
static int bind_names(struct server *s, struct chatroom_error *error)
{
    (void)s;
    (void)error;
    return CHATROOM_OK;
}

static void say_names(void)
{
    printf("Names that look alike are not kept apart: built without ICU\n");
}
#endif

/* The library speaks of an expression; who wrote it knows it as an option. */
static int refuse_selection(const struct options *o, int result, struct chatroom_error *error)
{
    if (!o->route_selection || result == CHATROOM_ENOMEM)
        return result;
    return options_refuse(o, o->route_selection_line, "route-selection", result, error->text, error);
}

/* With an error, what was made is released by server_fini(). */
static int make(struct server *s, struct chatroom_error *error)
{
    struct chatroom_config config = CHATROOM_CONFIG;
    int result;

    result = make_store(&s->options, &config.store, error);
    if (result != CHATROOM_OK)
        return result;
    result = make_transport(s, error);
    if (result != CHATROOM_OK) {
        config.store.ops->close(config.store.self);
        return result;
    }
    config.transport = s->transport;
    config.log = log_event;
    config.log_arg = &s->log;
    config.stage = s->options.stage;
    set_limits(&s->options, &config.limits);
    integrations_configure(&s->integrations, &s->options, &config);
    result = chatroom_new(&config, &s->chatroom, error);
    if (result != CHATROOM_OK)
        return refuse_selection(&s->options, result, error);
    result = bind_names(s, error);
    if (result == CHATROOM_OK)
        result = bind_chat(s);
    return result == CHATROOM_OK ? integrations_bind(&s->integrations, &s->options, s->chatroom, &s->log, error)
                                 : result;
}

/* ---- saying what it does ---------------------------------------------------------------------------------------- */

static const char *durability_sentence(enum chatroom_durability durability)
{
    switch (durability) {
    case CHATROOM_DURABLE_COMMIT:
        return "commit: nothing that was shown is lost, not even in a power cut";
    case CHATROOM_DURABLE_ASYNC:
        return "async: a power cut may lose the last second";
    default:
        return "none: a power cut may lose everything since the start";
    }
}

static void say_store(const struct server *s)
{
    if (s->options.memory)
        printf("Data in memory: it is gone when the server ends\n");
    else
        printf("Data in %s, durability %s\n", s->options.data, durability_sentence(s->options.durability));
    printf("Rooms found: %zu\n", chatroom_room_count(s->chatroom));
}

static bool is_loopback(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strncmp(address, "[::1]:", 6) == 0;
}

/* T33: what is said on the way can be read and changed on the way. */
static void warn_plain(struct server *s, const char *address)
{
    const struct chatroom_log_field fields[] = {
        CHATROOM_TEXT("address", chatroom_str(address)),
        CHATROOM_TEXT("advice", chatroom_str("this is not encrypted: put a proxy with TLS in front of it")),
    };

    log_event(&s->log, CHATROOM_LOG_WARN, "plain_tcp", fields, 2);
}

static void say_local(const struct server *s, const char *path)
{
    printf(s->options.chat ? "Local socket %s: page at /, WebSocket at /%s\n" : "Local socket %s: WebSocket at /%s\n",
           path, s->options.stage);
}

static bool is_local(const char *address)
{
    return strncmp(address, "unix:", 5) == 0;
}

static void say_sockets(const struct server *s, const char *address)
{
    if (is_local(address)) {
        say_local(s, address + 5);
        return;
    }
    if (s->options.chat)
        printf("Page at http://%s/\n", address);
    printf("WebSocket at ws://%s/%s\n", address, s->options.stage);
}

static void say_management(struct server *s, const char *address)
{
    const struct chatroom_log_field field = CHATROOM_TEXT("address", chatroom_str(address));

    printf("Management API at %s%s%s/%s/@connections\n", is_local(address) ? "" : "http://", address,
           is_local(address) ? ", " : "", s->options.stage);
    log_event(&s->log, CHATROOM_LOG_INFO, "management", &field, 1);
}

/* The listeners of management come after the others, which serve it as well unless it is apart. */
static void say_address(struct server *s, size_t number, const char *address)
{
    const struct gateway_management *m = GATEWAY_FIRST(&s->options.gateway, management, GATEWAY_MANAGEMENT);
    bool own = number >= s->options.listen.count;

    if (!own)
        say_sockets(s, address);
    if (m && (own || !m->apart))
        say_management(s, address);
    if (!is_local(address) && !is_loopback(address) && !s->options.secure)
        warn_plain(s, address);
}

static void say_start(struct server *s)
{
    char address[256];

    printf("chatroomd %s\n", chatroom_version());
    say_store(s);
    say_names();
    for (size_t i = 0; chatroom_ws_epoll_address(&s->transport, i, address, sizeof address) == CHATROOM_OK; i++)
        say_address(s, i, address);
    integrations_say(&s->options, &s->log);
    fflush(stdout);
}

/* ---- running ---------------------------------------------------------------------------------------------------- */

static const int ending[] = {SIGTERM, SIGINT, SIGHUP, 0};

/* First of all: what is opened later must not get their numbers, or the log would be written into it. */
static bool occupy_standard_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
            return false;
    return true;
}

/* Before the first thread: they inherit it, so that a signal waits for chatroom_run(). */
static void prepare_process(void)
{
    struct rlimit files;
    sigset_t set;

    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    sigemptyset(&set);
    for (size_t i = 0; ending[i]; i++)
        sigaddset(&set, ending[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    /* A connection is a descriptor. Where this is refused, fewer fit, and the transport says so. */
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

/* ---- looking at the data ------------------------------------------------------------------------------------------
 */

static void log_look(struct server *s, enum chatroom_log_level level, const char *event,
                     const struct chatroom_lmdb_report *report)
{
    const struct chatroom_log_field fields[] = {
        CHATROOM_NUMBER("pages", report->pages), CHATROOM_NUMBER("records", report->records),
        CHATROOM_NUMBER("damaged", report->damaged), CHATROOM_TEXT("where", chatroom_str(report->where))};

    log_event(&s->log, level, event, fields, 4);
}

/*
 * Before anything starts a thread. What could not be told in time, or for want of a process, is no reason not to start:
 * it would keep a large store from serving again.
 */
static int verify(struct server *s, struct chatroom_error *error)
{
    bool full = s->options.verify == OPTIONS_VERIFY_FULL;
    struct chatroom_lmdb_report report = CHATROOM_LMDB_REPORT;
    int result;

    if (s->options.memory || s->options.check || s->options.verify == OPTIONS_VERIFY_OFF)
        return CHATROOM_OK;
    result = chatroom_lmdb_verify(s->options.data, full ? CHATROOM_LMDB_RECORDS : CHATROOM_LMDB_STRUCTURE,
                                  full ? 0 : QUICK_LOOK_MS, &report, error);
    if (result == CHATROOM_OK && report.damaged)
        log_look(s, CHATROOM_LOG_ERROR, "records_damaged", &report);
    else if (result == CHATROOM_OK && report.pages)
        log_look(s, CHATROOM_LOG_INFO, "store_sound", &report);
    if (result == CHATROOM_ETIMEDOUT || result == CHATROOM_ESYSTEM || result == CHATROOM_ENOMEM)
        log_look(s, CHATROOM_LOG_INFO, "store_partly_verified", &report);
    else
        return result;
    *error = (struct chatroom_error){0};
    return CHATROOM_OK;
}

/* All there is to do with --verify-store. */
static int say_sound(const struct options *o)
{
    struct chatroom_lmdb_report report = CHATROOM_LMDB_REPORT;
    struct chatroom_error error = {0};
    char text[256];
    int result = chatroom_lmdb_verify(o->data, CHATROOM_LMDB_RECORDS, 0, &report, &error);

    if (result != CHATROOM_OK)
        return refuse_result(result, &error);
    if (report.pages == 0) {
        snprintf(text, sizeof text, "There is no store in %.200s.", o->data);
        return refuse(EXIT_NO_ACCESS, text);
    }
    if (report.damaged) {
        snprintf(text, sizeof text, "The store in %.100s: %llu of %llu records are damaged: see the operator's manual.",
                 o->data, (unsigned long long)report.damaged, (unsigned long long)report.records);
        return refuse(EXIT_STORE_DAMAGED, text);
    }
    printf("The store in %s is sound: %llu pages, %llu records.\n", o->data, (unsigned long long)report.pages,
           (unsigned long long)report.records);
    return fflush(stdout) == 0 ? EXIT_DONE : refuse(EXIT_OTHER, cannot_print);
}

static int say_good(const struct options *o)
{
    printf("%s %s good.\n", o->config ? o->config : "The options", o->config ? "is" : "are");
    return fflush(stdout) == 0 ? EXIT_DONE : refuse(EXIT_OTHER, cannot_print);
}

static int run(struct server *s)
{
    struct chatroom_error error = {0};
    int result;

    if (s->options.verify_store)
        return say_sound(&s->options);
    result = verify(s, &error);
    if (result == CHATROOM_OK)
        result = make(s, &error);
    if (result == CHATROOM_OK && s->options.check)
        return say_good(&s->options);
    if (result == CHATROOM_OK)
        result = chatroom_start(s->chatroom, chatroom_host_now(), &error);
    if (result != CHATROOM_OK)
        return refuse_result(result, &error);
    say_start(s);
    result = chatroom_run(s->chatroom, ending, &error);
    if (result == CHATROOM_EAGAIN)
        _exit(refuse(EXIT_AT_ONCE, "ended at once by a second signal."));
    return result == CHATROOM_OK ? EXIT_DONE : refuse_result(result, &error);
}

static void server_fini(struct server *s)
{
    chatroom_free(s->chatroom);
    integrations_fini(&s->integrations);
    log_fini(&s->log);
    options_fini(&s->options);
}

int main(int argc, char **argv)
{
    struct server s = {0};
    struct chatroom_error error = {0};
    int code;

    prctl(PR_SET_DUMPABLE, 0); /* T42: what was said and secrets are in no dump. 0 is never refused */
    if (!occupy_standard_streams())
        return EXIT_OTHER;
    if (!options_read(argc, argv, &s.options, &error))
        return refuse(EXIT_USAGE, error.text);
    if (s.options.wish != OPTIONS_RUN) {
        fputs(s.options.wish == OPTIONS_HELP ? help : "chatroomd " CHATROOM_VERSION "\n", stdout);
        options_fini(&s.options);
        return fflush(stdout) == 0 ? EXIT_DONE : refuse(EXIT_OTHER, cannot_print);
    }
    log_init(&s.log, STDERR_FILENO, s.options.log_level, getenv("JOURNAL_STREAM"));
    prepare_process();
    code = run(&s);
    server_fini(&s);
    return code;
}
