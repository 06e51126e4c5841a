//! Which addresses are allowed.

use cairn_kernel::{Error, Result};
use url::Url;

/// Hosts that answers may link to, by the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts(Vec<String>);

impl Hosts {
    /// Host names such as `example.com`, or `*.example.com` for all below it.
    ///
    /// # Errors
    /// `Invalid` for what is no host name.
    pub fn new<'h>(names: impl IntoIterator<Item = &'h str>) -> Result<Self> {
        let names = names.into_iter().map(str::trim).filter(|name| !name.is_empty());
        names.map(host).collect::<Result<_>>().map(Self)
    }

    /// These hosts, and the very addresses that stand in `question`.
    pub fn with_addresses_of(&self, question: &str) -> Allowed {
        let words = question.split(|c: char| {
            c.is_whitespace() || matches!(c, '<' | '>' | '"' | '\'' | '(' | ')' | '[' | ']')
        });
        let addresses = words
            .filter(|word| word.contains("://") || word.to_lowercase().starts_with("www."))
            .filter_map(|word| absolute(trimmed(word)))
            .filter(is_web)
            .map(|url| canonical(&url));
        Allowed { hosts: self.0.clone(), addresses: addresses.collect() }
    }
}

fn host(name: &str) -> Result<String> {
    let (below, bare) = match name.strip_prefix("*.") {
        Some(bare) => ("*.", bare),
        None => ("", name),
    };
    let parsed = url::Host::parse(bare);
    let plain = !bare.is_empty() && !bare.contains(['/', ':', '@', '*']);
    match parsed {
        Ok(parsed) if plain => Ok(format!("{below}{parsed}")),
        _ => Err(Error::invalid(format!(
            "'{name}' is no host name; write example.com, or *.example.com for all hosts below it"
        ))),
    }
}

/// Schemes that do something without a host.
const SCHEMES: [&str; 7] =
    ["http:", "https:", "javascript:", "vbscript:", "data:", "mailto:", "file:"];

/// What a text may link to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowed {
    hosts: Vec<String>,
    addresses: Vec<String>,
}

impl Allowed {
    /// Whether `written`, the destination of a link, leads to where links may lead: an
    /// allowed host, an allowed address, or nowhere else than the page itself.
    pub(super) fn permits(&self, written: &str) -> bool {
        let written = written.trim();
        if has_entity(written) {
            return false;
        }
        let unescaped = unescape(written);
        [written, unescaped.as_str()].into_iter().all(|form| self.permits_form(form))
    }

    fn permits_form(&self, written: &str) -> bool {
        // What is relative on a page may not be so on a page of the other scheme.
        ["https://page.invalid/a/", "http://page.invalid/a/"].into_iter().all(|page| {
            let resolved = Url::parse(page).and_then(|page| page.join(written));
            resolved.is_ok_and(|url| is_web(&url) && (on_page(&url) || self.allows(&url)))
        })
    }

    fn allows(&self, url: &Url) -> bool {
        let Some(host) = url.host_str() else { return false };
        let bare = url.username().is_empty() && url.password().is_none();
        let named = self.hosts.iter().any(|allowed| match allowed.strip_prefix("*.") {
            Some(above) => host.strip_suffix(above).is_some_and(|below| below.ends_with('.')),
            None => host == allowed,
        });
        // An address in an address leads on to where nobody looked.
        let single = url.as_str().matches("://").count() == 1;
        (bare && named && single) || self.addresses.contains(&canonical(url))
    }

    /// Whether `written` is surely meant as an address, and as one that is not allowed.
    /// `Note:` is none, though a scheme could look like that.
    pub(super) fn forbids(&self, written: &str) -> bool {
        let lower = written.to_lowercase();
        let address = written.contains(['/', '\\', '&'])
            || SCHEMES.iter().any(|scheme| lower.starts_with(scheme));
        address && !self.permits(written)
    }

    /// As [`Allowed::permits`], for an address that stands in the text itself.
    pub(super) fn permits_bare(&self, written: &str) -> bool {
        absolute(written).is_some_and(|url| is_web(&url) && self.allows(&url))
    }
}

