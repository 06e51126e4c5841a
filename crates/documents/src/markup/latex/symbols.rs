//! The signs that commands of LaTeX stand for.

/// Signs of running text.
const TEXT: &[(&str, &str)] = &[
    ("%", "%"),
    ("&", "&"),
    ("$", "$"),
    ("#", "#"),
    ("_", "_"),
    ("{", "{"),
    ("}", "}"),
    (" ", " "),
    ("\n", " "),
    (",", " "),
    (";", " "),
    (":", " "),
    (">", " "),
    ("quad", " "),
    ("qquad", " "),
    ("enspace", " "),
    ("enskip", " "),
    ("thinspace", " "),
    ("hfill", " "),
    ("newblock", " "),
    ("space", " "),
    ("ldots", "…"),
    ("dots", "…"),
    ("textellipsis", "…"),
    ("textendash", "–"),
    ("textemdash", "—"),
    ("textbackslash", "\\"),
    ("textasciitilde", "~"),
    ("textasciicircum", "^"),
    ("textunderscore", "_"),
    ("textless", "<"),
    ("textgreater", ">"),
    ("textbar", "|"),
    ("textbullet", "•"),
    ("textregistered", "®"),
    ("texttrademark", "™"),
    ("textcopyright", "©"),
    ("copyright", "©"),
    ("textdegree", "°"),
    ("degree", "°"),
    ("textmu", "µ"),
    ("texteuro", "€"),
    ("euro", "€"),
    ("EUR", "€"),
    ("pounds", "£"),
    ("textsterling", "£"),
    ("textyen", "¥"),
    ("S", "§"),
    ("P", "¶"),
    ("dag", "†"),
    ("ddag", "‡"),
    ("ss", "ß"),
    ("ae", "æ"),
    ("AE", "Æ"),
    ("oe", "œ"),
    ("OE", "Œ"),
    ("o", "ø"),
    ("O", "Ø"),
    ("l", "ł"),
    ("L", "Ł"),
    ("aa", "å"),
    ("AA", "Å"),
    ("i", "ı"),
    ("j", "ȷ"),
    ("th", "þ"),
    ("TH", "Þ"),
    ("dh", "ð"),
    ("DH", "Ð"),
    ("textquoteleft", "‘"),
    ("textquoteright", "’"),
    ("textquotedblleft", "“"),
    ("textquotedblright", "”"),
    ("lq", "‘"),
    ("rq", "’"),
    ("glqq", "„"),
    ("grqq", "“"),
    ("flqq", "«"),
    ("frqq", "»"),
    ("guillemotleft", "«"),
    ("guillemotright", "»"),
    ("og", "«"),
    ("fg", "»"),
    ("LaTeX", "LaTeX"),
    ("LaTeXe", "LaTeX2e"),
    ("TeX", "TeX"),
    ("BibTeX", "BibTeX"),
    ("checkmark", "✓"),
    ("cmark", "✓"),
    ("xmark", "✗"),
];

