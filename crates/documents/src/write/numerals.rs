//! Numbers as headings and lists write them: 4, iv, D; and as exponents: ⁶.

/// How a number is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Numerals {
    #[default]
    Decimal,
    /// At least two digits.
    DecimalZero,
    LowerRoman,
    UpperRoman,
    LowerLetter,
    UpperLetter,
    /// 1st, 2nd.
    Ordinal,
}

impl Numerals {
    /// The number in these numerals, in digits where they have none for it.
    pub(crate) fn write(self, number: u32) -> String {
        match self {
            Self::Decimal => number.to_string(),
            Self::DecimalZero => format!("{number:02}"),
            Self::LowerRoman => roman(number).to_lowercase(),
            Self::UpperRoman => roman(number),
            Self::LowerLetter => letters(number, b'a'),
            Self::UpperLetter => letters(number, b'A'),
            Self::Ordinal => ordinal(number),
        }
    }
}

/// A digit or sign as it is written when it stands raised, if there is a char for that.
pub(crate) fn superscript(c: char) -> Option<char> {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    match c {
        '+' => Some('⁺'),
        '-' | '\u{2212}' | '\u{2013}' => Some('⁻'),
        _ => c.to_digit(10).and_then(|digit| DIGITS.get(digit as usize).copied()),
    }
}

/// A digit as it is written when it stands lowered.
pub(crate) fn subscript(c: char) -> Option<char> {
    c.to_digit(10).and_then(|digit| char::from_u32(0x2080 + digit))
}

fn roman(number: u32) -> String {
    const DIGITS: [(u32, &str); 13] = [
        (1000, "M"),
        (900, "CM"),
        (500, "D"),
        (400, "CD"),
        (100, "C"),
        (90, "XC"),
        (50, "L"),
        (40, "XL"),
        (10, "X"),
        (9, "IX"),
        (5, "V"),
        (4, "IV"),
        (1, "I"),
    ];
    if !(1..4000).contains(&number) {
        return number.to_string();
    }
    let (mut left, mut written) = (number, String::new());
    for (value, digit) in DIGITS {
        while left >= value {
            left -= value;
            written.push_str(digit);
        }
    }
    written
}

/// Word processors count on from z with aa, bb.
fn letters(number: u32, first: u8) -> String {
    const LETTERS: u32 = 26;
    const REPEATED_MAX: u32 = 30;
    if number == 0 || number > LETTERS * REPEATED_MAX {
        return number.to_string();
    }
    let place = u8::try_from((number - 1) % LETTERS).unwrap_or(0);
    char::from(first + place).to_string().repeat((number as usize - 1) / LETTERS as usize + 1)
}

fn ordinal(number: u32) -> String {
    let ending = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_lists_do() {
        let written = |numerals: Numerals, numbers: &[u32]| {
            numbers.iter().map(|&number| numerals.write(number)).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(written(Numerals::LowerRoman, &[1, 4, 9, 14, 40, 0]), "i iv ix xiv xl 0");
        assert_eq!(written(Numerals::UpperRoman, &[1994, 4000]), "MCMXCIV 4000");
        assert_eq!(written(Numerals::LowerLetter, &[1, 26, 27, 53]), "a z aa aaa");
        assert_eq!(written(Numerals::UpperLetter, &[2, 5000]), "B 5000");
        assert_eq!(written(Numerals::Ordinal, &[1, 2, 3, 4, 11, 22]), "1st 2nd 3rd 4th 11th 22nd");
        assert_eq!(written(Numerals::DecimalZero, &[7, 12]), "07 12");
    }
}
