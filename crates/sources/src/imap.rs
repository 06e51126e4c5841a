//! Mailboxes on an IMAP server: every message is a document, with its attachments.
//!
//! The protocol is spoken here rather than by a library: `async-imap` takes a listing that
//! the server refuses or breaks off for an empty one, after which every message would be
//! taken as deleted.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use cairn_kernel::{Error, Kind, Result, ResultExt as _, Secret};
use futures::stream::BoxStream;
use mail_parser::MessageParser;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::net::Guard;
use crate::{Connector, Environment, Item, Seen, Sink, Source, too_large};

mod names;
mod session;
mod wire;

use session::{Listed, Session, Wire};

/// Longest that connecting and logging in may take.
const CONNECT: Duration = Duration::from_secs(30);
/// Longest that listing a mailbox may take, and reading a message.
const LISTING: Duration = Duration::from_secs(900);
const MESSAGE: Duration = Duration::from_secs(300);
const MAILBOXES_MAX: usize = 100;
/// Most bytes of a message, which is in memory while it is read.
const MESSAGE_BYTES_MAX: u64 = 128 << 20;

/// How the connection is made safe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tls {
    /// From the first byte on, usually at port 993.
    #[default]
    Implicit,
    /// After a word in the clear, usually at port 143.
    Starttls,
}

/// Which mailboxes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImapConfig {
    /// The server's name, as in `imap.example.com`.
    pub host: String,
    /// Its port; 993, or 143 for `starttls`, without one.
    #[serde(default)]
    pub port: Option<u16>,
    /// How the connection is made safe: `implicit` (the default) or `starttls`.
    #[serde(default)]
    pub tls: Tls,
    /// A certificate in PEM that the server's own may rest on, beside those that everyone
    /// trusts.
    #[serde(default)]
    pub ca_certificate: Option<String>,
    /// Who reads.
    pub username: String,
    /// The password; with many providers one that is made for a program.
    pub password: Secret,
    /// Names of mailboxes, at most 100; `INBOX` by default. `*` in a name is anything, `%`
    /// anything within a level.
    #[serde(default = "mailboxes")]
    pub mailboxes: Vec<String>,
    /// Only messages that arrived on this day or later, as in `2024-01-31`.
    #[serde(default)]
    pub since: Option<String>,
}

fn mailboxes() -> Vec<String> {
    vec!["INBOX".to_owned()]
}

impl ImapConfig {
    fn server(&self, env: &Environment) -> Result<Server> {
        let wrong = |field: &str, text: &str| Error::invalid(text).with_param(field);
        let part = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
        let bare = self.host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name =
            ServerName::try_from(bare).ok().filter(|_| self.host.chars().all(part)).ok_or_else(
                || wrong("host", "'host' is no name of a server; write it as in imap.example.com"),
            )?;
        if self.port == Some(0) {
            return Err(wrong("port", "'port' must be 1 to 65535"));
        }
        let plain = |text: &str| !text.is_empty() && !text.chars().any(char::is_control);
        if !plain(&self.username) {
            return Err(wrong("username", "'username' is empty or has control characters"));
        }
        if !plain(self.password.expose()) {
            return Err(wrong("password", "'password' is empty or has control characters"));
        }
        let named = self.mailboxes.iter().all(|name| plain(name) && name.len() <= 500);
        if !named || !(1..=MAILBOXES_MAX).contains(&self.mailboxes.len()) {
            let text = "'mailboxes' must be 1 to 100 names, as in INBOX or Archive/*";
            return Err(wrong("mailboxes", text));
        }
        let search = match &self.since {
            None => "ALL".to_owned(),
            Some(day) => format!(
                "SINCE {}",
                date(day)
                    .ok_or_else(|| wrong("since", "'since' must be a day, as in 2024-01-31"))?
            ),
        };
        Ok(Server {
            connector: self.connector()?,
            config: self.clone(),
            guard: Guard::new(env),
            idle: Mutex::default(),
            name,
            search,
        })
    }

    fn port(&self) -> u16 {
        self.port.unwrap_or(match self.tls {
            Tls::Implicit => 993,
            Tls::Starttls => 143,
        })
    }

    fn connector(&self) -> Result<TlsConnector> {
        let mut roots = RootCertStore::empty();
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        if let Some(pem) = &self.ca_certificate {
            let wrong = || {
                let text = "'ca_certificate' holds no certificate in PEM; it begins with \
                            -----BEGIN CERTIFICATE-----";
                Error::invalid(text).with_param("ca_certificate")
            };
            let before = roots.len();
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                let certificate = certificate.map_err(|cause| wrong().with_source(cause))?;
                roots.add(certificate).map_err(|cause| wrong().with_source(cause))?;
            }
            if roots.len() == before {
                return Err(wrong());
            }
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .or_internal("setting up TLS")?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(TlsConnector::from(Arc::new(config)))
    }
}

