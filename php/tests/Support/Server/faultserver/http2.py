"""HTTP/2 on the server's side, written frame by frame, so that a script can make a mistake in every frame.

  ["h2-head", FIELDS, END]      HEADERS with these fields, ":status" among them; split into CONTINUATIONs if it is long
  ["h2-fill"]                   reads a request until its body fills the initial window, and sends no WINDOW_UPDATE
  ["h2-data", BYTES, END]       DATA, within the client's windows
  ["h2-rst", CODE]              RST_STREAM
  ["h2-await-reset"]            reads until the client resets a stream
  ["h2-goaway", LAST, CODE]     GOAWAY; LAST null is the current stream
  ["h2-frame", TYPE, FLAGS, STREAM, BYTES]   any frame; STREAM null is the current one
  ["h2-flood", TYPE, FLAGS, STREAM, BYTES, N]   the same frame N times, or until the client closes

A request over HTTP/2 is recorded with a list of its fields in place of the bytes of a head.
"""

import base64
import struct

import hpack

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITY = 1, 1, 4, 8, 32
INITIAL_WINDOW, FRAME, WINDOW = 4, 16384, 65535


class Http2:
    def __init__(self, connection):
        self.connection = connection
        self.decoder, self.encoder = hpack.Decoder(), hpack.Encoder()
        self.open, self.stream = {}, 0
        self.initial, self.windows = WINDOW, {0: WINDOW}
        self.makes_room = True
        connection.exactly(len(PREFACE))
        self.frame(SETTINGS, 0, 0, "")

    def read(self):
        """Reads frames until a request is complete."""
        while True:
            complete = self.next()
            if complete is not None:
                self.stream = complete
                fields, body = self.open.pop(complete)
                encoded = base64.b64encode(body).decode()
                self.connection.record({"fields": fields, "body": encoded, "stream": complete})
                return

    def fill(self):
        self.makes_room = False
        while sum(len(body) for _, body in self.open.values()) < WINDOW:
            self.next()
        self.stream, (fields, body) = next(iter(self.open.items()))
        encoded = base64.b64encode(body).decode()
        self.connection.record({"fields": fields, "body": encoded, "stream": self.stream})

    def answer(self, status, fields, body=""):
        fields = [[":status", str(status)]] + [[name.lower(), value] for name, value in fields]
        self.head(fields, body == "")
        if body:
            self.data(body, True)

    def head(self, fields, end):
        pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields]
        block = self.encoder.encode(pairs, huffman=False)
        pieces = [block[at:at + FRAME] for at in range(0, len(block), FRAME)] or [b""]
        for index, piece in enumerate(pieces):
            last = END_HEADERS if index == len(pieces) - 1 else 0
            first = END_STREAM if end and index == 0 else 0
            self.raw(CONTINUATION if index else HEADERS, last | first, self.stream, piece)

    def data(self, data, end):
        data = base64.b64decode(data)
        while True:
            room = min(self.windows[0], self.windows.get(self.stream, self.initial), FRAME)
            if room <= 0 and data:
                self.next()
                continue
            piece, data = data[:room], data[room:]
            self.windows[0] -= len(piece)
            self.windows[self.stream] = self.windows.get(self.stream, self.initial) - len(piece)
            self.raw(DATA, END_STREAM if end and not data else 0, self.stream, piece)
            if not data:
                return

    def rst(self, code):
        self.raw(RST_STREAM, 0, self.stream, struct.pack(">I", code))

    def await_reset(self):
        while "stream-reset" not in self.connection.events:
            self.next()

    def goaway(self, last, code):
        self.raw(GOAWAY, 0, 0, struct.pack(">II", self.stream if last is None else last, code))

    def frame(self, kind, flags, stream, payload):
        self.raw(kind, flags, self.stream if stream is None else stream, base64.b64decode(payload))

    def flood(self, kind, flags, stream, payload, times):
        for _ in range(times):
            self.frame(kind, flags, stream, payload)
        self.connection.note("all-written")

    def raw(self, kind, flags, stream, payload):
        header = struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream)
        self.connection.send(header + payload)

    def next(self):
        """Reads one frame; returns its stream if the frame completes a request."""
        header = self.connection.exactly(9)
        length = int.from_bytes(header[:3], "big")
        kind, flags, stream = struct.unpack(">BBI", header[3:])
        payload = self.connection.exactly(length)
        if kind == SETTINGS and not flags & ACK:
            for at in range(0, length, 6):
                key, value = struct.unpack(">HI", payload[at:at + 6])
                if key == INITIAL_WINDOW:
                    for known in self.windows.keys() - {0}:
                        self.windows[known] += value - self.initial
                    self.initial = value
            self.raw(SETTINGS, ACK, 0, b"")
        elif kind == PING and not flags & ACK:
            self.raw(PING, ACK, 0, payload)
        elif kind == WINDOW_UPDATE:
            self.windows[stream] = self.windows.get(stream, self.initial) + int.from_bytes(payload, "big")
        elif kind == RST_STREAM:
            self.connection.note("stream-reset")
        elif kind == HEADERS:
            return self.headers(flags, stream, payload)
        elif kind == DATA:
            return self.body(flags, stream, payload)
        return None

    def headers(self, flags, stream, payload):
        if flags & PADDED:
            payload = payload[1:len(payload) - payload[0]]
        if flags & PRIORITY:
            payload = payload[5:]
        ended = flags
        while not flags & END_HEADERS:
            header = self.connection.exactly(9)
            flags = header[4]
            payload += self.connection.exactly(int.from_bytes(header[:3], "big"))
        fields = self.decoder.decode(payload, raw=True)
        pairs = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in fields]
        self.open[stream] = (pairs, b"")
        return stream if ended & END_STREAM else None

    def body(self, flags, stream, payload):
        if payload and self.makes_room:
            update = struct.pack(">I", len(payload))
            self.raw(WINDOW_UPDATE, 0, 0, update)
            self.raw(WINDOW_UPDATE, 0, stream, update)
        if flags & PADDED:
            payload = payload[1:len(payload) - payload[0]]
        fields, body = self.open[stream]
        self.open[stream] = (fields, body + payload)
        return stream if flags & END_STREAM else None
