//! Parsing in children: this program is its own child, so it has no test harness.
#![expect(clippy::print_stdout, reason = "a test program reports to its terminal")]

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::ExitCode;
use std::time::Duration;

use cairn_documents::{LineBox, OcrModels, Parser, Readings, Turn};
use cairn_isolate::{CHILD_ARGUMENT, Isolate};
use cairn_kernel::Kind;

type Case = (&'static str, fn() -> Pin<Box<dyn Future<Output = Result<(), String>>>>);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.get(1).map(String::as_str) == Some(CHILD_ARGUMENT) {
        let ended = cairn_documents::child_main(arguments.get(3..).unwrap_or_default());
        return if ended.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let cases: [Case; 9] = [
        ("a_file_comes_back_as_a_document", || Box::pin(a_file_comes_back_as_a_document())),
        ("a_damaged_file_is_refused_with_its_reason", || {
            Box::pin(a_damaged_file_is_refused_with_its_reason())
        }),
        ("a_file_that_needs_too_much_memory_harms_no_other", || {
            Box::pin(a_file_that_needs_too_much_memory_harms_no_other())
        }),
        ("a_file_is_read_from_its_place_within_its_bounds", || {
            Box::pin(a_file_is_read_from_its_place_within_its_bounds())
        }),
        ("a_file_past_its_deadline_is_given_up", || {
            Box::pin(a_file_past_its_deadline_is_given_up())
        }),
        ("a_scan_is_read_where_the_models_are", || Box::pin(a_scan_is_read_where_the_models_are())),
        ("a_stamp_on_a_scan_hides_none_of_it", || Box::pin(a_stamp_on_a_scan_hides_none_of_it())),
        ("scans_are_read_in_turns", || Box::pin(scans_are_read_in_turns())),
        ("mutated_files_never_end_the_parser", || Box::pin(mutated_files_never_end_the_parser())),
    ];
    let wanted = arguments.iter().skip(1).find(|argument| !argument.starts_with('-'));
    let Ok(runtime) = tokio::runtime::Builder::new_multi_thread().enable_all().build() else {
        return ExitCode::FAILURE;
    };
    let (mut passed, mut failed, mut filtered) = (0, 0, 0);
    for (name, case) in cases {
        if wanted.is_some_and(|wanted| !name.contains(wanted.as_str())) {
            filtered += 1;
            continue;
        }
        match runtime.block_on(case()) {
            Ok(()) => {
                passed += 1;
                println!("test {name} ... ok");
            }
            Err(reason) => {
                failed += 1;
                println!("test {name} ... FAILED: {reason}");
            }
        }
    }
    let outcome = if failed == 0 { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {outcome}. {passed} passed; {failed} failed; 0 ignored; 0 measured; {filtered} filtered out"
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn parser(megabytes: u64, deadline: Duration) -> Result<Parser, String> {
    let isolate = Isolate::current().map_err(|error| error.detail())?;
    Ok(Parser::new(isolate, megabytes << 20, deadline, 2))
}

fn check(holds: bool, what: impl Into<String>) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what.into()) }
}

const PAGE: &str = "# Head\n\nSome text with ümlauts.\n\n- one\n- two\n";

async fn a_file_comes_back_as_a_document() -> Result<(), String> {
    let parser = parser(1024, Duration::from_secs(30))?;
    let apart = parser.parse("a.md", PAGE.as_bytes()).await.map_err(|error| error.detail())?;
    let here = cairn_documents::parse("a.md", PAGE.as_bytes()).map_err(|error| error.detail())?;
    check(apart == here && apart.headings.len() == 1, format!("{apart:?}"))
}

async fn a_damaged_file_is_refused_with_its_reason() -> Result<(), String> {
    let parser = parser(1024, Duration::from_secs(30))?;
    let Err(error) = parser.parse("cut.docx", b"PK\x03\x04\x14\0 cut").await else {
        return Err("it was read".into());
    };
    check(
        error.kind() == Kind::Unprocessable
            && error.code() == Some("invalid_file")
            && error.message().contains("cut.docx"),
        error.detail(),
    )?;
    let Err(error) = parser.parse("x.png", b"\x89PNG\r\n\x1a\n").await else {
        return Err("it was read".into());
    };
    check(error.kind() == Kind::Unsupported && error.message().contains("PNG"), error.detail())
}

async fn a_file_that_needs_too_much_memory_harms_no_other() -> Result<(), String> {
    let parser = parser(256, Duration::from_secs(60))?;
    parser.parse("a.md", PAGE.as_bytes()).await.map_err(|error| error.detail())?;
    let bomb = "<p>".repeat(30_000_000);
    let fine = async {
        for _ in 0..20 {
            parser.parse("a.md", PAGE.as_bytes()).await.map_err(|error| error.detail())?;
        }
        Ok::<(), String>(())
    };
    let (bombed, fine) = tokio::join!(parser.parse("bomb.html", bomb.as_bytes()), fine);
    fine?;
    let Err(error) = bombed else { return Err("the bomb was read".into()) };
    check(
        error.kind() == Kind::Unprocessable && error.message().contains("256 MB"),
        error.detail(),
    )?;
    parser.parse("a.md", PAGE.as_bytes()).await.map_err(|error| error.detail())?;
    Ok(())
}

