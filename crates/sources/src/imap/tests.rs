use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpListener;

use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::*;
use crate::contract::{self, Place as _};

const AUTHORITY: &str = include_str!("tests/authority.pem");
const CERTIFICATE: &[u8] = include_bytes!("tests/certificate.pem");
const KEY: &[u8] = include_bytes!("tests/key-for-tests.pem");
/// `\0me\0pass wörd`.
const PAIR: &str = "AG1lAHBhc3Mgd8O2cmQ=";

#[derive(Default)]
struct Mailbox {
    validity: u32,
    next: u32,
    messages: BTreeMap<u32, String>,
}

/// What the server is, and what it was told.
#[derive(Default)]
struct State {
    mailboxes: BTreeMap<String, Mailbox>,
    said: Vec<String>,
    connections: usize,
    /// Breaks off the list of messages after the first.
    breaks_off: bool,
    /// Refuses to list messages.
    refuses: bool,
    /// Ends each connection after so many commands.
    patience: Option<usize>,
    /// Takes a password only in `LOGIN`.
    old: bool,
    /// Sends a word too many before TLS begins.
    eager: bool,
}

/// A mail server of the tests' own. It ends with the process.
struct Mail {
    port: u16,
    tls: Tls,
    state: Arc<Mutex<State>>,
    names: BTreeMap<String, u32>,
}

impl Mail {
    fn start(tls: Tls) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State::default()));
        let theirs = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let state = Arc::clone(&theirs);
                std::thread::spawn(move || {
                    state.lock().unwrap().connections += 1;
                    // Who hangs up early does so on purpose.
                    let _ = meet(stream.unwrap(), tls, &state);
                });
            }
        });
        let mail = Self { port, tls, state, names: BTreeMap::new() };
        mail.add_mailbox("INBOX");
        mail
    }

    fn add_mailbox(&self, name: &str) {
        let mailbox = Mailbox { validity: 7, next: 1, messages: BTreeMap::new() };
        self.state.lock().unwrap().mailboxes.insert(name.to_owned(), mailbox);
    }

    /// Puts a message into a mailbox; its number.
    fn deliver(&self, mailbox: &str, subject: &str, text: &str) -> u32 {
        let mut state = self.state.lock().unwrap();
        let mailbox = state.mailboxes.get_mut(mailbox).unwrap();
        let uid = mailbox.next;
        mailbox.next += 3;
        let message = format!(
            "Subject: {subject}\r\nFrom: Ann <ann@example.com>\r\nX-Other: x\r\n\
             Date: Tue, 2 Jan 2024 03:04:05 +0000\r\n\r\n{text}\r\n"
        );
        mailbox.messages.insert(uid, message);
        uid
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
    }

    fn said(&self) -> Vec<String> {
        self.state.lock().unwrap().said.clone()
    }

    fn config(&self) -> ImapConfig {
        ImapConfig {
            host: "localhost".to_owned(),
            port: Some(self.port),
            tls: self.tls,
            ca_certificate: Some(AUTHORITY.to_owned()),
            username: "me".to_owned(),
            password: Secret::new("pass wörd"),
            mailboxes: mailboxes(),
            since: None,
        }
    }
}

fn env() -> Environment {
    Environment { allowed_hosts: vec!["localhost".to_owned()], ..Environment::default() }
}

fn open(config: &ImapConfig) -> Box<dyn Source> {
    config.open(&env()).unwrap()
}

async fn ended(config: &ImapConfig) -> Error {
    contract::scan(open(config).as_ref()).await.ended.unwrap_err()
}

fn read_line(stream: &mut impl Read) -> std::io::Result<String> {
    let (mut line, mut byte) = (Vec::new(), [0]);
    while !line.ends_with(b"\r\n") {
        stream.read_exact(&mut byte)?;
        line.push(byte[0]);
    }
    line.truncate(line.len() - 2);
    Ok(String::from_utf8_lossy(&line).into_owned())
}

fn meet(mut stream: std::net::TcpStream, tls: Tls, state: &Mutex<State>) -> std::io::Result<()> {
    let chain = CertificateDer::pem_slice_iter(CERTIFICATE).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let connection = ServerConnection::new(Arc::new(config)).unwrap();
    if tls == Tls::Starttls {
        stream.write_all(b"* OK ready\r\n")?;
        let line = read_line(&mut stream)?;
        let tag = line.strip_suffix(" STARTTLS").expect("nothing else in the clear");
        let eager = state.lock().unwrap().eager;
        let more = if eager { "* OK more\r\n" } else { "" };
        stream.write_all(format!("{tag} OK begin\r\n{more}").as_bytes())?;
    }
    let mut stream = StreamOwned::new(connection, stream);
    if tls == Tls::Implicit {
        stream.write_all(b"* OK [CAPABILITY IMAP4rev1] ready {5}\r\n")?;
    }
    serve(&mut stream, state)
}

