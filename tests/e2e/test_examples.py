"""The examples do what their first comments say."""
import asyncio
import json
import os
import re
import socket
import sys
import tempfile
import unittest
import urllib.request

import websockets

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import PATIENCE, Server


class Program(Server):
    """An example, which says on its standard error where it listens."""

    def __init__(self, variable, *arguments, pattern=r"ws://127\.0\.0\.1:(\d+)/"):
        super().__init__(variable, pattern, arguments)
        self.command = ["sh", "-c", 'exec "$@" 2>&1', "sh", *self.command]

    @property
    def url(self):
        return "ws://127.0.0.1:%d/" % self.port


class Size(unittest.TestCase):
    def test_tinyroom_is_tiny(self):
        with open(os.environ["TINYROOM_SOURCE"]) as source:
            program = source.read().split("*/", 1)[1].splitlines()
        self.assertLessEqual(len([line for line in program if line.strip()]), 40)

    def test_readme_shows_it_as_it_is(self):
        with open(os.environ["TINYROOM_SOURCE"]) as source, open(os.environ["README"]) as readme:
            self.assertIn("```c\n" + source.read().split("*/\n", 1)[1] + "```\n", readme.read())

    def test_embedding_shows_the_gateway_as_it_is(self):
        with open(os.environ["GATEWAY_SOURCE"]) as source, open(os.environ["EMBEDDING"]) as page:
            program, section = source.read(), page.read().split("## A gateway\n")[1].split("\n## ")[0]
        shown = re.findall(r"```c\n(.*?)```", section, re.S)
        self.assertGreater(len(shown), 2)
        for snippet in shown:
            self.assertIn(snippet, program)


class Conversation:
    def __init__(self, url):
        self.url = url

    async def __aenter__(self):
        self.socket = await websockets.connect(self.url, open_timeout=10 * PATIENCE, ping_interval=None, compression=None)
        return self

    async def __aexit__(self, *unused):
        await self.socket.close()

    async def say(self, action, value=None, **more):
        await self.socket.send(json.dumps({"action": action, "value": value, **more}))

    async def hear(self):
        return json.loads(await asyncio.wait_for(self.socket.recv(), 10 * PATIENCE))


class Tinyroom(unittest.IsolatedAsyncioTestCase):
    async def test_history_survives(self):
        with tempfile.TemporaryDirectory() as folder:
            for turn, wanted in enumerate(([], ["hi"])):
                server = Program("TINYROOM", "127.0.0.1:0", folder).start()
                try:
                    async with Conversation(server.url) as ann:
                        await ann.say("register", "ann")
                        self.assertEqual((await ann.hear())["rooms"], ["den"] if turn else [])
                        await ann.say("join-room", "den")
                        answer = await ann.hear()
                        if "transactWrite" not in answer:
                            answer = await ann.hear()
                        self.assertEqual([m["content"] for m in answer.get("messages", [])], wanted)
                        await ann.say("dispatch", "hi")
                        self.assertEqual((await ann.hear())["message"], "hi")
                finally:
                    server.finish()


