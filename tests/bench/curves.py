#!/usr/bin/python3
"""How the cost of a delivery grows: with members, rooms, payload, messages in flight and connections.

Short runs of chatroomd and of the peers that are there, one after the other at each point, and a picture of them. Ends
with 1 only if the generator saw a server of ours lose, repeat, swap or spoil a message, or cut a member off.
"""
import argparse
import json
import os
import statistics
import sys
import tempfile

import peers
import report

INK = "#010203"  # stands for the reader's own colour of text; replaced in the picture


def fixed(load):
    return lambda x: load.replace("{x}", str(x))


# name: (title, label of x, points, arguments of the generator for a point)
SWEEPS = {
    "members": ("members of one room, 10 messages in flight", "members", (10, 30, 100, 300, 1000, 3000),
                fixed("--conns {x} --rooms 1 --publishers 10 --window 1 --payload 64")),
    "rooms": ("rooms of ten, one message in flight in each", "rooms", (1, 3, 10, 30, 100, 300),
              lambda x: "--conns %d --rooms %d --publishers 1 --window 1 --payload 64" % (10 * x, x)),
    "payload": ("payload, 1 room × 300, 10 in flight", "bytes", (64, 256, 1024, 4096, 16384),
                fixed("--conns 300 --rooms 1 --publishers 10 --window 1 --payload {x}")),
    "flight": ("messages in flight, 1 room × 1,000", "messages", (1, 4, 10, 20, 40, 100),
               lambda x: "--conns 1000 --rooms 1 --publishers %d --window %d --payload 64" % (min(x, 10), max(1, x // 10))),
    "connections": ("connections in rooms of ten, 4,000 messages/s in all", "connections", (100, 300, 1000, 3000, 10000),
                    lambda x: "--conns %d --rooms %d --publishers 1 --rate 4000 --payload 64 --settle 1" % (x, x // 10)),
}

# server: (colour, dashes); seen on white as on black
LINES = {"memory": ("#1a9850", "-"), "lmdb": ("#2b83d6", "-"), "limit": ("#8a8a8a", ":"), "limit-coalesce": ("#8a8a8a", "--"),
         "bun": ("#e6842a", "-"), "node-ws": ("#b05fd0", "-"), "libwebsockets": ("#c0504d", "-")}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build-bench", metavar="DIR", help="where everything was built (build-bench)")
    parser.add_argument("--rounds", type=int, default=1, help="runs at each point, of which the median counts (1)")
    parser.add_argument("--seconds", type=float, default=0.6, help="measured in each run (0.6)")
    parser.add_argument("--sweep", metavar="NAME,NAME", help="only these of " + ",".join(SWEEPS))
    parser.add_argument("--only", metavar="memory,bun", help="only these servers")
    parser.add_argument("--out", metavar="FILE", help="raw results (DIR/curves.json)")
    parser.add_argument("--picture", metavar="FILE", help="draw them into FILE, an SVG")
    parser.add_argument("--draw", metavar="FILE", help="measure nothing: draw the raw results in FILE")
    options = parser.parse_args()
    options.sweep = peers.chosen(parser, options.sweep, SWEEPS)
    options.only = peers.chosen(parser, options.only, peers.OURS + peers.PEERS)
    options.out = options.out or os.path.join(options.build, "curves.json")
    return options


def visit(bench, server, load, results, name, point):
    run = bench.load(server, load)
    text = peers.wrong_text(run)
    if text and server.name in peers.OURS:
        results["failures"].append("%s at %d, %s: %s" % (name, point, server.name, text))
    server.wait_until_quiet()
    return run


def sweep(bench, name, options, scratch, results):
    _, _, points, arguments_for = SWEEPS[name]
    curves = {server.name: [] for server in bench.servers}
    timing = "--duration %s --warmup 0.3 --settle 0.3" % options.seconds
    try:
        for server in bench.servers:
            server.start(scratch)
        for point in points:
            load = (timing + " " + arguments_for(point)).split()  # what stands later is what holds
            found = {server.name: [] for server in bench.servers}
            for _ in range(options.rounds):
                for server in bench.servers:
                    run = visit(bench, server, load, results, name, point)
                    found[server.name] += [run["cpu_us"]] if run and run["cpu_us"] > 0 else []  # 0: it was kept from running
            for server, costs in found.items():
                curves[server] += [[point, statistics.median(costs)]] if costs else []
    finally:
        for server in bench.servers:
            server.stop()
    results["sweeps"][name] = curves


def measure(bench, options):
    results = {"machine": peers.machine(), "rounds": options.rounds, "seconds": options.seconds,
               "left_out": bench.left_out, "repeated": bench.repeated, "failures": [], "sweeps": {}}
    # Not in /tmp, which may be no disk: a durable commit would cost nothing.
    with tempfile.TemporaryDirectory(prefix="data-", dir=options.build) as scratch:
        for name in options.sweep:
            sweep(bench, name, options, scratch, results)
            print("%s: done" % name, flush=True)
    with open(options.out, "w", encoding="utf-8") as file:
        json.dump(results, file, indent=1)
    print("raw results: " + options.out)
    return results


# ---- the picture -----------------------------------------------------------------------------------------------------


def panel(axes, name, curves):
    title, label, _, _ = SWEEPS[name]
    for server, points in curves.items():
        if points:
            colour, dashes = LINES[server]
            wide = 2.2 if server in peers.OURS else 1.3
            axes.plot([x for x, _ in points], [y for _, y in points], dashes, color=colour, linewidth=wide,
                      marker="o", markersize=3, label=report.NAMES[server])
    axes.set(xscale="log", yscale="log", xlabel=label)
    axes.set_title(title, fontsize=9)
    axes.grid(True, which="major", alpha=0.25)
    axes.xaxis.set_major_formatter(lambda value, _: "{:,.0f}".format(value))
    axes.yaxis.set_major_formatter(lambda value, _: "{:g}".format(value))
    axes.yaxis.set_minor_formatter(lambda value, _: "")


def draw(results, path):
    import matplotlib  # only who draws needs it: python3-matplotlib
    matplotlib.use("svg")
    import matplotlib.pyplot as pyplot

    matplotlib.rcParams.update({name: INK for name in ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color",
                                                       "ytick.color", "axes.titlecolor", "grid.color")})
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "chatroom", "font.size": 8,
                                "font.family": "sans-serif", "figure.facecolor": "none", "axes.facecolor": "none"})
    figure, places = pyplot.subplots(2, 3, figsize=(11, 6.4), layout="constrained")
    places = places.flatten()
    for axes, name in zip(places, results["sweeps"]):
        panel(axes, name, results["sweeps"][name])
    for axes in places[len(results["sweeps"]):]:
        axes.set_axis_off()
    lines, names = places[0].get_legend_handles_labels()
    places[-1].legend(lines, names, loc="center", frameon=False, fontsize=10, title="server CPU µs per delivery")
    figure.savefig(path, metadata={"Date": None})
    follow_the_reader(path)


def follow_the_reader(path):
    """Text and axes are dark on a light page and light on a dark one."""
    style = "<style>svg{color:#1f2328}@media(prefers-color-scheme:dark){svg{color:#e6edf3}}</style>"
    with open(path, encoding="utf-8") as file:
        text = file.read()
    text = text.replace(INK, "currentColor").replace(" <defs>", " " + style + "\n <defs>", 1)
    text = "".join(line.rstrip() + "\n" for line in text.splitlines())
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def main():
    options = arguments()
    if options.draw:
        with open(options.draw, encoding="utf-8") as file:
            results = json.load(file)
    else:
        try:
            peers.check_cores()
            bench = peers.Bench(options.build, options.only)
            for name, why in bench.left_out.items():
                print("left out: %s: %s" % (name, why), flush=True)
            results = measure(bench, options)
        except peers.Missing as missing:
            print("curves: " + str(missing))
            return 0
        except RuntimeError as error:
            print("curves: %s" % error, file=sys.stderr)
            return 1
    if options.picture:
        draw(results, options.picture)
    for failure in results["failures"]:
        print("curves: " + failure, file=sys.stderr)
    return 1 if results["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
