"""chatroomd in the place of API Gateway, as its clients and its functions see it: the checklist AGW_01 to 41 and 52 to 66."""
import datetime
import json
import os
import re
import select
import socket
import struct
import sys
import threading
import time
import unittest
import urllib.error
import urllib.request

import boto3
import botocore.auth
import botocore.awsrequest
import botocore.config
import botocore.credentials

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gateway import (ACCESS_KEY, FENCE, ID, SECRET, SECONDS, STAGE, UNKNOWN_ID, Answer, Case, Peer, fail, mock, section)
from rawws import CONTINUATION, PING, TEXT, Raw, WebSocket, frame, upgrade_request

MANAGEMENT = section("management", allow_unsigned_loopback="yes")
CREDENTIAL = section("credential " + ACCESS_KEY, secret=SECRET)
ECHO = {"statusCode": 200}


def echo(event):
    return {"statusCode": 200, "body": event["body"]}


def call(gateway, method, path, body=None, headers={}, host=None):
    """(status, headers, body) of a plain request, unsigned."""
    request = urllib.request.Request("http://127.0.0.1:%d%s" % (gateway.port, path), data=body, method=method,
                                     headers={**headers, **({"Host": host} if host else {})})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=SECONDS) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def stock_client(endpoint):
    return boto3.session.Session().client(
        "apigatewaymanagementapi", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET,
        config=botocore.config.Config(retries={"max_attempts": 0}, proxies={}, read_timeout=SECONDS, connect_timeout=SECONDS))


def manage(gateway, method, id, body=None, stage=STAGE):
    return call(gateway, method, "/%s/@connections/%s" % (stage, id), body)


def post_from_a_function(gateway, id):
    return manage(gateway[0], "POST", id.replace("=", "%3D"), b"hello")[0]


