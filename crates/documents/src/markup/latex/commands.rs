//! Arguments of commands and environments that are no text of the document.

use super::scan::Scan;

/// Commands by how many of their groups are no text; what else they have is.
const SKIPPED: &[(usize, &[&str])] = &[
    (
        1,
        &[
            "label",
            "vspace",
            "hspace",
            "usepackage",
            "RequirePackage",
            "documentclass",
            "PassOptionsToClass",
            "bibliographystyle",
            "pagestyle",
            "thispagestyle",
            "pagenumbering",
            "color",
            "textcolor",
            "colorbox",
            "rowcolor",
            "columncolor",
            "cellcolor",
            "pagecolor",
            "includegraphics",
            "graphicspath",
            "includepdf",
            "epsfig",
            "epsfbox",
            "psfig",
            "hypersetup",
            "newcounter",
            "stepcounter",
            "refstepcounter",
            "usecounter",
            "theoremstyle",
            "geometry",
            "index",
            "glossary",
            "nocite",
            "scalebox",
            "rotatebox",
            "raisebox",
            "parbox",
            "cline",
            "cmidrule",
            "captionsetup",
            "tikzset",
            "usetikzlibrary",
            "lstset",
            "sisetup",
            "phantom",
            "hphantom",
            "vphantom",
            "hypertarget",
            "hyperlink",
            "selectlanguage",
            "foreignlanguage",
            "arabic",
            "roman",
            "Roman",
            "alph",
            "Alph",
            "value",
            "bstctlcite",
            "allowdisplaybreaks",
            "usetheme",
            "usecolortheme",
            "usefonttheme",
            "setbeamertemplate",
            "numberline",
            "newlength",
            "newif",
            "newsavebox",
            "usebox",
            "mspace",
            "linespread",
            "fontfamily",
            "fontseries",
            "fontshape",
            "hyphenation",
            "orcidlink",
            "orcid",
            "setstretch",
            "adjustbox",
        ],
    ),
    (
        2,
        &[
            "setlength",
            "addtolength",
            "settowidth",
            "setcounter",
            "addtocounter",
            "numberwithin",
            "fontsize",
            "rule",
            "resizebox",
            "fcolorbox",
            "PassOptionsToPackage",
            "newcolumntype",
            "counterwithin",
            "setbeamercolor",
            "setbeamerfont",
            "lstdefinestyle",
            "DeclareUnicodeCharacter",
            "declaretheorem",
            "SetKwInOut",
            "titlespacing",
            "pdfbookmark",
        ],
    ),
    (3, &["definecolor", "addcontentsline", "colorlet", "providecolor"]),
];

/// Commands that a length follows.
const LENGTHS: &[&str] = &[
    "vskip",
    "hskip",
    "kern",
    "vglue",
    "hglue",
    "parindent",
    "parskip",
    "baselineskip",
    "hsize",
    "vsize",
    "textwidth",
    "textheight",
    "topmargin",
    "oddsidemargin",
    "evensidemargin",
    "tabcolsep",
    "itemsep",
    "parsep",
    "topsep",
    "leftmargin",
    "rightmargin",
    "columnsep",
    "raise",
    "lower",
    "mskip",
    "mkern",
    "hangindent",
    "itemindent",
    "headheight",
    "headsep",
    "footskip",
    "looseness",
    "hangafter",
    "tolerance",
    "penalty",
    "widowpenalty",
    "clubpenalty",
    "fboxsep",
    "fboxrule",
];

/// Environments with arguments that are no text, by how many.
const ENVIRONMENTS: &[(&str, usize)] = &[
    ("tabular", 1),
    ("tabular*", 2),
    ("tabularx", 2),
    ("tabulary", 2),
    ("tabu", 1),
    ("tblr", 1),
    ("array", 1),
    ("longtable", 1),
    ("longtabu", 1),
    ("supertabular", 1),
    ("xltabular", 2),
    ("minipage", 1),
    ("multicols", 1),
    ("multicols*", 1),
    ("column", 1),
    ("wrapfigure", 2),
    ("wraptable", 2),
    ("subfigure", 1),
    ("subtable", 1),
    ("adjustbox", 1),
    ("adjustwidth", 2),
    ("spacing", 1),
    ("thebibliography", 1),
    ("list", 2),
    ("resizebox", 2),
    ("scope", 0),
    ("otherlanguage", 1),
    ("otherlanguage*", 1),
    ("CJK", 2),
    ("CJK*", 2),
    ("threeparttable", 0),
    ("deluxetable", 1),
    ("deluxetable*", 1),
    ("dinglist", 1),
    ("empheq", 1),
    ("alignat", 1),
    ("alignat*", 1),
    ("turn", 1),
    ("rotate", 1),
];

/// Passes over the arguments of the command `name` that are no text; whether it has such.
pub(super) fn skip(name: &str, scan: &mut Scan<'_>) -> bool {
    if LENGTHS.contains(&name) {
        scan.length();
        return true;
    }
    scan.options();
    let count = SKIPPED.iter().find(|(_, names)| names.contains(&name)).map(|(count, _)| *count);
    for _ in 0..count.unwrap_or(0) {
        parenthesised(name, scan);
        // `\setlength\tabcolsep{3pt}` names its length without braces.
        if matches!(name, "setlength" | "addtolength" | "settowidth") {
            scan.argument();
        } else {
            scan.group();
        }
        scan.options();
    }
    count.is_some()
}

/// Passes over the arguments of the environment `name` that are no text.
pub(super) fn skip_of_environment(name: &str, scan: &mut Scan<'_>) {
    scan.options();
    let count =
        ENVIRONMENTS.iter().find(|(known, _)| *known == name).map_or(0, |(_, count)| *count);
    for _ in 0..count {
        scan.group();
        scan.options();
    }
}

/// `\cmidrule(lr){2-3}` has an argument in parentheses.
fn parenthesised(name: &str, scan: &mut Scan<'_>) {
    if name == "cmidrule" {
        scan.parenthesis();
    }
}
