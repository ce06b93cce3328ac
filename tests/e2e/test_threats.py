"""What the list of threats and faults asks of chatroomd as a whole: tests named for its entries."""
import asyncio
import base64
import ctypes
import http.client
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import gateway
from gateway import ACCESS_KEY, FENCE, SECONDS, SECRET, STAGE, UNKNOWN_ID, fail, mock, section
from harness import PATIENCE, Chatroomd, Client, Server
from rawws import CLOSE, CONTINUATION, PING, TEXT, Raw, WebSocket, frame, upgrade_request

HERE = os.path.dirname(os.path.abspath(__file__))
OPERATOR = os.path.join(HERE, "..", "..", "docs", "operator.md")
SANITIZED = re.search(r"build-[a-z]*san", os.environ.get("CHATROOMD", ""))
CREDENTIAL = section("credential " + ACCESS_KEY, secret=SECRET)


def operator():
    with open(OPERATOR, encoding="utf-8") as file:
        return file.read()


class Plain(Server):
    """chatroomd with these arguments and no others."""

    def __init__(self, *arguments):
        super().__init__("CHATROOMD", r"WebSocket at ws://[0-9.]+:(\d+)/", list(arguments))


class Case(gateway.Case):
    def chatroomd(self, *extra, data="memory", **more):
        server = Chatroomd(data=data, extra=extra, **more)
        self.addCleanup(server.finish)
        return server.start()

    def folder(self):
        folder = tempfile.mkdtemp(prefix="threats-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        return folder

    def ask(self, address, target, method="GET", headers={}):
        """The status and the body; the target is sent as it is."""
        with Raw(address) as raw:
            lines = ["%s %s HTTP/1.1" % (method, target), "Host: %s:%d" % address, "Connection: close",
                     *("%s: %s" % header for header in headers.items())]
            raw.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
            answer = raw.response()
            return answer[0], answer[2]


def lines_of(server):
    server.log.seek(0)
    return [json.loads(line) for line in server.log.read().decode("utf-8").splitlines() if line.startswith("{")]


class Frames(Case):
    OFFERS = ("permessage-deflate", "permessage-deflate; client_max_window_bits", "permessage-deflate; server_no_context_takeover",
              "x-webkit-deflate-frame", "permessage-bzip2", "permessage-deflate, permessage-deflate; client_max_window_bits=15")

    def test_T11_compression_is_not_negotiated_and_its_bit_is_1002(self):
        server = self.chatroomd()
        for offer in self.OFFERS:
            with WebSocket(server.address, "/development", extra=["Sec-WebSocket-Extensions: " + offer]) as peer:
                peer.send(frame(TEXT, b"\x4a\x04\x00", rsv=4))  # check_accept() has seen that the answer names no extension
                peer.expect_close(1002)
        for bits in range(1, 8):
            for frames in ([frame(TEXT, b"{}", rsv=bits)], [frame(TEXT, b"{", fin=0), frame(CONTINUATION, b"}", rsv=bits)],
                           [frame(PING, b"", rsv=bits)], [frame(CLOSE, b"", rsv=bits)]):
                with WebSocket(server.address, "/development") as peer:
                    peer.send(*frames)
                    peer.expect_close(1002)


class Paths(Case):
    """T32: the files of the page are in the program; nothing of a path reaches the file system."""
    DOTS = ("..", "%2e%2e", ".%2e", "%2E.", "%252e%252e", "..%00", "%c0%ae%c0%ae", "%e0%80%ae.", "%uff0e%uff0e", "..;", "....", "..\\",
            "%2e%2e%5c")
    SLASHES = ("/", "//", "/./", "%2f", "%252f", "\\", "%5c", "%c0%af", "%e0%80%af", "/%2e/", "%u2215", ";/")

    def targets(self):
        for dots in self.DOTS:
            for slash in self.SLASHES:
                up = slash.join([dots] * 8)
                yield "/%s%setc%spasswd" % (up, slash, slash)
        for plain in ("/etc/passwd", "//etc/passwd", "/%2fetc/passwd", "/./etc/passwd", "/proc/self/environ", "/file:///etc/passwd",
                      "/app.js/../../../etc/passwd", "/app.js%00.html", "/app.js/", "/app.js/.", "//app.js", "/./app.js", "/x/../app.js",
                      "/APP.JS", "/app.js%20", "/app.js;.css", "/index.html/", "/~root/", "/.git/config", "/chatroom-data/data.mdb",
                      "/config.json/../app.js", "http://127.0.0.1/../../etc/passwd", "/\\\\host\\share", "/C:/windows/win.ini",
                      "/health/../../etc/passwd", "/development/../../etc/passwd", "/%61pp.js/../etc/passwd"):
            yield plain

    def test_T32_no_spelling_of_a_path_leaves_the_files_of_the_page(self):
        targets = list(dict.fromkeys(self.targets()))
        self.assertGreaterEqual(len(targets), 150)
        server = self.chatroomd()
        with open("/etc/passwd", "rb") as file:
            known = file.readline().strip()
        for target in targets:
            status, body = self.ask(server.address, target)
            self.assertIn(status, (400, 404), target)
            self.assertNotIn(known, body, target)
            self.assertLess(len(body), 200, target)
        self.assertEqual(self.ask(server.address, "/app.js")[0], 200)

    @unittest.skipUnless(shutil.which("strace"), "there is no strace")
    @unittest.skipIf(SANITIZED, "the leak checker and strace both trace")
    def test_T32_a_request_opens_no_file(self):
        folder = self.folder()
        server = Plain("--memory", "--listen", "127.0.0.1:0")
        server.command = [shutil.which("strace"), "-f", "-qq", "-e", "trace=%file", "-o", os.path.join(folder, "calls"), *server.command]
        self.addCleanup(server.kill)
        server.start()

        def calls():
            with open(os.path.join(folder, "calls"), encoding="utf-8", errors="replace") as file:
                return len(file.readlines())
        before = calls()
        self.assertGreater(before, 3)
        for target in list(self.targets()) + ["/", "/app.js", "/style.css"]:
            self.ask(server.address, target)
        self.assertEqual(calls(), before)
        with open("/proc/%d/task/%d/children" % (server.process.pid, server.process.pid), encoding="ascii") as file:
            os.kill(int(file.read().split()[0]), signal.SIGTERM)
        self.assertEqual(server.process.wait(10 * PATIENCE), 0)
        server.log.close()


class Network(Case):
    def test_T33_plain_tcp_that_others_can_reach_is_warned_of_unless_a_proxy_is_promised(self):
        for arguments, wanted in ((("--listen", "127.0.0.1:0"), 0), (("--listen", "0.0.0.0:0"), 1),
                                  (("--listen", "0.0.0.0:0", "--secure"), 0),
                                  (("--listen", "127.0.0.1:0", "--listen", "unix:" + os.path.join(self.folder(), "s")), 0)):
            server = Plain("--memory", *arguments)
            self.addCleanup(server.finish)
            server.start()
            warnings = [e for e in lines_of(server) if e["event"] == "plain_tcp"]
            self.assertEqual([e["level"] for e in warnings], ["warn"] * wanted, arguments)
            with Raw(("127.0.0.1", server.port)) as raw:  # there is no TLS of ours: a ClientHello is no request
                raw.write(bytes.fromhex("16030100310100002d0303") + bytes(40))
                answer = raw.response()
                self.assertTrue(answer is None or answer[0] == 400, answer)

    FORWARDED = ({"X-Forwarded-For": "203.0.113.9"}, {"X-Forwarded-For": "203.0.113.9, 198.51.100.7"}, {"Forwarded": "for=203.0.113.9"},
                 {"Forwarded": 'for="[2001:db8::1]";proto=https;by=203.0.113.43'}, {"X-Real-IP": "203.0.113.9"},
                 {"True-Client-IP": "203.0.113.9"}, {"CF-Connecting-IP": "203.0.113.9"}, {"X-Client-IP": "203.0.113.9"},
                 {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}, {"Via": "1.1 203.0.113.9"},
                 {"X-Forwarded-For": "127.0.0.1", "Forwarded": "for=127.0.0.1"})

    def test_T34_what_a_proxy_says_changes_no_address(self):
        functions = self.functions()
        server = self.gateway(self.route(functions, "$connect", "connect"), FENCE)
        for n, headers in enumerate(self.FORWARDED, 1):
            self.connect(server, extra_headers=headers).fence()
            call = functions.wait("connect", n)[-1]
            self.assertEqual(call.context["identity"]["sourceIp"], "127.0.0.1", headers)
            self.assertNotIn("evil.example", call.context["domainName"])
        events = server.events("connect")
        self.assertEqual([e["source_ip"] for e in events], ["127.0.0.1"] * len(self.FORWARDED))

    def test_T34_nobody_becomes_loopback_by_a_header(self):
        """Who need not sign is known by the address of the connection alone."""
        address = next((a for a in own_addresses() if not a.startswith("127.")), None)
        if address is None:
            self.skipTest("this machine has no address but loopback's")
        server = self.gateway(section("management", allow_unsigned_loopback="yes"), FENCE, listen=["127.0.0.1:0", address + ":0"])
        port = next(int(e["address"].rpartition(":")[2]) for e in server.events("listening") if e["address"].startswith(address))
        target = "/%s/@connections/%s" % (STAGE, UNKNOWN_ID)
        self.assertEqual(self.ask(server.address, target)[0], 410)
        for headers in ({}, *self.FORWARDED):
            self.assertEqual(self.ask((address, port), target, headers=headers)[0], 403, headers)


def own_addresses():
    found = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=False).stdout.split()
    return [one for one in found if re.fullmatch(r"[0-9.]+", one)]


