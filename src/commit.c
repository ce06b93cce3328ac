#include "commit.h"

#include "access_log.h"
#include "carry.h"
#include "connection.h"
#include "history.h"
#include "request.h"
#include "text.h"
#include "write.h"

enum { WAITING_MOST = 1024 }; /* requests behind one that waits */

/* ---- order ---- */

static void line_up(chatroom_request *request, chatroom_request **first, chatroom_request **last)
{
    request->next_settled = NULL;
    if (*first)
        (*last)->next_settled = request;
    else
        *first = request;
    *last = request;
}

static chatroom_request *take_first(chatroom_request **first)
{
    chatroom_request *request = *first;

    *first = request->next_settled;
    return request;
}

static void enter_line(chatroom_request *request)
{
    request->state = CR_SETTLING;
    line_up(request, &request->c->settled, &request->c->last_settled);
}

/* A request with a page of history to come keeps its place until it is through. */
static void advance(struct cr_activity *activity)
{
    while (activity->unsettled && activity->unsettled->state == CR_READY) {
        chatroom_request *request = activity->unsettled;

        enter_line(request);
        if (request->history.then)
            break;
        activity->unsettled = request->next;
    }
}

static void become_ready(chatroom_request *request)
{
    request->state = CR_READY;
    if (request->connection)
        advance(request->connection->activity);
    else
        enter_line(request);
}

void cr_commit_take_barrier(chatroom_request *request)
{
    if (request->barrier || !request->connection)
        return;
    request->barrier = true;
    request->connection->activity->barriers++;
}

/* It is the first of its connection. */
static void leave_connection(chatroom_request *request)
{
    struct cr_activity *activity = request->connection->activity;

    activity->requests = request->next;
    if (!activity->requests)
        activity->last_request = NULL;
    activity->request_count--;
    if (activity->unsettled == request) {
        activity->unsettled = request->next;
        advance(activity);
    }
    if (request->barrier)
        activity->barriers--;
    cr_connection_mark_ready(request->connection);
}

/* ---- telling the client ---- */

static struct chatroom_refusal describe(const chatroom_request *request, int result)
{
    struct chatroom_refusal refusal = {
        .result = result,
        .code = chatroom_errword(result),
        .sentence = chatroom_strerror(result),
        .connection_id = request->info.connection_id,
        .request_id = request->info.request_id,
        .message_id = request->info.message_id,
    };

    if (result == CHATROOM_EREFUSED && request->refusal_code) {
        refusal.code = request->refusal_code;
        refusal.sentence = request->refusal_sentence;
    }
    if (request->c->config.debug_refusals)
        refusal.detail = request->detail.size > 0 ? request->detail : chatroom_str(refusal.sentence);
    return refusal;
}

/* What a client was told names its message, where it does not name the request. */
static struct chatroom_log_field further(const chatroom_request *request, const struct chatroom_refusal *refusal)
{
    if (refusal->result == CHATROOM_EBODY)
        return (struct chatroom_log_field)CHATROOM_TEXT("message", refusal->message_id);
    return (struct chatroom_log_field)CHATROOM_NUMBER("status", request->status);
}

static void log_refusal(const chatroom_request *request, const struct chatroom_refusal *refusal)
{
    const struct chatroom_log_field fields[] = {
        CHATROOM_TEXT("connection", refusal->connection_id),
        CHATROOM_TEXT("request", refusal->request_id),
        CHATROOM_TEXT("route", request->info.route_key),
        CHATROOM_TEXT("code", chatroom_str(refusal->code)),
        CHATROOM_TEXT("source_ip", request->info.source_ip.bytes ? request->info.source_ip : chatroom_str("")),
        CHATROOM_TEXT("detail", request->detail.bytes ? request->detail : chatroom_str("")),
        further(request, refusal),
    };
    bool more = request->info.event == CHATROOM_CONNECT || refusal->result == CHATROOM_EBODY;

    cr_log(request->c, CHATROOM_LOG_INFO, "refused", fields, more ? 7 : 6);
}

static int send_refusal(chatroom_request *request, const struct chatroom_refusal *refusal)
{
    chatroom_span text;
    int result = cr_text_refusal(request->c, refusal, &text);

    return result ? result : cr_request_send(request, chatroom_bytes(NULL, 0), CHATROOM_TEXT_MESSAGE, text);
}

/* Becomes the request's only effect. */
static void refuse(chatroom_request *request, int result)
{
    struct chatroom_refusal refusal = describe(request, result);

    cr_request_drop(request);
    request->ticket.status = result;
    if (!request->connection || !request->connection->told)
        log_refusal(request, &refusal);
    request->wordless = request->info.event == CHATROOM_MESSAGE && request->connection &&
                        send_refusal(request, &refusal) != CHATROOM_OK;
}

