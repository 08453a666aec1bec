//! Compiles the contract: protox reads the files, tonic writes server and client code. No protoc.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

use protox::prost_reflect::Kind;

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
    let pool = compiler.descriptor_pool();
    fs::write(out.join("mutations.rs"), mutations(pool.all_messages()))?;
    fs::write(out.join("methods.rs"), methods(pool.services()))?;
    // Names let the command line show any message as JSON.
    let mut config = tonic_prost_build::Config::new();
    config.enable_type_names();
    // Errors within an answer are those that tonic knows.
    config.extern_path(".google.rpc", "::tonic_types::pb");
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

/// The enum `Method` of all that `vekha.v1` serves, so that a table over it has no gaps.
fn methods(services: impl Iterator<Item = protox::prost_reflect::ServiceDescriptor>) -> String {
    let (mut variants, mut all, mut paths, mut names, mut streams) =
        (String::new(), String::new(), String::new(), String::new(), String::new());
    for service in services.filter(|service| service.package_name() == "vekha.v1") {
        for method in service.methods() {
            let (name, path) =
                (method.name(), format!("/{}/{}", service.full_name(), method.name()));
            variants += &format!("/// `{path}`\n{name},\n");
            all += &format!("Method::{name},\n");
            paths += &format!("Method::{name} => \"{path}\",\n");
            if method.is_client_streaming() {
                streams += &format!("| Method::{name}");
            }
            names += &format!("Method::{name} => &{:?},\n", named_by(&method.input()));
        }
    }
    format!(
        "/// Every method of the contract.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Method {{ {variants} }}
        impl Method {{
            /// All of them.
            pub const ALL: &'static [Method] = &[{all}];
            /// Under which path it is called.
            pub fn path(self) -> &'static str {{ match self {{ {paths} }} }}
            /// By which field a request names what it is about: numbers, from the message down to it.
            /// None of those that name nothing.
            pub fn named_by(self) -> &'static [u32] {{ match self {{ {names} }} }}
            /// Whether its request is a stream of messages.
            pub fn takes_stream(self) -> bool {{ matches!(self, {streams}) }}
            /// The method that is called under a path.
            pub fn of_path(path: &str) -> Option<Method> {{
                Method::ALL.iter().copied().find(|method| method.path() == path)
            }}
        }}
        "
    )
}

/// The field by which a request names what it is about: its `parent`, its `name`, or the `name` of the
/// thing that it brings.
fn named_by(request: &protox::prost_reflect::MessageDescriptor) -> Vec<u32> {
    for field in ["parent", "name"] {
        if let Some(field) = request.get_field_by_name(field) {
            return vec![field.number()];
        }
    }
    let brought = request.fields().filter(|field| !field.is_list()).find_map(|field| {
        let Kind::Message(thing) = field.kind() else { return None };
        Some(vec![field.number(), thing.get_field_by_name("name")?.number()])
    });
    brought.unwrap_or_default()
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
