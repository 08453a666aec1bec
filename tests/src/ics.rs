//! Calendars as another library reads them: `icalendar` for Python, which pip brings once, beside what
//! cargo builds.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use crate::pip;

const PACKAGE: &str = "icalendar==7.3.2";

/// Reads a calendar strictly, and tells of each event what a program would show.
const SCRIPT: &str = r#"
import json, sys, icalendar
calendar = icalendar.Calendar.from_ical(sys.stdin.buffer.read())
assert not calendar.errors, calendar.errors
def event(e):
    assert not e.errors, e.errors
    text = lambda name: str(e.get(name)) if e.get(name) is not None else None
    return {
        "uid": text("UID"), "summary": text("SUMMARY"), "description": text("DESCRIPTION"),
        "url": text("URL"), "status": text("STATUS"), "sequence": int(e["SEQUENCE"]),
        "start": e["DTSTART"].dt.isoformat(), "end": e["DTEND"].dt.isoformat(),
        "stamp": e["DTSTAMP"].dt.isoformat(), "modified": e["LAST-MODIFIED"].dt.isoformat(),
    }
print(json.dumps({
    "method": str(calendar["METHOD"]), "name": str(calendar["X-WR-CALNAME"]),
    "zone": str(calendar["X-WR-TIMEZONE"]), "refresh": str(calendar["REFRESH-INTERVAL"].dt),
    "events": [event(e) for e in calendar.walk("VEVENT")],
}))
"#;

/// What a calendar says.
///
/// # Panics
/// When it is none, or pip does not bring what reads it.
pub fn read(calendar: &str) -> Value {
    let mut python = Command::new("python3");
    python.args(["-c", SCRIPT]).env("PYTHONPATH", packages());
    let mut python = python.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python3");
    let mut input = python.stdin.take().expect("a pipe");
    input.write_all(calendar.as_bytes()).expect("it reads");
    drop(input);
    let output = python.wait_with_output().expect("it ends");
    assert!(output.status.success(), "it is read: {calendar}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn packages() -> &'static PathBuf {
    static PACKAGES: OnceLock<PathBuf> = OnceLock::new();
    PACKAGES.get_or_init(|| pip::brought("python-calendars", PACKAGE))
}
