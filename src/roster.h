/*
 * roster.h: who is in a room, and how one frame reaches them all.
 *
 * A member is seated (it gets what is said as it is said) or waits: what is said meanwhile is kept for it, so that a
 * page of history can go out first and the live messages follow without a gap and without one twice.
 *
 * A transport with groups gets one call a frame, and the roster walks those who wait; without groups it walks all.
 * Nothing calls back from inside a send, so nobody comes or goes during a walk. Belongs to the owner's thread; borrows
 * allocator and transport, which outlive it.
 */
#ifndef CR_ROSTER_H
#define CR_ROSTER_H

#include <chatroom/transport.h>

/* What was said to one who waits. */
struct cr_missed {
    chatroom_frame *frame; /* a reference */
    uint64_t seq;          /* 0: not an entry of the log */
};

struct cr_missed_list {
    size_t count, capacity;
    struct cr_missed items[];
};

struct cr_member {
    void *peer;   /* the transport's; NULL once the connection is over */
    size_t place; /* in the roster, which says whether it is seated */
    union {
        struct chatroom_seat seat;     /* seated: the transport's, if it has groups */
        struct cr_missed_list *missed; /* waiting; NULL: nothing */
    };
};

struct cr_roster {
    const struct chatroom_alloc *alloc;
    const struct chatroom_transport *transport;
    struct cr_member **members; /* the seated ones, then those who wait */
    size_t seated, count, capacity;
    size_t reserved; /* places promised by cr_roster_reserve() */
    void *group;     /* the transport's; NULL: none yet, or it has no groups */
};

/* The most that is kept for one who waits. Who misses more is better off with a new start. */
#define CR_MISSED_MOST 4096

void cr_roster_init(struct cr_roster *roster, const struct chatroom_alloc *alloc,
                    const struct chatroom_transport *transport);
/* Must be empty. */
void cr_roster_fini(struct cr_roster *roster);

/* Promises a place, so that cr_roster_add() cannot fail. Errors: CHATROOM_ENOMEM. cr_roster_release() gives it back
 * unused. */
int cr_roster_reserve(struct cr_roster *roster);
void cr_roster_release(struct cr_roster *roster);

/* Takes a promised place; the member waits. Its peer is set, all else zero. */
void cr_roster_add(struct cr_roster *roster, struct cr_member *member);

static inline bool cr_roster_is_seated(const struct cr_roster *roster, const struct cr_member *member)
{
    return member->place < roster->seated;
}

/*
 * Sends a waiting member what it missed beyond seq, and seats it. Errors: CHATROOM_ENOMEM, or what the transport's send
 * or group_add returned: then it waits still, has lost what it missed, and its connection should be closed.
 */
int cr_roster_seat(struct cr_roster *roster, struct cr_member *member, uint64_t seq);

/* Takes a member out; its memory is the caller's again. */
void cr_roster_remove(struct cr_roster *roster, struct cr_member *member);

/* No more calls of the transport; nobody has a peer any more. */
void cr_roster_leave_transport(struct cr_roster *roster);

/* The peer is over: no more calls with it. The member stays. */
void cr_roster_lose_peer(struct cr_roster *roster, struct cr_member *member);

/*
 * Sends a frame to everyone: entry seq of the log, or 0. Returns the number of waiting members for whom it could not be
 * kept; they are told by overflow(arg, member), which may close their connections but not change the roster.
 */
typedef void cr_overflow_fn(void *arg, struct cr_member *member);
size_t cr_roster_send(struct cr_roster *roster, chatroom_frame *frame, uint64_t seq, cr_overflow_fn *overflow,
                      void *arg);

#endif
