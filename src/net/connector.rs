//! Makes connections: resolve, judge, dial, tunnel, TLS, all inside one time limit.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
#[cfg(feature = "http3")]
use std::sync::Mutex;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tower_service::Service;
use url::Host;

use super::connection::Stream;
use super::dial::Dialler;
use super::guard::Guard;
use super::http1::{Http1Origins, origin as origin_of};
use super::identity::Identity;
use super::options::NetworkOptions;
use super::proxy::Proxy;
use super::resolve::Lookups;
use super::socket::Socket;
use super::{classify, tls};
use crate::document::Resolution;
use crate::error::{Code, Error};
#[cfg(feature = "http3")]
use crate::sys::lock;

/// Dials origins for hyper's pool.
#[derive(Clone)]
pub struct Connector(Arc<Inner>);

struct Inner {
    guard: Guard,
    lookups: Arc<Lookups>,
    proxy: Option<Arc<Proxy>>,
    tls: Arc<ClientConfig>,
    /// What is offered to servers that have asked for HTTP/1.1, where it may be spoken.
    http1_tls: Option<Arc<ClientConfig>>,
    origins: Arc<Http1Origins>,
    /// Connections that were made before anybody asked for them.
    #[cfg(feature = "http3")]
    ready: Mutex<Vec<MadeBefore>>,
    timeout: Duration,
    http2_only: bool,
    post_quantum: bool,
    is_certified: bool,
}

impl Connector {
    /// A connector of these settings, whose TLS offers what they allow, and shows this certificate where it is asked for one.
    pub fn new(
        options: &NetworkOptions,
        lookups: Arc<Lookups>,
        identity: Option<&Arc<Identity>>,
    ) -> Result<Self, Error> {
        let versions = [(options.versions.http2, &b"h2"[..]), (options.versions.http1, b"http/1.1")];
        let offered = versions.iter().filter(|(allowed, _)| *allowed).map(|(_, name)| name.to_vec()).collect();
        let tls = tls::client_config(&options.roots, offered, options.post_quantum, identity)?;
        let http1_tls = options.versions.http1.then(|| {
            let mut tls = tls.clone();
            tls.alpn_protocols = vec![b"http/1.1".to_vec()];
            Arc::new(tls)
        });
        Ok(Self(Arc::new(Inner {
            guard: options.guard.clone(),
            lookups,
            proxy: options.proxy.clone(),
            tls: Arc::new(tls),
            http1_tls,
            origins: Arc::default(),
            #[cfg(feature = "http3")]
            ready: Mutex::default(),
            timeout: options.connect_timeout,
            http2_only: !options.versions.http1,
            post_quantum: options.post_quantum,
            is_certified: identity.is_some(),
        })))
    }
}

/// A connection that hyper's client takes when it asks for one to this origin. One that nobody has taken closes when this is dropped.
#[cfg(feature = "http3")]
pub struct HeldConnection(#[allow(dead_code, reason = "it is held")] Held);

#[cfg(feature = "http3")]
type MadeBefore = (String, std::sync::Weak<Mutex<Option<Stream>>>);

#[cfg(feature = "http3")]
type Held = Arc<Mutex<Option<Stream>>>;

#[cfg(feature = "http3")]
impl Connector {
    /// Whether HTTP/3 may be tried there: over TLS, past no proxy, and by nobody who wants HTTP/1.1.
    pub fn may_speak_http3(&self, target: &Uri) -> bool {
        let inner = &self.0;
        let is_proxied = |host| inner.proxy.as_ref().is_some_and(|proxy| proxy.serves(true, &host));
        target.scheme_str() == Some("https")
            && host(target).is_ok_and(|host| !is_proxied(host))
            && !inner.origins.contains(&origin_of(target))
    }

    /// The name by which the server shows its certificate, and the addresses that may be dialled.
    pub async fn resolve(&self, target: &Uri) -> Result<(String, Vec<IpAddr>), Error> {
        let host = host(target)?;
        let name = server_name(&host)?.to_str().into_owned();
        Ok((name, self.0.addresses(&host).await?))
    }

    /// Makes a connection of TCP, and TLS over it, to one of these addresses.
    pub async fn dial_over_tcp(&self, target: &Uri, addresses: Vec<IpAddr>) -> Result<Stream, Error> {
        let deadline = Instant::now() + self.0.timeout;
        self.0.dial(target, Some(addresses), deadline).await
    }

    /// Keeps a connection for hyper's client.
    pub fn hold(&self, target: &Uri, stream: Stream) -> HeldConnection {
        let held = Arc::new(Mutex::new(Some(stream)));
        lock(&self.0.ready).push((origin_of(target), Arc::downgrade(&held)));
        HeldConnection(held)
    }

    /// Notes that an origin wants HTTP/1.1.
    pub fn wants_http1(&self, origin: &str) {
        self.0.origins.insert(origin);
    }
}

/// The port of an https origin.
#[cfg(feature = "http3")]
pub fn port(target: &Uri) -> u16 {
    target.port_u16().unwrap_or(443)
}

/// Why no connection is waited for any longer.
pub fn late() -> Error {
    Error::new(Code::ConnectTimeout, "no connection was made within connect_timeout_ms")
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, origin: Uri) -> Self::Future {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            #[cfg(feature = "http3")]
            if let Some(stream) = inner.take_ready(&origin) {
                return Ok(TokioIo::new(stream));
            }
            let deadline = Instant::now() + inner.timeout;
            let stream =
                tokio::time::timeout_at(deadline, inner.dial(&origin, None, deadline)).await.map_err(|_| late())??;
            Ok(TokioIo::new(stream))
        })
    }
}

