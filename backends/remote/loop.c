/*
 * Drives libcurl from the instance's loop: its sockets in an epoll descriptor of our own, its timer as a deadline. All
 * calls of libcurl are made inside a step, which knows the time.
 */
#include "log.h"
#include "remote.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    EVENTS = 64,
    RETRY_MS = 200,
    TRIES_OF_A_FAILURE = 2, /* beside the first */
};

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t after_ms(const chatroom_remote *remote, uint64_t ms)
{
    return remote->now.mono_ns + ms * 1000000;
}

/* ---- what libcurl asks for ---- */

static bool watch(int epoll, curl_socket_t socket, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = socket};

    if (epoll_ctl(epoll, EPOLL_CTL_MOD, socket, &event) == 0)
        return true;
    return errno == ENOENT && epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event) == 0;
}

static int on_socket(CURL *easy, curl_socket_t socket, int what, void *arg, void *socket_arg)
{
    chatroom_remote *remote = arg;
    struct remote_call *call = NULL;
    uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);

    (void)socket_arg;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(remote->epoll, EPOLL_CTL_DEL, socket, NULL); /* or it is closed already, and out by that */
        return 0;
    }
    if (!watch(remote->epoll, socket, events) &&
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)(void *)&call) == CURLE_OK && call)
        call->unwatched = true;
    return 0;
}

static int on_timer(CURLM *multi, long ms, void *arg)
{
    chatroom_remote *remote = arg;

    (void)multi;
    remote->timer_ns = ms < 0 ? CHATROOM_NEVER : after_ms(remote, (uint64_t)ms);
    return 0;
}

/* ---- the end of a call ---- */

static void release(chatroom_remote *remote, struct remote_call *call)
{
    remote_list_remove(call);
    remote->held--;
    call->lane->held--;
    remote_transfer_end(call);
    remote_call_free(call);
}

static void rest(chatroom_remote *remote, struct remote_call *call, unsigned again_ms)
{
    call->tries--;
    call->tried++;
    call->wake_ns = after_ms(remote, again_ms);
    remote_list_remove(call);
    remote_list_add(&remote->resting, call);
}

/*
 * Who cannot be reached or has too much to do may be there soon, as after a start of the whole machine; a function that
 * failed by itself will do so again.
 */
static bool is_tried_again(const struct remote_call *call, const struct remote_outcome *outcome)
{
    bool answered = call->result == CHATROOM_OK && call->status < 500 && call->status != 429;

    return outcome->reason && call->tries > 0 && (!answered || call->tried < TRIES_OF_A_FAILURE);
}

/* It is not under way any more; call->result says how that ended. */
static void ended(chatroom_remote *remote, struct remote_call *call)
{
    struct remote_outcome outcome = {
        .result = call->result, .reason = call->reason, .detail = chatroom_str(call->error)};
    unsigned again_ms;

    call->ended_ns = remote->now.mono_ns;
    if (call->result == CHATROOM_OK)
        call->kind->read(call, &outcome);
    again_ms = is_tried_again(call, &outcome) ? (unsigned)RETRY_MS << call->tried : 0;
    if (outcome.reason)
        remote_log_failed(remote, call, &outcome, again_ms);
    if (again_ms > 0) {
        rest(remote, call, again_ms);
        return;
    }
    call->done(call, &outcome);
    release(remote, call);
}

static void stop_running(chatroom_remote *remote, struct remote_call *call)
{
    remote_list_remove(call);
    remote->run--;
    call->lane->running--;
}

/* Ends one that is under way, whatever libcurl thinks of it. */
static void abort_call(chatroom_remote *remote, struct remote_call *call, int result, const char *reason)
{
    curl_multi_remove_handle(remote->multi, call->easy); /* fails only for a handle that is in no multi handle */
    stop_running(remote, call);
    remote_transfer_end(call);
    call->result = result;
    call->reason = reason;
    ended(remote, call);
}

