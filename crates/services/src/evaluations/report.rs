//! The report as one page of HTML that needs nothing else: no script, no font, no server.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use cairn_kernel::Timestamp;
use cairn_store::records::EvaluationRow;

use super::learned;
use super::outcome::FIGURES;
use super::plots::{Group, Mark, colour, escape, grouped_bars, lines, time_bars};
use super::summary::{ConfigurationReport, Difference, Estimate, Report};

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1c1e21;--soft:#5d646c;--line:#d9dde1;--page:#fff;--card:#f6f7f8;\
--bad:#b3261e;--good:#1b7f3b;--c0:#0072b2;--c1:#d55e00;--c2:#009e73;--c3:#cc79a7;--c4:#b58900;--c5:#56b4e9;\
--c6:#7a5195;--c7:#6b6b6b}\
@media(prefers-color-scheme:dark){:root{--ink:#e6e8ea;--soft:#9aa3ab;--line:#3a4148;--page:#15181b;\
--card:#1e2226;--bad:#ff8a80;--good:#7bd88f;--c0:#4aa8e0;--c1:#ff9350;--c2:#35cfa3;--c3:#e6a5c9;--c4:#e0b93f;\
--c5:#8fd0f5;--c6:#b794d6;--c7:#a8a8a8}}\
body{margin:0 auto;max-width:76rem;padding:1.5rem;background:var(--page);color:var(--ink);\
font:15px/1.5 system-ui,sans-serif}h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem}\
p,li{max-width:60rem}.soft{color:var(--soft)}.scroll{overflow-x:auto}\
table{border-collapse:collapse;font-variant-numeric:tabular-nums}th,td{padding:.3rem .8rem .3rem 0;\
text-align:left;border-bottom:1px solid var(--line);vertical-align:top}td.n,th.n{text-align:right}\
.alert{border-left:4px solid var(--bad);background:var(--card);padding:.6rem 1rem;margin:1rem 0}\
.bad{color:var(--bad)}.good{color:var(--good)}.key span{display:inline-block;margin-right:1.2rem}\
.key i{display:inline-block;width:.8rem;height:.8rem;margin-right:.4rem;border-radius:2px}\
svg text{fill:var(--ink);font:12px system-ui,sans-serif}svg .small{font-size:10px}\
svg .grid{stroke:var(--line)}svg .whisker{stroke:var(--ink);fill:none;stroke-width:1.2}\
svg polyline{fill:none;stroke-width:2}svg .weak rect{opacity:.5}\
.c0 rect,.c0 circle,svg .c0{fill:var(--c0)}.c0 polyline{stroke:var(--c0)}i.c0{background:var(--c0)}\
.c1 rect,.c1 circle,svg .c1{fill:var(--c1)}.c1 polyline{stroke:var(--c1)}i.c1{background:var(--c1)}\
.c2 rect,.c2 circle,svg .c2{fill:var(--c2)}.c2 polyline{stroke:var(--c2)}i.c2{background:var(--c2)}\
.c3 rect,.c3 circle,svg .c3{fill:var(--c3)}.c3 polyline{stroke:var(--c3)}i.c3{background:var(--c3)}\
.c4 rect,.c4 circle,svg .c4{fill:var(--c4)}.c4 polyline{stroke:var(--c4)}i.c4{background:var(--c4)}\
.c5 rect,.c5 circle,svg .c5{fill:var(--c5)}.c5 polyline{stroke:var(--c5)}i.c5{background:var(--c5)}\
.c6 rect,.c6 circle,svg .c6{fill:var(--c6)}.c6 polyline{stroke:var(--c6)}i.c6{background:var(--c6)}\
.c7 rect,.c7 circle,svg .c7{fill:var(--c7)}.c7 polyline{stroke:var(--c7)}i.c7{background:var(--c7)}";

/// How many of [`FIGURES`] are of retrieval; the others are of answers.
const RETRIEVAL: usize = 7;

/// A run in the history of its question set: nDCG@10 by configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    /// When it was asked for.
    pub created_at: Timestamp,
    /// nDCG@10 by configuration.
    pub gains: BTreeMap<String, Estimate>,
}

