//! Sparse random projection: features of any number brought down to a few that keep distances (Johnson and Lindenstrauss 1984).

use rayon::prelude::*;

use crate::dimension::Rows;
use nmnc_core::error::{Error, Result};
use nmnc_core::seed::{Role, Seed};

/// Elements of a block of rows: 32 MB.
const BLOCK: usize = 4 << 20;

/// A random matrix `[features, components]` whose entries are ±√(s / components) with probability 1 / (2 s) each and else 0, for
/// s = √features (Li, Hastie and Church 2006, "very sparse"; Achlioptas 2003 has s = 3).
///
/// Squared lengths are kept in expectation, with a variance of (2 ‖x‖⁴ + (s - 3) Σ x_j⁴) / components.
#[derive(Clone, Debug)]
pub struct Projection {
    features: usize,
    /// Of each component, where its entries begin; one more at the end.
    starts: Vec<usize>,
    /// Feature times two, plus one for a negative entry.
    entries: Vec<u64>,
    size: f64,
}

impl Projection {
    /// The matrix that `seed` draws, component by component. Memory: 8 components √features bytes.
    ///
    /// # Errors
    /// If there is no feature or no component.
    pub fn new(features: usize, components: usize, seed: Seed) -> Result<Self> {
        if features == 0 || components == 0 {
            return Err(Error::config(
                "components",
                format!("{features} features to {components} components"),
            )
            .mend("both must be at least 1"));
        }
        let density = 1.0 / (features as f64).sqrt();
        let column = |component: usize| {
            let mut stream = seed.stream(Role::Projection, component, 0);
            let mut entries = Vec::new();
            let mut feature = 0u64;
            loop {
                let bits = stream.next_u64();
                // The distance to the next entry is geometric; 53 bits give a number above 0 and at most 1, another the sign.
                let uniform = ((bits >> 11) + 1) as f64 / (1u64 << 53) as f64;
                feature = feature.saturating_add((uniform.ln() / (-density).ln_1p()) as u64);
                if feature >= features as u64 {
                    return entries;
                }
                entries.push(2 * feature + (bits & 1));
                feature += 1;
            }
        };
        let columns: Vec<Vec<u64>> = (0..components).into_par_iter().map(column).collect();
        let mut starts = vec![0];
        starts.extend(columns.iter().scan(0, |end, column| {
            *end += column.len();
            Some(*end)
        }));
        let size = 1.0 / (density * components as f64).sqrt();
        Ok(Self { features, starts, entries: columns.concat(), size })
    }

    /// Number of components.
    pub fn components(&self) -> usize {
        self.starts.len() - 1
    }

    /// Entries that are not 0.
    pub fn entries(&self) -> usize {
        self.entries.len()
    }

    /// Projects rows `[rows, features]` to `[rows, components]`. Sums are in f64 and in the order of the features.
    ///
    /// # Errors
    /// If rows have another number of features.
    pub fn block<E: Copy + Into<f64> + Sync>(&self, rows: &[E]) -> Result<Vec<f64>> {
        if !rows.len().is_multiple_of(self.features) {
            let problem = format!("{} numbers in rows of {} features", rows.len(), self.features);
            return Err(Error::data("features", problem).mend("give whole rows"));
        }
        let components = self.components();
        let mut out = vec![0.0; rows.len() / self.features * components];
        out.par_chunks_exact_mut(components).zip(rows.par_chunks_exact(self.features)).for_each(
            |(out, row)| {
                for (component, out) in out.iter_mut().enumerate() {
                    let mut sum = 0.0;
                    for &entry in &self.entries[self.starts[component]..self.starts[component + 1]] {
                        let value: f64 = row[(entry >> 1) as usize].into();
                        sum += if entry & 1 == 1 { -value } else { value };
                    }
                    *out = self.size * sum;
                }
            },
        );
        Ok(out)
    }

    /// Projects all rows, of which 32 MB are held at a time.
    ///
    /// # Errors
    /// If rows have another number of features, or a value is not finite.
    pub fn project(&self, rows: &dyn Rows) -> Result<Vec<f64>> {
        if rows.units() != self.features {
            let problem = format!("{} instead of {}", rows.units(), self.features);
            return Err(Error::data("features", problem).mend("draw a projection for this number"));
        }
        let height = (BLOCK / self.features).clamp(1, rows.samples().max(1));
        let mut block = vec![0.0f64; height * self.features];
        let mut out = Vec::with_capacity(rows.samples() * self.components());
        for first in (0..rows.samples()).step_by(height) {
            let block = &mut block[..height.min(rows.samples() - first) * self.features];
            block
                .par_chunks_exact_mut(self.features)
                .enumerate()
                .for_each(|(row, values)| rows.row(first + row, 0..self.features, values));
            if let Some(at) = block.iter().position(|v| !v.is_finite()) {
                let place = format!("sample {}, feature {}", first + at / self.features, at % self.features);
                return Err(Error::data("features", format!("{place} is not finite"))
                    .mend("leave out such samples or features"));
            }
            out.extend(self.block(block)?);
        }
        Ok(out)
    }
}
