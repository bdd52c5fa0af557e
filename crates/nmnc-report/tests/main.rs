//! Tests of figures and pages, one program for all files: what they share is compiled once.

mod psychometric;
mod report;
#[path = "../examples/report_preview/synthetic.rs"]
mod synthetic;
mod total;
