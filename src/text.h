/*
 * text.h: the texts that clients get and whose length nobody knows beforehand: entries of a log, refusals.
 */
#ifndef CR_TEXT_H
#define CR_TEXT_H

#include "core.h"

/* What members get for an entry: a frame with one reference. NULL: out of memory. */
chatroom_frame *cr_text_entry(chatroom *c, const struct chatroom_entry *entry);

/* What a client gets for a refusal, borrowed until the next text. Errors: CHATROOM_ENOMEM. */
int cr_text_refusal(chatroom *c, const struct chatroom_refusal *refusal, chatroom_span *ret_text);

/* Any other text: write() puts it into the instance's scratch, borrowed until the next text. Errors: CHATROOM_ENOMEM.
 */
typedef void cr_text_fn(chatroom *c, const void *what, struct chatroom_json *json);
int cr_text_write(chatroom *c, cr_text_fn *write, const void *what, chatroom_span *ret_text);

/* The body of an HTTP error, in the same layout, borrowed as well; empty: out of memory. And its x-amzn-ErrorType and message. */
chatroom_span cr_text_status(chatroom *c, uint16_t status, chatroom_span connection_id, chatroom_span request_id);
const char *cr_text_error_type(uint16_t status);
const char *cr_text_sentence(uint16_t status);

/* The defaults: the payload as it is; API Gateway's texts. */
void cr_text_payload(void *arg, const struct chatroom_entry *entry, struct chatroom_json *json);
void cr_text_gateway_refusal(void *arg, const struct chatroom_refusal *refusal, struct chatroom_json *json);

#endif
