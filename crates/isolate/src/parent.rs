//! The parent's end: starting a child, talking to it, ending it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, LazyLock, mpsc};

use cairn_kernel::{Error, Kind, Result, ResultExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::fs::File;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child as Process, ChildStdin, ChildStdout, Command};
use tokio::sync::{Mutex, watch};

use crate::{CHILD_ARGUMENT, frame};

/// How much of a file is in memory while it is sent, in bytes.
const PIECE: usize = 256 << 10;

/// What a child is and what it may use.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The role, as the program's `main` dispatches it: `documents`, `gguf`, `train`.
    pub role: &'static str,
    /// Ceiling on the child's address space, in bytes.
    pub memory_bytes: Option<u64>,
    /// With `Some`, the only files and folders the child may read besides system
    /// libraries (Landlock, where the kernel has it). `None` leaves reading open.
    pub readable: Option<Vec<PathBuf>>,
    /// Folders the child may write to; used only when `readable` is given.
    pub writable: Vec<PathBuf>,
    /// Variables of the child's environment, unless this process has them.
    pub environment: Vec<(&'static str, &'static str)>,
    /// Largest payload of an answer, in bytes: what a child that was taken over may cost us.
    pub answer_bytes: u64,
}

impl Spec {
    /// A child of `role` without ceilings.
    pub fn new(role: &'static str) -> Self {
        Self {
            role,
            memory_bytes: None,
            readable: None,
            writable: Vec::new(),
            environment: Vec::new(),
            answer_bytes: frame::PAYLOAD_MAX,
        }
    }

    /// Sets the ceiling on the payload of an answer.
    #[must_use]
    pub fn answers_of(mut self, bytes: u64) -> Self {
        self.answer_bytes = bytes;
        self
    }

    /// Sets a variable of the child's environment, unless this process has it.
    #[must_use]
    pub fn environment(mut self, name: &'static str, value: &'static str) -> Self {
        self.environment.push((name, value));
        self
    }

    /// Sets the ceiling on the address space.
    #[must_use]
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory_bytes = Some(bytes);
        self
    }

    /// Restricts the child to reading `paths`.
    #[must_use]
    pub fn readable(mut self, paths: impl IntoIterator<Item = PathBuf>) -> Self {
        self.readable.get_or_insert_with(Vec::new).extend(paths);
        self
    }

    /// Lets a restricted child write below `paths`.
    #[must_use]
    pub fn writable(mut self, paths: impl IntoIterator<Item = PathBuf>) -> Self {
        self.readable.get_or_insert_with(Vec::new);
        self.writable.extend(paths);
        self
    }
}

/// The one thread that starts children, and never ends: a child dies with the thread that started
/// it ([`child::enter`](crate::child::enter)), and those of the runtime come and go.
static STARTER: LazyLock<Option<mpsc::Sender<Start>>> = LazyLock::new(|| {
    let (sender, starts) = mpsc::channel::<Start>();
    let work = move || starts.into_iter().for_each(|start| start());
    std::thread::Builder::new().name("children".to_owned()).spawn(work).ok()?;
    Some(sender)
});

type Start = Box<dyn FnOnce() + Send>;

/// Starts a process that belongs to the runtime of the thread that asks.
fn started(mut command: Command) -> std::io::Result<Process> {
    let Some(starter) = &*STARTER else {
        return Err(std::io::Error::other("the thread that starts children could not be started"));
    };
    let runtime = tokio::runtime::Handle::try_current().map_err(std::io::Error::other)?;
    let (done, outcome) = mpsc::sync_channel(1);
    let start = move || {
        let _entered = runtime.enter();
        let _ = done.send(command.spawn());
    };
    starter.send(Box::new(start)).map_err(|_| std::io::Error::other("children are not started"))?;
    outcome.recv().map_err(std::io::Error::other)?
}

/// Starts children of one executable.
#[derive(Clone, Debug)]
pub struct Isolate {
    program: Arc<Path>,
}

impl Isolate {
    /// Children of the running executable.
    ///
    /// # Errors
    /// When the system cannot say which file runs.
    pub fn current() -> Result<Self> {
        let program = std::env::current_exe().or_internal("finding our own executable")?;
        Ok(Self::with_program(program))
    }

    /// Children of another build of this program (tests use it).
    pub fn with_program(program: impl Into<PathBuf>) -> Self {
        Self { program: Arc::from(program.into()) }
    }

