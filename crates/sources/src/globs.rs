//! Which paths are taken.

use cairn_kernel::{Error, Result};
use glob::{MatchOptions, Pattern};

/// Most patterns of a list.
const PATTERNS_MAX: usize = 100;
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// Patterns of paths to take and to leave out. `*` and `?` stay within a folder, `**` goes
/// through folders. A pattern without `/` is tried on every name along the path, one with
/// `/` on the whole path.
#[derive(Clone, Debug, Default)]
pub struct Globs {
    include: Vec<Pattern>,
    exclude: Vec<Pattern>,
}

impl Globs {
    /// `include` empty takes everything; `exclude` wins.
    ///
    /// # Errors
    /// `Invalid` for a malformed pattern, or too many.
    pub fn new(include: &[String], exclude: &[String]) -> Result<Self> {
        Ok(Self { include: patterns("include", include)?, exclude: patterns("exclude", exclude)? })
    }

    /// Whether the file at this path, relative and with `/`, is taken.
    pub fn takes(&self, path: &str) -> bool {
        let included = self.include.is_empty() || self.include.iter().any(|one| fits(one, path));
        let folders = path.match_indices('/').filter_map(|(end, _)| path.get(..end));
        included && !self.prunes(path) && !folders.into_iter().any(|folder| self.prunes(folder))
    }

    /// Whether nothing below this folder is taken, so that it need not be listed.
    pub fn prunes(&self, folder: &str) -> bool {
        self.exclude.iter().any(|one| fits(one, folder))
    }
}

fn patterns(field: &str, texts: &[String]) -> Result<Vec<Pattern>> {
    if texts.len() > PATTERNS_MAX {
        return Err(Error::invalid(format!("more than {PATTERNS_MAX} patterns in '{field}'"))
            .with_param(field));
    }
    let parse = |text: &String| {
        // `drafts/` is the folder with everything in it, as in a .gitignore.
        let plain = text.trim_start_matches("./").trim_end_matches('/');
        Pattern::new(plain).map_err(|wrong| {
            Error::invalid(format!(
                "'{text}' in '{field}' is no pattern: {}; write for example *.pdf or reports/**/*.md",
                wrong.msg
            ))
            .with_param(field)
        })
    };
    texts.iter().map(parse).collect()
}

fn fits(pattern: &Pattern, path: &str) -> bool {
    if pattern.as_str().contains('/') {
        return pattern.matches_with(path, OPTIONS);
    }
    path.split('/').any(|name| pattern.matches_with(name, OPTIONS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn globs(include: &[&str], exclude: &[&str]) -> Globs {
        let owned = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
        Globs::new(&owned(include), &owned(exclude)).unwrap()
    }

    #[test]
    fn patterns_take_names_anywhere_and_paths_from_the_root() {
        let all = globs(&[], &[]);
        assert!(all.takes("a/b.md"));
        let some = globs(&["*.md", "reports/**/*.pdf"], &["draft*", "old/", "a/b/"]);
        for taken in ["a.md", "x/y/a.md", "reports/a.pdf", "reports/2024/q1/a.pdf"] {
            assert!(some.takes(taken), "{taken}");
        }
        for left in
            ["a.pdf", "x/reports/a.pdf", "drafts/a.md", "draft.md", "old/a.md", "a/b/c/d.md"]
        {
            assert!(!some.takes(left), "{left}");
        }
        assert!(some.prunes("old") && some.prunes("x/drafts") && !some.prunes("reports"));
        assert!(!globs(&["a/*.md"], &[]).takes("a/b/c.md"), "one star stays within a folder");
    }

    #[test]
    fn a_malformed_pattern_is_named() {
        let refused = Globs::new(&["a**b".to_owned()], &[]).unwrap_err();
        assert_eq!(refused.param(), Some("include"));
        assert!(refused.message().contains("a**b"));
        assert!(Globs::new(&[], &vec!["x".to_owned(); 101]).is_err());
    }
}
