#include "roster.h"

#include "memory.h"

static bool has_groups(const struct cr_roster *roster)
{
    return roster->transport->ops->group_new != NULL;
}

void cr_roster_init(struct cr_roster *roster, const struct chatroom_alloc *alloc,
                    const struct chatroom_transport *transport)
{
    memset(roster, 0, sizeof *roster);
    roster->alloc = alloc;
    roster->transport = transport;
}

static void free_group(struct cr_roster *roster)
{
    if (roster->group)
        roster->transport->ops->group_free(roster->transport->self, roster->group);
    roster->group = NULL;
}

void cr_roster_leave_transport(struct cr_roster *roster)
{
    free_group(roster);
}

void cr_roster_fini(struct cr_roster *roster)
{
    free_group(roster);
    cr_free(roster->alloc, roster->members, roster->capacity * sizeof(struct cr_member *));
    roster->members = NULL;
    roster->capacity = 0;
}

int cr_roster_reserve(struct cr_roster *roster)
{
    struct cr_member **members = cr_reserve(roster->alloc, roster->members, &roster->capacity,
                                            roster->count + roster->reserved + 1, sizeof *members);

    if (!members)
        return CHATROOM_ENOMEM;
    roster->members = members;
    roster->reserved++;
    return CHATROOM_OK;
}

void cr_roster_release(struct cr_roster *roster)
{
    roster->reserved--;
}

static void put(struct cr_roster *roster, size_t place, struct cr_member *member)
{
    roster->members[place] = member;
    member->place = place;
}

void cr_roster_add(struct cr_roster *roster, struct cr_member *member)
{
    roster->reserved--;
    put(roster, roster->count++, member);
}

static size_t list_size(size_t capacity)
{
    return sizeof(struct cr_missed_list) + capacity * sizeof(struct cr_missed);
}

/* Of one who waits. */
static void forget_missed(struct cr_roster *roster, struct cr_member *member)
{
    struct cr_missed_list *missed = member->missed;

    member->missed = NULL;
    if (!missed)
        return;
    for (size_t i = 0; i < missed->count; i++)
        chatroom_frame_unref(missed->items[i].frame);
    cr_free(roster->alloc, missed, list_size(missed->capacity));
}

static int send_missed(struct cr_roster *roster, struct cr_member *member, uint64_t seq)
{
    const struct cr_missed_list *missed = member->missed;
    int result = CHATROOM_OK;

    for (size_t i = 0; missed && i < missed->count && result == CHATROOM_OK; i++)
        if (missed->items[i].seq == 0 || missed->items[i].seq > seq)
            result = roster->transport->ops->send(roster->transport->self, member->peer, missed->items[i].frame);
    forget_missed(roster, member);
    return result;
}

static int enter_group(struct cr_roster *roster, struct cr_member *member)
{
    const struct chatroom_transport *t = roster->transport;
    int result = CHATROOM_OK;

    if (!has_groups(roster))
        return CHATROOM_OK;
    if (!roster->group)
        result = t->ops->group_new(t->self, &roster->group);
    if (result == CHATROOM_OK)
        result = t->ops->group_add(t->self, roster->group, member->peer, &member->seat);
    if (result != CHATROOM_OK)
        member->missed = NULL; /* the transport may have written there */
    return result;
}

int cr_roster_seat(struct cr_roster *roster, struct cr_member *member, uint64_t seq)
{
    int result;

    if (!member->peer || cr_roster_is_seated(roster, member))
        return CHATROOM_OK;
    result = send_missed(roster, member, seq);
    if (result == CHATROOM_OK)
        result = enter_group(roster, member);
    if (result != CHATROOM_OK)
        return result;
    put(roster, member->place, roster->members[roster->seated]);
    put(roster, roster->seated++, member);
    return CHATROOM_OK;
}

void cr_roster_lose_peer(struct cr_roster *roster, struct cr_member *member)
{
    const struct chatroom_transport *t = roster->transport;

    if (!cr_roster_is_seated(roster, member))
        forget_missed(roster, member);
    else if (member->peer && has_groups(roster))
        t->ops->group_remove(t->self, roster->group, member->peer, &member->seat);
    member->peer = NULL;
}

/* The last one of each part fills the place that the part before it lost. */
void cr_roster_remove(struct cr_roster *roster, struct cr_member *member)
{
    size_t hole = member->place;

    cr_roster_lose_peer(roster, member);
    if (hole < roster->seated) {
        put(roster, hole, roster->members[--roster->seated]);
        hole = roster->seated;
    }
    if (hole < --roster->count)
        put(roster, hole, roster->members[roster->count]);
    if (roster->count == 0)
        free_group(roster);
}

static struct cr_missed_list *grow(struct cr_roster *roster, struct cr_missed_list *missed)
{
    size_t old = missed ? missed->capacity : 0, capacity = old ? 2 * old : 4;
    struct cr_missed_list *bigger = cr_resize(roster->alloc, missed, missed ? list_size(old) : 0, list_size(capacity));

    if (!bigger)
        return NULL;
    if (!missed)
        bigger->count = 0;
    bigger->capacity = capacity;
    return bigger;
}

static int keep(struct cr_roster *roster, struct cr_member *member, chatroom_frame *frame, uint64_t seq)
{
    struct cr_missed_list *missed = member->missed;

    if (missed && missed->count == CR_MISSED_MOST)
        return CHATROOM_EAGAIN;
    if (!missed || missed->count == missed->capacity)
        missed = grow(roster, missed);
    if (!missed)
        return CHATROOM_ENOMEM;
    member->missed = missed;
    missed->items[missed->count++] = (struct cr_missed){chatroom_frame_ref(frame), seq};
    return CHATROOM_OK;
}

static void send_to_seated(struct cr_roster *roster, chatroom_frame *frame)
{
    const struct chatroom_transport *t = roster->transport;

    if (roster->group)
        t->ops->group_send(t->self, roster->group, frame);
    for (size_t i = 0; !has_groups(roster) && i < roster->seated; i++)
        if (roster->members[i]->peer)
            (void)t->ops->send(t->self, roster->members[i]->peer, frame); /* a full queue is the transport's */
}

size_t cr_roster_send(struct cr_roster *roster, chatroom_frame *frame, uint64_t seq, cr_overflow_fn *overflow,
                      void *arg)
{
    size_t lost = 0;

    send_to_seated(roster, frame);
    for (size_t i = roster->seated; i < roster->count; i++) {
        struct cr_member *member = roster->members[i];

        if (!member->peer || keep(roster, member, frame, seq) == CHATROOM_OK)
            continue;
        lost++;
        overflow(arg, member);
    }
    return lost;
}
