//! Makes connections: resolve, judge, dial, tunnel, TLS, all inside one time limit.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;
use tower_service::Service;
use url::Host;

use super::client::NetworkOptions;
use super::connection::Stream;
use super::guard::Guard;
use super::proxy::Proxy;
use super::resolve::resolve;
use super::socket::Socket;
use super::{classify, tls};
use crate::error::{Code, Error};
use crate::spec::Resolution;

/// A dead peer is noticed after this long without an acknowledgement.
const USER_TIMEOUT: Duration = Duration::from_secs(30);
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVE_PROBES: u32 = 3;

/// Dials origins for hyper's pool.
#[derive(Clone)]
pub struct Connector(Arc<Inner>);

struct Inner {
    guard: Guard,
    proxy: Option<Arc<Proxy>>,
    tls: Arc<ClientConfig>,
    timeout: Duration,
    http2_only: bool,
}

impl Connector {
    /// A connector of these settings, whose TLS offers what they allow.
    pub fn new(options: &NetworkOptions, tls: ClientConfig) -> Self {
        Self(Arc::new(Inner {
            guard: options.guard.clone(),
            proxy: options.proxy.clone(),
            tls: Arc::new(tls),
            timeout: options.connect_timeout,
            http2_only: !options.http1,
        }))
    }
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
            let late = |_| Error::new(Code::ConnectTimeout, "no connection was made within connect_timeout_ms");
            let stream = tokio::time::timeout(inner.timeout, inner.dial(&origin)).await.map_err(late)??;
            Ok(TokioIo::new(stream))
        })
    }
}

impl Inner {
    async fn dial(&self, origin: &Uri) -> Result<Stream, Error> {
        let secure = origin.scheme_str() == Some("https");
        let host = host(origin)?;
        let tcp = match &self.proxy {
            Some(proxy) if proxy.serves(secure, &host) => {
                match proxy.resolution {
                    Resolution::Local => drop(self.guard.addresses(&host).await?),
                    Resolution::Proxy => self.guard.unresolved(&host)?,
                }
                tunnel(proxy, origin).await?
            }
            _ => connect(self.guard.addresses(&host).await?, origin).await?,
        };
        if !secure {
            return Ok(Stream::plain(tcp, self.http2_only));
        }
        let name = server_name(&host)?;
        let session = TlsConnector::from(Arc::clone(&self.tls)).connect(name, tcp).await;
        let stream = session.map(Stream::tls).map_err(|error| tls::handshake_error(&error))?;
        if self.http2_only && !stream.http2() {
            return Err(Error::new(
                Code::HandshakeFailed,
                "the server does not offer HTTP/2, and nothing else may be used",
            ));
        }
        Ok(stream)
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

async fn connect(addresses: Vec<IpAddr>, to: &Uri) -> Result<Socket, Error> {
    let connected = dialler(addresses).call(to.clone()).await;
    connected.map(|tcp| Socket::new(tcp.into_inner())).map_err(|error| classify::connect_error(&error))
}

async fn tunnel(proxy: &Proxy, origin: &Uri) -> Result<Socket, Error> {
    // The operator chose the proxy, so its own address is not judged: it is private nearly everywhere.
    let addresses = match host(&proxy.uri)? {
        Host::Domain(name) => resolve(name).await?,
        Host::Ipv4(address) => vec![address.into()],
        Host::Ipv6(address) => vec![address.into()],
    };
    let mut tunnel = Tunnel::new(proxy.uri.clone(), dialler(addresses));
    if let Some(authorization) = &proxy.authorization {
        tunnel = tunnel.with_auth(authorization.clone());
    }
    let opened = tunnel.call(origin.clone()).await;
    opened.map(|tcp| Socket::new(tcp.into_inner())).map_err(|error| classify::tunnel_error(&error))
}

/// Dials these addresses and no others, IPv6 and IPv4 in parallel after a short while (RFC 8305).
fn dialler(addresses: Vec<IpAddr>) -> HttpConnector<Judged> {
    let mut dialler = HttpConnector::new_with_resolver(Judged(addresses.into()));
    dialler.enforce_http(false);
    dialler.set_nodelay(true);
    dialler.set_keepalive(Some(KEEPALIVE));
    dialler.set_keepalive_interval(Some(KEEPALIVE));
    dialler.set_keepalive_retries(Some(KEEPALIVE_PROBES));
    dialler.set_tcp_user_timeout(Some(USER_TIMEOUT));
    dialler
}

/// Answers every question with the addresses that were judged.
#[derive(Clone)]
struct Judged(Arc<[IpAddr]>);

impl Service<Name> for Judged {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = std::convert::Infallible;
    type Future = std::future::Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Name) -> Self::Future {
        let addresses: Vec<_> = self.0.iter().map(|address| SocketAddr::new(*address, 0)).collect();
        std::future::ready(Ok(addresses.into_iter()))
    }
}
