//! An answer in the making.

use cairn_guard::canary::Canary;
use cairn_guard::links::{Allowed, Stripped};
use cairn_search::Language;

use super::guarded::{self, LEAKED, ShownPassage, WITHHELD};
use super::pieces::End;
use super::structured::{self, Structure};
use super::{extract, prompt, spoken};
use crate::answer::citing::cite::{Citation, Unsupported};
use crate::answer::deciding::assent::Assent;
use crate::answer::deciding::reading::Line;
use crate::answer::finding::Grounds;
use crate::answer::provenance::{PromptUsed, Provenance};
use crate::answer::{Answer, Confidence, Mode, Step};
use crate::retrieve::{Passage, Took};

/// What the passages themselves say.
pub(crate) struct Quotes {
    text: String,
    citations: Vec<Citation>,
    stripped: Vec<Stripped>,
}

/// The sentences that answer best, without the links that are not `allowed`.
pub(crate) fn quotes(grounds: &Grounds, allowed: &Allowed) -> Quotes {
    let said = match &grounds.survey {
        Some(survey) => (survey.text.clone(), survey.citations.clone()),
        None => extract::extract(&grounds.verdict.sought(), &grounds.shown),
    };
    stripped(said, allowed)
}

/// These sentences as they stand, without the links that are not `allowed`.
pub(crate) fn quoted(lines: &[Line], passages: &[Passage], allowed: &Allowed) -> Quotes {
    stripped(extract::compose(passages, &lines.iter().collect::<Vec<_>>()), allowed)
}

fn stripped((text, mut citations): (String, Vec<Citation>), allowed: &Allowed) -> Quotes {
    let (text, stripped) = guarded::strip_extract(&text, &mut citations, allowed);
    Quotes { text, citations, stripped }
}

/// An answer in the making.
pub(crate) struct Draft {
    pub(crate) answer: Answer,
    /// The language it is in.
    pub(crate) language: Language,
    /// Whether it is to be JSON.
    structured: bool,
}

impl Draft {
    pub(crate) fn new(
        confidence: Confidence,
        took: Took,
        language: Language,
        structured: bool,
    ) -> Self {
        Self {
            language,
            structured,
            answer: Answer {
                text: String::new(),
                citations: Vec::new(),
                unsupported: Vec::new(),
                refused: None,
                mode: Mode::Extractive,
                confidence,
                model_sha256: None,
                index_position: 0,
                search_ms: 0.0,
                took,
                write_ms: 0.0,
                cut_off: false,
                input_tokens: 0,
                cached_tokens: 0,
                output_tokens: 0,
                passages: Vec::new(),
                stripped: Vec::new(),
                notes: Vec::new(),
                provenance: Provenance::default(),
            },
        }
    }

    pub(crate) fn refuse(&mut self, reason: String) {
        spoken::silent(self.language).clone_into(&mut self.answer.text);
        self.answer.refused = Some(reason);
    }

    /// Refuses, and says of the documents as a whole what there is to say.
    pub(crate) fn decline(&mut self, grounds: &Grounds, reason: String) {
        self.refuse(reason);
        if let Some(survey) = grounds.survey.as_ref().filter(|_| !self.structured) {
            self.answer.text.clone_from(&survey.text);
        }
    }

    /// The step that tells all of it: a refusal of JSON is none.
    pub(crate) fn told(&self) -> Step {
        let text = self.answer.text.clone();
        let refused = self.structured && self.answer.refused.is_some();
        if refused { Step::Refusal(text) } else { Step::Text(text) }
    }

    /// Notes what the model said when it was asked whether its sources answer, and refuses
    /// where they hardly do; whether they do.
    pub(crate) fn doubts(&mut self, assent: Assent, needed: f32) -> bool {
        self.answer.confidence.assent = Some(assent.share);
        if assent.share >= needed {
            return false;
        }
        self.answer.input_tokens = assent.usage.prompt_tokens;
        self.answer.cached_tokens = assent.usage.cached_tokens;
        self.answer.output_tokens = assent.usage.completion_tokens;
        self.refuse(format!(
            "the model does not find the answer in the nearest passages (by {:.2}, {needed:.2} is \
             needed)",
            assent.share
        ));
        true
    }

