//! Reads single values: which bytes are missing, a number, a date or a truth.

use std::str::FromStr;

use datafusion::arrow::array::timezone::Tz;
use datafusion::arrow::compute::kernels::cast_utils::string_to_datetime;

/// Values read as missing, in quotes or not. `null` and `nan` in any case.
///
/// `.`, `-`, `none` (lower case) and words of other languages are text.
pub const NULL_SPELLINGS: [&str; 11] =
    ["", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "-NaN", "null", "None", "?"];

/// Which of [`NULL_SPELLINGS`] a value is, if any.
pub(super) fn null_spelling(value: &[u8]) -> Option<usize> {
    if value.len() > 4 {
        return None;
    }
    Some(match value {
        b"" => 0,
        b"NA" => 1,
        b"N/A" => 2,
        b"n/a" => 3,
        b"#N/A" => 4,
        b"<NA>" => 5,
        b"None" => 9,
        b"?" => 10,
        _ if value.eq_ignore_ascii_case(b"nan") => 6,
        _ if value.eq_ignore_ascii_case(b"-nan") => 7,
        _ if value.eq_ignore_ascii_case(b"null") => 8,
        _ => return None,
    })
}

/// What kind of number a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NumberShape {
    /// Fits `i64`.
    Integer,
    /// A decimal or exponential number with a point, or an infinity.
    Decimal,
    /// A decimal with a comma: `3,14`.
    DecimalComma,
    /// Not a number. So are digits with leading zeros or a plus in front (codes,
    /// telephone numbers) and more digits than 64 bits hold.
    Other,
}

/// The number shape of a value, without reading its magnitude.
pub(super) fn number_shape(value: &[u8]) -> NumberShape {
    use NumberShape as S;
    let (sign, rest) = match value {
        [sign @ (b'+' | b'-'), rest @ ..] => (Some(*sign), rest),
        _ => (None, value),
    };
    let whole = digits(rest);
    let (point, rest) = match rest.get(whole..) {
        Some([point @ (b'.' | b','), rest @ ..]) => (Some(*point), rest),
        Some(rest) => (None, rest),
        None => return S::Other,
    };
    let fraction = if point.is_some() { digits(rest) } else { 0 };
    if whole + fraction == 0 {
        return if is_infinity(rest) && point.is_none() { S::Decimal } else { S::Other };
    }
    let exponent = match rest.get(fraction..) {
        Some([]) => false,
        Some([b'e' | b'E', power @ ..]) if is_power(power) => true,
        _ => return S::Other,
    };
    let leading_zero = whole > 1 && value.get(usize::from(sign.is_some())) == Some(&b'0');
    match (point, exponent) {
        _ if leading_zero => S::Other,
        (Some(b','), false) if fraction > 0 => S::DecimalComma,
        (Some(b','), _) => S::Other,
        (None, false) if sign == Some(b'+') => S::Other,
        (None, false) if whole > 18 && integer(value).is_none() => S::Other,
        (None, false) => S::Integer,
        _ => S::Decimal,
    }
}

fn digits(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

fn is_power(bytes: &[u8]) -> bool {
    let unsigned = match bytes {
        [b'+' | b'-', rest @ ..] => rest,
        _ => bytes,
    };
    !unsigned.is_empty() && digits(unsigned) == unsigned.len()
}

fn is_infinity(bytes: &[u8]) -> bool {
    bytes.eq_ignore_ascii_case(b"inf") || bytes.eq_ignore_ascii_case(b"infinity")
}

/// The value as an integer.
pub(super) fn integer(value: &[u8]) -> Option<i64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// The value as a float; `comma` reads a comma as the decimal point.
pub(super) fn number(value: &[u8], comma: bool) -> Option<f64> {
    let text = std::str::from_utf8(value).ok()?;
    if comma && text.contains(',') {
        return text.replacen(',', ".", 1).parse().ok();
    }
    text.parse().ok()
}

/// `true` or `false` in any case. `yes`, `no`, `t`, `f`, 0 and 1 are not truths.
pub(super) fn boolean(value: &[u8]) -> Option<bool> {
    match value.len() {
        4 if value.eq_ignore_ascii_case(b"true") => Some(true),
        5 if value.eq_ignore_ascii_case(b"false") => Some(false),
        _ => None,
    }
}

/// An instant, and what was lost or changed in reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Instant {
    /// Microseconds since the Unix epoch, UTC.
    pub(super) micros: i64,
    /// The value named a zone or an offset, and was converted to UTC.
    pub(super) zoned: bool,
    /// Digits below a microsecond were cut.
    pub(super) cut: bool,
}

