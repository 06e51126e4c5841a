//! Which revision of the protocol a request speaks, and what that asks of it and of its result.
//!
//! Up to 2025-11-25 a client begins with `initialize` and names the version that was agreed upon in
//! the header `MCP-Protocol-Version`. From 2026-07-28 on nothing is agreed upon: each request states
//! its version in `_meta`, and headers repeat what a proxy may want to know; they must not differ.

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cairn_kernel::{Error, Kind};
use serde_json::{Map, Value, json};

use super::Fields;
use super::rpc::{Fault, Message, RESOURCE_NOT_FOUND};
use super::server;

/// Spoken, the newest first; all but the first begin with a handshake.
pub(super) static VERSIONS: [&str; 4] = ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26"];
/// The only one in which several messages can be sent at once.
const OF_BATCHES: &str = "2025-03-26";

const VERSION: &str = "mcp-protocol-version";
const METHOD: &str = "mcp-method";
const NAME: &str = "mcp-name";

const META: &str = "_meta";
const STATED_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
const SERVER: &str = "io.modelcontextprotocol/serverInfo";

/// How long what never changes while the program runs may be kept, in milliseconds.
const STANDING_MS: u64 = 300_000;

/// How a client says what it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Era {
    /// By `initialize`, before the first request.
    Handshake,
    /// In every request.
    Stated,
}

/// The versions that are agreed upon by a handshake, the newest first.
pub(super) fn of_handshake() -> &'static [&'static str] {
    &VERSIONS[1..]
}

/// Which era a request is of.
///
/// # Errors
/// A version that is not spoken, or headers that say another thing than the request.
pub(super) fn of(message: &Message, headers: &HeaderMap) -> Result<Era, Fault> {
    let header = single(headers, VERSION)?;
    let meta = message.params.get(META).and_then(Value::as_object);
    let Some((meta, stated)) = meta.and_then(|meta| Some((meta, meta.get(STATED_VERSION)?))) else {
        return match header {
            None => Ok(Era::Handshake),
            // It is what is asked for, not what was agreed upon.
            Some(_) if message.method == "initialize" => Ok(Era::Handshake),
            Some(version) if of_handshake().contains(&version) => Ok(Era::Handshake),
            Some(version) if VERSIONS.contains(&version) => Err(incomplete()),
            Some(version) => Err(Fault::version(version, &VERSIONS)),
        };
    };
    let Some(stated) = stated.as_str() else { return Err(incomplete()) };
    if of_handshake().contains(&stated) {
        return Ok(Era::Handshake);
    }
    if !meta.get(CAPABILITIES).is_some_and(Value::is_object) {
        return Err(incomplete());
    }
    if header != Some(stated) {
        return Err(differs("MCP-Protocol-Version", header, stated));
    }
    let method = single(headers, METHOD)?;
    if method != Some(message.method.as_str()) {
        return Err(differs("Mcp-Method", method, &message.method));
    }
    named(message, headers)?;
    match stated == VERSIONS[0] {
        true => Ok(Era::Stated),
        false => Err(Fault::version(stated, &VERSIONS)),
    }
}

/// Whether a notification is of a version that is spoken.
///
/// # Errors
/// One that is not.
pub(super) fn known(headers: &HeaderMap) -> Result<(), Fault> {
    match single(headers, VERSION)? {
        Some(version) if !VERSIONS.contains(&version) => Err(Fault::version(version, &VERSIONS)),
        _ => Ok(()),
    }
}

/// Whether several messages can be sent at once.
///
/// # Errors
/// A version in which they cannot.
pub(super) fn takes_batches(headers: &HeaderMap) -> Result<(), Fault> {
    known(headers)?;
    match single(headers, VERSION)? {
        None | Some(OF_BATCHES) => Ok(()),
        Some(version) => Err(Fault::invalid(format!(
            "version {version} of the protocol has no batches; send one message for each request"
        ))),
    }
}

fn incomplete() -> Fault {
    Fault::params(format!(
        "params._meta must hold '{STATED_VERSION}', a text, and '{CAPABILITIES}', an object; \
         clients of older versions begin with initialize"
    ))
}

fn differs(name: &str, header: Option<&str>, body: &str) -> Fault {
    Fault::mismatch(match header {
        None => format!("the header {name} is missing; it must be '{body}', as in the body"),
        Some(header) => format!("the header {name} is '{header}', and the body says '{body}'"),
    })
}

/// The header `Mcp-Name` repeats which tool or resource is asked for.
fn named(message: &Message, headers: &HeaderMap) -> Result<(), Fault> {
    let field = match message.method.as_str() {
        "tools/call" => "name",
        "resources/read" => "uri",
        _ => return Ok(()),
    };
    // What is missing is refused by the method.
    let Some(asked) = message.params.get(field).and_then(Value::as_str) else { return Ok(()) };
    let header = single(headers, NAME)?;
    match header.and_then(decoded).as_deref() == Some(asked) {
        true => Ok(()),
        false => Err(differs("Mcp-Name", header, asked)),
    }
}

/// A header's value; what is no plain text in a header stands there as `=?base64?…?=`.
fn decoded(value: &str) -> Option<String> {
    match value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) {
        None => Some(value.to_owned()),
        Some(encoded) => String::from_utf8(STANDARD.decode(encoded).ok()?).ok(),
    }
}

fn single<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, Fault> {
    let mut all = headers.get_all(name).iter();
    let first = all.next();
    if all.next().is_some() {
        return Err(Fault::mismatch(format!("the header {name} was sent more than once")));
    }
    let text = first.map(|value| value.to_str()).transpose();
    text.map_err(|_| Fault::mismatch(format!("the header {name} has bytes that are no text")))
}

