"""The servers that are compared: how they are found and built, started, and put under load.

The peers and the load generator are a folder of their own ("bench": chatload.c, limit.c, peers/, peers.json), which is
copied into the build folder and built there. Nothing is downloaded. Every server has core 0 to itself while it is
measured, and the generator core 1.
"""
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time

PROJECT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SERVER_CORE, GENERATOR_CORE = 0, 1
START_SECONDS, LOAD_SECONDS, QUIET_SECONDS = 20, 90, 5
REPEATS = 2

OURS = ("memory", "lmdb")
PEERS = ("limit", "limit-coalesce", "bun", "node-ws", "libwebsockets")


class Missing(Exception):
    """Why there is nothing to measure."""


def source_folder():
    return os.environ.get("CHATROOM_BENCH_SOURCE") or os.path.join(os.path.dirname(PROJECT), "shared", "bench")


def child_environment():
    """CHATROOM_BENCH_NODE names a node_modules folder with what is not on the PATH: bun, ws."""
    environment = dict(os.environ)
    modules = os.environ.get("CHATROOM_BENCH_NODE")
    if modules:
        environment["PATH"] = os.path.join(modules, ".bin") + os.pathsep + environment.get("PATH", "")
        environment["NODE_PATH"] = modules
    return environment


def first_line(command, environment=None):
    """What a command says first, or None if it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip().split("\n")[0] if done.returncode == 0 else None


class Server:
    """One kind of server. "{port}" and "{data}" in its command are filled in at each start."""

    def __init__(self, name, command, load=(), folder=None):
        self.name, self.command, self.load, self.folder = name, command, list(load), folder
        self.process = self.port = self.data = self.errors = None

    def start(self, scratch):
        """Starts it on a free port, and with "{data}" on a data directory that is new."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.data = tempfile.mkdtemp(prefix=self.name + "-", dir=scratch)
        command = [word.replace("{port}", str(self.port)).replace("{data}", self.data) for word in self.command]
        self.errors = open(os.path.join(self.data, "stderr"), "w+", encoding="utf-8", errors="replace")
        self.process = subprocess.Popen(["taskset", "-c", str(SERVER_CORE), *command], cwd=self.folder,
                                        env=child_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=self.errors)
        self.wait_until_it_listens()

    def wait_until_it_listens(self):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        said = self.said()
        self.stop()
        raise RuntimeError("%s did not start: %s" % (self.name, said))

    def said(self):
        """Its standard error so far."""
        self.errors.flush()
        self.errors.seek(0)
        return self.errors.read()

    def stop(self):
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.errors.close()
        shutil.rmtree(self.data, ignore_errors=True)
        self.process = None

    def ticks(self):
        """CPU time of the whole process, all its threads, in clock ticks."""
        with open("/proc/%d/stat" % self.process.pid, encoding="ascii", errors="replace") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    def peak_bytes(self):
        with open("/proc/%d/status" % self.process.pid, encoding="ascii", errors="replace") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))

    def wait_until_quiet(self):
        """What it still does for the last load (closing, erasing) is not to disturb the next server."""
        deadline = time.monotonic() + QUIET_SECONDS
        before = self.ticks()
        while time.monotonic() < deadline:
            time.sleep(0.1)
            after = self.ticks()
            if after - before <= 1:
                return
            before = after


