#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fetches pages, each on a fresh connection, until SIGTERM; then prints what it counted as JSON.

Usage: client.py URL ROLE STATUS-FILE. The status file is replaced a few times a second."""
import json
import os
import signal
import sys
import time
import urllib.request

URL, ROLE, STATUS = sys.argv[1:4]
count = {"requests": 0, "failed": 0, "wrong": 0, "answers": {}, "errors": {}}
running = True


def stop(*_):
    global running
    running = False


def save():
    with open(STATUS + ".new", "w") as file:
        json.dump(count, file)
    os.rename(STATUS + ".new", STATUS)


signal.signal(signal.SIGTERM, stop)
saved = 0.0
while running:
    count["requests"] += 1
    try:
        with urllib.request.urlopen(URL, timeout=3) as answer:
            page = json.load(answer)
        if page.get("role") != ROLE:
            count["wrong"] += 1
        for part in ("instance", "artist", "image"):
            if part in page:
                count["answers"][page[part]] = count["answers"].get(page[part], 0) + 1
    except Exception as error:  # every failure counts, whatever it is
        count["failed"] += 1
        count["errors"][str(error)] = count["errors"].get(str(error), 0) + 1
        time.sleep(0.01)
    if time.monotonic() - saved > 0.1:
        save()
        saved = time.monotonic()
save()
print(json.dumps(count))
