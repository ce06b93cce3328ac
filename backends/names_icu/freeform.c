#include "freeform.h"

#include <unicode/uchar.h>
#include <unicode/uscript.h>
#include <unicode/utf16.h>

/* Everything else is a letter, a mark, a number, a sign or a space. */
#define REFUSED_CATEGORIES \
    (U_GC_CN_MASK | U_GC_CC_MASK | U_GC_CF_MASK | U_GC_CO_MASK | U_GC_CS_MASK | U_GC_ZL_MASK | U_GC_ZP_MASK)

/* RFC 8264 refuses these by name (9.6, of RFC 5892), but for the last row: a blank, and two that stand for what is not
 * there. */
static bool is_exception(UChar32 code)
{
    return code == 0x640 || code == 0x7fa || code == 0x302e || code == 0x302f || (code >= 0x3031 && code <= 0x3035) ||
           code == 0x303b || code == 0x2800 || code == 0xfffc || code == 0xfffd;
}

/* Parts of old syllables, which may look like a modern one. */
static bool is_jamo(UChar32 code)
{
    int32_t type = u_getIntPropertyValue(code, UCHAR_HANGUL_SYLLABLE_TYPE);

    return type == U_HST_LEADING_JAMO || type == U_HST_VOWEL_JAMO || type == U_HST_TRAILING_JAMO;
}

/* Of ASCII all that can be seen, and the space: most names have nothing else, and need not be looked up. */
static bool is_allowed(UChar32 code)
{
    if (code < 0x80)
        return code >= ' ' && code <= '~';
    return !(U_GET_GC_MASK(code) & REFUSED_CATEGORIES) && !is_exception(code) && !is_jamo(code) &&
           !u_hasBinaryProperty(code, UCHAR_DEFAULT_IGNORABLE_CODE_POINT);
}

/* ---- what is good in some company only: appendix A of RFC 5892 ---- */

struct text {
    const UChar *units;
    int32_t size;
};

static bool is_script(UChar32 code, UScriptCode script)
{
    UErrorCode status = U_ZERO_ERROR;

    return uscript_getScript(code, &status) == script && U_SUCCESS(status);
}

/* The character before at, or at it; -1 beyond the ends. */
static UChar32 before(const struct text *text, int32_t at)
{
    UChar32 code = -1;

    if (at > 0)
        U16_PREV(text->units, 0, at, code);
    return code;
}

static UChar32 behind(const struct text *text, int32_t at)
{
    UChar32 code = -1;

    if (at < text->size)
        U16_NEXT(text->units, at, text->size, code);
    return code;
}

static bool is_japanese(UChar32 code)
{
    return is_script(code, USCRIPT_HIRAGANA) || is_script(code, USCRIPT_KATAKANA) || is_script(code, USCRIPT_HAN);
}

static bool is_arabic_digit(UChar32 code)
{
    return code >= 0x660 && code <= 0x669;
}

static bool is_extended_digit(UChar32 code)
{
    return code >= 0x6f0 && code <= 0x6f9;
}

static bool any(const struct text *text, bool (*is)(UChar32 code))
{
    for (int32_t at = 0; at < text->size;) {
        UChar32 code;

        U16_NEXT(text->units, at, text->size, code);
        if (is(code))
            return true;
    }
    return false;
}

/* code stands from start to end. */
static bool fits(const struct text *text, UChar32 code, int32_t start, int32_t end)
{
    switch (code) {
    case 0xb7: /* middle dot, of Catalan */
        return before(text, start) == 'l' && behind(text, end) == 'l';
    case 0x375: /* Greek numeral sign */
        return is_script(behind(text, end), USCRIPT_GREEK);
    case 0x5f3: /* Hebrew geresh, gershayim */
    case 0x5f4:
        return is_script(before(text, start), USCRIPT_HEBREW);
    case 0x30fb: /* Katakana middle dot */
        return any(text, is_japanese);
    default: /* one kind of digits or the other */
        return !(is_arabic_digit(code) && any(text, is_extended_digit));
    }
}

bool icu_is_freeform(const UChar *units, int32_t size)
{
    struct text text = {units, size};

    for (int32_t at = 0, start = 0; at < size; start = at) {
        UChar32 code;

        U16_NEXT(units, at, size, code);
        if (!is_allowed(code) || !fits(&text, code, start, at))
            return false;
    }
    return true;
}
