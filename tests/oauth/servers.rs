//! Tokens of other projects' servers, over TLS: oidc-provider (Node), django-oauth-toolkit and Authlib (Python).
//!
//! `.ci/oauth-servers` fetches them, in the versions that are pinned under `tests/oauth/servers`.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;

use serde_json::{Value, json};

use super::refreshing::Scratch;
use crate::support;
use crate::support::library::{Reply, open, send};
use crate::support::oauth::{requests, sealed};
use crate::support::server::{Authority, ClientPair, configuration, request};

const SECRET: &str = "se cret/+~:%&=\"";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The directory of the servers' packages, which are fetched first if they are missing.
fn packages() -> &'static PathBuf {
    static PACKAGES: OnceLock<PathBuf> = OnceLock::new();
    PACKAGES.get_or_init(|| {
        let mut fetch = Command::new(root().join(".ci/oauth-servers"));
        let fetched = fetch.env("OAUTH_SERVERS_REQUIRED", "1").status().expect("a script");
        assert!(
            fetched.success(),
            "make test installs Node.js, npm and python3-venv before, and npm and PyPI can be reached"
        );
        root().join("target/oauth-servers")
    })
}

/// A server that ends when its standard input is closed.
struct Running {
    child: Child,
    input: Option<ChildStdin>,
    authority: Authority,
    port: u16,
}

impl Running {
    fn start(command: &mut Command, script: &str) -> Self {
        let authority = Authority::new();
        let (certificate, key) = authority.files(&["localhost"]);
        let arguments = [root().join("tests/oauth/servers").join(script), certificate, key];
        let mut child = command
            .args(arguments)
            // The servers in Python share a file, whose bytecode is not to lie among the sources.
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("CLIENT_AUTHORITY", authority.file())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("make test installs Node.js and python3-venv before");
        let input = child.stdin.take();
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let said = lines.map_while(Result::ok).find_map(|line| Some(line.strip_prefix("listening ")?.to_owned()));
        let port = said.and_then(|port| port.trim().parse().ok()).expect("the server starts");
        Self { child, input, authority, port }
    }

    fn node() -> Self {
        let mut node = Command::new("node");
        node.env("PUBLIC_KEYS", root().join("tests/vectors/keys"));
        Self::start(node.env("NODE_MODULES", packages().join("npm")), "oidc-provider.mjs")
    }

    fn python() -> Self {
        Self::start(&mut Command::new(packages().join("pypi/bin/python")), "toolkit.py")
    }

    fn authlib() -> Self {
        let mut python = Command::new(packages().join("pypi/bin/python"));
        Self::start(python.env("PUBLIC_KEYS", root().join("tests/vectors/keys")), "authlib-server.py")
    }

    fn engine(&self) -> u64 {
        self.engine_with(|_| {})
    }

    fn engine_with(&self, change: impl FnOnce(&mut Value)) -> u64 {
        let mut configuration = configuration(&self.authority, &["localhost"], &[self.port]);
        configuration["master_keys"] = json!([{"provider": "raw", "key_base64": support::encode(&[7; 32])}]);
        change(&mut configuration);
        let (status, engine, head) = open(&configuration);
        assert_eq!(status, 0, "{head}");
        engine
    }

    fn call(&self, engine: u64, path: &str, payload: &Value) -> Reply {
        self.call_as("oauth2_client_credentials", engine, path, payload)
    }

    fn call_as(&self, kind: &str, engine: u64, path: &str, payload: &Value) -> Reply {
        let mut request = request("GET", &format!("https://localhost:{}", self.port), path);
        request["credentials"] = json!([{"identifier": "an_id", "type": kind}]);
        send(engine, &request, b"", &sealed(payload))
    }
}

