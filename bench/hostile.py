"""What clients that nobody wants do to the others: the latency of a steady load without and with
them. They run behind all others, and what measures before all others where that is allowed, and all
of these on a processor that the server does not have; latency ends with the packet, and not when
its client has got that processor: so what they cost the machine is not taken for what they cost the
server."""

from apart import apart
from dialogue import Load

RATE = 2000  # messages a second, 50 pairs
SECONDS = 5  # at least, of which each half has a percentile of its own
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


def compare(before, during):
    return {"p99_before": before["p99"], "p99": during["p99"],
            "rise": during["p99"] / before["p99"]}


def test_pest(server, opts, mode, tls=0, **options):
    before = latency(server, opts)
    port = server.tls_port if tls else server.plain_port
    with Load(mode, port, last=True, tls=tls, net=3, users=100, first_user=200,
              **options) as pest:
        pest.expect("ready")
        during = latency(server, opts)
        pest.go()
        pest.result()
    return compare(before, during)


def test_storm(server, opts):
    """They log in at once, with TLS: so many that they are still at it when the others have been
    measured."""
    before = latency(server, opts)
    with Load("storm", server.tls_port, last=True, net=3, tls=1, sessions=opts.storm,
              first_user=100, users=opts.accounts - 100) as storm:
        storm.expect("ready")
        during = latency(server, opts, least=1)
        storm.go()
        storm.result()
    return compare(before, during)


def test_flood(server, opts):
    before, logins_before = latency(server, opts), logins(server, opts)
    with Load("flood", server.plain_port, last=True, net=3, plain=1, users=100, first_user=200,
              sessions=200, wrong=1) as flood:
        flood.expect("ready")
        during, logins_during = latency(server, opts), logins(server, opts)
        flood.go()
        flood.result()
    return {**compare(before, during),
            **{f"login_{k}": v for k, v in compare(logins_before, logins_during).items()}}


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
