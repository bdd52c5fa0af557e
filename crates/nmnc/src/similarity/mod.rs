//! How similar two representations are, or a representation and recordings of a brain: measures on matrices.
//!
//! Every matrix is row-major with one row a stimulus (or example), read whole or, where it may be large, by [`Rows`].
//! Results do not depend on the number of threads.
//!
//! [`Rows`]: crate::dimension::Rows

mod cca;
mod cka;
mod columns;
mod gram;
mod pls;
mod ridge;

pub use cca::{Leading, canonical_correlations, mean_correlation};
pub use cka::{Estimator, cka, hsic};
pub use gram::Gram;
pub use pls::{Pls, PlsSettings};
pub use ridge::{Choice, Ridge, RidgeSettings, folds};
