//! What a document is called, where that says what it is about: its own title, or else the name
//! of its file made readable. A clause that says only "the Supplier" is found by it.
//!
//! A name that says nothing would make all chunks of a file a little more alike, so one that is a
//! number, a date, a hash, made of words like "scan" and "final", or one of a series
//! ("invoice 2231") is no label.

/// Words of a label at most.
const WORDS_MAX: usize = 16;
/// Characters of a label at most.
const CHARS_MAX: usize = 120;
/// From so many characters on a name of nothing but hexadecimal digits is a hash.
const HASH_CHARS: usize = 16;

/// Words, in the singular, that name a kind of file or its state, and not what it is about.
const GENERIC: &str = "annex app appendix archive article attachment audio backup bin blob body \
    book chapter \
    chunk clip content copy csv current dat data dataset default demo doc document docx download \
    draft dsc dscn email entry example excel export extract file final form html image img \
    import index input item json latest license list mail main message microsoft misc name new \
    no noname note nr num number old original other out output page para paragraph part passage pdf \
    photo pic picture powerpoint presentation print readme record recording report rev revision \
    sample scan scanned screenshot section sheet slide stdin table temp test text title tmp txt \
    unknown unnamed untitled upload ver version video vol volume whats word workbook xls xlsx \
    xml abschnitt bericht bild brouillon copia copie datei documento dokument entwurf fichier \
    kapitel kopie neu notiz seite teil unbenannt";

/// Names of months and days, and their beginnings: a date says nothing by itself.
const TIMES: &str = "jan january feb february mar march apr april may jun june jul july aug \
    august sep sept september oct october nov november dec december mon monday tue tuesday wed \
    wednesday thu thursday fri friday sat saturday sun sunday am pm januar februar märz mai juni \
    juli oktober dezember";

/// Words that only join others.
const JOINING: &str = "a an and as at by for from in into is it my of on or our the to vs with \
    das dem den der des die ein eine für im mit und vom von zu zum zur de del du el en et il la \
    las le les los un una une";

/// How programs begin a title that nobody wrote.
const UNWRITTEN: &[&str] = &[
    "microsoft word",
    "microsoft powerpoint",
    "microsoft excel",
    "powerpoint presentation",
    "untitled",
    "no title",
    "(anonymous)",
    "unbenannt",
    "sans titre",
    "file:",
];

/// Endings of files that stand before another ending, or in a title.
const ENDINGS: &[&str] = &[
    "csv", "doc", "docx", "htm", "html", "indd", "md", "odt", "pdf", "ppt", "pptx", "rtf", "tar",
    "tex", "txt", "xls", "xlsx", "xml",
];

/// The label of a document with this title in a file of this name, in at most 16 words and 120
/// characters; none where neither says what it is about. The same for the same, always.
pub fn label(title: Option<&str>, filename: &str) -> Option<String> {
    title.and_then(of_title).or_else(|| of_name(filename))
}

/// Whether every word of a label that says something stands in `texts` already, in whatever case
/// and order. True of one that has no such word.
pub fn label_is_told(label: &str, texts: &[&str]) -> bool {
    let label = label.to_lowercase();
    let telling = |word: &&str| matches!(Kind::of(word), Kind::Telling | Kind::Year);
    let mut missing: Vec<&str> = words(&label).filter(telling).map(singular).collect();
    for text in texts {
        if missing.is_empty() {
            break;
        }
        let text = text.to_lowercase();
        for word in words(&text) {
            let word = singular(word);
            missing.retain(|wanted| *wanted != word);
        }
        missing.retain(|wanted| !(wanted.contains(is_unspaced) && text.contains(*wanted)));
    }
    missing.is_empty()
}

fn of_title(title: &str) -> Option<String> {
    let title: String = title.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
    let lower = title.to_lowercase();
    let is_path = lower.contains('\\')
        || lower.contains("://")
        || lower.starts_with('/')
        || (lower.contains('/') && !lower.contains(' '));
    if is_path || UNWRITTEN.iter().any(|begin| lower.starts_with(begin)) {
        return None;
    }
    let ending = lower.rsplit_once('.').map(|(_, ending)| ending);
    if !title.contains(' ') || ending.is_some_and(|ending| ENDINGS.contains(&ending)) {
        return of_name(&title);
    }
    let tells = |word: &str| Kind::of(parts(word).0) == Kind::Telling && is_long(word, 3);
    words(&title).any(tells).then(|| bounded(&title))
}

