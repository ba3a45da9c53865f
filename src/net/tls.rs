//! Trust anchors and the TLS settings. Certificate checks cannot be turned off.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{ResolvesClientCert, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use rustls::{AlertDescription, ClientConfig, OtherError, RootCertStore};
use sha2::{Digest, Sha256};

use super::identity::Identity;
use super::pins::{Pin, Verifier};
use crate::document::{RootSource, TlsSpec};
use crate::error::{Code, Error};

/// Where distributions keep the bundle of the system's trust anchors. The environment's `SSL_CERT_FILE` does not count: PHP
/// code can set it.
const SYSTEM_BUNDLES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Loaded trust anchors, and what was revoked below them.
#[derive(Clone)]
pub struct Roots {
    verifier: Arc<Verifier>,
    digest: [u8; 32],
}

impl Roots {
    /// Reads the trust anchors that the configuration names.
    pub fn load(spec: &TlsSpec) -> Result<Self, Error> {
        let invalid = |message| Error::new(Code::ConfigurationInvalid, message);
        let mut store = RootCertStore::empty();
        let mut files = Sha256::new();
        if spec.roots != RootSource::File
            && let Some(bundle) = SYSTEM_BUNDLES.iter().find(|path| Path::new(path).is_file())
        {
            // A system's bundle may hold what this library cannot use; the rest still counts.
            let text = fs::read(bundle).unwrap_or_default();
            store.add_parsable_certificates(CertificateDer::pem_slice_iter(&text).flatten());
            files.update(Sha256::digest(text));
        }
        let own = match (&spec.ca_file, spec.roots) {
            (Some(_), RootSource::System) => {
                return Err(invalid("tls.ca_file counts only with roots file or system+file"));
            }
            (None, RootSource::File | RootSource::SystemAndFile) => {
                return Err(invalid("tls.roots file and system+file need tls.ca_file"));
            }
            (Some(path), _) => certificates(path, &mut files)?,
            (None, RootSource::System) => Vec::new(),
        };
        let lists = spec.crl_file.as_deref().map(|path| lists(path, &mut files)).transpose()?.unwrap_or_default();
        let mut pins = Vec::new();
        for certificate in own {
            let unusable = "tls.ca_file holds a certificate that cannot be used";
            let pin = Pin::read(&certificate, &lists).ok_or_else(|| invalid(unusable))?;
            // A server's certificate is no authority's, though webpki would take it for one.
            if pin.is_authority() {
                store.add(certificate).map_err(|_| invalid(unusable))?;
            }
            pins.push(pin);
        }
        let chains = match store.is_empty() {
            true if lists.is_empty() || !pins.is_empty() => None,
            _ => Some(chains(store, lists)?),
        };
        let verifier = Verifier::new(chains, pins, provider(true).signature_verification_algorithms);
        Ok(Self { verifier: Arc::new(verifier), digest: files.finalize().into() })
    }

    /// Whether no server can be trusted.
    pub fn is_empty(&self) -> bool {
        self.verifier.is_empty()
    }

    /// What tells files with other contents.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }
}

/// The cryptography of TLS. Without post-quantum key exchange a ClientHello fits into one packet, which some old firewalls
/// and proxies want.
fn provider(post_quantum: bool) -> Arc<CryptoProvider> {
    use rustls::NamedGroup::{X25519, secp256r1, secp384r1};
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.kx_groups.retain(|group| post_quantum || [X25519, secp256r1, secp384r1].contains(&group.name()));
    Arc::new(provider)
}

fn certificates(path: &Path, files: &mut Sha256) -> Result<Vec<CertificateDer<'static>>, Error> {
    let invalid = |message| Error::new(Code::ConfigurationInvalid, message);
    let certificates = CertificateDer::pem_slice_iter(&text("tls.ca_file", path, files)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| invalid("tls.ca_file is not PEM"))?;
    if certificates.is_empty() { Err(invalid("tls.ca_file holds no certificate")) } else { Ok(certificates) }
}

fn lists(path: &Path, files: &mut Sha256) -> Result<Vec<CertificateRevocationListDer<'static>>, Error> {
    let invalid = |message| Error::new(Code::ConfigurationInvalid, message);
    let lists = CertificateRevocationListDer::pem_slice_iter(&text("tls.crl_file", path, files)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| invalid("tls.crl_file is not PEM"))?;
    if lists.is_empty() { Err(invalid("tls.crl_file holds no revocation list")) } else { Ok(lists) }
}

/// What a file says, counted among those that were read.
fn text(key: &str, path: &Path, files: &mut Sha256) -> Result<Vec<u8>, Error> {
    let unreadable = |_| Error::new(Code::ConfigurationInvalid, format!("{key} cannot be read: {}", path.display()));
    let text = fs::read(path).map_err(unreadable)?;
    files.update(Sha256::digest(&text));
    Ok(text)
}

