//! With the real model: it must lie in the model store (`make models`).

use std::time::{Duration, Instant};

use cairn_kernel::Kind;

use super::engine::{Engine, Floats, Threads};
use super::*;
use crate::models::{EMBEDDING, EMBEDDING_TOKENIZER, ModelStore};

fn config() -> EmbedConfig {
    let store = ModelStore::from_env().unwrap();
    for name in [EMBEDDING, EMBEDDING_TOKENIZER] {
        assert!(store.path_of(name).is_some(), "{name} is missing; fetch it with `make models`");
    }
    EmbedConfig::from_store(&store).unwrap()
}

fn embedder() -> Embedder {
    Embedder::new(config())
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn paraphrases_are_nearer_than_strangers() {
    let texts = owned(&[
        "How do I reset my password?",
        "I forgot my login secret and want to set a new one.",
        "The harbour was frozen over for the whole of January.",
        "",
    ]);
    let embeddings = embedder().embed(texts, Priority::Bulk).await.unwrap();
    for vector in &embeddings.vectors {
        assert_eq!(vector.len(), DIMENSIONS);
        assert!((dot(vector, vector) - 1.0).abs() < 1e-5);
    }
    let near = dot(&embeddings.vectors[0], &embeddings.vectors[1]);
    let far = dot(&embeddings.vectors[0], &embeddings.vectors[2]);
    assert!(near > 0.5 && far < 0.2, "near {near}, far {far}");
    assert_eq!(embeddings.tokens[0], 9);
    assert_eq!(embeddings.tokens[3], 2);
}

/// The first query is computed by the thread that loads the model, later ones by their own.
#[tokio::test(flavor = "multi_thread")]
async fn a_query_has_the_same_vector_by_whatever_thread() {
    let embedder = embedder();
    let query = "How do I reset my password?";
    let first = embedder.embed_query(query).await.unwrap();
    let alone = embedder.embed_query(query).await.unwrap();
    assert_eq!(first, alone);
    let many = futures::future::join_all((0..8).map(|_| {
        let embedder = embedder.clone();
        #[expect(clippy::disallowed_methods, reason = "a test")]
        tokio::spawn(async move { embedder.embed_query(query).await.unwrap() })
    }));
    for vector in many.await {
        assert_eq!(vector.unwrap(), first);
    }
}

/// The vector of one text by `engine`: the mean over its tokens, of length 1.
fn vector(engine: &Engine, text: &str, beside: Option<&str>, threads: usize) -> Vec<f32> {
    let tokenizer = TextTokenizer::load(&config().tokenizer).unwrap();
    let windows = |text: &str| tokenizer.windows(text).unwrap().remove(0);
    let ids: Vec<Vec<i32>> = std::iter::once(text).chain(beside).map(windows).collect();
    let ids: Vec<&[i32]> = ids.iter().map(Vec::as_slice).collect();
    let hidden = engine.run(&ids, &Threads::new(threads)).unwrap();
    let mut sum = vec![0.0; DIMENSIONS];
    for token in hidden.window(0, ids[0].len()).chunks(DIMENSIONS) {
        sum.iter_mut().zip(token).for_each(|(sum, x)| *sum += x);
    }
    let length = dot(&sum, &sum).sqrt();
    sum.iter().map(|x| x / length).collect()
}

fn floats() -> Engine {
    Engine::Floats(Box::new(Floats::of(std::fs::read(config().model).unwrap()).unwrap()))
}

/// The first numbers of the vector that ONNX Runtime gives for the same file,
/// mean-pooled and normalised.
#[test]
fn vectors_are_those_of_the_reference_runtime() {
    let floats = floats();
    let vector = vector(&floats, "The quick brown fox jumps over the lazy dog.", None, 1);
    for (have, want) in vector.iter().zip(REFERENCE) {
        assert!((have - want).abs() < 1e-4, "{have} is not {want}");
    }
}

#[test]
fn vectors_by_integers_are_nearly_those_by_floats_and_their_own_whatever_is_beside() {
    let (integers, floats) = (Engine::load(&config().model).unwrap(), floats());
    // Where the processor has no instructions for it, floats it is.
    if integers.unit() == "floats" {
        return;
    }
    let long = "The harbour was frozen over for the whole of January, and no ship came. ".repeat(9);
    let texts = [
        "what is the lift of a slender wing",
        "who?",
        "",
        "Wie hoch ist der Turm, und wer hat ihn gebaut?",
        "\u{6771}\u{4eac}\u{306e}\u{4eba}\u{53e3}\u{306f}",
        "SELECT count(*) FROM t WHERE a = 1 AND b <> 'x'; -- 1234 5678 !!!",
        &long,
    ];
    let mut sum = 0.0;
    for text in texts {
        let by_integers = vector(&integers, text, None, 1);
        let cosine = dot(&by_integers, &vector(&floats, text, None, 1));
        assert!(cosine > 0.99, "{cosine} for '{text}'");
        sum += cosine;
        assert_eq!(by_integers, vector(&integers, text, None, 3), "by three threads: '{text}'");
        let beside = vector(&integers, text, Some(&long), 2);
        assert!(dot(&by_integers, &beside) > 0.99999, "another for '{text}' beside others");
    }
    let mean = sum / texts.len() as f32;
    assert!(mean > 0.997, "{mean}");
}

#[test]
fn what_the_model_cannot_read_is_named() {
    let file = std::fs::read(config().model).unwrap();
    let Some(encoder) = cairn_encoder::Encoder::read(&file) else { return };
    let error = |windows: &[&[i32]]| encoder.encode(windows, 1).unwrap_err().to_string();
    assert_eq!(error(&[&[101, 30_522, 102]]), "the embedding model has no token 30522");
    assert_eq!(error(&[&[101, 102], &[101, -1, 102]]), "the embedding model has no token -1");
    let long = error(&[&[101; 513]]);
    assert!(long.starts_with("a window of 513 tokens"), "{long}");
    assert_eq!(encoder.encode(&[&[101; 512], &[], &[101]], 3).unwrap().len(), 513 * DIMENSIONS);
    assert!(encoder.encode(&[], 2).unwrap().is_empty());
}

#[test]
fn another_model_is_not_taken_for_this_one() {
    let other = cairn_onnx::node("MatMul", &["gelu", "w"], &["y"]);
    let graph = cairn_onnx::GraphProto { node: vec![other], ..Default::default() };
    let model = cairn_onnx::ModelProto { graph: Some(graph), ..Default::default() };
    assert!(cairn_encoder::Encoder::read(&cairn_onnx::encode(&model)).is_none());
    assert!(cairn_encoder::Encoder::read(b"no model").is_none());
}

const REFERENCE: [f32; 8] =
    [0.041831, 0.0586652, 0.0513493, 0.0753913, 0.0257806, -0.0374712, 0.000152094, -0.0606062];

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_long_text_is_dropped() {
    let embedder = embedder();
    let filler = "The committee met again and noted the report without discussion. ".repeat(60);
    let end = "Penguins huddle together against the antarctic cold.";
    let texts =
        vec![filler.clone(), format!("{filler}{end}"), end.to_owned(), filler[..600].into()];
    let embeddings = embedder.embed(texts, Priority::Bulk).await.unwrap();
    assert!(embeddings.tokens[0] > 600, "{:?}", embeddings.tokens);
    assert_eq!(embeddings.windows[0], (embeddings.tokens[0]).div_ceil(MAX_TOKENS));
    assert_eq!(embeddings.windows[2..], [1, 1]);
    let [without, with, end, _] = &embeddings.vectors[..] else { panic!() };
    assert!(dot(without, with) < 0.99999, "the end made no difference");
    assert!(dot(with, end) > dot(without, end), "the end did not pull");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_has_the_same_vector_in_any_company() {
    let embedder = embedder();
    let alone = embedder.embed_query("Rain is expected in the valley.").await.unwrap();
    let words = ["stone", "river", "letter", "engine", "winter", "market", "signal"];
    let mut texts: Vec<String> = (0..200)
        .map(|at| (0..5 + at % 90).map(|w| words[(at + w * w) % 7]).collect::<Vec<_>>().join(" "))
        .collect();
    texts[77] = "Rain is expected in the valley.".into();
    let many = embedder.embed(texts, Priority::Bulk).await.unwrap();
    assert!(dot(&alone, &many.vectors[77]) > 0.9999);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_does_not_wait_for_bulk_work() {
    let embedder = embedder();
    embedder.embed_query("warm up").await.unwrap();
    let text = "The inspection of the northern bridge found no damage this year. ".repeat(10);
    let bulk = embedder.embed(vec![text; 300], Priority::Bulk);
    let mut bulk = Box::pin(bulk);
    let started = Instant::now();
    let query = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let asked = Instant::now();
        embedder.embed_query("bridge inspection").await.unwrap();
        asked.elapsed()
    };
    let waited = tokio::select! {
        waited = query => waited,
        _ = &mut bulk => panic!("the bulk work ended within {:?}", started.elapsed()),
    };
    bulk.await.unwrap();
    let whole = started.elapsed();
    println!("query {waited:?} of bulk work of {whole:?}");
    assert!(waited * 4 < whole, "query {waited:?} of bulk work of {whole:?}");
}

#[test]
fn offsets_are_bytes_of_the_text() {
    let tokenizer = TextTokenizer::load(&config().tokenizer).unwrap();
    let text = "Élan naïve 東京 unbelievable!";
    let offsets = tokenizer.offsets(text).unwrap();
    let pieces: Vec<&str> = offsets.iter().map(|&(start, end)| &text[start..end]).collect();
    assert_eq!(pieces.concat(), text.replace(' ', ""));
    assert!(pieces.contains(&"東") && pieces.contains(&"!"), "{pieces:?}");
    assert_eq!(tokenizer.count(text).unwrap(), offsets.len() + 2);
}

#[test]
fn windows_cover_every_token_and_are_even() {
    let tokenizer = TextTokenizer::load(&config().tokenizer).unwrap();
    for words in [0, 1, 253, 254, 255, 508, 509, 3000] {
        let windows = tokenizer.windows(&"stone ".repeat(words)).unwrap();
        assert_eq!(windows.iter().map(|w| w.len() - 2).sum::<usize>(), words);
        assert_eq!(windows.len(), words.div_ceil(254).max(1));
        let lengths: Vec<usize> = windows.iter().map(Vec::len).collect();
        let (min, max) = (lengths.iter().min().unwrap(), lengths.iter().max().unwrap());
        assert!(*max <= MAX_TOKENS && max - min <= 1, "{lengths:?}");
        assert!(windows.iter().all(|w| w[0] == 101 && w[w.len() - 1] == 102));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_model_is_unloaded_and_comes_back() {
    let embedder = Embedder::new(EmbedConfig { idle: Duration::from_millis(150), ..config() });
    assert!(!embedder.is_loaded());
    let before = embedder.embed_query("once").await.unwrap();
    assert!(embedder.is_loaded());
    let started = Instant::now();
    while embedder.is_loaded() {
        assert!(started.elapsed() < Duration::from_secs(20), "it stays loaded");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(embedder.embed_query("once").await.unwrap(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_absent_model_says_how_to_get_it() {
    let folder = tempfile::tempdir().unwrap();
    let absent = EmbedConfig { model: folder.path().join("m.onnx"), ..config() };
    let error = Embedder::new(absent).embed_query("x").await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.message().contains("make models"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_texts_are_no_vectors() {
    let none = embedder().embed(vec![], Priority::Bulk).await.unwrap();
    assert!(none.vectors.is_empty() && none.tokens.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn token_vectors_leave_the_special_tokens_out_and_add_up_over_windows() {
    let long = "The committee met again and noted the report. ".repeat(60);
    let texts = vec!["stone river".to_owned(), long, String::new()];
    let made = embedder().token_vectors(texts, Priority::Interactive).await.unwrap();
    assert_eq!(made.windows[0], [made.windows[0][0].clone()]);
    assert_eq!(made.windows[0][0].len(), 2 * DIMENSIONS);
    for token in made.windows[0][0].chunks_exact(DIMENSIONS) {
        assert!((dot(token, token) - 1.0).abs() < 1e-5);
    }
    assert!(made.windows[1].len() > 1);
    let own: usize = made.windows[1].iter().map(|window| window.len() / DIMENSIONS).sum();
    assert_eq!(own, made.tokens[1] - 2 * made.windows[1].len());
    assert_eq!(made.windows[2], [Vec::<f32>::new()]);
}
