#!/usr/bin/env python3
"""otlp_sink.py PORT_FILE [PROVIDER_PORT]: a collector for tests.

POST /v1/traces: the body goes as one line to spans.jsonl, its headers to headers.jsonl, and the answer is what the
file `answer` says, "STATUS [RETRY_AFTER]", if there is one, else 200. "stall" takes the request and never answers.
Any other POST goes to the provider at PROVIDER_PORT, and its headers to calls.jsonl. All files are in the current folder.
"""
import http.client
import http.server
import json
import os
import sys
import threading

write_lock = threading.Lock()


def append(path, value):
    with write_lock, open(path, "a") as f:
        f.write(json.dumps(value) + "\n")


def planned_answer():
    try:
        with open("answer") as f:
            return f.read().split()
    except FileNotFoundError:
        return ["200"]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def collect(self, body):
        plan = planned_answer()
        headers = {name.lower(): value for name, value in self.headers.items()}
        append("headers.jsonl", headers)
        if plan[0] == "stall":
            threading.Event().wait()
        if plan[0] == "200":
            append("spans.jsonl", json.loads(body))
        self.answer(int(plan[0]), b"{}", [("Retry-After", s) for s in plan[1:]])

    def forward(self, body):
        headers = {name.lower(): value for name, value in self.headers.items()}
        append("calls.jsonl", headers)
        upstream = http.client.HTTPConnection("127.0.0.1", int(sys.argv[2]))
        upstream.request("POST", self.path, body, {"Content-Type": "application/json"})
        response = upstream.getresponse()
        self.answer(response.status, response.read())
        upstream.close()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/v1/traces":
            self.collect(body)
        else:
            self.forward(body)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


server = Server(("127.0.0.1", 0), Handler)
with open("sink.tmp", "w") as f:
    f.write(f"{server.server_port}\n")
os.rename("sink.tmp", sys.argv[1])
server.serve_forever()
