//! Who may see a figure, a finding or a document.

/// From the narrowest to the widest: who is named sees it, and so do those before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Audience {
    /// The department alone.
    Department,
    /// The organisation that it is about.
    Organisation,
    /// All who take part.
    Participants,
    /// Everybody: over the municipality, and of no organisation by itself.
    Public,
}

impl Audience {
    /// Each with the word by which a road map names it.
    pub const ALL: [(&'static str, Audience); 4] = [
        ("department", Audience::Department),
        ("organisation", Audience::Organisation),
        ("participants", Audience::Participants),
        ("public", Audience::Public),
    ];
}
