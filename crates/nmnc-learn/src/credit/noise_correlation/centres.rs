//! Centres that follow batches of rows: k-means in mini-batches (Sculley 2010), begun by k-means++ (Arthur and Vassilvitskii 2007). Unlike
//! there, earlier rows are forgotten, since the output of a network that learns moves.

use nmnc_core::error::{Error, Result};
use nmnc_core::scale;
use nmnc_core::seed::{Role, Seed, Stream};
use nmnc_core::state::State;

/// Weight that earlier rows keep at each batch: about twenty batches are remembered.
const MEMORY: f64 = 0.95;
/// Weight of a centre, over what it would be of all alike, below which it begins anew: next to no row is near it.
const DESERTED: f64 = 0.01;

/// k centres of rows of so many columns.
#[derive(Clone, Debug)]
pub(super) struct Centres {
    /// k and columns.
    shape: [usize; 2],
    seed: Seed,
    /// The centres `[k, columns]`, and how many rows each is the mean of; none before the first batch.
    known: Option<(Vec<f64>, Vec<f64>)>,
}

impl Centres {
    pub(super) fn new(shape: [usize; 2], seed: Seed) -> Self {
        Self { shape, seed, known: None }
    }

    /// The nearest centre of each row of `rows` `[K, columns]`, all finite, after which the centres move to them. The same on any number
    /// of threads.
    pub(super) fn follow(&mut self, rows: &[f64], step: u64) -> Vec<usize> {
        let [count, columns] = self.shape;
        let (mut centres, mut weights) = self.known.take().unwrap_or_else(|| {
            let mut stream = self.seed.stream(Role::Regions, 0, step);
            (spread(rows, self.shape, &mut stream), vec![0.0; count])
        });
        let unit = scale::unit(scale::largest(rows.iter().chain(&centres).copied()));
        let nearest: Vec<(usize, f64)> = rows
            .chunks(columns)
            .map(|row| {
                let distances = centres.chunks(columns).map(|centre| squared_distance(row, centre, unit));
                let first = (0, f64::INFINITY);
                distances.enumerate().fold(first, |low, next| if next.1 < low.1 { next } else { low })
            })
            .collect();
        weights.iter_mut().for_each(|weight| *weight *= MEMORY);
        for (row, &(region, _)) in rows.chunks(columns).zip(&nearest) {
            weights[region] += 1.0;
            let centre = &mut centres[region * columns..(region + 1) * columns];
            centre.iter_mut().zip(row).for_each(|(centre, row)| *centre += (row - *centre) / weights[region]);
        }
        let alike = weights.iter().sum::<f64>() / count as f64;
        if let Some(deserted) = weights.iter().position(|&weight| weight < DESERTED * alike) {
            let furthest =
                (1..nearest.len()).fold(0, |far, i| if nearest[i].1 > nearest[far].1 { i } else { far });
            let row = &rows[furthest * columns..(furthest + 1) * columns];
            centres[deserted * columns..(deserted + 1) * columns].copy_from_slice(row);
            weights[deserted] = 1.0;
        }
        self.known = Some((centres, weights));
        nearest.into_iter().map(|(region, _)| region).collect()
    }

    /// What a checkpoint keeps.
    pub(super) fn state(&self) -> State {
        let mut state = State::default();
        if let Some((centres, weights)) = &self.known {
            state.numbers.insert(CENTRES.into(), centres.clone());
            state.numbers.insert(WEIGHTS.into(), weights.clone());
        }
        state
    }

    /// Takes back what [`Centres::state`] gave.
    ///
    /// # Errors
    /// If there are others than as many as there should be.
    pub(super) fn restore(&mut self, state: &State) -> Result<()> {
        let [count, columns] = self.shape;
        self.known = None;
        if state.numbers.contains_key(CENTRES) {
            let weights = state.numbers(WEIGHTS, count)?.to_vec();
            if !weights.iter().all(|weight| *weight >= 0.0) {
                return Err(Error::checkpoint(WEIGHTS, "holds a number below zero"));
            }
            self.known = Some((state.numbers(CENTRES, count * columns)?.to_vec(), weights));
        }
        Ok(())
    }
}

const CENTRES: &str = "centres";
const WEIGHTS: &str = "weights";

/// Sum of squares of the difference, over a unit's square.
fn squared_distance(row: &[f64], centre: &[f64], unit: f64) -> f64 {
    row.iter().zip(centre).map(|(row, centre)| (row / unit - centre / unit).powi(2)).sum()
}