fn serve(stream: &mut (impl Read + Write), state: &Mutex<State>) -> std::io::Result<()> {
    let (mut known, mut open, mut count) = (false, String::new(), 0);
    loop {
        let line = read_line(stream)?;
        let (tag, command) = line.split_once(' ').unwrap_or((line.as_str(), ""));
        count += 1;
        let (patience, old) = {
            let mut state = state.lock().unwrap();
            state.said.push(command.to_owned());
            (state.patience, state.old)
        };
        if patience.is_some_and(|patience| count > patience) {
            return Ok(());
        }
        let mut answer = String::new();
        let mut done = "OK done";
        if command == "CAPABILITY" {
            let auth = if old { "" } else { " AUTH=PLAIN" };
            answer = format!("* CAPABILITY IMAP4rev1{auth}\r\n");
        } else if command == "AUTHENTICATE PLAIN" {
            stream.write_all(b"+ \r\n")?;
            known = read_line(stream)? == PAIR;
            done = if known { "OK welcome" } else { "NO [AUTHENTICATIONFAILED] wrong password" };
        } else if command.starts_with("LOGIN ") {
            known = command == "LOGIN \"me\" \"pass \\\"word\\\"\"";
            done = if known { "OK welcome" } else { "NO wrong password" };
        } else if !known {
            done = "BAD who are you";
        } else {
            let state = state.lock().unwrap();
            match respond(&state, command, &mut open) {
                Ok(data) => answer = data,
                Err(why) => done = why,
            }
            if command.starts_with("UID FETCH") && command.contains("HEADER") && state.breaks_off {
                let end = answer.find("* 2 FETCH").unwrap_or(answer.len());
                stream.write_all(&answer.as_bytes()[..end])?;
                return stream.flush();
            }
        }
        stream.write_all(format!("{answer}{tag} {done}\r\n").as_bytes())?;
        stream.flush()?;
    }
}

/// The data that a command is answered with, or why it is refused.
fn respond(state: &State, command: &str, open: &mut String) -> Result<String, &'static str> {
    if let Some(name) = command.strip_prefix("EXAMINE ") {
        *open = name.trim_matches('"').to_owned();
        let mailbox = state.mailboxes.get(open).ok_or("NO [NONEXISTENT] no such mailbox")?;
        return Ok(format!(
            "* FLAGS (\\Seen)\r\n* {} EXISTS\r\n* OK [UIDVALIDITY {}] valid\r\n",
            mailbox.messages.len(),
            mailbox.validity
        ));
    }
    if let Some(pattern) = command.strip_prefix("LIST \"\" ") {
        let start = pattern.trim_matches('"').trim_end_matches('*');
        let names = state.mailboxes.keys().filter(|name| name.starts_with(start));
        let list = names.map(|name| format!("* LIST (\\HasNoChildren) \"/\" \"{name}\"\r\n"));
        return Ok(list.collect::<String>() + "* LIST (\\Noselect) \"/\" Archive\r\n");
    }
    if state.refuses {
        return Err("NO [UNAVAILABLE] later");
    }
    let mailbox = state.mailboxes.get(open.as_str()).ok_or("BAD no mailbox is open")?;
    if let Some(search) = command.strip_prefix("UID SEARCH ") {
        assert!(["ALL", "SINCE 31-Jan-2024"].contains(&search), "{search}");
        let uids: String = mailbox.messages.keys().map(|uid| format!(" {uid}")).collect();
        return Ok(format!("* SEARCH{uids}\r\n"));
    }
    let (set, wanted) = command
        .strip_prefix("UID FETCH ")
        .and_then(|rest| rest.split_once(' '))
        .ok_or("BAD what")?;
    let ranges: Vec<(u32, u32)> = set
        .split(',')
        .map(|range| range.split_once(':').unwrap_or((range, range)))
        .map(|(first, last)| (first.parse().unwrap(), last.parse().unwrap()))
        .collect();
    let mut data = String::from("* 1 FETCH (FLAGS (\\Seen))\r\n");
    for (number, (uid, message)) in mailbox.messages.iter().enumerate() {
        if !ranges.iter().any(|(first, last)| (first..=last).contains(&uid)) {
            continue;
        }
        let (body, value) = if wanted == "(UID BODY.PEEK[])" {
            ("BODY[]".to_owned(), message.clone())
        } else {
            assert_eq!(wanted, "(UID RFC822.SIZE BODY.PEEK[HEADER.FIELDS (SUBJECT FROM DATE)])");
            let lines = message.lines().take_while(|line| !line.is_empty());
            let kept = lines.filter(|line| !line.starts_with("X-"));
            let kept: String = kept.map(|line| format!("{line}\r\n")).collect();
            ("BODY[HEADER.FIELDS (SUBJECT FROM DATE)]".to_owned(), kept + "\r\n")
        };
        data += &format!(
            "* {} FETCH (UID {uid} RFC822.SIZE {} {body} {{{}}}\r\n{value})\r\n",
            number + 1,
            message.len(),
            value.len()
        );
    }
    Ok(data)
}

