"""What clients that nobody wants do to the others: the latency of a steady load without and with
them. They run behind all others, and what measures before all others where that is allowed, and all
of these on a processor that the server does not have; latency ends with the packet, and not when
its client has got that processor: so what they cost the machine is not taken for what they cost the
server. The machine's own noise comes and goes: the two states take turns."""

import statistics

from apart import apart
from dialogue import Load

RATE = 2000  # messages a second, 50 pairs
TURNS = 3
SECONDS = 3  # of each, at least; each half of a second has a percentile of its own
LOGIN_RATE = 20


def latency(server, opts, least=SECONDS):
    with Load("chat", server.plain_port, first=True, pairs=50, warmup_ms=1000, open_loop=1,
              wire=1, rate=RATE, measure_ms=max(opts.seconds, least) * 1000) as load:
        load.expect("ready")
        load.go()
        load.expect("start")
        load.expect("stop")
        return load.result()


def logins(server, opts):
    """Of others than the flood tries, with the right password."""
    with Load("login", server.plain_port, first=True, plain=1, sessions=1000, open_loop=1,
              rate=LOGIN_RATE, users=100, first_user=100, net=2, warmup_ms=1000,
              measure_ms=opts.seconds * 1000) as load:
        load.expect("ready")
        load.go()
        load.expect("start")
        load.expect("stop")
        return load.result()


def take_turns(measure, begin):
    """The median of what `measure` says without, and of what it says with what `begin` starts."""
    before, during = [], []
    for _ in range(TURNS):
        before.append(measure())
        with begin() as pest:
            pest.expect("ready")
            during.append(measure())
            pest.go()
            pest.result()
    return [statistics.median(r["p99"] for r in of) for of in (before, during)]


def compare(before, during):
    return {"p99_before": before, "p99": during, "rise": during / before}


def test_pest(server, opts, mode, tls=0, **options):
    port = server.tls_port if tls else server.plain_port
    return compare(*take_turns(
        lambda: latency(server, opts),
        lambda: Load(mode, port, last=True, tls=tls, net=3, users=100, first_user=200,
                     **options)))


def test_storm(server, opts):
    """They log in at once, with TLS: so many that they are still at it when the others have been
    measured."""
    return compare(*take_turns(
        lambda: latency(server, opts, least=1),
        lambda: Load("storm", server.tls_port, last=True, net=3, tls=1, sessions=opts.storm,
                     first_user=100, users=opts.accounts - 100)))


def test_flood(server, opts):
    def begin():
        return Load("flood", server.plain_port, last=True, net=3, plain=1, users=100,
                    first_user=200, sessions=200, wrong=1)

    return {**compare(*take_turns(lambda: latency(server, opts), begin)),
            **{f"login_{k}": v for k, v in
               compare(*take_turns(lambda: logins(server, opts), begin)).items()}}


PESTS = {
    "hostile-deaf": lambda s, o: test_pest(s, o, "deaf", sessions=20),
    "hostile-endless": lambda s, o: test_pest(s, o, "endless", sessions=1),
    "hostile-churn": lambda s, o: test_pest(s, o, "churn", sessions=20),
    "hostile-churn-tls": lambda s, o: test_pest(s, o, "churn", tls=1, sessions=20),
    "hostile-storm": test_storm,
    "hostile-flood": test_flood,
}


def of_pest(test):
    def run(server, opts):
        with apart(server):
            return PESTS[test](server, opts)
    return run


TESTS = {test: of_pest(test) for test in PESTS}
