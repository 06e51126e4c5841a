//! Log lines of the child: standard error, which the parent writes to its own log.

use std::fmt::{Debug, Write as _};
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

static FIRST_ERROR: Mutex<Option<String>> = Mutex::new(None);

/// Sends this process's own events, and the engine's warnings, to standard error.
/// A subscriber that the program has set already stays.
pub(super) fn start() {
    let _ = tracing::subscriber::set_global_default(Lines);
    llama_cpp_2::send_logs_to_tracing(llama_cpp_2::LogOptions::default());
}

/// The first error the engine complained of: the reason of a failed load (what
/// follows only says that it failed).
pub(super) fn first_error() -> Option<String> {
    FIRST_ERROR.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

struct Lines;

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let ours = metadata.target().starts_with("cairn");
        let finest = if ours { Level::DEBUG } else { Level::WARN };
        metadata.is_event() && *metadata.level() <= finest
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        let level = *event.metadata().level();
        if level == Level::ERROR {
            let mut first = FIRST_ERROR.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert_with(|| line.0.trim().to_owned());
        }
        let _ = writeln!(std::io::stderr().lock(), "{level}{}", line.0);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = match field.name() {
            "message" => write!(self.0, " {value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let value = value.trim_end();
        let _ = match field.name() {
            "message" => write!(self.0, " {value}"),
            name => write!(self.0, " {name}={value}"),
        };
    }
}
