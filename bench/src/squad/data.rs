//! SQuAD 2.0 as it is published: articles, their paragraphs, and questions on those.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

/// A question with what it is about.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) text: String,
    /// Which paragraph it was written for.
    pub(super) paragraph: usize,
    /// The accepted answers; none where the paragraph does not answer it.
    pub(super) answers: Vec<String>,
}

/// Paragraphs and questions on them.
#[derive(Clone, Debug, Default)]
pub(super) struct Squad {
    pub(super) paragraphs: Vec<String>,
    /// Which article each paragraph is of, by number.
    pub(super) article: Vec<usize>,
    pub(super) articles: usize,
    pub(super) questions: Vec<Question>,
}

#[derive(Deserialize)]
struct File {
    data: Vec<Article>,
}

#[derive(Deserialize)]
struct Article {
    paragraphs: Vec<Paragraph>,
}

#[derive(Deserialize)]
struct Paragraph {
    context: String,
    qas: Vec<Asked>,
}

#[derive(Deserialize)]
struct Asked {
    question: String,
    #[serde(default)]
    answers: Vec<Span>,
    #[serde(default)]
    is_impossible: bool,
}

#[derive(Deserialize)]
struct Span {
    text: String,
}

impl Squad {
    /// Reads `path`: the file itself, or the folder with `squad-v2-8-articles.json`.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let path: PathBuf =
            if path.is_dir() { path.join("squad-v2-8-articles.json") } else { path.to_path_buf() };
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("reading {}", path.display()))?;
        let file: File = serde_json::from_str(&text)
            .with_context(|| format!("{} is not in SQuAD's format", path.display()))?;
        let mut squad = Self { articles: file.data.len(), ..Self::default() };
        for (article, held) in file.data.into_iter().enumerate() {
            for paragraph in held.paragraphs {
                let number = squad.paragraphs.len();
                squad.paragraphs.push(paragraph.context);
                squad.article.push(article);
                squad.questions.extend(paragraph.qas.into_iter().map(|asked| Question {
                    text: asked.question.trim().to_owned(),
                    paragraph: number,
                    answers: if asked.is_impossible {
                        Vec::new()
                    } else {
                        asked.answers.into_iter().map(|span| span.text).collect()
                    },
                }));
            }
        }
        ensure!(squad.articles > 1, "one article is too few: questions are also asked without it");
        Ok(squad)
    }

    /// The questions, or `limit` of those with an answer and `limit` of those without, the
    /// same ones for the same `seed`.
    pub(super) fn sample(&self, limit: Option<usize>, seed: u64) -> Vec<&Question> {
        let Some(limit) = limit else { return self.questions.iter().collect() };
        let mut drawn: Vec<(u64, &Question)> =
            (0_u64..).zip(&self.questions).map(|(at, asked)| (mixed(seed ^ at), asked)).collect();
        drawn.sort_by_key(|(draw, _)| *draw);
        let of = |answered: bool| {
            let kind = move |asked: &&Question| asked.answers.is_empty() != answered;
            drawn.iter().map(|(_, asked)| *asked).filter(kind).take(limit)
        };
        of(true).chain(of(false)).collect()
    }
}

/// SplitMix64.
fn mixed(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
