"""A server of HTTP/3 that attacks below HTTP: with frames of QUIC that no honest implementation sends.

attacks.py CERTIFICATE KEY ATTACK: writes its port, and a line for each request that has come. Ends with its standard input.
"""

import asyncio
import os
import sys

from aioquic.asyncio import QuicConnectionProtocol, serve
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnectionState
from aioquic.quic.events import StreamDataReceived

OK = bytes([1, 3, 0, 0, 0xD9])


def frames(protocol, *written):
    """Sends one frame in place of a PING: its type, and numbers or bytes."""
    quic = protocol._quic

    def write(builder, uids=None, comment=""):
        kind, *values = written
        frame = builder.start_frame(kind, capacity=64)
        for value in values:
            frame.push_bytes(value) if isinstance(value, bytes) else frame.push_uint_var(value)

    quic._write_ping_frame = write
    quic.send_ping(0)
    protocol.transmit()


def again(protocol, *written):
    """The same without end."""
    if protocol._quic._state == QuicConnectionState.CONNECTED:
        for _ in range(20):
            frames(protocol, *written)
        asyncio.get_running_loop().call_later(0.001, again, protocol, *written)


def stream_of_server(protocol, stream):
    protocol._quic._remote_max_streams_bidi = 100
    protocol._quic.send_stream_data(protocol._quic.get_next_available_stream_id(), b"x")
    protocol.transmit()


def ids(protocol, stream):
    for number in range(2, 12):
        frames(protocol, 0x18, number, 0, b"\x08", os.urandom(8), os.urandom(16))


def stateless_reset(protocol, stream):
    quic = protocol._quic
    token = quic._host_cids[0].stateless_reset_token
    protocol._transport.sendto(b"\x40" + os.urandom(60) + token, quic._network_paths[0].addr)


def half_a_head(protocol, stream):
    """Two bytes of a head, after which only QUIC goes on."""
    protocol._quic.send_stream_data(stream, OK[:2])
    protocol.transmit()


def answer(protocol, stream):
    protocol._quic.send_stream_data(stream, OK + bytes([0, 4]) + b"done", end_stream=True)
    protocol.transmit()


ATTACKS = {
    "a frame of no known type": lambda protocol, stream: frames(protocol, 0x42A),
    "an acknowledgement of nothing": lambda protocol, stream: frames(protocol, 0x02, 1 << 20, 0, 0, 0),
    "half a frame": lambda protocol, stream: frames(protocol, 0x06, 0, 4000),
    "an empty token": lambda protocol, stream: frames(protocol, 0x07, 0),
    "a datagram that nobody agreed to": lambda protocol, stream: frames(protocol, 0x30, b"x"),
    "connection ids without end": ids,
    "a limit of streams beyond all": lambda protocol, stream: frames(protocol, 0x12, (1 << 62) - 1),
    "a window of a stream that is not": lambda protocol, stream: frames(protocol, 0x11, 400, 9),
    "a stream that the client does not take": stream_of_server,
    "more of a stream than its window": lambda protocol, stream: frames(protocol, 0x0E, stream, 1 << 30, 1, b"x"),
    "more of a stream than there can be": lambda protocol, stream: frames(protocol, 0x0E, stream, (1 << 62) - 1, 1, b"x"),
    "two ends of a stream": lambda protocol, stream: (
        # What lies before the first end does not come, so nothing of the stream is read meanwhile.
        frames(protocol, 0x0F, stream, 5, 1, b"x"),
        frames(protocol, 0x0E, stream, 100, 1, b"x"),
    ),
    "a reset without a state": stateless_reset,
    "challenges without end": lambda protocol, stream: again(protocol, 0x1A, b"12345678"),
    "pings without end": lambda protocol, stream: again(protocol, 0x01),
    "retirements without end": lambda protocol, stream: again(protocol, 0x19, 77),
    "nothing more": half_a_head,
    "an answer": answer,
}


class Attacker(QuicConnectionProtocol):
    def quic_event_received(self, event):
        if isinstance(event, StreamDataReceived) and event.stream_id % 4 == 0 and event.end_stream:
            print("request", flush=True)
            control = self._quic.get_next_available_stream_id(is_unidirectional=True)
            self._quic.send_stream_data(control, bytes([0, 4, 0]))
            ATTACKS[sys.argv[3]](self, event.stream_id)


async def main():
    configuration = QuicConfiguration(is_client=False, alpn_protocols=["h3"])
    configuration.load_cert_chain(sys.argv[1], sys.argv[2])
    server = await serve("127.0.0.1", 0, configuration=configuration, create_protocol=Attacker)
    print(server._transport.get_extra_info("sockname")[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    os._exit(0)


asyncio.run(main())
