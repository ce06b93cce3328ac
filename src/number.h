/* number.h: JSON numbers as decimals, of any size, without rounding. token is a valid one. */
#ifndef CR_NUMBER_H
#define CR_NUMBER_H

#include <chatroom/base.h>

/* Less than, equal to or greater than 0, as a is to b. */
int cr_number_compare(chatroom_span a, chatroom_span b);

/* 1, 1.0 and 10e-1 are. */
bool cr_number_is_integer(chatroom_span token);

#endif
