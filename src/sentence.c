#include "sentence.h"

#include "character.h"

enum { EXCERPT = 24 }; /* bytes of a text that are shown */

static void add(struct cr_sentence *sentence, char octet)
{
    if (sentence->size < sizeof sentence->bytes - 1)
        sentence->bytes[sentence->size++] = octet;
}

void cr_sentence_add(struct cr_sentence *sentence, const char *words)
{
    while (*words)
        add(sentence, *words++);
}

void cr_sentence_quote(struct cr_sentence *sentence, chatroom_span text)
{
    for (size_t i = 0, size; i<text.size; i += size> 0 ? size : 1) {
        unsigned char first = (unsigned char)text.bytes[i];

        size = cr_character_size(chatroom_bytes(text.bytes + i, text.size - i));
        if (size == 0 || first < 0x20 || first == 0x7F)
            add(sentence, '?');
        else
            for (size_t j = 0; j < size; j++)
                add(sentence, text.bytes[i + j]);
    }
}

void cr_sentence_number(struct cr_sentence *sentence, uint64_t number)
{
    char digits[20];
    size_t at = sizeof digits;

    do
        digits[--at] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    cr_sentence_quote(sentence, chatroom_bytes(digits + at, sizeof digits - at));
}

/* A sentence that ran full may have ended inside a code point. */
static void drop_half_character(struct cr_sentence *sentence)
{
    if (sentence->size < sizeof sentence->bytes - 1)
        return;
    while (sentence->size > 0 && cr_character_continues(sentence->bytes[sentence->size - 1]))
        sentence->size--;
    if (sentence->size > 0 && (unsigned char)sentence->bytes[sentence->size - 1] >= 0xC0)
        sentence->size--;
}

int cr_sentence_end(struct cr_sentence *sentence, struct chatroom_error *error, int code)
{
    drop_half_character(sentence);
    sentence->bytes[sentence->size] = '\0';
    return chatroom_error_set(error, code, sentence->bytes);
}

static size_t characters(chatroom_span text)
{
    size_t count = 0;

    for (size_t i = 0; i < text.size; i++)
        count += !cr_character_continues(text.bytes[i]);
    return count;
}

static void add_excerpt(struct cr_sentence *sentence, chatroom_span rest)
{
    chatroom_span front = cr_character_front(rest, EXCERPT);

    cr_sentence_add(sentence, "\"");
    cr_sentence_quote(sentence, front);
    cr_sentence_add(sentence, front.size < rest.size ? "...\"." : "\".");
}

int cr_sentence_refuse(struct chatroom_error *error, int code, const char *what, chatroom_span text, size_t at)
{
    struct cr_sentence sentence = {0};

    cr_sentence_add(&sentence, what);
    if (at >= text.size) {
        cr_sentence_add(&sentence, ", at the end.");
        return cr_sentence_end(&sentence, error, code);
    }
    cr_sentence_add(&sentence, ", at character ");
    cr_sentence_number(&sentence, characters(chatroom_bytes(text.bytes, at)) + 1);
    cr_sentence_add(&sentence, ": ");
    add_excerpt(&sentence, chatroom_bytes(text.bytes + at, text.size - at));
    return cr_sentence_end(&sentence, error, code);
}
