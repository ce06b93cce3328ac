"""The management API by the clients that people have: boto3, awscli, and the SDKs for JavaScript, none of them modified."""
import contextlib
import datetime
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import types
import unittest
import unittest.mock
import urllib.error
import urllib.request

import boto3
import botocore.auth
import botocore.config
import botocore.exceptions

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gateway import (ACCESS_KEY, FENCE, NODE, SECONDS, SECRET, STAGE, UNKNOWN_ID, Case, section, node_environment)
from harness import Server
from rawws import WebSocket

try:
    import botocore.crt.auth
    SIGNERS = (botocore.auth, botocore.crt.auth)
except ImportError:  # without awscrt it signs by itself
    SIGNERS = (botocore.auth,)

MODELLED = ("GoneException", "PayloadTooLargeException", "LimitExceededException", "ForbiddenException")
POSTER, READER, GUEST = "AKIDPOSTERPOSTER", "AKIDREADERREADER", "AKIDGUESTGUESTGUEST"


# ---- clients: each call gives {"value": ...} or {"error": its class, "status": ...} ------------------------------------

class Boto:
    """A call raises the class that the client has for it, or ClientError."""

    def call(self, verb, id, data=None, endpoint=None, key=ACCESS_KEY, secret=SECRET, token=None, skew=0, alter=False):
        client = boto3.session.Session().client(
            "apigatewaymanagementapi", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id=key,
            aws_secret_access_key=secret, aws_session_token=token,
            config=botocore.config.Config(retries={"max_attempts": 0}, proxies={}, read_timeout=SECONDS, connect_timeout=SECONDS))
        if alter:
            client.meta.events.register("before-send", alter_body)
        methods = {"post": client.post_to_connection, "get": client.get_connection, "delete": client.delete_connection}
        try:
            with clock(skew):
                value = methods[verb](ConnectionId=id, **({"Data": data} if verb == "post" else {}))
            del value["ResponseMetadata"]
            return {"value": value}
        except botocore.exceptions.ClientError as error:
            names = [name for name in MODELLED if isinstance(error, getattr(client.exceptions, name))]
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            return {"error": names[0] if names else error.response["Error"]["Code"], "status": status, "text": str(error)}

    def close(self):
        pass


def alter_body(request, **unused):
    request.body = request.body[:-1] + bytes([request.body[-1] ^ 1])


@contextlib.contextmanager
def clock(skew):
    """What botocore takes for the time: in whichever of its two signers is in use."""
    class Moved(datetime.datetime):
        @classmethod
        def utcnow(cls):
            return datetime.datetime.utcnow() + datetime.timedelta(seconds=skew)
    module = types.SimpleNamespace(**{**vars(datetime), "datetime": Moved})
    with contextlib.ExitStack() as stack:
        for signer in SIGNERS:
            stack.enter_context(unittest.mock.patch.object(signer, "datetime", module))
        yield


class Awscli:
    """A process for each call, which prints the name of the error."""

    VERBS = {"post": "post-to-connection", "get": "get-connection", "delete": "delete-connection"}

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="awscli-")

    def call(self, verb, id, data=None, endpoint=None, key=ACCESS_KEY, secret=SECRET, token=None):
        command = ["/usr/bin/aws", "apigatewaymanagementapi", self.VERBS[verb], "--endpoint-url", endpoint,
                   "--connection-id=" + id]  # in one word: it may begin with -
        if verb == "post":
            with open(os.path.join(self.folder, "data"), "wb") as file:
                file.write(data.encode())
            command += ["--data", "fileb://" + file.name]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        answer = subprocess.run(command, capture_output=True, text=True, timeout=4 * SECONDS, env={
            **clean, "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_REGION": "us-east-1", "AWS_MAX_ATTEMPTS": "1",
            "HOME": self.folder, "NO_PROXY": "127.0.0.1", "AWS_PAGER": "", **({"AWS_SESSION_TOKEN": token} if token else {})})
        if answer.returncode == 0:
            return {"value": json.loads(answer.stdout or "{}")}
        error = answer.stderr.partition("(")[2].partition(")")[0]
        return {"error": error, "status": None, "text": answer.stderr}

    def close(self):
        shutil.rmtree(self.folder)


class Sdk(Server):
    """An SDK for JavaScript in a process that makes calls as long as it is asked to."""

    def __init__(self, script):
        os.environ.setdefault("NODE", "node")
        super().__init__("NODE", r"listening on 127\.0\.0\.1:(\d+)", [os.path.join(NODE, script)])
        self.environment = node_environment()
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True,
                                        env=self.environment)
        if not self.pattern.match(self.process.stdout.readline()):
            self.kill()
            raise AssertionError(self.errors())

    def call(self, verb, id, data=None, endpoint=None, key=ACCESS_KEY, secret=SECRET, **more):
        question = {"verb": verb, "id": id, "data": data, "endpoint": endpoint, "key": key, "secret": secret, **more}
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(self.errors())
        return json.loads(line)

    def close(self):
        """It ends when nobody asks any more."""
        self.process.stdin.close()
        self.finish_quietly()

    def finish_quietly(self):
        status = self.process.wait(SECONDS)
        self.process.stdout.close()
        self.log.close()
        if status != 0:
            raise AssertionError("the SDK ended with status %s" % status)


