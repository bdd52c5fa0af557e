//! Rules of layered networks, as a kind of rules.

use crate::net::Network;
use crate::registry::Setup;

/// Rules of layered networks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layered;

/// What a rule is built for.
pub type RuleSetup<'a> = Setup<'a, Network>;
