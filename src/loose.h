/*
 * loose.h: JSON strings from octets that nobody has checked: what a client wrote into a head or a URL.
 *
 * What is not UTF-8 becomes U+FFFD, one for each part that could have begun a character (The Unicode Standard, 3.9). A
 * string may be added to piece by piece. Pure; no allocation.
 */
#ifndef CR_LOOSE_H
#define CR_LOOSE_H

#include <chatroom/json.h>
#include <chatroom/utf8.h>

/* A string that is being written. */
struct cr_loose {
    struct chatroom_json *json;
    struct chatroom_utf8 utf8;
    size_t size;   /* of run */
    size_t whole;  /* so many of them are whole characters */
    char run[128]; /* not written yet */
};

void cr_loose_open(struct cr_loose *loose, struct chatroom_json *json);
void cr_loose_octet(struct cr_loose *loose, char octet);
void cr_loose_add(struct cr_loose *loose, chatroom_span octets);
void cr_loose_close(struct cr_loose *loose);
/* Closes the name of a member, whose value comes next. */
void cr_loose_close_name(struct cr_loose *loose);

/* A whole string value. */
void cr_loose_string(struct chatroom_json *json, chatroom_span octets);

#endif
