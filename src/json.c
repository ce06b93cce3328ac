#include <chatroom/json.h>

#include "octet.h"

#include <chatroom/utf8.h>

/* ---- scanning ---- */

/* What is left of a text. */
struct cursor {
    const char *at, *end;
};

static struct cursor cursor_on(chatroom_span text)
{
    static const char nothing[1] = ""; /* nothing is added to a null pointer */
    const char *from = text.bytes ? text.bytes : nothing;
    struct cursor c = {from, from + text.size};

    return c;
}

static void skip_space(struct cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\n' || *c->at == '\r' || *c->at == '\t'))
        c->at++;
}

static bool is_digit(const struct cursor *c)
{
    return c->at < c->end && *c->at >= '0' && *c->at <= '9';
}

static bool take(struct cursor *c, char wanted)
{
    if (c->at == c->end || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

static bool skip_digits(struct cursor *c)
{
    if (!is_digit(c))
        return false;
    while (is_digit(c))
        c->at++;
    return true;
}

static bool skip_number(struct cursor *c)
{
    take(c, '-');
    if (!take(c, '0') && !skip_digits(c))
        return false;
    if (take(c, '.') && !skip_digits(c))
        return false;
    if (take(c, 'e') || take(c, 'E')) {
        if (!take(c, '+'))
            take(c, '-');
        return skip_digits(c);
    }
    return true;
}

static bool skip_word(struct cursor *c, const char *word)
{
    size_t size = strlen(word);

    if ((size_t)(c->end - c->at) < size || memcmp(c->at, word, size) != 0)
        return false;
    c->at += size;
    return true;
}

/* The four digits of \uXXXX. -1: they are none. */
static int32_t take_unit(struct cursor *c)
{
    int32_t unit = 0;

    if (c->end - c->at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = cr_hex_digit(*c->at++);

        if (digit < 0)
            return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

/* The code point of an escape whose \u has been taken, both halves of a surrogate pair. -1: not valid. */
static int32_t take_code_point(struct cursor *c)
{
    int32_t unit = take_unit(c), low;

    if (unit < 0xD800 || unit > 0xDFFF)
        return unit;
    if (unit > 0xDBFF || !take(c, '\\') || !take(c, 'u'))
        return -1;
    low = take_unit(c);
    if (low < 0xDC00 || low > 0xDFFF)
        return -1;
    return 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
}

static bool skip_escape(struct cursor *c)
{
    if (c->at == c->end)
        return false;
    if (take(c, 'u'))
        return take_code_point(c) >= 0;
    return memchr("\"\\/bfnrt", *c->at++, 8) != NULL;
}

#define EACH_OCTET UINT64_C(0x0101010101010101)

/* How many octets of a word in memory stand before the one that has the lowest bit; 0 where that is not known. */
static size_t first_octet(uint64_t word)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return (size_t)__builtin_ctzll(word) / 8;
#else
    (void)word;
    return 0;
#endif
}

/* Is there an octet of value 0? What has the high bit may count as well, and what stands above one that does. */
static uint64_t has_zero(uint64_t word)
{
    return (word - EACH_OCTET) & 0x80 * EACH_OCTET;
}

/* The high bit of the first octet that does not mean itself inside a string or is not ASCII, and any above it. */
static uint64_t find_special(uint64_t word)
{
    return (word | (word - 0x20 * EACH_OCTET) | has_zero(word ^ '"' * EACH_OCTET) |
            has_zero(word ^ '\\' * EACH_OCTET)) &
           0x80 * EACH_OCTET;
}

/* How many octets from here on mean themselves inside a string, and are ASCII: eight at a time, so some may be missed.
 */
static size_t plain_run(const char *at, size_t left)
{
    size_t run = 0;
    uint64_t word;

    for (; left - run >= sizeof word; run += sizeof word) {
        uint64_t special;

        memcpy(&word, at + run, sizeof word);
        special = find_special(word);
        if (special != 0)
            return run + first_octet(special);
    }
    return run;
}

/* A string from its opening quote on; UTF-8 is checked run by run. */
static bool skip_string(struct cursor *c, bool *ret_escaped)
{
    *ret_escaped = false;
    if (!take(c, '"'))
        return false;
    for (;;) {
        const char *run = c->at;
        unsigned char all = 0;

        c->at += plain_run(c->at, (size_t)(c->end - c->at));
        while (c->at < c->end && *c->at != '"' && *c->at != '\\' && (unsigned char)*c->at >= 0x20)
            all |= (unsigned char)*c->at++;
        if (all >= 0x80 && !chatroom_utf8_valid(chatroom_bytes(run, (size_t)(c->at - run))))
            return false;
        if (take(c, '"'))
            return true;
        if (!take(c, '\\') || !skip_escape(c))
            return false;
        *ret_escaped = true;
    }
}

static enum chatroom_json_type type_at(const struct cursor *c)
{
    if (c->at == c->end)
        return CHATROOM_JSON_NONE;
    switch (*c->at) {
    case '{':
        return CHATROOM_JSON_OBJECT;
    case '[':
        return CHATROOM_JSON_ARRAY;
    case '"':
        return CHATROOM_JSON_STRING;
    case 't':
        return CHATROOM_JSON_TRUE;
    case 'f':
        return CHATROOM_JSON_FALSE;
    case 'n':
        return CHATROOM_JSON_NULL;
    default:
        return CHATROOM_JSON_NUMBER;
    }
}

static bool skip_scalar(struct cursor *c, enum chatroom_json_type type, bool *ret_escaped)
{
    switch (type) {
    case CHATROOM_JSON_STRING:
        return skip_string(c, ret_escaped);
    case CHATROOM_JSON_NUMBER:
        return skip_number(c);
    case CHATROOM_JSON_TRUE:
        return skip_word(c, "true");
    case CHATROOM_JSON_FALSE:
        return skip_word(c, "false");
    case CHATROOM_JSON_NULL:
        return skip_word(c, "null");
    default:
        return false;
    }
}

static bool skip_name(struct cursor *c, struct chatroom_json_member *member)
{
    const char *from = c->at + 1;

    if (!skip_string(c, &member->name_escaped))
        return false;
    member->name = chatroom_bytes(from, (size_t)(c->at - 1 - from));
    skip_space(c);
    if (!take(c, ':'))
        return false;
    skip_space(c);
    return true;
}

/*
 * Skips an array or object. objects has a bit a level: is it an object? depth counts the levels that are open; the loop
 * stands before a value, or before the end of an empty bracket, at its top.
 */
static bool skip_nested(struct cursor *c, unsigned depth)
{
    uint64_t objects = 0;
    unsigned base = depth;

    for (;;) {
        struct chatroom_json_member unused;
        enum chatroom_json_type type = type_at(c);
        bool escaped;

        if (type == CHATROOM_JSON_OBJECT || type == CHATROOM_JSON_ARRAY) {
            bool object = type == CHATROOM_JSON_OBJECT;

            if (depth == CHATROOM_JSON_DEPTH)
                return false;
            depth++;
            objects = objects << 1 | object;
            c->at++;
            skip_space(c);
            if (!take(c, object ? '}' : ']')) {
                if (object && !skip_name(c, &unused))
                    return false;
                continue;
            }
            depth--;
            objects >>= 1;
        } else if (!skip_scalar(c, type, &escaped)) {
            return false;
        }
        for (;;) { /* behind a value: the next one, or the end of its bracket */
            if (depth == base)
                return true;
            skip_space(c);
            if (take(c, ',')) {
                skip_space(c);
                if ((objects & 1) && !skip_name(c, &unused))
                    return false;
                break;
            }
            if (!take(c, objects & 1 ? '}' : ']'))
                return false;
            depth--;
            objects >>= 1;
        }
    }
}

static bool skip_value(struct cursor *c, unsigned depth, struct chatroom_json_value *value)
{
    const char *from = c->at;

    value->type = type_at(c);
    value->escaped = false;
    if (value->type == CHATROOM_JSON_OBJECT || value->type == CHATROOM_JSON_ARRAY) {
        if (!skip_nested(c, depth))
            return false;
    } else if (!skip_scalar(c, value->type, &value->escaped)) {
        return false;
    }
    value->raw = chatroom_bytes(from, (size_t)(c->at - from));
    return true;
}

/* An object member by member: false at its end or at an error; then c->at == NULL tells the error. first: behind the
 * '{'. */
static bool next_member(struct cursor *c, bool first, struct chatroom_json_member *member)
{
    skip_space(c);
    if (take(c, '}'))
        return false;
    if (!first) {
        if (!take(c, ',')) {
            c->at = NULL;
            return false;
        }
        skip_space(c);
    }
    if (skip_name(c, member) && skip_value(c, 1, &member->value))
        return true;
    c->at = NULL;
    return false;
}

static bool scan_object(struct cursor *c, struct chatroom_json_member *members, size_t capacity, size_t *ret_count)
{
    struct chatroom_json_member member;
    size_t count = 0;

    c->at++;
    while (next_member(c, count == 0, &member)) {
        if (count < capacity)
            members[count] = member;
        count++;
    }
    *ret_count = count;
    return c->at != NULL;
}

int chatroom_json_scan(chatroom_span text, struct chatroom_json_value *ret_value, struct chatroom_json_member *members,
                       size_t capacity, size_t *ret_count)
{
    struct cursor c = cursor_on(text);
    const char *from;
    struct chatroom_json_value value = {0};
    size_t count = 0;

    skip_space(&c);
    if (type_at(&c) == CHATROOM_JSON_OBJECT) {
        from = c.at;
        if (!scan_object(&c, members, capacity, &count))
            return CHATROOM_EJSON;
        value.type = CHATROOM_JSON_OBJECT;
        value.raw = chatroom_bytes(from, (size_t)(c.at - from));
    } else if (!skip_value(&c, 0, &value)) {
        return CHATROOM_EJSON;
    }
    skip_space(&c);
    if (c.at != c.end)
        return CHATROOM_EJSON;
    *ret_count = count;
    if (ret_value)
        *ret_value = value;
    return CHATROOM_OK;
}

/* ---- walking ---- */

struct chatroom_json_value chatroom_json_value(chatroom_span text)
{
    struct cursor c = cursor_on(text);
    struct chatroom_json_value value = {0};

    skip_space(&c);
    while (c.end > c.at && (c.end[-1] == ' ' || c.end[-1] == '\n' || c.end[-1] == '\r' || c.end[-1] == '\t'))
        c.end--;
    value.type = type_at(&c);
    value.raw = chatroom_bytes(c.at, (size_t)(c.end - c.at));
    value.escaped = value.type == CHATROOM_JSON_STRING && memchr(value.raw.bytes, '\\', value.raw.size);
    return value;
}

struct chatroom_json_walk chatroom_json_each(chatroom_span raw)
{
    struct cursor c = cursor_on(raw);
    struct chatroom_json_walk walk = {0};

    skip_space(&c);
    if (take(&c, '{'))
        walk.bracket = '}';
    else if (take(&c, '['))
        walk.bracket = ']';
    walk.at = c.at;
    walk.end = c.end;
    return walk;
}

/* Stands before an element or a member, or at the end. False: at the end, or the text was not valid. */
static bool step(struct cursor *c, const struct chatroom_json_walk *walk, struct chatroom_json_member *ret_member)
{
    skip_space(c);
    if (take(c, walk->bracket))
        return false;
    if (walk->started) {
        if (!take(c, ','))
            return false;
        skip_space(c);
    }
    ret_member->name = chatroom_bytes(NULL, 0);
    ret_member->name_escaped = false;
    return (walk->bracket == ']' || skip_name(c, ret_member)) && skip_value(c, 1, &ret_member->value);
}

bool chatroom_json_next(struct chatroom_json_walk *walk, struct chatroom_json_member *ret_member)
{
    struct cursor c = {walk->at, walk->end};

    if (!walk->bracket)
        return false;
    if (!step(&c, walk, ret_member))
        walk->bracket = '\0';
    walk->at = c.at;
    walk->started = true;
    return walk->bracket != '\0';
}

/* ---- looking up ---- */

static size_t put_utf8(char *to, uint32_t code_point)
{
    if (code_point < 0x80) {
        to[0] = (char)code_point;
        return 1;
    }
    size_t size = code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;

    for (size_t i = size - 1; i > 0; i--, code_point >>= 6)
        to[i] = (char)(0x80 | (code_point & 0x3F));
    to[0] = (char)((0xF00 >> size & 0xFF) | code_point);
    return size;
}

/* The next code unit run of a valid string's inside: one escape, decoded, or one plain octet. */
static size_t decode_one(struct cursor *c, char ret_bytes[4])
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";

    if (*c->at != '\\') {
        ret_bytes[0] = *c->at++;
        return 1;
    }
    c->at++;
    if (take(c, 'u'))
        return put_utf8(ret_bytes, (uint32_t)take_code_point(c));
    ret_bytes[0] = to[(const char *)memchr(from, *c->at++, 8) - from];
    return 1;
}

/* inside: of a valid string, without its quotes. */
static bool reads(chatroom_span inside, bool escaped, chatroom_span text)
{
    struct cursor c = {inside.bytes, inside.bytes + inside.size};
    size_t used = 0;

    if (!escaped)
        return chatroom_span_equal(inside, text);
    while (c.at < c.end) {
        char piece[4];
        size_t size = decode_one(&c, piece);

        if (size > text.size - used || memcmp(text.bytes + used, piece, size) != 0)
            return false;
        used += size;
    }
    return used == text.size;
}

bool chatroom_json_is_text(const struct chatroom_json_value *value, chatroom_span text)
{
    return value->type == CHATROOM_JSON_STRING &&
           reads(chatroom_bytes(value->raw.bytes + 1, value->raw.size - 2), value->escaped, text);
}

int chatroom_json_get(chatroom_span object, chatroom_span name, struct chatroom_json_value *ret_value)
{
    struct cursor c = {object.bytes, object.bytes + object.size};
    struct chatroom_json_value found = {0};
    struct chatroom_json_member member;

    skip_space(&c);
    if (type_at(&c) != CHATROOM_JSON_OBJECT)
        return CHATROOM_ETYPE;
    c.at++;
    for (bool first = true; next_member(&c, first, &member); first = false) {
        if (!reads(member.name, member.name_escaped, name))
            continue;
        if (found.type != CHATROOM_JSON_NONE)
            return CHATROOM_EAMBIGUOUS;
        found = member.value;
    }
    *ret_value = found;
    return CHATROOM_OK;
}

int chatroom_json_text(const struct chatroom_json_value *value, char *buffer, chatroom_span *ret_text)
{
    struct cursor c;
    size_t used = 0;

    if (value->type != CHATROOM_JSON_STRING)
        return CHATROOM_ETYPE;
    c.at = value->raw.bytes + 1;
    c.end = value->raw.bytes + value->raw.size - 1;
    if (!value->escaped) {
        *ret_text = chatroom_bytes(c.at, (size_t)(c.end - c.at));
        return CHATROOM_OK;
    }
    while (c.at < c.end) {
        char piece[4];
        size_t size = decode_one(&c, piece);

        memcpy(buffer + used, piece, size);
        used += size;
    }
    *ret_text = chatroom_bytes(buffer, used);
    return CHATROOM_OK;
}

/* ---- writing ---- */

static void put(struct chatroom_json *json, const char *bytes, size_t size)
{
    if (size > 0 && json->size < json->capacity) {
        size_t fits = json->capacity - json->size;

        memcpy(json->bytes + json->size, bytes, size < fits ? size : fits);
    }
    json->size += size;
}

static void put_octet(struct chatroom_json *json, char octet)
{
    if (json->size < json->capacity)
        json->bytes[json->size] = octet;
    json->size++;
}

static void begin_value(struct chatroom_json *json)
{
    if (json->comma)
        put_octet(json, ',');
    json->comma = true;
}

void chatroom_json_open(struct chatroom_json *json, char bracket)
{
    begin_value(json);
    put_octet(json, bracket);
    json->depth++;
    json->comma = false;
}

void chatroom_json_close(struct chatroom_json *json, char bracket)
{
    put_octet(json, bracket);
    json->depth--;
    json->comma = true;
}

void chatroom_json_name(struct chatroom_json *json, const char *name)
{
    begin_value(json);
    put_octet(json, '"');
    put(json, name, strlen(name));
    put_octet(json, '"');
    put_octet(json, ':');
    json->comma = false; /* its value follows */
}

/* The escape for an octet, or NULL if it may stand as it is. */
static const char *short_escape(char octet)
{
    switch (octet) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        return NULL;
    }
}

static void put_unit_escape(struct chatroom_json *json, unsigned unit)
{
    static const char digits[] = "0123456789abcdef";
    const char escape[6] = {
        '\\', 'u', digits[unit >> 12 & 15], digits[unit >> 8 & 15], digits[unit >> 4 & 15], digits[unit & 15]};

    put(json, escape, sizeof escape);
}

static bool is_plain(char octet)
{
    return (unsigned char)(octet - ' ') < 0x80 - ' ' && octet != '"' && octet != '\\';
}

/* U+2028 and U+2029 end a line in scripts older than ES2019. */
static bool is_line_separator(const char *at, size_t left)
{
    return left >= 3 && memcmp(at, "\xE2\x80", 2) == 0 && ((uint8_t)at[2] == 0xA8 || (uint8_t)at[2] == 0xA9);
}

void chatroom_json_escaped(struct chatroom_json *json, chatroom_span text)
{
    size_t plain = 0; /* start of what needs no escape */

    if (text.size == 0)
        text.bytes = ""; /* nothing is added to a null pointer */
    for (size_t i = plain_run(text.bytes, text.size); i < text.size; i++) {
        const char *at = text.bytes + i;
        const char *escape;
        bool separator;

        if (is_plain(*at))
            continue;
        escape = short_escape(*at);
        separator = is_line_separator(at, text.size - i);
        if (!escape && !separator && (unsigned char)*at >= 0x20)
            continue;
        put(json, text.bytes + plain, i - plain);
        if (escape)
            put(json, escape, 2);
        else
            put_unit_escape(json, separator ? 0x2000u | (0x28u + ((uint8_t)at[2] & 1)) : (uint8_t)*at);
        i += separator ? 2 : 0;
        plain = i + 1;
    }
    put(json, text.bytes + plain, text.size - plain);
}

void chatroom_json_string(struct chatroom_json *json, chatroom_span text)
{
    begin_value(json);
    put_octet(json, '"');
    chatroom_json_escaped(json, text);
    put_octet(json, '"');
}

void chatroom_json_number(struct chatroom_json *json, int64_t number)
{
    char digits[20];
    size_t at = sizeof digits;
    uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;

    begin_value(json);
    do
        digits[--at] = (char)('0' + left % 10);
    while ((left /= 10) > 0);
    if (number < 0)
        digits[--at] = '-';
    put(json, digits + at, sizeof digits - at);
}

void chatroom_json_raw(struct chatroom_json *json, chatroom_span raw)
{
    begin_value(json);
    put(json, raw.bytes, raw.size);
}

void chatroom_json_literal(struct chatroom_json *json, chatroom_span text)
{
    put(json, text.bytes, text.size);
}

void chatroom_json_decoded(struct chatroom_json *json, const struct chatroom_json_value *value)
{
    struct cursor c;

    if (value->type != CHATROOM_JSON_STRING)
        return;
    c.at = value->raw.bytes + 1;
    c.end = value->raw.bytes + value->raw.size - 1;
    while (c.at < c.end) {
        const char *escape = memchr(c.at, '\\', (size_t)(c.end - c.at));
        char piece[4];

        put(json, c.at, (size_t)((escape ? escape : c.end) - c.at));
        if (!escape)
            return;
        c.at = escape;
        put(json, piece, decode_one(&c, piece));
    }
}
