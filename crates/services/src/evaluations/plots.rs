//! Plots as SVG, drawn by ourselves: bars with intervals, bars of times, lines over runs.
//! Colours come from the classes `c0` to `c7` of the page, so that they fit light and dark.

use std::fmt::Write as _;

/// Colours there are; more configurations share them.
const COLOURS: usize = 8;
const HEIGHT: f64 = 220.0;
const TOP: f64 = 12.0;
const LEFT: f64 = 44.0;
const BAR: f64 = 16.0;
const GAP: f64 = 28.0;

/// A value with its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Mark {
    pub(super) value: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

/// Bars that belong together, one for each configuration in order.
#[derive(Clone, Debug)]
pub(super) struct Group<'a> {
    pub(super) label: &'a str,
    pub(super) bars: Vec<Option<Mark>>,
}

/// `text` with the signs that mean something in HTML replaced.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // What no document may hold, and what turns the order of text around.
            '\u{0}'..='\u{8}'
            | '\u{b}'..='\u{1f}'
            | '\u{7f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => safe.push('\u{fffd}'),
            other => safe.push(other),
        }
    }
    safe
}

/// The class of a configuration's colour.
pub(super) fn colour(number: usize) -> String {
    format!("c{}", number % COLOURS)
}

/// Bars from 0 to 1 with their intervals, side by side in groups.
pub(super) fn grouped_bars(about: &str, groups: &[Group<'_>], names: &[String]) -> String {
    let inner = number(names.len()) * BAR;
    let step = (inner + GAP).max(96.0);
    let width = LEFT + number(groups.len()) * step + GAP;
    let mut svg = open(about, width, HEIGHT + TOP + 34.0);
    svg.push_str(&grid(width));
    for (at, group) in groups.iter().enumerate() {
        let middle = LEFT + (number(at) + 0.5) * step;
        let start = middle - inner / 2.0;
        for (place, (mark, name)) in group.bars.iter().zip(names).enumerate() {
            let Some(mark) = mark else { continue };
            let x = start + number(place) * BAR;
            let _ = write!(
                svg,
                "<g class=\"{}\"><title>{}, {}: {:.3} [{:.3}, {:.3}]</title>\
                 <rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"/></g>{}",
                colour(place),
                escape(name),
                escape(group.label),
                mark.value,
                mark.low,
                mark.high,
                x + 1.0,
                y(mark.value),
                BAR - 2.0,
                TOP + HEIGHT - y(mark.value),
                whisker(x + BAR / 2.0, *mark),
            );
        }
        let _ = write!(
            svg,
            "<text x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            TOP + HEIGHT + 18.0,
            escape(group.label)
        );
    }
    svg.push_str("</svg>");
    svg
}

/// For each name two bars in milliseconds: below the first half of the values lie, below the
/// second 99 %.
pub(super) fn time_bars(about: &str, rows: &[(String, f64, f64)]) -> String {
    let longest = rows.iter().map(|row| row.2.max(row.1)).fold(0.001, f64::max);
    let (left, scale) = (190.0, 420.0 / longest);
    let mut svg = open(about, left + 540.0, number(rows.len()) * 44.0 + 8.0);
    for (at, (name, p50, p99)) in rows.iter().enumerate() {
        let top = number(at) * 44.0 + 6.0;
        let _ = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            left - 8.0,
            top + 20.0,
            escape(&shortened(name))
        );
        for (line, (label, value)) in [("p50", p50), ("p99", p99)].into_iter().enumerate() {
            let y = top + number(line) * 16.0;
            let _ = write!(
                svg,
                "<g class=\"{} {}\"><rect x=\"{left:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"13\"/></g>\
                 <text x=\"{:.1}\" y=\"{:.1}\">{label} {} ms</text>",
                colour(at),
                if line == 0 { "strong" } else { "weak" },
                (value * scale).max(1.0),
                left + value * scale + 6.0,
                y + 11.0,
                millis(*value),
            );
        }
    }
    svg.push_str("</svg>");
    svg
}