fn is_web(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
}

fn on_page(url: &Url) -> bool {
    url.host_str() == Some("page.invalid") && url.port().is_none() && url.username().is_empty()
}

fn absolute(written: &str) -> Option<Url> {
    let whole = match written.contains("://") {
        true => written.to_owned(),
        false => format!("http://{written}"),
    };
    Url::parse(&whole).ok()
}

/// An address without its fragment, its scheme and a slash at the end.
fn canonical(url: &Url) -> String {
    let mut url = url.clone();
    url.set_fragment(None);
    let text = url.as_str();
    let text = text.split_once("://").map_or(text, |(_, rest)| rest);
    text.trim_end_matches('/').to_owned()
}

/// An address without the punctuation of the sentence behind it.
pub(super) fn trimmed(address: &str) -> &str {
    address.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '"', '*', '_', '~'])
}

/// Without Markdown's backslashes before punctuation.
fn unescape(written: &str) -> String {
    let mut out = String::with_capacity(written.len());
    let mut characters = written.chars().peekable();
    while let Some(character) = characters.next() {
        let escapes =
            character == '\\' && characters.peek().is_some_and(char::is_ascii_punctuation);
        if !escapes {
            out.push(character);
        }
        if escapes {
            out.extend(characters.next());
        }
    }
    out
}

/// Whether an entity other than `&amp;` stands in it, behind which anything may hide.
fn has_entity(written: &str) -> bool {
    written.split('&').skip(1).any(|after| {
        let name: String =
            after.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '#').collect();
        let ended = after[name.len()..].starts_with(';');
        name.starts_with('#') || (ended && !name.is_empty() && name != "amp")
    })
}

/// Whether a text surely has no link: a quick look at what nearly all texts are.
pub(super) fn has_no_url(text: &str) -> bool {
    let lower = text.to_lowercase();
    !lower.contains(['[', '<', ']']) && !lower.contains("://") && !lower.contains("www.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed() -> Result<Allowed> {
        let hosts = Hosts::new(["example.com", " *.docs.example.org ", ""])?;
        Ok(hosts.with_addresses_of("Does https://a.net/x?y=1 say more than (www.b.net/z/)?"))
    }

    #[test]
    fn hosts_addresses_of_the_question_and_the_page_itself_are_allowed() -> Result<()> {
        let allowed = allowed()?;
        for written in [
            "https://example.com",
            "http://EXAMPLE.com/a?b",
            "https://x.docs.example.org/",
            "https://a.net/x?y=1#part",
            "http://www.b.net/z",
            "/v1/files",
            "page",
            "#part",
            "?q",
        ] {
            assert!(allowed.permits(written), "{written}");
        }
        Ok(())
    }

    #[test]
    fn nothing_else_is_in_whatever_disguise() -> Result<()> {
        let allowed = allowed()?;
        for written in [
            "https://evil.net",
            "https://sub.example.com",
            "https://docs.example.org",
            "https://example.com.evil.net",
            "https://example.com@evil.net",
            "https://me:pass@example.com/",
            "//evil.net/x",
            "/\\evil.net",
            "\\\\evil.net",
            "https:evil.net",
            "https:/evil.net",
            "ht\ttps://evil.net",
            "http\\://evil.net",
            "\\/\\/evil.net",
            "&#104;ttps://evil.net",
            "&sol;&sol;evil.net",
            "javascript:alert(1)",
            "data:text/html,x",
            "mailto:a@evil.net?body=x",
            "file:///etc",
            "https://a.net/x?y=2",
            "https://a.net/",
            "https://b.net/z",
            "https://exa\u{ad}mple.com.evil",
        ] {
            assert!(!allowed.permits(written), "{written}");
        }
        Ok(())
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for name in
            ["https://example.com", "exa mple.com", "a/b", "*", "*.", "user@example.com", "a:80"]
        {
            let refused = Hosts::new([name]).err();
            assert!(refused.is_some_and(|error| error.message().contains(name)), "{name}");
        }
    }
}
