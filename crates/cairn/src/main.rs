//! cairn-cairn
fn main() {}
