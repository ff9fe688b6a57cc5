//! What is built into the program besides its code: cargo looks at these folders for new files.

#![allow(clippy::print_stdout, reason = "this is how cargo is told")]

fn main() {
    for folder in ["web/app", "clients/js/src", "migrations"] {
        println!("cargo::rerun-if-changed={folder}");
    }
}