class Gateway(unittest.IsolatedAsyncioTestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Program("GATEWAY", "127.0.0.1:0").start()

    @classmethod
    def tearDownClass(cls):
        cls.server.finish()

    def url(self, name):
        return self.server.url + "production?name=" + name

    async def test_who_says_no_name_is_refused(self):
        for end in ("", "?name="):
            with self.assertRaises(websockets.InvalidStatusCode) as caught:
                await websockets.connect(self.server.url + "production" + end)
            self.assertEqual(caught.exception.status_code, 401)

    async def test_routes_do_what_they_may(self):
        async with Conversation(self.url("ann")) as ann, Conversation(self.url("bob")) as bob:
            await ann.say("whoami")
            self.assertEqual((await ann.hear())["principalId"], "ann")
            await ann.say("sneak")
            self.assertIn("Internal server error", (await ann.hear())["message"])
            await ann.say("shout")
            self.assertEqual((await ann.hear())["message"], "Bad request body")
            await ann.say("shout", text="hi")
            for one in (ann, bob):
                self.assertEqual((await one.hear())["text"], "hi")

    async def test_counters_are_served(self):
        def read():
            with urllib.request.urlopen(self.server.url.replace("ws:", "http:") + "metrics", timeout=10 * PATIENCE) as answer:
                return answer.read().decode()
        text = await asyncio.get_running_loop().run_in_executor(None, read)
        self.assertIn("chatroom_connections ", text)


class Routes(unittest.IsolatedAsyncioTestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Program("ROUTES", "127.0.0.1:0").start()

    @classmethod
    def tearDownClass(cls):
        cls.server.finish()

    def url(self):
        return self.server.url + "?word=sesame"

    async def test_refused_without_the_word(self):
        for end in ("", "?word=please"):
            with self.assertRaises(websockets.InvalidStatusCode) as caught:
                await websockets.connect(self.server.url + end)
            self.assertEqual(caught.exception.status_code, 401)

    async def test_one_way(self):
        async with Conversation(self.url()) as ann, Conversation(self.url()) as bob:
            await ann.say("shout", text="hi")
            for one in (ann, bob):
                self.assertEqual((await one.hear())["text"], "hi")

    async def test_two_ways(self):
        async with Conversation(self.url()) as ann:
            await ann.say("whoami")
            answer = await ann.hear()
            self.assertEqual((len(answer["connectionId"]), answer["sourceIp"]), (16, "127.0.0.1"))

    async def test_later(self):
        async with Conversation(self.url()) as ann:
            await ann.say("work", n=20)
            self.assertEqual(await ann.hear(), {"n": 20, "fibonacci": 6765})
            await ann.say("work", n=41)
            self.assertNotIn("fibonacci", await ann.hear())

    async def test_a_client_that_does_not_wait(self):
        async with Conversation(self.url()) as ann:
            await ann.say("work", n=30)


class Packets:
    """A client of own_transport.c: a letter and what belongs to it."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(10 * PATIENCE)
        self.socket.connect(path)

    def take(self):
        packet = self.socket.recv(1 << 18)
        return packet[:1].decode(), packet[1:]

    def say(self, action, value):
        self.socket.send(b"T" + json.dumps({"action": action, "value": value}).encode())

    def hear(self):
        letter, rest = self.take()
        return json.loads(rest) if letter == "T" else letter


class OwnTransport(unittest.TestCase):
    def test_two_chat_and_are_told_of_the_end(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "socket1")
            server = Program("OWN_TRANSPORT", path, pattern=r"chat at .*socket(1)\n").start()
            try:
                ann, bob = Packets(path), Packets(path)
                for one, name in ((ann, "ann"), (bob, "bob")):
                    self.assertEqual(one.take(), ("O", b""))
                    one.say("register", name)
                    self.assertEqual(one.hear()["type"], "signup")
                ann.say("new-room", "den")
                self.assertEqual([ann.hear().get("message"), ann.hear().get("transactWrite")], ["den", "SUCCESS"])
                self.assertEqual(bob.hear()["message"], "den")
                bob.say("join-room", "den")
                self.assertEqual(bob.hear()["scanStatus"], "EMPTY")
                bob.say("dispatch", "hi")
                for one in (ann, bob):
                    self.assertEqual(one.hear()["message"], "hi")
                ann.socket.send(b"T\xff")
                self.assertEqual(ann.take(), ("C", (1007).to_bytes(2, "big") + b"not a packet of this protocol"))
                self.assertEqual(ann.socket.recv(1), b"")
                self.assertEqual(server.stop(), 0)
                self.assertEqual(bob.take(), ("C", (1001).to_bytes(2, "big") + b"Going away"))
                for one in (ann, bob):
                    one.socket.close()
            finally:
                server.finish()
            self.assertEqual(os.listdir(folder), [])


if __name__ == "__main__":
    unittest.main()
