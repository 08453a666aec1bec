//! What each page is for, in the words of those who use it. Every page of the department leads to its own
//! section.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::frame::access::{self, Person};
use super::frame::view;
use crate::runtime::Runtime;

/// `GET /help`
pub async fn show(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
) -> Response {
    view::page(StatusCode::OK, "help.html", &access::head(&runtime, &person))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::Path;

    #[test]
    fn every_page_of_the_department_leads_to_a_section_about_it() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/console/frame/templates");
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
        let help = read("help.html");
        let mut sections: Vec<&str> = help.split("<h3 id=\"").skip(1).collect();
        sections.iter_mut().for_each(|rest| *rest = rest.split('"').next().unwrap());
        let mut led_to = Vec::new();
        for file in std::fs::read_dir(&folder).unwrap() {
            let name = file.unwrap().file_name().into_string().unwrap();
            if name == "help.html" || !name.ends_with(".html") {
                continue;
            }
            let text = read(&name);
            if !text.contains("{% extends \"admin.html\" %}") {
                continue;
            }
            let block = text.split("{% block help %}#").nth(1);
            let section = block.and_then(|rest| rest.split("{% endblock %}").next());
            let section = section.unwrap_or_else(|| panic!("{name} leads to no section"));
            assert!(sections.contains(&section), "{name}: there is no #{section}");
            led_to.push(section.to_owned());
        }
        for section in sections {
            assert!(led_to.iter().any(|one| one == section), "no page leads to #{section}");
        }
    }
}
