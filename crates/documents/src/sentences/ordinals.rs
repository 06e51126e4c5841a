//! Numbers that a period makes ordinals: `1. März`, `im 19. Jahrhundert`, `5. 3. 2024`.
//!
//! Before a small letter no sentence ends anyway. Before a capital it is one where a month
//! follows, and in German before a noun, as all of those have capitals: then a word stands before
//! the number that must go on (`im`, `der`), and what follows is none that opens sentences.

use std::collections::HashSet;
use std::sync::LazyLock;

/// Words in small letters.
type Words = LazyLock<HashSet<&'static str>>;

fn words(list: &'static str) -> HashSet<&'static str> {
    list.split_whitespace().collect()
}

/// Words looked at on either side to tell German.
const WORDS_NEAR: usize = 40;

/// Months as they stand after a day, in small letters, where English has none like it.
static MONTHS: Words = LazyLock::new(|| {
    words(
        "januar jänner jaenner februar feber märz maerz marts mai maj juni juli oktober dezember \
     desember mär mrz okt dez január február március április május június július augusztus \
     szeptember október ledna února března dubna května června července srpna září října \
     listopadu prosince stycznia lutego marca kwietnia maja czerwca lipca sierpnia września \
     października listopada grudnia tammikuuta helmikuuta maaliskuuta huhtikuuta toukokuuta \
     kesäkuuta heinäkuuta elokuuta syyskuuta lokakuuta marraskuuta joulukuuta februára januára \
     júna júla",
    )
});

/// Months that are English words as well: they count before a year and in German text.
static SHARED_MONTHS: Words = LazyLock::new(|| {
    words(
        "april august september november january february march may june july october december jan \
     feb mar mars apr jun jul aug sep sept nov dec",
    )
});

/// German words after which a number must go on.
static BEFORE_ORDINALS: Words = LazyLock::new(|| {
    words(
        "der die das dem den des am im vom zum zur beim ins ein eine einem einen einer eines dieser \
     diese dieses diesem diesen jeder jede jedes jedem jeden sein seine seinem seinen seiner \
     ihr ihre ihrem ihren ihrer unser unsere unserem unseren unserer mein meine meinem meinen \
     meiner in ab seit",
    )
});

/// German words that join ordinals.
static JOINING: Words = LazyLock::new(|| words("und oder bis sowie"));

/// German words that open sentences and are no nouns.
static OPENING: Words = LazyLock::new(|| {
    words(
        "aber alle allerdings als also am an andere auch auf aus außerdem ausserdem bei beide \
     bereits bis bisher da dabei dadurch dafür dagegen daher damit danach dann daran darauf \
     darum das dass davon davor dazu dem den denn dennoch der deshalb die dies diese dieser \
     dieses doch dort durch ebenso ein eine einer einige er erst es falls ferner für gegen \
     gestern heute hier hierfür ich ihr ihre im in insgesamt ist jede jeder jedes jedoch kein \
     keine leider man manche mehr meist mit morgen nach nachdem nicht noch nun nur ob obwohl \
     oder ohne schließlich schon sein seine seit seitdem sie so sobald somit sonst später trotz \
     trotzdem über um und unser unsere unter viele vielleicht vom von vor während was weil \
     weitere wenn wer wie wir wo zu zudem zwar",
    )
});

/// Frequent words of German and of English, to tell which of them a text is in.
static GERMAN: Words = LazyLock::new(|| {
    words(
        "der die das dem den des und ist nicht mit von ein eine einer im am zum zur vom bis auf für \
     wird sich auch als bei nach wurde sind",
    )
});
static ENGLISH: Words = LazyLock::new(|| {
    words("the of and to is it are for with that he she they from by on at has had we")
});

/// Whether the period after `word` makes it an ordinal or part of a date. `before` is the text
/// before the word and `following` what comes after the period.
pub(super) fn is_ordinal(before: &str, word: &str, following: &str) -> bool {
    let number = word.rsplit(['-', '\u{2013}', '/']).next().unwrap_or_default();
    let (day, roman) = (digits(number, 2), is_roman(number));
    if following.starts_with(|c: char| c.is_ascii_digit()) {
        return is_in_date(before, number, following);
    }
    if day.is_none() && !roman {
        return false;
    }
    let (next, rest) = first_word(following);
    if day.is_some_and(|day| (1..=31).contains(&day)) {
        if MONTHS.contains(next.as_str()) {
            return true;
        }
        if SHARED_MONTHS.contains(next.as_str()) {
            return starts_with_year(rest) || is_german(before, following);
        }
    }
    !OPENING.contains(next.as_str()) && must_go_on(before) && is_german(before, following)
}

/// Whether a line that begins with an ordinal goes on from the text before it, in German.
pub(super) fn goes_on(before: &str, line: &str) -> bool {
    line.starts_with(|c: char| c.is_ascii_digit()) && must_go_on(before) && is_german(before, line)
}

/// Whether what follows begins with a German word that opens sentences.
pub(super) fn opens_sentence(following: &str) -> bool {
    OPENING.contains(first_word(following).0.as_str())
}

/// Whether the text before a number ends in a word after which that is an ordinal.
fn must_go_on(before: &str) -> bool {
    let mut words = before.split_whitespace().rev();
    let last = words.next().unwrap_or_default().to_lowercase();
    if JOINING.contains(last.as_str()) {
        let ordinal =
            |word: &str| word.strip_suffix('.').and_then(|word| digits(word, 2)).is_some();
        return words.next().is_some_and(ordinal);
    }
    BEFORE_ORDINALS.contains(last.as_str())
}

/// Whether a number before another one is part of a date: `5. 3. 2024` or `2024. 03. 15.`
fn is_in_date(before: &str, number: &str, following: &str) -> bool {
    let mut next = following.split_whitespace();
    let (second, third) = (next.next().unwrap_or_default(), next.next().unwrap_or_default());
    let last = before.split_whitespace().next_back().unwrap_or_default();
    let part = |token: &str| token.strip_suffix('.').and_then(|token| digits(token, 2)).is_some();
    let year_before = last.strip_suffix('.').is_some_and(is_year);
    match digits(number, 2) {
        Some(_) if part(last) => starts_with_year(following),
        Some(_) if year_before => part(second),
        Some(_) => part(second) && starts_with_year(third),
        None => is_year(number) && part(second) && part(third),
    }
}

/// The number that so many digits or fewer make; 0 is none.
fn digits(text: &str, most: usize) -> Option<u32> {
    let digits = (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten().filter(|number| *number > 0)
}

fn is_year(text: &str) -> bool {
    digits(text, 4).is_some_and(|year| (1_000..3_000).contains(&year))
}

fn starts_with_year(text: &str) -> bool {
    let text = text.trim_start_matches('.').trim_start();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.get(..end).is_some_and(is_year)
}

fn is_roman(text: &str) -> bool {
    (1..=6).contains(&text.len()) && text.bytes().all(|byte| b"IVXLC".contains(&byte))
}

/// The first word in small letters, and what follows it.
fn first_word(text: &str) -> (String, &str) {
    let end = text.find(|c: char| !c.is_alphabetic()).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    (word.to_lowercase(), rest)
}

/// Whether the words on either side are German rather than English.
fn is_german(before: &str, following: &str) -> bool {
    let near = before.split_whitespace().rev().take(WORDS_NEAR);
    let (mut german, mut english) = (0, 0);
    for word in near.chain(following.split_whitespace().take(WORDS_NEAR)) {
        let word = word.trim_matches(|c: char| !c.is_alphabetic()).to_lowercase();
        german += usize::from(GERMAN.contains(word.as_str()));
        english += usize::from(ENGLISH.contains(word.as_str()));
    }
    german > english
}
