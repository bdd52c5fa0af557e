//! The rule itself.

use burn::tensor::Tensor;

use super::budget::Controller;
use super::config::{Feedback, MirrorConfig};
use super::place::Place;
use super::probes::Probing;
use super::site::{Learned, Site};
use super::weights::SETTLED;
use crate::credit::context::{StepContext, manifold_sample};
use crate::credit::kind::RuleSetup;
use crate::credit::rule::{Choices, CreditRule};
use crate::manifold::{RefreshFrom, Sample, Subspace};
use crate::net::Reader;
use nmnc_core::error::Result;
use nmnc_core::seed::Seed;
use nmnc_core::state::State;

/// A mirror with the settings of [`MirrorConfig`].
pub struct Mirror {
    config: MirrorConfig,
    places: Vec<Place>,
    /// What is known at each place.
    sites: Vec<Site>,
    /// Their names in states.
    names: Vec<String>,
    controller: Controller,
    probes: u64,
    warnings: Vec<String>,
}

impl Mirror {
    /// A rule that knows nothing yet. `config` must be resolved.
    pub fn new(config: MirrorConfig, setup: &RuleSetup) -> Self {
        let network = setup.network;
        let places = Place::all(network);
        let mut beyond = network.stages().len()..;
        let mut site = |place: &Place| {
            let number = place.stage.or_else(|| beyond.next()).expect("numbers do not end");
            Site::new(&config, number, place.text(network), place.stage.is_some(), &place.maps(network))
        };
        let sites: Vec<Site> = places.iter().map(&mut site).collect();
        let names = places.iter().map(|place| place.name(network)).collect();
        let controller = Controller::new(&config, sites.len());
        Self { config, places, sites, names, controller, probes: 0, warnings: Vec::new() }
    }

    /// The mirror of the weight that one of the network's [readers](crate::net::Network::readers) multiplies by, of that weight's shape
    /// (feedback = "weights").
    pub fn mirrored_weight(&self, reader: Reader) -> Option<&Tensor<2>> {
        let (place, site) =
            self.places.iter().zip(&self.sites).find(|(place, _)| place.readers.contains(&reader))?;
        let at = place.readers.iter().position(|own| *own == reader)?;
        site.weights().map(|mirrors| mirrors[at].weight())
    }

    /// Responses M `[pre-activations, d]` of what reads a stage (from 0) to the axes of the manifold (feedback = "coordinates").
    pub fn mirrored_responses(&self, stage: usize) -> Option<&Tensor<2>> {
        match &self.sites[self.site_of(stage)?].learned {
            Learned::Coordinates(mirror) => mirror.as_ref().map(|mirror| mirror.responses()),
            Learned::Weights(_) => None,
        }
    }

    /// The site of a stage's activity; none if no map reads that.
    fn site_of(&self, stage: usize) -> Option<usize> {
        self.places.iter().position(|place| place.stage == Some(stage))
    }

    /// Refreshes every manifold, if this step does.
    fn refresh_manifolds(&mut self, context: &StepContext) -> Result<()> {
        let due = self.config.manifold.as_ref().and_then(|manifold| manifold.due(context.step));
        let StepContext { inputs, step, share, .. } = *context;
        let activities: Box<dyn Iterator<Item = Result<Sample>>> = match (due, &self.config.manifold) {
            (Some(RefreshFrom::Samples(samples)), Some(config)) => {
                let (inputs, share) = manifold_sample(config, samples, step, inputs, share)?;
                let sample = move |activity| Ok(Sample::shared(activity, share.clone()));
                Box::new(context.network.each_activity(inputs).map(sample))
            }
            (Some(RefreshFrom::Batch), _) => {
                Box::new(context.pass.activities().map(|activity| Ok(share.all(activity)?.into())))
            }
            _ => return Ok(()),
        };
        for (stage, activity) in activities.enumerate() {
            let activity = activity?;
            let Some(index) = self.site_of(stage) else { continue };
            let site = &mut self.sites[index];
            let maps = self.places[index].maps(context.network);
            let at = (context.seed, context.step);
            if let Some(degeneracy) = site.refresh(&self.config, activity, &maps, at)? {
                self.warnings.push(format!("{}: {degeneracy}", site.place));
            }
        }
        Ok(())
    }

