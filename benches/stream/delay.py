"""Two networks and a wire of a certain length between them.

    delay.py MILLISECONDS SERVER CLIENT HOSTS LOSS [no-udp]

Makes two network namespaces, each with a tun device that has one of the two addresses, and carries packets between them so that a round
trip takes so long, but for LOSS per cent of them, which are lost, and for UDP if that is not to come through. In the second, names are those
of the file HOSTS. Prints the process ids by which nsenter finds them, and goes on until it is ended.
"""

import collections
import ctypes
import fcntl
import os
import random
import select
import signal
import socket
import struct
import subprocess
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
CLONE_NEWNS, CLONE_NEWNET = 0x20000, 0x40000000
PR_SET_PDEATHSIG = 1
LONGEST = 1 << 16
# Where the header of IPv4 tells the protocol, and that of UDP.
PROTOCOL, UDP = 9, 17


def end(address, hosts, to_wire):
    """A process in a network of its own, which hands over its device and then waits."""
    process = os.fork()
    if process:
        return process
    c = ctypes.CDLL(None, use_errno=True)
    c.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if c.unshare(CLONE_NEWNET | CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), 'no namespace')
    device = os.open('/dev/net/tun', os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack('16sH', b'wire', IFF_TUN | IFF_NO_PI))
    commands = [['ip', 'link', 'set', 'lo', 'up'], ['ip', 'address', 'add', address + '/24', 'dev', 'wire']]
    commands += [['ip', 'link', 'set', 'wire', 'txqueuelen', '10000', 'up']]
    commands += [['mount', '--make-rprivate', '/'], ['mount', '--bind', hosts, '/etc/hosts']] if hosts else []
    for command in commands:
        subprocess.run(command, check=True)
    socket.send_fds(to_wire, [b'device'], [device])
    os.close(device)
    signal.pause()


def carry(devices, seconds, loss, has_udp):
    """Reads packets from each device and writes them to the other one when their time has come. Which are lost is the same in each run."""
    chance = random.Random(1)
    queues = {device: collections.deque() for device in devices}
    other = dict(zip(devices, reversed(devices)))
    while True:
        due = min((queue[0][0] for queue in queues.values() if queue), default=None)
        wait = None if due is None else max(0, due - time.monotonic())
        readable, _, _ = select.select(devices, [], [], wait)
        for device in readable:
            for _ in range(64):
                try:
                    packet = os.read(device, LONGEST)
                except BlockingIOError:
                    break
                if chance.random() >= loss and (has_udp or packet[PROTOCOL] != UDP):
                    queues[other[device]].append((time.monotonic() + seconds, packet))
        now = time.monotonic()
        for device, queue in queues.items():
            while queue and queue[0][0] <= now:
                os.write(device, queue.popleft()[1])


def main():
    milliseconds, server, client, hosts, loss, *lacks = sys.argv[1:]
    here, there = socket.socketpair()
    processes = [end(server, None, there), end(client, hosts, there)]
    devices = [socket.recv_fds(here, 6, 1)[1][0] for _ in processes]
    print(*processes, flush=True)
    carry(devices, float(milliseconds) / 2000, float(loss) / 100, lacks != ['no-udp'])


main()