/// Letters and other signs of mathematics that stand close to their neighbours.
const CLOSE: &[(&str, &str)] = &[
    ("alpha", "α"),
    ("beta", "β"),
    ("gamma", "γ"),
    ("delta", "δ"),
    ("epsilon", "ε"),
    ("varepsilon", "ε"),
    ("zeta", "ζ"),
    ("eta", "η"),
    ("theta", "θ"),
    ("vartheta", "ϑ"),
    ("iota", "ι"),
    ("kappa", "κ"),
    ("lambda", "λ"),
    ("mu", "μ"),
    ("nu", "ν"),
    ("xi", "ξ"),
    ("pi", "π"),
    ("rho", "ρ"),
    ("sigma", "σ"),
    ("varsigma", "ς"),
    ("tau", "τ"),
    ("upsilon", "υ"),
    ("phi", "φ"),
    ("varphi", "φ"),
    ("chi", "χ"),
    ("psi", "ψ"),
    ("omega", "ω"),
    ("Gamma", "Γ"),
    ("Delta", "Δ"),
    ("Theta", "Θ"),
    ("Lambda", "Λ"),
    ("Xi", "Ξ"),
    ("Pi", "Π"),
    ("Sigma", "Σ"),
    ("Upsilon", "Υ"),
    ("Phi", "Φ"),
    ("Psi", "Ψ"),
    ("Omega", "Ω"),
    ("infty", "∞"),
    ("partial", "∂"),
    ("nabla", "∇"),
    ("ell", "ℓ"),
    ("hbar", "ℏ"),
    ("Re", "ℜ"),
    ("Im", "ℑ"),
    ("aleph", "ℵ"),
    ("emptyset", "∅"),
    ("varnothing", "∅"),
    ("forall", "∀"),
    ("exists", "∃"),
    ("neg", "¬"),
    ("lnot", "¬"),
    ("int", "∫"),
    ("iint", "∬"),
    ("oint", "∮"),
    ("sum", "∑"),
    ("prod", "∏"),
    ("cdots", "⋯"),
    ("vdots", "⋮"),
    ("ddots", "⋱"),
    ("circ", "∘"),
    ("prime", "′"),
    ("langle", "⟨"),
    ("rangle", "⟩"),
    ("lfloor", "⌊"),
    ("rfloor", "⌋"),
    ("lceil", "⌈"),
    ("rceil", "⌉"),
    ("vert", "|"),
    ("lvert", "|"),
    ("rvert", "|"),
    ("mid", "|"),
    ("Vert", "‖"),
    ("lVert", "‖"),
    ("rVert", "‖"),
    ("|", "‖"),
    ("lbrace", "{"),
    ("rbrace", "}"),
    ("backslash", "\\"),
    ("bullet", "•"),
    ("star", "⋆"),
    ("ast", "∗"),
    ("dagger", "†"),
    ("ddagger", "‡"),
    ("top", "⊤"),
    ("bot", "⊥"),
    ("angle", "∠"),
    ("square", "□"),
    ("triangle", "△"),
    ("colon", ":"),
    ("!", ""),
    ("/", ""),
    ("-", ""),
];

/// Signs of mathematics with a space on both sides.
const APART: &[(&str, &str)] = &[
    ("leq", "≤"),
    ("le", "≤"),
    ("leqslant", "≤"),
    ("lt", "<"),
    ("gt", ">"),
    ("geq", "≥"),
    ("ge", "≥"),
    ("geqslant", "≥"),
    ("ll", "≪"),
    ("gg", "≫"),
    ("neq", "≠"),
    ("ne", "≠"),
    ("approx", "≈"),
    ("sim", "∼"),
    ("simeq", "≃"),
    ("cong", "≅"),
    ("equiv", "≡"),
    ("doteq", "≐"),
    ("propto", "∝"),
    ("pm", "±"),
    ("mp", "∓"),
    ("times", "×"),
    ("div", "÷"),
    ("cdot", "·"),
    ("oplus", "⊕"),
    ("ominus", "⊖"),
    ("otimes", "⊗"),
    ("odot", "⊙"),
    ("cup", "∪"),
    ("cap", "∩"),
    ("bigcup", "⋃"),
    ("bigcap", "⋂"),
    ("setminus", "∖"),
    ("in", "∈"),
    ("notin", "∉"),
    ("ni", "∋"),
    ("subset", "⊂"),
    ("subseteq", "⊆"),
    ("supset", "⊃"),
    ("supseteq", "⊇"),
    ("land", "∧"),
    ("wedge", "∧"),
    ("lor", "∨"),
    ("vee", "∨"),
    ("to", "→"),
    ("rightarrow", "→"),
    ("longrightarrow", "→"),
    ("xrightarrow", "→"),
    ("leftarrow", "←"),
    ("gets", "←"),
    ("leftrightarrow", "↔"),
    ("Rightarrow", "⇒"),
    ("implies", "⇒"),
    ("Leftarrow", "⇐"),
    ("Leftrightarrow", "⇔"),
    ("iff", "⇔"),
    ("mapsto", "↦"),
    ("uparrow", "↑"),
    ("downarrow", "↓"),
    ("parallel", "∥"),
    ("perp", "⊥"),
    ("vdash", "⊢"),
    ("models", "⊨"),
    ("prec", "≺"),
    ("succ", "≻"),
    ("not", "not"),
    ("over", "/"),
    ("choose", "choose"),
];

