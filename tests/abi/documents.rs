//! The wire documents in `tests/vectors/wire`, which PHP's tests use as well. Each has every key that the library knows and
//! no other, and they are the examples of `docs/wire.md`.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use secure_outbound::credential::Credential;
use secure_outbound::document::{
    AuditRecord, CallHead, CheckHead, Configuration, CredentialSpec, DecisionHead, OpenHead, Request, ResponseHead,
    ServiceHead,
};
use secure_outbound::envelope::Forms;
use secure_outbound::error::{Code, Error, Sent, Warning};
use secure_outbound::secret::Secret;
use serde::Serialize;
use serde_json::{Value, json};

use super::symbols::file;
use crate::support::{encode, master_key};

const KEY: [u8; 32] = [1; 32];
const IDENTIFIER: &str = "01937b6e-4b6c-7abc-8def-0123456789ab";

fn document(name: &str) -> Value {
    serde_json::from_str(&file(&format!("tests/vectors/wire/{name}.json"))).expect(name)
}

fn assert_written(name: &str, head: &impl Serialize) {
    assert_eq!(serde_json::to_value(head).expect("JSON"), document(name), "{name}");
}

/// The JSON pointers of all objects in a document.
fn objects(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            found.push(at.to_owned());
            members.iter().for_each(|(key, value)| objects(value, &format!("{at}/{key}"), found));
        }
        Value::Array(items) => {
            (0..).zip(items).for_each(|(index, item)| objects(item, &format!("{at}/{index}"), found));
        }
        _ => {}
    }
}

