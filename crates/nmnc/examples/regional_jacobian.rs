//! How much of the Jacobians J(x) of single examples one matrix explains, and one for each region of examples: the most that direct
//! feedback by region can have, and what the feedback of a trained run has.
//!
//!     cargo run --release -p nmnc --example regional_jacobian RUN...
//!
//! Prints a row a stage of each run, shares of the energy of J(x) over 1000 training examples. Of J the mean over outputs is left out: the
//! error of cross entropy sums to zero over outputs, so that it reaches nobody. `one`, `classes`, `output2` and so on are the energy of the
//! mean Jacobian of each region, without the bias that a mean of few examples has; regions by output are those of k-means,
//! and so are those by the activity of the stage itself, `activity10`. `learned` is
//! that of the run's own feedback, one or by region, times the number that makes it best; `learned_common` the same of B alone.

use burn::tensor::Tensor;
use nmnc::Seed;
use nmnc::analysis::{ExampleSplit, Loaded, Source, jacobians};
use nmnc::device::values;
use nmnc::train::checkpoint;

const EXAMPLES: usize = 1000;
const AT_A_TIME: usize = 50;

/// The nearest of `centres` to `row`.
fn nearest(row: &[f64], centres: &[Vec<f64>]) -> usize {
    let distance = |centre: &[f64]| row.iter().zip(centre).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
    (0..centres.len())
        .min_by(|&a, &b| distance(&centres[a]).total_cmp(&distance(&centres[b])))
        .expect("a centre")
}

/// Lloyd's iterations from rows drawn at random, the best of so many starts.
fn clusters(rows: &[Vec<f64>], count: usize, starts: u64) -> Vec<usize> {
    let tried = (0..starts).map(|start| {
        let first = Seed(start).stream(nmnc::seed::Role::Analysis, 1, 0).sample(rows.len(), count);
        let mut centres: Vec<Vec<f64>> = first.into_iter().map(|row| rows[row].clone()).collect();
        for _ in 0..30 {
            let places: Vec<usize> = rows.iter().map(|row| nearest(row, &centres)).collect();
            for (region, centre) in centres.iter_mut().enumerate() {
                let own: Vec<&Vec<f64>> = rows
                    .iter()
                    .zip(&places)
                    .filter(|(_, place)| **place == region)
                    .map(|(row, _)| row)
                    .collect();
                if !own.is_empty() {
                    let mean =
                        |column: usize| own.iter().map(|row| row[column]).sum::<f64>() / own.len() as f64;
                    *centre = (0..centre.len()).map(mean).collect();
                }
            }
        }
        let places: Vec<usize> = rows.iter().map(|row| nearest(row, &centres)).collect();
        let of = |(row, &place): (&Vec<f64>, &usize)| -> f64 {
            row.iter().zip(&centres[place]).map(|(a, b)| (a - b).powi(2)).sum()
        };
        (rows.iter().zip(&places).map(of).sum::<f64>(), places)
    });
    tried.min_by(|a, b| a.0.total_cmp(&b.0)).expect("a start").1
}

/// Rows `[outputs, n]` less their mean.
fn centered(rows: &mut [f64], outputs: usize) {
    let units = rows.len() / outputs;
    for unit in 0..units {
        let mean = rows.iter().skip(unit).step_by(units).sum::<f64>() / outputs as f64;
        rows.iter_mut().skip(unit).step_by(units).for_each(|value| *value -= mean);
    }
}

