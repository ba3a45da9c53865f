//! The HTTP proxy of the configuration. Those of the environment do not count.

use bytes::Bytes;
use http::{HeaderValue, Uri};
use url::{Host, Url};

use crate::document::{ProxySpec, Resolution};
use crate::error::{Code, Error};
use crate::policy::{HostRule, Rules};
use crate::secret::{LockedSecret, Secret};

/// A proxy, ready for use.
pub struct Proxy {
    /// Where it listens.
    pub uri: Uri,
    /// Value of `Proxy-Authorization`.
    pub authorization: Option<HeaderValue>,
    /// Who resolves the target's name.
    pub resolution: Resolution,
    direct: Vec<HostRule>,
}

impl Proxy {
    /// Checks a proxy of the configuration.
    pub fn from_spec(spec: &ProxySpec) -> Result<Self, Error> {
        let invalid = |message| Error::new(Code::ConfigurationInvalid, message);
        let url = Url::parse(&spec.url).map_err(|_| invalid("proxy.url is not an absolute URL"))?;
        if url.scheme() != "http" || url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(invalid("proxy.url is http://[user:password@]host[:port] and nothing more"));
        }
        let host = url.host_str().ok_or_else(|| invalid("proxy.url has no host"))?;
        let uri = format!("http://{host}:{}/", url.port().unwrap_or(80))
            .parse()
            .map_err(|_| invalid("proxy.url has a host that cannot be used"))?;
        let direct = Rules::parse_hosts("proxy.no_proxy", &spec.no_proxy)?.hosts.unwrap_or_default();
        // An entry counts for every port, so one with a port would do more than it says.
        if direct.iter().any(HostRule::has_port) {
            return Err(invalid("proxy.no_proxy has an entry with a port"));
        }
        Ok(Self { uri, authorization: authorization(&url)?, resolution: spec.resolve, direct })
    }

    /// Whether a request goes through the proxy. Plain HTTP never does: it goes to internal hosts only, whose addresses
    /// the guard must see, and a forwarding proxy would read the credential.
    pub fn serves(&self, secure: bool, host: &Host) -> bool {
        secure && !self.direct.iter().any(|rule| rule.names(host))
    }
}

fn authorization(url: &Url) -> Result<Option<HeaderValue>, Error> {
    use base64::Engine;
    use percent_encoding::percent_decode_str;
    use zeroize::Zeroizing;

    if url.username().is_empty() && url.password().is_none() {
        return Ok(None);
    }
    let mut pair = Zeroizing::new(percent_decode_str(url.username()).collect::<Vec<u8>>());
    pair.push(b':');
    pair.extend(percent_decode_str(url.password().unwrap_or_default()));
    let text = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(&*pair));
    let locked = Owner(LockedSecret::new(Secret::new(text.into_bytes())));
    let mut value = HeaderValue::from_maybe_shared(Bytes::from_owner(locked))
        .map_err(|_| Error::new(Code::ConfigurationInvalid, "proxy.url has userinfo that cannot be sent"))?;
    value.set_sensitive(true);
    Ok(Some(value))
}

/// The memory of a header's value that stays as long as the engine.
struct Owner(LockedSecret);

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        self.0.expose()
    }
}