#[async_trait]
impl contract::Place for Mail {
    fn source(&self) -> Box<dyn Source> {
        open(&self.config())
    }

    async fn put(&mut self, name: &str, text: &str) {
        // A message does not change; another takes its place.
        if self.names.contains_key(name) {
            self.remove(name).await;
        }
        let uid = self.deliver("INBOX", name, text);
        self.names.insert(name.to_owned(), uid);
    }

    async fn remove(&mut self, name: &str) {
        let uid = self.names.remove(name).unwrap();
        self.change(|state| {
            state.mailboxes.get_mut("INBOX").unwrap().messages.remove(&uid);
        });
    }

    async fn break_listing(&mut self) {
        self.change(|state| state.breaks_off = true);
    }
}

#[tokio::test]
async fn a_mailbox_is_a_source() {
    contract::all(&mut Mail::start(Tls::Implicit)).await;
}

#[tokio::test]
async fn a_mailbox_behind_starttls_is_a_source() {
    contract::all(&mut Mail::start(Tls::Starttls)).await;
}

#[tokio::test]
async fn messages_are_named_by_their_subjects_and_nothing_is_marked() {
    let mail = Mail::start(Tls::Implicit);
    let uid = mail.deliver("INBOX", "=?utf-8?q?Z=C3=BCrich=3A_a/b?=", "hello");
    mail.deliver("INBOX", "", "nothing to say");
    let source = mail.source();
    let scanned = contract::scan(source.as_ref()).await;
    scanned.ended.as_ref().unwrap();
    let (item, content) = &scanned.items[&format!("INBOX/7/{uid}")];
    assert_eq!(item.name, "Zürich: a-b.eml");
    assert_eq!(item.modified_at, Some(1_704_164_645));
    assert_eq!(item.attributes["from"], "ann@example.com");
    assert_eq!(item.attributes["subject"], "Zürich: a/b");
    assert!(content.is_none());
    assert_eq!(scanned.items["INBOX/7/4"].0.name, "message 4.eml");
    let bytes = contract::fetched(source.as_ref(), item, 10_000).await.unwrap();
    assert!(bytes.ends_with(b"\r\n\r\nhello\r\n") && item.size == Some(bytes.len() as u64));
    for said in mail.said() {
        let harmless = ["CAPABILITY", "AUTHENTICATE", "EXAMINE", "UID SEARCH", "UID FETCH"];
        assert!(harmless.iter().any(|word| said.starts_with(word)), "{said}");
        assert!(!said.contains("BODY["), "{said}");
    }
}

#[tokio::test]
async fn a_connection_is_used_again_and_replaced_when_it_ended() {
    let mail = Mail::start(Tls::Implicit);
    for number in 0..5 {
        mail.deliver("INBOX", "x", &format!("text {number}"));
    }
    let source = mail.source();
    assert_eq!(contract::texts(source.as_ref()).await.len(), 5);
    assert_eq!(mail.state.lock().unwrap().connections, 1);
    mail.change(|state| (state.connections, state.patience) = (0, Some(5)));
    let source = mail.source();
    assert_eq!(contract::texts(source.as_ref()).await.len(), 5);
    assert!(mail.state.lock().unwrap().connections > 1);
}

#[tokio::test]
async fn numbers_that_are_not_valid_any_more_are_gone() {
    let mail = Mail::start(Tls::Implicit);
    mail.deliver("INBOX", "x", "text");
    let (item, _) = contract::scan(mail.source().as_ref()).await.items.pop_first().unwrap().1;
    mail.change(|state| state.mailboxes.get_mut("INBOX").unwrap().validity = 8);
    assert_eq!(
        contract::fetched(mail.source().as_ref(), &item, 1000).await.unwrap_err().kind(),
        Kind::NotFound
    );
    let keys: Vec<String> =
        contract::scan(mail.source().as_ref()).await.items.into_keys().collect();
    assert_eq!(keys, ["INBOX/8/1"]);
    for key in ["INBOX/8/99", "INBOX/8", "x", "INBOX/8/one"] {
        let odd = Item { key: key.to_owned(), ..item.clone() };
        assert_eq!(
            contract::fetched(mail.source().as_ref(), &odd, 1000).await.unwrap_err().kind(),
            Kind::NotFound
        );
    }
}

