#include "number.h"

/* Greater exponents count as this one, which no number of digits makes up for. */
static const int64_t exponent_most = INT64_C(1) << 60;

/* Its digits, as they stand there, with the point passed over: 0.DIGITS times ten to the power. No digits: zero. */
struct decimal {
    bool negative;
    const char *at, *end; /* from the first digit that is not 0 to the last */
    int64_t power;
};

static bool is_digit(char octet)
{
    return octet >= '0' && octet <= '9';
}

/* What stands behind the 'e', at least a digit. */
static int64_t read_exponent(const char *at, const char *end)
{
    bool negative = *at == '-';
    int64_t exponent = 0;

    for (; at < end; at++)
        if (is_digit(*at))
            exponent = exponent < exponent_most / 16 ? exponent * 10 + (*at - '0') : exponent_most;
    return negative ? -exponent : exponent;
}

static struct decimal read_decimal(chatroom_span token)
{
    struct decimal d = {false, token.bytes, token.bytes, 0};
    const char *end = token.bytes + token.size, *mark, *point;

    if (*d.at == '-') {
        d.negative = true;
        d.at++;
    }
    for (mark = d.at; mark < end && (is_digit(*mark) || *mark == '.'); mark++)
        ;
    point = memchr(d.at, '.', (size_t)(mark - d.at));
    while (d.at < mark && !(is_digit(*d.at) && *d.at != '0'))
        d.at++;
    d.end = mark;
    while (d.end > d.at && !(is_digit(d.end[-1]) && d.end[-1] != '0'))
        d.end--;
    if (!point)
        point = mark;
    d.power = point > d.at ? point - d.at : point + 1 - d.at;
    d.power += mark < end ? read_exponent(mark + 1, end) : 0;
    return d;
}

static char next_digit(struct decimal *d)
{
    if (d->at < d->end && *d->at == '.')
        d->at++;
    return d->at < d->end ? *d->at++ : '0';
}

static int sign(const struct decimal *d)
{
    return d->at == d->end ? 0 : d->negative ? -1 : 1;
}

/* Neither is 0. */
static int compare_sizes(struct decimal a, struct decimal b)
{
    if (a.power != b.power)
        return a.power < b.power ? -1 : 1;
    while (a.at < a.end || b.at < b.end) {
        char x = next_digit(&a), y = next_digit(&b);

        if (x != y)
            return x < y ? -1 : 1;
    }
    return 0;
}

int cr_number_compare(chatroom_span a, chatroom_span b)
{
    struct decimal x = read_decimal(a), y = read_decimal(b);

    if (sign(&x) != sign(&y))
        return sign(&x) - sign(&y);
    return sign(&x) * (sign(&x) == 0 ? 0 : compare_sizes(x, y));
}

bool cr_number_is_integer(chatroom_span token)
{
    struct decimal d = read_decimal(token);
    int64_t digits = d.end - d.at - (d.end > d.at && memchr(d.at, '.', (size_t)(d.end - d.at)) != NULL);

    return digits == 0 || digits <= d.power;
}
