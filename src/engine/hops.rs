//! One attempt: a request and the redirects that follow it, up to the head of the response that ends them.

use http::header::LOCATION;
use http::{Method, StatusCode};

use super::budget::Budget;
use super::route::{Route, uri};
use super::send::{Outgoing, send};
use crate::audit::Recorder;
#[cfg(feature = "http3")]
use crate::document::Http3;
use crate::error::{Code, Error, Sent};
use crate::net::{Content, Network, QuicPort, Response, Terms, Way};
use crate::policy::{Redirect, Target};

/// Sends a request and follows its redirects. A failure's `sent` is the worst of the hops.
pub async fn follow(
    network: &Network,
    route: &Route,
    budget: &Budget,
    outgoing: Outgoing,
    recorder: &mut Recorder,
) -> Result<Response, Error> {
    let mut hop = Hop { target: route.target.clone(), outgoing };
    let mut worst = Sent::No;
    let mut hops = 0;
    let mut redirected = None;
    loop {
        let way = if hop.target.origin() == route.target.origin() { Way::Called } else { Way::Redirected };
        let terms = Terms {
            way,
            deadline: budget.deadline,
            connect: budget.connect,
            beside: budget.beside,
            idle: budget.clock.as_deref(),
            http3: http3_port(network, route, &hop, way),
        };
        let sent = send(network, &hop.outgoing, terms, recorder, &mut worst).await;
        let response = sent.map_err(|error| match (error.code, redirected) {
            (Code::AddressNotAllowed, Some(status)) => refused(&error.message).with_status(status),
            _ => error,
        })?;
        worst = Sent::Yes;
        note_advertised(network, route, &hop, way, &response);
        let status = response.status();
        let of_response = |error: Error| error.with_status(status.as_u16());
        let location = match route.max_redirects {
            0 => None,
            _ if !hop.body_can_follow(status) => None,
            _ => location(&response).map_err(of_response)?,
        };
        match location {
            None => return Ok(response),
            Some(_) if hops == route.max_redirects => {
                let message = "the response redirects more often than max_redirects allows";
                return Err(of_response(Error::new(Code::RedirectNotAllowed, message)));
            }
            Some(location) => {
                hops += 1;
                redirected = Some(status.as_u16());
                hop.redirect(route, &location, status).map_err(of_response)?;
            }
        }
    }
}

/// The port at which HTTP/3 is tried. What is said of an API counts for the origin that is called, and for none that it redirects to.
#[cfg(feature = "http3")]
fn http3_port(network: &Network, route: &Route, hop: &Hop, way: Way) -> Option<QuicPort> {
    let Hop { target, outgoing } = hop;
    let registered = route.policy.http3().filter(|_| way == Way::Called)?;
    let number = match registered {
        Http3::Registered => target.origin().port,
        Http3::AltSvc => network.advertised(&outgoing.uri, |port| route.allows_port(target, &outgoing.method, port))?,
    };
    Some(QuicPort { number, is_alternative: registered == Http3::AltSvc })
}

#[cfg(not(feature = "http3"))]
fn http3_port(_: &Network, _: &Route, _: &Hop, _: Way) -> Option<QuicPort> {
    None
}

#[cfg(feature = "http3")]
fn note_advertised(network: &Network, route: &Route, hop: &Hop, way: Way, response: &Response) {
    if way == Way::Called && route.policy.http3() == Some(Http3::AltSvc) {
        network.note_advertised(&hop.outgoing.uri, response);
    }
}

#[cfg(not(feature = "http3"))]
fn note_advertised(_: &Network, _: &Route, _: &Hop, _: Way, _: &Response) {}

struct Hop {
    target: Target,
    outgoing: Outgoing,
}

impl Hop {
    /// Whether there is a body for the next hop: one that comes in pieces is sent once.
    fn body_can_follow(&self, status: StatusCode) -> bool {
        !matches!(self.outgoing.body, Content::InPieces(_)) || changes_to_get(status, &self.outgoing.method)
    }

    /// Turns the request into that of the next hop, which passes every rule again.
    fn redirect(&mut self, route: &Route, location: &str, status: StatusCode) -> Result<(), Error> {
        let outgoing = &mut self.outgoing;
        if changes_to_get(status, &outgoing.method) {
            outgoing.becomes_get();
        }
        let redirect =
            Redirect { from: &self.target, location, method: &outgoing.method, has_credential: route.has_credential };
        let target = route.policy.redirect(&redirect, &route.internal_hosts)?.target;
        for bound in &route.bounds {
            bound.allows(&target, &outgoing.method).map_err(|error| refused(&error.message))?;
        }
        if route.fills_query {
            // The server may have repeated the parameter in the location, so filling it there could be a conflict.
            return Err(refused("the credential is in the query"));
        }
        if route.is_signed {
            return Err(refused("the request is signed, and a signature is for one URL"));
        }
        if target.origin() != self.target.origin() {
            outgoing.leaves_origin();
        }
        outgoing.uri = uri(&target, target.query())?;
        self.target = target;
        Ok(())
    }
}

/// Where a response redirects to, if it does.
fn location(response: &Response) -> Result<Option<String>, Error> {
    let redirects = [
        StatusCode::MOVED_PERMANENTLY,
        StatusCode::FOUND,
        StatusCode::SEE_OTHER,
        StatusCode::TEMPORARY_REDIRECT,
        StatusCode::PERMANENT_REDIRECT,
    ];
    let mut locations = response.headers().get_all(LOCATION).iter();
    match (redirects.contains(&response.status()), locations.next(), locations.next()) {
        (false, ..) | (true, None, _) => Ok(None),
        (true, Some(location), None) => str::from_utf8(location.as_bytes())
            .map(|text| Some(text.to_owned()))
            .map_err(|_| refused("its location is not UTF-8")),
        (true, Some(_), Some(_)) => Err(refused("it names two locations")),
    }
}

/// Whether a redirect turns the request into a GET.
fn changes_to_get(status: StatusCode, method: &Method) -> bool {
    status == StatusCode::SEE_OTHER
        || (*method == Method::POST && [StatusCode::MOVED_PERMANENTLY, StatusCode::FOUND].contains(&status))
}

fn refused(why: &str) -> Error {
    Error::new(Code::RedirectNotAllowed, format!("the redirect is refused: {why}"))
}
