"""Handlers that were written for Lambda: what they are called with, what becomes of what they return, and whole programs."""
import json
import os
import sys
import time
import unittest

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import websockets

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gateway import ACCESS_KEY, FENCE, SECRET, STAGE, Answer, Case, Peer, fail, section
from tls import Terminator

CREDENTIAL = section("credential " + ACCESS_KEY, secret=SECRET)
OUTGOING = section("credential " + ACCESS_KEY, secret=SECRET, outgoing="yes")
TIMED_OUT = Answer("Task timed out after 3.00 seconds")
THROTTLED = Answer({"Reason": "ConcurrentInvocationLimitExceeded", "Type": "User", "message": "Rate Exceeded."}, status=429,
                   headers={"x-amzn-ErrorType": "TooManyRequestsException"})


def statement(effect="Allow", resource="*", action="execute-api:Invoke"):
    return {"Effect": effect, "Action": action, "Resource": resource}


def permit(*statements, **more):
    return {"principalId": "ann", "policyDocument": {"Version": "2012-10-17", "Statement": list(statements)}, **more}


class Invoke(Case):
    def test_AGW_42_a_function_is_called_as_the_invoke_api_has_it(self):
        functions = self.functions()
        arn = "arn:aws:lambda:eu-west-1:123456789012:function:by-arn"
        gateway = self.gateway(
            self.route(functions, "named", "plain"), self.route(functions, "live", "plain", qualifier="live"),
            self.route(functions, "arn", arn),
            self.route(functions, "uri", "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/%s/invocations" % arn), FENCE)
        peer = self.connect(gateway)
        for key in ("named", "live", "arn", "uri"):
            peer.say(key)
        peer.fence()
        paths = [call.path.replace("%3A", ":").replace("%3a", ":") for call in functions.calls]
        self.assertEqual(paths, ["/2015-03-31/functions/%s/invocations%s" % pair for pair in
                                 (("plain", ""), ("plain", "?Qualifier=live"), (arn, ""), (arn, ""))])
        for call in functions.calls:
            self.assertEqual(call.method, "POST")
            self.assertIn(call.headers["X-Amz-Invocation-Type"], ("RequestResponse", None))
            self.assertIn(call.headers["X-Amz-Log-Type"], ("None", None))
            self.assertEqual(call.headers["Content-Length"], str(len(call.body)))
            self.assertEqual(call.headers["Host"], functions.endpoint.partition("//")[2])
            self.assertIsNone(call.headers["Authorization"])

    def test_AGW_42_a_signed_call_verifies_with_botocore(self):
        functions = self.functions()
        gateway = self.gateway(OUTGOING, self.route(functions, "f", "my-function", credential=ACCESS_KEY, region="eu-west-1", qualifier="live"), FENCE)
        peer = self.connect(gateway)
        peer.say("f", text="ünïcode")
        peer.fence()
        call = functions.calls[0]
        scheme, _, rest = call.headers["Authorization"].partition(" ")
        parts = dict(part.strip().split("=", 1) for part in rest.split(","))
        date = call.headers["X-Amz-Date"]
        self.assertEqual((scheme, parts["Credential"]), ("AWS4-HMAC-SHA256", "%s/%s/eu-west-1/lambda/aws4_request" % (ACCESS_KEY, date[:8])))
        headers = {name: call.headers[name] for name in parts["SignedHeaders"].split(";")}
        self.assertIn("host", headers)
        request = botocore.awsrequest.AWSRequest("POST", functions.endpoint + call.path, headers=headers, data=call.body)
        request.context["timestamp"] = date
        auth = botocore.auth.SigV4Auth(botocore.credentials.Credentials(ACCESS_KEY, SECRET), "lambda", "eu-west-1")
        self.assertEqual(parts["Signature"], auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request))

    def on_connect_and_on_message(self, answer):
        """(the status of the handshake, the error text of a message) for a function that answers so."""
        functions = self.functions(f=answer)
        refusing = self.gateway(self.route(functions, "$connect", "f"))
        status = self.refused(refusing)
        peer = self.connect(self.gateway(self.route(functions, "f", "f", two_way="yes"), FENCE))
        text = peer.ask("f")
        peer.fence()
        return status, json.loads(text)["message"]

    def test_AGW_43_a_function_error_with_status_200_is_a_failure(self):
        for kind in ("Unhandled", "Handled"):
            answer = Answer({"statusCode": 200, "body": "x"}, headers={"X-Amz-Function-Error": kind})
            self.assertEqual(self.on_connect_and_on_message(answer), (502, "Internal server error"))

    def test_AGW_44_what_the_emulator_says_of_failures_is_understood(self):
        thrown = Answer({"errorMessage": "no", "errorType": "Error", "stackTrace": []})
        for answer in (thrown, TIMED_OUT):
            self.assertEqual(self.on_connect_and_on_message(answer), (502, "Internal server error"))

    def test_AGW_46_a_throttled_function_is_a_failure(self):
        self.assertEqual(self.on_connect_and_on_message(THROTTLED), (502, "Internal server error"))

    def test_AGW_45_calls_to_one_emulator_come_one_after_the_other(self):
        under_way, most = [], []

        def handler(event):
            under_way.append(1)
            most.append(len(under_way))
            time.sleep(0.01)  # long enough for another call to come, if one may
            under_way.pop()
            return {"statusCode": 200, "body": event["body"]}
        functions = self.functions(function=handler)
        gateway = self.gateway(self.route(functions, "a", "function", serial="yes", two_way="yes"),
                               self.route(functions, "b", "function", serial="yes", two_way="yes"))
        peers = [self.connect(gateway) for _ in range(8)]
        for n in range(4):
            for peer in peers:
                peer.say("ab"[n % 2])
        for peer in peers:
            for n in range(4):
                self.assertEqual(json.loads(peer.receive())["action"], "ab"[n % 2])
        self.assertEqual((len(most), max(most)), (32, 1))

    def test_a_result_that_is_too_long_is_malformed_and_one_that_fits_arrives(self):
        functions = self.functions(long={"statusCode": 200, "body": "x" * 5000}, fits={"statusCode": 200, "body": "x" * 3000})
        peer = self.connect(self.gateway(self.route(functions, "long", "long", two_way="yes"), self.route(functions, "fits", "fits", two_way="yes"),
                                         section("remote", response_bytes=4096), FENCE))
        self.assert_message(peer.ask("long"), "Internal server error")
        self.assertEqual(peer.ask("fits"), "x" * 3000)
        peer.fence()

    def test_functions_that_come_back_are_found_again(self):
        first = self.functions(f={"statusCode": 200, "body": "first"})
        peer = self.connect(self.gateway(self.route(first, "f", "f", two_way="yes"), FENCE))
        self.assertEqual(peer.ask("f"), "first")
        first.close()
        self.assert_message(peer.ask("f"), "Internal server error")
        second = self.functions(port=first.port, f={"statusCode": 200, "body": "second"})
        self.assertEqual(peer.ask("f"), "second")
        self.assertEqual(len(second.calls), 1)

    def test_an_endpoint_that_is_not_there_is_an_internal_error(self):
        functions = self.functions()
        gone = functions.endpoint
        functions.close()
        peer = self.connect(self.gateway(section("route f", type="lambda", endpoint=gone, function="f"), FENCE))
        self.assert_message(peer.ask("f"), "Internal server error")
        peer.fence()

    def test_the_exact_cause_is_in_the_log_and_told_where_the_operator_wants_that(self):
        functions = self.functions(f={"statusCode": 200, "surprise": 1})
        gateway = self.gateway(self.route(functions, "f", "f"), debug_refusals="yes")
        told = json.loads(self.connect(gateway).ask("f"))
        self.assertEqual(told["message"], "Internal server error")
        self.assertIn("a key that is not one of", told["detail"])
        logged = gateway.events("integration_failed")
        self.assertEqual(len(logged), 1)
        self.assertIn(told["requestId"], logged[0].values())
        self.assertIn("a key that is not one of", logged[0]["detail"])


