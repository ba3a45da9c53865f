"""A server that follows a script for each connection and reports what its clients sent. Run as `python3 faultserver SOCKET`.

It is controlled through the Unix socket SOCKET, with one JSON document in each line, for orders and for replies:

  {"do": "listen", "name": N, "address"?: A, "port"?: P, "tls"?: {...}}   -> {"port": P}
      tls: certificate, key (PEM files), alpn (list), minimum and maximum ("1.2", "1.3"), client_ca (PEM file), ciphers (of
      TLS 1.2, as OpenSSL names them), group (the only one for the key exchange)
  {"do": "script", "name": N, "connections": [[STEP, …], …], "answers"?: [[STEP, …], …]}   -> {}
      ends all connections, forgets what they received; the nth connection then runs the nth script, later ones run the last
  {"do": "seen", "name": N}   -> {"connections": [{"received", "requests", "events", "alpn", "server_name"}, …]}
  {"do": "wait", "name": N, "event": E, "count": C}   -> {} once C connections have had the event
  {"do": "release", "name": N}   -> {}; connections that wait in the step "hold" for this number of releases continue
  {"do": "dns", "names": {HOST: [[ADDRESS, …], …], …}}   -> {}; see dns.py
  {"do": "questions"}   -> {"questions": {"HOST TYPE": C, …}}

Steps are lists of a name and arguments; see connection.py and http2.py. In JSON, byte strings are base64.
"""

import json
import os
import socket
import ssl
import sys
import threading

from connection import Connection
from dns import Dns

WAIT = 30


class Releases:
    """How often a script was released, and who waits for that."""

    def __init__(self):
        self.count = 0
        self.changed = threading.Condition()

    def one(self):
        with self.changed:
            self.count += 1
            self.changed.notify_all()

    def end(self):
        with self.changed:
            self.count = float("inf")
            self.changed.notify_all()

    def wait(self, number):
        with self.changed:
            self.changed.wait_for(lambda: self.count >= number)


class Listener:
    """One port, its script, and its connections since the script began."""

    def __init__(self, address, port, tls):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((address, port))
        self.socket.listen(64)
        self.port = self.socket.getsockname()[1]
        self.context = context(tls) if tls else None
        self.changed = threading.Condition()
        self.releases = Releases()
        self.last = None
        self.connections, self.script, self.answers, self.answered = [], [], [], 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            peer, client = self.socket.accept()
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.changed:
                if client == self.last:
                    self.last = None
                    self.changed.notify_all()
                    peer.close()
                    continue
                index = min(len(self.connections), len(self.script) - 1)
                steps = self.script[index] if self.script else [["cut"]]
                connection = Connection(peer, self, steps)
                self.connections.append(connection)
                self.changed.notify_all()
            threading.Thread(target=connection.run, daemon=True).start()

    def next_answer(self):
        """The steps that respond to the next request, on any connection."""
        with self.changed:
            steps = self.answers[min(self.answered, len(self.answers) - 1)]
            self.answered += 1
            return steps

    def accept_all(self):
        """Accepts every connection that is there: this one is behind them."""
        with socket.socket(self.socket.family, socket.SOCK_STREAM) as last, self.changed:
            last.bind((self.socket.getsockname()[0], 0))
            self.last = last.getsockname()
            last.connect(self.socket.getsockname())
            self.changed.wait_for(lambda: self.last is None)

    def begin(self, script, answers):
        # One that a client has given up before it sent anything would otherwise get the first script.
        self.accept_all()
        with self.changed:
            for connection in self.connections:
                connection.abandon()
            self.connections, self.script, self.answers, self.answered = [], script, answers, 0
            self.releases.end()
            self.releases = Releases()

    def seen(self):
        with self.changed:
            return [connection.seen() for connection in self.connections]

    def wait(self, event, count):
        def there():
            return sum(event in connection.events for connection in self.connections) >= count

        with self.changed:
            if not self.changed.wait_for(there, WAIT):
                raise TimeoutError(f"{count} connections with the event {event}")


def context(tls):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion["TLSv" + tls.get("minimum", "1.2").replace(".", "_")]
    made.maximum_version = ssl.TLSVersion["TLSv" + tls.get("maximum", "1.3").replace(".", "_")]
    if made.minimum_version < ssl.TLSVersion.TLSv1_2:
        made.set_ciphers("DEFAULT:@SECLEVEL=0")
    if tls.get("ciphers"):
        made.set_ciphers(tls["ciphers"] + ":@SECLEVEL=0")
    if tls.get("group"):
        made.set_ecdh_curve(tls["group"])
    made.load_cert_chain(tls["certificate"], tls["key"])
    if tls.get("alpn"):
        made.set_alpn_protocols(tls["alpn"])
    if tls.get("client_ca"):
        made.load_verify_locations(tls["client_ca"])
        made.verify_mode = ssl.CERT_REQUIRED
    return made


def answer(listeners, order):
    name = order.get("name")
    if order["do"] == "listen":
        listeners[name] = Listener(order.get("address", "127.0.0.1"), order.get("port", 0), order.get("tls"))
        return {"port": listeners[name].port}
    if order["do"] == "dns":
        listeners["dns"] = Dns(order["names"])
        return {}
    if order["do"] == "questions":
        return {"questions": listeners["dns"].questions}
    listener = listeners[name]
    if order["do"] == "script":
        listener.begin(order["connections"], order.get("answers", []))
    elif order["do"] == "seen":
        return {"connections": listener.seen()}
    elif order["do"] == "wait":
        listener.wait(order["event"], order["count"])
    elif order["do"] == "release":
        listener.releases.one()
    else:
        raise ValueError(order["do"])
    return {}


def serve(control, listeners):
    for line in control.makefile("rb"):
        try:
            reply = answer(listeners, json.loads(line))
        except Exception as error:  # every exception is a reply, so that the test fails with its message
            reply = {"error": f"{type(error).__name__}: {error}"}
        control.sendall(json.dumps(reply).encode() + b"\n")


def main():
    listeners = {}
    control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    control.bind(sys.argv[1] + ".new")
    control.listen(8)
    # The socket gets its final name only when it accepts connections.
    os.rename(sys.argv[1] + ".new", sys.argv[1])
    while True:
        peer, _ = control.accept()
        threading.Thread(target=serve, args=(peer, listeners), daemon=True).start()


main()
