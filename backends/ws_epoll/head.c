#include "head.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_alnum(char c)
{
    return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z');
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c);
}

static bool is_control(char c)
{
    return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7F;
}

bool ws_is_token(chatroom_span text)
{
    for (size_t i = 0; i < text.size; i++)
        if (!is_alnum(text.bytes[i]) && !one_of(text.bytes[i], "!#$%&'*+-.^_`|~"))
            return false;
    return text.size > 0;
}

bool ws_same_word(chatroom_span a, chatroom_span b)
{
    if (a.size != b.size)
        return false;
    for (size_t i = 0; i < a.size; i++)
        if (lower(a.bytes[i]) != lower(b.bytes[i]))
            return false;
    return true;
}

static chatroom_span from(chatroom_span text, size_t at)
{
    return chatroom_bytes(text.bytes + at, text.size - at);
}

/* Takes the octets before the first c off text, and c as well. False: there is no c. */
static bool cut(chatroom_span *text, char c, chatroom_span *ret_before)
{
    const char *found = text->size > 0 ? memchr(text->bytes, c, text->size) : NULL;

    if (!found)
        return false;
    *ret_before = chatroom_bytes(text->bytes, (size_t)(found - text->bytes));
    *text = from(*text, ret_before->size + 1);
    return true;
}

static chatroom_span trim(chatroom_span text)
{
    while (text.size > 0 && is_blank(text.bytes[0]))
        text = from(text, 1);
    while (text.size > 0 && is_blank(text.bytes[text.size - 1]))
        text.size--;
    return text;
}

/* ---- where the head ends --------------------------------------------------------------------------------------------
 */

enum ws_scan ws_head_scan(const char *bytes, size_t size, size_t *scanned)
{
    for (size_t i = *scanned; i < size; i++) {
        char before = i > 0 ? bytes[i - 1] : '\0';

        if ((before == '\r') != (bytes[i] == '\n') || (is_control(bytes[i]) && !one_of(bytes[i], "\r\n")))
            return WS_SCAN_BAD;
        *scanned = i + 1;
        if (i >= 3 && bytes[i] == '\n' && bytes[i - 2] == '\n')
            return WS_SCAN_END;
    }
    return WS_SCAN_MORE;
}

/* Takes a line off text, which consists of whole ones. */
static chatroom_span next_line(chatroom_span *text)
{
    chatroom_span line = {NULL, 0};

    if (cut(text, '\n', &line)) /* not reached: any other; a head that ends consists of whole lines */
        line.size--;            /* CR */
    return line;
}

/* ---- hosts ----------------------------------------------------------------------------------------------------------
 */

static bool is_port(chatroom_span text)
{
    for (size_t i = 0; i < text.size; i++)
        if (!is_digit(text.bytes[i]))
            return false;
    return text.size <= 5;
}

static bool all_of(chatroom_span text, const char *set)
{
    for (size_t i = 0; i < text.size; i++)
        if (!is_alnum(text.bytes[i]) && !one_of(text.bytes[i], set))
            return false;
    return text.size > 0;
}

bool ws_is_authority(chatroom_span text)
{
    chatroom_span host;

    if (text.size > 0 && text.bytes[0] == '[') {
        text = from(text, 1);
        return cut(&text, ']', &host) && all_of(host, ":.") &&
               (text.size == 0 || (text.bytes[0] == ':' && is_port(from(text, 1))));
    }
    if (!cut(&text, ':', &host))
        return all_of(text, "-._~%!$&'()*+,;=");
    return all_of(host, "-._~%!$&'()*+,;=") && is_port(text);
}

/* ---- the request line -----------------------------------------------------------------------------------------------
 */

/* "http://host/path" and "http://host" (RFC 9112, 3.2.2). */
static bool parse_absolute(chatroom_span rest, struct ws_head *head)
{
    const char *slash = memchr(rest.bytes, '/', rest.size);
    size_t size = slash ? (size_t)(slash - rest.bytes) : rest.size;

    head->host = chatroom_bytes(rest.bytes, size);
    head->target = slash ? from(rest, size) : chatroom_str("/");
    return ws_is_authority(head->host);
}

static bool parse_target(chatroom_span target, struct ws_head *head)
{
    static const char scheme[] = "http://";
    size_t size = sizeof scheme - 1;

    for (size_t i = 0; i < target.size; i++)
        if (target.bytes[i] <= ' ' || target.bytes[i] == '#') /* chars above 7F are negative, 7F is in no head */
            return false;
    head->target = target;
    if (target.size > size && ws_same_word(chatroom_bytes(target.bytes, size), chatroom_str(scheme)))
        return parse_absolute(from(target, size), head);
    return target.size > 0 && target.bytes[0] == '/';
}