#[tokio::test]
async fn mailboxes_are_named_by_patterns_and_in_all_languages() {
    let mail = Mail::start(Tls::Implicit);
    for name in ["Archive/2023", "Archive/Entw&APw-rfe", "Other"] {
        mail.add_mailbox(name);
        mail.deliver(name, "x", name);
    }
    let mut config = mail.config();
    config.mailboxes = vec!["Archive/*".to_owned(), "Archive/2023".to_owned(), "inbox".to_owned()];
    config.since = Some("2024-01-31".to_owned());
    let found = contract::texts(open(&config).as_ref()).await;
    let keys: Vec<&String> = found.keys().collect();
    assert_eq!(keys, ["Archive/2023/7/1", "Archive/Entwürfe/7/1"]);
    config.mailboxes = vec!["Nothing".to_owned()];
    let refused = ended(&config).await;
    assert_eq!((refused.kind(), refused.param()), (Kind::NotFound, Some("mailboxes")), "{refused}");
}

#[tokio::test]
async fn a_refusal_is_no_empty_mailbox() {
    let mail = Mail::start(Tls::Implicit);
    mail.deliver("INBOX", "x", "text");
    mail.change(|state| state.refuses = true);
    let refused = ended(&mail.config()).await;
    assert!(refused.message().contains("later"), "{refused}");
    let mut config = mail.config();
    config.password = Secret::new("wrong");
    let refused = ended(&config).await;
    assert_eq!((refused.kind(), refused.param()), (Kind::Unauthenticated, Some("password")));
    mail.change(|state| (state.old, state.refuses) = (true, false));
    assert_eq!(ended(&config).await.kind(), Kind::Unauthenticated);
    config.password = Secret::new("pass \"word\"");
    assert_eq!(contract::texts(open(&config).as_ref()).await.len(), 1);
}

#[tokio::test]
async fn nothing_is_said_to_a_server_that_cannot_prove_itself() {
    let mail = Mail::start(Tls::Implicit);
    let mut config = mail.config();
    config.ca_certificate = None;
    let refused = ended(&config).await;
    assert!(refused.message().contains("ca_certificate"), "{refused}");
    let named = Environment { allowed_hosts: vec!["127.0.0.1".to_owned()], ..env() };
    let config = ImapConfig { host: "127.0.0.1".to_owned(), ..mail.config() };
    let ended_otherwise = contract::scan(config.open(&named).unwrap().as_ref()).await.ended;
    assert!(ended_otherwise.is_err(), "its certificate is for localhost");
    let closed = mail.config().open(&Environment::default()).unwrap();
    let refused = contract::scan(closed.as_ref()).await.ended.unwrap_err();
    assert_eq!(refused.kind(), Kind::Forbidden, "{refused}");
    assert!(mail.said().is_empty());

    let eager = Mail::start(Tls::Starttls);
    eager.change(|state| state.eager = true);
    assert_eq!(ended(&eager.config()).await.kind(), Kind::Unavailable);
    assert!(eager.said().is_empty());
}

#[test]
fn what_cannot_be_is_refused_with_the_field_and_the_password_is_not_shown() {
    let parse = |changes: &str| -> ImapConfig {
        let mut config =
            serde_json::json!({"host": "imap.example.com", "username": "me", "password": "s3cret"});
        let changes: Value = serde_json::from_str(changes).unwrap();
        config.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        serde_json::from_value(config).unwrap()
    };
    assert_eq!((parse("{}").port(), parse(r#"{"tls": "starttls"}"#).port()), (993, 143));
    parse(r#"{"since": "2024-02-29", "host": "192.0.2.1"}"#).check().unwrap();
    for (changes, field) in [
        (r#"{"host": "imap://x"}"#, "host"),
        (r#"{"host": ""}"#, "host"),
        (r#"{"port": 0}"#, "port"),
        (r#"{"username": ""}"#, "username"),
        (r#"{"password": "a\r\nb"}"#, "password"),
        (r#"{"mailboxes": []}"#, "mailboxes"),
        (r#"{"mailboxes": ["a\nb"]}"#, "mailboxes"),
        (r#"{"since": "2023-02-29"}"#, "since"),
        (r#"{"since": "2023-1-2"}"#, "since"),
        (r#"{"since": "ALL"}"#, "since"),
        (r#"{"ca_certificate": "x"}"#, "ca_certificate"),
    ] {
        assert_eq!(parse(changes).check().unwrap_err().param(), Some(field), "{changes}");
    }
    let shown = crate::SourceConfig::Imap(parse("{}")).redacted().to_string();
    assert!(!shown.contains("s3cret"), "{shown}");
    assert!(!format!("{:?}", parse("{}")).contains("s3cret"));
    assert_eq!(date("2024-01-31").as_deref(), Some("31-Jan-2024"));
    assert_eq!(date("2024-12-01").as_deref(), Some("1-Dec-2024"));
}
