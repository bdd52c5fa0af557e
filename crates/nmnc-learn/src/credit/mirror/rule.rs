//! The rule itself.

use burn::tensor::Tensor;

use super::budget::Controller;
use super::config::{Feedback, MirrorConfig};
use super::probes::Probing;
use super::site::{Learned, Site};
use super::weights::SETTLED;
use crate::credit::context::StepContext;
use crate::credit::kind::RuleSetup;
use crate::credit::rule::{Choices, CreditRule};
use crate::manifold::{RefreshFrom, Subspace};
use crate::net::Reader;
use nmnc_core::error::{Error, ErrorKind, Result};
use nmnc_core::state::State;

/// A mirror with the settings of [`MirrorConfig`].
pub struct Mirror {
    config: MirrorConfig,
    sites: Vec<Site>,
    controller: Controller,
    probes: u64,
    warnings: Vec<String>,
}

impl Mirror {
    /// A rule that knows nothing yet. `config` must be resolved.
    pub fn new(config: MirrorConfig, setup: &RuleSetup) -> Self {
        let sites = Site::all(&config, setup.network);
        let controller = Controller::new(&config, sites.len());
        Self { config, sites, controller, probes: 0, warnings: Vec::new() }
    }

    /// The mirror of the weight that one of the network's [readers](crate::net::Network::readers) multiplies by, of that weight's shape
    /// (feedback = "weights").
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
            Learned::Coordinates(mirror) => mirror.as_ref().map(|mirror| mirror.responses()),
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
        let activities: Box<dyn Iterator<Item = Result<Tensor<2>>>> = match due {
            None => return Ok(()),
            Some(RefreshFrom::Samples(samples)) => {
                let inputs = context.inputs.sample(samples, context.step)?;
                Box::new(context.network.each_activity(inputs).map(Ok))
            }
            Some(RefreshFrom::Batch) => {
                Box::new(context.pass.activities().map(|activity| context.share.all(activity)))
            }
        };
        for (stage, activity) in activities.enumerate() {
            let activity = activity?;
            let Some(index) = self.site_of(stage) else { continue };
            let site = &mut self.sites[index];
            let refreshed = site.refresh(&self.config, activity, context);
            if let Some(degeneracy) = refreshed.map_err(|e| e.within(site.place()))? {
                self.warnings.push(format!("{}: {degeneracy}", site.place()));
            }
        }
        Ok(())
    }

    /// Probes every site in one perturbed pass of `count` examples.
    fn probe(&mut self, count: usize, context: &StepContext) -> Result<()> {
        let Self { config, sites, controller, .. } = self;
        let mut used = 0;
        for (index, site) in sites.iter_mut().enumerate() {
            let probed = site.probe(Probing { config, controller, index, count, context });
            used = used.max(probed.map_err(|e| e.within(site.place()))?);
            if !site.finite() {
                return Err(Error::new(ErrorKind::Diverged, site.place(), "feedback is not finite"));
            }
        }
        self.controller.adapt();
        self.controller.pay(used);
        self.probes += used as u64;
        Ok(())
    }

    /// Learns from the batch as it is, where the last probes found something to learn. A convolution, which few probes determine, is
    /// soon spared the work.
    fn observe(&mut self, context: &StepContext) -> Result<()> {
        for (index, site) in self.sites.iter_mut().enumerate() {
            if self.controller.error(index) <= SETTLED {
                continue;
            }
            let rows = context.share.whole().min(site.useful(context.network));
            let (activity, maps) = (site.activity(context), site.maps(context.network));
            if let Learned::Weights(mirrors) = &mut site.learned
                && rows > 1
            {
                let rows: Vec<usize> = (0..rows).collect();
                let rows = context.share.selected(&activity, &rows)?;
                let differences = rows.clone() - rows.mean_dim(0);
                for (mirror, map) in mirrors.iter_mut().zip(maps) {
                    mirror.least_squares(map, differences.clone());
                }
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
            let reads = |site: &&Site| site.readers[0].node == passage.node;
            match self.sites.iter().find(reads) {
                None => passage.exact(),
                Some(site) => match (&site.learned, site.subspace()) {
                    (Learned::Coordinates(Some(mirror)), Some(manifold)) => {
                        let gated = passage.block.gated().expect("the rule fits the network");
                        let responses = mirror.responses().clone();
                        manifold.embed(gated.gated_product(passage.trace, passage.error, responses))
                    }
                    _ => site.activity(context).zeros_like(),
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
        self.sites.iter().for_each(|site| state.nest(&site.name, site.state()));
        state
    }

    fn restore(&mut self, state: &State) -> Result<()> {
        self.probes = state.counter("probes")?;
        self.controller.restore(&state.nested("budget"))?;
        let Self { sites, config, .. } = self;
        sites.iter_mut().try_for_each(|site| site.restore(config, &state.nested(&site.name)))
    }
}
