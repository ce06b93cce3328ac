/*
 * head.h: the head of an HTTP/1.1 request (RFC 9112), strictly. From memory, without allocating, no I/O.
 *
 * Refused are the things by which two parsers can be made to disagree: bare CR or LF, NUL and other controls, folded
 * lines, blanks around names, any other version, no Host or two, lengths that are not one decimal number. Octets are
 * looked at as they come, each once; the parts are found when the head is complete.
 */
#ifndef WS_HEAD_H
#define WS_HEAD_H

#include <chatroom/transport.h>

#define WS_FIELDS_MOST 64

enum ws_scan { WS_SCAN_MORE, WS_SCAN_END, WS_SCAN_BAD };

/* Spans into the octets that were parsed. */
struct ws_head {
    chatroom_span method;
    chatroom_span target; /* in origin form, from "/" on */
    chatroom_span path;   /* the same up to "?" */
    chatroom_span host;   /* of the target, if it was absolute, else of the Host field: "chat.example:8080" */
    bool has_body;
    size_t body_size; /* octets that follow; SIZE_MAX: more than can be counted */
    bool has_transfer_encoding;
    struct chatroom_header fields[WS_FIELDS_MOST];
    size_t field_count;
};

/*
 * Goes on at *scanned, where the call before left it; 0 at first. END: the first *scanned octets are a head. BAD: they
 * cannot become one.
 */
enum ws_scan ws_head_scan(const char *bytes, size_t size, size_t *scanned);

/* Takes a scanned head apart. 0, or the HTTP status of the refusal: 400, 414, 431. */
uint16_t ws_head_parse(chatroom_span bytes, size_t target_most, struct ws_head *ret_head);

/* The value of the n-th field of that name, compared without case. False: there are not so many. */
bool ws_head_field(const struct ws_head *head, const char *name, size_t n, chatroom_span *ret_value);

/* Takes the next element off a comma-separated list, blanks around it removed; may be empty. False at the end. */
bool ws_list_next(chatroom_span *list, chatroom_span *ret_element);

/* True if one of the fields of that name has the element in its list, compared without case. */
bool ws_head_lists(const struct ws_head *head, const char *name, const char *element);

/* RFC 9110, 5.6.2. */
bool ws_is_token(chatroom_span text);
/* A host, in brackets if it is an IPv6 address, and maybe a port (RFC 9110, 7.2). */
bool ws_is_authority(chatroom_span text);
/* Equal but for the case of ASCII letters. */
bool ws_same_word(chatroom_span a, chatroom_span b);

#endif