class Connecting(Case):
    def test_AGW_01_without_a_connect_route_an_upgrade_is_let_in(self):
        gateway = self.gateway(FENCE)
        self.connect(gateway).fence()

    def test_AGW_02_the_answer_waits_for_the_authorizer_and_then_for_the_handler(self):
        turns = {"check": threading.Event(), "connect": threading.Event()}
        allow = {"isAuthorized": True}

        def wait(name, result):
            self.assertTrue(turns[name].wait(SECONDS))
            return result
        functions = self.functions(check=lambda event: wait("check", allow), connect=lambda event: wait("connect", ECHO))
        gateway = self.gateway(self.route(functions, "$connect", "connect"),
                               section("authorizer", type="lambda", endpoint=functions.endpoint, function="check"), FENCE)
        with Raw(gateway.address, timeout=SECONDS) as raw:
            raw.write(upgrade_request("/" + STAGE))
            functions.wait("check")
            self.assertEqual(functions.of("connect"), [])
            self.assertEqual(select.select([raw.socket], [], [], 0.2)[0], [])
            turns["check"].set()
            functions.wait("connect")
            self.assertEqual(select.select([raw.socket], [], [], 0.2)[0], [])
            turns["connect"].set()
            self.assertEqual(raw.response()[0], 101)
        self.assertEqual([call.name for call in functions.calls[:2]], ["check", "connect"])
        self.assertEqual(functions.calls[0].context["connectionId"], functions.calls[1].context["connectionId"])

    def test_AGW_03_the_status_of_the_handler_is_that_of_the_handshake(self):
        functions = self.functions(connect=lambda event: {"statusCode": int(event["queryStringParameters"]["status"])})
        gateway = self.gateway(self.route(functions, "$connect", "connect"), FENCE)
        for status in (200, 201):
            self.connect(gateway, "?status=%d" % status).fence()
        for status in (301, 401, 403, 501):
            # python3-websockets would follow 301
            with Raw(gateway.address) as raw:
                raw.write(upgrade_request("/%s?status=%d" % (STAGE, status)))
                self.assertEqual(raw.response()[0], status)

    def test_AGW_04_a_handler_that_fails_or_makes_no_sense_gives_502(self):
        answers = {"thrown": fail("no"), "text": Answer("not JSON"), "list": Answer([]), "empty": Answer({}),
                   "unknown": Answer({"statusCode": 200, "status": 1}), "body": Answer({"statusCode": 200, "body": 1}),
                   "broken": Answer({}, status=500)}
        functions = self.functions(connect=lambda event: answers[event["queryStringParameters"]["case"]])
        gateway = self.gateway(self.route(functions, "$connect", "connect"))
        for case in answers:
            self.assertEqual(self.refused(gateway, "?case=" + case), 502, case)

    def test_AGW_05_the_handler_alone_chooses_the_subprotocol(self):
        functions = self.functions(
            silent={"statusCode": 200, "headers": {"X-Own": "1"}, "body": "hidden"},
            connect={"statusCode": 200, "headers": {"sec-websocket-protocol": "two", "X-Own": "1", "Set-Cookie": "a=b"}, "body": "hidden"})
        gateway = self.gateway(self.route(functions, "$connect", "connect"))
        peer = self.connect(gateway, subprotocols=["one", "two"])
        self.assertEqual(peer.socket.subprotocol, "two")
        self.assertEqual({"x-own", "set-cookie"} & {name.lower() for name in peer.socket.response_headers}, set())
        self.assertEqual(functions.of("connect")[0].event["headers"]["Sec-WebSocket-Protocol"], "one, two")
        gateway = self.gateway(self.route(functions, "$connect", "silent"), FENCE)
        peer = self.connect(gateway, subprotocols=["one", "two"])
        self.assertIsNone(peer.socket.subprotocol)
        peer.fence()

    def test_AGW_06_who_was_refused_does_not_disconnect(self):
        functions = self.functions(connect=lambda event: {"statusCode": 200 if event.get("queryStringParameters") else 403})
        gateway = self.gateway(self.route(functions, "$connect", "connect"), self.route(functions, "$disconnect", "disconnect"))
        self.assertEqual(self.refused(gateway), 403)
        self.connect(gateway, "?let=in").close()
        gone = functions.wait("disconnect")
        self.assertEqual([call.context["connectionId"] for call in gone], [functions.of("connect")[1].context["connectionId"]])
        self.assertEqual(gateway.stop(), 0)
        self.assertEqual(len(functions.of("disconnect")), 1)

    def test_AGW_07_a_connection_that_is_not_there_yet_is_gone(self):
        seen, started = [], []

        def connect(event):
            seen.append(post_from_a_function(started, event["requestContext"]["connectionId"]))
            return ECHO
        functions = self.functions(connect=connect)
        started.append(self.gateway(self.route(functions, "$connect", "connect"), MANAGEMENT, FENCE))
        self.connect(started[0]).fence()
        self.assertEqual(seen, [410])

    def test_AGW_08_a_plain_get_of_the_stage_wants_an_upgrade(self):
        gateway = self.gateway(FENCE)
        self.assertEqual(call(gateway, "GET", "/" + STAGE)[0], 426)
        self.connect(gateway, "/").fence()
        self.assertEqual(self.refused(gateway, "/more"), 404)
        strict = self.gateway(FENCE, profile="aws")
        self.assertEqual(self.refused(strict, "/more"), 403)


    def test_AGW_41_a_client_that_vanished_while_it_was_connecting_disconnects(self):
        let = threading.Event()

        def connect(event):
            let.wait(SECONDS)
            return {"statusCode": 200 if event.get("queryStringParameters") else 403}
        functions = self.functions(connect=connect)
        gateway = self.gateway(self.route(functions, "$connect", "connect"), self.route(functions, "$disconnect", "disconnect"))
        for path in ("", "?let=in"):
            with Raw(gateway.address) as raw:
                raw.write(upgrade_request("/%s%s" % (STAGE, path)))
                functions.wait("connect", len(functions.of("connect")) + 1)
        let.set()
        context = functions.wait("disconnect")[0].context
        self.assertEqual((context["connectionId"], context["disconnectStatusCode"]),
                         (functions.of("connect")[1].context["connectionId"], 1006))
        self.assertEqual(gateway.stop(), 0)
        self.assertEqual(len(functions.of("disconnect")), 1)

    def test_a_message_that_comes_before_the_answer_is_for_later(self):
        let = threading.Event()
        functions = self.functions(connect=lambda event: let.wait(SECONDS) and ECHO)
        gateway = self.gateway(self.route(functions, "$connect", "connect"), FENCE)
        with Raw(gateway.address) as raw:
            raw.write(upgrade_request("/" + STAGE) + frame(TEXT, b'{"action":"fence"}'))
            functions.wait("connect")
            let.set()
            self.assertEqual(raw.response()[0], 101)
            while len(raw.buffer) < 7:
                self.assertTrue(raw.fill(time.monotonic() + raw.timeout))
            self.assertEqual(bytes(raw.buffer), b"\x81\x05fence")

    def test_a_head_of_any_octets_makes_a_json_event(self):
        functions = self.functions()
        gateway = self.gateway(self.route(functions, "$connect", "connect"), FENCE)
        with Raw(gateway.address) as raw:
            raw.write(upgrade_request("/%s?%s" % (STAGE, "q=%00%ff%22%0a&\\=%zz&=&&a=b=c"), extra=["X-Odd: \xff\xe9\"\\", "X-Long: " + "x" * 6000]))
            self.assertEqual(raw.response()[0], 101)
        event = functions.wait("connect")[0].event
        self.assertEqual(event["headers"]["X-Odd"], "\ufffd\ufffd\"\\")
        self.assertEqual(len(event["headers"]["X-Long"]), 6000)
        self.assertEqual(event["queryStringParameters"]["a"], "b=c")
        self.assertEqual(event["queryStringParameters"]["q"], "\0\ufffd\"\n")


