"""The opening handshake, framing errors and closing beyond the Autobahn suite: sections 14 to 17, row by row.

A test is named by its row: test_14_7_frames_behind_the_request is row 14.7.
"""
import concurrent.futures
import os
import socket
import struct
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import Chatroomd, Echo
from rawws import (BINARY, CLOSE, CONTINUATION, OCTET, PING, PONG, TEXT, Raw, WebSocket, check_accept, close_payload, frame,
                   upgrade_request)

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
FIELDS = {"Host": "127.0.0.1", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": KEY,
          "Sec-WebSocket-Version": "13"}
MESSAGE_LIMIT = 16 * 1024 * 1024  # of the echo example


def request(line="GET / HTTP/1.1", extra=(), **changes):
    """The minimal request with fields changed (Sec_WebSocket_Key="x"; a list: several lines; None: left out)."""
    changes = {name.replace("_", "-"): value for name, value in changes.items()}
    lines = [line]
    for name, value in {**FIELDS, **changes}.items():
        for one in value if isinstance(value, list) else [value]:
            if one is not None:
                lines.append("%s: %s" % (name, one) if one != "" else name + ":")
    return ("\r\n".join([*lines, *extra]) + "\r\n\r\n").encode("latin-1")


class OnEcho(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Echo().start()

    @classmethod
    def tearDownClass(cls):
        cls.server.finish()

    def setUp(self):
        self.assertTrue(self.server.alive())

    def accepted(self, octets, cut="whole"):
        with Raw(self.server.address) as raw:
            raw.write(octets, cut)
            answer = raw.response()
            self.assertIsNotNone(answer, octets)
            self.assertEqual(answer[0], 101, (octets, answer))
            check_accept(answer[1], KEY)
            return answer

    def refused(self, octets, *statuses, half_close=False):
        """A complete answer with one of these statuses, then the end of the connection."""
        with Raw(self.server.address) as raw:
            raw.write(octets)
            if half_close:
                raw.socket.shutdown(socket.SHUT_WR)
            answer = raw.response()
            self.assertIsNotNone(answer, octets)
            self.assertIn(answer[0], statuses, (octets, answer))
            raw.at_end()
            return answer

    def refused_400(self, *octets):
        for one in octets:
            self.refused(one, 400)

    def ws(self, **how):
        return WebSocket(self.server.address, **how)

    def fails(self, code, *frames, before=(), cut="whole"):
        with self.ws() as ws:
            ws.send(*frames, cut=cut)
            for event in before:
                ws.expect(*event)
            ws.expect_close(code)


class Accepted(OnEcho):
    def test_14_1_minimal_request(self):
        self.accepted(request())

    def test_14_2_accept_value(self):
        self.assertEqual(self.accepted(request())[1]["sec-websocket-accept"], [ACCEPT])

    def test_14_3_names_in_any_case(self):
        for change in (bytes.lower, bytes.upper):
            head = b"\r\n".join(change(line.partition(b":")[0]) + b":" + line.partition(b":")[2] if b":" in line else line
                                for line in request().split(b"\r\n"))
            self.accepted(head)

    def test_14_3_values_in_any_case(self):
        self.accepted(request(Upgrade="WebSocket", Connection="UPGRADE"))
        self.accepted(request(Upgrade="WEBSOCKET", Connection="upgrade"))

    def test_14_3_connection_as_list(self):
        for value in ("keep-alive, Upgrade", "Upgrade,keep-alive", ["keep-alive", "Upgrade"], " \tkeep-alive\t ,\t Upgrade \t",
                      ", ,Upgrade,,", ["", "Upgrade", ""]):
            self.accepted(request(Connection=value))

    def test_14_4_upgrade_as_list(self):
        for value in ("h2c, websocket", "websocket, h2c", ["h2c", "websocket"]):
            self.accepted(request(Upgrade=value))

    def test_14_5_one_octet_a_write(self):
        self.accepted(request(), OCTET)

    def test_14_5_head_under_the_limit(self):
        rest = 8192 - len(request(X_Fill="")) - 1
        self.accepted(request(X_Fill="a" * (rest - 8)))

    def test_14_5_head_over_the_limit(self):
        self.refused(request(X_Fill="a" * 8200), 431)

    def test_14_5_head_without_an_end(self):
        self.refused(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 9000, 431)

    def test_14_5_target_over_the_limit(self):
        self.refused(request("GET /%s HTTP/1.1" % ("a" * 5000)), 414)

    def test_14_6_targets(self):
        for target in ("/?a=b&c=%20d", "/a%20b/%C3%A9", "/deep/er/path?x", "http://127.0.0.1/abs?x=1"):
            self.accepted(request("GET %s HTTP/1.1" % target))

    def test_14_7_frames_behind_the_request(self):
        with Raw(self.server.address) as raw:
            raw.write(request() + frame(TEXT, b"early") + frame(PING, b"p"))
            answer = raw.response()
            if answer[0] == 101:
                raw.__class__ = WebSocket
                raw.parts, raw.close_sent = None, False
                raw.expect("text", b"early")
                raw.expect("pong", b"p")
                raw.close_cleanly()
            else:
                self.assertEqual(answer[0], 400)
                raw.at_end()

    def test_14_8_nothing_that_was_not_offered(self):
        self.accepted(request())
        for extra in (["Sec-WebSocket-Protocol: chat"], ["Sec-WebSocket-Protocol: a", "Sec-WebSocket-Protocol: b, c"],
                      ["Sec-WebSocket-Extensions: x-unknown; a=1", "Sec-WebSocket-Extensions: y-unknown"]):
            self.accepted(request(extra=extra))


class Refused(OnEcho):
    def test_15_1_malformed_request_line(self):
        self.refused_400(*(request(line) for line in ("GET  / HTTP/1.1", "GET / HTTP/1.1 ", "GET /", "/ HTTP/1.1", "GET / HTTP/x",
                                                      "GET / http/1.1", "G@T / HTTP/1.1", "GET a HTTP/1.1", "GET /a b HTTP/1.1")))

    def test_15_1_malformed_header_lines(self):
        self.refused_400(*(request(extra=[line]) for line in ("no colon", ": no name", "sp ace: x", "name : x", "x\x00y: z", "n@me: x",
                                                              "x: a\x00b", "x: a\x01b", "x: a\x7fb", "x: a\rb")))

    def test_15_1_obsolete_folding(self):
        self.refused_400(request(extra=["X: a", " folded"]), request(extra=["X: a", "\tfolded"]))

    def test_15_1_bare_line_feeds(self):
        self.refused_400(request().replace(b"\r\n", b"\n"), request(extra=["X: a\nY: b"]))

    def test_15_1_control_characters_in_the_target(self):
        self.refused_400(request("GET /\x00 HTTP/1.1"), request("GET /\x07 HTTP/1.1"), request("GET /\x7f HTTP/1.1"))

    def test_15_1_not_http(self):
        self.refused_400(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"\x00" * 100 + b"\r\n\r\n")

    def test_15_2_http_1_0(self):
        self.refused(request("GET / HTTP/1.0"), 400, 426, 505)

    def test_15_2_other_versions(self):
        for version in ("HTTP/2.0", "HTTP/0.9", "HTTP/3.0"):
            self.refused(request("GET / " + version), 400, 426, 505)

    def test_15_3_no_host(self):
        self.refused_400(request(Host=None))

    def test_15_3_two_hosts(self):
        self.refused_400(request(Host=["127.0.0.1", "127.0.0.1"]), request(Host=["a", "b"]))

    def test_15_3_invalid_host(self):
        self.refused_400(*(request(Host=host) for host in ("a b", "a/b", "a@b", "a:b", "[::1")))

    def test_15_4_other_methods(self):
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH", "get", "FOO"):
            answer = self.refused(request(method + " / HTTP/1.1"), 405, 400, 501)
            if answer[0] == 405:
                self.assertIn("GET", answer[1]["allow"][0])

    def test_15_5_no_upgrade(self):
        for change in (None, "h2c", "websockets", "web socket"):
            answer = self.refused(request(Upgrade=change), 426, 400, 404)
            if answer[0] == 426:
                self.assertEqual(answer[1].get("upgrade"), ["websocket"])
                self.assertIn("upgrade", [c.strip().lower() for c in ",".join(answer[1].get("connection", [])).split(",")])

    def test_15_6_connection_lacks_upgrade(self):
        for change in (None, "keep-alive", "Upgraded", "close"):
            self.refused(request(Connection=change), 400)

    def test_15_7_key_missing_empty_or_twice(self):
        self.refused_400(request(Sec_WebSocket_Key=None), request(Sec_WebSocket_Key=""), request(Sec_WebSocket_Key=[KEY, KEY]))

    def test_15_8_bad_keys(self):
        for key in ("dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25j", "dGhlIHNhbXBsZSBub25jZXM=", "dGhlIHNhbXBsZSBub25jZQ==x",
                    "!GhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ= =", "dGhlIHNhbXBsZSBub25jZQ==, " + KEY, "_-hlIHNhbXBsZSBub25jZQ==",
                    "a"):
            self.refused(request(Sec_WebSocket_Key=key), 400)

    def test_15_9_no_version(self):
        answer = self.refused(request(Sec_WebSocket_Version=None), 400, 426)
        if answer[0] == 426:
            self.assertEqual(answer[1].get("sec-websocket-version"), ["13"])

    def test_15_10_other_versions(self):
        for version in ("0", "7", "8", "12", "14", "255"):
            answer = self.refused(request(Sec_WebSocket_Version=version), 426)
            self.assertEqual(answer[1].get("sec-websocket-version"), ["13"])

    def test_15_10_versions_that_are_none(self):
        for version in ("256", "013", "13abc", "", "-1", "1 3", ["13", "8"]):
            self.refused(request(Sec_WebSocket_Version=version), 400)

    def test_15_11_body_announced(self):
        body = frame(TEXT, b"not a frame")
        for extra in (["Content-Length: %d" % len(body)], ["Transfer-Encoding: chunked"], ["Content-Length: 5", "Content-Length: 6"],
                      ["Content-Length: +5"], ["Content-Length: 5", "Transfer-Encoding: chunked"], ["Transfer-Encoding: gzip"]):
            self.refused(request(extra=extra) + body, 400, 413, 501)

    def test_15_17_request_never_completed(self):
        with Raw(self.server.address, timeout=15) as raw:
            start = time.monotonic()
            raw.write(b"GET / HTTP/1.1\r\nHost: a\r\n")
            answer = raw.response()
            if answer:
                self.assertEqual(answer[0], 408)
                raw.at_end()
            self.assertGreater(time.monotonic() - start, 5)

    def test_15_18_line_ends_inside_values(self):
        for extra in ("Sec-WebSocket-Protocol: a\rX-Evil: 1", "Sec-WebSocket-Protocol: a\nX-Evil: 1", "Origin: http://a\rX-Evil: 1"):
            answer = self.refused(request(extra=[extra]), 400)
            self.assertNotIn("x-evil", answer[1])

    def test_15_19_broken_lists(self):
        for name in ("Sec-WebSocket-Extensions", "Sec-WebSocket-Protocol"):
            for value in ("a b", "a;;b", "=", "\"", "a; b=\"", "(", "a/b"):
                with self.subTest(name=name, value=value), Raw(self.server.address) as raw:
                    raw.write(request(extra=["%s: %s" % (name, value)]))
                    answer = raw.response()
                    self.assertIn(answer[0], (101, 400))
                    for copied in ("sec-websocket-extensions", "sec-websocket-protocol"):
                        self.assertNotIn(copied, answer[1])

    def test_15_refusal_is_never_followed_by_another_answer(self):
        self.refused(request(Sec_WebSocket_Key=None) + request(), 400)


class Framing(OnEcho):
    def test_16_1_unmasked_frames(self):
        for opcode in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG, 3, 11):
            for payload in (b"", close_payload(1000), b"*" * 125):
                self.fails(1002, frame(opcode, payload, masked=False))
        self.fails(1002, frame(TEXT, b"*" * 70000, masked=False))

    def test_16_1_unmasked_after_a_good_one(self):
        self.fails(1002, frame(TEXT, b"good"), frame(TEXT, b"bad", masked=False), before=[("text", b"good")])

    def test_16_2_lengths_that_are_not_shortest(self):
        for size in (0, 1, 125):
            self.fails(1002, frame(TEXT, b"*" * size, form=16))
            self.fails(1002, frame(BINARY, b"*" * size, form=64))
        for size in (126, 65535):
            self.fails(1002, frame(BINARY, b"*" * size, form=64))

    def test_16_3_top_bit_of_the_length(self):
        for size in (1 << 63, (1 << 64) - 1):
            self.fails(1002, frame(BINARY, b"", form=64, announced=size))

    def test_16_4_announced_length_over_the_limit(self):
        for size in (MESSAGE_LIMIT + 1, (1 << 31) - 1, 1 << 31, 1 << 32, (1 << 63) - 1):
            self.fails(1009, frame(BINARY, b"", form=64, announced=size))
            self.fails(1009, frame(BINARY, b"x", form=64, announced=size))

    def test_16_4_sum_of_fragments_over_the_limit(self):
        piece = b"*" * (MESSAGE_LIMIT // 4)
        self.fails(1009, frame(BINARY, piece, fin=0), *[frame(CONTINUATION, piece, fin=0)] * 3,
                   frame(CONTINUATION, b"", form=16, fin=0, announced=200))

    def test_16_4_sum_of_fragments_that_would_wrap(self):
        self.fails(1009, frame(BINARY, b"*" * 10, fin=0), frame(CONTINUATION, b"", form=64, announced=(1 << 63) - 1))

    def test_16_4_count_of_fragments(self):
        """Empty fragments for ever are not taken: the limit is 64 + message size / 64."""
        limit = 64 + MESSAGE_LIMIT // 64
        with self.ws() as ws:
            ws.send(frame(TEXT, b"", fin=0))
            burst = frame(CONTINUATION, b"", fin=0, key=b"abcd") * 4096
            for _ in range(limit // 4096 + 2):
                if not ws.write(burst):
                    break
            ws.expect_close(1009)

    def test_16_5_control_frames_that_announce_too_much(self):
        for opcode in (CLOSE, PING, PONG):
            for short in (126, 127):
                with self.ws() as ws:
                    ws.write(bytes([0x80 | opcode, 0x80 | short]))
                    ws.expect_close(1002, timeout=2)

    def test_16_6_cut_control_frames(self):
        for opcode in (CLOSE, PING, PONG):
            payload = close_payload(1000)
            self.fails(1002, frame(opcode, payload, fin=0))
            self.fails(1002, frame(TEXT, b"open", fin=0), frame(opcode, payload, fin=0), frame(CONTINUATION, b"end"))

    def test_16_7_mask_of_zeros(self):
        with self.ws() as ws:
            ws.send(frame(TEXT, b"plain", key=b"\0\0\0\0"))
            ws.expect("text", b"plain")
            ws.close_cleanly()

    def test_16_7_every_offset_and_length(self):
        with self.ws() as ws:
            for size in range(65):
                payload = bytes((size * 31 + n * 7) & 255 for n in range(size))
                turn = [frame(PONG, b"*" * offset) + frame(BINARY, payload) for offset in range(9)]
                ws.send(*turn)
                for _ in turn:
                    ws.expect("binary", payload)
            ws.close_cleanly()

    def test_16_7_every_cut_of_a_payload(self):
        payload = bytes(range(40))
        whole = frame(BINARY, payload)
        with self.ws() as ws:
            for at in range(1, len(whole)):
                ws.write(whole[:at])
                ws.write(whole[at:])
                ws.expect("binary", payload)
            ws.close_cleanly()

    def test_16_8_end_of_input_at_every_octet(self):
        conversation = (frame(TEXT, b"one") + frame(PING, b"p") + frame(TEXT, b"tw", fin=0) + frame(CONTINUATION, b"o")
                        + frame(CLOSE, close_payload(1000)))
        events = [("text", b"one"), ("pong", b"p"), ("text", b"two")]
        ends = [len(frame(TEXT, b"one"))]
        ends.append(ends[0] + len(frame(PING, b"p")))
        ends.append(ends[1] + len(frame(TEXT, b"tw")) + len(frame(CONTINUATION, b"o")))
        for at in range(len(conversation)):
            with self.ws() as ws:
                ws.write(conversation[:at])
                ws.socket.shutdown(socket.SHUT_WR)
                got = []
                while True:
                    event = ws.event()
                    if event[0] in ("end", "close"):
                        break
                    got.append(event)
                self.assertEqual(got, events[:sum(end <= at for end in ends)][:len(got)])
        with self.ws() as ws:
            ws.close_cleanly()

    def test_16_8_end_of_input_inside_the_request(self):
        octets = request()
        for at in range(0, len(octets), 7):
            with Raw(self.server.address) as raw:
                raw.write(octets[:at])
                raw.socket.shutdown(socket.SHUT_WR)
                answer = raw.response()
                self.assertTrue(answer is None or answer[0] == 400, answer)

    def test_16_9_ping_between_every_two_fragments(self):
        """As many pings as a client may send at once (T08: a burst of 20)."""
        with self.ws() as ws:
            for n in range(20):
                ws.send(frame(CONTINUATION if n else TEXT, b"%02d" % n, fin=0), frame(PING, b"%d" % n))
                ws.expect("pong", b"%d" % n)
            ws.send(frame(CONTINUATION, b"end"))
            ws.expect("text", b"".join(b"%02d" % n for n in range(20)) + b"end")
            ws.close_cleanly()

    def test_16_9_ping_during_a_large_echo(self):
        big = b"0123456789abcdef" * (MESSAGE_LIMIT // 32)
        with self.ws() as ws:
            ws.send(frame(BINARY, big), frame(PING, b"during"))
            got = [ws.event(), ws.event()]
            self.assertCountEqual([e[0] for e in got], ["binary", "pong"])
            self.assertTrue(all(e[1] == (big if e[0] == "binary" else b"during") for e in got))
            ws.close_cleanly()

    def test_3_reserved_bits_on_control_frames(self):
        for opcode in (PING, PONG, CLOSE):
            for rsv in (1, 2, 4):
                self.fails(1002, frame(opcode, b"", rsv=rsv))

    def test_3_reserved_bits_on_a_continuation(self):
        for rsv in (1, 2, 4):
            self.fails(1002, frame(TEXT, b"a", fin=0), frame(CONTINUATION, b"b", rsv=rsv))

    def test_20_5_many_messages_in_one_write(self):
        with self.ws() as ws:
            ws.send(*(frame(TEXT, b"%d" % n) for n in range(2000)))
            for n in range(2000):
                ws.expect("text", b"%d" % n)
            ws.close_cleanly()


def valid_code(code):
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999


def wrong_close_codes(address, codes):
    """In a thread: the codes that were not answered by the rule, with the answer."""
    wrong = []
    for code in codes:
        try:
            with WebSocket(address) as ws:
                ws.close_sent = valid_code(code)
                ws.send(frame(CLOSE, close_payload(code)))
                ws.expect_close(code if valid_code(code) else 1002)
        except Exception as trouble:
            wrong.append((code, repr(trouble)))
            if len(wrong) > 20:
                break
    return wrong


class Closing(OnEcho):
    def test_17_1_registered_codes(self):
        self.assertEqual(wrong_close_codes(self.server.address, (1012, 1013, 1014)), [])

    def test_17_1_local_codes(self):
        self.assertEqual(wrong_close_codes(self.server.address, (1004, 1005, 1006, 1015)), [])

    def test_17_1_codes_by_the_rule(self):
        """Every code where the rule changes, a sample between. (The unit tests go through all 65536.)"""
        edges = {0, 1, 999, 1016, 2999, 3000, 4999, 5000, 32767, 32768, 65534, 65535, *range(995, 1020)}
        codes = sorted(edges | set(range(0, 65536, 797)))
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            halves = list(pool.map(lambda part: wrong_close_codes(self.server.address, part), (codes[::2], codes[1::2])))
        self.assertEqual(halves, [[], []])

    def test_17_2_failing_sends_one_close_and_waits_for_ours(self):
        with self.ws() as ws:
            ws.send(frame(TEXT, b"\xff"), frame(TEXT, b"late"), frame(PING, b"late"))
            ws.expect_close(1007)

    def test_17_3_client_that_never_answers_the_close(self):
        with self.ws() as ws:
            ws.send(frame(3))
            self.assertEqual(ws.event()[:2], ("close", 1002))
            ws.expect("end", timeout=4)

    def test_17_5_end_without_close(self):
        for how in ("end", "reset"):
            with self.ws() as ws:
                ws.send(frame(TEXT, b"a"))
                ws.expect("text", b"a")
                if how == "reset":
                    ws.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with self.ws() as ws:
            ws.close_cleanly()

    def test_17_6_reset_during_a_pending_write(self):
        for _ in range(5):
            ws = self.ws()
            ws.send(frame(BINARY, b"*" * (1024 * 1024)))
            ws.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            ws.socket.close()
        with self.ws() as ws:
            ws.close_cleanly()

    def test_17_6_half_close_after_the_close(self):
        with self.ws() as ws:
            ws.send_close(1000)
            ws.socket.shutdown(socket.SHUT_WR)
            ws.expect_close(1000)

    def test_17_6_half_close_with_an_echo_pending(self):
        big = b"*" * (1024 * 1024)
        with self.ws() as ws:
            ws.close_sent = True
            ws.send(frame(BINARY, big), frame(CLOSE, close_payload(1000)))
            ws.socket.shutdown(socket.SHUT_WR)
            ws.expect("binary", big)
            ws.expect_close(1000)

    def test_17_7_frames_behind_the_failing_one(self):
        self.fails(1002, frame(3), frame(TEXT, b"a"), frame(PING), frame(CLOSE, close_payload(1000)))
        self.fails(1007, frame(TEXT, b"\xff"), frame(TEXT, b"a"), frame(PING))

    def test_17_server_stops_with_1001(self):
        server = Echo().start()
        try:
            with WebSocket(server.address) as ws:
                ws.send(frame(TEXT, b"a"))
                ws.expect("text", b"a")
                server.process.terminate()
                ws.expect_close(1001)
            self.assertEqual(server.process.wait(10), 0)
        finally:
            server.kill()


class OnChatroomd(unittest.TestCase):
    """What needs paths, a page and rules for origins."""

    @classmethod
    def setUpClass(cls):
        cls.server = Chatroomd(data="memory").start()

    @classmethod
    def tearDownClass(cls):
        cls.server.finish()

    def ask(self, octets, head_only=False):
        with Raw(self.server.address) as raw:
            raw.write(octets)
            return raw.response(head_only=head_only)

    def status(self, line="GET /development HTTP/1.1", **changes):
        answer = self.ask(request(line, Host="127.0.0.1:%d" % self.server.port, **changes))
        self.assertIsNotNone(answer)
        return answer[0]

    def plain(self, path, method="GET"):
        return self.ask(("%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % (method, path, self.server.port)).encode(),
                        head_only=method == "HEAD")

    def test_14_1_stage(self):
        self.assertEqual(self.status(), 101)
        self.assertEqual(self.status("GET /development?token=x HTTP/1.1"), 101)
        self.assertEqual(self.status("GET /development/ HTTP/1.1"), 101)

    def test_15_5_plain_get_on_the_stage(self):
        status, headers, _ = self.plain("/development")
        self.assertEqual(status, 426)
        self.assertEqual(headers.get("upgrade"), ["websocket"])

    def test_15_15_path_without_a_handler(self):
        for path in ("/", "/other", "/developmen", "/development2", "/development//", "/development/x", "/Development", "/health"):
            self.assertIn(self.status("GET %s HTTP/1.1" % path), (404,) if path not in ("/", "/health") else (404, 400, 200), path)

    def test_15_15_plain_get_without_a_file(self):
        for path in ("/nothing", "/../etc/passwd", "/%2e%2e/etc/passwd", "/page.html/../x"):
            self.assertIn(self.plain(path)[0], (404, 400), path)

    def test_15_12_origin_not_allowed(self):
        self.assertEqual(self.status(Origin="http://evil.example"), 403)

    def test_15_13_origin_absent(self):
        self.assertEqual(self.status(), 101)

    def test_15_14_own_origin(self):
        self.assertEqual(self.status(Origin="http://127.0.0.1:%d" % self.server.port), 101)

    def test_15_14_origins_that_look_alike(self):
        port = self.server.port
        for origin in ("http://127.0.0.1:%d" % (port - 1), "http://127.0.0.1", "http://127.0.0.1:%d.evil.example" % port,
                       "http://evil.127.0.0.1:%d" % port, "http://127.0.0.1:%d@evil.example" % port, "http://localhost:%d" % port, "null",
                       "ftp://127.0.0.1:%d" % port, "http://127.0.0.1:%d0" % port, "127.0.0.1:%d" % port, "",
                       "http://127.0.0.1:%d/" % port, "http://127.0.0.1:%d http://evil.example" % port):
            self.assertIn(self.status(Origin=origin), (403, 400), origin)

    def test_15_14_two_origins(self):
        own = "http://127.0.0.1:%d" % self.server.port
        self.assertIn(self.status(Origin=[own, "http://evil.example"]), (400, 403))

    def test_health(self):
        status, headers, body = self.plain("/health")
        self.assertEqual((status, body.strip()), (200, b'{"status":"ok"}'))
        self.assertIn("application/json", headers["content-type"][0])

    def test_page(self):
        status, headers, body = self.plain("/")
        self.assertEqual(status, 200)
        self.assertIn("text/html", headers["content-type"][0])
        policy = headers["content-security-policy"][0]
        self.assertNotIn("unsafe", policy)
        self.assertIn("frame-ancestors 'none'", policy)
        self.assertEqual(headers.get("x-content-type-options"), ["nosniff"])
        self.assertIn(b'id="messages"', body)

    def test_page_head(self):
        status, headers, _ = self.plain("/", "HEAD")
        self.assertEqual(status, 200)
        self.assertEqual(int(headers["content-length"][0]), len(self.plain("/")[2]))

    def test_page_other_methods(self):
        for method in ("POST", "PUT", "DELETE"):
            self.assertIn(self.plain("/", method)[0], (405, 400, 501))

    def test_1009_message_over_the_limit(self):
        with WebSocket(self.server.address, "/development") as ws:
            ws.send(frame(TEXT, b"", form=64, announced=131073))
            ws.expect_close(1009)


if __name__ == "__main__":
    unittest.main()
