#include "options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>

/* The value of a flag that takes none; also what getopt_long() returns for it. */
enum option_name {
    CONFIG = 1,
    LISTEN,
    ORIGIN,
    DATA,
    MEMORY,
    STAGE,
    MODE,
    KEEP_EMPTY_ROOMS,
    NO_RATE_LIMITS,
    PROFILE,
    DURABILITY,
    LOG_LEVEL,
    HELP,
    VERSION,
    OPTION_COUNT,
};

static const struct option names[] = {
    {"config", required_argument, NULL, CONFIG},
    {"listen", required_argument, NULL, LISTEN},
    {"origin", required_argument, NULL, ORIGIN},
    {"data", required_argument, NULL, DATA},
    {"memory", no_argument, NULL, MEMORY},
    {"stage", required_argument, NULL, STAGE},
    {"mode", required_argument, NULL, MODE},
    {"keep-empty-rooms", no_argument, NULL, KEEP_EMPTY_ROOMS},
    {"no-rate-limits", no_argument, NULL, NO_RATE_LIMITS},
    {"profile", required_argument, NULL, PROFILE},
    {"durability", required_argument, NULL, DURABILITY},
    {"log-level", required_argument, NULL, LOG_LEVEL},
    {"help", no_argument, NULL, HELP},
    {"version", no_argument, NULL, VERSION},
    {NULL, 0, NULL, 0},
};

/* The command line or the file: each is read into one of these, then they are laid over each other. */
struct source {
    struct options values;
    int given[OPTION_COUNT]; /* the line it stands on; 1 on the command line; 0: not given */
    const char *file;        /* NULL: the command line */
    int line;
    struct chatroom_error *error;
};

/* One word of a choice, such as "simple" of --mode. */
struct choice {
    const char *word;
    int value;
};

static const struct choice modes[] = {
    {"simple", CHATROOM_CHAT_SIMPLE}, {"full", CHATROOM_CHAT_FULL}, {"both", CHATROOM_CHAT_BOTH}, {NULL, 0}};
static const struct choice profiles[] = {{"default", false}, {"aws", true}, {NULL, 0}};
static const struct choice durabilities[] = {
    {"commit", CHATROOM_DURABLE_COMMIT}, {"async", CHATROOM_DURABLE_ASYNC}, {"none", CHATROOM_DURABLE_NONE}, {NULL, 0}};
static const struct choice levels[] = {{"error", CHATROOM_LOG_ERROR},
                                       {"warn", CHATROOM_LOG_WARN},
                                       {"info", CHATROOM_LOG_INFO},
                                       {"debug", CHATROOM_LOG_DEBUG},
                                       {NULL, 0}};
static const struct choice switches[] = {{"yes", true},    {"true", true}, {"on", true}, {"1", true}, {"no", false},
                                         {"false", false}, {"off", false}, {"0", false}, {NULL, 0}};

/* ---- refusing --------------------------------------------------------------------------------------------------- */

static bool refuse(struct chatroom_error *error, const char *text)
{
    chatroom_error_set(error, CHATROOM_EINVAL, text);
    return false;
}

/* "FILE:3: stage: what" or "--stage: what". Only the first refusal of a source counts. */
static bool refuse_option(struct source *s, const char *name, const char *what)
{
    char text[256];

    if (s->error->code)
        return false;
    if (s->file)
        snprintf(text, sizeof text, "%.80s:%d: %.40s: %.120s", s->file, s->line, name, what);
    else
        snprintf(text, sizeof text, "--%.40s: %.200s", name, what);
    return refuse(s->error, text);
}

/* ---- single values ---------------------------------------------------------------------------------------------- */

static bool set_text(struct source *s, const char *name, char **text, const char *value)
{
    char *copy = strdup(value);

    if (!copy)
        return refuse_option(s, name, "there is not enough memory");
    free(*text);
    *text = copy;
    return true;
}

static bool set_choice(struct source *s, const char *name, const struct choice *choices, const char *value,
                       int *ret_value)
{
    char what[160];
    size_t used;

    for (const struct choice *c = choices; c->word; c++)
        if (strcmp(c->word, value) == 0) {
            *ret_value = c->value;
            return true;
        }
    used = (size_t)snprintf(what, sizeof what, "\"%.40s\" is none of", value);
    for (const struct choice *c = choices; c->word; c++)
        used += (size_t)snprintf(what + used, sizeof what - used, "%s %s", c == choices ? "" : ",", c->word);
    return refuse_option(s, name, what);
}