class Routing(Case):
    def keyed(self, expression, *keys, **options):
        """A gateway on which each route answers with its key."""
        return self.gateway(*[mock(key, key) for key in keys], **{"route_selection": expression, **options})

    def test_AGW_09_a_member_of_the_message_selects_the_route(self):
        peer = self.connect(self.keyed("$request.body.action", "a", "b"))
        self.assertEqual([peer.ask("a"), peer.ask("b")], ["a", "b"])
        peer = self.connect(self.keyed("$request.body.service.do", "a", "$default"))
        peer.send('{"service":{"do":"a"}}')
        self.assertEqual(peer.receive(), "a")

    def test_AGW_10_selection_expressions_have_their_values(self):
        message = '{"svc":"chat","op":"join","meta":{"room":"r1"},"n":7,"l":["x","y"]}'
        rows = (("$request.body.op", "join"), ("${request.body.op}", "join"), ("${request.body.svc}/${request.body.op}", "chat/join"),
                ("${request.body.op}-${request.body.nope}", "join-"), ("$request.body.meta.room", "r1"), ("$request.body.n", "7"),
                ("$request.body.l", "[x, y]"), ("$request.body.l[1]", "y"), ("fixed", "fixed"))
        for expression, key in rows:
            peer = self.connect(self.keyed(expression, key, "$default"))
            peer.send(message)
            self.assertEqual(peer.receive(), key, expression)

    def test_AGW_11_what_selects_nothing_goes_to_default(self):
        peer = self.connect(self.keyed("$request.body.action", "a", "$default"))
        for text in ('{"b":1}', "not JSON", '{"action":', "", "[]", '"a"', '{"action":null}', '{"action":"none"}', '{"action":"a","action":"a"}'):
            peer.send(text)
            self.assertEqual(peer.receive(), "$default", text)

    def test_AGW_12_a_key_is_matched_whole_and_in_its_case(self):
        peer = self.connect(self.keyed("$request.body.action", "join", "$default"))
        for action in ("Join", "JOIN", "joi", "joins", " join", "join\u0000"):
            self.assertEqual(peer.ask(action), "$default", action)
        self.assertEqual(peer.ask("join"), "join")

    def test_AGW_13_no_route_is_forbidden_to_the_byte_and_the_connection_stays(self):
        peer = self.connect(self.gateway(FENCE))
        first, second = [self.assert_message(peer.ask("none"), "Forbidden") for _ in range(2)]
        self.assertEqual(first["connectionId"], second["connectionId"])
        self.assertNotEqual(first["requestId"], second["requestId"])
        peer.fence()

    def test_AGW_14_a_message_cannot_ask_for_connect_or_disconnect(self):
        functions = self.functions()
        peer = self.connect(self.gateway(self.route(functions, "$connect", "connect"), self.route(functions, "$disconnect", "disconnect"), FENCE))
        for key in ("$connect", "$disconnect"):
            self.assert_message(peer.ask(key), "Forbidden")
        peer.fence()
        self.assertEqual([call.name for call in functions.calls], ["connect"])

    def test_AGW_15_a_value_is_not_evaluated_again(self):
        peer = self.connect(self.keyed("$request.body.action", "$default", "b"))
        self.assertEqual(peer.ask("$request.body.b", b="b"), "$default")
        peer = self.connect(self.keyed("\\$default", "$default", "a"))
        self.assertEqual(peer.ask("a"), "$default")

    def test_AGW_16_the_life_of_a_connection_is_not_selected(self):
        functions = self.functions()
        gateway = self.gateway(self.route(functions, "$connect", "connect"), self.route(functions, "$disconnect", "disconnect"),
                               mock("fixed", "fixed"), route_selection="fixed")
        peer = self.connect(gateway)
        self.assertEqual(peer.ask("$disconnect"), "fixed")
        peer.close()
        functions.wait("disconnect")
        self.assertEqual([call.name for call in functions.calls], ["connect", "disconnect"])


