#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "settings.h"

#include <chatroom/management.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define FIRST(o, type, kind) GATEWAY_FIRST(&(o)->gateway, type, kind)
#define KEY                  "AKIDEXAMPLE000001"
#define CREDENTIAL           "[credential " KEY "]\nsecret = s3cret\n"

/* ---- what is accepted -------------------------------------------------------------------------------------------- */

static void gateway__options_before_the_sections(void **state)
{
    struct options o = settings_accepted("chat = no\nroute-selection = $request.body.kind\napi-id = abc-1\n"
                                         "region = eu-central-1\naccount-id = 123456789012\ndomain = chat.example:444\n"
                                         "secure = yes\nthrottle = 100/200\nmetrics = /metrics\n"
                                         "access-log = $context.requestId $context.status\n"
                                         "access-log-file = /var/log/x\ndebug-refusals = on\n");

    (void)state;
    assert_false(o.chat);
    assert_string_equal(o.route_selection, "$request.body.kind");
    assert_string_equal(o.api_id, "abc-1");
    assert_string_equal(o.region, "eu-central-1");
    assert_string_equal(o.account_id, "123456789012");
    assert_string_equal(o.domain, "chat.example:444");
    assert_int_equal(o.throttle.rate, 100);
    assert_int_equal(o.throttle.burst, 200);
    assert_string_equal(o.metrics, "/metrics");
    assert_string_equal(o.access_log, "$context.requestId $context.status");
    assert_string_equal(o.access_log_file, "/var/log/x");
    assert_true(o.secure && o.debug_refusals);
    options_fini(&o);
}

static void gateway__management(void **state)
{
    struct options o =
        settings_accepted("[management]\nlisten = 127.0.0.1:9000\nlisten = unix:/run/m.sock\napart = yes\n"
                          "allow-unsigned-loopback = yes\nthrottle = 5/6\n");
    const struct gateway_management *m = FIRST(&o, management, GATEWAY_MANAGEMENT);

    (void)state;
    assert_int_equal(m->listen_count, 2);
    assert_string_equal(m->listen[0], "127.0.0.1:9000");
    assert_string_equal(m->listen[1], "unix:/run/m.sock");
    assert_true(m->apart && m->allow_unsigned_loopback);
    assert_int_equal(m->throttle.rate, 5);
    assert_int_equal(m->throttle.burst, 6);
    options_fini(&o);
    o = settings_accepted("[management]\n" CREDENTIAL);
    assert_non_null(FIRST(&o, management, GATEWAY_MANAGEMENT));
    assert_true(o.chat);
    options_fini(&o);
}

static void gateway__credentials(void **state)
{
    struct options o;
    const struct gateway_credential *c;

    (void)state;
    settings_write("secret", "from a file\nsecond line\n", 0640);
    settings_write("token", "tok", 0600);
    settings_write("policy.json", "{}", 0644);
    o = settings_accepted("[credential A]\nsecret-file = secret\ntoken-file = token\npolicy = policy.json\n"
                          "[credential B]\nsecret = x\ntoken = y\noutgoing = yes\n");
    c = FIRST(&o, credential, GATEWAY_CREDENTIAL);
    assert_string_equal(c->section.name, "A");
    assert_string_equal(c->secret, "from a file");
    assert_string_equal(c->token, "tok");
    assert_string_equal(c->policy, "{}");
    assert_false(c->outgoing);
    c = GATEWAY_NEXT(credential, c);
    assert_string_equal(c->secret, "x");
    assert_string_equal(c->token, "y");
    assert_true(c->outgoing);
    assert_false(o.gateway.open_secret);
    assert_ptr_equal(gateway_credential(&o.gateway, "B"), c);
    assert_null(gateway_credential(&o.gateway, "b"));
    options_fini(&o);
}

static void gateway__variables_domains_and_keys(void **state)
{
    struct options o = settings_accepted("[stage-variables]\ntable = rooms\nempty =\n[domain chat.example]\nkey = v1\n"
                                         "[domain other.example]\n[api-keys]\nsource = header\n"
                                         "[api-key one]\nvalue = 01234567890123456789\nthrottle = 1/2\n");
    const struct gateway_variables *v = FIRST(&o, variables, GATEWAY_VARIABLES);
    const struct gateway_domain *d = FIRST(&o, domain, GATEWAY_DOMAIN);
    const struct gateway_api_key *k = FIRST(&o, api_key, GATEWAY_API_KEY);

    (void)state;
    assert_int_equal(v->count, 2);
    assert_string_equal(v->items[0].name, "table");
    assert_string_equal(v->items[0].value, "rooms");
    assert_string_equal(v->items[1].value, "");
    assert_string_equal(d->section.name, "chat.example");
    assert_string_equal(d->key, "v1");
    assert_null(GATEWAY_NEXT(domain, d)->key);
    assert_int_equal(FIRST(&o, api_keys, GATEWAY_API_KEYS)->source, CHATROOM_KEY_IN_HEADER);
    assert_string_equal(k->section.name, "one");
    assert_string_equal(k->value, "01234567890123456789");
    assert_int_equal(k->throttle.burst, 2);
    options_fini(&o);
}

