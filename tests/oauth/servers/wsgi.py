"""Serves a WSGI application over TLS on loopback, until whoever started it ends."""

import os
import ssl
import sys
import threading
from wsgiref.simple_server import WSGIRequestHandler, make_server


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


def end_with_parent():
    # Whoever started it holds the other end.
    sys.stdin.read()
    os._exit(0)


def bind(application):
    """A server with a port of its own; its certificate and key are the arguments of the command line."""
    server = make_server("127.0.0.1", 0, application, handler_class=Quiet)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*sys.argv[1:3])
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return server


def serve(server):
    """Serves until the end; the port is told on standard output."""
    print("listening", server.server_port, flush=True)
    threading.Thread(target=end_with_parent, daemon=True).start()
    server.serve_forever()
