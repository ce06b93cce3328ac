/* place.h: where in a JSON text something is: "$.members[3].name". */
#ifndef CR_PLACE_H
#define CR_PLACE_H

#include "sentence.h"

/* A chain from the inside out, on the stacks of those who walk. */
struct cr_place {
    const struct cr_place *outer; /* NULL: the text itself, "$" */
    chatroom_span name;           /* of a member, as it stands there */
    size_t index;                 /* of an element: name.bytes is NULL */
};

/* Ends a sentence with ", at PLACE.". Returns code. */
int cr_place_end(const struct cr_place *place, struct cr_sentence *sentence, struct chatroom_error *error, int code);

#endif
