//! A connection to a mail server, and the few commands that are sent over it. None of them
//! changes anything: mailboxes are opened to be read only, and messages are peeked at.

use std::collections::BTreeSet;

use base64::Engine as _;
use cairn_kernel::{Error, Kind, Result};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};

use super::names::{decoded, encoded, quoted};
use super::wire::{self, Node, Response, Status};

/// Most bytes of a literal that is no message: its header.
const HEADER_BYTES_MAX: u64 = 256 << 10;
/// Most messages of a mailbox.
const MESSAGES_MAX: usize = 500_000;
/// How many messages are asked about at a time.
const BATCH: usize = 200;
/// Most responses to one command, so that a server cannot talk for ever.
const RESPONSES_MAX: u32 = 1_000_000;

/// What a connection is made of.
pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// What is known of a message without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) uid: u32,
    pub(super) size: u64,
    /// Some lines of its header.
    pub(super) header: Vec<u8>,
}

/// A connection.
pub(super) struct Session {
    stream: BufReader<Box<dyn Wire>>,
    commands: u32,
    capabilities: Vec<String>,
    /// The mailbox that is open, and what its numbers are valid for.
    selected: Option<(String, u32)>,
    /// Whether what comes next is the answer to what is asked next: not while a command is
    /// being answered, wherever that is broken off.
    usable: bool,
}

impl Session {
    /// A connection that was just made, after the server's greeting; whether it knows us.
    pub(super) async fn greeted(stream: Box<dyn Wire>) -> Result<(Self, bool)> {
        let mut session = Self::new(stream);
        match session.read(0).await? {
            Response::News { status: Status::Ok, .. } => Ok((session, false)),
            Response::News { status: Status::PreAuth, .. } => Ok((session, true)),
            Response::News { said, .. } => Err(Error::unavailable(format!(
                "the mail server does not serve us now: {}",
                short(&said)
            ))),
            _ => Err(Error::unavailable("what answers is no mail server; check 'host' and 'port'")),
        }
    }

    /// A connection that was made safe; there is no second greeting.
    pub(super) fn new(stream: Box<dyn Wire>) -> Self {
        Self {
            stream: BufReader::new(stream),
            commands: 0,
            capabilities: Vec::new(),
            selected: None,
            usable: true,
        }
    }

    /// Whether further commands may be sent.
    pub(super) fn is_usable(&self) -> bool {
        self.usable
    }

    /// Asks for TLS and gives the connection on which it is to begin.
    pub(super) async fn start_tls(mut self) -> Result<Box<dyn Wire>> {
        self.command("STARTTLS", 0, |_| Ok(())).await.map_err(|error| {
            let text = "the mail server does not take up TLS here; set 'tls' to \"implicit\" and \
                        'port' to 993";
            Error::new(error.kind(), text).with_source(error)
        })?;
        // What was sent before TLS began may be anyone's.
        if !self.stream.buffer().is_empty() {
            return Err(Error::unavailable("the mail server sent more before TLS began"));
        }
        Ok(self.stream.into_inner())
    }

    /// Says who we are.
    pub(super) async fn login(&mut self, user: &str, password: &str) -> Result<()> {
        let mut found = Vec::new();
        self.command("CAPABILITY", 0, |nodes| {
            if let [first, rest @ ..] = nodes
                && first.is("CAPABILITY")
            {
                found.extend(
                    rest.iter()
                        .filter_map(Node::text)
                        .map(|text| String::from_utf8_lossy(text).to_ascii_uppercase()),
                );
            }
            Ok(())
        })
        .await?;
        self.capabilities = found;
        let can = |name: &str| self.capabilities.iter().any(|one| one == name);
        let plain = user.is_ascii() && password.is_ascii();
        let outcome = if can("AUTH=PLAIN") {
            self.authenticate(user, password).await
        } else if can("LOGINDISABLED") || !plain {
            return Err(Error::new(
                Kind::Unauthenticated,
                "the mail server takes no password in the way we can give it (AUTH=PLAIN)",
            ));
        } else {
            let command = format!("LOGIN {} {}", quoted(user), quoted(password));
            self.command(&command, 0, |_| Ok(())).await
        };
        outcome.map_err(|error| match error.kind() {
            Kind::Invalid => Error::new(
                Kind::Unauthenticated,
                format!(
                    "the mail server does not take 'username' and 'password' ({}); some want a \
                     password of its own for every program",
                    error.message()
                ),
            )
            .with_param("password"),
            _ => error,
        })
    }

    async fn authenticate(&mut self, user: &str, password: &str) -> Result<()> {
        let tag = self.send("AUTHENTICATE PLAIN").await?;
        loop {
            match self.read(0).await? {
                Response::Continue => break,
                Response::Done { said, status, .. } => return Err(refused(status, &said)),
                _ => {}
            }
        }
        let pair =
            base64::engine::general_purpose::STANDARD.encode(format!("\0{user}\0{password}"));
        self.write(&format!("{pair}\r\n")).await?;
        self.answer(&tag, 0, |_| Ok(())).await
    }

