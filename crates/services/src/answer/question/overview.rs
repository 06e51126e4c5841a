//! Questions about the documents as a whole: "Summarise this document", "Which files are there?",
//! and words to the program itself, such as a greeting.
//!
//! No passage says what these ask for, so a search for their words finds nothing. They are told by
//! whole phrases: a question is one only if every word of it is part of such a phrase, but for the
//! name of a file. "Summarise the termination clause" is no such phrase, unless a file is called
//! "termination clause", which the records say and not the words.

mod phrases;

use cairn_search::Language;

use phrases::{ROWS, Row};

/// Characters of such a question, at most.
const LONGEST: usize = 200;
/// Words of what says how long a summary shall be, at most: "in three short sentences".
const TAIL: usize = 5;
/// Polite words that may stand anywhere.
const PLEASE: [&str; 8] =
    ["please", "pls", "bitte", "alsjeblieft", "alstublieft", "aub", "svp", "stp"];

/// A question about the documents as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Overview {
    /// What is wanted.
    pub(crate) wants: Wants,
    /// The languages it may be in.
    languages: Vec<Language>,
}

/// What such a question wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wants {
    /// A summary.
    Summary(Of),
    /// Which documents there are.
    List,
    /// An answer from the program itself.
    Talk(Talk),
}

/// What is to be summarised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    /// All documents that are asked.
    All,
    /// All of them, unless something was said before that "this" may stand for.
    This,
    /// The only document, where there is but one: "this report".
    Only,
    /// The one with this name, if there is one.
    Called(Name),
}

/// What a document may be called, in the form of [`key`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    keys: Vec<String>,
}

/// What is said to the program itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Talk {
    /// "Hello".
    Greeting,
    /// "Thank you".
    Thanks,
    /// "What can you do?"
    Help,
}

/// What `question` wants of the documents as a whole; nothing where it is about something in them.
pub(crate) fn of(question: &str) -> Option<Overview> {
    let phrase = key(question);
    let words: Vec<&str> = phrase.split(' ').filter(|word| !PLEASE.contains(word)).collect();
    let phrase = words.join(" ");
    if phrase.is_empty() || question.chars().count() > LONGEST {
        return None;
    }
    let ended = has_ending(question);
    let read = |row: &Row| Some((row.language, row.read(&phrase, ended)?));
    let found: Vec<(Language, Wants)> = ROWS.iter().filter_map(read).collect();
    // What is a name in one language may be all documents in another.
    let wants = match found.iter().find(|(_, wants)| wants.name().is_none()) {
        Some((_, sure)) => sure.clone(),
        None => {
            let names = found.iter().filter_map(|(_, wants)| wants.name());
            Wants::Summary(Of::Called(names.cloned().reduce(Name::or)?))
        }
    };
    let alike =
        |other: &Wants| *other == wants || (other.name().is_some() && wants.name().is_some());
    let alike = found.into_iter().filter(|(_, other)| alike(other));
    Some(Overview { languages: alike.map(|(language, _)| language).collect(), wants })
}

impl Wants {
    /// The name that a document must have for it.
    fn name(&self) -> Option<&Name> {
        match self {
            Self::Summary(Of::Called(name)) => Some(name),
            Self::Summary(Of::All | Of::This | Of::Only) | Self::List | Self::Talk(_) => None,
        }
    }
}

impl Overview {
    /// The language it is in: that of the documents where it may be.
    pub(crate) fn language(&self, documents: Language) -> Language {
        let first = self.languages.first().copied().unwrap_or_default();
        if self.languages.contains(&documents) { documents } else { first }
    }
}

impl Name {
    /// One or the other.
    fn or(mut self, other: Self) -> Self {
        for key in other.keys {
            if !self.keys.contains(&key) {
                self.keys.push(key);
            }
        }
        self
    }

    /// Whether a file of this name is meant: by the whole of it, or without its folder or its ending.
    pub(crate) fn is(&self, filename: &str) -> bool {
        let base = filename.rsplit(['/', '\\']).next().unwrap_or(filename);
        let stem = base.rsplit_once('.').map_or(base, |(stem, _)| stem);
        [filename, base, stem].into_iter().any(|name| self.keys.contains(&key(name)))
    }
}

