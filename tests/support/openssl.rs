//! The programs of OpenSSL, for certificates and TLS servers that nothing stricter would make.

use std::ffi::OsStr;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::alone::until;

/// `openssl s_server`, which answers every request with a page of its own.
pub struct SecureServer {
    pub port: u16,
    program: Child,
}

impl SecureServer {
    /// Starts it with these options, certificates and key. It agrees to whatever the client offers.
    pub fn start(options: &[&OsStr], chain: &Path, key: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
        let program = Command::new("openssl")
            .args(["s_server", "-quiet", "-www", "-cipher", "DEFAULT:@SECLEVEL=0"])
            .args(["-accept", &format!("127.0.0.1:{port}")])
            .args(["-cert".as_ref(), chain.as_os_str(), "-key".as_ref(), key.as_os_str()])
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl, which Debian has");
        let mut server = Self { port, program };
        let listens = || TcpStream::connect(("127.0.0.1", port)).is_ok();
        assert!(until(|| listens() || server.program.try_wait().expect("a child").is_some()) && listens(), "s_server");
        server
    }
}

impl Drop for SecureServer {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// Runs a command of `openssl` in a directory.
pub fn openssl(directory: &Path, arguments: &str) {
    let run = Command::new("openssl").args(arguments.split_whitespace()).current_dir(directory).output();
    let output = run.expect("openssl, which Debian has");
    assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}
