//! What an answer is made from: the passages that a search finds for a question, put in order by how
//! much of it they say, and the best of them read closely.

use cairn_kernel::{Result, Scope};
use cairn_search::{Analyzer, Language};

use super::Answers;
use super::citing::evidence;
use super::deciding::confidence::{self, Confidence};
use super::deciding::reading::Reading;
use super::deciding::verdict::{Verdict, Weighed};
use super::overview::Survey;
use super::provenance::{DecisionUsed, Overviewed};
use super::question::asked::Asked;
use super::question::rewrite;
use super::question::subject::Subject;
use super::writing::{prompt, spoken};
use crate::retrieve::{Passage, Request, Took};

/// Passages looked at sentence by sentence before the best are kept.
const CANDIDATES: usize = 20;
/// Passages shown to the writer.
const SHOWN: usize = 5;

/// What a search found, and how its texts are read.
pub(crate) struct Search {
    analyzer: Analyzer,
    about: About,
    /// The passages, best first.
    pub(crate) found: Vec<Passage>,
    took: Took,
}

/// What a question asks.
struct About {
    whole: Asked,
    /// Its parts, where it asks for several things.
    parts: Vec<Asked>,
    /// Chunks of the stores that are asked.
    chunks: u64,
}

/// What an answer is made from, and what of the question it can be to.
pub(crate) struct Grounds {
    pub(crate) analyzer: Analyzer,
    /// The passages, best first.
    pub(crate) found: Vec<Passage>,
    pub(crate) took: Took,
    /// Those of them that a writer may be shown.
    pub(crate) shown: Vec<Passage>,
    /// What is answered.
    pub(crate) verdict: Verdict,
    /// What is said of the documents as a whole, where that is asked for.
    pub(crate) survey: Option<Survey>,
}

impl Grounds {
    /// Whether a language model may write from it: a list of files is the program's own.
    pub(super) fn are_written_from(&self) -> bool {
        self.survey.as_ref().is_none_or(|survey| survey.kind == Overviewed::Summary)
    }

    /// The language that `question` is answered in.
    pub(super) fn language(&self, question: &str) -> Language {
        let documents = self.analyzer.language();
        let told = self.survey.as_ref().map(|survey| survey.language);
        told.unwrap_or_else(|| spoken::language(documents, question))
    }

    /// How it was decided that it answers; nothing where nothing in particular is asked for.
    pub(super) fn decision(&self) -> Option<DecisionUsed> {
        self.survey.is_none().then(|| DecisionUsed::of(&self.verdict.confidence))
    }

    /// What the reader is told of what the answer leaves out.
    pub(super) fn notes(&self) -> Vec<String> {
        self.survey.as_ref().map_or_else(|| self.verdict.notes(), |survey| survey.notes.clone())
    }
}

impl Answers {
    /// Searches as an answer does, reads the best passages and decides what they answer.
    ///
    /// # Errors
    /// As [`crate::retrieve::Retrieve::search`].
    pub(super) async fn grounds(
        &self,
        scope: &Scope,
        search: &Request,
        question: &str,
    ) -> Result<Grounds> {
        let Search { analyzer, about, found, took } = self.search(scope, search, question).await?;
        let shown = prompt::distinct(&found, SHOWN);
        let About { whole, parts, chunks } = about;
        let readings = Reading::all(&self.retrieve, &analyzer, (&whole, &parts), &shown).await?;
        let mut readings = readings.into_iter();
        let threshold = self.threshold(scope, &search.stores).await?;
        let mut weigh = |asked: Asked| {
            let reading = readings.next().unwrap_or_default();
            let of = (asked.text.as_str(), &asked.subject);
            let sure = Confidence::of(&analyzer, of, &found, &reading, chunks);
            let confidence = Confidence { threshold, ..sure };
            Weighed::new(&analyzer, (asked, reading, confidence), (&found, &shown))
        };
        let whole = weigh(whole);
        let parts = parts.into_iter().map(weigh).collect();
        let verdict = Verdict::of(&found, whole, parts);
        Ok(Grounds { analyzer, found, took, shown, verdict, survey: None })
    }

    /// Searches and ranks as an answer does.
    ///
    /// # Errors
    /// As [`crate::retrieve::Retrieve::search`].
    pub(super) async fn search(
        &self,
        scope: &Scope,
        search: &Request,
        question: &str,
    ) -> Result<Search> {
        let analyzer = self.retrieve.analyzer_of(search).await?;
        let wide = Request { limit: search.limit.max(CANDIDATES), ..search.clone() };
        let mut gathered = self.retrieve.gather(scope, &wide).await?;
        let about = self.about(scope, &analyzer, (search, question), &gathered.passages).await?;
        let asked = match about.parts.as_slice() {
            [] => std::slice::from_ref(&about.whole),
            parts => parts,
        };
        let subjects: Vec<&Subject> = asked.iter().map(|asked| &asked.subject).collect();
        evidence::rerank(&analyzer, &subjects, &mut gathered.passages);
        let searched = self.retrieve.finish(scope, search, gathered).await?;
        Ok(Search { analyzer, about, found: searched.passages, took: searched.took })
    }

    /// What `question` asks, by the wording of it that `found` covers best.
    async fn about(
        &self,
        scope: &Scope,
        analyzer: &Analyzer,
        (search, question): (&Request, &str),
        found: &[Passage],
    ) -> Result<About> {
        let wordings = rewrite::of_whole(question, &search.queries);
        // The last of these has the words of all wordings.
        let words = wordings.last().copied().unwrap_or(question);
        let held = self.retrieve.frequencies(scope, search, words).await?;
        let subject = |text: &str| (text.to_owned(), Subject::new(analyzer, text, &held));
        let wordings: Vec<(String, Subject)> = wordings.into_iter().map(&subject).collect();
        let clearest = confidence::clearest(analyzer, &wordings, found).cloned();
        let (text, subject) = clearest.unwrap_or_else(|| subject(question));
        let subject = subject.asking(analyzer, question);
        let whole = Asked::whole(analyzer, question, (text, subject));
        let parts = whole.parts(analyzer, &held);
        Ok(About { whole, parts, chunks: held.points })
    }
}
