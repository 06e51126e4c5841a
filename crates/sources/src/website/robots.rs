//! robots.txt (RFC 9309), with `Crawl-delay` and `Sitemap`.

use std::time::Duration;

/// Most bytes of a file, and most rules of it that are kept; RFC 9309 asks for 500 kB.
pub(super) const BYTES_MAX: u64 = 4 << 20;
const RULES_MAX: usize = 10_000;
/// Longest pause between two requests that a site may ask for.
const DELAY_MAX: f64 = 60.0;

/// What a site lets us ask for.
#[derive(Debug, Default)]
pub(super) struct Robots {
    rules: Vec<Rule>,
    /// The pause that it asks for between two requests.
    pub(super) delay: Option<Duration>,
    /// The addresses of its sitemaps.
    pub(super) sitemaps: Vec<String>,
}

#[derive(Debug)]
struct Rule {
    allow: bool,
    pattern: String,
}

/// The rules of one kind of group.
#[derive(Debug, Default)]
struct Group {
    met: bool,
    rules: Vec<Rule>,
    delay: Option<Duration>,
}

impl Robots {
    /// What `text` says to the crawler called `token`.
    pub(super) fn parse(text: &str, token: &str) -> Self {
        let (mut ours, mut anyones) = (Group::default(), Group::default());
        let mut sitemaps = Vec::new();
        // Which groups the present lines belong to; agents in a row share what follows.
        let (mut us, mut anyone, mut naming) = (false, false, false);
        for line in text.trim_start_matches('\u{feff}').split(['\r', '\n']) {
            let line = line.split('#').next().unwrap_or_default();
            let Some((field, value)) = line.split_once(':') else { continue };
            let (field, value) = (field.trim().to_ascii_lowercase(), value.trim());
            match field.as_str() {
                "user-agent" => {
                    if !naming {
                        (us, anyone, naming) = (false, false, true);
                    }
                    us |= product(value).eq_ignore_ascii_case(token);
                    anyone |= value.starts_with('*');
                    ours.met |= us;
                }
                "allow" | "disallow" | "crawl-delay" => {
                    naming = false;
                    let groups = [us.then_some(&mut ours), anyone.then_some(&mut anyones)];
                    for group in groups.into_iter().flatten() {
                        group.take(&field, value);
                    }
                }
                "sitemap" => sitemaps.push(value.to_owned()),
                _ => {}
            }
        }
        let group = if ours.met { ours } else { anyones };
        Self { rules: group.rules, delay: group.delay, sitemaps }
    }

    /// Whether `target`, a path with its query, may be asked for: the longest rule that fits
    /// decides, and one that allows wins over one as long that does not.
    pub(super) fn allows(&self, target: &str) -> bool {
        if target == "/robots.txt" {
            return true;
        }
        let target = normal(target);
        let fitting = self.rules.iter().filter(|rule| fits(&rule.pattern, &target));
        fitting.max_by_key(|rule| (rule.pattern.len(), rule.allow)).is_none_or(|rule| rule.allow)
    }
}

impl Group {
    fn take(&mut self, field: &str, value: &str) {
        if field == "crawl-delay" {
            let seconds: Option<f64> = value.parse().ok().filter(|seconds| *seconds >= 0.0);
            self.delay = seconds.map(|seconds| Duration::from_secs_f64(seconds.min(DELAY_MAX)));
        } else if !value.is_empty() && self.rules.len() < RULES_MAX {
            self.rules.push(Rule { allow: field == "allow", pattern: normal(value) });
        }
    }
}

/// The name of a crawler without its version.
pub(super) fn product(agent: &str) -> &str {
    let end = agent.find(|c: char| !(c.is_ascii_alphabetic() || c == '-' || c == '_'));
    agent.get(..end.unwrap_or(agent.len())).unwrap_or_default()
}

