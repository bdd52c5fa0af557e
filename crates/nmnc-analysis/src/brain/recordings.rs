//! Recordings of units that were shown stimuli.

use serde::{Deserialize, Serialize};

use crate::similarity::{Responses, split_half};
use nmnc_core::error::{Error, Result};
use nmnc_core::seed::Seed;

/// What to read of an assembly.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AssemblyOptions {
    /// The variable; needed where several have the dimensions of recordings.
    pub variable: Option<String>,
    /// Only time bins that lie within, from start to end, in the units of the file (milliseconds in BrainIO); all when none.
    pub window: Option<(f64, f64)>,
    /// The coordinate that names stimuli, where it is not `stimulus_id` or `image_id`.
    pub stimulus: Option<String>,
}

/// Responses of recorded units to presentations of stimuli.
#[derive(Clone, Debug, PartialEq)]
pub struct Recordings {
    /// Ids of the stimuli, in the order of their first presentation.
    pub stimuli: Vec<String>,
    /// `[presentations, units]`, row-major; NaN where a unit was not recorded.
    pub presentations: Vec<f64>,
    /// The stimulus of each presentation, from 0.
    pub stimulus_of: Vec<usize>,
    /// Id of each unit.
    pub units: Vec<String>,
    /// Region of each unit; empty texts where it is not known.
    pub region: Vec<String>,
    /// Animal or person of each unit; empty texts where it is not known.
    pub subject: Vec<String>,
}

impl Recordings {
    /// Checks that sizes agree, that every stimulus was shown, and that no response is infinite.
    ///
    /// # Errors
    /// If not.
    pub fn check(&self) -> Result<()> {
        let units = self.units.len();
        for (name, labels) in [("region", &self.region), ("subject", &self.subject)] {
            if labels.len() != units {
                let problem = format!("{} labels for {units} units", labels.len());
                return Err(Error::data(name, problem).mend("give one for each unit"));
            }
        }
        let found = self.responses().units()?;
        if found != units {
            return Err(Error::data("units", format!("{units} ids for {found} columns"))
                .mend("give one for each column of the presentations"));
        }
        match self.presentations.iter().position(|v| v.is_infinite()) {
            None => Ok(()),
            Some(at) => {
                let place = format!("presentation {}, unit {}", at / units, at % units);
                Err(Error::data("responses", format!("{place} is infinite"))
                    .mend("write NaN where a unit was not recorded"))
            }
        }
    }

    /// The numbers, as measures of similarity read them.
    pub fn responses(&self) -> Responses<'_> {
        Responses {
            presentations: &self.presentations,
            stimulus_of: &self.stimulus_of,
            stimuli: self.stimuli.len(),
        }
    }

    /// Mean response to each stimulus, `[stimuli, units]`, over the presentations in which the unit was recorded; NaN where there is
    /// none.
    ///
    /// # Errors
    /// As [`Recordings::check`].
    pub fn means(&self) -> Result<Vec<f64>> {
        self.responses().means()
    }

    /// How often each stimulus was shown.
    pub fn repetitions(&self) -> Vec<usize> {
        let mut counts = vec![0; self.stimuli.len()];
        self.stimulus_of.iter().for_each(|&stimulus| counts[stimulus] += 1);
        counts
    }

    /// Mean responses `[stimuli, units]` over each of two random halves of the presentations of every stimulus; another `halving`
    /// is another draw. NaN for stimuli shown once.
    ///
    /// # Errors
    /// As [`Recordings::check`].
    pub fn halves(&self, seed: Seed, halving: u64) -> Result<[Vec<f64>; 2]> {
        self.responses().halves(seed, halving)
    }

    /// Reliability of each unit's mean responses ([`split_half`]).
    ///
    /// # Errors
    /// As [`split_half`].
    pub fn reliability(&self, halvings: usize, seed: Seed) -> Result<Vec<Option<f64>>> {
        split_half(&self.responses(), halvings, seed)
    }

    /// The units of one region.
    ///
    /// # Errors
    /// If there are none.
    pub fn of_region(&self, region: &str) -> Result<Self> {
        self.labelled("region", &self.region, region)
    }

    /// The units of one animal or person.
    ///
    /// # Errors
    /// If there are none.
    pub fn of_subject(&self, subject: &str) -> Result<Self> {
        self.labelled("subject", &self.subject, subject)
    }

    /// Some of the stimuli, in the order given.
    ///
    /// # Panics
    /// If one of them is not there.
    pub fn of_stimuli(&self, chosen: &[usize]) -> Self {
        let units = self.units.len().max(1);
        let mut number = vec![None; self.stimuli.len()];
        chosen.iter().enumerate().for_each(|(at, &stimulus)| number[stimulus] = Some(at));
        let mut out = Self {
            stimuli: chosen.iter().map(|&stimulus| self.stimuli[stimulus].clone()).collect(),
            presentations: Vec::new(),
            stimulus_of: Vec::new(),
            ..self.clone()
        };
        for (row, &stimulus) in self.presentations.chunks_exact(units).zip(&self.stimulus_of) {
            if let Some(at) = number[stimulus] {
                out.presentations.extend_from_slice(row);
                out.stimulus_of.push(at);
            }
        }
        out
    }

    /// The recordings with their stimuli in the order of `ids`.
    ///
    /// # Errors
    /// If one of `ids` was not shown. Stimuli that are not among them are left out.
    pub fn in_order(&self, ids: &[String]) -> Result<Self> {
        let place = |id: &String| {
            self.stimuli.iter().position(|own| own == id).ok_or_else(|| {
                Error::data("stimuli", format!("`{id}` was not shown"))
                    .suggest(id, self.stimuli.iter().take(20))
            })
        };
        Ok(self.of_stimuli(&ids.iter().map(place).collect::<Result<Vec<_>>>()?))
    }

    /// Names of the subjects, in the order of their first unit.
    pub fn subjects(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for name in &self.subject {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        names
    }

    fn labelled(&self, name: &str, labels: &[String], wanted: &str) -> Result<Self> {
        let chosen: Vec<usize> = (0..labels.len()).filter(|&unit| labels[unit] == wanted).collect();
        if chosen.is_empty() {
            let mut known: Vec<&String> = labels.iter().filter(|l| !l.is_empty()).collect();
            known.sort_unstable();
            known.dedup();
            let error = Error::data(name, format!("no unit of `{wanted}`"));
            return Err(match known.is_empty() {
                true => error.mend(format!("the recordings do not say of which {name} their units are")),
                false => error.suggest(wanted, known),
            });
        }
        Ok(self.of_units(&chosen))
    }

    /// Some of the units, in the order given.
    ///
    /// # Panics
    /// If one of them is not there.
    pub fn of_units(&self, chosen: &[usize]) -> Self {
        let labels = |all: &[String]| chosen.iter().map(|&unit| all[unit].clone()).collect();
        let rows = self.presentations.chunks_exact(self.units.len().max(1));
        Self {
            stimuli: self.stimuli.clone(),
            presentations: rows.flat_map(|row| chosen.iter().map(|&unit| row[unit])).collect(),
            stimulus_of: self.stimulus_of.clone(),
            units: labels(&self.units),
            region: labels(&self.region),
            subject: labels(&self.subject),
        }
    }
}
