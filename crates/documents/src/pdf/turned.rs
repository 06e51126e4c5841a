//! Text that runs up or down a page: rotated heads of a table, labels in a margin. Text at other
//! angles (a watermark) is none of the page's.

use pdf_oxide::geometry::Rect;
use pdf_oxide::layout::TextSpan;

use super::columns;
use super::lines::{Line, Run};

/// How text runs on the page as it is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    /// From left to right, on a page that the file turns.
    Across,
    Up,
    Down,
}

/// The lines of what runs up or down, those that hold a word. `run` reads a span's text.
pub(super) fn lines(spans: &[&TextSpan], run: &dyn Fn(&TextSpan) -> Option<Run>) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for course in [Course::Across, Course::Up, Course::Down] {
        let runs = spans.iter().filter(|span| course_of(span) == Some(course));
        let runs = runs.filter_map(|span| Some(along(course, &span.page_bbox(), run(span)?)));
        let found = columns::lines(runs.collect()).into_iter();
        let after = lines.iter().map(|line| line.column + 1).max().unwrap_or(0);
        lines.extend(found.filter(|line| has_word(&line.text)).map(|line| Line {
            turned: true,
            column: line.column + after,
            ..line
        }));
    }
    lines
}

/// `None` for text from left to right, at other angles or mirrored.
fn course_of(span: &TextSpan) -> Option<Course> {
    if span.mirrored || span.rotation_degrees == 0.0 {
        return None;
    }
    // The extractor has turned the span's rectangle with the page, not its angle.
    let degrees = span.rotation_degrees - span.page_rotation_applied as f32;
    match degrees.rem_euclid(360.0).round() as u16 {
        0 | 360 => Some(Course::Across),
        90 => Some(Course::Up),
        270 => Some(Course::Down),
        _ => None,
    }
}

/// A run in the page turned so that it runs from left to right; `area` is where it is drawn.
fn along(course: Course, area: &Rect, run: Run) -> Run {
    let (left, bottom) = (area.x, area.y);
    let (right, top) = (left + area.width, bottom + area.height);
    let (x0, x1, y) = match course {
        Course::Across => (left, right, bottom),
        Course::Up => (bottom, top, -right),
        Course::Down => (-top, -bottom, left),
    };
    Run { x0, x1, y, ..run }
}

/// Numbers alone are those of a scale.
fn has_word(text: &str) -> bool {
    let letters = |word: &str| word.chars().filter(|c| c.is_alphabetic()).count();
    text.split_whitespace().any(|word| letters(word) > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(text: &str, (x, y): (f32, f32), degrees: f32) -> TextSpan {
        let width = text.len() as f32 * 5.0;
        TextSpan {
            text: text.to_owned(),
            bbox: Rect::new(x, y, width, 10.0),
            font_size: 10.0,
            rotation_degrees: degrees,
            ..TextSpan::default()
        }
    }

    fn texts(spans: &[TextSpan]) -> Vec<String> {
        let run = |span: &TextSpan| {
            Some(Run {
                text: span.text.clone(),
                x0: 0.0,
                x1: 0.0,
                y: 0.0,
                size: span.font_size,
                bold: false,
                mono: false,
                place: None,
            })
        };
        let lines = lines(&spans.iter().collect::<Vec<_>>(), &run);
        assert!(lines.iter().all(|line| line.turned));
        lines.into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn words_are_read_along_the_way_they_run() {
        // Two heads of columns that run upwards, the first in two parts; a label that runs down.
        let spans = [
            span("Population", (230.0, 500.0), 90.0),
            span("area", (200.0, 532.0), 90.0),
            span("Total", (200.0, 500.0), 90.0),
            span("Chapter", (590.0, 700.0), -90.0),
            span("two", (590.0, 662.0), -90.0),
            span("across", (50.0, 700.0), 0.0),
        ];
        assert_eq!(texts(&spans), ["Total area", "Population", "Chapter two"]);
    }

    #[test]
    fn watermarks_and_scales_stay_out() {
        let spans = [
            span("DRAFT", (100.0, 100.0), 45.0),
            span("upside down", (100.0, 100.0), 180.0),
            span("2019", (60.0, 100.0), 90.0),
            span("20 %", (60.0, 200.0), 90.0),
            TextSpan { mirrored: true, ..span("mirrored", (60.0, 300.0), 90.0) },
        ];
        assert_eq!(texts(&spans), Vec::<String>::new());
    }

    #[test]
    fn what_a_turned_page_shows_upright_is_read_across() {
        // Drawn upwards on a page turned clockwise by a quarter: the extractor's rectangles.
        let turned = |text: &str, x: f32| {
            let width = text.len() as f32 * 5.0;
            TextSpan {
                bbox: Rect::new(x, 315.0 - width, 10.0, width),
                page_rotation_applied: 90,
                ..span(text, (0.0, 0.0), 90.0)
            }
        };
        let spans = [turned("Map", 100.0), turned("north", 118.0)];
        assert_eq!(course_of(&spans[0]), Some(Course::Across));
        assert_eq!(texts(&spans), ["Map north"]);
    }
}
