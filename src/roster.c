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

void cr_roster_add(struct cr_roster *roster, struct cr_member *member)
{
    roster->reserved--;
    member->place = roster->count;
    roster->members[roster->count++] = member;
    roster->waiting++;
}

static void forget_missed(struct cr_roster *roster, struct cr_member *member)
{
    for (size_t i = 0; i < member->missed_count; i++)
        chatroom_frame_unref(member->missed[i].frame);
    cr_free(roster->alloc, member->missed, member->missed_capacity * sizeof *member->missed);
    member->missed = NULL;
    member->missed_count = member->missed_capacity = 0;
}

static int send_missed(struct cr_roster *roster, struct cr_member *member, uint64_t seq)
{
    int result = CHATROOM_OK;

    for (size_t i = 0; i < member->missed_count && result == CHATROOM_OK; i++)
        if (member->missed[i].seq == 0 || member->missed[i].seq > seq)
            result = roster->transport->ops->send(roster->transport->self, member->peer, member->missed[i].frame);
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
    return result ? result : t->ops->group_add(t->self, roster->group, member->peer, &member->seat);
}

int cr_roster_seat(struct cr_roster *roster, struct cr_member *member, uint64_t seq)
{
    int result;

    if (!member->peer || member->seated)
        return CHATROOM_OK;
    result = send_missed(roster, member, seq);
    if (result == CHATROOM_OK)
        result = enter_group(roster, member);
    if (result != CHATROOM_OK)
        return result;
    member->seated = true;
    roster->waiting--;
    return CHATROOM_OK;
}

void cr_roster_lose_peer(struct cr_roster *roster, struct cr_member *member)
{
    const struct chatroom_transport *t = roster->transport;

    if (member->peer && member->seated && has_groups(roster))
        t->ops->group_remove(t->self, roster->group, member->peer, &member->seat);
    forget_missed(roster, member);
    member->peer = NULL;
}

void cr_roster_remove(struct cr_roster *roster, struct cr_member *member)
{
    cr_roster_lose_peer(roster, member);
    if (!member->seated)
        roster->waiting--;
    roster->members[member->place] = roster->members[--roster->count];
    roster->members[member->place]->place = member->place;
    if (roster->count == 0)
        free_group(roster);
}

static int keep(struct cr_roster *roster, struct cr_member *member, chatroom_frame *frame, uint64_t seq)
{
    struct cr_missed *missed;

    if (member->missed_count == CR_MISSED_MOST)
        return CHATROOM_EAGAIN;
    missed =
        cr_reserve(roster->alloc, member->missed, &member->missed_capacity, member->missed_count + 1, sizeof *missed);
    if (!missed)
        return CHATROOM_ENOMEM;
    member->missed = missed;
    missed[member->missed_count++] = (struct cr_missed){chatroom_frame_ref(frame), seq};
    return CHATROOM_OK;
}

size_t cr_roster_send(struct cr_roster *roster, chatroom_frame *frame, uint64_t seq, cr_overflow_fn *overflow,
                      void *arg)
{
    const struct chatroom_transport *t = roster->transport;
    bool walk = !has_groups(roster);
    size_t lost = 0;

    if (roster->group)
        t->ops->group_send(t->self, roster->group, frame);
    for (size_t i = 0; (walk || roster->waiting > 0) && i < roster->count; i++) {
        struct cr_member *member = roster->members[i];

        if (!member->peer)
            continue;
        if (member->seated) {
            if (walk)
                (void)t->ops->send(t->self, member->peer, frame); /* a full queue is the transport's to handle */
        } else if (keep(roster, member, frame, seq) != CHATROOM_OK) {
            lost++;
            overflow(arg, member);
        }
    }
    return lost;
}
