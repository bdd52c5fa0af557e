//! The rule itself.

use burn::tensor::Tensor;

use super::budget::Controller;
use super::config::{Feedback, MirrorConfig};
use super::coordinates::CoordinateMirror;
use super::probes::{Source, Split};
use super::weights::{Innovation, SETTLED, WeightMirror};
use crate::credit::rule::{Choices, CreditRule, RuleSetup, StepContext};
use crate::manifold::{FollowedManifold, RefreshFrom, Refreshed, Subspace};
use crate::net::{Map, Network, Reader};
use nmnc_core::device::{energy, matrix};
use nmnc_core::error::{Error, Result};
use nmnc_core::seed::Role;
use nmnc_core::state::State;

/// A mirror with the settings of [`MirrorConfig`].
pub struct Mirror {
    config: MirrorConfig,
    sites: Vec<Site>,
    controller: Controller,
    probes: u64,
    warnings: Vec<String>,
}

/// An activity that maps read and noise is added to: that of a stage, or something made within a block.
struct Site {
    /// Number of its random streams: the stage, and beyond the last stage what is within blocks.
    number: usize,
    /// The stage, from 0.
    stage: Option<usize>,
    /// Name in states and errors.
    name: String,
    /// The maps that read it.
    readers: Vec<Reader>,
    manifold: Option<FollowedManifold>,
    /// Axes of the manifold in use for noise: all, or as many as the margin says.
    axes: usize,
    /// Mean squared response to an isotropic unit vector, as measured.
    gain: f64,
    learned: Learned,
}

enum Learned {
    /// One for each reader.
    Weights(Vec<WeightMirror>),
    /// Nothing before there is a manifold.
    Coordinates(Option<CoordinateMirror>),
}

impl Site {
    fn maps<'a>(&self, network: &'a Network) -> Vec<Map<'a>> {
        self.readers.iter().map(|reader| network.map(*reader)).collect()
    }

    fn subspace(&self) -> Option<&Subspace> {
        self.manifold.as_ref()?.subspace()
    }

    fn device(&self, network: &Network) -> burn::tensor::Device {
        network.map(self.readers[0]).parameter.value.device()
    }
}

/// Full names of the parameters that readers multiply by.
fn mirrored(network: &Network, reader: Reader) -> String {
    format!("{}.{}", network.nodes()[reader.node].name(), network.map(reader).parameter.name)
}

impl Mirror {
    /// A rule that knows nothing yet. `config` must be resolved.
    pub fn new(config: MirrorConfig, setup: &RuleSetup) -> Self {
        let network = setup.network;
        let stages = network.stages().len();
        let readers = network.readers();
        let of_stage = |stage| {
            let readers = readers.iter().copied().filter(|reader| reader.stage == Some(stage));
            (Some(stage), readers.collect::<Vec<Reader>>())
        };
        let inner =
            readers.iter().filter(|reader| reader.stage.is_none()).map(|reader| (None, vec![*reader]));
        let groups = (0..stages).map(of_stage).filter(|(_, readers)| !readers.is_empty()).chain(inner);
        let mut beyond = stages..;
        let site = |(stage, readers): (Option<usize>, Vec<Reader>)| Site {
            number: stage.or_else(|| beyond.next()).expect("numbers do not end"),
            stage,
            name: stage.map_or_else(|| mirrored(network, readers[0]), |stage| format!("stage{}", stage + 1)),
            manifold: stage.and_then(|stage| Some(FollowedManifold::new(config.manifold.as_ref()?, stage))),
            axes: 0,
            gain: 0.0,
            learned: match config.feedback {
                Feedback::Weights => {
                    let mirror = |reader: &Reader| WeightMirror::new(network.map(*reader));
                    Learned::Weights(readers.iter().map(mirror).collect())
                }
                Feedback::Coordinates => Learned::Coordinates(None),
            },
            readers,
        };
        let sites: Vec<Site> = groups.map(site).collect();
        let controller = Controller::new(&config, sites.len());
        Self { config, sites, controller, probes: 0, warnings: Vec::new() }
    }

    /// The mirror of the weight that a map multiplies by, of that weight's shape (feedback = "weights"), by the reader's place among
    /// [`Network::readers`].
    pub fn mirrored_weight(&self, reader: Reader) -> Option<&Tensor<2>> {
        let site = self.sites.iter().find(|site| site.readers.contains(&reader))?;
        match &site.learned {
            Learned::Weights(mirrors) => {
                let place = site.readers.iter().position(|own| *own == reader)?;
                Some(mirrors[place].weight())
            }
            Learned::Coordinates(_) => None,
        }
    }

