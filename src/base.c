#include <chatroom/base.h>

const char *chatroom_version(void)
{
    return CHATROOM_VERSION;
}

const char *chatroom_strerror(int result)
{
    switch (result) {
#define SENTENCE(name, value, word, sentence) \
    case value:                               \
        return sentence;
        CHATROOM_RESULTS(SENTENCE)
#undef SENTENCE
    default:
        return "Unknown.";
    }
}

const char *chatroom_errword(int result)
{
    switch (result) {
#define WORD(name, value, word, sentence) \
    case value:                           \
        return word;
        CHATROOM_RESULTS(WORD)
#undef WORD
    default:
        return "unknown";
    }
}

/* Back to the first octet of the code point that size cuts through. */
static size_t cut(const char *text, size_t size)
{
    while (size > 0 && ((unsigned char)text[size] & 0xC0) == 0x80)
        size--;
    return size;
}

int chatroom_error_set(struct chatroom_error *error, int code, const char *text)
{
    if (error) {
        size_t size = strlen(text);

        if (size >= sizeof error->text)
            size = cut(text, sizeof error->text - 1);
        memcpy(error->text, text, size);
        error->text[size] = '\0';
        error->code = code;
    }
    return code;
}
