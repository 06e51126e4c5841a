//! The console is embedded as `console/dist`. Where it was not built, a page that
//! says how to build it stands in, so that the program builds without Node.

use std::path::Path;

fn main() -> std::io::Result<()> {
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