class Authorizers(Case):
    def guarded(self, check, *sections, sources=("route.request.querystring.token",), **options):
        functions = self.functions(check=check)
        gateway = self.gateway(section("authorizer", type="lambda", endpoint=functions.endpoint, function="check",
                                       identity_source=list(sources)),
                               self.route(functions, "$connect", "connect"), self.route(functions, "$disconnect", "disconnect"),
                               self.route(functions, "f", "f"), FENCE, *sections, **options)
        return functions, gateway

    def test_AGW_47_without_its_identity_nobody_is_asked(self):
        functions, gateway = self.guarded(permit(statement()), sources=("route.request.querystring.token", "route.request.header.X-Tenant"))
        for path, headers in (("", {}), ("?token=", {"x-tenant": "a"}), ("?token=t", {}), ("", {"X-Tenant": "a"}), ("?Token=t", {"X-Tenant": "a"})):
            self.assertEqual(self.refused(gateway, path, extra_headers=headers), 401, path)
        self.assertEqual(functions.calls, [])
        self.connect(gateway, "?token=t", extra_headers={"x-tenant": "a"}).fence()
        self.assertEqual([call.name for call in functions.calls], ["check", "connect"])

    def status_of(self, answer):
        functions, gateway = self.guarded(answer)
        status = self.refused(gateway, "?token=t")
        self.assertEqual(functions.of("connect"), [])
        self.assertEqual(functions.of("disconnect"), [])
        return status

    def test_AGW_48_failures_of_an_authorizer_have_their_status(self):
        self.assertEqual(self.status_of(fail("Unauthorized")), 401)
        for answer in (fail("unauthorized"), fail("no"), {"statusCode": 401}, Answer("not JSON"), Answer([]),
                       {"policyDocument": permit(statement())["policyDocument"]}, {"principalId": "ann"},
                       permit(statement(), context={"list": []}), permit(statement(), context={"object": {}}), THROTTLED):
            self.assertEqual(self.status_of(answer), 500)

    def test_AGW_49_deny_beats_allow_and_nothing_is_no(self):
        for statements in ([statement("Deny")], [], [statement(resource="arn:aws:execute-api:*:*:*/other/*")],
                           [statement(), statement("Deny")], [statement("Deny"), statement()],
                           [statement(action="execute-api:ManageConnections")]):
            self.assertEqual(self.status_of(permit(*statements)), 403)
        self.assertEqual(self.status_of({"isAuthorized": False}), 403)

    def test_AGW_50_a_star_matches_the_connect_route_and_two_do_not(self):
        def check(event):
            resource = event["methodArn"].rpartition("/")[0] + event["queryStringParameters"]["token"]
            return permit(statement(resource=resource))
        functions, gateway = self.guarded(check)
        self.connect(gateway, "?token=/*").fence()
        self.assertEqual(self.refused(gateway, "?token=/*/*"), 403)
        self.assertTrue(functions.calls[0].event["methodArn"].endswith("/%s/$connect" % STAGE))

    def test_AGW_51_an_authorizer_is_asked_once_a_connection(self):
        functions, gateway = self.guarded(permit(statement()))
        peer = self.connect(gateway, "?token=t")
        for _ in range(3):
            peer.say("f")
        peer.fence()
        peer.close()
        functions.wait("disconnect")
        self.assertEqual([call.name for call in functions.calls], ["check", "connect", "f", "f", "f", "disconnect"])

    def test_an_authorizer_is_given_what_the_guide_says(self):
        functions, gateway = self.guarded(permit(statement()), section("stage-variables", color="blue"),
                                          api_id="abcdef123", region="eu-west-1", account_id="123456789012")
        self.connect(gateway, "?token=t").fence()
        event = functions.calls[0].event
        self.assertEqual(set(event), {"type", "methodArn", "headers", "multiValueHeaders", "queryStringParameters",
                                      "multiValueQueryStringParameters", "stageVariables", "requestContext"})
        self.assertEqual((event["type"], event["methodArn"]),
                         ("REQUEST", "arn:aws:execute-api:eu-west-1:123456789012:abcdef123/%s/$connect" % STAGE))
        self.assertEqual((event["queryStringParameters"], event["stageVariables"]), ({"token": "t"}, {"color": "blue"}))
        self.assertEqual(event["requestContext"]["eventType"], "CONNECT")


