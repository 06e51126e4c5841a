//! Char positions to byte positions and back, in near-constant time.

/// Chars between two remembered byte positions.
const STRIDE: usize = 128;

/// An index over one text that converts between char and byte positions.
#[derive(Clone, Debug)]
pub struct CharIndex<'a> {
    text: &'a str,
    /// Byte position of every `STRIDE`-th char; empty when the text is ASCII.
    marks: Vec<usize>,
    chars: usize,
}

impl<'a> CharIndex<'a> {
    /// Indexes `text` in one pass.
    pub fn new(text: &'a str) -> Self {
        if text.is_ascii() {
            return Self { text, marks: Vec::new(), chars: text.len() };
        }
        let mut marks = Vec::with_capacity(text.len() / STRIDE + 1);
        let mut chars = 0;
        for (byte, _) in text.char_indices() {
            if chars % STRIDE == 0 {
                marks.push(byte);
            }
            chars += 1;
        }
        Self { text, marks, chars }
    }

    /// The number of chars in the text.
    pub fn len(&self) -> usize {
        self.chars
    }

    /// Whether the text is empty.
    pub fn is_empty(&self) -> bool {
        self.chars == 0
    }

    /// The byte position of the char at `position`; the text's length when past the end.
    pub fn byte_of(&self, position: usize) -> usize {
        if position >= self.chars {
            return self.text.len();
        }
        let Some(&mark) = self.marks.get(position / STRIDE) else { return position };
        let rest = self.text.get(mark..).unwrap_or_default();
        rest.char_indices().nth(position % STRIDE).map_or(self.text.len(), |(at, _)| mark + at)
    }

    /// The position of the char that holds the byte at `byte`; the char count when past the end.
    pub fn char_of(&self, byte: usize) -> usize {
        if byte >= self.text.len() {
            return self.chars;
        }
        if self.marks.is_empty() {
            return byte;
        }
        let at = self.marks.partition_point(|&mark| mark <= byte).saturating_sub(1);
        let mark = self.marks.get(at).copied().unwrap_or_default();
        let rest = self.text.as_bytes().get(mark..=byte).unwrap_or_default();
        let starts = rest.iter().filter(|&&b| !is_continuation(b)).count();
        at * STRIDE + starts.saturating_sub(1)
    }

    /// The text between two char positions.
    pub fn slice(&self, start: usize, end: usize) -> &'a str {
        self.text.get(self.byte_of(start)..self.byte_of(end)).unwrap_or_default()
    }
}

fn is_continuation(byte: u8) -> bool {
    byte & 0b1100_0000 == 0b1000_0000
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn both_directions_agree_with_a_full_count(text in "\\PC{0,600}") {
            let index = CharIndex::new(&text);
            prop_assert_eq!(index.len(), text.chars().count());
            for (position, (byte, _)) in text.char_indices().enumerate() {
                prop_assert_eq!(index.byte_of(position), byte);
                prop_assert_eq!(index.char_of(byte), position);
            }
            prop_assert_eq!(index.byte_of(index.len()), text.len());
            prop_assert_eq!(index.char_of(text.len()), index.len());
        }
    }
}
