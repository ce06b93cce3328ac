/*
 * regulars.h: a hundred ordinary people who talk in rooms of ten, in a thread of their own, and how long each of them
 * waits for what it said. None of them may lose its connection, whatever others do.
 */
#ifndef REGULARS_H
#define REGULARS_H

#include <stdbool.h>
#include <stdint.h>

#define REGULARS 100

struct regulars;

/* They are all in their rooms, and have begun to talk. Fails the test if they cannot. */
struct regulars *regulars_new(uint16_t port);
/* Fails the test if one of them was disconnected. */
void regulars_free(struct regulars *regulars);

/* From here on they measure anew. */
void regulars_begin(struct regulars *regulars);
/* How long 99 of 100 waited at most, in ms; what nobody has heard yet counts as waiting. */
double regulars_p99(struct regulars *regulars);
/* They say nothing until regulars_begin(). */
void regulars_pause(struct regulars *regulars);

#define FLOOR_MS 200.0

/* Whether that was a wait that others may cause: twice what it was before, or the floor. */
bool regulars_are_well(struct regulars *regulars, const char *what, double before, double floor_ms);

#endif
