//! axe-core, which knows the rules of WCAG: what it finds wrong with the page that a browser shows.
//! Its text is not kept here; pip brings it from the package index, once, beside what cargo builds.

use std::io::Read as _;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::browser::{Browser, Scheme};

/// What carries it: axe-core 4.12.1, as a file of this package.
const PACKAGE: &str = "axe-playwright-python==0.1.8";
const WHEEL: &str = "axe_playwright_python-0.1.8-py3-none-any.whl";
const SCRIPT: &str = "axe_playwright_python/axe.min.js";
const SHA256: &str = "84494fec757e4710dc751c8d7a636e457f4532f08f85c86dc9070133fbff53bc";

/// Levels A and AA, and what is good practice beyond them.
const TAGS: [&str; 6] = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/// What changes with the colours that a reader prefers; everything else was looked at already.
const OF_COLOURS: [&str; 2] = ["color-contrast", "link-in-text-block"];

/// A desk and a phone, in CSS pixels.
const WIDTHS: [(u32, u32); 2] = [(1280, 900), (390, 844)];

/// A browser that takes axe-core into every page.
///
/// # Panics
/// When there is no browser, or pip does not bring axe-core.
pub async fn browser() -> Browser {
    let (width, height) = WIDTHS[0];
    let browser = Browser::start(width, height).await;
    browser.take_in(script()).await;
    browser
}

/// What axe-core finds wrong with the page that is open in such a browser, on a desk and on a phone,
/// by day and by night: a line for each rule.
///
/// # Panics
/// When the browser or axe-core fails.
pub async fn violations(browser: &Browser) -> Vec<String> {
    unfold(browser).await;
    let mut found = Vec::new();
    for (width, height) in WIDTHS {
        browser.resize(width, height).await;
        for scheme in [Scheme::Light, Scheme::Dark] {
            browser.prefer(scheme).await;
            picture(browser, (width, height), scheme).await;
            let rules = match scheme {
                Scheme::Light => json!({ "type": "tag", "values": TAGS }),
                Scheme::Dark => json!({ "type": "rule", "values": OF_COLOURS }),
            };
            for violation in run(browser, rules).await {
                found.push(format!("{width} px, {scheme:?}: {violation}"));
            }
        }
    }
    browser.prefer(Scheme::Light).await;
    found
}

/// Keeps a picture of the whole page in the folder that `VEKHA_TEST_PICTURES` names, for people to look
/// at.
async fn picture(browser: &Browser, (width, height): (u32, u32), scheme: Scheme) {
    let Ok(folder) = std::env::var("VEKHA_TEST_PICTURES") else { return };
    let script =
        "return [document.documentElement.scrollHeight, location.pathname + location.search]";
    let page = browser.client.execute(script, vec![]).await.expect("the browser answers");
    let whole = page[0].as_u64().unwrap_or_default().clamp(u64::from(height), 5000) as u32;
    browser.resize(width, whole).await;
    let png = browser.client.screenshot().await.expect("a picture");
    browser.resize(width, height).await;
    let name: String = page[1].as_str().unwrap_or_default().chars().take(90).collect();
    let name = name.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let path = std::path::Path::new(&folder).join(format!("{name}-{width}-{scheme:?}.png"));
    std::fs::write(path, png).expect("to keep a picture");
}

/// Unfolds whatever the page folds away: what is not seen is not looked at.
///
/// # Panics
/// When the browser has gone.
pub async fn unfold(browser: &Browser) {
    let script = "for (const folded of document.querySelectorAll('details')) folded.open = true;";
    browser.client.execute(script, vec![]).await.expect("the browser answers");
}

/// What is wrong by these rules: each with where and in which words.
async fn run(browser: &Browser, rules: Value) -> Vec<String> {
    let script = "
        const [rules, done] = arguments;
        const line = ({ id, help, nodes }) =>
            `${id} (${help}): ${nodes.map((node) => node.target.flat().join(' ')).join('; ')}`;
        axe.run({ runOnly: rules, resultTypes: ['violations'], elementRef: false })
            .then(({ violations }) => done({ lines: violations.map(line) }))
            .catch((error) => done({ failed: String(error) }));";
    let answer = browser.client.execute_async(script, vec![rules]).await;
    let answer = answer.expect("the browser answers");
    let lines = answer["lines"].as_array().unwrap_or_else(|| panic!("axe-core: {answer}"));
    lines.iter().map(|line| line.as_str().unwrap_or_default().to_owned()).collect()
}

/// Its text.
fn script() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        let folder = std::env::current_exe().expect("a path");
        let folder = folder.parent().expect("a folder");
        let wheel = folder.join(WHEEL);
        if !wheel.exists() {
            let mut pip = Command::new("python3");
            pip.args([
                "-m",
                "pip",
                "download",
                "--quiet",
                "--no-deps",
                "--disable-pip-version-check",
            ]);
            let brought = pip.arg("--dest").arg(folder).arg(PACKAGE).status();
            let brought = brought.is_ok_and(|status| status.success());
            assert!(brought, "pip does not bring {PACKAGE}: tests/run installs pip");
        }
        let file = std::fs::File::open(&wheel).expect("what pip has brought");
        let mut archive = zip::ZipArchive::new(file).expect("a wheel");
        let mut text = String::new();
        archive.by_name(SCRIPT).expect(SCRIPT).read_to_string(&mut text).expect("a text");
        let sum: String = hex::encode(Sha256::digest(&text));
        assert_eq!(sum, SHA256, "{} is another than was looked at", wheel.display());
        text
    })
}
