#include "value.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define THROTTLE_MOST 1000000

const struct value_choice value_switches[] = {{"yes", true},  {"true", true}, {"on", true},
                                              {"1", true},    {"no", false},  {"false", false},
                                              {"off", false}, {"0", false},   {NULL, 0}};

static bool complain(char *ret_complaint, const char *complaint)
{
    snprintf(ret_complaint, VALUE_COMPLAINT_BYTES, "%s", complaint);
    return false;
}

bool value_choose(const struct value_choice *choices, const char *text, int *ret_value, char *ret_complaint)
{
    size_t used;

    for (const struct value_choice *c = choices; c->word; c++)
        if (strcmp(c->word, text) == 0) {
            *ret_value = c->value;
            return true;
        }
    used = (size_t)snprintf(ret_complaint, VALUE_COMPLAINT_BYTES, "\"%.40s\" is none of", text);
    for (const struct value_choice *c = choices; c->word && used < VALUE_COMPLAINT_BYTES; c++)
        used += (size_t)snprintf(ret_complaint + used, VALUE_COMPLAINT_BYTES - used, "%s %s", c == choices ? "" : ",",
                                 c->word);
    return false;
}

/* At most 9 digits, so that the number fits whatever it is. */
static bool read_number(const char *text, size_t size, unsigned *ret_number)
{
    if (size == 0 || size > 9 || strspn(text, "0123456789") < size)
        return false;
    *ret_number = (unsigned)strtoul(text, NULL, 10);
    return true;
}

bool value_number(const char *text, unsigned least, unsigned most, unsigned *ret_number, char *ret_complaint)
{
    unsigned number;

    if (!read_number(text, strlen(text), &number) || number < least || number > most) {
        snprintf(ret_complaint, VALUE_COMPLAINT_BYTES, "needs a number from %u to %u", least, most);
        return false;
    }
    *ret_number = number;
    return true;
}

static bool is_port(const char *text)
{
    unsigned port;

    return strlen(text) <= 5 && read_number(text, strlen(text), &port) && port <= 65535;
}

static bool is_tcp(const char *text)
{
    struct in6_addr binary;
    char host[64];
    const char *colon = strrchr(text, ':');
    size_t size = colon ? (size_t)(colon - text) : 0;

    if (size == 0 || size >= sizeof host || !is_port(colon + 1))
        return false;
    memcpy(host, text, size);
    host[size] = '\0';
    if (host[0] != '[')
        return inet_pton(AF_INET, host, &binary) == 1;
    if (host[size - 1] != ']')
        return false;
    host[size - 1] = '\0';
    return inet_pton(AF_INET6, host + 1, &binary) == 1;
}

bool value_address(const char *text, char *ret_complaint)
{
    struct sockaddr_un local;
    bool is_local = strncmp(text, "unix:", 5) == 0 && text[5];

    if (is_local && strlen(text + 5) >= sizeof local.sun_path)
        return complain(ret_complaint, "names a local socket whose path is longer than 107 bytes");
    if (!is_local && !is_tcp(text))
        return complain(ret_complaint,
                        "needs ADDRESS:PORT in numbers, such as 127.0.0.1:8080 or [::1]:8080, or unix:PATH");
    return true;
}

bool value_throttle(const char *text, struct value_throttle *ret_throttle, char *ret_complaint)
{
    const char *slash = strchr(text, '/');
    struct value_throttle t;

    if (!slash || !read_number(text, (size_t)(slash - text), &t.rate) ||
        !read_number(slash + 1, strlen(slash + 1), &t.burst) || t.rate > THROTTLE_MOST || t.burst > THROTTLE_MOST)
        return complain(ret_complaint, "needs RATE/BURST, such as 100/200, both at most 1000000");
    if (t.rate == 0 || t.burst == 0)
        return complain(ret_complaint, "zero would let nobody through; leave it out for no limit");
    *ret_throttle = t;
    return true;
}
