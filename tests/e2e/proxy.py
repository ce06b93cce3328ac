"""A TCP proxy that does what networks do: it delays, cuts octets into other pieces, tears connections and falls silent."""
import asyncio
import random
import socket
import struct


class Proxy:
    """To be used from one loop. What it does may be changed at any time; loss is TCP's own business, so it is delay here."""

    def __init__(self, port, seed=1):
        self.to = port
        self.random = random.Random(seed)
        self.delay = self.jitter = 0.0  # seconds, of each piece; order stays
        self.piece = 65536  # octets of the greatest
        self.pairs = set()
        self.silent = asyncio.Event()  # clear: nothing passes in either direction, and nobody is told
        self.silent.set()
        self.passed = 0

    async def start(self):
        self.server = await asyncio.start_server(self.join, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    @property
    def url(self):
        return "ws://127.0.0.1:%d/development" % self.port

    async def pump(self, reader, writer):
        while octets := await reader.read(65536):
            while octets:
                size = self.random.randint(1, self.piece)
                await asyncio.sleep(self.delay + self.random.random() * self.jitter)
                await self.silent.wait()
                writer.write(octets[:size])
                await writer.drain()
                self.passed += 1
                octets = octets[size:]
        writer.write_eof()

    async def join(self, reader, writer):
        pair = None
        try:
            there = await asyncio.open_connection("127.0.0.1", self.to)
            for one in (writer, there[1]):
                one.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            pair = (writer, there[1])
            self.pairs.add(pair)
            await asyncio.gather(self.pump(reader, there[1]), self.pump(there[0], writer))
        except (OSError, asyncio.CancelledError):
            pass  # one of them has ended, or was torn
        finally:
            self.pairs.discard(pair)
            for one in pair or (writer,):
                one.transport.abort()

    def tear(self, share=1.0):
        """Resets both sides of that share of the connections."""
        for pair in list(self.pairs):
            if self.random.random() < share:
                for one in pair:
                    if one.transport.is_closing():
                        continue
                    one.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    one.transport.abort()

    async def close(self):
        self.server.close()
        self.silent.set()
        self.tear()
        await self.server.wait_closed()
