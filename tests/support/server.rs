//! Servers that do exactly what a test tells them, and count connections and requests.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyIdMethod, KeyPair, RevokedCertParams, SerialNumber, date_time_ymd,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion};
use serde_json::{Value, json};

/// A certificate authority of the test's own, in a directory of its own.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    directory: PathBuf,
}

impl Authority {
    pub fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let unique = format!("outbound-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let directory = std::env::temp_dir().join(unique);
        std::fs::create_dir_all(&directory).expect("a directory");
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("a certificate");
        std::fs::write(directory.join("ca.pem"), certificate.pem()).expect("a file");
        Self { issuer: Issuer::new(params, key), directory }
    }

    /// The file of the authority's certificate.
    pub fn file(&self) -> PathBuf {
        self.directory.join("ca.pem")
    }

    /// The directory that goes with the authority.
    pub fn directory(&self) -> &PathBuf {
        &self.directory
    }

    /// A certificate for these names, as the authority signs it after `change`.
    pub fn server(
        &self,
        names: &[&str],
        alpn: &[&[u8]],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Arc<ServerConfig> {
        self.server_with(names, alpn, rustls::DEFAULT_VERSIONS, change)
    }

    /// The same with certain TLS versions.
    pub fn server_with(
        &self,
        names: &[&str],
        alpn: &[&[u8]],
        versions: &[&'static SupportedProtocolVersion],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Arc<ServerConfig> {
        let (chain, key) = self.issue(names, change);
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![chain], key)
            .expect("a certificate");
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        Arc::new(config)
    }

    /// A server that takes certificates of clients that another authority has issued, with one version of TLS.
    pub fn judging(&self, of: &Self, version: &'static SupportedProtocolVersion, alpn: &[&[u8]]) -> Arc<ServerConfig> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(of.file()).expect("a file") {
            roots.add(certificate.expect("a certificate")).expect("a root");
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let (chain, key) = self.issue(&["localhost"], |_| {});
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .expect("versions")
            .with_client_cert_verifier(verifier.build().expect("a verifier"))
            .with_single_cert(vec![chain], key)
            .expect("a certificate");
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        Arc::new(config)
    }

    /// Certificate and key as PEM files, for servers that are programs of their own.
    pub fn files(&self, names: &[&str]) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().expect("a key");
        let certificate = parameters(names).signed_by(&key, &self.issuer).expect("a certificate");
        let (chain_file, key_file) = (self.directory.join("server.pem"), self.directory.join("server.key"));
        std::fs::write(&chain_file, certificate.pem()).expect("a file");
        std::fs::write(&key_file, key.serialize_pem()).expect("a file");
        (chain_file, key_file)
    }

    /// A list, in a file, that revokes the certificates with these serial numbers.
    pub fn revoking(&self, serials: &[u64]) -> PathBuf {
        let of = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2026, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2026, 1, 1),
            next_update: date_time_ymd(2096, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(of).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let file = self.directory.join("revoked.pem");
        let signed = list.signed_by(&self.issuer).expect("a list");
        std::fs::write(&file, signed.pem().expect("PEM")).expect("a file");
        file
    }

