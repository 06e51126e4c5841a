use super::*;
fn rss() -> String {
    std::fs::read_to_string("/proc/self/status")
        .unwrap()
        .lines()
        .filter(|l| l.starts_with("VmRSS"))
        .collect()
}
#[tokio::test(flavor = "multi_thread")]
async fn tmp_probe() {
    let store = crate::models::ModelStore::from_env().unwrap();
    println!("start {}", rss());
    let e = Embedder::new(EmbedConfig {
        idle: std::time::Duration::from_millis(500),
        ..EmbedConfig::from_store(&store).unwrap()
    });
    e.count_tokens("hello").unwrap();
    println!("tokenizer {}", rss());
    let t = std::time::Instant::now();
    let texts: Vec<String> =
        std::fs::read_to_string("/tmp/emb/texts.txt").unwrap().lines().map(str::to_owned).collect();
    let v = e.embed_query(&texts[0]).await.unwrap();
    println!("first query {:?} {} {}", t.elapsed(), v.len(), rss());
    let all = e.embed(texts, Priority::Bulk).await.unwrap();
    println!("bulk {}", rss());
    std::fs::write("/tmp/emb/ours.json", format!("{:?}", all.vectors)).unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    println!("idle loaded={} {}", e.is_loaded(), rss());
}
