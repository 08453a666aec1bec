//! Why a file is not read at all, with what to do about it.

use thiserror::Error;

/// A file that is not read. One sentence each, for the person who sent it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Refusal {
    #[error("Файл пуст: заполните шаблон формы и отправьте его.")]
    Empty,
    #[error("Файл больше {0} МБ: удалите из него рисунки и лишние листы и отправьте снова.")]
    TooBig(u64),
    #[error(
        "Файл в распакованном виде слишком велик: перенесите ответы в новый шаблон формы и \
         отправьте его."
    )]
    TooBigInside,
    #[error("В файле слишком много строк или ячеек: оставьте в нём только листы формы.")]
    TooMany,
    #[error(
        "Файл защищён паролем: снимите пароль (Файл — Сведения — Защита книги) и отправьте снова."
    )]
    Encrypted,
    #[error(
        "Это файл старого Excel (.xls): откройте его, сохраните как «Книга Excel (.xlsx)» и \
         отправьте снова."
    )]
    OldExcel,
    #[error(
        "Двоичная книга Excel (.xlsb) не читается: сохраните её как «Книга Excel (.xlsx)» и \
         отправьте снова."
    )]
    BinaryExcel,
    #[error("Это не таблица: нужен заполненный шаблон формы — файл .xlsx, .ods или .csv.")]
    NotATable,
    #[error("Файл повреждён и не читается: откройте его, сохраните как .xlsx и отправьте снова.")]
    Damaged,
    #[error(
        "Строки листа записаны в файле не по порядку: откройте его, сохраните как .xlsx и \
         отправьте снова."
    )]
    Unordered,
}
