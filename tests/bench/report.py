#!/usr/bin/python3
"""Raw results of compare.py as tables, and tables between the markers of a document.

  report.py RESULTS.json                  print them
  report.py RESULTS.json --document FILE  write them into FILE
"""
import argparse
import json
import statistics

import peers
import workloads

NAMES = {"memory": "chatroomd, memory", "lmdb": "chatroomd, LMDB", "limit": "limit", "limit-coalesce": "limit-coalesce",
         "bun": "Bun", "node-ws": "node ws", "libwebsockets": "libwebsockets"}
AGAINST = ("limit", "limit-coalesce", "bun", "memory")


def what(work):
    others = {"idle": workloads.IDLE[0], "slow": workloads.SLOW[0], "store": workloads.STORE}
    return others.get(work) or workloads.CHAT[work][0]


def series(results, work, server, figure):
    """{round: figure}"""
    return {run["round"]: run[figure] for run in results["runs"]
            if run["work"] == work and run["server"] == server and figure in run}


def pairs(results, work, server, other, figure):
    """The figures of both in the rounds that have both."""
    ours, theirs = series(results, work, server, figure), series(results, work, other, figure)
    return [(ours[number], theirs[number]) for number in ours if number in theirs]


def ratio(results, work, server, other, figure):
    """Median of the ratios round by round, or None."""
    found = [a / b for a, b in pairs(results, work, server, other, figure) if b > 0]
    return statistics.median(found) if found else None


def median_text(results, work, server, figure):
    values = list(series(results, work, server, figure).values())
    form = workloads.FIGURES[figure][1]
    if not values:
        return "–"
    middle = form.format(statistics.median(values))
    return middle if len(values) == 1 else "%s (%s–%s)" % (middle, form.format(min(values)), form.format(max(values)))


def judged(results, goal):
    """(what is wanted, what was measured as a number or None, whether that reaches it)"""
    form = workloads.FIGURES[goal.figure][1]
    if goal.against:
        value = ratio(results, goal.work, goal.server, goal.against, goal.figure)
        wanted = "≤ %.2f × %s" % (goal.most, NAMES[goal.against].replace("chatroomd, ", ""))
    elif goal.less:
        found = [a - b for a, b in pairs(results, goal.work, goal.server, goal.less, goal.figure)]
        value = statistics.median(found) if found else None
        wanted = "≤ %s more than %s" % (form.format(goal.most), NAMES[goal.less].replace("chatroomd, ", ""))
    else:
        found = list(series(results, goal.work, goal.server, goal.figure).values())
        value = statistics.median(found) if found else None
        wanted = "≥ " + form.format(goal.least) if goal.least is not None else "≤ " + form.format(goal.most)
    if value is None:
        return wanted, None, False
    return wanted, value, value >= goal.least if goal.least is not None else value <= goal.most


def verdict(results, goal):
    wanted, value, reached = judged(results, goal)
    if value is None:
        return wanted, "not measured"
    if reached:
        return wanted, "yes"
    return wanted, "**no**" + (": +" + workloads.FIGURES[goal.figure][1].format(value) if goal.less else "")


def goal_rows():
    """(work, server, figure) in the order of the goals, each once, with its goals."""
    rows = {}
    for goal in workloads.GOALS:
        rows.setdefault((goal.work, goal.server, goal.figure), []).append(goal)
    return rows.items()


def table(results):
    """Our figures as ratios, beside what they are to be."""
    lines = ["| | work | store | figure | median (least–most) | × limit | × limit-coalesce | × Bun | × our memory | goal | reached |",
             "|---|---|---|---|--:|--:|--:|--:|--:|---|---|"]
    for (work, server, figure), goals in goal_rows():
        if not series(results, work, server, figure):
            continue
        cells = []
        for other in AGAINST:
            value = None if other == server else ratio(results, work, server, other, figure)
            cells.append("" if value is None or figure in ("p99_ratio", "unlogged", "growth") else "%.2f" % value)
        verdicts = [verdict(results, goal) for goal in goals]
        lines.append("| %s | %s | %s | %s | %s | %s | %s | %s |" % (
            work, what(work), server, workloads.FIGURES[figure][0], median_text(results, work, server, figure),
            " | ".join(cells), "; ".join(wanted for wanted, _ in verdicts), "; ".join(text for _, text in verdicts)))
    return "\n".join(lines)