impl Connector for ImapConfig {
    fn check(&self) -> Result<()> {
        self.server(&Environment::default()).map(|_| ())
    }

    fn open(&self, env: &Environment) -> Result<Box<dyn Source>> {
        Ok(Box::new(self.server(env)?))
    }

    fn secrets(&self) -> &'static [&'static str] {
        &["password"]
    }

    fn receivers(&self) -> &'static [&'static str] {
        &["host", "port", "ca_certificate"]
    }
}

/// A day such as `2024-01-31` as IMAP writes it: `31-Jan-2024`.
fn date(text: &str) -> Option<String> {
    const MONTHS: [(&str, u32); 12] = [
        ("Jan", 31),
        ("Feb", 28),
        ("Mar", 31),
        ("Apr", 30),
        ("May", 31),
        ("Jun", 30),
        ("Jul", 31),
        ("Aug", 31),
        ("Sep", 30),
        ("Oct", 31),
        ("Nov", 30),
        ("Dec", 31),
    ];
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts[..] else { return None };
    let digits = |text: &str, count: usize| {
        let plain = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
        if plain { text.parse::<u32>().ok() } else { None }
    };
    let (year, month, day) = (digits(year, 4)?, digits(month, 2)?, digits(day, 2)?);
    let (name, days) = *MONTHS.get(usize::try_from(month.checked_sub(1)?).ok()?)?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = if month == 2 && leap { 29 } else { days };
    (1..=days).contains(&day).then(|| format!("{day}-{name}-{year:04}"))
}

/// A server to read from.
struct Server {
    config: ImapConfig,
    /// What its certificate must be for.
    name: ServerName<'static>,
    connector: TlsConnector,
    guard: Guard,
    /// Which messages, in IMAP's words.
    search: String,
    /// A connection that nobody uses.
    idle: Mutex<Option<Session>>,
}

impl Server {
    async fn connect(&self) -> Result<Session> {
        tokio::time::timeout(CONNECT, self.log_in())
            .await
            .map_err(|_| Error::new(Kind::Timeout, "the mail server did not answer in time"))?
    }

    async fn log_in(&self) -> Result<Session> {
        let (mut session, known) = match self.config.tls {
            Tls::Implicit => {
                Session::greeted(self.secure(Box::new(self.dial().await?)).await?).await?
            }
            Tls::Starttls => {
                let (session, _) = Session::greeted(Box::new(self.dial().await?)).await?;
                (Session::new(self.secure(session.start_tls().await?).await?), false)
            }
        };
        if !known {
            session.login(&self.config.username, self.config.password.expose()).await?;
        }
        Ok(session)
    }

    async fn dial(&self) -> Result<TcpStream> {
        let (host, port) = (&self.config.host, self.config.port());
        let found = self.guard.resolve(host, port).await?;
        TcpStream::connect(&found[..]).await.map_err(|cause| {
            let text =
                format!("the mail server '{host}' cannot be reached at port {port}: {cause}");
            Error::unavailable(text).with_source(cause)
        })
    }

    async fn secure(&self, stream: Box<dyn Wire>) -> Result<Box<dyn Wire>> {
        let secured = self.connector.connect(self.name.clone(), stream).await.map_err(|cause| {
            let text = format!(
                "no safe connection to the mail server '{}' could be made: {cause}; check 'port' \
                 and 'tls', and give 'ca_certificate' if its certificate is your own",
                self.config.host
            );
            Error::unavailable(text).with_source(cause)
        })?;
        Ok(Box::new(secured))
    }

    /// A connection that is idle.
    fn spare(&self) -> Option<Session> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Keeps a connection for the next that needs one.
    fn keep(&self, session: Session) {
        if session.is_usable() {
            *self.idle.lock().unwrap_or_else(PoisonError::into_inner) = Some(session);
        }
    }

    /// The names of the mailboxes, each once.
    async fn mailboxes(&self) -> Result<BTreeSet<String>> {
        let mut names = BTreeSet::new();
        for name in &self.config.mailboxes {
            if name.contains(['*', '%']) {
                let mut session = self.connect_or_spare().await?;
                names.extend(session.mailboxes(name).await?);
                self.keep(session);
            } else if name.eq_ignore_ascii_case("INBOX") {
                names.insert("INBOX".to_owned());
            } else {
                names.insert(name.clone());
            }
        }
        Ok(names)
    }

    async fn connect_or_spare(&self) -> Result<Session> {
        match self.spare() {
            Some(session) => Ok(session),
            None => self.connect().await,
        }
    }