# ---- what each of them must see -----------------------------------------------------------------------------------------

class Stock:
    """For each client the same tests. It says which, and what it cannot do."""

    can_alter = True
    can_skew = True

    @classmethod
    def setUpClass(cls):
        cls.client = cls.make()

    @classmethod
    def tearDownClass(cls):
        cls.client.close()

    def setUp(self):
        super().setUp()
        self.known = self.functions()
        policies = {"poster.json": policy("POST"), "reader.json": policy("GET")}
        self.server = self.gateway(
            section("management", allow_unsigned_loopback="yes"), section("credential " + ACCESS_KEY, secret=SECRET),
            section("credential " + POSTER, secret=SECRET, policy="{folder}/poster.json"),
            section("credential " + READER, secret=SECRET, policy="{folder}/reader.json"),
            section("credential " + GUEST, secret=SECRET, token="session-token"),
            self.route(self.known, "$connect", "connect"), self.route(self.known, "$disconnect", "disconnect"), FENCE, files=policies)

    def open(self, **more):
        peer = self.connect(self.server, **more)
        return peer, self.known.wait("connect")[-1].context["connectionId"]

    def call(self, verb, id, data=None, **more):
        return self.client.call(verb, id, data, endpoint=more.pop("endpoint", self.server.callback), **more)

    def done(self, verb, id, data=None, **more):
        answer = self.call(verb, id, data, **more)
        self.assertIn("value", answer, answer)
        return answer["value"]

    def fails(self, error, status, verb, id, data=None, **more):
        """The error is of that class, or, unmodelled in the SDK, has that name."""
        answer = self.call(verb, id, data, **more)
        self.assertIn("error", answer, answer)
        self.assertEqual(answer["error"].replace("unmodelled ", "" if error not in MODELLED else "unmodelled "), error, answer)
        self.assertIn(answer["status"], (status, None), answer)

    def test_AGW_55_post(self):
        peer, id = self.open()
        for text in ("héllo \U0001f600", "x" * 131072):
            self.assertEqual(self.done("post", id, text), {})
            self.assertEqual(peer.receive(), text)

    def test_AGW_56_get(self):
        peer, id = self.open(user_agent_header="a browser")
        value = self.done("get", id)
        value = {name[0].upper() + name[1:]: one for name, one in value.items()}
        self.assertEqual(set(value), {"ConnectedAt", "Identity", "LastActiveAt"})
        self.assertEqual({name[0].upper() + name[1:]: one for name, one in value["Identity"].items()},
                         {"SourceIp": "127.0.0.1", "UserAgent": "a browser"})
        times = [moment(value[name]) for name in ("ConnectedAt", "LastActiveAt")]
        self.assertLessEqual(times[0], times[1])
        self.assertLess(abs(datetime.datetime.now(datetime.timezone.utc) - times[0]), datetime.timedelta(seconds=SECONDS * 5))

    def test_AGW_57_delete(self):
        peer, id = self.open()
        self.assertEqual(self.done("delete", id), {})
        self.assertEqual(peer.closed()[0], 1000)
        context = self.known.wait("disconnect")[0].context
        self.assertEqual((context["connectionId"], context["disconnectStatusCode"]), (id, 1000))
        for verb in ("delete", "get"):
            self.fails("GoneException", 410, verb, id)
        self.fails("GoneException", 410, "post", id, "x")

    def test_AGW_58_gone_has_its_class(self):
        for verb in ("post", "get", "delete"):
            self.fails("GoneException", 410, verb, UNKNOWN_ID, "x")

    def test_AGW_60_too_large_has_its_class(self):
        peer, id = self.open()
        self.fails("PayloadTooLargeException", 413, "post", id, "x" * 131073)
        peer.fence()

    def test_AGW_61_a_client_that_does_not_read_exceeds_its_limit(self):
        text = "x" * 131072
        for _ in range(10):  # while a client starts, the kernel may take some more, or the server lose its patience
            deaf = WebSocket(self.server.address, "/" + STAGE)
            self.addCleanup(deaf.socket.close)
            id = self.known.wait("connect", len(self.known.of("connect")))[-1].context["connectionId"]
            for _ in range(3):
                while plain_post(self.server, id, text) == 200:
                    pass
                answer = self.call("post", id, text)
                if answer.get("error") == "LimitExceededException":
                    self.assertIn(answer["status"], (429, None))
                    return
        self.fail(answer)

    def test_forbidden_has_its_class(self):
        peer, id = self.open()
        self.fails("ForbiddenException", 403, "post", id, "x", endpoint=self.server.callback + "-of-another")
        peer.fence()

    def test_AGW_63_a_wrong_key_is_refused(self):
        peer, id = self.open()
        self.fails("InvalidSignatureException", 403, "post", id, "x", secret="wrong")
        self.fails("UnrecognizedClientException", 403, "post", id, "x", key="AKIDNOBODYNOBODY")
        self.fails("UnrecognizedClientException", 403, "post", id, "x", key=GUEST, token="another-token")
        peer.fence()
        self.done("post", id, "x", key=GUEST, token="session-token")
        self.assertEqual(peer.receive(), "x")

    def test_AGW_63_a_skewed_clock_is_refused(self):
        if not self.can_skew:
            return
        peer, id = self.open()
        for skew in (-3600, 3600):
            self.fails("InvalidSignatureException", 403, "post", id, "x", skew=skew)
        peer.fence()
        self.done("post", id, "x", skew=60)
        self.assertEqual(peer.receive(), "x")

    def test_AGW_63_an_altered_body_is_refused(self):
        if not self.can_alter:
            return
        peer, id = self.open()
        self.fails("InvalidSignatureException", 403, "post", id, "pay 1", alter=True)
        peer.fence()

    def test_AGW_64_a_policy_for_one_verb_is_not_for_the_others(self):
        peer, id = self.open()
        self.done("post", id, "x", key=POSTER)
        self.assertEqual(peer.receive(), "x")
        for verb in ("get", "delete"):
            self.fails("AccessDeniedException", 403, verb, id, key=POSTER)
        self.done("get", id, key=READER)
        self.fails("AccessDeniedException", 403, "post", id, "x", key=READER)
        peer.fence()


