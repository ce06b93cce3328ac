"""Names that look alike, as clients of the real server meet them: one of them at a time (T20)."""
import asyncio
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import Chatroomd, Client

LIKE_LOBBY = ("l\u043ebby", "Lobby", "LOBBY", "1obby", "Iobby", "l\u03bfbby")
LIKE_ANN = ("Ann", "\u0430nn", "\u0410NN", "ANN")


class Case(unittest.IsolatedAsyncioTestCase):
    keep = False

    async def asyncSetUp(self):
        self.server = Chatroomd(keep=self.keep).start()
        self.addCleanup(self.server.finish)
        self.clients = []

    async def asyncTearDown(self):
        await asyncio.gather(*(c.close() for c in self.clients), return_exceptions=True)
        self.assertTrue(self.server.alive())

    async def client(self, name=None, room=None):
        client = await Client.connect(self.server, name, room)
        self.clients.append(client)
        return client

    async def refused(self, client, action, names, code="look_alike_name"):
        for name in names:
            with self.subTest(action=action, name=name):
                await client.send(action, name)
                await client.error(code)


class Names(Case):
    async def test_T20_rooms(self):
        ann, bob = await self.client("ann"), await self.client("bob")
        await ann.create("lobby")
        await bob.expect("single-room")
        await self.refused(bob, "new-room", LIKE_LOBBY)
        await self.refused(bob, "join-room", LIKE_LOBBY)
        await self.refused(bob, "new-room", ("lobby", " lobby ", "\uff4cobby"), "room_exists")
        await ann.quiet()
        await bob.join(" lobby")
        await ann.say("hi")
        self.assertEqual((await bob.said())["room"], "lobby")

    async def test_a_room_that_is_gone_is_in_nobodys_way(self):
        ann, bob = await self.client("ann"), await self.client("bob")
        await ann.create("lobby")
        await bob.expect("single-room")
        await ann.close()
        await bob.expect("delete-room")
        await bob.create("Lobby")

    async def test_T20_users(self):
        ann, bob = await self.client("ann"), await self.client()
        await self.refused(bob, "register", LIKE_ANN)
        await self.refused(bob, "register", ("No-Rooms", "n\u043e-rooms", "no-rooms"), "bad_name")
        self.assertEqual((await bob.register("\uff42ob"))["name"], "bob")
        self.assertEqual((await (await self.client()).register(" ann"))["name"], "ann")
        await ann.quiet()

    async def test_names_are_shown_as_they_are_written(self):
        ann = await self.client()
        for name in ("Ann O'Neill", "Zo\u00eb", "\u65e5\u672c", "\u0410\u043d\u043d\u0430", "\U0001f600", "<b>"):
            self.assertEqual((await ann.register(name))["name"], name)
            ann.name = name
            announced, _ = await ann.create(name)
            self.assertEqual(announced["message"], name)
            await ann.send("leave-room", room=name)
            await ann.expect("delete-room")
            ann.room = None

    async def test_text_is_not_touched(self):
        ann = await self.client("ann", "den")
        for text in ("\ufb01sh  \u2163", "a\u202eb", "p\u0430ypal", "e\u0301", "\u200b"):
            await ann.say(text)
            self.assertEqual((await ann.said())["message"], text)

    async def test_T20_of_many_at_once_one_gets_the_name(self):
        spellings = ("lobby",) + LIKE_LOBBY
        clients = [await self.client("user %s" % letter) for letter in "abcdefg"[:len(spellings)]]
        await asyncio.gather(*(c.send("new-room", name) for c, name in zip(clients, spellings)))
        answers = [await self.outcome(c) for c in clients]
        self.assertEqual(sorted(answers), ["SUCCESS"] + ["look_alike_name"] * (len(spellings) - 1))

    async def outcome(self, client):
        while True:
            answer = await client.receive()
            if answer.get("type") != "single-room":
                return answer.get("code") or answer["transactWrite"]


class Restart(Case):
    keep = True

    async def test_rooms_are_guarded_after_a_restart(self):
        ann = await self.client("ann")
        await ann.create("lobby")
        for end in ("stop", "kill"):
            with self.subTest(end):
                getattr(self.server, end)()
                self.server.again()
                bob = await self.client("bob")
                await self.refused(bob, "new-room", LIKE_LOBBY)
                await self.refused(bob, "new-room", ("lobby",), "room_exists")
                await bob.join("lobby")
                await (await self.client()).register("Ann")  # nobody has it any more


if __name__ == "__main__":
    unittest.main()
