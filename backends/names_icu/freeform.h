/*
 * freeform.h: of which characters a name may be made: the FreeformClass of RFC 8264, without joiners and blanks.
 */
#ifndef ICU_FREEFORM_H
#define ICU_FREEFORM_H

#include <stdbool.h>
#include <unicode/utypes.h>

/* text is well-formed UTF-16. Any thread. */
bool icu_is_freeform(const UChar *text, int32_t size);

#endif
