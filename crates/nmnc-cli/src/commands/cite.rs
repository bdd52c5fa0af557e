//! `nmnc cite`.

use nmnc::report::COLUMNS;
use nmnc::{Result, cite};
use serde_json::json;

use super::report::run_folders;
use crate::cli::Cite;
use crate::output::{Output, entry, wrapped};

/// Prints the references of the runs, each once.
pub fn run(arguments: &Cite, out: Output) -> Result<()> {
    let mut runs = Vec::new();
    for given in &arguments.runs {
        for folder in run_folders(given)? {
            runs.push(cite::of_run(&folder)?);
        }
    }
    let all = cite::together(runs);
    for cited in &all {
        let (reference, settings) = (&cited.reference, cited.settings.join(", "));
        out.event(
            "reference",
            json!({ "key": reference.key, "text": reference.text(), "bibtex": reference.bibtex, "settings": cited.settings }),
        );
        match arguments.bibtex {
            true => out.result(format_args!("% {settings}\n{}\n", reference.bibtex)),
            false => out.result(format_args!(
                "{}\n{}",
                wrapped(&reference.text(), COLUMNS, 2),
                entry("    ", &settings)
            )),
        }
    }
    if all.is_empty() {
        out.line("the configuration names nothing that has a reference");
    }
    Ok(())
}