static uint16_t status_of(int result)
{
    switch (result) {
    case CHATROOM_EREFUSED:
    case CHATROOM_EACCES:
    case CHATROOM_EALIKE:
        return 403;
    case CHATROOM_ETIMEDOUT:
        return 504;
    case CHATROOM_ELIMIT:
        return 429;
    case CHATROOM_EAGAIN:
    case CHATROOM_ECLOSED:
    case CHATROOM_ENOMEM:
    case CHATROOM_ENOSPC:
        return 503;
    default:
        return 502;
    }
}

static void fail(chatroom_request *request, int result)
{
    if (request->info.event == CHATROOM_CONNECT && (request->status < 300 || request->status > 599))
        request->status = status_of(result);
    refuse(request, result);
}

/* ---- to the store ---- */

static void wake(void *arg)
{
    chatroom *c = arg;

    if (c->transport.ops->wake)
        c->transport.ops->wake(c->transport.self);
}

/*
 * A session ends whether the store takes that or not, but while it is full nobody can be told to try again: the room
 * that its last member should have taken along would stay. Nor when somebody stayed in it. What is to be done then
 * depends on who is there, so the handler is asked again.
 */
static bool ends_later(const chatroom_request *request, int status)
{
    return request->info.event == CHATROOM_DISCONNECT &&
           (status == CHATROOM_ENOSPC || status == CHATROOM_ENOMEM || status == CHATROOM_EAGAIN) &&
           !request->c->stopping && !request->c->dying;
}

/* What it asked for was not stored, and will not be. */
static void give_up(chatroom_request *request, int status)
{
    bool later = ends_later(request, status);

    fail(request, status);
    if (later)
        request->connection->unended = request->connection->told = true;
    become_ready(request);
}

static void written(struct cr_ticket *ticket)
{
    chatroom_request *request = CR_CONTAINER(ticket, chatroom_request, ticket);

    request->c->storing--;
    if (ticket->status != CHATROOM_OK)
        give_up(request, ticket->status);
    else
        become_ready(request);
}

static int hand_over(chatroom_request *request)
{
    chatroom *c = request->c;
    int result;

    if (c->dying)
        return CHATROOM_ECLOSED;
    request->state = CR_STORING;
    request->ticket.inbox = &c->inbox;
    request->ticket.wake = wake;
    request->ticket.wake_arg = c;
    request->ticket.done = written;
    c->submitted = true;
    cr_write_stamp(request);
    result = c->store.ops->submit(c->store.self, &request->ticket.store);
    c->storing += result == CHATROOM_OK;
    return result;
}

/* To the store; or refused, if what it decided on is not so any more: to be asked again. */
static int store(chatroom_request *request)
{
    if (cr_request_clears_too_much(request)) {
        give_up(request, CHATROOM_EAGAIN);
        return CHATROOM_OK;
    }
    cr_request_doubt(request, false);
    return hand_over(request);
}

/*
 * Whoever takes an empty room along has counted as gone who was about to go. Should the store refuse that, they are in
 * it: so this waits until it is known, and what is to be stored meanwhile waits behind it, in the order of everything.
 */
static int submit(chatroom_request *request)
{
    chatroom *c = request->c;

    if (!c->waiting && !cr_request_clears_too_soon(request))
        return store(request);
    if (c->waiting_count == WAITING_MOST)
        return CHATROOM_EAGAIN;
    request->state = CR_WAITING;
    cr_request_doubt(request, true);
    line_up(request, &c->waiting, &c->last_waiting);
    c->waiting_count++;
    return CHATROOM_OK;
}

static chatroom_request *take_waiting(chatroom *c)
{
    c->waiting_count--;
    return take_first(&c->waiting);
}

/* Nobody can be told to try again, and many may go at once. */
static bool waits_for_store(chatroom_request *request, int result)
{
    if (request->info.event != CHATROOM_DISCONNECT || (result != CHATROOM_EAGAIN && result != CHATROOM_ENOMEM))
        return false;
    request->state = CR_REFUSED;
    cr_request_doubt(request, true);
    cr_connection_mark_ready(request->connection);
    return true;
}

bool cr_commit_again(chatroom_request *request)
{
    int result;

    cr_request_postpone(request); /* what was asked meanwhile is before it */
    result = submit(request);

    if (result == CHATROOM_OK)
        return true;
    if (waits_for_store(request, result))
        return false;
    fail(request, result);
    become_ready(request);
    return true;
}

/* True: somebody waits no more. */
static bool go_on_storing(chatroom *c)
{
    bool any = false;

    for (; c->waiting && !cr_request_clears_too_soon(c->waiting); any = true) {
        chatroom_request *request = take_waiting(c);
        int result = store(request);

        if (result != CHATROOM_OK && !waits_for_store(request, result))
            give_up(request, result);
    }
    return any;
}