static void reap(chatroom_remote *remote)
{
    struct remote_call *call;
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(remote->multi, &left))) {
        CURLcode code = message->data.result; /* the message dies with its handle's removal */
        CURL *easy = message->easy_handle;

        if (message->msg != CURLMSG_DONE ||
            curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)(void *)&call) != CURLE_OK)
            continue;
        remote_transfer_take(call, code);
        curl_multi_remove_handle(remote->multi, easy);
        stop_running(remote, call);
        remote_transfer_end(call);
        ended(remote, call);
    }
}

/* libcurl has given up as a whole, for want of memory. */
static void abort_all(chatroom_remote *remote, CURLMcode code)
{
    while (remote->running.first) {
        struct remote_call *call = remote->running.first;

        strncpy(call->error, curl_multi_strerror(code), sizeof call->error - 1);
        abort_call(remote, call, code == CURLM_OUT_OF_MEMORY ? CHATROOM_ENOMEM : CHATROOM_EFAILED, "broken");
    }
}

/* ---- the beginning ---- */

static void begin(chatroom_remote *remote, struct remote_call *call)
{
    CURLMcode code;

    remote_list_remove(call);
    remote_call_reset(call);
    call->began_ns = remote->now.mono_ns;
    call->result = remote_transfer_begin(call, &remote->transfer, remote->now.wall_ms);
    if (call->result == CHATROOM_OK) {
        code = curl_multi_add_handle(remote->multi, call->easy);
        call->result = code == CURLM_OK ? CHATROOM_OK : CHATROOM_ENOMEM;
    }
    if (call->result == CHATROOM_OK) {
        remote_list_add(&remote->running, call);
        remote->run++;
        call->lane->running++;
        return;
    }
    if (!call->reason)
        call->reason = "out_of_memory";
    remote_transfer_end(call);
    ended(remote, call);
}

/* One call of a lane, then one of the next, until nothing may begin. */
static void begin_some(chatroom_remote *remote)
{
    struct remote_lane *lane = remote->first, *last = NULL;

    while (lane && remote->run < remote->calls) {
        struct remote_call *call = remote_lane_next(lane);

        if (call) {
            begin(remote, call);
            last = NULL;
        } else if (!last) {
            last = lane;
        }
        lane = lane->next ? lane->next : remote->lanes;
        if (lane == last)
            break; /* all the way round, and none had one */
    }
    remote->first = lane;
}

static void take_fresh(chatroom_remote *remote)
{
    while (remote->fresh.first) {
        struct remote_call *call = remote->fresh.first;

        remote_list_remove(call);
        call->due_ns = after_ms(remote, call->timeout_ms);
        remote_list_add(&call->lane->waiting, call);
    }
}

/* ---- deadlines of calls ---- */

static void expire_waiting(chatroom_remote *remote, struct remote_lane *lane)
{
    struct remote_call *call, *next;

    for (call = lane->waiting.first; call; call = next) {
        next = call->next;
        if (call->due_ns > remote->now.mono_ns)
            continue;
        remote_list_remove(call);
        call->result = CHATROOM_ETIMEDOUT;
        call->reason = "timeout";
        strncpy(call->error, "its turn did not come", sizeof call->error - 1);
        ended(remote, call);
    }
}

static void expire_running(chatroom_remote *remote)
{
    struct remote_call *call, *next;

    for (call = remote->running.first; call; call = next) {
        next = call->next;
        if (call->unwatched)
            abort_call(remote, call, CHATROOM_EFAILED, "system");
        else if (call->due_ns <= remote->now.mono_ns)
            abort_call(remote, call, CHATROOM_ETIMEDOUT, "timeout");
    }
}

static void wake_resting(chatroom_remote *remote)
{
    struct remote_call *call, *next;

    for (call = remote->resting.first; call; call = next) {
        next = call->next;
        if (call->wake_ns > remote->now.mono_ns)
            continue;
        remote_list_remove(call);
        call->due_ns = after_ms(remote, call->timeout_ms);
        remote_list_add(&call->lane->waiting, call);
    }
}

static uint64_t earliest(const chatroom_remote *remote)
{
    uint64_t next = CHATROOM_NEVER;

    for (const struct remote_call *call = remote->running.first; call; call = call->next)
        next = earlier(next, call->unwatched ? 0 : call->due_ns);
    for (const struct remote_call *call = remote->resting.first; call; call = call->next)
        next = earlier(next, call->wake_ns);
    for (const struct remote_lane *lane = remote->lanes; lane; lane = lane->next)
        for (const struct remote_call *call = lane->waiting.first; call; call = call->next)
            next = earlier(next, call->due_ns);
    return next;
}