fn rows_of(matrix: &Tensor<2>) -> Vec<Vec<f64>> {
    values::<f64>(matrix).chunks(matrix.dims()[1]).map(<[f64]>::to_vec).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Sums over the examples of each region of one stage.
struct Partition {
    regions: Vec<usize>,
    sums: Vec<Vec<f64>>,
    energies: Vec<f64>,
}

impl Partition {
    fn add(&mut self, example: usize, jacobian: &[f64]) {
        let region = self.regions[example];
        self.sums[region].resize(jacobian.len(), 0.0);
        self.sums[region].iter_mut().zip(jacobian).for_each(|(sum, value)| *sum += value);
        self.energies[region] += dot(jacobian, jacobian);
    }

    /// Of n examples the mean of different ones' inner products is the energy of the mean, times n.
    fn explained(&self) -> f64 {
        let of = |region: usize| {
            let count = self.regions.iter().filter(|&&own| own == region).count() as f64;
            if count < 2.0 {
                0.0
            } else {
                (dot(&self.sums[region], &self.sums[region]) - self.energies[region]) / (count - 1.0)
            }
        };
        (0..self.sums.len()).map(of).sum::<f64>() / self.energies.iter().sum::<f64>()
    }

    /// Of feedback by region, times the best number.
    fn of_feedback(&self, feedback: &[Vec<f64>]) -> f64 {
        let along =
            (0..self.sums.len()).map(|region| dot(&self.sums[region], &feedback[region])).sum::<f64>();
        let size = self.regions.iter().map(|&region| dot(&feedback[region], &feedback[region])).sum::<f64>();
        along.powi(2) / size / self.energies.iter().sum::<f64>()
    }
}

fn main() -> nmnc::Result<()> {
    println!("run,stage,units,one,classes,output2,output4,output10,activity10,learned_common,learned");
    for run in std::env::args().skip(1) {
        let loaded = Loaded::open(&Source {
            path: run.clone().into(),
            data: None,
            split: ExampleSplit::Train,
            device: None,
        })?;
        let chosen = loaded.sample(EXAMPLES, Seed(0));
        let labels: Vec<usize> =
            loaded.data.batch(&chosen)?.labels.into_iter().map(|label| label as usize).collect();
        let units = loaded.network.stage_units();
        let mut outputs: Vec<Vec<f64>> = Vec::new();
        let mut activities: Vec<Vec<Vec<f64>>> = vec![Vec::new(); units.len()];
        for part in chosen.chunks(AT_A_TIME) {
            let pass = loaded.network.forward(loaded.chosen(part)?);
            outputs.extend(rows_of(&pass.output));
            activities.iter_mut().zip(pass.activities()).for_each(|(all, own)| all.extend(rows_of(own)));
        }
        let classes = outputs[0].len();
        let state = checkpoint::load(&loaded.checkpoint, loaded.device())?.state.nested("rule");
        let centres = state.numbers.get("regions.centres");
        let own: Vec<usize> = match centres {
            Some(centres) => {
                let centres: Vec<Vec<f64>> = centres.chunks(classes).map(<[f64]>::to_vec).collect();
                outputs.iter().map(|row| nearest(row, &centres)).collect()
            }
            None if state.tensors.contains_key("stage1.region1.feedback") => labels.clone(),
            None => vec![0; EXAMPLES],
        };
        let mut partitions = vec![vec![0; EXAMPLES], labels];
        partitions.extend([2, 4, 10].map(|count| clusters(&outputs, count, 10)));
        let of = |regions: &Vec<usize>| {
            let count = regions.iter().max().map_or(0, |last| last + 1);
            Partition { regions: regions.clone(), sums: vec![Vec::new(); count], energies: vec![0.0; count] }
        };
        let of_stage = |activity: &Vec<Vec<f64>>| -> Vec<Partition> {
            let active = clusters(activity, 10, 3);
            partitions.iter().chain([&active, &own]).map(of).collect()
        };
        let mut stages: Vec<Vec<Partition>> = activities.iter().map(of_stage).collect();
        for (index, part) in chosen.chunks(AT_A_TIME).enumerate() {
            let pass = loaded.network.forward(loaded.chosen(part)?);
            for (stage, all) in jacobians::<f64>(&loaded.network, &pass).into_iter().enumerate() {
                for (example, jacobian) in all.chunks(classes * units[stage]).enumerate() {
                    let mut jacobian = jacobian.to_vec();
                    centered(&mut jacobian, classes);
                    stages[stage].iter_mut().for_each(|own| own.add(index * AT_A_TIME + example, &jacobian));
                }
            }
        }
        for (stage, partitions) in stages.iter().enumerate() {
            let matrix = |name: String| {
                let mut matrix = state.tensors.get(&name).map(values::<f64>)?;
                centered(&mut matrix, classes);
                Some(matrix)
            };
            let (ceilings, learned) = partitions.split_at(6);
            let mut row: Vec<String> = ceilings.iter().map(|own| format!("{:.4}", own.explained())).collect();
            if let Some(common) = matrix(format!("stage{}.feedback", stage + 1)) {
                row.push(format!("{:.4}", ceilings[0].of_feedback(std::slice::from_ref(&common))));
                let of_region = |region: usize| -> Vec<f64> {
                    let deviation = matrix(format!("stage{}.region{}.feedback", stage + 1, region + 1));
                    match deviation {
                        Some(own) => common.iter().zip(own).map(|(common, own)| common + own).collect(),
                        None => common.clone(),
                    }
                };
                let feedback: Vec<Vec<f64>> = (0..learned[0].sums.len()).map(of_region).collect();
                row.push(format!("{:.4}", learned[0].of_feedback(&feedback)));
            }
            println!("{run},{},{},{}", stage + 1, units[stage], row.join(","));
        }
    }
    Ok(())
}