impl History {
    pub(super) fn of(row: &EvaluationRow, report: &Report) -> Self {
        let gain = |held: &ConfigurationReport| {
            Some((held.name.clone(), *held.figures.get("ndcg_at_10")?))
        };
        let gains = report.configurations.iter().filter_map(gain).collect();
        Self { created_at: row.created_at, gains }
    }
}

/// A question with the nDCG@10 that it came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// The question.
    pub text: String,
    /// nDCG@10.
    pub gain: f64,
}

/// Everything the page shows.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// The run.
    pub id: &'a str,
    /// The vector store's name.
    pub store: &'a str,
    /// The question set's name.
    pub set: &'a str,
    /// When the run was asked for.
    pub created_at: Timestamp,
    /// What it found.
    pub report: &'a Report,
    /// The runs over the same questions up to this one, oldest first.
    pub history: &'a [History],
    /// The questions that the first configuration found worst.
    pub worst: &'a [Asked],
    /// The questions left out, since the documents do not have the words any more that their
    /// judgements point at.
    pub lost: &'a [String],
}

impl Page<'_> {
    /// The page.
    pub fn html(&self) -> String {
        let title = format!("Evaluation of {}", escape(self.store));
        let mut html = format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
             <title>{title}</title><style>{STYLE}</style></head><body><h1>{title}</h1>"
        );
        html.push_str(&self.head());
        html.push_str(&self.plot("Retrieval", &FIGURES[..RETRIEVAL]));
        html.push_str(&self.plot("Answers", &FIGURES[RETRIEVAL..]));
        html.push_str(&self.times());
        html.push_str(&self.figures());
        html.push_str(&self.differences());
        html.push_str(&self.costs());
        html.push_str(&self.report.change.as_ref().map_or_else(String::new, learned::change));
        html.push_str(&self.report.tuning.as_ref().map_or_else(String::new, learned::tuning));
        html.push_str(&self.runs());
        html.push_str(&self.questions());
        html.push_str(&learned::lost(self.lost));
        html.push_str(&self.settings());
        html.push_str("</body></html>");
        html
    }

    fn names(&self) -> Vec<String> {
        self.report.configurations.iter().map(|held| held.name.clone()).collect()
    }

    fn head(&self) -> String {
        let asked = &self.report.questions;
        let origins: Vec<String> =
            asked.origins.iter().map(|(origin, count)| format!("{count} {origin}")).collect();
        let mut html = format!(
            "<p class=\"soft\">{} · question set {} · run {} · {} questions ({}): {} answerable, {} not · \
             intervals are 95 %, bootstrap of {} samples, seed {}</p>",
            date(self.created_at),
            escape(self.set),
            escape(self.id),
            asked.answerable + asked.unanswerable,
            escape(&origins.join(", ")),
            asked.answerable,
            asked.unanswerable,
            self.report.resamples,
            self.report.seed,
        );
        if let Some(regression) = self.report.regression.as_ref().filter(|held| held.worse) {
            html.push_str("<div class=\"alert\"><b>Worse than the run before it</b>");
            let _ = write!(html, " ({})<ul>", escape(&regression.against));
            for change in &regression.changes {
                let _ = write!(
                    html,
                    "<li>{}, {}: {}{}</li>",
                    escape(&change.configuration),
                    escape(label(&change.figure)),
                    difference(&change.difference),
                    if change.certain { "" } else { " (may be chance)" }
                );
            }
            html.push_str("</ul></div>");
        }
        if !self.report.notes.is_empty() {
            html.push_str("<ul class=\"soft\">");
            for note in &self.report.notes {
                let _ = write!(html, "<li>{}</li>", escape(note));
            }
            html.push_str("</ul>");
        }
        html
    }

    /// Which colour is which configuration.
    fn key(&self) -> String {
        let mut html = "<p class=\"key\">".to_owned();
        for (number, name) in self.names().iter().enumerate() {
            let _ =
                write!(html, "<span><i class=\"{}\"></i>{}</span>", colour(number), escape(name));
        }
        html.push_str("</p>");
        html
    }

    fn plot(&self, title: &str, figures: &[(&'static str, &'static str)]) -> String {
        let mark = |held: &ConfigurationReport, name: &str| {
            held.figures.get(name).map(|figure| Mark {
                value: figure.value,
                low: figure.low,
                high: figure.high,
            })
        };
        let groups: Vec<Group<'_>> = figures
            .iter()
            .map(|(name, label)| Group {
                label,
                bars: self.report.configurations.iter().map(|held| mark(held, name)).collect(),
            })
            .filter(|group| group.bars.iter().any(Option::is_some))
            .collect();
        if groups.is_empty() {
            return String::new();
        }
        let plot = grouped_bars(title, &groups, &self.names());
        format!("<h2>{title}</h2>{}<div class=\"scroll\">{plot}</div>", self.key())
    }

    fn times(&self) -> String {
        let rows: Vec<(String, f64, f64)> = self
            .report
            .configurations
            .iter()
            .filter_map(|held| Some((held.name.clone(), held.search_ms?.p50, held.search_ms?.p99)))
            .collect();
        if rows.is_empty() {
            return String::new();
        }
        let plot = time_bars("Time of a search", &rows);
        format!(
            "<h2>Time of a search</h2><p class=\"soft\">With the embedding of the question.</p>\
             <div class=\"scroll\">{plot}</div>"
        )
    }

    /// A table with a column for each configuration; rows of nothing are left out.
    fn table(&self, rows: &[(&str, Vec<String>)]) -> String {
        let mut html = "<div class=\"scroll\"><table><tr><th></th>".to_owned();
        for name in self.names() {
            let _ = write!(html, "<th class=\"n\">{}</th>", escape(&name));
        }
        html.push_str("</tr>");
        for (label, cells) in rows.iter().filter(|(_, cells)| cells.iter().any(|c| !c.is_empty())) {
            let _ = write!(html, "<tr><th>{}</th>", escape(label));
            for cell in cells {
                let _ = write!(html, "<td class=\"n\">{cell}</td>");
            }
            html.push_str("</tr>");
        }
        html.push_str("</table></div>");
        html
    }

    fn figures(&self) -> String {
        let cell = |held: &ConfigurationReport, name: &str| {
            held.figures.get(name).map_or_else(String::new, |figure| {
                format!(
                    "{:.3} <span class=\"soft\">[{:.3}, {:.3}]</span>",
                    figure.value, figure.low, figure.high
                )
            })
        };
        let rows: Vec<(&str, Vec<String>)> = FIGURES
            .iter()
            .map(|(name, label)| {
                (*label, self.report.configurations.iter().map(|held| cell(held, name)).collect())
            })
            .collect();
        format!("<h2>Figures</h2>{}", self.table(&rows))
    }

    fn differences(&self) -> String {
        let Some(first) = self.report.configurations.first() else { return String::new() };
        if self.report.configurations.len() < 2 {
            return String::new();
        }
        let cell = |held: &ConfigurationReport, name: &str| {
            let found = held.differences.as_ref().and_then(|all| all.get(name));
            found.map_or_else(String::new, difference)
        };
        let rows: Vec<(&str, Vec<String>)> = FIGURES
            .iter()
            .map(|(name, label)| {
                (*label, self.report.configurations.iter().map(|held| cell(held, name)).collect())
            })
            .collect();
        format!(
            "<h2>Differences to {}</h2><p class=\"soft\">On the same questions. Coloured where the \
             interval does not hold 0; p by the paired randomisation test.</p>{}",
            escape(&first.name),
            self.table(&rows)
        )
    }

    fn costs(&self) -> String {
        let held = &self.report.configurations;
        if held.iter().all(|one| one.answers.is_none()) {
            return String::new();
        }
        let row = |of: &dyn Fn(&super::summary::AnswerCost) -> String| -> Vec<String> {
            held.iter().map(|one| one.answers.as_ref().map_or_else(String::new, of)).collect()
        };
        let rows = [
            ("Questions put", row(&|cost| cost.asked.to_string())),
            ("Refused", row(&|cost| cost.refused.to_string())),
            ("Written by a model", row(&|cost| cost.generative.to_string())),
            ("Seconds, p50", row(&|cost| format!("{:.2}", cost.seconds.p50))),
            ("Seconds, p99", row(&|cost| format!("{:.2}", cost.seconds.p99))),
            ("Tokens read", row(&|cost| format!("{:.0}", cost.input_tokens))),
            ("Tokens written", row(&|cost| format!("{:.0}", cost.output_tokens))),
            (
                "Cost of all",
                row(&|cost| match cost.cost {
                    Some(all) => format!("{all:.4}"),
                    None if cost.unpriced > 0 => {
                        format!("not known: {} without a price", cost.unpriced)
                    }
                    // Of a run from before it was asked what answers cost.
                    None => String::new(),
                }),
            ),
            ("Seconds of this machine", row(&|cost| format!("{:.1}", cost.compute_seconds))),
        ];
        format!("<h2>What answers took</h2>{}", self.table(&rows))
    }

    fn runs(&self) -> String {
        if self.history.len() < 2 {
            return String::new();
        }
        let labels: Vec<String> = self.history.iter().map(|run| date(run.created_at)).collect();
        let mark =
            |figure: &Estimate| Mark { value: figure.value, low: figure.low, high: figure.high };
        let series: Vec<(String, Vec<Option<Mark>>)> = self
            .names()
            .into_iter()
            .map(|name| {
                let marks = self.history.iter().map(|run| run.gains.get(&name).map(mark)).collect();
                (name, marks)
            })
            .collect();
        let days: Vec<String> =
            labels.iter().map(|label| label.get(5..16).unwrap_or(label).to_owned()).collect();
        let plot = lines("nDCG@10 over the runs", &days, &series);
        format!(
            "<h2>nDCG@10 over the runs of this question set</h2>{}<div class=\"scroll\">{plot}</div>",
            self.key()
        )
    }

    fn questions(&self) -> String {
        if self.worst.is_empty() {
            return String::new();
        }
        let mut html =
            "<h2>Found worst</h2><div class=\"scroll\"><table><tr><th class=\"n\">nDCG@10</th>\
                        <th>Question</th></tr>"
                .to_owned();
        for asked in self.worst {
            let text = escape(&asked.text);
            let _ = write!(html, "<tr><td class=\"n\">{:.3}</td><td>{text}</td></tr>", asked.gain);
        }
        html.push_str("</table></div>");
        html
    }

    fn settings(&self) -> String {
        let held = &self.report.configurations;
        let own = "the store's own".to_owned();
        let rows: [(&str, Vec<String>); 7] = [
            (
                "Ranking",
                held.iter()
                    .map(|one| match (one.settings.ranking, one.settings.dense_weight) {
                        (Some(ranking), _) => format!(
                            "dense {}, spread {}, late {}",
                            ranking.dense_weight, ranking.spread, ranking.late
                        ),
                        (None, Some(weight)) => format!("dense {weight}"),
                        (None, None) => own.clone(),
                    })
                    .collect(),
            ),
            (
                "Reranker",
                held.iter()
                    .map(|one| one.settings.reranker.as_deref().map_or_else(String::new, escape))
                    .collect(),
            ),
            ("Cut", held.iter().map(|one| learned::cut(&one.settings)).collect()),
            (
                "Embedding model",
                held.iter()
                    .map(|one| {
                        one.settings.embedding_model.as_deref().map_or_else(String::new, escape)
                    })
                    .collect(),
            ),
            ("Passages", held.iter().map(|one| one.settings.limit.to_string()).collect()),
            ("Rewriting", held.iter().map(|one| yes(one.settings.rewrite)).collect()),
            (
                "Answers by",
                held.iter()
                    .map(|one| match one.settings.answers {
                        true => escape(&one.settings.model),
                        false => String::new(),
                    })
                    .collect(),
            ),
        ];
        format!("<h2>Configurations</h2>{}", self.table(&rows))
    }
}

