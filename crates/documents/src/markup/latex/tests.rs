//! LaTeX files, whole and in parts.

use super::*;
use crate::document::BlockKind;

fn document(source: &str) -> Document {
    read(source, Builder::new("text/x-tex"))
}

fn text(source: &str) -> String {
    document(source).text
}

#[test]
fn words_stay_and_commands_go() {
    let source = r"\documentclass[11pt]{article}
\usepackage{hyperref}
\newcommand{\dish}{Stew\xspace}
\newcommand{\hot}[1]{very \emph{#1}}
\title{Salt and\\ Pepper\thanks{Paid by no one.}}
\author{Ann \and Bob}
\begin{document}
\maketitle
\begin{abstract}
We cook. % not this
\end{abstract}
\section{Start}\label{sec:start}
The \dish{} of Section~\ref{sec:start} is \hot{warm}, \textcolor{red}{red}
and 5\% ``good''\footnote{So they say.} --- see \citep[p.~3]{ann20,bob21}.

\noindent\textbf{Next} $x_{ij} \leq 2$.\vspace{2mm}
\end{document}
gone";
    let document = document(source);
    assert_eq!(
        document.text,
        "Salt and Pepper\n\nPaid by no one.\n\nAnn\nBob\n\nAbstract\n\nWe cook.\n\nStart\n\n\
         The Stew of Section [sec:start] is very warm, red and 5% “good”[1] — see [ann20, bob21, p. 3].\n\n\
         [1] So they say.\n\nNext x_ij ≤ 2."
    );
    let headings: Vec<_> = document.headings.iter().map(|h| (h.level, h.title.as_str())).collect();
    assert_eq!(headings, [(1, "Salt and Pepper"), (2, "Abstract"), (2, "Start")]);
    assert_eq!(document.title.as_deref(), Some("Salt and Pepper"));
}

#[test]
fn tables_are_rows_of_cells() {
    let source = r"\begin{table}[h]\centering
\begin{tabular}{|l|c|r|}
\hline
Dish & \multicolumn{2}{c}{Price} \\ \cmidrule(lr){2-3}
\multirow{2}{*}{\textbf{Stew}} & 5 \& 6 & \\[2pt]
& 7 & $8^2$ \\
\bottomrule
\end{tabular}
\caption{What it costs}\label{tab:a}
\end{table}";
    let document = document(source);
    assert_eq!(
        document.text,
        "| Dish | Price |  |\n| Stew | 5 & 6 |  |\n|  | 7 | 8^2 |\n\nWhat it costs"
    );
    let rows = document.blocks.iter().filter(|block| block.kind == BlockKind::TableRow).count();
    assert_eq!(rows, 3);
}

#[test]
fn lists_code_and_formulas_keep_their_form() {
    let source = r"Do:
\begin{enumerate}
\item one
\item two
\begin{itemize}
\item[a)] deep
\end{itemize}
\end{enumerate}
\begin{verbatim}
  x = {\a} % all
\end{verbatim}
so
\begin{align}
a &= b \label{eq:a} \\
c &= \frac{1}{2}
\end{align}
end \verb|\x{}| and \(y\) \[z\]";
    assert_eq!(
        text(source),
        "Do:\n\n1. one\n2. two\n  - a) deep\n\n  x = {\\a} % all\n\nso\n\na = b\nc = 1/2\n\n\
         end \\x{} and y\n\nz"
    );
}

#[test]
fn accents_are_part_of_their_letters() {
    assert_eq!(
        text(r#"Caf\'e M\"{u}ller \v{S}koda Stra\ss e {\L}ukasz na\"{\i}ve \c c \~{} \o re"#),
        "Café Müller Škoda Straße Łukasz naïve ç ~ øre"
    );
    assert_eq!(text(r"\LaTeX is \TeX{} \& more\ldots"), "LaTeX is TeX & more…");
}

#[test]
fn works_and_theorems_are_named() {
    let source = r"\newtheorem{thm}{Theorem}[section]
\newcommand{\be}{\begin{equation}}\newcommand{\ee}{\end{equation}}
\begin{thm}[Ann] All is well. \end{thm}
\be a \le b \ee
\begin{thebibliography}{99}
\bibitem[A(20)]{ann20} Ann. \newblock \emph{Salt}.
\bibitem{bob} Bob.
\end{thebibliography}";
    assert_eq!(
        text(source),
        "Theorem (Ann). All is well.\n\na ≤ b\n\nReferences\n\n[ann20] Ann. Salt.\n[bob] Bob."
    );
}

#[test]
fn what_is_elsewhere_is_told() {
    let document = document(r"\input{parts/one} Here \includegraphics[width=1cm]{a.png}.");
    assert_eq!(document.text, "Here .");
    assert!(document.notes.iter().any(|note| note.contains("'parts/one'")), "{:?}", document.notes);
    // A file of definitions is read as it stands.
    assert_eq!(text(r"\newcommand{\a}{Stew}"), r"\newcommand{\a}{Stew}");
}

#[test]
fn notes_in_notes_and_examples_of_documents_are_kept() {
    assert_eq!(text(r"a\footnote{b\footnote{c}} d"), "a[1] d\n\n[1] b[2]\n\n[2] c");
    let source = r"\begin{document}One.
\begin{verbatim}
\begin{document}x\end{document}
\end{verbatim}
\setlength\tabcolsep{3pt}\iffalse gone\fill \fi Two.
\end{document}
gone";
    assert_eq!(text(source), "One.\n\n\\begin{document}x\\end{document}\n\nTwo.");
}

#[test]
fn the_text_begins_where_it_does() {
    let part = "%\\begin{document}\nOne \\emph{two}.\n%\\end{document}\nThree.";
    assert_eq!(text(part), "One two. Three.");
    assert_eq!(text(r"\title{A}\newcommand{\x}{\begin{document}}B"), "A\n\nB");
}

#[test]
fn what_has_no_end_ends() {
    let _ = text(&format!(r"\vskip {}", "1pt plus ".repeat(200_000)));
    let endless = [
        r"\def\x{a\x\x}\x",
        r"\def\x{\footnote{\x}\par}\x",
        r"\def\x{\cite[\x]{a}}\x",
        r"\begin{tabular}{l} a & b",
        r"\begin{align} a",
        r"$ a \section{b",
        "\\",
        r"\verb",
    ];
    for source in endless {
        let _ = text(source);
    }
    let _ = text(&r"{\section{".repeat(2_000));
    assert_eq!(text(r"\begin{tabular}{l} a & b"), "| a | b |");
}
