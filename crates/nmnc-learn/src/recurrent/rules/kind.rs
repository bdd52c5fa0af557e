//! Rules of recurrent networks, as a kind of rules.

use crate::recurrent::RecurrentNetwork;
use crate::registry::Setup;

/// Rules of recurrent networks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverTime;

/// What a rule is built for.
pub type TimeSetup<'a> = Setup<'a, RecurrentNetwork>;
