/*
 * Any text as chatroomd's file. What is refused is refused in one line of text that begins with the file's name or an
 * option. What is taken keeps to what the headers promise, and says the same when comments and empty lines stand
 * between its lines.
 */
#include "fuzz.h"

#include "options.h"
#include "section.h"

#include <chatroom/utf8.h>

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- reading ---- */

/* Through a file without a name. */
static bool read_text(const char *text, size_t size, struct options *ret_options, struct chatroom_error *ret_error)
{
    int fd = memfd_create("settings", MFD_CLOEXEC);
    char path[64], *argv[] = {(char *)"chatroomd", (char *)"--config", path, NULL};
    bool ok;

    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    REQUIRE(fd >= 0 && write(fd, text, size) == (ssize_t)size);
    ok = options_read(3, argv, ret_options, ret_error);
    close(fd);
    return ok;
}

static void check_refusal(const struct chatroom_error *error)
{
    size_t size = strlen(error->text);

    REQUIRE(error->code == CHATROOM_EINVAL && size > 0 && size < sizeof error->text);
    REQUIRE(!strchr(error->text, '\n'));
    REQUIRE(strncmp(error->text, "/proc/self/fd/", 14) == 0 || strncmp(error->text, "--", 2) == 0);
}

/* ---- what it says, as text ---- */

static void say(FILE *out, const char *text)
{
    fprintf(out, "%zu:%s\n", text ? strlen(text) : 0, text ? text : "-");
}

static void say_list(FILE *out, const struct options_list *list)
{
    REQUIRE(list->count <= OPTIONS_LIST_MOST);
    for (size_t i = 0; i < list->count; i++)
        say(out, list->items[i]);
}

static void say_throttle(FILE *out, const struct value_throttle *throttle)
{
    REQUIRE((throttle->rate == 0) == (throttle->burst == 0));
    fprintf(out, "%u/%u\n", throttle->rate, throttle->burst);
}

/* The number of a list stands behind its items. */
static size_t count_of(const void *list, size_t size, unsigned most)
{
    size_t count;

    memcpy(&count, (const char *)list + most * size, sizeof count);
    REQUIRE(count <= most);
    return count;
}

static void say_texts(FILE *out, const char *const *texts, unsigned most)
{
    for (size_t i = 0, count = count_of(texts, sizeof *texts, most); i < count; i++)
        say(out, texts[i]);
}

static void say_pairs(FILE *out, const struct gateway_pair *pairs, unsigned most)
{
    for (size_t i = 0, count = count_of(pairs, sizeof *pairs, most); i < count; i++) {
        say(out, pairs[i].name);
        say(out, pairs[i].value);
    }
}

static void say_responses(FILE *out, const struct gateway_response *responses, unsigned most)
{
    for (size_t i = 0, count = count_of(responses, sizeof *responses, most); i < count; i++) {
        REQUIRE(responses[i].status == 0 || (responses[i].status >= 200 && responses[i].status <= 599));
        fprintf(out, "%u\n", responses[i].status);
        say(out, responses[i].key);
        say(out, responses[i].body);
    }
}

static void say_number(FILE *out, const struct section_key *key, const struct gateway_section *section)
{
    unsigned number = *(const unsigned *)(const void *)((const char *)section + key->offset);

    REQUIRE(number <= key->most);
    fprintf(out, "%u\n", number);
}

static void say_value(FILE *out, const struct section_key *key, const struct gateway_section *section)
{
    const void *place = (const char *)section + key->offset;

    switch (key->form) {
    case FORM_SWITCH:
    case FORM_CHOICE:
        fprintf(out, "%d\n", *(const int *)place);
        break;
    case FORM_NUMBER:
        say_number(out, key, section);
        break;
    case FORM_THROTTLE:
        say_throttle(out, place);
        break;
    case FORM_ADDRESSES:
    case FORM_TEXTS:
        say_texts(out, place, key->most);
        break;
    case FORM_PAIRS:
        say_pairs(out, place, key->most);
        break;
    case FORM_RESPONSES:
        say_responses(out, place, key->most);
        break;
    default:
        say(out, *(const char *const *)place);
        break;
    }
}

static void say_section(FILE *out, const struct gateway_section *section)
{
    const struct section_key *key = section_kinds[section->kind].keys;
    const struct gateway_variables *variables = (const void *)section;

    say(out, section->title);
    say(out, section->name);
    REQUIRE((*section->name != '\0') == section_kinds[section->kind].named);
    for (; key && key->name; key++)
        say_value(out, key, section);
    if (!section_kinds[section->kind].keys)
        say_pairs(out, variables->items, GATEWAY_VARIABLES_MOST);
}

static void say_options(FILE *out, const struct options *o)
{
    const char *const texts[] = {o->data,       o->stage,  o->route_selection, o->api_id,     o->region,
                                 o->account_id, o->domain, o->metrics,         o->access_log, o->access_log_file};

    REQUIRE(o->listen.count > 0 && o->wish == OPTIONS_RUN && !o->check);
    REQUIRE(o->stage && o->stage[0] && strlen(o->stage) <= 128);
    say_list(out, &o->listen);
    say_list(out, &o->origins);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        say(out, texts[i]);
    fprintf(out, "%d %d %d %d %u %d %d %d %d %d %d\n", o->memory, o->mode, o->keep_empty_rooms, o->no_rate_limits,
            o->threads, o->aws, o->durability, o->log_level, o->chat, o->secure, o->debug_refusals);
    say_throttle(out, &o->throttle);
    for (size_t kind = 0; kind < GATEWAY_KINDS; kind++)
        for (const struct gateway_section *s = o->gateway.first[kind]; s; s = s->next)
            say_section(out, s);
}

static char *account_of(const struct options *options)
{
    char *account;
    size_t size;
    FILE *out = open_memstream(&account, &size);

    REQUIRE(out);
    say_options(out, options);
    REQUIRE(fclose(out) == 0);
    return account;
}

/* ---- with comments ---- */

/* Behind every line but the last; what has no end has no line behind it. */
static size_t spread(const uint8_t *bytes, size_t size, char *ret_text)
{
    static const char comment[] = "  # route = x\n\n; [route x]\n";
    size_t at = 0;

    for (size_t i = 0; i < size; i++) {
        ret_text[at++] = (char)bytes[i];
        if (bytes[i] != '\n')
            continue;
        memcpy(ret_text + at, comment, sizeof comment - 1);
        at += sizeof comment - 1;
    }
    return at;
}

static void check_spread(const uint8_t *bytes, size_t size, const char *account)
{
    char *text = malloc(size * 32 + 1), *other;
    struct options options;
    struct chatroom_error error;
    bool ok;

    REQUIRE(text);
    ok = read_text(text, spread(bytes, size, text), &options, &error);
    REQUIRE(ok == (account != NULL));
    if (ok) {
        other = account_of(&options);
        REQUIRE(strcmp(account, other) == 0);
        free(other);
        options_fini(&options);
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct options options;
    struct chatroom_error error;
    char *account = NULL;

    if (read_text((const char *)bytes, size, &options, &error)) {
        account = account_of(&options);
        options_fini(&options);
    } else {
        check_refusal(&error);
    }
    check_spread(bytes, size, account);
    free(account);
    return 0;
}