class Secrets(Case):
    """T26: what lets somebody in is in no log, at any level."""
    PLACES = ("query", "key", "bearer", "cookie", "token", "body", "protocol", "header", "password")

    def planted(self, place):
        return "pLaNtEd-%s-0123456789/+x" % place

    def forms(self, secret):
        octets = secret.encode()
        cores = [base64.b64encode(octets)[:-4].decode(), base64.urlsafe_b64encode(octets)[:-4].decode(), octets.hex()]
        return [secret, urllib.parse.quote(secret, safe=""), urllib.parse.quote(secret), json.dumps(secret)[1:-1], *cores]

    def visit(self, server, address):
        """Every way to be let in and to be refused, with a secret in each place of a request."""
        query = "token=%s&X-Amz-Security-Token=%s&X-Amz-Signature=%s" % tuple(
            urllib.parse.quote(self.planted(p), safe="") for p in ("query", "token", "password"))
        headers = ["Authorization: Bearer " + self.planted("bearer"), "Cookie: sid=" + self.planted("cookie"),
                   "X-Amz-Security-Token: " + self.planted("token"), "Origin: http://127.0.0.1:%d" % address[1], "X-Own: " + self.planted("header"),
                   "Sec-WebSocket-Protocol: " + re.sub(r"[/+]", "-", self.planted("protocol"))]
        statuses = set()
        for key in (self.planted("key"), "k" * 30):
            for path in ("/" + STAGE, "/nowhere", "/%s/@connections/%s" % (STAGE, UNKNOWN_ID), "/metrics", "/" + "x" * 5000):
                for more in ([], ["Origin: https://evil.example"], ["Authorization: AWS4-HMAC-SHA256 " + self.planted("password")]):
                    with Raw(address) as raw:
                        raw.write(upgrade_request(path + "?" + query, "127.0.0.1:%d" % address[1], extra=headers + ["x-api-key: " + key] + more))
                        statuses.add(raw.response()[0])
                        if statuses and path == "/" + STAGE and not more and key.startswith("pL"):
                            raw.write(frame(TEXT, json.dumps({"action": "gone", "password": self.planted("body")}).encode()))
                            raw.write(frame(TEXT, b'{"action":"unset"}'))
                            raw.write(frame(TEXT, ("not json " + self.planted("body")).encode()))
                            time.sleep(0.2)
                for method in ("GET", "POST", "DELETE", "PUT"):
                    statuses.add(self.ask(address, path + "?" + query, method, dict(h.split(": ", 1) for h in headers))[0])
        return statuses

    def test_T26_planted_secrets_are_in_no_log(self):
        functions = self.functions(check=lambda event: {"isAuthorized": event["headers"].get("x-api-key", "").startswith("pL")},
                                   gone=lambda event: fail("it failed"))
        folder = self.folder()
        dead = "http://127.0.0.1:9/hook?key=" + urllib.parse.quote(self.planted("query"), safe="")
        server = self.gateway(
            section("management"), section("credential " + ACCESS_KEY, secret=self.planted("password"), token=self.planted("token")),
            section("authorizer", type="lambda", endpoint=functions.endpoint, function="check",
                    identity_source=["route.request.header.Authorization", "route.request.querystring.token"]),
            section("api-keys", source="header"), section("api-key one", value=self.planted("key")),
            self.route(functions, "gone", "gone", two_way="yes"), section("route $default", type="http_proxy", url=dead), FENCE,
            section("route unset", type="http_proxy", url=dead.replace("127.0.0.1:9", "${stageVariables.none}"), two_way="yes"),
            metrics="/metrics", debug_refusals="yes",
            access_log="$context.requestId $context.routeKey $context.status $context.error.message $context.identity.sourceIp "
                       "$context.identity.userAgent $context.integration.error $context.authorizer.error $context.identity.apiKeyId $context.stage "
                       "$context.connectionId $context.error.responseType", access_log_file=os.path.join(folder, "access"))
        statuses = self.visit(server, server.address)
        self.assertLessEqual({101, 403, 404, 414}, statuses)
        deadline = time.monotonic() + 10 * PATIENCE
        while len(server.events("integration_failed")) < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual({e["route"] for e in server.events("integration_failed")}, {"gone", "$default", "unset"})
        self.assertGreaterEqual(len(server.events("management_refused")), 1)
        server.log.seek(0)
        with open(os.path.join(folder, "access"), "rb") as file:
            texts = {"log": server.log.read(), "access log": file.read()}
        self.assertGreater(len(texts["access log"]), 100)
        for name, text in texts.items():
            for place in self.PLACES:
                for form in self.forms(self.planted(place)):
                    lines = [line for line in text.splitlines() if form.encode() in line]
                    self.assertEqual(lines, [], "%s: the secret of %s" % (name, place))


