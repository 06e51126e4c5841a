//! API keys: `ck_<id>_<secret>`, the secret 256 random bits.
//!
//! The id finds the record, the secret is compared with its SHA-256 in constant
//! time. A plain hash is enough: 256 random bits cannot be guessed from it.

use cairn_kernel::{Error, Id, Kind, Result, Secret};
use rand::RngCore;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// A key taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    id: Id,
    secret: Secret,
}

const PREFIX: &str = "ck_";
const ID_HEX: usize = 32;

impl ApiKey {
    /// A new random key.
    pub fn generate() -> Self {
        Self::renewed(Id::generate(""))
    }

    /// The key of that id with a new random secret.
    pub fn renewed(id: Id) -> Self {
        let mut secret = [0_u8; 32];
        rand::rng().fill_bytes(&mut secret);
        Self { id, secret: Secret::new(hex::encode(secret)) }
    }

    /// Takes apart what a client sent.
    ///
    /// # Errors
    /// `Unauthenticated` when it does not have the form of a key.
    pub fn parse(text: &str) -> Result<Self> {
        let (id, secret) = text
            .trim()
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split_once('_'))
            .filter(|(id, secret)| id.len() == ID_HEX && secret.len() >= ID_HEX)
            .ok_or_else(Self::refusal)?;
        Ok(Self { id: Id::from_raw(id), secret: Secret::new(secret) })
    }

    /// The key as the client must send it.
    pub fn expose(&self) -> String {
        format!("{PREFIX}{}_{}", self.id, self.secret.expose())
    }

    /// The part that finds the record; not secret.
    pub fn id(&self) -> &Id {
        &self.id
    }

    /// What the record keeps.
    pub fn hash(&self) -> String {
        hex::encode(Sha256::digest(self.secret.expose()))
    }

    /// Whether this key's secret has the recorded hash, in constant time.
    pub fn matches(&self, recorded: &str) -> bool {
        self.hash().as_bytes().ct_eq(recorded.as_bytes()).into()
    }

    /// The error for a key whose own time, `expires_at` in Unix seconds, is over. Only for who
    /// sent its secret: to others it would tell that there is such a key.
    pub fn expired(&self, expires_at: i64) -> Error {
        Self::ended(format!(
            "the API key '{}' has expired (expires_at is {expires_at}, in Unix seconds); ask an admin \
             to extend it with `cairn keys update {} --expires 90d`, or for another key",
            self.id, self.id
        ))
    }

    /// The error for a secret that a rotation replaced, once that works no more; as
    /// [`ApiKey::expired`].
    pub fn replaced(&self, until: i64) -> Error {
        Self::ended(format!(
            "this secret of the API key '{}' has expired: the key got a new one, and this one worked \
             until {until} (Unix seconds); send the new one, or ask an admin for another with \
             `cairn keys rotate {}`",
            self.id, self.id
        ))
    }

    fn ended(why: String) -> Error {
        Error::new(Kind::Unauthenticated, why).with_code("key_expired")
    }

    /// The one error for every other key that does not work, so that it tells nothing.
    pub fn refusal() -> Error {
        Error::new(
            Kind::Unauthenticated,
            "the API key is missing, wrong or revoked; send 'Authorization: Bearer ck_…' \
             (an admin makes keys with `cairn keys create`)",
        )
        .with_code("invalid_api_key")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_text_and_matches_only_itself() -> Result<()> {
        let (key, other) = (ApiKey::generate(), ApiKey::generate());
        let parsed = ApiKey::parse(&key.expose())?;
        assert_eq!(parsed, key);
        assert!(parsed.matches(&key.hash()));
        assert!(!parsed.matches(&other.hash()));
        assert!(!format!("{key:?}").contains(key.secret.expose()));
        Ok(())
    }

    #[test]
    fn a_renewed_key_has_the_same_id_and_another_secret() {
        let key = ApiKey::generate();
        let renewed = ApiKey::renewed(key.id().clone());
        assert_eq!(renewed.id(), key.id());
        assert!(!renewed.matches(&key.hash()));
        for ended in [key.expired(1), key.replaced(1)] {
            assert_eq!(ended.code(), Some("key_expired"));
            assert!(ended.message().contains(key.id().as_str()), "{ended}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in ["", "ck_", "sk-123", "ck_short_x", "ck__"] {
            assert_eq!(ApiKey::parse(text).map_err(|e| e.kind()), Err(Kind::Unauthenticated));
        }
    }
}