    /// The mailboxes that a pattern with `*` or `%` names.
    pub(super) async fn mailboxes(&mut self, pattern: &str) -> Result<Vec<String>> {
        let mut found = Vec::new();
        let command = format!("LIST \"\" {}", quoted(&encoded(pattern)));
        self.command(&command, HEADER_BYTES_MAX, |nodes| {
            if let [word, Node::List(marks), _, name] = nodes
                && word.is("LIST")
                && let Some(name) = name.text()
                && !marks.iter().any(|mark| mark.is("\\Noselect") || mark.is("\\NonExistent"))
            {
                found.push(decoded(&String::from_utf8_lossy(name)));
            }
            Ok(())
        })
        .await
        .map_err(passing)?;
        Ok(found)
    }

    /// Opens a mailbox to be read only; what its numbers are valid for.
    pub(super) async fn open(&mut self, mailbox: &str) -> Result<u32> {
        if let Some((open, validity)) = &self.selected
            && open == mailbox
        {
            return Ok(*validity);
        }
        self.selected = None;
        let tag = self.send(&format!("EXAMINE {}", quoted(&encoded(mailbox)))).await?;
        let mut validity = None;
        let outcome = self.answer(&tag, 0, |said| {
            if let Heard::News(said) = said {
                validity = validity_of(said).or(validity);
            }
            Ok(())
        });
        outcome.await.map_err(|error| match error.kind() {
            Kind::Invalid => {
                let what = format!("mailbox '{mailbox}' ({})", error.message());
                Error::not_found(what).with_param("mailboxes")
            }
            _ => error,
        })?;
        let validity = validity.ok_or_else(|| {
            Error::unavailable("the mail server gives messages no lasting numbers (UIDVALIDITY)")
        })?;
        self.selected = Some((mailbox.to_owned(), validity));
        Ok(validity)
    }

    /// The numbers of the messages of the open mailbox that `search` finds.
    pub(super) async fn find(&mut self, search: &str) -> Result<BTreeSet<u32>> {
        let mut found = BTreeSet::new();
        self.command(&format!("UID SEARCH {search}"), 0, |nodes| {
            if let [word, numbers @ ..] = nodes
                && word.is("SEARCH")
            {
                found.extend(numbers.iter().filter_map(Node::number));
            }
            Ok(())
        })
        .await
        .map_err(passing)?;
        if found.len() > MESSAGES_MAX {
            return Err(Error::new(
                Kind::TooLarge,
                format!("there are more than {MESSAGES_MAX} messages in a mailbox; set 'since'"),
            )
            .with_param("since"));
        }
        Ok(found)
    }

    /// What there is to know about these messages of the open mailbox. Those that are gone
    /// meanwhile are missing.
    pub(super) async fn list(&mut self, uids: &BTreeSet<u32>) -> Result<Vec<Listed>> {
        let uids: Vec<u32> = uids.iter().copied().collect();
        let mut listed = Vec::with_capacity(uids.len());
        for batch in uids.chunks(BATCH) {
            let command = format!(
                "UID FETCH {} (UID RFC822.SIZE BODY.PEEK[HEADER.FIELDS (SUBJECT FROM DATE)])",
                ranges(batch)
            );
            let mut found: Vec<Listed> = Vec::new();
            self.command(&command, HEADER_BYTES_MAX, |nodes| {
                let Some(values) = fetched(nodes) else { return Ok(()) };
                let uid = value(values, "UID").and_then(Node::number);
                let size = value(values, "RFC822.SIZE").and_then(Node::text);
                let size = size.and_then(|size| std::str::from_utf8(size).ok()?.parse().ok());
                // News of flags have no size; they are told unasked.
                if let (Some(uid), Some(size)) = (uid, size)
                    && batch.binary_search(&uid).is_ok()
                    && found.iter().all(|one| one.uid != uid)
                {
                    let header = body(values).unwrap_or_default().to_vec();
                    found.push(Listed { uid, size, header });
                }
                Ok(())
            })
            .await
            .map_err(passing)?;
            listed.append(&mut found);
        }
        listed.sort_unstable_by_key(|one| one.uid);
        Ok(listed)
    }

    /// The bytes of a message of the open mailbox; `None` when it is gone.
    ///
    /// # Errors
    /// `TooLarge` beyond `limit` bytes; the connection is of no use then.
    pub(super) async fn message(&mut self, uid: u32, limit: u64) -> Result<Option<Vec<u8>>> {
        let mut found = None;
        self.command(&format!("UID FETCH {uid} (UID BODY.PEEK[])"), limit, |nodes| {
            if let Some(values) = fetched(nodes)
                && value(values, "UID").and_then(Node::number) == Some(uid)
                && let Some(body) = body(values)
            {
                found = Some(body.to_vec());
            }
            Ok(())
        })
        .await
        .map_err(passing)?;
        Ok(found)
    }

