"""The protocol of the lab, to the letter, spoken by an independent client; and what the chat promises beyond it."""
import asyncio
import datetime
import json
import os
import re
import sys
import time
import unittest

import websockets

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import PATIENCE, Chatroomd, Client

NOISE = ("single-room", "delete-room")
CODES = {"bad_json", "ambiguous", "no_action", "unknown_action", "wrong_type", "no_value", "bad_name", "bad_room",
         "not_registered", "wrong_name", "wrong_room", "no_room", "room_exists", "look_alike_name", "too_many_rooms",
         "room_full", "rate_limited", "busy", "storage_full", "storage_failed", "outcome_unknown", "closing", "out_of_memory",
         "timeout"}
NOT_STRINGS = (1, -1.5, True, False, [], {}, ["a"], {"a": "b"})


async def emptied(server):
    """Waits until the rooms of the test before are gone, so that their going is not heard in this one."""
    for _ in range(100):
        async with await Client.connect(server) as probe:
            if (await probe.register("probe"))["rooms"] == []:
                return
        await asyncio.sleep(0.05)
    raise AssertionError("rooms that nobody is in stay")


class Lab(unittest.IsolatedAsyncioTestCase):
    mode = "full"
    keep = False
    limits = False
    data = "memory"

    @classmethod
    def setUpClass(cls):
        if cls is Lab:
            raise unittest.SkipTest("the base of the others")
        cls.server = Chatroomd(cls.mode, cls.data, cls.keep, cls.limits).start()

    @classmethod
    def tearDownClass(cls):
        cls.server.finish()

    async def asyncSetUp(self):
        self.clients = []
        if not self.keep and self.mode != "simple":
            await emptied(self.server)

    async def asyncTearDown(self):
        await asyncio.gather(*(c.close() for c in self.clients), return_exceptions=True)
        self.assertTrue(self.server.alive())

    async def client(self, name=None, room=None):
        client = await Client.connect(self.server, name, room)
        self.clients.append(client)
        return client

    async def pair(self, room="den"):
        """Ann and Bob in one room, with nothing on its way."""
        ann = await self.client("ann")
        await ann.create(room)
        bob = await self.client("bob", room)
        return ann, bob