class Programs(Case):
    """Whole handlers in JavaScript, as people have them, with nothing changed for us."""

    def front(self):
        terminator = Terminator()
        self.addCleanup(terminator.close)
        return terminator

    def join(self, front, path=""):
        peer = Peer(self.loop, "wss://localhost:%d/%s%s" % (front.port, STAGE, path), ssl=front.client_context())
        self.addCleanup(peer.close)
        return peer

    def behind(self, front, *sections):
        gateway = self.gateway(section("management"), CREDENTIAL, *sections, secure="yes")
        front.to(gateway.address)
        return gateway

    def test_a_chat_of_handlers_in_the_plain_style(self):
        front = self.front()
        functions = self.lambdas("handlers.js", NODE_EXTRA_CA_CERTS=front.certificate)
        self.behind(front, self.route(functions, "$connect", "connect"), self.route(functions, "$disconnect", "disconnect"),
                              self.route(functions, "$default", "everybody"), self.route(functions, "count", "count", two_way="yes"),
                              self.route(functions, "broken", "broken"), self.route(functions, "mirror", "mirror", two_way="yes"), FENCE)
        with self.assertRaises(websockets.InvalidStatusCode) as caught:
            self.join(front, "?name=nobody")
        self.assertEqual(caught.exception.status_code, 403)
        ann, ben = self.join(front), self.join(front)
        ann.send("hello, all")
        self.assertEqual((ann.receive(), ben.receive()), ("hello, all", "hello, all"))
        self.assertEqual(json.loads(ann.ask("count")), {"present": 2, "by": "count"})
        self.assert_message(ann.ask("broken"), "Internal server error")
        self.assertEqual({ben.ask("mirror"), ben.receive()}, {'{"action": "mirror"}', "mirrored"})
        ben.close(4000, "good bye")
        self.assertEqual(ann.receive(), "left 4000")
        self.assertEqual(json.loads(ann.ask("count"))["present"], 1)
        ann.fence()

    def test_the_functions_of_the_workshop_run_as_they_are(self):
        front = self.front()
        functions = self.lambdas("lab.js", NODE_EXTRA_CA_CERTS=front.certificate)
        self.behind(front, self.route(functions, "$connect", "Connect"), self.route(functions, "$disconnect", "Disconnect"),
                              self.route(functions, "dispatch", "SendMessage", two_way="yes"), FENCE)
        ann, ben = self.join(front), self.join(front)
        said = {"message": "hello", "user": "no-rooms", "type": "client-message"}
        ann.say("dispatch", value="hello", room=None, name="no-rooms")
        answers = sorted((json.loads(ann.receive()) for _ in range(2)), key=lambda one: "type" in one)
        self.assertEqual(answers, [{"dispatchStatus": "SUCCESS", "present": 2}, said])
        self.assertEqual(json.loads(ben.receive()), said)
        ben.close()
        for present in iter(lambda: self.present(ann), 1):
            self.assertEqual(present, 2)  # $disconnect is on its way

    def present(self, peer):
        peer.say("dispatch", value="x", room=None, name="no-rooms")
        answers = [json.loads(peer.receive()) for _ in range(2)]
        return next(one["present"] for one in answers if "present" in one)

    def test_handlers_behind_the_emulator(self):
        functions = self.lambdas("handlers.js", "--emulator")
        gateway = self.gateway(*[self.route(functions, key, "function", serial="yes", two_way="yes") for key in ("$default", "other")],
                               self.route(functions, "$connect", "function", serial="yes"))
        peers = [self.connect(gateway) for _ in range(5)]
        for n in range(6):
            for peer in peers:
                peer.send("message %d" % n)
        for peer in peers:
            self.assertEqual([peer.receive() for _ in range(6)], ["emulated message %d" % n for n in range(6)])

    def test_an_error_behind_the_emulator_is_a_failure(self):
        functions = self.lambdas("broken.js", "--emulator")
        refusing = self.gateway(self.route(functions, "$connect", "function", serial="yes"))
        self.assertEqual(self.refused(refusing), 502)
        peer = self.connect(self.gateway(self.route(functions, "$default", "function", serial="yes", two_way="yes")))
        self.assert_message(peer.ask("f"), "Internal server error")


if __name__ == "__main__":
    unittest.main(verbosity=2)
