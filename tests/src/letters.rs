//! Letters as their readers see them.

use mail_parser::{MessageParser, MimeHeaders as _};

use crate::smtp::Received;

/// A letter, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Address of the (only) recipient.
    pub to: String,
    /// Subject line.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
    /// Message-ID without angle brackets.
    pub message_id: String,
    /// Message-IDs of the thread.
    pub references: Vec<String>,
    /// Attached files: name and content.
    pub attachments: Vec<(String, Vec<u8>)>,
}

impl Letter {
    /// Reads a letter that a server accepted.
    ///
    /// # Panics
    /// When it is no letter.
    pub fn read(received: &Received) -> Self {
        let mail = MessageParser::default().parse(&received.data).expect("a letter");
        let references = mail
            .references()
            .as_text_list()
            .unwrap_or_default()
            .iter()
            .map(ToString::to_string)
            .collect();
        Letter {
            to: received.to.join(", "),
            subject: mail.subject().unwrap_or_default().to_owned(),
            text: mail.body_text(0).unwrap_or_default().replace("\r\n", "\n"),
            html: mail.body_html(0).unwrap_or_default().into_owned(),
            message_id: received.message_id.clone(),
            references,
            attachments: mail
                .attachments()
                .filter_map(|a| Some((a.attachment_name()?.to_owned(), a.contents().to_vec())))
                .collect(),
        }
    }

    /// The personal link in the text, the first if there are several.
    ///
    /// # Panics
    /// When there is none.
    pub fn link(&self) -> String {
        link(&self.text).expect("a personal link")
    }

    /// The personal link of that part of a digest which speaks of something; of the whole letter
    /// if it is none.
    ///
    /// # Panics
    /// When there is none.
    pub fn link_about(&self, what: &str) -> String {
        let mut parts = self.text.split("\n----------");
        parts.find_map(|part| link(part).filter(|_| part.contains(what))).expect("a personal link")
    }
}

fn link(text: &str) -> Option<String> {
    let start = text.find("/a/")?;
    let from = text[..start].rfind(char::is_whitespace).map_or(0, |at| at + 1);
    text[from..].split_whitespace().next().map(str::to_owned)
}