#[test]
fn refresh_tokens_of_oidc_provider_rotate() {
    let server = Running::node();
    let kept_in = |scratch: &Scratch| {
        let directory = scratch.0.clone();
        server.engine_with(|document| document["refresh_tokens"] = json!({"directory": directory}))
    };
    let (scratch, restored) = (Scratch::new(), Scratch::new());
    let engine = kept_in(&scratch);
    let url = format!("https://localhost:{}", server.port);
    let consent = send(engine, &request("GET", &url, "/api/consent/consented"), b"", "");
    assert_eq!(consent.http_status(), Some(200), "{}", consent.head);
    let payload = json!({
        "client_id": "consented", "client_secret": SECRET, "token_url": format!("{url}/token"),
        "refresh_token": String::from_utf8_lossy(&consent.body), "binding": {"hosts": [format!("localhost:{}", server.port)]},
    });
    let call = |engine: u64, path: &str| server.call_as("oauth2_refresh_token", engine, path, &payload);
    let first = call(engine, "/api");
    assert_eq!(
        (String::from_utf8_lossy(&first.body).as_ref(), requests(&first)),
        ("consented: openid offline_access", 1)
    );
    let mut kept = vec![scratch.kept(&[7; 32])];
    // Each time it is the last token that is exchanged, or the second of these would be over.
    for _ in 0..2 {
        assert_eq!(call(engine, "/api/revoke").http_status(), Some(200));
        let renewed = call(engine, "/api");
        assert_eq!((renewed.http_status(), requests(&renewed)), (Some(200), 1), "{}", renewed.head);
        kept.push(scratch.kept(&[7; 32]));
    }
    kept.dedup();
    assert_eq!(kept.len(), 3, "three tokens that differ");

    // A host that has lost what was kept sends the first one again, and that is the end of them all.
    let replayed = call(kept_in(&restored), "/api");
    assert_eq!(replayed.code(), "oauth.consent_required", "{}", replayed.head);
    assert_eq!(call(engine, "/api/revoke").http_status(), Some(401));
    assert_eq!(scratch.kept(&[7; 32]).as_deref(), Some(&b"refused"[..]));
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.input.take());
        // Its input is closed. The test does not care whether that ended it or this.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What is tested with either server: both ways to authenticate, scopes, a token that is used again, one that is revoked,
/// and errors.
fn serves(server: &Running, token_path: &str) {
    let engine = server.engine();
    let token_url = format!("https://localhost:{}{token_path}", server.port);
    let client = |id: &str, auth: &str| json!({"client_id": id, "client_secret": SECRET, "token_url": token_url, "scopes": ["read"], "client_auth": auth});
    for (id, auth) in [("in body", "body"), ("by:basic", "basic")] {
        let payload = client(id, auth);
        let first = server.call(engine, "/api", &payload);
        assert_eq!(first.http_status(), Some(200), "{auth}: {}", first.head);
        assert_eq!((String::from_utf8_lossy(&first.body).as_ref(), requests(&first)), (&*format!("{id}: read"), 1));

        let revoking = server.call(engine, "/api/revoke", &payload);
        assert_eq!((revoking.http_status(), requests(&revoking)), (Some(200), 0), "{auth}: the token is used again");
        let renewed = server.call(engine, "/api", &payload);
        assert_eq!((renewed.http_status(), requests(&renewed)), (Some(200), 1), "{auth}: {}", renewed.head);
        assert_eq!(renewed.head["audit"]["attempts"], 2);
    }
    for (change, error) in [
        (json!({"client_secret": "wrong"}), "invalid_client"),
        (json!({"client_id": "nobody"}), "invalid_client"),
        (json!({"scopes": ["admin"]}), "invalid_scope"),
    ] {
        let mut payload = client("by:basic", "basic");
        for (key, value) in change.as_object().expect("an object") {
            payload[key] = value.clone();
        }
        let refused = server.call(engine, "/api", &payload);
        assert_eq!(refused.code(), "oauth.token_endpoint_rejected", "{change}: {}", refused.head);
        assert_eq!(refused.head["error"]["message"], format!("the token endpoint refused the client: {error}"));
    }
}

#[test]
fn oidc_provider_serves() {
    serves(&Running::node(), "/token");
}

#[test]
fn django_oauth_toolkit_serves() {
    serves(&Running::python(), "/o/token/");
}

/// Tokens that a key of each kind signs. One whose signature has a bit flipped is refused, and one that says something else.
fn takes_signed_tokens(server: &Running, engine: u64) {
    for (alg, file) in [("ES256", "p256-pkcs8"), ("PS256", "rsa-pkcs8"), ("RS256", "rsa-pkcs1")] {
        let key = std::fs::read_to_string(root().join(format!("tests/vectors/keys/{file}.pem"))).expect("a key");
        let payload = json!({
            "private_key": key, "alg": alg, "kid": "k", "iss": "robot", "sub": "it is", "aud": "api",
            "binding": {"hosts": [format!("localhost:{}", server.port)]},
        });
        let taken = server.call_as("jwt", engine, &format!("/signed/{alg}"), &payload);
        assert_eq!((taken.http_status(), &*taken.body), (Some(200), &b"it is"[..]), "{alg}: {}", taken.head);
        let other = if alg == "ES256" { "RS256" } else { "ES256" };
        for path in [format!("/signed/{alg}/flipped"), format!("/signed/{other}")] {
            assert_eq!(server.call_as("jwt", engine, &path, &payload).http_status(), Some(401), "{alg}: {path}");
        }
        for claim in ["iss", "aud"] {
            let mut payload = payload.clone();
            payload[claim] = json!("another");
            let refused = server.call_as("jwt", engine, &format!("/signed/{alg}"), &payload);
            assert_eq!(refused.http_status(), Some(401), "{alg}: another {claim}");
        }
    }
}

