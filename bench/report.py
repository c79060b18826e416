"""The results as a table, and as docs/benchmarks.md."""

import os
import platform
import statistics
import subprocess

import hostile
from awake import FOR_MS
from dialogue import REALTIME
from servers import ITERATIONS

METRICS = [
    # test, metric, what the row says, unit, larger is better
    ("login-tls", "cpu_ms", "login, Direct TLS, SCRAM-SHA-1: server CPU", "ms", False),
    ("login-tls-plain", "cpu_ms", "login, Direct TLS, PLAIN: server CPU", "ms", False),
    ("login-ticket", "cpu_ms", "login, Direct TLS resumed, SCRAM-SHA-1: server CPU", "ms", False),
    ("login-tcp", "cpu_ms", "login, no TLS, SCRAM-SHA-1: server CPU", "ms", False),
    ("idle-tcp", "kb", "idle session, no TLS: memory", "KB", False),
    ("idle-tls", "kb", "idle session, TLS: memory", "KB", False),
    ("chat-tcp", "cpu_us", "chat, 50 pairs x 8 in flight, no TLS: server CPU", "us", False),
    ("chat-tcp", "rate", "the same: messages a second", "/s", True),
    ("chat-tls", "cpu_us", "chat, 50 pairs x 8 in flight, TLS 1.3: server CPU", "us", False),
    ("chat-tls", "rate", "the same: messages a second", "/s", True),
    ("chat-single", "cpu_us", "chat, 200 pairs x 1 in flight, no TLS: server CPU", "us", False),
    ("chat-single", "rate", "the same: messages a second", "/s", True),
    ("latency", "p50", "2,000 messages a second: median latency", "us", False),
    ("latency", "p99", "2,000 messages a second: 99th percentile", "us", False),
    ("latency", "cpu_us", "2,000 messages a second: server CPU a message", "us", False),
    ("start", "start_mb", "memory after the start", "MB", False),
    ("start", "start_s", "start to first login", "s", False),
]

HOSTILE = [
    (f"hostile-{test}", metric, f"{text}: {what}", unit, False)
    for test, text in (("deaf", "20 that do not read"), ("endless", "one that sends without end"),
                       ("churn", "20 that open and close"),
                       ("churn-tls", "20 that open and close, TLS"),
                       ("storm", "all log in at once, TLS"), ("flood", "200 that try wrong passwords"))
    for metric, what, unit in (("p99_before", "p99 without", "us"), ("p99", "p99 with", "us"),
                               ("rise", "factor", "x"))
] + [
    ("hostile-flood", "login_p99_before", "the same, logins: p99 without", "us", False),
    ("hostile-flood", "login_p99", "the same, logins: p99 with", "us", False),
]

ALONE = [
    *((f"workers-{n}", metric, f"{n} worker{'s' * (n > 1)}: {text}", unit, more)
      for metric, text, unit, more in (
          ("rate", "chat, messages a second", "/s", True),
          ("cpu_us", "chat, CPU a message", "us", False))
      for n in (1, 2)),
    ("among-100", "cpu_us", "chat while 100 others are idle: CPU a message", "us", False),
    ("among-all", "cpu_us", "chat while all others are idle: CPU a message", "us", False),
    *((f"accounts-{n}", "cpu_ms", f"login into {n:,} accounts: CPU", "ms", False)
      for n in (1000, 100000, 1000000)),
    *((f"contacts-{n}", metric, f"presence to {n:,} contacts: {text}", "us", False)
      for n in (10, 100, 1000)
      for metric, text in (("cpu_us", "CPU for each"), ("p50", "until all have it, median"))),
]


def is_ours_alone(test):
    return any(test == row[0] for row in ALONE)


def number(v):
    if v >= 1000:
        return f"{v:,.0f}"
    return f"{v:.3g}"


def cell(values, base, more):
    """Median, extremes, and the factor by which `base` is better."""
    if not values:
        return "failed"
    text = number(statistics.median(values))
    if len(values) > 1:
        text += f" ({number(min(values))}-{number(max(values))})"
    if base is None or base is values:
        return text
    ours, theirs = statistics.median(base), statistics.median(values)
    if more:
        ours, theirs = theirs, ours
    if ours <= 0 or theirs <= 0:
        return text
    return f"{text} x{theirs / ours:.3g}"


def rows(results, chosen, metrics):
    for test, metric, text, unit, more in metrics:
        if test not in results:
            continue
        values = {s.name: results[test].get(s.name, {}).get(metric) for s in chosen}
        if not any(values.values()):
            continue
        base = values.get("Meerkat")
        yield [f"{text}, {unit}", *(cell(values[s.name], base, more) for s in chosen)]


def tables(results, chosen):
    ours = [s for s in chosen if s.name == "Meerkat"]
    return "\n\n".join([table(results, chosen, METRICS + HOSTILE), table(results, ours, ALONE)])


def table(results, chosen, metrics):
    lines = [["", *(s.name for s in chosen)], *rows(results, chosen, metrics)]
    if len(lines) == 1:
        return "No results."
    width = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    lines.insert(1, ["-" * w for w in width])
    return "\n".join("| " + " | ".join(c.ljust(w) for c, w in zip(line, width)) + " |"
                     for line in lines)


