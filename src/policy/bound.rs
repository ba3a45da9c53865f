//! A credential's binding as it is enforced: on the request, on every redirect, and on the token endpoint.

use http::Method;

use super::rules::Rules;
use super::url::{Origin, Target};
use crate::error::{Code, Error};

/// What a credential is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    identifier: String,
    rules: Rules,
    /// Where the library itself exchanges what the credential signs: nobody else calls it.
    exchange: Option<Target>,
}

impl Bound {
    /// The rules that were sealed with the credential of this identifier.
    pub fn new(identifier: &str, rules: Rules) -> Self {
        Self { identifier: identifier.to_owned(), rules, exchange: None }
    }

    /// The same of a credential that the library has exchanged there.
    pub fn with_exchange(self, exchange: Target) -> Self {
        Self { exchange: Some(exchange), ..self }
    }

    /// Whether the credential may go with this request.
    pub fn allows(&self, target: &Target, method: &Method) -> Result<(), Error> {
        self.rules.allows(target, method).map_err(|error| self.violated("", &error))?;
        if self.exchange.as_ref().is_some_and(|exchange| is_same_place(exchange, target)) {
            let identifier = &self.identifier;
            let why =
                format!("the URL is where the credential \"{identifier}\" is exchanged, and for the library alone");
            return Err(Error::new(Code::BindingViolated, why));
        }
        Ok(())
    }

    /// Whether the credential may go there with this method, by some path.
    pub fn allows_service(&self, origin: &Origin, method: &Method) -> Result<(), Error> {
        let allowed = self.rules.allows_origin(origin).and_then(|()| self.rules.allows_method(method));
        allowed.map_err(|error| self.violated("", &error))
    }

    /// Whether a token may be asked for there. Methods and paths restrict the API only.
    pub fn allows_token_endpoint(&self, origin: &Origin) -> Result<(), Error> {
        self.rules.allows_origin(origin).map_err(|error| self.violated("the token URL is refused: ", &error))
    }

    /// Whoever reads it has to know which of several credentials it is about.
    fn violated(&self, what: &str, error: &Error) -> Error {
        let Self { identifier, .. } = self;
        let why = format!("{what}the credential \"{identifier}\" is bound elsewhere: {}", error.message);
        Error::new(Code::BindingViolated, why)
    }
}

/// Whether both reach one thing at a server that does not mind case or a slash at the end.
fn is_same_place(one: &Target, other: &Target) -> bool {
    let path = |target: &Target| target.path().trim_end_matches('/').to_ascii_lowercase();
    one.origin() == other.origin() && path(one) == path(other)
}
