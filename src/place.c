#include "place.h"

static void add(struct cr_sentence *sentence, const struct cr_place *place) /* NOLINT: see below */
{
    if (!place->outer) {
        cr_sentence_add(sentence, "$");
        return;
    }
    add(sentence, place->outer); /* no deeper than JSON may be */
    if (place->name.bytes) {
        cr_sentence_add(sentence, ".");
        cr_sentence_quote(sentence, place->name);
        return;
    }
    cr_sentence_add(sentence, "[");
    cr_sentence_number(sentence, place->index);
    cr_sentence_add(sentence, "]");
}

int cr_place_end(const struct cr_place *place, struct cr_sentence *sentence, struct chatroom_error *error, int code)
{
    cr_sentence_add(sentence, ", at ");
    add(sentence, place);
    cr_sentence_add(sentence, ".");
    return cr_sentence_end(sentence, error, code);
}