def cpu_model():
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def environment(chosen, opts):
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    os_name = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    openssl = subprocess.run(["openssl", "version"], capture_output=True, text=True)
    return "\n".join([
        f"- CPU: {cpu_model()}, {os.cpu_count()} logical, shared with the load generator",
        f"- Memory: {memory:.0f} GiB",
        f"- System: {os_name}, Linux {os.uname().release.partition('-')[0]}",
        *([f"- Idle processors poll for {FOR_MS:.0f} ms before the host has them"] if opts.awake else []),
        f"- {' '.join(openssl.stdout.split()[:2])} in the load generator",
        *(f"- {s.name} {s.version()}" for s in chosen)])


def document(measured, chosen, opts):
    failed = "".join(f"- {f}\n" for f in measured.failures())
    results, rounds = measured.by_test(), measured.rounds()
    return f"""# Benchmarks

Generated by `bench/run`; do not edit. Meerkat, and the servers that Debian packages, on the
same machine, with the same accounts, the same certificate, and the same load.

## Results

Median of {" to ".join(map(str, sorted(set(rounds))))} round{'s' if rounds[1] != 1 else ''} (smallest-largest); `x3` says that Meerkat is three times
better than that server, `x0.5` that it is half as good. Meerkat has {opts.workers}
worker{'s' * (opts.workers > 1)} but where the table says otherwise.

{table(results, chosen, METRICS)}

### Clients that nobody wants

Latency of 2,000 messages a second between others, without and with them.

{table(results, chosen, HOSTILE)}

### How Meerkat grows

{table(results, [s for s in chosen if s.name == "Meerkat"], ALONE)}
{f'''
Runs that failed, and are not in the table:

{failed}''' if failed else ''}
## Environment

{environment(chosen, opts)}

## What is measured

Each run has a fresh server process on a copy of the same data, on 127.0.0.1; the servers take
turns (A B C A B C ...), so that what disturbs the machine disturbs all of them. Only the
server is charged: CPU is user and system time of its process tree, while the load is steady
and after one second of warming up; memory is the proportional set size (PSS) of the same
processes. The kernel's own memory for a TCP connection, about 4 KB, is the same for all and
is not counted. The server sends to a loopback device: its CPU includes the receiver's share
of the network stack.

- **Login**: connect, TLS 1.3 handshake (ECDSA P-256, X25519, no resumption), SASL with
  {ITERATIONS:,} iterations, resource binding, and an orderly end; 64 at a time, for
  {opts.seconds} seconds. Server and clients take turns on one processor, and neither takes it from
  the other before all is done that there was to do (the kernel's batch class): a server that is
  quicker than its clients would else sleep and wake for each of their packets, and be charged for
  that.
- **Idle session**: growth of memory for {opts.sessions:,} sessions of as many accounts, bound
  and available, {opts.settle} seconds after the last login.
- **Chat**: messages with a body of 100 bytes from one half of the sessions to the other, to
  full addresses; what arrives is replaced, so that a fixed number is always in flight, for
  {opts.seconds} seconds. What a session owes after one turn of the generator leaves in one
  write, and so in one TLS record (TLS 1.3, AES-128-GCM). Messages a second are a property of the
  machine and the generator as much as of the server: they share the cores.
- **Latency**: 2,000 messages a second between 50 pairs by a fixed timetable, without TLS;
  time counts from the moment in the timetable to the arrival. Each half of a second has
  percentiles of its own, and the medians of {2 * opts.latency} of these are shown: where the machine
  stands still for a moment, that spoils one of them.
- **Resumed login**: each client shows the ticket of its last connection (TLS 1.3, with an X25519
  exchange, so that each connection still has keys of its own).
- **Clients that nobody wants** run behind all others (the kernel's idle class), and what measures the
  latency of others {"before them all (a real-time class)" if REALTIME else "as all others do"}; both
  on the last processor, and the server on the others, where there are two at least: clients have
  machines of their own. The others' latency is that of the network here, from a write(2) to the
  moment that the kernel gives the packet which brings the message: how long a client then waits for the
  processor that it shares with the unwanted ones is none of the server's doing. Without and with
  them take turns, {hostile.TURNS} times {max(opts.seconds, hostile.SECONDS)} seconds ({opts.seconds} while all log in at once, which does not last
  longer), and the medians are shown. They are 20 that log in, send to themselves and do not read; one that sends
  itself messages without end; 20 that connect and hang up, over and over, once without TLS and once
  with; {opts.storm:,} that log in with TLS at the same moment and come again if they are thrown out;
  200 that try wrong passwords (PLAIN), while others log in with right ones, 20 a second. The limit is
  that of descriptors: half a session is a socket of the generator's.
- **Workers**: as the chat, with 32 in flight, and a fifth of a core for each worker (by a control
  group, where the user may make one), so that the generator has more than it needs.
- **Others that are idle**: the chat, among 100 and among {opts.sessions:,} sessions of other accounts.
- **Accounts**: the logins go through all of them, in an order that no file has them in.
- **Presence**: one account changes its presence when all its contacts, who are online, have been
  told of the last change.
- **Start**: from `exec` to the first completed login; memory one second later. What is shared
  with processes that are no part of the server (libraries' files) is counted in full, as if there
  were none.

Every message is checked to arrive once, in order, at the right session; a run in which one
does not, or in which a stream fails, is an error and not a result.

## Doing it again

    meson setup build-release --buildtype=release
    ninja -C build-release
    bench/run --install{' --quick' if opts.quick else ''}{f' --sessions {opts.sessions}' if opts.sessions else ''}

`bench/README.md` names the options.
"""