class Management(Case):
    def sign(self, server, method, path, body=b"", key=ACCESS_KEY, secret=SECRET, age=0):
        request = botocore.awsrequest.AWSRequest(method, "http://127.0.0.1:%d%s" % (server.port, path), data=body)
        botocore.auth.SigV4Auth(botocore.credentials.Credentials(key, secret), "execute-api", "us-east-1").add_auth(request)
        headers = dict(request.headers.items())
        if age:
            headers["X-Amz-Date"] = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() - age))
        return headers

    def call(self, server, method, path, headers, body=b""):
        """The status, and the name of the error."""
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=SECONDS)
        try:
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            answer.read()
            return answer.status, answer.getheader("x-amzn-ErrorType")
        except (BrokenPipeError, ConnectionResetError):
            return None, None
        finally:
            connection.close()

    def test_T37_every_verb_with_every_error(self):
        server = self.gateway(section("management"), CREDENTIAL, section("credential AKIDNOBODYNOBODY", secret=SECRET, policy="{folder}/none"),
                              FENCE, files={"none": {"Statement": []}})
        stuck = WebSocket(server.address, "/" + STAGE)
        self.addCleanup(stuck.socket.close)
        self.connect(server).fence()
        known = urllib.parse.quote(server.events("connect")[0]["connection"])
        here, gone, bad = ("/%s/%%40connections/%s" % (STAGE, id) for id in (known, urllib.parse.quote(UNKNOWN_ID), "nonsense"))
        seen = {}
        for verb in ("POST", "GET", "DELETE"):
            def signed(target, body=b"", **more):
                return self.call(server, verb, target, self.sign(server, verb, target, body, **more), body)
            body = b"x" if verb == "POST" else b""
            seen[verb] = [
                self.call(server, verb, here, {}, body),
                signed(here, body, key="AKIDOTHEROTHEROT"), signed(here, body, secret="wrong"), signed(here, body, age=301),
                signed(here, body, key="AKIDNOBODYNOBODY"),
                self.call(server, verb, here, self.sign(server, "PUT", here, body), body),
                signed("/other/%40connections/" + known, body), signed(bad, body), signed(gone, body), signed(gone, b"x" * 131073)]
            self.assertEqual([status for status, _ in seen[verb]], [403, 403, 403, 403, 403, 403, 403, 400, 410, 413], (verb, seen[verb]))
        self.assertEqual({tuple(errors) for errors in seen.values()}, {tuple(seen["GET"])})
        self.assertEqual(self.call(server, "PUT", here, self.sign(server, "PUT", here))[0], 404)  # it is no call of this API
        big, statuses = b"x" * 131072, []
        for _ in range(200):  # to one who does not read
            statuses.append(self.call(server, "POST", here, self.sign(server, "POST", here, big), big))
            if statuses[-1][0] != 200:
                break
        self.assertEqual(statuses[-1], (429, "LimitExceededException"))
        self.assertEqual(self.call(server, "GET", here, self.sign(server, "GET", here))[0], 200)
        self.assertEqual(self.call(server, "DELETE", here, self.sign(server, "DELETE", here))[0], 204)
        self.assertEqual(self.call(server, "DELETE", here, self.sign(server, "DELETE", here))[0], 410)

    def test_T37_calls_beyond_the_rate_are_429(self):
        server = self.gateway(section("management", throttle="1/3"), CREDENTIAL, FENCE)
        gone = "/%s/%%40connections/%s" % (STAGE, urllib.parse.quote(UNKNOWN_ID))
        for verb in ("GET", "POST", "DELETE"):
            statuses = []
            while 429 not in statuses:
                self.assertLess(len(statuses), 1000)
                statuses.append(self.call(server, verb, gone, self.sign(server, verb, gone))[0])
            self.assertLessEqual(set(statuses), {410, 429})


