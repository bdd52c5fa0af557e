//! Comparing rules: which runs a comparison consists of, and making them beside other processes.

use std::time::Duration;

use crate::build::RunConfig;
use crate::config::{Config, Resolved};
use nmnc_core::error::{Error, ErrorKind, Result};
use nmnc_core::seed::Seed;

/// One run of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedRun<C = Config> {
    /// Name of its folder: rule and seed.
    pub name: String,
    /// Its configuration.
    pub config: Resolved<C>,
}

/// The runs of every rule with every seed from `base.seed` on, the seeds of one rule together.
///
/// # Errors
/// Unknown or repeated rules, no seeds, or settings that belong to one rule alone.
pub fn plan<C: RunConfig>(base: &C, rules: &[String], seeds: u64) -> Result<Vec<PlannedRun<C>>> {
    if rules.is_empty() || seeds == 0 {
        return Err(Error::config("compare", "needs at least one rule and one seed"));
    }
    let mut runs = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        if rules[..index].contains(rule) {
            return Err(Error::config("rules", format!("`{rule}` is named twice")));
        }
        for offset in 0..seeds {
            let seed = Seed(base.seed().0.saturating_add(offset));
            let config = base.for_rule(rule, seed)?;
            runs.push(PlannedRun { name: format!("{rule}-seed{}", seed.0), config });
        }
    }
    Ok(runs)
}

/// Makes `count` things that other processes may be making too, each in a place of its own: what another process has is left until it has
/// ended, and then looked at again. `make` is given the number of each and gives what it comes to; `waiting` is told once of each that
/// another process has.
///
/// # Errors
/// The first of `make` that is not [`ErrorKind::Busy`].
pub fn share<T>(
    count: usize,
    mut make: impl FnMut(usize) -> Result<T>,
    mut waiting: impl FnMut(usize, &Error),
) -> Result<Vec<T>> {
    const PAUSE: Duration = Duration::from_millis(500);
    let mut made: Vec<Option<T>> = (0..count).map(|_| None).collect();
    let mut told = vec![false; count];
    while made.iter().any(Option::is_none) {
        let mut progress = false;
        for index in 0..count {
            if made[index].is_some() {
                continue;
            }
            match make(index) {
                Ok(thing) => (made[index], progress) = (Some(thing), true),
                Err(error) if error.kind() == ErrorKind::Busy => {
                    if !std::mem::replace(&mut told[index], true) {
                        waiting(index, &error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        if !progress {
            std::thread::sleep(PAUSE);
        }
    }
    Ok(made.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_keep_their_own_tables_when_the_file_names_another_rule() {
        let text = "[network]\npreset = 'mlp'\n[credit]\nrule = 'bp'\n[credit.vnc]\ninterval = 7\n";
        let base = Config::parse(text, "test", &[]).unwrap();
        let runs = plan(&base, &["bp".into(), "vnc".into()], 2).unwrap();
        let names: Vec<&str> = runs.iter().map(|run| run.name.as_str()).collect();
        assert_eq!(names, ["bp-seed0", "bp-seed1", "vnc-seed0", "vnc-seed1"]);
        assert_eq!(runs[3].config.credit.settings["interval"].as_integer(), Some(7));
    }

    #[test]
    fn what_others_are_making_is_left_for_later_and_told_once() {
        let (mut order, mut told, mut others) = (Vec::new(), Vec::new(), 2);
        let busy = || Error::new(ErrorKind::Busy, "b", "is being written");
        let made = share(
            3,
            |index| {
                if index == 1 && others > 0 {
                    others -= 1;
                    return Err(busy());
                }
                order.push(index);
                Ok(index * 10)
            },
            |index, _| told.push(index),
        );
        assert_eq!((made.unwrap(), order, told), (vec![0, 10, 20], vec![0, 2, 1], vec![1]));
        let failed = share(2, |_| Err::<(), _>(Error::config("x", "wrong")), |_, _| {}).unwrap_err();
        assert_eq!(failed.to_string(), "x: wrong");
    }
}
