//! Subtitles and transcripts (WebVTT, SRT): what is said, under headings that say when, with who
//! says it before it.

use crate::document::{BlockKind, Document};
use crate::text::plain::{self, Style};
use crate::write::Builder;

/// A heading stands for so many seconds at least, until a sentence ends or another speaks, and for
/// so many at most.
const SPAN_MS: u64 = 30_000;
const SPAN_MS_MAX: u64 = 60_000;
/// A silence of so many milliseconds ends a paragraph.
const SILENCE_MS: u64 = 3_000;
/// Longer pieces in brackets are no marks.
const MARK_CHARS_MAX: usize = 300;
/// The level of these headings: below a title, and without force on how a text is cut.
const LEVEL: u8 = 3;

/// What is said in a piece of time.
#[derive(Debug, Default)]
struct Cue {
    start_ms: u64,
    end_ms: u64,
    /// Who speaks, if that is said, and what.
    said: Vec<(String, String)>,
}

/// Reads subtitles.
pub(crate) fn read(source: &str, mut builder: Builder) -> Document {
    let rolling = source.contains("<c>") && source.contains("><c>");
    let lines: Vec<&str> = source.lines().collect();
    // A line that looks empty is.
    let blocks = lines.split(|line| line.trim().is_empty()).map(|block| block.join("\n"));
    let mut blocks = blocks.filter(|block| !block.is_empty()).peekable();
    if let Some(head) =
        blocks.next_if(|block| block.starts_with("WEBVTT") && !block.contains("-->"))
    {
        let title = head.lines().next().unwrap_or_default();
        let title = title.trim_start_matches("WEBVTT").trim_start_matches([' ', '-', '\t']);
        builder.title(title);
        builder.block(BlockKind::Heading(1), title);
    }
    let mut cues: Vec<Cue> = Vec::new();
    let mut before: Vec<(String, String)> = Vec::new();
    let mut comments = false;
    for block in blocks {
        match cue(&block) {
            Some(cue) => cues.push(cue),
            // Text behind an empty line within a cue, or before the first.
            None if is_text(&block) => match cues.last_mut() {
                Some(last) => last.said.extend(said(&block)),
                None => before.extend(said(&block)),
            },
            None => comments |= block.starts_with("NOTE"),
        }
    }
    if cues.is_empty() {
        return plain::read(source, Style::Prose, builder);
    }
    if comments {
        builder.note("comments of the file are not part of the text");
    }
    if rolling {
        without_repeated(&mut cues);
    }
    for (_, said) in &before {
        builder.block(BlockKind::Paragraph, said);
    }
    write(&cues, &mut builder);
    builder.finish()
}

fn is_text(block: &str) -> bool {
    let other = ["NOTE", "STYLE", "REGION", "WEBVTT", "X-TIMESTAMP"];
    !block.is_empty() && !other.iter().any(|begin| block.starts_with(begin))
}

/// A cue: lines of text below a line with its times, which may have a name above it.
fn cue(block: &str) -> Option<Cue> {
    let at = block.lines().take(3).position(|line| line.contains("-->"))?;
    let (from, to) = block.lines().nth(at)?.split_once("-->")?;
    let start_ms = time_ms(from.trim())?;
    let end_ms = time_ms(to.split_whitespace().next()?)?.max(start_ms);
    let text = block.lines().skip(at + 1).collect::<Vec<_>>().join("\n");
    Some(Cue { start_ms, end_ms, said: said(&text) })
}

/// `01:02:03.004`, with a comma in SRT, or `02:03.004`.
fn time_ms(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once(['.', ',']).unwrap_or((text, "0"));
    let mut seconds = 0_u64;
    for part in whole.split(':') {
        let part: u64 = part.trim().parse().ok().filter(|part| *part < 1_000_000)?;
        seconds = seconds.checked_mul(60)?.checked_add(part)?;
    }
    let fraction: u64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    seconds.checked_mul(1_000)?.checked_add(fraction)
}

