/*
 * names_icu.h: a policy for names in any script, on ICU. In a library of its own: pkg-config chatroom-icu.
 *
 * The form of a name is that of the Nickname profile (RFC 8266): white space at the ends goes, runs of it become one
 * space, compatible characters become one (NFKC); letters keep their case. Refused are controls, what nobody can see,
 * what changes the direction of other text, and what this version of Unicode does not know: the FreeformClass of RFC
 * 8264, and of that also joiners and blanks that pass for letters; and more than 1024 bytes.
 *
 * Look-alikes are names that UTS #39 calls confusable, as they are written or without regard to case: "paypal" with a
 * Cyrillic a, "PayPal", "paypaI". Which those are is a matter of ICU's version, and nothing of it is stored.
 */
#ifndef CHATROOM_BACKEND_NAMES_ICU_H
#define CHATROOM_BACKEND_NAMES_ICU_H

#include <chatroom/names.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Makes one, for chatroom_set_names(). Errors: ENOMEM; ESYSTEM ICU's data cannot be read. */
CHATROOM_API int chatroom_names_icu(struct chatroom_names *ret_names, struct chatroom_error *error);

#ifdef __cplusplus
}
#endif

#endif