    /// Probes every site in one perturbed pass of `count` examples.
    fn probe(&mut self, count: usize, context: &StepContext) -> Result<()> {
        let Self { config, places, sites, controller, .. } = self;
        let StepContext { network, seed, step, .. } = *context;
        let mut used = 0;
        for (index, (site, place)) in sites.iter_mut().zip(places).enumerate() {
            let maps = &place.maps(network);
            let probed = site.probe(Probing { config, controller, index, count, maps, seed, step });
            used = used.max(probed?);
        }
        self.controller.adapt();
        self.controller.pay(used);
        self.probes += used as u64;
        Ok(())
    }

    /// Learns from the batch as it is, where the last probes found something to learn. A convolution, which few probes determine, is
    /// soon spared the work.
    fn observe(&mut self, context: &StepContext) -> Result<()> {
        for (index, (site, place)) in self.sites.iter_mut().zip(&self.places).enumerate() {
            if self.controller.error(index) <= SETTLED {
                continue;
            }
            let maps = place.maps(context.network);
            let rows = context.share.whole().min(Site::useful(&maps));
            if rows > 1 {
                let rows: Vec<usize> = (0..rows).collect();
                site.observe(context.share.selected(&place.activity(context), &rows)?, &maps);
            }
        }
        Ok(())
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
            let reads = |(place, _): &(&Place, &Site)| place.readers[0].node == passage.node;
            match self.places.iter().zip(&self.sites).find(reads) {
                None => passage.exact(),
                Some((place, site)) => match (&site.learned, site.subspace()) {
                    (Learned::Coordinates(Some(mirror)), Some(manifold)) => {
                        let gated = passage.block.gated().expect("the rule fits the network");
                        let responses = mirror.responses().clone();
                        manifold.embed(gated.gated_product(passage.trace, passage.error, responses))
                    }
                    _ => place.activity(context).zeros_like(),
                },
            }
        })
    }
}

impl CreditRule for Mirror {
    fn signals(&mut self, context: &StepContext) -> Result<Vec<Tensor<2>>> {
        self.refresh_manifolds(context)?;
        if let Some(drift) = self.config.drift.filter(|_| context.step > 0) {
            self.sites.iter_mut().for_each(|site| site.age(drift));
        }
        let due = self.controller.due(context.step, context.share.whole());
        let count = if context.step == 0 { due.max(self.config.initial) } else { due };
        if count > 0 {
            self.probe(count, context)?;
        }
        if self.config.observe == Some(true) {
            self.observe(context)?;
        }
        Ok(self.carried(context))
    }

    fn probes(&self) -> u64 {
        self.probes
    }

    fn manifold(&self, stage: usize) -> Option<&Subspace> {
        self.sites[self.site_of(stage)?].subspace()
    }

    /// Of a tenth of the activity's norm: a mirror sees what noise does to the next layer alone, which is linear, and its noise has no size of
    /// its own.
    fn noise(
        &self,
        stage: usize,
        activity: &Tensor<2>,
        (seed, step): (Seed, u64),
    ) -> Result<Option<Tensor<2>>> {
        let Some(index) = self.site_of(stage) else { return Ok(None) };
        let share = self.controller.share(index);
        Ok(self.sites[index].noise(&self.config, share, activity, (seed, step)))
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
        self.names.iter().zip(&self.sites).for_each(|(name, site)| state.nest(name, site.state()));
        state
    }

    fn restore(&mut self, state: &State) -> Result<()> {
        self.probes = state.counter("probes")?;
        self.controller.restore(&state.nested("budget"))?;
        let Self { sites, names, config, .. } = self;
        let mut each = sites.iter_mut().zip(names);
        each.try_for_each(|(site, name)| site.restore(config, &state.nested(name)))
    }
}
