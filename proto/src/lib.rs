#![doc = include_str!("../README.md")]

/// The contract as a serialised `google.protobuf.FileDescriptorSet`, comments included: what
/// reflection serves.
pub const FILE_DESCRIPTOR_SET: &[u8] = tonic::include_file_descriptor_set!("vekha");

/// Who asks for a change, as every message that asks for one says it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caller {
    /// Who it is, for the journal.
    pub actor: String,
    /// The caller's id of the call: repeated under it, the call changes nothing more. May be empty.
    pub request_id: String,
    /// Nothing is to be changed: the call is only tried.
    pub validate_only: bool,
}

/// A message that asks for a change. The build implements it for every message of `vekha.v1` with a
/// `request_id`; one that lacks `actor` or `validate_only` does not compile.
pub trait Mutating: prost::Message + prost::Name + Clone {
    /// As [`Caller::request_id`].
    fn request_id(&self) -> &str;

    /// As [`Caller::actor`].
    fn actor(&self) -> &str;

    /// As [`Caller::validate_only`].
    fn validate_only(&self) -> bool;

    /// What the caller saw of the thing; empty if that does not matter.
    fn etag(&self) -> &str {
        ""
    }

    /// The same, asked by this caller.
    #[must_use]
    fn asked_by(self, caller: Caller) -> Self;

    /// The same, whatever the caller saw.
    #[must_use]
    fn unseen(self) -> Self {
        self
    }

    /// What is asked, whoever asks it, under whatever id, upon whatever was seen.
    #[must_use]
    fn alone(&self) -> Self {
        self.clone().asked_by(Caller::default()).unseen()
    }
}

/// What the daemon offers to the command line and to other systems.
pub mod v1 {
    #![allow(missing_docs, unused_qualifications, clippy::all)] // generated
    tonic::include_proto!("vekha.v1");
    include!(concat!(env!("OUT_DIR"), "/mutations.rs"));
    include!(concat!(env!("OUT_DIR"), "/methods.rs"));
}

/// What the daemon asks of plugins that run as processes of their own.
pub mod plugin {
    /// Version 1 of the plugins' contract.
    pub mod v1 {
        #![allow(missing_docs, unused_qualifications, clippy::all)] // generated
        tonic::include_proto!("vekha.plugin.v1");
    }
}
