//! Words that a period belongs to, by language.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use super::ordinals::opens_sentence;

/// How an abbreviation is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    /// Something always follows it.
    Inside,
    /// It may well end a sentence: it does before a capital.
    Closing,
    /// It stands before a number only, and is a word of its own elsewhere.
    Number,
    /// A quantity, before what is counted.
    Quantity,
}

/// Abbreviations in small letters, without their last period and without spaces. Where
/// languages differ the first counts. Words that end sentences of another language are left out,
/// or taken before numbers only.
const LANGUAGES: [(&str, Use, &str); 30] = [
    ("English", Use::Closing, "etc inc ltd co corp bros a.m"),
    ("English", Use::Number, "no nos fig figs art arts op min max sec mar p c"),
    (
        "English",
        Use::Inside,
        "e.g i.e cf vs viz ca approx resp incl excl esp dr mr mrs ms prof st mt rev hon gen col \
         capt lt sgt sr jr messrs eq eqs secs ch chap vol vols pp ref refs ed eds trans dept univ \
         assn est avg jan feb apr jun jul aug sep sept oct nov dec u.s u.k p.m ph.d ibid al def",
    ),
    ("German", Use::Closing, "usw usf dgl o.ä u.ä u.v.m"),
    ("German", Use::Number, "gegr gest kap lit mind mrz okt dez rd s tab verst"),
    ("German", Use::Quantity, "mio mrd tsd std stk sek"),
    (
        "German",
        Use::Inside,
        "abb abs allg anm aufl bd bde bes betr bspw bzgl bzw d.h dipl dipl.-ing ehem einschl \
         entspr evtl exkl frz geb ggü ggf hl hrsg i.a i.d i.d.r inkl insb jh jhd jhdt lfd nr \
         nrn o.g s.o s.u sog str tel u.a u.u urspr v.a vgl z.b z.t z.zt ziff zit zzgl zzt",
    ),
    ("French", Use::Closing, "j.-c"),
    ("French", Use::Number, "déc env févr janv juil n t"),
    ("French", Use::Inside, "av c.-à-d éd mgr mlle mlles mme mmes p.ex réf ste tél"),
    ("Spanish, Portuguese", Use::Closing, "uu"),
    ("Spanish, Portuguese", Use::Number, "cap caps"),
    (
        "Spanish, Portuguese",
        Use::Inside,
        "aprox avda dra dras dña ej exma exmo excma excmo gral ilma ilmo núm núms \
         p.ej pág págs pag pags profa sra sras sres srs srta tfno",
    ),
    ("Italian", Use::Closing, "ecc"),
    ("Italian", Use::Inside, "artt avv dott egr figg p.es pagg sig sigg spett voll"),
    ("Dutch", Use::Closing, "enz"),
    ("Dutch", Use::Inside, "afb bijv blz d.w.z dhr hfdst i.v.m jl m.b.t mevr n.a.v o.a t.a.v zgn"),
    ("Danish, Norwegian, Swedish", Use::Closing, "m.fl m.m o.l o.s.v osv"),
    ("Danish, Norwegian, Swedish", Use::Number, "kr pkt"),
    ("Danish, Norwegian, Swedish", Use::Inside, "bl.a d.v.s dvs f.eks jf jfr kl s.k t.ex tlf vedr"),
    ("Polish", Use::Closing, "itd itp"),
    ("Polish", Use::Number, "godz ok poz r ust"),
    ("Polish", Use::Inside, "hab im inż kpt ks m.in np płk rys św tj tzn tzw ul zob"),
    ("Czech, Slovak", Use::Closing, "apod atd"),
    ("Czech, Slovak", Use::Number, "č"),
    ("Czech, Slovak", Use::Inside, "judr mudr např nám obr odst písm phdr popř rndr sv tzv"),
    ("Hungarian, Finnish", Use::Closing, "jne stb tms ym yms"),
    ("Hungarian, Finnish", Use::Number, "kb sz u"),
    ("Hungarian, Finnish", Use::Inside, "esim ifj nro özv pl puh ún vö vrt"),
    (
        "Greek, Russian",
        Use::Inside,
        "βλ δρ κ π.χ σελ \
         акад проф рис \
         стр ул",
    ),
];

/// Titles before names, as they are written: in small letters they are words.
const TITLES: [&str; 21] = [
    "Arch", "Arq", "Dl", "Dna", "Doc", "Doç", "Drs", "Fr", "Frl", "Geom", "Hr", "Ing", "Ir", "Lic",
    "MM", "Mag", "Mw", "Rag", "Sn", "Bc", "Dipl",
];

static USES: LazyLock<HashMap<&str, Use>> = LazyLock::new(|| {
    let mut uses = HashMap::new();
    for (_, used, words) in LANGUAGES {
        for word in words.split_whitespace() {
            uses.entry(word).or_insert(used);
        }
    }
    uses
});

static TITLE_SET: LazyLock<HashSet<&str>> = LazyLock::new(|| TITLES.into_iter().collect());

/// Whether the period after `word` belongs to it. `before` is the text before the word and
/// `following` what comes after the period, which does not begin with a small letter.
pub(super) fn is_abbreviation(before: &str, word: &str, following: &str) -> bool {
    let next = following.chars().next();
    let upper = next.is_some_and(char::is_uppercase);
    let spaced = before.is_empty() || before.ends_with(char::is_whitespace);
    if spaced && is_letter(word) && goes_on_spaced(following) {
        return true;
    }
    let lower = word.to_lowercase();
    let used = USES.get(lower.as_str()).copied().or_else(|| {
        // Written with a space: `p. ex.`
        let first = spaced.then(|| before.trim_end().rsplit(char::is_whitespace).next())??;
        let short = first.ends_with('.') && first.len() <= 8 && word.len() <= 6;
        short.then(|| USES.get(format!("{}{lower}", first.to_lowercase()).as_str()).copied())?
    });
    match used {
        Some(Use::Inside) => true,
        Some(Use::Closing) => !upper,
        Some(Use::Number) => next.is_some_and(|c| c.is_ascii_digit()),
        Some(Use::Quantity) => !opens_sentence(following),
        None => TITLE_SET.contains(word) || is_double_initial(word) || is_country(word, following),
    }
}

fn is_letter(word: &str) -> bool {
    let mut chars = word.chars();
    chars.next().is_some_and(char::is_alphabetic) && chars.next().is_none()
}

/// Whether the next letter of an abbreviation follows, as in `z. B.`, or that of `v. Chr.`
fn goes_on_spaced(following: &str) -> bool {
    let mut chars = following.chars();
    let letter = chars.next().is_some_and(char::is_alphabetic) && chars.next() == Some('.');
    letter || following.starts_with("Chr.")
}

/// Whether a word is like `J.-P`.
fn is_double_initial(word: &str) -> bool {
    let initial = |part: &str| is_letter(part) && part.chars().all(char::is_uppercase);
    word.contains('-') && word.split(['-', '.']).filter(|part| !part.is_empty()).all(initial)
}

/// The first half of `EE. UU.`
fn is_country(word: &str, following: &str) -> bool {
    word == "EE" && following.starts_with("UU")
}