async fn a_file_is_read_from_its_place_within_its_bounds() -> Result<(), String> {
    let folder = std::env::temp_dir().join(format!("cairn-documents-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let outcome = read_from(&folder).await;
    let _ = std::fs::remove_dir_all(&folder);
    outcome
}

async fn read_from(folder: &Path) -> Result<(), String> {
    let put = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, bytes).map(|()| path).map_err(|error| error.to_string())
    };
    let parser = parser(1024, Duration::from_secs(30))?.with_text_of(1 << 20);
    // More than one piece on its way, and a little more or less text than is wanted.
    let line = "A line of a log that goes on.\n";
    let fits = line.repeat((1 << 20) / line.len());
    let path = put("fits.log", fits.as_bytes())?;
    let document = parser.parse_file("fits.log", &path).await.map_err(|error| error.detail())?;
    check(document.text == fits.trim_end(), format!("{} bytes of text", document.text.len()))?;
    let data: Vec<String> = (0..50_000).map(|row| format!("{row};a cell of it")).collect();
    for (name, text) in [("long.log", line.repeat(40_000)), ("long.csv", data.join("\n"))] {
        let Err(error) = parser.parse_file(name, &put(name, text.as_bytes())?).await else {
            return Err(format!("{name} was read"));
        };
        let told =
            ["1 MB", "limits.text_bytes", name].iter().all(|word| error.message().contains(word));
        check(error.code() == Some("invalid_file") && told, error.detail())?;
    }
    // Nothing is sent of what leaves no memory to read it.
    let small = self::parser(4, Duration::from_secs(30))?;
    let large = put("large.txt", &vec![b'a'; (2 << 20) + 1])?;
    let Err(error) = small.parse_file("large.txt", &large).await else {
        return Err("large.txt was read".into());
    };
    check(error.message().contains("limits.parse_memory_bytes"), error.detail())?;
    let Err(error) = parser.parse_file("gone.txt", &folder.join("gone.txt")).await else {
        return Err("gone.txt was read".into());
    };
    check(error.kind() == Kind::NotFound, error.detail())
}

async fn a_file_past_its_deadline_is_given_up() -> Result<(), String> {
    let parser = parser(2048, Duration::from_millis(400))?;
    let slow = "<p>word</p>".repeat(2_000_000);
    let Err(error) = parser.parse("slow.html", slow.as_bytes()).await else {
        return Err("it was read in time".into());
    };
    check(
        error.kind() == Kind::Unprocessable && error.message().contains("0.4 s"),
        error.detail(),
    )?;
    parser.parse("a.md", PAGE.as_bytes()).await.map_err(|error| error.detail())?;
    Ok(())
}

/// The OCR models, where `cairn models pull` puts them; `None` when they were not pulled.
fn ocr_models() -> Option<OcrModels> {
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/cairn/models"));
    let folder = std::env::var_os("CAIRN_MODELS_DIR").map(PathBuf::from).or_else(home)?;
    let models = OcrModels {
        detection: folder.join("ppocrv6_det.onnx"),
        recognition: folder.join("ppocrv6_rec.onnx"),
        direction: Some(folder.join("ppocr_cls.onnx")),
    };
    (models.detection.is_file() && models.recognition.is_file()).then_some(models)
}

async fn a_scan_is_read_where_the_models_are() -> Result<(), String> {
    let picture = include_bytes!("scan.png");
    let page = include_bytes!("scan.pdf");
    let without = parser(1024, Duration::from_secs(30))?;
    let Err(error) = without.parse("scan.pdf", page).await else {
        return Err("a scan was read without models".into());
    };
    check(error.message().contains("cairn models pull"), error.detail())?;
    let Some(models) = ocr_models() else {
        println!("(the OCR models are not installed: only the refusal was tested)");
        return Ok(());
    };
    let parser = parser(2048, Duration::from_secs(60))?.with_ocr(models, Duration::from_secs(120));
    for (name, bytes) in [("scan.png", picture.as_slice()), ("scan.pdf", page)] {
        let document = parser.parse(name, bytes).await.map_err(|error| error.detail())?;
        for words in ["Invoice 4711", "| Brass screws | 3.20 |", "Payable within thirty days"] {
            check(document.text.contains(words), format!("{name}: {}", document.text))?;
        }
        check(document.pages.len() == 1 && document.notes.len() == 1, format!("{document:?}"))?;
        let title = document.boxes.first().map(LineBox::fractions).unwrap_or_default();
        let [left, top, right, bottom] = title;
        let near = (left - 0.06).abs() < 0.04 && (right - 0.4).abs() < 0.04;
        check(near && top > 0.03 && bottom < 0.35 && top < bottom, format!("{name}: {title:?}"))?;
    }
    Ok(())
}

