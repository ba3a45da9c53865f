//! What the payload of a credential changes in a request.

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};
use secure_outbound::credential::Credential;
use secure_outbound::credential::declared::{check, check_body, filled_headers};
use secure_outbound::credential::placement::{Draft, Placed, place};
use secure_outbound::document::CredentialSpec;
use secure_outbound::envelope::{Forms, aead::Algorithm};
use secure_outbound::error::{Code, Error};
use secure_outbound::secret::Secret;

use crate::support::{master_key, seal};

fn spec(kind: &str, placement: Option<&str>) -> CredentialSpec {
    let placement = placement.map(|placement| format!(r#", "placement": {placement}"#)).unwrap_or_default();
    serde_json::from_str(&format!(r#"{{"identifier": "an_id", "type": "{kind}"{placement}}}"#)).expect("a spec")
}

fn plain(placement: &str) -> CredentialSpec {
    spec("secret", Some(placement))
}

fn parse(kind: &str, payload: &str) -> Result<Credential, Error> {
    Credential::from_payload(&spec(kind, None), Secret::new(payload.into()))
}

fn credential(spec: &CredentialSpec, payload: impl Into<Vec<u8>>) -> Credential {
    Credential::from_payload(spec, Secret::new(payload.into())).expect("a credential")
}

fn headers(fields: &[(&str, &str)]) -> HeaderMap {
    let field = |(name, value): &(&str, &str)| -> (HeaderName, HeaderValue) {
        (name.parse().expect("a name"), value.parse().expect("a value"))
    };
    fields.iter().map(field).collect()
}

fn json_type() -> HeaderMap {
    headers(&[("content-type", "application/json")])
}

/// Places secrets into a request without fields, query and body.
fn place_all(secrets: &[(CredentialSpec, &str)]) -> Result<Placed, Error> {
    let credentials = secrets.iter().map(|(spec, payload)| credential(spec, *payload)).collect();
    place(credentials, Draft { headers: &HeaderMap::new(), query: None, body: b"", key_header: None })
}

fn field(placed: &Placed) -> (&str, &[u8]) {
    assert!(placed.headers.iter().all(|(_, value)| value.is_sensitive()));
    assert_eq!(placed.headers.len(), 1);
    placed.headers.first().map(|(name, value)| (name.as_str(), value.as_bytes())).expect("one header")
}

fn code<T>(result: Result<T, Error>) -> Code {
    result.err().expect("a refusal").code
}

#[test]
fn typed_credentials_fill_their_headers() {
    for (kind, payload, expected) in [
        ("bearer", r#"{"token":"t0k\/en"}"#, ("authorization", "Bearer t0k/en")),
        ("bearer", r#"{"type":"bearer","token":"t","binding":{"hosts":[]}}"#, ("authorization", "Bearer t")),
        ("api_key", r#"{"key":"k"}"#, ("x-api-key", "k")),
        ("api_key", r#"{"key":"k","header":"Authorization","prefix":"Key "}"#, ("authorization", "Key k")),
        (
            "basic",
            r#"{"username":"Aladdin","password":"open sesame"}"#,
            ("authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ),
        ("basic", r#"{"username":"sk","password":""}"#, ("authorization", "Basic c2s6")),
    ] {
        let placed = place_all(&[(spec(kind, None), payload)]).expect(payload);
        assert_eq!(field(&placed), (expected.0, expected.1.as_bytes()), "{payload}");
        assert!(placed.query.is_none() && placed.body.is_none());
    }
}

#[test]
fn plain_secrets_go_where_the_placement_says() {
    for (placement, expected) in [
        (r#""bearer""#, ("authorization", "Bearer us:er")),
        (r#"{"type":"header","name":"X-Goog-Api-Key"}"#, ("x-goog-api-key", "us:er")),
        (
            r#"{"type":"header","name":"Authorization","prefix":"DeepL-Auth-Key "}"#,
            ("authorization", "DeepL-Auth-Key us:er"),
        ),
        (r#""api_key""#, ("x-api-key", "us:er")),
        (r#""basic""#, ("authorization", "Basic dXM6ZXI=")),
    ] {
        let placed = place_all(&[(plain(placement), "us:er")]).expect(placement);
        assert_eq!(field(&placed), (expected.0, expected.1.as_bytes()), "{placement}");
    }
    let halves = [(plain(r#""basic_password""#), "open sesame"), (plain(r#""basic_username""#), "Aladdin")];
    let placed = place_all(&halves).expect("both halves");
    assert_eq!(field(&placed), ("authorization", &b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="[..]));
}

#[test]
fn an_envelope_travels_the_whole_way() {
    let sealed = seal(br#"{"token":"t0ken"}"#, "an_id", &[7; 32], Algorithm::Aes256Gcm);
    let payload = Forms::default().open(sealed.as_bytes(), "an_id", &[master_key(&[7; 32])]).expect("opens");
    let credential = Credential::from_payload(&spec("bearer", None), payload).expect("a credential");
    let placed =
        place(vec![credential], Draft { headers: &HeaderMap::new(), query: None, body: b"", key_header: None })
            .expect("places");
    assert_eq!(field(&placed), ("authorization", &b"Bearer t0ken"[..]));
}

#[test]
fn payloads_must_have_their_form() {
    for (kind, payload) in [
        ("bearer", ""),
        ("bearer", "t0ken"),
        ("bearer", r#""t0ken""#),
        ("bearer", "{}"),
        ("bearer", r#"{"token":7}"#),
        ("bearer", r#"{"token":null}"#),
        ("bearer", r#"{"token":"t","token":"t"}"#),
        ("bearer", r#"{"token":"t","bindng":{}}"#),
        ("bearer", r#"{"token":"t","binding":null}"#),
        ("bearer", r#"{"token":"t","binding":{"host":["a"]}}"#),
        ("bearer", r#"{"token":"t","type":"api_key"}"#),
        ("bearer", r#"{"token":"t","type":1}"#),
        ("bearer", r#"{"token":"t"} x"#),
        ("bearer", r#"{"token":"\ud800"}"#),
        ("bearer", r#"{"token":"t","username":"u"}"#),
        ("api_key", r#"{"key":"k","header":"Host"}"#),
        ("api_key", r#"{"key":"k","header":"a b"}"#),
        ("api_key", r#"{"key":"k","header":null}"#),
        ("basic", r#"{"username":"u"}"#),
        ("basic", r#"{"username":"u","password":["p"]}"#),
    ] {
        assert_eq!(code(parse(kind, payload)), Code::PayloadInvalid, "{payload}");
    }
    let binary = Credential::from_payload(&spec("bearer", None), Secret::new(b"{\"token\":\"\xff\"}".to_vec()));
    assert_eq!(code(binary), Code::PayloadInvalid);
    for payload in ["{}", r#"{"client_id":"c","client_secret":"s"}"#, r#"{"token":"t"}"#] {
        assert_eq!(code(parse("oauth2_client_credentials", payload)), Code::PayloadInvalid, "{payload}");
    }
}

#[test]
fn a_bound_payload_cannot_be_sent_as_a_plain_secret() {
    let spec = plain(r#""bearer""#);
    for payload in [
        r#"{"token":"t","binding":{"hosts":["a.example"]}}"#,
        r#" {"binding":null}"#,
        r#"{"b\u0069nding":{}}"#,
        r#"{"type":"bearer","token":"t"}"#,
        r#"{"type":"oauth2_client_credentials"}"#,
        r#"{"type":"x","type":"basic"}"#,
        r#"{"token":"t"}"#,
        r#"{"key":"k"}"#,
        r#"{"t\u006fken":"t","beside":1}"#,
        r#"{"username":"u","password":"p"}"#,
        r#"{"client_id":"c","client_secret":"s","token_url":"https://a.example/"}"#,
        r#"{"client_id":"c","client_secret":"s","token_url":"https://a.example/","scopes":[],"audience":"a"}"#,
        r#"{"type":"oauth2_jwt_bearer"}"#,
        r#"{"client_id":"c","private_key":"k","alg":"RS256","token_url":"https://a.example/"}"#,
        r#"{"private_key":"k","alg":"RS256","iss":"i","token_url":"https://a.example/"}"#,
        r#"{"type":7,"token":"t"}"#,
    ] {
        let read = Credential::from_payload(&spec, Secret::new(payload.into()));
        assert_eq!(code(read), Code::PayloadInvalid, "{payload}");
    }
    for payload in [
        "sk_live_1",
        "123",
        "\"quoted\"",
        r#"{"type":"service_account","private_key":"x"}"#,
        r#"{"type":"secret"}"#,
        r#"{"type":"service_account","key":"x","client_id":"c"}"#,
        r#"{"username":"u"}"#,
        r#"{"client_id":"c","client_secret":"s","token_uri":"https://a.example/"}"#,
        r#"{"Token":"t"}"#,
        r#"{"a":{"token":"t"}}"#,
        r#"{"a":{"binding":1}}"#,
        r#"["binding"]"#,
        "{binding",
    ] {
        credential(&spec, payload);
    }
}

#[test]
fn bindings_are_handed_out() {
    let bound = r#"{"token":"t","binding":{"hosts":["a.example"],"paths":["/v1/**"],"expires_at":0}}"#;
    let bound = parse("bearer", bound).expect("a credential");
    let binding = bound.binding().expect("a binding");
    assert_eq!(binding.hosts.as_deref(), Some(&["a.example".to_owned()][..]));
    assert_eq!(binding.methods, None);
    assert_eq!(code(binding.check_expiry(jiff::Timestamp::now())), Code::CredentialExpired);
    assert!(parse("bearer", r#"{"token":"t"}"#).expect("a credential").binding().is_none());
}

#[test]
fn unusable_values_are_named_and_not_shown() {
    for (placement, secret) in [
        (r#""bearer""#, ""),
        (r#""bearer""#, "s3cr3t\r\nX-Evil: 1"),
        (r#""api_key""#, "s3cr3t\0"),
        (r#""api_key""#, " s3cr3t"),
        (r#""basic""#, "s3cr3t"),
        (r#""basic""#, ":"),
        (r#""basic""#, "user:s3cr3t\n"),
        (r#"{"type":"query","name":"k"}"#, ""),
    ] {
        let error = place_all(&[(plain(placement), secret)]).err().expect(secret);
        assert_eq!(error.code, Code::CredentialUnusable, "{placement} {secret:?}");
        assert!(!error.message.contains("s3cr3t"));
    }
    let colon = r#"{"username":"a:b","password":"c"}"#;
    assert_eq!(code(place_all(&[(spec("basic", None), colon)])), Code::CredentialUnusable);
    assert!(place_all(&[(plain(r#""bearer""#), "a\tb \u{e4}")]).is_ok());
}

#[test]
fn declarations_are_checked_before_anything_is_opened() {
    for specs in [
        vec![spec("secret", None)],
        vec![spec("bearer", Some(r#""bearer""#))],
        vec![plain(r#"{"type":"header","name":"Content-Length"}"#)],
        vec![plain(r#"{"type":"header","name":"X Key"}"#)],
        vec![plain(r#"{"type":"header","name":"X-Key","prefix":"a\n"}"#)],
        vec![plain(r#"{"type":"query","name":""}"#)],
        vec![plain(r#""basic_username""#)],
        vec![plain(r#""basic_password""#), spec("bearer", None)],
    ] {
        assert_eq!(code(check(&specs)), Code::Malformed, "{specs:?}");
    }
    let specs = [
        spec("bearer", None),
        spec("api_key", None),
        plain(r#""api_key""#),
        plain(r#"{"type":"header","name":"X-Goog-Api-Key","prefix":"Key "}"#),
        plain(r#"{"type":"query","name":"key"}"#),
        plain(r#""basic_username""#),
        plain(r#""basic_password""#),
    ];
    assert!(check(&specs).is_ok());
    let names = filled_headers(&specs);
    assert_eq!(names, ["authorization", "x-api-key", "x-goog-api-key", "authorization", "authorization"]);
}

#[test]
fn bodies_are_checked_before_anything_is_opened() {
    let field = [plain(r#"{"type":"body_field","name":"api_key"}"#)];
    let form = headers(&[("content-type", "application/x-www-form-urlencoded; charset=utf-8")]);
    let multipart = headers(&[("content-type", "multipart/form-data; boundary=x")]);
    assert!(check_body(&field, &json_type(), b"").is_ok());
    assert!(check_body(&field, &json_type(), br#"{"a":1}"#).is_ok());
    assert!(check_body(&field, &form, b"a=1").is_ok());
    for (headers, body) in
        [(&json_type(), &b"[]"[..]), (&json_type(), b"{"), (&multipart, b""), (&HeaderMap::new(), b"")]
    {
        assert_eq!(code(check_body(&field, headers, body)), Code::Malformed, "{headers:?}");
    }
    assert!(check_body(&[spec("bearer", None)], &multipart, b"\0").is_ok(), "no field, no matter");
}

#[test]
fn queries_keep_what_they_have() {
    let parameter = plain(r#"{"type":"query","name":"api key"}"#);
    let with = |query: Option<&str>| {
        let draft = Draft { headers: &HeaderMap::new(), query, body: b"", key_header: None };
        place(vec![credential(&parameter, "a+b c/d")], draft)
    };
    for (query, expected) in [
        (None, "api%20key=a%2Bb%20c%2Fd"),
        (Some(""), "api%20key=a%2Bb%20c%2Fd"),
        (Some("x=%7e+y&&z"), "x=%7e+y&&z&api%20key=a%2Bb%20c%2Fd"),
    ] {
        let placed = with(query).expect(expected);
        assert_eq!(placed.query.as_deref().map(String::as_str), Some(expected));
        assert!(placed.headers.is_empty() && placed.body.is_none());
    }
    for query in ["api+key=", "x=1&%61pi%20key"] {
        assert_eq!(code(with(Some(query))), Code::PlacementConflict, "{query}");
    }
}

#[test]
fn bodies_keep_what_they_have() {
    let fields = [plain(r#"{"type":"body_field","name":"key"}"#), plain(r#"{"type":"body_field","name":"id"}"#)];
    let with = |content_type: &str, body: &[u8]| {
        let headers = headers(&[("content-type", content_type)]);
        let credentials = vec![credential(&fields[0], "a\"&"), credential(&fields[1], "7")];
        place(credentials, Draft { headers: &headers, query: None, body, key_header: None }).map(|placed| placed.body)
    };
    let json = with("application/vnd.api+json", b"{ \"a\": 1.0 }\n").expect("places");
    assert_eq!(json, Some(Bytes::from("{ \"a\": 1.0 ,\"key\":\"a\\\"&\",\"id\":\"7\"}\n")));
    let form = with("application/x-www-form-urlencoded", b"a=%zz&b").expect("places");
    assert_eq!(form, Some(Bytes::from("a=%zz&b&key=a%22%26&id=7")));
    assert_eq!(code(with("application/json", br#"{"\u006bey":1}"#)), Code::PlacementConflict);
    assert_eq!(code(with("application/x-www-form-urlencoded", b"i%64")), Code::PlacementConflict);
    assert_eq!(code(with("text/plain", b"")), Code::Malformed);

    let binary = vec![credential(&fields[0], [0xff])];
    let draft = Draft { headers: &json_type(), query: None, body: b"", key_header: None };
    assert_eq!(code(place(binary, draft)), Code::CredentialUnusable);
}

#[test]
fn one_place_takes_one_credential() {
    let twice = |placement: &str| place_all(&[(plain(placement), "a:b"), (plain(placement), "c:d")]);
    for placement in [r#""bearer""#, r#""api_key""#, r#"{"type":"query","name":"k"}"#, r#""basic_username""#] {
        assert_eq!(code(twice(placement)), Code::PlacementConflict, "{placement}");
    }
    let mixed = [(spec("bearer", None), r#"{"token":"t"}"#), (plain(r#""basic""#), "a:b")];
    assert_eq!(code(place_all(&mixed)), Code::PlacementConflict);
    let apart = [(spec("bearer", None), r#"{"token":"t"}"#), (plain(r#""api_key""#), "k")];
    assert_eq!(place_all(&apart).expect("two places").headers.len(), 2);
}

#[test]
fn an_assertion_takes_the_place_of_its_token() {
    let grant = r#"{"private_key":"k","alg":"RS256","iss":"i","token_url":"https://a.example/","binding":{"hosts":["a.example"]}}"#;
    let again = || (spec("oauth2_jwt_bearer", None), grant);
    let placed = place_all(&[again()]).expect("places");
    assert!(placed.headers.is_empty() && placed.token.is_some(), "the token is fetched later");
    for other in [again(), (plain(r#""bearer""#), "t")] {
        assert_eq!(code(place_all(&[again(), (other.0, other.1)])), Code::PlacementConflict);
    }
    let empty = grant.replace(r#""k""#, r#""""#);
    assert_eq!(code(place_all(&[(spec("oauth2_jwt_bearer", None), &empty)])), Code::CredentialUnusable);
}

#[test]
fn a_client_takes_the_place_of_its_token() {
    let client = r#"{"client_id":"c","client_secret":"s","token_url":"https://a.example/token"}"#;
    let spec = spec("oauth2_client_credentials", None);
    let placed = place_all(&[(spec, client)]).expect("places");
    assert!(placed.headers.is_empty() && placed.token.is_some(), "the token is fetched later");
    let again = || (self::spec("oauth2_client_credentials", None), client);
    for other in [again(), (plain(r#""bearer""#), "t"), (plain(r#""basic""#), "a:b")] {
        assert_eq!(code(place_all(&[again(), (other.0, other.1)])), Code::PlacementConflict);
    }
    assert_eq!(code(place_all(&[(plain(r#""bearer""#), "t"), again()])), Code::PlacementConflict);
    let empty = r#"{"client_id":"c","client_secret":"","token_url":"https://a.example/token"}"#;
    assert_eq!(code(place_all(&[(self::spec("oauth2_client_credentials", None), empty)])), Code::CredentialUnusable);
}

#[test]
fn the_caller_cannot_set_what_a_sealed_payload_fills() {
    let sealed = credential(&spec("api_key", None), r#"{"key":"k","header":"X-Sealed"}"#);
    let headers = headers(&[("x-sealed", "mine")]);
    let draft = Draft { headers: &headers, query: None, body: b"", key_header: None };
    assert_eq!(code(place(vec![sealed], draft)), Code::HeaderNotAllowed);
}

#[test]
fn the_idempotency_key_does_not_replace_what_a_sealed_payload_fills() {
    let name = HeaderName::from_static("x-sealed");
    let sealed = || credential(&spec("api_key", None), r#"{"key":"k","header":"X-Sealed"}"#);
    let draft = Draft { headers: &HeaderMap::new(), query: None, body: b"", key_header: Some(&name) };
    assert_eq!(code(place(vec![sealed()], draft)), Code::PlacementConflict);
    assert!(place(vec![credential(&spec("api_key", None), r#"{"key":"k"}"#)], draft).is_ok());
}

#[test]
fn what_was_injected_is_found_again() {
    let secrets = [
        (plain(r#""bearer""#), "t0ken"),
        (plain(r#"{"type":"header","name":"X-Key","prefix":"Key "}"#), "k/ey"),
        (plain(r#"{"type":"query","name":"q"}"#), "qu ery"),
    ];
    let placed = place_all(&secrets).expect("places");
    for value in ["t0ken", "https://a/?q=qu%20ery", "https://a/?q=qu+ery", "k%2fey", "dDBrZW4="] {
        assert!(placed.redactor.finds(value.as_bytes()), "{value}");
    }
    assert!(!placed.redactor.finds(b"application/json"));
}

#[test]
fn of_a_pair_the_secret_half_is_found() {
    for (payload, found, ignored) in [
        (r#"{"username":"api","password":"long-key"}"#, "long-key", "x-api-version"),
        (r#"{"username":"long-key","password":"X"}"#, "long-key", "X"),
        (r#"{"username":"long-key","password":""}"#, "long-key", "other"),
    ] {
        let placed = place_all(&[(spec("basic", None), payload)]).expect(payload);
        assert!(placed.redactor.finds(found.as_bytes()), "{payload}");
        assert!(!placed.redactor.finds(ignored.as_bytes()), "{payload}");
        let (_, value) = placed.headers.iter().find(|(name, _)| name == AUTHORIZATION).expect("a header");
        assert!(placed.redactor.finds(value.as_bytes()), "the pair itself: {payload}");
    }
}
