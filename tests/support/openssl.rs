//! The programs of OpenSSL, for certificates and TLS servers that stricter libraries refuse to make.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

/// `openssl s_server`, which responds to every request with a page of its own.
pub struct SecureServer {
    pub port: u16,
    program: Child,
    _words: BufReader<ChildStdout>,
}

impl SecureServer {
    /// Starts it with these options, certificates and key. It accepts weak ciphers too.
    pub fn start(options: &[&OsStr], chain: &Path, key: &Path) -> Self {
        let mut program = Command::new("openssl")
            .args(["s_server", "-www", "-cipher", "DEFAULT:@SECLEVEL=0", "-accept", "127.0.0.1:0"])
            .args(["-cert".as_ref(), chain.as_os_str(), "-key".as_ref(), key.as_os_str()])
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl, which Debian has");
        // It prints its port. The pipe stays open, because writing to a closed one would end the program.
        let mut words = BufReader::new(program.stdout.take().expect("a pipe"));
        let mut line = String::new();
        while !line.starts_with("ACCEPT ") {
            line.clear();
            assert_ne!(words.read_line(&mut line).expect("a pipe"), 0, "s_server has ended");
        }
        let port = line.trim().rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
        Self { port, program, _words: words }
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