static void gateway__an_authorizer(void **state)
{
    struct options o = settings_accepted(
        CREDENTIAL "[authorizer]\ntype = lambda\nendpoint = http://127.0.0.1:9001\nfunction = auth\nqualifier = live\n"
                   "credential = " KEY "\nregion = eu-west-1\nserial = yes\ntimeout-ms = 500\ncalls = 3\nwaiting = 4\n"
                   "identity-source = route.request.header.Authorization\nidentity-source = context.stage\n"
                   "[api-keys]\nsource = authorizer\n[api-key a]\nvalue = 01234567890123456789\n");
    const struct gateway_authorizer *a = FIRST(&o, authorizer, GATEWAY_AUTHORIZER);

    (void)state;
    assert_int_equal(a->type, GATEWAY_BY_LAMBDA);
    assert_string_equal(a->lambda.endpoint, "http://127.0.0.1:9001");
    assert_string_equal(a->lambda.function, "auth");
    assert_string_equal(a->lambda.qualifier, "live");
    assert_string_equal(a->lambda.credential, KEY);
    assert_string_equal(a->lambda.region, "eu-west-1");
    assert_true(a->lambda.serial);
    assert_int_equal(a->limits.timeout_ms, 500);
    assert_int_equal(a->limits.calls, 3);
    assert_int_equal(a->limits.waiting, 4);
    assert_int_equal(a->source_count, 2);
    assert_string_equal(a->sources[1], "context.stage");
    assert_int_equal(FIRST(&o, api_keys, GATEWAY_API_KEYS)->source, CHATROOM_KEY_FROM_AUTHORIZER);
    options_fini(&o);
    o = settings_accepted(CREDENTIAL "[authorizer]\ntype = signatures\n");
    assert_int_equal(FIRST(&o, authorizer, GATEWAY_AUTHORIZER)->type, GATEWAY_BY_SIGNATURES);
    options_fini(&o);
}

static void gateway__a_route_to_a_function(void **state)
{
    struct options o;
    const struct gateway_route *r;

    (void)state;
    settings_write("model.json", "{\"type\":\"object\"}", 0644);
    o = settings_accepted(
        CREDENTIAL "[route say hello]\ntype = lambda\nendpoint = http://[::1]:9001\nfunction = f\nqualifier = 7\n"
                   "credential = " KEY "\nregion = r\nserial = no\ntwo-way = yes\ntimeout-ms = 50\ncalls = 1\n"
                   "waiting = 2\nretries = 0\nthrottle = 7/8\nconnection-throttle = 60/9\nmodel = model.json\n");
    r = FIRST(&o, route, GATEWAY_ROUTE);
    assert_string_equal(r->section.name, "say hello");
    assert_int_equal(r->type, GATEWAY_LAMBDA);
    assert_string_equal(r->lambda.function, "f");
    assert_string_equal(r->lambda.qualifier, "7");
    assert_false(r->lambda.serial);
    assert_true(r->two_way);
    assert_int_equal(r->limits.timeout_ms, 50);
    assert_int_equal(r->limits.calls, 1);
    assert_int_equal(r->limits.waiting, 2);
    assert_int_equal(r->limits.retries, 0);
    assert_int_equal(r->throttle.rate, 7);
    assert_int_equal(r->connection_throttle.rate, 60);
    assert_int_equal(r->connection_throttle.burst, 9);
    assert_string_equal(r->model, "{\"type\":\"object\"}");
    assert_false(o.chat);
    options_fini(&o);
}

