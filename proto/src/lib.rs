#![doc = include_str!("../README.md")]

/// The contract as a serialised `google.protobuf.FileDescriptorSet`, comments included: what
/// reflection serves.
pub const FILE_DESCRIPTOR_SET: &[u8] = tonic::include_file_descriptor_set!("vekha");

/// What the daemon offers to the command line and to other systems.
pub mod v1 {
    #![allow(missing_docs, unused_qualifications, clippy::all)] // generated
    tonic::include_proto!("vekha.v1");
}

/// What the daemon asks of plugins that run as processes of their own.
pub mod plugin {
    /// Version 1 of the plugins' contract.
    pub mod v1 {
        #![allow(missing_docs, unused_qualifications, clippy::all)] // generated
        tonic::include_proto!("vekha.plugin.v1");
    }
}
