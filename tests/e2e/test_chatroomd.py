"""chatroomd as the person who runs it meets it: what it says, what it refuses, how it ends, what it logs and what it serves."""
import asyncio
import fcntl
import http.client
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

import websockets

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import PATIENCE, Chatroomd, Client, Server
from rawws import WebSocket, upgrade_request, Raw

PROGRAM = os.environ.get("CHATROOMD", "")
FREE = ("--listen", "127.0.0.1:0")
SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples", "chatroomd")
OPTIONS = ("config", "listen", "origin", "data", "memory", "stage", "mode", "keep-empty-rooms", "no-rate-limits", "threads",
           "profile", "durability", "verify", "reserve", "log-level", "chat", "route-selection", "api-id", "region", "account-id", "domain", "secure",
           "throttle", "metrics", "access-log", "access-log-file", "debug-refusals", "verify-store", "check", "version", "help")


def run(*arguments, **more):
    return subprocess.run([PROGRAM, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=20 * PATIENCE, **more)


class Plain(Server):
    """chatroomd with these arguments and no others."""

    def __init__(self, *arguments, pattern=r"WebSocket at ws://127\.0\.0\.1:(\d+)/"):
        super().__init__("CHATROOMD", pattern, list(arguments))

    def events(self):
        """The log so far; every line must be a JSON object."""
        self.log.seek(0)
        return [json.loads(line) for line in self.log.read().decode("utf-8").splitlines()]


def fetch(port, path, method="GET", headers={}):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10 * PATIENCE)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="chatroomd-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self, *arguments, **more):
        server = Plain(*arguments, **more)
        self.addCleanup(server.log.close)
        self.addCleanup(server.kill)
        return server.start()


class Words(Case):
    def test_help_names_every_option_and_exit_code(self):
        answer = run("--help")
        self.assertEqual((answer.returncode, answer.stderr), (0, ""))
        for option in OPTIONS:
            self.assertIn("--" + option, answer.stdout)
        for code in range(11):
            self.assertRegex(answer.stdout, r"[ \n]%d (the|an|ended)" % code if code != 2 else r" 2 a wrong option")

    def test_manual_and_example_file_know_every_option(self):
        with open(os.path.join(SOURCE, "chatroomd.1"), encoding="utf-8") as file:
            manual = file.read().replace("\\-", "-")
        with open(os.path.join(SOURCE, "chatroomd.ini"), encoding="utf-8") as file:
            example = file.read()
        for option in OPTIONS:
            self.assertIn("--" + option, manual)
            if option not in ("config", "verify-store", "check", "version", "help"):
                self.assertRegex(example, r"(?m)^(# )?%s = " % option)

    def test_every_line_of_the_example_file_is_accepted(self):
        with open(os.path.join(SOURCE, "chatroomd.ini"), encoding="utf-8") as file:
            text = re.sub(r"(?m)^# ([a-z-]+ = )", r"\1", file.read())
        text = text.replace("./chatroom-data", self.path("data")).replace("/run/chatroomd/chatroomd.sock", self.path("s"))
        text = text.replace(":8080", ":0").replace("./chatroom-access.log", self.path("access"))
        with open(self.path("ini"), "w", encoding="utf-8") as file:
            file.write(text)
        server = self.start("--config", self.path("ini"))
        self.assertEqual(server.stop(), 0)

    def test_version(self):
        answer = run("--version")
        self.assertEqual((answer.returncode, answer.stderr), (0, ""))
        self.assertRegex(answer.stdout, r"^chatroomd \d+\.\d+\.\d+\n$")


