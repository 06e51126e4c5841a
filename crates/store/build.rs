//! A new migration is a change of the crate.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
