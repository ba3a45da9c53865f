//! The exchange that is sealed with a key of AWS: the role for which STS gives temporary keys, which sign in its place.

use std::time::Duration;

use serde_json::value::RawValue;

use super::payload::{is_in_name, of_bytes, plain, seconds};
use crate::secret::json::{Invalid, members};

/// How long keys are valid unless the payload says otherwise, at least, and at most: as STS has it.
const USUAL: Duration = Duration::from_secs(3600);
const SHORTEST: Duration = Duration::from_secs(900);
const LONGEST: Duration = Duration::from_secs(43_200);

/// Who calls, where the payload does not say it.
const SESSION_NAME: &str = "secure-outbound";

/// Bytes of a role's ARN, of the name of a session and of an external identifier, as STS takes them.
const ARN_LENGTHS: (usize, usize) = (20, 2048);
const NAME_LENGTHS: (usize, usize) = (2, 64);
const ID_LENGTHS: (usize, usize) = (2, 1224);

/// A role to assume.
pub struct Role {
    /// STS, an absolute URL.
    pub url: String,
    /// The region of STS.
    pub(super) region: String,
    /// The role's ARN.
    pub arn: String,
    /// What the role's records call the caller.
    pub session_name: String,
    /// For how long keys are asked for.
    pub lifetime: Duration,
    /// What the role's owner wants to be told (the confused deputy's problem).
    pub external_id: Option<String>,
}

/// Reads the exchange of keys that sign for this region, in which STS is if nothing else is said.
pub(super) fn parse(value: &RawValue, region: &str) -> Result<Role, Invalid> {
    let names = ["url", "role_arn", "session_name", "lifetime", "external_id", "region"];
    let [url, arn, session_name, lifetime, external_id, own_region] = members(value.get(), names)?;
    let region = own_region.map_or(Ok(region.to_owned()), |region| of_bytes(Some(region), is_in_name))?;
    let lifetime = lifetime.map(|lifetime| seconds(lifetime, LONGEST)).transpose()?.unwrap_or(USUAL);
    let role = Role {
        url: plain(url.ok_or(Invalid)?)?,
        region,
        arn: sized(of_bytes(arn, |byte| byte.is_ascii_graphic())?, ARN_LENGTHS)?,
        session_name: match session_name {
            Some(name) => sized(of_bytes(Some(name), is_in_session)?, NAME_LENGTHS)?,
            None => SESSION_NAME.to_owned(),
        },
        lifetime,
        external_id: external_id
            .map(|id| sized(of_bytes(Some(id), |byte| is_in_session(byte) || b":/".contains(&byte))?, ID_LENGTHS))
            .transpose()?,
    };
    if role.arn.starts_with("arn:") && role.lifetime >= SHORTEST { Ok(role) } else { Err(Invalid) }
}

fn sized(text: String, (shortest, longest): (usize, usize)) -> Result<String, Invalid> {
    if (shortest..=longest).contains(&text.len()) { Ok(text) } else { Err(Invalid) }
}

fn is_in_session(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte)
}