static void gateway__routes_to_servers_and_to_none(void **state)
{
    struct options o = settings_accepted(
        "chat = yes\n[route $default]\ntype = http\nurl = https://x.example/${stageVariables.a}?b=c\nmethod = PUT\n"
        "content-type = text/plain; charset=utf-8\nretries = 10\n"
        "map = integration.request.header.X-Who   context.connectionId\n"
        "map = integration.request.querystring.q 'two words'\n"
        "response = $default 200\nresponse = /4\\d\\d/ 400 {\"ok\": false}\nresponse = 404 0\n"
        "[route $connect]\ntype = http_proxy\nurl = http://127.0.0.1:1/\n"
        "[route ping]\ntype = mock\nstatus = 201\nbody = pong\n[route quiet]\ntype = mock\nbody =\n");
    const struct gateway_route *r = FIRST(&o, route, GATEWAY_ROUTE);

    (void)state;
    assert_true(o.chat);
    assert_int_equal(r->type, GATEWAY_HTTP);
    assert_string_equal(r->url, "https://x.example/${stageVariables.a}?b=c");
    assert_string_equal(r->method, "PUT");
    assert_string_equal(r->content_type, "text/plain; charset=utf-8");
    assert_int_equal(r->limits.retries, 10);
    assert_int_equal(r->map_count, 2);
    assert_string_equal(r->maps[0].name, "integration.request.header.X-Who");
    assert_string_equal(r->maps[0].value, "context.connectionId");
    assert_string_equal(r->maps[1].value, "'two words'");
    assert_int_equal(r->response_count, 3);
    assert_string_equal(r->responses[0].key, "$default");
    assert_int_equal(r->responses[0].status, 200);
    assert_null(r->responses[0].body);
    assert_string_equal(r->responses[1].body, "{\"ok\": false}");
    assert_int_equal(r->responses[2].status, 0);
    r = GATEWAY_NEXT(route, r);
    assert_int_equal(r->type, GATEWAY_HTTP_PROXY);
    r = GATEWAY_NEXT(route, r);
    assert_int_equal(r->type, GATEWAY_MOCK);
    assert_int_equal(r->status, 201);
    assert_string_equal(r->body, "pong");
    assert_string_equal(GATEWAY_NEXT(route, r)->body, "");
    options_fini(&o);
}

static void gateway__the_remote(void **state)
{
    struct options o;
    const struct gateway_remote *r;

    (void)state;
    settings_write("ca.pem", "x", 0644);
    o = settings_accepted("[remote]\ncalls = 1\nwaiting = 2\nresponse-bytes = 3\nconnect-ms = 4\nca-file = ca.pem\n");
    r = FIRST(&o, remote, GATEWAY_REMOTE);
    assert_int_equal(r->calls, 1);
    assert_int_equal(r->waiting, 2);
    assert_int_equal(r->response_bytes, 3);
    assert_int_equal(r->connect_ms, 4);
    assert_string_equal(r->ca_file, settings_path("ca.pem"));
    options_fini(&o);
}

static void gateway__a_line_that_begins_with_a_blank_is_one_more_value(void **state)
{
    struct options o = settings_accepted("[route a] ; comment\ntype : http\n# comment\nurl = http://a/ ; comment\n"
                                         "response = 200 200\n  404 404 gone\n\n\t$default 500\n");

    (void)state;
    assert_int_equal(FIRST(&o, route, GATEWAY_ROUTE)->response_count, 3);
    assert_string_equal(FIRST(&o, route, GATEWAY_ROUTE)->url, "http://a/");
    options_fini(&o);
}

static void gateway__a_secret_in_an_open_file_is_known(void **state)
{
    char *argv[] = {(char *)"chatroomd", (char *)"--config", NULL, NULL};
    struct chatroom_error error;
    struct options o;

    (void)state;
    settings_write("open.ini", CREDENTIAL, 0644);
    argv[2] = (char *)settings_path("open.ini");
    assert_true(options_read(3, argv, &o, &error));
    assert_true(o.gateway.open_secret);
    options_fini(&o);
}

/* ---- what is refused --------------------------------------------------------------------------------------------- */

static void gateway__options_are_refused_with_their_line(void **state)
{
    (void)state;
    settings_refused("\nchat = maybe\n", "2: chat: \"maybe\" is none of yes, true, on, 1, no, false, off, 0");
    settings_refused("chat = no\nroute-selection =\n", "2: route-selection: needs a value");
    settings_refused("api-id = a b\n", "1: api-id: needs 1 to 64 letters, digits or -");
    settings_refused("region = a/b\n", "1: region: needs 1 to 64 letters, digits or -");
    settings_refused("account-id = 12345678901\n", "1: account-id: needs 12 digits");
    settings_refused("domain = https://x\n", "1: domain: needs a host, such as chat.example");
    settings_refused("secure = x\n", "1: secure: \"x\" is none of yes, true, on, 1, no, false, off, 0");
    settings_refused("throttle = 0/1\n", "1: throttle: zero would let nobody through; leave it out for no limit");
    settings_refused("throttle = 1/0\n", "1: throttle: zero would let nobody through; leave it out for no limit");
    settings_refused("throttle = 1\n", "1: throttle: needs RATE/BURST, such as 100/200, both at most 1000000");
    settings_refused("throttle = -1/1\n", "1: throttle: needs RATE/BURST, such as 100/200, both at most 1000000");
    settings_refused("throttle = 1/1000001\n", "1: throttle: needs RATE/BURST, such as 100/200, both at most 1000000");
    settings_refused("metrics = metrics\n", "1: metrics: needs a path that begins with /, such as /metrics");
    settings_refused("metrics = /a b\n", "1: metrics: needs a path that begins with /, such as /metrics");
    settings_refused("\nmetrics = /health\n", "2: metrics: contradicts /health, which answers there already");
    settings_refused("stage = live\nmetrics = /live\n", "2: metrics: contradicts stage: the WebSocket is at that path");
    settings_refused("metrics = /development\n", "1: metrics: contradicts stage: the WebSocket is at that path");
    settings_refused("access-log =\n", "1: access-log: needs a value");
    settings_refused("access-log-file =\n", "1: access-log-file: needs a path");
    settings_refused("\naccess-log-file = x\n", "2: access-log-file: needs access-log, the format of its lines");
    settings_refused("check = yes\n", "1: check: is no option");
    settings_refused("debug-refusals = 2\n", "1: debug-refusals: \"2\" is none of yes, true, on, 1, no, false, off, 0");
}