class Answers(Case):
    def test_AGW_17_a_one_way_route_answers_nothing(self):
        functions = self.functions(f=lambda event: {"statusCode": json.loads(event["body"])["status"], "body": "not sent"})
        peer = self.connect(self.gateway(self.route(functions, "$default", "f"), FENCE))
        for status in (200, 301, 404, 500):
            peer.say("f", status=status)
        peer.fence()
        self.assertEqual(len(functions.calls), 4)

    def test_AGW_18_a_two_way_route_sends_the_body_whatever_the_status(self):
        functions = self.functions(f=lambda event: json.loads(event["body"])["result"])
        peer = self.connect(self.gateway(self.route(functions, "$default", "f", two_way="yes"), FENCE))
        for status in (200, "200", 404, 500):
            self.assertEqual(peer.ask("f", result={"statusCode": status, "body": "söme tëxt"}), "söme tëxt")
        self.assertEqual(peer.ask("f", result={"statusCode": 200, "body": "aGVsbG8=", "isBase64Encoded": True}), "hello")
        for empty in ({"statusCode": 200}, {"statusCode": 200, "body": ""}):
            peer.say("f", result=empty)
        peer.fence()

    def test_AGW_19_a_handler_that_throws_is_an_internal_error(self):
        functions = self.functions(f=fail("no"))
        peer = self.connect(self.gateway(self.route(functions, "one", "f"), self.route(functions, "two", "f", two_way="yes"), FENCE))
        for key in ("one", "two"):
            self.assert_message(peer.ask(key), "Internal server error")
        peer.fence()

    def test_AGW_20_an_unknown_key_is_an_internal_error(self):
        functions = self.functions(f={"statusCode": 200, "body": "x", "extra": 1})
        peer = self.connect(self.gateway(self.route(functions, "one", "f"), self.route(functions, "two", "f", two_way="yes"), FENCE))
        for key in ("one", "two"):
            self.assert_message(peer.ask(key), "Internal server error")
        peer.fence()

    def test_AGW_21_a_handler_that_takes_too_long_is_given_up(self):
        late = threading.Event()

        def slow(event):
            late.wait(SECONDS)
            return {"statusCode": 200, "body": "too late"}
        functions = self.functions(slow=slow)
        peer = self.connect(self.gateway(self.route(functions, "slow", "slow", two_way="yes", timeout_ms=200), FENCE))
        try:
            told = self.assert_message(peer.ask("slow"), "Endpoint request timed out")
        finally:
            late.set()
        self.assertEqual(told["requestId"], functions.calls[0].context["requestId"])
        peer.fence()

    def test_AGW_22_a_message_that_its_model_does_not_allow_is_told_so(self):
        functions = self.functions()
        model = {"type": "object", "required": ["action", "text"], "properties": {"text": {"type": "string", "maxLength": 5}}}
        gateway = self.gateway(self.route(functions, "say", "say", model="{folder}/say.json"), FENCE, files={"say.json": model})
        peer = self.connect(gateway)
        text = peer.ask("say", text=7)
        given = json.loads(text)
        self.assertEqual(text, '{"message" : "Bad request body", "connectionId": "%s", "messageId": "%s"}' % (
            given.get("connectionId"), given.get("messageId")))
        self.assertRegex(given["messageId"], ID)
        peer.say("say", text="short")
        peer.fence()
        self.assertEqual([json.loads(call.event["body"])["text"] for call in functions.calls], ["short"])

    def test_AGW_23_an_error_names_the_request_of_the_event(self):
        functions = self.functions(f=fail("no"))
        peer = self.connect(self.gateway(self.route(functions, "$default", "f")))
        told = [self.assert_message(peer.ask("f"), "Internal server error") for _ in range(3)]
        self.assertEqual([one["requestId"] for one in told], [call.context["requestId"] for call in functions.calls])
        self.assertEqual({one["connectionId"] for one in told}, {call.context["connectionId"] for call in functions.calls})

    def test_AGW_24_messages_reach_handlers_in_the_order_in_which_they_were_sent(self):
        functions = self.functions(f=echo)
        peer = self.connect(self.gateway(self.route(functions, "$default", "f", two_way="yes")))
        texts = [str(n) for n in range(60)]
        for text in texts:
            peer.send(text)
        self.assertEqual([peer.receive() for _ in texts], texts)
        self.assertEqual([call.event["body"] for call in functions.calls], texts)


    def test_the_disconnect_comes_after_the_messages_that_were_sent_before(self):
        def slow(event):
            time.sleep(0.05)
            return ECHO
        functions = self.functions(f=slow)
        gateway = self.gateway(self.route(functions, "$default", "f"), self.route(functions, "$disconnect", "disconnect"))
        peer = self.connect(gateway)
        for n in range(5):
            peer.send(str(n))
        peer.close()
        functions.wait("disconnect")
        self.assertEqual([call.event.get("body") for call in functions.calls], ["0", "1", "2", "3", "4", None])

    def stop_while_a_function_is_called(self, end):
        """end(let, stopping): what happens while the server is stopping. The client, whose answer was not there yet."""
        let = threading.Event()
        functions = self.functions(f=lambda event: let.wait(SECONDS * 2) and {"statusCode": 200, "body": "last words"})
        gateway = self.gateway(self.route(functions, "f", "f", two_way="yes"), FENCE)
        peer, idle = self.connect(gateway), self.connect(gateway)
        peer.say("f")
        functions.wait("f")
        statuses = []
        stopping = threading.Thread(target=lambda: statuses.append(gateway.stop(30)))
        stopping.start()
        try:
            self.assertEqual(idle.closed()[0], 1001)
            end(let, stopping)
        finally:
            let.set()
            stopping.join()
        self.assertEqual(statuses, [0])
        return peer

    def test_the_end_waits_for_a_function_and_sends_what_it_answers(self):
        peer = self.stop_while_a_function_is_called(lambda let, stopping: let.set())
        self.assertEqual(peer.receive(), "last words")
        self.assertEqual(peer.closed(), (1001, "Going away"))

    def test_the_end_waits_for_a_function_that_does_not_answer_only_so_long(self):
        peer = self.stop_while_a_function_is_called(lambda let, stopping: stopping.join(SECONDS * 2))
        self.assertEqual(json.loads(peer.receive())["message"], "Endpoint request timed out")
        self.assertEqual(peer.closed(), (1001, "Going away"))