/// Whether `target` begins as the pattern has it; `*` is anything, a last `$` the end.
fn fits(pattern: &str, target: &str) -> bool {
    let (pattern, whole) = match pattern.strip_suffix('$') {
        Some(pattern) => (pattern, true),
        None => (pattern, false),
    };
    let mut pieces = pattern.split('*');
    let Some(mut rest) = target.strip_prefix(pieces.next().unwrap_or_default()) else {
        return false;
    };
    let mut pieces = pieces.peekable();
    if pieces.peek().is_none() {
        return !whole || rest.is_empty();
    }
    while let Some(piece) = pieces.next() {
        if whole && pieces.peek().is_none() {
            return rest.ends_with(piece);
        }
        match rest.find(piece) {
            Some(at) => rest = rest.get(at + piece.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    true
}

/// A path with one way of escaping: letters that need none are plain, others are escaped.
fn normal(path: &str) -> String {
    let bytes = path.as_bytes();
    let mut text = String::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let pair = bytes.get(at + 1..at + 3).filter(|_| byte == b'%');
        let escaped =
            pair.and_then(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
        at += if escaped.is_some() { 3 } else { 1 };
        match escaped {
            Some(byte) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                text.push(char::from(byte));
            }
            Some(byte) => text.push_str(&format!("%{byte:02X}")),
            None if byte.is_ascii_graphic() => text.push(char::from(byte)),
            None => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_longest_rule_decides() {
        let robots = Robots::parse(
            "User-agent: *\nDisallow: /\nAllow: /docs\nDisallow: /docs/private\n\
             Allow: /docs/private/open.html$\nDisallow: /*.php\nDisallow: /docs/*/draft",
            "cairn",
        );
        for allowed in ["/docs", "/docs/a", "/docs/private/open.html", "/robots.txt"] {
            assert!(robots.allows(allowed), "{allowed}");
        }
        for refused in [
            "/",
            "/x",
            "/documents",
            "/docs/private",
            "/docs/private/a",
            "/docs/private/open.html?x",
            "/docs/a/b/draft1",
        ] {
            assert!(!robots.allows(refused), "{refused}");
        }
        let equal = Robots::parse("user-agent: *\ndisallow: /a\nallow: /a", "cairn");
        assert!(equal.allows("/a"));
        let php = Robots::parse("user-agent: *\ndisallow: /*.php$", "cairn");
        assert!(!php.allows("/x/index.php") && php.allows("/index.php?a"));
    }

    #[test]
    fn the_group_that_names_us_is_the_one_that_counts() {
        let text = "\u{feff}User-agent: other\nUser-Agent: Cairn/2.0 # us\nDisallow: /a\n\
            Crawl-delay: 2.5\n\nUser-agent: *\nDisallow: /\nSitemap: https://e.x/s.xml\n\
            user-agent: cairn\ndisallow: /b\nnonsense";
        let robots = Robots::parse(text, "cairn");
        assert!(robots.allows("/c") && !robots.allows("/a") && !robots.allows("/b"));
        assert_eq!(robots.delay, Some(Duration::from_millis(2500)));
        assert_eq!(robots.sitemaps, ["https://e.x/s.xml"]);
        assert!(!Robots::parse(text, "stranger").allows("/c"));
        assert!(Robots::parse("User-agent: *\nDisallow:", "cairn").allows("/a"));
        assert!(Robots::parse("<html>not found</html>", "cairn").allows("/a"));
        let slow = Robots::parse("user-agent: *\ncrawl-delay: 1e300", "cairn");
        assert_eq!(slow.delay, Some(Duration::from_secs(60)));
        assert_eq!(Robots::parse("user-agent: *\ncrawl-delay: nan", "cairn").delay, None);
    }

    #[test]
    fn one_way_of_escaping_is_as_good_as_another() {
        let robots = Robots::parse("user-agent: *\ndisallow: /caf%c3%a9\ndisallow: /%61b", "cairn");
        assert!(!robots.allows("/caf%C3%A9/x") && !robots.allows("/ab"));
        let plain = Robots::parse("user-agent: *\ndisallow: /café", "cairn");
        assert!(!plain.allows("/caf%C3%A9"));
        assert_eq!(normal("/a%2Fb%zz%4"), "/a%2Fb%zz%4");
    }

    proptest! {
        #[test]
        fn no_file_ends_the_program(text in "(?s).{0,200}", target in "/.{0,40}") {
            Robots::parse(&text, "cairn").allows(&target);
        }
    }
}