static void gateway__what_is_the_chats_needs_the_chat(void **state)
{
    (void)state;
    settings_refused("chat = no\nmode = full\n",
                     "2: mode: is the chat's, which beside [route] sections needs chat = yes");
    settings_refused("keep-empty-rooms = yes\n[route a]\ntype = mock\n",
                     "1: keep-empty-rooms: is the chat's, which beside [route] sections needs chat = yes");
    settings_refused("route-selection = $request.body.a\n",
                     "1: route-selection: contradicts chat = yes: its messages say in action what they want");
}

static void gateway__the_cloud_services_quotas_hold_in_its_profile(void **state)
{
    static const char slow[] =
        "[route a]\ntype = lambda\nfunction = f\nendpoint = http://127.0.0.1:1\ntimeout-ms = 29001\n";
    char text[16384] = "profile = aws\n";
    size_t size = strlen(text);
    struct options o;

    (void)state;
    snprintf(text + size, sizeof text - size, "%s", slow);
    settings_refused(text, "6: [route a] timeout-ms: needs 50 to 29000 with profile = aws");
    snprintf(text + size, sizeof text - size,
             "[authorizer]\ntype = lambda\nfunction = f\nendpoint = http://127.0.0.1:1\ntimeout-ms = 30000\n");
    settings_refused(text, "6: [authorizer] timeout-ms: needs 50 to 29000 with profile = aws");
    for (int i = 1; i <= 301; i++)
        size += (size_t)snprintf(text + size, sizeof text - size, "[route r%d]\ntype = mock\n", i);
    settings_refused(text, "602: [route r301]: is the 301st route, and profile = aws has at most 300");
    o = settings_accepted(slow); /* without the profile */
    options_fini(&o);
}

static void gateway__unknown_and_repeated_things_are_refused(void **state)
{
    (void)state;
    settings_refused("[nonsense]\n", "1: [nonsense]: is no section");
    settings_refused("[]\n", "1: []: is no section");
    settings_refused("[routes a]\n", "1: [routes a]: is no section");
    settings_refused("[route\n", "1: this line: begins a section, but does not end it with ]");
    settings_refused("[\n", "1: this line: begins a section, but does not end it with ]");
    settings_refused("[route]\n", "1: [route]: needs a name: [route NAME]");
    settings_refused("[management x]\n", "1: [management x]: has no name: [management]");
    settings_refused("[remote]\n[remote]\n", "2: [remote]: stands on line 1 already");
    settings_refused("[route a]\ntype = mock\n[route  a]\n", "3: [route  a]: stands on line 1 already");
    settings_refused("[domain x]\n[domain x]\n", "2: [domain x]: stands on line 1 already");
    settings_refused(
        "[domain A.example]\n[domain a.example]\n",
        "2: [domain a.example]: stands on line 1 already, as [domain A.example]: hosts are the same in any "
        "case of letters");
    settings_refused("[route a]\nnonsense = 1\n", "2: [route a] nonsense: is no key of this section");
    settings_refused("[route a]\nstage = x\n", "2: [route a] stage: is no key of this section");
    settings_refused("[route a]\ntype = mock\ntype = mock\n", "3: [route a] type: stands on line 2 already");
    settings_refused("[route a]\ntype\n", "2: this line: is neither \"name = value\" nor a comment");
    settings_refused("[stage-variables]\na = 1\na = 2\n", "3: [stage-variables] a: is given twice");
}

