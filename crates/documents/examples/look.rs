//! Throwaway.
use std::time::Instant;
fn main() {
    let show: usize = std::env::var("SHOW").ok().and_then(|v| v.parse().ok()).unwrap_or(0);
    let (mut files, mut pages, mut bytes_total, mut chars) = (0usize, 0usize, 0usize, 0usize);
    let start = Instant::now();
    let mut by: std::collections::BTreeMap<String, (usize, f64)> = Default::default();
    for path in std::env::args().skip(1) {
        let bytes = std::fs::read(&path).unwrap();
        let t = Instant::now();
        let name = path.rsplit('/').next().unwrap();
        files += 1;
        bytes_total += bytes.len();
        match cairn_documents::parse(name, &bytes) {
            Ok(d) => {
                let e = t.elapsed().as_secs_f64();
                pages += d.pages.len();
                chars += d.text.chars().count();
                let b = by.entry(d.media_type.clone()).or_default();
                b.0 += 1;
                b.1 += e;
                if show > 0 {
                    println!(
                        "===== {name} {:.1} ms, {} pages, {} blocks, {} chars, title {:?}, notes {:?}",
                        e * 1e3,
                        d.pages.len(),
                        d.blocks.len(),
                        d.text.chars().count(),
                        d.title,
                        d.notes
                    );
                    let h: Vec<_> = d
                        .headings
                        .iter()
                        .take(25)
                        .map(|h| format!("{}:{}", h.level, h.title))
                        .collect();
                    println!("H {h:?}");
                    let page = std::env::var("PAGE").ok().and_then(|v| v.parse::<usize>().ok());
                    let text: String = match page {
                        Some(p) if p < d.pages.len() => d
                            .text
                            .chars()
                            .skip(d.pages[p].start)
                            .take(d.pages[p].end - d.pages[p].start)
                            .collect(),
                        _ => d.text.chars().take(show).collect(),
                    };
                    println!("{text}");
                }
            }
            Err(e) => println!("REFUSED {name}: {:?} {:?} {}", e.kind(), e.code(), e.detail()),
        }
    }
    let s = start.elapsed().as_secs_f64();
    println!(
        "{files} files {bytes_total} bytes {pages} pages {chars} chars in {s:.3} s: {:.1} files/s",
        files as f64 / s
    );
    println!("{by:?}");
}
