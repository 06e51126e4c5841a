//! Throwaway.
use cairn_tables::*;
use std::time::Instant;
#[tokio::main(flavor = "multi_thread")]
async fn main() {
    let t0 = Instant::now();
    let dir = tempfile::tempdir().unwrap();
    let tables = Tables::new(dir.path());
    println!("new {:?}", t0.elapsed());
    for path in std::env::args().skip(1) {
        let p = std::path::Path::new(&path);
        let t = Instant::now();
        match tables.import(p, None, p.file_name().unwrap().to_str().unwrap()).await {
            Err(e) => println!("{path}: {:?} {}", e.kind(), e.detail()),
            Ok(s) => {
                let import = t.elapsed();
                let t = Instant::now();
                tables.rows(&s.sha256, s.rows as usize / 2, 50).await.unwrap();
                let rows = t.elapsed();
                let t = Instant::now();
                tables.frame(&s.sha256).await.unwrap();
                let frame = t.elapsed();
                let t = Instant::now();
                tables.export_ipc(&s.sha256, &dir.path().join("x.arrow")).await.unwrap();
                let ipc = t.elapsed();
                let col = s.columns[s.columns.len() - 1].name.clone();
                let named = [("t".to_owned(), s.sha256.clone())];
                let sql =
                    format!("SELECT \"{col}\", count(*) FROM t GROUP BY 1 ORDER BY 2 DESC LIMIT 5");
                let t = Instant::now();
                let q = tables.query(&named, &sql, QueryLimits::default()).await.unwrap();
                println!(
                    "{path}: rows {} cols {} in {} out {} import {import:.2?} rows {rows:.2?} frame {frame:.2?} ipc {ipc:.2?} query {:.2?} {:?}",
                    s.rows,
                    s.columns.len(),
                    p.metadata().unwrap().len(),
                    s.bytes,
                    t.elapsed(),
                    q.rows
                );
                println!("   notes {:?}", s.notes);
                for c in s.columns.iter().take(21) {
                    println!(
                        "   {} {} nulls {} distinct {}{} min {} max {} mean {:?} top {:?}",
                        c.name,
                        c.kind.name(),
                        c.nulls,
                        c.distinct,
                        if c.distinct_exact { "" } else { "~" },
                        c.min,
                        c.max,
                        c.mean,
                        c.top.first()
                    );
                }
            }
        }
    }
}
