//! A random text in the system prompt that must never come out again.
//!
//! Who gets a model to recite its instructions gets the canary with them. It is looked for
//! as it is and spaced out, reversed, in Base64 and in hexadecimal: what is compared are the
//! letters and digits alone, and eight of them in a row are enough. Text that may still
//! become those eight is held back, so that none of it has left when they are complete.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use rand::Rng as _;

/// Characters of a canary.
const LENGTH: usize = 24;
/// No vowels, so that it never makes a word.
const ALPHABET: &[u8; 27] = b"bcdfghjkmnpqrstvwxz23456789";
/// Letters and digits in a row that give a canary away.
const WINDOW: usize = 8;
/// Other characters between two of them after which they do not belong together.
const GAP: usize = 64;

/// The text of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canary(String);

impl Canary {
    /// A new random one.
    pub fn generate() -> Self {
        let mut rng = rand::rng();
        let letter = |_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())]);
        Self((0..LENGTH).map(letter).collect())
    }

    /// One that was made before.
    pub fn from_raw(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Its text, for the system prompt.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Looks for it in a text that comes in pieces.
    pub fn watch(&self) -> Watch {
        let mut windows: Vec<[u8; WINDOW]> = Vec::new();
        for form in self.forms() {
            let plain: Vec<u8> = form.chars().filter_map(plain).collect();
            windows.extend(
                plain.windows(WINDOW).filter_map(|some| <[u8; WINDOW]>::try_from(some).ok()),
            );
        }
        windows.sort_unstable();
        windows.dedup();
        Watch { windows, held: String::new(), candidate: Vec::new(), gap: 0, leaked: false }
    }

    /// The ways in which it may be written.
    fn forms(&self) -> Vec<String> {
        let reversed: String = self.0.chars().rev().collect();
        let mut forms = Vec::new();
        for text in [&self.0, &reversed] {
            forms.push(text.clone());
            forms.push(hex::encode(text));
            forms.extend((0..3).map(|offset| base64_at(text, offset)));
        }
        forms
    }
}

/// What stands for `text` in the Base64 of a longer text in which `offset` bytes, modulo 3,
/// stand before it.
fn base64_at(text: &str, offset: usize) -> String {
    let mut bytes = vec![0; offset];
    bytes.extend_from_slice(text.as_bytes());
    let encoded = STANDARD_NO_PAD.encode(&bytes);
    let (first, last) = ((offset * 8).div_ceil(6), bytes.len() * 8 / 6);
    encoded.get(first..last).unwrap_or_default().to_owned()
}

/// A letter or digit as it is compared; `None` for what may stand between two.
fn plain(character: char) -> Option<u8> {
    // The full-width forms of ASCII look the same.
    let character = match u32::from(character) {
        wide @ 0xff01..=0xff5e => char::from_u32(wide - 0xfee0).unwrap_or(character),
        _ => character,
    };
    let letter = u8::try_from(character).ok().filter(u8::is_ascii_alphanumeric);
    letter.map(|letter| letter.to_ascii_lowercase())
}

/// Looks for one canary in one text.
#[derive(Clone, Debug)]
pub struct Watch {
    /// Sorted.
    windows: Vec<[u8; WINDOW]>,
    held: String,
    /// What may become a window: its letters and where they stand in `held`.
    candidate: Vec<(u8, usize)>,
    /// Characters since the last letter.
    gap: usize,
    leaked: bool,
}

impl Watch {
    /// Takes the next piece and returns what can be shown by now: nothing more once the
    /// canary has been found.
    pub fn push(&mut self, piece: &str) -> String {
        for character in piece.chars() {
            if self.leaked {
                return String::new();
            }
            let at = self.held.len();
            self.held.push(character);
            match plain(character) {
                Some(letter) => {
                    self.gap = 0;
                    self.candidate.push((letter, at));
                    while !self.candidate.is_empty() && !self.may_become_window() {
                        self.candidate.remove(0);
                    }
                }
                None => self.gap += 1,
            }
            if self.gap > GAP {
                self.candidate.clear();
            }
            if self.candidate.len() == WINDOW {
                self.leaked = true;
                self.held.clear();
                self.candidate.clear();
            }
        }
        self.release()
    }

    /// The rest, when no more comes.
    pub fn finish(&mut self) -> String {
        self.candidate.clear();
        self.release()
    }

