#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The demo: the microservices of 8 March 2022 on two hosts, and what Holdfast does for them.
Exits non-zero when something did not hold."""
import argparse
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lab import Lab, Load, Shop, wait_for  # noqa: E402

URL = "http://10.96.0.10/"


def say(text=""):
    print(text, flush=True)


class Demo:
    def __init__(self, lab):
        self.lab, self.shop = lab, None
        self.broken = []
        self.seen = {"requests": 0, "failed": 0, "wrong": 0}

    def hold(self, claim, holds):
        say(f"   {'held' if holds else 'DID NOT HOLD'}: {claim}")
        if not holds:
            self.broken.append(claim)

    def figures(self, load):
        """Requests and failures since the last step."""
        now = load.count()
        step = {key: now[key] - self.seen[key] for key in self.seen}
        self.seen = {key: now[key] for key in self.seen}
        say(f"   {step['requests']} pages ({3 * step['requests']} connects), {step['failed']} failed, {step['wrong']} from a wrong service")
        for error, times in now["errors"].items():
            say(f"     {times} x {error}")
        return step

    def step(self, load, title, action, seconds):
        say(f"\n-- {title}")
        action()
        time.sleep(seconds)
        figures = self.figures(load)
        self.hold("pages go on, none failed, none wrong", figures["requests"] > 0 and figures["failed"] == 0 and figures["wrong"] == 0)

    def run(self):
        lab = self.lab
        say("== two hosts, song + artist + image on each, and a catalog of Kubernetes objects")
        self.shop = Shop(lab)
        self.shop.publish()
        for host in (lab.a, lab.b):
            host.start_daemon()
        code, out, _ = lab.a.run("curl", "-s", "-m", "3", URL)
        say(f"   GET {URL} from host a: {out.strip()}")
        self.hold("a page is served by service address", code == 0 and '"song"' in out)
        say(lab.a.cli("service", "list")[1].rstrip())
        load = Load(lab.a, URL)
        self.step(load, "pages for a few seconds", lambda: None, 5)
        say(f"   who answered: {dict(sorted(load.count()['answers'].items()))}")
        self.hold("both instances of each service answered", len(load.count()["answers"]) == 6)
        self.step(load, "a third artist is added by editing the catalog", self.add_artist, 4)
        self.hold("it answers", load.count()["answers"].get("artist-b2", 0) > 0)
        self.step(load, "artist-a1 is taken out of the catalog", self.remove_artist, 4)
        before = load.count()["answers"].get("artist-a1", 0)
        time.sleep(2)
        self.hold("it gets no new connects", load.count()["answers"].get("artist-a1", 0) == before)
        self.step(load, "holdfastd is killed with SIGKILL on both hosts: no daemon now", lambda: self.end(signal.SIGKILL), 5)
        say(f"   the CLI with the daemon dead: {len(lab.a.json('service', 'list'))} services in the maps, "
            f"`holdfast status` exits {lab.a.cli('status')[0]}")
        self.step(load, "it returns and takes over the maps and links", self.start, 4)
        self.step(load, "it is stopped with SIGTERM", lambda: self.end(signal.SIGTERM), 4)
        self.step(load, "and returns", self.start, 4)
        self.step(load, "the lie of March 2022: the catalog is suddenly empty", self.lie, 5)
        say(lab.a.cli("hold", "list")[1].rstrip())
        self.hold("the removals are held, and said aloud", len(lab.a.json("hold", "list")) == 3)
        self.step(load, "the catalog is back", self.truth, 3)
        self.hold("the holds ended by themselves", lab.a.json("hold", "list") == [])
        total = load.stop()
        say(f"\n== in all: {total['requests']} pages, {3 * total['requests']} connects, {total['failed']} failed, {total['wrong']} wrong")
        say(lab.a.cli("endpoint", "list")[1].rstrip())

    def add_artist(self):
        self.shop.start("artist-b2", "artist", self.lab.b, 99)
        self.shop.publish()

    def remove_artist(self):
        self.without = ("artist-a1",)
        self.shop.publish(self.without)
        time.sleep(0.5)

    def end(self, how):
        for host in (self.lab.a, self.lab.b):
            host.stop_daemon(how)

    def start(self):
        for host in (self.lab.a, self.lab.b):
            host.start_daemon()

    def lie(self):
        for host in (self.lab.a, self.lab.b):
            host.write_catalog("")
        wait_for("the hold to be listed", lambda: self.lab.a.json("hold", "list"))

    def truth(self):
        self.shop.publish(self.without)
        wait_for("the hold to end", lambda: not self.lab.a.json("hold", "list"))


def look_around(lab):
    cli = f"{lab.bin}/holdfast --config {lab.a.directory}/config.yaml"
    say(f"\nLeft running. Look around:\n  {cli} status\n  {cli} service list\n  {cli} endpoint list -o wide\n"
        f"  {cli} explain 10.96.0.10:80\n  edit {lab.a.catalog}/catalog.yaml\n"
        f"  a page, as seen by host a: sh -c 'echo $$ > {lab.a.cgroup}/cgroup.procs; nsenter --net=/run/netns/{lab.a.netns} curl -s {URL}'\n"
        f"The next ./scripts/demo removes it all.")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    lab = Lab(options.bin, options.keep)
    demo = Demo(lab)
    try:
        demo.run()
    except Exception as error:
        demo.broken.append(str(error))
        for host in (lab.a, lab.b):
            log = host.directory / "holdfastd.log"
            say(f"{log.name} of host {host.name}:\n{log.read_text() if log.exists() else ''}")
    if options.keep:
        look_around(lab)
    lab.remove()
    say("\n== " + ("all of it held" if not demo.broken else "did not hold: " + "; ".join(demo.broken)))
    return 1 if demo.broken else 0


if __name__ == "__main__":
    sys.exit(main())
