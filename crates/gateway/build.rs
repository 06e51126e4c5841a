//! Compiles the gRPC service. And the console is embedded as `console/dist`: where it
//! was not built, a page that says how to build it stands in, so that the program
//! builds without Node.

use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    console()?;
    println!("cargo:rerun-if-changed=proto");
    // protox reads the definition in Rust: nobody needs protoc to build the program.
    let service = protox::compile(["inference.proto"], ["proto"])?;
    tonic_prost_build::configure()
        .build_client(false)
        .bytes(".inference.ModelInferRequest.raw_input_contents")
        .bytes(".inference.ModelInferResponse.raw_output_contents")
        .compile_fds(service)?;
    Ok(())
}

fn console() -> std::io::Result<()> {
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../console/dist");
    println!("cargo:rerun-if-changed={}", dist.display());
    let index = dist.join("index.html");
    if !index.exists() {
        std::fs::create_dir_all(&dist)?;
        std::fs::write(
            index,
            "<!doctype html><html lang=\"en\"><title>Cairn</title>\
             <p>The console is not built. Run <code>make console</code>, then build again.</p></html>",
        )?;
    }
    Ok(())
}
