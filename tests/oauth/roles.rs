//! Roles that a key of AWS assumes: temporary keys of an STS sign what the API gets.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use secure_outbound::secret::Secret;
use secure_outbound::sign::Hash;
use serde_json::{Value, json};

use crate::support::clock::{date, now, takes};
use crate::support::encode;
use crate::support::library::{Reply, close, open, send};
use crate::support::oauth::{Gate, requests, sealed};
use crate::support::server::{Authority, Received, Server, configuration, request};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const ROLE: &str = "arn:aws:iam::123456789012:role/media";

/// The keys that STS gives for request `n`.
fn keys(n: usize) -> [String; 3] {
    [format!("ASIA{n}"), format!("temporary secret/{n}").replace(' ', "-"), format!("FwoGZXIvYXdzE//+={n}")]
}

/// A response of STS with keys that are valid for so many seconds by its clock.
fn granted(n: usize, seconds: i64, ahead: i64) -> String {
    let ([id, secret, token], end) = (keys(n), now(ahead + seconds).strftime("%Y-%m-%dT%H:%M:%SZ"));
    let body = format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  <AssumeRoleResult>\n    \
         <AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/media/secure-outbound</Arn></AssumedRoleUser>\n    \
         <Credentials>\n      <AccessKeyId>{id}</AccessKeyId>\n      <SecretAccessKey>{secret}</SecretAccessKey>\n      \
         <SessionToken>{token}</SessionToken>\n      <Expiration>{end}</Expiration>\n    </Credentials>\n  \
         </AssumeRoleResult>\n</AssumeRoleResponse>\n"
    );
    answer("200 OK", &body, ahead)
}

fn refused(status: &str, code: &str, ahead: i64) -> String {
    let body = format!("<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code></Error></ErrorResponse>");
    answer(status, &body, ahead)
}

fn answer(status: &str, body: &str, ahead: i64) -> String {
    let (date, length) = (date(ahead), body.len());
    format!("HTTP/1.1 {status}\r\ndate: {date}\r\ncontent-type: text/xml\r\ncontent-length: {length}\r\n\r\n{body}")
}

/// What a server says to its requests, counted from 0.
type Respond = Box<dyn Fn(usize, &Received) -> String + Send + Sync>;

/// An STS, an API, and an engine that may call both.
struct Site {
    /// Its certificate is read again where another engine is opened.
    _authority: Authority,
    sts: Server,
    api: Server,
    configuration: Value,
    engine: u64,
}

impl Site {
    fn new(
        sts: impl Fn(usize, &Received) -> String + Send + Sync + 'static,
        api: impl Fn(usize, &Received) -> String + Send + Sync + 'static,
    ) -> Self {
        Self::with(|_| {}, sts, api)
    }

    fn with(
        change: impl FnOnce(&mut Value),
        sts: impl Fn(usize, &Received) -> String + Send + Sync + 'static,
        api: impl Fn(usize, &Received) -> String + Send + Sync + 'static,
    ) -> Self {
        let authority = Authority::new();
        let server = |respond: Respond| {
            let count = AtomicUsize::new(0);
            Server::start(Some(authority.server(&["localhost"], &[], |_| {})), move |peer| {
                while let Some(received) = peer.read() {
                    if !peer.write(respond(count.fetch_add(1, Ordering::SeqCst), &received)) {
                        break;
                    }
                }
                true
            })
        };
        let (sts, api) = (server(Box::new(sts)), server(Box::new(api)));
        let ports = [sts.address.port(), api.address.port()];
        let mut configuration = configuration(&authority, &["localhost", "127.0.0.1"], &ports);
        configuration["master_keys"] = json!([{"provider": "raw", "key_base64": encode(&[7; 32])}]);
        change(&mut configuration);
        let (status, engine, head) = open(&configuration);
        assert_eq!(status, 0, "{head}");
        Self { _authority: authority, sts, api, configuration, engine }
    }

