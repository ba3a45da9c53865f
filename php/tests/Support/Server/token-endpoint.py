"""A token endpoint with TLS on loopback. Its nth response has the token "token-n".

token-endpoint.py DIRECTORY CERTIFICATE KEY

It writes its port to DIRECTORY/port, and a line for each request to DIRECTORY/requests as soon as it arrives. The nth response
waits as long as DIRECTORY/hold-n exists.
"""

import http.server
import json
import os
import ssl
import sys
import threading
import time
import urllib.parse

directory, certificate, key = sys.argv[1:]
counting = threading.Lock()
count = 0


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        global count
        body = self.rfile.read(int(self.headers.get("content-length", "0"))).decode()
        with counting:
            count += 1
            number = count
            line = {"path": self.path, "authorization": self.headers.get("authorization"),
                    "form": dict(urllib.parse.parse_qsl(body))}
            with open(directory + "/requests", "a") as requests:
                requests.write(json.dumps(line) + "\n")
        while os.path.exists(f"{directory}/hold-{number}"):
            time.sleep(0.005)
        answer = json.dumps({"access_token": f"token-{number}", "token_type": "Bearer", "expires_in": 3600}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("cache-control", "no-store")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass  # tests kill clients, which is no error of the server


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
server = Server(("127.0.0.1", 0), Handler)
# The handshake is left to the thread of the connection, so that a slow client does not stop the thread that accepts.
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
with open(directory + "/port.new", "w") as port:
    port.write(str(server.server_address[1]))
os.rename(directory + "/port.new", directory + "/port")
server.serve_forever()
