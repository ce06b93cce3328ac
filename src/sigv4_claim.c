#include "sigv4_claim.h"

#include "query.h"
#include "sigv4_canonical.h"
#include "token.h"

/* ---- finding ---- */

size_t cr_header_find(const struct chatroom_sigv4_request *request, const char *name, chatroom_span *ret_value)
{
    size_t count = 0;

    for (size_t i = 0; i < request->header_count; i++)
        if (cr_same_word(request->headers[i].name, chatroom_str(name))) {
            *ret_value = cr_trim(request->headers[i].value);
            count++;
        }
    return count;
}

size_t cr_parameter_find(chatroom_span query, const char *name, chatroom_span *ret_value)
{
    struct chatroom_header parameter;
    size_t count = 0;

    *ret_value = chatroom_bytes(NULL, 0);
    while (cr_query_next(&query, &parameter))
        if (chatroom_span_equal(parameter.name, chatroom_str(name))) {
            *ret_value = parameter.value;
            count++;
        }
    return count;
}

/* ---- alphabets ---- */

static bool is_alphanumeric(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* Letters, digits and these, and at least one of them. */
static bool is_of(chatroom_span text, const char *others)
{
    for (size_t i = 0; i < text.size; i++)
        if (!is_alphanumeric(text.bytes[i]) && !memchr(others, text.bytes[i], strlen(others)))
            return false;
    return text.size > 0;
}

bool cr_is_access_key(chatroom_span text)
{
    return is_of(text, "-._~");
}

bool cr_is_scope_word(chatroom_span text)
{
    return is_of(text, "-_");
}

static bool is_hash(chatroom_span text)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < text.size; i++)
        if (!memchr(digits, text.bytes[i], sizeof digits - 1))
            return false;
    return text.size == 64;
}

/* ---- what both forms have ---- */

/* "KEY/20150830/us-east-1/execute-api/aws4_request" */
static bool read_credential(struct cr_sigv4_claim *claim, chatroom_span text)
{
    chatroom_span end;

    if (!cr_next_part(&text, '/', &claim->access_key) || !cr_is_access_key(claim->access_key)) {
        claim->access_key = chatroom_bytes(NULL, 0);
        return false;
    }
    return cr_next_part(&text, '/', &claim->day) && cr_next_part(&text, '/', &claim->region) &&
           cr_next_part(&text, '/', &claim->service) && cr_next_part(&text, '/', &end) && text.size == 0 &&
           end.bytes + end.size == text.bytes && chatroom_span_equal(end, chatroom_str("aws4_request"));
}

static bool is_lower(chatroom_span text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.bytes[i] >= 'A' && text.bytes[i] <= 'Z')
            return false;
    return true;
}

static bool comes_before(chatroom_span a, chatroom_span b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common > 0 ? memcmp(a.bytes, b.bytes, common) : 0;

    return order != 0 ? order < 0 : a.size < b.size;
}

static bool has_header(const struct chatroom_sigv4_request *request, chatroom_span name)
{
    for (size_t i = 0; i < request->header_count; i++)
        if (cr_same_word(request->headers[i].name, name))
            return true;
    return false;
}

/* "content-type;host;x-amz-date" */
static bool read_signed_names(struct cr_sigv4_claim *claim, const struct chatroom_sigv4_request *request,
                              chatroom_span text)
{
    chatroom_span name, last = {NULL, 0}, rest = text;
    bool host = false;

    if (text.size == 0 || text.bytes[text.size - 1] == ';')
        return false;
    while (cr_next_part(&rest, ';', &name)) {
        if (!cr_is_token(name) || !is_lower(name) || !comes_before(last, name) || !has_header(request, name))
            return false;
        host = host || chatroom_span_equal(name, chatroom_str("host"));
        last = name;
    }
    claim->signed_names = text;
    return host;
}

