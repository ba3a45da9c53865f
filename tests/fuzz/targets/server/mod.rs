//! A server on loopback that sends the current response on every connection: a request that was not processed is sent again on
//! another one.

use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;

use serde_json::json;

pub struct Server {
    pub port: u16,
    response: Arc<Mutex<Vec<u8>>>,
}

impl Server {
    /// What it sends from now on.
    pub fn respond(&self, response: &[u8]) {
        *self.response.lock().expect("no poison") = response.to_vec();
    }

    /// A configuration that lets a call to it, by this version of HTTP.
    pub fn configuration(&self, version: &str) -> String {
        json!({
            "version": 1, "http_versions": [version],
            "internal_hosts": [{"host": "127.0.0.1", "networks": ["127.0.0.1/32"], "ports": [self.port]}],
        })
        .to_string()
    }
}

/// The server of this process, whose connections `serve` is given, with the response.
pub fn server(serve: fn(&mut TcpStream, &[u8])) -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let response = Arc::new(Mutex::new(Vec::new()));
        let current = Arc::clone(&response);
        thread::spawn(move || {
            for mut tcp in listener.incoming().flatten() {
                let response = current.lock().expect("no poison").clone();
                thread::spawn(move || serve(&mut tcp, &response));
            }
        });
        Server { port, response }
    })
}