/// A client whose key signs: RSA in both ways, and P-256. It refuses a flipped bit, another key and another audience. So does jose,
/// which comes with it, of tokens.
#[test]
fn oidc_provider_verifies_clients_with_a_key() {
    let server = Running::node();
    let engine = server.engine();
    let host = format!("localhost:{}", server.port);
    for (alg, file) in [("PS256", "rsa-pkcs8"), ("RS256", "rsa-pkcs1"), ("ES256", "p256-sec1")] {
        let key = std::fs::read_to_string(root().join(format!("tests/vectors/keys/{file}.pem"))).expect("a key");
        let payload = json!({
            "client_id": alg, "client_auth": "private_key_jwt", "private_key": key, "alg": alg, "kid": "k",
            "x5t#S256": "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU", "scopes": ["read"],
            "token_url": format!("https://{host}/token"), "binding": {"hosts": [host]},
        });
        let first = server.call(engine, "/api", &payload);
        assert_eq!(first.http_status(), Some(200), "{alg}: {}", first.head);
        assert_eq!((String::from_utf8_lossy(&first.body).as_ref(), requests(&first)), (&*format!("{alg}: read"), 1));
        let revoking = server.call(engine, "/api/revoke", &payload);
        assert_eq!((revoking.http_status(), requests(&revoking)), (Some(200), 0), "{alg}: the token is used again");
        let renewed = server.call(engine, "/api", &payload);
        // The server takes no assertion twice.
        assert_eq!((renewed.http_status(), requests(&renewed)), (Some(200), 1), "{alg}: {}", renewed.head);

        let other = if alg == "ES256" { "PS256" } else { "ES256" };
        for change in [
            json!({"token_url": format!("https://{host}/flipped"), "assertion_audience": payload["token_url"]}),
            json!({"client_id": other}),
            json!({"assertion_audience": "https://elsewhere.example/token"}),
        ] {
            let mut payload = payload.clone();
            payload.as_object_mut().expect("an object").extend(change.as_object().cloned().expect("an object"));
            let refused = server.call(engine, "/api", &payload);
            assert_eq!(refused.code(), "oauth.token_endpoint_rejected", "{alg} {change}: {}", refused.head);
            assert_eq!(refused.head["error"]["message"], "the token endpoint refused the client: invalid_client");
        }
    }
    takes_signed_tokens(&server, engine);
}

/// Assertions of both kinds of keys: a token for one that is used again, another after that is revoked, and none for one whose
/// signature has a bit flipped, that another key has signed, or that is for somebody else.
#[test]
fn authlib_verifies_assertions() {
    let server = Running::authlib();
    let engine = server.engine();
    let host = format!("localhost:{}", server.port);
    let call = |path: &str, payload: &Value| server.call_as("oauth2_jwt_bearer", engine, path, payload);
    for (issuer, file, alg) in [("rsa", "rsa-pkcs8", "RS256"), ("p256", "p256-sec1", "ES256")] {
        let key = std::fs::read_to_string(root().join(format!("tests/vectors/keys/{file}.pem"))).expect("a key");
        let payload = json!({
            "private_key": key, "alg": alg, "iss": issuer, "sub": "user", "scopes": ["read"], "kid": "1",
            "token_url": format!("https://{host}/token"), "binding": {"hosts": [host]},
        });
        let first = call("/api", &payload);
        assert_eq!(first.http_status(), Some(200), "{alg}: {}", first.head);
        assert_eq!((String::from_utf8_lossy(&first.body).as_ref(), requests(&first)), (&*format!("{issuer}: read"), 1));
        let revoking = call("/api/revoke", &payload);
        assert_eq!((revoking.http_status(), requests(&revoking)), (Some(200), 0), "{alg}: the token is used again");
        let renewed = call("/api", &payload);
        assert_eq!((renewed.http_status(), requests(&renewed)), (Some(200), 1), "{alg}: {}", renewed.head);

        let other = if issuer == "rsa" { "p256" } else { "rsa" };
        let audience = &payload["token_url"];
        for change in [
            json!({"token_url": format!("https://{host}/flipped"), "assertion_audience": audience}),
            json!({"iss": other}),
            json!({"iss": "nobody"}),
            json!({"sub": "another"}),
            json!({"assertion_audience": "https://elsewhere.example/token"}),
        ] {
            let mut payload = payload.clone();
            payload.as_object_mut().expect("an object").extend(change.as_object().cloned().expect("an object"));
            let refused = call("/api", &payload);
            assert_eq!(refused.code(), "oauth.token_endpoint_rejected", "{change}: {}", refused.head);
            assert_eq!(refused.head["error"]["message"], "the token endpoint refused the client: invalid_grant");
        }
    }
    takes_signed_tokens(&server, engine);
}