class Bench:
    """The generator and the servers that are there. left_out: why another one is not. repeated: runs that were."""

    def __init__(self, build, wanted):
        build = os.path.abspath(build)
        self.folder = os.path.join(build, "peers")  # peers.json has paths that begin with "bench/"
        self.copy()
        self.generator = self.make("chatload")
        if not self.generator:
            raise Missing("the load generator does not build: see make -C %s/bench" % self.folder)
        self.left_out = {}
        self.repeated = []
        ours = self.ours(os.path.join(build, "examples", "chatroomd", "chatroomd"))
        self.servers = [server for server in ours + self.peers(wanted) if server.name in wanted]

    def copy(self):
        source = source_folder()
        if not os.path.isfile(os.path.join(source, "chatload.c")):
            raise Missing("no peers to compare with: %s is not there (CHATROOM_BENCH_SOURCE names another)" % source)
        skip = shutil.ignore_patterns("results", "__pycache__", ".*")
        shutil.copytree(source, os.path.join(self.folder, "bench"), ignore=skip, dirs_exist_ok=True)
        for where, _, files in os.walk(self.folder):  # the source may be read-only; make writes beside the copy
            os.chmod(where, 0o755)
            for name in files:
                os.chmod(os.path.join(where, name), 0o755)

    def make(self, target):
        """Its path, or None if it cannot be built."""
        bench = os.path.join(self.folder, "bench")
        try:
            done = subprocess.run(["make", "-s", "-C", bench, target], capture_output=True, text=True)
        except OSError:
            return None
        return os.path.join(bench, target) if done.returncode == 0 else None

    def ours(self, chatroomd):
        common = ["--listen", "127.0.0.1:{port}", "--no-rate-limits", "--log-level", "warn", "--stage", "chat"]
        return [Server("memory", [chatroomd, *common, "--memory"], ["--path", "/chat"]),
                Server("lmdb", [chatroomd, *common, "--data", "{data}/store"], ["--path", "/chat"])]

    def peers(self, wanted):
        with open(os.path.join(self.folder, "bench", "peers.json"), encoding="utf-8") as file:
            known = json.load(file)
        found = []
        for name in [name for name in PEERS if name in wanted]:
            why = self.why_not(name) if name in known else "it is not in peers.json"
            if why:
                self.left_out[name] = why
                continue
            port = str(known[name]["port"])
            command = ["{port}" if word == port else word for word in known[name]["cmd"]]
            found.append(Server(name, command, known[name].get("args", []), self.folder))
        return found

    def why_not(self, name):
        environment = child_environment()
        if name in ("limit", "limit-coalesce"):
            return None if self.make("limit") else "limit.c does not build (liburing-dev, nettle-dev)"
        if name == "libwebsockets":
            return None if self.make("peers/lws_chat") else "lws_chat.c does not build (libwebsockets-dev, libcjson-dev)"
        program = "bun" if name == "bun" else "node"
        if not shutil.which(program, path=environment["PATH"]):
            return "no %s on the PATH, nor in the folder that CHATROOM_BENCH_NODE names" % program
        if name == "node-ws" and not self.ws_version():
            return "node does not find the package ws (CHATROOM_BENCH_NODE)"
        return None

    def ws_version(self):
        return first_line(["node", "-p", 'require("ws/package.json").version'], child_environment())

    def load(self, server, arguments):
        """A run of the generator against a server that runs. Its JSON, or None if it had nothing to say.

        The generator leaves when nothing has come for a tenth of a second, and calls what is still on its way missing:
        one slow sync of the disk is enough. A run in which nothing else was wrong is repeated, and that is noted.
        """
        run = self.load_once(server, arguments)
        for _ in range(REPEATS):
            if not run or not run.get("missing") or wrong(run) > run["missing"]:
                break
            self.repeated.append("%s: %s" % (server.name, wrong_text(run)))
            run = self.load_once(server, arguments)
        return run

    def load_once(self, server, arguments):
        command = [self.generator, "--port", str(server.port), "--label", server.name, "--json", "--spin",
                   "--server-pid", str(server.process.pid), "--server-cpu", str(SERVER_CORE),
                   "--cpu", str(GENERATOR_CORE), *server.load, *arguments]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=LOAD_SECONDS)
        except subprocess.TimeoutExpired:
            return None
        found = [line for line in done.stdout.splitlines() if line.startswith("{")]
        return json.loads(found[0]) if found else None

    def versions(self):
        environment = child_environment()
        version = {"bun": first_line(["bun", "--version"], environment),
                   "node-ws": "%s on node %s" % (self.ws_version(), first_line(["node", "--version"], environment)),
                   "libwebsockets": first_line(["pkg-config", "--modversion", "libwebsockets"])}
        return {server.name: version[server.name] for server in self.servers if version.get(server.name)}


def chosen(parser, text, known):
    """The names in "a,b", or all that are known."""
    names = text.split(",") if text else list(known)
    unknown = [name for name in names if name not in known]
    if unknown:
        parser.error("%s: there are only %s" % (", ".join(unknown), ", ".join(known)))
    return names


def check_cores():
    if not {SERVER_CORE, GENERATOR_CORE} <= os.sched_getaffinity(0):
        raise Missing("a server and the generator need a core each: 0 and 1")


def machine():
    """What the figures were measured on."""
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as info:
        model = next((line.split(":", 1)[1].strip() for line in info if line.startswith("model name")), "unknown")
    return {"cpu": model, "cores": os.cpu_count(), "kernel": os.uname().release, "arch": os.uname().machine}


WRONGS = ("lost", "missing", "dup", "reordered", "bad", "disconnects", "errors")


def wrong(run):
    """How often a run saw what no server may do to a member that reads."""
    return sum(run.get(kind, 0) for kind in WRONGS)


def wrong_text(run):
    """That in words, "3 lost, 1 dup"; why there is nothing to say, if run is None; or nothing."""
    if run is None:
        return "no result"
    return ", ".join("%d %s" % (run[kind], kind) for kind in WRONGS if run.get(kind))