static uint16_t parse_request_line(chatroom_span line, size_t target_most, struct ws_head *head)
{
    chatroom_span target, rest;

    if (!cut(&line, ' ', &head->method) || !ws_is_token(head->method))
        return 400;
    if (!cut(&line, ' ', &target))
        return line.size > target_most ? 414 : 400;
    if (target.size > target_most)
        return 414;
    if (!chatroom_span_equal(line, chatroom_str("HTTP/1.1")) || !parse_target(target, head))
        return 400;
    rest = head->target;
    if (!cut(&rest, '?', &head->path))
        head->path = head->target;
    return 0;
}

/* ---- fields ---------------------------------------------------------------------------------------------------------
 */

static bool parse_field(chatroom_span line, struct chatroom_header *ret_field)
{
    if (!cut(&line, ':', &ret_field->name) || !ws_is_token(ret_field->name))
        return false;
    ret_field->value = trim(line);
    return true;
}

static uint16_t parse_fields(chatroom_span rest, struct ws_head *head)
{
    for (chatroom_span line = next_line(&rest); line.size > 0; line = next_line(&rest)) {
        if (head->field_count == WS_FIELDS_MOST)
            return 431;
        if (!parse_field(line, &head->fields[head->field_count]))
            return 400;
        head->field_count++;
    }
    return 0;
}

static bool parse_host(struct ws_head *head)
{
    chatroom_span host, second;

    if (!ws_head_field(head, "Host", 0, &host) || ws_head_field(head, "Host", 1, &second) || !ws_is_authority(host))
        return false;
    if (head->host.size == 0)
        head->host = host;
    return true;
}

/* In decimal. SIZE_MAX: it is more. */
static bool parse_length(chatroom_span text, size_t *ret_size)
{
    size_t size = 0;

    for (size_t i = 0; i < text.size; i++) {
        size_t digit = (size_t)(text.bytes[i] - '0');

        if (!is_digit(text.bytes[i]))
            return false;
        size = size > (SIZE_MAX - digit) / 10 ? SIZE_MAX : size * 10 + digit;
    }
    *ret_size = size;
    return text.size > 0;
}

/* RFC 9112, 6.3: what it says of a body must be said once and clearly. */
static bool parse_body(struct ws_head *head)
{
    chatroom_span length = {NULL, 0}, second;
    bool has_length = ws_head_field(head, "Content-Length", 0, &length);

    head->has_transfer_encoding = ws_head_field(head, "Transfer-Encoding", 0, &second);
    if (!has_length)
        return true;
    if (!parse_length(length, &head->body_size))
        return false;
    head->has_body = head->body_size > 0;
    return !head->has_transfer_encoding && !ws_head_field(head, "Content-Length", 1, &second);
}

uint16_t ws_head_parse(chatroom_span bytes, size_t target_most, struct ws_head *ret_head)
{
    uint16_t status;

    *ret_head = (struct ws_head){.field_count = 0};
    status = parse_request_line(next_line(&bytes), target_most, ret_head);
    if (!status)
        status = parse_fields(bytes, ret_head);
    if (!status && (!parse_host(ret_head) || !parse_body(ret_head)))
        status = 400;
    return status;
}

/* ---- looking things up ------------------------------------------------------------------------------------------- */

bool ws_head_field(const struct ws_head *head, const char *name, size_t n, chatroom_span *ret_value)
{
    for (size_t i = 0; i < head->field_count; i++) {
        if (!ws_same_word(head->fields[i].name, chatroom_str(name)) || n-- > 0)
            continue;
        *ret_value = head->fields[i].value;
        return true;
    }
    return false;
}

bool ws_list_next(chatroom_span *list, chatroom_span *ret_element)
{
    if (!list->bytes)
        return false;
    if (!cut(list, ',', ret_element)) {
        *ret_element = *list;
        *list = chatroom_str(NULL);
    }
    *ret_element = trim(*ret_element);
    return true;
}

bool ws_head_lists(const struct ws_head *head, const char *name, const char *element)
{
    chatroom_span list, one;

    for (size_t n = 0; ws_head_field(head, name, n, &list); n++)
        while (ws_list_next(&list, &one))
            if (ws_same_word(one, chatroom_str(element)))
                return true;
    return false;
}
