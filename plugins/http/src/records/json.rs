//! Records as an array of objects.

use serde_json::Value;

use super::Reading;

pub(super) fn read(reading: &mut Reading<'_>, body: &[u8]) -> Result<(), String> {
    let answer: Value = serde_json::from_slice(body).map_err(|error| {
        format!("это не JSON (строка {}, знак {})", error.line(), error.column())
    })?;
    let at = &reading.shape.records;
    let records = match answer.pointer(at) {
        Some(Value::Array(records)) => records,
        Some(_) if at.is_empty() => {
            return Err("в ответе не список записей: укажите в настройке records, где он".into());
        }
        Some(_) => return Err(format!("по указателю {at} не список записей")),
        None => return Err(format!("в ответе нет ничего по указателю {at}")),
    };
    for (at, record) in records.iter().enumerate() {
        let place = format!("запись {}", at + 1);
        match record {
            Value::Object(_) => reading.record(&place, |at| find(record, at)),
            _ => reading.mistake(&place, "это не объект"),
        }
    }
    Ok(())
}

/// The value under a name, or at a pointer if the name begins with a slash.
fn find(record: &Value, at: &str) -> Option<Value> {
    let found = if at.starts_with('/') { record.pointer(at) } else { record.get(at) };
    found.cloned()
}
