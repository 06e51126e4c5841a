//! What several handlers convert: pages of lists, sampling, filters, passages.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use cairn_kernel::{Error, Id, Result};
use cairn_services::records::UsageEntry;
use cairn_services::retrieve::{HitPlace, Passage, Ranker};
use cairn_services::{Order, Page, Sampling};
use cairn_wire::openai::{
    List, ListQuery, PassagePlace, RankingOptions, SearchResult, SectionHit, TextContent,
};
use serde_json::Value;

use super::search;

use crate::error::ApiError;

/// Tells a polling client how long to wait, in milliseconds.
pub(super) const POLL_AFTER: [(&str, &str); 1] = [("openai-poll-after-ms", "200")];

/// Seconds of a record's milliseconds.
pub(crate) fn seconds(millis: i64) -> i64 {
    millis.div_euclid(1000)
}

/// A number by way of its shortest decimal form: widened as it is, 0.03 would be sent with 18
/// digits.
pub(crate) fn decimal(number: f32) -> f64 {
    number.to_string().parse().unwrap_or_else(|_| f64::from(number))
}

/// The query string of a list.
#[derive(Debug)]
pub(crate) struct Listing(pub(crate) ListQuery);

impl<S: Send + Sync> FromRequestParts<S> for Listing {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let Query(query) = Query::try_from_uri(&parts.uri).map_err(|rejection| {
            Error::invalid(format!("the query string does not fit: {}", rejection.body_text()))
        })?;
        Ok(Self(query))
    }
}

/// What a request wants to see besides, of OpenAI's `include[]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Included {
    /// The results of searches.
    pub(super) results: bool,
    /// How answers came about.
    pub(super) provenance: bool,
}

/// What `include` names for the results of searches.
const RESULTS: &str = "file_search_call.results";
/// What `include` names for how an answer came about.
const PROVENANCE: &str = "cairn.provenance";
/// What else OpenAI's `include` names of items that nothing here has.
const ABSENT: [&str; 6] = [
    "reasoning.encrypted_content",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
    "web_search_call.action.sources",
    "web_search_call.results",
];
/// What `include` names of texts that here have none.
const LOGPROBS: &str = "message.output_text.logprobs";

impl<S: Send + Sync> FromRequestParts<S> for Included {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let Query(pairs) =
            Query::<Vec<(String, String)>>::try_from_uri(&parts.uri).map_err(|rejection| {
                Error::invalid(format!("the query string does not fit: {}", rejection.body_text()))
            })?;
        let named = |name: &str| matches!(name, "include" | "include[]");
        let asked = pairs.iter().filter(|(name, _)| named(name)).map(|(_, value)| value.as_str());
        Ok(Self::read_of_kept(asked)?)
    }
}

impl Included {
    /// Reads the names of what is to be seen besides of something kept, which is as it is.
    ///
    /// # Errors
    /// `Invalid` naming what cannot be included.
    fn read_of_kept<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<Self> {
        Self::read(names.into_iter().filter(|name| *name != LOGPROBS))
    }

    /// Whether this is of items that nothing here has, so that who asks for it misses nothing.
    pub(super) fn is_absent(name: &str) -> bool {
        ABSENT.contains(&name)
    }

    /// Reads the names of what is to be seen besides. What nothing here has is passed over.
    ///
    /// # Errors
    /// `Invalid` naming what cannot be included.
    pub(super) fn read<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<Self> {
        let mut included = Self::default();
        for name in names {
            match name {
                absent if Self::is_absent(absent) => {}
                RESULTS => included.results = true,
                PROVENANCE => included.provenance = true,
                other => {
                    return Err(Error::invalid(format!(
                        "'{other}' cannot be included here; {RESULTS} and {PROVENANCE} can"
                    ))
                    .with_param("include"));
                }
            }
        }
        Ok(included)
    }

    /// Takes the results of a search out of a kept item, unless they are to be seen.
    pub(super) fn show(self, item: &mut Value) {
        if item["type"] == "file_search_call" && !self.results {
            item["results"] = Value::Null;
        }
    }
}

/// A page asked for, and one item more, which says whether there is a next page.
#[derive(Debug)]
pub(crate) struct Paging {
    pub(crate) page: Page,
    limit: usize,
}