def policy(method):
    return {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "execute-api:ManageConnections",
                                                   "Resource": "arn:aws:execute-api:*:*:*/%s/%s/@connections/*" % (STAGE, method)}}


def moment(value):
    if isinstance(value, datetime.datetime):
        return value
    return datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))


def plain_post(server, id, text):
    """The status, quickly: without a signature."""
    request = urllib.request.Request("%s/@connections/%s" % (server.callback, id), data=text.encode(), method="POST")
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=SECONDS) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


class Boto3(Stock, Case):
    make = Boto


class CommandLine(Stock, Case):
    make = Awscli
    can_alter = can_skew = False  # it has no way to do either


class JavaScript2(Stock, Case):
    @staticmethod
    def make():
        return Sdk("sdk2.js")


class JavaScript3(Stock, Case):
    @staticmethod
    def make():
        return Sdk("sdk3.js")


class Raw(Case):
    def test_AGW_56_the_times_are_written_to_the_millisecond_and_no_agent_is_no_key(self):
        functions = self.functions()
        gateway = self.gateway(self.route(functions, "$connect", "connect"), section("management", allow_unsigned_loopback="yes"))
        raw = WebSocket(gateway.address, "/" + STAGE)
        self.addCleanup(raw.socket.close)
        id = functions.wait("connect")[0].context["connectionId"]
        with urllib.request.urlopen("%s/@connections/%s" % (gateway.callback, id), timeout=SECONDS) as answer:
            self.assertEqual(answer.headers["Content-Type"], "application/json")
            given = json.loads(answer.read())
        self.assertEqual(set(given), {"connectedAt", "identity", "lastActiveAt"})
        self.assertEqual(given["identity"], {"sourceIp": "127.0.0.1"})
        for name in ("connectedAt", "lastActiveAt"):
            self.assertRegex(given[name], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")

    def test_a_throttle_is_an_exceeded_limit(self):
        gateway = self.gateway(section("management", allow_unsigned_loopback="yes", throttle="1/2"))
        statuses = []
        while 429 not in statuses:
            self.assertLess(len(statuses), 1000)
            statuses.append(plain_post(gateway, UNKNOWN_ID, "x"))
        self.assertLessEqual(set(statuses), {410, 429})

    def test_a_listener_apart_serves_nothing_else(self):
        functions = self.functions()
        with socket.create_server(("127.0.0.1", 0)) as reserved:
            port = reserved.getsockname()[1]
        gateway = self.gateway(self.route(functions, "$connect", "connect"), FENCE,
                               section("management", listen="127.0.0.1:%d" % port, apart="yes", allow_unsigned_loopback="yes"))
        peer = self.connect(gateway)
        id = functions.wait("connect")[0].context["connectionId"]
        self.assertIn(plain_post(gateway, id, "x"), (400, 403, 404, 405))
        peer.fence()
        gateway_apart = type("Apart", (), {"callback": "http://127.0.0.1:%d/%s" % (port, STAGE)})
        self.assertEqual(plain_post(gateway_apart, id, "x"), 200)
        self.assertEqual(peer.receive(), "x")


if __name__ == "__main__":
    unittest.main(verbosity=2)