    fn payload(&self) -> Value {
        let ports = [self.sts.address.port(), self.api.address.port()];
        json!({
            "access_key_id": "AKIDEXAMPLE", "secret_access_key": SECRET, "region": "eu-central-1", "service": "s3",
            "exchange": {"url": self.sts.url("https", "localhost") + "/", "role_arn": ROLE, "region": "us-east-1"},
            "binding": {"hosts": ports.map(|port| format!("localhost:{port}"))},
        })
    }

    fn request(&self, method: &str) -> Value {
        let mut request = request(method, &self.api.url("https", "localhost"), "/thing");
        request["credentials"] = json!([{"identifier": "an_id", "type": "aws_sigv4", "service": "s3"}]);
        request
    }

    fn call(&self, payload: &Value) -> Reply {
        send(self.engine, &self.request("PUT"), b"body", &sealed(payload))
    }

    fn counts(&self) -> (usize, usize) {
        (self.sts.counts.requests(), self.api.counts.requests())
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        close(self.engine);
    }
}

/// The identifier of the key that a request is signed with, where this secret verifies it for this region and service.
fn signed_by(received: &Received, secret: &str, scope: &str) -> Option<String> {
    let authorization = received.header("authorization")?.strip_prefix("AWS4-HMAC-SHA256 Credential=")?;
    let [credential, names, signature] = authorization.split(", ").collect::<Vec<_>>().try_into().ok()?;
    let (names, signature) = (names.strip_prefix("SignedHeaders=")?, signature.strip_prefix("Signature=")?);
    let (id, own_scope) = credential.split_once('/')?;
    let time = received.header("x-amz-date")?;
    let whole = format!("{}/{scope}/aws4_request", &time[..8]);
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let line = received.line().to_owned();
    let [method, path, _] = line.split(' ').collect::<Vec<_>>().try_into().ok()?;
    let lines: String =
        names.split(';').map(|name| Some(format!("{name}:{}\n", received.header(name)?))).collect::<Option<_>>()?;
    let payload = hex(&Hash::Sha256.digest(&received.body));
    let canonical = format!("{method}\n{path}\n\n{lines}\n{names}\n{payload}");
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{whole}\n{}", hex(&Hash::Sha256.digest(canonical.as_bytes())));
    let first = Secret::new(format!("AWS4{secret}").into_bytes());
    let key = whole.split('/').fold(first, |key, step| Hash::Sha256.mac(&key, [step.as_bytes()]));
    let is_that = own_scope == whole && hex(Hash::Sha256.mac(&key, [text.as_bytes()]).expose()) == signature;
    is_that.then(|| id.to_owned())
}

/// Which keys of STS an API was called with.
fn caller(received: &Received) -> Option<usize> {
    let n = received.header("x-amz-security-token")?.rsplit('=').next()?.parse().ok()?;
    let [id, secret, token] = keys(n);
    let is_signed = received.header("authorization")?.contains("x-amz-security-token");
    let is_that = is_signed
        && signed_by(received, &secret, "eu-central-1/s3").as_ref() == Some(&id)
        && received.header("x-amz-security-token") == Some(&token);
    is_that.then_some(n)
}