impl Paging {
    /// Checks `query`: its limit is at most `most`, and `default` when absent.
    pub(crate) fn of(query: &ListQuery, most: i64, default: i64) -> Result<Self> {
        if query.before.is_some() && query.after.is_some() {
            return Err(Error::invalid("'before' and 'after' are two cursors; send one of them")
                .with_param("before"));
        }
        let limit = query.limit.unwrap_or(default);
        if !(1..=most).contains(&limit) {
            return Err(Error::invalid(format!(
                "limit is {limit}; it must be between 1 and {most}"
            ))
            .with_param("limit"));
        }
        let order = match query.order.as_deref() {
            None | Some("desc") => Order::Descending,
            Some("asc") => Order::Ascending,
            Some(other) => {
                return Err(Error::invalid(format!("order is '{other}'; use asc or desc"))
                    .with_param("order"));
            }
        };
        let after = cursor("after", query.after.as_deref())?;
        let before = cursor("before", query.before.as_deref())?;
        let limit_and_one = limit + 1;
        Ok(Self {
            page: Page { limit: limit_and_one, order, after, before },
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
        })
    }

    /// Checks that its cursor is an id that begins with `prefix`.
    pub(crate) fn over(self, prefix: &str) -> Result<Self> {
        for (name, cursor) in [("after", &self.page.after), ("before", &self.page.before)] {
            if let Some(cursor) = cursor.as_ref().filter(|id| !id.as_str().starts_with(prefix)) {
                return Err(no_cursor(name, cursor.as_str()));
            }
        }
        Ok(self)
    }

    /// The page out of up to one item more than it holds.
    pub(crate) fn list<T>(&self, mut data: Vec<T>, id: impl Fn(&T) -> String) -> List<T> {
        let has_more = data.len() > self.limit;
        if has_more && self.page.is_backward() {
            // What goes on in front of the page is the one item more.
            data.drain(..data.len() - self.limit);
        }
        data.truncate(self.limit);
        List {
            object: "list",
            first_id: data.first().map(&id),
            last_id: data.last().map(&id),
            data,
            has_more,
        }
    }
}

/// The cursor of a list. The item of that id need not be there any more: lists are read while they
/// are deleted from.
pub(crate) fn cursor(name: &str, given: Option<&str>) -> Result<Option<Id>> {
    let Some(given) = given.filter(|given| !given.is_empty()) else { return Ok(None) };
    let number = given.rsplit(['_', '-']).next().unwrap_or_default();
    let made = number.len() == 32 && number.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    match made && number.len() < given.len() {
        true => Ok(Some(Id::from_raw(given))),
        false => Err(no_cursor(name, given)),
    }
}

fn no_cursor(name: &str, given: &str) -> Error {
    Error::invalid(format!(
        "{name} is '{given}', which is no id of this list; send the id of an item of it, or leave \
         {name} out"
    ))
    .with_param(name)
}

/// Refuses every field of `rest` but the `harmless` ones and those that ask for nothing.
pub(super) fn refuse_rest(rest: &BTreeMap<String, Value>, harmless: &[&str]) -> Result<()> {
    match rest.iter().find(|(name, value)| !harmless.contains(&name.as_str()) && !neutral(value)) {
        Some((name, _)) => Err(unsupported(name)),
        None => Ok(()),
    }
}

/// Seconds a file shall live, of OpenAI's `expires_after`.
pub(super) fn file_expiry(anchor: &str, seconds: i64) -> Result<i64> {
    if anchor == "created_at" {
        return Ok(seconds);
    }
    Err(Error::invalid(format!("the anchor of expires_after is '{anchor}'; use created_at"))
        .with_param("expires_after"))
}

/// The end user that OpenAI's fields name, whose requests keep their version of a model.
pub(super) fn sticky(rest: &BTreeMap<String, Value>) -> Option<String> {
    let text = |name: &str| rest.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    text("safety_identifier").or_else(|| text("user")).map(str::to_owned)
}

/// The refusal of a field that is not supported.
pub(super) fn unsupported(name: &str) -> Error {
    Error::invalid(format!("'{name}' is not supported here; leave it out"))
        .with_param(name)
        .with_code("unsupported_parameter")
}

/// Whether a value asks for nothing.
pub(super) fn neutral(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}

