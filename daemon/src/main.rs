//! The binary.

fn main() -> std::process::ExitCode {
    vekha::cli::main()
}