impl Era {
    /// A failure of ours in the codes of the era.
    pub(super) fn fault(self, error: &Error) -> Fault {
        let missing = error.kind() == Kind::NotFound && self == Self::Handshake;
        Fault::of(error, missing.then_some(RESOURCE_NOT_FOUND))
    }

    /// The result of `method` with what the era adds.
    pub(super) fn dressed(self, method: &str, mut result: Fields) -> Fields {
        if self == Self::Handshake {
            return result;
        }
        result.insert("resultType".to_owned(), json!("complete"));
        let mut meta = Map::new();
        meta.insert(SERVER.to_owned(), json!(server::INFO));
        result.insert(META.to_owned(), Value::Object(meta));
        let kept = match method {
            "server/discover" | "tools/list" | "resources/templates/list" => {
                Some(("public", STANDING_MS))
            }
            // Files come and go, and each caller has others.
            "resources/list" | "resources/read" => Some(("private", 0)),
            _ => None,
        };
        if let Some((scope, ttl)) = kept {
            result.insert("cacheScope".to_owned(), json!(scope));
            result.insert("ttlMs".to_owned(), json!(ttl));
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).expect("a value"))
        };
        all.iter().map(pair).collect()
    }

    fn message(method: &str, params: Value) -> Message {
        let Value::Object(params) = params else { panic!("{params} is no object") };
        Message { id: Some(json!(1)), method: method.to_owned(), params }
    }

    fn stated(version: &str) -> Value {
        json!({STATED_VERSION: version, CAPABILITIES: {}})
    }

    fn told(method: &str, params: Value, sent: &[(&'static str, &str)]) -> Result<Era, String> {
        of(&message(method, params), &headers(sent)).map_err(|fault| format!("{fault:?}"))
    }

    #[test]
    fn without_a_statement_the_header_tells_or_nothing_does() {
        let nothing = || json!({});
        assert_eq!(told("tools/list", nothing(), &[]), Ok(Era::Handshake));
        for version in of_handshake() {
            assert_eq!(told("tools/list", nothing(), &[(VERSION, version)]), Ok(Era::Handshake));
        }
        assert_eq!(told("initialize", nothing(), &[(VERSION, "2030-01-01")]), Ok(Era::Handshake));
        let unknown = told("tools/list", nothing(), &[(VERSION, "2030-01-01")]);
        assert!(unknown.is_err_and(|fault| fault.contains("-32022")));
        let bare = told("tools/list", nothing(), &[(VERSION, VERSIONS[0])]);
        assert!(bare.is_err_and(|fault| fault.contains("-32602")));
        let progress = json!({"_meta": {"progressToken": 1}});
        assert_eq!(told("tools/list", progress, &[]), Ok(Era::Handshake));
    }

    #[test]
    fn a_statement_and_its_headers_agree() {
        let call = || json!({"name": "search", "_meta": stated(VERSIONS[0])});
        let all = [(VERSION, VERSIONS[0]), (METHOD, "tools/call"), (NAME, "search")];
        assert_eq!(told("tools/call", call(), &all), Ok(Era::Stated));
        let encoded =
            [(VERSION, VERSIONS[0]), (METHOD, "tools/call"), (NAME, "=?base64?c2VhcmNo?=")];
        assert_eq!(told("tools/call", call(), &encoded), Ok(Era::Stated));
        for gone in 0..all.len() {
            let mut fewer = all.to_vec();
            fewer.remove(gone);
            let refused = told("tools/call", call(), &fewer);
            assert!(refused.is_err_and(|fault| fault.contains("-32020")), "{fewer:?}");
            let mut other = all;
            other[gone].1 = "other";
            let refused = told("tools/call", call(), &other);
            assert!(refused.is_err_and(|fault| fault.contains("-32020")), "{other:?}");
        }
        let twice = [all[0], all[0], all[1], all[2]];
        assert!(told("tools/call", call(), &twice).is_err_and(|fault| fault.contains("-32020")));
    }

    #[test]
    fn a_version_that_is_not_spoken_is_told_with_those_that_are() {
        let list = json!({"_meta": stated("2030-01-01")});
        let sent = [(VERSION, "2030-01-01"), (METHOD, "tools/list")];
        let refused = told("tools/list", list, &sent).expect_err("a refusal");
        assert!(refused.contains("-32022") && refused.contains("2025-11-25"), "{refused}");
        let half = json!({"_meta": {STATED_VERSION: VERSIONS[0]}});
        let sent = [(VERSION, VERSIONS[0]), (METHOD, "tools/list")];
        assert!(told("tools/list", half, &sent).is_err_and(|fault| fault.contains("-32602")));
    }

    #[test]
    fn batches_are_of_one_version() {
        assert!(takes_batches(&headers(&[])).is_ok());
        assert!(takes_batches(&headers(&[(VERSION, OF_BATCHES)])).is_ok());
        assert!(takes_batches(&headers(&[(VERSION, "2025-06-18")])).is_err());
        assert!(known(&headers(&[(VERSION, "2030-01-01")])).is_err());
    }

    #[test]
    fn only_the_newest_era_adds_to_results() {
        assert_eq!(Era::Handshake.dressed("tools/list", Map::new()), Map::new());
        let listed = Era::Stated.dressed("tools/list", Map::new());
        assert_eq!(
            (&listed["resultType"], &listed["cacheScope"]),
            (&json!("complete"), &json!("public"))
        );
        assert_eq!(listed[META][SERVER]["name"], "cairn");
        let called = Era::Stated.dressed("tools/call", Map::new());
        assert!(called.contains_key("resultType") && !called.contains_key("ttlMs"));
        let read = Era::Stated.dressed("resources/read", Map::new());
        assert_eq!((&read["cacheScope"], &read["ttlMs"]), (&json!("private"), &json!(0)));
    }
}