/// The keys that the refusal of an unknown key lists.
fn listed(refusal: &Error) -> BTreeSet<String> {
    let (_, expected) = refusal.message.split_once(", expected ").unwrap_or_default();
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Every object of these documents is refused with one key more. The refusal has to list the keys that the objects of its
/// kind have together, where those in the same place, or in the same list, are of one kind.
fn assert_whole(names: &[&str], parse: impl Fn(&[u8]) -> Result<(), Error>, listed_elsewhere: &[&str]) {
    let mut keys = BTreeMap::<String, [BTreeSet<String>; 2]>::new();
    for name in names {
        let document = document(name);
        parse(document.to_string().as_bytes()).expect(name);
        let mut places = Vec::new();
        objects(&document, "", &mut places);
        for place in places {
            let mut more = document.clone();
            let object = more.pointer_mut(&place).and_then(Value::as_object_mut).expect("an object");
            let kind = place.split('/').map(|step| if step.parse::<u8>().is_ok() { "*" } else { step });
            let [there, known] = keys.entry(kind.collect::<Vec<_>>().join("/")).or_default();
            there.extend(object.keys().cloned());
            object.insert("one_more".to_owned(), Value::Null);
            known.extend(listed(&parse(more.to_string().as_bytes()).expect_err(&place)));
        }
    }
    for (place, [there, known]) in keys {
        if !listed_elsewhere.contains(&place.as_str()) {
            assert_eq!(there, known, "{names:?} at {place:?}: the document's keys, and those that there are");
        }
    }
}

#[test]
fn the_configuration_has_every_key() {
    assert_whole(&["configuration"], |document| Configuration::parse(document).map(|_| ()), &[]);
}

#[test]
fn the_requests_have_every_key() {
    // A placement may be a string as well, so its refusal does not list the keys of one form.
    assert_whole(
        &["request", "request_url", "request_alternatives"],
        |document| Request::parse(document).map(|_| ()),
        &["/credentials/*/placement"],
    );
}

#[test]
fn a_request_in_two_documents_has_every_key() {
    let service = ["service", "service_alternatives"];
    assert_whole(&service, |document| ServiceHead::parse(document).map(drop), &["/credentials/*/placement"]);
    let service = ServiceHead::parse(document("service").to_string().as_bytes()).expect("a service");
    assert_whole(&["own", "own_url"], |document| CallHead::parse(document, &service).map(drop), &[]);
}

/// The record of the response, from which the records of the other documents are made.
fn record() -> AuditRecord {
    AuditRecord {
        service_id: Some("stripe".to_owned()),
        correlation_id: Some("order-17".to_owned()),
        timestamp: "2026-11-21T22:20:48.123Z".to_owned(),
        method: Some("POST".to_owned()),
        host: Some("api.stripe.com".to_owned()),
        port: Some(443),
        path_template: Some("/v1/customers/{id}/sources".to_owned()),
        status: Some(200),
        duration_us: 81_234,
        bytes_out: 312,
        bytes_in: 2048,
        attempts: 1,
        attempt_errors: Vec::new(),
        token_requests: 0,
        remote_address: Some("192.0.2.7".to_owned()),
        tls_version: Some("1.3"),
        http_version: Some("2"),
        connection_reused: Some(true),
        credentials: vec![IDENTIFIER.to_owned()],
        error_class: None,
        error_code: None,
        sent: None,
        transport: "rust-ffi",
        library_version: "0.1.0",
        proxy_resolve: None,
    }
}

#[test]
fn responses_are_written_so() {
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    assert_written("response", &ResponseHead::received(200, "2", headers, record()));

    let error = Error::new(Code::TotalTimeout, "no response came within timeout_ms").sent(Sent::Maybe);
    let failed = AuditRecord {
        status: None,
        duration_us: 10_000_412,
        bytes_in: 0,
        attempts: 2,
        attempt_errors: vec![Cow::Borrowed("http_503"), Cow::Borrowed("timeout.total")],
        token_requests: 1,
        connection_reused: Some(false),
        proxy_resolve: Some("local"),
        ..record()
    };
    assert_written("failure", &ResponseHead::failure(&error, true, failed));
}

#[test]
fn decisions_are_written_so() {
    let (method, url) = ("POST".to_owned(), "https://api.stripe.com/v1/charges".to_owned());
    let origin = ("api.stripe.com".to_owned(), 443);
    assert_written(
        "decision",
        &DecisionHead::allowed(method, url, origin, Some("/v1/charges/**".to_owned()), vec!["3", "2"]),
    );

    let error = Error::new(Code::MethodNotAllowed, "the method is none of the policy's: GET, POST");
    let refused = AuditRecord {
        service_id: Some("stripe".to_owned()),
        timestamp: record().timestamp,
        method: Some("DELETE".to_owned()),
        host: record().host,
        port: record().port,
        duration_us: 41,
        transport: "rust-ffi",
        library_version: "0.1.0",
        ..AuditRecord::default()
    };
    assert_written("decision_refused", &DecisionHead::refused(&error, refused));
}

#[test]
fn the_heads_of_open_and_check_are_written_so() {
    let message = "group or others can read the file of master key 1".to_owned();
    assert_written("open", &OpenHead::opened(vec![Warning { code: "key_file.permissions", message }]));
    let error = Error::new(Code::KeyUnavailable, "no key is known under this id");
    assert_written("open_refused", &OpenHead::refused(&error));

    assert_written("check", &CheckHead::new(None));
    assert_written("check_refused", &CheckHead::new(Some(&Error::new(Code::CredentialExpired, "over"))));
}

#[test]
fn the_envelope_is_opened_and_every_key_of_it_looked_at() {
    let opened = |envelope: &Value| {
        let sealed = format!("nrv1:{}", encode(envelope.to_string().as_bytes()));
        Forms::default().open(sealed.as_bytes(), IDENTIFIER, &[master_key(&KEY)])
    };
    let envelope = document("envelope");
    let payload = opened(&envelope).expect("an envelope");
    assert_eq!(serde_json::from_slice::<Value>(payload.expose()).expect("JSON"), document("payloads")["bearer"]);
    for key in envelope.as_object().expect("an object").keys() {
        let mut changed = envelope.clone();
        changed[key] = json!([]);
        assert_eq!(opened(&changed).map(|_| ()).map_err(|error| error.code), Err(Code::CredentialMalformed), "{key}");
    }
}

/// The keys that a part of the page names in quotation marks.
fn named(text: &str) -> BTreeSet<&str> {
    text.split('"').skip(1).step_by(2).collect()
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[test]
fn the_payloads_have_every_key_of_their_type() {
    let (page, payloads) = (file("docs/wire.md"), document("payloads"));
    let (_, binding) = page.split_once("\"binding\": {").expect("a binding");
    let binding = named(binding.split_once('}').expect("its end").0);
    let kinds = [
        "bearer",
        "api_key",
        "basic",
        "secret",
        "oauth2_client_credentials",
        "oauth2_jwt_bearer",
        "oauth2_refresh_token",
        "jwt",
        "aws_sigv4",
        "hmac",
        "mtls",
    ];
    assert_eq!(keys(&payloads), BTreeSet::from(kinds));
    for kind in kinds {
        let payload = &payloads[kind];
        let row = page.lines().find(|line| line.starts_with(&format!("| `{kind}` |"))).expect("a row of the page");
        let told = named(row).into_iter().chain(["type", "binding"]).collect();
        assert_eq!(keys(payload), told, "{kind}");
        assert_eq!(keys(&payload["binding"]), binding, "{kind}");

        let declared = match kind {
            "secret" => json!({"identifier": IDENTIFIER, "type": kind, "placement": "bearer"}),
            _ => json!({"identifier": IDENTIFIER, "type": kind}),
        };
        let spec: CredentialSpec = serde_json::from_value(declared).expect("a declaration");
        let read = |payload: &Value| Credential::from_payload(&spec, Secret::new(payload.to_string().into_bytes()));
        assert!(read(payload).is_ok_and(|credential| credential.binding().is_some()), "{kind}");
        for place in ["", "/binding"] {
            let mut more = payload.clone();
            more.pointer_mut(place).expect("an object")["one_more"] = Value::Null;
            let refused = read(&more).err().map(|error| error.code);
            assert_eq!(refused, Some(Code::PayloadInvalid), "{kind}{place} with one key more");
        }
    }
}

#[test]
fn the_page_shows_these_documents() {
    let page = file("docs/wire.md");
    let shown: Vec<Value> = page
        .split("```json\n")
        .skip(1)
        .map(|block| serde_json::from_str(block.split("```").next().unwrap_or_default()).expect("an example"))
        .collect();
    let names = ["configuration", "open", "request", "service", "own", "response", "decision", "check"];
    let mut documents: Vec<Value> = names.iter().map(|name| document(name)).collect();
    documents.push(document("failure")["error"].clone());
    for (shown, document) in shown.iter().zip(&documents) {
        assert_eq!(shown, document);
    }
    assert_eq!(shown.len(), documents.len());
}
