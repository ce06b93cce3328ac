/* base64.h: base64 (RFC 4648, 4), with its padding and without line ends. Pure; no allocation. */
#ifndef CR_BASE64_H
#define CR_BASE64_H

#include <chatroom/json.h>

/* A string value. */
void cr_base64_write(struct chatroom_json *json, chatroom_span octets);

/*
 * Decodes into a buffer of text.size bytes, which may be text's own. False: it is not base64, not padded, or not in the
 * one form that those octets have.
 */
bool cr_base64_decode(chatroom_span text, char *buffer, chatroom_span *ret_octets);

#endif