static bool is_port(const char *text)
{
    return strlen(text) >= 1 && strlen(text) <= 5 && strspn(text, "0123456789") == strlen(text) && atoi(text) <= 65535;
}

/* "127.0.0.1:8080", "[::1]:8080" or "unix:/run/chatroomd.sock": numbers, so that nothing waits for a name server. */
static bool is_address(const char *text)
{
    struct sockaddr_un local;
    struct in6_addr binary;
    char host[64];
    const char *colon = strrchr(text, ':');
    size_t size;

    if (strncmp(text, "unix:", 5) == 0)
        return text[5] && strlen(text + 5) < sizeof local.sun_path;
    size = colon ? (size_t)(colon - text) : 0;
    if (size == 0 || size >= sizeof host || !is_port(colon + 1))
        return false;
    memcpy(host, text, size);
    host[size] = '\0';
    if (host[0] != '[')
        return inet_pton(AF_INET, host, &binary) == 1;
    if (host[size - 1] != ']')
        return false;
    host[size - 1] = '\0';
    return inet_pton(AF_INET6, host + 1, &binary) == 1;
}

static bool add(struct source *s, const char *name, struct options_list *list, const char *value)
{
    if (list->count == OPTIONS_LIST_MOST)
        return refuse_option(s, name, "is given more than 16 times");
    if (!set_text(s, name, &list->items[list->count], value))
        return false;
    list->count++;
    return true;
}

static bool add_listen(struct source *s, const char *value)
{
    if (!is_address(value))
        return refuse_option(s, "listen",
                             "needs ADDRESS:PORT in numbers, such as 127.0.0.1:8080 or [::1]:8080, or unix:PATH");
    return add(s, "listen", &s->values.listen, value);
}

/* As a browser sends it: without a path. The transport looks at the host more closely. */
static bool add_origin(struct source *s, const char *value)
{
    const char *host = strstr(value, "://");

    if (strcmp(value, "*") != 0 && (!host || host == value || !host[3] || strpbrk(host + 3, "/ ")))
        return refuse_option(s, "origin", "needs SCHEME://HOST, such as https://chat.example, or * for any");
    return add(s, "origin", &s->values.origins, value);
}

static bool set_stage(struct source *s, const char *value)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

    if (!*value || strlen(value) > 128 || strspn(value, allowed) != strlen(value))
        return refuse_option(s, "stage", "needs 1 to 128 letters, digits, _ or -");
    return set_text(s, "stage", &s->values.stage, value);
}

static bool set_path(struct source *s, const char *name, char **path, const char *value)
{
    return *value ? set_text(s, name, path, value) : refuse_option(s, name, "needs a path");
}

static bool set_option(struct source *s, enum option_name option, const char *name, const char *value)
{
    struct options *o = &s->values;
    int number = 0;
    bool ok;

    switch (option) {
    case CONFIG:
        return set_path(s, name, &o->config, value);
    case LISTEN:
        return add_listen(s, value);
    case ORIGIN:
        return add_origin(s, value);
    case DATA:
        return set_path(s, name, &o->data, value);
    case STAGE:
        return set_stage(s, value);
    case MEMORY:
        ok = set_choice(s, name, switches, value, &number);
        o->memory = number;
        return ok;
    case KEEP_EMPTY_ROOMS:
        ok = set_choice(s, name, switches, value, &number);
        o->keep_empty_rooms = number;
        return ok;
    case NO_RATE_LIMITS:
        ok = set_choice(s, name, switches, value, &number);
        o->no_rate_limits = number;
        return ok;
    case PROFILE:
        ok = set_choice(s, name, profiles, value, &number);
        o->aws = number;
        return ok;
    case MODE:
        ok = set_choice(s, name, modes, value, &number);
        o->mode = (enum chatroom_chat_mode)number;
        return ok;
    case DURABILITY:
        ok = set_choice(s, name, durabilities, value, &number);
        o->durability = (enum chatroom_durability)number;
        return ok;
    case LOG_LEVEL:
        ok = set_choice(s, name, levels, value, &number);
        o->log_level = (enum chatroom_log_level)number;
        return ok;
    default:
        return refuse_option(s, name, "is no option");
    }
}

