/*
 * id.h: ids in the form API Gateway uses: 11 bytes in URL-safe base64 with one '=', 16 characters.
 */
#ifndef CR_ID_H
#define CR_ID_H

#include <chatroom/base.h>

#define CR_ID_BYTES 11
#define CR_ID_SIZE  16

/* Where ids come from: a secret key and a count, so that no two are the same and nobody can guess one. */
struct cr_id_source {
    uint8_t key[16]; /* random */
    uint64_t count;
};

void cr_id_next(struct cr_id_source *source, char ret_id[CR_ID_SIZE]);

/* Another one, as unlikely to be anything else's: for what belongs to the first and needs an id as well. */
void cr_id_beside(const char id[CR_ID_SIZE], char ret_id[CR_ID_SIZE]);

/* Whether a text has the form of an id: what has it and is unknown is gone, what has it not was never one. */
bool cr_id_is_valid(chatroom_span text);

void cr_id_encode(const uint8_t bytes[CR_ID_BYTES], char ret_id[CR_ID_SIZE]);

#endif
