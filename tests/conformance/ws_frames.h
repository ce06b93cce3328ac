/* ws_frames.h: frames as a client sends them, right or wrong, for tests (RFC 6455, 5.2). */
#ifndef WS_FRAMES_H
#define WS_FRAMES_H

#include <stdint.h>
#include <string.h>

enum { WIRE_FIN = 0x80, WIRE_MASK = 0x80 };

/* The header with any announced size; form is 0 for the shortest, else 16 or 64 bits. Returns its octets, at most 14.
 */
static inline size_t wire_header(uint8_t *to, uint8_t first, uint64_t size, int form, const uint8_t *key)
{
    size_t at = 2;

    to[0] = first;
    if (form == 0)
        form = size < 126 ? 7 : size < 65536 ? 16 : 64;
    to[1] = form == 7 ? (uint8_t)size : form == 16 ? 126 : 127;
    for (int shift = form == 7 ? 0 : form; shift > 0; shift -= 8)
        to[at++] = (uint8_t)(size >> (shift - 8));
    if (!key)
        return at;
    to[1] |= WIRE_MASK;
    memcpy(to + at, key, 4);
    return at + 4;
}

/* A whole masked frame. Returns its octets, at most 14 more than size. */
static inline size_t wire_frame(uint8_t *to, uint8_t first, const void *payload, size_t size)
{
    static const uint8_t key[4] = {0x37, 0xfa, 0x21, 0x3d};
    size_t header = wire_header(to, first, size, 0, key);

    for (size_t i = 0; i < size; i++)
        to[header + i] = ((const uint8_t *)payload)[i] ^ key[i % 4];
    return header + size;
}

#endif
