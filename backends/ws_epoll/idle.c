#include "idle.h"

void ws_idles_remove(struct ws_idles *idles, struct ws_idle *idle)
{
    if (!idle->waits)
        return;
    *(idle->previous ? &idle->previous->next : &idles->first) = idle->next;
    *(idle->next ? &idle->next->previous : &idles->last) = idle->previous;
    *idle = (struct ws_idle){NULL, NULL, false};
}

void ws_idles_add(struct ws_idles *idles, struct ws_idle *idle)
{
    ws_idles_remove(idles, idle);
    *idle = (struct ws_idle){NULL, idles->last, true};
    *(idles->last ? &idles->last->next : &idles->first) = idle;
    idles->last = idle;
}
