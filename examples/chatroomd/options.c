#include "options.h"

#include "ini.h"
#include "source.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

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
    {"threads", required_argument, NULL, THREADS},
    {"profile", required_argument, NULL, PROFILE},
    {"durability", required_argument, NULL, DURABILITY},
    {"verify", required_argument, NULL, VERIFY},
    {"reserve", required_argument, NULL, RESERVE},
    {"log-level", required_argument, NULL, LOG_LEVEL},
    {"chat", required_argument, NULL, CHAT},
    {"route-selection", required_argument, NULL, ROUTE_SELECTION},
    {"api-id", required_argument, NULL, API_ID},
    {"region", required_argument, NULL, REGION},
    {"account-id", required_argument, NULL, ACCOUNT_ID},
    {"domain", required_argument, NULL, DOMAIN_NAME},
    {"secure", no_argument, NULL, SECURE},
    {"throttle", required_argument, NULL, THROTTLE},
    {"metrics", required_argument, NULL, METRICS},
    {"access-log", required_argument, NULL, ACCESS_LOG},
    {"access-log-file", required_argument, NULL, ACCESS_LOG_FILE},
    {"debug-refusals", no_argument, NULL, DEBUG_REFUSALS},
    {"verify-store", no_argument, NULL, VERIFY_STORE},
    {"check", no_argument, NULL, CHECK},
    {"help", no_argument, NULL, HELP},
    {"version", no_argument, NULL, VERSION},
    {NULL, 0, NULL, 0},
};

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
    return source_refuse(s, text);
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
        if (!source_take(s, (enum option_name)option, names[which].name, optarg ? optarg : "yes"))
            return false;
    }
    if (optind < argc) {
        snprintf(text, sizeof text, "\"%.100s\" is not expected: every argument belongs to an option", argv[optind]);
        return source_refuse(s, text);
    }
    return source_check(s);
}

/* ---- file ------------------------------------------------------------------------------------------------------- */

struct file {
    struct source *source;
    struct gateway_reader reader;
};

/* What is asked of this one start. */
static bool is_flag_alone(int option)
{
    return option == CONFIG || option == VERIFY_STORE || option == CHECK || option == HELP || option == VERSION;
}

/* One "name = value" before every section. */
static bool take_option(struct source *s, const char *name, const char *value)
{
    for (const struct option *o = names; o->name; o++)
        if (strcmp(o->name, name) == 0 && !is_flag_alone(o->val))
            return source_take(s, (enum option_name)o->val, o->name, value);
    return source_refuse_option(s, name, "is no option");
}

static bool take_line(void *arg, int line, const char *name, const char *value)
{
    struct file *f = arg;

    f->source->line = line;
    if (!value)
        return gateway_begin(&f->reader, line, name);
    return f->reader.section ? gateway_take(&f->reader, line, name, value) : take_option(f->source, name, value);
}

static bool read_stream(struct source *s, FILE *stream, bool open_file)
{
    struct gateway *gateway = &s->values.gateway;
    struct file f = {.source = s, .reader = {gateway, NULL, open_file, s->error}};
    const char *complaint;

    gateway->file = pool_text(&gateway->pool, s->file, strlen(s->file));
    if (!gateway->file)
        return source_refuse_option(s, "the file", "does not fit into memory");
    if (ini_read(stream, take_line, &f, &s->line, &complaint))
        return source_check(s) && gateway_end(&f.reader);
    return complaint ? source_refuse_option(s, "this line", complaint) : false;
}

static bool read_file(struct source *s)
{
    char text[256], buffer[BUFSIZ];
    struct stat st;
    FILE *stream = fopen(s->file, "re");
    bool ok;

    if (stream && (fstat(fileno(stream), &st) || S_ISDIR(st.st_mode))) {
        fclose(stream);
        stream = NULL;
        errno = EISDIR;
    }
    if (!stream) {
        snprintf(text, sizeof text, "--config: cannot read %.120s: %.80s", s->file, strerror(errno));
        return source_refuse(s, text);
    }
    setvbuf(stream, buffer, _IOFBF, sizeof buffer);
    ok = read_stream(s, stream, st.st_mode & S_IROTH);
    fclose(stream);
    explicit_bzero(buffer, sizeof buffer); /* T42: the file may hold secrets */
    return ok;
}

/* ---- one over the other ----------------------------------------------------------------------------------------- */

/* Lays what was given in s over o. --data takes a memory of the file back, and --memory its data. */
static void lay_over(struct options *o, struct source *s)
{
    o->wish = s->values.wish;
    for (int option = 1; option < OPTION_COUNT; option++)
        if (s->given[option])
            source_move(s, (enum option_name)option, o);
    if (s->given[DATA])
        o->memory = s->values.memory;
}

static bool set_defaults(struct source *s)
{
    s->values.mode = CHATROOM_CHAT_FULL;
    s->values.durability = CHATROOM_DURABLE_COMMIT;
    s->values.reserve_mib = 64;
    s->values.log_level = CHATROOM_LOG_INFO;
    return source_take(s, LISTEN, "listen", "127.0.0.1:8080") && source_take(s, DATA, "data", "./chatroom-data") &&
           source_take(s, STAGE, "stage", "development");
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
    defaults->values.gateway = file->values.gateway;
    memset(&file->values.gateway, 0, sizeof file->values.gateway);
    if (!file->given[CHAT] && !flags->given[CHAT])
        defaults->values.chat = !defaults->values.gateway.first[GATEWAY_ROUTE];
    defaults->values.route_selection_line = flags->given[ROUTE_SELECTION] ? 0 : file->given[ROUTE_SELECTION];
    defaults->values.access_log_line = flags->given[ACCESS_LOG] ? 0 : file->given[ACCESS_LOG];
    if (flags->values.wish != OPTIONS_RUN)
        return true;
    return source_check_both(file, flags, &defaults->values) &&
           (!defaults->values.aws || gateway_check_quotas(&defaults->values.gateway, defaults->error));
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

int options_refuse(const struct options *options, int line, const char *name, int code, const char *what,
                   struct chatroom_error *ret_error)
{
    struct source source = {.file = line ? options->config : NULL, .line = line, .error = ret_error};

    ret_error->code = CHATROOM_OK; /* the first refusal is kept, and this one is to say more than the one before */
    source_refuse_option(&source, name, what);
    ret_error->code = code;
    return code;
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
    free(options->route_selection);
    free(options->api_id);
    free(options->region);
    free(options->account_id);
    free(options->domain);
    free(options->metrics);
    free(options->access_log);
    free(options->access_log_file);
    gateway_fini(&options->gateway);
    memset(options, 0, sizeof *options);
}
