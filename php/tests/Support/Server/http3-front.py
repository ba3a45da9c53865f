"""HTTP/3 in front of servers of HTTP/1.1 on loopback: each request goes on over a connection of its own, and what comes back goes back as it comes.

    http3-front.py CERTIFICATE KEY LOG BACKEND…

Each BACKEND is a port. Prints, on one line, the ports of UDP in front of them. At the same ports of TCP is a socket that takes connections and
says nothing, so that HTTP/3 alone can answer. LOG gets a line for each request. What a backend sends that is no whole response of HTTP/1.1 resets
the stream.
"""

import asyncio
import functools
import re
import socket
import sys
import traceback

from aioquic.asyncio import QuicConnectionProtocol, serve
from aioquic.h3.connection import ErrorCode, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, ProtocolNegotiated, StopSendingReceived, StreamReset

OF_CONNECTIONS = (b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade")
PIECE = 65536


class Broken(Exception):
    """The backend's response is not one."""


class Exchange:
    def __init__(self, front, stream, headers, ended):
        self.front, self.stream, self.headers, self.ended = front, stream, headers, ended
        self.pieces = asyncio.Queue()
        self.task = asyncio.ensure_future(self.run())

    async def run(self):
        writer = sending = None
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.front.backend, limit=1 << 18)
            sending = asyncio.ensure_future(self.request(writer))
            await self.response(reader)
        except Exception as error:
            if not isinstance(error, (Broken, OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)):
                traceback.print_exc()
            self.front.reset(self.stream)
        finally:
            if sending:
                sending.cancel()
            if writer:
                writer.close()

    async def request(self, writer):
        pseudo = {name: value for name, value in self.headers if name.startswith(b":")}
        fields = [(name, value) for name, value in self.headers if not name.startswith(b":")]
        self.front.log.write(pseudo[b":method"] + b" " + pseudo[b":path"] + b"\n")
        piece, ended = b"", self.ended
        has_length = any(name == b"content-length" for name, _ in fields)
        if not ended and not has_length:
            # Whether there is a body at all is told by the next frame.
            piece, ended = await self.pieces.get()
        chunked = not has_length and not (ended and not piece)
        lines = [pseudo[b":method"] + b" " + pseudo[b":path"] + b" HTTP/1.1", b"host: " + pseudo[b":authority"]]
        lines += [name + b": " + value for name, value in fields]
        lines += [b"transfer-encoding: chunked"] if chunked else []
        writer.write(b"\r\n".join(lines) + b"\r\n\r\n")
        while True:
            if piece:
                writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                await writer.drain()
            if ended:
                break
            piece, ended = await self.pieces.get()
        if chunked:
            writer.write(b"0\r\n\r\n")
        await writer.drain()

    async def response(self, reader):
        status = 100
        while 100 <= status < 200 and status != 101:
            head = await reader.readuntil(b"\r\n\r\n")
            line, *lines = head[:-4].split(b"\r\n")
            match = re.fullmatch(rb"HTTP/1\.[01] ([1-9]\d\d)(?: .*)?", line)
            if not match or any(not re.match(rb"[!-9;-~]+:", field) for field in lines):
                raise Broken
            status = int(match[1])
            fields = [(name.lower(), value.strip(b" \t")) for name, value in (field.split(b":", 1) for field in lines)]
            values = dict(fields)
            headers = [(b":status", match[1])] + [field for field in fields if field[0] not in OF_CONNECTIONS]
            method = dict(self.headers)[b":method"]
            bare = method == b"HEAD" or status in (204, 304)
            await self.front.headers(self.stream, headers, bare and status >= 200)
        if status == 101:
            raise Broken
        if bare:
            return
        if values.get(b"transfer-encoding") == b"chunked":
            while length := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
                await self.copy(reader, length)
                await reader.readexactly(2)
            while await reader.readuntil(b"\r\n") != b"\r\n":
                pass
        elif b"content-length" in values:
            await self.copy(reader, int(values[b"content-length"]))
        else:
            while piece := await reader.read(PIECE):
                await self.front.data(self.stream, piece)
        await self.front.data(self.stream, b"", True)

    async def copy(self, reader, length):
        while length:
            piece = await reader.read(min(length, PIECE))
            if not piece:
                raise Broken
            length -= len(piece)
            await self.front.data(self.stream, piece)


class Front(QuicConnectionProtocol):
    def __init__(self, *arguments, backend, log, **more):
        super().__init__(*arguments, **more)
        self.backend, self.log, self.h3, self.exchanges = backend, log, None, {}

    def quic_event_received(self, event):
        if isinstance(event, ProtocolNegotiated):
            self.h3 = H3Connection(self._quic)
        elif isinstance(event, (StreamReset, StopSendingReceived)) and event.stream_id in self.exchanges:
            self.exchanges[event.stream_id].task.cancel()
        elif isinstance(event, ConnectionTerminated):
            for exchange in self.exchanges.values():
                exchange.task.cancel()
        for event in self.h3.handle_event(event) if self.h3 else []:
            if isinstance(event, HeadersReceived) and event.stream_id not in self.exchanges:
                self.exchanges[event.stream_id] = Exchange(self, event.stream_id, event.headers, event.stream_ended)
            elif isinstance(event, DataReceived):
                self.exchanges[event.stream_id].pieces.put_nowait((event.data, event.stream_ended))

    async def headers(self, stream, headers, ended):
        self.h3.send_headers(stream, headers, ended)
        await self.sent(stream, ended)

    async def data(self, stream, piece, ended=False):
        self.h3.send_data(stream, piece, ended)
        await self.sent(stream, ended)

    async def sent(self, stream, ended):
        self.transmit()
        # A client that does not read must not let this one take all that the backend has.
        while not ended and not self._quic._streams[stream].sender.buffer_is_empty:
            await asyncio.sleep(0.001)

    def reset(self, stream):
        self._quic.reset_stream(stream, ErrorCode.H3_INTERNAL_ERROR)
        self.transmit()


async def main():
    certificate, key, log, *backends = sys.argv[1:]
    configuration = QuicConfiguration(is_client=False, alpn_protocols=["h3"])
    configuration.load_cert_chain(certificate, key)
    ports, silent = [], []
    with open(log, "ab", buffering=0) as log:
        for backend in backends:
            while True:
                nobody = socket.create_server(("127.0.0.1", 0), backlog=1024)
                port = nobody.getsockname()[1]
                create = functools.partial(Front, backend=int(backend), log=log)
                try:
                    await serve("127.0.0.1", port, configuration=configuration, create_protocol=create)
                except OSError:
                    continue
                silent.append(nobody)
                ports.append(port)
                break
        print(*ports, flush=True)
        await asyncio.Event().wait()


asyncio.run(main())