/// A client that a certificate stands for, by its subject and by itself (RFC 8705). It refuses another one, one with a flipped bit
/// and none; a token that is bound to it is valid at the API with it only.
#[test]
fn oidc_provider_verifies_clients_with_a_certificate() {
    let server = Running::node();
    let engine = server.engine();
    let host = format!("localhost:{}", server.port);
    let file =
        |name: &str| std::fs::read_to_string(root().join(format!("tests/vectors/keys/{name}.pem"))).expect("a file");
    let of_file = ClientPair { private_key: file("p256-sec1"), certificate_chain: file("p256-self-signed") };
    let client = |id: &str, auth: &str, pair: &ClientPair| {
        json!({
            "client_id": id, "client_auth": auth, "private_key": pair.private_key, "scopes": ["read"],
            "certificate_chain": pair.certificate_chain, "token_url": format!("https://{host}/token"),
            "binding": {"hosts": [host]},
        })
    };
    let issued = |name: &str| server.authority.client(name, |_| {});
    let rejected = |payload: &Value, what: &str| {
        let refused = server.call(engine, "/api", payload);
        assert_eq!(refused.code(), "oauth.token_endpoint_rejected", "{what}: {}", refused.head);
        assert_eq!(refused.head["error"]["message"], "the token endpoint refused the client: invalid_client", "{what}");
    };
    for (id, auth, pair) in [
        ("by subject", "tls_client_auth", issued("by subject")),
        ("by itself", "self_signed_tls_client_auth", of_file.clone()),
    ] {
        let payload = client(id, auth, &pair);
        let first = server.call(engine, "/api", &payload);
        assert_eq!(first.http_status(), Some(200), "{id}: {}", first.head);
        assert_eq!((String::from_utf8_lossy(&first.body).as_ref(), requests(&first)), (&*format!("{id}: read"), 1));
        let revoking = server.call(engine, "/api/revoke", &payload);
        assert_eq!((revoking.http_status(), requests(&revoking)), (Some(200), 0), "{id}: the token is used again");
        let renewed = server.call(engine, "/api", &payload);
        assert_eq!((renewed.http_status(), requests(&renewed)), (Some(200), 1), "{id}: {}", renewed.head);
        rejected(&client(id, auth, &issued("another")), "another");
        // Node ends some of the connections whose certificate has a broken signature, and responds on the others.
        let flipped = server.call(engine, "/api", &client(id, auth, &pair.flipped()));
        let refusals = ["oauth.token_endpoint_rejected", "oauth.token_endpoint_unreachable"];
        assert!(refusals.contains(&flipped.code()), "{id}: {}", flipped.head);
    }
    rejected(&client("by subject", "tls_client_auth", &of_file), "an issuer of its own");

    // What is bound needs the certificate at the API as well.
    let mut bound = client("bound", "tls_client_auth", &issued("bound"));
    assert_eq!(server.call(engine, "/api", &bound).http_status(), Some(401));
    bound["tls_client_certificate_bound_access_tokens"] = json!(true);
    let allowed = server.call(engine, "/api", &bound);
    assert_eq!(allowed.body, b"bound: read", "{}", allowed.head);

    // The same with the certificate of another credential, which is bound to the token endpoint; and without one.
    let mut beside = json!({
        "client_id": "bound", "client_auth": "tls_client_auth", "scopes": ["read"], "token_url": format!("https://{host}/token"),
    });
    let both = |client: &Value, certificate: &Value| {
        let mut request = request("GET", &format!("https://{host}"), "/api");
        request["credentials"] = json!([
            {"identifier": "an_id", "type": "oauth2_client_credentials"}, {"identifier": "an_id", "type": "mtls"},
        ]);
        send(engine, &request, b"", &json!([sealed(client), sealed(certificate)]).to_string())
    };
    let certificate = issued("bound").payload(std::slice::from_ref(&host));
    let allowed = both(&beside, &certificate);
    assert_eq!((allowed.body.as_slice(), requests(&allowed)), (&b"bound: read"[..], 1), "{}", allowed.head);
    // Another certificate has another token.
    let renewed = both(&beside, &issued("bound").payload(std::slice::from_ref(&host)));
    assert_eq!((renewed.body.as_slice(), requests(&renewed)), (&b"bound: read"[..], 1), "{}", renewed.head);
    assert_eq!(renewed.head["audit"]["attempts"], 1);
    let alone = server.call(engine, "/api", &beside);
    assert_eq!((alone.code(), alone.sent()), ("credential.unusable", "no"), "{}", alone.head);
    // The token endpoint is no host of the certificate.
    beside["token_url"] = json!(format!("https://127.0.0.1:{}/token", server.port));
    let elsewhere = both(&beside, &certificate);
    assert_eq!((elsewhere.code(), elsewhere.sent()), ("credential.unusable", "no"), "{}", elsewhere.head);
}

