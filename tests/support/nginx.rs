//! A real nginx of this test's own.

use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::server::Authority;
use super::tinyproxy::free_port;

/// nginx on loopback, with TLS 1.2 at one port and 1.3 at another, HTTP/1.1 and HTTP/2 at both. It responds with the number of
/// the connection, the number of the request on it, the HTTP version and the TLS version. Dropping the value ends nginx.
pub struct Nginx {
    pub tls12: u16,
    pub tls13: u16,
    child: Child,
}

impl Nginx {
    /// Starts it with this `keepalive_timeout`.
    pub fn start(authority: &Authority, keepalive: &str) -> Self {
        Self::made(authority, keepalive, "", "")
    }

    /// One with this `ssl_verify_client`, which trusts the authority's certificates of clients. It responds with what it made of the
    /// client's certificate as well, whether the session was resumed, and the certificate's subject.
    pub fn verifying(authority: &Authority, keepalive: &str, verify: &str) -> Self {
        let authorities = authority.file();
        let verify = format!(
            "ssl_verify_client {verify}; ssl_client_certificate {}; ssl_verify_depth 2;",
            authorities.display()
        );
        Self::made(authority, keepalive, &verify, " $ssl_client_verify $ssl_session_reused $ssl_client_s_dn")
    }

    fn made(authority: &Authority, keepalive: &str, verify: &str, says: &str) -> Self {
        let (tls12, tls13) = (free_port(), free_port());
        let (certificate, key) = authority.files(&["localhost"]);
        let directory = authority.directory().display();
        let server = |port: u16, versions: &str| {
            format!(
                "server {{ listen 127.0.0.1:{port} ssl http2; ssl_protocols {versions};
                 {verify}
                 location / {{ return 200 \"$connection $connection_requests $server_protocol $ssl_protocol{says}\"; }} }}"
            )
        };
        // A single process, so that no worker is left when it is killed.
        let text = format!(
            "daemon off; master_process off; pid {directory}/nginx.pid; error_log {directory}/nginx.log;
             events {{ worker_connections 512; }}
             http {{
                 access_log off; default_type text/plain;
                 client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy;
                 fastcgi_temp_path {directory}/fastcgi; uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
                 ssl_certificate {}; ssl_certificate_key {};
                 keepalive_timeout {keepalive}; keepalive_requests 100000;
                 {} {}
             }}\n",
            certificate.display(),
            key.display(),
            server(tls12, "TLSv1.2"),
            server(tls13, "TLSv1.3"),
        );
        let config = authority.directory().join("nginx.conf");
        std::fs::write(&config, text).expect("a file");
        let mut command = Command::new("nginx");
        command.arg("-c").arg(&config).arg("-p").arg(authority.directory());
        let child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().expect("nginx");
        let nginx = Self { tls12, tls13, child };
        for _ in 0..500 {
            if [tls12, tls13].iter().all(|port| TcpStream::connect(("127.0.0.1", *port)).is_ok()) {
                return nginx;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let log = std::fs::read_to_string(authority.directory().join("nginx.log")).unwrap_or_default();
        panic!("nginx does not listen: {log}");
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
