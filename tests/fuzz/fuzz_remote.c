/*
 * Any octets as what a remote reads by itself: the first says what it is, the line up to a line feed is the expression,
 * the rest is the message and the target of the connection. Nothing that is taken may end a header or a line of a
 * request.
 */
#include "fuzz.h"

#include "remote/function.h"
#include "remote/mapping.h"
#include "remote/status.h"
#include "remote/url.h"
#include "remote/variables.h"

#include <stdlib.h>

static void *resize(void *arg, void *memory, size_t old_size, size_t size)
{
    (void)arg;
    (void)old_size;
    if (size > 0)
        return realloc(memory, size);
    free(memory);
    return NULL;
}

static const struct chatroom_alloc alloc = {resize, NULL};

static bool is_visible(chatroom_span text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.bytes[i] <= ' ' || text.bytes[i] > '~')
            return false;
    return true;
}

static void check_url(chatroom_span text)
{
    struct remote_url url;

    if (!remote_url_parse(text, &url))
        return;
    REQUIRE(is_visible(text) && url.authority.size > 0);
    REQUIRE(url.scheme.size + 3 + url.authority.size + url.target.size == text.size);
    REQUIRE(url.target.size == 0 || url.target.bytes[0] == '/' || url.target.bytes[0] == '?');
    REQUIRE(!memchr(url.authority.bytes, '@', url.authority.size));
}

static void check_function(chatroom_span text)
{
    struct remote_text url = remote_text_on(&alloc);
    struct remote_function function;
    struct remote_url parsed;

    if (!remote_function_parse(text, &function))
        return;
    REQUIRE(function.name.size > 0 && is_visible(function.name) && is_visible(function.region));
    REQUIRE(!memchr(function.name.bytes, '/', function.name.size));
    remote_text_add_str(&url, "http://h/");
    remote_text_add_encoded(&url, function.name);
    REQUIRE(remote_url_parse(remote_text_span(&url), &parsed) && !memchr(parsed.target.bytes, '?', parsed.target.size));
    remote_text_fini(&url);
}

static const struct chatroom_variable variables[] = {{{"a", 1}, {"x", 1}}, {{"b", 1}, {"", 0}}};
static const struct chatroom_api api = {.variables = variables, .variable_count = 2};

static void check_variables(chatroom_span text)
{
    struct remote_text out = remote_text_on(&alloc);
    bool any;

    if (remote_variables_check(text, &any) && remote_variables_expand(text, &api, &out)) {
        REQUIRE(any || chatroom_span_equal(remote_text_span(&out), text));
        REQUIRE(out.size <= text.size);
    }
    remote_text_fini(&out);
}

static void check_status(chatroom_span text)
{
    unsigned fits = 0;

    if (!remote_status_key_valid(text))
        return;
    for (unsigned status = 0; status < 1000; status++)
        fits += remote_status_key_fits(text, status);
    REQUIRE(fits == 1 || fits == 10 || fits == 100 || fits == 1000);
}

/* Lines of "name: value" and "name;", each with a NUL behind it. */
static void check_headers(const struct remote_text *headers)
{
    for (size_t at = 0; at < headers->size; at += strlen(headers->bytes + at) + 1) {
        const char *line = headers->bytes + at;

        REQUIRE(strncmp(line, "X-Any", 5) == 0 && (line[5] == ':' || strcmp(line + 5, ";") == 0));
        REQUIRE(!strpbrk(line, "\r\n"));
    }
}

static void check_mapping(chatroom_span expression, chatroom_span rest)
{
    const struct chatroom_header header = {{"X-A", 3}, rest};
    const struct chatroom_request_head head = {rest, &header, 1, {"", 0}};
    const struct chatroom_request_info info = {.head = &head, .api = &api, .user_agent = rest};
    struct remote_text scratch = remote_text_on(&alloc), url = remote_text_on(&alloc), headers = remote_text_on(&alloc);
    struct remote_mapping mapping;
    struct remote_url parsed;

    if (remote_mapping_parse(chatroom_str("integration.request.header.X-Any"), expression, &mapping)) {
        remote_mapping_add_headers(&mapping, &info, rest, &scratch, &headers);
        check_headers(&headers);
        mapping.place = REMOTE_IN_QUERY;
        remote_text_add_str(&url, "http://h/");
        remote_mapping_add_query(&mapping, &info, rest, &scratch, &url);
        REQUIRE(remote_url_parse(remote_text_span(&url), &parsed) && parsed.authority.size == 1);
    }
    remote_text_fini(&scratch);
    remote_text_fini(&url);
    remote_text_fini(&headers);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
    const char *bytes = (const char *)octets + 1;
    chatroom_span line, rest = {NULL, 0};
    const char *end;

    if (size < 2)
        return 0;
    end = memchr(bytes, '\n', size - 1);
    line = chatroom_bytes(bytes, end ? (size_t)(end - bytes) : size - 1);
    if (end)
        rest = chatroom_bytes(end + 1, size - 2 - line.size);
    switch (octets[0]) {
    case 'u':
        check_url(line);
        break;
    case 'f':
        check_function(line);
        break;
    case 'v':
        check_variables(line);
        break;
    case 's':
        check_status(line);
        break;
    default:
        check_mapping(line, rest);
    }
    return 0;
}