class Frames(Case):
    def test_AGW_25_a_binary_message_closes_the_connection(self):
        functions = self.functions()
        peer = self.connect(self.gateway(self.route(functions, "$default", "f"), self.route(functions, "$disconnect", "gone")))
        peer.send(b"\x00\x01")
        self.assertEqual(peer.closed()[0], 1003)
        self.assertEqual(functions.wait("gone")[0].context["disconnectStatusCode"], 1003)
        self.assertEqual(functions.of("f"), [])

    def test_AGW_26_frames_and_messages_have_their_limits(self):
        functions = self.functions(f=lambda event: {"statusCode": 200, "body": str(len(event["body"]))})
        gateway = self.gateway(self.route(functions, "$default", "f", two_way="yes"), profile="aws")

        def send(*sizes):
            raw = WebSocket(gateway.address, "/" + STAGE)
            self.addCleanup(raw.socket.close)
            last = len(sizes) - 1
            raw.send(*[frame(TEXT if n == 0 else CONTINUATION, b"x" * size, fin=int(n == last)) for n, size in enumerate(sizes)])
            return raw
        send(32768).expect("text", b"32768")
        send(32769).expect_close(1009)
        send(*[32768] * 4).expect("text", b"131072")
        send(*[32768] * 4, 1).expect_close(1009)

    def test_AGW_27_a_ping_gets_its_pong_and_no_handler(self):
        functions = self.functions()
        gateway = self.gateway(self.route(functions, "$default", "f"), FENCE)
        peer = self.connect(gateway)

        async def ping():
            await (await peer.socket.ping(b"payload"))
        self.loop.run(ping())
        peer.fence()
        raw = WebSocket(gateway.address, "/" + STAGE)
        raw.send(frame(PING, b"to the byte"))
        raw.expect("pong", b"to the byte")
        raw.close_cleanly()
        raw.socket.close()
        self.assertEqual(functions.calls, [])

    def test_AGW_30_a_long_post_comes_as_one_message_in_frames(self):
        functions = self.functions()
        gateway = self.gateway(self.route(functions, "$connect", "connect"), MANAGEMENT, profile="aws")
        raw = WebSocket(gateway.address, "/" + STAGE)
        self.addCleanup(raw.socket.close)
        text = ("0123456789" * 10000).encode()
        self.assertEqual(manage(gateway, "POST", functions.wait("connect")[0].context["connectionId"], text)[0], 200)
        frames = []
        while not frames or not frames[-1][0]:
            frames.append(raw.read_frame(time.monotonic() + raw.timeout))
        self.assertEqual([opcode for _, opcode, _ in frames], [TEXT] + [CONTINUATION] * (len(frames) - 1))
        self.assertLessEqual(max(len(payload) for _, _, payload in frames), 32768)
        self.assertEqual(b"".join(payload for _, _, payload in frames), text)
        self.assertGreaterEqual(len(frames), 4)

    def test_AGW_31_long_urls_and_hasty_clients_are_refused(self):
        gateway = self.gateway(FENCE)
        start = "/%s?q=" % STAGE

        def status(size):
            with Raw(gateway.address) as raw:
                raw.write(upgrade_request(start + "x" * (size - len(start))))
                return raw.response()[0]
        self.assertEqual(status(4096), 101)
        self.assertEqual(status(4097), 414)
        functions = self.functions()
        gateway = self.gateway(self.route(functions, "$connect", "connect", throttle="1/2"))
        statuses = []
        while 429 not in statuses:
            self.assertLess(len(statuses), 1000)
            with Raw(gateway.address) as raw:
                raw.write(upgrade_request("/" + STAGE))
                statuses.append(raw.response()[0])
        self.assertEqual(statuses[:2], [101, 101])
        self.assertEqual(len(functions.calls), statuses.count(101))


