//! The length of an answer that no language model wrote, in tokens of the program's own embedding
//! model, which measures chunks too.

use cairn_kernel::Result;

use super::draft::Draft;
use crate::answer::provenance::SamplingUsed;
use crate::answer::{Answer, Answers, Question};

/// Bytes of each token, in order.
type Offsets = Vec<(usize, usize)>;

impl Answers {
    /// Keeps an answer that no model writes to the tokens it may have, and counts them.
    ///
    /// # Errors
    /// `Unavailable` when the tokenizer's file is absent.
    pub(crate) fn keep_short(&self, draft: &mut Draft, question: &Question) -> Result<()> {
        let offsets = self.inference.own_tokens(&draft.answer.text)?;
        draft.shorten(question.max_tokens, &offsets);
        let most = question.max_tokens.and_then(|most| usize::try_from(most).ok());
        let written = match (draft.answer.cut_off, most) {
            // Half a word at the end may be more tokens than it was.
            (true, Some(most)) => self.inference.own_tokens(&draft.answer.text)?.len().min(most),
            _ => offsets.len(),
        };
        draft.measure(self.inference.own_tokens(&question.text)?.len(), written);
        if let Some(most) = question.max_tokens {
            let sampling = question.sampling.clone();
            draft.answer.provenance.sampling =
                Some(SamplingUsed { sampling, max_tokens: Some(most) });
        }
        Ok(())
    }
}

impl Draft {
    /// Keeps to `most` tokens: the sentences that fit whole, or the beginning of the first one
    /// where it does not. `offsets` are those of the text. A refusal stays as it is.
    fn shorten(&mut self, most: Option<u32>, offsets: &Offsets) {
        let answer = &mut self.answer;
        let most = most.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
        let Some(last) = most.checked_sub(1).and_then(|last| offsets.get(last)) else { return };
        if answer.refused.is_some() || offsets.len() <= most {
            return;
        }
        let room = answer.text.get(..last.1).map_or(0, |text| text.chars().count());
        let whole = answer.citations.iter().map(|citation| citation.sentence_end);
        let end = whole.filter(|end| *end <= room).max().unwrap_or(room);
        cut(answer, end);
    }

    /// Notes how many tokens the question and the answer have.
    fn measure(&mut self, question: usize, answer: usize) {
        self.answer.input_tokens = u32::try_from(question).unwrap_or(u32::MAX);
        self.answer.output_tokens = u32::try_from(answer).unwrap_or(u32::MAX);
    }
}

/// Ends an answer after so many characters.
fn cut(answer: &mut Answer, end: usize) {
    answer.text = answer.text.chars().take(end).collect();
    answer.citations.retain(|citation| citation.sentence_start < end);
    for citation in &mut answer.citations {
        citation.sentence_end = citation.sentence_end.min(end);
    }
    answer.cut_off = true;
}

#[cfg(test)]
mod tests {
    use cairn_search::Language;

    use super::*;
    use crate::answer::Confidence;
    use crate::answer::citing::cite::Citation;
    use crate::retrieve::Took;

    /// An answer of two sentences, and its words as tokens.
    fn draft() -> (Draft, Offsets) {
        let mut draft =
            Draft::new(Confidence::default(), Took::default(), Language::English, false);
        let text = "Öl is cold. The lamp is hot.";
        draft.answer.text = text.to_owned();
        let cited = |sentence_start, sentence_end| Citation {
            sentence_start,
            sentence_end,
            ..Citation::default()
        };
        draft.answer.citations = vec![cited(0, 11), cited(12, 28)];
        let mut start = 0;
        let words = text.split(' ').map(|word| {
            let place = (start, start + word.len());
            start = place.1 + 1;
            place
        });
        let words = words.collect();
        (draft, words)
    }

    #[test]
    fn sentences_that_fit_stay_whole() {
        for (most, text, citations) in [
            (None, "Öl is cold. The lamp is hot.", 2),
            (Some(7), "Öl is cold. The lamp is hot.", 2),
            (Some(5), "Öl is cold.", 1),
            (Some(3), "Öl is cold.", 1),
            (Some(2), "Öl is", 1),
            (Some(1), "Öl", 1),
        ] {
            let (mut draft, offsets) = draft();
            draft.shorten(most, &offsets);
            let answer = draft.answer;
            assert_eq!(
                (answer.text.as_str(), answer.citations.len()),
                (text, citations),
                "{most:?}"
            );
            assert_eq!(answer.cut_off, citations == 1);
            let length = answer.text.chars().count();
            assert!(answer.citations.iter().all(|citation| citation.sentence_end <= length));
        }
    }

    #[test]
    fn a_refusal_stays_whole() {
        let (mut draft, offsets) = draft();
        draft.refuse("nothing was found".to_owned());
        let said = draft.answer.text.clone();
        draft.shorten(Some(1), &offsets);
        assert_eq!((draft.answer.text, draft.answer.cut_off), (said, false));
    }
}
