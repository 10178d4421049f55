#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A service of 70 endpoints has one replaced, again and again, and its daemon is killed and started
again, while everything that dials it is counted. As in scenario.py: `ok e2e:NAME: figures` or
`FAIL e2e:NAME: what`, and every zero beside its sabotage, in the same harness.

A second service shares the ids, so that a stale one would lead to a wrong peer; IPv4 and IPv6. An
endpoint that is replaced listens on until it can no longer be chosen, and then for a second, as a
pod in its grace period does; then it is gone, and who still dials it is refused and counted."""
import collections
import json
import pathlib
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lab import Failed, Lab, expect, lacks_root, parser, run, run_cases, service_yaml, slice_yaml, wait_for  # noqa: E402

PORT = 8080
SERVICES = {"churn": ["10.96.0.50", "fd96::50"], "other": ["10.96.0.51"]}
SIZES = {("churn", 4): 70, ("churn", 6): 10, ("other", 4): 2}
POD_GRACE = 1.0  # seconds


class Churn:
    def __init__(self, lab):
        self.host = lab.a
        self.load_program = lab.bin / "churn_load"
        self.made = 0
        self.leaving = collections.deque()  # (when, address)
        self.members = {group: collections.deque() for group in SIZES}
        # Every address of these networks is this host's, without naming each.
        run("ip", "-n", self.host.netns, "addr", "add", "10.80.0.1/16", "dev", "lo")
        run("ip", "-n", self.host.netns, "-6", "route", "add", "local", "fd80::/64", "dev", "lo")
        self.server = self.piped("serve", PORT)
        for group, size in SIZES.items():
            for _ in range(size):
                self.add(group)
        self.publish()

    def piped(self, *arguments):
        return self.host.start(self.load_program, *arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, process, line):
        process.stdin.write(line + "\n")
        process.stdin.flush()
        return process.stdout.readline().strip()

    # --- endpoints ----------------------------------------------------------------------------------
    def add(self, group):
        service, family = group
        self.made += 1
        high, low = divmod(self.made, 250)
        address = f"10.80.{high}.{low + 1}" if family == 4 else f"fd80::{self.made:x}"
        answer = self.ask(self.server, f"+{service} {address}")
        if answer != "ok":
            raise RuntimeError(f"listen on {address}: {answer}")
        self.members[group].append(address)

    def publish(self):
        parts = [service_yaml(name, addresses) for name, addresses in SERVICES.items()]
        for (service, family), members in self.members.items():
            parts.append(slice_yaml(service, family, PORT, [(one, "host-a", f"uid-{one.replace(':', '-')}") for one in members]))
        self.host.write_catalog("---\n".join(parts))

    def applied(self):
        wanted = {service: set() for service in SERVICES}
        for (service, _), members in self.members.items():
            wanted[service] |= set(members)
        have = {row["name"]: {one["address"] for one in row["endpoints"]} for row in self.host.json("service", "list")}
        return have == wanted

    def replace(self, while_dead=None):
        """One endpoint of each pool; returns when no connect can choose the old ones."""
        old = []
        for group in SIZES:
            self.add(group)
            old.append(self.members[group].popleft())
        self.publish()
        if while_dead:
            while_dead()
        wait_for("the replacement in the maps", self.applied, 30)
        self.leaving.extend((time.monotonic() + POD_GRACE, one) for one in old)
        while self.leaving and self.leaving[0][0] < time.monotonic():
            self.ask(self.server, "-" + self.leaving.popleft()[1])

    # --- the load -----------------------------------------------------------------------------------
    def under_load(self, action):
        targets = [str(part) for name, addresses in SERVICES.items() for address in addresses for part in (name, address, 80)]
        load = self.piped("dial", 4, *targets)
        try:
            wait_for("the first connects", lambda: json.loads(self.ask(load, "count"))["attempted"] > 100)
            action(lambda: json.loads(self.ask(load, "count"))["attempted"])
        finally:
            out, _ = load.communicate(timeout=30)
        return json.loads(out.strip().splitlines()[-1])

    def kill(self, number, between=lambda: None):
        """Dies, something is replaced meanwhile, and is in the maps once the next one runs."""
        def meanwhile():
            between()
            self.host.start_daemon()
        self.host.stop_daemon(signal.SIGKILL if number % 2 else signal.SIGTERM)
        self.replace(while_dead=meanwhile)

    # --- what must hold -----------------------------------------------------------------------------
    def case_churn(self, replacements, connects, kills):
        done = 0

        def action(attempted):
            nonlocal done
            every = max(1, replacements // kills)
            # On a machine too slow for so many connects it goes on replacing, within reason.
            while done < replacements or (attempted() < connects and done < 3 * replacements):
                done += 1
                if done % every == 0 and done <= every * kills:
                    self.kill(done // every)
                else:
                    self.replace()
        count = self.under_load(action)
        expect(count["attempted"] >= connects, f"only {count['attempted']} connects")
        expect(count["failed"] == 0 and count["wrong"] == 0, json.dumps(count))
        return (f"{count['attempted']} connects, 0 failed, 0 wrong, while one of 70 endpoints was replaced {done} times "
                f"and the daemon killed and restarted {kills} times")

    # --- and its sabotage ---------------------------------------------------------------------------
    def must_fail(self, count, what):
        expect(count["failed"] + count["wrong"] > 0, f"{what}, and nothing failed: the counter does not see")
        return f"{what}: {count['failed']} failed and {count['wrong']} wrong of {count['attempted']} connects, as must be"

    def restart(self, program):
        """Over new maps: in used ones a range of slots not yet written holds an older generation,
        whose endpoints listen on for their second."""
        self.host.stop_daemon()
        expect(self.host.cli("uninstall")[0] == 0, "uninstall")
        self.host.program = program
        self.host.start_daemon()
        wait_for("the catalog in new maps", self.applied)

    def case_sabotage_pool_word_before_slots(self):
        self.restart("holdfastd_sabotage")
        try:
            count = self.under_load(lambda _: [self.replace() for _ in range(50)])
        finally:
            self.restart("holdfastd")
        return self.must_fail(count, "the pool word stored before the slots, 50 times")

    def case_sabotage_detached_at_exit(self):
        def uninstall():
            expect(self.host.cli("uninstall")[0] == 0, "uninstall")
        count = self.under_load(lambda _: [self.kill(number, uninstall) for number in range(2)])
        return self.must_fail(count, "a daemon that takes its programs along when it ends, twice")


def mend(error):
    """What no case expected leaves nothing to go on from."""
    if not isinstance(error, Failed):
        raise error


def main():
    arguments = parser(__doc__, only=False)
    arguments.add_argument("--replacements", type=int, default=2000)
    arguments.add_argument("--connects", type=int, default=200000, help="at least so many")
    arguments.add_argument("--kills", type=int, default=20)
    options = arguments.parse_args()
    if lacks_root("e2e:churn"):
        return 0
    lab = Lab(options.bin)
    lab.a.extra_config = ", capacity: {services: 64, endpoints: 1000}"
    churn = Churn(lab)
    lab.a.start_daemon()
    wait_for("the first catalog in the maps", churn.applied)
    cases = [("churn", lambda: churn.case_churn(options.replacements, options.connects, options.kills)),
             ("churn_sabotage_pool_word_before_slots", churn.case_sabotage_pool_word_before_slots),
             ("churn_sabotage_detached_at_exit", churn.case_sabotage_detached_at_exit)]
    failed = run_cases("e2e", cases, lab.a, mend)
    lab.remove()
    return failed


if __name__ == "__main__":
    sys.exit(main())
