//! The same request under the same key gets the same answer, for a day.
//!
//! A key belongs to one caller. While its first request is under way, another one is told
//! to come again; the same key with another request is refused. Only successes are
//! remembered: what failed may be tried again. Claims live in memory, so a crash frees
//! them, and a request whose answer was not remembered before the crash runs again.
//!
//! A client's library that sends a request again by itself gives no key. Then a request
//! stands for itself, and its answer is kept only if nobody was there to take it: the next
//! try of the same request gets it, once. What adds a turn to a conversation must not be heard
//! twice even if its answer was lost on the way, so that is kept for every try that follows.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use cairn_kernel::{Error, Kind, Result, Scope, Timestamp};
use cairn_store::Records;
use cairn_store::records::RememberedRow;
use sha2::{Digest as _, Sha256};

use crate::erase::REMEMBERED_MS;

/// Longest key.
const KEY_MAX: usize = 255;

/// The code of the error for a request whose first try is under way.
pub const IN_PROGRESS: &str = "idempotency_in_progress";

/// How long an answer waits for the next try of a client's library.
const RETRY_MS: i64 = 600_000;

/// Tenant, caller and key.
type Place = (String, String, String);
type Claims = Arc<Mutex<HashSet<Place>>>;

/// What is known of a key.
#[derive(Debug)]
pub enum Begun {
    /// Nothing: the request is to be done, and its outcome given to the claim.
    New(Claim),
    /// It was answered so before.
    Known(RememberedRow),
}

/// The right to answer under a key; dropped without an answer, the key is free again.
#[derive(Debug)]
pub struct Claim {
    records: Records,
    claims: Claims,
    scope: Scope,
    place: Place,
    fingerprint: String,
    path: String,
    began: Timestamp,
}

/// What tells a request from another one: SHA-256 over its pieces, hex.
pub fn fingerprint(pieces: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for piece in pieces {
        hash.update((piece.len() as u64).to_le_bytes());
        hash.update(piece);
    }
    hex::encode(hash.finalize())
}

/// As [`fingerprint`], of a form while it comes. Its boundary, which is new in every try, parts it
/// and is left out.
#[derive(Debug)]
pub struct Print {
    hash: Sha256,
    boundary: Vec<u8>,
    /// What may be the beginning of a boundary.
    held: Vec<u8>,
    /// Of the present part.
    bytes: u64,
}

impl Print {
    /// Nothing yet of a form with this boundary that is sent to `place`.
    pub fn new(place: &str, boundary: &str) -> Self {
        let boundary = boundary.as_bytes().to_vec();
        let mut print = Self { hash: Sha256::new(), boundary, held: Vec::new(), bytes: 0 };
        print.take(place.as_bytes());
        print.end_part();
        print
    }

    /// Takes the next bytes in.
    pub fn update(&mut self, bytes: &[u8]) {
        let mut held = std::mem::take(&mut self.held);
        held.extend_from_slice(bytes);
        let mut rest = held.as_slice();
        while let Some((before, after)) = parted(rest, &self.boundary) {
            self.take(before);
            self.end_part();
            rest = after;
        }
        let kept = self.boundary.len().saturating_sub(1).min(rest.len());
        let (taken, kept) = rest.split_at(rest.len() - kept);
        self.take(taken);
        self.held = kept.to_vec();
    }

    /// SHA-256 over all of it, hex.
    pub fn finish(mut self) -> String {
        let held = std::mem::take(&mut self.held);
        self.take(&held);
        self.end_part();
        hex::encode(self.hash.finalize())
    }

    fn take(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    /// How long a part is, is known behind it.
    fn end_part(&mut self) {
        self.hash.update(std::mem::take(&mut self.bytes).to_le_bytes());
    }
}

/// What stands before the first `boundary`, and behind it.
fn parted<'b>(bytes: &'b [u8], boundary: &[u8]) -> Option<(&'b [u8], &'b [u8])> {
    let first = *boundary.first()?;
    let mut at = 0;
    loop {
        let rest = bytes.get(at..)?;
        let here = at + rest.iter().position(|&byte| byte == first)?;
        let (before, from) = bytes.split_at(here);
        if let Some(after) = from.strip_prefix(boundary) {
            return Some((before, after));
        }
        at = here + 1;
    }
}

/// Remembers answers by key.
#[derive(Clone, Debug)]
pub struct Idempotency {
    records: Records,
    claims: Claims,
}

impl Idempotency {
    /// Answers in `records`.
    pub fn new(records: Records) -> Self {
        Self { records, claims: Arc::default() }
    }

