#include "options.h"

#include "source.h"

#include <errno.h>
#include <getopt.h>
#include <ini.h>
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
    {"log-level", required_argument, NULL, LOG_LEVEL},
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
        source_refuse_option(f->source, "this line", "is too long, or holds a NUL");
        return NULL;
    }
    return buffer;
}

/* One "name = value". inih wants 1 for "go on". */
static int take_line(void *arg, const char *section, const char *name, const char *value)
{
    struct file *f = arg;

    if (*section)
        return source_refuse_option(f->source, name, "stands in a section; there are none in this file");
    for (const struct option *o = names; o->name; o++)
        if (strcmp(o->name, name) == 0 && o->val != CONFIG && o->val != HELP && o->val != VERSION)
            return source_take(f->source, (enum option_name)o->val, o->name, value);
    return source_refuse_option(f->source, name, "is no option");
}

static bool read_stream(struct source *s, FILE *stream)
{
    struct file f = {.source = s, .stream = stream};
    int line = ini_parse_stream(next_line, &f, take_line, &f);

    if (!s->error->code && ferror(stream))
        return source_refuse_option(s, "the file", "cannot be read to its end");
    if (!s->error->code && line != 0) {
        s->line = line;
        return source_refuse_option(s, "this line", "is neither \"name = value\" nor a comment");
    }
    return !s->error->code && source_check(s);
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
        return source_refuse(s, text);
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
    if (s->given[THREADS])
        o->threads = v->threads;
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
