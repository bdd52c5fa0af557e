//! Which of many runs to make: what `sweep`, `compare` and `reproduce` have in common.

use clap::Args;
use nmnc::{Error, Result};

/// Which runs to make.
#[derive(Clone, Debug, Args)]
pub struct Part {
    /// Print the command of each run, one a line, and make nothing
    #[arg(long, conflicts_with_all = ["task", "shard"], help_heading = "Parts")]
    pub list: bool,
    /// Make the run of this number alone, from 1 on
    #[arg(long, value_name = "N", value_parser = super::count, conflicts_with = "shard", help_heading = "Parts")]
    pub task: Option<usize>,
    /// Make one of so many shares of the runs, such as 2/8
    #[arg(long, value_name = "I/N", value_parser = shard, help_heading = "Parts")]
    pub shard: Option<[usize; 2]>,
}

impl Part {
    /// The places of the runs chosen among `runs`, counted from 0.
    ///
    /// # Errors
    /// If there is no run of the number asked for.
    pub fn chosen(&self, runs: usize) -> Result<Vec<usize>> {
        match (self.task, self.shard) {
            (Some(task), _) if task > runs => {
                let problem = match runs {
                    1 => "there is 1 run".to_owned(),
                    _ => format!("there are {runs} runs"),
                };
                Err(Error::config(format!("--task {task}"), problem).mend("--list prints them"))
            }
            (Some(task), _) => Ok(vec![task - 1]),
            (None, Some([share, shares])) => Ok((share - 1..runs).step_by(shares).collect()),
            (None, None) => Ok((0..runs).collect()),
        }
    }
}

/// `i/n` with 1 <= i <= n.
fn shard(text: &str) -> std::result::Result<[usize; 2], String> {
    let parts = text
        .split_once('/')
        .and_then(|(share, shares)| Some([super::count(share).ok()?, super::count(shares).ok()?]));
    match parts {
        Some([share, shares]) if share <= shares => Ok([share, shares]),
        _ => Err("not a share such as 1/8, from 1/8 to 8/8".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_take_every_run_once() {
        let chosen = |share| Part { list: false, task: None, shard: Some([share, 3]) }.chosen(8).unwrap();
        assert_eq!([chosen(1), chosen(2), chosen(3)], [vec![0, 3, 6], vec![1, 4, 7], vec![2, 5]]);
        assert_eq!(Part { list: false, task: None, shard: Some([9, 9]) }.chosen(8).unwrap(), [0; 0]);
        for wrong in ["0/3", "4/3", "1", "a/b", "1/0", "/", "1/2/3"] {
            assert!(shard(wrong).is_err(), "{wrong}");
        }
    }
}