/// The words of a text as phrases are compared: in lower case, without accents, one space between
/// them, and all else left out.
fn key(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.chars().flat_map(char::to_lowercase) {
        match c {
            'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' => folded.push('a'),
            'è' | 'é' | 'ê' | 'ë' => folded.push('e'),
            'ì' | 'í' | 'î' | 'ï' => folded.push('i'),
            'ò' | 'ó' | 'ô' | 'õ' | 'ö' => folded.push('o'),
            'ù' | 'ú' | 'û' | 'ü' => folded.push('u'),
            'ç' => folded.push('c'),
            'ñ' => folded.push('n'),
            'ß' => folded.push_str("ss"),
            'œ' => folded.push_str("oe"),
            c if c.is_alphanumeric() => folded.push(c),
            _ => folded.push(' '),
        }
    }
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a word has a point within: "report.pdf".
fn has_ending(question: &str) -> bool {
    let within = |word: &str| {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric());
        word.split_once('.').is_some_and(|(stem, ending)| !stem.is_empty() && !ending.is_empty())
    };
    question.split_whitespace().any(within)
}

/// `text` without these words in front.
fn after<'t>(text: &'t str, words: &str) -> Option<&'t str> {
    if words.is_empty() {
        return Some(text);
    }
    let rest = text.strip_prefix(words)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix(' ') }
}

/// `text` without these words behind.
fn before<'t>(text: &'t str, words: &str) -> Option<&'t str> {
    if words.is_empty() {
        return Some(text);
    }
    let rest = text.strip_suffix(words)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_suffix(' ') }
}

/// Whether `list`, with bars between its entries, has this one.
fn lists(list: &str, text: &str) -> bool {
    !text.is_empty() && list.split('|').any(|one| one == text)
}

/// `text` without the entries of `list` that it begins with, however many.
fn without<'t>(list: &str, text: &'t str) -> &'t str {
    let mut left = text;
    while let Some(rest) = list.split('|').find_map(|words| after(left, words))
        && !rest.is_empty()
        && rest.len() < left.len()
    {
        left = rest;
    }
    left
}

/// What stands in `text` between the words of one of these frames.
fn framed<'t>(frames: &'t [(&'t str, &'t str)], text: &'t str) -> impl Iterator<Item = &'t str> {
    let within = move |(fronts, ends): &'t (&'t str, &'t str)| {
        let fronts = fronts.split('|').filter_map(move |front| after(text, front));
        fronts.flat_map(move |rest| ends.split('|').filter_map(move |end| before(rest, end)))
    };
    frames.iter().flat_map(within)
}

impl Row {
    /// What a phrase wants by this language; `ended` says whether the name of a file with its ending
    /// may be in it.
    fn read(&self, phrase: &str, ended: bool) -> Option<Wants> {
        if let Some(talk) = self.talk(phrase) {
            return Some(Wants::Talk(talk));
        }
        let asked = self.plain(phrase);
        let listed = |rest| self.documents(rest).is_some_and(|noun| lists(self.plural, noun));
        if framed(self.lists, asked).any(listed) {
            return Some(Wants::List);
        }
        self.summary(asked, ended).map(Wants::Summary)
    }

    /// What is said to the program, where that is all of `phrase`: of several things the one that
    /// wants most.
    fn talk(&self, phrase: &str) -> Option<Talk> {
        let tables = [
            (self.help, Talk::Help),
            (self.thanks, Talk::Thanks),
            (self.greetings, Talk::Greeting),
        ];
        let mut said: Vec<Talk> = Vec::new();
        let mut left = phrase;
        while !left.is_empty() {
            let longest = |list: &str| {
                let rests = list.split('|').filter_map(|words| after(left, words));
                rests.map(str::len).min()
            };
            let found =
                tables.iter().filter_map(|(list, talk)| Some((longest(list)?, Some(*talk))));
            let filler = longest(self.fillers).map(|rest| (rest, None));
            let (rest, talk) = found.chain(filler).min_by_key(|(rest, _)| *rest)?;
            said.extend(talk);
            left = left.get(left.len() - rest..)?;
        }
        tables.into_iter().map(|(_, talk)| talk).find(|talk| said.contains(talk))
    }