    /// Notes what the writer is given.
    pub(crate) fn put(
        &mut self,
        prompt: &prompt::Prompt,
        shown: Vec<ShownPassage>,
        instructions: Option<&str>,
        canary: &Canary,
    ) {
        let used = PromptUsed::grounded(prompt, &shown, instructions, canary.text());
        self.answer.provenance.prompt = Some(used);
        self.answer.passages = shown;
    }

    /// Notes that what the writer is given are whole files.
    pub(crate) fn put_whole(&mut self) {
        if let Some(used) = &mut self.answer.provenance.prompt {
            used.template_sha256 = Some(prompt::whole_template_sha256());
        }
    }

    /// Notes that the writer is given this instead, of the same sources.
    pub(crate) fn put_instead(&mut self, prompt: &prompt::Prompt) {
        if let Some(used) = &mut self.answer.provenance.prompt {
            let template_sha256 = Some(structured::template_sha256());
            let PromptUsed { messages, sha256, .. } = PromptUsed::plain(prompt.messages.clone());
            *used = PromptUsed { messages, sha256, template_sha256, ..used.clone() };
        }
    }

    /// Takes back what is not the JSON that was asked for, where the model was not cut short, and
    /// an answer without words. Whether it did.
    pub(crate) fn takes_back(&mut self, structure: &Structure) -> bool {
        let answer = &mut self.answer;
        if answer.refused.is_some() {
            return false;
        }
        let text = answer.text.trim();
        if text.is_empty() {
            self.refuse("the model wrote nothing".to_owned());
            return true;
        }
        if answer.cut_off || structure.is_kept_by(text) {
            return false;
        }
        structured::UNSHAPED.clone_into(&mut answer.text);
        answer.citations.clear();
        answer.unsupported.clear();
        let reason = "what the model wrote is not the JSON that was asked for; ask again, or ask a \
             model that keeps to a format";
        answer.refused = Some(reason.to_owned());
        true
    }

    /// Takes back an answer that gives the system prompt away. Returns what is left to be
    /// shown: what was shown before is not the answer.
    pub(crate) fn withhold(&mut self) -> Step {
        let begun = !self.answer.text.is_empty();
        WITHHELD.clone_into(&mut self.answer.text);
        self.answer.refused = Some(LEAKED.to_owned());
        self.answer.mode = Mode::Generative;
        if begun && !self.structured {
            return Step::Text(format!("\n\n{WITHHELD}"));
        }
        self.told()
    }

    /// Answers with `quotes`, and refuses where there are none.
    pub(crate) fn extract(&mut self, quotes: Quotes) {
        self.answer.stripped = quotes.stripped;
        if quotes.text.is_empty() {
            self.refuse("no sentence of the nearest passages answers the question".to_owned());
            return;
        }
        self.answer.text = quotes.text;
        self.answer.citations = quotes.citations;
        self.answer.unsupported.clear();
        self.answer.mode = Mode::Extractive;
    }

    /// Whether the model wrote something of which no passage supports anything.
    pub(crate) fn is_unfounded(&self) -> bool {
        let answer = &self.answer;
        answer.refused.is_none() && answer.citations.is_empty() && !answer.unsupported.is_empty()
    }

    /// Adds `quotes` after what the model wrote. Returns what was added.
    pub(crate) fn append(&mut self, quotes: Quotes) -> String {
        let Quotes { text, mut citations, stripped } = quotes;
        if text.is_empty() {
            return text;
        }
        let text = format!("\n\n{text}");
        let before = self.answer.text.chars().count() + 2;
        for citation in &mut citations {
            citation.sentence_start += before;
            citation.sentence_end += before;
        }
        self.answer.text.push_str(&text);
        self.answer.citations = citations;
        self.answer.stripped.extend(stripped);
        text
    }

    /// What the model wrote is complete, and cited like this.
    pub(crate) fn written(&mut self, end: &End, cited: (Vec<Citation>, Vec<Unsupported>)) {
        let answer = &mut self.answer;
        answer.mode = Mode::Generative;
        answer.cut_off = end.cut_off;
        answer.input_tokens = end.usage.prompt_tokens;
        answer.cached_tokens = end.usage.cached_tokens;
        answer.output_tokens = end.usage.completion_tokens;
        if !self.structured && spoken::says_silent(&answer.text) {
            answer.refused = Some("the model found no answer in the nearest passages".to_owned());
            return;
        }
        (answer.citations, answer.unsupported) = cited;
    }
}