class Events(Case):
    COMMON = {"routeKey", "eventType", "extendedRequestId", "requestId", "requestTime", "requestTimeEpoch", "connectedAt",
              "messageDirection", "stage", "domainName", "apiId", "connectionId", "identity"}
    OWN = {"callbackUrl"}  # in every requestContext, and in none of the cloud's: pain point 17

    def life(self, *sections, path="", leave=None, **options):
        """The three events of a connection that sent one message."""
        functions = self.functions()
        gateway = self.gateway(*[self.route(functions, key, name) for key, name in
                                 (("$connect", "connect"), ("$default", "message"), ("$disconnect", "disconnect"))],
                               *sections(functions) if callable(sections) else [s(functions) if callable(s) else s for s in sections],
                               **options)
        peer = self.connect(gateway, path, extra_headers=[("X-Twice", "1"), ("X-Twice", "2")], user_agent_header="tests")
        peer.send('{"a": "ü"} ')
        functions.wait("message")
        (leave or (lambda gateway, peer, functions: peer.close()))(gateway, peer, functions)
        functions.wait("disconnect")
        return [functions.of(name)[0].event for name in ("connect", "message", "disconnect")]

    def test_AGW_32_connect_has_exactly_its_keys(self):
        connect = self.life()[0]
        self.assertEqual(set(connect), {"headers", "multiValueHeaders", "requestContext", "isBase64Encoded"})
        self.assertEqual(set(connect["requestContext"]) - self.OWN, self.COMMON)
        self.assertIs(connect["isBase64Encoded"], False)
        self.assertEqual(connect["headers"]["X-Twice"], "2")
        self.assertEqual(connect["multiValueHeaders"]["X-Twice"], ["1", "2"])
        self.assertEqual(connect["requestContext"]["identity"], {"sourceIp": "127.0.0.1", "userAgent": "tests"})
        self.assertEqual({"connection", "upgrade"} & {name.lower() for name in connect["headers"]}, set())
        connect = self.life(section("stage-variables", color="blue"), path="?token=a%20b&token=c&e=")[0]
        self.assertEqual(set(connect), {"headers", "multiValueHeaders", "requestContext", "isBase64Encoded", "stageVariables",
                                        "queryStringParameters", "multiValueQueryStringParameters"})
        self.assertEqual(connect["queryStringParameters"], {"token": "c", "e": ""})
        self.assertEqual(connect["multiValueQueryStringParameters"], {"token": ["a b", "c"], "e": [""]})
        self.assertEqual(connect["stageVariables"], {"color": "blue"})

    def test_AGW_33_a_message_has_exactly_its_keys(self):
        message = self.life(path="?q=1")[1]
        self.assertEqual(set(message), {"requestContext", "body", "isBase64Encoded"})
        self.assertEqual(set(message["requestContext"]) - self.OWN, self.COMMON | {"messageId"})
        self.assertEqual((message["body"], message["isBase64Encoded"]), ('{"a": "ü"} ', False))
        self.assertEqual(message["requestContext"]["routeKey"], "$default")

    def test_AGW_34_a_disconnect_has_exactly_four_headers(self):
        gone = self.life()[2]
        self.assertEqual(set(gone), {"headers", "multiValueHeaders", "requestContext", "isBase64Encoded"})
        self.assertEqual(set(gone["headers"]), {"Host", "x-api-key", "X-Forwarded-For", "x-restapi"})
        self.assertEqual(gone["multiValueHeaders"], {name: [value] for name, value in gone["headers"].items()})
        self.assertEqual((gone["headers"]["x-api-key"], gone["headers"]["x-restapi"]), ("", ""))
        self.assertEqual(set(gone["requestContext"]) - self.OWN, self.COMMON | {"disconnectStatusCode", "disconnectReason"})

    def test_AGW_35_the_time_of_connecting_is_one_in_all_events(self):
        contexts = [event["requestContext"] for event in self.life()]
        self.assertEqual(len({context["connectedAt"] for context in contexts}), 1)
        times = [context["requestTimeEpoch"] for context in contexts]
        self.assertLessEqual(contexts[0]["connectedAt"], times[0])
        self.assertEqual(times, sorted(times))

    def test_AGW_36_the_two_forms_of_the_time_agree(self):
        for event in self.life():
            context = event["requestContext"]
            shown = datetime.datetime.strptime(context["requestTime"], "%d/%b/%Y:%H:%M:%S %z")
            self.assertEqual(shown.utcoffset(), datetime.timedelta(0))
            self.assertEqual(int(shown.timestamp()), context["requestTimeEpoch"] // 1000)

    def test_AGW_37_ids_have_their_form_and_their_places(self):
        contexts = [event["requestContext"] for event in self.life()]
        for context in contexts:
            self.assertEqual(context["requestId"], context["extendedRequestId"])
            self.assertEqual("messageId" in context, context["eventType"] == "MESSAGE")
            for name in {"requestId", "connectionId", "messageId"} & set(context):
                self.assertRegex(context[name], ID)
        self.assertEqual(len({context["requestId"] for context in contexts}), 3)
        self.assertEqual(len({context["connectionId"] for context in contexts}), 1)

    def end(self, leave, *sections):
        context = self.life(*sections, leave=leave)[2]["requestContext"]
        return context["disconnectStatusCode"], context["disconnectReason"]

    def test_AGW_38_the_end_has_its_code_and_its_reason(self):
        def delete(gateway, peer, functions):
            self.assertEqual(manage(gateway, "DELETE", functions.of("connect")[0].context["connectionId"])[0], 204)
            self.assertEqual(peer.closed()[0], 1000)

        def reset(gateway, peer, functions):
            inner = peer.socket.transport.get_extra_info("socket")
            inner.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.loop.loop.call_soon_threadsafe(peer.socket.transport.abort)

        def without_a_code(gateway, peer, functions):
            async def write():
                peer.socket.transport.write(b"\x88\x80abcd")  # a masked Close with nothing in it
                await peer.socket.wait_closed()
            peer.loop.run(write())
        self.assertEqual(self.end(without_a_code), (1005, "Client-side close frame status not set"))
        self.assertEqual(self.end(lambda gateway, peer, functions: peer.close(4711, "own")), (4711, "own"))
        self.assertEqual(self.end(lambda gateway, peer, functions: peer.close(1001, "")), (1001, ""))
        self.assertEqual(self.end(delete, MANAGEMENT), (1000, "Connection Closed Normally"))
        self.assertEqual(self.end(reset)[0], 1006)

    def test_AGW_39_what_the_authorizer_said_is_in_every_event(self):
        def authorizer(functions):
            functions.handlers["check"] = lambda event: {
                "principalId": "ann", "context": {"tenant": "t1", "level": 3, "admin": True},
                "policyDocument": {"Version": "2012-10-17", "Statement": [
                    {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": event["methodArn"]}]}}
            return section("authorizer", type="lambda", endpoint=functions.endpoint, function="check")
        events = self.life(authorizer)
        for event in events:
            given = event["requestContext"]["authorizer"]
            self.assertIsInstance(given.pop("integrationLatency"), int)
            self.assertEqual(given, {"principalId": "ann", "tenant": "t1", "level": "3", "admin": "true"})

    def test_AGW_40_direction_and_place_are_in_every_event(self):
        for event in self.life(api_id="abcdef123", domain="chat.example"):
            context = event["requestContext"]
            self.assertEqual([context[name] for name in ("messageDirection", "stage", "apiId", "domainName")],
                             ["IN", STAGE, "abcdef123", "chat.example"])
        for event in self.life():
            self.assertRegex(event["requestContext"]["domainName"], r"^127\.0\.0\.1(:\d+)?$")

    def test_AGW_41_each_connection_disconnects_once_whatever_comes_of_it(self):
        results = iter([fail("no"), {"statusCode": 500}, Answer("not JSON"), ECHO])
        functions = self.functions(disconnect=lambda event: next(results, ECHO))
        gateway = self.gateway(self.route(functions, "$connect", "connect"),
                               self.route(functions, "$disconnect", "disconnect", retries=0), FENCE)
        peers = [self.connect(gateway) for _ in range(8)]
        for peer in peers[:6]:
            peer.close()
        functions.wait("disconnect", 6)
        self.assertEqual(gateway.stop(), 0)  # the last two are closed by the server, and it waits for what that calls
        ids = [[call.context["connectionId"] for call in functions.of(name)] for name in ("connect", "disconnect")]
        self.assertEqual(sorted(ids[0]), sorted(ids[1]))
        self.assertEqual(len(set(ids[0])), 8)


class Authorization(Case):
    def presigned(self, gateway, secret=SECRET, key=ACCESS_KEY, query=""):
        """A URL as browsers get it, by botocore."""
        request = botocore.awsrequest.AWSRequest("GET", "http://127.0.0.1:%d/%s%s" % (gateway.port, STAGE, query))
        credentials = botocore.credentials.Credentials(key, secret)
        botocore.auth.SigV4QueryAuth(credentials, "execute-api", "us-east-1", expires=300).add_auth(request)
        return request.url.partition(STAGE)[2]

    def test_AGW_52_a_presigned_url_is_let_in_and_an_altered_one_is_not(self):
        gateway = self.gateway(CREDENTIAL, section("authorizer", type="signatures"), FENCE)
        good = self.presigned(gateway, query="?room=den")
        self.assertIn("X-Amz-SignedHeaders=host&", good)
        self.connect(gateway, good).fence()
        for bad in ("", good.replace("room=den", "room=hall"), good + "&more=1", good.replace("X-Amz-Expires=300", "X-Amz-Expires=400"),
                    self.presigned(gateway, secret="wrong"), self.presigned(gateway, key="AKIDOTHEROTHEROTHER")):
            self.assertEqual(self.refused(gateway, bad), 403, bad)

    def test_AGW_53_an_api_key_is_needed_and_may_come_from_the_authorizer(self):
        key, other = "k" * 20, "o" * 20
        gateway = self.gateway(section("api-keys", source="header"), section("api-key ann", value=key), FENCE)
        self.assertEqual(self.refused(gateway), 403)
        self.assertEqual(self.refused(gateway, extra_headers={"x-api-key": other}), 403)
        self.connect(gateway, extra_headers={"x-api-key": key}).fence()
        functions = self.functions(check=lambda event: {"isAuthorized": True, "usageIdentifierKey": event["queryStringParameters"]["key"]})
        gateway = self.gateway(section("api-keys", source="authorizer"), section("api-key ann", value=key), FENCE,
                               section("authorizer", type="lambda", endpoint=functions.endpoint, function="check"))
        self.connect(gateway, "?key=" + key).fence()
        self.assertEqual(self.refused(gateway, "?key=" + other), 403)

    def test_AGW_53_a_key_that_comes_too_often_is_told_so(self):
        key = "k" * 20
        gateway = self.gateway(section("api-keys", source="header"), section("api-key ann", value=key, throttle="1/1"), FENCE)
        self.connect(gateway, extra_headers={"x-api-key": key})
        statuses = []
        while 429 not in statuses:
            self.assertLess(len(statuses), 1000)
            with Raw(gateway.address) as raw:
                raw.write(upgrade_request("/" + STAGE, extra=["x-api-key: " + key]))
                statuses.append(raw.response()[0])
        self.assertLessEqual(set(statuses), {101, 429})

    def test_AGW_54_a_route_that_is_asked_too_often_says_so(self):
        functions = self.functions()
        peer = self.connect(self.gateway(self.route(functions, "f", "f", throttle="1/2"), FENCE))
        for _ in range(20):
            peer.say("f")
        peer.say("fence")
        told = []
        while (text := peer.receive()) != "fence":
            told.append(text)
        for text in told:
            self.assert_message(text, "Too Many Requests")
        self.assertGreaterEqual(len(told), 1)
        self.assertEqual(len(functions.calls) + len(told), 20)
        peer.fence()


class Management(Case):
    def opened(self, *sections, **options):
        functions = self.functions()
        gateway = self.gateway(self.route(functions, "$connect", "connect"), *sections, **options)
        peer = self.connect(gateway)
        return gateway, peer, functions.wait("connect")[0].context["connectionId"]

    def test_AGW_55_a_post_arrives_to_the_byte(self):
        gateway, peer, id = self.opened(MANAGEMENT)
        for text in ("héllo \U0001f600\n", "", "{}"):
            status, headers, body = manage(gateway, "POST", id, text.encode())
            self.assertEqual((status, body), (200, b""))
            self.assertEqual(peer.receive(), text)
        self.assertEqual(manage(gateway, "POST", id, b"\xff")[0], 400)

    def test_AGW_59_an_id_of_another_form_is_invalid(self):
        gateway = self.gateway(MANAGEMENT)
        for id in ("abc", "AAAAAAAAAAAAAAB=", "A" * 16, "A" * 200):
            for method in ("POST", "GET", "DELETE"):
                status, headers, body = manage(gateway, method, id, b"x" if method == "POST" else None)
                self.assertEqual((status, headers["x-amzn-ErrorType"]), (400, "BadRequestException"), id)
                self.assertTrue(json.loads(body)["message"].startswith("Invalid connectionId: " + id[:16]), body)

    def test_AGW_58_an_unknown_id_is_gone_with_nothing_in_the_body(self):
        gateway = self.gateway(MANAGEMENT)
        for method in ("POST", "GET", "DELETE"):
            status, headers, body = manage(gateway, method, UNKNOWN_ID, b"x" if method == "POST" else None)
            self.assertEqual((status, headers["x-amzn-ErrorType"], body), (410, "GoneException", b""))

    def test_AGW_62_every_way_to_write_the_path_reaches_the_connection(self):
        gateway, peer, id = self.opened(MANAGEMENT)
        for at in ("@", "%40"):
            for equals in ("=", "%3D", "%3d"):
                text = at + equals
                path = "/%s/%sconnections/%s" % (STAGE, at, id.replace("=", equals))
                self.assertEqual(call(gateway, "POST", path, text.encode())[0], 200, path)
                self.assertEqual(peer.receive(), text)

    def test_AGW_63_an_unsigned_call_is_refused_unless_loopback_may(self):
        gateway, peer, id = self.opened(section("management"), CREDENTIAL)
        for method in ("POST", "GET", "DELETE"):
            status, headers, _ = manage(gateway, method, id, b"x" if method == "POST" else None)
            self.assertEqual((status, headers["x-amzn-ErrorType"]), (403, "MissingAuthenticationTokenException"))

    def test_AGW_65_a_domain_has_its_own_callback_url(self):
        functions = self.functions()
        gateway = self.gateway(self.route(functions, "$connect", "connect"), MANAGEMENT, FENCE, section("domain chat.example", key="v1"))
        with Raw(gateway.address) as raw:
            raw.write(upgrade_request("/v1", host="chat.example"))
            self.assertEqual(raw.response()[0], 101)
            context = functions.wait("connect")[0].context
            self.assertEqual((context["domainName"], context["stage"]), ("chat.example", STAGE))
            self.assertRegex(context["callbackUrl"], r"^https?://chat\.example/v1$")
            path = "/v1/@connections/" + context["connectionId"]
            self.assertEqual(call(gateway, "POST", path, b"x", host="chat.example")[0], 200)
            self.assertEqual(call(gateway, "POST", path, b"x")[0], 403)  # of another host it is the wrong stage

    def test_the_callback_url_of_an_event_is_what_an_sdk_takes(self):
        def post(event):
            client = stock_client(event["requestContext"]["callbackUrl"])
            client.post_to_connection(ConnectionId=event["requestContext"]["connectionId"], Data=b"from the handler")
            return {"statusCode": 200, "body": "from the route"}
        functions = self.functions(post=post)
        with socket.create_server(("127.0.0.1", 0)) as reserved:
            port = reserved.getsockname()[1]
        gateway = self.gateway(section("management"), CREDENTIAL, section("domain localhost:%d" % port, key="v1"),
                               self.route(functions, "post", "post", two_way="yes"), listen="127.0.0.1:%d" % port)
        for url in (gateway.url, "ws://localhost:%d/v1" % gateway.port):
            peer = Peer(self.loop, url)
            self.addCleanup(peer.close)
            peer.say("post")
            self.assertEqual({peer.receive(), peer.receive()}, {"from the handler", "from the route"})
        urls = [call.context["callbackUrl"] for call in functions.calls]
        self.assertEqual(urls, ["http://127.0.0.1:%d/%s" % (gateway.port, STAGE), "http://localhost:%d/v1" % gateway.port])

    def metric(self, gateway, name, route=None):
        status, headers, body = call(gateway, "GET", "/metrics")
        self.assertEqual(status, 200)
        values = [re.search(r" (\d+)$", line).group(1) for line in body.decode().splitlines()
                  if line.startswith(name + "{") and ((',route="%s"' % route) in line if route else ",route=" not in line)]
        self.assertEqual(len(values), 1, body)
        return int(values[0])

    def test_AGW_66_the_counters_move(self):
        names = ("connect_count", "message_count", "integration_error", "client_error", "execution_error")

        def counted():
            return [self.metric(gateway, "chatroom_%s_total" % name) for name in names]
        functions = self.functions(bad={"statusCode": 500}, broken=fail("no"))
        gateway = self.gateway(self.route(functions, "$connect", "connect"), self.route(functions, "bad", "bad"),
                               self.route(functions, "broken", "broken"), FENCE, MANAGEMENT, metrics="/metrics")
        self.assertEqual(counted(), [0, 0, 0, 0, 0])
        peer = self.connect(gateway)
        self.assertEqual(counted(), [1, 0, 0, 0, 0])
        peer.fence()
        self.assertEqual(counted(), [1, 2, 0, 0, 0])
        peer.say("bad")
        peer.fence()
        self.assertEqual(counted(), [1, 5, 1, 0, 0])
        peer.ask("none")
        self.assertEqual(counted(), [1, 7, 1, 1, 0])
        peer.ask("broken")
        self.assertEqual(counted()[:4], [1, 9, 1, 1])
        self.assertEqual(counted()[4], 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
