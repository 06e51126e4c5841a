//! The head of an article: its title, who wrote it, where it was published.

use super::Article;
use crate::xml::Attributes;

/// What is said of an article before its text.
#[derive(Debug, Default)]
pub(super) struct Front {
    journal: String,
    date: String,
    doi: String,
    /// The people of the present group, and what they did where that is not writing.
    people: Vec<(String, String)>,
    /// What the present person did.
    kind: String,
    /// Where the people of the present group work.
    places: Vec<String>,
    keywords: Vec<String>,
    heading: String,
}

/// Whether an element says where an article was published.
fn is_of_source(name: &str) -> bool {
    matches!(
        name,
        "journal-title"
            | "abbrev-journal-title"
            | "volume"
            | "issue"
            | "article-id"
            | "elocation-id"
            | "fpage"
            | "lpage"
            | "page-range"
            | "season"
            | "pub-date"
    )
}

impl Article {
    /// Whether an element is one of the head's that has been seen to.
    pub(super) fn start_in_front(&mut self, name: &str, attributes: &Attributes) -> bool {
        let around = self.open.around();
        match name {
            "article-title" if around == "title-group" => self.prose.hold(),
            _ if is_of_source(name) && around != "related-article" && self.is_in_head() => {
                self.prose.hold();
                if name == "article-id" {
                    self.front.kind = attributes.find("pub-id-type").unwrap_or_default().to_owned();
                }
            }
            "day" | "month" | "year" if around == "pub-date" => self.prose.join(" "),
            "contrib" if around == "contrib-group" => {
                let kind = attributes.find("contrib-type").unwrap_or_default();
                self.front.kind = if kind == "author" { "" } else { kind }.to_owned();
                self.prose.hold();
            }
            // Numbers of places.
            "xref" if around == "contrib" => self.prose.hold(),
            "bio" | "author-comment" if around == "contrib" => self.prose.hold(),
            "aff" | "aff-alternatives" if around != "aff-alternatives" => self.prose.hold(),
            "institution" | "addr-line" | "city" | "country" | "state" | "postal-code"
                if self.open.is_within("aff") =>
            {
                self.prose.join(", ");
            }
            "given-names" | "surname" if around == "name" && self.open.is_within("contrib") => {
                self.prose.hold();
            }
            "email" if around == "contrib" => self.prose.text(" "),
            "kwd-group" => {
                self.prose.end();
                self.front.heading = "Keywords".to_owned();
            }
            "title" | "kwd" | "compound-kwd" if around == "kwd-group" => self.prose.hold(),
            "abstract" => {
                self.write_source();
                return false;
            }
            "meta-value" => self.prose.text(": "),
            "custom-meta" => self.prose.end(),
            _ => return false,
        }
        true
    }

    /// Whether the present element is one that such elements stand in.
    fn is_in_head(&self) -> bool {
        matches!(
            self.open.around(),
            "article-meta" | "journal-meta" | "journal-title-group" | "front-stub"
        )
    }

