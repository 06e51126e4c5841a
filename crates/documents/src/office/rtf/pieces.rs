//! The marks and the text of RTF, in order.

/// Longer words are no control words.
const WORD_BYTES_MAX: usize = 32;

/// One piece of a rich text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// A group begins.
    Open,
    /// A group ends.
    Close,
    /// What the present group is, a reader need not know.
    Unknown,
    /// A control word and its number.
    Word(&'a str, Option<i32>),
    /// A byte of text.
    Byte(u8),
}

/// Takes a rich text apart.
pub(super) struct Pieces<'a> {
    rest: &'a [u8],
}

impl<'a> Pieces<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What follows a backslash; none when it means nothing here.
    fn control(&mut self) -> Option<Piece<'a>> {
        let (&first, after) = self.rest.split_first()?;
        if first.is_ascii_alphabetic() {
            return self.word();
        }
        self.rest = after;
        Some(match first {
            b'\'' => {
                let digits = self.rest.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
                let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok())?;
                self.rest = self.rest.get(2..).unwrap_or_default();
                Piece::Byte(byte)
            }
            b'\\' | b'{' | b'}' => Piece::Byte(first),
            b'~' => Piece::Byte(b' '),
            b'_' => Piece::Byte(b'-'),
            b'\r' | b'\n' => Piece::Word("par", None),
            b'*' => Piece::Unknown,
            _ => return None,
        })
    }

    fn word(&mut self) -> Option<Piece<'a>> {
        let length = self.rest.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let (word, after) = self.rest.split_at_checked(length)?;
        let sign = usize::from(after.first() == Some(&b'-'));
        let digits = after.iter().skip(sign).take_while(|byte| byte.is_ascii_digit()).count();
        let length = if digits == 0 { 0 } else { sign + digits };
        let (number, after) = after.split_at_checked(length)?;
        let number: Option<i32> = std::str::from_utf8(number).ok().and_then(|n| n.parse().ok());
        self.rest = after.strip_prefix(b" ").unwrap_or(after);
        let word = std::str::from_utf8(word).ok().filter(|word| word.len() <= WORD_BYTES_MAX)?;
        if word == "bin" {
            let count = number.and_then(|number| usize::try_from(number).ok()).unwrap_or_default();
            self.rest = self.rest.get(count..).unwrap_or_default();
        }
        Some(Piece::Word(word, number))
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        loop {
            let (&first, after) = self.rest.split_first()?;
            self.rest = after;
            match first {
                b'{' => return Some(Piece::Open),
                b'}' => return Some(Piece::Close),
                b'\\' => {
                    if let Some(piece) = self.control() {
                        return Some(piece);
                    }
                }
                // Line ends are layout of the file.
                b'\r' | b'\n' | 0 => {}
                byte => return Some(Piece::Byte(byte)),
            }
        }
    }
}
