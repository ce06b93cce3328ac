"""chatroomd as a gateway: an INI file of routes, functions that live in the test, and clients without a loop of their own."""
import asyncio
import http.server
import json
import os
import re
import shutil
import socket
import tempfile
import threading
import unittest

import websockets

from harness import PATIENCE, THREADS, Server

SECONDS = 20 * PATIENCE  # for whatever must happen; nothing waits so long that goes well
STAGE = "prod"
ID = re.compile(r"^[A-Za-z0-9_-]{14}[AEIMQUYcgkosw048]=$")
UNKNOWN_ID = "AAAAAAAAAAAAAAA="
ACCESS_KEY, SECRET = "AKIDTESTTESTTEST", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
NODE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "node")


# ---- functions ----------------------------------------------------------------------------------------------------------

class Answer:
    """What the Invoke API answers, to the letter."""

    def __init__(self, body, status=200, headers=()):
        self.body = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.status = status
        self.headers = dict(headers)


class Call:
    def __init__(self, method, path, headers, body):
        self.method, self.path, self.headers, self.body = method, path, headers, body
        self.name = path.split("/")[3]
        self.event = json.loads(body)

    @property
    def context(self):
        return self.event["requestContext"]


def fail(message, kind="Error"):
    """What a runtime says of a handler that threw."""
    return Answer({"errorType": kind, "errorMessage": message, "trace": []}, headers={"X-Amz-Function-Error": "Unhandled"})


