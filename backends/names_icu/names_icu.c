/*
 * A policy for names on ICU: RFC 8266 for the form, UTS #39 for the keys. Works on the stack, in UTF-16 as ICU does;
 * the checker is opened once and only read from then on.
 */
#include "freeform.h"

#include <chatroom/backend/names_icu.h>

#include <stdio.h>
#include <stdlib.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/uspoof.h>
#include <unicode/ustring.h>

enum {
    MOST = 1024, /* bytes that are looked at, and UTF-16 units of any form or key */
    ROUNDS = 4,  /* until it must be stable: RFC 8264, 7 */
};

struct text {
    UChar units[MOST];
    int32_t size;
};

/* The skeleton of one. */
struct character {
    UChar units[8];
    int32_t size;
};

struct policy {
    const UNormalizer2 *nfkc; /* ICU's own */
    USpoofChecker *spoof;
    struct character ascii[128]; /* most names are no more than these */
};

/* What does not fit is too long for a name, and what is not UTF-8 is none. */
static int result_of(UErrorCode status)
{
    if (U_SUCCESS(status))
        return CHATROOM_OK;
    return status == U_MEMORY_ALLOCATION_ERROR ? CHATROOM_ENOMEM : CHATROOM_EREFUSED;
}

static bool is_equal(const struct text *a, const struct text *b)
{
    return a->size == b->size && u_memcmp(a->units, b->units, a->size) == 0;
}

static int read_text(chatroom_span bytes, struct text *ret_text)
{
    UErrorCode status = U_ZERO_ERROR;

    if (bytes.size == 0 || bytes.size > MOST)
        return CHATROOM_EREFUSED;
    u_strFromUTF8(ret_text->units, MOST, &ret_text->size, bytes.bytes, (int32_t)bytes.size, &status);
    return result_of(status);
}

static int write_text(const struct text *text, char *ret_bytes, int32_t room, size_t *ret_size)
{
    UErrorCode status = U_ZERO_ERROR;
    int32_t size = 0;

    u_strToUTF8(ret_bytes, room, &size, text->units, text->size, &status);
    *ret_size = U_SUCCESS(status) ? (size_t)size : 0;
    return result_of(status);
}

static bool is_ascii(const struct text *text)
{
    for (int32_t i = 0; i < text->size; i++)
        if (text->units[i] >= 0x80)
            return false;
    return true;
}

/* ---- the form ---- */

/* No space has a surrogate in it, and ASCII has one space. */
static bool is_space(UChar unit)
{
    return unit < 0x80 ? unit == ' ' : u_charType(unit) == U_SPACE_SEPARATOR;
}

static void map_spaces(struct text *text)
{
    int32_t size = 0;
    bool gap = false;

    for (int32_t i = 0; i < text->size; i++) {
        if (is_space(text->units[i])) {
            gap = size > 0;
            continue;
        }
        if (gap)
            text->units[size++] = ' ';
        gap = false;
        text->units[size++] = text->units[i];
    }
    text->size = size;
}

static int normalize(const struct policy *policy, const struct text *text, struct text *ret_text)
{
    UErrorCode status = U_ZERO_ERROR;

    ret_text->size = unorm2_normalize(policy->nfkc, text->units, text->size, ret_text->units, MOST, &status);
    return result_of(status);
}

/* The rules once more, until they change nothing: NFKC can make spaces, and what stands alone then. */
static int enforce(const struct policy *policy, struct text *text)
{
    if (is_ascii(text)) { /* which NFKC leaves as it is */
        if (!icu_is_freeform(text->units, text->size))
            return CHATROOM_EREFUSED;
        map_spaces(text);
        return text->size > 0 ? CHATROOM_OK : CHATROOM_EREFUSED;
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct text mapped = *text, next;
        int result;

        if (!icu_is_freeform(text->units, text->size))
            return CHATROOM_EREFUSED;
        map_spaces(&mapped);
        result = normalize(policy, &mapped, &next);
        if (result != CHATROOM_OK)
            return result;
        if (is_equal(text, &next))
            return text->size > 0 ? CHATROOM_OK : CHATROOM_EREFUSED;
        *text = next;
    }
    return CHATROOM_EREFUSED;
}

/* ---- the keys ---- */

static void fold_ascii(const struct text *text, struct text *ret_text)
{
    for (int32_t i = 0; i < text->size; i++) {
        UChar unit = text->units[i];

        ret_text->units[i] = unit >= 'A' && unit <= 'Z' ? (UChar)(unit - 'A' + 'a') : unit;
    }
    ret_text->size = text->size;
}

static int fold(const struct text *text, struct text *ret_text)
{
    UErrorCode status = U_ZERO_ERROR;

    if (is_ascii(text)) {
        fold_ascii(text, ret_text);
        return CHATROOM_OK;
    }
    ret_text->size = u_strFoldCase(ret_text->units, MOST, text->units, text->size, U_FOLD_CASE_DEFAULT, &status);
    return result_of(status);
}

