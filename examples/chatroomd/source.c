#include "source.h"

#include <stdio.h>
#include <stdlib.h>

#define THREADS_MOST 64
#define RESERVE_MOST (1u << 20) /* MiB */

static const struct value_choice modes[] = {
    {"simple", CHATROOM_CHAT_SIMPLE}, {"full", CHATROOM_CHAT_FULL}, {"both", CHATROOM_CHAT_BOTH}, {NULL, 0}};
static const struct value_choice profiles[] = {{"default", false}, {"aws", true}, {NULL, 0}};
static const struct value_choice durabilities[] = {
    {"commit", CHATROOM_DURABLE_COMMIT}, {"async", CHATROOM_DURABLE_ASYNC}, {"none", CHATROOM_DURABLE_NONE}, {NULL, 0}};
static const struct value_choice looks[] = {
    {"quick", OPTIONS_VERIFY_QUICK}, {"full", OPTIONS_VERIFY_FULL}, {"off", OPTIONS_VERIFY_OFF}, {NULL, 0}};
static const struct value_choice levels[] = {{"error", CHATROOM_LOG_ERROR},
                                             {"warn", CHATROOM_LOG_WARN},
                                             {"info", CHATROOM_LOG_INFO},
                                             {"debug", CHATROOM_LOG_DEBUG},
                                             {NULL, 0}};

/* ---- refusing --------------------------------------------------------------------------------------------------- */

bool source_refuse(struct source *s, const char *sentence)
{
    if (!s->error->code)
        chatroom_error_set(s->error, CHATROOM_EINVAL, sentence);
    return false;
}

bool source_refuse_option(struct source *s, const char *name, const char *what)
{
    char text[640]; /* longer than an error's, which is cut at a whole character */

    if (s->file)
        snprintf(text, sizeof text, "%.100s:%d: %.40s: %s", s->file, s->line, name, what);
    else
        snprintf(text, sizeof text, "--%.40s: %s", name, what);
    return source_refuse(s, text);
}

/* ---- single values ---------------------------------------------------------------------------------------------- */

/* Looks at a text; false with a complaint. */
typedef bool check_fn(const char *value, char *ret_complaint);

static bool complain(char *ret_complaint, const char *complaint)
{
    snprintf(ret_complaint, VALUE_COMPLAINT_BYTES, "%s", complaint);
    return false;
}

static bool consists_of(const char *value, size_t most, const char *others)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    size_t size = 0;

    while (value[size] && (strchr(letters, value[size]) || strchr(others, value[size])))
        size++;
    return size > 0 && size <= most && !value[size];
}

/* As a browser sends it: without a path. The transport looks at the host more closely. */
static bool check_origin(const char *value, char *ret_complaint)
{
    const char *host = strstr(value, "://");

    if (strcmp(value, "*") != 0 && (!host || host == value || !host[3] || strpbrk(host + 3, "/ ")))
        return complain(ret_complaint, "needs SCHEME://HOST, such as https://chat.example, or * for any");
    return true;
}

static bool check_path(const char *value, char *ret_complaint)
{
    return *value || complain(ret_complaint, "needs a path");
}

static bool check_text(const char *value, char *ret_complaint)
{
    return *value || complain(ret_complaint, "needs a value");
}

static bool check_stage(const char *value, char *ret_complaint)
{
    return consists_of(value, 128, "_-") || complain(ret_complaint, "needs 1 to 128 letters, digits, _ or -");
}

static bool check_word(const char *value, char *ret_complaint)
{
    return consists_of(value, 64, "-") || complain(ret_complaint, "needs 1 to 64 letters, digits or -");
}

static bool check_account(const char *value, char *ret_complaint)
{
    return (strlen(value) == 12 && strspn(value, "0123456789") == 12) || complain(ret_complaint, "needs 12 digits");
}

static bool check_domain(const char *value, char *ret_complaint)
{
    return consists_of(value, 255, "-.:[]") || complain(ret_complaint, "needs a host, such as chat.example");
}

static bool check_metrics(const char *value, char *ret_complaint)
{
    return (*value == '/' && consists_of(value, 255, "/-._~")) ||
           complain(ret_complaint, "needs a path that begins with /, such as /metrics");
}