static void gateway__values_are_refused_with_their_key(void **state)
{
    (void)state;
    settings_refused("[management]\nlisten = 9000\n",
                     "2: [management] listen: needs ADDRESS:PORT in numbers, such as 127.0.0.1:8080 or [::1]:8080, or "
                     "unix:PATH");
    settings_refused("[management]\napart = 7\n",
                     "2: [management] apart: \"7\" is none of yes, true, on, 1, no, false, off, 0");
    settings_refused("[management]\nthrottle = 0/5\n",
                     "2: [management] throttle: zero would let nobody through; leave it out for no limit");
    settings_refused("[credential A]\nsecret =\n", "2: [credential A] secret: needs a value");
    settings_refused("[api-keys]\nsource = query\n", "2: [api-keys] source: \"query\" is none of header, authorizer");
    settings_refused("[authorizer]\ntype = jwt\n", "2: [authorizer] type: \"jwt\" is none of lambda, signatures");
    settings_refused("[route a]\ntype = aws\n", "2: [route a] type: \"aws\" is none of lambda, http_proxy, http, mock");
    settings_refused("[route a]\ntimeout-ms = 49\n", "2: [route a] timeout-ms: needs a number from 50 to 3600000");
    settings_refused("[route a]\ncalls = 0\n", "2: [route a] calls: needs a number from 1 to 65536");
    settings_refused("[route a]\nwaiting = x\n", "2: [route a] waiting: needs a number from 1 to 1000000");
    settings_refused("[route a]\nretries = 11\n", "2: [route a] retries: needs a number from 0 to 10");
    settings_refused("[route a]\nstatus = 600\n", "2: [route a] status: needs a number from 200 to 599");
    settings_refused("[route a]\nstatus = 199\n", "2: [route a] status: needs a number from 200 to 599");
    settings_refused("[authorizer]\nidentity-source = context.stage, route.request.header.Auth\n",
                     "2: [authorizer] identity-source: has a comma: several stand one a line");
    settings_refused("[authorizer]\nidentity-source = context.stage\n  stageVariables.a,context.stage\n",
                     "3: [authorizer] identity-source: has a comma: several stand one a line");
    settings_refused("[route a]\nconnection-throttle = 0/0\n",
                     "2: [route a] connection-throttle: zero would let nobody through; leave it out for no limit");
    settings_refused("[route a]\nmap = x\n",
                     "2: [route a] map: needs DESTINATION SOURCE, such as integration.request.header.X-Who "
                     "context.connectionId");
    for (size_t i = 0; i < 6; i++) {
        static const char *const bad[] = {"404", "404 x", "404 99", "404 199", "404 600", "404 2000"};
        char text[64];

        snprintf(text, sizeof text, "[route a]\nresponse = %s\n", bad[i]);
        settings_refused(text, "2: [route a] response: needs KEY STATUS, such as $default 200, and perhaps a body; "
                               "status 0: the server's own");
    }
    settings_refused("[remote]\nresponse-bytes = 67108865\n",
                     "2: [remote] response-bytes: needs a number from 1 to 67108864");
    settings_refused("[remote]\nconnect-ms = 0\n", "2: [remote] connect-ms: needs a number from 1 to 300000");
    settings_refused("[remote]\nca-file =\n", "2: [remote] ca-file: needs a path");
}

static void gateway__lists_have_an_end(void **state)
{
    char text[8192] = "[route a]\ntype = http\n";

    (void)state;
    for (int i = 0; i < GATEWAY_RESPONSES_MOST + 1; i++)
        strcat(text, "response = 404 404\n");
    settings_refused(text, "35: [route a] response: is given more than 32 times");
    strcpy(text, "[authorizer]\ntype = lambda\n");
    for (int i = 0; i < GATEWAY_SOURCES_MOST + 1; i++)
        strcat(text, "identity-source = context.stage\n");
    settings_refused(text, "19: [authorizer] identity-source: is given more than 16 times");
    strcpy(text, "[stage-variables]\n");
    for (int i = 0; i < GATEWAY_VARIABLES_MOST + 1; i++)
        sprintf(text + strlen(text), "v%d = 1\n", i);
    settings_refused(text, "102: [stage-variables] v100: is one more than the 100 that there may be");
    strcpy(text, "[stage-variables]\nlong = ");
    memset(text + strlen(text), 'x', 513);
    text[24 + 513 + 1] = '\0';
    settings_refused(text, "2: [stage-variables] long: is longer than 64 bytes, or its value than 512");
}