    /// Looks a key up for a request to `path` with this fingerprint.
    ///
    /// # Errors
    /// `Invalid` for an unusable key, `Conflict` while its first request is under way,
    /// `Unprocessable` when it was used for another request.
    pub async fn begin(
        &self,
        scope: &Scope,
        name: &str,
        path: &str,
        fingerprint: String,
    ) -> Result<Begun> {
        if name.is_empty() || name.len() > KEY_MAX || !name.chars().all(|c| c.is_ascii_graphic()) {
            return Err(Error::invalid(format!(
                "an idempotency key has 1 to {KEY_MAX} printable ASCII characters"
            ))
            .with_param("idempotency-key"));
        }
        let claim = self.claim(scope, name.to_owned(), path, fingerprint).ok_or_else(under_way)?;
        match self.records.remembered(scope, name, claim.began - REMEMBERED_MS).await? {
            None => Ok(Begun::New(claim)),
            Some(known) if known.fingerprint == claim.fingerprint => Ok(Begun::Known(known)),
            Some(_) => Err(Error::new(
                Kind::Unprocessable,
                "this idempotency key was used for another request; take a new one",
            )
            .with_code("idempotency_key_reused")
            .with_param("idempotency-key")),
        }
    }
}

impl Idempotency {
    /// Looks up a request that a client's library sends for the first time (`tries` 0) or
    /// again by itself. `None` is a first one that is not to be protected, since another
    /// one like it is under way: both are meant.
    ///
    /// # Errors
    /// `Conflict` while the try before is under way.
    pub async fn retry(
        &self,
        scope: &Scope,
        path: &str,
        fingerprint: String,
        tries: u32,
    ) -> Result<Option<Begun>> {
        let name = format!("retry-{fingerprint}");
        let Some(claim) = self.claim(scope, name.clone(), path, fingerprint) else {
            return if tries == 0 { Ok(None) } else { Err(under_way()) };
        };
        if tries > 0 {
            let since = claim.began - RETRY_MS;
            if let Some(known) = self.records.remembered(scope, &name, since).await? {
                self.records.forget_one(scope, &name).await?;
                return Ok(Some(Begun::Known(known)));
            }
        }
        Ok(Some(Begun::New(claim)))
    }

    /// As [`Idempotency::retry`], for a request whose answer is remembered in any case: every
    /// later try gets it, until the same request comes for the first time again.
    ///
    /// # Errors
    /// `Conflict` while the try before is under way.
    pub async fn turn(
        &self,
        scope: &Scope,
        path: &str,
        fingerprint: String,
        tries: u32,
    ) -> Result<Option<Begun>> {
        let name = format!("turn-{fingerprint}");
        let Some(claim) = self.claim(scope, name.clone(), path, fingerprint) else {
            return if tries == 0 { Ok(None) } else { Err(under_way()) };
        };
        let known = self.records.remembered(scope, &name, claim.began - RETRY_MS).await?;
        match known {
            Some(known) if tries > 0 => return Ok(Some(Begun::Known(known))),
            // Its tries are not to get the answer to the one before.
            Some(_) => self.records.forget_one(scope, &name).await?,
            None => {}
        }
        Ok(Some(Begun::New(claim)))
    }

    fn claim(&self, scope: &Scope, name: String, path: &str, fingerprint: String) -> Option<Claim> {
        let place = (scope.tenant().to_string(), scope.principal().to_string(), name);
        with(&self.claims, |held| held.insert(place.clone())).then(|| Claim {
            records: self.records.clone(),
            claims: Arc::clone(&self.claims),
            scope: scope.clone(),
            place,
            fingerprint,
            path: path.to_owned(),
            began: self.records.clock().now(),
        })
    }
}

fn under_way() -> Error {
    Error::new(
        Kind::Conflict,
        "the same request is under way; send it again in a moment to get its answer",
    )
    .with_code(IN_PROGRESS)
}

impl Claim {
    /// Remembers the answer and frees the claim.
    ///
    /// # Errors
    /// `Internal` when the records refuse; the answer is given all the same.
    pub async fn answered(self, status: u16, headers: String, body: Vec<u8>) -> Result<()> {
        let row = RememberedRow {
            fingerprint: self.fingerprint.clone(),
            path: self.path.clone(),
            status: i64::from(status),
            headers,
            body,
            created_at: self.records.clock().now(),
        };
        self.records.remember(&self.scope, &self.place.2, &row, self.began).await
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        with(&self.claims, |held| held.remove(&self.place));
    }
}

