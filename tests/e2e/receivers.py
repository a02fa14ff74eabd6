"""Receivers of notifications, in the test's own process: an HTTP server that plays Slack, PagerDuty and webhooks, and a mail
server (Debian's aiosmtpd)."""
import asyncio
import contextlib
import email
import email.policy
import json
import logging
import socket
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Hooks:
    """Keeps what was posted as {"at", "path", "headers", "body", "status", "peer", "answered_at"}. `answer` decides: a function of the message to a
    status, or to (status, headers, body); None hangs until the end."""

    def __init__(self, answer=None, tls=None):
        self.received, self.lock, self.ended, self.connections = [], threading.Lock(), threading.Event(), []
        self.answer = answer or (lambda message: 200)
        hooks = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # an answer is one segment: in two, the second would wait for the acknowledgement of the first

            def setup(self):
                super().setup()
                with hooks.lock:
                    hooks.connections.append(self.connection)

            def do_POST(self):
                text = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                try:
                    body = json.loads(text)
                except ValueError:
                    body = text
                message = {"at": time.time(), "path": self.path, "headers": dict(self.headers), "body": body, "status": None,
                           "peer": self.client_address}
                answer = hooks.answer(message)
                if answer is not None:
                    status, headers, out = answer if isinstance(answer, tuple) else (answer, {}, "ok")
                    message["status"] = status
                with hooks.lock:
                    hooks.received.append(message)
                if answer is None:
                    hooks.ended.wait()
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(out)))
                self.end_headers()
                self.wfile.write(out.encode())
                self.wfile.flush()
                message["answered_at"] = time.time()

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_):
                pass  # a peer that was killed

        self.server = Server(("127.0.0.1", 0), Handler)
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def messages(self, path=""):
        with self.lock:
            return [m for m in self.received if m["path"].startswith(path)]

    def delivered(self, path=""):
        return [m for m in self.messages(path) if m["status"] == 200]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.server.shutdown()
        self.server.server_close()
        self.close_connections()

    def close_connections(self):
        """Those that are kept open."""
        with self.lock:
            for connection in self.connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


class MailServer:
    """`refuse` maps a recipient to the answer it gets; `refuse_message` is the answer to any message. With `tls`, a context,
    STARTTLS is offered, and a login needs it; with `implicit`, TLS comes first. `users` maps names to passwords."""

    def __init__(self, tls=None, implicit=False, users=None, without=()):
        from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
        for name in ("mail.log", "asyncio"):  # what it thinks of a test's settings, and of connections cut at the end
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self.mails, self.refuse, self.refuse_message, self.attempts = [], {}, None, 0
        server = self

        class Handler:
            async def handle_RCPT(self, _server, _session, envelope, address, _options):
                server.attempts += 1
                if address in server.refuse:
                    return server.refuse[address]
                envelope.rcpt_tos.append(address)
                return "250 OK"

            async def handle_DATA(self, _server, session, envelope):
                if server.refuse_message:
                    return server.refuse_message
                server.mails.append({"from": envelope.mail_from, "to": list(envelope.rcpt_tos), "tls": implicit or session.ssl is not None,
                                     "login": getattr(session, "login_as", None),
                                     "message": email.message_from_bytes(envelope.content, policy=email.policy.default)})
                return "250 OK"

        def check(_server, session, _envelope, mechanism, login):
            good = isinstance(login, LoginPassword) and users.get(login.login.decode()) == login.password.decode()
            if good:
                session.login_as = (mechanism, login.login.decode())
            return AuthResult(success=good)

        options = {"hostname": "mail.test", "auth_require_tls": bool(tls) and not implicit, "auth_exclude_mechanism": list(without)}
        if users:
            options.update(authenticator=check, auth_required=True)
        if tls and not implicit:
            options.update(tls_context=tls)
        self.loop = asyncio.new_event_loop()
        self.listening = self.loop.run_until_complete(self.loop.create_server(
            lambda: SMTP(Handler(), loop=self.loop, **options), "127.0.0.1", 0, ssl=tls if implicit else None))
        self.port = self.listening.sockets[0].getsockname()[1]
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.listening.close()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()


def certificate(folder):
    """A server's TLS context for 127.0.0.1 and the path of the certificate to trust."""
    key, cert = f"{folder}/key.pem", f"{folder}/cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key, "-out", cert, "-subj",
                    "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context, cert