    /// Starts a child.
    ///
    /// # Errors
    /// `Unavailable` when the process cannot be started.
    #[expect(clippy::disallowed_methods, reason = "tasks that end with the child they belong to")]
    pub fn spawn(&self, spec: &Spec) -> Result<Child> {
        let mut command = Command::new(&*self.program);
        command
            .args(arguments(spec))
            .env_clear()
            .envs(environment(spec))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut process = started(command).or_kind(
            Kind::Unavailable,
            format!("the '{}' child could not be started", spec.role),
        )?;
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (process.stdin.take(), process.stdout.take(), process.stderr.take())
        else {
            return Err(Error::internal("a child was started without pipes"));
        };
        let pid = process.id();
        let role = spec.role;
        metrics::counter!("cairn_child_starts_total", "role" => role).increment(1);
        tokio::spawn(async move {
            let mut lines = BufReader::new(stderr).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                tracing::debug!(target: "cairn::child", role, pid, "{line}");
            }
        });
        let (kill, mut kill_asked) = watch::channel(false);
        let (ended, end) = watch::channel(None);
        tokio::spawn(async move {
            let status = tokio::select! {
                status = process.wait() => status,
                () = asked(&mut kill_asked) => {
                    let _ = process.start_kill();
                    process.wait().await
                }
            };
            let text = status.map_or_else(|error| error.to_string(), |status| status.to_string());
            tracing::debug!(role, pid, status = %text, "child ended");
            let _ = ended.send(Some(text));
        });
        Ok(Child {
            sender: Sender { stdin: Arc::new(Mutex::new(stdin)), role },
            receiver: Receiver {
                stdout: BufReader::new(stdout),
                role,
                payload_max: spec.answer_bytes,
            },
            handle: Handle { pid, role, kill: Arc::new(kill), end },
        })
    }
}

async fn asked(kill: &mut watch::Receiver<bool>) {
    let _ = kill.wait_for(|asked| *asked).await;
}

/// What a child sees of our environment: no keys or tokens, since it reads what strangers wrote.
const PASSED: [&str; 8] =
    ["PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "LD_LIBRARY_PATH", "RUST_BACKTRACE"];
/// The same by their beginnings: how many threads OpenMP takes and how they wait.
const PASSED_PREFIXES: [&str; 2] = ["OMP_", "GOMP_"];

fn environment(spec: &Spec) -> impl Iterator<Item = (OsString, OsString)> {
    let set = spec.environment.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    let passed = std::env::vars_os().filter(|(name, _)| {
        let name = name.to_string_lossy();
        PASSED.contains(&&*name) || PASSED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
    });
    // What comes later wins.
    set.chain(passed)
}

fn arguments(spec: &Spec) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec![CHILD_ARGUMENT.into(), spec.role.into()];
    let mut push = |name: &str, value: OsString| arguments.extend([name.into(), value]);
    if let Some(bytes) = spec.memory_bytes {
        push("--memory", bytes.to_string().into());
    }
    if let Some(paths) = &spec.readable {
        push("--confine", "yes".into());
        for path in paths {
            push("--readable", path.into());
        }
        for path in &spec.writable {
            push("--writable", path.into());
        }
    }
    arguments
}

