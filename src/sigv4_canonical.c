#include "sigv4_canonical.h"

#include "octet.h"
#include "query.h"
#include "token.h"

/* ---- parts ---- */

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

chatroom_span cr_trim(chatroom_span text)
{
    while (text.size > 0 && is_space(text.bytes[text.size - 1]))
        text.size--;
    while (text.size > 0 && is_space(*text.bytes)) {
        text.bytes++;
        text.size--;
    }
    return text;
}

bool cr_next_part(chatroom_span *rest, char separator, chatroom_span *ret_part)
{
    const char *end;
    size_t size;

    if (rest->size == 0)
        return false;
    end = memchr(rest->bytes, separator, rest->size);
    size = end ? (size_t)(end - rest->bytes) : rest->size;
    *ret_part = chatroom_bytes(rest->bytes, size);
    size += end != NULL;
    *rest = chatroom_bytes(rest->bytes + size, rest->size - size);
    return true;
}

bool cr_split_target(chatroom_span target, chatroom_span *ret_path, chatroom_span *ret_query)
{
    chatroom_span query = target;

    if (target.size == 0 || *target.bytes != '/')
        return false;
    cr_next_part(&query, '?', ret_path);
    *ret_query = query;
    return true;
}

/* ---- percent-encoding ---- */

bool cr_percent_valid(chatroom_span text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.bytes[i] == '%' &&
            (text.size - i < 3 || cr_hex_digit(text.bytes[i + 1]) < 0 || cr_hex_digit(text.bytes[i + 2]) < 0))
            return false;
    return true;
}

unsigned char cr_percent_next(chatroom_span text, size_t *at)
{
    const char *from = text.bytes + *at;

    *at += *from == '%' ? 3 : 1;
    return (unsigned char)(*from == '%' ? cr_hex_digit(from[1]) << 4 | cr_hex_digit(from[2]) : *from);
}

static bool is_unreserved(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

/* Returns how many octets it takes: one or three. */
static size_t encode(unsigned char c, char ret_bytes[3])
{
    static const char digits[] = "0123456789ABCDEF";

    ret_bytes[0] = (char)c;
    if (is_unreserved(c))
        return 1;
    ret_bytes[0] = '%';
    ret_bytes[1] = digits[c >> 4];
    ret_bytes[2] = digits[c & 15];
    return 3;
}

/* ---- query ---- */

/* The next octet of a part of a query, encoded; the '+' of the sender is not an octet that was encoded. */
static size_t encode_next(chatroom_span text, size_t *at, char ret_bytes[3])
{
    if (text.bytes[*at] == '+') {
        (*at)++;
        ret_bytes[0] = '+';
        return 1;
    }
    return encode(cr_percent_next(text, at), ret_bytes);
}

/* By what they are when encoded: <0, 0, >0. */
static int compare_encoded(chatroom_span a, chatroom_span b)
{
    size_t at_a = 0, at_b = 0;

    while (at_a < a.size && at_b < b.size) {
        char of_a[3], of_b[3];
        size_t size_a = encode_next(a, &at_a, of_a), size_b = encode_next(b, &at_b, of_b);
        int order = memcmp(of_a, of_b, size_a < size_b ? size_a : size_b);

        if (order != 0) /* never between an octet and an escape that begins like it: '%' itself is encoded */
            return order;
    }
    return (at_a < a.size) - (at_b < b.size);
}

static int compare(const struct chatroom_header *a, const struct chatroom_header *b)
{
    int order = compare_encoded(a->name, b->name);

    return order != 0 ? order : compare_encoded(a->value, b->value);
}

static void insert(struct cr_query *query, const struct chatroom_header *parameter)
{
    size_t at = query->count++;

    for (; at > 0 && compare(&query->parameters[at - 1], parameter) > 0; at--)
        query->parameters[at] = query->parameters[at - 1];
    query->parameters[at] = *parameter;
}

bool cr_query_read(struct cr_query *query, chatroom_span text)
{
    struct chatroom_header parameter;

    query->count = 0;
    if (!cr_percent_valid(text))
        return false;
    for (size_t count = 0; cr_query_next(&text, &parameter); count++) {
        if (count == CHATROOM_SIGV4_QUERY_MOST)
            return false;
        if (!chatroom_span_equal(parameter.name, chatroom_str("X-Amz-Signature")))
            insert(query, &parameter);
    }
    return true;
}

/* ---- writing ---- */

static void put_text(chatroom_span text, cr_put_fn *put, void *arg)
{
    put(arg, text.bytes, text.size);
}

static void put_path(chatroom_span path, cr_put_fn *put, void *arg)
{
    for (size_t i = 0; i < path.size; i++) {
        char bytes[3];

        if (path.bytes[i] == '/')
            put(arg, "/", 1);
        else
            put(arg, bytes, encode((unsigned char)path.bytes[i], bytes));
    }
}

static void put_encoded(chatroom_span text, cr_put_fn *put, void *arg)
{
    for (size_t at = 0; at < text.size;) {
        char bytes[3];
        size_t size = encode_next(text, &at, bytes);

        put(arg, bytes, size);
    }
}

static void put_query(const struct cr_canonical *canonical, cr_put_fn *put, void *arg)
{
    bool first = true;

    for (size_t i = 0; i < canonical->query->count; i++) {
        const struct chatroom_header *parameter = &canonical->query->parameters[i];

        if (canonical->without_token && chatroom_span_equal(parameter->name, chatroom_str("X-Amz-Security-Token")))
            continue;
        if (!first)
            put(arg, "&", 1);
        put_encoded(parameter->name, put, arg);
        put(arg, "=", 1);
        put_encoded(parameter->value, put, arg);
        first = false;
    }
}

static void put_value(chatroom_span value, cr_put_fn *put, void *arg)
{
    value = cr_trim(value);
    while (value.size > 0) {
        size_t word = 0, space;

        while (word < value.size && !is_space(value.bytes[word]))
            word++;
        for (space = word; space < value.size && is_space(value.bytes[space]);)
            space++;
        put(arg, value.bytes, word);
        if (space > word)
            put(arg, " ", 1);
        value = chatroom_bytes(value.bytes + space, value.size - space);
    }
}

/* The values of all headers of that name, commas between them. */
static void put_header(const struct cr_canonical *canonical, chatroom_span name, cr_put_fn *put, void *arg)
{
    size_t own = canonical->request->header_count;
    bool first = true;

    put_text(name, put, arg);
    put(arg, ":", 1);
    for (size_t i = 0; i < own + canonical->more_count; i++) {
        const struct chatroom_header *header = i < own ? &canonical->request->headers[i] : &canonical->more[i - own];

        if (!cr_same_word(header->name, name))
            continue;
        if (!first)
            put(arg, ",", 1);
        put_value(header->value, put, arg);
        first = false;
    }
    put(arg, "\n", 1);
}

void cr_canonical_put(const struct cr_canonical *canonical, cr_put_fn *put, void *arg)
{
    chatroom_span names = canonical->signed_names, name;

    put_text(canonical->request->method, put, arg);
    put(arg, "\n", 1);
    put_path(canonical->path, put, arg);
    put(arg, "\n", 1);
    put_query(canonical, put, arg);
    put(arg, "\n", 1);
    while (cr_next_part(&names, ';', &name))
        put_header(canonical, name, put, arg);
    put(arg, "\n", 1);
    put_text(canonical->signed_names, put, arg);
    put(arg, "\n", 1);
    put_text(canonical->body_hash, put, arg);
}