fn of_name(filename: &str) -> Option<String> {
    let name = filename.rsplit(['/', '\\']).next().unwrap_or_default();
    let mut stem = without_ending(name, |_| true);
    stem = without_ending(stem, |ending| ENDINGS.contains(&ending.to_lowercase().as_str()));
    let readable = readable(stem);
    is_telling(&readable).then(|| bounded(&readable))
}

/// `name` without its ending, if that is one that `known` takes.
fn without_ending(name: &str, known: impl Fn(&str) -> bool) -> &str {
    let is_ending = |ending: &str| {
        (1..=8).contains(&ending.len())
            && ending.chars().all(|c| c.is_ascii_alphanumeric())
            && ending.contains(|c: char| c.is_ascii_alphabetic())
    };
    match name.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() && is_ending(ending) && known(ending) => stem,
        _ => name,
    }
}

/// A name with spaces between its words: for what parts them in file names, and before a capital
/// that begins one (`SupplyContract`, `HTMLGuide`; not `GmbH`, `PhD`, `McCoy`).
fn readable(stem: &str) -> String {
    let stem = stem.replace("%20", " ");
    let (mut out, mut run) = (String::new(), String::new());
    let mut rest = stem.chars();
    while let Some(c) = rest.next() {
        if is_parting(c) {
            out.push(' ');
            run.clear();
            continue;
        }
        let mut ahead = rest.clone();
        let (next, after) = (ahead.next(), ahead.next());
        if c.is_uppercase() && next.is_some_and(char::is_lowercase) {
            let begins = match run.chars().next_back() {
                Some(last) if last.is_lowercase() => {
                    run.chars().count() > 2 || is_among(JOINING, &run.to_lowercase())
                }
                Some(last) if last.is_uppercase() => {
                    run.chars().count() > 1 && after.is_some_and(char::is_lowercase)
                }
                _ => false,
            };
            if begins {
                out.push(' ');
                run.clear();
            }
        }
        out.push(c);
        if c.is_alphabetic() {
            run.push(c);
        } else {
            run.clear();
        }
    }
    out
}

fn is_parting(c: char) -> bool {
    c.is_whitespace() || c.is_control() || "_-.+~,;#()[]{}\u{2013}\u{2014}".contains(c)
}

/// Whether a name says what a document is about, and not only which of many it is.
fn is_telling(name: &str) -> bool {
    let joined: String = words(name).collect();
    let is_hex = joined.chars().all(|c| c.is_ascii_hexdigit());
    if is_hex && has_digit(&joined) && joined.len() >= HASH_CHARS {
        return false;
    }
    let (mut telling, mut other, mut numbers, mut years) = (Vec::new(), 0, 0, 0);
    let mut version = false;
    for word in words(name) {
        let kind = Kind::of(word);
        // `v1.2`
        let goes_on = version && kind == Kind::Number;
        version = goes_on || kind == Kind::Mark;
        if goes_on {
            continue;
        }
        match kind {
            Kind::Number => numbers += 1,
            Kind::Year => years += 1,
            Kind::Mark | Kind::Joining => {}
            Kind::Generic | Kind::Telling => {
                let (letters, digits) = parts(word);
                numbers += usize::from(!digits.is_empty());
                match Kind::of(letters) {
                    Kind::Telling => telling.push(letters),
                    _ => other += 1,
                }
            }
        }
    }
    match telling.as_slice() {
        [] => false,
        // One word and a number is one of a series; "Acme report 2024" is not.
        [word] => {
            let series = numbers > 0 || (years > 0 && other == 0);
            !series && is_long(word, if other == 0 { 4 } else { 3 })
        }
        _ => true,
    }
}