class Full(Lab):
    """The full stack of the lab, route by route."""

    async def test_signup_without_rooms(self):
        ann = await self.client()
        answer = await ann.register("ann")
        self.assertEqual({k: answer[k] for k in ("type", "updateStatus", "rooms")},
                         {"type": "signup", "updateStatus": "SUCCESS", "rooms": []})

    async def test_signup_lists_every_room_once(self):
        ann, bob = await self.pair("one")
        cid = await self.client("cid")
        await cid.create("two")
        self.assertEqual(sorted((await (await self.client()).register("dan"))["rooms"]), ["one", "two"])

    async def test_new_room_is_told_to_everybody(self):
        stranger, ann = await self.client(), await self.client("ann")
        bob = await self.client("bob")
        announced, confirmed = await ann.create("den")
        self.assertEqual(announced, {"type": "single-room", "message": "den"})
        self.assertEqual([confirmed[k] for k in ("transactWrite", "scan", "dispatchStatus")], ["SUCCESS"] * 3)
        for other in (bob, stranger):
            self.assertEqual(await other.expect("single-room"), {"type": "single-room", "message": "den"})
        for one in (ann, bob, stranger):
            await one.quiet()

    async def test_join_without_history(self):
        ann, bob = await self.client("ann"), await self.client("bob")
        await ann.create("den")
        answer = await bob.join("den")
        self.assertEqual((answer["transactWrite"], answer["scanStatus"]), ("SUCCESS", "EMPTY"))
        self.assertNotIn("type", answer)
        await ann.quiet()

    async def test_join_makes_a_room(self):
        ann, bob = await self.client("ann"), await self.client("bob")
        await bob.send("join-room", "den")
        answers = [await bob.receive(), await bob.receive()]
        self.assertEqual(sorted(a.get("type", "") for a in answers), ["", "single-room"])
        self.assertEqual(await ann.expect("single-room"), {"type": "single-room", "message": "den"})

    async def test_dispatch_reaches_the_room_and_its_sender(self):
        ann, bob = await self.pair()
        cid = await self.client("cid")
        await ann.say("hi")
        for one in (ann, bob):
            message = await one.said()
            self.assertEqual({k: message[k] for k in ("message", "user", "type")},
                             {"message": "hi", "user": "ann", "type": "client-message"})
            self.assertEqual((message["seq"], message["room"]), (1, "den"))
            await one.quiet()
        await cid.quiet()

    async def test_join_with_history(self):
        ann, bob = await self.pair()
        for text in ("one", "two", "three"):
            await ann.say(text)
            await ann.said()
        cid = await self.client("cid")
        answer = await cid.join("den")
        self.assertEqual([answer[k] for k in ("transactWrite", "scanStatus", "type")], ["SUCCESS", "SUCCESS", "multi-message"])
        self.assertEqual([(m["user"], m["content"], m["seq"]) for m in answer["messages"]],
                         [("ann", "one", 1), ("ann", "two", 2), ("ann", "three", 3)])

    async def test_leave_room_of_the_last_deletes_it(self):
        ann, bob = await self.pair()
        await ann.say("kept while somebody is there")
        await ann.said()
        await bob.said()
        await ann.send("leave-room", "leave-room")
        ann.room = None
        await ann.quiet()
        await bob.quiet()
        await bob.send("leave-room", "leave-room")
        bob.room = None
        for one in (ann, bob):
            self.assertEqual(await one.expect("delete-room"), {"type": "delete-room", "room": "den"})
        answer = await ann.join("den")
        self.assertEqual(answer["scanStatus"], "EMPTY")

    async def test_disconnect_is_leaving(self):
        ann, bob = await self.pair()
        await ann.close()
        await bob.send("members")
        for _ in range(50):
            if (await bob.expect("members"))["members"] == ["bob"]:
                break
            await bob.send("members")
        else:
            self.fail("a closed connection stays in its room")
        watcher = await self.client("watcher")
        await bob.close()
        self.assertEqual(await watcher.expect("delete-room"), {"type": "delete-room", "room": "den"})

    async def test_disconnect_without_a_close(self):
        ann, bob = await self.pair()
        ann.socket.transport.abort()
        watcher = await self.client("watcher")
        bob.socket.transport.abort()
        self.assertEqual(await watcher.expect("delete-room"), {"type": "delete-room", "room": "den"})

    async def test_frames_of_the_page_with_empty_strings(self):
        """The page sends "" or null for what it does not remember."""
        ann = await self.client()
        for empty in (None, ""):
            await ann.raw(json.dumps({"action": "register", "value": "ann", "room": empty, "name": empty}))
            await ann.expect("signup")
        await ann.raw(json.dumps({"action": "new-room", "value": "den", "room": "", "name": "ann"}))
        await ann.expect("single-room", skip=(None,))

    async def test_requests_in_one_go(self):
        """Nobody has to wait for an answer: requests of a connection take effect in their order."""
        ann = await self.client()
        for action, value in (("register", "ann"), ("new-room", "den"), ("dispatch", "1"), ("dispatch", "2")):
            await ann.raw(json.dumps({"action": action, "value": value, "room": None, "name": None}))
        got = [await ann.receive() for _ in range(5)]
        self.assertEqual(got[0]["type"], "signup")
        self.assertEqual([m["message"] for m in got if m.get("type") == "client-message"], ["1", "2"])

    async def test_T16_hall_is_closed(self):
        ann, bob = await self.pair()
        stranger = await self.client()
        for one in (ann, stranger):
            await one.raw(json.dumps({"action": "dispatch", "value": "x", "room": None, "name": "no-rooms"}))
            await one.error("wrong_name", "not_registered")
        for one in (ann, bob, stranger):
            await one.quiet()

    async def test_members(self):
        ann, bob = await self.pair()
        answer = await self.ask_members(bob)
        self.assertEqual((answer["room"], answer["count"], sorted(answer["members"])), ("den", 2, ["ann", "bob"]))

    async def ask_members(self, client):
        await client.send("members")
        return await client.expect("members")


