use std::process::{Command, Stdio};
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use super::*;
use crate::contract::{self, DIMENSIONS, point, vector};
use crate::index::DAMAGED;

fn options() -> EmbeddedOptions {
    EmbeddedOptions { dimensions: DIMENSIONS, ..EmbeddedOptions::default() }
}

fn words(text: &str) -> Query {
    Query { text: Some(text.to_owned()), limit: 1000, candidates: 1000, ..Query::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds() {
    let folder = tempfile::tempdir().unwrap();
    contract::all(&Embedded::open(folder.path(), options()).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_with_one_store_open_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let options = EmbeddedOptions { open_stores: 1, optimise_every: 30, ..options() };
    let index = Embedded::open(folder.path(), options).unwrap();
    contract::all(&index).await;
    let open = index.inner.all().iter().filter(|(_, store)| store.is_open()).count();
    assert_eq!(open, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_finds_everything() {
    let folder = tempfile::tempdir().unwrap();
    let first = Embedded::open(folder.path(), options()).unwrap();
    let points: Vec<Point> = (0..600)
        .map(|id| {
            let mut point = point(id, &format!("f{}", id % 3), "common thread");
            point.attributes.insert("year".into(), (2000 + id % 5).into());
            point
        })
        .collect();
    first.upsert("kept", points).await.unwrap();
    first.delete("kept", &[5]).await.unwrap();
    let held = Embedded::open(folder.path(), options()).map(drop).unwrap_err();
    assert_eq!(held.kind(), Kind::Conflict);
    first.close_all().await.unwrap();
    let before = first.query("kept", words("thread")).await.unwrap();
    first.close_all().await.unwrap();
    drop(first);

    let again = Embedded::open(folder.path(), options()).unwrap();
    assert_eq!(again.stores().await.unwrap(), ["kept"]);
    assert_eq!(again.inner.store("kept").unwrap().points.load(Ordering::Relaxed), 599);
    assert_eq!(again.count("kept").await.unwrap(), 599);
    assert_eq!(again.query("kept", words("thread")).await.unwrap(), before);
    let filter = serde_json::json!({"type": "eq", "key": "year", "value": 2003});
    let filter = Some(crate::Filter::parse(&filter).unwrap());
    let query = Query { filter, ..words("thread") };
    assert_eq!(again.query("kept", query).await.unwrap().len(), 120);
    again.delete_file("kept", "f0").await.unwrap();
    assert_eq!(again.count("kept").await.unwrap(), 400 - 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn weights_follow_the_mean_length() {
    let folder = tempfile::tempdir().unwrap();
    let index = Embedded::open(folder.path(), options()).unwrap();
    let text = |id: u64| {
        if id < 20 { "brief note".to_owned() } else { format!("note {}", "filler ".repeat(40)) }
    };
    for id in 0..60 {
        index.upsert("grown", vec![point(id, "f", &text(id))]).await.unwrap();
    }
    index.upsert("whole", (0..60).map(|id| point(id, "f", &text(id))).collect()).await.unwrap();
    let scores = async |store: &str| -> Vec<(u64, f32)> {
        let mut hits = index.query(store, words("note")).await.unwrap();
        hits.sort_by_key(|hit| hit.id);
        hits.iter().map(|hit| (hit.id, hit.bm25.unwrap())).collect()
    };
    let whole = scores("whole").await;
    assert_ne!(scores("grown").await[0], whole[0]);
    index.optimise("grown").await.unwrap();
    for (one, other) in scores("grown").await.iter().zip(&whole) {
        assert_eq!(one.0, other.0);
        assert!((one.1 - other.1).abs() < 0.01 * other.1, "{one:?} {other:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_keeps_everything_and_trims_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let index = Embedded::open(folder.path(), options()).unwrap();
    for round in 0..30_u64 {
        let text: String = (0..60).map(|n| format!("filler{n} ")).collect();
        let points = (0..500).map(|n| point(round * 500 + n, "f", &format!("{text} word{n}")));
        index.upsert("big", points.collect()).await.unwrap();
    }
    let logs = || {
        let files = fs::read_dir(folder.path().join("big/wal")).unwrap();
        files
            .filter(|file| {
                file.as_ref().unwrap().file_name().to_string_lossy().starts_with("closed-")
            })
            .count()
    };
    let before = logs();
    index.optimise("big").await.unwrap();
    assert!(before > 3 && logs() <= 1, "{before} then {} closed log files", logs());
    assert_eq!(index.count("big").await.unwrap(), 15_000);
    assert_eq!(index.query("big", words("word77")).await.unwrap().len(), 30);
    let query = Query { dense: Some(vector(4321)), ..Query::default() };
    assert_eq!(index.query("big", query).await.unwrap()[0].id, 4321);
    index.upsert("big", vec![point(1, "f", "novelty")]).await.unwrap();
    assert_eq!(index.query("big", words("novelty")).await.unwrap().len(), 1);
    assert_eq!(index.count("big").await.unwrap(), 15_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_index_gives_exact_scores_and_the_nearest_of_those_that_pass() {
    const WIDE: usize = 384;
    // So many that the engine builds its graph and its coarse vectors.
    const COUNT: u64 = 10_200;
    let folder = tempfile::tempdir().unwrap();
    let options = EmbeddedOptions { dimensions: WIDE, ..EmbeddedOptions::default() };
    let index = Embedded::open(folder.path(), options).unwrap();
    let mut state = 7_u64;
    let mut vector = || -> Vec<f32> {
        let mut number = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            f32::from(u16::try_from(state >> 48).unwrap()) / 65_536.0 - 0.5
        };
        let wide: Vec<f32> = (0..WIDE).map(|_| number()).collect();
        let length = wide.iter().map(|x| x * x).sum::<f32>().sqrt();
        wide.into_iter().map(|x| x / length).collect()
    };
    let vectors: Vec<Vec<f32>> = (0..COUNT).map(|_| vector()).collect();
    let queries: Vec<Vec<f32>> = (0..20).map(|_| vector()).collect();
    let whole = |id: u64| {
        let word = if id % 3 == 1 { "lamp" } else { "rope" };
        let text = format!("{word} in the tower");
        let mut point = Point { vector: vectors[id as usize].clone(), ..point(id, "f", &text) };
        point.attributes.insert("group".into(), (id % 3).into());
        point
    };
    for start in (0..COUNT).step_by(600) {
        index.upsert("wide", (start..start + 600).map(whole).collect()).await.unwrap();
    }
    index.optimise("wide").await.unwrap();
    let filter =
        crate::Filter::parse(&serde_json::json!({"type": "eq", "key": "group", "value": 1}));
    let filter = Some(filter.unwrap());
    let cosine = |query: &[f32], id: u64| -> f32 {
        query.iter().zip(&vectors[id as usize]).map(|(x, y)| x * y).sum()
    };
    let mut shared = 0;
    for query in &queries {
        let mut best: Vec<u64> = (0..COUNT).filter(|id| id % 3 == 1).collect();
        best.sort_by(|a, b| cosine(query, *b).total_cmp(&cosine(query, *a)));
        let asked = Query {
            dense: Some(query.clone()),
            text: Some("lamp".to_owned()),
            limit: 150,
            filter: filter.clone(),
            ..Query::default()
        };
        let found = index.query("wide", asked).await.unwrap();
        assert!(found.iter().all(|hit| hit.id % 3 == 1 && hit.bm25.unwrap() > 0.0));
        for hit in &found {
            let exact = cosine(query, hit.id);
            assert!((hit.dense.unwrap() - exact).abs() < 1e-4, "{hit:?} against {exact}");
        }
        // All have the same words, so that the vectors alone tell them apart.
        shared += found.iter().take(10).filter(|hit| best[..10].contains(&hit.id)).count();
    }
    assert!(shared >= 196, "{shared} of 200");
}

/// Attributes beyond those that get an index are ranged over all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_many_attributes_orders_the_texts_of_all_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let index = Embedded::open(folder.path(), options()).unwrap();
    let points = (0..160_u64).map(|id| {
        let mut point = point(id, "f", "common thread");
        point
            .attributes
            .insert(format!("key{}", id / 2), format!("2024-01-0{}", 1 + id % 2).into());
        point
    });
    index.upsert("broad", points.collect()).await.unwrap();
    let fields = index.inner.store("broad").unwrap().read(|open| Ok(open.ledger().fields.len()));
    assert!(fields.unwrap().unwrap() < 70, "nothing would be tested");
    for key in 0..80 {
        let filter =
            serde_json::json!({"type": "gt", "key": format!("key{key}"), "value": "2024-01-01"});
        let filter = Some(crate::Filter::parse(&filter).unwrap());
        let found = index.query("broad", Query { filter, ..words("thread") }).await.unwrap();
        assert_eq!(found.iter().map(|hit| hit.id).collect::<Vec<_>>(), [2 * key + 1]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_is_reported_and_dropping_repairs() {
    let folder = tempfile::tempdir().unwrap();
    for victim in ["cairn.json", "segments"] {
        let index = Embedded::open(folder.path(), options()).unwrap();
        index.upsert("hurt", (0..50).map(|id| point(id, "f", "text")).collect()).await.unwrap();
        index.close_all().await.unwrap();
        damage(&folder.path().join("hurt").join(victim));
        for _ in 0..2 {
            let error = index.query("hurt", words("text")).await.unwrap_err();
            assert_eq!(
                (error.kind(), error.code()),
                (Kind::Unavailable, Some(DAMAGED)),
                "{victim}"
            );
        }
        let error = index.upsert("hurt", vec![point(1, "f", "text")]).await.unwrap_err();
        assert_eq!(error.code(), Some(DAMAGED));
        index.drop_store("hurt").await.unwrap();
        index.upsert("hurt", vec![point(1, "f", "text")]).await.unwrap();
        assert_eq!(index.ids("hurt").await.unwrap(), [1]);
        index.drop_store("hurt").await.unwrap();
    }
}

/// An index that another version analysed is not read, so its terms and ours are never
/// mixed: it is reported like a damaged one, and rebuilt like one.
#[tokio::test(flavor = "multi_thread")]
async fn an_index_of_other_rules_is_reported_and_rebuilt() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("old/cairn.json");
    let index = Embedded::open(folder.path(), options()).unwrap();
    index.upsert("old", vec![point(1, "f", "text")]).await.unwrap();
    index.close_all().await.unwrap();
    let text = fs::read_to_string(&ledger).unwrap();
    fs::write(&ledger, text.replace("\"rules\":3", "\"rules\":1")).unwrap();
    for _ in 0..2 {
        let error = index.query("old", words("text")).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (Kind::Unavailable, Some(DAMAGED)));
        let error = index.upsert("old", vec![point(2, "f", "text")]).await.unwrap_err();
        assert_eq!(error.code(), Some(DAMAGED));
    }
    assert_eq!(index.stores().await.unwrap(), ["old"]);
    index.drop_store("old").await.unwrap();
    index.upsert("old", vec![point(1, "f", "text")]).await.unwrap();
    assert_eq!(index.query("old", words("texts")).await.unwrap().len(), 1);
}

/// An index of older rules goes on by them until it is made anew: also where it is written anew
/// to be rid of what was removed.
#[tokio::test(flavor = "multi_thread")]
async fn an_index_of_older_rules_goes_on_by_them() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("old/cairn.json");
    let index = Embedded::open(folder.path(), options()).unwrap();
    index.create("old", Language::Other, None).await.unwrap();
    index.close_all().await.unwrap();
    let text = fs::read_to_string(&ledger).unwrap();
    fs::write(&ledger, text.replace("\"rules\":3", "\"rules\":2")).unwrap();
    index.upsert("old", vec![point(1, "f", "東京大学"), point(2, "f", "京都")]).await.unwrap();
    index.upsert("new", vec![point(1, "f", "東京大学"), point(2, "f", "京都")]).await.unwrap();
    for _ in 0..2 {
        // One character by one, so that both have one of the query.
        assert_eq!(index.query("old", words("東京")).await.unwrap().len(), 2);
        index.rewrite("old").await.unwrap();
    }
    assert_eq!(index.query("new", words("東京")).await.unwrap().len(), 1);
    assert_ne!(index.analysis("old").await.unwrap(), index.analysis("new").await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stores_language_survives_a_restart_and_may_be_fixed_for_all() {
    let folder = tempfile::tempdir().unwrap();
    let german = EmbeddedOptions { language: Some(Language::German), ..options() };
    let index = Embedded::open(folder.path(), german).unwrap();
    index.upsert("kurz", vec![point(1, "f", "Häuser")]).await.unwrap();
    index.close_all().await.unwrap();
    drop(index);
    let index = Embedded::open(folder.path(), options()).unwrap();
    assert_eq!(index.language("kurz").await.unwrap(), Some(Language::German));
    assert_eq!(index.query("kurz", words("haus")).await.unwrap().len(), 1);
}

/// Overwrites a file, or every file below a folder.
fn damage(path: &std::path::Path) {
    if path.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| damage(&entry.unwrap().path()));
    } else {
        fs::write(path, b"not what it was").unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_keeps_its_dimensions_whatever_the_usual_ones_are() {
    let folder = tempfile::tempdir().unwrap();
    let index = Embedded::open(folder.path(), options()).unwrap();
    index.upsert("old", vec![point(1, "f", "text")]).await.unwrap();
    index.close_all().await.unwrap();
    drop(index);
    let index =
        Embedded::open(folder.path(), EmbeddedOptions { dimensions: 4, ..options() }).unwrap();
    assert_eq!(index.query("old", words("text")).await.unwrap().len(), 1);
    let near = Query { dense: Some(vector(1)), ..Query::default() };
    assert_eq!(index.query("old", near).await.unwrap().len(), 1);
    let other = Query { dense: Some(vec![0.5; 4]), ..Query::default() };
    assert_eq!(index.query("old", other).await.unwrap_err().kind(), Kind::Invalid);
    index.rewrite("old").await.unwrap();
    index.upsert("old", vec![point(2, "f", "text")]).await.unwrap();
    index.create("new", Language::English, None).await.unwrap();
    let short = Point { vector: vec![0.5; 4], ..point(1, "f", "text") };
    index.upsert("new", vec![short]).await.unwrap();
    assert!(index.upsert("new", vec![point(2, "f", "text")]).await.is_err());
}

/// Where the child of the crash test keeps its index.
const CRASH_FOLDER: &str = "CAIRN_SEARCH_CRASH_FOLDER";
/// How often the crash test kills a child; each time on what the last one left.
const CRASH_LOOPS: &str = "CAIRN_SEARCH_CRASH_LOOPS";

/// Not a test of its own: the process that [`what_was_flushed_survives_a_kill`] kills.
#[tokio::test(flavor = "multi_thread")]
async fn crash_child() {
    let Ok(folder) = std::env::var(CRASH_FOLDER) else { return };
    let options = EmbeddedOptions { optimise_every: 700, ..options() };
    let index = Embedded::open(&folder, options).unwrap();
    let start = index.ids("crash").await.unwrap().last().map_or(0, |last| last + 1);
    for id in (start..).step_by(50) {
        let points = (id..id + 50).map(|id| point(id, "f", "survivor")).collect();
        index.upsert("crash", points).await.unwrap();
        index.delete("crash", &[id + 13]).await.unwrap();
        index.flush("crash").await.unwrap();
        // Atomically says up to where everything must be found.
        let note = std::path::Path::new(&folder).join(".note");
        fs::write(note.with_extension("new"), (id + 50).to_string()).unwrap();
        fs::rename(note.with_extension("new"), note).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_flushed_survives_a_kill() {
    static SEED: AtomicUsize = AtomicUsize::new(7);
    let loops = std::env::var(CRASH_LOOPS).map_or(4, |loops| loops.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let mut reached = 0_u64;
    for round in 0..loops {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "embedded::tests::crash_child", "--nocapture"])
            .env(CRASH_FOLDER, folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let wait = 300 + SEED.fetch_add(389, Ordering::Relaxed) as u64 * 31 % 900;
        tokio::time::sleep(Duration::from_millis(wait)).await;
        child.kill().unwrap();
        child.wait().unwrap();

        let note = fs::read_to_string(folder.path().join(".note")).unwrap_or_default();
        reached = note.parse().unwrap_or(reached);
        let index = Embedded::open(folder.path(), options()).unwrap();
        let ids = index.ids("crash").await.unwrap();
        let expected: Vec<u64> = (0..reached).filter(|id| id % 50 != 13).collect();
        let held: Vec<u64> = ids.iter().copied().filter(|id| *id < reached).collect();
        assert_eq!(held, expected, "round {round}, flushed up to {reached}");
        let found =
            index.query("crash", Query { limit: 100_000, ..words("survivor") }).await.unwrap();
        assert_eq!(found.len(), ids.len(), "round {round}");
        // What came after the last flush is replayed, as the use-cases do.
        let tail: Vec<u64> = ids.into_iter().filter(|id| *id >= reached).collect();
        index.delete("crash", &tail).await.unwrap();
        index.close_all().await.unwrap();
    }
    assert!(reached > 0, "no child ever flushed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rewrite_leaves_nothing_of_what_was_removed() {
    let folder = tempfile::tempdir().unwrap();
    let index = Embedded::open(folder.path(), options()).unwrap();
    let points = (0..40).map(|id| {
        let mut point = point(id, &format!("f{id}"), "common thread");
        let word = if id % 4 == 0 { "zanzibarquartz" } else { "granite" };
        point.attributes.insert("stone".into(), word.into());
        point
    });
    index.upsert("stones", points.collect()).await.unwrap();
    index.flush("stones").await.unwrap();
    let before = index.query("stones", words("thread")).await.unwrap();
    let removed: Vec<u64> = (0..40).filter(|id| id % 4 == 0).collect();
    index.delete("stones", &removed).await.unwrap();
    index.rewrite("stones").await.unwrap();
    assert_eq!(index.count("stones").await.unwrap(), 30);
    let after = index.query("stones", words("thread")).await.unwrap();
    assert_eq!(after.len(), before.len() - removed.len());
    index.upsert("stones", vec![point(99, "f", "a late thread")]).await.unwrap();
    index.rewrite("unknown").await.unwrap();
    index.close_all().await.unwrap();
    drop(index);
    assert_eq!(holding(folder.path(), b"zanzibarquartz"), Vec::<PathBuf>::new());
    assert!(!holding(folder.path(), b"granite").is_empty(), "attributes are in the files");
    let again = Embedded::open(folder.path(), options()).unwrap();
    assert_eq!(again.stores().await.unwrap(), ["stones"]);
    assert_eq!(again.count("stones").await.unwrap(), 31);
}

/// The files below `folder` that have `bytes` in them.
fn holding(folder: &std::path::Path, bytes: &[u8]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holding(&path, bytes));
        } else if fs::read(&path).unwrap().windows(bytes.len()).any(|some| some == bytes) {
            found.push(path);
        }
    }
    found
}
