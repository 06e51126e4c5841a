//! The installation's signing key: Ed25519, made at the first start, in one file that only
//! the program's user can read.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use cairn_kernel::{Error, Result, ResultExt};
use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

/// Signs what this installation says. Clones share the key.
#[derive(Clone, Debug)]
pub struct Signer {
    pair: Arc<Ed25519KeyPair>,
}

impl Signer {
    /// The key in `file`, which is made if it is not there.
    ///
    /// # Errors
    /// `Internal` when the file cannot be read or written, or holds no such key.
    pub fn open(file: &Path) -> Result<Self> {
        let what = format!("opening the signing key {}", file.display());
        let bytes = match fs::read(file) {
            Ok(bytes) => bytes,
            Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => {
                let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
                    .map_err(|_| Error::internal("making a signing key"))?;
                keep(file, made.as_ref()).or_internal(&what)?;
                made.as_ref().to_vec()
            }
            Err(cause) => return Err(cause).or_internal(&what),
        };
        let pair = Ed25519KeyPair::from_pkcs8(&bytes)
            .map_err(|rejected| Error::internal(what).with_source(rejected.to_string()))?;
        Ok(Self { pair: Arc::new(pair) })
    }

    /// The public key, hex: what [`verify`] takes.
    pub fn public_key(&self) -> String {
        hex::encode(self.pair.public_key())
    }

    /// The signature of `message`, hex.
    pub fn sign(&self, message: &[u8]) -> String {
        hex::encode(self.pair.sign(message))
    }
}

/// Whether `signature` is that of `message` by the key with this public key, both hex.
pub fn verify(public_key: &str, message: &[u8], signature: &str) -> bool {
    let (Ok(public_key), Ok(signature)) = (hex::decode(public_key), hex::decode(signature)) else {
        return false;
    };
    UnparsedPublicKey::new(&ED25519, public_key).verify(message, &signature).is_ok()
}

/// Writes a key for its owner alone: all of it, on disk, or nothing under its name.
pub(crate) fn keep(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let fresh = file.with_extension("new");
    let mut written =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    written.write_all(bytes)?;
    written.sync_all()?;
    fs::rename(&fresh, file)?;
    file.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_signs_what_nobody_can_change() -> Result<()> {
        let dir = tempfile::tempdir().or_internal("a folder")?;
        let file = dir.path().join("erasure.key");
        let signer = Signer::open(&file)?;
        let again = Signer::open(&file)?;
        assert_eq!(signer.public_key(), again.public_key());
        let signature = signer.sign(b"gone");
        assert!(verify(&again.public_key(), b"gone", &signature));
        assert!(!verify(&again.public_key(), b"here", &signature));
        assert!(!verify("zz", b"gone", &signature));
        let other = Signer::open(&dir.path().join("other.key"))?;
        assert!(!verify(&other.public_key(), b"gone", &signature));
        let mode = fs::metadata(&file).or_internal("its mode")?.permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::write(&file, b"no key").or_internal("spoiling it")?;
        assert!(Signer::open(&file).is_err());
        Ok(())
    }
}
