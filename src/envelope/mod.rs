//! Opens nr-vault's envelopes: `nrv1:` and the base64 of a JSON object that holds a value, the key it is encrypted with,
//! and that key encrypted with a master key. The identifier is the associated data of both.
//!
//! It knows no source of a key and no meaning of what it opens: `keys` makes [`MasterKey`]s of files and documents, and
//! `credential` reads what was sealed. `oauth` seals tokens with the same ciphers. Below is `secret`.

pub mod aead;
pub(crate) mod base64;
mod form;
mod forms;
mod key;

pub use forms::Forms;
pub use key::MasterKey;