static void gateway__keys_of_another_type_are_refused(void **state)
{
    (void)state;
    settings_refused("[route a]\nurl = http://x/\ntype = lambda\nfunction = f\n",
                     "2: [route a] url: is no key of type = lambda");
    settings_refused("[route a]\ntype = mock\ntimeout-ms = 100\n", "3: [route a] timeout-ms: is no key of type = mock");
    settings_refused("[route a]\ntype = mock\nfunction = f\n", "3: [route a] function: is no key of type = mock");
    settings_refused("[route a]\ntype = http_proxy\nurl = http://x/\nresponse = 404 404\n",
                     "4: [route a] response: is no key of type = http_proxy");
    settings_refused("[route a]\ntype = http_proxy\nurl = http://x/\nbody = x\n",
                     "4: [route a] body: is no key of type = http_proxy");
    settings_refused(CREDENTIAL "[authorizer]\ntype = signatures\nfunction = f\n",
                     "5: [authorizer] function: is no key of type = signatures");
}

static void gateway__what_is_missing_is_named(void **state)
{
    (void)state;
    settings_refused("[route a]\n", "1: [route a]: has no type");
    settings_refused("[route a]\n[route b]\ntype = mock\n", "1: [route a]: has no type");
    settings_refused("[authorizer]\n", "1: [authorizer]: has no type");
    settings_refused("[route a]\ntype = lambda\n", "1: [route a]: has no function");
    settings_refused("[authorizer]\ntype = lambda\n", "1: [authorizer]: has no function");
    settings_refused("[route a]\ntype = http\n", "1: [route a]: has no url");
    settings_refused("[route a]\ntype = http_proxy\n", "1: [route a]: has no url");
    settings_refused("[route a]\ntype = http\nurl = http://x/\n",
                     "1: [route a]: has no response; with type = http_proxy it would need none");
    settings_refused("[credential A]\n", "1: [credential A]: has no secret and no secret-file");
    settings_refused("[api-keys]\nsource = header\n[api-key a]\n", "3: [api-key a]: has no value and no value-file");
    settings_refused("[api-keys]\n[api-key a]\nvalue = x\n", "1: [api-keys]: has no source");
}

static void gateway__what_makes_no_sense_is_refused(void **state)
{
    (void)state;
    settings_write("x", "{}", 0600);
    settings_refused(
        "[route $other]\ntype = mock\n",
        "1: [route $other]: is none of $connect, $disconnect and $default, and others do not begin with $");
    settings_refused("[route $connect]\ntype = mock\nmodel = x\n",
                     "3: [route $connect] model: is for messages, and this event has none");
    settings_refused(
        "[route $disconnect]\ntype = mock\ntwo-way = yes\n",
        "3: [route $disconnect] two-way: has no sense here: nothing can be sent to a connection that is not "
        "there");
    settings_refused("[management]\nallow-unsigned-loopback = yes\napart = yes\n",
                     "3: [management] apart: needs a listen of this section, or nobody could come");
    settings_refused(
        "[management]\n",
        "1: [management]: nobody could use it: there is no [credential], nor allow-unsigned-loopback = yes");
    settings_refused(
        "[management]\n" CREDENTIAL "outgoing = yes\n",
        "1: [management]: nobody could use it: there is no [credential], nor allow-unsigned-loopback = yes");
    settings_refused("[authorizer]\ntype = signatures\n",
                     "1: [authorizer]: nobody could connect: there is no [credential] to sign with");
    settings_refused(CREDENTIAL "secret-file = x\n",
                     "3: [credential " KEY "] secret-file: contradicts secret: one of them will do");
    settings_refused(CREDENTIAL "token = t\ntoken-file = x\n",
                     "4: [credential " KEY "] token-file: contradicts token: one of them will do");
    settings_refused(CREDENTIAL "outgoing = yes\npolicy = x\n",
                     "4: [credential " KEY
                     "] policy: says nothing about an outgoing credential, which nobody here verifies");
    settings_refused("[api-keys]\nsource = header\n[api-key a]\nvalue = 1\nvalue-file = x\n",
                     "5: [api-key a] value-file: contradicts value: one of them will do");
    settings_refused("[api-key a]\nvalue = 1\n", "1: [api-key a]: nobody asks for it: there is no [api-keys] section");
    settings_refused("[api-keys]\nsource = header\n",
                     "1: [api-keys]: nobody could connect: there is no [api-key ID] section");
    settings_refused("[api-key a]\nvalue = 1\n[api-keys]\nsource = authorizer\n",
                     "4: [api-keys] source: needs an [authorizer] of type = lambda, which says the key");
    settings_refused("[route a]\ntype = lambda\nfunction = f\ncredential = nobody\n",
                     "4: [route a] credential: there is no [credential] section of that access key");
    settings_refused("[authorizer]\ntype = lambda\nfunction = f\ncredential = nobody\n",
                     "4: [authorizer] credential: there is no [credential] section of that access key");
}