static void expire(chatroom_remote *remote)
{
    if (remote->next_ns > remote->now.mono_ns)
        return;
    expire_running(remote);
    for (struct remote_lane *lane = remote->lanes; lane; lane = lane->next)
        expire_waiting(remote, lane);
    wake_resting(remote);
}

/* ---- the source ---- */

static void act(chatroom_remote *remote, curl_socket_t socket, int what)
{
    int running;
    CURLMcode code = curl_multi_socket_action(remote->multi, socket, what, &running);

    if (code != CURLM_OK && code != CURLM_BAD_SOCKET) /* that one was closed by an event before */
        abort_all(remote, code);
}

static void act_on_sockets(chatroom_remote *remote)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(remote->epoll, events, EVENTS, 0);

    for (int i = 0; i < count; i++) {
        uint32_t what = events[i].events;

        act(remote, events[i].data.fd,
            (what & EPOLLIN ? CURL_CSELECT_IN : 0) | (what & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                (what & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0));
    }
}

static void act_on_timer(chatroom_remote *remote)
{
    if (remote->timer_ns > remote->now.mono_ns)
        return;
    remote->timer_ns = CHATROOM_NEVER; /* libcurl sets it again, even to what it was */
    act(remote, CURL_SOCKET_TIMEOUT, 0);
}

void remote_loop_step(chatroom_remote *remote, struct chatroom_now now)
{
    remote->now = now;
    act_on_sockets(remote);
    act_on_timer(remote);
    reap(remote);
    take_fresh(remote);
    expire(remote);
    begin_some(remote);
    act_on_timer(remote); /* what has begun connects at once */
    reap(remote);
    remote->next_ns = earliest(remote);
}

uint64_t remote_loop_deadline(const chatroom_remote *remote)
{
    return remote->fresh.first ? 0 : earlier(remote->timer_ns, remote->next_ns);
}

static CURLMcode set_up(chatroom_remote *remote)
{
    CURLMcode code = curl_multi_setopt(remote->multi, CURLMOPT_SOCKETFUNCTION, on_socket);

    if (code == CURLM_OK)
        code = curl_multi_setopt(remote->multi, CURLMOPT_SOCKETDATA, remote);
    if (code == CURLM_OK)
        code = curl_multi_setopt(remote->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    if (code == CURLM_OK)
        code = curl_multi_setopt(remote->multi, CURLMOPT_TIMERDATA, remote);
    if (code == CURLM_OK)
        code = curl_multi_setopt(remote->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    if (code == CURLM_OK)
        code = curl_multi_setopt(remote->multi, CURLMOPT_MAXCONNECTS, (long)remote->calls);
    return code;
}

int remote_loop_open(chatroom_remote *remote)
{
    remote->timer_ns = remote->next_ns = CHATROOM_NEVER;
    remote->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (remote->epoll < 0)
        return CHATROOM_ESYSTEM;
    remote->global = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    remote->multi = remote->global ? curl_multi_init() : NULL;
    if (!remote->multi || set_up(remote) != CURLM_OK)
        return CHATROOM_ENOMEM;
    return CHATROOM_OK;
}

static void release_all(chatroom_remote *remote, struct remote_list *list)
{
    while (list->first)
        release(remote, list->first);
}

void remote_loop_close(chatroom_remote *remote)
{
    for (struct remote_call *call = remote->running.first; call; call = call->next)
        curl_multi_remove_handle(remote->multi, call->easy); /* its transfer is ended by that */
    release_all(remote, &remote->running);
    release_all(remote, &remote->fresh);
    release_all(remote, &remote->resting);
    for (struct remote_lane *lane = remote->lanes; lane; lane = lane->next)
        release_all(remote, &lane->waiting);
    if (remote->multi)
        curl_multi_cleanup(remote->multi);
    if (remote->global)
        curl_global_cleanup();
    if (remote->epoll >= 0)
        close(remote->epoll);
}
