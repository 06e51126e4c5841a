//! Secrets at rest: AES-256-GCM under a key of the installation, made at the first start, in
//! one file that only the program's user can read. Whoever has the records alone has none of
//! them.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use cairn_kernel::{Error, Result, ResultExt, Secret};
use rand::RngCore as _;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use crate::signer::keep;

/// Length of the key in bytes.
const KEY_LEN: usize = 32;

/// Seals and opens secrets. Clones share the key.
#[derive(Clone, Debug)]
pub struct Seal {
    key: Arc<LessSafeKey>,
}

impl Seal {
    /// The key in `file`, which is made if it is not there.
    ///
    /// # Errors
    /// `Internal` when the file cannot be read or written, or holds no such key.
    pub fn open(file: &Path) -> Result<Self> {
        let what = format!("opening the key of secrets {}", file.display());
        let bytes = match fs::read(file) {
            Ok(bytes) => bytes,
            Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => {
                let mut made = vec![0_u8; KEY_LEN];
                rand::rng().fill_bytes(&mut made);
                keep(file, &made).or_internal(&what)?;
                made
            }
            Err(cause) => return Err(cause).or_internal(&what),
        };
        let key = UnboundKey::new(&AES_256_GCM, &bytes).map_err(|_| Error::internal(what))?;
        Ok(Self { key: Arc::new(LessSafeKey::new(key)) })
    }

    /// The secret sealed, hex. It opens in the same `context` only: what it belongs to.
    ///
    /// # Errors
    /// `Internal` when it is longer than the cipher takes.
    pub fn seal(&self, context: &str, secret: &Secret) -> Result<String> {
        let mut nonce = [0_u8; NONCE_LEN];
        rand::rng().fill_bytes(&mut nonce);
        let mut sealed = secret.expose().as_bytes().to_vec();
        self.key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(context.as_bytes()),
                &mut sealed,
            )
            .map_err(|_| Error::internal("sealing a secret"))?;
        Ok(format!("{}{}", hex::encode(nonce), hex::encode(sealed)))
    }

    /// The secret that was sealed in this context.
    ///
    /// # Errors
    /// `Internal` when it was changed, belongs elsewhere, or another key sealed it.
    pub fn unseal(&self, context: &str, sealed: &str) -> Result<Secret> {
        let broken = || {
            Error::internal(format!(
                "the secrets of {context} cannot be opened; give them again if the key was replaced"
            ))
        };
        let mut bytes = hex::decode(sealed).map_err(|_| broken())?;
        let (nonce, rest) = bytes.split_at_mut_checked(NONCE_LEN).ok_or_else(broken)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| broken())?;
        let opened = self
            .key
            .open_in_place(nonce, Aad::from(context.as_bytes()), rest)
            .map_err(|_| broken())?;
        String::from_utf8(opened.to_vec()).map(Secret::new).map_err(|_| broken())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_secret_opens_with_its_key_in_its_place_and_unchanged_only() -> Result<()> {
        let dir = tempfile::tempdir().or_internal("a folder")?;
        let file = dir.path().join("secrets.key");
        let seal = Seal::open(&file)?;
        let secret = Secret::new("hunter2");
        let sealed = seal.seal("src_1", &secret)?;
        assert!(!sealed.contains("hunter2") && !sealed.contains(&hex::encode("hunter2")));
        assert_ne!(sealed, seal.seal("src_1", &secret)?, "no nonce is used twice");
        assert_eq!(Seal::open(&file)?.unseal("src_1", &sealed)?, secret);
        assert!(seal.unseal("src_2", &sealed).is_err());
        let last = if sealed.ends_with('0') { "1" } else { "0" };
        let changed = format!("{}{last}", &sealed[..sealed.len() - 1]);
        for wrong in [changed.as_str(), "", "zz", "00"] {
            assert!(seal.unseal("src_1", wrong).is_err(), "{wrong}");
        }
        assert!(Seal::open(&dir.path().join("other"))?.unseal("src_1", &sealed).is_err());
        let mode = fs::metadata(&file).or_internal("its mode")?.permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::write(&file, b"no key").or_internal("spoiling it")?;
        assert!(Seal::open(&file).is_err());
        Ok(())
    }
}
