#include <chatroom/policy.h>

#include "octet.h"

#include <chatroom/json.h>

/* An escape of JSON takes six bytes for one, at most; and two quotes. */
#define RAW_MOST (6 * CHATROOM_POLICY_PATTERN_MOST + 2)

/* ---- one value or a list of them ---- */

struct each {
    struct chatroom_json_value value;
    struct chatroom_json_walk walk;
    bool single;
};

/* NONE gives nothing. */
static struct each each_of(const struct chatroom_json_value *value)
{
    bool list = value->type == CHATROOM_JSON_ARRAY;
    struct each each = {*value, chatroom_json_each(list ? value->raw : chatroom_bytes(NULL, 0)),
                        !list && value->type != CHATROOM_JSON_NONE};

    return each;
}

static bool next(struct each *each, struct chatroom_json_value *ret_value)
{
    struct chatroom_json_member item;

    if (chatroom_json_next(&each->walk, &item)) {
        *ret_value = item.value;
        return true;
    }
    if (!each->single)
        return false;
    each->single = false;
    *ret_value = each->value;
    return true;
}

/* Of an object that has it at most once. */
static struct chatroom_json_value element(chatroom_span object, const char *name)
{
    struct chatroom_json_value value = {0};

    chatroom_json_get(object, chatroom_str(name), &value);
    return value;
}

/* False: it is not a string, or longer than any that is evaluated. */
static bool text_of(const struct chatroom_json_value *value, char buffer[RAW_MOST], chatroom_span *ret_text)
{
    if (value->type != CHATROOM_JSON_STRING || value->raw.size > RAW_MOST)
        return false;
    (void)chatroom_json_text(value, buffer, ret_text);
    return ret_text->size <= CHATROOM_POLICY_PATTERN_MOST;
}

static bool is_text(const struct chatroom_json_value *value, const char *wanted)
{
    char buffer[RAW_MOST];
    chatroom_span text;

    return text_of(value, buffer, &text) && chatroom_span_equal(text, chatroom_str(wanted));
}

/* ---- patterns ---- */

/* How many bytes a character takes, the rest of a damaged one counted in. */
static size_t character_size(chatroom_span text, size_t at)
{
    size_t size = 1;

    while (at + size < text.size && ((unsigned char)text.bytes[at + size] & 0xC0) == 0x80)
        size++;
    return size;
}

/*
 * Only the last '*' is ever tried again: whatever an earlier one could take instead, the last one can take as well. So
 * it ends after one walk over text for each place in it.
 */
static bool matches(chatroom_span pattern, chatroom_span text, bool fold)
{
    size_t p = 0, t = 0, star = SIZE_MAX, taken = 0; /* taken: where the text goes on behind what the last '*' took */

    while (t < text.size) {
        if (p < pattern.size && pattern.bytes[p] == '*') {
            star = p++;
            taken = t;
        } else if (p < pattern.size && pattern.bytes[p] == '?') {
            p++;
            t += character_size(text, t);
        } else if (p < pattern.size &&
                   (fold ? cr_lower(pattern.bytes[p]) == cr_lower(text.bytes[t]) : pattern.bytes[p] == text.bytes[t])) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            taken += character_size(text, taken);
            t = taken;
            p = star + 1;
        } else {
            return false;
        }
    }
    while (p < pattern.size && pattern.bytes[p] == '*')
        p++;
    return p == pattern.size;
}

/* ---- checking ---- */

#define SENTENCE_SIZE 300 /* more than an error holds, which is cut at a character */

static void append(char text[SENTENCE_SIZE], chatroom_span piece)
{
    size_t used = strlen(text), room = SENTENCE_SIZE - 1 - used;

    if (piece.size > room)
        piece.size = room;
    if (piece.size > 0)
        memcpy(text + used, piece.bytes, piece.size);
    text[used + piece.size] = '\0';
}

static int refuse(struct chatroom_error *error, const char *before, chatroom_span name, const char *behind)
{
    char text[SENTENCE_SIZE] = "";

    append(text, chatroom_str(before));
    append(text, name);
    append(text, chatroom_str(behind));
    return chatroom_error_set(error, CHATROOM_EINVAL, text);
}

static int refuse_text(struct chatroom_error *error, const char *text)
{
    return chatroom_error_set(error, CHATROOM_EINVAL, text);
}

/* As it is written: with an escape it is another one. */
static bool is_one_of(const struct chatroom_json_member *member, const char *const *names)
{
    for (; *names; names++)
        if (chatroom_span_equal(member->name, chatroom_str(*names)))
            return true;
    return false;
}

#define ELEMENTS_MOST 4

/* An object has nothing but these elements, each once. */
static int check_elements(chatroom_span object, const char *const *names, struct chatroom_error *error)
{
    struct chatroom_json_member members[ELEMENTS_MOST + 1];
    struct chatroom_json_value unused;
    size_t count;

    chatroom_json_scan(object, NULL, members, ELEMENTS_MOST + 1, &count);
    for (size_t i = 0; i < count && i <= ELEMENTS_MOST; i++)
        if (!is_one_of(&members[i], names))
            return refuse(error, "A policy has the element ", members[i].name, ", which is not evaluated here.");
    for (; *names; names++)
        if (chatroom_json_get(object, chatroom_str(*names), &unused) == CHATROOM_EAMBIGUOUS)
            return refuse(error, "A policy has the element ", chatroom_str(*names), " twice in one object.");
    return CHATROOM_OK;
}