impl Inner {
    async fn dial(&self, origin: &Uri, known: Option<Vec<IpAddr>>, deadline: Instant) -> Result<Stream, Error> {
        let secure = origin.scheme_str() == Some("https");
        if self.is_certified && !secure {
            let why = "a client certificate is shown over https only, and the URL is http";
            return Err(Error::new(Code::CredentialUnusable, why));
        }
        let host = host(origin)?;
        let tcp = match &self.proxy {
            Some(proxy) if proxy.serves(secure, &host) => {
                match proxy.resolution {
                    Resolution::Local => drop(self.addresses(&host).await?),
                    Resolution::Proxy => self.guard.unresolved(&host)?,
                }
                self.tunnel(proxy, origin, deadline).await?
            }
            _ => {
                let addresses = match known {
                    Some(addresses) => addresses,
                    None => self.addresses(&host).await?,
                };
                connect(Dialler::new(addresses, deadline), origin).await?
            }
        };
        if !secure {
            return Ok(Stream::plain(tcp, self.http2_only));
        }
        let name = server_name(&host)?;
        let key = origin_of(origin);
        let http1 = self.http1_tls.as_ref().filter(|_| self.origins.contains(&key));
        let session = TlsConnector::from(Arc::clone(http1.unwrap_or(&self.tls))).connect(name, tcp).await;
        let refused = |error| tls::handshake_error(&error, self.post_quantum, self.is_certified);
        let stream = session.map(Stream::tls).map_err(refused)?;
        if self.http2_only && !stream.http2() {
            return Err(Error::new(
                Code::HandshakeFailed,
                "the server does not offer HTTP/2, and nothing else may be used",
            ));
        }
        Ok(stream.telling(Arc::clone(&self.origins), key))
    }

    #[cfg(feature = "http3")]
    fn take_ready(&self, origin: &Uri) -> Option<Stream> {
        let mut ready = lock(&self.ready);
        ready.retain(|(_, stream)| stream.strong_count() > 0);
        if ready.is_empty() {
            return None;
        }
        let key = origin_of(origin);
        ready.iter().filter(|(of, _)| *of == key).find_map(|(_, stream)| lock(&*stream.upgrade()?).take())
    }

    async fn addresses(&self, host: &Host) -> Result<Vec<IpAddr>, Error> {
        self.guard.addresses(host, &self.lookups).await
    }

    async fn tunnel(&self, proxy: &Proxy, origin: &Uri, deadline: Instant) -> Result<Socket, Error> {
        // The operator chose the proxy, so its own address is not judged: it is private nearly everywhere.
        let addresses = match &host(&proxy.uri)? {
            Host::Domain(name) => self.lookups.resolve(name).await?,
            Host::Ipv4(address) => vec![(*address).into()],
            Host::Ipv6(address) => vec![(*address).into()],
        };
        let mut tunnel = Tunnel::new(proxy.uri.clone(), Dialler::new(addresses, deadline));
        if let Some(authorization) = &proxy.authorization {
            tunnel = tunnel.with_auth(authorization.clone());
        }
        let opened = tunnel.call(origin.clone()).await;
        opened.map(|tcp| Socket::new(tcp.into_inner())).map_err(|error| classify::tunnel_error(&error))
    }
}

fn host(origin: &Uri) -> Result<Host, Error> {
    let host = origin.host().and_then(|host| Host::parse(host).ok());
    host.ok_or_else(|| Error::new(Code::Malformed, "the URL's host cannot be read"))
}

fn server_name(host: &Host) -> Result<ServerName<'static>, Error> {
    match host {
        Host::Domain(name) => ServerName::try_from(name.clone())
            .map_err(|_| Error::new(Code::CertificateInvalid, "no certificate can be issued for the host's name")),
        Host::Ipv4(address) => Ok(IpAddr::V4(*address).into()),
        Host::Ipv6(address) => Ok(IpAddr::V6(*address).into()),
    }
}

async fn connect(mut dialler: Dialler, to: &Uri) -> Result<Socket, Error> {
    let connected = dialler.call(to.clone()).await;
    connected.map(|tcp| Socket::new(tcp.into_inner())).map_err(|error| classify::connect_error(error.as_ref()))
}
