#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One instance of song, artist or image: a real HTTP server. A song page asks artist and image by
their service addresses, on a fresh connection each, and shows who answered.

Usage: service.py ROLE NAME ADDRESS PORT [ARTIST-URL IMAGE-URL]"""
import http.server
import json
import socket
import sys
import urllib.request

ROLE, NAME, ADDRESS, PORT = sys.argv[1:5]
UPSTREAMS = sys.argv[5:]


def ask(url):
    with urllib.request.urlopen(url, timeout=2) as answer:
        return json.load(answer)


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body, status = {"role": ROLE, "instance": NAME}, 200
        if ROLE == "song":
            try:
                body["artist"], body["image"] = (ask(url)["instance"] for url in UPSTREAMS)
            except OSError as error:
                body, status = {"error": str(error)}, 502
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6 if ":" in ADDRESS else socket.AF_INET
    request_queue_size = 256
    daemon_threads = True


Server((ADDRESS, int(PORT)), Page).serve_forever()
