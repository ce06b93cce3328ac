/*
 * sentence.h: put a sentence for a person together, for a struct chatroom_error: what is wrong, and where. What does
 * not fit is left away.
 */
#ifndef CR_SENTENCE_H
#define CR_SENTENCE_H

#include <chatroom/base.h>

struct cr_sentence {
    char bytes[sizeof((struct chatroom_error *)NULL)->text];
    size_t size;
};

/* All zero is an empty one. */
void cr_sentence_add(struct cr_sentence *sentence, const char *words);
/* Somebody else's text: control characters and what is not UTF-8 become '?', so that a sentence is one line of text. */
void cr_sentence_quote(struct cr_sentence *sentence, chatroom_span text);
void cr_sentence_number(struct cr_sentence *sentence, uint64_t number);

/* Sets error, which may be NULL. Returns code. */
int cr_sentence_end(struct cr_sentence *sentence, struct chatroom_error *error, int code);

/*
 * The sentence about a text that was configured: what is wrong with it, at which character (the first is 1), and how it
 * goes on from there. at is an offset in bytes. Returns code.
 */
int cr_sentence_refuse(struct chatroom_error *error, int code, const char *what, chatroom_span text, size_t at);

#endif
