#include "id.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void cr_id_encode(const uint8_t bytes[CR_ID_BYTES], char ret_id[CR_ID_SIZE])
{
    for (size_t i = 0; i < CR_ID_SIZE - 1; i++) {
        size_t bit = i * 6;
        unsigned pair = (unsigned)bytes[bit / 8] << 8;

        if (bit / 8 + 1 < CR_ID_BYTES)
            pair |= bytes[bit / 8 + 1]; /* NOLINT: an id is shorter than the words that it is made of */
        ret_id[i] = alphabet[pair >> (10 - bit % 8) & 63];
    }
    ret_id[CR_ID_SIZE - 1] = '=';
}

void cr_id_next(struct cr_id_source *source, char ret_id[CR_ID_SIZE])
{
    uint64_t number[2] = {++source->count, 0}, words[2];

    words[0] = chatroom_hash(source->key, number, sizeof number);
    number[1] = 1;
    words[1] = chatroom_hash(source->key, number, sizeof number);
    cr_id_encode((const uint8_t *)words, ret_id);
    if (ret_id[0] == '-') /* which the aws CLI would take for an option of its own */
        ret_id[0] = '_';
}

/* Its partner in the alphabet, two by two. */
static char partner(char c)
{
    if (c == '-' || c == '_')
        return c == '-' ? '_' : '-';
    if (c <= '9') /* of the alphabet only '-' comes before the digits */
        return (char)(((c - '0') ^ 1) + '0');
    return c >= 'a' ? (char)(((c - 'a') ^ 1) + 'a') : (char)(((c - 'A') ^ 1) + 'A');
}

void cr_id_beside(const char id[CR_ID_SIZE], char ret_id[CR_ID_SIZE])
{
    memcpy(ret_id, id, CR_ID_SIZE);
    ret_id[0] = partner(id[0]);
}

/* The 15th character holds the last four bits, and two that are zero. */
bool cr_id_is_valid(chatroom_span text)
{
    static const char last[] = "AEIMQUYcgkosw048";

    if (text.size != CR_ID_SIZE || text.bytes[CR_ID_SIZE - 1] != '=')
        return false;
    for (size_t i = 0; i < CR_ID_SIZE - 2; i++)
        if (!memchr(alphabet, text.bytes[i], sizeof alphabet - 1))
            return false;
    return memchr(last, text.bytes[CR_ID_SIZE - 2], sizeof last - 1) != NULL;
}