    /// A phrase without what is but polite, and how long the answer shall be.
    fn plain<'t>(&self, phrase: &'t str) -> &'t str {
        let mut left = phrase;
        loop {
            let fronts = self.polite.split('|').filter_map(|words| after(left, words));
            let ends = self.behind.split('|').filter_map(|words| before(left, words));
            let cut = std::iter::once(self.untailed(left));
            let shorter = |rest: &&str| !rest.is_empty() && rest.len() < left.len();
            let Some(rest) = fronts.chain(ends).chain(cut).find(shorter) else { return left };
            left = rest;
        }
    }

    /// A phrase without "in three sentences" at its end.
    fn untailed<'t>(&self, phrase: &'t str) -> &'t str {
        let words: Vec<&str> = phrase.split(' ').collect();
        let Some((last, rest)) = words.split_last() else { return phrase };
        if !lists(self.units, last) {
            return phrase;
        }
        let first = rest.len().saturating_sub(TAIL);
        let joint = (first..rest.len()).rev().find(|at| lists(self.joints, rest[*at]));
        let kept = joint.map(|at| rest[..at].iter().map(|word| word.len() + 1).sum::<usize>());
        kept.and_then(|kept| phrase.get(..kept)).map_or(phrase, str::trim_end)
    }

    /// What a phrase wants to be summarised.
    fn summary(&self, phrase: &str, ended: bool) -> Option<Of> {
        // In English it is also what one applies with.
        if lists(self.this, phrase) || (phrase != "resume" && lists(self.verbs, phrase)) {
            return Some(Of::This);
        }
        let verbs = [(self.verbs, "")];
        let named = framed(&verbs, phrase).chain(framed(self.about, phrase));
        let mut found: Vec<Of> = named.filter_map(|rest| self.object(rest, true)).collect();
        found.extend(framed(self.content, phrase).filter_map(|rest| self.object(rest, ended)));
        found.extend(self.headed(phrase));
        let is_sure = |of: &Of| !matches!(of, Of::Called(_));
        if let Some(sure) = found.iter().find(|of| is_sure(of)) {
            return Some(sure.clone());
        }
        let name = |of| match of {
            Of::Called(name) => Some(name),
            Of::All | Of::This | Of::Only => None,
        };
        found.into_iter().filter_map(name).reduce(Name::or).map(Of::Called)
    }

    /// The same of "give me a short overview of …".
    fn headed(&self, phrase: &str) -> Vec<Of> {
        let mut found = Vec::new();
        let leads = std::iter::once("").chain(self.leads.split('|'));
        for rest in leads.filter_map(|lead| after(phrase, lead)) {
            let bare = without(self.small, rest);
            for rest in self.heads.split('|').filter_map(|head| after(bare, head)) {
                if rest.is_empty() {
                    // "Points" by itself is a word to search for.
                    found.extend((bare.len() < phrase.len()).then_some(Of::This));
                    continue;
                }
                let rest = without(self.small, rest);
                let of = self.of.split('|').filter_map(|of| after(rest, of));
                found.extend(of.filter_map(|rest| self.object(rest, true)));
                // "Zusammenfassung aller Dokumente"
                found.extend(self.documents(rest).map(|_| Of::All));
            }
        }
        found
    }

    /// What these words stand for; a name only where it may be one.
    fn object(&self, words: &str, named: bool) -> Option<Of> {
        let words = self.untailed(words);
        if words.is_empty() {
            return None;
        }
        if lists(self.all, words) {
            return Some(Of::All);
        }
        if lists(self.pronouns, words) {
            return Some(Of::This);
        }
        if self.documents(words).is_some() {
            return Some(Of::All);
        }
        let deictic = self.deictic.split('|').filter_map(|word| after(words, word));
        if deictic.into_iter().any(|kind| lists(self.kinds, kind)) {
            return Some(Of::Only);
        }
        if !named {
            return None;
        }
        // "the file report.pdf"
        let bare = without(self.determiners, words);
        let noun = without(self.singular, bare);
        let mut keys: Vec<String> = [words, bare, noun].into_iter().map(str::to_owned).collect();
        keys.dedup();
        Some(Of::Called(Name { keys }))
    }

    /// The noun, where these words are but documents: "all of the files".
    fn documents<'t>(&self, words: &'t str) -> Option<&'t str> {
        let noun = without(self.determiners, words);
        (lists(self.singular, noun) || lists(self.plural, noun)).then_some(noun)
    }
}

#[cfg(test)]
mod tests;
