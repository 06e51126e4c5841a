//! The contract that every runtime keeps, run over both with real models.
//!
//! This is its own program and not a test harness, because it is also the engine
//! child that the GGUF runtime starts: `<this program> __child gguf`.

#![expect(clippy::print_stdout, reason = "it reports as the test harness would")]

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use cairn_kernel::{Kind, Tasks};
use cairn_serving::gguf::{
    CHILD_ROLE, GenerateRequest, Gguf, GgufConfig, Isolate, Sampling, child_main,
};
use cairn_serving::models::{EMBEDDING, ModelStore};
use cairn_serving::onnx::{ModelIdentity, OnnxModel};
use cairn_serving::tensor::{Tensor, TensorData};
use cairn_serving::{ModelState, Runtime, RuntimeKind};

type Failed = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "__child") {
        let known = arguments.get(1).is_some_and(|role| role == CHILD_ROLE);
        return match known.then(|| child_main(&arguments[2..])) {
            Some(Ok(())) => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        };
    }
    if arguments.iter().any(|argument| argument == "--list") {
        println!("both_runtimes_keep_the_contract: test");
        return ExitCode::SUCCESS;
    }
    match run() {
        Ok(()) => {
            println!("test both_runtimes_keep_the_contract ... ok");
            ExitCode::SUCCESS
        }
        Err(reason) => {
            println!("test both_runtimes_keep_the_contract ... FAILED\n    {reason}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failed> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let onnx = onnx()?;
        answers_onnx(&onnx).await.map_err(|kind| format!("onnx does not answer: {kind:?}"))?;
        contract(onnx.as_ref(), RuntimeKind::Onnx).await?;
        after_the_end("onnx", answers_onnx(&onnx).await)?;

        let gguf = gguf().await?;
        answers_gguf(&gguf).await.map_err(|kind| format!("gguf does not answer: {kind:?}"))?;
        contract(&gguf, RuntimeKind::Gguf).await?;
        after_the_end("gguf", answers_gguf(&gguf).await)
    })
}

/// What holds of every runtime that was just loaded.
async fn contract(runtime: &dyn Runtime, kind: RuntimeKind) -> Result<(), Failed> {
    let check = |holds: bool, what: &str| {
        if holds { Ok(()) } else { Err(format!("{}: {what}", kind.name())) }
    };
    check(runtime.kind() == kind, "it says it is another kind")?;
    check(runtime.state() == ModelState::Ready, "it is loaded and not ready")?;
    let memory = runtime.memory_bytes().ok_or("it does not tell its memory")?;
    check((10 << 20..4 << 30).contains(&memory), &format!("it says it holds {memory} bytes"))?;
    tokio::time::timeout(Duration::from_secs(20), runtime.stop()).await?;
    check(runtime.state() == ModelState::Unloaded, "it was stopped and is not unloaded")?;
    check(runtime.memory_bytes().is_none(), "it was stopped and holds memory")?;
    tokio::time::timeout(Duration::from_secs(1), runtime.stop()).await?;
    Ok(())
}

fn after_the_end(kind: &str, answer: Result<(), Kind>) -> Result<(), Failed> {
    match answer {
        Err(Kind::Unavailable) => Ok(()),
        other => Err(format!("{kind}: after the end a request gave {other:?}").into()),
    }
}

fn onnx() -> Result<Arc<OnnxModel>, Failed> {
    let store = ModelStore::from_env()?;
    let path = store.verify(EMBEDDING)?;
    let sha256 = store.asset(EMBEDDING)?.sha256.clone();
    let identity = ModelIdentity { name: EMBEDDING.into(), version: "1".into(), sha256 };
    Ok(OnnxModel::load_file(&path, identity)?)
}

async fn answers_onnx(model: &Arc<OnnxModel>) -> Result<(), Kind> {
    let tensor = |name: &str, data: [i64; 3]| {
        Tensor::new(name, vec![1, 3], TensorData::Int64(data.to_vec())).map_err(|e| e.kind())
    };
    let inputs = vec![
        tensor("input_ids", [101, 7592, 102])?,
        tensor("attention_mask", [1; 3])?,
        tensor("token_type_ids", [0; 3])?,
    ];
    let outputs = model.infer(inputs, &[]).await.map_err(|error| error.kind())?;
    let shape = outputs.first().map(Tensor::shape);
    if shape == Some(&[1, 3, 384][..]) { Ok(()) } else { Err(Kind::Internal) }
}

async fn gguf() -> Result<Gguf, Failed> {
    let store = ModelStore::from_env()?;
    let name = "smollm2-135m-instruct";
    let config = GgufConfig {
        adapter: None,
        path: store.verify(name)?,
        sha256: store.asset(name)?.sha256.clone(),
        name: name.to_owned(),
        context_tokens: 512,
        slots: 1,
        threads: 2,
        pooling: None,
    };
    Ok(Gguf::start(&Isolate::current()?, &Tasks::new(), config).await?)
}

async fn answers_gguf(model: &Gguf) -> Result<(), Kind> {
    let request = GenerateRequest {
        max_tokens: Some(3),
        sampling: Sampling { temperature: 0.0, ..Sampling::default() },
        ..GenerateRequest::new("tenant-a", "The sky is")
    };
    let mut stream = model.generate(request).await.map_err(|error| error.kind())?;
    while let Some(event) = stream.next().await {
        event.map_err(|error| error.kind())?;
    }
    Ok(())
}