/* Its handler has too much to do, as when all who were there at a crash go at once: it is asked again. */
static bool is_asked_again(const chatroom_request *request, int result)
{
    return request->info.event == CHATROOM_DISCONNECT && result == CHATROOM_EAGAIN && !request->c->stopping &&
           !request->c->dying;
}

void cr_commit(chatroom_request *request, int result)
{
    if (is_asked_again(request, result)) {
        cr_request_drop(request);
        request->ticket.status = result;
        request->connection->unended = true;
        become_ready(request);
        return;
    }
    if (request->info.event == CHATROOM_DISCONNECT && result != CHATROOM_OK) {
        refuse(request, result); /* nobody hears of it, and the session ends all the same */
        result = CHATROOM_OK;
    }
    if (result == CHATROOM_OK && request->deadline_ns > 0)
        cr_request_postpone(request);
    if (result == CHATROOM_OK)
        result = cr_write_collect(request);
    if (result == CHATROOM_OK &&
        (request->changes_session || request->info.event != CHATROOM_MESSAGE || request->history.then))
        cr_commit_take_barrier(request);
    if (result == CHATROOM_OK && request->ticket.store.count > 0) {
        result = submit(request);
        if (result == CHATROOM_OK || waits_for_store(request, result))
            return;
    }
    if (result != CHATROOM_OK)
        fail(request, result);
    become_ready(request);
}

/* ---- taking hold ---- */

static void have_read(struct cr_ticket *ticket)
{
    enter_line(CR_CONTAINER(ticket, chatroom_request, ticket));
}

static void count_page(chatroom_request *request)
{
    request->history.counted = true;
    request->c->pages++;
}

static bool recall_history(chatroom_request *request)
{
    if (!cr_history_recall(request))
        return false;
    count_page(request);
    return true;
}

/* True: the page is on its way. */
static bool read_history(chatroom_request *request)
{
    int result;

    request->ticket.inbox = &request->c->inbox;
    request->ticket.wake = wake;
    request->ticket.wake_arg = request->c;
    result = cr_history_ask(request, have_read);
    if (result == CHATROOM_OK)
        count_page(request);
    else
        request->ticket.status = result;
    return result == CHATROOM_OK;
}

/*
 * True: it is heard of later. Many who come back at once take turns, so that their pages do not take all memory; a page
 * that need not be read is given at once.
 */
static bool wait_for_history(chatroom_request *request)
{
    chatroom *c = request->c;

    request->state = CR_READING;
    if (recall_history(request))
        return false;
    if (c->pages < c->config.limits.history_pages)
        return read_history(request);
    line_up(request, &c->pageless, &c->last_pageless);
    return true;
}

static void end_page(chatroom_request *request)
{
    chatroom *c = request->c;

    if (!request->history.counted)
        return;
    request->history.counted = false;
    cr_page_fini(&request->history.page);
    c->pages--;
    while (c->pageless && c->pages < c->config.limits.history_pages) {
        chatroom_request *next = take_first(&c->pageless);

        if (recall_history(next) || !read_history(next))
            enter_line(next);
    }
}

static void give_history(chatroom_request *request)
{
    int result = cr_history_give(request);

    if (result != CHATROOM_OK) {
        request->history.seen = 0; /* there was no page: all that was said goes on from the joining */
        refuse(request, result);
    }
    cr_carry_out(request);
    cr_history_seat(request);
    if (result == CHATROOM_ENOMEM && request->history.joined) /* it may not even know that it is in */
        cr_connection_close(request->connection, 1013, chatroom_str("Try again later"));
    end_page(request);
}

static void finish(chatroom_request *request)
{
    chatroom_connection *connection = request->connection;

    if (request->outcome)
        request->outcome(request->outcome_arg, request->ticket.status);
    cr_access_log(request);
    if (request->info.event == CHATROOM_DISCONNECT && !connection->unended) {
        cr_connection_leave_all(connection);
        connection->over = true;
    }
    if (connection)
        leave_connection(request);
    else
        request->c->loose--;
    cr_request_free(request);
}

static void settle(chatroom_request *request)
{
    bool has_page = request->stored;

    if (!has_page) {
        if (request->info.event == CHATROOM_CONNECT) /* first: nothing may be sent to who has not been let in */
            cr_connection_answer(request->connection, request);
        cr_carry_out(request);
        request->stored = true;
        if (request->history.then && wait_for_history(request))
            return;
    }
    if (request->history.then)
        give_history(request);
    finish(request);
}

void cr_commit_abandon(chatroom *c)
{
    while (c->waiting)
        give_up(take_waiting(c), CHATROOM_ECLOSED);
}

bool cr_commit_settle(chatroom *c)
{
    bool any = false, more;

    do {
        any |= c->settled != NULL;
        while (c->settled)
            settle(take_first(&c->settled));
        more = go_on_storing(c);
        any |= more;
    } while (more && c->settled);
    return any;
}