    /// Responses M `[pre-activations, d]` of what reads a stage (from 0) to the axes of the manifold (feedback = "coordinates").
    pub fn mirrored_responses(&self, stage: usize) -> Option<&Tensor<2>> {
        match &self.sites[self.site_of(stage)?].learned {
            Learned::Coordinates(mirror) => mirror.as_ref().map(CoordinateMirror::responses),
            Learned::Weights(_) => None,
        }
    }

    /// The site of a stage's activity; none if no map reads that.
    fn site_of(&self, stage: usize) -> Option<usize> {
        self.sites.iter().position(|site| site.stage == Some(stage))
    }

    /// Refreshes every manifold, if this step does.
    fn refresh_manifolds(&mut self, context: &StepContext) -> Result<()> {
        let due = self.config.manifold.as_ref().and_then(|manifold| manifold.due(context.step));
        let activities: Box<dyn Iterator<Item = Tensor<2>>> = match due {
            None => return Ok(()),
            Some(RefreshFrom::Samples(samples)) => {
                Box::new(context.network.each_activity(context.inputs.sample(samples, context.step)?))
            }
            Some(RefreshFrom::Batch) => Box::new(context.pass.activities().cloned()),
        };
        for (stage, activity) in activities.enumerate() {
            if let Some(index) = self.site_of(stage) {
                self.refresh_manifold(index, activity, context)
                    .map_err(|e| e.within(format!("stage {}", stage + 1)))?;
            }
        }
        Ok(())
    }

    fn refresh_manifold(&mut self, index: usize, activity: Tensor<2>, context: &StepContext) -> Result<()> {
        let site = &mut self.sites[index];
        let Some(manifold) = &mut site.manifold else { return Ok(()) };
        let mut stream = context.seed.stream(Role::RangeFinder, site.number, context.step);
        let Refreshed { before, after, degeneracy } = manifold.refresh(activity, &mut stream)?;
        if let Some(degeneracy) = degeneracy {
            self.warnings.push(format!("stage {}: {degeneracy}", site.number + 1));
        }
        let maps = site.maps(context.network);
        if let (Some(new), Learned::Coordinates(mirror)) = (&after, &mut site.learned) {
            match (mirror.as_mut(), &before) {
                (Some(mirror), Some(old)) => drop(mirror.carry_over(old, new)),
                _ => *mirror = Some(CoordinateMirror::new(maps[0], new, self.config.estimator)),
            }
        }
        site.axes = match (&after, &site.learned) {
            (Some(new), Learned::Weights(mirrors)) if self.config.budget == super::Budget::Auto => {
                let each = mirrors.iter().zip(&maps).map(|(mirror, map)| mirror.gains(*map, new.basis()));
                let sum = |a: Vec<f64>, b: Vec<f64>| a.into_iter().zip(b).map(|(a, b)| a + b).collect();
                axes_by_margin(&each.reduce(sum).unwrap_or_default(), site.gain)
            }
            (Some(new), _) => new.dimension(),
            (None, _) => 0,
        };
        Ok(())
    }

    /// Probes every site in one perturbed pass of `count` examples.
    fn probe(&mut self, count: usize, context: &StepContext) -> Result<()> {
        let mut used = 0;
        for index in 0..self.sites.len() {
            let rows = match self.config.feedback {
                Feedback::Weights => self.probe_weights(index, count, context),
                Feedback::Coordinates => self.probe_coordinates(index, count, context),
            };
            let site = &self.sites[index];
            let finite = match &site.learned {
                Learned::Weights(mirrors) => mirrors.iter().all(|mirror| energy(mirror.weight()).is_finite()),
                Learned::Coordinates(mirror) => {
                    mirror.as_ref().is_none_or(|mirror| energy(mirror.responses()).is_finite())
                }
            };
            if !finite {
                let place =
                    site.stage.map_or_else(|| site.name.clone(), |stage| format!("stage {}", stage + 1));
                return Err(Error::new(nmnc_core::ErrorKind::Diverged, place, "feedback is not finite"));
            }
            used = used.max(rows);
        }
        self.controller.adapt();
        self.controller.pay(used);
        self.probes += used as u64;
        Ok(())
    }

    /// Learns from the batch as it is, where the last probes found something to learn. A convolution, which few probes determine, is
    /// soon spared the work.
    fn observe(&mut self, context: &StepContext) {
        for (index, site) in self.sites.iter_mut().enumerate() {
            if self.controller.error(index) <= SETTLED {
                continue;
            }
            let maps = site.maps(context.network);
            let reader = site.readers[0];
            let activity = match site.stage {
                Some(stage) => context.pass.activity(stage).clone(),
                None => {
                    let block = context.network.nodes()[reader.node].block();
                    block.map_input(context.pass.trace(reader.node), reader.map)
                }
            };
            let rows = activity.dims()[0].min(useful(&maps));
            if let Learned::Weights(mirrors) = &mut site.learned
                && rows > 1
            {
                let rows = activity.narrow(0, 0, rows);
                let differences = rows.clone() - rows.mean_dim(0);
                for (mirror, map) in mirrors.iter_mut().zip(maps) {
                    mirror.least_squares(map, differences.clone());
                }
            }
        }
    }

