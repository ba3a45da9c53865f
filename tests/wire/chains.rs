//! Chains of certificates in which one is missing, too weak or revoked.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::library::{Reply, open, send};
use crate::support::openssl::{SecureServer, openssl};
use crate::support::server::{Authority, configuration, request};

/// Makes a key and a certificate for localhost, signed by `issuer`. OpenSSL makes weak ones too.
fn certificate(directory: &Path, name: &str, key: &str, digest: &str, issuer: &str, extensions: &str) {
    fs::write(directory.join(format!("{name}.cnf")), extensions).expect("a file");
    openssl(directory, &format!("req -new -newkey {key} -nodes -keyout {name}.key -out {name}.csr -subj /CN={name}"));
    let signed = format!("-CA {issuer}.pem -CAkey {issuer}.key -{digest} -days 30 -extfile {name}.cnf");
    openssl(directory, &format!("x509 -req -in {name}.csr -out {name}.pem -CAcreateserial {signed}"));
}

const SERVER: &str = "subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n";
const ISSUER: &str = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n";

/// An authority `root` in its own directory, and beneath it `middle`.
fn authorities() -> Authority {
    let authority = Authority::new();
    let directory = authority.directory();
    openssl(
        directory,
        "req -x509 -newkey rsa:2048 -nodes -sha256 -days 30 -keyout root.key -out root.pem -subj /CN=root",
    );
    certificate(directory, "middle", "rsa:2048", "sha256", "root", ISSUER);
    fs::copy(directory.join("root.pem"), authority.file()).expect("the trust anchor");
    authority
}

/// A call to a server that sends this certificate, and if `whole` that of `middle` as well.
fn call(authority: &Authority, name: &str, whole: bool, tls: &Value) -> Reply {
    let file = |name: &str| authority.directory().join(name);
    let middle = file("middle.pem");
    let options = ["-cert_chain".as_ref(), middle.as_os_str()];
    let server = SecureServer::start(
        if whole { &options } else { &[] },
        &file(&format!("{name}.pem")),
        &file(&format!("{name}.key")),
    );
    let mut configuration = configuration(authority, &["localhost"], &[server.port]);
    configuration["tls"].as_object_mut().expect("an object").extend(tls.as_object().expect("an object").clone());
    let (_, engine, head) = open(&configuration);
    assert_eq!(head["error"], Value::Null);
    send(engine, &request("GET", &format!("https://localhost:{}", server.port), "/"), b"", "")
}

fn refused(reply: &Reply, words: &str) {
    assert_eq!((reply.code(), reply.sent()), ("tls.certificate_invalid", "no"), "{reply:?}");
    let message = reply.head["error"]["message"].as_str().expect("a message");
    assert!(message.contains(words), "{message}");
}

#[test]
fn an_intermediate_certificate_that_is_missing_is_not_fetched() {
    let authority = authorities();
    certificate(authority.directory(), "server", "rsa:2048", "sha256", "middle", SERVER);
    assert_eq!(call(&authority, "server", true, &json!({})).http_status(), Some(200));
    refused(&call(&authority, "server", false, &json!({})), "issuer that is not trusted");
}

#[test]
fn weak_signatures_and_keys_do_not_stand() {
    let authority = authorities();
    for (name, key, digest) in
        [("md5", "rsa:2048", "md5"), ("sha1", "rsa:2048", "sha1"), ("short", "rsa:1024", "sha256")]
    {
        certificate(authority.directory(), name, key, digest, "root", SERVER);
        let reply = call(&authority, name, false, &json!({}));
        assert_eq!((&reply.head["error"]["class"], reply.sent()), (&json!("tls"), "no"), "{name}: {reply:?}");
        assert_eq!(reply.head["audit"]["bytes_out"], 0, "{name}");
    }
    certificate(authority.directory(), "strong", "rsa:2048", "sha256", "root", SERVER);
    assert_eq!(
        call(&authority, "strong", false, &json!({})).http_status(),
        Some(200),
        "else all are refused for another reason"
    );
}

/// A revocation list of `issuer` that names these certificates.
fn revocations(authority: &Authority, issuer: &str, revoked: &[&str]) -> Value {
    let directory = authority.directory();
    let lines = ["[ca]", "default_ca=own", "[own]", "database=index.txt", "default_md=sha256", "crlnumber=number"];
    let extensions = ["crl_extensions=more", "[more]", "authorityKeyIdentifier=keyid"];
    for (name, content) in
        [("index.txt", ""), ("number", "01"), ("ca.cnf", &[&lines[..], &extensions].concat().join("\n"))]
    {
        fs::write(directory.join(name), content).expect("a file");
    }
    let signed = format!("-config ca.cnf -cert {issuer}.pem -keyfile {issuer}.key");
    for name in revoked {
        openssl(directory, &format!("ca {signed} -revoke {name}.pem"));
    }
    openssl(directory, &format!("ca {signed} -gencrl -crldays 30 -out {issuer}.crl"));
    json!({"crl_file": directory.join(format!("{issuer}.crl"))})
}

#[test]
fn what_a_list_names_is_revoked() {
    let authority = authorities();
    let directory = authority.directory();
    certificate(directory, "good", "rsa:2048", "sha256", "middle", SERVER);
    certificate(directory, "bad", "rsa:2048", "sha256", "middle", SERVER);
    let lists = revocations(&authority, "middle", &["bad"]);
    assert_eq!(call(&authority, "good", true, &lists).http_status(), Some(200));
    refused(&call(&authority, "bad", true, &lists), "revoked");
    assert_eq!(call(&authority, "bad", true, &json!({})).http_status(), Some(200), "nobody says so");

    // The certificate of an intermediate issuer is checked as well. An issuer without a list revokes nothing.
    let lists = revocations(&authority, "root", &["middle"]);
    refused(&call(&authority, "good", true, &lists), "revoked");
    certificate(directory, "other", "rsa:2048", "sha256", "root", SERVER);
    let lists = revocations(&authority, "middle", &["bad"]);
    assert_eq!(call(&authority, "other", false, &lists).http_status(), Some(200));
}

#[test]
fn lists_that_cannot_be_used_are_refused_at_open() {
    let authority = authorities();
    let file = authority.directory().join("lists.pem");
    let root = fs::read_to_string(authority.file()).expect("a file");
    let rubbish = root.replace(" CERTIFICATE", " X509 CRL");
    for (content, words) in [
        (None, "tls.crl_file cannot be read: /"),
        (Some(""), "holds no revocation list"),
        (Some(root.as_str()), "holds no revocation list"),
        (Some(rubbish.as_str()), "cannot be used"),
    ] {
        match content {
            Some(content) => fs::write(&file, content).expect("a file"),
            None => assert!(!file.exists()),
        }
        let mut configuration = configuration(&authority, &["localhost"], &[443]);
        configuration["tls"]["crl_file"] = json!(file);
        let (_, _, head) = open(&configuration);
        assert_eq!(head["error"]["code"], "configuration.invalid", "{head}");
        assert!(head["error"]["message"].as_str().expect("a message").contains(words), "{head}");
    }
}
