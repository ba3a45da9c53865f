//! A real proxy of this test's own.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::server::Authority;

/// tinyproxy on loopback. Dropping the value ends it.
pub struct Tinyproxy {
    pub port: u16,
    child: Child,
    log: PathBuf,
}

impl Tinyproxy {
    /// Starts it with further lines of configuration, and with a hosts file of its own if one is given.
    pub fn start(authority: &Authority, lines: &str, hosts: Option<&str>) -> Self {
        let port = free_port();
        let file = |name: &str| authority.directory().join(format!("tinyproxy-{port}.{name}"));
        let (config, log) = (file("conf"), file("log"));
        let text = format!(
            "Port {port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 20\nLogLevel Connect\nLogFile \"{}\"\n{lines}\n",
            log.display()
        );
        std::fs::write(&config, text).expect("a file");
        let mut command = match hosts {
            None => Command::new("tinyproxy"),
            Some(hosts) => with_hosts(&file("hosts"), hosts),
        };
        let command = command.arg("-d").arg("-c").arg(&config).stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.stderr(Stdio::null()).spawn().expect("tinyproxy, of tinyproxy-bin");
        let proxy = Self { port, child, log };
        for _ in 0..500 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return proxy;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("tinyproxy does not listen: {}", proxy.log());
    }

    /// Its address, with this userinfo in front.
    pub fn url(&self, userinfo: &str) -> String {
        format!("http://{userinfo}127.0.0.1:{}", self.port)
    }

    /// Connections to it, without the one by which `start` saw that it listens.
    pub fn connections(&self) -> usize {
        self.log().lines().filter(|line| line.contains("Connect (file descriptor")).count() - 1
    }

    /// Whether it was asked for this tunnel.
    pub fn opened(&self, host_and_port: &str) -> bool {
        self.log().contains(&format!("CONNECT {host_and_port} "))
    }

    fn log(&self) -> String {
        // The proxy logs a connection before it responds, but the first connection gets no response to wait for.
        for _ in 0..100 {
            let text = std::fs::read_to_string(&self.log).unwrap_or_default();
            if text.contains("Connect (file descriptor") {
                return text;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Tinyproxy {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// tinyproxy in a view of the file system in which the hosts file has these lines.
fn with_hosts(file: &Path, hosts: &str) -> Command {
    std::fs::write(file, hosts).expect("a file");
    let mut command = Command::new("unshare");
    let script = "mount --bind \"$0\" /etc/hosts && exec tinyproxy \"$@\"";
    command.args(["--mount", "--", "sh", "-c", script]).arg(file);
    command
}

/// A port that nobody listens at.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port()
}
