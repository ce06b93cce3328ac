"""Servers as child processes, and clients that speak the lab's protocol."""
import asyncio
import json
import os
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time

import websockets

PATIENCE = float(os.environ.get("E2E_PATIENCE", "1"))
START_SECONDS = 20 * PATIENCE
THREADS = ("--threads", os.environ["THREADS"]) if "THREADS" in os.environ else ()


class Server:
    """A server of ours as a child: start() waits for the line that says where it listens."""

    def __init__(self, variable, pattern, arguments):
        if variable not in os.environ:
            raise RuntimeError("set %s to the program to test" % variable)
        self.command = [os.environ[variable], *arguments]
        self.pattern = re.compile(pattern)
        self.log = tempfile.TemporaryFile("w+b")
        self.process = None
        self.environment = None  # the test's own

    def start(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log,
                                        env=self.environment)
        deadline = time.monotonic() + START_SECONDS
        text = b""
        while time.monotonic() < deadline:
            if select.select([self.process.stdout], [], [], 0.1)[0]:
                piece = os.read(self.process.stdout.fileno(), 65536)
                if not piece:
                    break
                text += piece
                found = self.pattern.search(text.decode("utf-8", "replace"))
                if found:
                    self.address = ("127.0.0.1", int(found.group(1)))
                    self.port = self.address[1]
                    return self
        self.kill()
        raise RuntimeError("%s did not come up: %r %s" % (self.command, text, self.errors()))

    def errors(self):
        self.log.seek(0)
        return self.log.read()[-4000:].decode("utf-8", "replace")

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def stop(self, seconds=10):
        """SIGTERM; the exit status. A server that does not end in time is killed, and that is an error."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(seconds * PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise RuntimeError("the server did not end on SIGTERM") from None
        self.process.stdout.close()
        self.process = None
        return status

    def kill(self):
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process = None

    def finish(self):
        """For tearDownClass: ends the server, and raises if it crashed, hung or left with an error."""
        died = self.process is not None and self.process.poll()
        status = self.stop()
        text = self.errors()
        self.log.close()
        if died is not None and died is not False:
            raise AssertionError("the server died with status %s: %s" % (died, text))
        if status not in (None, 0):
            raise AssertionError("the server ended with status %s: %s" % (status, text))


class Echo(Server):
    def __init__(self):
        super().__init__("ECHO", r"listening on 127\.0\.0\.1:(\d+)", ["--listen", "127.0.0.1:0", *THREADS])


class Chatroomd(Server):
    """data: a folder that outlives the server, "memory", or None for a folder of its own. port: to come back on the same one."""

    def __init__(self, mode="full", data=None, keep=False, limits=False, port=0, extra=()):
        self.own = tempfile.mkdtemp(prefix="chatroomd-") if data is None else None
        data = self.own or data
        self.arguments = ["--memory"] if data == "memory" else ["--data", data]
        self.arguments += ["--mode", mode, *THREADS, *extra]
        self.arguments += ["--keep-empty-rooms"] if keep else []
        self.arguments += [] if limits else ["--no-rate-limits"]
        super().__init__("CHATROOMD", r"WebSocket at ws://127\.0\.0\.1:(\d+)/", self.at(port))

    def at(self, port):
        return ["--listen", "127.0.0.1:%d" % port, *self.arguments]

    def again(self):
        """Starts once more, on the port of before, so that clients find it."""
        self.command[1:] = self.at(self.port)
        return self.start()

    @property
    def url(self):
        return "ws://127.0.0.1:%d/development" % self.port

    @property
    def page(self):
        return "http://127.0.0.1:%d/" % self.port

    def finish(self):
        try:
            super().finish()
        finally:
            if self.own:
                shutil.rmtree(self.own, ignore_errors=True)


class Client:
    """One connection of the lab's page: four keys in every message, answers told apart by their type."""

    def __init__(self, socket):
        self.socket = socket
        self.name = None
        self.room = None

    @classmethod
    async def connect(cls, server, name=None, room=None):
        self = cls(await websockets.connect(server.url, max_size=None, max_queue=None, ping_interval=None, compression=None,
                                            open_timeout=10 * PATIENCE, close_timeout=5 * PATIENCE))
        if name is not None:
            await self.register(name)
        if room is not None:
            await self.join(room)
        return self

    async def __aenter__(self):
        return self

    async def __aexit__(self, *unused):
        await self.close()

    async def close(self):
        await self.socket.close()

    async def raw(self, text):
        await self.socket.send(text)

    async def send(self, action, value=None, **more):
        await self.raw(json.dumps({"action": action, "value": value, "room": self.room, "name": self.name, **more}))

    async def receive(self, seconds=5):
        return json.loads(await asyncio.wait_for(self.socket.recv(), seconds * PATIENCE))

    async def expect(self, type, seconds=5, skip=()):
        """The next message, which must be of this type; None: without one. Types in skip are passed over."""
        deadline = time.monotonic() + seconds * PATIENCE
        while True:
            message = json.loads(await asyncio.wait_for(self.socket.recv(), max(deadline - time.monotonic(), 0.001)))
            if message.get("type") in skip and message.get("type") != type:
                continue
            if message.get("type") != type:
                raise AssertionError("wanted type %r, got %r" % (type, message))
            return message

    async def error(self, *codes, seconds=5):
        message = await self.expect("error", seconds)
        if message.get("code") not in codes:
            raise AssertionError("wanted error %s, got %r" % (" or ".join(codes), message))
        if set(message) != {"type", "code", "message", "requestId"} or not message["message"] or not message["requestId"]:
            raise AssertionError("an error in another shape: %r" % message)
        return message

    async def silent(self, seconds=0.3):
        """Nothing may come for so long."""
        try:
            message = await asyncio.wait_for(self.socket.recv(), seconds)
        except asyncio.TimeoutError:
            return
        raise AssertionError("wanted silence, got %r" % message)

    async def quiet(self):
        """Nothing is on its way: a question of which the answer is known is answered next. Quicker and surer than silent()."""
        await self.raw('{"action":"no-such-route"}')
        await self.error("unknown_action")

    async def register(self, name):
        await self.send("register", name)
        answer = await self.expect("signup", skip=("single-room", "delete-room"))
        self.name = answer.get("name", name)
        return answer

    async def create(self, room):
        """The two answers, in the order in which they came: the announcement and the confirmation."""
        await self.send("new-room", room)
        answers = [await self.receive(), await self.receive()]
        confirmed = [a for a in answers if "type" not in a]
        announced = [a for a in answers if a.get("type") == "single-room"]
        if len(confirmed) != 1 or len(announced) != 1:
            raise AssertionError("answers to new-room: %r" % answers)
        self.room = room
        return announced[0], confirmed[0]

    async def join(self, room):
        """The answer with the history; rooms that come and go are passed over."""
        await self.send("join-room", room)
        while True:
            answer = await self.receive()
            if answer.get("type") in ("single-room", "delete-room", "client-message"):
                continue
            if answer.get("type") not in (None, "multi-message") or answer.get("transactWrite") != "SUCCESS":
                raise AssertionError("answer to join-room: %r" % answer)
            self.room = room
            return answer

    async def say(self, text, **more):
        await self.send("dispatch", text, **more)

    async def said(self, seconds=5):
        return await self.expect("client-message", seconds)

    async def history(self, **query):
        await self.raw(json.dumps({"action": "history", **query}))
        return await self.expect("history", skip=("client-message", "single-room", "delete-room"))

    async def all_history(self):
        """Every entry of the room, by pages from the first one on."""
        entries, after = [], 0
        for _ in range(10000):
            page = await self.history(after=after)
            entries += page["messages"]
            if not page["more"]:
                return entries
            after = page["messages"][-1]["seq"]
        raise AssertionError("history without an end")
