//! Trust anchors and the TLS settings. Certificate checks cannot be turned off.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use rustls::{ClientConfig, RootCertStore};

use crate::error::{Code, Error};
use crate::spec::{RootSource, TlsSpec};

/// Where distributions keep the bundle of the system's trust anchors. The environment's `SSL_CERT_FILE` has no say: PHP
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
    store: Arc<RootCertStore>,
    /// Checks against revocation lists as well; nothing where there are none.
    revoking: Option<Arc<WebPkiServerVerifier>>,
}

impl Roots {
    /// Reads the trust anchors that the configuration names.
    pub fn load(spec: &TlsSpec) -> Result<Self, Error> {
        let invalid = |message| Error::new(Code::ConfigurationInvalid, message);
        let mut store = RootCertStore::empty();
        if spec.roots != RootSource::File
            && let Some(bundle) = SYSTEM_BUNDLES.iter().find(|path| Path::new(path).is_file())
        {
            // A system's bundle may hold what this library cannot use; the rest still counts.
            let certificates = CertificateDer::pem_file_iter(bundle).into_iter().flatten().flatten();
            store.add_parsable_certificates(certificates);
        }
        match (&spec.ca_file, spec.roots) {
            (Some(_), RootSource::System) => {
                return Err(invalid("tls.ca_file counts only with roots file or system+file"));
            }
            (None, RootSource::File | RootSource::SystemAndFile) => {
                return Err(invalid("tls.roots file and system+file need tls.ca_file"));
            }
            (Some(path), _) => {
                let before = store.len();
                for certificate in
                    CertificateDer::pem_file_iter(path).map_err(|_| invalid("tls.ca_file cannot be read"))?
                {
                    let certificate = certificate.map_err(|_| invalid("tls.ca_file is not PEM"))?;
                    store
                        .add(certificate)
                        .map_err(|_| invalid("tls.ca_file holds a certificate that cannot be used"))?;
                }
                if store.len() == before {
                    return Err(invalid("tls.ca_file holds no certificate"));
                }
            }
            (None, RootSource::System) => {}
        }
        let store = Arc::new(store);
        let revoking = spec.crl_file.as_deref().map(|path| revoking(&store, path)).transpose()?;
        Ok(Self { store, revoking })
    }

    /// Whether no server can be trusted.
    pub fn is_empty(&self) -> bool {
        self.store.is_empty()
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// A verifier that knows these lists. A certificate of an issuer without a list stands: most public authorities publish
/// theirs in ways that no file can follow.
fn revoking(store: &Arc<RootCertStore>, path: &Path) -> Result<Arc<WebPkiServerVerifier>, Error> {
    let invalid = |message| Error::new(Code::ConfigurationInvalid, message);
    let lists = CertificateRevocationListDer::pem_file_iter(path)
        .map_err(|_| invalid("tls.crl_file cannot be read"))?
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| invalid("tls.crl_file is not PEM"))?;
    if lists.is_empty() {
        return Err(invalid("tls.crl_file holds no revocation list"));
    }
    WebPkiServerVerifier::builder_with_provider(Arc::clone(store), provider())
        .with_crls(lists)
        .allow_unknown_revocation_status()
        .build()
        .map_err(|_| invalid("tls.crl_file holds a list that cannot be used, or there is no trust anchor beside it"))
}

/// TLS 1.2 and 1.3 with these anchors, offering these protocols by ALPN. Its session cache is fresh, so a forked child
/// makes its own.
pub fn client_config(roots: &Roots, alpn: Vec<Vec<u8>>) -> Result<ClientConfig, Error> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|_| Error::new(Code::HandshakeFailed, "the TLS provider offers no usable version"))?;
    let builder = match &roots.revoking {
        Some(verifier) => builder.with_webpki_verifier(Arc::clone(verifier)),
        None => builder.with_root_certificates(Arc::clone(&roots.store)),
    };
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = alpn;
    Ok(config)
}

/// Why a handshake failed, in words that hold nothing of the peer's.
pub fn handshake_error(error: &std::io::Error) -> Error {
    use rustls::CertificateError as C;
    let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let certificate = |message| Error::new(Code::CertificateInvalid, message);
    match cause {
        Some(rustls::Error::InvalidCertificate(reason)) => certificate(match reason {
            C::Expired | C::ExpiredContext { .. } => "the server's certificate has expired",
            C::NotValidYet | C::NotValidYetContext { .. } => "the server's certificate is not valid yet",
            C::NotValidForName | C::NotValidForNameContext { .. } => "the server's certificate is for another name",
            C::UnknownIssuer => "the server's certificate comes from an issuer that is not trusted here",
            C::Revoked => "the server's certificate is revoked",
            _ => "the server's certificate does not stand",
        }),
        Some(rustls::Error::NoCertificatesPresented) => certificate("the server showed no certificate"),
        Some(_) => Error::new(Code::HandshakeFailed, "TLS 1.2 or 1.3 could not be agreed with the server"),
        None => Error::new(Code::HandshakeFailed, "the connection ended during the TLS handshake"),
    }
}