/// What a word is good for in a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Says what a document is about.
    Telling,
    /// Says what kind of file it is, or from when.
    Generic,
    /// A number, or letters and digits that are one: a hash, an id, a time.
    Number,
    /// A number from 1900 to 2099.
    Year,
    /// A letter, perhaps with a number: `v2`, `Q3`.
    Mark,
    /// Joins others.
    Joining,
}

impl Kind {
    fn of(word: &str) -> Self {
        let lower = word.to_lowercase();
        let (letters, digits) = parts(&lower);
        if letters.is_empty() {
            let year = digits.parse().is_ok_and(|year: u16| (1900..2100).contains(&year));
            return if year && digits.len() == 4 { Self::Year } else { Self::Number };
        }
        let hex = lower.len() > 3 && lower.chars().all(|c| c.is_ascii_hexdigit());
        if letters.starts_with(|c: char| c.is_ascii_digit())
            || (hex && has_digit(&lower))
            || (has_digit(letters) && lower.chars().count() > 5)
        {
            return Self::Number;
        }
        if letters.chars().count() == 1 {
            return Self::Mark;
        }
        let one = singular(letters);
        if is_among(JOINING, letters) {
            Self::Joining
        } else if [(GENERIC, one), (GENERIC, letters), (TIMES, letters)]
            .iter()
            .any(|(of, word)| is_among(of, word))
        {
            Self::Generic
        } else {
            Self::Telling
        }
    }
}

/// The runs of letters and digits of a text.
fn words(text: &str) -> impl Iterator<Item = &str> {
    // Accents may stand behind their letters.
    let within = |c: char| c.is_alphanumeric() || ('\u{300}'..='\u{36f}').contains(&c);
    text.split(move |c: char| !within(c)).filter(|word| !word.is_empty())
}

/// A word as what stands before the digits at its end, and these.
fn parts(word: &str) -> (&str, &str) {
    let letters = word.trim_end_matches(|c: char| c.is_ascii_digit());
    (letters, word.get(letters.len()..).unwrap_or_default())
}

fn is_among(list: &str, word: &str) -> bool {
    list.split(' ').any(|one| one == word)
}

fn has_digit(text: &str) -> bool {
    text.contains(|c: char| c.is_ascii_digit())
}

/// A lower-case word without the `s` of a plural.
fn singular(word: &str) -> &str {
    match word.strip_suffix('s') {
        Some(one) if one.len() > 2 && !one.ends_with('s') => one,
        _ => word,
    }
}

/// Whether a word has so many letters. In scripts that write without spaces one says as much as
/// several words.
fn is_long(word: &str, letters: usize) -> bool {
    word.contains(is_unspaced) || word.chars().count() >= letters
}

/// Thai, Lao, Burmese, Khmer, Chinese, Japanese and Korean.
fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}')
}

