#!/usr/bin/python3
"""Stands in for Slack and PagerDuty: takes their messages, shows them readably, and lists them for tests.

    receiver.py PORT

POST /slack        a Slack incoming webhook; answers "ok"
POST /v2/enqueue   PagerDuty's Events API v2; answers 202 with the dedup_key
POST /webhook      anything else that posts JSON
GET  /messages     all messages as a JSON array of {"n", "at", "kind", "body"}, oldest first, at most the last 1000;
                   ?kind=slack|pagerduty|webhook chooses, ?after=N leaves out those up to number N
POST /behave       {"kind": "slack", "status": 429, "headers": {"Retry-After": "1"}, "times": 3}: the next answers
DELETE /messages   forgets them
"""
import collections
import json
import re
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

KINDS = {"/slack": "slack", "/v2/enqueue": "pagerduty", "/webhook": "webhook"}
BODY_BYTES_MAX = 1024 * 1024


def text_blocks(block):
    """Every text in a Slack message's blocks or attachments, in reading order."""
    if isinstance(block, list):
        for item in block:
            yield from text_blocks(item)
    elif isinstance(block, dict):
        if isinstance(block.get("text"), str):
            yield block["text"]
        for name in ("title", "pretext", "text", "fields", "elements", "blocks", "value"):
            value = block.get(name)
            if name != "text" and isinstance(value, str) and block.get("type") != "button":
                yield value
            elif isinstance(value, (dict, list)):
                yield from text_blocks(value)


def plain(line):
    """Slack's links, <https://...|Text>, shown as their text."""
    return re.sub(r"<[^|<>]+\|([^<>]+)>", r"[\1]", line)


def readable(kind, body):
    if not isinstance(body, dict):
        return [repr(body)]
    if kind == "slack":
        lines = [body.get("text")] + list(text_blocks(body.get("blocks", []))) + list(
            text_blocks(body.get("attachments", [])))
        lines = [line for text in lines if text for line in text.splitlines() if line.strip()]
        return list(dict.fromkeys(map(plain, lines)))
    if kind == "pagerduty":
        payload = body.get("payload") or {}
        lines = [f"{str(body.get('event_action')).upper()}  dedup_key {body.get('dedup_key')}"]
        for name in ("severity", "summary", "source"):
            if payload.get(name):
                lines.append(f"{name}: {payload[name]}")
        return lines
    return json.dumps(body, indent=2).splitlines()


class Mailbox:
    def __init__(self):
        self.lock = threading.Lock()
        self.messages = collections.deque(maxlen=1000)
        self.count = 0
        self.behaviour = {}

    def put(self, kind, body):
        with self.lock:
            self.count += 1
            self.messages.append({"n": self.count, "at": time.time(), "kind": kind, "body": body})
            print(f"{time.strftime('%H:%M:%S')}  {kind}", flush=True)
            for line in readable(kind, body):
                print(f"          {line}", flush=True)

    def next_behaviour(self, kind):
        with self.lock:
            wanted = self.behaviour.get(kind)
            if not wanted or wanted["times"] <= 0:
                return None
            wanted["times"] -= 1
            return wanted


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    mailbox = Mailbox()

    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        if length > BODY_BYTES_MAX:
            self.close_connection = True
            return self.answer(413, "too large")
        text = self.rfile.read(length).decode("utf-8", "replace")
        try:
            body = json.loads(text)
        except ValueError:
            return self.answer(400, "invalid_payload")
        path = urlsplit(self.path).path
        if path == "/behave":
            self.mailbox.behaviour[body["kind"]] = {"headers": {}, "times": 1, **body}
            return self.answer(200, "ok")
        kind = KINDS.get(path)
        if kind is None:
            return self.answer(404, "there is nothing here")
        wanted = self.mailbox.next_behaviour(kind)
        if wanted:
            return self.answer(wanted["status"], "as told", headers=wanted["headers"])
        self.mailbox.put(kind, body)
        if kind == "pagerduty":
            return self.answer(202, {"status": "success", "message": "Event processed",
                                     "dedup_key": body.get("dedup_key")})
        self.answer(200, "ok")

    def do_GET(self):
        url = urlsplit(self.path)
        query = parse_qs(url.query)
        if url.path != "/messages":
            return self.answer(404, "there is /messages")
        kind = query.get("kind", [None])[0]
        after = int(query.get("after", ["0"])[0])
        with self.mailbox.lock:
            found = [m for m in self.mailbox.messages if m["n"] > after and kind in (None, m["kind"])]
        self.answer(200, found)

    def do_DELETE(self):
        with self.mailbox.lock:
            self.mailbox.messages.clear()
        self.answer(200, "ok")

    def answer(self, status, body, headers=None):
        is_text = isinstance(body, str)
        data = (body if is_text else json.dumps(body) + "\n").encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain" if is_text else "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: receiver.py PORT")
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    print(f"receiver at http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