/// The same of a refresh token, whose access tokens are bound to the certificate: rotated with it, and by no other.
#[test]
fn refresh_tokens_of_oidc_provider_rotate_by_certificate() {
    let server = Running::node();
    let (scratch, untouched) = (Scratch::new(), Scratch::new());
    let kept_in = |scratch: &Scratch| {
        let directory = scratch.0.clone();
        server.engine_with(|document| document["refresh_tokens"] = json!({"directory": directory}))
    };
    let engine = kept_in(&scratch);
    let (host, url) = (format!("localhost:{}", server.port), format!("https://localhost:{}", server.port));
    let consent = send(engine, &request("GET", &url, "/api/consent/consented%20by%20subject"), b"", "");
    assert_eq!(consent.http_status(), Some(200), "{}", consent.head);
    let pair = server.authority.client("consented by subject", |_| {});
    let client = |pair: &ClientPair| {
        json!({
            "client_id": "consented by subject", "client_auth": "tls_client_auth", "private_key": pair.private_key,
            "certificate_chain": pair.certificate_chain, "tls_client_certificate_bound_access_tokens": true,
            "refresh_token": String::from_utf8_lossy(&consent.body), "token_url": format!("{url}/token"),
            "binding": {"hosts": [host]},
        })
    };
    let call = |path: &str, payload: &Value| server.call_as("oauth2_refresh_token", engine, path, payload);

    let payload = client(&pair);
    let first = call("/api", &payload);
    let said = "consented by subject: openid offline_access";
    assert_eq!((String::from_utf8_lossy(&first.body).as_ref(), requests(&first)), (said, 1), "{}", first.head);
    let kept = scratch.kept(&[7; 32]);
    assert_eq!(call("/api/revoke", &payload).http_status(), Some(200));
    let renewed = call("/api", &payload);
    assert_eq!((renewed.http_status(), requests(&renewed)), (Some(200), 1), "{}", renewed.head);
    assert_ne!(scratch.kept(&[7; 32]), kept, "rotated");

    let another = client(&server.authority.client("another", |_| {}));
    let refused = server.call_as("oauth2_refresh_token", kept_in(&untouched), "/api", &another);
    assert_eq!(refused.code(), "oauth.token_endpoint_rejected", "{}", refused.head);
    assert!(untouched.files("refresh").is_empty(), "nothing is kept");

    // A new certificate finds the consent; what was bound to the one before it is refreshed after the API's 401.
    let renewed = call("/api", &client(&server.authority.client("consented by subject", |_| {})));
    assert_eq!((renewed.http_status(), requests(&renewed)), (Some(200), 1), "{}", renewed.head);
    assert_eq!(renewed.head["audit"]["attempts"], 2);

    // The same with the certificate of another credential, and without one.
    let mut beside = payload.clone();
    for key in ["private_key", "certificate_chain", "tls_client_certificate_bound_access_tokens"] {
        beside.as_object_mut().expect("an object").remove(key);
    }
    let mut both = request("GET", &url, "/api");
    both["credentials"] =
        json!([{"identifier": "an_id", "type": "oauth2_refresh_token"}, {"identifier": "an_id", "type": "mtls"}]);
    let certificate = pair.payload(std::slice::from_ref(&host));
    let allowed = send(engine, &both, b"", &json!([sealed(&beside), sealed(&certificate)]).to_string());
    assert_eq!((String::from_utf8_lossy(&allowed.body).as_ref(), requests(&allowed)), (said, 1), "{}", allowed.head);
    let alone = call("/api", &beside);
    assert_eq!((alone.code(), alone.sent()), ("credential.unusable", "no"), "{}", alone.head);
}
