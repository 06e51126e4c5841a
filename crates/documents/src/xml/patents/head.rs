//! What is said of a patent before its text: its title and number, who made and owns it, and the
//! works it cites.

/// Works cited that are kept.
const CITED_MAX: usize = 5_000;

/// The parts of the head, as they are read.
#[derive(Debug, Default)]
pub(super) struct Head {
    open: Vec<String>,
    text: String,
    title: String,
    /// The number, kind and date of the patent itself.
    document: Vec<String>,
    /// The person or firm being read: names, then where.
    first: String,
    last: String,
    firm: String,
    inventors: Vec<String>,
    owners: Vec<String>,
    work: Vec<String>,
    cited: Vec<String>,
}

impl Head {
    pub(super) fn open(&mut self, name: &str) {
        // The text of an element that holds others goes on.
        let inline =
            matches!(name, "i" | "b" | "sub" | "sup" | "PDAT" | "STEXT" | "HIL" | "SB" | "SP");
        if !inline {
            self.text.clear();
        }
        self.open.push(name.to_owned());
    }

    pub(super) fn text(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn is_within(&self, names: &[&str]) -> bool {
        self.open.iter().any(|open| names.contains(&open.as_str()))
    }

    pub(super) fn close(&mut self, name: &str) {
        let text = self.text.split_whitespace().collect::<Vec<_>>().join(" ");
        self.open.pop();
        match name {
            "invention-title" | "title-of-invention" | "B540" => self.title = text,
            "patcit" | "nplcit" | "PCIT" | "NCIT" => {
                if name == "NCIT" && self.work.is_empty() {
                    self.work.push(text);
                }
                let work = std::mem::take(&mut self.work).join(" ");
                if !work.is_empty() && self.cited.len() < CITED_MAX {
                    self.cited.push(work);
                }
            }
            _ if self.is_within(&["patcit", "nplcit", "PCIT", "NCIT"]) => {
                if !self.cite(name, text) {
                    return;
                }
            }
            "last-name" | "family-name" | "SNM" => self.last = text,
            "first-name" | "given-name" | "FNM" => self.first = text,
            "orgname" | "organization-name" | "ONM" => self.firm = text,
            "applicant" | "us-applicant" if self.firm.is_empty() => self.inventor(),
            "inventor" | "first-named-inventor" | "B721" => self.inventor(),
            "assignee" | "B731" | "applicant" | "us-applicant" => self.owner(),
            "doc-number" | "kind" | "kind-code" | "date" | "document-date" | "country"
                if self.is_within(&["publication-reference"])
                    || self.open.len() == 1 && self.is_within(&["document-id"]) =>
            {
                self.document.push(if name.ends_with("date") { date(&text) } else { text });
            }
            "B110" | "B130" => self.document.push(text),
            "B140" => self.document.push(date(&text)),
            "agent" | "primary-examiner" | "assistant-examiner" | "B741" | "B746" => self.forget(),
            _ => return,
        }
        self.text.clear();
    }

    /// Whether an element is a part of a work that is cited, which is kept.
    fn cite(&mut self, name: &str, text: String) -> bool {
        let part = matches!(
            name,
            "country"
                | "doc-number"
                | "kind"
                | "name"
                | "date"
                | "othercit"
                | "DNUM"
                | "DATE"
                | "KIND"
                | "CTRY"
                | "SNM"
                | "ONM"
        );
        if part && !text.is_empty() {
            self.work.push(if name.eq_ignore_ascii_case("date") { date(&text) } else { text });
        }
        part
    }

    fn forget(&mut self) {
        self.first.clear();
        self.last.clear();
        self.firm.clear();
    }

    /// The name of the person or firm that was read.
    fn named(&mut self) -> String {
        let name = format!("{} {}", self.first, self.last);
        let name = if name.trim().is_empty() { self.firm.as_str() } else { name.trim() }.to_owned();
        self.forget();
        name
    }

    fn inventor(&mut self) {
        let name = self.named();
        if !name.is_empty() && !self.inventors.contains(&name) {
            self.inventors.push(name);
        }
    }

    fn owner(&mut self) {
        let name = self.named();
        if !name.is_empty() && !self.owners.contains(&name) {
            self.owners.push(name);
        }
    }

    pub(super) fn title(&self) -> String {
        self.title.clone()
    }

    /// Its number, its inventors and its owners, a line each.
    pub(super) fn lines(&self) -> Vec<String> {
        let lists = [
            ("Patent", self.document.join(" ")),
            ("Inventors", self.inventors.join(", ")),
            ("Assignee", self.owners.join(", ")),
        ];
        let told = lists.into_iter().filter(|(_, list)| !list.is_empty());
        told.map(|(name, list)| format!("{name}: {list}")).collect()
    }

    pub(super) fn cited(self) -> Vec<String> {
        self.cited
    }
}

/// A date as the office writes it, `20180104`, as others do; a month or day may be `00`.
fn date(text: &str) -> String {
    let digits = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
    let parts = [text.get(..4), text.get(4..6), text.get(6..8)];
    let known = parts.into_iter().flatten().filter(|part| !part.trim_matches('0').is_empty());
    if digits { known.collect::<Vec<_>>().join("-") } else { text.to_owned() }
}
