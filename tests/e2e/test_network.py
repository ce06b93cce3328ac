"""F31, F34, F41: networks that delay, cut and fall silent, peers that die, and a server that stands still for a while.

PROVE=1 waits as long as the real deadlines are; without it, what takes more than some seconds is left out or shortened."""
import asyncio
import json
import os
import signal
import sys
import time
import unittest

import websockets

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import PATIENCE, Chatroomd, Client
from proxy import Proxy
from rawws import PING, PONG, TEXT, Raw, WebSocket, frame, upgrade_request

PROVE = os.environ.get("PROVE") == "1"
GONE = (websockets.ConnectionClosed, websockets.InvalidMessage, websockets.InvalidStatusCode, asyncio.TimeoutError, OSError)


class Case(unittest.IsolatedAsyncioTestCase):
    def start(self, **more):
        server = Chatroomd(keep=True, **more)
        self.addCleanup(server.finish)
        return server.start()

    async def proxy(self, server, **more):
        proxy = await Proxy(server.port, **more).start()
        self.addAsyncCleanup(proxy.close)
        return proxy

    def events(self, server, name):
        server.log.seek(0)
        lines = [json.loads(line) for line in server.log.read().decode("utf-8").splitlines()]
        return [line for line in lines if line["event"] == name]


class Network(Case):
    async def hear(self, client, count):
        heard = []
        while len(heard) < count:
            heard.append(await client.said(30))
        return heard

    async def test_F34_delay_jitter_and_other_pieces_change_nothing_that_is_seen(self):
        server = self.start()
        for seed, (delay, jitter, piece) in enumerate(((0, 0, 1), (0.002, 0.01, 40), (0.05, 0.1, 4096) if PROVE else (0.02, 0.04, 4096))):
            proxy = await self.proxy(server, seed=seed)
            room = "den%d" % seed
            clients = [await Client.connect(proxy, "ann%d-%d" % (seed, n), room) for n in range(4)]
            proxy.delay, proxy.jitter, proxy.piece = delay, jitter, piece

            async def talk(client):
                for n in range(10):
                    await client.say("%s %d é" % (client.name, n))
            heard = (await asyncio.gather(*(self.hear(c, 40) for c in clients), *(talk(c) for c in clients)))[:4]
            for one in heard:
                self.assertEqual([m["seq"] for m in one], list(range(1, 41)))
                self.assertEqual([m["message"] for m in one], [m["message"] for m in heard[0]])
            for client in clients:
                own = [m["message"] for m in heard[0] if m["user"] == client.name]
                self.assertEqual(own, ["%s %d é" % (client.name, n) for n in range(10)])
            async with await Client.connect(server, "reader%d" % seed, room) as reader:
                self.assertEqual([m["content"] for m in await reader.all_history()], [m["message"] for m in heard[0]])
            for client in clients:
                await client.close()

    async def test_F34_torn_connections_lose_nothing_and_double_nothing(self):
        """Each message has an id, and is said again until its author hears it; each listener pages what it missed."""
        server = self.start()
        proxy = await self.proxy(server)
        proxy.jitter, proxy.piece = 0.001, 600
        count, names = 60 if PROVE else 25, ("ann", "bob", "cid")
        seen = {name: {} for name in names}
        torn = {name: 0 for name in names}
        done = {name: 0 for name in names}

        async def catch_up(name, client):
            while True:
                page = await client.history(after=max(seen[name], default=0))
                for m in page["messages"]:
                    seen[name][m["seq"]] = m["content"]
                if not page["more"]:
                    return

        async def work(name, client):
            """Says what is not said yet, and hears, until all have said everything; or until the connection is torn."""
            await asyncio.sleep(0.1 * PATIENCE)  # what was said last is stored by now, or lost: ids count for one connection alone
            await catch_up(name, client)
            while len(seen[name]) < count * len(names):
                own = {text for text in seen[name].values() if text.startswith(name)}
                done[name] = len(own)
                if done[name] < count:
                    await client.say("%s %d" % (name, done[name]), id="%s%d" % (name, done[name]))
                message = await client.said(10)
                expected = max(seen[name], default=0) + 1
                self.assertLessEqual(message["seq"], expected)
                seen[name][message["seq"]] = message["message"]

        async def live(name):
            while len(seen[name]) < count * len(names):
                try:
                    client = await Client.connect(proxy, name, "den")
                    await work(name, client)
                    await client.close()
                except AssertionError as error:
                    if "'rate_limited'" not in str(error) and "'busy'" not in str(error):
                        raise
                except GONE:
                    torn[name] += 1

        async def tear():
            while True:
                await asyncio.sleep(0.05 + proxy.random.random() * 0.25)
                proxy.tear(0.6)
        tearing = asyncio.create_task(tear())
        try:
            await asyncio.wait_for(asyncio.gather(*map(live, names)), 120 * PATIENCE)
        finally:
            tearing.cancel()
        self.assertGreater(sum(torn.values()), 0)
        async with await Client.connect(server, "reader", "den") as reader:
            entries = await reader.all_history()
        stored = {m["seq"]: m["content"] for m in entries}
        self.assertEqual(sorted(stored), list(range(1, len(entries) + 1)))
        self.assertEqual(len(set(stored.values())), len(entries), "a message is there twice")
        self.assertEqual(len(entries), count * len(names))
        for name in names:
            self.assertEqual(seen[name], stored)

    @unittest.skipUnless(PROVE, "it takes 36 seconds")
    async def test_F31_a_peer_that_fell_silent_is_found_within_36_seconds(self):
        server = self.start()
        proxy = await self.proxy(server)
        dead = await Client.connect(proxy, "dead", "den")
        alive = await Client.connect(server, "alive", "den")
        proxy.silent.clear()
        start = time.monotonic()
        answer = {"count": 2}
        while answer["count"] == 2:
            self.assertLess(time.monotonic() - start, 36 * PATIENCE)
            await asyncio.sleep(0.2)
            await alive.raw('{"action":"members"}')
            answer = await alive.expect("members")
        self.assertGreater(time.monotonic() - start, 30)
        self.assertEqual([e["cause"] for e in self.events(server, "disconnect")], ["network"])
        await alive.close()
        dead.socket.transport.abort()