class Deviations(Lab):
    """The rows of "Deviations that are right"."""

    async def test_T16_nobody_speaks_as_another(self):
        ann, bob = await self.pair()
        await ann.send("dispatch", "x", name="bob")
        await ann.error("wrong_name")
        await ann.send("dispatch", "x", room="other")
        await ann.error("wrong_room")
        await bob.quiet()
        await ann.raw('{"action":"dispatch","value":"mine"}')
        self.assertEqual((await bob.said())["user"], "ann")

    async def test_T16_wrong_room_or_name_on_every_route(self):
        ann, bob = await self.pair()
        for action in ("leave-room", "history", "members"):
            await ann.send(action, "leave-room", room="other")
            await ann.error("wrong_room")
        for action in ("new-room", "join-room", "leave-room", "history", "members"):
            await ann.send(action, "x", name="bob")
            await ann.error("wrong_name")
        await bob.quiet()

    async def test_T17_creating_is_atomic(self):
        for turn in range(10):
            room = "race%d" % turn
            some = [await self.client("racer%d" % n) for n in range(4)]
            await asyncio.gather(*(c.send("new-room", room) for c in some))
            won, lost = [], []
            for one in some:
                got = [await one.receive(), await one.receive()]
                codes = [m["code"] for m in got if m.get("type") == "error"]
                self.assertIn(codes, ([], ["room_exists"]))
                (lost if codes else won).append(one)
            self.assertEqual((len(won), len(lost)), (1, 3))
            for one in lost:
                await one.send("dispatch", "x")
                await one.error("no_room")
            won[0].room = room
            await won[0].send("members")
            self.assertEqual((await won[0].expect("members"))["count"], 1)
            await asyncio.gather(*(c.close() for c in some))
            await emptied(self.server)

    async def test_T17_joining_moves(self):
        ann, bob = await self.pair("one")
        cid = await self.client("cid")
        await cid.create("two")
        for one in (ann, bob):
            await one.expect("single-room")
        await bob.join("two")
        await ann.send("members")
        self.assertEqual((await ann.expect("members"))["members"], ["ann"])
        await bob.say("in two")
        self.assertEqual((await bob.said())["room"], "two")
        self.assertEqual((await cid.said())["room"], "two")
        await ann.quiet()
        await ann.say("in one")
        await ann.said()
        await bob.quiet()

    async def test_moving_out_of_the_last_place_deletes_the_room(self):
        ann = await self.client("ann")
        bob = await self.client("bob")
        await ann.create("one")
        await bob.expect("single-room")
        await ann.send("join-room", "two")
        got = [await bob.receive(), await bob.receive()]
        self.assertCountEqual(got, [{"type": "single-room", "message": "two"}, {"type": "delete-room", "room": "one"}])

    async def test_refused_creation_does_not_move(self):
        ann, bob = await self.pair("one")
        cid = await self.client("cid")
        await cid.create("two")
        await ann.expect("single-room")
        await ann.send("new-room", "two")
        await ann.error("room_exists")
        await ann.say("still in one")
        self.assertEqual((await ann.said())["room"], "one")

    async def test_joining_twice(self):
        ann, bob = await self.pair()
        await bob.join("den")
        await bob.join("den")
        await bob.send("members")
        answer = await bob.expect("members")
        self.assertEqual((answer["count"], sorted(answer["members"])), (2, ["ann", "bob"]))
        await ann.say("once")
        await bob.said()
        await bob.quiet()

    async def test_T17_membership_is_a_set(self):
        """Connections that vanish at the same time take nobody else with them."""
        ann, bob = await self.pair()
        others = [await self.client("other%d" % n, "den") for n in range(9)]
        for one in others[::2]:
            one.socket.transport.abort()
        wanted = sorted(["ann", "bob", *("other%d" % n for n in range(1, 9, 2))])
        for _ in range(100):
            await ann.send("members")
            got = await ann.expect("members")
            if sorted(got["members"]) == wanted:
                break
            await asyncio.sleep(0.02)
        self.assertEqual((sorted(got["members"]), got["count"]), (wanted, len(wanted)))
        await ann.say("x")
        for one in others[1::2]:
            await one.said()

    async def test_text_is_verbatim(self):
        ann, bob = await self.pair()
        texts = ["<script>alert(1)</script>", "&amp; \" ' \\ / ", "line\nline\r\n\ttab", "\u0000\u0001\u001f\u007f", "κόσμε 日本語 😀",
                 "\u202ertl\u200b\ufeff\uffff\U0010ffff", "</script>\u2028\u2029", " ends ", "null", "x" * 60000]
        for text in texts:
            await ann.say(text)
            for one in (ann, bob):
                self.assertEqual((await one.said())["message"], text)
        cid = await self.client("cid", "den")
        self.assertEqual([m["content"] for m in await cid.all_history()], texts)

    async def test_times(self):
        ann, bob = await self.pair()
        before = time.time() * 1000
        await ann.say("x")
        ts = (await ann.said())["ts"]
        self.assertTrue(before - 2000 <= ts <= time.time() * 1000 + 2000, ts)
        entry = (await bob.history())["messages"] if (await bob.said()) else None
        wanted = datetime.datetime.fromtimestamp(ts // 1000, datetime.timezone.utc).strftime("%m/%d/%Y, %I:%M:%S %p")
        self.assertEqual((entry[0]["ts"], entry[0]["time"]), (ts, wanted))
        self.assertRegex(entry[0]["time"], r"^\d\d/\d\d/\d{4}, \d\d:\d\d:\d\d [AP]M$")

    async def test_history_beyond_one_page(self):
        ann, bob = await self.pair()
        total = 700
        for n in range(total):
            await ann.say("%d " % n + "x" * 700)
        for n in range(total):
            self.assertEqual((await ann.said(20))["seq"], n + 1)
        entries = await ann.all_history()
        self.assertEqual([(m["seq"], m["content"].split()[0]) for m in entries], [(n + 1, str(n)) for n in range(total)])
        cid = await self.client("cid")
        answer = await cid.join("den")
        seqs = [m["seq"] for m in answer["messages"]]
        self.assertEqual(seqs, list(range(seqs[0], total + 1)))
        self.assertEqual((answer["newest"], answer["more"]), (total, seqs[0] > 1))
        while seqs[0] > 1:
            page = await cid.history(before=seqs[0])
            got = [m["seq"] for m in page["messages"]]
            self.assertTrue(got)
            self.assertEqual(page["more"], got[0] > 1)
            seqs = got + seqs
        self.assertEqual(seqs, list(range(1, total + 1)))


class Errors(Lab):
    """Every code that a client can provoke, and bad input of every kind: told to its sender alone, nothing stored."""

    async def asyncSetUp(self):
        await super().asyncSetUp()
        self.ann, self.bob = await self.pair()

    async def unharmed(self):
        """Bob, in the same room, saw nothing and nothing was stored; Ann is still served."""
        await self.bob.quiet()
        self.assertEqual((await self.bob.history())["messages"], [])
        await self.ann.say("ok")
        self.assertEqual(((await self.ann.said())["seq"], (await self.bob.said())["seq"]), (1, 1))

    async def battery(self, texts, *codes):
        for text in texts:
            with self.subTest(text=text[:120]):
                await self.ann.raw(text)
                await self.ann.error(*codes)
        await self.unharmed()

    async def test_bad_json(self):
        await self.battery(["", " ", "x", "{", "}", "[]", "null", "1", '"dispatch"', "{}x", "{} {}", '{"action"}', '{"action":}', '{"action":"members",}',
                            "{'action':'members'}", '{action:"members"}', '{"action":"members"', '{"action":"members"}}', '{"action":"mem\nbers"}',
                            '{"action":"\\x"}', '{"action":"\\u12"}', '{"action":01}', '{"action":1.}', '{"action":.5}', '{"action":+1}', '{"action":1e}',
                            '{"action":tru}', '{"action":NaN}', '{"a":Infinity}', '\ufeff{"action":"members"}', '{"action":"members"}\0', '{"a" "b"}',
                            '{"action":"members" /* */}', '{,}', '[{"action":"members"}]', '{"a":[1,]}', '{"a":"\t"}'], "bad_json")

    async def test_lone_surrogates(self):
        await self.battery(['{"action":"dispatch","value":"%s"}' % v for v in
                            ("\\ud800", "\\udfff", "\\ud800\\ud800", "\\ud800x", "\\udc00\\ud800", "a\\uD83D")], "bad_json")

    async def test_deep_nesting(self):
        await self.battery(['{"action":"dispatch","value":"x","y":%s%s}' % ("[" * n, "]" * n) for n in (200, 10000, 60000)]
                           + ["[" * 100000, '{"a":' * 20000, '{"action":"dispatch","value":' + '{"a":' * 5000 + "1" + "}" * 5001], "bad_json")

    async def test_moderate_nesting_in_a_key_that_is_not_read(self):
        await self.ann.raw('{"action":"members","y":%s%s}' % ("[" * 20, "]" * 20))
        await self.ann.expect("members")

    async def test_keys_that_stand_twice(self):
        await self.battery(['{"action":"dispatch","action":"dispatch","value":"x"}', '{"action":"dispatch","value":"x","value":"x"}',
                            '{"action":"dispatch","value":"x","name":"ann","name":"ann"}', '{"action":"dispatch","value":"x","\\u0061ction":"members"}',
                            '{"action":"dispatch","value":"x","room":null,"room":"den"}', '{"action":"dispatch","value":"x","id":"1","id":"2"}',
                            '{"action":"history","after":1,"after":2}'], "ambiguous")

    async def test_other_keys_may_stand_twice(self):
        await self.ann.raw('{"action":"members","x":1,"x":2}')
        await self.ann.expect("members")

    async def test_no_action(self):
        await self.battery(["{}", '{"value":"x"}', '{"action":null}', '{"action":""}', '{"Action":"members"}'], "no_action")

    async def test_unknown_action(self):
        await self.battery([json.dumps({"action": a}) for a in
                            ("x", "Dispatch", "dispatch ", "$connect", "$disconnect", "$default", "dispatch\0", "a" * 5000, "<b>", "\u202e")],
                           "unknown_action")

    async def test_wrong_types(self):
        texts = [json.dumps({"action": v}) for v in NOT_STRINGS]
        for action in ("register", "new-room", "join-room", "dispatch"):
            texts += [json.dumps({"action": action, "value": v}) for v in NOT_STRINGS]
        for action in ("register", "new-room", "join-room", "dispatch", "leave-room", "history", "members"):
            texts += [json.dumps({"action": action, "value": "x", "name": v}) for v in NOT_STRINGS]
        for action in ("dispatch", "leave-room", "history", "members"):
            texts += [json.dumps({"action": action, "value": "x", "room": v}) for v in NOT_STRINGS]
        texts += [json.dumps({"action": "dispatch", "value": "x", "id": v}) for v in NOT_STRINGS]
        for key in ("before", "after", "limit"):
            texts += [json.dumps({"action": "history", key: v}) for v in ("1", "x", True, [], {}, 1.5, -1)]
        await self.battery(texts, "wrong_type")

    async def test_history_numbers_out_of_range(self):
        for number in ("1e400", "99999999999999999999", "-99999999999999999999", "1e2", "0.0"):
            for key in ("before", "after", "limit"):
                await self.ann.raw('{"action":"history","%s":%s}' % (key, number))
                answer = await self.ann.receive()
                self.assertIn(answer.get("code", answer["type"]), ("wrong_type", "history"))
        await self.unharmed()

    async def test_no_value(self):
        await self.battery([json.dumps({"action": a, **v}) for a in ("register", "new-room", "join-room", "dispatch")
                            for v in ({}, {"value": None}, {"value": ""})], "no_value", "bad_name", "bad_room")

    BAD = ["   ", "\t", "a\0b", "a\nb", "a\x1bb", "a\x7fb", "a\u0085b", "a\u200bb", "a\u202eb", "\u2066a", "a\ufeffb", "\u200f", "\u00ada"]

    async def test_bad_name(self):
        await self.battery([json.dumps({"action": "register", "value": v}) for v in
                            [*self.BAD, "x" * 33, "é" * 33, "x" * 100000, "\U0001d11e" * 33]], "bad_name", "no_value")

    async def test_bad_room(self):
        await self.battery([json.dumps({"action": a, "value": v}) for a in ("new-room", "join-room") for v in
                            [*self.BAD, "x" * 65, "é" * 65, "x" * 100000, "\U0001d11e" * 65]], "bad_room", "no_value")

    async def test_names_at_their_limits(self):
        one = await self.client()
        for sent, kept in (("x" * 32, None), ("\U0001d11e" * 32, None), ("  a  b ", "a b"), ("<b>&\"'", None), ("a", None)):
            one.name = None
            self.assertEqual((await one.register(sent))["name"], kept or sent)
        for room in ("r" * 64, "\U0001d11e" * 64, "<i>\\\"", "${x}", "__proto__"):
            await one.create(room)
            await self.ann.expect("single-room", skip=("delete-room",))
            one.name = "a"
            await one.send("leave-room", "leave-room")
            one.room = None
            await one.expect("delete-room")

    async def test_not_registered(self):
        stranger = await self.client()
        for action in ("new-room", "join-room", "dispatch"):
            await stranger.raw(json.dumps({"action": action, "value": "x"}))
            await stranger.error("not_registered")
        await stranger.quiet()
        await self.unharmed()

    async def test_no_room(self):
        cid = await self.client("cid")
        for action in ("dispatch", "leave-room", "history", "members"):
            await cid.send(action, "x")
            await cid.error("no_room")
        await self.unharmed()

    async def test_room_exists(self):
        cid = await self.client("cid")
        for room in ("den", "  den "):
            await cid.send("new-room", room)
            await cid.error("room_exists")
        await self.unharmed()

    async def test_id_that_is_too_long(self):
        await self.ann.say("x", id="i" * 65)
        await self.ann.error(*CODES)
        await self.unharmed()

    async def test_repetition_by_id(self):
        """A client that does not know whether it was heard says it again: heard and stored once."""
        for turn in ("i" * 64, "x1"):
            for _ in range(3):
                await self.ann.say("said " + turn, id=turn)
        await self.ann.say("end")
        heard = []
        while not heard or heard[-1]["message"] != "end":
            heard.append(await self.bob.said())
        self.assertEqual([(m["message"], m["seq"], m.get("id")) for m in heard],
                         [("said " + "i" * 64, 1, "i" * 64), ("said x1", 2, "x1"), ("end", 3, None)])
        self.assertEqual([m["content"] for m in await self.bob.all_history()], [m["message"] for m in heard])

    async def test_same_id_on_another_connection(self):
        await self.ann.say("a", id="1")
        await self.bob.say("b", id="1")
        self.assertEqual(sorted([(await self.ann.said())["message"], (await self.ann.said())["message"]]), ["a", "b"])

    async def test_binary_message(self):
        await self.ann.socket.send(b'{"action":"members"}')
        await self.closed(self.ann, 1003)
        await self.bob.quiet()

    async def test_message_over_the_limit(self):
        await self.ann.raw(json.dumps({"action": "dispatch", "value": "x" * 131072}))
        await self.closed(self.ann, 1009)
        await self.bob.quiet()

    async def test_largest_messages(self):
        """Right below the limit; and what grows sixfold when it is written as JSON."""
        for text in ("x" * 131000, "\u0001" * 21000):
            text = text[:131072 - 100]
            await self.ann.raw(json.dumps({"action": "dispatch", "value": text}))
            message = await self.bob.receive()
            self.assertEqual((message["type"], message.get("message")), ("client-message", text))
            self.assertEqual((await self.ann.said())["message"], text)

    async def closed(self, client, code):
        with self.assertRaises(websockets.ConnectionClosed) as caught:
            await asyncio.wait_for(client.socket.recv(), 5 * PATIENCE)
        self.assertEqual(caught.exception.rcvd and caught.exception.rcvd.code, code)


class Limits(Lab):
    limits = True

    async def test_rate_limited(self):
        ann = await self.client("ann")
        got = []
        for n in range(12):
            await ann.send("new-room", "room%d" % n, room=None)
        while len([m for m in got if m.get("type") == "error" or "transactWrite" in m]) < 12:
            got.append(await ann.receive())
        codes = [m["code"] for m in got if m.get("type") == "error"]
        self.assertEqual(set(codes), {"rate_limited"})
        self.assertGreaterEqual(len(codes), 6)
        await ann.send("members")
        await ann.expect("members", skip=NOISE)


class Simple(Lab):
    """One hall: the page's first frame is a dispatch, nobody registers."""
    mode = "simple"

    async def test_hall(self):
        some = [await self.client() for _ in range(3)]
        for n, one in enumerate(some):
            await one.raw(json.dumps({"action": "dispatch", "value": "hi %d" % n, "room": None, "name": "no-rooms"}))
            for other in some:
                self.assertEqual(await other.receive(), {"message": "hi %d" % n, "user": "no-rooms", "type": "client-message"})
        for one in some:
            await one.quiet()

    async def test_other_routes_are_not_there(self):
        one, other = await self.client(), await self.client()
        for action in ("register", "new-room", "join-room", "leave-room"):
            await one.send(action, "x")
            await one.error("unknown_action")
        await other.quiet()

    async def test_bad_input(self):
        one, other = await self.client(), await self.client()
        for text, codes in (("x", ("bad_json",)), ('{"action":"dispatch","name":"no-rooms"}', ("no_value",)),
                            ('{"action":"dispatch","name":"no-rooms","value":1}', ("wrong_type",)),
                            ('{"action":"dispatch","name":1,"value":"x"}', ("wrong_type",))):
            await one.raw(text)
            await one.error(*codes)
        await other.quiet()

    async def test_newcomer_hears_nothing_old(self):
        one = await self.client()
        await one.raw('{"action":"dispatch","value":"old","name":"no-rooms"}')
        await one.said()
        await (await self.client()).quiet()


class Both(Lab):
    mode = "both"

    async def test_hall_and_rooms(self):
        ann, bob = await self.pair()
        stranger = await self.client()
        await stranger.raw(json.dumps({"action": "dispatch", "value": "all", "room": None, "name": "no-rooms"}))
        for one in (ann, bob, stranger):
            self.assertEqual(await one.receive(), {"message": "all", "user": "no-rooms", "type": "client-message"})
        await ann.say("ours")
        for one in (ann, bob):
            self.assertEqual((await one.said())["user"], "ann")
        await stranger.quiet()
        self.assertEqual([m["content"] for m in (await bob.history())["messages"]], ["ours"])

    async def test_nobody_is_called_like_the_hall(self):
        """Somebody of that name could not be told from the hall."""
        one = await self.client()
        await one.raw(json.dumps({"action": "register", "value": "no-rooms"}))
        answer = await one.receive()
        self.assertEqual(answer.get("code"), "bad_name", answer)


class Order(Lab):
    data = None

    async def test_one_order_for_everybody(self):
        ann, bob = await self.pair()
        cid = await self.client("cid", "den")
        watcher = await self.client("watcher", "den")
        senders, each = (ann, bob, cid), 200

        async def send(one):
            for n in range(each):
                await one.say("%s %d" % (one.name, n))

        async def hear(one):
            return [await one.said(30) for _ in range(each * len(senders))]

        heard = (await asyncio.gather(*(hear(c) for c in (*senders, watcher)), *(send(c) for c in senders)))[:4]
        first = [(m["seq"], m["user"], m["message"]) for m in heard[0]]
        self.assertEqual([s for s, _, _ in first], list(range(1, 601)))
        for other in heard[1:]:
            self.assertEqual([(m["seq"], m["user"], m["message"]) for m in other], first)
        for one in senders:
            self.assertEqual([t for _, u, t in first if u == one.name], ["%s %d" % (one.name, n) for n in range(each)])
        self.assertEqual([(m["seq"], m["user"], m["content"]) for m in await watcher.all_history()], first)

    async def test_joining_while_others_publish(self):
        """History and what comes after it fit: no gap, nothing twice, nothing live before the answer."""
        ann, bob = await self.pair()
        total = 1500
        begun, joined = asyncio.Event(), asyncio.Event()

        async def publish(one):
            for n in range(total // 2 - 1):
                await one.say(str(n))
                await asyncio.sleep(0)
            await joined.wait()  # at least one comes while there is more to come
            await one.say("the last")

        async def hear(one):
            for n in range(total):
                self.assertEqual((await one.said(30))["seq"], n + 1)
                begun.set()

        async def join(n):
            await begun.wait()
            await asyncio.sleep(0.02 * n)
            one = await self.client("late%d" % n)
            await one.send("join-room", "den")
            answer = await one.receive()
            self.assertIn("transactWrite", answer)
            old = [m["seq"] for m in answer.get("messages", [])]
            newest = answer["newest"]
            joined.set()
            self.assertEqual(old, list(range(newest - len(old) + 1, newest + 1)))
            for seq in range(newest + 1, total + 1):
                self.assertEqual((await one.said(30))["seq"], seq)
            return newest

        results = await asyncio.gather(hear(ann), hear(bob), publish(ann), publish(bob), *(join(n) for n in range(8)))
        self.assertTrue(any(0 < newest < total for newest in results[4:]), results)


class History(Lab):
    async def test_paging(self):
        ann, bob = await self.pair()
        for n in range(1, 31):
            await ann.say(str(n))
        for n in range(1, 31):
            await ann.said()

        async def seqs(**query):
            answer = await ann.history(**query)
            self.assertEqual((answer["room"], answer["newest"]), ("den", 30))
            self.assertTrue(isinstance(answer["epoch"], str) and answer["epoch"])
            return [m["seq"] for m in answer["messages"]], answer["more"]

        self.assertEqual(await seqs(), (list(range(1, 31)), False))
        self.assertEqual(await seqs(limit=5), (list(range(26, 31)), True))
        self.assertEqual(await seqs(before=26, limit=5), (list(range(21, 26)), True))
        self.assertEqual(await seqs(before=6, limit=5), (list(range(1, 6)), False))
        self.assertEqual(await seqs(before=4, limit=5), ([1, 2, 3], False))
        self.assertEqual(await seqs(before=1), ([], False))
        self.assertEqual(await seqs(after=0, limit=5), ([1, 2, 3, 4, 5], True))
        self.assertEqual(await seqs(after=25, limit=5), ([26, 27, 28, 29, 30], False))
        self.assertEqual(await seqs(after=28), ([29, 30], False))
        self.assertEqual(await seqs(after=30), ([], False))
        self.assertEqual(await seqs(after=1000), ([], False))

    async def test_new_room_of_an_old_name_has_another_epoch(self):
        ann = await self.client("ann")
        _, first = await ann.create("den")
        await ann.send("leave-room", "leave-room")
        ann.room = None
        await ann.expect("delete-room")
        _, second = await ann.create("den")
        self.assertNotEqual(first["epoch"], second["epoch"])


class Restart(unittest.IsolatedAsyncioTestCase):
    """A stop or a crash is nobody's leaving."""

    async def restarted(self, how, keep):
        server = Chatroomd(keep=keep)
        try:
            server.start()
            ann = await Client.connect(server, "ann")
            _, confirmed = await ann.create("den")
            bob = await Client.connect(server, "bob", "den")
            texts = ["text %d" % n for n in range(40)]
            for text in texts:
                await ann.say(text)
                await ann.said()
            for _ in texts:
                await bob.said()
            if how == "stop":
                self.assertEqual(server.stop(), 0)
            else:
                server.kill()
            for one in (ann, bob):
                with self.assertRaises(websockets.ConnectionClosed) as caught:
                    await asyncio.wait_for(one.socket.recv(), 5 * PATIENCE)
                if how == "stop":
                    self.assertEqual(caught.exception.rcvd and caught.exception.rcvd.code, 1001)
            for turn in range(2):
                server.again()
                cid = await Client.connect(server)
                self.assertEqual((await cid.register("cid"))["rooms"], ["den"])
                answer = await cid.join("den")
                self.assertEqual((answer["epoch"], answer["newest"]), (confirmed["epoch"], len(texts)))
                self.assertEqual([(m["seq"], m["content"]) for m in await cid.all_history()], list(enumerate(texts, 1)))
                await cid.send("members")
                self.assertEqual((await cid.expect("members"))["members"], ["cid"])
                texts.append("after restart %d" % turn)
                await cid.say(texts[-1])
                self.assertEqual((await cid.said())["seq"], len(texts))
                if turn == 0:
                    server.stop() if how == "stop" else server.kill()
            await cid.send("leave-room", "leave-room")
            dan = await Client.connect(server)
            if keep:
                self.assertEqual((await dan.register("dan"))["rooms"], ["den"])
                self.assertEqual((await dan.join("den"))["newest"], len(texts))
            else:
                await cid.expect("delete-room")
                self.assertEqual((await dan.register("dan"))["rooms"], [])
            await dan.close()
            await cid.close()
            self.assertEqual(server.stop(), 0)
        finally:
            server.kill()
            server.finish()

    async def test_sigterm(self):
        await self.restarted("stop", False)

    async def test_sigterm_keeping_empty_rooms(self):
        await self.restarted("stop", True)

    async def test_kill(self):
        await self.restarted("kill", False)

    async def test_kill_keeping_empty_rooms(self):
        await self.restarted("kill", True)

    async def test_kill_under_load(self):
        """Ten kills: what came back to its author is there afterwards, once, at the seq it was given."""
        server = Chatroomd()
        try:
            server.start()
            acknowledged, epochs = {}, set()
            for turn in range(10):
                some = []
                for name in ("ann", "bob", "cid"):
                    one = await Client.connect(server, name)
                    epochs.add((await one.join("den"))["epoch"])
                    some.append(one)

                async def send(one, turn=turn):
                    try:
                        for n in range(100000):
                            await one.say("%s %d %d" % (one.name, turn, n), id="%d-%d" % (turn, n))
                            await asyncio.sleep(0.0005)
                    except websockets.ConnectionClosed:
                        pass

                async def hear(one):
                    count = 0
                    try:
                        while True:
                            message = json.loads(await one.socket.recv())
                            if message.get("type") == "client-message" and message["user"] == one.name:
                                self.assertNotIn(message["seq"], acknowledged)
                                acknowledged[message["seq"]] = (message["user"], message["message"])
                                count += 1
                    except websockets.ConnectionClosed:
                        return count

                tasks = [asyncio.create_task(job(one)) for one in some for job in (hear, send)]
                await asyncio.sleep(0.15 + 0.03 * turn)
                server.kill()
                counts = (await asyncio.wait_for(asyncio.gather(*tasks), 20 * PATIENCE))[::2]
                self.assertGreater(sum(counts), 0, "no load")
                server.again()
            async with await Client.connect(server, "reader") as reader:
                await reader.join("den")
                entries = await reader.all_history()
            self.assertEqual(len(epochs), 1)
            self.assertEqual([m["seq"] for m in entries], list(range(1, len(entries) + 1)))
            stored = {m["seq"]: (m["user"], m["content"]) for m in entries}
            self.assertEqual(len(set(stored.values())), len(entries), "a message is there twice")
            self.assertEqual({seq: stored.get(seq) for seq in acknowledged}, acknowledged)
            for name in ("ann", "bob", "cid"):
                mine = [tuple(map(int, re.findall(r"\d+", m["content"]))) for m in entries if m["user"] == name]
                self.assertEqual(mine, sorted(mine))
        finally:
            server.kill()
            server.finish()


def load_tests(loader, tests, pattern):
    """Without the base class, which has no tests of its own."""
    suite = unittest.TestSuite()
    for one in (Full, Deviations, Errors, Limits, Simple, Both, Order, History, Restart):
        suite.addTests(loader.loadTestsFromTestCase(one))
    return suite


if __name__ == "__main__":
    unittest.main()