/// Centres that begin at rows far from each other: each next one is a row drawn with the square of its distance from those before.
fn spread(rows: &[f64], [count, columns]: [usize; 2], stream: &mut Stream) -> Vec<f64> {
    let unit = scale::unit(scale::largest(rows.iter().copied()));
    let mut centres = Vec::new();
    let mut squares = vec![1.0; rows.len() / columns];
    for chosen in 0..count {
        let threshold = stream.uniform() * squares.iter().sum::<f64>();
        let mut below = 0.0;
        let drawn = squares.iter().position(|square| {
            below += square;
            below > threshold
        });
        // Where there are no other rows any more, rounding may reach the end.
        let drawn = drawn.unwrap_or(squares.len() - 1);
        let centre = &rows[drawn * columns..(drawn + 1) * columns];
        centres.extend_from_slice(centre);
        for (square, row) in squares.iter_mut().zip(rows.chunks(columns)) {
            let own = squared_distance(row, centre, unit);
            *square = if chosen == 0 { own } else { square.min(own) };
        }
    }
    centres
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows around three places, in turn.
    fn rows(count: usize, step: u64) -> Vec<f64> {
        let mut noise = vec![0.0; 2 * count];
        Seed(3).stream(Role::Analysis, 0, step).fill_normal(&mut noise);
        let places = [[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]];
        let place = |i: usize| places[i / 2 % 3][i % 2];
        noise.into_iter().enumerate().map(|(i, noise)| f64::from(noise) + place(i)).collect()
    }

    #[test]
    fn three_clouds_are_told_apart_and_their_means_found() {
        for seed in 0..20 {
            let mut centres = Centres::new([3, 2], Seed(seed));
            let mut found = Vec::new();
            (0..40).for_each(|step| found = centres.follow(&rows(60, step), step));
            assert!((0..60).all(|i| found[i] == found[i % 3]), "seed {seed}: {found:?}");
            let [a, b, c] = [0, 1, 2].map(|i| found[i]);
            assert!(a != b && b != c && a != c, "seed {seed}");
            // Twenty batches of twenty rows each: a deviation of 1 / sqrt(400 * 39 / 20) or so.
            let (known, _) = centres.known.as_ref().unwrap();
            assert!((known[2 * b] - 10.0).abs() < 0.3 && known[2 * b + 1].abs() < 0.3, "seed {seed}");
        }
    }

    #[test]
    fn a_deserted_centre_begins_anew_and_clouds_that_move_are_followed() {
        let mut centres = Centres::new([3, 2], Seed(1));
        (0..40).for_each(|step| drop(centres.follow(&rows(60, step), step)));
        let mut found = Vec::new();
        for step in 40..400 {
            let moved: Vec<f64> = rows(60, step).into_iter().map(|x| -x + 50.0).collect();
            found = centres.follow(&moved, step);
        }
        assert!((0..60).all(|i| found[i] == found[i % 3]), "{found:?}");
        assert!(found[0] != found[1] && found[1] != found[2] && found[0] != found[2]);
    }

    #[test]
    fn fewer_rows_than_centres_rows_that_are_alike_and_any_unit_are_taken() {
        let mut centres = Centres::new([5, 2], Seed(1));
        let found = centres.follow(&[1.0, 2.0, 1.0, 2.0], 0);
        assert_eq!(found, [found[0]; 2]);
        let mut huge = Centres::new([3, 2], Seed(2));
        let mut plain = Centres::new([3, 2], Seed(2));
        let unit = 2f64.powi(900);
        for step in 0..5 {
            let far: Vec<f64> = rows(30, step).into_iter().map(|x| x * unit).collect();
            assert_eq!(huge.follow(&far, step), plain.follow(&rows(30, step), step), "step {step}");
        }
    }

    #[test]
    fn restored_centres_go_on_as_they_would_have() {
        let mut first = Centres::new([3, 2], Seed(5));
        let mut second = first.clone();
        second.restore(&first.state()).unwrap();
        assert!(second.known.is_none());
        first.follow(&rows(30, 0), 0);
        second.restore(&first.state()).unwrap();
        for step in 1..5 {
            assert_eq!(first.follow(&rows(30, step), step), second.follow(&rows(30, step), step));
        }
        assert_eq!(first.known, second.known);
        assert!(Centres::new([4, 2], Seed(5)).restore(&first.state()).is_err());
    }
}
