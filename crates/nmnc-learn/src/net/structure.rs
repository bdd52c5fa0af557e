//! What follows from how blocks are connected and where stages are cut.
//!
//! Values are numbered by slots: the network's inputs first, then every node's output.

use super::node::{Node, Reader};

/// Who needs what of whom.
#[derive(Debug)]
pub(super) struct Structure {
    /// Stage whose activity a node's output is.
    pub stage_of: Vec<Option<usize>>,
    /// Whether an error at a slot reaches a stage: it is one, or one lies before it.
    pub live: Vec<bool>,
    /// `[stage][node]`: whether the node's output depends on the stage's activity; not so the stage's own node.
    pub downstream: Vec<Vec<bool>>,
    /// Nodes that reach each stage, and at last the output, without passing another stage: each with its own end, last to first.
    pub sections: Vec<Vec<usize>>,
    /// Whether no node is in two sections.
    pub apart: bool,
    /// The last section a node is in.
    pub last_section: Vec<usize>,
    /// The last node that reads a slot.
    pub last_reader: Vec<Option<usize>>,
    /// The last stage whose replay begins with the clean value of a slot.
    pub last_replay: Vec<Option<usize>>,
    /// The maps through which an error reaches a stage, in topological order.
    pub readers: Vec<Reader>,
}

impl Structure {
    /// For nodes in topological order, the last of which gives the output, and the nodes (ascending) that are stages.
    pub fn new(inputs: usize, nodes: &[Node], cuts: &[usize]) -> Self {
        let slots = inputs + nodes.len();
        let mut stage_of = vec![None; nodes.len()];
        cuts.iter().enumerate().for_each(|(stage, &node)| stage_of[node] = Some(stage));
        let mut live = vec![false; slots];
        let mut last_reader = vec![None; slots];
        for (index, node) in nodes.iter().enumerate() {
            live[inputs + index] = stage_of[index].is_some() || node.sources.iter().any(|&slot| live[slot]);
            node.sources.iter().for_each(|&slot| last_reader[slot] = Some(index));
        }
        let downstream: Vec<Vec<bool>> = cuts
            .iter()
            .map(|&cut| {
                let mut reached = vec![false; nodes.len()];
                for (index, node) in nodes.iter().enumerate() {
                    let reads =
                        |&slot: &usize| slot >= inputs && (slot == inputs + cut || reached[slot - inputs]);
                    reached[index] = node.sources.iter().any(reads);
                }
                reached
            })
            .collect();
        let ends = cuts.iter().copied().chain([nodes.len() - 1]);
        let sections: Vec<Vec<usize>> = ends
            .map(|end| {
                let mut within = vec![false; nodes.len()];
                within[end] = true;
                for index in (0..=end).rev() {
                    if within[index] {
                        let before = nodes[index].sources.iter().filter_map(|slot| slot.checked_sub(inputs));
                        before.filter(|&node| stage_of[node].is_none()).for_each(|node| within[node] = true);
                    }
                }
                (0..=end).rev().filter(|&node| within[node]).collect()
            })
            .collect();
        let mut members: Vec<usize> = sections.concat();
        let all = members.len();
        members.sort_unstable();
        members.dedup();
        let apart = members.len() == all;
        let mut last_section = vec![0; nodes.len()];
        for (section, members) in sections.iter().enumerate() {
            members.iter().for_each(|&node| last_section[node] = section);
        }
        let mut last_replay = vec![None; slots];
        for (stage, (&cut, reached)) in cuts.iter().zip(&downstream).enumerate() {
            last_replay[inputs + cut] = Some(stage);
            for node in (0..nodes.len()).filter(|&node| reached[node]) {
                let clean = |slot: usize| slot < inputs || !reached[slot - inputs];
                let sources = nodes[node].sources.iter().copied();
                sources.filter(|&slot| clean(slot)).for_each(|slot| last_replay[slot] = Some(stage));
            }
        }
        let readers = readers(inputs, nodes, &stage_of, &live);
        Self { stage_of, live, downstream, sections, apart, last_section, last_reader, last_replay, readers }
    }
}

fn readers(inputs: usize, nodes: &[Node], stage_of: &[Option<usize>], live: &[bool]) -> Vec<Reader> {
    let reached = |slot: &usize| live[*slot];
    let mut readers = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        for (number, map) in node.block.maps().into_iter().enumerate() {
            let source = map.source.map(|input| node.sources[input]);
            if source.as_ref().map_or_else(|| node.sources.iter().any(reached), reached) {
                let stage = source.and_then(|slot| stage_of[slot.checked_sub(inputs)?]);
                readers.push(Reader { node: index, map: number, stage });
            }
        }
    }
    readers
}
