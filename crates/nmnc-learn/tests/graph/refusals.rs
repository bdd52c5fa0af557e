//! Networks that cannot be, and rules that do not fit one: each in one line.

use burn::tensor::{DType, Device};
use nmnc_core::Seed;
use nmnc_learn::credit::{CreditConfig, RuleSetup};
use nmnc_learn::net::{Activation, Add, Block, Network};

use super::{dense, network};

const F32: DType = DType::F32;

#[test]
fn impossible_networks_say_which_node_and_why() {
    let identity = Activation::Identity;
    let chain = |stages: Vec<Box<dyn Block>>| Network::chain(stages, dense([2, 4], 1, identity, F32));
    let wrong = chain(vec![Box::new(dense([3, 5], 1, identity, F32))]).unwrap_err().to_string();
    assert_eq!(wrong, "network.readout: dense 4 -> 2, identity takes inputs of [4] units, not of [3]");
    let mut net = Network::builder(&[5, 4]);
    let (a, b) = (net.input(0).unwrap(), net.input(1).unwrap());
    assert!(net.input(2).is_err());
    let first = net.node("first", dense([4, 5], 1, identity, F32), &[a]).unwrap();
    let twice = net.node("first", dense([4, 5], 1, identity, F32), &[a]).unwrap_err();
    assert_eq!(twice.to_string(), "network.first: there are two nodes of this name; rename one of them");
    assert!(net.node("second", Add::new(2, 4), &[first]).is_err());
    assert!(net.stage(a).is_err());
    net.stage(first).unwrap();
    let output = net.node("output", dense([2, 4], 1, identity, F32), &[first]).unwrap();
    let unused = net.build(output).unwrap_err().to_string();
    assert_eq!(unused, "network: input 1: does not lead to the output; use it or leave it out");
    let mut net = Network::builder(&[5]);
    let only = net.node("only", dense([4, 5], 1, identity, F32), &[net.input(0).unwrap()]).unwrap();
    net.stage(only).unwrap();
    assert!(
        net.build(only).unwrap_err().to_string().starts_with("network.only: the output cannot be a stage")
    );
    assert_ne!(a, b);
}

#[test]
fn coordinates_and_streaming_are_refused_where_they_have_no_meaning() {
    let (net, device) = (network(F32, true), Device::flex());
    let text = "rule = 'manifold-mirror'\nfeedback = 'coordinates'\nnoise = 'manifold'";
    let config: CreditConfig = toml::from_str(text).unwrap();
    let setup = RuleSetup { network: &net, seed: Seed(0), device: &device };
    let refused = config.build(&setup).err().unwrap().to_string();
    assert_eq!(
        refused,
        "credit.feedback: coordinates need every stage to be read by one dense or convolutional block alone; \
         set feedback = \"weights\""
    );
    let refused = net.check_streamed().unwrap_err().to_string();
    assert!(refused.starts_with("network.stem: reads more than the node before it"), "{refused}");
    let chain = Network::chain(
        vec![Box::new(super::residual(8, 7, F32))],
        dense([2, 8], 1, Activation::Identity, F32),
    );
    let refused = chain.unwrap().check_streamed().unwrap_err().to_string();
    assert!(refused.starts_with("network.stage1: depends in training on the clean pass"), "{refused}");
}