/// `value` if it is in `range`.
pub(super) fn within(
    name: &str,
    value: Option<f32>,
    range: RangeInclusive<f32>,
) -> Result<Option<f32>> {
    match value {
        Some(given) if !range.contains(&given) => Err(Error::invalid(format!(
            "{name} is {given}; it must be between {} and {}",
            range.start(),
            range.end()
        ))
        .with_param(name)),
        _ => Ok(value),
    }
}

/// Checked temperature and top_p; `temperature` is the default of the former.
pub(super) fn sampling(
    given: Option<f32>,
    top_p: Option<f32>,
    temperature: f32,
) -> Result<Sampling> {
    Ok(Sampling {
        temperature: within("temperature", given, 0.0..=2.0)?.unwrap_or(temperature),
        top_p: within("top_p", top_p, 0.0..=1.0)?.unwrap_or(1.0),
        ..Sampling::default()
    })
}

/// `value` tokens, unless that is none.
pub(super) fn tokens(name: &str, value: Option<u32>) -> Result<Option<u32>> {
    if value == Some(0) {
        return Err(Error::invalid(format!("{name} is 0; it must be at least 1")).with_param(name));
    }
    Ok(value)
}

/// The text of a message's content: a string, or parts of the given `kinds`.
pub(super) fn text_of(content: &Value, place: &str, kinds: &[&str]) -> Result<String> {
    let fault = |message: String| Error::invalid(message).with_param(place);
    let parts = match content {
        Value::String(text) => return Ok(text.clone()),
        Value::Array(parts) => parts,
        _ => return Err(fault(format!("{place} must be a text or a list of text parts"))),
    };
    let mut texts = Vec::new();
    for (number, part) in parts.iter().enumerate() {
        let kind = part.get("type").and_then(Value::as_str).unwrap_or("");
        if !kinds.contains(&kind) {
            let kinds = kinds.join(", ");
            return Err(fault(format!(
                "{place}[{number}] is of type '{kind}'; only {kinds} is supported"
            )));
        }
        let text = part.get(if kind == "refusal" { kind } else { "text" });
        let text = text.and_then(Value::as_str);
        texts.push(text.ok_or_else(|| fault(format!("{place}[{number}] has no text")))?);
    }
    Ok(texts.join("\n"))
}

/// How hits are ranked, checked.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Ranking {
    pub(super) score_threshold: f32,
    pub(super) dense_weight: Option<f32>,
    pub(super) ranker: Ranker,
}

/// Checks ranking options; `place` is where they stand in the request.
pub(super) fn ranking(options: Option<&RankingOptions>, place: &str) -> Result<Ranking> {
    let Some(options) = options else { return Ok(Ranking::default()) };
    let ranker = match options.ranker.as_deref() {
        None | Some("auto" | "default-2024-11-15") => Ranker::Auto,
        Some("none") => Ranker::None,
        Some("late-interaction") => Ranker::LateInteraction,
        Some("cross-encoder") => Ranker::CrossEncoder,
        Some(other) => {
            return Err(Error::invalid(format!(
                "the ranker '{other}' does not exist here; use auto, none, default-2024-11-15, \
                 late-interaction or cross-encoder"
            ))
            .with_param(format!("{place}.ranker")));
        }
    };
    let threshold = within("score_threshold", options.score_threshold, 0.0..=1.0)?;
    let dense_weight = match &options.hybrid_search {
        None => None,
        Some(weights) => {
            let (dense, text) = (weights.embedding_weight, weights.text_weight);
            let sum = dense + text;
            if dense < 0.0 || text < 0.0 || sum <= 0.0 || !sum.is_finite() {
                return Err(Error::invalid(
                    "embedding_weight and text_weight must not be negative, nor both 0",
                )
                .with_param(format!("{place}.hybrid_search")));
            }
            Some(dense / sum)
        }
    };
    Ok(Ranking { score_threshold: threshold.unwrap_or(0.0), dense_weight, ranker })
}

/// The number of results asked for, 10 by default.
pub(super) fn results(asked: Option<usize>) -> Result<usize> {
    match asked.unwrap_or(10) {
        limit @ 1..=50 => Ok(limit),
        limit => {
            Err(Error::invalid(format!("max_num_results is {limit}; it must be between 1 and 50"))
                .with_param("max_num_results"))
        }
    }
}

