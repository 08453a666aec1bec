//! What a template was made of: so that another form's template, or one of an earlier wording, is
//! recognised before its answers are misread.

use vekha_proto::v1;

/// A fingerprint of all that answers are found by: ids, types, headings, options, rows. FNV-1a, for
/// it must be the same in every build; it guards against mistakes, not against malice.
pub(crate) fn of(form: &v1::Form) -> String {
    let mut hash = Hash(0xcbf2_9ce4_8422_2325);
    hash.text(&form.id);
    hash.fields(&form.fields);
    format!("{:016x}", hash.0)
}

struct Hash(u64);

impl Hash {
    fn text(&mut self, text: &str) {
        // The length keeps ("ab", "c") apart from ("a", "bc").
        for byte in (text.len() as u64).to_le_bytes().iter().chain(text.as_bytes()) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn fields(&mut self, fields: &[v1::FormField]) {
        for field in fields {
            for text in [&field.id, &field.label, &field.unit, &field.section] {
                self.text(text);
            }
            self.text(field.r#type().as_str_name());
            for option in &field.options {
                self.text(&option.value);
                self.text(&option.label);
            }
            for row in &field.rows {
                self.text(row);
            }
            self.fields(&field.columns);
            self.text("end");
        }
    }
}