/* A header that may be there, once. */
static bool read_header(const struct chatroom_sigv4_request *request, const char *name, chatroom_span *ret_value)
{
    *ret_value = chatroom_bytes(NULL, 0);
    return cr_header_find(request, name, ret_value) <= 1;
}

static bool read_body_hash(struct cr_sigv4_claim *claim, const struct chatroom_sigv4_request *request)
{
    static const char name[] = "X-Amz-Content-SHA256";

    return read_header(request, name, &claim->body_hash) &&
           (!has_header(request, chatroom_str(name)) || is_hash(claim->body_hash));
}

/* ---- in a header ---- */

static bool starts_with(chatroom_span text, const char *start)
{
    size_t size = strlen(start);

    return text.size >= size && memcmp(text.bytes, start, size) == 0;
}

static bool take_field(chatroom_span part, const char *name, chatroom_span *field)
{
    size_t size = strlen(name);

    if (field->bytes || !starts_with(part, name))
        return false;
    *field = chatroom_bytes(part.bytes + size, part.size - size);
    return true;
}

/* What is behind the algorithm: the three fields in any order, commas between them. */
static bool read_authorization(struct cr_sigv4_claim *claim, const struct chatroom_sigv4_request *request,
                               chatroom_span text)
{
    chatroom_span part, credential = {NULL, 0}, names = {NULL, 0}, signature = {NULL, 0};
    bool known = true;

    while (known && cr_next_part(&text, ',', &part)) {
        part = cr_trim(part);
        known = take_field(part, "Credential=", &credential) || take_field(part, "SignedHeaders=", &names) ||
                take_field(part, "Signature=", &signature);
    }
    claim->signature = signature;
    return read_credential(claim, credential) && known && is_hash(signature) &&
           read_signed_names(claim, request, names);
}

static bool read_header_date(struct cr_sigv4_claim *claim, const struct chatroom_sigv4_request *request)
{
    chatroom_span date;

    if (has_header(request, chatroom_str("X-Amz-Date")))
        return read_header(request, "X-Amz-Date", &date) && cr_amz_date_parse(date, &claim->date_ms);
    return read_header(request, "Date", &date) &&
           (cr_amz_date_parse(date, &claim->date_ms) || cr_http_date_parse(date, &claim->date_ms));
}

static bool read_from_header(struct cr_sigv4_claim *claim, const struct chatroom_sigv4_request *request)
{
    static const char algorithm[] = "AWS4-HMAC-SHA256 ";
    chatroom_span authorization;

    if (!read_header(request, "Authorization", &authorization) || !starts_with(authorization, algorithm))
        return false;
    authorization.bytes += sizeof algorithm - 1;
    authorization.size -= sizeof algorithm - 1;
    return read_authorization(claim, request, authorization) && read_header_date(claim, request) &&
           read_header(request, "X-Amz-Security-Token", &claim->token);
}

/* ---- in the query ---- */

static bool decode(chatroom_span text, char *buffer, size_t capacity, chatroom_span *ret_text)
{
    size_t size = 0;

    if (!cr_percent_valid(text))
        return false;
    for (size_t at = 0; at < text.size; size++) {
        if (size == capacity)
            return false;
        buffer[size] = (char)cr_percent_next(text, &at);
    }
    *ret_text = chatroom_bytes(buffer, size);
    return true;
}

static bool read_presigned_credential(struct cr_sigv4_claim *claim, chatroom_span value)
{
    chatroom_span decoded;
    size_t size;
    bool good;

    if (!decode(value, claim->credential, sizeof claim->credential, &decoded))
        return false;
    good = read_credential(claim, decoded);
    size = claim->access_key.size;
    if (size > 0 && memcmp(value.bytes, claim->access_key.bytes, size) != 0) {
        claim->access_key = chatroom_bytes(NULL, 0); /* it has escapes, which it never needs */
        return false;
    }
    claim->access_key.bytes = size > 0 ? value.bytes : NULL;
    return good;
}