static bool has_variable(chatroom_span text)
{
    for (size_t i = 0; i + 1 < text.size; i++)
        if (text.bytes[i] == '$' && text.bytes[i + 1] == '{')
            return true;
    return false;
}

static int check_patterns(chatroom_span statement, const char *name, struct chatroom_error *error)
{
    struct chatroom_json_value patterns = element(statement, name), pattern;
    struct each each = each_of(&patterns);
    size_t count = 0;

    for (; next(&each, &pattern); count++) {
        char buffer[RAW_MOST];
        chatroom_span text;

        if (!text_of(&pattern, buffer, &text))
            return refuse(error, "A policy's ", chatroom_str(name),
                          " is neither a string of at most 512 bytes nor a list of them.");
        if (has_variable(text))
            return refuse(error, "A policy's ", chatroom_str(name), " has a variable, which is not evaluated here.");
    }
    if (count == 0)
        return refuse(error, "A policy's statement has no ", chatroom_str(name), ".");
    return CHATROOM_OK;
}

static int check_statement(const struct chatroom_json_value *statement, struct chatroom_error *error)
{
    static const char *const names[] = {"Sid", "Effect", "Action", "Resource", NULL};
    struct chatroom_json_value effect, sid;
    int result;

    if (statement->type != CHATROOM_JSON_OBJECT)
        return refuse_text(error, "A policy's Statement is neither an object nor a list of objects.");
    result = check_elements(statement->raw, names, error);
    if (result)
        return result;
    sid = element(statement->raw, "Sid");
    if (sid.type != CHATROOM_JSON_NONE && sid.type != CHATROOM_JSON_STRING)
        return refuse_text(error, "A policy's Sid is not a string.");
    effect = element(statement->raw, "Effect");
    if (!is_text(&effect, "Allow") && !is_text(&effect, "Deny"))
        return refuse_text(error, "A policy's Effect is neither Allow nor Deny.");
    result = check_patterns(statement->raw, "Action", error);
    return result ? result : check_patterns(statement->raw, "Resource", error);
}

static int check_head(chatroom_span document, struct chatroom_error *error)
{
    static const char *const names[] = {"Version", "Id", "Statement", NULL};
    struct chatroom_json_value version = element(document, "Version"), id = element(document, "Id");
    int result = check_elements(document, names, error);

    if (result)
        return result;
    if (version.type != CHATROOM_JSON_NONE && !is_text(&version, "2012-10-17") && !is_text(&version, "2008-10-17"))
        return refuse_text(error, "A policy's Version is neither 2012-10-17 nor 2008-10-17.");
    if (id.type != CHATROOM_JSON_NONE && id.type != CHATROOM_JSON_STRING)
        return refuse_text(error, "A policy's Id is not a string.");
    return CHATROOM_OK;
}

int chatroom_policy_check(chatroom_span document, struct chatroom_error *error)
{
    struct chatroom_json_value value, statements, statement;
    struct each each;
    size_t count;
    int result = chatroom_json_scan(document, &value, NULL, 0, &count);

    if (result)
        return chatroom_error_set(error, result, "A policy is not valid JSON.");
    if (value.type != CHATROOM_JSON_OBJECT)
        return refuse_text(error, "A policy is not an object.");
    result = check_head(value.raw, error);
    if (result)
        return result;
    statements = element(value.raw, "Statement");
    if (statements.type == CHATROOM_JSON_NONE)
        return refuse_text(error, "A policy has no Statement.");
    each = each_of(&statements);
    while (!result && next(&each, &statement))
        result = check_statement(&statement, error);
    return result;
}

/* ---- evaluating ---- */

static bool any_matches(chatroom_span statement, const char *name, chatroom_span text, bool fold)
{
    struct chatroom_json_value patterns = element(statement, name), value;
    struct each each = each_of(&patterns);

    while (next(&each, &value)) {
        char buffer[RAW_MOST];
        chatroom_span pattern;

        if (text_of(&value, buffer, &pattern) && matches(pattern, text, fold))
            return true;
    }
    return false;
}

enum chatroom_policy_effect chatroom_policy_evaluate(chatroom_span document, chatroom_span action,
                                                     chatroom_span resource)
{
    struct chatroom_json_value statements = element(document, "Statement"), statement;
    struct each each = each_of(&statements);
    enum chatroom_policy_effect found = CHATROOM_POLICY_NONE;

    while (found != CHATROOM_POLICY_DENY && next(&each, &statement)) {
        struct chatroom_json_value effect = element(statement.raw, "Effect");

        if (any_matches(statement.raw, "Action", action, true) &&
            any_matches(statement.raw, "Resource", resource, false))
            found = is_text(&effect, "Allow") ? CHATROOM_POLICY_ALLOW : CHATROOM_POLICY_DENY;
    }
    return found;
}
