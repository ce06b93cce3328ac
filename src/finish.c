/*
 * finish.c: a request ends as API Gateway ends it with what an integration returned.
 */
#include "core.h"

#include <chatroom/event.h>

static int finish_connect(chatroom_request *request, const struct chatroom_proxy_result *result)
{
    uint16_t status = result->status >= 200 && result->status <= 599 ? result->status : 502;

    chatroom_request_status(request, status);
    if (status > 299)
        return CHATROOM_EREFUSED;
    return result->subprotocol.size > 0 ? chatroom_request_subprotocol(request, result->subprotocol) : CHATROOM_OK;
}

static void log_dropped(const chatroom_request *request)
{
    const struct chatroom_log_field fields[] = {CHATROOM_TEXT("connection", request->info.connection_id),
                                                CHATROOM_TEXT("request", request->info.request_id),
                                                CHATROOM_TEXT("route", request->info.route_key)};

    cr_log(request->c, CHATROOM_LOG_DEBUG, "body_dropped", fields, 3);
}

static int finish_message(chatroom_request *request, const struct chatroom_proxy_result *result)
{
    int sent;

    chatroom_request_status(request, result->status);
    if (result->body.size == 0)
        return CHATROOM_OK;
    if (!request->info.two_way) {
        log_dropped(request);
        return CHATROOM_OK;
    }
    sent = chatroom_request_reply(request, result->body);
    return sent == CHATROOM_EINVAL ? CHATROOM_EFAILED : sent;
}

int chatroom_finish(chatroom_request *request, const struct chatroom_proxy_result *result)
{
    switch (request->info.event) {
    case CHATROOM_CONNECT:
        return finish_connect(request, result);
    case CHATROOM_MESSAGE:
        return finish_message(request, result);
    default:
        chatroom_request_status(request, result->status);
        return CHATROOM_OK;
    }
}
