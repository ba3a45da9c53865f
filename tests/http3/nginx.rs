//! The HTTP/3 of nginx, of Debian 13: `.ci/http3-servers` fetches it for `.ci/hardening --only=http3`.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::beside::write_all;
use crate::servers::ports;
use crate::support::library::{Reply, close, end, open, read, send, start, start_upload, wait};
use crate::support::server::{Authority, configuration, request};

const OK: i32 = 0;
const PENDING: i32 = 2;
const END: i32 = 3;
const LARGE: usize = 24 << 20;

/// nginx on loopback, with HTTP/2 over TLS and, if it is to be so, HTTP/3 at the same port.
pub struct Nginx {
    authority: Authority,
    port: u16,
    child: Child,
}

impl Nginx {
    /// Starts it; so long it waits without a datagram, and without a request over TCP.
    pub fn start(has_quic: bool, keepalive: &str) -> Self {
        let authority = Authority::new();
        let (certificate, key) = authority.files(&["localhost"]);
        let directory = authority.directory().display().to_string();
        fs::create_dir_all(format!("{directory}/www/up")).expect("a directory");
        fs::write(format!("{directory}/www/large"), vec![b'a'; LARGE]).expect("a file");
        let (tcp, udp) = ports();
        let port = tcp.local_addr().expect("an address").port();
        drop((tcp, udp));
        let quic = if has_quic { format!("listen 127.0.0.1:{port} quic;") } else { String::new() };
        // A single process, so that no worker is left when it is killed. `$request_body_file` and the like are not needed: what was sent is
        // a file afterwards.
        let text = format!(
            "daemon off; master_process off; user root; pid {directory}/nginx.pid; error_log {directory}/nginx.log;
             events {{ worker_connections 1024; }}
             http {{
                 log_format seen '$server_protocol $request_method $request_uri $status $connection';
                 access_log {directory}/access.log seen; default_type text/plain; client_max_body_size 64m;
                 client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy;
                 fastcgi_temp_path {directory}/fastcgi; uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
                 ssl_certificate {}; ssl_certificate_key {}; ssl_protocols TLSv1.3;
                 keepalive_timeout {keepalive}; keepalive_requests 100000;
                 server {{ {quic} listen 127.0.0.1:{port} ssl; http2 on; root {directory}/www;
                     location /slow {{ alias {directory}/www/large; limit_rate 4m; }}
                     location /up/ {{ dav_methods PUT; client_body_temp_path {directory}/body; }}
                     location /say {{ return 200 \"$server_protocol $request_method\"; }} }}
             }}\n",
            certificate.display(),
            key.display(),
        );
        let config = authority.directory().join("nginx.conf");
        fs::write(&config, text).expect("a file");
        let program = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/http3-servers/nginx/usr/sbin/nginx");
        let mut command = Command::new(program);
        command.arg("-c").arg(&config).arg("-p").arg(authority.directory());
        command.arg("-e").arg(authority.directory().join("nginx.log"));
        let child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().expect("nginx: .ci/http3-servers");
        let nginx = Self { authority, port, child };
        for _ in 0..500 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return nginx;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("nginx does not listen: {}", nginx.file("nginx.log"));
    }

    /// What a configuration has to say to reach it, with these versions of HTTP.
    pub fn document(&self, versions: &[&str]) -> Value {
        let mut document = configuration(&self.authority, &["localhost"], &[self.port]);
        document["http_versions"] = json!(versions);
        document
    }

    /// Its base URL.
    pub fn base(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// What was logged of requests so far: version, method, path, status and connection.
    pub fn seen(&self) -> Vec<[String; 5]> {
        let log = self.file("access.log");
        let fields =
            |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>().try_into().expect("five fields");
        log.lines().map(fields).collect()
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.authority.directory().join(name)).unwrap_or_default()
    }

    fn stored(&self, name: &str) -> usize {
        fs::metadata(self.authority.directory().join("www/up").join(name)).map_or(0, |file| file.len() as usize)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn engine(document: &Value) -> u64 {
    let (status, engine, head) = open(document);
    assert_eq!((status, &head["warnings"]), (0, &json!([])), "{head}");
    engine
}

/// A request to an API that is registered, with room for large bodies.
pub fn registered(base: &str, method: &str, path: &str) -> Value {
    let mut request = request(method, base, path);
    request["policy"]["http3"] = json!("registered");
    request["policy"]["request_bytes"] = json!(64 << 20);
    request["policy"]["response_bytes"] = json!(64 << 20);
    request
}

fn read_all(exchange: u64) -> (usize, usize) {
    let (mut all, mut pieces) = (0, 0);
    loop {
        match read(exchange, 1 << 20) {
            (OK, _, bytes) => (all, pieces) = (all + bytes.len(), pieces + 1),
            (PENDING, ..) => drop(wait(&[exchange], 100)),
            (END, ..) => return (all, pieces),
            other => panic!("{other:?}"),
        }
    }
}

fn upload(engine: u64, request: &Value, length: Option<i64>, body: &[u8]) -> Value {
    let (status, exchange, refusal) = start_upload(engine, request, length, "", 0);
    assert_eq!((status, refusal), (OK, Value::Null));
    write_all(exchange, body);
    read_all(exchange);
    end(exchange).1
}

#[test]
#[ignore = "needs .ci/http3-servers"]
fn nginx_serves_calls_streams_and_what_goes_on_beside() {
    let nginx = Nginx::start(true, "75s");
    let engine = engine(&nginx.document(&["3", "2", "1.1"]));
    let base = nginx.base();
    let call = |method: &str, path: &str, body: &[u8]| -> Reply {
        let reply = send(engine, &registered(&base, method, path), body, "");
        assert_eq!(reply.head["http_version"], "3", "{:?}", reply.head);
        reply
    };
    for method in ["GET", "POST", "POST", "GET"] {
        let reply = call(method, "/say", if method == "POST" { b"x" } else { b"" });
        assert_eq!(String::from_utf8_lossy(&reply.body), format!("HTTP/3.0 {method}"));
    }
    assert_eq!(call("HEAD", "/large", b"").body.len(), 0);
    assert_eq!(call("GET", "/large", b"").body.len(), LARGE);
    assert_eq!(call("GET", "/none", b"").http_status(), Some(404));
    let body = vec![b'b'; 20 << 20];
    assert_eq!(call("PUT", "/up/whole", &body).http_status(), Some(201));
    for (name, length) in [("pieces", Some(20 << 20)), ("unsized", None)] {
        let record = upload(engine, &registered(&base, "PUT", &format!("/up/{name}")), length, &body);
        let said = (&record["status"], &record["http_version"], &record["bytes_out"]);
        // nginx asks for a length of what it stores: 411 by RFC 9110 section 15.5.12 would be as good.
        assert!(said.1 == "3" && (said.0 == 201 && said.2 == 20 << 20 || length.is_none()), "{record}");
        assert!(said.0 != 201 || nginx.stored(name) == 20 << 20, "{record}");
    }
    assert_eq!(nginx.stored("whole"), 20 << 20);

    let begin = |path: &str| {
        let (status, exchange, refusal) = start(engine, &registered(&base, "GET", path), b"", "", false);
        assert_eq!((status, refusal), (OK, Value::Null));
        exchange
    };
    let stream = begin("/slow");
    let beside: Vec<_> = (0..40).map(|_| begin("/say/beside")).collect();
    for exchange in beside {
        assert_eq!((read_all(exchange).0, &end(exchange).1["http_version"]), (12, &json!("3")));
    }
    let (bytes, pieces) = read_all(stream);
    assert_eq!((bytes, pieces > 20, &end(stream).1["http_version"]), (LARGE, true, &json!("3")));
    close(engine);

    let seen = nginx.seen();
    let mut counts = BTreeMap::new();
    for [version, method, path, ..] in &seen {
        *counts.entry((version.as_str(), method.as_str(), path.as_str())).or_insert(0) += 1;
    }
    let expected = [
        (("HTTP/3.0", "GET", "/large"), 1),
        (("HTTP/3.0", "GET", "/none"), 1),
        (("HTTP/3.0", "GET", "/say"), 2),
        (("HTTP/3.0", "GET", "/say/beside"), 40),
        (("HTTP/3.0", "GET", "/slow"), 1),
        (("HTTP/3.0", "HEAD", "/large"), 1),
        (("HTTP/3.0", "POST", "/say"), 2),
        (("HTTP/3.0", "PUT", "/up/pieces"), 1),
        (("HTTP/3.0", "PUT", "/up/unsized"), 1),
        (("HTTP/3.0", "PUT", "/up/whole"), 1),
    ];
    assert_eq!(counts, BTreeMap::from(expected), "each request once, and all by HTTP/3");
}

#[test]
#[ignore = "needs .ci/http3-servers"]
fn without_its_listener_for_datagrams_nginx_is_asked_by_http_2() {
    let nginx = Nginx::start(false, "75s");
    let engine = engine(&nginx.document(&["3", "2", "1.1"]));
    for method in ["POST", "GET", "POST"] {
        let reply = send(engine, &registered(&nginx.base(), method, "/say"), b"x", "");
        assert_eq!(String::from_utf8_lossy(&reply.body), format!("HTTP/2.0 {method}"), "{reply:?}");
        assert_eq!(reply.head["audit"]["attempts"], 1, "{reply:?}");
    }
    close(engine);
    assert_eq!(nginx.seen().len(), 3);
}
