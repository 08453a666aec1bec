//! Compiles the contract: protox reads the files, tonic writes server and client code. No protoc.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

const PACKAGES: [&str; 2] = ["vekha/v1", "vekha/plugin/v1"];

#[allow(clippy::print_stdout)] // how a build script speaks to cargo
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=vekha");
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let mut files = Vec::new();
    for package in PACKAGES {
        files.extend(proto_files(&root.join(package))?);
    }
    let mut compiler = protox::Compiler::new([&root])?;
    // Source info carries the comments: reflection shows them as documentation.
    compiler.include_imports(true).include_source_info(true).open_files(files)?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("vekha.bin"), compiler.encode_file_descriptor_set())?;
    // Names let the command line show any message as JSON.
    let mut config = tonic_prost_build::Config::new();
    config.enable_type_names();
    tonic_prost_build::configure()
        .compile_fds_with_config(compiler.file_descriptor_set(), config)?;
    Ok(())
}

/// The contract's files in a folder, in a stable order.
fn proto_files(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "proto") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
