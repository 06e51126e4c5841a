#![allow(warnings)]
#[path = "../../../bench/src/retrieval.rs"]
mod retrieval;
use std::hash::{Hash, Hasher};
async fn embed(texts: Vec<String>) -> anyhow::Result<Vec<Vec<f32>>> {
    let mut h = std::collections::hash_map::DefaultHasher::new();
    texts.hash(&mut h);
    let base = format!("/tmp/search-exp/vec/{:x}", h.finish());
    let bin = format!("{base}.bin");
    if !std::path::Path::new(&bin).exists() {
        std::fs::write(format!("{base}.json"), serde_json::to_vec(&texts)?)?;
        let ok = std::process::Command::new("v/bin/python")
            .current_dir("/tmp/search-exp")
            .args(["embcli.py", &format!("{base}.json"), &bin])
            .status()?;
        anyhow::ensure!(ok.success());
    }
    let bytes = std::fs::read(bin)?;
    let all: Vec<f32> =
        bytes.chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    Ok(all.chunks(384).map(|c| c.to_vec()).collect())
}
#[test]
fn quality() {
    let rt = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let folder = std::path::Path::new("/work/shared/data/retrieval");
    rt.block_on(retrieval::run(folder, embed)).unwrap();
}
#[test]
fn scale() {
    let rt = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let folder = std::path::Path::new("/work/shared/data/retrieval");
    let n = std::env::var("N").map_or(20000, |n| n.parse().unwrap());
    rt.block_on(retrieval::scale(folder, n, embed)).unwrap();
}