/// A verifier that knows these anchors and lists. A certificate of an issuer without a list is accepted: most public authorities
/// publish theirs in ways that no file can follow.
fn chains(
    store: RootCertStore,
    lists: Vec<CertificateRevocationListDer<'static>>,
) -> Result<Arc<WebPkiServerVerifier>, Error> {
    let unusable = "tls.crl_file holds a list that cannot be used, or there is no trust anchor beside it";
    WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider(true))
        .with_crls(lists)
        .allow_unknown_revocation_status()
        .build()
        .map_err(|_| Error::new(Code::ConfigurationInvalid, unusable))
}

/// TLS 1.2 and 1.3 with these anchors, offering these protocols by ALPN, and this certificate to servers that ask for one. Its
/// session cache is fresh: a forked child makes its own, and no session of one certificate is resumed by a call with another.
pub fn client_config(
    roots: &Roots,
    alpn: Vec<Vec<u8>>,
    post_quantum: bool,
    identity: Option<&Arc<Identity>>,
) -> Result<ClientConfig, Error> {
    let builder = ClientConfig::builder_with_provider(provider(post_quantum))
        .with_safe_default_protocol_versions()
        .map_err(|_| Error::new(Code::HandshakeFailed, "the TLS provider offers no usable version"))?
        // rustls calls every verifier but its own dangerous. This one takes nothing from a server but what its own takes, and
        // certificates that the operator has named.
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&roots.verifier) as Arc<dyn ServerCertVerifier>);
    let mut config = match identity {
        Some(identity) => builder.with_client_cert_resolver(Arc::clone(identity) as Arc<dyn ResolvesClientCert>),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = alpn;
    Ok(config)
}

/// What may help where a large ClientHello does not pass.
const REMEDY: &str =
    "; an old firewall or proxy may not let a large ClientHello pass: tls.post_quantum false sends a small one";

/// Whether an alert judges the client's certificate or what its key has signed. It only comes in a handshake, of which a server of
/// TLS 1.3 has the second half when the client's is over: nothing that came after it was processed.
pub fn judges_client(alert: AlertDescription) -> bool {
    use AlertDescription as A;
    [
        A::BadCertificate,
        A::UnsupportedCertificate,
        A::CertificateRevoked,
        A::CertificateExpired,
        A::CertificateUnknown,
        A::UnknownCA,
        A::AccessDenied,
        A::DecryptError,
        A::CertificateRequired,
    ]
    .contains(&alert)
}

/// What it means where a certificate was shown.
pub fn client_refused(alert: AlertDescription) -> Error {
    let why = match alert {
        AlertDescription::CertificateExpired => "it has expired",
        AlertDescription::CertificateRevoked => "it is revoked",
        AlertDescription::UnknownCA => "it does not trust its issuer, or certificate_chain lacks an intermediate one",
        AlertDescription::CertificateRequired => "it takes no key of this kind, or none was shown",
        AlertDescription::DecryptError => "a signature is not right, that of the certificate or that of its key",
        AlertDescription::AccessDenied => "its owner has no access",
        _ => "it is not one that it takes",
    };
    Error::new(Code::ClientCertificateRefused, format!("the server refused the client certificate: {why}"))
}

/// Why a handshake failed, in words that hold nothing of the peer's.
pub fn handshake_error(error: &std::io::Error, post_quantum: bool, is_certified: bool) -> Error {
    use rustls::CertificateError as C;
    let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match cause {
        Some(rustls::Error::AlertReceived(alert)) if is_certified && judges_client(*alert) => {
            return client_refused(*alert);
        }
        Some(rustls::Error::Other(OtherError(other))) => {
            if let Some(own) = other.downcast_ref::<Error>() {
                return own.clone();
            }
        }
        _ => {}
    }
    let certificate = |message| Error::new(Code::CertificateInvalid, message);
    let remedy = if post_quantum { REMEDY } else { "" };
    let handshake = |message| Error::new(Code::HandshakeFailed, format!("{message}{remedy}"));
    match cause {
        Some(rustls::Error::InvalidCertificate(reason)) => certificate(match reason {
            C::Expired | C::ExpiredContext { .. } => "the server's certificate has expired",
            C::NotValidYet | C::NotValidYetContext { .. } => "the server's certificate is not valid yet",
            C::NotValidForName | C::NotValidForNameContext { .. } => "the server's certificate is for another name",
            C::UnknownIssuer => {
                "the server's certificate comes from an issuer that is not trusted here; put the issuer's certificate, or \
                 the server's own, into tls.ca_file"
            }
            C::Revoked => "the server's certificate is revoked",
            C::InvalidPurpose | C::InvalidPurposeContext { .. } => {
                "the server's certificate is not valid: it is not meant for servers"
            }
            // rustls does not export webpki's type, so its own fixed word tells.
            C::Other(other) if other.to_string() == "CaUsedAsEndEntity" => {
                "the server shows an authority's certificate (CA:TRUE), as openssl req -x509 makes it; put exactly this one \
                 into tls.ca_file, or give the server another"
            }
            _ => "the server's certificate is not valid",
        }),
        Some(rustls::Error::NoCertificatesPresented) => certificate("the server showed no certificate"),
        Some(_) => handshake("TLS 1.2 or 1.3 could not be agreed with the server"),
        None => handshake("the connection ended during the TLS handshake"),
    }
}
