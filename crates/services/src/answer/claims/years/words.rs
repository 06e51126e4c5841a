//! The words by which years are told: each list in several languages, all in lower case.

/// Words before a year from which on something is so, and until which.
pub(super) const SINCE: [&str; 16] = [
    "since",
    "after",
    "from",
    "of",
    "starting",
    "effective",
    "ab",
    "seit",
    "nach",
    "depuis",
    "après",
    "desde",
    "después",
    "dal",
    "dopo",
    "sinds",
];
pub(super) const UNTIL: [&str; 12] = [
    "until", "till", "before", "by", "through", "bis", "vor", "jusqu", "avant", "hasta", "fino",
    "até",
];
/// Words behind a year that say the same as [`SINCE`].
pub(super) const ONWARDS: [&str; 9] =
    ["on", "onward", "onwards", "later", "present", "today", "now", "heute", "aujourd"];
/// Words between two years that make them a span, and words before them that make "and" one.
pub(super) const TO: [&str; 12] =
    ["to", "until", "till", "through", "bis", "à", "au", "al", "a", "hasta", "até", "tot"];
pub(super) const AND: [&str; 6] = ["and", "und", "et", "y", "e", "en"];
pub(super) const BETWEEN: [&str; 6] = ["between", "zwischen", "entre", "tra", "tussen", "fra"];
/// Words before a year that another one is compared with, and those that stand right before it.
pub(super) const COMPARED: [&str; 10] = [
    "than",
    "compared",
    "against",
    "versus",
    "vs",
    "gegenüber",
    "als",
    "contre",
    "frente",
    "rispetto",
];
pub(super) const COMPARED_NEAR: [&str; 3] = ["from", "on", "over"];
/// Words before a time.
pub(super) const IN: [&str; 22] = [
    "in", "of", "for", "during", "year", "fiscal", "im", "jahr", "jahre", "jahres", "für", "en",
    "de", "année", "año", "nel", "anno", "em", "ano", "jaar", "van", "del",
];
/// How words begin of what goes on from the year that it is told of.
pub(super) const LASTING: [&str; 54] = [
    "becam",
    "becom",
    "appoint",
    "elect",
    "introduc",
    "join",
    "took",
    "adopt",
    "open",
    "found",
    "establish",
    "move",
    "renam",
    "launch",
    "start",
    "began",
    "begin",
    "forc",
    "valid",
    "born",
    "built",
    "create",
    "gilt",
    "gegründet",
    "eröffnet",
    "gebaut",
    "geboren",
    "fond",
    "succeed",
    "merg",
    "nominat",
    "inaugur",
    "construct",
    "relocat",
    "abolish",
    "ratif",
    "amend",
    "sworn",
    "birth",
    "gewählt",
    "ernannt",
    "eingeführt",
    "kraft",
    "gültig",
    "übernahm",
    "geburt",
    "élu",
    "nommé",
    "devenu",
    "construi",
    "fundad",
    "elegid",
    "nombrad",
    "nacid",
];
/// How words for a century begin.
pub(super) const CENTURIES: [&str; 9] =
    ["centur", "jahrhundert", "siècle", "siecle", "siglo", "secol", "século", "eeuw", "век"];
/// How words for months begin, and what else stands between the parts of a date.
pub(super) const MONTHS: [&str; 36] = [
    "jan", "jän", "ene", "gen", "feb", "fév", "mär", "mar", "maa", "apr", "avr", "abr", "mai",
    "may", "mag", "mei", "jun", "jui", "giu", "jul", "lug", "aug", "aoû", "ago", "sep", "set",
    "okt", "oct", "out", "ott", "nov", "dez", "dec", "déc", "dic", "des",
];
pub(super) const IN_DATE: [&str; 7] = ["of", "de", "st", "nd", "rd", "th", "er"];
pub(super) const ARTICLES: [&str; 6] = ["the", "dem", "den", "le", "el", "il"];
/// How words for laws begin or end: their year is none of what they say.
pub(super) const LAWS: [&str; 14] = [
    "ordinance",
    "regulation",
    "directive",
    "statute",
    "decree",
    "law",
    "gesetz",
    "verordnung",
    "satzung",
    "richtlinie",
    "loi",
    "décret",
    "decreto",
    "legge",
];
/// Words behind a year that it does not count: "of 2019 was", but "of 1950 bicycles".
pub(super) const BEHIND: [&str; 48] = [
    "was", "were", "is", "are", "be", "had", "has", "have", "did", "and", "or", "but", "to",
    "than", "the", "a", "an", "it", "we", "in", "on", "at", "of", "by", "with", "for", "from",
    "as", "when", "while", "compared", "war", "waren", "ist", "sind", "wurde", "wurden", "hatte",
    "und", "auf", "bei", "der", "die", "das", "était", "est", "et", "fue",
];
/// Words for decades, from the twenties on.
pub(super) const DECADES: [[&str; 2]; 8] = [
    ["twenties", "zwanziger"],
    ["thirties", "dreißiger"],
    ["forties", "vierziger"],
    ["fifties", "fünfziger"],
    ["sixties", "sechziger"],
    ["seventies", "siebziger"],
    ["eighties", "achtziger"],
    ["nineties", "neunziger"],
];
/// Words before the two digits of a decade: "les années 70".
pub(super) const YEARS_OF: [&str; 5] = ["années", "años", "anni", "anos", "jaren"];
/// Words before the two digits of a year.
pub(super) const FISCAL: [&str; 5] = ["fy", "cy", "gj", "fiscal", "sy"];
/// Words for more than one year, behind how many.
pub(super) const COUNTED: [&str; 7] = ["years", "jahre", "jahren", "ans", "años", "anni", "anos"];
/// How the year before and the one behind another are told of.
pub(super) const PREVIOUS: [&str; 23] = [
    "last year",
    "previous year",
    "prior year",
    "preceding year",
    "year before",
    "year earlier",
    "year ago",
    "previous fiscal year",
    "previous financial year",
    "prior fiscal year",
    "prior financial year",
    "preceding fiscal year",
    "preceding financial year",
    "last fiscal year",
    "previous period",
    "prior period",
    "letzten jahr",
    "année précédente",
    "exercice précédent",
    "año anterior",
    "anno precedente",
    "ano anterior",
    "vorig jaar",
];
pub(super) const PREVIOUS_GERMAN: &str = "vorjahr";
pub(super) const NEXT: [&str; 11] = [
    "next year",
    "following year",
    "subsequent year",
    "year later",
    "year after",
    "folgejahr",
    "année suivante",
    "año siguiente",
    "anno successivo",
    "ano seguinte",
    "volgend jaar",
];
/// What is counted or measured: before it a number is no year.
pub(super) const UNITS: [&str; 46] = [
    "euro",
    "euros",
    "eur",
    "dollar",
    "dollars",
    "usd",
    "pounds",
    "chf",
    "francs",
    "people",
    "persons",
    "employees",
    "students",
    "members",
    "inhabitants",
    "households",
    "units",
    "times",
    "hours",
    "days",
    "pages",
    "words",
    "points",
    "copies",
    "kg",
    "kilograms",
    "tons",
    "tonnes",
    "km",
    "kilometers",
    "kilometres",
    "meters",
    "metres",
    "m",
    "miles",
    "feet",
    "mm",
    "bytes",
    "bits",
    "pixels",
    "mb",
    "gb",
    "rpm",
    "watts",
    "personen",
    "mitarbeiter",
];