/// Values from 0 to 1 over runs: a line with intervals for each series. `labels` are the runs.
pub(super) fn lines(
    about: &str,
    labels: &[String],
    series: &[(String, Vec<Option<Mark>>)],
) -> String {
    let step = 74.0;
    let width = LEFT + number(labels.len()) * step + GAP;
    let mut svg = open(about, width, HEIGHT + TOP + 34.0);
    svg.push_str(&grid(width));
    let x = |at: usize| LEFT + (number(at) + 0.5) * step;
    for (place, (name, marks)) in series.iter().enumerate() {
        let points: Vec<String> = marks
            .iter()
            .enumerate()
            .filter_map(|(at, mark)| Some(format!("{:.1},{:.1}", x(at), y((*mark)?.value))))
            .collect();
        let _ = write!(
            svg,
            "<g class=\"{}\"><polyline points=\"{}\"/>",
            colour(place),
            points.join(" ")
        );
        for (at, mark) in marks.iter().enumerate() {
            let Some(mark) = mark else { continue };
            let label = labels.get(at).map_or("", String::as_str);
            let _ = write!(
                svg,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"4\"><title>{}, {}: {:.3}</title></circle>{}",
                x(at),
                y(mark.value),
                escape(name),
                escape(label),
                mark.value,
                whisker(x(at), *mark),
            );
        }
        svg.push_str("</g>");
    }
    for (at, label) in labels.iter().enumerate() {
        let _ = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" class=\"small\">{}</text>",
            x(at),
            TOP + HEIGHT + 18.0,
            escape(label)
        );
    }
    svg.push_str("</svg>");
    svg
}

/// Milliseconds, or seconds of them, with as many digits as say something.
fn millis(value: f64) -> String {
    if value < 10.0 { format!("{value:.2}") } else { format!("{value:.0}") }
}

fn shortened(name: &str) -> String {
    match name.char_indices().nth(24) {
        Some((end, _)) => format!("{}…", name.get(..end).unwrap_or(name)),
        None => name.to_owned(),
    }
}

fn open(about: &str, width: f64, height: f64) -> String {
    format!(
        "<svg role=\"img\" aria-label=\"{}\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         width=\"{width:.0}\" height=\"{height:.0}\">",
        escape(about)
    )
}

/// Lines at every fifth of the height, with their values.
fn grid(width: f64) -> String {
    let mut svg = String::new();
    for fifth in 0..=5_u8 {
        let value = f64::from(fifth) / 5.0;
        let height = y(value);
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{height:.1}\" y2=\"{height:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{value:.1}</text>",
            width - 4.0,
            LEFT - 8.0,
            height + 4.0
        );
    }
    svg
}

fn whisker(x: f64, mark: Mark) -> String {
    let (high, low) = (y(mark.high), y(mark.low));
    format!(
        "<path class=\"whisker\" d=\"M{x:.1} {high:.1}V{low:.1}M{:.1} {high:.1}h6M{:.1} {low:.1}h6\"/>",
        x - 3.0,
        x - 3.0
    )
}

/// The height of a value between 0 and 1.
fn y(value: f64) -> f64 {
    TOP + HEIGHT * (1.0 - value.clamp(0.0, 1.0))
}

#[expect(clippy::cast_precision_loss, reason = "a few bars")]
fn number(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_out_of_a_plot() {
        let evil = "<script>alert('x')</script>\"&\u{202e}".to_owned();
        let mark = Some(Mark { value: 0.5, low: 0.4, high: 0.6 });
        let group = Group { label: "<b>", bars: vec![mark, None] };
        let names = [evil.clone(), "b".to_owned()];
        for svg in [
            grouped_bars(&evil, &[group], &names),
            time_bars(&evil, &[(evil.clone(), 1.0, 2.0)]),
            lines(&evil, std::slice::from_ref(&evil), &[(evil.clone(), vec![mark])]),
        ] {
            assert!(!svg.contains("<script") && !svg.contains("<b>"), "{svg}");
            assert!(!svg.contains('\u{202e}'));
            assert!(svg.starts_with("<svg") && svg.ends_with("</svg>"));
        }
    }

    #[test]
    fn bars_stand_as_high_as_their_values() {
        let mark = Some(Mark { value: 0.5, low: 0.25, high: 1.0 });
        let group = Group { label: "MRR", bars: vec![mark] };
        let svg = grouped_bars("a plot", &[group], &["x".to_owned()]);
        assert!(svg.contains("y=\"122.0\" width=\"14.0\" height=\"110.0\""), "{svg}");
        assert!(svg.contains("12.0V177.0"), "{svg}");
        assert_eq!((y(0.0), y(1.0), y(7.0)), (TOP + HEIGHT, TOP, TOP));
    }
}