class Functions:
    """The Lambda Invoke API. handlers: name -> what is answered, or what makes it of the event. Records every call."""

    def __init__(self, port=0, **handlers):
        self.handlers = handlers
        self.calls = []
        self.changed = threading.Condition()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = outer.answer(Call(self.command, self.path, self.headers, body))
                self.send_response(answer.status)
                self.send_header("Content-Length", str(len(answer.body)))
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, *unused):
                pass

        class Web(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128
            kept = []  # one class for each object

            def process_request(self, request, address):
                self.kept.append(request)
                super().process_request(request, address)

            def handle_error(self, *unused):
                """The gateway may hang up on a call that took too long."""

        self.server = Web(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.endpoint = "http://127.0.0.1:%d" % self.port
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def answer(self, call):
        with self.changed:
            self.calls.append(call)
            self.changed.notify_all()
        answer = self.handlers.get(call.name, {"statusCode": 200})
        answer = answer(call.event) if callable(answer) else answer
        return answer if isinstance(answer, Answer) else Answer(answer)

    def of(self, name):
        return [call for call in self.calls if call.name == name]

    def wait(self, name, count=1):
        """The calls of a function, once there are so many."""
        with self.changed:
            if not self.changed.wait_for(lambda: len(self.of(name)) >= count, SECONDS):
                raise AssertionError("%s was called %d times, not %d" % (name, len(self.of(name)), count))
            return self.of(name)

    def close(self):
        """Ends also the connections that are kept. A second call has no effect."""
        if self.thread.is_alive():
            self.server.shutdown()
            self.server.server_close()
            self.thread.join()
        for one in self.server.kept:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it has ended by itself


# ---- INI ----------------------------------------------------------------------------------------------------------------

def section(name, **options):
    """A section; "_" in a name is "-", a list stands for the same name several times."""
    lines = ["[%s]" % name]
    for key, value in options.items():
        for one in value if isinstance(value, list) else [value]:
            lines.append("%s = %s" % (key.replace("_", "-"), one))
    return "\n".join(lines) + "\n"


def mock(key, body=None, status=200, **options):
    more = {} if body is None else {"body": body, "two_way": "yes"}
    return section("route " + key, type="mock", status=status, **more, **options)


FENCE = mock("fence", "fence")  # a question of which the answer is known


class Gateway(Server):
    """chatroomd with this INI file. files: name -> text, which "{folder}" in the INI leads to."""

    def __init__(self, *sections, files={}, **options):
        self.folder = tempfile.mkdtemp(prefix="gateway-")
        for name, text in files.items():
            with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
                file.write(text if isinstance(text, str) else json.dumps(text))
        first = {"listen": "127.0.0.1:0", "memory": "yes", "chat": "no", "stage": STAGE, "no_rate_limits": "yes",
                 "log_level": "debug", **options}
        self.ini = section("", **first).partition("\n")[2] + "\n" + "\n".join(sections)
        self.ini = self.ini.replace("{folder}", self.folder)
        path = os.path.join(self.folder, "chatroomd.ini")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as file:  # it holds secrets
            file.write(self.ini)
        super().__init__("CHATROOMD", r"WebSocket at ws://127\.0\.0\.1:(\d+)/", ["--config", path, *THREADS])

    @property
    def url(self):
        return "ws://127.0.0.1:%d/%s" % (self.port, STAGE)

    @property
    def callback(self):
        return "http://127.0.0.1:%d/%s" % (self.port, STAGE)

    def events(self, name):
        """The lines of the log with this event."""
        self.log.seek(0)
        lines = [json.loads(line) for line in self.log.read().decode("utf-8").splitlines() if line.startswith("{")]
        return [line for line in lines if line.get("event") == name]

    def finish(self):
        try:
            super().finish()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


# ---- clients ------------------------------------------------------------------------------------------------------------

class Loop:
    """An event loop on a thread, for tests that call servers that block."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def run(self, coroutine, seconds=SECONDS):
        return asyncio.run_coroutine_threadsafe(asyncio.wait_for(coroutine, seconds), self.loop).result(seconds + 5)

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


class Peer:
    """A client by python3-websockets."""

    def __init__(self, loop, url, **more):
        self.loop = loop
        more = {"max_size": None, "ping_interval": None, "compression": None, "open_timeout": SECONDS, "close_timeout": SECONDS,
                **more}

        async def connect():
            return await websockets.connect(url, **more)
        self.socket = loop.run(connect())

    def send(self, message):
        self.loop.run(self.socket.send(message))

    def say(self, action, **more):
        self.send(json.dumps({"action": action, **more}))

    def receive(self):
        return self.loop.run(self.socket.recv())

    def ask(self, action, **more):
        self.say(action, **more)
        return self.receive()

    def fence(self):
        """All that was said before is through, and nothing came back for it."""
        answer = self.ask("fence")
        if answer != "fence":
            raise AssertionError("wanted silence, got %r" % answer)

    def closed(self):
        """The code and the reason with which the server closed."""
        self.loop.run(self.socket.wait_closed())
        return self.socket.close_code, self.socket.close_reason

    def close(self, code=1000, reason=""):
        self.loop.run(self.socket.close(code, reason))


# ---- Node ---------------------------------------------------------------------------------------------------------------

def node_environment(**more):
    modules = os.path.join(os.environ["NODE_FOLDER"], "node_modules")
    if not os.path.exists(os.path.join(os.environ["NODE_FOLDER"], "installed.json")):
        raise RuntimeError("the packages of tests/e2e/node/package.json are not in %s: \"./dev test\" puts them there with npm, "
                           "if npm reaches its registry" % modules)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "NODE_"))}
    return {**clean, "NODE_PATH": modules, "AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE": "1", "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET, **more}


class Lambda(Server):
    """Handlers in JavaScript behind the Invoke API: a file of tests/e2e/node."""

    def __init__(self, file, *flags, **environment):
        os.environ.setdefault("NODE", "node")
        super().__init__("NODE", r"listening on 127\.0\.0\.1:(\d+)", [os.path.join(NODE, "lambda.js"), os.path.join(NODE, file), *flags])
        self.environment = node_environment(**environment)

    @property
    def endpoint(self):
        return "http://127.0.0.1:%d" % self.port


# ---- cases --------------------------------------------------------------------------------------------------------------

class Case(unittest.TestCase):
    """Every server and client that a test starts is ended after it, and must have ended well."""

    def setUp(self):
        self.loop = Loop()
        self.addCleanup(self.loop.close)

    def functions(self, **handlers):
        functions = Functions(**handlers)
        self.addCleanup(functions.close)
        return functions

    def gateway(self, *sections, **options):
        server = Gateway(*sections, **options)
        self.addCleanup(server.finish)
        try:
            return server.start()
        except RuntimeError as error:
            raise AssertionError("%s\n%s" % (error, server.ini)) from None

    def lambdas(self, file, *flags, **environment):
        server = Lambda(file, *flags, **environment)
        self.addCleanup(server.finish)
        return server.start()

    def connect(self, gateway, path="", **more):
        peer = Peer(self.loop, gateway.url + path, **more)
        self.addCleanup(peer.close)
        return peer

    def refused(self, gateway, path="", **more):
        """The status with which a connection is not let in."""
        with self.assertRaises(websockets.InvalidStatusCode) as caught:
            self.connect(gateway, path, **more)
        return caught.exception.status_code

    def route(self, functions, key, name, **options):
        return section("route " + key, type="lambda", endpoint=functions.endpoint, function=name, **options)

    def assert_message(self, text, message, *keys):
        """An error text of the gateway, byte for byte, with the identifiers in it; they are returned."""
        self.assertIsInstance(text, str)
        given = json.loads(text)
        self.assertEqual(text, '{"message": "%s", "connectionId":"%s", "requestId":"%s"}' % (
            message, given.get("connectionId"), given.get("requestId")))
        self.assertRegex(given["connectionId"], ID)
        self.assertRegex(given["requestId"], ID)
        return given