class Pause(Case):
    """F41: SIGSTOP and SIGCONT."""


    async def test_F41_a_pause_times_out_nobody_who_went_on(self):
        pause, quiet = (60, 60) if PROVE else (11, 3)
        server = self.start()
        ann = await Client.connect(server, "ann", "den")
        peers = [WebSocket(server.address, "/development") for _ in range(quiet)]
        if PROVE:  # each has a question to answer when the server stops
            for peer in peers:
                peer.expect("ping", b"", timeout=40)
        half = WebSocket(server.address, "/development")
        half.send(frame(TEXT, b'{"action":', fin=0))
        late = Raw(server.address)
        request = upgrade_request("/development")
        late.write(request[:40])
        await asyncio.sleep(0.3)
        server.process.send_signal(signal.SIGSTOP)
        try:
            for peer in peers:
                peer.send(frame(PONG, b""))
            half.send(frame(0, b'"members"}'))
            late.write(request[40:])
            await ann.say("said to a server that stands still")
            await asyncio.sleep(pause)
        finally:
            server.process.send_signal(signal.SIGCONT)
        self.assertEqual((await ann.said(10))["message"], "said to a server that stands still")
        self.assertEqual(late.response()[0], 101)
        self.assertIn(b"no_room", half.event()[1])
        for peer in peers:
            peer.send(frame(PING, b"there?"))
            events = [peer.event()]
            while events[-1] == ("ping", b""):
                events.append(peer.event())
            self.assertEqual(events[-1], ("pong", b"there?"))
            peer.socket.close()
        self.assertEqual([e for name in ("timed_out", "protocol_error", "slow_consumer") for e in self.events(server, name)], [])
        late.socket.close()
        half.socket.close()
        await ann.close()


if __name__ == "__main__":
    unittest.main()
