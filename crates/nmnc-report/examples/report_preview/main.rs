//! Writes a report on invented runs, to look at while working on the report's looks: `report_preview FILE [CASE]` with
//! CASE `full` (four rules with three seeds), `one` (a single unfinished run) or `many` (nine settings, five stages).

#[path = "synthetic.rs"]
mod synthetic;

use std::path::Path;

fn main() -> nmnc_core::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().unwrap_or_else(|| "report.html".to_owned());
    let case = arguments.next().unwrap_or_else(|| "full".to_owned());
    let runs = match case.as_str() {
        "one" => synthetic::one(),
        "many" => synthetic::many(),
        _ => synthetic::full(),
    };
    let html = nmnc_report::html(
        &runs,
        "Synthetic preview: four ways to assign credit in a small network",
        &[format!("nmnc report runs/* --output {path}")],
    )?;
    nmnc_report::write(Path::new(&path), &html)?;
    print!("{}", nmnc_report::table(&runs));
    Ok(())
}