    /// A certificate of a client with this name, after `change`.
    pub fn client(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> ClientPair {
        self.client_of(&KeyPair::generate().expect("a key"), name, change)
    }

    /// The same for this key.
    pub fn client_of(&self, key: &KeyPair, name: &str, change: impl FnOnce(&mut CertificateParams)) -> ClientPair {
        let mut params = parameters(&[]);
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        let certificate = params.signed_by(key, &self.issuer).expect("a certificate");
        ClientPair { private_key: key.serialize_pem(), certificate_chain: certificate.pem() }
    }

    /// An authority below this one, and its certificate in PEM.
    pub fn below(&self, name: &str) -> (Self, String) {
        let key = KeyPair::generate().expect("a key");
        let mut params = parameters(&[]);
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate").pem();
        (Self { issuer: Issuer::new(params, key), directory: self.directory.join(name) }, certificate)
    }

    fn issue(
        &self,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> (rustls::pki_types::CertificateDer<'static>, PrivateKeyDer<'static>) {
        let key = KeyPair::generate().expect("a key");
        let mut params = parameters(names);
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        (certificate.der().clone(), PrivatePkcs8KeyDer::from(key.serialize_der()).into())
    }
}

/// A client's key and its chain, in PEM.
#[derive(Clone)]
pub struct ClientPair {
    pub private_key: String,
    pub certificate_chain: String,
}

impl ClientPair {
    /// The same with one bit of the certificate's signature flipped.
    pub fn flipped(&self) -> Self {
        let mut der =
            CertificateDer::from_pem_slice(self.certificate_chain.as_bytes()).expect("a certificate").to_vec();
        *der.last_mut().expect("bytes") ^= 1;
        let body = super::encode(&der);
        let certificate_chain = format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
        Self { certificate_chain, ..self.clone() }
    }

    /// The payload of `mtls`, bound to these hosts.
    pub fn payload(&self, hosts: &[String]) -> Value {
        json!({
            "private_key": self.private_key, "certificate_chain": self.certificate_chain, "binding": {"hosts": hosts},
        })
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        // A directory that cannot be removed is only left behind in target.
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn parameters(names: &[&str]) -> CertificateParams {
    CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).expect("parameters")
}

/// A connection as a handler has it.
pub trait Duplex: Read + Write + std::marker::Send {}
impl<T: Read + Write + std::marker::Send> Duplex for T {}

/// A request as a server read it.
#[derive(Clone, Debug, Default)]
pub struct Received {
    pub head: String,
    pub body: Vec<u8>,
}

impl Received {
    /// The value of a header field, or nothing.
    pub fn header(&self, name: &str) -> Option<&str> {
        let field = |line: &'_ str| line.split_once(':').is_some_and(|(found, _)| found.eq_ignore_ascii_case(name));
        self.head.lines().find(|line| field(line)).and_then(|line| line.split_once(':')).map(|(_, value)| value.trim())
    }

    /// The request line.
    pub fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }
}

/// What servers count, and what they received.
#[derive(Default)]
pub struct Counts {
    pub connections: AtomicUsize,
    pub requests: AtomicUsize,
    /// Connections that the server has ended from its side.
    pub ended: AtomicUsize,
    /// Connections that the client has closed.
    pub closed: AtomicUsize,
    pub received: Mutex<Vec<Received>>,
}

impl Counts {
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// Waits until the client has closed so many connections. False if it does not.
    pub fn wait_closed(&self, connections: usize) -> bool {
        wait(&self.closed, connections)
    }

    /// Waits until the server has ended so many connections. On loopback, the client's socket knows of it at once.
    pub fn wait_ended(&self, connections: usize) -> bool {
        wait(&self.ended, connections)
    }

    /// The last request that came in.
    pub fn last(&self) -> Received {
        self.received.lock().expect("no poison").last().cloned().unwrap_or_default()
    }
}

fn wait(count: &AtomicUsize, for_at_least: usize) -> bool {
    let begun = Instant::now();
    while count.load(Ordering::SeqCst) < for_at_least && begun.elapsed() < Duration::from_secs(5) {
        thread::sleep(Duration::from_millis(1));
    }
    count.load(Ordering::SeqCst) >= for_at_least
}

/// A connection of an HTTP/1.1 server, and its place in the order of connections.
pub struct Peer<'a> {
    io: &'a mut dyn Duplex,
    counts: &'a Counts,
    /// 0 for the server's first connection.
    pub connection: usize,
    reset: bool,
}

impl Peer<'_> {
    /// The next request with its body; `None` where the connection ended.
    pub fn read(&mut self) -> Option<Received> {
        let mut received = self.read_head()?;
        let length = received.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        received.body = self.take(length)?;
        self.count(received.clone());
        Some(received)
    }

    /// The head of the next request, which is not counted yet.
    pub fn read_head(&mut self) -> Option<Received> {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            match self.io.read(&mut byte) {
                Ok(1) => head.push(byte[0]),
                _ => return None,
            }
        }
        Some(Received { head: String::from_utf8_lossy(&head).into_owned(), body: Vec::new() })
    }

    /// The next bytes, exactly so many.
    pub fn take(&mut self, length: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.io.read_exact(&mut bytes).ok()?;
        Some(bytes)
    }

    /// Counts a request.
    pub fn count(&mut self, received: Received) {
        self.counts.received.lock().expect("no poison").push(received);
        self.counts.requests.fetch_add(1, Ordering::SeqCst);
    }

    /// Makes the connection end with a reset, if the client has sent bytes that nobody read.
    pub fn reset(&mut self) -> bool {
        self.reset = true;
        false
    }

    /// Writes bytes as they are. False if the connection has ended.
    pub fn write(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.io.write_all(bytes.as_ref()).is_ok() && self.io.flush().is_ok()
    }

    /// Responds with 200 and this body.
    pub fn respond(&mut self, body: &str) -> bool {
        self.write(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()))
    }
}