/// As many of the words as a label may have.
fn bounded(text: &str) -> String {
    let mut out = String::new();
    for word in text.split_whitespace().take(WORDS_MAX) {
        let space = usize::from(!out.is_empty());
        if out.chars().count() + space + word.chars().count() > CHARS_MAX {
            if out.is_empty() {
                out.extend(word.chars().take(CHARS_MAX));
            }
            break;
        }
        if space > 0 {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_says_something_is_made_readable() {
        for (name, expected) in [
            ("Acme_Supply_Contract_2024.pdf", "Acme Supply Contract 2024"),
            ("docs/AcmeSupplyContract.docx", "Acme Supply Contract"),
            ("acme-supply-contract.final.v2.pdf", "acme supply contract final v2"),
            ("Acme%20Supply (signed).pdf.txt", "Acme Supply signed"),
            ("HTMLParserGuide.md", "HTML Parser Guide"),
            ("TermsOfSale.pdf", "Terms Of Sale"),
            ("McCoy_GmbH_Vertrag.pdf", "McCoy GmbH Vertrag"),
            ("handbook.md", "handbook"),
            ("handbook-v1.2.pdf", "handbook v1 2"),
            ("Q3_budget.xlsx", "Q3 budget"),
            ("Acme_report_2024.pdf", "Acme report 2024"),
            ("Meeting minutes 2024-03-01.docx", "Meeting minutes 2024 03 01"),
            ("Договор_поставки.pdf", "Договор поставки"),
            ("契約書.pdf", "契約書"),
            ("transaction-isolation.pdf", "transaction isolation"),
        ] {
            assert_eq!(label(None, name).as_deref(), Some(expected), "{name}");
        }
    }

    #[test]
    fn a_name_that_says_nothing_is_no_label() {
        for name in [
            "paragraph-12.txt",
            "paragraph12.txt",
            "cran-12.txt",
            "cran doc 12.txt",
            "invoice-2231.pdf",
            "station-1999.md",
            "IMG_20240315_101500.jpg",
            "Scan0001.pdf",
            "550e8400-e29b-41d4-a716-446655440000.pdf",
            "deadbeef-cafe-0000-beef-deadbeefcafe.pdf",
            "d41d8cd98f00b204e9800998ecf8427e.txt",
            "20240315.pdf",
            "20240315T101500Z.log",
            "2024-03-15.md",
            "15 March 2024.pdf",
            "WhatsApp Image 2024-03-15 at 10.15.00.jpeg",
            "document.pdf",
            "Untitled (3).docx",
            "final_draft_v2.docx",
            "parts.csv",
            "notes.txt",
            "report.pdf",
            "README.md",
            "index.html",
            "kb.md",
            "blob",
            "body.html",
            "noname.eml",
            "stdin",
            "file.bin",
            "dat.dat",
            "Attachment 1.pdf",
            "unnamed.pdf",
            "tmp.txt",
            "temp-export.csv",
            "downloads.zip",
            "new uploads (2).pdf",
            "Neu.docx",
            "a.txt",
            "12.txt",
            ".txt",
            "",
        ] {
            assert_eq!(label(None, name), None, "{name}");
        }
    }

    #[test]
    fn a_title_goes_before_the_name_unless_nobody_wrote_it() {
        let name = "Acme_Offer.doc";
        for (title, expected) in [
            ("Terms  of\nSupply", "Terms of Supply"),
            ("Invoice 2231", "Invoice 2231"),
            ("contract_globex.docx", "contract globex"),
            ("Constitution", "Constitution"),
            ("Microsoft Word - x.doc", "Acme Offer"),
            ("untitled", "Acme Offer"),
            ("C:\\Users\\ann\\the offer.doc", "Acme Offer"),
            ("/home/ann/the offer", "Acme Offer"),
            ("https://acme.example/offer", "Acme Offer"),
            ("Chapter 12", "Acme Offer"),
            ("Document1", "Acme Offer"),
            ("cran-12", "Acme Offer"),
            ("PowerPoint Presentation", "Acme Offer"),
            ("", "Acme Offer"),
        ] {
            assert_eq!(label(Some(title), name).as_deref(), Some(expected), "{title}");
        }
        assert_eq!(label(Some("Page 3"), "scan.pdf"), None);
    }

    #[test]
    fn a_label_is_bounded() {
        let many = (0..40).map(|_| "clause").collect::<Vec<_>>().join(" ");
        let made = label(Some(&many), "a.txt").unwrap();
        assert_eq!(made.split(' ').count(), WORDS_MAX);
        let long = label(None, &format!("{}.pdf", "é".repeat(300))).unwrap();
        assert_eq!(long.chars().count(), CHARS_MAX);
        let wide = label(Some(&"Regenwasserbewirtschaftung ".repeat(9)), "a.txt").unwrap();
        assert!(wide.chars().count() <= CHARS_MAX && wide.ends_with("tung"), "{wide}");
    }

    #[test]
    fn what_a_text_tells_is_known_in_any_case_and_order() {
        let label = "Acme Supply Contracts 2024 v2";
        assert!(label_is_told(label, &["The CONTRACT of 2024", "ACME's supply is"]));
        assert!(!label_is_told(label, &["The contract of 2024: the Supplier, Acme"]));
        assert!(!label_is_told(label, &["The supply contract of Acme"]));
        assert!(!label_is_told(label, &[]));
        assert!(label_is_told("契約書", &["この契約書は"]) && !label_is_told("契約書", &["契約"]));
        assert!(label_is_told("", &[]) && label_is_told("Final draft", &["x"]));
    }
}