static bool take(struct source *s, enum option_name option, const char *name, const char *value)
{
    if (s->given[option] && option != LISTEN && option != ORIGIN)
        return refuse_option(s, name, "is given twice");
    s->given[option] = s->file ? s->line : 1;
    return set_option(s, option, name, value);
}

/* ---- what does not go together ---------------------------------------------------------------------------------- */

static bool has(const struct options_list *list, const char *item)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i], item) == 0)
            return true;
    return false;
}

/* Within one source: a flag may well overrule what the file says. */
static bool check_together(struct source *s)
{
    const struct options *o = &s->values;

    s->line = s->given[MEMORY];
    if (o->memory && s->given[DATA])
        return refuse_option(s, "memory", "contradicts data: the one keeps nothing, the other says where to keep it");
    if (o->memory && s->given[DURABILITY])
        return refuse_option(s, "memory", "contradicts durability: memory is never durable");
    s->line = s->given[ORIGIN];
    if (o->origins.count > 1 && has(&o->origins, "*"))
        return refuse_option(s, "origin", "* means any already; it stands alone");
    s->line = s->given[KEEP_EMPTY_ROOMS];
    if (o->keep_empty_rooms && s->given[MODE] && o->mode == CHATROOM_CHAT_SIMPLE)
        return refuse_option(s, "keep-empty-rooms", "contradicts mode: there are no rooms in simple mode");
    return true;
}

/* ---- command line ----------------------------------------------------------------------------------------------- */

static bool refuse_flag(struct source *s, char **argv, int why)
{
    char text[256];
    const char *flag = argv[optind - 1];

    if (optopt >= OPTION_COUNT)
        snprintf(text, sizeof text, "-%c is no option: options begin with --", optopt);
    else if (why == ':')
        snprintf(text, sizeof text, "%.100s needs a value", flag);
    else if (optopt > 0)
        snprintf(text, sizeof text, "%.100s takes no value", flag);
    else
        snprintf(text, sizeof text, "%.100s is no option", flag);
    return refuse(s->error, text);
}

static bool read_flags(struct source *s, int argc, char **argv)
{
    char text[256];
    int option, which = 0;

    optind = 0; /* the C library's way to start anew */
    while ((option = getopt_long(argc, argv, "+:", names, &which)) != -1) {
        if (option == HELP || option == VERSION) {
            s->values.wish = option == HELP ? OPTIONS_HELP : OPTIONS_VERSION;
            return true;
        }
        if (option == ':' || option == '?')
            return refuse_flag(s, argv, option);
        if (!take(s, (enum option_name)option, names[which].name, optarg ? optarg : "yes"))
            return false;
    }
    if (optind < argc) {
        snprintf(text, sizeof text, "\"%.100s\" is not expected: every argument belongs to an option", argv[optind]);
        return refuse(s->error, text);
    }
    return check_together(s);
}

/* ---- file ------------------------------------------------------------------------------------------------------- */

struct file {
    struct source *source;
    FILE *stream;
};

/*
 * inih asks for one line at a time. Counting here gives every refusal its line; and a line that does not fit is
 * refused, since inih would take its rest for a line of its own.
 */
static char *next_line(char *buffer, int size, void *arg)
{
    struct file *f = arg;
    size_t length;

    if (f->source->error->code || !fgets(buffer, size, f->stream))
        return NULL;
    f->source->line++;
    length = strlen(buffer);
    if ((length == 0 || buffer[length - 1] != '\n') && !feof(f->stream)) {
        refuse_option(f->source, "this line", "is too long, or holds a NUL");
        return NULL;
    }
    return buffer;
}

/* One "name = value". inih wants 1 for "go on". */
static int take_line(void *arg, const char *section, const char *name, const char *value)
{
    struct file *f = arg;

    if (*section)
        return refuse_option(f->source, name, "stands in a section; there are none in this file");
    for (const struct option *o = names; o->name; o++)
        if (strcmp(o->name, name) == 0 && o->val != CONFIG && o->val != HELP && o->val != VERSION)
            return take(f->source, (enum option_name)o->val, o->name, value);
    return refuse_option(f->source, name, "is no option");
}

