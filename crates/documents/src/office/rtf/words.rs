//! Control words: which begin a part of its own, and which stand for a sign.

use super::Origin;

/// Parts that hold no text for a reader. A text box is written once more in its `shprslt`.
const SKIPPED: [&str; 19] = [
    "colortbl",
    "filetbl",
    "revtbl",
    "pict",
    "nonshppict",
    "xe",
    "tc",
    "themedata",
    "shprslt",
    "sp",
    "nonesttables",
    "nesttableprops",
    "pnseclvl",
    "objclass",
    "objname",
    "ftnsep",
    "ftnsepc",
    "aftnsep",
    "aftnsepc",
];

/// Parts that are read although a reader need not know them.
const STARRED: [&str; 11] = [
    "footnote",
    "annotation",
    "atnauthor",
    "shpinst",
    "do",
    "fldinst",
    "listtext",
    "pntext",
    "mmath",
    "moMath",
    "moMathPara",
];

/// What a group of braces is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Fonts,
    Styles,
    /// What is said of the file.
    About,
    Title,
    /// What a field was made by.
    Instruction,
    Marker,
    Note,
    Author,
    Comment,
    TextBox,
    Head,
    Foot,
}

/// Whether a group that begins with `word` is left out, `starred` when a reader need not know it.
pub(super) fn is_skipped(word: &str, starred: bool, origin: Origin) -> bool {
    let known = match origin {
        Origin::Html => word == "htmltag",
        _ => STARRED.contains(&word),
    };
    // Properties of parts of equations: `mfPr`, `mctrlPr`.
    let equation = word.starts_with('m') && word.ends_with("Pr");
    (starred && !known) || SKIPPED.contains(&word) || equation
}

/// The part that `word` begins in a text of its own.
pub(super) fn part(word: &str) -> Option<Part> {
    Some(match word {
        "fonttbl" => Part::Fonts,
        "stylesheet" => Part::Styles,
        "info" => Part::About,
        "title" => Part::Title,
        "fldinst" => Part::Instruction,
        "listtext" | "pntext" => Part::Marker,
        "footnote" => Part::Note,
        "atnauthor" => Part::Author,
        "annotation" => Part::Comment,
        "shptxt" | "dptxbxtext" => Part::TextBox,
        "header" | "headerl" | "headerr" | "headerf" => Part::Head,
        "footer" | "footerl" | "footerr" | "footerf" => Part::Foot,
        _ => return None,
    })
}

/// The sign that a word stands for.
pub(super) fn sign(word: &str) -> Option<&'static str> {
    Some(match word {
        "tab" => "\t",
        "emdash" => "\u{2014}",
        "endash" => "\u{2013}",
        "lquote" => "\u{2018}",
        "rquote" => "\u{2019}",
        "ldblquote" => "\u{201c}",
        "rdblquote" => "\u{201d}",
        "bullet" => "\u{2022}",
        "emspace" | "enspace" | "qmspace" => " ",
        _ => return None,
    })
}

/// The code page of a Windows character set.
pub(super) fn code_page(charset: i32) -> Option<u32> {
    Some(match charset {
        0 => 1252,
        77 => 10000,
        128 => 932,
        129 | 130 => 949,
        134 => 936,
        136 => 950,
        161 => 1253,
        162 => 1254,
        163 => 1258,
        177 => 1255,
        178 => 1256,
        186 => 1257,
        204 => 1251,
        222 => 874,
        238 => 1250,
        _ => return None,
    })
}
