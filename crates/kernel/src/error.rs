//! The one error type that crosses crate borders.
//!
//! An [`Error`] has a closed [`Kind`], which alone decides the status a client
//! sees, a message written for that client (what happened, to what, what to do),
//! and an optional source, which is for the log only.

use std::fmt;
use std::time::Duration;

use crate::disk::unwritten;

/// What sort of failure it is. The gateway maps each kind to one status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The request is wrong and will stay wrong: 400.
    Invalid,
    /// No valid credentials: 401.
    Unauthenticated,
    /// Valid credentials that may not do this: 403.
    Forbidden,
    /// The named thing does not exist for this caller: 404.
    NotFound,
    /// The request contradicts the present state: 409.
    Conflict,
    /// The body, file or prompt exceeds a limit: 413.
    TooLarge,
    /// A file or data type that is not read here: 415.
    Unsupported,
    /// Well-formed, but the content cannot be processed (damaged file, ragged table): 422.
    Unprocessable,
    /// Over a rate or capacity limit; try again later: 429.
    Exhausted,
    /// A part is down or restarting; the same request may be sent again: 503.
    Unavailable,
    /// The deadline passed: 504.
    Timeout,
    /// The caller went away or a stop was asked for: 499 in logs.
    Cancelled,
    /// Our fault: 500. The message shown to clients is generic.
    Internal,
}

impl Kind {
    /// Whether sending the same request again can help.
    pub fn retryable(self) -> bool {
        matches!(self, Self::Exhausted | Self::Unavailable | Self::Timeout)
    }

    /// A stable lower-case name, used as a metric label and in logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::TooLarge => "too_large",
            Self::Unsupported => "unsupported",
            Self::Unprocessable => "unprocessable",
            Self::Exhausted => "exhausted",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
            Self::Internal => "internal",
        }
    }
}

/// A failure with a message for the caller and, apart from it, its cause for the log.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    message: String,
    param: Option<String>,
    code: Option<&'static str>,
    retry_after: Option<Duration>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// A result with Cairn's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A failure of `kind`; `message` names the thing and the remedy.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            param: None,
            code: None,
            retry_after: None,
            source: None,
        }
    }

    /// The request is wrong.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, message)
    }

    /// `what` (say, "vector store 'vs_1'") does not exist for this caller.
    pub fn not_found(what: impl fmt::Display) -> Self {
        Self::new(Kind::NotFound, format!("{what} was not found"))
    }

    /// Our own failure. The message goes to the log, not to the client.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Kind::Internal, message)
    }

    /// A part is down for now; the same request may be sent again.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Kind::Unavailable, message)
    }

    /// Names the request field at fault.
    #[must_use]
    pub fn with_param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// Adds a machine-readable code such as `context_length_exceeded`.
    #[must_use]
    pub fn with_code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    /// Says how long to wait before the request is worth sending again.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Keeps the cause, for the log only.
    #[must_use]
    pub fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The kind, which decides the status.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The message as written by the code that failed.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The request field at fault, if one is.
    pub fn param(&self) -> Option<&str> {
        self.param.as_deref()
    }

    /// The machine-readable code, if there is one.
    pub fn code(&self) -> Option<&'static str> {
        self.code
    }

    /// How long to wait before sending the request again, where that is known.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The message and every cause below it, for the log.
    pub fn detail(&self) -> String {
        let mut text = self.message.clone();
        let mut next = std::error::Error::source(self);
        while let Some(cause) = next {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            next = cause.source();
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// Turns a foreign error into ours, saying what was being done.
pub trait ResultExt<T> {
    /// Our own failure while doing `what`, or that of a disk that is full
    /// ([`unwritten`](crate::unwritten)); the cause is kept for the log.
    fn or_internal(self, what: &str) -> Result<T>;
    /// A failure of `kind` with `message` for the caller; the cause is kept for the log.
    fn or_kind(self, kind: Kind, message: impl Into<String>) -> Result<T>;
}

impl<T, E> ResultExt<T> for std::result::Result<T, E>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn or_internal(self, what: &str) -> Result<T> {
        self.map_err(|cause| unwritten(what, cause))
    }

    fn or_kind(self, kind: Kind, message: impl Into<String>) -> Result<T> {
        self.map_err(|cause| Error::new(kind, message).with_source(cause))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_is_for_the_log_and_not_for_the_client() {
        let failed: std::result::Result<(), _> = Err(std::io::Error::other("disk on fire"));
        let Err(error) = failed.or_internal("writing a blob") else { return };
        assert_eq!(error.to_string(), "writing a blob");
        assert_eq!(error.detail(), "writing a blob: disk on fire");
        assert!(!error.kind().retryable());
    }
}