/// A passage as a search result; with `explain` it says how it came to its score. The scores that
/// are told are the absolute ones.
pub(super) fn hit(passage: Passage, explain: bool) -> SearchResult {
    let explain = explain.then(|| search::explained(&passage));
    let context = passage.chunk.above();
    let (score, strength) = (passage.absolute_score(), passage.explain.strength);
    let Passage { chunk, headings, attributes, dense, bm25, hits, .. } = passage;
    let within = |hit: HitPlace| SectionHit {
        chunk_id: hit.chunk_id,
        page: hit.page,
        char_start: hit.char_start,
        char_end: hit.char_end,
        score: hit.score * strength,
    };
    SearchResult {
        file_id: chunk.file_id,
        filename: chunk.filename,
        score,
        attributes,
        content: vec![TextContent { kind: "text", text: chunk.text }],
        cairn: PassagePlace {
            chunk_id: chunk.id,
            page: chunk.page,
            heading: (!headings.is_empty()).then(|| headings.join(" › ")),
            char_start: chunk.char_start,
            char_end: chunk.char_end,
            context,
            match_start: chunk.match_start,
            match_end: chunk.match_end,
            dense,
            bm25,
            hits: hits.into_iter().map(within).collect(),
            explain,
        },
    }
}

/// An entry for the usage ledger.
pub(crate) fn usage(
    operation: &'static str,
    model: &str,
    tokens: (i64, i64),
    request_id: &str,
) -> UsageEntry {
    UsageEntry {
        operation,
        model: model.to_owned(),
        input_tokens: tokens.0,
        output_tokens: tokens.1,
        request_id: request_id.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use cairn_wire::openai::HybridSearch;
    use serde_json::json;

    use super::*;

    fn query(limit: i64) -> ListQuery {
        ListQuery { limit: Some(limit), ..ListQuery::default() }
    }

    #[test]
    fn a_limit_out_of_bounds_names_itself() {
        for limit in [0, -1, 101] {
            let refused = Paging::of(&query(limit), 100, 20).err();
            assert_eq!(refused.as_ref().and_then(Error::param), Some("limit"), "{limit}");
        }
        assert!(Paging::of(&query(100), 100, 20).is_ok());
    }

    #[test]
    fn two_cursors_and_unknown_orders_are_refused_by_name() {
        let before =
            ListQuery { before: Some("x".into()), after: Some("y".into()), ..ListQuery::default() };
        let order = ListQuery { order: Some("up".into()), ..ListQuery::default() };
        for (query, name) in [(before, "before"), (order, "order")] {
            let refused = Paging::of(&query, 100, 20).err();
            assert_eq!(refused.as_ref().and_then(Error::param), Some(name));
        }
    }

    #[test]
    fn only_what_can_be_included_is() -> Result<()> {
        let both = Included::read([RESULTS, PROVENANCE])?;
        assert!(both.results && both.provenance);
        assert!(Included::read(ABSENT.into_iter().chain([RESULTS]))?.results);
        assert!(Included::read_of_kept([LOGPROBS, RESULTS])?.results);
        for refused in [
            Included::read(["bogus"]),
            Included::read_of_kept(["bogus"]),
            Included::read([LOGPROBS]),
        ] {
            assert_eq!(refused.err().as_ref().and_then(Error::param), Some("include"));
        }
        let mut call = json!({"type": "file_search_call", "results": [{"text": "t"}]});
        both.show(&mut call);
        assert_eq!(call["results"][0]["text"], "t");
        Included::default().show(&mut call);
        assert_eq!(call["results"], Value::Null);
        Ok(())
    }

    #[test]
    fn one_item_more_than_the_limit_means_a_next_page() -> Result<()> {
        let paging = Paging::of(&query(2), 100, 20)?;
        assert_eq!(paging.page.limit, 3);
        let more = paging.list(vec!["a", "b", "c"], |id| (*id).to_owned());
        assert_eq!((more.data.len(), more.has_more), (2, true));
        assert_eq!(more.last_id.as_deref(), Some("b"));
        let last = paging.list(vec!["a", "b"], |id| (*id).to_owned());
        assert_eq!((last.data.len(), last.has_more), (2, false));
        let none = paging.list(Vec::<&str>::new(), |id| (*id).to_owned());
        assert_eq!((none.first_id, none.has_more), (None, false));
        let cursor = Id::generate("file-").to_string();
        let before = ListQuery { before: Some(cursor), ..query(2) };
        let back = Paging::of(&before, 100, 20)?;
        let page = back.list(vec!["a", "b", "c"], |id| (*id).to_owned());
        assert_eq!((page.data, page.has_more), (vec!["b", "c"], true));
        Ok(())
    }

    #[test]
    fn a_cursor_that_is_no_id_is_refused() -> Result<()> {
        let after = |id: &str| {
            let query = ListQuery { after: Some(id.to_owned()), ..query(2) };
            Paging::of(&query, 100, 20)?.over("file-")
        };
        after(Id::generate("file-").as_str())?;
        let store = Id::generate("vs_").to_string();
        let upper = Id::generate("file-").to_string().to_uppercase();
        assert!(after("")?.page.after.is_none());
        for id in ["file-none", "file-", &store, &upper, &"0".repeat(32)] {
            let refused = after(id).err();
            assert_eq!(refused.as_ref().and_then(Error::param), Some("after"), "{id}");
        }
        Ok(())
    }

    #[test]
    fn an_unknown_field_is_refused_unless_it_asks_for_nothing() {
        let rest = |value: Value| BTreeMap::from([("logit_bias".to_owned(), value)]);
        for value in [json!(null), json!(false), json!(0), json!([]), json!({}), json!("")] {
            assert!(refuse_rest(&rest(value.clone()), &[]).is_ok(), "{value}");
        }
        let refused = refuse_rest(&rest(json!({"1": 5})), &["user"]).err();
        assert_eq!(refused.as_ref().and_then(Error::param), Some("logit_bias"));
        assert!(refuse_rest(&rest(json!(1)), &["logit_bias"]).is_ok());
    }

    #[test]
    fn content_is_a_text_or_text_parts() {
        let parts = json!([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]);
        assert_eq!(text_of(&parts, "content", &["text"]).ok().as_deref(), Some("a\nb"));
        let image = json!([{"type": "image_url", "image_url": {"url": "x"}}]);
        let refused = text_of(&image, "messages[0].content", &["text"]).err();
        assert!(refused.is_some_and(|error| error.message().contains("image_url")));
    }

    #[test]
    fn weights_are_shares_and_bounds_are_kept() -> Result<()> {
        let weigh = |embedding_weight, text_weight| RankingOptions {
            hybrid_search: Some(HybridSearch { embedding_weight, text_weight }),
            ..RankingOptions::default()
        };
        let ranked = ranking(Some(&weigh(3.0, 1.0)), "ranking_options")?;
        assert_eq!(ranked.dense_weight, Some(0.75));
        assert!(ranking(Some(&weigh(0.0, 0.0)), "ranking_options").is_err());
        assert!(ranking(Some(&weigh(-1.0, 2.0)), "ranking_options").is_err());
        let high = RankingOptions { score_threshold: Some(1.5), ..RankingOptions::default() };
        assert!(ranking(Some(&high), "ranking_options").is_err());
        for (name, ranker) in [
            ("auto", Ranker::Auto),
            ("default-2024-11-15", Ranker::Auto),
            ("none", Ranker::None),
            ("late-interaction", Ranker::LateInteraction),
            ("cross-encoder", Ranker::CrossEncoder),
        ] {
            let named =
                RankingOptions { ranker: Some(name.to_owned()), ..RankingOptions::default() };
            assert_eq!(ranking(Some(&named), "ranking_options")?.ranker, ranker, "{name}");
        }
        assert!(results(Some(51)).is_err() && results(Some(0)).is_err());
        assert_eq!(results(None)?, 10);
        Ok(())
    }

    #[test]
    fn temperatures_stay_between_0_and_2() -> Result<()> {
        assert!(sampling(Some(2.1), None, 1.0).is_err());
        assert!(sampling(None, Some(1.1), 1.0).is_err());
        assert_eq!(sampling(None, None, 0.5)?.temperature, 0.5);
        assert!(tokens("max_tokens", Some(0)).is_err());
        Ok(())
    }
}