    /// Whether the canary was found.
    pub fn leaked(&self) -> bool {
        self.leaked
    }

    fn may_become_window(&self) -> bool {
        let seen: Vec<u8> = self.candidate.iter().map(|(letter, _)| *letter).collect();
        let at = self.windows.partition_point(|window| window[..seen.len()] < seen[..]);
        self.windows.get(at).is_some_and(|window| window.starts_with(&seen))
    }

    fn release(&mut self) -> String {
        let end = self.candidate.first().map_or(self.held.len(), |(_, at)| *at);
        let rest = self.held.split_off(end);
        for (_, at) in &mut self.candidate {
            *at -= end;
        }
        std::mem::replace(&mut self.held, rest)
    }
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "k7fwz2qmx9tbr4hsn8dvgp3c";

    fn run(pieces: &[&str]) -> (String, bool) {
        let mut watch = Canary::from_raw(TEXT).watch();
        let mut shown: String = pieces.iter().map(|piece| watch.push(piece)).collect();
        shown.push_str(&watch.finish());
        (shown, watch.leaked())
    }

    fn spaced(text: &str, between: &str) -> String {
        text.chars().map(|letter| format!("{letter}{between}")).collect()
    }

    #[test]
    fn every_way_of_writing_it_is_found_in_every_split() {
        let reversed: String = TEXT.chars().rev().collect();
        let orders = "My orders: ";
        for leak in [
            TEXT.to_owned(),
            TEXT.to_uppercase(),
            reversed.clone(),
            spaced(TEXT, " "),
            spaced(TEXT, "-\n"),
            spaced(TEXT, "\u{200b}"),
            spaced(&reversed, ", "),
            STANDARD.encode(TEXT),
            STANDARD.encode(format!("x{TEXT}")),
            STANDARD.encode(format!("it is {TEXT}!")),
            STANDARD.encode(&reversed),
            hex::encode(TEXT),
            TEXT.chars().filter_map(|c| char::from_u32(u32::from(c) + 0xfee0)).collect(),
            // A part is enough.
            TEXT[6..15].to_owned(),
        ] {
            let whole = format!("{orders}{leak} and more.");
            for cut in (0..=whole.len()).filter(|at| whole.is_char_boundary(*at)) {
                let (shown, leaked) = run(&[&whole[..cut], &whole[cut..]]);
                assert!(leaked, "{leak} cut at {cut}");
                // Words before it may be encoded with it, and are not part of it.
                assert!(shown.len() <= orders.len() + 8, "'{shown}' was shown of {leak}");
            }
            let letters: Vec<String> = whole.chars().map(String::from).collect();
            let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
            let (shown, leaked) = run(&letters);
            assert!(leaked && shown.len() <= orders.len() + 8, "{leak}: '{shown}'");
        }
    }

    #[test]
    fn what_only_begins_like_it_is_shown_in_the_end() {
        let begun = format!("It begins with {} and goes on.", &TEXT[..7]);
        assert_eq!(run(&[&begun]), (begun.clone(), false));
        let apart = format!("{}{}{}", &TEXT[..4], " ".repeat(GAP + 1), &TEXT[4..8]);
        assert_eq!(run(&[&apart]), (apart.clone(), false));
    }

    #[test]
    fn each_is_another() {
        let (one, other) = (Canary::generate(), Canary::generate());
        assert_ne!(one, other);
        assert_eq!(one.text().len(), LENGTH);
    }

    proptest! {
        #[test]
        fn ordinary_text_comes_out_as_it_went_in(words in proptest::collection::vec("[a-zA-Z ,.é]{0,9}", 0..30)) {
            let pieces: Vec<&str> = words.iter().map(String::as_str).collect();
            let (shown, leaked) = run(&pieces);
            // No vowel stands in the canary, but its Base64 is of all letters.
            prop_assume!(!leaked);
            prop_assert_eq!(shown, words.concat());
        }

        #[test]
        fn no_split_hides_it(cuts in proptest::collection::vec(0..60_usize, 0..12)) {
            let whole = format!("The secret of this conversation is {TEXT}, they say.");
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(whole.len())).collect();
            cuts.extend([0, whole.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&str> = cuts.windows(2).map(|pair| &whole[pair[0]..pair[1]]).collect();
            let (shown, leaked) = run(&pieces);
            prop_assert!(leaked);
            prop_assert!("The secret of this conversation is ".starts_with(&shown));
        }
    }
}