    fn source<'a>(
        &self,
        index: usize,
        context: &'a StepContext,
        device: &'a burn::tensor::Device,
    ) -> Source<'a> {
        Source { seed: context.seed, site: self.sites[index].number, step: context.step, device }
    }

    /// Gives the number of probes that the site had use for.
    fn probe_weights(&mut self, index: usize, count: usize, context: &StepContext) -> usize {
        let site = &self.sites[index];
        let maps = site.maps(context.network);
        let units = maps[0].operation.inputs();
        let rows = count.min(useful(&maps));
        let device = site.device(context.network);
        let source = self.source(index, context, &device);
        let manifold = site.subspace().filter(|_| site.axes > 0).map(|m| (m, site.axes));
        let mut split = match (context.step, self.config.noise) {
            // Nothing is known yet, on the manifold or off it.
            (0, super::MirrorNoise::Both) => Split { manifold: 0, isotropic: rows },
            _ => self.controller.split(index, rows),
        };
        if manifold.is_none() {
            // Without a manifold, as in a silent stage, noise goes anywhere, unless it must not. Within a block there is none at all.
            let anywhere = self.config.noise != super::MirrorNoise::Manifold || site.stage.is_none();
            split = Split { manifold: 0, isotropic: if anywhere { rows } else { 0 } };
        }
        if split.manifold + split.isotropic == 0 {
            return 0;
        }
        let noise = source.noise(self.config.probe, split, units, manifold);
        let noise = noise.cast(maps[0].parameter.value.dtype());
        let site = &mut self.sites[index];
        let Learned::Weights(mirrors) = &mut site.learned else { unreachable!("weights are mirrored") };
        let mut innovation = Innovation::default();
        for (mirror, map) in mirrors.iter_mut().zip(maps) {
            innovation.join(match self.config.eta {
                Some(eta) => mirror.average(map, noise.clone(), eta),
                None => mirror.least_squares(map, noise.clone()),
            });
        }
        let off = &innovation.response[split.manifold..];
        if !off.is_empty() {
            site.gain = off.iter().sum::<f64>() / (off.len() * units) as f64;
        }
        self.controller.learn(index, &innovation, split.manifold);
        rows
    }

    fn probe_coordinates(&mut self, index: usize, count: usize, context: &StepContext) -> usize {
        let map = self.sites[index].maps(context.network)[0];
        let device = self.sites[index].device(context.network);
        let source = self.source(index, context, &device);
        let site = &mut self.sites[index];
        let subspace = site.manifold.as_ref().and_then(FollowedManifold::subspace);
        let (Some(manifold), Learned::Coordinates(Some(mirror))) = (subspace, &mut site.learned) else {
            return 0;
        };
        let d = manifold.dimension();
        let rows = count.min(d);
        let probes = match mirror.least_known(rows) {
            Some(directions) => {
                matrix(directions.into_iter().map(|x| x as f32).collect(), [rows, d], &device)
            }
            None => source.draw(self.config.probe, [rows, d], 0),
        };
        let probes = probes.cast(manifold.basis().dtype());
        let innovation: Innovation = mirror.update(map, manifold, probes, self.config.eta);
        self.controller.learn(index, &innovation, rows);
        rows
    }

    /// Lets what is known age by one training step.
    fn age(&mut self) {
        let Some(drift) = self.config.drift else { return };
        for site in &mut self.sites {
            let subspace = site.manifold.as_ref().and_then(FollowedManifold::subspace);
            if let (Some(manifold), Learned::Coordinates(Some(mirror))) = (subspace, &mut site.learned) {
                mirror.drift(drift, manifold.variances());
            }
        }
    }

    /// The error carried down through what has been learned.
    fn carried(&self, context: &StepContext) -> Vec<Tensor<2>> {
        let StepContext { network, pass, error, .. } = *context;
        if self.config.feedback == Feedback::Weights {
            let learned =
                |reader: &Reader| self.mirrored_weight(*reader).expect("every reader has one").clone();
            let weights: Vec<Tensor<2>> = network.readers().iter().map(learned).collect();
            return network.input_vjps(pass, error, &weights);
        }
        network.carried(pass, error, |passage| {
            let reads = |site: &&Site| site.readers[0].node == passage.node;
            match self.sites.iter().find(reads) {
                None => passage.exact(),
                Some(site) => match (&site.learned, site.subspace()) {
                    (Learned::Coordinates(Some(mirror)), Some(manifold)) => {
                        let gated = passage.block.gated().expect("the rule fits the network");
                        let responses = mirror.responses().clone();
                        manifold.embed(gated.gated_product(passage.trace, passage.error, responses))
                    }
                    _ => pass.activity(site.stage.expect("a stage's")).zeros_like(),
                },
            }
        })
    }
}