/// What goes with a message.
#[derive(Clone, Copy, Debug)]
pub enum Payload<'a> {
    /// Bytes in memory.
    Bytes(&'a [u8]),
    /// The bytes of a file that does not change, of which a piece at a time is in memory.
    File(&'a Path),
}

/// A running child. It is killed when its [`Handle`]s are gone.
#[derive(Debug)]
pub struct Child {
    sender: Sender,
    receiver: Receiver,
    handle: Handle,
}

impl Child {
    /// Takes the child apart, for streaming in both directions at once.
    pub fn split(self) -> (Sender, Receiver, Handle) {
        (self.sender, self.receiver, self.handle)
    }

    /// Sends one message and waits for one answer.
    ///
    /// # Errors
    /// `Unavailable` when the child died.
    pub async fn call<Q, A>(&mut self, header: &Q, payload: &[u8]) -> Result<(A, Vec<u8>)>
    where
        Q: Serialize + Sync,
        A: DeserializeOwned,
    {
        self.call_with(header, Payload::Bytes(payload)).await
    }

    /// As [`Child::call`], with a payload that need not be in memory.
    ///
    /// # Errors
    /// `Unavailable` when the child died, `NotFound` when the file is not there.
    pub async fn call_with<Q, A>(
        &mut self,
        header: &Q,
        payload: Payload<'_>,
    ) -> Result<(A, Vec<u8>)>
    where
        Q: Serialize + Sync,
        A: DeserializeOwned,
    {
        match payload {
            Payload::Bytes(bytes) => self.sender.send(header, bytes).await?,
            Payload::File(path) => self.sender.send_file(header, path).await?,
        }
        match self.receiver.recv().await? {
            Some(answer) => Ok(answer),
            None => Err(self.handle.died().await),
        }
    }

    /// The handle that can end the child.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }
}

/// Sends messages to a child; clones share the pipe, each message goes out whole.
#[derive(Clone, Debug)]
pub struct Sender {
    stdin: Arc<Mutex<ChildStdin>>,
    role: &'static str,
}

impl Sender {
    /// Sends one message.
    ///
    /// # Errors
    /// `Unavailable` when the child is gone.
    pub async fn send<T: Serialize + Sync>(&self, header: &T, payload: &[u8]) -> Result<()> {
        let head = frame::head(header, payload.len() as u64);
        let head = head.or_internal("encoding a message to a child")?;
        let mut stdin = self.stdin.lock().await;
        let written = async {
            stdin.write_all(&head).await?;
            stdin.write_all(payload).await?;
            stdin.flush().await
        };
        written.await.or_kind(Kind::Unavailable, gone(self.role))
    }

    /// Sends one message with the bytes of a file. After an error the child is of no more use.
    ///
    /// # Errors
    /// `NotFound` when there is no such file, `Internal` when it cannot be read, `Unavailable`
    /// when the child is gone.
    pub async fn send_file<T: Serialize + Sync>(&self, header: &T, path: &Path) -> Result<()> {
        let mut file = File::open(path).await.map_err(unreadable)?;
        let size = file.metadata().await.map_err(unreadable)?.len();
        let head = frame::head(header, size).or_internal("encoding a message to a child")?;
        let gone = || gone(self.role);
        let mut stdin = self.stdin.lock().await;
        stdin.write_all(&head).await.or_kind(Kind::Unavailable, gone())?;
        let (mut left, mut piece) = (size, vec![0; PIECE]);
        while left > 0 {
            let most = PIECE.min(usize::try_from(left).unwrap_or(PIECE));
            let wanted = piece.get_mut(..most).unwrap_or_default();
            let read = file.read(wanted).await.map_err(unreadable)?;
            if read == 0 {
                return Err(Error::internal("a file became shorter while it was sent to a child"));
            }
            let came = piece.get(..read).unwrap_or_default();
            stdin.write_all(came).await.or_kind(Kind::Unavailable, gone())?;
            left = left.saturating_sub(read as u64);
        }
        stdin.flush().await.or_kind(Kind::Unavailable, gone())
    }
}

/// Receives messages from a child.
#[derive(Debug)]
pub struct Receiver {
    stdout: BufReader<ChildStdout>,
    role: &'static str,
    payload_max: u64,
}

impl Receiver {
    /// The next message; `None` when the child has closed its output or died.
    ///
    /// # Errors
    /// `Unavailable` when the stream broke within a message.
    pub async fn recv<T: DeserializeOwned>(&mut self) -> Result<Option<(T, Vec<u8>)>> {
        frame::read_async(&mut self.stdout, self.payload_max)
            .await
            .or_kind(Kind::Unavailable, gone(self.role))
    }
}

fn unreadable(cause: std::io::Error) -> Error {
    match cause.kind() {
        std::io::ErrorKind::NotFound => {
            Error::new(Kind::NotFound, "the bytes of this file are gone").with_source(cause)
        }
        _ => Error::internal("reading a file for a child").with_source(cause),
    }
}

fn gone(role: &str) -> String {
    format!("the '{role}' process ended in the middle of the work; send the request again")
}

/// Ends a child and tells how it ended.
#[derive(Clone, Debug)]
pub struct Handle {
    pid: Option<u32>,
    role: &'static str,
    kill: Arc<watch::Sender<bool>>,
    end: watch::Receiver<Option<String>>,
}

impl Handle {
    /// The process id.
    pub fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// Kills the child now.
    pub fn kill(&self) {
        let _ = self.kill.send(true);
    }

    /// Whether the child has not ended yet.
    pub fn is_running(&self) -> bool {
        self.end.borrow().is_none()
    }

    /// Waits for the end and returns the exit status in words.
    pub async fn ended(&self) -> String {
        let mut end = self.end.clone();
        end.wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|status| status.clone())
            .unwrap_or_else(|| "unknown".to_owned())
    }

    /// The retryable error for work the child took with it, with its exit status.
    pub async fn died(&self) -> Error {
        let wait = std::time::Duration::from_secs(2);
        let status = tokio::time::timeout(wait, self.ended()).await;
        let status = status.unwrap_or_else(|_| "still running".to_owned());
        metrics::counter!("cairn_child_deaths_total", "role" => self.role).increment(1);
        tracing::warn!(role = self.role, pid = self.pid, %status, "child died");
        Error::unavailable(gone(self.role)).with_code("engine_restarting").with_source(status)
    }
}