/// Functions that are written as words.
const WORDS: &[&str] = &[
    "arccos", "arcsin", "arctan", "arg", "cos", "cosh", "cot", "deg", "det", "dim", "exp", "gcd",
    "hom", "inf", "ker", "lg", "lim", "liminf", "limsup", "ln", "log", "max", "min", "mod", "bmod",
    "Pr", "sin", "sinh", "sup", "tan", "tanh",
];

/// Letters with an accent: the command, the letters without, and the same letters with it.
const ACCENTS: &[(&str, &str, &str)] = &[
    ("'", "aeiouyAEIOUYcnszlrCNSZLRgp", "áéíóúýÁÉÍÓÚÝćńśźĺŕĆŃŚŹĹŔǵṕ"),
    ("`", "aeiouAEIOUn", "àèìòùÀÈÌÒÙǹ"),
    ("^", "aeiouAEIOUcghjswyCGHJSWY", "âêîôûÂÊÎÔÛĉĝĥĵŝŵŷĈĜĤĴŜŴŶ"),
    ("\"", "aeiouyAEIOUY", "äëïöüÿÄËÏÖÜŸ"),
    ("~", "anoiuANOIU", "ãñõĩũÃÑÕĨŨ"),
    ("=", "aeiouAEIOU", "āēīōūĀĒĪŌŪ"),
    (".", "cegzCEGIZ", "ċėġżĊĖĠİŻ"),
    ("c", "csteSTCgkln", "çşţȩŞŢÇģķļņ"),
    ("v", "cdenrstzCDENRSTZagiou", "čďěňřšťžČĎĚŇŘŠŤŽǎǧǐǒǔ"),
    ("u", "agiouAGIOUe", "ăğĭŏŭĂĞĬŎŬĕ"),
    ("H", "ouOU", "őűŐŰ"),
    ("k", "aeiuoAEIU", "ąęįųǫĄĘĮŲ"),
    ("r", "auAU", "åůÅŮ"),
    ("d", "ahnrstdeiou", "ạḥṇṛṣṭḍẹịọụ"),
    ("b", "", ""),
    ("t", "", ""),
];

/// Whether the command `name` sets an accent.
pub(super) fn is_accent(name: &str) -> bool {
    ACCENTS.iter().any(|(mark, ..)| *mark == name)
}

/// `letter` with the accent of the command `name`, or without one where there is no such letter.
pub(super) fn accented(name: &str, letter: char) -> char {
    let letter = match letter {
        'ı' => 'i',
        'ȷ' => 'j',
        letter => letter,
    };
    let found = ACCENTS.iter().find(|(mark, ..)| *mark == name).and_then(|(_, plain, marked)| {
        let (_, with) = plain.chars().zip(marked.chars()).find(|(plain, _)| *plain == letter)?;
        Some(with)
    });
    found.unwrap_or(letter)
}

/// What the command `name` stands for in running text.
pub(super) fn in_text(name: &str) -> Option<&'static str> {
    find(TEXT, name)
}

/// What the command `name` stands for in a formula, and whether apart from its neighbours.
pub(super) fn in_math(name: &str) -> Option<(&'static str, bool)> {
    let word = || WORDS.iter().find(|word| **word == name).map(|word| (*word, true));
    let close = find(CLOSE, name).map(|sign| (sign, false));
    close
        .or_else(|| find(APART, name).map(|sign| (sign, true)))
        .or_else(word)
        .or_else(|| in_text(name).map(|sign| (sign, false)))
}

fn find(table: &[(&str, &'static str)], name: &str) -> Option<&'static str> {
    table.iter().find(|(known, _)| *known == name).map(|(_, sign)| *sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_has_its_accented_one() {
        for (name, plain, marked) in ACCENTS {
            assert_eq!(plain.chars().count(), marked.chars().count(), "{name}");
        }
        assert_eq!(accented("\"", 'u'), 'ü');
        assert_eq!(accented("'", 'ı'), 'í');
        assert_eq!(accented("v", 'S'), 'Š');
        assert_eq!(accented("v", 'x'), 'x');
    }
}
