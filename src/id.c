#include "id.h"

void cr_id_encode(const uint8_t bytes[CR_ID_BYTES], char ret_id[CR_ID_SIZE])
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    for (size_t i = 0; i < CR_ID_SIZE - 1; i++) {
        size_t bit = i * 6;
        unsigned pair = (unsigned)bytes[bit / 8] << 8;

        if (bit / 8 + 1 < CR_ID_BYTES)
            pair |= bytes[bit / 8 + 1];
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
}
