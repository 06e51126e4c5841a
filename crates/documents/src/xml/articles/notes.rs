//! Footnotes: those within a paragraph stand behind it.

use super::Article;

/// Elements whose notes stand where they are.
const GROUPS: [&str; 4] = ["fn-group", "author-notes", "table-wrap-foot", "back"];

/// Footnotes of the present paragraph.
#[derive(Debug, Default)]
pub(super) struct Notes {
    waiting: Vec<String>,
    mark: String,
    seen: usize,
}

impl Notes {
    /// What the note that is being read is called.
    pub(super) fn mark(&mut self, mark: String) {
        self.mark = mark;
    }

    /// Notes that no end of a paragraph came for.
    pub(super) fn left(self) -> Vec<String> {
        self.waiting
    }
}

impl Article {
    pub(super) fn start_note(&mut self) {
        if GROUPS.contains(&self.open.around()) {
            self.prose.end();
        }
        self.notes.mark.clear();
        self.prose.hold();
    }

    pub(super) fn end_note(&mut self, around: &str) {
        let text = self.prose.release();
        let mark = std::mem::take(&mut self.notes.mark);
        if GROUPS.contains(&around) {
            return self.prose.paragraph(format!("{mark} {text}").trim());
        }
        self.notes.seen += 1;
        let mark = if mark.is_empty() { self.notes.seen.to_string() } else { mark };
        self.prose.text(&format!("[{mark}]"));
        self.notes.waiting.push(format!("[{mark}] {text}"));
    }

    /// Writes the notes of the paragraph that has ended.
    pub(super) fn write_notes(&mut self) {
        if self.prose.is_running() {
            for note in std::mem::take(&mut self.notes.waiting) {
                self.prose.paragraph(&note);
            }
        }
    }
}
