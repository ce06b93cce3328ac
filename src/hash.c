#include <chatroom/base.h>

struct sip {
    uint64_t v0, v1, v2, v3;
};

static uint64_t rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static uint64_t load(const uint8_t *from, size_t bytes)
{
    uint64_t word = 0;

    for (size_t i = 0; i < bytes; i++)
        word |= (uint64_t)from[i] << (8 * i);
    return word;
}

static void rounds(struct sip *s, unsigned count)
{
    while (count-- > 0) {
        s->v0 += s->v1;
        s->v1 = rotate(s->v1, 13) ^ s->v0;
        s->v0 = rotate(s->v0, 32);
        s->v2 += s->v3;
        s->v3 = rotate(s->v3, 16) ^ s->v2;
        s->v0 += s->v3;
        s->v3 = rotate(s->v3, 21) ^ s->v0;
        s->v2 += s->v1;
        s->v1 = rotate(s->v1, 17) ^ s->v2;
        s->v2 = rotate(s->v2, 32);
    }
}

static void absorb(struct sip *s, uint64_t word)
{
    s->v3 ^= word;
    rounds(s, 1);
    s->v0 ^= word;
}

/* The octets behind the last whole word. */
static uint64_t load_rest(const uint8_t *data, size_t size)
{
    size_t rest = size % 8;

    if (size < 8 || rest == 0)
        return load(data, rest);
    return load(data + size - 8, 8) >> 8 * (8 - rest);
}

uint64_t chatroom_hash(const uint8_t key[16], const void *data, size_t size)
{
    uint64_t k0 = load(key, 8), k1 = load(key + 8, 8);
    struct sip s = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573};
    const uint8_t *at = data;

    for (size_t left = size; left >= 8; left -= 8, at += 8)
        absorb(&s, load(at, 8));
    absorb(&s, (uint64_t)size << 56 | load_rest(data, size));
    s.v2 ^= 0xff;
    rounds(&s, 3);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
