//! The activity that a manifold is found in, all of it here or shared among workers.

use burn::tensor::Tensor;

use crate::workers::Share;

/// Activity `[samples, units]` that a manifold is found in.
#[derive(Clone)]
pub struct Sample<'a> {
    pub(super) own: Tensor<2>,
    pub(super) share: Share<'a>,
}

impl<'a> Sample<'a> {
    /// A sample of which this worker has the rows `own` and the others the rest, as `share` says. What is found is the same for all to the
    /// bit, and up to rounding what one with the whole sample would find. Workers add up what the randomized method multiplies, [units, d]
    /// three times, and once with a warm start; for the other methods each is given all rows.
    pub fn shared(own: Tensor<2>, share: Share<'a>) -> Self {
        Self { own, share }
    }
}

impl From<Tensor<2>> for Sample<'_> {
    fn from(activity: Tensor<2>) -> Self {
        let share = Share::alone(activity.dims()[0]);
        Self { own: activity, share }
    }
}

impl From<&Tensor<2>> for Sample<'_> {
    fn from(activity: &Tensor<2>) -> Self {
        activity.clone().into()
    }
}