fn with<R>(claims: &Claims, act: impl FnOnce(&mut HashSet<Place>) -> R) -> R {
    act(&mut claims.lock().unwrap_or_else(PoisonError::into_inner))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests stand in for authentication")]
mod tests {
    use cairn_kernel::{Clock, Id, ResultExt as _, Role};

    use super::*;

    fn kind<T>(outcome: Result<T>) -> Option<Kind> {
        outcome.err().map(|error| error.kind())
    }

    #[test]
    fn a_form_is_the_same_in_other_pieces_and_under_another_boundary() {
        let print = |boundary: &str, text: &str, piece: usize| {
            let form = format!("--{boundary}\r\n\r\n{text}\r\n--{boundary}--\r\n");
            let mut print = Print::new("POST /v1/files", boundary);
            form.as_bytes().chunks(piece).for_each(|piece| print.update(piece));
            print.finish()
        };
        // Text that begins as a boundary does.
        let text = "-------ab-------abc-------";
        let one = print("-------abcd", text, 1000);
        for piece in 1..30 {
            assert_eq!(print("-------abcd", text, piece), one, "in pieces of {piece}");
            assert_eq!(print("other", text, piece), one, "in pieces of {piece}");
        }
        assert_ne!(print("other", "hello", 7), print("other", "hullo", 7));
        let moved = Print::new("POST /v1/uploads", "other");
        assert_ne!(moved.finish(), Print::new("POST /v1/files", "other").finish());
        // What stands before a border and what stands behind it are not the same.
        assert_ne!(print("XX", "aXXb", 5), print("XX", "XXab", 5));
    }

    #[tokio::test]
    async fn a_turn_is_told_again_to_every_try_and_not_to_the_next_first_one() -> Result<()> {
        let dir = tempfile::tempdir().or_internal("a folder")?;
        let records = Records::open(&dir.path().join("records.db"), Clock::system()).await?;
        let tenant = records.ensure_tenant("t").await?.id;
        let scope = Scope::grant(Id::from_raw(tenant), Id::from_raw("key_1"), Role::Editor);
        let keys = Idempotency::new(records);
        let come = async |tries: u32| keys.turn(&scope, "/v1/responses", "p".into(), tries).await;
        let Some(Begun::New(claim)) = come(0).await? else { panic!("nothing is known yet") };
        assert!(come(0).await?.is_none(), "both are meant");
        assert_eq!(kind(come(1).await), Some(Kind::Conflict));
        claim.answered(200, "{}".to_owned(), b"said".to_vec()).await?;
        for tries in [1, 2] {
            let again = come(tries).await?;
            assert!(matches!(again, Some(Begun::Known(known)) if known.body == b"said"));
        }
        let Some(Begun::New(claim)) = come(0).await? else { panic!("it is asked anew") };
        drop(claim);
        assert!(matches!(come(1).await?, Some(Begun::New(_))), "the first answer is not its own");
        Ok(())
    }

    #[tokio::test]
    async fn a_key_is_answered_once_and_then_the_same_for_a_day() -> Result<()> {
        let dir = tempfile::tempdir().or_internal("a folder")?;
        let clock = Clock::manual(REMEMBERED_MS * 2);
        let records = Records::open(&dir.path().join("records.db"), clock.clone()).await?;
        let tenant = records.ensure_tenant("t").await?.id;
        let caller = |key: &str| {
            Scope::grant(Id::from_raw(tenant.as_str()), Id::from_raw(key), Role::Editor)
        };
        let (ours, theirs) = (caller("key_1"), caller("key_2"));
        let keys = Idempotency::new(records);
        let begin = async |scope: &Scope, print: &str| {
            keys.begin(scope, "once", "/v1/files", print.to_owned()).await
        };
        let Begun::New(claim) = begin(&ours, "a").await? else { panic!("nothing is known yet") };
        assert_eq!(kind(begin(&ours, "a").await), Some(Kind::Conflict));
        assert!(matches!(begin(&theirs, "a").await?, Begun::New(_)), "a key is of one caller");
        claim.answered(200, "{}".to_owned(), b"done".to_vec()).await?;
        let Begun::Known(known) = begin(&ours, "a").await? else { panic!("it was answered") };
        assert_eq!((known.status, known.body.as_slice()), (200, b"done".as_slice()));
        assert_eq!(kind(begin(&ours, "b").await), Some(Kind::Unprocessable));
        clock.advance(REMEMBERED_MS);
        let Begun::New(claim) = begin(&ours, "b").await? else { panic!("a day is over") };
        drop(claim);
        assert!(matches!(begin(&ours, "c").await?, Begun::New(_)), "a dropped claim is free");
        let print = || "p".to_owned();
        let first = keys.retry(&ours, "/v1/files", print(), 0).await?;
        let Some(Begun::New(claim)) = first else { panic!("nothing like it is under way") };
        assert!(keys.retry(&ours, "/v1/files", print(), 0).await?.is_none(), "both are meant");
        let early = keys.retry(&ours, "/v1/files", print(), 1).await;
        assert_eq!(kind(early), Some(Kind::Conflict));
        claim.answered(200, "{}".to_owned(), b"made".to_vec()).await?;
        let again = keys.retry(&ours, "/v1/files", print(), 1).await?;
        assert!(matches!(again, Some(Begun::Known(known)) if known.body == b"made"));
        let later = keys.retry(&ours, "/v1/files", print(), 1).await?;
        assert!(matches!(later, Some(Begun::New(_))), "it is given once");
        for bad in ["", "a b", &"x".repeat(256)] {
            let refused = keys.begin(&ours, bad, "/v1/files", String::new()).await;
            assert_eq!(kind(refused), Some(Kind::Invalid));
        }
        Ok(())
    }
}
