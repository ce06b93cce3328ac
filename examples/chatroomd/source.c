#include "source.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>

#define THREADS_MOST 64

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

bool source_refuse(struct source *s, const char *sentence)
{
    if (!s->error->code)
        chatroom_error_set(s->error, CHATROOM_EINVAL, sentence);
    return false;
}

bool source_refuse_option(struct source *s, const char *name, const char *what)
{
    char text[256];

    if (s->file)
        snprintf(text, sizeof text, "%.80s:%d: %.40s: %.120s", s->file, s->line, name, what);
    else
        snprintf(text, sizeof text, "--%.40s: %.200s", name, what);
    return source_refuse(s, text);
}

/* ---- single values ---------------------------------------------------------------------------------------------- */

static bool set_text(struct source *s, const char *name, char **text, const char *value)
{
    char *copy = strdup(value);

    if (!copy)
        return source_refuse_option(s, name, "there is not enough memory");
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
    return source_refuse_option(s, name, what);
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
        return source_refuse_option(s, name, "is given more than 16 times");
    if (!set_text(s, name, &list->items[list->count], value))
        return false;
    list->count++;
    return true;
}

static bool add_listen(struct source *s, const char *value)
{
    if (strncmp(value, "unix:", 5) == 0 && value[5] && !is_address(value))
        return source_refuse_option(s, "listen", "names a local socket whose path is longer than 107 bytes");
    if (!is_address(value))
        return source_refuse_option(
            s, "listen", "needs ADDRESS:PORT in numbers, such as 127.0.0.1:8080 or [::1]:8080, or unix:PATH");
    return add(s, "listen", &s->values.listen, value);
}

/* As a browser sends it: without a path. The transport looks at the host more closely. */
static bool add_origin(struct source *s, const char *value)
{
    const char *host = strstr(value, "://");

    if (strcmp(value, "*") != 0 && (!host || host == value || !host[3] || strpbrk(host + 3, "/ ")))
        return source_refuse_option(s, "origin", "needs SCHEME://HOST, such as https://chat.example, or * for any");
    return add(s, "origin", &s->values.origins, value);
}

static bool set_stage(struct source *s, const char *value)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

    if (!*value || strlen(value) > 128 || strspn(value, allowed) != strlen(value))
        return source_refuse_option(s, "stage", "needs 1 to 128 letters, digits, _ or -");
    return set_text(s, "stage", &s->values.stage, value);
}

static bool set_path(struct source *s, const char *name, char **path, const char *value)
{
    return *value ? set_text(s, name, path, value) : source_refuse_option(s, name, "needs a path");
}

static bool set_threads(struct source *s, const char *value)
{
    size_t digits = strspn(value, "0123456789");

    if (digits == 0 || digits > 2 || value[digits] || atoi(value) > THREADS_MOST)
        return source_refuse_option(s, "threads", "needs a number from 0 to 64");
    s->values.threads = (unsigned)atoi(value);
    return true;
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
    case THREADS:
        return set_threads(s, value);
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
        return source_refuse_option(s, name, "is no option");
    }
}

bool source_take(struct source *s, enum option_name option, const char *name, const char *value)
{
    if (s->given[option] && option != LISTEN && option != ORIGIN)
        return source_refuse_option(s, name, "is given twice");
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

bool source_check(struct source *s)
{
    const struct options *o = &s->values;

    s->line = s->given[MEMORY];
    if (o->memory && s->given[DATA])
        return source_refuse_option(s, "memory",
                                    "contradicts data: the one keeps nothing, the other says where to keep it");
    if (o->memory && s->given[DURABILITY])
        return source_refuse_option(s, "memory", "contradicts durability: memory is never durable");
    s->line = s->given[ORIGIN];
    if (o->origins.count > 1 && has(&o->origins, "*"))
        return source_refuse_option(s, "origin", "* means any already; it stands alone");
    s->line = s->given[KEEP_EMPTY_ROOMS];
    if (o->keep_empty_rooms && s->given[MODE] && o->mode == CHATROOM_CHAT_SIMPLE)
        return source_refuse_option(s, "keep-empty-rooms", "contradicts mode: there are no rooms in simple mode");
    return true;
}
