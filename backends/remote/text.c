#include "text.h"

bool remote_take_options(void *own, size_t own_size, const void *options)
{
    size_t size = 0;

    if (options)
        memcpy(&size, options, sizeof size);
    if (size < sizeof size)
        return false;
    memset(own, 0, own_size);
    memcpy(own, options, size < own_size ? size : own_size);
    return true;
}

void *remote_alloc(const struct chatroom_alloc *alloc, size_t size)
{
    void *memory = alloc->resize(alloc->arg, NULL, 0, size);

    if (memory)
        memset(memory, 0, size);
    return memory;
}

void remote_free(const struct chatroom_alloc *alloc, void *memory, size_t size)
{
    if (memory)
        alloc->resize(alloc->arg, memory, size, 0);
}

char *remote_copy_string(const struct chatroom_alloc *alloc, chatroom_span bytes)
{
    char *string = remote_alloc(alloc, bytes.size + 1);

    if (string && bytes.size > 0)
        memcpy(string, bytes.bytes, bytes.size);
    return string;
}

void remote_free_string(const struct chatroom_alloc *alloc, char *string)
{
    if (string)
        remote_free(alloc, string, strlen(string) + 1);
}

void remote_text_fini(struct remote_text *text)
{
    remote_free(text->alloc, text->bytes, text->capacity);
    *text = remote_text_on(text->alloc);
}

void remote_text_clear(struct remote_text *text)
{
    text->size = 0;
    text->failed = false;
    if (text->bytes)
        text->bytes[0] = '\0';
}

bool remote_text_reserve(struct remote_text *text, size_t size)
{
    size_t capacity = text->capacity;
    char *bytes;

    if (text->failed)
        return false;
    if (size < capacity - text->size)
        return true;
    if (size > SIZE_MAX / 4 || text->size > SIZE_MAX / 4) {
        text->failed = true;
        return false;
    }
    for (capacity = capacity ? capacity : 64; capacity - text->size <= size;)
        capacity *= 2;
    bytes = text->alloc->resize(text->alloc->arg, text->bytes, text->capacity, capacity);
    text->failed = !bytes;
    if (!bytes)
        return false;
    text->bytes = bytes;
    text->capacity = capacity;
    return true;
}

void remote_text_add(struct remote_text *text, chatroom_span bytes)
{
    if (!remote_text_reserve(text, bytes.size))
        return;
    if (bytes.size > 0)
        memcpy(text->bytes + text->size, bytes.bytes, bytes.size);
    text->size += bytes.size;
    text->bytes[text->size] = '\0';
}

void remote_text_add_str(struct remote_text *text, const char *string)
{
    remote_text_add(text, chatroom_str(string));
}

void remote_text_add_number(struct remote_text *text, int64_t number)
{
    char digits[24];
    size_t at = sizeof digits;
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;

    do
        digits[--at] = (char)('0' + rest % 10);
    while ((rest /= 10) > 0);
    if (number < 0)
        digits[--at] = '-';
    remote_text_add(text, chatroom_bytes(digits + at, sizeof digits - at));
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

void remote_text_add_encoded(struct remote_text *text, chatroom_span bytes)
{
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < bytes.size; i++) {
        unsigned char c = (unsigned char)bytes.bytes[i];
        char triplet[] = {'%', hex[c >> 4], hex[c & 15]};

        if (is_unreserved((char)c))
            remote_text_add(text, chatroom_bytes(&bytes.bytes[i], 1));
        else
            remote_text_add(text, chatroom_bytes(triplet, sizeof triplet));
    }
}

void remote_text_add_field(struct remote_text *text, chatroom_span value)
{
    size_t from = text->size;

    remote_text_add(text, value);
    for (size_t i = from; i < text->size; i++)
        if ((unsigned char)text->bytes[i] < ' ' || text->bytes[i] == 0x7f)
            text->bytes[i] = ' ';
}
