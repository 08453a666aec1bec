//! The first page of a site on which several municipalities may publish: where each one's reports
//! are.

use minijinja::Environment;
use minijinja::value::Serde;
use serde::Serialize;
use serde_json::json;

/// A municipality that has a list of its reports.
#[derive(Debug, Clone, Serialize)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Its authority.
    pub authority: String,
    /// The list, from the first page.
    pub page: String,
}

/// The page.
///
/// # Errors
/// When it cannot be made, and why.
pub fn contents(municipalities: &[Listed]) -> Result<String, String> {
    const NAME: &str = "contents.html";
    let mut environment = Environment::new();
    environment.add_template(NAME, include_str!("contents.html")).map_err(|e| e.to_string())?;
    let template = environment.get_template(NAME).map_err(|e| e.to_string())?;
    let context = minijinja::Value::from(Serde(json!({ "municipalities": municipalities })));
    template.render(context).map_err(|e| format!("{NAME}: {e}"))
}
