/* character.h: the characters of a text that may not be UTF-8 everywhere. */
#ifndef CR_CHARACTER_H
#define CR_CHARACTER_H

#include <chatroom/utf8.h>

/* The size of the first character, in bytes; 0: there is none, or it is not UTF-8. */
static inline size_t cr_character_size(chatroom_span text)
{
    for (size_t size = 1; size <= 4 && size <= text.size; size++)
        if (chatroom_utf8_valid(chatroom_bytes(text.bytes, size)))
            return size;
    return 0;
}

/* True for the octets of a character behind its first. */
static inline bool cr_character_continues(char octet)
{
    return ((unsigned char)octet & 0xC0) == 0x80;
}

/* The front of a text: no more than so many bytes, and no character that it has in half. */
static inline chatroom_span cr_character_front(chatroom_span text, size_t most)
{
    size_t size = text.size;

    if (size > most)
        for (size = most; size > 0 && cr_character_continues(text.bytes[size]);)
            size--;
    return chatroom_bytes(text.bytes, size);
}

#endif
