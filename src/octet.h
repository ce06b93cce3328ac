/* octet.h: what an octet of ASCII is, where case or hexadecimal digits matter. */
#ifndef CR_OCTET_H
#define CR_OCTET_H

static inline char cr_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* -1: it is none. */
static inline int cr_hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    digit = cr_lower(digit);
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

#endif