    /// What is in a mailbox, and what its numbers are valid for. It is listed in one go, since
    /// a server ends a connection that waits while messages are worked on.
    async fn list(&self, mailbox: &str) -> Result<(u32, Vec<Listed>)> {
        let listing = async {
            let mut session = self.connect().await?;
            let validity = session.open(mailbox).await?;
            let uids = session.find(&self.search).await?;
            let listed = session.list(&uids).await?;
            self.keep(session);
            Ok::<_, Error>((validity, listed))
        };
        let late = |_| {
            let text = format!("listing the mailbox '{mailbox}' took too long; set 'since'");
            Error::new(Kind::Timeout, text)
        };
        tokio::time::timeout(LISTING, listing).await.map_err(late)?
    }

    async fn read(
        &self,
        session: &mut Session,
        place: &Place<'_>,
        limit: u64,
    ) -> Result<Option<Vec<u8>>> {
        let reading = async {
            if session.open(place.mailbox).await? != place.validity {
                return Ok(None);
            }
            session.message(place.uid, limit).await
        };
        let late = |_| Error::new(Kind::Timeout, "reading a message took too long");
        tokio::time::timeout(MESSAGE, reading).await.map_err(late)?
    }
}

/// Where a message is.
struct Place<'a> {
    mailbox: &'a str,
    validity: u32,
    uid: u32,
}

impl<'a> Place<'a> {
    fn key(&self) -> String {
        format!("{}/{}/{}", self.mailbox, self.validity, self.uid)
    }

    fn of(key: &'a str) -> Option<Self> {
        let mut parts = key.rsplitn(3, '/');
        let (uid, validity, mailbox) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self { mailbox, validity: validity.parse().ok()?, uid: uid.parse().ok()? })
    }
}

fn item(place: &Place<'_>, listed: &Listed) -> Item {
    let parsed = MessageParser::default().parse(&listed.header);
    let mut attributes = Map::new();
    attributes.insert("mailbox".to_owned(), Value::from(place.mailbox));
    let subject = parsed.as_ref().and_then(|message| message.subject()).map(str::trim);
    let subject = subject.filter(|subject| !subject.is_empty());
    if let Some(subject) = subject {
        let short: String = subject.chars().take(500).collect();
        attributes.insert("subject".to_owned(), Value::from(short));
    }
    let from = parsed.as_ref().and_then(|message| message.from()?.first()?.address());
    if let Some(from) = from {
        attributes
            .insert("from".to_owned(), Value::from(from.chars().take(500).collect::<String>()));
    }
    let name = subject.map_or_else(|| format!("message {}", place.uid), str::to_owned);
    Item {
        key: place.key(),
        // A message never changes under its number.
        version: listed.size.to_string(),
        name: crate::names::with_ending(&name, "eml"),
        size: Some(listed.size),
        modified_at: parsed.as_ref().and_then(|message| Some(message.date()?.to_timestamp())),
        attributes,
    }
}

/// The error for a message of more than is read.
fn over(key: &str, limit: u64) -> Error {
    if limit <= MESSAGE_BYTES_MAX {
        return too_large(key, limit);
    }
    let most = MESSAGE_BYTES_MAX >> 20;
    let text = format!("message '{key}' is larger than {most} MB, the most that is read of one");
    Error::new(Kind::TooLarge, text)
}

#[async_trait]
impl Source for Server {
    fn scan<'a>(
        &'a self,
        _known: &'a (dyn Fn(&str) -> Option<String> + Send + Sync),
    ) -> BoxStream<'a, Result<Seen>> {
        Box::pin(async_stream::try_stream! {
            for mailbox in self.mailboxes().await? {
                let (validity, listed) = self.list(&mailbox).await?;
                for listed in listed {
                    let place = Place { mailbox: &mailbox, validity, uid: listed.uid };
                    yield Seen::Item { item: item(&place, &listed), content: None };
                }
            }
        })
    }

    async fn fetch(&self, item: &Item, limit: u64, into: &mut dyn Sink) -> Result<()> {
        let most = limit.min(MESSAGE_BYTES_MAX);
        if item.size.is_some_and(|size| size > most) {
            return Err(over(&item.key, limit));
        }
        let gone = || Error::not_found(format!("message '{}'", item.key));
        let place = Place::of(&item.key).ok_or_else(gone)?;
        let mut outcome = None;
        if let Some(mut session) = self.spare() {
            let read = self.read(&mut session, &place, most).await;
            self.keep(session);
            // One that waited for long may have been ended by the server.
            outcome = Some(read).filter(|read| !read.as_ref().is_err_and(|e| e.kind().retryable()));
        }
        let outcome = match outcome {
            Some(outcome) => outcome,
            None => {
                let mut session = self.connect().await?;
                let read = self.read(&mut session, &place, most).await;
                self.keep(session);
                read
            }
        };
        match outcome {
            Ok(Some(bytes)) => into.write(&bytes).await,
            Ok(None) => Err(gone()),
            Err(error) if error.kind() == Kind::TooLarge => Err(over(&item.key, limit)),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
