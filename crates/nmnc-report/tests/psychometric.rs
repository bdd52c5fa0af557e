//! Psychometric curves on the page and in the table of the terminal, on invented runs.

use nmnc_core::records::{Psychometric, RunRecords, Status};
use nmnc_core::statistics::psychometric::Level;
use nmnc_report::{html, table};

use crate::synthetic;

const STRENGTHS: [f64; 7] = [-40.0, -20.0, -10.0, 0.0, 10.0, 20.0, 40.0];

/// A run whose last evaluation has these answers of choice 1 in 100 trials of each strength.
fn run(rule: &'static str, seed: u64, chosen: [usize; 7]) -> RunRecords {
    let shape = synthetic::Shape { rule, accuracy: 0.8, time: 5.0, probes: 4, cosine: 0.3, dimension: None };
    let mut run = synthetic::run(shape, seed, &[16], 4, Some(Status::Complete));
    let levels = STRENGTHS.iter().zip(chosen);
    let levels = levels.map(|(&strength, chosen)| Level { strength, trials: 100, chosen }).collect();
    run.summary.as_mut().unwrap().psychometric = Some(Psychometric::new("coherence (%)".into(), levels));
    run
}

const RISING: [usize; 7] = [2, 5, 20, 52, 78, 95, 99];
const FLAT: [usize; 7] = [50, 48, 52, 50, 49, 51, 50];

fn page(runs: &[RunRecords]) -> String {
    html(runs, "A title", &[]).unwrap()
}

/// The panels of the figure, from heading to end.
fn panels(page: &str) -> Vec<&str> {
    let Some((_, figure)) = page.split_once("</span> Psychometric curves</h3>") else { return Vec::new() };
    figure.split_once("</figure>").unwrap().0.split("<svg class=\"plot").skip(1).collect()
}

#[test]
fn a_run_has_its_points_with_intervals_its_curve_and_its_numbers() {
    let runs = [run("vnc", 1, RISING), run("nmnc", 1, FLAT)];
    let page = page(&runs);
    let panels = panels(&page);
    assert_eq!(panels.len(), 2);
    for panel in &panels {
        assert_eq!(panel.matches("class=\"whisker\"").count(), 7);
        assert!(panel.contains("Shares of choice 1 at 7 strengths.") && panel.contains(">Coherence (%)<"));
    }
    let (rising, flat) = (
        panels.iter().find(|p| p.contains(">VNC, seed 1 ")).unwrap(),
        panels.iter().find(|p| p.contains(">NMNC, seed 1 ")).unwrap(),
    );
    assert!(rising.contains("<g class=\"single") && !flat.contains("<g class=\"single"));
    // 20 of 100: 13.3 to 28.9 % by Wilson's score.
    assert!(rising.contains("coherence (%): −10.0\n20 of 100 trials, 20.0 % (13.3 to 28.9)"), "{rising}");
    let fit = runs[0].summary.as_ref().unwrap().psychometric.as_ref().unwrap().fit.unwrap();
    assert!((fit.sigma - 12.0).abs() < 2.0, "{fit:?}");
    let sigma = format!("{:.1} ± {:.1}", fit.sigma, fit.sigma_se);
    assert!(rising.contains(&format!("σ = {sigma}")) && flat.contains("no curve"), "{sigma}");
    let (_, fits) = page.split_once("<h2>Psychometric curves</h2>").unwrap();
    let fits = fits.split_once("</table>").unwrap().0;
    assert!(
        fits.contains(&sigma) && fits.contains("the share does not rise with the strength beyond chance")
    );
    assert!(page.contains("Lines: cumulative Gaussian") && !page.contains("No curve could be fitted"));
    let alone = self::page(&runs[1..]);
    assert!(!alone.contains("Lines: cumulative Gaussian") && alone.contains("No curve could be fitted"));
    // In the summary, a column for the terminal too, in 80 characters.
    let table = table(&runs);
    assert!(table.contains("Threshold σ") && table.lines().all(|line| line.chars().count() <= 80), "{table}");
}

#[test]
fn the_first_of_many_runs_have_panels_and_runs_without_strengths_none() {
    let mut runs: Vec<RunRecords> = (0..9).map(|seed| run("vnc", seed, RISING)).collect();
    runs.push(run("nmnc", 0, RISING));
    let with = page(&runs);
    let found = panels(&with);
    assert_eq!(found.len(), 8);
    assert!(found.iter().any(|panel| panel.contains(">NMNC, seed 0 ")));
    assert!(with.contains("Of 10 runs, 8 are shown."));
    // All fits in the table, which has no column of reasons.
    let fits = with.split_once("<h2>Psychometric curves</h2>").unwrap().1.split_once("</table>").unwrap().0;
    assert_eq!((fits.matches("<tr>").count(), fits.contains("No curve")), (11, false));

    for run in &mut runs {
        run.summary.as_mut().unwrap().psychometric = None;
    }
    let without = page(&runs);
    assert!(!without.contains("Psychometric") && !table(&runs).contains("Threshold"));
}
