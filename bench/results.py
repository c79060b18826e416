"""What has been measured: a line of JSON for each run, in a file if the user wants to go on with it."""

import json
import os

from servers import Failure


class Results:
    def __init__(self, path, options):
        """`options`: what all runs in a file must have had in common."""
        self.path, self.runs = path, []
        if not path:
            return
        if os.path.exists(path):
            with open(path, encoding="utf-8") as f:
                first, *self.runs = map(json.loads, f)
            if first != options:
                raise Failure(f"{path} was measured with {first}, and not with {options}")
        else:
            self._write(options)

    def _write(self, line):
        with open(self.path, "a", encoding="utf-8") as f:
            f.write(json.dumps(line) + "\n")

    def add(self, test, server, values=None, failed=None):
        self.runs.append({"test": test, "server": server,
                          **({"failed": failed} if failed else {"values": values})})
        if self.path:
            self._write(self.runs[-1])

    def count(self, test, server):
        return sum((r["test"], r["server"]) == (test, server) for r in self.runs)

    def rounds(self):
        """The fewest and the most runs that something has."""
        n = [self.count(t, s) for t, s in {(r["test"], r["server"]) for r in self.runs}]
        return min(n), max(n)

    def failures(self):
        return [f"{r['test']} {r['server']}: {r['failed']}" for r in self.runs if "failed" in r]

    def by_test(self):
        """{test: {server: {metric: [value of each round]}}}; each run has started its server."""
        ret = {}
        for r in self.runs:
            for metric, value in r.get("values", {}).items():
                test = "start" if metric.startswith("start_") else r["test"]
                of = ret.setdefault(test, {}).setdefault(r["server"], {})
                of.setdefault(metric, []).append(value)
        return ret
