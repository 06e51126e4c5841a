//! What a page says to a crawler: its links, its canonical address, what may be done with it.

use std::cell::RefCell;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};
use sha2::{Digest as _, Sha256};

/// Most links of a page that are followed.
const LINKS_MAX: usize = 5_000;

/// What may not be done with a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wishes {
    /// It is not to be found.
    pub(super) noindex: bool,
    /// Its links are not to be followed.
    pub(super) nofollow: bool,
}

impl Wishes {
    /// Takes in a list such as `noindex, nofollow`.
    fn take(&mut self, list: &str) {
        for word in list.split(',') {
            match word.trim().to_ascii_lowercase().as_str() {
                "noindex" => self.noindex = true,
                "nofollow" => self.nofollow = true,
                "none" => *self = Self { noindex: true, nofollow: true },
                _ => {}
            }
        }
    }

    /// What the values of `X-Robots-Tag` say to the crawler called `token`: `noindex`, or
    /// `token: noindex` for one alone.
    pub(super) fn of_headers<'a>(values: impl Iterator<Item = &'a str>, token: &str) -> Self {
        let mut wishes = Self::default();
        for value in values {
            let mut ours = true;
            for word in value.split(',') {
                let mut wish = word.trim();
                if let Some((name, rest)) = wish.split_once(':') {
                    let name = name.trim();
                    // These have a value of their own and name no crawler.
                    if name.starts_with("max-") || name.eq_ignore_ascii_case("unavailable_after") {
                        continue;
                    }
                    ours = name.eq_ignore_ascii_case(token);
                    wish = rest;
                }
                if ours {
                    wishes.take(wish);
                }
            }
        }
        wishes
    }
}

/// What a page says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    /// What relative links start from, where it is not the page's own address.
    pub(super) base: Option<String>,
    /// The address that it wants to be known by.
    pub(super) canonical: Option<String>,
    /// Where it leads, as written.
    pub(super) links: Vec<String>,
    pub(super) wishes: Wishes,
    /// Of the words and their structure: what changes with every request, such as the names
    /// of scripts and tokens of forms, does not change it.
    pub(super) hash: [u8; 32],
}

/// Reads a page for the crawler called `token`.
pub(super) fn read(html: &str, token: &str) -> Page {
    let reader = Reader {
        token: token.to_ascii_lowercase(),
        state: RefCell::new(State { page: Page::default(), hash: Sha256::new(), unread: None }),
    };
    let input = BufferQueue::default();
    input.push_back(StrTendril::from_slice(html));
    let tokenizer = Tokenizer::new(reader, TokenizerOpts::default());
    // Neither a script nor an encoding is ever asked for by the reader.
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    let State { mut page, hash, .. } = tokenizer.sink.state.into_inner();
    page.hash = hash.finalize().into();
    page
}

struct Reader {
    /// In lower case.
    token: String,
    state: RefCell<State>,
}

struct State {
    page: Page,
    hash: Sha256,
    /// The element whose content is not for readers, until it ends.
    unread: Option<String>,
}