    pub(super) fn end_in_front(&mut self, name: &str) -> bool {
        let around = self.open.around();
        match name {
            "article-title" if around == "title-group" => {
                let title = self.prose.release();
                self.prose.flow.builder.title(title.as_str());
                self.prose.heading(self.level, &title);
            }
            _ if is_of_source(name) && self.is_in_head() => {
                let text = self.prose.release();
                self.say(name, text);
            }
            "given-names" if around == "name" && self.open.is_within("contrib") => {
                // The family name stands before it in the file.
                let given = self.prose.release();
                self.name(&given, true);
            }
            "surname" if around == "name" && self.open.is_within("contrib") => {
                let surname = self.prose.release();
                self.name(&surname, false);
            }
            "xref" | "bio" | "author-comment" if around == "contrib" => {
                self.prose.release();
            }
            "contrib" if around == "contrib-group" => {
                let person = (std::mem::take(&mut self.front.kind), self.prose.release());
                self.front.people.push(person);
            }
            "contrib-group" => self.write_people(),
            "aff" | "aff-alternatives" if around != "aff-alternatives" => {
                let place = self.prose.release();
                if self.open.is_within("contrib-group") {
                    if !self.front.places.contains(&place) {
                        self.front.places.push(place);
                    }
                } else {
                    self.prose.paragraph(&place);
                }
            }
            "title" if around == "kwd-group" => self.front.heading = self.prose.release(),
            "kwd" | "compound-kwd" if around == "kwd-group" => {
                let word = self.prose.release();
                self.front.keywords.push(word);
            }
            "kwd-group" => {
                let words = std::mem::take(&mut self.front.keywords).join(", ");
                let heading = std::mem::take(&mut self.front.heading);
                if !words.is_empty() {
                    self.prose.paragraph(&format!("{heading}: {words}"));
                }
            }
            "custom-meta" => self.prose.end(),
            "article-meta" => {
                self.write_source();
                return false;
            }
            _ => return false,
        }
        true
    }

    /// Adds a part of the present person's name, before what is there already or behind it.
    fn name(&mut self, part: &str, before: bool) {
        let Some(held) = self.prose.held() else { return };
        let there = held.trim().to_owned();
        *held = match before {
            true => format!("{part} {there}"),
            false => format!("{there} {part}"),
        };
    }

    fn say(&mut self, name: &str, text: String) {
        let front = &mut self.front;
        match name {
            "journal-title" => front.journal = text,
            "abbrev-journal-title" if front.journal.is_empty() => front.journal = text,
            "pub-date" => {
                let date = date(&text);
                if front.date.len() < date.len() {
                    front.date = date;
                }
            }
            "article-id" if front.kind == "doi" => front.doi = text,
            "volume" if !text.is_empty() => front.journal += &format!(" {text}"),
            "issue" if !text.is_empty() => front.journal += &format!(" ({text})"),
            "elocation-id" | "fpage" if !text.is_empty() => front.journal += &format!(", {text}"),
            "lpage" if !text.is_empty() => front.journal += &format!("\u{2013}{text}"),
            _ => {}
        }
    }

    /// Writes where and when the article was published.
    fn write_source(&mut self) {
        let front = std::mem::take(&mut self.front);
        let doi = if front.doi.is_empty() { String::new() } else { format!("doi:{}", front.doi) };
        let said = [front.journal.trim().to_owned(), front.date, doi];
        let said: Vec<String> = said.into_iter().filter(|text| !text.is_empty()).collect();
        self.prose.paragraph(&said.join(", "));
    }

    /// Writes the people of a group, those who did the same together.
    fn write_people(&mut self) {
        let people = std::mem::take(&mut self.front.people);
        for same in people.chunk_by(|a, b| a.0 == b.0) {
            let names: Vec<&str> = same.iter().map(|(_, name)| name.as_str()).collect();
            let kind = same.first().map_or("", |(kind, _)| kind.as_str());
            let mut kind: Vec<char> = kind.chars().collect();
            if let Some(first) = kind.first_mut() {
                *first = first.to_ascii_uppercase();
            }
            let kind: String = kind.into_iter().collect();
            let lead = if kind.is_empty() { kind } else { format!("{kind}: ") };
            self.prose.paragraph(&format!("{lead}{}", names.join(", ")));
        }
        for place in std::mem::take(&mut self.front.places) {
            self.prose.paragraph(&place);
        }
    }
}

/// A date whose day, month and year are numbers in this order, as others write it; else as it is.
fn date(text: &str) -> String {
    let numbers: Option<Vec<u32>> = text.split(' ').map(|part| part.parse().ok()).collect();
    match numbers.as_deref() {
        Some([day, month, year]) if *day <= 31 => format!("{year}-{month:02}-{day:02}"),
        Some([month, year]) if *month <= 12 => format!("{year}-{month:02}"),
        _ => text.to_owned(),
    }
}