/* A character at a time: none of these skeletons begins with a mark, so that nothing moves when they are joined. */
static int join_skeletons(const struct policy *policy, const struct text *text, struct text *ret_skeleton)
{
    ret_skeleton->size = 0;
    for (int32_t i = 0; i < text->size; i++) {
        const struct character *character = &policy->ascii[text->units[i]];

        if (character->size > MOST - ret_skeleton->size)
            return CHATROOM_EREFUSED;
        u_memcpy(ret_skeleton->units + ret_skeleton->size, character->units, character->size);
        ret_skeleton->size += character->size;
    }
    return CHATROOM_OK;
}

static int find_skeleton(const struct policy *policy, const struct text *text, struct text *ret_skeleton)
{
    UErrorCode status = U_ZERO_ERROR;

    if (is_ascii(text))
        return join_skeletons(policy, text, ret_skeleton);
    ret_skeleton->size =
        uspoof_getSkeleton(policy->spoof, 0, text->units, text->size, ret_skeleton->units, MOST, &status);
    return result_of(status);
}

/* Its skeleton, folded: a digit may have a capital for its skeleton. */
static int find_key(const struct policy *policy, const struct text *text, struct text *ret_key)
{
    struct text skeleton;
    int result = find_skeleton(policy, text, &skeleton);

    return result == CHATROOM_OK ? fold(&skeleton, ret_key) : result;
}

static int write_key(const struct text *key, struct chatroom_name *name, size_t n)
{
    return write_text(key, name->keys[n].bytes, sizeof name->keys[n].bytes, &name->keys[n].size);
}

/*
 * Two keys, since a capital I looks like an l, and means an i: of the name as it would be in small letters, and of the
 * name as it is. With one for both, Maria and Marla would be the same.
 */
static int find_keys(const struct policy *policy, const struct text *text, struct chatroom_name *ret_name)
{
    struct text small, key, other;
    int result = fold(text, &small);

    if (result == CHATROOM_OK)
        result = find_key(policy, &small, &key);
    if (result == CHATROOM_OK)
        result = find_key(policy, text, &other);
    if (result == CHATROOM_OK)
        result = write_key(&key, ret_name, 0);
    ret_name->keys[1].size = 0;
    return result == CHATROOM_OK && !is_equal(&key, &other) ? write_key(&other, ret_name, 1) : result;
}

/* ---- the policy ---- */

static int prepare(void *self, chatroom_span bytes, struct chatroom_name *ret_name)
{
    const struct policy *policy = self;
    struct text text;
    int result = read_text(bytes, &text);

    if (result == CHATROOM_OK)
        result = enforce(policy, &text);
    if (result == CHATROOM_OK)
        result = write_text(&text, ret_name->text, sizeof ret_name->text, &ret_name->size);
    return result == CHATROOM_OK ? find_keys(policy, &text, ret_name) : result;
}

static void close_policy(void *self)
{
    struct policy *policy = self;

    uspoof_close(policy->spoof);
    free(policy);
}

static const struct chatroom_names_ops ops = {CHATROOM_NAMES_OPS, .prepare = prepare, .close = close_policy};

static int fail(UErrorCode status, struct chatroom_error *error)
{
    char text[128];

    if (status == U_MEMORY_ALLOCATION_ERROR)
        return chatroom_error_set(error, CHATROOM_ENOMEM, chatroom_strerror(CHATROOM_ENOMEM));
    snprintf(text, sizeof text, "ICU cannot be used: %s.", u_errorName(status));
    return chatroom_error_set(error, CHATROOM_ESYSTEM, text);
}

static void look_up_ascii(struct policy *policy, UErrorCode *status)
{
    for (UChar unit = 0; unit < 128; unit++) {
        struct character *character = &policy->ascii[unit];
        int32_t most = sizeof character->units / sizeof character->units[0];

        character->size = uspoof_getSkeleton(policy->spoof, 0, &unit, 1, character->units, most, status);
    }
}

int chatroom_names_icu(struct chatroom_names *ret_names, struct chatroom_error *error)
{
    UErrorCode status = U_ZERO_ERROR;
    struct policy *policy = calloc(1, sizeof *policy);

    if (!policy)
        return fail(U_MEMORY_ALLOCATION_ERROR, error);
    policy->nfkc = unorm2_getNFKCInstance(&status);
    policy->spoof = uspoof_open(&status);
    if (U_SUCCESS(status))
        look_up_ascii(policy, &status);
    if (U_FAILURE(status)) {
        uspoof_close(policy->spoof);
        free(policy);
        return fail(status, error);
    }
    *ret_names = (struct chatroom_names){&ops, policy};
    return CHATROOM_OK;
}
