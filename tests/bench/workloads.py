"""What the servers are put through, and what ours is to reach. Names and sizes are those of the peers' own comparison."""

# name: (what it is, arguments of the generator)
CHAT = {
    "A1": ("1 room × 1,000, nothing to batch", "--conns 1000 --rooms 1 --publishers 1 --window 1 --payload 64"),
    "A6": ("1 room × 1,000, 20 in flight", "--conns 1000 --rooms 1 --publishers 10 --window 2 --payload 64"),
    "A4": ("10 rooms × 100, 10 in flight each", "--conns 1000 --rooms 10 --publishers 10 --window 1 --payload 64"),
    "A2": ("1 room × 1,000, 40 in flight", "--conns 1000 --rooms 1 --publishers 10 --window 4 --payload 64"),
    "A3": ("the same, 1 KiB", "--conns 1000 --rooms 1 --publishers 10 --window 4 --payload 1024"),
    "B": ("1 room × 32, all publish, 8 in flight each", "--conns 32 --rooms 1 --window 8 --payload 64"),
    "A5": ("500 rooms × 3, all publish", "--conns 1500 --rooms 500 --window 1 --payload 64"),
    "C1": ("1 room × 1,000, 20 messages/s", "--conns 1000 --rooms 1 --publishers 10 --rate 20 --payload 64"),
    "C2": ("500 rooms × 3, 5,000 messages/s", "--conns 1500 --rooms 500 --rate 5000 --payload 64"),
    "E": ("connect, register, join, first message, close", "--mode churn --conns 64"),
}
IDLE_CONNECTIONS = 19500
IDLE = ("{:,} joined connections, rooms of ten".format(IDLE_CONNECTIONS),
        "--mode idle --conns %d --rooms %d --touch 1 --hold 3.5 --settle 1 --handshakes 64"
        % (IDLE_CONNECTIONS, IDLE_CONNECTIONS // 10))
STALLED = 5
SLOW = ("%d of 30 never read, 500 × 8 KiB/s" % STALLED,
        "--conns 30 --rooms 1 --publishers 2 --rate 500 --payload 8192 --rcvbuf 65536 --warmup 0.2 --settle 0.4 --drain 3")
SLOW_LIMIT = 1048576  # octets that one connection may have queued
STORE = "1,000 rooms, one process, batches of 512"


class Goal:
    """The median of a figure over all rounds is at most, or at least, this.

    against: of the figure divided by that server's in the same round; less: of the difference to it.
    """

    def __init__(self, work, server, figure, most=None, against=None, less=None, least=None):
        self.work, self.server, self.figure = work, server, figure
        self.most, self.against, self.less, self.least = most, against, less, least


# Keys of the generator's JSON, and those that compare.py adds: (what it is, how it is written)
FIGURES = {
    "cpu_us": ("CPU µs", "{:,.2f}"),
    "p50": ("p50 µs", "{:,.0f}"),
    "p99": ("p99 µs", "{:,.0f}"),
    "bytes_per_conn": ("bytes, joined", "{:,.0f}"),
    "bytes_touched": ("bytes, after traffic", "{:,.0f}"),
    "growth": ("bytes grown by", "{:,.0f}"),
    "p99_ratio": ("p99 by p99 without", "{:,.2f}"),
    "unlogged": ("closed and not logged", "{:,.0f}"),
    "per_s": ("messages/s", "{:,.0f}"),
}

GOALS = [
    Goal("A1", "memory", "cpu_us", 1.05, against="limit"),
    Goal("A1", "lmdb", "cpu_us", 1.10, against="memory"),
    Goal("A6", "memory", "cpu_us", 1.15, against="limit-coalesce"),
    Goal("A6", "memory", "cpu_us", 0.95, against="bun"),
    Goal("A6", "lmdb", "cpu_us", 1.10, against="memory"),
    Goal("A4", "memory", "cpu_us", 1.15, against="limit-coalesce"),
    Goal("A4", "memory", "cpu_us", 0.95, against="bun"),
    Goal("A4", "lmdb", "cpu_us", 1.10, against="memory"),
    Goal("A2", "memory", "cpu_us", 1.50, against="limit-coalesce"),
    Goal("A2", "memory", "cpu_us", 0.65, against="bun"),
    Goal("A2", "lmdb", "cpu_us", 1.15, against="memory"),
    Goal("A2", "lmdb", "cpu_us", 1.00, against="bun"),
    Goal("A3", "memory", "cpu_us", 1.50, against="limit-coalesce"),
    Goal("A3", "lmdb", "cpu_us", 1.15, against="memory"),
    Goal("A3", "lmdb", "cpu_us", 1.00, against="bun"),
    Goal("B", "memory", "cpu_us", 1.50, against="limit-coalesce"),
    Goal("B", "memory", "cpu_us", 0.50, against="bun"),
    Goal("B", "lmdb", "cpu_us", 1.15, against="memory"),
    Goal("B", "lmdb", "cpu_us", 1.00, against="bun"),
    Goal("A5", "memory", "cpu_us", 0.85, against="bun"),
    Goal("A5", "lmdb", "cpu_us", 1.25, against="bun"),
    Goal("C1", "memory", "p50", 1.00, against="bun"),
    Goal("C1", "memory", "p99", 1.00, against="bun"),
    Goal("C1", "lmdb", "p50", 5000, less="memory"),
    Goal("C2", "memory", "p50", 1.00, against="bun"),
    Goal("C2", "memory", "p99", 1.00, against="bun"),
    Goal("C2", "lmdb", "p50", 5000, less="memory"),
    Goal("E", "memory", "cpu_us", 1.05, against="bun"),
    Goal("E", "lmdb", "cpu_us", 1.50, against="bun"),
    *[Goal("idle", server, figure, most) for server in ("memory", "lmdb")
      for figure, most in (("bytes_per_conn", 512), ("bytes_touched", 600))],
    *[Goal("slow", server, figure, most) for server in ("memory", "lmdb")
      for figure, most in (("growth", STALLED * SLOW_LIMIT), ("p99_ratio", 1.2), ("unlogged", 0))],
    Goal("store", "lmdb", "per_s", least=150000),
    Goal("store", "lmdb", "cpu_us", 3.0),
]