/// An API that takes what these keys of STS have signed, and says which, in headers that have the token as well.
fn api(accepts: impl Fn(usize) -> bool + Send + Sync + 'static) -> impl Fn(usize, &Received) -> String + Send + Sync {
    move |_, received| match caller(received) {
        Some(n) if accepts(n) => {
            let ([id, _, token], body) = (keys(n), n.to_string());
            format!("HTTP/1.1 200 OK\r\nx-id: {id}\r\nx-echo: {token}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        }
        Some(_) => answer("403 Forbidden", "<Error><Code>ExpiredToken</Code></Error>", 0),
        None => answer("403 Forbidden", "<Error><Code>SignatureDoesNotMatch</Code></Error>", 0),
    }
}

#[track_caller]
fn said(reply: &Reply, body: &str, asked: u64) {
    let text = String::from_utf8_lossy(&reply.body);
    assert_eq!((reply.http_status(), &*text, requests(reply)), (Some(200), body, asked), "{} {text}", reply.head);
}

#[test]
fn the_keys_of_the_role_sign_what_the_api_gets() {
    let site = Site::new(|n, _| granted(n, 3600, 0), api(|_| true));
    let mut payload = site.payload();
    let reply = site.call(&payload);
    said(&reply, "0", 1);
    let headers = reply.head["headers"].as_array().expect("a list");
    assert!(headers.contains(&json!(["x-echo", "[redacted]"])) && headers.contains(&json!(["x-id", "ASIA0"])));
    let asked = site.sts.counts.last();
    assert_eq!(asked.line(), "POST / HTTP/1.1");
    assert_eq!(signed_by(&asked, SECRET, "us-east-1/sts").as_deref(), Some("AKIDEXAMPLE"));
    assert_eq!((asked.header("accept"), asked.header("x-amz-security-token")), (None, None));
    assert_eq!(asked.header("content-type"), Some("application/x-www-form-urlencoded"));
    let form = "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fmedia";
    let usual = format!("{form}&RoleSessionName=secure-outbound&DurationSeconds=3600");
    assert_eq!(String::from_utf8_lossy(&asked.body), usual);
    said(&site.call(&payload), "0", 0);
    assert_eq!(site.counts(), (1, 2), "they are kept");

    // One role leads to the next, and another envelope has other keys.
    payload["session_token"] = json!("AQoD//+=");
    payload["exchange"]["session_name"] = json!("typo3@example.com");
    payload["exchange"]["lifetime"] = json!(900);
    payload["exchange"]["external_id"] = json!("partner:7/a");
    said(&site.call(&payload), "1", 1);
    let asked = site.sts.counts.last();
    assert_eq!(signed_by(&asked, SECRET, "us-east-1/sts").as_deref(), Some("AKIDEXAMPLE"));
    assert_eq!(asked.header("x-amz-security-token"), Some("AQoD//+="));
    let rest = "RoleSessionName=typo3%40example.com&DurationSeconds=900&ExternalId=partner%3A7%2Fa";
    assert_eq!(String::from_utf8_lossy(&asked.body), format!("{form}&{rest}"));
}

#[test]
fn sts_is_in_the_region_of_the_service_unless_it_is_said() {
    let site = Site::new(|n, _| granted(n, 3600, 0), api(|_| true));
    let mut payload = site.payload();
    payload["exchange"].as_object_mut().expect("an object").remove("region");
    said(&site.call(&payload), "0", 1);
    let asked = site.sts.counts.last();
    assert_eq!(signed_by(&asked, SECRET, "eu-central-1/sts").as_deref(), Some("AKIDEXAMPLE"));
}

#[test]
fn the_keys_sign_a_query_as_well() {
    let site = Site::new(
        |n, _| granted(n, 3600, 0),
        |_, received| answer("200 OK", received.line().split(' ').nth(1).unwrap_or_default(), 0),
    );
    let mut payload = site.payload();
    payload["in"] = json!("query");
    payload["unsigned_payload"] = json!(true);
    let reply = site.call(&payload);
    let sent = String::from_utf8_lossy(&reply.body).into_owned();
    assert!(sent.contains("X-Amz-Credential=ASIA0%2F"), "{sent} {}", reply.head);
    assert!(sent.contains("X-Amz-Security-Token=FwoGZXIvYXdzE%2F%2F%2B%3D0"), "{sent}");
}

#[test]
fn keys_are_renewed_before_a_call_meets_their_end() {
    let site = Site::new(|n, _| granted(n, if n == 0 { 2 } else { 3600 }, 0), api(|_| true));
    let payload = site.payload();
    let mut bodies = Vec::new();
    while bodies.last().is_none_or(|body: &Vec<u8>| body != b"1") {
        let reply = site.call(&payload);
        assert_eq!(reply.http_status(), Some(200), "{}", reply.head);
        bodies.push(reply.body.to_vec());
        thread::sleep(std::time::Duration::from_millis(100));
    }
    assert_eq!(site.counts(), (2, bodies.len()), "no call is rejected first");
}

#[test]
fn calls_at_the_same_time_fetch_once() {
    let gate = Gate::default();
    let held = gate.clone();
    let site = Site::new(
        move |n, _| {
            held.pass();
            granted(n, 3600, 0)
        },
        api(|_| true),
    );
    let payload = site.payload();
    thread::scope(|scope| {
        let calls: Vec<_> = (0..8).map(|_| scope.spawn(|| site.call(&payload))).collect();
        gate.open();
        let replies: Vec<Reply> = calls.into_iter().map(|call| call.join().expect("a reply")).collect();
        assert!(replies.iter().all(|reply| *reply.body == *b"0"));
        assert_eq!(replies.iter().map(requests).sum::<u64>(), 1);
    });
    assert_eq!(site.counts(), (1, 8));
}

#[test]
fn workers_of_a_host_share_them() {
    let directory = Arc::new(Mutex::new(None));
    let site = Site::with(
        |configuration| {
            let path = configuration["tls"]["ca_file"].as_str().expect("a path").to_owned();
            let shared = std::path::Path::new(&path).parent().expect("a directory").join("tokens");
            fs::create_dir(&shared).expect("a directory");
            fs::set_permissions(&shared, fs::Permissions::from_mode(0o700)).expect("ours");
            configuration["token_cache"] = json!({"directory": shared});
            *directory.lock().expect("no poison") = Some(shared);
        },
        |n, _| granted(n, 3600, 0),
        api(|_| true),
    );
    let payload = site.payload();
    said(&site.call(&payload), "0", 1);
    // What a worker has is an engine, and settings that differ make another.
    let mut configuration = site.configuration.clone();
    configuration["defaults"]["timeout_ms"] = json!(29_000);
    let (status, other, head) = open(&configuration);
    assert_eq!(status, 0, "{head}");
    said(&send(other, &site.request("PUT"), b"body", &sealed(&payload)), "0", 0);
    close(other);
    assert_eq!(site.counts(), (1, 2));
    let directory = directory.lock().expect("no poison").take().expect("it was made");
    let files: Vec<_> =
        fs::read_dir(directory).expect("a directory").map(|file| file.expect("a file").path()).collect();
    let tokens: Vec<_> = files.iter().filter(|file| file.extension().is_some_and(|end| end == "token")).collect();
    assert_eq!(tokens.len(), 1, "{files:?}");
    let kept = fs::read(tokens[0]).expect("a file");
    for part in keys(0) {
        assert!(!kept.windows(part.len()).any(|window| window == part.as_bytes()), "{part}");
    }
}

#[test]
fn keys_that_the_api_rejects_are_renewed_once() {
    for code in ["ExpiredToken", "InvalidAccessKeyId", "InvalidClientTokenId", "401"] {
        let rejects = move |wanted: usize| {
            move |_: usize, received: &Received| match caller(received) {
                Some(n) if n == wanted => answer("200 OK", &n.to_string(), 0),
                _ if code == "401" => answer("401 Unauthorized", "no", 0),
                _ => answer("403 Forbidden", &format!("<Error><Code>{code}</Code></Error>"), 0),
            }
        };
        let site = Site::new(|n, _| granted(n, 3600, 0), rejects(1));
        said(&site.call(&site.payload()), "1", 2);
        assert_eq!(site.counts(), (2, 2), "{code}");
        let site = Site::new(|n, _| granted(n, 3600, 0), rejects(usize::MAX));
        let reply = site.call(&site.payload());
        assert_eq!(
            (reply.http_status(), site.counts()),
            (Some(if code == "401" { 401 } else { 403 }), (2, 2)),
            "{code}"
        );
        let body = String::from_utf8_lossy(&reply.body).into_owned();
        assert!(body.contains(if code == "401" { "no" } else { code }), "it stays to be read: {body}");
    }
    for (status, code) in [("403 Forbidden", "AccessDenied"), ("404 Not Found", "ExpiredToken")] {
        let site = Site::new(|n, _| granted(n, 3600, 0), move |_, _| answer(status, code, 0));
        site.call(&site.payload());
        assert_eq!(site.counts(), (1, 1), "{code} is no refusal of the keys");
    }
}

#[test]
fn a_refusal_of_sts_has_its_code_and_repeats_nothing() {
    for (status, code, expected) in [
        ("403 Forbidden", "AccessDenied", "oauth.token_endpoint_rejected"),
        ("403 Forbidden", "InvalidClientTokenId", "oauth.token_endpoint_rejected"),
        ("400 Bad Request", "Throttling", "oauth.token_endpoint_unreachable"),
        ("503 Not Now", "ServiceUnavailable", "oauth.token_endpoint_unreachable"),
        ("200 OK", "none", "oauth.token_response_invalid"),
        ("302 Found", "none", "oauth.token_response_invalid"),
    ] {
        let site = Site::new(move |_, _| refused(status, code, 0), api(|_| true));
        let reply = site.call(&site.payload());
        assert_eq!((reply.code(), site.counts()), (expected, (1, 0)), "{status} {code}: {}", reply.head);
        let said = reply.head.to_string();
        assert!(!said.contains(SECRET) && !said.contains("AKIDEXAMPLE"), "{said}");
    }
}

#[test]
fn a_clock_that_is_off_is_corrected_for_one_exchange() {
    let site = |ahead: i64| {
        Site::new(
            move |n, received| {
                let time = received.header("x-amz-date").expect("a time");
                let signed = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", time).expect("a time");
                let signed = jiff::tz::Offset::UTC.to_timestamp(signed).expect("a time").as_second();
                match takes(ahead, signed) {
                    true => granted(n, 3600, ahead),
                    false => {
                        answer("403 Forbidden", "<Message>Signature expired: 1 is now earlier than 2</Message>", ahead)
                    }
                }
            },
            api(|_| true),
        )
    };
    let near = site(-600);
    said(&near.call(&near.payload()), "1", 2);
    let far = site(315_576_000);
    assert_eq!((far.call(&far.payload()).code(), far.counts()), ("credential.clock_skew", (1, 0)));
}

/// As stores have it whose STS is at their own root.
#[test]
fn no_service_calls_where_roles_are_assumed() {
    let site = Site::new(|n, _| granted(n, 3600, 0), api(|_| true));
    let mut payload = site.payload();
    payload["exchange"]["url"] = json!(site.api.url("https", "localhost") + "/sts");
    for (method, path) in [("POST", "/sts"), ("GET", "/sts"), ("POST", "/sts/"), ("POST", "/%73ts"), ("POST", "/STS")] {
        let mut request = site.request(method);
        request["path"] = json!(path);
        let refused = send(site.engine, &request, b"", &sealed(&payload));
        assert_eq!(refused.code(), "policy.binding_violated", "{path}: {}", refused.head);
    }
    payload["exchange"]["url"] = json!("https://elsewhere.example/");
    assert_eq!(site.call(&payload).code(), "policy.binding_violated", "the exchange is bound as well");
    assert_eq!(site.counts(), (0, 0));
}

/// They would be two in one place.
#[test]
fn another_token_beside_them_is_refused() {
    let site = Site::new(|n, _| granted(n, 3600, 0), api(|_| true));
    let client =
        json!({"client_id": "a", "client_secret": "b", "token_url": site.sts.url("https", "localhost") + "/token"});
    let other = json!({"identifier": "an_id", "type": "oauth2_client_credentials"});
    let mut request = site.request("PUT");
    let own = request["credentials"][0].clone();
    let mut in_query = site.payload();
    in_query["in"] = json!("query");
    in_query["unsigned_payload"] = json!(true);
    for role in [site.payload(), in_query].map(|payload| sealed(&payload)) {
        for (specs, envelopes) in
            [([&own, &other], [role.clone(), sealed(&client)]), ([&other, &own], [sealed(&client), role])]
        {
            request["credentials"] = json!(specs);
            let refused = send(site.engine, &request, b"", &json!(envelopes).to_string());
            assert_eq!(refused.code(), "credential.placement_conflict", "{}", refused.head);
        }
    }
    assert_eq!(site.counts(), (0, 0));
}
