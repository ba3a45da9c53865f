//! Other base URLs of a request, of which the secret says whether one counts. Each of them is judged before anything is
//! unsealed, as if it were the base URL, so that no verdict of the policy depends on a secret; a binding's does.

use std::sync::Arc;

use super::canonical;
use super::destination::{Absolute, Parts};
use super::host::HostRule;
use super::internal::InternalHosts;
use super::refusal::malformed;
use super::service::{Admitted, Policy, ServiceRules};
use super::url::{Origin, Target};
use crate::document::AlternativeSpec;
use crate::error::Error;

/// Whoever reads it has to know that it is not about the base URL.
const REFUSED: &str = "an alternative is refused";

/// What counts where the secret ends so.
pub struct Alternative<T> {
    /// How it ends.
    pub secret_suffix: String,
    /// What every redirect then has to pass.
    pub policy: Arc<Policy>,
    /// Where the request then goes.
    pub place: T,
}

/// Refuses what is malformed, and nothing else.
pub(super) fn check_form(specs: &[AlternativeSpec]) -> Result<(), Error> {
    for spec in specs {
        if let Absolute::Web(Parts { query: Some(_), .. }) =
            Absolute::parse("an alternative's base_url", &spec.base_url)?
        {
            return Err(malformed("an alternative's base_url holds a query"));
        }
    }
    Ok(())
}

/// Judges them for a request that is admitted: what follows the base URL follows each of them.
pub(super) fn admit_all(
    service: &ServiceRules,
    policy: &Policy,
    target: &Target,
    internal_hosts: &InternalHosts,
) -> Result<Vec<Alternative<Admitted>>, Error> {
    let rest = policy.base_path.as_deref().and_then(|base| target.path().strip_prefix(base)).unwrap_or_default();
    judge_all(service, policy, internal_hosts, |parts, policy| {
        let base = parts.canonical_path(policy.spelling)?;
        let path = if rest.is_empty() { base.clone() } else { canonical::join(&base, rest) };
        let target = Target::new(parts.origin.into_owned(), path, target.query().map(str::to_owned))?;
        policy.base_path = Some(base);
        policy.admit(target)
    })
}

/// Judges their origins, whatever the path is.
pub(super) fn approach_all(
    service: &ServiceRules,
    policy: &Policy,
    internal_hosts: &InternalHosts,
) -> Result<Vec<Alternative<Origin>>, Error> {
    judge_all(service, policy, internal_hosts, |parts, _| Ok(parts.origin.into_owned()))
}

/// `place` makes what counts of a URL whose origin is allowed, by the policy that is then the request's.
fn judge_all<T>(
    service: &ServiceRules,
    policy: &Policy,
    internal_hosts: &InternalHosts,
    place: impl Fn(Parts<'_>, &mut Policy) -> Result<T, Error>,
) -> Result<Vec<Alternative<T>>, Error> {
    let judge = |spec: &AlternativeSpec| {
        let (parts, mut policy) = approach(service, spec, policy, internal_hosts)?;
        let place = place(parts, &mut policy)?;
        Ok(Alternative { secret_suffix: spec.secret_suffix.clone(), policy: Arc::new(policy), place })
    };
    service.alternatives.iter().map(|spec| judge(spec).map_err(|error: Error| error.about(REFUSED))).collect()
}

fn approach<'a>(
    service: &ServiceRules,
    spec: &'a AlternativeSpec,
    policy: &Policy,
    internal_hosts: &InternalHosts,
) -> Result<(Parts<'a>, Policy), Error> {
    let parts = Absolute::parse("its base_url", &spec.base_url)?.web()?;
    let mut policy = policy.clone();
    if !service.names_hosts {
        policy.rules.hosts = Some(vec![HostRule::of(&parts.origin)]);
    }
    policy.check_scheme(&parts.origin, internal_hosts)?;
    policy.check_host(&parts.origin, internal_hosts)?;
    Ok((parts, policy))
}