/* Of which form each option is, and where its value stands. */
static const struct form {
    enum { NO_OPTION, TEXT, LIST, SWITCH, CHOICE, NUMBER, MEBIBYTES, RATE } kind;
    size_t offset;
    check_fn *check;
    const struct value_choice *choices;
} forms[OPTION_COUNT] = {
    [CONFIG] = {TEXT, offsetof(struct options, config), check_path, NULL},
    [LISTEN] = {LIST, offsetof(struct options, listen), value_address, NULL},
    [ORIGIN] = {LIST, offsetof(struct options, origins), check_origin, NULL},
    [DATA] = {TEXT, offsetof(struct options, data), check_path, NULL},
    [MEMORY] = {SWITCH, offsetof(struct options, memory), NULL, value_switches},
    [STAGE] = {TEXT, offsetof(struct options, stage), check_stage, NULL},
    [MODE] = {CHOICE, offsetof(struct options, mode), NULL, modes},
    [KEEP_EMPTY_ROOMS] = {SWITCH, offsetof(struct options, keep_empty_rooms), NULL, value_switches},
    [NO_RATE_LIMITS] = {SWITCH, offsetof(struct options, no_rate_limits), NULL, value_switches},
    [THREADS] = {NUMBER, offsetof(struct options, threads), NULL, NULL},
    [PROFILE] = {SWITCH, offsetof(struct options, aws), NULL, profiles},
    [DURABILITY] = {CHOICE, offsetof(struct options, durability), NULL, durabilities},
    [VERIFY] = {CHOICE, offsetof(struct options, verify), NULL, looks},
    [RESERVE] = {MEBIBYTES, offsetof(struct options, reserve_mib), NULL, NULL},
    [LOG_LEVEL] = {CHOICE, offsetof(struct options, log_level), NULL, levels},
    [CHAT] = {SWITCH, offsetof(struct options, chat), NULL, value_switches},
    [ROUTE_SELECTION] = {TEXT, offsetof(struct options, route_selection), check_text, NULL},
    [API_ID] = {TEXT, offsetof(struct options, api_id), check_word, NULL},
    [REGION] = {TEXT, offsetof(struct options, region), check_word, NULL},
    [ACCOUNT_ID] = {TEXT, offsetof(struct options, account_id), check_account, NULL},
    [DOMAIN_NAME] = {TEXT, offsetof(struct options, domain), check_domain, NULL},
    [SECURE] = {SWITCH, offsetof(struct options, secure), NULL, value_switches},
    [THROTTLE] = {RATE, offsetof(struct options, throttle), NULL, NULL},
    [METRICS] = {TEXT, offsetof(struct options, metrics), check_metrics, NULL},
    [ACCESS_LOG] = {TEXT, offsetof(struct options, access_log), check_text, NULL},
    [ACCESS_LOG_FILE] = {TEXT, offsetof(struct options, access_log_file), check_path, NULL},
    [DEBUG_REFUSALS] = {SWITCH, offsetof(struct options, debug_refusals), NULL, value_switches},
    [VERIFY_STORE] = {SWITCH, offsetof(struct options, verify_store), NULL, value_switches},
    [CHECK] = {SWITCH, offsetof(struct options, check), NULL, value_switches},
};

static bool set_text(const struct form *form, char **text, const char *value, char *ret_complaint)
{
    char *copy;

    if (!form->check(value, ret_complaint))
        return false;
    copy = strdup(value);
    if (!copy)
        return complain(ret_complaint, "there is not enough memory");
    free(*text);
    *text = copy;
    return true;
}

static bool add(const struct form *form, struct options_list *list, const char *value, char *ret_complaint)
{
    if (list->count == OPTIONS_LIST_MOST)
        return complain(ret_complaint, "is given more than 16 times");
    if (!set_text(form, &list->items[list->count], value, ret_complaint))
        return false;
    list->count++;
    return true;
}

static bool set_switch(const struct form *form, bool *place, const char *value, char *ret_complaint)
{
    int number = 0;
    bool ok = value_choose(form->choices, value, &number, ret_complaint);

    *place = number;
    return ok;
}

static bool set_option(const struct form *form, void *place, const char *value, char *ret_complaint)
{
    switch (form->kind) {
    case TEXT:
        return set_text(form, place, value, ret_complaint);
    case LIST:
        return add(form, place, value, ret_complaint);
    case SWITCH:
        return set_switch(form, place, value, ret_complaint);
    case CHOICE:
        return value_choose(form->choices, value, place, ret_complaint);
    case NUMBER:
        return value_number(value, 0, THREADS_MOST, place, ret_complaint);
    case MEBIBYTES:
        return value_number(value, 0, RESERVE_MOST, place, ret_complaint);
    case RATE:
        return value_throttle(value, place, ret_complaint);
    default:
        return complain(ret_complaint, "is no option");
    }
}

