"""One connection of the fault server, and the steps of both HTTP versions and of HTTP/1.1 alone.

  ["read"]                 reads one whole request; the script ends if the client closes the connection
  ["read-head"]            reads up to the empty line
  ["take", N]              reads N bytes
  ["swallow", N]           reads N bytes of the body behind read-head and forgets them
  ["serve"]                reads requests and runs the next of the listener's "answers" for each, until the client closes
  ["answer", STATUS, FIELDS, BODY]   writes a whole response in the HTTP version of the connection; content-length is added
  ["write", BYTES]         writes bytes as they are
  ["repeat", BYTES, N]     writes the bytes N times, or until the client closes
  ["drip", BYTES]          writes the bytes one by one
  ["pace", BYTES, S]       writes the bytes every S seconds, a hundredth unless said, until the client closes
  ["hold", N]              waits for the Nth order "release" of the script, the first unless said; "holding" and "holding N" are its events
  ["signal", PID, N]       sends a process a signal
  ["silence"]              reads until the client closes
  ["loop"]                 starts again with the first step
  ["close"]                closes with TLS's close_notify, as after the last step of every script
  ["cut"]                  closes without close_notify
  ["reset"]                closes with a TCP reset

"close", "cut" and "reset" end a script. After "close" and "cut", the rest of what the client sends is read, because the kernel
would otherwise send a reset, and the client could lose the response.
"""

import base64
import os
import socket
import ssl
import struct
import time

import http2


class Gone(Exception):
    """The client has closed the connection."""


class Ended(Exception):
    """The script has closed the connection."""


class Connection:
    def __init__(self, peer, listener, steps):
        self.peer, self.listener, self.steps = peer, listener, steps
        self.releases = listener.releases
        self.received, self.requests, self.events = b"", [], []
        self.tls = self.alpn = self.server_name = None
        self.buffer = b""
        self.h2 = None

    def run(self):
        try:
            self.handshake()
            if self.alpn == "h2":
                self.h2 = http2.Http2(self)
            self.perform(self.steps)
            self.close()
        except (Gone, Ended, OSError):
            pass
        self.drain()

    def perform(self, steps):
        index = 0
        while index < len(steps):
            name, *arguments = steps[index]
            index += 1
            if name == "loop":
                index = 0
            elif name == "serve":
                while True:
                    self.read()
                    self.perform(self.listener.next_answer())
            elif name.startswith("h2-"):
                getattr(self.h2, name[3:].replace("-", "_"))(*arguments)
            else:
                getattr(self, name.replace("-", "_"))(*arguments)

    # Steps.

    def read(self):
        if self.h2:
            self.h2.read()
            return
        head = self.head()
        fields = [line.split(b":", 1) for line in head.split(b"\r\n")[1:] if b":" in line]
        values = {name.strip().lower(): value.strip() for name, value in fields}
        if values.get(b"transfer-encoding", b"").lower() == b"chunked":
            body = self.chunks()
        else:
            body = self.exactly(int(values.get(b"content-length", 0)))
        self.record({"head": text(head), "body": text(body)})

    def read_head(self):
        self.record({"head": text(self.head()), "body": ""})

    def take(self, length):
        self.exactly(length)

    def swallow(self, length):
        length -= len(self.buffer)
        self.buffer = b""
        while length > 0:
            data = self.tls.read(65536) if self.tls else self.peer.recv(65536)
            if not data:
                raise Gone
            length -= len(data)

    def answer(self, status, fields, body=""):
        if self.h2:
            self.h2.answer(status, fields, body)
            return
        body = base64.b64decode(body)
        lines = [f"HTTP/1.1 {status} Reason"] + [f"{name}: {value}" for name, value in fields]
        if not any(name.lower() in ("content-length", "transfer-encoding") for name, _ in fields):
            lines.append(f"content-length: {len(body)}")
        self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)

    def write(self, data):
        self.send(base64.b64decode(data))

    def repeat(self, data, times):
        data = base64.b64decode(data)
        for _ in range(times):
            self.send(data)
        self.note("all-written")

    def drip(self, data):
        for byte in base64.b64decode(data):
            self.send(bytes([byte]))
            time.sleep(0.001)

    def pace(self, data, seconds=0.01):
        while True:
            self.write(data)
            time.sleep(seconds)

    def hold(self, number=1):
        self.note("holding" if number == 1 else f"holding {number}")
        self.releases.wait(number)

    def signal(self, pid, number):
        os.kill(pid, number)

    def silence(self):
        self.note("silent")
        while self.some():
            pass
        raise Gone

    def close(self):
        if self.tls:
            try:
                self.tls.unwrap()
            except ssl.SSLError:
                pass
            self.flush()
        self.cut()

    def cut(self):
        self.note("ended")
        self.peer.shutdown(socket.SHUT_WR)
        raise Ended

    def reset(self):
        self.note("ended")
        self.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.peer.close()
        raise Ended

    # Bytes.

    def handshake(self):
        if not self.listener.context:
            return
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = self.listener.context
        context.sni_callback = lambda tls, name, _: setattr(tls, "named", name)
        tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        self.tls = tls
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self.flush()
                self.feed()
            except ssl.SSLError:
                self.flush()
                self.note("handshake-failed")
                self.tls = None
                self.cut()
        self.flush()
        self.alpn = tls.selected_alpn_protocol()
        self.server_name = getattr(tls, "named", None)
        self.note("handshake")

    def flush(self):
        self.peer.sendall(self.outgoing.read())

    def feed(self):
        data = self.peer.recv(65536)
        if not data:
            raise Gone
        self.incoming.write(data)

    def send(self, data):
        if self.tls is None:
            self.peer.sendall(data)
            return
        self.tls.write(data)
        self.flush()

    def some(self):
        """The next bytes, or no bytes if the client has closed."""
        try:
            while self.tls is not None:
                try:
                    data = self.tls.read(65536)
                    break
                except ssl.SSLWantReadError:
                    self.feed()
                except ssl.SSLError:
                    return b""
            else:
                data = self.peer.recv(65536)
        except (Gone, OSError):
            return b""
        self.received += data
        return data

    def exactly(self, length):
        while len(self.buffer) < length:
            data = self.some()
            if not data:
                raise Gone
            self.buffer += data
        data, self.buffer = self.buffer[:length], self.buffer[length:]
        return data

    def head(self):
        return self.until(b"\r\n\r\n")

    def until(self, end):
        while end not in self.buffer:
            data = self.some()
            if not data:
                raise Gone
            self.buffer += data
        head, self.buffer = self.buffer.split(end, 1)
        return head + end

    def chunks(self):
        body = b""
        while True:
            size = int(self.until(b"\r\n").split(b";")[0], 16)
            body += self.exactly(size)
            self.until(b"\r\n")
            if size == 0:
                return body

    def drain(self):
        try:
            while self.peer.recv(65536):
                pass
        except OSError:
            pass
        self.note("closed")
        self.peer.close()

    def abandon(self):
        """Closes the connection from another thread; its script has been replaced."""
        try:
            self.peer.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    # Reports.

    def note(self, event):
        with self.listener.changed:
            self.events.append(event)
            self.listener.changed.notify_all()

    def record(self, request):
        with self.listener.changed:
            self.requests.append(request)
            self.events.append("request")
            self.listener.changed.notify_all()

    def seen(self):
        return {
            "received": text(self.received),
            "requests": list(self.requests),
            "events": list(self.events),
            "alpn": self.alpn,
            "server_name": self.server_name,
        }


def text(data):
    return base64.b64encode(data).decode()