/// Probes that the most demanding of some maps has use for.
fn useful(maps: &[Map]) -> usize {
    maps.iter().map(|map| WeightMirror::useful(*map)).max().unwrap_or(0)
}

/// How many leading axes hold more of the response's energy than as many random directions would, at the largest margin alpha_d - d/n:
/// `gains` are the squared responses to the axes, `mean` that to a random unit vector. All while the mean is not known.
fn axes_by_margin(gains: &[f64], mean: f64) -> usize {
    if mean <= 0.0 {
        return gains.len();
    }
    let mut margin = 0.0;
    let mut best = (0.0, 1);
    for (index, gain) in gains.iter().enumerate() {
        margin += gain - mean;
        if margin > best.0 {
            best = (margin, index + 1);
        }
    }
    best.1
}

/// Names of a site's mirrors in states.
fn weight_names() -> impl Iterator<Item = String> {
    (1..).map(|place| if place == 1 { "weight".to_owned() } else { format!("weight{place}") })
}

impl CreditRule for Mirror {
    fn signals(&mut self, context: &StepContext) -> Result<Vec<Tensor<2>>> {
        self.refresh_manifolds(context)?;
        if context.step > 0 {
            self.age();
        }
        let batch = context.error.dims()[0];
        let due = self.controller.due(context.step, batch);
        let count = if context.step == 0 { due.max(self.config.initial) } else { due };
        if count > 0 {
            self.probe(count, context)?;
        }
        if self.config.observe == Some(true) {
            self.observe(context);
        }
        Ok(self.carried(context))
    }

    fn probes(&self) -> u64 {
        self.probes
    }

    fn manifold(&self, stage: usize) -> Option<&Subspace> {
        self.sites[self.site_of(stage)?].subspace()
    }

    fn choices(&self, stage: usize) -> Choices {
        let probe_rate = Some(self.controller.rate());
        let Some(index) = self.site_of(stage) else { return Choices { probe_rate, ..Choices::default() } };
        Choices {
            dimension: Some(self.sites[index].axes).filter(|&axes| axes > 0),
            feedback_error: Some(self.controller.error(index)),
            probe_rate,
            manifold_share: Some(self.controller.share(index)),
        }
    }

    fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    fn state(&self) -> State {
        let mut state = State::default();
        state.counters.insert("probes".into(), self.probes);
        state.nest("budget", self.controller.state());
        for site in &self.sites {
            let mut own = State::default();
            own.counters.insert("axes".into(), site.axes as u64);
            own.numbers.insert("gain".into(), vec![site.gain]);
            match &site.learned {
                Learned::Weights(mirrors) => {
                    for (mirror, name) in mirrors.iter().zip(weight_names()) {
                        own.tensors.insert(name, mirror.weight().clone());
                    }
                }
                Learned::Coordinates(mirror) => {
                    own.nest("mirror", mirror.as_ref().map(CoordinateMirror::state).unwrap_or_default());
                }
            }
            if let Some(manifold) = &site.manifold {
                own.extend(manifold.state());
            }
            state.nest(&site.name, own);
        }
        state
    }

    fn restore(&mut self, state: &State) -> Result<()> {
        self.probes = state.counter("probes")?;
        self.controller.restore(&state.nested("budget"))?;
        for site in &mut self.sites {
            let own = state.nested(&site.name);
            site.axes = own.counter("axes")? as usize;
            site.gain = own.numbers("gain", 1)?[0];
            if let Some(manifold) = &mut site.manifold {
                manifold.restore(&own)?;
            }
            match &mut site.learned {
                Learned::Weights(mirrors) => {
                    for (mirror, name) in mirrors.iter_mut().zip(weight_names()) {
                        let shape = mirror.weight().dims();
                        mirror.restore(own.shaped(&name, shape)?);
                    }
                }
                Learned::Coordinates(mirror) => {
                    let kept = own.nested("mirror");
                    *mirror = match site.manifold.as_ref().and_then(FollowedManifold::subspace) {
                        Some(manifold) if !kept.tensors.is_empty() => {
                            Some(CoordinateMirror::restore(&kept, manifold, self.config.estimator)?)
                        }
                        _ => None,
                    };
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::axes_by_margin;

    #[test]
    fn axes_are_used_up_to_the_largest_margin() {
        assert_eq!(axes_by_margin(&[5.0, 3.0, 0.5, 2.0, 0.1], 1.0), 4);
        assert_eq!(axes_by_margin(&[5.0, 3.0, 0.5, 1.2, 0.1], 1.0), 2);
        assert_eq!(axes_by_margin(&[0.5, 0.5], 1.0), 1);
        assert_eq!(axes_by_margin(&[0.5, 0.5], 0.0), 2);
    }
}
