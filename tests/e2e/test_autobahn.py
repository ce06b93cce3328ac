"""The cases of groups 1-7, 9 and 10 of the Autobahn suite (301), by number, against the echo example. No case is non-strict."""
import concurrent.futures
import multiprocessing
import os
import sys
import time
import traceback
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import Echo
from rawws import (BINARY, CLOSE, CONTINUATION, FRAME, OCTET, PATIENCE, PING, PONG, TEXT, WHOLE, WebSocket, close_payload,
                   frame)

CASES = {}
CUTS = (WHOLE, FRAME, OCTET)
KI, MI = 1024, 1024 * 1024
NOT_TEXT = bytes.fromhex("00fffefdfcfb00ff")
TEXT_MIXED = "κόσμε ünïcödé 日本語 𝄞".encode()
SURROGATE = bytes.fromhex("eda080")
BAD_MIDDLE = "κόσμε".encode() + SURROGATE + b"edited"


def case(number, function, *arguments, **keywords):
    assert number not in CASES, number
    CASES[number] = (function, arguments, keywords)


def fill(kind, size):
    """Content in which octets that are lost, doubled or swapped show."""
    if kind == TEXT:
        unit = b"".join(b"%08d" % n for n in range(0, 1024))
        return (unit * (size // len(unit) + 1))[:size]
    unit = bytes((n * 7 + (n >> 8)) & 255 for n in range(0, 65521))
    return (unit * (size // len(unit) + 1))[:size]


def word(kind):
    return "text" if kind == TEXT else "binary"


def fragments(kind, payload, size):
    pieces = [payload[at:at + size] for at in range(0, len(payload), size)] or [b""]
    return parts(kind, pieces)


def parts(kind, pieces):
    last = len(pieces) - 1
    return [frame(CONTINUATION if n else kind, piece, fin=int(n == last)) for n, piece in enumerate(pieces)]


def converse(ws, frames, events, code=None, cut=WHOLE):
    """Sends, takes the events, then a clean close, or, given a code, the server's failing of the connection."""
    ws.send(*frames, cut=cut)
    for event in events:
        ws.expect(*event)
    if code:
        ws.expect_close(code)
    else:
        ws.close_cleanly()


def echo(ws, kind, payload, cut=WHOLE, size=None, limit=10):
    start = time.monotonic()
    ws.timeout = limit * PATIENCE
    converse(ws, fragments(kind, payload, size or max(len(payload), 1)), [(word(kind), payload)], cut=cut)
    assert time.monotonic() - start <= limit * PATIENCE, "too slow"


# 1: framing
for group, kind, unit in ((1, TEXT, b"*"), (2, BINARY, b"\xfe")):
    for n, (size, cut) in enumerate([(s, WHOLE) for s in (0, 125, 126, 127, 128, 65535, 65536)] + [(65536, 997)], 1):
        case("1.%d.%d" % (group, n), echo, kind, unit * size, cut=cut)

# 2: ping and pong
LONG_PING = b"\xfe" * 125
PINGS = [b"payload-%d" % n for n in range(10)]
case("2.1", converse, [frame(PING)], [("pong", b"")])
case("2.2", converse, [frame(PING, b"Hello, world!")], [("pong", b"Hello, world!")])
case("2.3", converse, [frame(PING, NOT_TEXT)], [("pong", NOT_TEXT)])
case("2.4", converse, [frame(PING, LONG_PING)], [("pong", LONG_PING)])
case("2.5", converse, [frame(PING, LONG_PING + b"\xfe")], [], 1002)
case("2.6", converse, [frame(PING, LONG_PING)], [("pong", LONG_PING)], cut=OCTET)
case("2.7", converse, [frame(PONG)], [])
case("2.8", converse, [frame(PONG, b"unsolicited")], [])
case("2.9", converse, [frame(PONG, b"unsolicited"), frame(PING, b"asked")], [("pong", b"asked")])
case("2.10", converse, [frame(PING, p) for p in PINGS], [("pong", p) for p in PINGS])
case("2.11", converse, [frame(PING, p) for p in PINGS], [("pong", p) for p in PINGS], cut=OCTET)

# 3: reserved bits
GOOD = frame(TEXT, b"Hello, world!")
GOOD_ECHO = ("text", b"Hello, world!")
case("3.1", converse, [frame(TEXT, b"Hello", rsv=1)], [], 1002)
for n, cut in enumerate(CUTS, 2):
    case("3.%d" % n, converse, [GOOD, frame(TEXT, b"Hello", rsv=n), frame(PING)], [GOOD_ECHO], 1002, cut)
case("3.5", converse, [frame(BINARY, NOT_TEXT, rsv=5)], [], 1002)
case("3.6", converse, [frame(BINARY, NOT_TEXT, rsv=6)], [], 1002)
case("3.7", converse, [frame(CLOSE, close_payload(1000), rsv=7)], [], 1002)

# 4: opcodes
for group, first in ((1, 3), (2, 11)):
    case("4.%d.1" % group, converse, [frame(first)], [], 1002)
    case("4.%d.2" % group, converse, [frame(first + 1, b"reserved")], [], 1002)
    case("4.%d.3" % group, converse, [GOOD, frame(first + 2), frame(PING)], [GOOD_ECHO], 1002)
    case("4.%d.4" % group, converse, [GOOD, frame(first + 3, b"reserved"), frame(PING)], [GOOD_ECHO], 1002)
    case("4.%d.5" % group, converse, [GOOD, frame(first + 4, b"reserved"), frame(PING)], [GOOD_ECHO], 1002, OCTET)

# 5: fragmentation
TWO = [b"fragment1", b"fragment2"]
JOINED = ("text", b"fragment1fragment2")
WITH_PING = [frame(TEXT, TWO[0], fin=0), frame(PING, b"ping"), frame(CONTINUATION, TWO[1])]
STRAY = frame(CONTINUATION, b"stray")
STRAY_OPEN = frame(CONTINUATION, b"stray", fin=0)
case("5.1", converse, [frame(PING, b"one", fin=0), frame(CONTINUATION, b"two")], [], 1002)
case("5.2", converse, [frame(PONG, b"one", fin=0), frame(CONTINUATION, b"two")], [], 1002)
for n, cut in enumerate(CUTS):
    case("5.%d" % (3 + n), converse, parts(TEXT, TWO), [JOINED], cut=cut)
    case("5.%d" % (6 + n), converse, WITH_PING, [("pong", b"ping"), JOINED], cut=cut)
    case("5.%d" % (9 + n), converse, [STRAY, GOOD], [], 1002, cut)
    case("5.%d" % (12 + n), converse, [STRAY_OPEN, GOOD], [], 1002, cut)
case("5.15", converse, [*parts(TEXT, TWO), STRAY_OPEN, GOOD], [JOINED], 1002)
case("5.16", converse, [STRAY_OPEN, *parts(TEXT, TWO)] * 2, [], 1002)
case("5.17", converse, [STRAY, *parts(TEXT, TWO)] * 2, [], 1002)
case("5.18", converse, [frame(TEXT, TWO[0], fin=0), frame(TEXT, TWO[1])], [], 1002)


def paused(ws, cut):
    ws.send(frame(TEXT, b"1", fin=0), frame(CONTINUATION, b"2", fin=0), frame(PING, b"first"), cut=cut)
    ws.expect("pong", b"first", timeout=1)
    ws.nothing(1)
    ws.send(frame(CONTINUATION, b"3", fin=0), frame(CONTINUATION, b"4", fin=0), frame(PING, b"second"),
            frame(CONTINUATION, b"5"), cut=cut)
    ws.expect("pong", b"second")
    ws.expect("text", b"12345")
    ws.close_cleanly()


case("5.19", paused, WHOLE)
case("5.20", paused, FRAME)


# 6: UTF-8
def judged(ws, pieces, valid):
    ws.timeout = 5 * PATIENCE
    whole = b"".join(pieces)
    converse(ws, parts(TEXT, pieces), [("text", whole)] if valid else [], None if valid else 1007)


def octets(payload):
    return [payload[n:n + 1] for n in range(len(payload))]


def fail_fast(ws, first, second, third, one_frame):
    if one_frame:
        key = b"\x11\x22\x33\x44"
        whole = frame(TEXT, first + second + third, key=key)
        head = len(whole) - len(first + second + third)
        pieces = [whole[:head + len(first)], whole[head + len(first):head + len(first + second)]]
    else:
        pieces = [frame(TEXT, first, fin=0), frame(CONTINUATION, second, fin=0)]
    ws.send(pieces[0])
    ws.nothing(1)
    ws.send(pieces[1])
    ws.expect_close(1007, timeout=1)


case("6.1.1", judged, [b""], True)
case("6.1.2", judged, [b"", b"", b""], True)
case("6.1.3", judged, [b"", b"middle", b""], True)
case("6.2.1", judged, ["Hello-µ@ßöäüàá-UTF-8!!".encode()], True)
case("6.2.2", judged, ["Hello-µ@ßöä".encode(), "üàá-UTF-8!!".encode()], True)
case("6.2.3", judged, octets("Hello-µ@ßöäüàá-UTF-8!!".encode()), True)
case("6.2.4", judged, octets(TEXT_MIXED), True)
case("6.3.1", judged, [BAD_MIDDLE], False)
case("6.3.2", judged, octets(BAD_MIDDLE), False)
KOSME = "κόσμε".encode()
ABOVE = bytes.fromhex("f4908080")
case("6.4.1", fail_fast, KOSME, ABOVE, b"edited", False)
case("6.4.2", fail_fast, KOSME + ABOVE[:1], ABOVE[1:2], ABOVE[2:] + b"edited", False)
case("6.4.3", fail_fast, KOSME, ABOVE, b"edited", True)
case("6.4.4", fail_fast, KOSME + ABOVE[:1], ABOVE[1:2], ABOVE[2:] + b"edited", True)


def group6(number, payloads, valid):
    for n, payload in enumerate(payloads, 1):
        case("6.%d.%d" % (number, n), judged, [payload], valid if isinstance(valid, bool) else valid[n - 1])


def hexes(text):
    return [bytes.fromhex(part) for part in text.split()]


def prefix_valid(payload):
    try:
        payload.decode()
        return True
    except UnicodeDecodeError:
        return False


# Octets above U+10FFFF, surrogates and overlong forms cannot come from an encoder: they are made here by the bit pattern.
def pattern(code, size):
    if size == 1:
        return bytes([code])
    tail = [0x80 | code >> 6 * n & 0x3f for n in reversed(range(size - 1))]
    return bytes([(0xff00 >> size & 0xff) | code >> 6 * (size - 1), *tail])


group6(5, [t.encode() for t in ("plain", "é", "κόσμε", "日本語", "𝄞 and 😀")], True)
PREFIXED = "\u03ba\u1f79\u03c3\u03bc\u03b5".encode()
assert len(PREFIXED) == 11
group6(6, [PREFIXED[:n] for n in range(1, 12)], [prefix_valid(PREFIXED[:n]) for n in range(1, 12)])
assert sum(prefix_valid(PREFIXED[:n]) for n in range(1, 12)) == 5
group6(7, hexes("00 c280 e0a080 f0908080"), True)
group6(8, hexes("f888808080 fc8480808080"), False)
group6(9, hexes("7f dfbf efbfbf f48fbfbf"), True)
group6(10, hexes("f7bfbfbf fbbfbfbfbf fdbfbfbfbfbf"), False)
group6(11, hexes("ed9fbf ee8080 efbfbd f48fbfbf f4908080"), [True, True, True, True, False])
ALMOST_ALL = bytes(n for n in range(0x80, 0xc0) if n != 0xbf)
group6(12, hexes("80 bf 80bf 80bf80 80bf80bf 80bf80bf80 80bf80bf80bf") + [ALMOST_ALL], False)
group6(13, [b"".join(bytes([n, 32]) for n in lead) for lead in
            (range(0xc0, 0xe0), range(0xe0, 0xf0), range(0xf0, 0xf8), range(0xf8, 0xfc), range(0xfc, 0xfe))], False)
LACKING = [pattern(code, size)[:-1] for code, size in
           ((0x80, 2), (0x800, 3), (0x10000, 4), (0x200000, 5), (0x4000000, 6),
            (0x7ff, 2), (0xffff, 3), (0x1fffff, 4), (0x3ffffff, 5), (0x7fffffff, 6))]
group6(14, LACKING, False)
group6(15, [b"".join(LACKING)], False)
group6(16, hexes("fe ff fefeffff"), False)
group6(17, [pattern(0x2f, size) for size in range(2, 7)], False)
group6(18, hexes("c1bf e09fbf f08fbfbf f887bfbfbf fc83bfbfbfbf"), False)
group6(19, [pattern(0, size) for size in range(2, 7)], False)
group6(20, [pattern(code, 3) for code in (0xd800, 0xdb7f, 0xdb80, 0xdbff, 0xdc00, 0xdf80, 0xdfff)], False)
group6(21, [pattern(high, 3) + pattern(low, 3) for high in (0xd800, 0xdb7f, 0xdb80, 0xdbff) for low in (0xdc00, 0xdfff)],
       False)
group6(22, [chr(plane << 16 | low).encode() for plane in range(17) for low in (0xfffe, 0xffff)], True)
group6(23, [chr(code).encode() for code in range(0xfff9, 0x10000)], True)


# 7: close
def close_and(ws, *after, before=(), cut=WHOLE):
    """Close 1000 with other frames around it: one Close back and nothing else."""
    ws.close_sent = True
    ws.send(*before, frame(CLOSE, close_payload(1000)), *after, cut=cut)
    ws.expect_close(1000)


def text_then_close(ws):
    converse(ws, [GOOD], [GOOD_ECHO])


def big_then_close(ws):
    big = fill(TEXT, 256 * KI)
    ws.close_sent = True
    ws.send(frame(TEXT, big), frame(TEXT, b"short"), frame(CLOSE, close_payload(1000)), frame(PING))
    ws.expect("text", big)
    ws.expect("text", b"short")
    ws.expect_close(1000)


def closes(ws, payload, *codes):
    """A Close of the client's, with the codes that may come back; None: an empty one."""
    valid = codes[0] not in (1002, 1007) or payload[:2] == close_payload(codes[0])
    ws.close_sent = valid
    ws.send(frame(CLOSE, payload))
    ws.expect_close(*codes)


case("7.1.1", text_then_close)
case("7.1.2", close_and, frame(CLOSE, close_payload(1000)))
case("7.1.3", close_and, frame(PING))
case("7.1.4", close_and, GOOD)
case("7.1.5", close_and, frame(CONTINUATION, b"rest"), before=[frame(TEXT, b"open", fin=0)])
case("7.1.6", big_then_close)
case("7.3.1", closes, b"", None, 1000)
case("7.3.2", closes, b"a", 1002)
case("7.3.3", closes, close_payload(1000), 1000)
case("7.3.4", closes, close_payload(1000, b"Hello, world!"), 1000)
case("7.3.5", closes, close_payload(1000, b"*" * 123), 1000)
case("7.3.6", closes, close_payload(1000, b"*" * 124), 1002)
case("7.5.1", closes, close_payload(1000, BAD_MIDDLE), 1007)
for n, code in enumerate((1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999), 1):
    case("7.7.%d" % n, closes, close_payload(code), code)
for n, code in enumerate((0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999), 1):
    case("7.9.%d" % n, closes, close_payload(code), 1002)
for n, code in enumerate((5000, 65535), 1):
    case("7.13.%d" % n, closes, close_payload(code), 1002)


# 9: limits and performance
def large(ws, kind, octets, limit, **how):
    echo(ws, kind, fill(kind, octets), limit=limit, **how)


def round_trips(ws, kind, size, limit):
    start = time.monotonic()
    payload = fill(kind, size)
    for n in range(1000):
        turn = (b"%04d" % n + payload[4:]) if size >= 4 else payload
        ws.send(frame(kind, turn))
        ws.expect(word(kind), turn)
    assert time.monotonic() - start <= limit * PATIENCE, "too slow"
    ws.close_cleanly()


for group, kind in ((1, TEXT), (2, BINARY)):
    for n, size in enumerate((64 * KI, 256 * KI, MI, 4 * MI, 8 * MI, 16 * MI), 1):
        case("9.%d.%d" % (group, n), large, kind, size, 10 if size <= MI else 100)
    for n, size in enumerate((64, 256, KI, 4 * KI, 16 * KI, 64 * KI, 256 * KI, MI, 4 * MI), 1):
        case("9.%d.%d" % (group + 2, n), large, kind, 4 * MI, 100, size=size)
    for n, step in enumerate((64, 128, 256, 512, 1024, 2048), 1):
        case("9.%d.%d" % (group + 4, n), large, kind, MI, 1000, cut=step)
    for n, (size, limit) in enumerate(((0, 60), (16, 60), (64, 60), (256, 120), (1024, 240), (4096, 480)), 1):
        case("9.%d.%d" % (group + 6, n), round_trips, kind, size, limit)

# 10: automatic fragmentation
case("10.1.1", echo, TEXT, fill(TEXT, 65536), size=1300)

assert len(CASES) == 301, len(CASES)


def run(address, number):
    """In a worker: None, or what went wrong as text."""
    function, arguments, keywords = CASES[number]
    try:
        with WebSocket(address) as ws:
            function(ws, *arguments, **keywords)
    except Exception:
        return traceback.format_exc()
    return None


class Autobahn(unittest.TestCase):
    """The cases run in a few processes at once; each test reports the outcome of its own."""

    @classmethod
    def setUpClass(cls):
        cls.server = Echo().start()
        cls.pool = concurrent.futures.ProcessPoolExecutor(3, multiprocessing.get_context("fork"))
        # The results are read in the order of the names, so that is the order in which they are made.
        cls.results = {number: cls.pool.submit(run, cls.server.address, number) for number in sorted(CASES, key=method)}

    @classmethod
    def tearDownClass(cls):
        cls.pool.shutdown(cancel_futures=True)
        cls.server.finish()


def method(number):
    return "test_F55_" + number.replace(".", "_")


def add(number):
    def test(self):
        trouble = self.results[number].result()
        if trouble:
            self.fail(trouble)
    test.__doc__ = "case " + number
    setattr(Autobahn, method(number), test)


for number in CASES:
    add(number)

if __name__ == "__main__":
    unittest.main(verbosity=2 if "-v" in sys.argv else 1)
