//! LoRA adapters: made here, as files, for SmolLM2's first feed-forward matrix.

use cairn_kernel::Tasks;
use cairn_serving::gguf::{Gguf, GgufConfig, Isolate};

use super::{CONTEXT, Failed, Outcome, SHA256, answer, greedy, model, model_file};

/// Width of the feed-forward layer, of the model, and rank of the adapter.
const SHAPE: [usize; 3] = [1536, 576, 4];

/// An adapter for `architecture` that adds `strength` times a fixed pattern.
fn adapter(architecture: &str, strength: f32) -> Vec<u8> {
    fn text(out: &mut Vec<u8>, text: &str) {
        out.extend((text.len() as u64).to_le_bytes());
        out.extend(text.as_bytes());
    }
    let [wide, narrow, rank] = SHAPE;
    let mut out = b"GGUF".to_vec();
    out.extend(3_u32.to_le_bytes());
    out.extend(2_u64.to_le_bytes());
    out.extend(4_u64.to_le_bytes());
    let texts = [
        ("general.type", "adapter"),
        ("general.architecture", architecture),
        ("adapter.type", "lora"),
    ];
    for (key, value) in texts {
        text(&mut out, key);
        out.extend(8_u32.to_le_bytes());
        text(&mut out, value);
    }
    text(&mut out, "adapter.lora.alpha");
    out.extend(6_u32.to_le_bytes());
    out.extend(4_f32.to_le_bytes());
    let mut offset = 0_u64;
    for (half, columns, rows) in [("a", wide, rank), ("b", rank, narrow)] {
        text(&mut out, &format!("blk.0.ffn_down.weight.lora_{half}"));
        out.extend(2_u32.to_le_bytes());
        out.extend((columns as u64).to_le_bytes());
        out.extend((rows as u64).to_le_bytes());
        out.extend(0_u32.to_le_bytes());
        out.extend(offset.to_le_bytes());
        offset += (columns * rows * 4).next_multiple_of(32) as u64;
    }
    out.resize(out.len().next_multiple_of(32), 0);
    for (size, scale) in [(wide * rank, 1.0), (rank * narrow, strength)] {
        for at in 0..size {
            let value = scale * ((at % 7) as f32 - 3.0) / 3.0;
            out.extend(value.to_le_bytes());
        }
        out.resize(out.len().next_multiple_of(32), 0);
    }
    out
}

async fn adapted(file: &[u8]) -> Result<Gguf, Failed> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("adapter.gguf");
    std::fs::write(&path, file)?;
    let config = GgufConfig {
        path: model_file()?,
        adapter: Some(path),
        sha256: SHA256.to_owned(),
        name: "adapted".to_owned(),
        context_tokens: CONTEXT,
        slots: 1,
        threads: 1,
        pooling: None,
    };
    Ok(Gguf::start(&Isolate::current()?, &Tasks::new(), config).await?)
}

pub(super) async fn an_adapter_changes_the_answers_and_a_wrong_one_is_refused() -> Outcome {
    let ask = || greedy("The capital of France is", 12);
    let (plain, _, _) = answer(&model(1).await?, ask()).await?;
    let (idle, _, _) = answer(&adapted(&adapter("llama", 0.0)).await?, ask()).await?;
    check!(idle == plain, "an adapter of zeros changed '{plain}' to '{idle}'");
    let (changed, _, _) = answer(&adapted(&adapter("llama", 0.5)).await?, ask()).await?;
    check!(changed != plain, "the adapter changed nothing in '{plain}'");
    let refused = adapted(&adapter("qwen2", 0.5)).await.err().map(|error| error.to_string());
    check!(refused.as_ref().is_some_and(|why| why.contains("'qwen2'")), "{refused:?}");
    let refused = adapted(&std::fs::read(model_file()?)?).await.err();
    let refused = refused.map(|error| error.to_string());
    check!(refused.as_ref().is_some_and(|why| why.contains("no LoRA adapter")), "{refused:?}");
    Ok(())
}
