//! Passwords: which are taken, and how they are kept.
//!
//! Kept as argon2id with the parameters that OWASP recommends (19 MiB, two passes), which the kept
//! text itself names. Whether a password can be guessed is judged by zxcvbn, beside it words and
//! keyboards that only Russian offices have.

use std::cmp::Reverse;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use tokio::sync::Semaphore;
use tokio::task::JoinError;
use zxcvbn::{Score, zxcvbn};

/// Fewest characters.
pub const SHORTEST: usize = 10;

/// Most characters: what is longer costs time to judge.
pub const LONGEST: usize = 200;

/// Passwords that are hashed at a time: each takes 19 MiB.
static PLACES: Semaphore = Semaphore::const_new(2);

/// What people of an education authority think of first, in Russian and with the keyboard in the
/// wrong language.
const COMMON: [&str; 40] = [
    "пароль",
    "gfhjkm",
    "parol",
    "администратор",
    "administrator",
    "admin",
    "школа",
    "irjkf",
    "shkola",
    "учитель",
    "exbntkm",
    "директор",
    "lbhtrnjh",
    "отдел",
    "образование",
    "j,hfpjdfybt",
    "obrazovanie",
    "управление",
    "район",
    "город",
    "муниципалитет",
    "веха",
    "dt[f",
    "vekha",
    "йцукен",
    "qwerty",
    "ячсмить",
    "фывапр",
    "любовь",
    "k.,jdm",
    "россия",
    "hjccbz",
    "москва",
    "привет",
    "ghbdtn",
    "солнышко",
    "секрет",
    "ctrhtn",
    "весна",
    "здравствуй",
];

/// What is wrong with a password for somebody of this name and address; none if it is taken.
pub fn wrong(password: &str, about: &[&str]) -> Option<String> {
    let length = password.chars().count();
    if length < SHORTEST {
        return Some(format!("нужно не меньше {SHORTEST} знаков"));
    }
    if length > LONGEST {
        return Some(format!("нужно не больше {LONGEST} знаков"));
    }
    // What is known of a person is no secret, whole or in part; what is left without it must be one.
    let mut own: Vec<String> = about
        .iter()
        .flat_map(|text| text.split(|c: char| !c.is_alphanumeric()).chain([*text]))
        .filter(|part| part.chars().count() > 2)
        .map(str::to_lowercase)
        .collect();
    own.sort_by_key(|part| Reverse(part.chars().count()));
    let rest = own.iter().fold(password.to_lowercase(), |rest, part| rest.replace(part, ""));
    if rest.chars().filter(|c| c.is_alphanumeric()).count() < SHORTEST / 2 {
        return Some("своё имя, адрес и должность — не пароль: их знают все".to_owned());
    }
    let known: Vec<&str> = COMMON.iter().copied().chain(own.iter().map(String::as_str)).collect();
    (zxcvbn(password, &known).score() < Score::Three).then(|| {
        "такой пароль угадают: слова, имена, годы и соседние клавиши не годятся. Лучше три-четыре \
         слова, не связанных между собой"
            .to_owned()
    })
}

/// A password as the database keeps it.
///
/// # Errors
/// When the machine has no randomness or the work broke off.
pub async fn kept(password: String) -> Result<String, String> {
    let hashed = heavy(move || {
        Argon2::default().hash_password(password.as_bytes()).map(|kept| kept.to_string())
    });
    hashed.await.map_err(|e| e.to_string())?.map_err(|e| e.to_string())
}

/// Whether this is the password that is kept. It takes as long where nothing is kept, so that nobody
/// learns who has a password.
///
/// # Errors
/// When the work broke off.
pub async fn is(password: String, kept: String) -> Result<bool, JoinError> {
    heavy(move || {
        let hasher = Argon2::default();
        match PasswordHash::new(&kept) {
            Ok(kept) => hasher.verify_password(password.as_bytes(), &kept).is_ok(),
            Err(_) => hasher.hash_password(password.as_bytes()).is_err(),
        }
    })
    .await
}

async fn heavy<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    // It is never closed; without a place the work would still be right.
    let place = PLACES.acquire().await.ok();
    let done = tokio::task::spawn_blocking(work).await;
    drop(place);
    done
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_guessed_first_is_no_password() {
        let about = ["Анна Петрова", "anna.petrova@zarechny.example.org"];
        for guessed in [
            "короткий",
            "1234567890",
            "qwertyuiop",
            "йцукенгшщз",
            "Администратор1",
            "gfhjkm2026!",
            "annapetrova",
            "Петрова1985",
            "zarechny2026",
            "aaaaaaaaaaaa",
            "Школа2026!",
            "anna.petrova@zarechny.example.org",
            "Анна-Петрова-1985",
        ] {
            assert!(wrong(guessed, &about).is_some(), "{guessed}");
        }
        for taken in ["четыре кита везут самовар", "correct horse battery staple", "x7$Kd!pQ2vLm"]
        {
            assert_eq!(wrong(taken, &about), None, "{taken}");
        }
        assert!(wrong(&"я".repeat(LONGEST + 1), &about).unwrap().contains("не больше"));
    }

    #[tokio::test]
    async fn a_kept_password_opens_to_itself_alone_and_is_kept_anew_each_time() {
        let password = "четыре кита везут самовар".to_owned();
        let one = kept(password.clone()).await.unwrap();
        let other = kept(password.clone()).await.unwrap();
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
        assert_ne!(one, other);
        assert!(is(password.clone(), one.clone()).await.unwrap());
        assert!(!is("четыре кита везут Самовар".to_owned(), one).await.unwrap());
        // Who has chosen none is let in by none.
        assert!(!is(String::new(), String::new()).await.unwrap());
        assert!(!is(password, String::new()).await.unwrap());
    }
}
