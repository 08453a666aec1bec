//! Workbooks as a school's own program writes them: `openpyxl` for Python, which pip brings once.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::pip;

const PACKAGE: &str = "openpyxl==3.1.5";

/// Fills the rows of the sheet that has these headings, and tells what stood in them.
const SCRIPT: &str = r#"
import datetime, json, sys, openpyxl
asked = json.load(sys.stdin)
book = openpyxl.load_workbook(asked["path"])
def plain(cell):
    if isinstance(cell, datetime.datetime):
        return cell.date().isoformat()
    return cell
def typed(cell):
    try:
        return datetime.date.fromisoformat(cell)
    except (TypeError, ValueError):
        return cell
for sheet in book:
    for row in range(1, 9):
        headings = [sheet.cell(row, 1 + n).value or "" for n in range(len(asked["headings"]))]
        if not all(h.startswith(w) for h, w in zip(headings, asked["headings"])):
            continue
        width = len(headings)
        stood = []
        at = row + 1
        while any(sheet.cell(at, 1 + n).value is not None for n in range(width)):
            stood.append([plain(sheet.cell(at, 1 + n).value) for n in range(width)])
            at += 1
        for place, filled in enumerate(asked["rows"]):
            for n, cell in enumerate(filled):
                sheet.cell(row + 1 + place, 1 + n).value = typed(cell)
        book.save(asked["path"])
        print(json.dumps(stood))
        sys.exit(0)
sys.exit("no sheet has these headings")
"#;

/// Writes rows into a workbook's sheet, found by how its headings begin, over what stood there; says
/// what that was.
///
/// # Panics
/// When there is no such sheet, or pip does not bring what writes it.
pub fn fill(path: &Path, headings: &[&str], rows: &[Vec<Value>]) -> Vec<Vec<Value>> {
    static PACKAGES: OnceLock<std::path::PathBuf> = OnceLock::new();
    let packages = PACKAGES.get_or_init(|| pip::brought("python-workbooks", PACKAGE));
    let mut python = Command::new("python3");
    python.args(["-c", SCRIPT]).env("PYTHONPATH", packages);
    let mut python = python.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python3");
    let input = python.stdin.take().expect("a pipe");
    let asked = json!({ "path": path, "headings": headings, "rows": rows });
    serde_json::to_writer(input, &asked).expect("it reads");
    let output = python.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{headings:?} stand in no sheet");
    serde_json::from_slice(&output.stdout).expect("JSON")
}
