"""What nginx hands the requests of the benches of streams to, at the port that is the argument.

  GET  /v1/lines/N   N lines, each with the time of its writing in nanoseconds of the monotonic clock, one every 20 ms
  GET  /v1/delayed   a byte after 200 ms
  POST /v1/upload    the length of the body
"""

import http.server
import socketserver
import sys
import time


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/v1/delayed":
            time.sleep(0.2)
            self.whole(b"x")
            return
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for _ in range(int(self.path.rsplit("/", 1)[1])):
            time.sleep(0.02)
            self.chunk(b"%d\n" % time.monotonic_ns())
        self.chunk(b"")

    def do_POST(self):
        if self.headers["Transfer-Encoding"] == "chunked":
            length = self.drain_chunks()
        else:
            length = int(self.headers["Content-Length"])
            self.drain(length)
        self.whole(b"%d" % length)

    def drain_chunks(self):
        length = 0
        while True:
            size = int(self.rfile.readline(), 16)
            self.drain(size)
            self.rfile.readline()
            if size == 0:
                return length
            length += size

    def drain(self, length):
        while length > 0:
            length -= len(self.rfile.read(min(length, 1 << 16)))

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def whole(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 256


Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
