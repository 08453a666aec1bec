//! A road map as an archive: all its files in one, and back.

use std::io::{Cursor, Read as _, Write as _};

use vekha_roadmap::read::Files;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// Largest file within, and all of them together, in bytes.
const LARGEST: u64 = 4 << 20;
const LARGEST_WHOLE: u64 = 16 << 20;

/// Most entries that are looked at.
const MOST_ENTRIES: usize = 5000;

/// Most mistakes of an archive that are told.
const MOST_TOLD: usize = 20;

/// All files of a road map.
///
/// # Errors
/// When they do not go into an archive.
pub fn pack(files: &Files) -> Result<Vec<u8>, String> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    // The same files are the same bytes, whenever they are packed.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(zip::DateTime::default());
    for (path, text) in &files.0 {
        zip.start_file(path.as_str(), options).map_err(|e| e.to_string())?;
        zip.write_all(text.as_bytes()).map_err(|e| e.to_string())?;
    }
    Ok(zip.finish().map_err(|e| e.to_string())?.into_inner())
}

/// The files of a road map from an archive of its folder; what belongs to none is left out.
///
/// # Errors
/// All that is wrong with it, for people.
pub fn unpack(bytes: &[u8]) -> Result<Files, Vec<String>> {
    let mut zip = ZipArchive::new(Cursor::new(bytes)).map_err(|_| {
        vec!["это не архив ZIP: сожмите папку дорожной карты или скачайте карту отсюда".to_owned()]
    })?;
    if zip.len() > MOST_ENTRIES {
        return Err(vec![format!("в архиве больше {MOST_ENTRIES} файлов")]);
    }
    let names: Vec<String> =
        zip.file_names().flatten().map(|name| name.replace('\\', "/")).collect();
    // Whoever packs a folder packs its name, too.
    let top = names
        .iter()
        .filter_map(|name| name.strip_suffix("municipality.toml"))
        .filter(|top| top.is_empty() || top.ends_with('/'))
        .min_by_key(|top| top.len());
    let Some(top) = top.map(str::to_owned) else {
        let words = "в архиве нет municipality.toml: сожмите папку дорожной карты целиком";
        return Err(vec![words.to_owned()]);
    };
    let (mut files, mut wrong, mut whole) = (Files::default(), Vec::new(), 0);
    for number in 0..zip.len() {
        let Ok(entry) = zip.by_index(number) else {
            wrong.push("архив повреждён или закрыт паролем".to_owned());
            break;
        };
        // A name that cannot be read is none of ours.
        let Ok(name) = entry.name().map(|name| name.replace('\\', "/")) else { continue };
        let Some(path) = name.strip_prefix(&top) else { continue };
        if !Files::wants(path) {
            // What else lies in a folder (pictures, notes) is none of ours; a definition where none is
            // looked for is a mistake.
            if path.ends_with(".toml") {
                let shown: String = path.chars().filter(|c| !c.is_control()).take(100).collect();
                wrong.push(format!("{shown}: такого файла в дорожной карте не бывает"));
            }
            continue;
        }
        let path = path.to_owned();
        let mut content = Vec::new();
        // What the archive says of its sizes is not believed.
        if entry.take(LARGEST + 1).read_to_end(&mut content).is_err() {
            wrong.push(format!("{path}: не распаковывается"));
            continue;
        }
        whole += content.len() as u64;
        if content.len() as u64 > LARGEST || whole > LARGEST_WHOLE {
            let most = (LARGEST >> 20, LARGEST_WHOLE >> 20);
            wrong.push(format!(
                "{path}: файл больше {} МБ или все вместе больше {} МБ",
                most.0, most.1
            ));
            break;
        }
        match String::from_utf8(content) {
            Ok(text) => {
                files.0.insert(path, text);
            }
            Err(_) => wrong.push(format!(
                "{path}: файл не в UTF-8 (может быть, в Windows-1251): сохраните его в UTF-8"
            )),
        }
    }
    if wrong.is_empty() {
        return Ok(files);
    }
    if wrong.len() > MOST_TOLD {
        let more = wrong.len() - MOST_TOLD;
        wrong.truncate(MOST_TOLD);
        wrong.push(format!("и ещё {more}"));
    }
    Err(wrong)
}
