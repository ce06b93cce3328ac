/*
 * id.h: ids in the form API Gateway uses: 11 bytes in URL-safe base64 with one '=', 16 characters.
 */
#ifndef CR_ID_H
#define CR_ID_H

#include <chatroom/base.h>

#define CR_ID_BYTES 11
#define CR_ID_SIZE  16

void cr_id_encode(const uint8_t bytes[CR_ID_BYTES], char ret_id[CR_ID_SIZE]);

#endif