class Refusals(Case):
    def refused(self, code, words, *arguments, **more):
        """One sentence and the exit code; log lines may stand before it."""
        answer = run(*arguments, **more)
        sentences = [line for line in answer.stderr.splitlines() if not line.startswith("{")]
        self.assertEqual((answer.returncode, len(sentences)), (code, 1), answer.stderr)
        self.assertTrue(sentences[0].startswith("chatroomd: "), sentences[0])
        self.assertIn(words, sentences[0])
        return sentences[0]

    def test_options(self):
        self.refused(2, "--nonsense is no option", "--nonsense")
        self.refused(2, "--memory: contradicts data", "--memory", "--data", self.path("x"))
        self.refused(2, "--stage: needs", "--stage", "a b")
        self.refused(2, "is not expected", "extra")
        self.assertEqual(os.listdir(self.folder), [])

    def test_controls_do_not_reach_the_terminal(self):
        self.assertNotIn("\x1b", self.refused(2, "is no option", "--x\x1b[31m\n"))

    def test_file_with_its_line(self):
        with open(self.path("ini"), "w", encoding="utf-8") as file:
            file.write("# one\nstage = ok\nmode = half\n")
        self.refused(2, self.path("ini") + ":3: mode: ", "--config", self.path("ini"))
        self.refused(2, "No such file", "--config", self.path("none"))

    def test_port_is_taken(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            self.refused(3, str(taken.getsockname()[1]), "--memory", "--listen", "127.0.0.1:%d" % taken.getsockname()[1])

    def test_address_is_not_of_this_machine(self):
        self.refused(9, "192.0.2.1:8080", "--memory", "--listen", "192.0.2.1:8080")
        self.refused(9, self.path("none/s"), "--memory", "--listen", "unix:" + self.path("none/s"))

    def test_address_is_not_permitted(self):
        os.chmod(self.folder, 0o755)
        os.mkdir(self.path("closed"), 0o555)
        self.refused(10, self.path("closed/s"), "--memory", "--listen", "unix:" + self.path("closed/s"), **self.other_user())

    def test_directory_cannot_be_used(self):
        with open(self.path("file"), "w", encoding="utf-8"):
            pass
        for name in (self.path("file"), self.path("file/below"), self.path("none/below")):
            self.refused(4, name, *FREE, "--data", name)

    def other_user(self):
        """For root, who may write everywhere: a user who may not."""
        user = {"user": 65534} if os.geteuid() == 0 else {}
        try:
            run("--version", **user).check_returncode()
        except (OSError, subprocess.CalledProcessError):
            self.skipTest("no other user may run the program from where it was built")
        return user

    def test_directory_is_not_writable(self):
        os.chmod(self.folder, 0o755)
        os.mkdir(self.path("data"), 0o555)
        self.refused(4, self.path("data"), *FREE, "--data", self.path("data"), **self.other_user())

    def test_store_is_in_use(self):
        server = self.start(*FREE, "--data", self.path("data"))
        self.refused(5, "another process", *FREE, "--data", self.path("data"))
        self.assertEqual(server.stop(), 0)

    def test_store_is_of_another_format(self):
        os.mkdir(self.path("data"))
        with open(self.path("data/data.mdb"), "wb") as file:
            file.write(os.urandom(65536))
        self.refused(6, self.path("data"), *FREE, "--data", self.path("data"))
        self.assertEqual(os.path.getsize(self.path("data/data.mdb")), 65536)

    def test_store_is_damaged(self):
        server = self.start(*FREE, "--data", self.path("data"), "--keep-empty-rooms")

        async def fill():
            async with await Client.connect(Address(server.port), "ann", "den") as ann:
                for n in range(10):
                    await ann.say("message %d" % n)
                    await ann.said()
        asyncio.run(fill())
        self.assertEqual(server.stop(), 0)
        with open(self.path("data/data.mdb"), "r+b") as file:
            pages = file.read(1 << 20)[8192:].rstrip(b"\0")  # all but the two that say what the file is
            file.seek(8192)
            file.write(bytes(b ^ 0xff for b in pages))
        self.refused(7, self.path("data"), *FREE, "--data", self.path("data"))

    def test_sections_with_their_line(self):
        with open(self.path("ini"), "w", encoding="utf-8") as file:
            file.write("memory = yes\n[route hello]\ntype = mock\nurl = http://x/\n")
        self.refused(2, self.path("ini") + ":4: [route hello] url: is no key of type = mock", "--config", self.path("ini"))
        with open(self.path("ini"), "w", encoding="utf-8") as file:
            file.write("memory = yes\nlisten = 127.0.0.1:0\n[domain a/b]\n")
        self.refused(2, self.path("ini") + ":3: [domain a/b]: needs a host", "--config", self.path("ini"))

    def test_what_only_the_library_knows(self):
        self.refused(2, "--access-log: ", "--memory", *FREE, "--access-log", "$context.nonsense")
        self.refused(4, "access-log-file: cannot write", "--memory", *FREE, "--access-log", "x", "--access-log-file",
                     self.path("none/x"))
        self.refused(2, "--route-selection: ", "--memory", *FREE, "--chat", "no", "--route-selection", "$request.body..x")
        with open(self.path("ini"), "w", encoding="utf-8") as file:
            file.write("memory = yes\nchat = no\nroute-selection = $request.body..x\naccess-log = $context.nonsense\n")
        self.refused(2, self.path("ini") + ":3: route-selection: ", "--config", self.path("ini"), *FREE)
        self.refused(2, self.path("ini") + ":4: access-log: ", "--config", self.path("ini"), *FREE, "--route-selection", "x")
        self.refused(2, "--access-log: ", "--config", self.path("ini"), *FREE, "--route-selection", "x", "--access-log",
                     "$context.other")


class Check(Case):
    """What --check says, and that it leaves nothing behind."""

    GOOD = ("listen = %s\ndata = data\nmetrics = /metrics\naccess-log = $context.status\naccess-log-file = access\n"
            "[management]\nallow-unsigned-loopback = yes\n[route $default]\ntype = mock\n")

    def check(self, text, *arguments):
        with open(self.path("ini"), "w", encoding="utf-8") as file:
            file.write(text)
        return run("--check", "--config", self.path("ini"), *arguments, cwd=self.path("."))

    def test_a_good_file_is_good_also_while_a_server_runs_on_it(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            answer = self.check(self.GOOD % ("127.0.0.1:%d" % taken.getsockname()[1]))
        self.assertEqual((answer.returncode, answer.stdout, answer.stderr), (0, self.path("ini") + " is good.\n", ""))
        self.assertEqual(os.listdir(self.path(".")), ["ini"])

    def test_flags_alone(self):
        answer = run("--check", "--memory")
        self.assertEqual((answer.returncode, answer.stdout, answer.stderr), (0, "The options are good.\n", ""))

    def test_what_a_start_would_refuse_is_refused(self):
        good = self.GOOD % "127.0.0.1:0"
        for text, words in ((good + "url = http://x/\n", ":10: [route $default] url: is no key of type = mock"),
                            (good + "[domain a/b]\n", ":10: [domain a/b]: needs a host"),
                            (good.replace(".status", ".nonsense"), ":4: access-log: ")):
            answer = self.check(text)
            self.assertEqual((answer.returncode, answer.stdout), (2, ""), text)
            self.assertIn("chatroomd: " + self.path("ini") + words, answer.stderr)
        self.assertEqual(os.listdir(self.path(".")), ["ini"])


class Start(Case):
    def lines(self, *arguments):
        """What it says at start, in full; then it is stopped."""
        process = subprocess.Popen([PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            lines = [process.stdout.readline() for _ in range(5)]
            process.send_signal(signal.SIGTERM)
            lines += process.stdout.read().splitlines(True)
            self.assertEqual(process.wait(10 * PATIENCE), 0)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
        return "".join(lines)

    def test_says_where_and_what(self):
        text = self.lines(*FREE, "--data", self.path("data"), "--stage", "prod", "--durability", "async")
        self.assertRegex(text, r"^chatroomd \d+\.\d+\.\d+\n")
        self.assertIn("Data in %s, durability async: a power cut may lose the last second\n" % self.path("data"), text)
        self.assertIn("Rooms found: 0\n", text)
        port = re.search(r"Page at http://127\.0\.0\.1:(\d+)/\n", text).group(1)
        self.assertIn("WebSocket at ws://127.0.0.1:%s/prod\n" % port, text)

    def test_says_that_memory_forgets(self):
        self.assertIn("Data in memory: it is gone when the server ends\n", self.lines(*FREE, "--memory"))

    def spoil(self, data, spoilt):
        """Every page of the file but the first two, as spoilt(page) makes it of what it holds; empty ones stay."""
        with open(os.path.join(data, "data.mdb"), "r+b") as file:
            for number in range(2, 200):
                file.seek(number * 4096)
                page = file.read(4096)
                if page.strip(b"\0"):
                    file.seek(number * 4096)
                    file.write(spoilt(page))

    def test_F07_damaged_data_is_found_by_a_child_and_refused(self):
        data = self.path("data")
        answer = run("--data", data, "--verify-store")
        self.assertEqual((answer.returncode, answer.stderr), (4, "chatroomd: There is no store in %s.\n" % data))
        server = self.start(*FREE, "--data", data, "--keep-empty-rooms")

        async def talk():
            async with await Client.connect(Address(server.port), "ann", "den") as client:
                await client.say("this will be spoilt")
                while (await client.receive(20)).get("type") != "client-message":
                    pass
        asyncio.run(talk())
        answer = run("--data", data, "--verify-store")
        self.assertEqual(answer.returncode, 5)
        self.assertEqual(server.stop(), 0)
        answer = run("--data", data, "--verify-store")
        self.assertEqual((answer.returncode, answer.stderr), (0, ""))
        self.assertRegex(answer.stdout, r"^The store in .* is sound: \d+ pages, \d+ records\.\n$")
        server = self.start(*FREE, "--data", data, "--keep-empty-rooms")
        self.assertEqual([e["damaged"] for e in server.events() if e["event"] == "store_sound"], [0])
        self.assertEqual(server.stop(), 0)
        self.spoil(data, lambda page: page.replace(b"will be", b"cannot"))
        self.assertEqual(run("--data", data, "--verify-store").returncode, 7)
        server = self.start(*FREE, "--data", data, "--keep-empty-rooms", "--verify", "full")
        self.assertEqual([e["damaged"] for e in server.events() if e["event"] == "records_damaged"], [1])
        self.assertEqual(server.stop(), 0)
        self.spoil(data, lambda page: page[:12] + b"\xff\xff" + page[14:])
        for arguments in ((), ("--verify", "full"), ("--verify-store",)):
            answer = run(*FREE, "--data", data, *arguments)
            self.assertEqual(answer.returncode, 7)
            self.assertRegex(answer.stderr, r"chatroomd: The store in .* is damaged and was not opened \(page \d+, of .*\)\. Restore a copy")

    def test_counts_the_rooms_it_finds(self):
        server = self.start(*FREE, "--data", self.path("data"), "--keep-empty-rooms")

        async def make():
            for name in ("one", "two"):
                async with await Client.connect(Address(server.port), name) as client:
                    await client.create(name)
        asyncio.run(make())
        self.assertEqual(server.stop(), 0)
        self.assertIn("Rooms found: 2\n", self.lines(*FREE, "--data", self.path("data"), "--keep-empty-rooms"))

    def test_file_and_flags(self):
        with open(self.path("ini"), "w", encoding="utf-8") as file:
            file.write("listen = 127.0.0.1:0\nmemory = yes\nstage = fromfile\nmode = simple\n")
        server = self.start("--config", self.path("ini"), "--stage", "fromflag")
        config = json.loads(fetch(server.port, "/config.json")[1])
        self.assertEqual((config["stage"], config["mode"]), ("fromflag", "simple"))
        self.assertEqual(server.stop(), 0)

    def test_local_socket(self):
        path = self.path("sock")
        text = re.escape("Local socket %s: page at /, WebSocket at /development" % path)
        server = self.start("--memory", "--listen", "unix:" + path, *FREE, pattern=r"(?s)%s.*127\.0\.0\.1:(\d+)/" % text)
        with socket.socket(socket.AF_UNIX) as one:
            one.settimeout(10 * PATIENCE)
            one.connect(path)
            one.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            self.assertTrue(one.recv(4096).startswith(b"HTTP/1.1 200 "))

        async def speak():
            socket = await websockets.unix_connect(path, "ws://localhost/development", open_timeout=10 * PATIENCE)
            await socket.send('{"action":"register","value":"ann"}')
            self.assertEqual(json.loads(await socket.recv())["type"], "signup")
            await socket.close()
        asyncio.run(speak())
        self.assertEqual(server.stop(), 0)

    def test_T33_plain_tcp_for_others_is_warned_of_once(self):
        server = self.start("--memory", "--listen", "0.0.0.0:0", *FREE)
        warnings = [e for e in server.events() if e["event"] == "plain_tcp"]
        self.assertEqual([(w["level"], w["address"].split(":")[0]) for w in warnings], [("warn", "0.0.0.0")])
        self.assertEqual(server.stop(), 0)

    def test_takes_all_the_descriptors_it_may(self):
        server = Plain("--memory", *FREE)
        server.command = ["/bin/sh", "-c", "ulimit -Sn 64; exec \"$@\"", "sh", *server.command]
        self.addCleanup(server.kill)
        server.start()
        limits = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
        self.assertEqual(limits[0], limits[1])
        self.assertGreater(limits[0], 64)
        self.assertEqual(server.stop(), 0)
        server.log.close()


class Address:
    """What Client.connect() needs of a server."""

    def __init__(self, port, stage="development"):
        self.url = "ws://127.0.0.1:%d/%s" % (port, stage)


class End(Case):
    def test_all_signals_drain(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            server = self.start("--memory", *FREE)

            async def told():
                socket = await websockets.connect(Address(server.port).url, ping_interval=None)
                server.process.send_signal(number)
                with self.assertRaises(websockets.ConnectionClosed) as end:
                    await asyncio.wait_for(socket.recv(), 10 * PATIENCE)
                return end.exception.rcvd.code
            self.assertEqual(asyncio.run(told()), 1001)
            self.assertEqual(server.process.wait(10 * PATIENCE), 0)

    def test_F42_sigterm_under_load_loses_nothing_acknowledged(self):
        """So often, a hundred times in ./dev prove: each client is told 1001, the exit code is 0, and what came back to its author is there, once."""
        server = Chatroomd(keep=True)
        self.addCleanup(server.log.close)
        self.addCleanup(shutil.rmtree, server.own)
        self.addCleanup(server.kill)
        server.start()
        acknowledged = {}

        async def talk(client, turn):
            try:
                for n in range(100000):
                    await client.say("%s %d %d" % (client.name, turn, n))
                    await asyncio.sleep(0)
            except websockets.ConnectionClosed:
                pass

        async def hear(client):
            try:
                while True:
                    message = await client.receive(20)
                    if message.get("type") == "client-message" and message["user"] == client.name:
                        acknowledged[message["seq"]] = message["message"]
            except websockets.ConnectionClosed as end:
                return end.rcvd and end.rcvd.code

        async def cycle(turn):
            clients = [await Client.connect(server, name, "den") for name in ("ann", "bob")]
            talkers = [asyncio.create_task(talk(c, turn)) for c in clients]
            hearers = [asyncio.create_task(hear(c)) for c in clients]
            await asyncio.sleep(0.02)
            server.process.send_signal(signal.SIGTERM)
            codes = await asyncio.wait_for(asyncio.gather(*hearers), 30 * PATIENCE)
            await asyncio.gather(*talkers)
            return codes

        async def read():
            async with await Client.connect(server, "reader", "den") as reader:
                return await reader.all_history()

        for turn in range(int(os.environ.get("F42_CYCLES", "10"))):
            self.assertEqual(asyncio.run(cycle(turn)), [1001, 1001])
            self.assertEqual(server.process.wait(30 * PATIENCE), 0)  # before stop(), which would send a second signal
            self.assertEqual(server.stop(), 0)
            server.again()
        entries = asyncio.run(read())
        self.assertEqual([m["seq"] for m in entries], list(range(1, len(entries) + 1)))
        stored = {m["seq"]: m["content"] for m in entries}
        self.assertGreater(len(acknowledged), 10)
        self.assertEqual(len(set(stored.values())), len(entries), "a message is there twice")
        self.assertEqual({seq: stored.get(seq) for seq in acknowledged}, acknowledged)
        self.assertEqual(server.stop(), 0)

    def test_second_signal_ends_at_once(self):
        server = self.start("--memory", *FREE)
        with WebSocket(server.address, "/development") as slow:
            server.process.send_signal(signal.SIGTERM)
            self.assertEqual(slow.event()[:2], ("close", 1001))  # and it does not answer: the server waits for it
            server.process.send_signal(signal.SIGINT)
            self.assertEqual(server.process.wait(10 * PATIENCE), 8)
        self.assertIn("ended at once by a second signal", server.errors())

    def test_nobody_new_while_it_drains(self):
        server = self.start("--memory", *FREE)
        with WebSocket(server.address, "/development") as slow:
            server.process.send_signal(signal.SIGTERM)
            self.assertEqual(slow.event()[:2], ("close", 1001))
            with self.assertRaises(OSError), socket.create_connection(server.address, 5 * PATIENCE) as late:
                late.sendall(upgrade_request("/development"))
                raise ConnectionError("no answer") if late.recv(4096) == b"" else AssertionError("let in")
        self.assertEqual(server.process.wait(10 * PATIENCE), 0)

    def test_without_standard_streams_nothing_is_printed_into_the_store(self):
        data, path = os.path.join(self.folder, "data"), os.path.join(self.folder, "socket")
        closed = [PROGRAM, "--data", data, "--listen", "unix:" + path]
        process = subprocess.Popen(["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *closed])
        try:
            deadline = time.monotonic() + 10 * PATIENCE
            while not os.path.exists(path) and time.monotonic() < deadline:
                time.sleep(0.02)
            for descriptor in range(3 if os.geteuid() == 0 else 0):  # nobody else may look into what is not dumpable
                self.assertEqual(os.readlink("/proc/%d/fd/%d" % (process.pid, descriptor)), "/dev/null")
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(10 * PATIENCE), 0)
        finally:
            process.kill()
            process.wait()
        self.assertEqual(self.start(*FREE, "--data", data).stop(), 0)

    def test_what_cannot_be_printed_is_told(self):
        with open("/dev/full", "w") as full:
            result = subprocess.run([PROGRAM, "--help"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=20 * PATIENCE)
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, r"^chatroomd: .*could not be printed\.\n$")

    def test_reader_of_standard_output_may_be_gone(self):
        process = subprocess.Popen([PROGRAM, "--memory", *FREE], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdout.close()
        try:
            self.assertIn(b"listening", process.stderr.readline())
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(10 * PATIENCE), 0)
        finally:
            process.kill()
            process.wait()
            process.stderr.close()


class Space(Case):
    """A file system of 80 MiB that only the server sees."""
    MOUNT = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o size=80m none "$0" && exec "$@"']

    def on_small_disk(self, *arguments):
        if subprocess.run([*self.MOUNT, self.folder, "true"], capture_output=True).returncode:
            self.skipTest("no disk can be mounted")
        server = Plain(*FREE, "--data", self.path("data"), "--keep-empty-rooms", *arguments)
        server.command = [*self.MOUNT, self.folder, *server.command]
        self.addCleanup(server.log.close)
        self.addCleanup(server.kill)
        return server.start()

    def fill(self, server, mib):
        """A file beside the data, in the server's own view; its name."""
        name = "/proc/%d/root%s" % (server.process.pid, self.path("filler"))
        with open(name, "wb") as file:
            file.write(b"x" * (mib << 20))
        time.sleep(1.1)  # the disk is looked at once a second
        return name

    def test_T36_low_space_refuses_messages_and_takes_them_again(self):
        server = self.on_small_disk()

        async def talk():
            async with await Client.connect(Address(server.port), "ann", "den") as ann:
                await ann.say("one")
                await ann.said()
                filler = self.fill(server, 17)
                await ann.say("none")
                await ann.error("storage_full")
                async with await Client.connect(Address(server.port), "bob", "den") as bob:
                    await bob.send("new-room", "new")
                    await bob.error("storage_full")
                os.unlink(filler)
                time.sleep(1.1)
                await ann.say("two")
                await ann.said()
                return [item["content"] for item in (await ann.history(room="den"))["messages"]]
        self.assertEqual(asyncio.run(talk()), ["one", "two"])
        self.assertEqual(server.stop(), 0)
        events = [(e["event"], e["level"]) for e in server.events() if e["event"].startswith("store_")]
        self.assertEqual([e for e in events if e[0] not in ("store_open", "store_sound")],
                         [("store_low", "warn"), ("store_full", "error"), ("store_has_room", "info")])

    def test_T36_without_a_reserve_the_disk_may_get_full(self):
        server = self.on_small_disk("--reserve", "0")

        async def talk():
            async with await Client.connect(Address(server.port), "ann", "den") as ann:
                self.fill(server, 78)
                await ann.say("one")
                await ann.said()
        asyncio.run(talk())
        self.assertEqual(server.stop(), 0)


class Log(Case):
    HOSTILE = "a\x80\x9b\xff\"\\\xe2\x80\xae{\"event\":\"forged\"}" + "x" * 2000

    def hostile(self, port):
        with Raw(("127.0.0.1", port)) as peer:
            request = upgrade_request("/development", extra=["User-Agent: " + self.HOSTILE])
            peer.write(request if isinstance(request, bytes) else request.encode("latin-1"))
            peer.response()

    def test_T21_planted_text_stays_inside_its_line(self):
        server = self.start("--memory", *FREE, "--log-level", "debug")
        self.hostile(server.port)
        self.assertEqual(server.stop(), 0)
        events = server.events()
        found = [e for e in events if e["event"] == "connect"]
        self.assertEqual(len(found), 1)
        self.assertLessEqual(len(json.dumps(found[0]["user_agent"])), 256 + 2)
        self.assertNotIn("forged", [e["event"] for e in events])
        server.log.seek(0)
        self.assertIsNone(re.search(rb"[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80\xae", server.log.read()))
        for event in events:
            self.assertRegex(event["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            self.assertIn(event["level"], ("error", "warn", "info", "debug"))

    def test_level(self):
        server = self.start("--memory", *FREE, "--log-level", "warn")
        self.hostile(server.port)
        self.assertEqual(server.stop(), 0)
        self.assertEqual(server.events(), [])

    def test_F25_a_reader_that_stopped_does_not_stop_the_server(self):
        read, write = os.pipe()
        fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
        process = subprocess.Popen([PROGRAM, "--memory", "--no-rate-limits", *FREE], stdout=subprocess.PIPE, stderr=write)
        os.close(write)
        try:
            text = b""
            while not (found := re.search(rb"WebSocket at ws://127\.0\.0\.1:(\d+)/", text)):
                piece = os.read(process.stdout.fileno(), 4096)
                self.assertTrue(piece)
                text += piece

            async def go():
                for _ in range(100):
                    async with await Client.connect(Address(int(found.group(1))), "ann"):
                        pass
            asyncio.run(go())
            lines = os.read(read, 65536).decode().splitlines()
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(10 * PATIENCE), 0)
            while piece := os.read(read, 65536).decode():
                lines += piece.splitlines()
            lost = [e for e in map(json.loads, lines) if e["event"] == "log_lost"]
            self.assertGreater(sum(e["lines"] for e in lost), 0)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
            os.close(read)


class Served(Case):
    """The page's files, and what stands between them and mischief."""
    FILES = {"/": "text/html", "/app.js": "text/javascript", "/connection.js": "text/javascript", "/view.js": "text/javascript",
             "/roomlog.js": "text/javascript", "/questions.js": "text/javascript", "/outbox.js": "text/javascript",
             "/style.css": "text/css", "/icon.svg": "image/svg+xml",
             "/config.json": "application/json"}

    def test_every_file_with_its_type_and_policy(self):
        server = self.start("--memory", *FREE)
        for path, kind in self.FILES.items():
            answer, body = fetch(server.port, path)
            self.assertEqual((answer.status, answer.headers.get_content_type()), (200, kind), path)
            policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["Content-Security-Policy"].split(";"))
            self.assertEqual({k: policy[k] for k in ("default-src", "frame-ancestors", "base-uri", "form-action")},
                             dict.fromkeys(("default-src", "frame-ancestors", "base-uri", "form-action"), "'none'"))
            self.assertEqual({k: policy[k] for k in ("script-src", "style-src", "connect-src")},
                             dict.fromkeys(("script-src", "style-src", "connect-src"), "'self'"))
            self.assertEqual(policy["require-trusted-types-for"], "'script'")
            self.assertNotIn("unsafe", answer.headers["Content-Security-Policy"])
            self.assertEqual(answer.headers.get_all("Referrer-Policy"), ["no-referrer"])
            self.assertEqual(answer.headers.get_all("X-Content-Type-Options"), ["nosniff"])
            self.assertGreater(len(body), 0)
        self.assertEqual(fetch(server.port, "/nothing")[0].status, 404)
        self.assertEqual(json.loads(fetch(server.port, "/health")[1]), {"status": "ok"})
        self.assertEqual(server.stop(), 0)

    def test_T19_nothing_in_the_page_makes_markup_of_text(self):
        banned = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|setHTML|\beval\b|new Function|postMessage|" \
                 r"createContextualFragment|srcdoc|\.(href|src)\s*=|setAttribute\(\"(on|style|href|src)"
        for path in self.FILES:
            if path == "/config.json":
                continue
            with open(os.path.join(SOURCE, "index.html" if path == "/" else path[1:]), encoding="utf-8") as file:
                text = file.read()
            if path.endswith(".js"):
                self.assertIsNone(re.search(banned, text), path)
            self.assertIsNone(re.search(r"https?://(?!www\.w3\.org/)|//cdn", text), path)
            if path == "/":
                self.assertIsNone(re.search(r"\s(on\w+|style)=|<style|javascript:|<script(?![^>]*src=)", text))

    def test_longest_message_follows_the_profile(self):
        for profile, size in (("default", 131072), ("aws", 32768)):
            server = self.start("--memory", *FREE, "--profile", profile)
            self.assertEqual(json.loads(fetch(server.port, "/config.json")[1])["bytes"], size)

            async def over():
                async with await Client.connect(Address(server.port), "ann", "den") as ann:
                    await ann.raw(json.dumps({"action": "dispatch", "value": "x" * (size - 60)}))
                    self.assertEqual(len((await ann.said())["message"]), size - 60)
                    await ann.raw(json.dumps({"action": "dispatch", "value": "x" * size}))
                    with self.assertRaises(websockets.ConnectionClosed) as end:
                        await asyncio.wait_for(ann.socket.recv(), 10 * PATIENCE)
                    self.assertEqual(end.exception.rcvd.code, 1009)
            asyncio.run(over())
            self.assertEqual(server.stop(), 0)

    def test_no_rate_limits_lifts_them(self):
        for arguments, limited in (((), True), (("--no-rate-limits",), False)):
            server = self.start("--memory", *FREE, *arguments)

            async def flood():
                async with await Client.connect(Address(server.port), "ann", "den") as ann:
                    for n in range(100):
                        await ann.say("m %d" % n)
                    for _ in range(100):  # refusals are told of once a second, so not each has an answer
                        if (await ann.receive()).get("code") == "rate_limited":
                            return True
                    return False
            self.assertEqual(asyncio.run(flood()), limited)
            self.assertEqual(server.stop(), 0)

    def test_other_pages_only_where_allowed(self):
        def status(server, origin):
            headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Origin": origin,
                       "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
            return fetch(server.port, "/development", headers=headers)[0].status if origin else None
        server = self.start("--memory", *FREE)
        own = "http://127.0.0.1:%d" % server.port
        self.assertEqual((status(server, own), status(server, "https://chat.example")), (101, 403))
        server = self.start("--memory", *FREE, "--origin", "https://chat.example")
        self.assertEqual((status(server, "https://chat.example"), status(server, "https://evil.example")), (101, 403))
        server = self.start("--memory", *FREE, "--origin", "*")
        self.assertEqual((status(server, "https://evil.example"), status(server, "null")), (101, 101))


class Gateway(Case):
    """Sections of the file: what they make, and what is said of them."""
    LISTEN = "listen = 127.0.0.1:0\nmemory = yes\nstage = prod\nno-rate-limits = yes\n"
    MOCK = "[route hello]\ntype = mock\nbody = hi there\ntwo-way = yes\n"

    def gateway(self, text, **more):
        with open(self.path("ini"), "w", encoding="utf-8") as file:
            file.write(self.LISTEN + text)
        os.chmod(self.path("ini"), 0o600)
        return self.start("--config", self.path("ini"), **more)

    def with_management(self, text):
        """With a listener for management: the server, and that listener's port."""
        server = self.gateway(text, pattern=r"(?s)WebSocket at ws://127\.0\.0\.1:(\d+)/prod\n.*Management API at http://127")
        events = [e for e in server.events() if e["event"] == "management"]
        self.assertEqual(len(events), 1 if "apart" in text else 2)
        return server, int(events[-1]["address"].rsplit(":", 1)[1])

    def talk(self, port, *messages, during=lambda: None):
        async def go():
            socket = await websockets.connect("ws://127.0.0.1:%d/prod" % port, open_timeout=10 * PATIENCE, compression=None)
            answers = []
            for message in messages:
                await socket.send(message)
                answers.append(await asyncio.wait_for(socket.recv(), 10 * PATIENCE))
            result = await asyncio.get_running_loop().run_in_executor(None, during)
            await socket.close()
            return answers, result
        return asyncio.run(go())

    def test_a_route_answers_and_the_chat_is_away(self):
        server = self.gateway(self.MOCK)
        answers, _ = self.talk(server.port, '{"action":"hello"}', '{"action":"register","value":"ann"}')
        self.assertEqual(answers[0], "hi there")
        self.assertRegex(answers[1], r'^{"message": "Forbidden", "connectionId":"[^"]{16}", "requestId":"[^"]{16}"}$')
        self.assertEqual([fetch(server.port, path)[0].status for path in ("/", "/health")], [404, 200])
        route, = [e for e in server.events() if e["event"] == "route"]
        self.assertEqual((route["level"], route["route"], route["type"], route["target"], route["two_way"]),
                         ("info", "hello", "mock", "none", 1))
        self.assertEqual(server.stop(), 0)

    def test_routes_beside_the_chat(self):
        server = self.gateway("chat = yes\n" + self.MOCK)
        answers, _ = self.talk(server.port, '{"action":"hello"}', '{"action":"register","value":"ann"}')
        self.assertEqual((answers[0], json.loads(answers[1])["type"]), ("hi there", "signup"))
        self.assertEqual(fetch(server.port, "/")[0].status, 200)
        self.assertEqual(server.stop(), 0)

    def test_management_apart(self):
        server, port = self.with_management(
            self.MOCK + "[management]\nlisten = 127.0.0.1:0\napart = yes\nallow-unsigned-loopback = yes\n")
        known = re.compile(r'"connection":"([^"]+)"')
        warning, = [e for e in server.events() if e["event"] == "unsigned_management"]
        self.assertEqual(warning["level"], "warn")

        def ask():
            server.log.seek(0)
            path = "/prod/@connections/" + known.search(server.log.read().decode()).group(1)
            return [fetch(at, path)[0].status for at in (port, server.port)]
        self.assertEqual(self.talk(server.port, '{"action":"hello"}', during=ask)[1], [200, 404])
        self.assertEqual(fetch(port, "/health")[0].status, 404)
        self.assertEqual(server.stop(), 0)

    def test_management_wants_signatures(self):
        server, port = self.with_management(
            "[management]\nlisten = 127.0.0.1:0\n[credential AKIDEXAMPLE000001]\nsecret = HUSH\n")
        answer, body = fetch(port, "/prod/@connections/AAAAAAAAAAAAAAA=")
        self.assertEqual((answer.status, answer.getheader("x-amzn-ErrorType")),
                         (403, "MissingAuthenticationTokenException"))
        self.assertEqual([e for e in server.events() if e["event"] in ("unsigned_management", "open_secret")], [])
        self.assertNotIn("HUSH", json.dumps(server.events()))
        self.assertEqual(server.stop(), 0)

    def test_metrics_and_access_log(self):
        server = self.gateway("metrics = /metrics\naccess-log = $context.routeKey $context.status\naccess-log-file = %s\n%s"
                              % (self.path("access"), self.MOCK))
        self.talk(server.port, '{"action":"hello"}')
        self.assertRegex(fetch(server.port, "/metrics")[1].decode(), r"(?m)^chatroom_message_count_total\{[^}]*\} [1-9]")
        self.assertEqual(server.stop(), 0)
        with open(self.path("access"), encoding="utf-8") as file:
            self.assertIn("hello 200\n", file.read())
        self.assertEqual(os.stat(self.path("access")).st_mode & 0o7, 0)

    def test_access_log_in_the_log(self):
        server = self.gateway("access-log = $context.routeKey $context.status\n" + self.MOCK)
        self.talk(server.port, '{"action":"hello"}')
        self.assertEqual(server.stop(), 0)
        self.assertIn("hello 200", [e["line"] for e in server.events() if e["event"] == "access"])

    def test_warnings(self):
        server = self.gateway("chat = no\n")
        self.assertEqual([e["level"] for e in server.events() if e["event"] == "no_routes"], ["warn"])
        self.assertEqual(server.stop(), 0)
        server = self.gateway("[route a]\ntype = mock\ntwo-way = yes\n")
        self.assertEqual([e["route"] for e in server.events() if e["event"] == "nothing_to_send"], ["a"])
        self.assertEqual(server.stop(), 0)
        with open(self.path("open"), "w", encoding="utf-8") as file:
            file.write(self.LISTEN + "[management]\n[credential AKIDEXAMPLE000001]\nsecret = HUSH\n")
        os.chmod(self.path("open"), 0o644)
        server = self.start("--config", self.path("open"))
        self.assertEqual([e["file"] for e in server.events() if e["event"] == "open_secret"], [self.path("open")])
        self.assertEqual(server.stop(), 0)

    def test_aws_profile_has_the_quotas(self):
        server = self.gateway("profile = aws\n" + self.MOCK.replace("hi there", "x" * 3000))
        upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                   "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
        status = {path: fetch(server.port, path, headers=upgrade)[0].status
                  for path in ("/prod", "/other", "/prod?" + "x" * 4090, "/prod?" + "x" * 4091)}
        self.assertEqual(list(status.values()), [101, 403, 101, 414])

        async def longest(size):
            async with websockets.connect("ws://127.0.0.1:%d/prod" % server.port, open_timeout=10 * PATIENCE,
                                          compression=None, max_size=None) as socket:
                await socket.send('{"action":"hello","x":"%s"}' % ("x" * (size - 25)))
                try:
                    return len(await asyncio.wait_for(socket.recv(), 10 * PATIENCE))
                except websockets.exceptions.ConnectionClosed as closed:
                    return closed.rcvd.code if closed.rcvd else 1006
        self.assertEqual([asyncio.run(longest(size)) for size in (32768, 32769)], [3000, 1009])
        self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    unittest.main()
