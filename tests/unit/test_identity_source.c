#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <chatroom/event.h>

#define PAIR(name, value)           \
    {                               \
        {name, sizeof name - 1},    \
        {                           \
            value, sizeof value - 1 \
        }                           \
    }

static const struct chatroom_header headers[] = {PAIR("AUTHORIZATION", ""), PAIR("Authorization", "Bearer t"),
                                                 PAIR("X-Empty", "")};
static const struct chatroom_variable variables[] = {PAIR("tenant", "t1"), PAIR("empty", "")};
static const struct chatroom_api api = {.id = {"abc", 3}, .variables = variables, .variable_count = 2};

static bool has(const char *target, const char *source)
{
    const struct chatroom_request_head head = {
        .target = chatroom_str(target), .headers = headers, .header_count = sizeof headers / sizeof *headers};
    const struct chatroom_request_info info = {
        .event = CHATROOM_CONNECT, .head = &head, .api = &api, .source_ip = {"192.0.2.1", 9}};

    return chatroom_event_has_identity(&info, chatroom_str(source));
}

static void identity_source__a_header_is_found_in_any_case(void **state)
{
    (void)state;
    assert_true(has("/", "route.request.header.Authorization"));
    assert_true(has("/", "route.request.header.aUTHORIZATION"));
    assert_false(has("/", "route.request.header.Authorizatio"));
    assert_false(has("/", "route.request.header.Cookie"));
}

static void identity_source__a_parameter_is_found_by_its_decoded_name(void **state)
{
    (void)state;
    assert_true(has("/?token=t", "route.request.querystring.token"));
    assert_true(has("/?a=1&to%6ben=t", "route.request.querystring.token"));
    assert_true(has("/?token=&token=t", "route.request.querystring.token"));
    assert_false(has("/?Token=t", "route.request.querystring.token"));
    assert_false(has("/?tok=t", "route.request.querystring.token"));
    assert_false(has("/?tokens=t", "route.request.querystring.token"));
    assert_false(has("/token=t", "route.request.querystring.token"));
}

static void identity_source__a_stage_variable_and_a_context_variable_are_found(void **state)
{
    (void)state;
    assert_true(has("/", "stageVariables.tenant"));
    assert_false(has("/", "stageVariables.Tenant"));
    assert_true(has("/", "context.apiId"));
    assert_true(has("/", "context.identity.sourceIp"));
    assert_true(has("/", "context.connectionId"));
    assert_false(has("/", "context.identity.userAgent"));
    assert_false(has("/", "context.stage"));
}

static void identity_source__what_is_empty_is_missing(void **state)
{
    (void)state;
    assert_false(has("/", "route.request.header.X-Empty"));
    assert_false(has("/?token=", "route.request.querystring.token"));
    assert_false(has("/?token", "route.request.querystring.token"));
    assert_false(has("/", "stageVariables.empty"));
}

static void identity_source__what_it_may_be_is_checked_beforehand(void **state)
{
    static const char *const good[] = {"route.request.header.Authorization", "route.request.querystring.a b",
                                       "stageVariables.x", "context.identity.userAgent", "context.requestTime"};
    static const char *const bad[] = {"",
                                      "Authorization",
                                      "route.request.header.",
                                      "route.request.header.a b",
                                      "route.request.header.a:",
                                      "route.request.body.token",
                                      "$request.header.Authorization",
                                      "Route.request.header.Authorization",
                                      "route.request.querystring.",
                                      "stageVariables.",
                                      "context.",
                                      "context.authorizer.principalId",
                                      "context.messageId",
                                      "context.apiid",
                                      "context.apiIds",
                                      "context.apiI",
                                      "context.connectedA"};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(chatroom_event_check_identity(chatroom_str(good[i]), NULL), CHATROOM_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct chatroom_error error = {0};

        assert_int_equal(chatroom_event_check_identity(chatroom_str(bad[i]), &error), CHATROOM_EINVAL);
        assert_int_equal(error.code, CHATROOM_EINVAL);
        assert_int_equal(error.text[strlen(error.text) - 1], '.');
        assert_false(has("/", bad[i]));
    }
}

/* All that an authorizer is asked with. */
static void identity_source__every_context_variable_is_the_events(void **state)
{
    static const char *const present[] = {
        "apiId",        "stage",     "domainName",        "identity.sourceIp", "identity.userAgent", "connectedAt",
        "connectionId", "eventType", "extendedRequestId", "requestId",         "requestTime",        "requestTimeEpoch",
        "routeKey"};
    struct chatroom_api full = {.id = {"abc", 3}, .stage = {"dev", 3}};
    struct chatroom_request_head head = {.target = {"/", 1}};
    struct chatroom_request_info info = {.event = CHATROOM_CONNECT,
                                         .head = &head,
                                         .api = &full,
                                         .source_ip = {"::1", 3},
                                         .user_agent = {"a", 1},
                                         .domain_name = {"d", 1}};
    const struct chatroom_api empty = {.variable_count = 0};
    struct chatroom_request_info nothing = {.event = CHATROOM_CONNECT, .head = &head, .api = &empty};

    (void)state;
    for (size_t i = 0; i < sizeof present / sizeof *present; i++) {
        char source[64] = "context.";

        strcat(source, present[i]);
        assert_true(chatroom_event_has_identity(&info, chatroom_str(source)));
        assert_int_equal(chatroom_event_has_identity(&nothing, chatroom_str(source)), i >= 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identity_source__a_header_is_found_in_any_case),
        cmocka_unit_test(identity_source__a_parameter_is_found_by_its_decoded_name),
        cmocka_unit_test(identity_source__a_stage_variable_and_a_context_variable_are_found),
        cmocka_unit_test(identity_source__what_is_empty_is_missing),
        cmocka_unit_test(identity_source__what_it_may_be_is_checked_beforehand),
        cmocka_unit_test(identity_source__every_context_variable_is_the_events),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