static void gateway__a_call_that_nobody_would_take_is_refused(void **state)
{
#define UNSIGNED "has no endpoint, and without a credential AWS would not take the call"
    static const char *const accepted[] = {
        "[route a]\ntype = lambda\nfunction = f\ncredential = " KEY "\n" CREDENTIAL,
        "[route a]\ntype = lambda\nfunction = f\nendpoint = http://127.0.0.1:1\n",
        "[authorizer]\ntype = lambda\nfunction = f\ncredential = " KEY "\n" CREDENTIAL,
    };

    (void)state;
    settings_refused("\n[route a]\ntype = lambda\nfunction = f\n", "2: [route a]: " UNSIGNED);
    settings_refused("[authorizer]\ntype = lambda\nfunction = f\n", "1: [authorizer]: " UNSIGNED);
    for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++) {
        struct options o = settings_accepted(accepted[i]);

        options_fini(&o);
    }
}

static void gateway__the_events_of_a_life_have_no_throttle_that_does_nothing(void **state)
{
    struct options o = settings_accepted("[route $connect]\ntype = mock\nthrottle = 1/1\n");

    (void)state;
    options_fini(&o);
    settings_refused("[route $disconnect]\ntype = mock\nthrottle = 1/1\n",
                     "3: [route $disconnect] throttle: has no effect here: every connection has its $disconnect, "
                     "however fast they go");
    settings_refused("[route $disconnect]\ntype = mock\nconnection-throttle = 1/1\n",
                     "3: [route $disconnect] connection-throttle: has no effect here: a connection has one of these");
    settings_refused("[route $connect]\ntype = mock\nconnection-throttle = 1/1\n",
                     "3: [route $connect] connection-throttle: has no effect here: a connection has one of these");
}

static void gateway__a_function_has_one_qualifier(void **state)
{
    static const char *const functions[] = {"f:live", "arn:aws:lambda:eu-west-1:123456789012:function:f:live",
                                            "123456789012:function:f:7",
                                            ("arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/"
                                             "arn:aws:lambda:eu-west-1:123456789012:function:f:live/invocations")};
    static const char *const without[] = {"f", "${stageVariables.f}",
                                          "arn:aws:lambda:eu-west-1:123456789012:function:f",
                                          ("arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/"
                                           "arn:aws:lambda:eu-west-1:123456789012:function:f/invocations")};
    char text[512];

    (void)state;
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        snprintf(text, sizeof text, "[route a]\ntype = lambda\nendpoint = http://x\nfunction = %s\nqualifier = 7\n",
                 functions[i]);
        settings_refused(text, "5: [route a] qualifier: contradicts function, which ends with one already");
    }
    for (size_t i = 0; i < sizeof without / sizeof without[0]; i++) {
        struct options o;

        snprintf(text, sizeof text, "[route a]\ntype = lambda\nendpoint = http://x\nfunction = %s\nqualifier = 7\n",
                 without[i]);
        o = settings_accepted(text);
        options_fini(&o);
    }
}

static void gateway__a_route_key_has_an_end(void **state)
{
    char text[1200] = "[route ";

    (void)state;
    memset(text + 7, 'k', 1025);
    strcpy(text + 7 + 1025, "]\ntype = mock\n");
    settings_refused(text,
                     "1: [route kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk]: has more than 1024 bytes");
}

static void file_refused(const char *key, const char *name, const char *what)
{
    char text[128], tail[512];

    snprintf(text, sizeof text, "[credential A]\n%s = %s\n", key, name);
    snprintf(tail, sizeof tail, "2: [credential A] %s: %s", key, what);
    settings_refused(text, tail);
}

static void gateway__files_are_looked_at_before_they_are_read(void **state)
{
    char what[256], tail[300], *big = malloc(65538);

    (void)state;
    assert_non_null(big);
    memset(big, 'x', 65537);
    big[65537] = '\0';
    settings_write("big", big, 0600);
    free(big);
    snprintf(what, sizeof what, "%s is too big", settings_path("big"));
    file_refused("policy", "big", what);
    file_refused("secret-file", "big", what);
    snprintf(what, sizeof what, "cannot read %s: No such file or directory", settings_path("none"));
    file_refused("policy", "none", what);
    file_refused("secret-file", "none", what);
    snprintf(tail, sizeof tail, "2: [remote] ca-file: %s", what);
    settings_refused("[remote]\nca-file = none\n", tail);
}