bool source_take(struct source *s, enum option_name option, const char *name, const char *value)
{
    const struct form *form = &forms[option];
    char complaint[VALUE_COMPLAINT_BYTES];

    if (s->given[option] && form->kind != LIST)
        return source_refuse_option(s, name, "is given twice");
    s->given[option] = s->file ? s->line : 1;
    return set_option(form, (char *)&s->values + form->offset, value, complaint) ||
           source_refuse_option(s, name, complaint);
}

/* ---- moving ------------------------------------------------------------------------------------------------------ */

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

void source_move(struct source *s, enum option_name option, struct options *options)
{
    static const size_t sizes[] = {[SWITCH] = sizeof(bool),
                                   [CHOICE] = sizeof(int),
                                   [NUMBER] = sizeof(unsigned),
                                   [MEBIBYTES] = sizeof(unsigned),
                                   [RATE] = sizeof(struct value_throttle)};
    const struct form *form = &forms[option];
    void *to = (char *)options + form->offset, *from = (char *)&s->values + form->offset;

    if (form->kind == TEXT)
        move_text(to, from);
    else if (form->kind == LIST)
        move_list(to, from);
    else if (form->kind != NO_OPTION)
        memcpy(to, from, sizes[form->kind]);
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
    if (o->memory && s->given[VERIFY])
        return source_refuse_option(s, "memory", "contradicts verify: memory is not on a disk");
    if (o->memory && s->given[RESERVE])
        return source_refuse_option(s, "memory", "contradicts reserve: memory is not on a disk");
    if (o->memory && s->given[VERIFY_STORE])
        return source_refuse_option(s, "memory", "contradicts verify-store: memory is not on a disk");
    s->line = s->given[ORIGIN];
    if (o->origins.count > 1 && has(&o->origins, "*"))
        return source_refuse_option(s, "origin", "* means any already; it stands alone");
    s->line = s->given[KEEP_EMPTY_ROOMS];
    if (o->keep_empty_rooms && s->given[MODE] && o->mode == CHATROOM_CHAT_SIMPLE)
        return source_refuse_option(s, "keep-empty-rooms", "contradicts mode: there are no rooms in simple mode");
    return true;
}

/* The source that said it, with its line, so that a refusal names both. */
static struct source *who_said(struct source *file, struct source *flags, enum option_name option)
{
    struct source *s = flags->given[option] ? flags : file;

    s->line = s->given[option];
    return s->line ? s : NULL;
}

/* As the chat's clients do. */
static bool selects_action(const struct options *o)
{
    return !o->route_selection || strcmp(o->route_selection, "$request.body.action") == 0 ||
           strcmp(o->route_selection, "${request.body.action}") == 0;
}

/* Whether somebody else answers there, before the counters could. */
static bool check_metrics_path(struct source *file, struct source *flags, const struct options *o)
{
    struct source *s = who_said(file, flags, METRICS);

    if (s && strcmp(o->metrics, "/health") == 0)
        return source_refuse_option(s, "metrics", "contradicts /health, which answers there already");
    if (s && strcmp(o->metrics + 1, o->stage) == 0)
        return source_refuse_option(s, "metrics", "contradicts stage: the WebSocket is at that path");
    return true;
}

bool source_check_both(struct source *file, struct source *flags, const struct options *o)
{
    static const struct {
        enum option_name option;
        const char *name;
    } of_chat[] = {{MODE, "mode"}, {KEEP_EMPTY_ROOMS, "keep-empty-rooms"}};
    struct source *s;

    for (size_t i = 0; i < sizeof of_chat / sizeof of_chat[0]; i++)
        if (!o->chat && (s = who_said(file, flags, of_chat[i].option)))
            return source_refuse_option(s, of_chat[i].name,
                                        "is the chat's, which beside [route] sections needs chat = yes");
    if (o->chat && !selects_action(o) && (s = who_said(file, flags, ROUTE_SELECTION)))
        return source_refuse_option(s, "route-selection",
                                    "contradicts chat = yes: its messages say in action what they want");
    if (!o->access_log && (s = who_said(file, flags, ACCESS_LOG_FILE)))
        return source_refuse_option(s, "access-log-file", "needs access-log, the format of its lines");
    return check_metrics_path(file, flags, o);
}
