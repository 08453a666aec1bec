//! A chart as a picture, for where SVG is not understood.

use std::sync::{Arc, LazyLock};

use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::fontdb::Database;
use resvg::usvg::{Options, Tree};

use super::Chart;

/// Pixels for each unit of a chart: sharp on paper.
const SHARPNESS: f32 = 2.5;

/// The letters come with the program: no machine needs to have them.
static FONTS: LazyLock<Arc<Database>> = LazyLock::new(|| {
    let mut fonts = Database::new();
    fonts.load_font_data(dejavu::sans::regular().to_vec());
    fonts.load_font_data(dejavu::sans::bold().to_vec());
    Arc::new(fonts)
});

/// The chart as a PNG on white: its bytes, its width and its height in pixels.
///
/// # Errors
/// When it cannot be drawn, and why.
pub fn png(chart: &Chart) -> Result<(Vec<u8>, u32, u32), String> {
    let options = Options {
        fontdb: FONTS.clone(),
        font_family: "DejaVu Sans".to_owned(),
        ..Options::default()
    };
    let tree = Tree::from_str(&chart.svg, &options).map_err(|e| e.to_string())?;
    let size = tree.size().to_int_size().scale_by(SHARPNESS).ok_or("a chart without size")?;
    let (width, height) = (size.width(), size.height());
    let mut picture = Pixmap::new(width, height).ok_or("a chart without size")?;
    picture.fill(Color::WHITE);
    resvg::render(&tree, Transform::from_scale(SHARPNESS, SHARPNESS), &mut picture.as_mut());
    let bytes = picture.encode_png().map_err(|e| e.to_string())?;
    Ok((bytes, width, height))
}