/// A server on loopback.
pub struct Server {
    pub address: SocketAddr,
    pub counts: Arc<Counts>,
}

impl Server {
    /// Calls `handler` for every connection, over TLS if there is a configuration for it. The connection ends when the handler
    /// returns: over TLS with close_notify if it returns true, without if false. What the client still sends is read, so that
    /// no reset overtakes the response.
    pub fn start(
        tls: Option<Arc<ServerConfig>>,
        handler: impl Fn(&mut Peer<'_>) -> bool + std::marker::Send + Sync + 'static,
    ) -> Self {
        Self::listen(TcpListener::bind("127.0.0.1:0").expect("a port"), tls, handler)
    }

    /// The same on a listener of the caller's.
    pub fn listen(
        listener: TcpListener,
        tls: Option<Arc<ServerConfig>>,
        handler: impl Fn(&mut Peer<'_>) -> bool + std::marker::Send + Sync + 'static,
    ) -> Self {
        let address = listener.local_addr().expect("an address");
        let counts = Arc::new(Counts::default());
        let (counting, handler) = (Arc::clone(&counts), Arc::new(handler));
        thread::spawn(move || {
            for tcp in listener.incoming().flatten() {
                let connection = counting.connections.fetch_add(1, Ordering::SeqCst);
                let (counts, handler, tls) = (Arc::clone(&counting), Arc::clone(&handler), tls.clone());
                thread::spawn(move || serve(tcp, tls, &counts, connection, &*handler));
            }
        });
        Self { address, counts }
    }

    /// The base URL with this host.
    pub fn url(&self, scheme: &str, host: &str) -> String {
        format!("{scheme}://{host}:{}", self.address.port())
    }
}

/// A port that is in use and where nobody listens: that of the client's end of a connection.
pub struct ClosedPort(TcpStream);

impl ClosedPort {
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        Self(TcpStream::connect(listener.local_addr().expect("an address")).expect("a connection"))
    }

    pub fn number(&self) -> u16 {
        self.0.local_addr().expect("an address").port()
    }
}

fn serve(
    mut tcp: TcpStream,
    tls: Option<Arc<ServerConfig>>,
    counts: &Counts,
    connection: usize,
    handler: &dyn Fn(&mut Peer<'_>) -> bool,
) {
    let Ok(mut socket) = tcp.try_clone() else { return };
    let mut held = None;
    let reset = match tls {
        None => {
            let mut peer = Peer { io: &mut tcp, counts, connection, reset: false };
            handler(&mut peer);
            peer.reset
        }
        Some(config) => {
            let Ok(session) = ServerConnection::new(config) else { return };
            let mut stream = StreamOwned::new(session, tcp);
            let mut peer = Peer { io: &mut stream, counts, connection, reset: false };
            let ends_well = handler(&mut peer);
            let reset = peer.reset;
            if ends_well {
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
            held = Some(stream);
            reset
        }
    };
    if !reset {
        let _ = socket.shutdown(Shutdown::Write);
        counts.ended.fetch_add(1, Ordering::SeqCst);
        let _ = std::io::copy(&mut socket, &mut std::io::sink());
    }
    drop(held);
    counts.closed.fetch_add(1, Ordering::SeqCst);
}

/// A configuration with which `hosts` may be reached on loopback at `ports`, and which trusts the authority. Its deadlines are so
/// long that they end no call on a busy machine.
pub fn configuration(authority: &Authority, hosts: &[&str], ports: &[u16]) -> Value {
    let internal = |host: &&str| json!({"host": host, "networks": ["127.0.0.0/8", "::1/128"], "ports": ports});
    json!({
        "version": 1,
        "internal_hosts": hosts.iter().map(internal).collect::<Vec<_>>(),
        "tls": {"roots": "file", "ca_file": authority.file()},
        "defaults": {"timeout_ms": 300_000, "connect_timeout_ms": 300_000},
    })
}

/// A request with a policy that allows it.
pub fn request(method: &str, base_url: &str, path: &str) -> Value {
    json!({
        "version": 1, "service_id": "test", "method": method, "base_url": base_url, "path": path,
        "policy": {"allowed_methods": [method]},
    })
}
