//! From token bytes to text that can be sent: whole characters, and nothing that
//! may still turn out to be a stop text.

/// Collects the bytes of tokens and gives out text.
#[derive(Debug, Default)]
pub(super) struct TextOut {
    /// Bytes of a character that is not whole yet; three at most.
    partial: Vec<u8>,
    /// Text that could be the beginning of a stop text.
    held: String,
    stops: Vec<String>,
    stopped: bool,
}

impl TextOut {
    pub(super) fn new(stops: Vec<String>) -> Self {
        let stops = stops.into_iter().filter(|stop| !stop.is_empty()).collect();
        Self { stops, ..Self::default() }
    }

    /// Whether a stop text has come.
    pub(super) fn stopped(&self) -> bool {
        self.stopped
    }

    /// Takes the bytes of one token; returns the text that is now certain.
    pub(super) fn push(&mut self, bytes: &[u8]) -> String {
        if self.stopped {
            return String::new();
        }
        self.partial.extend_from_slice(bytes);
        let text = self.whole_characters();
        self.held.push_str(&text);
        self.release(false)
    }

    /// The rest, when no more tokens come.
    pub(super) fn finish(&mut self) -> String {
        if self.stopped {
            return String::new();
        }
        let rest = std::mem::take(&mut self.partial);
        self.held.push_str(&String::from_utf8_lossy(&rest));
        self.release(true)
    }

    /// Takes whole characters off `partial`; invalid bytes become U+FFFD.
    fn whole_characters(&mut self) -> String {
        let mut text = String::with_capacity(self.partial.len());
        let mut keep = 0;
        for chunk in self.partial.utf8_chunks() {
            text.push_str(chunk.valid());
            let invalid = chunk.invalid();
            if invalid.is_empty() {
                continue;
            }
            if is_end(&self.partial, invalid) && is_incomplete(invalid) {
                keep = invalid.len();
            } else {
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
        self.partial.drain(..self.partial.len() - keep);
        text
    }

    fn release(&mut self, last: bool) -> String {
        let found = self.stops.iter().filter_map(|stop| self.held.find(stop.as_str())).min();
        if let Some(at) = found {
            self.stopped = true;
            self.held.truncate(at);
            return std::mem::take(&mut self.held);
        }
        let keep = if last { 0 } else { self.possible_stop() };
        let rest = self.held.split_off(self.held.len() - keep);
        std::mem::replace(&mut self.held, rest)
    }

    /// Length of the longest end of `held` that begins a stop text.
    fn possible_stop(&self) -> usize {
        let longest = |stop: &String| {
            let most = stop.len().saturating_sub(1).min(self.held.len());
            (1..=most).rev().find(|&n| self.held.as_bytes().ends_with(&stop.as_bytes()[..n]))
        };
        self.stops.iter().filter_map(longest).max().unwrap_or(0)
    }
}

/// Whether `bytes` could become a character when more bytes come.
fn is_incomplete(bytes: &[u8]) -> bool {
    matches!(std::str::from_utf8(bytes), Err(error) if error.error_len().is_none())
}

/// Whether `tail`, a part of `all`, is its very end.
fn is_end(all: &[u8], tail: &[u8]) -> bool {
    all.as_ptr_range().end == tail.as_ptr_range().end
}

#[cfg(test)]
mod tests {
    use super::TextOut;

    fn pieces(stops: &[&str], tokens: &[&[u8]]) -> (Vec<String>, bool) {
        let mut out = TextOut::new(stops.iter().map(|&s| s.to_owned()).collect());
        let mut pieces: Vec<String> = tokens.iter().map(|token| out.push(token)).collect();
        pieces.push(out.finish());
        (pieces, out.stopped())
    }

    #[test]
    fn a_character_split_over_tokens_comes_whole() {
        let (pieces, _) = pieces(&[], &[b"a\xf0\x9f", b"\x98", b"\x80b", "é".as_bytes()]);
        assert_eq!(pieces, ["a", "", "😀b", "é", ""]);
    }

    #[test]
    fn invalid_bytes_are_replaced_and_do_not_block() {
        let (found, _) = pieces(&[], &[b"a\xffb", b"\xe2\x82", b"x", b"\xe2"]);
        assert_eq!(found.concat(), "a\u{fffd}b\u{fffd}x\u{fffd}");
    }

    #[test]
    fn a_stop_text_over_several_tokens_never_shows() {
        let (found, stopped) = pieces(&["\nUser:", "END"], &[b"Hi\nUs", b"er", b": more", b"x"]);
        assert_eq!(found, ["Hi", "", "", "", ""]);
        assert!(stopped);
    }

    #[test]
    fn what_only_looked_like_a_stop_text_comes_later() {
        let (found, stopped) = pieces(&["STOP"], &[b"aST", b"OR", b"ST"]);
        assert_eq!(found, ["a", "STOR", "", "ST"]);
        assert!(!stopped);
    }

    #[test]
    fn the_first_of_several_stop_texts_counts() {
        let (found, stopped) = pieces(&["cd", "b"], &[b"abcd"]);
        assert_eq!(found.concat(), "a");
        assert!(stopped);
        assert_eq!(pieces(&[""], &[b"ab"]).0.concat(), "ab");
    }

    #[test]
    fn a_stop_text_of_wide_characters_is_held_at_character_borders() {
        let (found, stopped) = pieces(&["ééx"], &["aé".as_bytes(), "éy".as_bytes()]);
        assert_eq!(found.concat(), "aééy");
        assert!(!stopped);
    }
}