static void gateway__secrets_are_for_few_eyes(void **state)
{
    static const mode_t open_modes[] = {0644, 0604, 0602, 0601};
    char what[256];

    (void)state;
    for (size_t i = 0; i < sizeof open_modes / sizeof open_modes[0]; i++) {
        settings_write("open", "s", open_modes[i]);
        snprintf(what, sizeof what, "%s is open to every user of this machine: chmod o= it", settings_path("open"));
        file_refused("secret-file", "open", what);
        file_refused("token-file", "open", what);
    }
    settings_write("empty", "\nx\n", 0600);
    snprintf(what, sizeof what, "%s begins with an empty line", settings_path("empty"));
    file_refused("secret-file", "empty", what);
    file_refused("secret-file", "/dev/null", "/dev/null is no regular file");
    file_refused("policy", "/", "/ is no regular file");
    file_refused("policy", "", "needs a path");
}

/* Whatever is wrong around it. */
static void gateway__no_refusal_quotes_a_secret(void **state)
{
    static const char *const texts[] = {
        "[credential A]\nsecret = HUSH\nsecret = HUSH\n",
        "[credential A]\nsecret = HUSH\nHUSH\n",
        "[credential A]\nsecrets = HUSH\n",
        "[api-key A]\nvalue = HUSH\n",
        "[api-key A]\nvalue = HUSH\nvalue-file = none\n",
        "[credential A]\ntoken = HUSH\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct options o;
        struct chatroom_error error;

        assert_false(settings_read(texts[i], &o, &error));
        assert_null(strstr(error.text, "HUSH"));
    }
}

static void gateway__no_file_breaks_the_reader(void **state)
{
    static const char *const pieces[] = {"[route a]",
                                         "[route b]",
                                         "[management]",
                                         "[api-keys]",
                                         "[stage-variables]",
                                         "type",
                                         "mock",
                                         "lambda",
                                         "=",
                                         " = ",
                                         "\n",
                                         "\n",
                                         "\n",
                                         " ",
                                         "map",
                                         "x y",
                                         "throttle",
                                         "1/2",
                                         "[",
                                         "]",
                                         ";",
                                         "model",
                                         "/dev/null",
                                         "\xff",
                                         "two-way = yes",
                                         "function",
                                         "[credential A]",
                                         "secret"};
    uint32_t seed = 1;

    (void)state;
    for (int round = 0; round < 3000; round++) {
        struct options o;
        struct chatroom_error error;
        char text[800] = "";

        for (int i = 0; i < 30; i++) {
            seed = seed * 1664525 + 1013904223;
            strcat(text, pieces[(seed >> 16) % (sizeof pieces / sizeof pieces[0])]);
        }
        if (settings_read(text, &o, &error))
            options_fini(&o);
        else
            assert_true(error.text[0] != '\0' && strlen(error.text) < sizeof error.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gateway__options_before_the_sections),
        cmocka_unit_test(gateway__management),
        cmocka_unit_test(gateway__credentials),
        cmocka_unit_test(gateway__variables_domains_and_keys),
        cmocka_unit_test(gateway__an_authorizer),
        cmocka_unit_test(gateway__a_route_to_a_function),
        cmocka_unit_test(gateway__routes_to_servers_and_to_none),
        cmocka_unit_test(gateway__the_remote),
        cmocka_unit_test(gateway__a_line_that_begins_with_a_blank_is_one_more_value),
        cmocka_unit_test(gateway__a_secret_in_an_open_file_is_known),
        cmocka_unit_test(gateway__options_are_refused_with_their_line),
        cmocka_unit_test(gateway__what_is_the_chats_needs_the_chat),
        cmocka_unit_test(gateway__the_cloud_services_quotas_hold_in_its_profile),
        cmocka_unit_test(gateway__unknown_and_repeated_things_are_refused),
        cmocka_unit_test(gateway__values_are_refused_with_their_key),
        cmocka_unit_test(gateway__lists_have_an_end),
        cmocka_unit_test(gateway__keys_of_another_type_are_refused),
        cmocka_unit_test(gateway__what_is_missing_is_named),
        cmocka_unit_test(gateway__what_makes_no_sense_is_refused),
        cmocka_unit_test(gateway__a_call_that_nobody_would_take_is_refused),
        cmocka_unit_test(gateway__the_events_of_a_life_have_no_throttle_that_does_nothing),
        cmocka_unit_test(gateway__a_function_has_one_qualifier),
        cmocka_unit_test(gateway__a_route_key_has_an_end),
        cmocka_unit_test(gateway__files_are_looked_at_before_they_are_read),
        cmocka_unit_test(gateway__secrets_are_for_few_eyes),
        cmocka_unit_test(gateway__no_refusal_quotes_a_secret),
        cmocka_unit_test(gateway__no_file_breaks_the_reader),
    };

    return cmocka_run_group_tests(tests, settings_make, settings_remove);
}
