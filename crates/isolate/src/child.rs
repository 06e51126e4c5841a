//! The child's end: limits first, then a blocking channel to the parent.

use std::fs::File;
use std::io::{self, BufReader, BufWriter};
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr,
};
use rustix::process::{Resource, Rlimit, Signal};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::frame;

/// The child's side of the pipes.
#[derive(Debug)]
pub struct Channel {
    /// Messages from the parent.
    pub reader: Reader,
    /// Messages to the parent.
    pub writer: Writer,
}

/// Messages from the parent.
#[derive(Debug)]
pub struct Reader(BufReader<File>);

/// Messages to the parent.
#[derive(Debug)]
pub struct Writer(BufWriter<File>);

impl Reader {
    /// The next message, `None` when the parent is gone or done with us.
    ///
    /// # Errors
    /// When the stream breaks within a message or is not of type `T`.
    pub fn recv<T: DeserializeOwned>(&mut self) -> io::Result<Option<(T, Vec<u8>)>> {
        frame::read_blocking(&mut self.0)
    }
}

impl Writer {
    /// Sends one message.
    ///
    /// # Errors
    /// When the parent is gone.
    pub fn send<T: Serialize>(&mut self, header: &T, payload: &[u8]) -> io::Result<()> {
        frame::write_blocking(&mut self.0, header, payload)
    }
}

/// Applies the limits among `arguments` (what follows the role on the command
/// line), and takes over standard input and output.
///
/// From here on whatever a library prints to standard output goes to standard
/// error, so it cannot corrupt the channel.
///
/// # Errors
/// When a limit cannot be set or an argument is not known.
pub fn enter(arguments: &[String]) -> io::Result<Channel> {
    let confinement = Confinement::parse(arguments)?;
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    rustix::process::setrlimit(Resource::Core, none)?;
    if let Some(bytes) = confinement.memory {
        let ceiling = Rlimit { current: Some(bytes), maximum: Some(bytes) };
        rustix::process::setrlimit(Resource::As, ceiling)?;
    }
    let input = rustix::io::dup(rustix::stdio::stdin())?;
    let output = rustix::io::dup(rustix::stdio::stdout())?;
    rustix::stdio::dup2_stdout(rustix::stdio::stderr())?;
    if confinement.confine {
        confine(&confinement.readable, &confinement.writable)?;
    }
    Ok(Channel {
        reader: Reader(BufReader::new(File::from(input))),
        writer: Writer(BufWriter::new(File::from(output))),
    })
}

/// Answers each request with what `answer` makes of it, until the parent closes.
///
/// # Errors
/// When the channel breaks.
pub fn serve<Q, A, F>(mut channel: Channel, mut answer: F) -> io::Result<()>
where
    Q: DeserializeOwned,
    A: Serialize,
    F: FnMut(Q, Vec<u8>) -> (A, Vec<u8>),
{
    while let Some((request, payload)) = channel.reader.recv()? {
        let (header, payload) = answer(request, payload);
        channel.writer.send(&header, &payload)?;
    }
    Ok(())
}

#[derive(Debug, Default, PartialEq)]
struct Confinement {
    memory: Option<u64>,
    confine: bool,
    readable: Vec<PathBuf>,
    writable: Vec<PathBuf>,
}

impl Confinement {
    fn parse(arguments: &[String]) -> io::Result<Self> {
        let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, what.to_owned());
        let mut found = Self::default();
        let mut rest = arguments.iter();
        while let Some(name) = rest.next() {
            let value = rest.next().ok_or_else(|| wrong("an argument without a value"))?;
            match name.as_str() {
                "--memory" => {
                    found.memory = Some(value.parse().map_err(|_| wrong("a size in bytes"))?);
                }
                "--confine" => found.confine = true,
                "--readable" => found.readable.push(value.into()),
                "--writable" => found.writable.push(value.into()),
                other => return Err(wrong(other)),
            }
        }
        Ok(found)
    }
}

/// Folders a dynamically linked program needs to read.
const SYSTEM: [&str; 8] =
    ["/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/proc", "/sys/devices/system", "/dev", "/etc"];

/// Leaves only the given paths reachable. Where the kernel has no Landlock this
/// changes nothing; the memory ceiling and the process border still hold.
fn confine(readable: &[PathBuf], writable: &[PathBuf]) -> io::Result<()> {
    let abi = ABI::V2;
    let read = AccessFs::from_read(abi);
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(abi))
        .and_then(Ruleset::create)
        .map_err(io::Error::other)?;
    let system = SYSTEM.iter().map(Path::new);
    for path in system.chain(readable.iter().map(PathBuf::as_path)) {
        rules = allow(rules, path, read)?;
    }
    for path in writable {
        rules = allow(rules, path, AccessFs::from_all(abi))?;
    }
    rules.restrict_self().map_err(io::Error::other)?;
    Ok(())
}

fn allow(
    rules: landlock::RulesetCreated,
    path: &Path,
    mut access: landlock::BitFlags<AccessFs>,
) -> io::Result<landlock::RulesetCreated> {
    let Ok(opened) = PathFd::new(path) else { return Ok(rules) };
    if !path.is_dir() {
        access &= AccessFs::from_file(ABI::V2);
    }
    rules.add_rule(PathBeneath::new(opened, access)).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_argument_is_an_error() {
        let arguments = ["--memory", "1024", "--what", "x"].map(str::to_owned);
        assert!(Confinement::parse(&arguments).is_err());
        let parsed = Confinement::parse(&arguments[..2]).map(|c| c.memory);
        assert_eq!(parsed.ok(), Some(Some(1024)));
    }
}