class Audit(Case):
    """T43: each kind of event is provoked and logged, in lines that have the keys which docs/operator.md says."""
    BASE = {"time": str, "level": str, "event": str}
    SCHEMA = {  # event: level, the keys that are always there, those that may be
        "listening": ("info", "address", ""), "management": ("info debug", "", "address method connection access_key source_ip request"),
        "route": ("info", "route type target two_way", ""), "authorizer": ("info", "type target", ""),
        "store_open": ("info", "path replayed next_id", ""), "connect": ("info", "connection source_ip user_agent", ""),
        "disconnect": ("info", "connection code cause reason", ""),
        "refused": ("info", "connection request route code source_ip detail", "status message"),
        "management_refused": ("info", "method target source_ip status error detail access_key request", ""),
        "integration_failed": ("warn", "target route connection request reason detail http_status", "again_ms"),
        "authorizer_failed": ("warn", "target route connection request reason detail http_status", "again_ms"),
        "protocol_error": ("info", "connection code reason", ""), "timed_out": ("info", "connection code reason", ""),
        "refused_opening": ("warn", "status total", ""), "slow_consumer": ("warn", "connection queued total", ""), "refused_origin": ("warn", "connection origin total", ""),
        "store_low": ("warn", "free_bytes", ""), "store_full": ("error", "free_bytes", ""), "store_has_room": ("info", "free_bytes", ""),
        "store_failed": ("error", "code reason", ""), "unsigned_management": ("warn", "advice", ""),
        "api_key_throttled": ("info", "connection api_key", ""), "access": ("info", "line", ""),
    }
    NUMBERS = {"two_way", "replayed", "next_id", "code", "status", "total", "queued", "http_status", "again_ms", "free_bytes"}

    def check(self, server):
        """Every line so far has its form; the lines."""
        lines = lines_of(server)
        for line in lines:
            self.assertIn(line["event"], self.SCHEMA, line)
            levels, always, maybe = (words.split() for words in self.SCHEMA[line["event"]])
            keys = set(line) - set(self.BASE)
            self.assertIn(line["level"], levels, line)
            self.assertLessEqual(set(always), keys, line)
            self.assertLessEqual(keys, set(always) | set(maybe), line)
            self.assertRegex(line["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            for key in keys:
                wanted = int if key in self.NUMBERS and not (line["event"] == "refused" and key == "code") else str
                self.assertIsInstance(line[key], wanted, (key, line))
        return lines

    def wait(self, server, event, **wanted):
        """A line of that event with these values, once it is there."""
        deadline = time.monotonic() + 20 * PATIENCE
        while time.monotonic() < deadline:
            for line in self.check(server):
                if line["event"] == event and all(line.get(key) == value for key, value in wanted.items()):
                    return line
            time.sleep(0.02)
        raise AssertionError("no %s %r in %s" % (event, wanted, [l for l in lines_of(server) if l["event"] == event]))

    def signed(self, server, method, id, key=ACCESS_KEY, secret=SECRET):
        url = "http://127.0.0.1:%d/%s/%%40connections/%s" % (server.port, STAGE, urllib.parse.quote(id))
        request = botocore.awsrequest.AWSRequest(method, url)
        botocore.auth.SigV4Auth(botocore.credentials.Credentials(key, secret), "execute-api", "us-east-1").add_auth(request)
        return self.ask(server.address, "/" + url.split("/", 3)[3], method,
                        {name: value for name, value in request.headers.items() if name != "Host"})[0]

    def test_T43_who_comes_goes_and_is_refused_is_logged_with_its_reason(self):
        key = "k" * 30
        functions = self.functions(check=lambda event: {"isAuthorized": event["headers"]["Authorization"] == "yes"},
                                   gone=lambda event: fail("it failed"))
        server = self.gateway(
            section("management"), CREDENTIAL, section("api-keys", source="header"),
            section("api-key one", value=key, throttle="1/2"),
            section("authorizer", type="lambda", endpoint=functions.endpoint, function="check",
                    identity_source=["route.request.header.Authorization"]),
            self.route(functions, "gone", "gone", two_way="yes"), mock("fast", "x", throttle="1/1"), FENCE)
        peer = self.connect(server, extra_headers={"x-api-key": key, "Authorization": "yes"})
        connection = self.wait(server, "connect", source_ip="127.0.0.1")["connection"]
        self.assertRegex(connection, gateway.ID)
        # authentication and authorization
        self.assertEqual(self.refused(server, extra_headers={"x-api-key": key}), 401)
        self.wait(server, "refused", route="$connect", status=401)
        self.assertEqual(self.refused(server, extra_headers={"x-api-key": key, "Authorization": "no"}), 403)
        self.assertEqual(self.refused(server, extra_headers={"x-api-key": "x" * 30, "Authorization": "yes"}), 403)
        self.wait(server, "refused", route="$connect", status=403)
        # denial, and what a handler makes of a message
        peer.ask("nothing")
        self.wait(server, "refused", connection=connection)
        peer.ask("gone")
        self.wait(server, "integration_failed", connection=connection, route="gone")
        # limits
        for _ in range(3):
            peer.say("fast")
        self.wait(server, "refused", connection=connection, route="fast")
        statuses = []
        for _ in range(4):
            with Raw(server.address) as raw:
                raw.write(upgrade_request("/" + STAGE, extra=["x-api-key: " + key, "Authorization: yes"]))
                statuses.append(raw.response()[0])
        self.assertIn(429, statuses)
        self.wait(server, "api_key_throttled", api_key="one")
        # management: refused, and a kick
        self.assertEqual(self.signed(server, "DELETE", connection, secret="wrong"), 403)
        line = self.wait(server, "management_refused", method="DELETE", status=403, access_key=ACCESS_KEY)
        self.assertTrue(line["error"] and line["source_ip"] == "127.0.0.1" and connection in urllib.parse.unquote(line["target"]))
        self.assertEqual(self.signed(server, "DELETE", connection), 204)
        self.wait(server, "management", level="info", method="DELETE", connection=connection, access_key=ACCESS_KEY)
        self.wait(server, "disconnect", connection=connection, cause="server", code=1000)

    def test_T43_what_breaks_the_rules_is_logged_with_its_code(self):
        server = self.chatroomd(limits=True)
        with WebSocket(server.address, "/development") as peer:
            peer.send(frame(TEXT, b"\xff"))
            peer.expect_close(1007)
        self.wait(server, "protocol_error", code=1007)
        with WebSocket(server.address, "/development") as peer:
            for _ in range(30):
                peer.send(frame(TEXT, b'{"action":"members"}'))
            self.wait(server, "refused", code="rate_limited")
            peer.send_close()
        self.wait(server, "disconnect", cause="client", code=1000)
        for origin in ("https://evil.example", "null", 'x"\xff'):
            with Raw(server.address) as raw:
                raw.write(upgrade_request("/development", extra=["Origin: " + origin]))
                self.assertEqual(raw.response()[0], 403)
        self.assertEqual(self.wait(server, "refused_origin")["origin"], "https://evil.example")
        self.assertEqual(len([e for e in lines_of(server) if e["event"] == "refused_origin"]), 1)

    def test_T43_a_store_that_fails_is_logged(self):
        folder = os.path.join(self.folder(), "data")
        server = self.chatroomd("--keep-empty-rooms", data=folder)
        ann = self.loop.run(Client.connect(server, "ann", "den"))
        self.addCleanup(lambda: self.loop.run(ann.close()))
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (12288, resource.RLIM_INFINITY))  # room for the log
        self.loop.run(ann.say("x" * 20000))
        self.assertEqual(self.loop.run(ann.expect("error"))["type"], "error")
        line = self.wait(server, "store_failed")
        self.assertTrue(line["code"] and line["reason"])
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def test_T43_the_operator_is_told_of_every_event(self):
        text, names = operator(), set()
        for folder in ("src", "backends", "examples/chatroomd"):
            for where, _, files in os.walk(os.path.join(HERE, "..", "..", folder)):
                for name in files:
                    if name.endswith(".c"):
                        with open(os.path.join(where, name), encoding="utf-8") as file:
                            names |= set(re.findall(r'(?:log\w*|warn)\([^;"]*?(?:CHATROOM_LOG_\w+|level|log), "([a-z_]+)"', file.read()))
        self.assertGreater(len(names), 20)
        for name in sorted(names | set(self.SCHEMA)):
            self.assertRegex(text, r"(?m)^\|[^|]*`%s`" % name)


class Process(Case):
    def dumped(self, folder, command):
        """Whether a dump is made when it is killed by a signal that asks for one."""
        pid = os.fork()
        if pid == 0:
            os.chdir(folder)
            null = os.open("/dev/null", os.O_RDWR)
            for descriptor in (0, 1, 2):
                os.dup2(null, descriptor)
            resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            os.execv(command[0], command)
        time.sleep(1 * PATIENCE)
        os.kill(pid, signal.SIGSEGV)
        status = os.waitpid(pid, 0)[1]
        self.assertEqual(os.WTERMSIG(status), signal.SIGSEGV)
        return os.WCOREDUMP(status)

    @unittest.skipIf(resource.getrlimit(resource.RLIMIT_CORE)[1] != resource.RLIM_INFINITY, "no dump may be made here")
    @unittest.skipIf(SANITIZED, "sanitizers take the signal")
    def test_T42_no_dump_is_made(self):
        folder = self.folder()
        if not self.dumped(folder, ["/bin/sleep", "60"]):
            self.skipTest("no dump is made of anything here")
        self.assertFalse(self.dumped(folder, [os.environ["CHATROOMD"], "--memory", "--listen", "127.0.0.1:0"]))

    def unit(self):
        text = operator().partition("`/etc/systemd/system/chatroomd.service`:\n")[2]
        lines = []
        for line in text.splitlines():
            if line and not line.startswith("    "):
                break
            lines.append(line[4:])
        return "\n".join(lines).strip() + "\n"

    @unittest.skipUnless(shutil.which("systemd-analyze"), "there is no systemd-analyze")
    def test_T41_the_unit_of_the_operators_page_is_tight(self):
        path = os.path.join(self.folder(), "chatroomd.service")
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.unit())
        answer = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", path], capture_output=True, text=True,
                                timeout=60 * PATIENCE)
        score = float(re.search(r"Overall exposure level for chatroomd\.service: ([0-9.]+)", answer.stdout).group(1))
        self.assertLessEqual(score, 1.5)

    def allowed_calls(self):
        """The numbers of the system calls that the unit allows."""
        shown = subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager"], capture_output=True, text=True, check=True).stdout
        groups, group = {}, None
        for line in shown.splitlines():
            word = re.sub(r"\x1b\[[0-9;]*m", "", line).strip()
            if word.startswith("@") and not line.startswith(" "):
                group = groups.setdefault(word, [])
            elif word and not word.startswith("#") and group is not None:
                group.append(word)

        def names(word):
            return set().union(*map(names, groups[word])) if word in groups else {word}
        allowed = set()
        for rule in re.findall(r"(?m)^SystemCallFilter=(~?)(.*)$", self.unit()):
            for word in rule[1].split():
                allowed = allowed - names(word) if rule[0] else allowed | names(word)
        with open("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", encoding="ascii") as file:
            numbers = dict(re.findall(r"#define __NR_(\w+) (\d+)", file.read()))
        return sorted(int(numbers[name]) for name in allowed if name in numbers)

    @unittest.skipUnless(shutil.which("systemd-analyze"), "there is no systemd-analyze")
    @unittest.skipUnless(os.path.exists("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), "calls are known by number for x86-64 alone")
    @unittest.skipIf(SANITIZED, "sanitizers make calls of their own")
    def test_T41_it_runs_with_the_system_calls_and_limits_of_the_unit(self):
        calls = self.allowed_calls()
        self.assertGreater(len(calls), 200)
        program = [(0x20, 0, 0, 0)]  # the number of the call
        for number in calls:
            program += [(0x15, 0, 1, number), (0x06, 0, 0, 0x7fff0000)]  # it: allow
        program += [(0x06, 0, 0, 0x00050001)]  # any other: EPERM

        class Instruction(ctypes.Structure):
            _fields_ = [("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint)]

        class Program(ctypes.Structure):
            _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.POINTER(Instruction))]
        instructions = (Instruction * len(program))(*program)
        filter = Program(len(program), instructions)
        libc = ctypes.CDLL(None, use_errno=True)
        pr_set_seccomp, pr_set_no_new_privs = 22, 38

        def confine():
            if libc.prctl(pr_set_no_new_privs, 1, 0, 0, 0) or libc.prctl(pr_set_seccomp, 2, ctypes.byref(filter), 0, 0):
                os._exit(99)
        data = os.path.join(self.folder(), "data")
        for turn in range(2):
            server = Plain("--listen", "127.0.0.1:0", "--data", data, "--keep-empty-rooms", "--threads", "2")
            self.addCleanup(server.log.close)
            self.addCleanup(server.kill)
            start = subprocess.Popen
            try:
                subprocess.Popen = lambda *a, **k: start(*a, preexec_fn=confine, **k)
                server.start()
            finally:
                subprocess.Popen = start
            with open("/proc/%d/status" % server.process.pid, encoding="ascii") as file:
                self.assertRegex(file.read(), r"(?m)^Seccomp:\s+2$")

            async def chat():
                address = type("Address", (), {"url": "ws://127.0.0.1:%d/development" % server.port})
                async with await Client.connect(address, "ann") as ann:
                    joined = await ann.join("den")
                    await ann.say("hello")
                    await ann.said()
                    return len(joined.get("messages", []))
            self.assertEqual(asyncio.run(chat()), turn)
            self.assertEqual(self.ask(server.address, "/")[0], 200)
            self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    unittest.main()
