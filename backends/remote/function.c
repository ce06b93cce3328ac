#include "function.h"

enum {
    NAME_MOST = 256,
    REGION_MOST = 64,
};

static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Of at most so many bytes, letters and digits and what else is allowed. */
static bool is_made_of(chatroom_span text, const char *allowed, size_t most)
{
    for (size_t i = 0; i < text.size; i++)
        if (!is_alphanumeric(text.bytes[i]) && (text.bytes[i] == '\0' || !strchr(allowed, text.bytes[i])))
            return false;
    return text.size > 0 && text.size <= most;
}

/* Takes the part up to the next colon off the front. False: there is no colon. */
static bool part(chatroom_span *text, chatroom_span *ret_part)
{
    const char *colon = text->size > 0 ? memchr(text->bytes, ':', text->size) : NULL;

    if (!colon)
        return false;
    *ret_part = chatroom_bytes(text->bytes, (size_t)(colon - text->bytes));
    *text = chatroom_bytes(colon + 1, text->size - ret_part->size - 1);
    return true;
}

static bool take(chatroom_span *text, const char *prefix)
{
    size_t size = strlen(prefix);

    if (text->size < size || memcmp(text->bytes, prefix, size) != 0)
        return false;
    *text = chatroom_bytes(text->bytes + size, text->size - size);
    return true;
}

/* "arn:PARTITION:SERVICE:REGION:", which is taken off the front. */
static bool take_arn(chatroom_span *text, const char *service, chatroom_span *ret_region)
{
    chatroom_span partition, of;

    return take(text, "arn:") && part(text, &partition) && is_made_of(partition, "-", REGION_MOST) && part(text, &of) &&
           chatroom_span_equal(of, chatroom_str(service)) && part(text, ret_region) &&
           is_made_of(*ret_region, "-", REGION_MOST);
}

static bool parse_name(chatroom_span text, struct remote_function *ret_function)
{
    chatroom_span rest = text, account;
    struct remote_function function = {text, {NULL, 0}};

    if (take_arn(&rest, "lambda", &function.region)) {
        if (!part(&rest, &account) || !is_made_of(account, "", REGION_MOST) || !take(&rest, "function:"))
            return false;
    } else {
        function.region = chatroom_bytes(NULL, 0);
        rest = text;
    }
    if (!is_made_of(rest, "-_:$", NAME_MOST) || rest.bytes[0] == ':' || rest.bytes[rest.size - 1] == ':')
        return false;
    *ret_function = function;
    return true;
}

bool remote_function_parse(chatroom_span text, struct remote_function *ret_function)
{
    static const char end[] = "/invocations";
    chatroom_span rest = text, region;

    if (!take_arn(&rest, "apigateway", &region))
        return parse_name(text, ret_function);
    if (!take(&rest, "lambda:path/2015-03-31/functions/") || rest.size < sizeof end ||
        memcmp(rest.bytes + rest.size - (sizeof end - 1), end, sizeof end - 1) != 0)
        return false;
    rest.size -= sizeof end - 1;
    if (!parse_name(rest, ret_function))
        return false;
    if (ret_function->region.size == 0)
        ret_function->region = region;
    return true;
}
