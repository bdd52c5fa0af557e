//! Python as the observer of a run: it shows how far the run is, and can interrupt it.

use std::ffi::CString;
use std::time::{Duration, Instant};

use nmnc::train::{Observer, Progress};
use pyo3::exceptions::PyUserWarning;
use pyo3::prelude::*;

/// Between two looks at Python: as rare as the eye allows, since each waits for the interpreter.
const PAUSE: Duration = Duration::from_millis(50);

/// Asks Python for signals, and calls it back. What it raises stops the run at the end of the step.
pub struct Watch {
    show: Option<Py<PyAny>>,
    raised: Option<PyErr>,
    last: Option<Progress>,
    looked: Option<Instant>,
}

impl Watch {
    /// With a function of step, steps in all, loss and examples a second, which is called now and then.
    pub fn new(show: Option<Py<PyAny>>) -> Self {
        Self { show, raised: None, last: None, looked: None }
    }

    /// What Python raised.
    pub fn raised(&mut self) -> Option<PyErr> {
        self.raised.take()
    }

    fn ask(&mut self, work: impl FnOnce(Python<'_>) -> PyResult<()>) {
        if let Err(error) = Python::attach(work) {
            self.raised.get_or_insert(error);
        }
    }

    fn look(&mut self) {
        self.looked = Some(Instant::now());
        let (show, last) = (self.show.take(), self.last);
        self.ask(|py| {
            py.check_signals()?;
            if let (Some(show), Some(last)) = (&show, last) {
                show.call1(py, (last.step, last.total, last.loss, last.images_per_second))?;
            }
            Ok(())
        });
        self.show = show;
    }
}

impl Observer for Watch {
    fn progress(&mut self, progress: Progress) {
        self.last = Some(progress);
        if progress.step == progress.total {
            self.look();
        }
    }

    fn warning(&mut self, text: &str) {
        let text = CString::new(text.replace('\0', " ")).expect("no zero is left");
        self.ask(|py| PyErr::warn(py, &py.get_type::<PyUserWarning>(), &text, 2));
    }

    fn stop(&mut self) -> bool {
        if self.looked.is_none_or(|looked| looked.elapsed() >= PAUSE) {
            self.look();
        }
        self.raised.is_some()
    }
}
