//! How much of a file is looked at.

/// Bounds of an uploaded file. Each is checked before the memory is spent that it guards.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of the file.
    pub file: u64,
    /// Bytes of everything inside, once unpacked.
    pub expanded: u64,
    /// Files inside.
    pub entries: usize,
    /// Rows of all sheets together.
    pub rows: usize,
    /// Cells of all sheets together.
    pub cells: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            file: 10 << 20,
            expanded: 200 << 20,
            entries: 2_000,
            rows: 100_000,
            cells: 2_000_000,
        }
    }
}
