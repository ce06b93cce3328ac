/*
 * event_maps.h: headers and query parameters as an event shows them: a map with one value a name, and one with all of
 * them.
 *
 * Of a name that stands more than once the first spelling is kept, and the last value where there may be one alone.
 * Pure; no allocation.
 */
#ifndef CR_EVENT_MAPS_H
#define CR_EVENT_MAPS_H

#include <chatroom/json.h>
#include <chatroom/request.h>

/*
 * The members headers and multiValueHeaders of a CONNECT request: what the client sent, and what a gateway adds.
 * of_connection: Connection, Upgrade and content-length are shown as well.
 */
void cr_maps_write_headers(const struct chatroom_request_info *info, bool of_connection, struct chatroom_json *json);

/* The members queryStringParameters and multiValueQueryStringParameters; empty maps if there is no parameter. */
void cr_maps_write_query(const struct chatroom_request_info *info, struct chatroom_json *json);

/* Whether there is a parameter. */
bool cr_maps_has_query(const struct chatroom_request_info *info);

#endif
