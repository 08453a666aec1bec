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
    fs::write(out.join("mutations.rs"), mutations(compiler.descriptor_pool().all_messages()))?;
    // Names let the command line show any message as JSON.
    let mut config = tonic_prost_build::Config::new();
    config.enable_type_names();
    tonic_prost_build::configure()
        .compile_fds_with_config(compiler.file_descriptor_set(), config)?;
    Ok(())
}

/// The trait `Mutating` for each message of `vekha.v1` that asks for a change under an id.
fn mutations(messages: impl Iterator<Item = protox::prost_reflect::MessageDescriptor>) -> String {
    let mut text = String::new();
    for message in messages.filter(|message| message.package_name() == "vekha.v1") {
        let has = |field: &str| message.get_field_by_name(field).is_some();
        if !has("request_id") {
            continue;
        }
        let etag = match has("etag") {
            true => {
                "fn etag(&self) -> &str { &self.etag }
                fn unseen(self) -> Self { Self { etag: String::new(), ..self } }"
            }
            false => "",
        };
        let name = message.name();
        text += &format!(
            "impl crate::Mutating for {name} {{
                fn request_id(&self) -> &str {{ &self.request_id }}
                fn actor(&self) -> &str {{ &self.actor }}
                fn validate_only(&self) -> bool {{ self.validate_only }}
                {etag}
                fn asked_by(self, caller: crate::Caller) -> Self {{
                    let crate::Caller {{ actor, request_id, validate_only }} = caller;
                    Self {{ actor, request_id, validate_only, ..self }}
                }}
            }}
            "
        );
    }
    text
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