impl TokenSink for Reader {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut state = self.state.borrow_mut();
        match token {
            Token::CharacterTokens(text) if state.unread.is_none() => {
                for word in text.split_whitespace() {
                    state.hash.update(word.as_bytes());
                    state.hash.update(b" ");
                }
            }
            Token::TagToken(tag) if tag.kind == TagKind::EndTag => {
                state.unread = state.unread.take().filter(|unread| **unread != *tag.name);
            }
            Token::TagToken(tag) => return state.open(&tag, &self.token),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

impl State {
    fn open(&mut self, tag: &Tag, token: &str) -> TokenSinkResult<()> {
        let name = &*tag.name;
        if self.unread.is_none() {
            self.hash.update(b"<");
            self.hash.update(name.as_bytes());
            if let Some(alt) = attribute(tag, "alt") {
                self.hash.update(alt.as_bytes());
            }
        }
        let raw = match name {
            "title" | "textarea" => Some(RawKind::Rcdata),
            "script" => Some(RawKind::ScriptData),
            "style" | "xmp" | "iframe" | "noembed" | "noframes" => Some(RawKind::Rawtext),
            _ => None,
        };
        let unread = matches!(name, "script" | "style" | "iframe" | "noembed" | "template");
        if unread && self.unread.is_none() {
            self.unread = Some(name.to_owned());
        }
        match name {
            "base" if self.page.base.is_none() => self.page.base = attribute(tag, "href"),
            "link" if has_word(tag, "rel", "canonical") && self.page.canonical.is_none() => {
                self.page.canonical = attribute(tag, "href");
            }
            "meta" => {
                let about = attribute(tag, "name").unwrap_or_default().to_ascii_lowercase();
                if about == "robots" || about == token {
                    let wishes = attribute(tag, "content").unwrap_or_default();
                    self.page.wishes.take(&wishes);
                }
            }
            "a" | "area" if !has_word(tag, "rel", "nofollow") => {
                if let Some(link) = attribute(tag, "href")
                    && self.page.links.len() < LINKS_MAX
                {
                    self.page.links.push(link);
                }
            }
            _ => {}
        }
        raw.map_or(TokenSinkResult::Continue, TokenSinkResult::RawData)
    }
}

fn attribute(tag: &Tag, wanted: &str) -> Option<String> {
    let found = tag.attrs.iter().find(|attribute| &*attribute.name.local == wanted)?;
    Some(found.value.trim().to_owned())
}

fn has_word(tag: &Tag, name: &str, wanted: &str) -> bool {
    let value = attribute(tag, name).unwrap_or_default();
    value.split_ascii_whitespace().any(|word| word.eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn links_and_wishes_are_found_and_scripts_are_not_read() {
        let page = read(
            "<!doctype html><head><base href=/b/><title>A <a href=no>b</a></title>\
             <link rel='shortlink Canonical' href='/c?a=1&amp;b=2'>\
             <meta name=Robots content='NoIndex, max-snippet:1'><meta name=cairn content=nofollow>\
             <meta name=other content=none><script>x('<a href=no>')</script>\
             <style>a{}<a href=no></style></head><A HREF=' one '>1</A><a href=two rel='x nofollow'>\
             <area href=three><!-- <a href=no> --><a name=x>",
            "Cairn",
        );
        assert_eq!(page.base.as_deref(), Some("/b/"));
        assert_eq!(page.canonical.as_deref(), Some("/c?a=1&b=2"));
        assert_eq!(page.links, ["one", "three"]);
        assert_eq!(page.wishes, Wishes { noindex: true, nofollow: true });
    }

    #[test]
    fn only_words_and_structure_make_another_version() {
        let of = |html: &str| read(html, "cairn").hash;
        let page = of("<p class=a>one two</p><script>1</script><input name=csrf value=1>");
        assert_eq!(page, of("<p  class=b>one\n two</p><script>2</script><input value=2>"));
        assert_ne!(page, of("<p>one three</p><script>1</script><input>"));
        assert_ne!(page, of("<h1>one two</h1><script>1</script><input>"));
    }

    #[test]
    fn headers_speak_to_all_or_to_one() {
        let of = |values: &[&str]| Wishes::of_headers(values.iter().copied(), "cairn");
        assert!(of(&["noindex"]).noindex);
        assert!(!of(&["googlebot: noindex, nofollow"]).nofollow);
        assert!(of(&["googlebot: noindex", "Cairn: nofollow"]).nofollow);
        assert!(of(&["unavailable_after: 25 Jun 2010, noindex"]).noindex);
        assert_eq!(of(&["all", ""]), Wishes::default());
    }

    proptest! {
        #[test]
        fn no_page_ends_the_program(html in "(?s)(<a href=|<script>|<title|&|.){0,60}") {
            read(&html, "cairn");
        }
    }
}