    /// Sends a command and hands over the data that it is answered with.
    async fn command(
        &mut self,
        text: &str,
        limit: u64,
        mut take: impl FnMut(&[Node]) -> Result<()> + Send,
    ) -> Result<()> {
        let tag = self.send(text).await?;
        self.answer(&tag, limit, |heard| match heard {
            Heard::Data(nodes) => take(nodes),
            Heard::News(_) => Ok(()),
        })
        .await
    }

    /// Reads until the command of this tag is done.
    ///
    /// # Errors
    /// `Invalid` with the server's words when it refuses. A listing that it breaks off is an
    /// error too, and never a short one.
    async fn answer(
        &mut self,
        tag: &str,
        limit: u64,
        mut hear: impl FnMut(Heard<'_>) -> Result<()> + Send,
    ) -> Result<()> {
        for _ in 0..RESPONSES_MAX {
            match self.read(limit).await? {
                Response::Done { tag: done, status, said } if done == tag => {
                    self.usable = true;
                    return if status == Status::Ok { Ok(()) } else { Err(refused(status, &said)) };
                }
                Response::News { status: Status::Bye, said } => {
                    let text = format!("the mail server ended the connection: {}", short(&said));
                    return Err(Error::unavailable(text));
                }
                Response::News { said, .. } => hear(Heard::News(&said))?,
                Response::Data(nodes) => hear(Heard::Data(&nodes))?,
                Response::Done { .. } | Response::Continue => {}
            }
        }
        Err(Error::unavailable("the mail server does not come to an end"))
    }

    async fn read(&mut self, limit: u64) -> Result<Response> {
        wire::read(&mut self.stream, limit).await
    }

    /// Sends a command; its tag.
    async fn send(&mut self, text: &str) -> Result<String> {
        self.commands += 1;
        self.usable = false;
        let tag = format!("c{}", self.commands);
        self.write(&format!("{tag} {text}\r\n")).await?;
        Ok(tag)
    }

    async fn write(&mut self, text: &str) -> Result<()> {
        let sent = match self.stream.write_all(text.as_bytes()).await {
            Ok(()) => self.stream.flush().await,
            failed => failed,
        };
        sent.map_err(|cause| {
            Error::unavailable("the connection to the mail server broke").with_source(cause)
        })
    }
}

/// What is heard while a command is answered.
enum Heard<'a> {
    Data(&'a [Node]),
    News(&'a str),
}

fn refused(status: Status, said: &str) -> Error {
    match status {
        Status::Bad => {
            Error::unavailable(format!("the mail server does not understand us: {}", short(said)))
        }
        _ => Error::invalid(short(said)),
    }
}

/// A refusal of what every server should do: it may do it later.
fn passing(error: Error) -> Error {
    match error.kind() {
        Kind::Invalid => {
            Error::unavailable(format!("the mail server refuses to be read: {}", error.message()))
        }
        _ => error,
    }
}

/// The server's words, as much of them as anyone reads.
fn short(said: &str) -> String {
    said.chars().filter(|c| !c.is_control()).take(200).collect()
}

/// The number in `[UIDVALIDITY 7] ...`.
fn validity_of(said: &str) -> Option<u32> {
    let code = said.strip_prefix('[')?.split(']').next()?;
    let (word, number) = code.split_once(' ')?;
    if word.eq_ignore_ascii_case("UIDVALIDITY") { number.trim().parse().ok() } else { None }
}

/// The values of a `FETCH`: names and values in turn.
fn fetched(nodes: &[Node]) -> Option<&[Node]> {
    match nodes {
        [number, word, Node::List(values)] if word.is("FETCH") && number.number().is_some() => {
            Some(values)
        }
        _ => None,
    }
}

fn value<'a>(values: &'a [Node], name: &str) -> Option<&'a Node> {
    values.chunks_exact(2).find(|pair| pair.first().is_some_and(|node| node.is(name)))?.get(1)
}

/// The value of the `BODY[...]` that was asked for.
fn body(values: &[Node]) -> Option<&[u8]> {
    let is_body = |node: &Node| {
        node.text().is_some_and(|name| {
            name.get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"BODY["))
        })
    };
    let pair = values.chunks_exact(2).find(|pair| pair.first().is_some_and(is_body))?;
    pair.get(1)?.text()
}

/// Numbers in order as `1:3,7`.
fn ranges(numbers: &[u32]) -> String {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for &number in numbers {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
            _ => runs.push((number, number)),
        }
    }
    let written =
        runs.iter().map(
            |(first, last)| {
                if first == last { first.to_string() } else { format!("{first}:{last}") }
            },
        );
    written.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_a_row_are_a_range() {
        assert_eq!(ranges(&[1, 2, 3, 7, 9, 10, u32::MAX]), "1:3,7,9:10,4294967295");
        assert_eq!(ranges(&[]), "");
    }

    #[test]
    fn the_validity_is_found_in_the_news() {
        assert_eq!(validity_of("[UIDVALIDITY 3857529045] UIDs valid"), Some(3_857_529_045));
        assert_eq!(validity_of("[uidvalidity 1]"), Some(1));
        assert_eq!(validity_of("[UIDNEXT 1] x"), None);
        assert_eq!(validity_of("UIDVALIDITY 1"), None);
    }
}