static bool read_expires(struct cr_sigv4_claim *claim, chatroom_span query)
{
    static const int64_t week_s = 604800;
    int64_t seconds = 0;
    chatroom_span text;
    size_t count = cr_parameter_find(query, "X-Amz-Expires", &text);

    claim->expires_ms = -1;
    if (count != 1)
        return count == 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.bytes[i] < '0' || text.bytes[i] > '9')
            return false;
        seconds = seconds * 10 + (text.bytes[i] - '0');
        if (seconds > week_s)
            return false;
    }
    claim->expires_ms = seconds * 1000;
    return seconds > 0;
}

static bool only_parameter(chatroom_span query, const char *name, chatroom_span *ret_value)
{
    return cr_parameter_find(query, name, ret_value) == 1;
}

static bool read_from_query(struct cr_sigv4_claim *claim, const struct chatroom_sigv4_request *request,
                            chatroom_span query)
{
    chatroom_span algorithm, credential, date, names;

    if (!only_parameter(query, "X-Amz-Credential", &credential) || !read_presigned_credential(claim, credential))
        return false;
    return only_parameter(query, "X-Amz-Algorithm", &algorithm) &&
           chatroom_span_equal(algorithm, chatroom_str("AWS4-HMAC-SHA256")) &&
           only_parameter(query, "X-Amz-Date", &date) && cr_amz_date_parse(date, &claim->date_ms) &&
           only_parameter(query, "X-Amz-SignedHeaders", &names) &&
           decode(names, claim->names, sizeof claim->names, &names) && read_signed_names(claim, request, names) &&
           only_parameter(query, "X-Amz-Signature", &claim->signature) && is_hash(claim->signature) &&
           read_expires(claim, query) && cr_parameter_find(query, "X-Amz-Security-Token", &claim->token) <= 1 &&
           cr_percent_valid(claim->token);
}

/* ---- either ---- */

bool cr_can_be_signed(const struct chatroom_sigv4_request *request)
{
    if (!cr_is_token(request->method))
        return false;
    for (size_t i = 0; i < request->header_count; i++) {
        chatroom_span value = request->headers[i].value;

        for (size_t j = 0; j < value.size; j++)
            if (value.bytes[j] == '\n' || value.bytes[j] == '\r' || value.bytes[j] == '\0')
                return false;
    }
    return true;
}

/* Does any Authorization header speak of this family of signatures? */
static bool has_authorization(const struct chatroom_sigv4_request *request)
{
    for (size_t i = 0; i < request->header_count; i++)
        if (cr_same_word(request->headers[i].name, chatroom_str("Authorization")) &&
            starts_with(cr_trim(request->headers[i].value), "AWS4-"))
            return true;
    return false;
}

static bool has_presigned(chatroom_span query)
{
    chatroom_span unused;

    return cr_parameter_find(query, "X-Amz-Algorithm", &unused) + cr_parameter_find(query, "X-Amz-Signature", &unused) >
           0;
}

enum chatroom_sigv4_verdict cr_sigv4_claim_read(struct cr_sigv4_claim *claim,
                                                const struct chatroom_sigv4_request *request)
{
    bool split, signed_header = has_authorization(request), good;
    chatroom_span host;

    memset(claim, 0, sizeof *claim);
    split = cr_split_target(request->target, &claim->path, &claim->query);
    claim->presigned = split && has_presigned(claim->query);
    if (!signed_header && !claim->presigned)
        return CHATROOM_SIGV4_UNSIGNED;
    if (!split || (signed_header && claim->presigned) || request->header_count > CHATROOM_SIGV4_HEADERS_MOST ||
        !cr_can_be_signed(request))
        return CHATROOM_SIGV4_MALFORMED;
    claim->expires_ms = -1;
    good = claim->presigned ? read_from_query(claim, request, claim->query) : read_from_header(claim, request);
    good = good && cr_header_find(request, "Host", &host) == 1 && read_body_hash(claim, request);
    return good ? CHATROOM_SIGV4_GOOD : CHATROOM_SIGV4_MALFORMED;
}