/// A time as `01:02:03`.
fn clock(ms: u64) -> String {
    let seconds = ms / 1_000;
    format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

/// Takes a cue's text apart by who speaks (`<v Name>`), without other marks.
fn said(text: &str) -> Vec<(String, String)> {
    let mut parts = vec![(String::new(), String::new())];
    let mut rest = text;
    while let Some(at) = rest.find(['<', '{']) {
        let (before, from) = rest.split_at(at);
        push(&mut parts, before);
        let close = if from.starts_with('<') { '>' } else { '}' };
        let end = from.char_indices().take(MARK_CHARS_MAX).find(|(_, c)| *c == close);
        let tag = end.and_then(|(end, _)| from.get(..=end)).filter(|tag| is_mark(tag));
        let Some(tag) = tag else {
            let (sign, after) = from.split_at(1);
            push(&mut parts, sign);
            rest = after;
            continue;
        };
        if tag == "</v>" {
            parts.push(Default::default());
        } else if let Some(speaker) = speaker(tag) {
            parts.push((speaker, String::new()));
        }
        rest = from.get(tag.len()..).unwrap_or_default();
    }
    push(&mut parts, rest);
    for (_, said) in &mut parts {
        *said = lines(said);
    }
    parts.retain(|(_, said)| !said.is_empty());
    parts
}

fn push(parts: &mut [(String, String)], text: &str) {
    if let Some((_, said)) = parts.last_mut() {
        said.push_str(text);
    }
}

/// Whether `tag` is a mark of a cue: `<i>`, `</c.yellow>`, `<00:01.000>`, `{\an8}`.
fn is_mark(tag: &str) -> bool {
    let inner = tag.trim_start_matches(['<', '{']).trim_start_matches('/');
    let name: String = inner.chars().take_while(char::is_ascii_alphanumeric).collect();
    let known = ["v", "c", "i", "b", "u", "s", "ruby", "rt", "lang", "font", "span", "br"];
    let time = inner.starts_with(|c: char| c.is_ascii_digit()) && inner.contains(':');
    known.contains(&name.to_ascii_lowercase().as_str()) || time || inner.starts_with('\\')
}

fn speaker(tag: &str) -> Option<String> {
    let inner = tag.strip_prefix("<v")?.strip_suffix('>')?;
    let (_, name) = inner.split_once(char::is_whitespace)?;
    Some(name.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The lines of a text as one, but for those in which another speaks (`- Yes.`).
fn lines(text: &str) -> String {
    let mut joined = String::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if !joined.is_empty() {
            joined.push(if line.starts_with(['-', '\u{2013}']) { '\n' } else { ' ' });
        }
        joined.push_str(line);
    }
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&nbsp;", " "), ("&lrm;", ""), ("&rlm;", "")];
    for (entity, sign) in entities {
        joined = joined.replace(entity, sign);
    }
    joined.replace("&amp;", "&").trim().to_owned()
}

/// Captions that roll up show each line twice: once as it is said and once above the next.
fn without_repeated(cues: &mut [Cue]) {
    let mut before = String::new();
    for cue in cues {
        let whole: Vec<&str> = cue.said.iter().map(|(_, said)| said.as_str()).collect();
        let whole = whole.join(" ");
        for (_, said) in &mut cue.said {
            if let Some(new) = said.strip_prefix(before.as_str()).filter(|_| !before.is_empty()) {
                *said = new.trim().to_owned();
            }
        }
        cue.said.retain(|(_, said)| !said.is_empty());
        if let Some((_, last)) = cue.said.last() {
            before.clone_from(last);
        } else if whole.len() < before.len() {
            before = whole;
        }
    }
}

/// Writes the cues under headings of their times, one paragraph for as long as one speaks.
fn write(cues: &[Cue], builder: &mut Builder) {
    let mut at = 0;
    while let Some(rest) = cues.get(at..).filter(|rest| !rest.is_empty()) {
        let span = rest.get(..span(rest)).unwrap_or(rest);
        at += span.len();
        let start = span.first().map_or(0, |cue| cue.start_ms);
        let end = span.iter().map(|cue| cue.end_ms).max().unwrap_or(start);
        if span.iter().any(|cue| !cue.said.is_empty()) {
            let times = format!("{} \u{2013} {}", clock(start), clock(end));
            builder.block(BlockKind::Heading(LEVEL), &times);
        }
        paragraphs(span, builder);
    }
}

/// How many of the cues stand under one heading.
fn span(cues: &[Cue]) -> usize {
    let start = cues.first().map_or(0, |cue| cue.start_ms);
    let ends = cues.windows(2).position(|pair| {
        let [one, next] = pair else { return false };
        let past = next.start_ms.saturating_sub(start);
        let last = one.said.last();
        let ended =
            last.is_none_or(|(_, said)| said.ends_with(['.', '?', '!', '\u{2026}', ']', ')']));
        let other = last.map(|(who, _)| who) != next.said.first().map(|(who, _)| who);
        past >= SPAN_MS_MAX || past >= SPAN_MS && (ended || other)
    });
    ends.map_or(cues.len(), |at| at + 1)
}

fn paragraphs(cues: &[Cue], builder: &mut Builder) {
    let (mut who, mut text, mut end_ms) = ("", String::new(), 0);
    let mut end = |who: &str, text: &mut String| {
        let text = std::mem::take(text);
        let lead = if who.is_empty() { String::new() } else { format!("{who}: ") };
        if !text.is_empty() {
            builder.block(BlockKind::Paragraph, &format!("{lead}{text}"));
        }
    };
    for cue in cues {
        for (speaker, said) in &cue.said {
            let silent = cue.start_ms.saturating_sub(end_ms) > SILENCE_MS;
            if speaker != who || silent {
                end(who, &mut text);
            }
            who = speaker;
            end_ms = end_ms.max(cue.end_ms);
            if !text.is_empty() {
                text.push(if said.starts_with(['-', '\u{2013}']) { '\n' } else { ' ' });
            }
            text.push_str(said);
        }
    }
    end(who, &mut text);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(source: &str) -> Document {
        read(source, Builder::new("text/vtt"))
    }

    #[test]
    fn what_is_said_stands_under_its_time() {
        let source = "WEBVTT - A talk\nKind: captions\n\nNOTE no text\n\nSTYLE\n::cue {}\n\n1-a\n00:11.000 --> 00:13.500 align:left\n<v Ann>We are <i>in</i>\nRome &amp; so</v>\n\n\
            00:13.500 --> 00:14.000\n<v.loud Ann>on.\n\n00:14.000 --> 00:15.000\n<v Bob Lee>Yes, 1 < 2</v> (laughs)\n\n01:02:03.000 --> 01:02:04.000\nLater.\n";
        let document = document(source);
        assert_eq!(
            document.text,
            "A talk\n\n00:00:11 – 00:00:15\n\nAnn: We are in Rome & so on.\n\nBob Lee: Yes, 1 < 2\n\n(laughs)\n\n\
             01:02:03 – 01:02:04\n\nLater."
        );
        assert_eq!(document.title.as_deref(), Some("A talk"));
        let position = document.text.chars().count() - 3;
        assert_eq!(document.heading_path(position), ["A talk", "01:02:03 – 01:02:04"]);
        assert_eq!(document.notes.len(), 1);
    }

    #[test]
    fn long_talks_have_a_heading_about_every_half_minute() {
        let mut source = String::new();
        for at in 0..20 {
            let (from, to) = (at * 10, at * 10 + 10);
            let end = if at % 2 == 0 { "," } else { "." };
            source += &format!(
                "{}\n00:{:02}:{:02},000 --> 00:{:02}:{:02},000\n{{\\an8}}Part {at}{end}\n\n",
                at + 1,
                from / 60,
                from % 60,
                to / 60,
                to % 60
            );
        }
        let document = document(&source);
        let times: Vec<&str> =
            document.headings.iter().map(|heading| heading.title.as_str()).collect();
        assert_eq!(times.first(), Some(&"00:00:00 – 00:00:40"));
        assert_eq!(times.len(), 5);
        assert!(
            document.text.contains("Part 0, Part 1. Part 2, Part 3.\n\n00:00:40"),
            "{}",
            document.text
        );
    }

    #[test]
    fn two_who_speak_at_once_have_lines_and_rolling_lines_stand_once() {
        let source = "1\n00:00:01,000 --> 00:00:02,000\n- Hello.\n- Hi.\n\n2\n00:00:09,000 --> 00:00:10,000\nWell.\n";
        assert_eq!(document(source).text, "00:00:01 – 00:00:10\n\n- Hello.\n- Hi.\n\nWell.");
        let rolling = "WEBVTT\n\n00:00.000 --> 00:02.000\none<00:00:01.000><c> two</c>\n\n00:02.000 --> 00:02.010\none two\n\n\
            00:02.010 --> 00:04.000\none two\nthree<00:00:03.000><c> four</c>\n";
        assert_eq!(document(rolling).text, "00:00:00 – 00:00:04\n\none two three four");
        assert_eq!(document("no cue at all").text, "no cue at all");
        let spaced =
            "By Ann\n \n1\n00:01,000 --> 00:02,000\nOne.\n \n2\n00:02,000 --> 00:03,000\nTwo.";
        assert_eq!(document(spaced).text, "By Ann\n\n00:00:01 – 00:00:03\n\nOne. Two.");
    }
}
