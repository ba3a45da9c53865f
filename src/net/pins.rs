//! Certificates of servers that `tls.ca_file` itself holds.
//!
//! webpki takes every certificate of that file for an authority's, and no authority's certificate for a server's. What
//! `openssl req -x509` makes is both at once, and a server's own certificate is often all that an operator has. So the file
//! is read here as well: a server may show exactly a certificate that the file holds, with every other check on, and only an
//! authority's certificate vouches for others.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use x509_cert::certificate::Version;
use x509_cert::crl::CertificateList;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{self, Decode};
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage};
use x509_cert::{Certificate, TbsCertificate};

/// id-kp-serverAuth (RFC 5280 section 4.2.1.12).
const SERVER_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");

/// A certificate of the file, and what counts where a server shows exactly this one.
#[derive(Debug)]
pub struct Pin {
    certificate: CertificateDer<'static>,
    not_before: Duration,
    not_after: Duration,
    is_authority: bool,
    is_for_servers: bool,
    is_revoked: bool,
}

impl Pin {
    /// Reads a certificate, and what these lists say of it. `None` where its form cannot be read, a serial number above 20
    /// octets included: nobody could say then whether it is an authority's.
    pub fn read(certificate: &CertificateDer<'static>, lists: &[CertificateRevocationListDer<'_>]) -> Option<Self> {
        let read = Certificate::from_der(certificate).ok()?;
        let content = read.tbs_certificate();
        Some(Self {
            certificate: certificate.clone(),
            not_before: content.validity().not_before.to_unix_duration(),
            not_after: content.validity().not_after.to_unix_duration(),
            is_authority: is_authority(content).unwrap_or(false),
            is_for_servers: is_for_servers(content).unwrap_or(false),
            // A list that cannot be read may name it.
            is_revoked: lists.iter().any(|list| names(list, content).unwrap_or(true)),
        })
    }

    /// Whether it may vouch for other certificates (RFC 5280 section 4.2.1.9).
    pub fn is_authority(&self) -> bool {
        self.is_authority
    }

    fn verify(&self, name: &ServerName<'_>, now: UnixTime) -> Result<ServerCertVerified, Error> {
        let now = Duration::from_secs(now.as_secs());
        if now < self.not_before {
            return Err(CertificateError::NotValidYet.into());
        }
        if now > self.not_after {
            return Err(CertificateError::Expired.into());
        }
        if !self.is_for_servers {
            return Err(CertificateError::InvalidPurpose.into());
        }
        if self.is_revoked {
            return Err(CertificateError::Revoked.into());
        }
        // Reading it refuses extensions that are critical and not known.
        verify_server_name(&ParsedCertificate::try_from(&self.certificate)?, name)?;
        Ok(ServerCertVerified::assertion())
    }
}

/// Certificates before version 3 had no way to say so. Of the later ones, some authorities say it by what their key is for.
fn is_authority(content: &TbsCertificate) -> der::Result<bool> {
    if content.version() != Version::V3 {
        return Ok(true);
    }
    let signs = content.get_extension::<KeyUsage>()?.is_some_and(|(_, usage)| usage.key_cert_sign());
    Ok(content.get_extension::<BasicConstraints>()?.map_or(signs, |(_, constraints)| constraints.ca))
}

fn is_for_servers(content: &TbsCertificate) -> der::Result<bool> {
    let agrees = |usage: KeyUsage| usage.digital_signature() || usage.key_encipherment() || usage.key_agreement();
    let usage = content.get_extension::<KeyUsage>()?;
    let purposes = content.get_extension::<ExtendedKeyUsage>()?;
    Ok(usage.is_none_or(|(_, usage)| agrees(usage))
        && purposes.is_none_or(|(_, ExtendedKeyUsage(purposes))| purposes.contains(&SERVER_AUTH)))
}

/// Whether this list of the certificate's issuer names it. The issuer may be unknown, so that nobody can verify the list, but it
/// comes from the operator, as the certificate does.
fn names(list: &[u8], content: &TbsCertificate) -> der::Result<bool> {
    let list = CertificateList::from_der(list)?.tbs_cert_list;
    let revoked = list.revoked_certificates.unwrap_or_default();
    Ok(list.issuer == *content.issuer() && revoked.iter().any(|entry| entry.serial_number == *content.serial_number()))
}

/// Verifies servers by their chains, as webpki does, and those that show a certificate of the file by that.
#[derive(Debug)]
pub struct Verifier {
    /// Nothing where there is no authority.
    chains: Option<Arc<WebPkiServerVerifier>>,
    pins: Vec<Pin>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    /// Verifies by these chains and certificates.
    pub fn new(
        chains: Option<Arc<WebPkiServerVerifier>>,
        pins: Vec<Pin>,
        algorithms: WebPkiSupportedAlgorithms,
    ) -> Self {
        Self { chains, pins, algorithms }
    }

    /// Whether no server can be trusted.
    pub fn is_empty(&self) -> bool {
        self.chains.is_none() && self.pins.is_empty()
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chained = match &self.chains {
            Some(chains) => chains.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now),
            None => Err(CertificateError::UnknownIssuer.into()),
        };
        let pin = self.pins.iter().find(|pin| pin.certificate == *end_entity);
        match (chained, pin) {
            // A revocation counts in any case, of the certificate or of what vouches for it.
            (Err(error), Some(pin)) if error != CertificateError::Revoked.into() => pin.verify(server_name, now),
            (chained, _) => chained,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
