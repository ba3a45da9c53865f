//! What a token is asked for with: a grant, a signed token that is exchanged, or keys that may assume a role. Each has its request, its response, and its way of
//! saying that the time is wrong.

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri};

use super::request::{Written, post};
use super::response::ExpectedToken;
use super::{assertion, assumed, exchanged, request, response};
use crate::credential::clock::{may_refuse, names_time};
use crate::credential::placement::bearer;
use crate::credential::{AssumeRole, Grant, Jwt, TokenExchange};
use crate::error::Error;
use crate::secret::{LockedSecret, Secret};

/// What is asked with.
pub enum Question<'a> {
    /// At a token endpoint, with this refresh token where it is one that is sent.
    Grant(&'a Grant, Option<&'a Secret>),
    /// Where a signed token is exchanged.
    Exchange(&'a Jwt, &'a TokenExchange),
    /// At STS, for temporary keys of this role.
    Role(&'a AssumeRole),
}

impl Question<'_> {
    /// The request, of which what is signed is valid from now on, in Unix seconds.
    pub fn request(&self, uri: &Uri, user_agent: &HeaderValue, now: u64) -> Result<Request<Bytes>, Error> {
        match self {
            Self::Grant(grant, refresh) => request::token_request(grant, *refresh, uri, user_agent, now),
            Self::Exchange(jwt, exchange) => {
                let token = LockedSecret::new(assertion::of_jwt(jwt, now)?);
                let body = exchange.body.as_ref().map_or("{}", |body| body.get());
                let mut request = post(uri, user_agent, Written::Json, Bytes::copy_from_slice(body.as_bytes()));
                request.headers_mut().insert(AUTHORIZATION, bearer(&token)?);
                Ok(request)
            }
            Self::Role(role) => assumed::request(role, uri, user_agent, now),
        }
    }

    /// What the response grants.
    pub fn read(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Result<response::Granted, Error> {
        match self {
            Self::Grant(grant, refresh) => {
                let (member, bearer) = (grant.token_member(), grant.token_type.as_deref());
                response::read(status, body, ExpectedToken { member, bearer, refresh: refresh.is_some() })
            }
            Self::Exchange(_, exchange) => exchanged::read(status, headers, body, &exchange.member),
            Self::Role(_) => assumed::read(status, headers, body),
        }
    }

    /// Whether a response may have refused what was signed for its time.
    pub fn is_refused_for_time(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> bool {
        match self {
            Self::Grant(grant, _) => grant.is_signed() && response::refuses_assertion(status, body),
            Self::Exchange(..) | Self::Role(_) => may_refuse(status) && names_time(headers, body),
        }
    }
}
