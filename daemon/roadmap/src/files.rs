//! A road map's files as text: what goes into reading.

use std::collections::BTreeMap;

/// The files of a road map: path below its folder, with forward slashes -> text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files(pub BTreeMap<String, String>);

impl Files {
    /// Whether a road map has use for a file of this path: others are left alone.
    pub fn wants(path: &str) -> bool {
        // One that leads out of its folder would be written elsewhere by whoever unpacks the road map.
        let leads_astray = |part: &str| matches!(part, "" | "." | "..");
        if path.split('/').any(leads_astray) || path.contains(['\\', '\0']) {
            return false;
        }
        let known = |ending: &str| path.ends_with(ending);
        match path.split('/').next() {
            Some("activities" | "forms" | "analyses" | "layouts" | "evidence") => known(".toml"),
            Some("letters") => known(".txt") || known(".html"),
            Some("reports") => known(".html"),
            Some("decisions") => known(".txt"),
            _ => matches!(
                path,
                "municipality.toml" | "organisations.toml" | "calendar.toml" | "thresholds.toml"
            ),
        }
    }
}