static bool read_stream(struct source *s, FILE *stream)
{
    struct file f = {.source = s, .stream = stream};
    int line = ini_parse_stream(next_line, &f, take_line, &f);

    if (!s->error->code && ferror(stream))
        return refuse_option(s, "the file", "cannot be read to its end");
    if (!s->error->code && line != 0) {
        s->line = line;
        return refuse_option(s, "this line", "is neither \"name = value\" nor a comment");
    }
    return !s->error->code && check_together(s);
}

static bool read_file(struct source *s)
{
    char text[256];
    struct stat st;
    FILE *stream = fopen(s->file, "re");
    bool ok;

    if (stream && fstat(fileno(stream), &st) == 0 && S_ISDIR(st.st_mode)) {
        fclose(stream);
        stream = NULL;
        errno = EISDIR;
    }
    if (!stream) {
        snprintf(text, sizeof text, "--config: cannot read %.120s: %.80s", s->file, strerror(errno));
        return refuse(s->error, text);
    }
    ok = read_stream(s, stream);
    fclose(stream);
    return ok;
}

/* ---- one over the other ----------------------------------------------------------------------------------------- */

static void move_text(char **to, char **from)
{
    free(*to);
    *to = *from;
    *from = NULL;
}

static void move_list(struct options_list *to, struct options_list *from)
{
    for (size_t i = 0; i < OPTIONS_LIST_MOST; i++)
        move_text(&to->items[i], &from->items[i]);
    to->count = from->count;
}

/* Lays what was given in s over o. --data takes a memory of the file back, and --memory its data. */
static void lay_over(struct options *o, struct source *s)
{
    struct options *v = &s->values;

    o->wish = v->wish;
    if (s->given[CONFIG])
        move_text(&o->config, &v->config);
    if (s->given[LISTEN])
        move_list(&o->listen, &v->listen);
    if (s->given[ORIGIN])
        move_list(&o->origins, &v->origins);
    if (s->given[DATA])
        move_text(&o->data, &v->data);
    if (s->given[STAGE])
        move_text(&o->stage, &v->stage);
    if (s->given[MEMORY] || s->given[DATA])
        o->memory = v->memory;
    if (s->given[KEEP_EMPTY_ROOMS])
        o->keep_empty_rooms = v->keep_empty_rooms;
    if (s->given[NO_RATE_LIMITS])
        o->no_rate_limits = v->no_rate_limits;
    if (s->given[PROFILE])
        o->aws = v->aws;
    if (s->given[MODE])
        o->mode = v->mode;
    if (s->given[DURABILITY])
        o->durability = v->durability;
    if (s->given[LOG_LEVEL])
        o->log_level = v->log_level;
}

static bool set_defaults(struct source *s)
{
    s->values.mode = CHATROOM_CHAT_FULL;
    s->values.durability = CHATROOM_DURABLE_COMMIT;
    s->values.log_level = CHATROOM_LOG_INFO;
    return add_listen(s, "127.0.0.1:8080") && set_path(s, "data", &s->values.data, "./chatroom-data") &&
           set_stage(s, "development");
}

static bool read_both(struct source *defaults, struct source *flags, struct source *file, int argc, char **argv)
{
    if (!set_defaults(defaults) || !read_flags(flags, argc, argv))
        return false;
    file->file = flags->values.config;
    if (flags->values.wish == OPTIONS_RUN && file->file && !read_file(file))
        return false;
    lay_over(&defaults->values, file);
    lay_over(&defaults->values, flags);
    return true;
}

bool options_read(int argc, char **argv, struct options *ret_options, struct chatroom_error *ret_error)
{
    struct source defaults = {.error = ret_error}, flags = {.error = ret_error}, file = {.error = ret_error};
    bool ok;

    memset(ret_error, 0, sizeof *ret_error);
    ok = read_both(&defaults, &flags, &file, argc, argv);
    options_fini(&flags.values);
    options_fini(&file.values);
    if (ok)
        *ret_options = defaults.values;
    else
        options_fini(&defaults.values);
    return ok;
}

void options_fini(struct options *options)
{
    for (size_t i = 0; i < OPTIONS_LIST_MOST; i++) {
        free(options->listen.items[i]);
        free(options->origins.items[i]);
    }
    free(options->config);
    free(options->data);
    free(options->stage);
    memset(options, 0, sizeof *options);
}
