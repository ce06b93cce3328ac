/*
 * names.h: which names sessions and rooms may have, and which of them look alike.
 *
 * A policy is optional. An instance that has one keeps look-alikes apart: a room is not made, and a session not named,
 * while another room, or another session, has a different name with a common key. The very same name is no look-alike:
 * several sessions may have it. Rooms that the store brings are there whatever they look like, and keep others away.
 *
 * backend/names_icu.h has a policy for people's names in any script. One of your own is a function, docs/embedding.md.
 */
#ifndef CHATROOM_NAMES_H
#define CHATROOM_NAMES_H

#include <chatroom/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CHATROOM_NAME_BYTES     256  /* the longest name of a room or a session */
#define CHATROOM_NAME_KEY_BYTES 1024 /* the longest key */
#define CHATROOM_NAME_KEYS      2

/* What a policy makes of a name. Names that have a key in common look alike; an empty key is none. */
struct chatroom_name {
    char text[CHATROOM_NAME_BYTES]; /* its form: what is stored, shown and compared */
    size_t size;
    struct {
        char bytes[CHATROOM_NAME_KEY_BYTES];
        size_t size;
    } keys[CHATROOM_NAME_KEYS];
};

static inline chatroom_span chatroom_name_text(const struct chatroom_name *name)
{
    return chatroom_bytes(name->text, name->size);
}

struct chatroom_names_ops {
    size_t size; /* set by CHATROOM_NAMES_OPS */

    /*
     * Must. Brings any bytes into the form of a name, and finds its keys. The same bytes always give the same, and a
     * form gives itself. Errors: EREFUSED it is not a name; ENOMEM.
     */
    int (*prepare)(void *self, chatroom_span bytes, struct chatroom_name *ret_name);

    /* May. The last call it sees. */
    void (*close)(void *self);

    /* 0.1 ends here. */
};

#define CHATROOM_NAMES_OPS .size = sizeof(struct chatroom_names_ops)

/* A policy: the table and what it works on. Called on the owner's thread. */
struct chatroom_names {
    const struct chatroom_names_ops *ops;
    void *self;
};

/*
 * Gives a policy to the instance, which copies the table and closes the policy in chatroom_free(). A second one
 * replaces the first, which is closed. Before chatroom_start() only: one that comes later is closed at once.
 *
 * From then on chatroom_request_create_room(), _join() of a room that is to be made, and _set_name() take a name in its
 * form only, else EINVAL; and answer EALIKE to a look-alike.
 */
CHATROOM_API void chatroom_set_names(chatroom *c, const struct chatroom_names *names);

/* What the instance's policy makes of a name. Owner's thread. Errors: ENOENT there is no policy; those of prepare(). */
CHATROOM_API int chatroom_prepare_name(const chatroom *c, chatroom_span bytes, struct chatroom_name *ret_name);

/* Whether they have a key in common. For names that are nobody's: "admin". Any thread. */
CHATROOM_API bool chatroom_names_alike(const struct chatroom_name *a, const struct chatroom_name *b);

#ifdef __cplusplus
}
#endif

#endif
