//! Sources by HTTP.
