/*
 * value.h: single values of options and sections: does this text say what it should?
 *
 * Each returns false with a complaint, of at most VALUE_COMPLAINT_BYTES, that goes behind the name of what was given.
 */
#ifndef CHATROOMD_VALUE_H
#define CHATROOMD_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#define VALUE_COMPLAINT_BYTES 200

/* One word of a choice, such as "simple" of --mode. A list of them ends with NULL. */
struct value_choice {
    const char *word;
    int value;
};

/* yes, true, on, 1 and their opposites. */
extern const struct value_choice value_switches[];

bool value_choose(const struct value_choice *choices, const char *text, int *ret_value, char *ret_complaint);

/* Digits alone, in these bounds. */
bool value_number(const char *text, unsigned least, unsigned most, unsigned *ret_number, char *ret_complaint);

/* "127.0.0.1:8080", "[::1]:8080" or "unix:/run/chatroomd.sock": numbers, so that nothing waits for a name server. */
bool value_address(const char *text, char *ret_complaint);

/* A token bucket; all 0: no limit. */
struct value_throttle {
    unsigned rate;
    unsigned burst;
};

/* "RATE/BURST". Zero is refused: who does not want a limit sets none. */
bool value_throttle(const char *text, struct value_throttle *ret_throttle, char *ret_complaint);

#endif
