//! Takes `[1]` and `[2, 3]` out of a stream of text and remembers where they stood.

/// A source marker the writer set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Marker {
    /// Byte offset in the text without markers.
    pub at: usize,
    /// Sources, from 1.
    pub sources: Vec<usize>,
}

/// The state between two pieces of text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Markers {
    held: String,
    emitted: usize,
    found: Vec<Marker>,
}

/// A marker longer than this is no marker.
const LONGEST: usize = 32;

impl Markers {
    /// Takes the next piece and returns what can be shown by now.
    pub(crate) fn push(&mut self, piece: &str) -> String {
        self.held.push_str(piece);
        let mut shown = String::new();
        while let Some(open) = self.held.find('[') {
            let rest = &self.held[open..];
            match rest.find(']') {
                Some(close) => match sources(&rest[1..close]) {
                    Some(sources) => {
                        let before = self.held[..open].trim_end_matches(' ').len();
                        self.show(before, &mut shown);
                        self.held.drain(..open - before + close + 1);
                        self.found.push(Marker { at: self.emitted, sources });
                    }
                    None => self.show(open + close + 1, &mut shown),
                },
                None if rest.len() > LONGEST => self.show(open + 1, &mut shown),
                None => break,
            }
        }
        let safe = match self.held.find('[') {
            Some(open) => self.held[..open].trim_end_matches(' ').len(),
            None => self.held.trim_end_matches(' ').len(),
        };
        self.show(safe, &mut shown);
        shown
    }

    /// Ends the text: what was held back, and all markers.
    pub(crate) fn finish(mut self) -> (String, Vec<Marker>) {
        let rest = self.held.trim_end().to_owned();
        self.held.clear();
        (rest, self.found)
    }

    fn show(&mut self, bytes: usize, shown: &mut String) {
        shown.extend(self.held.drain(..bytes));
        self.emitted += bytes;
    }
}

fn sources(inner: &str) -> Option<Vec<usize>> {
    let inner = inner.trim().trim_start_matches("source").trim_start_matches("Source").trim();
    let numbers: Option<Vec<usize>> =
        inner.split(',').map(|number| number.trim().parse().ok()).collect();
    numbers.filter(|numbers| numbers.iter().all(|number| (1..=99).contains(number)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(pieces: &[&str]) -> (String, Vec<Marker>) {
        let mut markers = Markers::default();
        let mut text: String = pieces.iter().map(|piece| markers.push(piece)).collect();
        let (rest, found) = markers.finish();
        text.push_str(&rest);
        (text, found)
    }

    #[test]
    fn markers_go_and_their_places_stay() {
        let (text, found) = run(&["It is tall [", "1]. See [2", ", 3] there."]);
        assert_eq!(text, "It is tall. See there.");
        assert_eq!(
            found,
            [Marker { at: 10, sources: vec![1] }, Marker { at: 15, sources: vec![2, 3] },]
        );
    }

    #[test]
    fn other_brackets_stay() {
        for text in ["a[i] = b[0x1] [see above] [", "[link](x) end"] {
            assert_eq!(run(&[text]).0, text);
        }
    }

    #[test]
    fn the_result_does_not_depend_on_where_the_pieces_were_cut() {
        let whole = "One [1] two [ 2 ] three[3]. [not] a [12345678901234567890123456789012345";
        let expected = run(&[whole]);
        for cut in 1..whole.len() {
            assert_eq!(run(&[&whole[..cut], &whole[cut..]]), expected, "cut at {cut}");
        }
    }
}
