//! A chart as a picture, for where SVG is not understood.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::fontdb::Database;
use resvg::usvg::{Options, Tree};
use vekha_analysis::parallel;

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

/// A PNG on white.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// The file.
    pub png: Vec<u8>,
    /// Width and height, in pixels.
    pub pixels: [u32; 2],
    /// What it shows, for who does not see it.
    pub words: String,
}

/// The charts as pictures, in their order; as many are drawn at a time as there are processors.
///
/// # Errors
/// When one cannot be drawn, and why.
pub fn pictures(charts: &[Chart]) -> Result<Vec<Picture>, String> {
    let mut charts: Vec<&Chart> = charts.iter().collect();
    parallel::map(&mut charts, 2, |chart| picture(chart)).into_iter().collect()
}

fn picture(chart: &Chart) -> Result<Picture, String> {
    let options = Options {
        fontdb: FONTS.clone(),
        font_family: "DejaVu Sans".to_owned(),
        ..Options::default()
    };
    let tree = Tree::from_str(&chart.svg, &options).map_err(|e| e.to_string())?;
    let size = tree.size().to_int_size().scale_by(SHARPNESS).ok_or("a chart without size")?;
    let pixels = [size.width(), size.height()];
    let mut drawn = Pixmap::new(pixels[0], pixels[1]).ok_or("a chart without size")?;
    drawn.fill(Color::WHITE);
    resvg::render(&tree, Transform::from_scale(SHARPNESS, SHARPNESS), &mut drawn.as_mut());
    let png = encode(&drawn).map_err(|e| e.to_string())?;
    Ok(Picture { png, pixels, words: chart.words.clone() })
}

/// A chart has few colours: numbered, they take a sixth of the room that they take otherwise.
fn encode(drawn: &Pixmap) -> Result<Vec<u8>, png::EncodingError> {
    let mut numbers: HashMap<[u8; 3], u8> = HashMap::new();
    let mut palette = Vec::new();
    let mut numbered = Vec::with_capacity(drawn.pixels().len());
    // Most pixels are as the one before.
    let mut last = None;
    for pixel in drawn.pixels() {
        let colour = [pixel.red(), pixel.green(), pixel.blue()];
        let number = match last {
            Some((same, number)) if same == colour => number,
            _ => match (numbers.get(&colour), u8::try_from(numbers.len())) {
                (Some(number), _) => *number,
                (None, Ok(next)) => {
                    palette.extend(colour);
                    numbers.insert(colour, next);
                    next
                }
                // More colours than numbers.
                (None, Err(_)) => return whole(drawn),
            },
        };
        last = Some((colour, number));
        numbered.push(number);
    }
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, drawn.width(), drawn.height());
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_palette(palette);
    encoder.write_header()?.write_image_data(&numbered)?;
    Ok(bytes)
}

fn whole(drawn: &Pixmap) -> Result<Vec<u8>, png::EncodingError> {
    let colours =
        |pixel: &resvg::tiny_skia::PremultipliedColorU8| [pixel.red(), pixel.green(), pixel.blue()];
    let data: Vec<u8> = drawn.pixels().iter().flat_map(colours).collect();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, drawn.width(), drawn.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header()?.write_image_data(&data)?;
    Ok(bytes)
}
