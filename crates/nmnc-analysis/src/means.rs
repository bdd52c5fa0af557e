//! Means of columns, block of rows by block of rows.

use rayon::prelude::*;

/// Columns of one task.
const CHUNK: usize = 256;

/// Sums of columns in the order of their rows, whatever the number of threads.
pub(crate) struct ColumnMeans {
    sums: Vec<f64>,
    rows: usize,
    /// The first row, and which columns have had no other value.
    first: Vec<f64>,
    constant: Vec<bool>,
}

impl ColumnMeans {
    pub fn new(columns: usize) -> Self {
        let (sums, first) = (vec![0.0; columns], Vec::new());
        Self { sums, rows: 0, first, constant: vec![true; columns] }
    }

    /// Takes in whole rows, row-major.
    pub fn add(&mut self, values: &[f64]) {
        let columns = self.sums.len();
        if self.first.is_empty() {
            self.first = values[..columns].to_vec();
        }
        self.rows += values.len() / columns;
        let first = self.first.par_chunks(CHUNK).zip(self.constant.par_chunks_mut(CHUNK));
        self.sums.par_chunks_mut(CHUNK).zip(first).enumerate().for_each(
            |(chunk, (sums, (first, constant)))| {
                for row in values.chunks_exact(columns) {
                    let row = &row[chunk * CHUNK..];
                    sums.iter_mut().zip(row).for_each(|(sum, v)| *sum += v);
                    constant
                        .iter_mut()
                        .zip(row)
                        .zip(first)
                        .for_each(|((same, v), first)| *same &= v == first);
                }
            },
        );
    }

    /// The mean of each column. That of a constant one is its value, which a sum would have rounded.
    pub fn finish(self) -> Vec<f64> {
        let rows = self.rows.max(1) as f64;
        let known = self.first.into_iter().zip(self.constant);
        let means = self.sums.iter().zip(known);
        means.map(|(sum, (first, constant))| if constant { first } else { sum / rows }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_a_constant_column_is_exactly_its_value() {
        const COLUMNS: usize = 300;
        let value = |row: usize, column: usize| match column % 3 {
            0 => 0.1,
            1 => row as f64,
            _ => -1e300,
        };
        let mut means = ColumnMeans::new(COLUMNS);
        for block in [0..4, 4..9] {
            let rows = block.flat_map(|row| (0..COLUMNS).map(move |column| value(row, column)));
            means.add(&rows.collect::<Vec<_>>());
        }
        let expected = [0.1, 4.0, -1e300];
        assert!(means.finish().iter().enumerate().all(|(column, mean)| *mean == expected[column % 3]));
    }
}
