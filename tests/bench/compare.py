#!/usr/bin/python3
"""Compare chatroomd, with a store in memory and with durable commits, with the peers that are there.

Every round starts all servers anew, ours on a new data directory, and visits them in another order with each workload.
Prints one table: medians over all rounds, as ratios of figures of the same round, beside what they are to be. Ends with 1
only if the generator saw a server of ours lose, repeat, swap or spoil a message, or cut a member off; never for a time.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

import peers
import report
import workloads


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    every = [*workloads.CHAT, "idle", "slow", "store"]
    parser.add_argument("--build", default="build-bench", metavar="DIR", help="where everything was built (build-bench)")
    parser.add_argument("--rounds", type=int, default=1, help="how often each workload visits each server (1)")
    parser.add_argument("--seconds", type=float, default=1.5, help="measured in each visit (1.5)")
    parser.add_argument("--quick", action="store_true", help="half a second each, without idle and slow: does it work?")
    parser.add_argument("--work", metavar="A1,B", help="only these of " + ",".join(every))
    parser.add_argument("--only", metavar="memory,bun", help="only these servers")
    parser.add_argument("--out", metavar="FILE", help="raw results (DIR/compare.json)")
    parser.add_argument("--document", metavar="FILE", help="write the tables into FILE, between its markers")
    options = parser.parse_args()
    options.work = peers.chosen(parser, options.work, every)
    options.only = peers.chosen(parser, options.only, peers.OURS + peers.PEERS)
    if options.quick:
        options.seconds = 0.5
        options.work = [work for work in options.work if work not in ("idle", "slow")]
    options.out = options.out or os.path.join(options.build, "compare.json")
    return options


class Comparison:
    def __init__(self, bench, options, scratch):
        self.bench, self.options, self.scratch = bench, options, scratch
        self.results = {"machine": peers.machine(), "rounds": options.rounds, "seconds": options.seconds,
                        "versions": bench.versions(), "left_out": bench.left_out, "repeated": bench.repeated,
                        "failures": [], "runs": []}

    def add(self, run, work, server, number):
        text = peers.wrong_text(run)
        if text and (run is None or server.name in peers.OURS):
            self.results["failures"].append("%s, %s, round %d: %s" % (work, server.name, number, text))
        if run is not None:
            self.results["runs"].append(dict(run, work=work, server=server.name, round=number, wrong=peers.wrong(run)))

    def order(self, number, turn):
        """Another order each time, so that what drifts hits all alike."""
        servers = self.bench.servers
        shift = (number + turn) % len(servers)
        turned = servers[shift:] + servers[:shift]
        return turned[::-1] if number % 2 else turned

    def chat(self, number):
        """All servers at once: those that are not measured have nothing to do."""
        timing = ["--duration", str(self.options.seconds), "--warmup", "0.5", "--settle", "0.4"]
        works = [work for work in workloads.CHAT if work in self.options.work]
        try:
            for server in self.bench.servers if works else []:
                server.start(self.scratch)
            for turn, work in enumerate(works):
                for server in self.order(number, turn):
                    self.add(self.bench.load(server, workloads.CHAT[work][1].split() + timing), work, server, number)
                    server.wait_until_quiet()
        finally:
            for server in self.bench.servers:
                server.stop()

    def alone(self, server, load):
        """A run on a server that has just started: (the run, its peak of memory, what it said)."""
        try:
            server.start(self.scratch)
            run = self.bench.load(server, load.split())
            return run, server.peak_bytes(), server.said()
        finally:
            server.stop()

    def idle(self):
        for server in self.bench.servers:
            run, _, _ = self.alone(server, workloads.IDLE[1])
            if run and run["open"] < workloads.IDLE_CONNECTIONS:
                run = None
            self.add(run, "idle", server, 0)

    def slow(self, number):
        """The same twice, with everybody reading first: the difference is what those who do not read cost."""
        for server in [server for server in self.bench.servers if server.name in peers.OURS]:
            duration = " --duration 5"
            before, before_peak, _ = self.alone(server, workloads.SLOW[1] + duration)
            stall = " --stall %d" % workloads.STALLED
            run, peak, said = self.alone(server, workloads.SLOW[1] + duration + stall)
            if run and before:
                run["growth"] = peak - before_peak
                run["p99_ratio"] = run["p99"] / before["p99"]
                run["unlogged"] = run["stalled_closed"] - said.count("slow_consumer")
            self.add(run if before else None, "slow", server, number)

    def store(self, number):
        """The store alone, in a process of its own: see bench_store.c."""
        program = os.path.join(self.options.build, "tests", "bench", "bench_store")
        for server in [server for server in self.bench.servers if server.name in peers.OURS]:
            done = subprocess.run(["taskset", "-c", str(peers.SERVER_CORE), program, "--json", server.name, self.scratch],
                                  capture_output=True, text=True)
            self.add(json.loads(done.stdout) if done.returncode == 0 else None, "store", server, number)

    def run(self):
        for number in range(self.options.rounds):
            began = time.monotonic()
            self.chat(number)
            if "slow" in self.options.work and number < 3:
                self.slow(number)
            if "store" in self.options.work:
                self.store(number)
            if "idle" in self.options.work and number == 0:
                self.idle()
            self.save()
            print("round %d of %d: %.0f s" % (number + 1, self.options.rounds, time.monotonic() - began), flush=True)

    def save(self):
        with open(self.options.out + ".new", "w", encoding="utf-8") as file:
            json.dump(self.results, file, indent=1)
        os.replace(self.options.out + ".new", self.options.out)


def main():
    options = arguments()
    try:
        peers.check_cores()
        bench = peers.Bench(options.build, options.only)
    except peers.Missing as missing:
        print("compare: " + str(missing))
        return 0
    # Not in /tmp, which may be no disk: a durable commit would cost nothing.
    with tempfile.TemporaryDirectory(prefix="data-", dir=options.build) as scratch:
        comparison = Comparison(bench, options, scratch)
        for name, why in bench.left_out.items():
            print("left out: %s: %s" % (name, why), flush=True)
        try:
            comparison.run()
        except RuntimeError as error:
            print("compare: %s" % error, file=sys.stderr)
            return 1
    print(report.table(comparison.results))
    print("raw results: " + options.out)
    if options.document:
        report.write(options.document, "comparison", report.document(comparison.results))
    for failure in comparison.results["failures"]:
        print("compare: " + failure, file=sys.stderr)
    return 1 if comparison.results["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
