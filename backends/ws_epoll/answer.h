/* answer.h: the head of an answer, as text. From memory, no I/O. */
#ifndef WS_ANSWER_H
#define WS_ANSWER_H

#include <chatroom/transport.h>

struct ws_answer {
    unsigned status;
    const char *fields;                    /* of our own: whole lines; NULL: none */
    const struct chatroom_header *headers; /* of the core's: what could break the message is left out */
    size_t header_count;
    chatroom_span body; /* its size is told, it is not written here */
    bool close;         /* no other request follows on the connection */
};

/* How many octets its head has at most. */
size_t ws_answer_most(const struct ws_answer *answer);
/* Writes so many at most, and returns how many. */
size_t ws_answer_write(const struct ws_answer *answer, int64_t wall_ms, char *ret_text);

/* Has an answer with that status a body? RFC 9110, 6.4.1. */
bool ws_answer_has_body(unsigned status);
/* The status itself, or 500 if it is none of a final answer. */
unsigned ws_answer_status(unsigned status);

#endif
