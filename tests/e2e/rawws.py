"""A WebSocket client on a blocking socket that can send anything: wrong bits, wrong lengths, any cutting of the octets."""
import base64
import hashlib
import os
import socket
import struct
import time

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
WHOLE, FRAME, OCTET = "whole", "frame", "octet"  # how a list of frames is cut into writes; a number: octets a write
NAMES = {TEXT: "text", BINARY: "binary", CLOSE: "close", PING: "ping", PONG: "pong"}

# Sanitizer builds and loaded machines need more time: every limit is multiplied by this.
PATIENCE = float(os.environ.get("E2E_PATIENCE", "1"))


class Violation(AssertionError):
    """The server sent what RFC 6455 does not allow, or not what the test asked for."""


def xor(payload, key):
    size = len(payload)
    if size == 0 or key == b"\0\0\0\0":
        return bytes(payload)
    mask = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")).to_bytes(size, "big")


def frame(opcode, payload=b"", fin=1, rsv=0, key=None, masked=True, form=None, announced=None):
    """One frame as octets. form: 0, 16 or 64 forces a length encoding; announced: the length that the header claims."""
    size = len(payload) if announced is None else announced
    if form is None:
        form = 0 if size < 126 else 16 if size < 65536 else 64
    head = bytes([fin << 7 | rsv << 4 | opcode])
    bit = 0x80 if masked else 0
    if form == 0:
        head += bytes([bit | size])
    elif form == 16:
        head += bytes([bit | 126]) + struct.pack("!H", size)
    else:
        head += bytes([bit | 127]) + struct.pack("!Q", size)
    if not masked:
        return head + bytes(payload)
    key = os.urandom(4) if key is None else key
    return head + key + xor(payload, key)


def close_payload(code, reason=b""):
    return struct.pack("!H", code) + reason