async fn a_stamp_on_a_scan_hides_none_of_it() -> Result<(), String> {
    let Some(models) = ocr_models() else {
        println!("(the OCR models are not installed: not tested)");
        return Ok(());
    };
    let parser = parser(2048, Duration::from_secs(60))?.with_ocr(models, Duration::from_secs(120));
    let scan = include_bytes!("scan.pdf");
    let file = stamped(scan, &["EXHIBIT 0042"]).ok_or("scan.pdf has no picture")?;
    let document = parser.parse("stamped.pdf", &file).await.map_err(|error| error.detail())?;
    let text = document.text.as_str();
    for words in ["EXHIBIT 0042", "Invoice 4711", "Brass screws", "Payable within thirty days"] {
        check(text.matches(words).count() == 1, format!("'{words}' in {text}"))?;
    }
    check(document.notes.iter().any(|note| note.contains("OCR")), format!("{document:?}"))
}

async fn scans_are_read_in_turns() -> Result<(), String> {
    let Some(models) = ocr_models() else {
        println!("(the OCR models are not installed: not tested)");
        return Ok(());
    };
    let parser = parser(2048, Duration::from_secs(60))?.with_ocr(models, Duration::from_secs(120));
    let file =
        stamped(include_bytes!("scan.pdf"), &["EXHIBIT 0001", "EXHIBIT 0002", "EXHIBIT 0003"])
            .ok_or("scan.pdf has no picture")?;
    let whole = parser.parse("three.pdf", &file).await.map_err(|error| error.detail())?;
    check(whole.text.matches("Brass screws").count() == 3, format!("{whole:?}"))?;
    let parser = parser.with_turns_of(1);
    let (mut read, mut turns) = (Readings::default(), 1);
    let document = loop {
        match parser.turn("three.pdf", &file, &read).await.map_err(|error| error.detail())? {
            Turn::Whole(document) => break document,
            Turn::Partly(more) => {
                check(more.len() == 1, format!("{} pictures in a turn", more.len()))?;
                // As they are kept between turns.
                let kept = serde_json::to_string(&more).map_err(|error| error.to_string())?;
                read.extend(serde_json::from_str(&kept).map_err(|error| error.to_string())?);
                turns += 1;
            }
        }
    };
    check(turns == 3 && read.len() == 2, format!("{turns} turns, {} read before", read.len()))?;
    check(*document == whole, format!("{document:?}\nin turns, and at once\n{whole:?}"))
}

/// A PDF whose pages are the picture of `scan.pdf`, each with a line of text over its lower edge.
fn stamped(scan: &[u8], stamps: &[&str]) -> Option<Vec<u8>> {
    let find = |words: &[u8], from: usize| {
        let found = scan.get(from..)?.windows(words.len()).position(|part| part == words)?;
        Some(from + found)
    };
    let start = find(b"<<\n/Type /XObject", 0)?;
    let picture = scan.get(start..find(b"endobj", start)?)?;
    let pages: Vec<String> = (0..stamps.len()).map(|at| format!("{} 0 R", 5 + 2 * at)).collect();
    let (kids, count) = (pages.join(" "), pages.len());
    let mut objects: Vec<Vec<u8>> = vec![
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        format!("<< /Type /Pages /Kids [{kids}] /Count {count} >>").into_bytes(),
        picture.to_vec(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
            .to_vec(),
    ];
    for (at, stamp) in stamps.iter().enumerate() {
        let content =
            format!("q 600 0 0 252 0 0 cm /Im Do Q BT /F1 10 Tf 420 10 Td ({stamp}) Tj ET");
        let page = format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 252] /Contents {} 0 R \
             /Resources << /XObject << /Im 3 0 R >> /Font << /F1 4 0 R >> >> >>",
            6 + 2 * at
        );
        let stream = format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len());
        objects.extend([page.into_bytes(), stream.into_bytes()]);
    }
    let size = objects.len() + 1;
    let mut file = b"%PDF-1.4\n".to_vec();
    let mut places = String::new();
    for (number, object) in (1..).zip(objects) {
        places.push_str(&format!("{:010} 00000 n \n", file.len()));
        file.extend(format!("{number} 0 obj\n").into_bytes());
        file.extend(object);
        file.extend(b"\nendobj\n");
    }
    let start = file.len();
    let end = format!(
        "xref\n0 {size}\n0000000000 65535 f \n{places}trailer << /Size {size} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"
    );
    file.extend(end.into_bytes());
    Some(file)
}

async fn mutated_files_never_end_the_parser() -> Result<(), String> {
    let parser = parser(1024, Duration::from_secs(30))?;
    let page =
        "<html><body><h1>T</h1><table><tr><td>a<td>b</table><ul><li>x</ul></body></html>".repeat(4);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap_or_default()
    };
    for round in 0..200 {
        let mut bytes = page.clone().into_bytes();
        for _ in 0..random() % 20 + 1 {
            let at = random() % bytes.len();
            bytes[at] = u8::try_from(random() % 256).unwrap_or_default();
        }
        match parser.parse("mutated.html", &bytes).await {
            Ok(_) => {}
            Err(error) if matches!(error.kind(), Kind::Unprocessable | Kind::Unsupported) => {}
            Err(error) => return Err(format!("round {round}: {}", error.detail())),
        }
    }
    Ok(())
}