def everyone(results, figure, works):
    """A figure of every server."""
    works = [work for work in works if any(series(results, work, name, figure) for name in NAMES)]
    lines = ["| server | " + " | ".join(works) + " |", "|---|" + "--:|" * len(works)]
    for name in NAMES:
        cells = []
        for work in works:
            values = list(series(results, work, name, figure).values())
            cells.append(workloads.FIGURES[figure][1].format(statistics.median(values)) if values else "–")
        if any(cell != "–" for cell in cells):
            lines.append("| %s | %s |" % (NAMES[name], " | ".join(cells)))
    return "\n".join(lines)


def correctness(results):
    delivered = sum(run.get("units_per_s", 0) * run.get("secs", 0) for run in results["runs"])
    ours = sum(run["wrong"] for run in results["runs"] if run["server"] in peers.OURS)
    theirs = sum(run["wrong"] for run in results["runs"] if run["server"] not in peers.OURS)
    repeated = len(results["repeated"])
    return ("Of {:,.0f} million measured deliveries the generator found lost, doubled, reordered, spoiled or cut off: "
            "{:,} of ours, {:,} of the peers'. Runs repeated because the generator left before everything had come: {:,}."
            .format(delivered / 1e6, ours, theirs, repeated))


def quietness(results):
    """How much of the server's core other programs had while something was measured on it."""
    others = [run["core_busy"] - run["cpu_cores"] for run in results["runs"] if "core_busy" in run]
    if not others:
        return ""
    return " Other programs and the kernel's own threads had %.0f %% of the server's core (median; at worst %.0f %%)." % (
        100 * max(0, statistics.median(others)), 100 * max(0, *others))


def surroundings(results):
    where = results["machine"]
    text = "%s, %d cores, Linux %s; rounds: %d, of %.1f s a visit (slow: at most 3; idle: once)." % (
        where["cpu"], where["cores"], where["kernel"], results["rounds"], results["seconds"])
    text += quietness(results)
    versions = ", ".join("%s %s" % (NAMES[name], version) for name, version in results["versions"].items())
    left_out = "; ".join("%s: %s" % (NAMES[name], why) for name, why in results["left_out"].items())
    return text + (" " + versions + "." if versions else "") + (" Left out: " + left_out + "." if left_out else "")


def document(results):
    chat = [work for work in workloads.CHAT if work != "E"]
    parts = [surroundings(results), correctness(results), table(results),
             "CPU µs of the whole process per delivery (E: per connection; store: per message), medians:",
             everyone(results, "cpu_us", [*chat, "E", "store"])]
    for figure, name, works in (("p50", "One-way latency, p50 µs:", ("C1", "C2")), ("p99", "p99 µs:", ("C1", "C2", "slow")),
                                ("bytes_per_conn", "User-space bytes of an idle connection, joined:", ("idle",)),
                                ("bytes_touched", "The same after traffic:", ("idle",))):
        if any(run["work"] in works and figure in run for run in results["runs"]):
            parts += [name, everyone(results, figure, works)]
    return "\n\n".join(parts)


def write(path, marker, text):
    """Replaces what stands between the two comments of that marker."""
    begin, end = "<!-- %s: made by a script -->" % marker, "<!-- %s ends -->" % marker
    with open(path, encoding="utf-8") as file:
        old = file.read()
    if old.count(begin) != 1 or old.count(end) != 1:
        raise SystemExit("%s does not have the markers of %s" % (path, marker))
    head, rest = old.split(begin)
    tail = rest.split(end)[1]
    with open(path, "w", encoding="utf-8") as file:
        file.write("%s%s\n\n%s\n\n%s%s" % (head, begin, text, end, tail))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results")
    parser.add_argument("--document", metavar="FILE")
    options = parser.parse_args()
    with open(options.results, encoding="utf-8") as file:
        results = json.load(file)
    if options.document:
        write(options.document, "comparison", document(results))
    else:
        print(document(results))


if __name__ == "__main__":
    main()