def upgrade_request(path="/", host="127.0.0.1", key="dGhlIHNhbXBsZSBub25jZQ==", extra=()):
    lines = ["GET %s HTTP/1.1" % path, "Host: " + host, "Upgrade: websocket", "Connection: Upgrade",
             "Sec-WebSocket-Key: " + key, "Sec-WebSocket-Version: 13", *extra]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class Raw:
    """A TCP connection with a deadline on every read and HTTP answers parsed."""

    def __init__(self, address, timeout=10):
        self.timeout = timeout * PATIENCE
        self.socket = socket.create_connection(address, timeout=self.timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray()
        self.reset = False

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.socket.close()

    def write(self, octets, cut=WHOLE):
        """False: the server has closed its side already, which is for the reader to judge."""
        step = 1 if cut == OCTET else cut if isinstance(cut, int) else max(len(octets), 1)
        self.socket.settimeout(self.timeout)
        view = memoryview(octets)
        try:
            for at in range(0, len(view), step):
                self.socket.sendall(view[at:at + step])
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def fill(self, deadline):
        """One more piece of input. False at the end of the input."""
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("nothing came in time")
        self.socket.settimeout(left)
        try:
            piece = self.socket.recv(262144)
        except ConnectionResetError:
            self.reset = True
            return False
        except socket.timeout:
            raise TimeoutError("nothing came in time") from None
        self.buffer += piece
        return bool(piece)

    def take(self, size):
        piece = bytes(self.buffer[:size])
        del self.buffer[:size]
        return piece

    def response(self, timeout=None, head_only=False):
        """(status, headers as a dict of lists, body) of one HTTP answer. None: the connection ended without one."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout * PATIENCE)
        while b"\r\n\r\n" not in self.buffer:
            if not self.fill(deadline):
                if self.buffer:
                    raise Violation("the connection ended in a response head: %r" % bytes(self.buffer))
                return None
        head, _, rest = bytes(self.buffer).partition(b"\r\n\r\n")
        self.buffer = bytearray(rest)
        lines = head.decode("latin-1").split("\r\n")
        version, status, *_ = lines[0].split(" ", 2)
        if version != "HTTP/1.1":
            raise Violation("version of the answer: " + version)
        headers = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon or name != name.strip():
                raise Violation("header line of the answer: %r" % line)
            headers.setdefault(name.lower(), []).append(value.strip())
        body = b""
        if int(status) >= 200 and int(status) not in (204, 304):
            if len(headers.get("content-length", ())) != 1:
                raise Violation("an answer %s without one Content-Length: %r" % (status, headers))
            size = int(headers["content-length"][0])
            while len(self.buffer) < size and not head_only:
                if not self.fill(deadline):
                    raise Violation("the body ended early")
            body = b"" if head_only else self.take(size)
        return int(status), headers, body

    def at_end(self, timeout=None):
        """Waits for the end of the connection; anything before it is a violation."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout * PATIENCE)
        while not self.buffer:
            if not self.fill(deadline):
                return
        raise Violation("octets where the connection should end: %r" % bytes(self.buffer[:200]))


class WebSocket(Raw):
    def __init__(self, address, path="/", timeout=10, extra=()):
        super().__init__(address, timeout)
        key = base64.b64encode(os.urandom(16)).decode()
        self.write(upgrade_request(path, "%s:%d" % address, key, extra))
        answer = self.response()
        if not answer or answer[0] != 101:
            self.socket.close()
            raise Violation("no upgrade: %r" % (answer,))
        check_accept(answer[1], key)
        self.parts = None  # [opcode, payloads] of the message that is open
        self.close_sent = False

    def send(self, *frames, cut=WHOLE):
        if cut == FRAME:
            return all([self.write(one) for one in frames])
        return self.write(b"".join(frames), cut)

    def read_frame(self, deadline):
        """(fin, opcode, payload), or None at the end of the input. Checks all that RFC 6455 says of a server's frame."""
        size, start = None, 2
        while True:
            have = len(self.buffer)
            if have >= 2:
                first, second = self.buffer[0], self.buffer[1]
                opcode, short = first & 15, second & 127
                if second & 0x80:
                    raise Violation("a masked frame")
                if first & 0x70:
                    raise Violation("reserved bits")
                start = 2 + (2 if short == 126 else 8 if short == 127 else 0)
                if opcode >= 8 and (short > 125 or not first & 0x80):
                    raise Violation("a control frame that is long or cut")
                if have >= start:
                    size = short if start == 2 else int.from_bytes(self.buffer[2:start], "big")
                    if (start == 4 and size < 126) or (start == 10 and size < 65536):
                        raise Violation("a length that is not in its shortest form")
                    if have >= start + size:
                        self.take(start)
                        return first >> 7, opcode, self.take(size)
            if not self.fill(deadline):
                if self.buffer:
                    raise Violation("the connection ended inside a frame")
                return None

    def event(self, timeout=None):
        """The next message or control frame: ("text", octets), ("close", code, reason) ...; ("end",) at the end."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout * PATIENCE)
        while True:
            got = self.read_frame(deadline)
            if got is None:
                return ("end",)
            fin, opcode, payload = got
            if opcode == CLOSE:
                if len(payload) == 1:
                    raise Violation("a Close of one octet")
                payload[2:].decode()
                return ("close", int.from_bytes(payload[:2], "big") if payload else None, payload[2:])
            if opcode in (PING, PONG):
                return (NAMES[opcode], payload)
            if opcode in (TEXT, BINARY):
                if self.parts:
                    raise Violation("a new message inside another")
                self.parts = [opcode, []]
            elif opcode != CONTINUATION or not self.parts:
                raise Violation("opcode %d here" % opcode)
            self.parts[1].append(payload)
            if fin:
                (opcode, parts), self.parts = self.parts, None
                whole = b"".join(parts)
                if opcode == TEXT:
                    whole.decode()
                return (NAMES[opcode], whole)

    def expect(self, *wanted, timeout=None):
        got = self.event(timeout)
        if got != wanted:
            raise Violation("wanted %s, got %s" % (shorten(wanted), shorten(got)))

    def nothing(self, seconds):
        """Passes if the server is silent, and has not closed, for so long."""
        try:
            got = self.event(seconds)
        except TimeoutError:
            return
        raise Violation("wanted silence, got %s" % shorten(got))

    def expect_close(self, *codes, timeout=None):
        """The server's Close with one of these codes, and the end of the connection after our answer to it."""
        got = self.event(timeout)
        if got[0] != "close" or got[1] not in codes:
            raise Violation("wanted Close %s, got %s" % (codes, shorten(got)))
        if not self.close_sent:
            self.send(frame(CLOSE, close_payload(got[1]) if got[1] else b""))
        self.expect("end", timeout=1)

    def send_close(self, code=1000, reason=b""):
        self.close_sent = True
        return self.send(frame(CLOSE, close_payload(code, reason)))

    def close_cleanly(self, code=1000):
        self.send_close(code)
        self.expect_close(code)
        if self.reset:
            raise Violation("a reset where the connection should end")


def check_accept(headers, key):
    accept = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
    if headers.get("sec-websocket-accept") != [accept]:
        raise Violation("Sec-WebSocket-Accept: %r" % headers.get("sec-websocket-accept"))
    if [v.lower() for v in headers.get("upgrade", ())] != ["websocket"]:
        raise Violation("Upgrade: %r" % headers.get("upgrade"))
    if [v.lower() for v in headers.get("connection", ())] != ["upgrade"]:
        raise Violation("Connection: %r" % headers.get("connection"))
    for never in ("sec-websocket-extensions", "sec-websocket-protocol"):
        if never in headers:
            raise Violation("%s was not asked for: %r" % (never, headers[never]))


def shorten(event):
    return repr(tuple(part[:60] + b"... %d octets" % len(part) if isinstance(part, bytes) and len(part) > 60 else part
                      for part in event))
