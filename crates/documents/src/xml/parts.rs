//! What books and texts have in common: a head that says who wrote what, and footnotes.

use crate::xml::prose::Prose;

/// What is said of a text before it.
#[derive(Debug, Default)]
pub(super) struct Head {
    pub(super) title: String,
    pub(super) subtitle: String,
    people: Vec<String>,
    summary: Vec<String>,
}

impl Head {
    /// Who wrote or edited it.
    pub(super) fn add_person(&mut self, name: String) {
        if !name.is_empty() && !self.people.contains(&name) {
            self.people.push(name);
        }
    }

    /// A paragraph of its abstract.
    pub(super) fn add_summary(&mut self, paragraph: String) {
        if !paragraph.is_empty() {
            self.summary.push(paragraph);
        }
    }

    /// Writes it as the beginning of a part of this level; of 0, what has no headings.
    pub(super) fn write(self, prose: &mut Prose, level: u8) {
        match level {
            0 => prose.paragraph(&self.title),
            level => heading(prose, level, &self.title),
        }
        prose.paragraph(&self.subtitle);
        prose.paragraph(&self.people.join(", "));
        if !self.summary.is_empty() {
            prose.heading(level.saturating_add(1), "Abstract");
        }
        for paragraph in self.summary {
            prose.paragraph(&paragraph);
        }
    }
}

/// Writes the heading of a part; the outermost one's is the title of the whole.
pub(super) fn heading(prose: &mut Prose, level: u8, title: &str) {
    if level == 1 {
        prose.flow.builder.title(title);
    }
    prose.heading(level, title);
}

/// Footnotes within a paragraph, which stand behind it.
#[derive(Debug, Default)]
pub(super) struct Footnotes {
    waiting: Vec<String>,
    seen: usize,
}

impl Footnotes {
    /// One ends whose text was held. Without a mark of its own it has a number.
    pub(super) fn end(&mut self, prose: &mut Prose, mark: String) {
        let text = prose.release();
        self.seen += 1;
        let mark = if mark.is_empty() { self.seen.to_string() } else { mark };
        prose.text(&format!("[{mark}]"));
        self.waiting.push(format!("[{mark}] {text}"));
    }

    /// Writes those of the paragraph that has ended.
    pub(super) fn write(&mut self, prose: &mut Prose) {
        if prose.is_running() {
            for note in std::mem::take(&mut self.waiting) {
                prose.paragraph(&note);
            }
        }
    }
}