fn yes(is: bool) -> String {
    if is { "yes".to_owned() } else { String::new() }
}

fn label(figure: &str) -> &str {
    FIGURES.iter().find(|(name, _)| *name == figure).map_or(figure, |(_, label)| label)
}

fn difference(held: &Difference) -> String {
    let class = if held.low > 0.0 {
        "good"
    } else if held.high < 0.0 {
        "bad"
    } else {
        ""
    };
    let p = held.p_value.map_or_else(String::new, |p| format!(", p {p:.3}"));
    format!(
        "<span class=\"{class}\">{:+.3}</span> <span class=\"soft\">[{:+.3}, {:+.3}]{p}</span>",
        held.value, held.low, held.high
    )
}

/// A time as `2026-11-28 19:05 UTC` (civil from days, after Howard Hinnant).
fn date(at: Timestamp) -> String {
    let minutes = at.div_euclid(60_000);
    let (days, minute) = (minutes.div_euclid(1440), minutes.rem_euclid(1440));
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day = shifted.rem_euclid(146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let date = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{date:02} {:02}:{:02} UTC", minute / 60, minute % 60)
}

#[cfg(test)]
mod tests {
    use super::super::judge::LostJudgement;
    use super::super::plan::Configuration;
    use super::super::summary::{
        AnswerCost, Asked as Questions, Change, Regression, Spread, Tuning,
    };
    use super::*;

    const EVIL: &str = "<img src=x onerror=alert(1)>";

    fn configuration(name: &str, second: bool) -> ConfigurationReport {
        let estimate = Estimate { value: 0.8, low: 0.7, high: 0.9, questions: 40 };
        let worse =
            Difference { value: -0.1, low: -0.2, high: -0.05, p_value: Some(0.01), questions: 40 };
        let spread = Spread { p50: 3.0, p99: 12.0, mean: 4.0 };
        let figures = ["ndcg_at_10", "mrr", "refusal_f1"].map(|name| (name.to_owned(), estimate));
        ConfigurationReport {
            name: name.to_owned(),
            settings: Configuration { name: name.to_owned(), ..Configuration::default() },
            figures: figures.into(),
            search_ms: Some(spread),
            answers: Some(AnswerCost {
                asked: 40,
                refused: 4,
                generative: 0,
                seconds: spread,
                input_tokens: 0.0,
                output_tokens: 0.0,
                cost: None,
                unpriced: 36,
                compute_seconds: 2.0,
            }),
            differences: second.then(|| [("ndcg_at_10".to_owned(), worse)].into()),
        }
    }

    fn report() -> Report {
        let difference =
            Difference { value: -0.1, low: -0.2, high: 0.0, p_value: None, questions: 40 };
        Report {
            questions: Questions { total: 40, answerable: 40, ..Questions::default() },
            seed: 1,
            resamples: 1000,
            configurations: vec![configuration(EVIL, false), configuration("words", true)],
            tuning: Some(Tuning::refused(5, format!("too few {EVIL}"))),
            change: None,
            regression: Some(Regression {
                against: "eval_0".into(),
                worse: true,
                changes: vec![Change {
                    configuration: EVIL.into(),
                    figure: "ndcg_at_10".into(),
                    difference,
                    certain: false,
                }],
            }),
            lost: vec![LostJudgement { question_id: "q_1".into(), file: EVIL.into() }],
            notes: vec![EVIL.into()],
        }
    }

    #[test]
    fn the_page_shows_everything_and_runs_nothing() {
        let report = report();
        let gains = [("words".to_owned(), report.configurations[1].figures["mrr"])];
        let history =
            [0, 86_400_000].map(|created_at| History { created_at, gains: gains.clone().into() });
        let worst = [Asked { text: EVIL.into(), gain: 0.0 }];
        let page = Page {
            id: "eval_1",
            store: EVIL,
            set: EVIL,
            created_at: 1_795_892_700_000,
            report: &report,
            history: &history,
            worst: &worst,
            lost: &["Which <words> were these?".to_owned()],
        };
        let html = page.html();
        assert!(!html.contains("<img") && !html.contains("<script"), "{html}");
        assert!(!html.contains("http") && !html.contains("url("), "nothing is fetched");
        for shown in [
            "Worse than the run before it",
            "may be chance",
            "nDCG@10 over the runs",
            "Differences to",
            "Found worst",
            "Which &lt;words&gt; were these?",
            "not known: 36 without a price",
            "too few",
            "prefers-color-scheme:dark",
            "<svg role=\"img\"",
            "-0.100",
        ] {
            assert!(html.contains(shown), "{shown}");
        }
        assert_eq!(html.matches("<svg").count(), html.matches("</svg>").count());
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(date(0), "1970-01-01 00:00 UTC");
        assert_eq!(date(951_825_540_000), "2000-02-29 11:59 UTC");
        assert_eq!(date(1_795_892_700_000), "2026-11-28 19:05 UTC");
        assert_eq!(date(-1), "1969-12-31 23:59 UTC");
    }
}