/// Reads ISO 8601 dates and times: `2024-01-31`, `2024/01/31`, `2024-01-31 09:30`,
/// `2024-01-31T09:30:00.123456+02:00`. Without a zone the time is taken as UTC.
pub(super) fn instant(value: &[u8]) -> Option<Instant> {
    if value.len() < 10 || value.len() > 64 || !value.is_ascii() {
        return None;
    }
    let separator = value[4];
    if !matches!(separator, b'-' | b'/') || value[7] != separator || !value[0].is_ascii_digit() {
        return None;
    }
    let mut text = std::str::from_utf8(value).ok()?.to_owned();
    if separator == b'/' {
        text = text.replacen('/', "-", 2);
    }
    if value.len() == 16 && value[13] == b':' {
        text.push_str(":00");
    }
    let utc = Tz::from_str("+00:00").ok()?;
    let when = string_to_datetime(&utc, &text).ok()?;
    let zoned = text.get(10..).is_some_and(|time| time.contains(['Z', 'z', '+', '-', '/']));
    let cut = when.timestamp_subsec_nanos() % 1000 != 0;
    Some(Instant { micros: when.timestamp_micros(), zoned, cut })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_of_numbers() {
        use NumberShape as S;
        for (text, shape) in [
            ("0", S::Integer),
            ("-12", S::Integer),
            ("9223372036854775807", S::Integer),
            ("9223372036854775808", S::Other),
            ("007", S::Other),
            ("-01", S::Other),
            ("+491234", S::Other),
            ("0.5", S::Decimal),
            (".5", S::Decimal),
            ("5.", S::Decimal),
            ("+1.5e-03", S::Decimal),
            ("1E5", S::Decimal),
            ("-inf", S::Decimal),
            ("00.5", S::Other),
            ("1,5", S::DecimalComma),
            ("1,", S::Other),
            ("1,5e3", S::Other),
            ("1.2.3", S::Other),
            ("1e", S::Other),
            ("-", S::Other),
            (".", S::Other),
            (".inf", S::Other),
            ("1 2", S::Other),
            ("12a", S::Other),
            ("", S::Other),
        ] {
            assert_eq!(number_shape(text.as_bytes()), shape, "{text}");
        }
    }

    #[test]
    fn every_listed_spelling_is_missing_and_its_place_is_right() {
        for (at, spelling) in NULL_SPELLINGS.iter().enumerate() {
            assert_eq!(null_spelling(spelling.as_bytes()), Some(at), "{spelling}");
        }
        for text in ["none", "-", ".", "nul", "0", "missing", "Na"] {
            assert_eq!(null_spelling(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn instants_are_read_to_the_microsecond_in_utc() {
        let micros = |text: &str| instant(text.as_bytes()).map(|it| it.micros);
        assert_eq!(micros("1970-01-02"), Some(86_400_000_000));
        assert_eq!(micros("1970/01/02 00:00"), Some(86_400_000_000));
        assert_eq!(micros("1970-01-01T00:00:00.000001"), Some(1));
        assert_eq!(micros("1970-01-01 02:00:00+02:00"), Some(0));
        assert_eq!(micros("9999-12-31"), Some(253_402_214_400_000_000));
        for text in ["2024-13-01", "2024-02-30", "31-01-2024", "2024-01-01 noon", "1234567890"] {
            assert_eq!(micros(text), None, "{text}");
        }
        assert!(instant(b"2024-01-31T09:30:00Z").unwrap().zoned);
        assert!(!instant(b"2024-01-31T09:30:00").unwrap().zoned);
        assert!(instant(b"2024-01-31T09:30:00.123456789").unwrap().cut);
    }
}
