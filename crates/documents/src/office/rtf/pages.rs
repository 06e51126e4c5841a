//! The heads and feet of pages, and whether a line of them is but the page's number.

/// Stands in the text of a head or foot for a field that gives the page's number or the number
/// of pages.
pub(super) const COUNT: char = '\u{1}';
/// Different lines of heads and feet that are kept.
const LINES_MAX: usize = 100;

/// The lines of the heads and feet of a file, each once.
#[derive(Debug, Default)]
pub(super) struct Furniture {
    seen: Vec<String>,
    feet: Vec<String>,
}

impl Furniture {
    /// The lines of a head that were not there before.
    pub(super) fn head(&mut self, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        for line in lines(text) {
            if self.seen.len() < LINES_MAX && !self.seen.contains(&line) {
                self.seen.push(line.clone());
                found.push(line);
            }
        }
        found
    }

    pub(super) fn foot(&mut self, text: &str) {
        let lines = self.head(text);
        self.feet.extend(lines);
    }

    pub(super) fn feet(&mut self) -> Vec<String> {
        std::mem::take(&mut self.feet)
    }
}

/// The lines that say something: 'Page 1' and 'Page 1 of 99' say nothing of the text.
fn lines(text: &str) -> impl Iterator<Item = String> {
    text.split('\n').filter_map(|line| {
        let counts = line.matches(COUNT).count();
        let line = line.replace(COUNT, "");
        let words: Vec<&str> = line.split_whitespace().collect();
        let told = words.iter().filter(|word| word.contains(char::is_alphabetic)).count();
        (told > counts).then(|| words.join(" "))
    })
}
