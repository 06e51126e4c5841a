//! File names for what is named otherwise at its source.

/// Longest name, in characters.
const CHARS_MAX: usize = 120;

/// The last part of `path` as a file name with an ending; what has none is text.
pub(crate) fn of_path(path: &str) -> String {
    let last = path.rsplit('/').find(|part| !part.is_empty()).unwrap_or("file");
    let ending = last.rsplit_once('.').filter(|(stem, ending)| {
        !stem.is_empty() && (1..=16).contains(&ending.len()) && !ending.contains(' ')
    });
    match ending {
        Some((stem, ending)) => with_ending(stem, ending),
        None => with_ending(last, "txt"),
    }
}

/// `stem` as a file name with this ending.
pub(crate) fn with_ending(stem: &str, ending: &str) -> String {
    let plain = |c: char| if c == '/' || c == '\\' || c.is_control() { '-' } else { c };
    let most = CHARS_MAX.saturating_sub(ending.chars().count() + 1);
    let stem: String = stem.chars().map(plain).take(most).collect();
    let ending: String = ending.chars().map(plain).collect();
    format!("{stem}.{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_an_ending_and_no_folders() {
        assert_eq!(of_path("a/b.tar.gz"), "b.tar.gz");
        assert_eq!(of_path("a/LICENSE"), "LICENSE.txt");
        assert_eq!(of_path("a/.gitignore"), ".gitignore.txt");
        assert_eq!(of_path("what? No. I mean it"), "what? No. I mean it.txt");
        assert_eq!(of_path("a\nb\\c.md"), "a-b-c.md");
        let long = of_path(&format!("{}.pdf", "é".repeat(500)));
        assert_eq!(long.chars().count(), 120);
        assert!(long.ends_with("é.pdf"));
    }
}
