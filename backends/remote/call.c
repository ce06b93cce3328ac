#include "call.h"

struct remote_call *remote_call_new(const struct chatroom_alloc *alloc, const struct remote_kind *kind,
                                    const void *target)
{
    struct remote_call *call = remote_alloc(alloc, sizeof *call);
    struct remote_text *texts[6];

    if (!call)
        return NULL;
    call->alloc = alloc;
    call->kind = kind;
    call->target = target;
    texts[0] = &call->url;
    texts[1] = &call->headers;
    texts[2] = &call->signature;
    texts[3] = &call->body;
    texts[4] = &call->scratch;
    texts[5] = &call->method_arn;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        *texts[i] = remote_text_on(alloc);
    call->response = remote_text_on(alloc);
    return call;
}

void remote_call_free(struct remote_call *call)
{
    if (!call)
        return;
    remote_text_fini(&call->url);
    remote_text_fini(&call->headers);
    remote_text_fini(&call->signature);
    remote_text_fini(&call->body);
    remote_text_fini(&call->scratch);
    remote_text_fini(&call->method_arn);
    remote_text_fini(&call->response);
    remote_free(call->alloc, call, sizeof *call);
}

bool remote_call_failed(const struct remote_call *call)
{
    return call->url.failed || call->headers.failed || call->signature.failed || call->body.failed ||
           call->scratch.failed || call->method_arn.failed;
}

void remote_call_reset(struct remote_call *call)
{
    remote_text_fini(&call->response);
    call->error[0] = '\0';
    call->header_bytes = 0;
    call->too_big = false;
    call->unwatched = false;
    call->result = CHATROOM_OK;
    call->reason = NULL;
    call->status = 0;
    call->function_error = false;
}

void remote_label_set(struct remote_label *label, chatroom_span text)
{
    label->size = text.size < sizeof label->bytes ? text.size : sizeof label->bytes;
    if (label->size > 0)
        memcpy(label->bytes, text.bytes, label->size);
}

void remote_list_add(struct remote_list *list, struct remote_call *call)
{
    call->list = list;
    call->next = NULL;
    call->previous = list->last;
    if (list->last)
        list->last->next = call;
    else
        list->first = call;
    list->last = call;
}

void remote_list_remove(struct remote_call *call)
{
    struct remote_list *list = call->list;

    if (!list)
        return;
    if (call->previous)
        call->previous->next = call->next;
    else
        list->first = call->next;
    if (call->next)
        call->next->previous = call->previous;
    else
        list->last = call->previous;
    call->list = NULL;
}
