#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What sets of maps must outlive: the catalog grows from 1,000 to 100,000 services, the daemon gives
way to one whose maps are laid out otherwise and back, dies at any step of that, and starts again
from what it remembers, while others dial all the time and 1,000 connections that were there before
go on. As in scenario.py: `ok e2e:NAME: figures` or `FAIL e2e:NAME: what`; the full form is without
options.

Who answers says which endpoint it is: a connect that ends at another service's is `wrong`, one whose
getpeername is not what was dialled is `peer`. No connect reaches anything without Holdfast: nothing
leads to the frontends. Every zero stands beside its sabotage, in the same harness."""
import argparse
import json
import os
import pathlib
import re
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lab import Failed, Lab, expect, run, wait_for  # noqa: E402
from outlivelab import OTHER, PATIENCE, Outlived, Talk, Witness  # noqa: E402


class Outlive(Outlived):
    # --- what must hold -----------------------------------------------------------------------------
    def case_growth(self):
        self.write(1000)
        self.start()
        self.publish(1000)
        self.begin_load()
        self.counts()
        first = self.set()
        for services in self.options.steps:
            self.publish(services)
            self.dial.ask(f"services {services}")
            self.dialled(200)
        self.in_order()
        last = self.set()
        expect(last > first, "it did not grow")
        self.counts_are_exact()
        self.none_is_lost()
        return f"from 1,000 to {self.services:,} services x {self.options.endpoints}, {last - first} larger sets: {self.all_good()}"

    def change_to(self, turn, program, trial=""):
        before = self.set()
        self.end(turn)
        self.start(program, trial)
        self.in_order()
        expect(self.set() == before + 1, f"set {self.set()} after set {before}")
        self.dialled(200)

    def case_layouts(self):
        for turn in range(self.options.turns):
            self.change_to(turn, OTHER if turn % 2 == 0 else "holdfastd")
            if turn % 5 == 4:
                self.publish(self.services + 1)  # and updates go on
        if self.options.turns % 2:
            self.change_to(1, "holdfastd")
        self.counts_are_exact()
        return f"{self.options.turns} upgrades and downgrades, every map and the sockets laid out otherwise: {self.all_good()}"

    def case_versions(self):
        """Up from the version before and down to it again, at random moments of a changing catalog."""
        before, sets = str(pathlib.Path(self.options.before).resolve() / "holdfastd"), {self.set()}
        for turn in range(2 * self.options.turns):
            self.end(self.random.randint(0, 1))
            if turn % 3 == 0:
                self.write(self.services + 1)  # while nobody looks
            self.start(before if turn % 2 == 0 else "holdfastd")
            wait_for(f"{self.services} services in the maps", self.applied, PATIENCE)
            self.in_order()
            sets.add(self.set())
            self.dialled(200)
        self.counts_are_exact()
        return f"{self.options.turns} times down to the version before and up again, {len(sets)} sets: {self.all_good()}"

    def case_killed_while_growing(self):
        """SIGKILL at any moment of a growth and of a start, not before a step that somebody thought of."""
        options = argparse.Namespace(**{**vars(self.options), "long": 200})
        self.killed = killed = Outlived(self.lab, self.lab.b, options)
        killed.write(500)
        killed.start()
        killed.publish(500)
        killed.witness = Witness(self.lab, killed.host)
        killed.begin_load()
        for services in (4300, 9000, 19_000, 40_000)[:2 if options.short else 4]:
            first = killed.set()
            killed.write(services)
            for turn in range(options.kills):
                time.sleep(self.random.uniform(0, 1.5))
                killed.end(0)
                killed.host.start_daemon(wait=False)
                if turn % 3 == 2:
                    wait_for("the daemon to be ready", killed.ready, PATIENCE)
            wait_for(f"{services} services in the maps", killed.applied, PATIENCE)
            expect(killed.set() > first, "it did not grow")
            killed.dial.ask(f"services {services}")
            killed.dialled(200)
        killed.in_order()
        return f"{killed.none_is_lost()}: {killed.all_good()}"

    def case_sabotage_a_close_is_lost(self):
        """While no daemon looks, nothing counts closes, and one connection ends."""
        killed = self.killed
        killed.dial.ask("pause")
        younger = Talk(killed.host, killed.load_program, "hold", 1)
        younger.ask(f"services {killed.services}")
        killed.end(0)
        run("bpftool", "link", "detach", "pinned", str(killed.host.bpffs / "links" / "hf_sock_release"))
        younger.end()
        killed.start()
        fates, witness = killed.fates(), killed.witness.tell()
        killed.witness.end()
        killed.end(1)
        killed.dial.end()
        killed.hold.end()
        killed.server.kill()
        expect(fates["lost"] == 1 and fates["in flight"] == killed.options.long + 1, f"{fates}, and nothing is seen")
        expect(witness["unsettled"] == 1 and witness["open"] == killed.options.long, f"the witness: {witness}")
        return f"a close that no program counts: {fates['lost']} lost, {fates['in flight']} in flight of {killed.options.long}, as must be"

    def steps_of_a_move(self):
        self.end(0)
        self.start(OTHER, "steps")
        steps = int(re.findall(r"trial: (\d+) steps", (self.host.directory / "holdfastd.log").read_text())[-1])
        expect(steps > 40, f"only {steps} steps")
        self.end(0)
        self.start()
        return steps

    def case_ends_in_the_middle(self):
        steps, at = self.steps_of_a_move(), []
        for turn in range(self.options.ends):
            at.append(self.random.randint(1, steps))
            self.end(turn)
            self.host.program = OTHER
            os.environ["HOLDFAST_TRIAL"] = f"stop-at={at[-1]}"
            status = self.host.start_daemon(wait=False).wait(PATIENCE)
            expect(status == -signal.SIGKILL, f"before step {at[-1]} of {steps}: status {status}")
            self.start(OTHER if turn % 2 else "holdfastd")
            self.in_order()
            if turn % 2:
                self.change_to(turn, "holdfastd")
        self.counts_are_exact()
        return f"ended before steps {sorted(at)} of {steps} of an upgrade: {self.all_good()}"

    def case_restarts_without_a_source(self):
        self.snapshot_written()
        self.take_source_away()
        for turn in range(self.options.turns):
            self.end(turn)
            self.start()
            self.in_order()
        while self.total["attempted"] + self.dial.ask("count")["attempted"] - self.last["attempted"] < self.options.connects:
            self.dialled(1000)
        self.counts_are_exact()
        return f"{self.options.turns} restarts, no source: {self.all_good()}"

    def case_unknown_layout(self):
        """The set says nothing that the next version understands: it serves until another is filled."""
        shown = 0
        for turn in range(self.options.ends):
            self.change_to(turn, OTHER, "unknown-layout")
            self.change_to(turn, "holdfastd")
            counts = self.counts()
            shown += counts["peer"]
            for key in self.total:
                self.total[key] += 0 if key == "peer" else counts[key]
            expect(counts["failed"] + counts["wrong"] == 0, json.dumps(counts))
        held = self.hold.ask("count")
        expect(held["broken"] == 0 and held["open"] == self.options.long, json.dumps(held))
        expect(held["peer_now"] == self.options.long, f"{held['peer_now']} show their endpoint")
        return (f"{self.options.ends} sets that cannot be read gave way: 0 connects failed, 0 wrong, {shown} made amid the switch show "
                f"their endpoint; {held['open']} older connections, 0 broken (they show their endpoint)")

    def case_reboots(self):
        """What was pinned is gone: programs, links, the state of sockets. Only a snapshot is left."""
        shown = 0
        for turn in range(self.options.turns):
            self.dial.ask("pause")
            self.end(turn)
            expect(self.host.cli("uninstall")[0] == 0, "uninstall")
            self.start()
            self.dial.ask("resume")
            younger = Talk(self.host, self.load_program, "hold", 20)
            shown += 20 - younger.ask(f"services {self.services}")["peer"]
            self.dialled(200)
            expect(younger.ask("count")["broken"] == 0, "a connection of this life broke")
            younger.end()
        counts, held = self.counts(), self.hold.ask("count")
        for key in self.total:
            self.total[key] += counts[key]
        expect(counts["failed"] + counts["wrong"] + counts["peer"] == 0, json.dumps(counts))
        expect(held["broken"] == 0 and held["open"] == self.options.long, json.dumps(held))
        expect(shown == 20 * self.options.turns, f"{shown} of {20 * self.options.turns} show what was dialled")
        # The one thing that is lost: the state of sockets went with its map.
        expect(held["peer_now"] == self.options.long, f"{held['peer_now']} show their endpoint")
        return (f"{self.options.turns} starts from the snapshot alone: {counts['attempted']} connects, 0 failed, 0 wrong, getpeername right; "
                f"{held['open']} older connections, 0 broken (they show their endpoint)")

    def case_total(self):
        expect(self.total["attempted"] >= self.options.connects, f"only {self.total['attempted']} connects")
        return ", ".join(f"{self.total[key]} {key}" for key in self.total) + f"; {self.options.long} long connections, 0 broken"

    def snapshot_written(self):
        def newest():
            status = self.status()
            return (status["snapshot"] or {}).get("generation") == status["generation"]
        wait_for("the snapshot", newest, PATIENCE)

    def take_source_away(self):
        self.host.catalog.rename(self.host.directory / "gone")

    # --- and its sabotage ---------------------------------------------------------------------------
    def case_sabotage_links_in_the_wrong_order(self):
        self.change_to(0, OTHER, "pause=50")
        right = self.counts()
        self.change_to(0, "holdfastd")
        self.counts()
        self.change_to(0, OTHER, "connects-first pause=50")
        wrong = self.counts()
        self.change_to(0, "holdfastd")
        self.counts()
        expect(right["failed"] + right["wrong"] + right["peer"] == 0, f"in the right order: {json.dumps(right)}")
        expect(wrong["failed"] + wrong["wrong"] + wrong["peer"] > 0, "the wrong order, and nothing is seen")
        return (f"connects before getpeername: {wrong['peer']} of {wrong['attempted']} show another peer, as must be; "
                f"0 of {right['attempted']} in the right order with the same pauses")

    def case_sabotage_no_cut(self):
        self.dial.ask("pause")
        # Of this set's own time: what was there before is in its bases, and those are copied anyway.
        younger = Talk(self.host, self.load_program, "hold", 50)
        younger.ask(f"services {self.services}")
        wanted = self.options.long + 50
        wait_for("as many in flight as are open", lambda: self.in_flight() == wanted, PATIENCE)
        self.end(0)
        self.start(OTHER, "no-cut")
        counted = self.in_flight()
        younger.end()
        self.dial.ask("resume")
        self.change_to(0, "holdfastd")
        expect(counted != wanted, "no counts are carried over, and nothing is seen")
        return f"without the cut {counted} are in flight of {wanted}, as must be"


# Sabotage spoils what is in flight: it comes after the last case that asks for it. New maps count anew.
CASES = ["killed_while_growing", "sabotage_a_close_is_lost", "growth", "versions", "layouts", "ends_in_the_middle", "restarts_without_a_source", "sabotage_no_cut",
         "sabotage_links_in_the_wrong_order", "unknown_layout", "reboots", "total"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--before", metavar="BIN", help="a build of another version: up from it and down to it under load")
    parser.add_argument("--short", action="store_true", help="a minute: 6,000 services, 4 turns of each")
    parser.add_argument("--services", type=int, default=100_000)
    parser.add_argument("--endpoints", type=int, default=3, help="of each service, at most 16")
    parser.add_argument("--connects", type=int, default=1_000_000, help="at least so many in all")
    parser.add_argument("--long", type=int, default=1000, help="connections that are there from the beginning")
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--ends", type=int, default=10, help="in the middle of an upgrade; and sets that cannot be read")
    parser.add_argument("--kills", type=int, default=15, help="during each growth")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.short:
        options.services, options.connects, options.turns, options.ends, options.kills = 6000, 10_000, 4, 2, 4
    cases = [name for name in CASES if name != "versions" or options.before]
    options.steps = [one for one in (2000, 5000, 10_000, 20_000, 50_000) if one < options.services] + [options.services]
    if os.geteuid() != 0:
        print("skip e2e:outlive: needs root, for network namespaces and BPF")
        return 0
    lab = Lab(options.bin)
    outlive = Outlive(lab, lab.a, options)
    failed = 0
    for name in cases:
        try:
            print(f"ok e2e:outlive_{name}: {getattr(outlive, 'case_' + name)()}", flush=True)
        except Exception as error:
            failed += 1
            print(f"FAIL e2e:outlive_{name}: {type(error).__name__}: {error}", flush=True)
            if not isinstance(error, Failed):
                log = lab.a.directory / "holdfastd.log"
                print(log.read_text()[-2000:] if log.exists() else "no log")
                break
    lab.remove()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
